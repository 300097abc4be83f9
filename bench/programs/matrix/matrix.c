static double **new_rows(long n) {
    double **rows = malloc((size_t)n * sizeof *rows);
    for (long i = 0; i < n; i++) rows[i] = malloc((size_t)n * sizeof *rows[i]);
    return rows;
}

static void free_rows(double **rows, long n) {
    for (long i = 0; i < n; i++) free(rows[i]);
    free(rows);
}

static double **make_matrix(long n, double start, double step) {
    double **rows = new_rows(n), x = start;
    for (long i = 0; i < n; i++) {
        for (long j = 0; j < n; j++, x += step) rows[i][j] = x;
    }
    return rows;
}

static double element(const double *a_row, double **b, long n, long j) {
    double sum = 0.0;
    for (long k = 0; k < n; k++) sum += a_row[k] * b[k][j];
    return sum;
}

static double **multiply(double **a, double **b, long n) {
    double **rows = new_rows(n);
    for (long i = 0; i < n; i++) {
        for (long j = 0; j < n; j++) rows[i][j] = element(a[i], b, n, j);
    }
    return rows;
}

static double trace(double **m, long n) {
    double sum = 0.0;
    for (long i = 0; i < n; i++) sum += m[i][i];
    return sum;
}

static double work(void) {
    static double **a, **b;
    if (!a) a = make_matrix(100, -1.0, 0.0003), b = make_matrix(100, 2.0, -0.0001);
    double **product = multiply(a, b, 100), result = trace(product, 100);
    free_rows(product, 100);
    return result;
}

MEASURE_DOUBLE(work)

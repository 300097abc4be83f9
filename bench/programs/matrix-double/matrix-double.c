/* A matrix is one array, row after row. */
static double *make_matrix(long n, double start, double step) {
    double *m = malloc((size_t)(n * n) * sizeof *m), x = start;
    for (long i = 0; i < n * n; i++, x += step) m[i] = x;
    return m;
}

static void multiply(const double *a, const double *b, double *c, long n) {
    for (long i = 0; i < n; i++) {
        for (long j = 0; j < n; j++) {
            double sum = 0.0;
            for (long k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
            c[i * n + j] = sum;
        }
    }
}

static double trace(const double *m, long n) {
    double sum = 0.0;
    for (long i = 0; i < n; i++) sum += m[i * n + i];
    return sum;
}

static double work(void) {
    static double *a, *b, *c;
    if (!a) a = make_matrix(100, -1.0, 0.0003), b = make_matrix(100, 2.0, -0.0001), c = make_matrix(100, 0.0, 0.0);
    multiply(a, b, c, 100);
    return trace(c, 100);
}

MEASURE_DOUBLE(work)

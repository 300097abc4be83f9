static long sum_of_residues(long n) {
    long i = 0, sum = 0;
    while (i < n) {
        sum += (i * i) % 7919;
        i++;
    }
    return sum;
}

static long work(void) { return sum_of_residues(3000000); }

MEASURE_INTEGER(work)

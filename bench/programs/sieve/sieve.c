static long sieve(long limit) {
    bool *composite = calloc((size_t)limit, sizeof *composite);
    long primes = 0;
    for (long i = 2; i < limit; i++) {
        if (!composite[i]) {
            primes++;
            for (long j = i * i; j < limit; j += i) composite[j] = true;
        }
    }
    free(composite);
    return primes;
}

static long work(void) { return sieve(1000000); }

MEASURE_INTEGER(work)

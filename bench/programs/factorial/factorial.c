#if !__has_include(<gmp.h>)
#error n/a: GMP is not installed
#else
#include <gmp.h>

static void factorial(mpz_t result, unsigned long n) {
    if (n <= 1) {
        mpz_set_ui(result, 1);
    } else {
        factorial(result, n - 1);
        mpz_mul_ui(result, result, n);
    }
}

static long work(void) {
    long sum = 0;
    for (long i = 0; i < 10; i++) {
        mpz_t result;
        mpz_init(result);
        factorial(result, 1000);
        sum += (long)mpz_tdiv_ui(result, 1000000007);
        mpz_clear(result);
    }
    return sum;
}

MEASURE_INTEGER(work)
#endif

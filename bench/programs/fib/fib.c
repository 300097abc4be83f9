static long fib(long n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static long work(void) { return fib(35); }

MEASURE_INTEGER(work)

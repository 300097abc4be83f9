static long *make_numbers(long n) {
    long *numbers = malloc((size_t)n * sizeof *numbers);
    for (long i = 0; i < n; i++) numbers[i] = (i * i) % 1009;
    return numbers;
}

static long array_sum(const long *numbers, long n) {
    long sum = 0;
    for (long i = 0; i < n; i++) sum += numbers[i];
    return sum;
}

static long work(void) {
    static long *volatile numbers;
    if (!numbers) numbers = make_numbers(100000);
    long sum = 0;
    for (long pass = 0; pass < 20; pass++) sum += array_sum(numbers, 100000);
    return sum;
}

MEASURE_INTEGER(work)

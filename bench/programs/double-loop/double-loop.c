static double integrate(double step) {
    double x = 0.0, sum = 0.0;
    while (x < 1.0) {
        sum += x * (1.0 - x * x);
        x += step;
    }
    return sum;
}

static double work(void) { return integrate(0.00000033); }

MEASURE_DOUBLE(work)

static long turns(double cr, double ci) {
    double zr = 0.0, zi = 0.0;
    for (long i = 0;; i++) {
        double rr = zr * zr, ii = zi * zi;
        if (i == 100 || rr + ii > 4.0) return i;
        zi = 2.0 * (zr * zi) + ci;
        zr = rr - ii + cr;
    }
}

static long mandelbrot(long size) {
    double step = 3.0 / (double)size, ci = -1.5;
    long total = 0;
    for (long y = 0; y < size; y++) {
        double cr = -2.0;
        for (long x = 0; x < size; x++) {
            total += turns(cr, ci);
            cr += step;
        }
        ci += step;
    }
    return total;
}

static long work(void) { return mandelbrot(160); }

MEASURE_INTEGER(work)

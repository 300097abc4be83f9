#include <math.h>

/* A signal of n points, the same at every run. */
static void fill_signal(double *re, double *im, long n) {
    for (long i = 0, seed = 17; i < n; i++) {
        seed = (seed * 421 + 1663) % 7875;
        re[i] = (double)seed / 7875.0 - 0.5;
        im[i] = 0.0;
    }
}

static void swap(double *array, long i, long j) {
    double x = array[i];
    array[i] = array[j];
    array[j] = x;
}

static void reverse_bits(double *re, double *im, long n) {
    for (long i = 0, j = 0; i < n - 1; i++) {
        if (i < j) {
            swap(re, i, j);
            swap(im, i, j);
        }
        long bit = n / 2;
        for (; bit <= j; bit /= 2) j -= bit;
        j += bit;
    }
}

/* The butterflies of all groups that share one factor. */
static void butterflies(double *re, double *im, long n, long first, long half, double ur, double ui) {
    for (long i = first; i < n; i += 2 * half) {
        long j = i + half;
        double ar = re[i], ai = im[i], br = re[j], bi = im[j];
        double tr = br * ur - bi * ui, ti = br * ui + bi * ur;
        re[i] = ar + tr;
        im[i] = ai + ti;
        re[j] = ar - tr;
        im[j] = ai - ti;
    }
}

/* In place. The first stage has no factors; the root of unity of a later one comes by the half-angle formulas. */
static void transform(double *re, double *im, long n) {
    reverse_bits(re, im, n);
    butterflies(re, im, n, 0, 1, 1.0, 0.0);
    double wr = 0.0, wi = -1.0;
    for (long half = 2; half < n; half *= 2) {
        double ur = 1.0, ui = 0.0;
        for (long k = 0; k < half; k++) {
            butterflies(re, im, n, k, half, ur, ui);
            double r = ur * wr - ui * wi;
            ui = ur * wi + ui * wr;
            ur = r;
        }
        wr = sqrt((1.0 + wr) / 2.0);
        wi = wi / (2.0 * wr);
    }
}

static double energy(const double *re, const double *im, long n) {
    double sum = 0.0;
    for (long i = 0; i < n; i++) sum += re[i] * re[i] + im[i] * im[i];
    return sum;
}

static double work(void) {
    long n = 4096;
    double *re = malloc((size_t)n * sizeof *re), *im = malloc((size_t)n * sizeof *im);
    fill_signal(re, im, n);
    transform(re, im, n);
    double result = energy(re, im, n);
    free(re);
    free(im);
    return result;
}

MEASURE_DOUBLE(work)

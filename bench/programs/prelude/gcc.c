#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Runs the work REPEAT_COUNT times; every run must give the same result. The volatile pointer keeps the
   compiler from seeing that the runs are alike and doing one only. */
#define MEASURE(type, format, work)                                                                         \
    int main(void) {                                                                                        \
        type (*volatile hidden)(void) = work;                                                               \
        double start = seconds_now();                                                                       \
        type result = hidden();                                                                             \
        for (long i = 1; i < REPEAT_COUNT; i++) {                                                           \
            if (hidden() != result) {                                                                       \
                fprintf(stderr, "the runs of the work disagree\n");                                         \
                return 1;                                                                                   \
            }                                                                                               \
        }                                                                                                   \
        double elapsed = seconds_now() - start;                                                             \
        printf("checksum: " format "\ntime: %.6f\n", result, elapsed);                                      \
        return 0;                                                                                           \
    }
#define MEASURE_INTEGER(work) MEASURE(long, "%ld", work)
#define MEASURE_DOUBLE(work) MEASURE(double, "%.17g", work)

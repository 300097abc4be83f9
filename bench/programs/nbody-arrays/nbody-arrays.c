#include <math.h>

#define SOLAR_MASS 39.47841760435743
#define DAYS_PER_YEAR 365.24
#define BODIES 5

/* The sun first, and the planets outwards. */
static const double initial_x[BODIES] = {0.0, 4.841431442464721, 8.34336671824458, 12.894369562139131, 15.379697114850917};
static const double initial_y[BODIES] = {0.0, -1.1603200440274284, 4.124798564124305, -15.111151401698631, -25.919314609987964};
static const double initial_z[BODIES] = {0.0, -0.10362204447112311, -0.4035234171143214, -0.22330757889265573, 0.17925877295037118};
static const double initial_vx[BODIES] = {0.0, 0.001660076642744037, -0.00276742510726411, 0.002964601375647616, 0.0026806777249038932};
static const double initial_vy[BODIES] = {0.0, 0.007699011184197404, 0.004998528012349172, 0.0023784717395948095, 0.001628241700382423};
static const double initial_vz[BODIES] = {0.0, -6.90460016972063e-05, 2.3041729757376393e-05, -2.9658956854023756e-05, -9.515922545197159e-05};
static const double initial_mass[BODIES] = {1.0, 0.0009547919384243266, 0.0002858859806661308, 4.366244043351563e-05, 5.1513890204661145e-05};
static double x[BODIES], y[BODIES], z[BODIES], vx[BODIES], vy[BODIES], vz[BODIES], mass[BODIES];

static void restore(double *array, const double *values, double factor) {
    for (long i = 0; i < BODIES; i++) array[i] = values[i] * factor;
}

static void restore_all(void) {
    restore(x, initial_x, 1.0);
    restore(y, initial_y, 1.0);
    restore(z, initial_z, 1.0);
    restore(vx, initial_vx, DAYS_PER_YEAR);
    restore(vy, initial_vy, DAYS_PER_YEAR);
    restore(vz, initial_vz, DAYS_PER_YEAR);
    restore(mass, initial_mass, SOLAR_MASS);
}

static double momentum(const double *v) {
    double p = 0.0;
    for (long i = 0; i < BODIES; i++) p += v[i] * mass[i];
    return p;
}

/* The sun gets the speed that brings all to rest together. */
static void offset_momentum(void) {
    vx[0] = 0.0 - momentum(vx) / SOLAR_MASS;
    vy[0] = 0.0 - momentum(vy) / SOLAR_MASS;
    vz[0] = 0.0 - momentum(vz) / SOLAR_MASS;
}

static void advance(double dt) {
    for (long i = 0; i < BODIES; i++) {
        for (long j = i + 1; j < BODIES; j++) {
            double dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
            double square = dx * dx + dy * dy + dz * dz;
            double magnitude = dt / (square * sqrt(square));
            double mi = mass[i] * magnitude, mj = mass[j] * magnitude;
            vx[i] -= dx * mj;
            vy[i] -= dy * mj;
            vz[i] -= dz * mj;
            vx[j] += dx * mi;
            vy[j] += dy * mi;
            vz[j] += dz * mi;
        }
    }
    for (long i = 0; i < BODIES; i++) {
        x[i] += dt * vx[i];
        y[i] += dt * vy[i];
        z[i] += dt * vz[i];
    }
}

static double square(double a) { return a * a; }

static double energy(void) {
    double sum = 0.0;
    for (long i = 0; i < BODIES; i++) {
        sum += 0.5 * mass[i] * (square(vx[i]) + square(vy[i]) + square(vz[i]));
        for (long j = i + 1; j < BODIES; j++) {
            sum -= mass[i] * mass[j] / sqrt(square(x[i] - x[j]) + square(y[i] - y[j]) + square(z[i] - z[j]));
        }
    }
    return sum;
}

static double work(void) {
    restore_all();
    offset_momentum();
    for (long i = 0; i < 5000; i++) advance(0.01);
    return energy();
}

MEASURE_DOUBLE(work)

#include <math.h>
#include <string.h>

#define SOLAR_MASS 39.47841760435743
#define DAYS_PER_YEAR 365.24
#define BODIES 5

struct body {
    double x, y, z, vx, vy, vz, mass;
};

/* The sun first, and the planets outwards; days and solar masses. */
static const struct body system_data[BODIES] = {
    {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0},
    {4.841431442464721, -1.1603200440274284, -0.10362204447112311, 0.001660076642744037, 0.007699011184197404, -6.90460016972063e-05, 0.0009547919384243266},
    {8.34336671824458, 4.124798564124305, -0.4035234171143214, -0.00276742510726411, 0.004998528012349172, 2.3041729757376393e-05, 0.0002858859806661308},
    {12.894369562139131, -15.111151401698631, -0.22330757889265573, 0.002964601375647616, 0.0023784717395948095, -2.9658956854023756e-05, 4.366244043351563e-05},
    {15.379697114850917, -25.919314609987964, 0.17925877295037118, 0.0026806777249038932, 0.001628241700382423, -9.515922545197159e-05, 5.1513890204661145e-05},
};

static void make_bodies(struct body *bodies) {
    memcpy(bodies, system_data, sizeof system_data);
    for (long i = 0; i < BODIES; i++) {
        bodies[i].vx *= DAYS_PER_YEAR;
        bodies[i].vy *= DAYS_PER_YEAR;
        bodies[i].vz *= DAYS_PER_YEAR;
        bodies[i].mass *= SOLAR_MASS;
    }
}

/* The sun gets the speed that brings all to rest together. */
static void offset_momentum(struct body *bodies) {
    double px = 0.0, py = 0.0, pz = 0.0;
    for (long i = 0; i < BODIES; i++) {
        px += bodies[i].vx * bodies[i].mass;
        py += bodies[i].vy * bodies[i].mass;
        pz += bodies[i].vz * bodies[i].mass;
    }
    bodies[0].vx = 0.0 - px / SOLAR_MASS;
    bodies[0].vy = 0.0 - py / SOLAR_MASS;
    bodies[0].vz = 0.0 - pz / SOLAR_MASS;
}

/* Two bodies attract each other for a time. */
static void attract(struct body *a, struct body *b, double dt) {
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    double square = dx * dx + dy * dy + dz * dz;
    double magnitude = dt / (square * sqrt(square));
    double ma = a->mass * magnitude, mb = b->mass * magnitude;
    a->vx -= dx * mb;
    a->vy -= dy * mb;
    a->vz -= dz * mb;
    b->vx += dx * ma;
    b->vy += dy * ma;
    b->vz += dz * ma;
}

static void move(struct body *body, double dt) {
    body->x += dt * body->vx;
    body->y += dt * body->vy;
    body->z += dt * body->vz;
}

static void advance(struct body *bodies, double dt) {
    for (long i = 0; i < BODIES; i++) {
        for (long j = i + 1; j < BODIES; j++) attract(&bodies[i], &bodies[j], dt);
    }
    for (long i = 0; i < BODIES; i++) move(&bodies[i], dt);
}

static double kinetic_energy(const struct body *body) {
    return 0.5 * body->mass * (body->vx * body->vx + body->vy * body->vy + body->vz * body->vz);
}

static double potential_energy(const struct body *a, const struct body *b) {
    double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
    return a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz);
}

static double energy(const struct body *bodies) {
    double sum = 0.0;
    for (long i = 0; i < BODIES; i++) {
        sum += kinetic_energy(&bodies[i]);
        for (long j = i + 1; j < BODIES; j++) sum -= potential_energy(&bodies[i], &bodies[j]);
    }
    return sum;
}

static double work(void) {
    struct body bodies[BODIES];
    make_bodies(bodies);
    offset_momentum(bodies);
    for (long i = 0; i < 5000; i++) advance(bodies, 0.01);
    return energy(bodies);
}

MEASURE_DOUBLE(work)

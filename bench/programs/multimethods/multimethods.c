enum kind { BODY, ASTEROID, SHIP };

struct body {
    enum kind kind;
    long size, shield;
};

static long sizes(const struct body *a, const struct body *b) { return a->size + b->size; }
static long asteroid_ship(const struct body *a, const struct body *b) { return a->size - b->shield; }
static long ship_asteroid(const struct body *a, const struct body *b) { return b->size - a->shield; }
static long ship_ship(const struct body *a, const struct body *b) { return a->shield + b->shield; }

static long (*collide[3][3])(const struct body *a, const struct body *b) = {
    [BODY] = {sizes, sizes, sizes},
    [ASTEROID] = {sizes, sizes, asteroid_ship},
    [SHIP] = {sizes, ship_asteroid, ship_ship},
};

static struct body *make_body(long seed) {
    long kind = seed % 3, size = 1 + seed % 10;
    struct body *body = malloc(sizeof *body);
    *body = (struct body){kind == 0 ? BODY : kind == 1 ? ASTEROID : SHIP, size, size + 5};
    return body;
}

static struct body **make_bodies(long n) {
    struct body **bodies = malloc((size_t)n * sizeof *bodies);
    for (long i = 0, seed = 17; i < n; i++, seed = (seed * 421 + 1663) % 7875) bodies[i] = make_body(seed);
    return bodies;
}

static long collisions(struct body **bodies, long n, long passes) {
    long sum = 0;
    for (long pass = 0; pass < passes; pass++) {
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < n; j++) sum += collide[bodies[i]->kind][bodies[j]->kind](bodies[i], bodies[j]);
        }
    }
    return sum;
}

static long work(void) {
    static struct body **bodies;
    if (!bodies) bodies = make_bodies(100);
    return collisions(bodies, 100, 10);
}

MEASURE_INTEGER(work)

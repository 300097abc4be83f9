struct shape {
    long (*area)(const struct shape *self);
    long a, b;
};

static long circle_area(const struct shape *self) { return 3 * (self->a * self->a); }
static long square_area(const struct shape *self) { return self->a * self->a; }
static long rectangle_area(const struct shape *self) { return self->a * self->b; }

static struct shape *make_shape(long seed) {
    long kind = seed % 3, size = 1 + seed % 10;
    struct shape *shape = malloc(sizeof *shape);
    *shape = (struct shape){kind == 0 ? circle_area : kind == 1 ? square_area : rectangle_area, size, size + 1};
    return shape;
}

static struct shape **make_shapes(long n) {
    struct shape **shapes = malloc((size_t)n * sizeof *shapes);
    for (long i = 0, seed = 17; i < n; i++, seed = (seed * 421 + 1663) % 7875) shapes[i] = make_shape(seed);
    return shapes;
}

static long total_area(struct shape **shapes, long n, long passes) {
    long sum = 0;
    for (long pass = 0; pass < passes; pass++) {
        for (long i = 0; i < n; i++) sum += shapes[i]->area(shapes[i]);
    }
    return sum;
}

static long work(void) {
    static struct shape **shapes;
    if (!shapes) shapes = make_shapes(1000);
    return total_area(shapes, 1000, 100);
}

MEASURE_INTEGER(work)

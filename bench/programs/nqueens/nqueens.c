struct queen {
    long row;
    const struct queen *rest;
};

static bool safe(long row, long distance, const struct queen *placed) {
    for (; placed; placed = placed->rest, distance++) {
        long other = placed->row;
        if (other == row || other == row + distance || other == row - distance) return false;
    }
    return true;
}

static long place(long size, long column, const struct queen *placed) {
    if (column > size) return 1;
    long solutions = 0;
    for (long row = 1; row <= size; row++) {
        if (safe(row, 1, placed)) {
            struct queen queen = {row, placed};
            solutions += place(size, column + 1, &queen);
        }
    }
    return solutions;
}

static long work(void) { return place(10, 1, NULL); }

MEASURE_INTEGER(work)

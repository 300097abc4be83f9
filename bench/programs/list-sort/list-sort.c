/* Pairs come from an arena that is emptied after each run. */
struct pair {
    long car;
    struct pair *cdr;
};

static struct pair arena[1000000];
static long used;

static struct pair *cons(long car, struct pair *cdr) {
    struct pair *pair = &arena[used++];
    *pair = (struct pair){car, cdr};
    return pair;
}

static struct pair *make_numbers(long n) {
    struct pair *numbers = NULL;
    for (long i = 0, seed = 17; i < n; i++) {
        seed = seed * 16807 % 2147483647;
        numbers = cons(seed, numbers);
    }
    return numbers;
}

/* Every other element, from the first on. */
static struct pair *every_other(const struct pair *list) {
    return list ? cons(list->car, every_other(list->cdr ? list->cdr->cdr : NULL)) : NULL;
}

static struct pair *merge(struct pair *left, struct pair *right) {
    if (!left) return right;
    if (!right) return left;
    if (right->car < left->car) return cons(right->car, merge(left, right->cdr));
    return cons(left->car, merge(left->cdr, right));
}

static struct pair *merge_sort(struct pair *list) {
    if (!list || !list->cdr) return list;
    struct pair *first = merge_sort(every_other(list));
    return merge(first, merge_sort(every_other(list->cdr)));
}

static long checksum(const struct pair *list) {
    long sum = 0;
    for (long i = 1; list; list = list->cdr, i++) sum = (sum + i * list->car) % 1000003;
    return sum;
}

static long work(void) {
    used = 0;
    return checksum(merge_sort(make_numbers(10000)));
}

MEASURE_INTEGER(work)

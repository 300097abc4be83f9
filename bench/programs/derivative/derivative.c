/* Expressions are made in an arena that is emptied after each derivative. */
enum kind { NUMBER, SYMBOL, PAIR };

struct expression {
    enum kind kind;
    union {
        long number;
        const char *symbol;
        struct {
            const struct expression *car, *cdr;
        };
    };
};

typedef const struct expression *Expression;

static struct expression arena[1000];
static long used;

static Expression number(long value) {
    struct expression *e = &arena[used++];
    *e = (struct expression){.kind = NUMBER, .number = value};
    return e;
}

static Expression cons(Expression car, Expression cdr) {
    struct expression *e = &arena[used++];
    *e = (struct expression){.kind = PAIR, .car = car, .cdr = cdr};
    return e;
}

static const struct expression plus = {.kind = SYMBOL, .symbol = "+"}, minus = {.kind = SYMBOL, .symbol = "-"},
                               times = {.kind = SYMBOL, .symbol = "*"}, divide = {.kind = SYMBOL, .symbol = "/"},
                               a = {.kind = SYMBOL, .symbol = "a"}, b = {.kind = SYMBOL, .symbol = "b"},
                               x = {.kind = SYMBOL, .symbol = "x"};

static Expression map(Expression (*f)(Expression), Expression l) {
    return l ? cons(f(l->car), map(f, l->cdr)) : NULL;
}

static Expression derivative(Expression e);

static Expression quotient_rule(Expression factor) {
    return cons(&divide, cons(derivative(factor), cons(factor, NULL)));
}

static Expression derivative(Expression e) {
    if (e->kind != PAIR) return number(e == &x ? 1 : 0);
    if (e->car == &plus || e->car == &minus) return cons(e->car, map(derivative, e->cdr));
    if (e->car == &times) return cons(&times, cons(e, cons(cons(&plus, map(quotient_rule, e->cdr)), NULL)));
    fprintf(stderr, "not an expression\n");
    exit(1);
}

static long count_leaves(Expression e) {
    long leaves = 0;
    for (; e && e->kind == PAIR; e = e->cdr) leaves += count_leaves(e->car);
    return e ? leaves + 1 : leaves;
}

static long work(void) {
    used = 0;
    Expression first = cons(&times, cons(number(3), cons(&x, cons(&x, NULL))));
    Expression second = cons(&times, cons(&a, cons(&x, cons(&x, NULL))));
    Expression third = cons(&times, cons(&b, cons(&x, NULL)));
    Expression sum = cons(&plus, cons(first, cons(second, cons(third, cons(number(5), NULL)))));
    long leaves = 0, mark = used;
    for (long i = 0; i < 5000; i++) {
        leaves += count_leaves(derivative(sum));
        used = mark;
    }
    return leaves;
}

MEASURE_INTEGER(work)

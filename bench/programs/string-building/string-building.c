#include <string.h>

/* A line of numbers with their names, put together part by part. */
static const char *const names[] = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};

static char *build(long n) {
    char *text = malloc((size_t)n * 32), *end = text;
    for (long i = 0; i < n; i++) end += sprintf(end, "%s%s=%ld", i == 0 ? "" : ", ", names[i % 10], i);
    return text;
}

/* In capitals, character by character. */
static char *capitals(const char *text) {
    size_t length = strlen(text);
    char *result = malloc(length + 1);
    for (size_t i = 0; i <= length; i++) {
        char c = text[i];
        result[i] = 'a' <= c && c <= 'z' ? (char)(c - 32) : c;
    }
    return result;
}

static long hash(const char *text) {
    long sum = 0;
    for (; *text; text++) sum = (sum * 31 + *text) % 1000003;
    return sum;
}

static long work(void) {
    char *text = build(5000), *result = capitals(text);
    long sum = hash(result);
    free(text);
    free(result);
    return sum;
}

MEASURE_INTEGER(work)

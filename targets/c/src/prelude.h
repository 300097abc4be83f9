#include <stdint.h>
#if defined(__TINYC__)
/* Some systems' headers hide attributes from compilers that they do not know. */
#undef __attribute__
#endif

typedef uint64_t word;

/* Memory is shared with code in other languages, and holds words, bytes and doubles where it holds them. */
#if defined(__GNUC__)
#define ANYTHING __attribute__((may_alias, aligned(1)))
#define KEPT __attribute__((used))
#define MAYBE_UNUSED __attribute__((unused))
#define UNLIKELY(condition) __builtin_expect((condition), 0)
#define UNREACHABLE __builtin_trap()
#else
#define ANYTHING
#define KEPT
#define MAYBE_UNUSED
#define UNLIKELY(condition) (condition)
#define UNREACHABLE for (;;) *(volatile char *)0 = 0
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
/* A loop that copies words must not become a call of a library's function: there is no library. */
#pragma GCC optimize ("no-tree-loop-distribute-patterns")
#endif

typedef word memory_word ANYTHING;
typedef uint32_t memory_four ANYTHING;
typedef uint8_t memory_byte ANYTHING;
typedef double memory_double ANYTHING;
#define AT(type, address) (*(memory_##type *)(uintptr_t)(address))
#define ADDRESS(thing) ((word)(uintptr_t)(thing))

/* What the library exports must not be writable; tcc would have it so. */
#if defined(__TINYC__)
#define EXPORTED __attribute__((aligned(8), section(".rodata")))
#elif defined(__GNUC__)
#define EXPORTED __attribute__((aligned(8), visibility("default")))
#else
#define EXPORTED
#endif

typedef memory_word context;
typedef word maru_function(context *, word, word, word, word, word);
typedef word helper_0(context *);
typedef word helper_1(context *, word);
typedef word helper_2(context *, word, word);
typedef word helper_3(context *, word, word, word);
typedef word helper_4(context *, word, word, word, word);
typedef word helper_5(context *, word, word, word, word, word);

static inline MAYBE_UNUSED word bits(double number)
{
    union { double number; word bits; } both;
    both.number = number;
    return both.bits;
}

static inline MAYBE_UNUSED double from_bits(word bits)
{
    union { double number; word bits; } both;
    both.bits = bits;
    return both.number;
}

static inline MAYBE_UNUSED double negative(double number)
{
    return from_bits(bits(number) ^ UINT64_C(1) << 63);
}

static inline MAYBE_UNUSED double absolute(double number)
{
    return from_bits(bits(number) & ~(UINT64_C(1) << 63));
}

static inline MAYBE_UNUSED word rotated(word number, word count)
{
    return number << (count & 63) | number >> ((0 - count) & 63);
}

/* Whether the product of two signed numbers fits no word. */
static inline MAYBE_UNUSED word product_overflows(word a, word b)
{
#if defined(__GNUC__)
    int64_t product;
    return __builtin_mul_overflow((int64_t)a, (int64_t)b, &product);
#else
    word negative_product = (a ^ b) >> 63;
    word x = a >> 63 ? 0 - a : a, y = b >> 63 ? 0 - b : b;
    word high = (x >> 32) * (y >> 32), low = (x & 0xffffffff) * (y & 0xffffffff);
    word middle = (x >> 32) * (y & 0xffffffff), other = (x & 0xffffffff) * (y >> 32);
    word sum = (low >> 32) + (middle & 0xffffffff) + (other & 0xffffffff);
    high += (middle >> 32) + (other >> 32) + (sum >> 32);
    low = (sum << 32) | (low & 0xffffffff);
    return high != 0 || low > (UINT64_C(1) << 63) - 1 + negative_product;
#endif
}

static inline MAYBE_UNUSED double square_root(double number)
{
#if defined(__GNUC__) && defined(__NO_MATH_ERRNO__)
    return __builtin_sqrt(number);
#else
    /* Bit by bit: the root of the significand, with one bit more than is kept, and what is left over. */
    word all = bits(number), significand = all & ((UINT64_C(1) << 52) - 1), root = 0, rest = 0;
    int exponent = (int)(all >> 52 & 0x7ff), step;
    if (number != number || number == 0 || all == UINT64_C(0x7ff0000000000000))
        return number + number;
    if (all >> 63)
        return from_bits(UINT64_C(0x7ff8000000000000));
    if (exponent == 0) {
        exponent = 1;
        while (!(significand >> 52)) {
            significand <<= 1;
            exponent -= 1;
        }
    } else {
        significand |= UINT64_C(1) << 52;
    }
    exponent -= 1023;
    if (exponent & 1) {
        significand <<= 1;
        exponent -= 1;
    }
    /* The significand is below 2^54: two of its bits come in at a time, and pairs of zeros after them. */
    for (step = 0; step < 54; step++) {
        word next = step < 27 ? significand >> (52 - 2 * step) & 3 : 0;
        word trial = root << 2 | 1;
        rest = rest << 2 | next;
        root <<= 1;
        if (rest >= trial) {
            rest -= trial;
            root |= 1;
        }
    }
    /* The root has 54 bits; it is never half-way between two doubles. */
    root = (root >> 1) + (root & 1);
    return from_bits(((word)(exponent / 2 + 1022) << 52) + root);
#endif
}

/* Whoever was called may have left a call to be made in its place, and that one another. */
static MAYBE_UNUSED word go_on(context *c)
{
    word result;
    do {
        maru_function *next = (maru_function *)(uintptr_t)c[PENDING];
        memory_word *area = (memory_word *)(uintptr_t)c[ARGUMENTS];
        c[PENDING] = 0;
        result = next(c, c[PENDING + 1], c[PENDING + 2], area[0], area[1], area[2]);
    } while (c[PENDING]);
    return result;
}

static inline MAYBE_UNUSED word called(context *c, word result)
{
    return c[PENDING] ? go_on(c) : result;
}

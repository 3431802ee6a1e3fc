/* sigmoid.c - the gate of the selected neurons, in products and sums of vectors that no instruction
 * set rounds differently (the build never contracts them).
 *
 * With e = exp(-|l|) <= 1: sigmoid(l) = 1 / (1 + e) for l >= 0, e / (1 + e) below. exp by range
 * reduction to |r| <= ln2 / 16, a table of the powers of 2^(1/8) and a polynomial of degree 3
 * (relative error below 3e-8; of sigmoid, roundings included, 2.1e-7 was the most in 10^7 values).
 * Some vectors go side by side: one alone is a chain of twenty operations, each waiting for the
 * last.
 */
#include "simd.h"
#include "vec.h"

enum { SIDE = VEC_REGISTERS == 32 ? 4 : 2 };

/* x = exp(x) for x <= 0; 0 below -104. */
VEC_INLINE void exp_negative(size_t count, vec *x)
{
    const float log2e = 8 * 1.44269504f, ln2_hi = 0.693359375f / 8, ln2_lo = -2.12194440e-4f / 8;
    const vec magic = vec_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    vec rounded[SIDE], n[SIDE], r[SIDE], p[SIDE];
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        vec clamped = vec_max(x[i], vec_set(-120.0f));
        rounded[i] = clamped * log2e + magic;
        n[i] = rounded[i] - magic;
        r[i] = vec_fma(n[i], vec_set(-ln2_hi), clamped) - n[i] * ln2_lo; /* n * ln2_hi is exact */
        p[i] = r[i] * 1.6666667e-1f + 5.0006473e-1f;
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        vec power = vec_eighths(rounded[i]);
        x[i] = vec_scale(power * (p[i] * (r[i] * r[i]) + r[i]) + power, n[i]);
    }
}

/* `count` vectors, at most SIDE. */
VEC_INLINE void sigmoid(size_t count, float *values)
{
    const vec one = vec_set(1.0f);
    vec l[SIDE], e[SIDE];
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        l[i] = vec_load(values + i * VEC_LANES);
        e[i] = (vec)((lanes)l[i] | INT32_MIN);
    }
    exp_negative(count, e);
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        lanes negative = (lanes)l[i] >> 31;
        vec above = (vec)(((lanes)e[i] & negative) | ((lanes)one & ~negative));
        vec_store(values + i * VEC_LANES, above / (one + e[i]));
    }
}

void simd_sigmoid(size_t count, float *values)
{
    size_t i = 0;
    for (; i + SIDE * VEC_LANES <= count; i += SIDE * VEC_LANES)
        sigmoid(SIDE, values + i);
    for (; i + VEC_LANES <= count; i += VEC_LANES)
        sigmoid(1, values + i);
    if (i < count) {
        float last[VEC_LANES];
        vec_store(last, vec_load_part(values + i, count - i));
        sigmoid(1, last);
        memcpy(values + i, last, (count - i) * sizeof *values);
    }
}

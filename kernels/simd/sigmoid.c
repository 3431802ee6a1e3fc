/* sigmoid.c - the gate of the selected neurons, in products and sums of vectors that no instruction
 * set rounds differently (the build never contracts them).
 *
 * With e = exp(-|l|) <= 1: sigmoid(l) = 1 / (1 + e) for l >= 0, e / (1 + e) below. exp by range
 * reduction to |r| <= ln2 / 2 and a polynomial of degree 6 (relative error below 2e-7). Some
 * vectors go side by side: one alone is a chain of twenty operations, each waiting for the last.
 */
#include "simd.h"
#include "vec.h"

enum { SIDE = VEC_REGISTERS == 32 ? 4 : 2 };

/* p[i] = p[i] * x[i] + c */
VEC_INLINE void times_plus(size_t count, vec *p, const vec *x, float c)
{
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++)
        p[i] = p[i] * x[i] + c;
}

/* x = exp(x) for x <= 0; 0 below -104. */
VEC_INLINE void exp_negative(size_t count, vec *x)
{
    const float log2e = 1.44269504f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
    const vec magic = vec_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    vec n[SIDE], r[SIDE], p[SIDE];
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        vec clamped = vec_max(x[i], vec_set(-120.0f));
        n[i] = (clamped * log2e + magic) - magic;
        r[i] = vec_fma(n[i], vec_set(-ln2_hi), clamped) - n[i] * ln2_lo; /* n * ln2_hi is exact */
        p[i] = vec_set(1.9875691500e-4f);
    }
    times_plus(count, p, r, 1.3981999507e-3f);
    times_plus(count, p, r, 8.3334519073e-3f);
    times_plus(count, p, r, 4.1665795894e-2f);
    times_plus(count, p, r, 1.6666665459e-1f);
    times_plus(count, p, r, 5.0000001201e-1f);
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++)
        x[i] = vec_scale(p[i] * (r[i] * r[i]) + r[i] + 1.0f, n[i]);
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

/* sigmoid.c - the gate of the selected neurons, in products and sums of vectors that no instruction
 * set rounds differently (the build never contracts them).
 *
 * With e = exp(-|l|) <= 1: sigmoid(l) = 1 / (1 + e) for l >= 0, e / (1 + e) below. exp by range
 * reduction to |r| <= ln2 / 2 and a polynomial of degree 6 (relative error below 2e-7).
 */
#include "simd.h"
#include "vec.h"

/* 2^n for -126 <= n <= 127. */
static inline vec power_of_two(lanes n)
{
    return (vec)((n + 127) << 23);
}

/* exp(x) for x <= 0; 0 below -104. */
static inline vec exp_negative(vec x)
{
    const float log2e = 1.44269504f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
    const vec magic = vec_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to whole numbers */
    vec clamped = vec_max(x, vec_set(-120.0f));
    vec shifted = clamped * log2e + magic, n = shifted - magic;
    vec r = (clamped - n * ln2_hi) - n * ln2_lo;
    vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    /* 2^n in two factors, so that results below the smallest normal number come out gradually. */
    lanes whole = (lanes)shifted - (lanes)magic, half = whole >> 1;
    return p * power_of_two(half) * power_of_two(whole - half);
}

static inline vec sigmoid(vec l)
{
    lanes negative = (lanes)l >> 31;
    vec one = vec_set(1.0f), e = exp_negative((vec)((lanes)l | INT32_MIN));
    vec above = (vec)(((lanes)e & negative) | ((lanes)one & ~negative));
    return above / (one + e);
}

void simd_sigmoid(size_t count, float *values)
{
    size_t i = 0;
    for (; i + VEC_LANES <= count; i += VEC_LANES)
        vec_store(values + i, sigmoid(vec_load(values + i)));
    if (i < count) {
        float last[VEC_LANES];
        vec_store(last, sigmoid(vec_load_part(values + i, count - i)));
        memcpy(values + i, last, (count - i) * sizeof *values);
    }
}

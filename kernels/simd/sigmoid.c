/* sigmoid.c - the gate of the selected neurons, in plain C that compilers vectorise: no step that
 * rounds differently on another instruction set.
 *
 * With e = exp(-|l|) <= 1: sigmoid(l) = 1 / (1 + e) for l >= 0, e / (1 + e) below. exp by range
 * reduction to |r| <= ln2 / 2 and a polynomial of degree 6 (relative error below 2e-7).
 */
#include <math.h>

#include "simd.h"

/* exp(x) for x <= 0; 0 below -104. */
static inline float exp_negative(float x)
{
    const float log2e = 1.44269504f, ln2_hi = 0.693359375f, ln2_lo = -2.12194440e-4f;
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding and subtracting it rounds */
    float clamped = x < -120.0f ? -120.0f : x;
    float n = (clamped * log2e + magic) - magic;
    float r = (clamped - n * ln2_hi) - n * ln2_lo;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    /* 2^n in two factors, so that results below the smallest normal number come out gradually. */
    int32_t whole = (int32_t)n, half = whole / 2, rest = whole - half;
    union {
        int32_t bits;
        float value;
    } a = {(half + 127) * (1 << 23)}, b = {(rest + 127) * (1 << 23)};
    return p * a.value * b.value;
}

void simd_sigmoid(size_t count, float *values)
{
    for (size_t i = 0; i < count; i++) {
        float l = values[i], e = exp_negative(-fabsf(l)), s = 1.0f / (1.0f + e);
        values[i] = l >= 0.0f ? s : e * s;
    }
}

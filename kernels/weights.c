/* weights.c - rounding: see weights.h. */
#include "weights.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "variant.h"

enum { INT8_MOST = 127 };

/* ---- One number, one row -------------------------------------------------------------------- */

/* A NaN stays one, whatever its payload; beyond the largest bf16 lies infinity. */
static uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float from_bf16(uint16_t upper)
{
    uint32_t bits = (uint32_t)upper << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest whole number, ties to even, of a small one: there are no bits for a fraction
 * beside 1.5 * 2^52. nearbyint() is a call for each weight, unless the build is for one processor
 * only. */
static double to_whole(double value)
{
    const double large = 6755399441055744.0;
    return value + large - large;
}

static bool whole_multiples(size_t d, const float *row, int exponent)
{
    double inverse = ldexp(1.0, -exponent);
    for (size_t i = 0; i < d; i++)
        if ((double)row[i] * inverse != to_whole((double)row[i] * inverse))
            return false;
    return true;
}

/* The least e with max <= 127 * 2^e, among normal floats. */
static int least_exponent(float max)
{
    int exponent;
    float mantissa = frexpf(max, &exponent); /* in [1/2, 1) */
    exponent -= mantissa * 128 <= INT8_MOST ? 7 : 6;
    return exponent > FLT_MIN_EXP - 1 ? exponent : FLT_MIN_EXP - 1;
}

static float cut_to_16_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= ~(uint32_t)0xff;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The largest magnitude; infinity or NaN if a weight isn't finite. Magnitudes are in the order of
 * their bits. */
static float largest(size_t d, const float *row)
{
    uint32_t most = 0;
    float max;
    for (size_t i = 0; i < d; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    memcpy(&max, &most, sizeof max);
    return max;
}

/* NaN if a weight isn't finite. */
static float int8_scale(size_t d, const float *row)
{
    float max = largest(d, row);
    if (!isfinite(max))
        return NAN;
    int exponent = max > 0 ? least_exponent(max) : 0;
    if (whole_multiples(d, row, exponent))
        return ldexpf(1.0f, exponent);
    return cut_to_16_bits(fmaxf(max / INT8_MOST, FLT_MIN));
}

static int8_t to_int8(float value, float scale)
{
    return (int8_t)to_whole((double)value / (double)scale);
}

static enum midl_status not_finite(size_t row, char reason[MIDL_REASON_SIZE])
{
    snprintf(reason, MIDL_REASON_SIZE, "row %zu of full.weight is not finite: int8 can't hold it",
             row);
    return MIDL_INVALID;
}

enum midl_status midl_round_weights(enum midl_dtype dtype, size_t n, size_t d, const float *W,
                                    float *ret, char reason[MIDL_REASON_SIZE])
{
    for (size_t j = 0; j < n; j++) {
        const float *row = W + j * d;
        float *to = ret + j * d, scale = dtype == MIDL_INT8 ? int8_scale(d, row) : 1.0f;
        if (isnan(scale))
            return not_finite(j, reason);
        for (size_t i = 0; i < d; i++)
            to[i] = dtype == MIDL_F32    ? row[i]
                    : dtype == MIDL_BF16 ? from_bf16(to_bf16(row[i]))
                                         : (float)to_int8(row[i], scale) * scale;
    }
    return MIDL_OK;
}

/* ---- All rows ------------------------------------------------------------------------------- */

/* to: filled with zeros. */
static void pack_bf16(size_t d, const float *row, uint32_t *to)
{
    enum { HALF = MIDL_BF16_BLOCK / 2 };
    for (size_t i = 0; i < d; i++)
        to[i / MIDL_BF16_BLOCK * HALF + i % HALF] |= (uint32_t)to_bf16(row[i])
                                                     << (i / HALF % 2 * 16);
}

static enum midl_status pack_rows(size_t n, const float *W, const struct midl_weights *weights,
                                  float *scale, char reason[MIDL_REASON_SIZE])
{
    size_t d = weights->d;
    char *to = weights->memory;
    for (size_t j = 0; j < n; j++, to += weights->row_bytes) {
        const float *row = W + j * d;
        if (weights->dtype == MIDL_BF16) {
            pack_bf16(d, row, (uint32_t *)(void *)to);
            continue;
        }
        scale[j] = int8_scale(d, row);
        if (isnan(scale[j]))
            return not_finite(j, reason);
        for (size_t i = 0; i < d; i++)
            ((int8_t *)to)[i] = to_int8(row[i], scale[j]);
    }
    return MIDL_OK;
}

enum midl_status midl_weights_create(enum midl_dtype dtype, size_t n, size_t d, const float *W,
                                     struct midl_weights *ret, size_t *bytes,
                                     char reason[MIDL_REASON_SIZE])
{
    struct midl_weights weights = midl_weights_plain(d, W);
    if (dtype != MIDL_F32) {
        size_t row = d * (dtype == MIDL_BF16 ? sizeof(uint16_t) : sizeof(int8_t));
        size_t scales = dtype == MIDL_INT8 ? n * sizeof(float) : 0;
        weights.dtype = dtype;
        weights.row_bytes = (row + MIDL_ALIGN - 1) / MIDL_ALIGN * MIDL_ALIGN;
        size_t size = n * weights.row_bytes + scales;
        weights.memory = midl_take(size, 1, bytes);
        if (!weights.memory)
            return MIDL_NO_MEMORY;
        memset(weights.memory, 0, size);
        float *scale = (float *)(void *)((char *)weights.memory + n * weights.row_bytes);
        weights.rows = weights.memory;
        weights.scale = scales ? scale : NULL;
        enum midl_status status = pack_rows(n, W, &weights, scale, reason);
        if (status != MIDL_OK) {
            midl_weights_destroy(&weights);
            return status;
        }
    }
    *ret = weights;
    return MIDL_OK;
}

void midl_weights_destroy(struct midl_weights *weights)
{
    free(weights->memory);
    weights->memory = NULL;
}

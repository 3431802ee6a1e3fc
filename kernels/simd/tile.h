/* tile.h - the register tile under every kernel here: R rows of weights against C inputs.
 *
 * R x C accumulators stay in registers while both operands stream by; each loaded weight meets C
 * inputs and each loaded input R rows. Every element keeps one accumulator, whatever the tile, so
 * that a result depends on d alone: not on the tile, the batch, its order or the number of threads.
 * Eight or sixteen chains hide the latency of the multiply-add; at one input the weights' traffic
 * is the limit, and four rows at a time keep the prefetchers of current processors busiest (eight,
 * or prefetching the next rows in software, was slower at every size from 512 to 4096).
 */
#ifndef MIDL_TILE_H
#define MIDL_TILE_H

#include "../weights.h"
#include "vec.h"

enum { TILE_MOST = 16 }; /* accumulators */

/* sum[r * C + c] += w[r] * x[c] at offset i. */
VEC_INLINE void tile_step(size_t R, size_t C, const vec *w, const vec *x, vec *sum)
{
#pragma GCC unroll 16
    for (size_t r = 0; r < R; r++)
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[r * C + c] = vec_fma(w[r], x[c], sum[r * C + c]);
}

/* A row's weights are loaded in steps of so many: one vector, or the pairs of bf16. */
VEC_INLINE size_t tile_block(enum midl_dtype dtype)
{
    return dtype == MIDL_BF16 ? MIDL_BF16_BLOCK : VEC_LANES;
}

/* One vector of weights from i + at on, at < tile_block. */
VEC_INLINE vec tile_weights(enum midl_dtype dtype, const void *row, size_t i, size_t at)
{
    enum { HALF = MIDL_BF16_BLOCK / 2 };
    const uint32_t *pairs = (const uint32_t *)row + i / 2 + at % HALF;
    switch (dtype) {
    case MIDL_F32:
        return vec_load((const float *)row + i);
    case MIDL_BF16:
        return at < HALF ? vec_bf16_lower(pairs) : vec_bf16_upper(pairs);
    case MIDL_INT8:
        return vec_int8((const int8_t *)row + i);
    }
    return vec_set(0.0f);
}

/* The same where the row ends within the vector. Rows of bf16 and int8 are filled up with zeros. */
VEC_INLINE vec tile_weights_part(enum midl_dtype dtype, const void *row, size_t i, size_t at,
                                 size_t count)
{
    return dtype == MIDL_F32 ? vec_load_part((const float *)row + i, count)
                             : tile_weights(dtype, row, i, at);
}

VEC_INLINE vec tile_input_part(const float *x, size_t count)
{
    return count < VEC_LANES ? vec_load_part(x, count) : vec_load(x);
}

enum { TILE_AHEAD = 512 }; /* bytes by which rows are prefetched, where they are */

/* Prefetch the row w, and over its end the row `next`, ahead of offset i. */
VEC_INLINE void tile_prefetch(enum midl_dtype dtype, size_t d, const void *w, const void *next,
                              size_t i)
{
    size_t bytes = dtype == MIDL_F32 ? 4 : dtype == MIDL_BF16 ? 2 : 1;
    size_t at = i * bytes + TILE_AHEAD, end = d * bytes;
    __builtin_prefetch(at < end ? (const char *)w + at : (const char *)next + (at - end));
}

/* v in a register, where more than one operation uses it. */
VEC_INLINE vec tile_shared(size_t uses, vec v)
{
    return uses > 1 ? vec_once(v) : v;
}

/* out[r * C + c] = w[r] . x[c] over d, without the scale of int8. Where `next` isn't NULL the rows
 * are prefetched, and with their ends the rows of the next tile. dtype, R and C are compile-time
 * constants at every call, R * C a multiple of 4 up to TILE_MOST. */
VEC_INLINE void tile_dots(enum midl_dtype dtype, size_t R, size_t C, size_t d, const void *const *w,
                          const void *const *next, const float *const *x, float *out)
{
    vec sum[TILE_MOST], wv[TILE_MOST], xv[TILE_MOST];
    const size_t block = tile_block(dtype);
    size_t i = 0;
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a++)
        sum[a] = vec_set(0.0f);
    for (; i + block <= d; i += block) {
        if (next)
#pragma GCC unroll 16
            for (size_t r = 0; r < R; r++)
                tile_prefetch(dtype, d, w[r], next[r], i);
#pragma GCC unroll 8
        for (size_t at = 0; at < block; at += VEC_LANES) {
#pragma GCC unroll 16
            for (size_t c = 0; c < C; c++)
                xv[c] = tile_shared(R, vec_load(x[c] + i + at));
#pragma GCC unroll 16
            for (size_t r = 0; r < R; r++)
                wv[r] = tile_shared(C, tile_weights(dtype, w[r], i, at));
            tile_step(R, C, wv, xv, sum);
        }
    }
#pragma GCC unroll 8
    for (size_t at = 0; at < block; at += VEC_LANES) {
        if (i + at >= d)
            break;
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            xv[c] = tile_input_part(x[c] + i + at, d - i - at);
#pragma GCC unroll 16
        for (size_t r = 0; r < R; r++)
            wv[r] = tile_weights_part(dtype, w[r], i, at, d - i - at);
        tile_step(R, C, wv, xv, sum);
    }
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a += 4)
        vec_sum4(sum + a, out + a);
}

/* w . x over d, with the bits that the element would have in a tile. */
VEC_INLINE float tile_dot(enum midl_dtype dtype, size_t d, const void *w, const float *x)
{
    vec sum = vec_set(0.0f);
    const size_t block = tile_block(dtype);
    size_t i = 0;
    for (; i + block <= d; i += block)
#pragma GCC unroll 8
        for (size_t at = 0; at < block; at += VEC_LANES)
            sum = vec_fma(tile_weights(dtype, w, i, at), vec_load(x + i + at), sum);
#pragma GCC unroll 8
    for (size_t at = 0; at < block; at += VEC_LANES) {
        if (i + at >= d)
            break;
        sum = vec_fma(tile_weights_part(dtype, w, i, at, d - i - at),
                      tile_input_part(x + i + at, d - i - at), sum);
    }
    return vec_sum(sum);
}

/* A sum over row j of int8 times its scale; of the other types as it is. */
VEC_INLINE float tile_scaled(enum midl_dtype dtype, const struct midl_weights *W, size_t j,
                             float sum)
{
    return dtype == MIDL_INT8 ? sum * W->scale[j] : sum;
}

#endif

/* tile.h - the register tile under every kernel here: R rows of weights against C inputs.
 *
 * R x C accumulators stay in registers while both operands stream by; each loaded weight meets C
 * inputs and each loaded input R rows. Every element keeps one accumulator, whatever the tile, so
 * that a result depends on d alone: not on the tile, the batch, its order or the number of threads.
 * Four chains or more hide the latency of the multiply-add. At one input the weights' traffic is
 * the limit: four rows at a time from the caches, and from memory eight, prefetched half a page
 * ahead, so that as much as possible is under way. They are fetched into the second-level cache,
 * which was faster than into the first; rows a power of two apart share a set there with each other
 * and with the inputs, which may be why.
 */
#ifndef MIDL_TILE_H
#define MIDL_TILE_H

#include "../weights.h"
#include "vec.h"

enum {
    TILE_MOST = 24,                /* accumulators */
    TILE_FAR_ROWS = 2 * TILE_ROWS, /* of a tile whose rows come from memory */
    TILE_FAR_AHEAD = 2048          /* bytes by which these are prefetched */
};

/* A row's weights are loaded in steps of so many: one vector, or the pairs of bf16. */
VEC_INLINE size_t tile_block(enum midl_dtype dtype)
{
    return dtype == MIDL_BF16 ? MIDL_BF16_BLOCK : VEC_LANES;
}

VEC_INLINE size_t tile_bytes(enum midl_dtype dtype)
{
    return dtype == MIDL_F32 ? 4 : dtype == MIDL_BF16 ? 2 : 1;
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

/* v in a register, where more than one operation uses it. */
VEC_INLINE vec tile_shared(size_t uses, vec v)
{
    return uses > 1 ? vec_once(v) : v;
}

/* sum[r * C + c] += w[r] * x[c] over the vector at i + at, at < tile_block; where `part`, only
 * `count` elements are left. */
VEC_INLINE void tile_step(enum midl_dtype dtype, size_t R, size_t C, bool part, size_t count,
                          const void *const *w, const float *const *x, size_t i, size_t at,
                          vec *sum)
{
    vec xv[TILE_MOST];
#pragma GCC unroll 16
    for (size_t c = 0; c < C; c++) {
        const float *from = x[c] + i + at;
        xv[c] = tile_shared(R, part ? tile_input_part(from, count) : vec_load(from));
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < R; r++) {
        vec wv = tile_shared(C, part ? tile_weights_part(dtype, w[r], i, at, count)
                                     : tile_weights(dtype, w[r], i, at));
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[r * C + c] = vec_fma(wv, xv[c], sum[r * C + c]);
    }
}

/* The sums over the whole steps of [from, to); returns where these end. With each step of the rows
 * `w`, where `prefetch`, the rows `soon` are fetched into the second-level cache. */
VEC_INLINE size_t tile_span(enum midl_dtype dtype, size_t R, size_t C, size_t from, size_t to,
                            bool prefetch, const void *const *w, const uintptr_t *soon,
                            const float *const *x, vec *sum)
{
    const size_t block = tile_block(dtype);
    size_t i = from;
    for (; i + block <= to; i += block) {
        if (prefetch)
#pragma GCC unroll 16
            for (size_t r = 0; r < R; r++)
                __builtin_prefetch((const void *)(soon[r] + i * tile_bytes(dtype)), 0, 2);
#pragma GCC unroll 8
        for (size_t at = 0; at < block; at += VEC_LANES)
            tile_step(dtype, R, C, false, VEC_LANES, w, x, i, at, sum);
    }
    return i;
}

/* The same over all of d, where the rows are prefetched, and with their ends the rows `next`: two
 * loops, since choosing between the two in one costs a tenth of its time. */
VEC_INLINE size_t tile_spans_far(enum midl_dtype dtype, size_t R, size_t C, size_t d,
                                 const void *const *w, const void *const *next,
                                 const float *const *x, vec *sum)
{
    const size_t bytes = d * tile_bytes(dtype);
    const size_t ahead = bytes < TILE_FAR_AHEAD ? bytes : TILE_FAR_AHEAD;
    uintptr_t soon[TILE_MOST];
    size_t i;
#pragma GCC unroll 16
    for (size_t r = 0; r < R; r++)
        soon[r] = (uintptr_t)w[r] + ahead;
    i = tile_span(dtype, R, C, 0, d - ahead / tile_bytes(dtype), true, w, soon, x, sum);
#pragma GCC unroll 16
    for (size_t r = 0; r < R; r++)
        soon[r] = (uintptr_t)next[r] + ahead - bytes;
    return tile_span(dtype, R, C, i, d, true, w, soon, x, sum);
}

/* out[r * C + c] = w[r] . x[c] over d, without the scale of int8. Where `far`, the rows come from
 * memory and are prefetched, and with their ends the rows of the next tile. dtype, R, C and far are
 * compile-time constants at every call, R * C a multiple of 4 up to TILE_MOST. */
VEC_INLINE void tile_dots(enum midl_dtype dtype, size_t R, size_t C, size_t d, bool far,
                          const void *const *w, const void *const *next, const float *const *x,
                          float *out)
{
    vec sum[TILE_MOST];
#pragma GCC unroll 24
    for (size_t a = 0; a < R * C; a++)
        sum[a] = vec_set(0.0f);
    size_t i = far ? tile_spans_far(dtype, R, C, d, w, next, x, sum)
                   : tile_span(dtype, R, C, 0, d, false, w, NULL, x, sum);
#pragma GCC unroll 8
    for (size_t at = 0; at < tile_block(dtype); at += VEC_LANES)
        if (i + at < d)
            tile_step(dtype, R, C, true, d - i - at, w, x, i, at, sum);
#pragma GCC unroll 24
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

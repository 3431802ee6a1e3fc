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

/* out[r * C + c] = w[r] . x[c] over d. R and C are compile-time constants at every call, R * C a
 * multiple of 4 up to TILE_MOST. */
VEC_INLINE void tile_dots(size_t R, size_t C, size_t d, const float *const *w,
                          const float *const *x, float *out)
{
    vec sum[TILE_MOST], wv[TILE_MOST], xv[TILE_MOST];
    size_t i = 0;
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a++)
        sum[a] = vec_set(0.0f);
    for (; i + VEC_LANES <= d; i += VEC_LANES) {
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            xv[c] = vec_load(x[c] + i);
#pragma GCC unroll 16
        for (size_t r = 0; r < R; r++)
            wv[r] = vec_load(w[r] + i);
        tile_step(R, C, wv, xv, sum);
    }
    if (i < d) {
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            xv[c] = vec_load_part(x[c] + i, d - i);
#pragma GCC unroll 16
        for (size_t r = 0; r < R; r++)
            wv[r] = vec_load_part(w[r] + i, d - i);
        tile_step(R, C, wv, xv, sum);
    }
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a += 4)
        vec_sum4(sum + a, out + a);
}

/* w . x over d, with the bits that the element would have in a tile. */
VEC_INLINE float tile_dot(size_t d, const float *w, const float *x)
{
    vec sum = vec_set(0.0f);
    size_t i = 0;
    for (; i + VEC_LANES <= d; i += VEC_LANES)
        sum = vec_fma(vec_load(w + i), vec_load(x + i), sum);
    if (i < d)
        sum = vec_fma(vec_load_part(w + i, d - i), vec_load_part(x + i, d - i), sum);
    return vec_sum(sum);
}

#endif

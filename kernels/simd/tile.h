/* tile.h - the register tile under every kernel here: R rows of weights against C inputs.
 *
 * R x C accumulators stay in registers while both operands stream by; each loaded weight meets C
 * inputs and each loaded input R rows. Every element keeps one accumulator of sixteen lanes, whatever
 * the tile, so that a result depends on d alone: not on the tile, the batch, its order or the number
 * of threads. Sixteen chains (4 x 4) hide the latency of the multiply-add; at one input it is eight.
 */
#ifndef MIDL_TILE_H
#define MIDL_TILE_H

#include "vec.h"

#define TILE_INLINE static inline __attribute__((always_inline, unused))

enum { TILE_MOST = 16 }; /* accumulators */

/* out[r * C + c] = w[r] . x[c] over d. `ahead`: rows to prefetch at the same offsets, or NULL. R and
 * C are compile-time constants at every call, R * C a multiple of 4 up to TILE_MOST. */
TILE_INLINE void tile_dots(size_t R, size_t C, size_t d, const float *const *w,
                           const float *const *x, const float *const *ahead, float *out)
{
    v16 sum[TILE_MOST], wv, xv[TILE_MOST];
    size_t i = 0;
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a++)
        sum[a] = v16_zero();
    for (; i + 16 <= d; i += 16) {
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            xv[c] = v16_load(x[c] + i);
#pragma GCC unroll 16
        for (size_t r = 0; r < R; r++) {
            if (ahead)
                __builtin_prefetch(ahead[r] + i, 0, 3);
            wv = v16_load(w[r] + i);
#pragma GCC unroll 16
            for (size_t c = 0; c < C; c++)
                sum[r * C + c] = v16_fma(wv, xv[c], sum[r * C + c]);
        }
    }
    if (i < d) {
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            xv[c] = v16_load_part(x[c] + i, d - i);
#pragma GCC unroll 16
        for (size_t r = 0; r < R; r++) {
            wv = v16_load_part(w[r] + i, d - i);
#pragma GCC unroll 16
            for (size_t c = 0; c < C; c++)
                sum[r * C + c] = v16_fma(wv, xv[c], sum[r * C + c]);
        }
    }
#pragma GCC unroll 16
    for (size_t a = 0; a < R * C; a += 4)
        v16_sum4(sum + a, out + a);
}

TILE_INLINE float tile_dot(size_t d, const float *w, const float *x)
{
    v16 sum = v16_zero();
    size_t i = 0;
    for (; i + 16 <= d; i += 16)
        sum = v16_fma(v16_load(w + i), v16_load(x + i), sum);
    if (i < d)
        sum = v16_fma(v16_load_part(w + i, d - i), v16_load_part(x + i, d - i), sum);
    return v16_sum(sum);
}

#endif

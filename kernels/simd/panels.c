/* panels.c - dense products with short rows, from packed panels: up-projections of light path and
 * gate. Sixteen neurons are the lanes, so nothing is summed across lanes; inputs are broadcast.
 * Each element is one chain over K in order, whatever the tile. Without loss for rows as short
 * as 1.
 */
#include "simd.h"
#include "tile.h"

struct panels_call {
    size_t N, K;
    const float *packed, *bias, *x;
    size_t ldx;
    float *y;
    size_t ldy;
};

enum { PANEL_VECS = MIDL_PANEL / VEC_LANES };

/* The bias of vector `at`; lanes beyond N are 0. */
VEC_INLINE vec panels_bias(const struct panels_call *call, size_t at)
{
    size_t first = at * VEC_LANES;
    if (!call->bias || first >= call->N)
        return vec_set(0.0f);
    return first + VEC_LANES <= call->N ? vec_load(call->bias + first)
                                        : vec_load_part(call->bias + first, call->N - first);
}

/* Store vector `at` of input b; lanes beyond N stay out. */
VEC_INLINE void panels_store(const struct panels_call *call, size_t at, size_t b, vec v)
{
    size_t first = at * VEC_LANES;
    float *y = call->y + b * call->ldy + first, part[VEC_LANES];
    if (first + VEC_LANES <= call->N) {
        vec_store(y, v);
    } else if (first < call->N) {
        vec_store(part, v);
        memcpy(y, part, (call->N - first) * sizeof *y);
    }
}

/* Vectors first.. of the packed columns against C inputs from b: V * C accumulators; V and C are
 * compile-time constants. Vector v covers neurons v * VEC_LANES and up. */
VEC_INLINE void panels_tile(const struct panels_call *call, size_t V, size_t C, size_t first,
                            size_t b)
{
    vec sum[TILE_MOST], m[TILE_MOST];
    const float *column[TILE_MOST], *x = call->x + b * call->ldx;
#pragma GCC unroll 16
    for (size_t v = 0; v < V; v++) {
        size_t at = first + v;
        column[v] =
            call->packed + at / PANEL_VECS * call->K * MIDL_PANEL + at % PANEL_VECS * VEC_LANES;
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[v * C + c] = vec_set(0.0f);
    }
    for (size_t i = 0; i < call->K; i++) {
#pragma GCC unroll 16
        for (size_t v = 0; v < V; v++)
            m[v] = vec_load(column[v] + i * MIDL_PANEL);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++) {
            vec xv = vec_set(x[c * call->ldx + i]);
#pragma GCC unroll 16
            for (size_t v = 0; v < V; v++)
                sum[v * C + c] = vec_fma(m[v], xv, sum[v * C + c]);
        }
    }
#pragma GCC unroll 16
    for (size_t v = 0; v < V; v++) {
        vec bias = panels_bias(call, first + v);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            panels_store(call, first + v, b + c, sum[v * C + c] + bias);
    }
}

/* All inputs against V vectors, C at a time. */
VEC_INLINE void panels_strip(const struct panels_call *call, size_t V, size_t C, size_t first,
                             size_t B)
{
    size_t b = 0;
    for (; b + C <= B; b += C)
        panels_tile(call, V, C, first, b);
    for (; b < B; b++)
        panels_tile(call, V, 1, first, b);
}

void simd_panels(size_t first, size_t last, size_t N, size_t K, const float *packed,
                 const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy)
{
    struct panels_call call = {N, K, packed, bias, x, ldx, y, ldy};
    size_t v = first * PANEL_VECS, end = last * PANEL_VECS;
    for (; B < TILE_COLS && v + 8 <= end; v += 8)
        panels_strip(&call, 8, 1, v, B);
    for (; v + TILE_ROWS <= end; v += TILE_ROWS)
        panels_strip(&call, TILE_ROWS, TILE_COLS, v, B);
    for (; v < end; v++)
        panels_strip(&call, 1, TILE_COLS, v, B);
}

/* panels.c - dense products with short rows, from packed panels: up-projections of light path and
 * gate. Sixteen neurons are the lanes, so nothing is summed across lanes; inputs are broadcast. Each
 * element is one chain over K in order, whatever the tile. Without loss for rows as short as 1.
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

/* The bias of panel p; lanes beyond N are 0. */
TILE_INLINE v16 panels_bias(const struct panels_call *call, size_t p)
{
    size_t j = p * MIDL_PANEL;
    if (!call->bias)
        return v16_zero();
    if (j + MIDL_PANEL <= call->N)
        return v16_load(call->bias + j);
    return v16_load_part(call->bias + j, call->N - j);
}

TILE_INLINE void panels_store(const struct panels_call *call, size_t p, size_t b, v16 v)
{
    size_t j = p * MIDL_PANEL;
    float *y = call->y + b * call->ldy + j;
    if (j + MIDL_PANEL <= call->N) {
        v16_store(y, v);
    } else {
        float part[MIDL_PANEL];
        v16_store(part, v);
        memcpy(y, part, (call->N - j) * sizeof *y);
    }
}

/* P panels from p against C inputs from b; P and C compile-time constants, P * C <= 16. */
TILE_INLINE void panels_tile(const struct panels_call *call, size_t P, size_t C, size_t p, size_t b)
{
    v16 sum[TILE_MOST], m[TILE_MOST];
    size_t stride = call->K * MIDL_PANEL;
    const float *packed = call->packed + p * stride, *x = call->x + b * call->ldx;
#pragma GCC unroll 16
    for (size_t a = 0; a < P; a++) {
        v16 bias = panels_bias(call, p + a);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[a * C + c] = bias;
    }
    for (size_t i = 0; i < call->K; i++) {
#pragma GCC unroll 16
        for (size_t a = 0; a < P; a++)
            m[a] = v16_load(packed + a * stride + i * MIDL_PANEL);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++) {
            v16 xv = v16_set(x[c * call->ldx + i]);
#pragma GCC unroll 16
            for (size_t a = 0; a < P; a++)
                sum[a * C + c] = v16_fma(m[a], xv, sum[a * C + c]);
        }
    }
#pragma GCC unroll 16
    for (size_t a = 0; a < P; a++)
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            panels_store(call, p + a, b + c, sum[a * C + c]);
}

/* Register tiles: 16 accumulators of 512 bits fit AVX-512, 8 of two registers the others. */
#if defined(MIDL_ISA_IS_AVX512)
enum { TILE_PANELS = 4 };
#else
enum { TILE_PANELS = 2 };
#endif

void simd_panels(size_t first, size_t last, size_t N, size_t K, const float *packed,
                 const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy)
{
    struct panels_call call = {N, K, packed, bias, x, ldx, y, ldy};
    size_t p = first, b;
    for (; B == 1 && p + 8 <= last; p += 8)
        panels_tile(&call, 8, 1, p, 0);
    for (; p + TILE_PANELS <= last; p += TILE_PANELS) {
        for (b = 0; b + 4 <= B; b += 4)
            panels_tile(&call, TILE_PANELS, 4, p, b);
        for (; b < B; b++)
            panels_tile(&call, TILE_PANELS, 1, p, b);
    }
    for (; p < last; p++) {
        for (b = 0; b + 4 <= B; b += 4)
            panels_tile(&call, 1, 4, p, b);
        for (; b < B; b++)
            panels_tile(&call, 1, 1, p, b);
    }
}

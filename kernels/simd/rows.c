/* rows.c - dense products with long rows as they lie in memory: down-projections, a full gate, the
 * plain layer. Tiles of a few rows x a few inputs; both operands of a tile and of its neighbours
 * stay in the first-level cache as long as these rows and inputs do; longer rows stream from the
 * second.
 */
#include "simd.h"
#include "tile.h"

float simd_dot(size_t d, const float *w, const float *x)
{
    return tile_dot(d, w, x);
}

struct rows_call {
    size_t K;
    const float *W, *bias, *x;
    size_t ldx;
    float *y;
    size_t ldy;
};

/* R rows from j, C inputs from b. */
VEC_INLINE void rows_tile(const struct rows_call *call, size_t R, size_t C, size_t j, size_t b)
{
    const float *w[TILE_MOST], *x[TILE_MOST];
    float out[TILE_MOST];
    for (size_t r = 0; r < R; r++)
        w[r] = call->W + (j + r) * call->K;
    for (size_t c = 0; c < C; c++)
        x[c] = call->x + (b + c) * call->ldx;
    tile_dots(R, C, call->K, w, x, out);
    for (size_t r = 0; r < R; r++)
        for (size_t c = 0; c < C; c++)
            call->y[(b + c) * call->ldy + j + r] =
                out[r * C + c] + (call->bias ? call->bias[j + r] : 0.0f);
}

static void rows_single(const struct rows_call *call, size_t j, size_t b)
{
    call->y[b * call->ldy + j] = tile_dot(call->K, call->W + j * call->K, call->x + b * call->ldx) +
                                 (call->bias ? call->bias[j] : 0.0f);
}

void simd_rows(size_t first, size_t last, size_t K, const float *W, const float *bias, size_t B,
               const float *x, size_t ldx, float *y, size_t ldy)
{
    struct rows_call call = {K, W, bias, x, ldx, y, ldy};
    size_t j = first;
    for (; j + TILE_ROWS <= last; j += TILE_ROWS) {
        size_t b = 0;
        for (; b + TILE_COLS <= B; b += TILE_COLS)
            rows_tile(&call, TILE_ROWS, TILE_COLS, j, b);
        for (; b < B; b++)
            rows_tile(&call, TILE_ROWS, 1, j, b);
    }
    for (; j < last; j++)
        for (size_t b = 0; b < B; b++)
            rows_single(&call, j, b);
}

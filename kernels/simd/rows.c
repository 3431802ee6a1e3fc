/* rows.c - dense products with long rows as they lie in memory: a full gate, the
 * plain layer. Tiles of a few rows x a few inputs; both operands of a tile and of its neighbours
 * stay in the first-level cache as long as these rows and inputs do; longer rows stream from the
 * second. Rows from memory are prefetched as for a gather (tile.h), so that the yardstick
 * `linear-rows` waits no longer for them than the layer does.
 */
#include "simd.h"
#include "tile.h"

float simd_dot(size_t d, const float *w, const float *x)
{
    return tile_dot(MIDL_F32, d, w, x);
}

float simd_weights_dot(const struct midl_weights *W, size_t j, const float *x)
{
    const void *row = midl_weights_row(W, j);
    switch (W->dtype) {
    case MIDL_F32:
        return tile_dot(MIDL_F32, W->d, row, x);
    case MIDL_BF16:
        return tile_dot(MIDL_BF16, W->d, row, x);
    case MIDL_INT8:
        return tile_scaled(MIDL_INT8, W, j, tile_dot(MIDL_INT8, W->d, row, x));
    }
    return 0.0f;
}

enum { NEAR_ROWS = 32, NEAR_COLS = 2 * TILE_COLS };

struct rows_call {
    const struct midl_weights *W;
    const float *bias;
    size_t B;
    const float *x;
    size_t ldx;
    float *y;
    size_t ldy;
    bool far; /* W comes from memory */
};

VEC_INLINE void rows_store(enum midl_dtype dtype, const struct rows_call *call, size_t j, size_t b,
                           float sum)
{
    call->y[b * call->ldy + j] =
        tile_scaled(dtype, call->W, j, sum) + (call->bias ? call->bias[j] : 0.0f);
}

/* R rows from j, C inputs from b; where `far`, R more rows follow. */
VEC_INLINE void rows_tile(enum midl_dtype dtype, const struct rows_call *call, size_t R, size_t C,
                          bool far, size_t j, size_t b)
{
    const void *w[TILE_MOST], *next[TILE_MOST];
    const float *x[TILE_MOST];
    float out[TILE_MOST];
    for (size_t r = 0; r < R; r++) {
        w[r] = midl_weights_row(call->W, j + r);
        next[r] = far ? midl_weights_row(call->W, j + R + r) : NULL;
    }
    for (size_t c = 0; c < C; c++)
        x[c] = call->x + (b + c) * call->ldx;
    tile_dots(dtype, R, C, call->W->d, far, w, next, x, out);
    for (size_t r = 0; r < R; r++)
        for (size_t c = 0; c < C; c++)
            rows_store(dtype, call, j + r, b + c, out[r * C + c]);
}

VEC_INLINE void rows_single(enum midl_dtype dtype, const struct rows_call *call, size_t j, size_t b)
{
    rows_store(dtype, call, j, b,
               tile_dot(dtype, call->W->d, midl_weights_row(call->W, j), call->x + b * call->ldx));
}

/* TILE_ROWS rows from j against inputs first..last; where `far`, so many more rows follow. */
VEC_INLINE void rows_strip(enum midl_dtype dtype, const struct rows_call *call, bool far, size_t j,
                           size_t first, size_t last)
{
    size_t b = first;
    if (far && b + TILE_COLS <= last) {
        rows_tile(dtype, call, TILE_ROWS, TILE_COLS, true, j, b);
        b += TILE_COLS;
    }
    for (; b + TILE_COLS <= last; b += TILE_COLS)
        rows_tile(dtype, call, TILE_ROWS, TILE_COLS, false, j, b);
    for (; b < last; b++)
        rows_tile(dtype, call, TILE_ROWS, 1, false, j, b);
}

/* One input and rows from memory; returns where they end. */
VEC_INLINE size_t rows_far(enum midl_dtype dtype, const struct rows_call *call, size_t first,
                           size_t last)
{
    size_t j = first;
    for (; j + 2 * TILE_FAR_ROWS <= last; j += TILE_FAR_ROWS)
        rows_tile(dtype, call, TILE_FAR_ROWS, 1, true, j, 0);
    return j;
}

/* NEAR_ROWS rows at a time against NEAR_COLS inputs at a time: the inputs stay in the first-level
 * cache for all of these rows, and the rows in the second for all inputs. */
VEC_INLINE void rows_all(enum midl_dtype dtype, const struct rows_call *call, size_t first,
                         size_t last)
{
    if (call->far && call->B == 1)
        first = rows_far(dtype, call, first, last);
    size_t end = first + (last - first) / TILE_ROWS * TILE_ROWS;
    for (size_t near = first; near < end; near += NEAR_ROWS)
        for (size_t b = 0; b < call->B; b += NEAR_COLS)
            for (size_t j = near; j < near + NEAR_ROWS && j < end; j += TILE_ROWS)
                rows_strip(dtype, call, call->far && b == 0 && j + 2 * TILE_ROWS <= end, j, b,
                           b + NEAR_COLS < call->B ? b + NEAR_COLS : call->B);
    for (size_t j = end; j < last; j++)
        for (size_t b = 0; b < call->B; b++)
            rows_single(dtype, call, j, b);
}

static bool from_memory(size_t rows, const struct midl_weights *W)
{
    return rows * W->row_bytes > MIDL_CACHED_BYTES;
}

void simd_rows(size_t first, size_t last, size_t K, const float *W, const float *bias, size_t B,
               const float *x, size_t ldx, float *y, size_t ldy)
{
    struct midl_weights weights = midl_weights_plain(K, W);
    struct rows_call call = {&weights, bias, B,   x,
                             ldx,      y,    ldy, from_memory(last - first, &weights)};
    rows_all(MIDL_F32, &call, first, last);
}

void simd_weights_rows(size_t first, size_t last, const struct midl_weights *W, const float *bias,
                       size_t B, const float *x, float *y, size_t ldy)
{
    struct rows_call call = {W, bias, B, x, W->d, y, ldy, from_memory(last - first, W)};
    switch (W->dtype) {
    case MIDL_F32:
        rows_all(MIDL_F32, &call, first, last);
        break;
    case MIDL_BF16:
        rows_all(MIDL_BF16, &call, first, last);
        break;
    case MIDL_INT8:
        rows_all(MIDL_INT8, &call, first, last);
        break;
    }
}

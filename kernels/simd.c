/* simd.c - the fused gather, compiled once per instruction set: eight selected rows at a time against
 * one input, each value blended into y as soon as it is summed, no vector of F in between.
 *
 * At batch 1 the layer is as fast as its weights arrive. A selected row is a few pages of consecutive
 * memory and the next is somewhere else, so the hardware prefetcher starts anew with every row: the
 * rows of the next tile are prefetched in software while this one is summed.
 */
#include "parallel.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(simd);

enum { ROWS = 8 };

struct gather_call {
    const struct midl_layer *layer;
    const float *x;        /* [d] */
    const uint32_t *index; /* [count] */
    const float *gate;     /* [count] */
    size_t count;
    float *y; /* [n] */
};

static void blend_one(const struct gather_call *call, size_t i, float dot)
{
    size_t j = call->index[i];
    call->y[j] = midl_blend(call->layer->full_bias[j] + dot, call->y[j], call->gate[i]);
}

/* R rows of the list from i on. */
TILE_INLINE void gather_tile(const struct gather_call *call, size_t R, size_t i)
{
    const float *w[ROWS], *ahead[ROWS], *W = call->layer->full_weight;
    size_t d = call->layer->shape.d;
    float dots[ROWS];
    for (size_t r = 0; r < R; r++) {
        size_t next = i + R + r < call->count ? i + R + r : i + r;
        w[r] = W + call->index[i + r] * d;
        ahead[r] = W + call->index[next] * d;
    }
    tile_dots(R, 1, d, w, &call->x, ahead, dots);
    for (size_t r = 0; r < R; r++)
        blend_one(call, i + r, dots[r]);
}

static void gather_rows(const struct gather_call *call, size_t first, size_t last)
{
    size_t i = first, d = call->layer->shape.d;
    for (; i + ROWS <= last; i += ROWS)
        gather_tile(call, ROWS, i);
    for (; i + 4 <= last; i += 4)
        gather_tile(call, 4, i);
    for (; i < last; i++)
        blend_one(call, i, tile_dot(d, call->layer->full_weight + call->index[i] * d, call->x));
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    const struct midl_selection *s = batch->selection;
    size_t d = env->layer.shape.d, n = env->layer.shape.n;
    (void)state;
#pragma omp parallel num_threads(env->threads) if (env->threads > 1)
    for (size_t b = 0; b < batch->batch; b++) {
        struct gather_call call = {.layer = &env->layer,
                                   .x = batch->x + b * d,
                                   .index = s->index + b * s->stride,
                                   .gate = s->gate + b * s->stride,
                                   .count = s->count[b],
                                   .y = batch->y + b * n};
        gather_rows(&call, parallel_bound(call.count, ROWS, parallel_part()),
                    parallel_bound(call.count, ROWS, parallel_part() + 1));
    }
}

MIDL_IMPL(simd) = {.run = run};

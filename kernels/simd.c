/* simd.c - the fused gather, compiled once per instruction set: four selected rows at a time
 * against one input, each value blended into y as soon as it is summed, no vector of F in between.
 * At batch 1 the layer is as fast as its weights arrive, and four rows are four streams for the
 * prefetchers.
 */
#include "parallel.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(simd);

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

/* TILE_ROWS neurons of the list from i on. */
static void gather_tile(const struct gather_call *call, size_t i)
{
    const float *w[TILE_ROWS];
    size_t d = call->layer->shape.d;
    float dots[TILE_ROWS];
    for (size_t r = 0; r < TILE_ROWS; r++)
        w[r] = call->layer->full_weight + call->index[i + r] * d;
    tile_dots(TILE_ROWS, 1, d, w, &call->x, dots);
    for (size_t r = 0; r < TILE_ROWS; r++)
        blend_one(call, i + r, dots[r]);
}

static void gather_rows(const struct gather_call *call, size_t first, size_t last)
{
    size_t i = first, d = call->layer->shape.d;
    for (; i + TILE_ROWS <= last; i += TILE_ROWS)
        gather_tile(call, i);
    for (; i < last; i++)
        blend_one(call, i, tile_dot(d, call->layer->full_weight + call->index[i] * d, call->x));
}

struct simd_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
};

static void simd_part(void *data)
{
    const struct simd_call *call = data;
    const struct midl_layer *layer = &call->env->layer;
    const struct midl_selection *s = call->batch->selection;
    size_t part = parallel_part();
    for (size_t b = 0; b < s->batch; b++) {
        struct gather_call input = {.layer = layer,
                                    .x = call->batch->x + b * layer->shape.d,
                                    .index = s->index + b * s->stride,
                                    .gate = s->gate + b * s->stride,
                                    .count = s->count[b],
                                    .y = call->batch->y + b * layer->shape.n};
        gather_rows(&input, parallel_bound(input.count, TILE_ROWS, part),
                    parallel_bound(input.count, TILE_ROWS, part + 1));
    }
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct simd_call call = {env, batch};
    (void)state;
    parallel_run(env->threads, simd_part, &call);
}

MIDL_IMPL(simd) = {.run = run};

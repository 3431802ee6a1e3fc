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
    const struct midl_weights *full;
    const float *bias;     /* [n] */
    const float *x;        /* [d] */
    const uint32_t *index; /* [count] */
    const float *gate;     /* [count] */
    size_t count;
    float *y; /* [n] */
};

VEC_INLINE void blend_one(enum midl_dtype dtype, const struct gather_call *call, size_t i,
                          float sum)
{
    size_t j = call->index[i];
    float full = call->bias[j] + tile_scaled(dtype, call->full, j, sum);
    call->y[j] = midl_blend(full, call->y[j], call->gate[i]);
}

/* TILE_ROWS neurons of the list from i on. */
VEC_INLINE void gather_tile(enum midl_dtype dtype, const struct gather_call *call, size_t i)
{
    const void *w[TILE_ROWS];
    float sums[TILE_ROWS];
    for (size_t r = 0; r < TILE_ROWS; r++)
        w[r] = midl_weights_row(call->full, call->index[i + r]);
    tile_dots(dtype, TILE_ROWS, 1, call->full->d, 0, w, NULL, &call->x, sums);
    for (size_t r = 0; r < TILE_ROWS; r++)
        blend_one(dtype, call, i + r, sums[r]);
}

VEC_INLINE void gather_typed(enum midl_dtype dtype, const struct gather_call *call, size_t first,
                             size_t last)
{
    size_t i = first;
    for (; i + TILE_ROWS <= last; i += TILE_ROWS)
        gather_tile(dtype, call, i);
    for (; i < last; i++)
        blend_one(
            dtype, call, i,
            tile_dot(dtype, call->full->d, midl_weights_row(call->full, call->index[i]), call->x));
}

static void gather_rows(const struct gather_call *call, size_t first, size_t last)
{
    switch (call->full->dtype) {
    case MIDL_F32:
        gather_typed(MIDL_F32, call, first, last);
        break;
    case MIDL_BF16:
        gather_typed(MIDL_BF16, call, first, last);
        break;
    case MIDL_INT8:
        gather_typed(MIDL_INT8, call, first, last);
        break;
    }
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
        struct gather_call input = {.full = &call->env->full,
                                    .bias = layer->full_bias,
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

/* simd.c - the fused gather, compiled once per instruction set: some selected rows at a time
 * against one input, each value blended into y as soon as it is summed, no vector of F in between.
 * At batch 1 the layer is as fast as its weights arrive. Four rows are four streams for the
 * prefetchers; from memory eight bring more, prefetched into the second-level cache half a page
 * ahead, from the end of a row on to the next one, which the processor can't know: on a Zen 4 the
 * layer of n = 4096 takes 0.87 of the time of eight rows prefetched a quarter of a kilobyte ahead
 * into the first level, which takes 0.92 of that of four rows without. Eight rows read so run at
 * 0.96 of the speed at which a loop reads all of memory in turn with them (d = 8192, 45 % of the
 * rows: medians 26.3 and 27.4 GB/s; four rows 23.9, one 17.8); the least time of such a loop, which
 * is the ceiling of a run, is another 5 to 8 % away.
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
    bool far; /* W comes from memory */
};

VEC_INLINE void blend_one(enum midl_dtype dtype, const struct gather_call *call, size_t i,
                          float sum)
{
    size_t j = call->index[i];
    float full = call->bias[j] + tile_scaled(dtype, call->full, j, sum);
    call->y[j] = midl_blend(full, call->y[j], call->gate[i]);
}

/* R neurons of the list from i on; where `far`, R more follow. */
VEC_INLINE void gather_tile(enum midl_dtype dtype, size_t R, bool far,
                            const struct gather_call *call, size_t i)
{
    const void *w[TILE_FAR_ROWS], *next[TILE_FAR_ROWS];
    float sums[TILE_FAR_ROWS];
    for (size_t r = 0; r < R; r++) {
        w[r] = midl_weights_row(call->full, call->index[i + r]);
        next[r] = far ? midl_weights_row(call->full, call->index[i + R + r]) : NULL;
    }
    tile_dots(dtype, R, 1, call->full->d, far, w, next, &call->x, sums);
    for (size_t r = 0; r < R; r++)
        blend_one(dtype, call, i + r, sums[r]);
}

VEC_INLINE void gather_typed(enum midl_dtype dtype, const struct gather_call *call, size_t first,
                             size_t last)
{
    size_t i = first;
    for (; call->far && i + 2 * TILE_FAR_ROWS <= last; i += TILE_FAR_ROWS)
        gather_tile(dtype, TILE_FAR_ROWS, true, call, i);
    for (; i + TILE_ROWS <= last; i += TILE_ROWS)
        gather_tile(dtype, TILE_ROWS, false, call, i);
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

/* Some inputs, or all of them and some of each one's neurons. */
static void simd_part(void *data)
{
    const struct simd_call *call = data;
    const struct midl_layer *layer = &call->env->layer;
    const struct midl_selection *s = call->batch->selection;
    bool by_inputs = parallel_by_inputs(s->batch, 1);
    size_t part = parallel_part(), b = by_inputs ? parallel_bound(s->batch, 1, part) : 0;
    size_t last = by_inputs ? parallel_bound(s->batch, 1, part + 1) : s->batch;
    for (; b < last; b++) {
        struct gather_call input = {.full = &call->env->full,
                                    .bias = layer->full_bias,
                                    .x = call->batch->x + b * layer->shape.d,
                                    .index = s->index + b * s->stride,
                                    .gate = s->gate + b * s->stride,
                                    .count = s->count[b],
                                    .y = call->batch->y + b * layer->shape.n,
                                    .far = layer->shape.n * call->env->full.row_bytes >
                                           MIDL_CACHED_BYTES};
        if (by_inputs)
            gather_rows(&input, 0, input.count);
        else
            gather_rows(&input, parallel_bound(input.count, TILE_FAR_ROWS, part),
                        parallel_bound(input.count, TILE_FAR_ROWS, part + 1));
    }
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct simd_call call = {env, batch};
    (void)state;
    parallel_run(env->threads, simd_part, &call);
}

MIDL_IMPL(simd) = {.run = run};

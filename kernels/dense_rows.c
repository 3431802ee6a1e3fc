/* dense_rows.c - every row of the full path by this library's own register tiles, then blended:
 * what remains when so many neurons are selected that skipping the others doesn't pay. */
#include <stdlib.h>

#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(dense_rows);

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    (void)reason;
    return midl_state_floats(env->max_batch * env->layer.shape.n, ret_state, bytes);
}

struct dense_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
    float *full; /* [B][n] */
};

static void dense_part(void *data)
{
    const struct dense_call *call = data;
    const struct midl_layer *layer = &call->env->layer;
    size_t n = layer->shape.n, B = call->batch->batch, part = parallel_part();
    call->env->ops->weights_rows(parallel_bound(n, 8, part), parallel_bound(n, 8, part + 1),
                                 &call->env->full, layer->full_bias, B, call->batch->x, call->full,
                                 n);
#pragma omp barrier
    for (size_t b = parallel_bound(B, 1, part); b < parallel_bound(B, 1, part + 1); b++)
        midl_blend_row(call->batch->selection, b, call->full + b * n, call->batch->y + b * n);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct dense_call call = {env, batch, state};
    parallel_run(env->threads, dense_part, &call);
}

MIDL_IMPL(dense_rows) = {.create = create, .run = run, .destroy = free};

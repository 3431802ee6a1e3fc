/* dense_rows.c - every row of the full path by this library's own register tiles, then blended: what
 * remains when so many neurons are selected that skipping the others doesn't pay. */
#include <stdlib.h>

#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(dense_rows);

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    size_t count = env->max_batch * env->layer.shape.n;
    float *full = midl_array(count, sizeof *full);
    (void)reason;
    if (!full)
        return MIDL_NO_MEMORY;
    *ret_state = full;
    *ret_bytes = count * sizeof *full;
    return MIDL_OK;
}

struct dense_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
    float *full; /* [B][n] */
};

static void blend_input(const struct dense_call *call, size_t b)
{
    const struct midl_selection *s = call->batch->selection;
    size_t n = call->env->layer.shape.n;
    const uint32_t *index = s->index + b * s->stride;
    const float *gate = s->gate + b * s->stride, *full = call->full + b * n;
    float *y = call->batch->y + b * n;
    for (size_t i = 0; i < s->count[b]; i++)
        y[index[i]] = midl_blend(full[index[i]], y[index[i]], gate[i]);
}

static void dense_part(void *data)
{
    const struct dense_call *call = data;
    const struct midl_layer *layer = &call->env->layer;
    size_t d = layer->shape.d, n = layer->shape.n, B = call->batch->batch, part = parallel_part();
    call->env->ops->rows(parallel_bound(n, 8, part), parallel_bound(n, 8, part + 1), d,
                         layer->full_weight, layer->full_bias, B, call->batch->x, d, call->full, n);
#pragma omp barrier
    for (size_t b = parallel_bound(B, 1, part); b < parallel_bound(B, 1, part + 1); b++)
        blend_input(call, b);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct dense_call call = {env, batch, state};
    parallel_run(env->threads, dense_part, &call);
}

MIDL_IMPL(dense_rows) = {.create = create, .run = run, .destroy = free};

/* linear_rows.c - the plain dense layer by this library's own register tiles, weights as they lie.
 * A yardstick as strong as the sparse kernels' own inner loop: what they win over it is selection
 * alone, not better code. */
#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(linear_rows);

struct rows_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
};

static void rows_part(void *data)
{
    const struct rows_call *call = data;
    const struct variant_env *env = call->env;
    const struct midl_layer *layer = &env->layer;
    size_t n = layer->shape.n, part = parallel_part();
    env->ops->weights_rows(parallel_bound(n, 8, part), parallel_bound(n, 8, part + 1), &env->full,
                           layer->full_bias, call->batch->batch, call->batch->x, call->batch->y, n);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct rows_call call = {env, batch};
    (void)state;
    parallel_run(env->threads, rows_part, &call);
}

MIDL_IMPL(linear_rows) = {.run = run};

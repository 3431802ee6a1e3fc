/* linear_rows.c - the plain dense layer by this library's own register tiles, weights as they lie. A
 * yardstick as strong as the sparse kernels' own inner loop: what they win over it is selection alone,
 * not better code. */
#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(linear_rows);

static void run(const struct variant_env *env, void *state, const struct variant_batch *call)
{
    const struct midl_layer *layer = &env->layer;
    size_t d = layer->shape.d, n = layer->shape.n;
    (void)state;
#pragma omp parallel num_threads(env->threads) if (env->threads > 1)
    env->ops->rows(parallel_bound(n, 8, parallel_part()),
                   parallel_bound(n, 8, parallel_part() + 1), d, layer->full_weight,
                   layer->full_bias, call->batch, call->x, d, call->y, n);
}

MIDL_IMPL(linear_rows) = {.run = run};

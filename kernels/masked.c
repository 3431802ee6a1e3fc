/* masked.c - row by row under the mask: the plainest way to skip. For each neuron, for each input
 * of the batch, one test; a row that several inputs selected stays in the cache between them. */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(masked);

/* gates: [n][B], the gate value where selected, else negative. */
static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    (void)reason;
    return midl_state_floats(env->max_batch * env->layer.shape.n, ret_state, bytes);
}

static void spread(const struct midl_selection *s, size_t n, float *gates)
{
    for (size_t i = 0; i < n * s->batch; i++)
        gates[i] = -1.0f;
    for (size_t b = 0; b < s->batch; b++)
        for (size_t i = 0; i < s->count[b]; i++)
            gates[s->index[b * s->stride + i] * s->batch + b] = s->gate[b * s->stride + i];
}

struct masked_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
    const float *gates; /* [n][B] */
};

/* One neuron for all inputs that selected it. */
static void masked_row(const struct masked_call *call, size_t j)
{
    const struct midl_layer *layer = &call->env->layer;
    size_t d = layer->shape.d, B = call->batch->batch;
    for (size_t b = 0; b < B; b++) {
        if (call->gates[j * B + b] < 0.0f)
            continue;
        float *y = call->batch->y + b * layer->shape.n + j;
        float full = layer->full_bias[j] +
                     call->env->ops->weights_dot(&call->env->full, j, call->batch->x + b * d);
        *y = midl_blend(full, *y, call->gates[j * B + b]);
    }
}

static void masked_part(void *data)
{
    const struct masked_call *call = data;
    size_t n = call->env->layer.shape.n, last = parallel_bound(n, 1, parallel_part() + 1);
    for (size_t j = parallel_bound(n, 1, parallel_part()); j < last; j++)
        masked_row(call, j);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct masked_call call = {env, batch, state};
    spread(batch->selection, env->layer.shape.n, state);
    parallel_run(env->threads, masked_part, &call);
}

MIDL_IMPL(masked) = {.create = create, .run = run, .destroy = free};

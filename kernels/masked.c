/* masked.c - row by row under the mask: the plainest way to skip. For each neuron, for each input of
 * the batch, one test; a row that several inputs selected stays in the cache between them. */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(masked);

/* gates: [n][B], the gate value where selected, else negative. */
static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    size_t count = env->max_batch * env->layer.shape.n;
    float *gates = midl_array(count, sizeof *gates);
    (void)reason;
    if (!gates)
        return MIDL_NO_MEMORY;
    *ret_state = gates;
    *ret_bytes = count * sizeof *gates;
    return MIDL_OK;
}

static void spread(const struct midl_selection *s, size_t n, float *gates)
{
    for (size_t i = 0; i < n * s->batch; i++)
        gates[i] = -1.0f;
    for (size_t b = 0; b < s->batch; b++)
        for (size_t i = 0; i < s->count[b]; i++)
            gates[s->index[b * s->stride + i] * s->batch + b] = s->gate[b * s->stride + i];
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *call)
{
    const struct midl_layer *layer = &env->layer;
    size_t d = layer->shape.d, n = layer->shape.n, B = call->batch;
    float *gates = state;
    spread(call->selection, n, gates);
#pragma omp parallel for num_threads(env->threads) if (env->threads > 1) schedule(static)
    for (size_t j = 0; j < n; j++) {
        for (size_t b = 0; b < B; b++) {
            if (gates[j * B + b] < 0.0f)
                continue;
            float *y = call->y + b * n + j;
            float full = layer->full_bias[j] +
                         env->ops->dot(d, layer->full_weight + j * d, call->x + b * d);
            *y = midl_blend(full, *y, gates[j * B + b]);
        }
    }
}

MIDL_IMPL(masked) = {.create = create, .run = run, .destroy = free};

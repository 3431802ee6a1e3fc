/* gather.c - over the list of the selected rows, with OpenBLAS where it pays.
 *
 * Each input: selected neurons that are neighbours form a run; a run is a dense matrix as it lies
 * in memory and goes through sgemv, without a copy. At k/n = 0.45 uniform selections have runs
 * of 1.8 on average; real and block-wise ones are longer. A batch whose inputs agree (at most half
 * of the neurons in the union) is compacted instead: the union's rows are copied side by side once
 * and go through sgemm for all inputs; of that product only the selected entries are used.
 */
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "host.h"
#include "variant.h"

extern MIDL_IMPL(gather);

#if MIDL_HAVE_OPENBLAS

enum { COMPACT_BATCH = 8 }; /* from which batch on a compact product may pay */

struct gather_state {
    float *full; /* [n] for runs, [B][n] for a compact product */
    float *rows; /* [n / 2][d]: the union's rows; NULL if the batch stays below COMPACT_BATCH */
    uint32_t *united; /* the union's neurons, ascending */
    uint32_t *place;  /* [n]: a neuron's place in the union */
};

static void destroy(void *opaque)
{
    struct gather_state *state = opaque;
    free(state->full);
    free(state->rows);
    free(state->united);
    free(state->place);
    free(state);
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    size_t d = env->layer.shape.d, n = env->layer.shape.n, B = env->max_batch;
    struct gather_state *state = calloc(1, sizeof *state);
    bool compact = B >= COMPACT_BATCH, ok = state != NULL;
    (void)reason;
    if (!ok)
        return MIDL_NO_MEMORY;
    state->full = midl_take(compact ? B * n : n, sizeof(float), bytes);
    state->united = midl_take(n, sizeof *state->united, bytes);
    state->place = midl_take(n, sizeof *state->place, bytes);
    ok = state->full && state->united && state->place;
    if (ok && compact) {
        state->rows = midl_take(n / 2 * d, sizeof(float), bytes);
        ok = state->rows != NULL;
    }
    if (!ok) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    *ret_state = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

/* Length of the run of neighbours that begins at index[0]. */
static size_t run_length(const uint32_t *index, size_t count)
{
    size_t length = 1;
    while (length < count && index[length] == index[0] + length)
        length++;
    return length;
}

/* F of the selected neurons of one input, in the order of its list. */
static void full_by_runs(const struct midl_layer *layer, const float *x, const uint32_t *index,
                         size_t count, float *full)
{
    size_t d = layer->shape.d;
    for (size_t i = 0, length; i < count; i += length) {
        const float *rows = layer->full_weight + index[i] * d;
        length = run_length(index + i, count - i);
        for (size_t j = 0; j < length; j++)
            full[i + j] = layer->full_bias[index[i] + j];
        if (length == 1)
            full[i] += cblas_sdot((int)d, rows, 1, x, 1);
        else
            blas_product(1, length, d, rows, x, full + i);
    }
}

/* The union of the batch's selections, if it is at most `most` neurons; else 0. */
static size_t unite(const struct midl_selection *s, size_t n, size_t most,
                    struct gather_state *state)
{
    size_t united = 0;
    memset(state->place, 0, n * sizeof *state->place);
    for (size_t b = 0; b < s->batch; b++)
        for (size_t i = 0; i < s->count[b]; i++)
            state->place[s->index[b * s->stride + i]] = 1;
    for (size_t j = 0; j < n; j++)
        united += state->place[j];
    if (united > most)
        return 0;
    united = 0;
    for (size_t j = 0; j < n; j++) {
        if (!state->place[j])
            continue;
        state->united[united] = (uint32_t)j;
        state->place[j] = (uint32_t)united++;
    }
    return united;
}

/* F of all inputs at the union's neurons: full [B][united]. */
static void full_compact(const struct midl_layer *layer, const struct variant_batch *call,
                         size_t united, struct gather_state *state)
{
    size_t d = layer->shape.d;
    for (size_t i = 0; i < united; i++)
        memcpy(state->rows + i * d, layer->full_weight + state->united[i] * d,
               d * sizeof *state->rows);
    for (size_t b = 0; b < call->batch; b++)
        for (size_t i = 0; i < united; i++)
            state->full[b * united + i] = layer->full_bias[state->united[i]];
    blas_product(call->batch, united, d, state->rows, call->x, state->full);
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *call)
{
    const struct midl_selection *s = call->selection;
    struct gather_state *state = opaque;
    size_t d = env->layer.shape.d, n = env->layer.shape.n, united = 0;
    struct host_settings host = host_begin(env->threads);
    if (state->rows && call->batch >= COMPACT_BATCH)
        united = unite(s, n, n / 2, state);
    if (united > 0)
        full_compact(&env->layer, call, united, state);
    for (size_t b = 0; b < call->batch; b++) {
        const uint32_t *index = s->index + b * s->stride;
        const float *gate = s->gate + b * s->stride;
        float *y = call->y + b * n;
        if (united == 0)
            full_by_runs(&env->layer, call->x + b * d, index, s->count[b], state->full);
        for (size_t i = 0; i < s->count[b]; i++) {
            float full =
                united > 0 ? state->full[b * united + state->place[index[i]]] : state->full[i];
            y[index[i]] = midl_blend(full, y[index[i]], gate[i]);
        }
    }
    host_end(&host);
}

MIDL_IMPL(gather) = {.create = create, .run = run, .destroy = destroy};

#else
MIDL_IMPL(gather) = {.unavailable = MIDL_WITHOUT_OPENBLAS};
#endif

/* low_rank.c - the light path alone, y = U (V x) + c: no gate, no selection, no full path. It is
 * what a plain low-rank layer costs, the alternative that selection has to beat; its rank is the
 * shape's r.
 *
 * The same packed panels as the shared routine's (layer.c). Threads take inputs of their own where
 * there are enough of them, else panels. */
#include <stdlib.h>

#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(low_rank);

enum { CHUNK = 48 }; /* inputs whose projections a near cache holds */

struct low_rank {
    float *down, *up; /* V and U in panels */
    float *projected; /* V x: [B][ranks] */
    size_t ranks;     /* rows of V in whole panels */
};

static void destroy(void *data)
{
    struct low_rank *state = data;
    free(state->down);
    free(state->projected);
    free(state);
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_layer *layer = &env->layer;
    const struct midl_shape *s = &layer->shape;
    struct low_rank *state = calloc(1, sizeof *state);
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    state->ranks = (s->r + MIDL_PANEL - 1) / MIDL_PANEL * MIDL_PANEL;
    size_t down = midl_panels_size(state->ranks, s->d), up = midl_panels_size(s->n, s->r);
    state->down = midl_take(down + up, sizeof(float), bytes);
    state->projected = midl_take(env->max_batch * state->ranks, sizeof(float), bytes);
    if (!state->down || !state->projected) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    state->up = state->down + down;
    midl_panels_pack(state->ranks, s->d, 0, s->r, layer->light_down, state->down);
    midl_panels_pack(s->n, s->r, 0, s->n, layer->light_up, state->up);
    *bytes += sizeof *state;
    *ret_state = state;
    return MIDL_OK;
}

struct low_rank_call {
    const struct variant_env *env;
    const struct low_rank *state;
    const struct variant_batch *batch;
};

/* V x of `count` inputs from `first` on, by share `part` of `parts` of its panels. */
static void down(const struct low_rank_call *call, size_t first, size_t count, size_t part,
                 size_t parts)
{
    const struct low_rank *state = call->state;
    size_t d = call->env->layer.shape.d, panels = state->ranks / MIDL_PANEL;
    call->env->ops->panels(parallel_share(panels, 1, part, parts),
                           parallel_share(panels, 1, part + 1, parts), state->ranks, d, state->down,
                           NULL, count, call->batch->x + first * d, d,
                           state->projected + first * state->ranks, state->ranks);
}

/* y of the same inputs. */
static void up(const struct low_rank_call *call, size_t first, size_t count, size_t part,
               size_t parts)
{
    const struct low_rank *state = call->state;
    const struct midl_layer *layer = &call->env->layer;
    size_t n = layer->shape.n, panels = (n + MIDL_PANEL - 1) / MIDL_PANEL;
    call->env->ops->panels(parallel_share(panels, MIDL_BUNDLE, part, parts),
                           parallel_share(panels, MIDL_BUNDLE, part + 1, parts), n, layer->shape.r,
                           state->up, layer->light_bias, count,
                           state->projected + first * state->ranks, state->ranks,
                           call->batch->y + first * n, n);
}

static void low_rank_part(void *data)
{
    const struct low_rank_call *call = data;
    size_t batch = call->batch->batch, part = parallel_part(), parts = parallel_parts();
    if (!parallel_by_inputs(batch, 1)) {
        down(call, 0, batch, part, parts);
#pragma omp barrier
        up(call, 0, batch, part, parts);
        return;
    }
    size_t last = parallel_bound(batch, 1, part + 1);
    for (size_t first = parallel_bound(batch, 1, part); first < last; first += CHUNK) {
        size_t count = last - first < CHUNK ? last - first : CHUNK;
        down(call, first, count, 0, 1);
        up(call, first, count, 0, 1);
    }
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct low_rank_call call = {env, state, batch};
    parallel_run(env->threads, low_rank_part, &call);
}

MIDL_IMPL(low_rank) = {.create = create, .run = run, .destroy = destroy};

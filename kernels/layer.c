/* layer.c - gate, light path and selection: one routine for all variants, so that all select the
 * same neurons and differ in the full path alone.
 *
 * Both down-projections (V, Q) are one product, [V; Q] x, and every weight but a full gate's is
 * packed in panels; that gate is used as it lies. Then each input's logits are searched for the k
 * largest, and only these k get a sigmoid, which increases and so doesn't change their order.
 *
 * All panels lie in one array, in the order in which they are read: at n = 4096, where they come
 * from memory, that is large enough for huge pages. From arrays of their own, in small pages, the
 * up-projections took 1.6 to 2.1 times as long (Zen 4).
 */
#include "layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parallel.h"

/* So many inputs go through all products before their logits are searched: few enough that a near
 * cache still holds these, and whole tiles of six. */
static size_t chunk_inputs(const struct midl_shape *shape)
{
    return shape->n < 1024 ? 48 : 24;
}

struct layer_state {
    float *down;               /* V and below it Q: panels, and behind them those of */
    float *light_up, *gate_up; /* the up-projections */
    float *projected;          /* V x and Q x: [chunk][ranks] */
    size_t ranks;              /* rows of V and Q, in whole panels */
    float *logits;             /* [chunk][n], or [B][n] if they are kept */
    float *work;               /* [threads][work_size] */
    size_t work_size;
    uint32_t *index, *count; /* [B][k], [B] */
    float *gate;             /* [B][k] */
    bool *ranked;            /* [B]: no logit is NaN */
    struct midl_selection selection;
};

/* An array or NULL; *ok becomes false when there is no memory. */
static void *take(size_t count, size_t element_bytes, size_t *bytes, bool *ok)
{
    void *array = midl_take(count, element_bytes, bytes);
    *ok = *ok && array;
    return array;
}

/* What the gate's up-projection reads. */
static size_t gate_rank(const struct midl_shape *s)
{
    return s->gate == MIDL_GATE_SHARED ? s->r : s->rg;
}

/* Take the array of all panels, and say where each matrix begins. */
static void take_panels(struct layer_state *state, const struct midl_shape *s, size_t *bytes,
                        bool *ok)
{
    size_t down = midl_panels_size(state->ranks, s->d), light = midl_panels_size(s->n, s->r);
    size_t gate = s->gate == MIDL_GATE_FULL ? 0 : midl_panels_size(s->n, gate_rank(s));
    state->down = take(down + light + gate, sizeof(float), bytes, ok);
    if (!state->down)
        return;
    state->light_up = state->down + down;
    state->gate_up = state->light_up + light;
}

static void pack(struct layer_state *state, const struct midl_layer *layer)
{
    const struct midl_shape *s = &layer->shape;
    midl_panels_pack(state->ranks, s->d, 0, s->r, layer->light_down, state->down);
    if (s->gate == MIDL_GATE_LOWRANK)
        midl_panels_pack(state->ranks, s->d, s->r, s->rg, layer->gate_down, state->down);
    midl_panels_pack(s->n, s->r, 0, s->n, layer->light_up, state->light_up);
    if (s->gate != MIDL_GATE_FULL)
        midl_panels_pack(s->n, gate_rank(s), 0, s->n, layer->gate_up, state->gate_up);
}

enum midl_status layer_create(const struct variant_env *env, struct layer_state **ret,
                              size_t *bytes)
{
    const struct midl_shape *s = &env->layer.shape;
    struct layer_state *state = calloc(1, sizeof *state);
    size_t B = env->max_batch, most = chunk_inputs(s), chunk = B < most ? B : most;
    size_t ranks = s->r + (s->gate == MIDL_GATE_LOWRANK ? s->rg : 0);
    bool ok = state != NULL;
    if (!ok)
        return MIDL_NO_MEMORY;
    state->work_size = MIDL_TOPK_WORK(s->n);
    state->ranks = (ranks + MIDL_PANEL - 1) / MIDL_PANEL * MIDL_PANEL;
    take_panels(state, s, bytes, &ok);
    state->projected = take(chunk * state->ranks, sizeof(float), bytes, &ok);
    state->logits = take((env->keep_logits ? B : chunk) * s->n, sizeof(float), bytes, &ok);
    state->work = take((size_t)env->threads * state->work_size, sizeof(float), bytes, &ok);
    state->index = take(B * s->k, sizeof *state->index, bytes, &ok);
    state->count = take(B, sizeof *state->count, bytes, &ok);
    state->gate = take(B * s->k, sizeof(float), bytes, &ok);
    state->ranked = take(B, sizeof *state->ranked, bytes, &ok);
    if (!ok) {
        layer_destroy(state);
        return MIDL_NO_MEMORY;
    }
    pack(state, &env->layer);
    state->selection = (struct midl_selection){
        .stride = s->k, .index = state->index, .count = state->count, .gate = state->gate};
    *ret = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

void layer_destroy(struct layer_state *state)
{
    if (!state)
        return;
    free(state->down);
    free(state->projected);
    free(state->logits);
    free(state->work);
    free(state->index);
    free(state->count);
    free(state->gate);
    free(state->ranked);
    free(state);
}

const struct midl_selection *layer_selection(const struct layer_state *state)
{
    return &state->selection;
}

const float *layer_logits(const struct layer_state *state)
{
    return state->logits;
}

/* Keep the entries whose gate is above the threshold. */
static size_t above_threshold(float threshold, size_t count, uint32_t *index, float *gate)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(gate[i] > threshold))
            continue;
        index[kept] = index[i];
        gate[kept++] = gate[i];
    }
    return kept;
}

/* Of the inputs from `first` on, where a chunk begins. */
static float *chunk_logits(const struct variant_env *env, const struct layer_state *state,
                           size_t first)
{
    return state->logits + (env->keep_logits ? first * env->layer.shape.n : 0);
}

/* The gate of input b, whose logits were ranked or hold a NaN. */
static void gate_input(const struct variant_env *env, struct layer_state *state, size_t b)
{
    const struct midl_shape *s = &env->layer.shape;
    float *gate = state->gate + b * s->k;
    size_t count = state->ranked[b] ? s->k : 0;
    env->ops->sigmoid(count, gate);
    if (s->select == MIDL_SELECT_THRESHOLD)
        count = above_threshold(s->threshold, count, state->index + b * s->k, gate);
    state->count[b] = (uint32_t)count;
}

/* Select for the inputs [first, last). */
static void select_inputs(const struct variant_env *env, struct layer_state *state, size_t first,
                          size_t last, const float *logits, struct midl_topk_guess *guess,
                          float *work)
{
    const struct midl_shape *s = &env->layer.shape;
    uint32_t *index = state->index + first * s->k;
    float *gate = state->gate + first * s->k;
    bool *ranked = state->ranked + first;
    if (s->select == MIDL_SELECT_BLOCK)
        env->ops->topk_blocks(last - first, s->n, s->k, s->block, logits, guess, work, index, gate,
                              ranked);
    else
        env->ops->topk(last - first, s->n, s->k, logits, guess, work, index, gate, ranked);
    for (size_t b = first; b < last; b++)
        gate_input(env, state, b);
}

/* unselected = zero: y keeps L at the selected neurons only. */
static void clear_unselected(const struct midl_shape *shape, const struct layer_state *state,
                             size_t b, float *y)
{
    size_t next = 0;
    for (size_t i = 0; i < state->count[b]; i++) {
        size_t j = state->index[b * shape->k + i];
        memset(y + next, 0, (j - next) * sizeof *y);
        next = j + 1;
    }
    memset(y + next, 0, (shape->n - next) * sizeof *y);
}

struct layer_call {
    const struct variant_env *env;
    struct layer_state *state;
    size_t batch;
    const float *x;
    float *y;
};

/* This thread's part of V x and Q x: some panels, and where threads outnumber these, some inputs.
 */
static void down_part(const struct layer_call *call, size_t count, const float *x)
{
    const struct layer_state *state = call->state;
    size_t K = call->env->layer.shape.d, N = state->ranks, panels = N / MIDL_PANEL;
    size_t part = parallel_part(), parts = parallel_parts();
    size_t across = parts < panels ? parts : panels, rows = parts / across;
    size_t first = panels * (part % across) / across, row = part / across;
    size_t last = panels * (part % across + 1) / across, b = count * row / rows;
    if (row < rows)
        call->env->ops->panels(first, last, N, K, state->down, NULL, count * (row + 1) / rows - b,
                               x + b * K, K, state->projected + b * N, N);
}

/* This thread's part of a product with n rows of K: as many bundles of panels, or rows. */
static void up_part(const struct layer_call *call, size_t K, const float *packed, const float *bias,
                    size_t count, const float *x, float *y)
{
    size_t N = call->env->layer.shape.n, panels = (N + MIDL_PANEL - 1) / MIDL_PANEL;
    size_t part = parallel_part();
    call->env->ops->panels(parallel_bound(panels, MIDL_BUNDLE, part),
                           parallel_bound(panels, MIDL_BUNDLE, part + 1), N, K, packed, bias, count,
                           x, call->state->ranks, y, N);
}

static void full_gate_part(const struct layer_call *call, size_t count, const float *x, float *y)
{
    const struct midl_layer *layer = &call->env->layer;
    size_t n = layer->shape.n, d = layer->shape.d, part = parallel_part();
    call->env->ops->rows(parallel_bound(n, 8, part), parallel_bound(n, 8, part + 1), d,
                         layer->gate_weight, layer->gate_bias, count, x, d, y, n);
}

/* This thread's part of y = L and the logits of `count` inputs from `first` on. */
static void products_part(const struct layer_call *call, size_t first, size_t count)
{
    const struct layer_state *state = call->state;
    const struct midl_layer *layer = &call->env->layer;
    const struct midl_shape *s = &layer->shape;
    const float *x = call->x + first * s->d, *gate_down = state->projected;
    float *logits = chunk_logits(call->env, state, first);
    down_part(call, count, x);
#pragma omp barrier
    if (s->gate == MIDL_GATE_FULL)
        full_gate_part(call, count, x, logits);
    up_part(call, s->r, state->light_up, layer->light_bias, count, state->projected,
            call->y + first * s->n);
    if (s->gate == MIDL_GATE_LOWRANK)
        gate_down += s->r;
    if (s->gate != MIDL_GATE_FULL)
        up_part(call, gate_rank(s), state->gate_up, layer->gate_bias, count, gate_down, logits);
}

/* One thread's share of everything, some inputs at a time; the barriers separate what reads from
 * what wrote. */
static void layer_part(void *data)
{
    const struct layer_call *call = data;
    const struct midl_shape *s = &call->env->layer.shape;
    float *work = call->state->work + parallel_part() * call->state->work_size;
    struct midl_topk_guess guess = {0}; /* from input to input of this call */
    size_t most = chunk_inputs(s);
    for (size_t first = 0; first < call->batch; first += most) {
        size_t count = call->batch - first < most ? call->batch - first : most;
        size_t own = first + parallel_bound(count, 1, parallel_part());
        size_t last = first + parallel_bound(count, 1, parallel_part() + 1);
        products_part(call, first, count);
#pragma omp barrier
        select_inputs(call->env, call->state, own, last,
                      chunk_logits(call->env, call->state, first) + (own - first) * s->n, &guess,
                      work);
        for (size_t b = own; s->unselected == MIDL_UNSELECTED_ZERO && b < last; b++)
            clear_unselected(s, call->state, b, call->y + b * s->n);
    }
}

enum midl_status layer_run(const struct variant_env *env, struct layer_state *state, size_t batch,
                           const float *x, float *y)
{
    enum midl_status status = MIDL_OK;
    struct layer_call call = {env, state, batch, x, y};
    parallel_run(env->threads, layer_part, &call);
    state->selection.batch = batch;
    for (size_t b = 0; b < batch; b++)
        if (!state->ranked[b])
            status = MIDL_NAN_LOGIT;
    return status;
}

void layer_mark_nan(const struct variant_env *env, const struct layer_state *state, float *y)
{
    size_t n = env->layer.shape.n;
    for (size_t b = 0; b < state->selection.batch; b++)
        for (size_t j = 0; !state->ranked[b] && j < n; j++)
            y[b * n + j] = NAN;
}

/* layer.c - gate, light path and selection: one routine for all variants, so that all select the
 * same neurons and differ in the full path alone.
 *
 * Down-projections (V, Q) and a full gate have long rows and are used as they lie; up-projections
 * (U, P) have short ones and are packed in panels. Then each input's logits are searched for the k
 * largest, and only these k get a sigmoid, which increases and so doesn't change their order.
 */
#include "layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parallel.h"

enum { CHUNK = 64 }; /* inputs whose logits are searched while a near cache holds them */

struct layer_state {
    float *light_up, *gate_up;     /* panels */
    float *light_down, *gate_down; /* V x: [chunk][r], Q x: [chunk][rg] */
    float *logits;                 /* [B][n] */
    float *work;                   /* [threads][work_size] */
    size_t work_size;
    uint32_t *index, *count; /* [B][k], [B] */
    float *gate;             /* [B][k] */
    bool *nan;               /* [B] */
    struct midl_selection selection;
};

/* An array or NULL; *ok becomes false when there is no memory. */
static void *take(size_t count, size_t element_bytes, size_t *bytes, bool *ok)
{
    void *array = midl_take(count, element_bytes, bytes);
    *ok = *ok && array;
    return array;
}

static void pack(struct layer_state *state, const struct midl_layer *layer)
{
    const struct midl_shape *s = &layer->shape;
    midl_panels_pack(s->n, s->r, layer->light_up, state->light_up);
    if (s->gate != MIDL_GATE_FULL)
        midl_panels_pack(s->n, s->gate == MIDL_GATE_SHARED ? s->r : s->rg, layer->gate_up,
                         state->gate_up);
}

enum midl_status layer_create(const struct variant_env *env, struct layer_state **ret,
                              size_t *bytes)
{
    const struct midl_shape *s = &env->layer.shape;
    struct layer_state *state = calloc(1, sizeof *state);
    size_t B = env->max_batch, chunk = B < CHUNK ? B : CHUNK;
    size_t gate_rank = s->gate == MIDL_GATE_SHARED ? s->r : s->rg;
    bool ok = state != NULL;
    if (!ok)
        return MIDL_NO_MEMORY;
    state->work_size = MIDL_TOPK_WORK(s->n);
    state->light_up = take(midl_panels_size(s->n, s->r), sizeof(float), bytes, &ok);
    state->light_down = take(chunk * s->r, sizeof(float), bytes, &ok);
    if (s->gate != MIDL_GATE_FULL)
        state->gate_up = take(midl_panels_size(s->n, gate_rank), sizeof(float), bytes, &ok);
    if (s->gate == MIDL_GATE_LOWRANK)
        state->gate_down = take(chunk * s->rg, sizeof(float), bytes, &ok);
    state->logits = take(B * s->n, sizeof(float), bytes, &ok);
    state->work = take((size_t)env->threads * state->work_size, sizeof(float), bytes, &ok);
    state->index = take(B * s->k, sizeof *state->index, bytes, &ok);
    state->count = take(B, sizeof *state->count, bytes, &ok);
    state->gate = take(B * s->k, sizeof(float), bytes, &ok);
    state->nan = take(B, sizeof *state->nan, bytes, &ok);
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
    free(state->light_up);
    free(state->gate_up);
    free(state->light_down);
    free(state->gate_down);
    free(state->logits);
    free(state->work);
    free(state->index);
    free(state->count);
    free(state->gate);
    free(state->nan);
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

/* This thread's part of rows, or of panels, of one product. */
static void rows_part(const struct variant_env *env, size_t N, size_t K, const float *W,
                      const float *bias, size_t B, const float *x, float *y)
{
    size_t part = parallel_part();
    env->ops->rows(parallel_bound(N, 8, part), parallel_bound(N, 8, part + 1), K, W, bias, B, x, K,
                   y, N);
}

static void panels_part(const struct variant_env *env, size_t K, const float *packed,
                        const float *bias, size_t B, const float *x, float *y)
{
    size_t N = env->layer.shape.n, panels = (N + MIDL_PANEL - 1) / MIDL_PANEL;
    size_t part = parallel_part();
    env->ops->panels(parallel_bound(panels, 8, part), parallel_bound(panels, 8, part + 1), N, K,
                     packed, bias, B, x, K, y, N);
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

/* Select for input b. */
static void select_input(const struct variant_env *env, struct layer_state *state, size_t b,
                         float *work)
{
    const struct midl_shape *s = &env->layer.shape;
    const float *logits = state->logits + b * s->n;
    uint32_t *index = state->index + b * s->k;
    float *gate = state->gate + b * s->k;
    size_t count = s->k;
    bool ranked = s->select == MIDL_SELECT_BLOCK
                      ? env->ops->topk_blocks(s->n, s->k, s->block, logits, work, index, gate)
                      : env->ops->topk(s->n, s->k, logits, work, index, gate);
    state->nan[b] = !ranked;
    state->count[b] = 0;
    if (!ranked)
        return;
    env->ops->sigmoid(count, gate);
    if (s->select == MIDL_SELECT_THRESHOLD)
        count = above_threshold(s->threshold, count, index, gate);
    state->count[b] = (uint32_t)count;
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

/* This thread's part of y = L and the logits of `count` inputs from `first` on. */
static void products_part(const struct layer_call *call, size_t first, size_t count)
{
    const struct variant_env *env = call->env;
    const struct layer_state *state = call->state;
    const struct midl_layer *layer = &env->layer;
    const struct midl_shape *s = &layer->shape;
    const float *x = call->x + first * s->d;
    float *logits = state->logits + first * s->n;
    rows_part(env, s->r, s->d, layer->light_down, NULL, count, x, state->light_down);
    if (s->gate == MIDL_GATE_LOWRANK)
        rows_part(env, s->rg, s->d, layer->gate_down, NULL, count, x, state->gate_down);
    if (s->gate == MIDL_GATE_FULL)
        rows_part(env, s->n, s->d, layer->gate_weight, layer->gate_bias, count, x, logits);
#pragma omp barrier
    panels_part(env, s->r, state->light_up, layer->light_bias, count, state->light_down,
                call->y + first * s->n);
    if (s->gate == MIDL_GATE_LOWRANK)
        panels_part(env, s->rg, state->gate_up, layer->gate_bias, count, state->gate_down, logits);
    if (s->gate == MIDL_GATE_SHARED)
        panels_part(env, s->r, state->gate_up, layer->gate_bias, count, state->light_down, logits);
}

/* One thread's share of everything, CHUNK inputs at a time; the barriers separate what reads from
 * what wrote. */
static void layer_part(void *data)
{
    const struct layer_call *call = data;
    const struct midl_shape *s = &call->env->layer.shape;
    float *work = call->state->work + parallel_part() * call->state->work_size;
    for (size_t first = 0; first < call->batch; first += CHUNK) {
        size_t count = call->batch - first < CHUNK ? call->batch - first : CHUNK;
        size_t last = first + parallel_bound(count, 1, parallel_part() + 1);
        products_part(call, first, count);
#pragma omp barrier
        for (size_t b = first + parallel_bound(count, 1, parallel_part()); b < last; b++) {
            select_input(call->env, call->state, b, work);
            if (s->unselected == MIDL_UNSELECTED_ZERO)
                clear_unselected(s, call->state, b, call->y + b * s->n);
        }
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
        if (state->nan[b])
            status = MIDL_NAN_LOGIT;
    return status;
}

void layer_mark_nan(const struct variant_env *env, const struct layer_state *state, float *y)
{
    size_t n = env->layer.shape.n;
    for (size_t b = 0; b < state->selection.batch; b++)
        for (size_t j = 0; state->nan[b] && j < n; j++)
            y[b * n + j] = NAN;
}

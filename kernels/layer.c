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

enum { CHUNK = 48 }; /* inputs, at most */

/* The number of inputs that go through all products before their logits are searched: few enough
 * that a near cache still holds these, and whole tiles of six. */
static size_t chunk_inputs(const struct midl_shape *shape, size_t inputs)
{
    size_t most = shape->n < 1024 ? CHUNK : CHUNK / 2;
    return inputs < most ? inputs : most;
}

struct layer_state {
    float *down;               /* V and below it Q: panels, and behind them those of */
    float *light_up, *gate_up; /* the up-projections */
    size_t ranks;              /* rows of V and Q, in whole panels */
    size_t chunk, own;         /* inputs at a time of all threads together, of one with its own */
    float *projected;          /* V x and Q x: [chunk][ranks], or [threads][own][ranks] */
    float *logits;             /* [chunk][n], or [threads][own][n]; [B][n] if they are kept */
    float *work;               /* [threads][work_size] */
    size_t work_size;
    uint32_t *index, *count; /* [B][k], [B] */
    float *gate;             /* [B][k], and a vector more to read */
    uint8_t *bits;           /* [B][MIDL_BITS(n)] */
    bool *ranked;            /* [B]: no logit is NaN */
    float least;             /* under threshold: the smallest logit that is selected */
    struct midl_selection selection;
};

/* An array or NULL; *ok becomes false when there is no memory. */
static void *take(size_t count, size_t element_bytes, size_t *bytes, bool *ok)
{
    void *array = midl_take(count, element_bytes, bytes);
    *ok = *ok && array;
    return array;
}

/* The width that the gate's up-projection reads. */
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

/* The smallest logit whose gate is above the threshold, by halving. */
static float least_logit(const struct simd_ops *ops, float threshold)
{
    float low = -128, high = 32; /* gates of 0 and 1 */
    for (float middle = -48; middle > low && middle < high; middle = low + (high - low) / 2) {
        float gate = middle;
        ops->sigmoid(1, &gate);
        *(gate > threshold ? &high : &low) = middle;
    }
    return high;
}

enum midl_status layer_create(const struct variant_env *env, struct layer_state **ret,
                              size_t *bytes)
{
    const struct midl_shape *s = &env->layer.shape;
    struct layer_state *state = calloc(1, sizeof *state);
    size_t B = env->max_batch, threads = (size_t)env->threads, inputs;
    size_t ranks = s->r + (s->gate == MIDL_GATE_LOWRANK ? s->rg : 0);
    bool ok = state != NULL;
    if (!ok)
        return MIDL_NO_MEMORY;
    state->chunk = chunk_inputs(s, B);
    state->own = chunk_inputs(s, (B + threads - 1) / threads);
    inputs = threads <= 2 * B ? threads * state->own : 0; /* else threads never have inputs */
    inputs = inputs > state->chunk ? inputs : state->chunk;
    state->work_size = MIDL_TOPK_WORK(s->n);
    state->ranks = (ranks + MIDL_PANEL - 1) / MIDL_PANEL * MIDL_PANEL;
    take_panels(state, s, bytes, &ok);
    state->projected = take(inputs * state->ranks, sizeof(float), bytes, &ok);
    state->logits = take((env->keep_logits ? B : inputs) * s->n, sizeof(float), bytes, &ok);
    state->work = take(threads * state->work_size, sizeof(float), bytes, &ok);
    state->index = take(B * s->k, sizeof *state->index, bytes, &ok);
    state->count = take(B, sizeof *state->count, bytes, &ok);
    state->gate = take(B * s->k + MIDL_PANEL, sizeof(float), bytes, &ok);
    state->bits = take(B, MIDL_BITS(s->n), bytes, &ok);
    state->ranked = take(B, sizeof *state->ranked, bytes, &ok);
    if (!ok) {
        layer_destroy(state);
        return MIDL_NO_MEMORY;
    }
    pack(state, &env->layer);
    if (s->select == MIDL_SELECT_THRESHOLD)
        state->least = least_logit(env->ops, s->threshold);
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
    free(state->bits);
    free(state->ranked);
    free(state);
}

const struct midl_selection *layer_selection(const struct layer_state *state)
{
    return &state->selection;
}

const uint8_t *layer_bits(const struct layer_state *state)
{
    return state->bits;
}

const float *layer_logits(const struct layer_state *state)
{
    return state->logits;
}

/* Keep the entries whose gate is above the threshold: all but a few whose logit is next to it. */
static size_t above_threshold(float threshold, size_t count, uint32_t *index, float *gate,
                              uint8_t *bits)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(gate[i] > threshold)) {
            bits[index[i] / 8] &= (uint8_t) ~(1u << index[i] % 8);
            continue;
        }
        index[kept] = index[i];
        gate[kept++] = gate[i];
    }
    return kept;
}

/* The gates of input b, whose logits were ranked or hold a NaN, with `count` of them selected. */
static void gate_input(const struct variant_env *env, struct layer_state *state, size_t b,
                       bool ranked, size_t count)
{
    const struct midl_shape *s = &env->layer.shape;
    float *gate = state->gate + b * s->k;
    uint8_t *bits = state->bits + b * MIDL_BITS(s->n);
    if (!ranked) {
        count = 0;
        memset(bits, 0, MIDL_BITS(s->n));
    }
    env->ops->sigmoid(count, gate);
    if (s->select == MIDL_SELECT_THRESHOLD)
        count = above_threshold(s->threshold, count, state->index + b * s->k, gate, bits);
    state->count[b] = (uint32_t)count;
}

/* Where the results of input b go. */
static struct midl_chosen chosen_from(const struct variant_env *env,
                                      const struct layer_state *state, size_t b, bool *ranked)
{
    const struct midl_shape *s = &env->layer.shape;
    return (struct midl_chosen){.index = state->index + b * s->k,
                                .value = state->gate + b * s->k,
                                .bits = state->bits + b * MIDL_BITS(s->n),
                                .ranked = ranked};
}

/* Under threshold: what passes it, and the k largest where that is more. */
static void select_above(const struct variant_env *env, struct layer_state *state, size_t b,
                         const float *logits, struct midl_topk_guess *guess, float *work,
                         bool *ranked)
{
    const struct midl_shape *s = &env->layer.shape;
    const struct midl_chosen chosen = chosen_from(env, state, b, ranked);
    size_t count = env->ops->at_least(s->n, s->k, state->least, logits, &chosen);
    if (count > s->k) {
        env->ops->topk(1, s->n, s->k, logits, guess, work, &chosen);
        count = s->k;
    }
    gate_input(env, state, b, *ranked, count);
}

/* Select for `count` inputs of a chunk, from `first` on. Threads are neighbours in `ranked`, which
 * is therefore written once. */
static void select_inputs(const struct variant_env *env, struct layer_state *state, size_t first,
                          size_t count, const float *logits, struct midl_topk_guess *guess,
                          float *work)
{
    const struct midl_shape *s = &env->layer.shape;
    bool ranked[CHUNK];
    const struct midl_chosen chosen = chosen_from(env, state, first, ranked);
    if (s->select == MIDL_SELECT_BLOCK)
        env->ops->topk_blocks(count, s->n, s->k, s->block, logits, guess, work, &chosen);
    else if (s->select == MIDL_SELECT_TOPK)
        env->ops->topk(count, s->n, s->k, logits, guess, work, &chosen);
    for (size_t i = 0; i < count; i++) {
        if (s->select == MIDL_SELECT_THRESHOLD)
            select_above(env, state, first + i, logits + i * s->n, guess, work, ranked + i);
        else
            gate_input(env, state, first + i, ranked[i], s->k);
    }
    memcpy(state->ranked + first, ranked, count * sizeof *ranked);
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

/* The part of one thread: some inputs, and of their products some neurons. */
struct share {
    const struct layer_call *call;
    size_t first, last; /* inputs */
    size_t part, parts; /* of the neurons */
    float *projected;   /* [chunk][ranks] */
    float *logits;      /* of input `first`, or, unless they are kept, of each chunk */
    float *work;
};

/* Some inputs of a share. */
struct chunk {
    size_t count;
    const float *x;
    float *y, *logits;
};

/* Wait, because what follows reads what other threads wrote. */
static void wait_for_parts(const struct share *share)
{
    if (share->parts > 1) {
#pragma omp barrier
    }
}

/* V x and Q x: some panels, and where threads outnumber these, some inputs. */
static void down_part(const struct share *share, const struct chunk *chunk)
{
    const struct layer_state *state = share->call->state;
    size_t K = share->call->env->layer.shape.d, N = state->ranks, panels = N / MIDL_PANEL;
    size_t across = share->parts < panels ? share->parts : panels, rows = share->parts / across;
    size_t first = parallel_share(panels, 1, share->part % across, across);
    size_t last = parallel_share(panels, 1, share->part % across + 1, across);
    size_t row = share->part / across, b = parallel_share(chunk->count, 1, row, rows);
    if (row < rows)
        share->call->env->ops->panels(first, last, N, K, state->down, NULL,
                                      parallel_share(chunk->count, 1, row + 1, rows) - b,
                                      chunk->x + b * K, K, share->projected + b * N, N);
}

/* A product with n rows of K: as many bundles of panels. */
static void up_part(const struct share *share, size_t K, const float *packed, const float *bias,
                    size_t count, const float *x, float *y)
{
    size_t N = share->call->env->layer.shape.n, panels = (N + MIDL_PANEL - 1) / MIDL_PANEL;
    share->call->env->ops->panels(
        parallel_share(panels, MIDL_BUNDLE, share->part, share->parts),
        parallel_share(panels, MIDL_BUNDLE, share->part + 1, share->parts), N, K, packed, bias,
        count, x, share->call->state->ranks, y, N);
}

/* As many rows. */
static void full_gate_part(const struct share *share, const struct chunk *chunk)
{
    const struct midl_layer *layer = &share->call->env->layer;
    size_t n = layer->shape.n, d = layer->shape.d;
    share->call->env->ops->rows(parallel_share(n, 8, share->part, share->parts),
                                parallel_share(n, 8, share->part + 1, share->parts), d,
                                layer->gate_weight, layer->gate_bias, chunk->count, chunk->x, d,
                                chunk->logits, n);
}

/* y = L and the logits of a chunk. */
static void products_part(const struct share *share, const struct chunk *chunk)
{
    const struct layer_state *state = share->call->state;
    const struct midl_layer *layer = &share->call->env->layer;
    const struct midl_shape *s = &layer->shape;
    const float *gate_down = share->projected;
    down_part(share, chunk);
    wait_for_parts(share);
    if (s->gate == MIDL_GATE_FULL)
        full_gate_part(share, chunk);
    up_part(share, s->r, state->light_up, layer->light_bias, chunk->count, share->projected,
            chunk->y);
    if (s->gate == MIDL_GATE_LOWRANK)
        gate_down += s->r;
    if (s->gate != MIDL_GATE_FULL)
        up_part(share, gate_rank(s), state->gate_up, layer->gate_bias, chunk->count, gate_down,
                chunk->logits);
}

/* A share, some inputs at a time. Threads that share out neurons do so with inputs, too, once the
 * products are there. */
static void run_share(const struct share *share, size_t most)
{
    const struct layer_call *call = share->call;
    const struct midl_shape *s = &call->env->layer.shape;
    struct midl_topk_guess guess = {0}; /* from input to input of this call */
    for (size_t first = share->first; first < share->last; first += most) {
        size_t count = share->last - first < most ? share->last - first : most;
        size_t own = parallel_share(count, 1, share->part, share->parts);
        size_t end = parallel_share(count, 1, share->part + 1, share->parts);
        size_t kept = call->env->keep_logits ? first - share->first : 0;
        const struct chunk chunk = {.count = count,
                                    .x = call->x + first * s->d,
                                    .y = call->y + first * s->n,
                                    .logits = share->logits + kept * s->n};
        products_part(share, &chunk);
        wait_for_parts(share);
        select_inputs(call->env, call->state, first + own, end - own, chunk.logits + own * s->n,
                      &guess, share->work);
        for (size_t i = own; s->unselected == MIDL_UNSELECTED_ZERO && i < end; i++)
            clear_unselected(s, call->state, first + i, chunk.y + i * s->n);
    }
}

static void layer_part(void *data)
{
    const struct layer_call *call = data;
    const struct layer_state *state = call->state;
    size_t part = parallel_part(), n = call->env->layer.shape.n;
    struct share share = {.call = call,
                          .last = call->batch,
                          .part = part,
                          .parts = parallel_parts(),
                          .projected = state->projected,
                          .logits = state->logits,
                          .work = state->work + part * state->work_size};
    bool by_inputs = parallel_by_inputs(call->batch, 1);
    if (by_inputs) {
        share.first = parallel_bound(call->batch, 1, part);
        share.last = parallel_bound(call->batch, 1, part + 1);
        share.part = 0;
        share.parts = 1;
        share.projected += part * state->own * state->ranks;
        share.logits += (call->env->keep_logits ? share.first : part * state->own) * n;
    }
    run_share(&share, by_inputs ? state->own : state->chunk);
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

/* lists.c - batches with a selection of their own per input, without forming the union.
 *
 * The pairs (input, neuron) are turned around: for each neuron the list of the inputs that selected
 * it, by counting sort. One weight row then meets its inputs in a tile of 1 x C accumulators: each
 * weight is loaded once for C multiply-adds, each input value once for one. That is one load per
 * multiply-add and a little, which cores with two loads a cycle sustain if the inputs lie in the
 * first-level cache. So d is cut in blocks for which a chunk of the batch fits there, copied side
 * by side; W is read once per chunk. What remains is the sum across lanes, once per pair and block.
 */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(lists);

enum {
    CHUNK = 32,          /* inputs at a time */
    BLOCK_FLOATS = 8192, /* of a chunk's inputs in one block of d: 32 KiB */
    GROUP = 8            /* accumulators: inputs of one list at a time */
};

struct lists_state {
    float *x;        /* [blocks][chunk][block]: the inputs of a chunk, a block of d after another */
    uint32_t *start; /* [n + 1]: where a neuron's list begins */
    uint32_t *next;  /* [n]: cursor while lists are made and read */
    uint32_t *input; /* [pairs]: the lists: inputs by number in the chunk, ascending */
    float *sum;      /* [pairs]: W x for each pair, in the order of the lists */
};

static void destroy(void *opaque)
{
    struct lists_state *state = opaque;
    free(state->x);
    free(state->start);
    free(state->next);
    free(state->input);
    free(state->sum);
    free(state);
}

static size_t chunk_of(size_t max_batch)
{
    return max_batch < CHUNK ? max_batch : CHUNK;
}

/* Length of a block of d, a multiple of the vector. */
static size_t block_of(size_t chunk, size_t d)
{
    size_t block = BLOCK_FLOATS / chunk / VEC_LANES * VEC_LANES;
    size_t whole = (d + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
    return block < whole ? block : whole;
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct lists_state *state = calloc(1, sizeof *state);
    size_t chunk = chunk_of(env->max_batch), block = block_of(chunk, s->d), pairs = chunk * s->k;
    size_t floats = (s->d + block - 1) / block * block * chunk;
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    state->x = midl_array(floats, sizeof(float));
    state->start = midl_array(s->n + 1, sizeof(uint32_t));
    state->next = midl_array(s->n, sizeof(uint32_t));
    state->input = midl_array(pairs, sizeof(uint32_t));
    state->sum = midl_array(pairs, sizeof(float));
    if (!state->x || !state->start || !state->next || !state->input || !state->sum) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    *ret_state = state;
    *ret_bytes = sizeof *state + (floats + pairs) * sizeof(float) +
                 (2 * s->n + 1 + pairs) * sizeof(uint32_t);
    return MIDL_OK;
}

struct lists_call {
    const struct variant_env *env;
    struct lists_state *state;
    const struct variant_batch *batch;
    size_t first, count; /* the chunk's inputs */
    size_t block;
};

/* The lists of a chunk, by counting sort. */
static void make_lists(const struct lists_call *call)
{
    const struct midl_selection *s = call->batch->selection;
    struct lists_state *state = call->state;
    size_t n = call->env->layer.shape.n;
    memset(state->start, 0, (n + 1) * sizeof *state->start);
    for (size_t b = 0; b < call->count; b++) {
        const uint32_t *index = s->index + (call->first + b) * s->stride;
        for (size_t i = 0; i < s->count[call->first + b]; i++)
            state->start[index[i] + 1]++;
    }
    for (size_t j = 0; j < n; j++) {
        state->start[j + 1] += state->start[j];
        state->next[j] = state->start[j];
    }
    for (size_t b = 0; b < call->count; b++) {
        const uint32_t *index = s->index + (call->first + b) * s->stride;
        for (size_t i = 0; i < s->count[call->first + b]; i++)
            state->input[state->next[index[i]]++] = (uint32_t)b;
    }
    memcpy(state->next, state->start, n * sizeof *state->next);
}

/* Copy the chunk's inputs, block after block, the last one filled with zeros. */
static void copy_inputs(const struct lists_call *call)
{
    size_t d = call->env->layer.shape.d, block = call->block;
    float *to = call->state->x;
    for (size_t at = 0; at < d; at += block) {
        size_t length = d - at < block ? d - at : block;
        for (size_t b = 0; b < call->count; b++, to += block) {
            memcpy(to, call->batch->x + (call->first + b) * d + at, length * sizeof *to);
            memset(to + length, 0, (block - length) * sizeof *to);
        }
    }
}

/* sum[c] += w . x[input[c]] for C inputs; C is a compile-time constant. */
VEC_INLINE void list_tile(size_t C, size_t length, const float *w, const float *x, size_t block,
                          const uint32_t *input, float *sum)
{
    const float *at[GROUP];
    float dots[GROUP];
    vec acc[GROUP];
    size_t i = 0;
#pragma GCC unroll 8
    for (size_t c = 0; c < GROUP; c++) {
        at[c] = x + (c < C ? input[c] * block : 0);
        acc[c] = vec_set(0.0f);
    }
    for (; i + VEC_LANES <= length; i += VEC_LANES) {
        vec wv = vec_load(w + i);
#pragma GCC unroll 8
        for (size_t c = 0; c < C; c++)
            acc[c] = vec_fma(wv, vec_load(at[c] + i), acc[c]);
    }
    if (i < length) {
        vec wv = vec_load_part(w + i, length - i);
#pragma GCC unroll 8
        for (size_t c = 0; c < C; c++)
            acc[c] = vec_fma(wv, vec_load(at[c] + i), acc[c]);
    }
#pragma GCC unroll 8
    for (size_t c = 0; c < C; c += 4)
        vec_sum4(acc + c, dots + c);
#pragma GCC unroll 8
    for (size_t c = 0; c < C; c++)
        sum[c] += dots[c];
}

/* One block of one weight row against its whole list, in groups of nearly equal size. */
static void list_row(size_t length, const float *w, const float *x, size_t block, size_t count,
                     const uint32_t *input, float *sum)
{
    size_t groups = (count + GROUP - 1) / GROUP;
    for (; groups > 0; groups--) {
        size_t C = (count + groups - 1) / groups;
        switch (C) {
        case 1:
            list_tile(1, length, w, x, block, input, sum);
            break;
        case 2:
            list_tile(2, length, w, x, block, input, sum);
            break;
        case 3:
            list_tile(3, length, w, x, block, input, sum);
            break;
        case 4:
            list_tile(4, length, w, x, block, input, sum);
            break;
        case 5:
            list_tile(5, length, w, x, block, input, sum);
            break;
        case 6:
            list_tile(6, length, w, x, block, input, sum);
            break;
        case 7:
            list_tile(7, length, w, x, block, input, sum);
            break;
        case 8:
            list_tile(8, length, w, x, block, input, sum);
            break;
        }
        count -= C;
        input += C;
        sum += C;
    }
}

/* All lists of neurons [first, last) over all of d. */
static void lists_rows(const struct lists_call *call, size_t first, size_t last)
{
    const struct lists_state *state = call->state;
    const struct midl_layer *layer = &call->env->layer;
    size_t d = layer->shape.d, block = call->block;
    for (size_t j = first; j < last; j++)
        for (size_t p = state->start[j]; p < state->start[j + 1]; p++)
            state->sum[p] = layer->full_bias[j];
    for (size_t at = 0; at < d; at += block) {
        const float *x = state->x + at * call->count;
        size_t length = d - at < block ? d - at : block;
        for (size_t j = first; j < last; j++) {
            size_t start = state->start[j];
            const float *w = layer->full_weight + j * d + at;
            list_row(length, w, x, block, state->start[j + 1] - start, state->input + start,
                     state->sum + start);
        }
    }
}

/* Blend, input by input: the cursors walk every neuron's list in the order it was made. */
static void blend_chunk(const struct lists_call *call)
{
    const struct midl_selection *s = call->batch->selection;
    struct lists_state *state = call->state;
    size_t n = call->env->layer.shape.n;
    for (size_t b = call->first; b < call->first + call->count; b++) {
        const uint32_t *index = s->index + b * s->stride;
        const float *gate = s->gate + b * s->stride;
        float *y = call->batch->y + b * n;
        for (size_t i = 0; i < s->count[b]; i++) {
            size_t j = index[i];
            y[j] = midl_blend(state->sum[state->next[j]++], y[j], gate[i]);
        }
    }
}

static void lists_part(void *data)
{
    const struct lists_call *call = data;
    size_t n = call->env->layer.shape.n, part = parallel_part();
    lists_rows(call, parallel_bound(n, 8, part), parallel_bound(n, 8, part + 1));
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *batch)
{
    size_t chunk = chunk_of(env->max_batch);
    struct lists_call call = {
        .env = env, .state = opaque, .batch = batch, .block = block_of(chunk, env->layer.shape.d)};
    for (call.first = 0; call.first < batch->batch; call.first += call.count) {
        size_t left = batch->batch - call.first;
        call.count = left < chunk ? left : chunk;
        make_lists(&call);
        copy_inputs(&call);
        parallel_run(env->threads, lists_part, &call);
        blend_chunk(&call);
    }
}

MIDL_IMPL(lists) = {.create = create, .run = run, .destroy = destroy};

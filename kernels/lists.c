/* lists.c - batches with a selection of their own per input, without forming the union.
 *
 * The pairs (input, neuron) are turned around: for each neuron the list of the inputs that selected
 * it, by counting sort. One weight row then meets its inputs in a tile of 1 x C accumulators: each
 * weight is loaded once for C multiply-adds, each input value once for one. That is one load per
 * multiply-add and a little, which cores with two loads a cycle sustain if the inputs lie in the
 * first-level cache.
 *
 * So d is cut in blocks of 256, for which a chunk of 32 inputs fits there (32 KiB). W is packed
 * block after block, to stream by in order, once a chunk; blocks are filled with zeros, so that a
 * tile is a straight line of code: with a loop over the block, the mispredicted end of each tile
 * cost a third of the speed. What remains is the sum across lanes, once per pair and block.
 */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(lists);

enum { CHUNK = 32, BLOCK = 256, STEPS = BLOCK / VEC_LANES };

/* Inputs of a list that go through one tile: as many accumulators as leave registers for operands.
 */
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_NEON)
enum { GROUP = 14 };
#else
enum { GROUP = 7 };
#endif

/* Apart by a cache line more than a block, so that the inputs' same offsets spread over the sets.
 */
enum { STRIDE = BLOCK + 16 };

struct lists_state {
    float *w;        /* [blocks][n][BLOCK]: W */
    float *x;        /* [blocks][chunk][STRIDE]: the inputs of a chunk */
    uint32_t *start; /* [n + 1]: where a neuron's list begins */
    uint32_t *next;  /* [n]: cursor while lists are made and read */
    uint32_t *input; /* [pairs]: the lists: inputs by number in the chunk, ascending */
    float *sum;      /* [pairs]: W x for each pair, in the order of the lists */
};

static void destroy(void *opaque)
{
    struct lists_state *state = opaque;
    free(state->w);
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

static size_t blocks_of(size_t d)
{
    return (d + BLOCK - 1) / BLOCK;
}

/* Row `row` of [.][d] in blocks: block i goes to to + i * apart. */
static void copy_row(size_t d, const float *row, float *to, size_t apart)
{
    for (size_t at = 0; at < d; at += BLOCK, to += apart) {
        size_t length = d - at < BLOCK ? d - at : BLOCK;
        memcpy(to, row + at, length * sizeof *to);
        memset(to + length, 0, (BLOCK - length) * sizeof *to);
    }
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct lists_state *state = calloc(1, sizeof *state);
    size_t chunk = chunk_of(env->max_batch), pairs = chunk * s->k;
    size_t w_floats = blocks_of(s->d) * s->n * BLOCK, x_floats = blocks_of(s->d) * chunk * STRIDE;
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    state->w = midl_array(w_floats, sizeof(float));
    state->x = midl_array(x_floats, sizeof(float));
    state->start = midl_array(s->n + 1, sizeof(uint32_t));
    state->next = midl_array(s->n, sizeof(uint32_t));
    state->input = midl_array(pairs, sizeof(uint32_t));
    state->sum = midl_array(pairs, sizeof(float));
    if (!state->w || !state->x || !state->start || !state->next || !state->input || !state->sum) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    for (size_t j = 0; j < s->n; j++)
        copy_row(s->d, env->layer.full_weight + j * s->d, state->w + j * BLOCK, s->n * BLOCK);
    *ret_state = state;
    *ret_bytes = sizeof *state + (w_floats + x_floats + pairs) * sizeof(float) +
                 (2 * s->n + 1 + pairs) * sizeof(uint32_t);
    return MIDL_OK;
}

struct lists_call {
    const struct variant_env *env;
    struct lists_state *state;
    const struct variant_batch *batch;
    size_t first, count; /* the chunk's inputs */
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

/* Tiles are straight-line code, one for each size: but not for the sanitizers, whose checks would
 * make megabytes of it. They run one tile of any size, which is the same but for the compiler's
 * unrolling. */
#if defined(__SANITIZE_ADDRESS__)
#define ONE_TILE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_TILE 1
#endif
#endif
#if defined(ONE_TILE)
#define UNROLL
#define TILE_INLINE static inline
#else
#define UNROLL _Pragma("GCC unroll 32")
#define TILE_INLINE VEC_INLINE
#endif

/* sum[c] += w . x[input[c]] over one block for C inputs. */
TILE_INLINE void list_tile(size_t C, const float *w, const float *x, const uint32_t *input,
                           float *sum)
{
    const float *at[16];
    vec acc[16];
    UNROLL
    for (size_t c = 0; c < 16; c++) {
        at[c] = x + (c < C ? input[c] * (size_t)STRIDE : 0);
        acc[c] = vec_set(0.0f);
    }
    UNROLL
    for (size_t i = 0; i < STEPS; i++) {
        vec wv = vec_load(w + i * VEC_LANES);
        UNROLL
        for (size_t c = 0; c < C; c++)
            acc[c] = vec_fma(wv, vec_load(at[c] + i * VEC_LANES), acc[c]);
    }
    vec_add_sums(C, acc, sum);
}

#if defined(ONE_TILE)

static void list_group(size_t C, const float *w, const float *x, const uint32_t *input, float *sum)
{
    list_tile(C, w, x, input, sum);
}

#else

#define TILE(C)                                                                                    \
    case C:                                                                                        \
        list_tile(C, w, x, input, sum);                                                            \
        break

static void list_group(size_t C, const float *w, const float *x, const uint32_t *input, float *sum)
{
    switch (C) {
        TILE(1);
        TILE(2);
        TILE(3);
        TILE(4);
        TILE(5);
        TILE(6);
        TILE(7);
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_NEON)
        TILE(8);
        TILE(9);
        TILE(10);
        TILE(11);
        TILE(12);
        TILE(13);
        TILE(14);
#endif
    }
}

#endif

/* One block of one weight row against its whole list, in groups of nearly equal size. */
static void list_row(const float *w, const float *x, size_t count, const uint32_t *input,
                     float *sum)
{
    for (size_t groups = (count + GROUP - 1) / GROUP; groups > 0; groups--) {
        size_t C = (count + groups - 1) / groups;
        list_group(C, w, x, input, sum);
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
    size_t n = layer->shape.n, blocks = blocks_of(layer->shape.d);
    for (size_t j = first; j < last; j++)
        for (size_t p = state->start[j]; p < state->start[j + 1]; p++)
            state->sum[p] = layer->full_bias[j];
    for (size_t i = 0; i < blocks; i++) {
        const float *w = state->w + i * n * BLOCK, *x = state->x + i * call->count * STRIDE;
        for (size_t j = first; j < last; j++) {
            size_t start = state->start[j];
            list_row(w + j * BLOCK, x, state->start[j + 1] - start, state->input + start,
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
    struct lists_call call = {.env = env, .state = opaque, .batch = batch};
    size_t chunk = chunk_of(env->max_batch), d = env->layer.shape.d;
    for (call.first = 0; call.first < batch->batch; call.first += call.count) {
        size_t left = batch->batch - call.first;
        call.count = left < chunk ? left : chunk;
        make_lists(&call);
        for (size_t b = 0; b < call.count; b++)
            copy_row(d, batch->x + (call.first + b) * d, call.state->x + b * STRIDE,
                     call.count * STRIDE);
        parallel_run(env->threads, lists_part, &call);
        blend_chunk(&call);
    }
}

MIDL_IMPL(lists) = {.create = create, .run = run, .destroy = destroy};

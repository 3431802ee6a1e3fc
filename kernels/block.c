/* block.c - block selection on packed blocks: sixteen neighbours are selected or left out together.
 *
 * The sixteen rows of a block are packed side by side, [n/16][d][16], so that a vector is sixteen
 * neurons and nothing is summed across lanes. As in lists.c the pairs are turned around: for each
 * block the list of the inputs that selected it, by counting sort; a block's weights are read once
 * and meet C inputs in C accumulators, each input value broadcast. Short lists (C <= 4) cut the sum
 * over d in four to have chains enough to hide the latency of the multiply-add. The blend is one
 * vector step a pair.
 */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/ops.h"
#include "simd/vec.h"
#include "variant.h"

extern MIDL_IMPL(block);

enum { LANES = MIDL_PANEL, VECS = LANES / VEC_LANES, GROUP = 12 / VECS > 4 ? 12 / VECS : 4 };

/* One input that selected a block: which, and where the block stands in the input's own list. */
struct member {
    uint32_t input, place;
};

struct block_state {
    float *w;               /* panels of W */
    uint32_t *start;        /* [n/16 + 1]: where a block's members begin */
    uint32_t *next;         /* [n/16]: cursor while the lists are made */
    struct member *members; /* [B k/16] */
};

static void destroy(void *opaque)
{
    struct block_state *state = opaque;
    free(state->w);
    free(state->start);
    free(state->next);
    free(state->members);
    free(state);
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct block_state *state = calloc(1, sizeof *state);
    size_t floats = midl_panels_size(s->n, s->d), blocks = s->n / LANES;
    size_t members = env->max_batch * (s->k / LANES);
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    state->w = midl_array(floats, sizeof *state->w);
    state->start = midl_array(blocks + 1, sizeof *state->start);
    state->next = midl_array(blocks, sizeof *state->next);
    state->members = midl_array(members, sizeof *state->members);
    if (!state->w || !state->start || !state->next || !state->members) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    midl_panels_pack(s->n, s->d, env->layer.full_weight, state->w);
    *ret_state = state;
    *ret_bytes = sizeof *state + floats * sizeof *state->w +
                 (2 * blocks + 1) * sizeof *state->start + members * sizeof *state->members;
    return MIDL_OK;
}

/* The members of every block, by counting sort. */
static void make_lists(const struct variant_env *env, struct block_state *state,
                       const struct midl_selection *s)
{
    size_t blocks = env->layer.shape.n / LANES;
    memset(state->start, 0, (blocks + 1) * sizeof *state->start);
    for (size_t b = 0; b < s->batch; b++)
        for (size_t i = 0; i < s->count[b]; i += LANES)
            state->start[s->index[b * s->stride + i] / LANES + 1]++;
    for (size_t j = 0; j < blocks; j++) {
        state->start[j + 1] += state->start[j];
        state->next[j] = state->start[j];
    }
    for (size_t b = 0; b < s->batch; b++)
        for (size_t i = 0; i < s->count[b]; i += LANES)
            state->members[state->next[s->index[b * s->stride + i] / LANES]++] =
                (struct member){(uint32_t)b, (uint32_t)i};
}

struct block_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
    struct block_state *state;
};

/* F of one block for C members into full [C][16]; the sum over d in S interleaved parts. C and S
 * are compile-time constants. */
VEC_INLINE void block_tile(const struct block_call *call, size_t C, size_t S, size_t block,
                           const struct member *members, float *full)
{
    size_t d = call->env->layer.shape.d, i = 0;
    const float *w = call->state->w + block * d * LANES, *x[GROUP];
    vec sum[16 * VECS];
#pragma GCC unroll 64
    for (size_t a = 0; a < C * S * VECS; a++)
        sum[a] = vec_set(0.0f);
    for (size_t c = 0; c < C; c++)
        x[c] = call->batch->x + members[c].input * d;
    for (; i + S <= d; i += S)
#pragma GCC unroll 4
        for (size_t part = 0; part < S; part++)
#pragma GCC unroll 4
            for (size_t v = 0; v < VECS; v++) {
                vec wv = vec_load(w + (i + part) * LANES + v * VEC_LANES);
#pragma GCC unroll 16
                for (size_t c = 0; c < C; c++)
                    sum[(c * S + part) * VECS + v] =
                        vec_fma(wv, vec_set(x[c][i + part]), sum[(c * S + part) * VECS + v]);
            }
    for (; i < d; i++)
        for (size_t v = 0; v < VECS; v++) {
            vec wv = vec_load(w + i * LANES + v * VEC_LANES);
#pragma GCC unroll 16
            for (size_t c = 0; c < C; c++)
                sum[c * S * VECS + v] = vec_fma(wv, vec_set(x[c][i]), sum[c * S * VECS + v]);
        }
#pragma GCC unroll 16
    for (size_t c = 0; c < C; c++)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECS; v++) {
            vec total = sum[c * S * VECS + v];
#pragma GCC unroll 4
            for (size_t part = 1; part < S; part++)
                total = total + sum[(c * S + part) * VECS + v];
            vec_store(full + c * LANES + v * VEC_LANES, total);
        }
}

#define TILE(C, S)                                                                                 \
    case C:                                                                                        \
        block_tile(call, C, S, block, members, full);                                              \
        break

static void block_group(const struct block_call *call, size_t C, size_t block,
                        const struct member *members, float *full)
{
    enum { PARTS = VECS == 1 ? 4 : 1 };
    switch (C) {
        TILE(1, PARTS);
        TILE(2, PARTS);
        TILE(3, PARTS);
        TILE(4, PARTS);
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2)
        TILE(5, 1);
        TILE(6, 1);
#endif
#if defined(MIDL_ISA_IS_AVX512)
        TILE(7, 1);
        TILE(8, 1);
        TILE(9, 1);
        TILE(10, 1);
        TILE(11, 1);
        TILE(12, 1);
#endif
    }
}

/* Blend the sixteen neurons of one member. */
static void blend_member(const struct block_call *call, size_t block, struct member member,
                         const float *full)
{
    const struct midl_layer *layer = &call->env->layer;
    const struct midl_selection *s = call->batch->selection;
    const float *gate = s->gate + member.input * s->stride + member.place;
    const float *bias = layer->full_bias + block * LANES;
    float *y = call->batch->y + member.input * layer->shape.n + block * LANES;
    for (size_t l = 0; l < LANES; l++)
        y[l] = midl_blend(bias[l] + full[l], y[l], gate[l]);
}

/* One block for all its members, in groups of nearly equal size. */
static void block_row(const struct block_call *call, size_t block)
{
    const struct member *members = call->state->members + call->state->start[block];
    size_t count = call->state->start[block + 1] - call->state->start[block];
    float full[GROUP * LANES];
    for (size_t groups = (count + GROUP - 1) / GROUP; groups > 0; groups--) {
        size_t C = (count + groups - 1) / groups;
        block_group(call, C, block, members, full);
        for (size_t c = 0; c < C; c++)
            blend_member(call, block, members[c], full + c * LANES);
        count -= C;
        members += C;
    }
}

static void block_part(void *data)
{
    const struct block_call *call = data;
    size_t blocks = call->env->layer.shape.n / LANES, part = parallel_part();
    for (size_t j = parallel_bound(blocks, 1, part); j < parallel_bound(blocks, 1, part + 1); j++)
        block_row(call, j);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    struct block_call call = {env, batch, state};
    make_lists(env, state, batch->selection);
    parallel_run(env->threads, block_part, &call);
}

MIDL_IMPL(block) = {.create = create, .run = run, .destroy = destroy};

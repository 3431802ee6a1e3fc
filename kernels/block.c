/* block.c - block selection on packed blocks: sixteen neighbours are selected or left out together.
 *
 * As in lists.c the pairs are turned around: for each block the list of the inputs that selected
 * it, its members, by counting sort. The sixteen rows of a block lie side by side, so that a vector
 * is sixteen neurons and nothing is summed across lanes: each loaded vector of weights meets C
 * inputs, every input value broadcast from memory by the multiply-add itself. That takes 1 + C
 * loads for C multiply-adds. A Zen 4 broadcasts two values in the time of one multiply-add of 512
 * bits; a Zen 5 one, and there the loads would be the limit: with more than FEW inputs, where a
 * block is one vector, TURNED of them are therefore loaded four values at a time and spread by the
 * shuffle unit, which idles; not where shuffles start in the place of multiply-adds (Intel's). With
 * few inputs it doesn't: on a Zen 4 two of two spread take 1.24 cycles a multiply-add, none 1.05.
 *
 * The sum over d goes in slices: of W, packed [slice][n/16][slice][16], a block's slice stays in
 * the first-level cache for all of the block's inputs; of x, copied once, all inputs' slices stay
 * in the second. Where one group takes all inputs of a plan, a block is met once, and all of d is
 * one slice. The copy also gives the rows of x an odd stride: rows of 1024 floats would all fall
 * into one set of the cache, and twelve of them fill it. W is read once, front to back. Where it
 * comes from a cache, the processor's own prefetching is best (97 GB/s on a Zen 4, 79 with
 * prefetches) as long as a block has few inputs; else, and from memory, the first group of a
 * block's inputs prefetches it, since the processor's own ends with each page: three quarters of a
 * page ahead into the first-level cache, and where blocks have more than FEW inputs on average, two
 * pages ahead into the second. At n = 4096 and k/n = 0.45 the former takes 1.08 times as long as
 * the latter with 16 to 256 inputs, and 0.85 with 4 and 8.
 *
 * Alone, blocks of one and two inputs wait for W from a cache, blocks of three and four for the
 * multiply-adds. So with few inputs two blocks are multiplied side by side, those of the fewest
 * inputs with those of the most: on a Zen 4 that takes 0.95 to 0.97 of the time. What limits it
 * there, four inputs at n = 1024 and k/n = 0.45: the products take 41 us of 55. The multiply-adds
 * alone would take 32, W's wanted blocks are read in 39 from the third-level cache. At n = 512,
 * from the second level, either would take 8 us of 14.5.
 *
 * An element's sum has PARTS chains a slice, whatever C is. So it doesn't depend on the batch, nor
 * on the threads. These have inputs of their own, or, where W comes from memory or the inputs are
 * few, share the members evenly, wherever that cuts a block.
 *
 * Weights in bf16 and int8 are widened as they are loaded: bf16 in pairs of columns by a shift and
 * a mask, int8 by a conversion, its scale applied to the finished sum.
 */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/ops.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(block);

enum {
    LANES = MIDL_PANEL,
    VECS = LANES / VEC_LANES,
    PARTS = VECS == 1 ? 2 : 1, /* chains of a vector: two of few inputs' keep the ports busy */
    CHAINS = VECS * PARTS,     /* of an input */
    GROUP = (VEC_REGISTERS == 32 ? 24 : 12) / CHAINS, /* most inputs of a tile */
    STEPS = 4,                                        /* a slice's columns come by so many */
    TURNED = VECS == 1 ? 2 : 0, /* of more than FEW inputs, those spread in registers */
    FEW = 4, /* inputs: so many are not spread, nor is W prefetched for them from a cache */
    PAIRED = GROUP < 4 ? GROUP : 4, /* most inputs of a block that goes beside another */
    FAR_LEAST = 2,                  /* inputs for which W is prefetched from memory */
    LINE = 64,                      /* bytes */
    FIRST_AHEAD = 48 * LINE,        /* bytes by which W is prefetched into the first-level cache */
    SECOND_AHEAD = 128 * LINE,      /* and into the second */
    SLICE = 512,                    /* columns, where the inputs of a plan make several groups */
    CHUNK = 256,                    /* inputs whose slices of x fit the second-level cache */
    OWN = 8                         /* inputs, at least, of a thread that has its own */
};

/* Which cache W is prefetched into. */
enum level { NOWHERE, FIRST, SECOND, LEVELS };

struct block_state {
    size_t slice; /* columns */
    size_t w_bytes;
    bool nearby;      /* W stays in a cache */
    void *w;          /* [slice][n/16][slice][16]; bf16: two columns side by side */
    float *x;         /* [chunk][x_stride]: one slice */
    size_t x_stride;  /* floats: an odd number of lines */
    float *full;      /* [members][16]: F of the slices so far */
    uint32_t *start;  /* [threads][n/16 + 1]: where a block's members begin */
    uint32_t *next;   /* [threads][n/16]: cursor while the lists are made */
    uint32_t *order;  /* [threads][n/16]: blocks to be paired; NULL where none are */
    uint32_t *inputs; /* [members]: of each block in turn, the inputs that selected it */
    uint32_t *places; /* [chunk][k/16]: where among the members each of an input's blocks is */
};

static void destroy(void *opaque)
{
    struct block_state *state = opaque;
    free(state->w);
    free(state->x);
    free(state->full);
    free(state->start);
    free(state->next);
    free(state->order);
    free(state->inputs);
    free(state->places);
    free(state);
}

/* All columns, with those that fill up the last slice. */
static size_t slices_filled(size_t d)
{
    return (d + STEPS - 1) / STEPS * STEPS;
}

/* Columns of the slice that begins at column `first`: of W, and with those that fill it up. */
static size_t slice_length(const struct block_state *state, size_t d, size_t first)
{
    return d - first < state->slice ? d - first : state->slice;
}

static size_t slice_filled(const struct block_state *state, size_t d, size_t first)
{
    return slices_filled(slice_length(state, d, first));
}

VEC_INLINE size_t weight_bytes(enum midl_dtype dtype)
{
    return dtype == MIDL_F32 ? sizeof(float) : dtype == MIDL_BF16 ? sizeof(uint16_t) : 1;
}

/* Weight i of a row of `full` to column `column` and lane `lane` of a block's slice. */
static void pack_weight(enum midl_dtype dtype, const void *row, size_t i, void *slice,
                        size_t column, size_t lane)
{
    enum { HALF = MIDL_BF16_BLOCK / 2 };
    size_t at = column * LANES + lane;
    uint32_t pair;
    switch (dtype) {
    case MIDL_F32:
        ((float *)slice)[at] = ((const float *)row)[i];
        break;
    case MIDL_BF16:
        pair = ((const uint32_t *)row)[i / MIDL_BF16_BLOCK * HALF + i % HALF];
        pair = pair >> i / HALF % 2 * 16 & 0xffff;
        ((uint32_t *)slice)[column / 2 * LANES + lane] |= pair << column % 2 * 16;
        break;
    case MIDL_INT8:
        ((int8_t *)slice)[at] = ((const int8_t *)row)[i];
        break;
    }
}

/* Each slice of columns as panels of its own. w: zeros. */
static void pack(const struct variant_env *env, struct block_state *state)
{
    size_t n = env->layer.shape.n, d = env->layer.shape.d;
    enum midl_dtype dtype = env->full.dtype;
    for (size_t first = 0; first < d; first += state->slice)
        for (size_t j = 0; j < n; j++) {
            size_t at = first * n + j / LANES * LANES * slice_filled(state, d, first);
            char *slice = (char *)state->w + at * weight_bytes(dtype);
            const void *row = midl_weights_row(&env->full, j);
            for (size_t i = 0; i < slice_length(state, d, first); i++)
                pack_weight(dtype, row, first + i, slice, i, j % LANES);
        }
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct block_state *state = calloc(1, sizeof *state);
    size_t blocks = s->n / LANES, chunk = env->max_batch < CHUNK ? env->max_batch : CHUNK;
    size_t members = chunk * (s->k / LANES), threads = (size_t)env->threads;
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    state->slice = env->max_batch <= GROUP ? slices_filled(s->d) : SLICE;
    state->w_bytes = s->n * slices_filled(s->d) * weight_bytes(env->full.dtype);
    state->nearby = state->w_bytes <= MIDL_CACHED_BYTES;
    bool pairing =
        VECS == 1 && state->nearby && env->max_batch <= GROUP && env->full.dtype == MIDL_F32;
    state->x_stride = ((state->slice + LANES - 1) / LANES | 1) * LANES;
    state->w = midl_take(state->w_bytes, 1, bytes);
    state->x = midl_take(chunk * state->x_stride, sizeof *state->x, bytes);
    state->full = midl_take(members * LANES, sizeof *state->full, bytes);
    state->start = midl_take(threads * (blocks + 1), sizeof *state->start, bytes);
    state->next = midl_take(threads * blocks, sizeof *state->next, bytes);
    if (pairing)
        state->order = midl_take(threads * blocks, sizeof *state->order, bytes);
    state->inputs = midl_take(members, sizeof *state->inputs, bytes);
    state->places = midl_take(members, sizeof *state->places, bytes);
    if (!state->w || !state->x || !state->full || !state->start || !state->next ||
        (pairing && !state->order) || !state->inputs || !state->places) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    memset(state->w, 0, state->w_bytes);
    pack(env, state);
    *ret_state = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

/* `count` inputs of a batch, from `first` on. */
struct block_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
    struct block_state *state;
    size_t first, count;
};

/* The part of a call that one thread does: some inputs, or some members of all. */
struct share {
    const struct block_call *call;
    size_t first_input, end_input;
    uint32_t *start, *next; /* of the members of these inputs, */
    uint32_t *inputs;       /* which are here, */
    float *full;            /* and their F */
    size_t first, last;     /* the thread's own members */
    size_t from;            /* column: where the slice begins */
    enum level level;       /* where W is prefetched if it is */
};

/* The members of every block among a share's inputs, by counting sort. */
static void make_lists(const struct share *share)
{
    const struct midl_selection *s = share->call->batch->selection;
    size_t blocks = share->call->env->layer.shape.n / LANES, chosen = s->stride / LANES;
    const uint32_t *count = s->count + share->call->first;
    const uint32_t *index = s->index + share->call->first * s->stride;
    memset(share->start, 0, (blocks + 1) * sizeof *share->start);
    for (size_t b = share->first_input; b < share->end_input; b++)
        for (size_t i = 0; i < count[b]; i += LANES)
            share->start[index[b * s->stride + i] / LANES + 1]++;
    for (size_t j = 0; j < blocks; j++) {
        share->start[j + 1] += share->start[j];
        share->next[j] = share->start[j];
    }
    for (size_t b = share->first_input; b < share->end_input; b++)
        for (size_t i = 0; i < count[b]; i += LANES) {
            uint32_t at = share->next[index[b * s->stride + i] / LANES]++;
            share->inputs[at] = (uint32_t)b;
            share->call->state->places[b * chosen + i / LANES] = at;
        }
}

/* One vector of weights: column i + step of a block's slice; i is even, step < STEPS. */
VEC_INLINE vec block_weights(enum midl_dtype dtype, const void *w, size_t i, size_t step, size_t v)
{
    size_t at = (i + step) * LANES + v * VEC_LANES;
    const uint32_t *pairs = (const uint32_t *)w + (i + step) / 2 * LANES + v * VEC_LANES;
    switch (dtype) {
    case MIDL_F32:
        return vec_load((const float *)w + at);
    case MIDL_BF16:
        return step % 2 == 0 ? vec_bf16_lower(pairs) : vec_bf16_upper(pairs);
    case MIDL_INT8:
        return vec_int8((const int8_t *)w + at);
    }
    return vec_set(0.0f);
}

/* One step of the sum: column i + step of the block against C inputs. The first T have their STEPS
 * columns from i on in `turned`. */
VEC_INLINE void block_step(enum midl_dtype dtype, size_t C, size_t T, size_t step, const void *w,
                           const float *const *x, size_t i, const vec *turned, vec *sum)
{
    vec wv[VECS];
#pragma GCC unroll 4
    for (size_t v = 0; v < VECS; v++)
        wv[v] = tile_shared(C, block_weights(dtype, w, i, step, v));
#pragma GCC unroll 12
    for (size_t c = 0; c < C; c++) {
        vec xv = c < T ? vec_quads_lane(turned[c], step) : vec_set(x[c][i + step]);
        vec *to = sum + c * CHAINS + step % PARTS;
#pragma GCC unroll 4
        for (size_t v = 0; v < VECS; v++)
            to[v] = vec_fma(wv[v], xv, to[v]);
    }
}

/* One slice of one block, and a group of the inputs that selected it. */
struct group {
    size_t length; /* a multiple of STEPS */
    const void *w; /* [length][16] */
    const float *x[GROUP];
    bool begin;  /* the first slice: store F, else add to it */
    float *full; /* [C][16] */
};

/* F of the group = or += the sums of its chains. */
VEC_INLINE void block_store(size_t C, const struct group *group, const vec *sum)
{
#pragma GCC unroll 12
    for (size_t c = 0; c < C; c++)
#pragma GCC unroll 4
        for (size_t v = 0; v < VECS; v++) {
            float *to = group->full + c * LANES + v * VEC_LANES;
            vec total = sum[c * CHAINS + v];
            if (PARTS == 2)
                total = total + sum[c * CHAINS + VECS + v];
            if (!group->begin)
                total = vec_load(to) + total;
            vec_store(to, total);
        }
}

/* W ahead of `w`. */
VEC_INLINE void prefetch(enum level level, const char *w)
{
    if (level == FIRST)
        __builtin_prefetch(w + FIRST_AHEAD);
    else if (level == SECOND)
        __builtin_prefetch(w + SECOND_AHEAD, 0, 2);
}

/* dtype, C, T and level are compile-time constants. */
VEC_INLINE void block_tile(enum midl_dtype dtype, size_t C, size_t T, enum level level,
                           const struct group *group)
{
    const size_t column = LANES * weight_bytes(dtype);
    const char *w = group->w;
    const float *x[GROUP];
    vec sum[GROUP * CHAINS], turned[TURNED + 1];
#pragma GCC unroll 24
    for (size_t a = 0; a < C * CHAINS; a++)
        sum[a] = vec_set(0.0f);
#pragma GCC unroll 12
    for (size_t c = 0; c < C; c++)
        x[c] = group->x[c];
    for (size_t i = 0; i < group->length; i += STEPS) {
#pragma GCC unroll 4
        for (size_t c = 0; c < T; c++)
            turned[c] = vec_once(vec_quads(x[c] + i));
#pragma GCC unroll 4
        for (size_t at = 0; at < STEPS * column; at += LINE)
            prefetch(level, w + i * column + at);
#pragma GCC unroll 4
        for (size_t step = 0; step < STEPS; step++)
            block_step(dtype, C, T, step, w, x, i, turned, sum);
    }
    block_store(C, group, sum);
}

/* Two blocks side by side, of C and D inputs, compile-time constants. */
VEC_INLINE void block_pair(size_t C, size_t D, const struct group *a, const struct group *b)
{
    const float *x[2][PAIRED];
    vec sum[2][PAIRED * CHAINS];
#pragma GCC unroll 4
    for (size_t c = 0; c < C; c++)
        x[0][c] = a->x[c];
#pragma GCC unroll 4
    for (size_t c = 0; c < D; c++)
        x[1][c] = b->x[c];
#pragma GCC unroll 16
    for (size_t i = 0; i < PAIRED * CHAINS; i++)
        sum[0][i] = sum[1][i] = vec_set(0.0f);
    for (size_t i = 0; i < a->length; i += STEPS)
#pragma GCC unroll 4
        for (size_t step = 0; step < STEPS; step++) {
            block_step(MIDL_F32, C, 0, step, a->w, x[0], i, NULL, sum[0]);
            block_step(MIDL_F32, D, 0, step, b->w, x[1], i, NULL, sum[1]);
        }
    block_store(C, a, sum[0]);
    block_store(D, b, sum[1]);
}

typedef void tile_function(const struct group *group);
typedef void pair_function(const struct group *a, const struct group *b);

/* A function for each kind of tile: inlined into one, their loops would not have all registers. */
#define TILE_INTO(LEVEL, DTYPE, C, T)                                                              \
    static void tile_##LEVEL##_##DTYPE##_##C##_##T(const struct group *group)                      \
    {                                                                                              \
        block_tile(MIDL_##DTYPE, C <= GROUP ? C : GROUP, C > FEW ? T : 0, LEVEL, group);           \
    }
#define TILE(DTYPE, C)                                                                             \
    TILE_INTO(NOWHERE, DTYPE, C, 0)                                                                \
    TILE_INTO(FIRST, DTYPE, C, 0)                                                                  \
    TILE_INTO(SECOND, DTYPE, C, 0)                                                                 \
    TILE_INTO(NOWHERE, DTYPE, C, TURNED)                                                           \
    TILE_INTO(FIRST, DTYPE, C, TURNED)                                                             \
    TILE_INTO(SECOND, DTYPE, C, TURNED)
#define EACH(DTYPE, DO)                                                                            \
    DO(DTYPE, 1)                                                                                   \
    DO(DTYPE, 2)                                                                                   \
    DO(DTYPE, 3)                                                                                   \
    DO(DTYPE, 4)                                                                                   \
    DO(DTYPE, 5)                                                                                   \
    DO(DTYPE, 6)                                                                                   \
    DO(DTYPE, 7)                                                                                   \
    DO(DTYPE, 8)                                                                                   \
    DO(DTYPE, 9)                                                                                   \
    DO(DTYPE, 10)                                                                                  \
    DO(DTYPE, 11)                                                                                  \
    DO(DTYPE, 12)
EACH(F32, TILE)
EACH(BF16, TILE)
EACH(INT8, TILE)

/* By type, number of inputs, whether some are spread, and where W is prefetched. */
#define TILE_NAMES(DTYPE, C)                                                                       \
    [C] = {{tile_NOWHERE_##DTYPE##_##C##_0, tile_FIRST_##DTYPE##_##C##_0,                          \
            tile_SECOND_##DTYPE##_##C##_0},                                                        \
           {tile_NOWHERE_##DTYPE##_##C##_TURNED, tile_FIRST_##DTYPE##_##C##_TURNED,                \
            tile_SECOND_##DTYPE##_##C##_TURNED}},
static tile_function *const tiles[][13][2][LEVELS] = {[MIDL_F32] = {EACH(F32, TILE_NAMES)},
                                                      [MIDL_BF16] = {EACH(BF16, TILE_NAMES)},
                                                      [MIDL_INT8] = {EACH(INT8, TILE_NAMES)}};

#define PAIR(C, D)                                                                                 \
    static void pair_##C##_##D(const struct group *a, const struct group *b)                       \
    {                                                                                              \
        block_pair(C < PAIRED ? C : PAIRED, D < PAIRED ? D : PAIRED, a, b);                        \
    }
PAIR(1, 1)
PAIR(1, 2)
PAIR(1, 3)
PAIR(1, 4)
PAIR(2, 2)
PAIR(2, 3)
PAIR(2, 4)
PAIR(3, 3)
PAIR(3, 4)
PAIR(4, 4)

/* By the numbers of inputs, the smaller one first. */
static pair_function *const pairs[5][5] = {[1] = {NULL, pair_1_1, pair_1_2, pair_1_3, pair_1_4},
                                           [2] = {NULL, NULL, pair_2_2, pair_2_3, pair_2_4},
                                           [3] = {NULL, NULL, NULL, pair_3_3, pair_3_4},
                                           [4] = {NULL, NULL, NULL, NULL, pair_4_4}};

/* This share's members of a block: where they begin, and how many there are. */
static size_t members_of(const struct share *share, size_t block, size_t *ret_first)
{
    const uint32_t *start = share->start;
    size_t first = start[block] > share->first ? start[block] : share->first;
    size_t last = start[block + 1] < share->last ? start[block + 1] : share->last;
    *ret_first = first;
    return first < last ? last - first : 0;
}

/* Where in W, in bytes, a block's slice begins and the one before it ends. */
static size_t slice_at(const struct share *share, size_t block)
{
    const struct variant_env *env = share->call->env;
    size_t length = slice_filled(share->call->state, env->layer.shape.d, share->from);
    size_t at = share->from * env->layer.shape.n + block * length * LANES;
    return at * weight_bytes(env->full.dtype);
}

/* C members of a block, from `first` on. */
static void make_group(const struct share *share, size_t block, size_t first, size_t C,
                       struct group *ret)
{
    const struct block_state *state = share->call->state;
    ret->length = slice_filled(state, share->call->env->layer.shape.d, share->from);
    ret->begin = share->from == 0;
    ret->w = (const char *)state->w + slice_at(share, block);
    ret->full = share->full + first * LANES;
    for (size_t c = 0; c < C; c++)
        ret->x[c] = state->x + share->inputs[first + c] * state->x_stride;
}

/* Where a block of `count` inputs prefetches W. */
static enum level level_of(const struct share *share, size_t block, size_t count)
{
    const struct block_state *state = share->call->state;
    bool wanted = count >= (state->nearby ? FEW + 1 : FAR_LEAST);
    bool within =
        slice_at(share, block + 1) + (share->level == FIRST ? FIRST_AHEAD : SECOND_AHEAD) <=
        state->w_bytes;
    return wanted && within ? share->level : NOWHERE;
}

/* One block's slice in groups of nearly equal size, of which the first prefetches W, into the next
 * block. */
static void block_slice(const struct share *share, size_t block)
{
    enum midl_dtype dtype = share->call->env->full.dtype;
    size_t first, count = members_of(share, block, &first);
    enum level level = level_of(share, block, count);
    for (size_t groups = (count + GROUP - 1) / GROUP; groups > 0; groups--) {
        size_t C = (count + groups - 1) / groups;
        struct group group;
        make_group(share, block, first, C, &group);
        tiles[dtype][C][!share->call->env->core.shared_port][level](&group);
        level = NOWHERE;
        first += C;
        count -= C;
    }
}

/* Two blocks' slices side by side, the first with no more inputs than the second. */
static void pair_slice(const struct share *share, size_t one, size_t other)
{
    struct group a, b;
    size_t first, C = members_of(share, one, &first);
    make_group(share, one, first, C, &a);
    size_t D = members_of(share, other, &first);
    make_group(share, other, first, D, &b);
    pairs[C][D](&a, &b);
}

/* The blocks of at most PAIRED inputs, by their number; returns how many. */
static size_t order_blocks(const struct share *share, uint32_t *order)
{
    size_t blocks = share->call->env->layer.shape.n / LANES, first;
    uint32_t at[PAIRED + 1] = {0};
    for (size_t j = 0; j < blocks; j++) {
        size_t C = members_of(share, j, &first);
        at[C > PAIRED ? 0 : C]++;
    }
    at[0] = 0;
    for (size_t C = 1; C <= PAIRED; C++)
        at[C] += at[C - 1];
    size_t count = at[PAIRED];
    for (size_t j = blocks; j-- > 0;) {
        size_t C = members_of(share, j, &first);
        if (C > 0 && C <= PAIRED)
            order[--at[C]] = (uint32_t)j;
    }
    return count;
}

/* The blocks of at most PAIRED inputs, the one with the fewest beside the one with the most. */
static void pairs_part(const struct share *share, uint32_t *order)
{
    size_t count = order_blocks(share, order);
    for (size_t i = 0; i < count / 2; i++)
        pair_slice(share, order[i], order[count - 1 - i]);
    if (count % 2 > 0)
        block_slice(share, order[count / 2]);
}

/* The share's members of all blocks, against the slice of W. */
static void products(struct share *share)
{
    const struct block_state *state = share->call->state;
    size_t blocks = share->call->env->layer.shape.n / LANES, first;
    size_t most = state->order ? PAIRED : 0;
    share->level = share->start[blocks] > FEW * blocks ? SECOND : FIRST;
    for (size_t j = 0; j < blocks; j++)
        if (members_of(share, j, &first) > most)
            block_slice(share, j);
    if (state->order)
        pairs_part(share, state->order + parallel_part() * blocks);
}

/* Blend the selected neurons of input b of the call, sixteen at a time. */
static void blend_input(const struct share *share, size_t b)
{
    const struct block_call *call = share->call;
    const struct midl_layer *layer = &call->env->layer;
    const struct midl_selection *s = call->batch->selection;
    size_t row = call->first + b;
    const uint32_t *index = s->index + row * s->stride;
    const float *scale = call->env->full.scale;
    const uint32_t *places = call->state->places + b * (s->stride / LANES);
    for (size_t i = 0; i < s->count[row]; i += LANES) {
        const float *gate = s->gate + row * s->stride + i, *bias = layer->full_bias + index[i];
        const float *full = share->full + places[i / LANES] * (size_t)LANES;
        float *y = call->batch->y + row * layer->shape.n + index[i];
        for (size_t l = 0; l < LANES; l += VEC_LANES) {
            vec p = vec_load(gate + l), F = vec_load(full + l);
            if (scale)
                F = F * vec_load(scale + index[i] + l);
            F = vec_load(bias + l) + F;
            vec_store(y + l, p * F + (vec_set(1.0f) - p) * vec_load(y + l));
        }
    }
}

/* The slice of x, of inputs [first, last), filled up with zeros as W is. */
static void copy_inputs(const struct share *share, size_t first, size_t last)
{
    const struct block_state *state = share->call->state;
    const struct variant_batch *batch = share->call->batch;
    size_t d = share->call->env->layer.shape.d, length = slice_length(state, d, share->from);
    size_t fill = slice_filled(state, d, share->from) - length;
    for (size_t b = first; b < last; b++) {
        float *to = state->x + b * state->x_stride;
        memcpy(to, batch->x + (share->call->first + b) * d + share->from, length * sizeof *to);
        memset(to + length, 0, fill * sizeof *to);
    }
}

/* Do a thread's own inputs. */
static void run_inputs(struct share *share)
{
    const struct block_state *state = share->call->state;
    size_t d = share->call->env->layer.shape.d, blocks = share->call->env->layer.shape.n / LANES;
    make_lists(share);
    share->last = share->start[blocks];
    for (; share->from < d; share->from += state->slice) {
        copy_inputs(share, share->first_input, share->end_input);
        products(share);
    }
    for (size_t b = share->first_input; b < share->end_input; b++)
        blend_input(share, b);
}

/* Do a thread's members where all threads have the same inputs; the barriers separate writing from
 * reading. */
static void run_members(struct share *share)
{
    const struct block_state *state = share->call->state;
    size_t d = share->call->env->layer.shape.d, blocks = share->call->env->layer.shape.n / LANES;
    size_t count = share->call->count, part = parallel_part();
    size_t first = parallel_bound(count, 1, part), last = parallel_bound(count, 1, part + 1);
#pragma omp single
    make_lists(share);
    share->first = parallel_bound(share->start[blocks], 1, part);
    share->last = parallel_bound(share->start[blocks], 1, part + 1);
    for (; share->from < d; share->from += state->slice) {
        copy_inputs(share, first, last);
#pragma omp barrier
        products(share);
#pragma omp barrier
    }
    for (size_t b = first; b < last; b++)
        blend_input(share, b);
}

static void block_part(void *data)
{
    const struct block_call *call = data;
    const struct block_state *state = call->state;
    size_t part = parallel_part(), blocks = call->env->layer.shape.n / LANES;
    bool by_inputs = state->nearby && call->count >= OWN * parallel_parts() &&
                     parallel_by_inputs(call->count, 1);
    struct share share = {
        .call = call, .end_input = call->count, .start = state->start, .next = state->next};
    if (by_inputs) {
        share.first_input = parallel_bound(call->count, 1, part);
        share.end_input = parallel_bound(call->count, 1, part + 1);
        share.start += part * (blocks + 1);
        share.next += part * blocks;
    }
    size_t before = share.first_input * (call->batch->selection->stride / LANES);
    share.inputs = state->inputs + before;
    share.full = state->full + before * LANES;
    if (by_inputs)
        run_inputs(&share);
    else
        run_members(&share);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    for (size_t b = 0; b < batch->batch; b += CHUNK) {
        size_t count = batch->batch - b < CHUNK ? batch->batch - b : CHUNK;
        struct block_call call = {env, batch, state, b, count};
        parallel_run(env->threads, block_part, &call);
    }
}

MIDL_IMPL(block) = {.create = create, .run = run, .destroy = destroy};

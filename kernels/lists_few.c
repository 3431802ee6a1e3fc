/* lists_few.c - up to four inputs, each with a selection of its own.
 *
 * So few inputs wait for W: what counts is that each wanted row is read once, as it lies, and that
 * enough of it is under way. There are only sixteen sets of inputs that may want a neuron; sorted
 * by theirs, neurons fall into runs in which four at a time make a tile of exactly the inputs that
 * want them. (In the order of memory a tile of four neurons nearly always meets all four inputs:
 * four to two times the arithmetic, and slower at every size, since jumping from row to row costs
 * nothing.) The sets follow each other as in Gray's code, so that a tile between two runs has one
 * input more.
 *
 * A W that the caches hold is prefetched half a kilobyte ahead, over the end of a row into the next
 * tile's; from memory the processor's own prefetching is better left alone.
 *
 * A sum has one chain of lanes over the whole of d and depends on nothing else.
 */
#include "lists_few.h"

#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/tile.h"

enum {
    SETS = 1 << LISTS_FEW,
    SPARE = 2 * TILE_ROWS, /* after a thread's order: to fill the last tile, and one to prefetch */
    NEARBY_BYTES = 8 << 20 /* a larger W is not prefetched */
};

struct lists_few {
    bool nearby;
    uint8_t *sets;   /* [n]: the inputs that want a neuron, as bits */
    uint32_t *order; /* [threads][n + SPARE, shared out]: wanted neurons */
    float *full;     /* [n][LISTS_FEW]: F where it is wanted */
};

struct lists_few *lists_few_create(const struct variant_env *env, size_t *bytes)
{
    size_t n = env->layer.shape.n;
    struct lists_few *few = calloc(1, sizeof *few);
    if (!few)
        return NULL;
    few->nearby = n * env->full.row_bytes <= NEARBY_BYTES;
    few->sets = midl_take(n, sizeof *few->sets, bytes);
    few->order = midl_take(n + (size_t)env->threads * SPARE, sizeof *few->order, bytes);
    few->full = midl_take(n * LISTS_FEW, sizeof *few->full, bytes);
    if (!few->sets || !few->order || !few->full) {
        lists_few_destroy(few);
        return NULL;
    }
    *bytes += sizeof *few;
    return few;
}

void lists_few_destroy(struct lists_few *few)
{
    if (!few)
        return;
    free(few->sets);
    free(few->order);
    free(few->full);
    free(few);
}

/* A thread's share of a call. */
struct share {
    const struct variant_env *env;
    const struct variant_batch *batch;
    struct lists_few *few;
    size_t first, last;         /* neurons */
    uint32_t before[LISTS_FEW]; /* of each input: its selected neurons before `first` */
};

static void find_sets(const struct share *share)
{
    const struct midl_selection *s = share->batch->selection;
    uint8_t *sets = share->few->sets;
    memset(sets + share->first, 0, share->last - share->first);
    for (size_t b = 0; b < share->batch->batch; b++) {
        const uint32_t *index = s->index + b * s->stride;
        for (size_t i = share->before[b]; i < s->count[b] && index[i] < share->last; i++)
            sets[index[i]] |= (uint8_t)(1 << b);
    }
}

/* The wanted neurons by their sets: how many. The empty set comes last. */
static size_t sort_by_sets(const struct share *share, uint32_t *order)
{
    const uint8_t *sets = share->few->sets;
    uint32_t counts[SETS] = {0}, at[SETS], before = 0;
    for (size_t j = share->first; j < share->last; j++)
        counts[sets[j]]++;
    for (uint32_t i = 1; i <= SETS; i++) {
        uint32_t set = (i ^ i >> 1) % SETS;
        if (i == SETS)
            set = 0;
        at[set] = before;
        before += counts[set];
    }
    for (size_t j = share->first; j < share->last; j++)
        if (sets[j])
            order[at[sets[j]]++] = (uint32_t)j;
    return share->last - share->first - counts[0];
}

/* A tile of C inputs, a compile-time constant, as many at a time as there are registers for. */
VEC_INLINE void tile_of(size_t C, enum midl_dtype dtype, const struct share *share,
                        const uint32_t *order, const size_t *inputs)
{
    const struct midl_weights *W = &share->env->full;
    const void *w[TILE_ROWS], *next[TILE_ROWS];
    const float *x[LISTS_FEW];
    float sums[TILE_MOST];
    for (size_t r = 0; r < TILE_ROWS; r++) {
        w[r] = midl_weights_row(W, order[r]);
        next[r] = midl_weights_row(W, order[TILE_ROWS + r]);
    }
    for (size_t c = 0; c < C; c++)
        x[c] = share->batch->x + inputs[c] * W->d;
#pragma GCC unroll 4
    for (size_t from = 0; from < C; from += TILE_COLS) {
        size_t count = C - from < TILE_COLS ? C - from : TILE_COLS;
        if (from == 0 && share->few->nearby)
            tile_dots(dtype, TILE_ROWS, count, W->d, w, next, x, sums);
        else
            tile_dots(dtype, TILE_ROWS, count, W->d, w, NULL, x + from, sums);
        for (size_t r = 0; r < TILE_ROWS; r++)
            for (size_t c = 0; c < count; c++)
                share->few->full[order[r] * LISTS_FEW + inputs[from + c]] =
                    tile_scaled(dtype, W, order[r], sums[r * count + c]);
    }
}

VEC_INLINE void tile(enum midl_dtype dtype, const struct share *share, const uint32_t *order)
{
    size_t inputs[LISTS_FEW], C = 0;
    unsigned set = 0;
    for (size_t r = 0; r < TILE_ROWS; r++)
        set |= share->few->sets[order[r]];
    for (; set; set &= set - 1)
        inputs[C++] = (size_t)__builtin_ctz(set);
    switch (C) {
    case 1:
        tile_of(1, dtype, share, order, inputs);
        break;
    case 2:
        tile_of(2, dtype, share, order, inputs);
        break;
    case 3:
        tile_of(3, dtype, share, order, inputs);
        break;
    case 4:
        tile_of(4, dtype, share, order, inputs);
        break;
    }
}

/* F of all wanted neurons. */
static void products(const struct share *share, const uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count; i += TILE_ROWS)
        switch (share->env->full.dtype) {
        case MIDL_F32:
            tile(MIDL_F32, share, order + i);
            break;
        case MIDL_BF16:
            tile(MIDL_BF16, share, order + i);
            break;
        case MIDL_INT8:
            tile(MIDL_INT8, share, order + i);
            break;
        }
}

static void blend(const struct share *share)
{
    const struct midl_selection *s = share->batch->selection;
    const float *bias = share->env->layer.full_bias;
    for (size_t b = 0; b < share->batch->batch; b++) {
        const uint32_t *index = s->index + b * s->stride;
        const float *gate = s->gate + b * s->stride, *full = share->few->full + b;
        float *y = share->batch->y + b * share->env->layer.shape.n;
        for (size_t i = share->before[b]; i < s->count[b] && index[i] < share->last; i++) {
            size_t j = index[i];
            y[j] = midl_blend(full[j * LISTS_FEW] + bias[j], y[j], gate[i]);
        }
    }
}

static void few_part(void *data)
{
    struct share share = *(const struct share *)data;
    size_t n = share.env->layer.shape.n, part = parallel_part();
    share.first = parallel_bound(n, 16, part);
    share.last = parallel_bound(n, 16, part + 1);
    for (size_t b = 0; b < share.batch->batch; b++)
        share.before[b] = midl_selected_before(share.batch->selection, b, share.first);
    find_sets(&share);
    uint32_t *order = share.few->order + share.first + part * SPARE;
    size_t count = sort_by_sets(&share, order);
    for (size_t i = 0; count > 0 && i < SPARE; i++)
        order[count + i] = order[count - 1];
    products(&share, order, count);
    blend(&share);
}

void lists_few_run(const struct variant_env *env, struct lists_few *few,
                   const struct variant_batch *batch)
{
    struct share share = {.env = env, .batch = batch, .few = few};
    parallel_run(env->threads, few_part, &share);
}

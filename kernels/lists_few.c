/* lists_few.c - up to eight inputs, each with a selection of its own.
 *
 * So few inputs wait for W: what counts is that each wanted row is read once, as it lies, and that
 * enough of it is under way. Four inputs make only sixteen sets that may want a neuron; sorted by
 * theirs, neurons fall into runs in which four at a time make a tile of exactly the inputs that
 * want them. (In the order of memory a tile of four neurons nearly always meets all four inputs:
 * four to two times the arithmetic, and slower at every size, since jumping from row to row costs
 * nothing.) The sets follow each other as in Gray's code, so that a tile between two runs has one
 * input more.
 *
 * More than four inputs are taken together where W comes from memory: at n = 4096 and k/n = 0.45
 * five take 0.74 of the time of lists.c, eight 0.95, and at k/n = 0.1 eight take 0.5. From a cache,
 * where 256 sets would leave too few neurons to each, they come in two groups (eight: 0.96 at n =
 * 512). That is no gain where W fits the third-level cache alone and more than a quarter is wanted,
 * unless W is narrow: widening it for each panel costs lists.c two to three times as much.
 *
 * From a cache, rows are left to the processor's own prefetching, but for the beginnings of the
 * next tile's. Rows from memory are prefetched half a page ahead, over their ends into the next
 * tile's, into the second-level cache (tile.h); and there are eight at a time where three inputs at
 * most want them. At n = 4096 that takes 0.83 of the time that prefetching into the first level a
 * quarter of a kilobyte ahead took (Zen 4). Other distances from one to eight kilobytes, the next
 * tile's rows one after the other, only the beginnings of pages, non-temporal prefetches, and sets
 * within windows of 64 to 256 neighbours were no better, most of them worse.
 *
 * Nor does it pay to have gate and light path, which wait for arithmetic at n = 1024, prefetch W's
 * beginning: with all rows in the second-level cache the layer would take 6 us less of 65, so that
 * the eighth which there is room and time for saves 0.8, and the prefetches take 0.5. Other things
 * that were no better there: prefetches in tiles of three and four inputs alone, the next tile's
 * beginnings prefetched by the last steps instead of all at once, rows an odd number of lines
 * apart; tiles of eight rows and tiles of few and of many inputs side by side were 3 and 10 %
 * slower.
 *
 * The inputs are copied so that their rows are an odd number of cache lines apart: where d is a
 * power of two they would fall into the same sets as W's rows (4 % at n = 1024).
 *
 * What limits it there, at k/n = 0.45 and four inputs: at n = 1024 gate, selection and light path
 * take 11 us of 63, finding and sorting neurons, copying and blending 2. The products with rows in
 * the first-level cache would take 37 (102 GFLOP/s), and the rows alone are read in 39 from the
 * third (97 GB/s): that cache, with most of the arithmetic behind it. At n = 4096 it is memory, 28
 * to 31 GB/s with what gate and light path read; nine tenths of W are wanted, so that 1.1 times a
 * dense layer that reads as fast would be all. At n = 512 the two parts take 3.5 us and 1 of 16.9;
 * the multiply-adds alone would take 8 and the rows alone, from the second-level cache, 8.
 *
 * A sum has one chain of lanes over the whole of d and depends on nothing else.
 */
#include "lists_few.h"

#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/bits.h"
#include "simd/pack.h"
#include "simd/tile.h"

/* Kinds of tiles: rows from a cache, from memory, and from there twice as many. */
enum { NEAR, FAR, TALL, KINDS };

enum {
    NEAR_INPUTS = 4, /* at a time where rows come from a cache */
    RANK_AT = 23,    /* in an entry of the order: above its neuron, the rank of the set */
    ALL = (1 << VEC_LANES) - 1,
    FAR_SUMS = VEC_REGISTERS * 3 / 4, /* most accumulators where rows come from memory */
    SPARE =
        2 * TILE_FAR_ROWS, /* after a thread's order: to fill the last tile, and one to prefetch */
    LINE = 64,             /* bytes */
    BEGINNING = 2 * LINE   /* of a row from a cache: from there on hardware prefetches by itself */
};

/* Memory for some inputs, those of one thread or of all together. */
struct workspace {
    float *x;        /* [LISTS_FEW][x_stride]: the inputs */
    uint32_t *order; /* [n + a SPARE for each thread, shared out]: wanted neurons, and by whom */
    uint32_t *spare; /* the same size */
    float *full;     /* [LISTS_FEW][n, in whole vectors]: F where it is wanted */
};

struct lists_few {
    bool far;        /* W comes from memory */
    size_t x_stride; /* floats: an odd number of lines */
    size_t stride;   /* of full */
    size_t count;    /* of workspaces: threads, or 1 where these never have inputs of their own */
    struct workspace *workspaces;
};

size_t lists_few_most(const struct variant_env *env)
{
    const struct midl_shape *shape = &env->layer.shape;
    size_t bytes = shape->n * env->full.row_bytes;
    if (shape->n >> RANK_AT)
        return 0;
    bool third = bytes > MIDL_SECOND_BYTES && bytes <= MIDL_CACHED_BYTES;
    bool dense = midl_expected_count(shape) * 4 > shape->n;
    return env->full.dtype == MIDL_F32 && third && dense ? NEAR_INPUTS : LISTS_FEW;
}

static bool take_workspace(const struct variant_env *env, const struct lists_few *few,
                           struct workspace *ret, size_t *bytes)
{
    size_t order = env->layer.shape.n + (size_t)env->threads * SPARE;
    ret->x = midl_take(few->x_stride * LISTS_FEW, sizeof *ret->x, bytes);
    ret->order = midl_take(order, sizeof *ret->order, bytes);
    ret->spare = midl_take(order, sizeof *ret->spare, bytes);
    ret->full = midl_take(few->stride * LISTS_FEW, sizeof *ret->full, bytes);
    return ret->x && ret->order && ret->spare && ret->full;
}

struct lists_few *lists_few_create(const struct variant_env *env, size_t *bytes)
{
    size_t n = env->layer.shape.n, row = env->layer.shape.d * sizeof(float);
    size_t w_bytes = n * env->full.row_bytes;
    struct lists_few *few = calloc(1, sizeof *few);
    bool ok = few != NULL;
    if (!ok)
        return NULL;
    few->far = w_bytes > MIDL_CACHED_BYTES;
    few->x_stride = ((row + LINE - 1) / LINE | 1) * LINE / sizeof(float);
    few->stride = (n + VEC_LANES - 1) / VEC_LANES * VEC_LANES;
    few->count = w_bytes <= MIDL_SECOND_BYTES ? (size_t)env->threads : 1;
    few->workspaces = calloc(few->count, sizeof *few->workspaces);
    ok = few->workspaces != NULL;
    for (size_t i = 0; ok && i < few->count; i++)
        ok = take_workspace(env, few, &few->workspaces[i], bytes);
    if (!ok) {
        lists_few_destroy(few);
        return NULL;
    }
    *bytes += sizeof *few + few->count * sizeof *few->workspaces;
    return few;
}

void lists_few_destroy(struct lists_few *few)
{
    if (!few)
        return;
    for (size_t i = 0; few->workspaces && i < few->count; i++) {
        free(few->workspaces[i].x);
        free(few->workspaces[i].order);
        free(few->workspaces[i].spare);
        free(few->workspaces[i].full);
    }
    free(few->workspaces);
    free(few);
}

/* A thread's share of a call: some inputs, few at a time, and some neurons. */
struct share {
    const struct variant_env *env;
    const struct variant_batch *batch;
    const struct lists_few *few;
    struct workspace work;
    size_t input, inputs; /* of the batch: the first of now, and how many */
    size_t first, last;   /* neurons */
};

/* Their ranks, in the order of Gray's code: a set is its rank with each bit but the highest
 * turned where the next higher is set. */
static lanes ranks_of(lanes sets)
{
    sets ^= sets >> 1;
    sets ^= sets >> 2;
    return sets ^ sets >> 4;
}

static uint32_t set_of(uint32_t entry)
{
    uint32_t rank = entry >> RANK_AT;
    return rank ^ rank >> 1;
}

static size_t neuron_of(uint32_t entry)
{
    return entry & (((uint32_t)1 << RANK_AT) - 1);
}

/* The wanted neurons of the share, in the order of memory; how many. */
static size_t find_wanted(const struct share *share, uint32_t *order)
{
    size_t n = share->env->layer.shape.n, count = 0;
    const uint8_t *bits = midl_selected_bits(share->batch, n, share->input);
    lanes neurons = lanes_from((int32_t)share->first);
    for (size_t j = share->first; j < share->last; j += VEC_LANES, neurons += VEC_LANES) {
        lanes ranks = ranks_of(bits_turned(share->inputs, bits, MIDL_BITS(n), j)) << RANK_AT;
        pack_mask wanted = pack_with(ranks, UINT32_MAX);
        pack_store(order + count, (vec)(ranks | neurons), wanted);
        count += (size_t)__builtin_popcount(wanted);
    }
    return count;
}

/* Those with a bit behind those without; both stay in their order. */
static void split(size_t count, uint32_t bit, uint32_t *order, uint32_t *spare)
{
    size_t without = 0, with = 0;
    memset(order + count, 0xff, VEC_LANES * sizeof *order); /* all of the last vector to `spare` */
    for (size_t i = 0; i < count; i += VEC_LANES) {
        lanes entries;
        memcpy(&entries, order + i, sizeof entries);
        pack_mask chosen = pack_with(entries, bit);
        pack_store(spare + with, (vec)entries, chosen);
        pack_store(order + without, (vec)entries, chosen ^ ALL);
        with += (size_t)__builtin_popcount(chosen);
        without += (size_t)__builtin_popcount(chosen ^ ALL);
    }
    memcpy(order + without, spare, (count - without) * sizeof *order);
}

/* The same by their sets, one bit of the ranks after the other. */
static size_t sort_by_sets(const struct share *share, uint32_t *order, uint32_t *spare)
{
    size_t count = find_wanted(share, order);
    for (size_t b = 0; b < share->inputs; b++)
        split(count, (uint32_t)1 << (RANK_AT + b), order, spare);
    return count;
}

/* The beginnings of the rows of the next tile. */
VEC_INLINE void prefetch_beginnings(size_t R, const void *const *next)
{
    for (size_t r = 0; r < R; r++)
        for (size_t at = 0; at < BEGINNING; at += LINE)
            __builtin_prefetch((const char *)next[r] + at);
}

/* A tile of R rows and C inputs, as many inputs at a time as there are registers for. dtype, far, R
 * and C are compile-time constants. */
VEC_INLINE void tile_of(enum midl_dtype dtype, bool far, size_t R, size_t C,
                        const struct share *share, const uint32_t *order, const size_t *inputs)
{
    const size_t cols = FAR_SUMS / R, passes = (C + cols - 1) / cols;
    const size_t most = (C + passes - 1) / passes;
    const struct midl_weights *W = &share->env->full;
    const void *w[TILE_FAR_ROWS], *next[TILE_FAR_ROWS];
    const float *x[LISTS_FEW];
    size_t neuron[TILE_FAR_ROWS];
    float sums[TILE_MOST];
    for (size_t r = 0; r < R; r++) {
        neuron[r] = neuron_of(order[r]);
        w[r] = midl_weights_row(W, neuron[r]);
        next[r] = midl_weights_row(W, neuron_of(order[R + r]));
    }
    for (size_t c = 0; c < C; c++)
        x[c] = share->work.x + inputs[c] * share->few->x_stride;
    if (!far)
        prefetch_beginnings(R, next);
#pragma GCC unroll 8
    for (size_t from = 0; from < C; from += most) {
        size_t count = C - from < most ? C - from : most;
        tile_dots(dtype, R, count, W->d, far && from == 0, w, next, x + from, sums);
        for (size_t c = 0; c < count; c++) {
            float *full = share->work.full + inputs[from + c] * share->few->stride;
            for (size_t r = 0; r < R; r++)
                full[neuron[r]] = tile_scaled(dtype, W, neuron[r], sums[r * count + c]);
        }
    }
}

typedef void tile_function(const struct share *share, const uint32_t *order, const size_t *inputs);

/* A function for each kind of tile: inlined into one, their loops would not have all registers. */
#define TILE(DTYPE, FAR, R, C)                                                                     \
    static void tile_##DTYPE##_##FAR##_##R##_##C(const struct share *share, const uint32_t *order, \
                                                 const size_t *inputs)                             \
    {                                                                                              \
        tile_of(MIDL_##DTYPE, FAR, R, C, share, order, inputs);                                    \
    }
#define TILES(DTYPE)                                                                               \
    TILE(DTYPE, NEAR, TILE_ROWS, 1)                                                                \
    TILE(DTYPE, NEAR, TILE_ROWS, 2)                                                                \
    TILE(DTYPE, NEAR, TILE_ROWS, 3)                                                                \
    TILE(DTYPE, NEAR, TILE_ROWS, 4)                                                                \
    TILE(DTYPE, FAR, TILE_ROWS, 1)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 2)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 3)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 4)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 5)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 6)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 7)                                                                 \
    TILE(DTYPE, FAR, TILE_ROWS, 8)                                                                 \
    TILE(DTYPE, FAR, TILE_FAR_ROWS, 1)                                                             \
    TILE(DTYPE, FAR, TILE_FAR_ROWS, 2)                                                             \
    TILE(DTYPE, FAR, TILE_FAR_ROWS, 3)
TILES(F32)
TILES(BF16)
TILES(INT8)

#define TILE_NAMES(DTYPE)                                                                          \
    {                                                                                              \
        {tile_##DTYPE##_NEAR_TILE_ROWS_1, tile_##DTYPE##_NEAR_TILE_ROWS_2,                         \
         tile_##DTYPE##_NEAR_TILE_ROWS_3, tile_##DTYPE##_NEAR_TILE_ROWS_4},                        \
            {tile_##DTYPE##_FAR_TILE_ROWS_1, tile_##DTYPE##_FAR_TILE_ROWS_2,                       \
             tile_##DTYPE##_FAR_TILE_ROWS_3, tile_##DTYPE##_FAR_TILE_ROWS_4,                       \
             tile_##DTYPE##_FAR_TILE_ROWS_5, tile_##DTYPE##_FAR_TILE_ROWS_6,                       \
             tile_##DTYPE##_FAR_TILE_ROWS_7, tile_##DTYPE##_FAR_TILE_ROWS_8},                      \
            {tile_##DTYPE##_FAR_TILE_FAR_ROWS_1, tile_##DTYPE##_FAR_TILE_FAR_ROWS_2,               \
             tile_##DTYPE##_FAR_TILE_FAR_ROWS_3},                                                  \
    }

/* By type, kind, and inputs less one. */
static tile_function *const tiles[][KINDS][LISTS_FEW] = {
    [MIDL_F32] = TILE_NAMES(F32), [MIDL_BF16] = TILE_NAMES(BF16), [MIDL_INT8] = TILE_NAMES(INT8)};

/* The inputs that want any of the next neurons in the order: how many. */
static size_t inputs_of(const uint32_t *order, size_t rows, size_t inputs[LISTS_FEW])
{
    uint32_t set = 0;
    size_t C = 0;
    for (size_t r = 0; r < rows; r++)
        set |= set_of(order[r]);
    for (; set; set &= set - 1)
        inputs[C++] = (size_t)__builtin_ctz(set);
    return C;
}

/* F of all wanted neurons. */
static void products(const struct share *share, const uint32_t *order, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t inputs[LISTS_FEW], rows = TILE_FAR_ROWS, C = LISTS_FEW,
                                  kind = share->few->far ? FAR : NEAR;
        if (share->few->far)
            C = inputs_of(order + i, TILE_FAR_ROWS, inputs);
        if (C * TILE_FAR_ROWS <= FAR_SUMS) {
            kind = TALL;
        } else {
            rows = TILE_ROWS;
            C = inputs_of(order + i, TILE_ROWS, inputs);
        }
        tiles[share->env->full.dtype][kind][C - 1](share, order + i, inputs);
        i += rows;
    }
}

/* The wanted neurons of the b-th input. */
static void blend(const struct share *share, size_t b)
{
    const struct midl_selection *s = share->batch->selection;
    size_t n = share->env->layer.shape.n, first = share->first, input = share->input + b;
    bits_blend(midl_selected_bits(share->batch, n, input), first, share->last - first,
               share->work.full + b * share->few->stride + first,
               share->env->layer.full_bias + first,
               s->gate + input * s->stride + midl_selected_before(s, input, first),
               share->batch->y + input * n + first);
}

static void copy_inputs(const struct share *share, size_t first, size_t last)
{
    size_t d = share->env->layer.shape.d;
    for (size_t b = first; b < last; b++)
        memcpy(share->work.x + b * share->few->x_stride, share->batch->x + (share->input + b) * d,
               d * sizeof(float));
}

/* The inputs of now, which were copied. From `at` on, order and spare have room for the share's
 * neurons and SPARE more. */
static void run_few(struct share *share, size_t at)
{
    uint32_t *order = share->work.order + at;
    size_t count = sort_by_sets(share, order, share->work.spare + at);
    for (size_t i = 0; count > 0 && i < SPARE; i++)
        order[count + i] = order[count - 1];
    products(share, order, count);
    for (size_t b = 0; b < share->inputs; b++)
        blend(share, b);
}

/* Inputs [first, last), few at a time. Threads with the same inputs have neurons each; between
 * barriers they copy these inputs. */
static void run_inputs(struct share *share, size_t first, size_t last, bool own)
{
    size_t most = share->few->far ? LISTS_FEW : NEAR_INPUTS,
           passes = (last - first + most - 1) / most;
    size_t part = own ? 0 : parallel_part(), parts = own ? 1 : parallel_parts();
    for (size_t pass = 0; pass < passes; pass++) {
        share->input = first + parallel_share(last - first, 1, pass, passes);
        share->inputs = first + parallel_share(last - first, 1, pass + 1, passes) - share->input;
        copy_inputs(share, parallel_share(share->inputs, 1, part, parts),
                    parallel_share(share->inputs, 1, part + 1, parts));
        if (!own) {
#pragma omp barrier
        }
        run_few(share, share->first + part * SPARE);
        if (!own) {
#pragma omp barrier
        }
    }
}

/* Inputs of its own, where each core has all of W in its second-level cache; else neurons: reading
 * W twice costs more than words between cores that share the third (n = 1024, four inputs: 46 us
 * instead of 41), and as much as these between cores that don't. */
static void few_part(void *data)
{
    struct share share = *(const struct share *)data;
    size_t n = share.env->layer.shape.n, batch = share.batch->batch, part = parallel_part();
    bool own = share.few->count == parallel_parts() && parallel_by_inputs(batch, 1);
    share.work = share.few->workspaces[own ? part : 0];
    share.first = own ? 0 : parallel_bound(n, 16, part);
    share.last = own ? n : parallel_bound(n, 16, part + 1);
    if (own)
        run_inputs(&share, parallel_bound(batch, 1, part), parallel_bound(batch, 1, part + 1), own);
    else
        run_inputs(&share, 0, batch, own);
}

void lists_few_run(const struct variant_env *env, const struct lists_few *few,
                   const struct variant_batch *batch)
{
    struct share share = {.env = env, .batch = batch, .few = few};
    parallel_run(env->threads, few_part, &share);
}

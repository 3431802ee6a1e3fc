/* lists.c - batches with a selection of their own per input, without forming the union.
 *
 * The pairs (input, neuron) are turned around: for each neuron the list of the inputs that selected
 * it, as a bit mask over a chunk of the batch. One neuron against its list reads its weights once
 * per list and has too few sums at a time to hide the latency of the multiply-add. Two neurons
 * whose lists are equally long make a register tile of 2 x C, in which nothing is computed in vain:
 * some inputs are in both lists and are loaded once for both neurons, the others are loaded for the
 * one neuron that wants them. A core that loads as often as it multiplies is not held up by that,
 * so that the lists need not be equal: with two inputs shared, a step of the tile has no more loads
 * than multiply-adds. So
 *
 *   - a chunk has so many inputs, 16 to 64, that an average neuron finds seven of them; at least 32
 *     where W comes from memory. Longer chunks make larger tiles and read W less often, but their
 *     slices are shorter, and a tile's sums across lanes are as many for each slice;
 *   - neurons are sorted by the length of their lists, then by four of their inputs; of the three
 *     ways to make two pairs of four neighbours the one is taken whose lists differ least. Popular
 *     neurons, which nearly all inputs select, find each other by themselves;
 *   - tiles are sorted by their size, so that no branch is mispredicted;
 *   - a prefetch takes the place of a load. A W that doesn't fit the second-level cache is
 *     prefetched a slice ahead if two slices of a panel fit. If not, the rows of the next tile are
 *     prefetched whole, for a panel's first chunk, and the next slice only where W comes from
 *     memory. Two slices fit where a panel is half as long, which pays for a W from memory of which
 *     much is wanted by one or two chunks (n = 4096, k/n = 0.45: 0.96 of the time with 16 inputs,
 *     0.98 with 64, 1.02 with 256). Rows that are near have their beginnings prefetched, between
 *     two tiles, and the processor finds the rest;
 *   - up to four or eight inputs wait for W alone, and have a kernel of their own (lists_few.c);
 *   - d is cut in slices, so that a chunk's slice stays in the first-level cache and a panel's
 *     slice of W near the second while the chunks of up to 128 inputs pass by.
 *
 * Weights in bf16 and int8 are widened a panel's slice at a time, once for all inputs of a pass: a
 * batch waits for multiply-adds, not for weights.
 *
 * Each thread has inputs of its own, or, where W comes from memory or they are few, neurons;
 * then it shares nothing but the packed inputs. A value's sum over d is cut in slices and lanes in
 * the same way in every tile, so that it doesn't depend on the other inputs or on the threads. What
 * limits it (Zen 4, n = d = 512, batch 64, k/n = 0.45): the products take 62 % of the layer's time,
 * in the quietest tenth of its calls a fifth more than at the core's peak. Of a tile alone, with W
 * in the second-level cache and all that passes until the next one, a step takes 15.7 cycles
 * instead of 14 with seven inputs, 25.1 instead of 22 with eleven. Making lists, spreading and
 * blending take 13 %, gate, light path and selection 22 %. F is spread input by input, a store for
 * each sum: a vector of inputs at a time left blending to pick F from as many lines as neurons are
 * selected, and the layer took 1.02 of the time.
 */
#include <stdlib.h>
#include <string.h>

#include "lists_few.h"
#include "parallel.h"
#include "simd/bits.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(lists);

enum {
    PANEL = 512,       /* neurons whose lists are compared, at most */
    CHUNK = 64,        /* inputs in a mask, at most */
    WANTED = 7,        /* inputs that a neuron should find in a chunk */
    PASS = 128,        /* inputs that share a pass over W */
    OWN = 8,           /* inputs, or a multiple, of a thread that has its own */
    FULL = PANEL + 16, /* floats between two inputs' F: an odd number of cache lines */
    ROWS = 2,
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_NEON)
    COLS = 12, /* inputs of a pair at most: 24 sums leave registers for the operands */
#else
    COLS = 6,
#endif
    HELD = VEC_REGISTERS == 32 ? 2 : 1, /* steps of W in registers */
    SLICE = 512,           /* floats, at most; half of it where the next one is prefetched, too */
    SLICE_FLOATS = 8192,   /* of a chunk, all inputs together: 32 KiB */
    LONG_FLOATS = 12288,   /* where a quarter or more of the neurons is wanted, and the first-level
                              cache has room */
    SEEN = 64,             /* floats of a row, from where on hardware prefetches by itself */
    AHEAD_BYTES = 1 << 18, /* of a panel's slice that fits the second-level cache beside the next */
};

/* Two neurons, by number in the panel, and the inputs of each: some shared, as many of its own.
 * Their sums begin at `sums`, neuron by neuron. */
struct tile {
    uint64_t shared, own[ROWS];
    uint16_t neuron[ROWS], sums;
};

/* Kinds of tiles: 2 x 1..COLS with SHARED(C) inputs shared; the same with none. */
enum { PAIRS, STRANGERS = PAIRS + COLS, KINDS = STRANGERS + COLS };

/* The number of a pair's C inputs that are shared: a step has no more loads than multiply-adds. */
#define SHARED(C) ((C) < 2 ? (C) : 2 + (C) / 4)

static size_t cols_of(size_t kind)
{
    return 1 + kind % COLS;
}

/* A pair's list of a whole chunk makes several tiles. */
enum { TILES_MOST = (PANEL / 2 + 1) * ((CHUNK + COLS - 1) / COLS) };

/* One chunk's share of a panel. */
struct lists {
    uint64_t masks[PANEL];             /* of the neurons: which inputs selected them */
    struct tile tiles[TILES_MOST + 1]; /* by kind; one more to prefetch */
    uint16_t begin[KINDS + 1];         /* of each kind, among the tiles */
    float sums[(PANEL + 2) * CHUNK + 16];
};

/* A thread's workspace for one chunk after the other. */
struct scratch {
    uint16_t order[PANEL + 1];     /* the neurons, by their masks */
    struct tile tiles[TILES_MOST]; /* in that order */
    uint8_t kinds[TILES_MOST];
    float full[CHUNK * FULL]; /* F without the bias, [inputs][FULL] */
    uint32_t next[PASS];      /* of each input of the pass: its selected neurons before the panel */
    float *wide;              /* [PANEL][slice]: a panel's slice of narrow weights as floats */
};

struct lists_state {
    size_t slices, slice, stride; /* of d; floats a slice, multiples of 32; floats an input */
    size_t inputs, chunk, chunks; /* of a pass; of a chunk; chunks in a pass */
    size_t panel;                 /* neurons at a time */
    struct lists_few *few;        /* for few inputs: then nothing else is there */
    bool cached;                  /* W, as it is stored: it doesn't come from memory */
    bool far;                     /* tiles find W beyond the second-level cache */
    size_t ahead;            /* neurons of a tile that are prefetched a slice ahead: all or 0 */
    float *w;                /* [slices][n][slice]: W, filled up with zeros; NULL if it is narrow */
    float *wide;             /* [threads][PANEL][slice] of narrow weights, else NULL */
    float *x;                /* [slices][inputs][stride]: the inputs, likewise */
    struct lists *lists;     /* [threads][chunks] */
    struct scratch *scratch; /* [threads] */
};

static void destroy(void *opaque)
{
    struct lists_state *state = opaque;
    lists_few_destroy(state->few);
    free(state->w);
    free(state->wide);
    free(state->x);
    free(state->lists);
    free(state->scratch);
    free(state);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Chunks of equal length, in which a neuron that is as popular as the average finds inputs enough
 * for a tile. */
static size_t chunk_length(const struct midl_shape *shape, size_t max_batch, bool nearby)
{
    size_t wanted = midl_expected_count(shape);
    size_t most = wanted > 0 ? WANTED * shape->n / wanted : CHUNK, least = nearby ? 16 : 32;
    most = smaller(most < least ? least : most, CHUNK);
    size_t inputs = smaller(max_batch, PASS), chunks = (inputs + most - 1) / most;
    return (inputs + chunks - 1) / chunks;
}

/* An odd number of cache lines apart, the inputs' same offsets spread over the cache's sets. */
static void choose_sizes(struct lists_state *state, const struct variant_env *env)
{
    const struct midl_shape *s = &env->layer.shape;
    size_t w_bytes = s->n * env->full.row_bytes;
    bool narrow = env->full.dtype != MIDL_F32, nearby = narrow || w_bytes <= MIDL_CACHED_BYTES;
    state->cached = w_bytes <= MIDL_CACHED_BYTES;
    state->chunk = chunk_length(s, env->max_batch, nearby);
    state->inputs = smaller(env->max_batch, PASS);
    state->chunks = (state->inputs + state->chunk - 1) / state->chunk;
    bool many = midl_expected_count(s) * 4 >= s->n;
    bool waits = !nearby && !many; /* for W: some of it is prefetched for the next tile */
    size_t floats = many ? smaller(env->core.first_floats, LONG_FLOATS) : SLICE_FLOATS;
    size_t most =
        smaller((waits ? floats * 3 / 4 : floats) / state->chunk, nearby ? SLICE : SLICE / 2);
    state->slices = (s->d + most - 1) / most;
    state->slice = (s->d + 32 * state->slices - 1) / (32 * state->slices) * 32;
    state->stride = (state->slice / 16 | 1) * 16;
    state->panel = nearby || waits || state->chunks > 2 ? PANEL : PANEL / 2;
    bool far = !narrow && w_bytes > MIDL_SECOND_BYTES;
    bool fits = state->panel * state->slice * sizeof(float) <= AHEAD_BYTES;
    state->ahead = far && (fits || !nearby) ? ROWS : 0;
    state->far = far && !fits;
}

/* Row `row` of [.][d] in slices: slice i goes to to + i * apart. */
static void copy_row(const struct lists_state *state, size_t d, const float *row, float *to,
                     size_t apart)
{
    for (size_t i = 0; i < state->slices; i++, to += apart) {
        size_t at = i * state->slice, length = at < d ? smaller(d - at, state->slice) : 0;
        memcpy(to, row + at, length * sizeof *to);
        memset(to + length, 0, (state->slice - length) * sizeof *to);
    }
}

/* Weights in f32 are packed whole; narrow ones stay as they are, but for a panel's slice a thread.
 */
static size_t packed_floats(const struct lists_state *state, const struct variant_env *env)
{
    size_t rows = env->full.dtype == MIDL_F32 ? state->slices * env->layer.shape.n
                                              : (size_t)env->threads * PANEL;
    return rows * state->slice;
}

/* The workspace of few inputs, or of more with W packed; whether there was memory. */
static bool take_memory(struct lists_state *state, const struct variant_env *env, size_t *bytes)
{
    size_t threads = (size_t)env->threads;
    if (env->max_batch <= lists_few_most(env)) {
        state->few = lists_few_create(env, bytes);
        return state->few;
    }
    choose_sizes(state, env);
    float *w = midl_take(packed_floats(state, env), sizeof *w, bytes);
    *(env->full.dtype == MIDL_F32 ? &state->w : &state->wide) = w;
    state->x = midl_take(state->slices * state->inputs * state->stride, sizeof *state->x, bytes);
    state->lists = midl_take(threads * state->chunks, sizeof *state->lists, bytes);
    state->scratch = midl_take(threads, sizeof *state->scratch, bytes);
    return w && state->x && state->lists && state->scratch;
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct lists_state *state = calloc(1, sizeof *state);
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    if (!take_memory(state, env, bytes)) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    for (size_t i = 0; state->wide && i < (size_t)env->threads; i++)
        state->scratch[i].wide = state->wide + i * PANEL * state->slice;
    for (size_t j = 0; state->w && j < s->n; j++)
        copy_row(state, s->d, env->layer.full_weight + j * s->d, state->w + j * state->slice,
                 s->n * state->slice);
    *ret_state = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

struct lists_call {
    const struct variant_env *env;
    struct lists_state *state;
    const struct variant_batch *batch;
    size_t first, count; /* the inputs of this pass over W */
};

/* A chunk and a panel, for one thread. */
struct place {
    const struct lists_call *call;
    struct scratch *scratch;
    struct lists *lists;
    size_t input, inputs; /* the chunk's, counted within the pass */
    size_t neuron, neurons;
};

/* ---- Lists, and tiles of neurons with equal lists ------------------------------------------- */

/* Which of the chunk's inputs selected each neuron, half a mask at a time. */
static void make_masks(const struct place *at)
{
    size_t n = at->call->env->layer.shape.n, stride = MIDL_BITS(n);
    const uint8_t *bits = midl_selected_bits(at->call->batch, n, at->call->first + at->input);
    for (size_t j = 0; j < at->neurons; j += VEC_LANES) {
        uint64_t *masks = at->lists->masks + j;
        lanes low = bits_turned(smaller(at->inputs, 32), bits, stride, at->neuron + j);
        for (size_t lane = 0; lane < VEC_LANES; lane++)
            masks[lane] = (uint32_t)low[lane];
        if (at->inputs <= 32)
            continue;
        lanes high = bits_turned(at->inputs - 32, bits + 32 * stride, stride, at->neuron + j);
        for (size_t lane = 0; lane < VEC_LANES; lane++)
            masks[lane] |= (uint64_t)(uint32_t)high[lane] << 32;
    }
}

static size_t size_of(uint64_t mask)
{
    return (size_t)__builtin_popcountll(mask);
}

enum { RANKS = (CHUNK + 1) * 16 };

/* Masks of a rank have as many inputs, and agree on the first four: a rank's neighbours differ in
 * one of these, as in Gray's code. */
static uint16_t rank_of(uint64_t mask)
{
    uint64_t gray = (mask & 15) ^ (mask & 15) >> 1;
    return (uint16_t)(size_of(mask) * 16 + (gray ^ gray >> 2));
}

/* The neurons in the order of their masks' ranks; `inputs` is what a mask can hold. */
static void sort_neurons(size_t inputs, size_t count, const uint64_t *masks, uint16_t *ret)
{
    size_t ranks = (inputs + 1) * (RANKS / (CHUNK + 1));
    uint16_t start[RANKS + 1], rank[PANEL];
    memset(start, 0, (ranks + 1) * sizeof *start);
    for (size_t j = 0; j < count; j++)
        start[1 + (rank[j] = rank_of(masks[j]))]++;
    for (size_t i = 1; i < ranks; i++)
        start[i] = (uint16_t)(start[i] + start[i - 1]);
    for (size_t j = 0; j < count; j++)
        ret[start[rank[j]]++] = (uint16_t)j;
}

/* A tile of two neurons for C inputs of each, which leave the masks. */
static inline void take_pair(struct scratch *scratch, const uint16_t neuron[2], size_t C,
                             uint64_t *a, uint64_t *b, size_t *tiles)
{
    bool strangers = size_of(*a & *b) < SHARED(C);
    size_t common = strangers ? 0 : SHARED(C), own = C - common;
    uint64_t shared = vec_lowest(*a & *b, common);
    uint64_t own_a = vec_lowest(*a ^ shared, own), own_b = vec_lowest(*b ^ shared, own);
    scratch->kinds[*tiles] = (uint8_t)((strangers ? STRANGERS : PAIRS) + C - 1);
    scratch->tiles[(*tiles)++] =
        (struct tile){.shared = shared, .own = {own_a, own_b}, .neuron = {neuron[0], neuron[1]}};
    *a ^= shared | own_a;
    *b ^= shared | own_b;
}

static size_t more_than(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* The shorter list becomes as long as the other, by some of its inputs. Long lists make tiles of
 * nearly equal size. */
static void pair_neurons(struct scratch *scratch, const uint64_t *masks, const uint16_t neuron[2],
                         size_t *tiles)
{
    uint64_t first = masks[neuron[0]], second = masks[neuron[1]];
    size_t firsts = size_of(first), seconds = size_of(second);
    uint64_t a = first | vec_lowest(second & ~first, more_than(seconds, firsts));
    uint64_t b = second | vec_lowest(first & ~second, more_than(firsts, seconds));
    while (size_of(a) > COLS) {
        size_t parts = (size_of(a) + COLS - 1) / COLS;
        take_pair(scratch, neuron, (size_of(a) + parts - 1) / parts, &a, &b, tiles);
    }
    if (a)
        take_pair(scratch, neuron, size_of(a), &a, &b, tiles);
}

/* Choose that of three ways to make two pairs of four neurons whose masks differ least. */
static void match(const uint64_t *masks, uint16_t order[4])
{
    uint64_t m[4];
    for (size_t i = 0; i < 4; i++)
        m[i] = masks[order[i]];
    size_t best = (size_of(m[0] ^ m[1]) + size_of(m[2] ^ m[3])) * 4 + 1; /* and who joins 0 */
    size_t second = (size_of(m[0] ^ m[2]) + size_of(m[1] ^ m[3])) * 4 + 2;
    size_t third = (size_of(m[0] ^ m[3]) + size_of(m[1] ^ m[2])) * 4 + 3;
    best = smaller(best, smaller(second, third)) % 4;
    uint16_t joins = order[best];
    order[best] = order[1];
    order[1] = joins;
}

/* Tiles in the order of the neurons' masks. An odd neuron is paired with itself. */
static size_t find_tiles(struct scratch *scratch, const uint64_t *masks, size_t neurons)
{
    uint16_t *order = scratch->order;
    size_t tiles = 0;
    for (size_t i = 0; i + 4 <= neurons; i += 4)
        match(masks, order + i);
    if (neurons % 2)
        order[neurons] = order[neurons - 1];
    for (size_t i = 0; i < neurons; i += 2)
        pair_neurons(scratch, masks, order + i, &tiles);
    return tiles;
}

/* Tiles in the order of kinds, with places for their sums. */
static void sort_tiles(const struct scratch *scratch, size_t count, struct lists *lists)
{
    uint16_t begin[KINDS + 1] = {0}, sums = 0;
    for (size_t i = 0; i < count; i++)
        begin[scratch->kinds[i] + 1]++;
    for (size_t kind = 0; kind < KINDS; kind++)
        begin[kind + 1] = (uint16_t)(begin[kind + 1] + begin[kind]);
    memcpy(lists->begin, begin, sizeof begin);
    for (size_t i = 0; i < count; i++)
        lists->tiles[begin[scratch->kinds[i]]++] = scratch->tiles[i];
    lists->tiles[count] = (struct tile){.sums = 0};
    for (size_t kind = 0; kind < KINDS; kind++) {
        uint16_t size = (uint16_t)(ROWS * cols_of(kind));
        for (size_t i = lists->begin[kind]; i < lists->begin[kind + 1];
             i++, sums = (uint16_t)(sums + size))
            lists->tiles[i].sums = sums;
    }
    memset(lists->sums, 0, (sums + 16u) * sizeof *lists->sums);
}

static void make_lists(const struct place *at)
{
    struct scratch *scratch = at->scratch;
    make_masks(at);
    sort_neurons(at->inputs, at->neurons, at->lists->masks, scratch->order);
    sort_tiles(scratch, find_tiles(scratch, at->lists->masks, at->neurons), at->lists);
}

/* ---- Products ------------------------------------------------------------------------------- */

/* One slice of a panel's weights and of a chunk's inputs. */
struct slice {
    struct lists *lists;
    const float *w;        /* of the panel's first neuron */
    const float *x[CHUNK]; /* of each input */
    size_t length;
    const float *ahead;                  /* the next slice of W, of which to prefetch rows: */
    size_t ahead_row, ahead_end, a_tile; /* from, to, and how many with a tile */
};

/* Add a tile's `count` sums. */
VEC_INLINE void add_sums(size_t count, const vec *sum, float *to)
{
#pragma GCC unroll 2
    for (size_t first = 0; first < count; first += 16) {
        vec all[16];
#pragma GCC unroll 16
        for (size_t i = 0; i < 16; i++)
            all[i] = first + i < count ? sum[first + i] : vec_set(0.0f);
        vec_add_sums(count - first < 16 ? (1u << (count - first)) - 1 : 0xffff, all, to + first);
    }
}

/* A tile's share of the next slice, to the second-level cache. */
static inline void prefetch_ahead(const struct slice *slice, const struct tile *tile)
{
    size_t row = slice->ahead_row + (size_t)(tile - slice->lists->tiles) * slice->a_tile;
    size_t rows = row < slice->ahead_end ? smaller(slice->a_tile, slice->ahead_end - row) : 0;
    for (size_t i = 0; i < rows * slice->length; i += 16)
        __builtin_prefetch(slice->ahead + row * slice->length + i, 0, 2);
}

/* Prefetch the parts of the next tile's rows that the processor doesn't see coming. */
VEC_INLINE void prefetch_beginnings(const float *const next[ROWS])
{
#pragma GCC unroll 2
    for (size_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
        for (size_t i = 0; i < SEEN; i += 16)
            __builtin_prefetch(next[r] + i);
}

/* The inputs of a mask. */
VEC_INLINE void find_inputs(size_t C, const struct slice *slice, uint64_t mask, const float **x)
{
#pragma GCC unroll 16
    for (size_t c = 0; c < C; c++, mask &= mask - 1)
        x[c] = slice->x[__builtin_ctzll(mask)];
}

/* A tile over one slice: S inputs that its neurons share and C - S of the own of each. `far`: W
 * comes from beyond the second-level cache. All three are compile-time constants. */
VEC_INLINE void tile_sums(bool far, size_t C, size_t S, const struct slice *slice,
                          const struct tile *tile)
{
    const float *w[ROWS], *next[ROWS], *shared[COLS], *own[ROWS][COLS];
    vec sum[ROWS * COLS], wv[ROWS][HELD];
    prefetch_ahead(slice, tile);
    find_inputs(S, slice, tile->shared, shared);
#pragma GCC unroll 2
    for (size_t r = 0; r < ROWS; r++) {
        w[r] = slice->w + tile->neuron[r] * slice->length;
        next[r] = slice->w + tile[1].neuron[r] * slice->length;
        find_inputs(C - S, slice, tile->own[r], own[r]);
    }
#pragma GCC unroll 32
    for (size_t a = 0; a < ROWS * C; a++)
        sum[a] = vec_set(0.0f);
    for (size_t i = 0; i < slice->length; i += HELD * VEC_LANES) {
#pragma GCC unroll 4
        for (size_t a = 0; a < ROWS * HELD; a++) {
            size_t r = a / HELD, h = a % HELD;
            wv[r][h] = vec_once(vec_load(w[r] + i + h * VEC_LANES));
            if (far)
                __builtin_prefetch(next[r] + i + h * VEC_LANES);
        }
#pragma GCC unroll 32
        for (size_t a = 0; a < S * HELD; a++) {
            size_t c = a / HELD, h = a % HELD;
            vec xv = vec_once(vec_load(shared[c] + i + h * VEC_LANES));
#pragma GCC unroll 2
            for (size_t r = 0; r < ROWS; r++)
                sum[r * C + c] = vec_fma(wv[r][h], xv, sum[r * C + c]);
        }
#pragma GCC unroll 64
        for (size_t a = 0; a < (C - S) * ROWS * HELD; a++) {
            size_t c = a / (ROWS * HELD), r = a / HELD % ROWS, h = a % HELD;
            vec *to = &sum[r * C + S + c];
            *to = vec_fma(wv[r][h], vec_load(own[r][c] + i + h * VEC_LANES), *to);
        }
    }
    if (!far)
        prefetch_beginnings(next);
    add_sums(ROWS * C, sum, slice->lists->sums + tile->sums);
}

#define TILES(kind, C, S)                                                                          \
    for (size_t i = begin[kind]; i < begin[(kind) + 1]; i++)                                       \
    tile_sums(far, C, S, slice, slice->lists->tiles + i)
#define PAIRS_OF(C)                                                                                \
    if ((C) <= COLS)                                                                               \
        TILES(PAIRS + (C)-1, C, SHARED(C));                                                        \
    if ((C) <= COLS)                                                                               \
    TILES(STRANGERS + (C)-1, C, 0)

VEC_INLINE void slice_sums(bool far, const struct slice *slice)
{
    const uint16_t *begin = slice->lists->begin;
    PAIRS_OF(1);
    PAIRS_OF(2);
    PAIRS_OF(3);
    PAIRS_OF(4);
    PAIRS_OF(5);
    PAIRS_OF(6);
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_NEON)
    PAIRS_OF(7);
    PAIRS_OF(8);
    PAIRS_OF(9);
    PAIRS_OF(10);
    PAIRS_OF(11);
    PAIRS_OF(12);
#endif
}

/* ---- Blending ------------------------------------------------------------------------------- */

/* One neuron's sums, those of the inputs of a mask, to their places in F. */
static inline const float *spread(uint64_t mask, const float *sums, float *full)
{
    for (; mask; mask &= mask - 1)
        full[(size_t)__builtin_ctzll(mask) * FULL] = *sums++;
    return sums;
}

/* F of a chunk and a panel from the sums. */
static void spread_sums(const struct place *at)
{
    const struct lists *lists = at->lists;
    for (size_t kind = 0; kind < KINDS; kind++) {
        for (size_t i = lists->begin[kind]; i < lists->begin[kind + 1]; i++) {
            const struct tile *tile = &lists->tiles[i];
            const float *sums = lists->sums + tile->sums;
            for (size_t r = 0; r < ROWS; r++) {
                float *full = at->scratch->full + tile->neuron[r];
                sums = spread(tile->own[r], spread(tile->shared, sums, full), full);
            }
        }
    }
}

/* Blend, input by input, and step over the panel's neurons. */
static void blend(const struct place *at)
{
    const struct midl_selection *s = at->call->batch->selection;
    const float *bias = at->call->env->layer.full_bias + at->neuron;
    size_t n = at->call->env->layer.shape.n;
    for (size_t c = 0; c < at->inputs; c++) {
        size_t b = at->call->first + at->input + c;
        uint32_t *next = &at->scratch->next[at->input + c];
        *next += (uint32_t)bits_blend(midl_selected_bits(at->call->batch, n, b), at->neuron,
                                      at->neurons, at->scratch->full + c * FULL, bias,
                                      s->gate + b * s->stride + *next,
                                      at->call->batch->y + b * n + at->neuron);
    }
}

/* ---- Narrow weights ------------------------------------------------------------------------- */

/* Slice s of row j as floats, each the rounded weight itself. dtype is a compile-time constant. */
VEC_INLINE void widen_row(enum midl_dtype dtype, const struct midl_weights *W, size_t j,
                          size_t first, size_t length, float *to)
{
    enum { STEP = MIDL_BF16_BLOCK }; /* what rows are filled up to, at least */
    size_t end = (W->d + STEP - 1) / STEP * STEP, filled = first < end ? end - first : 0;
    const void *row = midl_weights_row(W, j);
    filled = smaller(filled, length);
    for (size_t i = 0; i < filled; i += tile_block(dtype))
#pragma GCC unroll 8
        for (size_t at = 0; at < tile_block(dtype); at += VEC_LANES) {
            vec w = tile_weights(dtype, row, first + i, at);
            if (dtype == MIDL_INT8)
                w = w * vec_set(W->scale[j]);
            vec_store(to + i + at, w);
        }
    memset(to + filled, 0, (length - filled) * sizeof *to);
}

/* Slice s of a panel. */
static void widen(const struct place *at, size_t s)
{
    const struct midl_weights *W = &at->call->env->full;
    size_t length = at->call->state->slice;
    for (size_t j = 0; j < at->neurons; j++) {
        float *to = at->scratch->wide + j * length;
        if (W->dtype == MIDL_BF16)
            widen_row(MIDL_BF16, W, at->neuron + j, s * length, length, to);
        else
            widen_row(MIDL_INT8, W, at->neuron + j, s * length, length, to);
    }
}

/* ---- The call ------------------------------------------------------------------------------- */

/* Slice s of a panel against a chunk. The next slice, of this panel or the next, is prefetched with
 * the first two chunks. */
static void chunk_slice(const struct place *at, size_t chunk, size_t chunks, size_t s)
{
    const struct lists_state *state = at->call->state;
    size_t n = at->call->env->layer.shape.n, row = s * n + at->neuron;
    size_t after = at->neuron + at->neurons < n ? at->neuron + at->neurons : 0;
    bool last = s + 1 == state->slices;
    struct slice slice = {.lists = at->lists,
                          .w = state->w ? state->w + row * state->slice : at->scratch->wide,
                          .length = state->slice};
    if (state->ahead && chunk < 2) {
        slice.ahead = state->w + (last ? after : row + n) * state->slice;
        slice.ahead_row = chunk * at->neurons / 2;
        slice.ahead_end = last ? smaller(at->neurons, n - after) : at->neurons;
        slice.a_tile = state->ahead / smaller(chunks, 2);
    }
    for (size_t c = 0; c < at->inputs; c++)
        slice.x[c] = state->x + (s * state->inputs + at->input + c) * state->stride;
    if (state->far && chunk == 0)
        slice_sums(true, &slice);
    else
        slice_sums(false, &slice);
}

/* The part of a pass that one thread does. */
struct share {
    const struct lists_call *call;
    size_t part;
    size_t first, last;        /* inputs */
    size_t neuron, end_neuron; /* neurons */
};

/* All chunks of a share against one panel. */
static void panel(const struct share *share, size_t neuron)
{
    const struct lists_state *state = share->call->state;
    size_t chunks = (share->last - share->first + state->chunk - 1) / state->chunk;
    struct place at[PASS];
    for (size_t i = 0; i < chunks; i++) {
        size_t input = share->first + i * state->chunk;
        at[i] = (struct place){.call = share->call,
                               .scratch = &state->scratch[share->part],
                               .lists = &state->lists[share->part * state->chunks + i],
                               .input = input,
                               .inputs = smaller(share->last - input, state->chunk),
                               .neuron = neuron,
                               .neurons = smaller(share->end_neuron - neuron, state->panel)};
        make_lists(&at[i]);
    }
    for (size_t s = 0; s < state->slices; s++) {
        if (state->wide)
            widen(&at[0], s);
        for (size_t i = 0; i < chunks; i++)
            chunk_slice(&at[i], i, chunks, s);
    }
    for (size_t i = 0; i < chunks; i++) {
        spread_sums(&at[i]);
        blend(&at[i]);
    }
}

static void pack_inputs(const struct lists_call *call, size_t first, size_t last)
{
    const struct lists_state *state = call->state;
    size_t d = call->env->layer.shape.d;
    for (size_t b = first; b < last; b++)
        copy_row(state, d, call->batch->x + (call->first + b) * d, state->x + b * state->stride,
                 state->inputs * state->stride);
}

/* Some inputs and all neurons, or, where W comes from memory or the inputs are few, packing some
 * inputs, then all of them and some neurons. */
static void lists_part(void *data)
{
    const struct lists_call *call = data;
    const struct lists_state *state = call->state;
    struct share share = {.call = call, .part = parallel_part(), .last = call->count};
    bool by_inputs = state->cached && parallel_by_inputs(call->count, OWN);
    size_t grain = by_inputs ? OWN : 1, n = call->env->layer.shape.n;
    size_t first = parallel_bound(call->count, grain, share.part);
    size_t last = parallel_bound(call->count, grain, share.part + 1);
    pack_inputs(call, first, last);
    if (by_inputs) {
        share.first = first;
        share.last = last;
        share.end_neuron = n;
    } else {
        share.neuron = parallel_bound(n, 16, share.part);
        share.end_neuron = parallel_bound(n, 16, share.part + 1);
#pragma omp barrier
    }
    for (size_t b = share.first; b < share.last; b++)
        state->scratch[share.part].next[b] =
            midl_selected_before(call->batch->selection, call->first + b, share.neuron);
    for (; share.neuron < share.end_neuron; share.neuron += state->panel)
        panel(&share, share.neuron);
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *batch)
{
    struct lists_call call = {.env = env, .state = opaque, .batch = batch};
    if (call.state->few) {
        lists_few_run(env, call.state->few, batch);
        return;
    }
    for (; call.first < batch->batch; call.first += call.count) {
        call.count = smaller(batch->batch - call.first, call.state->inputs);
        parallel_run(env->threads, lists_part, &call);
    }
}

MIDL_IMPL(lists) = {.create = create, .run = run, .destroy = destroy};

/* lists.c - batches with a selection of their own per input, without forming the union.
 *
 * The pairs (input, neuron) are turned around: for each neuron the list of the inputs that selected
 * it, as a bit mask over a short chunk of the batch. One neuron against its list takes more than
 * one load per multiply-add, which no core sustains at its full speed, and reads its weights once
 * per list. But among the neurons of a panel there are nearly equal masks: two such neurons meet
 * the inputs of both masks in a register tile of 2 x C, as in a dense product, with half the loads,
 * and little is computed in vain. So
 *
 *   - a chunk has so many inputs that the typical masks, 2^(chunk * H(k/n)) by their entropy, are
 *     twice as many as the panel's neurons; sorted in the order of Gray's code, neighbours then
 *     differ in about one input. Popular neurons, which nearly all inputs select, find each other
 *     by themselves and are computed as densely as they are selected;
 *   - tiles are sorted by their size, so that no branch is mispredicted; the rows of the next tile
 *     are prefetched while one is computed, and where W comes from memory the next slice as well;
 *   - a chunk of four inputs or less waits for W alone: there four neurons go together, which keeps
 *     more of it under way;
 *   - d is cut in slices, so that a chunk's slice stays in the first-level cache and a panel's
 * slice of W near the second while the chunks of up to 128 inputs pass by.
 *
 * Each thread has neurons of its own and shares nothing but the packed inputs. A value's sum over d
 * is cut in slices and lanes in the same way in every tile, so that it doesn't depend on the other
 * inputs or on the threads. What limits it: on a core with one load and one multiply-add a cycle
 * (Zen 4), tiles run at 85 % of the peak; a tenth of that is computed in vain.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/tile.h"
#include "variant.h"

extern MIDL_IMPL(lists);

enum {
    PANEL = 512, /* neurons whose masks are compared */
    CHUNK = 16,  /* inputs in a mask, at most */
    PASS = 128,  /* inputs that share a pass over W */
    ROWS = 4,
    COLS = 8,               /* of a tile, at most: neurons and inputs */
    SLICE = 512,            /* floats: a panel's slice of W is 1 MiB */
    SLICE_FLOATS = 6144,    /* of a chunk, all inputs together: 24 KiB */
    NEARBY_BYTES = 8 << 20, /* a larger W is waited for unless it is prefetched early */
};

/* The sums of the neurons of a tile stand this many floats apart. */
#define APART(C) ((C) <= 4 ? 4 : 8)

/* Up to four neurons of the same mask, by number in the panel; their sums begin at `sums`. */
struct tile {
    uint16_t neuron[ROWS], mask, sums;
};

/* Kinds of tiles, R x C: 4 x 1..4, 2 x 1..8, 1 x 1..8. */
enum { KINDS = 3 * COLS };

static size_t rows_of(size_t kind)
{
    static const uint8_t rows[] = {4, 2, 1};
    return rows[kind / COLS];
}

/* One chunk's share of a panel. */
struct lists {
    struct tile tiles[2 * PANEL + 1]; /* by kind; one more to prefetch */
    uint16_t begin[KINDS + 1];        /* of each kind, among the tiles */
    float sums[PANEL * CHUNK + 16];
};

/* A thread's workspace for one chunk after the other. */
struct scratch {
    uint32_t keys[2][PANEL];      /* mask << 16 | neuron: to sort */
    struct tile tiles[2 * PANEL]; /* in the order of their masks */
    uint8_t kinds[2 * PANEL];
    float full[PANEL * CHUNK]; /* F, [neurons][CHUNK] */
    uint32_t next[PASS]; /* of each input of the pass: its selected neurons before the panel */
};

struct lists_state {
    size_t slices, slice, stride; /* of d; floats a slice, multiples of 16; floats an input */
    size_t inputs, chunk, chunks; /* of a pass; of a chunk; chunks in a pass */
    size_t rows, ahead;      /* neurons in a tile; of them prefetched a slice ahead: all or 0 */
    float *w;                /* [slices][n][slice]: W, filled up with zeros */
    float *x;                /* [slices][inputs][stride]: the inputs, likewise */
    struct lists *lists;     /* [threads][chunks] */
    struct scratch *scratch; /* [threads] */
};

static void destroy(void *opaque)
{
    struct lists_state *state = opaque;
    free(state->w);
    free(state->x);
    free(state->lists);
    free(state->scratch);
    free(state);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Inputs in a chunk, by the entropy of a mask; chunks of equal length. Blocks of neighbours have
 * equal masks anyway. */
static size_t chunk_length(const struct midl_shape *shape, size_t max_batch, int threads)
{
    double p = (double)shape->k / (double)shape->n, neurons = (double)shape->n / threads;
    double entropy = p > 0 && p < 1 ? -(p * log2(p) + (1 - p) * log2(1 - p)) : 0;
    double different = log2(2 * fmax(fmin(neurons, PANEL), 1));
    double length = shape->select == MIDL_SELECT_BLOCK ? 12 : fmax(different / entropy, 4);
    size_t most = length < CHUNK ? (size_t)length : CHUNK;
    size_t chunks = (smaller(max_batch, PASS) + most - 1) / most;
    return (smaller(max_batch, PASS) + chunks - 1) / chunks;
}

/* An odd number of cache lines apart, the inputs' same offsets spread over the cache's sets. */
static void choose_sizes(struct lists_state *state, const struct variant_env *env)
{
    const struct midl_shape *s = &env->layer.shape;
    state->chunk = chunk_length(s, env->max_batch, env->threads);
    state->inputs = smaller(env->max_batch, PASS);
    state->chunks = (state->inputs + state->chunk - 1) / state->chunk;
    state->rows = state->chunk <= 4 ? ROWS : 2;
    state->ahead = s->n * s->d * sizeof(float) > NEARBY_BYTES ? state->rows : 0;
    size_t most = state->chunks > 1 || state->ahead ? SLICE : SLICE_FLOATS / state->chunk;
    state->slices = (s->d + most - 1) / most;
    state->slice = (s->d + 16 * state->slices - 1) / (16 * state->slices) * 16;
    state->stride = (state->slice / 16 | 1) * 16;
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

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct lists_state *state = calloc(1, sizeof *state);
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    choose_sizes(state, env);
    size_t threads = (size_t)env->threads, w_floats = state->slices * s->n * state->slice;
    size_t x_floats = state->slices * state->inputs * state->stride;
    state->w = midl_array(w_floats, sizeof(float));
    state->x = midl_array(x_floats, sizeof(float));
    state->lists = midl_array(threads * state->chunks, sizeof *state->lists);
    state->scratch = midl_array(threads, sizeof *state->scratch);
    if (!state->w || !state->x || !state->lists || !state->scratch) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    for (size_t j = 0; j < s->n; j++)
        copy_row(state, s->d, env->layer.full_weight + j * s->d, state->w + j * state->slice,
                 s->n * state->slice);
    *ret_state = state;
    *ret_bytes = sizeof *state + (w_floats + x_floats) * sizeof(float) +
                 threads * (state->chunks * sizeof *state->lists + sizeof *state->scratch);
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

/* The masks, input by input. */
static void make_masks(const struct place *at)
{
    const struct midl_selection *s = at->call->batch->selection;
    uint32_t *keys = at->scratch->keys[0];
    for (size_t j = 0; j < at->neurons; j++)
        keys[j] = (uint32_t)j;
    for (size_t c = 0; c < at->inputs; c++) {
        size_t b = at->call->first + at->input + c, count = s->count[b];
        const uint32_t *index = s->index + b * s->stride;
        for (size_t i = at->scratch->next[at->input + c];
             i < count && index[i] < at->neuron + at->neurons; i++)
            keys[index[i] - at->neuron] |= 0x10000u << c;
    }
}

/* Where a mask stands in the order of Gray's code, in which neighbours differ in one bit. */
static uint32_t gray_rank(uint32_t mask)
{
    mask ^= mask >> 8;
    mask ^= mask >> 4;
    mask ^= mask >> 2;
    return mask ^ mask >> 1;
}

static uint32_t mask_of(uint32_t key)
{
    return key >> 16 ^ key >> 17;
}

/* Sort by eight bits from `shift` on; equal ones keep their order. */
static void sort_keys(size_t count, const uint32_t *keys, int shift, uint32_t *ret)
{
    uint16_t start[256] = {0};
    uint16_t sum = 0;
    for (size_t i = 0; i < count; i++)
        start[keys[i] >> shift & 255]++;
    for (size_t digit = 0; digit < 256; digit++) {
        uint16_t here = start[digit];
        start[digit] = sum;
        sum = (uint16_t)(sum + here);
    }
    for (size_t i = 0; i < count; i++)
        ret[start[keys[i] >> shift & 255]++] = keys[i];
}

/* A tile for `rows` neurons, whose masks together are `mask`. */
static void add_tile(struct scratch *scratch, const uint32_t *keys, size_t rows, uint32_t mask,
                     size_t *tiles)
{
    size_t C = (size_t)__builtin_popcount(mask);
    struct tile *tile = &scratch->tiles[*tiles];
    if (mask == 0)
        return;
    *tile = (struct tile){.mask = (uint16_t)mask};
    for (size_t r = 0; r < rows; r++)
        tile->neuron[r] = (uint16_t)keys[r];
    scratch->kinds[(*tiles)++] = (uint8_t)((rows == 4 ? 0 : 3 - rows) * COLS + C - 1);
}

/* The lower half of the bits of a mask that is too long for a tile, else all. */
static uint32_t first_part(uint32_t mask)
{
    uint32_t rest = mask;
    size_t count = (size_t)__builtin_popcount(mask);
    if (count <= COLS)
        return mask;
    for (size_t i = 0; i < count / 2; i++)
        rest &= rest - 1;
    return mask ^ rest;
}

/* Tiles in the order of masks. */
static size_t find_tiles(struct scratch *scratch, const uint32_t *keys, size_t neurons, size_t most)
{
    size_t tiles = 0;
    for (size_t i = 0, rows; i < neurons; i += rows) {
        uint32_t mask = 0;
        rows = neurons - i >= most ? most : neurons - i >= 2 ? 2 : 1;
        for (size_t r = 0; r < rows; r++)
            mask |= mask_of(keys[i + r]);
        uint32_t part = first_part(mask);
        add_tile(scratch, keys + i, rows, part, &tiles);
        add_tile(scratch, keys + i, rows, mask ^ part, &tiles);
    }
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
    lists->tiles[count] = (struct tile){{0}, 0, 0};
    for (size_t kind = 0; kind < KINDS; kind++) {
        uint16_t size = (uint16_t)(rows_of(kind) * APART(kind % COLS + 1));
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
    for (size_t j = 0; j < at->neurons; j++)
        scratch->keys[0][j] = gray_rank(scratch->keys[0][j] >> 16) << 16 | (uint32_t)j;
    sort_keys(at->neurons, scratch->keys[0], 16, scratch->keys[1]);
    if (at->inputs > 8)
        sort_keys(at->neurons, scratch->keys[1], 24, scratch->keys[0]);
    size_t tiles =
        find_tiles(scratch, scratch->keys[at->inputs <= 8], at->neurons, at->call->state->rows);
    sort_tiles(scratch, tiles, at->lists);
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

/* Add a tile's sums of sixteen accumulators at most; R * APART(C) <= 16. */
VEC_INLINE void add_sums(size_t R, size_t C, const vec *sum, float *to)
{
    vec all[16];
    uint32_t live = 0;
#pragma GCC unroll 16
    for (size_t i = 0; i < 16; i++) {
        size_t r = i / APART(C), c = i % APART(C);
        bool used = r < R && c < C;
        all[i] = used ? sum[r * C + c] : vec_set(0.0f);
        live |= (uint32_t)used << i;
    }
    vec_add_sums(live, all, to);
}

/* A tile's share of the next slice, to the second-level cache. */
static inline void prefetch_ahead(const struct slice *slice, const struct tile *tile)
{
    size_t row = slice->ahead_row + (size_t)(tile - slice->lists->tiles) * slice->a_tile;
    size_t rows = row < slice->ahead_end ? smaller(slice->a_tile, slice->ahead_end - row) : 0;
    for (size_t i = 0; i < rows * slice->length; i += 16)
        __builtin_prefetch(slice->ahead + row * slice->length + i, 0, 2);
}

/* A tile over one slice; R and C are compile-time constants. */
VEC_INLINE void tile_sums(size_t R, size_t C, const struct slice *slice, const struct tile *tile)
{
    const float *w[ROWS], *next[ROWS], *x[COLS];
    uint32_t mask = tile->mask;
    prefetch_ahead(slice, tile);
    vec sum[ROWS * COLS], wv[ROWS];
#pragma GCC unroll 4
    for (size_t r = 0; r < R; r++) {
        w[r] = slice->w + tile->neuron[r] * slice->length;
        next[r] = slice->w + tile[1].neuron[r] * slice->length;
    }
#pragma GCC unroll 8
    for (size_t c = 0; c < C; c++, mask &= mask - 1)
        x[c] = slice->x[__builtin_ctz(mask)];
#pragma GCC unroll 32
    for (size_t a = 0; a < R * C; a++)
        sum[a] = vec_set(0.0f);
    for (size_t i = 0; i < slice->length; i += VEC_LANES) {
#pragma GCC unroll 4
        for (size_t r = 0; r < R; r++) {
            wv[r] = vec_once(vec_load(w[r] + i));
            if (R < ROWS)
                __builtin_prefetch(next[r] + i);
        }
#pragma GCC unroll 8
        for (size_t c = 0; c < C; c++) {
            vec xv = vec_once(vec_load(x[c] + i));
#pragma GCC unroll 4
            for (size_t r = 0; r < R; r++)
                sum[r * C + c] = vec_fma(wv[r], xv, sum[r * C + c]);
        }
    }
    add_sums(R, C, sum, slice->lists->sums + tile->sums);
}

#define TILES(kind, R, C)                                                                          \
    for (size_t i = begin[(kind)*COLS + (C)-1]; i < begin[(kind)*COLS + (C)]; i++)                 \
    tile_sums(R, C, slice, slice->lists->tiles + i)
#define TILES_OF_8(kind, R)                                                                        \
    TILES(kind, R, 1);                                                                             \
    TILES(kind, R, 2);                                                                             \
    TILES(kind, R, 3);                                                                             \
    TILES(kind, R, 4);                                                                             \
    TILES(kind, R, 5);                                                                             \
    TILES(kind, R, 6);                                                                             \
    TILES(kind, R, 7);                                                                             \
    TILES(kind, R, 8)

static void slice_sums(const struct slice *slice)
{
    const uint16_t *begin = slice->lists->begin;
    TILES(0, 4, 1);
    TILES(0, 4, 2);
    TILES(0, 4, 3);
    TILES(0, 4, 4);
    TILES_OF_8(1, 2);
    TILES_OF_8(2, 1);
}

/* ---- Blending ------------------------------------------------------------------------------- */

/* F of a chunk and a panel from the sums. */
static void spread_sums(const struct place *at)
{
    const struct lists *lists = at->lists;
    const float *bias = at->call->env->layer.full_bias + at->neuron;
    for (size_t kind = 0; kind < KINDS; kind++) {
        size_t rows = rows_of(kind), apart = APART(kind % COLS + 1);
        for (size_t i = lists->begin[kind]; i < lists->begin[kind + 1]; i++)
            for (size_t r = 0; r < rows; r++) {
                const struct tile *tile = &lists->tiles[i];
                size_t j = tile->neuron[r];
                vec_spread(tile->mask, bias[j], lists->sums + tile->sums + r * apart,
                           at->scratch->full + j * CHUNK);
            }
    }
}

/* Blend, input by input, and step over the panel's neurons. */
static void blend(const struct place *at)
{
    const struct midl_selection *s = at->call->batch->selection;
    size_t n = at->call->env->layer.shape.n, last = at->neuron + at->neurons;
    for (size_t c = 0; c < at->inputs; c++) {
        size_t b = at->call->first + at->input + c, i = at->scratch->next[at->input + c];
        const uint32_t *index = s->index + b * s->stride;
        const float *gate = s->gate + b * s->stride;
        const float *full = at->scratch->full + c;
        float *y = at->call->batch->y + b * n;
        for (; i < s->count[b] && index[i] < last; i++)
            y[index[i]] = midl_blend(full[(index[i] - at->neuron) * CHUNK], y[index[i]], gate[i]);
        at->scratch->next[at->input + c] = (uint32_t)i;
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
                          .w = state->w + row * state->slice,
                          .length = state->slice,
                          .ahead = state->w + (last ? after : row + n) * state->slice,
                          .ahead_end = last ? smaller(at->neurons, n - after) : at->neurons,
                          .ahead_row = chunk * at->neurons / 2,
                          .a_tile = chunk < 2 ? state->ahead / smaller(chunks, 2) : 0};
    for (size_t c = 0; c < at->inputs; c++)
        slice.x[c] = state->x + (s * state->inputs + at->input + c) * state->stride;
    slice_sums(&slice);
}

/* All chunks of the pass against one panel. */
static void panel(const struct lists_call *call, size_t part, size_t neuron, size_t neurons)
{
    const struct lists_state *state = call->state;
    size_t chunks = (call->count + state->chunk - 1) / state->chunk;
    struct place at[PASS];
    for (size_t i = 0; i < chunks; i++) {
        at[i] = (struct place){.call = call,
                               .scratch = &state->scratch[part],
                               .lists = &state->lists[part * state->chunks + i],
                               .input = i * state->chunk,
                               .inputs = smaller(call->count - i * state->chunk, state->chunk),
                               .neuron = neuron,
                               .neurons = neurons};
        make_lists(&at[i]);
    }
    for (size_t s = 0; s < state->slices; s++)
        for (size_t i = 0; i < chunks; i++)
            chunk_slice(&at[i], i, chunks, s);
    for (size_t i = 0; i < chunks; i++) {
        spread_sums(&at[i]);
        blend(&at[i]);
    }
}

/* How many of an input's selected neurons come before `neuron`. */
static uint32_t selected_before(const struct midl_selection *s, size_t b, size_t neuron)
{
    const uint32_t *index = s->index + b * s->stride;
    uint32_t first = 0, last = s->count[b];
    while (first < last) {
        uint32_t middle = (first + last) / 2;
        if (index[middle] < neuron)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

/* One thread's share: packing some inputs, then panels of some neurons. */
static void lists_part(void *data)
{
    const struct lists_call *call = data;
    struct lists_state *state = call->state;
    const struct midl_shape *s = &call->env->layer.shape;
    size_t part = parallel_part(), last = parallel_bound(call->count, 1, part + 1);
    for (size_t b = parallel_bound(call->count, 1, part); b < last; b++)
        copy_row(state, s->d, call->batch->x + (call->first + b) * s->d,
                 state->x + b * state->stride, state->inputs * state->stride);
#pragma omp barrier
    size_t neuron = parallel_bound(s->n, 16, part);
    last = parallel_bound(s->n, 16, part + 1);
    for (size_t b = 0; b < call->count; b++)
        state->scratch[part].next[b] =
            selected_before(call->batch->selection, call->first + b, neuron);
    for (; neuron < last; neuron += PANEL)
        panel(call, part, neuron, smaller(last - neuron, PANEL));
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *batch)
{
    struct lists_call call = {.env = env, .state = opaque, .batch = batch};
    for (; call.first < batch->batch; call.first += call.count) {
        call.count = smaller(batch->batch - call.first, call.state->inputs);
        parallel_run(env->threads, lists_part, &call);
    }
}

MIDL_IMPL(lists) = {.create = create, .run = run, .destroy = destroy};

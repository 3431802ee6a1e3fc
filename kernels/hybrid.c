/* hybrid.c - batches in which some neurons are selected by nearly all inputs, others by few.
 *
 * A gate that has learned has favourites. What nearly every input selected is computed for all of
 * them, as a dense product over these rows, which runs at the core's peak; what is computed in vain
 * there costs less than making lists of it. The other neurons meet the inputs that selected them,
 * one neuron at a time. Who is popular is counted anew in every chunk of 32 inputs.
 *
 *   - dense: a lane is an input. 13 neurons x 2 vectors of inputs are 26 sums; a step has a load
 *     for each of these 15 and nothing is summed across lanes. A panel's popular neurons are shared
 *     out evenly among tiles of 12 and 13: few have to be filled up. The inputs are copied once a
 *     pass with their columns turned to rows, [d][32]; the rows of W are taken as they are packed,
 *     whichever they are;
 *   - lists: a lane is a part of d. One neuron and up to 16 inputs of two chunks make a tile, and
 *     no pair of neurons has to be found: a piece of the neuron's row stays in registers while the
 *     inputs pass by, with a load for each multiply-add. Tiles are sorted by size, so that no
 *     branch is mispredicted;
 *   - d is cut in slices, so that the first-level cache just holds 32 inputs' slice, turned, or 64
 *     inputs' piece. W is packed by slices: rows a multiple of a page apart, as they lie in the
 *     layer, would meet in the same sets of that cache;
 *   - both leave F as [neuron][input]; four inputs' columns at a time are turned back and blended
 *     by vectors of neurons.
 *
 * Each thread has chunks of its own, or, where W comes from memory or the chunks are few, neurons.
 * A value's sum doesn't depend on the threads; whether its neuron is popular among the inputs of
 * the chunk decides in which order it is summed.
 *
 * Where the border lies: a row of the dense product costs as much as a list of about 60 % of the
 * inputs on a Zen 5, of 65 to 75 % on a Zen 4. What limits it (AVX-512, skewed masks, batch 64):
 * the dense product by the multiply-adds, at 92 (n = 1024) to 95 % (512) of a Zen 4's peak; the
 * lists by loads. That core multiplies once a cycle and loads 0.94 times; a tile of seven inputs
 * and a piece, 56 cycles of multiply-adds, takes 84 with W in the first-level cache, 88 with W in
 * the second. Neither other orders of the multiply-adds nor sums across lanes a tile later or by
 * halves changed that. Lists of one chunk in whole slices have twice the tiles and took 1.14 times
 * as long alone, 1.02 in the layer; with one chunk they are 2 to 3 % of the layer better, and where
 * half of the neurons are wanted. The dense tiles, which load 15 times for 26 multiply-adds, have
 * time to prefetch the next slice of W for the lists, too: the layer takes 0.97 of the time (n =
 * 1024), 0.95 with W from memory (4096). At n = 512 and k/n = 0.4 that leaves, of 216 us, 101 to
 * the dense tiles, 52 to gate, selection and light path (36 at peak), 41 to the lists, 8 to
 * blending and 13 to packing, masks, lists' making and spreading. Pairs of neurons that share
 * inputs, as in lists.c, would take 0.89 of the lists' time at n = 1024 and 0.95 at 4096 (uniform
 * masks, k/n = 0.19): 1 to 3 % of a layer.
 */
#include <stdlib.h>
#include <string.h>

#include "parallel.h"
#include "simd/bits.h"
#include "variant.h"

extern MIDL_IMPL(hybrid);

enum {
    POPULAR = 70, /* per cent of a chunk's inputs, in whole vectors, that make a neuron popular */
    PANEL = 256,  /* neurons whose masks, F and slices of W are at hand */
    CHUNK = 32,   /* inputs in a mask */
    PAIR = 2 * CHUNK,
    PASS = 2 * PAIR,       /* inputs that share a pass over W */
    GROUP = 2 * VEC_LANES, /* inputs of a dense tile */
    THIRD = VEC_REGISTERS == 32 ? 4 : 2,
    ROWS = VEC_REGISTERS == 32 ? 13 : 6,  /* neurons of a dense tile, at most */
    MOST = VEC_REGISTERS == 32 ? 16 : 12, /* inputs of a list's tile */
    SUMS = 16,                            /* its sums take so many places */
    TILES = PANEL * ((PAIR + MOST - 1) / MOST),
    HELD = VEC_REGISTERS == 32 ? 8 : 4, /* vectors of a list's row that stay in registers */
    PIECE = VEC_LANES == 16 ? 128 : 64, /* floats: what lists take at a time, in whole turns */
    SLICE = 256,                        /* floats, at most */
    LINE = 16,                          /* floats of a cache line */
    SOON = 32,          /* lines of W that a step of a dense tile, of 16, has time to prefetch */
    FULL = PASS + LINE, /* floats between two neurons' F: an odd number of cache lines */
};

/* The neurons of a panel that are popular in a chunk, and the last of them again to fill up tiles.
 */
struct popular {
    uint16_t count, neurons[PANEL + 2 * ROWS];
};

/* A neuron, by number in the panel, and some of the inputs that selected it. */
struct tile {
    uint64_t mask;
    uint16_t neuron;
};

/* Lists of a panel's other neurons, as tiles. */
struct lists {
    _Alignas(MIDL_ALIGN) float sums[TILES][SUMS]; /* of each tile */
    struct tile tiles[TILES + 1];                 /* by size; one more to prefetch */
    uint16_t begin[MOST + 2];                     /* of each size, among the tiles */
};

/* A thread's workspace for one panel after the other. */
struct scratch {
    _Alignas(MIDL_ALIGN) float full[PANEL][FULL]; /* F without the bias */
    float nowhere[ROWS][CHUNK];                   /* F of the rows that only fill up a tile */
    struct popular popular[PASS / CHUNK];
    struct lists lists[PASS / PAIR]; /* of two neighbouring chunks */
    struct tile unsorted[TILES + 1];
    uint32_t next[PASS]; /* of each input: its selected neurons before the panel */
};

struct hybrid_state {
    size_t slices, slice, stride; /* of d; floats a slice; floats an input's slice */
    size_t inputs;                /* of a pass, in whole chunks */
    bool nearby, cached;          /* W: in the second-level cache; at least in the third */
    float *w;                     /* [slices][n][slice]: W, filled up with zeros */
    float *x;                     /* [slices][inputs][stride]: the inputs, likewise */
    float *turned;                /* [slices][inputs / CHUNK][slice][CHUNK]: the same */
    struct scratch *scratch;      /* [threads] */
};

static void destroy(void *opaque)
{
    struct hybrid_state *state = opaque;
    free(state->w);
    free(state->x);
    free(state->turned);
    free(state->scratch);
    free(state);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t chunks_of(size_t inputs)
{
    return (inputs + CHUNK - 1) / CHUNK;
}

/* An odd number of cache lines apart, the inputs' same offsets spread over the cache's sets. */
static void choose_sizes(struct hybrid_state *state, const struct variant_env *env)
{
    size_t d = env->layer.shape.d;
    state->slices = (d + SLICE - 1) / SLICE;
    state->slice = (d + PIECE * state->slices - 1) / (PIECE * state->slices) * PIECE;
    state->stride = state->slice + LINE;
    state->inputs = chunks_of(smaller(env->max_batch, PASS)) * CHUNK;
    state->nearby = env->layer.shape.n * env->full.row_bytes <= MIDL_SECOND_BYTES;
    state->cached = env->layer.shape.n * env->full.row_bytes <= MIDL_CACHED_BYTES;
}

/* Row `row` of [.][d] in slices: slice i goes to to + i * apart. */
static void copy_row(const struct hybrid_state *state, size_t d, const float *row, float *to,
                     size_t apart)
{
    for (size_t i = 0; i < state->slices; i++, to += apart) {
        size_t at = i * state->slice, count = at < d ? smaller(d - at, state->slice) : 0, j = 0;
        for (; j + VEC_LANES <= count; j += VEC_LANES)
            vec_store(to + j, vec_load(row + at + j));
        for (; j < state->slice; j++)
            to[j] = j < count ? row[at + j] : 0.0f;
    }
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    const struct midl_shape *s = &env->layer.shape;
    struct hybrid_state *state = calloc(1, sizeof *state);
    size_t threads = (size_t)env->threads;
    (void)reason;
    if (!state)
        return MIDL_NO_MEMORY;
    choose_sizes(state, env);
    size_t rows = state->slices * state->inputs;
    state->w = midl_take(state->slices * s->n * state->slice, sizeof(float), bytes);
    state->x = midl_take(rows * state->stride, sizeof(float), bytes);
    state->turned = midl_take(rows * state->slice, sizeof(float), bytes);
    state->scratch = midl_take(threads, sizeof *state->scratch, bytes);
    if (!state->w || !state->x || !state->turned || !state->scratch) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    for (size_t j = 0; j < s->n; j++)
        copy_row(state, s->d, env->layer.full_weight + j * s->d, state->w + j * state->slice,
                 s->n * state->slice);
    *ret_state = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

struct hybrid_call {
    const struct variant_env *env;
    const struct hybrid_state *state;
    const struct variant_batch *batch;
    size_t first, count; /* the inputs of this pass over W */
};

/* A panel and some inputs of the pass, for one thread. */
struct place {
    const struct hybrid_call *call;
    struct scratch *scratch;
    size_t first, last; /* inputs, in whole chunks */
    size_t neuron, neurons;
};

/* The first input of chunk c, and how many it has: none, for the second of a last pair of one. */
static size_t chunk_first(const struct place *at, size_t c)
{
    return at->first + c * CHUNK;
}

static size_t chunk_count(const struct place *at, size_t c)
{
    size_t first = chunk_first(at, c);
    return first < at->last ? smaller(at->last - first, CHUNK) : 0;
}

static size_t pairs_of(const struct place *at)
{
    return (at->last - at->first + PAIR - 1) / PAIR;
}

/* ---- Inputs --------------------------------------------------------------------------------- */

/* Slice s of VEC_LANES inputs from b on, its columns as rows. */
static void turn_inputs(const struct hybrid_state *state, size_t s, size_t b)
{
    const float *rows = state->x + (s * state->inputs + b) * state->stride;
    float *to = state->turned + (s * state->inputs + b / CHUNK * CHUNK) * state->slice + b % CHUNK;
    for (size_t i = 0; i < state->slice; i += 4) {
        vec columns[4];
        vec_columns(rows + i, state->stride, columns);
        for (size_t c = 0; c < 4; c++)
            vec_store(to + (i + c) * CHUNK, columns[c]);
    }
}

/* VEC_LANES inputs from b on, both ways. The last input fills up the last vector. */
static void pack_inputs(const struct hybrid_call *call, size_t b)
{
    const struct hybrid_state *state = call->state;
    size_t d = call->env->layer.shape.d;
    for (size_t l = 0; l < VEC_LANES; l++)
        copy_row(state, d, call->batch->x + (call->first + smaller(b + l, call->count - 1)) * d,
                 state->x + (b + l) * state->stride, state->inputs * state->stride);
    for (size_t s = 0; s < state->slices; s++)
        turn_inputs(state, s, b);
}

/* ---- Who is popular, and lists of the others ------------------------------------------------- */

/* A chunk's inputs that selected each of a panel's neurons. */
static void make_masks(const struct place *at, size_t c, uint32_t masks[PANEL])
{
    size_t n = at->call->env->layer.shape.n, b = at->call->first + chunk_first(at, c);
    const uint8_t *bits = midl_selected_bits(at->call->batch, n, b);
    for (size_t j = 0; j < at->neurons; j += VEC_LANES) {
        lanes words = bits_turned(chunk_count(at, c), bits, MIDL_BITS(n), at->neuron + j);
        memcpy(masks + j, &words, sizeof words);
    }
}

static size_t size_of(uint64_t mask)
{
    return (size_t)__builtin_popcountll(mask);
}

/* The neurons that are popular among `inputs` leave the masks. In all these loops, who is popular,
 * or isn't wanted, no branch could foresee. */
static void take_popular(size_t inputs, size_t neurons, uint32_t *masks, struct popular *ret)
{
    size_t width = (inputs + VEC_LANES - 1) / VEC_LANES * VEC_LANES, count = 0;
    for (size_t j = 0; j < neurons; j++) {
        bool popular = size_of(masks[j]) * 100 > width * POPULAR;
        masks[j] = popular ? 0 : masks[j];
        ret->neurons[count] = (uint16_t)j;
        count += popular;
    }
    for (size_t i = 0; i < 2 * ROWS && count > 0; i++)
        ret->neurons[count + i] = ret->neurons[count - 1];
    ret->count = (uint16_t)count;
}

/* A list that is too long for one tile: several of nearly equal size. Returns how many. */
static size_t split_list(uint64_t mask, size_t neuron, struct tile *tiles)
{
    size_t count = 0;
    for (size_t parts = (size_of(mask) + MOST - 1) / MOST; parts > 0; parts--) {
        uint64_t part = vec_lowest(mask, (size_of(mask) + parts - 1) / parts);
        tiles[count++] = (struct tile){part, (uint16_t)neuron};
        mask ^= part;
    }
    return count;
}

/* The lists of two chunks as tiles, which are counted. */
static size_t find_tiles(size_t neurons, uint32_t masks[2][PANEL], struct tile *tiles)
{
    size_t count = 0;
    for (size_t j = 0; j < neurons; j++) {
        uint64_t mask = masks[0][j] | (uint64_t)masks[1][j] << CHUNK;
        if (size_of(mask) > MOST) {
            count += split_list(mask, j, tiles + count);
            continue;
        }
        tiles[count] = (struct tile){mask, (uint16_t)j};
        count += mask != 0;
    }
    return count;
}

/* Tiles in the order of their sizes. */
static void sort_tiles(const struct tile *tiles, size_t count, struct lists *ret)
{
    uint16_t begin[MOST + 2] = {0};
    for (size_t i = 0; i < count; i++)
        begin[size_of(tiles[i].mask) + 1]++;
    for (size_t C = 1; C < MOST + 2; C++)
        begin[C] = (uint16_t)(begin[C] + begin[C - 1]);
    memcpy(ret->begin, begin, sizeof begin);
    for (size_t i = 0; i < count; i++)
        ret->tiles[begin[size_of(tiles[i].mask)]++] = tiles[i];
    ret->tiles[count] = (struct tile){.mask = 0};
    memset(ret->sums, 0, count * sizeof *ret->sums);
}

static void make_lists(const struct place *at, size_t pair)
{
    struct tile *tiles = at->scratch->unsorted;
    uint32_t masks[2][PANEL];
    for (size_t i = 0; i < 2; i++) {
        size_t c = 2 * pair + i;
        make_masks(at, c, masks[i]);
        take_popular(chunk_count(at, c), at->neurons, masks[i], &at->scratch->popular[c]);
    }
    sort_tiles(tiles, find_tiles(at->neurons, masks, tiles), &at->scratch->lists[pair]);
}

/* ---- Products ------------------------------------------------------------------------------- */

/* One slice of a panel's weights and of the inputs of a pair, for lists piece by piece, and of each
 * of its chunks, for dense tiles. */
struct slice {
    size_t length, stride;
    size_t filled;  /* floats of `length` that d reaches: the rest of the last slice is zeros */
    const float *w; /* of the panel's first neuron */
    const float *x; /* [PAIR][stride] */
    const float *turned;  /* [length][CHUNK] */
    size_t input, inputs; /* of the pass: the chunk's first, and how many */
    bool begin;           /* the first slice: store F, else add to it */
    const float *soon;    /* of the next slice: what dense tiles prefetch next, */
    size_t soon_lines;    /* so many lines with each line of their rows */
    ptrdiff_t ahead;      /* the same for lists: so many floats from where their row begins, */
    size_t ahead_lines;   /* so many lines */
};

/* One neuron and C inputs, a compile-time constant. As much of the neuron's row as registers hold
 * meets one input after the other: each has one pointer at a time, and the next input's sum, or the
 * next tile's, is begun before this one's is complete. Each piece of the row is followed by the
 * same of the next tile's, which may lie beyond the second-level cache. */
VEC_INLINE void list_tile(size_t C, const struct slice *slice, const struct tile *tile, float *sums)
{
    const float *w = slice->w + tile[0].neuron * slice->length, *x[MOST];
    const float *next = slice->w + tile[1].neuron * slice->length;
    uint64_t mask = tile->mask;
    vec held[HELD], sum[SUMS];
#pragma GCC unroll 16
    for (size_t c = 0; c < C; c++, mask &= mask - 1)
        x[c] = slice->x + (size_t)__builtin_ctzll(mask) * slice->stride;
#pragma GCC unroll 16
    for (size_t c = 0; c < SUMS; c++)
        sum[c] = vec_set(0.0f);
    for (size_t i = 0; i < slice->ahead_lines; i++)
        __builtin_prefetch(w + slice->ahead + i * LINE, 0, 2);
#pragma GCC unroll 2
    for (size_t i = 0; i < PIECE; i += HELD * VEC_LANES) {
#pragma GCC unroll 8
        for (size_t h = 0; h < HELD; h++)
            held[h] = vec_once(vec_load(w + i + h * VEC_LANES));
#pragma GCC unroll 8
        for (size_t h = 0; h < HELD * VEC_LANES; h += LINE)
            __builtin_prefetch(next + i + h);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
#pragma GCC unroll 8
            for (size_t h = 0; h < HELD; h++)
                sum[c] = vec_fma(held[h], vec_load(x[c] + i + h * VEC_LANES), sum[c]);
    }
    vec_add_sums((1u << C) - 1, sum, sums);
}

#define LISTS_OF(C)                                                                                \
    for (size_t i = lists->begin[C]; i < lists->begin[(C) + 1]; i++)                               \
    list_tile(C, slice, &lists->tiles[i], lists->sums[i])

static void list_tiles(const struct slice *slice, struct lists *lists)
{
    LISTS_OF(1);
    LISTS_OF(2);
    LISTS_OF(3);
    LISTS_OF(4);
    LISTS_OF(5);
    LISTS_OF(6);
    LISTS_OF(7);
    LISTS_OF(8);
    LISTS_OF(9);
    LISTS_OF(10);
    LISTS_OF(11);
    LISTS_OF(12);
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_NEON)
    LISTS_OF(13);
    LISTS_OF(14);
    LISTS_OF(15);
    LISTS_OF(16);
#endif
}

/* A slice, piece by piece, each of which prefetches its share. */
static void list_pieces(const struct slice *slice, struct lists *lists)
{
    struct slice piece = *slice;
    for (size_t i = 0, pieces = (slice->filled + PIECE - 1) / PIECE; i < pieces; i++) {
        size_t from = slice->ahead_lines * i / pieces, to = slice->ahead_lines * (i + 1) / pieces;
        piece.w = slice->w + i * PIECE;
        piece.x = slice->x + i * PIECE;
        piece.ahead = slice->ahead + (ptrdiff_t)(from * LINE) - (ptrdiff_t)(i * PIECE);
        piece.ahead_lines = to - from;
        list_tiles(&piece, lists);
    }
}

/* R popular neurons and V vectors of inputs from `input` on, compile-time constants. The rows of
 * the next tile are prefetched, and W of the next slice. */
VEC_INLINE void dense_tile(size_t R, size_t V, struct slice *slice, size_t input,
                           const uint16_t *neurons, float *const *full)
{
    const float *w[ROWS], *next[ROWS], *x = slice->turned + input, *soon = slice->soon;
    vec sum[ROWS * 2];
#pragma GCC unroll 13
    for (size_t r = 0; r < R; r++) {
        w[r] = slice->w + neurons[r] * slice->length;
        next[r] = slice->w + neurons[R + r] * slice->length;
    }
#pragma GCC unroll 26
    for (size_t a = 0; a < R * V; a++)
        sum[a] = vec_set(0.0f);
    for (size_t line = 0; line < slice->filled; line += LINE) {
#pragma GCC unroll 13
        for (size_t r = 0; r < R; r++)
            __builtin_prefetch(next[r] + line);
        for (size_t i = 0; i < slice->soon_lines; i++)
            __builtin_prefetch(soon + i * LINE, 0, 2);
        soon += slice->soon_lines * LINE;
#pragma GCC unroll 4
        for (size_t i = line; i < line + LINE; i++) {
            vec xv[2];
#pragma GCC unroll 2
            for (size_t v = 0; v < V; v++)
                xv[v] = vec_once(vec_load(x + i * CHUNK + v * VEC_LANES));
#pragma GCC unroll 13
            for (size_t r = 0; r < R; r++) {
                vec wv = vec_once(vec_set(w[r][i]));
#pragma GCC unroll 2
                for (size_t v = 0; v < V; v++)
                    sum[r * V + v] = vec_fma(wv, xv[v], sum[r * V + v]);
            }
        }
    }
#pragma GCC unroll 13
    for (size_t r = 0; r < R; r++)
#pragma GCC unroll 2
        for (size_t v = 0; v < V; v++) {
            float *to = full[r] + input + v * VEC_LANES;
            vec total = sum[r * V + v];
            if (!slice->begin)
                total = vec_load(to) + total;
            vec_store(to, total);
        }
    slice->soon = soon;
}

#define DENSE(R)                                                                                   \
    if (V == 2)                                                                                    \
        dense_tile(R, 2, slice, input, neurons, full);                                             \
    else                                                                                           \
        dense_tile(R, 1, slice, input, neurons, full)

static void dense_rows(size_t rows, size_t V, struct slice *slice, size_t input,
                       const uint16_t *neurons, float *const *full)
{
    if (rows > 3 * THIRD)
        DENSE(ROWS);
    else if (rows > 2 * THIRD)
        DENSE(3 * THIRD);
    else if (rows > THIRD)
        DENSE(2 * THIRD);
    else
        DENSE(THIRD);
}

/* `rows` of a panel's popular neurons, from `popular` on. */
static void dense_some(const struct place *at, struct slice *slice, const uint16_t *popular,
                       size_t rows)
{
    struct scratch *scratch = at->scratch;
    float *full[ROWS];
    for (size_t r = 0; r < ROWS; r++)
        full[r] = r < rows ? scratch->full[popular[r]] + slice->input : scratch->nowhere[r];
    for (size_t input = 0; input < slice->inputs; input += GROUP)
        dense_rows(rows, slice->inputs - input > VEC_LANES ? 2 : 1, slice, input, popular, full);
}

/* How many tiles they make. */
static size_t dense_count(const struct popular *popular)
{
    return (popular->count + ROWS - 1) / ROWS;
}

/* All of them, in tiles of nearly equal size. */
static void dense_tiles(const struct place *at, struct slice *slice, const struct popular *popular)
{
    const uint16_t *neurons = popular->neurons;
    size_t left = popular->count;
    for (size_t tiles = dense_count(popular); tiles > 0; tiles--) {
        size_t rows = (left + tiles - 1) / tiles;
        dense_some(at, slice, neurons, rows);
        neurons += rows;
        left -= rows;
    }
}

/* ---- F, and blending ------------------------------------------------------------------------ */

/* The sums of a pair's lists to their places in F. */
static void spread_sums(const struct place *at, size_t pair)
{
    const struct lists *lists = &at->scratch->lists[pair];
    for (size_t i = 0; i < lists->begin[MOST + 1]; i++) {
        const struct tile *tile = &lists->tiles[i];
        const float *sums = lists->sums[i];
        float *full = at->scratch->full[tile->neuron] + chunk_first(at, 2 * pair);
        for (uint64_t mask = tile->mask; mask; mask >>= 16, full += 16) {
            vec_spread((uint32_t)mask & 0xffff, 0.0f, sums, full);
            sums += size_of(mask & 0xffff);
        }
    }
}

/* Up to four inputs from c on and all neurons of the panel, stepping over these. */
VEC_INLINE void blend_inputs(const struct place *at, size_t c, size_t count)
{
    const struct midl_selection *s = at->call->batch->selection;
    const float *bias = at->call->env->layer.full_bias + at->neuron, *gate[4] = {0};
    const uint8_t *bits[4] = {0};
    size_t n = at->call->env->layer.shape.n, neurons = at->neurons;
    float *y[4] = {0};
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        size_t b = at->call->first + c + i;
        gate[i] = s->gate + b * s->stride + at->scratch->next[c + i];
        bits[i] = midl_selected_bits(at->call->batch, n, b);
        y[i] = at->call->batch->y + b * n + at->neuron;
    }
    for (size_t j = 0; j < neurons; j += VEC_LANES) {
        size_t width = smaller(VEC_LANES, neurons - j);
        vec more = width < VEC_LANES ? vec_load_part(bias + j, width) : vec_load(bias + j);
        vec columns[4];
        vec_columns(&at->scratch->full[j][c], FULL, columns);
#pragma GCC unroll 4
        for (size_t i = 0; i < count; i++) {
            uint32_t mask = bits_of(bits[i], at->neuron + j);
            vec_blend(mask, more + columns[i], gate[i], y[i] + j);
            gate[i] += size_of(mask);
        }
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        size_t b = at->call->first + c + i;
        at->scratch->next[c + i] = (uint32_t)(gate[i] - (s->gate + b * s->stride));
    }
}

/* Four rows of y at a time are faster than eight. */
static void blend(const struct place *at)
{
    size_t c = at->first;
    for (; c + 4 <= at->last; c += 4)
        blend_inputs(at, c, 4);
    blend_inputs(at, c, at->last - c);
}

/* ---- The call ------------------------------------------------------------------------------- */

/* A W that isn't near is prefetched a slice ahead, of this panel or of the next, by all pairs
 * together: in lines side by side by the dense tiles, which multiply more than they load, or by the
 * lists, each its own row, where there are too few of these. */
static void look_ahead(const struct place *at, size_t s, size_t pair, struct slice *slice)
{
    const struct hybrid_state *state = at->call->state;
    const struct popular *popular = &at->scratch->popular[2 * pair];
    size_t n = at->call->env->layer.shape.n, lines = state->slice / LINE;
    size_t after = at->neuron + at->neurons < n ? at->neuron + at->neurons : 0;
    const float *next =
        s + 1 < state->slices ? slice->w + n * state->slice : state->w + after * state->slice;
    size_t passes = (slice->filled + LINE - 1) / LINE;
    size_t steps = (dense_count(&popular[0]) + dense_count(&popular[1])) * passes;
    size_t pairs = pairs_of(at), all = lines * at->neurons;
    size_t from = all * pair / pairs, to = all * (pair + 1) / pairs;
    if (steps > 0 && to - from <= steps * SOON) {
        slice->soon = next + from * LINE;
        slice->soon_lines = (to - from + steps - 1) / steps;
    } else {
        slice->ahead = next - slice->w + (ptrdiff_t)(lines * pair / pairs * LINE);
        slice->ahead_lines = lines * (pair + 1) / pairs - lines * pair / pairs;
    }
}

/* Slice s of a panel against a pair of chunks. */
static void pair_slice(const struct place *at, size_t s, size_t pair)
{
    const struct hybrid_state *state = at->call->state;
    size_t row = s * at->call->env->layer.shape.n + at->neuron;
    size_t input = s * state->inputs + chunk_first(at, 2 * pair);
    size_t d = at->call->env->layer.shape.d, before = s * state->slice;
    struct slice slice = {.length = state->slice,
                          .filled = before < d ? smaller(d - before, state->slice) : 0,
                          .stride = state->stride,
                          .w = state->w + row * state->slice,
                          .x = state->x + input * state->stride,
                          .turned = state->turned + input * state->slice,
                          .begin = s == 0};
    if (!state->nearby)
        look_ahead(at, s, pair, &slice);
    for (size_t c = 2 * pair; c < 2 * pair + 2; c++) {
        slice.input = chunk_first(at, c);
        slice.inputs = chunk_count(at, c);
        dense_tiles(at, &slice, &at->scratch->popular[c]);
        slice.turned += CHUNK * state->slice;
    }
    list_pieces(&slice, &at->scratch->lists[pair]);
}

static void panel(const struct place *at)
{
    size_t pairs = pairs_of(at);
    for (size_t pair = 0; pair < pairs; pair++)
        make_lists(at, pair);
    for (size_t s = 0; s < at->call->state->slices; s++)
        for (size_t pair = 0; pair < pairs; pair++)
            pair_slice(at, s, pair);
    for (size_t pair = 0; pair < pairs; pair++)
        spread_sums(at, pair);
    blend(at);
}

/* Some inputs and all neurons, or, where W comes from memory or the chunks are few, packing some
 * inputs, then all of them and some neurons. */
static void hybrid_part(void *data)
{
    const struct hybrid_call *call = data;
    const struct hybrid_state *state = call->state;
    size_t n = call->env->layer.shape.n, part = parallel_part(), end_neuron = n;
    bool by_inputs = state->cached && parallel_by_inputs(call->count, CHUNK);
    size_t grain = by_inputs ? CHUNK : VEC_LANES;
    size_t first = parallel_bound(call->count, grain, part);
    size_t last = parallel_bound(call->count, grain, part + 1);
    struct place at = {
        .call = call, .scratch = &state->scratch[part], .first = first, .last = last};
    for (size_t b = first; b < last; b += VEC_LANES)
        pack_inputs(call, b);
    if (!by_inputs) {
        at.first = 0;
        at.last = call->count;
        at.neuron = parallel_bound(n, 16, part);
        end_neuron = parallel_bound(n, 16, part + 1);
#pragma omp barrier
    }
    for (size_t c = at.first; c < at.last; c++)
        at.scratch->next[c] =
            midl_selected_before(call->batch->selection, call->first + c, at.neuron);
    for (; at.neuron < end_neuron; at.neuron += at.neurons) {
        at.neurons = smaller(end_neuron - at.neuron, PANEL);
        panel(&at);
    }
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *batch)
{
    struct hybrid_call call = {.env = env, .state = opaque, .batch = batch};
    for (; call.first < batch->batch; call.first += call.count) {
        call.count = smaller(batch->batch - call.first, PASS);
        parallel_run(env->threads, hybrid_part, &call);
    }
}

MIDL_IMPL(hybrid) = {.create = create, .run = run, .destroy = destroy};

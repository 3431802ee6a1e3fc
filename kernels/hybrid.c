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
 *   - lists: a lane is a part of d. One neuron and up to 12 inputs make a tile, and no pair of
 *     neurons has to be found: half a slice of the neuron's row stays in registers while the inputs
 *     pass by, with a load for each multiply-add. Tiles are sorted by size, so that no branch is
 *     mispredicted;
 *   - d is cut in slices, so that 32 inputs' slice fills two thirds of the first-level cache, once
 *     turned and once as it lies. W is packed by slices: rows a multiple of a page apart, as
 *     they lie in the layer, would meet in the same sets of that cache;
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
 * lists by loads. That core multiplies once a cycle and loads 0.87 times, so that a tile of six
 * inputs, 96 cycles of multiply-adds, takes 124 with all it needs in the first-level cache, 148
 * with W in the second-level one, prefetches and sums across lanes. The dense tiles, which load 15
 * times for 26 multiply-adds, have time to prefetch the next slice of W for the lists, too: the
 * layer takes 0.97 of the time (n = 1024), 0.95 with W from memory (4096). At n = 512 and k/n = 0.4
 * that leaves, of 224 us, 101 to the dense tiles, 50 to gate, selection and light path (36 at
 * peak), 44 to the lists, 11 to blending and 17 to packing, masks, lists' making and spreading.
 *
 * Lists of two chunks in pieces of 128 floats gained 1 % of the layer with skewed masks at 64
 * inputs and more, and lost 6 % with one chunk and 2.5 % with uniform masks at k/n = 0.65. Pairs of
 * neurons that share inputs, as in lists.c, would take 0.89 of the lists' time at n = 1024 and 0.95
 * at 4096 (uniform masks, k/n = 0.19): 1 to 3 % of a layer.
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
    CHUNKS = 4,   /* of a pass over W */
    PASS = CHUNKS * CHUNK,
    GROUP = 2 * VEC_LANES, /* inputs of a dense tile */
    THIRD = VEC_REGISTERS == 32 ? 4 : 2,
    ROWS = VEC_REGISTERS == 32 ? 13 : 6, /* neurons of a dense tile, at most */
    MOST = 12,                           /* inputs of a list's tile */
    SUMS = 16,                           /* its sums take so many places */
    TILES = PANEL * ((CHUNK + MOST - 1) / MOST),
    HELD = VEC_REGISTERS == 32 ? 8 : 4, /* vectors of a list's row that stay in registers */
    UNIT = VEC_LANES == 16 ? 128 : 64,  /* floats: a slice has whole units, each of whole turns */
    SLICE = 256,                        /* floats, at most */
    LINE = 16,                          /* floats of a cache line */
    SOON = 32,          /* lines of W that a step of a dense tile, of 16, has time to prefetch */
    FULL = PASS + LINE, /* floats between two neurons' F: an odd number of cache lines */
};

/* A neuron, by number in the panel, and some of the inputs that selected it. */
struct tile {
    uint32_t mask;
    uint16_t neuron;
};

/* A panel against a chunk: the popular neurons and the lists of the others. */
struct lists {
    _Alignas(MIDL_ALIGN) float sums[TILES][SUMS]; /* of each tile */
    struct tile tiles[TILES + 1];                 /* by size; one more to prefetch */
    uint16_t begin[MOST + 2];                     /* of each size, among the tiles */
    uint16_t populars, popular[PANEL + 2 * ROWS]; /* the popular neurons, then the last of them */
};

/* A thread's workspace for one panel after the other. */
struct scratch {
    _Alignas(MIDL_ALIGN) float full[PANEL][FULL]; /* F without the bias */
    float nowhere[ROWS][CHUNK];                   /* F of the rows that only fill up a tile */
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
    struct lists *lists;          /* [threads][inputs / CHUNK] */
    struct scratch *scratch;      /* [threads] */
};

static void destroy(void *opaque)
{
    struct hybrid_state *state = opaque;
    free(state->w);
    free(state->x);
    free(state->turned);
    free(state->lists);
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
    state->slice = (d + UNIT * state->slices - 1) / (UNIT * state->slices) * UNIT;
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
        size_t at = i * state->slice, length = at < d ? smaller(d - at, state->slice) : 0;
        memcpy(to, row + at, length * sizeof *to);
        memset(to + length, 0, (state->slice - length) * sizeof *to);
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
    state->lists = midl_take(threads * chunks_of(state->inputs), sizeof *state->lists, bytes);
    state->scratch = midl_take(threads, sizeof *state->scratch, bytes);
    if (!state->w || !state->x || !state->turned || !state->lists || !state->scratch) {
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
    struct lists *lists; /* [chunks] */
    size_t first, last;  /* inputs, in whole chunks */
    size_t neuron, neurons;
};

/* The first input of chunk c, and how many it has. */
static size_t chunk_first(const struct place *at, size_t c)
{
    return at->first + c * CHUNK;
}

static size_t chunk_count(const struct place *at, size_t c)
{
    return smaller(at->last - chunk_first(at, c), CHUNK);
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

/* The bits of an input of the pass. */
static const uint8_t *bits_from(const struct place *at, size_t c)
{
    return at->call->batch->bits + (at->call->first + c) * MIDL_BITS(at->call->env->layer.shape.n);
}

/* A chunk's inputs that selected each of a panel's neurons. */
static void make_masks(const struct place *at, size_t c, uint32_t masks[PANEL])
{
    size_t stride = MIDL_BITS(at->call->env->layer.shape.n), inputs = chunk_count(at, c);
    const uint8_t *bits = bits_from(at, chunk_first(at, c));
    for (size_t j = 0; j < at->neurons; j += VEC_LANES) {
        lanes words = bits_turned(inputs, bits, stride, at->neuron + j);
        memcpy(masks + j, &words, sizeof words);
    }
}

static size_t size_of(uint32_t mask)
{
    return (size_t)__builtin_popcount(mask);
}

/* A list that is too long for one tile: several of nearly equal size. Returns how many. */
static size_t split_list(uint32_t mask, size_t neuron, struct tile *tiles)
{
    size_t count = 0;
    for (size_t parts = (size_of(mask) + MOST - 1) / MOST; parts > 0; parts--) {
        uint32_t part = (uint32_t)vec_lowest(mask, (size_of(mask) + parts - 1) / parts);
        tiles[count++] = (struct tile){part, (uint16_t)neuron};
        mask ^= part;
    }
    return count;
}

/* The neurons that are popular among `inputs`, filled up with the last of them, and the tiles of
 * the others, which are returned. Who is popular, and who isn't wanted, no branch could foresee. */
static size_t find_tiles(const uint32_t *masks, size_t neurons, size_t inputs, struct lists *ret,
                         struct tile *tiles)
{
    size_t width = (inputs + VEC_LANES - 1) / VEC_LANES * VEC_LANES, found = 0, count = 0;
    for (size_t j = 0; j < neurons; j++) {
        bool popular = size_of(masks[j]) * 100 > width * POPULAR;
        uint32_t mask = popular ? 0 : masks[j];
        ret->popular[found] = (uint16_t)j;
        found += popular;
        if (size_of(mask) > MOST) {
            count += split_list(mask, j, tiles + count);
            continue;
        }
        tiles[count] = (struct tile){mask, (uint16_t)j};
        count += mask != 0;
    }
    for (size_t i = 0; i < 2 * ROWS && found > 0; i++)
        ret->popular[found + i] = ret->popular[found - 1];
    ret->populars = (uint16_t)found;
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

static void make_lists(const struct place *at, size_t c)
{
    uint32_t masks[PANEL];
    struct lists *lists = &at->lists[c];
    struct tile *tiles = at->scratch->unsorted;
    make_masks(at, c, masks);
    size_t count = find_tiles(masks, at->neurons, chunk_count(at, c), lists, tiles);
    sort_tiles(tiles, count, lists);
}

/* ---- Products ------------------------------------------------------------------------------- */

/* One slice of a panel's weights and of a chunk's inputs. */
struct slice {
    size_t length, stride;
    const float *w;       /* of the panel's first neuron */
    const float *x;       /* [CHUNK][stride] */
    const float *turned;  /* [length][CHUNK] */
    size_t input, inputs; /* of the pass: the chunk's first, and how many */
    bool begin;           /* the first slice: store F, else add to it */
    const float *soon;    /* of the next slice: what dense tiles prefetch next, */
    size_t soon_lines;    /* so many lines with each line of their rows */
    ptrdiff_t ahead;      /* floats from a list's weight to that of the next slice, of which */
    size_t ahead_from, ahead_to; /* this part of a row is prefetched */
};

/* One neuron and C inputs, a compile-time constant. As much of the neuron's row as registers hold
 * meets one input after the other: each has one pointer at a time, and the next input's sum, or the
 * next tile's, is begun before this one's is complete. Each piece of the row is followed by the
 * same of the next tile's, which may lie beyond the second-level cache. */
VEC_INLINE void list_tile(size_t C, const struct slice *slice, const struct tile *tile, float *sums)
{
    const float *w = slice->w + tile[0].neuron * slice->length, *x[MOST];
    const float *next = slice->w + tile[1].neuron * slice->length;
    uint32_t mask = tile->mask;
    vec held[HELD], sum[SUMS];
#pragma GCC unroll 16
    for (size_t c = 0; c < C; c++, mask &= mask - 1)
        x[c] = slice->x + (size_t)__builtin_ctz(mask) * slice->stride;
#pragma GCC unroll 16
    for (size_t c = 0; c < SUMS; c++)
        sum[c] = vec_set(0.0f);
    for (size_t i = slice->ahead_from; i < slice->ahead_to; i += LINE)
        __builtin_prefetch(w + slice->ahead + i, 0, 2);
    for (size_t i = 0; i < slice->length; i += HELD * VEC_LANES) {
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
    for (size_t line = 0; line < slice->length; line += LINE) {
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

/* All of them, in tiles of nearly equal size. */
static void dense_tiles(const struct place *at, struct slice *slice, const struct lists *lists)
{
    const uint16_t *popular = lists->popular;
    size_t left = lists->populars;
    for (size_t tiles = (left + ROWS - 1) / ROWS; tiles > 0; tiles--) {
        size_t rows = (left + tiles - 1) / tiles;
        dense_some(at, slice, popular, rows);
        popular += rows;
        left -= rows;
    }
}

/* ---- F, and blending ------------------------------------------------------------------------ */

/* The sums of the lists of a chunk to their places in F. */
static void spread_sums(const struct place *at, size_t c)
{
    const struct lists *lists = &at->lists[c];
    for (size_t i = 0; i < lists->begin[MOST + 1]; i++) {
        const struct tile *tile = &lists->tiles[i];
        const float *sums = lists->sums[i];
        float *full = at->scratch->full[tile->neuron] + chunk_first(at, c);
        for (uint32_t mask = tile->mask; mask; mask >>= 16, full += 16) {
            vec_spread(mask & 0xffff, 0.0f, sums, full);
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
        bits[i] = bits_from(at, c + i);
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

/* A W that isn't near is prefetched a slice ahead, of this panel or of the next, by all chunks
 * together: in lines side by side by the dense tiles, which multiply more than they load, or by the
 * lists, each its own row, where there are too few of these. */
static void look_ahead(const struct place *at, size_t s, size_t c, size_t chunks,
                       struct slice *slice)
{
    const struct hybrid_state *state = at->call->state;
    size_t n = at->call->env->layer.shape.n, lines = state->slice / LINE;
    size_t after = at->neuron + at->neurons < n ? at->neuron + at->neurons : 0;
    const float *next =
        s + 1 < state->slices ? slice->w + n * state->slice : state->w + after * state->slice;
    size_t steps = (at->lists[c].populars + ROWS - 1) / ROWS * lines;
    size_t from = lines * at->neurons * c / chunks, to = lines * at->neurons * (c + 1) / chunks;
    if (steps > 0 && to - from <= steps * SOON) {
        slice->soon = next + from * LINE;
        slice->soon_lines = (to - from + steps - 1) / steps;
    } else {
        slice->ahead = next - slice->w;
        slice->ahead_from = lines * c / chunks * LINE;
        slice->ahead_to = lines * (c + 1) / chunks * LINE;
    }
}

/* Slice s of a panel against chunk c of `chunks`. */
static void chunk_slice(const struct place *at, size_t s, size_t c, size_t chunks)
{
    const struct hybrid_state *state = at->call->state;
    size_t row = s * at->call->env->layer.shape.n + at->neuron, input = chunk_first(at, c);
    struct slice slice = {.length = state->slice,
                          .stride = state->stride,
                          .w = state->w + row * state->slice,
                          .x = state->x + (s * state->inputs + input) * state->stride,
                          .turned = state->turned + (s * state->inputs + input) * state->slice,
                          .input = input,
                          .inputs = chunk_count(at, c),
                          .begin = s == 0};
    if (!state->nearby)
        look_ahead(at, s, c, chunks, &slice);
    dense_tiles(at, &slice, &at->lists[c]);
    list_tiles(&slice, &at->lists[c]);
}

static void panel(const struct place *at)
{
    size_t chunks = chunks_of(at->last - at->first);
    for (size_t c = 0; c < chunks; c++)
        make_lists(at, c);
    for (size_t s = 0; s < at->call->state->slices; s++)
        for (size_t c = 0; c < chunks; c++)
            chunk_slice(at, s, c, chunks);
    for (size_t c = 0; c < chunks; c++)
        spread_sums(at, c);
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
    struct place at = {.call = call,
                       .scratch = &state->scratch[part],
                       .lists = &state->lists[part * chunks_of(state->inputs)],
                       .first = first,
                       .last = last};
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

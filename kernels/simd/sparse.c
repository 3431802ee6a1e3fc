/* sparse.c - sums over lists: the full path of selected pairs (input, neuron), and its gradients.
 *
 * dots: a neuron against the inputs of its list. The neuron's weights are loaded once for up to
 * sixteen inputs, whose slices lie in the first-level cache; each multiply-add loads one vector of
 * an input, which a core can do as fast as it multiplies.
 *
 * combine: a row as a sum of listed rows of a panel, each times its factor. The panel lies in the
 * first-level cache, the row in registers.
 *
 * What an element comes to depends on its own list alone.
 */
#include "simd.h"
#include "vec.h"

enum {
    MOST = VEC_REGISTERS == 32 ? 16 : 12, /* inputs of a tile: accumulators */
    WIDE = VEC_REGISTERS == 32 ? 8 : 4    /* vectors of a row at a time */
};

/* C inputs of a list; a compile-time constant. */
VEC_INLINE void dots_tile(size_t C, const struct midl_dots *d, const float *w, const float *next,
                          const uint32_t *member, float *sums)
{
    const float *x[16];
    vec sum[16];
    size_t i = 0;
#pragma GCC unroll 16
    for (size_t c = 0; c < 16; c++) {
        sum[c] = vec_set(0.0f);
        x[c] = c < C ? d->x + member[c] * d->stride : NULL;
    }
    for (; i + VEC_LANES <= d->length; i += VEC_LANES) {
        vec wv = vec_once(vec_load(w + i));
        __builtin_prefetch(next + i);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[c] = vec_fma(wv, vec_load(x[c] + i), sum[c]);
    }
    if (i < d->length) {
        vec wv = vec_load_part(w + i, d->length - i);
#pragma GCC unroll 16
        for (size_t c = 0; c < C; c++)
            sum[c] = vec_fma(wv, vec_load(x[c] + i), sum[c]);
    }
    vec_add_sums((1u << C) - 1, sum, sums);
}

#define DOTS(C)                                                                                    \
    case C:                                                                                        \
        dots_tile((C) <= MOST ? (C) : 1, d, w, next, member, sums);                                \
        break

static void dots_some(size_t count, const struct midl_dots *d, const float *w, const float *next,
                      const uint32_t *member, float *sums)
{
    switch (count) {
        DOTS(1);
        DOTS(2);
        DOTS(3);
        DOTS(4);
        DOTS(5);
        DOTS(6);
        DOTS(7);
        DOTS(8);
        DOTS(9);
        DOTS(10);
        DOTS(11);
        DOTS(12);
        DOTS(13);
        DOTS(14);
        DOTS(15);
        DOTS(16);
    default:
        break;
    }
}

void simd_dots(const struct midl_dots *d)
{
    for (size_t i = 0; i < d->neurons; i++) {
        const float *w = d->w + d->neuron[i] * d->ldw;
        const float *next = i + 1 < d->neurons ? d->w + d->neuron[i + 1] * d->ldw : w;
        size_t at = d->begin[i], left = d->begin[i + 1] - at;
        size_t tiles = (left + MOST - 1) / MOST;
        for (; tiles > 0; tiles--) { /* as even as can be */
            size_t count = (left + tiles - 1) / tiles;
            dots_some(count, d, w, next, d->member + at, d->sums + at);
            at += count;
            left -= count;
        }
    }
}

/* Entry i of a run. */
VEC_INLINE const float *entry(const struct midl_run *run, size_t i, size_t at)
{
    return run->panel + (size_t)(run->row[i] - run->first) * MIDL_COMBINE + at;
}

/* V vectors of a row; a compile-time constant. Entries go by two, into sums of their own: one alone
 * would wait for the last. */
VEC_INLINE void combine_vectors(size_t V, size_t runs, const struct midl_run *run, bool add,
                                size_t at, float *to)
{
    vec sum[2][WIDE];
#pragma GCC unroll 8
    for (size_t v = 0; v < V; v++) {
        sum[0][v] = add ? vec_load(to + at + v * VEC_LANES) : vec_set(0.0f);
        sum[1][v] = vec_set(0.0f);
    }
    for (size_t r = 0; r < runs; r++) {
        size_t i = 0;
        for (; i + 2 <= run[r].count; i += 2) {
            const float *a = entry(&run[r], i, at), *b = entry(&run[r], i + 1, at);
            vec of_a = vec_set(run[r].factor[i]), of_b = vec_set(run[r].factor[i + 1]);
#pragma GCC unroll 8
            for (size_t v = 0; v < V; v++) {
                sum[0][v] = vec_fma(of_a, vec_load(a + v * VEC_LANES), sum[0][v]);
                sum[1][v] = vec_fma(of_b, vec_load(b + v * VEC_LANES), sum[1][v]);
            }
        }
        if (i < run[r].count) {
            const float *a = entry(&run[r], i, at);
            vec of_a = vec_set(run[r].factor[i]);
#pragma GCC unroll 8
            for (size_t v = 0; v < V; v++)
                sum[0][v] = vec_fma(of_a, vec_load(a + v * VEC_LANES), sum[0][v]);
        }
    }
#pragma GCC unroll 8
    for (size_t v = 0; v < V; v++)
        vec_store(to + at + v * VEC_LANES, sum[0][v] + sum[1][v]);
}

/* Whole vectors: `length` rounded up, for which `to` has room. */
static void combine_row(size_t runs, const struct midl_run *run, size_t length, bool add, float *to)
{
    size_t vectors = (length + VEC_LANES - 1) / VEC_LANES, v = 0;
    for (; v + WIDE <= vectors; v += WIDE)
        combine_vectors(WIDE, runs, run, add, v * VEC_LANES, to);
    for (; v + WIDE / 2 <= vectors; v += WIDE / 2)
        combine_vectors(WIDE / 2, runs, run, add, v * VEC_LANES, to);
    for (; v < vectors; v++)
        combine_vectors(1, runs, run, add, v * VEC_LANES, to);
}

void simd_combine(size_t runs, const struct midl_run *run, size_t length, bool add, float *to)
{
    float row[MIDL_COMBINE];
    if (length % VEC_LANES == 0) {
        combine_row(runs, run, length, add, to);
        return;
    }
    memset(row, 0, sizeof row);
    if (add)
        memcpy(row, to, length * sizeof *row);
    combine_row(runs, run, length, add, row);
    memcpy(to, row, length * sizeof *row);
}

/* ops.h - the vector routines that the library shares, one table per instruction set.
 *
 * Every file of kernels/simd/ is compiled once per instruction set; ops.c collects the functions in
 * a table named after the set. The rest of the library calls through the table of the best one.
 *
 * Panels. A matrix M [N][K] is packed in panels: sixteen rows side by side, the missing rows of the
 * last zero, and four panels side by side in a bundle: [ceil(N / 64)][K][64], where the last bundle
 * may be narrower. The packing is the same for all instruction sets.
 */
#ifndef MIDL_SIMD_OPS_H
#define MIDL_SIMD_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../midl.h"
#include "../weights.h"

#define MIDL_PANEL 16
#define MIDL_BUNDLE 4 /* panels */

#define MIDL_TOPK_SIDE 4 /* inputs that topk takes side by side */

/* Floats of workspace that topk needs for n logits an input. */
#define MIDL_TOPK_WORK(n) (2 * MIDL_TOPK_SIDE * ((n) + 16))

/* Where the k-th largest lay in the inputs before, in standard deviations from the mean: on
 * average, and how far from there the next one is looked for. Of one n and k. Zeroed: nothing is
 * known. Whatever it says, topk's results are the same; it saves time where inputs are alike. */
struct midl_topk_guess {
    float middle, reach;
    uint32_t seen; /* inputs, as far as they still count */
};

/* Bytes of one bit for each of n neurons: that of neuron j is bit j % 8 of byte j / 8. Those behind
 * the last are zeros, to whole long words. */
#define MIDL_BITS(n) (((n) + 63) / 64 * 8)

/* The result of topk for each of `count` inputs. */
struct midl_chosen {
    uint32_t *index; /* [count][k], ascending */
    float *value;    /* [count][k]: theirs */
    uint8_t *bits;   /* [count][MIDL_BITS(n)]: the same indices */
    bool *ranked;    /* [count]: false where a value is NaN; the rest then means nothing */
};

/* A slice of neurons' weights against inputs, by lists: sums[e] += w(neuron) . x(member[e]) for the
 * entries e in begin[i]..begin[i + 1] of neuron[i]. */
struct midl_dots {
    size_t neurons;
    const uint32_t *neuron; /* [neurons] */
    const uint32_t *begin;  /* [neurons + 1] */
    const uint32_t *member; /* of each entry: an input */
    const float *w;         /* row 0 of the slice, rows ldw apart */
    size_t ldw, length;     /* of the slice */
    const float *x;         /* input 0, inputs `stride` apart, zeros up to whole vectors of 16 */
    size_t stride;
    float *sums; /* of each entry; 16 more are rewritten as they are */
};

#define MIDL_COMBINE 128 /* floats of a panel's row */

/* Entries of a list, each a row of a panel and a factor. */
struct midl_run {
    size_t count;
    const uint32_t *row; /* the first row of the panel is `first` */
    const float *factor;
    uint32_t first;
    const float *panel; /* [rows][MIDL_COMBINE] */
};

struct simd_ops {
    /* w . x over d. */
    float (*dot)(size_t d, const float *w, const float *x);

    /* y[b][j] = bias[j] + w[j] . x[b] for rows j in [first, last) of W [N][K] as it lies in memory
     * (bias NULL: 0). x: B rows at stride ldx; y: B rows at stride ldy. For long rows. */
    void (*rows)(size_t first, size_t last, size_t K, const float *W, const float *bias, size_t B,
                 const float *x, size_t ldx, float *y, size_t ldy);

    /* The same two for weights of any type. */
    float (*weights_dot)(const struct midl_weights *W, size_t j, const float *x);
    void (*weights_rows)(size_t first, size_t last, const struct midl_weights *W, const float *bias,
                         size_t B, const float *x, float *y, size_t ldy);

    /* As `rows` for panels [first, last) of the packed M [N][K]. */
    void (*panels)(size_t first, size_t last, size_t N, size_t K, const float *packed,
                   const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy);

    /* The k largest of each of values [count][n], ties to the lower index. work:
     * MIDL_TOPK_WORK(n) floats. */
    void (*topk)(size_t count, size_t n, size_t k, const float *values,
                 struct midl_topk_guess *guess, float *work, const struct midl_chosen *ret);

    /* Those of values [n] that are at least `least`, as topk writes what it finds in one input;
     * returns how many there are. Of more than k nothing is written. */
    size_t (*at_least)(size_t n, size_t k, float least, const float *values,
                       const struct midl_chosen *ret);

    /* The same as topk for whole blocks of neighbours: the k / block with the largest sums. n and k
     * are multiples of block, 8 or 16. Not ranked also where a sum is NaN. */
    void (*topk_blocks)(size_t count, size_t n, size_t k, size_t block, const float *values,
                        struct midl_topk_guess *guess, float *work, const struct midl_chosen *ret);

    void (*dots)(const struct midl_dots *dots);

    /* to [length] = the sum over all entries of factor times row, or, where `add`, += ; length at
     * most MIDL_COMBINE. Rows have zeros up to whole vectors of 16. */
    void (*combine)(size_t runs, const struct midl_run *run, size_t length, bool add, float *to);

    /* Replace each of values [count] by its sigmoid. Exactly 1/2 at 0, 1 from 18 on, 0 below -104;
     * the same bits on every instruction set. */
    void (*sigmoid)(size_t count, float *values);
};

/* The table of the best instruction set of this processor. */
const struct simd_ops *midl_simd_ops(void);

/* The table of one instruction set; NULL if it isn't available. */
const struct simd_ops *midl_simd_ops_of(enum midl_isa isa);

/* Floats of a packed M [N][K]. */
size_t midl_panels_size(size_t N, size_t K);

/* Pack M [rows][K] as rows first.. of a matrix [N][K] into `packed`, which holds midl_panels_size
 * floats. The first call has first = 0 and makes all other rows zeros. */
void midl_panels_pack(size_t N, size_t K, size_t first, size_t rows, const float *M, float *packed);

/* Panels of the bundle that holds panel `panel` of so many. */
static inline size_t midl_panels_beside(size_t panels, size_t panel)
{
    size_t left = panels - panel / MIDL_BUNDLE * MIDL_BUNDLE;
    return left < MIDL_BUNDLE ? left : MIDL_BUNDLE;
}

/* Where the first row of panel `panel` begins in a packed matrix with rows of K. Its elements are
 * MIDL_PANEL * midl_panels_beside floats apart. */
static inline size_t midl_panels_at(size_t K, size_t panel)
{
    return (panel / MIDL_BUNDLE * MIDL_BUNDLE * K + panel % MIDL_BUNDLE) * MIDL_PANEL;
}

#endif

/* conversion.h - a trained plain linear layer and inputs that it met, made into a MID-L layer in
 * closed form, without training.
 *
 * Over the given inputs let M be the covariance of the layer's outputs F, plus that of a little
 * noise in the inputs (a share of their mean variance), and U S^2 U' its eigenvectors and
 * eigenvalues. The light path of rank r is the best that a rank can do, the projection of F -
 * mean(F) on the r largest: down = S^(-1/2) U_r' W, up = U_r S^(1/2), with the bias that gives it
 * the mean of F. The gate is the light path's own value, since the neurons with the largest are
 * those that ReLU will pass:
 *
 *   topk, block   l_j = L_j / sd + 4, sd the standard deviation of F over all neurons
 *   threshold     l_j = 4 (L_j / s_j + t) + 6, s_j the standard deviation of F_j - L_j, and
 *                 p > sigmoid(6): neurons of which the light path can't rule out, by t of their
 *                 standard deviations, that ReLU passes them
 *
 * so that p is near 1 on what is selected. W and b stay as they are. Under `block` neurons are
 * reordered into groups that are active together.
 */
#ifndef MIDL_CONVERSION_H
#define MIDL_CONVERSION_H

#include <stdint.h>

#include "base/error.h"
#include "midl.h"

/* A plain linear layer and the inputs by which it is converted, all the caller's. */
struct convert_source {
    size_t d, n;
    const float *weight; /* W [n][d] */
    const float *bias;   /* b [n] */
    size_t count;        /* inputs, at least 2 */
    const float *x;      /* [count][d] */
};

struct convert_options {
    size_t rank;      /* of the light path, 1..min(d, n) */
    size_t gate_rank; /* 0: the gate shares the light path's projection; else its own rank */
    double active;    /* share of neurons selected; under threshold on average */
    enum midl_select select;
    size_t block;  /* under block: 8 or 16; n a multiple */
    double margin; /* under threshold: t; NaN: what selects `active` of the neurons on average */
    int threads;
};

/* The result of a conversion. All arrays belong to it. */
struct converted {
    struct midl_layer layer;
    uint32_t *order;  /* [n]: neuron j was neuron order[j] of the plain layer */
    double explained; /* share of the outputs' variance that the light path has */
    double positive;  /* share of F above 0 */
    double margin;    /* t, under threshold; else NaN */
    double active;    /* share of neurons selected on the given inputs */
    void *memory;
};

/* Tell why this build can't convert; NULL if it can. */
const char *convert_unavailable(void);

/* Return the gate value above which a converted layer selects under `threshold`. */
float convert_threshold(void);

/* Return by how much a margin t raises the gate's bias under `threshold`: a layer converted at one
 * margin becomes one of another by the difference. */
double convert_margin_bias(double margin);

/* Convert. On failure *ret is untouched. */
enum outcome convert_layer(const struct convert_source *source,
                           const struct convert_options *options, struct converted *ret,
                           struct error *error);
void converted_clear(struct converted *converted); /* accepts a zeroed one */

/* The light path alone, which is also a plain layer of low rank: F is about up (down x) + bias. */
struct low_rank {
    size_t rank;
    float *down, *up, *bias; /* [rank][d], [n][rank], [n] */
    double explained;
};

/* Make the best layer of a rank for these inputs, a control. Arrays are the caller's, to be freed
 * by low_rank_clear. */
enum outcome convert_low_rank(const struct convert_source *source, size_t rank, int threads,
                              struct low_rank *ret, struct error *error);
void low_rank_clear(struct low_rank *low_rank);

/* Group neurons that are active together: order [n] receives groups of `block`, by activity
 * [count][n] (its largest 30 % in each row): the most often active neuron that is left, then those
 * left whose activity has the highest cosine with its own. */
enum outcome convert_group(size_t count, size_t n, size_t block, const float *activity, int threads,
                           uint32_t *order, struct error *error);

#endif

/* oracle.h - the layer in double precision, in the plainest possible loops.
 *
 * The only reference of this project: every variant is compared with it, never with another
 * variant. It is not a variant and is never timed. It comes with the magnitudes from which the
 * error bound of an output follows, so that a comparison needs nothing else.
 *
 * The bounds, with eps = 2^-23. A path's own bound is 8 sqrt(K) eps times its magnitude, where K is
 * its longest sum: d, or a rank where that is larger.
 *
 *   F   8 sqrt(d) eps full_magnitude
 *   L   8 sqrt(max(d, r)) eps light_magnitude
 *   l   8 sqrt(max(d, r or rg)) eps logit_magnitude
 *   p   how far sigmoid moves within l's bound, to first order p (1 - p) bound(l);
 *       + 4 eps p for computing sigmoid, + 2 FLT_MIN for gates that underflow
 *   y   a linear variant:       bound(F)
 *       neuron not selected:    bound(L), or 0 where unselected = zero
 *       neuron selected:        p bound(F) + (1 - p) bound(L)
 *                             + bound(p) (|F - L| + bound(F) + bound(L))
 *                             + 2 eps (p |F| + |L|) for the roundings of the blend */
#ifndef MIDL_ORACLE_H
#define MIDL_ORACLE_H

#include "midl.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything that doesn't depend on the selection, for B inputs, computed once for all variants
 * that are compared with it. All arrays [B][n]. A magnitude is the sum of the absolute values of
 * all terms: sum_i |w_i x_i| + |b| for F, and alike for the light path (sum_j |u_j| sum_i |v_ji
 * x_i| + |c|) and the logits. */
struct midl_oracle {
    size_t batch;
    struct midl_shape shape;
    double *full, *full_magnitude;
    double *light, *light_magnitude;
    double *logit, *logit_magnitude, *logit_bound;
    double *gate, *gate_bound;
    void *ranking; /* workspace of select: one oracle, one thread at a time */
};

/* Compute for x [B][d]. Returns MIDL_OK, MIDL_INVALID or MIDL_NO_MEMORY; on success *ret is the
 * caller's, to be destroyed. Does not look at k, select or unselected. */
MIDL_API enum midl_status midl_oracle_create(const struct midl_layer *layer, size_t batch,
                                             const float *x, struct midl_oracle **ret);

MIDL_API void midl_oracle_destroy(struct midl_oracle *oracle); /* accepts NULL */

/* The selection of input `i` by the double logits, by a full sort: index [k] ascending; returns how
 * many (k under topk, fewer where the threshold says so). `shape` gives k and the rule. An input
 * that has no order: returns SIZE_MAX. */
MIDL_API size_t midl_oracle_select(const struct midl_oracle *oracle, const struct midl_shape *shape,
                                   size_t i, uint32_t *index);

/* Whether input `i` has no order: a logit, or under select = block a block's sum, is NaN. */
MIDL_API bool midl_oracle_unranked(const struct midl_oracle *oracle, const struct midl_shape *shape,
                                   size_t i);

/* The output of input `i` when the `count` neurons of `index` (ascending) are selected: y [n], and
 * in bound [n] the largest error allowed to a single-precision variant (see above).
 * A linear variant: index = NULL; y = F. (Nothing selected: count = 0 and index not NULL.) */
MIDL_API void midl_oracle_output(const struct midl_oracle *oracle, const struct midl_shape *shape,
                                 size_t i, const uint32_t *index, size_t count, double *y,
                                 double *bound);

/* The gate p of neuron j for input i, and the largest error allowed to it. */
MIDL_API double midl_oracle_gate(const struct midl_oracle *oracle, size_t i, size_t j,
                                 double *ret_bound);

/* How far a single-precision logit may be off. */
MIDL_API double midl_oracle_logit_bound(const struct midl_oracle *oracle, size_t i, size_t j);

/* Make gates and bounds from the logits and their magnitudes: _create does, and who puts logits of
 * his own there must. */
MIDL_API void midl_oracle_gates(struct midl_oracle *oracle);

/* The logit that a neuron must exceed under the rule `threshold`: p > threshold says the same, but
 * for the rounding of p to a float. -infinity at 0. */
MIDL_API double midl_oracle_logit_cut(const struct midl_shape *shape);

#ifdef __cplusplus
}
#endif
#endif

/* layer_flops.h - FLOPs of linear layers for one input, as the library counts them, and the ranks
 * that follow from a saving. */
#ifndef MIDL_LAYER_FLOPS_H
#define MIDL_LAYER_FLOPS_H

#include "midl.h"

/* The promise of the paper, by which ranks and the sizes of controls go. */
#define PROMISED_RATIO 1.7   /* FLOPs of the plain layer over those of MID-L */
#define PROMISED_ACTIVE 0.45 /* k/n */

/* Count the FLOPs of a plain layer d -> n. */
double flops_linear(size_t d, size_t n);

/* Find the FLOPs of the plain layer over those of a MID-L layer that selects the share `active` of
 * its neurons on average. */
double flops_ratio(const struct midl_shape *shape, double active);

/* Find the largest rank, at least 1, with which a MID-L layer d -> n of this gate, its gate's rank
 * the same, has a FLOPs ratio of at least PROMISED_RATIO at k/n = PROMISED_ACTIVE. */
size_t rank_of_promise(size_t d, size_t n, enum midl_gate gate);

/* Find the largest rank, at least 1, of a low-rank layer d -> n whose FLOPs ratio is at least
 * `ratio`. */
size_t rank_of_ratio(size_t d, size_t n, double ratio);

#endif

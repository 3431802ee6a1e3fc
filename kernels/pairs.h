/* pairs.h - the full path of the selected pairs (input, neuron) of a batch and its gradients, where
 * nothing is computed for the others.
 *
 * The selection's lists, neurons of an input, are turned into lists of the inputs of a neuron, by
 * chunks of inputs, a part of the neurons for each thread. F and its gradient stand in the order of
 * these lists, so that all long loops read and write what is side by side.
 */
#ifndef MIDL_PAIRS_H
#define MIDL_PAIRS_H

#include "variant.h"

struct midl_pairs; /* opaque */

/* Memory taken is added to *bytes. NULL: no memory. */
struct midl_pairs *midl_pairs_create(const struct midl_shape *shape, size_t max_batch, int threads,
                                     size_t *bytes);
void midl_pairs_destroy(struct midl_pairs *pairs); /* accepts NULL */

/* Turn the lists of a batch. The selection must hold until the last call about it. */
void midl_pairs_turn(struct midl_pairs *pairs, const struct midl_selection *selection);

/* F less its bias of all pairs, from W [n][d] and x [B][d]. */
void midl_pairs_full(struct midl_pairs *pairs, const float *W, const float *x);

/* Where the pair of entry i of input b stands in both arrays that follow. */
const uint32_t *midl_pairs_places(const struct midl_pairs *pairs, size_t b);

/* The results of midl_pairs_full by places; and room for the gradient dF, to be filled in by
 * places, and in `by_input` [B][k] in the order of the selection's lists, before the gradients are
 * asked for. */
float *midl_pairs_values(const struct midl_pairs *pairs);
float *midl_pairs_gradient(const struct midl_pairs *pairs);
float *midl_pairs_by_input(const struct midl_pairs *pairs);

/* dW [n][d] = dF' x and db [n]; either may be NULL. */
void midl_pairs_weight_gradient(struct midl_pairs *pairs, const float *x, float *dW, float *db);

/* dx [B][d] = dF W. */
void midl_pairs_input_gradient(struct midl_pairs *pairs, const float *W, float *dx);

#endif

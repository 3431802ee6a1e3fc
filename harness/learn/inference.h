/* inference.h - a network run for its answers alone, as a program that uses it runs it: each linear
 * layer, plain, of low rank or MID-L, by a plan of libmidl, everything else by network.h's forward
 * pass. Nothing is kept for a backward pass. This is the form of a network that is timed. */
#ifndef MIDL_INFERENCE_H
#define MIDL_INFERENCE_H

#include "learn/network.h"

struct inference_options {
    /* The variant of each linear layer (midl list kernels); NULL: the layer is left out, and its
     * outputs stay as they were, to time the rest. Other layers' are not looked at. */
    const char *kernels[NETWORK_LAYERS_MOST];
    size_t batch;
    int threads;
};

struct inference; /* opaque */

/* Plan a network for its answers. Its weights and outputs are used where they lie, so it must stay,
 * and two inferences of one network must not run at once. A variant that doesn't fit or can't run
 * is OUTCOME_USAGE with its reason. On success *ret is the caller's. */
enum outcome inference_create(struct network *network, const struct inference_options *options,
                              struct inference **ret, struct error *error);
void inference_destroy(struct inference *inference); /* accepts NULL */

/* Run a whole batch to its logits [batch][classes], in the network's memory. */
enum outcome inference_run(struct inference *inference, const float *x, const float **ret_logits,
                           struct error *error);

/* Return the plan of a layer, or NULL, and the layer that it was made of. */
struct midl_plan *inference_plan(const struct inference *inference, size_t layer);
const struct midl_layer *inference_layer(const struct inference *inference, size_t layer);

/* Whether a run was refused in part, before or after a move: midl_plan_refused. */
bool inference_refused(const struct inference *inference);

/* Make all plans anew, elsewhere in memory. False, the old ones in place, if there is none. */
bool inference_move(struct inference *inference);

/* Count the bytes that a program with nothing but this inference needs for it: parameters, plans,
 * outputs. */
double inference_bytes(const struct inference *inference);

#endif

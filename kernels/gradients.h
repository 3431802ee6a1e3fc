/* gradients.h - training a MID-L layer: the forward pass with what its gradient needs, and the
 * gradient.
 *
 * The letters are those of midl.h. With D = F - L, p = sigmoid(l), S the selected neurons and dy
 * the gradient of the loss by y, the forward pass of every rule but `soft` is the layer itself, and
 * the gradient treats the selection as fixed:
 *
 *   dF = g dy                 g = p on S, else 0
 *   dL = (1 - g) dy           on S and, where unselected = light, elsewhere
 *   dp = D dy                 for all neurons (ste) or for those in S (ste-selected)
 *   dl = p (1 - p) dp
 *
 * `soft` has a mask between 0 and 1 instead, so that every neuron counts and all of F is computed:
 *
 *   m = sigmoid((l - tau) / T),  tau such that the m sum to k
 *   g = m p,  y = g F + (1 - g) L       unselected = light
 *             y = m (p F + (1 - p) L)   unselected = zero
 *   dl = p (1 - p) dp + s (dm - sum(s dm) / sum(s)) / T,  s = m (1 - m)
 *
 * where the last term is the gradient of tau. Under select = block a block has one m, from the mean
 * of its logits; under select = threshold tau is the logit of the threshold, unless the m then sum
 * to more than k. As T goes to 0, `soft` goes to the layer itself.
 *
 * Use. A training holds the workspace for one shape; the weights are the caller's, may change from
 * call to call, and are passed to each.
 *
 *   struct midl_training *training;
 *   struct midl_training_options options = {.max_batch = 64, .threads = 1};
 *   if (midl_training_create(&layer.shape, &options, &training, reason) != MIDL_OK) ...
 *   midl_training_forward(training, &layer, 64, x, y);
 *   ... the loss, dy ...
 *   midl_training_backward(training, &layer, 64, x, dy, dx, &gradients);
 *
 * Results are the same bits for every number of threads: other libraries make pieces of the dense
 * products, each on one thread.
 */
#ifndef MIDL_GRADIENTS_H
#define MIDL_GRADIENTS_H

#include "midl.h"

#ifdef __cplusplus
extern "C" {
#endif

enum midl_rule {
    MIDL_RULE_STE_SELECTED, /* the gate learns from selected neurons; only their F is computed */
    MIDL_RULE_STE,          /* the gate learns from all neurons: straight-through estimator */
    MIDL_RULE_SOFT          /* a mask between 0 and 1, with a temperature */
};

/* Names as they stand in files and options; parse returns false on an unknown word and leaves *ret
 * untouched. */
MIDL_API const char *midl_rule_name(enum midl_rule rule); /* "ste-selected", "ste", "soft" */
MIDL_API bool midl_rule_parse(const char *name, enum midl_rule *ret);

/* The gradient of the loss by each weight, summed over the batch. Arrays have the shapes of those
 * of struct midl_layer, belong to the caller, and are overwritten. NULL: not wanted. */
struct midl_gradients {
    float *full_weight; /* [n][d] */
    float *full_bias;   /* [n] */
    float *light_down;  /* [r][d] */
    float *light_up;    /* [n][r] */
    float *light_bias;  /* [n] */
    float *gate_weight; /* [n][d]: gate full; else not looked at */
    float *gate_down;   /* [rg][d]: gate lowrank; else not looked at */
    float *gate_up;     /* [n][rg]: lowrank; [n][r]: shared; else not looked at */
    float *gate_bias;   /* [n] */
};

struct midl_training;

struct midl_training_options {
    enum midl_rule rule;
    size_t max_batch; /* at least 1 */
    int threads;      /* at least 1 */
};

/* Take all memory. On success *ret is the caller's, to be destroyed. On failure it is untouched,
 * `reason` holds one line, and the status is MIDL_INVALID or MIDL_NO_MEMORY. */
MIDL_API enum midl_status midl_training_create(const struct midl_shape *shape,
                                               const struct midl_training_options *options,
                                               struct midl_training **ret,
                                               char reason[MIDL_REASON_SIZE]);

/* Accepts NULL. */
MIDL_API void midl_training_destroy(struct midl_training *training);

/* Set T of rule `soft`; 1 after creation. Greater than 0. */
MIDL_API void midl_training_temperature(struct midl_training *training, float temperature);

/* Select what `forced` says instead of what the gate says, from the next call on: index and count
 * per input, or, where stride = 0, one list for all inputs. Its gate is not read: p stays the
 * gate's. The arrays are read at each call and must outlive them; indices are ascending and below
 * n, and no count exceeds k. NULL: the gate selects. Rule `soft` obeys in midl_training_evaluate
 * only. */
MIDL_API void midl_training_force(struct midl_training *training,
                                  const struct midl_selection *forced);

/* y = layer(x) by the rule, for 1 <= batch <= max_batch inputs. x: [B][d], y: [B][n], not
 * overlapping. The shape of `layer` is not looked at: that of the training counts. MIDL_OK, or
 * MIDL_NAN_LOGIT: an input with a NaN logit selects nothing, its row of y is NaN. Allocates
 * nothing. */
MIDL_API enum midl_status midl_training_forward(struct midl_training *training,
                                                const struct midl_layer *layer, size_t batch,
                                                const float *x, float *y);

/* The same as the layer does when it is in use, whatever the rule: only selected rows, no soft
 * mask. No backward pass may follow. */
MIDL_API enum midl_status midl_training_evaluate(struct midl_training *training,
                                                 const struct midl_layer *layer, size_t batch,
                                                 const float *x, float *y);

/* The gradient by x and by the weights from dy [B][n], the gradient by y, after a forward pass of
 * the same layer, batch and x. dx: [B][d], overwritten; NULL: not wanted. Allocates nothing. */
MIDL_API void midl_training_backward(struct midl_training *training, const struct midl_layer *layer,
                                     size_t batch, const float *x, const float *dy, float *dx,
                                     const struct midl_gradients *gradients);

/* The selection that the gate or midl_training_force made in the last forward pass or evaluation;
 * under `soft`, the one that it would make at temperature 0. Belongs to the training and holds
 * until its next call. batch = 0 before the first. */
MIDL_API struct midl_selection midl_training_selection(const struct midl_training *training);

/* Bytes taken. */
MIDL_API size_t midl_training_bytes(const struct midl_training *training);

#ifdef __cplusplus
}
#endif
#endif

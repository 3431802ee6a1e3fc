/* network.h - a network with weights: forward, loss, backward.
 *
 * All trained parameters lie in one array, `values`, their gradients in another of the same order;
 * statistics that layers keep up themselves lie behind them. So an optimiser, a checkpoint and a
 * best-so-far copy are one loop or one copy each.
 *
 * The same bits for any number of threads. Not to be used by two threads at once. */
#ifndef MIDL_NETWORK_H
#define MIDL_NETWORK_H

#include "learn/layer.h"

struct network {
    struct network_spec spec;
    struct layer_options options;
    struct layer layers[NETWORK_LAYERS_MOST];
    struct parameter *parameters;
    size_t parameter_count;
    float *values, *gradients;
    size_t trained, floats;              /* of values: the trained ones, all */
    float *outputs[NETWORK_LAYERS_MOST]; /* of each layer, [max_batch][...] */
    float *differences[2];               /* gradients by outputs, two layers' in turn */
    float *logits_gradient;              /* [max_batch][classes] */
};

/* Take memory and draw starting values from options->seed. `ret` must stay where it is. On failure
 * it holds nothing. */
enum outcome network_create(const struct network_spec *spec, const struct layer_options *options,
                            struct network *ret, struct error *error);
void network_destroy(struct network *network);

/* Count the weights that a network of this kind has, statistics included. */
double network_weights(const struct network_spec *spec);

/* Find the parameter of that name; NULL: there is none. */
struct parameter *network_parameter(struct network *network, const char *name);

/* Compute the logits of a batch: [batch][classes], in the network's memory. x [batch][in]. */
enum outcome network_forward(struct network *network, const struct pass *pass, const float *x,
                             const float **ret_logits, struct error *error);

/* Compute one layer alone: outputs[i] from x, which is outputs[i - 1], or the network's input. */
enum outcome network_layer_forward(struct network *network, size_t i, const struct pass *pass,
                                   const float *x, struct error *error);

/* The loss of a batch: the sum over inputs of -log softmax(logits)[label], and how many were right
 * (the first of the largest logits). */
struct network_score {
    double loss;
    size_t right;
};

/* Go forward, take the loss, go backward: gradients of the mean loss. */
enum outcome network_train(struct network *network, const struct pass *pass, const float *x,
                           const uint32_t *labels, struct network_score *ret, struct error *error);

/* Score logits [batch][classes], and unless NULL write the gradient of the mean loss. Pure. */
struct network_score cross_entropy(size_t batch, size_t classes, const float *logits,
                                   const uint32_t *labels, float *ret_gradient);

#endif

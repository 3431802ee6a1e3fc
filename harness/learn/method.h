/* method.h - what becomes of a plain network by each method: pure functions on descriptions. */
#ifndef MIDL_METHOD_H
#define MIDL_METHOD_H

#include "learn/layer.h"

#define METHOD(id, name, makes, select, mask, about) METHOD_##id,
enum method {
#include "learn/methods.def"
    METHODS
};
#undef METHOD

const char *method_name(enum method method);
const char *method_about(enum method method);
bool method_parse(const char *name, enum method *ret);
enum layer_mask method_mask(enum method method);

/* Whether the weights come from a trained dense network of the same text, not from training. */
bool method_converts(enum method method);

/* Whether hidden layers become MID-L layers, and whether these are trained. */
bool method_is_gated(enum method method);
bool method_trains_gates(enum method method);

struct method_options {
    double active; /* k/n */
    size_t rank;   /* 0: the largest with which the layer's FLOPs ratio at k/n = 0.45 is still
                    * METHOD_RATIO, gate and light path alike */
    enum midl_gate gate;
    enum midl_unselected unselected;
    double dropout; /* rate of method dropout */
    double ratio;   /* of FLOPs, of methods dense-narrow and low-rank; METHOD_RATIO */
    size_t layer;   /* only the i-th hidden linear layer, from 1, becomes another; 0: all */
};

/* The promise of the paper, by which ranks and the sizes of controls go. */
#define METHOD_RATIO 1.7
#define METHOD_ACTIVE 0.45

/* Turn the plain network's description into the method's. */
enum outcome method_network(enum method method, const struct method_options *options,
                            const struct network_spec *plain, struct network_spec *ret,
                            struct error *error);

/* Find the largest rank, at least 1, with which a MID-L layer d -> n of this gate, its gate's rank
 * the same, has a FLOPs ratio of at least METHOD_RATIO at k/n = METHOD_ACTIVE. */
size_t method_rank(size_t d, size_t n, enum midl_gate gate);

#endif

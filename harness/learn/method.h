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
    size_t rank;   /* of gate and light path; 0: rank_of_promise() */
    enum midl_gate gate;
    enum midl_unselected unselected;
    double dropout; /* rate of method dropout */
    double ratio;   /* of FLOPs, of methods dense-narrow and low-rank; PROMISED_RATIO */
    size_t layer;   /* only the i-th hidden linear layer, from 1, becomes another; 0: all */
};

/* Turn the plain network's description into the method's. */
enum outcome method_network(enum method method, const struct method_options *options,
                            const struct network_spec *plain, struct network_spec *ret,
                            struct error *error);

#endif

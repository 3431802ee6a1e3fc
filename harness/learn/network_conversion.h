/* network_conversion.h - a trained network whose hidden linear layers become MID-L layers, or
 * layers of low rank, in closed form: conversion.h for each of them, by the inputs that it meets
 * when the network reads training examples. */
#ifndef MIDL_NETWORK_CONVERSION_H
#define MIDL_NETWORK_CONVERSION_H

#include "data/dataset.h"
#include "learn/conversion.h"
#include "learn/network.h"

struct network_conversion {
    size_t inputs; /* training examples used, at even distances; 0: NETWORK_CONVERSION_INPUTS */
    double active; /* under threshold: the share selected on average; else k of the layer counts */
    double margin; /* under threshold: t instead of `active`; NaN: by `active` */
};

enum { NETWORK_CONVERSION_INPUTS = 5000 };

/* One converted layer and how well it fits. */
struct layer_conversion {
    size_t layer; /* in the network */
    double explained, positive, margin, active;
};

struct network_conversion_result {
    struct layer_conversion layers[NETWORK_LAYERS_MOST];
    size_t count;
};

/* Make `ret` from a trained network and a description of what it shall be: the same layers, of
 * which some linear ones have become MIDL (with the rank, k, selection and gate that stand there)
 * or LOWRANK. Where blocks are selected, neurons are reordered, and with them the columns of the
 * next layer. `wanted` of a threshold layer is corrected: k = n, and the threshold that fits the
 * gate. On success *ret is to be destroyed; it must stay where it is. */
enum outcome network_convert(struct network *network, const struct dataset_part *part,
                             struct network_spec *wanted, const struct network_conversion *how,
                             struct network *ret, struct network_conversion_result *ret_result,
                             struct error *error);

#endif

/* plain_layer.h - a trained plain linear layer and inputs that it met, from files of anybody's. */
#ifndef MIDL_PLAIN_LAYER_H
#define MIDL_PLAIN_LAYER_H

#include "data/inputs.h"
#include "learn/conversion.h"

/* Safetensors that hold PREFIX.weight [n][d] and PREFIX.bias [n] (prefix NULL: without one; a bias
 * that is missing is zero), and a file of inputs.h, of which `tensor` is read if that is not NULL.
 */
struct plain_layer_request {
    const char *weights, *prefix, *inputs, *tensor;
};

struct plain_layer {
    float *weight, *bias;
    struct inputs inputs; /* those to convert by, then those to judge by */
    struct convert_source by,
        judged; /* every fifth is kept to judge by; the same where inputs are few */
};

/* Read a layer and its inputs. Values that are not finite are an error. On success *ret is to be
 * cleared. */
enum outcome plain_layer_read(const struct plain_layer_request *request, struct plain_layer *ret,
                              struct error *error);
void plain_layer_clear(struct plain_layer *layer); /* accepts a zeroed one */

#endif

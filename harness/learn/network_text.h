/* network_text.h - a network as one line of words, and what its layers are.
 *
 *   conv32 conv64 conv128 512        hidden layers; the output layer, one value per class, follows
 *
 *   convN        3x3 convolution to N channels, 2x2 max pooling, batch normalisation, ReLU
 *   embedN       each symbol of a text becomes N floats
 *   N            N neurons and ReLU: a plain linear layer
 *   lowrankN:R   the same with W = U V of rank R
 *   midlN:...    the same by a MID-L layer: k=461,rank=30,gate=lowrank,gate-rank=30,select=topk,
 *                block=16,threshold=0.5,unselected=light; all but k and rank may be left out
 *   dropoutP     leaves out each value with probability P while training
 *
 * The whole network, its input included, is `text`; hidden layers alone are what users write.
 */
#ifndef MIDL_NETWORK_TEXT_H
#define MIDL_NETWORK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "midl.h"

enum {
    NETWORK_LAYERS_MOST = 64,
    NETWORK_TEXT_SIZE = 1024,
    NETWORK_VALUES_MOST = 1 << 28 /* of an input, and of each layer's output */
};

/* Kinds of layers: name, whether it stands in the part that PyTorch calls `features`. */
/* clang-format off */
#define LAYER_KINDS(ROW)                                                                           \
    ROW(CONV, conv, true) ROW(POOL, pool, true) ROW(NORM, norm, true) ROW(RELU, relu, false)       \
    ROW(EMBED, embed, true) ROW(FLATTEN, flatten, false) ROW(LINEAR, linear, false)                \
    ROW(LOWRANK, lowrank, false) ROW(MIDL, midl, false) ROW(DROPOUT, dropout, false)
/* clang-format on */
#define LAYER_KIND(upper, lower, image) LAYER_##upper,
enum layer_kind { LAYER_KINDS(LAYER_KIND) };
#undef LAYER_KIND

/* Images [c][h][w]; a flat vector of d values is c = d, h = w = 1. */
struct extent {
    size_t c, h, w;
};

static inline size_t extent_size(struct extent extent)
{
    return extent.c * extent.h * extent.w;
}

struct layer_spec {
    enum layer_kind kind;
    struct extent in, out;
    size_t rank;             /* lowrank */
    size_t symbols;          /* embed */
    double rate;             /* dropout */
    struct midl_shape shape; /* midl */
    char name[24];           /* as PyTorch names the module: "features.4", "classifier.0" */
};

struct network_spec {
    struct extent in; /* text: c symbols */
    size_t symbols;   /* 0: not text */
    size_t classes;
    struct layer_spec layers[NETWORK_LAYERS_MOST];
    size_t count;
};

/* Read hidden layers for an input and a number of classes. */
enum outcome network_read(const char *hidden, struct extent in, size_t symbols, size_t classes,
                          struct network_spec *ret, struct error *error);

/* Write the hidden layers as text; network_read makes the same layers of it. */
void network_text(const struct network_spec *spec, char ret[NETWORK_TEXT_SIZE]);

/* Whether that has room for all layers. network_read() refuses what hasn't; a network whose layers
 * were changed since may have outgrown it. */
bool network_text_fits(const struct network_spec *spec);

/* Write the input as text, "3x32x32", "784" or "16 of 53", and read it back. */
void network_input_text(const struct network_spec *spec, char ret[64]);
enum outcome network_input_read(const char *text, struct extent *ret_in, size_t *ret_symbols,
                                struct error *error);

/* Whether a layer is hidden and linear: one whose place MID-L can take. The output layer is none.
 */
bool network_is_hidden(const struct network_spec *spec, size_t layer);

/* Count FLOPs of a layer for one input, if it is linear in any way; `active`: the share of a MID-L
 * layer's neurons on the full path. */
double network_layer_flops(const struct layer_spec *layer, double active);

/* Count FLOPs of the hidden linear layers for one input as they are, and as plain linear layers. */
double network_hidden_flops(const struct network_spec *spec);
double network_hidden_linear_flops(const struct network_spec *spec);

#endif

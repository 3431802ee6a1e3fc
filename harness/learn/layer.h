/* layer.h - the one interface behind which every kind of layer stands while a network trains.
 *
 * A layer has a spec, parameters, and a state of its own. Parameters lie in two arrays of the
 * network, values and gradients; a layer's backward pass overwrites its gradients. Images between
 * layers are [B][h][w][c], vectors [B][d]; both are `in.c * in.h * in.w` floats per input.
 *
 * Randomness is a function of (seed, step, layer, place), never a state: so a run that was killed
 * can go on from a step as if nothing had happened. */
#ifndef MIDL_LAYER_H
#define MIDL_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "learn/network_text.h"
#include "gradients.h"

enum { LAYER_PARAMETERS_MOST = 8 };

struct parameter {
    char name[48]; /* "classifier.0.full.weight" */
    size_t dims, shape[4], count;
    bool trained;        /* else kept up by the layer itself: means and variances */
    float bound, offset; /* before training: uniform in offset - bound .. offset + bound */
    float *value, *gradient;
};

/* Where a MID-L layer's selection comes from while training and testing. */
enum layer_mask {
    MASK_GATE,   /* the layer's own gate */
    MASK_RANDOM, /* k neurons drawn anew for each input: control random-k */
    MASK_STATIC  /* k neurons drawn once: control static-k */
};

struct layer_options {
    size_t max_batch;
    int threads;
    uint64_t seed;
    enum midl_rule rule;
    enum layer_mask mask;
    bool frozen; /* weights will not change between passes: they are packed once */
};

/* One pass of a batch through the network. */
struct pass {
    size_t batch;
    bool training;
    uint64_t step;     /* batches trained so far; of a test, its batches so far */
    float temperature; /* of rule soft */
};

struct layer {
    const struct layer_spec *spec;
    const struct layer_options *options;
    size_t index; /* in the network */
    struct parameter *parameters;
    void *state;
};

struct layer_type {
    /* Fill in names behind the layer's, shapes and starting values; return how many. */
    size_t (*parameters)(const struct layer_spec *spec, struct parameter *ret);
    /* Take layer->state; destroy gives it back, also after a create that failed. May be NULL. */
    enum outcome (*create)(struct layer *layer, struct error *error);
    void (*destroy)(struct layer *layer);
    enum outcome (*forward)(struct layer *layer, const struct pass *pass, const float *x, float *y,
                            struct error *error);
    /* dx NULL: not wanted. x and y are those of the forward pass. */
    enum outcome (*backward)(struct layer *layer, const struct pass *pass, const float *x,
                             const float *y, const float *dy, float *dx, struct error *error);
};

#define LAYER_KIND(upper, lower, image) extern const struct layer_type layer_##lower;
LAYER_KINDS(LAYER_KIND)
#undef LAYER_KIND

/* Derive the seed of a random stream of its own for each layer, step and place. */
uint64_t layer_seed(const struct layer *layer, const struct pass *pass, uint64_t place);

/* Describe parameter `name` of these sizes (shape ends at the first 0), uniform within bound of
 * offset. */
struct parameter parameter_make(const char *name, const size_t shape[4], double bound,
                                double offset);

/* Return the weights of a layer of kind MIDL, in the network's memory. */
struct midl_layer layer_midl_weights(const struct layer *layer);

/* Tell why layers of this kind can't be trained by this build; NULL: they can. */
const char *layer_unavailable(enum layer_kind kind);

#endif

/* layer_linear.c - plain linear layers and those of low rank. */
#include <math.h>
#include <stdlib.h>

#include "learn/layer.h"
#include "learn/product.h"

static struct product product_of(const struct layer *layer, const struct pass *pass)
{
    return (struct product){.threads = layer->options->threads,
                            .batch = pass->batch,
                            .n = layer->spec->out.c,
                            .d = layer->spec->in.c};
}

/* ---- linear: weight [n][d], bias [n] --------------------------------------------------------- */

static size_t linear_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    size_t n = spec->out.c, d = spec->in.c;
    double bound = 1 / sqrt((double)d);
    ret[0] = parameter_make("weight", (size_t[4]){n, d}, bound, 0);
    ret[1] = parameter_make("bias", (size_t[4]){n}, bound, 0);
    return 2;
}

static enum outcome linear_forward(struct layer *layer, const struct pass *pass, const float *x,
                                   float *y, struct error *error)
{
    struct product size = product_of(layer, pass);
    (void)error;
    product_outputs(&size, layer->parameters[0].value, layer->parameters[1].value, x, y);
    return OUTCOME_DONE;
}

static enum outcome linear_backward(struct layer *layer, const struct pass *pass, const float *x,
                                    const float *y, const float *dy, float *dx, struct error *error)
{
    struct product size = product_of(layer, pass);
    (void)y;
    (void)error;
    product_weights(&size, dy, x, layer->parameters[0].gradient, layer->parameters[1].gradient);
    if (dx)
        product_inputs(&size, dy, layer->parameters[0].value, dx);
    return OUTCOME_DONE;
}

const struct layer_type layer_linear = {
    .parameters = linear_parameters, .forward = linear_forward, .backward = linear_backward};

/* ---- lowrank: down.weight [r][d], up.weight [n][r], up.bias [n] ------------------------------ */

/* The projections of a batch and their gradients, [B][r] each. */
struct lowrank_state {
    float *z, *dz;
};

static size_t lowrank_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    size_t n = spec->out.c, d = spec->in.c, r = spec->rank;
    double bound = 1 / sqrt((double)r);
    ret[0] = parameter_make("down.weight", (size_t[4]){r, d}, 1 / sqrt((double)d), 0);
    ret[1] = parameter_make("up.weight", (size_t[4]){n, r}, bound, 0);
    ret[2] = parameter_make("up.bias", (size_t[4]){n}, bound, 0);
    return 3;
}

static enum outcome lowrank_create(struct layer *layer, struct error *error)
{
    size_t floats = layer->options->max_batch * layer->spec->rank;
    struct lowrank_state *state = layer->state = calloc(1, sizeof *state);
    if (state) {
        state->z = calloc(floats, sizeof *state->z);
        state->dz = calloc(floats, sizeof *state->dz);
    }
    if (!state || !state->z || !state->dz)
        return fail_memory(error, "a low-rank layer", 8.0 * (double)floats);
    return OUTCOME_DONE;
}

static void lowrank_destroy(struct layer *layer)
{
    struct lowrank_state *state = layer->state;
    if (!state)
        return;
    free(state->z);
    free(state->dz);
    free(state);
}

static enum outcome lowrank_forward(struct layer *layer, const struct pass *pass, const float *x,
                                    float *y, struct error *error)
{
    struct lowrank_state *state = layer->state;
    struct product down = product_of(layer, pass), up = down;
    (void)error;
    down.n = up.d = layer->spec->rank;
    product_outputs(&down, layer->parameters[0].value, NULL, x, state->z);
    product_outputs(&up, layer->parameters[1].value, layer->parameters[2].value, state->z, y);
    return OUTCOME_DONE;
}

static enum outcome lowrank_backward(struct layer *layer, const struct pass *pass, const float *x,
                                     const float *y, const float *dy, float *dx,
                                     struct error *error)
{
    struct lowrank_state *state = layer->state;
    struct product down = product_of(layer, pass), up = down;
    (void)y;
    (void)error;
    down.n = up.d = layer->spec->rank;
    product_weights(&up, dy, state->z, layer->parameters[1].gradient,
                    layer->parameters[2].gradient);
    product_inputs(&up, dy, layer->parameters[1].value, state->dz);
    product_weights(&down, state->dz, x, layer->parameters[0].gradient, NULL);
    if (dx)
        product_inputs(&down, state->dz, layer->parameters[0].value, dx);
    return OUTCOME_DONE;
}

const struct layer_type layer_lowrank = {.parameters = lowrank_parameters,
                                         .create = lowrank_create,
                                         .destroy = lowrank_destroy,
                                         .forward = lowrank_forward,
                                         .backward = lowrank_backward};

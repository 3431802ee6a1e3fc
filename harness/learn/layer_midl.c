/* layer_midl.c - MID-L as a layer of a network: kernels/gradients.h does the work; here are the
 * names of the weights, their starting values, and the masks of the controls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "learn/layer.h"
#include "learn/pieces.h"

enum {
    FULL_WEIGHT,
    FULL_BIAS,
    LIGHT_DOWN,
    LIGHT_UP,
    LIGHT_BIAS,
    GATE_BIAS,
    GATE_UP,  /* gate full: its whole weight */
    GATE_DOWN /* gate lowrank only */
};

/* Gates start nearly open, so that the selected neurons begin as those of a plain layer. */
static const double gate_bias_start = 3;

struct midl_state {
    struct midl_training *training;
    uint32_t *index, *count; /* of a control's mask */
    struct midl_selection forced;
};

static size_t midl_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    const struct midl_shape *shape = &spec->shape;
    size_t n = shape->n, d = shape->d, r = shape->r;
    size_t rg = shape->gate == MIDL_GATE_LOWRANK ? shape->rg : r;
    double by_d = 1 / sqrt((double)d), by_r = 1 / sqrt((double)r);
    bool full = shape->gate == MIDL_GATE_FULL;
    ret[FULL_WEIGHT] = parameter_make("full.weight", (size_t[4]){n, d}, by_d, 0);
    ret[FULL_BIAS] = parameter_make("full.bias", (size_t[4]){n}, by_d, 0);
    ret[LIGHT_DOWN] = parameter_make("light.down.weight", (size_t[4]){r, d}, by_d, 0);
    ret[LIGHT_UP] = parameter_make("light.up.weight", (size_t[4]){n, r}, by_r, 0);
    ret[LIGHT_BIAS] = parameter_make("light.up.bias", (size_t[4]){n}, by_r, 0);
    ret[GATE_BIAS] =
        parameter_make(full ? "gate.bias" : "gate.up.bias", (size_t[4]){n}, 0, gate_bias_start);
    if (full)
        ret[GATE_UP] = parameter_make("gate.weight", (size_t[4]){n, d}, by_d, 0);
    else
        ret[GATE_UP] =
            parameter_make("gate.up.weight", (size_t[4]){n, rg}, 1 / sqrt((double)rg), 0);
    if (shape->gate != MIDL_GATE_LOWRANK)
        return GATE_UP + 1;
    ret[GATE_DOWN] = parameter_make("gate.down.weight", (size_t[4]){rg, d}, by_d, 0);
    return GATE_DOWN + 1;
}

/* ---- Masks of the controls ------------------------------------------------------------------- */

/* k of n in ascending order, each set as likely as any other (Knuth's algorithm S). */
static void draw_mask(struct rng *rng, size_t n, size_t k, uint32_t *ret)
{
    for (size_t j = 0, taken = 0; taken < k; j++)
        if (rng_below(rng, (uint32_t)(n - j)) < k - taken)
            ret[taken++] = (uint32_t)j;
}

struct draw {
    const struct layer *layer;
    const struct pass *pass;
};

static void draw_piece(void *data, size_t i)
{
    const struct draw *draw = data;
    const struct midl_shape *shape = &draw->layer->spec->shape;
    struct midl_state *state = draw->layer->state;
    struct rng rng = rng_seed(layer_seed(draw->layer, draw->pass, i));
    draw_mask(&rng, shape->n, shape->k, state->index + i * shape->k);
    state->count[i] = (uint32_t)shape->k;
}

static void draw_masks(struct layer *layer, const struct pass *pass)
{
    struct midl_state *state = layer->state;
    struct draw draw = {layer, pass};
    if (layer->options->mask == MASK_RANDOM) {
        pieces_run(layer->options->threads, pass->batch, draw_piece, &draw);
        state->forced.batch = pass->batch;
    }
}

/* Take a control's arrays, and draw a mask that stays. */
static enum outcome force_mask(struct layer *layer, struct error *error)
{
    const struct midl_shape *shape = &layer->spec->shape;
    struct midl_state *state = layer->state;
    const struct pass none = {.batch = 0};
    size_t inputs = layer->options->mask == MASK_RANDOM ? layer->options->max_batch : 1;
    if (layer->options->mask == MASK_GATE)
        return OUTCOME_DONE;
    state->index = calloc(inputs * shape->k + 1, sizeof *state->index);
    state->count = calloc(inputs, sizeof *state->count);
    if (!state->index || !state->count)
        return fail_memory(error, "a control's masks", 4.0 * (double)(inputs * shape->k));
    state->forced = (struct midl_selection){
        .batch = inputs, .stride = shape->k, .index = state->index, .count = state->count};
    if (layer->options->mask == MASK_STATIC) {
        struct draw draw = {layer, &none};
        draw_piece(&draw, 0);
        state->forced.stride = 0;
    }
    midl_training_force(state->training, &state->forced);
    return OUTCOME_DONE;
}

/* ---- The layer ------------------------------------------------------------------------------- */

static enum outcome midl_create(struct layer *layer, struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    struct midl_training_options options = {.rule = layer->options->rule,
                                            .max_batch = layer->options->max_batch,
                                            .threads = layer->options->threads};
    struct midl_state *state = layer->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, "a MID-L layer", sizeof *state);
    enum midl_status status =
        midl_training_create(&layer->spec->shape, &options, &state->training, reason);
    if (status != MIDL_OK)
        return fail(error, status == MIDL_INVALID ? OUTCOME_USAGE : OUTCOME_MACHINE, "%s: %s",
                    layer->spec->name, reason);
    return force_mask(layer, error);
}

static void midl_destroy(struct layer *layer)
{
    struct midl_state *state = layer->state;
    if (!state)
        return;
    midl_training_destroy(state->training);
    free(state->index);
    free(state->count);
    free(state);
}

struct midl_layer layer_midl_weights(const struct layer *layer)
{
    const struct parameter *p = layer->parameters;
    const struct midl_shape *shape = &layer->spec->shape;
    bool full = shape->gate == MIDL_GATE_FULL;
    return (struct midl_layer){.shape = *shape,
                               .full_weight = p[FULL_WEIGHT].value,
                               .full_bias = p[FULL_BIAS].value,
                               .light_down = p[LIGHT_DOWN].value,
                               .light_up = p[LIGHT_UP].value,
                               .light_bias = p[LIGHT_BIAS].value,
                               .gate_weight = full ? p[GATE_UP].value : NULL,
                               .gate_up = full ? NULL : p[GATE_UP].value,
                               .gate_down =
                                   shape->gate == MIDL_GATE_LOWRANK ? p[GATE_DOWN].value : NULL,
                               .gate_bias = p[GATE_BIAS].value};
}

static enum outcome midl_forward(struct layer *layer, const struct pass *pass, const float *x,
                                 float *y, struct error *error)
{
    struct midl_state *state = layer->state;
    struct midl_layer weights = layer_midl_weights(layer);
    draw_masks(layer, pass);
    if (layer->options->rule == MIDL_RULE_SOFT && pass->training)
        midl_training_temperature(state->training, pass->temperature);
    enum midl_status status =
        pass->training ? midl_training_forward(state->training, &weights, pass->batch, x, y)
                       : midl_training_evaluate(state->training, &weights, pass->batch, x, y);
    if (status != MIDL_OK)
        return fail(error, OUTCOME_BAD, "%s: %s", layer->spec->name, midl_status_text(status));
    return OUTCOME_DONE;
}

static enum outcome midl_backward(struct layer *layer, const struct pass *pass, const float *x,
                                  const float *y, const float *dy, float *dx, struct error *error)
{
    struct midl_state *state = layer->state;
    struct midl_layer weights = layer_midl_weights(layer);
    const struct parameter *p = layer->parameters;
    bool full = layer->spec->shape.gate == MIDL_GATE_FULL;
    bool lowrank = layer->spec->shape.gate == MIDL_GATE_LOWRANK;
    struct midl_gradients gradients = {.full_weight = p[FULL_WEIGHT].gradient,
                                       .full_bias = p[FULL_BIAS].gradient,
                                       .light_down = p[LIGHT_DOWN].gradient,
                                       .light_up = p[LIGHT_UP].gradient,
                                       .light_bias = p[LIGHT_BIAS].gradient,
                                       .gate_weight = full ? p[GATE_UP].gradient : NULL,
                                       .gate_up = full ? NULL : p[GATE_UP].gradient,
                                       .gate_down = lowrank ? p[GATE_DOWN].gradient : NULL,
                                       .gate_bias = p[GATE_BIAS].gradient};
    (void)y;
    (void)error;
    midl_training_backward(state->training, &weights, pass->batch, x, dy, dx, &gradients);
    return OUTCOME_DONE;
}

const struct layer_type layer_midl = {.parameters = midl_parameters,
                                      .create = midl_create,
                                      .destroy = midl_destroy,
                                      .forward = midl_forward,
                                      .backward = midl_backward};

/* inference.c - see inference.h. */
#include "learn/inference.h"

#include <stdlib.h>
#include <string.h>

#include "machine/calibration_file.h"

/* One layer of the network; plan NULL: not a linear one, or one that is left out. */
struct step {
    bool linear;
    struct midl_layer layer;
    struct midl_plan *plan;
};

struct inference {
    struct network *network;
    struct inference_options options;
    struct step steps[NETWORK_LAYERS_MOST];
    float *zeros; /* what the layer's definition has and a plain variant doesn't read */
    void *spacer; /* held, so that plans lie elsewhere after a move */
    unsigned moves;
    bool refused; /* a run of a plan that is gone */
};

/* ---- Layers as libmidl knows them ------------------------------------------------------------ */

static bool is_linear(const struct layer_spec *spec)
{
    return spec->kind == LAYER_LINEAR || spec->kind == LAYER_LOWRANK || spec->kind == LAYER_MIDL;
}

static size_t rank_of(const struct layer_spec *spec)
{
    return spec->kind == LAYER_LOWRANK ? spec->rank : 1;
}

/* Floats of zeros that a plain or low-rank layer's other arrays take. */
static size_t zeros_of(const struct layer_spec *spec)
{
    return extent_size(spec->in) * extent_size(spec->out);
}

static struct midl_layer blank_layer(const struct inference *inference,
                                     const struct layer_spec *spec)
{
    const float *zeros = inference->zeros;
    return (struct midl_layer){.shape = {.d = extent_size(spec->in),
                                         .n = extent_size(spec->out),
                                         .r = rank_of(spec),
                                         .gate = MIDL_GATE_SHARED},
                               .full_weight = zeros,
                               .full_bias = zeros,
                               .light_down = zeros,
                               .light_up = zeros,
                               .light_bias = zeros,
                               .gate_up = zeros,
                               .gate_bias = zeros};
}

static struct midl_layer layer_of(const struct inference *inference, size_t i)
{
    const struct layer *layer = &inference->network->layers[i];
    const struct parameter *p = layer->parameters;
    struct midl_layer ret = blank_layer(inference, layer->spec);
    if (layer->spec->kind == LAYER_MIDL)
        return layer_midl_weights(layer);
    if (layer->spec->kind == LAYER_LINEAR) {
        ret.full_weight = p[0].value;
        ret.full_bias = p[1].value;
        return ret;
    }
    ret.light_down = p[0].value;
    ret.light_up = p[1].value;
    ret.light_bias = p[2].value;
    return ret;
}

/* ---- Plans ----------------------------------------------------------------------------------- */

static enum midl_status make_plan(const struct inference *inference, size_t i,
                                  struct midl_plan **ret, char reason[MIDL_REASON_SIZE])
{
    const struct midl_plan_options options = {.variant = inference->options.kernels[i],
                                              .dtype = MIDL_F32,
                                              .max_batch = inference->options.batch,
                                              .threads = inference->options.threads,
                                              .calibration = calibration_get()};
    return midl_plan_create(&inference->steps[i].layer, &options, ret, reason);
}

static enum outcome make_plans(struct inference *inference, struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    for (size_t i = 0; i < inference->network->spec.count; i++) {
        struct step *step = &inference->steps[i];
        const struct layer_spec *spec = &inference->network->spec.layers[i];
        step->linear = is_linear(spec);
        if (!step->linear)
            continue;
        step->layer = layer_of(inference, i);
        if (!inference->options.kernels[i])
            continue;
        enum midl_status status = make_plan(inference, i, &step->plan, reason);
        if (status != MIDL_OK)
            return fail(error, status == MIDL_NO_MEMORY ? OUTCOME_MACHINE : OUTCOME_USAGE,
                        "%s by %s: %s", spec->name, inference->options.kernels[i], reason);
    }
    return OUTCOME_DONE;
}

enum outcome inference_create(struct network *network, const struct inference_options *options,
                              struct inference **ret, struct error *error)
{
    size_t zeros = 1;
    struct inference *inference = calloc(1, sizeof *inference);
    if (!inference)
        return fail_memory(error, "an inference", sizeof *inference);
    inference->network = network;
    inference->options = *options;
    for (size_t i = 0; i < network->spec.count; i++)
        if (is_linear(&network->spec.layers[i]) && zeros_of(&network->spec.layers[i]) > zeros)
            zeros = zeros_of(&network->spec.layers[i]);
    inference->zeros = calloc(zeros, sizeof *inference->zeros);
    enum outcome outcome = inference->zeros
                               ? make_plans(inference, error)
                               : fail_memory(error, "an inference", 4.0 * (double)zeros);
    if (outcome)
        inference_destroy(inference);
    else
        *ret = inference;
    return outcome;
}

void inference_destroy(struct inference *inference)
{
    if (!inference)
        return;
    for (size_t i = 0; i < NETWORK_LAYERS_MOST; i++)
        midl_plan_destroy(inference->steps[i].plan);
    free(inference->zeros);
    free(inference->spacer);
    free(inference);
}

bool inference_refused(const struct inference *inference)
{
    bool refused = inference->refused;
    for (size_t i = 0; i < inference->network->spec.count; i++)
        refused =
            refused || (inference->steps[i].plan && midl_plan_refused(inference->steps[i].plan));
    return refused;
}

bool inference_move(struct inference *inference)
{
    struct midl_plan *plans[NETWORK_LAYERS_MOST] = {NULL};
    char reason[MIDL_REASON_SIZE];
    bool ok = true;
    inference->refused = inference_refused(inference);
    free(inference->spacer);
    inference->spacer = malloc(64 * (1 + inference->moves++ * 37 % 101));
    for (size_t i = 0; ok && i < inference->network->spec.count; i++)
        if (inference->steps[i].plan)
            ok = make_plan(inference, i, &plans[i], reason) == MIDL_OK;
    for (size_t i = 0; i < inference->network->spec.count; i++) {
        if (!plans[i])
            continue;
        midl_plan_destroy(ok ? inference->steps[i].plan : plans[i]);
        if (ok)
            inference->steps[i].plan = plans[i];
    }
    return ok;
}

struct midl_plan *inference_plan(const struct inference *inference, size_t layer)
{
    return inference->steps[layer].plan;
}

const struct midl_layer *inference_layer(const struct inference *inference, size_t layer)
{
    return &inference->steps[layer].layer;
}

double inference_bytes(const struct inference *inference)
{
    const struct network *network = inference->network;
    double bytes = 0;
    for (size_t i = 0; i < network->spec.count; i++) {
        const struct step *step = &inference->steps[i];
        bytes += 4.0 * (double)inference->options.batch *
                 (double)extent_size(network->spec.layers[i].out);
        if (step->plan)
            bytes += (double)midl_plan_bytes(step->plan);
        const struct parameter *end = i + 1 < network->spec.count
                                          ? network->layers[i + 1].parameters
                                          : network->parameters + network->parameter_count;
        for (const struct parameter *p = network->layers[i].parameters; p < end; p++)
            bytes += 4.0 * (double)p->count;
    }
    return bytes;
}

/* ---- Running --------------------------------------------------------------------------------- */

static void relu(const float *x, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

static enum outcome run_step(struct inference *inference, size_t i, const float *x,
                             struct error *error)
{
    struct network *network = inference->network;
    const struct layer_spec *spec = &network->spec.layers[i];
    const struct step *step = &inference->steps[i];
    const struct pass pass = {.batch = inference->options.batch};
    if (spec->kind == LAYER_RELU) {
        relu(x, network->outputs[i], pass.batch * extent_size(spec->out));
        return OUTCOME_DONE;
    }
    if (!step->linear)
        return network_layer_forward(network, i, &pass, x, error);
    if (!step->plan)
        return OUTCOME_DONE;
    enum midl_status status = midl_run(step->plan, pass.batch, x, network->outputs[i]);
    return status == MIDL_OK
               ? OUTCOME_DONE
               : fail(error, OUTCOME_BAD, "%s: %s", spec->name, midl_status_text(status));
}

enum outcome inference_run(struct inference *inference, const float *x, const float **ret_logits,
                           struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < inference->network->spec.count && !outcome; i++) {
        outcome = run_step(inference, i, x, error);
        x = inference->network->outputs[i];
    }
    if (!outcome)
        *ret_logits = x;
    return outcome;
}

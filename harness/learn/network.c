/* network.c - layers one after the other, there and back. */
#include "learn/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define LAYER_KIND(upper, lower, image) [LAYER_##upper] = &layer_##lower,
static const struct layer_type *const types[] = {LAYER_KINDS(LAYER_KIND)};
#undef LAYER_KIND

uint64_t layer_seed(const struct layer *layer, const struct pass *pass, uint64_t place)
{
    uint64_t state = layer->options->seed;
    uint64_t parts[] = {layer->index, pass->step, place, pass->training};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        state = rng_splitmix(&state) ^ parts[i];
    return rng_splitmix(&state);
}

struct parameter parameter_make(const char *name, const size_t shape[4], double bound,
                                double offset)
{
    struct parameter ret = {
        .count = 1, .trained = true, .bound = (float)bound, .offset = (float)offset};
    snprintf(ret.name, sizeof ret.name, "%s", name);
    for (; ret.dims < 4 && shape[ret.dims]; ret.dims++)
        ret.count *= ret.shape[ret.dims] = shape[ret.dims];
    return ret;
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* List all parameters under their full names. */
static enum outcome list_parameters(struct network *network, struct error *error)
{
    size_t most = network->spec.count * LAYER_PARAMETERS_MOST;
    network->parameters = calloc(most, sizeof *network->parameters);
    if (!network->parameters)
        return fail_memory(error, "a network", (double)most * sizeof *network->parameters);
    for (size_t i = 0; i < network->spec.count; i++) {
        const struct layer_spec *spec = &network->spec.layers[i];
        struct parameter *first = network->parameters + network->parameter_count;
        size_t count =
            types[spec->kind]->parameters ? types[spec->kind]->parameters(spec, first) : 0;
        network->layers[i] = (struct layer){
            .spec = spec, .options = &network->options, .index = i, .parameters = first};
        for (size_t j = 0; j < count; j++) {
            struct parameter *p = &first[j];
            char name[sizeof p->name];
            snprintf(name, sizeof name, "%s.%.*s", spec->name, 20, p->name);
            memcpy(p->name, name, sizeof name);
        }
        network->parameter_count += count;
    }
    return OUTCOME_DONE;
}

/* Whole cache lines, so that no two parameters share one. */
static size_t rounded(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static float *take(size_t floats)
{
    float *ret = aligned_alloc(64, rounded(floats + 1) * sizeof *ret);
    if (ret)
        memset(ret, 0, rounded(floats + 1) * sizeof *ret);
    return ret;
}

/* Trained parameters first. */
static enum outcome place_parameters(struct network *network, struct error *error)
{
    for (int trained = 1; trained >= 0; trained--) {
        for (size_t i = 0; i < network->parameter_count; i++)
            if (network->parameters[i].trained == (trained == 1))
                network->floats += rounded(network->parameters[i].count);
        if (trained)
            network->trained = network->floats;
    }
    network->values = take(network->floats);
    network->gradients = take(network->trained);
    if (!network->values || !network->gradients)
        return fail_memory(error, "a network's weights",
                           4.0 * (double)(network->floats + network->trained));
    size_t at[2] = {network->trained, 0};
    for (size_t i = 0; i < network->parameter_count; i++) {
        struct parameter *p = &network->parameters[i];
        p->value = network->values + at[p->trained];
        p->gradient = p->trained ? network->gradients + at[p->trained] : NULL;
        at[p->trained] += rounded(p->count);
    }
    return OUTCOME_DONE;
}

static void draw_parameters(struct network *network)
{
    struct rng rng = rng_seed(network->options.seed);
    for (size_t i = 0; i < network->parameter_count; i++) {
        struct parameter *p = &network->parameters[i];
        for (size_t j = 0; j < p->count; j++)
            p->value[j] =
                p->offset + (p->bound > 0 ? p->bound * (float)(2 * rng_uniform(&rng) - 1) : 0);
    }
}

static enum outcome take_outputs(struct network *network, struct error *error)
{
    size_t batch = network->options.max_batch, most = 0;
    bool ok = true;
    for (size_t i = 0; i < network->spec.count; i++) {
        size_t size = extent_size(network->spec.layers[i].out);
        ok = ok && (network->outputs[i] = take(batch * size));
        most = size > most ? size : most;
    }
    for (size_t i = 0; i < 2; i++)
        ok = ok && (network->differences[i] = take(batch * most));
    ok = ok && (network->logits_gradient = take(batch * network->spec.classes));
    return ok ? OUTCOME_DONE
              : fail_memory(error, "a network's outputs", 8.0 * (double)(batch * most));
}

enum outcome network_create(const struct network_spec *spec, const struct layer_options *options,
                            struct network *ret, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    *ret = (struct network){.spec = *spec, .options = *options};
    for (size_t i = 0; i < spec->count && !outcome; i++) {
        const char *reason = layer_unavailable(spec->layers[i].kind);
        if (reason)
            outcome = fail(error, OUTCOME_MACHINE, "layer %s can't be trained: %s",
                           spec->layers[i].name, reason);
    }
    if (!outcome)
        outcome = list_parameters(ret, error);
    if (!outcome)
        outcome = place_parameters(ret, error);
    if (!outcome)
        outcome = take_outputs(ret, error);
    for (size_t i = 0; i < spec->count && !outcome; i++)
        if (types[spec->layers[i].kind]->create)
            outcome = types[spec->layers[i].kind]->create(&ret->layers[i], error);
    if (outcome)
        network_destroy(ret);
    else
        draw_parameters(ret);
    return outcome;
}

void network_destroy(struct network *network)
{
    for (size_t i = 0; i < network->spec.count; i++) {
        const struct layer_type *type = types[network->spec.layers[i].kind];
        if (type->destroy && network->layers[i].spec)
            type->destroy(&network->layers[i]);
        free(network->outputs[i]);
    }
    free(network->parameters);
    free(network->values);
    free(network->gradients);
    free(network->differences[0]);
    free(network->differences[1]);
    free(network->logits_gradient);
    *network = (struct network){.parameters = NULL};
}

struct parameter *network_parameter(struct network *network, const char *name)
{
    for (size_t i = 0; i < network->parameter_count; i++)
        if (strcmp(network->parameters[i].name, name) == 0)
            return &network->parameters[i];
    return NULL;
}

double network_weights(const struct network_spec *spec)
{
    double weights = 0;
    for (size_t i = 0; i < spec->count; i++) {
        struct parameter parameters[LAYER_PARAMETERS_MOST];
        const struct layer_type *type = types[spec->layers[i].kind];
        size_t count = type->parameters ? type->parameters(&spec->layers[i], parameters) : 0;
        for (size_t j = 0; j < count; j++) {
            double size = 1;
            for (size_t k = 0; k < parameters[j].dims; k++)
                size *= (double)parameters[j].shape[k];
            weights += size;
        }
    }
    return weights;
}

/* ---- Running --------------------------------------------------------------------------------- */

enum outcome network_layer_forward(struct network *network, size_t i, const struct pass *pass,
                                   const float *x, struct error *error)
{
    const struct layer_type *type = types[network->spec.layers[i].kind];
    return type->forward(&network->layers[i], pass, x, network->outputs[i], error);
}

enum outcome network_forward(struct network *network, const struct pass *pass, const float *x,
                             const float **ret_logits, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < network->spec.count && !outcome; i++) {
        outcome = network_layer_forward(network, i, pass, x, error);
        x = network->outputs[i];
    }
    if (!outcome)
        *ret_logits = x;
    return outcome;
}

/* The first layer with parameters needs no gradient by its input, and none stands before it. */
static size_t first_trained(const struct network *network)
{
    size_t i = 0;
    while (i + 1 < network->spec.count && !types[network->spec.layers[i].kind]->parameters)
        i++;
    return i;
}

static enum outcome backward(struct network *network, const struct pass *pass, const float *x,
                             struct error *error)
{
    const float *dy = network->logits_gradient;
    size_t first = first_trained(network);
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = network->spec.count; i-- > first && !outcome;) {
        const struct layer_type *type = types[network->spec.layers[i].kind];
        const float *in = i ? network->outputs[i - 1] : x;
        float *dx = i > first ? network->differences[i % 2] : NULL;
        outcome = type->backward(&network->layers[i], pass, in, network->outputs[i], dy, dx, error);
        dy = dx;
    }
    return outcome;
}

enum outcome network_train(struct network *network, const struct pass *pass, const float *x,
                           const uint32_t *labels, struct network_score *ret, struct error *error)
{
    const float *logits = NULL;
    enum outcome outcome = network_forward(network, pass, x, &logits, error);
    if (outcome)
        return outcome;
    *ret =
        cross_entropy(pass->batch, network->spec.classes, logits, labels, network->logits_gradient);
    return backward(network, pass, x, error);
}

struct network_score cross_entropy(size_t batch, size_t classes, const float *logits,
                                   const uint32_t *labels, float *ret_gradient)
{
    struct network_score score = {0};
    for (size_t b = 0; b < batch; b++) {
        const float *z = logits + b * classes;
        size_t best = 0;
        double sum = 0;
        for (size_t j = 1; j < classes; j++)
            if (z[j] > z[best])
                best = j;
        for (size_t j = 0; j < classes; j++)
            sum += exp((double)z[j] - (double)z[best]);
        score.loss += log(sum) - ((double)z[labels[b]] - (double)z[best]);
        score.right += best == labels[b];
        for (size_t j = 0; ret_gradient && j < classes; j++) {
            double p = exp((double)z[j] - (double)z[best]) / sum;
            ret_gradient[b * classes + j] = (float)((p - (j == labels[b])) / (double)batch);
        }
    }
    return score;
}

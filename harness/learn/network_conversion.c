/* network_conversion.c - see network_conversion.h. One pass of the network over the examples keeps
 * what each layer that changes met; then each is converted by itself. */
#include "learn/network_conversion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/meeting.h"

struct job {
    struct network *from, *to;
    struct network_spec *wanted;
    const struct network_conversion *how;
    size_t count;                    /* examples */
    float *met[NETWORK_LAYERS_MOST]; /* inputs of layers that change: [count][d]; else NULL */
    struct network_conversion_result result;
    struct error *error;
};

static bool changes(const struct job *job, size_t i)
{
    return job->wanted->layers[i].kind != job->from->spec.layers[i].kind;
}

static enum outcome check(const struct job *job)
{
    const struct network_spec *is = &job->from->spec, *wanted = job->wanted;
    if (is->count != wanted->count)
        return fail(job->error, OUTCOME_USAGE, "the network has %zu layers, the converted one %zu",
                    is->count, wanted->count);
    for (size_t i = 0; i < is->count; i++) {
        enum layer_kind kind = wanted->layers[i].kind;
        if (!changes(job, i))
            continue;
        if (is->layers[i].kind != LAYER_LINEAR || (kind != LAYER_MIDL && kind != LAYER_LOWRANK))
            return fail(job->error, OUTCOME_USAGE, "layer %s: only plain linear layers convert",
                        is->layers[i].name);
    }
    return convert_unavailable() ? fail(job->error, OUTCOME_MACHINE, "%s", convert_unavailable())
                                 : OUTCOME_DONE;
}

/* ---- What layers meet ------------------------------------------------------------------------ */

static enum outcome take_met(struct job *job)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < job->wanted->count && !outcome; i++)
        if (changes(job, i))
            outcome = network_met_new(&job->from->spec, i, job->count, &job->met[i], job->error);
    return outcome;
}

/* ---- One layer ------------------------------------------------------------------------------- */

/* A parameter of layer i, which is there. */
static struct parameter *parameter_of(struct network *network, size_t i, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", network->spec.layers[i].name, name);
    return network_parameter(network, full);
}

static struct convert_source source_of(struct job *job, size_t i)
{
    const struct layer_spec *layer = &job->from->spec.layers[i];
    return (struct convert_source){.d = extent_size(layer->in),
                                   .n = extent_size(layer->out),
                                   .weight = parameter_of(job->from, i, "weight")->value,
                                   .bias = parameter_of(job->from, i, "bias")->value,
                                   .count = job->count,
                                   .x = job->met[i]};
}

static void put(struct network *network, size_t i, const char *name, const float *from)
{
    struct parameter *p = parameter_of(network, i, name);
    if (p && from)
        memcpy(p->value, from, p->count * sizeof *from);
}

static void put_layer(struct network *to, size_t i, const struct midl_layer *layer)
{
    put(to, i, "full.weight", layer->full_weight);
    put(to, i, "full.bias", layer->full_bias);
    put(to, i, "light.down.weight", layer->light_down);
    put(to, i, "light.up.weight", layer->light_up);
    put(to, i, "light.up.bias", layer->light_bias);
    put(to, i, "gate.down.weight", layer->gate_down);
    put(to, i, "gate.up.weight", layer->gate_up);
    put(to, i, "gate.up.bias", layer->gate_bias);
}

/* Give the columns of a matrix that reads reordered neurons the same order. */
static enum outcome reorder_columns(struct parameter *p, const uint32_t *order, struct error *error)
{
    size_t columns = p->shape[1];
    float *row = malloc(columns * sizeof *row);
    if (!row)
        return fail_memory(error, "a row of weights", 4.0 * (double)columns);
    for (float *at = p->value; at < p->value + p->count; at += columns) {
        memcpy(row, at, columns * sizeof *row);
        for (size_t j = 0; j < columns; j++)
            at[j] = row[order[j]];
    }
    free(row);
    return OUTCOME_DONE;
}

/* The matrices of a layer that read its input. */
static enum outcome reorder_inputs(struct network *network, size_t i, const uint32_t *order,
                                   struct error *error)
{
    static const char *const readers[] = {"weight",      "full.weight",      "light.down.weight",
                                          "gate.weight", "gate.down.weight", "down.weight"};
    enum outcome outcome = OUTCOME_DONE;
    for (size_t r = 0; r < sizeof readers / sizeof *readers && !outcome; r++) {
        struct parameter *p = parameter_of(network, i, readers[r]);
        if (p)
            outcome = reorder_columns(p, order, error);
    }
    return outcome;
}

/* The layer behind i that reads its neurons: ReLU and dropout pass them on one by one. */
static size_t reader_of(const struct network_spec *spec, size_t i)
{
    size_t next = i + 1;
    while (next < spec->count &&
           (spec->layers[next].kind == LAYER_RELU || spec->layers[next].kind == LAYER_DROPOUT))
        next++;
    return next;
}

static struct convert_options options_of(const struct job *job, const struct midl_shape *shape)
{
    bool threshold = shape->select == MIDL_SELECT_THRESHOLD;
    return (struct convert_options){.rank = shape->r,
                                    .gate_rank = shape->gate == MIDL_GATE_LOWRANK ? shape->rg : 0,
                                    .active = threshold ? job->how->active
                                                        : (double)shape->k / (double)shape->n,
                                    .select = shape->select,
                                    .block = shape->block,
                                    .margin = threshold ? job->how->margin : NAN,
                                    .threads = job->from->options.threads};
}

/* Layers are written into the new network; of those converted, `order` is kept for the columns. */
static enum outcome convert_midl(struct job *job, size_t i, uint32_t **ret_order)
{
    struct convert_source source = source_of(job, i);
    struct convert_options options = options_of(job, &job->wanted->layers[i].shape);
    struct converted c;
    if (job->wanted->layers[i].shape.gate == MIDL_GATE_FULL)
        return fail(job->error, OUTCOME_USAGE, "a conversion has no full gate: shared or lowrank");
    enum outcome outcome = convert_layer(&source, &options, &c, job->error);
    if (outcome)
        return outcome;
    put_layer(job->to, i, &c.layer);
    job->result.layers[job->result.count++] =
        (struct layer_conversion){i, c.explained, c.positive, c.margin, c.active};
    if (options.select == MIDL_SELECT_BLOCK) {
        *ret_order = c.order;
        c.order = NULL;
    }
    converted_clear(&c);
    return OUTCOME_DONE;
}

static enum outcome convert_lowrank(struct job *job, size_t i)
{
    struct convert_source source = source_of(job, i);
    struct low_rank low;
    size_t rank = job->wanted->layers[i].rank;
    enum outcome outcome =
        convert_low_rank(&source, rank, job->from->options.threads, &low, job->error);
    if (outcome)
        return outcome;
    put(job->to, i, "down.weight", low.down);
    put(job->to, i, "up.weight", low.up);
    put(job->to, i, "up.bias", low.bias);
    job->result.layers[job->result.count++] =
        (struct layer_conversion){i, low.explained, NAN, NAN, 1};
    low_rank_clear(&low);
    return OUTCOME_DONE;
}

/* ---- The network ----------------------------------------------------------------------------- */

static void copy_others(struct job *job)
{
    for (size_t i = 0; i < job->to->parameter_count; i++) {
        struct parameter *to = &job->to->parameters[i];
        const struct parameter *from = network_parameter(job->from, to->name);
        if (from && from->count == to->count)
            memcpy(to->value, from->value, to->count * sizeof *to->value);
    }
}

/* The shape that a threshold layer will have: known before, so that the network can be made. */
static void correct_thresholds(struct network_spec *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        struct midl_shape *shape = &wanted->layers[i].shape;
        if (wanted->layers[i].kind != LAYER_MIDL || shape->select != MIDL_SELECT_THRESHOLD)
            continue;
        shape->k = shape->n;
        shape->threshold = convert_threshold();
    }
}

static enum outcome convert_all(struct job *job)
{
    uint32_t *orders[NETWORK_LAYERS_MOST] = {NULL};
    size_t count = job->wanted->count;
    enum outcome outcome = OUTCOME_DONE;
    copy_others(job);
    for (size_t i = 0; i < count && !outcome; i++)
        if (changes(job, i))
            outcome = job->wanted->layers[i].kind == LAYER_MIDL ? convert_midl(job, i, &orders[i])
                                                                : convert_lowrank(job, i);
    for (size_t i = 0; i < count && !outcome; i++)
        if (orders[i])
            outcome = reorder_inputs(job->to, reader_of(job->wanted, i), orders[i], job->error);
    for (size_t i = 0; i < count; i++)
        free(orders[i]);
    return outcome;
}

enum outcome network_convert(struct network *network, const struct dataset_part *part,
                             struct network_spec *wanted, const struct network_conversion *how,
                             struct network *ret, struct network_conversion_result *ret_result,
                             struct error *error)
{
    size_t most = how->inputs ? how->inputs : NETWORK_CONVERSION_INPUTS;
    struct job job = {.from = network,
                      .to = ret,
                      .wanted = wanted,
                      .how = how,
                      .count = part->count < most ? part->count : most,
                      .error = error};
    bool made = false;
    enum outcome outcome = check(&job);
    correct_thresholds(wanted);
    if (!outcome)
        outcome = take_met(&job);
    if (!outcome)
        outcome = network_meet(network, part, job.count, job.met, error);
    if (!outcome)
        outcome = network_create(wanted, &network->options, ret, error);
    made = !outcome;
    if (!outcome)
        outcome = convert_all(&job);
    if (!outcome)
        *ret_result = job.result;
    else if (made)
        network_destroy(ret);
    for (size_t i = 0; i < NETWORK_LAYERS_MOST; i++)
        free(job.met[i]);
    return outcome;
}

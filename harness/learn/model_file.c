/* model_file.c - see model_file.h; data/tensors.h knows the format. */
#include "learn/model_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/util.h"
#include "data/tensors.h"

static const char format_name[] = "midl-model";

/* ---- Writing --------------------------------------------------------------------------------- */

/* Keys and values of the metadata, and the memory of those that are made here. */
struct metadata {
    struct tensor_meta rows[16 + 5 * NETWORK_LAYERS_MOST];
    char texts[5 * NETWORK_LAYERS_MOST][2][40];
    size_t count, made;
};

static void put(struct metadata *meta, const char *key, const char *value)
{
    if (*value)
        meta->rows[meta->count++] = (struct tensor_meta){key, value};
}

static void put_of_layer(struct metadata *meta, const struct layer_spec *layer, const char *key,
                         const char *value)
{
    char(*text)[40] = meta->texts[meta->made++];
    snprintf(text[0], sizeof text[0], "%s.%.12s", layer->name, key);
    snprintf(text[1], sizeof text[1], "%s", value);
    put(meta, text[0], text[1]);
}

static void put_layer(struct metadata *meta, const struct layer_spec *layer)
{
    const struct midl_shape *shape = &layer->shape;
    char number[40];
    snprintf(number, sizeof number, "%zu", shape->k);
    put_of_layer(meta, layer, "k", number);
    put_of_layer(meta, layer, "select", midl_select_name(shape->select));
    put_of_layer(meta, layer, "unselected", midl_unselected_name(shape->unselected));
    if (shape->select == MIDL_SELECT_BLOCK) {
        snprintf(number, sizeof number, "%zu", shape->block);
        put_of_layer(meta, layer, "block", number);
    }
    if (shape->select == MIDL_SELECT_THRESHOLD) {
        snprintf(number, sizeof number, "%.9g", (double)shape->threshold);
        put_of_layer(meta, layer, "threshold", number);
    }
}

enum outcome model_save(const char *path, const struct network *network,
                        const struct model_facts *facts, struct error *error)
{
    char input[64], hidden[NETWORK_TEXT_SIZE], classes[24];
    size_t count = network->parameter_count;
    struct metadata *meta = calloc(1, sizeof *meta);
    struct tensor *tensors = calloc(count, sizeof *tensors);
    enum outcome outcome = OUTCOME_DONE;
    if (!network_text_fits(&network->spec)) {
        outcome = fail(error, OUTCOME_USAGE,
                       "%s: the network has too many layers to be described in a model file",
                       file_shown(path));
        goto cleanup;
    }
    if (!meta || !tensors) {
        outcome = fail_memory(error, "a model file", (double)sizeof *meta);
        goto cleanup;
    }
    network_input_text(&network->spec, input);
    network_text(&network->spec, hidden);
    snprintf(classes, sizeof classes, "%zu", network->spec.classes);
    put(meta, "format", format_name);
    put(meta, "input", input);
    put(meta, "network", *hidden ? hidden : " ");
    put(meta, "classes", classes);
    put(meta, "dataset", facts->dataset);
    put(meta, "method", facts->method);
    put(meta, "seed", facts->seed);
    put(meta, "rule", facts->rule);
    put(meta, "accuracy", facts->accuracy);
    for (size_t i = 0; i < network->spec.count; i++)
        if (network->spec.layers[i].kind == LAYER_MIDL)
            put_layer(meta, &network->spec.layers[i]);
    for (size_t i = 0; i < count; i++) {
        const struct parameter *p = &network->parameters[i];
        tensors[i] = (struct tensor){.name = p->name,
                                     .type = TENSOR_F32,
                                     .dims = p->dims,
                                     .data = p->value,
                                     .bytes = p->count * sizeof(float)};
        memcpy(tensors[i].shape, p->shape, sizeof p->shape);
    }
    outcome = tensors_write(path, tensors, count, meta->rows, meta->count, error);
cleanup:
    free(meta);
    free(tensors);
    return outcome;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static const char *fact(const struct tensors *file, const char *key)
{
    const char *value = tensors_metadata(file, key);
    return value ? value : "";
}

static enum outcome read_spec(const char *path, const struct tensors *file,
                              struct network_spec *ret, struct error *error)
{
    const char *input = fact(file, "input"), *classes = fact(file, "classes");
    struct extent in;
    size_t symbols, count;
    char *end;
    if (strcmp(fact(file, "format"), format_name) != 0)
        return fail(error, OUTCOME_USAGE,
                    "%s: not a model file: its metadata has no format = midl-model",
                    file_shown(path));
    enum outcome outcome = network_input_read(input, &in, &symbols, error);
    unsigned long long number = strtoull(classes, &end, 10);
    count = (size_t)number;
    if (!outcome && (!*classes || *end || number < 1 || number > 1u << 24))
        outcome = fail(error, OUTCOME_USAGE, "classes %.40s: must be a number", classes);
    if (!outcome)
        outcome = network_read(fact(file, "network"), in, symbols, count, ret, error);
    return outcome ? fail(error, outcome, "%s: metadata: %s", file_shown(path), error->text)
                   : OUTCOME_DONE;
}

static enum outcome read_parameter(const char *path, const struct tensors *file,
                                   struct parameter *p, struct error *error)
{
    const struct tensor *tensor = tensors_find(file, p->name);
    char want[TENSOR_TEXT_SIZE], have[TENSOR_TEXT_SIZE];
    if (!tensor)
        return fail(error, OUTCOME_USAGE, "%s: tensor %s is missing", file_shown(path), p->name);
    bool same = tensor->dims == p->dims;
    for (size_t i = 0; same && i < p->dims; i++)
        same = tensor->shape[i] == p->shape[i];
    tensor_shape_text(p->dims, p->shape, want);
    tensor_shape_text(tensor->dims, tensor->shape, have);
    if (!same)
        return fail(error, OUTCOME_USAGE, "%s: tensor %s is %s, the architecture wants %s",
                    file_shown(path), p->name, have, want);
    if (!tensor_floats(tensor, p->count, p->value))
        return fail(error, OUTCOME_USAGE, "%s: tensor %s is %s, not F32, BF16, F16 or F64",
                    file_shown(path), p->name, tensor_type_name(tensor->type));
    for (size_t i = 0; i < p->count; i++)
        if (!isfinite(p->value[i]))
            return fail(error, OUTCOME_USAGE,
                        "%s: tensor %s: element %zu is %f; weights must be finite",
                        file_shown(path), p->name, i, (double)p->value[i]);
    return OUTCOME_DONE;
}

/* Hold the weights that the architecture wants against those in the file, before memory is taken:
 * the metadata may claim anything. */
static enum outcome check_claims(const char *path, const struct tensors *file,
                                 const struct network_spec *spec, struct error *error)
{
    double wanted = network_weights(spec), held = 0;
    for (size_t i = 0; i < tensors_count(file); i++) {
        const struct tensor *tensor = tensors_at(file, i);
        held += (double)tensor->bytes * 8 / (double)tensor_type_bits(tensor->type);
    }
    if (wanted > held)
        return fail(error, OUTCOME_USAGE,
                    "%s: metadata: the network has %.0f weights, the file holds %.0f",
                    file_shown(path), wanted, held);
    return OUTCOME_DONE;
}

static void read_facts(const struct tensors *file, struct model_facts *ret)
{
    snprintf(ret->dataset, sizeof ret->dataset, "%s", fact(file, "dataset"));
    snprintf(ret->method, sizeof ret->method, "%s", fact(file, "method"));
    snprintf(ret->seed, sizeof ret->seed, "%s", fact(file, "seed"));
    snprintf(ret->rule, sizeof ret->rule, "%s", fact(file, "rule"));
    snprintf(ret->accuracy, sizeof ret->accuracy, "%s", fact(file, "accuracy"));
}

enum outcome model_load(const char *path, const struct layer_options *options, struct network *ret,
                        struct model_facts *ret_facts, struct error *error)
{
    struct tensors *file = NULL;
    struct network_spec spec;
    struct layer_options layers = *options;
    enum method method;
    bool made = false;
    enum outcome outcome = tensors_read(path, &file, error);
    if (!outcome)
        outcome = read_spec(path, file, &spec, error);
    if (!outcome)
        outcome = check_claims(path, file, &spec, error);
    if (!outcome) {
        if (method_parse(fact(file, "method"), &method))
            layers.mask = method_mask(method);
        if (*fact(file, "seed"))
            layers.seed = strtoull(fact(file, "seed"), NULL, 10);
        (void)midl_rule_parse(fact(file, "rule"), &layers.rule);
        outcome = network_create(&spec, &layers, ret, error);
        made = !outcome;
    }
    for (size_t i = 0; !outcome && i < ret->parameter_count; i++)
        outcome = read_parameter(path, file, &ret->parameters[i], error);
    if (!outcome)
        read_facts(file, ret_facts);
    else if (made)
        network_destroy(ret);
    tensors_close(file);
    return outcome;
}

enum outcome model_dataset(const char *path, const struct network_spec *spec,
                           const struct model_facts *facts, const char *name, struct dataset *ret,
                           struct error *error)
{
    const struct dataset_options options = {.seed = strtoull(facts->seed, NULL, 10)};
    struct dataset set;
    name = name && *name ? name : facts->dataset;
    if (!*name)
        return fail(error, OUTCOME_USAGE, "%s does not say what it was trained on: give --data",
                    file_shown(path));
    enum outcome outcome = dataset_load(name, NULL, &options, &set, error);
    if (outcome)
        return outcome;
    if (set.d == extent_size(spec->in) && set.classes == spec->classes &&
        set.symbols == spec->symbols) {
        *ret = set;
        return OUTCOME_DONE;
    }
    outcome = fail(error, OUTCOME_USAGE,
                   "%s has %zu values, %zu symbols and %zu classes, the model takes %zu, %zu and "
                   "%zu; --data names the set that it was trained on",
                   name, set.d, set.symbols, set.classes, extent_size(spec->in), spec->symbols,
                   spec->classes);
    dataset_clear(&set);
    return outcome;
}

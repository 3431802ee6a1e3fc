/* plain_layer.c - see plain_layer.h. */
#include "learn/plain_layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/tensors.h"

/* Every how many inputs one is kept from the conversion, to judge it. */
enum { JUDGE_EVERY = 5, JUDGE_LEAST = 50 };

/* PREFIX.NAME, or NAME. */
static const struct tensor *find(const struct tensors *file,
                                 const struct plain_layer_request *request, const char *name)
{
    char full[512];
    bool prefix = request->prefix && *request->prefix;
    snprintf(full, sizeof full, "%s%s%s", prefix ? request->prefix : "", prefix ? "." : "", name);
    return tensors_find(file, full);
}

/* The prefixes of what could be linear layers, for an error. */
static void list_layers(const struct tensors *file, char *ret, size_t size)
{
    static const char tail[] = "weight";
    size_t used = 0;
    *ret = '\0';
    for (size_t i = 0; i < tensors_count(file) && used + 80 < size; i++) {
        const struct tensor *t = tensors_at(file, i);
        size_t length = strlen(t->name);
        if (t->dims != 2 || length < sizeof tail ||
            strcmp(t->name + length - strlen(tail), tail) != 0)
            continue;
        used +=
            (size_t)snprintf(ret + used, size - used, "%s%.*s", used ? ", " : "",
                             (int)(length - sizeof tail < 60 ? length - sizeof tail : 60), t->name);
    }
}

static enum outcome floats_of(const struct plain_layer_request *request, const struct tensors *file,
                              const struct tensor *tensor, size_t count, float **ret,
                              struct error *error)
{
    float *floats = count <= SIZE_MAX / sizeof *floats ? calloc(count, sizeof *floats) : NULL;
    if (!floats)
        return fail_memory(error, file_shown(request->weights), 4.0 * (double)count);
    if (tensor && !tensor_floats(tensor, count, floats)) {
        free(floats);
        return file_bad(error, request->weights, tensors_offset(file, tensor),
                        "tensor %.200s has dtype %s, expected F32, BF16, F16 or F64", tensor->name,
                        tensor_type_name(tensor->type));
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(floats[i])) {
            free(floats);
            return file_bad(error, request->weights, tensors_offset(file, tensor),
                            "tensor %.200s: element %zu is not finite", tensor->name, i);
        }
    }
    *ret = floats;
    return OUTCOME_DONE;
}

/* W [n][d] and b [n]; a layer without bias has zeros. */
static enum outcome take_weights(const struct plain_layer_request *request,
                                 const struct tensors *file, struct plain_layer *layer,
                                 struct error *error)
{
    const struct tensor *weight = find(file, request, "weight");
    const struct tensor *bias = find(file, request, "bias");
    char layers[300], shape[TENSOR_TEXT_SIZE];
    list_layers(file, layers, sizeof layers);
    if (!weight)
        return fail(error, OUTCOME_USAGE, "%s: no tensor %.100s%sweight; --prefix may be: %s",
                    file_shown(request->weights), request->prefix ? request->prefix : "",
                    request->prefix ? "." : "", *layers ? layers : "nothing here is linear");
    tensor_shape_text(weight->dims, weight->shape, shape);
    if (weight->dims != 2 || !weight->shape[0] || !weight->shape[1])
        return file_bad(error, request->weights, tensors_offset(file, weight),
                        "tensor %.200s has shape %s, expected [n, d]", weight->name, shape);
    layer->by.n = weight->shape[0];
    layer->by.d = weight->shape[1];
    if (bias && (bias->dims != 1 || bias->shape[0] != layer->by.n))
        return file_bad(error, request->weights, tensors_offset(file, bias),
                        "tensor %.200s does not have one value for each of %zu neurons", bias->name,
                        layer->by.n);
    enum outcome outcome =
        floats_of(request, file, weight, layer->by.n * layer->by.d, &layer->weight, error);
    if (!outcome)
        outcome = floats_of(request, file, bias, layer->by.n, &layer->bias, error);
    layer->by.weight = layer->weight;
    layer->by.bias = layer->bias;
    return outcome;
}

static enum outcome read_weights(const struct plain_layer_request *request,
                                 struct plain_layer *layer, struct error *error)
{
    struct tensors *file = NULL;
    enum outcome outcome = tensors_read(request->weights, &file, error);
    if (!outcome)
        outcome = take_weights(request, file, layer, error);
    tensors_close(file);
    return outcome;
}

static enum outcome read_inputs(const struct plain_layer_request *request,
                                struct plain_layer *layer, struct error *error)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s%s%s", request->inputs, request->tensor ? "#" : "",
                          request->tensor ? request->tensor : "");
    if (length >= (int)sizeof path)
        return fail(error, OUTCOME_USAGE, "--inputs: the path is too long");
    enum outcome outcome = inputs_read(path, 0, &layer->inputs, error);
    if (!outcome && layer->inputs.d != layer->by.d)
        return fail(error, OUTCOME_USAGE, "%s: inputs have %zu values, the layer takes %zu",
                    file_shown(request->inputs), layer->inputs.d, layer->by.d);
    return outcome;
}

static void swap_rows(float *a, float *b, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Move every fifth input to the end, where the judging ones are, if there are enough. */
static void split(struct plain_layer *layer)
{
    size_t d = layer->inputs.d, count = layer->inputs.count, kept = 0;
    layer->by.x = layer->inputs.data;
    layer->by.count = count;
    layer->judged = layer->by;
    if (count < JUDGE_LEAST)
        return;
    for (size_t i = 0; i < count; i++)
        if (i % JUDGE_EVERY != JUDGE_EVERY - 1)
            swap_rows(layer->inputs.data + kept++ * d, layer->inputs.data + i * d, d);
    layer->by.count = kept;
    layer->judged.x = layer->inputs.data + kept * d;
    layer->judged.count = count - kept;
}

void plain_layer_clear(struct plain_layer *layer)
{
    free(layer->weight);
    free(layer->bias);
    free(layer->inputs.data);
    *layer = (struct plain_layer){.weight = NULL};
}

enum outcome plain_layer_read(const struct plain_layer_request *request, struct plain_layer *ret,
                              struct error *error)
{
    struct plain_layer layer = {.weight = NULL};
    enum outcome outcome = read_weights(request, &layer, error);
    if (!outcome)
        outcome = read_inputs(request, &layer, error);
    if (!outcome)
        split(&layer);
    if (outcome)
        plain_layer_clear(&layer);
    else
        *ret = layer;
    return outcome;
}

/* layer_file.c - layers as safetensors: which tensors there are, what they are called, how they
 * fit.
 *
 * One table serves reading and writing. A tensor's shape is spelled in the letters of midl.h; the
 * numbers behind the letters come from the tensors that fix them (n and d from full.weight, r from
 * light.down.weight, rg from gate.down.weight), and then every tensor is held against its row. */
#include "data/layer_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/file.h"
#include "data/tensors.h"

#define GATE_BIT(gate) (1u << (gate))
#define EVERY_GATE                                                                                 \
    (GATE_BIT(MIDL_GATE_FULL) | GATE_BIT(MIDL_GATE_LOWRANK) | GATE_BIT(MIDL_GATE_SHARED))

struct slot {
    const char *name;
    const char *dims; /* letters: d n r, g for rg */
    unsigned gates;   /* the gate kinds that have it */
    size_t place;     /* of its pointer in struct midl_layer */
};

static const struct slot slots[] = {
    {"full.weight", "nd", EVERY_GATE, offsetof(struct midl_layer, full_weight)},
    {"full.bias", "n", EVERY_GATE, offsetof(struct midl_layer, full_bias)},
    {"light.down.weight", "rd", EVERY_GATE, offsetof(struct midl_layer, light_down)},
    {"light.up.weight", "nr", EVERY_GATE, offsetof(struct midl_layer, light_up)},
    {"light.up.bias", "n", EVERY_GATE, offsetof(struct midl_layer, light_bias)},
    {"gate.weight", "nd", GATE_BIT(MIDL_GATE_FULL), offsetof(struct midl_layer, gate_weight)},
    {"gate.bias", "n", GATE_BIT(MIDL_GATE_FULL), offsetof(struct midl_layer, gate_bias)},
    {"gate.down.weight", "gd", GATE_BIT(MIDL_GATE_LOWRANK), offsetof(struct midl_layer, gate_down)},
    {"gate.up.weight", "ng", GATE_BIT(MIDL_GATE_LOWRANK), offsetof(struct midl_layer, gate_up)},
    {"gate.up.weight", "nr", GATE_BIT(MIDL_GATE_SHARED), offsetof(struct midl_layer, gate_up)},
    {"gate.up.bias", "n", GATE_BIT(MIDL_GATE_LOWRANK) | GATE_BIT(MIDL_GATE_SHARED),
     offsetof(struct midl_layer, gate_bias)},
};

#define SLOTS (sizeof slots / sizeof *slots)

/* Biases of the down-projections, which nn.Linear has by default: U (V x + a) + c is U V x + c'
 * with c' = U a + c, so that no kernel needs them. */
static const struct slot light_down_bias = {.name = "light.down.bias", .dims = "r"};
static const struct slot gate_down_bias = {.name = "gate.down.bias", .dims = "g"};

static bool slot_used(const struct slot *slot, enum midl_gate gate)
{
    return (slot->gates & GATE_BIT(gate)) != 0;
}

static const float **slot_pointer(const struct slot *slot, struct midl_layer *layer)
{
    return (const float **)(void *)((char *)layer + slot->place);
}

static const float *slot_array(const struct slot *slot, const struct midl_layer *layer)
{
    return *(const float *const *)(const void *)((const char *)layer + slot->place);
}

/* The shape that the slot must have; returns its elements. */
static size_t slot_shape(const struct slot *slot, const struct midl_shape *shape, size_t ret[2])
{
    size_t elements = 1;
    for (size_t i = 0; slot->dims[i]; i++) {
        char letter = slot->dims[i];
        ret[i] = letter == 'n'   ? shape->n
                 : letter == 'd' ? shape->d
                 : letter == 'r' ? shape->r
                                 : shape->rg;
        elements *= ret[i];
    }
    return elements;
}

/* ---- Reading --------------------------------------------------------------------------------- */

struct layer_reader {
    const char *path;
    const char *prefix; /* of every name: "" or "model.layers.3.mlp" */
    const struct tensors *file;
    struct error *error;
};

#define TENSOR_NAME_MAX 512

/* The name in the file of a tensor that the table calls `name`. */
static const char *full_name(const struct layer_reader *r, const char *name,
                             char ret[TENSOR_NAME_MAX])
{
    snprintf(ret, TENSOR_NAME_MAX, "%s%s%s", r->prefix, *r->prefix ? "." : "", name);
    return ret;
}

static const struct tensor *find(const struct layer_reader *r, const char *name)
{
    char full[TENSOR_NAME_MAX];
    return tensors_find(r->file, full_name(r, name, full));
}

/* The name behind the prefix, NULL if the tensor's name doesn't begin with it. */
static const char *behind_prefix(const struct layer_reader *r, const char *name)
{
    size_t length = strlen(r->prefix);
    if (length == 0)
        return name;
    return strncmp(name, r->prefix, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

/* Describe what a file without a layer under the prefix holds: the prefix that would find one, or
 * its first names. */
static void describe(const struct layer_reader *r, char *ret, size_t size)
{
    static const char tail[] = ".full.weight";
    size_t count = tensors_count(r->file);
    for (size_t i = 0; i < count; i++) {
        const char *name = tensors_at(r->file, i)->name;
        size_t length = strlen(name);
        if (length <= strlen(tail) || strcmp(name + length - strlen(tail), tail) != 0)
            continue;
        snprintf(ret, size, "a layer stands under --prefix %.*s", (int)(length - strlen(tail)),
                 name);
        return;
    }
    snprintf(ret, size, count ? "it holds " : "it holds no tensor");
    for (size_t i = 0; i < count && i < 3; i++)
        append_text(ret, size, "%s%.60s", i ? ", " : "", tensors_at(r->file, i)->name);
    if (count > 3)
        append_text(ret, size, " and %zu more", count - 3);
}

/* Rows and columns of a matrix that fixes what the letters stand for. */
static enum outcome matrix(const struct layer_reader *r, const char *name, size_t *ret_rows,
                           size_t *ret_columns)
{
    const struct tensor *tensor = find(r, name);
    char shape[TENSOR_TEXT_SIZE], full[TENSOR_NAME_MAX], there[300];
    if (!tensor) {
        describe(r, there, sizeof there);
        return fail(r->error, OUTCOME_USAGE, "%s: no tensor %.200s: not a MID-L layer; %s",
                    file_shown(r->path), full_name(r, name, full), there);
    }
    if (tensor->dims != 2) {
        tensor_shape_text(tensor->dims, tensor->shape, shape);
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %.200s has shape %s, expected two dimensions",
                        full_name(r, name, full), shape);
    }
    *ret_rows = tensor->shape[0];
    *ret_columns = tensor->shape[1];
    return OUTCOME_DONE;
}

/* The gate kind, from the tensors that only one kind has. */
static enum outcome find_gate(const struct layer_reader *r, enum midl_gate *ret)
{
    const char *full = find(r, "gate.weight") ? "gate.weight"
                       : find(r, "gate.bias") ? "gate.bias"
                                              : NULL;
    const char *other = find(r, "gate.down.weight") ? "gate.down.weight"
                        : find(r, "gate.up.weight") ? "gate.up.weight"
                        : find(r, "gate.up.bias")   ? "gate.up.bias"
                                                    : NULL;
    if (full && other)
        return fail(r->error, OUTCOME_USAGE,
                    "%s: two gates: %s belongs to a full gate, %s to a low-rank or shared one",
                    file_shown(r->path), full, other);
    if (!full && !other)
        return fail(r->error, OUTCOME_USAGE,
                    "%s: no gate: expected gate.weight, or gate.up.weight with or without "
                    "gate.down.weight",
                    file_shown(r->path));
    *ret = full                          ? MIDL_GATE_FULL
           : find(r, "gate.down.weight") ? MIDL_GATE_LOWRANK
                                         : MIDL_GATE_SHARED;
    return OUTCOME_DONE;
}

static bool known(const char *name, enum midl_gate gate)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (slot_used(&slots[i], gate) && strcmp(slots[i].name, name) == 0)
            return true;
    return strcmp(name, light_down_bias.name) == 0 ||
           (gate == MIDL_GATE_LOWRANK && strcmp(name, gate_down_bias.name) == 0);
}

/* Refuse a tensor that belongs to the layer by its name and isn't read: leaving it out would change
 * what the layer computes. */
static enum outcome check_names(const struct layer_reader *r, enum midl_gate gate)
{
    for (size_t i = 0; i < tensors_count(r->file); i++) {
        const struct tensor *tensor = tensors_at(r->file, i);
        const char *name = behind_prefix(r, tensor->name);
        if (!name || known(name, gate))
            continue;
        if (strncmp(name, "full.", 5) == 0 || strncmp(name, "light.", 6) == 0 ||
            strncmp(name, "gate.", 5) == 0)
            return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                            "tensor %.200s is no part of a MID-L layer with a %s gate: remove or "
                            "rename it",
                            tensor->name, midl_gate_name(gate));
    }
    return OUTCOME_DONE;
}

static enum outcome bad_metadata(const struct layer_reader *r, const char *key, const char *value,
                                 const char *expected)
{
    return fail(r->error, OUTCOME_USAGE, "%s: metadata %s = \"%.40s\", expected %s",
                file_shown(r->path), key, value, expected);
}

/* The metadata `key` of this layer: PREFIX.key, or the file's own. */
static const char *metadata(const struct layer_reader *r, const char *key)
{
    char full[TENSOR_NAME_MAX];
    const char *text = tensors_metadata(r->file, full_name(r, key, full));
    return text ? text : tensors_metadata(r->file, key);
}

/* A whole number in the metadata; *ret stays if the key isn't there. */
static enum outcome metadata_size(const struct layer_reader *r, const char *key, size_t *ret)
{
    const char *text = metadata(r, key);
    char *end;
    if (!text)
        return OUTCOME_DONE;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || value > SIZE_MAX)
        return bad_metadata(r, key, text, "a whole number");
    *ret = (size_t)value;
    return OUTCOME_DONE;
}

/* k/n = 0.45, which the paper reports; under block selection in whole blocks. */
static size_t default_k(const struct midl_shape *shape)
{
    size_t unit = shape->select == MIDL_SELECT_BLOCK && shape->block ? shape->block : 1;
    return (size_t)floor(0.45 * (double)shape->n / (double)unit + 0.5) * unit;
}

static enum outcome read_metadata(const struct layer_reader *r, struct midl_shape *shape)
{
    const char *select = metadata(r, "select");
    const char *unselected = metadata(r, "unselected");
    const char *threshold = metadata(r, "threshold");
    enum outcome outcome;
    char *end;

    if (select && !midl_select_parse(select, &shape->select))
        return bad_metadata(r, "select", select, "topk, block or threshold");
    if (unselected && !midl_unselected_parse(unselected, &shape->unselected))
        return bad_metadata(r, "unselected", unselected, "light or zero");
    if (threshold) {
        double value = strtod(threshold, &end);
        if (end == threshold || *end || !(value >= 0 && value < 1))
            return bad_metadata(r, "threshold", threshold, "a number in 0..1, below 1");
        shape->threshold = (float)value;
    }
    if ((outcome = metadata_size(r, "block", &shape->block)) != OUTCOME_DONE)
        return outcome;
    shape->k = default_k(shape);
    return metadata_size(r, "k", &shape->k);
}

/* Everything but the numbers. */
static enum outcome read_shape(const struct layer_reader *r, struct midl_shape *ret)
{
    struct midl_shape shape = {.block = 16, .threshold = 0.5f};
    char reason[MIDL_REASON_SIZE];
    size_t columns;
    enum outcome outcome;
    if ((outcome = matrix(r, "full.weight", &shape.n, &shape.d)) != OUTCOME_DONE ||
        (outcome = matrix(r, "light.down.weight", &shape.r, &columns)) != OUTCOME_DONE ||
        (outcome = find_gate(r, &shape.gate)) != OUTCOME_DONE ||
        (outcome = check_names(r, shape.gate)) != OUTCOME_DONE)
        return outcome;
    if (shape.gate == MIDL_GATE_LOWRANK &&
        (outcome = matrix(r, "gate.down.weight", &shape.rg, &columns)) != OUTCOME_DONE)
        return outcome;
    if ((outcome = read_metadata(r, &shape)) != OUTCOME_DONE)
        return outcome;
    if (midl_shape_check(&shape, reason) != MIDL_OK)
        return fail(r->error, OUTCOME_USAGE, "%s: %s", file_shown(r->path), reason);
    *ret = shape;
    return OUTCOME_DONE;
}

/* The slot's tensor, of the right type and shape. */
static enum outcome find_slot(const struct layer_reader *r, const struct slot *slot,
                              const struct midl_shape *shape, const struct tensor **ret)
{
    const struct tensor *tensor = find(r, slot->name);
    size_t expected[2] = {0}, dims = strlen(slot->dims);
    char got_text[TENSOR_TEXT_SIZE], expected_text[TENSOR_TEXT_SIZE], full[TENSOR_NAME_MAX];

    full_name(r, slot->name, full);
    slot_shape(slot, shape, expected);
    tensor_shape_text(dims, expected, expected_text);
    if (!tensor)
        return fail(r->error, OUTCOME_USAGE, "%s: no tensor %.200s, expected with shape %s",
                    file_shown(r->path), full, expected_text);
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0) {
        tensor_shape_text(tensor->dims, tensor->shape, got_text);
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %.200s has shape %s, expected %s", full, got_text, expected_text);
    }
    if (!tensor_floats(tensor, 0, NULL))
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %.200s has dtype %s, expected F32, BF16, F16 or F64", full,
                        tensor_type_name(tensor->type));
    *ret = tensor;
    return OUTCOME_DONE;
}

/* The bias of a down-projection of `rank` rows, NULL if the file has none; free() it. */
static enum outcome read_down_bias(const struct layer_reader *r, const struct slot *slot,
                                   const struct midl_shape *shape, float **ret)
{
    const struct tensor *tensor;
    size_t dims[2], rank = slot_shape(slot, shape, dims);
    *ret = NULL;
    if (!find(r, slot->name))
        return OUTCOME_DONE;
    enum outcome outcome = find_slot(r, slot, shape, &tensor);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!(*ret = malloc(rank * sizeof **ret)))
        return fail_memory(r->error, file_shown(r->path), (double)rank * sizeof **ret);
    tensor_floats(tensor, rank, *ret);
    return OUTCOME_DONE;
}

/* bias += up a, in double. up: [n][rank]. */
static void fold(const float *up, const float *a, size_t n, size_t rank, const float *bias)
{
    float *folded = (float *)(uintptr_t)bias; /* the layer's memory, which this file owns */
    for (size_t j = 0; j < n; j++) {
        double sum = (double)bias[j];
        for (size_t i = 0; i < rank; i++)
            sum += (double)up[j * rank + i] * (double)a[i];
        folded[j] = (float)sum;
    }
}

static enum outcome fold_down_biases(const struct layer_reader *r, const struct midl_layer *layer)
{
    const struct midl_shape *shape = &layer->shape;
    float *light = NULL, *gate = NULL;
    enum outcome outcome = read_down_bias(r, &light_down_bias, shape, &light);
    if (outcome == OUTCOME_DONE && shape->gate == MIDL_GATE_LOWRANK)
        outcome = read_down_bias(r, &gate_down_bias, shape, &gate);
    if (outcome == OUTCOME_DONE && light)
        fold(layer->light_up, light, shape->n, shape->r, layer->light_bias);
    if (outcome == OUTCOME_DONE && light && shape->gate == MIDL_GATE_SHARED)
        fold(layer->gate_up, light, shape->n, shape->r, layer->gate_bias);
    if (outcome == OUTCOME_DONE && gate)
        fold(layer->gate_up, gate, shape->n, shape->rg, layer->gate_bias);
    free(light);
    free(gate);
    return outcome;
}

/* Floats that an array takes in the layer's memory: each begins at a multiple of 64 bytes. */
static size_t padded(size_t elements)
{
    return (elements + 15) / 16 * 16;
}

static enum outcome read_arrays(const struct layer_reader *r, struct midl_layer *layer,
                                void **ret_owned)
{
    const struct tensor *found[SLOTS] = {NULL};
    size_t floats = 0, shape[2];
    enum outcome outcome;
    void *memory;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!slot_used(&slots[i], layer->shape.gate))
            continue;
        if ((outcome = find_slot(r, &slots[i], &layer->shape, &found[i])) != OUTCOME_DONE)
            return outcome;
        floats += padded(slot_shape(&slots[i], &layer->shape, shape));
    }
    if (posix_memalign(&memory, 64, floats * sizeof(float)) != 0)
        return fail_memory(r->error, file_shown(r->path), (double)floats * sizeof(float));
    float *at = memory;
    for (size_t i = 0; i < SLOTS; i++) {
        if (!found[i])
            continue;
        size_t elements = slot_shape(&slots[i], &layer->shape, shape);
        tensor_floats(found[i], elements, at);
        *slot_pointer(&slots[i], layer) = at;
        at += padded(elements);
    }
    if ((outcome = fold_down_biases(r, layer)) == OUTCOME_DONE)
        *ret_owned = memory;
    else
        free(memory);
    return outcome;
}

enum outcome layer_read(const char *path, struct midl_layer *ret_layer, void **ret_owned,
                        struct error *error)
{
    struct tensors *file = NULL;
    struct midl_layer layer = {.full_weight = NULL};
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    const char *prefix = file_part(path);
    struct layer_reader r = {
        .path = path, .prefix = prefix ? prefix : "", .file = file, .error = error};
    if ((outcome = read_shape(&r, &layer.shape)) == OUTCOME_DONE &&
        (outcome = read_arrays(&r, &layer, ret_owned)) == OUTCOME_DONE)
        *ret_layer = layer;
    tensors_close(file);
    return outcome;
}

/* ---- Writing --------------------------------------------------------------------------------- */

enum outcome layer_write(const char *path, const struct midl_layer *layer,
                         const struct tensor *more, struct error *error)
{
    const struct midl_shape *shape = &layer->shape;
    struct tensor tensors[SLOTS + 1];
    struct tensor_meta meta[5];
    char k[24], block[24], threshold[32];
    size_t count = 0, meta_count = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        if (!slot_used(&slots[i], shape->gate))
            continue;
        struct tensor tensor = {.name = slots[i].name,
                                .type = TENSOR_F32,
                                .dims = strlen(slots[i].dims),
                                .data = slot_array(&slots[i], layer)};
        tensor.bytes = slot_shape(&slots[i], shape, tensor.shape) * sizeof(float);
        tensors[count++] = tensor;
    }
    snprintf(k, sizeof k, "%zu", shape->k);
    meta[meta_count++] = (struct tensor_meta){"format", "midl"};
    meta[meta_count++] = (struct tensor_meta){"k", k};
    meta[meta_count++] = (struct tensor_meta){"select", midl_select_name(shape->select)};
    meta[meta_count++] =
        (struct tensor_meta){"unselected", midl_unselected_name(shape->unselected)};
    if (shape->select == MIDL_SELECT_BLOCK) {
        snprintf(block, sizeof block, "%zu", shape->block);
        meta[meta_count++] = (struct tensor_meta){"block", block};
    } else if (shape->select == MIDL_SELECT_THRESHOLD) {
        snprintf(threshold, sizeof threshold, "%.9g", (double)shape->threshold);
        meta[meta_count++] = (struct tensor_meta){"threshold", threshold};
    }
    if (more)
        tensors[count++] = *more;
    return tensors_write(path, tensors, count, meta, meta_count, error);
}

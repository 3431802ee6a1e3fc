/* layer_file.c - layers as safetensors: which tensors there are, what they are called, how they
 * fit.
 *
 * One table serves reading and writing. A tensor's shape is spelled in the letters of midl.h; the
 * numbers behind the letters come from the tensors that fix them (n and d from full.weight, r from
 * light.down.weight, rg from gate.down.weight), and then every tensor is held against its row. */
#include "data/tensors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

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
    const struct tensors *file;
    struct error *error;
};

/* Rows and columns of a matrix that fixes what the letters stand for. */
static enum outcome matrix(const struct layer_reader *r, const char *name, size_t *ret_rows,
                           size_t *ret_columns)
{
    const struct tensor *tensor = tensors_find(r->file, name);
    char shape[TENSOR_TEXT_SIZE];
    if (!tensor)
        return fail(r->error, OUTCOME_USAGE, "%s: no tensor %s: not a MID-L layer",
                    file_shown(r->path), name);
    if (tensor->dims != 2) {
        tensor_shape_text(tensor->dims, tensor->shape, shape);
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %s has shape %s, expected two dimensions", name, shape);
    }
    *ret_rows = tensor->shape[0];
    *ret_columns = tensor->shape[1];
    return OUTCOME_DONE;
}

/* The gate kind, from the tensors that only one kind has. */
static enum outcome find_gate(const struct layer_reader *r, enum midl_gate *ret)
{
    const char *full = tensors_find(r->file, "gate.weight") ? "gate.weight"
                       : tensors_find(r->file, "gate.bias") ? "gate.bias"
                                                            : NULL;
    const char *other = tensors_find(r->file, "gate.down.weight") ? "gate.down.weight"
                        : tensors_find(r->file, "gate.up.weight") ? "gate.up.weight"
                        : tensors_find(r->file, "gate.up.bias")   ? "gate.up.bias"
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
    *ret = full                                        ? MIDL_GATE_FULL
           : tensors_find(r->file, "gate.down.weight") ? MIDL_GATE_LOWRANK
                                                       : MIDL_GATE_SHARED;
    return OUTCOME_DONE;
}

static enum outcome bad_metadata(const struct layer_reader *r, const char *key, const char *value,
                                 const char *expected)
{
    return fail(r->error, OUTCOME_USAGE, "%s: metadata %s = \"%.40s\", expected %s",
                file_shown(r->path), key, value, expected);
}

/* A whole number in the metadata; *ret stays if the key isn't there. */
static enum outcome metadata_size(const struct layer_reader *r, const char *key, size_t *ret)
{
    const char *text = tensors_metadata(r->file, key);
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
    const char *select = tensors_metadata(r->file, "select");
    const char *unselected = tensors_metadata(r->file, "unselected");
    const char *threshold = tensors_metadata(r->file, "threshold");
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
        (outcome = find_gate(r, &shape.gate)) != OUTCOME_DONE)
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
    const struct tensor *tensor = tensors_find(r->file, slot->name);
    size_t expected[2] = {0}, dims = strlen(slot->dims);
    char got_text[TENSOR_TEXT_SIZE], expected_text[TENSOR_TEXT_SIZE];

    slot_shape(slot, shape, expected);
    tensor_shape_text(dims, expected, expected_text);
    if (!tensor)
        return fail(r->error, OUTCOME_USAGE, "%s: no tensor %s, expected with shape %s",
                    file_shown(r->path), slot->name, expected_text);
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0) {
        tensor_shape_text(tensor->dims, tensor->shape, got_text);
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %s has shape %s, expected %s", slot->name, got_text, expected_text);
    }
    if (!tensor_floats(tensor, 0, NULL))
        return file_bad(r->error, r->path, tensors_offset(r->file, tensor),
                        "tensor %s has dtype %s, expected F32, BF16, F16 or F64", slot->name,
                        tensor_type_name(tensor->type));
    *ret = tensor;
    return OUTCOME_DONE;
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
    *ret_owned = memory;
    return OUTCOME_DONE;
}

enum outcome layer_read(const char *path, struct midl_layer *ret_layer, void **ret_owned,
                        struct error *error)
{
    struct tensors *file = NULL;
    struct midl_layer layer = {.full_weight = NULL};
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    struct layer_reader r = {.path = path, .file = file, .error = error};
    if ((outcome = read_shape(&r, &layer.shape)) == OUTCOME_DONE &&
        (outcome = read_arrays(&r, &layer, ret_owned)) == OUTCOME_DONE)
        *ret_layer = layer;
    tensors_close(file);
    return outcome;
}

/* ---- Writing --------------------------------------------------------------------------------- */

enum outcome layer_write(const char *path, const struct midl_layer *layer, struct error *error)
{
    const struct midl_shape *shape = &layer->shape;
    struct tensor tensors[SLOTS];
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
    return tensors_write(path, tensors, count, meta, meta_count, error);
}

/* checkpoint.c - a safetensors file: arrays as tensors, numbers as metadata in hexadecimal. */
#include "learn/checkpoint.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "data/tensors.h"

static const char format_name[] = "midl-checkpoint";

/* Another training may have removed the folder, as empty. What goes wrong shows when the file is
 * written. */
static void make_folder_of(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    struct error error;
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof folder)
        return;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    (void)folder_make(folder, &error);
}

enum outcome checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                              struct error *error)
{
    struct tensor tensors[CHECKPOINT_ARRAYS];
    struct tensor_meta meta[3 + CHECKPOINT_COUNTERS];
    char step[24], names[CHECKPOINT_COUNTERS][12], values[CHECKPOINT_COUNTERS][40];
    size_t count = 0;
    for (size_t i = 0; i < CHECKPOINT_ARRAYS; i++) {
        const struct checkpoint_array *array = &checkpoint->arrays[i];
        if (array->count)
            tensors[count++] = (struct tensor){.name = array->name,
                                               .type = array->size == 8 ? TENSOR_F64 : TENSOR_F32,
                                               .dims = 1,
                                               .shape = {array->count},
                                               .data = array->data,
                                               .bytes = array->count * array->size};
    }
    snprintf(step, sizeof step, "%" PRIu64, checkpoint->step);
    meta[0] = (struct tensor_meta){"format", format_name};
    meta[1] = (struct tensor_meta){"key", checkpoint->key};
    meta[2] = (struct tensor_meta){"step", step};
    for (size_t i = 0; i < CHECKPOINT_COUNTERS; i++) {
        snprintf(names[i], sizeof names[i], "counter%zu", i);
        snprintf(values[i], sizeof values[i], "%a", checkpoint->counters[i]);
        meta[3 + i] = (struct tensor_meta){names[i], values[i]};
    }
    make_folder_of(path);
    return tensors_write(path, tensors, count, meta, 3 + CHECKPOINT_COUNTERS, error);
}

static enum outcome read_arrays(const char *path, const struct tensors *file,
                                const struct checkpoint *checkpoint, bool copy, struct error *error)
{
    for (size_t i = 0; i < CHECKPOINT_ARRAYS; i++) {
        const struct checkpoint_array *array = &checkpoint->arrays[i];
        const struct tensor *tensor = array->count ? tensors_find(file, array->name) : NULL;
        enum tensor_type type = array->size == 8 ? TENSOR_F64 : TENSOR_F32;
        if (!array->count)
            continue;
        if (!tensor || tensor->type != type || tensor->bytes != array->count * array->size)
            return fail(error, OUTCOME_USAGE,
                        "%s: tensor %s is not that of this run; remove the file to start anew",
                        file_shown(path), array->name);
        if (copy)
            memcpy(array->data, tensor->data, tensor->bytes);
    }
    return OUTCOME_DONE;
}

static enum outcome read_numbers(const char *path, const struct tensors *file,
                                 struct checkpoint *checkpoint, struct error *error)
{
    const char *format = tensors_metadata(file, "format"), *key = tensors_metadata(file, "key");
    const char *step = tensors_metadata(file, "step");
    double counters[CHECKPOINT_COUNTERS];
    char *step_end = NULL;
    bool ok = format && strcmp(format, format_name) == 0 && step && isdigit((unsigned char)*step);
    uint64_t steps = ok ? strtoull(step, &step_end, 10) : 0;
    ok = ok && !*step_end;
    for (size_t i = 0; i < CHECKPOINT_COUNTERS && ok; i++) {
        char name[12], *end;
        snprintf(name, sizeof name, "counter%zu", i);
        const char *value = tensors_metadata(file, name);
        counters[i] = value ? strtod(value, &end) : 0;
        ok = value && *value && !*end && isfinite(counters[i]);
    }
    if (!ok)
        return fail(error, OUTCOME_USAGE, "%s: not a checkpoint of midl; remove it to start anew",
                    file_shown(path));
    if (!key || strcmp(key, checkpoint->key) != 0)
        return fail(error, OUTCOME_USAGE,
                    "%s: a checkpoint of another run (%.100s); remove it to start anew",
                    file_shown(path), key ? key : "");
    checkpoint->step = steps;
    memcpy(checkpoint->counters, counters, sizeof counters);
    return OUTCOME_DONE;
}

enum outcome checkpoint_read(const char *path, struct checkpoint *checkpoint, bool *ret_found,
                             struct error *error)
{
    struct tensors *file = NULL;
    *ret_found = access(path, F_OK) == 0;
    if (!*ret_found)
        return OUTCOME_DONE;
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome)
        return fail(error, outcome, "%s; remove it to start anew", error->text);
    outcome = read_arrays(path, file, checkpoint, false, error);
    if (!outcome)
        outcome = read_numbers(path, file, checkpoint, error);
    if (!outcome)
        outcome = read_arrays(path, file, checkpoint, true, error);
    tensors_close(file);
    return outcome;
}

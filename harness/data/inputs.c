/* inputs.c - batches of inputs from files, told by what they hold: safetensors, idx, idx in gzip.
 */
#include "data/inputs.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "data/idx.h"
#include "data/tensors.h"

/* ---- idx ------------------------------------------------------------------------------------- */

static enum outcome read_idx(const char *path, size_t limit, struct inputs *ret,
                             struct error *error)
{
    struct idx idx;
    enum outcome outcome = idx_read(path, IDX_IMAGES, limit, &idx, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    struct inputs inputs = {.count = idx.count, .d = idx.rows * idx.columns};
    size_t elements = inputs.count * inputs.d;
    if ((inputs.data = malloc(elements * sizeof *inputs.data))) {
        for (size_t i = 0; i < elements; i++)
            inputs.data[i] = (float)idx.bytes[i] / 255.0f;
        *ret = inputs;
    } else {
        outcome = fail_memory(error, file_shown(path), (double)elements * sizeof *inputs.data);
    }
    free(idx.bytes);
    return outcome;
}

/* ---- safetensors ----------------------------------------------------------------------------- */

/* The tensor of the inputs, usable: *ret. Its last dimension is d, the others make the batch. */
static enum outcome find_inputs(const char *path, const struct tensors *file,
                                const struct tensor **ret, size_t *ret_count, struct error *error)
{
    const char *part = file_part(path), *name = part ? part : "x";
    const struct tensor *x = tensors_find(file, name);
    char shape[TENSOR_TEXT_SIZE];
    size_t count = 1;
    if (!x)
        return fail(error, OUTCOME_USAGE, "%s: no tensor %.80s among the %zu in it%s%.80s",
                    file_shown(path), name, tensors_count(file),
                    tensors_count(file) ? ", the first is " : "",
                    tensors_count(file) ? tensors_at(file, 0)->name : "");
    tensor_shape_text(x->dims, x->shape, shape);
    if (x->dims < 2 || x->dims > TENSOR_DIMS || x->bytes == 0)
        return file_bad(error, path, tensors_offset(file, x),
                        "tensor %.80s has shape %s, expected [.., d], all at least 1", name, shape);
    if (!tensor_floats(x, 0, NULL))
        return file_bad(error, path, tensors_offset(file, x),
                        "tensor %.80s has dtype %s, expected F32, BF16, F16 or F64", name,
                        tensor_type_name(x->type));
    for (size_t i = 0; i + 1 < x->dims; i++)
        count *= x->shape[i];
    *ret = x;
    *ret_count = count;
    return OUTCOME_DONE;
}

static enum outcome read_tensors(const char *path, size_t limit, struct inputs *ret,
                                 struct error *error)
{
    struct inputs inputs = {.data = NULL};
    struct tensors *file = NULL;
    const struct tensor *x = NULL;
    size_t count = 0;
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if ((outcome = find_inputs(path, file, &x, &count, error)) != OUTCOME_DONE)
        goto cleanup;
    inputs.count = limit && limit < count ? limit : count;
    inputs.d = x->shape[x->dims - 1];
    size_t elements = inputs.count * inputs.d;
    if (!(inputs.data = malloc(elements * sizeof *inputs.data))) {
        outcome = fail_memory(error, file_shown(path), (double)elements * sizeof *inputs.data);
        goto cleanup;
    }
    tensor_floats(x, elements, inputs.data);
    for (size_t i = 0; i < elements; i++) {
        if (isfinite(inputs.data[i]))
            continue;
        outcome =
            file_bad(error, path, tensors_offset(file, x) + i * (tensor_type_bits(x->type) / 8),
                     "%.80s[%zu][%zu] is %f; inputs must be finite", x->name, i / inputs.d,
                     i % inputs.d, (double)inputs.data[i]);
        goto cleanup;
    }
    *ret = inputs;
    inputs.data = NULL;
cleanup:
    free(inputs.data);
    tensors_close(file);
    return outcome;
}

/* ---- Which of them --------------------------------------------------------------------------- */

/* The first bytes of a file; zeros where it is shorter. */
static enum outcome first_bytes(const char *path, unsigned char *ret, size_t bytes,
                                size_t *ret_bytes, struct error *error)
{
    int fd;
    uint64_t file_bytes;
    enum outcome outcome = file_open(path, &fd, &file_bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    *ret_bytes = file_bytes < bytes ? (size_t)file_bytes : bytes;
    outcome = file_read(fd, path, 0, ret, *ret_bytes, error);
    close(fd);
    return outcome;
}

/* A safetensors header begins with '{' after its length; no idx or gzip file has one there. */
enum outcome inputs_read(const char *path, size_t limit, struct inputs *ret, struct error *error)
{
    unsigned char start[9] = {0};
    size_t bytes = 0;
    enum outcome outcome = first_bytes(path, start, sizeof start, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (start[8] == '{')
        return read_tensors(path, limit, ret, error);
    if (bytes == 0)
        return file_bad(error, path, 0, "the file is empty");
    if ((start[0] == 0x1f && start[1] == 0x8b) || idx_begins(start))
        return read_idx(path, limit, ret, error);
    return file_bad(error, path, 0,
                    "neither safetensors nor idx nor gzip: begins with %02x %02x %02x %02x",
                    start[0], start[1], start[2], start[3]);
}

/* tensors.h - safetensors files: named arrays. Reading trusts nothing; writing is all or nothing.
 *
 * Layout: 8 bytes little-endian header length N, N bytes of JSON, raw little-endian data. Checked
 * on reading: length against file size (and at most 100 MB), JSON syntax, dtype, shape product and
 * overflow, offsets in bounds, in agreement with the shape, not overlapping, without holes.
 * Errors name file, offset and reason.
 */
#ifndef MIDL_TENSORS_H
#define MIDL_TENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "midl.h"

enum tensor_type { TENSOR_F32, TENSOR_BF16, TENSOR_F16, TENSOR_F64, TENSOR_I32, TENSOR_I64, TENSOR_U8 };

#define TENSOR_DIMS 4

struct tensor {
    char name[128];
    enum tensor_type type;
    size_t dims, shape[TENSOR_DIMS];
    const void *data; /* in the file's buffer, or the caller's when writing */
    size_t bytes;
};

struct tensors; /* an open file, wholly in memory */

enum outcome tensors_read(const char *path, struct tensors **ret, struct error *error);
void tensors_close(struct tensors *tensors); /* accepts NULL */
const struct tensor *tensors_find(const struct tensors *tensors, const char *name); /* or NULL */
size_t tensors_count(const struct tensors *tensors);
const struct tensor *tensors_at(const struct tensors *tensors, size_t i);
const char *tensors_metadata(const struct tensors *tensors, const char *key); /* or NULL */

struct tensor_meta {
    const char *key, *value;
};

/* Write to a temporary file beside `path`, then rename: the old file survives any failure. */
enum outcome tensors_write(const char *path, const struct tensor *tensors, size_t count,
                           const struct tensor_meta *meta, size_t meta_count, struct error *error);

/* A layer from a file (SPEC names; F32 or BF16, widened). Shape and gate kind follow from the
 * tensors present; k, select, unselected from the metadata if present, else k = 0.45 n rounded,
 * topk, light. The arrays belong to *ret_owned: free() it after the last plan. */
enum outcome layer_read(const char *path, struct midl_layer *ret_layer, void **ret_owned,
                        struct error *error);
enum outcome layer_write(const char *path, const struct midl_layer *layer, struct error *error);

#endif

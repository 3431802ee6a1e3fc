/* tensors.h - safetensors files: named arrays. Reading trusts nothing; writing is all or nothing.
 *
 * Layout: 8 bytes little-endian header length N, N bytes of JSON, raw little-endian data. Checked
 * on reading: length against file size (and at most 100 MB), UTF-8 and JSON syntax, each name once,
 * dtype, shape product and overflow, offsets in bounds, in agreement with the shape, not
 * overlapping, without holes. Errors name file, offset and reason.
 */
#ifndef MIDL_TENSORS_H
#define MIDL_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "midl.h"

/* Every dtype of the format: name in the file and bits of an element. We compute with F32, BF16,
 * F16 and F64 and write I32; the others must not make a file of another program unreadable. */
/* clang-format off */
#define TENSOR_TYPES(ROW)                                                                          \
    ROW(F32, 32) ROW(BF16, 16) ROW(F16, 16) ROW(F64, 64) ROW(I32, 32) ROW(I64, 64) ROW(U8, 8)      \
    ROW(BOOL, 8) ROW(I8, 8) ROW(I16, 16) ROW(U16, 16) ROW(U32, 32) ROW(U64, 64) ROW(C64, 64)       \
    ROW(F4, 4) ROW(F6_E2M3, 6) ROW(F6_E3M2, 6) ROW(F8_E4M3, 8) ROW(F8_E5M2, 8) ROW(F8_E8M0, 8)     \
    ROW(F8_E4M3FNUZ, 8) ROW(F8_E5M2FNUZ, 8)
/* clang-format on */

#define TENSOR_ROW(name, bits) TENSOR_##name,
enum tensor_type { TENSOR_TYPES(TENSOR_ROW) };
#undef TENSOR_ROW

const char *tensor_type_name(enum tensor_type type);
size_t tensor_type_bits(enum tensor_type type);

#define TENSOR_DIMS 8

struct tensor {
    const char *name; /* in the file's memory, or the caller's when writing */
    enum tensor_type type;
    size_t dims;               /* 0: a scalar */
    size_t shape[TENSOR_DIMS]; /* the first ones, should a file have more dims */
    const void *data;          /* in the file's memory, or the caller's when writing; when read, not
                                * aligned for its type unless the file says so: use memcpy */
    size_t bytes;
};

/* "[2, 3]"; "[]" for a scalar. */
#define TENSOR_TEXT_SIZE 200
void tensor_shape_text(size_t dims, const size_t *shape, char ret[TENSOR_TEXT_SIZE]);

/* Widen `count` elements from the first on to floats. False if the type isn't F32, BF16, F16 or
 * F64. A value too large for a float becomes infinite. */
bool tensor_floats(const struct tensor *tensor, size_t count, float *ret);

struct tensors; /* an open file, wholly in memory */

enum outcome tensors_read(const char *path, struct tensors **ret, struct error *error);
void tensors_close(struct tensors *tensors); /* accepts NULL */
const struct tensor *tensors_find(const struct tensors *tensors, const char *name); /* or NULL */
size_t tensors_count(const struct tensors *tensors);
const struct tensor *tensors_at(const struct tensors *tensors, size_t i); /* in order of names */
const char *tensors_metadata(const struct tensors *tensors, const char *key); /* or NULL */

/* Find where the tensor's data stands in the file, in bytes. */
uint64_t tensors_offset(const struct tensors *tensors, const struct tensor *tensor);

struct tensor_meta {
    const char *key, *value;
};

/* Write to a temporary file beside `path`, then rename: the old file survives any failure. The data
 * stands in the order given. */
enum outcome tensors_write(const char *path, const struct tensor *tensors, size_t count,
                           const struct tensor_meta *meta, size_t meta_count, struct error *error);

#endif

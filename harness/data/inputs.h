/* inputs.h - batches of real inputs: safetensors `x` [.., d], or MNIST idx (plain or gzip). */
#ifndef MIDL_INPUTS_H
#define MIDL_INPUTS_H

#include <stddef.h>

#include "base/error.h"

/* Rows of floats. idx bytes become value / 255. Free data with free(). */
struct inputs {
    float *data; /* [count][d] */
    size_t count, d;
};

/* Read at most `limit` rows (0: all). The format is told by content, not by name: gzip, idx or
 * safetensors. Of safetensors FILE#NAME reads the tensor NAME, FILE the tensor x; all dimensions
 * but the last make the batch. Non-finite values in safetensors are an error. */
enum outcome inputs_read(const char *path, size_t limit, struct inputs *ret, struct error *error);

#endif

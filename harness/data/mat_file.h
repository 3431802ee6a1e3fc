/* mat_file.h - arrays of bytes in MATLAB files of version 5, through matio. */
#ifndef MIDL_MAT_FILE_H
#define MIDL_MAT_FILE_H

#include <stddef.h>

#include "base/error.h"

#define MAT_DIMS 4

/* An array of whole numbers 0..255, first dimension fastest; missing dimensions are 1. */
struct mat_bytes {
    unsigned char *bytes; /* to be freed */
    size_t shape[MAT_DIMS];
};

/* Read variable `name`, whichever number type it is stored in. Before matio sees a file, the chain
 * of its elements is held against its size and every compressed element inflated to its end. */
enum outcome mat_file_read(const char *path, const char *name, struct mat_bytes *ret,
                           struct error *error);

/* Tell why such files can't be read; "" if they can. */
const char *mat_file_unavailable(void);

#endif

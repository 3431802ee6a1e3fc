/* idx.h - the format of MNIST: images or labels in bytes behind a big-endian header. */
#ifndef MIDL_IDX_H
#define MIDL_IDX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum idx_kind { IDX_LABELS = 1, IDX_IMAGES = 3 }; /* dimensions of the array */

struct idx {
    unsigned char
        *bytes; /* [count][rows][columns], to be freed; of labels rows and columns are 1 */
    size_t count, rows, columns;
};

/* Read at most `limit` images or labels (0: all) of a plain or gzip file. The whole file is checked
 * even if only its first rows are wanted: whether a file is damaged must not depend on the
 * question. Memory grows with the bytes that really come, up to what the header announces. */
enum outcome idx_read(const char *path, enum idx_kind kind, size_t limit, struct idx *ret,
                      struct error *error);

/* Whether four bytes can begin an idx file: two zeros, element type, number of dimensions. */
bool idx_begins(const unsigned char *bytes);

#endif

/* checkpoint.h - the whole state of a training run in one file, replaced at once or not at all. */
#ifndef MIDL_CHECKPOINT_H
#define MIDL_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { CHECKPOINT_COUNTERS = 8, CHECKPOINT_ARRAYS = 5 };

/* Arrays have names and lengths that the run itself gives; a file that has others is not its. */
struct checkpoint_array {
    const char *name;
    void *data;
    size_t count, size; /* elements of 4 (float) or 8 (double) bytes; count 0: not kept */
};

struct checkpoint {
    const char *key; /* what the run is: a file of another key is not its */
    uint64_t step;
    double counters[CHECKPOINT_COUNTERS];
    struct checkpoint_array arrays[CHECKPOINT_ARRAYS];
};

/* Replace the file by the state, whole or not at all. */
enum outcome checkpoint_write(const char *path, const struct checkpoint *checkpoint,
                              struct error *error);

/* Fill in step, counters and arrays. *ret_found false: there is no such file, and nothing was
 * changed. A file of another run, or a damaged one, is an error. */
enum outcome checkpoint_read(const char *path, struct checkpoint *checkpoint, bool *ret_found,
                             struct error *error);

#endif

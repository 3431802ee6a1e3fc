/* printed.h - a text that is printed into memory, so that it is whole before anybody sees it. */
#ifndef MIDL_PRINTED_H
#define MIDL_PRINTED_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* A text in the making: print to `out`. */
struct printed {
    const char *what; /* what memory is needed for, for the error; the caller's */
    FILE *out;
    char *text;
    size_t bytes;
};

/* Begin an empty text. One of the two below is due after success. */
enum outcome printed_begin(struct printed *ret, const char *what, struct error *error);

/* End it. Where `outcome`, that of what was printed, is OUTCOME_DONE and the text is whole, it is
 * the caller's to free, a zero behind it; else nothing is left of it. ret_bytes may be NULL. */
enum outcome printed_end(struct printed *printed, enum outcome outcome, char **ret_text,
                         size_t *ret_bytes, struct error *error);

/* End it in the same way, and replace the file at `path` by it, whole or not at all. */
enum outcome printed_replace(struct printed *printed, enum outcome outcome, const char *path,
                             struct error *error);

/* Print `data` and replace the file at `path` by that, whole or not at all. A path of NULL asks for
 * nothing. */
enum outcome printed_file(const char *path, void (*print)(const void *data, FILE *out),
                          const void *data, struct error *error);

#endif

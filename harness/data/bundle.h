/* bundle.h - the files of a data set as they were released: a folder, or an archive of it.
 *
 * Patterns are names below the place with * and ? within a part of a path ("train/pos/8_?.txt"), a
 * list of them is words separated by blanks. A file in a folder may be gzip, with .gz behind its
 * name. An archive's own top folder does not count. Nothing is ever unpacked to disk. */
#ifndef MIDL_BUNDLE_H
#define MIDL_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct bundle_file {
    char *name;           /* below the place, without .gz */
    char *shown;          /* for error lines: the path, or "ARCHIVE: NAME" */
    unsigned char *bytes; /* [count], decompressed, and a zero behind them */
    size_t count;
};

/* Files sorted by name, so that a folder and an archive of it read alike. */
struct bundle {
    struct bundle_file *files;
    size_t count, room;
};

/* Read all files that match one of `patterns`. No file may have more than `limit` bytes. A pattern
 * that no file matches is an error. */
enum outcome bundle_read(const char *place, const char *patterns, size_t limit, struct bundle *ret,
                         struct error *error);
void bundle_clear(struct bundle *bundle);

/* Find the one file of a folder that matches; its path is to be freed. */
enum outcome bundle_path(const char *folder, const char *pattern, char **ret, struct error *error);

/* Whether the folder has a file for each pattern. */
bool bundle_in_folder(const char *folder, const char *patterns);

#endif

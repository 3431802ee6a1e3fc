/* archive.h - the files of a tar archive, compressed or not, through libarchive. */
#ifndef MIDL_ARCHIVE_H
#define MIDL_ARCHIVE_H

#include "data/bundle_internal.h"

/* Append the regular files that match one of `patterns`, each at most `limit` bytes. Every entry
 * is held against what a sane archive has: no absolute name, no "..". */
enum outcome archive_files(const char *path, const char *patterns, size_t limit,
                           struct bundle *bundle, struct error *error);

/* Tell why archives can't be read; "" if they can. */
const char *archive_unavailable(void);

#endif

/* file.h - files of others are opened with distrust; files of ours are replaced whole or not at
 * all. */
#ifndef MIDL_FILE_H
#define MIDL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* ---- Reading --------------------------------------------------------------------------------- */

/* Find the PART of a path FILE#PART, by which a caller names something inside FILE; NULL if there
 * is none, or if a file has the whole name. */
const char *file_part(const char *path);

/* Open a regular file; folders, pipes and devices are refused. Of FILE#PART the file is opened. On
 * success *ret_fd is the caller's to close. */
enum outcome file_open(const char *path, int *ret_fd, uint64_t *ret_bytes, struct error *error);

/* Read exactly `bytes` bytes at `offset`; a file that ends before is an error that names the place.
 */
enum outcome file_read(int fd, const char *path, uint64_t offset, void *ret, size_t bytes,
                       struct error *error);

/* Hash the contents of a file on top of *hash (FNV-1a, base/util.h). */
enum outcome file_hash(const char *path, uint64_t *hash, struct error *error);

/* Read all of a text of our own, to be freed; NULL if it can't be read. */
char *file_text(const char *path);

/* Do fail(OUTCOME_USAGE) for bad content: "PATH: offset N: REASON". A very long path is shown by
 * its end, so that the reason fits. */
enum outcome file_bad(struct error *error, const char *path, uint64_t offset, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* Return the end of a path, short enough to leave room for a reason in an error line. */
const char *file_shown(const char *path);

/* Tell why a file at `path` could not be written: by errno's value `number`, or where that is 0 by
 * asking whether its disk has space left. */
const char *file_write_reason(const char *path, int number);

/* ---- Replacing ------------------------------------------------------------------------------- */

/* A file being written under a temporary name beside its place. A place that is a device or a pipe
 * is written to directly. */
struct file_replace {
    int fd;
    const char *shown; /* the path as it was given, for messages: the caller's */
    char *path;        /* the place, symbolic links followed */
    char *temporary;   /* NULL: written directly */
};

/* Begin to write. On success *ret is to be given to commit or abort; `path` must stay as it is
 * until then. */
enum outcome file_replace_begin(const char *path, struct file_replace *ret, struct error *error);
enum outcome file_replace_write(struct file_replace *file, const void *data, size_t bytes,
                                struct error *error);

/* Make it durable and put it in its place; ends the use of *file, also on failure. */
enum outcome file_replace_commit(struct file_replace *file, struct error *error);
void file_replace_abort(struct file_replace *file); /* the old file stays */

/* Replace `path` by `bytes` bytes, whole or not at all. */
enum outcome file_replace_whole(const char *path, const void *data, size_t bytes,
                                struct error *error);

/* Whether `path` could be replaced, found by trying; leaves nothing behind. For asking before long
 * work. */
enum outcome file_replace_check(const char *path, struct error *error);

/* The same for a text. A library, a database or a layer that stands there was named by mistake: it
 * is refused. */
enum outcome file_replace_text_check(const char *path, struct error *error);

/* Whether both paths, without a #PART, lead to the same existing file. */
bool file_same(const char *a, const char *b);

#endif

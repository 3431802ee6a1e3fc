/* folder.h - folders made and removed, and paths into them. */
#ifndef MIDL_FOLDER_H
#define MIDL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Write "FOLDER/NAME" and `suffix` to `ret_path` of `size` bytes. False if it is too long. */
bool folder_path(char *ret_path, size_t size, const char *folder, const char *name,
                 const char *suffix);

/* Make the folder and those above it. One that is there already is fine; an empty path and a file
 * in the way are errors. */
enum outcome folder_make(const char *path, struct error *error);

/* Make an empty folder below `parent`, or below $TMPDIR or /tmp if that is NULL. Its name begins
 * with `prefix`; `ret_path` of `size` bytes receives its path. False, with errno set, if it can't
 * be made. It is removed when a signal ends this process (temporary.h). */
bool folder_make_temporary(const char *parent, const char *prefix, char *ret_path, size_t size);

/* Remove a folder and all that is in it. */
void folder_remove(const char *path);

#endif

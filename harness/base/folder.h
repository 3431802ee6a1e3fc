/* folder.h - folders made and removed. */
#ifndef MIDL_FOLDER_H
#define MIDL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Make an empty folder below $TMPDIR or /tmp. Its name begins with `prefix`; `ret_path` of `size`
 * bytes receives its path. False, with errno set, if it can't be made. */
bool folder_make_temporary(const char *prefix, char *ret_path, size_t size);

/* Remove a folder and the files in it. A folder within it is left, and then both stay. */
void folder_remove(const char *path);

#endif

/* build.h - the library of another revision of this project, built in a folder of its own. */
#ifndef MIDL_BUILD_H
#define MIDL_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Write the path of libmidl.so at `revision` (anything that git knows for a commit) to `ret_path`
 * of `size` bytes. It is built by the compiler and flags of this program, once:
 * $XDG_CACHE_HOME/midl/builds, or ~/.cache/midl/builds, keeps it by commit, compiler and flags.
 *
 * OUTCOME_USAGE: the current folder is in no git repository, or that doesn't have the revision.
 * OUTCOME_MACHINE: git, tar, meson or ninja is missing, or the revision doesn't build; the last
 * lines of what they said are in a log that the error names. */
enum outcome build_revision(const char *revision, bool quiet, char *ret_path, size_t size,
                            struct error *error);

#endif

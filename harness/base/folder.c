/* folder.c - folders made and removed, and paths into them. */
#define _GNU_SOURCE /* mkdtemp */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/temporary.h"

bool folder_path(char *ret_path, size_t size, const char *folder, const char *name,
                 const char *suffix)
{
    int length = snprintf(ret_path, size, "%s/%s%s", folder, name, suffix);
    return length >= 0 && (size_t)length < size;
}

enum outcome folder_make(const char *path, struct error *error)
{
    char part[PATH_MAX];
    struct stat status;
    if (!*path || strlen(path) >= sizeof part)
        return fail(error, OUTCOME_USAGE, "%.80s: %s", *path ? path : "''",
                    *path ? "the path of this folder is too long" : "no path of a folder");
    for (const char *end = path; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail(error,
                        errno == ENOTDIR || errno == ENOENT || errno == ELOOP ? OUTCOME_USAGE
                                                                              : OUTCOME_MACHINE,
                        "cannot make the folder %.300s: %s", part, strerror(errno));
    }
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return fail(error, OUTCOME_USAGE, "%.300s is not a folder; name another", path);
    return OUTCOME_DONE;
}

bool folder_make_temporary(const char *parent, const char *prefix, char *ret_path, size_t size)
{
    if (!parent)
        parent = getenv("TMPDIR");
    if (!folder_path(ret_path, size, parent && *parent ? parent : "/tmp", prefix, "-XXXXXX")) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!mkdtemp(ret_path))
        return false;
    temporary_remember(ret_path);
    return true;
}

void folder_remove(const char *path)
{
    temporary_remove(path);
    temporary_forget(path);
}

/* folder.c - folders made and removed. */
#define _GNU_SOURCE /* mkdtemp */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool folder_make_temporary(const char *prefix, char *ret_path, size_t size)
{
    const char *parent = getenv("TMPDIR");
    int length =
        snprintf(ret_path, size, "%s/%s-XXXXXX", parent && *parent ? parent : "/tmp", prefix);
    if (length < 0 || (size_t)length >= size) {
        errno = ENAMETOOLONG;
        return false;
    }
    return mkdtemp(ret_path) != NULL;
}

void folder_remove(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(path);
}

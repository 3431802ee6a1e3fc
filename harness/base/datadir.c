/* datadir.c - the folders of data that belong to the program. */
#include "base/datadir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness_config.h"

#define FOLDERS 8 /* kinds of folders asked for in one process: suites, plots */

/* Each name keeps a buffer of its own, so that an answer stays valid while others are asked for. */
static char *buffer_of(const char *name)
{
    static struct {
        char name[32], path[PATH_MAX];
    } buffers[FOLDERS];
    for (size_t i = 0; i < FOLDERS; i++) {
        if (!buffers[i].name[0])
            snprintf(buffers[i].name, sizeof buffers[i].name, "%s", name);
        if (strcmp(buffers[i].name, name) == 0)
            return buffers[i].path;
    }
    return NULL;
}

/* "PREFIX/share/midl" of a program PREFIX/bin/midl, wherever it was installed to. A program in the
 * folder that it was built in has its source instead. */
static const char *home(void)
{
    static char path[PATH_MAX];
    static const char build[] = MIDL_BUILD_ROOT "/", tail[] = "/../share/midl";
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof tail);
    if (length <= 0)
        return MIDL_INSTALLED_SHARE;
    path[length] = '\0';
    if (strncmp(path, build, strlen(build)) == 0)
        return MIDL_SOURCE_SHARE;
    char *slash = strrchr(path, '/');
    memcpy(slash ? slash : path, tail, sizeof tail);
    return path;
}

const char *datadir_find(const char *name)
{
    const char *homes[] = {getenv("MIDL_SHARE"), home(), MIDL_INSTALLED_SHARE};
    char *path = buffer_of(name);
    for (size_t i = 0; path && i < sizeof homes / sizeof *homes; i++) {
        struct stat status;
        if (!homes[i] || !*homes[i])
            continue;
        int length = snprintf(path, PATH_MAX, "%s/%s", homes[i], name);
        if (length < PATH_MAX && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            return path;
    }
    return NULL;
}

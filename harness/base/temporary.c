/* temporary.c - a short list in static memory, which a signal handler can read at any moment. */
#define _GNU_SOURCE /* getdents64 */
#include "base/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"

/* In the order in which they were made. */
static struct {
    volatile sig_atomic_t owner; /* the process that removes it; 0: a free place */
    char path[PATH_MAX];
} places[16];

void temporary_remember(const char *path)
{
    size_t place = COUNT(places);
    while (place > 0 && places[place - 1].owner == 0)
        place--;
    if (place < COUNT(places) && strlen(path) < sizeof places[place].path) {
        strcpy(places[place].path, path);
        places[place].owner = getpid();
    }
}

void temporary_forget(const char *path)
{
    for (size_t i = 0; i < COUNT(places); i++)
        if (places[i].owner != 0 && strcmp(places[i].path, path) == 0)
            places[i].owner = 0;
}

static bool is_above(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void remove_in(int parent, const char *name)
{
    _Alignas(struct dirent64) char entries[2048];
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t size;
    if (folder < 0) {
        unlinkat(parent, name, 0);
        return;
    }
    while ((size = getdents64(folder, entries, sizeof entries)) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            if (!is_above(entry->d_name))
                remove_in(folder, entry->d_name);
            at += entry->d_reclen;
        }
    close(folder);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void temporary_remove(const char *path)
{
    remove_in(AT_FDCWD, path);
}

void temporary_remove_all(void)
{
    for (size_t i = COUNT(places); i-- > 0;) /* one within another was made later */
        if (places[i].owner == getpid())
            temporary_remove(places[i].path);
}

/* fuzz.c - helpers of the fuzz targets. */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_demand(bool holds, const char *promise, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
    abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FUZZ_DEMAND(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

const char *fuzz_file_at(unsigned place, const uint8_t *data, size_t size)
{
    static struct {
        bool open;
        int fd;
        char path[32];
    } files[FUZZ_FILES];
    FUZZ_DEMAND(place < FUZZ_FILES);
    if (!files[place].open) {
        files[place].fd = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_DEMAND(files[place].fd >= 0);
        snprintf(files[place].path, sizeof files[place].path, "/proc/self/fd/%d", files[place].fd);
        files[place].open = true;
    }
    int fd = files[place].fd;
    FUZZ_DEMAND(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    return files[place].path;
}

const char *fuzz_file(const uint8_t *data, size_t size)
{
    return fuzz_file_at(0, data, size);
}

void fuzz_failed(enum outcome outcome, const struct error *error)
{
    FUZZ_DEMAND(outcome != OUTCOME_DONE);
    FUZZ_DEMAND(error->text[0] != '\0');
    FUZZ_DEMAND(memchr(error->text, '\0', sizeof error->text) != NULL);
    FUZZ_DEMAND(strchr(error->text, '\n') == NULL);
}

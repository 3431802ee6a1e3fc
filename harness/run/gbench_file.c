/* gbench_file.c - a stored run as a file that Google Benchmark's tools read. */
#define _GNU_SOURCE /* fdopen */
#include "run/gbench_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* The store's rows into the file that is being made. */
static enum outcome write_rows(struct store *store, int64_t run_id, const struct file_replace *file,
                               struct error *error)
{
    int fd = dup(file->fd);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        int problem = errno;
        if (fd >= 0)
            close(fd);
        return fail(error, OUTCOME_MACHINE, "%s: %s", file_shown(file->shown), strerror(problem));
    }
    enum store_status status = store_write_gbench(store, run_id, out);
    bool closed = fclose(out) == 0;
    if (status != STORE_OK)
        return fail(error, OUTCOME_MACHINE, "%s", store_error(store));
    if (!closed)
        return fail(error, OUTCOME_MACHINE, "%s: %s", file_shown(file->shown), strerror(errno));
    return OUTCOME_DONE;
}

enum outcome gbench_file_write(struct store *store, int64_t run_id, const char *path,
                               struct error *error)
{
    struct file_replace file;
    enum outcome outcome = file_replace_begin(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = write_rows(store, run_id, &file, error);
    if (outcome == OUTCOME_DONE)
        return file_replace_commit(&file, error);
    file_replace_abort(&file);
    return outcome;
}

/* calibration_file.c - the one file that `midl calibrate` writes and every command reads. */
#include "machine/calibration_file.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/append.h"
#include "base/file.h"
#include "calibration.h"
#include "machine/machine.h"

#define FILE_MOST_BYTES ((uint64_t)16 << 20)

bool calibration_path(char ret[PATH_MAX])
{
    const char *own = getenv("MIDL_CALIBRATION"), *cache = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    int length;
    if (own)
        length = snprintf(ret, PATH_MAX, "%s", own);
    else if (cache && *cache)
        length = snprintf(ret, PATH_MAX, "%s/midl/calibration.txt", cache);
    else if (home && *home)
        length = snprintf(ret, PATH_MAX, "%s/.cache/midl/calibration.txt", home);
    else
        return false;
    return length > 0 && length < PATH_MAX;
}

void calibration_machine(char ret[CALIBRATION_MACHINE_SIZE])
{
    const struct machine *machine = machine_get();
    snprintf(ret, CALIBRATION_MACHINE_SIZE, "%s, caches", machine->cpu);
    for (size_t i = 0; i < machine->cache_count; i++)
        append_text(ret, CALIBRATION_MACHINE_SIZE, " %zu", machine->caches[i].bytes);
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
}

/* The whole file as a string, to be freed. */
static enum outcome read_text(const char *path, char **ret, struct error *error)
{
    uint64_t bytes = 0;
    int fd;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    char *text = bytes <= FILE_MOST_BYTES ? malloc(bytes + 1) : NULL;
    if (bytes > FILE_MOST_BYTES)
        outcome = fail(error, OUTCOME_USAGE, "%s: too long for a calibration", file_shown(path));
    else if (!text)
        outcome = fail_memory(error, "a calibration", (double)bytes);
    else
        outcome = file_read(fd, path, 0, text, bytes, error);
    close(fd);
    if (outcome != OUTCOME_DONE) {
        free(text);
        return outcome;
    }
    text[bytes] = '\0';
    *ret = text;
    return OUTCOME_DONE;
}

enum outcome calibration_read_file(const char *path, struct midl_calibration **ret,
                                   struct error *error)
{
    char machine[CALIBRATION_MACHINE_SIZE], reason[MIDL_REASON_SIZE], *text = NULL;
    enum outcome outcome = read_text(path, &text, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    calibration_machine(machine);
    enum midl_status status = midl_calibration_read(text, machine, ret, reason);
    free(text);
    if (status == MIDL_OK)
        return OUTCOME_DONE;
    return fail(error, status == MIDL_NO_MEMORY ? OUTCOME_MACHINE : OUTCOME_USAGE,
                "calibration %s: %s; midl calibrate makes a new one", file_shown(path), reason);
}

enum outcome calibration_add_others(struct midl_calibration *to,
                                    const struct midl_calibration *from, struct error *error)
{
    size_t own = to->count;
    for (size_t i = 0; i < from->count; i++) {
        const struct calibration_series *series = &from->series[i];
        bool known = false;
        for (size_t j = 0; j < own; j++)
            known = known || (to->series[j].dtype == series->dtype &&
                              to->series[j].threads == series->threads);
        if (known)
            continue;
        struct calibration_series *added = calibration_add(to);
        if (!added)
            return fail_memory(error, "a calibration", sizeof *added);
        *added = *series;
    }
    return OUTCOME_DONE;
}

/* ---- The one in use -------------------------------------------------------------------------- */

static struct {
    pthread_once_t once;
    struct midl_calibration *calibration; /* kept to the end of the process */
    char state[PATH_MAX + sizeof(struct error)];
} in_use = {.once = PTHREAD_ONCE_INIT};

static void find(void)
{
    char path[PATH_MAX];
    struct error error;
    snprintf(in_use.state, sizeof in_use.state, "built in");
    if (!calibration_path(path) || (!getenv("MIDL_CALIBRATION") && access(path, F_OK) != 0))
        return;
    if (calibration_read_file(path, &in_use.calibration, &error) == OUTCOME_DONE) {
        snprintf(in_use.state, sizeof in_use.state, "%s", path);
        return;
    }
    snprintf(in_use.state, sizeof in_use.state, "built in: %s", error.text);
    fprintf(stderr, "midl: %s; until then `auto` goes by what is built in\n", error.text);
}

const struct midl_calibration *calibration_get(void)
{
    pthread_once(&in_use.once, find);
    return in_use.calibration;
}

const char *calibration_state(void)
{
    pthread_once(&in_use.once, find);
    return in_use.state;
}

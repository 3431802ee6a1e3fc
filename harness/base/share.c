/* share.c - the folders of data that belong to the program, and stopping when asked to. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands/command.h"
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

const char *share_folder(const char *name)
{
    const char *homes[] = {getenv("MIDL_SHARE"), MIDL_SOURCE_SHARE, MIDL_INSTALLED_SHARE};
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

volatile sig_atomic_t stop_requested;

/* The first signal asks to finish what is under way; the second has its usual effect, as soon as
 * this handler returns and the signal is let through. */
static void on_stop_signal(int number)
{
    if (stop_requested) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_requested = 1;
}

void stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

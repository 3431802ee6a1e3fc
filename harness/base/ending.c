/* ending.c - the ends of this process that are not main's. */
#include "base/ending.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/temporary.h"

static volatile sig_atomic_t chosen;

void ending_now(const char *line, int status)
{
    temporary_remove_all();
    if (isatty(STDERR_FILENO) && write(STDERR_FILENO, "\n", 1) < 0) /* behind a progress line */
        _exit(status);
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        _exit(status);
    _exit(status);
}

static void on_exit_of_others(void)
{
    if (!chosen)
        ending_now("midl: a library ended the program, for the reason above; what was stored "
                   "before is safe\n",
                   OUTCOME_MACHINE);
}

static void on_abort(int number)
{
    (void)number;
    ending_now("midl: a library aborted the program, for the reason above; what was stored before "
               "is safe\n",
               OUTCOME_MACHINE);
}

static void on_illegal(int number)
{
    (void)number;
    ending_now(
        "midl: an instruction that this processor doesn't have was met: is BLIS_ARCH_TYPE or "
        "OPENBLAS_CORETYPE set for another one? what was stored before is safe\n",
        OUTCOME_MACHINE);
}

/* A program or library, say, that was replaced in place while it ran. */
static void on_bus(int number)
{
    (void)number;
    ending_now(
        "midl: a file that is in use became shorter, or memory failed (SIGBUS); what was stored "
        "before is safe\n",
        OUTCOME_MACHINE);
}

void ending_watch(void)
{
    static const struct {
        int signal;
        void (*handler)(int);
    } ends[] = {{SIGABRT, on_abort}, {SIGILL, on_illegal}, {SIGBUS, on_bus}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction action = {.sa_handler = ends[i].handler};
        sigemptyset(&action.sa_mask);
        sigaction(ends[i].signal, &action, NULL);
    }
    atexit(on_exit_of_others);
}

int ending_chosen(int status)
{
    chosen = 1;
    return status;
}

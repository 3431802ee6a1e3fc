/* start.c - what is asked and set before any library's own beginnings run. */
#define _GNU_SOURCE /* affinity */
#include "base/start.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/ending.h"
#include "base/error.h"

#define WORDS 128 /* of the mask: 8192 processors */

static unsigned long allowed[WORDS];
static long allowed_bytes; /* as the system filled it; 0: it would not tell */
static bool ignored;       /* SIGINT, by who started this */

void start_end_if_raised(const siginfo_t *info)
{
    if (info->si_code == SI_TKILL && info->si_pid == getpid())
        ending_now("midl: a library gave up, for the reason above; see `ulimit -a` for limits on "
                   "processes and memory\n",
                   OUTCOME_MACHINE);
}

static void on_early_interrupt(int number, siginfo_t *info, void *context)
{
    (void)context;
    start_end_if_raised(info);
    if (ignored)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

/* Runs before the initialisers of all libraries: a sanitizer's, too, so it is built without. */
__attribute__((no_sanitize("address", "undefined", "thread"))) static void before_libraries(void)
{
    struct sigaction action = {.sa_sigaction = on_early_interrupt,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction before;
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof allowed, allowed);
    allowed_bytes = bytes > 0 ? bytes : 0;
    if (sigaction(SIGINT, &action, &before) == 0)
        ignored = before.sa_handler == SIG_IGN;
}

__attribute__((section(".preinit_array"), used)) static void (*first)(void) = before_libraries;

int start_processors(void)
{
    int count = 0;
    for (size_t i = 0; i < (size_t)allowed_bytes / sizeof *allowed; i++)
        count += __builtin_popcountl(allowed[i]);
    return count;
}

void start_release(void)
{
    if (allowed_bytes > 0)
        (void)syscall(SYS_sched_setaffinity, 0, allowed_bytes, allowed);
}

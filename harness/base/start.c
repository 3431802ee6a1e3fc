/* start.c - what is asked and set before any library's own beginnings run. */
#define _GNU_SOURCE /* affinity */
#include "base/start.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/ending.h"
#include "base/error.h"
#include "midl_config.h"

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

#define UNSANITIZED __attribute__((no_sanitize("address", "undefined", "thread")))

#if MIDL_HAVE_OPENBLAS
#define BUFFER_BYTES ((size_t)129 << 20) /* of one of its threads, with what else it needs */

UNSANITIZED static bool is_limited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

/* The number in a variable of the environment; 0: it isn't there. getenv() may not be ready. */
UNSANITIZED static int number_in(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return atoi(*environment + length + 1);
    return 0;
}

/* End the program where OpenBLAS's own beginning would ask for its threads' buffers for ever. */
UNSANITIZED static void end_without_room(char *const *environment)
{
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS",
                                        "OMP_NUM_THREADS"};
    int threads = start_processors(), asked = 0;
    if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names && asked <= 0; i++)
        asked = number_in(environment, names[i]);
    threads = asked > 0 && asked < threads ? asked : threads;
    size_t bytes = BUFFER_BYTES * (size_t)(threads > 0 ? threads : 1);
    void *probe = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED)
        ending_now("midl: not enough address space: OpenBLAS takes 128 MiB for each of its "
                   "threads; raise the limit (ulimit -v) or set OPENBLAS_NUM_THREADS=1\n",
                   OUTCOME_MACHINE);
    munmap(probe, bytes);
}
#else
static void end_without_room(char *const *environment)
{
    (void)environment;
}
#endif

/* Runs before the initialisers of all libraries: a sanitizer's, too, so it is built without. */
UNSANITIZED static void before_libraries(int argc, char **argv, char **environment)
{
    struct sigaction action = {.sa_sigaction = on_early_interrupt,
                               .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction before;
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof allowed, allowed);
    allowed_bytes = bytes > 0 ? bytes : 0;
    if (sigaction(SIGINT, &action, &before) == 0)
        ignored = before.sa_handler == SIG_IGN;
    (void)argc, (void)argv;
    end_without_room(environment);
}

__attribute__((section(".preinit_array"), used)) static void (*first)(int, char **,
                                                                      char **) = before_libraries;

UNSANITIZED int start_processors(void)
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

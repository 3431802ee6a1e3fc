/* pin.c - keeping the measuring thread on one processor. */
#define _GNU_SOURCE /* affinity */
#include "machine/pin.h"

#include <sched.h>
#include <stdio.h>

#if defined(__linux__)
static cpu_set_t allowed; /* before the first pin */
static bool allowed_known;

static bool allowed_get(void)
{
    if (!allowed_known)
        allowed_known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    return allowed_known;
}

/* The processor that a pinned thread is kept on; -1 if the system won't tell. */
static int pinned_processor(void)
{
    static int processor = -1; /* the same for all groups of a run */
    if (processor < 0)
        processor = sched_getcpu();
    return processor;
}

void pin_thread(bool pinned)
{
    int processor = pinned_processor();
    cpu_set_t one;
    if (!allowed_get() || processor < 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    (void)sched_setaffinity(0, sizeof one, pinned ? &one : &allowed);
}

/* Pinning is tried, not asked for: a system may refuse it. */
void pin_text(char *ret, size_t size)
{
    cpu_set_t now;
    pin_thread(true);
    bool alone = sched_getaffinity(0, sizeof now, &now) == 0 && CPU_COUNT(&now) == 1;
    pin_thread(false);
    if (alone)
        snprintf(ret, size, "one thread: processor %d, of %d allowed; more: not pinned",
                 pinned_processor(), CPU_COUNT(&allowed));
    else
        snprintf(ret, size, "none: the system refuses it");
}
#else
void pin_thread(bool pinned)
{
    (void)pinned;
}

void pin_text(char *ret, size_t size)
{
    snprintf(ret, size, "none: not known on this system");
}
#endif

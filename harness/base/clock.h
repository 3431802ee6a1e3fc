/* clock.h - the clock of everything that isn't timed by Google Benchmark. */
#ifndef MIDL_CLOCK_H
#define MIDL_CLOCK_H

#include <time.h>

/* Monotonic time in nanoseconds; only differences mean something. */
static inline double clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif

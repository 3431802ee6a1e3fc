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

/* Processor time of this thread, and of all threads of this process, in nanoseconds. */
static inline double clock_thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline double clock_process_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif

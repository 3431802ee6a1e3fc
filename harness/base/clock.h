/* clock.h - the clock of everything that isn't timed by Google Benchmark. */
#ifndef MIDL_CLOCK_H
#define MIDL_CLOCK_H

#include <stddef.h>
#include <time.h>

/* Return monotonic time in nanoseconds, counted from this process's first call: only differences
 * within it mean something. */
double clock_ns(void);

/* Return the nanoseconds from the second `origin_s` to `time`. Exact to the nanosecond for 104
 * days, which is why clock_ns() doesn't count from the start of the system. */
static inline double clock_from_ns(const struct timespec *time, time_t origin_s)
{
    return (double)(time->tv_sec - origin_s) * 1e9 + (double)time->tv_nsec;
}

/* Return the time of one of `calls` calls that took `took_ns` together: never 0, because others
 * divide by it. A clock that moves in steps, or back, may have seen no time pass. */
static inline double clock_call_ns(double took_ns, size_t calls)
{
    return (took_ns > 1 ? took_ns : 1) / (double)calls;
}

/* Return processor time of this thread, and of all threads of this process, in nanoseconds. */
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

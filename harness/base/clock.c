/* clock.c - the clock of everything that isn't timed by Google Benchmark. */
#include "base/clock.h"

#include <stdatomic.h>

double clock_ns(void)
{
    static atomic_llong first_s; /* 0: not called yet */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long origin_s = 0;
    if (atomic_compare_exchange_strong(&first_s, &origin_s, (long long)now.tv_sec))
        origin_s = (long long)now.tv_sec;
    return clock_from_ns(&now, (time_t)origin_s);
}

/* parallel.h - how work is split between the threads of a plan: contiguous parts, the same split
 * for the same count, no sum shared by two threads. So results don't depend on the number of
 * threads. */
#ifndef MIDL_PARALLEL_H
#define MIDL_PARALLEL_H

#include <stddef.h>

#if defined(_OPENMP)
#include <omp.h>
static inline size_t parallel_part(void)
{
    return (size_t)omp_get_thread_num();
}
static inline size_t parallel_parts(void)
{
    return (size_t)omp_get_num_threads();
}
#else
static inline size_t parallel_part(void)
{
    return 0;
}
static inline size_t parallel_parts(void)
{
    return 1;
}
#endif

/* Call `part(data)` on every thread of a plan. One thread takes no detour: opening a parallel
 * region, even one that an if clause makes serial, costs microseconds, as much as a small layer. */
static inline void parallel_run(int threads, void (*part)(void *), void *data)
{
    if (threads <= 1) {
        part(data);
        return;
    }
#pragma omp parallel num_threads(threads)
    part(data);
}

/* Where this thread's share of `total` begins (part) and ends (part + 1), in whole grains. */
static inline size_t parallel_bound(size_t total, size_t grain, size_t part)
{
    size_t grains = (total + grain - 1) / grain, bound = grains * part / parallel_parts() * grain;
    return bound < total ? bound : total;
}

#endif

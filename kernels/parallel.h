/* parallel.h - how work is split between the threads of a plan: contiguous parts of the inputs or
 * of the neurons, the same split for the same count, no sum shared by two threads. So results don't
 * depend on the number of threads. */
#ifndef MIDL_PARALLEL_H
#define MIDL_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

#include "host.h"

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

/* Call `part(data)` on every thread of a plan, of which a forked child has one, in the mode of
 * computing that the library counts on. One thread takes no detour: opening a parallel region, even
 * one that an if clause makes serial, costs microseconds, as much as a small layer. */
static inline void parallel_run(int threads, void (*part)(void *), void *data)
{
    if (host_threads(threads) <= 1) {
        uint64_t mode = host_mode_begin();
        part(data);
        host_mode_end(mode);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        uint64_t mode = host_mode_begin();
        part(data);
        host_mode_end(mode);
    }
}

/* Where share `part` of `parts` of `total` begins, in whole grains; the next share's beginning is
 * its end. */
static inline size_t parallel_share(size_t total, size_t grain, size_t part, size_t parts)
{
    size_t grains = (total + grain - 1) / grain, bound = grains * part / parts * grain;
    return bound < total ? bound : total;
}

/* Where this thread's share of `total` begins (part) and ends (part + 1). */
static inline size_t parallel_bound(size_t total, size_t grain, size_t part)
{
    return parallel_share(total, grain, part, parallel_parts());
}

/* Whether threads share out a batch's inputs, in whole grains, or else the neurons. With inputs of
 * its own a thread needs nothing that another one wrote. A line that another core has changed takes
 * 40 ns from core to core on a Zen 4, and 160 ns where the two have no cache in common: at n = 512,
 * with 64 inputs, gate, light path and selection took 50 and 270 us with neurons of their own, and
 * 30 with inputs. So inputs are preferred where the busiest thread gets at most an eighth too much.
 */
static inline bool parallel_by_inputs(size_t inputs, size_t grain)
{
    size_t grains = (inputs + grain - 1) / grain, parts = parallel_parts();
    size_t most = (grains + parts - 1) / parts * grain;
    return (most < inputs ? most : inputs) * parts * 8 <= inputs * 9;
}

#endif

/* estimate.h - how long a sweep will take, before anything of it was measured. */
#ifndef MIDL_ESTIMATE_H
#define MIDL_ESTIMATE_H

#include <stdbool.h>

#include "suite/case.h"

struct estimate_options {
    double budget_ns; /* for the kernels of a group together */
    double sample_ns; /* least length of one sample */
    int min_rounds;
    bool callgrind;
    double peak_gflops; /* of a core, in floats */
};

/* Estimate the time of one group, counting included. The budget counts as spent, since most groups
 * spend it; where calls are so long that the least number of rounds takes more, that counts. Pure.
 */
double estimate_group_ns(const struct bench_shape *shape, size_t kernels,
                         const struct estimate_options *options);

/* Estimate the time before the first group: the ceilings, for each number of threads. */
double estimate_start_ns(int thread_counts);

#endif

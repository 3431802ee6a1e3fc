/* measure.h - one group of cases, start to finish: data, oracle, plans, check, time, counters.
 *
 * Check first, then time: a variant that fails is not timed. Rounds over the variants of the group
 * in random order (seeded), one sample a variant a round, until every interval is as narrow as the
 * target or the budget is spent. Speedups are medians of ratios within rounds.
 */
#ifndef MIDL_MEASURE_H
#define MIDL_MEASURE_H

#include <signal.h>

#include "case.h"
#include "error.h"
#include "store.h"

struct measure_options {
    double target;    /* relative width of the 95 % interval of the median; 0.02 */
    double budget_ns; /* for all variants of the group together */
    double sample_ns; /* least length of one sample; 1e6 */
    int min_rounds;   /* 10 */
    unsigned counters; /* COUNT_PAPI | COUNT_CALLGRIND */
    const volatile sig_atomic_t *stop; /* becomes non-zero on Ctrl-C; may be NULL */
};

/* What a group yields: as many points as cases, in their order. The strings that the points refer
 * to live in the result. */
struct measure_result {
    struct store_point *points;
    size_t count;
    bool interrupted; /* the stop flag was seen: not to be stored */
    void *owned;
};

/* Measure cases[0..count), which share one shape. Fails only when nothing could be measured at all
 * (memory, unreadable files); a variant that can't run or is wrong is a point with a reason. */
enum outcome measure_group(const struct bench_case *cases, size_t count,
                           const struct measure_options *options, struct measure_result *ret,
                           struct error *error);

void measure_result_clear(struct measure_result *result);

#endif

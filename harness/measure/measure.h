/* measure.h - one group of cases, start to finish: data, oracle, plans, check, time, counters.
 *
 * Check first, then time: a variant that fails is not timed. Rounds over the variants of the group
 * in random order (seeded), one sample a variant a round, until every interval is as narrow as the
 * target or the budget is spent. Every few rounds all of it is laid out anew in memory
 * (placement.h), except with cold caches, where a ring of copies lies in many places at once.
 * Speedups are medians of ratios within rounds. A group of one thread runs on one processor.
 */
#ifndef MIDL_MEASURE_H
#define MIDL_MEASURE_H

#include <signal.h>

#include "base/error.h"
#include "machine/ceiling.h"
#include "measure/oracle_cache.h"
#include "measure/rounds.h"
#include "store.h"
#include "suite/case.h"

struct measure_options {
    double target;                     /* relative width of the 95 % interval of the median; 0.02 */
    double budget_ns;                  /* for all variants of the group together (rounds.h) */
    double sample_ns;                  /* least length of one sample; 1e6 */
    int min_rounds;                    /* always taken; 10 */
    int target_rounds;                 /* taken before the target can be reached; 30 */
    int place_rounds;                  /* least rounds in one place of memory; 3 */
    double move_share;                 /* of the time for other places, at most; 0: they stay */
    unsigned counters;                 /* bits of groups.h */
    const struct ceilings *ceilings;   /* of the group's threads; NULL: points get no bound */
    struct oracle_cache *cache;        /* NULL: nothing is kept from group to group */
    size_t most_batch;                 /* of the groups that will share the cache; may be 0 */
    const volatile sig_atomic_t *stop; /* becomes non-zero on Ctrl-C; may be NULL */
    void (*at)(void *data, const char *variant); /* told of the variant at work; may be NULL */
    void *at_data;
};

/* The time of a group, by what it went to. */
struct measure_times {
    double plan_ns;   /* making the plans, each once: what points store as plan_ns */
    double check_ns;  /* numbers, oracle, checks, copies for cold caches */
    double move_ns;   /* laying out anew */
    double sample_ns; /* calibrating, with those checked calls that serve for it, and sampling */
    double count_ns;  /* counters */
};

/* The points of a group: one per case, in their order. The strings that the points refer
 * to live in the result. */
struct measure_result {
    struct store_point *points;
    size_t count;
    bool interrupted; /* the stop flag was seen: not to be stored */
    struct measure_times times;
    void *owned;
};

/* Measure cases[0..count), which share one shape. Fails only when nothing could be measured at all
 * (unreadable files, no memory for samples); a variant that can't run or is wrong, or a shape that
 * doesn't fit into memory, makes points with a reason. */
enum outcome measure_group(const struct bench_case *cases, size_t count,
                           const struct measure_options *options, struct measure_result *ret,
                           struct error *error);

void measure_result_clear(struct measure_result *result); /* accepts a zeroed one */

/* ---- Parts that decide, as pure functions -------------------------------------------------- */

/* Find the yardstick among measured points: the linear one with the smallest median; `count` if
 * none. */
size_t measure_yardstick(const struct store_point *points, size_t count);

/* Find median and interval of yardstick / variant within the rounds in use, both cases of `rounds`.
 * False if there is no memory. */
bool measure_speedup(const struct rounds *rounds, size_t yardstick, size_t variant,
                     struct stats_interval *ret);

#endif

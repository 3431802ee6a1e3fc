/* rounds.h - the sampling loop: rounds over cases in random order, until they are known well
 * enough.
 *
 * A round takes one sample of every case, so that drift of the machine hits all alike. Between
 * rounds, and every few milliseconds within a long one, runs the reference loop (reference.h):
 * where it took unusually long, something else was going on, and the samples up to the
 * references before and after it are marked as disturbed, as they are when the hypervisor took time
 * away. Disturbed samples are left out where enough others are left.
 *
 * Where arrays lie in memory moves a kernel's time by per cents, and no number of samples in one
 * place tells. So the cases are moved every few rounds, as often as the share of time for moving
 * allows; intervals are made from the medians of places, or of stretches of time where there were
 * too few places (stats_grouped_interval).
 */
#ifndef MIDL_ROUNDS_H
#define MIDL_ROUNDS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "measure/gbench.h"
#include "stats.h"
#include "store.h"

/* A sample is disturbed if the slower of the references before and after it is (drift.h), or if
 * the hypervisor took more than this share of the time around it. */
#define ROUNDS_STOLEN 0.10

/* The least time between two references within a round. Neighbours come and go in tenths of a
 * second. */
#define ROUNDS_REFERENCE_NS 10e6

/* The number of untimed calls before a sample, and the time they may take together. A case needs
 * several calls to replace in the caches what other cases left there; with too few, its time
 * depends on which other cases are in the run. Longer calls depend on it less and get fewer. */
#define ROUNDS_UNTIMED 8
#define ROUNDS_UNTIMED_NS 5e6

/* The number of undisturbed samples that suffices, however many others are disturbed. */
#define ROUNDS_ENOUGH 30

/* The most budgets that a group may take. A budget is spent when half of it went to undisturbed
 * samples; where most are disturbed, sampling goes on. */
#define ROUNDS_PATIENCE 4

/* The confidence at which intervals are made. Looking again and again and stopping at a narrow
 * interval favours those that are narrow by chance. Intervals made at 98 % then hold the truth in
 * 95 % of runs (test_stats). */
#define ROUNDS_CONFIDENCE 0.98

struct rounds_options {
    double target;     /* relative width of the interval of every median */
    double budget_ns;  /* for all cases together (ROUNDS_PATIENCE); min_rounds are taken anyway */
    double sample_ns;  /* least length of one sample */
    int min_rounds;    /* always taken */
    int target_rounds; /* before the intervals are believed */
    uint64_t seed;     /* of the order within the rounds */
    bool (*move)(void *data); /* lay the cases out anew; false: no memory. NULL: they stay */
    void *move_data;
    double first_move_ns; /* what the first move will take, as far as is known */
    int place_rounds;     /* least rounds in one place */
    double move_share;    /* of the time, at most, for moving */
    bool mirrored;        /* every other round takes the order of the one before from its end */
    bool steady;          /* before a sample, call the case until the caches have turned to it */
    bool settle; /* before a sample, wait until threads left over from the one before it sleep */
    const volatile sig_atomic_t *stop; /* non-zero: stop after the current sample; may be NULL */
};

enum rounds_stop { ROUNDS_MORE, ROUNDS_TARGET, ROUNDS_BUDGET };

struct rounds {
    size_t cases, count;           /* of cases; of whole rounds */
    struct store_sample **samples; /* [cases][count]; placements ascend from 0 */
    int placements;
    struct stats_interval *time; /* [cases], of the samples in use, per call */
    int regimes;                 /* 2: the machine ran at two speeds */
    double sampling_ns, moving_ns;
    enum rounds_stop stop;
    bool interrupted; /* the stop flag was seen */
};

/* Sample the cases; their `iterations`, where they are 0, are calibrated first, `untimed` with
 * them, and uncounted rounds warm them up. On failure (memory, Google Benchmark) *ret is untouched.
 */
enum outcome rounds_run(struct gbench_case *cases, size_t count,
                        const struct rounds_options *options, struct rounds *ret,
                        struct error *error);

void rounds_clear(struct rounds *rounds); /* accepts a zeroed one */

/* Write the real times of a case's samples, but the disturbed ones unless all are to be used, in
 * their order to ret [rounds->count], and where they were taken to ret_placement; returns how many.
 */
size_t rounds_values(const struct rounds *rounds, size_t bench_case, double *ret,
                     int *ret_placement);

/* Write likewise the ratios of two cases' times within a round, disturbed if one of them is. */
size_t rounds_ratios(const struct rounds *rounds, size_t above, size_t below, double *ret,
                     int *ret_placement);

/* ---- The decisions, as pure functions ------------------------------------------------------ */

/* Whether to go on, from the relative widths of all intervals and from the share of the samples
 * that is disturbed. A width that is NaN or infinite has not reached the target. */
enum rounds_stop rounds_decide(const double *widths, size_t cases, size_t rounds, double disturbed,
                               double spent_ns, const struct rounds_options *options);

/* Find the number of calls of `call_ns` each that bring a case to its steady state, at least 1. */
int64_t rounds_untimed(double call_ns);

/* Mark the samples whose reference time is disturbed, and those with more than ROUNDS_STOLEN of
 * their time stolen (NaN: unknown). Returns how many. */
size_t rounds_mark(const double *reference_ns, const double *stolen, size_t samples,
                   bool *disturbed);

/* Count groups: 2 if the reference times fall into two groups, each of at least a tenth of them,
 * which are narrow against their distance, and this is more than 5 %; else 1. */
int rounds_regimes(const double *reference_ns, size_t samples);

/* Whether all samples of a case, or ratios, are to be used although some are marked: fewer than
 * half would be left, and fewer than ROUNDS_ENOUGH. */
bool rounds_use_all(size_t samples, size_t disturbed);

/* Whether to move now: in this place there were rounds enough, and moving, which took `moving_ns`
 * of `spent_ns` so far and `last_ns` the last time, stays within its share. */
bool rounds_move_due(size_t rounds_here, double spent_ns, double moving_ns, double last_ns,
                     const struct rounds_options *options);

#endif

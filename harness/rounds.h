/* rounds.h - the sampling loop: rounds over cases in random order, until they are known well
 * enough.
 *
 * A round takes one sample of every case, so that drift of the machine hits all alike. A reference
 * loop of known work runs in every round too: where it took unusually long or short, something else
 * was going on, and the round is marked as disturbed.
 */
#ifndef MIDL_ROUNDS_H
#define MIDL_ROUNDS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "gbench.h"
#include "stats.h"
#include "store.h"

/* A round is disturbed if its reference is off the median of all rounds by more than this share. */
#define ROUNDS_DISTURBED 0.10

struct rounds_options {
    double target;    /* relative width of the 95 % interval of every median */
    double budget_ns; /* for all cases together; the least number of rounds is taken anyway */
    double sample_ns; /* least length of one sample */
    int min_rounds;
    uint64_t seed; /* of the order within the rounds */
    bool settle;   /* before a sample, wait until threads left over from the one before it sleep */
    const volatile sig_atomic_t *stop; /* non-zero: stop after the current sample; may be NULL */
};

enum rounds_stop { ROUNDS_MORE, ROUNDS_TARGET, ROUNDS_BUDGET };

struct rounds {
    size_t cases, count;           /* of cases; of whole rounds */
    struct store_sample **samples; /* [cases][count], with round, position and mark */
    double *reference_ns;          /* [count] */
    struct stats_interval *time;   /* [cases], of the rounds in use, per call */
    bool use_all; /* more than half of the rounds are disturbed: nothing to be gained by leaving out
                   */
    enum rounds_stop stop;
    bool interrupted; /* the stop flag was seen */
};

/* Sample the cases; their `iterations` are calibrated first, which also warms them up. On failure
 * (memory, Google Benchmark) *ret is untouched. */
enum outcome rounds_run(struct gbench_case *cases, size_t count,
                        const struct rounds_options *options, struct rounds *ret,
                        struct error *error);

void rounds_clear(struct rounds *rounds); /* accepts a zeroed one */

/* Real times of the rounds in use, in their order, to ret [rounds->count]; returns how many. */
size_t rounds_values(const struct rounds *rounds, size_t bench_case, double *ret);

/* ---- The decisions, as pure functions ------------------------------------------------------ */

/* Whether to go on, from the relative widths of all intervals. A width that is NaN or infinite has
 * not reached the target. */
enum rounds_stop rounds_decide(const double *widths, size_t cases, size_t rounds, double spent_ns,
                               const struct rounds_options *options);

/* Mark the rounds whose reference time is off their median by more than ROUNDS_DISTURBED, or NaN.
 * Returns how many. */
size_t rounds_mark(const double *reference_ns, size_t rounds, bool *disturbed);

/* Whether all rounds are to be used although some are marked: fewer than half would be left. */
bool rounds_use_all(size_t rounds, size_t disturbed);

#endif

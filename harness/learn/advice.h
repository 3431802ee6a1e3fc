/* advice.h - what to make of a plain layer on this machine: which MID-L layer, a layer of low rank,
 * or the layer as it is.
 *
 * Candidates are conversions of the layer at several ranks, selections and shares of selected
 * neurons, and its low-rank layers. The error of each is found (layer_error.h); the times of some,
 * the anchors, are measured in interleaved rounds beside all plain variants, over many inputs in
 * turn. Times of the others are interpolated between anchors, in the share selected and in what the
 * rank costs. */
#ifndef MIDL_ADVICE_H
#define MIDL_ADVICE_H

#include <signal.h>

#include "base/progress.h"
#include "learn/conversion.h"
#include "stats.h"

enum advice_kind { ADVICE_DENSE, ADVICE_LOW_RANK, ADVICE_MIDL };

struct advice_options {
    size_t batch;
    int threads;
    double budget_ns, target; /* of each set of rounds */
    const volatile sig_atomic_t *stop;
    struct progress *progress; /* may be NULL */
};

/* A way to compute the layer. */
struct advice_way {
    enum advice_kind kind;
    enum midl_select select;
    size_t rank, k;
    double margin; /* under threshold, else NaN */
    double active; /* share of neurons selected; of a low-rank layer 0, of a dense one 1 */
    double error;  /* against the plain layer; 0 for dense */
    double flops_ratio;
    double predicted_ns;                /* of a call, by interpolation; of dense as measured */
    bool anchor;                        /* measured before any prediction */
    const struct midl_variant *variant; /* fastest by prediction */
};

/* A way, measured. */
struct advice_time {
    size_t way;
    const struct midl_variant *variant;
    struct stats_interval time_ns,
        speedup; /* speedup over the fastest plain layer, within rounds */
};

struct advice; /* opaque */

/* Find errors and measure anchors. `by` to convert by, `judged` for errors and times. Interrupted:
 * OUTCOME_NO_VERDICT. On success *ret is the caller's. */
enum outcome advice_create(const struct convert_source *by, const struct convert_source *judged,
                           const struct advice_options *options, struct advice **ret,
                           struct error *error);
void advice_destroy(struct advice *advice); /* accepts NULL */

size_t advice_count(const struct advice *advice);
const struct advice_way *advice_way(const struct advice *advice, size_t i);

/* Write the ways of a kind whose error is at most `error`, fastest by prediction first, to
 * ret[0..most); returns how many. */
size_t advice_best(const struct advice *advice, enum advice_kind kind, double error, size_t *ret,
                   size_t most);

/* Measure these ways and every plain variant in rounds of their own: ret[0..count), and the fastest
 * plain one. */
enum outcome advice_measure(struct advice *advice, const size_t *ways, size_t count,
                            struct advice_time *ret, struct advice_time *ret_dense,
                            struct error *error);

/* Find how much faster advice a is than b, both measured by the last advice_measure: the ratio of
 * their times within rounds. */
bool advice_ratio(const struct advice *advice, size_t a, size_t b, struct stats_interval *ret);

/* Write up to `most` ways that were predicted only, spread over all; returns how many. */
size_t advice_held_out(const struct advice *advice, size_t *ret, size_t most);

/* Decide from what was measured: the plain layer unless one of the others is faster beyond
 * its interval; of these low rank unless MID-L is faster beyond the interval of their ratio (`midl`
 * over `low_rank`; NULL: there is none of the kind). Pure. */
enum advice_kind advice_decide(const struct stats_interval *low_rank_speedup,
                               const struct stats_interval *midl_speedup,
                               const struct stats_interval *midl_over_low_rank);

/* Interpolate y at x on the lines between points (xs ascending), beyond them on the outermost
 * lines; count >= 1. Pure. */
double advice_interpolate(const double *xs, const double *ys, size_t count, double x);

#endif

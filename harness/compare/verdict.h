/* verdict.h - what the gate decides, as pure functions of measured ratios.
 *
 * A point is one variant at one shape, called from two builds. Its values are logarithms of time
 * ratios, new build over old, one per placement: the median of the rounds that were taken while
 * arrays and plans lay in one place. Placements are what is counted, because where memory lies
 * moves a ratio by per cents, and no number of rounds in one place shows that.
 *
 *   slower   the ratio is beyond 1 + effect/2 (signed ranks; Holm over all points at
 *            GATE_ALPHA, a part of it for each look) and not surely below 1 + 3/4 effect
 *   same     the ratio is surely below 1 + 3/4 effect
 *   faster   as slower, of the reciprocal
 *
 * A slowdown of just `effect` lies beyond the first bound by effect/2, and is found once half an
 * interval is narrower than that. A point that is flagged as slower is measured again from nothing,
 * in fresh processes; only a second flag counts. Both errors must then happen in the same direction
 * twice. What lies between half the effect and all of it may be told either way: the quarter
 * between the bounds is for what a process as a whole is off, which its placements don't show.
 *
 * Sources: group-sequential looks with a part of the error for each, Pocock 1977; correction, Holm
 * 1979; one binary is one sample of a layout, Mytkowicz et al. 2009 and Curtsinger and Berger 2013;
 * pairs in one process, Bulej et al. 2020.
 */
#ifndef MIDL_VERDICT_H
#define MIDL_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GATE_EFFECT 0.03  /* smallest slowdown that matters */
#define GATE_ALPHA 0.05   /* chance of a first flag among all points of identical builds */
#define GATE_AGAIN 0.01   /* of a second flag among the points flagged first */
#define GATE_SURELY 0.998 /* confidence, to one side, that a slowdown is below GATE_BELOW */
#define GATE_BELOW 0.75   /* share of the effect */
#define GATE_UNCLEAR 0.25 /* share of points without verdict that makes none of the whole */

enum gate_state {
    GATE_OPEN,    /* to be measured on */
    GATE_SUSPECT, /* flagged once, to be measured anew */
    GATE_SAME,
    GATE_FASTER,
    GATE_SLOWER,     /* flagged twice */
    GATE_UNRESOLVED, /* the looks or the time ended before it was clear */
    GATE_SKIPPED,    /* one of the builds can't run it: `reason` */
    GATE_WRONG       /* the new build's result is wrong: `reason` */
};

/* Name a state: "same", "slower", "not resolved", ... */
const char *gate_state_name(enum gate_state state);

struct gate_values {
    double *logs; /* [count], malloc */
    size_t count;
};

bool gate_values_add(struct gate_values *values, const double *logs, size_t count);

struct gate_point {
    enum gate_state state;
    bool suspected;           /* it was flagged once, whatever became of it */
    bool control;             /* its machine code is the same in both builds */
    struct gate_values first; /* of the search */
    struct gate_values again; /* of the confirmation */
    char reason[256];
};

void gate_point_clear(struct gate_point *point);

/* Time ratio with its 95 % interval: of the confirmation where there was one, else of the search.
 */
struct gate_ratio {
    double ratio, lo, hi;
    size_t placements;
};
struct gate_ratio gate_ratio(const struct gate_point *point);

struct gate_rule {
    double effect; /* GATE_EFFECT */
    int looks;     /* at most, in the search and again in the confirmation */
};

/* Correct for many hypotheses by Holm's step-down: ret_reject[i] if chance[i] stands against
 * `count` hypotheses at `alpha`. A NaN is never rejected. */
void gate_holm(const double *chance, size_t count, double alpha, bool *ret_reject);

/* Review after a look of the search: open points become suspect, same, faster or stay open.
 * `points` are all of them, for the correction. */
void gate_review(struct gate_point *points, size_t count, const struct gate_rule *rule);

/* Review after a look of the confirmation: suspects become slower or same, or stay. */
void gate_review_again(struct gate_point *points, size_t count, const struct gate_rule *rule);

/* Judge the whole. 1: a point is slower (and no control) or wrong; else 4: a suspect was left
 * unresolved, as many as GATE_UNCLEAR are, nothing was compared, or a control is slower, which only
 * a machine can be; else 0. */
enum outcome gate_outcome(const struct gate_point *points, size_t count);

/* ---- The whole procedure ------------------------------------------------------------------- */

/* Where values come from: a machine, or in tests random numbers. */
struct gate_source {
    /* Add a look's values of a point; sets its state to GATE_SKIPPED or GATE_WRONG where there are
     * none to be had. Fails only if the whole gate can't go on. */
    enum outcome (*measure)(void *data, size_t point, int look, struct gate_values *values,
                            struct gate_point *ret, struct error *error);
    bool (*time_left)(void *data); /* false: end with what is known */
    void *data;
};

/* Search, then confirm. On failure the points hold what was known. */
enum outcome gate_run(struct gate_point *points, size_t count, const struct gate_rule *rule,
                      const struct gate_source *source, struct error *error);

/* ---- What a machine can tell --------------------------------------------------------------- */

/* Predict the slowdown that is found in 95 of 100 runs over `points` points, from ratios of
 * identical builds whose standard deviation among placements is `spread`, with `placements` per
 * look: relative.
 */
double gate_resolvable(double spread, size_t placements, size_t points,
                       const struct gate_rule *rule);

/* Whether a look at identical builds would be flagged, in either direction. */
bool gate_differs(const double *logs, size_t count, const struct gate_rule *rule);

/* Estimate the standard deviation of logarithms around their centre, robustly. */
double gate_spread(const double *logs, size_t count);

#endif

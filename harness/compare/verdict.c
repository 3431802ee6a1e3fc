/* verdict.c - the gate's decisions. Nothing here measures, prints or reads. */
#include "compare/verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "signed_rank.h"

const char *gate_state_name(enum gate_state state)
{
    static const char *const names[] = {
        [GATE_OPEN] = "open",       [GATE_SUSPECT] = "suspect", [GATE_SAME] = "same",
        [GATE_FASTER] = "faster",   [GATE_SLOWER] = "slower",   [GATE_UNRESOLVED] = "not resolved",
        [GATE_SKIPPED] = "skipped", [GATE_WRONG] = "wrong"};
    return names[state];
}

bool gate_values_add(struct gate_values *values, const double *logs, size_t count)
{
    double *grown = realloc(values->logs, (values->count + count + 1) * sizeof *grown);
    if (!grown)
        return false;
    memcpy(grown + values->count, logs, count * sizeof *logs);
    values->logs = grown;
    values->count += count;
    return true;
}

void gate_point_clear(struct gate_point *point)
{
    free(point->first.logs);
    free(point->again.logs);
    point->first = point->again = (struct gate_values){0};
}

struct gate_ratio gate_ratio(const struct gate_point *point)
{
    const struct gate_values *values = point->again.count > 0 ? &point->again : &point->first;
    struct stats_interval interval = signed_rank_interval(values->logs, values->count, 0.95);
    return (struct gate_ratio){exp(interval.median), exp(interval.lo), exp(interval.hi),
                               values->count};
}

/* ---- Holm ---------------------------------------------------------------------------------- */

static double known(double chance)
{
    return isnan(chance) ? 2 : chance;
}

/* How many chances are smaller than chance[i], or equal and before it: its place in their order. */
static size_t place_of(const double *chance, size_t count, size_t i)
{
    size_t place = 0;
    for (size_t j = 0; j < count; j++)
        place +=
            known(chance[j]) < known(chance[i]) || (known(chance[j]) <= known(chance[i]) && j < i);
    return place;
}

void gate_holm(const double *chance, size_t count, double alpha, bool *ret_reject)
{
    size_t stop = count; /* the place of the first hypothesis that stands */
    for (size_t i = 0; i < count; i++) {
        size_t place = place_of(chance, count, i);
        if (!(chance[i] <= alpha / (double)(count - place)) && place < stop)
            stop = place;
    }
    for (size_t i = 0; i < count; i++)
        ret_reject[i] = place_of(chance, count, i) < stop;
}

/* ---- Looks --------------------------------------------------------------------------------- */

/* The chance of such values if the build were slower by half the effect at most; `sign` -1: if it
 * were faster by that. */
static double chance_of(const struct gate_values *values, double sign, double effect)
{
    double *turned = malloc((values->count + 1) * sizeof *turned), chance = NAN;
    if (turned) {
        for (size_t i = 0; i < values->count; i++)
            turned[i] = sign * values->logs[i];
        chance = signed_rank_above(turned, values->count, log1p(effect / 2));
    }
    free(turned);
    return chance;
}

static bool surely_below(const struct gate_values *values, double effect)
{
    struct stats_interval interval =
        signed_rank_interval(values->logs, values->count, 2 * GATE_SURELY - 1);
    return interval.exact && interval.hi < log1p(GATE_BELOW * effect);
}

static const struct gate_values *values_of(const struct gate_point *point, bool again)
{
    return again ? &point->again : &point->first;
}

/* Which points are beyond the bound, corrected over all that have values, closed ones included. */
static bool flag(const struct gate_point *points, size_t count, bool again, double sign,
                 double alpha, const struct gate_rule *rule, bool *ret)
{
    double *chance = malloc((count + 1) * sizeof *chance);
    size_t *index = malloc((count + 1) * sizeof *index), used = 0;
    bool *reject = malloc(count + 1), ok = chance && index && reject;
    for (size_t i = 0; i < count && ok; i++)
        if (values_of(&points[i], again)->count > 0) {
            index[used] = i;
            chance[used++] = chance_of(values_of(&points[i], again), sign, rule->effect);
        }
    if (ok) {
        gate_holm(chance, used, alpha / rule->looks, reject);
        for (size_t i = 0; i < used; i++)
            ret[index[i]] = reject[i];
    }
    free(chance);
    free(index);
    free(reject);
    return ok;
}

void gate_review(struct gate_point *points, size_t count, const struct gate_rule *rule)
{
    bool *slower = calloc(count + 1, 1), *faster = calloc(count + 1, 1);
    if (slower && faster && flag(points, count, false, 1, GATE_ALPHA, rule, slower) &&
        flag(points, count, false, -1, GATE_ALPHA, rule, faster))
        for (size_t i = 0; i < count; i++) {
            struct gate_point *point = &points[i];
            if (point->state != GATE_OPEN || point->first.count == 0)
                continue;
            if (faster[i])
                point->state = GATE_FASTER;
            else if (surely_below(&point->first, rule->effect))
                point->state = GATE_SAME;
            else if (slower[i]) {
                point->state = GATE_SUSPECT;
                point->suspected = true;
            }
        }
    free(slower);
    free(faster);
}

void gate_review_again(struct gate_point *points, size_t count, const struct gate_rule *rule)
{
    bool *slower = calloc(count + 1, 1);
    if (slower && flag(points, count, true, 1, GATE_AGAIN, rule, slower))
        for (size_t i = 0; i < count; i++) {
            struct gate_point *point = &points[i];
            if (point->state != GATE_SUSPECT || point->again.count == 0)
                continue;
            if (surely_below(&point->again, rule->effect))
                point->state = GATE_SAME;
            else if (slower[i])
                point->state = GATE_SLOWER;
        }
    free(slower);
}

enum outcome gate_outcome(const struct gate_point *points, size_t count)
{
    size_t compared = 0, unresolved = 0;
    bool slower = false, unclear = false;
    for (size_t i = 0; i < count; i++) {
        const struct gate_point *point = &points[i];
        bool open = point->state == GATE_UNRESOLVED;
        slower = slower || point->state == GATE_WRONG ||
                 (point->state == GATE_SLOWER && !point->control);
        unclear = unclear || (open && point->suspected) ||
                  (point->state == GATE_SLOWER && point->control);
        compared += point->state != GATE_SKIPPED;
        unresolved += open;
    }
    if (slower)
        return OUTCOME_BAD;
    unclear = unclear || compared == 0 ||
              (unresolved > 0 && (double)unresolved >= GATE_UNCLEAR * (double)compared);
    return unclear ? OUTCOME_NO_VERDICT : OUTCOME_DONE;
}

/* ---- The whole procedure ------------------------------------------------------------------- */

/* Look at all points in `state`, every other look from the last to the first. */
static enum outcome look_at(struct gate_point *points, size_t count, enum gate_state state,
                            int look, const struct gate_source *source, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++) {
        size_t at = look % 2 ? count - 1 - i : i;
        struct gate_point *point = &points[at];
        if (point->state == state && source->time_left(source->data))
            outcome =
                source->measure(source->data, at, look,
                                state == GATE_OPEN ? &point->first : &point->again, point, error);
    }
    return outcome;
}

static bool any_in(const struct gate_point *points, size_t count, enum gate_state state)
{
    for (size_t i = 0; i < count; i++)
        if (points[i].state == state)
            return true;
    return false;
}

static enum outcome looks(struct gate_point *points, size_t count, enum gate_state state,
                          const struct gate_rule *rule, const struct gate_source *source,
                          struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (int look = 0; look < rule->looks && outcome == OUTCOME_DONE; look++) {
        if (!any_in(points, count, state) || !source->time_left(source->data))
            break;
        outcome = look_at(points, count, state, look, source, error);
        if (state == GATE_OPEN)
            gate_review(points, count, rule);
        else
            gate_review_again(points, count, rule);
    }
    for (size_t i = 0; i < count; i++)
        if (points[i].state == state)
            points[i].state = GATE_UNRESOLVED;
    return outcome;
}

enum outcome gate_run(struct gate_point *points, size_t count, const struct gate_rule *rule,
                      const struct gate_source *source, struct error *error)
{
    enum outcome outcome = looks(points, count, GATE_OPEN, rule, source, error);
    return outcome == OUTCOME_DONE ? looks(points, count, GATE_SUSPECT, rule, source, error)
                                   : outcome;
}

/* ---- What a machine can tell --------------------------------------------------------------- */

double gate_spread(const double *logs, size_t count)
{
    double *apart = malloc((count + 1) * sizeof *apart), spread = NAN;
    double centre = stats_median(logs, count);
    if (apart) {
        for (size_t i = 0; i < count; i++)
            apart[i] = fabs(logs[i] - centre);
        spread = 1.4826 * stats_median(apart, count);
    }
    free(apart);
    return spread;
}

bool gate_differs(const double *logs, size_t count, const struct gate_rule *rule)
{
    double bound = log1p(rule->effect / 2), alpha = GATE_ALPHA / rule->looks;
    double *turned = malloc((count + 1) * sizeof *turned);
    bool differs = signed_rank_above(logs, count, bound) <= alpha;
    for (size_t i = 0; turned && i < count; i++)
        turned[i] = -logs[i];
    differs = differs || (turned && signed_rank_above(turned, count, bound) <= alpha);
    free(turned);
    return differs;
}

/* Half the effect has to hold the distance of a corrected test from the bound, and what chance may
 * take away in one of twenty runs, half of them in each of both measurements. The efficiency of
 * signed ranks against means of normal values is 0.95. */
double gate_resolvable(double spread, size_t placements, size_t points,
                       const struct gate_rule *rule)
{
    double tail = GATE_ALPHA / rule->looks / (double)(points > 0 ? points : 1);
    double error = spread / sqrt(0.95 * (double)placements * (double)rule->looks);
    return expm1(2 * error * (normal_quantile_above(tail) + normal_quantile_above(0.025)));
}

/* stats.c - medians, quantiles and their exact intervals.
 *
 * Everything is read off one sorted copy of the values. Where that copy can't be had (no memory)
 * and where a value is NaN the answer is NaN, which passes no check and is stored as NULL.
 *
 * The interval of a median: of `count` independent samples, the number below the true median is
 * binomial with p = 1/2. So [x_(r), x_(count+1-r)] misses it with probability 2 P(Bin <= r-1), and
 * the largest r for which that is at most 1 - confidence gives the narrowest such interval.
 */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sort in place; false if a value is NaN, which has no place in an order. */
static bool sort_values(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            return false;
    qsort(values, count, sizeof *values, compare_doubles);
    return true;
}

/* A copy to sort, or NULL; the caller frees it. */
static double *copy_of(const double *values, size_t count)
{
    double *copy = count > 0 ? calloc(count, sizeof *copy) : NULL;

    if (copy)
        memcpy(copy, values, count * sizeof *copy);
    return copy;
}

static double sorted_quantile(const double *sorted, size_t count, double q)
{
    double place = (double)(count - 1) * q;
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    double share = place - (double)below;

    if (share <= 0 || sorted[below] == sorted[above])
        return sorted[below];
    return sorted[below] * (1 - share) + sorted[above] * share;
}

/* The rank r, counted from 1, of the lower end; 0 if there are too few samples.
 *
 * Binomial weights relative to the central one, by recurrence: nothing overflows, and only as many
 * terms as matter are visited, some 12 sqrt(count). The first walk goes down to where the weights
 * become negligible, the second adds them up from there. */
static size_t lower_rank(size_t count, double confidence)
{
    const double negligible = 1e-60;
    size_t centre = count / 2, end = centre;
    double weight = 1, half = count % 2 ? 1 : 0.5; /* half the sum of all weights */

    while (end > 0 && weight > negligible) {
        weight *= (double)end / (double)(count - end + 1);
        half += weight;
        end--;
    }

    /* The probability that may lie below x_(r); the last factor forgives rounding where it is just
     * equal. */
    double allowed = (1 - confidence) * half * (1 + 1e-12), tail = 0;
    size_t rank = end;
    while (2 * rank + 1 <= count && tail + weight <= allowed) {
        tail += weight;
        weight *= (double)(count - rank) / (double)(rank + 1);
        rank++;
    }
    return tail > 0 ? rank : 0;
}

/* Sorts `values`. */
static struct stats_interval interval_of(double *values, size_t count, double confidence)
{
    struct stats_interval interval = {NAN, NAN, NAN, count, false};

    if (count == 0 || !sort_values(values, count))
        return interval;
    size_t rank = lower_rank(count, confidence);
    interval.exact = rank > 0;
    interval.median = sorted_quantile(values, count, 0.5);
    interval.lo = values[rank > 0 ? rank - 1 : 0];
    interval.hi = values[rank > 0 ? count - rank : count - 1];
    return interval;
}

double stats_median(const double *values, size_t count)
{
    return stats_quantile(values, count, 0.5);
}

double stats_quantile(const double *values, size_t count, double q)
{
    double *sorted = copy_of(values, count), quantile = NAN;

    if (sorted && q >= 0 && q <= 1 && sort_values(sorted, count))
        quantile = sorted_quantile(sorted, count, q);
    free(sorted);
    return quantile;
}

struct stats_interval stats_median_interval(const double *values, size_t count, double confidence)
{
    struct stats_interval interval = {NAN, NAN, NAN, count, false};
    double *copy = copy_of(values, count);

    if (copy)
        interval = interval_of(copy, count, confidence);
    free(copy);
    return interval;
}

struct stats_interval stats_ratio_interval(const double *numerator, const double *denominator,
                                           size_t count, double confidence)
{
    struct stats_interval interval = {NAN, NAN, NAN, count, false};
    double *ratios = copy_of(numerator, count);

    if (ratios) {
        for (size_t i = 0; i < count; i++)
            ratios[i] /= denominator[i];
        interval = interval_of(ratios, count, confidence);
    }
    free(ratios);
    return interval;
}

/* ---- Groups and batches -------------------------------------------------------------------- */

static size_t count_groups(const int *group, size_t count)
{
    size_t groups = count > 0;

    for (size_t i = 1; i < count; i++)
        groups += group[i] != group[i - 1];
    return groups;
}

/* Medians of at most `batches` stretches of values, each of whole units: groups, or single values
 * if `group` is NULL. units >= batches >= 1. */
static void batch_medians(const double *values, const int *group, size_t count, size_t units,
                          size_t batches, double *ret)
{
    size_t first = 0, unit = 0;

    for (size_t i = 1; i <= count; i++) {
        size_t batch = unit * batches / units;
        unit += i < count && (!group || group[i] != group[i - 1]);
        if (i < count && unit * batches / units == batch)
            continue;
        ret[batch] = stats_median(values + first, i - first);
        first = i;
    }
}

/* The interval, wide enough to hold the median of every group but those that are small: fewer than
 * half as many values as the average. */
static struct stats_interval with_groups(struct stats_interval interval, const double *values,
                                         const int *group, size_t count, size_t groups)
{
    size_t first = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && group[i] == group[first])
            continue;
        if (2 * (i - first) * groups >= count) {
            double median = stats_median(values + first, i - first);
            interval.lo = fmin(interval.lo, median);
            interval.hi = fmax(interval.hi, median);
        }
        first = i;
    }
    return interval;
}

struct stats_interval stats_grouped_interval(const double *values, const int *group, size_t count,
                                             double confidence)
{
    double medians[STATS_BATCHES];
    size_t groups = count_groups(group, count);
    bool enough = lower_rank(groups, confidence) > 0;
    size_t units = enough ? groups : count;
    size_t batches = units < STATS_BATCHES ? units : STATS_BATCHES;

    if (count > 0)
        batch_medians(values, enough ? group : NULL, count, units, batches, medians);
    struct stats_interval interval = interval_of(medians, batches, confidence);
    if (!enough && groups > 1 && !isnan(interval.median))
        interval = with_groups(interval, values, group, count, groups);
    interval.count = count;
    return interval;
}

double stats_relative_width(const struct stats_interval *interval)
{
    return interval->exact ? (interval->hi - interval->lo) / interval->median : INFINITY;
}

double stats_relative_mad(const double *values, size_t count)
{
    double *distances = copy_of(values, count), median = stats_median(values, count), mad = NAN;

    if (distances) {
        for (size_t i = 0; i < count; i++)
            distances[i] = fabs(values[i] - median);
        mad = stats_median(distances, count);
    }
    free(distances);
    return mad / median;
}

/* stats.h - the statistics of this project: pure functions, arrays in, structs out.
 *
 * Intervals of medians come from order statistics (the sign test): they assume independent samples
 * and nothing of their distribution, are exact, and need no random numbers.
 */
#ifndef MIDL_STATS_H
#define MIDL_STATS_H

#include <stdbool.h>
#include <stddef.h>

/* A median with its interval. Without enough samples for the confidence asked (fewer than 6 at
 * 95 %), lo and hi are the smallest and largest sample and `exact` is false. */
struct stats_interval {
    double median, lo, hi;
    size_t count;
    bool exact;
};

/* Median of values[count], count >= 1; the array is not changed. NaN in, NaN out, here and below;
 * NaN also where there is no memory for a sorted copy. */
double stats_median(const double *values, size_t count);

/* q in [0, 1], linear between order statistics (type 7). */
double stats_quantile(const double *values, size_t count, double q);

/* Median and its two-sided interval at `confidence` (0.95). count >= 1. */
struct stats_interval stats_median_interval(const double *values, size_t count, double confidence);

/* Median of numerator[i] / denominator[i], pairs measured in the same round. All values > 0. */
struct stats_interval stats_ratio_interval(const double *numerator, const double *denominator,
                                           size_t count, double confidence);

/* Samples that aren't independent: values[count] in the order they were taken, of which neighbours
 * share a state of the machine, and those of one group (group[i], ascending) a place in memory. Cut
 * in order into at most STATS_BATCHES batches of whole groups; the medians of the batches are the
 * independent samples that the interval is made from. With too few groups for that the batches are
 * cut without regard to them, and the interval also holds the median of every group that has half
 * the average's values or more. */
#define STATS_BATCHES 20
struct stats_interval stats_grouped_interval(const double *values, const int *group, size_t count,
                                             double confidence);

/* (hi - lo) / median: the whole width, relative. Infinite if the interval isn't exact. */
double stats_relative_width(const struct stats_interval *interval);

/* Median of |v - median| / median. */
double stats_relative_mad(const double *values, size_t count);

#endif

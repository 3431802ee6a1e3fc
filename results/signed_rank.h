/* signed_rank.h - the signed-rank test of Wilcoxon (1945), and the estimate and interval of a shift
 * that belong to it (Hodges and Lehmann 1963): for values that are independent and, around their
 * centre, as likely above as below.
 *
 * The logarithm of a ratio of two times is such a value where both were taken in random order under
 * the same conditions. Of the same number of values this tells smaller shifts than the sign test
 * does, and up to 29 % of wild values don't carry it away. Exact up to 50 values, by the normal
 * approximation beyond.
 */
#ifndef MIDL_SIGNED_RANK_H
#define MIDL_SIGNED_RANK_H

#include "stats.h"

/* The chance of ranks as much in favour of "above `centre`" as those of values[count], if the
 * values' centre were `centre`. 1 for no values; NaN where a value is NaN or memory is short. */
double signed_rank_above(const double *values, size_t count, double centre);

/* The centre and its two-sided interval: the median of the means of all pairs, each value paired
 * with itself too, and two of their order statistics. Where there are too few values for the
 * confidence, lo and hi are the least and the largest value and `exact` is false. */
struct stats_interval signed_rank_interval(const double *values, size_t count, double confidence);

/* The z that a standard normal variable exceeds with probability `tail`, 0 < tail < 1. */
double normal_quantile_above(double tail);

#endif

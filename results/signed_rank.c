/* signed_rank.c - the signed-rank test and its interval. */
#include "signed_rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MOST 50
#define SUM_MOST (EXACT_MOST * (EXACT_MOST + 1) / 2)

static double normal_above(double z)
{
    return 0.5 * erfc(z / 1.4142135623730951);
}

double normal_quantile_above(double tail)
{
    double lo = -40, hi = 40;
    for (int i = 0; i < 200; i++) {
        double middle = (lo + hi) / 2;
        if (normal_above(middle) > tail)
            lo = middle;
        else
            hi = middle;
    }
    return (lo + hi) / 2;
}

/* ret[s]: the chance that the ranks 1..count, each taken with probability 1/2, sum to s. */
static void sum_chances(size_t count, double ret[SUM_MOST + 1])
{
    memset(ret, 0, (SUM_MOST + 1) * sizeof *ret);
    ret[0] = 1;
    for (size_t rank = 1; rank <= count; rank++)
        for (size_t s = rank * (rank + 1) / 2 + 1; s-- > 0;)
            ret[s] = 0.5 * (ret[s] + (s >= rank ? ret[s - rank] : 0));
}

/* The chance of a rank sum of at least `sum`; by symmetry that of one of at most the rest. */
static double sum_at_least(size_t count, double sum)
{
    double n = (double)count, most = n * (n + 1) / 2;
    if (sum <= 0)
        return 1;
    if (count > EXACT_MOST)
        return normal_above((sum - 0.5 - most / 2) / sqrt(most * (2 * n + 1) / 12));
    double chances[SUM_MOST + 1], tail = 0;
    sum_chances(count, chances);
    for (size_t s = (size_t)floor(sum + 1e-9); s <= count * (count + 1) / 2; s++)
        tail += chances[s];
    return tail;
}

/* ---- The test ------------------------------------------------------------------------------ */

static int compare_sizes(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Sum of the ranks of the positive ones among sorted[count]; equal sizes share their mean rank. */
static double positive_ranks(const double *sorted, size_t count)
{
    double sum = 0;
    for (size_t first = 0, end; first < count; first = end) {
        size_t positive = 0;
        for (end = first; end < count && fabs(sorted[end]) <= fabs(sorted[first]); end++)
            positive += sorted[end] > 0;
        sum += (double)positive * (double)(first + 1 + end) / 2;
    }
    return sum;
}

double signed_rank_above(const double *values, size_t count, double centre)
{
    double *apart = malloc((count + 1) * sizeof *apart), chance = NAN;
    size_t used = 0;
    bool known = apart != NULL;
    for (size_t i = 0; i < count && known; i++) {
        double difference = values[i] - centre;
        known = !isnan(difference);
        if (difference < 0 || difference > 0) /* a tie with the centre tells nothing */
            apart[used++] = difference;
    }
    if (known) {
        qsort(apart, used, sizeof *apart, compare_sizes);
        chance = sum_at_least(used, positive_ranks(apart, used));
    }
    free(apart);
    return chance;
}

/* ---- The interval -------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The rank, counted from 1, of the mean of a pair that is the lower end; 0: too few values. */
static size_t lower_end(size_t count, double tail)
{
    double n = (double)count, most = n * (n + 1) / 2;
    if (count > EXACT_MOST) {
        double rank = most / 2 - normal_quantile_above(tail) * sqrt(most * (2 * n + 1) / 12) + 0.5;
        return rank < 1 ? 0 : (size_t)rank;
    }
    double chances[SUM_MOST + 1], sum = 0;
    size_t rank = 0;
    sum_chances(count, chances);
    while ((double)rank < most / 2 && sum + chances[rank] <= tail * (1 + 1e-12))
        sum += chances[rank++];
    return rank;
}

struct stats_interval signed_rank_interval(const double *values, size_t count, double confidence)
{
    struct stats_interval interval = {NAN, NAN, NAN, count, false};
    size_t pairs = count * (count + 1) / 2, used = 0;
    double *means = count > 0 ? malloc(pairs * sizeof *means) : NULL;
    if (!means)
        return interval;
    bool known = true;
    for (size_t i = 0; i < count; i++) {
        known = known && !isnan(values[i]);
        for (size_t j = i; j < count; j++)
            means[used++] = (values[i] + values[j]) / 2;
    }
    if (known) {
        qsort(means, pairs, sizeof *means, compare_doubles);
        size_t rank = lower_end(count, (1 - confidence) / 2);
        interval.exact = rank > 0;
        interval.median = (means[(pairs - 1) / 2] + means[pairs / 2]) / 2;
        interval.lo = means[rank > 0 ? rank - 1 : 0];
        interval.hi = means[rank > 0 ? pairs - rank : pairs - 1];
    }
    free(means);
    return interval;
}

/* changes.c - the levels of a series. */
#include "changes.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

/* Permutations: enough for a smallest chance of a twentieth of alpha, and the most that are drawn.
 */
#define PERMUTATIONS_PER_ALPHA 20
#define PERMUTATIONS_MOST 19999

struct series {
    const double *values;
    double *shuffled; /* [count] */
    const struct changes_options *options;
    struct changes_level *levels;
    size_t level_count;
    uint64_t random;
};

/* ---- Random orders ------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void shuffle(uint64_t *state, double *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)(next(state) % i);
        double kept = values[i - 1];
        values[i - 1] = values[j];
        values[j] = kept;
    }
}

/* ---- Energy -------------------------------------------------------------------------------- */

static double distances(double value, const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += fabs(value - values[i]);
    return sum;
}

/* The energy distance of values[0, split) and values[split, count), scaled by both counts, from the
 * sums of all distances between them, within the first and within the second. */
static double energy(size_t split, size_t count, double between, double first, double second)
{
    double m = (double)split, n = (double)(count - split);
    double apart = 2 * between / (m * n) - 2 * first / (m * (m - 1)) - 2 * second / (n * (n - 1));
    return apart * m * n / (m + n);
}

/* The largest energy over all places to part at. One value after the other goes from the second
 * piece to the first. */
static double best_split(const double *values, size_t count, size_t *ret_split)
{
    double between = 0, first = 0, second = 0, best = -INFINITY;
    for (size_t i = 0; i < count; i++)
        second += distances(values[i], values + i + 1, count - i - 1);
    for (size_t split = 1; split + CHANGES_SHORTEST <= count; split++) {
        double value = values[split - 1];
        double before = distances(value, values, split - 1);
        double after = distances(value, values + split, count - split);
        first += before;
        second -= after;
        between += after - before;
        double now =
            split < CHANGES_SHORTEST ? -INFINITY : energy(split, count, between, first, second);
        if (now > best) {
            best = now;
            *ret_split = split;
        }
    }
    return best;
}

/* Whether fewer than alpha of the permutations can be parted as well. It ends when that is out of
 * reach. */
static bool is_rare(struct series *series, const double *values, size_t count, double best)
{
    double alpha = series->options->alpha;
    size_t trials = (size_t)fmin(PERMUTATIONS_MOST, ceil(PERMUTATIONS_PER_ALPHA / alpha) - 1);
    double allowed = alpha * (double)(trials + 1); /* that reach it, the series itself included */
    size_t reached = 1, ignored = 0;
    memcpy(series->shuffled, values, count * sizeof *values);
    for (size_t i = 0; i < trials && (double)reached <= allowed; i++) {
        shuffle(&series->random, series->shuffled, count);
        reached += best_split(series->shuffled, count, &ignored) >= best;
    }
    return (double)reached <= allowed;
}

/* ---- Levels -------------------------------------------------------------------------------- */

static void add_level(struct series *series, size_t first, size_t end)
{
    series->levels[series->level_count++] =
        (struct changes_level){first, stats_median(series->values + first, end - first)};
}

static bool is_large(const struct series *series, size_t first, size_t split, size_t end)
{
    double before = stats_median(series->values + first, split - first);
    double after = stats_median(series->values + split, end - split);
    return fabs(after - before) >= series->options->least * fabs(before);
}

/* The levels of [first, end), the earlier ones first. */
static void part(struct series *series, size_t first, size_t end)
{
    const double *values = series->values + first;
    size_t count = end - first, split = 0;
    bool changes = false;
    if (count >= 2 * CHANGES_SHORTEST) {
        double best = best_split(values, count, &split);
        changes =
            is_large(series, first, first + split, end) && is_rare(series, values, count, best);
    }
    if (!changes) {
        add_level(series, first, end);
        return;
    }
    part(series, first, first + split);
    part(series, first + split, end);
}

size_t changes_levels(const double *values, size_t count, const struct changes_options *options,
                      struct changes_level *ret_levels)
{
    struct series series = {.values = values,
                            .shuffled = malloc((count + 1) * sizeof *values),
                            .options = options,
                            .levels = ret_levels,
                            .random = 1};
    if (series.shuffled && count > 0)
        part(&series, 0, count);
    free(series.shuffled);
    return series.level_count;
}

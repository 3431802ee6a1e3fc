/* test_stats.c - medians and intervals against textbook ranks, an independent binomial and nature:
 * intervals of random samples must cover the true median as often as they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "stats.h"

static bool close_to(double value, double expected)
{
    return fabs(value - expected) <= 1e-12 * fabs(expected);
}

/* 1, 2, ..., count in a shuffled order; then a rank and its value are the same. */
static double *ranks(size_t count)
{
    double *values = calloc(count, sizeof *values);
    struct rng rng = rng_seed(count);

    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        size_t j = rng_below(&rng, (uint32_t)i + 1);
        values[i] = values[j];
        values[j] = (double)i + 1;
    }
    return values;
}

static struct stats_interval rank_interval(size_t count, double confidence)
{
    double *values = ranks(count);
    struct stats_interval interval = stats_median_interval(values, count, confidence);

    free(values);
    return interval;
}

/* P(Bin(count, 1/2) <= m), each term by logarithms of the gamma function: another way than the
 * recurrence under test. */
static double tail(size_t count, size_t m)
{
    double sum = 0, n = (double)count;

    for (size_t k = 0; k <= m; k++)
        sum += exp(lgamma(n + 1) - lgamma((double)k + 1) - lgamma(n - (double)k + 1) -
                   n * 0.693147180559945309);
    return sum;
}

static void medians(void **state)
{
    const double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, ties[] = {5, 1, 5, 5, 9};
    const double infinite[] = {INFINITY, 1, INFINITY, INFINITY}, small[] = {5e-324, 5e-324};
    const double huge[] = {1.7e308, 1.6e308}, bad[] = {1, NAN, 2};
    double one = 7;

    (void)state;
    assert_true(stats_median(odd, 3) == 2);
    assert_true(stats_median(even, 4) == 2.5);
    assert_true(stats_median(ties, 5) == 5);
    assert_true(stats_median(&one, 1) == 7);
    assert_true(stats_median(infinite, 4) == INFINITY);
    assert_true(stats_median(small, 2) == 5e-324);
    assert_true(close_to(stats_median(huge, 2), 1.65e308));
    assert_true(isnan(stats_median(bad, 3)));
    assert_true(even[0] == 4 && even[1] == 1 && even[2] == 3 && even[3] == 2);
}

static void quantiles(void **state)
{
    const double values[] = {15, 20, 35, 40, 50};

    (void)state;
    assert_true(stats_quantile(values, 5, 0) == 15);
    assert_true(stats_quantile(values, 5, 1) == 50);
    assert_true(stats_quantile(values, 5, 0.5) == 35);
    assert_true(close_to(stats_quantile(values, 5, 0.4), 29)); /* R: quantile(x, 0.4, type = 7) */
    assert_true(close_to(stats_quantile(values, 4, 0.9), 38.5));
    assert_true(isnan(stats_quantile(values, 5, -0.1)));
    assert_true(isnan(stats_quantile(values, 5, 1.1)));
    assert_true(isnan(stats_quantile(values, 5, NAN)));
}

/* Ranks as printed in tables of the sign test (and R's qbinom(alpha / 2, n, 0.5)). */
static void textbook_ranks(void **state)
{
    static const struct {
        size_t count;
        double confidence;
        double lo, hi;
        bool exact;
    } rows[] = {
        {1, 0.95, 1, 1, false},   {2, 0.95, 1, 2, false},    {5, 0.95, 1, 5, false},
        {6, 0.95, 1, 6, true},    {8, 0.95, 1, 8, true},     {9, 0.95, 2, 8, true},
        {10, 0.95, 2, 9, true},   {12, 0.95, 3, 10, true},   {15, 0.95, 4, 12, true},
        {20, 0.95, 6, 15, true},  {25, 0.95, 8, 18, true},   {40, 0.95, 14, 27, true},
        {50, 0.95, 18, 33, true}, {100, 0.95, 40, 61, true}, {1000, 0.95, 469, 532, true},
        {10, 0.99, 1, 10, true},  {7, 0.99, 1, 7, false},    {8, 0.99, 1, 8, true},
        {20, 0.99, 4, 17, true},  {20, 0.90, 6, 15, true},   {5, 0.9375, 1, 5, true},
        {4, 0.9375, 1, 4, false}, {10, 0.5, 4, 7, true},     {5, 0, 3, 3, true},
        {6, 0, 3, 4, true},       {30, 1, 1, 30, false},     {30, NAN, 1, 30, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stats_interval got = rank_interval(rows[i].count, rows[i].confidence);
        if (!(got.lo == rows[i].lo && got.hi == rows[i].hi && got.exact == rows[i].exact))
            fail_msg("n = %zu at %g: %g..%g exact %d, expected %g..%g exact %d", rows[i].count,
                     rows[i].confidence, got.lo, got.hi, got.exact, rows[i].lo, rows[i].hi,
                     rows[i].exact);
        assert_true(got.median == (double)(rows[i].count + 1) / 2);
        assert_int_equal(got.count, rows[i].count);
    }
}

/* Wide enough, and not a rank wider than needed. */
static void ranks_match_the_binomial(void **state)
{
    static const double confidences[] = {0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.999999};
    static const size_t large[] = {1001, 1500, 2000, 4999, 10000, 100001, 1000000};

    (void)state;
    for (size_t i = 0; i < 207; i++) {
        size_t count = i < 200 ? i + 1 : large[i - 200];
        for (size_t c = 0; c < sizeof confidences / sizeof *confidences; c++) {
            double alpha = 1 - confidences[c], slack = 1 + 1e-6;
            if (i >= 200 && c != 3 && c != 6)
                continue;
            struct stats_interval got = rank_interval(count, confidences[c]);
            size_t rank = (size_t)got.lo;
            assert_true(got.lo + got.hi == (double)count + 1);
            if (got.exact)
                assert_true(2 * tail(count, rank - 1) <= alpha * slack);
            else
                assert_true(rank == 1 && 2 * tail(count, 0) * slack > alpha);
            if (got.exact && 2 * rank + 1 <= count)
                assert_true(2 * tail(count, rank) * slack > alpha);
        }
    }
}

static void ties_and_bad_input(void **state)
{
    double same[12], bad[12];

    (void)state;
    for (size_t i = 0; i < 12; i++)
        same[i] = bad[i] = 2.5;
    bad[7] = NAN;
    struct stats_interval interval = stats_median_interval(same, 12, 0.95);
    assert_true(interval.median == 2.5 && interval.lo == 2.5 && interval.hi == 2.5);
    assert_true(interval.exact && stats_relative_width(&interval) == 0);
    interval = stats_median_interval(bad, 12, 0.95);
    assert_true(isnan(interval.median) && isnan(interval.lo) && isnan(interval.hi));
    assert_false(interval.exact);
    assert_false(stats_relative_width(&interval) <= 1e9);
    assert_true(isnan(stats_relative_mad(bad, 12)));
    assert_true(isnan(stats_median(same, 0)));
    assert_false(stats_median_interval(same, 0, 0.95).exact);
}

/* Within a round both values carry the same disturbance, which the ratio takes out. */
static void ratios_are_paired(void **state)
{
    enum { ROUNDS = 41 };
    double slow[ROUNDS], fast[ROUNDS];
    struct rng rng = rng_seed(3);

    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        double drift = exp(rng_normal(&rng));
        slow[i] = 300 * drift;
        fast[i] = 100 * drift * (1 + 0.01 * (rng_uniform(&rng) - 0.5));
    }
    struct stats_interval ratio = stats_ratio_interval(slow, fast, ROUNDS, 0.95);
    struct stats_interval alone = stats_median_interval(slow, ROUNDS, 0.95);
    assert_true(ratio.exact && ratio.lo <= 3 && 3 <= ratio.hi);
    assert_true(stats_relative_width(&ratio) <= 0.01);
    assert_true(stats_relative_width(&alone) >= 0.3);
    fast[5] = NAN;
    assert_true(isnan(stats_ratio_interval(slow, fast, ROUNDS, 0.95).median));
}

static void spread(void **state)
{
    const double values[] = {1, 2, 3, 4, 100};
    struct stats_interval exact = {4, 3, 5, 20, true}, short_one = {4, 3, 5, 5, false};

    (void)state;
    assert_true(close_to(stats_relative_mad(values, 5), 1.0 / 3));
    assert_true(close_to(stats_relative_width(&exact), 0.5));
    assert_true(stats_relative_width(&short_one) == INFINITY);
}

/* 2000 experiments each with a long-tailed distribution whose median is 1; a right interval at 95 %
 * covers it in 95 to 98 % of them, depending on the count. */
static void intervals_cover_the_median(void **state)
{
    static const size_t counts[] = {6, 10, 20, 35, 101};
    enum { EXPERIMENTS = 2000 };
    struct rng rng = rng_seed(20250101);

    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        int covered = 0, below = 0;
        for (int e = 0; e < EXPERIMENTS; e++) {
            double values[101], ones[101];
            for (size_t i = 0; i < counts[c]; i++) {
                values[i] = exp(1.5 * rng_normal(&rng));
                ones[i] = 1;
            }
            struct stats_interval a = stats_median_interval(values, counts[c], 0.95);
            struct stats_interval b = stats_ratio_interval(values, ones, counts[c], 0.95);
            assert_true(a.lo == b.lo && a.hi == b.hi && a.lo <= a.median && a.median <= a.hi);
            covered += a.lo <= 1 && 1 <= a.hi;
            below += a.median < 1;
        }
        if (!(covered >= 0.94 * EXPERIMENTS))
            fail_msg("n = %zu: %d of %d intervals cover the median", counts[c], covered,
                     EXPERIMENTS);
        assert_true(below >= 0.45 * EXPERIMENTS && below <= 0.55 * EXPERIMENTS);
    }
}

/* ---- Groups -------------------------------------------------------------------------------- */

/* Where the interval of 1, 2, ..., count must lie when groups have `size` values each. */
static struct stats_interval grouped(size_t count, size_t size)
{
    double values[1000];
    int group[1000];

    for (size_t i = 0; i < count; i++) {
        values[i] = (double)i + 1;
        group[i] = (int)(i / size);
    }
    return stats_grouped_interval(values, group, count, 0.95);
}

static void groups_are_the_samples(void **state)
{
    (void)state;
    /* Ten groups of three: their medians are 2, 5, ..., 29, of which ranks 2 and 9 count. */
    struct stats_interval interval = grouped(30, 3);
    assert_true(interval.exact && interval.count == 30);
    assert_true(interval.lo == 5 && interval.hi == 26 && interval.median == 15.5);

    /* Forty groups of two: twenty batches of two groups, medians 2.5, 6.5, ..., ranks 6 and 15. */
    interval = grouped(80, 2);
    assert_true(interval.exact && interval.lo == 22.5 && interval.hi == 58.5);

    /* One group, as if all were one series: of 10 the values, of 100 twenty batches of five. */
    interval = grouped(10, 1000);
    assert_true(interval.exact && interval.lo == 2 && interval.hi == 9);
    interval = grouped(100, 1000);
    assert_true(interval.exact && interval.lo == 28 && interval.hi == 73);
    assert_false(grouped(5, 1).exact);

    /* Two groups are too few: batches of values, and both groups' medians lie within. */
    interval = grouped(100, 50);
    assert_true(interval.exact && interval.lo == 25.5 && interval.hi == 75.5);
    /* A third that was just begun does not count. */
    interval = grouped(110, 50);
    assert_true(interval.exact && interval.lo == 25.5 && interval.hi == 80.5);
}

static void groups_of_bad_input(void **state)
{
    double values[12] = {[3] = NAN};
    int group[12] = {0};

    (void)state;
    struct stats_interval interval = stats_grouped_interval(values, group, 12, 0.95);
    assert_true(isnan(interval.median) && isnan(interval.lo) && !interval.exact);
    group[11] = 1;
    interval = stats_grouped_interval(values, group, 12, 0.95);
    assert_true(isnan(interval.median) && isnan(interval.lo) && !interval.exact);
    assert_false(stats_grouped_interval(values, group, 0, 0.95).exact);
}

/* A machine as they are: log ratios around the truth, plus an effect of the place in memory, plus
 * one that drifts (a random walk that forgets), plus noise of every sample. */
struct made_machine {
    double place, drift, keep, noise;
};

enum { MADE_MOST = 400 };

static void made_ratios(struct rng *rng, const struct made_machine *m, size_t count, size_t size,
                        double *ret_values, int *ret_group)
{
    double place = 0, drift = m->drift * rng_normal(rng);

    for (size_t i = 0; i < count; i++) {
        if (i % size == 0)
            place = m->place * rng_normal(rng);
        drift = m->keep * drift + sqrt(1 - m->keep * m->keep) * m->drift * rng_normal(rng);
        ret_values[i] = exp(place + drift + m->noise * rng_normal(rng));
        ret_group[i] = (int)(i / size);
    }
}

/* Share of 1000 intervals that hold the truth; of all samples taken as independent, and grouped. */
static void made_coverage(const struct made_machine *m, size_t count, size_t size,
                          double *ret_plain, double *ret_grouped)
{
    enum { EXPERIMENTS = 1000 };
    static double values[MADE_MOST];
    static int group[MADE_MOST];
    struct rng rng = rng_seed(20250102);
    size_t plain_holds = 0, grouped_holds = 0;

    for (int e = 0; e < EXPERIMENTS; e++) {
        made_ratios(&rng, m, count, size, values, group);
        struct stats_interval plain = stats_median_interval(values, count, 0.95);
        struct stats_interval batched = stats_grouped_interval(values, group, count, 0.95);
        plain_holds += plain.lo <= 1 && 1 <= plain.hi;
        grouped_holds += batched.lo <= 1 && 1 <= batched.hi;
    }
    *ret_plain = (double)plain_holds / EXPERIMENTS;
    *ret_grouped = (double)grouped_holds / EXPERIMENTS;
}

/* Where places and drift matter, an interval of all samples is a promise that isn't kept. */
static void groups_cover_the_truth(void **state)
{
    static const struct {
        struct made_machine machine;
        size_t count, size;
        double plain_most, grouped_least;
    } rows[] = {
        {{0, 0, 0, 0.02}, 60, 3, 1, 0.94},             /* nothing but noise */
        {{0.02, 0, 0, 0.01}, 60, 3, 0.88, 0.94},       /* places, twenty of three rounds */
        {{0.02, 0, 0, 0.01}, 400, 40, 0.45, 0.94},     /* ten of forty rounds */
        {{0.02, 0, 0, 0.01}, 180, 3, 0.88, 0.94},      /* sixty */
        {{0, 0.02, 0.8, 0.01}, 400, 400, 0.70, 0.90},  /* one place, drift over five rounds */
        {{0.01, 0.01, 0.8, 0.01}, 400, 20, 0.60, 0.93} /* both */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double plain, batched;
        made_coverage(&rows[i].machine, rows[i].count, rows[i].size, &plain, &batched);
        if (!(plain <= rows[i].plain_most && batched >= rows[i].grouped_least))
            fail_msg("row %zu: %.1f %% of plain and %.1f %% of grouped intervals hold the truth", i,
                     100 * plain, 100 * batched);
    }
}

/* Share of 1000 intervals that hold the truth when sampling ends as in a sweep: after ten groups
 * the interval is looked at whenever a sixteenth more came in, and the first that is narrow is
 * taken. */
static double early_coverage(const struct made_machine *machine, double confidence)
{
    enum { EXPERIMENTS = 1000, SIZE = 3 };
    static double values[MADE_MOST];
    static int group[MADE_MOST];
    struct rng rng = rng_seed(20250103);
    int holds = 0;

    for (int e = 0; e < EXPERIMENTS; e++) {
        struct stats_interval interval = {0};
        made_ratios(&rng, machine, MADE_MOST, SIZE, values, group);
        for (size_t count = 10 * SIZE; count <= MADE_MOST; count += SIZE + count / 16) {
            interval = stats_grouped_interval(values, group, count, confidence);
            if (stats_relative_width(&interval) <= 0.02)
                break;
        }
        holds += interval.lo <= 1 && 1 <= interval.hi;
    }
    return (double)holds / EXPERIMENTS;
}

/* That is why a sweep asks for 98 % where it says 95 %. */
static void stopping_early_has_a_price(void **state)
{
    const struct made_machine places = {0.02, 0, 0, 0.01}, noise = {0.01, 0, 0, 0.02};
    const struct made_machine drift = {0.01, 0.01, 0.8, 0.01};
    double paid = early_coverage(&places, 0.95), honest = early_coverage(&places, 0.98);

    (void)state;
    if (!(paid <= 0.93 && honest >= 0.935))
        fail_msg("%.1f %% at 95 %%, %.1f %% at 98 %%", 100 * paid, 100 * honest);
    assert_true(early_coverage(&noise, 0.98) >= 0.95);
    assert_true(early_coverage(&drift, 0.98) >= 0.90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(textbook_ranks),
        cmocka_unit_test(ranks_match_the_binomial),
        cmocka_unit_test(ties_and_bad_input),
        cmocka_unit_test(ratios_are_paired),
        cmocka_unit_test(spread),
        cmocka_unit_test(intervals_cover_the_median),
        cmocka_unit_test(groups_are_the_samples),
        cmocka_unit_test(groups_of_bad_input),
        cmocka_unit_test(groups_cover_the_truth),
        cmocka_unit_test(stopping_early_has_a_price),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

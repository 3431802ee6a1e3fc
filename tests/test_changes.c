/* test_changes.c - levels of made-up histories: a step is found where it is, noise has none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "changes.h"

#include <cmocka.h> /* defines fail() */

enum { RUNS = 40 };

static const struct changes_options usual = {.alpha = 0.05, .least = 0.01};

/* Ratios around 0.4, off by half a per cent from run to run. */
static void make_noise(struct rng *rng, double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = 0.4 * exp(0.005 * rng_normal(rng));
}

static void scale(double *values, size_t first, size_t end, double factor)
{
    for (size_t i = first; i < end; i++)
        values[i] *= factor;
}

/* A step of 3 % is found at its run, wherever it is, up and down. */
static void test_step(void **state)
{
    (void)state;
    const size_t places[] = {4, 8, 20, 33, 36};
    struct rng rng = rng_seed(1);
    for (size_t p = 0; p < 5; p++)
        for (size_t trial = 0; trial < 20; trial++) {
            double values[RUNS];
            struct changes_level levels[RUNS];
            make_noise(&rng, values, RUNS);
            scale(values, places[p], RUNS, trial % 2 ? 1.03 : 1 / 1.03);
            assert_in_range(changes_levels(values, RUNS, &usual, levels), 2, 3);
            size_t nearest = levels[1].first;
            assert_in_range(nearest, places[p] - 1, places[p] + 1);
            assert_true(fabs(levels[0].median / 0.4 - 1) < 0.01);
        }
}

/* A step of many times the noise is found at its very run, as soon as a level is long enough. */
static void test_exact(void **state)
{
    (void)state;
    struct rng rng = rng_seed(2);
    for (size_t place = CHANGES_SHORTEST; place <= RUNS - CHANGES_SHORTEST; place++) {
        double values[RUNS];
        struct changes_level levels[RUNS];
        make_noise(&rng, values, RUNS);
        scale(values, place, RUNS, 1.1);
        assert_in_range(changes_levels(values, RUNS, &usual, levels), 2, 3);
        bool found = levels[1].first == place || levels[2].first == place;
        assert_true(found);
    }
}

static void test_two_steps(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    double values[RUNS];
    struct changes_level levels[RUNS], again[RUNS];
    make_noise(&rng, values, RUNS);
    scale(values, 12, 26, 1.06);
    scale(values, 26, RUNS, 0.97);
    assert_int_equal(changes_levels(values, RUNS, &usual, levels), 3);
    assert_int_equal(levels[0].first, 0);
    assert_int_equal(levels[1].first, 12);
    assert_int_equal(levels[2].first, 26);
    assert_true(fabs(levels[1].median / levels[0].median - 1.06) < 0.005);
    assert_int_equal(changes_levels(values, RUNS, &usual, again), 3);
    assert_memory_equal(levels, again, 3 * sizeof *levels);
}

/* How many of `histories` have a change, each of `series` series of noise. A tenth of the values
 * are wild where `wild`. */
static size_t alarms(uint64_t seed, size_t histories, size_t series, bool wild, double alpha)
{
    const struct changes_options options = {.alpha = alpha, .least = 0.001};
    struct rng rng = rng_seed(seed);
    size_t found = 0;
    for (size_t h = 0; h < histories; h++) {
        bool change = false;
        for (size_t s = 0; s < series; s++) {
            double values[RUNS];
            struct changes_level levels[RUNS];
            make_noise(&rng, values, RUNS);
            for (size_t i = 0; wild && i < RUNS; i++)
                values[i] *= rng_uniform(&rng) < 0.1 ? 1 + 0.3 * rng_uniform(&rng) : 1;
            change = changes_levels(values, RUNS, &options, levels) > 1 || change;
        }
        found += change;
    }
    return found;
}

/* Noise alone: no change in 95 of 100 histories, of one series and of as many as a figure has. */
static void test_noise(void **state)
{
    (void)state;
    assert_in_range(alarms(4, 400, 1, false, 0.05), 4, 30);
    assert_in_range(alarms(5, 400, 1, true, 0.05), 4, 30);
    assert_in_range(alarms(6, 100, 26, false, 0.05 / 26), 0, 5);
    assert_in_range(alarms(7, 100, 26, true, 0.05 / 26), 0, 5);
}

/* A lone wild value is no level, and neither is a difference that doesn't matter. */
static void test_none(void **state)
{
    (void)state;
    struct rng rng = rng_seed(8);
    double values[RUNS];
    struct changes_level levels[RUNS];
    make_noise(&rng, values, RUNS);
    values[20] *= 1.5;
    assert_int_equal(changes_levels(values, RUNS, &usual, levels), 1);
    for (size_t i = 0; i < RUNS; i++)
        values[i] = i < 20 ? 1 : 1.009;
    assert_int_equal(changes_levels(values, RUNS, &usual, levels), 1);
    scale(values, 20, RUNS, 1.002);
    assert_int_equal(changes_levels(values, RUNS, &usual, levels), 2);
    for (size_t i = 0; i < RUNS; i++)
        values[i] = 1;
    assert_int_equal(changes_levels(values, RUNS, &usual, levels), 1);
    values[1] = 2; /* too short for two levels */
    assert_int_equal(changes_levels(values, 2, &usual, levels), 1);
    assert_true(levels[0].median == 1.5);
    assert_int_equal(changes_levels(values, 0, &usual, levels), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),      cmocka_unit_test(test_exact),
        cmocka_unit_test(test_two_steps), cmocka_unit_test(test_noise),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_measure.c - measuring: its decisions as pure functions, its loop on cases that count their
 * calls, and small groups from data to points, of which all is asserted but the times. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/team.h"
#include "machine/ceiling.h"
#include "machine/pin.h"
#include "base/clock.h"
#include "run/estimate.h"
#include "measure/gbench.h"
#include "measure/measure.h"
#include "measure/placement.h"
#include "measure/ring.h"
#include "base/rng.h"
#include "measure/rounds.h"
#include "suite/suite.h"
#include "midl_config.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* True for the same double, and for NaN twice. */
static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-12 * fabs(b);
}

/* ---- Decisions ----------------------------------------------------------------------------- */

static void test_when_to_stop(void **state)
{
    const struct rounds_options options = {
        .target = 0.02, .budget_ns = 1000, .min_rounds = 10, .target_rounds = 12};
    const double narrow[] = {0.01, 0.02}, one_wide[] = {0.01, 0.021};
    const double unknown[] = {NAN, 0.01}, endless[] = {0.01, INFINITY};
    const struct {
        const double *widths;
        size_t rounds;
        double disturbed, spent_ns;
        enum rounds_stop expected;
    } rows[] = {{narrow, 9, 0, 1, ROUNDS_MORE},
                {narrow, 9, 0, 2000, ROUNDS_MORE},
                {narrow, 10, 0, 1, ROUNDS_MORE},
                {narrow, 10, 0, 2000, ROUNDS_BUDGET},
                {narrow, 12, 0, 1, ROUNDS_TARGET},
                {narrow, 12, 0, 2000, ROUNDS_TARGET},
                {one_wide, 10, 0, 1, ROUNDS_MORE},
                {one_wide, 10, 0, 999, ROUNDS_MORE},
                {one_wide, 10, 0, 1000, ROUNDS_BUDGET},
                {unknown, 500, 0, 1, ROUNDS_MORE},
                {unknown, 500, 0, 1000, ROUNDS_BUDGET},
                {endless, 10, 0, 1, ROUNDS_MORE},
                {endless, 10, 0, 1000, ROUNDS_BUDGET},
                /* Half of the budget is to be calm, if need be within four budgets. */
                {one_wide, 20, 0.5, 999, ROUNDS_MORE},
                {one_wide, 20, 0.5, 1000, ROUNDS_BUDGET},
                {one_wide, 20, 0.75, 1999, ROUNDS_MORE},
                {one_wide, 20, 0.75, 2000, ROUNDS_BUDGET},
                {one_wide, 20, 1, 3999, ROUNDS_MORE},
                {one_wide, 20, 1, 4000, ROUNDS_BUDGET},
                {one_wide, 9, 0, 9000, ROUNDS_MORE},
                {narrow, 20, 1, 1, ROUNDS_TARGET}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(rounds_decide(rows[i].widths, 2, rows[i].rounds, rows[i].disturbed,
                                       rows[i].spent_ns, &options),
                         rows[i].expected);
}

static void test_no_rounds_are_never_enough(void **state)
{
    const struct rounds_options options = {.target = 1, .budget_ns = 0, .min_rounds = 0};
    (void)state;
    assert_int_equal(rounds_decide(NULL, 0, 0, 0, 1, &options), ROUNDS_MORE);
}

static void test_disturbed_rounds(void **state)
{
    /* The calm machine is the one of the fastest rounds, however many are slower. */
    const double reference[] = {100, 111, 100, 190, 190, 110, 100, 190, 190, 190, 1e9};
    const bool expected[] = {false, true, false, true, true, false, false, true, true, true, true};
    const double stolen[] = {0, NAN, 0.05, 0, 0, 0, 0.11, NAN, 0, 0, 0};
    const double nothing[COUNT(reference)] = {0};
    double unknown[COUNT(reference)];
    bool disturbed[COUNT(reference)];
    (void)state;
    assert_int_equal(rounds_mark(reference, nothing, COUNT(reference), disturbed), 7);
    assert_memory_equal(disturbed, expected, sizeof expected);
    assert_int_equal(rounds_mark(reference, stolen, COUNT(reference), disturbed), 8);
    assert_true(disturbed[6] && !disturbed[2] && !disturbed[5]);

    /* NaN is never calm, and as the calm time is NaN too, nothing is. */
    memcpy(unknown, reference, sizeof reference);
    unknown[4] = NAN;
    assert_int_equal(rounds_mark(unknown, nothing, COUNT(unknown), disturbed), COUNT(unknown));
    assert_int_equal(rounds_mark(unknown, nothing, 0, disturbed), 0);
}

static void test_enough_must_be_left(void **state)
{
    (void)state;
    assert_false(rounds_use_all(10, 0));
    assert_false(rounds_use_all(10, 5));
    assert_true(rounds_use_all(10, 6));
    assert_true(rounds_use_all(10, 10));
    assert_false(rounds_use_all(11, 5));
    assert_true(rounds_use_all(11, 6));
    assert_false(rounds_use_all(1000, 1000 - ROUNDS_ENOUGH));
    assert_true(rounds_use_all(1000, 1000 - ROUNDS_ENOUGH + 1));
}

/* Two speeds with narrow spread are two regimes; outliers, a single wide spread and a small step
 * are one. */
static void test_regimes(void **state)
{
    enum { ROUNDS = 60 };
    double times[ROUNDS];
    struct rng rng = rng_seed(5);
    (void)state;
    const struct {
        double step, spread;
        int slow; /* rounds of ten that are slow */
        int expected;
    } rows[] = {{1.2, 0.01, 5, 2},   {1.2, 0.01, 2, 2}, {1.08, 0.005, 5, 2}, {1.2, 0.01, 0, 1},
                {1.02, 0.001, 5, 1}, {1.2, 0.15, 5, 1}, {1, 0, 5, 1}};
    for (size_t row = 0; row < COUNT(rows); row++) {
        for (size_t i = 0; i < ROUNDS; i++)
            times[i] = ((int)(i % 10) < rows[row].slow ? rows[row].step : 1) *
                       (1 + rows[row].spread * (rng_uniform(&rng) - 0.5));
        if (rounds_regimes(times, ROUNDS) != rows[row].expected)
            fail_msg("row %zu", row);
    }
    for (size_t i = 0; i < ROUNDS; i++)
        times[i] = i == 7 || i == 30 ? 3 : 1 + 0.01 * rng_uniform(&rng);
    assert_int_equal(rounds_regimes(times, ROUNDS), 1);
    times[0] = NAN;
    assert_int_equal(rounds_regimes(times, ROUNDS), 1);
    assert_int_equal(rounds_regimes(times, 0), 1);
}

/* As often as there were rounds enough, and as its share of the time allows. */
static void test_when_to_move(void **state)
{
    bool (*const move)(void *) = (bool (*)(void *))abort; /* never called */
    struct rounds_options options = {.place_rounds = 3, .move_share = 0.1, .move = move};
    (void)state;
    assert_true(rounds_move_due(3, 100, 5, 5, &options));
    assert_false(rounds_move_due(2, 100, 5, 5, &options));
    assert_false(rounds_move_due(3, 99, 5, 5, &options));
    assert_false(rounds_move_due(300, 100, 0, 11, &options));
    assert_false(rounds_move_due(3, 100, 5, NAN, &options));
    options.move = NULL;
    assert_false(rounds_move_due(3, 100, 5, 5, &options));
}

static void test_yardstick(void **state)
{
    struct store_point points[] = {{.linear = false, .time_ns = 1},
                                   {.linear = true, .time_ns = NAN},
                                   {.linear = true, .time_ns = 20},
                                   {.linear = true, .time_ns = 10},
                                   {.linear = true, .time_ns = 10}};
    (void)state;
    assert_int_equal(measure_yardstick(points, 5), 3);
    assert_int_equal(measure_yardstick(points, 3), 2);
    assert_int_equal(measure_yardstick(points, 2), 2);
    assert_int_equal(measure_yardstick(points, 0), 0);
}

/* Rounds made up: times [cases][count], every round with its mark. */
static struct rounds made_rounds(struct store_sample **samples, size_t cases, size_t count,
                                 const double *times, const bool *disturbed)
{
    for (size_t i = 0; i < cases; i++)
        for (size_t j = 0; j < count; j++)
            samples[i][j] = (struct store_sample){.real_ns = times[i * count + j],
                                                  .iterations = 1,
                                                  .disturbed = disturbed[j],
                                                  .placement = (int)(j / 2)};
    return (struct rounds){.cases = cases, .count = count, .samples = samples};
}

static void test_speedup_is_within_rounds(void **state)
{
    /* The machine gets ten times slower and the ratio stays 2; in one round, which is disturbed, it
     * is 50. A ratio of medians would be 2 too; of unpaired values it would not. */
    const double times[] = {20, 40, 60, 80, 100, 120, 140, 200, 5000,
                            10, 20, 30, 40, 50,  60,  70,  100, 100};
    const bool disturbed[9] = {[8] = true};
    struct store_sample first[9], second[9], *samples[] = {first, second};
    struct rounds rounds = made_rounds(samples, 2, 9, times, disturbed);
    struct stats_interval speedup;
    double values[9];
    int places[9];
    (void)state;

    assert_int_equal(rounds_values(&rounds, 0, values, places), 8);
    assert_int_equal(places[7], 3);
    assert_true(measure_speedup(&rounds, 0, 1, &speedup));
    assert_int_equal(speedup.count, 8);
    assert_true(same(speedup.median, 2) && same(speedup.lo, 2) && same(speedup.hi, 2));
    assert_true(measure_speedup(&rounds, 1, 0, &speedup));
    assert_true(same(speedup.median, 0.5));

    /* One more disturbed of the first case, two others of the second: a ratio is calm if both are,
     * and of nine that would be five. */
    first[0].disturbed = second[2].disturbed = second[3].disturbed = true;
    assert_int_equal(rounds_values(&rounds, 0, values, places), 7);
    assert_true(same(values[0], 40));
    assert_int_equal(rounds_values(&rounds, 1, values, places), 6);
    assert_int_equal(rounds_ratios(&rounds, 0, 1, values, places), 5);
    assert_int_equal(places[0], 0);
    assert_int_equal(places[1], 2);

    /* With one more four are left, and all are used: of the ratios, not of the times. */
    second[4].disturbed = true;
    assert_int_equal(rounds_values(&rounds, 0, values, places), 7);
    assert_int_equal(rounds_values(&rounds, 1, values, places), 5);
    assert_int_equal(rounds_ratios(&rounds, 0, 1, values, places), 9);
    assert_true(same(values[8], 50));
    assert_true(measure_speedup(&rounds, 0, 1, &speedup));
    assert_int_equal(speedup.count, 9);
    assert_true(same(speedup.median, 2));
}

static void test_bound(void **state)
{
    const struct ceilings ceilings = {
        .threads = 1,
        .curve = {{1000, 100, "1"}, {2000, 50, "2"}, {4000, 10, "4"}},
        .curve_count = 3,
        .peaks = {{"avx2/f32", 20}, {"avx2/bf16", 15}, {"vnni/int8", 80}, {"portable/f32", 5}},
        .peak_count = 4};
    const struct ceilings none = {.threads = 1};
    (void)state;

    /* Bytes decide: as fast as the largest measured set that is no larger. */
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 20, 800, 10), 8));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 20, 800, 1999), 8));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 20, 800, 2000), 16));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 20, 800, 3999), 16));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 20, 80000, 90000), 8000));
    /* FLOPs decide: at the best rate of the dtype or of floats. */
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_F32, 2000, 800, 900), 100));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_BF16, 2000, 800, 900), 100));
    assert_true(same(ceilings_bound_ns(&ceilings, MIDL_INT8, 2000, 800, 900), 25));
    assert_true(isnan(ceilings_bound_ns(&none, MIDL_F32, 20, 800, 900)));
    assert_true(isnan(ceilings_bound_ns(&ceilings, MIDL_F32, NAN, 800, 900)));
    assert_true(isnan(ceilings_bound_ns(&ceilings, MIDL_F32, 20, NAN, 900)));
}

/* The budget where calls are short; the least number of rounds where they are long; callgrind. */
static void test_estimate(void **state)
{
    struct bench_shape small = {.layer = {.d = 100, .n = 100, .k = 50}, .batch = 1};
    struct bench_shape large = {.layer = {.d = 4000, .n = 4000, .k = 50}, .batch = 1000};
    struct estimate_options options = {
        .budget_ns = 1e9, .sample_ns = 1e6, .min_rounds = 10, .peak_gflops = 100};
    (void)state;
    double one_ns = estimate_group_ns(&small, 1, &options);
    assert_true(one_ns >= 1e9 && one_ns < 1.1e9);
    assert_true(estimate_group_ns(&small, 200, &options) > 2e9);
    assert_true(estimate_group_ns(&large, 3, &options) > 10 * 3 * 32e9 / 100);
    options.callgrind = true;
    assert_true(estimate_group_ns(&small, 3, &options) > one_ns + 3e8);
    assert_true(ceiling_glance() > 0);
}

static void test_copies_of_a_ring(void **state)
{
    (void)state;
    assert_int_equal(ring_copies(1000, 100), 20);
    assert_int_equal(ring_copies(1000, 99), 21);
    assert_int_equal(ring_copies(1000, 1000), 2);
    assert_int_equal(ring_copies(1000, 1e9), 2);
    assert_true(ring_copies(1e9, 0) > RING_MAX);
}

/* ---- Ceilings of this machine -------------------------------------------------------------- */

static void test_ceilings(void **state)
{
    struct store_ceiling rows[CEILING_ROWS];
    struct error error;
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct ceilings ceilings;
        assert_int_equal(ceilings_measure(threads, NULL, &ceilings, &error), OUTCOME_DONE);
        size_t count = ceilings_rows(&ceilings, rows);
        assert_true(ceilings.level_count >= 1 && ceilings.peak_count >= 1);
        assert_int_equal(count, ceilings.level_count + ceilings.curve_count + ceilings.peak_count);
        for (size_t i = 0; i < count; i++) {
            bool bandwidth = strcmp(rows[i].kind, "flops") != 0;
            assert_true(rows[i].value > 0 && isfinite(rows[i].value));
            assert_int_equal(rows[i].threads, threads);
            assert_true(bandwidth ? rows[i].working_set_bytes > 0 : rows[i].working_set_bytes == 0);
        }
        assert_string_equal(ceilings.levels[ceilings.level_count - 1].name, "memory");
        for (size_t i = 1; i < ceilings.level_count; i++)
            assert_true(ceilings.levels[i].read.bytes >= ceilings.levels[i - 1].read.bytes);
        for (size_t i = 1; i < ceilings.curve_count; i++) {
            assert_true(ceilings.curve[i].bytes > ceilings.curve[i - 1].bytes);
            assert_true(ceilings.curve[i].gbps <= ceilings.curve[i - 1].gbps);
        }
        assert_true(ceilings_bound_ns(&ceilings, MIDL_INT8, 1e6, 1e6, 1e6) > 0);
    }
    assert_true(ceiling_llc_bytes() > 0);
}

static void test_ceilings_stop(void **state)
{
    const volatile sig_atomic_t stop = 1;
    struct ceilings ceilings;
    struct error error;
    (void)state;
    assert_int_equal(ceilings_measure(1, &stop, &ceilings, &error), OUTCOME_DONE);
    assert_true(ceilings.interrupted);
    assert_int_equal(ceilings.peak_count, 0);
    for (size_t i = 0; i < ceilings.curve_count; i++)
        assert_true(ceilings.curve[i].gbps == 0);
}

/* ---- The loop ------------------------------------------------------------------------------ */

struct counted {
    int64_t calls;
    volatile sig_atomic_t *stop;
    int64_t stop_at;
    volatile double work;
};

static void counted_call(void *data)
{
    struct counted *counted = data;
    counted->calls++;
    if (counted->stop && counted->calls == counted->stop_at)
        *counted->stop = 1;
    for (int i = 0; i < 100; i++)
        counted->work = counted->work + 1;
}

static void test_one_repetition(void **state)
{
    struct counted counted[2] = {{0}};
    struct gbench_case cases[2] = {{"first", counted_call, &counted[0], 7, 0},
                                   {"second", counted_call, &counted[1], 1, 5}};
    const size_t order[] = {1, 0};
    struct gbench_sample samples[2] = {{0}};
    (void)state;
    assert_int_equal(gbench_round(cases, order, 2, samples), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(samples[i].iterations, cases[i].iterations);
        assert_true(samples[i].real_ns > 0 && samples[i].cpu_ns >= 0);
    }
    assert_int_equal(counted[0].calls, 7 + 1); /* one that isn't timed, unless more are asked for */
    assert_int_equal(counted[1].calls, 1 + 5);
    assert_int_equal(gbench_round(cases, order, 0, samples), 0);
    assert_true(gbench_version()[0] != '\0');
}

static void test_calibration_fills_the_sample(void **state)
{
    struct counted counted = {0};
    struct gbench_case bench_case = {"counted", counted_call, &counted, 1, 0};
    (void)state;
    double once_ns = 0, call_ns = 0, begin_ns = clock_ns();
    int64_t few = gbench_iterations(&bench_case, 1, &once_ns);
    int64_t many = gbench_iterations(&bench_case, 1e6, &call_ns);
    double spent_ns = clock_ns() - begin_ns;
    assert_int_equal(few, 1);
    /* The number of calls fills the sample at the time of a call, which is that of the calls that were made,
     * whatever else the machine does. */
    assert_true(once_ns > 1 && call_ns > 1);
    assert_int_equal(many, (int64_t)fmax(ceil(1e6 / call_ns), 1));
    assert_true(2 * many <= counted.calls && 2 * (double)many * call_ns <= spent_ns);
}

#define ROUNDS_CASES 5

static void check_permutations(const struct rounds *rounds)
{
    for (size_t i = 0; i < rounds->count; i++) {
        unsigned seen = 0;
        for (size_t j = 0; j < rounds->cases; j++) {
            const struct store_sample *sample = &rounds->samples[j][i];
            assert_int_equal(sample->round, i);
            assert_in_range(sample->position, 0, rounds->cases - 1);
            assert_true(sample->iterations >= 1 && sample->real_ns > 0 && sample->cpu_ns >= 0);
            seen |= 1u << sample->position;
        }
        assert_int_equal(seen, (1u << rounds->cases) - 1);
    }
}

static void run_counted(const struct rounds_options *options, struct counted *counted,
                        struct rounds *ret)
{
    struct gbench_case cases[ROUNDS_CASES];
    struct error error;
    for (size_t i = 0; i < ROUNDS_CASES; i++)
        cases[i] = (struct gbench_case){"counted", counted_call, &counted[i], 0, 0};
    assert_int_equal(rounds_run(cases, ROUNDS_CASES, options, ret, &error), OUTCOME_DONE);
    for (size_t i = 0; i < ROUNDS_CASES; i++)
        for (size_t j = 0; j < ret->count; j++)
            assert_int_equal(ret->samples[i][j].iterations, cases[i].iterations);
}

static void test_rounds(void **state)
{
    struct rounds_options options = {.target = -1, /* never reached, even by equal samples */
                                     .budget_ns = 0,
                                     .sample_ns = 1e4,
                                     .min_rounds = 70,
                                     .seed = 3};
    struct counted counted[ROUNDS_CASES] = {{0}};
    struct rounds first, again, other;
    size_t moved = 0;
    (void)state;

    run_counted(&options, counted, &first);
    assert_int_equal(first.count, 70);
    assert_int_equal(first.stop, ROUNDS_BUDGET);
    assert_false(first.interrupted);
    check_permutations(&first);

    run_counted(&options, counted, &again);
    options.seed = 4;
    run_counted(&options, counted, &other);
    for (size_t i = 0; i < 70; i++)
        for (size_t j = 0; j < ROUNDS_CASES; j++) {
            int position = first.samples[j][i].position;
            assert_int_equal(position, again.samples[j][i].position);
            moved += position != other.samples[j][i].position;
        }
    assert_true(moved > 70); /* 4/5 of 350 are expected */
    rounds_clear(&first);
    rounds_clear(&again);
    rounds_clear(&other);
}

static void slow_call(void *data)
{
    const struct timespec pause = {.tv_nsec = (long)ROUNDS_REFERENCE_NS};
    (void)data;
    nanosleep(&pause, NULL);
}

static void millisecond_call(void *data)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    (void)data;
    nanosleep(&pause, NULL);
}

/* After a sample as long as that comes a reference, so that each has its own on both sides. */
static void test_references_within_rounds(void **state)
{
    enum { ROUNDS = 3 };
    const struct rounds_options options = {
        .target = -1, .budget_ns = 0, .sample_ns = 1e4, .min_rounds = ROUNDS, .seed = 1};
    struct gbench_case cases[ROUNDS_CASES];
    struct rounds rounds;
    struct error error;
    (void)state;
    for (size_t i = 0; i < ROUNDS_CASES; i++)
        cases[i] = (struct gbench_case){"slow", slow_call, NULL, 1, 0};
    assert_int_equal(rounds_run(cases, ROUNDS_CASES, &options, &rounds, &error), OUTCOME_DONE);
    for (size_t i = 0; i < ROUNDS; i++) {
        double least = INFINITY, most = 0;
        for (size_t j = 0; j < ROUNDS_CASES; j++) {
            least = fmin(least, rounds.samples[j][i].reference_ns);
            most = fmax(most, rounds.samples[j][i].reference_ns);
        }
        assert_true(least > 0 && least < most);
    }
    rounds_clear(&rounds);
}

/* Iterations that are known are not calibrated: warm-up and rounds are all that is called. */
static void test_known_iterations(void **state)
{
    const struct rounds_options options = {
        .target = -1, .budget_ns = 0, .sample_ns = 1e6, .min_rounds = 6, .seed = 1};
    struct counted counted = {0};
    struct gbench_case bench_case = {"counted", counted_call, &counted, 3, 0};
    struct rounds rounds;
    struct error error;
    (void)state;
    assert_int_equal(rounds_run(&bench_case, 1, &options, &rounds, &error), OUTCOME_DONE);
    assert_int_equal(bench_case.iterations, 3);
    assert_int_equal(rounds.samples[0][5].iterations, 3);
    assert_int_equal(counted.calls % 4, 0); /* three, and one that isn't timed, each round */
    rounds_clear(&rounds);
}

static void test_untimed_calls(void **state)
{
    (void)state;
    assert_int_equal(rounds_untimed(0), ROUNDS_UNTIMED);
    assert_int_equal(rounds_untimed(ROUNDS_UNTIMED_NS / ROUNDS_UNTIMED), ROUNDS_UNTIMED);
    assert_int_equal(rounds_untimed(ROUNDS_UNTIMED_NS / 3), 3);
    assert_int_equal(rounds_untimed(ROUNDS_UNTIMED_NS / 1.5), 1);
    assert_int_equal(rounds_untimed(10 * ROUNDS_UNTIMED_NS), 1);
}

/* A case is brought to its steady state before every sample, which is half as long as that at
 * least; but not one that takes long. */
static void test_steady(void **state)
{
    const struct rounds_options options = {
        .target = -1, .budget_ns = 0, .sample_ns = 1e4, .min_rounds = 2, .seed = 1, .steady = true};
    struct counted counted = {0};
    struct gbench_case cases[] = {{"counted", counted_call, &counted, 0, 0},
                                  {"slow", slow_call, NULL, 0, 0},
                                  {"millisecond", millisecond_call, NULL, 0, 0}};
    struct rounds rounds;
    struct error error;
    (void)state;
    assert_int_equal(rounds_run(cases, 3, &options, &rounds, &error), OUTCOME_DONE);
    assert_in_range(cases[0].untimed, 2, ROUNDS_UNTIMED); /* of less than 2.5 ms each */
    assert_true(cases[0].iterations >= (cases[0].untimed + 1) / 2);
    assert_int_equal(cases[1].untimed, 1);
    assert_int_equal(cases[1].iterations, 1);
    assert_in_range(cases[2].untimed, 1, ROUNDS_UNTIMED_NS / 1e6);
    assert_int_equal(cases[2].iterations, (cases[2].untimed + 1) / 2);
    assert_int_equal(rounds.samples[2][1].iterations, cases[2].iterations);
    rounds_clear(&rounds);
}

/* Rounds go on past the least number where too few calm ones are left for an interval, as on a busy
 * machine, and end once every case has one. */
static void test_target_ends_rounds(void **state)
{
    const struct rounds_options options = {
        .target = 1e9, .budget_ns = 1e18, .sample_ns = 1e4, .min_rounds = 12, .seed = 1};
    struct counted counted[ROUNDS_CASES] = {{0}};
    struct rounds rounds;
    (void)state;
    run_counted(&options, counted, &rounds);
    assert_int_equal(rounds.stop, ROUNDS_TARGET);
    assert_true(rounds.count >= 12);
    for (size_t i = 0; i < ROUNDS_CASES; i++) {
        const struct stats_interval *time = &rounds.time[i];
        assert_true(time->exact);
        assert_true(time->lo <= time->median && time->median <= time->hi && time->lo > 0);
    }
    rounds_clear(&rounds);
}

static bool count_move(void *data)
{
    int *left = data;
    return (*left)-- > 0;
}

/* Cases are moved after the rounds asked for, each sample knows its place, and intervals come from
 * the places' medians. A move that fails ends it. */
static void test_moves(void **state)
{
    int left = 1000;
    const struct rounds_options options = {.target = -1,
                                           .budget_ns = 0,
                                           .sample_ns = 1e4,
                                           .min_rounds = 30,
                                           .seed = 1,
                                           .move = count_move,
                                           .move_data = &left,
                                           .place_rounds = 3,
                                           .move_share = 1e9}; /* whatever it takes */
    struct counted counted[ROUNDS_CASES] = {{0}};
    struct gbench_case cases[ROUNDS_CASES];
    struct rounds rounds;
    struct error error;
    double values[30];
    int places[30];
    (void)state;
    run_counted(&options, counted, &rounds);
    assert_int_equal(rounds.count, 30);
    assert_int_equal(rounds.placements, 10);
    assert_int_equal(left, 1000 - 9);
    assert_true(rounds.moving_ns > 0 && rounds.sampling_ns > 0);
    for (size_t j = 0; j < ROUNDS_CASES; j++) {
        for (size_t i = 0; i < rounds.count; i++) {
            const struct store_sample *sample = &rounds.samples[j][i];
            assert_int_equal(sample->placement, i / 3);
            assert_true(sample->reference_ns > 0);
            assert_false(sample->stolen < 0 || sample->stolen > 1);
        }
        size_t used = rounds_values(&rounds, j, values, places);
        struct stats_interval expected =
            stats_grouped_interval(values, places, used, ROUNDS_CONFIDENCE);
        assert_true(same(rounds.time[j].median, expected.median));
        assert_true(same(rounds.time[j].lo, expected.lo) && same(rounds.time[j].hi, expected.hi));
    }
    rounds_clear(&rounds);

    left = 2;
    for (size_t i = 0; i < ROUNDS_CASES; i++)
        cases[i] = (struct gbench_case){"counted", counted_call, &counted[i], 0, 0};
    assert_int_equal(rounds_run(cases, ROUNDS_CASES, &options, &rounds, &error), OUTCOME_MACHINE);
    assert_non_null(strstr(error.text, "another place"));
}

static void test_stop_flag(void **state)
{
    volatile sig_atomic_t stop = 0;
    const struct rounds_options options = {.target = -1,
                                           .budget_ns = 1e18,
                                           .sample_ns = 1e4,
                                           .min_rounds = 10,
                                           .seed = 1,
                                           .stop = &stop};
    /* At the first call of the last case to be calibrated, and somewhere within the rounds. */
    const int64_t moments[] = {1, 20000};
    (void)state;
    for (size_t i = 0; i < COUNT(moments); i++) {
        struct counted counted[ROUNDS_CASES] = {{0}};
        struct rounds rounds;
        stop = 0;
        counted[ROUNDS_CASES - 1].stop = &stop;
        counted[ROUNDS_CASES - 1].stop_at = moments[i];
        run_counted(&options, counted, &rounds);
        assert_true(rounds.interrupted);
        check_permutations(&rounds);
        rounds_clear(&rounds);
    }
}

/* ---- Groups, from data to points ----------------------------------------------------------- */

static struct bench_shape small_shape(size_t k)
{
    return (struct bench_shape){.layer = {.d = 48,
                                          .n = 64,
                                          .r = 2,
                                          .rg = 2,
                                          .k = k,
                                          .gate = MIDL_GATE_LOWRANK,
                                          .select = MIDL_SELECT_TOPK,
                                          .unselected = MIDL_UNSELECTED_LIGHT},
                                .batch = 3,
                                .threads = 1,
                                .dtype = MIDL_F32,
                                .cache = CACHE_WARM,
                                .seed = 7};
}

/* Every variant of the dtype at this shape. The caller frees. */
static struct bench_case *all_variants(const struct bench_shape *shape, size_t *ret_count)
{
    struct bench_case *cases = calloc(midl_variant_count(), sizeof *cases);
    assert_non_null(cases);
    *ret_count = 0;
    for (size_t i = 0; i < midl_variant_count(); i++)
        if (midl_variant_dtype(midl_variant_at(i)) == shape->dtype)
            cases[(*ret_count)++] = (struct bench_case){*shape, midl_variant_at(i)};
    return cases;
}

static const struct ceilings some_ceilings = {.threads = 1,
                                              .curve = {{1000, 10, "1000"}},
                                              .curve_count = 1,
                                              .peaks = {{"portable/f32", 10}},
                                              .peak_count = 1};

static struct measure_options quick_options(void)
{
    return (struct measure_options){.target = 0.5,
                                    .budget_ns = 1e6,
                                    .sample_ns = 2e4,
                                    .min_rounds = 8,
                                    .place_rounds = 2,
                                    .move_share = 1e9, /* whatever it takes */
                                    .ceilings = &some_ceilings};
}

static void check_shape_columns(const struct store_point *point, const struct bench_case *c)
{
    char key[CASE_TEXT_SIZE];
    bench_shape_text(&c->shape, key);
    assert_string_equal(point->shape_key, key);
    assert_string_equal(point->kernel, midl_variant_idea(c->variant));
    assert_string_equal(point->isa, midl_isa_name(midl_variant_isa(c->variant)));
    assert_string_equal(point->dtype, "f32");
    assert_int_equal(point->linear, midl_variant_is_linear(c->variant));
    assert_int_equal(point->d, 48);
    assert_int_equal(point->n, 64);
    assert_int_equal(point->k, c->shape.layer.k);
    assert_int_equal(point->rank, 2);
    assert_string_equal(point->gate, "lowrank");
    assert_int_equal(point->gate_rank, 2);
    assert_string_equal(point->select_mode, "topk");
    assert_int_equal(point->block, 0);
    assert_true(isnan(point->threshold));
    assert_string_equal(point->unselected, "light");
    assert_int_equal(point->batch, 3);
    assert_int_equal(point->threads, c->shape.threads);
    assert_string_equal(point->cache, "warm");
    assert_string_equal(point->input, "random");
    assert_string_equal(point->layer, "random");
}

/* A point that was measured. The cost model is compared with SPEC's formulas. */
static void check_measured(const struct store_point *p)
{
    double B = 3, d = 48, n = 64, k = (double)p->k, linear = B * (2 * d * n + n);
    double layer = B * (2 * 2 * (2 * d + 2 * n) + 2 * n + k * (2 * d + 1) + 4 * k);
    char remark[MIDL_REASON_SIZE / 2];
    bool ok = strcmp(p->status, "ok") == 0, noisy = strcmp(p->status, "noisy") == 0;
    bool narrow = p->time_hi_ns - p->time_lo_ns <= 0.5 * p->time_ns;
    assert_true(ok || noisy);
    assert_true(narrow || noisy);
    team_remark((int)p->threads, remark, sizeof remark); /* where processors are fewer */
    if (ok)
        assert_string_equal(p->reason ? p->reason : "", remark);
    else
        assert_true(strstr(p->reason, " % wide, target 50 %") || strstr(p->reason, "too few"));
    assert_true(p->error_ratio <= 1);
    assert_true(p->sample_count >= 8);
    assert_true(p->placements >= 4 && (p->regimes == 1 || p->regimes == 2));
    assert_int_equal(p->samples[p->sample_count - 1].placement, p->placements - 1);
    assert_true(0 < p->time_lo_ns && p->time_lo_ns <= p->time_ns && p->time_ns <= p->time_hi_ns);
    assert_true(p->plan_ns > 0 && p->plan_bytes >= 0);
    assert_true(strcmp(p->stop, "target") == 0 || strcmp(p->stop, "budget") == 0);
    assert_true(same(p->flops, p->flops_gate + p->flops_light + p->flops_full + p->flops_blend));
    assert_true(same(p->bytes, p->bytes_gate + p->bytes_light + p->bytes_full + p->bytes_io));
    assert_true(same(p->bound_ns, fmax(p->flops / 10, (p->bytes - p->bytes_io) / 10)));
    if (strcmp(p->kernel, "low-rank") == 0) /* has no gate: rank 2, P and h */
        layer -= B * (2 * 2 * (d + n) + n);
    assert_true(same(p->flops_ratio, p->linear ? 1 : linear / layer));
    if (p->linear) {
        assert_true(same(p->flops, linear));
        assert_true(isnan(p->selected) && isnan(p->distinct_rows));
    } else {
        assert_true(p->flops >= layer * (1 - 1e-12));
        assert_true(same(p->selected, B * k));
        assert_true(k <= p->distinct_rows && p->distinct_rows <= fmin(n, B * k));
    }
}

static void check_unmeasured(const struct store_point *point)
{
    assert_string_equal(point->status, "skipped");
    assert_true(point->reason && point->reason[0]);
    assert_true(isnan(point->time_ns) && isnan(point->speedup));
    assert_int_equal(point->sample_count, 0);
    assert_null(point->stop);
    assert_null(point->yardstick);
}

/* Rounds and positions over the points of a group. */
static void check_samples(const struct measure_result *result)
{
    size_t measured = 0, rounds = 0;
    for (size_t i = 0; i < result->count; i++)
        if (result->points[i].sample_count > 0) {
            measured++;
            rounds = result->points[i].sample_count;
        }
    assert_in_range(measured, 1, 63);
    for (size_t round = 0; round < rounds; round++) {
        uint64_t seen = 0;
        for (size_t i = 0; i < result->count; i++) {
            const struct store_point *point = &result->points[i];
            if (point->sample_count == 0)
                continue;
            assert_int_equal(point->sample_count, rounds);
            assert_int_equal(point->samples[round].round, round);
            seen |= UINT64_C(1) << point->samples[round].position;
        }
        assert_true(seen == (UINT64_C(1) << measured) - 1);
    }
}

static void check_speedups(const struct measure_result *result)
{
    size_t yardstick = measure_yardstick(result->points, result->count);
    assert_true(yardstick < result->count);
    const struct store_point *unit = &result->points[yardstick];
    assert_true(same(unit->speedup, 1) && same(unit->speedup_lo, 1) && same(unit->speedup_hi, 1));
    for (size_t i = 0; i < result->count; i++) {
        const struct store_point *point = &result->points[i];
        if (point->sample_count == 0)
            continue;
        assert_string_equal(point->yardstick, unit->kernel);
        assert_true(0 < point->speedup_lo && point->speedup_lo <= point->speedup &&
                    point->speedup <= point->speedup_hi);
        assert_true(!point->linear || point->time_ns >= unit->time_ns);
    }
}

static void test_group(void **state)
{
    struct measure_options options = quick_options();
    struct error error;
    (void)state;
    options.cache = oracle_cache_create();
    assert_non_null(options.cache);
    /* All but the first reuse its numbers and its oracle. */
    const struct {
        size_t k;
        int threads;
    } rows[] = {{29, 1}, {0, 1}, {64, 1}, {29, 2}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench_shape shape = small_shape(rows[i].k);
        if (!MIDL_HAVE_OPENMP && rows[i].threads > 1)
            continue; /* nothing would be measured */
        shape.threads = rows[i].threads;
        struct measure_result result;
        size_t count;
        struct bench_case *cases = all_variants(&shape, &count);
        assert_int_equal(measure_group(cases, count, &options, &result, &error), OUTCOME_DONE);
        assert_int_equal(result.count, count);
        assert_false(result.interrupted);
        for (size_t j = 0; j < count; j++) {
            char reason[MIDL_REASON_SIZE];
            const struct store_point *point = &result.points[j];
            check_shape_columns(point, &cases[j]);
            if (midl_variant_fits(cases[j].variant, &shape.layer, 3, shape.threads, reason) ==
                MIDL_OK)
                check_measured(point);
            else
                check_unmeasured(point);
            assert_int_equal(point->counter_count, 0);
        }
        check_samples(&result);
        check_speedups(&result);
        measure_result_clear(&result);
        free(cases);
    }
    oracle_cache_destroy(options.cache);
}

/* Groups of fewer inputs take part of the numbers: their points are those that they get alone. */
static void test_most_batch(void **state)
{
    const size_t batches[] = {5, 1, 3};
    struct measure_options shared = quick_options(), alone = quick_options();
    struct error error;
    (void)state;
    shared.cache = oracle_cache_create();
    shared.most_batch = 6;
    assert_non_null(shared.cache);
    for (size_t i = 0; i < COUNT(batches); i++) {
        struct bench_shape shape = small_shape(29);
        struct measure_result a, b;
        size_t count;
        shape.batch = batches[i];
        struct bench_case *cases = all_variants(&shape, &count);
        assert_int_equal(measure_group(cases, count, &shared, &a, &error), OUTCOME_DONE);
        assert_int_equal(measure_group(cases, count, &alone, &b, &error), OUTCOME_DONE);
        for (size_t j = 0; j < count; j++) {
            assert_true(same(a.points[j].error_ratio, b.points[j].error_ratio));
            assert_true(same(a.points[j].selected, b.points[j].selected));
            assert_int_equal(a.points[j].batch, batches[i]);
        }
        measure_result_clear(&a);
        measure_result_clear(&b);
        free(cases);
    }
    oracle_cache_destroy(shared.cache);
}

static const struct midl_variant *variant(const char *name)
{
    const struct midl_variant *found = midl_variant_find(name, MIDL_F32);
    assert_non_null(found);
    return found;
}

static void test_no_yardstick(void **state)
{
    struct measure_options options = quick_options();
    struct bench_case bench_case = {small_shape(10), variant("masked")};
    struct measure_result result;
    struct error error;
    (void)state;
    options.ceilings = NULL;
    assert_int_equal(measure_group(&bench_case, 1, &options, &result, &error), OUTCOME_DONE);
    assert_true(result.points[0].time_ns > 0);
    assert_true(isnan(result.points[0].speedup) && isnan(result.points[0].bound_ns));
    assert_null(result.points[0].yardstick);
    measure_result_clear(&result);
}

static void test_columns_of_other_selections(void **state)
{
    struct measure_options options = quick_options();
    struct bench_case cases[] = {{small_shape(32), variant("masked")},
                                 {small_shape(20), variant("masked")}};
    struct measure_result result;
    struct error error;
    (void)state;
    cases[0].shape.layer.select = MIDL_SELECT_BLOCK;
    cases[0].shape.layer.block = 16;
    cases[0].shape.layer.gate = MIDL_GATE_SHARED;
    cases[0].shape.layer.unselected = MIDL_UNSELECTED_ZERO;
    assert_int_equal(measure_group(&cases[0], 1, &options, &result, &error), OUTCOME_DONE);
    assert_string_equal(result.points[0].select_mode, "block");
    assert_int_equal(result.points[0].block, 16);
    assert_string_equal(result.points[0].gate, "shared");
    assert_int_equal(result.points[0].gate_rank, 0);
    assert_string_equal(result.points[0].unselected, "zero");
    measure_result_clear(&result);

    cases[1].shape.layer.select = MIDL_SELECT_THRESHOLD;
    cases[1].shape.layer.threshold = 0.5f;
    assert_int_equal(measure_group(&cases[1], 1, &options, &result, &error), OUTCOME_DONE);
    assert_true(same(result.points[0].threshold, 0.5));
    assert_true(result.points[0].selected <= 3 * 20);
    measure_result_clear(&result);
}

static void test_interrupted_before_it_began(void **state)
{
    volatile sig_atomic_t stop = 1;
    struct measure_options options = quick_options();
    struct bench_case bench_case = {small_shape(10), variant("masked")};
    struct measure_result result;
    struct error error;
    (void)state;
    options.stop = &stop;
    assert_int_equal(measure_group(&bench_case, 1, &options, &result, &error), OUTCOME_DONE);
    assert_true(result.interrupted);
    measure_result_clear(&result);
}

static void test_unreadable_input(void **state)
{
    struct measure_options options = quick_options();
    struct bench_case bench_case = {small_shape(10), variant("masked")};
    struct measure_result result = {0};
    struct error error;
    (void)state;
    bench_case.shape.input_path = "/nonexistent/input.safetensors";
    options.cache = oracle_cache_create();
    assert_int_equal(measure_group(&bench_case, 1, &options, &result, &error), OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "/nonexistent/input.safetensors"));
    assert_null(result.points);
    oracle_cache_destroy(options.cache);
}

static void test_cold_needs_copies(void **state)
{
    struct measure_options options = quick_options();
    struct bench_case small = {small_shape(10), variant("masked")};
    struct bench_case large = {small_shape(1024), variant("simd")};
    struct measure_result result;
    struct error error;
    (void)state;
    small.shape.cache = CACHE_COLD; /* any cache takes tens of thousands of these */
    small.shape.layer.d = small.shape.layer.n = small.shape.layer.k = 1;
    small.shape.layer.r = small.shape.layer.rg = 1;
    assert_int_equal(measure_group(&small, 1, &options, &result, &error), OUTCOME_DONE);
    check_unmeasured(&result.points[0]);
    assert_non_null(strstr(result.points[0].reason, "copies"));
    measure_result_clear(&result);

    large.shape.cache = CACHE_COLD;
    large.shape.layer.d = large.shape.layer.n = 1024;
    assert_int_equal(measure_group(&large, 1, &options, &result, &error), OUTCOME_DONE);
    assert_string_equal(result.points[0].cache, "cold");
    /* A ring of copies that together are twice the cache, of layers and plans, if they may be. */
    double ring_bytes = 2.0 * (double)ceiling_llc_bytes(), limit = ring_pool(NULL).limit_bytes;
    bool measured = result.points[0].sample_count > 0;
    assert_true(measured || 2.5 * ring_bytes > limit);
    if (measured) {
        assert_true(result.points[0].time_ns > 0);
        assert_true(result.points[0].placements * result.points[0].bytes >= ring_bytes);
        assert_int_equal(result.points[0].samples[result.points[0].sample_count - 1].placement, 0);
    } else {
        check_unmeasured(&result.points[0]);
        assert_non_null(strstr(result.points[0].reason, "copies"));
    }
    measure_result_clear(&result);
}

static bool within(const void *place, const struct problem *problem)
{
    const char *begin = problem->arena, *at = place;
    return at >= begin && at < begin + problem->arena_bytes;
}

/* The same numbers elsewhere, all of them, in lines of their own; the original may go. */
static void test_placement(void **state)
{
    struct bench_shape shape = small_shape(29);
    struct rng rng = rng_seed(1);
    struct problem problem;
    struct placement places[3];
    struct error error;
    (void)state;

    assert_int_equal(problem_load(&shape, &problem, &error), OUTCOME_DONE);
    placement_prepare(&rng);
    for (size_t i = 0; i < 3; i++) {
        placement_release(1 << 20, &rng);
        placement_release(1 << 20, &rng); /* once is enough */
        assert_true(placement_make(&problem, &rng, &places[i]));
        placement_restock();
        const struct problem *copy = &places[i].problem;
        const void *const arrays[] = {copy->x,
                                      copy->layer.full_weight,
                                      copy->layer.full_bias,
                                      copy->layer.light_down,
                                      copy->layer.light_up,
                                      copy->layer.light_bias,
                                      copy->layer.gate_down,
                                      copy->layer.gate_up,
                                      copy->layer.gate_bias};
        for (size_t j = 0; j < COUNT(arrays); j++) {
            assert_true(within(arrays[j], copy) && !within(arrays[j], &problem));
            assert_int_equal((uintptr_t)arrays[j] % 64, 0);
        }
        assert_null(copy->layer.gate_weight);
        assert_int_equal((uintptr_t)places[i].y % 64, 0);
        assert_memory_equal(copy->arena, problem.arena, problem.arena_bytes);
        memset(places[i].y, 0xff, 3 * 64 * sizeof(float));
    }
    for (size_t i = 1; i < 3; i++)
        assert_true((uintptr_t)places[i].problem.arena % 4096 !=
                    (uintptr_t)places[0].problem.arena % 4096);
    placement_clear(&places[0]);
    assert_memory_equal(places[1].problem.x, problem.x, 3 * 48 * sizeof(float));
    problem_clear(&problem);
    assert_true(isfinite(places[2].problem.layer.full_weight[48 * 64 - 1]));
    placement_clear(&places[1]);
    placement_clear(&places[2]);
    placement_clear(&places[2]); /* an empty one */
}

static void test_facts_of_placements(void **state)
{
    const struct store_fact *facts;
    size_t count = placement_facts(&facts);
    (void)state;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        assert_true(facts[i].name[0] && facts[i].value[0]);
    pin_thread(true);
    pin_thread(false);
}

/* Calls go round: the same answer from every copy, each plan's turn comes. */
static void test_ring(void **state)
{
    struct bench_shape shape = small_shape(29);
    struct midl_plan_options options = {.variant = "masked", .max_batch = 3, .threads = 1};
    char reason[MIDL_REASON_SIZE];
    struct problem problem;
    struct midl_plan *plan;
    struct error error;
    float first[3 * 64], y[3 * 64], x[3 * 48];
    struct ring ring;
    (void)state;

    assert_int_equal(problem_load(&shape, &problem, &error), OUTCOME_DONE);
    assert_int_equal(midl_plan_create(&problem.layer, &options, &plan, reason), MIDL_OK);
    struct ring_pool pool = ring_pool(&problem);
    assert_true(ring_init(&ring, plan, &problem, y));
    assert_true(ring_extend(&ring, &pool, 4, &options, reason));
    assert_int_equal(ring.count, 4);
    assert_int_equal(pool.count, 3);
    ring_call(&ring);
    memcpy(first, y, sizeof y);
    for (size_t i = 1; i <= 8; i++) {
        assert_int_equal(ring.next, i % 4);
        memset(y, 0xff, sizeof y);
        ring_call(&ring);
        assert_memory_equal(y, first, sizeof y);
    }
    /* The copies have weights of their own: they answer as before when the original's are gone. */
    memcpy(x, problem.x, sizeof x);
    ring.x = x;
    memset(problem.arena, 0, problem.arena_bytes);
    for (ring.next = 1; ring.next != 0;) {
        memset(y, 0xff, sizeof y);
        ring_call(&ring);
        assert_memory_equal(y, first, sizeof y);
    }

    pool.limit_bytes = pool.used_bytes;
    assert_false(ring_extend(&ring, &pool, 5, &options, reason));
    assert_non_null(strstr(reason, "copies"));
    assert_false(ring_extend(&ring, &pool, RING_MAX + 1, &options, reason));
    ring_clear(&ring);
    ring_pool_clear(&pool);
    midl_plan_destroy(plan);
    problem_clear(&problem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when_to_stop),
        cmocka_unit_test(test_no_rounds_are_never_enough),
        cmocka_unit_test(test_disturbed_rounds),
        cmocka_unit_test(test_enough_must_be_left),
        cmocka_unit_test(test_regimes),
        cmocka_unit_test(test_when_to_move),
        cmocka_unit_test(test_yardstick),
        cmocka_unit_test(test_speedup_is_within_rounds),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_estimate),
        cmocka_unit_test(test_copies_of_a_ring),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_ceilings_stop),
        cmocka_unit_test(test_one_repetition),
        cmocka_unit_test(test_calibration_fills_the_sample),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_references_within_rounds),
        cmocka_unit_test(test_known_iterations),
        cmocka_unit_test(test_untimed_calls),
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_target_ends_rounds),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_stop_flag),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_most_batch),
        cmocka_unit_test(test_no_yardstick),
        cmocka_unit_test(test_columns_of_other_selections),
        cmocka_unit_test(test_interrupted_before_it_began),
        cmocka_unit_test(test_unreadable_input),
        cmocka_unit_test(test_cold_needs_copies),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_placement),
        cmocka_unit_test(test_facts_of_placements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_advice.c - the parts of advice that decide, and a small layer from beginning to end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "learn/advice.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

static void lines_through_points(void **state)
{
    const double xs[] = {1, 2, 4}, ys[] = {10, 20, 10};
    static const double known[][2] = {{1, 10}, {1.5, 15}, {2, 20}, {3, 15},
                                      {4, 10}, {0, 0},    {5, 5}};
    const double twice[] = {2, 2}, two[] = {3, 7};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(fabs(advice_interpolate(xs, ys, 3, known[i][0]) - known[i][1]) < 1e-12);
    assert_true(fabs(advice_interpolate(xs, ys, 1, 9) - 10) < 1e-12);
    assert_true(isfinite(advice_interpolate(twice, two, 2, 2)));
}

static struct stats_interval around(double lo, double hi)
{
    return (struct stats_interval){.median = (lo + hi) / 2, .lo = lo, .hi = hi, .exact = true};
}

static void verdicts(void **state)
{
    const struct stats_interval faster = around(1.1, 1.3), unsure = around(0.9, 1.2),
                                slower = around(0.5, 0.6);
    (void)state;
    assert_int_equal(advice_decide(NULL, NULL, NULL), ADVICE_DENSE);
    assert_int_equal(advice_decide(&slower, &unsure, &faster), ADVICE_DENSE);
    assert_int_equal(advice_decide(&faster, NULL, NULL), ADVICE_LOW_RANK);
    assert_int_equal(advice_decide(NULL, &faster, NULL), ADVICE_MIDL);
    assert_int_equal(advice_decide(&faster, &faster, &faster), ADVICE_MIDL);
    assert_int_equal(advice_decide(&faster, &faster, &unsure), ADVICE_LOW_RANK);
    assert_int_equal(advice_decide(&faster, &faster, &slower), ADVICE_LOW_RANK);
    assert_int_equal(advice_decide(&unsure, &faster, &slower), ADVICE_MIDL);
    assert_int_equal(advice_decide(&faster, &unsure, &faster), ADVICE_LOW_RANK);
}

/* ---- A layer --------------------------------------------------------------------------------- */

enum { D = 48, N = 64, COUNT = 160 };

struct bench {
    float weight[N * D], bias[N], x[COUNT * D];
    struct convert_source by, judged;
};

static struct bench *make_bench(void)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct rng rng = rng_seed(11);
    assert_non_null(bench);
    for (size_t i = 0; i < N * D; i++)
        bench->weight[i] = rng_bell(&rng) / 8;
    for (size_t j = 0; j < N; j++)
        bench->bias[j] = -0.4f;
    for (size_t i = 0; i < COUNT * D; i++)
        bench->x[i] = rng_bell(&rng) * (i % D < 8 ? 3.0f : 0.3f);
    bench->by = (struct convert_source){
        .d = D, .n = N, .weight = bench->weight, .bias = bench->bias, .count = 120, .x = bench->x};
    bench->judged = bench->by;
    bench->judged.count = COUNT - 120;
    bench->judged.x = bench->x + 120 * D;
    return bench;
}

static void a_small_layer(void **state)
{
    struct error error;
    struct advice *advice = NULL;
    struct bench *bench = make_bench();
    const struct advice_options options = {.batch = 3, .threads = 1, .budget_ns = 1e6, .target = 1};
    size_t best[4], held[6];
    (void)state;
    if (convert_unavailable())
        skip();
    assert_int_equal(advice_create(&bench->by, &bench->judged, &options, &advice, &error),
                     OUTCOME_DONE);
    size_t predicted = 0, kinds[3] = {0};
    for (size_t i = 0; i < advice_count(advice); i++) {
        const struct advice_way *way = advice_way(advice, i);
        assert_true(way->predicted_ns > 0 && isfinite(way->predicted_ns));
        assert_true(way->error >= 0 && way->flops_ratio > 0);
        assert_true(way->active >= 0 && way->active <= 1);
        assert_non_null(way->variant);
        predicted += !way->anchor;
        kinds[way->kind]++;
    }
    assert_true(predicted > 20 && kinds[ADVICE_DENSE] && kinds[ADVICE_LOW_RANK] == 9 &&
                kinds[ADVICE_MIDL] == 3 * 5 * 8);
    /* Fastest first, and none beyond the error. */
    size_t count = advice_best(advice, ADVICE_MIDL, 0.05, best, 4);
    for (size_t i = 0; i < count; i++) {
        assert_true(advice_way(advice, best[i])->error <= 0.05);
        assert_true(i == 0 || advice_way(advice, best[i - 1])->predicted_ns <=
                                  advice_way(advice, best[i])->predicted_ns);
    }
    assert_int_equal(advice_best(advice, ADVICE_LOW_RANK, -1, best, 4), 0);
    count = advice_held_out(advice, held, 6);
    assert_int_equal(count, 6);
    for (size_t i = 0; i < count; i++) {
        assert_false(advice_way(advice, held[i])->anchor);
        assert_true(i == 0 || held[i] > held[i - 1]);
    }
    struct advice_time times[2], dense;
    struct stats_interval ratio;
    assert_int_equal(advice_measure(advice, held, 2, times, &dense, &error), OUTCOME_DONE);
    assert_true(midl_variant_is_linear(dense.variant));
    assert_true(dense.speedup.median >= 1 && dense.speedup.median <= 1);
    for (size_t i = 0; i < 2; i++)
        assert_true(times[i].way == held[i] && times[i].time_ns.median > 0 &&
                    times[i].speedup.lo <= times[i].speedup.hi);
    assert_true(advice_ratio(advice, 0, 0, &ratio));
    assert_true(ratio.median >= 1 && ratio.median <= 1);
    advice_destroy(advice);
    free(bench);
}

static void it_can_be_stopped(void **state)
{
    struct error error;
    struct advice *advice = NULL;
    struct bench *bench = make_bench();
    const volatile sig_atomic_t stop = 1;
    const struct advice_options options = {
        .batch = 1, .threads = 1, .budget_ns = 1e6, .target = 1, .stop = &stop};
    (void)state;
    if (convert_unavailable())
        skip();
    assert_int_equal(advice_create(&bench->by, &bench->judged, &options, &advice, &error),
                     OUTCOME_NO_VERDICT);
    assert_null(advice);
    free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_through_points),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(a_small_layer),
        cmocka_unit_test(it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

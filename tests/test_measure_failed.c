/* test_measure_failed.c - what becomes of variants that fail their check: rows with a reason, never
 * timed, never the yardstick. The check is replaced by one that does as it is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "verify/checker.h"
#include "measure/measure.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

static const char *failing; /* the idea that fails; NULL: none */
static bool no_memory;      /* instead of an answer */
static bool writes;         /* to the weights, once */
static size_t checks;

enum outcome check_plan(struct midl_plan *plan, const struct problem *problem,
                        const struct midl_oracle *oracle, bool exact, struct check_result *ret,
                        struct error *error)
{
    const char *idea = midl_variant_idea(midl_plan_variant(plan));
    assert_int_equal(oracle->batch, problem->batch);
    assert_false(exact);
    checks++;
    if (no_memory) {
        strcpy(error->text, "not enough memory");
        return OUTCOME_MACHINE;
    }
    if (writes)
        *(float *)problem->arena += 1;
    writes = false;
    (void)midl_run(plan, problem->batch, problem->x, (float[2 * 16]){0});
    *ret = (struct check_result){.ok = !failing || strcmp(idea, failing) != 0, .error_ratio = 0.5};
    if (!ret->ok) {
        ret->error_ratio = NAN;
        strcpy(ret->reason, "y[0][3] = nan, expected 1 +- 1e-6");
    }
    return OUTCOME_DONE;
}

static struct oracle_cache *cache;

/* The second yardstick, `linear`, isn't in every build. */
static const char *names[] = {"linear-rows", "dense-rows", "masked", "simd-portable"};

enum { CASES = 4 };

static enum outcome measure(struct measure_result *ret, struct error *error)
{
    const struct measure_options options = {
        .target = 0.5, .budget_ns = 1e5, .sample_ns = 1e4, .min_rounds = 6, .cache = cache};
    struct bench_case cases[CASES];
    for (size_t i = 0; i < CASES; i++) {
        cases[i] = (struct bench_case){
            .shape =
                {.layer = {.d = 16, .n = 16, .r = 1, .rg = 1, .k = 5, .gate = MIDL_GATE_LOWRANK},
                 .batch = 2,
                 .threads = 1,
                 .seed = 1},
            .variant = midl_variant_find(names[i], MIDL_F32)};
        assert_non_null(cases[i].variant);
    }
    checks = 0;
    return measure_group(cases, CASES, &options, ret, error);
}

static void check_failed(const struct store_point *point)
{
    assert_string_equal(point->status, "failed");
    assert_string_equal(point->reason, "y[0][3] = nan, expected 1 +- 1e-6");
    assert_true(isnan(point->error_ratio));
    assert_true(isnan(point->time_ns) && isnan(point->time_lo_ns) && isnan(point->time_hi_ns));
    assert_true(isnan(point->speedup));
    assert_int_equal(point->sample_count, 0);
    assert_null(point->samples);
    assert_null(point->stop);
    assert_null(point->yardstick);
}

/* Whoever fails, the others are measured, against a yardstick that didn't fail. */
static void test_failed_is_not_timed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        struct measure_result result;
        struct error error;
        failing = midl_variant_idea(midl_variant_find(names[i], MIDL_F32));
        assert_int_equal(measure(&result, &error), OUTCOME_DONE);
        assert_int_equal(checks, CASES);
        for (size_t j = 0; j < CASES; j++) {
            const struct store_point *point = &result.points[j];
            if (j == i) {
                check_failed(point);
                continue;
            }
            assert_true(point->time_ns > 0);
            assert_true(point->sample_count >= 6);
            if (i == 0 && !midl_variant_is_linear(midl_variant_find(names[1], MIDL_F32))) {
                assert_true(isnan(point->speedup));
                continue;
            }
            assert_true(point->speedup > 0);
            assert_string_not_equal(point->yardstick, failing);
        }
        measure_result_clear(&result);
    }
}

static void test_no_memory_to_check(void **state)
{
    struct measure_result result;
    struct error error;
    (void)state;
    no_memory = true;
    assert_int_equal(measure(&result, &error), OUTCOME_DONE);
    assert_int_equal(checks, CASES);
    for (size_t i = 0; i < CASES; i++) {
        assert_string_equal(result.points[i].status, "skipped");
        assert_string_equal(result.points[i].reason, "not enough memory");
        assert_int_equal(result.points[i].sample_count, 0);
    }
    measure_result_clear(&result);
    no_memory = false;
}

/* Whoever wrote to the weights, no variant of the group is timed; the next group has new ones. */
static void test_written_weights(void **state)
{
    struct measure_result result;
    struct error error;
    (void)state;
    failing = NULL;
    cache = oracle_cache_create();
    assert_non_null(cache);
    for (int round = 0; round < 3; round++) {
        writes = round == 1;
        assert_int_equal(measure(&result, &error), OUTCOME_DONE);
        for (size_t i = 0; i < CASES; i++) {
            const struct store_point *point = &result.points[i];
            assert_int_equal(point->sample_count > 0, round != 1);
            assert_int_equal(strcmp(point->status, "failed") == 0, round == 1);
            if (round == 1)
                assert_non_null(strstr(point->reason, "were written to"));
        }
        measure_result_clear(&result);
    }
    oracle_cache_destroy(cache);
    cache = NULL;
}

int main(void)
{
    if (!midl_variant_unavailable(midl_variant_find("linear", MIDL_F32)))
        names[1] = "linear";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_is_not_timed),
        cmocka_unit_test(test_no_memory_to_check),
        cmocka_unit_test(test_written_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_pair.c - what a pair of builds is called with: the same inputs again, or others in turn;
 * both builds the same ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "compare/pair.h"
#include "suite/one_case.h"

#include <cmocka.h> /* defines fail() */

#define MOST_TURNS 16

/* Calls of one build by their first input's first number, which no two random inputs share. */
struct seen {
    float first[MOST_TURNS];
    size_t calls[MOST_TURNS], count;
    size_t in_order; /* calls whose number was met just behind that of the call before */
    size_t last;
};

static struct seen seen[2];
static struct midl_library real;

static void note(struct seen *by, float first)
{
    size_t at = 0;
    while (at < by->count && by->first[at] != first)
        at++;
    assert_true(at < MOST_TURNS);
    if (at == by->count)
        by->first[by->count++] = first;
    by->in_order += at == by->last + 1;
    by->last = at;
    by->calls[at]++;
}

static enum midl_status run_old(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    note(&seen[0], x[0]);
    return real.run(plan, batch, x, y);
}

static enum midl_status run_new(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    note(&seen[1], x[0]);
    return real.run(plan, batch, x, y);
}

/* Measure a small layer; `further` are its other axes, as words. */
static struct pair_result measure(size_t inputs, const char *further)
{
    char text[128], *words[16], *rest = NULL;
    int count = 0;
    struct bench_cases cases;
    struct pair_result result;
    struct error error;
    const struct pair_options options = {
        .seed = 1, .placements = 2, .rounds = 2, .sample_ns = 1e4, .inputs = inputs};
    snprintf(text, sizeof text, "--n 16 --d 16 --kernel masked %s", further);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    real = library_linked();
    struct midl_library libraries[2] = {real, real};
    libraries[0].run = run_old;
    libraries[1].run = run_new;
    memset(seen, 0, sizeof seen);
    assert_int_equal(one_case_parse(count, words, &cases, &error), OUTCOME_DONE);
    assert_int_equal(pair_measure(&cases.cases[0], libraries, &options, &result, &error),
                     OUTCOME_DONE);
    bench_cases_clear(&cases);
    return result;
}

/* Both builds met so many batches, in the same order. */
static void assert_turns(size_t batch, size_t inputs, size_t turns)
{
    char further[32];
    snprintf(further, sizeof further, "--batch %zu", batch);
    struct pair_result result = measure(inputs, further);
    assert_int_equal(result.status, PAIR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(seen[i].count, turns);
        assert_memory_equal(seen[i].first, seen[0].first, sizeof seen[i].first);
        for (size_t turn = 1; turn < turns; turn++)
            assert_true(seen[i].calls[turn] > 0 && seen[i].calls[turn] <= seen[i].calls[0] + 8);
    }
    pair_result_clear(&result);
}

static void test_the_same_inputs(void **state)
{
    (void)state;
    assert_turns(2, 0, 1);
    assert_turns(2, 1, 1);
    assert_turns(4, 7, 1); /* less than two batches */
}

static void test_inputs_in_turn(void **state)
{
    (void)state;
    assert_turns(1, 5, 5);
    assert_turns(2, 8, 4);
    assert_turns(3, 8, 2); /* whole batches only */
}

/* One turn follows the other, but where a placement begins. */
static void test_the_order_of_turns(void **state)
{
    (void)state;
    struct pair_result result = measure(8, "--batch 2");
    for (int i = 0; i < 2; i++) {
        size_t others = 0;
        for (size_t turn = 1; turn < seen[i].count; turn++)
            others += seen[i].calls[turn];
        assert_true(seen[i].in_order + 8 >= others);
    }
    pair_result_clear(&result);
}

/* Weights from memory are not what a pair measures: it says so instead of measuring others. */
static void test_cold_caches(void **state)
{
    (void)state;
    struct pair_result result = measure(0, "--cache cold");
    assert_int_equal(result.status, PAIR_SKIPPED);
    assert_non_null(strstr(result.reason, "warm"));
    assert_int_equal(seen[0].count + seen[1].count, 0);
    pair_result_clear(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_inputs), cmocka_unit_test(test_inputs_in_turn),
        cmocka_unit_test(test_the_order_of_turns), cmocka_unit_test(test_cold_caches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_threads.c - the same bits for every number of threads, in every variant that can have them:
 * where each thread has inputs of its own and where it has neurons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "midl.h"
#include "verify/problem.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* y: [B][n], and behind it the logits, if they are kept. */
static bool run(const struct problem *problem, const struct midl_variant *variant, int threads,
                bool keep_logits, float *y)
{
    size_t values = problem->batch * problem->layer.shape.n;
    char reason[MIDL_REASON_SIZE];
    struct midl_plan *plan = NULL;
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = problem->batch,
                                        .threads = threads,
                                        .keep_logits = keep_logits};
    if (midl_plan_create(&problem->layer, &options, &plan, reason) != MIDL_OK)
        return false;
    assert_int_equal(midl_run(plan, problem->batch, problem->x, y), MIDL_OK);
    if (midl_plan_logits(plan))
        memcpy(y + values, midl_plan_logits(plan), values * sizeof *y);
    midl_plan_destroy(plan);
    return true;
}

/* Whether another library splits the work: its sums may then depend on the threads, but not those
 * of integers, which are exact in any order. `auto` may choose one of these. */
static bool work_is_split_elsewhere(const struct midl_variant *variant)
{
    static const char *const ideas[] = {"linear", "linear-onednn", "linear-blis",
                                        "dense",  "gather",        "auto"};
    for (size_t i = 0; i < sizeof ideas / sizeof ideas[0]; i++)
        if (strcmp(midl_variant_idea(variant), ideas[i]) == 0)
            return true;
    return false;
}

/* Compares every variant that can have threads; returns how many comparisons there were. */
static size_t expect_same(const struct midl_shape *shape, size_t batch, enum fill fill)
{
    struct problem problem;
    struct error error;
    size_t bytes = 2 * batch * shape->n * sizeof(float), compared = 0;
    assert_int_equal(problem_random(shape, batch, 1, fill, &problem, &error), OUTCOME_DONE);
    float *one = malloc(bytes), *many = malloc(bytes);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        if (fill != FILL_INTEGER && work_is_split_elsewhere(variant))
            continue;
        memset(one, 0xff, bytes);
        if (!run(&problem, variant, 1, true, one))
            continue;
        for (int threads = 2; threads <= 5; threads++) {
            memset(many, 0xff, bytes);
            if (!run(&problem, variant, threads, threads % 2 == 0, many))
                continue;
            assert_memory_equal(one, many, threads % 2 == 0 ? bytes : bytes / 2);
            compared++;
        }
    }
    free(one);
    free(many);
    problem_clear(&problem);
    return compared;
}

/* Several chunks and passes, of which each thread has its own. */
static void nor_in_batches(void **state)
{
    static const size_t batches[] = {40, 64, 96, 300};
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        struct midl_shape wide = {
            .d = 130, .n = 300, .r = 3, .rg = 5, .k = 135, .gate = MIDL_GATE_LOWRANK};
        struct midl_shape block = {.d = 70,
                                   .n = 144,
                                   .r = 2,
                                   .rg = 1,
                                   .k = 64,
                                   .gate = MIDL_GATE_SHARED,
                                   .select = MIDL_SELECT_BLOCK,
                                   .block = 16};
        compared += expect_same(&wide, batches[i], FILL_SKEWED);
        compared += expect_same(&block, batches[i], FILL_NORMAL);
    }
    if (compared == 0)
        skip();
}

static void threads_change_no_bit(void **state)
{
    static const size_t batches[] = {1, 3, 8};
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        struct midl_shape lowrank = {
            .d = 65, .n = 100, .r = 3, .rg = 5, .k = 45, .gate = MIDL_GATE_LOWRANK};
        struct midl_shape block = {.d = 33,
                                   .n = 64,
                                   .r = 2,
                                   .rg = 1,
                                   .k = 24,
                                   .gate = MIDL_GATE_FULL,
                                   .select = MIDL_SELECT_BLOCK,
                                   .block = 8,
                                   .unselected = MIDL_UNSELECTED_ZERO};
        compared += expect_same(&lowrank, batches[i], FILL_NORMAL);
        compared += expect_same(&lowrank, batches[i], FILL_INTEGER);
        compared += expect_same(&block, batches[i], FILL_NORMAL);
    }
    if (compared == 0) {
        print_message("nothing to compare: built without OpenMP\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_change_no_bit),
                                       cmocka_unit_test(nor_in_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

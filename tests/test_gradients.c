/* test_gradients.c - training a layer: forward against the oracle of the layer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gradients.h"
#include "oracle.h"
#include "verify/problem.h"

#include <cmocka.h> /* last: it has a macro fail() */

static const enum midl_gate gates[] = {MIDL_GATE_FULL, MIDL_GATE_LOWRANK, MIDL_GATE_SHARED};
static const enum midl_select selects[] = {MIDL_SELECT_TOPK, MIDL_SELECT_BLOCK,
                                           MIDL_SELECT_THRESHOLD};
static const enum midl_unselected unselecteds[] = {MIDL_UNSELECTED_LIGHT, MIDL_UNSELECTED_ZERO};

static struct midl_training *training_of(const struct midl_shape *shape, enum midl_rule rule,
                                         size_t batch, int threads)
{
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_training *training = NULL;
    struct midl_training_options options = {.rule = rule, .max_batch = batch, .threads = threads};
    if (midl_training_create(shape, &options, &training, reason) != MIDL_OK)
        fail_msg("%s", reason);
    return training;
}

/* y within the bounds of the layer's oracle, for what was selected. */
static void expect_layer_output(const struct problem *problem, struct midl_selection selection,
                                const float *y)
{
    const struct midl_shape *s = &problem->layer.shape;
    struct midl_oracle *oracle = NULL;
    double *expected = calloc(s->n, sizeof *expected), *bound = calloc(s->n, sizeof *bound);
    assert_int_equal(midl_oracle_create(&problem->layer, problem->batch, problem->x, &oracle),
                     MIDL_OK);
    assert_int_equal(selection.batch, problem->batch);
    for (size_t b = 0; b < problem->batch; b++) {
        midl_oracle_output(oracle, s, b, selection.index + b * selection.stride, selection.count[b],
                           expected, bound);
        for (size_t j = 0; j < s->n; j++)
            if (!(fabs((double)y[b * s->n + j] - expected[j]) <= bound[j]))
                fail_msg("input %zu, neuron %zu: %g instead of %g", b, j, (double)y[b * s->n + j],
                         expected[j]);
    }
    midl_oracle_destroy(oracle);
    free(expected);
    free(bound);
}

static void forward_like_the_layer(const struct midl_shape *shape, enum midl_rule rule)
{
    struct problem problem;
    struct error error;
    assert_int_equal(problem_random(shape, 7, 3, FILL_NORMAL, &problem, &error), OUTCOME_DONE);
    float *y = malloc(7 * shape->n * sizeof *y);
    struct midl_training *training = training_of(shape, rule, 9, 2);
    if (rule != MIDL_RULE_SOFT) {
        assert_int_equal(midl_training_forward(training, &problem.layer, 7, problem.x, y), MIDL_OK);
        expect_layer_output(&problem, midl_training_selection(training), y);
    }
    assert_int_equal(midl_training_evaluate(training, &problem.layer, 7, problem.x, y), MIDL_OK);
    expect_layer_output(&problem, midl_training_selection(training), y);
    midl_training_destroy(training);
    problem_clear(&problem);
    free(y);
}

static void test_forward(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * 3 * 2 * 3; i++) {
        struct midl_shape shape = {.d = 37,
                                   .n = 48,
                                   .r = 3,
                                   .rg = 2,
                                   .k = 16,
                                   .gate = gates[i % 3],
                                   .select = selects[i / 3 % 3],
                                   .block = 16,
                                   .threshold = 0.6f,
                                   .unselected = unselecteds[i / 9 % 2]};
        forward_like_the_layer(&shape, (enum midl_rule)(i / 18));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

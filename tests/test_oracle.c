/* test_oracle.c - the reference itself, against numbers worked out by hand. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "verify/problem.h"
#include "base/rng.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

#define EPS ((double)FLT_EPSILON)

/* The layer of these tests: d = n = 2, r = 1, one input x = (1, -1).
 *   F = W x + b = (1 - 2 + 0.5, 3 - 4 - 0.5) = (-0.5, -1.5)    magnitudes 3.5, 7.5
 *   V x = 2 - 1 = 1 (magnitude 3)
 *   L = U 1 + c = (1 + 0.25, -2 + 0.5) = (1.25, -1.5)           magnitudes 3.25, 6.5 */
static const float x[] = {1, -1};
static const float W[] = {1, 2, 3, 4}, b[] = {0.5f, -0.5f};
static const float V[] = {2, 1}, U[] = {1, -2}, c[] = {0.25f, 0.5f};

static struct midl_layer tiny_layer(enum midl_gate gate)
{
    struct midl_layer layer = {.shape = {.d = 2, .n = 2, .r = 1, .k = 1, .gate = gate},
                               .full_weight = W,
                               .full_bias = b,
                               .light_down = V,
                               .light_up = U,
                               .light_bias = c};
    return layer;
}

/* Full gate: l = (0, x_0 + h_1) = (0, log 3): gates 1/2 and 3/4. */
static struct midl_layer full_gate_layer(void)
{
    static const float G[] = {0, 0, 1, 0};
    static float h[2];
    struct midl_layer layer = tiny_layer(MIDL_GATE_FULL);
    h[1] = (float)(log(3.0) - 1.0);
    layer.gate_weight = G;
    layer.gate_bias = h;
    return layer;
}

static struct midl_oracle *oracle_of(const struct midl_layer *layer, size_t batch, const float *in)
{
    struct midl_oracle *oracle = NULL;
    assert_int_equal(midl_oracle_create(layer, batch, in, &oracle), MIDL_OK);
    return oracle;
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g +- %g", value, expected, tolerance);
}

static void test_paths(void **state)
{
    (void)state;
    struct midl_layer layer = full_gate_layer();
    struct midl_oracle *o = oracle_of(&layer, 1, x);
    const double full[] = {-0.5, -1.5}, full_magnitude[] = {3.5, 7.5};
    const double light[] = {1.25, -1.5}, light_magnitude[] = {3.25, 6.5};
    for (size_t j = 0; j < 2; j++) {
        assert_near(o->full[j], full[j], 0);
        assert_near(o->full_magnitude[j], full_magnitude[j], 0);
        assert_near(o->light[j], light[j], 0);
        assert_near(o->light_magnitude[j], light_magnitude[j], 0);
    }
    midl_oracle_destroy(o);
}

static void test_gate_full(void **state)
{
    (void)state;
    struct midl_layer layer = full_gate_layer();
    struct midl_oracle *o = oracle_of(&layer, 1, x);
    double bound;
    assert_near(o->logit[0], 0, 0);
    assert_near(o->logit[1], log(3.0), 1e-8);
    assert_near(o->logit_magnitude[1], log(3.0), 1e-8); /* 1 + (log 3 - 1) */
    assert_near(midl_oracle_gate(o, 0, 0, &bound), 0.5, 0);
    assert_near(midl_oracle_gate(o, 0, 1, &bound), 0.75, 1e-8);
    midl_oracle_destroy(o);
}

static void test_gate_lowrank(void **state)
{
    (void)state;
    static const float Q[] = {1, 2, 0, 3}, P[] = {-1, 0, 2, 1}, h[] = {-1, 0};
    struct midl_layer layer = tiny_layer(MIDL_GATE_LOWRANK);
    layer.shape.rg = 2;
    layer.gate_down = Q;
    layer.gate_up = P;
    layer.gate_bias = h;
    struct midl_oracle *o = oracle_of(&layer, 1, x); /* Q x = (-1, -3), magnitudes 3, 3 */
    assert_near(o->logit[0], 0, 0);
    assert_near(o->logit_magnitude[0], 4, 0);
    assert_near(o->logit[1], -5, 0);
    assert_near(o->logit_magnitude[1], 9, 0);
    midl_oracle_destroy(o);
}

static void test_gate_shared(void **state)
{
    (void)state;
    static const float P[] = {1, -1}, h[] = {0, 0.5f};
    struct midl_layer layer = tiny_layer(MIDL_GATE_SHARED);
    layer.gate_up = P;
    layer.gate_bias = h;
    struct midl_oracle *o = oracle_of(&layer, 1, x); /* reads V x = 1, magnitude 3 */
    assert_near(o->logit[0], 1, 0);
    assert_near(o->logit_magnitude[0], 3, 0);
    assert_near(o->logit[1], -0.5, 0);
    assert_near(o->logit_magnitude[1], 3.5, 0);
    midl_oracle_destroy(o);
}

/* The neuron with the larger logit, 1, is selected: y_1 = 3/4 F + 1/4 L = -1.5. Then the other:
 * y_0 = (-0.5 + 1.25) / 2. */
static void test_output(void **state)
{
    (void)state;
    struct midl_layer layer = full_gate_layer();
    struct midl_oracle *o = oracle_of(&layer, 1, x);
    uint32_t index[2];
    double y[2], bound[2];
    assert_int_equal(midl_oracle_select(o, &layer.shape, 0, index), 1);
    assert_int_equal(index[0], 1);
    midl_oracle_output(o, &layer.shape, 0, index, 1, y, bound);
    assert_near(y[0], 1.25, 0);
    assert_near(y[1], -1.5, 1e-8);
    assert_near(bound[0], 8 * sqrt(2.0) * EPS * 3.25, 1e-20);

    layer.shape.unselected = MIDL_UNSELECTED_ZERO;
    index[0] = 0;
    midl_oracle_output(o, &layer.shape, 0, index, 1, y, bound);
    assert_near(y[0], 0.375, 0);
    assert_near(y[1], 0, 0);
    assert_near(bound[1], 0, 0);
    midl_oracle_destroy(o);
}

/* By the formula at the head of oracle.h, term by term, for neuron 0: p = 1/2, l = 0 of magnitude
 * 0, so that the gate is off by no more than sigmoid's own error. */
static void test_bound(void **state)
{
    (void)state;
    struct midl_layer layer = full_gate_layer();
    struct midl_oracle *o = oracle_of(&layer, 1, x);
    const uint32_t index[] = {0, 1};
    double y[2], bound[2], gate, unit = 8 * sqrt(2.0) * EPS;
    midl_oracle_output(o, &layer.shape, 0, index, 2, y, bound);
    double paths = 0.5 * unit * 3.5 + 0.5 * unit * 3.25;
    double gated = (2 * EPS + 2 * (double)FLT_MIN) * (1.75 + unit * 3.5 + unit * 3.25);
    assert_near(bound[0], paths + gated + 2 * EPS * (0.25 + 1.25), 1e-20);

    /* Neuron 1: sigmoid's slope at 3/4 is 3/16. */
    double logit_bound = midl_oracle_logit_bound(o, 0, 1);
    assert_near(logit_bound, unit * o->logit_magnitude[1], 1e-20);
    midl_oracle_gate(o, 0, 1, &gate);
    assert_near(gate, 3.0 / 16.0 * logit_bound + 3 * EPS, 1e-11);

    midl_oracle_output(o, &layer.shape, 0, NULL, 0, y, bound);
    assert_near(y[1], -1.5, 0);
    assert_near(bound[1], unit * 7.5, 1e-20);
    midl_oracle_destroy(o);
}

/* A rank longer than d is the longest sum of its path, not of the full one. */
static void test_bound_of_a_long_rank(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 4, .n = 3, .r = 64, .rg = 256, .gate = MIDL_GATE_LOWRANK};
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(&shape, 1, 1, FILL_NORMAL, &p, &error), OUTCOME_DONE);
    struct midl_oracle *o = oracle_of(&p.layer, 1, p.x);
    const uint32_t none[1] = {0};
    double y[3], bound[3];
    midl_oracle_output(o, &shape, 0, none, 0, y, bound);
    assert_near(bound[2], 8 * 8 * EPS * o->light_magnitude[2], 1e-18);
    midl_oracle_output(o, &shape, 0, NULL, 0, y, bound);
    assert_near(bound[2], 8 * 2 * EPS * o->full_magnitude[2], 1e-18);
    assert_near(midl_oracle_logit_bound(o, 0, 2), 8 * 16 * EPS * o->logit_magnitude[2], 1e-18);
    midl_oracle_destroy(o);
    problem_clear(&p);
}

static void test_all_and_none(void **state)
{
    (void)state;
    struct midl_layer layer = full_gate_layer();
    struct midl_oracle *o = oracle_of(&layer, 1, x);
    uint32_t index[2];
    double y[2], bound[2], unused;
    layer.shape.k = 2;
    size_t count = midl_oracle_select(o, &layer.shape, 0, index);
    assert_int_equal(count, 2);
    midl_oracle_output(o, &layer.shape, 0, index, count, y, bound);
    for (size_t j = 0; j < 2; j++) {
        double p = midl_oracle_gate(o, 0, j, &unused);
        assert_near(y[j], p * o->full[j] + (1 - p) * o->light[j], 0);
    }
    layer.shape.k = 0;
    assert_int_equal(midl_oracle_select(o, &layer.shape, 0, index), 0);
    midl_oracle_output(o, &layer.shape, 0, index, 0, y, bound);
    assert_memory_equal(y, o->light, sizeof y);
    midl_oracle_destroy(o);
}

/* F(a + c) + F(0) = F(a) + F(c), and alike for L and l: exact on whole numbers. */
static void test_linearity(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 30, .n = 20, .r = 3, .rg = 2, .gate = MIDL_GATE_LOWRANK};
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(&shape, 4, 5, FILL_INTEGER, &p, &error), OUTCOME_DONE);
    for (size_t i = 0; i < shape.d; i++) {
        p.x[2 * shape.d + i] = p.x[i] + p.x[shape.d + i];
        p.x[3 * shape.d + i] = 0;
    }
    struct midl_oracle *o = oracle_of(&p.layer, 4, p.x);
    const double *values[] = {o->full, o->light, o->logit};
    for (size_t which = 0; which < 3; which++) {
        const double *v = values[which];
        for (size_t j = 0; j < shape.n; j++)
            assert_near(v[2 * shape.n + j] + v[3 * shape.n + j], v[j] + v[shape.n + j], 0);
    }
    midl_oracle_destroy(o);
    problem_clear(&p);
}

/* Inputs are computed several at a time: each must come out as if it were alone. */
static void test_batch_is_many_singles(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 13, .n = 9, .r = 2, .gate = MIDL_GATE_SHARED};
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(&shape, 19, 2, FILL_NORMAL, &p, &error), OUTCOME_DONE);
    struct midl_oracle *all = oracle_of(&p.layer, 19, p.x);
    for (size_t i = 0; i < 19; i++) {
        struct midl_oracle *one = oracle_of(&p.layer, 1, p.x + i * shape.d);
        size_t bytes = shape.n * sizeof(double);
        assert_memory_equal(all->full + i * shape.n, one->full, bytes);
        assert_memory_equal(all->light_magnitude + i * shape.n, one->light_magnitude, bytes);
        assert_memory_equal(all->logit + i * shape.n, one->logit, bytes);
        midl_oracle_destroy(one);
    }
    midl_oracle_destroy(all);
    problem_clear(&p);
}

/* Of a layer whose logits are the gate's biases: what is selected depends on them alone. */
static struct midl_oracle *oracle_of_logits(const float *logits, size_t n)
{
    static const float zeros[64];
    struct midl_layer layer = {.shape = {.d = 1, .n = n, .r = 1, .gate = MIDL_GATE_FULL},
                               .full_weight = zeros,
                               .full_bias = zeros,
                               .light_down = zeros,
                               .light_up = zeros,
                               .light_bias = zeros,
                               .gate_weight = zeros,
                               .gate_bias = logits};
    return oracle_of(&layer, 1, zeros);
}

static void assert_selects(const struct midl_oracle *o, const struct midl_shape *shape,
                           const uint32_t *expected, size_t count)
{
    uint32_t index[64];
    assert_int_equal(midl_oracle_select(o, shape, 0, index), count);
    assert_memory_equal(index, expected, count * sizeof *index);
}

static void test_ties(void **state)
{
    (void)state;
    const float logits[] = {1, 3, 2, 3, -0.0f, 2, 0, 2};
    struct midl_oracle *o = oracle_of_logits(logits, 8);
    assert_selects(o, &(struct midl_shape){.k = 1}, (uint32_t[]){1}, 1);
    assert_selects(o, &(struct midl_shape){.k = 3}, (uint32_t[]){1, 2, 3}, 3);
    assert_selects(o, &(struct midl_shape){.k = 4}, (uint32_t[]){1, 2, 3, 5}, 4);
    assert_selects(o, &(struct midl_shape){.k = 7}, (uint32_t[]){0, 1, 2, 3, 4, 5, 7}, 7);
    midl_oracle_destroy(o);
}

static void test_threshold(void **state)
{
    (void)state;
    const float logits[] = {1, -1, 0, 3, 2, 0, 1, -200};
    struct midl_shape shape = {.k = 8, .select = MIDL_SELECT_THRESHOLD, .threshold = 0.5f};
    struct midl_oracle *o = oracle_of_logits(logits, 8);
    assert_selects(o, &shape, (uint32_t[]){0, 3, 4, 6}, 4); /* p = 1/2 is not above 1/2 */
    shape.k = 3;
    assert_selects(o, &shape, (uint32_t[]){0, 3, 4}, 3); /* the cap takes the largest */
    shape.threshold = 0.8f;                              /* logit 1.386 */
    assert_selects(o, &shape, (uint32_t[]){3, 4}, 2);
    shape.threshold = 0.99f;
    assert_selects(o, &shape, NULL, 0);
    shape.k = 8;
    shape.threshold = 0.0f; /* every gate is above 0, but for one that is 0 as a float */
    assert_selects(o, &shape, (uint32_t[]){0, 1, 2, 3, 4, 5, 6}, 7);
    midl_oracle_destroy(o);
}

static void test_block(void **state)
{
    (void)state;
    float logits[32] = {0};
    logits[3] = 5; /* block 0: 5, block 1: 4, block 2: 5, block 3: 9 - 5 */
    logits[8] = logits[15] = 2;
    logits[20] = 5;
    logits[24] = 9;
    logits[31] = -5;
    struct midl_shape shape = {.k = 16, .select = MIDL_SELECT_BLOCK, .block = 8};
    struct midl_oracle *o = oracle_of_logits(logits, 32);
    assert_selects(o, &shape, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23},
                   16);
    shape.k = 24; /* blocks 1 and 3 tie */
    uint32_t expected[24];
    for (uint32_t i = 0; i < 24; i++)
        expected[i] = i;
    assert_selects(o, &shape, expected, 24);
    midl_oracle_destroy(o);
}

static void test_nan_logit(void **state)
{
    (void)state;
    const float logits[] = {1, NAN, 2};
    struct midl_oracle *o = oracle_of_logits(logits, 3);
    uint32_t index[3] = {7, 7, 7};
    struct midl_shape shape = {.k = 2};
    assert_true(midl_oracle_select(o, &shape, 0, index) == SIZE_MAX);
    assert_int_equal(index[0], 7);
    midl_oracle_destroy(o);
    float blocks[16] = {[3] = INFINITY, [9] = -INFINITY};
    struct midl_shape both = {.k = 8, .select = MIDL_SELECT_BLOCK, .block = 8};
    o = oracle_of_logits(blocks, 16);
    assert_false(midl_oracle_unranked(o, &both, 0));
    midl_oracle_destroy(o);
    blocks[4] = -INFINITY;
    o = oracle_of_logits(blocks, 16);
    assert_true(midl_oracle_unranked(o, &both, 0));
    assert_true(midl_oracle_select(o, &both, 0, index) == SIZE_MAX);
    both.select = MIDL_SELECT_TOPK;
    assert_false(midl_oracle_unranked(o, &both, 0));
    midl_oracle_destroy(o);
}

static void test_extreme_logits(void **state)
{
    (void)state;
    const float logits[] = {1e30f, -1e30f, INFINITY, -INFINITY};
    struct midl_oracle *o = oracle_of_logits(logits, 4);
    double bound;
    assert_near(midl_oracle_gate(o, 0, 0, &bound), 1, 0);
    assert_near(midl_oracle_gate(o, 0, 1, &bound), 0, 0);
    assert_selects(o, &(struct midl_shape){.k = 2}, (uint32_t[]){0, 2}, 2);
    midl_oracle_destroy(o);
}

/* The same layer in float, term after term, must stay within the bound; and the bound must be tight
 * enough to see a column that is missing. */
static void test_bound_holds_and_bites(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 1000, .n = 40, .r = 2, .gate = MIDL_GATE_SHARED};
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(&shape, 1, 3, FILL_NORMAL, &p, &error), OUTCOME_DONE);
    struct midl_oracle *o = oracle_of(&p.layer, 1, p.x);
    double y[40], bound[40];
    size_t seen = 0;
    midl_oracle_output(o, &shape, 0, NULL, 0, y, bound);
    for (size_t j = 0; j < shape.n; j++) {
        const float *row = p.layer.full_weight + j * shape.d;
        float sum = p.layer.full_bias[j];
        for (size_t i = 0; i + 1 < shape.d; i++)
            sum += row[i] * p.x[i];
        seen += fabs((double)sum - y[j]) > bound[j];
        sum += row[shape.d - 1] * p.x[shape.d - 1];
        assert_near(sum, y[j], bound[j]);
    }
    assert_true(seen > shape.n / 2);
    midl_oracle_destroy(o);
    problem_clear(&p);
}

static void test_invalid(void **state)
{
    (void)state;
    struct midl_oracle *untouched = (void *)&state, *o = untouched;
    struct midl_layer layer = full_gate_layer();
    assert_int_equal(midl_oracle_create(&layer, 0, x, &o), MIDL_INVALID);
    assert_int_equal(midl_oracle_create(&layer, 1, NULL, &o), MIDL_INVALID);
    layer.gate_weight = NULL;
    assert_int_equal(midl_oracle_create(&layer, 1, x, &o), MIDL_INVALID);
    layer = full_gate_layer();
    layer.shape.r = 0;
    assert_int_equal(midl_oracle_create(&layer, 1, x, &o), MIDL_INVALID);
    assert_ptr_equal(o, untouched);
    midl_oracle_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_gate_full),
        cmocka_unit_test(test_gate_lowrank),
        cmocka_unit_test(test_gate_shared),
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_bound_of_a_long_rank),
        cmocka_unit_test(test_all_and_none),
        cmocka_unit_test(test_linearity),
        cmocka_unit_test(test_batch_is_many_singles),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_nan_logit),
        cmocka_unit_test(test_extreme_logits),
        cmocka_unit_test(test_bound_holds_and_bites),
        cmocka_unit_test(test_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_smi.c - sliced mutual information against known values, its interval, and what is refused.
 * tests/studies/smi_oracles.c asks the same with more points and directions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "learn/sliced_information.h"
#include "learn/smi_layer.h"

#include <cmocka.h>

#include "scratch.h"
#include "smi_oracles.h"

static void test_oracles(void **state)
{
    (void)state;
    for (size_t i = 0; i < SMI_ORACLES; i++) {
        const struct smi_oracle *oracle = &smi_oracles[i];
        struct smi_options options = {.slices = oracle->slices, .neighbours = 3, .seed = 2};
        struct smi_estimate got = smi_oracle_ask(oracle, oracle->points, 7, &options);
        if (!smi_oracle_close(oracle, got.nats))
            fail_msg("%s: %f, expected %f", oracle->name, got.nats, oracle->nats);
    }
}

/* Ten data sets of one question: the intervals hold the truth nearly always, and are no wider than
 * the answers scatter asks for. */
static void test_interval(void **state)
{
    (void)state;
    const struct smi_oracle *oracle = &smi_oracles[8];
    struct smi_options options = {.slices = 100, .neighbours = 3, .groups = 10};
    size_t held = 0, wide = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        options.seed = seed;
        struct smi_estimate got = smi_oracle_ask(oracle, 500, 20 + seed, &options);
        assert_true(got.lo < got.nats && got.nats < got.hi);
        held += got.lo <= oracle->nats && oracle->nats <= got.hi;
        wide += got.hi - got.lo > 0.4;
    }
    assert_true(held >= 8);
    assert_int_equal(wide, 0);
}

static struct smi_estimate ask(const float *x, size_t count, size_t d, const uint32_t *labels,
                               size_t classes)
{
    struct smi_options options = {.slices = 50, .neighbours = 3, .groups = 5, .seed = 1};
    struct smi_points points = {x, count, d, d};
    struct smi_estimate estimate = {.nats = NAN};
    struct error error = {""};
    if (smi_of_labels(&points, labels, classes, &options, &estimate, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return estimate;
}

/* Values that repeat, and neurons that are dead, say what they say and not more. */
static void test_ties(void **state)
{
    (void)state;
    static float x[400][3];
    static uint32_t labels[400];
    struct rng rng = rng_seed(3);
    for (size_t i = 0; i < 400; i++)
        labels[i] = rng_below(&rng, 4);
    assert_true(fabs(ask(x[0], 400, 3, labels, 4).nats) < 0.05); /* all zeros */
    for (size_t i = 0; i < 400; i++)
        x[i][1] = (float)labels[i]; /* says the label: ln 4, but for a digamma's worth */
    assert_true(fabs(ask(x[0], 400, 3, labels, 4).nats - log(4)) < 0.05);
    for (size_t i = 0; i < 400; i++)
        x[i][1] = (float)(labels[i] / 2); /* says one of two bits of it */
    assert_true(fabs(ask(x[0], 400, 3, labels, 4).nats - log(2)) < 0.1);
}

/* The same seed gives the same bits; another one gives others. */
static void test_seed(void **state)
{
    (void)state;
    struct smi_options options = {.slices = 40, .neighbours = 3, .groups = 4, .seed = 1};
    struct smi_estimate a = smi_oracle_ask(&smi_oracles[2], 300, 1, &options);
    struct smi_estimate b = smi_oracle_ask(&smi_oracles[2], 300, 1, &options);
    options.seed = 2;
    struct smi_estimate c = smi_oracle_ask(&smi_oracles[2], 300, 1, &options);
    assert_true(a.nats == b.nats && a.lo == b.lo && a.hi == b.hi);
    assert_true(a.nats != c.nats);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct smi_options options;
        size_t count;
        enum outcome outcome;
        const char *words;
    } cases[] = {
        {{.slices = 1, .neighbours = 3}, 10, OUTCOME_USAGE, "at least 2"},
        {{.slices = 9, .neighbours = 0}, 10, OUTCOME_USAGE, "0 neighbours"},
        {{.slices = 9, .neighbours = 17}, 10, OUTCOME_USAGE, "17 neighbours"},
        {{.slices = 9, .neighbours = 3, .groups = 1}, 10, OUTCOME_USAGE, "1 groups"},
        {{.slices = 9, .neighbours = 3, .groups = 65}, 10, OUTCOME_USAGE, "65 groups"},
        {{.slices = 9, .neighbours = 3}, 4, OUTCOME_NO_VERDICT, "too few"},
        {{.slices = 9, .neighbours = 3, .groups = 2}, 9, OUTCOME_NO_VERDICT, "too few"},
        {{.slices = 9, .neighbours = 3}, 0, OUTCOME_NO_VERDICT, "too few"},
        {{.slices = 9, .neighbours = 3}, 10, OUTCOME_USAGE, "label 9 is 2, expected"},
    };
    float x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint32_t labels[10] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 2};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct smi_points points = {x, cases[i].count, 1, 1};
        struct smi_estimate estimate = {.nats = 4711};
        struct error error = {""};
        size_t classes = i + 1 == sizeof cases / sizeof *cases ? 2 : 3;
        enum outcome outcome =
            smi_of_labels(&points, labels, classes, &cases[i].options, &estimate, &error);
        assert_error(cases[i].words, outcome, cases[i].outcome, &error, cases[i].words);
        assert_true(estimate.nats == 4711);
    }
}

/* ---- The parts of a layer -------------------------------------------------------------------- */

enum { D = 6, N = 16, R = 2, K = 5, COUNT = 70 };

static float weights[3][N * D], biases[3][N], inputs[COUNT * D], values[COUNT * N];

/* A layer with a full gate whose numbers are random. */
static struct midl_layer make_layer(void)
{
    struct rng rng = rng_seed(8);
    for (size_t i = 0; i < 3 * N * D; i++)
        weights[i / (N * D)][i % (N * D)] = rng_bell(&rng);
    for (size_t i = 0; i < 3 * N; i++)
        biases[i / N][i % N] = rng_bell(&rng);
    for (size_t i = 0; i < COUNT * D; i++)
        inputs[i] = rng_bell(&rng);
    return (struct midl_layer){.shape = {.d = D, .n = N, .r = R, .k = K, .gate = MIDL_GATE_FULL},
                               .full_weight = weights[0],
                               .full_bias = biases[0],
                               .light_down = weights[1],
                               .light_up = weights[1] + R * D,
                               .light_bias = biases[1],
                               .gate_weight = weights[2],
                               .gate_bias = biases[2]};
}

/* How many of a row's neurons a quantity looks at, and whether it shows `shown` there. */
static size_t looked_at(const float *row, const float *shown)
{
    size_t count = 0;
    for (size_t j = 0; j < N; j++) {
        assert_true(row[j] == 0.0f || row[j] == shown[j]);
        count += row[j] != 0.0f;
    }
    return count;
}

static void test_quantities(void **state)
{
    (void)state;
    static const struct {
        enum smi_quantity quantity;
        size_t neurons;
    } cases[] = {{SMI_Y_SELECTED, K}, {SMI_Y_SHUFFLED, K}, {SMI_Y_RANDOM, K},
                 {SMI_Y_STATIC, K},   {SMI_Y_OTHER, K},    {SMI_Y_UNSELECTED, N - K},
                 {SMI_Y_ALL, N},      {SMI_F_SELECTED, K}, {SMI_F_UNSELECTED, N - K},
                 {SMI_L_ALL, N},      {SMI_MASK, K}};
    struct midl_layer layer = make_layer();
    struct smi_layer parts;
    struct error error = {""};
    if (smi_layer_run(&layer, inputs, COUNT, &parts, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    assert_int_equal(parts.selected, COUNT * K);
    assert_int_equal(sizeof cases / sizeof *cases, SMI_QUANTITY_COUNT);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        enum smi_quantity q = cases[c].quantity;
        const float *shown = q == SMI_MASK                                  ? parts.mask
                             : q == SMI_L_ALL                               ? parts.L
                             : q == SMI_F_SELECTED || q == SMI_F_UNSELECTED ? parts.F
                                                                            : parts.y;
        smi_layer_fill(&parts, q, 3, values);
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(looked_at(values + i * N, shown + i * N), cases[c].neurons);
    }
    smi_layer_clear(&parts);
}

/* y lies between L and F on the neurons selected, and is L on the others. */
static void test_parts(void **state)
{
    (void)state;
    struct midl_layer layer = make_layer();
    struct smi_layer parts;
    struct error error = {""};
    assert_int_equal(smi_layer_run(&layer, inputs, COUNT, &parts, &error), OUTCOME_DONE);
    for (size_t i = 0; i < COUNT * N; i++) {
        float low = fminf(parts.F[i], parts.L[i]), high = fmaxf(parts.F[i], parts.L[i]);
        float slack = 1e-5f;
        bool between = parts.y[i] >= low - slack && parts.y[i] <= high + slack;
        bool light = fabsf(parts.y[i] - parts.L[i]) <= slack;
        assert_true(parts.mask[i] == 1.0f ? between : light);
    }
    smi_layer_clear(&parts);
}

/* Static masks are one for all inputs, random and other ones are not. */
static void test_masks(void **state)
{
    (void)state;
    struct midl_layer layer = make_layer();
    struct smi_layer parts;
    struct error error = {""};
    assert_int_equal(smi_layer_run(&layer, inputs, COUNT, &parts, &error), OUTCOME_DONE);
    static const enum smi_quantity quantities[] = {SMI_Y_STATIC, SMI_Y_RANDOM, SMI_Y_OTHER};
    for (size_t q = 0; q < 3; q++) {
        size_t same = 0;
        smi_layer_fill(&parts, quantities[q], 3, values);
        for (size_t i = 1; i < COUNT; i++) {
            size_t equal = 0;
            for (size_t j = 0; j < N; j++)
                equal += (values[j] != 0.0f) == (values[i * N + j] != 0.0f);
            same += equal == N;
        }
        assert_true(quantities[q] == SMI_Y_STATIC ? same == COUNT - 1 : same < COUNT / 2);
    }
    smi_layer_clear(&parts);
}

static void test_shuffle(void **state)
{
    (void)state;
    uint32_t labels[50], seen[50] = {0}, moved = 0;
    for (uint32_t i = 0; i < 50; i++)
        labels[i] = i;
    smi_shuffle(4, 50, labels);
    for (uint32_t i = 0; i < 50; i++) {
        seen[labels[i]]++;
        moved += labels[i] != i;
    }
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracles), cmocka_unit_test(test_interval),
        cmocka_unit_test(test_ties),    cmocka_unit_test(test_seed),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_quantities),
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_masks),
        cmocka_unit_test(test_shuffle),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

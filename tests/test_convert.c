/* test_convert.c - converting a plain layer: cases whose answer is known in closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "learn/conversion.h"
#include "learn/layer_flops.h"
#include "learn/layer_error.h"
#include "learn/network_conversion.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

enum { D = 20, N = 32, COUNT = 400 };

/* A random layer and inputs whose directions vary by more and less. */
struct bench {
    float weight[N * D], bias[N], x[COUNT * D];
    struct convert_source source;
};

static void fill(struct bench *bench)
{
    struct rng rng = rng_seed(5);
    for (size_t i = 0; i < N * D; i++)
        bench->weight[i] = rng_bell(&rng) / 4;
    for (size_t j = 0; j < N; j++)
        bench->bias[j] = rng_bell(&rng) / 8 - 0.5f;
    for (size_t i = 0; i < COUNT * D; i++)
        bench->x[i] = rng_bell(&rng) * 2 / (float)(1 + i % D / 2) + 0.25f;
    bench->source = (struct convert_source){.d = D,
                                            .n = N,
                                            .weight = bench->weight,
                                            .bias = bench->bias,
                                            .count = COUNT,
                                            .x = bench->x};
}

static const struct convert_options plain = {
    .rank = 4, .active = 0.25, .select = MIDL_SELECT_TOPK, .block = 8, .margin = NAN, .threads = 1};

static struct converted convert(const struct bench *bench, struct convert_options options)
{
    struct converted converted = {0};
    struct error error;
    if (convert_layer(&bench->source, &options, &converted, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return converted;
}

static double error_of(const struct bench *bench, const struct converted *converted, size_t k)
{
    struct midl_layer layer = converted->layer;
    struct error error;
    double share = NAN;
    layer.shape.k = k;
    assert_int_equal(layer_error(&bench->source, &layer, converted->order, 1, &share, &error),
                     OUTCOME_DONE);
    return share;
}

static double output(const struct bench *bench, const float *x, size_t j)
{
    double sum = (double)bench->bias[j];
    for (size_t i = 0; i < D; i++)
        sum += (double)bench->weight[j * D + i] * (double)x[i];
    return sum;
}

/* L and l of a converted layer, in double. */
static void light_and_logit(const struct midl_layer *layer, const float *x, size_t j, double *L,
                            double *l)
{
    size_t r = layer->shape.r;
    *L = (double)layer->light_bias[j];
    *l = (double)layer->gate_bias[j];
    for (size_t i = 0; i < r; i++) {
        double projected = 0;
        for (size_t c = 0; c < D; c++)
            projected += (double)layer->light_down[i * D + c] * (double)x[c];
        *L += (double)layer->light_up[j * r + i] * projected;
        *l += (double)layer->gate_up[j * r + i] * projected;
    }
}

/* A rank as large as the inputs reproduces F without any neuron selected. */
static void test_full_rank(void **state)
{
    struct bench *bench = *state;
    struct convert_options options = plain;
    options.rank = D;
    struct converted c = convert(bench, options);
    assert_true(error_of(bench, &c, 0) < 1e-9);
    assert_true(c.explained > 0.99999);
    converted_clear(&c);
}

/* With every neuron selected the gate, near 1, leaves little of the light path; more neurons, less
 * error; and the light path is worse than either. */
static void test_more_is_better(void **state)
{
    struct bench *bench = *state;
    struct converted c = convert(bench, plain);
    double none = error_of(bench, &c, 0), some = error_of(bench, &c, 8);
    double half = error_of(bench, &c, 16), all = error_of(bench, &c, N);
    if (!(none > 1.5 * some && some > 1.5 * half && half > all && all < 0.01))
        fail_msg("%g %g %g %g", none, some, half, all);
    assert_int_equal(c.layer.shape.k, 8);
    converted_clear(&c);
}

/* Outputs that differ in one direction only: rank 1 is exact, down is that direction. Two inputs'
 * worth of F = (3, 4) z: the path is up (down x) = F. */
static void test_one_direction(void **state)
{
    static const float weight[] = {3, 0, 4, 0}, bias[] = {1, -1};
    static const float x[] = {1, 0, -1, 0, 2, 0, -2, 0};
    (void)state;
    struct convert_source source = {2, 2, weight, bias, 4, x};
    struct low_rank low = {0};
    struct error error;
    assert_int_equal(convert_low_rank(&source, 1, 1, &low, &error), OUTCOME_DONE);
    for (size_t j = 0; j < 2; j++) {
        assert_true(fabs((double)(low.up[j] * low.down[0] - weight[2 * j])) < 1e-5);
        assert_true(fabs((double)(low.up[j] * low.down[1])) < 1e-5);
        assert_true(fabs((double)(low.bias[j] - bias[j])) < 1e-5);
    }
    assert_true(low.explained > 0.99999);
    low_rank_clear(&low);
}

/* The light path is the same thing as the low-rank layer, and no other projection explains more:
 * one eigenvector less explains less. */
static void test_low_rank(void **state)
{
    struct bench *bench = *state;
    struct low_rank four = {0}, three = {0};
    struct error error;
    double of_four, of_three;
    struct converted c = convert(bench, plain);
    assert_int_equal(convert_low_rank(&bench->source, 4, 1, &four, &error), OUTCOME_DONE);
    assert_int_equal(convert_low_rank(&bench->source, 3, 1, &three, &error), OUTCOME_DONE);
    assert_true(fabs(four.explained - c.explained) < 1e-9);
    assert_true(four.explained > three.explained + 0.01);
    low_rank_error(&bench->source, &four, 1, &of_four, &error);
    low_rank_error(&bench->source, &three, 1, &of_three, &error);
    assert_true(fabs(of_four - error_of(bench, &c, 0)) < 1e-6);
    assert_true(of_four < of_three);
    low_rank_clear(&four);
    low_rank_clear(&three);
    converted_clear(&c);
}

/* What the layer selects is L_j > -t s_j, counted here in double; and where t follows from the
 * share, the share is what was asked for. */
static void test_threshold(void **state)
{
    struct bench *bench = *state;
    struct convert_options options = plain;
    options.select = MIDL_SELECT_THRESHOLD;
    for (size_t given = 0; given < 2; given++) {
        options.margin = given ? 0.75 : NAN;
        struct converted c = convert(bench, options);
        double residual[N] = {0}, L, l;
        size_t by_residual = 0, by_gate = 0;
        for (size_t i = 0; i < COUNT * N; i++) {
            const float *x = bench->x + i / N * D;
            light_and_logit(&c.layer, x, i % N, &L, &l);
            residual[i % N] += pow(output(bench, x, i % N) - L, 2) / COUNT;
        }
        for (size_t i = 0; i < COUNT * N; i++) {
            light_and_logit(&c.layer, bench->x + i / N * D, i % N, &L, &l);
            by_residual += L > -c.margin * sqrt(residual[i % N]);
            by_gate += 1 / (1 + exp(-l)) > (double)c.layer.shape.threshold;
        }
        assert_true(labs((long)by_residual - (long)by_gate) < 8);
        assert_true(fabs((double)by_gate / (COUNT * N) - c.active) < 1e-3);
        if (given)
            assert_true(c.margin == 0.75);
        else
            assert_true(fabs(c.active - 0.25) < 0.002);
        assert_int_equal(c.layer.shape.k, N);
        converted_clear(&c);
    }
}

/* All neurons, or none, by a share of 1 or 0. */
static void test_threshold_ends(void **state)
{
    struct bench *bench = *state;
    struct convert_options options = plain;
    options.select = MIDL_SELECT_THRESHOLD;
    options.active = 0;
    struct converted none = convert(bench, options);
    assert_true(none.active == 0);
    options.active = 1;
    struct converted all = convert(bench, options);
    assert_true(all.active == 1);
    converted_clear(&none);
    converted_clear(&all);
}

/* Neurons move with everything that is theirs. */
static void test_reordered(void **state)
{
    struct bench *bench = *state;
    struct convert_options options = plain;
    bool seen[N] = {false};
    size_t moved = 0;
    options.select = MIDL_SELECT_BLOCK;
    struct converted still = convert(bench, plain), c = convert(bench, options);
    for (size_t j = 0; j < N; j++) {
        size_t was = c.order[j];
        assert_true(was < N && !seen[was]);
        seen[was] = true;
        moved += was != j;
        assert_memory_equal(c.layer.full_weight + j * D, bench->weight + was * D,
                            D * sizeof(float));
        assert_true(c.layer.full_bias[j] == bench->bias[was]);
        assert_memory_equal(c.layer.light_up + j * 4, still.layer.light_up + was * 4,
                            4 * sizeof(float));
        assert_memory_equal(c.layer.gate_up + j * 4, still.layer.gate_up + was * 4,
                            4 * sizeof(float));
        assert_true(c.layer.light_bias[j] == still.layer.light_bias[was]);
        assert_true(c.layer.gate_bias[j] == still.layer.gate_bias[was]);
    }
    assert_true(moved > N / 2);
    converted_clear(&still);
    converted_clear(&c);
}

/* Neurons 0, 2, 4.. are active together on even rows, the others on odd ones. */
static void test_groups(void **state)
{
    enum { ROWS = 10, NEURONS = 16 };
    float activity[ROWS * NEURONS];
    uint32_t order[NEURONS];
    struct error error;
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < NEURONS; j++) /* 5 of 16 are marked: they go round in each half */
            activity[i * NEURONS + j] =
                (j + i) % 2 == 0 ? 100 + (float)((j / 2 + i / 2) % 8) : (float)j / 16;
    assert_int_equal(convert_group(ROWS, NEURONS, 8, activity, 1, order, &error), OUTCOME_DONE);
    for (size_t j = 0; j < NEURONS; j++)
        assert_int_equal(order[j] % 2, order[j / 8 * 8] % 2);
}

static void test_own_gate(void **state)
{
    struct bench *bench = *state;
    struct convert_options options = plain;
    options.gate_rank = 9;
    struct converted c = convert(bench, options), shared = convert(bench, plain);
    assert_int_equal(c.layer.shape.gate, MIDL_GATE_LOWRANK);
    assert_int_equal(c.layer.shape.rg, 9);
    assert_true(error_of(bench, &c, 0) == error_of(bench, &shared, 0));
    assert_true(error_of(bench, &c, 8) < error_of(bench, &shared, 8)); /* it knows more */
    converted_clear(&c);
    converted_clear(&shared);
}

static double ratio(size_t d, size_t n, size_t rank)
{
    struct midl_shape shape = {.d = d, .n = n, .r = rank, .gate = MIDL_GATE_SHARED};
    struct midl_parts parts = midl_layer_flops(&shape, 1, (size_t)lround(0.45 * (double)n));
    return midl_linear_flops(&shape, 1) / midl_parts_sum(&parts);
}

static void test_ranks(void **state)
{
    static const size_t sizes[][2] = {{2048, 512}, {784, 1024}, {1024, 1024}, {100, 4000}};
    (void)state;
    assert_int_equal(rank_of_promise(2048, 512, MIDL_GATE_SHARED), 47);
    for (size_t i = 0; i < 4; i++) {
        size_t rank = rank_of_promise(sizes[i][0], sizes[i][1], MIDL_GATE_SHARED);
        assert_true(ratio(sizes[i][0], sizes[i][1], rank) >= 1.7);
        assert_true(ratio(sizes[i][0], sizes[i][1], rank + 1) < 1.7);
    }
    assert_int_equal(rank_of_promise(2, 2, MIDL_GATE_LOWRANK), 1);
    size_t rank = rank_of_ratio(100, 50, 2); /* 2 100 50 + 50 = 10050; 300 r + 50 <= 5025 */
    assert_int_equal(rank, 16);
    assert_int_equal(rank_of_ratio(4, 4, 1000), 1);
}

static void refused(const struct bench *bench, struct convert_options options, size_t count,
                    const char *words)
{
    struct convert_source source = bench->source;
    struct converted converted = {0};
    struct error error = {""};
    source.count = count;
    assert_int_equal(convert_layer(&source, &options, &converted, &error), OUTCOME_USAGE);
    assert_null(converted.memory);
    if (!strstr(error.text, words))
        fail_msg("'%s' does not say '%s'", error.text, words);
}

static void test_refused(void **state)
{
    const struct bench *bench = *state;
    struct convert_options options = plain;
    refused(bench, options, 1, "at least 2");
    options.rank = D + 1;
    refused(bench, options, COUNT, "ranks from 1 to 20");
    options = plain;
    options.select = MIDL_SELECT_BLOCK;
    options.block = 12;
    refused(bench, options, COUNT, "8 or 16");
    options = plain;
    options.active = NAN;
    refused(bench, options, COUNT, "0..1");
    struct bench *large = malloc(sizeof *large); /* sums of squares are infinite */
    memcpy(large, bench, sizeof *large);
    for (size_t i = 0; i < COUNT * D; i++)
        large->x[i] *= 1e30f;
    large->source.x = large->x;
    refused(large, plain, COUNT, "too large for floats");
    free(large);
}

/* Neurons without variance, and inputs that are all the same, leave finite layers. */
static void test_degenerate(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    memcpy(bench, *state, sizeof *bench);
    bench->source.weight = bench->weight;
    bench->source.bias = bench->bias;
    bench->source.x = bench->x;
    for (size_t round = 0; round < 4; round++) {
        if (round == 0)
            memset(bench->weight + 3 * D, 0, 2 * D * sizeof(float));
        for (size_t i = 0; round == 1 && i < COUNT * D; i++)
            bench->x[i] = 1;
        for (size_t i = 0; round == 2 && i < COUNT * D; i++)
            bench->x[i] = 0;
        for (size_t i = 0; round == 3 && i < N * D; i++)
            bench->weight[i] = 0;
        for (size_t i = 0; i < 3; i++) {
            struct convert_options options = plain;
            options.select = (enum midl_select)i;
            struct converted c = convert(bench, options);
            for (size_t j = 0; j < N; j++)
                assert_true(isfinite(c.layer.gate_bias[j]) && isfinite(c.layer.light_bias[j]));
            assert_true(error_of(bench, &c, c.layer.shape.k) < 0.5);
            converted_clear(&c);
        }
    }
    free(bench);
}

/* ---- Networks -------------------------------------------------------------------------------- */

/* A network 20 -> 32 -> 16 -> 3 with random weights, and the bench's inputs. */
static void make_network(const struct bench *bench, struct network *network,
                         struct dataset_part *part)
{
    struct network_spec spec;
    struct error error = {""};
    struct layer_options options = {.max_batch = 64, .threads = 1, .seed = 3};
    *part = (struct dataset_part){
        .x = (float *)(uintptr_t)bench->x, .stride = D, .count = COUNT}; /* only read */
    if (network_read("32 dropout0.3 16", (struct extent){D, 1, 1}, 0, 3, &spec, &error) ||
        network_create(&spec, &options, network, &error))
        fail_msg("%s", error.text);
}

/* What shall become of the hidden layers. */
static struct network_spec wish(const struct network *network, enum layer_kind kind,
                                enum midl_select select, bool full_rank)
{
    struct network_spec spec = network->spec;
    for (size_t i = 0; i < spec.count; i++) {
        struct layer_spec *layer = &spec.layers[i];
        size_t d = layer->in.c, n = layer->out.c;
        if (!network_is_hidden(&spec, i))
            continue;
        layer->kind = kind;
        layer->rank = d < n ? d : n;
        layer->shape = (struct midl_shape){.d = d,
                                           .n = n,
                                           .r = full_rank ? layer->rank : 3,
                                           .k = n / 2,
                                           .gate = MIDL_GATE_SHARED,
                                           .select = select,
                                           .block = 8};
    }
    return spec;
}

/* The largest difference of logits. */
static double difference(struct network *a, struct network *b, const struct dataset_part *part)
{
    const float *of_a, *of_b;
    double most = 0;
    struct error error = {""};
    struct pass pass = {.batch = 64};
    if (network_forward(a, &pass, part->x, &of_a, &error) ||
        network_forward(b, &pass, part->x, &of_b, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < 64 * 3; i++) {
        double off = fabs((double)of_a[i] - (double)of_b[i]);
        if (!(off <= most) && most == most) /* a NaN is the most */
            most = off;
    }
    return most;
}

/* With light paths that leave nothing out the network computes what it did, also where neurons have
 * moved: blocks. */
static void test_same_network(void **state)
{
    static const struct {
        enum layer_kind kind;
        enum midl_select select;
    } ways[] = {{LAYER_MIDL, MIDL_SELECT_TOPK},
                {LAYER_MIDL, MIDL_SELECT_BLOCK},
                {LAYER_MIDL, MIDL_SELECT_THRESHOLD},
                {LAYER_LOWRANK, MIDL_SELECT_TOPK}};
    struct network network, converted;
    struct dataset_part part;
    struct network_conversion how = {.active = 0.5, .margin = NAN};
    struct network_conversion_result result;
    struct error error = {""};
    make_network(*state, &network, &part);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        for (size_t full_rank = 0; full_rank < 2; full_rank++) {
            struct network_spec wanted =
                wish(&network, ways[i].kind, ways[i].select, full_rank == 1);
            if (network_convert(&network, &part, &wanted, &how, &converted, &result, &error))
                fail_msg("%s", error.text);
            double off = difference(&network, &converted, &part);
            bool exact = full_rank == 1 || ways[i].kind == LAYER_LOWRANK;
            if (exact ? !(off < 1e-4) : !(off > 1e-4))
                fail_msg("way %zu, full rank %zu: logits differ by %g", i, full_rank, off);
            assert_int_equal(result.count, 2);
            network_destroy(&converted);
        }
    }
    network_destroy(&network);
}

/* Neurons of the first layer did move, and the second layer's columns with them. */
static void test_moved_columns(void **state)
{
    struct network network, converted;
    struct dataset_part part;
    struct network_conversion how = {.active = 0.5, .margin = NAN, .inputs = 100};
    struct network_conversion_result result;
    struct error error = {""};
    size_t moved = 0;
    make_network(*state, &network, &part);
    struct network_spec wanted = wish(&network, LAYER_MIDL, MIDL_SELECT_BLOCK, true);
    wanted.layers[3].kind = LAYER_LINEAR; /* the second hidden layer stays */
    assert_int_equal(network_convert(&network, &part, &wanted, &how, &converted, &result, &error),
                     OUTCOME_DONE);
    assert_int_equal(result.count, 1);
    const float *was = network_parameter(&network, "classifier.0.bias")->value;
    const float *is = network_parameter(&converted, "classifier.0.full.bias")->value;
    const float *reads = network_parameter(&network, network.layers[3].parameters[0].name)->value;
    const float *read = network_parameter(&converted, network.layers[3].parameters[0].name)->value;
    for (size_t j = 0; j < N; j++) {
        size_t old = 0;
        while (was[old] != is[j])
            old++;
        moved += old != j;
        assert_true(read[j] == reads[old]);
    }
    assert_true(moved > N / 2);
    network_destroy(&network);
    network_destroy(&converted);
}

static void test_networks_refused(void **state)
{
    struct network network, converted;
    struct dataset_part part;
    struct network_conversion how = {.active = 0.5, .margin = NAN};
    struct network_conversion_result result;
    struct error error = {""};
    make_network(*state, &network, &part);
    struct network_spec wanted = network.spec;
    wanted.layers[1].kind = LAYER_DROPOUT; /* was ReLU */
    assert_int_equal(network_convert(&network, &part, &wanted, &how, &converted, &result, &error),
                     OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "only plain linear layers"));
    wanted = wish(&network, LAYER_MIDL, MIDL_SELECT_TOPK, false);
    wanted.layers[0].shape.gate = MIDL_GATE_FULL;
    assert_int_equal(network_convert(&network, &part, &wanted, &how, &converted, &result, &error),
                     OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "full gate"));
    network_destroy(&network);
}

static int setup(void **state)
{
    struct bench *bench = malloc(sizeof *bench);
    fill(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_rank),       cmocka_unit_test(test_more_is_better),
        cmocka_unit_test(test_one_direction),   cmocka_unit_test(test_low_rank),
        cmocka_unit_test(test_threshold),       cmocka_unit_test(test_threshold_ends),
        cmocka_unit_test(test_reordered),       cmocka_unit_test(test_groups),
        cmocka_unit_test(test_own_gate),        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_degenerate),
        cmocka_unit_test(test_same_network),    cmocka_unit_test(test_moved_columns),
        cmocka_unit_test(test_networks_refused)};
    if (convert_unavailable()) {
        print_message("skipped: %s\n", convert_unavailable());
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}

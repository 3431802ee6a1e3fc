/* test_inference.c - a network run by plans gives what its forward pass gives; whole networks are
 * timed against their dense original, and what can't run, or is wrong, is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "learn/inference.h"
#include "learn/network_time.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

enum { BATCH = 5 };

static struct error error;

static void network_of(const char *hidden, size_t d, struct network *ret)
{
    struct network_spec spec;
    const struct layer_options options = {.max_batch = 8, .threads = 1, .seed = 3};
    assert_int_equal(network_read(hidden, (struct extent){d, 1, 1}, 0, 3, &spec, &error),
                     OUTCOME_DONE);
    assert_int_equal(network_create(&spec, &options, ret, &error), OUTCOME_DONE);
}

static void fill(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = (float)sin((double)(7 * i + 1));
}

/* Every MID-L layer by `gated`, every plain one by `plain`. */
static struct inference_options kernels(const struct network *network, const char *gated,
                                        const char *plain)
{
    struct inference_options options = {.batch = BATCH, .threads = 1};
    for (size_t i = 0; i < network->spec.count; i++) {
        enum layer_kind kind = network->spec.layers[i].kind;
        options.kernels[i] = kind == LAYER_MIDL      ? gated
                             : kind == LAYER_LOWRANK ? "low-rank"
                             : kind == LAYER_LINEAR  ? plain
                                                     : NULL;
    }
    return options;
}

static void agrees(const char *hidden, const char *gated, const char *plain)
{
    struct network network;
    struct inference *inference = NULL;
    const struct pass pass = {.batch = BATCH};
    float x[BATCH * 40], expected[BATCH * 3];
    const float *logits;
    network_of(hidden, 40, &network);
    fill(x, BATCH * 40);
    assert_int_equal(network_forward(&network, &pass, x, &logits, &error), OUTCOME_DONE);
    memcpy(expected, logits, sizeof expected);
    const struct inference_options options = kernels(&network, gated, plain);
    assert_int_equal(inference_create(&network, &options, &inference, &error), OUTCOME_DONE);
    for (int moved = 0; moved < 2; moved++) {
        memset(network.outputs[network.spec.count - 1], 0, sizeof expected);
        assert_int_equal(inference_run(inference, x, &logits, &error), OUTCOME_DONE);
        for (size_t i = 0; i < BATCH * 3; i++)
            assert_true(fabs((double)(logits[i] - expected[i])) < 1e-5);
        assert_true(inference_move(inference));
    }
    assert_true(inference_bytes(inference) > 4.0 * 40 * 32);
    inference_destroy(inference);
    network_destroy(&network);
}

static void gives_the_forward_pass(void **state)
{
    bool blas = !midl_variant_unavailable(midl_variant_find("linear", MIDL_F32));
    (void)state;
    agrees("midl32:k=9,rank=3 16", "simd", "linear-rows");
    agrees("midl32:k=9,rank=3 16", "masked", blas ? "linear" : "linear-rows");
    agrees("32 midl48:k=16,rank=2,gate=shared,select=block", "block", "linear-rows");
    agrees("midl32:k=32,rank=3,select=threshold,threshold=0.5 dropout0.5 16", "lists",
           "linear-rows");
    agrees("lowrank32:5 16", "simd", "linear-rows");
}

static void what_cannot_run(void **state)
{
    struct network network;
    struct inference *inference = NULL;
    (void)state;
    network_of("midl32:k=9,rank=3", 40, &network);
    const struct inference_options wrong[] = {kernels(&network, "no-such", "linear"),
                                              kernels(&network, "block", "linear"),
                                              kernels(&network, "simd", "low-rank")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(inference_create(&network, &wrong[i], &inference, &error), OUTCOME_USAGE);
        assert_non_null(strstr(error.text, "classifier.0"));
        assert_null(inference);
    }
    /* A layer that is left out keeps its outputs. */
    const struct inference_options rest = kernels(&network, NULL, "linear-rows");
    const float *logits;
    float x[BATCH * 40] = {0};
    assert_int_equal(inference_create(&network, &rest, &inference, &error), OUTCOME_DONE);
    network.outputs[0][0] = 42;
    assert_int_equal(inference_run(inference, x, &logits, &error), OUTCOME_DONE);
    assert_true(network.outputs[0][0] > 41 && network.outputs[1][0] > 41);
    inference_destroy(inference);
    network_destroy(&network);
}

/* ---- Time ------------------------------------------------------------------------------------ */

static const struct network_facts facts = {
    .dataset = "set", .model = "32 16", .method = "midl", .file = "file", .active = 0.25};
static const struct measure_options quick = {.target = 0.5,
                                             .budget_ns = 2e7,
                                             .sample_ns = 2e4,
                                             .min_rounds = 6,
                                             .target_rounds = 6,
                                             .place_rounds = 3,
                                             .move_share = 0.5};

static const struct store_point *point_of(const struct measure_result *result, const char *kernel)
{
    for (size_t i = 0; i < result->count; i++)
        if (strcmp(result->points[i].kernel, kernel) == 0)
            return &result->points[i];
    fail_msg("no point of %s", kernel);
    return NULL;
}

static void networks_are_timed(void **state)
{
    struct network network;
    struct network_time *times = NULL;
    struct measure_result result = {0};
    float x[8 * 40];
    double active[NETWORK_LAYERS_MOST] = {0.25};
    const struct midl_variant *variants[] = {midl_variant_find("linear-rows", MIDL_F32),
                                             midl_variant_find("simd", MIDL_F32),
                                             midl_variant_find("block", MIDL_F32)};
    (void)state;
    network_of("midl32:k=8,rank=1,gate=shared 16", 40, &network);
    fill(x, 8 * 40);
    double ratio = network_time_ratio(&network.spec, active);
    assert_true(ratio > 2 && ratio < 4);
    assert_int_equal(network_time_create(&network, active, &times, &error), OUTCOME_DONE);
    assert_int_equal(
        network_time_measure(times, &facts, x, 4, variants, 3, &quick, &result, &error),
        OUTCOME_DONE);
    assert_int_equal(result.count, 5);
    static const struct {
        const char *kernel, *method, *status;
    } rows[] = {{"linear-rows", "dense", NULL},
                {"simd", "midl", NULL},
                {"block", "midl", "skipped"},
                {"low-rank", "low-rank", NULL},
                {"dense-narrow", "dense-narrow", NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct store_point *point = point_of(&result, rows[i].kernel);
        assert_string_equal(point->method, rows[i].method);
        assert_string_equal(point->scope, "network");
        if (rows[i].status) {
            assert_string_equal(point->status, rows[i].status);
            assert_non_null(point->reason);
            continue;
        }
        assert_true(point->time_ns > 0 && point->speedup > 0 && point->plan_bytes > 0);
        assert_true(point->sample_count >= 6);
        assert_true(point->replaced_share < 1);
    }
    assert_true(point_of(&result, "linear-rows")->linear);
    assert_true(fabs(point_of(&result, "low-rank")->flops_ratio - ratio) < 1e-9);
    network_time_clear(&result);
    network_time_destroy(times);
    network_destroy(&network);
}

static void a_dense_model_is_refused(void **state)
{
    struct network network;
    struct network_time *times = NULL;
    double active[NETWORK_LAYERS_MOST] = {0};
    (void)state;
    network_of("32 16", 40, &network);
    assert_int_equal(network_time_create(&network, active, &times, &error), OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "midl convert"));
    network_destroy(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_forward_pass),
        cmocka_unit_test(what_cannot_run),
        cmocka_unit_test(networks_are_timed),
        cmocka_unit_test(a_dense_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

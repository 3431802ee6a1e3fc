/* test_learn.c - layers against finite differences, optimisers against their formulas, and what
 * must not change a single bit: the number of threads, and being killed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#include <cmocka.h>

#include "base/rng.h"
#include "learn/layer_error.h"
#include "learn/layer_flops.h"
#include "learn/method.h"
#include "learn/model_file.h"
#include "learn/network.h"
#include "learn/optimiser.h"
#include "learn/study.h"
#include "learn/trainer.h"
#include "scratch.h"
#include "stats.h"

static struct network_spec read_spec(const char *hidden, struct extent in, size_t symbols)
{
    struct network_spec spec;
    struct error error = {""};
    if (network_read(hidden, in, symbols, 3, &spec, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return spec;
}

static bool can_train(const struct network_spec *spec)
{
    for (size_t i = 0; i < spec->count; i++)
        if (layer_unavailable(spec->layers[i].kind))
            return false;
    return true;
}

/* ---- Descriptions ---------------------------------------------------------------------------- */

static void a_network_reads_back_what_it_writes(void **state)
{
    static const char *const texts[] = {
        "1024 1024",
        "conv32 conv64 512",
        "16 dropout0.5 16",
        "lowrank16:3 8",
        "midl16:k=7,rank=2,gate=lowrank,gate-rank=3,select=topk 8",
        "midl32:k=16,rank=2,gate=shared,select=block,block=16,unselected=zero"};
    char text[NETWORK_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct network_spec spec = read_spec(texts[i], (struct extent){3, 32, 32}, 0);
        network_text(&spec, text);
        assert_string_equal(text, texts[i]);
    }
}

static void bad_networks_are_refused_with_the_word(void **state)
{
    static const char *const texts[] = {"12a",      "conv",      "conv8 conv8 conv8", "embed8",
                                        "lowrank8", "midl8:k=9", "midl8:q=1",         "dropout2",
                                        "0",        "8:3",       "midl8:gate=half"};
    struct network_spec spec;
    struct error error;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(network_read(texts[i], (struct extent){1, 4, 4}, 0, 3, &spec, &error),
                         OUTCOME_USAGE);
        assert_non_null(strstr(error.text, "network: "));
    }
}

static void modules_have_pytorchs_names(void **state)
{
    struct network_spec spec = read_spec("conv4 midl16:k=7 8", (struct extent){3, 8, 8}, 0);
    (void)state;
    assert_string_equal(spec.layers[0].name, "features.0");
    assert_string_equal(spec.layers[2].name, "features.2");
    assert_string_equal(spec.layers[5].name, "classifier.0");
    assert_string_equal(spec.layers[9].name, "classifier.4");
}

/* ---- Methods --------------------------------------------------------------------------------- */

static void ranks_are_the_largest_that_keep_the_promise(void **state)
{
    static const size_t shapes[][2] = {{784, 1024}, {2048, 512}, {4000, 512}, {64, 64}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int more = 0; more < 2; more++) {
            size_t d = shapes[i][0], n = shapes[i][1];
            size_t r = rank_of_promise(d, n, MIDL_GATE_LOWRANK) + (size_t)more;
            struct midl_shape shape = {.d = d, .n = n, .r = r, .rg = r, .gate = MIDL_GATE_LOWRANK};
            struct midl_parts parts = midl_layer_flops(&shape, 1, (size_t)round(0.45 * (double)n));
            double ratio = midl_linear_flops(&shape, 1) / midl_parts_sum(&parts);
            assert_true(more ? ratio < 1.7 : ratio >= 1.7);
        }
}

static void controls_take_the_flops_of_mid_l(void **state)
{
    struct network_spec plain = read_spec("256 128", (struct extent){200, 1, 1}, 0), spec;
    const struct method_options options = {
        .active = 0.45, .gate = MIDL_GATE_LOWRANK, .ratio = PROMISED_RATIO};
    struct error error;
    (void)state;
    for (int i = 0; i < METHODS; i++) {
        assert_int_equal(method_network((enum method)i, &options, &plain, &spec, &error),
                         OUTCOME_DONE);
        double ratio = network_hidden_linear_flops(&plain) / network_hidden_flops(&spec);
        if (i == METHOD_DENSE || i == METHOD_DROPOUT)
            assert_true(fabs(ratio - 1) < 1e-12);
        else if (i != METHOD_LIGHT && i != METHOD_CONVERTED_THRESHOLD)
            assert_true(ratio >= 1.55 && ratio < 1.9);
    }
}

/* ---- Gradients ------------------------------------------------------------------------------- */

enum { BATCH = 5 };

static void fill(struct rng *rng, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(rng);
}

static double loss_of(struct network *network, const float *x, const uint32_t *labels)
{
    const struct pass pass = {.batch = BATCH, .training = true, .step = 3, .temperature = 0.7f};
    const float *logits = NULL;
    struct error error;
    assert_int_equal(network_forward(network, &pass, x, &logits, &error), OUTCOME_DONE);
    return cross_entropy(BATCH, network->spec.classes, logits, labels, NULL).loss / BATCH;
}

/* Compare some gradients of every parameter with differences of the loss. Few may be off: a step
 * may cross a kink of ReLU or change a maximum or a selection. */
static void check_gradients(const char *hidden, struct extent in, size_t symbols,
                            struct layer_options options)
{
    struct network_spec spec = read_spec(hidden, in, symbols);
    struct network network;
    struct error error = {""};
    struct rng rng = rng_seed(5);
    float x[BATCH * 300];
    uint32_t labels[BATCH];
    struct network_score score;
    const struct pass pass = {.batch = BATCH, .training = true, .step = 3, .temperature = 0.7f};
    size_t tried = 0, wrong = 0;
    if (!can_train(&spec))
        return;
    options.max_batch = BATCH;
    options.threads = 1;
    options.seed = 11;
    fill(&rng, x, BATCH * extent_size(in));
    for (size_t i = 0; symbols && i < BATCH * in.c; i++)
        x[i] = (float)rng_below(&rng, (uint32_t)symbols);
    for (size_t i = 0; i < BATCH; i++)
        labels[i] = rng_below(&rng, 3);
    if (network_create(&spec, &options, &network, &error) != OUTCOME_DONE)
        fail_msg("%s: %s", hidden, error.text);
    assert_int_equal(network_train(&network, &pass, x, labels, &score, &error), OUTCOME_DONE);
    for (size_t i = 0; i < network.parameter_count; i++) {
        struct parameter *p = &network.parameters[i];
        for (size_t j = 0; p->trained && j < p->count; j += 1 + p->count / 7) {
            float before = p->value[j], step = 4e-3f;
            double analytic = (double)p->gradient[j];
            p->value[j] = before + step;
            double up = loss_of(&network, x, labels);
            p->value[j] = before - step;
            double down = loss_of(&network, x, labels);
            p->value[j] = before;
            double numeric = (up - down) / (2 * (double)step);
            tried++;
            wrong += fabs(numeric - analytic) > 2e-3 + 0.03 * fabs(numeric);
        }
    }
    if (wrong * 10 > tried)
        fail_msg("%s: %zu of %zu gradients differ from the loss's differences", hidden, wrong,
                 tried);
    network_destroy(&network);
}

static void every_layer_has_the_gradient_of_the_loss(void **state)
{
    const struct extent flat = {30, 1, 1}, image = {3, 8, 8};
    const struct layer_options plain = {.mask = MASK_GATE};
    (void)state;
    check_gradients("24 16", flat, 0, plain);
    check_gradients("24 dropout0.3 16", flat, 0, plain);
    check_gradients("lowrank24:5 16", flat, 0, plain);
    check_gradients("embed4 16", (struct extent){6, 1, 1}, 9, plain);
    check_gradients("conv4 12", image, 0, plain);
    check_gradients("conv4 conv6 12", image, 0, plain);
    check_gradients("midl24:k=24,rank=3 16", flat, 0, plain);
    check_gradients("midl24:k=11,rank=3 16", flat, 0, (struct layer_options){.mask = MASK_RANDOM});
    check_gradients("midl24:k=11,rank=3 16", flat, 0, (struct layer_options){.mask = MASK_STATIC});
    check_gradients("midl24:k=11,rank=3 16", flat, 0,
                    (struct layer_options){.rule = MIDL_RULE_SOFT});
}

static void a_wrong_gradient_would_be_seen(void **state)
{
    const float logits[] = {1, 2, 0.5f, -1, 0, 3};
    const uint32_t labels[] = {1, 0};
    float gradient[6], moved[6];
    (void)state;
    struct network_score at = cross_entropy(2, 3, logits, labels, gradient);
    assert_int_equal(at.right, 1);
    for (size_t i = 0; i < 6; i++) {
        memcpy(moved, logits, sizeof moved);
        moved[i] += 1e-2f;
        double up = cross_entropy(2, 3, moved, labels, NULL).loss;
        moved[i] -= 2e-2f;
        double down = cross_entropy(2, 3, moved, labels, NULL).loss;
        assert_true(fabs((up - down) / 2e-2 / 2 - (double)gradient[i]) < 1e-4);
    }
}

/* ---- Optimisers ------------------------------------------------------------------------------ */

static void adam_takes_the_steps_of_its_formula(void **state)
{
    const struct optimiser adam = {.kind = OPTIMISER_ADAM, .decay = 0.01, .threads = 2};
    float value = 2, first = 0, second = 0;
    double v = 2, m1 = 0, m2 = 0;
    (void)state;
    for (uint64_t step = 0; step < 20; step++) {
        float gradient = (float)sin((double)step + 1);
        double g = (double)gradient + 0.01 * v, t = (double)step + 1;
        m1 = 0.9 * m1 + 0.1 * g;
        m2 = 0.999 * m2 + 0.001 * g * g;
        v -= 0.1 * (m1 / (1 - pow(0.9, t))) / (sqrt(m2 / (1 - pow(0.999, t))) + 1e-8);
        optimiser_step(&adam, 0.1, step, 1, &gradient, &value, &first, &second);
        assert_true(fabs(v - (double)value) < 1e-4);
    }
}

static void sgd_keeps_its_momentum(void **state)
{
    const struct optimiser sgd = {.kind = OPTIMISER_SGD, .momentum = 0.5, .threads = 1};
    float value = 1, first = 0, gradient = 1;
    (void)state;
    optimiser_step(&sgd, 0.1, 0, 1, &gradient, &value, &first, NULL);
    optimiser_step(&sgd, 0.1, 1, 1, &gradient, &value, &first, NULL);
    assert_true(fabs((double)value - (1 - 0.1 - 0.15)) < 1e-6);
}

/* A weight whose gradient stays 0 after one step, as behind a dead neuron. */
static void moments_never_become_denormal(void **state)
{
    (void)state;
    for (int kind = OPTIMISER_ADAM; kind <= OPTIMISER_SGD; kind++) {
        const struct optimiser optimiser = {
            .kind = (enum optimiser_kind)kind, .momentum = 0.9, .threads = 1};
        float value = 1, first = 0, second = 0, gradient = -1e-3f, late = 0;
        for (uint64_t step = 0; step < 1200; step++, gradient = 0) {
            optimiser_step(&optimiser, 1e-3, step, 1, &gradient, &value, &first, &second);
            assert_true(fpclassify(first) != FP_SUBNORMAL && fpclassify(second) != FP_SUBNORMAL);
            late = step == 600 ? value : late;
        }
        assert_true(first == 0 && value > 1 && value == late);
        gradient = NAN;
        optimiser_step(&optimiser, 1e-3, 1200, 1, &gradient, &value, &first, &second);
        assert_true(isnan(value) && isnan(first));
    }
}

static void schedules_fall(void **state)
{
    (void)state;
    assert_true(fabs(schedule_rate(SCHEDULE_COSINE, 1, 0, 100) - 1) < 1e-12);
    assert_true(fabs(schedule_rate(SCHEDULE_COSINE, 1, 50, 100) - 0.5) < 1e-12);
    assert_true(schedule_rate(SCHEDULE_COSINE, 1, 99, 100) < 1e-3);
    assert_true(fabs(schedule_rate(SCHEDULE_STEP, 1, 50, 100) - 0.1) < 1e-12);
    assert_true(fabs(schedule_rate(SCHEDULE_CONSTANT, 3, 99, 100) - 3) < 1e-12);
}

/* ---- The same bits --------------------------------------------------------------------------- */

struct training {
    struct network network;
    struct trainer_result result;
};

static struct dataset tiny_set(const char *name)
{
    struct dataset set;
    struct error error = {""};
    const struct dataset_options options = {.train_size = 300, .test_size = 64, .seed = 2};
    if (dataset_load(name, NULL, &options, &set, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return set;
}

static struct trainer_options short_training(void)
{
    return (struct trainer_options){.rate = 2e-3,
                                    .epochs = 3,
                                    .batch = 32,
                                    .seed = 4,
                                    .threads = 1,
                                    .key = "test",
                                    .checkpoint_s = 1e9};
}

static enum outcome run(const struct dataset *set, const char *hidden,
                        const struct trainer_options *options, trainer_report report, void *data,
                        struct training *ret, struct error *error)
{
    struct network_spec spec;
    struct layer_options layers = {
        .max_batch = options->batch, .threads = options->threads, .seed = options->seed};
    assert_int_equal(
        network_read(hidden, (struct extent){set->d, 1, 1}, 0, set->classes, &spec, error),
        OUTCOME_DONE);
    assert_int_equal(network_create(&spec, &layers, &ret->network, error), OUTCOME_DONE);
    return trainer_run(&ret->network, set, options, report, data, &ret->result, error);
}

static void clear(struct training *training)
{
    network_destroy(&training->network);
    free(training->result.epochs);
}

static const char *const hidden_layers = "midl48:k=20,rank=3 dropout0.2 40";

static void assert_same_bits(const struct training *a, const struct training *b)
{
    assert_int_equal(a->network.floats, b->network.floats);
    assert_memory_equal(a->network.values, b->network.values, a->network.floats * sizeof(float));
}

static void threads_change_no_bit(void **state)
{
    struct dataset set = tiny_set("teacher");
    struct training one = {0}, other = {0};
    struct error error = {""};
    struct trainer_options options = short_training();
    (void)state;
    assert_int_equal(run(&set, hidden_layers, &options, NULL, NULL, &one, &error), OUTCOME_DONE);
    for (int threads = 2; threads <= 3; threads++) {
        options.threads = threads;
        assert_int_equal(run(&set, hidden_layers, &options, NULL, NULL, &other, &error),
                         OUTCOME_DONE);
        assert_same_bits(&one, &other);
        clear(&other);
    }
    clear(&one);
    dataset_clear(&set);
}

/* Stops at the given call. */
struct stopper {
    size_t calls, at;
};

static bool stop_there(void *data, double done, size_t epoch, const struct trainer_epoch *so_far)
{
    struct stopper *stopper = data;
    (void)done;
    (void)epoch;
    (void)so_far;
    return stopper->calls++ != stopper->at;
}

/* Run with a checkpoint after every batch, be stopped at a batch, go on. */
static void check_resumed(const struct dataset *set, const struct trainer_options *whole,
                          const char *file, size_t at)
{
    struct training one = {0}, other = {0};
    struct error error = {""};
    struct stopper stopper = {.at = at};
    struct trainer_options options = *whole;
    assert_int_equal(run(set, hidden_layers, &options, NULL, NULL, &one, &error), OUTCOME_DONE);
    options.checkpoint = file;
    options.report_s = 0;
    assert_int_equal(run(set, hidden_layers, &options, stop_there, &stopper, &other, &error),
                     OUTCOME_NO_VERDICT);
    clear(&other);
    other = (struct training){0};
    assert_int_equal(run(set, hidden_layers, &options, NULL, NULL, &other, &error), OUTCOME_DONE);
    assert_true(other.result.resumed);
    assert_same_bits(&one, &other);
    assert_int_equal(one.result.count, other.result.count);
    assert_int_equal(one.result.best, other.result.best);
    for (size_t i = 0; i < one.result.count; i++)
        assert_true(one.result.epochs[i].loss == other.result.epochs[i].loss);
    clear(&one);
    clear(&other);
    unlink(file);
}

static void a_run_that_was_stopped_goes_on_to_the_same_bits(void **state)
{
    struct dataset set = tiny_set("teacher");
    struct trainer_options options = short_training();
    const char *file = scratch_path("checkpoint.safetensors");
    (void)state;
    for (size_t at = 0; at < 30; at++) /* the last step of an epoch, and of the run, too */
        check_resumed(&set, &options, file, at);
    options.epochs = 1.5;
    for (size_t at = 9; at < 15; at++)
        check_resumed(&set, &options, file, at);
    options.validation = 0.2;
    options.patience = 1;
    options.epochs = 8;
    options.rate = 0.05;
    for (size_t at = 5; at < 12; at++)
        check_resumed(&set, &options, file, at);
    dataset_clear(&set);
}

static void a_foreign_checkpoint_is_refused(void **state)
{
    struct dataset set = tiny_set("teacher");
    struct trainer_options options = short_training();
    struct training training = {0};
    struct stopper stopper = {.at = 3};
    struct error error = {""};
    const char *file = scratch_path("foreign.safetensors");
    (void)state;
    options.checkpoint = file;
    options.report_s = 0;
    assert_int_equal(run(&set, hidden_layers, &options, stop_there, &stopper, &training, &error),
                     OUTCOME_NO_VERDICT);
    clear(&training);
    options.key = "another";
    assert_int_equal(run(&set, hidden_layers, &options, NULL, NULL, &training, &error),
                     OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "another run"));
    clear(&training);
    training = (struct training){0};
    assert_int_equal(run(&set, "16", &options, NULL, NULL, &training, &error), OUTCOME_USAGE);
    clear(&training);
    dataset_clear(&set);
}

static void early_stopping_keeps_the_best_epoch(void **state)
{
    struct dataset set = tiny_set("chance"); /* nothing to learn: validation gets worse */
    struct trainer_options options = short_training();
    struct training training = {0};
    struct error error = {""};
    (void)state;
    options.epochs = 40;
    options.rate = 0.01;
    options.validation = 0.3;
    options.patience = 2;
    assert_int_equal(run(&set, "64", &options, NULL, NULL, &training, &error), OUTCOME_DONE);
    const struct trainer_result *r = &training.result;
    assert_true(r->count < 40);
    assert_int_equal(r->best + 1 + 2, r->count);
    for (size_t i = 0; i < r->count; i++)
        assert_true(r->epochs[i].validation_loss >= r->epochs[r->best].validation_loss);
    assert_int_equal(r->examples, 210);
    clear(&training);
    dataset_clear(&set);
}

static void a_loss_that_is_not_finite_ends_with_its_place(void **state)
{
    struct dataset set = tiny_set("teacher");
    struct trainer_options options = short_training();
    struct training training = {0};
    struct error error = {""};
    (void)state;
    options.rate = 1e30;
    assert_int_equal(run(&set, "64 64", &options, NULL, NULL, &training, &error), OUTCOME_BAD);
    assert_non_null(strstr(error.text, "epoch 1, batch "));
    assert_non_null(strstr(error.text, "not finite"));
    clear(&training);
    dataset_clear(&set);
}

/* ---- Models ---------------------------------------------------------------------------------- */

/* A model is asked about no other set than one of its inputs, symbols and classes. */
static void a_set_that_does_not_fit_a_model_is_refused(void **state)
{
    static const struct {
        const char *trained_on, *asked;
        size_t d, symbols, classes;
        const char *words; /* NULL: it fits */
    } rows[] = {{"teacher", NULL, 64, 0, 10, NULL},
                {"clusters", "teacher", 64, 0, 10, NULL},
                {"teacher", "", 64, 5, 10,
                 "64 values, 0 symbols and 10 classes, the model takes "
                 "64, 5 and 10"},
                {"chance", NULL, 64, 53, 10, "the model takes 64, 53 and 10"},
                {"teacher", NULL, 63, 0, 10, "the model takes 63, 0 and 10"},
                {"teacher", NULL, 64, 0, 9, "the model takes 64, 0 and 9"},
                {"", NULL, 64, 0, 10, "does not say what it was trained on: give --data"},
                {"", "techer", 64, 0, 10, "did you mean teacher?"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct network_spec spec = {
            .in = {rows[i].d, 1, 1}, .symbols = rows[i].symbols, .classes = rows[i].classes};
        struct model_facts facts = {.seed = "1"};
        struct dataset set;
        struct error error = {""};
        snprintf(facts.dataset, sizeof facts.dataset, "%s", rows[i].trained_on);
        enum outcome outcome = model_dataset("m", &spec, &facts, rows[i].asked, &set, &error);
        if (!rows[i].words) {
            assert_int_equal(outcome, OUTCOME_DONE);
            dataset_clear(&set);
            continue;
        }
        assert_int_equal(outcome, OUTCOME_USAGE);
        if (!strstr(error.text, rows[i].words))
            fail_msg("'%s', expected '%s'", error.text, rows[i].words);
    }
}

/* A layer selects its k, and one whose gate is NaN, by its weights or by an input, is told. */
static void a_gate_that_is_nan_is_told(void **state)
{
    enum { D = 8, N = 16, COUNT_OF_INPUTS = 300 };
    static float W[N * D], zeros[N * D], bias[N], x[COUNT_OF_INPUTS * D];
    const struct midl_layer layer = {
        .shape = {.d = D, .n = N, .r = 1, .k = 4, .gate = MIDL_GATE_FULL},
        .full_weight = W,
        .full_bias = bias,
        .light_down = zeros,
        .light_up = zeros,
        .light_bias = zeros,
        .gate_weight = W,
        .gate_bias = bias};
    float *const places[] = {&bias[3], &x[299 * D]};
    struct error error = {""};
    double share = 7;
    (void)state;
    for (size_t i = 0; i < N * D; i++)
        W[i] = (float)sin((double)i);
    for (size_t i = 0; i < COUNT_OF_INPUTS * D; i++)
        x[i] = (float)cos((double)i);
    assert_int_equal(layer_selected(&layer, x, COUNT_OF_INPUTS, &share, &error), OUTCOME_DONE);
    assert_true(share == 0.25);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        float kept = *places[i];
        *places[i] = NAN;
        share = 7;
        assert_int_equal(layer_selected(&layer, x, COUNT_OF_INPUTS, &share, &error), OUTCOME_BAD);
        assert_non_null(strstr(error.text, i ? "inputs 256 to 299 is NaN" : "inputs 0 to 255"));
        assert_true(share == 7);
        *places[i] = kept;
    }
}

/* ---- Studies --------------------------------------------------------------------------------- */

/* One experiment on a few examples of the teacher, that many epochs of one batch. */
static struct experiments tiny_experiments(const char *epochs)
{
    static const struct {
        enum experiment_key key;
        const char *text;
    } keys[] = {{EXPERIMENT_DATASET, "teacher"},
                {EXPERIMENT_NETWORK, "4"},
                {EXPERIMENT_TRAIN_SIZE, "8"},
                {EXPERIMENT_TEST_SIZE, "8"}};
    struct experiment_lists lists = {0};
    struct experiments experiments = {.at = NULL};
    struct error error;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(experiment_set(&lists, keys[i].key, keys[i].text, &error), OUTCOME_DONE);
    assert_int_equal(experiment_set(&lists, EXPERIMENT_EPOCHS, epochs, &error), OUTCOME_DONE);
    assert_int_equal(experiments_add(&experiments, &lists, &error), OUTCOME_DONE);
    experiment_lists_clear(&lists);
    return experiments;
}

/* The median of an epoch's time is that of all of them, however many they are. */
static void the_time_of_an_epoch_is_the_median_of_all(void **state)
{
    struct experiments experiments = tiny_experiments("1500");
    const struct study_options options = {.threads = 1};
    struct study *study = study_create(&options);
    struct study_result result;
    struct error error = {""};
    double seconds[1500];
    (void)state;
    assert_int_equal(study_run(study, experiments.at, &result, &error), OUTCOME_DONE);
    assert_int_equal(result.epoch_count, 1500);
    for (size_t i = 0; i < 1500; i++)
        seconds[i] = result.epochs[i].seconds;
    assert_true(result.epoch_s == stats_median(seconds, 1500));
    study_forget(study, experiments.at); /* without a folder there is nothing to remove */
    study_destroy(study);
    experiments_clear(&experiments);
}

/* A folder whose files would have longer names than there is room for is told, not cut. */
static void a_folder_of_checkpoints_that_is_too_long_is_refused(void **state)
{
    static const size_t lengths[] = {4090, 5000};
    struct experiments experiments = tiny_experiments("1");
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char folder[5001];
        const struct study_options options = {.threads = 1, .checkpoints = folder};
        struct study *study = study_create(&options);
        struct study_result result;
        struct error error = {""};
        memset(folder, 'a', lengths[i]);
        folder[lengths[i]] = '\0';
        assert_int_equal(study_run(study, experiments.at, &result, &error), OUTCOME_USAGE);
        assert_non_null(strstr(error.text, "the path of checkpoints is too long"));
        study_forget(study, experiments.at);
        study_destroy(study);
    }
    experiments_clear(&experiments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_reads_back_what_it_writes),
        cmocka_unit_test(bad_networks_are_refused_with_the_word),
        cmocka_unit_test(modules_have_pytorchs_names),
        cmocka_unit_test(ranks_are_the_largest_that_keep_the_promise),
        cmocka_unit_test(controls_take_the_flops_of_mid_l),
        cmocka_unit_test(every_layer_has_the_gradient_of_the_loss),
        cmocka_unit_test(a_wrong_gradient_would_be_seen),
        cmocka_unit_test(adam_takes_the_steps_of_its_formula),
        cmocka_unit_test(sgd_keeps_its_momentum),
        cmocka_unit_test(moments_never_become_denormal),
        cmocka_unit_test(schedules_fall),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_run_that_was_stopped_goes_on_to_the_same_bits),
        cmocka_unit_test(a_foreign_checkpoint_is_refused),
        cmocka_unit_test(early_stopping_keeps_the_best_epoch),
        cmocka_unit_test(a_loss_that_is_not_finite_ends_with_its_place),
        cmocka_unit_test(a_set_that_does_not_fit_a_model_is_refused),
        cmocka_unit_test(a_gate_that_is_nan_is_told),
        cmocka_unit_test(the_time_of_an_epoch_is_the_median_of_all),
        cmocka_unit_test(a_folder_of_checkpoints_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

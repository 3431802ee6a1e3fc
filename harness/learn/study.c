/* study.c - what one experiment needs from the others, and the steps of one. */
#include "learn/study.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "machine/peak.h"

/* A trained network and how it came to be. */
struct trained {
    char key[sizeof((struct experiment *)0)->trained_key]; /* "": none */
    struct network network;
    struct trainer_result result;
    double peak_bytes;
};

struct study {
    struct study_options options;
    char set_key[256]; /* "": none */
    struct dataset set;
    struct trained dense, other;
};

struct study *study_create(const struct study_options *options)
{
    struct study *study = calloc(1, sizeof *study);
    if (study)
        study->options = *options;
    return study;
}

static void trained_clear(struct trained *trained)
{
    if (trained->key[0])
        network_destroy(&trained->network);
    free(trained->result.epochs);
    trained->result = (struct trainer_result){.epochs = NULL};
    trained->key[0] = '\0';
}

void study_destroy(struct study *study)
{
    if (!study)
        return;
    trained_clear(&study->dense);
    trained_clear(&study->other);
    if (study->set_key[0])
        dataset_clear(&study->set);
    free(study);
}

/* ---- Data ------------------------------------------------------------------------------------ */

static enum outcome load(struct study *study, const struct experiment *e, struct error *error)
{
    char key[sizeof study->set_key];
    struct dataset_options options = e->data;
    options.text = study->options.text;
    snprintf(key, sizeof key, "%s %" PRIu64 " %zu %zu %a %a", e->info->name, options.seed,
             options.train_size, options.test_size, options.label_noise, options.train_noise);
    if (strcmp(key, study->set_key) == 0)
        return OUTCOME_DONE;
    if (study->set_key[0])
        dataset_clear(&study->set);
    study->set_key[0] = '\0';
    enum outcome outcome =
        dataset_load(e->info->name, study->options.data_folder, &options, &study->set, error);
    if (!outcome)
        memcpy(study->set_key, key, sizeof key);
    return outcome;
}

static struct extent extent_of(const struct dataset *set)
{
    return set->c ? (struct extent){set->c, set->h, set->w} : (struct extent){set->d, 1, 1};
}

static enum outcome describe(const struct study *study, const struct experiment *e,
                             struct network_spec *ret_plain, struct network_spec *ret,
                             struct error *error)
{
    const struct dataset *set = &study->set;
    enum outcome outcome =
        network_read(e->network, extent_of(set), set->symbols, set->classes, ret_plain, error);
    return outcome ? outcome : method_network(e->method, &e->making, ret_plain, ret, error);
}

/* ---- Training -------------------------------------------------------------------------------- */

static void checkpoint_path(const struct study *study, const struct experiment *e, char *ret,
                            size_t size)
{
    snprintf(ret, size, "%s/%016" PRIx64 ".safetensors", study->options.checkpoints,
             fnv1a(FNV_START, e->trained_key));
}

static enum outcome train(struct study *study, const struct experiment *e,
                          const struct network_spec *spec, struct trained *ret, struct error *error)
{
    char path[4096];
    struct layer_options layers = {.max_batch = e->training.batch,
                                   .threads = study->options.threads,
                                   .seed = e->training.seed,
                                   .rule = e->rule,
                                   .mask = method_mask(e->method)};
    struct trainer_options options = e->training;
    checkpoint_path(study, e, path, sizeof path);
    options.threads = study->options.threads;
    options.key = e->trained_key;
    options.checkpoint = study->options.checkpoints ? path : NULL;
    options.report_s = 0.2;
    options.checkpoint_s = study->options.checkpoint_s;
    trained_clear(ret);
    peak_begin();
    enum outcome outcome = network_create(spec, &layers, &ret->network, error);
    if (outcome)
        return outcome;
    outcome = trainer_run(&ret->network, &study->set, &options, study->options.report,
                          study->options.data, &ret->result, error);
    ret->peak_bytes = peak_bytes();
    if (outcome)
        network_destroy(&ret->network);
    else
        memcpy(ret->key, e->trained_key, sizeof ret->key);
    return outcome;
}

/* The experiment's trained network: one that is there, or a new one. */
static enum outcome obtain(struct study *study, const struct experiment *e,
                           const struct network_spec *spec, struct trained **ret, bool *ret_new,
                           struct error *error)
{
    struct trained *trained = e->method == METHOD_DENSE ? &study->dense : &study->other;
    *ret = trained;
    *ret_new = strcmp(trained->key, e->trained_key) != 0;
    return *ret_new ? train(study, e, spec, trained, error) : OUTCOME_DONE;
}

/* ---- Testing --------------------------------------------------------------------------------- */

static enum outcome test(struct network *network, const struct experiment *e,
                         const struct dataset *set, struct study_result *ret, struct error *error)
{
    struct dataset_part part = set->test;
    float *noisy = NULL;
    if (e->noise > 0) {
        noisy = malloc(part.count * set->d * sizeof *noisy);
        if (!noisy)
            return fail_memory(error, "noisy test inputs", 4.0 * (double)(part.count * set->d));
        dataset_noisy(&set->test, set->d, e->noise, e->training.seed, noisy);
        part.x = noisy;
        part.stride = set->d;
    }
    enum outcome outcome =
        trainer_evaluate(network, &part, set->d, &ret->test_loss, &ret->test_accuracy, error);
    free(noisy);
    return outcome;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_seconds(const struct trainer_result *result)
{
    double seconds[1024];
    size_t count = result->count < COUNT(seconds) ? result->count : COUNT(seconds);
    for (size_t i = 0; i < count; i++)
        seconds[i] = result->epochs[i].seconds;
    qsort(seconds, count, sizeof *seconds, by_value);
    return count ? (seconds[(count - 1) / 2] + seconds[count / 2]) / 2 : NAN;
}

static void describe_result(const struct network_spec *plain, const struct network_spec *spec,
                            struct study_result *ret)
{
    double neurons = 0, active = 0;
    for (size_t i = 0; i < spec->count; i++) {
        const struct layer_spec *layer = &spec->layers[i];
        bool gated = layer->kind == LAYER_MIDL;
        if (!network_is_hidden(spec, i))
            continue;
        neurons += (double)layer->out.c;
        active += (double)(gated ? layer->shape.k : layer->out.c);
        if (gated && !ret->k) {
            ret->gate = layer->shape.gate;
            ret->select = layer->shape.select;
        }
        ret->k += gated ? layer->shape.k : 0;
        if (!ret->rank && layer->kind != LAYER_LINEAR)
            ret->rank = gated ? layer->shape.r : layer->rank;
    }
    ret->active = neurons > 0 ? active / neurons : 1;
    ret->flops_ratio = network_hidden_linear_flops(plain) / network_hidden_flops(spec);
}

static enum outcome run(struct study *study, const struct experiment *e, struct study_result *ret,
                        struct error *error)
{
    struct network_spec plain, spec;
    struct trained *trained = NULL;
    struct study_result result = {.explained = NAN};
    enum outcome outcome = load(study, e, error);
    if (!outcome)
        outcome = describe(study, e, &plain, &spec, error);
    if (!outcome)
        outcome = obtain(study, e, &spec, &trained, &result.trained, error);
    if (!outcome)
        outcome = test(&trained->network, e, &study->set, &result, error);
    if (outcome)
        return outcome;
    describe_result(&plain, &spec, &result);
    result.epochs = trained->result.epochs;
    result.epoch_count = trained->result.count;
    result.best = trained->result.best;
    result.train_size = trained->result.examples;
    result.test_size = study->set.test.count;
    result.epoch_s = median_seconds(&trained->result);
    result.peak_bytes = trained->peak_bytes;
    result.network = &trained->network;
    result.set = &study->set;
    *ret = result;
    return OUTCOME_DONE;
}

enum outcome study_run(struct study *study, const struct experiment *experiment,
                       struct study_result *ret, struct error *error)
{
    enum outcome outcome = run(study, experiment, ret, error);
    if (outcome)
        return fail(error, outcome, "%s, %s, seed %" PRIu64 ": %s", experiment->info->name,
                    method_name(experiment->method), experiment->training.seed, error->text);
    return OUTCOME_DONE;
}

void study_forget(struct study *study, const struct experiment *experiment)
{
    char path[4096];
    if (!study->options.checkpoints)
        return;
    checkpoint_path(study, experiment, path, sizeof path);
    (void)unlink(path);
}

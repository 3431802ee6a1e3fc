/* study.c - what one experiment needs from the others, and the steps of one. */
#include "learn/study.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/util.h"
#include "learn/network_conversion.h"
#include "machine/peak.h"
#include "stats.h"

/* A trained network and how it came to be. */
struct trained {
    char key[sizeof((struct experiment *)0)->trained_key]; /* "": none */
    struct network network;
    struct trainer_result result;
    double peak_bytes;
    struct network_conversion_result conversion; /* count 0: trained, not converted */
};

struct study {
    struct study_options options;
    char set_key[256]; /* "": none */
    uint64_t set_hash; /* of its training examples */
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
    trained->conversion.count = 0;
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

/* Hash what is trained on: files of one name may have other contents. */
static uint64_t hash_of(const struct dataset *set)
{
    const struct dataset_part *part = &set->train;
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < part->count; i++) {
        hash = (hash ^ part->labels[i]) * FNV_PRIME;
        for (size_t j = 0; part->stride == set->d && j < set->d; j++) {
            uint32_t bits;
            memcpy(&bits, &dataset_row(part, i)[j], sizeof bits);
            hash = (hash ^ bits) * FNV_PRIME;
        }
    }
    return hash;
}

static enum outcome load(struct study *study, const struct experiment *e, struct error *error)
{
    char key[sizeof study->set_key];
    struct dataset_options options = e->data;
    options.text = *e->content ? study->options.text : NULL;
    snprintf(key, sizeof key, "%s %" PRIu64 " %zu %zu %a %a", e->info->name, options.seed,
             options.train_size, options.test_size, options.label_noise, options.train_noise);
    if (strcmp(key, study->set_key) == 0)
        return OUTCOME_DONE;
    if (study->set_key[0])
        dataset_clear(&study->set);
    study->set_key[0] = '\0';
    enum outcome outcome =
        dataset_load(e->info->name, study->options.data_folder, &options, &study->set, error);
    if (!outcome) {
        memcpy(study->set_key, key, sizeof key);
        study->set_hash = hash_of(&study->set);
    }
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

enum { RUN_KEY_SIZE = sizeof((struct experiment *)0)->trained_key + 32 };

/* Everything that trained weights depend on. */
static void run_key(const struct study *study, const struct experiment *e, char ret[RUN_KEY_SIZE])
{
    snprintf(ret, RUN_KEY_SIZE, "%s data=%016" PRIx64, e->trained_key, study->set_hash);
}

/* Write the path of an experiment's checkpoint. False if there is no folder of checkpoints, or the
 * path is too long. */
static bool checkpoint_path(const struct study *study, const struct experiment *e, char *ret,
                            size_t size)
{
    char key[RUN_KEY_SIZE], name[24];
    if (!study->options.checkpoints)
        return false;
    run_key(study, e, key);
    snprintf(name, sizeof name, "%016" PRIx64, fnv1a(FNV_START, key));
    return folder_path(ret, size, study->options.checkpoints, name, ".safetensors");
}

static enum outcome train(struct study *study, const struct experiment *e,
                          const struct network_spec *spec, struct trained *ret, struct error *error)
{
    char path[4096], key[RUN_KEY_SIZE];
    struct layer_options layers = {.max_batch = e->training.batch,
                                   .threads = study->options.threads,
                                   .seed = e->training.seed,
                                   .rule = e->rule,
                                   .mask = method_mask(e->method)};
    struct trainer_options options = e->training;
    bool kept = checkpoint_path(study, e, path, sizeof path);
    if (study->options.checkpoints && !kept)
        return fail(error, OUTCOME_USAGE, "the path of checkpoints is too long: %s",
                    file_shown(study->options.checkpoints));
    options.threads = study->options.threads;
    run_key(study, e, key);
    options.key = key;
    options.checkpoint = kept ? path : NULL;
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

/* Convert the trained dense network; `spec` becomes what was made. */
static enum outcome convert(struct study *study, const struct experiment *e,
                            struct network_spec *spec, struct trained *ret, struct error *error)
{
    struct network *dense = &study->dense.network;
    const struct network_conversion how = {.active = e->making.active, .margin = NAN};
    trained_clear(ret);
    peak_begin();
    dense->options.mask = method_mask(e->method); /* the new network takes these options */
    enum outcome outcome = network_convert(dense, &study->set.train, spec, &how, &ret->network,
                                           &ret->conversion, error);
    dense->options.mask = MASK_GATE;
    ret->peak_bytes = peak_bytes();
    if (outcome)
        return outcome;
    ret->result = (struct trainer_result){.examples = study->dense.result.examples,
                                          .best = study->dense.result.best};
    memcpy(ret->key, e->trained_key, sizeof ret->key);
    return OUTCOME_DONE;
}

/* Train, or convert what was trained. */
static enum outcome make(struct study *study, const struct experiment *e,
                         const struct network_spec *plain, struct network_spec *spec,
                         struct trained *ret, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    if (!method_converts(e->method))
        return train(study, e, spec, ret, error);
    const struct experiment dense = experiment_dense(e);
    if (strcmp(study->dense.key, dense.trained_key) != 0)
        outcome = train(study, &dense, plain, &study->dense, error);
    return outcome ? outcome : convert(study, e, spec, ret, error);
}

/* The experiment's trained network: one that is there, or a new one. */
static enum outcome obtain(struct study *study, const struct experiment *e,
                           const struct network_spec *plain, struct network_spec *spec,
                           struct trained **ret, bool *ret_new, struct error *error)
{
    struct trained *trained = e->method == METHOD_DENSE ? &study->dense : &study->other;
    *ret = trained;
    *ret_new = strcmp(trained->key, e->trained_key) != 0;
    return *ret_new ? make(study, e, plain, spec, trained, error) : OUTCOME_DONE;
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

/* Find the median time of an epoch; NaN where there was none, and where there is no memory. */
static double median_seconds(const struct trainer_result *result)
{
    double *seconds = calloc(result->count + 1, sizeof *seconds), median = NAN;
    for (size_t i = 0; seconds && i < result->count; i++)
        seconds[i] = result->epochs[i].seconds;
    if (seconds && result->count)
        median = stats_median(seconds, result->count);
    free(seconds);
    return median;
}

/* The share of a layer's neurons on the full path: what a conversion by threshold selected on
 * average, or k/n. */
static double active_of(const struct trained *trained, size_t i)
{
    const struct layer_spec *layer = &trained->network.spec.layers[i];
    if (layer->kind != LAYER_MIDL)
        return 1;
    for (size_t j = 0; j < trained->conversion.count; j++)
        if (trained->conversion.layers[j].layer == i)
            return trained->conversion.layers[j].active;
    return (double)layer->shape.k / (double)layer->shape.n;
}

static double least_explained(const struct network_conversion_result *conversion)
{
    double least = NAN;
    for (size_t i = 0; i < conversion->count; i++)
        least = fmin(least, conversion->layers[i].explained); /* of NaN and x: x */
    return least;
}

static void describe_result(const struct network_spec *plain, const struct trained *trained,
                            struct study_result *ret)
{
    const struct network_spec *spec = &trained->network.spec;
    double neurons = 0, active = 0, flops = 0;
    for (size_t i = 0; i < spec->count; i++) {
        const struct layer_spec *layer = &spec->layers[i];
        double n = (double)layer->out.c, share = active_of(trained, i);
        if (!network_is_hidden(spec, i))
            continue;
        if (layer->kind == LAYER_MIDL && !ret->k) {
            ret->gate = layer->shape.gate;
            ret->select = layer->shape.select;
        }
        neurons += n;
        active += n * share;
        flops += network_layer_flops(layer, share);
        ret->k += layer->kind == LAYER_MIDL ? (size_t)round(n * share) : 0;
        if (!ret->rank && layer->kind != LAYER_LINEAR)
            ret->rank = layer->kind == LAYER_MIDL ? layer->shape.r : layer->rank;
    }
    ret->active = neurons > 0 ? active / neurons : 1;
    ret->flops_ratio = network_hidden_linear_flops(plain) / flops;
    ret->explained = least_explained(&trained->conversion);
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
        outcome = obtain(study, e, &plain, &spec, &trained, &result.trained, error);
    if (!outcome)
        outcome = test(&trained->network, e, &study->set, &result, error);
    if (outcome)
        return outcome;
    describe_result(&plain, trained, &result);
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
    if (checkpoint_path(study, experiment, path, sizeof path))
        (void)unlink(path);
}

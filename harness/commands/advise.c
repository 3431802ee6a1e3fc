/* advise.c - `midl advise`: what to make of a trained plain layer on this machine. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/file.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/rng.h"
#include "base/stop.h"
#include "commands/command.h"
#include "learn/advice.h"
#include "learn/meeting.h"
#include "learn/model_file.h"
#include "learn/network_conversion.h"
#include "learn/plain_layer.h"
#include "learn/trainer.h"

enum { BY_MOST = 2000, JUDGED_MOST = 512, NETWORK_BATCH = 256, HELD_MOST = 64, FINALISTS = 2 };

static const char usage_line[] =
    "midl advise --weights W --inputs X | --model M [--data DATASET] | --d D --n N [options]";
static const char about[] =
    "Say what gives the least measured time on this machine for a trained linear layer within the\n"
    "error asked for: a MID-L layer (which rank, k/n, selection and kernel), a layer of low rank, "
    "or\n"
    "the layer as it is; with intervals, and the command that makes it. With sizes alone nothing "
    "is\n"
    "known of errors: the advice is for k/n = 0.45 and 1.7 times fewer FLOPs. Nothing is stored.";

struct request {
    const char *weights, *prefix, *inputs, *tensor, *model, *data, *layer;
    const char *d, *n; /* sizes alone */
    const char *batch, *error, *drop, *threads, *budget, *held_out, *json, *quiet;
};

struct job {
    struct request request;
    size_t batch, threads, held_out;
    double error, drop, budget_s; /* drop: accuracy that may be lost, a share; NaN: not looked at */
    bool made;                    /* of random numbers */
    struct plain_layer plain;
    struct convert_source by, judged;
    /* With --model only. */
    struct network network;
    struct model_facts facts;
    struct dataset set;
    bool loaded, has_set;
    size_t layer; /* in the network */
    float *met, *met_judged;
    double accuracy;

    struct advice *advice;
    struct progress *progress;
    struct advice_time dense, times[FINALISTS];
    double accuracies[FINALISTS];
    bool is[FINALISTS]; /* there is one of this kind within the error: low rank, MID-L */
    enum advice_kind verdict;
    struct stats_interval midl_over_low_rank;
};

static const enum advice_kind kinds[FINALISTS] = {ADVICE_LOW_RANK, ADVICE_MIDL};

static void job_clear(struct job *job)
{
    progress_end(job->progress);
    advice_destroy(job->advice);
    plain_layer_clear(&job->plain);
    if (job->loaded)
        network_destroy(&job->network);
    if (job->has_set)
        dataset_clear(&job->set);
    free(job->met);
    free(job->met_judged);
}

/* ---- Request --------------------------------------------------------------------------------- */

static enum outcome check_options(const struct request *request, struct error *error)
{
    const char *of_model = request->data    ? "data"
                           : request->layer ? "layer"
                           : request->drop  ? "drop"
                                            : NULL;
    const char *of_weights = request->weights  ? "weights"
                             : request->prefix ? "prefix"
                             : request->inputs ? "inputs"
                             : request->tensor ? "tensor"
                                               : NULL;
    const char *wrong = request->model ? of_weights : of_model;
    if (request->d || request->n) {
        wrong = request->model ? "model" : of_weights ? of_weights : of_model;
        wrong = wrong || !request->error ? wrong : "error";
        if (wrong)
            return fail(error, OUTCOME_USAGE, "--%s does not go with --d and --n", wrong);
        if (!request->d || !request->n)
            return fail(error, OUTCOME_USAGE, "--d and --n go together");
    } else if (wrong)
        return fail(error, OUTCOME_USAGE, "--%s does not go with --%s: see midl advise --help",
                    wrong, request->model ? "model" : "weights");
    if (!request->d && !request->model && (!request->weights || !request->inputs))
        return fail(error, OUTCOME_USAGE, "--%s FILE is missing; see midl advise --help",
                    request->weights ? "inputs" : "weights");
    return convert_unavailable() ? fail(error, OUTCOME_MACHINE, "%s", convert_unavailable())
                                 : OUTCOME_DONE;
}

static enum outcome read_options(struct job *job, struct error *error)
{
    const struct request *request = &job->request;
    double drop = 0.2;
    enum outcome outcome = check_options(request, error);
    job->batch = job->threads = 1;
    job->error = 0.01;
    job->budget_s = 10;
    job->drop = NAN;
    if (!outcome && request->batch)
        outcome = option_size("batch", request->batch, 1, JUDGED_MOST, &job->batch, error);
    if (!outcome && request->threads)
        outcome = option_size("threads", request->threads, 1, 1024, &job->threads, error);
    if (!outcome && request->held_out)
        outcome = option_size("held-out", request->held_out, 1, HELD_MOST, &job->held_out, error);
    if (!outcome && request->error)
        outcome = option_double("error", request->error, 0, 1, &job->error, error);
    if (!outcome && request->drop)
        outcome = option_double("drop", request->drop, 0, 100, &drop, error);
    if (!outcome && request->budget)
        outcome = option_double("budget", request->budget, 0.01, 3600, &job->budget_s, error);
    if (request->model && !request->error)
        job->drop = drop / 100;
    if (request->model && request->error && request->drop)
        return fail(error, OUTCOME_USAGE, "--error and --drop: give one of them");
    return outcome;
}

/* ---- A layer of a model ---------------------------------------------------------------------- */

static enum outcome load_model(struct job *job, struct error *error)
{
    const struct request *request = &job->request;
    const struct layer_options options = {.max_batch = NETWORK_BATCH, .threads = (int)job->threads};
    enum outcome outcome = model_load(request->model, &options, &job->network, &job->facts, error);
    if (outcome)
        return outcome;
    job->loaded = true;
    outcome = model_dataset(request->model, &job->network.spec, &job->facts, request->data,
                            &job->set, error);
    job->has_set = !outcome;
    return outcome;
}

/* The layer that --layer names, or the largest that could be converted. */
static enum outcome choose_layer(struct job *job, struct error *error)
{
    const struct network_spec *spec = &job->network.spec;
    char names[300] = "";
    size_t most = 0;
    for (size_t i = 0; i < spec->count; i++) {
        const struct layer_spec *layer = &spec->layers[i];
        size_t weights = extent_size(layer->in) * extent_size(layer->out);
        if (!network_is_hidden(spec, i) || layer->kind != LAYER_LINEAR)
            continue;
        append_text(names, sizeof names, "%s%s", *names ? ", " : "", layer->name);
        if (job->request.layer ? strcmp(job->request.layer, layer->name) != 0 : weights <= most)
            continue;
        most = weights;
        job->layer = i;
    }
    return most ? OUTCOME_DONE
                : fail(error, OUTCOME_USAGE, "%s: no hidden plain layer%s%.40s; %s%s",
                       file_shown(job->request.model), job->request.layer ? " " : "",
                       job->request.layer ? job->request.layer : "",
                       *names ? "there are: " : "take a model of midl train --method dense", names);
}

/* Collect the layer's inputs while the network reads `count` examples. */
static enum outcome meet(struct job *job, const struct dataset_part *part, size_t count,
                         float **ret, struct error *error)
{
    float *met[NETWORK_LAYERS_MOST] = {NULL};
    enum outcome outcome = network_met_new(&job->network.spec, job->layer, count, ret, error);
    if (outcome)
        return outcome;
    met[job->layer] = *ret;
    return network_meet(&job->network, part, count, met, error);
}

static enum outcome read_model(struct job *job, struct error *error)
{
    enum outcome outcome;
    double loss;
    if ((outcome = load_model(job, error)) != OUTCOME_DONE ||
        (outcome = choose_layer(job, error)) != OUTCOME_DONE)
        return outcome;
    const struct layer_spec *layer = &job->network.spec.layers[job->layer];
    const struct parameter *p = job->network.layers[job->layer].parameters;
    size_t by = job->set.train.count, judged = job->set.test.count;
    by = by < BY_MOST ? by : BY_MOST;
    judged = judged < JUDGED_MOST ? judged : JUDGED_MOST;
    if ((outcome = meet(job, &job->set.train, by, &job->met, error)) != OUTCOME_DONE ||
        (outcome = meet(job, &job->set.test, judged, &job->met_judged, error)) != OUTCOME_DONE)
        return outcome;
    job->by = (struct convert_source){.d = extent_size(layer->in),
                                      .n = extent_size(layer->out),
                                      .weight = p[0].value,
                                      .bias = p[1].value,
                                      .count = by,
                                      .x = job->met};
    job->judged = job->by;
    job->judged.count = judged;
    job->judged.x = job->met_judged;
    return trainer_evaluate(&job->network, &job->set.test, job->set.d, &loss, &job->accuracy,
                            error);
}

/* Random numbers of the sizes asked for: weights, inputs to convert by and inputs to judge by. */
static enum outcome make_layer(struct job *job, struct error *error)
{
    enum { BY = 400, JUDGED = 128 };
    struct rng rng = rng_seed(1);
    size_t d, n;
    enum outcome outcome = option_size("d", job->request.d, 16, 65536, &d, error);
    if (!outcome)
        outcome = option_size("n", job->request.n, 16, 65536, &n, error);
    if (outcome)
        return outcome;
    size_t judged = job->batch > JUDGED ? job->batch : JUDGED, rows = BY + judged;
    job->made = true;
    job->plain.weight = malloc(n * d * sizeof(float));
    job->plain.bias = calloc(n, sizeof(float));
    job->plain.inputs.data = malloc(rows * d * sizeof(float));
    if (!job->plain.weight || !job->plain.bias || !job->plain.inputs.data)
        return fail_memory(error, "a layer", 4.0 * (double)d * (double)(n + rows));
    for (size_t i = 0; i < n * d; i++)
        job->plain.weight[i] = rng_bell(&rng) / sqrtf((float)d);
    for (size_t i = 0; i < rows * d; i++)
        job->plain.inputs.data[i] = rng_bell(&rng);
    job->by = (struct convert_source){.d = d,
                                      .n = n,
                                      .weight = job->plain.weight,
                                      .bias = job->plain.bias,
                                      .count = BY,
                                      .x = job->plain.inputs.data};
    job->judged = job->by;
    job->judged.count = judged;
    job->judged.x = job->plain.inputs.data + BY * d;
    return OUTCOME_DONE;
}

static enum outcome read_layer(struct job *job, struct error *error)
{
    if (job->request.d)
        return make_layer(job, error);
    const struct plain_layer_request request = {job->request.weights, job->request.prefix,
                                                job->request.inputs, job->request.tensor};
    if (job->request.model)
        return read_model(job, error);
    enum outcome outcome = plain_layer_read(&request, &job->plain, error);
    if (outcome)
        return outcome;
    job->by = job->plain.by;
    job->judged = job->plain.judged;
    job->by.count = job->by.count < BY_MOST ? job->by.count : BY_MOST;
    return OUTCOME_DONE;
}

/* Accuracy of the model with the layer made so. */
static enum outcome accuracy_of(struct job *job, const struct advice_way *way, double *ret,
                                struct error *error)
{
    struct network_spec wanted = job->network.spec;
    struct layer_spec *layer = &wanted.layers[job->layer];
    const struct network_conversion how = {
        .inputs = BY_MOST, .active = way->active, .margin = way->margin};
    struct network_conversion_result result;
    struct network *to = calloc(1, sizeof *to);
    double loss;
    layer->kind = way->kind == ADVICE_MIDL ? LAYER_MIDL : LAYER_LOWRANK;
    layer->rank = way->rank;
    layer->shape = (struct midl_shape){.d = job->by.d,
                                       .n = job->by.n,
                                       .r = way->rank,
                                       .k = way->k,
                                       .gate = MIDL_GATE_SHARED,
                                       .select = way->select,
                                       .block = 16,
                                       .threshold = convert_threshold()};
    if (!to)
        return fail_memory(error, "a network", sizeof *to);
    enum outcome outcome =
        network_convert(&job->network, &job->set.train, &wanted, &how, to, &result, error);
    if (!outcome) {
        outcome = trainer_evaluate(to, &job->set.test, job->set.d, &loss, ret, error);
        network_destroy(to);
    }
    free(to);
    return outcome;
}

/* ---- The choice ------------------------------------------------------------------------------ */

/* Choose without an error to go by, for a random layer: the paper's share of neurons, and low rank
 * of as many FLOPs. */
static size_t choose_by_size(const struct job *job, enum advice_kind kind)
{
    size_t best = 0;
    bool found = false;
    for (size_t i = 0; i < advice_count(job->advice); i++) {
        const struct advice_way *way = advice_way(job->advice, i);
        bool fits = kind == ADVICE_MIDL ? way->active >= 0.4 && way->active <= 0.46 &&
                                              way->select != MIDL_SELECT_THRESHOLD
                                        : fabs(way->flops_ratio - 1.7) < 0.05;
        if (way->kind != kind || !fits ||
            (found && way->predicted_ns >= advice_way(job->advice, best)->predicted_ns))
            continue;
        best = i;
        found = true;
    }
    return best;
}

/* The fastest way of a kind by prediction whose error is within what was asked for, or whose
 * accuracy is: errors are allowed as long as that holds. */
static enum outcome choose(struct job *job, size_t i, size_t *ret, struct error *error)
{
    enum { LOOKS = 8 };
    double allowed = isnan(job->drop) ? job->error : 1;
    job->accuracies[i] = NAN;
    if (job->made) {
        *ret = choose_by_size(job, kinds[i]);
        job->is[i] = advice_way(job->advice, *ret)->kind == kinds[i];
        return OUTCOME_DONE;
    }
    for (int look = 0; look < LOOKS; look++, allowed /= 2.5) {
        size_t best;
        if (advice_best(job->advice, kinds[i], allowed, &best, 1) == 0)
            return OUTCOME_DONE;
        if (look > 0 && best == *ret && !isnan(job->accuracies[i]))
            continue;
        *ret = best;
        job->is[i] = isnan(job->drop);
        if (job->is[i])
            return OUTCOME_DONE;
        enum outcome outcome =
            accuracy_of(job, advice_way(job->advice, best), &job->accuracies[i], error);
        if (outcome)
            return outcome;
        job->is[i] = job->accuracies[i] >= job->accuracy - job->drop - 1e-9;
        if (job->is[i])
            return OUTCOME_DONE;
    }
    return OUTCOME_DONE;
}

static enum outcome decide(struct job *job, struct error *error)
{
    size_t ways[FINALISTS] = {0}, chosen[FINALISTS], count = 0, place[FINALISTS] = {0};
    struct advice_time times[FINALISTS];
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < FINALISTS && !outcome; i++) {
        outcome = choose(job, i, &ways[i], error);
        if (!job->is[i])
            continue;
        place[i] = count;
        chosen[count++] = ways[i];
    }
    if (!outcome)
        outcome = advice_measure(job->advice, chosen, count, times, &job->dense, error);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < FINALISTS; i++)
        if (job->is[i])
            job->times[i] = times[place[i]];
    bool both = job->is[0] && job->is[1] &&
                advice_ratio(job->advice, place[1], place[0], &job->midl_over_low_rank);
    job->verdict = advice_decide(job->is[0] ? &job->times[0].speedup : NULL,
                                 job->is[1] ? &job->times[1].speedup : NULL,
                                 both ? &job->midl_over_low_rank : NULL);
    return OUTCOME_DONE;
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* The command that makes a layer so; nothing for the plain one. */
static void command_of(const struct job *job, const struct advice_way *way, char *ret, size_t size)
{
    const struct request *r = &job->request;
    char words[6][400] = {""}, how[160];
    const char *texts[6] = {r->weights, r->prefix, r->inputs, r->tensor, r->model, r->data};
    for (size_t i = 0; i < 6; i++)
        if (texts[i] && !quote_word(texts[i], words[i], sizeof words[i]))
            snprintf(words[i], sizeof words[i], "FILE");
    if (way->kind == ADVICE_LOW_RANK)
        snprintf(how, sizeof how, "--rank %zu --active 0", way->rank);
    else if (way->select == MIDL_SELECT_THRESHOLD)
        snprintf(how, sizeof how, "--rank %zu --select threshold --margin %g", way->rank,
                 way->margin);
    else
        snprintf(how, sizeof how, "--rank %zu --active %.4g --select %s", way->rank, way->active,
                 midl_select_name(way->select));
    if (job->made && way->kind == ADVICE_LOW_RANK)
        snprintf(ret, size,
                 "midl sweep --d %zu --n %zu --batch %zu --gate shared --rank %zu --k 0 --kernel "
                 "'linear*,low-rank'",
                 job->by.d, job->by.n, job->batch, way->rank);
    else if (job->made)
        snprintf(ret, size,
                 "midl sweep --d %zu --n %zu --batch %zu --gate shared --rank %zu --active %.4g "
                 "--select %s",
                 job->by.d, job->by.n, job->batch, way->rank, way->active,
                 midl_select_name(way->select));
    else if (r->model)
        snprintf(ret, size, "midl convert --model %s%s%s --layer %s %s -o FILE", words[4],
                 r->data ? " --data " : "", words[5], job->network.spec.layers[job->layer].name,
                 how);
    else
        snprintf(ret, size, "midl convert --weights %s%s%s --inputs %s%s%s %s -o FILE", words[0],
                 r->prefix ? " --prefix " : "", words[1], words[2], r->tensor ? " --tensor " : "",
                 words[3], how);
}

static void print_time(const char *name, const struct advice_time *time)
{
    printf("  %-12s %10.2f us  %5.2fx [%.2f, %.2f]  %s", name, time->time_ns.median / 1e3,
           time->speedup.median, time->speedup.lo, time->speedup.hi,
           midl_variant_name(time->variant));
}

static void print_way(const struct job *job, size_t i)
{
    const char *name = kinds[i] == ADVICE_MIDL ? "MID-L" : "low rank";
    if (!job->is[i]) {
        printf("  %-12s none of those tried is %s\n", name,
               isnan(job->drop) ? "within the error" : "accurate enough");
        return;
    }
    const struct advice_way *way = advice_way(job->advice, job->times[i].way);
    print_time(name, &job->times[i]);
    printf(", rank %zu", way->rank);
    if (way->kind == ADVICE_MIDL)
        printf(", select %s, k/n %.3f", midl_select_name(way->select), way->active);
    if (!job->made)
        printf(", error %.4g", way->error);
    printf(", promised %.2fx, predicted %.2f us", way->flops_ratio, way->predicted_ns / 1e3);
    if (!isnan(job->accuracies[i]))
        printf(", accuracy %.4f", job->accuracies[i]);
    printf("\n");
}

static const char *verdict_text(enum advice_kind verdict)
{
    return verdict == ADVICE_MIDL       ? "MID-L"
           : verdict == ADVICE_LOW_RANK ? "low rank is enough"
                                        : "keep it dense";
}

static void print_text(const struct job *job)
{
    char command[2400];
    printf("%zu -> %zu, batch %zu, %zu thread%s: converted by %zu inputs, judged by %zu others; ",
           job->by.d, job->by.n, job->batch, job->threads, job->threads > 1 ? "s" : "",
           job->by.count, job->judged.count);
    if (job->made)
        printf("random numbers, at 1.7 times fewer FLOPs\n");
    else if (isnan(job->drop))
        printf("error at most %g\n", job->error);
    else
        printf("accuracy at least %.4f (dense %.4f)\n", job->accuracy - job->drop, job->accuracy);
    print_time("dense", &job->dense);
    printf("\n");
    for (size_t i = 0; i < FINALISTS; i++)
        print_way(job, i);
    printf("%s", verdict_text(job->verdict));
    if (job->is[0] && job->is[1])
        printf(" (MID-L %.2fx [%.2f, %.2f] as fast as low rank)", job->midl_over_low_rank.median,
               job->midl_over_low_rank.lo, job->midl_over_low_rank.hi);
    printf("\n");
    if (job->verdict == ADVICE_DENSE)
        return;
    command_of(job, advice_way(job->advice, job->times[job->verdict == ADVICE_MIDL].way), command,
               sizeof command);
    printf("%s\n", command);
}

static void json_time(struct json *json, cJSON *row, const struct advice_time *time)
{
    json_text(json, row, "kernel", midl_variant_name(time->variant));
    json_number(json, row, "time_ns", time->time_ns.median);
    json_number(json, row, "time_lo_ns", time->time_ns.lo);
    json_number(json, row, "time_hi_ns", time->time_ns.hi);
    json_number(json, row, "speedup", time->speedup.median);
    json_number(json, row, "speedup_lo", time->speedup.lo);
    json_number(json, row, "speedup_hi", time->speedup.hi);
}

static void json_way(struct json *json, const struct job *job, size_t i, const char *name)
{
    if (!job->is[i])
        return;
    const struct advice_way *way = advice_way(job->advice, job->times[i].way);
    char command[2400];
    cJSON *row = json_object(json, json->root, name);
    json_time(json, row, &job->times[i]);
    json_number(json, row, "rank", (double)way->rank);
    if (way->kind == ADVICE_MIDL)
        json_text(json, row, "select", midl_select_name(way->select));
    json_number(json, row, "active", way->active);
    json_number(json, row, "error", way->error);
    json_number(json, row, "flops_ratio", way->flops_ratio);
    json_number(json, row, "predicted_ns", way->predicted_ns);
    json_number(json, row, "accuracy", job->accuracies[i]);
    command_of(job, way, command, sizeof command);
    json_text(json, row, "command", command);
}

static enum outcome print_json(const struct job *job, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    json_number(&json, json.root, "d", (double)job->by.d);
    json_number(&json, json.root, "n", (double)job->by.n);
    json_number(&json, json.root, "batch", (double)job->batch);
    json_text(&json, json.root, "verdict", verdict_text(job->verdict));
    json_time(&json, json_object(&json, json.root, "dense"), &job->dense);
    json_way(&json, job, 0, "low_rank");
    json_way(&json, job, 1, "midl");
    enum outcome outcome = json_print(&json, stdout, false, "the answer", error);
    json_clear(&json);
    return outcome;
}

/* ---- Layers held out ------------------------------------------------------------------------- */

/* Measure layers whose times were only predicted, and say how good the predictions were. */
static enum outcome test_predictions(struct job *job, struct error *error)
{
    size_t ways[HELD_MOST], count = advice_held_out(job->advice, ways, job->held_out), within = 0;
    struct advice_time times[HELD_MOST], dense;
    enum outcome outcome = advice_measure(job->advice, ways, count, times, &dense, error);
    for (size_t i = 0; i < count && !outcome; i++) {
        const struct advice_way *way = advice_way(job->advice, ways[i]);
        double ratio = way->predicted_ns / times[i].time_ns.median;
        within += ratio > 0.9 && ratio < 1.1;
        printf(
            "held out: %s, rank %zu, k/n %.3f, %s: predicted %.2f us, measured %.2f us, %+.1f %%\n",
            way->kind == ADVICE_MIDL ? midl_select_name(way->select) : "low rank", way->rank,
            way->active, midl_variant_name(way->variant), way->predicted_ns / 1e3,
            times[i].time_ns.median / 1e3, 100 * (ratio - 1));
    }
    if (!outcome)
        printf("predictions within 10 %%: %zu of %zu\n", within, count);
    return outcome;
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome advise(struct job *job, struct error *error)
{
    enum { STEPS = 24 };
    enum outcome outcome;
    if ((outcome = read_options(job, error)) != OUTCOME_DONE ||
        (outcome = read_layer(job, error)) != OUTCOME_DONE)
        return outcome;
    stop_on_signals();
    job->progress = progress_begin("advise", STEPS + 2, job->request.quiet || job->request.json);
    const struct advice_options options = {.batch = job->batch,
                                           .threads = (int)job->threads,
                                           .budget_ns = job->budget_s * 1e9,
                                           .target = 0.02,
                                           .stop = &stop_requested,
                                           .progress = job->progress};
    outcome = advice_create(&job->by, &job->judged, &options, &job->advice, error);
    if (outcome)
        return outcome;
    progress_step(job->progress, STEPS + 1, "the fastest");
    outcome = decide(job, error);
    progress_step(job->progress, STEPS + 2, "end");
    progress_end(job->progress);
    job->progress = NULL;
    if (outcome)
        return outcome;
    if (job->request.json)
        outcome = print_json(job, error);
    else
        print_text(job);
    return outcome || !job->held_out ? outcome : test_predictions(job, error);
}

int command_advise(int argc, char **argv)
{
    struct job *job = calloc(1, sizeof *job);
    struct error error;
    bool help = false;
    if (!job)
        return command_fail("advise", fail_memory(&error, "advice", sizeof *job), &error);
    struct request *r = &job->request;
    const struct option_row rows[] = {
        {"weights", "FILE", "a linear layer, safetensors: weight [n, d] and bias [n]", &r->weights},
        {"prefix", "P", "read `P.weight` and `P.bias`: classifier.0", &r->prefix},
        {"inputs", "FILE", "inputs that the layer met in use: safetensors x [.., d], or idx",
         &r->inputs},
        {"tensor", "NAME", "the inputs' tensor; default x", &r->tensor},
        {"model", "FILE", "instead: a dense model that midl train saved", &r->model},
        {"data", "NAME", "the model's data set; default: the one that it was trained on", &r->data},
        {"layer", "NAME", "of the model; default: its largest hidden plain layer", &r->layer},
        {"d", "D", "instead of a layer: its length of an input", &r->d},
        {"n", "N", "and its neurons", &r->n},
        {"batch", "B", "inputs a call; default 1", &r->batch},
        {"error", "E",
         "allowed: mean square behind ReLU, as a share of the plain layer's; default 0.01",
         &r->error},
        {"drop", "POINTS", "of a model, instead: accuracy that may be lost; default 0.2", &r->drop},
        {"threads", "N", "default 1", &r->threads},
        {"budget", "SECONDS", "for each of two sets of rounds; default 10", &r->budget},
        {"held-out", "N", "also measure N layers that were only predicted", &r->held_out},
        {"json", NULL, "print the answer as JSON", &r->json},
        {"quiet", NULL, "no progress", &r->quiet}};
    enum outcome outcome = options_only(argc, argv, usage_line, about, rows,
                                        sizeof rows / sizeof *rows, &help, &error);
    if (!outcome && !help)
        outcome = advise(job, &error);
    job_clear(job);
    free(job);
    return outcome ? command_fail("advise", outcome, &error) : OUTCOME_DONE;
}

/* convert_model.c - `midl convert --model`: the hidden linear layers of a trained model, with its
 * accuracy before and after. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands/convert_request.h"
#include "learn/layer_flops.h"
#include "learn/model_file.h"
#include "learn/network_conversion.h"
#include "learn/trainer.h"

enum { BATCH = 256 }; /* examples at a time */

struct score {
    double loss, accuracy;
};

struct job {
    struct network from, to;
    bool loaded, made, has_set;
    struct model_facts facts;
    struct dataset set;
    struct network_spec wanted;
    struct network_conversion_result result;
    struct score before, after;
    double seconds;
};

static void job_clear(struct job *job)
{
    if (job->loaded)
        network_destroy(&job->from);
    if (job->made)
        network_destroy(&job->to);
    if (job->has_set)
        dataset_clear(&job->set);
}

static enum outcome check_files(const struct convert_request *request, struct error *error)
{
    if (!request->output)
        return fail(error, OUTCOME_USAGE, "--output FILE is missing; see midl convert --help");
    if (file_same(request->output, request->model))
        return fail(error, OUTCOME_USAGE,
                    "--output %s would replace a file that is read; give another",
                    file_shown(request->output));
    return file_replace_check(request->output, error);
}

/* The model, and the data that it was trained on, or those that --data names. */
static enum outcome load(const struct convert_request *request, size_t threads, struct job *job,
                         struct error *error)
{
    struct layer_options options = {.max_batch = BATCH, .threads = (int)threads};
    enum outcome outcome = model_load(request->model, &options, &job->from, &job->facts, error);
    if (outcome)
        return outcome;
    job->loaded = true;
    outcome = model_dataset(request->model, &job->from.spec, &job->facts, request->data, &job->set,
                            error);
    job->has_set = !outcome;
    return outcome;
}

/* ---- What it shall become -------------------------------------------------------------------- */

static enum outcome shape_of(const struct convert_request *request,
                             const struct convert_options *asked, const struct layer_spec *layer,
                             struct midl_shape *ret, struct error *error)
{
    size_t d = extent_size(layer->in), n = extent_size(layer->out);
    size_t most = d < n ? d : n, unit = asked->select == MIDL_SELECT_BLOCK ? asked->block : 1;
    bool own = asked->gate_rank > 0;
    enum midl_gate gate = own ? MIDL_GATE_LOWRANK : MIDL_GATE_SHARED;
    char reason[MIDL_REASON_SIZE];
    struct midl_shape shape = {.d = d,
                               .n = n,
                               .r = rank_of_promise(d, n, gate),
                               .gate = gate,
                               .select = asked->select,
                               .block = asked->block,
                               .threshold = convert_threshold()};
    enum outcome outcome = OUTCOME_DONE;
    if (request->rank)
        outcome = option_size("rank", request->rank, 1, most, &shape.r, error);
    shape.rg = own ? shape.r : 0;
    if (!outcome && request->gate_rank)
        outcome = option_size("gate-rank", request->gate_rank, 1, most, &shape.rg, error);
    if (outcome)
        return outcome;
    shape.k = (size_t)lround(asked->active * (double)n / (double)unit) * unit;
    if (midl_shape_check(&shape, reason) != MIDL_OK)
        return fail(error, OUTCOME_USAGE, "layer %s: %s", layer->name, reason);
    *ret = shape;
    return OUTCOME_DONE;
}

/* All hidden linear layers, or the one that --layer names. */
static enum outcome wish(const struct convert_request *request, const struct convert_options *asked,
                         struct job *job, struct error *error)
{
    size_t chosen = 0;
    char names[300] = "";
    enum outcome outcome = OUTCOME_DONE;
    job->wanted = job->from.spec;
    for (size_t i = 0; i < job->wanted.count && !outcome; i++) {
        struct layer_spec *layer = &job->wanted.layers[i];
        if (!network_is_hidden(&job->wanted, i) || layer->kind != LAYER_LINEAR)
            continue;
        append_text(names, sizeof names, "%s%s", *names ? ", " : "", layer->name);
        if (request->layer && strcmp(request->layer, layer->name) != 0)
            continue;
        outcome = shape_of(request, asked, layer, &layer->shape, error);
        layer->kind = LAYER_MIDL;
        chosen++;
    }
    if (!outcome && chosen == 0)
        return fail(error, OUTCOME_USAGE, "%s: no hidden linear layer%s%.40s; there are: %s",
                    file_shown(request->model), request->layer ? " " : "",
                    request->layer ? request->layer : "", *names ? names : "none");
    return outcome;
}

/* ---- The answer ------------------------------------------------------------------------------ */

/* FLOPs of the converted layers as plain ones over those that they take now. */
static double saved(const struct job *job)
{
    double plain = 0, now = 0;
    for (size_t i = 0; i < job->result.count; i++) {
        const struct layer_conversion *c = &job->result.layers[i];
        const struct midl_shape *shape = &job->wanted.layers[c->layer].shape;
        double linear = flops_linear(shape->d, shape->n);
        plain += linear;
        now += linear / flops_ratio(shape, c->active);
    }
    return plain / now;
}

static void print_text(const struct convert_request *request, const struct job *job)
{
    for (size_t i = 0; i < job->result.count; i++) {
        const struct layer_conversion *c = &job->result.layers[i];
        const struct midl_shape *s = &job->wanted.layers[c->layer].shape;
        printf("%s: %zu -> %zu, rank %zu, active %.3f, explained variance %.4f, positive %.3f\n",
               job->wanted.layers[c->layer].name, s->d, s->n, s->r, c->active, c->explained,
               c->positive);
    }
    printf("flops_ratio %.2f of these layers, converted in %.2f s\n", saved(job), job->seconds);
    printf("accuracy %.4f before, %.4f after; loss %.4f before, %.4f after (%zu test examples)\n",
           job->before.accuracy, job->after.accuracy, job->before.loss, job->after.loss,
           job->set.test.count);
    printf("-> %s\n", request->output);
}

static void add_layer(struct json *json, cJSON *layers, const struct job *job,
                      const struct layer_conversion *c)
{
    const struct layer_spec *layer = &job->wanted.layers[c->layer];
    cJSON *row = json_object(json, layers, NULL);
    json_text(json, row, "name", layer->name);
    json_number(json, row, "d", (double)layer->shape.d);
    json_number(json, row, "n", (double)layer->shape.n);
    json_number(json, row, "rank", (double)layer->shape.r);
    json_number(json, row, "active", c->active);
    json_number(json, row, "explained", c->explained);
    json_number(json, row, "positive", c->positive);
}

static enum outcome print_json(const struct convert_request *request, const struct job *job,
                               struct error *error)
{
    struct json json;
    json_begin_object(&json);
    cJSON *layers = json_array(&json, json.root, "layers");
    for (size_t i = 0; i < job->result.count; i++)
        add_layer(&json, layers, job, &job->result.layers[i]);
    json_text(&json, json.root, "output", request->output);
    json_number(&json, json.root, "flops_ratio", saved(job));
    json_number(&json, json.root, "accuracy_before", job->before.accuracy);
    json_number(&json, json.root, "accuracy", job->after.accuracy);
    json_number(&json, json.root, "loss_before", job->before.loss);
    json_number(&json, json.root, "loss", job->after.loss);
    json_number(&json, json.root, "test_size", (double)job->set.test.count);
    json_number(&json, json.root, "seconds", job->seconds);
    enum outcome outcome = json_print(&json, stdout, false, "the summary", error);
    json_clear(&json);
    return outcome;
}

static enum outcome save(const struct convert_request *request, const struct convert_options *asked,
                         struct job *job, struct error *error)
{
    struct model_facts facts = job->facts;
    enum method method = asked->select == MIDL_SELECT_BLOCK       ? METHOD_CONVERTED_BLOCK
                         : asked->select == MIDL_SELECT_THRESHOLD ? METHOD_CONVERTED_THRESHOLD
                                                                  : METHOD_CONVERTED;
    snprintf(facts.method, sizeof facts.method, "%s", method_name(method));
    snprintf(facts.accuracy, sizeof facts.accuracy, "%.6f", job->after.accuracy);
    facts.rule[0] = '\0';
    return model_save(request->output, &job->to, &facts, error);
}

static enum outcome convert(const struct convert_request *request,
                            const struct convert_options *asked, struct job *job,
                            struct error *error)
{
    struct network_conversion how = {.active = asked->active, .margin = asked->margin};
    enum outcome outcome;
    if ((outcome = check_files(request, error)) != OUTCOME_DONE ||
        (outcome = load(request, (size_t)asked->threads, job, error)) != OUTCOME_DONE ||
        (outcome = wish(request, asked, job, error)) != OUTCOME_DONE ||
        (outcome = trainer_evaluate(&job->from, &job->set.test, job->set.d, &job->before.loss,
                                    &job->before.accuracy, error)) != OUTCOME_DONE)
        return outcome;
    double begin_ns = clock_ns();
    outcome = network_convert(&job->from, &job->set.train, &job->wanted, &how, &job->to,
                              &job->result, error);
    if (outcome)
        return outcome;
    job->made = true;
    job->seconds = (clock_ns() - begin_ns) * 1e-9;
    if ((outcome = trainer_evaluate(&job->to, &job->set.test, job->set.d, &job->after.loss,
                                    &job->after.accuracy, error)) != OUTCOME_DONE ||
        (outcome = save(request, asked, job, error)) != OUTCOME_DONE)
        return outcome;
    if (request->json)
        return print_json(request, job, error);
    print_text(request, job);
    return OUTCOME_DONE;
}

enum outcome convert_model(const struct convert_request *request,
                           const struct convert_options *asked, struct error *error)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return fail_memory(error, "a conversion", sizeof *job);
    enum outcome outcome = convert(request, asked, job, error);
    job_clear(job);
    free(job);
    return outcome;
}

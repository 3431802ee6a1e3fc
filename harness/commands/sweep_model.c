/* sweep_model.c - see sweep_model.h. */
#include "commands/sweep_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/printed.h"
#include "base/rng.h"
#include "base/stop.h"
#include "base/terminal.h"
#include "base/util.h"
#include "commands/command.h"
#include "data/dataset.h"
#include "data/layer_file.h"
#include "learn/layer_error.h"
#include "learn/meeting.h"
#include "learn/method.h"
#include "learn/model_file.h"
#include "learn/network_time.h"
#include "machine/team.h"
#include "suite/case.h"

enum { INPUTS = 1024, BATCHES_MOST = 32, LAYER_NAME = 512 };

static const char default_batches[] = "1,4,16,64,256";

/* A layer of the model and its alternatives. */
struct part {
    size_t layer; /* in the network */
    float *x;     /* what it meets: [inputs][d] */
    double active;
    char path[512], name[LAYER_NAME], input[LAYER_NAME];
    struct bench_origin origins[3]; /* the layer, low rank, narrow */
    size_t rank, narrow;            /* of the alternatives */
};

struct sweep_model {
    struct network network;
    bool loaded, has_set;
    struct model_facts facts;
    struct dataset set;
    const char *dataset;
    const char *path;
    char text[NETWORK_TEXT_SIZE]; /* hidden layers when they were dense */
    char folder[256];
    size_t inputs; /* test inputs looked at */
    float *x;      /* [inputs][in] */
    struct part parts[NETWORK_LAYERS_MOST];
    size_t count;
    double active[NETWORK_LAYERS_MOST], active_mean;
    struct network_time *time;
    size_t batches[BATCHES_MOST], batch_count;
    size_t threads;
    struct print_row *rows; /* of the whole network */
    size_t *row_batch, row_count;
    double share[BATCHES_MOST];
};

/* ---- Loading --------------------------------------------------------------------------------- */

static enum outcome read_batches(struct sweep_model *model, const char *text, struct error *error)
{
    char *copy = strdup(text), *rest = copy, *word;
    enum outcome outcome = copy ? OUTCOME_DONE : fail_memory(error, "--batch", 64);
    while (!outcome && (word = strsep(&rest, ",")))
        outcome = model->batch_count < BATCHES_MOST
                      ? option_size("batch", word, 1, INPUTS, &model->batches[model->batch_count++],
                                    error)
                      : fail(error, OUTCOME_USAGE, "--batch: more than %d", BATCHES_MOST);
    free(copy);
    return outcome;
}

static size_t most_batch(const struct sweep_model *model)
{
    size_t most = 64;
    for (size_t i = 0; i < model->batch_count; i++)
        most = model->batches[i] > most ? model->batches[i] : most;
    return most;
}

static enum outcome load_data(const struct sweep_model_request *request, struct sweep_model *model,
                              struct error *error)
{
    enum outcome outcome = model_dataset(request->model, &model->network.spec, &model->facts,
                                         request->data, &model->set, error);
    model->has_set = !outcome;
    model->dataset = outcome ? "" : model->set.info->name;
    return outcome;
}

/* Test inputs in random order, the same each time; repeated if there are fewer than a batch takes.
 */
static enum outcome draw_inputs(struct sweep_model *model, struct error *error)
{
    size_t d = model->set.d, count = model->set.test.count, most = most_batch(model);
    struct rng rng = rng_seed(1);
    model->inputs = count < INPUTS ? count : INPUTS;
    model->inputs = model->inputs < most ? most : model->inputs;
    uint32_t *order = malloc(count * sizeof *order);
    model->x = malloc(model->inputs * d * sizeof *model->x);
    if (!order || !model->x) {
        free(order);
        return fail_memory(error, "test inputs", 4.0 * (double)(model->inputs * d));
    }
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = 0; i < model->inputs; i++) {
        size_t at = i % count, other = at + rng_below(&rng, (uint32_t)(count - at));
        uint32_t kept = order[at];
        order[at] = order[other];
        order[other] = kept;
        memcpy(model->x + i * d, dataset_row(&model->set.test, order[at]), d * sizeof *model->x);
    }
    free(order);
    return OUTCOME_DONE;
}

/* ---- What layers meet ------------------------------------------------------------------------ */

static enum outcome take_parts(struct sweep_model *model, struct error *error)
{
    const struct network_spec *spec = &model->network.spec;
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < spec->count && !outcome; i++) {
        struct part *part = &model->parts[model->count];
        if (spec->layers[i].kind != LAYER_MIDL)
            continue;
        part->layer = i;
        outcome = network_met_new(spec, i, model->inputs, &part->x, error);
        model->count++;
    }
    return outcome;
}

static enum outcome meet(struct sweep_model *model, struct error *error)
{
    const struct dataset_part inputs = {
        .x = model->x, .stride = model->set.d, .count = model->inputs};
    float *met[NETWORK_LAYERS_MOST] = {NULL};
    for (size_t i = 0; i < model->count; i++)
        met[model->parts[i].layer] = model->parts[i].x;
    return network_meet(&model->network, &inputs, model->inputs, met, error);
}

static enum outcome write_part(const struct sweep_model *model, struct part *part,
                               struct error *error)
{
    const char *name = model->network.spec.layers[part->layer].name;
    const struct midl_layer layer = layer_midl_weights(&model->network.layers[part->layer]);
    const struct tensor x = {"x",     TENSOR_F32,
                             2,       {model->inputs, layer.shape.d},
                             part->x, model->inputs * layer.shape.d * sizeof *part->x};
    if (!folder_path(part->path, sizeof part->path, model->folder, name, ".safetensors"))
        return fail(error, OUTCOME_USAGE, "the path of the temporary folder is too long");
    return layer_write(part->path, &layer, &x, error);
}

/* The plain layers of the FLOPs that this one takes. */
static void size_alternatives(const struct sweep_model *model, struct part *part)
{
    const struct layer_spec *layer = &model->network.spec.layers[part->layer];
    struct layer_spec plain = *layer;
    double d = (double)layer->shape.d, n = (double)layer->shape.n;
    plain.kind = LAYER_LINEAR;
    double ratio = network_layer_flops(&plain, 1) / network_layer_flops(layer, part->active);
    double flops = network_layer_flops(&plain, 1) / fmax(ratio, 1);
    part->rank = (size_t)fmax(1, fmin((flops - n) / (2 * (d + n)), fmin(d, n)));
    part->narrow = (size_t)fmax(1, flops / (2 * d + 1));
}

static enum outcome make_parts(struct sweep_model *model, struct error *error)
{
    double selected = 0, neurons = 0;
    enum outcome outcome = take_parts(model, error);
    if (!outcome)
        outcome = meet(model, error);
    if (!outcome && model->count &&
        !folder_make_temporary(NULL, "midl-sweep-", model->folder, sizeof model->folder))
        outcome = fail(error, OUTCOME_MACHINE, "cannot make a temporary folder: set TMPDIR");
    for (size_t i = 0; i < model->count && !outcome; i++) {
        struct part *part = &model->parts[i];
        const struct layer_spec *layer = &model->network.spec.layers[part->layer];
        snprintf(part->name, sizeof part->name, "%.400s#%s", model->path, layer->name);
        snprintf(part->input, sizeof part->input, "%s:test", model->dataset);
        const struct midl_layer weights = layer_midl_weights(&model->network.layers[part->layer]);
        outcome = layer_selected(&weights, part->x, model->inputs, &part->active, error);
        if (!outcome)
            outcome = write_part(model, part, error);
        size_alternatives(model, part);
        model->active[part->layer] = part->active;
        selected += part->active * (double)layer->shape.n;
        neurons += (double)layer->shape.n;
        part->origins[0] = (struct bench_origin){model->text, model->dataset,      layer->name,
                                                 "dense",     model->facts.method, part->active};
        part->origins[1] = (struct bench_origin){model->text, model->dataset, layer->name,
                                                 "dense",     "low-rank",     NAN};
        part->origins[2] = (struct bench_origin){model->text,    model->dataset, layer->name,
                                                 "dense-narrow", "dense-narrow", NAN};
    }
    model->active_mean = neurons > 0 ? selected / neurons : NAN;
    return outcome;
}

/* ---- The suite ------------------------------------------------------------------------------- */

static void put_part(FILE *out, const struct part *part, const struct midl_shape *shape,
                     const struct sweep_model_request *request)
{
    const char *batch = request->batch ? request->batch : default_batches;
    const char *kernel = request->kernel ? request->kernel : "*";
    const char *threads = request->threads ? request->threads : "1";
    fprintf(out,
            "[sweep layer %zu]\nlayer = %s\ninput = %s\nbatch = %s\nthreads = %s\nkernel = %s\n",
            part->layer, part->path, part->path, batch, threads, kernel);
    fprintf(out,
            "[sweep low rank %zu]\nd = %zu\nn = %zu\nk = 0\nrank = %zu\ngate = shared\ninput = %s\n"
            "batch = %s\nthreads = %s\nkernel = linear*,low-ran*\n",
            part->layer, shape->d, shape->n, part->rank, part->path, batch, threads);
    fprintf(out,
            "[sweep narrow %zu]\nd = %zu\nn = %zu\nk = 0\nrank = 1\ngate = shared\ninput = %s\n"
            "batch = %s\nthreads = %s\nkernel = linear*\n",
            part->layer, shape->d, part->narrow, part->path, batch, threads);
}

static enum outcome make_suite(const struct sweep_model *model,
                               const struct sweep_model_request *request, struct suite **ret,
                               struct error *error)
{
    struct printed printed;
    char *text = NULL;
    enum outcome outcome = printed_begin(&printed, "a suite", error);
    if (outcome)
        return outcome;
    fprintf(printed.out,
            "[suite]\nquestion = what does the model of %s deliver?\ncounters = none\n",
            model->dataset);
    for (size_t i = 0; i < model->count; i++)
        put_part(printed.out, &model->parts[i],
                 &model->network.spec.layers[model->parts[i].layer].shape, request);
    outcome = printed_end(&printed, OUTCOME_DONE, &text, NULL, error);
    if (!outcome)
        outcome = suite_parse(text, "model", ret, error);
    free(text);
    return outcome;
}

static struct network_spec dense_spec(const struct network_spec *spec)
{
    struct network_spec ret = *spec;
    for (size_t i = 0; i < ret.count; i++)
        if (ret.layers[i].kind == LAYER_MIDL || ret.layers[i].kind == LAYER_LOWRANK)
            ret.layers[i].kind = LAYER_LINEAR;
    return ret;
}

static enum outcome load(const struct sweep_model_request *request, struct sweep_model *model,
                         struct suite **ret_suite, struct error *error)
{
    enum outcome outcome;
    int team;
    model->path = request->model;
    model->threads = 1;
    if ((outcome = read_batches(model, request->batch ? request->batch : default_batches, error)) !=
        OUTCOME_DONE)
        return outcome;
    if (request->threads && (outcome = option_size("threads", request->threads, 1, 1024,
                                                   &model->threads, error)) != OUTCOME_DONE)
        return outcome;
    if ((outcome = team_check((int)model->threads, true, &team, error)) != OUTCOME_DONE)
        return outcome;
    const struct layer_options options = {
        .max_batch = most_batch(model), .threads = (int)model->threads, .frozen = true};
    outcome = model_load(request->model, &options, &model->network, &model->facts, error);
    if (outcome)
        return outcome;
    model->loaded = true;
    const struct network_spec dense = dense_spec(&model->network.spec);
    network_text(&dense, model->text);
    if ((outcome = load_data(request, model, error)) != OUTCOME_DONE ||
        (outcome = draw_inputs(model, error)) != OUTCOME_DONE ||
        (outcome = make_parts(model, error)) != OUTCOME_DONE)
        return outcome;
    if (model->count == 0)
        return fail(
            error, OUTCOME_USAGE,
            "%s: no MID-L layer to measure; midl convert --model %s --data %s --output FILE "
            "makes some",
            file_shown(request->model), file_shown(request->model), model->dataset);
    outcome = network_time_create(&model->network, model->active, &model->time, error);
    return outcome ? outcome : make_suite(model, request, ret_suite, error);
}

enum outcome sweep_model_load(const struct sweep_model_request *request, struct sweep_model **ret,
                              struct suite **ret_suite, struct error *error)
{
    struct sweep_model *model = calloc(1, sizeof *model);
    if (!model)
        return fail_memory(error, "a model", sizeof *model);
    enum outcome outcome = load(request, model, ret_suite, error);
    if (outcome)
        sweep_model_destroy(model);
    else
        *ret = model;
    return outcome;
}

void sweep_model_destroy(struct sweep_model *model)
{
    if (!model)
        return;
    network_time_destroy(model->time);
    if (*model->folder)
        folder_remove(model->folder);
    for (size_t i = 0; i < model->count; i++)
        free(model->parts[i].x);
    if (model->has_set)
        dataset_clear(&model->set);
    if (model->loaded)
        network_destroy(&model->network);
    free(model->x);
    free(model->rows);
    free(model->row_batch);
    free(model);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

/* Which of a part's cases a shape is: the layer, low rank, narrow. */
static size_t role_of(const struct part *part, const struct bench_shape *shape)
{
    return shape->layer_path ? 0 : shape->layer.n == part->narrow && shape->layer.r == 1 ? 2 : 1;
}

void sweep_model_label(const struct sweep_model *model, struct bench_cases *cases)
{
    for (size_t i = 0; i < cases->count; i++) {
        struct bench_shape *shape = &cases->cases[i].shape;
        for (size_t j = 0; j < model->count; j++) {
            const struct part *part = &model->parts[j];
            if (!shape->input_path || strcmp(shape->input_path, part->path) != 0)
                continue;
            shape->input_name = part->input;
            shape->layer_name = shape->layer_path ? part->name : NULL;
            shape->origin = &part->origins[role_of(part, shape)];
            break;
        }
    }
}

/* ---- The whole network ----------------------------------------------------------------------- */

/* The variants of the first layer's cases. */
static size_t variants_of(const struct bench_cases *cases, const struct midl_variant **ret)
{
    const struct bench_group *group = &cases->groups[0];
    for (size_t i = 0; i < group->count; i++)
        ret[i] = cases->cases[group->first + i].variant;
    return group->count;
}

static enum outcome keep_rows(struct sweep_model *model, struct runner *runner,
                              const struct measure_result *result, size_t b, struct error *error)
{
    const struct session *session = &runner->session;
    size_t count = model->row_count + result->count;
    enum outcome outcome = session_check(
        session, store_put_points(session->store, session->run_id, result->points, result->count),
        error);
    struct print_row *rows = realloc(model->rows, count * sizeof *rows);
    model->rows = rows ? rows : model->rows;
    size_t *batches = realloc(model->row_batch, count * sizeof *batches);
    model->row_batch = batches ? batches : model->row_batch;
    if (!rows || !batches)
        return fail_memory(error, "the table", (double)(count * sizeof *rows));
    for (size_t i = 0; i < result->count && !outcome; i++) {
        const struct store_point *point = &result->points[i];
        model->rows[model->row_count] = print_row(point, point->kernel);
        model->row_batch[model->row_count++] = b;
        if (point->replaced_share > 0)
            model->share[b] = point->replaced_share;
        runner->timed += point->sample_count > 0;
        runner->failed += strcmp(point->status, "failed") == 0;
        if (runner->json)
            outcome =
                print_point_json(stdout, session->run_id, suite_name(runner->suite), point, error);
    }
    return outcome;
}

static enum outcome network_stored(const struct sweep_model *model, const struct runner *runner,
                                   const struct network_facts *facts, size_t batch, bool *ret,
                                   struct error *error)
{
    char key[CASE_TEXT_SIZE];
    *ret = false;
    if (!runner->resume)
        return OUTCOME_DONE;
    network_time_key(model->time, facts, batch, key);
    const struct midl_variant *narrow = midl_variant_find("linear", MIDL_F32);
    return session_check(&runner->session,
                         store_has_point(runner->session.store, runner->session.run_id, key,
                                         "dense-narrow", midl_isa_name(midl_variant_isa(narrow)),
                                         midl_dtype_name(MIDL_F32), ret),
                         error);
}

static enum outcome measure_batch(struct sweep_model *model, struct runner *runner,
                                  const struct network_facts *facts, size_t b, bool *ret_done,
                                  struct error *error)
{
    const struct midl_variant *variants[256];
    struct measure_result result = {0};
    size_t count = variants_of(runner->cases, variants), batch = model->batches[b];
    char text[64];
    snprintf(text, sizeof text, "whole network, batch %zu", batch);
    progress_step(runner->progress, runner->resumed + runner->done, text);
    enum outcome outcome = network_stored(model, runner, facts, batch, ret_done, error);
    if (outcome || *ret_done)
        return outcome;
    outcome = network_time_measure(model->time, facts, model->x, batch, variants, count,
                                   runner_options(runner), &result, error);
    if (outcome)
        return outcome;
    *ret_done = !result.interrupted;
    if (*ret_done)
        outcome = keep_rows(model, runner, &result, b, error);
    network_time_clear(&result);
    return outcome;
}

static enum outcome measure_network(void *data, struct runner *runner, size_t *ret_done,
                                    struct error *error)
{
    struct sweep_model *model = data;
    const struct network_facts facts = {.dataset = model->dataset,
                                        .model = model->text,
                                        .method = model->facts.method,
                                        .file = model->path,
                                        .active = model->active_mean};
    enum outcome outcome = OUTCOME_DONE;
    for (size_t b = 0; b < model->batch_count && !outcome && !stop_requested; b++) {
        bool done = false;
        outcome = measure_batch(model, runner, &facts, b, &done, error);
        *ret_done += done;
    }
    return outcome;
}

void sweep_model_set_runner(struct sweep_model *model, struct runner *runner)
{
    runner->more = measure_network;
    runner->more_data = model;
    runner->more_count = model->batch_count;
}

void sweep_model_print(const struct sweep_model *model)
{
    char text[128];
    for (size_t b = 0; b < model->batch_count; b++) {
        size_t first = 0, count = 0;
        for (size_t i = model->row_count; i-- > 0;)
            if (model->row_batch[i] == b) {
                first = i;
                count++;
            }
        if (!count)
            continue;
        snprintf(text, sizeof text, "whole network, batch %zu", model->batches[b]);
        print_table(stdout, text, model->rows + first, count, terminal_columns(STDOUT_FILENO));
        if (model->share[b] > 0)
            printf("the replaced layers took %.0f %% of the dense network's time\n",
                   100 * model->share[b]);
    }
}

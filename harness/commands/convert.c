/* convert.c - `midl convert`: a trained plain layer, from a file of anybody's, to a MID-L layer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "commands/convert_request.h"
#include "data/layer_file.h"
#include "data/tensors.h"
#include "learn/conversion.h"
#include "learn/layer_error.h"
#include "learn/layer_flops.h"
#include "learn/plain_layer.h"

struct job {
    struct convert_options options;
    struct plain_layer plain;
    struct convert_source by, judged; /* of it */
    struct converted converted;
};

/* How the outputs behind ReLU differ from those of the plain layer: see layer_error.h. */
struct errors {
    double light, converted, low_rank;
    size_t low_rank_rank;
};

static void job_clear(struct job *job)
{
    plain_layer_clear(&job->plain);
    converted_clear(&job->converted);
}

/* ---- Request --------------------------------------------------------------------------------- */

static enum outcome check_files(const struct convert_request *request, struct error *error)
{
    const char *missing = !request->weights  ? "--weights"
                          : !request->inputs ? "--inputs"
                          : !request->output ? "--output"
                                             : NULL;
    if (missing)
        return fail(error, OUTCOME_USAGE, "%s FILE is missing; see midl convert --help", missing);
    if (file_same(request->output, request->weights) || file_same(request->output, request->inputs))
        return fail(error, OUTCOME_USAGE,
                    "--output %s would replace a file that is read; give another",
                    file_shown(request->output));
    return file_replace_check(request->output, error);
}

/* Ranks of a bare layer. */
static enum outcome read_ranks(const struct convert_request *request,
                               const struct convert_source *by, struct convert_options *ret,
                               struct error *error)
{
    size_t most = by->d < by->n ? by->d : by->n;
    bool own = ret->gate_rank > 0;
    enum outcome outcome = OUTCOME_DONE;
    ret->rank = rank_of_promise(by->d, by->n, own ? MIDL_GATE_LOWRANK : MIDL_GATE_SHARED);
    if (request->rank)
        outcome = option_size("rank", request->rank, 1, most, &ret->rank, error);
    ret->gate_rank = own ? ret->rank : 0;
    if (!outcome && request->gate_rank)
        outcome = option_size("gate-rank", request->gate_rank, 1, most, &ret->gate_rank, error);
    return outcome;
}

/* gate_rank = 1 says that the gate has a rank of its own. */
static enum outcome read_words(const struct convert_request *request, struct convert_options *ret,
                               struct error *error)
{
    bool own = request->gate && strcmp(request->gate, "lowrank") == 0;
    if (request->gate && !own && strcmp(request->gate, "shared") != 0)
        return fail(error, OUTCOME_USAGE, "--gate %.40s: expected shared or lowrank",
                    request->gate);
    if (request->gate && !own && request->gate_rank)
        return fail(error, OUTCOME_USAGE, "--gate-rank is for --gate lowrank");
    ret->gate_rank = own || request->gate_rank ? 1 : 0;
    if (request->select && !midl_select_parse(request->select, &ret->select))
        return fail(error, OUTCOME_USAGE, "--select %.40s: expected topk, block or threshold",
                    request->select);
    if (request->block && !request->select)
        ret->select = MIDL_SELECT_BLOCK;
    if (request->block && ret->select != MIDL_SELECT_BLOCK)
        return fail(error, OUTCOME_USAGE, "--block is for --select block");
    if (request->margin && !request->select)
        ret->select = MIDL_SELECT_THRESHOLD;
    if (request->margin && ret->select != MIDL_SELECT_THRESHOLD)
        return fail(error, OUTCOME_USAGE, "--margin is for --select threshold");
    return OUTCOME_DONE;
}

static enum outcome read_options(const struct convert_request *request, struct convert_options *ret,
                                 struct error *error)
{
    size_t threads = 1;
    *ret = (struct convert_options){.active = PROMISED_ACTIVE, .block = 16, .margin = NAN};
    enum outcome outcome = read_words(request, ret, error);
    if (!outcome && request->active)
        outcome = option_double("active", request->active, 0, 1, &ret->active, error);
    if (!outcome && request->block)
        outcome = option_size("block", request->block, 8, 16, &ret->block, error);
    if (!outcome && request->margin)
        outcome = option_double("margin", request->margin, -1e6, 1e6, &ret->margin, error);
    if (!outcome && request->threads)
        outcome = option_size("threads", request->threads, 1, 1024, &threads, error);
    ret->threads = (int)threads;
    return outcome;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static enum outcome judge(const struct job *job, struct errors *ret, struct error *error)
{
    const struct converted *c = &job->converted;
    struct midl_layer light = c->layer;
    struct low_rank low_rank = {0};
    int threads = job->options.threads;
    light.shape.k = 0;
    ret->low_rank_rank =
        rank_of_ratio(job->by.d, job->by.n, flops_ratio(&c->layer.shape, c->active));
    enum outcome outcome = layer_error(&job->judged, &light, c->order, threads, &ret->light, error);
    if (!outcome)
        outcome = layer_error(&job->judged, &c->layer, c->order, threads, &ret->converted, error);
    if (!outcome)
        outcome = convert_low_rank(&job->by, ret->low_rank_rank, threads, &low_rank, error);
    if (!outcome)
        outcome = low_rank_error(&job->judged, &low_rank, threads, &ret->low_rank, error);
    low_rank_clear(&low_rank);
    return outcome;
}

static void print_text(const struct convert_request *request, const struct job *job,
                       const struct errors *errors, double seconds)
{
    const struct converted *c = &job->converted;
    const struct midl_shape *s = &c->layer.shape;
    printf("%zu -> %zu, rank %zu, %s gate, select %s, by %zu inputs in %.2f s\n", s->d, s->n, s->r,
           midl_gate_name(s->gate), midl_select_name(s->select), job->by.count, seconds);
    printf("  active               %.3f of the neurons\n", c->active);
    if (s->select == MIDL_SELECT_THRESHOLD)
        printf("  margin               %.3f standard deviations of F - L\n", c->margin);
    printf("  flops_ratio          %.2f\n", flops_ratio(s, c->active));
    printf("  explained variance   %.4f of F, by the light path\n", c->explained);
    printf("  positive             %.3f of F\n", c->positive);
    printf(
        "  error behind ReLU    mean square, as a share of the plain layer's, on %zu %s inputs\n",
        job->judged.count, job->judged.x == job->by.x ? "of the same" : "other");
    printf("    light path alone   %.4g\n", errors->light);
    printf("    converted          %.4g\n", errors->converted);
    printf("    low rank           %.4g (rank %zu: the same FLOPs)\n", errors->low_rank,
           errors->low_rank_rank);
    printf("-> %s\n", request->output);
}

static enum outcome print_json(const struct convert_request *request, const struct job *job,
                               const struct errors *errors, double seconds, struct error *error)
{
    const struct converted *c = &job->converted;
    const struct midl_shape *s = &c->layer.shape;
    struct json json;
    json_begin_object(&json);
    json_text(&json, json.root, "output", request->output);
    json_number(&json, json.root, "d", (double)s->d);
    json_number(&json, json.root, "n", (double)s->n);
    json_number(&json, json.root, "rank", (double)s->r);
    json_text(&json, json.root, "gate", midl_gate_name(s->gate));
    json_text(&json, json.root, "select", midl_select_name(s->select));
    json_number(&json, json.root, "k", (double)s->k);
    json_number(&json, json.root, "active", c->active);
    if (s->select == MIDL_SELECT_THRESHOLD)
        json_number(&json, json.root, "margin", c->margin);
    json_number(&json, json.root, "flops_ratio", flops_ratio(s, c->active));
    json_number(&json, json.root, "inputs", (double)job->by.count);
    json_number(&json, json.root, "judged_inputs", (double)job->judged.count);
    json_number(&json, json.root, "explained", c->explained);
    json_number(&json, json.root, "positive", c->positive);
    json_number(&json, json.root, "error_light", errors->light);
    json_number(&json, json.root, "error", errors->converted);
    json_number(&json, json.root, "error_low_rank", errors->low_rank);
    json_number(&json, json.root, "low_rank", (double)errors->low_rank_rank);
    json_number(&json, json.root, "seconds", seconds);
    enum outcome outcome = json_print(&json, stdout, false, "the summary", error);
    json_clear(&json);
    return outcome;
}

/* Where neurons have moved, a tensor `order` tells whoever reorders the next layer's columns. */
static enum outcome write_layer(const struct convert_request *request, const struct job *job,
                                struct error *error)
{
    const struct converted *c = &job->converted;
    const struct tensor order = {.name = "order",
                                 .type = TENSOR_I32,
                                 .dims = 1,
                                 .shape = {c->layer.shape.n},
                                 .data = c->order,
                                 .bytes = c->layer.shape.n * sizeof *c->order};
    bool moved = c->layer.shape.select == MIDL_SELECT_BLOCK;
    return layer_write(request->output, &c->layer, moved ? &order : NULL, error);
}

static enum outcome convert_weights(const struct convert_request *request, struct job *job,
                                    struct error *error)
{
    const struct plain_layer_request files = {request->weights, request->prefix, request->inputs,
                                              request->tensor};
    struct errors errors;
    enum outcome outcome;
    double seconds = 0;
    if ((outcome = check_files(request, error)) != OUTCOME_DONE ||
        (outcome = plain_layer_read(&files, &job->plain, error)) != OUTCOME_DONE)
        return outcome;
    job->by = job->plain.by;
    job->judged = job->plain.judged;
    if ((outcome = read_ranks(request, &job->by, &job->options, error)) != OUTCOME_DONE)
        return outcome;
    double begin_ns = clock_ns();
    if ((outcome = convert_layer(&job->by, &job->options, &job->converted, error)) != OUTCOME_DONE)
        return outcome;
    seconds = (clock_ns() - begin_ns) * 1e-9;
    if ((outcome = judge(job, &errors, error)) != OUTCOME_DONE ||
        (outcome = write_layer(request, job, error)) != OUTCOME_DONE)
        return outcome;
    if (request->json)
        return print_json(request, job, &errors, seconds, error);
    print_text(request, job, &errors, seconds);
    return OUTCOME_DONE;
}

static enum outcome convert(const struct convert_request *request, struct job *job,
                            struct error *error)
{
    const char *of_model = request->data ? "data" : request->layer ? "layer" : NULL;
    const char *of_weights = request->weights  ? "weights"
                             : request->prefix ? "prefix"
                             : request->inputs ? "inputs"
                             : request->tensor ? "tensor"
                                               : NULL;
    const char *wrong = request->model ? of_weights : of_model;
    enum outcome outcome = read_options(request, &job->options, error);
    if (outcome)
        return outcome;
    if (wrong)
        return fail(error, OUTCOME_USAGE, "--%s does not go with --%s: see midl convert --help",
                    wrong, request->model ? "model" : "weights");
    if (convert_unavailable())
        return fail(error, OUTCOME_MACHINE, "%s", convert_unavailable());
    return request->model ? convert_model(request, &job->options, error)
                          : convert_weights(request, job, error);
}

int command_convert(int argc, char **argv)
{
    struct convert_request request = {0};
    struct job job = {0};
    struct error error;
    const struct option_row rows[] = {
        {"weights", "FILE", "a linear layer, safetensors: weight [n, d] and bias [n]",
         &request.weights},
        {"prefix", "P", "read `P.weight` and `P.bias`: classifier.0", &request.prefix},
        {"inputs", "FILE", "inputs that the layer met in use: safetensors x [.., d], or idx",
         &request.inputs},
        {"tensor", "NAME", "the inputs' tensor; default x", &request.tensor},
        {"model", "FILE", "instead of weights and inputs: a model that midl train saved",
         &request.model},
        {"data", "NAME", "the model's data set; default: the one that it was trained on",
         &request.data},
        {"layer", "NAME", "of a model: this one alone; default: all hidden linear layers",
         &request.layer},
        {"output", "FILE", "receives the MID-L layer or model, safetensors; also -o",
         &request.output},
        {"active", "SHARE", "k/n, under threshold on average; default 0.45", &request.active},
        {"rank", "R",
         "of the light path; default: the largest with a FLOPs ratio of 1.7 at k/n = 0.45",
         &request.rank},
        {"gate", "KIND", "shared (default: reads the light projection) or lowrank (its own)",
         &request.gate},
        {"gate-rank", "R", "of a lowrank gate; default: as the light path", &request.gate_rank},
        {"select", "MODE", "topk (default), block or threshold", &request.select},
        {"block", "B", "8 or 16 neurons, reordered into groups that are active together",
         &request.block},
        {"margin", "T",
         "threshold: select what is above -T standard deviations of F - L; default: by --active",
         &request.margin},
        {"threads", "N", "default 1", &request.threads},
        {"json", NULL, "print the summary as JSON", &request.json}};
    bool help = false;
    enum outcome outcome = options_only(
        argc, argv, "midl convert --weights W --inputs X -o LAYER | --model M -o OUT [options]",
        "Make a MID-L layer of a trained linear layer in closed form, from inputs "
        "that it met in use; or\nof a model's hidden layers, from its training data.",
        rows, sizeof rows / sizeof *rows, &help, &error);
    if (outcome == OUTCOME_DONE && !help) {
        outcome = convert(&request, &job, &error);
        job_clear(&job);
    }
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("convert", outcome, &error);
}

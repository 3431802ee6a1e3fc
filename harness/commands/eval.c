/* eval.c - `midl eval`: one layer on a file of inputs, by any variant.
 *
 * Planned once and run in chunks, so that memory for the layer's workspace doesn't grow with the
 * input. The output is complete or isn't written: it is asked for before the work begins, collected
 * in memory and put in its place at the end. */
#include "base/json.h"
#include "base/stop.h"
#include "commands/command.h"
#include "commands/eval_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/layer_file.h"
#include "machine/team.h"
#include "machine/calibration_file.h"
#include "base/file.h"
#include "data/inputs.h"
#include "midl.h"
#include "base/progress.h"
#include "data/tensors.h"
#include "verify/masks.h"

#define DEFAULT_CHUNK 64
#define LONG_WORK_FLOPS 1e11 /* some seconds: from here on progress is shown */

/* The options as texts; NULL where not given. */
struct request {
    const char *layer, *input, *output, *kernel, *dtype, *k, *select, *unselected, *threshold,
        *block, *batch, *threads, *json, *quiet, *prefix, *tensor, *model, *data, *inputs_of;
};

/* An evaluation at work; every pointer may be NULL. */
struct job {
    struct midl_layer layer;
    void *layer_memory;
    struct inputs inputs;
    struct midl_plan *plan;
    enum midl_dtype dtype;
    size_t chunk, threads;
    int team;          /* threads that run */
    float *y;          /* [count][n] */
    int32_t *selected; /* [count][k], like gate: not for a linear variant */
    float *gate;
    size_t *times; /* [n]: inputs that select each neuron */
    size_t pairs;  /* (input, neuron) pairs selected */
};

static void job_clear(struct job *job)
{
    midl_plan_destroy(job->plan);
    free(job->layer_memory);
    free(job->inputs.data);
    free(job->y);
    free(job->selected);
    free(job->gate);
    free(job->times);
}

static bool job_is_linear(const struct job *job)
{
    return midl_variant_is_linear(midl_plan_variant(job->plan));
}

/* ---- Request --------------------------------------------------------------------------------- */

static enum outcome check_files(const struct request *request, struct error *error)
{
    const char *missing = !request->layer    ? "--layer"
                          : !request->input  ? "--input"
                          : !request->output ? "--output"
                                             : NULL;
    if (missing)
        return fail(error, OUTCOME_USAGE, "%s FILE is missing; see midl eval --help", missing);
    if (file_same(request->output, request->layer) || file_same(request->output, request->input))
        return fail(error, OUTCOME_USAGE,
                    "--output %s would replace a file that is read; give another",
                    file_shown(request->output));
    return OUTCOME_DONE;
}

/* The layer's own shape, changed by the options. */
static enum outcome change_shape(const struct request *request, struct midl_shape *shape,
                                 struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    double threshold = 0;
    enum outcome outcome = OUTCOME_DONE;
    if (request->select && !midl_select_parse(request->select, &shape->select))
        return fail(error, OUTCOME_USAGE, "--select %.40s: expected topk, block or threshold",
                    request->select);
    if (request->unselected && !midl_unselected_parse(request->unselected, &shape->unselected))
        return fail(error, OUTCOME_USAGE, "--unselected %.40s: expected light or zero",
                    request->unselected);
    if (request->threshold && shape->select != MIDL_SELECT_THRESHOLD)
        return fail(error, OUTCOME_USAGE, "--threshold is for --select threshold, this is %s",
                    midl_select_name(shape->select));
    if (request->block && shape->select != MIDL_SELECT_BLOCK)
        return fail(error, OUTCOME_USAGE, "--block is for --select block, this is %s",
                    midl_select_name(shape->select));
    if (request->k)
        outcome = option_size("k", request->k, 0, shape->n, &shape->k, error);
    if (outcome == OUTCOME_DONE && request->block)
        outcome = option_size("block", request->block, 1, shape->n, &shape->block, error);
    if (outcome == OUTCOME_DONE && request->threshold) {
        outcome = option_double("threshold", request->threshold, 0, 1, &threshold, error);
        shape->threshold = (float)threshold;
    }
    if (outcome == OUTCOME_DONE && midl_shape_check(shape, reason) != MIDL_OK)
        return fail(error, OUTCOME_USAGE, "%s: %s", file_shown(request->layer), reason);
    return outcome;
}

static enum outcome read_options(const struct request *request, struct job *job,
                                 struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    job->chunk = DEFAULT_CHUNK;
    job->threads = 1;
    if (request->dtype && !midl_dtype_parse(request->dtype, &job->dtype))
        return fail(error, OUTCOME_USAGE, "--dtype %.40s: expected f32, bf16 or int8",
                    request->dtype);
    if (request->batch)
        outcome = option_size("batch", request->batch, 1, 1u << 30, &job->chunk, error);
    if (outcome == OUTCOME_DONE && request->threads)
        outcome = option_size("threads", request->threads, 1, 1024, &job->threads, error);
    return outcome;
}

/* FILE#PART, by which readers know what in the file is meant; free() it. */
static enum outcome with_part(const char *file, const char *part, char **ret, struct error *error)
{
    int length = snprintf(NULL, 0, "%s%s%s", file, part ? "#" : "", part ? part : "");
    char *text = malloc((size_t)length + 1);
    if (!text)
        return fail_memory(error, "a path", length);
    snprintf(text, (size_t)length + 1, "%s%s%s", file, part ? "#" : "", part ? part : "");
    *ret = text;
    return OUTCOME_DONE;
}

static enum outcome read_files(const struct request *request, struct job *job, struct error *error)
{
    char *layer = NULL, *input = NULL;
    enum outcome outcome;
    if ((outcome = with_part(request->layer, request->prefix, &layer, error)) == OUTCOME_DONE &&
        (outcome = with_part(request->input, request->tensor, &input, error)) == OUTCOME_DONE &&
        (outcome = layer_read(layer, &job->layer, &job->layer_memory, error)) == OUTCOME_DONE &&
        (outcome = change_shape(request, &job->layer.shape, error)) == OUTCOME_DONE)
        outcome = inputs_read(input, 0, &job->inputs, error);
    free(layer);
    free(input);
    return outcome;
}

/* The outcome for a plan that was refused: bad options, or a machine that lacks something. */
static enum outcome plan_outcome(const struct request *request, const struct job *job,
                                 enum midl_status status)
{
    const char *name = request->kernel ? request->kernel : "auto";
    const struct midl_variant *variant = midl_variant_find(name, job->dtype);
    if (status == MIDL_NO_MEMORY)
        return OUTCOME_MACHINE;
    if (status == MIDL_UNAVAILABLE && variant && midl_variant_unavailable(variant))
        return OUTCOME_MACHINE;
    return OUTCOME_USAGE;
}

/* Layer, inputs and plan. */
static enum outcome prepare(const struct request *request, struct job *job, struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    enum outcome outcome;
    if ((outcome = read_options(request, job, error)) != OUTCOME_DONE ||
        (outcome = read_files(request, job, error)) != OUTCOME_DONE)
        return outcome;
    if (job->inputs.d != job->layer.shape.d)
        return fail(error, OUTCOME_USAGE,
                    "%s: inputs of length d = %zu, the layer %s takes d = %zu",
                    file_shown(request->input), job->inputs.d, file_shown(request->layer),
                    job->layer.shape.d);
    if (job->chunk > job->inputs.count)
        job->chunk = job->inputs.count;
    outcome = team_check((int)job->threads, true, &job->team, error);
    if (outcome)
        return outcome;
    struct midl_plan_options options = {.variant = request->kernel,
                                        .dtype = job->dtype,
                                        .max_batch = job->chunk,
                                        .threads = (int)job->threads,
                                        .keep_logits = true,
                                        .calibration = calibration_get()};
    enum midl_status status = midl_plan_create(&job->layer, &options, &job->plan, reason);
    if (status != MIDL_OK)
        return fail(error, plan_outcome(request, job, status), "%s: %s", file_shown(request->layer),
                    reason);
    return OUTCOME_DONE;
}

static enum outcome take_outputs(struct job *job, struct error *error)
{
    size_t count = job->inputs.count, n = job->layer.shape.n, k = job->layer.shape.k;
    job->y = calloc(count, n * sizeof *job->y);
    bool ok = job->y != NULL;
    if (ok && !job_is_linear(job)) {
        job->selected = calloc(count * k + 1, sizeof *job->selected);
        job->gate = calloc(count * k + 1, sizeof *job->gate);
        job->times = calloc(n, sizeof *job->times);
        ok = job->selected && job->gate && job->times;
    }
    if (!ok)
        return fail_memory(error, "the outputs", (double)count * (double)(n + 2 * k) * 4);
    return OUTCOME_DONE;
}

/* ---- Running --------------------------------------------------------------------------------- */

/* A NaN in rows [first, first + batch) of an array [rows][n]. */
static bool find_nan(const float *array, size_t batch, size_t n, size_t *ret_row,
                     size_t *ret_column)
{
    for (size_t i = 0; i < batch * n; i++) {
        if (!isnan(array[i]))
            continue;
        *ret_row = i / n;
        *ret_column = i % n;
        return true;
    }
    return false;
}

/* Copy what the plan selected for the chunk that begins at row `first`. */
static void keep_selection(struct job *job, size_t first)
{
    struct midl_selection selection = midl_plan_selection(job->plan);
    size_t k = job->layer.shape.k;
    for (size_t b = 0; b < selection.batch; b++) {
        int32_t *selected = job->selected + (first + b) * k;
        float *gate = job->gate + (first + b) * k;
        for (size_t i = 0; i < k; i++) {
            bool used = i < selection.count[b];
            selected[i] = used ? (int32_t)selection.index[b * selection.stride + i] : -1;
            gate[i] = used ? selection.gate[b * selection.stride + i] : 0.0f;
        }
        for (size_t i = 0; i < selection.count[b]; i++)
            job->times[selected[i]]++;
        job->pairs += selection.count[b];
    }
}

static enum outcome run_chunk(struct job *job, size_t first, struct error *error)
{
    size_t n = job->layer.shape.n, left = job->inputs.count - first, row = 0, column = 0;
    size_t batch = left < job->chunk ? left : job->chunk;
    float *y = job->y + first * n;
    enum midl_status status =
        midl_run(job->plan, batch, job->inputs.data + first * job->inputs.d, y);
    if (status == MIDL_NAN_LOGIT && find_nan(midl_plan_logits(job->plan), batch, n, &row, &column))
        return fail(error, OUTCOME_BAD,
                    "input row %zu: the gate logit of neuron %zu is NaN; "
                    "no output written",
                    first + row, column);
    if (status != MIDL_OK)
        return fail(error, OUTCOME_BAD, "input rows %zu to %zu: %s; no output written", first,
                    first + batch - 1, midl_status_text(status));
    if (find_nan(y, batch, n, &row, &column))
        return fail(error, OUTCOME_BAD, "input row %zu: output %zu is NaN; no output written",
                    first + row, column);
    if (!job_is_linear(job))
        keep_selection(job, first);
    return OUTCOME_DONE;
}

static enum outcome run(struct job *job, bool quiet, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t count = job->inputs.count;
    char at[48];
    quiet = quiet || midl_linear_flops(&job->layer.shape, count) < LONG_WORK_FLOPS;
    struct progress *progress = progress_begin("eval", count, quiet);
    for (size_t first = 0; outcome == OUTCOME_DONE && first < count; first += job->chunk) {
        snprintf(at, sizeof at, "row %zu", first);
        progress_step(progress, first, at);
        outcome = stop_requested ? fail(error, OUTCOME_NO_VERDICT,
                                        "interrupted at input row %zu; no output written", first)
                                 : run_chunk(job, first, error);
    }
    progress_end(progress);
    return outcome;
}

/* ---- The answer ------------------------------------------------------------------------------ */

static size_t job_k(const struct job *job)
{
    return job_is_linear(job) ? job->layer.shape.n : job->layer.shape.k;
}

static enum outcome write_output(const struct job *job, const char *path, struct error *error)
{
    const struct midl_shape *shape = &job->layer.shape;
    const struct midl_variant *variant = midl_plan_variant(job->plan);
    size_t count = job->inputs.count, n = shape->n, k = shape->k, meta_count = 0;
    bool linear = job_is_linear(job); /* has no selection to tell of */
    char k_text[24], block[24], threshold[32];
    struct tensor_meta meta[8];
    const struct tensor tensors[] = {
        {"y", TENSOR_F32, 2, {count, n}, job->y, count * n * sizeof *job->y},
        {"selected", TENSOR_I32, 2, {count, k}, job->selected, count * k * sizeof *job->selected},
        {"gate", TENSOR_F32, 2, {count, k}, job->gate, count * k * sizeof *job->gate}};

    snprintf(k_text, sizeof k_text, "%zu", job_k(job));
    snprintf(block, sizeof block, "%zu", shape->block);
    snprintf(threshold, sizeof threshold, "%.9g", (double)shape->threshold);
    meta[meta_count++] = (struct tensor_meta){"format", "midl-output"};
    meta[meta_count++] = (struct tensor_meta){"kernel", midl_variant_name(variant)};
    meta[meta_count++] = (struct tensor_meta){"isa", midl_isa_name(midl_variant_isa(variant))};
    meta[meta_count++] = (struct tensor_meta){"dtype", midl_dtype_name(job->dtype)};
    meta[meta_count++] = (struct tensor_meta){"k", k_text};
    if (!linear) {
        meta[meta_count++] = (struct tensor_meta){"select", midl_select_name(shape->select)};
        meta[meta_count++] =
            (struct tensor_meta){"unselected", midl_unselected_name(shape->unselected)};
    }
    if (!linear && shape->select == MIDL_SELECT_BLOCK)
        meta[meta_count++] = (struct tensor_meta){"block", block};
    if (!linear && shape->select == MIDL_SELECT_THRESHOLD)
        meta[meta_count++] = (struct tensor_meta){"threshold", threshold};
    return tensors_write(path, tensors, linear ? 1 : 3, meta, meta_count, error);
}

static double job_active(const struct job *job)
{
    double all = (double)job->inputs.count * (double)job->layer.shape.n;
    return job_is_linear(job) ? 1.0 : (double)job->pairs / all;
}

/* Whether there is something to tell: several inputs that select some neurons, and not all. */
static bool job_masks(const struct job *job, struct masks *ret)
{
    size_t all = job->inputs.count * job->layer.shape.n;
    if (job_is_linear(job) || job->inputs.count < 2 || job->pairs == 0 || job->pairs == all)
        return false;
    *ret = masks_of_counts(job->times, job->layer.shape.n, job->inputs.count);
    return true;
}

/* The S of made layers whose masks overlap as much; NaN where none is made for such a selection. */
static double share_like(const struct job *job, const struct masks *masks)
{
    const struct midl_shape *shape = &job->layer.shape;
    return shape->select == MIDL_SELECT_THRESHOLD
               ? NAN
               : masks_share_like(shape->n, shape->k, masks->overlap);
}

static void print_masks(const struct job *job)
{
    struct masks masks;
    if (!job_masks(job, &masks))
        return;
    printf("masks: two inputs share %.3g %% of their selections, the most popular third takes %.3g "
           "%%, %.3g %% of the neurons are never selected",
           100 * masks.overlap, 100 * masks.third, 100 * masks.never);
    double share = share_like(job, &masks);
    if (!isnan(share))
        printf("; as alike: layer = skewed:%.3f", share);
    putchar('\n');
}

static void print_text(const struct job *job, const char *output)
{
    const struct midl_shape *shape = &job->layer.shape;
    const struct midl_variant *variant = midl_plan_variant(job->plan);
    printf("%s %s: %zu inputs, %zu -> %zu, k = %zu, active %.4g -> %s\n",
           midl_variant_name(variant), midl_dtype_name(job->dtype), job->inputs.count, shape->d,
           shape->n, job_k(job), job_active(job), output);
    print_masks(job);
}

static void add_masks(struct json *json, const struct job *job)
{
    struct masks masks;
    if (!job_masks(job, &masks))
        return;
    json_number(json, json->root, "overlap", masks.overlap);
    json_number(json, json->root, "popular_third", masks.third);
    json_number(json, json->root, "never", masks.never);
    double share = share_like(job, &masks);
    if (!isnan(share))
        json_number(json, json->root, "skewed", share);
}

static enum outcome print_json(const struct job *job, const struct request *request,
                               struct error *error)
{
    const struct midl_shape *shape = &job->layer.shape;
    const struct midl_variant *variant = midl_plan_variant(job->plan);
    struct json json;
    json_begin_object(&json);
    json_text(&json, json.root, "kernel", midl_variant_name(variant));
    json_text(&json, json.root, "isa", midl_isa_name(midl_variant_isa(variant)));
    json_text(&json, json.root, "dtype", midl_dtype_name(job->dtype));
    json_number(&json, json.root, "inputs", (double)job->inputs.count);
    json_number(&json, json.root, "d", (double)shape->d);
    json_number(&json, json.root, "n", (double)shape->n);
    json_number(&json, json.root, "k", (double)job_k(job));
    json_text(&json, json.root, "select", midl_select_name(shape->select));
    json_text(&json, json.root, "unselected", midl_unselected_name(shape->unselected));
    json_number(&json, json.root, "active", job_active(job));
    add_masks(&json, job);
    json_number(&json, json.root, "batch", (double)job->chunk);
    json_number(&json, json.root, "threads", job->team);
    json_text(&json, json.root, "layer", request->layer);
    json_text(&json, json.root, "input", request->input);
    json_text(&json, json.root, "output", request->output);
    enum outcome outcome = json_print(&json, stdout, false, "the summary", error);
    json_clear(&json);
    return outcome;
}

static enum outcome evaluate(const struct request *request, struct job *job, struct error *error)
{
    enum outcome outcome;
    if ((outcome = check_files(request, error)) != OUTCOME_DONE ||
        (outcome = prepare(request, job, error)) != OUTCOME_DONE ||
        (outcome = file_replace_check(request->output, error)) != OUTCOME_DONE ||
        (outcome = take_outputs(job, error)) != OUTCOME_DONE ||
        (outcome = run(job, request->json || request->quiet, error)) != OUTCOME_DONE ||
        (outcome = write_output(job, request->output, error)) != OUTCOME_DONE)
        return outcome;
    if (request->json)
        return print_json(job, request, error);
    print_text(job, request->output);
    return OUTCOME_DONE;
}

/* A whole network; what chooses a layer or how it is run means nothing to it. */
static enum outcome evaluate_model(const struct request *r, struct error *error)
{
    const char *stray = r->layer        ? "layer"
                        : r->prefix     ? "prefix"
                        : r->tensor     ? "tensor"
                        : r->kernel     ? "kernel"
                        : r->dtype      ? "dtype"
                        : r->k          ? "k"
                        : r->select     ? "select"
                        : r->unselected ? "unselected"
                        : r->threshold  ? "threshold"
                        : r->block      ? "block"
                                        : NULL;
    struct eval_model request = {.model = r->model,
                                 .data = r->data,
                                 .input = r->input,
                                 .output = r->output,
                                 .inputs_of = r->inputs_of,
                                 .batch = DEFAULT_CHUNK,
                                 .threads = 1,
                                 .json = r->json != NULL};
    enum outcome outcome = OUTCOME_DONE;
    if (stray)
        return fail(error, OUTCOME_USAGE, "--%s does not go with --model", stray);
    if (r->batch)
        outcome = option_size("batch", r->batch, 1, 65536, &request.batch, error);
    if (!outcome && r->threads)
        outcome = option_size("threads", r->threads, 1, 1024, &request.threads, error);
    return outcome ? outcome : eval_model(&request, error);
}

int command_eval(int argc, char **argv)
{
    struct request request = {0};
    struct job job = {.y = NULL};
    struct error error;
    const struct option_row rows[] = {
        {"layer", "FILE", "the layer, safetensors", &request.layer},
        {"prefix", "P", "read the layer's tensors behind `P.`: model.layers.3.mlp",
         &request.prefix},
        {"model", "FILE", "instead of a layer: a network of midl train or midl convert",
         &request.model},
        {"data", "NAME", "of a model: test on this data set; default: that of its training",
         &request.data},
        {"inputs-of", "LAYER",
         "of a model: write the inputs that this layer meets in the test part, and labels",
         &request.inputs_of},
        {"input", "FILE", "inputs: safetensors x [.., d], or idx images, plain or gzip",
         &request.input},
        {"tensor", "NAME", "the inputs' tensor; default x", &request.tensor},
        {"output", "FILE", "receives y, selected and gate, safetensors", &request.output},
        {"kernel", "NAME", "variant (midl list kernels); default auto", &request.kernel},
        {"dtype", "TYPE", "of the full path's weights: f32 (default), bf16, int8", &request.dtype},
        {"k", "K", "neurons on the full path; default: as the layer says", &request.k},
        {"select", "MODE", "topk, block or threshold; default: as the layer says", &request.select},
        {"unselected", "MODE", "light or zero; default: as the layer says", &request.unselected},
        {"threshold", "T", "gate value above which a neuron is selected (threshold)",
         &request.threshold},
        {"block", "B", "neurons in a block: 8 or 16 (block)", &request.block},
        {"batch", "N", "inputs in one call; default 64", &request.batch},
        {"threads", "N", "default 1", &request.threads},
        {"json", NULL, "print the summary as JSON", &request.json},
        {"quiet", NULL, "no progress", &request.quiet}};
    bool help = false;
    enum outcome outcome =
        options_only(argc, argv, "midl eval --layer L | --model M --input X --output Y [options]",
                     "Run one layer on a file of inputs, by any variant; or a whole network, on\n"
                     "inputs or on the test part of a data set.",
                     rows, sizeof rows / sizeof *rows, &help, &error);
    if (outcome == OUTCOME_DONE && !help) {
        stop_on_signals();
        outcome = request.model       ? evaluate_model(&request, &error)
                  : request.data      ? fail(&error, OUTCOME_USAGE, "--data goes with --model")
                  : request.inputs_of ? fail(&error, OUTCOME_USAGE, "--inputs-of goes with --model")
                                      : evaluate(&request, &job, &error);
        job_clear(&job);
    }
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("eval", outcome, &error);
}

/* smi.c - `midl smi`: sliced mutual information of the labels with the parts of a layer. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/stop.h"
#include "commands/command.h"
#include "data/dataset.h"
#include "data/idx.h"
#include "data/inputs.h"
#include "data/layer_file.h"
#include "data/tensors.h"
#include "learn/sliced_information.h"
#include "learn/smi_layer.h"
#include "midl.h"
#include "run/session.h"

static const char about[] =
    "Ask how much the parts of a MID-L layer tell of the labels: sliced mutual information in "
    "nats,\n"
    "with the controls that tell what the number is worth (shuffled labels, random neurons, "
    "another\n"
    "input's mask, neurons not selected, the light path alone). Inputs are the layer's own: a "
    "data\n"
    "set's test part for a first layer, or a file of inputs with a file of labels (idx, or a\n"
    "safetensors tensor `labels` of whole numbers; of a later layer both are what `midl eval "
    "--inputs-of` wrote). Stores its rows in the view `smi`.";

struct options {
    const char *layer, *dataset, *data, *inputs, *labels, *count, *slices, *seed, *db, *json,
        *quiet;
};

/* The question: inputs and labels of a layer. */
struct question {
    struct midl_layer layer;
    void *layer_owned;
    float *x; /* [count][d] */
    uint32_t *labels;
    size_t count, classes;
    char dataset[64]; /* where the labels are from, as their file tells; empty: it doesn't */
    struct smi_options smi;
};

static void question_clear(struct question *q)
{
    free(q->layer_owned);
    free(q->x);
    free(q->labels);
}

/* ---- Labels ---------------------------------------------------------------------------------- */

/* Widen element i of a tensor of whole numbers; false for other types and negative numbers. */
static bool whole_number(const struct tensor *t, size_t i, uint32_t *ret)
{
    unsigned char bytes[8] = {0};
    size_t each = tensor_type_bits(t->type) / 8;
    bool known = t->type == TENSOR_I64 || t->type == TENSOR_I32 || t->type == TENSOR_U8 ||
                 t->type == TENSOR_U32;
    if (!known)
        return false;
    memcpy(bytes, (const unsigned char *)t->data + i * each, each);
    uint64_t value = 0;
    for (size_t b = 8; b-- > 0;)
        value = value << 8 | bytes[b];
    *ret = (uint32_t)value;
    return value <= 65535;
}

static enum outcome labels_of_tensor(const char *path, size_t count, uint32_t *ret,
                                     char ret_dataset[64], struct error *error)
{
    struct tensors *file = NULL;
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    const struct tensor *t = tensors_find(file, "labels");
    const char *dataset = tensors_metadata(file, "dataset");
    snprintf(ret_dataset, 64, "%.63s", dataset ? dataset : "");
    if (!t || t->dims != 1 || t->shape[0] < count)
        outcome = fail(error, OUTCOME_USAGE,
                       "%s: no tensor `labels` of one dimension with %zu or more values in it",
                       file_shown(path), count);
    for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++)
        if (!whole_number(t, i, &ret[i]))
            outcome =
                file_bad(error, path, tensors_offset(file, t),
                         "label %zu is no whole number from 0 to 65535 in I64, I32, U32 or U8", i);
    tensors_close(file);
    return outcome;
}

/* Read the first `count` labels, from idx or safetensors: what inputs_read() tells apart. */
static enum outcome read_labels(const char *path, size_t count, uint32_t *ret, char ret_dataset[64],
                                struct error *error)
{
    struct idx idx;
    struct error other;
    if (idx_read(path, IDX_LABELS, 0, &idx, error) != OUTCOME_DONE) {
        enum outcome outcome = labels_of_tensor(path, count, ret, ret_dataset, &other);
        size_t length = strlen(path);
        if (outcome == OUTCOME_DONE ||
            (length > 12 && strcmp(path + length - 12, ".safetensors") == 0))
            *error = other;
        return outcome;
    }
    enum outcome outcome = OUTCOME_DONE;
    if (idx.count < count)
        outcome = fail(error, OUTCOME_USAGE, "%s: %zu labels for %zu inputs", file_shown(path),
                       idx.count, count);
    for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++)
        ret[i] = idx.bytes[i];
    free(idx.bytes);
    return outcome;
}

/* ---- The question ---------------------------------------------------------------------------- */

static enum outcome wrong_width(const struct question *q, size_t d, struct error *error)
{
    return fail(error, OUTCOME_USAGE, "the layer takes inputs of %zu values, these have %zu",
                q->layer.shape.d, d);
}

static enum outcome from_dataset(const struct options *options, size_t count, struct question *q,
                                 struct error *error)
{
    struct dataset set;
    size_t d = q->layer.shape.d;
    enum outcome outcome = dataset_load(options->dataset, options->data, NULL, &set, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    q->count = count < set.test.count ? count : set.test.count;
    q->classes = set.classes;
    q->x = malloc((q->count * d + 1) * sizeof *q->x);
    q->labels = malloc((q->count + 1) * sizeof *q->labels);
    if (set.d != d)
        outcome = wrong_width(q, set.d, error);
    else if (!q->x || !q->labels)
        outcome = fail_memory(error, "the inputs", (double)q->count * (double)d * 4);
    /* In equal distances: the files of some sets are sorted by class. */
    for (size_t i = 0; i < q->count && outcome == OUTCOME_DONE; i++) {
        size_t row = i * set.test.count / q->count;
        memcpy(q->x + i * d, dataset_row(&set.test, row), d * sizeof *q->x);
        q->labels[i] = set.test.labels[row];
    }
    dataset_clear(&set);
    return outcome;
}

static enum outcome from_files(const struct options *options, size_t count, struct question *q,
                               struct error *error)
{
    struct inputs inputs = {.data = NULL};
    enum outcome outcome = inputs_read(options->inputs, count, &inputs, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    q->x = inputs.data;
    q->count = inputs.count;
    if (inputs.d != q->layer.shape.d)
        return wrong_width(q, inputs.d, error);
    if (!(q->labels = malloc(q->count * sizeof *q->labels)))
        return fail_memory(error, "the labels", (double)q->count * 4);
    outcome = read_labels(options->labels, q->count, q->labels, q->dataset, error);
    for (size_t i = 0; i < q->count && outcome == OUTCOME_DONE; i++)
        q->classes = q->labels[i] >= q->classes ? q->labels[i] + 1 : q->classes;
    return outcome;
}

static enum outcome read_question(const struct options *options, struct question *q,
                                  struct error *error)
{
    size_t count = 2000, seed = 1;
    bool files = options->inputs && options->labels;
    q->smi = (struct smi_options){.slices = 1000, .neighbours = 3, .groups = 10};
    if (!options->layer)
        return fail(error, OUTCOME_USAGE, "give --layer FILE");
    if (files == (options->dataset != NULL) || (options->inputs != NULL) != files ||
        (options->labels != NULL) != files)
        return fail(error, OUTCOME_USAGE,
                    "give --dataset NAME, or --inputs FILE and --labels FILE");
    enum outcome outcome = OUTCOME_DONE;
    if (options->count)
        outcome = option_size("count", options->count, 100, 1000000, &count, error);
    if (outcome == OUTCOME_DONE && options->slices)
        outcome = option_size("slices", options->slices, 2, 1000000, &q->smi.slices, error);
    if (outcome == OUTCOME_DONE && options->seed)
        outcome = option_size("seed", options->seed, 0, LONG_MAX, &seed, error);
    q->smi.seed = seed;
    if (outcome == OUTCOME_DONE)
        outcome = layer_read(options->layer, &q->layer, &q->layer_owned, error);
    if (outcome == OUTCOME_DONE)
        outcome =
            files ? from_files(options, count, q, error) : from_dataset(options, count, q, error);
    return outcome;
}

/* ---- Answers --------------------------------------------------------------------------------- */

struct answers {
    struct smi_estimate at[SMI_QUANTITY_COUNT];
    size_t count;
};

/* Ask for one quantity after the other; stops where it is asked to. */
static enum outcome ask_all(struct question *q, const struct smi_layer *parts,
                            struct progress *progress, struct answers *ret, struct error *error)
{
    uint32_t *shuffled = malloc(q->count * sizeof *shuffled);
    float *values = malloc(q->count * parts->n * sizeof *values);
    struct smi_points points = {values, q->count, parts->n, parts->n};
    enum outcome outcome = OUTCOME_DONE;
    if (!shuffled || !values)
        outcome = fail_memory(error, "a quantity", (double)q->count * (double)parts->n * 4);
    for (; ret->count < SMI_QUANTITY_COUNT && outcome == OUTCOME_DONE && !stop_requested;) {
        enum smi_quantity quantity = (enum smi_quantity)ret->count;
        progress_step(progress, ret->count, smi_quantity_name(quantity));
        smi_layer_fill(parts, quantity, q->smi.seed + 1, values);
        memcpy(shuffled, q->labels, q->count * sizeof *shuffled);
        if (quantity == SMI_Y_SHUFFLED)
            smi_shuffle(q->smi.seed + 2, q->count, shuffled);
        outcome =
            smi_of_labels(&points, shuffled, q->classes, &q->smi, &ret->at[ret->count], error);
        ret->count += outcome == OUTCOME_DONE;
    }
    free(shuffled);
    free(values);
    return outcome;
}

static void print_answers(const struct answers *answers)
{
    printf("%-28s %8s  %-18s\n", "of the label with", "nats", "95 % interval");
    for (size_t i = 0; i < answers->count; i++) {
        const struct smi_estimate *e = &answers->at[i];
        printf("%-28s %8.4f  %.4f to %.4f\n", smi_quantity_name((enum smi_quantity)i), e->nats,
               e->lo, e->hi);
    }
}

static enum outcome print_json(const struct answers *answers, struct error *error)
{
    struct json json;
    json_begin_array(&json);
    for (size_t i = 0; i < answers->count; i++) {
        const struct smi_estimate *e = &answers->at[i];
        cJSON *row = json_object(&json, json.root, NULL);
        json_text(&json, row, "quantity", smi_quantity_name((enum smi_quantity)i));
        json_text(&json, row, "text", smi_quantity_text((enum smi_quantity)i));
        json_number(&json, row, "nats", e->nats);
        json_number(&json, row, "nats_lo", e->lo);
        json_number(&json, row, "nats_hi", e->hi);
    }
    enum outcome outcome = json_print(&json, stdout, true, "the answers", error);
    json_clear(&json);
    return outcome;
}

static enum outcome store_answers(const struct options *options, const char *command,
                                  const struct question *q, const struct smi_layer *parts,
                                  const struct answers *answers, struct error *error)
{
    const struct session_run run = {
        .suite = "smi", .hash = "none", .command = command, .seed = q->smi.seed};
    struct session session;
    struct store_smi rows[SMI_QUANTITY_COUNT];
    const char *named = *q->dataset ? q->dataset : options->inputs;
    for (size_t i = 0; i < answers->count; i++)
        rows[i] = (struct store_smi){.dataset = options->dataset ? options->dataset : named,
                                     .layer = options->layer,
                                     .quantity = smi_quantity_name((enum smi_quantity)i),
                                     .points = (int64_t)q->count,
                                     .slices = (int64_t)q->smi.slices,
                                     .neighbours = (int64_t)q->smi.neighbours,
                                     .active = (double)parts->selected /
                                               (double)(parts->count * parts->n),
                                     .nats = answers->at[i].nats,
                                     .nats_lo = answers->at[i].lo,
                                     .nats_hi = answers->at[i].hi};
    enum outcome outcome = session_open(&session, options->db ? options->db : SESSION_DB, error);
    if (!outcome)
        outcome = session_begin(&session, &run, error);
    if (!outcome)
        outcome = session_check(
            &session, store_put_smi(session.store, session.run_id, rows, answers->count), error);
    if (!outcome)
        outcome = session_end(&session, answers->count == SMI_QUANTITY_COUNT, error);
    session_close(&session);
    return outcome;
}

/* Ask, show, store. */
static enum outcome answer(const struct options *options, const char *command, struct question *q,
                           struct error *error)
{
    struct smi_layer parts = {.y = NULL};
    struct answers answers = {.count = 0};
    enum outcome outcome = smi_check(&q->smi, q->count, error); /* before progress is shown */
    if (outcome == OUTCOME_DONE)
        outcome = smi_layer_run(&q->layer, q->x, q->count, &parts, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    struct progress *progress =
        progress_begin("smi", SMI_QUANTITY_COUNT, options->quiet != NULL || options->json != NULL);
    outcome = ask_all(q, &parts, progress, &answers, error);
    progress_step(progress, answers.count, "end");
    progress_end(progress);
    if (outcome == OUTCOME_DONE && options->json)
        outcome = print_json(&answers, error);
    else if (outcome == OUTCOME_DONE && !options->quiet)
        print_answers(&answers);
    if (outcome == OUTCOME_DONE)
        outcome = store_answers(options, command, q, &parts, &answers, error);
    smi_layer_clear(&parts);
    if (outcome == OUTCOME_DONE && answers.count < SMI_QUANTITY_COUNT)
        outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted; %zu of %d quantities are stored",
                       answers.count, SMI_QUANTITY_COUNT);
    return outcome;
}

int command_smi(int argc, char **argv)
{
    struct options options = {.layer = NULL};
    struct question question = {.x = NULL};
    struct error error;
    bool help = false;
    const struct option_row rows[] = {
        {"layer", "FILE", "the layer, safetensors", &options.layer},
        {"dataset", "NAME", "inputs: the test part of a data set", &options.dataset},
        {"data", "DIR", "folder of data sets; $MIDL_DATA", &options.data},
        {"inputs", "FILE", "inputs: safetensors x, or idx", &options.inputs},
        {"labels", "FILE", "their labels: safetensors labels, or idx", &options.labels},
        {"count", "COUNT", "inputs, at most; 2000", &options.count},
        {"slices", "COUNT", "random directions; 1000", &options.slices},
        {"seed", "SEED", "of directions and controls; 1", &options.seed},
        {"db", "FILE", "the database; results/midl.db", &options.db},
        {"json", NULL, "one JSON array on standard output, no table", &options.json},
        {"quiet", NULL, "no progress, no table", &options.quiet}};
    char *command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = command
                               ? options_only(argc, argv, "midl smi --layer FILE [options]", about,
                                              rows, sizeof rows / sizeof rows[0], &help, &error)
                               : fail_memory(&error, "the command line", 4096);
    if (outcome == OUTCOME_DONE && !help)
        outcome = read_question(&options, &question, &error);
    if (outcome == OUTCOME_DONE && !help) {
        stop_on_signals();
        outcome = answer(&options, command, &question, &error);
    }
    question_clear(&question);
    free(command);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("smi", outcome, &error);
}

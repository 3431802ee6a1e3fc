/* train.c - `midl train`: networks on data sets, by each method, and their accuracy into the store.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/append.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "learn/model_file.h"
#include "learn/study.h"
#include "accuracy.h"
#include "run/session.h"

enum {
    UNITS = 1000, /* of progress, for one experiment */
    SIGN_S = 60   /* seconds between signs of life */
};

static const char usage_line[] = "midl train DATASET... | SUITE [options]";
static const char about[] =
    "Train networks on data sets (midl list datasets), test them once, and store accuracy, loss\n"
    "and cost. Keys that take a LIST multiply; a suite with [train] sections does the same from a\n"
    "file. The same bits for any number of threads; with --resume a run that was killed goes on\n"
    "where its last checkpoint was. Exit status 1: a loss was not finite; 4: interrupted.\n\n"
    "methods:\n";

struct train_options {
    const char *keys[EXPERIMENT_KEYS];
    const char *seeds, *data, *text, *db, *save, *threads, *checkpoint, *resume, *dry_run, *json,
        *quiet;
};

struct train {
    struct train_options options;
    struct experiments experiments;
    char suite[64], hash[17];
    size_t threads;
    double checkpoint_s;
    struct session session;
    struct study *study;
    struct progress *progress;
    size_t done, skipped;
    double seen_ns; /* when the last sign of life was given */
    bool quiet;
};

/* ---- Options --------------------------------------------------------------------------------- */

/* "train-size" of "train_size". */
static void option_name(enum experiment_key key, char ret[32])
{
    snprintf(ret, 32, "%s", experiment_key_name(key));
    for (char *c = ret; *c; c++)
        if (*c == '_')
            *c = '-';
}

static void about_text(char *ret, size_t size)
{
    snprintf(ret, size, "%s", about);
    for (int i = 0; i < METHODS; i++)
        append_text(ret, size, "%s  %-19s  %s", i ? "\n" : "", method_name((enum method)i),
                    method_about((enum method)i));
}

#define OTHER_OPTIONS 11

static enum outcome parse(int argc, char **argv, struct train_options *ret, int *ret_first,
                          bool *ret_help, struct error *error)
{
    char names[EXPERIMENT_KEYS][32], text[4096];
    struct option_row rows[EXPERIMENT_KEYS + OTHER_OPTIONS];
    const struct option_row others[OTHER_OPTIONS] = {
        {"seeds", "COUNT", "the same as --seed 1:COUNT", &ret->seeds},
        {"data", "DIR", "the data folder; $MIDL_DATA", &ret->data},
        {"text", "FILE", "plain text for the set `text`, instead of the reviews", &ret->text},
        {"db", "FILE", "the database; results/midl.db", &ret->db},
        {"save", "FILE", "the trained model, safetensors; of several: a folder for them",
         &ret->save},
        {"threads", "N", "default 1; results don't depend on it", &ret->threads},
        {"checkpoint", "SECONDS", "between checkpoints, beside the database; 60", &ret->checkpoint},
        {"resume", NULL, "leave out what the database has; go on from checkpoints", &ret->resume},
        {"dry-run", NULL, "list the experiments, train nothing", &ret->dry_run},
        {"json", NULL, "one JSON object an experiment on standard output", &ret->json},
        {"quiet", NULL, "no progress, no table", &ret->quiet}};
    for (int i = 0; i < EXPERIMENT_KEYS; i++) {
        enum experiment_key key = (enum experiment_key)i;
        option_name(key, names[i]);
        rows[i] = (struct option_row){names[i], i == EXPERIMENT_NETWORK ? "LAYERS" : "LIST",
                                      experiment_key_help(key), &ret->keys[i]};
    }
    memcpy(rows + EXPERIMENT_KEYS, others, sizeof others);
    about_text(text, sizeof text);
    return options_parse(argc, argv, usage_line, text, rows, COUNT(rows), ret_first, ret_help,
                         error);
}

/* Data sets that stand as words become the list of the option. */
static enum outcome join_datasets(int argc, char **argv, int first, char *ret, size_t size,
                                  struct error *error)
{
    size_t used = 0;
    ret[0] = '\0';
    for (int i = first; i < argc; i++) {
        if (used + strlen(argv[i]) + 2 > size)
            return fail(error, OUTCOME_USAGE, "too many data sets");
        used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? "," : "", argv[i]);
    }
    return OUTCOME_DONE;
}

static enum outcome read_lists(const struct train_options *options, struct experiment_lists *ret,
                               struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    char seeds[48], name[32];
    for (int i = 0; i < EXPERIMENT_KEYS && !outcome; i++) {
        if (!options->keys[i])
            continue;
        option_name((enum experiment_key)i, name);
        outcome = experiment_set(ret, (enum experiment_key)i, options->keys[i], error);
        if (outcome)
            outcome = fail(error, outcome, "--%s %s", name, error->text);
    }
    if (!outcome && options->seeds) {
        size_t count;
        outcome = option_size("seeds", options->seeds, 1, 100000, &count, error);
        snprintf(seeds, sizeof seeds, "1:%zu", outcome ? 1 : count);
        if (!outcome && options->keys[EXPERIMENT_SEED])
            outcome = fail(error, OUTCOME_USAGE, "--seeds and --seed say the same thing: keep one");
        if (!outcome)
            outcome = experiment_set(ret, EXPERIMENT_SEED, seeds, error);
    }
    return outcome;
}

/* The one word is a suite unless it is a data set. */
static bool names_a_suite(int argc, char **argv, int first)
{
    return argc - first == 1 && !dataset_find(argv[first]) && !strchr(argv[first], ',');
}

static enum outcome read_suite(struct train *train, const char *name,
                               const struct experiment_lists *lists, struct error *error)
{
    struct suite *suite = NULL;
    enum outcome outcome = suite_load(name, &suite, error);
    if (outcome && !strchr(name, '/') && !ends_with(name, ".suite"))
        outcome = fail(error, outcome, "no data set and %s; midl list datasets", error->text);
    if (!outcome)
        outcome = experiments_of_suite(suite, lists, &train->experiments, error);
    if (!outcome)
        snprintf(train->suite, sizeof train->suite, "%s", suite_name(suite));
    suite_destroy(suite);
    return outcome;
}

static enum outcome read_experiments(struct train *train, int argc, char **argv, int first,
                                     struct error *error)
{
    struct experiment_lists lists = {0};
    struct train_options *options = &train->options;
    char datasets[4096];
    bool from_suite = names_a_suite(argc, argv, first);
    enum outcome outcome = OUTCOME_DONE;
    if (first == argc && !options->keys[EXPERIMENT_DATASET])
        return fail(error, OUTCOME_USAGE, "which data sets? midl list datasets; or a suite");
    if (!from_suite && first < argc) {
        outcome = join_datasets(argc, argv, first, datasets, sizeof datasets, error);
        options->keys[EXPERIMENT_DATASET] = datasets;
    }
    if (!outcome)
        outcome = read_lists(options, &lists, error);
    if (!outcome && from_suite)
        outcome = read_suite(train, argv[first], &lists, error);
    else if (!outcome) {
        outcome = experiments_add(&train->experiments, &lists, error);
        snprintf(train->suite, sizeof train->suite, "train");
    }
    experiment_lists_clear(&lists);
    if (!outcome && options->text)
        outcome = experiments_of_text(&train->experiments, options->text, error);
    experiments_hash(&train->experiments, train->hash);
    options->keys[EXPERIMENT_DATASET] = NULL; /* of this function, perhaps */
    return outcome;
}

static enum outcome read_options(struct train *train, struct error *error)
{
    const struct train_options *options = &train->options;
    enum outcome outcome = OUTCOME_DONE;
    train->threads = 1;
    train->checkpoint_s = 60;
    train->quiet = options->quiet || options->json;
    if (options->threads)
        outcome = option_size("threads", options->threads, 1, 1024, &train->threads, error);
    if (!outcome && options->checkpoint)
        outcome =
            option_double("checkpoint", options->checkpoint, 0, 1e6, &train->checkpoint_s, error);
    if (!outcome && options->save && ends_with(options->save, ".safetensors") &&
        train->experiments.count > 1)
        outcome = fail(error, OUTCOME_USAGE,
                       "--save %.200s: a file for one model, but there are %zu experiments; name a "
                       "folder",
                       options->save, train->experiments.count);
    return outcome;
}

/* ---- The store ------------------------------------------------------------------------------- */

static const char *database(const struct train *train)
{
    return train->options.db ? train->options.db : SESSION_DB;
}

static enum outcome open_run(struct train *train, const char *command, struct error *error)
{
    const struct session_run run = {.suite = train->suite,
                                    .hash = train->hash,
                                    .command = command,
                                    .seed = train->experiments.at[0].training.seed};
    bool found = false;
    enum outcome outcome = session_open(&train->session, database(train), error);
    if (!outcome && train->options.resume)
        outcome = session_resume(&train->session, &run, &found, error);
    if (!outcome && !found)
        outcome = session_begin(&train->session, &run, error);
    return outcome;
}

static struct store_accuracy row_of(const struct experiment *e, const struct study_result *r)
{
    bool gated = r->k > 0 || method_is_gated(e->method);
    return (struct store_accuracy){
        .experiment = e->key,
        .dataset = e->info->name,
        .model = e->network,
        .method = method_name(e->method),
        .seed = e->training.seed,
        .epoch = (int64_t)r->best + 1,
        .split = "test",
        .k = gated ? (int64_t)r->k : -1,
        .active = r->active,
        .accuracy = r->test_accuracy,
        .loss = r->test_loss,
        .flops_ratio = r->flops_ratio,
        .noise = e->noise,
        .train_size = (int64_t)r->train_size,
        .rule = gated && !method_converts(e->method) ? midl_rule_name(e->rule) : NULL,
        .gate = gated ? midl_gate_name(r->gate) : NULL,
        .select_mode = gated ? midl_select_name(r->select) : NULL,
        .rank = (int64_t)r->rank,
        .epochs = e->training.epochs,
        .epoch_s = r->epoch_s,
        .peak_bytes = r->peak_bytes,
        .examples = (int64_t)r->test_size,
        .explained = r->explained};
}

/* The test's row, and those of each epoch of a training that was done for it. */
static enum outcome keep(struct train *train, const struct experiment *e,
                         const struct study_result *r, struct error *error)
{
    size_t epochs = r->trained ? r->epoch_count : 0, count = 0;
    struct store_accuracy *rows = calloc(2 * epochs + 1, sizeof *rows);
    if (!rows)
        return fail_memory(error, "rows for the store", (double)(2 * epochs) * sizeof *rows);
    for (size_t i = 0; i < epochs; i++) {
        const struct trainer_epoch *epoch = &r->epochs[i];
        rows[count] = row_of(e, r);
        rows[count].epoch = (int64_t)i + 1;
        rows[count].split = "train";
        rows[count].accuracy = epoch->accuracy;
        rows[count].loss = epoch->loss;
        rows[count].noise = 0;
        rows[count].epoch_s = epoch->seconds;
        rows[count++].examples = (int64_t)r->train_size;
        if (isnan(epoch->validation_loss))
            continue;
        rows[count] = rows[count - 1];
        rows[count].split = "validation";
        rows[count].accuracy = epoch->validation_accuracy;
        rows[count].loss = epoch->validation_loss;
        rows[count++].examples = (int64_t)(r->set->train.count - r->train_size);
    }
    rows[count++] = row_of(e, r);
    enum store_status status =
        store_put_accuracies(train->session.store, train->session.run_id, rows, count);
    free(rows);
    return session_check(&train->session, status, error);
}

/* ---- One experiment -------------------------------------------------------------------------- */

static bool report(void *data, double done, size_t epoch, const struct trainer_epoch *so_far)
{
    struct train *train = data;
    const struct experiment *e = &train->experiments.at[train->done];
    char text[160];
    size_t part = (size_t)(done * (UNITS - 1));
    snprintf(text, sizeof text,
             "%s %s seed %" PRIu64 ": epoch %zu of %.3g, loss %.4f, %.2f %% right", e->info->name,
             method_name(e->method), e->training.seed, epoch + 1, e->training.epochs, so_far->loss,
             100 * so_far->accuracy);
    progress_step(train->progress, train->done * UNITS + part, text);
    if (clock_ns() - train->seen_ns > 1e9 * SIGN_S) {
        struct error error; /* a store that fails is told when there is something to keep */
        (void)session_seen(&train->session, &error);
        train->seen_ns = clock_ns();
    }
    return !stop_requested;
}

/* DATASET-METHOD-aACTIVE-seedSEED in the folder of --save, and a hash where another experiment
 * would have the same name. */
static void model_path(const struct train *train, const struct experiment *e, char *ret,
                       size_t size)
{
    char hash[24] = "";
    for (size_t i = 0; i < train->experiments.count; i++) {
        const struct experiment *other = &train->experiments.at[i];
        if (other->info == e->info && other->method == e->method &&
            other->training.seed == e->training.seed &&
            fabs(other->making.active - e->making.active) < 1e-5 &&
            strcmp(other->trained_key, e->trained_key) != 0)
            snprintf(hash, sizeof hash, "-%08" PRIx32, (uint32_t)fnv1a(FNV_START, e->trained_key));
    }
    snprintf(ret, size, "%s/%s-%s-a%g-seed%" PRIu64 "%s.safetensors", train->options.save,
             e->info->name, method_name(e->method), e->making.active, e->training.seed, hash);
}

/* Ask before long work whether --save could be written. */
static enum outcome check_save(const struct train *train, struct error *error)
{
    const struct train_options *options = &train->options;
    char path[4096];
    enum outcome outcome = OUTCOME_DONE;
    if (!options->save)
        return OUTCOME_DONE;
    if (file_same(options->save, database(train)) ||
        (options->text && file_same(options->save, options->text)))
        return fail(error, OUTCOME_USAGE,
                    "--save %s would replace a file that is used; give another",
                    file_shown(options->save));
    if (ends_with(options->save, ".safetensors"))
        return file_replace_check(options->save, error);
    outcome = folder_make(options->save, error);
    for (size_t i = 0; i < train->experiments.count && !outcome; i++) {
        model_path(train, &train->experiments.at[i], path, sizeof path);
        outcome = file_replace_check(path, error);
    }
    return outcome;
}

/* Ask before long work whether all data sets are here. */
static enum outcome check_data(const struct train *train, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    const struct dataset_info *before = NULL;
    for (size_t i = 0; i < train->experiments.count && !outcome; i++) {
        const struct experiment *e = &train->experiments.at[i];
        char missing[DATASET_MISSING_SIZE], *place = NULL;
        if (e->info == before || *e->content)
            continue;
        before = e->info;
        outcome = dataset_locate(e->info, train->options.data, &place, missing, error);
        if (!outcome && !place)
            outcome = fail(error, OUTCOME_USAGE, "data set %s: %s", e->info->name, missing);
        free(place);
    }
    return outcome;
}

static enum outcome save_model(const struct train *train, const struct experiment *e,
                               const struct study_result *r, struct error *error)
{
    char path[4096];
    struct model_facts facts = {0};
    const char *place = train->options.save;
    snprintf(facts.dataset, sizeof facts.dataset, "%s", e->info->name);
    snprintf(facts.method, sizeof facts.method, "%s", method_name(e->method));
    snprintf(facts.seed, sizeof facts.seed, "%" PRIu64, e->training.seed);
    snprintf(facts.rule, sizeof facts.rule, "%s", midl_rule_name(e->rule));
    snprintf(facts.accuracy, sizeof facts.accuracy, "%.6f", r->test_accuracy);
    snprintf(path, sizeof path, "%s", place);
    if (!ends_with(place, ".safetensors"))
        model_path(train, e, path, sizeof path);
    return model_save(path, r->network, &facts, error);
}

static enum outcome print_json(const struct train *train, const struct experiment *e,
                               const struct study_result *r, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    json_number(&json, json.root, "run_id", (double)train->session.run_id);
    json_text(&json, json.root, "dataset", e->info->name);
    json_text(&json, json.root, "method", method_name(e->method));
    json_number(&json, json.root, "seed", (double)e->training.seed);
    json_number(&json, json.root, "accuracy", r->test_accuracy);
    json_number(&json, json.root, "loss", r->test_loss);
    json_number(&json, json.root, "active", r->active);
    json_number(&json, json.root, "flops_ratio", r->flops_ratio);
    json_number(&json, json.root, "epoch_s", r->epoch_s);
    json_number(&json, json.root, "train_size", (double)r->train_size);
    json_number(&json, json.root, "test_size", (double)r->test_size);
    json_text(&json, json.root, "experiment", e->key);
    enum outcome outcome = json_print(&json, stdout, false, "the result", error);
    json_clear(&json);
    return outcome;
}

static enum outcome print_result(const struct train *train, const struct experiment *e,
                                 const struct study_result *r, struct error *error)
{
    static const char format[] = "%-10s %-14s %4" PRIu64 "  %8.4f  %8.4f  %6.3f  %6.2f  %8.2f\n";
    enum outcome outcome = OUTCOME_DONE;
    if (train->options.json) {
        outcome = print_json(train, e, r, error);
    } else if (!train->options.quiet) {
        if (train->done == train->skipped)
            printf("%-10s %-14s %4s  %8s  %8s  %6s  %6s  %8s\n", "data set", "method", "seed",
                   "accuracy", "loss", "active", "flops", "s/epoch");
        printf(format, e->info->name, method_name(e->method), e->training.seed, r->test_accuracy,
               r->test_loss, r->active, r->flops_ratio, r->epoch_s);
    }
    fflush(stdout);
    return outcome;
}

static enum outcome run_one(struct train *train, struct error *error)
{
    const struct experiment *e = &train->experiments.at[train->done];
    struct study_result result;
    bool stored = false;
    enum outcome outcome = OUTCOME_DONE;
    if (train->options.resume)
        outcome = session_check(&train->session,
                                store_has_experiment(train->session.store, e->key, &stored), error);
    if (outcome)
        return outcome;
    if (stored) {
        train->skipped++;
        train->done++;
        progress_skip(train->progress, UNITS);
        return OUTCOME_DONE;
    }
    outcome = study_run(train->study, e, &result, error);
    if (!outcome && train->options.save)
        outcome = save_model(train, e, &result, error);
    if (!outcome)
        outcome = keep(train, e, &result, error);
    if (!outcome)
        outcome = print_result(train, e, &result, error);
    if (outcome)
        return outcome;
    study_forget(train->study, e);
    train->done++;
    progress_step(train->progress, train->done * UNITS, "");
    return OUTCOME_DONE;
}

/* ---- All ------------------------------------------------------------------------------------- */

static enum outcome run_all(struct train *train, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    train->progress = progress_begin("train", train->experiments.count * UNITS, train->quiet);
    while (train->done < train->experiments.count && !outcome)
        outcome =
            stop_requested ? fail(error, OUTCOME_NO_VERDICT, "interrupted") : run_one(train, error);
    progress_end(train->progress);
    train->progress = NULL;
    if (outcome == OUTCOME_NO_VERDICT)
        outcome = fail(error, outcome,
                       "interrupted; %zu of %zu experiments are in %s; --resume goes "
                       "on",
                       train->done, train->experiments.count, database(train));
    return outcome;
}

static void list_experiments(const struct experiments *experiments)
{
    for (size_t i = 0; i < experiments->count; i++)
        puts(experiments->at[i].key);
}

static enum outcome train_all(struct train *train, const char *command, struct error *error)
{
    char checkpoints[4096];
    struct study_options options = {.threads = (int)train->threads,
                                    .data_folder = train->options.data,
                                    .text = train->options.text,
                                    .checkpoints = checkpoints,
                                    .checkpoint_s = train->checkpoint_s,
                                    .report = report,
                                    .data = train};
    snprintf(checkpoints, sizeof checkpoints, "%s.checkpoints", database(train));
    enum outcome outcome = check_data(train, error);
    if (!outcome)
        outcome = check_save(train, error);
    if (!outcome)
        outcome = open_run(train, command, error);
    if (!outcome)
        outcome = folder_make(checkpoints, error);
    if (!outcome && !(train->study = study_create(&options)))
        outcome = fail_memory(error, "a study", 0);
    if (outcome)
        return outcome;
    stop_on_signals();
    outcome = run_all(train, error);
    study_destroy(train->study);
    if (!outcome)
        outcome = session_end(&train->session, true, error);
    if (!outcome)
        (void)rmdir(checkpoints); /* unless others' are in it: they may want to go on */
    if (!outcome && !train->quiet)
        printf("\nrun %" PRId64 " in %s: %zu experiments%s\n", train->session.run_id,
               database(train), train->done, train->skipped ? ", some of them stored before" : "");
    return outcome;
}

int command_train(int argc, char **argv)
{
    struct train train = {.done = 0};
    struct error error;
    int first = argc;
    bool help = false;
    char *command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = command ? parse(argc, argv, &train.options, &first, &help, &error)
                                   : fail_memory(&error, "the command line", 4096);
    if (!outcome && !help)
        outcome = read_experiments(&train, argc, argv, first, &error);
    if (!outcome && !help)
        outcome = read_options(&train, &error);
    if (!outcome && !help && train.options.dry_run)
        list_experiments(&train.experiments);
    else if (!outcome && !help)
        outcome = train_all(&train, command, &error);
    session_close(&train.session);
    experiments_clear(&train.experiments);
    free(command);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("train", outcome, &error);
}

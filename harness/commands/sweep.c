/* sweep.c - `midl sweep`: a suite or axes in, points in the store. Measuring and storing is
 * run/runner's. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/terminal.h"
#include "base/util.h"
#include "commands/command.h"
#include "commands/sweep_model.h"
#include "counters/counters.h"
#include "report/tables.h"
#include "run/gbench_file.h"
#include "run/print.h"
#include "run/runner.h"
#include "run/session.h"
#include "suite/suite.h"

#define FEW_SHAPES 3 /* their tables are printed without being asked for */

static const char usage_line[] = "midl sweep [SUITE] [options]";
static const char about[] =
    "Measure a suite (midl list suites), or what the axes ask for, and store it. An axis takes "
    "one\n"
    "value, a list 1,2,3, a range 256:1024:256 or a geometric range 256:8192:x2; it replaces that\n"
    "axis of the suite. Exit status 1: a kernel failed its check; 4: interrupted.";

/* ---- Options ------------------------------------------------------------------------------- */

struct sweep_options {
    const char *axes[SUITE_AXES];
    const char *db, *resume, *dry_run, *quiet, *json, *target, *budget, *counters, *data,
        *gbench_json, *table, *model, *parts;
};

#define OTHER_OPTIONS 13

static enum outcome parse(int argc, char **argv, struct sweep_options *ret, const char **ret_suite,
                          bool *ret_help, struct error *error)
{
    char names[SUITE_AXES][AXIS_OPTION_SIZE];
    struct option_row rows[SUITE_AXES + OTHER_OPTIONS];
    const struct option_row others[OTHER_OPTIONS] = {
        {"db", "FILE", "the database; results/midl.db", &ret->db},
        {"resume", NULL, "go on with this sweep's unfinished run", &ret->resume},
        {"dry-run", NULL, "list the points, measure nothing", &ret->dry_run},
        {"target", "SHARE", "width of the intervals that is good enough: 2%", &ret->target},
        {"budget", "TIME", "this long for the kernels of a shape, up to 4 times if disturbed: 5s",
         &ret->budget},
        {"counters", "LIST", "papi, callgrind, groups (midl list counters); none", &ret->counters},
        {"data", "DIR", "where files named data:... are; $MIDL_DATA. With --model: the data set",
         &ret->data},
        {"model", "FILE", "a trained model's layers on test inputs, and the whole network",
         &ret->model},
        {"parts", NULL,
         "time gate, selection, light and full path of each shape's fastest MID-L, too",
         &ret->parts},
        {"json", NULL, "one JSON object a point on standard output, no table", &ret->json},
        {"gbench-json", "FILE", "the run for Google Benchmark's tools too", &ret->gbench_json},
        {"table", NULL, "all points in tables, not only the answer", &ret->table},
        {"quiet", NULL, "no progress, no answer, no table", &ret->quiet}};
    int first = 0;

    for (int i = 0; i < SUITE_AXES; i++) {
        suite_axis_option((enum axis_id)i, names[i]);
        rows[i] =
            (struct option_row){names[i], "LIST", suite_axis((enum axis_id)i)->help, &ret->axes[i]};
    }
    memcpy(rows + SUITE_AXES, others, sizeof others);
    enum outcome outcome = options_parse(argc, argv, usage_line, about, rows,
                                         SUITE_AXES + OTHER_OPTIONS, &first, ret_help, error);
    if (outcome != OUTCOME_DONE || *ret_help)
        return outcome;
    *ret_suite = first < argc ? argv[first++] : NULL;
    return options_no_more(argc, argv, first, error);
}

static bool has_axis(const struct sweep_options *options)
{
    for (size_t i = 0; i < SUITE_AXES; i++)
        if (options->axes[i])
            return true;
    return false;
}

static enum outcome set_options(struct suite *suite, const struct sweep_options *options,
                                struct error *error)
{
    const struct {
        const char *key, *text;
    } settings[] = {
        {"target", options->target}, {"budget", options->budget}, {"counters", options->counters}};
    enum outcome outcome = OUTCOME_DONE;
    for (int i = 0; i < SUITE_AXES && outcome == OUTCOME_DONE; i++)
        if (options->axes[i])
            outcome = suite_set_axis(suite, (enum axis_id)i, options->axes[i], error);
    for (size_t i = 0; i < 3 && outcome == OUTCOME_DONE; i++)
        if (settings[i].text)
            outcome = suite_set_option(suite, settings[i].key, settings[i].text, error);
    return outcome;
}

/* ---- A sweep at work ----------------------------------------------------------------------- */

struct sweep {
    struct sweep_options options;
    struct suite *suite;
    struct sweep_model *model; /* NULL: none */
    struct bench_cases cases;
    char hash[17];
    char *command; /* as typed */
    struct runner runner;
};

static void sweep_clear(struct sweep *sweep)
{
    runner_clear(&sweep->runner);
    free(sweep->command);
    bench_cases_clear(&sweep->cases);
    suite_destroy(sweep->suite);
    sweep_model_destroy(sweep->model);
}

static void set_runner(struct sweep *sweep)
{
    const struct sweep_options *options = &sweep->options;
    struct runner *runner = &sweep->runner;
    runner->suite = sweep->suite;
    runner->cases = &sweep->cases;
    runner->hash = sweep->hash;
    runner->command = sweep->command;
    runner->db = options->db ? options->db : SESSION_DB;
    runner->resume = options->resume != NULL;
    runner->json = options->json != NULL;
    runner->quiet = options->quiet != NULL;
    runner->parts = options->parts != NULL;
}

/* The hash of a file's contents; the same path again costs nothing. */
static enum outcome add_file(const char *path, const char **last, uint64_t *hash,
                             struct error *error)
{
    if (!path || (*last && strcmp(path, *last) == 0))
        return OUTCOME_DONE;
    *last = path;
    return file_hash(path, hash, error);
}

/* Hash all that makes the run: its cases, the contents of their files, and how long each is
 * measured. */
static enum outcome measured_hash(struct sweep *sweep, struct error *error)
{
    const struct bench_cases *cases = &sweep->cases;
    const char *layer = NULL, *input = NULL;
    enum outcome outcome = OUTCOME_DONE;
    char text[128];
    suite_hash(cases, sweep->hash);
    snprintf(text, sizeof text, "%s target %.17g budget %.17g counters %u", sweep->hash,
             suite_target(sweep->suite), suite_budget_ns(sweep->suite),
             counters_resolve(suite_counters(sweep->suite)));
    uint64_t hash = fnv1a(FNV_START, text);
    for (size_t i = 0; i < cases->group_count && outcome == OUTCOME_DONE; i++) {
        const struct bench_shape *shape = &cases->cases[cases->groups[i].first].shape;
        outcome = add_file(shape->layer_path, &layer, &hash, error);
        if (outcome == OUTCOME_DONE)
            outcome = add_file(shape->input_path, &input, &hash, error);
    }
    snprintf(sweep->hash, sizeof sweep->hash, "%016" PRIx64, hash);
    return outcome;
}

/* The axes that a model leaves open. */
static enum outcome check_model_axes(const struct sweep_options *options, const char *suite,
                                     struct error *error)
{
    char option[AXIS_OPTION_SIZE];
    if (suite)
        return fail(error, OUTCOME_USAGE, "%s: a suite and --model don't go together", suite);
    for (int i = 0; i < SUITE_AXES; i++) {
        bool open = i == AXIS_BATCH || i == AXIS_KERNEL || i == AXIS_THREADS;
        suite_axis_option((enum axis_id)i, option);
        if (options->axes[i] && !open)
            return fail(error, OUTCOME_USAGE,
                        "--%s: the model brings it; --batch, --kernel and --threads are open",
                        option);
    }
    return OUTCOME_DONE;
}

static enum outcome load_model(struct sweep *sweep, const char *suite, struct error *error)
{
    const struct sweep_options *options = &sweep->options;
    const struct sweep_model_request request = {.model = options->model,
                                                .data = options->data,
                                                .batch = options->axes[AXIS_BATCH],
                                                .kernel = options->axes[AXIS_KERNEL],
                                                .threads = options->axes[AXIS_THREADS]};
    struct sweep_options others = *options;
    enum outcome outcome = check_model_axes(options, suite, error);
    if (!outcome)
        outcome = sweep_model_load(&request, &sweep->model, &sweep->suite, error);
    memset(others.axes, 0, sizeof others.axes);
    return outcome ? outcome : set_options(sweep->suite, &others, error);
}

static enum outcome load_suite(struct sweep *sweep, const char *suite_name_or_path,
                               struct error *error)
{
    const struct sweep_options *options = &sweep->options;
    enum outcome outcome = OUTCOME_DONE;
    if (!suite_name_or_path && !has_axis(options))
        return fail(error, OUTCOME_USAGE,
                    "nothing to measure: name a suite (midl list suites), an axis (--n 1024) or "
                    "--model");
    if (options->data)
        outcome = suite_set_data_folder(options->data, error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_name_or_path ? suite_load(suite_name_or_path, &sweep->suite, error)
                                     : suite_custom(&sweep->suite, error);
    if (outcome == OUTCOME_DONE)
        outcome = set_options(sweep->suite, options, error);
    return outcome;
}

static enum outcome sweep_load(struct sweep *sweep, const char *suite_name_or_path,
                               struct error *error)
{
    const struct sweep_options *options = &sweep->options;
    enum outcome outcome = options->model ? load_model(sweep, suite_name_or_path, error)
                                          : load_suite(sweep, suite_name_or_path, error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_expand(sweep->suite, &sweep->cases, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (sweep->model)
        sweep_model_label(sweep->model, &sweep->cases);
    if (sweep->cases.count == 0)
        return fail(error, OUTCOME_USAGE, "suite %s has no points", suite_name(sweep->suite));
    if ((outcome = measured_hash(sweep, error)) != OUTCOME_DONE)
        return outcome;
    set_runner(sweep);
    if (sweep->model)
        sweep_model_set_runner(sweep->model, &sweep->runner);
    if (options->gbench_json && file_same(options->gbench_json, sweep->runner.db))
        return fail(error, OUTCOME_USAGE, "--gbench-json %s: that is the database",
                    file_shown(options->gbench_json));
    if (options->gbench_json)
        outcome = file_replace_text_check(options->gbench_json, error);
    return outcome;
}

/* ---- --dry-run ----------------------------------------------------------------------------- */

static int dry_run(const struct sweep *sweep)
{
    const struct bench_cases *cases = &sweep->cases;
    char text[CASE_TEXT_SIZE], duration[PROGRESS_TIME_SIZE];
    for (size_t i = 0; i < cases->group_count; i++) {
        const struct bench_group *group = &cases->groups[i];
        bench_shape_text(&cases->cases[group->first].shape, text);
        for (size_t j = group->first; j < group->first + group->count; j++)
            printf("%s %s\n", midl_variant_name(cases->cases[j].variant), text);
    }
    progress_time_text(runner_estimate_ns(&sweep->runner) / 1e9, duration);
    printf("# %zu points in %zu shapes, about %s if every shape takes its budget, "
           "more on a disturbed machine\n",
           cases->count, cases->group_count, duration);
    return OUTCOME_DONE;
}

/* ---- The end ------------------------------------------------------------------------------- */

/* Print a text in lines no wider than the terminal. */
__attribute__((format(printf, 1, 2))) static void print_text(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    terminal_wrap(stdout, text, 0, terminal_columns(STDOUT_FILENO));
}

static void print_spent(const struct runner_spent *spent)
{
    double outside = spent->total - spent->measuring - spent->counting;
    print_text("%.1f s: measuring %.1f s, counting %.1f s, other than that %.1f %% (making plans "
               "%.2f s, checking %.2f s, other places in memory %.2f s, storing %.2f s, the rest "
               "%.2f s)",
               spent->total, spent->measuring, spent->counting, 100 * outside / spent->total,
               spent->planning, spent->checking, spent->moving, spent->storing, spent->elsewhere);
}

static void print_tables(const struct sweep *sweep)
{
    const struct runner *runner = &sweep->runner;
    char text[CASE_TEXT_SIZE];
    for (size_t i = 0; i < sweep->cases.group_count; i++) {
        const struct bench_group *group = &sweep->cases.groups[i];
        if (!runner->rows[group->first].status)
            continue;
        bench_shape_text(&sweep->cases.cases[group->first].shape, text);
        print_table(stdout, text, &runner->rows[group->first], group->count,
                    terminal_columns(STDOUT_FILENO));
    }
    printf("\n");
}

static void print_state(const struct runner *runner)
{
    char noisy[48] = "", before[48] = "";
    if (runner->noisy > 0)
        snprintf(noisy, sizeof noisy, ", %zu of them noisy", runner->noisy);
    if (runner->resumed > 0)
        snprintf(before, sizeof before, ", %zu more before", runner->resumed);
    print_text("run %lld in %s: %zu points%s%s", (long long)runner->session.run_id, runner->db,
               runner->done, noisy, before);
    if (runner->noise.pairs > 0) {
        char noise[NOISE_TEXT];
        noise_text(&runner->noise, noise);
        print_text("at its start: %s", noise);
    }
    if (10 * runner->disturbed > runner->samples)
        print_text("%.0f %% of the samples are disturbed: by a neighbour on this core, or other "
                   "work here",
                   100.0 * (double)runner->disturbed / (double)runner->samples);
    if (2 * runner->noisy > runner->done)
        print_text("most intervals are wider than asked for: let nothing else run here, or give a "
                   "longer --budget or a wider --target");
}

/* The answer of the run, and the points where that has none, or where they are few or asked for. */
static enum outcome print_answer(const struct sweep *sweep, struct error *error)
{
    const struct runner *runner = &sweep->runner;
    char run[24];
    size_t lines = 0;
    bool few = sweep->cases.group_count <= FEW_SHAPES;
    snprintf(run, sizeof run, "%lld", (long long)runner->session.run_id);
    enum outcome outcome = table_answer(runner->session.store, run, stdout,
                                        terminal_columns(STDOUT_FILENO), &lines, error);
    if (!outcome && (sweep->options.table || few || lines == 0))
        print_tables(sweep);
    else if (!outcome)
        printf("(every point: midl sweep --table, midl table, midl plot)\n");
    if (!outcome)
        print_state(runner);
    return outcome;
}

/* One line a point, with the command that repeats it. */
static void name_failed(const struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->cases.count; i++) {
        const struct print_row *row = &sweep->runner.rows[i];
        char shape[CASE_TEXT_SIZE], command[CASE_TEXT_SIZE];
        if (!row->status || strcmp(row->status, "failed") != 0)
            continue;
        bench_shape_text(&sweep->cases.cases[i].shape, shape);
        if (sweep->model)
            snprintf(command, sizeof command, "midl sweep --model %.400s --kernel %s --batch %zu",
                     sweep->options.model, row->kernel, sweep->cases.cases[i].shape.batch);
        else
            bench_case_command(&sweep->cases.cases[i], command);
        fprintf(stderr, "midl sweep: %s failed its check at %s: %s; to repeat it: %s\n",
                row->kernel, shape, row->reason, command);
    }
}

static enum outcome interrupted(const struct sweep *sweep, struct error *error)
{
    return fail(error, OUTCOME_NO_VERDICT,
                "interrupted; %zu of %zu points are in %s; to go on: %s%s",
                sweep->runner.resumed + sweep->runner.done, sweep->cases.count, sweep->runner.db,
                sweep->command, sweep->options.resume ? "" : " --resume");
}

/* A stop in the middle of a long step has only this to say. */
static void advise(const struct sweep *sweep)
{
    char command[800];
    snprintf(command, sizeof command, "%s%s", sweep->command,
             sweep->options.resume ? "" : " --resume");
    stop_advise(command);
}

static enum outcome tell(const struct sweep *sweep, struct error *error)
{
    const struct runner *runner = &sweep->runner;
    const struct sweep_options *options = &sweep->options;
    enum outcome outcome = OUTCOME_DONE;
    if (options->gbench_json) /* of all that is stored, before this start as well */
        outcome = gbench_file_write(runner->session.store, runner->session.run_id,
                                    options->gbench_json, error);
    if (outcome)
        return outcome;
    if (!options->json && !options->quiet) {
        outcome = print_answer(sweep, error);
        if (!outcome && sweep->model)
            sweep_model_print(sweep->model);
        print_spent(&runner->spent);
    }
    if (outcome)
        return outcome;
    name_failed(sweep);
    if (!runner_is_whole(runner))
        return interrupted(sweep, error);
    if (runner->timed == 0 && runner->failed == 0 && runner->resumed == 0)
        return fail(error, OUTCOME_NO_VERDICT,
                    "nothing was measured: all %zu points were skipped, the first because: %s",
                    runner->done, runner->rows[0].reason);
    return OUTCOME_DONE;
}

int command_sweep(int argc, char **argv)
{
    struct sweep sweep = {.runner.start_ns = clock_ns()};
    struct error error;
    const char *suite = NULL;
    bool help = false;
    int exit_status = OUTCOME_DONE;

    sweep.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = sweep.command ? parse(argc, argv, &sweep.options, &suite, &help, &error)
                                         : fail_memory(&error, "the command line", 4096);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    outcome = sweep_load(&sweep, suite, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    if (sweep.options.dry_run) {
        exit_status = dry_run(&sweep);
        goto cleanup;
    }
    advise(&sweep);
    stop_on_signals();
    outcome = runner_run(&sweep.runner, &error);
    if (outcome == OUTCOME_DONE)
        outcome = tell(&sweep, &error);
    if (outcome == OUTCOME_DONE && sweep.runner.failed > 0)
        exit_status = OUTCOME_BAD;
cleanup:
    sweep_clear(&sweep);
    return outcome == OUTCOME_DONE ? exit_status : command_fail("sweep", outcome, &error);
}

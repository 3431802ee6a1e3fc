/* check.c - `midl check`: is this build slower than another one? Options in, a verdict and an exit
 * status out; the stages are compare/gate.h's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/printed.h"
#include "base/quote.h"
#include "base/stop.h"
#include "base/util.h"
#include "commands/check_trend.h"
#include "commands/command.h"
#include "compare/accept.h"
#include "compare/build.h"
#include "compare/gate.h"
#include "compare/gate_report.h"
#include "compare/stored.h"
#include "harness_config.h"
#include "suite/suite.h"

static const char usage_line[] =
    "midl check [SUITE] --baseline FILE | --against REV | --history DB [options]";
static const char about[] =
    "Compare the speed of this build of the library with that of another: a libmidl.so, or a git\n"
    "revision, which is built and kept. Both are loaded into one process and called in turn, in\n"
    "many placements and fresh processes; what is flagged is measured again. SUITE is `gate` "
    "unless\n"
    "given; axes replace its own, as in midl sweep. results/GATE.md tells how it decides. Exit\n"
    "status 1: a confirmed slowdown, or a wrong result; 4: this machine can't tell now. Against a\n"
    "database, FILE.db or FILE.db@RUN, drift is told and fails nobody; --history adds the run.";

struct check_options {
    const char *axes[SUITE_AXES];
    const char *baseline, *against, *history, *library, *effect, *budget, *seed, *inputs, *counts,
        *no_time, *changed, *accept, *junit, *markdown, *json, *anyway, *quiet;
};

#define OTHER_OPTIONS 17
#define BUDGET_S 100

struct check {
    struct check_options options;
    const char *suite_name;
    struct suite *suite;
    struct bench_cases cases;
    struct accept_list accepted;
    char old_path[512];
    const char *new_path;
    struct gate_options gate_options;
    struct gate gate;
    char *command;   /* as typed */
    char *arguments; /* of this command, without axes: what repeats a point */
};

/* ---- Options ------------------------------------------------------------------------------- */

static enum outcome parse(int argc, char **argv, struct check *check, bool *ret_help,
                          struct error *error)
{
    struct check_options *ret = &check->options;
    char names[SUITE_AXES][AXIS_OPTION_SIZE];
    struct option_row rows[OTHER_OPTIONS + SUITE_AXES] = {
        {"baseline", "FILE", "the libmidl.so to compare with, or a database", &ret->baseline},
        {"against", "REV", "the same, built from a git revision", &ret->against},
        {"history", "DB", "the run before in it; this one is added", &ret->history},
        {"library", "FILE", "the build to judge; this program's own libmidl.so", &ret->library},
        {"effect", "PERCENT", "smallest slowdown that matters: 3", &ret->effect},
        {"budget", "SECONDS", "for timing, at most: 100", &ret->budget},
        {"inputs", "N", "calls take N inputs in turn; the same again and again", &ret->inputs},
        {"counts", NULL, "count instructions and misses by callgrind too", &ret->counts},
        {"no-time", NULL, "time nothing: counts decide", &ret->no_time},
        {"changed", NULL, "leave out kernels whose machine code is the same", &ret->changed},
        {"accept", "FILE", "slowdowns that may be: VARIANT | SHAPE | UNTIL | WHY", &ret->accept},
        {"order-seed", "N", "of orders and placements: 1", &ret->seed},
        {"junit", "FILE", "verdicts as JUnit XML", &ret->junit},
        {"markdown", "FILE", "verdicts as a Markdown table", &ret->markdown},
        {"json", NULL, "verdicts as JSON on standard output, no table", &ret->json},
        {"anyway", NULL, "a database of another machine too, and mark it", &ret->anyway},
        {"quiet", NULL, "no progress, no table", &ret->quiet}};
    int first = 0;
    for (int i = 0; i < SUITE_AXES; i++) {
        suite_axis_option((enum axis_id)i, names[i]);
        rows[OTHER_OPTIONS + i] =
            (struct option_row){names[i], "LIST", suite_axis((enum axis_id)i)->help, &ret->axes[i]};
    }
    enum outcome outcome =
        options_parse(argc, argv, usage_line, about, rows, COUNT(rows), &first, ret_help, error);
    if (outcome != OUTCOME_DONE || *ret_help)
        return outcome;
    check->suite_name = first < argc ? argv[first++] : NULL;
    return options_no_more(argc, argv, first, error);
}

static enum outcome parse_numbers(struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    struct gate_options *ret = &check->gate_options;
    double percent = 100 * GATE_EFFECT;
    size_t seed = 1;
    enum outcome outcome = OUTCOME_DONE;
    *ret = (struct gate_options){.budget_s = BUDGET_S,
                                 .counts = options->counts != NULL,
                                 .time = !options->no_time,
                                 .changed_only = options->changed != NULL,
                                 .quiet = options->quiet != NULL};
    if (options->effect)
        outcome = option_double("effect", options->effect, 0.1, 100, &percent, error);
    if (outcome == OUTCOME_DONE && options->budget)
        outcome = option_double("budget", options->budget, 1, 86400, &ret->budget_s, error);
    if (outcome == OUTCOME_DONE && options->seed)
        outcome = option_size("order-seed", options->seed, 0, 1000000, &seed, error);
    if (outcome == OUTCOME_DONE && options->inputs)
        outcome = option_size("inputs", options->inputs, 1, GATE_INPUTS, &ret->inputs, error);
    if (outcome == OUTCOME_DONE && options->no_time && !options->counts)
        outcome = fail(error, OUTCOME_USAGE, "--no-time leaves nothing to do without --counts");
    if (outcome == OUTCOME_DONE && !options->baseline + !options->against + !options->history != 2)
        outcome = fail(error, OUTCOME_USAGE,
                       "give either --baseline FILE, --against REV or --history DB");
    ret->effect = percent / 100;
    ret->count_effect = options->effect ? ret->effect : 0;
    ret->seed = seed;
    return outcome;
}

/* The options that repeat this comparison at another point. */
static enum outcome keep_arguments(struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    const struct {
        const char *name, *value;
        bool flag;
    } kept[] = {{"--baseline", options->baseline, false}, {"--against", options->against, false},
                {"--library", options->library, false},   {"--effect", options->effect, false},
                {"--inputs", options->inputs, false},     {"--counts", options->counts, true},
                {"--no-time", options->no_time, true}};
    size_t size = 1, used = 0;
    for (size_t i = 0; i < COUNT(kept); i++)
        size += kept[i].value ? 24 + 4 * strlen(kept[i].value) : 0;
    check->arguments = malloc(size);
    if (!check->arguments)
        return fail_memory(error, "the command line", (double)size);
    check->arguments[0] = '\0';
    for (size_t i = 0; i < COUNT(kept); i++) {
        if (!kept[i].value)
            continue;
        used += (size_t)snprintf(check->arguments + used, size - used, " %s%s", kept[i].name,
                                 kept[i].flag ? "" : " ");
        if (!kept[i].flag && quote_word(kept[i].value, check->arguments + used, size - used))
            used += strlen(check->arguments + used);
    }
    return OUTCOME_DONE;
}

/* ---- Points -------------------------------------------------------------------------------- */

static bool has_axis(const struct check_options *options)
{
    for (size_t i = 0; i < SUITE_AXES; i++)
        if (options->axes[i])
            return true;
    return false;
}

/* SUITE with axes replaced; axes alone are a suite of their own; neither is `gate`. */
static enum outcome load_points(struct check *check, struct error *error)
{
    bool custom = !check->suite_name && has_axis(&check->options);
    enum outcome outcome =
        custom ? suite_custom(&check->suite, error)
               : suite_load(check->suite_name ? check->suite_name : "gate", &check->suite, error);
    for (int i = 0; i < SUITE_AXES && outcome == OUTCOME_DONE; i++)
        if (check->options.axes[i])
            outcome = suite_set_axis(check->suite, (enum axis_id)i, check->options.axes[i], error);
    return outcome;
}

/* Builds are called in turn: they need no reference. */
static enum outcome expand_points(struct check *check, struct error *error)
{
    suite_leave_reference(check->suite);
    enum outcome outcome = suite_expand(check->suite, &check->cases, error);
    if (outcome == OUTCOME_DONE && check->cases.count == 0)
        outcome = fail(error, OUTCOME_USAGE, "suite %s has no points", suite_name(check->suite));
    return outcome;
}

static void today(char ret[16])
{
    time_t now = time(NULL);
    struct tm *utc = gmtime(&now);
    if (!utc || strftime(ret, 16, "%Y-%m-%d", utc) == 0)
        snprintf(ret, 16, "0000-00-00");
}

static void mark_accepted(struct check *check)
{
    char label[CASE_TEXT_SIZE], date[16];
    today(date);
    for (size_t i = 0; i < check->gate.count; i++) {
        struct gate_row *row = &check->gate.rows[i];
        bench_shape_text(&row->bench_case->shape, label);
        const char *variant = midl_variant_name(row->bench_case->variant);
        row->accepted = accept_find(&check->accepted, variant, label, date);
        row->lapsed = accept_lapsed(&check->accepted, variant, label, date);
    }
}

/* ---- Builds -------------------------------------------------------------------------------- */

/* The shared library of this very build. */
static enum outcome own_library(const char **ret, struct error *error)
{
    static const char *const places[] = {MIDL_BUILD_LIBRARY, MIDL_INSTALLED_LIBRARY};
    char own[MIDL_BUILD_ID_SIZE];
    struct midl_library library;
    enum midl_isa most = midl_isa_best();
    midl_isa_limit(MIDL_ISA_AVX512); /* ids name the set, and the library knows no limit of ours */
    midl_build_id(own);
    midl_isa_limit(most);
    for (size_t i = 0; i < COUNT(places); i++) {
        if (access(places[i], R_OK) != 0)
            continue;
        enum outcome outcome = library_open(places[i], &library, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        bool same = strcmp(library.build_id, own) == 0;
        library_close(&library);
        if (!same)
            return fail(error, OUTCOME_USAGE,
                        "%s is of another build than this program: build anew, or name the library "
                        "to judge by --library",
                        places[i]);
        *ret = places[i];
        return OUTCOME_DONE;
    }
    return fail(error, OUTCOME_USAGE,
                "this build's libmidl.so isn't found (at %s): name it by --library", places[0]);
}

static enum outcome find_builds(struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    enum outcome outcome = OUTCOME_DONE;
    if (strstr(MIDL_FLAGS, "address") || strstr(MIDL_FLAGS, "undefined"))
        return fail(error, OUTCOME_USAGE,
                    "a build with sanitizers can't be compared: its times mean nothing");
    check->new_path = options->library;
    if (!options->library)
        outcome = own_library(&check->new_path, error);
    if (outcome == OUTCOME_DONE && options->against)
        outcome = build_revision(options->against, options->quiet != NULL, check->old_path,
                                 sizeof check->old_path, error);
    else if (outcome == OUTCOME_DONE)
        snprintf(check->old_path, sizeof check->old_path, "%s", options->baseline);
    check->gate_options.builds[0] = check->old_path;
    check->gate_options.builds[1] = check->new_path;
    return outcome;
}

/* ---- Reports ------------------------------------------------------------------------------- */

static void print_junit(const void *report, FILE *out)
{
    gate_print_junit(report, out);
}

static void print_markdown(const void *report, FILE *out)
{
    gate_print_markdown(report, out);
}

static enum outcome report_all(const struct check *check, const struct gate_report *report,
                               struct error *error)
{
    const struct check_options *options = &check->options;
    const char *github = getenv("GITHUB_ACTIONS");
    enum outcome outcome = OUTCOME_DONE;
    if (options->json)
        outcome = gate_print_json(report, stdout, error);
    else if (!options->quiet)
        gate_print_text(report, stdout);
    if (github && strcmp(github, "true") == 0 && !options->json)
        gate_print_annotations(report, stdout);
    if (outcome == OUTCOME_DONE)
        outcome = printed_file(options->junit, print_junit, report, error);
    if (outcome == OUTCOME_DONE)
        outcome = printed_file(options->markdown, print_markdown, report, error);
    return outcome;
}

/* ---- Both kinds of baseline ----------------------------------------------------------------- */

/* A report is a file of its own: what is read here is lost to nobody. */
static enum outcome check_report(const struct check *check, const char *name, const char *path,
                                 struct error *error)
{
    const char *const others[] = {check->options.accept, check->suite_name};
    for (size_t i = 0; path && i < COUNT(others); i++)
        if (others[i] && file_same(path, others[i]))
            return fail(error, OUTCOME_USAGE, "--%s %s: that file is read here; name another one",
                        name, file_shown(path));
    return path ? file_replace_text_check(path, error) : OUTCOME_DONE;
}

static enum outcome check_reports(const struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    const char *junit = options->junit, *markdown = options->markdown;
    if (junit && markdown && (strcmp(junit, markdown) == 0 || file_same(junit, markdown)))
        return fail(error, OUTCOME_USAGE, "--junit and --markdown name the same file: %s",
                    file_shown(junit));
    enum outcome outcome = check_report(check, "junit", junit, error);
    return outcome == OUTCOME_DONE ? check_report(check, "markdown", markdown, error) : outcome;
}

static enum outcome prepare(struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    enum outcome outcome = parse_numbers(check, error);
    if (outcome == OUTCOME_DONE)
        outcome = keep_arguments(check, error);
    if (outcome == OUTCOME_DONE)
        outcome = accept_read(options->accept, &check->accepted, error);
    if (outcome == OUTCOME_DONE)
        outcome = check_reports(check, error);
    if (outcome == OUTCOME_DONE)
        outcome = load_points(check, error);
    stop_on_signals();
    return outcome;
}

static enum outcome prepare_builds(struct check *check, struct error *error)
{
    enum outcome outcome = expand_points(check, error);
    if (outcome == OUTCOME_DONE)
        outcome = find_builds(check, error);
    if (outcome == OUTCOME_DONE)
        outcome = gate_begin(&check->gate_options, &check->cases, &check->gate, error);
    return outcome;
}

/* ---- Databases ------------------------------------------------------------------------------ */

static bool is_trend(const struct check_options *options)
{
    return options->history || (options->baseline && stored_is_database(options->baseline));
}

static enum outcome trend(const struct check *check, struct error *error)
{
    const struct check_options *options = &check->options;
    const struct {
        const char *name, *value;
    } others[] = {{"library", options->library}, {"counts", options->counts},
                  {"no-time", options->no_time}, {"changed", options->changed},
                  {"accept", options->accept},   {"order-seed", options->seed},
                  {"inputs", options->inputs}};
    for (size_t i = 0; i < COUNT(others); i++)
        if (others[i].value)
            return fail(error, OUTCOME_USAGE,
                        "--%s is for builds: against a database there is nothing of it",
                        others[i].name);
    const struct trend_request request = {.suite = check->suite,
                                          .baseline = options->baseline,
                                          .history = options->history,
                                          .command = check->command,
                                          .effect = check->gate_options.effect,
                                          .budget_s =
                                              options->budget ? check->gate_options.budget_s : 0,
                                          .junit = options->junit,
                                          .markdown = options->markdown,
                                          .anyway = options->anyway != NULL,
                                          .json = options->json != NULL,
                                          .quiet = options->quiet != NULL};
    return check_trend(&request, error);
}

/* ---- The command --------------------------------------------------------------------------- */

/* The points' verdict, unless accepted slowdowns were all there was. */
static enum outcome verdict(const struct gate *gate)
{
    enum outcome outcome = gate_outcome(gate->points, gate->count);
    if (outcome != OUTCOME_BAD)
        return outcome;
    for (size_t i = 0; i < gate->count; i++)
        if (gate_row_fails(&gate->rows[i]))
            return OUTCOME_BAD;
    return OUTCOME_DONE;
}

static void why_none(const struct gate *gate, struct error *error)
{
    size_t open = 0, skipped = 0, last = 0;
    for (size_t i = 0; i < gate->count; i++) {
        open += gate->points[i].state == GATE_UNRESOLVED;
        skipped += gate->points[i].state == GATE_SKIPPED;
        last = gate->points[i].state == GATE_SKIPPED ? i : last;
    }
    if (skipped == gate->count)
        fail(error, OUTCOME_NO_VERDICT,
             "no verdict: none of %zu points can be compared; %s: %.300s", gate->count,
             midl_variant_name(gate->rows[last].bench_case->variant), gate->points[last].reason);
    else if (open == 0)
        fail(error, OUTCOME_NO_VERDICT,
             "no verdict: a kernel whose machine code is the same was slower twice: something here "
             "moves times; stop other work on this machine");
    else
        fail(error, OUTCOME_NO_VERDICT,
             "no verdict: %zu of %zu points are not resolved; give a longer --budget or a larger "
             "--effect, or stop other work on this machine",
             open, gate->count);
}

int command_check(int argc, char **argv)
{
    struct check check = {.suite = NULL};
    struct error error = {""}, report_error;
    bool help = false;
    check.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = check.command ? parse(argc, argv, &check, &help, &error)
                                         : fail_memory(&error, "the command line", 4096);
    if (outcome == OUTCOME_DONE && !help)
        outcome = prepare(&check, &error);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    if (is_trend(&check.options)) {
        outcome = trend(&check, &error);
        if (outcome == OUTCOME_BAD)
            (void)command_fail("check", outcome, &error);
        goto cleanup;
    }
    outcome = prepare_builds(&check, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    outcome = gate_measure(&check.gate, &error);
    if (outcome == OUTCOME_DONE) {
        mark_accepted(&check);
        outcome = verdict(&check.gate);
        if (outcome == OUTCOME_NO_VERDICT)
            why_none(&check.gate, &error);
    }
    if (outcome == OUTCOME_USAGE || outcome == OUTCOME_MACHINE)
        goto cleanup;
    const struct gate_report report = {
        .gate = &check.gate,
        .names = {check.options.against ? check.options.against : check.old_path, check.new_path},
        .arguments = check.arguments,
        .outcome = outcome,
        .problem = error.text};
    enum outcome reported = report_all(&check, &report, &report_error);
    if (reported != OUTCOME_DONE) {
        outcome = reported;
        error = report_error;
    }
cleanup:
    gate_clear(&check.gate);
    accept_clear(&check.accepted);
    bench_cases_clear(&check.cases);
    suite_destroy(check.suite);
    free(check.command);
    free(check.arguments);
    if (outcome == OUTCOME_DONE || outcome == OUTCOME_BAD)
        return outcome;
    return command_fail("check", outcome, &error);
}

/* check_trend.c - `midl check` against a database. */
#include "commands/check_trend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/printed.h"
#include "base/folder.h"
#include "compare/stored.h"
#include "compare/verdict.h"
#include "run/runner.h"
#include "run/session.h"

#define PATH_SIZE 512

struct trend {
    const struct trend_request *request;
    struct bench_cases cases;
    struct runner runner;
    struct stored_side sides[2]; /* the baseline, the run of now */
    struct compare_table table;
    char folder[PATH_SIZE - 16]; /* of a database that nobody keeps; "" if there is none */
    char db[PATH_SIZE];          /* that the run of now goes to */
    char hash[17];
    bool first; /* the history has no run to compare with */
};

/* ---- Points -------------------------------------------------------------------------------- */

static enum outcome set_budget(const struct trend_request *request, size_t groups,
                               struct error *error)
{
    char text[32];
    double each_ms = 1e3 * request->budget_s / (double)(groups ? groups : 1);
    if (request->budget_s <= 0)
        return OUTCOME_DONE;
    snprintf(text, sizeof text, "%.0f ms", each_ms < 1 ? 1 : each_ms);
    return suite_set_option(request->suite, "budget", text, error);
}

static enum outcome expand(struct trend *trend, struct error *error)
{
    struct suite *suite = trend->request->suite;
    enum outcome outcome = suite_set_option(suite, "counters", "none", error);
    if (outcome == OUTCOME_DONE && !suite_has_reference(suite))
        outcome = suite_set_option(suite, "reference", "linear,linear-rows", error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_expand(suite, &trend->cases, error);
    if (outcome == OUTCOME_DONE && trend->cases.count == 0)
        outcome = fail(error, OUTCOME_USAGE, "suite %s has no points", suite_name(suite));
    if (outcome == OUTCOME_DONE)
        outcome = set_budget(trend->request, trend->cases.group_count, error);
    if (outcome == OUTCOME_DONE)
        suite_hash(&trend->cases, trend->hash);
    return outcome;
}

/* ---- What can be asked before anything is measured ----------------------------------------- */

/* One of the points at least. */
static enum outcome has_points(const struct trend *trend, struct error *error)
{
    const struct stored_side *side = &trend->sides[0];
    char label[CASE_TEXT_SIZE];
    for (size_t i = 0; i < trend->cases.count; i++) {
        const struct bench_case *bench_case = &trend->cases.cases[i];
        const struct midl_variant *variant = bench_case->variant;
        bool found = false;
        bench_shape_text(&bench_case->shape, label);
        enum store_status status =
            store_has_point(side->store, side->run, label, midl_variant_idea(variant),
                            midl_isa_name(midl_variant_isa(variant)),
                            midl_dtype_name(midl_variant_dtype(variant)), &found);
        if (status != STORE_OK)
            return session_result(side->store, status, error);
        if (found && !midl_variant_is_linear(variant))
            return OUTCOME_DONE;
    }
    return fail(error, OUTCOME_USAGE,
                "%s: run %lld has none of the points; measure them: midl check ... --history FILE",
                file_shown(side->path), (long long)side->run);
}

/* Begin a run that measures nothing, to know what this machine is called in a store. */
static enum outcome same_machine(const struct trend *trend, struct error *error)
{
    const struct session_run run = {.suite = suite_name(trend->request->suite),
                                    .hash = "none",
                                    .command = trend->request->command};
    struct compare_table table = {.count = 0};
    struct session session;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/machine.db", trend->folder);
    enum outcome outcome = session_open(&session, path, error);
    if (outcome == OUTCOME_DONE)
        outcome = session_begin(&session, &run, error);
    if (outcome == OUTCOME_DONE) {
        struct store *const stores[2] = {trend->sides[0].store, session.store};
        const int64_t runs[2] = {trend->sides[0].run, session.run_id};
        struct store *failed = session.store;
        enum store_status status = compare_machines(stores, runs, &table, &failed);
        outcome = session_result(failed, status, error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = stored_refuse(&table, error);
    compare_clear(&table);
    session_close(&session);
    return outcome;
}

static enum outcome open_baseline(struct trend *trend, struct error *error)
{
    const struct trend_request *request = trend->request;
    struct stored_side *side = &trend->sides[0];
    const char *suite = suite_name(request->suite);
    side->name = request->baseline;
    enum outcome outcome =
        stored_open(side, SESSION_DB, strcmp(suite, "custom") == 0 ? NULL : suite, error);
    if (outcome == OUTCOME_NO_VERDICT) /* a baseline without a run is none */
        outcome = OUTCOME_USAGE;
    if (outcome == OUTCOME_DONE)
        outcome = has_points(trend, error);
    return outcome == OUTCOME_DONE && !request->anyway ? same_machine(trend, error) : outcome;
}

/* Where the run of now goes: the history, or a place that is removed. */
static enum outcome make_place(struct trend *trend, struct error *error)
{
    if (!folder_make_temporary(NULL, "midl-trend", trend->folder, sizeof trend->folder)) {
        trend->folder[0] = '\0';
        return fail(error, OUTCOME_MACHINE, "can't make a temporary folder; set TMPDIR");
    }
    if (trend->request->history)
        snprintf(trend->db, sizeof trend->db, "%s", trend->request->history);
    else
        snprintf(trend->db, sizeof trend->db, "%s/now.db", trend->folder);
    return OUTCOME_DONE;
}

/* ---- Measuring ----------------------------------------------------------------------------- */

static enum outcome measure(struct trend *trend, struct error *error)
{
    const struct trend_request *request = trend->request;
    struct runner *runner = &trend->runner;
    *runner = (struct runner){.suite = request->suite,
                              .cases = &trend->cases,
                              .hash = trend->hash,
                              .command = request->command,
                              .db = trend->db,
                              .quiet = request->quiet,
                              .lean = true,
                              .start_ns = clock_ns()};
    enum outcome outcome = runner_run(runner, error);
    if (outcome == OUTCOME_DONE && !runner_is_whole(runner))
        outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted; %zu of %zu points are measured",
                       runner->done, trend->cases.count);
    struct stored_side *now = &trend->sides[1];
    now->store = runner->session.store; /* the runner's */
    now->run = runner->session.run_id;
    snprintf(now->path, sizeof now->path, "%s", request->history ? request->history : "now");
    return outcome;
}

/* In a history the baseline is the run before, of a machine like this. */
static enum outcome find_before(struct trend *trend, struct error *error)
{
    struct stored_side *before = &trend->sides[0], *now = &trend->sides[1];
    enum store_status status = compare_find_like(now->store, now->run, &before->run);
    trend->first = status == STORE_NONE;
    before->store = now->store;
    snprintf(before->path, sizeof before->path, "%s", now->path);
    return trend->first ? OUTCOME_DONE : session_result(now->store, status, error);
}

static enum outcome compare(struct trend *trend, struct error *error)
{
    const struct trend_request *request = trend->request;
    struct store *const stores[2] = {trend->sides[0].store, trend->sides[1].store};
    const int64_t runs[2] = {trend->sides[0].run, trend->sides[1].run};
    struct store *failed = stores[0];
    enum store_status status =
        compare_runs(stores, runs, COMPARE_RELATIVE, request->effect, &trend->table, &failed);
    if (status == STORE_NONE)
        return fail(error, OUTCOME_USAGE, "%s has no points of run %lld",
                    file_shown(trend->sides[failed != stores[0]].path),
                    (long long)runs[failed != stores[0]]);
    enum outcome outcome = session_result(failed, status, error);
    stored_drop_references(&trend->table);
    if (outcome == OUTCOME_DONE && request->baseline && !request->anyway)
        outcome = stored_refuse(&trend->table, error); /* what measuring has told besides */
    return outcome;
}

/* ---- The report ---------------------------------------------------------------------------- */

static void print_junit(const void *report, FILE *out)
{
    stored_print_junit(report, out);
}

static void print_markdown(const void *report, FILE *out)
{
    stored_print_markdown(report, out);
}

static enum outcome report_all(const struct trend *trend, struct error *error)
{
    const struct trend_request *request = trend->request;
    const struct stored_report report = {
        .table = &trend->table, .sides = trend->sides, .relative = true, .trend = true};
    const char *github = getenv("GITHUB_ACTIONS");
    enum outcome outcome = OUTCOME_DONE;
    if (request->json)
        outcome = stored_print_json(&report, stdout, error);
    else if (!request->quiet)
        stored_print_text(&report, stdout);
    if (github && strcmp(github, "true") == 0 && !request->json)
        stored_print_annotations(&report, stdout);
    if (outcome == OUTCOME_DONE)
        outcome = printed_file(request->junit, print_junit, &report, error);
    if (outcome == OUTCOME_DONE)
        outcome = printed_file(request->markdown, print_markdown, &report, error);
    return outcome;
}

/* Refuse a verdict where too many points are open, by the limit that the gate has. */
static enum outcome resolved(const struct compare_table *table, struct error *error)
{
    size_t both = 0, open = 0;
    for (size_t i = 0; i < table->count; i++) {
        both += table->rows[i].verdict != COMPARE_MISSING;
        open += table->rows[i].verdict == COMPARE_UNRESOLVED;
    }
    if (both > 0 && (double)open < GATE_UNCLEAR * (double)both)
        return OUTCOME_DONE;
    if (both == 0)
        return fail(error, OUTCOME_NO_VERDICT,
                    "no verdict: no point has times beside a dense layer in both runs; where this "
                    "build lacks `linear`, add linear-rows to --kernel");
    return fail(error, OUTCOME_NO_VERDICT,
                "no verdict: %zu of %zu points are not resolved; give a longer --budget or a "
                "larger --effect",
                open, both);
}

static enum outcome wrong(const struct trend *trend, struct error *error)
{
    for (size_t i = 0; i < trend->cases.count; i++) {
        const struct print_row *row = &trend->runner.rows[i];
        if (row->status && strcmp(row->status, "failed") == 0)
            return fail(error, OUTCOME_BAD, "%s is wrong: %s", row->kernel, row->reason);
    }
    return OUTCOME_DONE;
}

enum outcome check_trend(const struct trend_request *request, struct error *error)
{
    struct trend trend = {.request = request};
    enum outcome outcome = expand(&trend, error);
    if (outcome == OUTCOME_DONE)
        outcome = make_place(&trend, error);
    if (outcome == OUTCOME_DONE && request->baseline)
        outcome = open_baseline(&trend, error);
    if (outcome == OUTCOME_DONE)
        outcome = measure(&trend, error);
    if (outcome == OUTCOME_DONE && request->history)
        outcome = find_before(&trend, error);
    if (outcome == OUTCOME_DONE && trend.first && !request->quiet && !request->json)
        printf("run %lld is the first of its kind in %s: nothing to compare with yet\n",
               (long long)trend.sides[1].run, request->history);
    if (outcome == OUTCOME_DONE && !trend.first) {
        outcome = compare(&trend, error);
        if (outcome == OUTCOME_DONE)
            outcome = report_all(&trend, error);
        if (outcome == OUTCOME_DONE)
            outcome = resolved(&trend.table, error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = wrong(&trend, error);
    compare_clear(&trend.table);
    if (request->baseline)
        store_close(trend.sides[0].store);
    runner_clear(&trend.runner);
    bench_cases_clear(&trend.cases);
    if (trend.folder[0])
        folder_remove(trend.folder);
    return outcome;
}

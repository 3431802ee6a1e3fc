/* verify.c - `midl verify`: every variant against the reference, over all shapes and edge cases
 * (verify/trial_list.h). Each trial's numbers and oracle are shared by all variants. Lines with a
 * weaker set of instructions try the shared routines (gate, light path, selection) as a lesser
 * processor would run them. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "commands/verify_counters.h"
#include "suite/kernels.h"
#include "verify/trial.h"
#include "verify/trial_list.h"

#define NOTES_MOST 20

/* ---- Which kernels -------------------------------------------------------------------------- */

/* A line of the table: a variant, with the shared routines in one instruction set. */
struct line {
    const struct midl_variant *variant;
    enum midl_isa shared;
    const char *unavailable; /* why it can't be tried here, or NULL */
    size_t passed, failed, skipped;
    size_t varied; /* of those passed: last bits depend on the number of threads */
    double error_ratio;
    size_t first_failed;           /* number of the trial; 0: none */
    char reason[MIDL_REASON_SIZE]; /* of the first failure, else of the first skip */
};

struct lines {
    struct line *line;
    size_t count;
};

/* Lines for one instruction set of the shared routines. The best takes all variants; a weaker one
 * those of MID-L that bring no instructions of their own, since for the others nothing changes but
 * what these show. */
static void add_lines(const char *pattern, enum midl_isa shared, struct lines *ret)
{
    bool best = shared == midl_isa_best();
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        const char *unavailable = midl_variant_unavailable(variant);
        bool plain = midl_variant_isa(variant) == MIDL_ISA_GENERIC &&
                     !midl_variant_is_linear(variant) && !unavailable;
        if ((best || plain) && kernels_match(pattern, variant))
            ret->line[ret->count++] =
                (struct line){.variant = variant, .shared = shared, .unavailable = unavailable};
    }
}

static enum outcome make_lines(const char *pattern, struct lines *ret, struct error *error)
{
    *ret = (struct lines){0};
    ret->line = calloc(midl_variant_count() * (MIDL_ISA_AVX512 + 1), sizeof *ret->line);
    if (!ret->line)
        return fail(error, OUTCOME_MACHINE, "not enough memory");
    for (int isa = (int)midl_isa_best(); isa >= MIDL_ISA_PORTABLE; isa--) {
        if (midl_isa_available((enum midl_isa)isa))
            add_lines(pattern, (enum midl_isa)isa, ret);
    }
    if (!ret->count)
        return fail(error, OUTCOME_USAGE, "no kernel is named '%s': see `midl list kernels`",
                    pattern);
    return OUTCOME_DONE;
}

/* ---- Running -------------------------------------------------------------------------------- */

struct request {
    const char *kernel, *quick, *one, *counters, *json, *quiet;
    size_t number; /* --case; 0: all */
};

struct work {
    struct request request;
    struct trial *trials;
    size_t count, wanted, done;
    struct lines lines;
    struct progress *progress;
    size_t notes;
    bool interrupted;
};

static bool anything_runs(const struct lines *lines)
{
    for (size_t l = 0; l < lines->count; l++) {
        if (!lines->line[l].unavailable)
            return true;
    }
    return false;
}

static bool wanted(const struct work *work, size_t i)
{
    if (work->request.number)
        return work->request.number == i + 1;
    return !work->request.quick || trial_is_quick(&work->trials[i]);
}

static void note_failure(struct work *work, const struct line *line, size_t number,
                         const char *reason)
{
    char text[TRIAL_TEXT_SIZE];
    trial_text(&work->trials[number - 1], text);
    if (work->notes++ < NOTES_MOST)
        progress_note(work->progress, "case %zu, %s %s, %s gate: %s (%s)", number,
                      midl_variant_name(line->variant),
                      midl_dtype_name(midl_variant_dtype(line->variant)),
                      midl_isa_name(line->shared), reason, text);
}

static void count_result(struct work *work, struct line *line, size_t number,
                         const struct trial_result *result)
{
    switch (result->verdict) {
    case TRIAL_PASSED:
        line->passed++;
        line->varied += result->threads_change;
        break;
    case TRIAL_FAILED:
        if (!line->failed++) {
            line->first_failed = number;
            memcpy(line->reason, result->reason, sizeof line->reason);
        }
        note_failure(work, line, number, result->reason);
        break;
    case TRIAL_SKIPPED:
        if (!line->skipped++ && !line->failed)
            memcpy(line->reason, result->reason, sizeof line->reason);
        break;
    }
    if (!isnan(line->error_ratio) && !(result->error_ratio <= line->error_ratio))
        line->error_ratio = result->error_ratio; /* NaN is worse than any number, and stays */
}

static enum outcome run_trial(struct work *work, size_t i, struct trial_data *data,
                              struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t l = 0; l < work->lines.count && outcome == OUTCOME_DONE; l++) {
        struct line *line = &work->lines.line[l];
        struct trial_result result;
        if (line->unavailable)
            continue;
        midl_isa_limit(line->shared);
        outcome = trial_run(data, line->variant, &result, error);
        if (outcome == OUTCOME_DONE)
            count_result(work, line, i + 1, &result);
    }
    return outcome;
}

static enum outcome run_trials(struct work *work, struct error *error)
{
    enum midl_isa before = midl_isa_best(); /* as MIDL_ISA limits it */
    enum outcome outcome = OUTCOME_DONE;
    struct trial_data *data = NULL;
    for (size_t i = 0; i < work->count && outcome == OUTCOME_DONE; i++) {
        char text[TRIAL_TEXT_SIZE];
        if (!wanted(work, i))
            continue;
        work->interrupted = stop_requested != 0;
        if (work->interrupted)
            break;
        trial_text(&work->trials[i], text);
        progress_step(work->progress, work->done, text);
        struct trial_data *previous = data;
        data = NULL;
        outcome = trial_prepare(&work->trials[i], previous, &data, error);
        if (outcome == OUTCOME_DONE)
            outcome = run_trial(work, i, data, error);
        work->done += outcome == OUTCOME_DONE;
    }
    progress_step(work->progress, work->done, NULL);
    trial_destroy(data);
    midl_isa_limit(before);
    return outcome;
}

/* ---- What came of it ------------------------------------------------------------------------ */

static void print_line(const struct line *line)
{
    const char *name = midl_variant_name(line->variant);
    const char *dtype = midl_dtype_name(midl_variant_dtype(line->variant));
    if (line->unavailable)
        printf("%-16s %-5s %-9s unavailable: %s\n", name, dtype, "-", line->unavailable);
    else
        printf("%-16s %-5s %-9s %7zu %7zu %7zu %7zu   %-11.3g %s\n", name, dtype,
               midl_isa_name(line->shared), line->passed, line->varied, line->failed, line->skipped,
               line->error_ratio, line->reason);
}

static void print_table(const struct work *work)
{
    size_t varied = 0;
    printf("%-16s %-5s %-9s %7s %7s %7s %7s   %s\n", "kernel", "dtype", "gate by", "passed",
           "varied", "failed", "skipped", "error/bound");
    for (size_t l = 0; l < work->lines.count; l++) {
        print_line(&work->lines.line[l]);
        varied += work->lines.line[l].varied;
    }
    if (varied)
        puts("varied: passed, but with two threads some last bits differ from those with one");
}

static void add_line(struct json *json, cJSON *lines, const struct work *work,
                     const struct line *line)
{
    char text[TRIAL_TEXT_SIZE];
    cJSON *row = json_object(json, lines, NULL);
    json_text(json, row, "kernel", midl_variant_name(line->variant));
    json_text(json, row, "isa", midl_isa_name(midl_variant_isa(line->variant)));
    json_text(json, row, "dtype", midl_dtype_name(midl_variant_dtype(line->variant)));
    json_text(json, row, "shared_isa", midl_isa_name(line->shared));
    json_bool(json, row, "available", !line->unavailable);
    json_number(json, row, "passed", (double)line->passed);
    json_number(json, row, "varied", (double)line->varied);
    json_number(json, row, "failed", (double)line->failed);
    json_number(json, row, "skipped", (double)line->skipped);
    json_number(json, row, "error_ratio", line->error_ratio);
    json_text(json, row, "reason", line->unavailable ? line->unavailable : line->reason);
    if (line->first_failed) {
        trial_text(&work->trials[line->first_failed - 1], text);
        json_number(json, row, "first_failed_case", (double)line->first_failed);
        json_text(json, row, "first_failed_shape", text);
    }
}

static enum outcome print_json(const struct work *work, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    cJSON *kernels = json_array(&json, json.root, "kernels");
    json_number(&json, json.root, "cases", (double)work->done);
    for (size_t l = 0; l < work->lines.count; l++)
        add_line(&json, kernels, work, &work->lines.line[l]);
    enum outcome outcome = json_print(&json, stdout, false, "the results", error);
    json_clear(&json);
    return outcome;
}

/* The worst thing that happened; done only if every kernel that could be tried passed all. */
static enum outcome judge(const struct work *work, struct error *error)
{
    size_t passed = 0, failed = 0;
    const struct line *first = NULL;
    for (size_t l = 0; l < work->lines.count; l++) {
        const struct line *line = &work->lines.line[l];
        passed += line->passed;
        failed += line->failed;
        if (line->first_failed && !first)
            first = line;
    }
    if (first)
        return fail(error, OUTCOME_BAD,
                    "%zu of %zu trials failed; the first is %s: repeat it by `midl verify --case "
                    "%zu`",
                    failed, passed + failed, midl_variant_name(first->variant),
                    first->first_failed);
    if (work->interrupted)
        return fail(error, OUTCOME_NO_VERDICT,
                    "interrupted after %zu of %zu cases, all right so far", work->done,
                    work->wanted);
    if (!passed)
        return fail(error, OUTCOME_NO_VERDICT,
                    "nothing was tried: no such kernel can run here (see `midl list kernels`)");
    return OUTCOME_DONE;
}

static enum outcome report(const struct work *work, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    if (work->request.json)
        outcome = print_json(work, error);
    else
        print_table(work);
    return outcome == OUTCOME_DONE ? judge(work, error) : outcome;
}

/* ---- The command ---------------------------------------------------------------------------- */

static enum outcome verify(struct work *work, struct error *error)
{
    work->trials = calloc(TRIAL_LIST_MOST, sizeof *work->trials);
    if (!work->trials)
        return fail(error, OUTCOME_MACHINE, "not enough memory");
    work->count = trial_list(work->trials);
    enum outcome outcome = OUTCOME_DONE;
    if (work->request.one)
        outcome =
            option_size("case", work->request.one, 1, work->count, &work->request.number, error);
    if (outcome == OUTCOME_DONE)
        outcome = make_lines(work->request.kernel, &work->lines, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!anything_runs(&work->lines))
        return report(work, error);
    for (size_t i = 0; i < work->count; i++)
        work->wanted += wanted(work, i);
    stop_on_signals();
    work->progress = progress_begin("verify", work->wanted, work->request.quiet != NULL);
    outcome = run_trials(work, error);
    progress_end(work->progress);
    return outcome == OUTCOME_DONE ? report(work, error) : outcome;
}

static enum outcome parse(int argc, char **argv, struct request *ret, bool *ret_help,
                          struct error *error)
{
    const struct option_row rows[] = {
        {"kernel", "PATTERN", "only kernels of this name or idea; may hold * and ?", &ret->kernel},
        {"quick", NULL, "small shapes only: some seconds", &ret->quick},
        {"case", "N", "only this case, as numbered in a failure", &ret->one},
        {"counters", NULL, "cost models against counted FLOPs and bytes instead", &ret->counters},
        {"json", NULL, "the result as JSON", &ret->json},
        {"quiet", NULL, "no progress", &ret->quiet},
    };
    int first;
    enum outcome outcome = options_parse(
        argc, argv, "midl verify [options]",
        "Compare every kernel with the double-precision reference, over all shapes and "
        "edge cases.\nExit status 0: all right; 1: a kernel, or with --counters a cost model, is "
        "wrong; "
        "4: nothing could be judged.",
        rows, COUNT(rows), &first, ret_help, error);
    if (outcome == OUTCOME_DONE && !*ret_help && first < argc)
        return fail(error, OUTCOME_USAGE, "unexpected argument '%s': a kernel is named by --kernel",
                    argv[first]);
    if (outcome == OUTCOME_DONE && ret->counters && ret->one)
        return fail(error, OUTCOME_USAGE, "--case and --counters don't go together");
    return outcome;
}

int command_verify(int argc, char **argv)
{
    struct work work = {.count = 0};
    struct error error;
    bool help = false;
    enum outcome outcome = parse(argc, argv, &work.request, &help, &error);
    const struct request *request = &work.request;
    if (outcome == OUTCOME_DONE && !help)
        outcome = request->counters
                      ? verify_counters(request->kernel, request->quick != NULL,
                                        request->json != NULL, request->quiet != NULL, &error)
                      : verify(&work, &error);
    free(work.trials);
    free(work.lines.line);
    return outcome == OUTCOME_DONE ? 0 : command_fail("verify", outcome, &error);
}

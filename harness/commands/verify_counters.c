/* verify_counters.c - `midl verify --counters`: see verify_counters.h. */
#include "commands/verify_counters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/stop.h"
#include "commands/command.h"
#include "measure/cost_check.h"
#include "suite/kernels.h"

/* One variant at one place. */
struct line {
    const struct midl_variant *variant;
    const struct cost_shape *shape;
    char shape_text[160];
    struct cost_check check;
    enum cost_verdict verdict;
    char reason[COUNTER_REASON_SIZE]; /* why it wasn't counted at all */
};

struct lines {
    struct line *line;
    size_t count, right, wrong, unknown;
    const struct line *first_wrong;
};

/* "n=256 batch=8": the axes that the place sets. */
static void shape_text(const struct cost_shape *shape, char *ret, size_t size)
{
    *ret = '\0';
    for (size_t i = 0; i < 8 && shape->axes[i][0]; i++)
        append_text(ret, size, "%s%s=%s", i ? " " : "", shape->axes[i][0], shape->axes[i][1]);
}

static enum outcome make_lines(const char *kernel, bool quick, struct lines *ret,
                               struct error *error)
{
    const struct cost_shape *shapes;
    size_t shape_count = quick ? 1 : cost_check_shapes(&shapes);
    cost_check_shapes(&shapes);
    ret->line = calloc(midl_variant_count() * shape_count, sizeof *ret->line);
    if (!ret->line)
        return fail_memory(error, "the table of kernels", 0);
    for (size_t i = 0; i < midl_variant_count() * shape_count; i++) {
        struct line line = {.variant = midl_variant_at(i / shape_count),
                            .shape = &shapes[i % shape_count],
                            .verdict = COST_UNKNOWN};
        shape_text(line.shape, line.shape_text, sizeof line.shape_text);
        bool again = midl_variant_unavailable(line.variant) && i % shape_count > 0;
        if (kernels_match(kernel, line.variant) && !again)
            ret->line[ret->count++] = line;
    }
    if (ret->count == 0)
        return fail(error, OUTCOME_USAGE, "no kernel is named '%s': see `midl list kernels`",
                    kernel);
    return OUTCOME_DONE;
}

/* Fill the line in. What can't be run is no error: the reason says why. */
static void check_line(struct line *line)
{
    const char *unavailable = midl_variant_unavailable(line->variant);
    struct bench_cases cases = {0};
    struct error error = {""};
    if (unavailable) {
        snprintf(line->reason, sizeof line->reason, "%s", unavailable);
        return;
    }
    enum outcome outcome = cost_check_case(line->shape, line->variant, &cases, &error);
    if (outcome == OUTCOME_DONE && cases.count == 1)
        outcome = cost_check_run(&cases.cases[0], &line->check, &error);
    else if (outcome == OUTCOME_DONE)
        outcome = fail(&error, OUTCOME_USAGE, "it has no such case");
    if (outcome == OUTCOME_DONE)
        line->verdict = cost_check_judge(&line->check, midl_variant_excess(line->variant));
    else
        snprintf(line->reason, sizeof line->reason, "%.150s", error.text);
    bench_cases_clear(&cases);
}

static void check_lines(struct lines *lines, bool quiet)
{
    struct progress *progress = progress_begin("verify", lines->count, quiet);
    for (size_t i = 0; i < lines->count && !stop_requested; i++) {
        struct line *line = &lines->line[i];
        progress_step(progress, i, midl_variant_name(line->variant));
        check_line(line);
        lines->right += line->verdict == COST_RIGHT;
        lines->unknown += line->verdict == COST_UNKNOWN;
        lines->wrong += line->verdict == COST_WRONG;
        if (line->verdict == COST_WRONG && !lines->first_wrong)
            lines->first_wrong = line;
    }
    progress_end(progress);
}

/* ---- What came of it ------------------------------------------------------------------------ */

static const char *verdict_name(enum cost_verdict verdict)
{
    switch (verdict) {
    case COST_RIGHT:
        return "right";
    case COST_WRONG:
        return "WRONG";
    case COST_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}

static const char *reason_of(const struct line *line)
{
    return *line->reason ? line->reason : line->check.flops.reason;
}

static void print_table(const struct lines *lines)
{
    printf("%-15s %-4s %-52s %10s %10s %6s %10s %10s %6s  %-9s %s\n", "kernel", "", "shape",
           "FLOPs", "counted", "", "bytes", "touched", "", "by", "model");
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->line[i];
        const struct cost_count *flops = &line->check.flops, *bytes = &line->check.bytes;
        printf("%-15s %-4s %-52s ", midl_variant_name(line->variant),
               midl_dtype_name(midl_variant_dtype(line->variant)), line->shape_text);
        if (line->verdict == COST_UNKNOWN)
            printf("%s: %s\n", verdict_name(line->verdict), reason_of(line));
        else
            printf("%10.0f %10.0f %6.3f %10.0f %10.0f %6.3f  %-9s %s\n", flops->model,
                   flops->counted, flops->counted / flops->model, bytes->model, bytes->counted,
                   bytes->counted / bytes->model, flops->source, verdict_name(line->verdict));
    }
}

static void add_count(struct json *json, cJSON *row, const char *key,
                      const struct cost_count *count)
{
    cJSON *object = json_object(json, row, key);
    json_number(json, object, "model", count->model);
    json_number(json, object, "counted", count->counted);
    json_text(json, object, "source", count->source ? count->source : "none");
    json_text(json, object, "reason", count->reason);
}

static enum outcome print_json(const struct lines *lines, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    cJSON *rows = json_array(&json, json.root, "models");
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->line[i];
        cJSON *row = json_object(&json, rows, NULL);
        json_text(&json, row, "kernel", midl_variant_name(line->variant));
        json_text(&json, row, "dtype", midl_dtype_name(midl_variant_dtype(line->variant)));
        json_text(&json, row, "shape", line->shape_text);
        json_text(&json, row, "verdict", verdict_name(line->verdict));
        json_text(&json, row, "reason", reason_of(line));
        add_count(&json, row, "flops", &line->check.flops);
        add_count(&json, row, "bytes", &line->check.bytes);
    }
    enum outcome outcome = json_print(&json, stdout, false, "the JSON of the table", error);
    json_clear(&json);
    return outcome;
}

/* The sources that were tried, from the first line that could be run. */
static const char *tried(const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        if (!*lines->line[i].reason)
            return lines->line[i].check.flops.reason;
    return lines->line[0].reason;
}

static enum outcome judge(const struct lines *lines, struct error *error)
{
    const struct line *first = lines->first_wrong;
    if (first)
        return fail(error, OUTCOME_BAD,
                    "%zu of %zu cost models don't fit what was counted; the first is %s at %s: "
                    "FLOPs counted / model %.3f, bytes %.3f",
                    lines->wrong, lines->right + lines->wrong, midl_variant_name(first->variant),
                    first->shape_text, first->check.flops.counted / first->check.flops.model,
                    first->check.bytes.counted / first->check.bytes.model);
    if (stop_requested)
        return fail(error, OUTCOME_NO_VERDICT, "interrupted, all right so far");
    if (lines->right == 0)
        return fail(error, OUTCOME_NO_VERDICT, "no model can be judged: FLOPs can't be counted: %s",
                    tried(lines));
    return OUTCOME_DONE;
}

enum outcome verify_counters(const char *kernel, bool quick, bool json, bool quiet,
                             struct error *error)
{
    struct lines lines = {.count = 0};
    enum outcome outcome = make_lines(kernel, quick, &lines, error);
    if (outcome == OUTCOME_DONE) {
        stop_on_signals();
        check_lines(&lines, quiet);
        if (json)
            outcome = print_json(&lines, error);
        else
            print_table(&lines);
    }
    if (outcome == OUTCOME_DONE)
        outcome = judge(&lines, error);
    free(lines.line);
    return outcome;
}

/* gate_report.c - verdicts as text, Markdown, JSON, JUnit and annotations. */
#include "compare/gate_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/json.h"
#include "base/words.h"
#include "base/xml.h"

#define REPEAT_SIZE (CASE_TEXT_SIZE + 512)

/* ---- Words --------------------------------------------------------------------------------- */

/* Whether the label of every point holds this word. */
static bool in_all(const struct gate *gate, const char *word, size_t length)
{
    char label[CASE_TEXT_SIZE];
    for (size_t i = 0; i < gate->count; i++) {
        bench_shape_text(&gate->rows[i].bench_case->shape, label);
        if (!words_have(label, word, length))
            return false;
    }
    return true;
}

void gate_short_shape(const struct gate *gate, const struct gate_row *row, char ret[CASE_TEXT_SIZE])
{
    char label[CASE_TEXT_SIZE];
    const char *at = label;
    ret[0] = '\0';
    bench_shape_text(&row->bench_case->shape, label);
    for (size_t length = words_next(&at, 0); length; length = words_next(&at, length)) {
        bool square = strncmp(at, "d=", 2) == 0 &&
                      row->bench_case->shape.layer.d == row->bench_case->shape.layer.n;
        bool follows = strncmp(at, "r=", 2) == 0 || strncmp(at, "gate=", 5) == 0;
        if (!square && !follows && (!in_all(gate, at, length) || strncmp(at, "n=", 2) == 0))
            append_text(ret, CASE_TEXT_SIZE, "%s%.*s", *ret ? " " : "", (int)length, at);
    }
}

static void repeat_command(const struct gate_report *report, const struct gate_row *row,
                           char ret[REPEAT_SIZE])
{
    static const char before[] = "midl sweep";
    char command[CASE_TEXT_SIZE];
    bench_case_command(row->bench_case, command);
    snprintf(ret, REPEAT_SIZE, "midl check%s%s", report->arguments, command + strlen(before));
}

static void time_text(double ns, char ret[16])
{
    if (isnan(ns))
        snprintf(ret, 16, "-");
    else if (ns < 1e4)
        snprintf(ret, 16, "%.0f ns", ns);
    else if (ns < 1e7)
        snprintf(ret, 16, "%.1f µs", ns / 1e3);
    else
        snprintf(ret, 16, "%.1f ms", ns / 1e6);
}

static bool has_ratio(const struct gate_row *row)
{
    return row->point->first.count > 0;
}

/* "1.032" and "1.027 to 1.038", or "-". */
static void ratio_texts(const struct gate_row *row, char ratio[16], char interval[32])
{
    snprintf(ratio, 16, "-");
    snprintf(interval, 32, "-");
    if (!has_ratio(row))
        return;
    struct gate_ratio known = gate_ratio(row->point);
    snprintf(ratio, 16, "%.3f", known.ratio);
    snprintf(interval, 32, "%.3f to %.3f", known.lo, known.hi);
}

/* "+0.42 %" more instructions, "same", or "-". */
static void count_text(const struct gate_row *row, char ret[16])
{
    const double *counts = row->counts.instructions;
    double rise = counts[1] / counts[0] - 1;
    if (isnan(rise))
        snprintf(ret, 16, "-");
    else if (fabs(counts[1] - counts[0]) < 0.5)
        snprintf(ret, 16, "same");
    else
        snprintf(ret, 16, "%+.2f %%", 100 * rise);
}

#define REMARK_SIZE 512

/* Write what else is to be known of a point: "" if nothing. */
static void remark(const struct gate_row *row, char ret[REMARK_SIZE])
{
    bool other = row->chose[0][0] && row->chose[1][0] && strcmp(row->chose[0], row->chose[1]) != 0;
    ret[0] = '\0';
    if (row->point->reason[0])
        append_text(ret, REMARK_SIZE, "; %s", row->point->reason);
    if (other)
        append_text(ret, REMARK_SIZE, "; %s now chooses %s, not %s",
                    midl_variant_name(row->bench_case->variant), row->chose[1], row->chose[0]);
    if (row->accepted)
        append_text(ret, REMARK_SIZE, "; accepted: %s", row->accepted);
    if (row->lapsed && row->point->state == GATE_SLOWER)
        append_text(ret, REMARK_SIZE, "; accepted until %s only: %s", row->lapsed->until,
                    row->lapsed->why);
    if (row->point->control && !row->point->reason[0])
        append_text(ret, REMARK_SIZE, "; the same machine code");
    if (row->point->suspected && row->point->state == GATE_SAME)
        append_text(ret, REMARK_SIZE, "; flagged once, not again");
    if (*ret)
        memmove(ret, ret + strlen("; "), strlen(ret) - strlen("; ") + 1);
}

static size_t count_in(const struct gate *gate, enum gate_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < gate->count; i++)
        count += gate->points[i].state == state;
    return count;
}

static const enum gate_state order[] = {GATE_WRONG, GATE_SLOWER,  GATE_UNRESOLVED, GATE_FASTER,
                                        GATE_SAME,  GATE_SKIPPED, GATE_OPEN,       GATE_SUSPECT};
enum { ORDER = sizeof order / sizeof order[0] };

/* "26 points: 1 slower, 25 same; 74 s" */
static void summary(const struct gate_report *report, char ret[256])
{
    const struct gate *gate = report->gate;
    snprintf(ret, 256, "%zu points:", gate->count);
    const char *comma = " ";
    for (size_t i = 0; i < ORDER; i++) {
        size_t count = count_in(gate, order[i]);
        if (count > 0) {
            append_text(ret, 256, "%s%zu %s", comma, count, gate_state_name(order[i]));
            comma = ", ";
        }
    }
    append_text(ret, 256, "; %.0f s", gate->seconds);
}

static const char *verdict_text(enum outcome outcome)
{
    return outcome == OUTCOME_DONE  ? "no slowdown"
           : outcome == OUTCOME_BAD ? "slower, or wrong"
                                    : "no verdict";
}

/* ---- Text ---------------------------------------------------------------------------------- */

static void print_row(const struct gate_report *report, const struct gate_row *row, FILE *out)
{
    char shape[CASE_TEXT_SIZE], old[16], new[16], ratio[16], interval[32], count[16],
        more[REMARK_SIZE];
    gate_short_shape(report->gate, row, shape);
    time_text(row->call_ns[0], old);
    time_text(row->call_ns[1], new);
    ratio_texts(row, ratio, interval);
    count_text(row, count);
    remark(row, more);
    fprintf(out, "%-18s %-46s %10s %10s %6s %16s %8s  %s%s%s\n",
            midl_variant_name(row->bench_case->variant), shape, old, new, ratio, interval, count,
            gate_state_name(row->point->state), *more ? ": " : "", more);
}

/* Points that decide, each with the command that repeats it. */
static void print_findings(const struct gate_report *report, FILE *out)
{
    char shape[CASE_TEXT_SIZE], ratio[16], interval[32], count[16], command[REPEAT_SIZE];
    for (size_t i = 0; i < report->gate->count; i++) {
        const struct gate_row *row = &report->gate->rows[i];
        if (!gate_row_fails(row))
            continue;
        bench_shape_text(&row->bench_case->shape, shape);
        ratio_texts(row, ratio, interval);
        count_text(row, count);
        repeat_command(report, row, command);
        fprintf(out, "%s: %s at %s: time %s (%s), instructions %s%s%s; to repeat it: %s\n",
                gate_state_name(row->point->state), midl_variant_name(row->bench_case->variant),
                shape, ratio, interval, count, row->point->reason[0] ? ", " : "",
                row->point->reason, command);
    }
}

void gate_print_text(const struct gate_report *report, FILE *out)
{
    char text[256];
    fprintf(out, "%s against %s\n%-18s %-46s %10s %10s %6s %16s %8s  %s\n", report->names[1],
            report->names[0], "variant", "shape", "old", "new", "ratio", "95 % interval", "instr.",
            "verdict");
    for (size_t i = 0; i < report->gate->count; i++)
        print_row(report, &report->gate->rows[i], out);
    summary(report, text);
    fprintf(out, "%s: %s\n", verdict_text(report->outcome), text);
    print_findings(report, out);
}

/* ---- Markdown ------------------------------------------------------------------------------ */

static void markdown_row(const struct gate_report *report, const struct gate_row *row, FILE *out)
{
    char shape[CASE_TEXT_SIZE], ratio[16], interval[32], count[16], more[REMARK_SIZE];
    gate_short_shape(report->gate, row, shape);
    ratio_texts(row, ratio, interval);
    count_text(row, count);
    remark(row, more);
    fprintf(out, "| `%s` | %s | %s | %s | %s | %s%s%s%s%s |\n",
            midl_variant_name(row->bench_case->variant), shape, ratio, interval, count,
            gate_row_fails(row) ? "**" : "", gate_state_name(row->point->state),
            gate_row_fails(row) ? "**" : "", *more ? ": " : "", more);
}

void gate_print_markdown(const struct gate_report *report, FILE *out)
{
    char text[256], command[REPEAT_SIZE];
    summary(report, text);
    fprintf(out,
            "### Speed: %s\n\n%s against %s. %s.%s%s\n\n"
            "| variant | shape | time ratio | 95 %% interval | instructions | verdict |\n"
            "|---|---|---|---|---|---|\n",
            verdict_text(report->outcome), report->names[1], report->names[0], text,
            *report->problem ? " " : "", report->problem);
    for (size_t i = 0; i < report->gate->count; i++)
        markdown_row(report, &report->gate->rows[i], out);
    for (size_t i = 0; i < report->gate->count; i++)
        if (gate_row_fails(&report->gate->rows[i])) {
            repeat_command(report, &report->gate->rows[i], command);
            fprintf(out, "\nTo repeat: `%s`\n", command);
        }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_row(struct json *json, cJSON *points, const struct gate_report *report,
                    const struct gate_row *row)
{
    char shape[CASE_TEXT_SIZE], more[REMARK_SIZE], command[REPEAT_SIZE];
    cJSON *object = json_object(json, points, NULL);
    struct gate_ratio known = {NAN, NAN, NAN, 0};
    if (has_ratio(row))
        known = gate_ratio(row->point);
    bench_shape_text(&row->bench_case->shape, shape);
    remark(row, more);
    repeat_command(report, row, command);
    json_text(json, object, "variant", midl_variant_name(row->bench_case->variant));
    json_text(json, object, "dtype", midl_dtype_name(row->bench_case->shape.dtype));
    json_text(json, object, "shape", shape);
    json_text(json, object, "verdict", gate_state_name(row->point->state));
    json_bool(json, object, "fails", gate_row_fails(row));
    json_bool(json, object, "same_code", row->point->control);
    json_number(json, object, "ratio", known.ratio);
    json_number(json, object, "ratio_lo", known.lo);
    json_number(json, object, "ratio_hi", known.hi);
    json_number(json, object, "placements", (double)known.placements);
    json_number(json, object, "old_ns", row->call_ns[0]);
    json_number(json, object, "new_ns", row->call_ns[1]);
    json_number(json, object, "old_instructions", row->counts.instructions[0]);
    json_number(json, object, "new_instructions", row->counts.instructions[1]);
    json_number(json, object, "old_l1d_misses", row->counts.l1d_misses[0]);
    json_number(json, object, "new_l1d_misses", row->counts.l1d_misses[1]);
    json_number(json, object, "old_ll_misses", row->counts.ll_misses[0]);
    json_number(json, object, "new_ll_misses", row->counts.ll_misses[1]);
    json_text(json, object, "remark", more);
    json_text(json, object, "command", command);
}

enum outcome gate_print_json(const struct gate_report *report, FILE *out, struct error *error)
{
    const struct gate *gate = report->gate;
    struct json json;
    json_begin_object(&json);
    json_text(&json, json.root, "old", report->names[0]);
    json_text(&json, json.root, "new", report->names[1]);
    json_text(&json, json.root, "old_file", report->gate->options->builds[0]);
    json_text(&json, json.root, "new_file", report->gate->options->builds[1]);
    json_text(&json, json.root, "verdict", verdict_text(report->outcome));
    json_number(&json, json.root, "exit_status", report->outcome);
    json_text(&json, json.root, "problem", report->problem);
    json_number(&json, json.root, "effect", gate->options->effect);
    json_number(&json, json.root, "seconds", gate->seconds);
    if (gate->quality.points > 0) {
        json_number(&json, json.root, "identical_builds_differ", gate->quality.apart);
        json_number(&json, json.root, "resolvable", gate->quality.resolvable);
    }
    cJSON *points = json_array(&json, json.root, "points");
    for (size_t i = 0; i < gate->count; i++)
        add_row(&json, points, report, &gate->rows[i]);
    enum outcome outcome = json_print(&json, out, true, "the report", error);
    json_clear(&json);
    return outcome;
}

/* ---- JUnit --------------------------------------------------------------------------------- */

static void junit_row(const struct gate_report *report, const struct gate_row *row, FILE *out)
{
    char shape[CASE_TEXT_SIZE], ratio[16], interval[32], more[REMARK_SIZE], command[REPEAT_SIZE],
        message[2 * REPEAT_SIZE];
    enum gate_state state = row->point->state;
    bool skipped = state == GATE_SKIPPED || state == GATE_UNRESOLVED || state == GATE_OPEN;
    bench_shape_text(&row->bench_case->shape, shape);
    ratio_texts(row, ratio, interval);
    remark(row, more);
    repeat_command(report, row, command);
    snprintf(message, sizeof message, "%s: time ratio %s (%s)%s%s; to repeat it: %s",
             gate_state_name(state), ratio, interval, *more ? "; " : "", more, command);
    fprintf(out, "  <testcase classname=\"midl.%s\" name=\"",
            midl_variant_name(row->bench_case->variant));
    xml_put(shape, out);
    fprintf(out, "\">\n");
    if (gate_row_fails(row) || skipped) {
        fprintf(out, gate_row_fails(row) ? "    <failure message=\"" : "    <skipped message=\"");
        xml_put(message, out);
        fprintf(out, "\"/>\n");
    }
    fprintf(out, "  </testcase>\n");
}

void gate_print_junit(const struct gate_report *report, FILE *out)
{
    const struct gate *gate = report->gate;
    size_t failures = 0, skipped = count_in(gate, GATE_SKIPPED) + count_in(gate, GATE_UNRESOLVED) +
                                   count_in(gate, GATE_OPEN);
    for (size_t i = 0; i < gate->count; i++)
        failures += gate_row_fails(&gate->rows[i]);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"midl check\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
            "skipped=\"%zu\" time=\"%.1f\">\n",
            gate->count, failures, skipped, gate->seconds);
    for (size_t i = 0; i < gate->count; i++)
        junit_row(report, &gate->rows[i], out);
    fprintf(out, "</testsuite>\n");
}

/* ---- GitHub -------------------------------------------------------------------------------- */

void gate_print_annotations(const struct gate_report *report, FILE *out)
{
    char shape[CASE_TEXT_SIZE], ratio[16], interval[32], command[REPEAT_SIZE];
    for (size_t i = 0; i < report->gate->count; i++) {
        const struct gate_row *row = &report->gate->rows[i];
        if (!gate_row_fails(row) && row->point->state != GATE_UNRESOLVED)
            continue;
        gate_short_shape(report->gate, row, shape);
        ratio_texts(row, ratio, interval);
        repeat_command(report, row, command);
        fprintf(out, "::%s title=%s %s::%s at %s, time ratio %s (%s); to repeat it: %s\n",
                gate_row_fails(row) ? "error" : "warning",
                midl_variant_name(row->bench_case->variant), gate_state_name(row->point->state),
                gate_state_name(row->point->state), shape, ratio, interval, command);
    }
}

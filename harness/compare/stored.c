/* stored.c - stored runs as the sides of a comparison. */
#include "compare/stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/append.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/json.h"
#include "base/util.h"
#include "base/words.h"
#include "base/xml.h"
#include "compare/gate_report.h"
#include "run/session.h"

/* ---- Sides --------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
    return *text && !text[strspn(text, "0123456789")] && strlen(text) < 18;
}

/* Where a run's number begins in "FILE@7"; NULL if the name has none, or is a file's. */
static const char *run_part(const char *name)
{
    const char *at = strrchr(name, '@');
    return at && is_number(at + 1) && access(name, F_OK) != 0 ? at + 1 : NULL;
}

bool stored_is_database(const char *name)
{
    static const char begins[] = "SQLite format 3";
    char head[sizeof begins] = "";
    struct error ignored;
    uint64_t bytes;
    int fd;
    if (run_part(name))
        return true;
    if (file_open(name, &fd, &bytes, &ignored) != OUTCOME_DONE)
        return ends_with(name, ".db");
    bool read =
        bytes >= sizeof head && file_read(fd, name, 0, head, sizeof head, &ignored) == OUTCOME_DONE;
    close(fd);
    return (read && memcmp(head, begins, sizeof begins) == 0) || ends_with(name, ".db");
}

static void split_side(struct stored_side *side, const char *db, bool *ret_run)
{
    const char *run = run_part(side->name);
    bool number = is_number(side->name);
    *ret_run = number || run;
    side->run = number ? atoll(side->name) : run ? atoll(run) : 0;
    if (number)
        snprintf(side->path, sizeof side->path, "%s", db);
    else if (run)
        snprintf(side->path, sizeof side->path, "%.*s", (int)(run - 1 - side->name), side->name);
    else
        snprintf(side->path, sizeof side->path, "%s", side->name);
}

enum outcome stored_open(struct stored_side *side, const char *db, const char *suite,
                         struct error *error)
{
    bool run;
    split_side(side, db, &run);
    enum outcome outcome = session_read(side->path, &side->store, error);
    if (outcome || run)
        return outcome;
    enum store_status status = store_latest_run(side->store, suite, &side->run);
    if (status == STORE_NONE)
        return fail(error, OUTCOME_NO_VERDICT, "%s has no run with points%s%.60s", side->path,
                    suite ? " of suite " : "", suite ? suite : "");
    return session_result(side->store, status, error);
}

enum outcome stored_refuse(const struct compare_table *table, struct error *error)
{
    if (table->difference_count == 0)
        return OUTCOME_DONE;
    const struct compare_difference *first = &table->differences[0];
    return fail(error, OUTCOME_USAGE,
                "the runs differ in %s ('%.80s' and '%.80s')%s: their times can't be compared; "
                "--anyway does it, and marks it",
                first->what, first->values[0], first->values[1],
                table->difference_count > 1 ? " and more" : "");
}

static void drop_rows(struct compare_table *table, bool (*drop)(const struct compare_row *))
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct compare_row row = table->rows[i];
        if (drop(&row))
            continue;
        table->rows[i] = table->rows[kept];
        table->rows[kept++] = row;
    }
    for (size_t i = kept; i < table->count; i++) {
        free(table->rows[i].shape);
        free(table->rows[i].variant);
        free(table->rows[i].dtype);
    }
    table->count = kept;
}

static bool in_one_only(const struct compare_row *row)
{
    return row->verdict == COMPARE_MISSING;
}

void stored_keep_shared(struct compare_table *table)
{
    drop_rows(table, in_one_only);
}

static bool is_reference(const struct compare_row *row)
{
    return strcmp(row->variant, row->reference[0]) == 0 ||
           strcmp(row->variant, row->reference[1]) == 0;
}

void stored_drop_references(struct compare_table *table)
{
    drop_rows(table, is_reference);
}

/* ---- Words --------------------------------------------------------------------------------- */

/* The words of a label that not all rows have. */
static void short_label(const struct compare_table *table, const char *label, char *ret,
                        size_t size)
{
    ret[0] = '\0';
    for (size_t length = words_next(&label, 0); length; length = words_next(&label, length)) {
        bool all = true;
        for (size_t i = 0; i < table->count && all; i++)
            all = words_have(table->rows[i].shape, label, length);
        if (!all)
            append_text(ret, size, "%s%.*s", *ret ? " " : "", (int)length, label);
    }
}

static bool has_types(const struct compare_table *table)
{
    for (size_t i = 1; i < table->count; i++)
        if (strcmp(table->rows[i].dtype, table->rows[0].dtype) != 0)
            return true;
    return false;
}

static const char *verdict_name(const struct stored_report *report, enum compare_verdict verdict)
{
    static const char *const trends[] = {[COMPARE_SAME] = "steady",
                                         [COMPARE_FASTER] = "drift",
                                         [COMPARE_SLOWER] = "drift",
                                         [COMPARE_UNRESOLVED] = "not resolved",
                                         [COMPARE_MISSING] = "not in both"};
    return report->trend ? trends[verdict] : compare_verdict_name(verdict);
}

static size_t count_verdicts(const struct compare_table *table, enum compare_verdict verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += table->rows[i].verdict == verdict;
    return count;
}

void stored_summary(const struct stored_report *report, char ret[STORED_SUMMARY_SIZE])
{
    const struct compare_table *table = report->table;
    snprintf(ret, STORED_SUMMARY_SIZE, "%zu points", table->count);
    for (int i = 0; i <= COMPARE_MISSING; i++) {
        enum compare_verdict verdict = (enum compare_verdict)i;
        size_t count = count_verdicts(table, verdict);
        if (report->trend && verdict == COMPARE_FASTER)
            continue; /* told with what got slower */
        if (report->trend && verdict == COMPARE_SLOWER)
            count += count_verdicts(table, COMPARE_FASTER);
        if (count > 0)
            append_text(ret, STORED_SUMMARY_SIZE, ", %zu %s", count, verdict_name(report, verdict));
    }
}

static bool drifts(const struct compare_row *row)
{
    return row->verdict == COMPARE_SLOWER || row->verdict == COMPARE_FASTER;
}

static const char *unit_of(const struct stored_report *report)
{
    return report->relative ? "relative" : "ns";
}

static void print_marks(const struct compare_table *table, const char *before, FILE *out)
{
    for (size_t i = 0; i < table->difference_count; i++)
        fprintf(out, "%sunlike runs: %s '%s' and '%s'\n", before, table->differences[i].what,
                table->differences[i].values[0], table->differences[i].values[1]);
}

/* ---- Text ---------------------------------------------------------------------------------- */

void stored_print_text(const struct stored_report *report, FILE *out)
{
    const struct stored_side *sides = report->sides;
    char label[1024], text[STORED_SUMMARY_SIZE];
    fprintf(out, "%s against %s, run %lld against run %lld\n", sides[1].path, sides[0].path,
            (long long)sides[1].run, (long long)sides[0].run);
    print_marks(report->table, "", out);
    fprintf(out, "%-18s %-40s %12s %12s %6s %16s  verdict (times: %s)\n", "variant", "shape", "old",
            "new", "ratio", "95 % interval", unit_of(report));
    for (size_t i = 0; i < report->table->count; i++) {
        const struct compare_row *row = &report->table->rows[i];
        short_label(report->table, row->shape, label, sizeof label);
        fprintf(out, "%-18s %-40s %12.6g %12.6g %6.3f %7.3f to %-5.3f  %s\n", row->variant, label,
                row->times[0].time, row->times[1].time, row->ratio, row->lo, row->hi,
                verdict_name(report, row->verdict));
    }
    stored_summary(report, text);
    fprintf(out, "%s\n", text);
}

/* ---- Markdown ------------------------------------------------------------------------------ */

void stored_print_markdown(const struct stored_report *report, FILE *out)
{
    char label[1024], text[STORED_SUMMARY_SIZE];
    bool types = has_types(report->table);
    stored_summary(report, text);
    print_marks(report->table, "**", out);
    fprintf(out,
            "%s\n\n| variant | shape |%s old | new | ratio | 95 %% interval | verdict |\n"
            "|---|---|%s---|---|---|---|---|\n",
            text, types ? " dtype |" : "", types ? "---|" : "");
    for (size_t i = 0; i < report->table->count; i++) {
        const struct compare_row *row = &report->table->rows[i];
        short_label(report->table, row->shape, label, sizeof label);
        fprintf(out, "| `%s` | %s |%s%s%s %.6g | %.6g | %.3f | %.3f to %.3f | %s |\n", row->variant,
                label, types ? " " : "", types ? row->dtype : "", types ? " |" : "",
                row->times[0].time, row->times[1].time, row->ratio, row->lo, row->hi,
                verdict_name(report, row->verdict));
    }
}

/* ---- CSV ----------------------------------------------------------------------------------- */

static void csv_number(double value, FILE *out)
{
    if (isfinite(value))
        fprintf(out, ",%.9g", value);
    else
        fprintf(out, ",");
}

void stored_print_csv(const struct stored_report *report, FILE *out)
{
    fprintf(out, "variant,dtype,shape,old,old_lo,old_hi,new,new_lo,new_hi,ratio,ratio_lo,ratio_hi,"
                 "verdict\n");
    for (size_t i = 0; i < report->table->count; i++) {
        const struct compare_row *row = &report->table->rows[i];
        fprintf(out, "%s,%s,", row->variant, row->dtype);
        csv_put(row->shape, out);
        for (int which = 0; which < 2; which++) {
            csv_number(row->times[which].time, out);
            csv_number(row->times[which].lo, out);
            csv_number(row->times[which].hi, out);
        }
        csv_number(row->ratio, out);
        csv_number(row->lo, out);
        csv_number(row->hi, out);
        fprintf(out, ",%s\n", verdict_name(report, row->verdict));
    }
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void add_row(struct json *json, cJSON *points, const struct stored_report *report,
                    const struct compare_row *row)
{
    cJSON *object = json_object(json, points, NULL);
    json_text(json, object, "variant", row->variant);
    json_text(json, object, "dtype", row->dtype);
    json_text(json, object, "shape", row->shape);
    if (report->relative)
        json_text(json, object, "reference", row->reference[0]);
    json_number(json, object, "old", row->times[0].time);
    json_number(json, object, "new", row->times[1].time);
    json_number(json, object, "ratio", row->ratio);
    json_number(json, object, "ratio_lo", row->lo);
    json_number(json, object, "ratio_hi", row->hi);
    json_text(json, object, "verdict", verdict_name(report, row->verdict));
}

enum outcome stored_print_json(const struct stored_report *report, FILE *out, struct error *error)
{
    const struct stored_side *sides = report->sides;
    const struct compare_table *table = report->table;
    char text[STORED_SUMMARY_SIZE];
    struct json json;
    json_begin_object(&json);
    stored_summary(report, text);
    json_text(&json, json.root, "old", sides[0].path);
    json_number(&json, json.root, "old_run", (double)sides[0].run);
    json_text(&json, json.root, "new", sides[1].path);
    json_number(&json, json.root, "new_run", (double)sides[1].run);
    json_text(&json, json.root, "times", unit_of(report));
    json_text(&json, json.root, "summary", text);
    cJSON *unlike = json_array(&json, json.root, "unlike");
    for (size_t i = 0; i < table->difference_count; i++)
        json_text(&json, unlike, NULL, table->differences[i].what);
    cJSON *points = json_array(&json, json.root, "points");
    for (size_t i = 0; i < table->count; i++)
        add_row(&json, points, report, &table->rows[i]);
    enum outcome outcome = json_print(&json, out, true, "the report", error);
    json_clear(&json);
    return outcome;
}

/* ---- For machines that build --------------------------------------------------------------- */

static void junit_row(const struct stored_report *report, const struct compare_row *row, FILE *out)
{
    bool skipped = row->verdict == COMPARE_UNRESOLVED || row->verdict == COMPARE_MISSING;
    fprintf(out, "  <testcase classname=\"midl.%s\" name=\"", row->variant);
    xml_put(row->shape, out);
    fprintf(out, "\">\n");
    if (skipped)
        fprintf(out, "    <skipped message=\"%s\"/>\n", verdict_name(report, row->verdict));
    else
        fprintf(out, "    <system-out>%s: ratio %.3f (%.3f to %.3f)</system-out>\n",
                verdict_name(report, row->verdict), row->ratio, row->lo, row->hi);
    fprintf(out, "  </testcase>\n");
}

void stored_print_junit(const struct stored_report *report, FILE *out)
{
    const struct compare_table *table = report->table;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"midl check\" tests=\"%zu\" failures=\"0\" errors=\"0\" "
            "skipped=\"%zu\">\n",
            table->count,
            count_verdicts(table, COMPARE_UNRESOLVED) + count_verdicts(table, COMPARE_MISSING));
    for (size_t i = 0; i < table->count; i++)
        junit_row(report, &table->rows[i], out);
    fprintf(out, "</testsuite>\n");
}

void stored_print_annotations(const struct stored_report *report, FILE *out)
{
    char label[1024];
    for (size_t i = 0; i < report->table->count; i++) {
        const struct compare_row *row = &report->table->rows[i];
        if (!drifts(row))
            continue;
        short_label(report->table, row->shape, label, sizeof label);
        fprintf(out, "::notice title=%s drift::drift at %s, ratio %.3f (%.3f to %.3f)\n",
                row->variant, label, row->ratio, row->lo, row->hi);
    }
}

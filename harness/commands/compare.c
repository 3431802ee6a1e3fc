/* compare.c - `midl compare A B`: two stored runs side by side, or two builds, which is `midl
 * check` by another name. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "commands/command.h"
#include "compare.h"
#include "compare/verdict.h"
#include "store.h"

static const char usage_line[] = "midl compare A B [options]";
static const char about[] =
    "Compare two stored runs, point by point. A and B are databases (their newest run), databases\n"
    "with a run, FILE.db@7, or numbers of runs in --db. Two builds, A.so B.so, are compared as by\n"
    "midl check --baseline A.so --library B.so, with its options and exit statuses. Runs of "
    "unlike\n"
    "machines, compilers, threads, OpenBLAS kernels or counter sources are refused unless "
    "--anyway\n"
    "is given. Exit status 0 whatever is slower; 4: the runs share no point with times.";

struct compare_options {
    const char *db, *suite, *effect, *relative, *anyway, *format, *all;
};

/* One side: a store and a run of it. */
struct side {
    const char *name; /* as given */
    char path[512];
    struct store *store;
    int64_t run;
};

/* ---- A and B ------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
    return *text && !text[strspn(text, "0123456789")] && strlen(text) < 18;
}

/* "FILE@7", "FILE" or "7". */
static void split_side(struct side *side, const char *db, bool *ret_run)
{
    const char *at = strrchr(side->name, '@');
    *ret_run = is_number(side->name) || (at && is_number(at + 1));
    side->run = 0;
    if (is_number(side->name)) {
        side->run = atoll(side->name);
        snprintf(side->path, sizeof side->path, "%s", db);
    } else if (*ret_run) {
        side->run = atoll(at + 1);
        snprintf(side->path, sizeof side->path, "%.*s", (int)(at - side->name), side->name);
    } else {
        snprintf(side->path, sizeof side->path, "%s", side->name);
    }
}

static enum outcome side_open(struct side *side, const struct compare_options *options,
                              struct error *error)
{
    char reason[STORE_ERROR_SIZE];
    bool run;
    split_side(side, options->db ? options->db : "results/midl.db", &run);
    enum store_status status = store_open(side->path, STORE_READ, &side->store, reason);
    if (status != STORE_OK)
        return fail(error, status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE, "%s", reason);
    if (run)
        return OUTCOME_DONE;
    status = store_latest_run(side->store, options->suite, &side->run);
    if (status == STORE_NONE)
        return fail(error, OUTCOME_NO_VERDICT, "%s has no run with points", side->path);
    return status == STORE_OK ? OUTCOME_DONE
                              : fail(error, OUTCOME_USAGE, "%s", store_error(side->store));
}

/* ---- What both share ----------------------------------------------------------------------- */

static bool has_word(const char *label, const char *word, size_t length)
{
    for (const char *at = label; *at; at += strspn(at, " ")) {
        size_t end = strcspn(at, " ");
        if (end == length && strncmp(at, word, length) == 0)
            return true;
        at += end;
    }
    return false;
}

/* The words of a label that not all rows have. */
static void short_label(const struct compare_table *table, const char *label, char *ret,
                        size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (const char *at = label; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        bool all = true;
        for (size_t i = 0; i < table->count && all; i++)
            all = has_word(table->rows[i].shape, at, length);
        if (!all && used < size)
            used += (size_t)snprintf(ret + used, size - used, "%s%.*s", used ? " " : "",
                                     (int)length, at);
        at += length;
    }
}

static bool differs(const struct compare_table *table,
                    const char *(*cell)(const struct compare_row *))
{
    for (size_t i = 1; i < table->count; i++)
        if (strcmp(cell(&table->rows[i]), cell(&table->rows[0])) != 0)
            return true;
    return false;
}

static const char *dtype_of(const struct compare_row *row)
{
    return row->dtype;
}

static enum outcome refuse_unlike(const struct compare_table *table, bool anyway,
                                  struct error *error)
{
    if (table->difference_count == 0 || anyway)
        return OUTCOME_DONE;
    const struct compare_difference *first = &table->differences[0];
    return fail(error, OUTCOME_USAGE,
                "the runs differ in %s ('%.80s' and '%.80s')%s: their times can't be compared; "
                "--anyway does it, and marks it",
                first->what, first->values[0], first->values[1],
                table->difference_count > 1 ? " and more" : "");
}

/* ---- Printing ------------------------------------------------------------------------------ */

struct printing {
    const struct compare_table *table;
    const struct side *sides;
    bool relative, dtype;
};

static void summary(const struct compare_table *table, char ret[160])
{
    size_t counts[COMPARE_MISSING + 1] = {0}, used = 0;
    for (size_t i = 0; i < table->count; i++)
        counts[table->rows[i].verdict]++;
    used = (size_t)snprintf(ret, 160, "%zu points", table->count);
    for (int i = 0; i <= COMPARE_MISSING; i++)
        if (counts[i] > 0)
            used += (size_t)snprintf(ret + used, 160 - used, ", %zu %s", counts[i],
                                     compare_verdict_name((enum compare_verdict)i));
}

static void print_marks(const struct compare_table *table, const char *before)
{
    for (size_t i = 0; i < table->difference_count; i++)
        printf("%sunlike runs: %s '%s' and '%s'\n", before, table->differences[i].what,
               table->differences[i].values[0], table->differences[i].values[1]);
}

static void print_text(const struct printing *p)
{
    char label[1024], text[160];
    const char *unit = p->relative ? "relative" : "ns";
    printf("%s against %s, run %lld against run %lld\n", p->sides[1].path, p->sides[0].path,
           (long long)p->sides[1].run, (long long)p->sides[0].run);
    print_marks(p->table, "");
    printf("%-18s %-40s %12s %12s %6s %16s  verdict (times: %s)\n", "variant", "shape", "old",
           "new", "ratio", "95 % interval", unit);
    for (size_t i = 0; i < p->table->count; i++) {
        const struct compare_row *row = &p->table->rows[i];
        short_label(p->table, row->shape, label, sizeof label);
        printf("%-18s %-40s %12.6g %12.6g %6.3f %7.3f to %-5.3f  %s\n", row->variant, label,
               row->times[0].time, row->times[1].time, row->ratio, row->lo, row->hi,
               compare_verdict_name(row->verdict));
    }
    summary(p->table, text);
    printf("%s\n", text);
}

static void print_markdown(const struct printing *p)
{
    char label[1024], text[160];
    summary(p->table, text);
    print_marks(p->table, "**");
    printf("%s\n\n| variant | shape |%s old | new | ratio | 95 %% interval | verdict |\n"
           "|---|---|%s---|---|---|---|---|\n",
           text, p->dtype ? " dtype |" : "", p->dtype ? "---|" : "");
    for (size_t i = 0; i < p->table->count; i++) {
        const struct compare_row *row = &p->table->rows[i];
        short_label(p->table, row->shape, label, sizeof label);
        printf("| `%s` | %s |%s%s%s %.6g | %.6g | %.3f | %.3f to %.3f | %s |\n", row->variant,
               label, p->dtype ? " " : "", p->dtype ? row->dtype : "", p->dtype ? " |" : "",
               row->times[0].time, row->times[1].time, row->ratio, row->lo, row->hi,
               compare_verdict_name(row->verdict));
    }
}

static void csv_number(double value)
{
    if (isfinite(value))
        printf(",%.9g", value);
    else
        printf(",");
}

static void print_csv(const struct printing *p)
{
    printf("variant,dtype,shape,old,old_lo,old_hi,new,new_lo,new_hi,ratio,ratio_lo,ratio_hi,"
           "verdict\n");
    for (size_t i = 0; i < p->table->count; i++) {
        const struct compare_row *row = &p->table->rows[i];
        printf("%s,%s,\"%s\"", row->variant, row->dtype, row->shape);
        for (int which = 0; which < 2; which++) {
            csv_number(row->times[which].time);
            csv_number(row->times[which].lo);
            csv_number(row->times[which].hi);
        }
        csv_number(row->ratio);
        csv_number(row->lo);
        csv_number(row->hi);
        printf(",%s\n", compare_verdict_name(row->verdict));
    }
}

static void json_number(cJSON *object, const char *name, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static cJSON *json_row(const struct compare_row *row)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "variant", row->variant);
    cJSON_AddStringToObject(object, "dtype", row->dtype);
    cJSON_AddStringToObject(object, "shape", row->shape);
    json_number(object, "old", row->times[0].time);
    json_number(object, "new", row->times[1].time);
    json_number(object, "ratio", row->ratio);
    json_number(object, "ratio_lo", row->lo);
    json_number(object, "ratio_hi", row->hi);
    cJSON_AddStringToObject(object, "verdict", compare_verdict_name(row->verdict));
    return object;
}

static void print_json(const struct printing *p)
{
    cJSON *root = cJSON_CreateObject(), *rows = cJSON_CreateArray(), *unlike = cJSON_CreateArray();
    char text[160];
    summary(p->table, text);
    cJSON_AddStringToObject(root, "old", p->sides[0].path);
    cJSON_AddNumberToObject(root, "old_run", (double)p->sides[0].run);
    cJSON_AddStringToObject(root, "new", p->sides[1].path);
    cJSON_AddNumberToObject(root, "new_run", (double)p->sides[1].run);
    cJSON_AddStringToObject(root, "times", p->relative ? "relative" : "ns");
    cJSON_AddStringToObject(root, "summary", text);
    for (size_t i = 0; i < p->table->difference_count; i++)
        cJSON_AddItemToArray(unlike, cJSON_CreateString(p->table->differences[i].what));
    for (size_t i = 0; i < p->table->count; i++)
        cJSON_AddItemToArray(rows, json_row(&p->table->rows[i]));
    cJSON_AddItemToObject(root, "unlike", unlike);
    cJSON_AddItemToObject(root, "points", rows);
    char *json = cJSON_Print(root);
    printf("%s\n", json ? json : "null");
    free(json);
    cJSON_Delete(root);
}

static const struct {
    const char *name;
    void (*print)(const struct printing *);
} formats[] = {
    {"text", print_text}, {"markdown", print_markdown}, {"csv", print_csv}, {"json", print_json}};

static enum outcome find_format(const char *name, void (**ret)(const struct printing *),
                                struct error *error)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0) {
            *ret = formats[i].print;
            return OUTCOME_DONE;
        }
    return fail(error, OUTCOME_USAGE, "--format %.40s: there are text, markdown, csv and json",
                name);
}

/* ---- The command --------------------------------------------------------------------------- */

/* Points that only one run has are left out, unless all are asked for. */
static void keep_shared(struct compare_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        struct compare_row row = table->rows[i];
        if (row.verdict == COMPARE_MISSING)
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

static enum outcome compare(struct side sides[2], const struct compare_options *options,
                            void (*print)(const struct printing *), struct error *error)
{
    struct compare_table table = {.count = 0};
    struct store *stores[2] = {sides[0].store, sides[1].store}, *failed = NULL;
    const int64_t runs[2] = {sides[0].run, sides[1].run};
    double percent = 100 * GATE_EFFECT;
    enum outcome outcome = OUTCOME_DONE;
    if (options->effect)
        outcome = option_double("effect", options->effect, 0.1, 100, &percent, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    enum store_status status =
        compare_runs(stores, runs, options->relative ? COMPARE_RELATIVE : COMPARE_TIME,
                     percent / 100, &table, &failed);
    if (status == STORE_NONE)
        return fail(error, OUTCOME_USAGE, "%s has no points of run %lld",
                    failed == stores[0] ? sides[0].path : sides[1].path,
                    (long long)(failed == stores[0] ? runs[0] : runs[1]));
    if (status != STORE_OK)
        return fail(error, status == STORE_BAD ? OUTCOME_USAGE : OUTCOME_MACHINE, "%s",
                    store_error(failed));
    outcome = refuse_unlike(&table, options->anyway != NULL, error);
    if (!options->all)
        keep_shared(&table);
    if (outcome == OUTCOME_DONE && table.count == 0)
        outcome = fail(error, OUTCOME_NO_VERDICT, "the runs share no point that both have timed");
    if (outcome == OUTCOME_DONE)
        print(&(struct printing){&table, sides, options->relative != NULL,
                                 differs(&table, dtype_of)});
    compare_clear(&table);
    return outcome;
}

/* `midl compare A.so B.so ...` as `midl check --baseline A.so --library B.so ...`. */
static int compare_builds(int argc, char **argv)
{
    static char name[] = "check", baseline[] = "--baseline", library[] = "--library";
    char **words = calloc((size_t)argc + 3, sizeof *words);
    struct error error;
    if (!words)
        return command_fail("compare", fail_memory(&error, "the command line", 1024), &error);
    char *const head[] = {name, baseline, argv[1], library, argv[2]};
    memcpy(words, head, sizeof head);
    memcpy(words + COUNT(head), argv + 3, (size_t)(argc - 3) * sizeof *words);
    int status = command_check((int)COUNT(head) + argc - 3, words);
    free(words);
    return status;
}

/* A shared library by its name: libmidl.so, libmidl.so.0.1.0. */
static bool is_build(const char *name)
{
    return ends_with(name, ".so") || strstr(name, ".so.") != NULL;
}

int command_compare(int argc, char **argv)
{
    struct compare_options options = {.format = "text"};
    struct side sides[2] = {{.name = NULL}, {.name = NULL}};
    void (*print)(const struct printing *) = NULL;
    struct error error;
    bool help = false;
    int first = 0;
    const struct option_row rows[] = {
        {"db", "FILE", "the database of runs that are given as numbers; results/midl.db",
         &options.db},
        {"suite", "NAME", "of a database, the newest run of this suite", &options.suite},
        {"effect", "PERCENT", "smallest change that matters: 3", &options.effect},
        {"relative", NULL, "times relative to each run's own dense yardstick", &options.relative},
        {"anyway", NULL, "compare unlike runs too, and mark it", &options.anyway},
        {"all", NULL, "also points that only one run has", &options.all},
        {"format", "NAME", "text, markdown, csv or json", &options.format}};
    if (argc > 2 && is_build(argv[1]) && is_build(argv[2]))
        return compare_builds(argc, argv);
    enum outcome outcome =
        options_parse(argc, argv, usage_line, about, rows, COUNT(rows), &first, &help, &error);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    if (argc - first != 2) {
        outcome = fail(&error, OUTCOME_USAGE, "two runs or databases are compared, %d given",
                       argc - first);
        goto cleanup;
    }
    outcome = find_format(options.format, &print, &error);
    for (int i = 0; i < 2 && outcome == OUTCOME_DONE; i++) {
        sides[i].name = argv[first + i];
        outcome = side_open(&sides[i], &options, &error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = compare(sides, &options, print, &error);
cleanup:
    for (int i = 0; i < 2; i++)
        store_close(sides[i].store);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("compare", outcome, &error);
}

/* list.c - `midl list`: what there is. Every list is made once, as JSON; the aligned lines are a
 * view of that, so that the two never differ. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/terminal.h"
#include "base/util.h"
#include "commands/command.h"
#include "counters/counters.h"
#include "counters/groups.h"
#include "data/dataset.h"
#include "learn/experiment.h"
#include "midl.h"
#include "report/figures.h"
#include "machine/valgrind.h"
#include "suite/suite.h"

#define COLUMNS_MAX 8
#define LAST_ROOM 30    /* characters that the last column needs */
#define BROKEN_INDENT 4 /* of a row's further lines */

struct listing {
    const char *name;
    const char *columns[COLUMNS_MAX]; /* keys that the lines show; JSON has them all */
    enum outcome (*fill)(struct json *json, struct error *error);
    void (*collapse)(const cJSON *rows, struct json *lines); /* lines instead of all; or NULL */
};

/* ---- kernels --------------------------------------------------------------------------------- */

/* "best": its idea means this row here; "yes": runs when named; "no". */
static const char *standing(const struct midl_variant *variant)
{
    if (midl_variant_unavailable(variant))
        return "no";
    bool best =
        midl_variant_find(midl_variant_idea(variant), midl_variant_dtype(variant)) == variant;
    return best ? "best" : "yes";
}

static enum outcome fill_kernels(struct json *json, struct error *error)
{
    (void)error;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        cJSON *row = json_object(json, json->root, NULL);
        json_text(json, row, "name", midl_variant_name(variant));
        json_text(json, row, "idea", midl_variant_idea(variant));
        json_text(json, row, "isa", midl_isa_name(midl_variant_isa(variant)));
        json_text(json, row, "dtype", midl_dtype_name(midl_variant_dtype(variant)));
        json_bool(json, row, "linear", midl_variant_is_linear(variant));
        json_bool(json, row, "available", !midl_variant_unavailable(variant));
        json_text(json, row, "here", standing(variant));
        json_text(json, row, "text", midl_variant_text(variant));
        json_text(json, row, "reason", midl_variant_unavailable(variant));
    }
    return OUTCOME_DONE;
}

static const char *text_of(const cJSON *row, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, key));
    return text ? text : "";
}

/* Add a word to a list with blanks between, once. */
static void add_word(char *list, size_t size, const char *word)
{
    char padded[512], wanted[64];
    snprintf(padded, sizeof padded, " %s ", list);
    snprintf(wanted, sizeof wanted, " %s ", word);
    size_t length = strlen(list);
    if (!strstr(padded, wanted) && length + 1 < size)
        snprintf(list + length, size - length, "%s%s", length ? " " : "", word);
}

/* One line of an idea: its types of weights, its instruction sets, those that cannot run here in
 * brackets. */
static void collapse_idea(struct json *lines, const cJSON *rows, const cJSON *first)
{
    char dtypes[64] = "", sets[160] = "", set[40], text[256];
    const char *idea = text_of(first, "idea");
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        if (strcmp(text_of(row, "idea"), idea) != 0)
            continue;
        bool here = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "available"));
        snprintf(set, sizeof set, here ? "%.30s" : "(%.30s)", text_of(row, "isa"));
        add_word(dtypes, sizeof dtypes, text_of(row, "dtype"));
        add_word(sets, sizeof sets, set);
    }
    /* The text of a row goes on behind a semicolon with its set and type. */
    snprintf(text, sizeof text, "%.*s", (int)strcspn(text_of(first, "text"), ";"),
             text_of(first, "text"));
    char *set_name = strstr(text, ", plain C");
    if (set_name)
        *set_name = '\0';
    cJSON *line = json_object(lines, lines->root, NULL);
    json_text(lines, line, "name", idea);
    json_text(lines, line, "dtype", dtypes);
    json_text(lines, line, "instruction sets", sets);
    json_text(lines, line, "text", text);
}

static void collapse_kernels(const cJSON *rows, struct json *lines)
{
    const cJSON *row, *before;
    cJSON_ArrayForEach(row, rows)
    {
        for (before = rows->child; before != row; before = before->next)
            if (strcmp(text_of(before, "idea"), text_of(row, "idea")) == 0)
                break;
        if (before == row)
            collapse_idea(lines, rows, row);
    }
}

/* ---- suites ---------------------------------------------------------------------------------- */

static void add_suite(struct json *json, const char *name)
{
    struct suite *suite = NULL;
    struct bench_cases cases = {0};
    struct experiments experiments = {0};
    struct error problem = {""};
    enum outcome outcome = suite_load(name, &suite, &problem);
    if (!outcome && suite_train_count(suite))
        outcome = experiments_of_suite(suite, NULL, &experiments, &problem);
    else if (!outcome)
        outcome = suite_expand(suite, &cases, &problem);
    cJSON *row = json_object(json, json->root, NULL);
    json_text(json, row, "name", name);
    json_number(json, row, "points", outcome ? NAN : (double)(cases.count + experiments.count));
    json_text(json, row, "question", suite ? suite_question(suite) : NULL);
    json_text(json, row, "problem", outcome ? problem.text : NULL);
    bench_cases_clear(&cases);
    experiments_clear(&experiments);
    suite_destroy(suite);
}

static enum outcome fill_suites(struct json *json, struct error *error)
{
    char **names;
    enum outcome outcome = suite_names(&names, error);
    if (outcome)
        return outcome;
    for (size_t i = 0; names[i]; i++)
        add_suite(json, names[i]);
    suite_names_free(names);
    return OUTCOME_DONE;
}

/* ---- axes ------------------------------------------------------------------------------------ */

static enum outcome fill_axes(struct json *json, struct error *error)
{
    (void)error;
    for (int axis = 0; axis < SUITE_AXES; axis++) {
        const struct axis_row *about = suite_axis((enum axis_id)axis);
        cJSON *row = json_object(json, json->root, NULL);
        json_text(json, row, "name", about->name);
        json_text(json, row, "values", about->rule.allowed);
        json_text(json, row, "text", about->help);
    }
    return OUTCOME_DONE;
}

/* ---- figures --------------------------------------------------------------------------------- */

static enum outcome fill_figures(struct json *json, struct error *error)
{
    struct figures figures;
    enum outcome outcome = figures_read(&figures, error);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < figures.count; i++) {
        cJSON *row = json_object(json, json->root, NULL);
        json_text(json, row, "name", figures.rows[i].name);
        json_text(json, row, "text", figures.rows[i].about);
    }
    figures_clear(&figures);
    return OUTCOME_DONE;
}

/* ---- metrics --------------------------------------------------------------------------------- */

/* The columns of the views that hold measurements, as views.sql defines them. */
static const struct {
    const char *view, *name, *unit, *meaning;
} metrics[] = {
#define IN_VIEW(...) {"points", __VA_ARGS__},
#define IN_TABLE(...)
#define COLUMN(type, name, unit, place, meaning) IN_##place(#name, unit, meaning)
#define DERIVED(name, unit, value, meaning) {"points", #name, unit, meaning},
#define FOREIGN(name, unit, meaning) {"points", #name, unit, meaning},
#include "point.def"
#undef COLUMN
#undef DERIVED
#undef FOREIGN
    {"counters", "point_id", "", "the point it belongs to"},
    {"counters", "counter", "", "instructions, l1d_misses, ...; `midl info` says which work"},
    {"counters", "per_call", "events", "in one call; NULL: not to be had, see reason"},
    {"counters", "source", "", "papi (measured), callgrind (simulated) or model"},
    {"counters", "scaled", "", "share of the time it was counted, if multiplexed"},
    {"counters", "reason", "", "why there is no value"},
};

static enum outcome fill_metrics(struct json *json, struct error *error)
{
    (void)error;
    for (size_t i = 0; i < COUNT(metrics); i++) {
        cJSON *row = json_object(json, json->root, NULL);
        json_text(json, row, "view", metrics[i].view);
        json_text(json, row, "name", metrics[i].name);
        json_text(json, row, "unit", metrics[i].unit);
        json_text(json, row, "meaning", metrics[i].meaning);
    }
    return OUTCOME_DONE;
}

/* ---- counters -------------------------------------------------------------------------------- */

static const struct counter_state *papi_state(const char *counter)
{
    const struct counter_state *states;
    size_t count = counters_probe(&states);
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].name, counter) == 0)
            return &states[i];
    return NULL;
}

static enum outcome fill_counters(struct json *json, struct error *error)
{
    (void)error;
    const struct group_counter *counters;
    size_t count = groups_counters(&counters);
    const char *no_callgrind = valgrind_unavailable();
    for (size_t i = 0; i < count; i++) {
        const struct counter_state *state = papi_state(counters[i].name);
        bool papi = state && state->works, callgrind = counters[i].callgrind && !no_callgrind;
        const char *reason = state && !papi                   ? state->reason
                             : counters[i].callgrind && !papi ? no_callgrind
                                                              : NULL;
        cJSON *row = json_object(json, json->root, NULL);
        json_text(json, row, "group", counters[i].group);
        json_text(json, row, "name", counters[i].name);
        json_text(json, row, "here",
                  papi && callgrind ? "papi,callgrind"
                  : papi            ? "papi"
                  : callgrind       ? "callgrind"
                                    : "no");
        json_text(json, row, "meaning", counters[i].meaning);
        json_text(json, row, "reason", reason);
    }
    return OUTCOME_DONE;
}

/* ---- datasets -------------------------------------------------------------------------------- */

/* The folder that --data names; NULL: $MIDL_DATA. */
static const char *data_folder;

static enum outcome add_dataset(struct json *json, const struct dataset_info *info,
                                struct error *error)
{
    char missing[DATASET_MISSING_SIZE], *place = NULL;
    enum outcome outcome = dataset_locate(info, data_folder, &place, missing, error);
    if (outcome)
        return outcome;
    cJSON *row = json_object(json, json->root, NULL);
    json_text(json, row, "name", info->name);
    json_text(json, row, "here", info->made ? "made" : place ? "yes" : "no");
    json_text(json, row, "text", info->about);
    json_text(json, row, "place", place && *place ? place : NULL);
    json_text(json, row, "problem", *missing ? missing : NULL);
    json_text(json, row, "source", info->source);
    json_text(json, row, "preprocessing", info->preprocessing);
    json_text(json, row, "network", info->network);
    json_number(json, row, "epochs", info->epochs);
    free(place);
    return OUTCOME_DONE;
}

static enum outcome fill_datasets(struct json *json, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < dataset_count() && !outcome; i++)
        outcome = add_dataset(json, dataset_at(i), error);
    return outcome;
}

/* ---- Printing -------------------------------------------------------------------------------- */

static const struct listing listings[] = {
    {"kernels", {"name", "dtype", "instruction sets", "text"}, fill_kernels, collapse_kernels},
    {"suites", {"name", "points", "question", "problem"}, fill_suites, NULL},
    {"axes", {"name", "text", "values"}, fill_axes, NULL},
    {"figures", {"name", "text"}, fill_figures, NULL},
    {"metrics", {"view", "name", "unit", "meaning"}, fill_metrics, NULL},
    {"counters", {"group", "name", "here", "meaning", "reason"}, fill_counters, NULL},
    {"datasets", {"name", "here", "text", "place", "problem"}, fill_datasets, NULL},
};

/* A cell as the lines show it: strings without control characters, whole numbers, "-" for a number
 * that isn't there. */
static void cell_text(const cJSON *row, const char *key, char *ret, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
    if (cJSON_IsNumber(item))
        snprintf(ret, size, "%.0f", item->valuedouble);
    else
        snprintf(ret, size, "%s", cJSON_IsString(item) ? item->valuestring : "");
    for (unsigned char *c = (unsigned char *)ret; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

static void measure_columns(const cJSON *rows, const struct listing *listing,
                            int widths[COLUMNS_MAX])
{
    char cell[512];
    const cJSON *row;
    for (size_t i = 0; i < COLUMNS_MAX && listing->columns[i]; i++) {
        widths[i] = (int)terminal_width(listing->columns[i]);
        cJSON_ArrayForEach(row, rows)
        {
            cell_text(row, listing->columns[i], cell, sizeof cell);
            if ((int)terminal_width(cell) > widths[i])
                widths[i] = (int)terminal_width(cell);
        }
    }
}

/* The last column of a row that isn't empty. */
static size_t last_column(const cJSON *row, const struct listing *listing)
{
    char cell[512];
    size_t last = 0;
    for (size_t i = 0; i < COLUMNS_MAX && listing->columns[i]; i++) {
        if (row)
            cell_text(row, listing->columns[i], cell, sizeof cell);
        last = !row || *cell ? i : last;
    }
    return last;
}

/* One row, or the titles if it is NULL: the last cell is broken where the terminal ends, and one
 * that would reach beyond it, or has less than LAST_ROOM, begins a line. No blanks at the end of
 * one. */
static void print_line(const cJSON *row, const struct listing *listing,
                       const int widths[COLUMNS_MAX], size_t columns)
{
    char cell[512];
    size_t last = last_column(row, listing), at = 0, filled = 0;
    for (size_t i = 0; i <= last; i++) {
        if (row)
            cell_text(row, listing->columns[i], cell, sizeof cell);
        else
            snprintf(cell, sizeof cell, "%s", listing->columns[i]);
        size_t needed = i < last ? terminal_width(cell) : LAST_ROOM;
        if (*cell && filled > 0 && at + needed > columns) {
            printf("\n");
            at = BROKEN_INDENT;
            filled = 0;
        }
        if (*cell && i < last && at + needed > columns) { /* alone too wide: lines of its own */
            printf("%*s", (int)(at - filled), "");
            terminal_wrap(stdout, cell, at, columns);
            filled = 0;
            at = BROKEN_INDENT;
            continue;
        }
        if (*cell)
            printf("%*s", (int)(at - filled), "");
        if (i == last)
            break;
        if (*cell) {
            printf("%s", cell);
            filled = at + terminal_width(cell);
        }
        at += (size_t)widths[i] + 2;
        at = at > filled ? at : filled + 2;
    }
    terminal_wrap(stdout, cell, at, columns);
}

static void print_lines(const cJSON *rows, const struct listing *listing)
{
    int widths[COLUMNS_MAX] = {0};
    size_t columns = terminal_columns(STDOUT_FILENO);
    const cJSON *row;
    measure_columns(rows, listing, widths);
    print_line(NULL, listing, widths, columns);
    cJSON_ArrayForEach(row, rows)
    {
        print_line(row, listing, widths, columns);
    }
}

static enum outcome print_listing(const struct listing *listing, bool as_json, struct error *error)
{
    struct json json, lines;
    json_begin_array(&json);
    json_begin_array(&lines);
    enum outcome outcome = listing->fill(&json, error);
    if (!outcome && listing->collapse)
        listing->collapse(json.root, &lines);
    if (!outcome && (json.failed || lines.failed))
        outcome = fail_memory(error, "a list", 0);
    if (!outcome && as_json)
        outcome = json_print(&json, stdout, true, "a list", error);
    else if (!outcome)
        print_lines(listing->collapse ? lines.root : json.root, listing);
    json_clear(&lines);
    json_clear(&json);
    return outcome;
}

static enum outcome find_listing(int argc, char **argv, int first, const struct listing **ret,
                                 struct error *error)
{
    const char *names[COUNT(listings)];
    char hint[HINT_SIZE];
    for (size_t i = 0; i < COUNT(listings); i++)
        names[i] = listings[i].name;
    if (first >= argc)
        return fail(error, OUTCOME_USAGE,
                    "list what? kernels, suites, axes, figures, metrics, counters or datasets");
    for (size_t i = 0; i < COUNT(listings); i++) {
        if (strcmp(argv[first], names[i]) == 0) {
            *ret = &listings[i];
            return options_no_more(argc, argv, first + 1, error);
        }
    }
    return fail(error, OUTCOME_USAGE,
                "no list of %.60s%s: kernels, suites, axes, figures, metrics, counters or datasets",
                argv[first], did_you_mean(argv[first], names, COUNT(names), hint));
}

int command_list(int argc, char **argv)
{
    const char *json = NULL;
    const struct option_row rows[] = {
        {"json", NULL, "print the list as JSON", &json},
        {"data", "DIR", "folder of data sets (default $MIDL_DATA)", &data_folder},
    };
    const struct listing *listing = NULL;
    struct error error;
    int first = argc;
    bool help = false;
    enum outcome outcome = options_parse(
        argc, argv, "midl list kernels|suites|axes|figures|metrics|counters|datasets [--json]",
        "Show what there is, a line each. Kernels: instruction sets that cannot run here stand in\n"
        "brackets; --json has every variant and the reason. Suites: how many points each measures. "
        "Axes: what a suite, and the options of\n"
        "`midl sweep`, may vary. Metrics: the columns of the database.\n"
        "Counters: the groups of `midl sweep --counters`, and who counts what here. Data sets:\n"
        "which are here, what is missing and where one gets it.",
        rows, COUNT(rows), &first, &help, &error);
    if (!outcome && help)
        return OUTCOME_DONE;
    if (!outcome)
        outcome = find_listing(argc, argv, first, &listing, &error);
    if (!outcome)
        outcome = print_listing(listing, json != NULL, &error);
    return outcome ? command_fail("list", outcome, &error) : OUTCOME_DONE;
}

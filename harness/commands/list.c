/* list.c - `midl list`: what there is. Every list is made once, as JSON; the aligned lines are a
 * view of that, so that the two never differ. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
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

struct listing {
    const char *name;
    const char *columns[COLUMNS_MAX]; /* keys that the lines show; JSON has them all */
    enum outcome (*fill)(struct json *json, struct error *error);
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
    {"kernels", {"name", "isa", "dtype", "here", "text", "reason"}, fill_kernels},
    {"suites", {"name", "points", "question", "problem"}, fill_suites},
    {"axes", {"name", "text", "values"}, fill_axes},
    {"figures", {"name", "text"}, fill_figures},
    {"metrics", {"view", "name", "unit", "meaning"}, fill_metrics},
    {"counters", {"group", "name", "here", "meaning", "reason"}, fill_counters},
    {"datasets", {"name", "here", "text", "place", "problem"}, fill_datasets},
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
        widths[i] = (int)strlen(listing->columns[i]);
        cJSON_ArrayForEach(row, rows)
        {
            cell_text(row, listing->columns[i], cell, sizeof cell);
            if ((int)strlen(cell) > widths[i])
                widths[i] = (int)strlen(cell);
        }
    }
}

/* One line: the titles if row is NULL. No blanks at its end. */
static void print_line(const cJSON *row, const struct listing *listing,
                       const int widths[COLUMNS_MAX])
{
    char cell[512];
    int gap = 0;
    for (size_t i = 0; i < COLUMNS_MAX && listing->columns[i]; i++) {
        if (row)
            cell_text(row, listing->columns[i], cell, sizeof cell);
        else
            snprintf(cell, sizeof cell, "%s", listing->columns[i]);
        if (*cell) {
            printf("%*s%s", gap, "", cell);
            gap = 0;
        }
        gap += widths[i] - (int)strlen(cell) + 2;
    }
    printf("\n");
}

static void print_lines(const cJSON *rows, const struct listing *listing)
{
    int widths[COLUMNS_MAX] = {0};
    const cJSON *row;
    measure_columns(rows, listing, widths);
    print_line(NULL, listing, widths);
    cJSON_ArrayForEach(row, rows)
    {
        print_line(row, listing, widths);
    }
}

static enum outcome print_listing(const struct listing *listing, bool as_json, struct error *error)
{
    struct json json;
    json_begin_array(&json);
    enum outcome outcome = listing->fill(&json, error);
    if (!outcome && json.failed)
        outcome = fail_memory(error, "a list", 0);
    if (!outcome && as_json)
        outcome = json_print(&json, stdout, true, "a list", error);
    else if (!outcome)
        print_lines(json.root, listing);
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
        "Show what there is, a line each. Kernels: `best` marks the row that its idea means on "
        "this\n"
        "machine. Suites: how many points each measures. Axes: what a suite, and the options of\n"
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

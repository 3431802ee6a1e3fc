/* compare.c - `midl compare A B`: two stored runs side by side, or two builds, which is `midl
 * check` by another name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "commands/command.h"
#include "compare.h"
#include "compare/stored.h"
#include "compare/verdict.h"
#include "run/session.h"
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

/* ---- The command --------------------------------------------------------------------------- */

struct format {
    const char *name;
    void (*print)(const struct stored_report *, FILE *); /* NULL: stored_print_json */
};

static const struct format formats[] = {{"text", stored_print_text},
                                        {"markdown", stored_print_markdown},
                                        {"csv", stored_print_csv},
                                        {"json", NULL}};

static enum outcome find_format(const char *name, const struct format **ret, struct error *error)
{
    for (size_t i = 0; i < COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0) {
            *ret = &formats[i];
            return OUTCOME_DONE;
        }
    return fail(error, OUTCOME_USAGE, "--format %.40s: there are text, markdown, csv and json",
                name);
}

static enum outcome compare(struct stored_side sides[2], const struct compare_options *options,
                            const struct format *format, struct error *error)
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
        return session_result(failed, status, error);
    outcome = options->anyway ? OUTCOME_DONE : stored_refuse(&table, error);
    if (!options->all)
        stored_keep_shared(&table);
    if (outcome == OUTCOME_DONE && table.count == 0)
        outcome = fail(error, OUTCOME_NO_VERDICT, "the runs share no point that both have timed");
    const struct stored_report report = {
        .table = &table, .sides = sides, .relative = options->relative != NULL};
    if (outcome == OUTCOME_DONE && format->print)
        format->print(&report, stdout);
    else if (outcome == OUTCOME_DONE)
        outcome = stored_print_json(&report, stdout, error);
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
    struct stored_side sides[2] = {{.name = NULL}, {.name = NULL}};
    const struct format *format = NULL;
    struct error error;
    bool help = false;
    const char *db;
    int first = 0;
    const struct option_row rows[] = {
        {"db", "FILE", "the database of runs that are given as numbers; results/midl.db",
         &options.db},
        {"suite", "NAME", "of a database, the newest run of this suite", &options.suite},
        {"effect", "PERCENT", "smallest change that matters: 3", &options.effect},
        {"relative", NULL, "times relative to each run's own dense layer (linear)",
         &options.relative},
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
    db = options.db ? options.db : "results/midl.db";
    outcome = find_format(options.format, &format, &error);
    for (int i = 0; i < 2 && outcome == OUTCOME_DONE; i++) {
        sides[i].name = argv[first + i];
        outcome = stored_open(&sides[i], db, options.suite, &error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = compare(sides, &options, format, &error);
cleanup:
    for (int i = 0; i < 2; i++)
        store_close(sides[i].store);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("compare", outcome, &error);
}

/* table.c - `midl table`: tables from the store, as Markdown, LaTeX, CSV or HTML. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "commands/command.h"
#include "commands/where.h"
#include "report/runs.h"
#include "report/tables.h"
#include "run/session.h"
#include "store.h"

#define PARAMETERS_MAX 16

static const char usage_line[] = "midl table NAME [options]";
static const char about[] = "Print a table of the newest run that has rows for it, or of all runs "
                            "where it is about what was\n"
                            "learned. Values have the decimals that their intervals justify; CSV "
                            "has one line per cell, in\n"
                            "full. Exit status 4: nothing to show.";

struct request {
    const char *db, *run, *suite, *format, *where, *intervals, *list;
    char *command;
    struct store_fact
        parameters[PARAMETERS_MAX + 3]; /* the last: the run, and what was asked of it */
    struct where held;                  /* that fills the others */
    enum table_format set;
    struct figures tables;
};

/* Whether a table takes all runs together: none is named. */
static bool table_joins(const struct figure *table, const char *named_run)
{
    return table->caption_sql && !named_run;
}

static enum outcome print(struct request *request, const struct figure *table, const char *text,
                          const char *run)
{
    if (request->set == TABLE_LATEX)
        printf("%% %s\n%% Made by: %s (%s%s of %s)\n", table->about, request->command,
               table_joins(table, request->run) ? "all runs" : "run ",
               table_joins(table, request->run) ? "" : run, request->db);
    fputs(text, stdout);
    return OUTCOME_DONE;
}

/* The table from the newest run that has rows. */
static enum outcome print_table(struct request *request, const struct figure *table,
                                struct store *store, struct error *error)
{
    const struct runs_wanted wanted = {store, request->db, request->run, request->suite};
    char *runs = NULL, run[RUN_ID_SIZE] = "", *text = NULL;
    enum outcome found = runs_list(&wanted, &request->tables, &runs, error);
    enum outcome outcome = OUTCOME_NO_VERDICT;
    if (found)
        return found;
    for (const char *at = runs; outcome == OUTCOME_NO_VERDICT && runs_next(&at, run);) {
        request->parameters[request->held.count] = (struct store_fact){"run", run};
        request->parameters[request->held.count + 1] = (struct store_fact){"pinned", request->run};
        request->parameters[request->held.count + 2] = (struct store_fact){"suite", request->suite};
        outcome = table_text(store, table, request->parameters, request->held.count + 3,
                             request->set, request->intervals != NULL, &text, error);
    }
    if (!outcome)
        outcome = print(request, table, text, run);
    free(text);
    free(runs);
    return outcome;
}

static enum outcome open_and_print(struct request *request, const struct figure *table,
                                   struct error *error)
{
    struct store *store = NULL;
    enum outcome outcome = session_read(request->db, &store, error);
    if (!outcome)
        outcome = print_table(request, table, store, error);
    store_close(store);
    return outcome;
}

static enum outcome table_command(struct request *request, int argc, char **argv,
                                  struct error *error)
{
    const struct option_row rows[] = {
        {"db", "FILE", "the store; results/midl.db", &request->db},
        {"run", "ID", "take this run, not the newest with rows", &request->run},
        {"suite", "NAME", "take runs of this suite only", &request->suite},
        {"where", "NAME=VALUE,...",
         "hold active, batch, cache, dataset, dtype, gate, isa, n, select or threads",
         &request->where},
        {"format", "NAME", "markdown, latex (booktabs), csv or html; markdown", &request->format},
        {"intervals", NULL, "the ends of each interval behind its value", &request->intervals},
        {"list", NULL, "only list the tables", &request->list},
    };
    bool help;
    int first;
    size_t run;
    enum outcome outcome =
        options_parse(argc, argv, usage_line, about, rows, COUNT(rows), &first, &help, error);
    if (outcome || help)
        return outcome;
    outcome = tables_read(&request->tables, error);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < request->tables.count && request->list; i++)
        if (strcmp(request->tables.rows[i].name, "answer") != 0)
            printf("%-10s %s\n", request->tables.rows[i].name, request->tables.rows[i].about);
    if (request->list)
        return OUTCOME_DONE;
    if (first >= argc)
        return fail(error, OUTCOME_USAGE, "name a table; midl table --list shows them");
    const struct figure *table = figures_find(&request->tables, argv[first], error);
    if (!table || strcmp(table->name, "answer") == 0)
        return table ? fail(error, OUTCOME_USAGE, "no table answer: `midl sweep` prints it")
                     : OUTCOME_USAGE;
    if (!table_format_find(request->format, &request->set))
        return fail(error, OUTCOME_USAGE, "--format %.40s: there are markdown, latex, csv and html",
                    request->format);
    outcome = options_no_more(argc, argv, first + 1, error);
    if (!outcome && request->run)
        outcome = option_size("run", request->run, 1, LONG_MAX, &run, error);
    if (!outcome)
        outcome = where_parse(request->where, &request->tables, &request->held, error);
    if (!outcome)
        outcome = where_check(&request->held, table, "table", error);
    return outcome ? outcome : open_and_print(request, table, error);
}

int command_table(int argc, char **argv)
{
    struct error error = {""};
    struct request request = {.db = SESSION_DB, .format = "markdown"};
    request.held = (struct where){.parameters = request.parameters, .most = PARAMETERS_MAX};
    request.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = table_command(&request, argc, argv, &error);
    figures_clear(&request.tables);
    free(request.held.text);
    free(request.command);
    return outcome ? command_fail("table", outcome, &error) : OUTCOME_DONE;
}

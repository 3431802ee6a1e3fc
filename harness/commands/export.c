/* export.c - `midl export`: what is stored, as CSV or JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/printed.h"
#include "commands/command.h"
#include "run/session.h"
#include "store.h"

static const char usage_line[] = "midl export [VIEW] [options]";
static const char about[] =
    "All columns of a view of the database: points (the default), samples, counters, runs,\n"
    "ceilings, selections, summaries, accuracy, ... (results/README.md; midl list metrics).\n"
    "Exit status 4: there is no row.";

struct request {
    const char *view, *db, *run, *format, *output;
};

static enum outcome parse_format(const char *text, enum store_format *ret, struct error *error)
{
    if (strcmp(text, "csv") != 0 && strcmp(text, "json") != 0)
        return fail(error, OUTCOME_USAGE, "--format %.40s: there are csv and json", text);
    *ret = *text == 'c' ? STORE_CSV : STORE_JSON;
    return OUTCOME_DONE;
}

/* 0: all runs. */
static enum outcome parse_run(const char *text, int64_t *ret, struct error *error)
{
    size_t run = 0;
    enum outcome outcome =
        text ? option_size("run", text, 1, INT64_MAX, &run, error) : OUTCOME_DONE;
    if (!outcome)
        *ret = (int64_t)run;
    return outcome;
}

/* The rows as one text in memory, so that a file is replaced whole or not at all. */
static enum outcome rows_text(const struct request *request, enum store_format format,
                              int64_t run_id, char **ret, size_t *ret_bytes, struct error *error)
{
    struct store *store = NULL;
    struct printed printed;
    size_t rows;
    enum outcome outcome = session_read(request->db, &store, error);
    if (!outcome)
        outcome = printed_begin(&printed, "the rows", error);
    if (!outcome) {
        enum store_status status =
            store_export(store, request->view, run_id, format, printed.out, &rows);
        outcome = status == STORE_NONE ? fail(error, OUTCOME_NO_VERDICT, "%s", store_error(store))
                                       : session_result(store, status, error);
        outcome = printed_end(&printed, outcome, ret, ret_bytes, error);
    }
    store_close(store);
    return outcome;
}

static enum outcome write_text(const char *path, const char *text, size_t bytes,
                               struct error *error)
{
    if (path)
        return file_replace_whole(path, text, bytes, error);
    fwrite(text, 1, bytes, stdout);
    return OUTCOME_DONE;
}

static enum outcome export_view(const struct request *request, struct error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    int64_t run_id = 0;
    enum store_format format = STORE_CSV;
    enum outcome outcome = parse_format(request->format, &format, error);
    if (!outcome)
        outcome = parse_run(request->run, &run_id, error);
    if (!outcome && request->output && file_same(request->output, request->db))
        outcome = fail(error, OUTCOME_USAGE, "--output %s: that is the database",
                       file_shown(request->output));
    if (!outcome)
        outcome = rows_text(request, format, run_id, &text, &bytes, error);
    if (!outcome)
        outcome = write_text(request->output, text, bytes, error);
    free(text);
    return outcome;
}

int command_export(int argc, char **argv)
{
    struct request request = {.view = "points", .db = "results/midl.db", .format = "csv"};
    const struct option_row rows[] = {
        {"db", "FILE", "the database; results/midl.db", &request.db},
        {"run", "ID", "only this run; all", &request.run},
        {"format", "NAME", "csv or json; csv", &request.format},
        {"output", "FILE", "to this file; standard output", &request.output}};
    struct error error;
    int first = argc;
    bool help = false;
    enum outcome outcome = options_parse(argc, argv, usage_line, about, rows,
                                         sizeof rows / sizeof *rows, &first, &help, &error);
    if (!outcome && help)
        return OUTCOME_DONE;
    if (!outcome && first < argc)
        request.view = argv[first++];
    if (!outcome)
        outcome = options_no_more(argc, argv, first, &error);
    if (!outcome)
        outcome = export_view(&request, &error);
    return outcome ? command_fail("export", outcome, &error) : OUTCOME_DONE;
}

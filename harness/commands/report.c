/* report.c - `midl report`: everything of a store on one page that needs nothing beside it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/printed.h"
#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "report/html.h"
#include "run/session.h"
#include "store.h"

static const char usage_line[] = "midl report [options]";
static const char about[] =
    "Put everything that a store holds on one HTML page: what each run answers, all figures and\n"
    "tables that it has rows for, each from the newest run. The page needs no other file.";

struct request {
    const char *db, *run, *suite, *output, *quiet;
    char *command;
    struct figures figures, tables;
    struct draw_source source;
    char folder[PATH_MAX]; /* of the pictures while the page is made; "" if there is none */
};

static enum outcome write_page(struct request *request, struct draw *draw, struct error *error)
{
    const struct html_page page = {draw, &request->tables, request->command};
    struct printed printed;
    enum outcome outcome = printed_begin(&printed, "a page", error);
    if (outcome)
        return outcome;
    outcome = html_write(&page, printed.out, error);
    outcome = printed_replace(&printed, outcome, request->output, error);
    if (!outcome && !request->quiet)
        printf("%s\n", request->output);
    return outcome;
}

static enum outcome make_page(struct request *request, struct error *error)
{
    const struct figure_format *svg = figure_format_at(0);
    struct draw draw = {.figures = &request->figures,
                        .sources = &request->source,
                        .source_count = 1,
                        .suite = request->suite,
                        .command = request->command,
                        .out = request->folder,
                        .formats = &svg,
                        .format_count = 1};
    enum outcome outcome = gnuplot_check(&svg, 1, error);
    if (outcome)
        return outcome;
    outcome = session_read(request->db, &request->source.store, error);
    if (!outcome &&
        !folder_make_temporary(NULL, "midl-report", request->folder, sizeof request->folder))
        outcome = fail(error, OUTCOME_MACHINE, "cannot make a temporary folder; set TMPDIR");
    if (!outcome)
        outcome = draw_begin(&draw, error);
    if (!outcome)
        outcome = write_page(request, &draw, error);
    draw_end(&draw);
    if (*request->folder)
        folder_remove(request->folder);
    store_close(request->source.store);
    return outcome;
}

static enum outcome report_command(struct request *request, int argc, char **argv,
                                   struct error *error)
{
    const struct option_row rows[] = {
        {"db", "FILE", "the store; results/midl.db", &request->db},
        {"run", "ID", "of this run only", &request->run},
        {"suite", "NAME", "of runs of this suite only", &request->suite},
        {"output", "FILE", "the page, also -o; report.html", &request->output},
        {"quiet", NULL, "print errors only", &request->quiet},
    };
    bool help;
    size_t run;
    enum outcome outcome =
        options_only(argc, argv, usage_line, about, rows, COUNT(rows), &help, error);
    if (outcome || help)
        return outcome;
    if (request->run)
        outcome = option_size("run", request->run, 1, LONG_MAX, &run, error);
    if (!outcome && file_same(request->output, request->db))
        outcome = fail(error, OUTCOME_USAGE, "--output %s: that is the database", request->output);
    if (!outcome)
        outcome = file_replace_text_check(request->output, error);
    if (!outcome)
        outcome = figures_read(&request->figures, error);
    if (!outcome)
        outcome = tables_read(&request->tables, error);
    if (outcome)
        return outcome;
    request->source = (struct draw_source){.db = request->db, .run = request->run};
    stop_on_signals();
    return make_page(request, error);
}

int command_report(int argc, char **argv)
{
    struct error error = {""};
    struct request request = {.db = SESSION_DB, .output = "report.html"};
    request.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = report_command(&request, argc, argv, &error);
    figures_clear(&request.figures);
    figures_clear(&request.tables);
    free(request.command);
    return outcome ? command_fail("report", outcome, &error) : OUTCOME_DONE;
}

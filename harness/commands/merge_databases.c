/* merge_databases.c - `midl merge`: several databases into one. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "commands/command.h"
#include "run/session.h"
#include "store.h"

#define RUNS_MAX 1000

static const char usage_line[] = "midl merge OUT.db IN.db... [options]";
static const char about[] =
    "Take all runs of the databases IN over into OUT, which is made if it is missing. Merging the\n"
    "same twice changes nothing; an IN stays as it is. --slim is for publishing: samples are left\n"
    "out, and five numbers of them a point are kept; of a training only the last epoch.";

struct request {
    const char *slim, *run, *quiet;
    int64_t runs[RUNS_MAX];
    size_t run_count;
};

/* --run 41,42 */
static enum outcome parse_runs(struct request *request, struct error *error)
{
    char number[24];
    for (const char *at = request->run; at && *at;) {
        size_t length = strcspn(at, ","), run = 0;
        if (request->run_count == RUNS_MAX)
            return fail(error, OUTCOME_USAGE, "--run: more than %d runs", RUNS_MAX);
        snprintf(number, sizeof number, "%.*s", (int)(length < 20 ? length : 20), at);
        enum outcome outcome = option_size("run", number, 1, INT64_MAX, &run, error);
        if (outcome)
            return outcome;
        request->runs[request->run_count++] = (int64_t)run;
        at += length + (at[length] == ',');
    }
    return OUTCOME_DONE;
}

static enum outcome merge_one(struct store *store, const char *path, const struct request *request,
                              struct error *error)
{
    struct store_merge merge = {
        .slim = request->slim != NULL, .runs = request->runs, .run_count = request->run_count};
    struct store_merged merged;
    enum store_status status = store_merge(store, path, &merge, &merged);
    if (status == STORE_OK && !request->quiet)
        printf("%s: %lld runs, %lld points that were not there\n", path, (long long)merged.runs,
               (long long)merged.points);
    return session_result(store, status, error);
}

static enum outcome merge_all(const char *out, char **in, const struct request *request,
                              struct error *error)
{
    struct store *store = NULL;
    for (char **path = in; *path; path++)
        if (file_same(out, *path))
            return fail(error, OUTCOME_USAGE, "%s: is OUT, too: name another", file_shown(out));
    enum outcome outcome = session_write(out, &store, error);
    for (char **path = in; *path && !outcome; path++)
        outcome = merge_one(store, *path, request, error);
    if (!outcome && request->slim)
        outcome = session_result(store, store_compact(store), error);
    store_close(store);
    return outcome;
}

int command_merge(int argc, char **argv)
{
    struct request request = {0};
    const struct option_row rows[] = {
        {"slim", NULL, "without samples and epochs, and as small a file as can be", &request.slim},
        {"run", "LIST", "only these runs of IN: 41,42", &request.run},
        {"quiet", NULL, "say nothing", &request.quiet}};
    struct error error;
    int first = argc;
    bool help = false;
    enum outcome outcome = options_parse(argc, argv, usage_line, about, rows,
                                         sizeof rows / sizeof *rows, &first, &help, &error);
    if (!outcome && help)
        return OUTCOME_DONE;
    if (!outcome && argc - first < 2)
        outcome = fail(&error, OUTCOME_USAGE, "two databases are needed: OUT and at least one IN");
    if (!outcome)
        outcome = parse_runs(&request, &error);
    if (!outcome)
        outcome = merge_all(argv[first], argv + first + 1, &request, &error);
    return outcome ? command_fail("merge", outcome, &error) : OUTCOME_DONE;
}

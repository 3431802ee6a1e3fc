/* runs.c - the runs of a store that figures and tables may take rows from. */
#include "report/runs.h"

#include <stdio.h>
#include <string.h>

#include "base/printed.h"
#include "run/session.h"

static enum outcome fail_none(const struct runs_wanted *wanted, struct error *error)
{
    const char *of_suite = wanted->suite ? " of suite " : "";
    const char *suite = wanted->suite ? wanted->suite : "";
    if (wanted->run)
        return fail(error, OUTCOME_USAGE, "%s: there is no run %.40s%s%.80s", wanted->db,
                    wanted->run, of_suite, suite);
    return fail(error, OUTCOME_NO_VERDICT,
                "%s: no run%s%.80s to show; run `midl sweep quick` first", wanted->db, of_suite,
                suite);
}

enum outcome runs_list(const struct runs_wanted *wanted, const struct figures *figures, char **ret,
                       struct error *error)
{
    const struct store_fact limits[] = {{"run", wanted->run}, {"suite", wanted->suite}};
    struct printed printed;
    size_t count = 0;
    enum outcome outcome = printed_begin(&printed, "the list of runs", error);
    if (outcome)
        return outcome;
    enum store_status status =
        store_query(wanted->store, figures->runs_sql, limits, 2, STORE_TSV, printed.out, &count);
    outcome = status == STORE_NONE ? fail_none(wanted, error)
                                   : session_result(wanted->store, status, error);
    return printed_end(&printed, outcome, ret, NULL, error);
}

bool runs_next(const char **at, char ret_id[RUN_ID_SIZE])
{
    const char *line = strchr(*at, '\n');
    if (!line || !line[1])
        return false;
    line++;
    snprintf(ret_id, RUN_ID_SIZE, "%.*s", (int)strcspn(line, "\t\n"), line);
    *at = line;
    return true;
}

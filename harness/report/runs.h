/* runs.h - the runs of a store that figures and tables may take rows from. */
#ifndef MIDL_RUNS_H
#define MIDL_RUNS_H

#include <stdbool.h>

#include "base/error.h"
#include "report/figures.h"
#include "store.h"

#define RUN_ID_SIZE 24 /* bytes of the id of one run as text */

/* A store and the restrictions on its runs. */
struct runs_wanted {
    struct store *store;
    const char *db;    /* its path, for messages */
    const char *run;   /* this run only; NULL: any */
    const char *suite; /* runs of that suite only; NULL: any */
};

/* List the runs that are wanted, newest first, as text to be freed: a line of names, then one line
 * per run. OUTCOME_USAGE: the run that was named isn't there; OUTCOME_NO_VERDICT: none is. */
enum outcome runs_list(const struct runs_wanted *wanted, const struct figures *figures, char **ret,
                       struct error *error);

/* Write the id of the next run. *at is the list at first, and moves on; false behind the last. */
bool runs_next(const char **at, char ret_id[RUN_ID_SIZE]);

#endif

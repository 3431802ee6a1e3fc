/* runner.h - measuring the cases of a suite and storing them: the engine of `midl sweep`.
 *
 * The store is opened before anything is measured, and every group of points is one transaction:
 * wherever a run ends, what it had finished stays, and resuming goes on from there. */
#ifndef MIDL_RUNNER_H
#define MIDL_RUNNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/progress.h"
#include "measure/measure.h"
#include "measure/noise.h"
#include "run/print.h"
#include "run/session.h"
#include "suite/suite.h"

/* Seconds of one sitting, by what they went to. */
struct runner_spent {
    double total, measuring, counting, planning, checking, moving, storing, elsewhere;
};

/* Set the first part, the rest zero. Texts and cases are the caller's and stay until the end. */
struct runner {
    const struct suite *suite;
    const struct bench_cases *cases;
    const char *hash;    /* of the cases (suite_hash) */
    const char *command; /* as typed */
    const char *db;
    bool resume;     /* go on with the newest unfinished run of these cases */
    bool json;       /* print every point as a JSON object on standard output when it is stored */
    bool quiet;      /* show no progress */
    bool parts;      /* measure the parts of the fastest MID-L call of each group, too */
    bool lean;       /* points alone: neither noise nor ceilings of the machine */
    double start_ns; /* when the program began (clock_ns) */
    /* Measures and stores more behind the cases, in the same run: `more_count` points in
     * *ret_done at the end, fewer when it was asked to stop. NULL: nothing. */
    enum outcome (*more)(void *data, struct runner *runner, size_t *ret_done, struct error *error);
    void *more_data;
    size_t more_count;

    struct session session;
    struct noise noise;                         /* at the beginning; pairs = 0: not measured */
    struct print_row *rows;                     /* [cases->count]; status NULL: not measured now */
    size_t done, resumed, timed, noisy, failed; /* points */
    size_t more_done;
    size_t samples, disturbed; /* of these points */
    struct runner_spent spent;

    struct ceilings *ceilings; /* one for each number of threads */
    size_t ceiling_count;
    struct measure_options measure;
    struct measure_times times; /* of all groups */
    double store_ns;
    double machine_ns; /* its noise and its ceilings */
    struct progress *progress;
    const char *shape_text; /* of the group at work */
};

/* Find the time that the whole run will take if every group takes its budget. Looks at suite and
 * cases alone. */
double runner_estimate_ns(const struct runner *runner);

/* Measure and store everything, until it is done or asked to stop (base/stop.h). The session stays
 * open, its run ended. runner_clear() is due afterwards also on failure; a run that failed is then
 * stored as interrupted. */
enum outcome runner_run(struct runner *runner, struct error *error);

/* Whether all cases are stored now, by this sitting and those before. */
bool runner_is_whole(const struct runner *runner);

/* Return how groups are measured; the ceilings are of the last group. */
const struct measure_options *runner_options(const struct runner *runner);

void runner_clear(struct runner *runner); /* accepts a zeroed one */

#endif

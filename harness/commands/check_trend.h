/* check_trend.h - `midl check` against a database: points measured now, relative to a dense layer
 * of the same run, beside those of a stored run. It tells drift, and fails nobody: what two
 * processes measured is too far apart for that. */
#ifndef MIDL_CHECK_TREND_H
#define MIDL_CHECK_TREND_H

#include <stdbool.h>

#include "base/error.h"
#include "suite/suite.h"

struct trend_request {
    struct suite *suite;          /* gets a reference and a budget if it has none */
    const char *baseline;         /* a database, perhaps with a run: FILE.db@7; or NULL */
    const char *history;          /* a database that the run is added to; or NULL */
    const char *command;          /* as typed */
    double effect;                /* the smallest drift that is told */
    double budget_s;              /* for timing in all; 0: as the suite says */
    const char *junit, *markdown; /* files; or NULL */
    bool anyway, json, quiet;
};

/* Measure, compare and report. OUTCOME_BAD: a kernel's result is wrong. OUTCOME_USAGE: the database
 * is of another machine, compiler, instruction set, number of threads or OpenBLAS kernel, or has
 * none of the points. OUTCOME_NO_VERDICT: interrupted, or too few points are resolved. Drift is
 * OUTCOME_DONE. */
enum outcome check_trend(const struct trend_request *request, struct error *error);

#endif

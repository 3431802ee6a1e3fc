/* stored.h - stored runs as the sides of a comparison: named, opened, and laid side by side for
 * people and for programs. */
#ifndef MIDL_STORED_H
#define MIDL_STORED_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "compare.h"
#include "store.h"

#define STORED_PATH_SIZE 512

/* A run of a database: "FILE.db" (its newest), "FILE.db@7", or "7" of another database. */
struct stored_side {
    const char *name; /* as given */
    char path[STORED_PATH_SIZE];
    struct store *store;
    int64_t run;
};

/* Whether a name is one of a database: with a run behind it, or a file that begins as SQLite's do.
 */
bool stored_is_database(const char *name);

/* Open what `side->name` says; a number is a run of the database `db`. Without a run: the newest
 * that has points, of `suite` unless NULL. store_close(side->store) is due, also on failure. */
enum outcome stored_open(struct stored_side *side, const char *db, const char *suite,
                         struct error *error);

/* Fail with OUTCOME_USAGE and the first difference where runs are unlike. */
enum outcome stored_refuse(const struct compare_table *table, struct error *error);

/* Leave out points that only one run has. */
void stored_keep_shared(struct compare_table *table);

/* Leave out the layers that times are relative to: they are 1. */
void stored_drop_references(struct compare_table *table);

struct stored_report {
    const struct compare_table *table;
    const struct stored_side *sides; /* old, new */
    bool relative;                   /* times are relative to a dense layer of the run */
    bool trend; /* a change is called drift: it is told, and is no verdict on a build */
};

void stored_print_text(const struct stored_report *report, FILE *out);
void stored_print_markdown(const struct stored_report *report, FILE *out);
void stored_print_csv(const struct stored_report *report, FILE *out);
enum outcome stored_print_json(const struct stored_report *report, FILE *out, struct error *error);

/* Print a trend as JUnit: no test case fails, whatever drifts. */
void stored_print_junit(const struct stored_report *report, FILE *out);

/* Print one line "::notice ..." per point that drifts. */
void stored_print_annotations(const struct stored_report *report, FILE *out);

/* Write a summary: "26 points, 25 steady, 1 drift". */
#define STORED_SUMMARY_SIZE 192
void stored_summary(const struct stored_report *report, char ret[STORED_SUMMARY_SIZE]);

#endif

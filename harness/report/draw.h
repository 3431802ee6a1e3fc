/* draw.h - figures drawn from a store into a folder.
 *
 * The query's rows, and below them the caption's, go to NAME.tsv; gnuplot draws that file and
 * nothing else, so that a figure can be drawn again from its data. Everything is made in a folder
 * of its own inside the output folder and put in its place when it is whole. Nothing is printed. */
#ifndef MIDL_DRAW_H
#define MIDL_DRAW_H

#include <limits.h>
#include <stddef.h>

#include "base/error.h"
#include "report/figures.h"
#include "report/gnuplot.h"
#include "store.h"

#define DRAW_RUN_SIZE 24 /* the id of a run as text */
#define DRAW_PARAMETERS_MAX 16

/* Set the first part, the rest zero. */
struct draw {
    const struct figures *figures;
    struct store *store;                 /* NULL: draw again from DIR/NAME.tsv */
    const char *db;                      /* the path of the store, for messages */
    const char *run, *suite;             /* restrict the runs; NULL: any */
    const struct store_fact *parameters; /* values of the queries' parameters */
    size_t parameter_count;              /* at most DRAW_PARAMETERS_MAX */
    const char *where;                   /* the parameters as typed, for messages; or NULL */
    const char *out;                     /* the output folder; made if it isn't there */
    const struct figure_format *const *formats;
    size_t format_count;

    char folder[PATH_MAX]; /* where figures are made; "" if there is none */
    char *runs;            /* rows of the runs, newest first */
};

/* Find the runs and make the folders; gnuplot_check() comes before. OUTCOME_NO_VERDICT: there is no
 * run. draw_end() is due afterwards also on failure. */
enum outcome draw_begin(struct draw *draw, struct error *error);

/* Draw one figure in all formats, from the newest run that it has rows in; `ret_run` receives its
 * id, "" when drawn from its own data. OUTCOME_NO_VERDICT: there are no rows for it. */
enum outcome draw_figure(struct draw *draw, const struct figure *figure,
                         char ret_run[DRAW_RUN_SIZE], struct error *error);

void draw_end(struct draw *draw);

#endif

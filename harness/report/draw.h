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

#define DRAW_RUN_SIZE 96 /* the ids of runs as text */
#define DRAW_PARAMETERS_MAX 16

/* One place that a figure takes rows from. */
struct draw_source {
    struct store *store; /* the caller's */
    const char *db;      /* its path, for messages and captions */
    const char *run;     /* take this run only; NULL: the newest with rows */
    char *runs;          /* zero; the list of runs_list() */
};

#define DRAW_SOURCES_MAX 4

/* Set the first part, the rest zero. */
struct draw {
    const struct figures *figures;
    struct draw_source *sources;         /* side by side in one figure if there are several */
    size_t source_count;                 /* 0: draw again from DIR/NAME.tsv */
    const char *suite;                   /* take runs of that suite only; NULL: any */
    const char *command;                 /* as typed, for whoever asks how a file was made */
    double width_cm;                     /* of the page; 0: by the number of panels */
    const struct store_fact *parameters; /* values of the queries' parameters */
    size_t parameter_count;              /* at most DRAW_PARAMETERS_MAX */
    const char *where;                   /* the parameters as typed, for messages; or NULL */
    const char *out;                     /* the output folder; made if it isn't there */
    const struct figure_format *const *formats;
    size_t format_count;

    char folder[PATH_MAX]; /* where figures are made; "" if there is none */
};

/* Find the runs and make the folders; gnuplot_check() comes before. OUTCOME_NO_VERDICT: there is no
 * run. draw_end() is due afterwards also on failure. */
enum outcome draw_begin(struct draw *draw, struct error *error);

/* Draw one figure in all formats, from the newest run that it has rows in; `ret_run` receives its
 * id, of several sources all with commas between, "" when drawn from its own data or from all runs.
 * OUTCOME_NO_VERDICT: there are no rows for it. */
enum outcome draw_figure(struct draw *draw, const struct figure *figure,
                         char ret_run[DRAW_RUN_SIZE], struct error *error);

void draw_end(struct draw *draw);

#endif

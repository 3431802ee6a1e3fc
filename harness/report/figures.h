/* figures.h - the figures that can be drawn: plots/NAME.sql with plots/NAME.gp. */
#ifndef MIDL_FIGURES_H
#define MIDL_FIGURES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define FIGURE_NAME_SIZE 48
#define FIGURE_LINE_SIZE 256

struct figure {
    char name[FIGURE_NAME_SIZE];
    char about[FIGURE_LINE_SIZE], needs[FIGURE_LINE_SIZE]; /* first lines of the query */
    char *sql;         /* the query: shared/common.sql and the figure's own text */
    char *caption_sql; /* of a figure that joins all runs with rows; NULL: that of all others */
};

struct figures {
    char folder[PATH_MAX]; /* absolute */
    struct figure *rows;   /* by name */
    size_t count;
    char *caption_sql; /* the query of the caption below a figure */
    char *runs_sql;    /* the query of the runs that may have rows, newest first */
};

/* Read all figures of the installed plots/. On success *ret is to be cleared. */
enum outcome figures_read(struct figures *ret, struct error *error);
/* Read all tables in the same way: plots/tables/NAME.sql, which need no script. */
enum outcome tables_read(struct figures *ret, struct error *error);
void figures_clear(struct figures *figures);

/* Find the figure or table of that name; NULL, with an error that suggests the nearest name, if
 * there is none. */
const struct figure *figures_find(const struct figures *figures, const char *name,
                                  struct error *error);

/* Whether its query has the parameter `:name`. */
bool figure_has_parameter(const struct figure *figure, const char *name);

/* Whether one of the queries has it. */
bool figures_have_parameter(const struct figures *figures, const char *name);

#endif

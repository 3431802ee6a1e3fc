/* tables.h - tables from a store: plots/tables/NAME.sql gives cells, here they are set as LaTeX
 * (booktabs), Markdown, HTML or CSV.
 *
 * A query yields one row per cell: the text of its line, of its column, the value, the ends of its
 * interval (or NULL), a text instead of a value (or NULL). Lines and columns stand in the order in
 * which they first come. A value has as many decimals as its interval justifies: its last digit is
 * the place of the first digit of half the interval, two decimals at most. */
#ifndef MIDL_TABLES_H
#define MIDL_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "report/figures.h"
#include "store.h"

enum table_format { TABLE_MARKDOWN, TABLE_LATEX, TABLE_CSV, TABLE_HTML };

/* Find a format by its name; false if there is none. */
bool table_format_find(const char *name, enum table_format *ret);

/* Make the text of a table, to be freed. OUTCOME_NO_VERDICT: the run has no rows for it.
 * `intervals`: with the ends behind each value. */
enum outcome table_text(struct store *store, const struct figure *table,
                        const struct store_fact *parameters, size_t parameter_count,
                        enum table_format format, bool intervals, char **ret, struct error *error);

/* Print what a run answers, in lines no wider than `columns`: plots/tables/answer.sql. *ret_lines:
 * how many; 0: it has no speedups. */
enum outcome table_answer(struct store *store, const char *run, FILE *out, size_t columns,
                          size_t *ret_lines, struct error *error);

/* Write `value` with the decimals that the interval from lo to hi justifies, one at least
 * below 3, as 0.89 is no 1; NaN: two. */
#define TABLE_NUMBER_SIZE 32
void table_number(double value, double lo, double hi, char ret[TABLE_NUMBER_SIZE]);

#endif

/* print.h - the report of measured points: a table per shape, or JSON lines. */
#ifndef MIDL_PRINT_H
#define MIDL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "store.h"

/* Print one JSON object on one line, columns as in view `points` of the store. Fails for lack of
 * memory; that `out` takes no more is left to its error flag. */
enum outcome print_point_json(FILE *out, int64_t run_id, const char *suite,
                              const struct store_point *point, struct error *error);

/* The part of a point that the table needs, kept after its samples are gone. */
struct print_row {
    char kernel[48], reason[160];
    const char *status;
    double time_ns, time_lo_ns, time_hi_ns, speedup, speedup_lo, speedup_hi, flops_ratio;
    double plan_ns, plan_bytes; /* NaN: nothing is planned */
};

struct print_row print_row(const struct store_point *point, const char *kernel);

/* Print the table of one shape, under its label, no wider than `columns`. What plans cost stands in
 * it where one was made and there is room. */
void print_table(FILE *out, const char *shape_text, const struct print_row *rows, size_t count,
                 size_t columns);

#endif

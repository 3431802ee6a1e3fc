/* where.h - `--where dtype=bf16,threads=2`: parameters of the queries of figures and tables. */
#ifndef MIDL_WHERE_H
#define MIDL_WHERE_H

#include "base/error.h"
#include "report/figures.h"
#include "store.h"

struct where {
    char *text; /* holds the names and values below; to be freed */
    struct store_fact *parameters;
    size_t count, most; /* parameters that are set, and that there is room for */
};

/* Append the pairs of `text`, NULL being none, to the parameters; names are those that the queries
 * of `figures` have. */
enum outcome where_parse(const char *text, const struct figures *figures, struct where *where,
                         struct error *error);

/* Refuse a pair that the query of a figure or table, by `kind`, doesn't have: it would be ignored. */
enum outcome where_check(const struct where *where, const struct figure *figure, const char *kind,
                         struct error *error);

#endif

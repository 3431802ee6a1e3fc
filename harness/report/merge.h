/* merge.h - the columns of one figure from several runs or databases, as one figure. Panels of the
 * same number stand side by side, each under the label of its source. */
#ifndef MIDL_MERGE_H
#define MIDL_MERGE_H

#include <stddef.h>
#include <stdio.h>

/* The columns of one source, as rows of text with tabs between, and what its panels are called. */
struct merge_source {
    const char *columns, *label;
};

/* Write the rows of all sources: panel p of source s of n becomes panel (p - 1) n + s, the title
 * that tells the result of one source is left out, and captions begin with the label. */
void merge_columns(const struct merge_source *sources, size_t count, FILE *out);

#endif

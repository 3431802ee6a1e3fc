/* html.h - one page that holds everything: what a store answers, its figures and tables, and where
 * they come from. The page needs nothing beside it. */
#ifndef MIDL_HTML_H
#define MIDL_HTML_H

#include <stdio.h>

#include "base/error.h"
#include "report/draw.h"

/* The parts of a page. */
struct html_page {
    struct draw *draw;            /* begun, with one source; its output folder receives svg files */
    const struct figures *tables; /* of tables_read() */
    const char *command;          /* as typed */
};

/* Write the page. Figures and tables without rows are left out; OUTCOME_NO_VERDICT: there is
 * nothing at all to show. */
enum outcome html_write(const struct html_page *page, FILE *out, struct error *error);

#endif

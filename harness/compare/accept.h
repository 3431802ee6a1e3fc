/* accept.h - slowdowns that a change may have: a file with a line for each.
 *
 *   VARIANT | SHAPE | UNTIL | WHY
 *   lists*  | n=512 batch=16 | 2026-12-31 | exact ties cost a pass over the bits
 *
 * VARIANT is a name or a glob; SHAPE words, AXIS=VALUE, that must all stand in the point's label,
 * or *; UNTIL the last day (UTC) on which the line holds. Empty lines and lines that begin with #
 * are comments.
 */
#ifndef MIDL_ACCEPT_H
#define MIDL_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct accept_row {
    char *variant, *shape, *until, *why; /* within the list's text */
    int line;
};

struct accept_list {
    char *text;
    struct accept_row *rows;
    size_t count;
};

/* Split a text, which is copied. OUTCOME_USAGE names the line that isn't right. */
enum outcome accept_parse(const char *text, const char *origin, struct accept_list *ret,
                          struct error *error);

/* Read a file; NULL: an empty list. */
enum outcome accept_read(const char *path, struct accept_list *ret, struct error *error);

/* Find why a slowdown of this variant at this shape is accepted on `today` ("2026-11-30"); NULL if
 * no line says so. */
const char *accept_find(const struct accept_list *list, const char *variant, const char *label,
                        const char *today);

/* Find the line that held last for this variant at this shape; NULL if there is none, or one still
 * holds. */
const struct accept_row *accept_lapsed(const struct accept_list *list, const char *variant,
                                       const char *label, const char *today);

void accept_clear(struct accept_list *list);

#endif

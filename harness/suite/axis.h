/* axis.h - the values of one axis of a sweep, from its text.
 *
 *   1,2,4          a list
 *   1:8            a range with step 1
 *   0.05:1:0.05    a range with its step; the end belongs to it if a step lands there
 *   256:8192:x2    a geometric range: each value is the last times the factor
 *   1,4:16:x2      mixed
 *
 * Numbers are doubles: whole numbers are exact to 2^53, and a real of a range is the double nearest
 * to its decimal, so that 0.05:1:0.05 holds the same 0.15 as the list 0.15.
 */
#ifndef MIDL_AXIS_H
#define MIDL_AXIS_H

#include <stddef.h>

#include "base/error.h"

#define AXIS_VALUES_MAX 100000

enum axis_kind { AXIS_WHOLE, AXIS_REAL, AXIS_WORD };

/* The values that an axis may hold. */
struct axis_rule {
    enum axis_kind kind;
    double min, max;     /* of a number */
    const char *allowed; /* the same in words: "0 to 1" */
    const char *keyword; /* a word that may stand for a number, and is the value 0; or NULL */
};

/* The values in the order of the text, at least one. */
struct axis_list {
    size_t count;
    double *numbers; /* AXIS_WHOLE, AXIS_REAL; else NULL */
    char **words;    /* AXIS_WORD; else NULL */
    char *text;      /* holds the words */
};

/* Parse all of `text`. On failure *ret is untouched and the error names the part of the text that
 * is wrong. On success *ret is the caller's, to be cleared. */
enum outcome axis_parse(const struct axis_rule *rule, const char *text, struct axis_list *ret,
                        struct error *error);

void axis_list_clear(struct axis_list *list); /* accepts a zeroed one */

#endif

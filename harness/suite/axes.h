/* axes.h - the table of axes.def: what an axis of a suite may hold, and where a case keeps it. */
#ifndef MIDL_AXES_H
#define MIDL_AXES_H

#include "suite/axis.h"
#include "suite/case.h"

enum axis_id {
#define AXIS(id, ...) AXIS_##id,
#include "suite/axes.def"
#undef AXIS
};

enum {
#define AXIS(id, ...) +1
    SUITE_AXES = 0
#include "suite/axes.def"
#undef AXIS
};

/* The part of a case that an axis says something of: see axes.def. */
enum axis_part { PART_LAYER, PART_SELECTION, PART_SOURCE, PART_RUN };

struct axis_row {
    const char *name, *label, *help;
    struct axis_rule rule;
    bool in_case; /* it has a field of its own in struct bench_shape, and is no file */
    enum axis_part part;
    int owner;          /* the axis on which it depends, -1: it always has an effect */
    double owner_value; /* it has one where the owner has this value */
    double fallback;    /* where none is given */
};

#define AXIS_OPTION_SIZE 24

const struct axis_row *suite_axis(enum axis_id axis);
const char *suite_axis_name(enum axis_id axis);

/* Find the axis of that name ("gate_rank" or "gate-rank"), or -1. */
int suite_axis_find(const char *name);

/* Write the name as an option: "gate-rank". */
void suite_axis_option(enum axis_id axis, char ret[AXIS_OPTION_SIZE]);

/* Return the axis that says the same thing in another way (k and active), or the axis itself. */
enum axis_id suite_axis_rival(enum axis_id axis);

/* The axes that the expansion turns, from the slowest to the fastest: all but `kernel`, as kernels
 * share a shape. */
#define SUITE_WHEELS (SUITE_AXES - 1)
extern const enum axis_id *const suite_wheels; /* [SUITE_WHEELS] */

/* Return the word of a value of an axis of words; NULL for other axes and values. */
const char *suite_axis_word(enum axis_id axis, int value);

/* Read the values that a text gives an axis; of words that have values, both. On failure *ret is
 * untouched. */
enum outcome suite_axis_parse(enum axis_id axis, const char *text, struct axis_list *ret,
                              struct error *error);

/* Write "topk, block, threshold". */
void suite_join_words(const char *const *words, size_t count, char *ret, size_t size);

/* Return the value in a case of an axis that has a field there; else 0. Seeds above 2^53 are
 * rounded. */
double suite_axis_get(const struct bench_shape *shape, enum axis_id axis);
void suite_axis_set(struct bench_shape *shape, enum axis_id axis, double value);

/* Whether the axis has an effect in a case: it has no owner, or its owner has the value for it. */
bool suite_axis_matters(const struct bench_shape *shape, enum axis_id axis);

#endif

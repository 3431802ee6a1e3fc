/* axes.c - the table of axes, made from axes.def: each use of a row below defines what the cells
 * `kind` and `owner` mean for it. */
#include "suite/axes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"

#define WORDS_MAX 8 /* of an axis of words */

/* ---- The table ------------------------------------------------------------------------------- */

#define ALWAYS -1, 0
#define ONLY(axis, value) AXIS_##axis, value
#define WHOLE(field, least, most, allowed, keyword)                                                \
    {AXIS_WHOLE, least, most, allowed, keyword}, true
#define REAL(field, least, most, allowed) {AXIS_REAL, least, most, allowed, NULL}, true
#define WORDS(field, name_of, last) {.kind = AXIS_WORD}, true
#define FILES(path, name_of) {.kind = AXIS_WORD}, false
#define SHARE {AXIS_REAL, 0, 1, "0 to 1", NULL}, false
#define NAMES {.kind = AXIS_WORD}, false

static const struct axis_row rows[SUITE_AXES] = {
#define AXIS(id, name, label, kind, turn, part, owner, fallback, help)                             \
    [AXIS_##id] = {name, label, help, kind, PART_##part, owner, fallback},
#include "suite/axes.def"
#undef AXIS
};

/* `kernel` has the last turn, beyond the wheels. */
static const enum axis_id turns[SUITE_AXES] = {
#define AXIS(id, name, label, kind, turn, ...) [turn] = AXIS_##id,
#include "suite/axes.def"
#undef AXIS
};

#undef WHOLE
#undef REAL
#undef WORDS
#undef FILES
#undef SHARE
#undef NAMES

const enum axis_id *const suite_wheels = turns;

const struct axis_row *suite_axis(enum axis_id axis)
{
    return &rows[axis];
}

const char *suite_axis_name(enum axis_id axis)
{
    return rows[axis].name;
}

int suite_axis_find(const char *name)
{
    for (int axis = 0; axis < SUITE_AXES; axis++) {
        const char *a = rows[axis].name, *b = name;
        while (*a && (*a == *b || (*a == '_' && *b == '-'))) {
            a++;
            b++;
        }
        if (!*a && !*b)
            return axis;
    }
    return -1;
}

void suite_axis_option(enum axis_id axis, char ret[AXIS_OPTION_SIZE])
{
    snprintf(ret, AXIS_OPTION_SIZE, "%s", rows[axis].name);
    for (char *c = ret; *c; c++)
        if (*c == '_')
            *c = '-';
}

enum axis_id suite_axis_rival(enum axis_id axis)
{
    return axis == AXIS_K ? AXIS_ACTIVE : axis == AXIS_ACTIVE ? AXIS_K : axis;
}

/* ---- Fields of a case ------------------------------------------------------------------------ */

#define FIELD_TYPE(field) __typeof__(((struct bench_shape *)NULL)->field)
#define SHARE NOTHING
#define NAMES NOTHING
#define FILES(path, name_of) NOTHING

double suite_axis_get(const struct bench_shape *shape, enum axis_id axis)
{
#define NOTHING 0
#define WHOLE(field, ...) (double)shape->field
#define REAL(field, ...) (double)shape->field
#define WORDS(field, ...) (double)shape->field
#define AXIS(id, name, label, kind, ...)                                                           \
    case AXIS_##id:                                                                                \
        return kind;
    switch (axis) {
#include "suite/axes.def"
    }
#undef NOTHING
#undef WHOLE
#undef REAL
#undef WORDS
#undef AXIS
    return 0;
}

void suite_axis_set(struct bench_shape *shape, enum axis_id axis, double value)
{
#define NOTHING (void)0
#define WHOLE(field, ...) shape->field = (FIELD_TYPE(field))value
#define REAL(field, ...) shape->field = (FIELD_TYPE(field))value
#define WORDS(field, ...) shape->field = (FIELD_TYPE(field))value
#define AXIS(id, name, label, kind, ...)                                                           \
    case AXIS_##id:                                                                                \
        kind;                                                                                      \
        break;
    switch (axis) {
#include "suite/axes.def"
    }
#undef NOTHING
#undef WHOLE
#undef REAL
#undef WORDS
#undef AXIS
}

bool suite_axis_matters(const struct bench_shape *shape, enum axis_id axis)
{
    const struct axis_row *row = &rows[axis];
    return row->owner < 0 ||
           (int)suite_axis_get(shape, (enum axis_id)row->owner) == (int)row->owner_value;
}

const char *suite_axis_word(enum axis_id axis, int value)
{
#define NOTHING NULL
#define WHOLE(...) NULL
#define REAL(...) NULL
#define WORDS(field, name_of, last)                                                                \
    value >= 0 && value <= (int)last ? name_of((FIELD_TYPE(field))value) : NULL
#define AXIS(id, name, label, kind, ...)                                                           \
    case AXIS_##id:                                                                                \
        return kind;
    switch (axis) {
#include "suite/axes.def"
    }
#undef NOTHING
#undef WHOLE
#undef REAL
#undef WORDS
#undef AXIS
    return NULL;
}

/* ---- Values from text ------------------------------------------------------------------------ */

/* All words of an axis of words, in the order of their values; 0 for other axes. */
static size_t all_words(enum axis_id axis, const char *ret[WORDS_MAX])
{
    size_t count = 0;
    while (count < WORDS_MAX && suite_axis_word(axis, (int)count)) {
        ret[count] = suite_axis_word(axis, (int)count);
        count++;
    }
    return count;
}

void suite_join_words(const char *const *words, size_t count, char *ret, size_t size)
{
    ret[0] = '\0';
    for (size_t i = 0; i < count; i++)
        append_text(ret, size, "%s%s", i ? ", " : "", words[i]);
}

/* Give the words of an axis of words their values. */
static enum outcome number_words(enum axis_id axis, struct axis_list *list, struct error *error)
{
    const char *words[WORDS_MAX];
    char all[128], hint[HINT_SIZE];
    size_t count = all_words(axis, words);
    if (count == 0)
        return OUTCOME_DONE;
    list->numbers = calloc(list->count, sizeof *list->numbers);
    if (!list->numbers)
        return fail_memory(error, "the values of an axis", (double)list->count * 8);
    for (size_t i = 0; i < list->count; i++) {
        size_t found = 0;
        while (found < count && strcmp(list->words[i], words[found]) != 0)
            found++;
        suite_join_words(words, count, all, sizeof all);
        if (found == count)
            return fail(error, OUTCOME_USAGE, "%.80s: must be one of %s%s", list->words[i], all,
                        did_you_mean(list->words[i], words, count, hint));
        list->numbers[i] = (double)found;
    }
    return OUTCOME_DONE;
}

/* 8 and 16 are all that a block can be: the bounds of a range can't say so. */
static enum outcome check_blocks(const struct axis_list *list, struct error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        int block = (int)list->numbers[i];
        if (block != 8 && block != 16)
            return fail(error, OUTCOME_USAGE, "%d: must be 8 or 16", block);
    }
    return OUTCOME_DONE;
}

enum outcome suite_axis_parse(enum axis_id axis, const char *text, struct axis_list *ret,
                              struct error *error)
{
    struct axis_list list = {0};
    enum outcome outcome = axis_parse(&rows[axis].rule, text, &list, error);
    if (!outcome)
        outcome = number_words(axis, &list, error);
    if (!outcome && axis == AXIS_BLOCK)
        outcome = check_blocks(&list, error);
    if (outcome)
        axis_list_clear(&list);
    else
        *ret = list;
    return outcome;
}

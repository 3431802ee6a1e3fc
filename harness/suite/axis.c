/* axis.c - lists, ranges and geometric ranges of numbers, and lists of words. */
#include "suite/axis.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define ITEM_SHOWN 80 /* characters of a wrong item that its error repeats */

/* One item of the list: "a", "a:b", "a:b:step" or "a:b:xfactor". */
struct item {
    const char *text; /* as written, trimmed */
    size_t length;
    double from, to, step;
    int decimals; /* digits after the point that from and step need */
    bool range, geometric;
};

static enum outcome refuse(const char *text, size_t length, const char *why, struct error *error)
{
    int shown = (int)(length > ITEM_SHOWN ? ITEM_SHOWN : length);
    return fail(error, OUTCOME_USAGE, "%.*s%s: %s", shown, text, length > ITEM_SHOWN ? "..." : "",
                why);
}

static void trim(const char **text, size_t *length)
{
    while (*length && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*length)--;
    }
    while (*length && ((*text)[*length - 1] == ' ' || (*text)[*length - 1] == '\t'))
        (*length)--;
}

/* Digits after the decimal point that a number's text asks for: 2 for "0.05" and for "5e-2". */
static int decimals_of(const char *text)
{
    const char *point = strchr(text, '.'), *exponent = strpbrk(text, "eE");
    size_t digits = point ? strspn(point + 1, "0123456789") : 0;
    long shift = exponent ? strtol(exponent + 1, NULL, 10) : 0;
    long decimals = (digits < 64 ? (long)digits : 64) - (shift > -64 ? shift : -64);
    return decimals < 0 ? 0 : (int)decimals;
}

/* One number, wholly; false if it is none of the kind. Hexadecimal, inf and nan aren't numbers
 * here. */
static bool parse_number(enum axis_kind kind, const char *text, size_t length, double *ret,
                         int *ret_decimals)
{
    const char *letters = kind == AXIS_WHOLE ? "0123456789" : "0123456789.eE+-";
    char copy[64], *end;
    trim(&text, &length);
    if (length == 0 || length >= sizeof copy)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    double value = strtod(copy, &end);
    if (copy[strspn(copy, letters)] || end == copy || *end || !isfinite(value))
        return false;
    *ret = value;
    if (decimals_of(copy) > *ret_decimals)
        *ret_decimals = decimals_of(copy);
    return true;
}

static const char *not_a_number(enum axis_kind kind)
{
    return kind == AXIS_WHOLE ? "not a whole number" : "not a number";
}

/* The third part of a range: "step" or "xfactor". */
static enum outcome parse_step(const struct axis_rule *rule, const char *text, size_t length,
                               struct item *item, struct error *error)
{
    trim(&text, &length);
    item->geometric = length > 0 && *text == 'x';
    enum axis_kind kind = item->geometric ? AXIS_REAL : rule->kind;
    int ignored = 0, *decimals = item->geometric ? &ignored : &item->decimals;
    bool ok =
        parse_number(kind, text + item->geometric, length - item->geometric, &item->step, decimals);
    if (!ok)
        return refuse(item->text, item->length,
                      item->geometric ? "the factor is not a number"
                      : kind == AXIS_WHOLE
                          ? "the step is not a whole number (a factor is written x2)"
                          : "the step is not a number (a factor is written x2)",
                      error);
    if (item->geometric && !(item->step > 1))
        return refuse(item->text, item->length, "the factor must be above 1", error);
    if (!item->geometric && !(item->step > 0))
        return refuse(item->text, item->length, "the step must be above 0", error);
    return OUTCOME_DONE;
}

static enum outcome check_bounds(const struct axis_rule *rule, const struct item *item,
                                 struct error *error)
{
    bool ok = item->from >= rule->min && item->to <= rule->max;
    if (item->to < item->from)
        return refuse(item->text, item->length, "the range runs backwards", error);
    if (!ok) {
        char why[96];
        snprintf(why, sizeof why, "must be %s", rule->allowed);
        return refuse(item->text, item->length, why, error);
    }
    if (item->geometric && !(item->from > 0))
        return refuse(item->text, item->length, "a geometric range can't start at 0", error);
    return OUTCOME_DONE;
}

static enum outcome parse_item(const struct axis_rule *rule, struct item *item, struct error *error)
{
    const char *text = item->text, *end = text + item->length;
    const char *colon = memchr(text, ':', item->length);
    const char *first_end = colon ? colon : end;
    if (!parse_number(rule->kind, text, (size_t)(first_end - text), &item->from, &item->decimals))
        return refuse(text, item->length, not_a_number(rule->kind), error);
    item->to = item->from;
    item->step = 1;
    item->range = colon != NULL;
    if (colon) {
        const char *second = memchr(colon + 1, ':', (size_t)(end - colon - 1));
        const char *second_end = second ? second : end;
        int ignored = 0;
        if (!parse_number(rule->kind, colon + 1, (size_t)(second_end - colon - 1), &item->to,
                          &ignored))
            return refuse(text, item->length,
                          rule->kind == AXIS_WHOLE ? "the end of the range is not a whole number"
                                                   : "the end of the range is not a number",
                          error);
        if (second) {
            enum outcome outcome =
                parse_step(rule, second + 1, (size_t)(end - second - 1), item, error);
            if (outcome)
                return outcome;
        }
    }
    return check_bounds(rule, item, error);
}

/* The i-th value of an item. Reals of a range are rounded to the decimals they were written with,
 * those of a geometric range to twelve digits. */
static double item_value(enum axis_kind kind, const struct item *item, size_t i)
{
    char digits[512];
    if (i == 0)
        return item->from;
    double value = item->geometric ? item->from * pow(item->step, (double)i)
                                   : item->from + item->step * (double)i;
    if (kind == AXIS_WHOLE)
        return round(value);
    if (item->geometric)
        snprintf(digits, sizeof digits, "%.12g", value);
    else
        snprintf(digits, sizeof digits, "%.*f", item->decimals, value);
    return strtod(digits, NULL);
}

/* How many steps an item has at most: values beyond its end are left out when they are made. */
static double item_steps(const struct item *item)
{
    if (!item->range)
        return 0;
    if (item->geometric)
        return ceil(log(item->to / item->from) / log(item->step));
    return floor((item->to - item->from) / item->step + 1e-6);
}

static enum outcome append_item(enum axis_kind kind, const struct item *item,
                                struct axis_list *list, size_t *room, struct error *error)
{
    double steps = item_steps(item);
    bool few = (double)list->count + steps + 1 <= AXIS_VALUES_MAX;
    if (!few)
        return refuse(item->text, item->length, "more than 100000 values", error);
    size_t first = list->count, count = (size_t)steps + 1;
    double *numbers = array_room(list->numbers, first + count, room, sizeof *numbers);
    if (!numbers)
        return fail_memory(error, "the values of an axis", (double)(first + count) * 8);
    list->numbers = numbers;
    for (size_t i = 0; i < count; i++) {
        double value = item_value(kind, item, i);
        bool repeated = list->count > first && !(value > list->numbers[list->count - 1]);
        if (value <= item->to && !repeated)
            list->numbers[list->count++] = value;
    }
    return OUTCOME_DONE;
}

/* The text up to the next comma, trimmed; *rest moves behind it, to NULL after the last. */
static void next_item(const char **rest, const char **ret_text, size_t *ret_length)
{
    size_t length = strcspn(*rest, ",");
    *ret_text = *rest;
    *ret_length = length;
    *rest = (*rest)[length] ? *rest + length + 1 : NULL;
    trim(ret_text, ret_length);
}

static enum outcome parse_numbers(const struct axis_rule *rule, const char *text,
                                  struct axis_list *list, struct error *error)
{
    size_t room = 0;
    for (const char *rest = text; rest;) {
        struct item item = {0};
        next_item(&rest, &item.text, &item.length);
        if (item.length == 0)
            return refuse(text, strlen(text), "an item between commas is empty", error);
        bool keyword = rule->keyword && item.length == strlen(rule->keyword) &&
                       memcmp(item.text, rule->keyword, item.length) == 0;
        enum outcome outcome = keyword ? OUTCOME_DONE : parse_item(rule, &item, error);
        if (!outcome)
            outcome = append_item(rule->kind, &item, list, &room, error);
        if (outcome)
            return outcome;
    }
    return OUTCOME_DONE;
}

static enum outcome parse_words(const char *text, struct axis_list *list, struct error *error)
{
    size_t commas = 0;
    for (const char *c = text; *c; c++)
        commas += *c == ',';
    if (commas >= AXIS_VALUES_MAX)
        return refuse(text, strlen(text), "more than 100000 values", error);
    list->text = strdup(text);
    list->words = calloc(commas + 1, sizeof *list->words);
    if (!list->text || !list->words)
        return fail_memory(error, "the values of an axis", (double)strlen(text));
    char *place = list->text;
    for (const char *rest = text; rest;) {
        const char *word;
        size_t length;
        next_item(&rest, &word, &length);
        if (length == 0)
            return refuse(text, strlen(text), "an item between commas is empty", error);
        memcpy(place, word, length);
        place[length] = '\0';
        list->words[list->count++] = place;
        place += length + 1;
    }
    return OUTCOME_DONE;
}

enum outcome axis_parse(const struct axis_rule *rule, const char *text, struct axis_list *ret,
                        struct error *error)
{
    struct axis_list list = {0};
    if (!text[strspn(text, " \t")])
        return fail(error, OUTCOME_USAGE, "'': no value given");
    enum outcome outcome = rule->kind == AXIS_WORD ? parse_words(text, &list, error)
                                                   : parse_numbers(rule, text, &list, error);
    if (outcome)
        axis_list_clear(&list);
    else
        *ret = list;
    return outcome;
}

void axis_list_clear(struct axis_list *list)
{
    free(list->numbers);
    free(list->words);
    free(list->text);
    *list = (struct axis_list){0};
}

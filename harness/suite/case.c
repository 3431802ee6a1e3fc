/* case.c - a case as text: the label under which it is stored, and the command that repeats it. */
#include "suite/case.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "suite/axes.h"

#define FLOAT_SIZE 20 /* the text of a float */

static const char *const cache_names[] = {[CACHE_WARM] = "warm", [CACHE_COLD] = "cold"};

const char *cache_state_name(enum cache_state cache)
{
    return cache_names[cache];
}

bool cache_state_parse(const char *name, enum cache_state *ret)
{
    for (size_t i = 0; i < sizeof cache_names / sizeof *cache_names; i++) {
        if (strcmp(name, cache_names[i]) == 0) {
            *ret = (enum cache_state)i;
            return true;
        }
    }
    return false;
}

void bench_cases_clear(struct bench_cases *cases)
{
    for (size_t i = 0; i < cases->path_count; i++)
        free(cases->paths[i]);
    free(cases->paths);
    free(cases->groups);
    free(cases->cases);
    *cases = (struct bench_cases){0};
}

/* A text that grows to the right and stops at its end. */
struct writer {
    char *text;
    size_t used;
    bool full; /* a word had no room */
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(writer->text + writer->used, CASE_TEXT_SIZE - writer->used, format, arguments);
    va_end(arguments);
    if (length > 0)
        writer->used += (size_t)length;
    if (writer->used >= CASE_TEXT_SIZE)
        writer->used = CASE_TEXT_SIZE - 1;
}

/* As few digits as give the same float back. */
static const char *float_text(float value, char ret[FLOAT_SIZE])
{
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(ret, FLOAT_SIZE, "%.*g", precision, (double)value);
        if (strtof(ret, NULL) >= value && strtof(ret, NULL) <= value)
            break;
    }
    return ret;
}

static void put_float(struct writer *writer, float value)
{
    char digits[FLOAT_SIZE];
    put(writer, "%s", float_text(value, digits));
}

/* ---- Made layers ----------------------------------------------------------------------------- */

static const char skewed_by[] = "skewed:";

/* NaN for what is no number above 0. */
static float parse_share(const char *text)
{
    char *end;
    float share = strtof(text, &end);
    bool ok = *text && !text[strspn(text, "0123456789.")] && !*end && share > 0;
    return ok ? share : NAN;
}

bool made_layer_parse(const char *word, struct made_layer *ret)
{
    bool by_share = strncmp(word, skewed_by, strlen(skewed_by)) == 0;
    bool skewed = by_share || strcmp(word, "skewed") == 0;
    if (!skewed && strcmp(word, "random") != 0)
        return false;
    *ret = (struct made_layer){.skewed = skewed,
                               .share = by_share ? parse_share(word + strlen(skewed_by)) : 0};
    return true;
}

enum outcome made_layer_check(const struct bench_shape *shape, struct error *error)
{
    const struct midl_shape *layer = &shape->layer;
    double share = (double)shape->made.share, most = (double)(layer->n / 3) / (double)layer->k;
    bool asked = shape->layer_path == NULL && (share > 0 || isnan(share));
    bool inside = layer->k > 0 && share >= 1 / 3.0 && share < most;
    if (asked && layer->select == MIDL_SELECT_THRESHOLD)
        return fail(error, OUTCOME_USAGE,
                    "layer = skewed:S needs a number of selections: select = topk or block");
    if (asked && !inside)
        return fail(
            error, OUTCOME_USAGE,
            "layer = skewed:S: S must be a number from 0.334 to below %.4g, the most that a "
            "third of n = %zu can take of k = %zu",
            fmin(most, 1), layer->n, layer->k);
    return OUTCOME_DONE;
}

static const char *made_layer_text(const struct made_layer *layer, char ret[MADE_SIZE])
{
    char digits[FLOAT_SIZE];
    if (layer->share > 0)
        snprintf(ret, MADE_SIZE, "%s%s", skewed_by, float_text(layer->share, digits));
    else
        snprintf(ret, MADE_SIZE, "%s", layer->skewed ? "skewed" : "random");
    return ret;
}

/* ---- Labels ---------------------------------------------------------------------------------- */

static const char *name_of(const char *name, const char *path)
{
    return name ? name : path;
}

const char *bench_layer_name(const struct bench_shape *shape, char made[MADE_SIZE])
{
    return shape->layer_path ? name_of(shape->layer_name, shape->layer_path)
                             : made_layer_text(&shape->made, made);
}

const char *bench_input_name(const struct bench_shape *shape, char made[MADE_SIZE])
{
    snprintf(made, MADE_SIZE, "random");
    return shape->input_path ? name_of(shape->input_name, shape->input_path) : made;
}

/* The value of an axis that has a field in a case. */
static void put_value(struct writer *writer, const struct bench_shape *shape, enum axis_id axis)
{
    char made[MADE_SIZE];
#define WHOLE(field, ...) put(writer, "%llu", (unsigned long long)shape->field)
#define REAL(field, ...) put_float(writer, shape->field)
#define WORDS(field, name_of_value, ...) put(writer, "%s", name_of_value(shape->field))
#define FILES(path, name_of_file) put(writer, "%s", name_of_file(shape, made))
#define SHARE (void)0
#define NAMES (void)0
#define AXIS(id, name, label, kind, ...)                                                           \
    case AXIS_##id:                                                                                \
        kind;                                                                                      \
        break;
    switch (axis) {
#include "suite/axes.def"
    }
#undef WHOLE
#undef REAL
#undef WORDS
#undef FILES
#undef SHARE
#undef NAMES
#undef AXIS
}

static void put_label(struct writer *writer, const struct bench_shape *shape, enum axis_id axis)
{
    const struct axis_row *row = suite_axis(axis);
    if (!suite_axis_matters(shape, axis) || (row->owner < 0 && !row->label))
        return;
    if (row->owner >= 0)
        put(writer, ":");
    else
        put(writer, "%s%s=", writer->used ? " " : "", row->label);
    put_value(writer, shape, axis);
}

void bench_shape_text(const struct bench_shape *shape, char ret[CASE_TEXT_SIZE])
{
    struct writer writer = {.text = ret};
    for (int axis = 0; axis < SUITE_AXES; axis++)
        put_label(&writer, shape, (enum axis_id)axis);
}

void bench_numbers_text(const struct bench_shape *shape, char ret[CASE_TEXT_SIZE])
{
    struct writer writer = {.text = ret};
    for (int i = 0; i < SUITE_AXES; i++) {
        enum axis_part part = suite_axis((enum axis_id)i)->part;
        bool by_k = i == AXIS_K && !shape->layer_path && shape->made.share > 0;
        if (part == PART_LAYER || part == PART_SOURCE || by_k)
            put_label(&writer, shape, (enum axis_id)i);
    }
}

/* Append a word of a command line, in quotes where a shell needs them. */
static void put_quoted(struct writer *writer, const char *word)
{
    char quoted[CASE_PATH_MAX];
    if (quote_word(word, quoted, sizeof quoted))
        put(writer, " %s", quoted);
}

/* Append a word as it is, with its zero byte. */
static void put_apart(struct writer *writer, const char *word)
{
    size_t bytes = strlen(word) + 1;
    writer->full = writer->full || bytes > CASE_TEXT_SIZE - writer->used;
    if (writer->full)
        return;
    memcpy(writer->text + writer->used, word, bytes);
    writer->used += bytes;
}

/* The name of a file, or how a layer is made; NULL for the default, and for what no word can hold.
 */
static const char *file_value(const char *name)
{
    char quoted[CASE_PATH_MAX];
    return strcmp(name, "random") != 0 && quote_word(name, quoted, sizeof quoted) ? name : NULL;
}

/* The value of an axis as an option; NULL if it has no effect, or the layer file brings it. */
static const char *option_value(const struct bench_shape *shape, enum axis_id axis,
                                char text[CASE_TEXT_SIZE])
{
    struct writer writer = {.text = text};
    const struct axis_row *row = suite_axis(axis);
    bool brought = row->part == PART_LAYER && shape->layer_path;
    if (axis == AXIS_LAYER)
        return file_value(bench_layer_name(shape, text));
    if (axis == AXIS_INPUT)
        return file_value(bench_input_name(shape, text));
    if (!row->in_case || brought || !suite_axis_matters(shape, axis))
        return NULL;
    put_value(&writer, shape, axis);
    return text;
}

/* Append all options of a case; returns how many words they are. */
static size_t put_options(struct writer *writer, void put_word(struct writer *, const char *),
                          const struct bench_case *bench_case)
{
    char option[AXIS_OPTION_SIZE + 2] = "--", text[CASE_TEXT_SIZE];
    size_t words = 2;
    put_word(writer, "--kernel");
    put_word(writer, midl_variant_name(bench_case->variant));
    for (int i = 0; i < SUITE_AXES; i++) {
        const char *value = option_value(&bench_case->shape, (enum axis_id)i, text);
        if (!value)
            continue;
        suite_axis_option((enum axis_id)i, option + 2);
        put_word(writer, option);
        put_word(writer, value);
        words += 2;
    }
    return words;
}

void bench_case_command(const struct bench_case *bench_case, char ret[CASE_TEXT_SIZE])
{
    struct writer writer = {.text = ret};
    put(&writer, "midl sweep");
    put_options(&writer, put_quoted, bench_case);
}

size_t bench_case_words(const struct bench_case *bench_case, char ret[CASE_TEXT_SIZE])
{
    struct writer writer = {.text = ret};
    size_t words = put_options(&writer, put_apart, bench_case);
    return writer.full ? 0 : words;
}

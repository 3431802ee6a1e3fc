/* case.c - a case as text: the label under which it is stored, and the command that repeats it. */
#include "suite/case.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static void put_float(struct writer *writer, float value)
{
    char digits[32];
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) >= value && strtof(digits, NULL) <= value)
            break;
    }
    put(writer, "%s", digits);
}

const char *made_layer_name(bool skewed)
{
    return skewed ? "skewed" : "random";
}

bool made_layer_parse(const char *word, bool *ret_skewed)
{
    bool skewed = strcmp(word, made_layer_name(true)) == 0;
    if (!skewed && strcmp(word, made_layer_name(false)) != 0)
        return false;
    *ret_skewed = skewed;
    return true;
}

static const char *name_of(const char *name, const char *path, const char *made)
{
    if (!path)
        return made;
    return name ? name : path;
}

static void put_gate(struct writer *writer, const struct midl_shape *layer)
{
    put(writer, " gate=%s", midl_gate_name(layer->gate));
    if (layer->gate == MIDL_GATE_LOWRANK)
        put(writer, ":%zu", layer->rg);
}

static void put_select(struct writer *writer, const struct midl_shape *layer)
{
    put(writer, " select=%s", midl_select_name(layer->select));
    switch (layer->select) {
    case MIDL_SELECT_TOPK:
        break;
    case MIDL_SELECT_BLOCK:
        put(writer, ":%zu", layer->block);
        break;
    case MIDL_SELECT_THRESHOLD:
        put(writer, ":");
        put_float(writer, layer->threshold);
        break;
    }
}

void bench_shape_text(const struct bench_shape *shape, char ret[CASE_TEXT_SIZE])
{
    const struct midl_shape *layer = &shape->layer;
    struct writer writer = {ret, 0};
    put(&writer, "d=%zu n=%zu k=%zu r=%zu", layer->d, layer->n, layer->k, layer->r);
    put_gate(&writer, layer);
    put_select(&writer, layer);
    put(&writer, " unselected=%s batch=%zu threads=%d dtype=%s cache=%s",
        midl_unselected_name(layer->unselected), shape->batch, shape->threads,
        midl_dtype_name(shape->dtype), cache_state_name(shape->cache));
    put(&writer, " input=%s", name_of(shape->input_name, shape->input_path, "random"));
    put(&writer, " layer=%s",
        name_of(shape->layer_name, shape->layer_path, made_layer_name(shape->skewed)));
    put(&writer, " seed=%llu", (unsigned long long)shape->seed);
}

bool case_quote(const char *text, char *ret, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=+,@%";
    bool quotes = !*text || text[strspn(text, plain)];
    size_t used = 0;
    if (size < 3)
        return false;
    if (quotes)
        ret[used++] = '\'';
    for (const char *c = text; *c; c++) {
        const char *piece = *c == '\'' ? "'\\''" : (char[]){*c, '\0'};
        size_t length = strlen(piece);
        if (used + length + 2 > size) /* a closing quote and the end */
            return false;
        memcpy(ret + used, piece, length);
        used += length;
    }
    if (quotes)
        ret[used++] = '\'';
    ret[used] = '\0';
    return true;
}

/* The options that only make sense for a made-up layer: a layer file brings its own. */
static void put_layer_options(struct writer *writer, const struct midl_shape *layer)
{
    put(writer, " --d %zu --n %zu --rank %zu --gate %s", layer->d, layer->n, layer->r,
        midl_gate_name(layer->gate));
    if (layer->gate == MIDL_GATE_LOWRANK)
        put(writer, " --gate-rank %zu", layer->rg);
}

static void put_select_options(struct writer *writer, const struct midl_shape *layer)
{
    put(writer, " --k %zu --select %s", layer->k, midl_select_name(layer->select));
    switch (layer->select) {
    case MIDL_SELECT_TOPK:
        break;
    case MIDL_SELECT_BLOCK:
        put(writer, " --block %zu", layer->block);
        break;
    case MIDL_SELECT_THRESHOLD:
        put(writer, " --threshold ");
        put_float(writer, layer->threshold);
        break;
    }
    put(writer, " --unselected %s", midl_unselected_name(layer->unselected));
}

static void put_file_option(struct writer *writer, const char *option, const char *name,
                            const char *path)
{
    char quoted[CASE_PATH_MAX];
    if (path && case_quote(name_of(name, path, NULL), quoted, sizeof quoted))
        put(writer, " --%s %s", option, quoted);
}

void bench_case_command(const struct bench_case *bench_case, char ret[CASE_TEXT_SIZE])
{
    const struct bench_shape *shape = &bench_case->shape;
    struct writer writer = {ret, 0};
    put(&writer, "midl sweep --kernel %s", midl_variant_name(bench_case->variant));
    if (!shape->layer_path)
        put_layer_options(&writer, &shape->layer);
    if (!shape->layer_path && shape->skewed)
        put(&writer, " --layer %s", made_layer_name(true));
    put_select_options(&writer, &shape->layer);
    put(&writer, " --batch %zu --threads %d --dtype %s --cache %s --seed %llu", shape->batch,
        shape->threads, midl_dtype_name(shape->dtype), cache_state_name(shape->cache),
        (unsigned long long)shape->seed);
    put_file_option(&writer, "layer", shape->layer_name, shape->layer_path);
    put_file_option(&writer, "input", shape->input_name, shape->input_path);
}

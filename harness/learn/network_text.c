/* network_text.c - words to layers and back. */
#include "learn/network_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "learn/layer_flops.h"

#define DIMENSION_MOST 16777216.0

/* ---- Words --------------------------------------------------------------------------------- */

static void midl_text(const struct midl_shape *shape, char *ret, size_t size)
{
    append_text(ret, size, "midl%zu:k=%zu,rank=%zu,gate=%s", shape->n, shape->k, shape->r,
                midl_gate_name(shape->gate));
    if (shape->gate == MIDL_GATE_LOWRANK)
        append_text(ret, size, ",gate-rank=%zu", shape->rg);
    append_text(ret, size, ",select=%s", midl_select_name(shape->select));
    if (shape->select == MIDL_SELECT_BLOCK)
        append_text(ret, size, ",block=%zu", shape->block);
    if (shape->select == MIDL_SELECT_THRESHOLD)
        append_text(ret, size, ",threshold=%.9g", (double)shape->threshold);
    if (shape->unselected != MIDL_UNSELECTED_LIGHT)
        append_text(ret, size, ",unselected=%s", midl_unselected_name(shape->unselected));
}

static void layer_text(const struct layer_spec *layer, char *ret, size_t size)
{
    size_t n = layer->out.c;
    ret[0] = '\0';
    if (layer->kind == LAYER_CONV)
        snprintf(ret, size, "conv%zu", n);
    else if (layer->kind == LAYER_EMBED)
        snprintf(ret, size, "embed%zu", n / layer->in.c);
    else if (layer->kind == LAYER_LINEAR)
        snprintf(ret, size, "%zu", n);
    else if (layer->kind == LAYER_LOWRANK)
        snprintf(ret, size, "lowrank%zu:%zu", n, layer->rank);
    else if (layer->kind == LAYER_DROPOUT)
        snprintf(ret, size, "dropout%g", layer->rate);
    else if (layer->kind == LAYER_MIDL)
        midl_text(&layer->shape, ret, size);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Whether memory for the values of an extent can be counted. */
static bool fits(struct extent extent)
{
    return (double)extent.c * (double)extent.h * (double)extent.w <= NETWORK_VALUES_MOST;
}

/* Append a layer that keeps its input's extent; the caller fills in what differs. */
static struct layer_spec *append(struct network_spec *spec, enum layer_kind kind)
{
    if (spec->count == NETWORK_LAYERS_MOST)
        return NULL;
    struct extent in = spec->count ? spec->layers[spec->count - 1].out : spec->in;
    struct layer_spec *layer = &spec->layers[spec->count++];
    *layer = (struct layer_spec){.kind = kind, .in = in, .out = in};
    return layer;
}

static bool read_number(const char *text, double least, double most, double *ret)
{
    char *end;
    bool starts = isdigit((unsigned char)*text) || *text == '.';
    *ret = strtod(text, &end);
    return starts && !*end && *ret >= least && *ret <= most;
}

static bool read_size(const char *text, size_t least, size_t *ret)
{
    double value;
    bool whole = read_number(text, (double)least, DIMENSION_MOST, &value) && floor(value) == value;
    if (whole)
        *ret = (size_t)value;
    return whole;
}

static enum outcome bad_word(const char *word, const char *reason, struct error *error)
{
    return fail(error, OUTCOME_USAGE,
                "network: %.80s: %s; words are N, convN, embedN, lowrankN:R, midlN:..., dropoutP",
                word, reason);
}

static enum outcome read_conv(struct network_spec *spec, const char *word, struct error *error)
{
    size_t channels;
    struct layer_spec *conv = append(spec, LAYER_CONV), *pool = append(spec, LAYER_POOL);
    if (!read_size(word + strlen("conv"), 1, &channels))
        return bad_word(word, "no number of channels", error);
    if (!pool)
        return bad_word(word, "too many layers", error);
    if (conv->in.h < 2 || conv->in.w < 2)
        return bad_word(word, "its input is no image of 2x2 or more", error);
    conv->out.c = channels;
    if (!fits(conv->out))
        return bad_word(word, "its output has too many values", error);
    pool->in = conv->out;
    pool->out = (struct extent){channels, conv->out.h / 2, conv->out.w / 2};
    if (!append(spec, LAYER_NORM) || !append(spec, LAYER_RELU))
        return bad_word(word, "too many layers", error);
    return OUTCOME_DONE;
}

/* Linear layers see an image as one vector. */
static bool flatten(struct network_spec *spec)
{
    struct extent in = spec->count ? spec->layers[spec->count - 1].out : spec->in;
    if (in.h == 1 && in.w == 1)
        return true;
    struct layer_spec *layer = append(spec, LAYER_FLATTEN);
    if (layer)
        layer->out = (struct extent){extent_size(in), 1, 1};
    return layer != NULL;
}

/* One `name=value` of a MID-L layer. */
static bool read_midl_pair(struct midl_shape *shape, const char *name, const char *value)
{
    double threshold;
    if (strcmp(name, "k") == 0)
        return read_size(value, 0, &shape->k);
    if (strcmp(name, "rank") == 0)
        return read_size(value, 1, &shape->r);
    if (strcmp(name, "gate-rank") == 0)
        return read_size(value, 1, &shape->rg);
    if (strcmp(name, "block") == 0)
        return read_size(value, 1, &shape->block);
    if (strcmp(name, "gate") == 0)
        return midl_gate_parse(value, &shape->gate);
    if (strcmp(name, "select") == 0)
        return midl_select_parse(value, &shape->select);
    if (strcmp(name, "unselected") == 0)
        return midl_unselected_parse(value, &shape->unselected);
    bool ok = strcmp(name, "threshold") == 0 && read_number(value, 0, 1, &threshold);
    if (ok)
        shape->threshold = (float)threshold;
    return ok;
}

static enum outcome read_midl(struct layer_spec *layer, const char *word, const char *pairs,
                              struct error *error)
{
    struct midl_shape shape = {.d = layer->in.c,
                               .n = layer->out.c,
                               .k = layer->out.c,
                               .r = midl_default_rank(layer->out.c),
                               .gate = MIDL_GATE_LOWRANK,
                               .block = 16,
                               .threshold = 0.5f};
    char text[256], reason[MIDL_REASON_SIZE], *rest = text, *pair;
    snprintf(text, sizeof text, "%s", pairs);
    while ((pair = strsep(&rest, ","))) {
        char *value = strchr(pair, '=');
        if (value)
            *value++ = '\0';
        if (*pair && (!value || !read_midl_pair(&shape, pair, value)))
            return bad_word(word,
                            "a MID-L layer takes k=, rank=, gate=, gate-rank=, select=, "
                            "block=, threshold=, unselected=",
                            error);
    }
    if (shape.gate == MIDL_GATE_LOWRANK && !shape.rg)
        shape.rg = shape.r;
    if (midl_shape_check(&shape, reason) != MIDL_OK)
        return bad_word(word, reason, error);
    layer->shape = shape;
    return OUTCOME_DONE;
}

/* A hidden linear layer of any kind and its ReLU. */
static enum outcome read_linear(struct network_spec *spec, const char *word, enum layer_kind kind,
                                const char *rest, struct error *error)
{
    char number[24];
    size_t n, digits = strspn(rest, "0123456789");
    snprintf(number, sizeof number, "%.*s", (int)(digits < 23 ? digits : 23), rest);
    const char *pairs = rest + digits + (rest[digits] == ':');
    bool whole = kind != LAYER_LINEAR || !rest[digits];
    if (!whole || (rest[digits] && rest[digits] != ':') || !read_size(number, 1, &n))
        return bad_word(word, "no number of neurons", error);
    struct layer_spec *layer = flatten(spec) ? append(spec, kind) : NULL;
    if (!layer)
        return bad_word(word, "too many layers", error);
    layer->out.c = n;
    if (kind == LAYER_LOWRANK && !read_size(pairs, 1, &layer->rank))
        return bad_word(word, "no rank", error);
    enum outcome outcome = OUTCOME_DONE;
    if (kind == LAYER_MIDL)
        outcome = read_midl(layer, word, pairs, error);
    if (!outcome && !append(spec, LAYER_RELU))
        outcome = bad_word(word, "too many layers", error);
    return outcome;
}

static enum outcome read_embed(struct network_spec *spec, const char *word, struct error *error)
{
    size_t width;
    if (!spec->symbols || spec->count)
        return bad_word(word, "only a text's symbols are embedded, and first of all", error);
    if (!read_size(word + strlen("embed"), 1, &width))
        return bad_word(word, "no number of floats", error);
    struct layer_spec *layer = append(spec, LAYER_EMBED);
    layer->symbols = spec->symbols;
    layer->out.c = layer->in.c * width;
    return fits(layer->out) ? OUTCOME_DONE
                            : bad_word(word, "its output has too many values", error);
}

static enum outcome read_dropout(struct network_spec *spec, const char *word, struct error *error)
{
    struct layer_spec *layer = append(spec, LAYER_DROPOUT);
    if (!layer)
        return bad_word(word, "too many layers", error);
    if (!read_number(word + strlen("dropout"), 0, 0.99, &layer->rate))
        return bad_word(word, "its rate must be from 0 to 0.99", error);
    return OUTCOME_DONE;
}

static enum outcome read_word(struct network_spec *spec, const char *word, struct error *error)
{
    if (strncmp(word, "conv", 4) == 0)
        return read_conv(spec, word, error);
    if (strncmp(word, "embed", 5) == 0)
        return read_embed(spec, word, error);
    if (strncmp(word, "dropout", 7) == 0)
        return read_dropout(spec, word, error);
    if (strncmp(word, "lowrank", 7) == 0)
        return read_linear(spec, word, LAYER_LOWRANK, word + 7, error);
    if (strncmp(word, "midl", 4) == 0)
        return read_linear(spec, word, LAYER_MIDL, word + 4, error);
    return read_linear(spec, word, LAYER_LINEAR, word, error);
}

/* PyTorch's names: two Sequentials, `features` for images and `classifier` behind them. Flatten
 * stands between them and has none; the embedding stands before them. */
static void name_layers(struct network_spec *spec)
{
    size_t flat_from = 0, features = 0, classifier = 0;
    for (size_t i = 0; i < spec->count; i++)
        if (spec->layers[i].kind == LAYER_FLATTEN || spec->layers[i].kind == LAYER_EMBED)
            flat_from = i;
    for (size_t i = 0; i < spec->count; i++) {
        struct layer_spec *layer = &spec->layers[i];
        if (layer->kind == LAYER_EMBED)
            snprintf(layer->name, sizeof layer->name, "embedding");
        else if (layer->kind == LAYER_FLATTEN)
            snprintf(layer->name, sizeof layer->name, "flatten");
        else if (i < flat_from)
            snprintf(layer->name, sizeof layer->name, "features.%zu", features++);
        else
            snprintf(layer->name, sizeof layer->name, "classifier.%zu", classifier++);
    }
}

enum outcome network_read(const char *hidden, struct extent in, size_t symbols, size_t classes,
                          struct network_spec *ret, struct error *error)
{
    struct network_spec spec = {.in = in, .symbols = symbols, .classes = classes};
    char text[NETWORK_TEXT_SIZE], *rest = text, *word;
    enum outcome outcome = OUTCOME_DONE;
    if (strlen(hidden) >= sizeof text)
        return fail(error, OUTCOME_USAGE, "network: longer than %d characters",
                    NETWORK_TEXT_SIZE - 1);
    snprintf(text, sizeof text, "%s", hidden);
    while (!outcome && (word = strsep(&rest, " \t\n")))
        if (*word)
            outcome = read_word(&spec, word, error);
    if (outcome)
        return outcome;
    if (symbols && (!spec.count || spec.layers[0].kind != LAYER_EMBED))
        return fail(error, OUTCOME_USAGE, "network: a text needs embedN as its first layer");
    struct layer_spec *last = flatten(&spec) ? append(&spec, LAYER_LINEAR) : NULL;
    if (!last)
        return fail(error, OUTCOME_USAGE, "network: more than %d layers", NETWORK_LAYERS_MOST);
    last->out.c = classes;
    name_layers(&spec);
    if (!network_text_fits(&spec))
        return fail(error, OUTCOME_USAGE,
                    "network: with all values of its MID-L layers it is longer "
                    "than %d characters",
                    NETWORK_TEXT_SIZE - 1);
    *ret = spec;
    return OUTCOME_DONE;
}

/* ---- Writing --------------------------------------------------------------------------------- */

void network_text(const struct network_spec *spec, char ret[NETWORK_TEXT_SIZE])
{
    size_t used = 0;
    char word[192];
    ret[0] = '\0';
    for (size_t i = 0; i + 1 < spec->count; i++) {
        layer_text(&spec->layers[i], word, sizeof word);
        if (*word && used + strlen(word) + 2 < NETWORK_TEXT_SIZE)
            used += (size_t)snprintf(ret + used, NETWORK_TEXT_SIZE - used, "%s%s", used ? " " : "",
                                     word);
    }
}

bool network_text_fits(const struct network_spec *spec)
{
    size_t used = 0;
    char word[192];
    for (size_t i = 0; i + 1 < spec->count; i++) {
        layer_text(&spec->layers[i], word, sizeof word);
        used += strlen(word) + 1;
    }
    return used < NETWORK_TEXT_SIZE;
}

void network_input_text(const struct network_spec *spec, char ret[64])
{
    if (spec->symbols)
        snprintf(ret, 64, "%zu of %zu", spec->in.c, spec->symbols);
    else if (spec->in.h > 1 || spec->in.w > 1)
        snprintf(ret, 64, "%zux%zux%zu", spec->in.c, spec->in.h, spec->in.w);
    else
        snprintf(ret, 64, "%zu", spec->in.c);
}

enum outcome network_input_read(const char *text, struct extent *ret_in, size_t *ret_symbols,
                                struct error *error)
{
    struct extent in = {0, 1, 1};
    size_t symbols = 0;
    char copy[64], *rest = copy;
    const char *of = strstr(text, " of ");
    snprintf(copy, sizeof copy, "%.*s", of ? (int)(of - text) : 63, text);
    const char *c = strsep(&rest, "x"), *h = strsep(&rest, "x"), *w = rest;
    bool ok = read_size(c, 1, &in.c) && !h == !w;
    ok = ok && (!h || (read_size(h, 1, &in.h) && read_size(w, 1, &in.w)));
    ok = ok && (!of || (!h && read_size(of + strlen(" of "), 2, &symbols)));
    ok = ok && fits(in);
    if (!ok)
        return fail(error, OUTCOME_USAGE,
                    "input %.60s: write it as 784, 3x32x32 (channels, height, width) or 16 of 53 "
                    "(symbols)",
                    text);
    *ret_in = in;
    *ret_symbols = symbols;
    return OUTCOME_DONE;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

bool network_is_hidden(const struct network_spec *spec, size_t layer)
{
    enum layer_kind kind = spec->layers[layer].kind;
    return layer + 1 < spec->count &&
           (kind == LAYER_LINEAR || kind == LAYER_LOWRANK || kind == LAYER_MIDL);
}

double network_layer_flops(const struct layer_spec *layer, double active)
{
    double d = (double)layer->in.c, n = (double)layer->out.c, r = (double)layer->rank;
    if (layer->kind == LAYER_MIDL) {
        struct midl_parts parts = midl_layer_flops(&layer->shape, 1, (size_t)round(active * n));
        return midl_parts_sum(&parts);
    }
    return layer->kind == LAYER_LOWRANK ? 2 * r * (d + n) + n
                                        : flops_linear(layer->in.c, layer->out.c);
}

double network_hidden_flops(const struct network_spec *spec)
{
    double flops = 0;
    for (size_t i = 0; i < spec->count; i++)
        if (network_is_hidden(spec, i))
            flops += network_layer_flops(&spec->layers[i], (double)spec->layers[i].shape.k /
                                                               (double)spec->layers[i].out.c);
    return flops;
}

double network_hidden_linear_flops(const struct network_spec *spec)
{
    double flops = 0;
    for (size_t i = 0; i < spec->count; i++)
        if (network_is_hidden(spec, i))
            flops += flops_linear(spec->layers[i].in.c, spec->layers[i].out.c);
    return flops;
}

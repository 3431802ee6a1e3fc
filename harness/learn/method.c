/* method.c - see method.h. */
#include "learn/method.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "learn/layer_flops.h"

enum makes { MAKES_DENSE, MAKES_MIDL, MAKES_NARROW, MAKES_CONVERTED, MAKES_LOWRANK };

static const struct {
    const char *name, *about;
    enum makes makes;
    enum midl_select select;
    enum layer_mask mask;
} methods[METHODS] = {
#define METHOD(id, name, makes, select, mask, about)                                               \
    {name, about, MAKES_##makes, MIDL_SELECT_##select, MASK_##mask},
#include "learn/methods.def"
#undef METHOD
};

const char *method_name(enum method method)
{
    return methods[method].name;
}

const char *method_about(enum method method)
{
    return methods[method].about;
}

bool method_parse(const char *name, enum method *ret)
{
    for (size_t i = 0; i < METHODS; i++)
        if (strcmp(methods[i].name, name) == 0) {
            *ret = (enum method)i;
            return true;
        }
    return false;
}

enum layer_mask method_mask(enum method method)
{
    return methods[method].mask;
}

bool method_converts(enum method method)
{
    return methods[method].makes == MAKES_LOWRANK || methods[method].makes == MAKES_CONVERTED;
}

bool method_is_gated(enum method method)
{
    return methods[method].makes == MAKES_MIDL || methods[method].makes == MAKES_CONVERTED;
}

bool method_trains_gates(enum method method)
{
    return methods[method].makes == MAKES_MIDL;
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

static size_t neurons_of(double active, size_t n)
{
    return (size_t)round(active * (double)n);
}

static struct midl_shape midl_shape_of(enum method method, const struct method_options *options,
                                       const struct layer_spec *plain)
{
    size_t d = plain->in.c, n = plain->out.c;
    /* A conversion's gate reads the light path's projection. */
    enum midl_gate gate = method_converts(method) ? MIDL_GATE_SHARED : options->gate;
    size_t rank = options->rank ? options->rank : rank_of_promise(d, n, gate);
    struct midl_shape shape = {.d = d,
                               .n = n,
                               .r = rank,
                               .rg = gate == MIDL_GATE_LOWRANK ? rank : 0,
                               .k = method == METHOD_LIGHT ? 0 : neurons_of(options->active, n),
                               .gate = gate,
                               .select = methods[method].select,
                               .block = 16,
                               .threshold = 0.5f,
                               .unselected = options->unselected};
    if (shape.select == MIDL_SELECT_BLOCK)
        shape.k = (size_t)round(options->active * (double)n / (double)shape.block) * shape.block;
    return shape;
}

/* ---- Networks -------------------------------------------------------------------------------- */

static void append_word(char text[NETWORK_TEXT_SIZE], const char *word)
{
    append_text(text, NETWORK_TEXT_SIZE, "%s%s", *text ? " " : "", word);
}

/* The hidden layers' text, their linear ones `factor` as wide, each followed by dropout unless that
 * is 0. */
static enum outcome rewrite(const struct network_spec *plain, double factor, double dropout,
                            struct network_spec *ret, struct error *error)
{
    char text[NETWORK_TEXT_SIZE], changed[NETWORK_TEXT_SIZE] = "", copy[64], *rest = text, *word;
    network_text(plain, text);
    while ((word = strsep(&rest, " "))) {
        bool linear = word[strspn(word, "0123456789")] == '\0';
        size_t n = 0;
        if (linear && sscanf(word, "%zu", &n) == 1)
            snprintf(copy, sizeof copy, "%.0f", fmax(1, floor(factor * (double)n)));
        append_word(changed, linear ? copy : word);
        snprintf(copy, sizeof copy, "dropout%g", dropout);
        if (linear && dropout > 0)
            append_word(changed, copy);
    }
    return network_read(changed, plain->in, plain->symbols, plain->classes, ret, error);
}

/* The widest network whose hidden layers take at most 1 / ratio of the plain FLOPs. */
static enum outcome narrow(const struct network_spec *plain, double ratio, struct network_spec *ret,
                           struct error *error)
{
    double most = network_hidden_linear_flops(plain) / ratio, low = 0, high = 1;
    enum outcome outcome = OUTCOME_DONE;
    for (int i = 0; i < 20 && !outcome; i++) {
        double factor = (low + high) / 2;
        outcome = rewrite(plain, factor, 0, ret, error);
        if (!outcome && network_hidden_linear_flops(ret) <= most)
            low = factor;
        else
            high = factor;
    }
    return outcome ? outcome : rewrite(plain, low, 0, ret, error);
}

static enum outcome replace(enum method method, const struct method_options *options,
                            struct network_spec *spec, struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    size_t hidden = 0;
    for (size_t i = 0; i < spec->count; i++) {
        struct layer_spec *layer = &spec->layers[i];
        if (!network_is_hidden(spec, i) || layer->kind != LAYER_LINEAR)
            continue;
        hidden++;
        if (options->layer && hidden != options->layer)
            continue;
        layer->kind = method_is_gated(method) ? LAYER_MIDL : LAYER_LOWRANK;
        layer->rank = rank_of_ratio(layer->in.c, layer->out.c, options->ratio);
        if (layer->kind == LAYER_MIDL)
            layer->shape = midl_shape_of(method, options, layer);
        if (layer->kind == LAYER_MIDL && midl_shape_check(&layer->shape, reason) != MIDL_OK)
            return fail(error, OUTCOME_USAGE, "method %s, layer %zu -> %zu: %s",
                        method_name(method), layer->in.c, layer->out.c, reason);
    }
    if (options->layer > hidden)
        return fail(error, OUTCOME_USAGE, "layer %zu: the network has %zu hidden linear layers",
                    options->layer, hidden);
    return OUTCOME_DONE;
}

enum outcome method_network(enum method method, const struct method_options *options,
                            const struct network_spec *plain, struct network_spec *ret,
                            struct error *error)
{
    struct network_spec spec = *plain;
    enum outcome outcome = OUTCOME_DONE;
    if (method == METHOD_DROPOUT)
        outcome = rewrite(plain, 1, options->dropout, &spec, error);
    else if (methods[method].makes == MAKES_NARROW)
        outcome = narrow(plain, options->ratio, &spec, error);
    else if (methods[method].makes != MAKES_DENSE)
        outcome = replace(method, options, &spec, error);
    if (!outcome)
        *ret = spec;
    return outcome;
}

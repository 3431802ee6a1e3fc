/* smi_layer.c - the parts of a MID-L layer and the controls to sliced mutual information. */
#include "learn/smi_layer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define BATCH 64 /* inputs of one call */

#define SMI_ROW(id, name, text) name,
static const char *const names[] = {SMI_QUANTITIES(SMI_ROW)};
#undef SMI_ROW
#define SMI_ROW(id, name, text) text,
static const char *const texts[] = {SMI_QUANTITIES(SMI_ROW)};
#undef SMI_ROW

const char *smi_quantity_name(enum smi_quantity quantity)
{
    return names[quantity];
}

const char *smi_quantity_text(enum smi_quantity quantity)
{
    return texts[quantity];
}

/* ---- The parts of a layer -------------------------------------------------------------------- */

/* ret [count][rows] = x [count][d] W^T + b; sums in double. Plain, as it runs once. */
static void products(size_t count, size_t rows, size_t d, const float *W, const float *b,
                     const float *x, float *ret)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < rows; j++) {
            double sums[4] = {b ? (double)b[j] : 0};
            const float *w = W + j * d, *input = x + i * d;
            size_t whole = d - d % 4;
            for (size_t at = 0; at < whole; at += 4)
                for (size_t lane = 0; lane < 4; lane++)
                    sums[lane] += (double)w[at + lane] * (double)input[at + lane];
            for (size_t at = whole; at < d; at++)
                sums[0] += (double)w[at] * (double)input[at];
            ret[i * rows + j] = (float)(sums[0] + sums[1] + sums[2] + sums[3]);
        }
}

/* L = U (V x) + c. */
static bool light_path(const struct midl_layer *layer, const float *x, size_t count, float *ret)
{
    size_t r = layer->shape.r;
    float *down = malloc((count * r + 1) * sizeof *down);
    if (!down)
        return false;
    products(count, r, layer->shape.d, layer->light_down, NULL, x, down);
    products(count, layer->shape.n, r, layer->light_up, layer->light_bias, down, ret);
    free(down);
    return true;
}

/* Mark what a batch selected, and count it. */
static size_t mark_selected(const struct midl_selection *selection, size_t n, float *ret_mask)
{
    size_t selected = 0;
    for (size_t i = 0; i < selection->batch; i++) {
        selected += selection->count[i];
        for (size_t s = 0; s < selection->count[i]; s++)
            ret_mask[i * n + selection->index[i * selection->stride + s]] = 1.0f;
    }
    return selected;
}

/* Run the layer itself: outputs and masks. */
static enum outcome run_layer(const struct midl_layer *layer, const float *x,
                              struct smi_layer *parts, struct error *error)
{
    struct midl_plan_options options = {.size = sizeof options, .max_batch = BATCH, .threads = 1};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    enum outcome outcome = OUTCOME_DONE;
    enum midl_status status = midl_plan_create(layer, &options, &plan, reason);
    if (status != MIDL_OK)
        return fail(error, status == MIDL_INVALID ? OUTCOME_USAGE : OUTCOME_MACHINE,
                    "the layer: %s", reason);
    for (size_t i = 0; i < parts->count && outcome == OUTCOME_DONE; i += BATCH) {
        size_t batch = parts->count - i < BATCH ? parts->count - i : BATCH;
        if (midl_run(plan, batch, x + i * layer->shape.d, parts->y + i * parts->n) != MIDL_OK)
            outcome = fail(error, OUTCOME_USAGE, "a gate logit of inputs %zu to %zu is NaN", i,
                           i + batch - 1);
        struct midl_selection selection = midl_plan_selection(plan);
        parts->selected += mark_selected(&selection, parts->n, parts->mask + i * parts->n);
    }
    midl_plan_destroy(plan);
    return outcome;
}

void smi_layer_clear(struct smi_layer *layer)
{
    free(layer->y);
    free(layer->F);
    free(layer->L);
    free(layer->mask);
    *layer = (struct smi_layer){.y = NULL};
}

enum outcome smi_layer_run(const struct midl_layer *layer, const float *x, size_t count,
                           struct smi_layer *ret, struct error *error)
{
    size_t n = layer->shape.n, elements = count * n + 1;
    struct smi_layer parts = {.count = count, .n = n};
    parts.y = malloc(elements * sizeof *parts.y);
    parts.F = malloc(elements * sizeof *parts.F);
    parts.L = malloc(elements * sizeof *parts.L);
    parts.mask = calloc(elements, sizeof *parts.mask);
    bool ok = parts.y && parts.F && parts.L && parts.mask && light_path(layer, x, count, parts.L);
    enum outcome outcome = ok ? run_layer(layer, x, &parts, error)
                              : fail_memory(error, "the parts of a layer", 16.0 * (double)elements);
    if (outcome == OUTCOME_DONE) {
        products(count, n, layer->shape.d, layer->full_weight, layer->full_bias, x, parts.F);
        *ret = parts;
    } else {
        smi_layer_clear(&parts);
    }
    return outcome;
}

/* ---- Quantities ------------------------------------------------------------------------------ */

/* ret = values where the mask is `wanted`, else 0. */
static void fill_masked(const struct smi_layer *layer, const float *values, float wanted,
                        float *ret)
{
    for (size_t i = 0; i < layer->count * layer->n; i++)
        ret[i] = layer->mask[i] == wanted ? values[i] : 0.0f;
}

/* Choose `wanted` of n neurons: ret_row takes y there, 0 elsewhere (Knuth's algorithm S). */
static void fill_random(struct rng *rng, const float *y, size_t n, size_t wanted, float *ret_row)
{
    size_t chosen = 0;
    for (size_t j = 0; j < n; j++) {
        bool take = rng_uniform(rng) * (double)(n - j) < (double)(wanted - chosen);
        chosen += take;
        ret_row[j] = take ? y[j] : 0.0f;
    }
}

static size_t row_selected(const struct smi_layer *layer, size_t i)
{
    size_t selected = 0;
    for (size_t j = 0; j < layer->n; j++)
        selected += layer->mask[i * layer->n + j] != 0.0f;
    return selected;
}

static void fill_each_random(const struct smi_layer *layer, uint64_t seed, float *ret)
{
    struct rng rng = rng_seed(seed);
    for (size_t i = 0; i < layer->count; i++)
        fill_random(&rng, layer->y + i * layer->n, layer->n, row_selected(layer, i),
                    ret + i * layer->n);
}

/* The same neurons for all inputs, as many as are selected on average. */
static void fill_static(const struct smi_layer *layer, uint64_t seed, float *ret)
{
    size_t wanted = (layer->selected + layer->count / 2) / layer->count;
    for (size_t i = 0; i < layer->count; i++) {
        struct rng rng = rng_seed(seed);
        fill_random(&rng, layer->y + i * layer->n, layer->n, wanted, ret + i * layer->n);
    }
}

static void fill_other(const struct smi_layer *layer, uint64_t seed, float *ret)
{
    struct rng rng = rng_seed(seed);
    size_t n = layer->n, count = layer->count;
    for (size_t i = 0; i < count; i++) {
        size_t step = count > 1 ? 1 + rng_below(&rng, (uint32_t)count - 1) : 0;
        const float *mask = layer->mask + (i + step) % count * n;
        for (size_t j = 0; j < n; j++)
            ret[i * n + j] = mask[j] != 0.0f ? layer->y[i * n + j] : 0.0f;
    }
}

void smi_layer_fill(const struct smi_layer *layer, enum smi_quantity quantity, uint64_t seed,
                    float *ret)
{
    size_t bytes = layer->count * layer->n * sizeof *ret;
    switch (quantity) {
    case SMI_Y_SELECTED:
    case SMI_Y_SHUFFLED:
        fill_masked(layer, layer->y, 1.0f, ret);
        break;
    case SMI_Y_RANDOM:
        fill_each_random(layer, seed, ret);
        break;
    case SMI_Y_STATIC:
        fill_static(layer, seed, ret);
        break;
    case SMI_Y_OTHER:
        fill_other(layer, seed, ret);
        break;
    case SMI_Y_UNSELECTED:
        fill_masked(layer, layer->y, 0.0f, ret);
        break;
    case SMI_Y_ALL:
        memcpy(ret, layer->y, bytes);
        break;
    case SMI_F_SELECTED:
        fill_masked(layer, layer->F, 1.0f, ret);
        break;
    case SMI_F_UNSELECTED:
        fill_masked(layer, layer->F, 0.0f, ret);
        break;
    case SMI_L_ALL:
        memcpy(ret, layer->L, bytes);
        break;
    case SMI_MASK:
        memcpy(ret, layer->mask, bytes);
        break;
    case SMI_QUANTITY_COUNT:
        break;
    }
}

void smi_shuffle(uint64_t seed, size_t count, uint32_t *labels)
{
    struct rng rng = rng_seed(seed);
    rng_shuffle(&rng, labels, count);
}

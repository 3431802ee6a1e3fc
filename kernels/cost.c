/* cost.c - FLOPs and bytes by part. A multiply-add is 2 FLOPs; a sigmoid counts as one operation of
 * the blend; comparisons of the selection are kept apart. Bytes are compulsory traffic: every
 * weight that must be read, once a call, inputs read once, outputs written once. Tested against an
 * instrumented scalar layer that counts each operation and each weight it touches. */
#include "cost.h"

#include <math.h>

#include "variant.h"

double midl_parts_sum(const struct midl_parts *parts)
{
    return parts->gate + parts->light + parts->full + parts->blend;
}

double midl_cost_flops(const struct midl_cost *cost)
{
    return midl_parts_sum(&cost->flops);
}

double midl_cost_bytes(const struct midl_cost *cost)
{
    return midl_parts_sum(&cost->bytes) + cost->io_bytes;
}

double midl_linear_flops(const struct midl_shape *shape, size_t batch)
{
    double d = (double)shape->d, n = (double)shape->n;
    return (double)batch * (2 * d * n + n);
}

/* Weights and biases of the gate. A product with w weights and c biases is 2 w + c FLOPs. */
static void gate_size(const struct midl_shape *shape, double *ret_weights, double *ret_biases)
{
    double d = (double)shape->d, n = (double)shape->n, r = (double)shape->r, rg = (double)shape->rg;
    *ret_biases = n;
    switch (shape->gate) {
    case MIDL_GATE_FULL:
        *ret_weights = d * n;
        break;
    case MIDL_GATE_LOWRANK:
        *ret_weights = rg * (d + n);
        break;
    case MIDL_GATE_SHARED:
        *ret_weights = r * n;
        break;
    }
}

struct midl_parts midl_layer_flops(const struct midl_shape *shape, size_t batch, size_t selected)
{
    double B = (double)batch, d = (double)shape->d, n = (double)shape->n, r = (double)shape->r;
    double weights = 0, biases = 0;
    gate_size(shape, &weights, &biases);
    return (struct midl_parts){.gate = B * (2 * weights + biases),
                               .light = B * (2 * r * d + 2 * r * n + n),
                               .full = (double)selected * (2 * d + 1),
                               .blend = (double)selected * 4};
}

static size_t selected_pairs(const struct midl_shape *shape, size_t batch,
                             const struct midl_selection *selection)
{
    size_t pairs = 0;
    if (!selection)
        return batch * midl_expected_count(shape);
    for (size_t b = 0; b < selection->batch; b++)
        pairs += selection->count[b];
    return pairs;
}

/* Distinct rows: counted where there is a selection, else what independent uniform ones give. */
static double distinct_rows(const struct midl_shape *shape, size_t batch,
                            const struct midl_selection *selection)
{
    double n = (double)shape->n;
    if (!selection)
        return n * (1 - pow(1 - (double)midl_expected_count(shape) / n, (double)batch));
    return (double)midl_selection_distinct(selection, shape->n);
}

size_t midl_selection_distinct(const struct midl_selection *selection, size_t n)
{
    size_t distinct = 0, at[1 + 4096 / sizeof(size_t)];
    /* Neuron by neuron over sorted lists, in ranges of as many neurons as a small bit set holds. */
    const size_t bits = 8 * sizeof(size_t), range = sizeof at / sizeof at[0] * bits;
    for (size_t first = 0; first < n; first += range) {
        for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
            at[i] = 0;
        for (size_t b = 0; b < selection->batch; b++)
            for (size_t i = 0; i < selection->count[b]; i++) {
                size_t j = selection->index[b * selection->stride + i];
                if (j >= first && j - first < range)
                    at[(j - first) / bits] |= (size_t)1 << ((j - first) % bits);
            }
        for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
            distinct += (size_t)__builtin_popcountll(at[i]);
    }
    return distinct;
}

/* Bytes of one row of W in its type, with its bias. */
static double row_bytes(enum midl_dtype dtype, size_t columns)
{
    double d = (double)columns, bias = 4;
    switch (dtype) {
    case MIDL_F32:
        return 4 * d + bias;
    case MIDL_BF16:
        return 2 * d + bias;
    case MIDL_INT8:
        return d + 4 + bias; /* 4: its scale */
    }
    return 0;
}

/* Gate, light path, blend, selection, input and output: the same for every MID-L variant. */
static struct midl_cost layer_cost(const struct midl_shape *shape, size_t batch, size_t pairs)
{
    double B = (double)batch, d = (double)shape->d, n = (double)shape->n, r = (double)shape->r;
    double weights = 0, biases = 0;
    gate_size(shape, &weights, &biases);
    return (struct midl_cost){
        .flops = midl_layer_flops(shape, batch, pairs),
        .bytes = {.gate = 4 * (weights + biases), .light = 4 * (r * d + r * n + n)},
        .io_bytes = 4 * B * (d + n),
        .comparisons = B * n};
}

void cost_linear(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                 const struct midl_selection *selection, struct midl_cost *ret)
{
    double B = (double)batch, d = (double)shape->d, n = (double)shape->n;
    (void)selection;
    *ret = (struct midl_cost){.flops = {.full = midl_linear_flops(shape, batch)},
                              .bytes = {.full = n * row_bytes(dtype, shape->d)},
                              .io_bytes = 4 * B * (d + n)};
}

void cost_light(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                const struct midl_selection *selection, struct midl_cost *ret)
{
    struct midl_cost all = layer_cost(shape, batch, 0);
    (void)dtype;
    (void)selection;
    *ret = (struct midl_cost){.flops = {.light = all.flops.light},
                              .bytes = {.light = all.bytes.light},
                              .io_bytes = all.io_bytes};
}

void cost_every_row(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                    const struct midl_selection *selection, struct midl_cost *ret)
{
    *ret = layer_cost(shape, batch, selected_pairs(shape, batch, selection));
    ret->flops.full = midl_linear_flops(shape, batch);
    ret->bytes.full = (double)shape->n * row_bytes(dtype, shape->d);
}

void cost_selected_rows(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                        const struct midl_selection *selection, struct midl_cost *ret)
{
    *ret = layer_cost(shape, batch, selected_pairs(shape, batch, selection));
    ret->bytes.full = row_bytes(dtype, shape->d) * distinct_rows(shape, batch, selection);
}

struct midl_cost midl_variant_cost(const struct midl_variant *variant,
                                   const struct midl_shape *shape, size_t batch,
                                   const struct midl_selection *selection)
{
    struct midl_cost cost;
    variant->cost(variant->dtype, shape, batch, selection, &cost);
    return cost;
}

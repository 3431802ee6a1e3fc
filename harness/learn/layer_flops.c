/* layer_flops.c - see layer_flops.h. */
#include "learn/layer_flops.h"

#include <math.h>

double flops_linear(size_t d, size_t n)
{
    const struct midl_shape shape = {.d = d, .n = n};
    return midl_linear_flops(&shape, 1);
}

double flops_ratio(const struct midl_shape *shape, double active)
{
    enum { INPUTS = 1000 }; /* so that a share needn't be a whole number of neurons */
    size_t selected = (size_t)llround(active * (double)shape->n * INPUTS);
    struct midl_parts parts = midl_layer_flops(shape, INPUTS, selected);
    return midl_linear_flops(shape, INPUTS) / midl_parts_sum(&parts);
}

static double midl_flops(size_t d, size_t n, size_t rank, enum midl_gate gate)
{
    const struct midl_shape shape = {.d = d, .n = n, .r = rank, .rg = rank, .gate = gate};
    struct midl_parts parts =
        midl_layer_flops(&shape, 1, (size_t)lround(PROMISED_ACTIVE * (double)n));
    return midl_parts_sum(&parts);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t rank_of_promise(size_t d, size_t n, enum midl_gate gate)
{
    size_t rank = 1;
    while (rank < smaller(d, n) &&
           flops_linear(d, n) >= PROMISED_RATIO * midl_flops(d, n, rank + 1, gate))
        rank++;
    return rank;
}

size_t rank_of_ratio(size_t d, size_t n, double ratio)
{
    double rank = (flops_linear(d, n) / ratio - (double)n) / (2 * (double)(d + n));
    return rank < 1 ? 1 : smaller((size_t)rank, smaller(d, n));
}

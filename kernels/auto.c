/* auto.c - chooses a variant for a plan, by what measurements have in common. One or two inputs are
 * bound by the weights' traffic: the fused gather wins at every k. A handful share most of the
 * weights but make lists too short for register tiles: a dense product wins unless few neurons are
 * selected. From about nine inputs on lists win up to two thirds of the neurons. Blocks of sixteen
 * have a variant of their own, which wins at every batch. Thresholds are from one AVX-512 core;
 * what they cost elsewhere is for measurements to show. Weights in bf16 and int8 have no lists and
 * blocks: the gather stands in for them where few neurons are selected, else the dense product.
 */
#include "variant.h"

extern MIDL_IMPL(auto);

static const char *choice(const struct midl_shape *shape, size_t batch)
{
    double active = (double)shape->k / (double)shape->n;
    char reason[MIDL_REASON_SIZE];
    const struct midl_variant *block = midl_variant_find("block", MIDL_F32);
    if (midl_variant_fits(block, shape, batch, 1, reason) == MIDL_OK)
        return "block";
    if (batch <= 2 || (batch <= 4 && active <= 0.25))
        return "simd";
    if (batch <= 8)
        return active <= 0.25 ? "lists" : "dense-rows";
    return active <= 0.6 ? "lists" : "dense-rows";
}

static const char *choice_of_narrow(const struct midl_shape *shape, size_t batch)
{
    double active = (double)shape->k / (double)shape->n;
    return batch <= 2 || active <= 0.25 ? "simd" : "dense-rows";
}

static const struct midl_variant *choose(const struct variant_env *env)
{
    enum midl_dtype dtype = env->full.dtype;
    const char *name = dtype == MIDL_F32 ? choice(&env->layer.shape, env->max_batch)
                                         : choice_of_narrow(&env->layer.shape, env->max_batch);
    return midl_variant_find(name, dtype);
}

MIDL_IMPL(auto) = {.choose = choose};

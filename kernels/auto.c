/* auto.c - chooses a variant for a plan. Without a calibrated table, by what measurements on
 * several processors have in common: one or two inputs are bound by the weights' traffic, so the
 * fused gather wins at every k; from a handful on a dense product costs little more per input than
 * reading the weights once, and wins unless few neurons are selected. */
#include "variant.h"

extern MIDL_IMPL(auto);

/* k/n below which the gather beats the dense product of that batch. */
static double gather_share(size_t batch)
{
    return batch <= 2 ? 1.0 : batch <= 8 ? 0.5 : 0.2;
}

static const struct midl_variant *choose(const struct variant_env *env)
{
    const struct midl_shape *s = &env->layer.shape;
    const struct midl_variant *gather = midl_variant_find("simd", MIDL_F32);
    const struct midl_variant *dense = midl_variant_find("dense", MIDL_F32);
    bool few = (double)s->k <= gather_share(env->max_batch) * (double)s->n;
    return few || midl_variant_unavailable(dense) ? gather : dense;
}

MIDL_IMPL(auto) = {.choose = choose};

/* auto.c - chooses a variant for a plan by measured times: the plan's calibration, made on this
 * machine by `midl calibrate`, or, for other dtypes and without one, the table that is built in.
 * What they have in common: one or two inputs wait for the weights, so that a fused gather wins at
 * every k; a handful share most of the weights but make short lists, where computing every row may
 * be faster; larger batches are for lists, and blocks of sixteen for the variant made for them.
 * Where these borders lie, and that they move with the machine and the type of the weights, is what
 * the table knows. */
#include "calibration.h"
#include "variant.h"

extern MIDL_IMPL(auto);

static const struct midl_variant *choose(const struct midl_layer *layer,
                                         const struct midl_plan_options *options, size_t batch)
{
    const struct midl_calibration *own = options->calibration;
    const struct midl_calibration *table =
        own && calibration_covers(own, options->dtype) ? own : calibration_built_in();
    const struct midl_variant *variant =
        calibration_choice(table, options->dtype, &layer->shape, batch, options->threads);
    return variant ? variant : midl_variant_find("simd", options->dtype);
}

MIDL_IMPL(auto) = {.choose = choose};

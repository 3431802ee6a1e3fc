/* auto.c - chooses variants by measured times: the plan's calibration, made on this machine by
 * `midl calibrate`, or, for other dtypes and without one, the table that is built in. What these
 * have in common: one or two inputs wait for the weights, so that a fused gather wins at every k; a
 * handful share most of the weights but make short lists, where computing every row may be faster;
 * larger batches are for lists, those with popular neurons for the hybrid, and blocks of sixteen
 * for the variant made for them. Where these borders lie, and that they move with the machine and
 * the type of the weights, is what the table knows. */
#include "choice.h"
#include "variant.h"

extern MIDL_IMPL(auto);

static void choose(const struct midl_layer *layer, const struct midl_plan_options *options,
                   struct choice *ret)
{
    const struct midl_calibration *own = options->calibration;
    const struct midl_calibration *table =
        own && calibration_covers(own, options->dtype) ? own : calibration_built_in(options->dtype);
    if (choice_prepare(table, options->dtype, &layer->shape, options->max_batch, options->threads,
                       ret))
        return;
    *ret = (struct choice){.count = 1, .n = layer->shape.n};
    ret->variants[0] = midl_variant_find("simd", options->dtype);
}

MIDL_IMPL(auto) = {.choose = choose};

/* parts.h - where the time of a MID-L layer's call goes: gate, selection, light path, full path.
 *
 * Measured in a pass of its own, by plans that are prefixes of the call, in interleaved rounds:
 *
 *   light    the light path alone (`low-rank`)
 *   gate     a plan with k = 0, which has both projections, less `light`
 *   select   the layer's selection, on the logits that the layer has
 *   full     the whole call less a plan with k = 0 and less `select`: the full path of what is
 *            selected, with sigmoid and blend
 *   all      the whole call
 *
 * Differences are taken within rounds. Under a threshold `select` is a part of `full`. */
#ifndef MIDL_PARTS_H
#define MIDL_PARTS_H

#include "measure/measure.h"

#define PARTS_MOST 5

/* Measure the parts of a case of one thread and f32 weights; *ret_count is 0 for other cases, for
 * plain variants and when interrupted. The texts are constants. Each plan is compared with the
 * oracle before it is timed: OUTCOME_BAD if one is wrong. */
enum outcome parts_measure(const struct bench_case *bench_case,
                           const struct measure_options *options, struct store_part ret[PARTS_MOST],
                           size_t *ret_count, struct error *error);

#endif

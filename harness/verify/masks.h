/* masks.h - what the masks of a layer have in common, and made masks that have as much. */
#ifndef MIDL_MASKS_H
#define MIDL_MASKS_H

#include <stddef.h>

/* All zero where nothing was selected. */
struct masks {
    double third;   /* share of all selections that the most popular n/3 take, rounded down */
    double overlap; /* share of an input's selections that another input is expected to make too */
    double never;   /* share of the neurons that no input selects */
};

/* Tell what masks have in common. times[n]: inputs that select each neuron, of `inputs`; the most
 * popular come first afterwards. Overlap is that of two different inputs, so that it is the same
 * for few inputs and for many; 0 for one. */
struct masks masks_of_counts(size_t *times, size_t n, size_t inputs);

/* The logit of a neuron, normal over the inputs. */
struct neuron {
    double unit_mean; /* in units of the scale that is solved for */
    double deviation;
    double times; /* share of the inputs that select it; written by the functions below */
};

/* Find the factor of all means with which the most popular third takes this share of the
 * selections, where a common threshold lets k of n through. More popular neurons come first
 * afterwards. */
double masks_scale_for_share(struct neuron *neurons, size_t n, size_t k, double share);

/* Find the S of `layer = skewed:S` whose masks, k of n, are expected to overlap so much, rounded
 * down to thousandths; 0.334, the least that can be asked for, where random ones overlap more. Near
 * the most, (n/3)/k, S hardly moves while the overlap does: S is found by overlap, not by the share
 * of a third. 0 < k < n. NaN where no S is possible, or for lack of memory. */
double masks_share_like(size_t n, size_t k, double overlap);

#endif

/* sliced_information.h - sliced mutual information: the mean, over random directions, of the mutual
 * information of one-dimensional projections, in nats (Goldfeld & Greenewald, NeurIPS 2021).
 *
 *   SMI(X; Y) = E[ I(theta . X; phi . Y) ],  theta and phi uniform on their unit spheres
 *
 * A label has no direction: SMI(X; label) = E[ I(theta . X; label) ].
 *
 * In one dimension neighbours stand side by side once values are sorted, so a slice of N points
 * takes N log N. Projections get a jitter of 1e-10 of their deviation: values that repeat, as
 * zeros of neurons do, would else have neighbours at no distance. */
#ifndef MIDL_SLICED_INFORMATION_H
#define MIDL_SLICED_INFORMATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SMI_NEIGHBOURS_MOST 16

struct smi_options {
    size_t slices;     /* directions, at least 2; 1000 is usual */
    size_t neighbours; /* k of the estimators, 1 to SMI_NEIGHBOURS_MOST; 3 is usual */
    size_t groups;     /* of points, for the interval: 0, or 2 or more; 10 is usual */
    uint64_t seed;
};

/* Mean over slices and its 95 % interval. Its width covers the choice of directions, and with
 * groups that of the points, by the jackknife that leaves out one group at a time. */
struct smi_estimate {
    double nats, lo, hi;
};

/* Points are rows of floats, row i at x + i * stride. */
struct smi_points {
    const float *x;
    size_t count, d, stride;
};

/* Whether so many points can be asked in this way: OUTCOME_USAGE where the options are wrong,
 * OUTCOME_NO_VERDICT where the points are too few for the neighbours. */
enum outcome smi_check(const struct smi_options *options, size_t count, struct error *error);

/* Estimate SMI of points and their labels, below `classes`. Points of a class that has one member
 * only are left out. Fewer points than neighbours + 2 in a group's absence is OUTCOME_NO_VERDICT.
 */
enum outcome smi_of_labels(const struct smi_points *points, const uint32_t *labels, size_t classes,
                           const struct smi_options *options, struct smi_estimate *ret,
                           struct error *error);

/* Estimate SMI of pairs: rows of a and b belong together. */
enum outcome smi_of_vectors(const struct smi_points *a, const struct smi_points *b,
                            const struct smi_options *options, struct smi_estimate *ret,
                            struct error *error);

#endif

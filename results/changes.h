/* changes.h - the levels of a series: where values that were taken one after the other go over to
 * another distribution, and stay there.
 *
 * E-divisive (Matteson and James 2014, with exponent 1): the place that parts the series into the
 * two most unlike pieces, by energy distance, is a change if fewer than `alpha` of the permutations
 * of the series can be parted as well; then both pieces are looked at in the same way. It asks for
 * nothing of the distribution, and a lone wild value is no level. Daly, Brown, Ingo, O'Leary,
 * Bradford 2020 use it for performance in CI.
 */
#ifndef MIDL_CHANGES_H
#define MIDL_CHANGES_H

#include <stddef.h>

#define CHANGES_SHORTEST 3 /* values of a level; a change shows after so many at the earliest */

/* Values [first, first of the next level) of the series. */
struct changes_level {
    size_t first;
    double median;
};

struct changes_options {
    double alpha; /* chance of a change in values that are all of one kind: 0.05 */
    double least; /* levels that differ by less, relative, are one: 0.01 */
};

/* Find the levels of values[count], in order: ret_levels[count] is written from its start. Returns
 * their number, 1 if nothing changes; 0 for no values, and where there is no memory. The same
 * values give the same levels: permutations are drawn from a fixed seed. */
size_t changes_levels(const double *values, size_t count, const struct changes_options *options,
                      struct changes_level *ret_levels);

#endif

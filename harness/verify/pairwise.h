/* pairwise.h - pairwise covers: few rows in which every two values of any two axes meet.
 *
 * Most faults need no more than two things to coincide (a tail and a batch, a rule and a gate), so
 * a cover finds them at a small part of the price of the full product. Greedy and deterministic. */
#ifndef MIDL_PAIRWISE_H
#define MIDL_PAIRWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVER_AXES 12
#define COVER_LEVELS 16

struct cover_row {
    uint8_t level[COVER_AXES];
};

/* Axes with levels[a] values each. `excluded` (may be NULL) says which two values can't meet. */
struct cover {
    size_t axes, levels[COVER_AXES];
    bool (*excluded)(size_t axis_a, uint8_t a, size_t axis_b, uint8_t b); /* axis_a < axis_b */
};

/* Fill rows [limit] and return their number. It needs little more than the product of the two
 * largest axes; stops early at `limit`. Rows never hold an excluded pair. */
size_t cover_pairs(const struct cover *cover, struct cover_row *rows, size_t limit);

#endif

/* placement.h - where a group lies in memory.
 *
 * Physical pages, and offsets within a page, decide which cache lines get into each other's way. A
 * placement is a copy of the layer, inputs and outputs at random offsets in memory whose pages are
 * drawn anew; so are those of plans that are made while it lasts. A page that was freed is the next
 * that a system hands out, so a stock of pages is held back and takes part in the draw. All memory
 * is touched first by the thread that asks for it. What a process fixes at its start, where code
 * and stack lie, is the same in all placements.
 */
#ifndef MIDL_PLACEMENT_H
#define MIDL_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "verify/problem.h"
#include "base/rng.h"
#include "store.h"

#define PLACEMENT_SPACERS 16

struct placement {
    struct problem problem;
    float *y;                         /* [batch][n] */
    void *outputs;                    /* that y lies in */
    void *spacers[PLACEMENT_SPACERS]; /* held, so that small arrays lie elsewhere */
};

/* Keep a stock of pages for the whole process, from one thread at a time; without memory for one
 * these do nothing. _prepare makes it, once. _release gives up about `bytes` of it, at most 4 MiB,
 * drawn at random: what is allocated next gets these pages. _restock takes as many back, preferably
 * such as were freed meanwhile. */
void placement_prepare(struct rng *rng);
void placement_release(size_t bytes, struct rng *rng);
void placement_restock(void);

/* Lay a copy of the problem and an output out at random. False if there is no memory; *ret is then
 * untouched. */
bool placement_make(const struct problem *problem, struct rng *rng, struct placement *ret);
void placement_clear(struct placement *placement); /* accepts a zeroed one */

/* Describe the treatment of memory and processors in rows for the store. *ret belongs to
 * placement.c. */
size_t placement_facts(const struct store_fact **ret);

#endif

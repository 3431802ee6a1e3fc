/* ring.h - a plan as something to call again and again: with warm caches one plan, with cold ones a
 * ring of copies, of which each call takes the next.
 *
 * A copy is a plan of its own made from a copy of the layer's arrays. The layers' copies are shared
 * by the rings of a group; as many are made as the ring that touches least needs.
 */
#ifndef MIDL_RING_H
#define MIDL_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "midl.h"
#include "verify/problem.h"

#define RING_MAX 4096 /* copies; making more would take longer than measuring */

/* Copies of a problem's layer, made when asked for. */
struct ring_pool {
    const struct problem *problem; /* copy 0 */
    struct problem *copies;        /* [count]: 1, 2, ... */
    size_t count;
    double used_bytes, limit_bytes; /* by copies of layers and of plans, of all rings together */
};

/* Make a pool whose limit is a quarter of the memory, at most 1 GiB. */
struct ring_pool ring_pool(const struct problem *problem);
void ring_pool_clear(struct ring_pool *pool); /* after the last ring */

struct ring {
    struct midl_plan **plans; /* [count]; the first is the caller's */
    size_t count, next;
    size_t batch;
    const float *x;
    float *y;
};

/* Find the number of copies with which a round trip touches twice the last-level cache, at least 2.
 * Pure. */
size_t ring_copies(double cache_bytes, double touched_bytes);

/* Make a ring of `plan` alone. False if there is no memory. */
bool ring_init(struct ring *ring, struct midl_plan *plan, const struct problem *problem, float *y);

/* Make `count` plans of it. False with the reason if the pool's limit or the memory forbid it. */
bool ring_extend(struct ring *ring, struct ring_pool *pool, size_t count,
                 const struct midl_plan_options *options, char reason[MIDL_REASON_SIZE]);

/* Whether a call of any of its plans was refused: midl_plan_refused. */
bool ring_refused(const struct ring *ring);

/* Destroys all plans but the first; accepts a zeroed one. */
void ring_clear(struct ring *ring);

/* Make one call, as Google Benchmark and the counters make it: data is a struct ring. */
void ring_call(void *data);

#endif

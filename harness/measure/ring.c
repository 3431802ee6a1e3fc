/* ring.c - copies of plans, so that weights come from memory. Reading others' data between the
 * calls would need a clock stopped and started around every call; a ring needs none. */
#include "measure/ring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

#define GIB 1073741824.0

/* ---- Copies of the layer ------------------------------------------------------------------- */

struct ring_pool ring_pool(const struct problem *problem)
{
    double quarter = machine_get()->usable_bytes / 4;
    return (struct ring_pool){.problem = problem,
                              .limit_bytes = quarter > 0 && quarter < GIB ? quarter : GIB};
}

void ring_pool_clear(struct ring_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        problem_clear(&pool->copies[i]);
    free(pool->copies);
    pool->copies = NULL;
    pool->count = 0;
}

/* Layer `i`, copied if it isn't yet; NULL if there is no memory. */
static const struct midl_layer *pool_layer(struct ring_pool *pool, size_t i)
{
    if (i == 0)
        return &pool->problem->layer;
    if (i > pool->count) {
        struct problem *copies = realloc(pool->copies, i * sizeof *copies);
        if (!copies)
            return NULL;
        pool->copies = copies;
        if (!problem_copy(pool->problem, 0, &copies[i - 1]))
            return NULL;
        pool->count = i;
        pool->used_bytes += (double)pool->problem->arena_bytes;
    }
    return &pool->copies[i - 1].layer;
}

/* ---- Rings --------------------------------------------------------------------------------- */

size_t ring_copies(double cache_bytes, double touched_bytes)
{
    double copies = ceil(2 * cache_bytes / fmax(touched_bytes, 1));
    return copies > 2 ? (size_t)fmin(copies, 1e9) : 2;
}

bool ring_init(struct ring *ring, struct midl_plan *plan, const struct problem *problem, float *y)
{
    struct midl_plan **plans = malloc(sizeof *plans);
    if (!plans)
        return false;
    plans[0] = plan;
    *ring =
        (struct ring){.plans = plans, .count = 1, .batch = problem->batch, .x = problem->x, .y = y};
    return true;
}

bool ring_refused(const struct ring *ring)
{
    for (size_t i = 0; i < ring->count; i++)
        if (midl_plan_refused(ring->plans[i]))
            return true;
    return false;
}

void ring_clear(struct ring *ring)
{
    for (size_t i = 1; i < ring->count; i++)
        midl_plan_destroy(ring->plans[i]);
    free(ring->plans);
    *ring = (struct ring){0};
}

/* The memory that the ring would add to the pool: plans of its own, and layers that aren't copied
 * yet. */
static double added_bytes(const struct ring *ring, const struct ring_pool *pool, size_t count)
{
    double layers = count - 1 > pool->count ? (double)(count - 1 - pool->count) : 0;
    return (double)(count - 1) * (double)midl_plan_bytes(ring->plans[0]) +
           layers * (double)pool->problem->arena_bytes;
}

bool ring_extend(struct ring *ring, struct ring_pool *pool, size_t count,
                 const struct midl_plan_options *options, char reason[MIDL_REASON_SIZE])
{
    double total_bytes = pool->used_bytes + added_bytes(ring, pool, count);
    if (count > RING_MAX) {
        snprintf(reason, MIDL_REASON_SIZE,
                 "cold caches need %zu copies of so small a layer, at most %d are made", count,
                 RING_MAX);
        return false;
    }
    if (!(total_bytes <= pool->limit_bytes)) {
        snprintf(reason, MIDL_REASON_SIZE,
                 "cold caches need %zu copies of the layer: %.0f MiB with those of the group's "
                 "other variants, at most %.0f MiB are taken",
                 count, ceil(total_bytes / 1048576), floor(pool->limit_bytes / 1048576));
        return false;
    }
    struct midl_plan **plans = realloc(ring->plans, count * sizeof *plans);
    if (!plans) {
        snprintf(reason, MIDL_REASON_SIZE, "not enough memory for %zu plans", count);
        return false;
    }
    ring->plans = plans;
    for (size_t i = ring->count; i < count; i++) {
        const struct midl_layer *layer = pool_layer(pool, i);
        if (!layer) {
            snprintf(reason, MIDL_REASON_SIZE, "not enough memory for copy %zu of the layer", i);
            return false;
        }
        if (midl_plan_create(layer, options, &plans[i], reason) != MIDL_OK)
            return false;
        ring->count = i + 1;
        pool->used_bytes += (double)midl_plan_bytes(plans[i]);
    }
    return true;
}

void ring_call(void *data)
{
    struct ring *ring = data;
    struct midl_plan *plan = ring->plans[ring->next];
    if (++ring->next >= ring->count)
        ring->next = 0;
    (void)midl_run(plan, ring->batch, ring->x, ring->y);
}

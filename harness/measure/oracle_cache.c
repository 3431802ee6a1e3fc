/* oracle_cache.c - the last problem and its oracle. */
#include "measure/oracle_cache.h"

#include <stdlib.h>
#include <string.h>

struct oracle_cache {
    bool filled;
    bool written;        /* a variant wrote to the numbers: they are of no use */
    size_t hashed_batch; /* the inputs that `hash` is of; 0: of none yet */
    uint64_t hash;
    struct bench_shape shape;
    struct problem problem;
    struct midl_oracle *oracles[MIDL_INT8 + 1]; /* by dtype; NULL until a group needs it */
};

struct oracle_cache *oracle_cache_create(void)
{
    return calloc(1, sizeof(struct oracle_cache));
}

static void clear(struct oracle_cache *cache)
{
    if (!cache->filled)
        return;
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++)
        midl_oracle_destroy(cache->oracles[dtype]);
    problem_clear(&cache->problem);
    *cache = (struct oracle_cache){0};
}

void oracle_cache_destroy(struct oracle_cache *cache)
{
    if (cache)
        clear(cache);
    free(cache);
}

bool oracle_cache_shares(const struct bench_shape *a, const struct bench_shape *b)
{
    char text_a[CASE_TEXT_SIZE], text_b[CASE_TEXT_SIZE];
    bench_numbers_text(a, text_a);
    bench_numbers_text(b, text_b);
    return strcmp(text_a, text_b) == 0;
}

/* Make numbers for `batch` inputs at least, and the oracle of the shape's dtype. */
static enum outcome make(struct oracle_cache *cache, const struct bench_shape *shape, size_t batch,
                         struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    if (!cache->filled || cache->written || !oracle_cache_shares(&cache->shape, shape) ||
        cache->shape.batch < shape->batch) {
        clear(cache);
        cache->shape = *shape;
        cache->shape.batch = batch;
        outcome = problem_load(&cache->shape, &cache->problem, error);
        cache->filled = outcome == OUTCOME_DONE;
    }
    if (outcome == OUTCOME_DONE && !cache->oracles[shape->dtype])
        outcome =
            problem_oracle(&cache->problem, shape->dtype, &cache->oracles[shape->dtype], error);
    return outcome;
}

enum outcome oracle_cache_fill(struct oracle_cache *cache, const struct bench_shape *shape,
                               size_t most_batch, struct error *error)
{
    size_t batch = most_batch > shape->batch ? most_batch : shape->batch;
    enum outcome outcome = make(cache, shape, batch, error);
    if (outcome == OUTCOME_MACHINE && batch > shape->batch) {
        clear(cache);
        outcome = make(cache, shape, shape->batch, error);
    }
    return outcome;
}

struct problem oracle_cache_problem(struct oracle_cache *cache, const struct bench_shape *shape)
{
    struct problem part = problem_part(&cache->problem, shape->batch);
    if (cache->hashed_batch != shape->batch)
        cache->hash = problem_hash(&part);
    cache->hashed_batch = shape->batch;
    part.watched = true;
    part.layer.shape = shape->layer;
    return part;
}

struct midl_oracle oracle_cache_oracle(const struct oracle_cache *cache,
                                       const struct bench_shape *shape)
{
    struct midl_oracle oracle = *cache->oracles[shape->dtype];
    oracle.batch = shape->batch;
    return oracle;
}

bool oracle_cache_unwritten(struct oracle_cache *cache, const struct problem *problem)
{
    cache->written = problem_hash(problem) != cache->hash;
    return !cache->written;
}

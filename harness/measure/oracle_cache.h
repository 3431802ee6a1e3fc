/* oracle_cache.h - the layer, inputs and oracle of the last group, kept for the next: groups that
 * differ only in what is selected, and in how many of the inputs they take, share them. */
#ifndef MIDL_ORACLE_CACHE_H
#define MIDL_ORACLE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oracle.h"
#include "suite/case.h"
#include "verify/problem.h"

struct oracle_cache;

/* Make an empty cache; NULL if there is no memory. It must not outlive the cases that it was filled
 * for, whose paths it keeps. */
struct oracle_cache *oracle_cache_create(void);
void oracle_cache_destroy(struct oracle_cache *cache); /* accepts NULL */

/* Whether two shapes have the same numbers, as far as both take inputs: all that may differ is
 * which neurons are selected, what becomes of the others, and how the layer is run. Such groups are
 * best measured one after the other. */
bool oracle_cache_shares(const struct bench_shape *a, const struct bench_shape *b);

/* Make the numbers of the shape and the oracle of its dtype, unless they are there: for
 * `most_batch` inputs, which groups to come will ask for, or where there is no memory for them for
 * the shape's own. Fails for unreadable files and lack of memory. */
enum outcome oracle_cache_fill(struct oracle_cache *cache, const struct bench_shape *shape,
                               size_t most_batch, struct error *error);

/* Return the numbers and the oracle of the shape's inputs, borrowed from the cache, which was
 * filled for it. */
struct problem oracle_cache_problem(struct oracle_cache *cache, const struct bench_shape *shape);
struct midl_oracle oracle_cache_oracle(const struct oracle_cache *cache,
                                       const struct bench_shape *shape);

/* Whether nobody wrote to the numbers since oracle_cache_problem(). What was written to is made
 * anew by the next oracle_cache_fill(). */
bool oracle_cache_unwritten(struct oracle_cache *cache, const struct problem *problem);

#endif

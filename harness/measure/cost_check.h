/* cost_check.h - the cost model of a variant against what one call of it was seen to do.
 *
 * FLOPs: counted by the processor where it can (PAPI), else by callgrind. Bytes: the cache lines of
 * data that a call with empty caches touches, by callgrind. A model gives the least work that a
 * call must do, so a count below it is an error. A count above it may exceed it by a limit only.
 * The limit is so narrow that a model which forgets a part (gate, light path or full path) fails at
 * the shapes of cost_check_shapes.
 */
#ifndef MIDL_COST_CHECK_H
#define MIDL_COST_CHECK_H

#include "suite/case.h"
#include "counters/counters.h"
#include "base/error.h"

/* Counted / model: the least. The most is midl_variant_excess: beyond the model's FLOPs every
 * variant has sums over the lanes of vectors, lanes that pad and the polynomial of the sigmoid;
 * beyond its bytes lists and workspace. */
#define COST_LEAST 0.999

enum cost_verdict { COST_RIGHT, COST_WRONG, COST_UNKNOWN };

struct cost_count {
    double model, counted;            /* counted NaN: see reason */
    const char *source;               /* papi, callgrind */
    char reason[COUNTER_REASON_SIZE]; /* why not counted, or what was tried before */
};

struct cost_check {
    struct cost_count flops, bytes;
};

/* Count the case. A case that can't be run is an error; one that can't be counted isn't. */
enum outcome cost_check_run(const struct bench_case *bench_case, struct cost_check *ret,
                            struct error *error);

enum cost_verdict cost_judge(const struct cost_count *count, double most);

/* Return the worse of both: wrong, else unknown if the FLOPs are, else right. */
enum cost_verdict cost_check_judge(const struct cost_check *check, struct midl_excess most);

/* A place to check at: axes and values as options of a sweep, by name, ended by NULL. */
struct cost_shape {
    const char *axes[8][2];
};

size_t cost_check_shapes(const struct cost_shape **ret);

/* Make the case of one variant at one place. *ret_count is 0 if the variant doesn't have it. */
enum outcome cost_check_case(const struct cost_shape *shape, const struct midl_variant *variant,
                             struct bench_cases *ret, struct error *error);

#endif

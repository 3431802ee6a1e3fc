/* point.h - the columns of a point, each set from what ran: the plan, its selection, its samples.
 */
#ifndef MIDL_POINT_H
#define MIDL_POINT_H

#include "measure/rounds.h"
#include "midl.h"
#include "store.h"
#include "suite/case.h"

/* Texts that the points of one shape refer to; they must outlive the points. */
struct point_texts {
    char shape_key[CASE_TEXT_SIZE], input[CASE_PATH_MAX], layer[CASE_PATH_MAX];
};

void point_texts(const struct bench_shape *shape, struct point_texts *ret);

/* Make a point that says which case it is, and nothing of how it went. */
struct store_point point_of(const struct bench_case *bench_case, const struct point_texts *texts);

/* The reason of a point of which midl_plan_refused is true after it was timed. */
#define POINT_REFUSED                                                                              \
    "while it was timed: the library that it calls refused a call for lack of memory, and plain "  \
    "loops made the result; measure it again when more is free"

/* End a point with a status ("failed", "skipped", "noisy") and its reason, which must outlive it.
 */
void point_ends(struct store_point *point, const char *status, const char *reason);

/* Set the cost of a call by the model, with the selection that the plan's last call made. Returns
 * the bytes of weights that it touches. */
double point_cost(struct store_point *point, const struct bench_shape *shape,
                  const struct midl_plan *plan);

/* Set what the layer's definition promises of that selection, the same for all variants: selected
 * pairs, distinct rows, and FLOPs of the dense layer over those of this one. */
void point_promise(struct store_point *point, const struct bench_shape *shape,
                   const struct midl_plan *plan);

/* Set times, samples, placements and status of case `timed` of the rounds. An interval wider than
 * `target` makes it "noisy"; `reason` receives what is to be told, and must outlive the point. */
void point_times(struct store_point *point, const struct rounds *rounds, size_t timed,
                 double target, char reason[MIDL_REASON_SIZE]);

/* Set yardstick and speedup: the ratio within rounds of case `yardstick_timed`, whose name is
 * `yardstick`, and case `timed`; 1 of the yardstick itself. False if there is no memory. */
bool point_speedup(struct store_point *point, const struct rounds *rounds, const char *yardstick,
                   size_t yardstick_timed, size_t timed);

#endif

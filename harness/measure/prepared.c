/* prepared.c - one case, ready to be called. */
#include "measure/prepared.h"

#include <stdlib.h>
#include <string.h>

#include "machine/calibration_file.h"

enum outcome prepared_make(const struct bench_case *bench_case, struct prepared *ret,
                           struct error *error)
{
    const struct bench_shape *shape = &bench_case->shape;
    struct prepared made = {.batch = shape->batch};
    char reason[MIDL_REASON_SIZE];
    enum outcome outcome = problem_load(shape, &made.problem, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    struct midl_plan_options options = {.variant = midl_variant_name(bench_case->variant),
                                        .dtype = shape->dtype,
                                        .max_batch = shape->batch,
                                        .threads = shape->threads,
                                        .calibration = calibration_get()};
    if (midl_plan_create(&made.problem.layer, &options, &made.plan, reason) != MIDL_OK) {
        outcome = fail(error, OUTCOME_USAGE, "%s", reason);
        goto cleanup;
    }
    size_t bytes = shape->batch * shape->layer.n * sizeof *made.y;
    if (posix_memalign((void **)&made.y, 64, bytes) != 0) {
        outcome = fail_memory(error, "the output", (double)bytes);
        goto cleanup;
    }
    memset(made.y, 0, bytes);
    *ret = made;
    return OUTCOME_DONE;
cleanup:
    prepared_clear(&made);
    return outcome;
}

void prepared_run(void *data)
{
    struct prepared *prepared = data;
    midl_run(prepared->plan, prepared->batch, prepared->problem.x, prepared->y);
}

void prepared_clear(struct prepared *prepared)
{
    free(prepared->y);
    midl_plan_destroy(prepared->plan);
    problem_clear(&prepared->problem);
}

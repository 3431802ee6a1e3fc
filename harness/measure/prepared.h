/* prepared.h - one case, ready to be called: its numbers, its plan, its output. */
#ifndef MIDL_PREPARED_H
#define MIDL_PREPARED_H

#include "suite/case.h"
#include "base/error.h"
#include "verify/problem.h"

struct prepared {
    struct problem problem;
    struct midl_plan *plan;
    float *y; /* [B][n], written once */
    size_t batch;
};

/* On failure nothing is left to clear. */
enum outcome prepared_make(const struct bench_case *bench_case, struct prepared *ret,
                           struct error *error);
void prepared_run(void *prepared); /* one call: void * as those who time and count want it */
void prepared_clear(struct prepared *prepared); /* accepts a zeroed one */

#endif

/* counters.h - what happened inside the processor: measured (PAPI) or simulated (callgrind).
 *
 * Both count exactly one kind of thing, a call, in a pass of their own that times nothing. A
 * counter that isn't to be had is a row with NULL and the reason, never a zero.
 */
#ifndef MIDL_COUNTERS_H
#define MIDL_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define COUNTER_MAX 48
#define COUNTER_REASON_SIZE 160

/* Counters of one pass; strings are static or live in `text`. The set must not be moved while its
 * counters are in use. */
struct counter_set {
    struct store_counter counters[COUNTER_MAX];
    size_t count;
    char text[COUNTER_MAX][COUNTER_REASON_SIZE];
    char blas_core[48]; /* callgrind: the kernel set that OpenBLAS ran there; else empty */
};

/* ---- Measured: PAPI -------------------------------------------------------------------------- */

/* Whether PAPI's event was seen to count a known loop rightly (probed once). */
struct counter_state {
    const char *name;  /* ours: "instructions", "l1d_misses", "page_faults", ... */
    const char *event; /* PAPI's: "PAPI_TOT_INS", "perf::PAGE-FAULTS" */
    bool works;
    char reason[COUNTER_REASON_SIZE]; /* why not */
};

/* Probe every event on a loop of known work. *ret points to static storage. Call it, and
 * counters_papi, from the program's first thread only. */
size_t counters_probe(const struct counter_state **ret);

/* PAPI: call `call(data)` `calls` times per event group and give events per call; what starting and
 * stopping alone counts is taken off. Events that don't fit in the processor together are counted
 * in passes of their own, each with its own calls. Counted is the calling thread: where other
 * threads worked too the rows say so and have no value. Only counters of the groups in `wanted`
 * (groups.h; 0: all). Never fails. */
void counters_papi(void (*call)(void *), void *data, int calls, unsigned wanted,
                   struct counter_set *ret);

/* Scale a count that ran for `running` of `enabled` ns, scaled to the whole time. *ret_share is the
 * part of the time it ran, NaN if that was all of it. NaN if it never ran. */
double counters_scale(uint64_t raw, uint64_t enabled, uint64_t running, double *ret_share);

/* ---- Choosing -------------------------------------------------------------------------------- */

/* Return the same wish (groups.h) with its sources named: what papi can count here is found by
 * probing. */
unsigned counters_resolve(unsigned wanted);

#endif

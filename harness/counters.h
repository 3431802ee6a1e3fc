/* counters.h - what happened inside the processor: measured (PAPI) or simulated (callgrind).
 *
 * Both count exactly one kind of thing, a call, in a pass of their own that times nothing. A counter
 * that isn't to be had is a row with NULL and the reason, never a zero.
 */
#ifndef MIDL_COUNTERS_H
#define MIDL_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "case.h"
#include "error.h"
#include "store.h"

#define COUNTER_MAX 48

/* Counters of one pass; strings are static or live in `text`. */
struct counter_set {
    struct store_counter counters[COUNTER_MAX];
    size_t count;
    char text[COUNTER_MAX][96];
};

/* Whether PAPI's event of that name was seen to count a known loop rightly (probed once). */
struct counter_state {
    const char *name;   /* ours: "instructions", "l1d_misses", "page_faults", ... */
    const char *event;  /* PAPI's: "PAPI_TOT_INS", "perf::PAGE-FAULTS" */
    bool works;
    char reason[96]; /* why not */
};

/* Probe every event on a loop of known work. *ret points to static storage. */
size_t counters_probe(const struct counter_state **ret);

/* PAPI: call `call(data)` `calls` times per event group and give events per call, scaled where
 * multiplexed. Never fails: what doesn't work is said in the set. */
void counters_papi(void (*call)(void *), void *data, int calls, struct counter_set *ret);

/* Callgrind: run this very program under valgrind for exactly one call of the case, after one warm
 * call, with the cache geometry of this machine (machine.h). Counters: instructions, data_reads,
 * data_writes, l1d_misses, ll_misses (reads + writes), source 'callgrind'. A variant that valgrind
 * can't run (AVX-512) gets NULL and a reason. Never fails. */
void counters_callgrind(const struct bench_case *bench_case, struct counter_set *ret);

/* The hidden command `midl count-one ...` that counters_callgrind starts under valgrind. */
int command_count_one(int argc, char **argv);

/* NULL if valgrind can be used, else why not. */
const char *counters_callgrind_unavailable(void);

#endif

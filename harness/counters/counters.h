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

#include "suite/case.h"
#include "base/error.h"
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

/* A count that ran for `running` of `enabled` ns, scaled to the whole time. *ret_share is the part
 * of the time it ran, NaN if that was all of it. NaN if it never ran. */
double counters_scale(uint64_t raw, uint64_t enabled, uint64_t running, double *ret_share);

/* ---- Simulated: callgrind -------------------------------------------------------------------- */

/* Callgrind: run this very program under valgrind for exactly one call of the case, after one warm
 * call (cache = cold: with empty caches), with the cache geometry of this machine (machine.h).
 * Counters: instructions, data_reads, data_writes, l1d_misses, ll_misses (reads + writes of data,
 * and code), ll_data_misses (without code: of a cold call, the cache lines of data that it
 * touches), flops (flop_count.h), source 'callgrind'. A case that valgrind can't run (AVX-512, more
 * than one thread) gets NULL and a reason. A row with a value may have a reason too: in what the
 * counted call differs from the timed one. The program is started as `/proc/self/exe count-one
 * ...`. Only
 * counters of the groups in `wanted` (0: all). Never fails. */
void counters_callgrind(const struct bench_case *bench_case, unsigned wanted,
                        struct counter_set *ret);

/* The environment variable by which the child knows the file of its own counts. */
#define COUNTS_VARIABLE "MIDL_COUNTS"

/* The hidden command `midl count-one ...` that counters_callgrind starts under valgrind. */
int command_count_one(int argc, char **argv);

/* NULL if valgrind can be used, else why not. */
const char *counters_callgrind_unavailable(void);

/* "3.19.0", "none" if there is no valgrind. */
const char *counters_valgrind_version(void);

/* One cache as callgrind takes it: a power of two of sets, a power of two of bytes a line. */
struct cache_geometry {
    size_t bytes;
    int ways, line;
};

/* The nearest geometry that callgrind accepts, never larger than `bytes`. ways, line 0: unknown. */
struct cache_geometry callgrind_geometry(size_t bytes, int ways, int line);

/* Caches to simulate on this machine: first level data, and the last level of plausible size. */
struct cache_geometry callgrind_first_level(void);
struct cache_geometry callgrind_last_level(void);

struct callgrind_totals {
    double instructions, data_reads, data_writes, l1d_misses, ll_misses, ll_data_misses;
    double flops; /* not in the file: NaN */
};

/* The totals of a callgrind output file, given as text. False with the reason if it is cut short or
 * isn't one; *ret is then untouched. */
bool callgrind_parse(const char *text, struct callgrind_totals *ret,
                     char reason[COUNTER_REASON_SIZE]);

#endif

/* ceiling.h - what this machine can do at most, measured: read bandwidth of each level of the
 * memory hierarchy, and floating-point operations. They say how much time a kernel needs at least,
 * and so how much of what it takes is its own fault.
 */
#ifndef MIDL_CEILING_H
#define MIDL_CEILING_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "midl.h"
#include "store.h"

enum { CEILING_LEVELS = 4, CEILING_PEAKS = 4 };

struct ceiling_level {
    const char *name;         /* "L1", "L2", "L3", "memory" */
    double capacity_bytes;    /* what it holds for all threads together; memory: infinite */
    size_t working_set_bytes; /* that was read, by all threads together */
    double gbps;              /* bytes per ns */
};

struct ceiling_peak {
    const char *name; /* "avx512/f32" */
    double gflops;    /* FLOPs per ns */
};

/* The ceilings of that many threads together. */
struct ceilings {
    int threads;
    struct ceiling_level levels[CEILING_LEVELS]; /* fastest first; those of unknown size left out */
    size_t level_count;
    struct ceiling_peak peaks[CEILING_PEAKS]; /* of every instruction set that runs here */
    size_t peak_count;
};

/* Measure, in about half a second. Fails for lack of memory or threads; *ret is then untouched. */
enum outcome ceilings_measure(int threads, struct ceilings *ret, struct error *error);

/* As rows for the store, to ret [CEILING_LEVELS + CEILING_PEAKS]; returns how many. */
size_t ceilings_rows(const struct ceilings *ceilings, struct store_ceiling *ret);

/* The least time of a call that executes `flops` and reads `weight_bytes` once, of data that takes
 * `held_bytes` and is in the fastest level that holds it (`cold`: in memory). Pure. NaN if a
 * ceiling that it needs was not measured. */
double ceilings_bound_ns(const struct ceilings *ceilings, double flops, double weight_bytes,
                         double held_bytes, bool cold);

/* How many bytes of ours the last-level cache may hold, never 0: as reported, but not the hundreds
 * of MiB that a virtual machine reports of a cache it shares with others. */
size_t ceiling_llc_bytes(void);

#endif

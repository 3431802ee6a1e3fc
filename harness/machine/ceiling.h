/* ceiling.h - what this machine can do at most, measured: read bandwidth of each level of the
 * memory hierarchy, and floating-point operations. They say how much time a kernel needs at least,
 * and so how much of what it takes is its own fault.
 */
#ifndef MIDL_CEILING_H
#define MIDL_CEILING_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "midl.h"
#include "store.h"

enum {
    CEILING_LEVELS = 4,
    CEILING_CURVE = 40,
    CEILING_PEAKS = 12,
    CEILING_ROWS = CEILING_LEVELS + CEILING_CURVE + CEILING_PEAKS
};

/* Reading that many bytes again and again, all threads together. */
struct ceiling_read {
    size_t bytes;
    double gbps;   /* bytes per ns */
    char name[32]; /* "512 KiB" */
};

/* A name for one place of the curve. */
struct ceiling_level {
    const char *name; /* "L1", "L2", "L3", "memory" */
    struct ceiling_read read;
};

struct ceiling_peak {
    const char *name; /* "avx512/f32": instructions/dtype of the weights */
    double gflops;    /* FLOPs per ns */
};

/* The ceilings of that many threads together. */
struct ceilings {
    int threads;
    struct ceiling_read curve[CEILING_CURVE]; /* sizes rise, bandwidths never do */
    size_t curve_count;
    struct ceiling_level levels[CEILING_LEVELS]; /* fastest first; those of unknown size left out */
    size_t level_count;
    struct ceiling_peak peaks[CEILING_PEAKS]; /* of every instruction set that runs here */
    size_t peak_count;
    bool interrupted; /* the stop flag was seen: not to be used */
};

/* Measure, in about a second. Fails for lack of memory or threads; *ret is then untouched. Once
 * `stop` (may be NULL) is non-zero it ends within some milliseconds. */
enum outcome ceilings_measure(int threads, const volatile sig_atomic_t *stop, struct ceilings *ret,
                              struct error *error);

/* Measure the peak FLOPs per ns of one core in floats, in some milliseconds; NaN if no thread could
 * be started.
 */
double ceiling_glance(void);

/* Write the ceilings as rows for the store to ret [CEILING_ROWS]. The rows point into *ceilings.
 * Returns their number. */
size_t ceilings_rows(const struct ceilings *ceilings, struct store_ceiling *ret);

/* Take back one of those rows. A row that this program can't have made is left out. */
void ceilings_take(struct ceilings *ceilings, const struct store_ceiling *row);

/* Compute the least time of a call that executes `flops` on weights of `dtype` and reads
 * `weight_bytes` once, where call after call touches `held_bytes`: it reads no faster than the
 * largest measured set within them was read, wherever they lie. Pure. NaN if a ceiling that it
 * needs was not measured. */
double ceilings_bound_ns(const struct ceilings *ceilings, enum midl_dtype dtype, double flops,
                         double weight_bytes, double held_bytes);

/* Find the bytes that the last-level cache can hold for this process, never 0: the size as
 * reported, but not the hundreds of MiB that a virtual machine reports of a cache it shares with
 * others. */
size_t ceiling_llc_bytes(void);

#endif

/* ceiling_loops.h - the plainest possible loops that reach what a core can do at most: reads that
 * do nothing with what they read, and multiply-adds that read nothing.
 *
 * All have enough independent accumulators to hide latency, and return what they made so that none
 * is without a result.
 */
#ifndef MIDL_CEILING_LOOPS_H
#define MIDL_CEILING_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "midl.h"

#define LOOP_STRIDE 2048 /* a read loop takes a multiple of this many bytes, aligned to 64 */

/* Ways to read: front to back, and as four streams side by side, as a kernel that takes four rows
 * of weights at a time reads them. Neither is the faster one everywhere. */
enum { READ_PATTERNS = 2 };
typedef uint64_t read_loop(const void *data, size_t bytes);

/* Multiply-adds of one instruction set on weights of one dtype. */
struct peak_loop {
    const char *name; /* "avx512/f32": instructions/dtype */
    float (*run)(size_t steps);
    double step_flops;
    bool (*needs)(void); /* an extension beyond the set; NULL: none */
};

/* The loops of one instruction set. A dtype that it has no multiply-add of is widened to f32, each
 * weight once; dot products of extensions follow. */
enum { SET_PEAKS_MAX = 6 };
struct ceiling_set {
    enum midl_isa isa;
    read_loop *reads[READ_PATTERNS];
    struct peak_loop peaks[SET_PEAKS_MAX]; /* behind the last, those without a name */
};

/* The widest reads of this machine: [READ_PATTERNS]. */
read_loop *const *ceiling_reads(void);

/* The i-th peak that this processor can run, in rising order of instruction sets; NULL behind the
 * last. */
enum { PEAKS_MAX = 12 };
const struct peak_loop *ceiling_peak(size_t i);

#endif

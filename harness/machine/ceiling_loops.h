/* ceiling_loops.h - the plainest possible loops that reach what a core can do at most: reads that
 * do nothing with what they read, and multiply-adds that read nothing.
 *
 * All have enough independent accumulators to hide latency, and return what they made so that none
 * is without a result.
 */
#ifndef MIDL_CEILING_LOOPS_H
#define MIDL_CEILING_LOOPS_H

#include <stddef.h>
#include <stdint.h>

#include "midl.h"

#define LOOP_STRIDE 2048 /* a read loop takes a multiple of this many bytes, aligned to 64 */

/* The widest reads of this machine: front to back, and as four streams side by side, as a kernel
 * that takes four rows of weights at a time reads them. Neither is the faster one everywhere. */
enum { READ_PATTERNS = 2 };
typedef uint64_t read_loop(const void *data, size_t bytes);
read_loop *const *ceiling_reads(void); /* [READ_PATTERNS] */

/* Multiply-adds of one instruction set on weights of one dtype. */
struct peak_loop {
    const char *name; /* "avx512/f32": instructions/dtype */
    enum midl_isa isa;
    float (*run)(size_t steps);
    double step_flops;
};

/* Those that this processor can run, in rising order of instruction sets: the i-th, NULL behind the
 * last. A dtype that the processor has no multiply-add of is widened to f32, each weight once. */
enum { PEAKS_MAX = 12 };
const struct peak_loop *ceiling_peak(size_t i);

#endif

/* count_case.h - counts of one call of a case by simulation, under valgrind's callgrind. */
#ifndef MIDL_COUNT_CASE_H
#define MIDL_COUNT_CASE_H

#include "counters/counters.h"
#include "suite/case.h"

/* Run this very program under valgrind for exactly one call of the case, after one warm
 * call (cache = cold: with empty caches), with the cache geometry of this machine (machine.h).
 * Counters: instructions, data_reads, data_writes, l1d_misses, ll_misses (reads + writes of data,
 * and code), ll_data_misses (without code: of a cold call, the cache lines of data that it
 * touches), flops (flop_count.h), source 'callgrind'. A case that valgrind can't run (AVX-512, more
 * than one thread) gets NULL and a reason. A row with a value may have a reason too: in what the
 * counted call differs from the timed one. The program is started as `/proc/self/exe count-one
 * ...`. Only
 * counters of the groups in `wanted` (0: all). Never fails. */
void count_case(const struct bench_case *bench_case, unsigned wanted, struct counter_set *ret);

/* Do the same for another build of libmidl, given by its file (NULL: the one linked here). */
void count_case_of(const struct bench_case *bench_case, const char *library, unsigned wanted,
                   struct counter_set *ret);

/* Environment variables by which the child knows the build to count, and the file of its own
 * counts.
 */
#define LIBRARY_VARIABLE "MIDL_LIBRARY"
#define COUNTS_VARIABLE "MIDL_COUNTS"

#endif

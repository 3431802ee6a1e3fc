/* drift.h - a loop of known work, timed now and then, that tells whether something else used
 * the core meanwhile.
 *
 * Independent additions, as many as the processor can issue. A neighbour that shares the core, as
 * another machine's thread may, takes half of that, and of kernels anything from a tenth to a
 * third: it moves their ratios too. (A chain of dependent additions would not feel it.)
 */
#ifndef MIDL_DRIFT_H
#define MIDL_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REFERENCE_SUMS = 6 };

/* Do some hundreds of ns of work; data: uint64_t[REFERENCE_SUMS], any. */
void reference_call(void *data);

/* The machine is calm where the reference takes what it takes in the fastest hundredth of all times
 * (a neighbour left no more than 6 % of ten seconds, once); what takes longer by more than this
 * share is disturbed. */
#define REFERENCE_CALM 0.01
#define REFERENCE_DISTURBED 0.10

/* Mark the times that are disturbed, or NaN. Returns how many. */
size_t reference_mark(const double *reference_ns, size_t count, bool *disturbed);

#endif

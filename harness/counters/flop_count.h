/* flop_count.h - FLOPs that a call executed, from how often each of its instructions ran.
 *
 * Where the processor has no counter of FLOPs, callgrind knows how often each instruction was
 * executed (--dump-instr=yes), and the process that ran them still holds their bytes: what each
 * does to how many floating-point lanes is read off its encoding. Exact and repeatable, and as
 * blind as a hardware counter: a lane that pads a vector counts like one that matters.
 */
#ifndef MIDL_FLOP_COUNT_H
#define MIDL_FLOP_COUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "counters/counters.h"

/* Count the FLOPs of the x86-64 instruction that begins at `code`, of which `size` bytes are known
 * (15 are always enough): additions, subtractions, multiplications, divisions and square roots of
 * single and double precision count 1 a lane, fused ones 2; moves, comparisons, conversions and
 * approximations 0. Encodings: legacy SSE and VEX; EVEX (AVX-512) and x87 give 0. */
double flops_of_instruction(const unsigned char *code, size_t size);

/* Sum over a callgrind file, given as text, that was written with --dump-instr=yes --dump-line=no
 * --compress-pos=no --compress-strings=no by this very process, which still has the code mapped.
 * Generated code included. False with the reason if it can't be done; *ret is then untouched. */
bool flops_of_dump(const char *text, double *ret, char reason[COUNTER_REASON_SIZE]);

#endif

/* problem.h - the numbers of a case: a layer's weights and a batch of inputs, made or read. */
#ifndef MIDL_PROBLEM_H
#define MIDL_PROBLEM_H

#include "suite/case.h"
#include "base/error.h"
#include "oracle.h"

/* The distributions of random numbers.
 *
 * NORMAL: nearly normal (rng_bell): matrices of variance 1/columns, biases 1/16, inputs 1.
 *
 * INTEGER: whole numbers in [-4, 4], so that every float sum is exact in any order (d <= 2^15,
 * r <= 2^11); biases of F end in 1/4, of L in 1/2, so that no output of the layer is ever 0. Logits
 * are whole multiples of 128, a quarter of them 0, so that a gate is 1, 1/2 or too small to move a
 * sum. Variants must then agree bit for bit with the double reference rounded to float.
 *
 * TIES: as INTEGER, with few distinct logits.
 *
 * SKEWED: as NORMAL, but n/3 of the neurons (rounded down), drawn at random, have 3 more in their
 * gate bias. The logits of NORMAL inputs have a standard deviation of about 1, so that these
 * popular neurons are selected for nearly every input. Of all selections they take 80 % at k/n =
 * 0.4 (83 % are possible), 72 % at 0.45 (of 74 %), 97 % at 0.25, all but a few in a thousand at
 * 0.1. */
enum fill { FILL_NORMAL, FILL_INTEGER, FILL_TIES, FILL_SKEWED };

/* Owns all its arrays, 64-byte aligned, huge pages asked for where the system offers them. */
struct problem {
    struct midl_layer layer;
    size_t batch;
    float *x;    /* [batch][d] */
    void *arena; /* within the mapping */
    size_t arena_bytes;
    void *mapping; /* NULL: of another problem, whose part this is */
    size_t mapping_bytes;
    bool watched; /* its owner sees to it that nothing is written: a check need not */
};

/* Make random weights and inputs, from `seed` and the sizes alone: each array has random numbers of
 * its own, so the weights don't depend on the batch, nor the inputs on the rank. On failure *ret is
 * untouched. */
enum outcome problem_random(const struct midl_shape *shape, size_t batch, uint64_t seed,
                            enum fill fill, struct problem *ret, struct error *error);

/* Make the numbers that a case asks for: random (NORMAL; SKEWED if `skewed`) or from its files
 * (layer_path, input_path). skewed:S is NORMAL but for the deviation of the gate bias, 0.25 there:
 * it is solved for, so that the most popular third of the neurons is expected to take the share S
 * of all selections, k of n an input. Popularity then falls off gradually, as under trained gates.
 * Real inputs shorter than the batch are repeated; d must agree. Of a layer file d, n, ranks and
 * gate must agree with the case, whose k, select and unselected replace the file's. */
enum outcome problem_load(const struct bench_shape *shape, struct problem *ret,
                          struct error *error);

/* Copy the numbers to pages of their own, which the calling thread touches first. The arena begins
 * `offset_bytes` behind the start of a page: whole cache lines, less than a page. False if there is
 * no memory. */
bool problem_copy(const struct problem *problem, size_t offset_bytes, struct problem *ret);

/* View the layer and the first `batch` inputs as a problem of their own. It uses the same memory
 * and ends with the problem. Its numbers are those that a problem of that batch would have, because
 * inputs are made and read one after the other. */
struct problem problem_part(const struct problem *problem, size_t batch);

/* Hash all weights and inputs. Two equal hashes mean that none was written between them. */
uint64_t problem_hash(const struct problem *problem);

/* Make the reference of the problem for weights of this dtype: made from W as they round it. Fails
 * for lack of memory, or where int8 can't hold W. *ret is the caller's. */
enum outcome problem_oracle(const struct problem *problem, enum midl_dtype dtype,
                            struct midl_oracle **ret, struct error *error);

void problem_clear(struct problem *problem); /* accepts a zeroed one */

#endif

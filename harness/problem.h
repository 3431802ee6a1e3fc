/* problem.h - the numbers of a case: a layer's weights and a batch of inputs, made or read. */
#ifndef MIDL_PROBLEM_H
#define MIDL_PROBLEM_H

#include "case.h"
#include "error.h"

/* How random numbers are made. NORMAL: weights N(0, 1/d), inputs N(0, 1). INTEGER: whole numbers in
 * [-4, 4] with gate logits that are whole and far from 0 or 0 itself, so that every float sum and
 * every gate (0, 1/2 or 1) is exact: variants must then agree bit for bit. TIES: as INTEGER, with
 * few distinct logits. */
enum fill { FILL_NORMAL, FILL_INTEGER, FILL_TIES };

/* Owns all its arrays, 64-byte aligned, huge pages asked for where the system offers them. */
struct problem {
    struct midl_layer layer;
    size_t batch;
    float *x; /* [batch][d] */
    void *arena;
    size_t arena_bytes;
};

/* Random weights and inputs, from shape->seed alone. On failure *ret is untouched. */
enum outcome problem_random(const struct midl_shape *shape, size_t batch, uint64_t seed,
                            enum fill fill, struct problem *ret, struct error *error);

/* As the case says: random or from its files (layer_path, input_path). Real inputs shorter than the
 * batch are repeated; d must agree. */
enum outcome problem_load(const struct bench_shape *shape, struct problem *ret,
                          struct error *error);

void problem_clear(struct problem *problem); /* accepts a zeroed one */

#endif

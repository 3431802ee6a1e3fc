/* topk_methods.h - top-k alone: the library's, by instruction set, and what programs use elsewhere.
 *
 * Every method gives the indices of the k largest of values [n] in ascending order, ties to the
 * lower index, and the values themselves. The rivals are plain C and take the k-th largest each in
 * its own way; the same branchless pass then writes what is above it. Only the library's own also
 * looks for NaN.
 */
#ifndef MIDL_TOPK_METHODS_H
#define MIDL_TOPK_METHODS_H

#include "midl.h"
#include "base/rng.h"

/* The arguments of a method. work: SELECTION_WORK(n) floats. */
struct selection {
    size_t n, k;
    const float *values; /* [n] */
    float *work;
    uint32_t *index; /* [k] */
    float *chosen;   /* [k] */
};

#define SELECTION_WORK(n) (8 * ((n) + 16) + ((n) + 63) / 64 * 2)

struct selection_method {
    const char *name, *text;
    enum midl_isa isa; /* GENERIC: a rival */
    bool (*run)(enum midl_isa isa, const struct selection *call);
};

/* List the methods that this processor can run, the library's first; their number to *ret_count. */
const struct selection_method *selection_methods(size_t *ret_count);

/* Fill values [n] by "normal", "uniform", "skewed", ...; false if there is no such fill. */
bool selection_fill(const char *fill, struct rng *rng, size_t n, float *values);

/* All names of fills in one line. */
#define SELECTION_FILLS "normal, uniform, skewed, heavy, ties, two or sorted"

/* Find the right answer, by definition and a full sort: index [k]. False if there is no memory. */
bool selection_expected(size_t n, size_t k, const float *values, uint32_t *index);

/* Whether the method gives exactly expected [k], the values to it, and touches nothing behind:
 * index and chosen of `call` have room for one more. */
bool selection_agrees(const struct selection_method *method, const struct selection *call,
                      const uint32_t *expected);

/* The selection of a layer alone, for a batch at a time, as a layer makes it from its logits: top-k
 * or blocks. NULL if there is no memory, or under a threshold. */
struct selection_batch;
struct selection_batch *selection_batch_create(const struct midl_shape *shape, size_t batch,
                                               const float *logits); /* [batch][n], the caller's */
void selection_batch_run(void *selection);
const uint32_t *selection_batch_index(const struct selection_batch *selection); /* [batch][k] */
void selection_batch_destroy(struct selection_batch *selection);                /* accepts NULL */

#endif

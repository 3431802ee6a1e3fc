/* products.h - dense products of matrices as they lie in memory, split between threads so that the
 * bits don't depend on how many there are: each piece of the result is one thread's, and pieces
 * follow from the shape alone.
 *
 * By oneDNN's sgemm where the build has it: it makes its kernels for the processor it finds, where
 * OpenBLAS knows a list of processors and runs its oldest kernels on others, at a fifth of the
 * speed. Else by OpenBLAS, else in plain loops, which also make what oneDNN refuses for lack of
 * memory. Either takes one thread for a piece.
 */
#ifndef MIDL_PRODUCTS_H
#define MIDL_PRODUCTS_H

#include <stdbool.h>
#include <stddef.h>

/* c [rows][columns] = a b, or += where `add`. a: [rows][inner], where `turn_a` [inner][rows];
 * b: [inner][columns], where `turn_b` [columns][inner]. All row-major, at strides lda, ldb, ldc. */
struct midl_product {
    size_t rows, columns, inner;
    const float *a, *b;
    size_t lda, ldb;
    bool turn_a, turn_b, add;
    float *c;
    size_t ldc;
};

void midl_product_run(int threads, const struct midl_product *product);

#endif

/* product.h - the three matrix products of a linear layer, by kernels/products.h: the same bits for
 * any number of threads.
 *
 *   W [n][d]  b [n]  x [B][d]  y [B][n]; dW, db, dx and dy are the loss's gradients by them
 *
 * All matrices row-major and dense, not overlapping. */
#ifndef MIDL_PRODUCT_H
#define MIDL_PRODUCT_H

#include <stddef.h>

struct product {
    int threads;
    size_t batch, n, d;
};

/* Compute y = x W^T + b; b may be NULL: 0. */
void product_outputs(const struct product *size, const float *W, const float *b, const float *x,
                     float *y);

/* Compute dW = dy^T x, and db = column sums of dy unless NULL. */
void product_weights(const struct product *size, const float *dy, const float *x, float *dW,
                     float *db);

/* Compute dx = dy W. */
void product_inputs(const struct product *size, const float *dy, const float *W, float *dx);

#endif

/* product.c - the products of kernels/products.h, in the order that a linear layer needs. */
#include "learn/product.h"

#include <string.h>

#include "products.h"

void product_outputs(const struct product *size, const float *W, const float *b, const float *x,
                     float *y)
{
    for (size_t row = 0; b && row < size->batch; row++)
        memcpy(y + row * size->n, b, size->n * sizeof *b);
    midl_product_run(size->threads, &(struct midl_product){.rows = size->batch,
                                                           .columns = size->n,
                                                           .inner = size->d,
                                                           .a = x,
                                                           .lda = size->d,
                                                           .b = W,
                                                           .ldb = size->d,
                                                           .turn_b = true,
                                                           .add = b != NULL,
                                                           .c = y,
                                                           .ldc = size->n});
}

void product_weights(const struct product *size, const float *dy, const float *x, float *dW,
                     float *db)
{
    midl_product_run(size->threads, &(struct midl_product){.rows = size->n,
                                                           .columns = size->d,
                                                           .inner = size->batch,
                                                           .a = dy,
                                                           .lda = size->n,
                                                           .turn_a = true,
                                                           .b = x,
                                                           .ldb = size->d,
                                                           .c = dW,
                                                           .ldc = size->d});
    if (!db)
        return;
    memset(db, 0, size->n * sizeof *db);
    for (size_t row = 0; row < size->batch; row++)
        for (size_t j = 0; j < size->n; j++)
            db[j] += dy[row * size->n + j];
}

void product_inputs(const struct product *size, const float *dy, const float *W, float *dx)
{
    midl_product_run(size->threads, &(struct midl_product){.rows = size->batch,
                                                           .columns = size->d,
                                                           .inner = size->n,
                                                           .a = dy,
                                                           .lda = size->n,
                                                           .b = W,
                                                           .ldb = size->d,
                                                           .c = dx,
                                                           .ldc = size->d});
}

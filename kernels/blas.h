/* blas.h - OpenBLAS as the variants use it. */
#ifndef MIDL_BLAS_H
#define MIDL_BLAS_H

#include "midl_config.h"

#if MIDL_HAVE_OPENBLAS

#include <cblas.h>
#include <stddef.h>

void openblas_set_num_threads(int threads);
int openblas_get_num_threads(void);

#define MIDL_WITHOUT_OPENBLAS NULL

/* y [B][n] += x [B][d] W^T, W [n][d]: sgemv at batch 1, where sgemm would pack a single row. */
static inline void blas_product(size_t B, size_t n, size_t d, const float *W, const float *x,
                                float *y)
{
    if (B == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)n, (int)d, 1.0f, W, (int)d, x, 1, 1.0f, y, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)B, (int)n, (int)d, 1.0f, x,
                    (int)d, W, (int)d, 1.0f, y, (int)n);
}

#else
#define MIDL_WITHOUT_OPENBLAS "built without OpenBLAS"
#endif

#endif

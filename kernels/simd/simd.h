/* simd.h - the functions of one instruction set, as ops.c collects them. Names end in the set's. */
#ifndef MIDL_SIMD_H
#define MIDL_SIMD_H

#include "../variant.h"
#include "ops.h"

#define simd_rows MIDL_ISA_SYMBOL(midl_simd_rows)
#define simd_dot MIDL_ISA_SYMBOL(midl_simd_dot)
#define simd_weights_dot MIDL_ISA_SYMBOL(midl_simd_weights_dot)
#define simd_weights_rows MIDL_ISA_SYMBOL(midl_simd_weights_rows)
#define simd_panels MIDL_ISA_SYMBOL(midl_simd_panels)
#define simd_topk MIDL_ISA_SYMBOL(midl_simd_topk)
#define simd_at_least MIDL_ISA_SYMBOL(midl_simd_at_least)
#define simd_topk_blocks MIDL_ISA_SYMBOL(midl_simd_topk_blocks)
#define simd_dots MIDL_ISA_SYMBOL(midl_simd_dots)
#define simd_combine MIDL_ISA_SYMBOL(midl_simd_combine)
#define simd_sigmoid MIDL_ISA_SYMBOL(midl_simd_sigmoid)

float simd_dot(size_t d, const float *w, const float *x);
void simd_rows(size_t first, size_t last, size_t K, const float *W, const float *bias, size_t B,
               const float *x, size_t ldx, float *y, size_t ldy);
float simd_weights_dot(const struct midl_weights *W, size_t j, const float *x);
void simd_weights_rows(size_t first, size_t last, const struct midl_weights *W, const float *bias,
                       size_t B, const float *x, float *y, size_t ldy);
void simd_panels(size_t first, size_t last, size_t N, size_t K, const float *packed,
                 const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy);
void simd_topk(size_t count, size_t n, size_t k, const float *values, struct midl_topk_guess *guess,
               float *work, const struct midl_chosen *ret);
size_t simd_at_least(size_t n, size_t k, float least, const float *values,
                     const struct midl_chosen *ret);
void simd_topk_blocks(size_t count, size_t n, size_t k, size_t block, const float *values,
                      struct midl_topk_guess *guess, float *work, const struct midl_chosen *ret);
void simd_dots(const struct midl_dots *dots);
void simd_combine(size_t runs, const struct midl_run *run, size_t length, bool add, float *to);
void simd_sigmoid(size_t count, float *values);

#endif

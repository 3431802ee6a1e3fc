/* ops.c - this instruction set's table. */
#include "simd.h"

extern const struct simd_ops MIDL_ISA_SYMBOL(midl_simd_ops);
const struct simd_ops MIDL_ISA_SYMBOL(midl_simd_ops) = {
    .dot = simd_dot,
    .rows = simd_rows,
    .weights_dot = simd_weights_dot,
    .weights_rows = simd_weights_rows,
    .panels = simd_panels,
    .topk = simd_topk,
    .at_least = simd_at_least,
    .topk_blocks = simd_topk_blocks,
    .dots = simd_dots,
    .combine = simd_combine,
    .sigmoid = simd_sigmoid,
};

/* ops.h - the vector routines that the library shares, one table per instruction set.
 *
 * Every file of kernels/simd/ is compiled once per instruction set; ops.c collects the functions
 * in a table named after the set. The rest of the library calls through the table of the best one.
 *
 * Panels. A matrix M [N][K] is packed as [ceil(N / 16)][K][16]: sixteen rows side by side, the
 * missing rows of the last panel zero. The packing is the same for all instruction sets.
 */
#ifndef MIDL_SIMD_OPS_H
#define MIDL_SIMD_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIDL_PANEL 16

struct simd_ops {
    /* sum_i w[i] x[i] for i < d. */
    float (*dot)(size_t d, const float *w, const float *x);

    /* y[b][j] = bias[j] + sum_i x[b][i] M[j][i] for panels [first, last) of the packed M [N][K].
     * x: [B] rows of K at stride ldx; y: [B] rows of N at stride ldy; bias: [N]. Each element is
     * summed in an order that depends on K alone: not on B, N or the panel range. */
    void (*panels)(size_t first, size_t last, size_t N, size_t K, const float *packed,
                   const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy);

    /* The k largest of logits [n], ties to the lower index, into index [k], ascending.
     * keys: workspace of n + 64 words. Returns false if a logit is NaN; index is then undefined. */
    bool (*topk)(size_t n, size_t k, const float *logits, uint32_t *keys, uint32_t *index);

    /* gate[i] = sigmoid(logits[index[i]]) for i < k. Exactly 1/2 at 0. */
    void (*sigmoid)(size_t k, const float *logits, const uint32_t *index, float *gate);
};

/* The table of the best instruction set of this processor. */
const struct simd_ops *midl_simd_ops(void);

/* Floats of a packed M [N][K]. */
size_t midl_panels_size(size_t N, size_t K);

/* Pack M [N][K] into `packed`, which holds midl_panels_size floats. */
void midl_panels_pack(size_t N, size_t K, const float *M, float *packed);

#endif

/* weights.h - the full path's weights as a plan holds them, in one of three types.
 *
 *   f32   W as the caller's array has it, not copied
 *   bf16  the upper half of a float, rounded to nearest, ties to even: eight significant bits.
 * Within every 32 weights of a row, weight i and weight i + 16 share a 32-bit word (i the lower
 *         half), so that one shift or one mask makes a vector of floats from a vector of words
 *   int8  whole numbers q in [-127, 127] and one scale s a row: w = s q
 *
 * A row's scale is max |w| / 127, cut to 16 significant bits, so that each s q is a float
 * without another rounding: a rounded W is again a W of floats, which rounds to itself. Where all
 * weights of a row are whole multiples of one power of two, at most 127 of it, that is the scale,
 * and the row keeps its values. (A power of two for every row would cost 3.1 dB, half a bit, on
 * normal weights.)
 *
 * Rows begin on a cache line and are filled up with zeros to whole lines.
 */
#ifndef MIDL_WEIGHTS_H
#define MIDL_WEIGHTS_H

#include "midl.h"

enum { MIDL_BF16_BLOCK = 32 }; /* weights that are interleaved */

/* Where a W of so many bytes, or fewer, is found from call to call: in a core's second-level cache,
 * in any cache. As on the processors that the kernels were measured on; where caches are smaller or
 * larger, a kernel between two borders takes a few per cent longer. */
enum { MIDL_SECOND_BYTES = 1 << 20, MIDL_CACHED_BYTES = 8 << 20 };

struct midl_weights {
    enum midl_dtype dtype;
    size_t d;           /* weights in a row */
    size_t row_bytes;   /* from row to row */
    const void *rows;   /* float, uint32_t (a pair of bf16) or int8_t */
    const float *scale; /* int8: [n], else NULL */
    void *memory;       /* what destroy frees; NULL for f32 */
};

static inline const void *midl_weights_row(const struct midl_weights *weights, size_t j)
{
    return (const char *)weights->rows + j * weights->row_bytes;
}

/* W [n][d] as it is, for f32. */
static inline struct midl_weights midl_weights_plain(size_t d, const float *W)
{
    return (struct midl_weights){.dtype = MIDL_F32, .d = d, .row_bytes = d * sizeof *W, .rows = W};
}

/* Round W [n][d]. MIDL_OK, MIDL_NO_MEMORY, or MIDL_INVALID with the reason (int8 only: a weight
 * that isn't finite). Memory taken is added to *bytes. f32: W must outlive *ret. */
enum midl_status midl_weights_create(enum midl_dtype dtype, size_t n, size_t d, const float *W,
                                     struct midl_weights *ret, size_t *bytes,
                                     char reason[MIDL_REASON_SIZE]);
void midl_weights_destroy(struct midl_weights *weights);

#endif

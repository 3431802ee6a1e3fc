/* bits.h - selections as bits (MIDL_BITS of ops.h), for a vector of neurons at a time: those from j
 * on, a multiple of VEC_LANES.
 */
#ifndef MIDL_SIMD_BITS_H
#define MIDL_SIMD_BITS_H

#include "vec.h"

/* One input's: lane i is bit i. */
VEC_INLINE uint32_t bits_of(const uint8_t *bits, size_t j)
{
    const uint8_t *at = bits + j / 8;
#if defined(MIDL_ISA_IS_AVX512)
    return (uint32_t)(at[0] | at[1] << 8);
#elif defined(MIDL_ISA_IS_AVX2)
    return at[0];
#else
    return at[0] >> j % 8 & 15u;
#endif
}

/* Write them, where they are zeros. */
VEC_INLINE void bits_put(uint32_t mask, uint8_t *bits, size_t j)
{
    uint8_t *at = bits + j / 8;
#if defined(MIDL_ISA_IS_AVX512)
    uint16_t two = (uint16_t)mask;
    memcpy(at, &two, sizeof two);
#elif defined(MIDL_ISA_IS_AVX2)
    at[0] = (uint8_t)mask;
#else
    at[0] |= (uint8_t)(mask << j % 8);
#endif
}

/* Those of up to 32 inputs, whose bits are `stride` bytes apart: each neuron's word has a bit for
 * each input. */
VEC_INLINE lanes bits_turned(size_t inputs, const uint8_t *bits, size_t stride, size_t j)
{
    typedef uint32_t words __attribute__((vector_size(4 * VEC_LANES)));
    words turned = {0}, bit = turned + 1;
#if !defined(MIDL_ISA_IS_AVX512)
    words lane;
    for (size_t i = 0; i < VEC_LANES; i++)
        lane[i] = 1u << i;
#endif
#pragma GCC unroll 4
    for (size_t b = 0; b < inputs; b++, bit += bit) {
        uint32_t mask = bits_of(bits + b * stride, j);
#if defined(MIDL_ISA_IS_AVX512)
        turned = (words)_mm512_mask_or_epi32((__m512i)turned, (__mmask16)mask, (__m512i)turned,
                                             (__m512i)bit);
#else
        turned |= (words)((lane & mask) != 0) & bit;
#endif
    }
    return (lanes)turned;
}

/* Blend one input's selected neurons of `count` from `first` on, into y and touching no other: y =
 * p (F + bias) + (1 - p) y. F, bias and y begin at `first`, F in whole vectors; the gates p lie
 * side by side, and a vector of them is read behind the last. Returns how many were selected. */
VEC_INLINE size_t bits_blend(const uint8_t *bits, size_t first, size_t count, const float *full,
                             const float *bias, const float *gates, float *y)
{
    const float *gate = gates;
    for (size_t j = 0; j < count; j += VEC_LANES) {
        uint32_t mask = bits_of(bits, first + j);
        size_t left = count - j;
        vec more = left < VEC_LANES ? vec_load_part(bias + j, left) : vec_load(bias + j);
        vec_blend(mask, vec_load(full + j) + more, gate, y + j);
        gate += __builtin_popcount(mask);
    }
    return (size_t)(gate - gates);
}

#endif

/* pack.h - lanes chosen by a comparison, moved together: what selection needs beyond vec.h.
 *
 * Where PACK is 1, comparisons give a bit per lane, a pack_mask, and pack_store writes the lanes
 * whose bit is set to the front of up to VEC_LANES elements, of which those behind mean nothing.
 * Where it is 0 (plain C) a branchless scalar loop takes the place of both in selection, where it
 * is faster than one for each vector. A pack_mask of AVX-512 stays in a mask register as long as
 * nothing is done with it in whole numbers.
 */
#ifndef MIDL_PACK_H
#define MIDL_PACK_H

#include "vec.h"

/* first, first + 1, ... */
VEC_INLINE lanes lanes_from(int32_t first)
{
    lanes at;
    for (int32_t i = 0; i < VEC_LANES; i++)
        at[i] = first + i;
    return at;
}

/* counts + 1 where a > b. */
VEC_INLINE lanes lanes_count_above(lanes counts, vec a, vec b)
{
#if defined(MIDL_ISA_IS_AVX512)
    __m512i c = (__m512i)counts;
    return (lanes)_mm512_mask_sub_epi32(c, _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), c,
                                        _mm512_set1_epi32(-1));
#else
    return counts - (lanes)(a > b);
#endif
}

/* counts + 1 where a >= b. */
VEC_INLINE lanes lanes_count_at_least(lanes counts, vec a, vec b)
{
#if defined(MIDL_ISA_IS_AVX512)
    __m512i c = (__m512i)counts;
    return (lanes)_mm512_mask_sub_epi32(c, _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), c,
                                        _mm512_set1_epi32(-1));
#else
    return counts - (lanes)(a >= b);
#endif
}

VEC_INLINE size_t lanes_sum(lanes counts)
{
#if defined(MIDL_ISA_IS_AVX512)
    return (size_t)_mm512_reduce_add_epi32((__m512i)counts);
#else
    size_t sum = 0;
    for (size_t i = 0; i < VEC_LANES; i++)
        sum += (size_t)counts[i];
    return sum;
#endif
}

/* A bit for each lane that equals `value`. */
VEC_INLINE uint32_t lanes_equal(lanes counts, int32_t value)
{
#if defined(MIDL_ISA_IS_AVX512)
    return _mm512_cmpeq_epi32_mask((__m512i)counts, _mm512_set1_epi32(value));
#elif defined(MIDL_ISA_IS_AVX2)
    __m256i equal = _mm256_cmpeq_epi32((__m256i)counts, _mm256_set1_epi32(value));
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal));
#else
    uint32_t bits = 0;
    for (size_t i = 0; i < VEC_LANES; i++)
        bits |= (uint32_t)(counts[i] == value) << i;
    return bits;
#endif
}

#if defined(MIDL_ISA_IS_AVX512)

#define PACK 1

typedef __mmask16 pack_mask;

VEC_INLINE pack_mask pack_at_least(vec a, vec b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

VEC_INLINE pack_mask pack_between(vec v, vec low, vec high)
{
    return _mm512_mask_cmp_ps_mask(pack_at_least(v, low), v, high, _CMP_LE_OQ);
}

/* Zeros that the compiler doesn't know to be. Zen 5 lets a compression wait for what its target
 * register held before, even where all of it is replaced: 4.8 cycles instead of 1. */
VEC_INLINE __m512 pack_zeros(void)
{
    __m512 zeros;
    __asm__("vpxor %x0, %x0, %x0" : "=x"(zeros));
    return zeros;
}

/* Compressed in the register, then stored whole: twice as fast as a compressing store. */
VEC_INLINE void pack_store(void *to, vec v, pack_mask chosen)
{
    _mm512_storeu_ps(to, _mm512_mask_compress_ps(pack_zeros(), chosen, v));
}

/* The same, but nothing behind them. */
VEC_INLINE void pack_store_only(void *to, vec v, pack_mask chosen)
{
    uint32_t front = (1u << __builtin_popcount(chosen)) - 1;
    _mm512_mask_storeu_ps(to, (__mmask16)front, _mm512_mask_compress_ps(pack_zeros(), chosen, v));
}

#elif defined(MIDL_ISA_IS_AVX2) || defined(MIDL_ISA_IS_NEON)

#define PACK 1

typedef uint32_t pack_mask;

/* The lanes of a group of four whose bits are set, in front. */
static const uint32_t pack_lanes[16][4] = {
    {0}, {0},    {1},    {0, 1},    {2},    {0, 2},    {1, 2},    {0, 1, 2},
    {3}, {0, 3}, {1, 3}, {0, 1, 3}, {2, 3}, {0, 2, 3}, {1, 2, 3}, {0, 1, 2, 3}};

#if defined(MIDL_ISA_IS_AVX2)

VEC_INLINE pack_mask pack_at_least(vec a, vec b)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ));
}

VEC_INLINE pack_mask pack_between(vec v, vec low, vec high)
{
    __m256 least = _mm256_cmp_ps(v, low, _CMP_GE_OQ), most = _mm256_cmp_ps(v, high, _CMP_LE_OQ);
    return (uint32_t)_mm256_movemask_ps(_mm256_and_ps(least, most));
}

VEC_INLINE void pack_store(void *to, vec v, pack_mask chosen)
{
    __m128i low = _mm_loadu_si128((const __m128i *)pack_lanes[chosen & 15]);
    __m128i high = _mm_loadu_si128((const __m128i *)pack_lanes[chosen >> 4]);
    float *behind = (float *)to + __builtin_popcount(chosen & 15);
    _mm_storeu_ps(to, _mm_permutevar_ps(_mm256_castps256_ps128(v), low));
    _mm_storeu_ps(behind, _mm_permutevar_ps(_mm256_extractf128_ps(v, 1), high));
}

#else

VEC_INLINE uint32_t pack_bits(uint32x4_t mask)
{
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(mask, bits));
}

VEC_INLINE pack_mask pack_at_least(vec a, vec b)
{
    return pack_bits(vcgeq_f32(a, b));
}

VEC_INLINE pack_mask pack_between(vec v, vec low, vec high)
{
    return pack_bits(vandq_u32(vcgeq_f32(v, low), vcleq_f32(v, high)));
}

VEC_INLINE void pack_store(void *to, vec v, pack_mask chosen)
{
    uint32x4_t first = vmulq_n_u32(vld1q_u32(pack_lanes[chosen]), 0x04040404u);
    uint8x16_t bytes = vreinterpretq_u8_u32(vaddq_u32(first, vdupq_n_u32(0x03020100u)));
    vst1q_u8(to, vqtbl1q_u8(vreinterpretq_u8_f32(v), bytes));
}

#endif

#else

#define PACK 0

typedef uint32_t pack_mask;

VEC_INLINE void pack_store(void *to, vec v, pack_mask chosen)
{
    float *next = to;
    for (size_t i = 0; i < VEC_LANES; i++) {
        *next = v[i];
        next += chosen >> i & 1;
    }
}

#endif

/* The lanes that have one of `bits`. */
VEC_INLINE pack_mask pack_with(lanes words, uint32_t bits)
{
#if defined(MIDL_ISA_IS_AVX512)
    return _mm512_test_epi32_mask((__m512i)words, _mm512_set1_epi32((int)bits));
#else
    return lanes_equal(words & (int32_t)bits, 0) ^ ((1u << VEC_LANES) - 1);
#endif
}

#endif

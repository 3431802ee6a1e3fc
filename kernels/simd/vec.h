/* vec.h - one vector register of floats, on every instruction set; only what the kernels need.
 *
 * VEC_LANES floats: 16 with AVX-512, 8 with AVX2, 4 with NEON and in plain C, which uses the vector
 * types that gcc and clang offer everywhere. A tile of TILE_ROWS x TILE_COLS accumulators and its
 * operands fit the registers (32 on AVX-512 and NEON, else 16).
 */
#ifndef MIDL_VEC_H
#define MIDL_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC_INLINE static inline __attribute__((always_inline, unused))

#if defined(MIDL_ISA_IS_AVX512)

#include <immintrin.h>

enum { VEC_LANES = 16, VEC_REGISTERS = 32, TILE_ROWS = 4, TILE_COLS = 4 };
typedef __m512 vec;

VEC_INLINE vec vec_set(float value)
{
    return _mm512_set1_ps(value);
}

VEC_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* The first count < VEC_LANES floats, then zeros; touches nothing beyond. */
VEC_INLINE vec vec_load_part(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

VEC_INLINE void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}

/* Pairs of bf16, the lower or the upper of each, as floats. */
VEC_INLINE vec vec_bf16_lower(const uint32_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}

VEC_INLINE vec vec_bf16_upper(const uint32_t *p)
{
    return _mm512_castsi512_ps(
        _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xffff0000)));
}

VEC_INLINE vec vec_int8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VEC_INLINE vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

VEC_INLINE vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

/* Four floats, over and over, and lane `at` of every four in all lanes: at < 4, a compile-time
 * constant. */
VEC_INLINE vec vec_quads(const float *p)
{
    return _mm512_broadcast_f32x4(_mm_loadu_ps(p));
}

VEC_INLINE vec vec_quads_lane(vec v, size_t at)
{
    return at == 0   ? _mm512_permute_ps(v, 0x00)
           : at == 1 ? _mm512_permute_ps(v, 0x55)
           : at == 2 ? _mm512_permute_ps(v, 0xaa)
                     : _mm512_permute_ps(v, 0xff);
}

/* Turn four rows into the four columns of each piece of four lanes. */
VEC_INLINE void vec_turn_pieces(const vec v[4], vec ret[4])
{
    vec ab = _mm512_unpacklo_ps(v[0], v[1]), cd = _mm512_unpacklo_ps(v[2], v[3]);
    vec AB = _mm512_unpackhi_ps(v[0], v[1]), CD = _mm512_unpackhi_ps(v[2], v[3]);
    ret[0] = _mm512_shuffle_ps(ab, cd, 0x44);
    ret[1] = _mm512_shuffle_ps(ab, cd, 0xee);
    ret[2] = _mm512_shuffle_ps(AB, CD, 0x44);
    ret[3] = _mm512_shuffle_ps(AB, CD, 0xee);
}

/* Four columns of VEC_LANES rows, `stride` floats apart. */
VEC_INLINE void vec_columns(const float *rows, size_t stride, vec ret[4])
{
    vec v[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) {
        v[r] = _mm512_castps128_ps512(_mm_loadu_ps(rows + r * stride));
        v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(rows + (4 + r) * stride), 1);
        v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(rows + (8 + r) * stride), 2);
        v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(rows + (12 + r) * stride), 3);
    }
    vec_turn_pieces(v, ret);
}

VEC_INLINE __m128 vec_fold(vec v)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(MIDL_ISA_IS_AVX2)

#include <immintrin.h>

enum { VEC_LANES = 8, VEC_REGISTERS = 16, TILE_ROWS = 4, TILE_COLS = 2 };
typedef __m256 vec;

VEC_INLINE vec vec_set(float value)
{
    return _mm256_set1_ps(value);
}

VEC_INLINE vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

VEC_INLINE vec vec_load_part(const float *p, size_t count)
{
    float part[VEC_LANES] = {0};
    memcpy(part, p, count * sizeof *p);
    return vec_load(part);
}

VEC_INLINE void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}

VEC_INLINE vec vec_bf16_lower(const uint32_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)p), 16));
}

VEC_INLINE vec vec_bf16_upper(const uint32_t *p)
{
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i *)p),
                                                _mm256_set1_epi32((int)0xffff0000)));
}

VEC_INLINE vec vec_int8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

VEC_INLINE vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

VEC_INLINE vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

VEC_INLINE vec vec_quads(const float *p)
{
    __m128 four = _mm_loadu_ps(p);
    return _mm256_set_m128(four, four);
}

VEC_INLINE vec vec_quads_lane(vec v, size_t at)
{
    return at == 0   ? _mm256_permute_ps(v, 0x00)
           : at == 1 ? _mm256_permute_ps(v, 0x55)
           : at == 2 ? _mm256_permute_ps(v, 0xaa)
                     : _mm256_permute_ps(v, 0xff);
}

VEC_INLINE void vec_turn_pieces(const vec v[4], vec ret[4])
{
    vec ab = _mm256_unpacklo_ps(v[0], v[1]), cd = _mm256_unpacklo_ps(v[2], v[3]);
    vec AB = _mm256_unpackhi_ps(v[0], v[1]), CD = _mm256_unpackhi_ps(v[2], v[3]);
    ret[0] = _mm256_shuffle_ps(ab, cd, 0x44);
    ret[1] = _mm256_shuffle_ps(ab, cd, 0xee);
    ret[2] = _mm256_shuffle_ps(AB, CD, 0x44);
    ret[3] = _mm256_shuffle_ps(AB, CD, 0xee);
}

VEC_INLINE void vec_columns(const float *rows, size_t stride, vec ret[4])
{
    vec v[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++)
        v[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows + r * stride)),
                                    _mm_loadu_ps(rows + (4 + r) * stride), 1);
    vec_turn_pieces(v, ret);
}

VEC_INLINE __m128 vec_fold(vec v)
{
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}

#else

#if defined(MIDL_ISA_IS_NEON)
#include <arm_neon.h>
enum { VEC_LANES = 4, VEC_REGISTERS = 32, TILE_ROWS = 4, TILE_COLS = 4 };
typedef float32x4_t vec;
#else
enum { VEC_LANES = 4, VEC_REGISTERS = 16, TILE_ROWS = 4, TILE_COLS = 2 };
typedef float vec __attribute__((vector_size(16)));
#endif

VEC_INLINE vec vec_set(float value)
{
    return (vec){value, value, value, value};
}

VEC_INLINE vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

VEC_INLINE vec vec_load_part(const float *p, size_t count)
{
    float part[VEC_LANES] = {0};
    memcpy(part, p, count * sizeof *p);
    return vec_load(part);
}

VEC_INLINE void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

typedef uint32_t vec_words __attribute__((vector_size(16)));

VEC_INLINE vec vec_bf16_lower(const uint32_t *p)
{
    vec_words words;
    memcpy(&words, p, sizeof words);
    return (vec)(words << 16);
}

VEC_INLINE vec vec_bf16_upper(const uint32_t *p)
{
    vec_words words;
    memcpy(&words, p, sizeof words);
    return (vec)(words & 0xffff0000);
}

VEC_INLINE vec vec_int8(const int8_t *p)
{
    return (vec){p[0], p[1], p[2], p[3]};
}

VEC_INLINE vec vec_quads(const float *p)
{
    return vec_load(p);
}

VEC_INLINE vec vec_quads_lane(vec v, size_t at)
{
    return vec_set(v[at]);
}

VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
#if defined(MIDL_ISA_IS_NEON)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

VEC_INLINE vec vec_min(vec a, vec b)
{
    for (size_t i = 0; i < VEC_LANES; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
}

VEC_INLINE vec vec_max(vec a, vec b)
{
    for (size_t i = 0; i < VEC_LANES; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}

VEC_INLINE void vec_columns(const float *rows, size_t stride, vec ret[4])
{
    for (size_t c = 0; c < 4; c++, rows++)
        ret[c] = (vec){rows[0], rows[stride], rows[2 * stride], rows[3 * stride]};
}

#endif

typedef int32_t lanes __attribute__((vector_size(4 * VEC_LANES))); /* whole numbers, a lane each */

/* 2^(n/8) in two factors, for whole n from -1440 to 0: vec_eighths(n + 1.5 * 2^23), whose lowest
 * bits are those of n, has the fraction, and vec_scale multiplies a normal v from 1/2 to 2 by
 * 2^floor(n/8), rounding once. */
VEC_INLINE vec vec_eighths(vec n)
{
    static const float powers[16] = {1.0f,        1.09050775f, 1.18920708f, 1.29683959f,
                                     1.41421354f, 1.54221082f, 1.68179286f, 1.8340081f,
                                     1.0f,        1.09050775f, 1.18920708f, 1.29683959f,
                                     1.41421354f, 1.54221082f, 1.68179286f, 1.8340081f};
#if defined(MIDL_ISA_IS_AVX512)
    return _mm512_permutexvar_ps((__m512i)n, vec_load(powers));
#elif defined(MIDL_ISA_IS_AVX2)
    return _mm256_permutevar8x32_ps(vec_load(powers), (__m256i)n);
#else
    vec power;
    for (size_t i = 0; i < VEC_LANES; i++)
        power[i] = powers[((lanes)n)[i] & 7];
    return power;
#endif
}

VEC_INLINE vec vec_scale(vec v, vec n)
{
#if defined(MIDL_ISA_IS_AVX512)
    return _mm512_scalef_ps(v, n * 0.125f);
#else
    /* In two factors, so that results below the smallest normal number come out gradually. */
    const vec magic = vec_set(12582912.0f); /* 1.5 * 2^23 */
    lanes whole = ((lanes)(n + magic) - (lanes)magic) >> 3, half = whole >> 1;
    return v * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
#endif
}

/* The same vector in a register: compilers fold a load into each operation that uses it, and where
 * loads are what a loop waits for, that is slower. */
VEC_INLINE vec vec_once(vec v)
{
#if defined(MIDL_ISA_IS_AVX512)
    __asm__("" : "+v"(v));
#elif defined(__x86_64__)
    __asm__("" : "+x"(v));
#endif
    return v;
}

/* The sum of the lanes, and of four vectors at once: by the same tree, so that a row's result
 * doesn't depend on whether it was summed alone. */
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2)

VEC_INLINE float vec_sum(vec v)
{
    __m128 four = vec_fold(v), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

VEC_INLINE void vec_sum4(const vec v[4], float ret[4])
{
    __m128 a = vec_fold(v[0]), b = vec_fold(v[1]), c = vec_fold(v[2]), d = vec_fold(v[3]);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(ret, _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d)));
}

#else

VEC_INLINE float vec_sum(vec v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

VEC_INLINE void vec_sum4(const vec v[4], float ret[4])
{
    for (size_t i = 0; i < 4; i++)
        ret[i] = vec_sum(v[i]);
}

#endif

#if defined(MIDL_ISA_IS_AVX512)

/* Half the lanes of two vectors: fold_N(a, b) adds pieces of N lanes, so that the results of a and
 * of b alternate by pieces of N lanes. */
VEC_INLINE vec vec_fold8(vec a, vec b)
{
    return _mm512_mask_blend_ps(0xff00, a, b) + _mm512_shuffle_f32x4(a, b, 0x4e);
}

VEC_INLINE vec vec_fold4(vec a, vec b)
{
    vec crossed = _mm512_mask_blend_ps(0x0f0f, a, b);
    return _mm512_mask_blend_ps(0xf0f0, a, b) + _mm512_shuffle_f32x4(crossed, crossed, 0xb1);
}

VEC_INLINE vec vec_fold2(vec a, vec b)
{
    return _mm512_mask_blend_ps(0xcccc, a, b) + _mm512_shuffle_ps(a, b, 0x4e);
}

VEC_INLINE vec vec_fold1(vec a, vec b)
{
    vec crossed = _mm512_mask_blend_ps(0x5555, a, b);
    return _mm512_mask_blend_ps(0xaaaa, a, b) + _mm512_permute_ps(crossed, 0xb1);
}

/* to[i] += sum of v[i] for i < 16. Where bit i of `live`, a compile-time constant, is not set, v[i]
 * is zeros and to[i] keeps its value. Neighbours are folded first, so that few sums take few steps;
 * that leaves lane i with the sum whose number has the bits of i in reverse. */
VEC_INLINE void vec_add_sums(uint32_t live, const vec *v, float *to)
{
    const vec zero = vec_set(0.0f);
    const __m512i reversed =
        _mm512_setr_epi32(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
    vec eight[8], four[4], two[2];
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++)
        eight[i] = live >> 2 * i & 3 ? vec_fold8(v[2 * i], v[2 * i + 1]) : zero;
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        four[i] = live >> 4 * i & 15 ? vec_fold4(eight[2 * i], eight[2 * i + 1]) : zero;
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++)
        two[i] = live >> 8 * i & 255 ? vec_fold2(four[2 * i], four[2 * i + 1]) : zero;
    vec sums = _mm512_permutexvar_ps(reversed, vec_fold1(two[0], two[1]));
    vec_store(to, vec_load(to) + sums);
}

#else

VEC_INLINE void vec_add_sums(uint32_t live, const vec *v, float *to)
{
    for (size_t i = 0; i < 16; i += 4) {
        float sums[4];
        if (!(live >> i & 15))
            continue;
        vec_sum4(v + i, sums);
        for (size_t lane = 0; lane < 4; lane++)
            to[i + lane] += sums[lane];
    }
}

#endif

/* The values of from[], one for each bit of `mask`, to the places of their bits in to[], plus
 * `more`. Both have 16 elements. */
VEC_INLINE void vec_spread(uint32_t mask, float more, const float *from, float *to)
{
#if defined(MIDL_ISA_IS_AVX512)
    vec spread = _mm512_maskz_expand_ps((__mmask16)mask, vec_load(from));
    _mm512_mask_storeu_ps(to, (__mmask16)mask, spread + vec_set(more));
#else
    for (; mask; mask &= mask - 1)
        to[__builtin_ctz(mask)] = *from++ + more;
#endif
}

/* The lowest `count` bits of a mask that has at least as many. */
VEC_INLINE uint64_t vec_lowest(uint64_t mask, size_t count)
{
#if defined(MIDL_ISA_IS_AVX512)
    return _pdep_u64(_bzhi_u64(UINT64_MAX, (uint32_t)count), mask);
#else
    uint64_t rest = mask;
    for (size_t i = 0; i < count; i++)
        rest &= rest - 1;
    return mask ^ rest;
#endif
}

/* Blend F into y in the lanes of `mask` and touch no other: y = p F + (1 - p) y. The gates p lie
 * side by side, one for each bit; VEC_LANES of them are read. */
VEC_INLINE void vec_blend(uint32_t mask, vec F, const float *gate, float *y)
{
#if defined(MIDL_ISA_IS_AVX512)
    const __mmask16 m = (__mmask16)mask;
    vec p = _mm512_maskz_expand_ps(m, vec_load(gate));
    vec L = _mm512_maskz_loadu_ps(m, y);
    _mm512_mask_storeu_ps(y, m, p * F + (vec_set(1.0f) - p) * L);
#else
    float full[VEC_LANES];
    vec_store(full, F);
    for (; mask; mask &= mask - 1, gate++) {
        size_t lane = (size_t)__builtin_ctz(mask);
        y[lane] = *gate * full[lane] + (1.0f - *gate) * y[lane];
    }
#endif
}

#endif

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

enum { VEC_LANES = 16, TILE_ROWS = 4, TILE_COLS = 4 };
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

VEC_INLINE __m128 vec_fold(vec v)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(MIDL_ISA_IS_AVX2)

#include <immintrin.h>

enum { VEC_LANES = 8, TILE_ROWS = 4, TILE_COLS = 2 };
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

VEC_INLINE __m128 vec_fold(vec v)
{
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}

#else

#if defined(MIDL_ISA_IS_NEON)
#include <arm_neon.h>
enum { VEC_LANES = 4, TILE_ROWS = 4, TILE_COLS = 4 };
typedef float32x4_t vec;
#else
enum { VEC_LANES = 4, TILE_ROWS = 4, TILE_COLS = 2 };
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

#endif

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

/* The sums of eight vectors in seven folds, each of which halves the lanes of two. */
VEC_INLINE __m256 vec_sum8(const vec v[8])
{
    __m512 four[4], two[2];
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++)
        four[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0x44),
                                _mm512_shuffle_f32x4(v[2 * i], v[2 * i + 1], 0xee));
#pragma GCC unroll 2
    for (size_t i = 0; i < 2; i++)
        two[i] = _mm512_add_ps(_mm512_shuffle_f32x4(four[2 * i], four[2 * i + 1], 0x88),
                               _mm512_shuffle_f32x4(four[2 * i], four[2 * i + 1], 0xdd));
    __m512 one = _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x44),
                               _mm512_shuffle_ps(two[0], two[1], 0xee));
    one = _mm512_add_ps(one, _mm512_permute_ps(one, 0xb1));
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 0, 0, 0, 0, 0, 0, 0, 0);
    return _mm512_castps512_ps256(_mm512_permutexvar_ps(order, one));
}

/* to[c] += sum of v[c] for c < C <= 16; v has 16 elements. */
VEC_INLINE void vec_add_sums(size_t C, const vec *v, float *to)
{
#pragma GCC unroll 2
    for (size_t c = 0; c < C; c += 8) {
        __mmask8 some = (__mmask8)(C - c < 8 ? (1u << (C - c)) - 1 : 0xff);
        __m256 old = _mm256_maskz_loadu_ps(some, to + c);
        _mm256_mask_storeu_ps(to + c, some, _mm256_add_ps(old, vec_sum8(v + c)));
    }
}

#else

VEC_INLINE void vec_add_sums(size_t C, const vec *v, float *to)
{
    float sums[16];
    for (size_t c = 0; c < C; c += 4)
        vec_sum4(v + c, sums + c);
    for (size_t c = 0; c < C; c++)
        to[c] += sums[c];
}

#endif

#endif

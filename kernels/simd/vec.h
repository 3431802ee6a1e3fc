/* vec.h - sixteen floats at a time, on every instruction set.
 *
 * v16 is one AVX-512 register, two of AVX2, four of NEON, or in plain C an array of sixteen that
 * compilers turn into whatever the baseline has. Only what the kernels need. The sum of the lanes
 * has one fixed tree on all sets: l[i] + l[i+8], then + 4, + 2, + 1.
 */
#ifndef MIDL_VEC_H
#define MIDL_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VEC_INLINE static inline __attribute__((always_inline, unused))

#if defined(MIDL_ISA_IS_AVX512)

#include <immintrin.h>

typedef __m512 v16;

VEC_INLINE v16 v16_zero(void)
{
    return _mm512_setzero_ps();
}

VEC_INLINE v16 v16_set(float value)
{
    return _mm512_set1_ps(value);
}

VEC_INLINE v16 v16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* The first count < 16 floats, then zeros; touches nothing beyond. */
VEC_INLINE v16 v16_load_part(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p);
}

VEC_INLINE void v16_store(float *p, v16 v)
{
    _mm512_storeu_ps(p, v);
}

VEC_INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

VEC_INLINE v16 v16_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}

VEC_INLINE v16 v16_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}

VEC_INLINE __m128 v16_fold(v16 v)
{
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(MIDL_ISA_IS_AVX2)

#include <immintrin.h>

typedef struct {
    __m256 lo, hi;
} v16;

VEC_INLINE v16 v16_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

VEC_INLINE v16 v16_set(float value)
{
    return (v16){_mm256_set1_ps(value), _mm256_set1_ps(value)};
}

VEC_INLINE v16 v16_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

VEC_INLINE v16 v16_load_part(const float *p, size_t count)
{
    float part[16] = {0};
    memcpy(part, p, count * sizeof *p);
    return v16_load(part);
}

VEC_INLINE void v16_store(float *p, v16 v)
{
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
}

VEC_INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

VEC_INLINE v16 v16_min(v16 a, v16 b)
{
    return (v16){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}

VEC_INLINE v16 v16_max(v16 a, v16 b)
{
    return (v16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

VEC_INLINE __m128 v16_fold(v16 v)
{
    __m256 half = _mm256_add_ps(v.lo, v.hi);
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

#elif defined(MIDL_ISA_IS_NEON)

#include <arm_neon.h>

typedef struct {
    float32x4_t q[4];
} v16;

VEC_INLINE v16 v16_set(float value)
{
    float32x4_t q = vdupq_n_f32(value);
    return (v16){{q, q, q, q}};
}

VEC_INLINE v16 v16_zero(void)
{
    return v16_set(0.0f);
}

VEC_INLINE v16 v16_load(const float *p)
{
    return (v16){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

VEC_INLINE v16 v16_load_part(const float *p, size_t count)
{
    float part[16] = {0};
    memcpy(part, p, count * sizeof *p);
    return v16_load(part);
}

VEC_INLINE void v16_store(float *p, v16 v)
{
    for (size_t i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.q[i]);
}

VEC_INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    for (size_t i = 0; i < 4; i++)
        c.q[i] = vfmaq_f32(c.q[i], a.q[i], b.q[i]);
    return c;
}

VEC_INLINE v16 v16_min(v16 a, v16 b)
{
    for (size_t i = 0; i < 4; i++)
        a.q[i] = vminq_f32(a.q[i], b.q[i]);
    return a;
}

VEC_INLINE v16 v16_max(v16 a, v16 b)
{
    for (size_t i = 0; i < 4; i++)
        a.q[i] = vmaxq_f32(a.q[i], b.q[i]);
    return a;
}

#else /* plain C */

typedef struct {
    float l[16];
} v16;

VEC_INLINE v16 v16_set(float value)
{
    v16 v;
    for (size_t i = 0; i < 16; i++)
        v.l[i] = value;
    return v;
}

VEC_INLINE v16 v16_zero(void)
{
    return v16_set(0.0f);
}

VEC_INLINE v16 v16_load(const float *p)
{
    v16 v;
    memcpy(v.l, p, sizeof v.l);
    return v;
}

VEC_INLINE v16 v16_load_part(const float *p, size_t count)
{
    v16 v = v16_zero();
    memcpy(v.l, p, count * sizeof *p);
    return v;
}

VEC_INLINE void v16_store(float *p, v16 v)
{
    memcpy(p, v.l, sizeof v.l);
}

VEC_INLINE v16 v16_fma(v16 a, v16 b, v16 c)
{
    for (size_t i = 0; i < 16; i++)
        c.l[i] = c.l[i] + a.l[i] * b.l[i];
    return c;
}

VEC_INLINE v16 v16_min(v16 a, v16 b)
{
    for (size_t i = 0; i < 16; i++)
        a.l[i] = a.l[i] < b.l[i] ? a.l[i] : b.l[i];
    return a;
}

VEC_INLINE v16 v16_max(v16 a, v16 b)
{
    for (size_t i = 0; i < 16; i++)
        a.l[i] = a.l[i] > b.l[i] ? a.l[i] : b.l[i];
    return a;
}

#endif

/* The sums of the lanes of four vectors, each by the fixed tree. */
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2)

VEC_INLINE void v16_sum4(const v16 v[4], float ret[4])
{
    __m128 a = v16_fold(v[0]), b = v16_fold(v[1]), c = v16_fold(v[2]), d = v16_fold(v[3]);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    _mm_storeu_ps(ret, _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d)));
}

VEC_INLINE float v16_sum(v16 v)
{
    __m128 four = v16_fold(v), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

#else

VEC_INLINE float v16_sum(v16 v)
{
    float l[16];
    v16_store(l, v);
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            l[i] += l[i + half];
    return l[0];
}

VEC_INLINE void v16_sum4(const v16 v[4], float ret[4])
{
    for (size_t i = 0; i < 4; i++)
        ret[i] = v16_sum(v[i]);
}

#endif

#endif

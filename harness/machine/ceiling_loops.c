/* ceiling_loops.c - the loops, an instruction set after the other. What the compiler must not see
 * through is passed through an empty assembler statement: it costs no instruction. */
#include "machine/ceiling_loops.h"

#include <stdbool.h>

#include "base/util.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
/* Dot products of narrow types: clang takes extensions in a function's target from 16 on. */
#if defined(__linux__) && (!defined(__clang__) || __clang_major__ >= 16)
#include <sys/auxv.h>
#define NEON_DOTS
#endif
#endif

#define INLINE static inline __attribute__((always_inline))

typedef uint64_t word2 __attribute__((vector_size(16)));
typedef float float4 __attribute__((vector_size(16)));

/* ---- Portable ------------------------------------------------------------------------------ */

/* Each step reads four pairs of vectors that are `gap` apart. */
INLINE uint64_t read_16(const word2 *at, size_t steps, size_t step, size_t gap)
{
    word2 sum[8] = {{0}};
    for (size_t i = 0; i < steps; i++, at += step) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] ^= at[j / 2 * gap + j % 2];
    }
    word2 all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
    return all[0] ^ all[1];
}

static uint64_t read_portable(const void *data, size_t bytes)
{
    return read_16(data, bytes / (8 * sizeof(word2)), 8, 2);
}

static uint64_t read_portable_rows(const void *data, size_t bytes)
{
    return read_16(data, bytes / (8 * sizeof(word2)), 2, bytes / (4 * sizeof(word2)));
}

static float multiply_add_portable(size_t steps)
{
    const float4 factor = {0.5f, 0.5f, 0.5f, 0.5f};
    float4 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = factor * (float)(j + 3);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++)
            sum[j] = sum[j] * factor + factor;
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] += sum[j];
    return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

#if defined(__x86_64__)

/* ---- AVX2 ---------------------------------------------------------------------------------- */

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 INLINE uint64_t read_32(const __m256i *at, size_t steps, size_t step, size_t gap)
{
    __m256i sum[8];
    for (size_t j = 0; j < 8; j++)
        sum[j] = _mm256_setzero_si256();
    for (size_t i = 0; i < steps; i++, at += step) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(at + j / 2 * gap + j % 2));
    }
    for (size_t j = 1; j < 8; j++)
        sum[0] = _mm256_xor_si256(sum[0], sum[j]);
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) ^ (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

AVX2 static uint64_t read_avx2(const void *data, size_t bytes)
{
    return read_32(data, bytes / (8 * sizeof(__m256i)), 8, 2);
}

AVX2 static uint64_t read_avx2_rows(const void *data, size_t bytes)
{
    return read_32(data, bytes / (8 * sizeof(__m256i)), 2, bytes / (4 * sizeof(__m256i)));
}

AVX2 static float multiply_add_avx2(size_t steps)
{
    const __m256 factor = _mm256_set1_ps(0.5f);
    __m256 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = _mm256_set1_ps((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++)
            sum[j] = _mm256_fmadd_ps(sum[j], factor, factor);
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    return _mm256_cvtss_f32(sum[0]);
}

/* Sixteen bf16 are two vectors of floats: the odd ones where they stand, the even ones shifted. */
AVX2 static float widen_bf16_avx2(size_t steps)
{
    const __m256 x = _mm256_set1_ps(0.5f);
    const __m256i high = _mm256_set1_epi32((int)0xffff0000);
    __m256i weights = _mm256_set1_epi16(0x3f00);
    __m256 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = _mm256_set1_ps((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 6
        for (size_t j = 0; j < 12; j += 2) {
            __asm__("" : "+x"(weights));
            __m256 even = _mm256_castsi256_ps(_mm256_slli_epi32(weights, 16));
            __m256 odd = _mm256_castsi256_ps(_mm256_and_si256(weights, high));
            sum[j] = _mm256_fmadd_ps(even, x, sum[j]);
            sum[j + 1] = _mm256_fmadd_ps(odd, x, sum[j + 1]);
        }
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    return _mm256_cvtss_f32(sum[0]);
}

AVX2 static float widen_int8_avx2(size_t steps)
{
    const __m256 x = _mm256_set1_ps(0.5f);
    __m128i weights = _mm_set1_epi8(1);
    __m256 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = _mm256_set1_ps((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++) {
            __asm__("" : "+x"(weights));
            __m256 wide = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(weights));
            sum[j] = _mm256_fmadd_ps(wide, x, sum[j]);
        }
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    return _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx2,avxvnni"))) static float dot_int8_avx_vnni(size_t steps)
{
    const __m256i x = _mm256_set1_epi8(1), weights = _mm256_set1_epi8(2);
    __m256i sum[12];
    for (size_t j = 0; j < 12; j++)
        sum[j] = _mm256_set1_epi32((int)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++)
            sum[j] = _mm256_dpbusd_avx_epi32(sum[j], x, weights);
    }
    for (size_t j = 1; j < 12; j++)
        sum[0] = _mm256_add_epi32(sum[0], sum[j]);
    return (float)_mm256_extract_epi32(sum[0], 0);
}

/* ---- AVX-512 ------------------------------------------------------------------------------- */

#define AVX512 __attribute__((target("avx512f,avx512bw")))

AVX512 INLINE uint64_t read_64(const __m512i *at, size_t steps, size_t step, size_t gap)
{
    __m512i sum[8];
    for (size_t j = 0; j < 8; j++)
        sum[j] = _mm512_setzero_si512();
    for (size_t i = 0; i < steps; i++, at += step) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] = _mm512_xor_si512(sum[j], _mm512_load_si512(at + j / 2 * gap + j % 2));
    }
    for (size_t j = 1; j < 8; j++)
        sum[0] = _mm512_xor_si512(sum[0], sum[j]);
    return (uint64_t)_mm512_reduce_or_epi64(sum[0]);
}

AVX512 static uint64_t read_avx512(const void *data, size_t bytes)
{
    return read_64(data, bytes / (8 * sizeof(__m512i)), 8, 2);
}

AVX512 static uint64_t read_avx512_rows(const void *data, size_t bytes)
{
    return read_64(data, bytes / (8 * sizeof(__m512i)), 2, bytes / (4 * sizeof(__m512i)));
}

AVX512 INLINE float sum_of(__m512 sum[16])
{
#pragma GCC unroll 16
    for (size_t j = 1; j < 16; j++)
        sum[0] = _mm512_add_ps(sum[0], sum[j]);
    return _mm512_cvtss_f32(sum[0]);
}

AVX512 static float multiply_add_avx512(size_t steps)
{
    const __m512 factor = _mm512_set1_ps(0.5f);
    __m512 sum[16];
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_ps((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++)
            sum[j] = _mm512_fmadd_ps(sum[j], factor, factor);
    }
    return sum_of(sum);
}

AVX512 static float widen_bf16_avx512(size_t steps)
{
    const __m512 x = _mm512_set1_ps(0.5f);
    const __m512i high = _mm512_set1_epi32((int)0xffff0000);
    __m512i weights = _mm512_set1_epi16(0x3f00);
    __m512 sum[16];
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 16; j += 2) {
            __asm__("" : "+v"(weights));
            __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(weights, 16));
            __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(weights, high));
            sum[j] = _mm512_fmadd_ps(even, x, sum[j]);
            sum[j + 1] = _mm512_fmadd_ps(odd, x, sum[j + 1]);
        }
    }
    return sum_of(sum);
}

AVX512 static float widen_int8_avx512(size_t steps)
{
    const __m512 x = _mm512_set1_ps(0.5f);
    __m128i weights = _mm_set1_epi8(1);
    __m512 sum[16];
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++) {
            __asm__("" : "+v"(weights));
            __m512 wide = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(weights));
            sum[j] = _mm512_fmadd_ps(wide, x, sum[j]);
        }
    }
    return sum_of(sum);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static float
dot_bf16_avx512(size_t steps)
{
    const __m512i halves = _mm512_set1_epi16(0x3f00);
    const __m512bh x = (__m512bh)halves, weights = (__m512bh)halves;
    __m512 sum[16];
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_ps((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++)
            sum[j] = _mm512_dpbf16_ps(sum[j], x, weights);
    }
    for (size_t j = 1; j < 16; j++)
        sum[0] = _mm512_add_ps(sum[0], sum[j]);
    return _mm512_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) static float dot_int8_avx512(size_t steps)
{
    const __m512i x = _mm512_set1_epi8(1), weights = _mm512_set1_epi8(2);
    __m512i sum[16];
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_epi32((int)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++)
            sum[j] = _mm512_dpbusd_epi32(sum[j], x, weights);
    }
    for (size_t j = 1; j < 16; j++)
        sum[0] = _mm512_add_epi32(sum[0], sum[j]);
    return (float)_mm512_reduce_add_epi32(sum[0]);
}

/* ---- Which of them run here ---------------------------------------------------------------- */

/* Extensions that enum midl_isa does not name; the operating system's part is the set's. */
static bool has_leaf_7(unsigned subleaf, unsigned word, unsigned bit)
{
    unsigned words[4];
    return __get_cpuid_count(7, subleaf, &words[0], &words[1], &words[2], &words[3]) &&
           words[word] >> bit & 1;
}

static bool has_avx_vnni(void)
{
    return has_leaf_7(1, 0, 4);
}

static bool has_avx512_bf16(void)
{
    return has_leaf_7(1, 0, 5);
}

static bool has_avx512_vnni(void)
{
    return has_leaf_7(0, 2, 11);
}

static const struct {
    struct peak_loop peak;
    bool (*needs)(void);
} peaks[] = {
    {{"portable/f32", MIDL_ISA_PORTABLE, multiply_add_portable, 12 * 4 * 2}, NULL},
    {{"avx2/f32", MIDL_ISA_AVX2, multiply_add_avx2, 12 * 8 * 2}, NULL},
    {{"avx2/bf16", MIDL_ISA_AVX2, widen_bf16_avx2, 12 * 8 * 2}, NULL},
    {{"avx2/int8", MIDL_ISA_AVX2, widen_int8_avx2, 12 * 8 * 2}, NULL},
    {{"avx_vnni/int8", MIDL_ISA_AVX2, dot_int8_avx_vnni, 12 * 32 * 2}, has_avx_vnni},
    {{"avx512/f32", MIDL_ISA_AVX512, multiply_add_avx512, 16 * 16 * 2}, NULL},
    {{"avx512/bf16", MIDL_ISA_AVX512, widen_bf16_avx512, 16 * 16 * 2}, NULL},
    {{"avx512/int8", MIDL_ISA_AVX512, widen_int8_avx512, 16 * 16 * 2}, NULL},
    {{"avx512_bf16/bf16", MIDL_ISA_AVX512, dot_bf16_avx512, 16 * 32 * 2}, has_avx512_bf16},
    {{"avx512_vnni/int8", MIDL_ISA_AVX512, dot_int8_avx512, 16 * 64 * 2}, has_avx512_vnni},
};

static const struct {
    enum midl_isa isa;
    read_loop *patterns[READ_PATTERNS];
} reads[] = {
    {MIDL_ISA_PORTABLE, {read_portable, read_portable_rows}},
    {MIDL_ISA_AVX2, {read_avx2, read_avx2_rows}},
    {MIDL_ISA_AVX512, {read_avx512, read_avx512_rows}},
};

#else

/* ---- NEON ---------------------------------------------------------------------------------- */

#if defined(__aarch64__)

INLINE float sum_of(float32x4_t sum[24])
{
#pragma GCC unroll 24
    for (size_t j = 1; j < 24; j++)
        sum[0] = vaddq_f32(sum[0], sum[j]);
    return vaddvq_f32(sum[0]);
}

static float multiply_add_neon(size_t steps)
{
    const float32x4_t factor = vdupq_n_f32(0.5f);
    float32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_f32((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < 24; j++)
            sum[j] = vfmaq_f32(factor, sum[j], factor);
    }
    return sum_of(sum);
}

static float widen_bf16_neon(size_t steps)
{
    const float32x4_t x = vdupq_n_f32(0.5f);
    uint16x8_t weights = vdupq_n_u16(0x3f00);
    float32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_f32((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 24; j += 2) {
            __asm__("" : "+w"(weights));
            float32x4_t low = vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(weights), 16));
            float32x4_t high = vreinterpretq_f32_u32(vshll_high_n_u16(weights, 16));
            sum[j] = vfmaq_f32(sum[j], low, x);
            sum[j + 1] = vfmaq_f32(sum[j + 1], high, x);
        }
    }
    return sum_of(sum);
}

static float widen_int8_neon(size_t steps)
{
    const float32x4_t x = vdupq_n_f32(0.5f);
    int8x8_t weights = vdup_n_s8(1);
    float32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_f32((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 24; j += 2) {
            __asm__("" : "+w"(weights));
            int16x8_t wide = vmovl_s8(weights);
            sum[j] = vfmaq_f32(sum[j], vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), x);
            sum[j + 1] = vfmaq_f32(sum[j + 1], vcvtq_f32_s32(vmovl_high_s16(wide)), x);
        }
    }
    return sum_of(sum);
}

#ifdef NEON_DOTS

__attribute__((target("arch=armv8.2-a+fp16+bf16"))) static float dot_bf16_neon(size_t steps)
{
    const bfloat16x8_t x = vreinterpretq_bf16_u16(vdupq_n_u16(0x3f00)), weights = x;
    float32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_f32((float)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < 24; j++)
            sum[j] = vbfdotq_f32(sum[j], x, weights);
    }
    for (size_t j = 1; j < 24; j++)
        sum[0] = vaddq_f32(sum[0], sum[j]);
    return vaddvq_f32(sum[0]);
}

__attribute__((target("arch=armv8.2-a+dotprod"))) static float dot_int8_neon(size_t steps)
{
    const int8x16_t x = vdupq_n_s8(1), weights = vdupq_n_s8(2);
    int32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_s32((int)j);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < 24; j++)
            sum[j] = vdotq_s32(sum[j], x, weights);
    }
    for (size_t j = 1; j < 24; j++)
        sum[0] = vaddq_s32(sum[0], sum[j]);
    return (float)vaddvq_s32(sum[0]);
}

static bool has_neon_bf16(void)
{
    return getauxval(AT_HWCAP2) >> 14 & 1;
}

static bool has_neon_dotprod(void)
{
    return getauxval(AT_HWCAP) >> 20 & 1;
}

#endif

#endif

/* The 16-byte vectors of the portable reads are NEON registers here. */
static const struct {
    struct peak_loop peak;
    bool (*needs)(void);
} peaks[] = {
    {{"portable/f32", MIDL_ISA_PORTABLE, multiply_add_portable, 12 * 4 * 2}, NULL},
#if defined(__aarch64__)
    {{"neon/f32", MIDL_ISA_NEON, multiply_add_neon, 24 * 4 * 2}, NULL},
    {{"neon/bf16", MIDL_ISA_NEON, widen_bf16_neon, 24 * 4 * 2}, NULL},
    {{"neon/int8", MIDL_ISA_NEON, widen_int8_neon, 24 * 4 * 2}, NULL},
#ifdef NEON_DOTS
    {{"neon_bf16/bf16", MIDL_ISA_NEON, dot_bf16_neon, 24 * 8 * 2}, has_neon_bf16},
    {{"neon_dotprod/int8", MIDL_ISA_NEON, dot_int8_neon, 24 * 16 * 2}, has_neon_dotprod},
#endif
#endif
};

static const struct {
    enum midl_isa isa;
    read_loop *patterns[READ_PATTERNS];
} reads[] = {{MIDL_ISA_PORTABLE, {read_portable, read_portable_rows}}};

#endif

_Static_assert(COUNT(peaks) <= PEAKS_MAX, "room for all peaks");

read_loop *const *ceiling_reads(void)
{
    size_t best = 0;
    for (size_t i = 1; i < COUNT(reads); i++)
        if (midl_isa_available(reads[i].isa))
            best = i;
    return reads[best].patterns;
}

const struct peak_loop *ceiling_peak(size_t i)
{
    for (size_t p = 0; p < COUNT(peaks); p++)
        if (midl_isa_available(peaks[p].peak.isa) && (!peaks[p].needs || peaks[p].needs()) &&
            i-- == 0)
            return &peaks[p].peak;
    return NULL;
}

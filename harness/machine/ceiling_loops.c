/* ceiling_loops.c - the loops, compiled once per instruction set, as kernels are. What the compiler
 * must not see through is passed through an empty assembler statement: it costs no instruction. */
#include "machine/ceiling_loops.h"

#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(MIDL_ISA_IS_NEON)
#include <arm_neon.h>
/* Dot products of narrow types: clang takes extensions in a function's target from 16 on. */
#if defined(__linux__) && (!defined(__clang__) || __clang_major__ >= 16)
#include <sys/auxv.h>
#define NEON_DOTS
#endif
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 24") /* all of a loop over accumulators */

/* ---- Vectors of the instruction set --------------------------------------------------------- */

/* SUMS accumulators of BYTES hide the latency of a multiply-add. `bytes`: the weights in int8 that
 * widen to WIDE vectors of floats; WIDE = 0: no loop of narrow weights. */
#if defined(MIDL_ISA_IS_AVX512)
enum { BYTES = 64, SUMS = 16, WIDE = 1 };
#elif defined(MIDL_ISA_IS_AVX2)
enum { BYTES = 32, SUMS = 12, WIDE = 1 };
#elif defined(MIDL_ISA_IS_NEON)
enum { BYTES = 16, SUMS = 24, WIDE = 2 };
#else /* the 16-byte vectors of every processor */
enum { BYTES = 16, SUMS = 12, WIDE = 0 };
#endif

typedef float floats __attribute__((vector_size(BYTES)));
typedef int32_t ints __attribute__((vector_size(BYTES)));
typedef uint64_t longs __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / sizeof(float), LONGS = BYTES / sizeof(uint64_t) };

#if defined(MIDL_ISA_IS_AVX512)
#define HIDE(value) __asm__("" : "+v"(value))
typedef __m128i bytes;

INLINE floats multiply_add(floats a, floats b, floats c)
{
    return _mm512_fmadd_ps(a, b, c);
}

INLINE void widen(bytes weights, floats ret[WIDE])
{
    ret[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(weights));
}
#elif defined(MIDL_ISA_IS_AVX2)
#define HIDE(value) __asm__("" : "+x"(value))
typedef __m128i bytes;

INLINE floats multiply_add(floats a, floats b, floats c)
{
    return _mm256_fmadd_ps(a, b, c);
}

INLINE void widen(bytes weights, floats ret[WIDE])
{
    ret[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(weights));
}
#elif defined(MIDL_ISA_IS_NEON)
#define HIDE(value) __asm__("" : "+w"(value))
typedef int8x8_t bytes;

INLINE floats multiply_add(floats a, floats b, floats c)
{
    return vfmaq_f32(c, a, b);
}

INLINE void widen(bytes weights, floats ret[WIDE])
{
    const int16x8_t words = vmovl_s8(weights);
    ret[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
    ret[1] = vcvtq_f32_s32(vmovl_high_s16(words));
}
#else
INLINE floats multiply_add(floats a, floats b, floats c)
{
    return a * b + c;
}
#endif

/* ---- Reads ---------------------------------------------------------------------------------- */

/* Each step reads four pairs of vectors that are `gap` apart. */
INLINE uint64_t read(const longs *at, size_t steps, size_t step, size_t gap)
{
    longs sum[8] = {{0}};
    uint64_t all = 0;
    for (size_t i = 0; i < steps; i++, at += step) {
        UNROLL for (size_t j = 0; j < 8; j++) sum[j] ^= at[j / 2 * gap + j % 2];
    }
    for (size_t j = 1; j < 8; j++)
        sum[0] ^= sum[j];
    for (size_t lane = 0; lane < LONGS; lane++)
        all ^= sum[0][lane];
    return all;
}

static uint64_t read_on(const void *data, size_t size)
{
    return read(data, size / (8 * BYTES), 8, 2);
}

static uint64_t read_rows(const void *data, size_t size)
{
    return read(data, size / (8 * BYTES), 2, size / (4 * BYTES));
}

/* ---- Multiply-adds --------------------------------------------------------------------------- */

INLINE float sum_of(floats sum[SUMS])
{
    float all = 0;
    UNROLL for (size_t j = 1; j < SUMS; j++) sum[0] += sum[j];
    for (size_t lane = 0; lane < LANES; lane++)
        all += sum[0][lane];
    return all;
}

INLINE void begin(floats sum[SUMS], float first)
{
    UNROLL for (size_t j = 0; j < SUMS; j++) sum[j] = (floats){0} + (float)j + first;
}

static float of_f32(size_t steps)
{
    const floats factor = (floats){0} + 0.5f;
    floats sum[SUMS];
    begin(sum, 3);
    for (size_t i = 0; i < steps; i++) {
        UNROLL for (size_t j = 0; j < SUMS; j++) sum[j] = multiply_add(sum[j], factor, factor);
    }
    return sum_of(sum);
}

#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2) || defined(MIDL_ISA_IS_NEON)

/* A vector of bf16 is two vectors of floats: the odd ones where they stand, the even ones shifted.
 */
static float of_bf16(size_t steps)
{
    const floats x = (floats){0} + 0.5f;
    const ints high = (ints){0} + (int32_t)0xffff0000;
    ints weights = (ints){0} + 0x3f003f00;
    floats sum[SUMS];
    begin(sum, 0);
    for (size_t i = 0; i < steps; i++) {
        UNROLL for (size_t j = 0; j < SUMS; j += 2)
        {
            HIDE(weights);
            sum[j] = multiply_add((floats)(weights << 16), x, sum[j]);
            sum[j + 1] = multiply_add((floats)(weights & high), x, sum[j + 1]);
        }
    }
    return sum_of(sum);
}

static float of_int8(size_t steps)
{
    const floats x = (floats){0} + 0.5f;
    bytes weights = {0};
    floats sum[SUMS];
    begin(sum, 0);
    for (size_t i = 0; i < steps; i++) {
        UNROLL for (size_t j = 0; j < SUMS; j += WIDE)
        {
            floats wide[WIDE];
            HIDE(weights);
            widen(weights, wide);
            for (size_t part = 0; part < WIDE; part++)
                sum[j + part] = multiply_add(wide[part], x, sum[j + part]);
        }
    }
    return sum_of(sum);
}

#endif

/* ---- Dot products of narrow types ------------------------------------------------------------ */

/* A loop of an extension that the set's flags don't have: accumulators of `type` begin as `first`
 * and take `step`. */
#define DOT(name, extension, type, first, step)                                                    \
    __attribute__((target(extension))) static float name(size_t steps)                             \
    {                                                                                              \
        type sum[SUMS];                                                                            \
        UNROLL for (size_t j = 0; j < SUMS; j++) sum[j] = first;                                   \
        for (size_t i = 0; i < steps; i++) {                                                       \
            UNROLL for (size_t j = 0; j < SUMS; j++) sum[j] = step;                                \
        }                                                                                          \
        UNROLL for (size_t j = 1; j < SUMS; j++) sum[0] += sum[j];                                 \
        return (float)sum[0][0] + (float)sum[0][1];                                                \
    }

/* Extensions that enum midl_isa does not name; the operating system's part is the set's. */
#if defined(MIDL_ISA_IS_AVX512) || defined(MIDL_ISA_IS_AVX2)
static bool has_leaf_7(unsigned subleaf, unsigned word, unsigned bit)
{
    unsigned words[4];
    return __get_cpuid_count(7, subleaf, &words[0], &words[1], &words[2], &words[3]) &&
           words[word] >> bit & 1;
}
#endif

#if defined(MIDL_ISA_IS_AVX512)
DOT(dot_bf16, "avx512bf16", __m512, _mm512_set1_ps((float)j),
    _mm512_dpbf16_ps(sum[j], (__m512bh)_mm512_set1_epi16(0x3f00),
                     (__m512bh)_mm512_set1_epi16(0x3f00)))
DOT(dot_int8, "avx512vnni", __m512i, _mm512_set1_epi32((int)j),
    _mm512_dpbusd_epi32(sum[j], _mm512_set1_epi8(1), _mm512_set1_epi8(2)))

static bool has_bf16(void)
{
    return has_leaf_7(1, 0, 5);
}

static bool has_vnni(void)
{
    return has_leaf_7(0, 2, 11);
}
#elif defined(MIDL_ISA_IS_AVX2)
DOT(dot_int8, "avxvnni", __m256i, _mm256_set1_epi32((int)j),
    _mm256_dpbusd_avx_epi32(sum[j], _mm256_set1_epi8(1), _mm256_set1_epi8(2)))

static bool has_vnni(void)
{
    return has_leaf_7(1, 0, 4);
}
#elif defined(NEON_DOTS)
DOT(dot_bf16, "arch=armv8.2-a+fp16+bf16", float32x4_t, vdupq_n_f32((float)j),
    vbfdotq_f32(sum[j], vreinterpretq_bf16_u16(vdupq_n_u16(0x3f00)),
                vreinterpretq_bf16_u16(vdupq_n_u16(0x3f00))))
DOT(dot_int8, "arch=armv8.2-a+dotprod", int32x4_t, vdupq_n_s32((int)j),
    vdotq_s32(sum[j], vdupq_n_s8(1), vdupq_n_s8(2)))

static bool has_bf16(void)
{
    return getauxval(AT_HWCAP2) >> 14 & 1;
}

static bool has_dotprod(void)
{
    return getauxval(AT_HWCAP) >> 20 & 1;
}
#endif

/* ---- The set --------------------------------------------------------------------------------- */

enum { STEP = 2 * SUMS * LANES }; /* FLOPs of a step in f32 */

#if defined(MIDL_ISA_IS_AVX512)
const struct ceiling_set ceiling_set_avx512 = {
    MIDL_ISA_AVX512,
    {read_on, read_rows},
    {{"avx512/f32", of_f32, STEP, NULL},
     {"avx512/bf16", of_bf16, STEP, NULL},
     {"avx512/int8", of_int8, STEP, NULL},
     {"avx512_bf16/bf16", dot_bf16, 2 * STEP, has_bf16},
     {"avx512_vnni/int8", dot_int8, 4 * STEP, has_vnni}}};
#elif defined(MIDL_ISA_IS_AVX2)
const struct ceiling_set ceiling_set_avx2 = {MIDL_ISA_AVX2,
                                             {read_on, read_rows},
                                             {{"avx2/f32", of_f32, STEP, NULL},
                                              {"avx2/bf16", of_bf16, STEP, NULL},
                                              {"avx2/int8", of_int8, STEP, NULL},
                                              {"avx_vnni/int8", dot_int8, 4 * STEP, has_vnni}}};
#elif defined(MIDL_ISA_IS_NEON)
const struct ceiling_set ceiling_set_neon = {MIDL_ISA_NEON,
                                             {read_on, read_rows},
                                             {{"neon/f32", of_f32, STEP, NULL},
                                              {"neon/bf16", of_bf16, STEP, NULL},
                                              {"neon/int8", of_int8, STEP, NULL},
#ifdef NEON_DOTS
                                              {"neon_bf16/bf16", dot_bf16, 2 * STEP, has_bf16},
                                              {"neon_dotprod/int8", dot_int8, 4 * STEP, has_dotprod}
#endif
                                             }};
#else
const struct ceiling_set ceiling_set_portable = {
    MIDL_ISA_PORTABLE, {read_on, read_rows}, {{"portable/f32", of_f32, STEP, NULL}}};
#endif

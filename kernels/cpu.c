/* cpu.c - which instruction sets this processor and its operating system can run, and what else
 * kernels ask of it. */
#include <unistd.h>

#include "midl.h"
#include "midl_config.h"
#include "simd/ops.h"
#include "variant.h"

/* The strongest set that may be used; lowered by midl_isa_limit. */
static enum midl_isa isa_most = MIDL_ISA_AVX512;

#if defined(__x86_64__)
/* gcc's and clang's built-ins ask CPUID and whether the system saves the registers. */
static bool processor_has(enum midl_isa isa)
{
    __builtin_cpu_init();
    if (isa == MIDL_ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi");
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
#endif

bool midl_isa_available(enum midl_isa isa)
{
    if (isa > isa_most)
        return false;
    switch (isa) {
    case MIDL_ISA_GENERIC:
    case MIDL_ISA_PORTABLE:
        return true;
    case MIDL_ISA_NEON:
        return MIDL_BUILD_NEON;
    case MIDL_ISA_AVX2:
    case MIDL_ISA_AVX512:
#if defined(__x86_64__)
        return (isa == MIDL_ISA_AVX2 ? MIDL_BUILD_AVX2 : MIDL_BUILD_AVX512) && processor_has(isa);
#else
        return false;
#endif
    }
    return false;
}

enum midl_isa midl_isa_best(void)
{
    enum midl_isa isa = MIDL_ISA_AVX512;
    while (!midl_isa_available(isa))
        isa = (enum midl_isa)(isa - 1);
    return isa;
}

void midl_isa_limit(enum midl_isa most)
{
    isa_most = most < MIDL_ISA_PORTABLE ? MIDL_ISA_PORTABLE : most;
}

extern const struct simd_ops midl_simd_ops_portable, midl_simd_ops_neon, midl_simd_ops_avx2,
    midl_simd_ops_avx512;

const struct simd_ops *midl_simd_ops_of(enum midl_isa isa)
{
    if (!midl_isa_available(isa))
        return NULL;
    switch (isa) {
    case MIDL_ISA_GENERIC:
    case MIDL_ISA_PORTABLE:
        return &midl_simd_ops_portable;
    case MIDL_ISA_NEON:
#if MIDL_BUILD_NEON
        return &midl_simd_ops_neon;
#else
        return NULL;
#endif
    case MIDL_ISA_AVX2:
#if MIDL_BUILD_AVX2
        return &midl_simd_ops_avx2;
#else
        return NULL;
#endif
    case MIDL_ISA_AVX512:
#if MIDL_BUILD_AVX512
        return &midl_simd_ops_avx512;
#else
        return NULL;
#endif
    }
    return NULL;
}

const struct simd_ops *midl_simd_ops(void)
{
    return midl_simd_ops_of(midl_isa_best());
}

/* ---- The core -------------------------------------------------------------------------------- */

/* 32 KiB where the system doesn't tell. */
static size_t first_floats(void)
{
    const size_t least = 8192;
    long bytes = 0;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
    bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE);
#endif
    size_t floats = bytes > 0 ? (size_t)bytes / sizeof(float) : 0;
    return floats > least ? floats : least;
}

struct midl_core midl_core(void)
{
    struct midl_core core = {.first_floats = first_floats()};
#if defined(__x86_64__)
    __builtin_cpu_init();
    core.shared_port = __builtin_cpu_is("intel");
#endif
    return core;
}

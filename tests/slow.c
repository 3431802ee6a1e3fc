/* slow.c - libmidl with a fault, for the tests of the gate: compiled with the library's own files,
 * in which midl_run, midl_code_hash and midl_abi bear other names.
 *
 *   SLOW_PERCENT  variant SLOW_IDEA takes so much longer, by waiting after each call. 0 % waits
 * too, for nothing: compare the others with that, or the clock itself counts SLOW_WRONG    its
 * first output is wrong SLOW_CRASH    its first call ends the process SLOW_ABI      the number that
 * midl_abi gives */
#include <signal.h>
#include <string.h>
#include <time.h>

#undef midl_run
#undef midl_code_hash
#undef midl_abi
#define midl_run midl_run_real
#define midl_code_hash midl_code_hash_real
#define midl_abi midl_abi_real
#include "midl.h"
#undef midl_run
#undef midl_code_hash
#undef midl_abi

MIDL_API enum midl_status midl_run(struct midl_plan *plan, size_t batch, const float *x, float *y);
MIDL_API uint64_t midl_code_hash(const struct midl_variant *variant);
MIDL_API int midl_abi(void);

#ifndef SLOW_PERCENT
#define SLOW_PERCENT 0
#endif
#ifndef SLOW_NOPS
#define SLOW_NOPS 0
#endif

static bool is_slow(const struct midl_variant *variant)
{
    return strcmp(midl_variant_idea(variant), SLOW_IDEA) == 0;
}

static uint64_t now(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
#endif
}

enum midl_status midl_run(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    if (!is_slow(midl_plan_variant(plan)))
        return midl_run_real(plan, batch, x, y);
#ifdef SLOW_CRASH
    raise(SIGSEGV);
#endif
    for (int i = 0; i < SLOW_NOPS; i++)
        __asm__ volatile("nop");
    uint64_t begin = now();
    enum midl_status status = midl_run_real(plan, batch, x, y);
    uint64_t end = now(), until = end + (end - begin) * SLOW_PERCENT / 100;
    while (now() < until)
        continue;
#ifdef SLOW_WRONG
    y[0] += 1;
#endif
    return status;
}

uint64_t midl_code_hash(const struct midl_variant *variant)
{
    uint64_t hash = midl_code_hash_real(variant);
    return is_slow(variant) && hash ? hash + SLOW_HASH : hash;
}

int midl_abi(void)
{
#ifdef SLOW_ABI
    return SLOW_ABI;
#else
    return midl_abi_real();
#endif
}

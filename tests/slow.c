/* slow.c - libmidl with a fault, for the tests of the gate: compiled with the library's own files,
 * in which midl_run, midl_code_hash and midl_abi bear other names. The fault is in variant
 * SLOW_IDEA.
 *
 * SLOW_PERCENT: a call takes so much longer, by counting after it. 0 % counts a little too: compare
 * the others with that, or the clock itself shows.
 *
 * SLOW_NOPS: a call makes so many turns of an empty loop first.
 *
 * SLOW_WRONG: the first output is wrong.
 *
 * SLOW_CRASH: the first call ends the process.
 *
 * SLOW_ABI: the number that midl_abi gives.
 *
 * SLOW_HASH: what is added to the hash of its code; another for each fault.
 *
 * SLOW_BLIND: nothing is slow, and the hash of every variant is another: identical code that the
 * gate can't know for identical. */
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
#ifdef SLOW_BLIND
    (void)variant;
    return false;
#endif
    return strcmp(midl_variant_idea(variant), SLOW_IDEA) == 0;
}

/* Both builds of a pair count at least so far: where the count overlaps with the next call, it does
 * in both. */
#define LEAST_TURNS 400

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

/* A chain of products, each of which waits for the one before: it reads no clock and no memory, so
 * that nothing but its time is added. */
static void spin(uint64_t turns)
{
    uint64_t product = turns;
    for (uint64_t i = 0; i < turns; i++) {
        product *= 3;
        __asm__ volatile("" : "+r"(product));
    }
}

/* Ticks of the clock per turn, as they were when they were fewest. */
static double ticks_per_turn(void)
{
    const uint64_t turns = 20000;
    double fewest = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t begin = now();
        spin(turns);
        double ticks = (double)(now() - begin) / (double)turns;
        fewest = i > 0 && fewest < ticks ? fewest : ticks;
    }
    return fewest;
}

enum midl_status midl_run(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    static double per_turn;
    if (!is_slow(midl_plan_variant(plan)))
        return midl_run_real(plan, batch, x, y);
#ifdef SLOW_CRASH
    raise(SIGSEGV);
#endif
    for (int i = 0; i < SLOW_NOPS; i++)
        __asm__ volatile("nop");
    if (per_turn <= 0)
        per_turn = ticks_per_turn();
    uint64_t begin = now();
    enum midl_status status = midl_run_real(plan, batch, x, y);
    double turns = (double)(now() - begin) / per_turn + LEAST_TURNS;
    spin(LEAST_TURNS + (uint64_t)(turns * SLOW_PERCENT / 100));
#ifdef SLOW_WRONG
    y[0] += 1;
#endif
    return status;
}

uint64_t midl_code_hash(const struct midl_variant *variant)
{
    uint64_t hash = midl_code_hash_real(variant);
#ifdef SLOW_BLIND
    return hash ? hash + SLOW_HASH : hash;
#endif
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

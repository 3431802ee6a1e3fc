/* host.h - what this library shares with the program it is loaded into: the numbers of threads that
 * OpenBLAS and OpenMP keep, each thread's mode of computing, and what a fork leaves of a process.
 */
#ifndef MIDL_HOST_H
#define MIDL_HOST_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* True in a child that fork() made. OpenMP's threads stay behind in the parent, and GNU OpenMP
 * waits for them for ever. */
extern bool host_forked;

/* The number of threads that a plan may have in this process. */
static inline int host_threads(int threads)
{
    return host_forked ? 1 : threads;
}

/* The host's settings before host_begin, for host_end. */
struct host_settings {
    int openmp;    /* of this thread */
    bool openblas; /* of the process: changed */
};

/* Let OpenBLAS and OpenMP take host_threads(threads) in this thread's calls, until host_end, which
 * every begin needs. Where calls overlap, the last to end restores what OpenBLAS had. */
struct host_settings host_begin(int threads);
void host_end(const struct host_settings *before);

#define HOST_MODE_BITS 0xffc0u    /* of x86-64's register: all but the flags of past exceptions */
#define HOST_MODE_DEFAULT 0x1f80u /* no trap, nothing flushed, to the nearest */

/* How this thread computes: rounding, whether denormal numbers are flushed to zero, traps. The
 * library's code counts on the default, to the nearest and without the others: where numbers that
 * differ compare as equal, selection writes more than there is room for. */
static inline uint64_t host_mode_begin(void)
{
    uint64_t mode = 0;
#if defined(__x86_64__)
    mode = _mm_getcsr();
    if ((mode & HOST_MODE_BITS) != HOST_MODE_DEFAULT)
        _mm_setcsr(HOST_MODE_DEFAULT);
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    if (mode != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)) : "memory");
#endif
    return mode;
}

static inline void host_mode_end(uint64_t mode)
{
#if defined(__x86_64__)
    if ((mode & HOST_MODE_BITS) != HOST_MODE_DEFAULT)
        _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
    if (mode != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
#else
    (void)mode;
#endif
}

#endif

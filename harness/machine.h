/* machine.h - facts of this machine and build, each with how it was found. */
#ifndef MIDL_MACHINE_H
#define MIDL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "store.h"

struct cache_level {
    int level;        /* 1 (data), 2, 3; 0: unknown */
    size_t bytes;     /* of one instance */
    int ways, line;   /* 0: unknown */
    const char *source; /* "sysfs", "cpuid", "sysconf", "assumed" */
};

struct machine {
    char host[64], cpu[96], os[160], compiler[96], flags[256], hypervisor[48], governor[32],
        blas[96], blas_core[48], onednn[48], gbench[24], papi[24], valgrind[64], microcode[24];
    int cores;
    size_t page_bytes, huge_page_bytes;
    double memory_bytes, load1;
    struct cache_level caches[4];
    size_t cache_count;
    bool aslr, turbo, turbo_known, smt, smt_known, denormals_flushed;
    double timer_overhead_ns, timer_resolution_ns;
};

/* Filled on first use; never fails: unknown strings say "unknown". */
const struct machine *machine_get(void);

/* Bytes of the data cache of that level, or 0. */
size_t machine_cache_bytes(int level);

/* As rows for the store. *ret belongs to machine.c. */
size_t machine_facts(const struct store_fact **ret);

/* Share of time stolen by the hypervisor since the last call (0..1), NaN if unknown. */
double machine_steal(void);

#endif

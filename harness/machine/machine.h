/* machine.h - facts of this machine and build, each with how it was found. */
#ifndef MIDL_MACHINE_H
#define MIDL_MACHINE_H

#include <stdbool.h>
#include <stddef.h>

#include "machine/cgroup.h"

#define CACHE_LEVELS 4

struct cache_level {
    int level;          /* 1 (data), 2, 3, 4 */
    size_t bytes;       /* of one instance, as reported */
    int ways, line;     /* 0: unknown */
    bool plausible;     /* false: a virtual machine that was told of the whole host's cache */
    size_t share_bytes; /* what this machine may reckon with: bytes, or 4 MiB a core if that was
                           not plausible */
    const char *source; /* "sysfs", "cpuid", "sysconf", "assumed" */
};

struct machine {
    char host[64], cpu[96], os[160], compiler[96], flags[1024], commit[64], isa[16], hypervisor[48],
        governor[32], thp[16], blas[160], blas_core[48], blas_override[48], variables[256],
        libc[24], microcode[24];
    int cores;    /* that this process may use: affinity, and a quota's whole processors */
    int allowed;  /* processors of the affinity alone */
    double quota; /* of processor time, in processors; infinite: none */
    char quota_file[CGROUP_PATH_SIZE], limit_file[CGROUP_PATH_SIZE]; /* who limits time, memory */
    size_t page_bytes, huge_page_bytes;
    double memory_bytes; /* of the machine */
    double
        usable_bytes; /* that this process may use: control groups and RLIMIT_AS may allow less */
    double load1, stolen; /* stolen: share since the machine started; NaN: unknown */
    struct cache_level caches[CACHE_LEVELS];
    size_t cache_count;
    bool virtual_machine, aslr, turbo, turbo_known, smt, smt_known, denormals_flushed, optimised,
        sanitised;
    double timer_overhead_ns, timer_resolution_ns;
};

/* Filled on first use; never fails: unknown strings say "unknown", missing libraries "none". */
const struct machine *machine_get(void);

/* Return the bytes of the data cache of that level as reported, or 0. */
size_t machine_cache_bytes(int level);

/* Find the share of time stolen by the hypervisor since the last call (0..1), NaN if unknown; the
 * first call gives the share since the machine started. */
double machine_steal(void);

#endif

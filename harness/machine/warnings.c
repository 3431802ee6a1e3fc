/* warnings.c - what will spoil a measurement on this machine. Pure: facts in, lines out. */
#include "machine/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct warnings {
    char (*lines)[WARNING_SIZE];
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void warn(struct warnings *warnings,
                                                       const char *format, ...)
{
    va_list arguments;
    if (warnings->count == WARNINGS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(warnings->lines[warnings->count++], WARNING_SIZE, format, arguments);
    va_end(arguments);
}

static void warn_build(const struct machine *machine, struct warnings *warnings)
{
    if (!machine->optimised)
        warn(warnings, "this program was built without optimisation: its times mean nothing; "
                       "meson setup --buildtype=release");
    if (machine->sanitised)
        warn(warnings, "this program was built with sanitizers: its times mean nothing; "
                       "meson setup -Db_sanitize=none");
    if (machine->denormals_flushed)
        warn(warnings,
             "this thread flushes denormal numbers to zero: results may differ; something "
             "was linked with -ffast-math");
}

static void warn_neighbours(const struct machine *machine, double stolen, struct warnings *warnings)
{
    if (machine->virtual_machine)
        warn(
            warnings,
            "a virtual machine (%s): neighbours share its cores and caches, and nobody can pin its "
            "clock; compare within one run, take absolute times from bare metal",
            machine->hypervisor);
    if (stolen > 0.01)
        warn(warnings, "%.1f %% of the time is stolen by the host; measure when it is quieter",
             100 * stolen);
    if (machine->quota < machine->allowed)
        warn(
            warnings,
            "a quota of %.2f processors for %d (%s): who has used it up is stopped for the rest of "
            "the period; measure with fewer threads than that, or without a quota",
            machine->quota, machine->allowed, machine->quota_file);
    if (machine->load1 > 0.3 * machine->cores)
        warn(warnings, "load %.2f on %d core%s: something else is running; stop it or wait",
             machine->load1, machine->cores, machine->cores == 1 ? "" : "s");
}

static void warn_clock(const struct machine *machine, struct warnings *warnings)
{
    if (strcmp(machine->governor, "unknown") != 0 && strcmp(machine->governor, "performance") != 0)
        warn(warnings,
             "frequency governor %s: the clock follows the load; cpupower frequency-set -g "
             "performance",
             machine->governor);
    if (!machine->turbo_known)
        warn(warnings, "turbo unknown: the clock may change with temperature and neighbours");
    else if (machine->turbo)
        warn(warnings, "turbo is on: the clock follows temperature; as root, echo 0 > "
                       "/sys/devices/system/cpu/cpufreq/boost, or 1 > intel_pstate/no_turbo");
    if (machine->smt_known && machine->smt)
        warn(warnings, "SMT is on: two threads may share a core; as root, echo off > "
                       "/sys/devices/system/cpu/smt/control");
    if (machine->timer_resolution_ns > 1000)
        warn(warnings, "the clock moves in steps of %.0f ns: short samples are rounded",
             machine->timer_resolution_ns);
}

static void warn_memory(const struct machine *machine, struct warnings *warnings)
{
    if (strcmp(machine->thp, "never") == 0)
        warn(warnings, "transparent huge pages are off: large weights cost TLB misses; as root, "
                       "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache_level *cache = &machine->caches[i];
        if (!cache->plausible)
            warn(warnings,
                 "L%d of %zu MiB is the whole host's: how much of it is ours is unknown; 4 MiB a "
                 "core would be %zu MiB",
                 cache->level, cache->bytes >> 20, cache->share_bytes >> 20);
    }
}

static void warn_counters(const struct warning_facts *facts, struct warnings *warnings)
{
    if (!facts->hardware_counters)
        warn(warnings, "no hardware counter works (see counters)%s",
             facts->callgrind_not ? "" : ": cache misses come from callgrind's simulation only");
    if (facts->callgrind_not)
        warn(warnings, "no simulated counters: %s", facts->callgrind_not);
}

size_t warnings_find(const struct warning_facts *facts, char ret[WARNINGS_MAX][WARNING_SIZE])
{
    const struct machine *machine = facts->machine;
    struct warnings warnings = {.lines = ret};
    warn_build(machine, &warnings);
    warn_neighbours(machine, facts->stolen, &warnings);
    warn_clock(machine, &warnings);
    warn_memory(machine, &warnings);
    if (strcmp(machine->blas_override, "none") != 0 && strcmp(machine->blas_core, "none") != 0)
        warn(&warnings,
             "OPENBLAS_CORETYPE=%s: OpenBLAS runs its %s kernels, not those of its own choice; "
             "unset it for the fastest yardstick",
             machine->blas_override, machine->blas_core);
    if (*machine->variables && strcmp(machine->variables, "none") != 0)
        warn(&warnings,
             "set in the environment, where libraries look: %.100s; unset what is not meant",
             machine->variables);
    warn_counters(facts, &warnings);
    return warnings.count;
}

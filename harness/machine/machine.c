/* machine.c - facts of this machine and build.
 *
 * Asked once, in the order of trust: the kernel's files, then the processor itself, then the C
 * library, then a guess; what was asked is kept with the answer. Reading texts is machine_text.c's.
 */
#define _GNU_SOURCE /* affinity, environ */
#include "machine/machine.h"

#include <gnu/libc-version.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/start.h"
#include "commit.h"
#include "harness_config.h"
#include "machine/blis_kernels.h"
#include "machine/machine_text.h"
#include "midl.h"
#include "midl_config.h"

#if MIDL_HAVE_OPENBLAS
char *openblas_get_config(void);
char *openblas_get_corename(void);
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

static struct machine machine;
static pthread_once_t machine_once = PTHREAD_ONCE_INIT;

__attribute__((format(printf, 3, 4))) static void set(char *ret, size_t size, const char *format,
                                                      ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret, size, format, arguments);
    va_end(arguments);
}

/* SET(machine.field, "format", ...): cut to the field's size. */
#define SET(field, ...) set(field, sizeof(field), __VA_ARGS__)

/* The beginning of a file, an empty text if it can't be read. */
static const char *read_text(const char *path, char *ret, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t bytes = file ? fread(ret, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    ret[bytes] = '\0';
    return ret;
}

/* The first word of a file; false if there is none. */
static bool read_word(const char *path, char *ret, size_t size)
{
    char text[256];
    size_t length = strcspn(read_text(path, text, sizeof text), " \t\n");
    if (length == 0)
        return false;
    set(ret, size, "%.*s", (int)length, text);
    return true;
}

static bool cpu_times(uint64_t *ret_all, uint64_t *ret_stolen)
{
    char text[512];
    return text_cpu_times(read_text("/proc/stat", text, sizeof text), ret_all, ret_stolen);
}

/* ---- The system ------------------------------------------------------------------------------ */

static void ask_system(void)
{
    struct utsname name;
    char text[4096], distribution[80] = "Linux";
    if (gethostname(machine.host, sizeof machine.host - 1) != 0)
        SET(machine.host, "unknown");
    text_value(read_text("/etc/os-release", text, sizeof text), "PRETTY_NAME", '=', distribution,
               sizeof distribution);
    if (uname(&name) == 0)
        SET(machine.os, "%s, %s %s %s", distribution, name.sysname, name.release, name.machine);
    else
        SET(machine.os, "%s", distribution);
    double load;
    machine.load1 = getloadavg(&load, 1) == 1 ? load : NAN;
    uint64_t all, stolen;
    machine.stolen = cpu_times(&all, &stolen) && all > 0 ? (double)stolen / (double)all : NAN;
    machine.allowed = start_processors();
    if (machine.allowed < 1)
        machine.allowed = (int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Ask how many processors and how much memory control groups and resource limits allow. */
static void ask_limits(void)
{
    char text[4096];
    struct rlimit space;
    struct cgroup_limits limits;
    cgroup_read("/sys/fs/cgroup", read_text("/proc/self/cgroup", text, sizeof text), &limits);
    machine.quota = limits.processors;
    SET(machine.quota_file, "%s", limits.processors_file);
    machine.cores = machine.allowed;
    if (machine.quota < machine.cores)
        machine.cores = machine.quota < 1 ? 1 : (int)machine.quota;
    machine.usable_bytes = fmin(machine.memory_bytes, limits.memory_bytes);
    if (limits.memory_bytes <= machine.memory_bytes)
        SET(machine.limit_file, "%s", limits.memory_file);
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY &&
        (double)space.rlim_cur < machine.usable_bytes) {
        machine.usable_bytes = (double)space.rlim_cur;
        SET(machine.limit_file, "ulimit -v");
    }
}

static void ask_memory(void)
{
    char text[8192], value[32];
    long pages = sysconf(_SC_PHYS_PAGES);
    machine.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    machine.memory_bytes = pages > 0 ? (double)pages * (double)machine.page_bytes : NAN;
    read_text("/proc/meminfo", text, sizeof text);
    if (text_value(text, "Hugepagesize", ':', value, sizeof value))
        machine.huge_page_bytes = (size_t)strtoull(value, NULL, 10) << 10;
    read_text("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    if (!text_chosen(text, machine.thp, sizeof machine.thp))
        SET(machine.thp, "unknown");
    machine.aslr = read_word("/proc/sys/kernel/randomize_va_space", value, sizeof value) &&
                   *value != '0' && !(personality(0xffffffff) & ADDR_NO_RANDOMIZE);
}

/* ---- The processor --------------------------------------------------------------------------- */

#if defined(__x86_64__)
static struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers registers;
    __cpuid_count(leaf, subleaf, registers.eax, registers.ebx, registers.ecx, registers.edx);
    return registers;
}

static bool ask_cpuid_hypervisor(void)
{
    if (!(cpuid(1, 0).ecx >> 31))
        return false;
    struct cpuid_registers leaf = cpuid(0x40000000, 0);
    char letters[13] = "";
    memcpy(letters, &leaf.ebx, 4);
    memcpy(letters + 4, &leaf.ecx, 4);
    memcpy(letters + 8, &leaf.edx, 4);
    const char *name = text_hypervisor(letters);
    SET(machine.hypervisor, "%s", name ? name : "present, unnamed");
    return true;
}

/* Leaf 4 or AMD's copy of it; both are empty on some virtual machines. */
static size_t cpuid_all_caches(struct cache_level ret[CACHE_LEVELS])
{
    enum { SUBLEAVES = 8 };
    static const uint32_t leaves[] = {4, 0x8000001d};
    struct cpuid_registers registers[SUBLEAVES];
    for (size_t l = 0; l < sizeof leaves / sizeof *leaves; l++) {
        if ((uint32_t)__get_cpuid_max(leaves[l] & 0x80000000, NULL) < leaves[l])
            continue;
        for (uint32_t i = 0; i < SUBLEAVES; i++)
            registers[i] = cpuid(leaves[l], i);
        size_t count = cpuid_caches(registers, SUBLEAVES, ret);
        if (count > 0)
            return count;
    }
    if ((uint32_t)__get_cpuid_max(0x80000000, NULL) < 0x80000006)
        return 0;
    return cpuid_caches_legacy(cpuid(0x80000005, 0), cpuid(0x80000006, 0), ret);
}

static bool denormals_flushed(void)
{
    return _mm_getcsr() & 0x8040; /* flush to zero, denormals are zero */
}
#else
static bool ask_cpuid_hypervisor(void)
{
    return false;
}

static size_t cpuid_all_caches(struct cache_level ret[CACHE_LEVELS])
{
    (void)ret;
    return 0;
}

static bool denormals_flushed(void)
{
#if defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control >> 24 & 1;
#else
    return false;
#endif
}
#endif

static void ask_hypervisor(void)
{
    char vendor[96] = "", product[96] = "", both[200];
    machine.virtual_machine = true;
    if (ask_cpuid_hypervisor())
        return;
    if (read_word("/sys/hypervisor/type", machine.hypervisor, sizeof machine.hypervisor))
        return;
    SET(both, "%s %s", read_text("/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor),
        read_text("/sys/class/dmi/id/product_name", product, sizeof product));
    for (char *c = both; *c; c++)
        if (*c == '\n')
            *c = ' ';
    const char *name = text_dmi_hypervisor(both);
    machine.virtual_machine = name != NULL;
    SET(machine.hypervisor, "%s", name ? name : "none");
}

static size_t sysconf_caches(struct cache_level ret[CACHE_LEVELS])
{
    static const int names[][3] = {
        {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL1_DCACHE_ASSOC, _SC_LEVEL1_DCACHE_LINESIZE},
        {_SC_LEVEL2_CACHE_SIZE, _SC_LEVEL2_CACHE_ASSOC, _SC_LEVEL2_CACHE_LINESIZE},
        {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL3_CACHE_ASSOC, _SC_LEVEL3_CACHE_LINESIZE},
    };
    size_t count = 0;
    for (int i = 0; i < 3; i++) {
        long bytes = sysconf(names[i][0]), ways = sysconf(names[i][1]), line = sysconf(names[i][2]);
        if (bytes > 0)
            ret[count++] = (struct cache_level){.level = i + 1,
                                                .bytes = (size_t)bytes,
                                                .ways = ways > 0 ? (int)ways : 0,
                                                .line = line > 0 ? (int)line : 0,
                                                .source = "sysconf"};
    }
    return count;
}

static void ask_caches(void)
{
    static const struct cache_level assumed[] = {
        {.level = 1, .bytes = 32 << 10, .ways = 8, .line = 64, .source = "assumed"},
        {.level = 2, .bytes = 512 << 10, .ways = 8, .line = 64, .source = "assumed"}};
    struct cache_level *caches = machine.caches;
    machine.cache_count = sysfs_caches("/sys/devices/system/cpu/cpu0/cache", caches);
    if (machine.cache_count == 0)
        machine.cache_count = cpuid_all_caches(caches);
    if (machine.cache_count == 0)
        machine.cache_count = sysconf_caches(caches);
    if (machine.cache_count == 0) {
        machine.cache_count = sizeof assumed / sizeof *assumed;
        memcpy(caches, assumed, sizeof assumed);
    }
    caches_judge(caches, machine.cache_count, machine.cores, machine.virtual_machine);
}

static void ask_processor(void)
{
    char *text = malloc(1 << 16);
    struct cpu_text cpu = {.model = "unknown", .microcode = "unknown"};
    if (text)
        text_cpuinfo(read_text("/proc/cpuinfo", text, 1 << 16), &cpu);
    free(text);
    SET(machine.cpu, "%s", cpu.model);
    SET(machine.microcode, "%s", cpu.microcode);
    SET(machine.isa, "%s", midl_isa_name(midl_isa_best()));
    machine.denormals_flushed = denormals_flushed();
    char word[32];
    machine.smt_known = read_word("/sys/devices/system/cpu/smt/active", word, sizeof word);
    machine.smt = machine.smt_known && *word == '1';
    if (!machine.smt_known && cpu.siblings > 0 && cpu.cores > 0) {
        machine.smt_known = true;
        machine.smt = cpu.siblings > cpu.cores;
    }
}

static void ask_frequency(void)
{
    char word[32];
    if (!read_word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", machine.governor,
                   sizeof machine.governor))
        SET(machine.governor, "unknown");
    if (read_word("/sys/devices/system/cpu/intel_pstate/no_turbo", word, sizeof word)) {
        machine.turbo_known = true;
        machine.turbo = *word == '0';
    } else if (read_word("/sys/devices/system/cpu/cpufreq/boost", word, sizeof word)) {
        machine.turbo_known = true;
        machine.turbo = *word == '1';
    }
}

/* ---- Build and libraries --------------------------------------------------------------------- */

static void ask_build(void)
{
    SET(machine.compiler, "%s", MIDL_COMPILER);
    const char *flags = MIDL_FLAGS;
    size_t length = strlen(flags);
    while (length > 0 && flags[length - 1] == ' ')
        length--;
    SET(machine.flags, "%.*s", (int)length, flags);
    SET(machine.commit, "%s", MIDL_COMMIT);
#if defined(__OPTIMIZE__)
    machine.optimised = true;
#endif
    machine.sanitised = !strstr(MIDL_FLAGS, " sanitize=none ") || strstr(MIDL_FLAGS, "-fsanitize=");
}

static void ask_libraries(void)
{
    SET(machine.libc, "%s", gnu_get_libc_version());
    const char *override = getenv("OPENBLAS_CORETYPE");
    SET(machine.blas_override, "%s", override && *override ? override : "none");
#if MIDL_HAVE_OPENBLAS
    SET(machine.blas, "%s", openblas_get_config());
    SET(machine.blas_core, "%s", openblas_get_corename());
#else
    SET(machine.blas, "none");
    SET(machine.blas_core, "none");
#endif
}

/* ---- The clock ------------------------------------------------------------------------------- */

/* Time a reading of the clock: the best of several runs. And find its smallest step, in whole
 * nanoseconds as the clock counts. */
static void ask_clock(void)
{
    enum { RUNS = 16, READINGS = 512 };
    double best_ns = INFINITY, step_ns = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        double first_ns = clock_ns(), last_ns = first_ns;
        for (int i = 0; i < READINGS; i++) {
            double now_ns = clock_ns();
            if (now_ns > last_ns)
                step_ns = fmin(step_ns, now_ns - last_ns);
            last_ns = now_ns;
        }
        best_ns = fmin(best_ns, (last_ns - first_ns) / READINGS);
    }
    machine.timer_overhead_ns = best_ns;
    machine.timer_resolution_ns = isfinite(step_ns) ? step_ns : NAN;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void ask_all(void)
{
    ask_system();
    ask_memory();
    ask_limits();
    ask_hypervisor();
    ask_caches();
    ask_processor();
    ask_frequency();
    ask_build();
    text_variables(environ, blis_own_variable(), machine.variables, sizeof machine.variables);
    ask_libraries();
    ask_clock();
}

const struct machine *machine_get(void)
{
    pthread_once(&machine_once, ask_all);
    return &machine;
}

size_t machine_cache_bytes(int level)
{
    const struct machine *m = machine_get();
    for (size_t i = 0; i < m->cache_count; i++)
        if (m->caches[i].level == level)
            return m->caches[i].bytes;
    return 0;
}

double machine_steal(void)
{
    static uint64_t last_all, last_stolen;
    uint64_t all, stolen;
    if (!cpu_times(&all, &stolen))
        return NAN;
    double share = all > last_all ? (double)(stolen - last_stolen) / (double)(all - last_all) : NAN;
    last_all = all;
    last_stolen = stolen;
    return share;
}

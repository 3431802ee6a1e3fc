/* Facts out of texts, registers and folders of other machines; warnings; the judgement of noise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/folder.h"
#include "machine/machine.h"
#include "machine/cgroup.h"
#include "machine/machine_text.h"
#include "measure/noise.h"
#include "machine/warnings.h"
#include "run/environment.h"

#include <cmocka.h>

#include "scratch.h"

/* ---- /proc/cpuinfo --------------------------------------------------------------------------- */

static void test_cpuinfo(void **state)
{
    static const struct {
        const char *text, *model, *microcode;
        int siblings, cores;
    } rows[] = {
        {"processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n"
         "model name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\nmicrocode\t: 0x5003303\n"
         "siblings\t: 40\ncpu cores\t: 20\n\nprocessor\t: 1\nmodel name\t: other\n",
         "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", "0x5003303", 40, 20},
        {"processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
         "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n",
         "Arm Neoverse-N1", "unknown", 0, 0},
        {"CPU implementer\t: 0x51\nCPU part\t: 0x001\n", "AArch64 implementer 0x51 part 0x001",
         "unknown", 0, 0},
        {"processor\t: 0\ncpu\t\t: POWER9, altivec supported\nclock\t\t: 2300MHz\n",
         "POWER9, altivec supported", "unknown", 0, 0},
        {"", "unknown", "unknown", 0, 0},
        {"model name", "unknown", "unknown", 0, 0},
        {"model name\t:\nmicrocode : 0x1", "", "0x1", 0, 0},
        {"model name: a\001b\n", "a b", "unknown", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cpu_text cpu;
        text_cpuinfo(rows[i].text, &cpu);
        assert_string_equal(cpu.model, rows[i].model);
        assert_string_equal(cpu.microcode, rows[i].microcode);
        assert_int_equal(cpu.siblings, rows[i].siblings);
        assert_int_equal(cpu.cores, rows[i].cores);
    }
}

static void test_long_model(void **state)
{
    char text[400] = "model name : ";
    struct cpu_text cpu;
    (void)state;
    memset(text + 13, 'x', sizeof text - 14);
    text[sizeof text - 1] = '\0';
    text_cpuinfo(text, &cpu);
    assert_int_equal(strlen(cpu.model), sizeof cpu.model - 1);
}

/* ---- Small texts ----------------------------------------------------------------------------- */

static void test_sizes(void **state)
{
    (void)state;
    assert_int_equal(text_size("48K\n"), 48 << 10);
    assert_int_equal(text_size("32M"), 32 << 20);
    assert_int_equal(text_size("2G"), (size_t)2 << 30);
    assert_int_equal(text_size("512"), 512);
    assert_int_equal(text_size(""), 0);
    assert_int_equal(text_size("K"), 0);
    assert_int_equal(text_size("-1"), 0);
    assert_int_equal(text_size("12Q"), 0);
    assert_int_equal(text_size("99999999999999999999G"), 0);
}

static void test_small_texts(void **state)
{
    char word[16] = "before";
    uint64_t all = 7, stolen = 7;
    (void)state;
    assert_true(text_chosen("always [madvise] never\n", word, sizeof word));
    assert_string_equal(word, "madvise");
    assert_false(text_chosen("always madvise never\n", word, sizeof word));
    assert_false(text_chosen("[]", word, sizeof word));
    assert_string_equal(word, "madvise");
    assert_true(text_value("NAME=x\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", '=', word, 16));
    assert_string_equal(word, "Debian 12");
    assert_false(text_value("PRETTY_NAMES=x\n", "PRETTY_NAME", '=', word, 16));

    assert_true(text_cpu_times("cpu  10 1 5 80 2 0 1 3 0 0\ncpu0 1\n", &all, &stolen));
    assert_int_equal(all, 102);
    assert_int_equal(stolen, 3);
    assert_false(text_cpu_times("cpu  10 1 5\nintr", &all, &stolen));
    assert_false(text_cpu_times("cpu0 10 1 5 80 2 0 1 3\n", &all, &stolen));
    assert_false(text_cpu_times("", &all, &stolen));
    assert_int_equal(all, 102);

    assert_string_equal(text_hypervisor("KVMKVMKVM"), "KVM");
    assert_string_equal(text_hypervisor("Microsoft Hv"), "Hyper-V");
    assert_null(text_hypervisor("GenuineIntel"));
    assert_string_equal(text_dmi_hypervisor("QEMU KVM Virtual Machine"), "KVM");
    assert_string_equal(text_dmi_hypervisor("Microsoft Corporation Virtual Machine"), "Hyper-V");
    assert_null(text_dmi_hypervisor("Microsoft Corporation Surface Pro"));
    assert_null(text_dmi_hypervisor(" "));
}

/* ---- Limits and variables -------------------------------------------------------------------- */

static void make_limit(const char *folders, const char *file, const char *text)
{
    char path[300];
    struct error error;
    snprintf(path, sizeof path, "%s/groups/%s", scratch_folder, folders);
    assert_int_equal(folder_make(path, &error), OUTCOME_DONE);
    snprintf(path, sizeof path, "groups/%.80s/%.80s", folders, file);
    scratch_file(path, text, strlen(text));
}

static void make_groups(void)
{
    make_limit("a/b", "memory.max", "max\n");
    make_limit("a", "memory.max", "4096000000\n");
    make_limit("a", "memory.high", "max\n");
    make_limit("a/c", "memory.max", "1000000000\n");
    make_limit("a/h", "memory.high", "500000000\n");
    make_limit("a/h", "memory.max", "600000000\n");
    make_limit("memory/old", "memory.limit_in_bytes", "2000000000\n");
    make_limit("memory", "memory.limit_in_bytes", "9223372036854771712\n");
    make_limit("unified/both", "memory.max", "3000000000\n");
    make_limit("a", "cpu.max", "400000 100000\n"); /* four processors for all in it */
    make_limit("a/b", "cpu.max", "max 100000\n");
    make_limit("a/c", "cpu.max", "150000 100000\n");
    make_limit("a/h", "cpu.max", "800000 100000\n");
    make_limit("bad", "cpu.max", "nonsense\n");
    make_limit("cpu/old", "cpu.cfs_quota_us", "50000\n");
    make_limit("cpu/old", "cpu.cfs_period_us", "100000\n");
    make_limit("cpu", "cpu.cfs_quota_us", "-1\n");
    make_limit("cpu", "cpu.cfs_period_us", "100000\n");
    make_limit("cpu,cpuacct/joint", "cpu.cfs_quota_us", "300000\n");
    make_limit("cpu,cpuacct/joint", "cpu.cfs_period_us", "100000\n");
}

static void remove_groups(const char *root)
{
    static const char *const folders[] = {
        "memory/old",  "memory", "unified/both", "unified", "cpu/old", "cpu", "cpu,cpuacct/joint",
        "cpu,cpuacct", "bad",    "a/h",          "a/c",     "a/b",     "a",   ""};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        folder_remove(path);
    }
}

/* The limit of a group holds for all groups in it; a group of a container may have no folder. */
static void test_groups(void **state)
{
    static const struct {
        const char *text;
        double bytes, processors;
        const char *memory_file, *processors_file;
    } rows[] = {
        {"0::/\n", INFINITY, INFINITY, "", ""},
        {"0::/a\n", 4096e6, 4, "memory.max of /a", "cpu.max of /a"},
        {"0::/a/b\n", 4096e6, 4, "memory.max of /a", "cpu.max of /a"},
        {"0::/a/c\n", 1e9, 1.5, "memory.max of /a/c", "cpu.max of /a/c"},
        {"0::/a/c/gone\n", 1e9, 1.5, "memory.max of /a/c", "cpu.max of /a/c"},
        {"0::/a/h\n", 5e8, 4, "memory.high of /a/h", "cpu.max of /a"},
        {"0::/abc\n", INFINITY, INFINITY, "", ""},
        {"0::/bad\n", INFINITY, INFINITY, "", ""},
        {"0::/both\n", 3e9, INFINITY, "memory.max of /both", ""},
        {"", INFINITY, INFINITY, "", ""},
        {"nonsense\n::\n", INFINITY, INFINITY, "", ""},
        {"5:cpu,memory:/old\n4:cpuset:/a/c\n", 2e9, 0.5, "memory.limit_in_bytes of /old",
         "cpu.cfs_quota_us of /old"},
        {"5:memoryless,cpuset:/old\n", INFINITY, INFINITY, "", ""},
        {"4:cpu,cpuacct:/joint\n", INFINITY, 3, "", "cpu.cfs_quota_us of /joint"},
        {"12:memory:/old\n0::/a\n", 2e9, 4, "memory.limit_in_bytes of /old", "cpu.max of /a"},
    };
    char root[300];
    (void)state;
    make_groups();
    snprintf(root, sizeof root, "%s/groups", scratch_folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgroup_limits limits;
        cgroup_read(root, rows[i].text, &limits);
        if (limits.memory_bytes != rows[i].bytes || limits.processors != rows[i].processors)
            fail_msg("%s: %g bytes, %g processors", rows[i].text, limits.memory_bytes,
                     limits.processors);
        assert_string_equal(limits.memory_file, rows[i].memory_file);
        assert_string_equal(limits.processors_file, rows[i].processors_file);
    }
    remove_groups(root);
}

static void test_variables(void **state)
{
    char a[] = "HOME=/root", b[] = "OMP_NUM_THREADS=2", c[] = "BLIS_ARCH_TYPE=6", d[] = "MIDL=1",
         e[] = "MIDL_ISA=avx2", text[64], small[20];
    char *environment[] = {a, b, c, d, e, NULL}, *none[] = {a, d, NULL};
    (void)state;
    text_variables(environment, NULL, text, sizeof text);
    assert_string_equal(text, "OMP_NUM_THREADS=2 BLIS_ARCH_TYPE=6 MIDL_ISA=avx2");
    text_variables(environment, "BLIS_ARCH_TYPE=6", text, sizeof text); /* our own choice */
    assert_string_equal(text, "OMP_NUM_THREADS=2 MIDL_ISA=avx2");
    text_variables(environment, "BLIS_ARCH_TYPE=5", text, sizeof text); /* the user's after all */
    assert_non_null(strstr(text, "BLIS_ARCH_TYPE=6"));
    text_variables(environment, NULL, small, sizeof small); /* what doesn't fit is left out */
    assert_string_equal(small, "OMP_NUM_THREADS=2");
    text_variables(none, NULL, text, sizeof text);
    assert_string_equal(text, "none");
}

/* ---- Caches ---------------------------------------------------------------------------------- */

struct index_file {
    int index;
    const char *name, *text;
};

static void make_tree(const struct index_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "index%d", files[i].index);
        mkdir(scratch_path(name), 0755);
        snprintf(name, sizeof name, "index%d/%s", files[i].index, files[i].name);
        scratch_file(name, files[i].text, strlen(files[i].text));
    }
}

static void remove_tree(const struct index_file *files, size_t count)
{
    for (size_t i = count; i > 0; i--) {
        char name[64];
        snprintf(name, sizeof name, "index%d/%s", files[i - 1].index, files[i - 1].name);
        unlink(scratch_path(name));
        snprintf(name, sizeof name, "index%d", files[i - 1].index);
        rmdir(scratch_path(name));
    }
}

static void assert_cache(const struct cache_level *cache, int level, size_t bytes, int ways,
                         int line, const char *source)
{
    assert_int_equal(cache->level, level);
    assert_int_equal(cache->bytes, bytes);
    assert_int_equal(cache->ways, ways);
    assert_int_equal(cache->line, line);
    assert_string_equal(cache->source, source);
}

static void test_sysfs(void **state)
{
    /* The last level first, an instruction cache, no ways for the second level (as on AArch64). */
    static const struct index_file files[] = {
        {0, "type", "Unified\n"},
        {0, "level", "3\n"},
        {0, "size", "36608K\n"},
        {0, "ways_of_associativity", "11\n"},
        {0, "coherency_line_size", "64\n"},
        {1, "type", "Instruction\n"},
        {1, "level", "1\n"},
        {1, "size", "64K\n"},
        {2, "type", "Data\n"},
        {2, "level", "1\n"},
        {2, "size", "32K\n"},
        {2, "ways_of_associativity", "8\n"},
        {2, "coherency_line_size", "64\n"},
        {3, "type", "Unified\n"},
        {3, "level", "2\n"},
        {3, "size", "1M\n"},
        {4, "type", "Unified\n"},
        {4, "level", "2\n"}, /* no size: left out */
        {5, "type", "Unified\n"},
        {5, "level", "9\n"},
        {5, "size", "1K\n"},
    };
    struct cache_level caches[CACHE_LEVELS];
    size_t count = sizeof files / sizeof *files;
    (void)state;
    make_tree(files, count);
    assert_int_equal(sysfs_caches(scratch_folder, caches), 3);
    assert_cache(&caches[0], 1, 32 << 10, 8, 64, "sysfs");
    assert_cache(&caches[1], 2, 1 << 20, 0, 0, "sysfs");
    assert_cache(&caches[2], 3, 36608 << 10, 11, 64, "sysfs");
    remove_tree(files, count);
    assert_int_equal(sysfs_caches(scratch_folder, caches), 0);
}

static void test_cpuid(void **state)
{
    /* A Skylake server's leaf 4, and what is in the sub-leaf behind the last must not matter. */
    static const struct cpuid_registers leaves[] = {
        {0x1c004121, 0x01c0003f, 0x3f, 0},  {0x1c004122, 0x01c0003f, 0x3f, 0},
        {0x1c004143, 0x03c0003f, 0x3ff, 0}, {0x1c03c163, 0x0280003f, 0xcfff, 4},
        {0, 0xffffffff, 0xffffffff, 0},     {0x1c004121, 0x01c0003f, 0x3f, 0}};
    struct cache_level caches[CACHE_LEVELS];
    (void)state;
    assert_int_equal(cpuid_caches(leaves, 6, caches), 3);
    assert_cache(&caches[0], 1, 32 << 10, 8, 64, "cpuid");
    assert_cache(&caches[1], 2, 1 << 20, 16, 64, "cpuid");
    assert_cache(&caches[2], 3, (size_t)0xd000 * 11 * 64, 11, 64, "cpuid");
    assert_int_equal(cpuid_caches(leaves + 4, 2, caches), 0);
}

static void test_cpuid_legacy(void **state)
{
    struct cache_level caches[CACHE_LEVELS];
    struct cpuid_registers none = {0, 0, 0, 0};
    (void)state;
    assert_int_equal(cpuid_caches_legacy((struct cpuid_registers){0, 0, 0x300c0140, 0x20080140},
                                         (struct cpuid_registers){0, 0, 0x04006140, 0x0fe09140},
                                         caches),
                     3);
    assert_cache(&caches[0], 1, 48 << 10, 12, 64, "cpuid");
    assert_cache(&caches[1], 2, 1 << 20, 8, 64, "cpuid");
    assert_cache(&caches[2], 3, (size_t)508 << 20, 0, 64, "cpuid");
    assert_int_equal(cpuid_caches_legacy(none, none, caches), 0);
}

static void test_judge(void **state)
{
    struct cache_level caches[] = {{.level = 1, .bytes = 48 << 10},
                                   {.level = 2, .bytes = 16 << 20},
                                   {.level = 3, .bytes = (size_t)508 << 20}};
    (void)state;
    caches_judge(caches, 3, 2, true);
    assert_true(caches[0].plausible && caches[1].plausible);
    assert_int_equal(caches[1].share_bytes, 16 << 20);
    assert_false(caches[2].plausible);
    assert_int_equal(caches[2].share_bytes, 8 << 20);
    caches_judge(caches, 3, 2, false); /* a real machine may have as much */
    assert_true(caches[2].plausible);
    assert_int_equal(caches[2].share_bytes, caches[2].bytes);
    caches[2].bytes = 8 << 20;
    caches_judge(caches, 3, 2, true);
    assert_true(caches[2].plausible);
}

/* ---- This machine ---------------------------------------------------------------------------- */

static void test_machine(void **state)
{
    const struct machine *machine = machine_get();
    const struct store_fact *facts;
    size_t count = environment_facts(&facts);
    (void)state;
    assert_ptr_equal(machine, machine_get());
    assert_true(machine->cores >= 1);
    assert_true(machine->page_bytes >= 4096);
    assert_true(machine->usable_bytes > 0 && machine->usable_bytes <= machine->memory_bytes);
    assert_true(machine->timer_overhead_ns > 0 && machine->timer_overhead_ns < 1e6);
    assert_true(machine->timer_resolution_ns > 0);
    assert_true(machine->cache_count >= 1);
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache_level *cache = &machine->caches[i];
        assert_true(cache->bytes > 0 && cache->share_bytes > 0);
        assert_true(i == 0 || cache->level > machine->caches[i - 1].level);
        assert_int_equal(machine_cache_bytes(cache->level), cache->bytes);
        assert_non_null(cache->source);
    }
    assert_int_equal(machine_cache_bytes(7), 0);
    assert_true(count > 20);
    for (size_t i = 0; i < count; i++) {
        assert_true(*facts[i].name && *facts[i].value);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(facts[i].name, facts[j].name);
    }
    machine_steal();
    double stolen = machine_steal();
    assert_true(isnan(stolen) || (stolen >= 0 && stolen <= 1));
}

/* ---- Warnings -------------------------------------------------------------------------------- */

static const struct machine quiet = {.hypervisor = "none",
                                     .governor = "performance",
                                     .thp = "madvise",
                                     .blas_override = "none",
                                     .blas_core = "SkylakeX",
                                     .cores = 8,
                                     .load1 = 0.1,
                                     .turbo_known = true,
                                     .smt_known = true,
                                     .optimised = true,
                                     .timer_resolution_ns = 20};

/* Exactly `count` warnings, one of them with `words`. */
static void assert_warned(const struct machine *machine, double stolen, size_t count,
                          const char *words)
{
    char lines[WARNINGS_MAX][WARNING_SIZE];
    struct warning_facts facts = {
        .machine = machine, .stolen = stolen, .hardware_counters = true, .callgrind_not = NULL};
    size_t got = warnings_find(&facts, lines);
    bool found = count == 0;
    for (size_t i = 0; i < got; i++)
        found = found || strstr(lines[i], words);
    assert_int_equal(got, count);
    assert_true(found);
}

static void test_warnings(void **state)
{
    struct machine machine = quiet;
    (void)state;
    assert_warned(&quiet, 0, 0, "");
    assert_warned(&quiet, NAN, 0, "");
    assert_warned(&quiet, 0.05, 1, "stolen");
    machine.load1 = 2.5;
    assert_warned(&machine, 0, 1, "load 2.50 on 8 cores");
    machine = quiet, machine.load1 = NAN;
    assert_warned(&machine, 0, 0, "");
    machine = quiet, machine.virtual_machine = true;
    assert_warned(&machine, 0, 1, "virtual machine");
    machine = quiet, strcpy(machine.governor, "powersave");
    assert_warned(&machine, 0, 1, "cpupower");
    machine = quiet, strcpy(machine.governor, "unknown");
    assert_warned(&machine, 0, 0, "");
    machine = quiet, machine.turbo = true;
    assert_warned(&machine, 0, 1, "turbo is on");
    machine = quiet, machine.turbo_known = false;
    assert_warned(&machine, 0, 1, "turbo unknown");
    machine = quiet, machine.smt = true;
    assert_warned(&machine, 0, 1, "SMT");
    machine = quiet, strcpy(machine.thp, "never");
    assert_warned(&machine, 0, 1, "huge pages");
    machine = quiet, strcpy(machine.blas_override, "Haswell");
    assert_warned(&machine, 0, 1, "OPENBLAS_CORETYPE=Haswell");
    machine = quiet, strcpy(machine.variables, "OMP_NUM_THREADS=7");
    assert_warned(&machine, 0, 1, "OMP_NUM_THREADS=7");
    machine = quiet, machine.optimised = false;
    assert_warned(&machine, 0, 1, "without optimisation");
    machine = quiet, machine.sanitised = true;
    assert_warned(&machine, 0, 1, "sanitizers");
    machine = quiet, machine.denormals_flushed = true;
    assert_warned(&machine, 0, 1, "denormal");
    machine = quiet, machine.timer_resolution_ns = 1e6;
    assert_warned(&machine, 0, 1, "steps of 1000000 ns");
}

static void test_warnings_of_counters(void **state)
{
    char lines[WARNINGS_MAX][WARNING_SIZE];
    struct warning_facts facts = {.machine = &quiet, .callgrind_not = "valgrind isn't installed"};
    (void)state;
    assert_int_equal(warnings_find(&facts, lines), 2);
    assert_non_null(strstr(lines[0], "no hardware counter"));
    assert_non_null(strstr(lines[1], "valgrind isn't installed"));
}

/* ---- Noise ----------------------------------------------------------------------------------- */

static void test_noise(void **state)
{
    enum { PAIRS = 5 * NOISE_BLOCK };
    double a_ns[PAIRS], b_ns[PAIRS];
    struct noise noise;
    (void)state;
    for (size_t i = 0; i < PAIRS; i++)
        a_ns[i] = b_ns[i] = 1000 + (double)(i % 7);
    noise_judge(a_ns, b_ns, PAIRS, &noise);
    assert_true(noise.chance <= 0 && noise.resolvable <= 0);
    assert_true(noise.pairs_for_1_percent >= 6 && noise.pairs_for_1_percent <= 6);

    for (size_t i = 0; i < PAIRS; i++) /* a real difference is seen as one */
        b_ns[i] = a_ns[i] * 1.03;
    noise_judge(a_ns, b_ns, PAIRS, &noise);
    assert_true(fabs(noise.chance - 0.03) <= 1e-9);

    for (size_t i = 0; i < PAIRS; i++) /* ratios 0.98 and 1.02 in turn: half an interval 0.02 */
        b_ns[i] = a_ns[i] * (0.98 + 0.04 * (double)(i % 2));
    noise_judge(a_ns, b_ns, PAIRS, &noise);
    assert_true(noise.chance <= 1e-9);
    assert_true(fabs(noise.resolvable - 0.02) <= 1e-9);
    assert_true(fabs(noise.pairs_for_1_percent - 4 * NOISE_BLOCK) <= 1);

    noise_judge(a_ns, b_ns, 2 * NOISE_BLOCK,
                &noise); /* two comparisons tell nothing about chance */
    assert_true(isnan(noise.chance));
    assert_true(fabs(noise.resolvable - 0.02) <= 1e-9);
}

static void test_noise_kept(void **state)
{
    struct noise noise = {.pairs = 400,
                          .seconds = 0.5,
                          .chance = 0.0123,
                          .resolvable = 0.004,
                          .seconds_for_1_percent = 0.25,
                          .stolen = NAN,
                          .disturbed = 0.25};
    struct noise_facts facts;
    char text[NOISE_TEXT];
    (void)state;
    noise_facts(&noise, &facts);
    assert_string_equal(facts.rows[2].name, "noise_chance_difference");
    assert_string_equal(facts.rows[2].value, "0.01230");
    assert_string_equal(facts.rows[5].value, "unknown");
    assert_string_equal(facts.rows[6].value, "0.2500");
    noise_text(&noise, text);
    assert_string_equal(text, "identical code differed by up to 1.2 % by chance; 40 pairs tell "
                              "differences of 0.4 %; 1 % takes 0.25 s");
    noise.chance = NAN;
    noise_text(&noise, text);
    assert_string_equal(text, "40 pairs tell differences of 0.4 %; 1 % takes 0.25 s");
}

static void test_noise_measured(void **state)
{
    struct noise noise;
    struct error error;
    (void)state;
    assert_int_equal(noise_measure(0.05, &noise, &error), OUTCOME_DONE);
    assert_true(noise.pairs >= NOISE_BLOCK && noise.sample_ns > 0 && noise.seconds > 0);
    assert_true(noise.pairs < NOISE_BLOCKS * NOISE_BLOCK || noise.chance >= 0);
    assert_true(noise.resolvable >= 0);
    assert_true(noise.pairs_for_1_percent >= 6);
    assert_true(noise.disturbed >= 0 && noise.disturbed < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuinfo),
        cmocka_unit_test(test_long_model),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_small_texts),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_sysfs),
        cmocka_unit_test(test_cpuid),
        cmocka_unit_test(test_cpuid_legacy),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_warnings_of_counters),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_noise_kept),
        cmocka_unit_test(test_noise_measured),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

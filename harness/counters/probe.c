/* probe.c - which counters count: each is tried on work whose count is known.
 *
 * A counter that can be opened proves nothing: virtual machines give counters that stay at zero,
 * and libraries know events that the processor counts otherwise. Every counter of ours is a name,
 * PAPI's candidates for it, and a piece of work with the count it must give. Misses are counted
 * twice: over memory too large for the cache, where every touch misses, and over a small part of
 * it, where hardly any may. */
#define _GNU_SOURCE /* affinity, mmap flags */
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "base/clock.h"
#include "base/rng.h"
#include "counters/counters.h"
#include "counters/events.h"
#include "machine/machine.h"

/* The input of a piece of known work, and the count it must give. */
struct work {
    const size_t *chain; /* memory walks: next[i], in random order */
    size_t steps;        /* of the walk */
    bool quiet;          /* the variant of the work that should hardly count */
    size_t at;           /* where the walk is; keeps the compiler from leaving it out */
    double expected;     /* set by the work */
};

/* ---- Known work ------------------------------------------------------------------------------ */

#define LOOP_ITERATIONS 1000000

/* Two instructions an iteration, one iteration a cycle at the best of today's processors. */
static void work_loop(void *data)
{
    struct work *work = data;
    uint64_t left = LOOP_ITERATIONS;
#if defined(__x86_64__)
    __asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(left) : : "cc");
#elif defined(__aarch64__)
    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(left) : : "cc");
#else
    while (left > 0)
        __asm__ volatile("" : "+r"(left)), left--;
#endif
    work->expected = 2.0 * LOOP_ITERATIONS;
}

/* A chain of fused vectors, and how many FLOPs it is: a counter that takes an instruction, or a
 * fused operation, for one is of no use here. */
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static double fused_chain(float start)
{
    __m256 value = _mm256_set1_ps(start), factor = _mm256_set1_ps(0.5f);
    for (size_t i = 0; i < LOOP_ITERATIONS; i++)
        value = _mm256_fmadd_ps(value, factor, factor);
    volatile float kept = _mm256_cvtss_f32(value);
    (void)kept;
    return 2.0 * 8 * LOOP_ITERATIONS;
}

static double work_fused(float start)
{
    bool able = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return able ? fused_chain(start) : 0;
}
#elif defined(__aarch64__)
static double work_fused(float start)
{
    float32x4_t value = vdupq_n_f32(start), factor = vdupq_n_f32(0.5f);
    for (size_t i = 0; i < LOOP_ITERATIONS; i++)
        value = vfmaq_f32(factor, value, factor);
    volatile float kept = vgetq_lane_f32(value, 0);
    (void)kept;
    return 2.0 * 4 * LOOP_ITERATIONS;
}
#else
static double work_fused(float start)
{
    (void)start;
    return 0;
}
#endif

/* A chain of multiply and add in single precision that nothing can shorten, then a fused one. */
static void work_flops(void *data)
{
    struct work *work = data;
    volatile float start = 1.0f;
    float value = start, factor = start * 0.5f;
    for (size_t i = 0; i < LOOP_ITERATIONS; i++)
        value = value * factor + start;
    start = value;
    work->expected = 2.0 * LOOP_ITERATIONS + work_fused(factor);
}

static void work_walk(void *data)
{
    struct work *work = data;
    size_t at = work->at;
    for (size_t i = 0; i < work->steps; i++)
        at = work->chain[at];
    work->at = at;
    work->expected = (double)work->steps;
}

/* Branches on random bits: half are mispredicted. Quiet: on a bit that never changes. */
static void work_branches(void *data)
{
    struct work *work = data;
    struct rng rng = rng_seed(1);
    static volatile unsigned taken;
    for (size_t i = 0; i < LOOP_ITERATIONS / 64; i++) {
        uint64_t bits = work->quiet ? 0 : rng_next(&rng);
        for (size_t bit = 0; bit < 64; bit++)
            if (bits >> bit & 1)
                taken = taken + 1;
    }
    work->expected = LOOP_ITERATIONS / 2.0;
}

#define FRESH_PAGES 512

/* Write a byte to each page. A sanitised build would also touch its shadow of the memory, which are
 * pages too. */
__attribute__((no_sanitize("address"))) static void touch(volatile char *memory, size_t page)
{
    for (size_t i = 0; i < FRESH_PAGES; i++)
        memory[i * page] = 1;
}

/* Pages given back to the kernel are fresh again, at the same addresses: nothing is mapped in the
 * counted span. */
static void work_page_faults(void *data)
{
    static char *memory;
    struct work *work = data;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = FRESH_PAGES * page;
    work->expected = NAN;
    if (!memory) {
        char *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (fresh == MAP_FAILED)
            return;
        madvise(fresh, bytes, MADV_NOHUGEPAGE);
        memory = fresh;
    }
    if (madvise(memory, bytes, MADV_DONTNEED) != 0)
        return;
    touch(memory, page);
    work->expected = FRESH_PAGES;
}

/* Each sleep gives the processor away once. */
static void work_context_switches(void *data)
{
    enum { SLEEPS = 8 };
    struct work *work = data;
    for (int i = 0; i < SLEEPS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    work->expected = SLEEPS;
}

/* The first processor of `allowed` other than `home`, or -1. */
static int another_cpu(const cpu_set_t *allowed, int home)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (cpu != home && CPU_ISSET(cpu, allowed))
            return cpu;
    return -1;
}

static bool move_to(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 && sched_getcpu() == cpu;
}

/* There and back between two processors, if there are two. */
static void work_migrations(void *data)
{
    struct work *work = data;
    cpu_set_t allowed;
    work->expected = NAN;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    int home = sched_getcpu(), other = another_cpu(&allowed, home);
    if (home >= 0 && other >= 0 && move_to(other) && move_to(home))
        work->expected = 2;
    sched_setaffinity(0, sizeof allowed, &allowed);
}

static void work_clock(void *data)
{
    struct work *work = data;
    double begin_ns = clock_thread_ns(), spent_ns;
    do
        spent_ns = clock_thread_ns() - begin_ns;
    while (spent_ns < 2e6);
    work->expected = spent_ns;
}

/* ---- The counters ---------------------------------------------------------------------------- */

#define CANDIDATES 4

struct counter_row {
    const char *name;
    const char *candidates[CANDIDATES]; /* PAPI's names, best first */
    void (*work)(void *);
    const char *unit;   /* of the expected count, for people */
    double least, most; /* the count must be this many times the expected */
    int cache;          /* memory walk: misses of this cache level; PAGES: of the TLB; 0: no walk */
    bool has_quiet;     /* the quiet work must count less than a fifth of the loud */
};

#define PAGES (-1)
#define WALK_STEPS 65536

static const struct counter_row rows[] = {
    {.name = "instructions",
     .candidates = {"PAPI_TOT_INS", "perf::INSTRUCTIONS", "sde:::midl::INSTRUCTIONS"},
     .work = work_loop,
     .unit = "instructions",
     .least = 0.99,
     .most = 1.01},
    {.name = "cycles",
     .candidates = {"PAPI_TOT_CYC", "perf::CYCLES", "sde:::midl::CYCLES"},
     .work = work_loop,
     .unit = "instructions",
     .least = 0.2,
     .most = 20},
    {.name = "flops",
     .candidates = {"PAPI_SP_OPS", "PAPI_FP_OPS", "RETIRED_SSE_AVX_FLOPS:ANY"},
     .work = work_flops,
     .unit = "FLOPs in single precision",
     .least = 0.99,
     .most = 1.01},
    {.name = "l1d_misses",
     .candidates = {"PAPI_L1_DCM", "perf::L1-DCACHE-LOAD-MISSES",
                    "sde:::midl::L1-DCACHE-LOAD-MISSES"},
     .work = work_walk,
     .unit = "missing loads",
     .least = 0.5,
     .most = 2,
     .cache = 1,
     .has_quiet = true},
    {.name = "l2_misses",
     .candidates = {"PAPI_L2_DCM", "PAPI_L2_TCM"},
     .work = work_walk,
     .unit = "missing loads",
     .least = 0.5,
     .most = 2,
     .cache = 2,
     .has_quiet = true},
    {.name = "l3_misses",
     .candidates = {"PAPI_L3_DCM", "PAPI_L3_TCM", "perf::LLC-LOAD-MISSES",
                    "sde:::midl::LLC-LOAD-MISSES"},
     .work = work_walk,
     .unit = "missing loads",
     .least = 0.5,
     .most = 2,
     .cache = 3,
     .has_quiet = true},
    {.name = "tlb_misses",
     .candidates = {"PAPI_TLB_DM", "perf::DTLB-LOAD-MISSES", "sde:::midl::DTLB-LOAD-MISSES"},
     .work = work_walk,
     .unit = "loads of new pages",
     .least = 0.5,
     .most = 2,
     .cache = PAGES,
     .has_quiet = true},
    {.name = "branch_misses",
     .candidates = {"PAPI_BR_MSP", "perf::BRANCH-MISSES", "sde:::midl::BRANCH-MISSES"},
     .work = work_branches,
     .unit = "unforeseeable branches",
     .least = 0.5,
     .most = 2,
     .has_quiet = true},
    {.name = "page_faults",
     .candidates = {"perf::PAGE-FAULTS", "sde:::midl::PAGE-FAULTS"},
     .work = work_page_faults,
     .unit = "fresh pages",
     .least = 1,
     .most = 1.01},
    {.name = "context_switches",
     .candidates = {"perf::CONTEXT-SWITCHES", "sde:::midl::CONTEXT-SWITCHES"},
     .work = work_context_switches,
     .unit = "sleeps",
     .least = 1,
     .most = 8},
    {.name = "cpu_migrations",
     .candidates = {"perf::CPU-MIGRATIONS", "sde:::midl::CPU-MIGRATIONS"},
     .work = work_migrations,
     .unit = "forced migrations",
     .least = 1,
     .most = 2},
    {.name = "task_clock_ns",
     .candidates = {"perf::TASK-CLOCK", "sde:::midl::TASK-CLOCK"},
     .work = work_clock,
     .unit = "ns of thread time",
     .least = 0.98,
     .most = 1.1},
};

#define ROWS (sizeof rows / sizeof *rows)

/* ---- Memory walks ---------------------------------------------------------------------------- */

/* Memory as one random cycle through slots of `stride` bytes (Sattolo's shuffle). */
struct walk {
    size_t *chain;
    size_t bytes, stride;
};

static bool walk_make(size_t bytes, size_t stride, struct walk *ret)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    madvise(memory, bytes, MADV_NOHUGEPAGE);
    *ret = (struct walk){memory, bytes, stride};
    return true;
}

/* Lay the cycle through the first `bytes` and walk it once. */
static void walk_lay(const struct walk *walk, size_t bytes)
{
    size_t step = walk->stride / sizeof(size_t), slots = bytes / walk->stride;
    struct rng rng = rng_seed(2);
    for (size_t i = 0; i < slots; i++)
        walk->chain[i * step] = i * step;
    for (size_t i = slots - 1; i > 0; i--) {
        size_t j = rng_below(&rng, (uint32_t)i), kept = walk->chain[i * step];
        walk->chain[i * step] = walk->chain[j * step];
        walk->chain[j * step] = kept;
    }
}

/* How large memory must be to miss in this level, and how small to fit: for a TLB, many pages and
 * few. A line more than the page each, so that the pages don't all fall in the same sets. */
static void walk_sizes(int level, size_t *ret_loud, size_t *ret_quiet, size_t *ret_stride)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), cache = machine_cache_bytes(level);
    size_t limit = (size_t)256 << 20;
    *ret_stride = level == PAGES ? page + 64 : 64;
    *ret_loud = level == PAGES ? (size_t)16384 * *ret_stride : cache * 8;
    *ret_quiet = level == PAGES ? 16 * *ret_stride : cache / 4;
    if (*ret_loud > limit)
        *ret_loud = limit;
    if (*ret_quiet > *ret_loud / 8)
        *ret_quiet = *ret_loud / 8;
}

/* ---- Probing --------------------------------------------------------------------------------- */

enum verdict { ABSENT, WRONG, RIGHT };

/* One candidate on trial. */
struct trial {
    const char *event;
    const struct counter_row *row;
    struct work work;
    struct walk walk;
    size_t loud_bytes, quiet_bytes;
    char reason[COUNTER_REASON_SIZE];
};

/* Count the loud or the quiet work once; NaN with the reason. */
static double trial_count(struct trial *trial, bool quiet)
{
    struct event_count result;
    trial->work.quiet = quiet;
    trial->work.at = 0;
    if (trial->row->cache != 0) {
        walk_lay(&trial->walk, quiet ? trial->quiet_bytes : trial->loud_bytes);
        work_walk(&trial->work);
    }
    event_count(&trial->event, 1, trial->row->work, &trial->work, 1, &result);
    memcpy(trial->reason, result.reason, sizeof trial->reason);
    return result.per_call;
}

__attribute__((format(printf, 2, 3))) static enum verdict wrong(struct trial *trial,
                                                                const char *format, ...)
{
    va_list arguments;
    int used = snprintf(trial->reason, sizeof trial->reason, "%.40s: ", trial->event);
    va_start(arguments, format);
    vsnprintf(trial->reason + used, sizeof trial->reason - (size_t)used, format, arguments);
    va_end(arguments);
    return WRONG;
}

static enum verdict trial_once(struct trial *trial)
{
    const struct counter_row *row = trial->row;
    double loud = trial_count(trial, false), expected = trial->work.expected;
    if (!isfinite(loud))
        return ABSENT;
    if (!isfinite(expected))
        return wrong(trial, "can't be checked here: no %s", row->unit);
    if (!(loud >= row->least * expected && loud <= row->most * expected))
        return wrong(trial, "counts %.6g for %.6g %s", loud, expected, row->unit);
    if (!row->has_quiet)
        return RIGHT;
    double quiet = trial_count(trial, true);
    if (quiet <= 0.2 * loud)
        return RIGHT;
    return wrong(trial, "counts %.6g where there are hardly any %s", quiet, row->unit);
}

/* Try a counter, again where it is wrong: disturbances (an interrupt, a stolen moment, memory
 * pressure) pass. One that is right by chance is not to be feared: the bounds are narrow. */
static enum verdict trial_run(struct trial *trial)
{
    enum { CHANCES = 3 };
    enum verdict verdict = WRONG;
    for (int i = 0; i < CHANCES && verdict == WRONG; i++)
        verdict = trial_once(trial);
    return verdict;
}

static enum verdict try_candidate(struct trial *trial)
{
    size_t stride;
    if (!event_exists(trial->event, trial->reason))
        return ABSENT;
    if (trial->row->cache == 0)
        return trial_run(trial);
    walk_sizes(trial->row->cache, &trial->loud_bytes, &trial->quiet_bytes, &stride);
    if (trial->loud_bytes == 0)
        return wrong(trial, "can't be checked here: no cache of that level");
    if (!walk_make(trial->loud_bytes, stride, &trial->walk))
        return wrong(trial, "can't be checked: not enough memory (%zu)", trial->loud_bytes);
    trial->work.chain = trial->walk.chain;
    enum verdict verdict = trial_run(trial);
    munmap(trial->walk.chain, trial->walk.bytes);
    return verdict;
}

/* Try the candidates until one is right; else keep what is wrong with the one that came furthest.
 */
static void probe_row(const struct counter_row *row, struct counter_state *ret)
{
    enum verdict best = ABSENT;
    *ret = (struct counter_state){.name = row->name, .event = row->candidates[0]};
    for (size_t i = 0; i < CANDIDATES && row->candidates[i] && best != RIGHT; i++) {
        struct trial trial = {
            .event = row->candidates[i], .row = row, .work = {.steps = WALK_STEPS}};
        enum verdict verdict = try_candidate(&trial);
        if (i > 0 && verdict <= best)
            continue;
        best = verdict;
        ret->event = trial.event;
        memcpy(ret->reason, trial.reason, sizeof ret->reason);
    }
    ret->works = best == RIGHT;
    if (ret->works)
        *ret->reason = '\0';
}

size_t counters_probe(const struct counter_state **ret)
{
    static struct counter_state states[ROWS];
    static bool probed;
    for (size_t i = 0; i < ROWS && !probed; i++)
        probe_row(&rows[i], &states[i]);
    probed = true;
    *ret = states;
    return ROWS;
}

/* ceiling.c - ceilings by the plainest possible loops: reads that do nothing with what they read,
 * and chains of multiply-adds in registers. Both have enough independent accumulators to hide
 * latency. The best of several repetitions counts, since everything that disturbs only makes it
 * worse. */
#include "ceiling.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "machine.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define MIB ((size_t)1 << 20)
#define STRIDE 1024 /* every read loop takes this many bytes at a time */

/* ---- Loops, one pair an instruction set ---------------------------------------------------- */

struct loops {
    enum midl_isa isa;
    const char *name;
    uint64_t (*read)(const void *data, size_t bytes); /* bytes: a multiple of STRIDE */
    float (*multiply_add)(size_t steps);
    double step_flops;
};

typedef uint64_t word2 __attribute__((vector_size(16)));
typedef float float4 __attribute__((vector_size(16)));

static uint64_t read_portable(const void *data, size_t bytes)
{
    const word2 *at = data;
    word2 sum[8] = {{0}};
    for (size_t i = 0; i < bytes / sizeof *at; i += 8) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] ^= at[i + j];
    }
    word2 all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
    return all[0] ^ all[1];
}

static float multiply_add_portable(size_t steps)
{
    const float4 factor = {0.5f, 0.5f, 0.5f, 0.5f};
    float4 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = factor * (float)(j + 3);
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++)
            sum[j] = sum[j] * factor + factor;
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] += sum[j];
    return sum[0][0] + sum[0][1] + sum[0][2] + sum[0][3];
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) static uint64_t read_avx2(const void *data, size_t bytes)
{
    const __m256i *at = data;
    __m256i sum[8];
    for (size_t j = 0; j < 8; j++)
        sum[j] = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes / sizeof *at; i += 8) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(at + i + j));
    }
    for (size_t j = 1; j < 8; j++)
        sum[0] = _mm256_xor_si256(sum[0], sum[j]);
    return (uint64_t)_mm256_extract_epi64(sum[0], 0) ^ (uint64_t)_mm256_extract_epi64(sum[0], 3);
}

__attribute__((target("avx2,fma"))) static float multiply_add_avx2(size_t steps)
{
    const __m256 factor = _mm256_set1_ps(0.5f);
    __m256 sum[12];
#pragma GCC unroll 12
    for (size_t j = 0; j < 12; j++)
        sum[j] = _mm256_set1_ps((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 12
        for (size_t j = 0; j < 12; j++)
            sum[j] = _mm256_fmadd_ps(sum[j], factor, factor);
    }
#pragma GCC unroll 12
    for (size_t j = 1; j < 12; j++)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    return _mm256_cvtss_f32(sum[0]);
}

__attribute__((target("avx512f"))) static uint64_t read_avx512(const void *data, size_t bytes)
{
    const __m512i *at = data;
    __m512i sum[8];
    for (size_t j = 0; j < 8; j++)
        sum[j] = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes / sizeof *at; i += 8) {
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sum[j] = _mm512_xor_si512(sum[j], _mm512_load_si512(at + i + j));
    }
    for (size_t j = 1; j < 8; j++)
        sum[0] = _mm512_xor_si512(sum[0], sum[j]);
    return (uint64_t)_mm512_reduce_or_epi64(sum[0]);
}

__attribute__((target("avx512f"))) static float multiply_add_avx512(size_t steps)
{
    const __m512 factor = _mm512_set1_ps(0.5f);
    __m512 sum[16];
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum[j] = _mm512_set1_ps((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++)
            sum[j] = _mm512_fmadd_ps(sum[j], factor, factor);
    }
#pragma GCC unroll 16
    for (size_t j = 1; j < 16; j++)
        sum[0] = _mm512_add_ps(sum[0], sum[j]);
    return _mm512_cvtss_f32(sum[0]);
}

static const struct loops loops[] = {
    {MIDL_ISA_PORTABLE, "portable/f32", read_portable, multiply_add_portable, 12 * 4 * 2},
    {MIDL_ISA_AVX2, "avx2/f32", read_avx2, multiply_add_avx2, 12 * 8 * 2},
    {MIDL_ISA_AVX512, "avx512/f32", read_avx512, multiply_add_avx512, 16 * 16 * 2},
};

#elif defined(__aarch64__)

static float multiply_add_neon(size_t steps)
{
    const float32x4_t factor = vdupq_n_f32(0.5f);
    float32x4_t sum[24];
#pragma GCC unroll 24
    for (size_t j = 0; j < 24; j++)
        sum[j] = vdupq_n_f32((float)(j + 3));
    for (size_t i = 0; i < steps; i++) {
#pragma GCC unroll 24
        for (size_t j = 0; j < 24; j++)
            sum[j] = vfmaq_f32(factor, sum[j], factor);
    }
#pragma GCC unroll 24
    for (size_t j = 1; j < 24; j++)
        sum[0] = vaddq_f32(sum[0], sum[j]);
    return vaddvq_f32(sum[0]);
}

/* The 16-byte vectors of the portable reads are NEON registers here. */
static const struct loops loops[] = {
    {MIDL_ISA_PORTABLE, "portable/f32", read_portable, multiply_add_portable, 12 * 4 * 2},
    {MIDL_ISA_NEON, "neon/f32", read_portable, multiply_add_neon, 24 * 4 * 2},
};

#else

static const struct loops loops[] = {
    {MIDL_ISA_PORTABLE, "portable/f32", read_portable, multiply_add_portable, 12 * 4 * 2},
};

#endif

#define LOOPS (sizeof loops / sizeof loops[0])

static const struct loops *best_loops(void)
{
    const struct loops *best = &loops[0];
    for (size_t i = 1; i < LOOPS; i++)
        if (midl_isa_available(loops[i].isa))
            best = &loops[i];
    return best;
}

/* ---- A team: every thread does the same work, all start together --------------------------- */

struct work {
    const struct loops *loops;
    const unsigned char *data; /* NULL: multiply-adds */
    size_t bytes;              /* each thread's part */
    size_t passes;             /* over the part; or steps of multiply-adds */
    int repeats;
};

struct team {
    const struct work *work;
    struct member *members;
    size_t count;
    double best_ns; /* from the first that started to the last that was done */
    pthread_barrier_t barrier;
    pthread_mutex_t gate; /* held until it is known whether all threads could be made */
    bool abandoned;
};

struct member {
    struct team *team;
    size_t part;
    double start_ns, end_ns;
    volatile uint64_t read; /* where results go, so that no loop is without one */
    volatile float sum;
};

static void do_work(const struct work *work, struct member *member)
{
    if (!work->data) {
        member->sum = work->loops->multiply_add(work->passes);
        return;
    }
    uint64_t all = 0;
    for (size_t i = 0; i < work->passes; i++)
        all ^= work->loops->read(work->data + member->part * work->bytes, work->bytes);
    member->read = all;
}

static void team_note(struct team *team)
{
    double start_ns = INFINITY, end_ns = -INFINITY;
    for (size_t i = 0; i < team->count; i++) {
        start_ns = fmin(start_ns, team->members[i].start_ns);
        end_ns = fmax(end_ns, team->members[i].end_ns);
    }
    team->best_ns = fmin(team->best_ns, end_ns - start_ns);
}

static void *member_main(void *data)
{
    struct member *member = data;
    struct team *team = member->team;
    pthread_mutex_lock(&team->gate);
    bool abandoned = team->abandoned;
    pthread_mutex_unlock(&team->gate);
    for (int i = 0; !abandoned && i < team->work->repeats; i++) {
        pthread_barrier_wait(&team->barrier);
        member->start_ns = clock_ns();
        do_work(team->work, member);
        member->end_ns = clock_ns();
        pthread_barrier_wait(&team->barrier);
        if (member->part == 0)
            team_note(team);
    }
    return NULL;
}

/* Make the threads and wait for their end; false if not all could be made. */
static bool team_start(struct team *team, pthread_t *ids)
{
    size_t made = 0;
    pthread_mutex_lock(&team->gate);
    for (size_t i = 0; i < team->count; i++)
        team->members[i] = (struct member){.team = team, .part = i};
    while (made < team->count &&
           pthread_create(&ids[made], NULL, member_main, &team->members[made]) == 0)
        made++;
    team->abandoned = made < team->count;
    pthread_mutex_unlock(&team->gate);
    for (size_t i = 0; i < made; i++)
        pthread_join(ids[i], NULL);
    return !team->abandoned;
}

/* The shortest time in which all threads did the work; false if threads can't be made. */
static bool team_run(const struct work *work, int threads, double *ret_ns)
{
    struct team team = {.work = work,
                        .members = calloc((size_t)threads, sizeof *team.members),
                        .count = (size_t)threads,
                        .best_ns = INFINITY,
                        .gate = PTHREAD_MUTEX_INITIALIZER};
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    bool ok =
        team.members && ids && pthread_barrier_init(&team.barrier, NULL, (unsigned)threads) == 0;
    if (ok) {
        ok = team_start(&team, ids);
        *ret_ns = team.best_ns;
        pthread_barrier_destroy(&team.barrier);
    }
    free(ids);
    free(team.members);
    return ok;
}

/* Best time of one pass, from repetitions that are long enough to be timed. */
static bool pass_ns(struct work work, int threads, double repetition_ns, double *ret_ns)
{
    double took_ns = 0;
    work.repeats = 1;
    for (work.passes = 1;; work.passes *= 2) {
        if (!team_run(&work, threads, &took_ns))
            return false;
        if (took_ns >= repetition_ns / 2)
            break;
    }
    work.repeats = 16;
    if (!team_run(&work, threads, &took_ns))
        return false;
    *ret_ns = took_ns / (double)work.passes;
    return true;
}

/* ---- Levels -------------------------------------------------------------------------------- */

/* The last-level cache that the machine reports; NULL if it reports none. */
static const struct cache_level *last_level(void)
{
    const struct machine *machine = machine_get();
    const struct cache_level *last = NULL;
    for (size_t i = 0; i < machine->cache_count; i++)
        if (machine->caches[i].bytes > 0 && (!last || machine->caches[i].level > last->level))
            last = &machine->caches[i];
    return last;
}

size_t ceiling_llc_bytes(void)
{
    const struct cache_level *last = last_level();
    if (!last)
        return 32 * MIB;
    return last->plausible || last->bytes < 64 * MIB ? last->bytes : 64 * MIB;
}

/* A part of `bytes` in whole steps of the read loops. */
static size_t part_of(size_t bytes, size_t parts)
{
    size_t part = bytes / parts / STRIDE * STRIDE;
    return part > 0 ? part : STRIDE;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* At most an eighth of the memory is taken for measuring it, and 1 GiB. */
static size_t memory_limit(void)
{
    double eighth = machine_get()->memory_bytes / 8;
    return eighth > 0 && eighth < 1024.0 * (double)MIB ? (size_t)eighth : 1024 * MIB;
}

static void add_level(struct ceilings *ceilings, const char *name, double capacity_bytes,
                      size_t part_bytes)
{
    ceilings->levels[ceilings->level_count++] =
        (struct ceiling_level){.name = name,
                               .capacity_bytes = capacity_bytes,
                               .working_set_bytes = part_bytes * (size_t)ceilings->threads};
}

/* The first two levels belong to a core and count once a thread; the others are shared. What is
 * read of L3 is surely in it; what it may hold is more, so that no bound is too high. */
static void plan_levels(struct ceilings *ceilings)
{
    size_t threads = (size_t)ceilings->threads, llc = ceiling_llc_bytes();
    size_t l1 = machine_cache_bytes(1), l2 = machine_cache_bytes(2);
    const struct cache_level *last = last_level();
    if (l1 > 0)
        add_level(ceilings, "L1", (double)(l1 * threads), part_of(l1 / 2, 1));
    if (l2 > 0)
        add_level(ceilings, "L2", (double)(l2 * threads), part_of(l2 / 2, 1));
    if (last && last->level >= 3)
        add_level(ceilings, "L3", (double)llc,
                  part_of(least(last->share_bytes / 2, 8 * MIB), threads));
    add_level(ceilings, "memory", INFINITY,
              part_of(least(4 * llc > 256 * MIB ? 4 * llc : 256 * MIB, memory_limit()), threads));
}

static void *map_bytes(size_t bytes)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    madvise(data, bytes, MADV_HUGEPAGE);
    memset(data, 1, bytes);
    return data;
}

static bool measure_levels(struct ceilings *ceilings, const unsigned char *data)
{
    size_t threads = (size_t)ceilings->threads;
    for (size_t i = 0; i < ceilings->level_count; i++) {
        struct ceiling_level *level = &ceilings->levels[i];
        struct work work = {
            .loops = best_loops(), .data = data, .bytes = level->working_set_bytes / threads};
        double took_ns;
        if (!pass_ns(work, ceilings->threads, 2e6, &took_ns))
            return false;
        level->gbps = (double)level->working_set_bytes / took_ns;
    }
    return true;
}

static bool measure_peaks(struct ceilings *ceilings)
{
    for (size_t i = 0; i < LOOPS; i++) {
        struct work work = {.loops = &loops[i]};
        double took_ns;
        if (!midl_isa_available(loops[i].isa))
            continue;
        if (!pass_ns(work, ceilings->threads, 2e6, &took_ns))
            return false;
        ceilings->peaks[ceilings->peak_count++] =
            (struct ceiling_peak){loops[i].name, loops[i].step_flops * ceilings->threads / took_ns};
    }
    return true;
}

enum outcome ceilings_measure(int threads, struct ceilings *ret, struct error *error)
{
    struct ceilings ceilings = {.threads = threads};
    plan_levels(&ceilings);
    size_t bytes = 0;
    for (size_t i = 0; i < ceilings.level_count; i++)
        if (ceilings.levels[i].working_set_bytes > bytes)
            bytes = ceilings.levels[i].working_set_bytes;
    void *data = map_bytes(bytes);
    if (!data)
        return fail_memory(error, "measuring the bandwidth of memory", (double)bytes);
    bool ok = measure_levels(&ceilings, data) && measure_peaks(&ceilings);
    munmap(data, bytes);
    if (!ok)
        return fail(error, OUTCOME_MACHINE, "could not start %d threads; ask for fewer", threads);
    *ret = ceilings;
    return OUTCOME_DONE;
}

/* ---- What follows from them ---------------------------------------------------------------- */

size_t ceilings_rows(const struct ceilings *ceilings, struct store_ceiling *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < ceilings->level_count; i++)
        ret[count++] = (struct store_ceiling){.kind = "bandwidth",
                                              .name = ceilings->levels[i].name,
                                              .threads = ceilings->threads,
                                              .working_set_bytes =
                                                  (int64_t)ceilings->levels[i].working_set_bytes,
                                              .value = ceilings->levels[i].gbps};
    for (size_t i = 0; i < ceilings->peak_count; i++)
        ret[count++] = (struct store_ceiling){.kind = "flops",
                                              .name = ceilings->peaks[i].name,
                                              .threads = ceilings->threads,
                                              .value = ceilings->peaks[i].gflops};
    return count;
}

static double best_gflops(const struct ceilings *ceilings)
{
    double best = NAN;
    for (size_t i = 0; i < ceilings->peak_count; i++)
        best = fmax(best, ceilings->peaks[i].gflops);
    return best;
}

static double held_gbps(const struct ceilings *ceilings, double held_bytes, bool cold)
{
    for (size_t i = 0; i < ceilings->level_count; i++) {
        const struct ceiling_level *level = &ceilings->levels[i];
        if (cold ? isinf(level->capacity_bytes) : held_bytes <= level->capacity_bytes)
            return level->gbps;
    }
    return NAN;
}

double ceilings_bound_ns(const struct ceilings *ceilings, double flops, double weight_bytes,
                         double held_bytes, bool cold)
{
    double compute_ns = flops / best_gflops(ceilings);
    double read_ns = weight_bytes / held_gbps(ceilings, held_bytes, cold);
    if (isnan(compute_ns) || isnan(read_ns))
        return NAN;
    return compute_ns > read_ns ? compute_ns : read_ns;
}

/* ceiling.c - ceilings by the loops of ceiling_loops.c. The best of several repetitions counts,
 * since everything that disturbs only makes it worse. */
#include "machine/ceiling.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"
#include "machine/ceiling_loops.h"
#include "base/clock.h"
#include "base/start.h"
#include "machine/machine.h"

#define MIB ((size_t)1 << 20)
#define REPETITION_NS 5e5
#define REPEATS 4 /* in a row; and rounds of them */
#define ROUNDS 3

/* ---- A team: every thread does the same work, all start together --------------------------- */

struct work {
    const struct peak_loop *peak; /* multiply-adds, or */
    read_loop *read;              /* reads */
    const unsigned char *data;
    size_t bytes;  /* each thread's part */
    size_t passes; /* over the part; or steps of multiply-adds */
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
    if (work->peak) {
        member->sum = work->peak->run(work->passes);
        return;
    }
    uint64_t all = 0;
    for (size_t i = 0; i < work->passes; i++)
        all ^= work->read(work->data + member->part * work->bytes, work->bytes);
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
    start_release(); /* OpenMP may have bound the thread that made this one */
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

/* Make the threads and wait for their end; OUTCOME_MACHINE if not all could be made. */
static enum outcome team_start(struct team *team, pthread_t *ids, struct error *error)
{
    size_t made = 0;
    int number = 0;
    pthread_mutex_lock(&team->gate);
    for (size_t i = 0; i < team->count; i++)
        team->members[i] = (struct member){.team = team, .part = i};
    while (made < team->count && number == 0) {
        number = pthread_create(&ids[made], NULL, member_main, &team->members[made]);
        made += number == 0;
    }
    team->abandoned = made < team->count;
    pthread_mutex_unlock(&team->gate);
    for (size_t i = 0; i < made; i++)
        pthread_join(ids[i], NULL);
    if (team->abandoned)
        return fail(error, OUTCOME_MACHINE, "could not start %zu threads: %s; ask for fewer",
                    team->count, strerror(number));
    return OUTCOME_DONE;
}

/* The shortest time in which all threads did the work. */
static enum outcome team_run(const struct work *work, int threads, double *ret_ns,
                             struct error *error)
{
    enum outcome outcome;
    struct team team = {.work = work,
                        .members = calloc((size_t)threads, sizeof *team.members),
                        .count = (size_t)threads,
                        .best_ns = INFINITY,
                        .gate = PTHREAD_MUTEX_INITIALIZER};
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    int number = 0;
    if (!team.members || !ids) {
        outcome = fail_memory(error, "a team of threads",
                              threads * (double)(sizeof *team.members + sizeof *ids));
        goto cleanup;
    }
    if ((number = pthread_barrier_init(&team.barrier, NULL, (unsigned)threads)) != 0) {
        outcome = fail(error, OUTCOME_MACHINE, "could not make a barrier for %d threads: %s",
                       threads, strerror(number));
        goto cleanup;
    }
    outcome = team_start(&team, ids, error);
    if (outcome == OUTCOME_DONE)
        *ret_ns = team.best_ns;
    pthread_barrier_destroy(&team.barrier);
cleanup:
    free(ids);
    free(team.members);
    return outcome;
}

/* Double work->passes until a repetition is long enough to be timed. */
static enum outcome calibrate(struct work *work, int threads, struct error *error)
{
    double took_ns = 0;
    work->repeats = 1;
    for (work->passes = 1; took_ns < REPETITION_NS / 2; work->passes *= 2) {
        enum outcome outcome = team_run(work, threads, &took_ns, error);
        if (outcome)
            return outcome;
    }
    work->passes /= 2;
    work->repeats = REPEATS;
    return OUTCOME_DONE;
}

/* Measure the best rate of `work` per ns, where one pass of all threads does `amount`. */
static enum outcome best_rate(const struct work *work, int threads, double amount, double *best,
                              struct error *error)
{
    double took_ns;
    enum outcome outcome = team_run(work, threads, &took_ns, error);
    if (!outcome)
        *best = fmax(*best, amount * (double)work->passes / took_ns);
    return outcome;
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

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The working set that stands for memory: four times what any cache may hold of it, but no more
 * than an eighth of what this process may use, and 1 GiB. */
static size_t memory_bytes(void)
{
    size_t wanted = 4 * ceiling_llc_bytes();
    double eighth = machine_get()->usable_bytes / 8;
    if (wanted < 256 * MIB)
        wanted = 256 * MIB;
    return least(wanted, eighth > 0 && eighth < 1024.0 * (double)MIB ? (size_t)eighth : 1024 * MIB);
}

static void add_read(struct ceilings *ceilings, size_t bytes)
{
    struct ceiling_read *read = &ceilings->curve[ceilings->curve_count++];
    size_t whole = (size_t)ceilings->threads * LOOP_STRIDE;
    read->bytes = bytes / whole * whole;
    snprintf(read->name, sizeof read->name, "%zu KiB", read->bytes >> 10);
}

/* Working sets from well within the first level to memory, two an octave; powers of two are among
 * them, since layers often are. */
static void plan_curve(struct ceilings *ceilings)
{
    size_t threads = (size_t)ceilings->threads, last = memory_bytes();
    for (size_t power = 16 << 10; ceilings->curve_count + 2 < CEILING_CURVE; power *= 2) {
        size_t sizes[] = {threads * power, threads * power / 5 * 7};
        for (size_t i = 0; i < COUNT(sizes); i++) {
            if (sizes[i] > last / 5 * 4) {
                add_read(ceilings, last);
                return;
            }
            add_read(ceilings, sizes[i]);
        }
    }
}

static bool is_stopped(struct ceilings *ceilings, const volatile sig_atomic_t *stop)
{
    if (stop && *stop)
        ceilings->interrupted = true;
    return ceilings->interrupted;
}

/* Touching a GiB takes a while: in parts, for the stop flag. */
static unsigned char *map_bytes(size_t bytes, struct ceilings *ceilings,
                                const volatile sig_atomic_t *stop)
{
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char *data = map;
    if (map == MAP_FAILED)
        return NULL;
    madvise(data, bytes, MADV_HUGEPAGE);
    for (size_t at = 0; at < bytes && !is_stopped(ceilings, stop); at += 32 * MIB)
        memset(data + at, 1, least(bytes - at, 32 * MIB));
    return data;
}

/* Round after round over the whole curve, so that a short disturbance spoils no size in all of
 * them. */
static enum outcome measure_curve(struct ceilings *ceilings, const unsigned char *data,
                                  const volatile sig_atomic_t *stop, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t passes[CEILING_CURVE][READ_PATTERNS] = {{0}};
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < ceilings->curve_count * READ_PATTERNS; i++) {
            if (is_stopped(ceilings, stop))
                return OUTCOME_DONE;
            size_t size = i / READ_PATTERNS, pattern = i % READ_PATTERNS;
            struct ceiling_read *at = &ceilings->curve[size];
            struct work work = {.read = ceiling_reads()[pattern],
                                .data = data,
                                .bytes = at->bytes / (size_t)ceilings->threads,
                                .passes = passes[size][pattern],
                                .repeats = REPEATS};
            if (round == 0)
                outcome = calibrate(&work, ceilings->threads, error);
            passes[size][pattern] = work.passes;
            if (!outcome)
                outcome = best_rate(&work, ceilings->threads, (double)at->bytes, &at->gbps, error);
            if (outcome)
                return outcome;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome measure_peaks(struct ceilings *ceilings, const volatile sig_atomic_t *stop,
                                  struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    const struct peak_loop *loop;
    for (size_t i = 0; (loop = ceiling_peak(i)) && !is_stopped(ceilings, stop); i++) {
        struct ceiling_peak *peak = &ceilings->peaks[ceilings->peak_count++];
        struct work work = {.peak = loop};
        peak->name = loop->name;
        outcome = calibrate(&work, ceilings->threads, error);
        for (int round = 0; round < ROUNDS && !outcome; round++)
            outcome = best_rate(&work, ceilings->threads, loop->step_flops * ceilings->threads,
                                &peak->gflops, error);
        if (outcome)
            return outcome;
    }
    return OUTCOME_DONE;
}

double ceiling_glance(void)
{
    const struct peak_loop *loop;
    struct error error;
    double best = 0;
    for (size_t i = 0; (loop = ceiling_peak(i)); i++) {
        struct work work = {.peak = loop};
        if (ends_with(loop->name, "/f32") &&
            (calibrate(&work, 1, &error) || best_rate(&work, 1, loop->step_flops, &best, &error)))
            return NAN;
    }
    return best;
}

/* Fewer bytes are never slower to read: where a smaller set seemed so, it was disturbed, or read in
 * a way that prefetchers like less. */
static void make_monotone(struct ceilings *ceilings)
{
    for (size_t i = ceilings->curve_count; i-- > 1;)
        ceilings->curve[i - 1].gbps = fmax(ceilings->curve[i - 1].gbps, ceilings->curve[i].gbps);
}

/* The largest measured set that is no larger than `bytes`: what is read of a larger one comes no
 * faster. Smaller sets than all come as fast as the smallest. */
static const struct ceiling_read *read_within(const struct ceilings *ceilings, double bytes)
{
    size_t i = 0;
    while (i + 1 < ceilings->curve_count && (double)ceilings->curve[i + 1].bytes <= bytes)
        i++;
    return &ceilings->curve[i];
}

static void name_level(struct ceilings *ceilings, const char *name, size_t bytes)
{
    ceilings->levels[ceilings->level_count++] =
        (struct ceiling_level){.name = name, .read = *read_within(ceilings, (double)bytes)};
}

/* The curve where a level is surely what is read: at half of it. The first two levels belong to a
 * core and count once a thread; the others are shared. */
static void name_levels(struct ceilings *ceilings)
{
    size_t threads = (size_t)ceilings->threads;
    const struct cache_level *last = last_level();
    if (machine_cache_bytes(1) > 0)
        name_level(ceilings, "L1", threads * machine_cache_bytes(1) / 2);
    if (machine_cache_bytes(2) > 0)
        name_level(ceilings, "L2", threads * machine_cache_bytes(2) / 2);
    if (last && last->level >= 3)
        name_level(ceilings, "L3", least(last->share_bytes / 2, 8 * MIB));
    name_level(ceilings, "memory", SIZE_MAX);
}

enum outcome ceilings_measure(int threads, const volatile sig_atomic_t *stop, struct ceilings *ret,
                              struct error *error)
{
    struct ceilings ceilings = {.threads = threads};
    plan_curve(&ceilings);
    size_t bytes = ceilings.curve[ceilings.curve_count - 1].bytes;
    unsigned char *data = map_bytes(bytes, &ceilings, stop);
    if (!data)
        return fail_memory(error, "measuring the bandwidth of memory", (double)bytes);
    enum outcome outcome = measure_curve(&ceilings, data, stop, error);
    if (!outcome)
        outcome = measure_peaks(&ceilings, stop, error);
    munmap(data, bytes);
    if (outcome)
        return outcome;
    make_monotone(&ceilings);
    name_levels(&ceilings);
    *ret = ceilings;
    return OUTCOME_DONE;
}

/* ---- What follows from them ---------------------------------------------------------------- */

size_t ceilings_rows(const struct ceilings *ceilings, struct store_ceiling *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < ceilings->level_count; i++)
        ret[count++] =
            (struct store_ceiling){.kind = "bandwidth",
                                   .name = ceilings->levels[i].name,
                                   .threads = ceilings->threads,
                                   .working_set_bytes = (int64_t)ceilings->levels[i].read.bytes,
                                   .value = ceilings->levels[i].read.gbps};
    for (size_t i = 0; i < ceilings->curve_count; i++)
        ret[count++] =
            (struct store_ceiling){.kind = "curve",
                                   .name = ceilings->curve[i].name,
                                   .threads = ceilings->threads,
                                   .working_set_bytes = (int64_t)ceilings->curve[i].bytes,
                                   .value = ceilings->curve[i].gbps};
    for (size_t i = 0; i < ceilings->peak_count; i++)
        ret[count++] = (struct store_ceiling){.kind = "flops",
                                              .name = ceilings->peaks[i].name,
                                              .threads = ceilings->threads,
                                              .value = ceilings->peaks[i].gflops};
    return count;
}

static void take_level(struct ceilings *ceilings, const struct store_ceiling *row)
{
    static const char *const names[] = {"L1", "L2", "L3", "L4", "memory"};
    for (size_t i = 0; i < COUNT(names) && ceilings->level_count < CEILING_LEVELS; i++)
        if (strcmp(row->name, names[i]) == 0)
            ceilings->levels[ceilings->level_count++] = (struct ceiling_level){
                names[i], {.bytes = (size_t)row->working_set_bytes, .gbps = row->value}};
}

static void take_peak(struct ceilings *ceilings, const struct store_ceiling *row)
{
    const struct peak_loop *loop;
    for (size_t i = 0; (loop = ceiling_peak(i)) && ceilings->peak_count < CEILING_PEAKS; i++)
        if (strcmp(row->name, loop->name) == 0)
            ceilings->peaks[ceilings->peak_count++] = (struct ceiling_peak){loop->name, row->value};
}

void ceilings_take(struct ceilings *ceilings, const struct store_ceiling *row)
{
    ceilings->threads = row->threads;
    if (strcmp(row->kind, "bandwidth") == 0) {
        take_level(ceilings, row);
    } else if (strcmp(row->kind, "flops") == 0) {
        take_peak(ceilings, row);
    } else if (strcmp(row->kind, "curve") == 0 && ceilings->curve_count < CEILING_CURVE) {
        struct ceiling_read *read = &ceilings->curve[ceilings->curve_count++];
        *read = (struct ceiling_read){.bytes = (size_t)row->working_set_bytes, .gbps = row->value};
        snprintf(read->name, sizeof read->name, "%s", row->name);
    }
}

/* Weights of any dtype may be multiplied as floats: widened once, then used for many inputs. */
static double best_gflops(const struct ceilings *ceilings, enum midl_dtype dtype)
{
    double best = NAN;
    for (size_t i = 0; i < ceilings->peak_count; i++) {
        const char *name = ceilings->peaks[i].name;
        if (ends_with(name, "/f32") || ends_with(name, midl_dtype_name(dtype)))
            best = fmax(best, ceilings->peaks[i].gflops);
    }
    return best;
}

double ceilings_bound_ns(const struct ceilings *ceilings, enum midl_dtype dtype, double flops,
                         double weight_bytes, double held_bytes)
{
    double compute_ns = flops / best_gflops(ceilings, dtype);
    double read_ns =
        ceilings->curve_count > 0 ? weight_bytes / read_within(ceilings, held_bytes)->gbps : NAN;
    if (isnan(compute_ns) || isnan(read_ns))
        return NAN;
    return compute_ns > read_ns ? compute_ns : read_ns;
}

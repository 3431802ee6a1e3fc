/* rounds.c - the sampling loop. Google Benchmark times; what is decided here is order, number and
 * which rounds count. Samples are taken one by one, so that Ctrl-C waits for one sample at most. */
#include "measure/rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/machine.h"
#include "measure/drift.h"
#include "base/rng.h"

#define STEAL_NS 2e7 /* two ticks */
#define WARM_NS 3e7

/* ---- The decisions ------------------------------------------------------------------------- */

static bool budget_spent(double disturbed, double spent_ns, double budget_ns)
{
    double calm_ns = (1 - disturbed) * spent_ns;
    return spent_ns >= budget_ns &&
           (calm_ns >= budget_ns / 2 || spent_ns >= ROUNDS_PATIENCE * budget_ns);
}

enum rounds_stop rounds_decide(const double *widths, size_t cases, size_t rounds, double disturbed,
                               double spent_ns, const struct rounds_options *options)
{
    bool narrow = true;
    for (size_t i = 0; i < cases; i++)
        narrow = narrow && widths[i] <= options->target;
    if (rounds == 0 || rounds < (size_t)options->min_rounds)
        return ROUNDS_MORE;
    if (narrow && rounds >= (size_t)options->target_rounds)
        return ROUNDS_TARGET;
    return budget_spent(disturbed, spent_ns, options->budget_ns) ? ROUNDS_BUDGET : ROUNDS_MORE;
}

int64_t rounds_untimed(double call_ns)
{
    double calls = floor(ROUNDS_UNTIMED_NS / fmax(call_ns, 1));
    return (int64_t)fmax(1, fmin(calls, ROUNDS_UNTIMED));
}

size_t rounds_mark(const double *reference_ns, const double *stolen, size_t samples,
                   bool *disturbed)
{
    size_t marked = reference_mark(reference_ns, samples, disturbed);
    for (size_t i = 0; i < samples; i++)
        if (!disturbed[i] && stolen[i] > ROUNDS_STOLEN) {
            disturbed[i] = true;
            marked++;
        }
    return marked;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Where to cut sorted[count] in two so that the sum of squares within both parts is least: the cut
 * whose parts' means are farthest apart for their sizes. */
static size_t best_cut(const double *sorted, size_t count)
{
    double all = 0, below = 0, most = -1;
    size_t best = 1;
    for (size_t i = 0; i < count; i++)
        all += sorted[i];
    for (size_t i = 1; i < count; i++) {
        below += sorted[i - 1];
        double low = (double)i, high = (double)(count - i);
        double apart = below / low - (all - below) / high, between = low * high * apart * apart;
        if (between > most) {
            most = between;
            best = i;
        }
    }
    return best;
}

/* Half of the values lie within so much of their median. */
static double spread(const double *values, size_t count)
{
    return stats_relative_mad(values, count) * stats_median(values, count);
}

int rounds_regimes(const double *reference_ns, size_t samples)
{
    enum { FEWEST = 10, NARROW = 4 };
    double *sorted = samples >= FEWEST ? malloc(samples * sizeof *sorted) : NULL;
    int regimes = 1;
    if (!sorted)
        return regimes;
    memcpy(sorted, reference_ns, samples * sizeof *sorted);
    qsort(sorted, samples, sizeof *sorted, compare_doubles);
    size_t cut = best_cut(sorted, samples), left = samples - cut;
    double low = stats_median(sorted, cut), high = stats_median(sorted + cut, left);
    double narrow = spread(sorted, cut) + spread(sorted + cut, left);
    if (10 * cut >= samples && 10 * left >= samples && high > 1.05 * low &&
        high - low > NARROW * narrow)
        regimes = 2;
    free(sorted);
    return regimes;
}

bool rounds_use_all(size_t samples, size_t disturbed)
{
    size_t calm = samples - disturbed;
    return calm < ROUNDS_ENOUGH && 2 * calm < samples;
}

bool rounds_move_due(size_t rounds_here, double spent_ns, double moving_ns, double last_ns,
                     const struct rounds_options *options)
{
    return options->move && rounds_here >= (size_t)options->place_rounds &&
           moving_ns + last_ns <= options->move_share * spent_ns;
}

/* ---- The loop ------------------------------------------------------------------------------ */

struct loop {
    struct gbench_case *cases;
    size_t count;
    const struct rounds_options *options;
    struct gbench_case reference;
    uint64_t sums[REFERENCE_SUMS];
    double reference_ns;  /* what it last took, */
    double referenced_ns; /* and when that was */
    struct rng rng;
    struct rounds rounds;
    size_t capacity;    /* rounds that the arrays hold */
    size_t *order;      /* [count] */
    double *values;     /* [capacity], scratch */
    int *places;        /* [capacity], scratch */
    double *widths;     /* [count] */
    double *references; /* [count][rounds], of all samples, to judge them by */
    double *stolen;     /* likewise */
    bool *disturbed;    /* likewise */
    double start_ns;
    double move_ns;     /* of the last move */
    size_t placed;      /* rounds before this place */
    size_t reviewed;    /* rounds at the last review */
    double reviewed_ns; /* when it was, from the start */
    double steal_ns;    /* when what is stolen was last asked for */
    size_t steal_known; /* rounds of which it is known */
    bool refused;       /* Google Benchmark did not run a case: it is broken, or out of memory */
};

static bool disturbed_in(const struct rounds *rounds, size_t a, size_t b, size_t round)
{
    return rounds->samples[a][round].disturbed || rounds->samples[b][round].disturbed;
}

static bool all_in_use(const struct rounds *rounds, size_t a, size_t b)
{
    size_t disturbed = 0;
    for (size_t i = 0; i < rounds->count; i++)
        disturbed += disturbed_in(rounds, a, b, i);
    return rounds_use_all(rounds->count, disturbed);
}

size_t rounds_values(const struct rounds *rounds, size_t bench_case, double *ret,
                     int *ret_placement)
{
    size_t used = 0;
    bool all = all_in_use(rounds, bench_case, bench_case);
    for (size_t i = 0; i < rounds->count; i++) {
        const struct store_sample *sample = &rounds->samples[bench_case][i];
        if (!all && sample->disturbed)
            continue;
        ret_placement[used] = sample->placement;
        ret[used++] = sample->real_ns;
    }
    return used;
}

size_t rounds_ratios(const struct rounds *rounds, size_t above, size_t below, double *ret,
                     int *ret_placement)
{
    size_t used = 0;
    bool all = all_in_use(rounds, above, below);
    for (size_t i = 0; i < rounds->count; i++) {
        if (!all && disturbed_in(rounds, above, below, i))
            continue;
        ret_placement[used] = rounds->samples[above][i].placement;
        ret[used++] = rounds->samples[above][i].real_ns / rounds->samples[below][i].real_ns;
    }
    return used;
}

void rounds_clear(struct rounds *rounds)
{
    for (size_t i = 0; rounds->samples && i < rounds->cases; i++)
        free(rounds->samples[i]);
    free(rounds->samples);
    free(rounds->time);
    *rounds = (struct rounds){0};
}

static void loop_clear(struct loop *loop)
{
    rounds_clear(&loop->rounds);
    free(loop->order);
    free(loop->values);
    free(loop->places);
    free(loop->widths);
    free(loop->references);
    free(loop->stolen);
    free(loop->disturbed);
}

/* realloc that keeps the array on failure and says so. */
static void *grown(void *array, size_t count, size_t size, bool *ok)
{
    void *larger = realloc(array, count * size);
    *ok = *ok && larger;
    return larger ? larger : array;
}

/* Room for one more round, made before the round and not within it. */
static bool loop_reserve(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    if (rounds->count < loop->capacity)
        return true;
    size_t capacity = loop->capacity ? 2 * loop->capacity : 64;
    bool ok = true;
    for (size_t i = 0; i < loop->count; i++)
        rounds->samples[i] = grown(rounds->samples[i], capacity, sizeof **rounds->samples, &ok);
    loop->values = grown(loop->values, capacity, sizeof(double), &ok);
    loop->places = grown(loop->places, capacity, sizeof(int), &ok);
    loop->references = grown(loop->references, loop->count * capacity, sizeof(double), &ok);
    loop->stolen = grown(loop->stolen, loop->count * capacity, sizeof(double), &ok);
    loop->disturbed = grown(loop->disturbed, loop->count * capacity, sizeof(bool), &ok);
    if (!ok)
        return false;
    loop->capacity = capacity;
    return true;
}

static bool loop_init(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    size_t count = loop->count;
    rounds->cases = count;
    rounds->placements = 1;
    rounds->samples = calloc(count, sizeof *rounds->samples);
    rounds->time = calloc(count, sizeof *rounds->time);
    loop->order = calloc(count, sizeof *loop->order);
    loop->widths = calloc(count, sizeof *loop->widths);
    loop->reference =
        (struct gbench_case){.name = "reference", .call = reference_call, .data = loop->sums};
    loop->rng = rng_seed(loop->options->seed);
    return rounds->samples && rounds->time && loop->order && loop->widths;
}

static bool loop_stopped(struct loop *loop)
{
    const volatile sig_atomic_t *stop = loop->options->stop;
    if (stop && *stop)
        loop->rounds.interrupted = true;
    return loop->rounds.interrupted;
}

static double process_cpu_ns(void)
{
    struct timespec used = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e9 + (double)used.tv_nsec;
}

/* Wait until the worker threads of a library sleep. They spin for some milliseconds after their
 * work is done, and would take time from the next variant, which has other threads. */
static void settle(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    double before_ns = process_cpu_ns();
    for (int i = 0; i < 64; i++) {
        nanosleep(&pause, NULL);
        double now_ns = process_cpu_ns(), spent_ns = now_ns - before_ns;
        if (spent_ns < 0.2e6)
            return;
        before_ns = now_ns;
    }
}

/* Choose the number of calls per sample. They fill the sample time, and are at least half as many
 * as the untimed calls before it, because otherwise too little of the time would go to measuring.
 */
static bool case_calibrate(struct gbench_case *timed, const struct rounds_options *options)
{
    double call_ns;
    timed->iterations = gbench_iterations(timed, options->sample_ns, &call_ns);
    if (timed->iterations < 1)
        return false;
    if (options->steady)
        timed->untimed = rounds_untimed(call_ns);
    if (timed->iterations < (timed->untimed + 1) / 2)
        timed->iterations = (timed->untimed + 1) / 2;
    return true;
}

/* The reference needs no more than a quarter of a sample: it is asked for one number, not many. */
static bool loop_calibrate(struct loop *loop)
{
    double sample_ns = loop->options->sample_ns, reference_ns;
    for (size_t i = 0; i < loop->count && !loop_stopped(loop); i++) {
        if (loop->cases[i].iterations > 0)
            continue;
        if (loop->options->settle)
            settle();
        loop->refused = !case_calibrate(&loop->cases[i], loop->options) || loop->refused;
    }
    loop->reference.iterations = gbench_iterations(&loop->reference, sample_ns / 4, &reference_ns);
    loop->refused = loop->refused || loop->reference.iterations < 1;
    return !loop->refused;
}

static void shuffle(struct rng *rng, size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t other = rng_below(rng, (uint32_t)i), kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static void reverse(size_t *order, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        size_t kept = order[i];
        order[i] = order[count - 1 - i];
        order[count - 1 - i] = kept;
    }
}

static bool loop_time(struct loop *loop, struct gbench_case *timed, struct gbench_sample *ret)
{
    static const size_t first = 0;
    if (loop->options->settle)
        settle();
    loop->refused = gbench_round(timed, &first, 1, ret) != 0;
    return !loop->refused;
}

/* Time the reference once. */
static bool loop_reference(struct loop *loop)
{
    struct gbench_sample sample;
    if (!loop_time(loop, &loop->reference, &sample))
        return false;
    loop->reference_ns = sample.real_ns;
    loop->referenced_ns = clock_ns();
    return true;
}

/* This round's sample of the case at `position`. */
static bool loop_sample(struct loop *loop, size_t position)
{
    struct rounds *rounds = &loop->rounds;
    size_t bench_case = loop->order[position];
    struct gbench_sample sample;
    if (!loop_time(loop, &loop->cases[bench_case], &sample))
        return false;
    rounds->samples[bench_case][rounds->count] =
        (struct store_sample){.round = (int)rounds->count,
                              .position = (int)position,
                              .iterations = sample.iterations,
                              .real_ns = sample.real_ns,
                              .cpu_ns = sample.cpu_ns,
                              .placement = rounds->placements - 1,
                              .reference_ns = loop->reference_ns,
                              .stolen = NAN};
    return true;
}

/* The reference after the samples at these positions, which so far have the one before them. */
static bool loop_refer(struct loop *loop, size_t first, size_t last)
{
    if (!loop_reference(loop))
        return false;
    for (size_t i = first; i <= last; i++) {
        double *before_ns = &loop->rounds.samples[loop->order[i]][loop->rounds.count].reference_ns;
        *before_ns = fmax(*before_ns, loop->reference_ns);
    }
    return true;
}

/* One round, with references in it and after it. An interrupted one is left uncounted. */
static bool loop_round(struct loop *loop)
{
    size_t unreferred = 0;
    if (loop->options->mirrored && loop->rounds.count % 2)
        reverse(loop->order, loop->count);
    else
        shuffle(&loop->rng, loop->order, loop->count);
    for (size_t i = 0; i < loop->count; i++) {
        if (loop_stopped(loop))
            return true;
        if (!loop_sample(loop, i))
            return false;
        if (i + 1 < loop->count && clock_ns() - loop->referenced_ns < ROUNDS_REFERENCE_NS)
            continue;
        if (!loop_refer(loop, unreferred, i))
            return false;
        unreferred = i + 1;
    }
    loop->rounds.count++;
    return true;
}

/* Stolen time is counted in ticks of some ms: what was stolen is known of stretches of rounds. */
static void loop_steal(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    double now_ns = clock_ns();
    if (now_ns - loop->steal_ns < STEAL_NS)
        return;
    double stolen = machine_steal();
    for (; loop->steal_known < rounds->count; loop->steal_known++)
        for (size_t j = 0; j < loop->count; j++)
            rounds->samples[j][loop->steal_known].stolen = stolen;
    loop->steal_ns = now_ns;
}

/* Lay the cases out anew if it is time to. */
static bool loop_move(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    const struct rounds_options *options = loop->options;
    double now_ns = clock_ns();
    if (loop_stopped(loop) ||
        !rounds_move_due(rounds->count - loop->placed, now_ns - loop->start_ns, rounds->moving_ns,
                         loop->move_ns, options))
        return true;
    if (!options->move(options->move_data))
        return false;
    loop->move_ns = clock_ns() - now_ns;
    loop->placed = rounds->count;
    rounds->moving_ns += loop->move_ns;
    rounds->placements++;
    return loop_reference(loop); /* the last one was before */
}

/* Mark all samples so far; returns the share that is disturbed. */
static double loop_mark(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    size_t samples = loop->count * rounds->count;
    for (size_t i = 0; i < samples; i++) {
        const struct store_sample *sample = &rounds->samples[i / rounds->count][i % rounds->count];
        loop->references[i] = sample->reference_ns;
        loop->stolen[i] = sample->stolen;
    }
    size_t marked = rounds_mark(loop->references, loop->stolen, samples, loop->disturbed);
    for (size_t i = 0; i < samples; i++)
        rounds->samples[i / rounds->count][i % rounds->count].disturbed = loop->disturbed[i];
    rounds->regimes = rounds_regimes(loop->references, samples);
    return (double)marked / (double)samples;
}

/* Marks, intervals and verdict over all rounds so far. */
static enum rounds_stop loop_review(struct loop *loop)
{
    struct rounds *rounds = &loop->rounds;
    double disturbed = loop_mark(loop);
    for (size_t i = 0; i < loop->count; i++) {
        size_t used = rounds_values(rounds, i, loop->values, loop->places);
        rounds->time[i] =
            stats_grouped_interval(loop->values, loop->places, used, ROUNDS_CONFIDENCE);
        loop->widths[i] = stats_relative_width(&rounds->time[i]);
    }
    loop->reviewed = rounds->count;
    loop->reviewed_ns = clock_ns() - loop->start_ns;
    return rounds_decide(loop->widths, loop->count, rounds->count, disturbed, loop->reviewed_ns,
                         loop->options);
}

/* Whether so much time has passed since the last review. */
static bool passed(const struct loop *loop, double limit_ns)
{
    return loop->reviewed_ns < limit_ns && clock_ns() - loop->start_ns >= limit_ns;
}

/* Reviewing sorts all samples, so it is done when a sixteenth more of them came in, and when the
 * budget may be spent. */
static bool review_due(const struct loop *loop)
{
    size_t count = loop->rounds.count;
    double budget_ns = loop->options->budget_ns;
    return count >= (size_t)loop->options->min_rounds &&
           (count >= loop->reviewed + loop->reviewed / 16 + 1 || passed(loop, budget_ns) ||
            passed(loop, ROUNDS_PATIENCE * budget_ns));
}

/* Rounds that don't count: some kernels get faster for many calls, as branches become known. */
static bool loop_warm_up(struct loop *loop)
{
    double start_ns = clock_ns();
    if (!loop_reference(loop))
        return false;
    do {
        if (!loop_reserve(loop) || !loop_round(loop))
            return false;
        loop->rounds.count = 0;
    } while (!loop->rounds.interrupted && clock_ns() - start_ns < WARM_NS);
    loop->rng = rng_seed(loop->options->seed); /* however many they were, the order is the same */
    return true;
}

static bool loop_rounds(struct loop *loop)
{
    loop->move_ns = loop->options->first_move_ns;
    loop->start_ns = loop->steal_ns = clock_ns();
    (void)machine_steal(); /* counts from here */
    while (loop->rounds.stop == ROUNDS_MORE) {
        if (!loop_reserve(loop) || !loop_move(loop) || !loop_round(loop))
            return false;
        if (loop->rounds.interrupted)
            return true;
        loop_steal(loop);
        if (review_due(loop))
            loop->rounds.stop = loop_review(loop);
    }
    return true;
}

enum outcome rounds_run(struct gbench_case *cases, size_t count,
                        const struct rounds_options *options, struct rounds *ret,
                        struct error *error)
{
    struct loop loop = {.cases = cases, .count = count, .options = options};
    double start_ns = clock_ns();
    bool ok =
        loop_init(&loop) && loop_calibrate(&loop) && loop_warm_up(&loop) && loop_rounds(&loop);
    if (ok) {
        loop.rounds.sampling_ns = clock_ns() - start_ns - loop.rounds.moving_ns;
        *ret = loop.rounds;
        loop.rounds = (struct rounds){0};
    }
    loop_clear(&loop);
    if (ok)
        return OUTCOME_DONE;
    if (loop.refused)
        return fail(error, OUTCOME_MACHINE,
                    "Google Benchmark %s refused to run a kernel; is memory short?",
                    gbench_version());
    return fail_memory(error, "samples, or for the layer in another place",
                       (double)(count * loop.capacity) * sizeof(struct store_sample));
}

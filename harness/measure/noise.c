/* noise.c - the A/A test: one small dot product, timed against itself in pairs.
 *
 * The order within a pair alternates, so that drift hits both alike. The series is cut in blocks as
 * long as a sweep's comparison; each block gives a median ratio that should be 1. */
#include "measure/noise.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/stop.h"
#include "machine/machine.h"
#include "measure/drift.h"
#include "base/rng.h"
#include "simd/ops.h"
#include "stats.h"

#define LENGTH 2048
#define SAMPLE_NS 5e5
#define REFERENCE_CALLS 100

void noise_judge(const double *a_ns, const double *b_ns, size_t pairs, struct noise *ret)
{
    size_t blocks = pairs / NOISE_BLOCK;
    double *shift = malloc(2 * blocks * sizeof *shift), *half = shift ? shift + blocks : NULL;
    *ret = (struct noise){
        .pairs = pairs, .chance = NAN, .resolvable = NAN, .stolen = NAN, .disturbed = NAN};
    for (size_t i = 0; shift && i < blocks; i++) {
        struct stats_interval ratio =
            stats_ratio_interval(b_ns + i * NOISE_BLOCK, a_ns + i * NOISE_BLOCK, NOISE_BLOCK, 0.95);
        shift[i] = fabs(ratio.median - 1);
        half[i] = (ratio.hi - ratio.lo) / 2;
    }
    if (shift && blocks >= NOISE_BLOCKS)
        ret->chance = stats_quantile(shift, blocks, 0.95);
    if (shift && blocks > 0)
        ret->resolvable = stats_median(half, blocks);
    double factor = ret->resolvable / 0.01; /* an interval shrinks with the root of the pairs */
    ret->pairs_for_1_percent = fmax(6, ceil(NOISE_BLOCK * factor * factor));
    free(shift);
}

static float work(const float *weights, const float *x, int calls)
{
    const struct simd_ops *ops = midl_simd_ops();
    volatile float sum = 0;
    for (int i = 0; i < calls; i++)
        sum = sum + ops->dot(LENGTH, weights, x);
    return sum;
}

static double timed(const float *weights, const float *x, int calls)
{
    double begin_ns = clock_ns();
    work(weights, x, calls);
    return clock_ns() - begin_ns;
}

/* Choose the number of calls that fills SAMPLE_NS, by the fastest of a few tries. */
static int calibrate(const float *weights, const float *x)
{
    double best_ns = INFINITY;
    for (int i = 0; i < 20; i++)
        best_ns = fmin(best_ns, timed(weights, x, 100));
    double calls = SAMPLE_NS / (best_ns / 100);
    return calls > 1 && calls < 1e7 ? (int)calls : 1;
}

static double reference_now_ns(void)
{
    uint64_t sums[REFERENCE_SUMS] = {0};
    double begin_ns = clock_ns();
    for (int i = 0; i < REFERENCE_CALLS; i++)
        reference_call(sums);
    return clock_ns() - begin_ns;
}

/* Times of up to `most` pairs, and of the reference around them. */
struct series {
    size_t most, pairs;
    double *a_ns, *b_ns, *reference_ns; /* [most] */
};

/* Pairs until `end_ns`, but at least a block; fewer if interrupted. */
static void run_pairs(const float *weights, const float *x, int calls, double end_ns,
                      struct series *series)
{
    double before_ns = reference_now_ns();
    for (size_t i = 0; i < series->most && !stop_requested; i++) {
        if (i >= NOISE_BLOCK && clock_ns() >= end_ns)
            break;
        double first = timed(weights, x, calls), second = timed(weights, x, calls);
        double after_ns = reference_now_ns();
        series->a_ns[i] = i % 2 ? second : first;
        series->b_ns[i] = i % 2 ? first : second;
        series->reference_ns[i] = fmax(before_ns, after_ns);
        before_ns = after_ns;
        series->pairs++;
    }
}

static double disturbed_share(const struct series *series)
{
    bool *disturbed = malloc(series->pairs * sizeof *disturbed);
    double share = NAN;
    if (disturbed)
        share = (double)reference_mark(series->reference_ns, series->pairs, disturbed) /
                (double)series->pairs;
    free(disturbed);
    return share;
}

enum outcome noise_measure(double seconds, struct noise *ret, struct error *error)
{
    size_t most = (size_t)(seconds * 1e9 / SAMPLE_NS) + NOISE_BLOCK;
    double *times = malloc(3 * most * sizeof *times);
    float *weights = malloc(2 * LENGTH * sizeof *weights), *x = weights ? weights + LENGTH : NULL;
    enum outcome outcome = OUTCOME_DONE;
    if (!times || !weights) {
        outcome = fail_memory(error, "the noise test", (double)(3 * most * sizeof *times));
        goto cleanup;
    }
    struct series series = {most, 0, times, times + most, times + 2 * most};
    struct rng rng = rng_seed(1);
    for (size_t i = 0; i < 2 * LENGTH; i++)
        weights[i] = (float)rng_uniform(&rng);
    int calls = calibrate(weights, x);
    machine_steal();
    double begin_ns = clock_ns();
    run_pairs(weights, x, calls, begin_ns + seconds * 1e9, &series);
    double took_ns = clock_ns() - begin_ns;
    if (series.pairs < NOISE_BLOCK) {
        outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted after %zu pairs, %d are needed",
                       series.pairs, NOISE_BLOCK);
        goto cleanup;
    }
    noise_judge(series.a_ns, series.b_ns, series.pairs, ret);
    ret->stolen = machine_steal();
    ret->disturbed = disturbed_share(&series);
    ret->seconds = took_ns / 1e9;
    ret->sample_ns = stats_median(series.a_ns, series.pairs);
    ret->seconds_for_1_percent = ret->pairs_for_1_percent * took_ns / 1e9 / (double)series.pairs;
cleanup:
    free(times);
    free(weights);
    return outcome;
}

/* ---- To be kept and said --------------------------------------------------------------------- */

void noise_facts(const struct noise *noise, struct noise_facts *ret)
{
    const struct {
        const char *name;
        int digits;
        double value;
    } rows[NOISE_FACTS] = {{"noise_seconds", 3, noise->seconds},
                           {"noise_pairs", 0, (double)noise->pairs},
                           {"noise_chance_difference", 5, noise->chance},
                           {"noise_resolvable", 5, noise->resolvable},
                           {"noise_seconds_for_1_percent", 3, noise->seconds_for_1_percent},
                           {"noise_stolen", 4, noise->stolen},
                           {"noise_disturbed", 4, noise->disturbed}};
    for (size_t i = 0; i < NOISE_FACTS; i++) {
        if (isnan(rows[i].value))
            snprintf(ret->texts[i], sizeof ret->texts[i], "unknown");
        else
            snprintf(ret->texts[i], sizeof ret->texts[i], "%.*f", rows[i].digits, rows[i].value);
        ret->rows[i] = (struct store_fact){rows[i].name, ret->texts[i]};
    }
}

void noise_text(const struct noise *noise, char ret[NOISE_TEXT])
{
    int used = 0;
    if (!isnan(noise->chance))
        used = snprintf(ret, NOISE_TEXT, "identical code differed by up to %.2g %% by chance; ",
                        100 * noise->chance);
    snprintf(ret + used, NOISE_TEXT - (size_t)used,
             "%d pairs tell differences of %.2g %%; 1 %% takes %.2g s", NOISE_BLOCK,
             100 * noise->resolvable, noise->seconds_for_1_percent);
}

/* pair.c - one case, two builds. */
#include "compare/pair.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/stop.h"
#include "host.h"
#include "machine/pin.h"
#include "machine/team.h"
#include "measure/placement.h"
#include "measure/rounds.h"
#include "stats.h"
#include "verify/checker.h"
#include "verify/problem.h"

#define GAP_BYTES (32u * 1024)

/* One build's plan, as something to call. */
struct arm {
    const struct midl_library *build;
    struct midl_plan *plan;
    size_t batch, turn, turns; /* the batch of inputs that comes next, of so many */
    size_t batch_floats;
    const float *x; /* [turns][batch][d] */
    float *y;
};

struct pair {
    const struct bench_case *bench_case;
    const struct pair_options *options;
    struct problem all;     /* with the inputs of all turns */
    struct problem problem; /* with those of the first: a part of it */
    struct placement place;
    void *gap;
    struct arm arms[2];
    struct rng rng;
    int moves;
    struct pair_result *result;
};

static const char *const builds[2] = {"the baseline", "this build"};

static void arm_call(void *data)
{
    struct arm *arm = data;
    const float *x = arm->x + arm->turn * arm->batch_floats;
    arm->turn = arm->turn + 1 < arm->turns ? arm->turn + 1 : 0;
    (void)arm->build->run(arm->plan, arm->batch, x, arm->y);
}

static enum midl_status arm_plan(const struct arm *arm, const struct bench_case *bench_case,
                                 const struct midl_layer *layer, struct midl_plan **ret,
                                 char reason[MIDL_REASON_SIZE])
{
    const struct midl_plan_options options = {.variant = midl_variant_name(bench_case->variant),
                                              .dtype = midl_variant_dtype(bench_case->variant),
                                              .max_batch = bench_case->shape.batch,
                                              .threads = bench_case->shape.threads};
    return library_plan_create(arm->build, layer, &options, ret, reason);
}

/* ---- Right before fast --------------------------------------------------------------------- */

static enum midl_status checked_run(void *data, size_t batch, const float *x, float *y)
{
    struct arm *arm = data;
    return arm->build->run(arm->plan, batch, x, y);
}

static struct midl_selection checked_selection(void *data)
{
    struct arm *arm = data;
    return arm->build->plan_selection(arm->plan);
}

static enum outcome arm_check(struct pair *pair, int which, const struct midl_oracle *oracle,
                              struct error *error)
{
    struct pair_result *result = pair->result;
    struct arm *arm = &pair->arms[which];
    struct check_result check;
    const struct midl_variant *variant = pair->bench_case->variant;
    const struct check_subject subject = {.run = checked_run,
                                          .selection = checked_selection,
                                          .linear = midl_variant_is_linear(variant),
                                          .light = midl_variant_is_light(variant),
                                          .data = arm};
    enum outcome outcome = check_run(&subject, &pair->problem, oracle, false, &check, error);
    if (outcome == OUTCOME_DONE && !check.ok) {
        result->status = which == 1 ? PAIR_WRONG : PAIR_SKIPPED;
        snprintf(result->reason, sizeof result->reason, "%s is wrong: %.160s", builds[which],
                 check.reason);
    }
    return outcome;
}

/* First plans, and whether both builds are right. */
static enum outcome pair_check(struct pair *pair, struct error *error)
{
    struct pair_result *result = pair->result;
    struct midl_oracle *oracle = NULL;
    int team;
    if (pair->bench_case->shape.cache == CACHE_COLD) {
        result->status = PAIR_SKIPPED;
        snprintf(result->reason, sizeof result->reason,
                 "builds are compared with warm caches only");
        return OUTCOME_DONE;
    }
    if (team_check(pair->bench_case->shape.threads,
                   midl_variant_calls_blas(pair->bench_case->variant), &team, error)) {
        result->status = PAIR_SKIPPED;
        snprintf(result->reason, sizeof result->reason, "%.200s", error->text);
        return OUTCOME_DONE;
    }
    enum outcome outcome =
        problem_oracle(&pair->problem, pair->bench_case->shape.dtype, &oracle, error);
    for (int i = 0; i < 2 && outcome == OUTCOME_DONE && result->status == PAIR_OK; i++) {
        struct arm *arm = &pair->arms[i];
        char reason[MIDL_REASON_SIZE];
        if (arm_plan(arm, pair->bench_case, &pair->problem.layer, &arm->plan, reason) != MIDL_OK) {
            result->status = PAIR_SKIPPED;
            snprintf(result->reason, sizeof result->reason, "%s: %.200s", builds[i], reason);
            break;
        }
        snprintf(result->chose[i], PAIR_NAME_SIZE, "%s",
                 arm->build->variant_name(arm->build->plan_variant(arm->plan)));
        outcome = arm_check(pair, i, oracle, error);
    }
    midl_oracle_destroy(oracle);
    return outcome;
}

/* ---- Placements ---------------------------------------------------------------------------- */

static void arm_replace(struct arm *arm, struct midl_plan *plan, const struct placement *place)
{
    if (arm->plan)
        arm->build->plan_destroy(arm->plan);
    arm->plan = plan;
    arm->turn = 0;
    arm->x = place->problem.x;
    arm->y = place->y;
}

/* Both plans, made in alternating order, in this place. */
static bool plans_make(struct pair *pair, const struct placement *place, void **ret_gap)
{
    struct midl_plan *plans[2] = {NULL, NULL};
    char reason[MIDL_REASON_SIZE];
    bool ok = true;
    void *gap = NULL;
    for (int i = 0; i < 2 && ok; i++) {
        int which = (i + pair->moves) % 2;
        ok = arm_plan(&pair->arms[which], pair->bench_case, &place->problem.layer, &plans[which],
                      reason) == MIDL_OK;
        if (i == 0 && ok)
            gap = malloc(1 + rng_below(&pair->rng, GAP_BYTES));
    }
    for (int i = 0; i < 2; i++)
        if (ok)
            arm_replace(&pair->arms[i], plans[i], place);
        else if (plans[i])
            pair->arms[i].build->plan_destroy(plans[i]);
    *ret_gap = gap;
    return ok;
}

/* Lay everything out anew; the place before is left when the new one is there, or it would be the
 * same. */
static bool pair_move(void *data)
{
    struct pair *pair = data;
    struct placement place;
    void *gap;
    placement_release(pair->all.arena_bytes, &pair->rng);
    bool ok = placement_make(&pair->all, &pair->rng, &place);
    if (ok) {
        ok = plans_make(pair, &place, &gap);
        placement_clear(ok ? &pair->place : &place);
        free(ok ? pair->gap : gap);
        if (ok) {
            pair->place = place;
            pair->gap = gap;
        }
    }
    placement_restock();
    pair->moves++;
    return ok;
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* The same number of calls for both, so that both are always at the same turn. */
static bool pair_calibrate(struct gbench_case cases[2], double sample_ns)
{
    int64_t calls = 1, untimed = 1;
    for (int i = 0; i < 2; i++) {
        double call_ns;
        int64_t needed = gbench_iterations(&cases[i], sample_ns, &call_ns);
        if (needed < 1)
            return false;
        untimed = rounds_untimed(call_ns) > untimed ? rounds_untimed(call_ns) : untimed;
        calls = needed > calls ? needed : calls;
    }
    for (int i = 0; i < 2; i++) {
        cases[i].untimed = untimed;
        cases[i].iterations = calls > (untimed + 1) / 2 ? calls : (untimed + 1) / 2;
        ((struct arm *)cases[i].data)->turn = 0;
    }
    return true;
}

/* The median of each placement's ratios. */
static bool pair_reduce(struct pair *pair, const struct rounds *rounds, const size_t at[2])
{
    struct pair_result *result = pair->result;
    double *ratios = malloc((rounds->count + 1) * sizeof *ratios);
    int *places = malloc((rounds->count + 1) * sizeof *places);
    result->logs = malloc(((size_t)rounds->placements + 1) * sizeof *result->logs);
    bool ok = ratios && places && result->logs;
    size_t used = ok ? rounds_ratios(rounds, at[1], at[0], ratios, places) : 0;
    for (size_t first = 0, end; first < used; first = end) {
        for (end = first; end < used && places[end] == places[first]; end++)
            continue;
        result->logs[result->count++] = log(stats_median(ratios + first, end - first));
    }
    free(ratios);
    free(places);
    return ok;
}

static enum outcome pair_time(struct pair *pair, struct error *error)
{
    const struct pair_options *options = pair->options;
    const struct bench_shape *shape = &pair->bench_case->shape;
    size_t at[2] = {options->seed % 2,
                    (options->seed + 1) % 2}; /* of both builds among the cases */
    struct gbench_case cases[2];
    struct rounds rounds = {0};
    const struct rounds_options limits = {.min_rounds = options->rounds * options->placements,
                                          .sample_ns = options->sample_ns,
                                          .seed = options->seed,
                                          .move = pair_move,
                                          .move_data = pair,
                                          .place_rounds = options->rounds,
                                          .move_share = INFINITY,
                                          .mirrored = true,
                                          .settle = shape->threads > 1,
                                          .stop = &stop_requested};
    for (int i = 0; i < 2; i++)
        cases[at[i]] =
            (struct gbench_case){.name = builds[i], .call = arm_call, .data = &pair->arms[i]};
    if (!pair_move(pair))
        return fail_memory(error, "the layer in another place", (double)pair->problem.arena_bytes);
    pin_thread(shape->threads == 1);
    struct host_settings host = host_begin(shape->threads); /* so that no call changes it */
    enum outcome outcome =
        pair_calibrate(cases, options->sample_ns)
            ? rounds_run(cases, 2, &limits, &rounds, error)
            : fail(error, OUTCOME_MACHINE, "Google Benchmark refused to run a kernel");
    host_end(&host);
    pin_thread(false);
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (int i = 0; i < 2; i++)
        pair->result->call_ns[i] = rounds.time[at[i]].median;
    if (rounds.interrupted)
        outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted");
    else if (!pair_reduce(pair, &rounds, at))
        outcome = fail_memory(error, "ratios", (double)rounds.count * 8);
    rounds_clear(&rounds);
    return outcome;
}

static void pair_clear(struct pair *pair)
{
    for (int i = 0; i < 2; i++)
        if (pair->arms[i].plan)
            pair->arms[i].build->plan_destroy(pair->arms[i].plan);
    placement_clear(&pair->place);
    free(pair->gap);
    problem_clear(&pair->all);
}

enum outcome pair_measure(const struct bench_case *bench_case,
                          const struct midl_library libraries[2],
                          const struct pair_options *options, struct pair_result *ret,
                          struct error *error)
{
    struct pair_result result = {.status = PAIR_OK};
    struct pair pair = {.bench_case = bench_case,
                        .options = options,
                        .rng = rng_seed(options->seed),
                        .moves = (int)(options->seed / 2 % 2),
                        .result = &result};
    struct bench_shape all = bench_case->shape;
    size_t batch = all.batch, turns = options->inputs > batch ? options->inputs / batch : 1;
    all.batch = turns * batch;
    enum outcome outcome = problem_load(&all, &pair.all, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    pair.problem = problem_part(&pair.all, batch);
    for (int i = 0; i < 2; i++)
        pair.arms[i] = (struct arm){.build = &libraries[i],
                                    .batch = batch,
                                    .turns = turns,
                                    .batch_floats = batch * all.layer.d};
    placement_prepare(&pair.rng);
    outcome = pair_check(&pair, error);
    if (outcome == OUTCOME_DONE && result.status == PAIR_OK)
        outcome = pair_time(&pair, error);
    pair_clear(&pair);
    if (outcome == OUTCOME_DONE)
        *ret = result;
    else
        pair_result_clear(&result);
    return outcome;
}

void pair_result_clear(struct pair_result *result)
{
    free(result->logs);
    *result = (struct pair_result){.status = PAIR_OK};
}

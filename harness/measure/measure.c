/* measure.c - one group, start to finish. What a point says is taken from what ran: the plan, its
 * selection, its samples. Everything that a point needs lives in one `struct owned` that the result
 * carries along. */
#include "measure/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/util.h"
#include "counters/counters.h"
#include "counters/groups.h"
#include "host.h"
#include "machine/calibration_file.h"
#include "machine/machine.h"
#include "machine/pin.h"
#include "machine/room.h"
#include "machine/team.h"
#include "measure/count_case.h"
#include "measure/placement.h"
#include "measure/point.h"
#include "measure/ring.h"
#include "verify/checker.h"

/* ---- A group at work ----------------------------------------------------------------------- */

/* One case of the group. */
struct subject {
    const struct bench_case *bench_case;
    struct store_point *point;
    char *reason;           /* [MIDL_REASON_SIZE], in the result */
    struct midl_plan *plan; /* NULL: can't run */
    double call_ns;         /* of the call that was checked */
    struct ring ring;       /* of it; empty unless the variant is to be timed */
    size_t timed;           /* which of the rounds' cases it is */
    bool refused;           /* a plan of it, by the library that it calls */
};

/* Everything that the points refer to. */
struct owned {
    struct point_texts texts;
    char (*reasons)[MIDL_REASON_SIZE]; /* [cases] */
    struct rounds rounds;
    struct counter_set *sets;        /* [cases][2]: PAPI, callgrind */
    struct store_counter **counters; /* [cases] */
    size_t count;
};

struct group {
    const struct bench_shape *shape;
    const struct measure_options *options;
    struct oracle_cache *own_cache, *cache; /* own or the options' */
    struct problem problem;                 /* borrowed from the cache, with this group's k */
    struct midl_oracle oracle;              /* borrowed, of this group's inputs */
    float *y;
    struct placement place; /* where it is timed, once it was moved; else empty */
    struct rng rng;         /* of the places */
    struct ring_pool pool;
    struct subject *subjects;   /* [count] */
    struct store_point *points; /* [count] */
    size_t count;
    struct owned *owned;
    struct measure_times times;
    bool interrupted;
};

/* Tell who wants to know what is at work. */
static void group_tell(const struct group *group, const char *variant)
{
    if (group->options->at)
        group->options->at(group->options->at_data, variant);
}

static bool group_stopped(struct group *group)
{
    const volatile sig_atomic_t *stop = group->options->stop;
    if (stop && *stop)
        group->interrupted = true;
    return group->interrupted;
}

/* The order within rounds is another for every shape, and the same whenever it is repeated. */
static uint64_t order_seed(uint64_t seed, const char *shape_key)
{
    return fnv1a(FNV_START, shape_key) ^ seed;
}

/* With cold caches a ring of copies lies in many places as it is. */
static bool group_moves(const struct group *group)
{
    return group->options->move_share > 0 && group->shape->cache == CACHE_WARM;
}

/* ---- Points -------------------------------------------------------------------------------- */

static void owned_clear(struct owned *owned)
{
    if (!owned)
        return;
    for (size_t i = 0; owned->counters && i < owned->count; i++)
        free(owned->counters[i]);
    free(owned->counters);
    free(owned->sets);
    free(owned->reasons);
    rounds_clear(&owned->rounds);
    free(owned);
}

void measure_result_clear(struct measure_result *result)
{
    owned_clear(result->owned);
    free(result->points);
    *result = (struct measure_result){0};
}

static struct owned *owned_create(const struct bench_shape *shape, size_t count)
{
    struct owned *owned = calloc(1, sizeof *owned);
    if (!owned)
        return NULL;
    owned->count = count;
    owned->reasons = calloc(count, sizeof *owned->reasons);
    owned->counters = calloc(count, sizeof *owned->counters);
    if (!owned->reasons || !owned->counters) {
        owned_clear(owned);
        return NULL;
    }
    point_texts(shape, &owned->texts);
    return owned;
}

/* The point ends with subject->reason. */
static void subject_ends(struct subject *subject, const char *status)
{
    point_ends(subject->point, status, subject->reason);
}

static void subject_skipped(struct subject *subject, const char *reason)
{
    snprintf(subject->reason, MIDL_REASON_SIZE, "%.*s", MIDL_REASON_SIZE - 1, reason);
    subject_ends(subject, "skipped");
}

/* ---- Plan, check, copies ------------------------------------------------------------------- */

static struct midl_plan_options plan_options(const struct bench_case *bench_case)
{
    return (struct midl_plan_options){.variant = midl_variant_name(bench_case->variant),
                                      .dtype = midl_variant_dtype(bench_case->variant),
                                      .max_batch = bench_case->shape.batch,
                                      .threads = bench_case->shape.threads,
                                      .calibration = calibration_get()};
}

/* The threads that the case will have; fewer than asked for make it a point with a reason. */
static bool subject_team(struct subject *subject)
{
    struct error error;
    int count = 1;
    enum outcome outcome =
        team_check(subject->bench_case->shape.threads,
                   midl_variant_calls_blas(subject->bench_case->variant), &count, &error);
    subject->point->team = count;
    if (outcome)
        subject_skipped(subject, error.text);
    return outcome == OUTCOME_DONE;
}

/* A plan, or a point that says why there is none. A shape that makes no sense is our mistake, what
 * this machine or variant can't do is not. */
static bool subject_plan(struct group *group, struct subject *subject)
{
    const struct bench_shape *shape = group->shape;
    struct midl_plan_options options = plan_options(subject->bench_case);
    enum midl_status status = midl_variant_fits(subject->bench_case->variant, &shape->layer,
                                                shape->batch, shape->threads, subject->reason);
    double start_ns = clock_ns(), bytes = (double)group->problem.arena_bytes;
    struct error error;
    /* A copy of the weights, at most: within a limit there is no other warning. */
    if (status == MIDL_OK && !subject_team(subject))
        return false;
    if (status == MIDL_OK && *machine_get()->limit_file && !room_for(bytes)) {
        (void)room_fail(&error, "a plan", bytes);
        snprintf(subject->reason, MIDL_REASON_SIZE, "%.*s", MIDL_REASON_SIZE - 1, error.text);
        status = MIDL_NO_MEMORY;
    }
    if (status == MIDL_OK)
        status = midl_plan_create(&group->problem.layer, &options, &subject->plan, subject->reason);
    if (status != MIDL_OK) {
        subject_ends(subject, status == MIDL_INVALID ? "failed" : "skipped");
        return false;
    }
    subject->point->plan_ns = clock_ns() - start_ns;
    group->times.plan_ns += subject->point->plan_ns;
    subject->point->plan_bytes = (double)midl_plan_bytes(subject->plan);
    if (midl_variant_calls_blas(midl_plan_variant(subject->plan)))
        subject->point->blas_core = machine_get()->blas_core;
    return true;
}

static enum outcome subject_check(struct group *group, struct subject *subject, bool *ret_ok,
                                  struct error *error)
{
    struct check_result check;
    enum outcome outcome =
        check_plan(subject->plan, &group->problem, &group->oracle, false, &check, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    subject->call_ns = check.call_ns;
    subject->point->error_ratio = check.error_ratio;
    *ret_ok = check.ok;
    if (!check.ok) {
        snprintf(subject->reason, MIDL_REASON_SIZE, "%s", check.reason);
        subject_ends(subject, "failed");
    }
    return OUTCOME_DONE;
}

/* The plan as something to call: with cold caches a ring that weights can't be cached in. */
static bool subject_ring(struct group *group, struct subject *subject, double weight_bytes)
{
    char *reason = subject->reason;
    struct midl_plan_options options = plan_options(subject->bench_case);
    bool cold = group->shape->cache == CACHE_COLD;
    size_t copies = ring_copies((double)ceiling_llc_bytes(), weight_bytes);
    if (!ring_init(&subject->ring, subject->plan, &group->problem, group->y))
        snprintf(reason, MIDL_REASON_SIZE, "not enough memory for a plan");
    else if (!cold || ring_extend(&subject->ring, &group->pool, copies, &options, reason))
        return true;
    ring_clear(&subject->ring);
    subject_ends(subject, "skipped");
    return false;
}

/* The bytes that are touched between two uses of the same weights. */
static double held_bytes(const struct group *group, double call_bytes, double weight_bytes)
{
    if (group->shape->cache == CACHE_WARM)
        return call_bytes;
    return weight_bytes * (double)ring_copies((double)ceiling_llc_bytes(), weight_bytes);
}

/* Everything up to the first timed call. A subject without ring has its status and reason. Fails
 * only for lack of memory. */
static enum outcome subject_prepare(struct group *group, struct subject *subject,
                                    struct error *error)
{
    struct store_point *point = subject->point;
    bool ok = false;
    group_tell(group, midl_variant_name(subject->bench_case->variant));
    if (!subject_plan(group, subject))
        return OUTCOME_DONE;
    enum outcome outcome = subject_check(group, subject, &ok, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    double weight_bytes = point_cost(point, &subject->bench_case->shape, subject->plan);
    point_promise(point, &subject->bench_case->shape, subject->plan);
    if (group->options->ceilings)
        point->bound_ns = ceilings_bound_ns(
            group->options->ceilings, midl_variant_dtype(subject->bench_case->variant),
            point->flops, weight_bytes, held_bytes(group, point->bytes, weight_bytes));
    if (ok)
        subject_ring(group, subject, weight_bytes);
    return OUTCOME_DONE;
}

/* ---- Time ---------------------------------------------------------------------------------- */

size_t measure_yardstick(const struct store_point *points, size_t count)
{
    size_t best = count;
    for (size_t i = 0; i < count; i++)
        if (points[i].linear && points[i].time_ns > 0 &&
            (best == count || points[i].time_ns < points[best].time_ns))
            best = i;
    return best;
}

bool measure_speedup(const struct rounds *rounds, size_t yardstick, size_t variant,
                     struct stats_interval *ret)
{
    double *ratios = malloc(rounds->count * sizeof *ratios);
    int *placement = malloc(rounds->count * sizeof *placement);
    bool ok = ratios && placement;
    if (ok) {
        size_t count = rounds_ratios(rounds, yardstick, variant, ratios, placement);
        *ret = stats_grouped_interval(ratios, placement, count, ROUNDS_CONFIDENCE);
    }
    free(ratios);
    free(placement);
    return ok;
}

/* Set the times. A subject whose library refused a call has none, and leaves the group. */
static void subject_times(struct subject *subject, const struct rounds *rounds, double target)
{
    struct store_point *point = subject->point;
    if (subject->refused || ring_refused(&subject->ring)) {
        snprintf(subject->reason, MIDL_REASON_SIZE, "%s", POINT_REFUSED);
        subject_ends(subject, "failed");
        ring_clear(&subject->ring);
        return;
    }
    point_times(point, rounds, subject->timed, target, subject->reason);
    point->placements = (double)rounds->placements * (double)subject->ring.count;
}

static bool group_speedups(struct group *group)
{
    const struct rounds *rounds = &group->owned->rounds;
    size_t yardstick = measure_yardstick(group->points, group->count);
    for (size_t i = 0; i < group->count && yardstick < group->count; i++) {
        struct subject *subject = &group->subjects[i];
        if (!subject->ring.plans)
            continue;
        if (!point_speedup(subject->point, rounds, group->points[yardstick].kernel,
                           group->subjects[yardstick].timed, subject->timed))
            return false;
    }
    return true;
}

/* A plan and a ring like the subject's first, of the numbers in this place. */
static bool subject_move(struct subject *subject, const struct placement *place)
{
    const struct midl_plan_options options = plan_options(subject->bench_case);
    struct midl_plan *plan = NULL;
    struct ring ring = {0};
    char reason[MIDL_REASON_SIZE];
    bool ok = midl_plan_create(&place->problem.layer, &options, &plan, reason) == MIDL_OK &&
              ring_init(&ring, plan, &place->problem, place->y);
    if (!ok) {
        midl_plan_destroy(plan);
        return false;
    }
    subject->refused = subject->refused || ring_refused(&subject->ring);
    ring_clear(&subject->ring);
    midl_plan_destroy(subject->plan);
    subject->plan = plan;
    subject->ring = ring;
    return true;
}

/* Count the bytes of a placement with its plans that aren't on huge pages. */
static size_t group_page_bytes(const struct group *group)
{
    const size_t huge = machine_get()->huge_page_bytes;
    size_t sum = 0;
    for (size_t i = 0; i <= group->count; i++) {
        size_t bytes = i == group->count               ? group->problem.arena_bytes
                       : group->subjects[i].ring.plans ? midl_plan_bytes(group->subjects[i].plan)
                                                       : 0;
        sum += huge == 0 || bytes < 2 * huge ? bytes : 0;
    }
    return sum;
}

/* Lay everything that is timed out anew; data is the group. The place before is left when the new
 * one is there, or it would be the same. */
static bool group_move(void *data)
{
    struct group *group = data;
    struct placement place;
    group_tell(group, "all variants in turns");
    placement_release(group_page_bytes(group), &group->rng);
    bool ok = placement_make(&group->problem, &group->rng, &place);
    if (ok) {
        for (size_t i = 0; i < group->count && ok; i++)
            ok = !group->subjects[i].ring.plans || subject_move(&group->subjects[i], &place);
        placement_clear(&group->place);
        group->place = place;
    }
    placement_restock();
    return ok;
}

/* Estimate the time of moving: plans take most of it. */
static double group_plan_ns(const struct group *group)
{
    double sum_ns = 0;
    for (size_t i = 0; i < group->count; i++)
        sum_ns += group->subjects[i].ring.plans ? group->points[i].plan_ns : 0;
    return sum_ns;
}

static enum outcome group_sample(struct group *group, struct gbench_case *cases, size_t count,
                                 struct error *error)
{
    const struct measure_options *options = group->options;
    struct rounds *rounds = &group->owned->rounds;
    struct rounds_options limits = {
        .target = options->target,
        .budget_ns = options->budget_ns,
        .sample_ns = options->sample_ns,
        .min_rounds = options->min_rounds,
        .target_rounds = options->target_rounds,
        .seed = order_seed(group->shape->seed, group->owned->texts.shape_key),
        .move = group_moves(group) ? group_move : NULL,
        .move_data = group,
        .first_move_ns = group_plan_ns(group),
        .place_rounds = options->place_rounds,
        .move_share = options->move_share,
        .steady = group->shape->cache == CACHE_WARM,
        .settle = group->shape->threads > 1,
        .stop = options->stop};
    pin_thread(group->shape->threads == 1);
    enum outcome outcome = rounds_run(cases, count, &limits, rounds, error);
    pin_thread(false);
    if (outcome != OUTCOME_DONE)
        return outcome;
    group->times.move_ns = rounds->moving_ns;
    group->times.sample_ns += rounds->sampling_ns;
    group->interrupted = rounds->interrupted;
    if (group->interrupted)
        return OUTCOME_DONE;
    for (size_t i = 0; i < group->count; i++)
        if (group->subjects[i].ring.plans)
            subject_times(&group->subjects[i], rounds, options->target);
    if (!group_speedups(group))
        return fail_memory(error, "the ratios of samples", (double)rounds->count * 16);
    return OUTCOME_DONE;
}

/* How often to call it in a sample, if the checked call tells: a plan's first call may be slow for
 * other reasons, but what takes so long fills a sample by any. 0: not known. */
static int64_t known_iterations(struct group *group, const struct subject *subject)
{
    const double plenty = 20;
    if (!(subject->call_ns >= plenty * group->options->sample_ns))
        return 0;
    group->times.check_ns -= subject->call_ns; /* it is a calibration instead */
    group->times.sample_ns += subject->call_ns;
    return 1;
}

static enum outcome group_time(struct group *group, struct error *error)
{
    size_t count = 0;
    struct gbench_case *cases = calloc(group->count, sizeof *cases);
    if (!cases)
        return fail_memory(error, "the cases of a group", (double)(group->count * sizeof *cases));
    for (size_t i = 0; i < group->count; i++) {
        struct subject *subject = &group->subjects[i];
        if (!subject->ring.plans)
            continue;
        subject->timed = count;
        cases[count++] =
            (struct gbench_case){.name = midl_variant_name(subject->bench_case->variant),
                                 .call = ring_call,
                                 .data = &subject->ring,
                                 .iterations = known_iterations(group, subject)};
    }
    enum outcome outcome = OUTCOME_DONE;
    if (count > 0)
        outcome = group_sample(group, cases, count, error);
    free(cases);
    return outcome;
}

/* ---- Counters ------------------------------------------------------------------------------ */

/* The number of calls that fills a sample of this case, at most a thousand. */
static int counted_calls(const struct store_point *point)
{
    int64_t calls = point->samples[0].iterations;
    return calls < 1000 ? (int)calls : 1000;
}

static bool subject_count(struct group *group, struct subject *subject, size_t i)
{
    struct counter_set *sets = &group->owned->sets[2 * i];
    unsigned wanted = counters_resolve(group->options->counters);
    if (wanted & COUNT_PAPI)
        counters_papi(ring_call, &subject->ring, counted_calls(subject->point), wanted, &sets[0]);
    if (wanted & COUNT_CALLGRIND)
        count_case(subject->bench_case, wanted, &sets[1]);
    size_t count = sets[0].count + sets[1].count;
    struct store_counter *counters = calloc(count + 1, sizeof *counters);
    if (!counters)
        return false;
    memcpy(counters, sets[0].counters, sets[0].count * sizeof *counters);
    memcpy(counters + sets[0].count, sets[1].counters, sets[1].count * sizeof *counters);
    group->owned->counters[i] = counters;
    subject->point->counters = counters;
    subject->point->counter_count = count;
    return true;
}

static enum outcome group_count(struct group *group, struct error *error)
{
    double bytes = (double)(2 * group->count * sizeof(struct counter_set));
    group->owned->sets = calloc(2 * group->count, sizeof *group->owned->sets);
    if (!group->owned->sets)
        return fail_memory(error, "counters", bytes);
    for (size_t i = 0; i < group->count && !group_stopped(group); i++)
        if (group->subjects[i].ring.plans && !subject_count(group, &group->subjects[i], i))
            return fail_memory(error, "counters", bytes);
    return OUTCOME_DONE;
}

/* ---- All of it ----------------------------------------------------------------------------- */

static enum outcome group_load(struct group *group, struct error *error)
{
    const struct measure_options *options = group->options;
    if (!options->cache && !(group->own_cache = oracle_cache_create()))
        return fail_memory(error, "an oracle", 0);
    group->cache = options->cache ? options->cache : group->own_cache;
    enum outcome outcome = oracle_cache_fill(group->cache, group->shape,
                                             options->cache ? options->most_batch : 0, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    group->problem = oracle_cache_problem(group->cache, group->shape);
    group->oracle = oracle_cache_oracle(group->cache, group->shape);
    group->pool = ring_pool(&group->problem);
    group->rng = rng_seed(order_seed(group->shape->seed, group->owned->texts.shape_key) + 1);
    if (group_moves(group))
        placement_prepare(&group->rng);
    group->y = array_aligned(group->problem.batch * group->shape->layer.n, sizeof *group->y);
    if (!group->y)
        return fail_memory(error, "the output",
                           4.0 * (double)group->problem.batch * (double)group->shape->layer.n);
    return OUTCOME_DONE;
}

/* Hashing large weights takes as long as a call, so all variants are watched together: where one of
 * them wrote, none was compared with what it should have been. */
static void group_watch(struct group *group)
{
    if (oracle_cache_unwritten(group->cache, &group->problem))
        return;
    for (size_t i = 0; i < group->count; i++) {
        struct subject *subject = &group->subjects[i];
        ring_clear(&subject->ring);
        if (!subject->plan)
            continue;
        snprintf(subject->reason, MIDL_REASON_SIZE,
                 "weights or inputs were written to by a variant of this group; midl verify "
                 "--kernel NAME tells by which");
        subject_ends(subject, "failed");
    }
}

static void group_clear(struct group *group)
{
    for (size_t i = 0; group->subjects && i < group->count; i++) {
        ring_clear(&group->subjects[i].ring);
        midl_plan_destroy(group->subjects[i].plan);
    }
    free(group->subjects);
    ring_pool_clear(&group->pool);
    placement_clear(&group->place);
    free(group->y);
    oracle_cache_destroy(group->own_cache);
}

static enum outcome group_run(struct group *group, struct error *error)
{
    double start_ns = clock_ns();
    enum outcome outcome = group_load(group, error);
    if (outcome == OUTCOME_MACHINE) { /* this shape is too large; others of the sweep need not be */
        for (size_t i = 0; i < group->count; i++)
            subject_skipped(&group->subjects[i], error->text);
        return OUTCOME_DONE;
    }
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (size_t i = 0; i < group->count && !group_stopped(group); i++)
        if (subject_prepare(group, &group->subjects[i], error) != OUTCOME_DONE)
            subject_skipped(&group->subjects[i], error->text);
    group_watch(group);
    group->times.check_ns = clock_ns() - start_ns - group->times.plan_ns;
    struct host_settings host = host_begin(group->shape->threads); /* so that no call changes it */
    if (!group_stopped(group))
        outcome = group_time(group, error);
    host_end(&host);
    start_ns = clock_ns();
    if (outcome == OUTCOME_DONE && !group_stopped(group) && group->options->counters)
        outcome = group_count(group, error);
    group->times.count_ns = clock_ns() - start_ns;
    return outcome;
}

enum outcome measure_group(const struct bench_case *cases, size_t count,
                           const struct measure_options *options, struct measure_result *ret,
                           struct error *error)
{
    struct group group = {.shape = &cases[0].shape, .options = options, .count = count};
    struct measure_result result = {.count = count};
    enum outcome outcome;

    group.owned = owned_create(group.shape, count);
    group.subjects = calloc(count, sizeof *group.subjects);
    result.owned = group.owned;
    result.points = group.points = calloc(count, sizeof *result.points);
    if (!group.owned || !group.subjects || !result.points) {
        outcome = fail_memory(error, "the points of a group", (double)(count * 1024));
        goto cleanup;
    }
    for (size_t i = 0; i < count; i++) {
        group.points[i] = point_of(&cases[i], &group.owned->texts);
        group.subjects[i] = (struct subject){
            .bench_case = &cases[i], .point = &group.points[i], .reason = group.owned->reasons[i]};
    }
    outcome = group_run(&group, error);
    result.interrupted = group.interrupted;
    result.times = group.times;
    if (outcome == OUTCOME_DONE) {
        *ret = result;
        result = (struct measure_result){0};
    }
cleanup:
    group_clear(&group);
    measure_result_clear(&result);
    return outcome;
}

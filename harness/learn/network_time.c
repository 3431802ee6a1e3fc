/* network_time.c - see network_time.h. */
#include "learn/network_time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "learn/inference.h"
#include "learn/method.h"
#include "machine/pin.h"
#include "measure/point.h"
#include "verify/checker.h"

/* The networks that are compared. */
enum side { MODEL, DENSE, LOW_RANK, NARROW, SIDES };

struct network_time {
    struct network *model;
    struct network made[SIDES]; /* all but MODEL */
    bool is_made[SIDES];
    bool replaced[NETWORK_LAYERS_MOST];
    size_t first; /* the first layer replaced */
    double ratio; /* of the FLOPs of the replaced layers */
    const char
        *plain[SIDES][NETWORK_LAYERS_MOST]; /* for the batch under way: fastest plain variant */
    struct midl_oracle *oracles[SIDES][NETWORK_LAYERS_MOST]; /* likewise */
};

/* ---- The networks ---------------------------------------------------------------------------- */

static bool is_replaced(const struct layer_spec *layer)
{
    return layer->kind == LAYER_MIDL || layer->kind == LAYER_LOWRANK;
}

double network_time_ratio(const struct network_spec *model, const double *active)
{
    double dense = 0, now = 0;
    for (size_t i = 0; i < model->count; i++) {
        struct layer_spec plain = model->layers[i];
        plain.kind = LAYER_LINEAR;
        if (!is_replaced(&model->layers[i]))
            continue;
        dense += network_layer_flops(&plain, 1);
        now += network_layer_flops(&model->layers[i], active[i]);
    }
    return now > 0 ? dense / now : 1;
}

/* The same network with plain layers in the place of those replaced. */
static struct network_spec plain_spec(const struct network_spec *model)
{
    struct network_spec spec = *model;
    for (size_t i = 0; i < spec.count; i++)
        if (is_replaced(&spec.layers[i]))
            spec.layers[i].kind = LAYER_LINEAR;
    return spec;
}

static enum outcome make_sides(struct network_time *time, struct error *error)
{
    const struct network_spec plain = plain_spec(&time->model->spec);
    const struct method_options options = {.ratio = fmax(time->ratio, 1), .active = 1};
    struct network_spec specs[SIDES] = {[DENSE] = plain};
    enum outcome outcome =
        method_network(METHOD_LOWRANK, &options, &plain, &specs[LOW_RANK], error);
    if (!outcome)
        outcome = method_network(METHOD_NARROW, &options, &plain, &specs[NARROW], error);
    for (size_t i = 0; i < plain.count && !outcome; i++)
        if (!time->replaced[i] && specs[LOW_RANK].layers[i].kind == LAYER_LOWRANK)
            specs[LOW_RANK].layers[i] = plain.layers[i];
    for (int side = DENSE; side < SIDES && !outcome; side++) {
        struct layer_options layers = time->model->options;
        layers.frozen = true;
        outcome = network_create(&specs[side], &layers, &time->made[side], error);
        time->is_made[side] = !outcome;
    }
    return outcome;
}

enum outcome network_time_create(struct network *model, const double *active,
                                 struct network_time **ret, struct error *error)
{
    struct network_time *time = calloc(1, sizeof *time);
    if (!time)
        return fail_memory(error, "networks to compare", sizeof *time);
    time->model = model;
    time->first = model->spec.count;
    for (size_t i = model->spec.count; i-- > 0;) {
        time->replaced[i] = is_replaced(&model->spec.layers[i]);
        time->first = time->replaced[i] ? i : time->first;
    }
    time->ratio = network_time_ratio(&model->spec, active);
    enum outcome outcome =
        time->first < model->spec.count
            ? make_sides(time, error)
            : fail(error, OUTCOME_USAGE,
                   "the model has no MID-L or low-rank layer to compare; midl convert makes some");
    if (outcome)
        network_time_destroy(time);
    else
        *ret = time;
    return outcome;
}

static void forget_oracles(struct network_time *time)
{
    for (int side = 0; side < SIDES; side++)
        for (size_t i = 0; i < NETWORK_LAYERS_MOST; i++) {
            midl_oracle_destroy(time->oracles[side][i]);
            time->oracles[side][i] = NULL;
        }
}

void network_time_destroy(struct network_time *time)
{
    if (!time)
        return;
    forget_oracles(time);
    for (int side = DENSE; side < SIDES; side++)
        if (time->is_made[side])
            network_destroy(&time->made[side]);
    free(time);
}

static struct network *network_of(struct network_time *time, enum side side)
{
    return side == MODEL ? time->model : &time->made[side];
}

void network_time_key(const struct network_time *time, const struct network_facts *facts,
                      size_t batch, char ret[CASE_TEXT_SIZE])
{
    char text[NETWORK_TEXT_SIZE];
    network_text(&time->model->spec, text);
    snprintf(ret, CASE_TEXT_SIZE,
             "network=%.600s method=%s batch=%zu threads=%d dataset=%s file=%.200s", text,
             facts->method, batch, time->model->options.threads, facts->dataset, facts->file);
}

/* ---- Comparison ------------------------------------------------------------------------------ */

struct entrant {
    enum side side;
    const struct midl_variant *variant; /* of the replaced layers; NULL: they are left out */
    struct inference *inference;
    const float *x;
    bool refused; /* a timed call failed, for the reason in `error` */
    struct error error;
};

struct contest {
    struct network_time *time;
    const struct network_facts *facts;
    float *x;
    size_t batch, count;
    struct entrant *entrants;
    const struct measure_options *options;
};

/* Everything that the points refer to. */
struct owned {
    char key[CASE_TEXT_SIZE];
    char (*reasons)[MIDL_REASON_SIZE];
    struct rounds rounds;
};

static void call(void *data)
{
    struct entrant *entrant = data;
    const float *logits;
    if (inference_run(entrant->inference, entrant->x, &logits, &entrant->error) != OUTCOME_DONE)
        entrant->refused = true;
}

static bool is_plain(const struct layer_spec *layer)
{
    return layer->kind == LAYER_LINEAR;
}

/* The inputs of layer i of a network; valid after a forward pass. */
static float *met(const struct network *network, size_t i, float *x)
{
    return i ? network->outputs[i - 1] : x;
}

/* The least of some calls of a plan. */
static double least_ns(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    double least = INFINITY;
    for (int i = 0; i < 12; i++) {
        double start_ns = clock_ns();
        (void)midl_run(plan, batch, x, y);
        least = fmin(least, clock_ns() - start_ns);
    }
    return least;
}

/* The plain variant that is fastest on one layer: tried, one after the other. */
static enum outcome choose_plain(struct contest *contest, enum side side, size_t layer,
                                 struct error *error)
{
    struct network *network = network_of(contest->time, side);
    double best_ns = INFINITY;
    float *y = malloc(contest->batch * extent_size(network->spec.layers[layer].out) * sizeof *y);
    if (!y)
        return fail_memory(error, "outputs", 0);
    for (size_t v = 0; v < midl_variant_count(); v++) {
        const struct midl_variant *variant = midl_variant_at(v);
        struct inference_options options = {.batch = contest->batch,
                                            .threads = network->options.threads};
        struct inference *inference = NULL;
        if (!midl_variant_is_linear(variant) || midl_variant_dtype(variant) != MIDL_F32 ||
            midl_variant_unavailable(variant))
            continue;
        options.kernels[layer] = midl_variant_name(variant);
        if (inference_create(network, &options, &inference, error) != OUTCOME_DONE)
            continue;
        double ns = least_ns(inference_plan(inference, layer), contest->batch,
                             met(network, layer, contest->x), y);
        if (midl_plan_refused(inference_plan(inference, layer)))
            ns = INFINITY;
        if (ns < best_ns)
            contest->time->plain[side][layer] = midl_variant_name(variant);
        best_ns = fmin(ns, best_ns);
        inference_destroy(inference);
    }
    free(y);
    return best_ns < INFINITY ? OUTCOME_DONE
                              : fail(error, OUTCOME_MACHINE, "no plain variant runs here");
}

/* A forward pass of each network, for what its layers meet, and the plain variants. */
static enum outcome prepare_sides(struct contest *contest, struct error *error)
{
    const struct pass pass = {.batch = contest->batch};
    enum outcome outcome = OUTCOME_DONE;
    const float *logits;
    for (int side = 0; side < SIDES && !outcome; side++) {
        struct network *network = network_of(contest->time, (enum side)side);
        outcome = network_forward(network, &pass, contest->x, &logits, error);
        for (size_t i = 0; i < network->spec.count && !outcome; i++)
            if (is_plain(&network->spec.layers[i]))
                outcome = choose_plain(contest, (enum side)side, i, error);
    }
    return outcome;
}

static enum outcome make_entrant(struct contest *contest, struct entrant *entrant,
                                 struct error *error)
{
    struct network_time *time = contest->time;
    struct network *network = network_of(time, entrant->side);
    struct inference_options options = {.batch = contest->batch,
                                        .threads = network->options.threads};
    for (size_t i = 0; i < network->spec.count; i++) {
        const struct layer_spec *layer = &network->spec.layers[i];
        if (time->replaced[i] && !entrant->variant)
            continue;
        if (layer->kind == LAYER_LOWRANK)
            options.kernels[i] = "low-rank";
        else if (time->replaced[i] && entrant->side != NARROW)
            options.kernels[i] = midl_variant_name(entrant->variant);
        else
            options.kernels[i] = time->plain[entrant->side][i];
    }
    entrant->x = contest->x;
    return inference_create(network, &options, &entrant->inference, error);
}

static enum outcome oracle_of(struct contest *contest, enum side side,
                              const struct problem *problem, size_t i, struct midl_oracle **ret,
                              struct error *error)
{
    struct midl_oracle **kept = &contest->time->oracles[side][i];
    enum outcome outcome = *kept ? OUTCOME_DONE : problem_oracle(problem, MIDL_F32, kept, error);
    *ret = *kept;
    return outcome;
}

/* Compare each plan of an entrant with the oracle; *ret_reason is empty if all are right. */
static enum outcome check_entrant(struct contest *contest, const struct entrant *entrant,
                                  char ret_reason[MIDL_REASON_SIZE], struct error *error)
{
    const struct network *network = network_of(contest->time, entrant->side);
    ret_reason[0] = '\0';
    for (size_t i = 0; i < network->spec.count; i++) {
        struct midl_plan *plan = inference_plan(entrant->inference, i);
        struct midl_oracle *oracle;
        struct check_result result;
        if (!plan)
            continue;
        const struct problem problem = {.layer = *inference_layer(entrant->inference, i),
                                        .batch = contest->batch,
                                        .x = met(network, i, contest->x),
                                        .watched = true};
        enum outcome outcome = oracle_of(contest, entrant->side, &problem, i, &oracle, error);
        if (!outcome)
            outcome = check_plan(plan, &problem, oracle, false, &result, error);
        if (outcome)
            return outcome;
        if (!result.ok) {
            snprintf(ret_reason, MIDL_REASON_SIZE, "%s: %.160s", network->spec.layers[i].name,
                     result.reason);
            return OUTCOME_DONE;
        }
    }
    return OUTCOME_DONE;
}

/* ---- Points ---------------------------------------------------------------------------------- */

static void describe_layer(struct store_point *point, const struct contest *contest,
                           const struct entrant *entrant)
{
    const struct network_time *time = contest->time;
    const struct layer_spec *model = &time->model->spec.layers[time->first];
    const struct layer_spec *layer =
        entrant->side == MODEL ? model : &time->made[entrant->side].spec.layers[time->first];
    const struct midl_shape *shape = &model->shape;
    bool gated = entrant->side == MODEL && layer->kind == LAYER_MIDL;
    point->d = (int64_t)extent_size(layer->in);
    point->n = (int64_t)extent_size(layer->out);
    point->k = gated ? (int64_t)shape->k : 0;
    point->rank = (int64_t)(gated ? shape->r : layer->kind == LAYER_LOWRANK ? layer->rank : 0);
    point->gate = midl_gate_name(gated ? shape->gate : MIDL_GATE_SHARED);
    point->gate_rank = gated && shape->gate == MIDL_GATE_LOWRANK ? (int64_t)shape->rg : 0;
    point->select_mode = midl_select_name(gated ? shape->select : MIDL_SELECT_TOPK);
    point->block = gated && shape->select == MIDL_SELECT_BLOCK ? (int64_t)shape->block : 0;
    if (gated && shape->select == MIDL_SELECT_THRESHOLD)
        point->threshold = (double)shape->threshold;
    point->unselected = midl_unselected_name(gated ? shape->unselected : MIDL_UNSELECTED_LIGHT);
    point->active_mean = gated ? contest->facts->active : NAN;
}

static struct store_point entrant_point(const struct contest *contest,
                                        const struct entrant *entrant, const struct owned *owned)
{
    static const char *const methods[] = {NULL, "dense", "low-rank", "dense-narrow"};
    struct store_point point = store_point_blank;
    bool model = entrant->side == MODEL;
    point.shape_key = owned->key;
    point.kernel = entrant->side == NARROW ? "dense-narrow" : midl_variant_idea(entrant->variant);
    point.isa = midl_isa_name(midl_variant_isa(entrant->variant));
    point.dtype = midl_dtype_name(MIDL_F32);
    point.linear = entrant->side == DENSE;
    describe_layer(&point, contest, entrant);
    point.batch = (int64_t)contest->batch;
    point.threads = contest->time->model->options.threads;
    point.team = (double)point.threads; /* its caller saw to that */
    point.cache = cache_state_name(CACHE_WARM);
    point.input = contest->facts->dataset;
    point.layer = contest->facts->file;
    point.scope = "network";
    point.dataset = contest->facts->dataset;
    point.model = contest->facts->model;
    point.method = model ? contest->facts->method : methods[entrant->side];
    point.flops_ratio = entrant->side == DENSE ? 1 : contest->time->ratio;
    return point;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static bool move_all(void *data)
{
    struct contest *contest = data;
    bool ok = true;
    for (size_t i = 0; i < contest->count && ok; i++)
        ok = !contest->entrants[i].inference || inference_move(contest->entrants[i].inference);
    return ok;
}

static enum outcome take_rounds(struct contest *contest, struct gbench_case *cases, size_t count,
                                const char *key, struct rounds *ret, struct error *error)
{
    const struct measure_options *options = contest->options;
    int threads = contest->time->model->options.threads;
    const struct rounds_options limits = {.target = options->target,
                                          .budget_ns = options->budget_ns,
                                          .sample_ns = options->sample_ns,
                                          .min_rounds = options->min_rounds,
                                          .target_rounds = options->target_rounds,
                                          .seed = fnv1a(FNV_START, key),
                                          .move = options->move_share > 0 ? move_all : NULL,
                                          .move_data = contest,
                                          .place_rounds = options->place_rounds,
                                          .move_share = options->move_share,
                                          .steady = true,
                                          .settle = threads > 1,
                                          .stop = options->stop};
    pin_thread(threads == 1);
    enum outcome outcome = rounds_run(cases, count, &limits, ret, error);
    pin_thread(false);
    return outcome;
}

/* The median of rest / whole within rounds, taken from 1. */
static double share_of(const struct rounds *rounds, size_t whole, size_t rest)
{
    struct stats_interval ratio;
    return measure_speedup(rounds, rest, whole, &ratio) ? 1 - ratio.median : NAN;
}

/* Speedups over the fastest dense network. Entrant `count - 1` is the rest; at[i]: its place in the
 * rounds, SIZE_MAX if it was not timed. */
static bool set_speedups(const struct contest *contest, const struct owned *owned, const size_t *at,
                         struct store_point *points)
{
    const struct rounds *rounds = &owned->rounds;
    size_t rest = contest->count - 1, dense = measure_yardstick(points, rest);
    if (dense == rest)
        return true;
    double share = at[rest] < SIZE_MAX ? share_of(rounds, at[dense], at[rest]) : NAN;
    for (size_t i = 0; i < rest; i++) {
        if (at[i] == SIZE_MAX)
            continue;
        if (!point_speedup(&points[i], rounds, points[dense].kernel, at[dense], at[i]))
            return false;
        points[i].replaced_share = share;
    }
    return true;
}

/* An entrant that was right before and failed in a timed call, or was right by plain loops,
 * becomes a point with that reason, and its times are not looked at. */
static void drop_refused(const struct contest *contest, struct owned *owned, size_t *at,
                         struct store_point *points)
{
    for (size_t i = 0; i < contest->count; i++) {
        const struct entrant *entrant = &contest->entrants[i];
        if (at[i] == SIZE_MAX || (!entrant->refused && !inference_refused(entrant->inference)))
            continue;
        at[i] = SIZE_MAX;
        if (i + 1 == contest->count)
            continue; /* the rest is no point */
        if (entrant->refused)
            snprintf(owned->reasons[i], MIDL_REASON_SIZE, "while it was timed: %.150s",
                     entrant->error.text);
        else
            snprintf(owned->reasons[i], MIDL_REASON_SIZE, "%s", POINT_REFUSED);
        point_ends(&points[i], "failed", owned->reasons[i]);
    }
}

static enum outcome time_entrants(struct contest *contest, struct owned *owned,
                                  struct store_point *points, struct measure_result *result,
                                  struct error *error)
{
    size_t count = contest->count, timed = 0;
    struct gbench_case *cases = calloc(count, sizeof *cases);
    size_t *at = calloc(count, sizeof *at);
    enum outcome outcome =
        cases && at ? OUTCOME_DONE : fail_memory(error, "a contest", (double)(count * 64));
    for (size_t i = 0; i < count && !outcome; i++) {
        at[i] = contest->entrants[i].inference ? timed : SIZE_MAX;
        if (contest->entrants[i].inference)
            cases[timed++] = (struct gbench_case){
                .name = "network", .call = call, .data = &contest->entrants[i]};
    }
    if (!outcome && timed)
        outcome = take_rounds(contest, cases, timed, owned->key, &owned->rounds, error);
    result->interrupted = !outcome && owned->rounds.interrupted;
    if (!outcome)
        drop_refused(contest, owned, at, points);
    for (size_t i = 0; i + 1 < count && !outcome && !result->interrupted; i++)
        if (at[i] < SIZE_MAX)
            point_times(&points[i], &owned->rounds, at[i], contest->options->target,
                        owned->reasons[i]);
    if (!outcome && !result->interrupted && timed && !set_speedups(contest, owned, at, points))
        outcome = fail_memory(error, "ratios", 0);
    free(cases);
    free(at);
    return outcome;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Make and check an entrant; one that can't run or is wrong becomes a point with a reason. */
static enum outcome admit(struct contest *contest, size_t i, struct store_point *point,
                          char reason[MIDL_REASON_SIZE], struct error *error)
{
    struct entrant *entrant = &contest->entrants[i];
    struct error why;
    enum outcome outcome = make_entrant(contest, entrant, &why);
    point->status = "skipped";
    if (outcome) {
        snprintf(reason, MIDL_REASON_SIZE, "%.*s", MIDL_REASON_SIZE - 1, why.text);
        point->reason = reason;
        return OUTCOME_DONE;
    }
    point->plan_bytes = inference_bytes(entrant->inference);
    if (!entrant->variant)
        return OUTCOME_DONE;
    outcome = check_entrant(contest, entrant, reason, error);
    if (!outcome && *reason) {
        point->status = "failed";
        point->reason = reason;
        inference_destroy(entrant->inference);
        entrant->inference = NULL;
    }
    return outcome;
}

/* The entrants: dense and model by each variant, low rank, narrow, and the rest without its layers.
 */
static size_t list_entrants(const struct contest *contest,
                            const struct midl_variant *const *variants, size_t count,
                            struct entrant *ret)
{
    const struct network_time *time = contest->time;
    bool low_rank = time->model->spec.layers[time->first].kind == LAYER_LOWRANK;
    const struct midl_variant *light = midl_variant_find("low-rank", MIDL_F32);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        bool linear = midl_variant_is_linear(variants[i]);
        if (midl_variant_is_light(variants[i]) || (!linear && low_rank))
            continue;
        ret[used++] = (struct entrant){.side = linear ? DENSE : MODEL, .variant = variants[i]};
    }
    if (low_rank)
        ret[used++] = (struct entrant){.side = MODEL, .variant = light};
    else
        ret[used++] = (struct entrant){.side = LOW_RANK, .variant = light};
    ret[used++] =
        (struct entrant){.side = NARROW, .variant = midl_variant_find("linear", MIDL_F32)};
    ret[used++] = (struct entrant){.side = DENSE};
    return used;
}

void network_time_clear(struct measure_result *result)
{
    struct owned *owned = result->owned;
    if (owned) {
        rounds_clear(&owned->rounds);
        free(owned->reasons);
        free(owned);
    }
    free(result->points);
    *result = (struct measure_result){0};
}

static enum outcome run_contest(struct contest *contest, struct measure_result *result,
                                struct error *error)
{
    struct owned *owned = result->owned;
    const volatile sig_atomic_t *stop = contest->options->stop;
    struct store_point rest = store_point_blank, *points = result->points;
    enum outcome outcome = prepare_sides(contest, error);
    network_time_key(contest->time, contest->facts, contest->batch, owned->key);
    for (size_t i = 0; i < contest->count && !outcome && !(stop && *stop); i++) {
        struct store_point *point = i + 1 < contest->count ? &points[i] : &rest;
        if (i + 1 < contest->count)
            *point = entrant_point(contest, &contest->entrants[i], owned);
        outcome = admit(contest, i, point, owned->reasons[i], error);
    }
    forget_oracles(contest->time);
    result->interrupted = stop && *stop;
    if (!outcome && !result->interrupted)
        outcome = time_entrants(contest, owned, points, result, error);
    return outcome;
}

enum outcome network_time_measure(struct network_time *time, const struct network_facts *facts,
                                  float *x, size_t batch,
                                  const struct midl_variant *const *variants, size_t count,
                                  const struct measure_options *options, struct measure_result *ret,
                                  struct error *error)
{
    struct contest contest = {
        .time = time, .facts = facts, .x = x, .batch = batch, .options = options};
    struct measure_result result = {.count = 0};
    struct owned *owned = result.owned = calloc(1, sizeof *owned);
    enum outcome outcome;
    contest.entrants = calloc(count + 3, sizeof *contest.entrants);
    result.points = calloc(count + 3, sizeof *result.points);
    if (owned)
        owned->reasons = calloc(count + 3, sizeof *owned->reasons);
    if (!owned || !owned->reasons || !contest.entrants || !result.points) {
        outcome = fail_memory(error, "a contest", (double)(count * sizeof *result.points));
        goto cleanup;
    }
    contest.count = list_entrants(&contest, variants, count, contest.entrants);
    result.count = contest.count - 1;
    outcome = run_contest(&contest, &result, error);
    if (!outcome) {
        *ret = result;
        result = (struct measure_result){0};
    }
cleanup:
    for (size_t i = 0; i < contest.count; i++)
        inference_destroy(contest.entrants[i].inference);
    free(contest.entrants);
    network_time_clear(&result);
    return outcome;
}

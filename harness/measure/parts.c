/* parts.c - see parts.h. */
#include "measure/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "machine/calibration_file.h"
#include "machine/pin.h"
#include "measure/topk_methods.h"
#include "verify/checker.h"
#include "verify/problem.h"

/* Cases that are timed; SELECT last, because it may be missing. It is part number 3, too. */
enum timed { ALL, NOTHING_SELECTED, LIGHT, SELECT, TIMED };

struct parts {
    const struct bench_shape *shape;
    struct problem problem;
    struct midl_layer layers[SELECT]; /* as each plan has it */
    struct midl_plan *plans[SELECT];
    float *y, *logits;
    struct selection_batch *selection;
};

struct run {
    struct midl_plan *plan;
    const struct parts *parts;
};

static void call(void *data)
{
    const struct run *run = data;
    (void)midl_run(run->plan, run->parts->problem.batch, run->parts->problem.x, run->parts->y);
}

static enum outcome make_plan(struct parts *parts, enum timed which, const char *variant,
                              struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    const struct midl_plan_options options = {.variant = variant,
                                              .dtype = MIDL_F32,
                                              .max_batch = parts->problem.batch,
                                              .threads = 1,
                                              .calibration = calibration_get()};
    struct midl_layer *layer = &parts->layers[which];
    *layer = parts->problem.layer;
    layer->shape = parts->shape->layer;
    if (which != ALL) {
        layer->shape.k = 0;
        layer->shape.select = MIDL_SELECT_TOPK;
        layer->shape.unselected = MIDL_UNSELECTED_LIGHT;
    }
    if (midl_plan_create(layer, &options, &parts->plans[which], reason) == MIDL_OK)
        return OUTCOME_DONE;
    return fail(error, OUTCOME_MACHINE, "the parts of a call: %s: %s", variant, reason);
}

/* The logits of the layer, from a plan of its own that keeps them. */
static enum outcome take_logits(struct parts *parts, struct error *error)
{
    const struct midl_shape *shape = &parts->shape->layer;
    size_t floats = parts->problem.batch * shape->n;
    const struct midl_plan_options options = {.variant = "simd",
                                              .dtype = MIDL_F32,
                                              .max_batch = parts->problem.batch,
                                              .threads = 1,
                                              .keep_logits = true};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    parts->logits = array_aligned(floats, sizeof *parts->logits);
    if (!parts->logits || midl_plan_create(&parts->layers[ALL], &options, &plan, reason) != MIDL_OK)
        return fail_memory(error, "logits", 4.0 * (double)floats);
    (void)midl_run(plan, parts->problem.batch, parts->problem.x, parts->y);
    memcpy(parts->logits, midl_plan_logits(plan), floats * sizeof *parts->logits);
    midl_plan_destroy(plan);
    parts->selection = selection_batch_create(shape, parts->problem.batch, parts->logits);
    return OUTCOME_DONE;
}

static enum outcome check(struct parts *parts, struct error *error)
{
    struct midl_oracle *oracle = NULL;
    struct check_result result;
    enum outcome outcome = problem_oracle(&parts->problem, MIDL_F32, &oracle, error);
    for (int i = 0; i < SELECT && !outcome; i++) {
        struct problem problem = parts->problem;
        problem.layer = parts->layers[i];
        problem.watched = true;
        outcome = check_plan(parts->plans[i], &problem, oracle, false, &result, error);
        if (!outcome && !result.ok)
            outcome = fail(error, OUTCOME_BAD, "the parts of a call: %s", result.reason);
    }
    midl_oracle_destroy(oracle);
    return outcome;
}

static enum outcome prepare(struct parts *parts, const struct bench_case *bench_case,
                            struct error *error)
{
    enum outcome outcome = problem_load(parts->shape, &parts->problem, error);
    if (outcome)
        return outcome;
    size_t floats = parts->problem.batch * parts->shape->layer.n;
    parts->y = array_aligned(floats, sizeof *parts->y);
    if (!parts->y)
        return fail_memory(error, "outputs", 4.0 * (double)floats);
    if ((outcome = make_plan(parts, ALL, midl_variant_name(bench_case->variant), error)) ||
        (outcome = make_plan(parts, NOTHING_SELECTED, "simd", error)) ||
        (outcome = make_plan(parts, LIGHT, "low-rank", error)) ||
        (outcome = take_logits(parts, error)))
        return outcome;
    return check(parts, error);
}

static void clear(struct parts *parts)
{
    for (int i = 0; i < SELECT; i++)
        midl_plan_destroy(parts->plans[i]);
    selection_batch_destroy(parts->selection);
    problem_clear(&parts->problem);
    free(parts->y);
    free(parts->logits);
}

/* ---- Times ----------------------------------------------------------------------------------- */

/* Make a part from a difference of cases within rounds: each with weight 1, -1 or 0. */
static struct store_part part_of(const char *name, const struct rounds *rounds,
                                 const double weights[TIMED], double *values, int *places)
{
    size_t marked = 0, used = 0;
    for (size_t r = 0; r < rounds->count; r++)
        for (size_t i = 0; i < rounds->cases; i++)
            if (rounds->samples[i][r].disturbed) {
                marked++;
                break;
            }
    bool all = rounds_use_all(rounds->count, marked);
    for (size_t r = 0; r < rounds->count; r++) {
        bool disturbed = false;
        double value = 0;
        for (size_t i = 0; i < rounds->cases; i++) {
            disturbed = disturbed || rounds->samples[i][r].disturbed;
            value += weights[i] * rounds->samples[i][r].real_ns;
        }
        if (disturbed && !all)
            continue;
        places[used] = rounds->samples[0][r].placement;
        values[used++] = value;
    }
    struct stats_interval time = stats_grouped_interval(values, places, used, ROUNDS_CONFIDENCE);
    return (struct store_part){name, time.median, time.lo, time.hi};
}

static enum outcome tell(const struct rounds *rounds, bool selection,
                         struct store_part ret[PARTS_MOST], size_t *ret_count, struct error *error)
{
    static const struct {
        const char *name;
        double weights[TIMED];
    } rows[PARTS_MOST] = {{"all", {1}},
                          {"light", {0, 0, 1}},
                          {"gate", {0, 1, -1}},
                          {"select", {0, 0, 0, 1}},
                          {"full", {1, -1, 0, -1}}};
    double *values = malloc(rounds->count * sizeof *values);
    int *places = malloc(rounds->count * sizeof *places);
    enum outcome outcome =
        values && places ? OUTCOME_DONE : fail_memory(error, "parts", (double)rounds->count);
    *ret_count = 0;
    for (size_t i = 0; i < PARTS_MOST && !outcome; i++)
        if (selection || i != SELECT)
            ret[(*ret_count)++] = part_of(rows[i].name, rounds, rows[i].weights, values, places);
    free(values);
    free(places);
    return outcome;
}

static enum outcome measure(struct parts *parts, const struct measure_options *options,
                            struct store_part ret[PARTS_MOST], size_t *ret_count,
                            struct error *error)
{
    struct run runs[SELECT];
    struct gbench_case cases[TIMED];
    struct rounds rounds = {0};
    size_t count = parts->selection ? TIMED : SELECT;
    for (int i = 0; i < SELECT; i++) {
        runs[i] = (struct run){parts->plans[i], parts};
        cases[i] = (struct gbench_case){.name = "part", .call = call, .data = &runs[i]};
    }
    cases[SELECT] = (struct gbench_case){
        .name = "select", .call = selection_batch_run, .data = parts->selection};
    const struct rounds_options limits = {.target = options->target,
                                          .budget_ns = options->budget_ns,
                                          .sample_ns = options->sample_ns,
                                          .min_rounds = options->min_rounds,
                                          .target_rounds = options->target_rounds,
                                          .seed = 1,
                                          .steady = true,
                                          .stop = options->stop};
    pin_thread(true);
    enum outcome outcome = rounds_run(cases, count, &limits, &rounds, error);
    pin_thread(false);
    if (!outcome && !rounds.interrupted)
        outcome = tell(&rounds, parts->selection != NULL, ret, ret_count, error);
    rounds_clear(&rounds);
    return outcome;
}

enum outcome parts_measure(const struct bench_case *bench_case,
                           const struct measure_options *options, struct store_part ret[PARTS_MOST],
                           size_t *ret_count, struct error *error)
{
    struct parts parts = {.shape = &bench_case->shape};
    const struct midl_variant *variant = bench_case->variant;
    *ret_count = 0;
    if (midl_variant_is_linear(variant) || midl_variant_is_light(variant) ||
        bench_case->shape.threads != 1 || bench_case->shape.dtype != MIDL_F32 ||
        bench_case->shape.cache != CACHE_WARM)
        return OUTCOME_DONE;
    enum outcome outcome = prepare(&parts, bench_case, error);
    if (!outcome)
        outcome = measure(&parts, options, ret, ret_count, error);
    clear(&parts);
    return outcome;
}

/* advice.c - see advice.h. */
#include "learn/advice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "learn/layer_error.h"
#include "learn/layer_flops.h"
#include "machine/calibration_file.h"
#include "machine/pin.h"
#include "measure/measure.h"
#include "measure/point.h"
#include "verify/checker.h"

enum {
    RANKS = 5,
    SHARES = 8,
    LOW_RANKS = 9,
    SELECTS = MIDL_SELECT_THRESHOLD + 1,
    KEPT = 3, /* variants per selection */
    WAYS_MOST = SELECTS * RANKS * SHARES + LOW_RANKS + 8,
    CHUNKS_MOST = 64, /* batches of different inputs */
    PANEL = 16
};

/* Steps of the grid and which of them are anchors: more where layers outgrow a cache. */
static const double rank_steps[RANKS] = {0.5, 0.75, 1, 1.5, 2};
static const bool rank_anchors[RANKS] = {true, false, true, false, true};
static const double share_steps[SHARES] = {0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.375, 0.45};
static const double margin_steps[SHARES] = {-0.5, 0, 0.3, 0.6, 1, 1.4, 1.8, 2.2};
static const bool share_anchors[SHARES] = {true, false, true, false, true, false, true, true};
static const double low_rank_ratios[LOW_RANKS] = {8, 6, 4, 3, 2.5, 2, 1.7, 1.5, 1.3};
static const bool low_rank_anchors[LOW_RANKS] = {true, false, true, true, true,
                                                 true, false, true, true};

/* A candidate with its numbers. */
struct candidate {
    struct advice_way way;
    struct midl_layer layer;
    const uint32_t *order;
    float *gate_bias; /* its own under threshold */
    size_t source;    /* the same number: the same numbers for the oracle */
    double cost;      /* what the rank costs, in multiply-adds */
    double anchor_ns[KEPT];
};

struct advice {
    struct convert_source by, judged;
    struct advice_options options;
    struct candidate *ways;
    size_t count;
    struct converted *converted; /* [converted_count], those in use */
    size_t converted_count;
    struct low_rank *low_ranks;
    size_t low_rank_count;
    float *zeros, *y;
    float *x; /* [chunks][batch][d] */
    size_t chunks;
    const struct midl_variant *kept[SELECTS][KEPT];
    size_t kept_count[SELECTS];
    struct rounds rounds; /* of the last advice_measure */
    size_t *at;           /* of its ways: places in the rounds */
};

/* ---- Pure parts ------------------------------------------------------------------------------ */

double advice_interpolate(const double *xs, const double *ys, size_t count, double x)
{
    size_t i = 1;
    if (count == 1)
        return ys[0];
    while (i + 1 < count && x > xs[i])
        i++;
    double width = xs[i] - xs[i - 1];
    return width > 0 ? ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / width : ys[i];
}

enum advice_kind advice_decide(const struct stats_interval *low_rank_speedup,
                               const struct stats_interval *midl_speedup,
                               const struct stats_interval *midl_over_low_rank)
{
    bool low_rank = low_rank_speedup && low_rank_speedup->lo > 1;
    bool midl = midl_speedup && midl_speedup->lo > 1;
    if (midl && (!low_rank || (midl_over_low_rank && midl_over_low_rank->lo > 1)))
        return ADVICE_MIDL;
    return low_rank ? ADVICE_LOW_RANK : ADVICE_DENSE;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

static bool stopped(const struct advice *advice)
{
    return advice->options.stop && *advice->options.stop;
}

static enum outcome interrupted(struct error *error)
{
    return fail(error, OUTCOME_NO_VERDICT, "interrupted: no advice");
}

/* Rows of a projection come in whole panels; up-projections take the rank as it is. */
static double rank_cost(size_t d, size_t n, size_t rank, double ups)
{
    return (double)((rank + PANEL - 1) / PANEL * PANEL) * (double)d +
           ups * (double)rank * (double)n;
}

static struct candidate *add(struct advice *advice, const struct midl_layer *layer)
{
    struct candidate *c = &advice->ways[advice->count++];
    *c = (struct candidate){.layer = *layer};
    c->way.margin = NAN;
    c->way.rank = layer->shape.r;
    c->way.k = layer->shape.k;
    c->way.select = layer->shape.select;
    return c;
}

/* Step i of what a conversion can select. */
static enum outcome add_share(struct advice *advice, const struct converted *from, size_t rank,
                              size_t i, struct error *error)
{
    const struct midl_shape *shape = &from->layer.shape;
    size_t unit = shape->select == MIDL_SELECT_BLOCK ? shape->block : 1;
    struct candidate *c = add(advice, &from->layer);
    c->way.kind = ADVICE_MIDL;
    c->way.anchor = rank_anchors[rank] && share_anchors[i];
    c->order = shape->select == MIDL_SELECT_BLOCK ? from->order : NULL;
    c->source = advice->converted_count;
    c->cost = rank_cost(shape->d, shape->n, shape->r, 2);
    c->way.k = c->layer.shape.k =
        (size_t)lround(share_steps[i] * (double)shape->n / (double)unit) * unit;
    c->way.active = (double)c->way.k / (double)shape->n;
    if (shape->select == MIDL_SELECT_THRESHOLD) {
        c->source = WAYS_MOST + advice->count;
        c->way.k = c->layer.shape.k = shape->n;
        c->way.margin = margin_steps[i];
        c->gate_bias = malloc(shape->n * sizeof *c->gate_bias);
        if (!c->gate_bias)
            return fail_memory(error, "a candidate", 4.0 * (double)shape->n);
        for (size_t j = 0; j < shape->n; j++)
            c->gate_bias[j] =
                from->layer.gate_bias[j] + (float)convert_margin_bias(c->way.margin - from->margin);
        c->layer.gate_bias = c->gate_bias;
        enum outcome outcome = layer_selected(&c->layer, advice->judged.x, advice->judged.count,
                                              &c->way.active, error);
        if (outcome)
            return outcome;
    }
    c->way.flops_ratio = flops_ratio(&c->layer.shape, c->way.active);
    return layer_error(&advice->judged, &c->layer, c->order, advice->options.threads, &c->way.error,
                       error);
}

static enum outcome add_conversion(struct advice *advice, enum midl_select select, size_t rank,
                                   struct error *error)
{
    const struct convert_source *s = &advice->by;
    double wanted = rank_steps[rank] * (double)rank_of_promise(s->d, s->n, MIDL_GATE_SHARED);
    size_t most = s->d < s->n ? s->d : s->n;
    struct convert_options options = {.rank = (size_t)fmax(1, fmin(round(wanted), (double)most)),
                                      .active = PROMISED_ACTIVE,
                                      .select = select,
                                      .block = 16,
                                      .margin = select == MIDL_SELECT_THRESHOLD ? 1 : NAN,
                                      .threads = advice->options.threads};
    struct converted *to = &advice->converted[advice->converted_count];
    if (stopped(advice))
        return interrupted(error);
    enum outcome outcome = convert_layer(s, &options, to, error);
    if (outcome)
        return outcome;
    advice->converted_count++;
    for (size_t i = 0; i < SHARES && !outcome; i++)
        outcome = add_share(advice, to, rank, i, error);
    return outcome;
}

static enum outcome add_low_rank(struct advice *advice, size_t i, struct error *error)
{
    const struct convert_source *s = &advice->by;
    struct low_rank *low = &advice->low_ranks[advice->low_rank_count];
    size_t rank = rank_of_ratio(s->d, s->n, low_rank_ratios[i]);
    if (stopped(advice))
        return interrupted(error);
    enum outcome outcome = convert_low_rank(s, rank, advice->options.threads, low, error);
    if (outcome)
        return outcome;
    advice->low_rank_count++;
    const struct midl_layer layer = {
        .shape = {.d = s->d, .n = s->n, .r = low->rank, .gate = MIDL_GATE_SHARED},
        .full_weight = s->weight,
        .full_bias = s->bias,
        .light_down = low->down,
        .light_up = low->up,
        .light_bias = low->bias,
        .gate_up = advice->zeros,
        .gate_bias = advice->zeros};
    struct candidate *c = add(advice, &layer);
    c->way.kind = ADVICE_LOW_RANK;
    c->way.anchor = low_rank_anchors[i];
    c->way.variant = midl_variant_find("low-rank", MIDL_F32);
    c->source = 2 * WAYS_MOST + i;
    c->cost = rank_cost(s->d, s->n, low->rank, 1);
    c->way.flops_ratio = low_rank_ratios[i];
    return low_rank_error(&advice->judged, low, advice->options.threads, &c->way.error, error);
}

/* The plain layer, once for each library. */
static void add_dense(struct advice *advice)
{
    for (size_t v = 0; v < midl_variant_count(); v++) {
        const struct midl_variant *variant = midl_variant_at(v);
        if (!midl_variant_is_linear(variant) || midl_variant_dtype(variant) != MIDL_F32 ||
            midl_variant_unavailable(variant))
            continue;
        struct candidate *c = add(advice, &advice->converted[0].layer);
        c->way.kind = ADVICE_DENSE;
        c->way.anchor = true;
        c->way.active = c->way.flops_ratio = 1;
        c->way.variant = variant;
        c->source = 1; /* that of the first conversion, which kept W and b */
    }
}

static bool selects(const struct advice *advice, enum midl_select select)
{
    return select != MIDL_SELECT_BLOCK || advice->by.n % 16 == 0;
}

static enum outcome make_candidates(struct advice *advice, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t done = 0;
    for (int select = 0; select < SELECTS && !outcome; select++)
        for (size_t rank = 0; rank < RANKS && !outcome; rank++) {
            progress_step(advice->options.progress, done++, "conversions");
            if (selects(advice, (enum midl_select)select))
                outcome = add_conversion(advice, (enum midl_select)select, rank, error);
        }
    for (size_t i = 0; i < LOW_RANKS && !outcome; i++) {
        progress_step(advice->options.progress, done++, "layers of low rank");
        outcome = add_low_rank(advice, i, error);
    }
    if (!outcome)
        add_dense(advice);
    return outcome;
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* A way by a variant; each call takes the next inputs. */
struct caller {
    const struct advice *advice;
    const struct candidate *candidate;
    const struct midl_variant *variant;
    struct midl_plan *plan;
    size_t next;
    bool refused; /* a plan that is gone: midl_plan_refused */
};

static void call(void *data)
{
    struct caller *caller = data;
    const struct advice *advice = caller->advice;
    size_t batch = advice->options.batch;
    const float *x = advice->x + caller->next * batch * advice->by.d;
    caller->next = caller->next + 1 < advice->chunks ? caller->next + 1 : 0;
    (void)midl_run(caller->plan, batch, x, advice->y);
}

static bool make_plan(const struct advice *advice, struct caller *caller)
{
    char reason[MIDL_REASON_SIZE];
    const struct midl_plan_options options = {.variant = midl_variant_name(caller->variant),
                                              .dtype = MIDL_F32,
                                              .max_batch = advice->options.batch,
                                              .threads = advice->options.threads,
                                              .calibration = calibration_get()};
    const struct midl_shape *shape = &caller->candidate->layer.shape;
    return midl_variant_fits(caller->variant, shape, advice->options.batch, advice->options.threads,
                             reason) == MIDL_OK &&
           midl_plan_create(&caller->candidate->layer, &options, &caller->plan, reason) == MIDL_OK;
}

/* Compare a plan with the oracle, which is kept for the next of the same numbers. */
static enum outcome check(const struct caller *caller, struct midl_oracle **oracle, size_t *source,
                          struct error *error)
{
    const struct advice *advice = caller->advice;
    const struct problem problem = {.layer = caller->candidate->layer,
                                    .batch = advice->options.batch,
                                    .x = advice->x,
                                    .watched = true};
    struct check_result result;
    enum outcome outcome = OUTCOME_DONE;
    if (!*oracle || *source != caller->candidate->source) {
        midl_oracle_destroy(*oracle);
        *oracle = NULL;
        *source = caller->candidate->source;
        outcome = problem_oracle(&problem, MIDL_F32, oracle, error);
    }
    if (!outcome)
        outcome = check_plan(caller->plan, &problem, *oracle, false, &result, error);
    if (!outcome && !result.ok)
        outcome = fail(error, OUTCOME_BAD, "%s is wrong on this layer: %s",
                       midl_variant_name(caller->variant), result.reason);
    return outcome;
}

static enum outcome prepare(const struct advice *advice, struct caller *callers, size_t count,
                            struct error *error)
{
    struct midl_oracle *oracle = NULL;
    size_t source = 0;
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < count && !outcome; i++) {
        if (stopped(advice))
            outcome = interrupted(error);
        else if (!make_plan(advice, &callers[i]))
            outcome = fail(error, OUTCOME_MACHINE, "%s can't run a candidate",
                           midl_variant_name(callers[i].variant));
        else
            outcome = check(&callers[i], &oracle, &source, error);
    }
    midl_oracle_destroy(oracle);
    return outcome;
}

/* New plans, elsewhere in memory. */
struct callers {
    struct caller *callers;
    size_t count;
};

static bool move(void *data)
{
    struct callers *all = data;
    for (size_t i = 0; i < all->count; i++) {
        struct caller next = all->callers[i];
        if (!make_plan(next.advice, &next))
            return false;
        all->callers[i].refused |= midl_plan_refused(all->callers[i].plan);
        midl_plan_destroy(all->callers[i].plan);
        all->callers[i].plan = next.plan;
    }
    return true;
}

/* Fail if plain loops were timed in a library's place. */
static enum outcome check_refused(const struct caller *callers, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (callers[i].refused || midl_plan_refused(callers[i].plan))
            return fail(error, OUTCOME_MACHINE, "%s: %s", midl_variant_name(callers[i].variant),
                        POINT_REFUSED);
    return OUTCOME_DONE;
}

/* Measure callers in interleaved rounds. */
static enum outcome time_callers(const struct advice *advice, struct caller *callers, size_t count,
                                 struct rounds *ret, struct error *error)
{
    const struct advice_options *options = &advice->options;
    struct callers all = {callers, count};
    const struct rounds_options limits = {.target = options->target,
                                          .budget_ns = options->budget_ns,
                                          .sample_ns = 3e5,
                                          .min_rounds = 10,
                                          .target_rounds = 20,
                                          .seed = 1,
                                          .move = move,
                                          .move_data = &all,
                                          .place_rounds = 3,
                                          .move_share = 0.05,
                                          .steady = true,
                                          .settle = options->threads > 1,
                                          .stop = options->stop};
    struct gbench_case *cases = calloc(count, sizeof *cases);
    if (!cases)
        return fail_memory(error, "rounds", (double)(count * sizeof *cases));
    enum outcome outcome = prepare(advice, callers, count, error);
    for (size_t i = 0; i < count; i++)
        cases[i] = (struct gbench_case){
            .name = midl_variant_name(callers[i].variant), .call = call, .data = &callers[i]};
    pin_thread(options->threads == 1);
    if (!outcome)
        outcome = rounds_run(cases, count, &limits, ret, error);
    pin_thread(false);
    if (!outcome)
        outcome = check_refused(callers, count, error);
    for (size_t i = 0; i < count; i++)
        midl_plan_destroy(callers[i].plan);
    free(cases);
    if (!outcome && ret->interrupted)
        outcome = interrupted(error);
    return outcome;
}

/* ---- Anchors --------------------------------------------------------------------------------- */

/* The candidate in the middle of a selection's grid. */
static const struct candidate *middle(const struct advice *advice, enum midl_select select)
{
    size_t seen = 0;
    for (size_t i = 0; i < advice->count; i++)
        if (advice->ways[i].way.kind == ADVICE_MIDL && advice->ways[i].way.select == select &&
            seen++ == 2 * SHARES + 2)
            return &advice->ways[i];
    return NULL;
}

static double glance_ns(const struct advice *advice, const struct candidate *candidate,
                        const struct midl_variant *variant)
{
    struct caller caller = {.advice = advice, .candidate = candidate, .variant = variant};
    double least = INFINITY;
    if (!make_plan(advice, &caller))
        return INFINITY;
    for (int i = 0; i < 24; i++) {
        double start_ns = clock_ns();
        call(&caller);
        least = fmin(least, clock_ns() - start_ns);
    }
    midl_plan_destroy(caller.plan);
    return least;
}

/* Keep the variants that may be the fastest of a selection. */
static void keep_variants(struct advice *advice, enum midl_select select)
{
    const struct candidate *candidate = middle(advice, select);
    double times[KEPT] = {0};
    size_t *count = &advice->kept_count[select];
    for (size_t v = 0; candidate && v < midl_variant_count(); v++) {
        const struct midl_variant *variant = midl_variant_at(v);
        if (midl_variant_is_linear(variant) || midl_variant_is_light(variant) ||
            strcmp(midl_variant_idea(variant), "auto") == 0 ||
            variant != midl_variant_find(midl_variant_idea(variant), MIDL_F32))
            continue;
        double ns = glance_ns(advice, candidate, variant);
        size_t place = *count;
        while (place > 0 && ns < times[place - 1])
            place--;
        if (place == KEPT || ns == INFINITY)
            continue;
        *count += *count < KEPT;
        for (size_t i = *count - 1; i > place; i--) {
            times[i] = times[i - 1];
            advice->kept[select][i] = advice->kept[select][i - 1];
        }
        times[place] = ns;
        advice->kept[select][place] = variant;
    }
    while (*count > 1 && times[*count - 1] > 1.6 * times[0])
        --*count;
}

static size_t list_anchors(struct advice *advice, struct caller *ret, size_t *ret_kept)
{
    size_t count = 0;
    for (size_t i = 0; i < advice->count; i++) {
        struct candidate *c = &advice->ways[i];
        bool gated = c->way.kind == ADVICE_MIDL;
        size_t variants = gated ? advice->kept_count[c->way.select] : 1;
        for (size_t v = 0; c->way.anchor && v < variants; v++) {
            ret_kept[count] = v;
            ret[count++] =
                (struct caller){.advice = advice,
                                .candidate = c,
                                .variant = gated ? advice->kept[c->way.select][v] : c->way.variant};
        }
    }
    return count;
}

static enum outcome measure_anchors(struct advice *advice, struct error *error)
{
    size_t most = KEPT * advice->count;
    struct caller *callers = calloc(most, sizeof *callers);
    size_t *kept = calloc(most, sizeof *kept);
    struct rounds rounds = {0};
    enum outcome outcome = callers && kept ? OUTCOME_DONE : fail_memory(error, "anchors", 0);
    for (int select = 0; select < SELECTS && !outcome; select++)
        keep_variants(advice, (enum midl_select)select);
    size_t count = outcome ? 0 : list_anchors(advice, callers, kept);
    if (!outcome)
        outcome = time_callers(advice, callers, count, &rounds, error);
    for (size_t i = 0; i < count && !outcome; i++) {
        struct candidate *c = &advice->ways[callers[i].candidate - advice->ways];
        c->anchor_ns[kept[i]] = rounds.time[i].median;
    }
    rounds_clear(&rounds);
    free(callers);
    free(kept);
    return outcome;
}

/* ---- Predictions ----------------------------------------------------------------------------- */

/* Sort a few pairs by x. */
static void sort_pairs(double *xs, double *ys, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && xs[j] < xs[j - 1]; j--) {
            double x = xs[j], y = ys[j];
            xs[j] = xs[j - 1];
            ys[j] = ys[j - 1];
            xs[j - 1] = x;
            ys[j - 1] = y;
        }
}

/* The time of a way by one variant: in each row of anchors of one rank by the share, then by what
 * the rank costs. */
static double interpolated_ns(const struct advice *advice, const struct candidate *c, size_t v)
{
    double costs[LOW_RANKS], times[LOW_RANKS];
    size_t rows = 0;
    for (size_t i = 0; i < advice->count; i++) {
        const struct candidate *first = &advice->ways[i];
        double xs[SHARES], ys[SHARES];
        size_t count = 0;
        if (!first->way.anchor || first->way.kind != c->way.kind ||
            first->way.select != c->way.select ||
            (i > 0 && advice->ways[i - 1].way.kind == c->way.kind &&
             advice->ways[i - 1].way.select == c->way.select &&
             advice->ways[i - 1].way.rank == first->way.rank))
            continue;
        for (size_t j = i; j < advice->count && advice->ways[j].way.rank == first->way.rank &&
                           advice->ways[j].way.kind == first->way.kind &&
                           advice->ways[j].way.select == first->way.select && count < SHARES;
             j++) {
            if (!advice->ways[j].way.anchor)
                continue;
            xs[count] = advice->ways[j].way.active;
            ys[count++] = advice->ways[j].anchor_ns[v];
        }
        sort_pairs(xs, ys, count);
        costs[rows] = first->cost;
        times[rows++] = advice_interpolate(xs, ys, count, c->way.active);
        if (rows == LOW_RANKS)
            break;
    }
    sort_pairs(costs, times, rows);
    return rows ? advice_interpolate(costs, times, rows, c->cost) : INFINITY;
}

static void predict(struct advice *advice)
{
    for (size_t i = 0; i < advice->count; i++) {
        struct candidate *c = &advice->ways[i];
        bool gated = c->way.kind == ADVICE_MIDL;
        size_t variants = gated ? advice->kept_count[c->way.select] : 1;
        c->way.predicted_ns = INFINITY;
        for (size_t v = 0; v < variants; v++) {
            double ns = c->way.anchor ? c->anchor_ns[v] : interpolated_ns(advice, c, v);
            if (!(ns < c->way.predicted_ns))
                continue;
            c->way.predicted_ns = ns;
            c->way.variant = gated ? advice->kept[c->way.select][v] : c->way.variant;
        }
    }
}

/* ---- From beginning to end ------------------------------------------------------------------- */

/* Batches of the inputs that judge, repeated if there are few. */
static bool take_inputs(struct advice *advice)
{
    const struct convert_source *s = &advice->judged;
    size_t batch = advice->options.batch;
    advice->chunks = s->count / batch;
    advice->chunks = advice->chunks < 1             ? 1
                     : advice->chunks > CHUNKS_MOST ? CHUNKS_MOST
                                                    : advice->chunks;
    size_t rows = advice->chunks * batch;
    size_t most = s->d > s->n ? s->d : s->n;
    advice->x = malloc(rows * s->d * sizeof *advice->x);
    advice->y = malloc(batch * s->n * sizeof *advice->y);
    advice->zeros = calloc(s->n * most, sizeof *advice->zeros);
    for (size_t i = 0; advice->x && i < rows; i++)
        memcpy(advice->x + i * s->d, s->x + i % s->count * s->d, s->d * sizeof *s->x);
    return advice->x && advice->y && advice->zeros;
}

enum outcome advice_create(const struct convert_source *by, const struct convert_source *judged,
                           const struct advice_options *options, struct advice **ret,
                           struct error *error)
{
    struct advice *advice = calloc(1, sizeof *advice);
    enum outcome outcome = OUTCOME_DONE;
    if (!advice)
        return fail_memory(error, "advice", sizeof *advice);
    advice->by = *by;
    advice->judged = *judged;
    advice->options = *options;
    advice->ways = calloc(WAYS_MOST, sizeof *advice->ways);
    advice->converted = calloc(SELECTS * RANKS, sizeof *advice->converted);
    advice->low_ranks = calloc(LOW_RANKS, sizeof *advice->low_ranks);
    if (!advice->ways || !advice->converted || !advice->low_ranks || !take_inputs(advice))
        outcome = fail_memory(error, "advice", 4.0 * (double)by->n * (double)by->d);
    if (!outcome)
        outcome = make_candidates(advice, error);
    progress_step(options->progress, SELECTS * RANKS + LOW_RANKS, "times of some");
    if (!outcome)
        outcome = measure_anchors(advice, error);
    if (outcome) {
        advice_destroy(advice);
        return outcome;
    }
    predict(advice);
    *ret = advice;
    return OUTCOME_DONE;
}

void advice_destroy(struct advice *advice)
{
    if (!advice)
        return;
    for (size_t i = 0; advice->ways && i < advice->count; i++)
        free(advice->ways[i].gate_bias);
    for (size_t i = 0; i < advice->converted_count; i++)
        converted_clear(&advice->converted[i]);
    for (size_t i = 0; i < advice->low_rank_count; i++)
        low_rank_clear(&advice->low_ranks[i]);
    rounds_clear(&advice->rounds);
    free(advice->at);
    free(advice->ways);
    free(advice->converted);
    free(advice->low_ranks);
    free(advice->zeros);
    free(advice->x);
    free(advice->y);
    free(advice);
}

size_t advice_count(const struct advice *advice)
{
    return advice->count;
}

const struct advice_way *advice_way(const struct advice *advice, size_t i)
{
    return &advice->ways[i].way;
}

size_t advice_best(const struct advice *advice, enum advice_kind kind, double error, size_t *ret,
                   size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < advice->count; i++) {
        const struct advice_way *way = &advice->ways[i].way;
        size_t place = count;
        if (way->kind != kind || !(way->error <= error))
            continue;
        while (place > 0 && way->predicted_ns < advice->ways[ret[place - 1]].way.predicted_ns)
            place--;
        if (place == most)
            continue;
        count += count < most;
        for (size_t j = count - 1; j > place; j--)
            ret[j] = ret[j - 1];
        ret[place] = i;
    }
    return count;
}

size_t advice_held_out(const struct advice *advice, size_t *ret, size_t most)
{
    size_t there = 0, count = 0, seen = 0;
    for (size_t i = 0; i < advice->count; i++)
        there += !advice->ways[i].way.anchor;
    most = most < there ? most : there;
    for (size_t i = 0; i < advice->count && count < most; i++)
        if (!advice->ways[i].way.anchor && seen++ * most / there == count)
            ret[count++] = i;
    return count;
}

/* The callers of advice_measure: all plain ones first. */
static size_t list_callers(const struct advice *advice, const size_t *ways, size_t count,
                           struct caller *ret)
{
    size_t dense = 0;
    for (size_t i = 0; i < advice->count; i++)
        if (advice->ways[i].way.kind == ADVICE_DENSE)
            ret[dense++] = (struct caller){.advice = advice,
                                           .candidate = &advice->ways[i],
                                           .variant = advice->ways[i].way.variant};
    for (size_t i = 0; i < count; i++)
        ret[dense + i] = (struct caller){.advice = advice,
                                         .candidate = &advice->ways[ways[i]],
                                         .variant = advice->ways[ways[i]].way.variant};
    return dense;
}

static bool tell(const struct advice *advice, const struct caller *callers, size_t dense, size_t i,
                 struct advice_time *ret)
{
    *ret = (struct advice_time){.way = (size_t)(callers[i].candidate - advice->ways),
                                .variant = callers[i].variant,
                                .time_ns = advice->rounds.time[i],
                                .speedup = {.median = 1, .lo = 1, .hi = 1}};
    return i == dense || measure_speedup(&advice->rounds, dense, i, &ret->speedup);
}

enum outcome advice_measure(struct advice *advice, const size_t *ways, size_t count,
                            struct advice_time *ret, struct advice_time *ret_dense,
                            struct error *error)
{
    struct caller *callers = calloc(advice->count + count, sizeof *callers);
    if (!callers)
        return fail_memory(error, "callers", 0);
    size_t plain = list_callers(advice, ways, count, callers), dense = 0;
    rounds_clear(&advice->rounds);
    enum outcome outcome = time_callers(advice, callers, plain + count, &advice->rounds, error);
    for (size_t i = 1; i < plain && !outcome; i++)
        if (advice->rounds.time[i].median < advice->rounds.time[dense].median)
            dense = i;
    bool ok = outcome || tell(advice, callers, dense, dense, ret_dense);
    for (size_t i = 0; i < count && !outcome && ok; i++)
        ok = tell(advice, callers, dense, plain + i, &ret[i]);
    free(advice->at);
    advice->at = malloc((count + 1) * sizeof *advice->at);
    for (size_t i = 0; advice->at && i < count; i++)
        advice->at[i] = plain + i;
    if (!outcome && (!ok || !advice->at))
        outcome = fail_memory(error, "ratios", 0);
    free(callers);
    return outcome;
}

bool advice_ratio(const struct advice *advice, size_t a, size_t b, struct stats_interval *ret)
{
    return measure_speedup(&advice->rounds, advice->at[b], advice->at[a], ret);
}

/* trial.c - everything that is demanded of a variant, at one shape: see trial.h. */
#include "verify/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many multiply-adds a batch comes in two parts, not one by one. */
#define SINGLES_MOST ((size_t)1 << 26)

/* Outputs and selection of a whole batch, in the order of the problem, however it was run. */
struct pass {
    float *y;        /* [B][n] */
    uint32_t *index; /* [B][k] */
    uint32_t *count; /* [B] */
    float *gate;     /* [B][k] */
};

struct trial_data {
    struct trial trial;
    struct problem problem;
    struct midl_oracle *oracles[MIDL_INT8 + 1]; /* by dtype; NULL until a variant needs it */
    const struct midl_oracle *oracle;           /* of the variant that is tried */
    float *x, *y; /* one run: inputs in another order [B][d], outputs [B][n] */
    struct pass base, other;
    struct pass first; /* the selection that all variants must agree on; y unused */
    bool first_known;
    enum midl_isa first_isa; /* instruction set of the shared gate at that time */
};

static const char *fill_name(enum fill fill)
{
    switch (fill) {
    case FILL_NORMAL:
        return "normal";
    case FILL_INTEGER:
        return "integer";
    case FILL_TIES:
        return "ties";
    case FILL_SKEWED:
        return "skewed";
    }
    return "?";
}

void trial_text(const struct trial *trial, char ret[TRIAL_TEXT_SIZE])
{
    const struct midl_shape *s = &trial->shape;
    char gate_rank[24] = "", rule[24] = "";
    if (s->gate == MIDL_GATE_LOWRANK)
        snprintf(gate_rank, sizeof gate_rank, ":%zu", s->rg);
    if (s->select == MIDL_SELECT_BLOCK)
        snprintf(rule, sizeof rule, ":%zu", s->block);
    if (s->select == MIDL_SELECT_THRESHOLD)
        snprintf(rule, sizeof rule, ":%.9g", (double)s->threshold);
    snprintf(ret, TRIAL_TEXT_SIZE,
             "d=%zu n=%zu k=%zu r=%zu gate=%s%s select=%s%s unselected=%s batch=%zu fill=%s "
             "seed=%llu",
             s->d, s->n, s->k, s->r, midl_gate_name(s->gate), gate_rank,
             midl_select_name(s->select), rule, midl_unselected_name(s->unselected), trial->batch,
             fill_name(trial->fill), (unsigned long long)trial->seed);
}

/* ---- Data ----------------------------------------------------------------------------------- */

static bool pass_allocate(const struct trial *t, struct pass *pass)
{
    size_t pairs = t->batch * t->shape.k + 1;
    pass->y = malloc(t->batch * t->shape.n * sizeof *pass->y);
    pass->index = malloc(pairs * sizeof *pass->index);
    pass->count = calloc(t->batch, sizeof *pass->count);
    pass->gate = malloc(pairs * sizeof *pass->gate);
    return pass->y && pass->index && pass->count && pass->gate;
}

static void pass_clear(struct pass *pass)
{
    free(pass->y);
    free(pass->index);
    free(pass->count);
    free(pass->gate);
}

static void forget_workspace(struct trial_data *data)
{
    free(data->x);
    free(data->y);
    pass_clear(&data->base);
    pass_clear(&data->other);
    pass_clear(&data->first);
}

void trial_destroy(struct trial_data *data)
{
    if (!data)
        return;
    forget_workspace(data);
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++)
        midl_oracle_destroy(data->oracles[dtype]);
    problem_clear(&data->problem);
    free(data);
}

/* Whether the numbers of both are the same: all but k and the rule that selects. */
static bool same_numbers(const struct trial *a, const struct trial *b)
{
    const struct midl_shape *s = &a->shape, *t = &b->shape;
    return s->d == t->d && s->n == t->n && s->r == t->r && s->gate == t->gate && s->rg == t->rg &&
           a->batch == b->batch && a->fill == b->fill && a->seed == b->seed;
}

static enum outcome make_numbers(struct trial_data *data, struct error *error)
{
    const struct trial *t = &data->trial;
    return problem_random(&t->shape, t->batch, t->seed, t->fill, &data->problem, error);
}

/* The reference for weights of this dtype, made when it is first asked for. */
static enum outcome take_oracle(struct trial_data *data, enum midl_dtype dtype, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    if (!data->oracles[dtype])
        outcome = problem_oracle(&data->problem, dtype, &data->oracles[dtype], error);
    if (outcome == OUTCOME_DONE)
        data->oracle = data->oracles[dtype];
    return outcome;
}

enum outcome trial_prepare(const struct trial *trial, struct trial_data *previous,
                           struct trial_data **ret, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    struct trial_data *data = calloc(1, sizeof *data);
    bool room = data != NULL;
    if (room) {
        data->trial = *trial;
        room = pass_allocate(trial, &data->base) && pass_allocate(trial, &data->other) &&
               pass_allocate(trial, &data->first);
        data->x = malloc(trial->batch * trial->shape.d * sizeof *data->x);
        data->y = malloc(trial->batch * trial->shape.n * sizeof *data->y);
    }
    if (!room || !data->x || !data->y) {
        outcome = fail_memory(error, "the outputs of a trial",
                              16.0 * (double)trial->batch * (double)trial->shape.n);
    } else if (previous && same_numbers(trial, &previous->trial)) {
        data->problem = previous->problem;
        data->problem.layer.shape = trial->shape;
        memcpy(data->oracles, previous->oracles, sizeof data->oracles);
        previous->problem = (struct problem){0};
        memset(previous->oracles, 0, sizeof previous->oracles);
    } else {
        outcome = make_numbers(data, error);
    }
    trial_destroy(previous);
    if (outcome == OUTCOME_DONE)
        *ret = data;
    else
        trial_destroy(data);
    return outcome;
}

/* ---- Passes --------------------------------------------------------------------------------- */

static void keep_row(const struct trial_data *data, const struct midl_selection *selection,
                     size_t row, size_t place, const float *y, struct pass *ret)
{
    size_t n = data->trial.shape.n, k = data->trial.shape.k;
    memcpy(ret->y + place * n, y + row * n, n * sizeof *y);
    ret->count[place] = 0;
    if (!selection->batch || !k)
        return;
    ret->count[place] = selection->count[row];
    memcpy(ret->index + place * k, selection->index + row * k, k * sizeof *ret->index);
    memcpy(ret->gate + place * k, selection->gate + row * k, k * sizeof *ret->gate);
}

/* Run the batch `chunk` inputs at a time, last input first if `reversed`. */
static void run_pass(struct trial_data *data, struct midl_plan *plan, size_t chunk, bool reversed,
                     struct pass *ret)
{
    size_t batch = data->trial.batch, d = data->trial.shape.d;
    for (size_t i = 0; i < batch; i++) {
        size_t source = reversed ? batch - 1 - i : i;
        memcpy(data->x + i * d, data->problem.x + source * d, d * sizeof *data->x);
    }
    for (size_t first = 0; first < batch; first += chunk) {
        size_t count = batch - first < chunk ? batch - first : chunk;
        midl_run(plan, count, data->x + first * d, data->y);
        struct midl_selection selection = midl_plan_selection(plan);
        for (size_t i = 0; i < count; i++) {
            size_t place = reversed ? batch - 1 - (first + i) : first + i;
            keep_row(data, &selection, i, place, data->y, ret);
        }
    }
}

static bool same_selection(const struct trial *t, const struct pass *a, const struct pass *b)
{
    for (size_t i = 0; i < t->batch; i++) {
        size_t at = i * t->shape.k, count = a->count[i];
        if (count != b->count[i] ||
            memcmp(a->index + at, b->index + at, count * sizeof *a->index) != 0 ||
            memcmp(a->gate + at, b->gate + at, count * sizeof *a->gate) != 0)
            return false;
    }
    return true;
}

static bool same_output(const struct trial *t, const struct pass *a, const struct pass *b)
{
    return memcmp(a->y, b->y, t->batch * t->shape.n * sizeof *a->y) == 0;
}

static void reject(struct trial_result *ret, const char *how, const char *reason)
{
    char text[MIDL_REASON_SIZE]; /* `reason` may be the text that is replaced */
    snprintf(text, sizeof text, "%s: %.200s", how, reason);
    memcpy(ret->reason, text, sizeof text);
    ret->verdict = TRIAL_FAILED;
}

/* Compare `data->other` with the base: it must be equal to the bit, or be outputs within the bound.
 */
static void compare_passes(struct trial_data *data, bool linear, bool bits, const char *how,
                           struct trial_result *ret)
{
    const struct trial *t = &data->trial;
    struct pass *a = &data->base, *b = &data->other;
    struct check_result check;
    struct midl_selection selection = {.batch = t->batch,
                                       .stride = t->shape.k,
                                       .index = b->index,
                                       .count = b->count,
                                       .gate = b->gate};
    if (ret->verdict != TRIAL_PASSED)
        return;
    if (!linear && !same_selection(t, a, b)) {
        reject(ret, how, "another selection");
    } else if (bits) {
        if (!same_output(t, a, b))
            reject(ret, how, "other bits in the output");
    } else {
        check_output(data->oracle, &t->shape, linear ? NULL : &selection, b->y, false, &check);
        if (!check.ok)
            reject(ret, how, check.reason);
    }
}

/* The gate and the selection are shared: every variant must get the same from them. Instruction
 * sets sum in different orders, so the first variant of each set is the one to agree with. */
static void compare_with_first(struct trial_data *data, struct trial_result *ret)
{
    if (!data->first_known || data->first_isa != midl_isa_best()) {
        struct pass swap = data->first;
        data->first = data->base;
        data->base = swap;
        data->first_known = true;
        data->first_isa = midl_isa_best();
    } else if (!same_selection(&data->trial, &data->first, &data->base)) {
        reject(ret, "compared with other variants", "another selection");
    }
}

/* ---- The trial ------------------------------------------------------------------------------ */

static enum midl_status make_plan(const struct trial_data *data, const struct midl_variant *variant,
                                  int threads, struct midl_plan **ret, char *reason)
{
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = data->trial.batch,
                                        .threads = threads};
    return midl_plan_create(&data->problem.layer, &options, ret, reason);
}

/* Other orders and thread counts. */
static void try_variations(struct trial_data *data, struct midl_plan *plan,
                           struct midl_plan *two_threads, struct trial_result *ret)
{
    const struct trial *t = &data->trial;
    bool linear = midl_variant_is_linear(midl_plan_variant(plan));
    bool own = midl_variant_isa(midl_plan_variant(plan)) != MIDL_ISA_GENERIC;
    bool whole = t->fill != FILL_NORMAL;
    size_t work = t->batch * t->shape.n * t->shape.d;
    size_t part = work <= SINGLES_MOST ? 1 : (t->batch + 1) / 2;
    run_pass(data, plan, t->batch, false, &data->base);
    if (t->batch > 1) {
        run_pass(data, plan, t->batch, true, &data->other);
        compare_passes(data, linear, whole, "inputs in reverse order", ret);
        run_pass(data, plan, part, false, &data->other);
        compare_passes(data, linear, whole, part == 1 ? "one by one" : "batch in two parts", ret);
    }
    if (two_threads) {
        run_pass(data, two_threads, t->batch, false, &data->other);
        compare_passes(data, linear, whole || own, "two threads", ret);
        ret->threads_change = !same_output(t, &data->base, &data->other);
    }
    if (!linear)
        compare_with_first(data, ret);
}

/* Check, then vary. */
static enum outcome try_plans(struct trial_data *data, struct midl_plan *plan,
                              struct midl_plan *two_threads, struct trial_result *ret,
                              struct error *error)
{
    struct check_result check;
    enum outcome outcome = take_oracle(data, midl_variant_dtype(midl_plan_variant(plan)), error);
    if (outcome == OUTCOME_DONE)
        outcome = check_plan(plan, &data->problem, data->oracle, data->trial.fill != FILL_NORMAL,
                             &check, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    ret->verdict = check.ok ? TRIAL_PASSED : TRIAL_FAILED;
    ret->error_ratio = check.error_ratio;
    snprintf(ret->reason, sizeof ret->reason, "%s", check.reason);
    if (check.ok)
        try_variations(data, plan, two_threads, ret);
    return OUTCOME_DONE;
}

enum outcome trial_run(struct trial_data *data, const struct midl_variant *variant,
                       struct trial_result *ret, struct error *error)
{
    struct midl_plan *plan = NULL, *two_threads = NULL;
    char reason[MIDL_REASON_SIZE];
    *ret = (struct trial_result){.verdict = TRIAL_SKIPPED};
    enum outcome outcome = OUTCOME_DONE;
    enum midl_status status = make_plan(data, variant, 1, &plan, ret->reason);
    if (status == MIDL_UNAVAILABLE)
        return OUTCOME_DONE;
    if (status == MIDL_OK) /* two threads may be unavailable: built without OpenMP */
        status = make_plan(data, variant, 2, &two_threads, reason);
    if (status == MIDL_NO_MEMORY)
        outcome = fail(error, OUTCOME_MACHINE, "%s", plan ? reason : ret->reason);
    else if (status == MIDL_INVALID) /* but every trial is a legal shape */
        reject(ret, "no plan", plan ? reason : ret->reason);
    else
        outcome = try_plans(data, plan, two_threads, ret, error);
    midl_plan_destroy(plan);
    midl_plan_destroy(two_threads);
    return outcome;
}

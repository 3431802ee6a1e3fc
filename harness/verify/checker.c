/* checker.c - comparing a kernel with the oracle. Suspicious by design: everything that is right is
 * shown to be right, and what wasn't shown counts as wrong. A reference of nothing but zeros shows
 * nothing, so it fails too ("mistrusted"). */
#include "verify/checker.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define GUARD 64               /* floats before and after y */
#define GUARD_BITS 0x7fc0dead  /* a NaN too: a kernel that reads it shows */
#define POISON_BITS 0x7fc0beef /* a quiet NaN whose payload no arithmetic makes */

/* ---- Results -------------------------------------------------------------------------------- */

static void reject(struct check_result *ret, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void reject(struct check_result *ret, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret->reason, sizeof ret->reason, format, arguments);
    va_end(arguments);
    ret->ok = false;
}

static void accept(struct check_result *ret)
{
    *ret = (struct check_result){.ok = true};
}

/* ---- Selection ------------------------------------------------------------------------------ */

/* One input's selection under a rule. */
struct choice {
    const struct midl_oracle *oracle;
    const struct midl_shape *shape;
    size_t input, count;
    const uint32_t *index; /* [count] */
    const float *gate;     /* [count] */
};

/* Neurons that are chosen together: blocks, or one by one. */
static size_t unit_width(const struct midl_shape *shape)
{
    return shape->select == MIDL_SELECT_BLOCK ? shape->block : 1;
}

static void check_count(const struct choice *c, struct check_result *ret)
{
    bool ok = c->shape->select == MIDL_SELECT_THRESHOLD ? c->count <= c->shape->k
                                                        : c->count == c->shape->k;
    if (!ok)
        reject(ret, "input %zu selected %zu neurons, expected %s%zu", c->input, c->count,
               c->shape->select == MIDL_SELECT_THRESHOLD ? "at most " : "", c->shape->k);
}

static void check_order(const struct choice *c, struct check_result *ret)
{
    size_t width = unit_width(c->shape);
    for (size_t i = 0; i < c->count && ret->ok; i++) {
        if (!(c->index[i] < c->oracle->shape.n))
            reject(ret, "input %zu selected neuron %" PRIu32 " of %zu", c->input, c->index[i],
                   c->oracle->shape.n);
        else if (i && !(c->index[i] > c->index[i - 1]))
            reject(ret, "input %zu: neuron %" PRIu32 " listed after %" PRIu32 ", not ascending",
                   c->input, c->index[i], c->index[i - 1]);
        else if (!(c->index[i] % width == i % width))
            reject(ret, "input %zu: neuron %" PRIu32 " breaks a block of %zu", c->input,
                   c->index[i], width);
    }
}

static void check_gates(const struct choice *c, bool exact, struct check_result *ret)
{
    for (size_t i = 0; i < c->count && ret->ok; i++) {
        double bound, p = midl_oracle_gate(c->oracle, c->input, c->index[i], &bound);
        bool ok = fabs((double)c->gate[i] - p) <= bound;
        if (exact && p >= (double)FLT_MIN)
            ok = c->gate[i] == (float)p;
        if (!ok)
            reject(ret, "gate of input %zu, neuron %" PRIu32 " = %.9g, expected %.9g +- %.3g",
                   c->input, c->index[i], (double)c->gate[i], p, bound);
    }
}

/* The sum of a unit's logits and how far a float sum of float logits may be off. */
static double unit_logit(const struct choice *c, size_t unit, double *ret_bound)
{
    size_t width = unit_width(c->shape);
    double sum = 0.0, magnitude = 0.0;
    *ret_bound = 0.0;
    for (size_t j = unit * width; j < (unit + 1) * width; j++) {
        double logit = c->oracle->logit[c->input * c->oracle->shape.n + j];
        sum += logit;
        magnitude += fabs(logit);
        *ret_bound += midl_oracle_logit_bound(c->oracle, c->input, j);
    }
    if (width > 1)
        *ret_bound += 8.0 * (double)FLT_EPSILON * magnitude;
    return sum;
}

/* Is the neuron so near the threshold that float may see it on either side? */
static bool near_threshold(const struct choice *c, size_t j, double logit)
{
    double gate_bound, p = midl_oracle_gate(c->oracle, c->input, j, &gate_bound);
    double cut = midl_oracle_logit_cut(c->shape);
    double off = midl_oracle_logit_bound(c->oracle, c->input, j) +
                 4.0 * (double)FLT_EPSILON * (1.0 + fabs(cut));
    return fabs(p - (double)c->shape->threshold) <= gate_bound ||
           (isfinite(cut) && fabs(logit - cut) <= off);
}

/* No neuron left out may surely be larger than one selected; under a threshold none selected may
 * surely lie below it, and one left out without need may not surely lie above it. */
static void check_best_chosen(const struct choice *c, struct check_result *ret)
{
    size_t width = unit_width(c->shape), next = 0, weakest = 0, strongest = 0;
    double lowest_chosen = INFINITY, highest_left = -INFINITY;
    bool threshold = c->shape->select == MIDL_SELECT_THRESHOLD;
    double cut = threshold ? midl_oracle_logit_cut(c->shape) : -INFINITY;
    for (size_t unit = 0; unit < c->oracle->shape.n / width && ret->ok; unit++) {
        double bound, logit = unit_logit(c, unit, &bound);
        bool chosen = next < c->count && c->index[next] == unit * width;
        bool unclear = threshold && near_threshold(c, unit, logit);
        if (chosen && logit + bound < lowest_chosen) {
            lowest_chosen = logit + bound;
            weakest = unit * width;
        }
        if (chosen && threshold && !(logit > cut || unclear))
            reject(ret, "input %zu selected neuron %zu, whose gate is not above the threshold",
                   c->input, unit);
        if (!chosen && (logit > cut && !unclear) && logit - bound > highest_left) {
            highest_left = logit - bound;
            strongest = unit * width;
        }
        next += chosen ? width : 0;
    }
    if (ret->ok && c->count < c->shape->k && highest_left > -INFINITY)
        reject(ret, "input %zu left out neuron %zu, whose gate is above the threshold", c->input,
               strongest);
    else if (ret->ok && c->count && !(highest_left <= lowest_chosen))
        reject(ret, "input %zu left out %s %zu for %zu, which has a smaller logit", c->input,
               width > 1 ? "the block at" : "neuron", strongest, weakest);
}

/* Exact logits: the oracle's own choice and no other. expected: room for n. */
static void check_same(const struct choice *c, uint32_t *expected, struct check_result *ret)
{
    size_t count = midl_oracle_select(c->oracle, c->shape, c->input, expected);
    if (c->count != count) {
        reject(ret, "input %zu selected %zu neurons, expected %zu", c->input, c->count, count);
        return;
    }
    for (size_t i = 0; i < count && ret->ok; i++) {
        if (c->index[i] != expected[i])
            reject(ret, "input %zu selected neuron %" PRIu32 ", expected %" PRIu32, c->input,
                   c->index[i], expected[i]);
    }
}

static void check_choice(const struct choice *c, bool exact, uint32_t *scratch,
                         struct check_result *ret)
{
    if (midl_oracle_unranked(c->oracle, c->shape, c->input))
        return; /* nothing to select; check_output wants NaN in that row */
    check_count(c, ret);
    if (ret->ok)
        check_order(c, ret);
    if (ret->ok && exact)
        check_same(c, scratch, ret);
    if (ret->ok)
        check_best_chosen(c, ret);
    if (ret->ok)
        check_gates(c, exact, ret);
}

void check_selection(const struct midl_oracle *oracle, const struct midl_shape *shape,
                     const struct midl_selection *selection, bool exact, struct check_result *ret)
{
    accept(ret);
    if (selection->batch != oracle->batch)
        reject(ret, "the selection is of %zu inputs, expected %zu", selection->batch,
               oracle->batch);
    else if (selection->stride != shape->k)
        reject(ret, "the selection has stride %zu, expected k = %zu", selection->stride, shape->k);
    uint32_t *scratch = malloc((oracle->shape.n + 1) * sizeof *scratch);
    if (!scratch)
        reject(ret, "not checked: not enough memory");
    for (size_t i = 0; i < oracle->batch && ret->ok; i++) {
        struct choice choice = {.oracle = oracle, .shape = shape, .input = i};
        choice.count = selection->count[i];
        if (selection->stride) {
            choice.index = selection->index + i * selection->stride;
            choice.gate = selection->gate + i * selection->stride;
        }
        check_choice(&choice, exact, scratch, ret);
    }
    free(scratch);
}

/* ---- Output --------------------------------------------------------------------------------- */

static bool is_poison(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == POISON_BITS;
}

static void fill_bits(float *values, size_t count, uint32_t bits)
{
    for (size_t i = 0; i < count; i++)
        memcpy(values + i, &bits, sizeof bits);
}

/* The result of the comparisons so far. */
struct tally {
    size_t wrong;
    bool computed, nonzero; /* of the reference: more than prescribed zeros; not all zero */
    double worst;           /* error / bound; NaN stays */
    struct check_result *result;
};

static void describe(struct tally *tally, size_t i, size_t j, float y, double expected,
                     double bound, bool exact)
{
    if (is_poison(y))
        reject(tally->result, "y[%zu][%zu] was not written, expected %.9g", i, j, expected);
    else if (exact)
        reject(tally->result, "y[%zu][%zu] = %.9g, expected exactly %.9g", i, j, (double)y,
               expected);
    else
        reject(tally->result, "y[%zu][%zu] = %.9g, expected %.9g +- %.3g", i, j, (double)y,
               expected, bound);
}

/* The reason is that of the worst output; the first NaN is worse than anything. */
static void compare(struct tally *tally, size_t i, size_t j, float y, double expected, double bound,
                    bool exact)
{
    double error = fabs((double)y - expected);
    double ratio = error == 0.0 ? 0.0 : error / bound;
    bool ok = exact ? y == (float)expected : error <= bound;
    bool worse = !isnan(tally->worst) && !(ratio <= tally->worst);
    if (worse)
        tally->worst = ratio;
    if (!ok && (worse || !tally->wrong))
        describe(tally, i, j, y, expected, bound, exact);
    tally->wrong += !ok;
    tally->nonzero = tally->nonzero || expected != 0.0;
}

/* An input with a NaN logit: a NaN of the kernel's own making in all of its row. */
static void compare_nan_row(struct tally *tally, size_t i, size_t n, const float *y)
{
    for (size_t j = 0; j < n; j++) {
        bool ok = isnan(y[j]) && !is_poison(y[j]);
        if (!ok && !tally->wrong)
            reject(tally->result, "y[%zu][%zu] %s %.9g, expected NaN: the input has a NaN logit", i,
                   j, is_poison(y[j]) ? "was not written," : "=", (double)y[j]);
        tally->wrong += !ok;
    }
}

/* The selection that outputs are held against; never longer than its list. */
static size_t selected_count(const struct midl_selection *selection, size_t i)
{
    return selection->count[i] < selection->stride ? selection->count[i] : selection->stride;
}

void check_output(const struct midl_oracle *oracle, const struct midl_shape *shape,
                  const struct midl_selection *selection, const float *y, bool exact,
                  struct check_result *ret)
{
    static const uint32_t none[1];
    size_t n = oracle->shape.n;
    struct tally tally = {.result = ret};
    accept(ret);
    double *expected = malloc(2 * n * sizeof *expected);
    if (!expected) {
        reject(ret, "not checked: not enough memory");
        return;
    }
    for (size_t i = 0; i < oracle->batch; i++) {
        if (selection && midl_oracle_unranked(oracle, shape, i)) {
            compare_nan_row(&tally, i, n, y + i * n);
            tally.computed = tally.nonzero = true;
            continue;
        }
        size_t count = selection ? selected_count(selection, i) : 0;
        const uint32_t *index = count ? selection->index + i * selection->stride : none;
        tally.computed |= !selection || count || shape->unselected == MIDL_UNSELECTED_LIGHT;
        midl_oracle_output(oracle, shape, i, selection ? index : NULL, count, expected,
                           expected + n);
        for (size_t j = 0; j < n; j++)
            compare(&tally, i, j, y[i * n + j], expected[j], expected[n + j], exact);
    }
    free(expected);
    ret->error_ratio = tally.worst;
    if (tally.wrong > 1) {
        size_t used = strlen(ret->reason);
        snprintf(ret->reason + used, sizeof ret->reason - used, " (%zu outputs wrong)",
                 tally.wrong);
    }
    if (ret->ok && tally.computed && !tally.nonzero)
        reject(ret, "mistrusted: the reference is zero everywhere, which proves nothing");
}

/* ---- The whole call ------------------------------------------------------------------------- */

static size_t guards_broken(const float *guard)
{
    size_t broken = 0;
    for (size_t i = 0; i < GUARD; i++) {
        uint32_t bits;
        memcpy(&bits, guard + i, sizeof bits);
        broken += bits != GUARD_BITS;
    }
    return broken;
}

static enum midl_status expected_status(const struct midl_oracle *oracle,
                                        const struct midl_shape *shape, bool gated)
{
    for (size_t i = 0; i < oracle->batch && gated; i++) {
        if (midl_oracle_unranked(oracle, shape, i))
            return MIDL_NAN_LOGIT;
    }
    return MIDL_OK;
}

/* Run between guards and look at everything but the numbers. */
static void check_manners(const struct check_subject *subject, const struct problem *problem,
                          const struct midl_oracle *oracle, float *y, struct check_result *ret)
{
    size_t length = problem->batch * problem->layer.shape.n;
    fill_bits(y - GUARD, GUARD, GUARD_BITS);
    fill_bits(y, length, POISON_BITS);
    fill_bits(y + length, GUARD, GUARD_BITS);
    uint64_t before = problem->watched ? 0 : problem_hash(problem);
    double start_ns = clock_ns();
    enum midl_status status = subject->run(subject->data, problem->batch, problem->x, y);
    ret->call_ns = clock_ns() - start_ns;
    enum midl_status expected =
        expected_status(oracle, &problem->layer.shape, !subject->linear && !subject->light);
    size_t under = guards_broken(y - GUARD), over = guards_broken(y + length);
    if (under)
        reject(ret, "%zu floats written before the start of y", under);
    else if (over)
        reject(ret, "%zu floats written past the end of y", over);
    else if (!problem->watched && problem_hash(problem) != before)
        reject(ret, "weights or inputs were written to");
    else if (status != expected)
        reject(ret, "the run returned '%s', expected '%s'", midl_status_text(status),
               midl_status_text(expected));
}

enum outcome check_run(const struct check_subject *subject, const struct problem *problem,
                       const struct midl_oracle *oracle, bool exact, struct check_result *ret,
                       struct error *error)
{
    const struct midl_shape *shape = &problem->layer.shape;
    size_t floats = (problem->batch * shape->n + 15) / 16 * 16 + 2 * GUARD;
    float *memory = aligned_alloc(64, floats * sizeof *memory);
    if (!memory)
        return fail_memory(error, "checking an output", (double)floats * sizeof *memory);
    float *y = memory + GUARD;
    struct midl_selection selection = {0};
    struct check_result manners, chosen, output;
    uint32_t *none = NULL;
    accept(&manners);
    accept(&chosen);
    check_manners(subject, problem, oracle, y, &manners);
    if (subject->light) {
        if (!(none = calloc(problem->batch, sizeof *none))) {
            free(memory);
            return fail_memory(error, "checking an output", (double)problem->batch * sizeof *none);
        }
        selection = (struct midl_selection){.batch = problem->batch, .index = none, .count = none};
    } else if (!subject->linear) {
        selection = subject->selection(subject->data);
        check_selection(oracle, shape, &selection, exact, &chosen);
    }
    /* A selection that can't be trusted is no base for a comparison of outputs. */
    output = chosen;
    if (chosen.ok)
        check_output(oracle, shape, subject->linear ? NULL : &selection, y, exact, &output);
    *ret = manners.ok ? output : manners;
    ret->call_ns = manners.call_ns;
    ret->error_ratio = chosen.ok ? output.error_ratio : NAN;
    free(none);
    free(memory);
    return OUTCOME_DONE;
}

static enum midl_status run_plan(void *plan, size_t batch, const float *x, float *y)
{
    return midl_run(plan, batch, x, y);
}

static struct midl_selection plan_selection(void *plan)
{
    return midl_plan_selection(plan);
}

enum outcome check_plan(struct midl_plan *plan, const struct problem *problem,
                        const struct midl_oracle *oracle, bool exact, struct check_result *ret,
                        struct error *error)
{
    struct check_subject subject = {.run = run_plan,
                                    .selection = plan_selection,
                                    .linear = midl_variant_is_linear(midl_plan_variant(plan)),
                                    .light = midl_variant_is_light(midl_plan_variant(plan)),
                                    .data = plan};
    return check_run(&subject, problem, oracle, exact, ret, error);
}

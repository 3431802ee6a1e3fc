/* test_gradients.c - training a layer: the oracle of the gradient against finite differences of a
 * loss written down once more, and the fast passes against the oracle. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gradients.h"
#include "gradients_oracle.h"
#include "oracle.h"
#include "base/rng.h"
#include "verify/problem.h"

#include <cmocka.h> /* last: it has a macro fail() */

static const enum midl_gate gates[] = {MIDL_GATE_FULL, MIDL_GATE_LOWRANK, MIDL_GATE_SHARED};
static const enum midl_select selects[] = {MIDL_SELECT_TOPK, MIDL_SELECT_BLOCK,
                                           MIDL_SELECT_THRESHOLD};
static const enum midl_unselected unselecteds[] = {MIDL_UNSELECTED_LIGHT, MIDL_UNSELECTED_ZERO};
static const enum midl_rule rules[] = {MIDL_RULE_STE_SELECTED, MIDL_RULE_STE, MIDL_RULE_SOFT};

/* Every combination of the four, by a number below 54. */
enum { COMBINATIONS = 54 };

static enum midl_rule combine(size_t i, struct midl_shape *shape)
{
    shape->gate = gates[i % 3];
    shape->select = selects[i / 3 % 3];
    shape->unselected = unselecteds[i / 9 % 2];
    return rules[i / 18];
}

/* ---- Arrays between pages that may not be touched ------------------------------------------- */

enum { ARRAYS = 32 };

struct guarded {
    bool at_end; /* arrays end where a forbidden page begins; else they begin where one ends */
    size_t count;
    struct {
        char *memory;
        size_t bytes;
    } arrays[ARRAYS];
};

/* An array with these floats, or NaN. */
static float *guarded_floats(struct guarded *g, size_t count, const float *from)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof *from;
    size_t inside = (bytes + page - 1) / page * page;
    char *memory =
        mmap(NULL, inside + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED && g->count < ARRAYS);
    assert_int_equal(mprotect(memory, page, PROT_NONE), 0);
    assert_int_equal(mprotect(memory + page + inside, page, PROT_NONE), 0);
    g->arrays[g->count].memory = memory;
    g->arrays[g->count++].bytes = inside + 2 * page;
    char *begin = memory + page + (g->at_end ? inside - bytes : 0);
    if (from)
        memcpy(begin, from, bytes);
    else
        memset(begin, 0xff, bytes);
    return (float *)(void *)begin;
}

static void guarded_clear(struct guarded *g)
{
    for (size_t i = 0; i < g->count; i++)
        munmap(g->arrays[i].memory, g->arrays[i].bytes);
}

/* ---- A layer, its inputs, and room for what a pass makes ------------------------------------- */

struct bench {
    struct problem problem;
    struct guarded memory;
    struct midl_layer layer;
    size_t batch;
    float *x, *dy, *y, *dx;
    struct midl_gradients gradients;
};

static size_t gate_columns(const struct midl_shape *s)
{
    return s->gate == MIDL_GATE_SHARED ? s->r : s->rg;
}

static void take_layer(struct bench *bench)
{
    const struct midl_layer *from = &bench->problem.layer;
    const struct midl_shape *s = &from->shape;
    struct guarded *g = &bench->memory;
    struct midl_gradients *to = &bench->gradients;
    bench->layer.shape = *s;
    size_t up = s->n * gate_columns(s);
    bench->layer.full_weight = guarded_floats(g, s->n * s->d, from->full_weight);
    bench->layer.full_bias = guarded_floats(g, s->n, from->full_bias);
    bench->layer.light_down = guarded_floats(g, s->r * s->d, from->light_down);
    bench->layer.light_up = guarded_floats(g, s->n * s->r, from->light_up);
    bench->layer.light_bias = guarded_floats(g, s->n, from->light_bias);
    bench->layer.gate_bias = guarded_floats(g, s->n, from->gate_bias);
    to->full_weight = guarded_floats(g, s->n * s->d, NULL);
    to->full_bias = guarded_floats(g, s->n, NULL);
    to->light_down = guarded_floats(g, s->r * s->d, NULL);
    to->light_up = guarded_floats(g, s->n * s->r, NULL);
    to->light_bias = guarded_floats(g, s->n, NULL);
    to->gate_bias = guarded_floats(g, s->n, NULL);
    if (s->gate == MIDL_GATE_FULL) {
        bench->layer.gate_weight = guarded_floats(g, s->n * s->d, from->gate_weight);
        to->gate_weight = guarded_floats(g, s->n * s->d, NULL);
        return;
    }
    bench->layer.gate_up = guarded_floats(g, up, from->gate_up);
    to->gate_up = guarded_floats(g, up, NULL);
    if (s->gate == MIDL_GATE_LOWRANK) {
        bench->layer.gate_down = guarded_floats(g, s->rg * s->d, from->gate_down);
        to->gate_down = guarded_floats(g, s->rg * s->d, NULL);
    }
}

static struct bench bench_create(const struct midl_shape *shape, size_t batch, enum fill fill,
                                 bool at_end)
{
    struct bench bench = {.batch = batch, .memory = {.at_end = at_end}};
    struct error error;
    assert_int_equal(problem_random(shape, batch, 3, fill, &bench.problem, &error), OUTCOME_DONE);
    take_layer(&bench);
    struct guarded *g = &bench.memory;
    bench.x = guarded_floats(g, batch * shape->d, bench.problem.x);
    bench.dy = guarded_floats(g, batch * shape->n, NULL);
    bench.y = guarded_floats(g, batch * shape->n, NULL);
    bench.dx = guarded_floats(g, batch * shape->d, NULL);
    struct rng rng = rng_seed(17);
    for (size_t i = 0; i < batch * shape->n; i++)
        bench.dy[i] = (float)(rng_uniform(&rng) - 0.5);
    return bench;
}

static void bench_clear(struct bench *bench)
{
    guarded_clear(&bench->memory);
    problem_clear(&bench->problem);
}

static struct midl_training *training_of(const struct midl_shape *shape, enum midl_rule rule,
                                         size_t batch, int threads)
{
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_training *training = NULL;
    struct midl_training_options options = {.rule = rule, .max_batch = batch, .threads = threads};
    if (midl_training_create(shape, &options, &training, reason) != MIDL_OK)
        fail_msg("%s", reason);
    return training;
}

/* ---- Finite differences --------------------------------------------------------------------- */

static double sigmoid(double l)
{
    return 1 / (1 + exp(-l));
}

/* A layer and one input whose F and L count, and those whose logits do. They differ when one of the
 * two is moved alone. */
struct variables {
    struct midl_layer layer;
    const float *x;
};

static double dot(size_t count, const float *a, const double *b)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void values(const struct variables *v, double *F, double *L, double *l)
{
    const struct midl_layer *a = &v->layer;
    const struct midl_shape *s = &a->shape;
    double x[64], projected[8], gate_projected[8];
    assert_true(s->d <= 64 && s->r <= 8 && (s->gate != MIDL_GATE_LOWRANK || s->rg <= 8));
    for (size_t i = 0; i < s->d; i++)
        x[i] = (double)v->x[i];
    for (size_t i = 0; i < s->r; i++)
        projected[i] = dot(s->d, a->light_down + i * s->d, x);
    for (size_t i = 0; s->gate == MIDL_GATE_LOWRANK && i < s->rg; i++)
        gate_projected[i] = dot(s->d, a->gate_down + i * s->d, x);
    for (size_t j = 0; j < s->n; j++) {
        F[j] = dot(s->d, a->full_weight + j * s->d, x) + (double)a->full_bias[j];
        L[j] = dot(s->r, a->light_up + j * s->r, projected) + (double)a->light_bias[j];
        l[j] = (double)a->gate_bias[j];
        if (s->gate == MIDL_GATE_FULL)
            l[j] += dot(s->d, a->gate_weight + j * s->d, x);
        else if (s->gate == MIDL_GATE_LOWRANK)
            l[j] += dot(s->rg, a->gate_up + j * s->rg, gate_projected);
        else
            l[j] += dot(s->r, a->gate_up + j * s->r, projected);
    }
}

/* What is differentiated. */
struct question {
    enum midl_rule rule;
    double temperature;
    const double *mask; /* hard: fixed */
    const float *dy;
};

/* The loss dy . y of one input, where F and L are those of `paths` and gate and mask of `gate`.
 * `learning`: with a mask of ones, as the gate learns under ste. */
static double loss(const struct question *q, const struct variables *paths,
                   const struct variables *gate, bool learning)
{
    enum { MOST = 64 };
    double F[MOST], L[MOST], l[MOST], mask[MOST], unused[MOST], unused_too[MOST], sum = 0;
    const struct midl_shape *s = &paths->layer.shape;
    assert_true(s->n <= MOST);
    values(paths, F, L, unused);
    values(gate, unused, unused_too, l);
    if (q->rule == MIDL_RULE_SOFT)
        midl_soft_mask(s, q->temperature, l, mask);
    for (size_t j = 0; j < s->n; j++) {
        double m = q->rule == MIDL_RULE_SOFT ? mask[j] : q->mask[j], p = sigmoid(l[j]);
        m = learning && q->rule == MIDL_RULE_STE ? 1 : m;
        double y = s->unselected == MIDL_UNSELECTED_ZERO ? m * (p * F[j] + (1 - p) * L[j])
                                                         : m * p * F[j] + (1 - m * p) * L[j];
        sum += (double)q->dy[j] * y;
    }
    return sum;
}

/* The derivative by one number, which `moved` has in place of the float at `at` of `still`. */
static double difference(const struct question *q, const struct variables *still,
                         const struct variables *moved, float *at)
{
    const float was = *at, step = 0x1p-9f;
    double up, down;
    *at = was + step;
    double to = (double)*at;
    up = loss(q, moved, still, false) + loss(q, still, moved, true);
    *at = was - step;
    double from = (double)*at;
    down = loss(q, moved, still, false) + loss(q, still, moved, true);
    *at = was;
    return (up - down) / (to - from);
}

static void near(const char *what, double value, double expected)
{
    if (!(fabs(value - expected) <= 2e-5 * (fabs(expected) + 0.2)))
        fail_msg("%s: %.9g, by differences %.9g", what, value, expected);
}

/* Some numbers of an array, the array being copied so that it can be moved alone. */
static void check_array(const struct question *q, const struct variables *still, const char *what,
                        const float **array, struct variables *moved, size_t count,
                        struct midl_terms terms)
{
    const float *original = *array;
    if (!terms.value)
        return;
    float *copy = malloc(count * sizeof *copy);
    memcpy(copy, original, count * sizeof *copy);
    *array = copy;
    for (size_t i = 0; i < count; i += 1 + count / 23)
        near(what, terms.value[i], difference(q, still, moved, copy + i));
    *array = original;
    free(copy);
}

/* The mask of the selection that the layer's oracle makes for one input. */
static void select_mask(const struct problem *problem, uint32_t *index, uint32_t *count,
                        double *mask)
{
    struct midl_oracle *oracle = NULL;
    const struct midl_shape *s = &problem->layer.shape;
    assert_int_equal(midl_oracle_create(&problem->layer, 1, problem->x, &oracle), MIDL_OK);
    *count = (uint32_t)midl_oracle_select(oracle, s, 0, index);
    memset(mask, 0, s->n * sizeof *mask);
    for (size_t i = 0; i < *count; i++)
        mask[index[i]] = 1;
    midl_oracle_destroy(oracle);
}

static void expect_derivatives(const struct midl_shape *shape, enum midl_rule rule,
                               double temperature)
{
    struct bench bench = bench_create(shape, 1, FILL_NORMAL, true);
    const struct midl_layer *layer = &bench.problem.layer;
    uint32_t index[64], count = 0;
    double mask[64];
    select_mask(&bench.problem, index, &count, mask);
    struct midl_selection selection = {
        .batch = 1, .stride = shape->k, .index = index, .count = &count};
    struct midl_gradients_oracle *o = NULL;
    assert_int_equal(midl_gradients_oracle_create(layer, rule, temperature, &selection, 1, bench.x,
                                                  bench.dy, &o),
                     MIDL_OK);
    struct question q = {rule, temperature, mask, bench.dy};
    struct variables still = {*layer, bench.x}, moved = still;
    size_t d = shape->d, n = shape->n, r = shape->r;
    check_array(&q, &still, "W", &moved.layer.full_weight, &moved, n * d, o->full_weight);
    check_array(&q, &still, "b", &moved.layer.full_bias, &moved, n, o->full_bias);
    check_array(&q, &still, "V", &moved.layer.light_down, &moved, r * d, o->light_down);
    check_array(&q, &still, "U", &moved.layer.light_up, &moved, n * r, o->light_up);
    check_array(&q, &still, "c", &moved.layer.light_bias, &moved, n, o->light_bias);
    check_array(&q, &still, "G", &moved.layer.gate_weight, &moved, n * d, o->gate_weight);
    check_array(&q, &still, "Q", &moved.layer.gate_down, &moved, shape->rg * d, o->gate_down);
    check_array(&q, &still, "P", &moved.layer.gate_up, &moved, n * gate_columns(shape), o->gate_up);
    check_array(&q, &still, "h", &moved.layer.gate_bias, &moved, n, o->gate_bias);
    check_array(&q, &still, "x", &moved.x, &moved, d, o->dx);
    midl_gradients_oracle_destroy(o);
    bench_clear(&bench);
}

static void test_differences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMBINATIONS; i++) {
        struct midl_shape shape = {.d = 7, .n = 24, .r = 2, .rg = 3, .block = 8, .threshold = 0.6f};
        enum midl_rule rule = combine(i, &shape);
        for (shape.k = 0; shape.k <= 24; shape.k += 8)
            expect_derivatives(&shape, rule, 0.7);
    }
}

/* A wrong gradient is noticed: the soft one without d tau / d l differs, and so does ste from
 * ste-selected. */
static void test_rules_differ(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 7, .n = 24, .r = 2, .rg = 3, .k = 8};
    struct bench bench = bench_create(&shape, 1, FILL_NORMAL, true);
    uint32_t index[64], count = 0;
    double mask[64], sum[3] = {0};
    select_mask(&bench.problem, index, &count, mask);
    struct midl_selection selection = {.batch = 1, .stride = 8, .index = index, .count = &count};
    for (size_t i = 0; i < 3; i++) {
        struct midl_gradients_oracle *o = NULL;
        assert_int_equal(midl_gradients_oracle_create(&bench.layer, rules[i], 0.5, &selection, 1,
                                                      bench.x, bench.dy, &o),
                         MIDL_OK);
        for (size_t j = 0; j < shape.n; j++)
            sum[i] += fabs(o->gate_bias.value[j]);
        midl_gradients_oracle_destroy(o);
    }
    assert_true(fabs(sum[0] - sum[1]) > 0.01 && fabs(sum[0] - sum[2]) > 0.01 &&
                fabs(sum[1] - sum[2]) > 0.01);
    bench_clear(&bench);
}

/* ---- The masks of `soft` -------------------------------------------------------------------- */

static void test_soft_masks(void **state)
{
    (void)state;
    const double logit[] = {0, 3, -1, 0.5};
    double mask[4];
    struct midl_shape shape = {.d = 1, .n = 4, .r = 1, .k = 2};
    assert_true(midl_soft_mask(&shape, 1, logit, mask));
    assert_true(fabs(mask[0] + mask[1] + mask[2] + mask[3] - 2) < 1e-12);
    assert_true(mask[1] > mask[3] && mask[3] > mask[0] && mask[0] > mask[2]);
    /* m_0 / (1 - m_0) : m_2 / (1 - m_2) = exp((l_0 - l_2) / T) */
    double ratio = mask[0] / (1 - mask[0]) * (1 - mask[2]) / mask[2];
    assert_true(fabs(ratio - exp(1)) < 1e-9);
    midl_soft_mask(&shape, 1e-3, logit, mask); /* as good as hard */
    assert_true(mask[1] > 1 - 1e-9 && mask[3] > 1 - 1e-9 && mask[0] < 1e-9 && mask[2] < 1e-9);
    shape.select = MIDL_SELECT_THRESHOLD;
    shape.threshold = 0.5f;
    shape.k = 4;
    assert_false(midl_soft_mask(&shape, 1, logit, mask));
    assert_true(fabs(mask[0] - 0.5) < 1e-12);
    shape.k = 1; /* more than one m's worth is above the threshold */
    assert_true(midl_soft_mask(&shape, 1, logit, mask));
    assert_true(fabs(mask[0] + mask[1] + mask[2] + mask[3] - 1) < 1e-12);
}

/* ---- Fast passes against the oracle --------------------------------------------------------- */

static void expect_terms(const char *what, size_t count, const float *found,
                         struct midl_terms terms, double share)
{
    for (size_t i = 0; terms.value && i < count; i++) {
        double off = fabs((double)found[i] - terms.value[i]);
        if (!(off <= share * terms.magnitude[i] + 1e-30))
            fail_msg("%s[%zu]: %.9g instead of %.9g, magnitude %.3g", what, i, (double)found[i],
                     terms.value[i], terms.magnitude[i]);
    }
}

static void expect_oracle(const struct bench *bench, const struct midl_gradients_oracle *o, bool dx)
{
    const struct midl_shape *s = &bench->layer.shape;
    const struct midl_gradients *g = &bench->gradients;
    size_t d = s->d, n = s->n, r = s->r;
    expect_terms("y", bench->batch * n, bench->y, o->y, o->share);
    if (dx)
        expect_terms("dx", bench->batch * d, bench->dx, o->dx, o->share);
    expect_terms("dW", n * d, g->full_weight, o->full_weight, o->share);
    expect_terms("db", n, g->full_bias, o->full_bias, o->share);
    expect_terms("dV", r * d, g->light_down, o->light_down, o->share);
    expect_terms("dU", n * r, g->light_up, o->light_up, o->share);
    expect_terms("dc", n, g->light_bias, o->light_bias, o->share);
    expect_terms("dG", n * d, g->gate_weight, o->gate_weight, o->share);
    expect_terms("dQ", s->rg * d, g->gate_down, o->gate_down, o->share);
    expect_terms("dP", n * gate_columns(s), g->gate_up, o->gate_up, o->share);
    expect_terms("dh", n, g->gate_bias, o->gate_bias, o->share);
}

/* Forward and backward on a training that may hold more inputs, twice: nothing of the first call
 * may show in the second. */
static void expect_pass(struct bench *bench, enum midl_rule rule, float temperature, int threads)
{
    struct midl_training *training =
        training_of(&bench->layer.shape, rule, bench->batch + 3, threads);
    struct midl_gradients_oracle *o = NULL;
    midl_training_temperature(training, temperature);
    for (size_t i = 0; i < 2; i++) {
        bool dx = i == 0;
        assert_int_equal(
            midl_training_forward(training, &bench->layer, bench->batch, bench->x, bench->y),
            MIDL_OK);
        midl_training_backward(training, &bench->layer, bench->batch, bench->x, bench->dy,
                               dx ? bench->dx : NULL, &bench->gradients);
        struct midl_selection selection = midl_training_selection(training);
        assert_int_equal(midl_gradients_oracle_create(&bench->layer, rule, (double)temperature,
                                                      &selection, bench->batch, bench->x, bench->dy,
                                                      &o),
                         MIDL_OK);
        expect_oracle(bench, o, dx);
        midl_gradients_oracle_destroy(o);
        for (size_t j = 0; j < bench->batch * bench->layer.shape.d; j++)
            bench->x[j] = -bench->x[j];
    }
    midl_training_destroy(training);
}

static void expect_passes(const struct midl_shape *shape, enum midl_rule rule, size_t batch,
                          enum fill fill)
{
    for (size_t i = 0; i < 2; i++) {
        struct bench bench = bench_create(shape, batch, fill, i == 0);
        expect_pass(&bench, rule, 0.5f, 1 + (int)i);
        bench_clear(&bench);
    }
}

static void test_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMBINATIONS; i++) {
        struct midl_shape shape = {
            .d = 37, .n = 48, .r = 3, .rg = 2, .block = 16, .threshold = 0.6f};
        enum midl_rule rule = combine(i, &shape);
        for (shape.k = 0; shape.k <= 48; shape.k += 16)
            expect_passes(&shape, rule, 5, FILL_NORMAL);
    }
}

/* Sizes around the widths of vectors and pieces, and ties. */
static void test_awkward_shapes(void **state)
{
    (void)state;
    static const struct {
        size_t batch, d, n, r, k;
    } sizes[] = {{1, 1, 1, 1, 1},      {1, 1, 1, 1, 0},       {2, 3, 17, 1, 5},
                 {33, 129, 65, 7, 29}, {17, 15, 131, 2, 130}, {64, 130, 67, 5, 20},
                 {70, 257, 33, 33, 15}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < 9; j++) {
            struct midl_shape shape = {.d = sizes[i].d,
                                       .n = sizes[i].n,
                                       .r = sizes[i].r,
                                       .rg = sizes[i].r + 1,
                                       .k = sizes[i].k,
                                       .gate = gates[j % 3]};
            expect_passes(&shape, rules[j / 3], sizes[i].batch, FILL_NORMAL);
            if (rules[j / 3] != MIDL_RULE_SOFT)
                expect_passes(&shape, rules[j / 3], sizes[i].batch, FILL_TIES);
        }
    }
}

/* The same on weaker instruction sets. */
static void test_instruction_sets(void **state)
{
    const enum midl_isa best = midl_isa_best();
    (void)state;
    for (int isa = MIDL_ISA_PORTABLE; isa < (int)best; isa++) {
        if (!midl_isa_available((enum midl_isa)isa))
            continue;
        midl_isa_limit((enum midl_isa)isa);
        for (size_t i = 0; i < 3; i++) {
            struct midl_shape shape = {
                .d = 281, .n = 150, .r = 3, .rg = 2, .k = 20 + 25 * i, .gate = gates[i]};
            expect_passes(&shape, MIDL_RULE_STE_SELECTED, 70, FILL_NORMAL);
        }
        midl_isa_limit(best);
    }
}

/* Forward and evaluation are the layer itself: within the bounds of its own oracle. */
static void expect_layer_output(const struct bench *bench, struct midl_selection selection)
{
    const struct midl_shape *s = &bench->layer.shape;
    struct midl_oracle *oracle = NULL;
    double *expected = calloc(s->n, sizeof *expected), *bound = calloc(s->n, sizeof *bound);
    assert_int_equal(midl_oracle_create(&bench->layer, bench->batch, bench->x, &oracle), MIDL_OK);
    assert_int_equal(selection.batch, bench->batch);
    for (size_t b = 0; b < bench->batch; b++) {
        midl_oracle_output(oracle, s, b, selection.index + b * selection.stride, selection.count[b],
                           expected, bound);
        for (size_t j = 0; j < s->n; j++)
            if (!(fabs((double)bench->y[b * s->n + j] - expected[j]) <= bound[j]))
                fail_msg("input %zu, neuron %zu: %g instead of %g", b, j,
                         (double)bench->y[b * s->n + j], expected[j]);
    }
    midl_oracle_destroy(oracle);
    free(expected);
    free(bound);
}

static void test_layer_output(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMBINATIONS; i++) {
        struct midl_shape shape = {
            .d = 37, .n = 48, .r = 3, .rg = 2, .k = 16, .block = 16, .threshold = 0.6f};
        enum midl_rule rule = combine(i, &shape);
        struct bench bench = bench_create(&shape, 7, FILL_NORMAL, true);
        struct midl_training *training = training_of(&shape, rule, 9, 2);
        if (rule != MIDL_RULE_SOFT) {
            assert_int_equal(midl_training_forward(training, &bench.layer, 7, bench.x, bench.y),
                             MIDL_OK);
            expect_layer_output(&bench, midl_training_selection(training));
        }
        assert_int_equal(midl_training_evaluate(training, &bench.layer, 7, bench.x, bench.y),
                         MIDL_OK);
        expect_layer_output(&bench, midl_training_selection(training));
        midl_training_destroy(training);
        bench_clear(&bench);
    }
}

/* ---- The rest of the interface -------------------------------------------------------------- */

static void test_forced(void **state)
{
    (void)state;
    static const uint32_t each[2][3] = {{0, 1, 9}, {4, 5, 0}}, counts[2] = {3, 2};
    static const uint32_t both[] = {2, 3, 7}, three = 3;
    struct midl_shape shape = {.d = 5, .n = 10, .r = 2, .k = 3, .gate = MIDL_GATE_SHARED};
    struct bench bench = bench_create(&shape, 2, FILL_NORMAL, true);
    struct midl_training *training = training_of(&shape, MIDL_RULE_STE_SELECTED, 2, 1);
    struct midl_selection forced = {.stride = 3, .index = each[0], .count = counts};
    midl_training_force(training, &forced);
    midl_training_forward(training, &bench.layer, 2, bench.x, bench.y);
    struct midl_selection found = midl_training_selection(training);
    assert_int_equal(found.count[0], 3);
    assert_int_equal(found.count[1], 2);
    assert_memory_equal(found.index, each[0], sizeof each[0]);
    assert_memory_equal(found.index + 3, each[1], 2 * sizeof each[1][0]);
    expect_layer_output(&bench, found);
    forced = (struct midl_selection){.stride = 0, .index = both, .count = &three};
    midl_training_force(training, &forced);
    midl_training_evaluate(training, &bench.layer, 2, bench.x, bench.y);
    found = midl_training_selection(training);
    assert_memory_equal(found.index + 3, both, sizeof both);
    expect_layer_output(&bench, found);
    midl_training_force(training, NULL);
    midl_training_evaluate(training, &bench.layer, 2, bench.x, bench.y);
    assert_memory_not_equal(midl_training_selection(training).index + 3, both, sizeof both);
    midl_training_destroy(training);
    bench_clear(&bench);
}

/* Bits of everything that a pass makes. */
static uint64_t hash_floats(uint64_t hash, size_t count, const float *floats)
{
    const unsigned char *bytes = (const unsigned char *)floats;
    for (size_t i = 0; floats && i < count * sizeof *floats; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_pass(struct bench *bench, enum midl_rule rule, int threads)
{
    const struct midl_shape *s = &bench->layer.shape;
    const struct midl_gradients *g = &bench->gradients;
    struct midl_training *training = training_of(s, rule, bench->batch, threads);
    uint64_t hash = 1;
    midl_training_forward(training, &bench->layer, bench->batch, bench->x, bench->y);
    midl_training_backward(training, &bench->layer, bench->batch, bench->x, bench->dy, bench->dx,
                           g);
    hash = hash_floats(hash, bench->batch * s->n, bench->y);
    hash = hash_floats(hash, bench->batch * s->d, bench->dx);
    hash = hash_floats(hash, s->n * s->d, g->full_weight);
    hash = hash_floats(hash, s->n, g->full_bias);
    hash = hash_floats(hash, s->r * s->d, g->light_down);
    hash = hash_floats(hash, s->n * s->r, g->light_up);
    hash = hash_floats(hash, s->n * s->d, g->gate_weight);
    hash = hash_floats(hash, s->rg * s->d, g->gate_down);
    hash = hash_floats(hash, s->n * gate_columns(s), g->gate_up);
    hash = hash_floats(hash, s->n, g->gate_bias);
    midl_training_destroy(training);
    return hash;
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        struct midl_shape shape = {
            .d = 300, .n = 272, .r = 9, .rg = 8, .k = 112, .gate = gates[i % 3]};
        struct bench bench = bench_create(&shape, 67, FILL_NORMAL, true);
        uint64_t one = hash_pass(&bench, rules[i / 3], 1);
        for (int threads = 2; threads <= 5; threads++)
            assert_int_equal(hash_pass(&bench, rules[i / 3], threads), one);
        bench.x[0] += 1;
        assert_int_not_equal(hash_pass(&bench, rules[i / 3], 1), one);
        bench_clear(&bench);
    }
}

static void test_nan(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct midl_shape shape = {.d = 5, .n = 10, .r = 2, .k = 3, .gate = MIDL_GATE_SHARED};
        struct bench bench = bench_create(&shape, 2, FILL_NORMAL, true);
        struct midl_training *training = training_of(&shape, rules[i], 2, 1);
        bench.x[0] = NAN;
        assert_int_equal(midl_training_forward(training, &bench.layer, 2, bench.x, bench.y),
                         MIDL_NAN_LOGIT);
        for (size_t j = 0; j < 10; j++) {
            assert_true(isnan(bench.y[j]));
            assert_false(isnan(bench.y[10 + j]));
        }
        assert_int_equal(midl_training_selection(training).count[0], 0);
        midl_training_destroy(training);
        bench_clear(&bench);
    }
}

/* Gradients that are not wanted are not written, the others stay the same. */
static void test_not_wanted(void **state)
{
    (void)state;
    struct midl_shape shape = {.d = 5, .n = 10, .r = 2, .rg = 2, .k = 3, .gate = MIDL_GATE_LOWRANK};
    struct bench bench = bench_create(&shape, 2, FILL_NORMAL, true);
    struct midl_gradients none = {0}, all = bench.gradients;
    uint64_t hash = hash_pass(&bench, MIDL_RULE_STE, 1);
    float *of_gate = bench.gradients.gate_down;
    bench.gradients = none;
    hash_pass(&bench, MIDL_RULE_STE, 1);
    bench.gradients.gate_down = of_gate;
    memset(of_gate, 0xff, shape.rg * shape.d * sizeof *of_gate);
    hash_pass(&bench, MIDL_RULE_STE, 1);
    assert_false(isnan(of_gate[0]));
    bench.gradients = all;
    assert_int_equal(hash_pass(&bench, MIDL_RULE_STE, 1), hash);
    bench_clear(&bench);
}

static void expect_refused(struct midl_shape shape, struct midl_training_options options,
                           const char *words)
{
    struct midl_training *training = NULL;
    char reason[MIDL_REASON_SIZE] = "";
    assert_int_equal(midl_training_create(&shape, &options, &training, reason), MIDL_INVALID);
    assert_null(training);
    if (!strstr(reason, words))
        fail_msg("'%s' does not say '%s'", reason, words);
}

static void test_refused(void **state)
{
    (void)state;
    const struct midl_shape shape = {.d = 5, .n = 10, .r = 2, .k = 3, .gate = MIDL_GATE_SHARED};
    const struct midl_training_options options = {.max_batch = 1, .threads = 1};
    struct midl_shape wrong_shape = shape;
    struct midl_training_options wrong = options;
    wrong_shape.k = 11;
    expect_refused(wrong_shape, options, "k must be 0..n");
    wrong.max_batch = 0;
    expect_refused(shape, wrong, "largest batch");
    wrong = options;
    wrong.threads = 0;
    expect_refused(shape, wrong, "threads");
    wrong = options;
    wrong.rule = (enum midl_rule)3;
    expect_refused(shape, wrong, "rule");
    midl_training_destroy(NULL);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        enum midl_rule rule = MIDL_RULE_SOFT;
        assert_true(midl_rule_parse(midl_rule_name(rules[i]), &rule));
        assert_int_equal(rule, rules[i]);
    }
    enum midl_rule rule = MIDL_RULE_SOFT;
    assert_false(midl_rule_parse("hard", &rule));
    assert_int_equal(rule, MIDL_RULE_SOFT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),    cmocka_unit_test(test_rules_differ),
        cmocka_unit_test(test_soft_masks),     cmocka_unit_test(test_passes),
        cmocka_unit_test(test_awkward_shapes), cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_layer_output),   cmocka_unit_test(test_forced),
        cmocka_unit_test(test_threads),        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_not_wanted),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_kernels.c - every variant that can run here, at sizes around its tile, against the oracle;
 * what a plan refuses; and the covers from which shapes are taken. `midl verify` does the same on
 * larger shapes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/pairwise.h"
#include "verify/trial.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Trials around the tile ----------------------------------------------------------------- */

static const size_t depths[] = {1, 2, 7, 8, 15, 16, 17, 33, 67, 256, 257, 600};
static const size_t batches[] = {1, 2, 3, 5, 8, 9, 19, 33, 70};

enum {
    AXIS_N,
    AXIS_D,
    AXIS_BATCH,
    AXIS_K,
    AXIS_RULE,
    AXIS_GATE,
    AXIS_RANK,
    AXIS_UNSELECTED,
    AXIS_FILL,
    AXES
};

/* n: below, at and above the tile, between two tiles and three; in whole blocks; many. */
static size_t width_of(uint8_t level, size_t tile)
{
    const size_t widths[] = {1, tile > 1 ? tile - 1 : 2, tile, tile + 1, 2 * tile + 3, 48, 200};
    return widths[level];
}

static struct trial trial_of(const struct cover_row *row, size_t tile, uint64_t seed)
{
    const uint8_t *level = row->level;
    static const struct {
        enum midl_select select;
        size_t block;
    } rules[] = {{MIDL_SELECT_TOPK, 0},
                 {MIDL_SELECT_BLOCK, 8},
                 {MIDL_SELECT_THRESHOLD, 0},
                 {MIDL_SELECT_BLOCK, 16}};
    size_t block = rules[level[AXIS_RULE]].block, unit = block ? block : 1;
    size_t n = (width_of(level[AXIS_N], tile) + unit - 1) / unit * unit;
    struct trial trial = {
        .batch = batches[level[AXIS_BATCH]], .fill = (enum fill)level[AXIS_FILL], .seed = seed};
    struct midl_shape *s = &trial.shape;
    *s = (struct midl_shape){.d = depths[level[AXIS_D]],
                             .n = n,
                             .gate = (enum midl_gate)level[AXIS_GATE],
                             .select = rules[level[AXIS_RULE]].select,
                             .threshold = 0.5f,
                             .block = block,
                             .unselected = (enum midl_unselected)level[AXIS_UNSELECTED]};
    const size_t k[] = {0, unit, n / 2 / unit * unit, n};
    s->k = k[level[AXIS_K]];
    s->r = level[AXIS_RANK] ? 3 : 1;
    s->rg = level[AXIS_RANK] ? 17 : 1;
    return trial;
}

/* True if the variant serves the trial's shape; it must pass then. */
static bool passes(const struct trial *trial, const struct midl_variant *variant)
{
    struct trial_data *data = NULL;
    struct trial_result result;
    struct error error;
    char text[TRIAL_TEXT_SIZE];
    trial_text(trial, text);
    assert_int_equal(trial_prepare(trial, NULL, &data, &error), OUTCOME_DONE);
    assert_int_equal(trial_run(data, variant, &result, &error), OUTCOME_DONE);
    if (result.verdict == TRIAL_FAILED)
        fail_msg("%s %s, %s: %s", midl_variant_name(variant),
                 midl_dtype_name(midl_variant_dtype(variant)), text, result.reason);
    trial_destroy(data);
    return result.verdict == TRIAL_PASSED;
}

/* Returns the number of trials; each must pass. */
static size_t try_variant(const struct midl_variant *variant)
{
    const struct cover cover = {.axes = AXES,
                                .levels = {[AXIS_N] = 7,
                                           [AXIS_D] = COUNT(depths),
                                           [AXIS_BATCH] = COUNT(batches),
                                           [AXIS_K] = 4,
                                           [AXIS_RULE] = 4,
                                           [AXIS_GATE] = 3,
                                           [AXIS_RANK] = 2,
                                           [AXIS_UNSELECTED] = 2,
                                           [AXIS_FILL] = 3}};
    struct cover_row rows[200];
    size_t count = cover_pairs(&cover, rows, COUNT(rows)), passed = 0;
    assert_true(count < COUNT(rows));
    for (size_t i = 0; i < count; i++) {
        struct trial trial = trial_of(&rows[i], midl_variant_tile(variant), i + 1);
        passed += passes(&trial, variant);
    }
    return passed;
}

static void test_variants(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        if (midl_variant_unavailable(variant)) {
            print_message("%s: unavailable: %s\n", midl_variant_name(variant),
                          midl_variant_unavailable(variant));
            continue;
        }
        size_t passed = try_variant(variant);
        print_message("%s %s: %zu passed\n", midl_variant_name(variant),
                      midl_dtype_name(midl_variant_dtype(variant)), passed);
        assert_true(passed > 0);
        tried++;
    }
    assert_true(tried > 0);
}

/* More inputs than any routine takes at once. */
static void test_large_batch(void **state)
{
    (void)state;
    struct trial trial = {.shape = {.d = 300,
                                    .n = 48,
                                    .r = 3,
                                    .rg = 2,
                                    .k = 32,
                                    .gate = MIDL_GATE_LOWRANK,
                                    .select = MIDL_SELECT_BLOCK,
                                    .block = 16},
                          .batch = 523,
                          .fill = FILL_NORMAL,
                          .seed = 5};
    size_t passed = 0;
    for (size_t i = 0; i < midl_variant_count(); i++)
        if (!midl_variant_unavailable(midl_variant_at(i)))
            passed += passes(&trial, midl_variant_at(i));
    assert_true(passed > 0);
}

/* Weights of every type larger than what counts as near, and few inputs in every combination. */
static void far_weights(size_t batch)
{
    struct trial trial = {.shape = {.d = 1030,
                                    .n = 8300,
                                    .r = 3,
                                    .rg = 2,
                                    .k = 3735,
                                    .gate = MIDL_GATE_LOWRANK,
                                    .select = MIDL_SELECT_TOPK},
                          .batch = batch,
                          .fill = FILL_NORMAL,
                          .seed = 7};
    struct trial_data *data = NULL;
    struct trial_result result;
    struct error error;
    size_t passed = 0;
    assert_int_equal(trial_prepare(&trial, NULL, &data, &error), OUTCOME_DONE);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        const char *name = midl_variant_name(variant);
        if (midl_variant_unavailable(variant) ||
            (strncmp(name, "lists", 5) != 0 && strncmp(name, "simd", 4) != 0 &&
             strcmp(name, "dense-rows") != 0 && strcmp(name, "linear-rows") != 0))
            continue;
        assert_int_equal(trial_run(data, variant, &result, &error), OUTCOME_DONE);
        if (result.verdict != TRIAL_PASSED)
            fail_msg("%s: %s", name, result.reason);
        passed++;
    }
    assert_true(passed > 0);
    trial_destroy(data);
}

static void test_far_weights(void **state)
{
    (void)state;
    far_weights(1);
    far_weights(8);
}

/* Blocks that a few inputs share in every number: each has a routine of its own. */
static void test_shared_blocks(void **state)
{
    (void)state;
    struct trial trial = {.shape = {.d = 33,
                                    .n = 256,
                                    .r = 3,
                                    .rg = 2,
                                    .gate = MIDL_GATE_LOWRANK,
                                    .select = MIDL_SELECT_BLOCK,
                                    .block = 16},
                          .fill = FILL_NORMAL,
                          .seed = 7};
    size_t passed = 0;
    for (trial.batch = 1; trial.batch <= 13; trial.batch++)
        for (trial.shape.k = 64; trial.shape.k <= trial.shape.n; trial.shape.k += 64)
            for (size_t i = 0; i < midl_variant_count(); i++)
                if (!midl_variant_unavailable(midl_variant_at(i)))
                    passed += passes(&trial, midl_variant_at(i));
    assert_true(passed > 0);
}

/* The shared routines in each instruction set below the best. */
static void test_weaker_sets(void **state)
{
    (void)state;
    enum midl_isa best = midl_isa_best();
    for (int isa = MIDL_ISA_PORTABLE; isa < (int)best; isa++) {
        if (!midl_isa_available((enum midl_isa)isa))
            continue;
        midl_isa_limit((enum midl_isa)isa);
        assert_int_equal(midl_isa_best(), isa);
        assert_true(try_variant(midl_variant_find("masked", MIDL_F32)) > 0);
        assert_true(try_variant(midl_variant_find("simd", MIDL_F32)) > 0);
        assert_true(try_variant(midl_variant_find("masked", MIDL_BF16)) > 0);
        assert_true(try_variant(midl_variant_find("masked", MIDL_INT8)) > 0);
        midl_isa_limit(MIDL_ISA_AVX512);
    }
    assert_int_equal(midl_isa_best(), best);
}

/* ---- One problem, all variants -------------------------------------------------------------- */

typedef void variant_test(const struct midl_variant *variant);

static const struct midl_shape shape = {
    .d = 37, .n = 70, .r = 3, .rg = 2, .k = 33, .gate = MIDL_GATE_LOWRANK};

/* Every variant of MID-L that can run here and serves this shape. */
static void for_each_variant(variant_test *test)
{
    size_t tried = 0;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        char reason[MIDL_REASON_SIZE];
        if (midl_variant_is_linear(variant) ||
            midl_variant_fits(variant, &shape, 1, 1, reason) != MIDL_OK)
            continue;
        test(variant);
        tried++;
    }
    assert_true(tried > 0);
}

static struct midl_plan *plan_with(bool keep_logits, const struct midl_variant *variant,
                                   const struct midl_layer *layer, size_t batch)
{
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = batch,
                                        .threads = 1,
                                        .keep_logits = keep_logits};
    if (midl_plan_create(layer, &options, &plan, reason) != MIDL_OK)
        fail_msg("%s: %s", options.variant, reason);
    return plan;
}

static struct midl_plan *plan_of(const struct midl_variant *variant, const struct midl_layer *layer,
                                 size_t batch)
{
    return plan_with(false, variant, layer, batch);
}

static struct problem problem_of(const struct midl_shape *s, size_t batch, enum fill fill)
{
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(s, batch, 21, fill, &p, &error), OUTCOME_DONE);
    return p;
}

/* An array of a problem, to be changed. */
static float *writable(const float *array)
{
    return (float *)(uintptr_t)array;
}

static void assert_checks(const struct midl_variant *variant, const struct problem *p, bool exact)
{
    struct midl_plan *plan = plan_of(variant, &p->layer, p->batch);
    struct midl_oracle *oracle;
    struct check_result result;
    struct error error;
    assert_int_equal(problem_oracle(p, midl_variant_dtype(variant), &oracle, &error), OUTCOME_DONE);
    assert_int_equal(check_plan(plan, p, oracle, exact, &result, &error), OUTCOME_DONE);
    if (!result.ok)
        fail_msg("%s: %s", midl_variant_name(variant), result.reason);
    midl_oracle_destroy(oracle);
    midl_plan_destroy(plan);
}

/* All logits equal, and zeros of both signs among them: the lowest indices. */
static void equal_logits(const struct midl_variant *variant)
{
    for (int zero = 0; zero < 2; zero++) {
        struct midl_shape s = shape;
        s.gate = MIDL_GATE_FULL;
        struct problem p = problem_of(&s, 3, FILL_INTEGER);
        memset(writable(p.layer.gate_weight), 0, s.n * s.d * sizeof(float));
        for (size_t j = 0; j < s.n; j++)
            writable(p.layer.gate_bias)[j] = zero ? (j % 2 ? 0.0f : -0.0f) : 128.0f;
        assert_checks(variant, &p, true);
        struct midl_plan *plan = plan_of(variant, &p.layer, 3);
        float *y = malloc(3 * s.n * sizeof *y);
        assert_int_equal(midl_run(plan, 3, p.x, y), MIDL_OK);
        struct midl_selection selection = midl_plan_selection(plan);
        for (size_t i = 0; i < 3 * s.k; i++)
            assert_int_equal(selection.index[i], i % s.k);
        free(y);
        midl_plan_destroy(plan);
        problem_clear(&p);
    }
}

static void test_equal_logits(void **state)
{
    (void)state;
    for_each_variant(equal_logits);
}

/* A NaN in one input of three: check_plan demands MIDL_NAN_LOGIT, NaN in that row, the others
 * right. Then in a weight of the gate that all inputs meet. */
static void nan_logits(const struct midl_variant *variant)
{
    for (int gate = MIDL_GATE_FULL; gate <= MIDL_GATE_SHARED; gate++) {
        struct midl_shape s = shape;
        s.gate = (enum midl_gate)gate;
        struct problem p = problem_of(&s, 3, FILL_NORMAL);
        p.x[s.d + 36] = NAN;
        assert_checks(variant, &p, false);
        writable(p.layer.gate_bias)[s.n - 1] = NAN;
        assert_checks(variant, &p, false);
        problem_clear(&p);
    }
}

static void test_nan_logits(void **state)
{
    (void)state;
    for_each_variant(nan_logits);
}

/* After a NaN the same plan is right again. */
static void recovers_from_nan(const struct midl_variant *variant)
{
    struct problem p = problem_of(&shape, 2, FILL_INTEGER);
    struct midl_plan *plan = plan_of(variant, &p.layer, 2);
    float *x = malloc(2 * shape.d * sizeof *x), *y = malloc(2 * shape.n * sizeof *y);
    struct midl_oracle *oracle;
    struct check_result result;
    struct error error;
    for (size_t i = 0; i < 2 * shape.d; i++)
        x[i] = NAN;
    assert_int_equal(midl_run(plan, 2, x, y), MIDL_NAN_LOGIT);
    assert_int_equal(midl_oracle_create(&p.layer, 2, p.x, &oracle), MIDL_OK);
    assert_int_equal(check_plan(plan, &p, oracle, true, &result, &error), OUTCOME_DONE);
    assert_string_equal(result.reason, "");
    midl_oracle_destroy(oracle);
    midl_plan_destroy(plan);
    free(x);
    free(y);
    problem_clear(&p);
}

static void test_recovers_from_nan(void **state)
{
    (void)state;
    for_each_variant(recovers_from_nan);
}

/* Both infinities in a block: no sum, so no order; in two blocks they are first and last. Only the
 * gate's bias counts. */
static void infinite_blocks(const struct midl_variant *variant)
{
    static const size_t widths[] = {8, 16}, places[] = {5, 37};
    for (size_t width = 0; width < 2; width++)
        for (size_t place = 0; place < 2; place++) {
            struct midl_shape s = {.d = 20, .n = 96, .r = 2, .k = 48, .gate = MIDL_GATE_FULL};
            char reason[MIDL_REASON_SIZE];
            s.select = MIDL_SELECT_BLOCK;
            s.block = widths[width];
            if (midl_variant_fits(variant, &s, 2, 1, reason) != MIDL_OK)
                continue;
            struct problem p = problem_of(&s, 2, FILL_INTEGER);
            memset(writable(p.layer.gate_weight), 0, s.n * s.d * sizeof(float));
            writable(p.layer.gate_bias)[2] = INFINITY;
            writable(p.layer.gate_bias)[places[place]] = -INFINITY;
            assert_checks(variant, &p, false);
            struct midl_plan *plan = plan_of(variant, &p.layer, 2);
            float y[2 * 96];
            assert_int_equal(midl_run(plan, 2, p.x, y), place == 0 ? MIDL_NAN_LOGIT : MIDL_OK);
            midl_plan_destroy(plan);
            problem_clear(&p);
        }
}

static void test_infinite_blocks(void **state)
{
    (void)state;
    for_each_variant(infinite_blocks);
}

/* Above threshold 0 is what has a gate that is no zero as a float: not l = -104. `plain`: of all
 * other gates floats hold the value. */
static void faint_gates_at(const struct midl_variant *variant, float threshold, bool plain)
{
    static const float logits[] = {0,    128,  -88,  -100, -103, -104,    -105,
                                   -200, -750, -128, 96,   -87,  -103.5f, -INFINITY};
    struct midl_shape s = shape;
    s.gate = MIDL_GATE_FULL;
    s.select = MIDL_SELECT_THRESHOLD;
    s.threshold = threshold;
    s.k = s.n;
    struct problem p = problem_of(&s, 1, FILL_INTEGER);
    memset(writable(p.layer.gate_weight), 0, s.n * s.d * sizeof(float));
    for (size_t j = 0; j < s.n; j++)
        writable(p.layer.gate_bias)[j] =
            plain || j % 3 ? logits[j % (COUNT(logits) - 3 * plain)] : (float)j / 16 - 2;
    assert_checks(variant, &p, plain);
    problem_clear(&p);
}

static void faint_gates(const struct midl_variant *variant)
{
    static const float thresholds[] = {0, 1e-44f, 1e-38f, 0.73105858f, 0.26894143f};
    for (size_t i = 0; i < COUNT(thresholds); i++) {
        faint_gates_at(variant, thresholds[i], false);
        if (i < 2)
            faint_gates_at(variant, thresholds[i], true);
    }
}

static void test_faint_gates(void **state)
{
    (void)state;
    for_each_variant(faint_gates);
}

/* An infinite logit is no error: a gate of 1 or 0. */
static void infinite_logits(const struct midl_variant *variant)
{
    struct midl_shape s = shape;
    s.k = s.n;
    struct problem p = problem_of(&s, 1, FILL_INTEGER);
    struct midl_oracle *oracle;
    assert_int_equal(midl_oracle_create(&p.layer, 1, p.x, &oracle), MIDL_OK);
    writable(p.layer.gate_bias)[2] = INFINITY;
    writable(p.layer.gate_bias)[5] = -INFINITY;
    struct midl_plan *plan = plan_of(variant, &p.layer, 1);
    float *y = malloc(s.n * sizeof *y);
    assert_int_equal(midl_run(plan, 1, p.x, y), MIDL_OK);
    assert_true(y[2] == (float)oracle->full[2]);
    assert_true(y[5] == (float)oracle->light[5]);
    free(y);
    midl_plan_destroy(plan);
    midl_oracle_destroy(oracle);
    problem_clear(&p);
}

static void test_infinite_logits(void **state)
{
    (void)state;
    for_each_variant(infinite_logits);
}

/* Some neurons are selected by nearly all inputs, the others by few: over several slices of d, and
 * more neurons and inputs than a variant takes at once. */
static void skewed_masks(const struct midl_variant *variant)
{
    static const size_t sizes[] = {17, 70, 150};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct midl_shape s = shape;
        s.n = 530;
        s.d = 270;
        s.k = 239;
        s.unselected = i == 1 ? MIDL_UNSELECTED_ZERO : MIDL_UNSELECTED_LIGHT;
        struct problem p = problem_of(&s, sizes[i], FILL_SKEWED);
        assert_checks(variant, &p, false);
        problem_clear(&p);
    }
}

static void test_skewed_masks(void **state)
{
    (void)state;
    for_each_variant(skewed_masks);
}

/* Inputs and outputs need no alignment but a float's. */
static void unaligned(const struct midl_variant *variant)
{
    struct problem p = problem_of(&shape, 4, FILL_INTEGER);
    struct midl_plan *plan = plan_of(variant, &p.layer, 4);
    size_t d = shape.d, n = shape.n;
    float *x = malloc((4 * d + 1) * sizeof *x);
    float *y = malloc((4 * n + 1) * sizeof *y), *aligned = malloc(4 * n * sizeof *y);
    memcpy(x + 1, p.x, 4 * d * sizeof *x);
    assert_int_equal(midl_run(plan, 4, p.x, aligned), MIDL_OK);
    assert_int_equal(midl_run(plan, 4, x + 1, y + 1), MIDL_OK);
    assert_memory_equal(y + 1, aligned, 4 * n * sizeof *y);
    midl_plan_destroy(plan);
    free(x);
    free(y);
    free(aligned);
    problem_clear(&p);
}

static void test_unaligned(void **state)
{
    (void)state;
    for_each_variant(unaligned);
}

/* What a plan tells of its last run. */
static void plan_state(const struct midl_variant *variant)
{
    struct problem p = problem_of(&shape, 3, FILL_NORMAL);
    struct midl_plan *plan = plan_with(true, variant, &p.layer, 5);
    struct midl_oracle *oracle;
    float *y = malloc(3 * shape.n * sizeof *y);
    assert_int_equal(midl_plan_selection(plan).batch, 0);
    assert_true(midl_plan_bytes(plan) > 0);
    assert_int_equal(midl_run(plan, 3, p.x, y), MIDL_OK);
    assert_int_equal(midl_plan_selection(plan).batch, 3);
    assert_int_equal(midl_plan_selection(plan).stride, shape.k);
    const float *logits = midl_plan_logits(plan);
    assert_non_null(logits);
    assert_int_equal(midl_oracle_create(&p.layer, 3, p.x, &oracle), MIDL_OK);
    for (size_t i = 0; i < 3 * shape.n; i++) {
        double bound = midl_oracle_logit_bound(oracle, i / shape.n, i % shape.n);
        assert_true(fabs((double)logits[i] - oracle->logit[i]) <= bound);
    }
    assert_int_equal(midl_run(plan, 2, p.x, y), MIDL_OK);
    assert_int_equal(midl_plan_selection(plan).batch, 2);
    midl_oracle_destroy(oracle);
    midl_plan_destroy(plan);
    free(y);
    problem_clear(&p);
}

static void test_plan_state(void **state)
{
    (void)state;
    for_each_variant(plan_state);
}

/* More inputs than go through the gate at a time. */
static void logits_not_kept(const struct midl_variant *variant)
{
    enum { BATCH = 100 };
    struct problem p = problem_of(&shape, BATCH, FILL_NORMAL);
    struct midl_plan *plan[2];
    float *y[2];
    for (size_t keep = 0; keep < 2; keep++) {
        plan[keep] = plan_with(keep, variant, &p.layer, BATCH);
        y[keep] = malloc(BATCH * shape.n * sizeof *y[keep]);
        assert_int_equal(midl_run(plan[keep], BATCH, p.x, y[keep]), MIDL_OK);
    }
    assert_null(midl_plan_logits(plan[false]));
    assert_true(midl_plan_bytes(plan[false]) < midl_plan_bytes(plan[true]));
    assert_memory_equal(y[false], y[true], BATCH * shape.n * sizeof **y);
    for (size_t keep = 0; keep < 2; keep++) {
        midl_plan_destroy(plan[keep]);
        free(y[keep]);
    }
    problem_clear(&p);
}

static void test_logits_not_kept(void **state)
{
    (void)state;
    for_each_variant(logits_not_kept);
}

/* A linear variant has no gate, and needs nothing of the layer but W and b. */
static void test_linear_plans(void **state)
{
    (void)state;
    struct problem p = problem_of(&shape, 3, FILL_INTEGER);
    struct midl_layer bare = {
        .shape = shape, .full_weight = p.layer.full_weight, .full_bias = p.layer.full_bias};
    size_t tried = 0;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        if (midl_variant_unavailable(variant) || !midl_variant_is_linear(variant))
            continue;
        assert_checks(variant, &p, true);
        struct midl_plan *plan = plan_of(variant, &bare, 3);
        float *y = malloc(3 * shape.n * sizeof *y);
        assert_int_equal(midl_run(plan, 3, p.x, y), MIDL_OK);
        assert_int_equal(midl_plan_selection(plan).batch, 0);
        assert_null(midl_plan_logits(plan));
        midl_plan_destroy(plan);
        free(y);
        tried++;
    }
    assert_true(tried > 0);
    problem_clear(&p);
}

/* ---- What a plan refuses -------------------------------------------------------------------- */

static void assert_refused(const struct midl_layer *layer, const struct midl_plan_options *options,
                           const char *expected)
{
    struct midl_plan *untouched = (void *)&expected, *plan = untouched;
    char reason[MIDL_REASON_SIZE] = "";
    assert_int_equal(midl_plan_create(layer, options, &plan, reason), MIDL_INVALID);
    assert_ptr_equal(plan, untouched);
    if (!strstr(reason, expected))
        fail_msg("'%s', expected '%s'", reason, expected);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct problem p = problem_of(&shape, 1, FILL_NORMAL);
    const struct midl_plan_options good = {.variant = "masked", .max_batch = 1, .threads = 1};
    struct midl_plan_options bad = good;
    bad.variant = "no such thing";
    assert_refused(&p.layer, &bad, "no such thing");
    bad = good;
    bad.max_batch = 0;
    assert_refused(&p.layer, &bad, "batch");
    bad = good;
    bad.threads = 0;
    assert_refused(&p.layer, &bad, "threads");
    bad.threads = -3;
    assert_refused(&p.layer, &bad, "threads");
    problem_clear(&p);
    midl_plan_destroy(NULL);
}

/* A caller built with a header that is longer than this library's, where it sets nothing that this
 * library lacks; the same for a layer. */
static void test_struct_sizes(void **state)
{
    (void)state;
    struct problem p = problem_of(&shape, 1, FILL_NORMAL);
    struct {
        struct midl_plan_options known;
        char unknown[24];
    } options = {.known = {.size = sizeof options, .max_batch = 1, .threads = 1}};
    struct {
        struct midl_layer known;
        char unknown[24];
    } layer = {.known = p.layer};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE] = "";
    assert_int_equal(midl_abi(), MIDL_ABI);
    layer.known.size = sizeof layer;
    assert_int_equal(midl_plan_create(&layer.known, &options.known, &plan, reason), MIDL_OK);
    midl_plan_destroy(plan);
    layer.unknown[23] = 1;
    assert_refused(&layer.known, &options.known, "layer.size");
    layer.unknown[23] = 0;
    options.unknown[0] = 1;
    assert_refused(&layer.known, &options.known, "options.size");
    options.known.size = sizeof options.known;
    layer.known.size = sizeof layer.known - 1;
    assert_refused(&layer.known, &options.known, "at least");
    layer.known.size = 0;
    options.known.size = 8;
    assert_refused(&layer.known, &options.known, "options.size is 8");
    problem_clear(&p);
}

static void test_bad_shapes(void **state)
{
    (void)state;
    struct problem p = problem_of(&shape, 1, FILL_NORMAL);
    const struct midl_plan_options options = {.variant = "masked", .max_batch = 1, .threads = 1};
    const struct {
        struct midl_shape shape;
        const char *reason;
    } rows[] = {
        {{.d = 0, .n = 8, .r = 1, .k = 1}, "d"},
        {{.d = 8, .n = 0, .r = 1, .k = 0}, "n"},
        {{.d = 8, .n = 8, .r = 0, .k = 1}, "r"},
        {{.d = 8, .n = 8, .r = 1, .k = 9}, "k"},
        {{.d = 8, .n = 8, .r = 1, .k = 1, .gate = MIDL_GATE_LOWRANK}, "rg"},
        {{.d = 8, .n = 8, .r = 1, .k = 8, .select = MIDL_SELECT_BLOCK, .block = 7}, "block"},
        {{.d = 8, .n = 12, .r = 1, .k = 8, .select = MIDL_SELECT_BLOCK, .block = 8}, "n"},
        {{.d = 8, .n = 16, .r = 1, .k = 4, .select = MIDL_SELECT_BLOCK, .block = 8}, "k"},
        {{.d = 8, .n = 8, .r = 1, .k = 8, .select = MIDL_SELECT_THRESHOLD, .threshold = 1}, "thr"},
        {{.d = 8, .n = 8, .r = 1, .k = 8, .select = MIDL_SELECT_THRESHOLD, .threshold = NAN},
         "thr"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct midl_layer layer = p.layer;
        layer.shape = rows[i].shape;
        assert_refused(&layer, &options, rows[i].reason);
    }
    problem_clear(&p);
}

static void test_missing_arrays(void **state)
{
    (void)state;
    const struct midl_plan_options options = {.variant = "masked", .max_batch = 1, .threads = 1};
    for (int gate = MIDL_GATE_FULL; gate <= MIDL_GATE_SHARED; gate++) {
        struct midl_shape s = shape;
        s.gate = (enum midl_gate)gate;
        struct problem p = problem_of(&s, 1, FILL_NORMAL);
        struct midl_layer layer = p.layer;
        const float **arrays[] = {&layer.full_weight, &layer.full_bias,  &layer.light_down,
                                  &layer.light_up,    &layer.light_bias, &layer.gate_weight,
                                  &layer.gate_down,   &layer.gate_up,    &layer.gate_bias};
        for (size_t i = 0; i < COUNT(arrays); i++) {
            const float *array = *arrays[i];
            *arrays[i] = NULL;
            if (array)
                assert_refused(&layer, &options, "lacks");
            *arrays[i] = array;
        }
        problem_clear(&p);
    }
}

/* What this processor can't run is refused with a reason, not run and not silently replaced. */
static void test_unavailable(void **state)
{
    (void)state;
    struct problem p = problem_of(&shape, 1, FILL_NORMAL);
    midl_isa_limit(MIDL_ISA_PORTABLE);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        struct midl_plan *plan = NULL;
        char reason[MIDL_REASON_SIZE] = "";
        struct midl_plan_options options = {.variant = midl_variant_name(variant),
                                            .dtype = midl_variant_dtype(variant),
                                            .max_batch = 1,
                                            .threads = 1};
        enum midl_status status = midl_plan_create(&p.layer, &options, &plan, reason);
        if (midl_variant_isa(variant) > MIDL_ISA_PORTABLE)
            assert_int_equal(status, MIDL_UNAVAILABLE);
        if (status == MIDL_UNAVAILABLE)
            assert_true(reason[0] != '\0');
        midl_plan_destroy(plan);
    }
    midl_isa_limit(MIDL_ISA_AVX512);
    problem_clear(&p);
}

/* ---- Covers --------------------------------------------------------------------------------- */

static bool odd_pairs_excluded(size_t axis_a, uint8_t a, size_t axis_b, uint8_t b)
{
    return axis_a == 0 && axis_b == 2 && (a + b) % 2 == 1;
}

static bool pair_occurs(const struct cover_row *rows, size_t count, size_t axis_a, uint8_t a,
                        size_t axis_b, uint8_t b)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].level[axis_a] == a && rows[i].level[axis_b] == b)
            return true;
    }
    return false;
}

/* Every pair occurs that isn't excluded, none that is; far fewer rows than the product. */
static void assert_covers(const struct cover *cover, size_t most)
{
    struct cover_row rows[200], again[200];
    size_t count = cover_pairs(cover, rows, COUNT(rows));
    assert_in_range(count, 1, most);
    for (size_t a = 0; a < cover->axes; a++) {
        for (size_t b = a + 1; b < cover->axes; b++) {
            for (uint8_t va = 0; va < cover->levels[a]; va++) {
                for (uint8_t vb = 0; vb < cover->levels[b]; vb++) {
                    bool excluded = cover->excluded && cover->excluded(a, va, b, vb);
                    assert_int_equal(pair_occurs(rows, count, a, va, b, vb), !excluded);
                }
            }
        }
    }
    assert_int_equal(cover_pairs(cover, again, COUNT(again)), count);
    assert_memory_equal(rows, again, count * sizeof *rows);
}

static void test_covers(void **state)
{
    (void)state;
    struct cover cover = {.axes = 5, .levels = {5, 4, 6, 2, 3}};
    assert_covers(&cover, 40); /* of 720 */
    cover.excluded = odd_pairs_excluded;
    assert_covers(&cover, 40);
    cover = (struct cover){.axes = 2, .levels = {1, 3}};
    assert_covers(&cover, 3);
    struct cover_row rows[2];
    assert_int_equal(cover_pairs(&cover, rows, 2), 2); /* stops at the limit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants),        cmocka_unit_test(test_weaker_sets),
        cmocka_unit_test(test_large_batch),     cmocka_unit_test(test_far_weights),
        cmocka_unit_test(test_equal_logits),    cmocka_unit_test(test_shared_blocks),
        cmocka_unit_test(test_infinite_blocks), cmocka_unit_test(test_faint_gates),
        cmocka_unit_test(test_nan_logits),      cmocka_unit_test(test_recovers_from_nan),
        cmocka_unit_test(test_infinite_logits), cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_skewed_masks),    cmocka_unit_test(test_plan_state),
        cmocka_unit_test(test_logits_not_kept), cmocka_unit_test(test_linear_plans),
        cmocka_unit_test(test_bad_options),     cmocka_unit_test(test_struct_sizes),
        cmocka_unit_test(test_bad_shapes),      cmocka_unit_test(test_missing_arrays),
        cmocka_unit_test(test_unavailable),     cmocka_unit_test(test_covers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

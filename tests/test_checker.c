/* test_checker.c - is the checker awake? Kernels that are broken on purpose, each in one way, go
 * through the check that real ones go through, and each must be caught with a fitting reason. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/layer_file.h"
#include "verify/checker.h"
#include "verify/masks.h"
#include "verify/problem.h"
#include "data/tensors.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

enum fault {
    NO_FAULT,
    SKIPS_LAST_COLUMN,
    SKIPS_LAST_ROW,
    IGNORES_BIAS,
    IGNORES_GATE_VALUE,
    SWAPS_INPUTS,
    WRITES_PAST_END,
    WRITES_BEFORE_START,
    WRITES_TO_INPUT,
    WRITES_TO_WEIGHTS,
    LEAVES_NAN,
    WRITES_NOTHING,
    RETURNS_ZEROS,
    RETURNS_INFINITY,
    ONE_ULP_OFF,
    LEAVES_UNSELECTED_UNCLEARED,
    REPORTS_NAN_WRONGLY,
    OVERLOOKS_NAN,
    FILLS_NAN_ROW,
    /* of the selection; the outputs then agree with it */
    SELECTS_WRONG_NEURON,
    ONE_NEURON_TOO_FEW,
    TIE_TO_HIGHER_INDEX,
    NOT_ASCENDING,
    SAME_NEURON_TWICE,
    NEURON_OUT_OF_RANGE,
    BLOCK_SHIFTED,
    BELOW_THRESHOLD,
    MISSES_ABOVE_THRESHOLD,
    GATE_VALUE_OFF,
    WRONG_BATCH
};

/* A kernel in float, as plain as can be, with one fault. */
struct kernel {
    enum fault fault;
    bool linear;
    const struct problem *problem;
    const struct midl_oracle *oracle;
    uint32_t *index, *count;
    float *gate;
    struct midl_selection selection;
};

/* ---- The selection, right and wrong --------------------------------------------------------- */

static double logit_of(const struct kernel *k, size_t i, size_t j)
{
    return k->oracle->logit[i * k->oracle->shape.n + j];
}

static bool listed(const uint32_t *index, size_t count, size_t j)
{
    for (size_t i = 0; i < count; i++) {
        if (index[i] == j)
            return true;
    }
    return false;
}

static void put_in_order(uint32_t *index, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && index[j] < index[j - 1]; j--) {
            uint32_t swap = index[j];
            index[j] = index[j - 1];
            index[j - 1] = swap;
        }
    }
}

/* Swap a selected neuron for one left out: any with a smaller logit, or an equal one. */
static void swap_neuron(const struct kernel *k, size_t i, uint32_t *index, size_t count, bool equal)
{
    for (size_t s = 0; s < count; s++) {
        for (size_t j = 0; j < k->oracle->shape.n; j++) {
            double here = logit_of(k, i, index[s]), there = logit_of(k, i, j);
            if (!listed(index, count, j) && (equal ? there == here : there < here - 1e-3)) {
                index[s] = (uint32_t)j;
                put_in_order(index, count);
                return;
            }
        }
    }
    fail_msg("no neuron to swap: the problem is not made for this fault");
}

/* Select one more neuron, the one with the smallest logit. */
static void add_weakest(const struct kernel *k, size_t i, uint32_t *index, size_t *count)
{
    uint32_t weakest = UINT32_MAX;
    for (size_t j = 0; j < k->oracle->shape.n; j++) {
        if (!listed(index, *count, j) &&
            (weakest == UINT32_MAX || logit_of(k, i, j) < logit_of(k, i, weakest)))
            weakest = (uint32_t)j;
    }
    index[(*count)++] = weakest;
    put_in_order(index, *count);
}

static void shift_block(uint32_t *index)
{
    index[7] = index[7] + 1; /* the block's last neuron, exchanged for one beyond it */
}

static size_t break_selection(const struct kernel *k, size_t i, uint32_t *index, size_t count)
{
    if (k->fault == SELECTS_WRONG_NEURON)
        swap_neuron(k, i, index, count, false);
    else if (k->fault == TIE_TO_HIGHER_INDEX)
        swap_neuron(k, i, index, count, true);
    else if (k->fault == ONE_NEURON_TOO_FEW || k->fault == MISSES_ABOVE_THRESHOLD)
        count--;
    else if (k->fault == SAME_NEURON_TWICE)
        index[1] = index[0];
    else if (k->fault == NEURON_OUT_OF_RANGE)
        index[count - 1] = (uint32_t)k->oracle->shape.n;
    else if (k->fault == BLOCK_SHIFTED)
        shift_block(index);
    else if (k->fault == BELOW_THRESHOLD)
        add_weakest(k, i, index, &count);
    return count;
}

static void select_neurons(struct kernel *k)
{
    const struct midl_shape *s = &k->problem->layer.shape;
    for (size_t i = 0; i < k->problem->batch; i++) {
        uint32_t *index = k->index + i * s->k;
        float *gate = k->gate + i * s->k;
        size_t count = midl_oracle_select(k->oracle, s, i, index);
        count = count == SIZE_MAX ? 0 : break_selection(k, i, index, count);
        for (size_t c = 0; c < count; c++) {
            size_t j = index[c] < s->n ? index[c] : 0;
            gate[c] = 1.0f / (1.0f + expf(-(float)logit_of(k, i, j)));
            if (k->fault == GATE_VALUE_OFF)
                gate[c] *= 0.999f;
        }
        if (k->fault == NOT_ASCENDING) {
            uint32_t first = index[0];
            index[0] = index[1];
            index[1] = first;
        }
        k->count[i] = (uint32_t)count;
    }
    k->selection = (struct midl_selection){.batch = k->problem->batch - (k->fault == WRONG_BATCH),
                                           .stride = s->k,
                                           .index = k->index,
                                           .count = k->count,
                                           .gate = k->gate};
}

/* ---- The outputs, right and wrong ----------------------------------------------------------- */

static float affine(size_t length, const float *row, const float *in, float bias)
{
    float sum = bias;
    for (size_t i = 0; i < length; i++)
        sum += row[i] * in[i];
    return sum;
}

static float full_path(const struct kernel *k, const float *in, size_t j)
{
    const struct midl_layer *layer = &k->problem->layer;
    size_t d = layer->shape.d;
    return affine(d - (k->fault == SKIPS_LAST_COLUMN), layer->full_weight + j * d, in,
                  k->fault == IGNORES_BIAS ? 0.0f : layer->full_bias[j]);
}

static float light_path(const struct kernel *k, const float *in, size_t j)
{
    const struct midl_layer *layer = &k->problem->layer;
    const struct midl_shape *s = &layer->shape;
    float sum = layer->light_bias[j];
    for (size_t q = 0; q < s->r; q++)
        sum += layer->light_up[j * s->r + q] * affine(s->d, layer->light_down + q * s->d, in, 0.0f);
    return sum;
}

static void compute_row(const struct kernel *k, size_t i, const float *in, float *y)
{
    const struct midl_shape *s = &k->problem->layer.shape;
    bool zero = s->unselected == MIDL_UNSELECTED_ZERO && k->fault != LEAVES_UNSELECTED_UNCLEARED;
    size_t rows = s->n - (k->fault == SKIPS_LAST_ROW);
    for (size_t j = 0, next = 0; j < rows; j++) {
        const uint32_t *index = k->index + i * s->k;
        bool selected = next < k->count[i] && index[next] == j;
        float gate = selected && k->fault != IGNORES_GATE_VALUE ? k->gate[i * s->k + next] : 1.0f;
        if (k->linear)
            y[j] = full_path(k, in, j);
        else if (selected)
            y[j] = gate * full_path(k, in, j) + (1.0f - gate) * light_path(k, in, j);
        else
            y[j] = zero ? 0.0f : light_path(k, in, j);
        next += selected;
    }
}

static bool nan_row(const struct kernel *k, size_t i)
{
    return !k->linear && isnan(logit_of(k, i, 0));
}

static void spoil(const struct kernel *k, const float *x, float *y)
{
    const struct midl_layer *layer = &k->problem->layer;
    size_t n = layer->shape.n, last = k->problem->batch * n - 1;
    if (k->fault == WRITES_PAST_END)
        y[last + 1] = 0;
    else if (k->fault == WRITES_BEFORE_START)
        y[-1] = 0;
    else if (k->fault == WRITES_TO_INPUT)
        ((float *)(uintptr_t)x)[layer->shape.d - 1] += 1;
    else if (k->fault == WRITES_TO_WEIGHTS)
        ((float *)(uintptr_t)layer->gate_bias)[0] += 1;
    else if (k->fault == LEAVES_NAN)
        y[last / 2] = NAN;
    else if (k->fault == RETURNS_INFINITY)
        y[last / 2] = INFINITY;
    else if (k->fault == RETURNS_ZEROS)
        memset(y, 0, (last + 1) * sizeof *y);
    else if (k->fault == ONE_ULP_OFF)
        y[last / 2] = nextafterf(y[last / 2], INFINITY);
}

static enum midl_status run_kernel(void *data, size_t batch, const float *x, float *y)
{
    struct kernel *k = data;
    const struct midl_shape *s = &k->problem->layer.shape;
    enum midl_status status = k->fault == REPORTS_NAN_WRONGLY ? MIDL_NAN_LOGIT : MIDL_OK;
    if (!k->linear)
        select_neurons(k);
    if (k->fault == WRITES_NOTHING)
        return status;
    for (size_t i = 0; i < batch; i++) {
        size_t source = k->fault == SWAPS_INPUTS ? batch - 1 - i : i;
        compute_row(k, i, x + source * s->d, y + i * s->n);
        for (size_t j = 0; j < s->n && nan_row(k, i); j++)
            y[i * s->n + j] = k->fault == FILLS_NAN_ROW ? 0.0f : NAN;
        if (nan_row(k, i) && k->fault != OVERLOOKS_NAN)
            status = MIDL_NAN_LOGIT;
    }
    spoil(k, x, y);
    return status;
}

static struct midl_selection kernel_selection(void *data)
{
    return ((struct kernel *)data)->selection;
}

/* ---- Trials --------------------------------------------------------------------------------- */

/* Run a kernel with this fault on a problem, through check_run, against a reference. */
static struct check_result trial_against(const struct midl_oracle *oracle, const struct problem *p,
                                         enum fault fault, bool linear, bool exact)
{
    size_t cells = p->batch * (p->layer.shape.k + 1) + 1;
    struct kernel k = {.fault = fault, .linear = linear, .problem = p};
    struct check_subject subject = {
        .run = run_kernel, .selection = kernel_selection, .linear = linear, .data = &k};
    struct check_result result;
    struct error error;
    k.oracle = oracle;
    k.index = calloc(cells, sizeof *k.index);
    k.gate = calloc(cells, sizeof *k.gate);
    k.count = calloc(p->batch, sizeof *k.count);
    assert_true(k.index && k.gate && k.count);
    assert_int_equal(check_run(&subject, p, oracle, exact, &result, &error), OUTCOME_DONE);
    free(k.index);
    free(k.gate);
    free(k.count);
    return result;
}

static struct check_result trial(const struct problem *p, enum fault fault, bool linear, bool exact)
{
    struct midl_oracle *oracle;
    assert_int_equal(midl_oracle_create(&p->layer, p->batch, p->x, &oracle), MIDL_OK);
    struct check_result result = trial_against(oracle, p, fault, linear, exact);
    midl_oracle_destroy(oracle);
    return result;
}

static struct problem problem_of(const struct midl_shape *shape, size_t batch, enum fill fill)
{
    struct problem p;
    struct error error;
    assert_int_equal(problem_random(shape, batch, 11, fill, &p, &error), OUTCOME_DONE);
    return p;
}

static void assert_caught(const struct problem *p, enum fault fault, bool linear, bool exact,
                          const char *reason)
{
    struct check_result result = trial(p, fault, linear, exact);
    if (result.ok)
        fail_msg("fault %d passed; expected '%s'", (int)fault, reason);
    if (!strstr(result.reason, reason))
        fail_msg("fault %d: '%s', expected '%s'", (int)fault, result.reason, reason);
}

static const struct midl_shape topk = {
    .d = 50, .n = 40, .r = 3, .rg = 2, .k = 17, .gate = MIDL_GATE_LOWRANK};
static const struct midl_shape block = {.d = 50,
                                        .n = 40,
                                        .r = 3,
                                        .k = 16,
                                        .gate = MIDL_GATE_FULL,
                                        .select = MIDL_SELECT_BLOCK,
                                        .block = 8};
static const struct midl_shape threshold = {.d = 50,
                                            .n = 40,
                                            .r = 3,
                                            .k = 40,
                                            .gate = MIDL_GATE_SHARED,
                                            .select = MIDL_SELECT_THRESHOLD,
                                            .threshold = 0.5f};
static const struct midl_shape zeroed = {
    .d = 50, .n = 40, .r = 3, .k = 17, .gate = MIDL_GATE_FULL, .unselected = MIDL_UNSELECTED_ZERO};

/* The kernel without fault passes everywhere: what is caught below is the fault, not the kernel. */
static void test_right_kernel_passes(void **state)
{
    (void)state;
    const struct midl_shape *shapes[] = {&topk, &block, &threshold, &zeroed};
    for (size_t i = 0; i < 4; i++) {
        for (int fill = FILL_NORMAL; fill <= FILL_TIES; fill++) {
            struct problem p = problem_of(shapes[i], 5, (enum fill)fill);
            for (int linear = 0; linear < 2; linear++) {
                struct check_result result = trial(&p, NO_FAULT, linear, fill != FILL_NORMAL);
                if (!result.ok || result.reason[0])
                    fail_msg("shape %zu fill %d linear %d: %s", i, fill, linear, result.reason);
                assert_true(result.error_ratio >= 0 && result.error_ratio < 0.2);
            }
            problem_clear(&p);
        }
    }
}

/* Faults of the outputs, each on real-valued and on whole data; linear = also in a linear kernel.
 */
static void test_broken_outputs(void **state)
{
    (void)state;
    const struct {
        enum fault fault;
        bool linear;
        const char *reason;
    } rows[] = {
        {SKIPS_LAST_COLUMN, true, "outputs wrong"},
        {SKIPS_LAST_ROW, true, "][39] was not written"},
        {IGNORES_BIAS, true, "outputs wrong"},
        {IGNORES_GATE_VALUE, false, "outputs wrong"},
        {SWAPS_INPUTS, true, "outputs wrong"},
        {WRITES_PAST_END, true, "1 floats written past the end of y"},
        {WRITES_BEFORE_START, true, "1 floats written before the start of y"},
        {WRITES_TO_INPUT, true, "weights or inputs were written to"},
        {WRITES_TO_WEIGHTS, true, "weights or inputs were written to"},
        {LEAVES_NAN, true, "y[2][19] = nan, expected"},
        {WRITES_NOTHING, true, "y[0][0] was not written"},
        {RETURNS_ZEROS, true, "= 0, expected"},
        {RETURNS_INFINITY, true, "y[2][19] = inf, expected"},
        {REPORTS_NAN_WRONGLY, true, "expected 'ok'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int fill = FILL_NORMAL; fill <= FILL_INTEGER; fill++) {
            for (int linear = 0; linear <= rows[i].linear; linear++) {
                struct problem p = problem_of(&topk, 5, (enum fill)fill);
                assert_caught(&p, rows[i].fault, linear, fill != FILL_NORMAL, rows[i].reason);
                problem_clear(&p);
            }
        }
    }
}

/* ---- Weights of other types ----------------------------------------------------------------- */

/* What a broken packing makes of W. */
enum packing { RIGHT, NOT_ROUNDED, TRUNCATED, TIES_AWAY, SCALE_OF_NEXT_ROW, ONE_WEIGHT_OFF };

static float cut_bf16(float value, uint32_t added)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = (bits + added) & 0xffff0000;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float row_maximum(const float *row, size_t d)
{
    float max = 0;
    for (size_t i = 0; i < d; i++)
        max = fmaxf(max, fabsf(row[i]));
    return max;
}

/* W [n][d], rounded and broken, into ret. */
static void pack_badly(enum packing packing, enum midl_dtype dtype, const struct midl_layer *layer,
                       float *ret)
{
    const float *W = layer->full_weight;
    size_t n = layer->shape.n, d = layer->shape.d;
    char reason[MIDL_REASON_SIZE];
    assert_int_equal(midl_round_weights(dtype, n, d, W, ret, reason), MIDL_OK);
    for (size_t j = 0; j < n && packing == SCALE_OF_NEXT_ROW; j++) {
        float scale = row_maximum(W + (j + 1) % n * d, d) / row_maximum(W + j * d, d);
        for (size_t i = 0; i < d; i++)
            ret[j * d + i] *= scale;
    }
    for (size_t i = 0; i < n * d; i++) {
        if (packing == NOT_ROUNDED)
            ret[i] = W[i];
        else if (packing == TRUNCATED || packing == TIES_AWAY)
            ret[i] = cut_bf16(W[i], packing == TRUNCATED ? 0 : 0x8000);
    }
    if (packing == ONE_WEIGHT_OFF)
        ret[17 * d + 3] *= 1.0f + 0x1p-7f;
}

/* A right kernel on weights that were packed so, against the reference of the dtype. */
static struct check_result packed_trial(const struct problem *p, enum midl_dtype dtype,
                                        enum packing packing, bool exact)
{
    struct problem packed = *p;
    struct midl_oracle *oracle;
    struct error error;
    float *W = malloc(p->layer.shape.n * p->layer.shape.d * sizeof *W);
    assert_non_null(W);
    pack_badly(packing, dtype, &p->layer, W);
    packed.layer.full_weight = W;
    assert_int_equal(problem_oracle(p, dtype, &oracle, &error), OUTCOME_DONE);
    struct check_result result = trial_against(oracle, &packed, NO_FAULT, true, exact);
    midl_oracle_destroy(oracle);
    free(W);
    return result;
}

static void test_broken_packings(void **state)
{
    (void)state;
    const struct {
        enum midl_dtype dtype;
        enum packing packing;
    } broken[] = {
        {MIDL_BF16, NOT_ROUNDED}, {MIDL_BF16, TRUNCATED},         {MIDL_BF16, ONE_WEIGHT_OFF},
        {MIDL_INT8, NOT_ROUNDED}, {MIDL_INT8, SCALE_OF_NEXT_ROW}, {MIDL_INT8, ONE_WEIGHT_OFF},
    };
    struct problem normal = problem_of(&topk, 5, FILL_NORMAL);
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++) {
        struct check_result result = packed_trial(&normal, (enum midl_dtype)dtype, RIGHT, false);
        if (!result.ok)
            fail_msg("%s: %s", midl_dtype_name((enum midl_dtype)dtype), result.reason);
    }
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct check_result result =
            packed_trial(&normal, broken[i].dtype, broken[i].packing, false);
        if (result.ok)
            fail_msg("packing %d passed as %s", (int)broken[i].packing,
                     midl_dtype_name(broken[i].dtype));
    }
    problem_clear(&normal);
}

/* Whole weights at a tie of bf16: to even and away from zero differ, and it shows. */
static void test_broken_rounding_of_ties(void **state)
{
    (void)state;
    struct problem whole = problem_of(&topk, 5, FILL_INTEGER);
    float *W = (float *)(uintptr_t)whole.layer.full_weight;
    assert_true(packed_trial(&whole, MIDL_BF16, RIGHT, true).ok);
    assert_true(packed_trial(&whole, MIDL_INT8, RIGHT, true).ok);
    for (size_t i = 0; i < topk.n * topk.d; i++)
        W[i] = 257.0f; /* lies in the middle of 256 and 258 */
    assert_true(packed_trial(&whole, MIDL_BF16, RIGHT, true).ok);
    assert_false(packed_trial(&whole, MIDL_BF16, TIES_AWAY, true).ok);
    problem_clear(&whole);
}

static void test_nan_makes_the_ratio_nan(void **state)
{
    (void)state;
    struct problem p = problem_of(&topk, 2, FILL_NORMAL);
    assert_true(isnan(trial(&p, LEAVES_NAN, false, false).error_ratio));
    assert_true(isnan(trial(&p, WRITES_NOTHING, false, false).error_ratio));
    assert_true(trial(&p, RETURNS_INFINITY, false, false).error_ratio == INFINITY);
    assert_true(trial(&p, RETURNS_ZEROS, false, false).error_ratio > 1);
    problem_clear(&p);
}

/* One unit in the last place is nothing among real numbers, and a fault among whole ones. */
static void test_one_ulp(void **state)
{
    (void)state;
    struct problem normal = problem_of(&topk, 3, FILL_NORMAL);
    struct problem whole = problem_of(&topk, 3, FILL_INTEGER);
    assert_true(trial(&normal, ONE_ULP_OFF, false, false).ok);
    assert_caught(&whole, ONE_ULP_OFF, false, true, "expected exactly");
    problem_clear(&normal);
    problem_clear(&whole);
}

/* One column of a thousand, and a bias beside a thousand terms, still show. */
static void test_small_faults_in_large_layers(void **state)
{
    (void)state;
    struct midl_shape shape = topk;
    shape.d = 1000;
    for (size_t batch = 1; batch <= 9; batch += 8) {
        struct problem p = problem_of(&shape, batch, FILL_NORMAL);
        assert_caught(&p, SKIPS_LAST_COLUMN, false, false, "expected");
        assert_caught(&p, SKIPS_LAST_COLUMN, true, false, "expected");
        assert_caught(&p, IGNORES_BIAS, false, false, "expected");
        problem_clear(&p);
    }
}

static void test_unselected_must_be_zero(void **state)
{
    (void)state;
    struct problem p = problem_of(&zeroed, 3, FILL_NORMAL);
    assert_caught(&p, LEAVES_UNSELECTED_UNCLEARED, false, false, "expected 0 +- 0");
    problem_clear(&p);
}

static void test_broken_selections(void **state)
{
    (void)state;
    const struct {
        const struct midl_shape *shape;
        enum fault fault;
        const char *normal, *whole; /* reasons */
    } rows[] = {
        {&topk, SELECTS_WRONG_NEURON, "which has a smaller logit", "expected"},
        {&zeroed, SELECTS_WRONG_NEURON, "which has a smaller logit", "expected"},
        {&topk, ONE_NEURON_TOO_FEW, "selected 16 neurons, expected 17", "expected 17"},
        {&block, ONE_NEURON_TOO_FEW, "selected 15 neurons, expected 16", "expected 16"},
        {&topk, NOT_ASCENDING, "not ascending", "not ascending"},
        {&topk, SAME_NEURON_TWICE, "not ascending", "not ascending"},
        {&topk, NEURON_OUT_OF_RANGE, "selected neuron 40 of 40", "selected neuron 40 of 40"},
        {&block, BLOCK_SHIFTED, "breaks a block of 8", "breaks a block of 8"},
        {&threshold, BELOW_THRESHOLD, "not above the threshold", "neurons, expected"},
        {&threshold, MISSES_ABOVE_THRESHOLD, "above the threshold", "neurons, expected"},
        {&topk, GATE_VALUE_OFF, "gate of input 0", "gate of input 0"},
        {&topk, WRONG_BATCH, "of 4 inputs, expected 5", "of 4 inputs, expected 5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct problem normal = problem_of(rows[i].shape, 5, FILL_NORMAL);
        struct problem whole = problem_of(rows[i].shape, 5, FILL_INTEGER);
        assert_caught(&normal, rows[i].fault, false, false, rows[i].normal);
        assert_caught(&whole, rows[i].fault, false, true, rows[i].whole);
        problem_clear(&normal);
        problem_clear(&whole);
    }
}

/* Equal logits: the lower index, and where logits are exact there is no doubt which it is. */
static void test_broken_ties(void **state)
{
    (void)state;
    struct problem p = problem_of(&topk, 5, FILL_TIES);
    assert_caught(&p, TIE_TO_HIGHER_INDEX, false, true, "selected neuron");
    problem_clear(&p);
}

/* The block with the smaller sum in place of a larger one; whole blocks, so only sums tell. */
static void test_wrong_block(void **state)
{
    (void)state;
    struct problem p = problem_of(&block, 1, FILL_NORMAL);
    struct midl_oracle *oracle;
    struct check_result result;
    uint32_t index[16], count = 16, first = 0;
    float gate[16];
    double unused;
    assert_int_equal(midl_oracle_create(&p.layer, 1, p.x, &oracle), MIDL_OK);
    assert_int_equal(midl_oracle_select(oracle, &block, 0, index), 16);
    while (listed(index, 16, first))
        first += 8;
    for (uint32_t j = 0; j < 8; j++)
        index[j] = first + j;
    put_in_order(index, 16);
    for (size_t i = 0; i < 16; i++)
        gate[i] = (float)midl_oracle_gate(oracle, 0, index[i], &unused);
    struct midl_selection selection = {1, 16, index, &count, gate};
    check_selection(oracle, &block, &selection, false, &result);
    assert_false(result.ok);
    assert_non_null(strstr(result.reason, "left out the block at"));
    midl_oracle_destroy(oracle);
    problem_clear(&p);
}

/* Logits closer than their bounds may be ranked either way; farther apart they may not. */
static void test_near_ties_are_free(void **state)
{
    (void)state;
    for (int power = -26; power <= -6; power += 20) {
        struct midl_shape shape = {.d = 4, .n = 2, .r = 1, .k = 1, .gate = MIDL_GATE_FULL};
        struct problem p = problem_of(&shape, 1, FILL_NORMAL);
        struct midl_oracle *oracle;
        struct check_result result;
        assert_int_equal(midl_oracle_create(&p.layer, 1, p.x, &oracle), MIDL_OK);
        oracle->logit[0] = 1.0;
        oracle->logit[1] = 1.0 + ldexp(1.0, power);
        oracle->logit_magnitude[0] = oracle->logit_magnitude[1] = 1.0;
        midl_oracle_gates(oracle);
        float gate = 1.0f / (1.0f + expf(-1.0f));
        struct midl_selection selection = {1, 1, (uint32_t[]){0}, (uint32_t[]){1}, &gate};
        check_selection(oracle, &shape, &selection, false, &result);
        assert_int_equal(result.ok, power == -26);
        check_selection(oracle, &shape, &selection, true, &result);
        assert_false(result.ok);
        midl_oracle_destroy(oracle);
        problem_clear(&p);
    }
}

/* A NaN among the inputs of one row of the batch: reported, that row NaN, the others right. */
static void test_nan_logits(void **state)
{
    (void)state;
    struct problem p = problem_of(&topk, 3, FILL_NORMAL);
    p.x[topk.d + 4] = NAN;
    assert_true(trial(&p, NO_FAULT, false, false).ok);
    assert_caught(&p, OVERLOOKS_NAN, false, false, "the run returned 'ok'");
    assert_caught(&p, FILLS_NAN_ROW, false, false, "y[1][0] = 0, expected NaN");
    assert_caught(&p, WRITES_NOTHING, false, false, "the run returned 'ok'");
    assert_caught(&p, SKIPS_LAST_COLUMN, false, false, "expected");
    problem_clear(&p);
}

/* Where the reference is zero throughout, a kernel that returns zeros would pass: no proof. But k =
 * 0 with unselected = zero prescribes zeros, and they are checked against the poison. */
static void test_zero_reference_is_mistrusted(void **state)
{
    (void)state;
    struct problem p = problem_of(&topk, 3, FILL_NORMAL);
    memset(p.arena, 0, p.arena_bytes);
    assert_caught(&p, NO_FAULT, false, false, "mistrusted");
    assert_caught(&p, NO_FAULT, true, true, "mistrusted");
    problem_clear(&p);

    struct midl_shape nothing = zeroed;
    nothing.k = 0;
    p = problem_of(&nothing, 3, FILL_NORMAL);
    assert_true(trial(&p, NO_FAULT, false, false).ok);
    assert_caught(&p, WRITES_NOTHING, false, false, "was not written");
    assert_caught(&p, LEAVES_UNSELECTED_UNCLEARED, false, false, "expected 0");
    problem_clear(&p);
}

/* Whole-number problems must keep their promise: sums exact in float in any order, gates 0, 1/2 or
 * 1, no output 0. Shown by summing in float forwards and backwards at the largest size. */
static void test_integer_problems_are_exact(void **state)
{
    (void)state;
    struct midl_shape shape = {
        .d = 4096, .n = 64, .r = 128, .rg = 128, .k = 32, .gate = MIDL_GATE_LOWRANK};
    for (int fill = FILL_INTEGER; fill <= FILL_TIES; fill++) {
        struct problem p = problem_of(&shape, 2, (enum fill)fill);
        struct midl_oracle *o;
        assert_int_equal(midl_oracle_create(&p.layer, 2, p.x, &o), MIDL_OK);
        for (size_t j = 0; j < shape.n; j++) {
            const float *row = p.layer.full_weight + j * shape.d;
            float forwards = affine(shape.d, row, p.x, p.layer.full_bias[j]), backwards = 0.0f;
            for (size_t i = shape.d; i-- > 0;)
                backwards += row[i] * p.x[i];
            assert_true((double)forwards == o->full[j]);
            assert_true((double)(backwards + p.layer.full_bias[j]) == o->full[j]);
            assert_true(o->full[j] != 0.0 && o->light[j] != 0.0);
            assert_true(o->logit[j] == 0.0 || fabs(o->logit[j]) >= 128.0);
            assert_true(o->full_magnitude[j] < 0x1p21 && o->light_magnitude[j] < 0x1p21);
            assert_true(o->logit_magnitude[j] < 128 * 0x1p24);
        }
        midl_oracle_destroy(o);
        problem_clear(&p);
    }
}

/* ---- Problems ------------------------------------------------------------------------------- */

/* A seed gives the same numbers, another seed others; the weights don't depend on the batch. */
static void test_seeds(void **state)
{
    (void)state;
    struct error error;
    struct problem a = problem_of(&topk, 3, FILL_NORMAL), b = problem_of(&topk, 3, FILL_NORMAL), c;
    size_t weights = topk.n * topk.d * sizeof(float);
    assert_int_equal(a.arena_bytes, b.arena_bytes);
    assert_memory_equal(a.arena, b.arena, a.arena_bytes);
    problem_clear(&b);
    b = problem_of(&topk, 7, FILL_NORMAL);
    assert_memory_equal(a.layer.full_weight, b.layer.full_weight, weights);
    assert_memory_equal(a.x, b.x, 3 * topk.d * sizeof(float));
    assert_int_equal(problem_random(&topk, 3, 12, FILL_NORMAL, &c, &error), OUTCOME_DONE);
    assert_memory_not_equal(a.layer.full_weight, c.layer.full_weight, weights);
    problem_clear(&a);
    problem_clear(&b);
    problem_clear(&c);
    problem_clear(&c); /* a zeroed one */
}

/* A part of the inputs is the problem that is made with so many, to the last byte. */
static void test_part(void **state)
{
    (void)state;
    struct problem whole = problem_of(&topk, 7, FILL_NORMAL);
    for (size_t batch = 1; batch <= 7; batch++) {
        struct problem made = problem_of(&topk, batch, FILL_NORMAL);
        struct problem part = problem_part(&whole, batch);
        assert_int_equal(part.batch, batch);
        assert_memory_equal(part.x, made.x, batch * topk.d * sizeof(float));
        assert_in_range((const char *)part.arena + part.arena_bytes - (const char *)part.x,
                        batch * topk.d * sizeof(float), made.arena_bytes);
        uint64_t hash = problem_hash(&part);
        float *last = &part.x[batch * topk.d - 1], kept = *last;
        *last += 1;
        assert_true(problem_hash(&part) != hash);
        *last = kept;
        assert_true(problem_hash(&part) == hash);
        problem_clear(&made);
    }
    problem_clear(&whole);
}

static bool is_mapped(const void *address)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    return msync((void *)((uintptr_t)address / page * page), 1, MS_ASYNC) == 0;
}

/* A copy gives back all that was mapped for it and nothing else, wherever its arena begins; a part
 * gives back nothing. */
static void test_mappings_are_given_back(void **state)
{
    (void)state;
    const size_t offsets[] = {0, 64, 2048, 4032};
    struct problem whole = problem_of(&topk, 3, FILL_NORMAL);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct problem copy, part = problem_part(&whole, 2);
        assert_true(problem_copy(&whole, offsets[i], &copy));
        const char *first = copy.mapping, *last = first + copy.mapping_bytes - 1;
        assert_ptr_equal(copy.arena, first + offsets[i]);
        assert_memory_equal(copy.arena, whole.arena, whole.arena_bytes);
        assert_true(is_mapped(first) && is_mapped(last));
        problem_clear(&copy);
        assert_false(is_mapped(first) || is_mapped(last));
        problem_clear(&part);
        assert_true(is_mapped(whole.arena));
    }
    const void *arena = whole.arena;
    problem_clear(&whole);
    assert_false(is_mapped(arena));
}

static void test_alignment(void **state)
{
    (void)state;
    struct problem p = problem_of(&topk, 3, FILL_NORMAL);
    const float *arrays[] = {p.x,
                             p.layer.full_weight,
                             p.layer.full_bias,
                             p.layer.light_down,
                             p.layer.light_up,
                             p.layer.light_bias,
                             p.layer.gate_down,
                             p.layer.gate_up,
                             p.layer.gate_bias};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        assert_int_equal((uintptr_t)arrays[i] % 64, 0);
    assert_null(p.layer.gate_weight);
    problem_clear(&p);
}

/* Mean 0 and the variance that problem.h promises. */
static void test_moments(void **state)
{
    (void)state;
    struct midl_shape shape = topk;
    shape.n = 1000;
    struct problem p = problem_of(&shape, 100, FILL_NORMAL);
    const struct {
        const float *values;
        size_t count;
        double variance;
    } rows[] = {{p.layer.full_weight, shape.n * shape.d, 1.0 / 50},
                {p.layer.light_up, shape.n * shape.r, 1.0 / 3},
                {p.layer.full_bias, shape.n, 1.0 / 16},
                {p.x, 100 * shape.d, 1.0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double sum = 0, squares = 0, count = (double)rows[i].count;
        for (size_t j = 0; j < rows[i].count; j++) {
            sum += (double)rows[i].values[j];
            squares += (double)rows[i].values[j] * (double)rows[i].values[j];
        }
        double error = 5 / sqrt(count);
        assert_true(fabs(sum / count) <= error * sqrt(rows[i].variance));
        assert_true(fabs(squares / count / rows[i].variance - 1) <= 2 * error);
    }
    problem_clear(&p);
}

static struct masks masks_of(const struct problem *p)
{
    size_t n = p->layer.shape.n, k = p->layer.shape.k, *times = calloc(n, sizeof *times);
    uint32_t *index = calloc(n, sizeof *index);
    struct midl_oracle *o;
    assert_true(times && index);
    assert_int_equal(midl_oracle_create(&p->layer, p->batch, p->x, &o), MIDL_OK);
    for (size_t i = 0; i < p->batch; i++) {
        assert_int_equal(midl_oracle_select(o, &p->layer.shape, i, index), k);
        for (size_t s = 0; s < k; s++)
            times[index[s]]++;
    }
    struct masks masks = masks_of_counts(times, n, p->batch);
    midl_oracle_destroy(o);
    free(times);
    free(index);
    return masks;
}

static double share_of_a_third(size_t k, enum fill fill)
{
    struct midl_shape shape = {
        .d = 128, .n = 512, .r = 16, .rg = 16, .k = k, .gate = MIDL_GATE_LOWRANK};
    struct problem p = problem_of(&shape, 256, fill);
    double share = masks_of(&p).third;
    problem_clear(&p);
    return share;
}

static struct masks masks_by_share(const struct midl_shape *layer, float share)
{
    struct bench_shape shape = {.layer = *layer, .batch = 512, .seed = 1, .made = {true, share}};
    struct problem p;
    struct error error;
    assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
    struct masks masks = masks_of(&p);
    problem_clear(&p);
    return masks;
}

/* The shares that problem.h and the suites' README promise, to two digits. */
static void test_skewed_masks(void **state)
{
    (void)state;
    static const struct {
        size_t k;
        double share;
    } rows[] = {{51, 1.00}, {128, 0.97}, {205, 0.80}, {230, 0.72}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double share = share_of_a_third(rows[i].k, FILL_SKEWED);
        if (!(fabs(share - rows[i].share) <= 0.01))
            fail_msg("k = %zu: %.3f, expected %.2f", rows[i].k, share, rows[i].share);
    }
    assert_true(share_of_a_third(205, FILL_NORMAL) <= 0.45);
}

/* The share is the one that was asked for, for every gate. */
static void test_skewed_by_share(void **state)
{
    (void)state;
    static const struct {
        struct midl_shape shape;
        float share;
    } rows[] = {
        {{.d = 128, .n = 512, .r = 16, .rg = 16, .k = 230, .gate = MIDL_GATE_LOWRANK}, 0.55f},
        {{.d = 128, .n = 512, .r = 16, .rg = 16, .k = 230, .gate = MIDL_GATE_LOWRANK}, 0.70f},
        {{.d = 128, .n = 512, .r = 16, .rg = 16, .k = 102, .gate = MIDL_GATE_LOWRANK}, 0.62f},
        {{.d = 128, .n = 512, .r = 16, .k = 51, .gate = MIDL_GATE_SHARED}, 0.9f},
        {{.d = 128, .n = 100, .r = 4, .k = 45, .gate = MIDL_GATE_FULL}, 0.6f},
        {{.d = 128,
          .n = 512,
          .r = 16,
          .k = 192,
          .gate = MIDL_GATE_FULL,
          .select = MIDL_SELECT_BLOCK,
          .block = 16},
         0.7f},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct masks masks = masks_by_share(&rows[i].shape, rows[i].share);
        if (!(fabs(masks.third - (double)rows[i].share) <= 0.021))
            fail_msg("row %zu: %.3f, asked for %.3f", i, masks.third, (double)rows[i].share);
    }
}

/* Masks made by the overlap of trained ones are as skewed as those, and as many neurons are never
 * selected: a converted layer of CIFAR-100 and one of MNIST trained with its gate. */
static void test_skewed_as_trained(void **state)
{
    (void)state;
    static const struct {
        struct midl_shape shape;
        struct masks trained;
    } rows[] = {
        {{.d = 2048, .n = 512, .r = 47, .k = 230, .gate = MIDL_GATE_SHARED}, {.7067, .8663, .219}},
        {{.d = 784, .n = 1024, .r = 30, .rg = 30, .k = 460, .gate = MIDL_GATE_LOWRANK},
         {.6087, .671, .017}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct midl_shape *shape = &rows[i].shape;
        const struct masks *trained = &rows[i].trained;
        double share = masks_share_like(shape->n, shape->k, trained->overlap);
        struct masks masks = masks_by_share(shape, (float)share);
        bool ok = fabs(masks.third - trained->third) <= 0.02 &&
                  fabs(masks.overlap - trained->overlap) <= 0.01 &&
                  fabs(masks.never - trained->never) <= 0.03;
        if (!ok)
            fail_msg("row %zu: share %.4f of %.4f, overlap %.4f of %.4f, never %.4f of %.4f", i,
                     masks.third, trained->third, masks.overlap, trained->overlap, masks.never,
                     trained->never);
    }
}

/* Counted by hand: six neurons, four inputs that select two each. */
static void test_masks_of_counts(void **state)
{
    (void)state;
    size_t times[] = {1, 0, 4, 0, 3, 0}, alike[] = {0, 5, 5, 0, 0, 0}, one[] = {1, 1, 0},
           none[] = {0, 0, 0};
    struct masks masks = masks_of_counts(times, 6, 4);
    assert_true(fabs(masks.third - 7.0 / 8) <= 1e-12);
    assert_true(fabs(masks.overlap - (4 * 3 + 3 * 2) / (8.0 * 3)) <= 1e-12);
    assert_true(fabs(masks.never - 0.5) <= 1e-12);
    masks = masks_of_counts(alike, 6, 5);
    assert_true(fabs(masks.overlap - 1) <= 1e-12 && fabs(masks.third - 1) <= 1e-12);
    masks = masks_of_counts(one, 3, 1);
    assert_true(fabs(masks.third - 0.5) <= 1e-12 && !(masks.overlap > 0));
    masks = masks_of_counts(none, 3, 9);
    assert_true(!(masks.third > 0) && !(masks.overlap > 0) && !(masks.never > 0));
}

/* The share that is advised can be asked for, whatever the overlap: from that of random masks to
 * that of equal ones. */
static void test_share_like(void **state)
{
    (void)state;
    static const size_t n[] = {3, 5, 16, 96, 512};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        for (size_t k = 1; k < n[i]; k += 1 + n[i] / 16) {
            double most = (double)(n[i] / 3) / (double)k, last = 0;
            for (int tenth = 0; tenth <= 10; tenth++) {
                double share = masks_share_like(n[i], k, tenth / 10.0);
                assert_true(most > 0.334 ? share >= 0.334 && share <= most : isnan(share));
                assert_true(isnan(share) || share >= last - 0.0011); /* rounded down */
                last = isnan(share) ? last : share;
            }
        }
    }
    assert_true(masks_share_like(96, 43, 0.2) <= 0.334); /* random masks overlap by 0.45 */
}

/* The deviation of the gate bias is all that a share changes, and more of it the larger share. */
static void test_skewed_share_weights(void **state)
{
    (void)state;
    struct bench_shape shape = {.layer = topk, .batch = 2, .seed = 11, .made = {true, 0.6f}};
    struct problem normal = problem_of(&topk, 2, FILL_NORMAL), p;
    struct error error;
    double factors[2];
    for (size_t i = 0; i < 2; i++) {
        shape.made.share = i == 0 ? 0.5f : 0.6f;
        shape.layer.k = topk.n / 2;
        assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
        float *bias = (float *)(uintptr_t)p.layer.gate_bias;
        factors[i] = (double)(bias[0] / normal.layer.gate_bias[0]);
        for (size_t j = 0; j < topk.n; j++) {
            double factor = (double)(bias[j] / normal.layer.gate_bias[j]);
            assert_true(fabs(factor / factors[i] - 1) <= 1e-5);
            bias[j] = normal.layer.gate_bias[j];
        }
        assert_memory_equal(p.arena, normal.arena, normal.arena_bytes);
        problem_clear(&p);
    }
    assert_true(factors[0] > 1 && factors[1] > factors[0]);
    problem_clear(&normal);
}

/* A skewed layer is the normal one but for a third of its gate biases. */
static void test_skewed_weights(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        struct midl_shape shape = topk;
        shape.n = n;
        shape.k = 0;
        struct problem a = problem_of(&shape, 2, FILL_NORMAL);
        struct problem b = problem_of(&shape, 2, FILL_SKEWED);
        struct problem again = problem_of(&shape, 2, FILL_SKEWED);
        assert_memory_equal(b.arena, again.arena, b.arena_bytes);
        size_t popular = 0;
        for (size_t j = 0; j < n; j++) {
            bool same = b.layer.gate_bias[j] == a.layer.gate_bias[j];
            assert_true(same || b.layer.gate_bias[j] == a.layer.gate_bias[j] + 3.0f);
            popular += !same;
        }
        assert_int_equal(popular, n / 3);
        memcpy((float *)(uintptr_t)b.layer.gate_bias, a.layer.gate_bias, n * sizeof(float));
        assert_memory_equal(a.arena, b.arena, a.arena_bytes);
        problem_clear(&a);
        problem_clear(&b);
        problem_clear(&again);
    }
}

/* A folder with a layer of the shape topk and three inputs for it. */
struct files {
    char folder[32], layer[64], input[64];
    struct problem origin;
};

static void make_files(struct files *files)
{
    struct error error;
    files->origin = problem_of(&topk, 3, FILL_NORMAL);
    strcpy(files->folder, "/tmp/midl-checker-XXXXXX");
    assert_non_null(mkdtemp(files->folder));
    snprintf(files->layer, sizeof files->layer, "%s/layer", files->folder);
    snprintf(files->input, sizeof files->input, "%s/input", files->folder);
    struct tensor x = {.name = "x",
                       .type = TENSOR_F32,
                       .dims = 2,
                       .shape = {3, topk.d},
                       .data = files->origin.x,
                       .bytes = 3 * topk.d * sizeof(float)};
    assert_int_equal(layer_write(files->layer, &files->origin.layer, NULL, &error), OUTCOME_DONE);
    assert_int_equal(tensors_write(files->input, &x, 1, NULL, 0, &error), OUTCOME_DONE);
}

static void remove_files(struct files *files)
{
    unlink(files->layer);
    unlink(files->input);
    assert_int_equal(rmdir(files->folder), 0);
    problem_clear(&files->origin);
}

static void test_load(void **state)
{
    (void)state;
    struct files files;
    struct problem p;
    struct error error;
    make_files(&files);
    struct bench_shape shape = {
        .layer = topk, .batch = 7, .layer_path = files.layer, .input_path = files.input, .seed = 1};
    shape.layer.k = 5;
    shape.layer.unselected = MIDL_UNSELECTED_ZERO;
    assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
    size_t row = topk.d * sizeof(float);
    for (size_t i = 0; i < 7; i++) /* inputs are repeated */
        assert_memory_equal(p.x + i * topk.d, files.origin.x + i % 3 * topk.d, row);
    assert_memory_equal(p.layer.full_weight, files.origin.layer.full_weight, topk.n * row);
    assert_memory_equal(p.layer.gate_bias, files.origin.layer.gate_bias, topk.n * sizeof(float));
    assert_int_equal(p.layer.shape.k, 5); /* the case's, not the file's */
    assert_int_equal(p.layer.shape.unselected, MIDL_UNSELECTED_ZERO);
    problem_clear(&p);

    shape.layer_path = shape.input_path = NULL; /* made, of seed 11: what problem_random makes */
    shape.made.skewed = true;
    shape.seed = 11;
    assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
    struct problem made = problem_of(&topk, 7, FILL_SKEWED);
    assert_memory_equal(p.arena, made.arena, made.arena_bytes);
    problem_clear(&made);
    problem_clear(&p);
    shape.made.skewed = false;
    shape.seed = 1;
    shape.input_path = files.input;

    shape.layer_path = NULL; /* random weights, real inputs; then the other way round */
    assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
    assert_memory_equal(p.x, files.origin.x, 3 * row);
    assert_memory_not_equal(p.layer.full_weight, files.origin.layer.full_weight, topk.n * row);
    problem_clear(&p);
    shape.layer_path = files.layer;
    shape.input_path = NULL;
    assert_int_equal(problem_load(&shape, &p, &error), OUTCOME_DONE);
    assert_memory_equal(p.layer.full_weight, files.origin.layer.full_weight, topk.n * row);
    assert_true(p.x[0] != 0.0f);
    problem_clear(&p);
    remove_files(&files);
}

/* The line names the file, what disagrees and both values; *ret stays as it was. */
static void assert_load_fails(const struct bench_shape *shape, const char *path, const char *text)
{
    struct problem p = {.batch = 77};
    struct error error;
    assert_int_equal(problem_load(shape, &p, &error), OUTCOME_USAGE);
    assert_int_equal(p.batch, 77);
    if (!strstr(error.text, path) || !strstr(error.text, text))
        fail_msg("'%s', expected '%s: %s'", error.text, path, text);
}

static void test_load_disagreements(void **state)
{
    (void)state;
    struct files files;
    make_files(&files);
    struct bench_shape good = {.layer = topk, .batch = 2, .layer_path = files.layer}, bad = good;
    bad.layer.d = 51;
    assert_load_fails(&bad, files.layer, "d = 50 in the file, but the case has d = 51");
    bad = good;
    bad.layer.n = 41;
    assert_load_fails(&bad, files.layer, "n = 40 in the file, but the case has n = 41");
    bad = good;
    bad.layer.rg = 9;
    assert_load_fails(&bad, files.layer,
                      "gate rank = 2 in the file, but the case has gate rank = 9");
    bad = good;
    bad.layer.gate = MIDL_GATE_FULL;
    assert_load_fails(&bad, files.layer,
                      "gate = lowrank in the file, but the case has gate = full");
    bad = good;
    bad.layer_path = NULL;
    bad.input_path = files.input;
    bad.layer.d = 49;
    assert_load_fails(&bad, files.input, "d = 50 in the file, but the case has d = 49");
    bad.input_path = "/nonexistent/input";
    assert_load_fails(&bad, "/nonexistent/input", "");
    remove_files(&files);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct midl_shape shape = topk;
    struct problem p = {.batch = 77};
    struct error error;
    shape.n = shape.d = (size_t)1 << 30;
    assert_int_equal(problem_random(&shape, 1, 1, FILL_NORMAL, &p, &error), OUTCOME_MACHINE);
    assert_int_equal(p.batch, 77);
    assert_non_null(strstr(error.text, "not enough memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_kernel_passes),
        cmocka_unit_test(test_broken_outputs),
        cmocka_unit_test(test_broken_packings),
        cmocka_unit_test(test_broken_rounding_of_ties),
        cmocka_unit_test(test_nan_makes_the_ratio_nan),
        cmocka_unit_test(test_one_ulp),
        cmocka_unit_test(test_small_faults_in_large_layers),
        cmocka_unit_test(test_unselected_must_be_zero),
        cmocka_unit_test(test_broken_selections),
        cmocka_unit_test(test_broken_ties),
        cmocka_unit_test(test_wrong_block),
        cmocka_unit_test(test_near_ties_are_free),
        cmocka_unit_test(test_nan_logits),
        cmocka_unit_test(test_zero_reference_is_mistrusted),
        cmocka_unit_test(test_integer_problems_are_exact),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_mappings_are_given_back),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_moments),
        cmocka_unit_test(test_skewed_masks),
        cmocka_unit_test(test_masks_of_counts),
        cmocka_unit_test(test_share_like),
        cmocka_unit_test(test_skewed_by_share),
        cmocka_unit_test(test_skewed_as_trained),
        cmocka_unit_test(test_skewed_share_weights),
        cmocka_unit_test(test_skewed_weights),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_load_disagreements),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_select.c - the shared vector routines, on every instruction set that this processor has:
 * selection against a full sort, products and sigmoid against double precision, and the promise
 * that a result depends on the length of the sum alone. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "simd/ops.h"

static const enum midl_isa sets[] = {MIDL_ISA_PORTABLE, MIDL_ISA_NEON, MIDL_ISA_AVX2,
                                     MIDL_ISA_AVX512};
enum { SETS = sizeof sets / sizeof sets[0], N_MOST = 5000, BLOCKS_MOST = 50000 };

struct ranked {
    float value;
    uint32_t index;
};

static int by_value_then_index(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static int by_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The k largest by a full sort. */
static void sorted_topk(size_t n, size_t k, const float *values, uint32_t *index)
{
    static struct ranked all[N_MOST];
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ranked){values[i], (uint32_t)i};
    qsort(all, n, sizeof *all, by_value_then_index);
    for (size_t i = 0; i < k; i++)
        index[i] = all[i].index;
    qsort(index, k, sizeof *index, by_index);
}

/* What a search may be told: nothing, what is true of normal values, and what never is. */
static const struct midl_topk_guess guesses[] = {{0},
                                                 {0.125f, 0.1f, 8},
                                                 {0.125f, 0.0f, 1},
                                                 {-3.0f, 0.01f, 2},
                                                 {0.0f, -1.0f, 3},
                                                 {1e30f, 1e38f, 4},
                                                 {NAN, NAN, 5},
                                                 {INFINITY, 1.0f, 6},
                                                 {0.0f, INFINITY, UINT32_MAX}};
enum { GUESSES = sizeof guesses / sizeof guesses[0] };

/* The bits of k indices, and nothing else. */
static void expect_bits(size_t n, size_t k, const uint32_t *index, const uint8_t *bits)
{
    static uint8_t expected[MIDL_BITS(BLOCKS_MOST)];
    memset(expected, 0, MIDL_BITS(n));
    for (size_t i = 0; i < k; i++)
        expected[index[i] / 8] |= (uint8_t)(1 << index[i] % 8);
    assert_memory_equal(bits, expected, MIDL_BITS(n));
}

static void expect_topk(size_t n, size_t k, const float *values, const char *what)
{
    static uint32_t expected[N_MOST], index[N_MOST + 1];
    static float work[MIDL_TOPK_WORK(N_MOST)], chosen[N_MOST + 1];
    static uint8_t bits[MIDL_BITS(N_MOST) + 1];
    sorted_topk(n, k, values, expected);
    for (size_t s = 0; s < SETS * GUESSES; s++) {
        const struct simd_ops *ops = midl_simd_ops_of(sets[s / GUESSES]);
        struct midl_topk_guess guess = guesses[s % GUESSES];
        bool ranked = false;
        const struct midl_chosen ret = {index, chosen, bits, &ranked};
        if (!ops)
            continue;
        memset(index, 0xff, sizeof index);
        memset(bits, 0xa5, sizeof bits);
        chosen[k] = NAN;
        ops->topk(1, n, k, values, &guess, work, &ret);
        assert_true(ranked);
        if (memcmp(index, expected, k * sizeof *index) != 0 || index[k] != UINT32_MAX)
            fail_msg("%s: %s, n = %zu, k = %zu, guess %zu", midl_isa_name(sets[s / GUESSES]), what,
                     n, k, s % GUESSES);
        for (size_t i = 0; i < k; i++)
            assert_true(chosen[i] == values[index[i]]);
        expect_bits(n, k, index, bits);
        assert_true(isnan(chosen[k]) && bits[MIDL_BITS(n)] == 0xa5);
    }
}

/* Distributions that break selections: each fills values [n]. */
enum kind {
    NORMAL,
    TWO_VALUES,
    ALL_EQUAL,
    ASCENDING,
    DESCENDING,
    ZEROS,
    HEAVY,
    INFINITE,
    DENORMAL,
    FEW_VALUES,
    KINDS
};
static const char *const kind_names[] = {"normal",     "two values", "all equal",   "ascending",
                                         "descending", "+-0",        "heavy tails", "infinite",
                                         "denormal",   "few values"};

static float draw(enum kind kind, struct rng *rng, size_t i, size_t n)
{
    switch (kind) {
    case NORMAL:
        return (float)rng_normal(rng);
    case TWO_VALUES:
        return rng_below(rng, 2) ? 1.0f : -1.0f;
    case ALL_EQUAL:
        return 0.25f;
    case ASCENDING:
        return (float)i;
    case DESCENDING:
        return (float)(n - i);
    case ZEROS:
        return rng_below(rng, 2) ? 0.0f : -0.0f;
    case HEAVY:
        return (float)exp(40 * rng_normal(rng));
    case INFINITE:
        return rng_below(rng, 3)   ? (float)rng_normal(rng)
               : rng_below(rng, 2) ? INFINITY
                                   : -INFINITY;
    case DENORMAL:
        return (float)((int)rng_below(rng, 2000) - 1000) * FLT_TRUE_MIN;
    case FEW_VALUES:
        return (float)rng_below(rng, 5) - 2;
    case KINDS:
        break;
    }
    return 0;
}

static void topk_equals_a_full_sort(void **state)
{
    static const size_t sizes[] = {1,   2,   15,  16,  17,  47,  48,   49,   64,   65,  66,
                                   100, 127, 128, 129, 255, 784, 1000, 1024, 4096, 4999};
    static float values[N_MOST];
    struct rng rng = rng_seed(1);
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s];
        for (int kind = 0; kind < KINDS; kind++) {
            for (size_t i = 0; i < n; i++)
                values[i] = draw((enum kind)kind, &rng, i, n);
            size_t ks[] = {0,     1,     n / 10, (size_t)(0.45 * (double)n),
                           n / 2, n - 1, n,      rng_below(&rng, (uint32_t)n + 1)};
            for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++)
                expect_topk(n, ks[k], values, kind_names[kind]);
        }
    }
}

/* Two neighbours of zero and zeros of both signs: halves of nothing. */
static void topk_tells_the_least_numbers_from_zero(void **state)
{
    static float values[N_MOST];
    struct rng rng = rng_seed(5);
    static const float choice[] = {0.0f, -0.0f, FLT_TRUE_MIN, -FLT_TRUE_MIN};
    (void)state;
    for (uint32_t first = 0; first < 4; first++)
        for (size_t n = 60; n < 1200; n += 379) {
            for (size_t i = 0; i < n; i++)
                values[i] = choice[(first + rng_below(&rng, 4 - first)) % 4];
            for (size_t k = 1; k < n; k += 41)
                expect_topk(n, k, values, "next to zero");
        }
}

/* What guesses from mean and deviation get wrong: one far value, a far half, values that aren't
 * numbers of any size. */
static void topk_is_exact_where_mean_and_deviation_mislead(void **state)
{
    static float values[N_MOST];
    static const float far[] = {1e30f, -1e30f, 1e4f, -1e4f, INFINITY, -INFINITY, FLT_MAX};
    struct rng rng = rng_seed(6);
    (void)state;
    for (size_t f = 0; f < sizeof far / sizeof far[0]; f++)
        for (size_t every = 2; every <= 1024; every *= 8)
            for (size_t n = 65; n < 2100; n += 677) {
                for (size_t i = 0; i < n; i++)
                    values[i] = i % every == 1 ? far[f] : (float)rng_normal(&rng);
                for (size_t k = 1; k < n; k += 173)
                    expect_topk(n, k, values, "far values");
            }
}

/* Whatever was learned from the inputs before, or goes on beside; one of them holds a NaN. */
static void inputs_side_by_side_are_chosen_as_alone(void **state)
{
    enum { COUNT = 2 * KINDS + 1, N = 1000, NAN_AT = 6 };
    static float values[COUNT][N], work[MIDL_TOPK_WORK(N)], chosen[COUNT * N + 1];
    static uint32_t expected[N], index[COUNT * N + 1];
    static uint8_t bits[COUNT * MIDL_BITS(N)];
    struct rng rng = rng_seed(8);
    (void)state;
    for (size_t b = 0; b < COUNT; b++)
        for (size_t i = 0; i < N; i++)
            values[b][i] = draw((enum kind)(b % KINDS), &rng, i, N);
    values[NAN_AT][N / 3] = NAN;
    for (size_t s = 0; s < SETS * GUESSES; s++)
        for (size_t k = 0; k <= N; k += N / 8) {
            const struct simd_ops *ops = midl_simd_ops_of(sets[s / GUESSES]);
            struct midl_topk_guess guess = guesses[s % GUESSES];
            bool ranked[COUNT];
            const struct midl_chosen ret = {index, chosen, bits, ranked};
            if (!ops)
                continue;
            index[COUNT * k] = UINT32_MAX;
            chosen[COUNT * k] = NAN;
            ops->topk(COUNT, N, k, values[0], &guess, work, &ret);
            for (size_t b = 0; b < COUNT; b++) {
                assert_true(ranked[b] == (b != NAN_AT));
                if (!ranked[b])
                    continue;
                sorted_topk(N, k, values[b], expected);
                assert_memory_equal(index + b * k, expected, k * sizeof *index);
                expect_bits(N, k, expected, bits + b * MIDL_BITS(N));
                for (size_t i = 0; i < k; i++)
                    assert_true(chosen[b * k + i] == values[b][expected[i]]);
            }
            assert_true(index[COUNT * k] == UINT32_MAX && isnan(chosen[COUNT * k]));
        }
}

/* Inputs with two humps, where the normal guess fails: it ends up where the cuts are. */
static void a_guess_learns_where_the_cut_lies(void **state)
{
    enum { COUNT = 64, N = 1024, K = 461 };
    static float values[COUNT][N], work[MIDL_TOPK_WORK(N)], chosen[COUNT * K];
    static uint32_t index[COUNT * K];
    static uint8_t bits[COUNT * MIDL_BITS(N)];
    struct rng rng = rng_seed(9);
    (void)state;
    for (size_t b = 0; b < COUNT; b++)
        for (size_t i = 0; i < N; i++)
            values[b][i] = 5.0f + 3.0f * (float)rng_normal(&rng) + (i % 3 == 0 ? 30.0f : 0.0f);
    for (size_t s = 0; s < SETS; s++) {
        const struct simd_ops *ops = midl_simd_ops_of(sets[s]);
        struct midl_topk_guess guess = {0};
        bool ranked[COUNT];
        const struct midl_chosen ret = {index, chosen, bits, ranked};
        if (!ops)
            continue;
        ops->topk(COUNT, N, K, values[0], &guess, work, &ret);
        /* mean 15, deviation 14.5; the cut is 7.8, the 119th of 682 in the lower hump */
        assert_true(fabsf(guess.middle + 0.498f) < 0.02f);
        assert_true(guess.reach > 0.0f && guess.reach < 0.1f);
        assert_true(guess.seen > 1);
    }
}

static void topk_sees_a_nan_wherever_it_stands(void **state)
{
    float values[131], work[MIDL_TOPK_WORK(131)], chosen[131];
    uint32_t index[131];
    uint8_t bits[MIDL_BITS(131)];
    (void)state;
    for (size_t s = 0; s < SETS; s++) {
        const struct simd_ops *ops = midl_simd_ops_of(sets[s]);
        struct midl_topk_guess guess = {0};
        bool ranked;
        const struct midl_chosen ret = {index, chosen, bits, &ranked};
        if (!ops)
            continue;
        for (size_t i = 0; i < 131; i++)
            values[i] = i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : -FLT_MAX;
        for (size_t i = 0; i < 131; i++) {
            float kept = values[i];
            values[i] = i % 2 ? NAN : -NAN;
            for (size_t k = 0; k <= 131; k += 131 / 2) {
                ops->topk(1, 131, k, values, &guess, work, &ret);
                assert_false(ranked);
            }
            values[i] = kept;
        }
        ops->topk(1, 131, 66, values, &guess, work, &ret);
        assert_true(ranked);
    }
}

/* Blocks against the sums' own top-k; whole numbers, so that sums are exact in any order. */
static void expect_blocks(const struct simd_ops *ops, size_t count, size_t n, size_t k,
                          size_t block, const float *values)
{
    static float sums[N_MOST], work[MIDL_TOPK_WORK(N_MOST)], chosen[BLOCKS_MOST + 1];
    static uint32_t expected[N_MOST], index[BLOCKS_MOST + 1];
    static uint8_t bits[2 * BLOCKS_MOST];
    struct midl_topk_guess guess = {0};
    bool ranked[BLOCKS_MOST] = {false};
    const struct midl_chosen ret = {index, chosen, bits, ranked};
    memset(index, 0xff, sizeof index);
    chosen[count * k] = NAN;
    ops->topk_blocks(count, n, k, block, values, &guess, work, &ret);
    for (size_t b = 0; b < count; b++) {
        const float *of = values + b * n, *got = chosen + b * k;
        for (size_t i = 0; i < n; i++)
            sums[i / block] = (i % block ? sums[i / block] : 0) + of[i];
        sorted_topk(n / block, k / block, sums, expected);
        assert_true(ranked[b]);
        for (size_t i = 0; i < k; i++) {
            assert_int_equal(index[b * k + i], expected[i / block] * block + i % block);
            assert_true(got[i] == of[index[b * k + i]]);
        }
        expect_bits(n, k, index + b * k, bits + b * MIDL_BITS(n));
    }
    assert_true(index[count * k] == UINT32_MAX && isnan(chosen[count * k]));
}

static void blocks_are_ranked_by_their_sums(void **state)
{
    static const size_t counts[] = {1, 2, 15, 16, 17, 31, 64, 100, 256};
    static float values[BLOCKS_MOST];
    struct rng rng = rng_seed(7);
    (void)state;
    for (size_t s = 0; s < SETS; s++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (size_t block = 8; block <= 16; block += 8) {
                size_t n = counts[c] * block, inputs = 1 + c % MIDL_TOPK_SIDE * 3;
                for (size_t i = 0; i < inputs * n; i++)
                    values[i] = (float)rng_below(&rng, 64) - 32;
                for (size_t k = 0; midl_simd_ops_of(sets[s]) && k <= counts[c];
                     k += 1 + counts[c] / 7)
                    expect_blocks(midl_simd_ops_of(sets[s]), inputs, n, k * block, block, values);
            }
}

static void sigmoid_is_exact_where_it_can_be_and_close_elsewhere(void **state)
{
    enum { COUNT = 4096 };
    static float logits[COUNT], gate[COUNT], first[COUNT];
    static const float fixed[] = {0.0f, -0.0f, 18.0f, 128.0f, INFINITY, -128.0f, -INFINITY};
    static const float values[] = {0.5f, 0.5f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f};
    struct rng rng = rng_seed(2);
    bool have_first = false;
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        logits[i] = i < 7 ? fixed[i] : (float)(rng_normal(&rng) * (i % 3 ? 3 : 40));
    for (size_t s = 0; s < SETS; s++) {
        const struct simd_ops *ops = midl_simd_ops_of(sets[s]);
        if (!ops)
            continue;
        memcpy(gate, logits, sizeof gate);
        ops->sigmoid(COUNT, gate);
        for (uint32_t i = 0; i < COUNT; i++) {
            double exact = 1 / (1 + exp(-(double)logits[i]));
            if (i < 7)
                assert_true(gate[i] == values[i]);
            else
                assert_true(fabs(gate[i] - exact) <= 4e-7 * exact + 1e-44);
        }
        if (have_first)
            assert_memory_equal(first, gate, sizeof gate);
        memcpy(first, gate, sizeof gate);
        have_first = true;
    }
}

/* ---- Products -------------------------------------------------------------------------------- */

struct product {
    size_t N, K, B;
    float *W, *packed, *bias, *x, *y;
};

static struct product product_new(size_t N, size_t K, size_t B, struct rng *rng)
{
    struct product p = {.N = N, .K = K, .B = B};
    p.W = malloc(N * K * sizeof(float));
    p.packed = malloc(midl_panels_size(N, K) * sizeof(float));
    p.bias = malloc(N * sizeof(float));
    p.x = malloc(B * K * sizeof(float));
    p.y = malloc((B * N + 1) * sizeof(float));
    for (size_t i = 0; i < N * K; i++)
        p.W[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < B * K; i++)
        p.x[i] = (float)rng_normal(rng);
    for (size_t i = 0; i < N; i++)
        p.bias[i] = (float)rng_normal(rng);
    midl_panels_pack(N, K, 0, N, p.W, p.packed);
    return p;
}

static void product_free(struct product *p)
{
    free(p->W);
    free(p->packed);
    free(p->bias);
    free(p->x);
    free(p->y);
}

static void expect_product(const struct product *p, const char *what)
{
    for (size_t b = 0; b < p->B; b++)
        for (size_t j = 0; j < p->N; j++) {
            double sum = p->bias[j], magnitude = fabs(p->bias[j]);
            for (size_t i = 0; i < p->K; i++) {
                double term = (double)p->W[j * p->K + i] * p->x[b * p->K + i];
                sum += term;
                magnitude += fabs(term);
            }
            double bound = 8 * sqrt((double)p->K) * FLT_EPSILON * magnitude;
            if (!(fabs(p->y[b * p->N + j] - sum) <= bound))
                fail_msg("%s: N = %zu, K = %zu, B = %zu: y[%zu][%zu]", what, p->N, p->K, p->B, b,
                         j);
        }
    assert_true(p->y[p->B * p->N] == 7.0f);
}

/* In two ranges, so that ranges are tested too; a NaN left would fail the comparison. */
static void run_product(const struct simd_ops *ops, const struct product *p, bool panels)
{
    size_t units = panels ? (p->N + MIDL_PANEL - 1) / MIDL_PANEL : p->N, half = units / 2;
    for (size_t i = 0; i < p->B * p->N; i++)
        p->y[i] = NAN;
    p->y[p->B * p->N] = 7.0f;
    for (size_t part = 0; part < 2; part++) {
        size_t first = part ? half : 0, last = part ? units : half;
        if (panels)
            ops->panels(first, last, p->N, p->K, p->packed, p->bias, p->B, p->x, p->K, p->y, p->N);
        else
            ops->rows(first, last, p->K, p->W, p->bias, p->B, p->x, p->K, p->y, p->N);
    }
}

static void products_are_within_the_bound_at_awkward_shapes(void **state)
{
    static const size_t dims[] = {1, 3, 4, 5, 7, 15, 16, 17, 33, 64, 65, 129};
    static const size_t batches[] = {1, 2, 3, 4, 5, 9, 17};
    struct rng rng = rng_seed(3);
    (void)state;
    for (size_t a = 0; a < sizeof dims / sizeof dims[0]; a++)
        for (size_t b = 0; b < sizeof dims / sizeof dims[0]; b++)
            for (size_t c = 0; c < sizeof batches / sizeof batches[0]; c++) {
                struct product p = product_new(dims[a], dims[b], batches[c], &rng);
                for (size_t s = 0; s < SETS; s++) {
                    const struct simd_ops *ops = midl_simd_ops_of(sets[s]);
                    for (int panels = 0; ops && panels < 2; panels++) {
                        run_product(ops, &p, panels);
                        expect_product(&p, midl_isa_name(sets[s]));
                    }
                }
                product_free(&p);
            }
}

/* Every element alone, one input and one panel or row at a time, against `p->y` of all. */
static void expect_same_alone(const struct simd_ops *ops, const struct product *p, bool panels)
{
    size_t units = panels ? (p->N + MIDL_PANEL - 1) / MIDL_PANEL : p->N;
    float *alone = malloc(p->N * sizeof(float));
    for (size_t b = 0; b < p->B; b++) {
        const float *x = p->x + b * p->K;
        for (size_t i = 0; i < units; i++)
            if (panels)
                ops->panels(i, i + 1, p->N, p->K, p->packed, p->bias, 1, x, p->K, alone, p->N);
            else
                ops->rows(i, i + 1, p->K, p->W, p->bias, 1, x, p->K, alone, p->N);
        assert_memory_equal(alone, p->y + b * p->N, p->N * sizeof(float));
    }
    free(alone);
}

/* Panels: bundles of one to four, rows of one slice and of several. */
static void an_element_has_the_same_bits_in_every_batch(void **state)
{
    static const size_t sizes[][2] = {{53, 301}, {16, 1100}, {25, 517},
                                      {33, 260}, {70, 129},  {96, 40}};
    struct rng rng = rng_seed(4);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct product p = product_new(sizes[i][0], sizes[i][1], 11, &rng);
        for (size_t s = 0; s < SETS; s++) {
            const struct simd_ops *ops = midl_simd_ops_of(sets[s]);
            for (int panels = 0; ops && panels < 2; panels++) {
                run_product(ops, &p, panels);
                expect_product(&p, midl_isa_name(sets[s]));
                expect_same_alone(ops, &p, panels);
            }
            for (size_t j = 0; ops && j < p.N; j++) {
                float row;
                ops->rows(0, 1, p.K, p.W + j * p.K, p.bias + j, 1, p.x, p.K, &row, 1);
                assert_true(ops->dot(p.K, p.W + j * p.K, p.x) + p.bias[j] == row);
            }
        }
        product_free(&p);
    }
}

static void matrices_are_packed_one_below_the_other(void **state)
{
    enum { N = 75, K = 21, UPPER = 30 };
    struct rng rng = rng_seed(5);
    struct product p = product_new(N, K, 1, &rng);
    float *packed = malloc(midl_panels_size(N, K) * sizeof *packed);
    (void)state;
    memset(packed, 0xff, midl_panels_size(N, K) * sizeof *packed);
    midl_panels_pack(N, K, 0, UPPER, p.W, packed);
    midl_panels_pack(N, K, UPPER, N - UPPER, p.W + UPPER * K, packed);
    assert_memory_equal(packed, p.packed, midl_panels_size(N, K) * sizeof *packed);
    free(packed);
    product_free(&p);
}

/* By a threshold: what is at least it, in every instruction set; nothing where that is more than k.
 */
static void values_above_a_threshold_are_all_found(void **state)
{
    (void)state;
    enum { MOST = 200 };
    struct rng rng = rng_seed(5);
    for (int isa = MIDL_ISA_PORTABLE; isa <= (int)midl_isa_best(); isa++) {
        const struct simd_ops *ops = midl_simd_ops_of((enum midl_isa)isa);
        for (size_t n = 1; ops && n < MOST; n += 7) {
            float values[MOST], value[MOST + 16];
            uint32_t index[MOST + 16];
            uint8_t bits[MIDL_BITS(MOST)];
            bool ranked = false;
            struct midl_chosen to = {index, value, bits, &ranked};
            size_t above = 0;
            for (size_t i = 0; i < n; i++) {
                values[i] = roundf((float)rng_normal(&rng) * 4);
                above += values[i] >= 1;
            }
            memset(bits, 0xff, sizeof bits);
            assert_int_equal(ops->at_least(n, n, 1, values, &to), above);
            assert_true(ranked);
            for (size_t i = 0, found = 0; i < n; i++) {
                assert_int_equal(bits[i / 8] >> i % 8 & 1, values[i] >= 1);
                if (values[i] >= 1) {
                    assert_int_equal(index[found], i);
                    assert_float_equal(value[found++], values[i], 0);
                }
            }
            if (above > 0)
                assert_int_equal(ops->at_least(n, above - 1, 1, values, &to), above);
            values[n / 2] = NAN;
            ops->at_least(n, n, 1, values, &to);
            assert_false(ranked);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topk_equals_a_full_sort),
        cmocka_unit_test(topk_tells_the_least_numbers_from_zero),
        cmocka_unit_test(topk_is_exact_where_mean_and_deviation_mislead),
        cmocka_unit_test(inputs_side_by_side_are_chosen_as_alone),
        cmocka_unit_test(a_guess_learns_where_the_cut_lies),
        cmocka_unit_test(topk_sees_a_nan_wherever_it_stands),
        cmocka_unit_test(values_above_a_threshold_are_all_found),
        cmocka_unit_test(blocks_are_ranked_by_their_sums),
        cmocka_unit_test(sigmoid_is_exact_where_it_can_be_and_close_elsewhere),
        cmocka_unit_test(products_are_within_the_bound_at_awkward_shapes),
        cmocka_unit_test(an_element_has_the_same_bits_in_every_batch),
        cmocka_unit_test(matrices_are_packed_one_below_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

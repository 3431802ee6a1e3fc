/* test_weights.c - rounding to bf16 and int8 against plain definitions, and what kernels then read.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "midl.h"
#include "base/rng.h"
#include "simd/ops.h"
#include "variant.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* One row through the public function; must succeed. */
static void round_row(enum midl_dtype dtype, size_t d, const float *row, float *ret)
{
    char reason[MIDL_REASON_SIZE];
    assert_int_equal(midl_round_weights(dtype, 1, d, row, ret, reason), MIDL_OK);
}

/* The nearer of the two neighbours that have sixteen bits; of equally near ones the even. */
static float nearest_bf16(float value)
{
    float below = float_of(bits_of(value) & 0xffff0000);
    float above = float_of((bits_of(value) & 0xffff0000) + 0x10000);
    double down = fabs((double)value - (double)below), up = fabs((double)above - (double)value);
    if (down == up)
        return bits_of(below) & 0x10000 ? above : below;
    return down < up ? below : above;
}

static void bf16_is_the_nearest(void **state)
{
    struct rng rng = rng_seed(3);
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)rng_next(&rng);
        if (i % 4 == 0)
            bits = (bits & 0xffff0000) | 0x8000; /* a tie */
        float value = float_of(bits), rounded;
        if (!isfinite(value) || fabsf(value) > 3e38f)
            continue;
        round_row(MIDL_BF16, 1, &value, &rounded);
        assert_int_equal(bits_of(rounded), bits_of(nearest_bf16(value)));
    }
}

static void bf16_keeps_what_is_not_finite(void **state)
{
    const float values[] = {INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f, -0.0f};
    const float expected[] = {INFINITY, -INFINITY, INFINITY, -INFINITY, 0.0f, -0.0f};
    float rounded[COUNT(values)], nan = float_of(0x7f800001), still;
    (void)state;
    round_row(MIDL_BF16, COUNT(values), values, rounded);
    assert_memory_equal(rounded, expected, sizeof expected);
    round_row(MIDL_BF16, 1, &nan, &still);
    assert_true(isnan(still));
}

static double largest(size_t count, const float *values)
{
    float most = 0;
    for (size_t i = 0; i < count; i++)
        if (fabsf(values[i]) > most)
            most = fabsf(values[i]);
    return (double)most;
}

/* max |w| / 127 is the step, to within its own rounding; each weight lies at the nearest step. */
static void int8_is_the_nearest_step(void **state)
{
    enum { D = 301 };
    struct rng rng = rng_seed(4);
    float row[D], rounded[D], again[D];
    (void)state;
    for (int exponent = -120; exponent <= 120; exponent += 5) {
        for (size_t i = 0; i < D; i++)
            row[i] = ldexpf((float)rng_normal(&rng), exponent);
        double max = largest(D, row);
        round_row(MIDL_INT8, D, row, rounded);
        double step = largest(D, rounded) / 127;
        assert_true(step >= max / 127 * (1 - 0x1p-15) && step <= max / 127 * (1 + 0x1p-24));
        for (size_t i = 0; i < D; i++) {
            assert_true((double)rounded[i] / step == nearbyint((double)rounded[i] / step));
            assert_true(fabs((double)rounded[i] - (double)row[i]) <= step / 2);
        }
        round_row(MIDL_INT8, D, rounded, again);
        assert_memory_equal(again, rounded, sizeof again);
    }
}

/* Rows of whole multiples of a power of two keep their values, whatever the power. */
static void int8_keeps_whole_numbers(void **state)
{
    enum { D = 40 };
    struct rng rng = rng_seed(5);
    float row[D], rounded[D];
    (void)state;
    for (uint32_t most = 0; most <= 127; most++) {
        for (int exponent = -126; exponent <= 120; exponent += 41) {
            for (size_t i = 0; i < D; i++)
                row[i] = ldexpf((float)rng_below(&rng, 2 * most + 1) - (float)most, exponent);
            row[D / 2] = ldexpf((float)most, exponent);
            round_row(MIDL_INT8, D, row, rounded);
            for (size_t i = 0; i < D; i++)
                assert_true(rounded[i] == row[i]);
        }
    }
}

static void int8_of_tiny_and_huge_rows(void **state)
{
    float tiny[] = {FLT_MIN / 1000, -FLT_MIN / 3000}, huge[] = {FLT_MAX, -FLT_MAX / 3}, rounded[2];
    (void)state;
    round_row(MIDL_INT8, 2, tiny, rounded);
    assert_true(fabsf(rounded[0]) <= FLT_MIN && fabsf(rounded[1]) <= FLT_MIN);
    round_row(MIDL_INT8, 2, huge, rounded);
    assert_true(fabs((double)rounded[0] / (double)FLT_MAX - 1) < 0.01);
    assert_true(fabs((double)rounded[1] / (double)FLT_MAX + 1. / 3) < 0.01);
}

static void int8_refuses_what_is_not_finite(void **state)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        float W[] = {1, 2, 3, 4, 5, bad[i]}, rounded[6];
        char reason[MIDL_REASON_SIZE] = "";
        assert_int_equal(midl_round_weights(MIDL_INT8, 3, 2, W, rounded, reason), MIDL_INVALID);
        assert_non_null(strstr(reason, "row 2"));
        struct midl_weights weights;
        size_t bytes = 0;
        assert_int_equal(midl_weights_create(MIDL_INT8, 3, 2, W, &weights, &bytes, reason),
                         MIDL_INVALID);
    }
}

/* Every row has a scale of its own, and W may be rounded in place. */
static void rows_are_independent(void **state)
{
    enum { N = 5, D = 33 };
    struct rng rng = rng_seed(6);
    float W[N * D], whole[N * D], alone[D];
    char reason[MIDL_REASON_SIZE];
    (void)state;
    for (size_t i = 0; i < N * D; i++)
        W[i] = (float)rng_normal(&rng) * (float)(1 + i / D * 10);
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++) {
        memcpy(whole, W, sizeof whole);
        assert_int_equal(midl_round_weights((enum midl_dtype)dtype, N, D, whole, whole, reason),
                         MIDL_OK);
        for (size_t j = 0; j < N; j++) {
            round_row((enum midl_dtype)dtype, D, W + j * D, alone);
            assert_memory_equal(alone, whole + j * D, sizeof alone);
        }
        assert_int_equal(memcmp(W, whole, sizeof W) == 0, dtype == MIDL_F32);
    }
}

/* A row times a unit vector is the weight, in every instruction set and at every place of a row;
 * beyond the row kernels read zeros only. */
static void kernels_read_the_rounded_weights(void **state)
{
    enum { N = 3, LONGEST = 131 };
    struct rng rng = rng_seed(7);
    float W[N * LONGEST], rounded[N * LONGEST], x[LONGEST];
    char reason[MIDL_REASON_SIZE];
    (void)state;
    for (size_t d = 1; d <= LONGEST; d++) {
        for (size_t i = 0; i < N * d; i++)
            W[i] = (float)rng_normal(&rng);
        for (int type = MIDL_F32; type <= MIDL_INT8; type++) {
            enum midl_dtype dtype = (enum midl_dtype)type;
            struct midl_weights weights;
            size_t bytes = 0;
            assert_int_equal(midl_round_weights(dtype, N, d, W, rounded, reason), MIDL_OK);
            assert_int_equal(midl_weights_create(dtype, N, d, W, &weights, &bytes, reason),
                             MIDL_OK);
            for (size_t i = 0; i < d; i++) {
                memset(x, 0, sizeof x);
                x[i] = 1;
                for (int isa = MIDL_ISA_PORTABLE; isa <= MIDL_ISA_AVX512; isa++) {
                    const struct simd_ops *ops = midl_simd_ops_of((enum midl_isa)isa);
                    for (size_t j = 0; ops && j < N; j++)
                        assert_true(ops->weights_dot(&weights, j, x) == rounded[j * d + i]);
                }
            }
            midl_weights_destroy(&weights);
        }
    }
}

/* Products with int8 lie within the error bound for inputs of any range, also where only the
 * tiniest elements of x have weights: a kernel that rounds the input fails here. */
static void expect_product(const struct simd_ops *ops, size_t d, const float *W, const float *x)
{
    struct midl_weights weights;
    size_t bytes = 0;
    char reason[MIDL_REASON_SIZE];
    float *rounded = malloc(3 * d * sizeof *rounded), y[3];
    assert_int_equal(midl_round_weights(MIDL_INT8, 3, d, W, rounded, reason), MIDL_OK);
    assert_int_equal(midl_weights_create(MIDL_INT8, 3, d, W, &weights, &bytes, reason), MIDL_OK);
    ops->weights_rows(0, 3, &weights, NULL, 1, x, y, 3);
    for (size_t j = 0; j < 3; j++) {
        double expected = 0, magnitude = 0;
        for (size_t i = 0; i < d; i++) {
            double term = (double)rounded[j * d + i] * (double)x[i];
            expected += term;
            magnitude += fabs(term);
        }
        double bound = 8 * sqrt((double)d) * (double)FLT_EPSILON * magnitude;
        assert_true(isnan(expected) ? isnan(y[j]) : fabs((double)y[j] - expected) <= bound);
    }
    midl_weights_destroy(&weights);
    free(rounded);
}

static void products_hold_the_bound_for_any_range(void **state)
{
    enum { MOST = 700 };
    static const size_t lengths[] = {1, 2, 63, 64, 65, 129, MOST};
    struct rng rng = rng_seed(8);
    float W[3 * MOST], x[MOST];
    (void)state;
    for (size_t l = 0; l < COUNT(lengths); l++) {
        for (int tiny = 0; tiny <= 12; tiny++) { /* elements far below the others */
            size_t d = lengths[l];
            for (size_t i = 0; i < 3 * d; i++)
                W[i] = (float)rng_normal(&rng);
            for (size_t i = 0; i < d; i++)
                x[i] = (float)rng_normal(&rng);
            for (int t = 0; t < tiny && (size_t)t + 1 < d; t++)
                x[t] = ldexpf((float)rng_normal(&rng), -20 - 3 * t);
            for (size_t i = (size_t)tiny; i < d && tiny; i++) /* row 2 has weights for these only */
                W[2 * d + i] = 0;
            for (int isa = MIDL_ISA_PORTABLE; isa <= MIDL_ISA_AVX512; isa++) {
                const struct simd_ops *ops = midl_simd_ops_of((enum midl_isa)isa);
                if (ops)
                    expect_product(ops, d, W, x);
            }
        }
    }
}

/* Scales at the ends of the floats, zeros, and a NaN. */
static void products_of_extreme_inputs(void **state)
{
    enum { D = 70 };
    static const float sizes[] = {0.0f, 1e-44f, FLT_MIN, 1e-30f, 1e30f, NAN};
    struct rng rng = rng_seed(9);
    float W[3 * D], x[D];
    (void)state;
    for (size_t s = 0; s < COUNT(sizes); s++) {
        for (size_t i = 0; i < 3 * D; i++)
            W[i] = (float)rng_below(&rng, 255) - 127.0f;
        for (size_t i = 0; i < D; i++)
            x[i] = sizes[s] * (float)rng_below(&rng, 9);
        for (int isa = MIDL_ISA_PORTABLE; isa <= MIDL_ISA_AVX512; isa++) {
            const struct simd_ops *ops = midl_simd_ops_of((enum midl_isa)isa);
            if (ops)
                expect_product(ops, D, W, x);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_is_the_nearest),
        cmocka_unit_test(bf16_keeps_what_is_not_finite),
        cmocka_unit_test(int8_is_the_nearest_step),
        cmocka_unit_test(int8_keeps_whole_numbers),
        cmocka_unit_test(int8_of_tiny_and_huge_rows),
        cmocka_unit_test(int8_refuses_what_is_not_finite),
        cmocka_unit_test(rows_are_independent),
        cmocka_unit_test(kernels_read_the_rounded_weights),
        cmocka_unit_test(products_hold_the_bound_for_any_range),
        cmocka_unit_test(products_of_extreme_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

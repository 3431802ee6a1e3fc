/* test_cost.c - the models of cost.c against a scalar layer that counts: every operation as it is
 * done, every weight the first time it is read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "midl.h"
#include "base/rng.h"

/* An array whose elements remember whether they were read. */
struct watched {
    const float *values;
    unsigned char *seen;
    size_t count;
};

static double *flops; /* where operations are counted now */

static struct watched watch(size_t count, struct rng *rng)
{
    float *values = malloc(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rng_normal(rng);
    return (struct watched){values, calloc(count, 1), count};
}

static void unwatch(struct watched *array)
{
    union {
        const float *in;
        void *out;
    } values = {array->values};
    free(values.out);
    free(array->seen);
}

static float get(const struct watched *array, size_t i)
{
    assert_true(i < array->count);
    array->seen[i] = 1;
    return array->values[i];
}

static double bytes_seen(const struct watched *array)
{
    double bytes = 0;
    for (size_t i = 0; i < array->count; i++)
        bytes += array->seen[i] * (double)sizeof(float);
    return bytes;
}

static float multiply(float a, float b)
{
    *flops += 1;
    return a * b;
}

static float add(float a, float b)
{
    *flops += 1;
    return a + b;
}

static float counted_sigmoid(float l)
{
    *flops += 1;
    return 1.0f / (1.0f + expf(-l));
}

/* row j of a matrix [.][K] times x, plus bias[j] if there is one; the sum begins with the product,
 * so a bias costs one addition and K products K multiplications and, with it, K additions. */
static float affine(const struct watched *matrix, const struct watched *bias, size_t j, size_t K,
                    const float *x)
{
    float sum = 0;
    for (size_t i = 0; i < K; i++)
        sum = add(sum, multiply(get(matrix, j * K + i), x[i]));
    return bias ? add(sum, get(bias, j)) : sum;
}

enum { W_, b_, V_, U_, c_, G_, Q_, P_, h_, ARRAYS };

struct counted {
    struct midl_cost cost;
    struct watched arrays[ARRAYS];
    size_t pairs;
    double bias_bytes; /* of the full path */
};

/* One input by the definition; selects the k largest by repeated search. */
static void counted_input(struct counted *c, const struct midl_shape *s, const float *x,
                          bool every_row, uint32_t *index)
{
    float *v = malloc(s->r * sizeof *v), *q = malloc(s->rg * sizeof *q);
    float *light = malloc(s->n * sizeof *light), *logit = malloc(s->n * sizeof *logit);
    float *full = malloc(s->n * sizeof *full);
    struct watched *a = c->arrays;
    size_t count = 0;
    flops = &c->cost.flops.light;
    for (size_t i = 0; i < s->r; i++)
        v[i] = affine(&a[V_], NULL, i, s->d, x);
    for (size_t j = 0; j < s->n; j++)
        light[j] = affine(&a[U_], &a[c_], j, s->r, v);
    flops = &c->cost.flops.gate;
    for (size_t i = 0; s->gate == MIDL_GATE_LOWRANK && i < s->rg; i++)
        q[i] = affine(&a[Q_], NULL, i, s->d, x);
    for (size_t j = 0; j < s->n; j++)
        logit[j] = s->gate == MIDL_GATE_FULL      ? affine(&a[G_], &a[h_], j, s->d, x)
                   : s->gate == MIDL_GATE_LOWRANK ? affine(&a[P_], &a[h_], j, s->rg, q)
                                                  : affine(&a[P_], &a[h_], j, s->r, v);
    for (size_t j = 0; j < s->n; j++) {
        size_t larger = 0;
        for (size_t i = 0; i < s->n; i++)
            larger += logit[i] > logit[j] || (logit[i] == logit[j] && i < j);
        if (larger < s->k)
            index[count++] = (uint32_t)j;
        c->cost.comparisons += 1;
    }
    flops = &c->cost.flops.full;
    for (size_t j = 0; every_row && j < s->n; j++)
        full[j] = affine(&a[W_], &a[b_], j, s->d, x);
    for (size_t i = 0; !every_row && i < count; i++)
        full[index[i]] = affine(&a[W_], &a[b_], index[i], s->d, x);
    flops = &c->cost.flops.blend;
    for (size_t i = 0; i < count; i++) {
        size_t j = index[i];
        float p = counted_sigmoid(logit[j]);
        /* (F - L) p + L: three operations and the sigmoid. */
        light[j] = add(multiply(add(full[j], -light[j]), p), light[j]);
    }
    c->pairs += count;
    free(v);
    free(q);
    free(light);
    free(logit);
    free(full);
}

static struct counted counted_layer(const struct midl_shape *s, size_t B, bool every_row,
                                    uint32_t *index, uint32_t *count)
{
    struct rng rng = rng_seed(5);
    struct counted c = {0};
    size_t sizes[ARRAYS] = {
        s->n * s->d, s->n,        s->r * s->d,  s->n * s->r,
        s->n,        s->n * s->d, s->rg * s->d, s->n * (s->gate == MIDL_GATE_SHARED ? s->r : s->rg),
        s->n};
    float *x = malloc(s->d * sizeof *x);
    for (size_t i = 0; i < ARRAYS; i++)
        c.arrays[i] = watch(sizes[i], &rng);
    for (size_t b = 0; b < B; b++) {
        for (size_t i = 0; i < s->d; i++)
            x[i] = (float)rng_normal(&rng);
        counted_input(&c, s, x, every_row, index + b * s->k);
        count[b] = (uint32_t)s->k;
    }
    struct midl_parts *bytes = &c.cost.bytes;
    c.bias_bytes = bytes_seen(&c.arrays[b_]);
    bytes->full = bytes_seen(&c.arrays[W_]) + c.bias_bytes;
    bytes->light =
        bytes_seen(&c.arrays[V_]) + bytes_seen(&c.arrays[U_]) + bytes_seen(&c.arrays[c_]);
    bytes->gate = bytes_seen(&c.arrays[G_]) + bytes_seen(&c.arrays[Q_]) +
                  bytes_seen(&c.arrays[P_]) + bytes_seen(&c.arrays[h_]);
    for (size_t i = 0; i < ARRAYS; i++)
        unwatch(&c.arrays[i]);
    free(x);
    return c;
}

static void expect_equal_cost(const struct midl_cost *model, const struct midl_cost *counted)
{
    assert_true(model->flops.gate == counted->flops.gate);
    assert_true(model->flops.light == counted->flops.light);
    assert_true(model->flops.full == counted->flops.full);
    assert_true(model->flops.blend == counted->flops.blend);
    assert_true(model->bytes.gate == counted->bytes.gate);
    assert_true(model->bytes.light == counted->bytes.light);
    assert_true(model->bytes.full == counted->bytes.full);
    assert_true(model->comparisons == counted->comparisons);
}

/* Bytes of W as another type holds them: of each row that was read, d weights and an int8's scale.
 */
static double full_bytes(enum midl_dtype dtype, const struct counted *c)
{
    static const double weight_bytes[] = {4, 2, 1}, scale_bytes[] = {0, 0, 4};
    double biases = c->bias_bytes, rows = biases / 4;
    return biases + (c->cost.bytes.full - biases) / 4 * weight_bytes[dtype] +
           rows * scale_bytes[dtype];
}

/* The model of `name` for the very selection that was counted. */
static void expect_model(const char *name, enum midl_dtype dtype, const struct midl_shape *s,
                         size_t B, bool every_row)
{
    uint32_t *index = malloc((B * s->k + 1) * sizeof *index), *count = malloc(B * sizeof *count);
    struct counted c = counted_layer(s, B, every_row, index, count);
    struct midl_selection selection = {.batch = B, .stride = s->k, .index = index, .count = count};
    const struct midl_variant *variant = midl_variant_find(name, dtype);
    assert_non_null(variant);
    struct midl_cost model = midl_variant_cost(variant, s, B, &selection);
    c.cost.bytes.full = full_bytes(dtype, &c);
    expect_equal_cost(&model, &c.cost);
    assert_true(model.io_bytes == 4.0 * (double)(B * (s->d + s->n)));
    free(index);
    free(count);
}

static void models_equal_what_the_scalar_layer_counts(void **state)
{
    static const struct midl_shape shapes[] = {
        {.d = 7, .n = 16, .r = 2, .rg = 3, .k = 7, .gate = MIDL_GATE_LOWRANK},
        {.d = 33, .n = 20, .r = 1, .rg = 1, .k = 9, .gate = MIDL_GATE_SHARED},
        {.d = 12, .n = 31, .r = 4, .rg = 1, .k = 31, .gate = MIDL_GATE_FULL},
        {.d = 1, .n = 1, .r = 1, .rg = 1, .k = 0, .gate = MIDL_GATE_LOWRANK},
        {.d = 5, .n = 40, .r = 3, .rg = 2, .k = 4, .gate = MIDL_GATE_LOWRANK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t B = 1; B <= 5; B += 2) {
            expect_model("gather", MIDL_F32, &shapes[i], B, false);
            expect_model("dense", MIDL_F32, &shapes[i], B, true);
            for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++) {
                expect_model("simd", (enum midl_dtype)dtype, &shapes[i], B, false);
                expect_model("dense-rows", (enum midl_dtype)dtype, &shapes[i], B, true);
            }
        }
}

static void the_linear_model_is_the_textbook_one(void **state)
{
    struct midl_shape s = {.d = 100, .n = 60, .r = 1, .rg = 1, .k = 30};
    struct midl_cost cost = midl_variant_cost(midl_variant_find("linear", MIDL_F32), &s, 3, NULL);
    (void)state;
    assert_true(midl_cost_flops(&cost) == 3 * (2 * 100 * 60 + 60));
    assert_true(midl_linear_flops(&s, 3) == 3 * (2 * 100 * 60 + 60));
    assert_true(midl_cost_bytes(&cost) == 4 * (100 * 60 + 60) + 4 * 3 * (100 + 60));
    cost = midl_variant_cost(midl_variant_find("linear-rows", MIDL_INT8), &s, 3, NULL);
    assert_true(midl_cost_flops(&cost) == 3 * (2 * 100 * 60 + 60));
    assert_true(midl_cost_bytes(&cost) == 60 * (100 + 4 + 4) + 4 * 3 * (100 + 60));
}

/* The paper's numbers: 45 % active and rank n/32 promise 1.74x on a square layer. */
static void the_promise_at_the_default_ranks(void **state)
{
    for (size_t n = 256; n <= 4096; n *= 2) {
        struct midl_shape s = {.d = n,
                               .n = n,
                               .r = midl_default_rank(n),
                               .rg = midl_default_rank(n),
                               .k = (size_t)(0.45 * (double)n),
                               .gate = MIDL_GATE_LOWRANK};
        struct midl_parts parts = midl_layer_flops(&s, 1, s.k);
        double ratio = midl_linear_flops(&s, 1) / midl_parts_sum(&parts);
        assert_true(ratio > 1.71 && ratio < 1.75);
    }
    (void)state;
}

static void distinct_neurons_are_the_union(void **state)
{
    uint32_t index[] = {0, 3, 70000, 3, 4, 99999, 0, 0, 0}, count[] = {3, 3, 1};
    struct midl_selection selection = {.batch = 3, .stride = 3, .index = index, .count = count};
    (void)state;
    assert_int_equal(midl_selection_distinct(&selection, 100000), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_equal_what_the_scalar_layer_counts),
        cmocka_unit_test(the_linear_model_is_the_textbook_one),
        cmocka_unit_test(the_promise_at_the_default_ranks),
        cmocka_unit_test(distinct_neurons_are_the_union),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_refused.c - the system refuses memory, threads or a barrier: the error names that, not
 * another cause. The linker redirects the calls to what stands here. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "learn/network_time.h"
#include "learn/inference.h"
#include "machine/ceiling.h"
#include "machine/machine.h"
#include "measure/measure.h"
#include "measure/point.h"
#include "midl_config.h"
#include "products.h"
#include "verify/problem.h"

#if MIDL_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

void *__real_calloc(size_t count, size_t size);
int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __real_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count);
void *__wrap_calloc(size_t count, size_t size);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data);
int __wrap_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count);

const struct machine *__real_machine_get(void);
const struct machine *__wrap_machine_get(void);

static double usable_bytes; /* 0: as it is */
static bool no_memory, no_barrier;
static int threads_left = -1; /* negative: any number */

void *__wrap_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : __real_calloc(count, size);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *data)
{
    if (threads_left == 0)
        return EAGAIN;
    threads_left -= threads_left > 0;
    return __real_pthread_create(ret, attributes, run, data);
}

int __wrap_pthread_barrier_init(pthread_barrier_t *ret, const pthread_barrierattr_t *attributes,
                                unsigned count)
{
    return no_barrier ? EAGAIN : __real_pthread_barrier_init(ret, attributes, count);
}

const struct machine *__wrap_machine_get(void)
{
    static struct machine machine;
    machine = *__real_machine_get();
    if (usable_bytes > 0)
        machine.usable_bytes = usable_bytes;
    if (usable_bytes > 0)
        strcpy(machine.limit_file, "memory.max of /a");
    return &machine;
}

static void expect(int threads, const char *words)
{
    struct ceilings ceilings;
    struct error error;
    assert_int_equal(ceilings_measure(threads, NULL, &ceilings, &error), OUTCOME_MACHINE);
    if (!strstr(error.text, words))
        fail_msg("'%s', expected '%s'", error.text, words);
}

static void test_memory(void **state)
{
    (void)state;
    no_memory = true;
    expect(1, "not enough memory for a team of threads");
    no_memory = false;
}

static void test_threads(void **state)
{
    (void)state;
    threads_left = 0;
    expect(1, "could not start 1 threads: Resource temporarily unavailable");
    threads_left = 1; /* the first of two waits, and is told */
    expect(2, "could not start 2 threads: Resource temporarily unavailable");
    threads_left = -1;
    no_barrier = true;
    expect(1, "could not make a barrier for 1 threads: Resource temporarily unavailable");
    no_barrier = false;
}

/* A control group kills who exceeds its limit: what would is refused before. */
static void test_limit(void **state)
{
    const struct bench_shape shape = {
        .layer = {.d = 4096, .n = 65536, .r = 1, .rg = 1, .k = 5, .gate = MIDL_GATE_LOWRANK},
        .batch = 1,
        .threads = 1,
        .seed = 1};
    struct problem problem;
    struct error error;
    (void)state;
    usable_bytes = 1e9;
    assert_int_equal(problem_load(&shape, &problem, &error), OUTCOME_MACHINE);
    if (!strstr(error.text, "not enough memory for weights and inputs (1.1 GB); memory.max of /a "
                            "allows 1 GB"))
        fail_msg("'%s'", error.text);
    usable_bytes = 0;
}

/* ---- Networks -------------------------------------------------------------------------------- */

enum outcome __real_inference_run(struct inference *inference, const float *x,
                                  const float **ret_logits, struct error *error);
enum outcome __wrap_inference_run(struct inference *inference, const float *x,
                                  const float **ret_logits, struct error *error);

static const char *refusing; /* the idea of the first layer's plan; "": all; NULL: none */

enum outcome __wrap_inference_run(struct inference *inference, const float *x,
                                  const float **ret_logits, struct error *error)
{
    const struct midl_plan *plan = inference_plan(inference, 0);
    bool refuses =
        refusing &&
        (!*refusing || (plan && strcmp(midl_variant_idea(midl_plan_variant(plan)), refusing) == 0));
    if (!refuses)
        return __real_inference_run(inference, x, ret_logits, error);
    strcpy(error->text, "no memory left");
    return OUTCOME_MACHINE;
}

/* Expect a point per variant: failed with that reason where it was refused, else timed. */
static void expect_points(const char *idea)
{
    enum { D = 24, BATCH = 2 };
    const struct layer_options layers = {.max_batch = BATCH, .threads = 1, .seed = 3};
    const struct network_facts facts = {
        .dataset = "set", .model = "32", .method = "midl", .file = "file", .active = 0.25};
    const struct measure_options options = {
        .target = 0.5, .budget_ns = 1e5, .sample_ns = 1e4, .min_rounds = 6};
    const struct midl_variant *variants[] = {midl_variant_find("linear-rows", MIDL_F32),
                                             midl_variant_find("simd", MIDL_F32)};
    const double active[NETWORK_LAYERS_MOST] = {0.25};
    float x[BATCH * D] = {1, -2, 3};
    struct network_spec spec;
    struct network network;
    struct network_time *times;
    struct measure_result result;
    struct error error;
    assert_int_equal(network_read("midl32:k=8,rank=1,gate=shared", (struct extent){D, 1, 1}, 0, 3,
                                  &spec, &error),
                     OUTCOME_DONE);
    assert_int_equal(network_create(&spec, &layers, &network, &error), OUTCOME_DONE);
    assert_int_equal(network_time_create(&network, active, &times, &error), OUTCOME_DONE);
    refusing = idea;
    assert_int_equal(
        network_time_measure(times, &facts, x, BATCH, variants, 2, &options, &result, &error),
        OUTCOME_DONE);
    refusing = NULL;
    assert_int_equal(result.count, 4);
    for (size_t i = 0; i < result.count; i++) {
        const struct store_point *point = &result.points[i];
        if (strcmp(point->kernel, "dense-narrow") == 0 && *idea)
            continue; /* it runs by whichever plain variant is fastest here */
        if (*idea && strcmp(point->kernel, idea) != 0) {
            assert_true(point->time_ns > 0);
            assert_true(!point->yardstick || strcmp(point->yardstick, idea) != 0);
            continue;
        }
        assert_string_equal(point->status, "failed");
        assert_string_equal(point->reason, "while it was timed: no memory left");
        assert_true(isnan(point->time_ns) && isnan(point->speedup));
    }
    network_time_clear(&result);
    network_time_destroy(times);
    network_destroy(&network);
}

/* Whoever fails in a timed call, right as it was before, has no time. */
static void test_timed_calls(void **state)
{
    (void)state;
    expect_points("simd");
    expect_points("linear-rows");
    expect_points("");
}

/* ---- oneDNN ---------------------------------------------------------------------------------- */

#if MIDL_HAVE_ONEDNN

/* Descriptions of arrays: values in oneDNN 2, handles that are to be given back in 3. */
#if DNNL_VERSION_MAJOR >= 3
#define DESCRIBE(prefix) prefix##dnnl_memory_desc_create_with_tag
dnnl_status_t __real_dnnl_memory_desc_destroy(dnnl_memory_desc_t description);
dnnl_status_t __wrap_dnnl_memory_desc_destroy(dnnl_memory_desc_t description);
#else
#define DESCRIBE(prefix) prefix##dnnl_memory_desc_init_by_tag
#endif
dnnl_status_t DESCRIBE(__real_)(dnnl_memory_desc_t *ret, int dims, const dnnl_dims_t sizes,
                                dnnl_data_type_t type, dnnl_format_tag_t tag);
dnnl_status_t DESCRIBE(__wrap_)(dnnl_memory_desc_t *ret, int dims, const dnnl_dims_t sizes,
                                dnnl_data_type_t type, dnnl_format_tag_t tag);

static int descriptions_left = -1, described, given_back; /* left negative: any number */

dnnl_status_t DESCRIBE(__wrap_)(dnnl_memory_desc_t *ret, int dims, const dnnl_dims_t sizes,
                                dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    if (descriptions_left == 0)
        return dnnl_out_of_memory;
    descriptions_left -= descriptions_left > 0;
    described++;
    return DESCRIBE(__real_)(ret, dims, sizes, type, tag);
}

#if DNNL_VERSION_MAJOR >= 3
dnnl_status_t __wrap_dnnl_memory_desc_destroy(dnnl_memory_desc_t description)
{
    given_back += description != NULL;
    return __real_dnnl_memory_desc_destroy(description);
}
#endif

/* Whichever description is refused, the plan ends with that reason, and those before are given
 * back. */
static void test_descriptions(void **state)
{
    const struct midl_shape shape = {.d = 16, .n = 16, .r = 1, .rg = 1, .k = 5};
    const struct midl_plan_options options = {
        .size = sizeof options, .variant = "linear-onednn", .max_batch = 3, .threads = 1};
    struct problem problem;
    struct error error;
    int refused = -1;
    (void)state;
    assert_int_equal(problem_random(&shape, 3, 1, FILL_NORMAL, &problem, &error), OUTCOME_DONE);
    for (enum midl_status status = MIDL_NO_MEMORY; status != MIDL_OK;) {
        struct midl_plan *plan = NULL;
        char reason[MIDL_REASON_SIZE] = "";
        described = given_back = 0;
        descriptions_left = ++refused;
        status = midl_plan_create(&problem.layer, &options, &plan, reason);
        assert_true(status == MIDL_OK || status == MIDL_NO_MEMORY);
        if (DNNL_VERSION_MAJOR >= 3)
            assert_int_equal(given_back, described);
        midl_plan_destroy(plan);
    }
    assert_true(refused > 8); /* two pieces of four arrays and more */
    descriptions_left = -1;
    problem_clear(&problem);
}

dnnl_status_t __real_dnnl_primitive_attr_create(dnnl_primitive_attr_t *ret);
dnnl_status_t __wrap_dnnl_primitive_attr_create(dnnl_primitive_attr_t *ret);
dnnl_status_t __real_dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attributes);
dnnl_status_t __wrap_dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attributes);

static int attributes_held;

dnnl_status_t __wrap_dnnl_primitive_attr_create(dnnl_primitive_attr_t *ret)
{
    attributes_held++;
    return __real_dnnl_primitive_attr_create(ret);
}

dnnl_status_t __wrap_dnnl_primitive_attr_destroy(dnnl_primitive_attr_t attributes)
{
    attributes_held -= attributes != NULL;
    return __real_dnnl_primitive_attr_destroy(attributes);
}

/* Whichever description an image layer is refused, it is told, and everything is given back. */
static void test_image_layers(void **state)
{
    const struct layer_options options = {.max_batch = 2, .threads = 1, .seed = 3};
    const struct pass pass = {.batch = 2};
    const float x[2 * 16] = {1, 2, 3};
    struct network_spec spec;
    struct error error;
    enum outcome outcome = OUTCOME_MACHINE;
    int refused = 0;
    (void)state;
    assert_int_equal(network_read("conv2", (struct extent){1, 4, 4}, 0, 3, &spec, &error),
                     OUTCOME_DONE);
    for (; outcome != OUTCOME_DONE; refused++) {
        struct network network;
        const float *logits;
        assert_int_equal(network_create(&spec, &options, &network, &error), OUTCOME_DONE);
        attributes_held = 0;
        descriptions_left = refused;
        outcome = network_forward(&network, &pass, x, &logits, &error);
        descriptions_left = -1;
        assert_true(outcome == OUTCOME_DONE || outcome == OUTCOME_MACHINE);
        assert_int_equal(attributes_held, 0);
        network_destroy(&network);
    }
    assert_true(refused > 6); /* a convolution's four arrays, a pool's two, a norm's one or more */
}

/* ---- oneDNN refuses a product ---------------------------------------------------------------- */

dnnl_status_t __wrap_dnnl_sgemm(char turn_a, char turn_b, dnnl_dim_t rows, dnnl_dim_t columns,
                                dnnl_dim_t inner, float alpha, const float *a, dnnl_dim_t lda,
                                const float *b, dnnl_dim_t ldb, float beta, float *c,
                                dnnl_dim_t ldc);
dnnl_status_t __real_dnnl_sgemm(char turn_a, char turn_b, dnnl_dim_t rows, dnnl_dim_t columns,
                                dnnl_dim_t inner, float alpha, const float *a, dnnl_dim_t lda,
                                const float *b, dnnl_dim_t ldb, float beta, float *c,
                                dnnl_dim_t ldc);
dnnl_status_t __wrap_dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream,
                                            int count, const dnnl_exec_arg_t *arguments);
dnnl_status_t __real_dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream,
                                            int count, const dnnl_exec_arg_t *arguments);

static int products_left = -1, products_refused; /* left negative: any number */
static int products_most = INT_MAX;              /* are refused after those that are left */

static bool product_is_refused(void)
{
    if (products_left < 0 || products_refused == products_most || products_left-- > 0)
        return false;
    products_left = 0;
    products_refused++;
    return true;
}

dnnl_status_t __wrap_dnnl_sgemm(char turn_a, char turn_b, dnnl_dim_t rows, dnnl_dim_t columns,
                                dnnl_dim_t inner, float alpha, const float *a, dnnl_dim_t lda,
                                const float *b, dnnl_dim_t ldb, float beta, float *c,
                                dnnl_dim_t ldc)
{
    if (product_is_refused())
        return dnnl_out_of_memory;
    return __real_dnnl_sgemm(turn_a, turn_b, rows, columns, inner, alpha, a, lda, b, ldb, beta, c,
                             ldc);
}

dnnl_status_t __wrap_dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream,
                                            int count, const dnnl_exec_arg_t *arguments)
{
    enum { REORDER = 2 }; /* arguments: packs the weights of a plan */
    if (count != REORDER && product_is_refused())
        return dnnl_out_of_memory;
    return __real_dnnl_primitive_execute(primitive, stream, count, arguments);
}

/* Whichever pieces of a product are refused, the values are those of a product of whole numbers,
 * which any order of summing gives exactly. */
static void test_products(void **state)
{
    enum { ROWS = 260, COLUMNS = 3, INNER = 5, PIECES = 3 };
    static float a[ROWS * INNER], b[INNER * COLUMNS], c[ROWS * COLUMNS], expected[ROWS * COLUMNS];
    (void)state;
    for (size_t i = 0; i < ROWS * INNER; i++)
        a[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < INNER * COLUMNS; i++)
        b[i] = (float)(i % 5) - 2;
    for (int form = 0; form < 8; form++) {
        const struct midl_product product = {.rows = ROWS,
                                             .columns = COLUMNS,
                                             .inner = INNER,
                                             .a = a,
                                             .b = b,
                                             .lda = form & 1 ? ROWS : INNER,
                                             .ldb = form & 2 ? INNER : COLUMNS,
                                             .turn_a = form & 1,
                                             .turn_b = form & 2,
                                             .add = form & 4,
                                             .c = c,
                                             .ldc = COLUMNS};
        for (int left = PIECES; left >= 0; left--) {
            for (size_t i = 0; i < ROWS * COLUMNS; i++)
                c[i] = 1;
            products_left = left;
            products_refused = 0;
            midl_product_run(1, &product);
            products_left = -1;
            assert_int_equal(products_refused, PIECES - left);
            if (left == PIECES)
                memcpy(expected, c, sizeof expected);
            assert_memory_equal(c, expected, sizeof expected);
        }
    }
}

/* A dense layer's call of two pieces, of which the last or both are refused. */
static void test_dense_layer(void **state)
{
    enum { B = 3, D = 16, N = 24 };
    const struct midl_shape shape = {.d = D, .n = N, .r = 1, .rg = 1, .k = 5};
    const struct midl_plan_options options = {
        .size = sizeof options, .variant = "linear-onednn", .max_batch = B + 1, .threads = 1};
    struct problem problem;
    struct error error;
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    float y[B * N], expected[B * N];
    (void)state;
    assert_int_equal(problem_random(&shape, B, 1, FILL_INTEGER, &problem, &error), OUTCOME_DONE);
    assert_int_equal(midl_plan_create(&problem.layer, &options, &plan, reason), MIDL_OK);
    assert_int_equal(midl_run(plan, B, problem.x, expected), MIDL_OK);
    assert_false(midl_plan_refused(plan));
    for (int left = 1; left >= 0; left--) {
        memset(y, 0, sizeof y);
        products_left = left;
        products_refused = 0;
        assert_int_equal(midl_run(plan, B, problem.x, y), MIDL_OK);
        products_left = -1;
        assert_int_equal(products_refused, 2 - left);
        assert_memory_equal(y, expected, sizeof y);
        assert_true(midl_plan_refused(plan));
    }
    assert_int_equal(midl_run(plan, B, problem.x, expected), MIDL_OK);
    assert_true(midl_plan_refused(plan)); /* it stays so */
    midl_plan_destroy(plan);
    problem_clear(&problem);
}

/* Measure two plain variants, of which oneDNN is refused `most` calls after some. */
static void measure_refused(int most, double move_share, const char *status)
{
    static const char *const names[] = {"linear-rows", "linear-onednn"};
    const struct measure_options options = {.target = 0.5,
                                            .budget_ns = 1e5,
                                            .sample_ns = 1e4,
                                            .min_rounds = 6,
                                            .place_rounds = 1,
                                            .move_share = move_share};
    struct bench_case cases[2];
    struct measure_result result;
    struct error error;
    for (size_t i = 0; i < 2; i++)
        cases[i] = (struct bench_case){
            .shape = {.layer = {.d = 16, .n = 16, .r = 1, .rg = 1, .k = 5}, .batch = 2, .seed = 1},
            .variant = midl_variant_find(names[i], MIDL_F32)};
    cases[0].shape.threads = cases[1].shape.threads = 1;
    products_left = 40;
    products_refused = 0;
    products_most = most;
    assert_int_equal(measure_group(cases, 2, &options, &result, &error), OUTCOME_DONE);
    products_left = -1;
    products_most = INT_MAX;
    const struct store_point *rows = &result.points[0], *onednn = &result.points[1];
    assert_true(rows->time_ns > 0);
    if (strcmp(status, "failed") != 0) {
        assert_string_not_equal(onednn->status, "failed");
        assert_true(onednn->time_ns > 0 && onednn->speedup > 0);
    } else {
        assert_string_equal(rows->yardstick, "linear-rows");
        assert_string_equal(onednn->status, "failed");
        assert_string_equal(onednn->reason, POINT_REFUSED);
        assert_true(isnan(onednn->time_ns) && isnan(onednn->speedup));
        assert_int_equal(onednn->sample_count, 0);
    }
    measure_result_clear(&result);
}

/* One refused call is enough, also of a plan that has gone to another place since. */
static void test_refused_point(void **state)
{
    (void)state;
    measure_refused(0, 0, "ok");
    measure_refused(INT_MAX, 0, "failed");
    measure_refused(1, 0, "failed");
    measure_refused(1, INFINITY, "failed");
}

#else
static void test_refused_point(void **state)
{
    (void)state;
    skip();
}

static void test_products(void **state)
{
    (void)state;
    skip();
}

static void test_dense_layer(void **state)
{
    (void)state;
    skip();
}

static void test_descriptions(void **state)
{
    (void)state;
    skip();
}

static void test_image_layers(void **state)
{
    (void)state;
    skip();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_threads),
        cmocka_unit_test(test_limit),        cmocka_unit_test(test_timed_calls),
        cmocka_unit_test(test_descriptions), cmocka_unit_test(test_image_layers),
        cmocka_unit_test(test_products),     cmocka_unit_test(test_dense_layer),
        cmocka_unit_test(test_refused_point)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

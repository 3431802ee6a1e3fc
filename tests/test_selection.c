/* test_selection.c - `midl select`'s methods against its reference, and its check against methods
 * that are broken, each in one way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "measure/topk_methods.h"

enum { N_MOST = 1100 };
static const char *const fills[] = {"normal", "uniform", "skewed", "heavy",
                                    "ties",   "two",     "sorted"};
static float values[N_MOST], work[SELECTION_WORK(N_MOST)], chosen[N_MOST + 1];
static uint32_t out[N_MOST + 1], expected[N_MOST];

static struct selection selection_of(size_t n, size_t k)
{
    assert_true(selection_expected(n, k, values, expected));
    return (struct selection){n, k, values, work, out, chosen};
}

static void all_methods_agree_with_the_reference(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 17, 64, 65, 257, 1024, 1099};
    size_t count;
    const struct selection_method *methods = selection_methods(&count);
    struct rng rng = rng_seed(1);
    (void)state;
    assert_true(count >= 5);
    for (size_t f = 0; f < sizeof fills / sizeof fills[0]; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            size_t n = sizes[s], step = n / 7 + 1;
            assert_true(selection_fill(fills[f], &rng, n, values));
            for (size_t k = 1; k <= n; k = k < n && k + step > n ? n : k + step) {
                struct selection call = selection_of(n, k);
                for (size_t m = 0; m < count; m++)
                    if (!selection_agrees(&methods[m], &call, expected))
                        fail_msg("%s-%s: %s, n = %zu, k = %zu", methods[m].name,
                                 midl_isa_name(methods[m].isa), fills[f], n, k);
            }
        }
}

static void zeros_are_equal_and_the_infinite_are_ranked(void **state)
{
    static const float odd[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1.0f, -0.0f, 0.0f};
    size_t count;
    const struct selection_method *methods = selection_methods(&count);
    (void)state;
    for (size_t i = 0; i < 700; i++)
        values[i] = odd[i % 7];
    for (size_t k = 1; k <= 700; k += 9) {
        struct selection call = selection_of(700, k);
        for (size_t m = 0; m < count; m++)
            assert_true(selection_agrees(&methods[m], &call, expected));
    }
}

/* The first method, with its result spoiled afterwards. */
static void right(const struct selection *s)
{
    size_t count;
    const struct selection_method *method = selection_methods(&count);
    assert_true(method->run(method->isa, s));
}

static bool descending(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    right(s);
    uint32_t kept = s->index[0];
    s->index[0] = s->index[1];
    s->index[1] = kept;
    return true;
}

static bool last_tie(enum midl_isa isa, const struct selection *s) /* the higher index of two */
{
    (void)isa;
    right(s);
    s->index[s->k - 1] = (uint32_t)s->n - 1;
    s->chosen[s->k - 1] = s->values[s->n - 1];
    return true;
}

static bool one_more(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    right(s);
    s->index[s->k] = 0;
    return true;
}

static bool other_value(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    right(s);
    s->chosen[s->k / 2] = NAN;
    return true;
}

static bool lazy(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    (void)s;
    return true;
}

static bool refuses(enum midl_isa isa, const struct selection *s)
{
    (void)isa;
    right(s);
    return false;
}

static void broken_methods_are_caught(void **state)
{
    static const struct selection_method broken[] = {
        {"descending", "", MIDL_ISA_GENERIC, descending},
        {"last-tie", "", MIDL_ISA_GENERIC, last_tie},
        {"one-more", "", MIDL_ISA_GENERIC, one_more},
        {"other-value", "", MIDL_ISA_GENERIC, other_value},
        {"lazy", "", MIDL_ISA_GENERIC, lazy},
        {"refuses", "", MIDL_ISA_GENERIC, refuses}};
    size_t count;
    (void)state;
    for (size_t i = 0; i < 100; i++)
        values[i] = 1.0f;
    struct selection call = selection_of(100, 45);
    assert_true(selection_agrees(selection_methods(&count), &call, expected));
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        if (selection_agrees(&broken[i], &call, expected))
            fail_msg("%s was not caught", broken[i].name);
}

static void unknown_fills_are_refused(void **state)
{
    struct rng rng = rng_seed(1);
    (void)state;
    values[0] = 7.0f;
    assert_false(selection_fill("norma", &rng, 1, values));
    assert_false(selection_fill("", &rng, 1, values));
    assert_true(values[0] == 7.0f);
}

/* What a layer selects of a batch is what each input selects alone, in every chunk of it. */
static void a_batch_selects_as_its_inputs(void **state)
{
    enum { N = 96, K = 17, BATCH = 101 };
    struct midl_shape shape = {.d = 8, .n = N, .r = 1, .k = K, .gate = MIDL_GATE_SHARED};
    float *logits = malloc(BATCH * N * sizeof *logits);
    struct rng rng = rng_seed(3);
    (void)state;
    assert_non_null(logits);
    for (size_t i = 0; i < BATCH * N; i++)
        logits[i] = rng_bell(&rng);
    struct selection_batch *batch = selection_batch_create(&shape, BATCH, logits);
    assert_non_null(batch);
    selection_batch_run(batch);
    for (size_t i = 0; i < BATCH; i++) {
        assert_true(selection_expected(N, K, logits + i * N, expected));
        assert_memory_equal(selection_batch_index(batch) + i * K, expected, K * sizeof *expected);
    }
    selection_batch_destroy(batch);
    shape.select = MIDL_SELECT_THRESHOLD;
    assert_null(selection_batch_create(&shape, BATCH, logits));
    free(logits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_selects_as_its_inputs),
        cmocka_unit_test(all_methods_agree_with_the_reference),
        cmocka_unit_test(zeros_are_equal_and_the_infinite_are_ranked),
        cmocka_unit_test(broken_methods_are_caught),
        cmocka_unit_test(unknown_fills_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

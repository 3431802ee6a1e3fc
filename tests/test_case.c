/* test_case.c - a case's label, and the command that repeats it: parsed again, the same case. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/quote.h"
#include "data/layer_file.h"
#include "suite/case.h"
#include "suite/one_case.h"
#include "base/rng.h"
#include "suite/suite.h"
#include "data/tensors.h"

#include <cmocka.h>

#include "scratch.h"

#define WORDS 48

static const struct bench_shape plain = {
    .layer = {.d = 1024, .n = 1024, .k = 461, .r = 32, .rg = 32, .gate = MIDL_GATE_LOWRANK},
    .batch = 1,
    .threads = 1,
    .seed = 1,
};

static void expect_text(const struct bench_shape *shape, const char *expected)
{
    char text[CASE_TEXT_SIZE];
    bench_shape_text(shape, text);
    assert_string_equal(text, expected);
}

static void test_text(void **state)
{
    (void)state;
    expect_text(&plain, "d=1024 n=1024 k=461 r=32 gate=lowrank:32 select=topk unselected=light "
                        "batch=1 threads=1 dtype=f32 cache=warm input=random layer=random seed=1");
    struct bench_shape shape = plain;
    shape.layer.gate = MIDL_GATE_SHARED;
    shape.layer.select = MIDL_SELECT_BLOCK;
    shape.layer.block = 16;
    shape.layer.unselected = MIDL_UNSELECTED_ZERO;
    shape.cache = CACHE_COLD;
    shape.dtype = MIDL_BF16;
    shape.input_path = "/data/x.idx";
    shape.input_name = "data:x.idx";
    shape.layer_path = "l.safetensors";
    shape.seed = UINT64_MAX;
    expect_text(&shape, "d=1024 n=1024 k=461 r=32 gate=shared select=block:16 unselected=zero "
                        "batch=1 threads=1 dtype=bf16 cache=cold input=data:x.idx "
                        "layer=l.safetensors seed=18446744073709551615");
    shape = plain;
    shape.layer.select = MIDL_SELECT_THRESHOLD;
    shape.layer.threshold = 0.3f;
    expect_text(&shape, "d=1024 n=1024 k=461 r=32 gate=lowrank:32 select=threshold:0.3 "
                        "unselected=light batch=1 threads=1 dtype=f32 cache=warm input=random "
                        "layer=random seed=1");
    shape = plain;
    shape.made.skewed = true;
    expect_text(&shape, "d=1024 n=1024 k=461 r=32 gate=lowrank:32 select=topk unselected=light "
                        "batch=1 threads=1 dtype=f32 cache=warm input=random layer=skewed seed=1");
}

/* Shapes that differ in one field have different labels: the store tells points apart by them. */
static void test_texts_differ(void **state)
{
    (void)state;
    struct bench_shape shapes[16];
    size_t count = 0;
    char texts[16][CASE_TEXT_SIZE];
    for (size_t i = 0; i < 16; i++)
        shapes[i] = plain;
    shapes[++count].layer.d = 1023;
    shapes[++count].layer.n = 1023;
    shapes[++count].layer.k = 460;
    shapes[++count].layer.r = 31;
    shapes[++count].layer.rg = 31;
    shapes[++count].layer.gate = MIDL_GATE_FULL;
    shapes[++count].layer.unselected = MIDL_UNSELECTED_ZERO;
    shapes[++count].batch = 2;
    shapes[++count].threads = 2;
    shapes[++count].dtype = MIDL_INT8;
    shapes[++count].cache = CACHE_COLD;
    shapes[++count].input_path = "a";
    shapes[++count].layer_path = "a";
    shapes[++count].made.skewed = true;
    shapes[++count].seed = 2;
    for (size_t i = 0; i <= count; i++) {
        bench_shape_text(&shapes[i], texts[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(texts[i], texts[j]);
    }
}

/* A layer made for a share has other weights for another k: it is no longer the same numbers. */
static void test_numbers_text(void **state)
{
    (void)state;
    struct bench_shape shape = plain, other = plain;
    char a[CASE_TEXT_SIZE], b[CASE_TEXT_SIZE];
    other.layer.k = 10;
    other.batch = 7;
    other.cache = CACHE_COLD;
    bench_numbers_text(&shape, a);
    bench_numbers_text(&other, b);
    assert_string_equal(a, b);
    shape.made = other.made = (struct made_layer){true, 0.6f};
    bench_numbers_text(&shape, a);
    bench_numbers_text(&other, b);
    assert_string_not_equal(a, b);
    other = shape;
    other.made.share = 0.61f;
    bench_numbers_text(&other, b);
    assert_string_not_equal(a, b);
}

static void test_made_layers(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool skewed;
        float share;
    } rows[] = {{"random", false, 0}, {"skewed", true, 0}, {"skewed:0.62", true, 0.62f}};
    static const char *const wrong[] = {"skewed:",    "skewed:0",    "skewed:x",  "skewed:.6x",
                                        "skewed:1e0", "skewed:-0.5", "skewed:nan"};
    struct made_layer made;
    char name[MADE_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_shape shape = plain;
        assert_true(made_layer_parse(rows[i].word, &shape.made));
        assert_int_equal(shape.made.skewed, rows[i].skewed);
        assert_true(shape.made.share >= rows[i].share && shape.made.share <= rows[i].share);
        assert_string_equal(bench_layer_name(&shape, name), rows[i].word);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_true(made_layer_parse(wrong[i], &made));
        assert_true(isnan(made.share));
    }
    assert_false(made_layer_parse("skewe", &made));
    assert_false(made_layer_parse("file.safetensors", &made));
}

static void test_longest(void **state)
{
    (void)state;
    static char path[10000];
    char text[CASE_TEXT_SIZE];
    memset(path, 'p', sizeof path - 1);
    struct bench_shape shape = plain;
    shape.layer_path = shape.input_path = path;
    bench_shape_text(&shape, text);
    assert_int_equal(strlen(text), CASE_TEXT_SIZE - 1);
    struct bench_case bench_case = {shape, midl_variant_at(0)};
    bench_case_command(&bench_case, text);
    assert_null(strstr(text, "ppp")); /* a path that doesn't fit is not cut into another one */
    /* The longest that suites let through fits with everything else. */
    path[CASE_PATH_MAX - 3] = '\0';
    shape.layer = (struct midl_shape){.d = 16777216,
                                      .n = 16777216,
                                      .k = 16777216,
                                      .r = 16777216,
                                      .rg = 16777216,
                                      .gate = MIDL_GATE_LOWRANK,
                                      .select = MIDL_SELECT_THRESHOLD,
                                      .threshold = 0.123456789f};
    shape.batch = 16777216;
    shape.threads = 1024;
    shape.seed = UINT64_MAX;
    bench_shape_text(&shape, text);
    assert_non_null(strstr(text, " seed=18446744073709551615"));
    bench_case.shape = shape;
    bench_case_command(&bench_case, text);
    const char *layer = strstr(text, " --layer ppp"), *input = strstr(text, " --input ppp");
    assert_true(layer && input);
    assert_int_equal(strcspn(input + strlen(" --input "), " "), CASE_PATH_MAX - 3);
}

static void test_quoting(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"plain/path_1.2-x:y=z,+@%", "plain/path_1.2-x:y=z,+@%"},
        {"", "''"},
        {"two words", "'two words'"},
        {"it's", "'it'\\''s'"},
        {"$(rm)", "'$(rm)'"},
        {"simd-*", "'simd-*'"},
    };
    char quoted[32];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_true(quote_word(pairs[i][0], quoted, sizeof quoted));
        assert_string_equal(quoted, pairs[i][1]);
    }
    assert_true(quote_word("abc", quoted, 5));
    assert_false(quote_word("abcd", quoted, 5));
    assert_false(quote_word("''", quoted, 9));
    assert_false(quote_word("", quoted, 2));
}

static void test_cache_names(void **state)
{
    (void)state;
    enum cache_state cache = CACHE_WARM;
    assert_true(cache_state_parse("cold", &cache));
    assert_int_equal(cache, CACHE_COLD);
    assert_false(cache_state_parse("hot", &cache));
    assert_false(cache_state_parse("", &cache));
    assert_int_equal(cache, CACHE_COLD);
    assert_true(cache_state_parse(cache_state_name(CACHE_WARM), &cache));
    assert_int_equal(cache, CACHE_WARM);
}

/* ---- Round trip ------------------------------------------------------------------------------ */

/* Split a command as a shell would: blanks, '...' and \' are all that quote_word makes. */
static size_t split(char *text, char *words[WORDS])
{
    size_t count = 0;
    bool quoted = false, inside = false;
    char *to = text;
    for (const char *c = text; *c; c++) {
        if (*c == ' ' && !quoted) {
            inside = false;
            *to++ = '\0';
            continue;
        }
        if (!inside) {
            assert_true(count < WORDS);
            words[count++] = to;
            inside = true;
        }
        if (*c == '\'')
            quoted = !quoted;
        else if (*c == '\\' && !quoted)
            *to++ = *++c;
        else
            *to++ = *c;
    }
    *to = '\0';
    return count;
}

/* The case that the options of a command lead to. */
static void expand_command(char *command, struct bench_cases *ret)
{
    char *words[WORDS] = {NULL};
    struct suite *suite;
    struct error error = {""};
    size_t count = split(command, words);
    assert_true(count >= 4 && count % 2 == 0);
    assert_string_equal(words[0], "midl");
    assert_string_equal(words[1], "sweep");
    assert_int_equal(suite_custom(&suite, &error), OUTCOME_DONE);
    for (size_t i = 2; i < count; i += 2) {
        assert_memory_equal(words[i], "--", 2);
        int axis = suite_axis_find(words[i] + 2);
        assert_true(axis >= 0);
        if (suite_set_axis(suite, (enum axis_id)axis, words[i + 1], &error) != OUTCOME_DONE)
            fail_msg("%s %s: %s", words[i], words[i + 1], error.text);
    }
    if (suite_expand(suite, ret, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    suite_destroy(suite);
}

static void expect_round_trip(const struct bench_case *bench_case)
{
    char command[CASE_TEXT_SIZE], again[CASE_TEXT_SIZE], text[CASE_TEXT_SIZE],
        text_again[CASE_TEXT_SIZE];
    struct bench_cases cases;
    bench_case_command(bench_case, command);
    bench_shape_text(&bench_case->shape, text);
    expand_command(strcpy(again, command), &cases);
    assert_int_equal(cases.count, 1);
    assert_int_equal(cases.group_count, 1);
    assert_ptr_equal(cases.cases[0].variant, bench_case->variant);
    bench_shape_text(&cases.cases[0].shape, text_again);
    assert_string_equal(text_again, text);
    bench_case_command(&cases.cases[0], again);
    assert_string_equal(again, command);
    bench_cases_clear(&cases);
}

/* The words by which a case is started again are those of its command, without a shell between:
 * blanks, quotes and what a shell would expand pass through. */
static void expect_same_words(const struct bench_case *bench_case)
{
    char command[CASE_TEXT_SIZE], *words[WORDS];
    char **direct = one_case_words(bench_case);
    bench_case_command(bench_case, command);
    size_t count = split(command, words);
    assert_non_null(direct);
    for (size_t i = 2; i < count; i++)
        assert_string_equal(direct[i - 2], words[i]);
    assert_null(direct[count - 2]);
    free(direct);
}

static void test_words(void **state)
{
    (void)state;
    static const char *const names[] = {
        "plain.safetensors", "two words", "it's", "$(touch /tmp/x) `y` $HOME ~ * [a] \"q\" \\", "-",
        "new\nline"};
    static char path[10000];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bench_shape shape = plain;
        shape.layer_path = names[i];
        shape.input_path = names[sizeof names / sizeof *names - 1 - i];
        expect_same_words(&(struct bench_case){shape, midl_variant_at(i)});
    }
    expect_same_words(&(struct bench_case){plain, midl_variant_at(0)});
    struct bench_shape shape = plain;
    shape.layer_path = shape.input_path = memset(path, 'p', sizeof path - 1);
    expect_same_words(&(struct bench_case){shape, midl_variant_at(0)}); /* left out in both */
}

static void test_round_trip(void **state)
{
    (void)state;
    struct rng rng = rng_seed(7);
    for (size_t i = 0; i < 500; i++) {
        struct bench_case bench_case = {.shape = plain};
        struct bench_shape *shape = &bench_case.shape;
        struct midl_shape *layer = &shape->layer;
        bench_case.variant = midl_variant_at(rng_below(&rng, (uint32_t)midl_variant_count()));
        shape->dtype = midl_variant_dtype(bench_case.variant);
        layer->d = 1 + rng_below(&rng, 5000);
        layer->n = 16 * (1 + rng_below(&rng, 300));
        layer->k = 16 * rng_below(&rng, (uint32_t)(layer->n / 16 + 1));
        layer->r = 1 + rng_below(&rng, 100);
        layer->gate = (enum midl_gate)rng_below(&rng, 3);
        layer->rg = layer->gate == MIDL_GATE_LOWRANK ? 1 + rng_below(&rng, 100) : 0;
        layer->select = (enum midl_select)rng_below(&rng, 3);
        layer->block = layer->select == MIDL_SELECT_BLOCK ? 8 + 8 * rng_below(&rng, 2) : 0;
        layer->threshold =
            layer->select == MIDL_SELECT_THRESHOLD ? (float)(rng_uniform(&rng) * 0.999) : 0;
        layer->unselected = (enum midl_unselected)rng_below(&rng, 2);
        shape->made.skewed = rng_below(&rng, 2);
        shape->made.share = 0;
        if (shape->made.skewed && layer->k && layer->select != MIDL_SELECT_THRESHOLD &&
            layer->n / 3 > (layer->k + 2) / 3 && layer->k >= layer->n / 3)
            shape->made.share =
                1 / 3.0f + (float)(rng_uniform(&rng) *
                                   ((double)(layer->n / 3) / (double)layer->k - 1 / 3.0) * 0.999);
        shape->batch = 1 + rng_below(&rng, 300);
        shape->threads = 1 + (int)rng_below(&rng, 8);
        shape->cache = (enum cache_state)rng_below(&rng, 2);
        shape->seed = rng_next(&rng) >> 11;
        expect_round_trip(&bench_case);
    }
}

/* The same for a layer and an input from files whose names need quotes. */
static void test_round_trip_files(void **state)
{
    (void)state;
    static const float zeros[64];
    const struct midl_layer layer = {
        .shape = {.d = 4, .n = 8, .r = 2, .k = 3, .gate = MIDL_GATE_FULL},
        .full_weight = zeros,
        .full_bias = zeros,
        .light_down = zeros,
        .light_up = zeros,
        .light_bias = zeros,
        .gate_weight = zeros,
        .gate_bias = zeros};
    struct error error = {""};
    struct bench_case bench_case = {.shape = plain,
                                    .variant = midl_variant_find("masked", MIDL_F32)};
    char layer_path[512];
    snprintf(layer_path, sizeof layer_path, "%s", scratch_path("a layer's file.safetensors"));
    if (layer_write(layer_path, &layer, NULL, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    scratch_file("in put", "x", 1);
    setenv("MIDL_DATA", scratch_folder, 1);
    bench_case.shape.layer = layer.shape;
    bench_case.shape.layer_path = layer_path;
    bench_case.shape.input_path = scratch_path("in put");
    bench_case.shape.input_name = "data:in put";
    expect_round_trip(&bench_case);
    bench_case.shape.layer.k = 8;
    bench_case.shape.layer.select = MIDL_SELECT_BLOCK;
    bench_case.shape.layer.block = 8;
    expect_round_trip(&bench_case);
    unsetenv("MIDL_DATA");
}

static void test_clear(void **state)
{
    (void)state;
    struct bench_cases cases = {0};
    bench_cases_clear(&cases);
    cases.paths = calloc(2, sizeof *cases.paths);
    cases.paths[0] = strdup("x");
    cases.path_count = 1;
    bench_cases_clear(&cases);
    assert_null(cases.paths);
    assert_int_equal(cases.path_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_texts_differ),
        cmocka_unit_test(test_numbers_text), cmocka_unit_test(test_made_layers),
        cmocka_unit_test(test_longest),      cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_cache_names),  cmocka_unit_test(test_words),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_round_trip_files),
        cmocka_unit_test(test_clear),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

/* test_axis.c - lists and ranges: values to the last bit, one error line for each thing wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite/axis.h"
#include "base/rng.h"

#include <cmocka.h>

static const struct axis_rule whole = {AXIS_WHOLE, 1, 16777216, "1 to 16777216", NULL};
static const struct axis_rule with_n = {AXIS_WHOLE, 1, 16777216, "1 to 16777216, or n", "n"};
static const struct axis_rule seed = {AXIS_WHOLE, 0, 0x1p53, "0 to 2^53", NULL};
static const struct axis_rule share = {AXIS_REAL, 0, 1, "0 to 1", NULL};
static const struct axis_rule real = {AXIS_REAL, -1e300, 1e300, "any", NULL};
static const struct axis_rule word = {.kind = AXIS_WORD};

#define END -999

static void expect_values(const struct axis_rule *rule, const char *text, const double *values)
{
    struct axis_list list;
    struct error error = {""};
    size_t count = 0;
    while (values[count] != END)
        count++;
    if (axis_parse(rule, text, &list, &error) != OUTCOME_DONE)
        fail_msg("%s: refused: %s", text, error.text);
    if (list.count != count)
        fail_msg("%s: %zu values, expected %zu", text, list.count, count);
    for (size_t i = 0; i < count; i++)
        if (list.numbers[i] != values[i])
            fail_msg("%s: value %zu is %.17g, expected %.17g", text, i, list.numbers[i], values[i]);
    axis_list_clear(&list);
}

#define EXPECT(rule, text, ...) expect_values(rule, text, (const double[]){__VA_ARGS__, END})

static void test_lists(void **state)
{
    (void)state;
    EXPECT(&whole, "7", 7);
    EXPECT(&whole, "1,2,3", 1, 2, 3);
    EXPECT(&whole, " 1 ,\t2 , 3 ", 1, 2, 3);
    EXPECT(&whole, "3,1,3", 3, 1, 3);
    EXPECT(&whole, "007", 7);
    EXPECT(&whole, "16777216", 16777216);
    EXPECT(&seed, "9007199254740991", 9007199254740991.0);
    EXPECT(&share, "0,0.1,1", 0, 0.1, 1);
    EXPECT(&share, "5e-2,.5,1.,+0.25", 0.05, 0.5, 1, 0.25);
    EXPECT(&with_n, "784,n", 784, 0);
    EXPECT(&with_n, " n ", 0);
}

static void test_ranges(void **state)
{
    (void)state;
    EXPECT(&whole, "1:4", 1, 2, 3, 4);
    EXPECT(&whole, "5:5", 5);
    EXPECT(&whole, "1:10:3", 1, 4, 7, 10);
    EXPECT(&whole, "1:11:3", 1, 4, 7, 10);
    EXPECT(&whole, "1 : 10 : 3", 1, 4, 7, 10);
    EXPECT(&whole, "1,4:6,9", 1, 4, 5, 6, 9);
    EXPECT(&share, "0:1", 0, 1);
    EXPECT(&share, "0:1:0.3", 0, 0.3, 0.6, 0.9);
    EXPECT(&share, "0:1:0.4", 0, 0.4, 0.8);
    EXPECT(&share, "0.1:0.7:0.2", 0.1, 0.3, 0.5, 0.7);
    EXPECT(&share, "0.1:0.3:1e-1", 0.1, 0.2, 0.3);
    EXPECT(&real, "-1:1:0.5", -1, -0.5, 0, 0.5, 1);
}

static void test_geometric_ranges(void **state)
{
    (void)state;
    EXPECT(&whole, "256:8192:x2", 256, 512, 1024, 2048, 4096, 8192);
    EXPECT(&whole, "256:8191:x2", 256, 512, 1024, 2048, 4096);
    EXPECT(&whole, "1,4:16:x2", 1, 4, 8, 16);
    EXPECT(&whole, "3:3:x2", 3);
    EXPECT(&whole, "1:10:x1.5", 1, 2, 3, 5, 8);
    EXPECT(&whole, "1:16:x1.41421356", 1, 2, 3, 4, 6, 8, 11, 16);
    EXPECT(&whole, "1:4:x1.01", 1, 2, 3, 4);
    EXPECT(&whole, "1:1000000:x10", 1, 10, 100, 1000, 10000, 100000, 1000000);
    EXPECT(&share, "0.01:1:x10", 0.01, 0.1, 1);
    EXPECT(&share, "0.001:1:x10", 0.001, 0.01, 0.1, 1);
    EXPECT(&share, "0.1:0.5:x2", 0.1, 0.2, 0.4);
}

/* A real of a range is the double that its decimal names, however the range was written. */
static void test_reals_are_nearest(void **state)
{
    (void)state;
    static const char *const texts[] = {"0.05:1:0.05", "0.01:1:0.01", "0.001:1:0.001",
                                        "0:1:0.0625",  "0.1:1:1e-1",  "0:0.3:0.1"};
    static const size_t counts[] = {20, 100, 1000, 17, 10, 4};
    static const int decimals[] = {2, 2, 3, 4, 1, 1};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct axis_list list;
        struct error error;
        assert_int_equal(axis_parse(&share, texts[i], &list, &error), OUTCOME_DONE);
        assert_int_equal(list.count, counts[i]);
        for (size_t j = 0; j < list.count; j++) {
            char digits[64];
            snprintf(digits, sizeof digits, "%.*f", decimals[i], list.numbers[j]);
            assert_true(strtod(digits, NULL) == list.numbers[j]);
        }
        axis_list_clear(&list);
    }
}

static void test_words(void **state)
{
    (void)state;
    struct axis_list list;
    struct error error;
    assert_int_equal(axis_parse(&word, " simd , linear*,a b,1:2", &list, &error), OUTCOME_DONE);
    static const char *const words[] = {"simd", "linear*", "a b", "1:2"};
    assert_int_equal(list.count, 4);
    for (size_t i = 0; i < list.count; i++)
        assert_string_equal(list.words[i], words[i]);
    assert_null(list.numbers);
    axis_list_clear(&list);
}

struct refusal {
    const struct axis_rule *rule;
    const char *text, *line;
};

static const struct refusal refusals[] = {
    {&whole, "", "'': no value given"},
    {&whole, " \t ", "'': no value given"},
    {&whole, ",", ",: an item between commas is empty"},
    {&whole, "1,", "1,: an item between commas is empty"},
    {&whole, "1,,2", "1,,2: an item between commas is empty"},
    {&word, "simd,", "simd,: an item between commas is empty"},
    {&whole, "x", "x: not a whole number"},
    {&whole, "1.5", "1.5: not a whole number"},
    {&whole, "1e3", "1e3: not a whole number"},
    {&whole, "-1", "-1: not a whole number"},
    {&whole, "+1", "+1: not a whole number"},
    {&whole, "0x10", "0x10: not a whole number"},
    {&whole, "12 13", "12 13: not a whole number"},
    {&whole, "12x", "12x: not a whole number"},
    {&whole, "n", "n: not a whole number"},
    {&whole, "1,2;3", "2;3: not a whole number"},
    {&share, "half", "half: not a number"},
    {&share, "nan", "nan: not a number"},
    {&share, "inf", "inf: not a number"},
    {&share, "1e999", "1e999: not a number"},
    {&share, "0x1p-1", "0x1p-1: not a number"},
    {&share, "0.5.5", "0.5.5: not a number"},
    {&share, "0,5.5", "5.5: must be 0 to 1"},
    {&share, "-0.1", "-0.1: must be 0 to 1"},
    {&share, "0:2:1", "0:2:1: must be 0 to 1"},
    {&whole, "0", "0: must be 1 to 16777216"},
    {&whole, "16777217", "16777217: must be 1 to 16777216"},
    {&whole, "99999999999999999999999", "99999999999999999999999: must be 1 to 16777216"},
    {&whole, "0:4:x2", "0:4:x2: must be 1 to 16777216"},
    {&share, "0:1:x2", "0:1:x2: a geometric range can't start at 0"},
    {&whole, "4:1", "4:1: the range runs backwards"},
    {&whole, "4:1:x2", "4:1:x2: the range runs backwards"},
    {&whole, "1:4:0", "1:4:0: the step must be above 0"},
    {&share, "0:1:0.0", "0:1:0.0: the step must be above 0"},
    {&share, "0:1:-0.1", "0:1:-0.1: the step must be above 0"},
    {&whole, "1:4:-1", "1:4:-1: the step is not a whole number (a factor is written x2)"},
    {&whole, "1:4:0.5", "1:4:0.5: the step is not a whole number (a factor is written x2)"},
    {&whole, "1:4:2x", "1:4:2x: the step is not a whole number (a factor is written x2)"},
    {&share, "0:1:*2", "0:1:*2: the step is not a number (a factor is written x2)"},
    {&share, "0:1:nan", "0:1:nan: the step is not a number (a factor is written x2)"},
    {&whole, "1:4:x1", "1:4:x1: the factor must be above 1"},
    {&whole, "1:4:x0.5", "1:4:x0.5: the factor must be above 1"},
    {&whole, "1:4:x-2", "1:4:x-2: the factor must be above 1"},
    {&whole, "1:4:x", "1:4:x: the factor is not a number"},
    {&whole, "1:4:xx2", "1:4:xx2: the factor is not a number"},
    {&whole, "1:4:xinf", "1:4:xinf: the factor is not a number"},
    {&whole, "1:", "1:: the end of the range is not a whole number"},
    {&whole, ":4", ":4: not a whole number"},
    {&whole, "1:4:", "1:4:: the step is not a whole number (a factor is written x2)"},
    {&whole, "1::4", "1::4: the end of the range is not a whole number"},
    {&whole, "1:4:1:1", "1:4:1:1: the step is not a whole number (a factor is written x2)"},
    {&share, "0:one", "0:one: the end of the range is not a number"},
    {&whole, "1:100001", "1:100001: more than 100000 values"},
    {&whole, "1,1:100000", "1:100000: more than 100000 values"},
    {&share, "0:1:1e-300", "0:1:1e-300: more than 100000 values"},
    {&whole, "1:2:x1.0000000001", "1:2:x1.0000000001: more than 100000 values"},
    {&share, "1e-320:1:x1.001", "1e-320:1:x1.001: more than 100000 values"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct axis_list list = {.count = 77};
        struct error error = {""};
        enum outcome outcome = axis_parse(refusals[i].rule, refusals[i].text, &list, &error);
        assert_string_equal(error.text, refusals[i].line);
        assert_int_equal(outcome, OUTCOME_USAGE);
        assert_int_equal(list.count, 77);
    }
}

static void test_largest_count(void **state)
{
    (void)state;
    struct axis_list list;
    struct error error;
    assert_int_equal(axis_parse(&whole, "1:100000", &list, &error), OUTCOME_DONE);
    assert_int_equal(list.count, AXIS_VALUES_MAX);
    assert_true(list.numbers[99999] == 100000);
    axis_list_clear(&list);
}

/* A wrong item of any length leaves room for the reason. */
static void test_long_items(void **state)
{
    (void)state;
    static char text[200000];
    struct axis_list list;
    struct error error;
    memset(text, '9', sizeof text - 1);
    assert_int_equal(axis_parse(&whole, text, &list, &error), OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "...: not a whole number"));
    memset(text, ',', sizeof text - 1);
    assert_int_equal(axis_parse(&word, text, &list, &error), OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "...: more than 100000 values"));
    for (size_t i = 0; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "1,", 2);
    text[sizeof text - 3] = '\0';
    assert_int_equal(axis_parse(&whole, text, &list, &error), OUTCOME_DONE);
    assert_int_equal(list.count, 99999);
    axis_list_clear(&list);
}

/* Whatever the text, an answer or a line: never a value out of bounds. */
static void test_random_texts(void **state)
{
    (void)state;
    static const char letters[] = "0123456789..:::,,xxe+-n \t*";
    static const struct axis_rule *const rules[] = {&whole, &with_n, &share, &word};
    struct rng rng = rng_seed(20240607);
    size_t parsed = 0;
    for (size_t i = 0; i < 20000; i++) {
        char text[24];
        size_t length = rng_below(&rng, sizeof text);
        bool binary = rng_below(&rng, 8) == 0;
        for (size_t j = 0; j < length; j++)
            text[j] = binary ? (char)(1 + rng_below(&rng, 255))
                             : letters[rng_below(&rng, sizeof letters - 1)];
        text[length] = '\0';
        const struct axis_rule *rule = rules[rng_below(&rng, 4)];
        struct axis_list list;
        struct error error = {""};
        if (axis_parse(rule, text, &list, &error) != OUTCOME_DONE) {
            assert_true(*error.text && !strchr(error.text, '\n'));
            continue;
        }
        parsed++;
        assert_true(list.count >= 1 && list.count <= AXIS_VALUES_MAX);
        double least = rule->keyword ? 0 : rule->min;
        for (size_t j = 0; rule->kind != AXIS_WORD && j < list.count; j++)
            assert_true(list.numbers[j] >= least && list.numbers[j] <= rule->max);
        axis_list_clear(&list);
    }
    assert_true(parsed > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_geometric_ranges),
        cmocka_unit_test(test_reals_are_nearest),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_largest_count),
        cmocka_unit_test(test_long_items),
        cmocka_unit_test(test_random_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

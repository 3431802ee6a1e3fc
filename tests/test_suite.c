/* test_suite.c - suite files: what they may say, what they expand to, and one line for all else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "data/layer_file.h"
#include "suite/suite.h"
#include "data/tensors.h"

#include <cmocka.h>

#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct suite *parse(const char *text)
{
    struct suite *suite = NULL;
    struct error error = {""};
    if (suite_parse(text, "dir/test.suite", &suite, &error) != OUTCOME_DONE)
        fail_msg("%s: refused: %s", text, error.text);
    return suite;
}

static struct bench_cases expand(const struct suite *suite)
{
    struct bench_cases cases = {0};
    struct error error = {""};
    if (suite_expand(suite, &cases, &error) != OUTCOME_DONE)
        fail_msg("%s: %s", suite_name(suite), error.text);
    return cases;
}

static struct bench_cases expand_text(const char *text)
{
    struct suite *suite = parse(text);
    struct bench_cases cases = expand(suite);
    suite_destroy(suite);
    return cases;
}

/* How many ideas have a row of this dtype: the size of `*`. */
static size_t ideas(enum midl_dtype dtype)
{
    size_t count = 0;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        count += midl_variant_dtype(variant) == dtype &&
                 midl_variant_find(midl_variant_idea(variant), dtype) == variant;
    }
    return count;
}

/* ---- Grammar --------------------------------------------------------------------------------- */

static void test_suite_section(void **state)
{
    (void)state;
    struct suite *suite =
        parse("[suite]\nquestion = does it; pay?\ntarget = 3.5 %\n"
              "budget = 250 ms ; short\ncounters = papi, callgrind\n[sweep]\nn=1");
    assert_string_equal(suite_name(suite), "test");
    assert_string_equal(suite_question(suite), "does it; pay?");
    assert_true(suite_target(suite) == 3.5 / 100);
    assert_true(suite_budget_ns(suite) == 250e6);
    assert_int_equal(suite_counters(suite), COUNT_PAPI | COUNT_CALLGRIND);
    suite_destroy(suite);
    suite = parse("[sweep]\nn = 1\n");
    assert_string_equal(suite_question(suite), "");
    assert_true(suite_target(suite) == 0.02);
    assert_true(suite_budget_ns(suite) == 5e9);
    assert_int_equal(suite_counters(suite), COUNT_PAPI);
    suite_destroy(suite);
    suite_destroy(NULL);
}

/* The first reference that the dtype has joins each shape, unless it is there or left out. */
static void test_reference(void **state)
{
    (void)state;
    static const char text[] = "[suite]\nreference = linear, linear-rows\n"
                               "[sweep]\nn = 16\nkernel = masked\ndtype = f32, bf16\n"
                               "[sweep]\nn = 32\nkernel = linear,masked\n";
    static const char *const names[] = {"masked",      "linear", "masked",
                                        "linear-rows", "linear", "masked"};
    struct suite *suite = parse(text);
    struct bench_cases cases = expand(suite);
    assert_int_equal(cases.count, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(midl_variant_name(cases.cases[i].variant), names[i]);
    bench_cases_clear(&cases);
    assert_true(suite_has_reference(suite));
    suite_leave_reference(suite);
    cases = expand(suite);
    assert_int_equal(cases.count, 4);
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

static void test_options(void **state)
{
    (void)state;
    struct suite *suite = parse("[sweep]\nn = 1\n");
    struct error error;
    static const char *const good[][2] = {
        {"target", "0.05"},  {"target", "5%"},     {"budget", "1.5s"},
        {"budget", "2 min"}, {"counters", "none"}, {"counters", "callgrind,callgrind"}};
    static const char *const bad[][3] = {
        {"target", "", "target = : write it as 2 % or 0.02"},
        {"target", "2 s", "target = 2 s: write it as 2 % or 0.02"},
        {"target", "nan", "target = nan: write it as 2 % or 0.02"},
        {"target", "0x1 %", "target = 0x1 %: write it as 2 % or 0.02"},
        {"target", "0", "target = 0: must be above 0 and below 100 %"},
        {"target", "2", "target = 2: must be above 0 and below 100 %"},
        {"target", "100 %", "target = 100 %: must be above 0 and below 100 %"},
        {"budget", "5", "budget = 5: write it as 5 s, 500 ms or 2 min"},
        {"budget", "-5 s", "budget = -5 s: write it as 5 s, 500 ms or 2 min"},
        {"budget", "5 hours", "budget = 5 hours: write it as 5 s, 500 ms or 2 min"},
        {"budget", "1.2.3 s", "budget = 1.2.3 s: write it as 5 s, 500 ms or 2 min"},
        {"budget", "0 s", "budget = 0 s: must be from 1 ms to one day"},
        {"budget", "90000 s", "budget = 90000 s: must be from 1 ms to one day"},
        {"counters", "perf",
         "counters = perf: must be some of none, papi, callgrind, core, cache, flops, tlb, system"},
        {"counters", "none,papi",
         "counters = none,papi: must be some of none, papi, callgrind, core, cache, flops, tlb, "
         "system; none stands alone"},
        {"counters", "none,tlb",
         "counters = none,tlb: must be some of none, papi, callgrind, core, cache, flops, tlb, "
         "system; none stands alone"},
        {"counters", "", "counters = : '': no value given"},
        {"reference", "masked", "reference = masked: masked is no dense layer"},
        {"reference", "linear,lineal", "reference = linear,lineal: lineal is no dense layer"},
        {"taget", "1", "unknown word taget in section [suite] (did you mean target?)"},
    };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(suite_set_option(suite, good[i][0], good[i][1], &error), OUTCOME_DONE);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(suite_set_option(suite, bad[i][0], bad[i][1], &error), OUTCOME_USAGE);
        assert_string_equal(error.text, bad[i][2]);
    }
    assert_true(suite_target(suite) == 0.05);
    assert_true(suite_budget_ns(suite) == 120e9);
    assert_int_equal(suite_counters(suite), COUNT_CALLGRIND);
    suite_destroy(suite);
}

/* Line ends, indentation, comments, continuation and separators, all in one. */
static void test_lines(void **state)
{
    (void)state;
    struct bench_cases cases = expand_text("\xEF\xBB\xBF; a comment\r\n"
                                           "# another = one\r\n"
                                           "  [suite]\r\n"
                                           "  question = one\r\n"
                                           "     and more\r\n"
                                           "\r\n"
                                           "[sweep small things] ; heading\r\n"
                                           "   n : 1,2,  ; first\r\n"
                                           "\t   3,      ; go on\r\n"
                                           "; between\r\n"
                                           "\t   4\r\n"
                                           "   k = 1\r\n"
                                           "   kernel=masked");
    assert_int_equal(cases.count, 4);
    assert_int_equal(cases.cases[3].shape.layer.n, 4);
    assert_int_equal(cases.cases[3].shape.layer.d, 4);
    bench_cases_clear(&cases);
    char text[1200] = "[sweep]\n;";
    memset(text + strlen(text), 'c', 1000);
    strcat(text, "\nn = 1\n");
    struct suite *suite = parse(text);
    suite_destroy(suite);
    suite = parse("[suite]\nquestion = does it\n    pay? ; yes\n  target = 1 %\n[sweep]\nn = 1");
    assert_string_equal(suite_question(suite), "does it pay?");
    assert_true(suite_target(suite) == 0.01);
    suite_destroy(suite);
}

static void test_axis_names(void **state)
{
    (void)state;
    for (int axis = 0; axis < SUITE_AXES; axis++)
        assert_int_equal(suite_axis_find(suite_axis_name((enum axis_id)axis)), axis);
    assert_int_equal(suite_axis_find("gate-rank"), AXIS_GATE_RANK);
    assert_int_equal(suite_axis_find("gate_ran"), -1);
    assert_int_equal(suite_axis_find("gate_ranks"), -1);
    assert_int_equal(suite_axis_find(""), -1);
    assert_int_equal(suite_axis_find("N"), -1);
}

/* Every axis but `kernel` has one turn; what depends on an axis stands behind it in labels. */
static void test_axis_table(void **state)
{
    (void)state;
    size_t times[SUITE_AXES] = {0};
    for (size_t i = 0; i < SUITE_WHEELS; i++)
        times[suite_wheels[i]]++;
    for (int axis = 0; axis < SUITE_AXES; axis++) {
        const struct axis_row *row = suite_axis((enum axis_id)axis);
        assert_int_equal(times[axis], axis == AXIS_KERNEL ? 0 : 1);
        int before = axis - 1;
        while (row->owner >= 0 && before > row->owner &&
               suite_axis((enum axis_id)before)->owner == row->owner)
            before--;
        assert_true(row->owner < 0 || (before == row->owner && !row->label));
        assert_true(row->help && *row->help);
    }
}

/* A value set is the value got, and the word of a value parses to it. */
static void test_axis_fields(void **state)
{
    (void)state;
    for (int i = 0; i < SUITE_AXES; i++) {
        enum axis_id axis = (enum axis_id)i;
        struct bench_shape shape = {.batch = 1};
        const char *word = suite_axis_word(axis, 1);
        suite_axis_set(&shape, axis, 1);
        assert_true(suite_axis_get(&shape, axis) == (suite_axis(axis)->in_case ? 1 : 0));
        assert_null(suite_axis_word(axis, -1));
        assert_null(suite_axis_word(axis, 100));
        if (!word)
            continue;
        struct axis_list list;
        struct error error;
        assert_int_equal(suite_axis_parse(axis, word, &list, &error), OUTCOME_DONE);
        assert_true(list.numbers[0] == 1);
        axis_list_clear(&list);
    }
}

struct refusal {
    const char *text, *line;
};

#define FILE_LINE(n) "dir/test.suite:" #n ": "

static const struct refusal parse_refusals[] = {
    {"", FILE_LINE(0) "no [sweep] section: nothing to measure"},
    {"[suite]\ntarget = 2 %\n", FILE_LINE(2) "no [sweep] section: nothing to measure"},
    {"[sweep]\n", FILE_LINE(1) "the section is empty"},
    {"[sweep]\nn = x\n[sweep]\n", FILE_LINE(2) "n = x: not a whole number"},
    {"[sweep]\n[sweep]\nn = 1\n", FILE_LINE(1) "the section is empty"},
    {"[foo]\n[sweep]\nn = 1\n", FILE_LINE(1) "the section is empty"},
    {"n = 1\n", FILE_LINE(1) "n stands before the first section: begin with [suite] or [sweep]"},
    {"[swep]\nn = 1\n",
     FILE_LINE(1) "unknown section [swep]: must be [suite], [sweep], [sweep NAME], "
                  "[train] or [train NAME]"},
    {"[sweeping]\nn = 1\n",
     FILE_LINE(1) "unknown section [sweeping]: must be [suite], [sweep], [sweep NAME], "
                  "[train] or [train NAME]"},
    {"[suite x]\ntarget = 1 %\n",
     FILE_LINE(1) "unknown section [suite x]: must be [suite], [sweep], [sweep NAME], "
                  "[train] or [train NAME]"},
    {"[suite]\ntarget = 1 %\n[sweep]\nn=1\n[suite]\nbudget = 1 s\n",
     FILE_LINE(5) "a second section [suite]"},
    {"[suite]\ntarget = 1 %\ntarget = 2 %\n", FILE_LINE(3) "target is given a second time"},
    {"[suite]\nbudgets = 1 s\n",
     FILE_LINE(2) "unknown word budgets in section [suite] (did you mean budget?)"},
    {"[suite]\nn = 1 s\n", FILE_LINE(2) "unknown word n in section [suite]"},
    {"[suite]\ntarget = 2\n", FILE_LINE(2) "target = 2: must be above 0 and below 100 %"},
    {"[sweep]\nn = 1\nbacth = 4\n", FILE_LINE(3) "unknown axis bacth (did you mean batch?)"},
    {"[sweep]\nquestion = 4\n", FILE_LINE(2) "unknown axis question"},
    {"[sweep]\nn = 1\nn = 2\n", FILE_LINE(3) "n is given a second time, first on line 2"},
    {"[sweep]\ngate_rank = 1\n\ngate-rank = 2\n",
     FILE_LINE(4) "gate_rank is given a second time, first on line 2"},
    {"[sweep]\nn = 1\nk = 1\nactive = 1\n",
     FILE_LINE(4) "active and k (line 3) say the same thing: keep one"},
    {"[sweep]\nactive = 1\nk = 1\n",
     FILE_LINE(3) "k and active (line 2) say the same thing: keep one"},
    {"[sweep]\nn\n", FILE_LINE(2) "neither a [section] nor name = value nor a ; comment"},
    {"[sweep\nn = 1\n", FILE_LINE(1) "neither a [section] nor name = value nor a ; comment"},
    {"hello\n[sweep]\nn = x\n",
     FILE_LINE(1) "neither a [section] nor name = value nor a ; comment"},
    {"[sweep]\nn = x\nhello\n", FILE_LINE(2) "n = x: not a whole number"},
    {"[sweep]\nn =\n", FILE_LINE(2) "n = '': no value given"},
    {"[sweep]\nn = 1\n  2\n", FILE_LINE(2) "n = 1 2: not a whole number"},
    {"[sweep]\nn = 0\n", FILE_LINE(2) "n = 0: must be 1 to 16777216"},
    {"[sweep]\nd = 0\n", FILE_LINE(2) "d = 0: must be 1 to 16777216, or n"},
    {"[sweep]\nd = m\n", FILE_LINE(2) "d = m: not a whole number"},
    {"[sweep]\nbatch = 0\n", FILE_LINE(2) "batch = 0: must be 1 to 16777216"},
    {"[sweep]\nthreads = 0\n", FILE_LINE(2) "threads = 0: must be 1 to 1024, or all"},
    {"[sweep]\nactive = 1.5\n", FILE_LINE(2) "active = 1.5: must be 0 to 1"},
    {"[sweep]\nactive = -0.5\n", FILE_LINE(2) "active = -0.5: must be 0 to 1"},
    {"[sweep]\nthreshold = 1\n", FILE_LINE(2) "threshold = 1: must be from 0 to below 1"},
    {"[sweep]\nthreshold = 0.99999999\n",
     FILE_LINE(2) "threshold = 0.99999999: must be from 0 to below 1"},
    {"[sweep]\nblock = 4\n", FILE_LINE(2) "block = 4: must be 8 or 16"},
    {"[sweep]\nblock = 8:16\n", FILE_LINE(2) "block = 9: must be 8 or 16"},
    {"[sweep]\nrank = x\n", FILE_LINE(2) "rank = x: not a whole number"},
    {"[sweep]\nseed = 99999999999999999999\n",
     FILE_LINE(2) "seed = 99999999999999999999: must be 0 to 2^53"},
    {"[sweep]\ngate = ful\n",
     FILE_LINE(2) "gate = ful: must be one of full, lowrank, shared (did you mean full?)"},
    {"[sweep]\nselect = topk,all\n",
     FILE_LINE(2) "select = all: must be one of topk, block, threshold"},
    {"[sweep]\nunselected = zeros\n",
     FILE_LINE(2) "unselected = zeros: must be one of light, zero (did you mean zero?)"},
    {"[sweep]\ndtype = fp32\n",
     FILE_LINE(2) "dtype = fp32: must be one of f32, bf16, int8 (did you mean f32?)"},
    {"[sweep]\ncache = hot\n", FILE_LINE(2) "cache = hot: must be one of warm, cold"},
    {"[sweep]\nkernel = a,,b\n", FILE_LINE(2) "kernel = a,,b: an item between commas is empty"},
};

static void test_parse_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(parse_refusals); i++) {
        struct suite *suite = NULL;
        struct error error = {""};
        enum outcome outcome =
            suite_parse(parse_refusals[i].text, "dir/test.suite", &suite, &error);
        assert_string_equal(error.text, parse_refusals[i].line);
        assert_int_equal(outcome, OUTCOME_USAGE);
        assert_null(suite);
    }
}

#define SHARE_RANGE "layer = skewed:S: S must be a number from 0.334 to below "

static const struct refusal expand_refusals[] = {
    {"n = 512\nk = 230\nlayer = skewed:0.6,skewed:0.8",
     SHARE_RANGE "0.7391, the most that a third of n = 512 can take of k = 230"},
    {"n = 512\nk = 51\nlayer = skewed:x",
     SHARE_RANGE "1, the most that a third of n = 512 can take of k = 51"},
    {"n = 512\nk = 0\nlayer = skewed:0.5",
     SHARE_RANGE "1, the most that a third of n = 512 can take of k = 0"},
    {"n = 512\nselect = threshold\nlayer = skewed:0.5",
     "layer = skewed:S needs a number of selections: select = topk or block"},
    {"batch = 4", "n is not given: how many neurons? (--n 1024, n = 1024)"},
    {"n = 256\nk = 1,300", "k = 300 is more than n = 256"},
    {"n = 512,100\nselect = block",
     "n = 100 is not a multiple of block = 16, which select = block needs"},
    {"n = 128\nselect = block\nblock = 8\nk = 8,12",
     "k = 12 is not a multiple of block = 8, which select = block needs"},
    {"n = 256\nblock = 8", "block has no effect without select = block"},
    {"n = 256\nthreshold = 0.5\nselect = topk,block",
     "threshold has no effect without select = threshold"},
    {"n = 256\ngate_rank = 4\ngate = full", "gate_rank has no effect without gate = lowrank"},
    {"n = 256\nkernel = smd",
     "unknown kernel smd (did you mean simd?); midl list kernels shows them all"},
    {"n = 256\nkernel = linear,quantum",
     "unknown kernel quantum; midl list kernels shows them all"},
    {"n = 256\nkernel = zzz*", "kernel = zzz* matches no kernel; midl list kernels shows them all"},
    {"n = 1:1000\nd = 1:1001",
     "the axes multiply to 1e+06 shapes, more than 1000000 points: shorten an axis"},
    {"n = 1:1000\nd = 1:1000\nbatch = 1:100000\nseed = 1:100000",
     "the axes multiply to 1e+16 shapes, more than 1000000 points: shorten an axis"},
};

static void test_expand_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(expand_refusals); i++) {
        char text[512], line[512];
        snprintf(text, sizeof text, "[sweep ok]\nn = 1\n[sweep]\n%s\n", expand_refusals[i].text);
        snprintf(line, sizeof line, "dir/test.suite: the section on line 3: %s",
                 expand_refusals[i].line);
        struct suite *suite = parse(text);
        struct bench_cases cases = {.count = 77};
        struct error error = {""};
        assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
        assert_string_equal(error.text, line);
        assert_int_equal(cases.count, 77);
        suite_destroy(suite);
    }
}

static void test_long_lines(void **state)
{
    (void)state;
    char text[1000] = "[sweep]\nn = 1";
    struct suite *suite = NULL;
    struct error error = {""};
    for (size_t i = 0; i < 192; i++)
        strcat(text, " ");
    suite_destroy(parse(text)); /* 197 characters */
    strcat(text, " \n");
    assert_int_equal(suite_parse(text, "s", &suite, &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "s:2: the line is longer than 197 characters: continue it on "
                                    "the next one, indented");
    char *huge = malloc(1 << 20);
    memset(huge, 'x', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    assert_int_equal(suite_parse(huge, "s", &suite, &error), OUTCOME_USAGE);
    assert_memory_equal(error.text, "s:1: the line is longer", 23);
    free(huge);
}

/* ---- Expansion ------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    (void)state;
    struct bench_cases cases = expand_text("[sweep]\nn = 1000\n");
    assert_int_equal(cases.count, ideas(MIDL_F32));
    assert_int_equal(cases.group_count, 1);
    assert_int_equal(cases.groups[0].count, cases.count);
    const struct bench_shape *shape = &cases.cases[0].shape;
    assert_int_equal(shape->layer.d, 1000);
    assert_int_equal(shape->layer.k, 450);
    assert_int_equal(shape->layer.r, 31);
    assert_int_equal(shape->layer.rg, 31);
    assert_int_equal(shape->layer.gate, MIDL_GATE_LOWRANK);
    assert_int_equal(shape->layer.select, MIDL_SELECT_TOPK);
    assert_int_equal(shape->layer.block, 0);
    assert_int_equal(shape->layer.unselected, MIDL_UNSELECTED_LIGHT);
    assert_int_equal(shape->batch, 1);
    assert_int_equal(shape->threads, 1);
    assert_int_equal(shape->dtype, MIDL_F32);
    assert_int_equal(shape->cache, CACHE_WARM);
    assert_int_equal(shape->seed, 1);
    assert_null(shape->layer_path);
    assert_null(shape->input_path);
    bench_cases_clear(&cases);
}

static void test_product(void **state)
{
    (void)state;
    struct bench_cases cases = expand_text("[sweep]\nn = 64,128\nd = 32,n\nactive = 0.25,0.5,1\n"
                                           "batch = 1,8\nunselected = light,zero\ncache = cold\n"
                                           "gate = full,lowrank,shared\ngate_rank = 2,4\n"
                                           "kernel = linear,dense,masked\n");
    /* gate_rank counts for lowrank only: 4 gates in all */
    size_t shapes = 2 * 2 * 3 * 2 * 2 * 4;
    assert_int_equal(cases.group_count, shapes);
    assert_int_equal(cases.count, shapes * 3);
    for (size_t i = 0; i < cases.group_count; i++) {
        char first[CASE_TEXT_SIZE], text[CASE_TEXT_SIZE];
        assert_int_equal(cases.groups[i].first, i * 3);
        assert_int_equal(cases.groups[i].count, 3);
        bench_shape_text(&cases.cases[i * 3].shape, first);
        for (size_t j = 1; j < 3; j++) {
            bench_shape_text(&cases.cases[i * 3 + j].shape, text);
            assert_string_equal(text, first);
        }
        if (i > 0) {
            bench_shape_text(&cases.cases[i * 3 - 1].shape, text);
            assert_string_not_equal(text, first);
        }
        assert_string_equal(midl_variant_name(cases.cases[i * 3 + 2].variant), "masked");
    }
    bench_cases_clear(&cases);
}

/* k from active: the nearest whole number, the nearest whole block; both ends exact. */
static void test_k(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t k[6];
    } rows[] = {
        {"n = 1024\nactive = 0,0.0004,0.05,0.45,1", {0, 0, 51, 461, 1024}},
        {"n = 10\nactive = 0.04,0.05,0.06,0.95,1", {0, 1, 1, 10, 10}},
        {"n = 128\nselect = block\nactive = 0,0.05,0.1,0.45,1", {0, 0, 16, 64, 128}},
        {"n = 128\nselect = block\nblock = 8\nactive = 0,0.05,0.1,0.45,1", {0, 8, 16, 56, 128}},
        {"n = 128\nselect = threshold\nthreshold = 0.25\nk = 0,1,7,64,128", {0, 1, 7, 64, 128}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[256];
        size_t place = 0;
        snprintf(text, sizeof text, "[sweep]\nkernel = masked\n%s\n", rows[i].text);
        struct bench_cases cases = expand_text(text);
        for (size_t j = 0; j < cases.count; j++) {
            while (place < 5 && rows[i].k[place] != cases.cases[j].shape.layer.k)
                place++;
            assert_true(place < 5);
        }
        bench_cases_clear(&cases);
    }
}

/* Sections that meet at a shape share its group; nothing is there twice; file order stays. */
static void test_sections_add_up(void **state)
{
    (void)state;
    struct bench_cases cases =
        expand_text("[sweep]\nn = 64,128\nkernel = linear,masked\n"
                    "[sweep more]\nn = 256,128\nkernel = masked,dense,masked\n"
                    "[sweep again]\nn = 64,64,64\nk = 29\nrank = 2\nkernel = linear\n");
    static const size_t n[] = {64, 64, 128, 128, 128, 256, 256};
    static const char *const kernels[] = {"linear", "masked", "linear", "masked",
                                          "dense",  "masked", "dense"};
    assert_int_equal(cases.group_count, 3);
    assert_int_equal(cases.count, COUNT(n));
    for (size_t i = 0; i < cases.count; i++) {
        assert_int_equal(cases.cases[i].shape.layer.n, n[i]);
        assert_string_equal(midl_variant_name(cases.cases[i].variant), kernels[i]);
    }
    bench_cases_clear(&cases);
}

/* Thousands of shapes, each found again by a second section. */
static void test_many_shapes(void **state)
{
    (void)state;
    struct bench_cases cases =
        expand_text("[sweep]\nn = 1:100\nd = 1:100\nkernel = linear\n"
                    "[sweep]\nd = 100,1:99\nn = 100,1:99\nkernel = masked,linear\n");
    assert_int_equal(cases.group_count, 10000);
    assert_int_equal(cases.count, 20000);
    for (size_t i = 0; i < cases.group_count; i++) {
        assert_int_equal(cases.groups[i].first, 2 * i);
        assert_int_equal(cases.groups[i].count, 2);
        assert_int_equal(cases.cases[2 * i].shape.layer.n, i / 100 + 1);
        assert_int_equal(cases.cases[2 * i + 1].shape.layer.d, i % 100 + 1);
    }
    bench_cases_clear(&cases);
}

static void test_too_many_points(void **state)
{
    (void)state;
    struct suite *suite = parse("[sweep]\nn = 1:1000\nd = 1:400\nkernel = linear,masked,dense\n");
    struct bench_cases cases;
    struct error error = {""};
    assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "dir/test.suite: the section on line 1: more than 1000000 "
                                    "points: shorten an axis");
    suite_destroy(suite);
}

/* ---- Kernels --------------------------------------------------------------------------------- */

/* The names of the kernels of one shape, joined by blanks. */
static const char *kernels_of(const char *pattern)
{
    static char names[1024];
    char text[256];
    snprintf(text, sizeof text, "[sweep]\nn = 64\nkernel = %s\n", pattern);
    struct bench_cases cases = expand_text(text);
    names[0] = '\0';
    for (size_t i = 0; i < cases.count; i++) {
        if (i > 0)
            strcat(names, " ");
        strcat(names, midl_variant_name(cases.cases[i].variant));
    }
    bench_cases_clear(&cases);
    return names;
}

static void test_kernels(void **state)
{
    (void)state;
    const char *simd = midl_variant_name(midl_variant_find("simd", MIDL_F32));
    assert_string_equal(kernels_of("simd"), simd);
    assert_string_equal(kernels_of("simd-neon,simd-avx2"), "simd-neon simd-avx2");
    assert_string_equal(kernels_of("simd-*"), "simd-portable simd-neon simd-avx2 simd-avx512");
    assert_string_equal(kernels_of("s*"), simd);
    assert_string_equal(kernels_of("?asked,[dx]ense"), "masked dense");
    assert_string_equal(kernels_of("linear*"), "linear linear-onednn linear-blis linear-rows");
    assert_string_equal(kernels_of("masked,linear,m*,linear*"),
                        "masked linear linear-onednn linear-blis linear-rows");
    const char *other = strcmp(simd, "simd-neon") == 0 ? "simd-avx2" : "simd-neon";
    char text[64], expected[256];
    snprintf(text, sizeof text, "%s,simd", other);
    snprintf(expected, sizeof expected, "%s %s", other, simd);
    assert_string_equal(kernels_of(text), expected);
    size_t blanks = 0;
    for (const char *c = kernels_of("*"); *c; c++)
        blanks += *c == ' ';
    assert_int_equal(blanks + 1, ideas(MIDL_F32));
}

/* A dtype that a kernel lacks: left out by a pattern, an error by name. */
static void test_dtypes(void **state)
{
    (void)state;
    for (int i = MIDL_BF16; i <= MIDL_INT8; i++) {
        enum midl_dtype dtype = (enum midl_dtype)i;
        const char *name = midl_dtype_name(dtype);
        char text[256], line[256];
        struct bench_cases cases = {0};
        struct error error = {""};
        snprintf(text, sizeof text, "[sweep]\nn = 64\ndtype = %s\n", name);
        struct suite *suite = parse(text);
        enum outcome outcome = suite_expand(suite, &cases, &error);
        if (ideas(dtype)) {
            assert_int_equal(outcome, OUTCOME_DONE);
            assert_int_equal(cases.count, ideas(dtype));
            for (size_t j = 0; j < cases.count; j++)
                assert_int_equal(midl_variant_dtype(cases.cases[j].variant), dtype);
            bench_cases_clear(&cases);
        } else {
            snprintf(line, sizeof line,
                     "dir/test.suite: the section on line 1: no kernel that kernel = * matches has "
                     "dtype %s",
                     name);
            assert_string_equal(error.text, line);
        }
        if (!midl_variant_find("dense", dtype)) {
            assert_int_equal(suite_set_axis(suite, AXIS_KERNEL, "dense", &error), OUTCOME_DONE);
            assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
            snprintf(line, sizeof line,
                     "dir/test.suite: the section on line 1: kernel dense does not exist for dtype "
                     "%s (but for f32)",
                     name);
            assert_string_equal(error.text, line);
        }
        suite_destroy(suite);
    }
}

/* ---- Options of a command -------------------------------------------------------------------- */

static void set(struct suite *suite, const char *axis, const char *text)
{
    struct error error = {""};
    if (suite_set_axis(suite, (enum axis_id)suite_axis_find(axis), text, &error) != OUTCOME_DONE)
        fail_msg("%s %s: %s", axis, text, error.text);
}

static void test_set_axis(void **state)
{
    (void)state;
    struct suite *suite = parse("[sweep]\nn = 64\nactive = 0.5,1\nkernel = masked\n"
                                "[sweep]\nn = 128,256\nk = 3\nkernel = masked\n");
    struct bench_cases cases = expand(suite);
    assert_int_equal(cases.count, 4);
    bench_cases_clear(&cases);
    set(suite, "k", "7");
    cases = expand(suite);
    assert_int_equal(cases.count, 3);
    for (size_t i = 0; i < cases.count; i++)
        assert_int_equal(cases.cases[i].shape.layer.k, 7);
    bench_cases_clear(&cases);
    set(suite, "active", "0.25,0.75");
    set(suite, "n", "32");
    cases = expand(suite);
    assert_int_equal(cases.count, 2);
    assert_int_equal(cases.cases[1].shape.layer.k, 24);
    bench_cases_clear(&cases);
    struct error error;
    assert_int_equal(suite_set_axis(suite, AXIS_N, "1,zwei", &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "--n zwei: not a whole number");
    assert_int_equal(suite_set_axis(suite, AXIS_GATE_RANK, "", &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "--gate-rank '': no value given");
    cases = expand(suite);
    assert_int_equal(cases.count, 2);
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

/* An option may take the ground from under a suite's axis, not from under another option. */
static void test_set_axis_mode(void **state)
{
    (void)state;
    struct suite *suite = parse("[sweep]\nn = 64\nselect = block\nblock = 8,16\nkernel = masked\n");
    struct bench_cases cases = expand(suite);
    assert_int_equal(cases.count, 2);
    bench_cases_clear(&cases);
    set(suite, "select", "topk");
    cases = expand(suite);
    assert_int_equal(cases.count, 1);
    assert_int_equal(cases.cases[0].shape.layer.block, 0);
    bench_cases_clear(&cases);
    set(suite, "block", "8");
    struct error error;
    assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
    suite_destroy(suite);
}

static void test_custom(void **state)
{
    (void)state;
    struct suite *suite;
    struct bench_cases cases;
    struct error error;
    assert_int_equal(suite_custom(&suite, &error), OUTCOME_DONE);
    assert_string_equal(suite_name(suite), "custom");
    assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "n is not given: how many neurons? (--n 1024, n = 1024)");
    set(suite, "n", "256:1024:x2");
    cases = expand(suite);
    assert_int_equal(cases.group_count, 3);
    assert_int_equal(cases.count, 3 * ideas(MIDL_F32));
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

/* ---- Files ----------------------------------------------------------------------------------- */

static const float zeros[4096];

/* A layer file of d = 4, n = 32, r = 2. */
static const char *write_layer(const char *name, enum midl_select select)
{
    struct midl_layer layer = {
        .shape = {.d = 4, .n = 32, .r = 2, .k = 16, .gate = MIDL_GATE_SHARED},
        .full_weight = zeros,
        .full_bias = zeros,
        .light_down = zeros,
        .light_up = zeros,
        .light_bias = zeros,
        .gate_up = zeros,
        .gate_bias = zeros};
    struct error error = {""};
    const char *path = scratch_path(name);
    layer.shape.select = select;
    layer.shape.block = select == MIDL_SELECT_BLOCK ? 8 : 0;
    layer.shape.unselected = MIDL_UNSELECTED_ZERO;
    if (layer_write(path, &layer, NULL, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return path;
}

static void test_layer_files(void **state)
{
    (void)state;
    char topk[512], block[512], both[1100];
    struct suite *suite;
    struct error error;
    snprintf(topk, sizeof topk, "%s", write_layer("topk.safetensors", MIDL_SELECT_TOPK));
    snprintf(block, sizeof block, "%s", write_layer("block.safetensors", MIDL_SELECT_BLOCK));
    snprintf(both, sizeof both, "%s, %s", topk, block);
    assert_int_equal(suite_custom(&suite, &error), OUTCOME_DONE);
    set(suite, "layer", both);
    set(suite, "kernel", "masked");
    struct bench_cases cases = expand(suite);
    assert_int_equal(cases.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct bench_shape *shape = &cases.cases[i].shape;
        assert_int_equal(shape->layer.d, 4);
        assert_int_equal(shape->layer.n, 32);
        assert_int_equal(shape->layer.r, 2);
        assert_int_equal(shape->layer.k, 16);
        assert_int_equal(shape->layer.gate, MIDL_GATE_SHARED);
        assert_int_equal(shape->layer.unselected, MIDL_UNSELECTED_ZERO);
        assert_string_equal(shape->layer_path, i ? block : topk);
        assert_string_equal(shape->layer_name, i ? block : topk);
    }
    assert_int_equal(cases.cases[0].shape.layer.select, MIDL_SELECT_TOPK);
    assert_int_equal(cases.cases[1].shape.layer.select, MIDL_SELECT_BLOCK);
    assert_int_equal(cases.cases[1].shape.layer.block, 8);
    bench_cases_clear(&cases);
    set(suite, "active", "0.25");
    set(suite, "unselected", "light");
    set(suite, "select", "threshold");
    set(suite, "threshold", "0.75");
    cases = expand(suite);
    assert_int_equal(cases.count, 2);
    assert_int_equal(cases.cases[1].shape.layer.k, 8);
    assert_int_equal(cases.cases[1].shape.layer.block, 0);
    assert_true(cases.cases[1].shape.layer.threshold == 0.75f);
    assert_int_equal(cases.cases[1].shape.layer.unselected, MIDL_UNSELECTED_LIGHT);
    bench_cases_clear(&cases);
    set(suite, "n", "64");
    assert_int_equal(suite_expand(suite, &cases, &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "n comes from the layer file: leave out one of them");
    suite_destroy(suite);
    /* A suite's own n gives way to a layer given as an option. */
    suite = parse("[sweep]\nn = 64\nd = 8\nrank = 3\nkernel = masked\n");
    set(suite, "layer", topk);
    cases = expand(suite);
    assert_int_equal(cases.cases[0].shape.layer.n, 32);
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

static void test_made_layers(void **state)
{
    (void)state;
    static const char text[] = "[sweep]\nn = 64\nlayer = random,skewed\nkernel = masked\n";
    struct bench_cases cases = expand_text(text);
    assert_int_equal(cases.group_count, 2);
    assert_false(cases.cases[0].shape.made.skewed);
    assert_true(cases.cases[1].shape.made.skewed);
    assert_null(cases.cases[1].shape.layer_path);
    assert_int_equal(cases.cases[1].shape.layer.n, 64);
    bench_cases_clear(&cases);
    /* Given as an option, it leaves the suite's axes alone. */
    struct suite *suite = parse("[sweep]\nn = 64\nd = 8\nrank = 3\nkernel = masked\n");
    set(suite, "layer", "skewed");
    cases = expand(suite);
    assert_int_equal(cases.count, 1);
    assert_true(cases.cases[0].shape.made.skewed);
    assert_int_equal(cases.cases[0].shape.layer.r, 3);
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

static void expect_file_error(const char *axis, const char *word, const char *words)
{
    struct suite *suite = parse("[sweep]\nn = 64\n");
    struct bench_cases cases;
    struct error error = {""};
    set(suite, axis, word);
    assert_error(word, suite_expand(suite, &cases, &error), OUTCOME_USAGE, &error, words);
    suite_destroy(suite);
}

static void test_input_files(void **state)
{
    (void)state;
    char text[1024], path[512], wide[1000];
    snprintf(path, sizeof path, "%s", scratch_file("images", "x", 1));
    unsetenv("MIDL_DATA");
    expect_file_error("input", "data:mnist/images",
                      ": set MIDL_DATA or --data to the folder that holds mnist/");
    expect_file_error("input", "data:images", "to the folder that holds images");
    expect_file_error("input", "/no/such/file", "/no/such/file: No such file");
    expect_file_error("input", scratch_folder, scratch_folder);
    expect_file_error("layer", path, path);
    memset(wide, 'w', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    expect_file_error("input", wide, "a path of more than 317 characters");
    expect_file_error("input", "a\x1b[2Jb", "?[2Jb: a path with a control character");
    struct error error;
    assert_int_equal(suite_set_data_folder("", &error), OUTCOME_USAGE);
    assert_int_equal(suite_set_data_folder(scratch_folder, &error), OUTCOME_DONE);
    expect_file_error("input", "data:other", "/other: No such file");
    snprintf(text, sizeof text,
             "[sweep]\nn = 64\nd = 784\nkernel = masked\n"
             "input = data:images, random\nlayer = random\n");
    struct bench_cases cases = expand_text(text);
    assert_int_equal(cases.count, 2);
    assert_string_equal(cases.cases[0].shape.input_name, "data:images");
    assert_string_equal(cases.cases[0].shape.input_path, path);
    assert_null(cases.cases[1].shape.input_path);
    bench_cases_clear(&cases);
    unsetenv("MIDL_DATA");
}

/* ---- Loading --------------------------------------------------------------------------------- */

static void expect_load_error(const char *name, const char *words)
{
    struct suite *suite = NULL;
    struct error error = {""};
    assert_error(name, suite_load(name, &suite, &error), OUTCOME_USAGE, &error, words);
    assert_null(suite);
}

/* The suites that come with the program: each parses, asks, and has the points it says. */
/* Rows that linear*,simd-*,lists-* stand for: in the list a generic row is its idea. */
static size_t rows_of_instruction_sets(void)
{
    size_t rows = 0;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        const char *idea = midl_variant_idea(variant);
        rows += midl_variant_dtype(variant) == MIDL_F32 &&
                (midl_variant_is_linear(variant) || strcmp(idea, "simd") == 0 ||
                 strcmp(idea, "lists") == 0);
    }
    return rows;
}

/* Rows that simd-avx2,lists-avx2 add to what * stands for. */
static size_t rows_of_avx2(void)
{
    return (midl_variant_find("simd", MIDL_F32) != midl_variant_find("simd-avx2", MIDL_F32)) +
           (midl_variant_find("lists", MIDL_F32) != midl_variant_find("lists-avx2", MIDL_F32));
}

static void test_own_suites(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t shapes, instruction_sets; /* shapes for every idea, and for every instruction set */
        bool avx2;                       /* every idea, and AVX2 where that isn't the best */
        bool dtypes;                     /* each shape in bf16 and int8 as well */
    } expected[] = {{"batch", 2 * 2 * 9 + 2 * 7, 0, false, false},
                    {"cache", 3 * 5, 0, true, false},
                    {"dtypes", 4 * 2 + 3 * 2 + 4 * 2, 0, false, true},
                    {"latency", 5 * 20, 0, false, false},
                    {"mnist", 5 * 6 * 2, 0, false, false},
                    {"quick", 4 * 5 + 2 * 3 + 2, 2, false, false}};
    char **names;
    struct error error = {""};
    struct suite *suite;
    assert_int_equal(suite_names(&names, &error), OUTCOME_DONE);
    for (size_t i = 0; names[i]; i++) {
        if (suite_load(names[i], &suite, &error) != OUTCOME_DONE)
            fail_msg("%s", error.text);
        assert_string_equal(suite_name(suite), names[i]);
        const char *question = suite_question(suite);
        assert_true(strlen(question) > 10 && question[strlen(question) - 1] == '?');
        suite_destroy(suite);
    }
    suite_names_free(names);
    suite_names_free(NULL);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(suite_load(expected[i].name, &suite, &error), OUTCOME_DONE);
        set(suite, "input", "random");
        struct bench_cases cases = expand(suite);
        size_t shapes = expected[i].shapes, more = expected[i].instruction_sets;
        assert_int_equal(cases.group_count, shapes * (expected[i].dtypes ? 3 : 1) + more);
        size_t rows = ideas(MIDL_F32) + (expected[i].avx2 ? rows_of_avx2() : 0);
        size_t narrow = expected[i].dtypes ? shapes * (ideas(MIDL_BF16) + ideas(MIDL_INT8)) : 0;
        assert_int_equal(cases.count, shapes * rows + narrow + more * rows_of_instruction_sets());
        bench_cases_clear(&cases);
        suite_destroy(suite);
    }
}

/* The gate's suite has a point of every row that can run here. */
static void test_gate_covers(void **state)
{
    (void)state;
    struct suite *suite;
    struct error error = {""};
    assert_int_equal(suite_load("gate", &suite, &error), OUTCOME_DONE);
    suite_leave_reference(suite);
    struct bench_cases cases = expand(suite);
    assert_true(cases.count >= 20);
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *row = midl_variant_at(i);
        bool covered = midl_variant_unavailable(row) != NULL;
        for (size_t c = 0; c < cases.count && !covered; c++)
            covered = cases.cases[c].variant == row;
        if (!covered)
            fail_msg("suite gate has no point of %s in %s", midl_variant_name(row),
                     midl_dtype_name(midl_variant_dtype(row)));
    }
    bench_cases_clear(&cases);
    suite_destroy(suite);
}

static void test_load(void **state)
{
    (void)state;
    static const char text[] = "[sweep]\nn = 4\n";
    struct suite *suite;
    struct error error;
    const char *path = scratch_file("mine.suite", text, strlen(text));
    assert_int_equal(suite_load(path, &suite, &error), OUTCOME_DONE);
    assert_string_equal(suite_name(suite), "mine");
    suite_destroy(suite);
    expect_load_error("quik", "no suite named quik (did you mean quick?); there are: batch, cache");
    expect_load_error("", "no suite named ; there are: ");
    expect_load_error("/no/such.suite", "/no/such.suite: No such file");
    expect_load_error("nothing.suite", "nothing.suite: No such file");
    expect_load_error("/tmp/", "/tmp/");
    expect_load_error(scratch_file("zero.suite", "[sweep]\nn\0 = 1\n", 15),
                      "offset 9: a zero byte");
    expect_load_error(scratch_file("bad.suite", "[sweep]\nm = 1\n", 14), "bad.suite:2: ");
    char *large = calloc(1, 2000000);
    memset(large, '\n', 2000000);
    expect_load_error(scratch_file("large.suite", large, 2000000), "larger than 1 MB");
    free(large);
}

static void test_hash(void **state)
{
    (void)state;
    char hashes[5][17];
    static const char *const texts[] = {"n = 64\nkernel = linear,masked", "n = 64\nkernel = linear",
                                        "n = 64\nkernel = masked,linear",
                                        "n = 65\nkernel = linear,masked",
                                        "n = 64,64\nkernel = linear,masked"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[128];
        snprintf(text, sizeof text, "[sweep]\n%s\n", texts[i]);
        struct bench_cases cases = expand_text(text);
        suite_hash(&cases, hashes[i]);
        assert_int_equal(strspn(hashes[i], "0123456789abcdef"), 16);
        for (size_t j = 0; j < i && i < 4; j++)
            assert_string_not_equal(hashes[i], hashes[j]);
        bench_cases_clear(&cases);
    }
    assert_string_equal(hashes[4], hashes[0]);
    struct bench_cases none = {0};
    suite_hash(&none, hashes[0]);
    assert_string_equal(hashes[0], "cbf29ce484222325");
}

/* ---- Hostile texts --------------------------------------------------------------------------- */

static void survive(const char *text)
{
    struct suite *suite = NULL;
    struct bench_cases cases = {0};
    struct error error = {""};
    if (suite_parse(text, "hostile", &suite, &error) == OUTCOME_DONE &&
        suite_expand(suite, &cases, &error) == OUTCOME_DONE) {
        assert_true(cases.count >= 1);
        bench_cases_clear(&cases);
    } else {
        assert_true(*error.text != '\0');
        for (const unsigned char *c = (const unsigned char *)error.text; *c; c++)
            assert_true(*c >= 0x20 && *c != 0x7f);
    }
    suite_destroy(suite);
}

static void test_random_bytes(void **state)
{
    (void)state;
    struct rng rng = rng_seed(99);
    for (size_t i = 0; i < 3000; i++) {
        char text[400];
        size_t length = rng_below(&rng, sizeof text);
        for (size_t j = 0; j < length; j++)
            text[j] = (char)(1 + rng_below(&rng, 255));
        text[length] = '\0';
        survive(text);
    }
}

/* Pieces of suites, shuffled: gets deeper than noise. */
static void test_random_pieces(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "[sweep]\n", "[suite]\n",   "[sweep x", "n = ",    "d = n\n",   "kernel = ", "*",
        "simd-*",    "1,2",         "4:16:x2",  "\n",      "\n\t",      " ; c\n",    "#\n",
        "target = ", "2 %",         "k = 1\n",  "active=", "0:1:0.5",   ",",         "[",
        "]",         "=",           ":",        "select=", "block\n",   "gate\n",    "n = 64\n",
        "n = 16\n",  "[sweep]\n ",  "\xff\xfe", "\r\n",    "question:", "layer = ",  "random\n",
        "block=8\n", "cache=cold\n"};
    struct rng rng = rng_seed(5);
    for (size_t i = 0; i < 5000; i++) {
        char text[512] = "";
        if (rng_below(&rng, 2))
            strcat(text, "[sweep]\n");
        for (size_t j = rng_below(&rng, 24); j > 0; j--)
            strcat(text, pieces[rng_below(&rng, COUNT(pieces))]);
        survive(text);
    }
}

static void test_large_nonsense(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    static const char *const units[] = {
        "[",  "[sweep]\n", "n = 1\n", "=\n",      "[sweep]\nn = 1\n",
        "\n", " x\n",      ";",       "[[[[]]]]", "\t=\n"};
    char *text = malloc(SIZE + 32);
    for (size_t i = 0; i < COUNT(units); i++) {
        size_t used = 0;
        while (used < SIZE) {
            strcpy(text + used, units[i]);
            used += strlen(units[i]);
        }
        survive(text);
    }
    size_t used = 0;
    used += (size_t)sprintf(text, "[sweep]\nn = 1,\n");
    while (used < SIZE)
        used += (size_t)sprintf(text + used, " 2,\n");
    strcpy(text + used, " 3\nkernel = masked\n");
    struct bench_cases cases = expand_text(text); /* one value on thousands of lines */
    assert_int_equal(cases.count, 3);
    bench_cases_clear(&cases);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_section),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_axis_names),
        cmocka_unit_test(test_axis_table),
        cmocka_unit_test(test_axis_fields),
        cmocka_unit_test(test_parse_refusals),
        cmocka_unit_test(test_expand_refusals),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_k),
        cmocka_unit_test(test_sections_add_up),
        cmocka_unit_test(test_many_shapes),
        cmocka_unit_test(test_too_many_points),
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_dtypes),
        cmocka_unit_test(test_set_axis),
        cmocka_unit_test(test_set_axis_mode),
        cmocka_unit_test(test_custom),
        cmocka_unit_test(test_layer_files),
        cmocka_unit_test(test_made_layers),
        cmocka_unit_test(test_input_files),
        cmocka_unit_test(test_own_suites),
        cmocka_unit_test(test_gate_covers),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_large_nonsense),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

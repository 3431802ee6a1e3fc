/* test_calibration.c - the table by which `auto` chooses: its text, damaged or foreign, and the
 * choice by a given table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "calibration.h"
#include "machine/calibration_file.h"
#include "verify/problem.h"
#include "variant.h"

#include <cmocka.h> /* last: its macro `fail` would replace that of error.h */

static const char machine[] = "a machine, caches 1 2 3";

/* Every time of the series. */
static void fill(struct calibration_series *series, double time_ns)
{
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        series->time_ns[i] = (float)time_ns;
}

static struct calibration_series *add(struct midl_calibration *table, const char *idea, bool blocks,
                                      int threads, double time_ns)
{
    struct calibration_series *series = calibration_add(table);
    assert_non_null(series);
    snprintf(series->idea, sizeof series->idea, "%s", idea);
    series->blocks = blocks;
    series->threads = threads;
    fill(series, time_ns);
    return series;
}

/* simd is fast at batches up to 4, lists above; masked never. */
static struct midl_calibration two_ideas(void)
{
    struct midl_calibration table = {0};
    add(&table, "masked", false, 1, 5000);
    add(&table, "lists", false, 1, 1000);
    struct calibration_series *simd = add(&table, "simd", false, 1, 2000);
    for (size_t i = 0; i < CALIBRATION_PLACES; i++)
        if (i % CALIBRATION_BATCHES <= 2)
            simd->time_ns[i] = 500;
    return table;
}

static struct midl_shape shape_of(size_t d, size_t n, size_t k)
{
    return (struct midl_shape){.d = d, .n = n, .k = k, .r = 1, .rg = 1, .gate = MIDL_GATE_LOWRANK};
}

static const char *choice(const struct midl_calibration *table, const struct midl_shape *shape,
                          size_t batch, int threads)
{
    const struct midl_variant *variant = calibration_choice(table, MIDL_F32, shape, batch, threads);
    return variant ? midl_variant_idea(variant) : "";
}

static void test_chooses_what_the_table_calls_fastest(void **state)
{
    (void)state;
    struct midl_calibration table = two_ideas();
    struct midl_shape shape = shape_of(1024, 1024, 461);
    assert_string_equal(choice(&table, &shape, 1, 1), "simd");
    assert_string_equal(choice(&table, &shape, 4, 1), "simd");
    assert_string_equal(choice(&table, &shape, 8, 1), "lists");
    assert_string_equal(choice(&table, &shape, 100000, 1), "lists");
    /* From 4 to 8 simd goes from half of lists to twice: they meet in the middle, at 5.7. */
    assert_string_equal(choice(&table, &shape, 5, 1), "simd");
    assert_string_equal(choice(&table, &shape, 6, 1), "lists");
    free(table.series);
}

static void test_every_axis_counts(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct calibration_series *simd = add(&table, "simd", false, 1, 1000);
    struct midl_shape shape;
    /* Fast in the narrowest layers and, wherever, at the smallest share. */
    fill(simd, 2000);
    for (size_t s = 0; s < CALIBRATION_SHARES; s++)
        for (size_t b = 0; b < CALIBRATION_BATCHES; b++)
            simd->time_ns[calibration_place(0, s, b)] = 100;
    for (size_t w = 0; w < CALIBRATION_WIDTHS; w++)
        for (size_t b = 0; b < CALIBRATION_BATCHES; b++)
            simd->time_ns[calibration_place(w, 0, b)] = 100;
    add(&table, "lists", false, 1, 1000);
    shape = shape_of(128, 128, 128);
    assert_string_equal(choice(&table, &shape, 16, 1), "simd");
    shape = shape_of(4096, 4, 4); /* as many weights */
    assert_string_equal(choice(&table, &shape, 16, 1), "simd");
    shape = shape_of(1024, 1024, 1024);
    assert_string_equal(choice(&table, &shape, 16, 1), "lists");
    shape = shape_of(1024, 1024, 10);
    assert_string_equal(choice(&table, &shape, 16, 1), "simd");
    shape = shape_of(1024, 1024, 0);
    assert_string_equal(choice(&table, &shape, 16, 1), "simd");
    free(table.series);
}

static void test_kind_and_threads_are_the_nearest(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(64, 64, 32);
    add(&table, "simd", false, 1, 1);
    add(&table, "lists", false, 4, 1000);
    add(&table, "masked", true, 1, 500);
    add(&table, "block", true, 1, 400);
    assert_string_equal(choice(&table, &shape, 1, 1), "simd");
#if defined(_OPENMP)
    assert_string_equal(choice(&table, &shape, 1, 3), "lists");
    assert_string_equal(choice(&table, &shape, 1, 64), "lists");
#endif
    shape.select = MIDL_SELECT_BLOCK;
    shape.block = 16;
    assert_string_equal(choice(&table, &shape, 1, 1), "block");
    shape.block = 8; /* which `block` doesn't serve */
    assert_string_equal(choice(&table, &shape, 1, 1), "simd");
    free(table.series);
}

/* Names that this build doesn't have, yardsticks and `auto` itself are passed over. */
static void test_unknown_ideas_are_passed_over(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(64, 64, 32);
    add(&table, "no-such-idea", false, 1, 1);
    add(&table, "linear-rows", false, 1, 1);
    add(&table, "auto", false, 1, 1);
    assert_string_equal(choice(&table, &shape, 1, 1), "");
    add(&table, "masked", false, 1, 9);
    assert_string_equal(choice(&table, &shape, 1, 1), "masked");
    free(table.series);
}

/* Without times for a dtype those of floats tell which idea suits the shape. */
static void test_other_dtypes_go_by_what_there_is(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(64, 64, 32);
    add(&table, "masked", false, 1, 2);
    add(&table, "simd", false, 1, 1);
    const struct midl_variant *variant = calibration_choice(&table, MIDL_BF16, &shape, 1, 1);
    assert_non_null(variant);
    assert_int_equal(midl_variant_dtype(variant), MIDL_BF16);
    assert_string_equal(midl_variant_idea(variant), "simd");
    struct calibration_series *own = add(&table, "masked", false, 1, 9);
    own->dtype = MIDL_BF16;
    variant = calibration_choice(&table, MIDL_BF16, &shape, 1, 1);
    assert_string_equal(midl_variant_idea(variant), "masked");
    assert_string_equal(choice(&table, &shape, 1, 1), "simd");
    free(table.series);
}

/* A plan of another dtype goes by what is built in, if that has its times, and not by this table.
 */
static void test_plans_of_other_dtypes_go_by_what_is_built_in(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(48, 64, 32);
    struct problem problem;
    struct error error;
    assert_int_equal(problem_random(&shape, 1, 1, FILL_NORMAL, &problem, &error), OUTCOME_DONE);
    add(&table, "masked", false, 1, 1);
    for (int dtype = MIDL_F32; dtype <= MIDL_BF16; dtype++) {
        char reason[MIDL_REASON_SIZE];
        struct midl_plan *plan;
        struct midl_plan_options options = {.variant = "auto",
                                            .dtype = (enum midl_dtype)dtype,
                                            .max_batch = 1,
                                            .threads = 1,
                                            .calibration = &table};
        const struct midl_variant *built_in =
            calibration_choice(calibration_built_in((enum midl_dtype)dtype), (enum midl_dtype)dtype,
                               &problem.layer.shape, 1, 1);
        assert_true(calibration_covers(&table, (enum midl_dtype)dtype) == (dtype == MIDL_F32));
        assert_int_equal(midl_plan_create(&problem.layer, &options, &plan, reason), MIDL_OK);
        assert_string_equal(midl_variant_idea(midl_plan_variant(plan)),
                            dtype == MIDL_F32 ? "masked" : midl_variant_idea(built_in));
        midl_plan_destroy(plan);
    }
    problem_clear(&problem);
    free(table.series);
}

/* What is measured anew replaces its like, and leaves alone what is of other dtypes and threads. */
static void test_others_are_added(void **state)
{
    (void)state;
    struct midl_calibration table = {0}, before = {0};
    struct error error;
    add(&table, "simd", false, 1, 1);
    add(&table, "simd", true, 2, 2);
    add(&before, "masked", false, 1, 10);
    add(&before, "masked", true, 2, 11);
    add(&before, "masked", false, 3, 12);
    add(&before, "masked", false, 3, 13)->blocks = true;
    add(&before, "lists", false, 1, 14)->dtype = MIDL_BF16;
    assert_int_equal(calibration_add_others(&table, &before, &error), OUTCOME_DONE);
    static const double times[] = {1, 2, 12, 13, 14};
    assert_int_equal(table.count, sizeof times / sizeof *times);
    for (size_t i = 0; i < table.count; i++)
        assert_float_equal(table.series[i].time_ns[0], times[i], 0);
    assert_int_equal(table.series[4].dtype, MIDL_BF16);
    free(table.series);
    free(before.series);
}

/* Rows that can't run here are passed over too. */
static void test_unavailable_ideas_are_passed_over(void **state)
{
    (void)state;
    struct midl_calibration table = {0};
    struct midl_shape shape = shape_of(64, 64, 32);
    const struct midl_variant *dense = midl_variant_find("dense", MIDL_F32);
    add(&table, "dense", false, 1, 1);
    add(&table, "masked", false, 1, 9);
    assert_string_equal(choice(&table, &shape, 1, 1),
                        midl_variant_unavailable(dense) ? "masked" : "dense");
    free(table.series);
}

/* What is built in serves every shape, in every instruction set. */
static void test_built_in_table_serves_all(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 16, 100, 128, 3000, 20000}, batches[] = {1, 3, 64, 5000};
    enum midl_isa best = midl_isa_best();
    for (int isa = MIDL_ISA_PORTABLE; isa <= (int)best; isa++) {
        midl_isa_limit((enum midl_isa)isa);
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
            for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
                for (int threads = 1; threads <= 2; threads++) {
                    struct midl_shape shape = shape_of(widths[i], widths[i], widths[i] / 2);
                    char reason[MIDL_REASON_SIZE];
                    const struct midl_variant *masked = midl_variant_find("masked", MIDL_F32);
                    if (midl_variant_fits(masked, &shape, 1, threads, reason) == MIDL_OK)
                        assert_string_not_equal(
                            choice(calibration_built_in(MIDL_F32), &shape, batches[b], threads),
                            "");
                }
    }
    midl_isa_limit(best);
}

/* A plan of `auto` goes by the table that it is given. */
static void test_plans_by_the_table_given(void **state)
{
    (void)state;
    static const char *const ideas[] = {"masked", "simd", "lists", "dense-rows"};
    struct midl_shape shape = shape_of(32, 48, 20);
    struct problem problem;
    struct error error;
    assert_int_equal(problem_random(&shape, 4, 1, FILL_NORMAL, &problem, &error), OUTCOME_DONE);
    for (size_t i = 0; i < sizeof ideas / sizeof *ideas; i++) {
        struct midl_calibration table = {0};
        struct midl_plan *plan;
        char reason[MIDL_REASON_SIZE];
        for (size_t j = 0; j < sizeof ideas / sizeof *ideas; j++)
            add(&table, ideas[j], false, 1, i == j ? 10 : 20);
        struct midl_plan_options options = {
            .variant = "auto", .max_batch = 4, .threads = 1, .calibration = &table};
        assert_int_equal(midl_plan_create(&problem.layer, &options, &plan, reason), MIDL_OK);
        free(table.series); /* not kept by the plan */
        assert_string_equal(midl_variant_idea(midl_plan_variant(plan)), ideas[i]);
        midl_plan_destroy(plan);
    }
    problem_clear(&problem);
}

/* ---- Its text -------------------------------------------------------------------------------- */

static char *text_of_two_ideas(void)
{
    struct midl_calibration table = two_ideas();
    char *text = calibration_text(&table, machine);
    free(table.series);
    assert_non_null(text);
    return text;
}

static void test_text_reads_back(void **state)
{
    (void)state;
    char *text = text_of_two_ideas(), reason[MIDL_REASON_SIZE];
    struct midl_calibration *back = NULL;
    struct midl_shape shape = shape_of(1024, 1024, 461);
    assert_int_equal(midl_calibration_read(text, machine, &back, reason), MIDL_OK);
    assert_int_equal(back->count, 3);
    assert_string_equal(choice(back, &shape, 4, 1), "simd");
    assert_string_equal(choice(back, &shape, 8, 1), "lists");
    char *again = calibration_text(back, machine);
    assert_string_equal(again, text);
    free(again);
    midl_calibration_destroy(back);
    assert_int_equal(midl_calibration_read(text, NULL, &back, reason), MIDL_OK);
    midl_calibration_destroy(back);
    free(text);
}

static void expect_refused(const char *text, enum midl_status status, const char *why)
{
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_calibration *untouched = (struct midl_calibration *)1;
    assert_int_equal(midl_calibration_read(text, machine, &untouched, reason), status);
    assert_ptr_equal(untouched, (struct midl_calibration *)1);
    if (!strstr(reason, why))
        fail_msg("'%s' does not say '%s'", reason, why);
}

/* The text with the first `old` replaced. */
static void expect_edit_refused(const char *old, const char *new, enum midl_status status,
                                const char *why)
{
    char *text = text_of_two_ideas(), *at = strstr(text, old);
    assert_non_null(at);
    size_t size = strlen(text) + strlen(new) + 1;
    char *edited = malloc(size);
    snprintf(edited, size, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    expect_refused(edited, status, why);
    free(edited);
    free(text);
}

static void test_foreign_tables_are_refused(void **state)
{
    (void)state;
    expect_edit_refused("a machine", "b machine", MIDL_UNAVAILABLE, "another machine");
    expect_edit_refused("caches 1 2 3", "caches 1 2", MIDL_UNAVAILABLE, "another machine");
    expect_edit_refused(", kernels ", ", kernels 0", MIDL_UNAVAILABLE, "another build");
    expect_edit_refused("build ", "build old ", MIDL_UNAVAILABLE, "another build");
}

/* A table made with one instruction set says nothing of another. */
static void test_table_of_another_instruction_set_is_refused(void **state)
{
    (void)state;
    enum midl_isa best = midl_isa_best();
    char *text = text_of_two_ideas();
    if (best == MIDL_ISA_PORTABLE)
        skip();
    midl_isa_limit(MIDL_ISA_PORTABLE);
    expect_refused(text, MIDL_UNAVAILABLE, "another build");
    midl_isa_limit(best);
    free(text);
}

static void test_damaged_tables_are_refused(void **state)
{
    (void)state;
    expect_refused("", MIDL_INVALID, "line 1");
    expect_refused("midl calibration 2\n", MIDL_INVALID, "line 1: no calibration");
    expect_edit_refused("machine", "machin", MIDL_INVALID, "line 2");
    expect_edit_refused("n 128", "n 64", MIDL_INVALID, "line 4: another grid of n");
    expect_edit_refused("active 0", "active 1", MIDL_INVALID, "line 5: another grid of active");
    expect_edit_refused("batch 1 2", "batch 1 3", MIDL_INVALID, "line 6");
    expect_edit_refused("masked f32", "masked f33", MIDL_INVALID, "line 7: unknown dtype 'f33'");
    expect_edit_refused("topk 1", "topc 1", MIDL_INVALID, "line 7: unknown selection 'topc'");
    expect_edit_refused("topk 1", "topk 0", MIDL_INVALID, "line 7: the number of threads");
    expect_edit_refused("topk 1", "topk", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("topk 1", "topk 4294967297", MIDL_INVALID, "line 7: the number of threads");
    expect_edit_refused("topk 1", "topk 18446744073709551617", MIDL_INVALID, "line 7: expected");
    expect_edit_refused("topk 1", "topk +1", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("topk 1", "topk\n1", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("topk 1", "topk  1", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("masked f32", "masked\nf32", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("masked f32", "masked\tf32", MIDL_INVALID, "line 7: expected 'times");
    expect_edit_refused("5000 ", "5000  ", MIDL_INVALID, "line 8: expected 56 times");
    expect_edit_refused("5000 ", "-1 ", MIDL_INVALID, "line 8");
    expect_edit_refused("5000 ", "0 ", MIDL_INVALID, "line 8");
    expect_edit_refused("5000 ", "nan ", MIDL_INVALID, "line 8");
    static const char *const no_times[] = {
        "1e99 ",  "1e-60 ", "5e3 ",   "0x1388 ", "0.5 ", "0.9999999999 ", "100000000000000.5 ",
        "5000. ", "5,000 ", "5000\t", "5000\n",  ".5 ",  "+5000 ",        "00000000000005000 ",
        "\n5000 "};
    for (size_t i = 0; i < sizeof no_times / sizeof *no_times; i++)
        expect_edit_refused("5000 ", no_times[i], MIDL_INVALID, "line 8: expected 56 times");
    expect_edit_refused("5000\n", "5000 5000\n", MIDL_INVALID, "line 8");
    expect_edit_refused("end\n", "", MIDL_INVALID, "'end'");
    expect_edit_refused("end\n", "end\nmore", MIDL_INVALID, "'end'");
}

/* Wherever it is cut off it is refused, and nothing is read beyond the end. */
static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    char *text = text_of_two_ideas(), reason[MIDL_REASON_SIZE];
    struct midl_calibration *ret = NULL;
    for (size_t length = 0; length < strlen(text); length += length < 400 ? 1 : 97) {
        char *cut = malloc(length + 1);
        memcpy(cut, text, length);
        cut[length] = '\0';
        assert_int_not_equal(midl_calibration_read(cut, machine, &ret, reason), MIDL_OK);
        free(cut);
    }
    assert_null(ret);
    free(text);
}

static void test_source_leaves_out_what_never_wins(void **state)
{
    (void)state;
    struct midl_calibration table = two_ideas();
    char *source = calibration_source(&table, 1.1);
    assert_non_null(strstr(source, "{\"simd\", MIDL_F32, false, 1, {"));
    assert_non_null(strstr(source, "{\"lists\", MIDL_F32, false, 1, {"));
    assert_null(strstr(source, "masked"));
    const char *least = strstr(source, "(const uint16_t[]){"); /* once a group */
    assert_non_null(least);
    assert_null(strstr(least + 1, "(const uint16_t[]){"));
    free(source);
    free(table.series);
}

/* A table of three ideas with times drawn at random, and the same as ratios. */
static void random_table(struct midl_calibration *ret_times, struct calibration_ratios ratios[3])
{
    static const char *const ideas[] = {"simd", "lists", "masked"};
    struct rng rng = rng_seed(5);
    *ret_times = (struct midl_calibration){0};
    for (size_t i = 0; i < 3; i++)
        add(ret_times, ideas[i], false, 1, 0);
    for (size_t place = 0; place < CALIBRATION_PLACES; place++) {
        double least = INFINITY;
        for (size_t i = 0; i < 3; i++) {
            float *time_ns = &ret_times->series[i].time_ns[place];
            *time_ns = (float)(1000 * exp(2 * rng_uniform(&rng)));
            least = fmin(least, (double)*time_ns);
        }
        for (size_t i = 0; i < 3; i++)
            ratios[i].slower[place] =
                calibration_slower((double)ret_times->series[i].time_ns[place], least);
    }
    for (size_t i = 0; i < 3; i++) {
        ratios[i].idea = ideas[i];
        ratios[i].threads = 1;
    }
}

/* Ratios in a byte choose as times do: everywhere on the grid. */
static void test_ratios_choose_as_times_do(void **state)
{
    (void)state;
    struct midl_calibration times;
    struct calibration_ratios ratios[3] = {{0}};
    const struct midl_calibration by_ratios = {.ratios = ratios, .ratio_count = 3};
    size_t differ = 0;
    random_table(&times, ratios);
    for (size_t w = 0; w < CALIBRATION_WIDTHS; w++)
        for (size_t s = 0; s < CALIBRATION_SHARES; s++)
            for (size_t b = 0; b < CALIBRATION_BATCHES; b++) {
                size_t n = (size_t)calibration_widths[w], batch = (size_t)calibration_batches[b];
                struct midl_shape shape =
                    shape_of(n, n, (size_t)round(calibration_shares[s] * (double)n));
                differ += strcmp(choice(&times, &shape, batch, 1),
                                 choice(&by_ratios, &shape, batch, 1)) != 0;
            }
    assert_true(differ <= 1); /* k is a whole number: a share in between may be a tie */
    free(times.series);
}

static void test_slower(void **state)
{
    (void)state;
    assert_int_equal(calibration_slower(10, 10), 0);
    assert_int_equal(calibration_slower(10.001, 10), 1); /* only the fastest is 0 */
    assert_int_equal(calibration_slower(10 * exp(0.5), 10), 50);
    assert_int_equal(calibration_slower(1e9, 10), 255);
}

/* One of a group is the fastest, wherever one looks. */
static void expect_ratios(const struct midl_calibration *table)
{
    assert_true(table->ratio_count > 0 && table->count == 0);
    for (size_t i = 0; i < table->ratio_count; i++) {
        const struct calibration_ratios *row = &table->ratios[i];
        for (size_t place = 0; place < CALIBRATION_PLACES; place++) {
            uint8_t least = 255;
            for (size_t j = 0; j < table->ratio_count; j++) {
                const struct calibration_ratios *other = &table->ratios[j];
                if (other->dtype == row->dtype && other->blocks == row->blocks &&
                    other->threads == row->threads && other->slower[place] < least)
                    least = other->slower[place];
            }
            assert_int_equal(least, 0);
        }
    }
}

static void test_built_in_ratios(void **state)
{
    (void)state;
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++) {
        const struct midl_calibration *table = calibration_built_in((enum midl_dtype)dtype);
        assert_true(calibration_covers(table, (enum midl_dtype)dtype));
        expect_ratios(table);
    }
}

/* Ratios and a least time give the times that they were made of, so that shares can be compared. */
static void test_ratios_with_their_least_times(void **state)
{
    (void)state;
    enum { CURVES = 4 };
    struct midl_calibration times;
    struct calibration_ratios ratios[3] = {{.idea = NULL}};
    static uint16_t least[CALIBRATION_PLACES];
    struct calibration_curve of_times[CURVES], of_ratios[CURVES];
    struct midl_shape shape = shape_of(300, 500, 100);
    random_table(&times, ratios);
    for (size_t place = 0; place < CALIBRATION_PLACES; place++) {
        double time = INFINITY;
        for (size_t i = 0; i < 3; i++)
            time = fmin(time, (double)times.series[i].time_ns[place]);
        least[place] = (uint16_t)lround(100 * log(fmax(time, 1)));
    }
    ratios[1].least = least;
    const struct midl_calibration built_in = {.ratios = ratios, .ratio_count = 3};
    assert_int_equal(calibration_curves(&times, MIDL_F32, &shape, 16, 1, of_times, CURVES), 3);
    assert_int_equal(calibration_curves(&built_in, MIDL_F32, &shape, 16, 1, of_ratios, CURVES), 3);
    for (size_t i = 0; i < 3; i++)
        for (double share = 0.05; share < 1; share += 0.1)
            assert_float_equal(calibration_log_time(&of_times[i], share, 16),
                               calibration_log_time(&of_ratios[i], share, 16), 0.011);
    free(times.series);
}

/* ---- Its file -------------------------------------------------------------------------------- */

static void test_place_of_the_file(void **state)
{
    (void)state;
    char path[PATH_MAX];
    setenv("XDG_CACHE_HOME", "/x", 1);
    setenv("HOME", "/h", 1);
    setenv("MIDL_CALIBRATION", "/own", 1);
    assert_true(calibration_path(path));
    assert_string_equal(path, "/own");
    setenv("MIDL_CALIBRATION", "", 1);
    assert_false(calibration_path(path));
    unsetenv("MIDL_CALIBRATION");
    assert_true(calibration_path(path));
    assert_string_equal(path, "/x/midl/calibration.txt");
    unsetenv("XDG_CACHE_HOME");
    assert_true(calibration_path(path));
    assert_string_equal(path, "/h/.cache/midl/calibration.txt");
    unsetenv("HOME");
    assert_false(calibration_path(path));
}

static void test_file_of_another_machine_is_one_line(void **state)
{
    (void)state;
    char path[] = "/tmp/midl-calibration-XXXXXX", *text = text_of_two_ideas();
    struct midl_calibration *ret = NULL;
    struct error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_int_equal(calibration_read_file(path, &ret, &error), OUTCOME_USAGE);
    assert_non_null(strstr(error.text, "made by another machine"));
    assert_non_null(strstr(error.text, "midl calibrate"));
    assert_null(strchr(error.text, '\n'));
    unlink(path);
    assert_int_equal(calibration_read_file(path, &ret, &error), OUTCOME_USAGE);
    assert_null(ret);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chooses_what_the_table_calls_fastest),
        cmocka_unit_test(test_every_axis_counts),
        cmocka_unit_test(test_kind_and_threads_are_the_nearest),
        cmocka_unit_test(test_unknown_ideas_are_passed_over),
        cmocka_unit_test(test_other_dtypes_go_by_what_there_is),
        cmocka_unit_test(test_plans_of_other_dtypes_go_by_what_is_built_in),
        cmocka_unit_test(test_others_are_added),
        cmocka_unit_test(test_unavailable_ideas_are_passed_over),
        cmocka_unit_test(test_built_in_table_serves_all),
        cmocka_unit_test(test_plans_by_the_table_given),
        cmocka_unit_test(test_text_reads_back),
        cmocka_unit_test(test_foreign_tables_are_refused),
        cmocka_unit_test(test_table_of_another_instruction_set_is_refused),
        cmocka_unit_test(test_damaged_tables_are_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_source_leaves_out_what_never_wins),
        cmocka_unit_test(test_ratios_choose_as_times_do),
        cmocka_unit_test(test_slower),
        cmocka_unit_test(test_built_in_ratios),
        cmocka_unit_test(test_ratios_with_their_least_times),
        cmocka_unit_test(test_place_of_the_file),
        cmocka_unit_test(test_file_of_another_machine_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_gate.c - what the gate decides: signed ranks against enumeration and textbook ranks, Holm's
 * correction, verdicts, and the whole procedure on made-up ratios, where false alarms and power can
 * be counted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "compare/accept.h"
#include "compare/gate.h"
#include "compare/gate_report.h"
#include "compare/verdict.h"
#include "compare/worker.h"
#include "signed_rank.h"

#include <cmocka.h> /* defines fail() */

/* ---- Signed ranks -------------------------------------------------------------------------- */

/* The chance by trying all signs of values whose sizes are their ranks. */
static void test_chance_by_enumeration(void **state)
{
    (void)state;
    double values[7], sums[128] = {0};
    for (unsigned signs = 0; signs < 128; signs++)
        for (unsigned i = 0; i < 7; i++)
            sums[signs] += signs >> i & 1 ? i + 1 : 0;
    for (unsigned signs = 0; signs < 128; signs++) {
        unsigned as_much = 0;
        for (unsigned other = 0; other < 128; other++)
            as_much += sums[other] >= sums[signs];
        for (unsigned i = 0; i < 7; i++)
            values[(3 * i) % 7] = 10 + (signs >> i & 1 ? 1.0 : -1.0) * (i + 1);
        assert_true(signed_rank_above(values, 7, 10) == as_much / 128.0);
    }
    for (size_t i = 0; i < 7; i++)
        values[i] = 10 + (double)i + 1;
    assert_true(signed_rank_above(values, 7, 10) == 1 / 128.0);
    values[0] = 9; /* rank 1 against the others: two of 128 patterns are as good */
    assert_true(signed_rank_above(values, 7, 10) == 2 / 128.0);
    values[1] = 11; /* sizes 1 and 1 share rank 1.5 of 28: three patterns leave out so little */
    assert_true(signed_rank_above(values, 7, 10) == 3 / 128.0);
    assert_true(signed_rank_above(values, 0, 10) == 1);
    values[3] = NAN;
    assert_true(isnan(signed_rank_above(values, 7, 10)));
}

/* Of ten values the 95 % interval goes from the 9th least mean of a pair to the 9th largest: the
 * critical value of the tables is 8. */
static void test_interval_by_table(void **state)
{
    (void)state;
    double values[10];
    for (size_t i = 0; i < 10; i++)
        values[i] = (double)(1u << i); /* the least means: 1, 1.5, 2, 2.5, 3, 4, 4.5, 5, 6, 8 */
    struct stats_interval interval = signed_rank_interval(values, 10, 0.95);
    assert_true(interval.exact);
    assert_true(interval.lo == 6);
    assert_true(signed_rank_interval(values, 10, 0.9995).exact == false);
    assert_true(signed_rank_interval(values, 10, 0.9995).hi == 512);
}

/* The interval holds the centre as often as it says, exactly and by approximation. */
static void test_interval_covers(void **state)
{
    (void)state;
    const size_t counts[] = {8, 24, 60};
    struct rng rng = rng_seed(7);
    for (size_t c = 0; c < 3; c++) {
        size_t held = 0, trials = 2000;
        for (size_t t = 0; t < trials; t++) {
            double values[60];
            for (size_t i = 0; i < counts[c]; i++)
                values[i] = 3 + rng_normal(&rng) * (rng_uniform(&rng) < 0.1 ? 10 : 1);
            struct stats_interval interval = signed_rank_interval(values, counts[c], 0.9);
            held += interval.lo <= 3 && 3 <= interval.hi;
        }
        assert_in_range(held, 0.885 * (double)trials, 0.935 * (double)trials);
    }
}

/* ---- Holm ---------------------------------------------------------------------------------- */

static void test_holm(void **state)
{
    (void)state;
    const double chance[] = {0.04, 0.011, NAN, 0.012, 0.5};
    bool reject[5];
    gate_holm(chance, 5, 0.05, reject); /* 0.011 > 0.05 / 5 */
    for (size_t i = 0; i < 5; i++)
        assert_false(reject[i]);
    gate_holm(chance, 5, 0.06, reject); /* 0.011 <= 0.06/5, 0.012 <= 0.06/4, 0.04 > 0.06/3 */
    assert_true(reject[1] && reject[3]);
    assert_false(reject[0] || reject[2] || reject[4]);
    const double equal[] = {0.01, 0.01};
    gate_holm(equal, 2, 0.02, reject);
    assert_true(reject[0] && reject[1]);
    gate_holm(equal, 0, 0.02, reject);
}

/* ---- Made-up machines ---------------------------------------------------------------------- */

struct machine_of {
    struct rng rng;
    double spread, process; /* standard deviation among placements, and of a process as a whole */
    double wild;            /* share of the placements that a neighbour moves by up to 30 % */
    size_t slow;            /* the point that is slower; beyond the last: none */
    double slowdown;
    size_t placements, measured, budget; /* of looks at a point */
};

static enum outcome made_up(void *data, size_t point, int look, struct gate_values *values,
                            struct gate_point *ret, struct error *error)
{
    struct machine_of *machine = data;
    double logs[64], process = machine->process * rng_normal(&machine->rng);
    (void)look, (void)ret, (void)error;
    for (size_t i = 0; i < machine->placements; i++) {
        double neighbour = rng_uniform(&machine->rng) < machine->wild
                               ? 0.6 * (rng_uniform(&machine->rng) - 0.5)
                               : 0;
        logs[i] = process + neighbour + machine->spread * rng_normal(&machine->rng) +
                  (point == machine->slow ? log1p(machine->slowdown) : 0);
    }
    machine->measured++;
    assert_true(gate_values_add(values, logs, machine->placements));
    return OUTCOME_DONE;
}

static bool within_budget(void *data)
{
    struct machine_of *machine = data;
    return machine->budget == 0 || machine->measured < machine->budget;
}

enum { POINTS = 24 };

/* One gate run; ret_slower: how many points it called slower. */
static enum outcome run(struct machine_of *machine, const struct gate_rule *rule,
                        size_t *ret_slower, bool *ret_right)
{
    struct gate_point points[POINTS] = {{.state = GATE_OPEN}};
    struct gate_source source = {made_up, within_budget, machine};
    struct error error;
    machine->measured = 0;
    assert_int_equal(gate_run(points, POINTS, rule, &source, &error), OUTCOME_DONE);
    enum outcome outcome = gate_outcome(points, POINTS);
    *ret_slower = 0;
    for (size_t i = 0; i < POINTS; i++) {
        *ret_slower += points[i].state == GATE_SLOWER;
        gate_point_clear(&points[i]);
    }
    *ret_right = machine->slow < POINTS && points[machine->slow].state == GATE_SLOWER;
    return outcome;
}

static const struct gate_rule usual = {.effect = GATE_EFFECT, .looks = 5};

/* Runs of `count` that end with exit status 1 and name the slow point alone. */
static size_t found(struct machine_of machine, const struct gate_rule *rule, size_t count,
                    size_t *ret_others)
{
    size_t hits = 0;
    *ret_others = 0;
    for (size_t i = 0; i < count; i++) {
        size_t slower;
        bool right;
        enum outcome outcome = run(&machine, rule, &slower, &right);
        hits += outcome == OUTCOME_BAD && right;
        *ret_others += slower - (right ? 1 : 0);
    }
    return hits;
}

static void test_false_alarms(void **state)
{
    (void)state;
    const struct machine_of machines[] = {
        {.spread = 0.02, .process = 0.002, .placements = 20},
        {.spread = 0.02, .process = 0.005, .placements = 20},
        {.spread = 0.05, .process = 0.002, .wild = 0.1, .placements = 20}};
    for (size_t m = 0; m < 3; m++) {
        struct machine_of machine = machines[m];
        size_t others;
        machine.rng = rng_seed(m + 1);
        machine.slow = POINTS;
        assert_int_equal(found(machine, &usual, 150, &others), 0);
        assert_in_range(others, 0, 0);
    }
}

static void test_power(void **state)
{
    (void)state;
    const struct gate_rule fine = {.effect = 0.02, .looks = 5};
    size_t others;
    struct machine_of machine = {.rng = rng_seed(11),
                                 .spread = 0.015,
                                 .process = 0.002,
                                 .slow = 7,
                                 .slowdown = 0.03,
                                 .placements = 20};
    assert_in_range(found(machine, &usual, 100, &others), 95, 100);
    assert_int_equal(others, 0);
    machine.slowdown = 0.05;
    assert_int_equal(found(machine, &usual, 100, &others), 100);
    machine.slowdown = 0.02;
    assert_in_range(found(machine, &fine, 100, &others), 50, 100);
    machine.slowdown = -0.05; /* faster is not worse */
    assert_int_equal(found(machine, &usual, 50, &others), 0);
}

/* A machine too noisy to tell ends without verdict, and never with a pass. */
static void test_noisy(void **state)
{
    (void)state;
    struct machine_of machine = {
        .rng = rng_seed(3), .spread = 0.6, .slow = POINTS, .placements = 8};
    size_t slower;
    bool right;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(run(&machine, &usual, &slower, &right), OUTCOME_NO_VERDICT);
    machine.budget = 3; /* and so does one that had no time */
    machine.spread = 0.001;
    assert_int_equal(run(&machine, &usual, &slower, &right), OUTCOME_NO_VERDICT);
}

/* Identical builds are known after one look at each point. */
static void test_effort(void **state)
{
    (void)state;
    struct machine_of machine = {
        .rng = rng_seed(5), .spread = 0.01, .slow = POINTS, .placements = 24};
    size_t slower;
    bool right;
    assert_int_equal(run(&machine, &usual, &slower, &right), OUTCOME_DONE);
    assert_in_range(machine.measured, POINTS, POINTS + 2);
}

/* What is announced is what is found in most runs: the noise for which 3 % are promised. */
static void test_resolvable(void **state)
{
    (void)state;
    double spread = 0.001;
    size_t others;
    while (gate_resolvable(spread, 20, POINTS, &usual) < 0.03)
        spread += 0.001;
    struct machine_of machine = {
        .rng = rng_seed(12), .spread = spread, .slow = 0, .slowdown = 0.03, .placements = 20};
    assert_in_range(found(machine, &usual, 60, &others), 54, 60);
}

/* ---- What a measuring process says ---------------------------------------------------------- */

static const char said[] = "status ok\nreason \nbuild 12.5 masked\nbuild 13 simd-avx2\n"
                           "ratio 0.01\nratio -0.02\nend 2\n";

static void test_worker_text(void **state)
{
    (void)state;
    struct pair_result result, written = {.status = PAIR_WRONG, .reason = "y[0] is 1"};
    assert_true(worker_read(said, &result));
    assert_int_equal(result.count, 2);
    assert_true(result.logs[1] == -0.02 && result.call_ns[0] == 12.5);
    assert_string_equal(result.chose[1], "simd-avx2");
    pair_result_clear(&result);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    worker_write(out, &written);
    fclose(out);
    assert_true(worker_read(text, &result));
    assert_int_equal(result.status, PAIR_WRONG);
    assert_string_equal(result.reason, "y[0] is 1");
    pair_result_clear(&result);
    free(text);
}

/* Cut short anywhere, or with a number that is none, it is refused. */
static void test_worker_damaged(void **state)
{
    (void)state;
    struct pair_result result;
    char text[sizeof said];
    for (size_t length = 0; length + 1 < sizeof said - 1; length++) {
        memcpy(text, said, length);
        text[length] = '\0';
        assert_false(worker_read(text, &result));
    }
    assert_false(worker_read("status ok\nreason \nbuild 1 a\nbuild 1 b\nend 0\n", &result));
    assert_false(
        worker_read("status ok\nreason \nbuild 1 a\nbuild 1 b\nratio nan\nend 1\n", &result));
    assert_false(worker_read("status odd\nreason \nbuild 1 a\nbuild 1 b\nend 0\n", &result));
}

/* ---- Accepted slowdowns -------------------------------------------------------------------- */

static void test_accept(void **state)
{
    (void)state;
    const char text[] = "# a comment\n\nlists* | n=512 batch=16 | 2026-12-31 | ties | exact\r\n"
                        "simd-avx2 | * | 2026-01-31 | all shapes";
    const char label[] = "d=512 n=512 k=230 batch=16 dtype=f32";
    struct accept_list list;
    struct error error;
    assert_int_equal(accept_parse(text, "file", &list, &error), OUTCOME_DONE);
    assert_int_equal(list.count, 2);
    assert_string_equal(accept_find(&list, "lists-avx2", label, "2026-12-31"), "ties | exact");
    assert_null(accept_find(&list, "lists-avx2", label, "2027-01-01"));
    assert_null(accept_find(&list, "lists-avx2", "d=512 n=5120 batch=16", "2026-12-31"));
    assert_null(accept_find(&list, "simd-avx512", label, "2026-01-01"));
    assert_string_equal(accept_find(&list, "simd-avx2", label, "2026-01-01"), "all shapes");
    accept_clear(&list);
    const char *const bad[] = {"simd",
                               "simd | n=1 | 2026-12-31",
                               "simd | n=1 | 2026-12-31 | ",
                               "simd | n=1 | 2026-13-01 | why",
                               "simd | n=1 | 26-12-01 | why",
                               "simd | n=1 | 2026-02-29 | no leap year",
                               "simd | n=1 | 1900-02-29 | none either",
                               "simd | n=1 | 2026-04-31 | why",
                               "simd | n = 1 | 2026-12-01 | blanks",
                               "simd | batch=16 * | 2026-12-01 | a star among words",
                               "simd | n= | 2026-12-01 | no value",
                               "simd | =1 | 2026-12-01 | no axis",
                               "simd | n=1 nn=1 | 2026-12-01 | no such axis",
                               "simd | rank=4 | 2026-12-01 | labels call it r",
                               " | n=1 | 2026-12-01 | why"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(accept_parse(bad[i], "file", &list, &error), OUTCOME_USAGE);
        assert_non_null(strstr(error.text, "line 1"));
    }
}

/* A thousandth, or an instruction a row, whichever is less. */
static void test_counts(void **state)
{
    (void)state;
    const struct {
        double old, new, rows;
        int change;
    } cases[] = {{1e6, 1e6, 100, 0},        {1e6, 1e6 + 99, 100, 0}, {1e6, 1e6 + 100, 100, 1},
                 {1e6, 1e6 - 100, 100, -1}, {1e4, 1e4 + 9, 100, 0},  {1e4, 1e4 + 10, 100, 1},
                 {1e8, 1e8 + 2, 0, 1},      {NAN, 1e4, 100, 0},      {1e4, NAN, 100, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gate_count_change((const double[]){cases[i].old, cases[i].new},
                                           GATE_COUNT_EFFECT, cases[i].rows),
                         cases[i].change);
    assert_int_equal(gate_count_change((const double[]){100, 104.9}, 0.05, INFINITY), 0);
    assert_int_equal(gate_count_change((const double[]){100, 105.1}, 0.05, INFINITY), 1);
}

/* ---- Outcomes ------------------------------------------------------------------------------ */

static void test_outcomes(void **state)
{
    (void)state;
    struct gate_point points[4] = {
        {.state = GATE_SAME}, {.state = GATE_SAME}, {.state = GATE_SAME}, {.state = GATE_FASTER}};
    assert_int_equal(gate_outcome(points, 4), OUTCOME_DONE);
    points[0].state = GATE_SLOWER;
    assert_int_equal(gate_outcome(points, 4), OUTCOME_BAD);
    points[0].control = true; /* identical code was twice slower: the machine's fault */
    assert_int_equal(gate_outcome(points, 4), OUTCOME_NO_VERDICT);
    points[1].state = GATE_WRONG;
    assert_int_equal(gate_outcome(points, 4), OUTCOME_BAD);
    for (size_t i = 0; i < 4; i++)
        points[i].state = GATE_SKIPPED;
    assert_int_equal(gate_outcome(points, 4), OUTCOME_NO_VERDICT);
    assert_int_equal(gate_outcome(points, 0), OUTCOME_NO_VERDICT);
}

/* ---- Reports ----------------------------------------------------------------------------------
 */

static void expect_report(void (*print)(const struct gate_report *, FILE *),
                          const struct gate_report *report, const char *words)
{
    char *text = NULL;
    size_t size = 0;
    struct error error;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    if (print)
        print(report, out);
    else
        assert_int_equal(gate_print_json(report, out, &error), OUTCOME_DONE);
    assert_int_equal(fclose(out), 0);
    if (words)
        assert_non_null(strstr(text, words));
    free(text);
}

/* A line that no longer holds is found, the last of several, and none where another still does; a
 * byte order mark is no part of a variant's name, and days exist in leap years. */
static void test_accept_lapsed(void **state)
{
    (void)state;
    const char text[] = "\xef\xbb\xbfsimd | * | 2024-02-29 | long ago\r\n"
                        "simd | n=8 | 2026-01-31 | this year\r\n"
                        "lists | n=8 | 2000-02-29 | ties\n"
                        "lists | * | 2026-12-31 | still\n";
    struct accept_list list;
    struct error error;
    assert_int_equal(accept_parse(text, "file", &list, &error), OUTCOME_DONE);
    assert_int_equal(list.count, 4);
    assert_string_equal(accept_lapsed(&list, "simd", "n=8", "2026-06-01")->why, "this year");
    assert_string_equal(accept_lapsed(&list, "simd", "n=9", "2026-06-01")->why, "long ago");
    assert_null(accept_lapsed(&list, "simd", "n=8", "2026-01-31")); /* its last day */
    assert_null(accept_lapsed(&list, "lists", "n=8", "2026-06-01"));
    assert_null(accept_lapsed(&list, "masked", "n=8", "2026-06-01"));
    assert_string_equal(accept_find(&list, "simd", "n=9", "2024-02-29"), "long ago");
    accept_clear(&list);
}

/* However long the reason for which a slowdown is accepted, remarks behind it are cut with it, and
 * every form of the report is whole. */
static void test_long_remarks(void **state)
{
    (void)state;
    static char why[3000];
    double logs[4] = {0.1, 0.11, 0.12, 0.1};
    const struct gate_options options = {.effect = 0.03};
    const struct bench_case bench_case = {
        .shape = {.layer = {.d = 16, .n = 16, .r = 1, .rg = 1, .k = 5}, .batch = 1, .threads = 1},
        .variant = midl_variant_find("masked", MIDL_F32)};
    struct gate_point point = {
        .state = GATE_SAME, .control = true, .suspected = true, .first = {logs, 4}};
    struct gate_row row = {
        .bench_case = &bench_case,
        .point = &point,
        .call_ns = {100, 110},
        .chose = {"masked", "simd-portable"},
        .counts = {.instructions = {NAN, NAN}, .l1d_misses = {NAN, NAN}, .ll_misses = {NAN, NAN}},
        .accepted = why};
    struct gate gate = {.options = &options, .points = &point, .rows = &row, .count = 1};
    const struct gate_report report = {
        .gate = &gate, .names = {"old", "new"}, .arguments = "", .problem = ""};
    const size_t lengths[] = {1, 470, 505, 511, 512, 513, 600, sizeof why - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        memset(why, 'w', lengths[i]);
        why[lengths[i]] = '\0';
        expect_report(gate_print_text, &report, NULL);
        expect_report(gate_print_markdown, &report, "accepted: w");
        expect_report(gate_print_junit, &report, "</testsuite>");
        expect_report(gate_print_annotations, &report, NULL);
        expect_report(NULL, &report,
                      lengths[i] == 1
                          ? "masked now chooses simd-portable, not masked; accepted: w; the "
                            "same machine code; flagged once, not again\""
                          : "accepted: ww");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chance_by_enumeration),
        cmocka_unit_test(test_interval_by_table),
        cmocka_unit_test(test_interval_covers),
        cmocka_unit_test(test_holm),
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_noisy),
        cmocka_unit_test(test_effort),
        cmocka_unit_test(test_resolvable),
        cmocka_unit_test(test_worker_text),
        cmocka_unit_test(test_worker_damaged),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_lapsed),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_long_remarks),
        cmocka_unit_test(test_outcomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_figures.c - what the queries of the figures make of a store whose numbers are known: which
 * points are drawn, how they are marked, and what is computed from them. The drawing is tested by
 * test_plot.sh, but for text in the store that gnuplot or LaTeX could take for commands.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accuracy.h"
#include "base/datadir.h"
#include "base/util.h"
#include "commands/command.h"
#include "midl.h"
#include "report/gnuplot.h"
#include "report/tables.h"
#include "store.h"

/* After error.h: cmocka has a macro `fail`. */
#include <cmocka.h>

#include "scratch.h"

/* ---- A store with known numbers -------------------------------------------------------------- */

#define MICROSECOND 1e3

/* Series, as the legends name them. */
#define GATHER "rows by BLAS (gather)"
#define LISTS "lists of inputs (lists)"
#define SIMD "fused rows (simd)"

static struct store *store;
static int64_t run;

/* The parts of a point that matter here; 0 and NULL: as below. */
struct known {
    const char *kernel, *isa, *dtype, *status;
    const char *shape; /* its key; NULL: one of its own */
    bool linear;
    const char *layer;
    int64_t n, k, batch, threads, block; /* block: of top blocks */
    double time_us, speedup;
    const struct store_counter *counters;
    size_t counter_count;
    const struct store_sample *samples;
    size_t sample_count;
};

/* Make a point without times, with what is the same for all. */
static struct store_point point_of(struct known known)
{
    struct store_point point = store_point_blank;
    int64_t n = known.n ? known.n : 100;
    point.kernel = known.kernel;
    point.isa = known.isa ? known.isa : "avx2";
    point.dtype = known.dtype ? known.dtype : "f32";
    point.linear = known.linear;
    point.d = point.n = n;
    point.k = known.k;
    point.rank = point.gate_rank = n / 10;
    point.gate = "lowrank";
    point.select_mode = known.block ? "block" : "topk";
    point.block = known.block;
    point.unselected = "light";
    point.batch = known.batch ? known.batch : 1;
    point.threads = known.threads ? known.threads : 1;
    point.cache = "warm";
    point.input = "random";
    point.layer = known.layer ? known.layer : "random";
    point.status = known.status ? known.status : "ok";
    point.reason = known.status ? "as the test wants" : NULL;
    point.error_ratio = 0.1;
    point.stop = "target";
    point.plan_ns = point.plan_bytes = 1;
    point.flops = 2000;
    point.bytes = 4000;
    point.flops_ratio = known.linear ? 1 : 2;
    point.counters = known.counters;
    point.counter_count = known.counter_count;
    return point;
}

static void put(struct known known)
{
    static int key;
    char shape[32];
    bool timed = !known.status || strcmp(known.status, "noisy") == 0;
    double time_ns = timed ? known.time_us * MICROSECOND : NAN;
    struct store_sample samples[] = {{.iterations = 10, .real_ns = time_ns, .cpu_ns = time_ns},
                                     {.round = 1,
                                      .position = 1,
                                      .iterations = 10,
                                      .real_ns = time_ns * 1.1,
                                      .cpu_ns = time_ns,
                                      .disturbed = true}};
    struct store_point point = point_of(known);

    snprintf(shape, sizeof shape, "%d", key++);
    point.shape_key = known.shape ? known.shape : shape;
    point.time_ns = time_ns;
    point.time_lo_ns = time_ns * 0.9;
    point.time_hi_ns = time_ns * 1.2;
    point.speedup = known.speedup > 0 ? known.speedup : NAN;
    point.speedup_lo = point.speedup * 0.9;
    point.speedup_hi = point.speedup * 1.1;
    point.samples = known.samples ? known.samples : samples;
    point.sample_count = known.samples ? known.sample_count : timed ? COUNT(samples) : 0;
    enum store_status status = store_put_points(store, run, &point, 1);
    if (status != STORE_OK)
        fail_msg("%s", store_error(store));
}

static void begin_run(const char *cpu)
{
    struct store_run facts = {.suite = "known",
                              .suite_hash = "0",
                              .git_commit = "abc",
                              .version = "1",
                              .host = "here",
                              .cpu = cpu,
                              .isa = "avx2",
                              .compiler = "cc",
                              .flags = "",
                              .argv = "midl",
                              .seed = 1};
    assert_int_equal(store_run_begin(store, &facts, NULL, 0, &run), STORE_OK);
}

static int open_new(void **state)
{
    char error[STORE_ERROR_SIZE];

    if (scratch_begin(state) != 0 ||
        store_open(scratch_path("known.db"), STORE_WRITE, &store, error) != STORE_OK)
        return -1;
    begin_run("a processor");
    return 0;
}

static int close_and_remove(void **state)
{
    store_close(store);
    store = NULL;
    return scratch_end(state);
}

/* At n = 100 and batch 1: `linear` takes 600 us at every k, `gather` 100 us + 10 us times k, so
 * that it stops paying at k/n = 0.5; `dense` never pays. */
static void put_known_layer(int64_t n)
{
    static const int64_t ks[] = {20, 45, 75, 100};

    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        double time = 100 + 10 * (double)ks[i];
        int64_t k = ks[i] * n / 100;
        put((struct known){
            .kernel = "linear", .linear = true, .n = n, .k = k, .time_us = 600, .speedup = 1});
        put((struct known){.kernel = "dense", .n = n, .k = k, .time_us = 800, .speedup = 0.75});
        put((struct known){
            .kernel = "gather", .n = n, .k = k, .time_us = time, .speedup = 600 / time});
    }
}

/* ---- Rows of a figure ------------------------------------------------------------------------ */

enum column { WHAT, PANEL, STYLE, SERIES, X, Y, LO, HI, NOISY, TEXT, COLUMNS };

struct row {
    char *cell[COLUMNS];
};

#define ROWS_MAX 512

static struct row rows[ROWS_MAX];
static size_t row_count;
static char *rows_text;

static char *read_sql(const char *name)
{
    char path[4096], *text = NULL;
    size_t size = 0;

    assert_non_null(datadir_find("plots"));
    snprintf(path, sizeof path, "%s/%s.sql", datadir_find("plots"), name);
    FILE *in = fopen(path, "r"), *out = open_memstream(&text, &size);
    assert_non_null(in);
    for (int c; (c = getc(in)) != EOF;)
        putc(c, out);
    fclose(in);
    fclose(out);
    return text;
}

/* Without quotes around. */
static char *unquoted(char *cell)
{
    size_t length = strlen(cell);

    if (length >= 2 && cell[0] == '"') {
        cell[length - 1] = '\0';
        cell++;
    }
    return cell;
}

static void split_rows(void)
{
    char *rest = rows_text;

    row_count = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line || *line == '#')
            continue;
        assert_true(row_count < ROWS_MAX);
        for (size_t i = 0; i < COLUMNS; i++) {
            char *cell = strsep(&line, "\t");
            assert_non_null(cell);
            rows[row_count].cell[i] = unquoted(cell);
        }
        assert_null(line);
        row_count++;
    }
}

/* Run a figure's query as `midl plot` does; false if it has no rows. */
static bool figure(const char *name, const struct store_fact *where, size_t where_count)
{
    struct store_fact parameters[4] = {{"run", NULL}};
    char id[24], *common = read_sql("shared/common"), *own = read_sql(name), *sql = NULL;
    size_t size = 0, count = 0;

    snprintf(id, sizeof id, "%lld", (long long)run);
    parameters[0].value = id;
    for (size_t i = 0; i < where_count; i++)
        parameters[i + 1] = where[i];
    FILE *both = open_memstream(&sql, &size);
    fprintf(both, "%s%s", common, own);
    fclose(both);
    free(rows_text);
    rows_text = NULL;
    FILE *out = open_memstream(&rows_text, &size);
    enum store_status status =
        store_query(store, sql, parameters, where_count + 1, STORE_TSV, out, &count);
    fclose(out);
    free(sql);
    free(common);
    free(own);
    if (status != STORE_OK && status != STORE_NONE)
        fail_msg("%s: %s", name, store_error(store));
    split_rows();
    assert_int_equal(row_count, count);
    return status == STORE_OK;
}

/* The i-th row of that kind and series (NULL: any); NULL if there are fewer. */
static const struct row *row_at(const char *what, const char *series, size_t i)
{
    for (size_t j = 0; j < row_count; j++)
        if (strcmp(rows[j].cell[WHAT], what) == 0 &&
            (!series || strcmp(rows[j].cell[SERIES], series) == 0) && i-- == 0)
            return &rows[j];
    return NULL;
}

static size_t rows_of(const char *what, const char *series)
{
    size_t count = 0;

    while (row_at(what, series, count))
        count++;
    return count;
}

static double number(const char *what, const char *series, size_t i, enum column column)
{
    const struct row *row = row_at(what, series, i);

    if (!row)
        fail_msg("no row %zu of %s %s", i, what, series ? series : "");
    return row ? strtod(row->cell[column], NULL) : NAN;
}

static const char *text(const char *what, size_t i, enum column column)
{
    const struct row *row = row_at(what, NULL, i);

    if (!row)
        fail_msg("no row %zu of %s", i, what);
    return row ? row->cell[column] : "";
}

static void assert_near(double value, double expected)
{
    bool ok = fabs(value - expected) <= 1e-9 * fabs(expected);

    if (!ok)
        fail_msg("%.17g, expected %.17g", value, expected);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static void latency_finds_break_even(void **state)
{
    (void)state;
    put_known_layer(100);
    assert_true(figure("latency", NULL, 0));
    assert_int_equal(rows_of("panel", NULL), 1);
    assert_string_equal(text("panel", 0, TEXT), "n = d = 100, r = 10");
    assert_int_equal(rows_of("point", NULL), 8);
    assert_int_equal(rows_of("point", GATHER), 4);
    assert_near(number("point", GATHER, 1, X), 0.45);
    assert_near(number("point", GATHER, 1, Y), 550);
    assert_near(number("point", GATHER, 1, LO), 495);
    assert_near(number("point", GATHER, 1, HI), 660);
    assert_int_equal(rows_of("yardstick", NULL), 1);
    assert_near(number("yardstick", "OpenBLAS", 0, Y), 600);
    assert_near(number("yardstick", "OpenBLAS", 0, LO), 540);
    assert_near(number("yardstick", "OpenBLAS", 0, HI), 720);
    /* The speedup is 1.09 at 0.45, and 0.98 to 1.2 by its interval: unsure. */
    assert_int_equal(rows_of("band", NULL), 1);
    assert_near(number("band", NULL, 0, X), 0.2);
    assert_near(number("band", NULL, 0, Y), 0.75);
    assert_string_equal(text("verdict", 0, TEXT), "pays up to 0.20, not from 0.75");
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L beats the fastest dense layer up to k/n = 0.20 (batch 1)");
}

static void latency_says_where_there_is_no_break_even(void **state)
{
    (void)state;
    for (int64_t k = 10; k <= 90; k += 40) {
        put((struct known){.kernel = "linear", .linear = true, .k = k, .time_us = 10});
        put((struct known){.kernel = "simd", .k = k, .time_us = 20, .speedup = 0.5});
        put((struct known){.kernel = "linear", .linear = true, .n = 200, .k = k, .time_us = 10});
        put((struct known){.kernel = "simd", .n = 200, .k = k, .time_us = 5, .speedup = 2});
    }
    assert_true(figure("latency", NULL, 0));
    assert_int_equal(rows_of("band", NULL), 0);
    assert_int_equal(rows_of("verdict", NULL), 2);
    assert_string_equal(text("verdict", 0, TEXT), "pays nowhere for sure");
    assert_string_equal(text("verdict", 1, TEXT), "pays at all k/n up to 0.45");
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L beats the fastest dense layer up to k/n = 0.45 at 1 of 2 sizes "
                        "(batch 1)");
}

/* The line of a yardstick is the median, its band the middle half: the outliers at both ends move
 * neither. Of two variants that stop paying, the later one counts. */
static void latency_is_steady(void **state)
{
    static const double linear_us[] = {600, 1, 620, 610, 590, 600, 9000, 600};
    (void)state;
    for (int64_t i = 0; i < 8; i++) {
        double k = 10. * (double)(i + 1), early = 0.25 / (k / 100), late = 0.65 / (k / 100);
        put((struct known){.kernel = "linear",
                           .linear = true,
                           .k = (int64_t)k,
                           .time_us = linear_us[i],
                           .speedup = 1});
        put((struct known){
            .kernel = "early", .k = (int64_t)k, .time_us = 600 / early, .speedup = early});
        put((struct known){
            .kernel = "late", .k = (int64_t)k, .time_us = 600 / late, .speedup = late});
    }
    assert_true(figure("latency", NULL, 0));
    assert_near(number("yardstick", "OpenBLAS", 0, Y), 600);
    /* Places 3 to 6 of 8. */
    assert_near(number("yardstick", "OpenBLAS", 0, LO), 0.9 * (3 * 600 + 610) / 4);
    assert_near(number("yardstick", "OpenBLAS", 0, HI), 1.2 * (3 * 600 + 610) / 4);
    /* 0.65 / 0.6 less a tenth is below 1, 0.65 / 0.8 and a tenth as well. */
    assert_near(number("band", NULL, 0, X), 0.5);
    assert_near(number("band", NULL, 0, Y), 0.8);
}

static void failed_points_are_counted_not_drawn(void **state)
{
    (void)state;
    put_known_layer(100);
    put((struct known){.kernel = "simd", .k = 20, .status = "failed"});
    put((struct known){.kernel = "simd", .k = 45, .status = "noisy", .time_us = 300, .speedup = 2});
    put((struct known){.kernel = "lists", .k = 45, .status = "skipped"});
    assert_true(figure("latency", NULL, 0));
    assert_int_equal(rows_of("point", SIMD), 1);
    assert_near(number("point", SIMD, 0, NOISY), 1);
    assert_int_equal(rows_of("point", LISTS), 0);
    assert_true((int)number("point", GATHER, 0, NOISY) == 0);
    assert_non_null(strstr(text("note", 1, TEXT), "1 point failed its check, not drawn"));
    assert_non_null(strstr(text("note", 1, TEXT), "Hollow: noisy"));
}

static void nothing_but_failures_is_no_figure(void **state)
{
    static const char *const names[] = {"latency", "promise", "heat",   "misses",  "roofline",
                                        "batch",   "spread",  "dtypes", "threads", "history"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(figure(names[i], NULL, 0));
    for (int64_t k = 10; k <= 90; k += 20)
        put((struct known){.kernel = "simd", .k = k, .status = "failed"});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (figure(names[i], NULL, 0))
            fail_msg("%s is drawn from failures", names[i]);
}

/* Points under two settings: the commoner one is drawn, the other on request. */
static void one_setting_is_held(void **state)
{
    (void)state;
    const struct store_fact two = {"threads", "2"}, eight = {"threads", "8"};

    put_known_layer(100);
    for (int64_t k = 10; k <= 90; k += 40) {
        put((struct known){.kernel = "gather", .k = k, .threads = 2, .time_us = 7, .speedup = 2});
        put((struct known){.kernel = "gather", .k = k, .dtype = "bf16", .time_us = 8});
    }
    assert_true(figure("latency", NULL, 0));
    assert_int_equal(rows_of("point", GATHER), 4);
    assert_non_null(strstr(text("note", 1, TEXT), "f32 weights, 1 thread, warm cache"));
    assert_non_null(strstr(text("note", 1, TEXT), "(one of 3 settings of the run;"));
    assert_true(figure("latency", &two, 1));
    assert_int_equal(rows_of("point", GATHER), 3);
    assert_near(number("point", GATHER, 0, Y), 7);
    assert_false(figure("latency", &eight, 1));
}

/* Each idea of variants.def has a name and a look of its own; those of another program get spare
 * ones. The instruction sets of one idea are neighbours. */
static void looks_follow_the_idea(void **state)
{
    (void)state;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        put((struct known){.kernel = midl_variant_idea(variant),
                           .isa = midl_isa_name(midl_variant_isa(variant)),
                           .linear = midl_variant_is_linear(variant),
                           .k = 45,
                           .time_us = 5,
                           .speedup = 1});
    }
    put((struct known){.kernel = "zebra", .k = 45, .time_us = 5, .speedup = 1});
    put((struct known){.kernel = "linear-ape", .linear = true, .k = 45, .time_us = 5});
    assert_true(figure("promise", NULL, 0));
    assert_near(number("series", "zebra", 0, STYLE), 110);
    assert_near(number("series", "chosen by shape (auto)", 0, STYLE), 10);
    assert_near(number("series", SIMD ", AVX-512", 0, STYLE), 20);
    assert_near(number("series", SIMD ", AVX2", 0, STYLE), 21);
    put((struct known){
        .kernel = "linear-ape", .linear = true, .k = 45, .batch = 4, .time_us = 5, .speedup = 1});
    put((struct known){
        .kernel = "linear-ape", .linear = true, .k = 45, .batch = 1, .time_us = 5, .speedup = 1});
    assert_true(figure("batch", NULL, 0));
    assert_near(number("series", "linear-ape", 0, STYLE), -50);
    for (size_t i = 0; i < row_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(rows[i].cell[WHAT], "series") == 0 &&
                strcmp(rows[j].cell[WHAT], "series") == 0 &&
                strcmp(rows[i].cell[STYLE], rows[j].cell[STYLE]) == 0)
                fail_msg("%s looks like %s", rows[i].cell[SERIES], rows[j].cell[SERIES]);
}

/* Of seven series, the fastest of each kind and `auto` are strong; or those that are named. */
static void few_are_strong(void **state)
{
    static const char *const kernels[] = {"auto", "simd", "lists", "masked", "gather"};
    const struct store_fact named = {"kernel", "mas*,simd-avx2"};
    (void)state;
    for (int64_t batch = 1; batch <= 4; batch *= 4) {
        put((struct known){.kernel = "linear",
                           .linear = true,
                           .k = 45,
                           .batch = batch,
                           .time_us = 9,
                           .speedup = 1});
        put((struct known){.kernel = "linear-blis",
                           .linear = true,
                           .k = 45,
                           .batch = batch,
                           .time_us = 12,
                           .speedup = 0.75});
        for (size_t i = 0; i < 5; i++)
            put((struct known){.kernel = kernels[i],
                               .k = 45,
                               .batch = batch,
                               .time_us = 5 + (double)i,
                               .speedup = 9 / (5 + (double)i)});
    }
    assert_true(figure("batch", NULL, 0));
    assert_int_equal(rows_of("series", NULL), 7);
    assert_near(number("series", "OpenBLAS", 0, Y), 1);
    assert_near(number("series", SIMD, 0, Y), 1);
    assert_near(number("series", "chosen by shape (auto)", 0, Y), 1);
    assert_true((int)number("series", LISTS, 0, Y) == 0);
    assert_true((int)number("series", "BLIS", 0, Y) == 0);
    assert_true(figure("batch", &named, 1));
    assert_near(number("series", "row by row (masked)", 0, Y), 1);
    assert_near(number("series", SIMD, 0, Y), 1);
    assert_near(number("series", "OpenBLAS", 0, Y), 1);
    assert_true((int)number("series", "chosen by shape (auto)", 0, Y) == 0);
}

static void heat_needs_two_sizes(void **state)
{
    (void)state;
    put_known_layer(100);
    assert_false(figure("heat", NULL, 0));
    put_known_layer(200);
    assert_true(figure("heat", NULL, 0));
    assert_int_equal(rows_of("cell", NULL), 8);
    assert_int_equal(rows_of("x name", NULL), 4);
    assert_int_equal(rows_of("y name", NULL), 2);
    assert_string_equal(text("x name", 1, TEXT), "0.45");
    assert_string_equal(text("y name", 1, TEXT), "200");
    /* The best at k/n = 0.2 is gather, 600 / 300; at 0.75 dense, 0.75. */
    for (size_t i = 0; i < 8; i++) {
        double x = number("cell", NULL, i, X), speedup = number("cell", NULL, i, LO);
        assert_near(speedup, x < 1.5 ? 2 : x < 2.5 ? 600 / 550. : 0.75);
    }
    /* At 0.45 the interval holds 1: both rows pay for sure in the first column only. */
    for (size_t i = 0; i < 8; i++) {
        double x = number("cell", NULL, i, X);
        if (x < 2.5)
            assert_int_equal((int)number("cell", NULL, i, NOISY), x > 1.5);
    }
    assert_int_equal(rows_of("gap", NULL), 0);
    assert_int_equal(rows_of("contour", NULL), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_near(number("contour", NULL, i, X), 1.5);
        assert_near(number("contour", NULL, i, Y), 0.5 + (double)(i / 2) + (double)(i % 2));
    }
}

/* The speedup of one variant at k of n, a yardstick beside it. */
static void put_speedup(int64_t n, int64_t k, double speedup)
{
    put((struct known){
        .kernel = "linear", .n = n, .k = k, .linear = true, .time_us = 100, .speedup = 1});
    put((struct known){
        .kernel = "simd", .n = n, .k = k, .time_us = 100 / speedup, .speedup = speedup});
}

/* A k/n pays only if all smaller ones do: at n = 100 the interval at 0.3 holds 1 although 0.5 pays,
 * and all that was measured of n = 200 pays, which says nothing of the other. */
static void paying_has_no_holes(void **state)
{
    (void)state;
    put_speedup(100, 10, 3);
    put_speedup(100, 30, 1.05);
    put_speedup(100, 50, 1.5);
    put_speedup(100, 70, 0.5);
    put_speedup(200, 20, 3);
    put_speedup(200, 60, 2);
    assert_true(figure("heat", NULL, 0));
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L beats the fastest dense layer up to k/n = 0.10 to 0.30 (batch 1)");
    assert_near(number("contour", NULL, 0, X), 1.5);
    assert_true(figure("latency", NULL, 0));
    assert_string_equal(text("verdict", 0, TEXT), "pays up to 0.10, not from 0.70");
    assert_near(number("band", NULL, 0, X), 0.1);
    assert_near(number("band", NULL, 0, Y), 0.7);
}

static void promise_takes_the_best(void **state)
{
    (void)state;
    put_known_layer(100);
    assert_true(figure("promise", NULL, 0));
    assert_int_equal(rows_of("point", "n = d = 100"), 4);
    assert_near(number("point", "n = d = 100", 0, X), 2);
    assert_near(number("point", "n = d = 100", 0, Y), 2);
    assert_near(number("point", "n = d = 100", 0, HI), 2.2);
    assert_near(number("point", "n = d = 100", 3, Y), 0.75);
    /* Right: both variants at k/n = 0.45, over the promised 2. */
    assert_int_equal(rows_of("point", GATHER), 1);
    assert_near(number("point", GATHER, 0, Y), 600 / 550. / 2);
    assert_near(number("point", "every row, BLAS (dense)", 0, Y), 0.75 / 2);
}

static void misses_says_where_they_come_from(void **state)
{
    (void)state;
    const struct store_counter both[] = {
        {"l1d_misses", "callgrind", NULL, 70, NAN},
        {"ll_misses", "callgrind", NULL, 7, NAN},
        {"l1d_misses", "papi", "no counters in this machine", NAN, NAN},
        {"branch_misses", "papi", NULL, 3, NAN},
    };
    const struct store_counter measured[] = {{"l1d_misses", "papi", NULL, 80, NAN},
                                             {"l1d_misses", "callgrind", NULL, 70, NAN}};
    const struct store_fact simulated = {"source", "callgrind"};

    for (int64_t k = 10; k <= 90; k += 40)
        put((struct known){
            .kernel = "gather", .k = k, .time_us = 1, .counters = both, .counter_count = 4});
    assert_true(figure("misses", NULL, 0));
    assert_non_null(strstr(text("note", 0, TEXT), "Simulated by callgrind"));
    assert_int_equal(rows_of("panel", NULL), 2);
    assert_int_equal(rows_of("point", NULL), 6);
    assert_near(number("point", GATHER, 0, Y), 70);
    assert_near(number("point", GATHER, 3, Y), 7);
    assert_near(number("model", NULL, 0, Y), 4000 / 64.);
    assert_int_equal(rows_of("model", NULL), 6);

    begin_run("another");
    for (int64_t k = 10; k <= 90; k += 40)
        put((struct known){
            .kernel = "gather", .k = k, .time_us = 1, .counters = measured, .counter_count = 2});
    assert_true(figure("misses", NULL, 0));
    assert_non_null(strstr(text("note", 0, TEXT), "Measured by the processor"));
    assert_near(number("point", GATHER, 0, Y), 80);
    assert_true(figure("misses", &simulated, 1));
    assert_near(number("point", GATHER, 0, Y), 70);
}

static void batch_is_speedup(void **state)
{
    (void)state;
    const struct store_fact tenth = {"active", "0.1"};

    for (int64_t batch = 1; batch <= 16; batch *= 4) {
        put((struct known){
            .kernel = "lists", .k = 10, .batch = batch, .time_us = 32, .speedup = 4});
        put((struct known){.kernel = "lists",
                           .k = 50,
                           .batch = batch,
                           .time_us = 64,
                           .speedup = batch == 16 ? 1.5 : 2});
    }
    put((struct known){.kernel = "lists", .k = 45, .batch = 1, .time_us = 99, .speedup = 1});
    assert_true(figure("batch", NULL, 0));
    assert_string_equal(text("title", 0, TEXT), "MID-L at k/n = 0.50: 1.50 to 2.00 times as fast "
                                                "as the fastest dense layer in batches");
    assert_int_equal(rows_of("point", NULL), 3);
    assert_near(number("point", LISTS, 2, X), 16);
    assert_near(number("point", LISTS, 2, Y), 1.5);
    assert_near(number("point", LISTS, 2, HI), 1.65);
    assert_true(figure("batch", &tenth, 1));
    assert_near(number("point", LISTS, 2, Y), 4);
}

/* Inverse speedup is 0.5 at k/n = 0.1 and 0.8 at 0.5 with one input, so that 1 lies beyond what was
 * measured; with four inputs it is 0.5 and 1.5, and 1 lies at 0.3. */
static void evens_are_interpolated(void **state)
{
    (void)state;
    for (int64_t n = 100; n <= 200; n += 100)
        for (int64_t batch = 1; batch <= 4; batch *= 4) {
            put((struct known){
                .kernel = "simd", .n = n, .k = n / 10, .batch = batch, .time_us = 5, .speedup = 2});
            put((struct known){.kernel = "simd",
                               .n = n,
                               .k = n / 2,
                               .batch = batch,
                               .time_us = 9,
                               .speedup = batch == 1 ? 1 / 0.8 : 1 / 1.5});
        }
    assert_true(figure("evens", NULL, 0));
    assert_int_equal(rows_of("cell", NULL), 4);
    assert_string_equal(text("title", 0, TEXT), "MID-L breaks even with the fastest dense layer at "
                                                "k/n = 0.30, in 2 of 4 cells above 0.50");
    assert_near(number("cell", NULL, 0, LO), 0.5);
    assert_string_equal(text("cell", 0, TEXT), ">0.50");
    assert_near(number("cell", NULL, 0, NOISY), 1);
    assert_near(number("cell", NULL, 1, LO), 0.3);
    assert_int_equal((int)number("cell", NULL, 1, NOISY), 0);
    /* By the ends: 1 / 2.2 to 1.5 / 1.1, and 1 / 1.8 to 1.5 / 0.9. */
    assert_near(number("cell", NULL, 1, HI),
                ((1 - 1 / 2.2) / (1.5 / 1.1 - 1 / 2.2) - (1 - 1 / 1.8) / (1.5 / 0.9 - 1 / 1.8)) *
                    0.4 / 2);
    assert_string_equal(text("cell", 1, TEXT), "0.30");
}

/* An interval that holds 1 at the largest k/n leaves the break-even point open there, a sure loss
 * at the smallest one puts it below. A gain beyond a loss leaves it open, too. Sizes that pay up to
 * k = n say all, and nothing is said where each interval holds 1. */
static void evens_have_bounds(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        double at[3]; /* speedup at k/n = 0.1, 0.5 and 1 */
        const char *text;
    } known_rows[] = {{100, {2, 1.2, 0.95}, ">0.65"},  {200, {2, 0.8, 0.5}, "0.3–0.4"},
                      {300, {0.8, 0.7, 0.6}, "<0.10"}, {400, {4, 3, 2}, "all"},
                      {500, {0.95, 0.95, 1.05}, "?"},  {600, {2, 0.8, 1.2}, ">0.31"}};
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 3; j++)
            put((struct known){.kernel = "simd",
                               .n = known_rows[i].n,
                               .k = known_rows[i].n / 10 *
                                    (j == 0   ? 1
                                     : j == 1 ? 5
                                              : 10),
                               .time_us = 1,
                               .speedup = known_rows[i].at[j]});
    assert_true(figure("evens", NULL, 0));
    assert_int_equal(rows_of("cell", NULL), 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(text("cell", i, TEXT), known_rows[i].text);
}

/* At each batch one thread takes 60 us and two take 30 us plus 3 us an input of the batch. */
static void threads_are_compared(void **state)
{
    (void)state;
    const struct store_fact four = {"threads", "4"};
    for (int64_t batch = 1; batch <= 4; batch *= 4) {
        struct known known = {.kernel = "lists", .k = 45, .batch = batch, .time_us = 60};
        put(known);
        assert_int_equal(figure("threads", NULL, 0), batch > 1);
        known.threads = 2;
        known.time_us = 30 + 3 * (double)batch;
        put(known);
    }
    assert_true(figure("threads", NULL, 0));
    assert_int_equal(rows_of("point", LISTS), 2);
    assert_near(number("ideal", NULL, 0, Y), 2);
    assert_near(number("point", LISTS, 1, X), 4);
    assert_near(number("point", LISTS, 1, Y), 60.0 / 42);
    /* Relative widths add like independent errors: 0.1 and 0.2 below, 0.2 and 0.1 above. */
    assert_near(number("point", LISTS, 1, LO), 60.0 / 42 * (1 - sqrt(0.05)));
    assert_near(number("point", LISTS, 1, HI), 60.0 / 42 * (1 + sqrt(0.05)));
    assert_null(strstr(text("note", 0, TEXT), "thread"));
    assert_false(figure("threads", &four, 1));
    put((struct known){
        .kernel = "lists", .k = 45, .batch = 1, .threads = 4, .time_us = 20, .status = "noisy"});
    assert_true(figure("threads", &four, 1));
    assert_near(number("point", LISTS, 0, Y), 3);
    assert_near(number("point", LISTS, 0, NOISY), 1);
}

/* The best of each type over the faster of two dense layers in f32, over sizes and over batches. */
static void types_are_compared(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        double dense_us, us;
    } types[] = {{"f32", 40, 20}, {"bf16", 30, 10}};
    for (size_t i = 0; i < 2; i++)
        for (int64_t n = 100; n <= 200; n += 100)
            for (int64_t batch = 1; batch <= (n == 100 ? 2 : 1); batch++) {
                struct known known = {.kernel = "linear",
                                      .dtype = types[i].dtype,
                                      .linear = true,
                                      .n = n,
                                      .k = 45 * n / 100,
                                      .batch = batch,
                                      .time_us = types[i].dense_us};
                put(known);
                known.kernel = "linear-rows";
                known.time_us *= 2;
                put(known);
                known.linear = false;
                known.kernel = "simd";
                known.time_us = types[i].us;
                put(known);
                known.kernel = "masked";
                known.time_us *= 2;
                put(known);
                assert_int_equal(figure("dtypes", NULL, 0), i == 1);
            }
    assert_int_equal(rows_of("panel", NULL), 2);
    assert_string_equal(text("panel", 0, TEXT), "batch 1");
    assert_string_equal(text("panel", 1, TEXT), "n = d = 100");
    assert_int_equal(rows_of("point", NULL), 3 * 4);
    assert_int_equal(rows_of("point", "MID-L, bf16"), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_near(number("point", "MID-L, f32", i, Y), 2);
        assert_near(number("point", "MID-L, bf16", i, Y), 4);
        assert_near(number("point", "dense layer, bf16", i, Y), 40.0 / 30);
    }
    assert_near(number("point", "MID-L, bf16", 0, LO), 4 * (1 - sqrt(0.05)));
    assert_near(number("point", "MID-L, bf16", 0, HI), 4 * (1 + sqrt(0.05)));
    assert_int_equal(rows_of("point", "dense layer, f32"), 0);
}

static void roofline_needs_ceilings(void **state)
{
    (void)state;
    const struct store_ceiling ceilings[] = {
        {"bandwidth", "L1", 1, 1000, 200}, {"bandwidth", "memory", 1, 100000, 10},
        {"flops", "avx2/f32", 1, 0, 80},   {"flops", "avx/f32", 1, 0, 40},
        {"flops", "avx2/bf16", 1, 0, 90},  {"flops", "avx2/int8", 1, 0, 60},
        {"curve", "1 KiB", 1, 1024, 200},  {"flops", "avx2/f32", 2, 0, 160}};
    const struct store_fact bf16 = {"dtype", "bf16"}, int8 = {"dtype", "int8"};
    put_known_layer(100);
    assert_false(figure("roofline", NULL, 0));
    assert_int_equal(store_put_ceilings(store, run, ceilings, 8), STORE_OK);
    assert_true(figure("roofline", NULL, 0));
    assert_int_equal(rows_of("slope", NULL), 2);
    assert_int_equal(rows_of("ceiling", NULL), 2);
    assert_near(number("ceiling", NULL, 0, Y), 80);
    assert_string_equal(text("ceiling", 0, TEXT), "avx2");
    assert_int_equal(rows_of("point", NULL), 3);
    assert_near(number("point", GATHER, 0, X), 0.5);
    assert_near(number("point", GATHER, 0, Y), 2000 / 550e3);
    assert_near(number("point", GATHER, 0, LO), 2000 / 660e3);
    assert_string_equal(text("note", 0, TEXT), "Read bandwidth: L1 200, memory 10 GB/s");

    /* Roofs of a dtype: its own, and that of floats where that is higher. */
    put((struct known){.kernel = "gather", .dtype = "bf16", .k = 45, .time_us = 9});
    assert_true(figure("roofline", &bf16, 1));
    assert_int_equal(rows_of("ceiling", NULL), 1);
    assert_near(number("ceiling", NULL, 0, Y), 90);
    put((struct known){.kernel = "gather", .dtype = "int8", .k = 45, .time_us = 9});
    assert_true(figure("roofline", &int8, 1));
    assert_int_equal(rows_of("ceiling", NULL), 2);
    assert_string_equal(text("ceiling", 0, TEXT), "avx2/f32");
    assert_near(number("ceiling", NULL, 1, Y), 60);
}

/* Two of eight samples are a tenth slower than the others, one is far beyond. */
static void spread_is_a_density(void **state)
{
    (void)state;
    struct store_sample samples[8];
    for (size_t i = 0; i < 8; i++)
        samples[i] = (struct store_sample){.round = (int64_t)i,
                                           .iterations = 10,
                                           .real_ns = i == 7  ? 2000
                                                      : i > 4 ? 1101
                                                              : 1001,
                                           .cpu_ns = 1000,
                                           .disturbed = i == 7};
    put((struct known){
        .kernel = "gather", .k = 45, .time_us = 1, .samples = samples, .sample_count = 8});
    assert_true(figure("spread", NULL, 0));
    assert_int_equal(rows_of("bin", NULL), 3);
    assert_near(number("bin", NULL, 1, X), 10);
    assert_near(number("bin", NULL, 1, LO), 2 / 5.);
    assert_near(number("bin", NULL, 2, X), 12);
    assert_near(number("bin", NULL, 2, HI), 1 / 8.);
    assert_near(number("scale", NULL, 0, Y), 1);
    assert_string_equal(text("y name", 0, TEXT), GATHER);
}

/* Where a quarter of the samples is 40 % slower, bins are five times as wide, and none lies beyond.
 */
static void spread_takes_the_width_that_samples_need(void **state)
{
    (void)state;
    struct store_sample samples[8];
    for (size_t i = 0; i < 8; i++)
        samples[i] = (struct store_sample){
            .round = (int64_t)i, .iterations = 10, .real_ns = i > 5 ? 1401 : 1001, .cpu_ns = 1000};
    put((struct known){
        .kernel = "gather", .k = 45, .time_us = 1, .samples = samples, .sample_count = 8});
    assert_true(figure("spread", NULL, 0));
    assert_near(number("scale", NULL, 0, Y), 5);
    assert_int_equal(rows_of("bin", NULL), 2);
    assert_near(number("bin", NULL, 1, X), 40);
    assert_non_null(strstr(text("note", 0, TEXT), "in steps of 2.5 %"));
}

/* Blocks alone, of two layers, are no "single neurons". */
static void masks_of_blocks_alone_name_no_neurons(void **state)
{
    (void)state;
    static const char *const layers[] = {"random", "skewed"};
    for (size_t i = 0; i < COUNT(layers); i++)
        for (int64_t batch = 4; batch <= 16; batch *= 4) {
            put((struct known){.kernel = "linear",
                               .linear = true,
                               .k = 48,
                               .batch = batch,
                               .block = 16,
                               .layer = layers[i],
                               .time_us = 10});
            put((struct known){.kernel = "block",
                               .k = 48,
                               .batch = batch,
                               .block = 16,
                               .layer = layers[i],
                               .time_us = 5,
                               .speedup = 2});
        }
    assert_true(figure("masks", NULL, 0));
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L in batches: 2.00 times as fast as the fastest dense layer");
}

/* Of many layer sizes six are shown, the smallest and the largest among them. */
static void many_sizes_are_thinned(void **state)
{
    (void)state;
    for (int64_t n = 100; n <= 2000; n += 100)
        put_known_layer(n);
    assert_true(figure("latency", NULL, 0));
    assert_int_equal(rows_of("panel", NULL), 6);
    assert_string_equal(text("panel", 0, TEXT), "n = d = 100, r = 10");
    assert_string_equal(text("panel", 5, TEXT), "n = d = 2000, r = 200");
    assert_non_null(strstr(text("note", 2, TEXT), "6 of 20 layer sizes"));
}

/* Text that is not ours reaches the picture as text. */
static void hostile_text_is_drawn_as_text(void **state)
{
    char midl[] = "plot", db[] = "--db", out[] = "--out", format[] = "--format",
         formats[] = "svg,pdf,png,tex", name[] = "latency", quiet[] = "--quiet";
    char path[512], folder[512];
    char *argv[] = {midl, name, db, path, out, folder, format, formats, quiet, NULL};

    (void)state;
    if (system("gnuplot --version >/dev/null 2>&1") != 0)
        skip();
    begin_run("it's \"%s\" `touch x` \\n {a}_b^c @ & # $HOME ~ é\n'); system('touch y'");
    put_known_layer(100);
    put((struct known){.kernel = "ev'il_\"%d\"{}", .k = 45, .time_us = 5, .speedup = 2});
    snprintf(path, sizeof path, "%s", scratch_path("known.db"));
    snprintf(folder, sizeof folder, "%s", scratch_path("out"));
    assert_int_equal(command_plot(9, argv), 0);
    static const char *const made[] = {"latency.svg", "latency.pdf",     "latency.png",
                                       "latency.tex", "latency-inc.pdf", "latency-caption.tex",
                                       "latency.tsv"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        char file[600];
        struct stat info;
        snprintf(file, sizeof file, "%s/%s", folder, made[i]);
        if (stat(file, &info) != 0 || info.st_size == 0)
            fail_msg("%s is missing or empty", made[i]);
        unlink(file);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing else is in it */
}

/* ---- Accuracy -------------------------------------------------------------------------------- */

/* What a network answered: of seed 1 one point less, of seed 2 one more. */
static void put_answer(const char *method, double active, double noise, int64_t train_size,
                       double accuracy)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct store_accuracy answers[2] = {{.dataset = "known",
                                             .model = "8",
                                             .method = method,
                                             .seed = seed,
                                             .epoch = 1,
                                             .split = "test",
                                             .k = -1,
                                             .active = active,
                                             .accuracy = 0.5,
                                             .loss = NAN,
                                             .flops_ratio = NAN,
                                             .noise = noise,
                                             .train_size = train_size,
                                             .epochs = 2,
                                             .epoch_s = NAN,
                                             .peak_bytes = NAN,
                                             .explained = NAN}};
        answers[1] = answers[0]; /* the last epoch counts */
        answers[1].epoch = 2;
        answers[1].accuracy = accuracy + (seed == 1 ? -0.01 : 0.01);
        assert_int_equal(store_put_accuracies(store, run, answers, 2), STORE_OK);
    }
}

static void accuracy_over_active(void **state)
{
    (void)state;
    put_answer("dense", NAN, 0, 100, 0.91);
    put_answer("midl", 0.45, 0, 100, 0.92);
    assert_false(figure("accuracy", NULL, 0)); /* one k/n is no curve */
    put_answer("midl", 0.2, 0, 100, 0.89);
    put_answer("midl", 0.2, 1, 100, 0.5); /* another noise, of which there is less */
    assert_true(figure("accuracy", NULL, 0));
    assert_string_equal(text("panel", 0, TEXT), "known");
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L minus dense at k/n = 0.45, in points: known +1.0 ± 0.0");
    assert_int_equal(rows_of("point", "MID-L"), 2);
    assert_near(number("point", "MID-L", 0, X), 0.2);
    assert_near(number("point", "MID-L", 0, Y), 89);
    assert_near(number("point", "MID-L", 1, Y), 92);
    assert_near(number("point", "MID-L", 1, LO), 92 - 12.706); /* t of one degree of freedom */
    assert_near(number("point", "MID-L", 1, HI), 92 + 12.706);
    assert_int_equal(rows_of("point", "dense"), 2); /* a line across */
    assert_near(number("point", "dense", 0, X), 0.2);
    assert_near(number("point", "dense", 1, X), 0.45);
    assert_near(number("point", "dense", 1, Y), 91);
}

static void accuracy_over_size_and_noise(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        put_answer("dense", NAN, i, 1000, 0.9 - 0.1 * i);
        put_answer("midl", 0.45, i, 1000, 0.92 - 0.1 * i);
        put_answer("midl", 0.2, i, 1000, 0.4);
    }
    assert_false(figure("training-size", NULL, 0));
    assert_true(figure("noise", NULL, 0));
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L minus dense with noise 2, in points: known +2.0 ± 0.0");
    assert_int_equal(rows_of("point", "MID-L"), 3); /* the larger k/n of two with as many points */
    assert_near(number("point", "MID-L", 2, X), 2);
    assert_near(number("point", "MID-L", 2, Y), 72);
    put_answer("dense", NAN, 0, 100, 0.8);
    put_answer("midl", 0.45, 0, 100, 0.75);
    put_answer("random-k", 0.45, 0, 100, 0.7); /* one size only: not drawn */
    assert_true(figure("training-size", NULL, 0));
    assert_string_equal(
        text("title", 0, TEXT),
        "MID-L minus dense with 100 training examples, in points: known −5.0 ± 0.0");
    assert_int_equal(rows_of("point", NULL), 4);
    assert_int_equal(rows_of("point", "k at random"), 0);
}

/* One seed has no interval, and does not claim one of width 0. */
static void accuracy_of_one_seed(void **state)
{
    (void)state;
    struct store_accuracy answer = {.dataset = "known",
                                    .model = "8",
                                    .method = "dense",
                                    .seed = 1,
                                    .epoch = 1,
                                    .split = "test",
                                    .k = -1,
                                    .active = NAN,
                                    .loss = NAN,
                                    .flops_ratio = NAN,
                                    .train_size = 10,
                                    .epoch_s = NAN,
                                    .peak_bytes = NAN,
                                    .explained = NAN};
    for (int i = 0; i < 4; i++) {
        answer.method = i % 2 ? "midl" : "dense";
        answer.noise = i / 2;
        answer.accuracy = i % 2 ? 0.8 : 0.75;
        assert_int_equal(store_put_accuracies(store, run, &answer, 1), STORE_OK);
    }
    assert_true(figure("noise", NULL, 0));
    assert_string_equal(text("title", 0, TEXT),
                        "MID-L minus dense with noise 1, in points: known +5.0 (one seed)");
    assert_string_equal(row_at("point", "MID-L", 0)->cell[LO], "NaN");
}

/* A whole network of the set `known` at batch 1: time in us, speedup over the dense one. */
static void put_network(const char *kernel, const char *method, double active, double time_us,
                        double speedup)
{
    char shape[32];
    struct store_point point = store_point_blank;
    snprintf(shape, sizeof shape, "%s by %s", method, kernel);
    point.shape_key = shape;
    point.kernel = kernel;
    point.isa = "avx2";
    point.dtype = "f32";
    point.linear = strcmp(method, "dense") == 0;
    point.d = point.n = 8;
    point.gate = "shared";
    point.select_mode = "topk";
    point.unselected = "light";
    point.batch = point.threads = 1;
    point.cache = "warm";
    point.input = "known";
    point.layer = "file";
    point.status = "ok";
    point.time_ns = 1000 * time_us;
    point.time_lo_ns = 900 * time_us;
    point.time_hi_ns = 1100 * time_us;
    point.speedup = point.speedup_lo = point.speedup_hi = speedup;
    point.plan_bytes = 100;
    point.flops_ratio = point.linear ? 1 : 2;
    point.scope = "network";
    point.dataset = "known";
    point.model = "8";
    point.method = method;
    point.active_mean = active;
    assert_int_equal(store_put_points(store, run, &point, 1), STORE_OK);
}

static void put_known_answer(const char *method, double active, double ratio, double accuracy)
{
    struct store_accuracy answer = {.dataset = "known",
                                    .model = "8",
                                    .method = method,
                                    .split = "test",
                                    .k = -1,
                                    .active = active,
                                    .accuracy = accuracy,
                                    .loss = NAN,
                                    .flops_ratio = ratio,
                                    .train_size = 100,
                                    .epoch_s = NAN,
                                    .peak_bytes = NAN,
                                    .explained = NAN};
    assert_int_equal(store_put_accuracies(store, run, &answer, 1), STORE_OK);
}

/* Dense by two kernels takes 100 us by the faster; MID-L is as accurate in half of it, by speedup;
 * low rank faster and worse, a narrower layer slower than MID-L and worse. */
static void accuracy_over_time(void **state)
{
    (void)state;
    put_known_answer("dense", 1, 1, 0.9);
    put_known_answer("midl", 0.25, 2, 0.9);
    put_known_answer("midl", 0.5, 1.2, 0.95); /* never timed */
    put_known_answer("low-rank", 1, 2, 0.8);
    put_known_answer("dense-narrow", 1, 2, 0.85);
    assert_false(figure("tradeoffs", NULL, 0));
    put_network("linear", "dense", NAN, 400, 0.25);
    put_network("linear-rows", "dense", NAN, 100, 1);
    put_network("simd", "midl", 0.255, 60, 2);
    put_network("masked", "midl", 0.255, 80, 1.25);
    put_network("low-rank", "low-rank", NAN, 25, 4);
    put_network("dense-narrow", "dense-narrow", NAN, 80, 1.25);
    put_network("simd", "midl-block", 0.255, 10, 10); /* of no known accuracy */
    assert_true(figure("tradeoffs", NULL, 0));
    assert_string_equal(
        text("title", 0, TEXT),
        "By the means, MID-L is on the frontier of accuracy and time in 1 of 1 panels");
    assert_int_equal(rows_of("panel", NULL), 1);
    assert_string_equal(text("panel", 0, TEXT), "known, batch 1");
    assert_int_equal(rows_of("point", NULL), 4);
    assert_near(number("point", "dense", 0, X), 100);
    assert_near(number("point", "MID-L", 0, X), 50);
    assert_near(number("point", "MID-L", 0, Y), 90);
    assert_near(number("point", "narrower dense", 0, X), 80);
    assert_int_equal(rows_of("front", NULL), 2);
    assert_near(number("front", NULL, 0, X), 25);
    assert_near(number("front", NULL, 1, X), 50);
}

/* Shares of a call, the light path lowest; a part below zero is none. */
static void parts_are_stacked(void **state)
{
    const struct store_part parts[] = {{"all", 100, 99, 101},
                                       {"light", 10, 9, 11},
                                       {"gate", 30, 29, 31},
                                       {"select", -5, -6, -4},
                                       {"full", 60, 59, 61}};
    char shape_key[16];
    (void)state;
    put((struct known){.kernel = "gather", .n = 100, .k = 45, .time_us = 0.1});
    assert_false(figure("parts", NULL, 0));
    assert_int_equal(store_query_text(store, "SELECT shape_key FROM points", NULL, 0, shape_key,
                                      sizeof shape_key),
                     STORE_OK);
    assert_int_equal(store_put_parts(store, run, "none", "gather", "avx2", "f32", parts, 5),
                     STORE_NONE);
    assert_int_equal(store_put_parts(store, run, shape_key, "gather", "avx2", "f32", parts, 5),
                     STORE_OK);
    assert_true(figure("parts", NULL, 0));
    assert_string_equal(text("title", 0, TEXT),
                        "Gate, selection and light path take 40 % of a call");
    assert_near(number("bar", "light path", 0, HI), 10);
    assert_near(number("bar", "gate", 0, LO), 10);
    assert_near(number("bar", "gate", 0, HI), 40);
    assert_near(number("bar", "selection", 0, HI), 40);
    assert_near(number("bar", "full path and blend", 0, LO), 40);
    assert_near(number("bar", "full path and blend", 0, HI), 100);
}

static void smi_by_quantity(void **state)
{
    (void)state;
    struct store_smi told[] = {
        {"known", "a/l.safetensors", "L", 10, 20, 3, 0.5, 0.3, 0.2, 0.4},
        {"known", "a/l.safetensors", "y selected", 10, 20, 3, 0.5, 0.2, 0.1, 0.3},
        {"known", "a/l.safetensors", "y random", 10, 20, 3, 0.5, 0.1, 0.0, 0.2}};
    assert_false(figure("smi", NULL, 0));
    assert_int_equal(store_put_smi(store, run, told, 3), STORE_OK);
    assert_true(figure("smi", NULL, 0));
    assert_string_equal(text("panel", 0, TEXT), "known, l");
    assert_int_equal(rows_of("bar", "part of the layer"), 2);
    assert_int_equal(rows_of("bar", "control"), 1);
    assert_near(number("bar", "control", 0, X), 0.1);
    assert_near(number("bar", "control", 0, HI), 0.2);
}

/* Twelve runs: `simd` takes a tenth more from the eighth on, `gather` what it took, and
 * OpenBLAS half of it all at times, which is the machine's doing. The yardstick isn't always
 * OpenBLAS. */
static void history_finds_the_step(void **state)
{
    (void)state;
    assert_false(figure("history", NULL, 0));
    begin_run("another processor");
    put((struct known){.kernel = "simd", .shape = "s", .k = 45, .time_us = 5, .speedup = 9});
    for (int i = 0; i < 12; i++) {
        double wobble = 1 + 0.002 * ((i * 7) % 5 - 2), dense = i % 3 ? 1 : 0.9;
        begin_run("a processor");
        put((struct known){.kernel = "linear",
                           .linear = true,
                           .shape = "s",
                           .k = 45,
                           .time_us = 100,
                           .speedup = dense});
        put((struct known){.kernel = "simd",
                           .shape = "s",
                           .k = 45,
                           .time_us = 50,
                           .speedup = dense * 2 / wobble / (i < 7 ? 1 : 1.1)});
        put((struct known){.kernel = "gather",
                           .shape = "s",
                           .k = 45,
                           .time_us = 50,
                           .speedup = dense * 2 * wobble});
    }
    assert_true(figure("history", NULL, 0));
    assert_int_equal(rows_of("panel", NULL), 1);
    assert_string_equal(text("panel", 0, TEXT), "n = 100");
    assert_int_equal(rows_of("point", SIMD), 12);
    assert_int_equal(rows_of("point", "OpenBLAS"), 0);
    assert_int_equal(rows_of("level", SIMD), 2);
    assert_int_equal(rows_of("level", GATHER), 1);
    assert_near(number("level", SIMD, 0, X), 0.5);
    assert_near(number("level", SIMD, 0, HI), 7.5);
    assert_near(number("level", SIMD, 1, X), 7.5);
    assert_near(number("level", SIMD, 1, HI), 12.5);
    assert_true(fabs(number("level", SIMD, 1, Y) - 10) < 0.5);
    assert_non_null(strstr(text("title", 0, TEXT), "1 of 2 points changed their level in 12 runs"));
    assert_non_null(strstr(text("title", 0, TEXT), "simd, n = 100: +"));
    assert_non_null(strstr(text("note", 0, TEXT), "Time / time of linear of the same run"));
}

/* Fewer than four runs are no history, and levels of none are none. */
static void history_needs_runs(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            begin_run("a processor");
        put((struct known){.kernel = "linear",
                           .linear = true,
                           .shape = "s",
                           .k = 45,
                           .time_us = 100,
                           .speedup = 1});
        put((struct known){.kernel = "simd", .shape = "s", .k = 45, .time_us = 50, .speedup = 2});
    }
    assert_false(figure("history", NULL, 0));
}

/* A gnuplot that hangs is named, not waited for. */
static void a_hanging_gnuplot(void **state)
{
    const struct figure_format *svg = figure_format_at(0);
    const char script[] = "#!/bin/sh\nexec sleep 600\n";
    char path[PATH_MAX], longer[PATH_MAX + 200];
    struct error error;
    (void)state;
    snprintf(path, sizeof path, "%s", getenv("PATH") ? getenv("PATH") : "");
    snprintf(longer, sizeof longer, "%s:%s", scratch_folder, path);
    scratch_file("gnuplot", script, sizeof script - 1);
    assert_int_equal(chmod(scratch_path("gnuplot"), 0755), 0);
    setenv("PATH", longer, 1);
    gnuplot_limit_s = 0.2;
    assert_int_equal(gnuplot_check(&svg, 1, &error), OUTCOME_MACHINE);
    gnuplot_limit_s = 120;
    setenv("PATH", path, 1);
    assert_string_equal(error.text, "gnuplot: took longer than 0.2 s");
}

/* A table has all its cells, be they many: each of the last line is there, in lines or in columns.
 */
static void a_large_table_is_whole(void **state)
{
    static const char *const queries[] = {
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) "
        "SELECT 'line ' || (i / 5), 'column ' || (i % 5), i, NULL, NULL, NULL FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999) "
        "SELECT 'line ' || (i / 2500), 'column ' || (i % 2500), i, NULL, NULL, NULL FROM n"};
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char query[400], *text = NULL;
        struct figure table = {.name = "large", .needs = "rows", .sql = query};
        struct error error = {""};
        snprintf(query, sizeof query, "%s", queries[i]);
        if (table_text(store, &table, NULL, 0, TABLE_MARKDOWN, false, &text, &error))
            fail_msg("%s", error.text);
        assert_non_null(strstr(text, " 4998.00 | 4999.00 |"));
        free(text);
    }
}

/* In LaTeX, a table longer than a page is broken over pages, with its head on each; by its lines,
 * or where it holds sentences by those of its longest paragraphs. Commands are not broken between
 * two hyphens. */
static void a_long_table_is_broken_over_pages(void **state)
{
    static const struct {
        const char *query;
        bool broken;
    } tables[] = {
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45) "
         "SELECT 'line ' || i, 'column', i, NULL, NULL, NULL FROM n",
         false},
        {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 46) "
         "SELECT 'line ' || i, 'column', i, NULL, NULL, NULL FROM n",
         true},
        {"SELECT 'line', 'column', NULL, NULL, NULL, 'a `midl plot --all-of-it --db x` and no "
         "more'",
         false},
        {"SELECT 'line', 'column', NULL, NULL, NULL, printf('%5000s `midl plot --all-of-it`', '.')",
         true}};
    (void)state;
    for (size_t i = 0; i < COUNT(tables); i++) {
        char query[400], *text = NULL;
        struct figure table = {.name = "long", .needs = "rows", .sql = query};
        struct error error = {""};
        snprintf(query, sizeof query, "%s", tables[i].query);
        if (table_text(store, &table, NULL, 0, TABLE_LATEX, false, &text, &error))
            fail_msg("%s", error.text);
        assert_int_equal(strstr(text, "\\begin{longtable}") != NULL, tables[i].broken);
        assert_int_equal(strstr(text, "\\endhead\n\\bottomrule\n\\endfoot\n") != NULL,
                         tables[i].broken);
        assert_int_equal(strstr(text, "\\bottomrule\n\\end{tabular}") != NULL, !tables[i].broken);
        if (strstr(text, "midl plot"))
            assert_non_null(strstr(text, "midl plot --all-\\allowbreak{}of-\\allowbreak{}it"));
        free(text);
    }
}

int main(void)
{
#define FIGURE_TEST(function) cmocka_unit_test_setup_teardown(function, open_new, close_and_remove)
    const struct CMUnitTest tests[] = {
        FIGURE_TEST(a_large_table_is_whole),
        FIGURE_TEST(a_long_table_is_broken_over_pages),
        FIGURE_TEST(history_finds_the_step),
        FIGURE_TEST(history_needs_runs),
        FIGURE_TEST(latency_finds_break_even),
        FIGURE_TEST(latency_says_where_there_is_no_break_even),
        FIGURE_TEST(latency_is_steady),
        FIGURE_TEST(failed_points_are_counted_not_drawn),
        FIGURE_TEST(nothing_but_failures_is_no_figure),
        FIGURE_TEST(one_setting_is_held),
        FIGURE_TEST(looks_follow_the_idea),
        FIGURE_TEST(few_are_strong),
        FIGURE_TEST(heat_needs_two_sizes),
        FIGURE_TEST(paying_has_no_holes),
        FIGURE_TEST(promise_takes_the_best),
        FIGURE_TEST(misses_says_where_they_come_from),
        FIGURE_TEST(batch_is_speedup),
        FIGURE_TEST(evens_are_interpolated),
        FIGURE_TEST(evens_have_bounds),
        FIGURE_TEST(threads_are_compared),
        FIGURE_TEST(types_are_compared),
        FIGURE_TEST(accuracy_over_active),
        FIGURE_TEST(accuracy_over_size_and_noise),
        FIGURE_TEST(accuracy_of_one_seed),
        FIGURE_TEST(accuracy_over_time),
        FIGURE_TEST(parts_are_stacked),
        FIGURE_TEST(smi_by_quantity),
        FIGURE_TEST(roofline_needs_ceilings),
        FIGURE_TEST(spread_is_a_density),
        FIGURE_TEST(spread_takes_the_width_that_samples_need),
        FIGURE_TEST(masks_of_blocks_alone_name_no_neurons),
        FIGURE_TEST(many_sizes_are_thinned),
        FIGURE_TEST(hostile_text_is_drawn_as_text),
        FIGURE_TEST(a_hanging_gnuplot),
    };
    int failures = cmocka_run_group_tests_name("figures", tests, NULL, NULL);
    free(rows_text);
    return failures;
}

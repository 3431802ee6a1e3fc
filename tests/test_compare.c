/* test_compare.c - two stored runs side by side: the interval of a ratio, verdicts, points that
 * only one run has, and what makes runs unlike. */
#include "store_tools.h"

#include "compare.h"

static struct compare_row judged(struct compare_time a, struct compare_time b)
{
    struct compare_row row = {.times = {a, b}};
    compare_judge(&row, 0.03);
    return row;
}

/* Two intervals of 3 and 4 % make one of 5 %. */
static void test_interval(void **state)
{
    (void)state;
    struct compare_row row = judged((struct compare_time){100, 100 / exp(0.03), 100 * exp(0.03)},
                                    (struct compare_time){200, 200 / exp(0.04), 200 * exp(0.04)});
    assert_true(fabs(row.ratio - 2) < 1e-12);
    assert_true(fabs(row.lo - 2 / exp(0.05)) < 1e-12);
    assert_true(fabs(row.hi - 2 * exp(0.05)) < 1e-12);
    assert_int_equal(row.verdict, COMPARE_SLOWER);
}

static void test_verdicts(void **state)
{
    (void)state;
    const struct compare_time base = {100, 99.5, 100.5}, wide = {104, 99, 109};
    assert_int_equal(judged(base, (struct compare_time){101, 100.5, 101.5}).verdict, COMPARE_SAME);
    assert_int_equal(judged(base, (struct compare_time){102.5, 102, 103.2}).verdict,
                     COMPARE_UNRESOLVED); /* beyond 1, short of the effect */
    assert_int_equal(judged(base, (struct compare_time){104, 103, 105}).verdict, COMPARE_SLOWER);
    assert_int_equal(judged(base, (struct compare_time){90, 89, 91}).verdict, COMPARE_FASTER);
    assert_int_equal(judged(base, wide).verdict, COMPARE_UNRESOLVED);
    assert_int_equal(judged(base, (struct compare_time){NAN, NAN, NAN}).verdict, COMPARE_MISSING);
    assert_int_equal(judged(base, (struct compare_time){0, 0, 0}).verdict, COMPARE_MISSING);
    assert_int_equal(judged(base, (struct compare_time){5, 6, 4}).verdict, COMPARE_MISSING);
}

static struct store_point timed(const char *shape, const char *kernel, double time)
{
    struct store_point point = a_point(shape, kernel);
    point.time_ns = time;
    point.time_lo_ns = 0.999 * time;
    point.time_hi_ns = 1.001 * time;
    return point;
}

static int64_t run_of(struct store *store, const char *cpu, const struct store_point *points,
                      size_t count)
{
    struct store_run run = a_run;
    int64_t id;
    run.cpu = cpu;
    assert_int_equal(store_run_begin(store, &run, NULL, 0, &id), STORE_OK);
    put(store, id, points, count);
    return id;
}

static void test_runs(void **state)
{
    (void)state;
    struct store *store = open_store("runs.db", STORE_WRITE), *failed;
    struct store *const both[2] = {store, store};
    const struct store_point old[] = {timed("n=1", "simd", 100), timed("n=2", "simd", 100),
                                      timed("n=3", "gone", 100)};
    const struct store_point new[] = {timed("n=2", "simd", 110), timed("n=1", "simd", 100),
                                      timed("n=3", "new", 100)};
    int64_t runs[2] = {run_of(store, "one", old, 3), run_of(store, "one", new, 3)};
    struct compare_table table;
    assert_int_equal(compare_runs(both, runs, COMPARE_TIME, 0.03, &table, &failed), STORE_OK);
    assert_int_equal(table.count, 4);
    assert_int_equal(table.difference_count, 0);
    assert_int_equal(table.rows[0].verdict, COMPARE_SAME);
    assert_string_equal(table.rows[1].shape, "n=2");
    assert_int_equal(table.rows[1].verdict, COMPARE_SLOWER);
    assert_int_equal(table.rows[2].verdict, COMPARE_MISSING);
    assert_int_equal(table.rows[3].verdict, COMPARE_MISSING);
    compare_clear(&table);
    runs[0] = run_of(store, "another", old, 1);
    assert_int_equal(compare_runs(both, runs, COMPARE_TIME, 0.03, &table, &failed), STORE_OK);
    assert_int_equal(table.difference_count, 1);
    assert_string_equal(table.differences[0].what, "cpu");
    assert_string_equal(table.differences[0].values[0], "another");
    compare_clear(&table);
    runs[1] = 99;
    assert_int_equal(compare_runs(both, runs, COMPARE_TIME, 0.03, &table, &failed), STORE_NONE);
    assert_ptr_equal(failed, store);
    store_close(store);
}

static struct store_point relative(const char *shape, const char *kernel, bool linear,
                                   double speedup)
{
    struct store_point point = timed(shape, kernel, 1000 / speedup);
    point.isa = "generic";
    point.linear = linear;
    point.speedup = speedup;
    point.speedup_lo = 0.999 * speedup;
    point.speedup_hi = 1.001 * speedup;
    return point;
}

/* Whatever the fastest dense layer is, times are relative to `linear`; a point is compared only
 * where both runs have the same reference. */
static void test_relative(void **state)
{
    (void)state;
    struct store *store = open_store("relative.db", STORE_WRITE), *failed;
    struct store *const both[2] = {store, store};
    const struct store_point old[] = {
        relative("n=1", "linear", true, 1), relative("n=1", "masked", false, 2),
        relative("n=2", "linear", true, 1), relative("n=2", "masked", false, 2)};
    const struct store_point new[] = {
        relative("n=1", "linear", true, 0.5), relative("n=1", "linear-rows", true, 1),
        relative("n=1", "masked", false, 1), relative("n=2", "linear-rows", true, 1),
        relative("n=2", "masked", false, 2)};
    const int64_t runs[2] = {run_of(store, "one", old, 4), run_of(store, "one", new, 5)};
    struct compare_table table;
    assert_int_equal(compare_runs(both, runs, COMPARE_RELATIVE, 0.03, &table, &failed), STORE_OK);
    assert_string_equal(table.rows[1].variant, "masked");
    assert_string_equal(table.rows[1].reference[1], "linear");
    assert_true(fabs(table.rows[1].times[1].time - 0.5) < 1e-12);
    assert_int_equal(table.rows[1].verdict, COMPARE_SAME);
    assert_string_equal(table.rows[3].variant, "masked");
    assert_int_equal(table.rows[3].verdict, COMPARE_MISSING);
    compare_clear(&table);
    store_close(store);
}

/* The run before, of a machine like this by another host's name. */
static void test_like(void **state)
{
    (void)state;
    struct store *store = open_store("like.db", STORE_WRITE), *failed;
    struct store *const both[2] = {store, store};
    const struct store_point points[] = {timed("n=1", "simd", 100)};
    struct store_run named = a_run;
    int64_t first = run_of(store, "one", points, 1), found, third;
    run_of(store, "another", points, 1);
    named.cpu = "one";
    named.host = "of another name";
    assert_int_equal(store_run_begin(store, &named, NULL, 0, &third), STORE_OK);
    assert_int_equal(compare_find_like(store, third, &found), STORE_OK);
    assert_int_equal(found, first);
    assert_int_equal(compare_find_like(store, first, &found), STORE_NONE);
    struct compare_table table;
    const int64_t runs[2] = {first, third}; /* the third has no points, and needs none */
    assert_int_equal(compare_machines(both, runs, &table, &failed), STORE_OK);
    assert_int_equal(table.difference_count, 1);
    assert_string_equal(table.differences[0].what, "host");
    compare_clear(&table);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval), cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_runs),     cmocka_unit_test(test_relative),
        cmocka_unit_test(test_like),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

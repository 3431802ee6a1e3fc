/* test_merge.c - databases into one: twice gives the same as once, nothing is lost or mixed up; and
 * views as CSV and JSON. */
#include "store_tools.h"

#include "accuracy.h"

/* A run with a gather and a dense point of three samples each, of times base, base + 1, base + 9.
 */
static int64_t put_run(struct store *store, const char *argv, const char *shape, double base)
{
    const struct store_fact facts[] = {{"cores", "2"}, {"pages", "huge"}};
    const struct store_ceiling ceiling = {"bandwidth", "L2", 1, 524288, 40};
    const struct store_sample samples[] = {{.round = 0, .real_ns = base + 9, .cpu_ns = 1},
                                           {.round = 1, .real_ns = base, .cpu_ns = 1},
                                           {.round = 2, .real_ns = base + 1, .disturbed = true}};
    const struct store_counter counter = {"cycles", "papi", NULL, base, NAN};
    struct store_run run = a_run;
    struct store_point points[] = {a_point(shape, "gather"), a_point(shape, "dense")};
    int64_t run_id = 0;

    run.argv = argv;
    assert_int_equal(store_run_begin(store, &run, facts, 2, &run_id), STORE_OK);
    assert_int_equal(store_put_ceilings(store, run_id, &ceiling, 1), STORE_OK);
    for (size_t i = 0; i < 2; i++) {
        points[i].samples = samples;
        points[i].sample_count = 3;
        points[i].counters = &counter;
        points[i].counter_count = 1;
    }
    put(store, run_id, points, 2);
    return run_id;
}

static void make(const char *path, const char *argv, const char *shape, double base)
{
    struct store *store = open_store(path, STORE_WRITE);
    int64_t run_id = put_run(store, argv, shape, base);

    assert_int_equal(store_run_end(store, run_id, "finished"), STORE_OK);
    store_close(store);
}

static struct store_merged merge(struct store *store, const char *path, bool slim)
{
    const struct store_merge how = {.slim = slim};
    struct store_merged merged = {-1, -1};

    if (store_merge(store, path, &how, &merged) != STORE_OK)
        fail_msg("%s", store_error(store));
    assert_string_equal(answer(store, "SELECT (SELECT count(*) FROM pragma_foreign_key_check)"),
                        "0");
    return merged;
}

static const char *const views[] = {"runs",     "every_point", "samples", "summaries",
                                    "counters", "ceilings",    "accuracy"};

/* All rows of all views, in an order of their own. */
static char *everything(struct store *store)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = 0; i < COUNT(views); i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2, 3", views[i]);
        char *rows = rows_of(store, sql, STORE_CSV);
        fprintf(out, "%s\n%s", views[i], rows);
        free(rows);
    }
    char *facts = rows_of(store, "SELECT * FROM environment ORDER BY 1, 2", STORE_CSV);
    fprintf(out, "%s", facts);
    free(facts);
    fclose(out);
    return text;
}

static void twice_is_once(void **state)
{
    (void)state;
    make("a.db", "midl sweep a", "d=64", 50);
    struct store *source = open_store("a.db", STORE_READ);
    struct store *store = open_store("twice.db", STORE_WRITE);
    char *before = everything(source);

    struct store_merged merged = merge(store, "a.db", false);
    assert_int_equal(merged.runs, 1);
    assert_int_equal(merged.points, 2);
    char *once = everything(store);
    assert_string_equal(once, before);
    merged = merge(store, "a.db", false);
    assert_int_equal(merged.runs, 0);
    assert_int_equal(merged.points, 0);
    char *twice = everything(store), *after = everything(source);
    assert_string_equal(twice, once);
    assert_string_equal(after, before);
    store_close(store);
    store_close(source);
    free(before);
    free(once);
    free(twice);
    free(after);
}

/* Two databases whose runs and points have the same numbers. */
static void numbers_that_clash(void **state)
{
    (void)state;
    make("left.db", "midl sweep left", "d=64", 10);
    make("right.db", "midl sweep right", "d=64", 1000);
    struct store *store = open_store("both.db", STORE_WRITE);

    merge(store, "left.db", false);
    assert_int_equal(merge(store, "right.db", false).points, 2);
    assert_int_equal(merge(store, "left.db", false).points, 0);
    assert_int_equal(merge(store, "right.db", false).points, 0);
    assert_rows(store,
                "SELECT argv, kernel, min(real_ns), max(real_ns), per_call FROM runs "
                "JOIN every_point USING (run_id) JOIN samples USING (point_id) "
                "JOIN counter USING (point_id) GROUP BY argv, kernel ORDER BY 1, 2",
                "midl sweep left,dense,10,19,10\r\nmidl sweep left,gather,10,19,10\r\n"
                "midl sweep right,dense,1000,1009,1000\r\n"
                "midl sweep right,gather,1000,1009,1000\r\n");
    assert_rows(store,
                "SELECT (SELECT count(*) FROM environment), (SELECT count(*) FROM ceiling), "
                "(SELECT count(*) FROM sample)",
                "4,2,12\r\n");
    store_close(store);
}

/* Two starts of one command in one second, and a run that goes on after it was taken over. */
static void runs_alike_and_growing(void **state)
{
    (void)state;
    struct store *source = open_store("growing.db", STORE_WRITE);
    struct store *store = open_store("taken.db", STORE_WRITE);
    int64_t first = put_run(source, "midl sweep", "d=64", 10);
    int64_t second = put_run(source, "midl sweep", "d=64", 20);

    raw("growing.db", "UPDATE run SET started_utc = '2026-01-01T00:00:00Z'");
    assert_int_equal(merge(store, "growing.db", false).runs, 2);
    assert_rows(store, "SELECT status, count(*) FROM runs GROUP BY 1", "interrupted,2\r\n");
    const struct store_point later = a_point("d=128", "gather");
    put(source, second, &later, 1);
    assert_int_equal(store_run_end(source, second, "finished"), STORE_OK);
    struct store_merged merged = merge(store, "growing.db", false);
    assert_int_equal(merged.runs, 0);
    assert_int_equal(merged.points, 1);
    assert_rows(store,
                "SELECT r.run_id, r.status, finished_utc IS NULL, count(*) FROM runs r "
                "JOIN point USING (run_id) GROUP BY 1",
                "1,interrupted,1,2\r\n2,finished,0,3\r\n");
    assert_true(first == 1 && second == 2);
    store_close(source);
    store_close(store);
}

/* Nearest ranks: of 3 samples the first, second and third; how many there were is still known. */
static void slim_keeps_five_numbers(void **state)
{
    (void)state;
    static const char five[] = "SELECT samples, disturbed, least_ns, quarter_ns, median_ns, "
                               "three_quarters_ns, most_ns FROM summaries LIMIT 1";
    make("raw.db", "midl sweep raw", "d=64", 10);
    struct store *store = open_store("slim.db", STORE_WRITE);
    merge(store, "raw.db", true);
    merge(store, "raw.db", true);
    merge(store, "raw.db", false); /* what is there stays as it is */
    assert_rows(store, five, "3,1,10,10,11,19,19\r\n");
    assert_rows(store,
                "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM summaries), "
                "(SELECT group_concat(samples) FROM points)",
                "0,2,\"3,3\"\r\n");
    assert_int_equal(store_compact(store), STORE_OK);
    store_close(store);
    assert_int_equal(access("slim.db-wal", F_OK), -1);

    store = open_store("slimmer.db", STORE_WRITE);
    merge(store, "slim.db", true);
    assert_rows(store, five, "3,1,10,10,11,19,19\r\n");
    store_close(store);
}

static struct store_accuracy epoch_of(const char *experiment, int64_t epoch, const char *split)
{
    return (struct store_accuracy){.experiment = experiment,
                                   .dataset = "teacher",
                                   .model = "256",
                                   .method = "dense",
                                   .seed = 1,
                                   .epoch = epoch,
                                   .split = split,
                                   .k = -1,
                                   .active = 1,
                                   .accuracy = (double)epoch / 10,
                                   .loss = 1,
                                   .flops_ratio = 1,
                                   .train_size = 10,
                                   .epochs = 3};
}

/* The last epoch of each experiment and split stays, with every noise that the model was tested
 * with. */
static void slim_keeps_last_epochs(void **state)
{
    (void)state;
    struct store_accuracy rows[] = {
        epoch_of("a", 1, "train"),      epoch_of("a", 2, "train"), epoch_of("a", 3, "train"),
        epoch_of("a", 3, "validation"), epoch_of("a", 3, "test"),  epoch_of("a", 3, "test"),
        epoch_of("b", 1, "train"),      epoch_of("b", 2, "train"), epoch_of("b", 2, "test")};
    rows[5].noise = 1;
    struct store *store = open_store("learned.db", STORE_WRITE);
    int64_t run_id = put_run(store, "midl train", "d=64", 10);
    assert_int_equal(store_put_accuracies(store, run_id, rows, sizeof rows / sizeof rows[0]),
                     STORE_OK);
    assert_int_equal(store_run_end(store, run_id, "finished"), STORE_OK);
    store_close(store);

    static const char all[] = "SELECT experiment, split, epoch, noise FROM accuracy ORDER BY "
                              "experiment, split, epoch, noise";
    static const char last[] = "a,test,3,0\r\na,test,3,1\r\na,train,3,0\r\n"
                               "a,validation,3,0\r\nb,test,2,0\r\nb,train,2,0\r\n";
    store = open_store("learned-slim.db", STORE_WRITE);
    merge(store, "learned.db", true);
    assert_rows(store, all, last);
    merge(store, "learned.db", true);
    assert_rows(store, all, last);
    store_close(store);
    store = open_store("learned-all.db", STORE_WRITE);
    merge(store, "learned.db", false);
    assert_rows(store, "SELECT count(*) FROM accuracy", "9\r\n");
    store_close(store);
}

/* An older schema is led to ours on the way; the file itself stays. */
static void older_ones(void **state)
{
    (void)state;
    for (int version = 1; version < store_newest_version; version++) {
        char old[32], new[32];
        size_t size = 0, size_after = 0;
        snprintf(old, sizeof old, "old-%d.db", version);
        snprintf(new, sizeof new, "new-%d.db", version);
        make_version(version, old);
        char *before = read_file(old, &size);
        struct store *store = open_store(new, STORE_WRITE);
        assert_int_equal(merge(store, old, false).points, 3);
        assert_int_equal(merge(store, old, false).points, 0);
        assert_rows(store, "SELECT count(*), (SELECT count(*) FROM samples) FROM points",
                    "3,4\r\n");
        store_close(store);
        char *after = read_file(old, &size_after);
        assert_true(size == size_after && memcmp(before, after, size) == 0);
        free(before);
        free(after);
    }
}

static void what_cannot_be_merged(void **state)
{
    (void)state;
    const int64_t runs[] = {1, 77};
    const struct store_merge all = {0}, some = {.runs = runs, .run_count = 2};
    struct store_merged merged = {-1, -1};
    make("good.db", "midl sweep good", "d=64", 10);
    make("target.db", "midl sweep target", "d=64", 10);
    write_file("text.db", "not a database, but a text of some length", 41);
    struct store *store = open_store("target.db", STORE_WRITE);
    char *before = everything(store);

    assert_int_equal(store_merge(store, "missing.db", &all, &merged), STORE_BAD);
    assert_line(store_error(store), "missing.db: no such database");
    assert_int_equal(store_merge(store, "text.db", &all, &merged), STORE_BAD);
    assert_line(store_error(store), "text.db: is not an SQLite database");
    assert_int_equal(store_merge(store, "good.db", &some, &merged), STORE_NONE);
    assert_line(store_error(store), "there is no run 77");
    assert_int_equal(merged.runs, -1);
    char *after = everything(store);
    assert_string_equal(after, before);
    assert_int_equal(merge(store, "good.db", false).runs, 1); /* and it still works */
    store_close(store);
    free(before);
    free(after);
}

/* A table that neither belongs to a run nor to a point would be left out. */
static void every_table_is_merged(void **state)
{
    (void)state;
    struct store *store = open_store("tables.db", STORE_WRITE);
    assert_rows(store,
                "SELECT name FROM sqlite_master m WHERE type = 'table' AND NOT EXISTS (SELECT 1 "
                "FROM pragma_table_info(m.name) WHERE name IN ('run_id', 'point_id'))",
                "");
    store_close(store);
}

static void exports(void **state)
{
    (void)state;
    make("export.db", "midl sweep one", "d=64", 10);
    make("export.db", "midl sweep two", "d=64", 20);
    struct store *store = open_store("export.db", STORE_READ);
    char *text = NULL;
    size_t size = 0, rows = 0;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(store_export(store, "samples", 2, STORE_CSV, out, &rows), STORE_OK);
    assert_int_equal(rows, 6);
    assert_int_equal(store_export(store, "samples", 0, STORE_CSV, out, &rows), STORE_OK);
    assert_int_equal(rows, 12);
    assert_int_equal(store_export(store, "points", 1, STORE_JSON, out, &rows), STORE_OK);
    assert_int_equal(rows, 2);
    assert_int_equal(store_export(store, "points", 3, STORE_JSON, out, &rows), STORE_NONE);
    assert_int_equal(store_export(store, "point", 0, STORE_CSV, out, &rows), STORE_BAD);
    assert_line(store_error(store), "has no view point;");
    assert_int_equal(store_export(store, "x\" --", 0, STORE_CSV, out, &rows), STORE_BAD);
    fclose(out);
    assert_non_null(strstr(text, "\"kernel\":\"gather\""));
    free(text);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twice_is_once),
        cmocka_unit_test(numbers_that_clash),
        cmocka_unit_test(runs_alike_and_growing),
        cmocka_unit_test(slim_keeps_five_numbers),
        cmocka_unit_test(slim_keeps_last_epochs),
        cmocka_unit_test(older_ones),
        cmocka_unit_test(what_cannot_be_merged),
        cmocka_unit_test(every_table_is_merged),
        cmocka_unit_test(exports),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

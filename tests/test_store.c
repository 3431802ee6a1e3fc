/* test_store.c - the store's files and rows: what goes in comes out, a migrated database equals a
 * fresh one, and what is refused is refused in one line and left as it was. */
#include "store_tools.h"

#include <errno.h>

#include "base/rng.h"

/* ---- Making and opening ---------------------------------------------------------------------- */

static void made_as_its_files_say(void **state)
{
    char *schema = read_source("results/schema.sql"), *views = read_source("results/views.sql");
    char numbers[40];

    (void)state;
    store_close(open_store("new/made.db", STORE_WRITE));
    raw("shell.db", schema);
    raw("shell.db", views);
    raw("shell.db", views);
    char *made = definition("new/made.db"), *shell = definition("shell.db");
    assert_string_equal(made, shell);
    snprintf(numbers, sizeof numbers, "1835623532 %d\n", store_newest_version);
    assert_non_null(strstr(made, numbers));
    free(schema);
    free(views);
    free(made);
    free(shell);
}

static void writes_are_durable_by_setting(void **state)
{
    struct store *store = open_store("durable.db", STORE_WRITE);

    (void)state;
    assert_string_equal(answer(store, "SELECT * FROM pragma_journal_mode"), "wal");
    assert_string_equal(answer(store, "SELECT * FROM pragma_synchronous"), "2");
    assert_string_equal(answer(store, "SELECT * FROM pragma_foreign_keys"), "1");
    store_close(store);
    store_close(NULL);
}

/* A reader leaves no trace: neither in the file nor beside it. */
static void reading_changes_nothing(void **state)
{
    size_t size, size_after;
    struct store *store = open_store("read.db", STORE_WRITE);
    struct store_point point = a_point("key", "gather");

    (void)state;
    put(store, begin_run(store), &point, 1);
    store_close(store);
    char *data = read_file("read.db", &size);
    store = open_store("read.db", STORE_READ);
    assert_string_equal(answer(store, "SELECT count(*) FROM points"), "1");
    assert_int_equal(store_put_points(store, 1, &point, 1), STORE_MACHINE);
    assert_line(store_error(store), "not writable");
    store_close(store);
    char *data_after = read_file("read.db", &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(data, data_after, size);
    assert_int_equal(access("read.db-wal", F_OK), -1);
    assert_int_equal(access("read.db-shm", F_OK), -1);
    free(data);
    free(data_after);
}

/* SQLite reads a meaning into some names; for us every name is a file's. */
static void names_are_names(void **state)
{
    static const char *const names[] = {":memory:", "file:x.db?mode=memory", "50%25#?&.db",
                                        "a b.db"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        store_close(open_store(names[i], STORE_WRITE));
        assert_int_equal(access(names[i], F_OK), 0);
        store_close(open_store(names[i], STORE_READ));
    }
}

static void bad_places_are_refused(void **state)
{
    char long_name[600];

    (void)state;
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(mkdir("place", 0755), 0);
    assert_int_equal(mkfifo("pipe", 0644), 0);
    write_file("file", "x", 1);
    for (int i = 0; i < 2; i++) {
        enum store_mode mode = i == 0 ? STORE_READ : STORE_WRITE;
        refused("", mode, STORE_BAD, "file name");
        refused("place", mode, STORE_BAD, "folder");
        refused("pipe", mode, STORE_BAD, "regular file");
        refused("file/x.db", mode, STORE_BAD, strerror(ENOTDIR));
        char error[STORE_ERROR_SIZE];
        struct store *store;
        assert_int_equal(store_open(long_name, mode, &store, error), STORE_BAD);
        assert_line(error, strerror(ENAMETOOLONG));
        assert_int_equal(store_open("a\nb\033[2J/c/d.db", mode, &store, error), STORE_BAD);
        assert_line(error, "a?b?[2J/c/d.db");
    }
    refused("none.db", STORE_READ, STORE_BAD, "no such database");
    refused("one/two/x.db", STORE_WRITE, STORE_BAD, "one above");
    assert_int_equal(access("none.db", F_OK), -1);
    assert_int_equal(access("one", F_OK), -1);
}

static void foreign_files_are_refused(void **state)
{
    char newer[64];
    static const char text[] = "kernel,time\nlinear,100\n", sqlite_text[] = "SQLite format 3";
    char noise[4096];
    struct rng rng = rng_seed(5);

    (void)state;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)rng_next(&rng);
    write_file("text.db", text, sizeof text - 1);
    write_file("noise.db", noise, sizeof noise);
    write_file("short.db", sqlite_text, sizeof sqlite_text);
    write_file("empty.db", "", 0);
    raw("foreign.db", "CREATE TABLE points (x); INSERT INTO points VALUES (1)");
    raw("foreign2.db", "PRAGMA application_id = 7");
    raw("foreign3.db", "PRAGMA user_version = 1");
    store_close(open_store("newer.db", STORE_WRITE));
    snprintf(newer, sizeof newer, "PRAGMA user_version = %d", store_newest_version + 1);
    raw("newer.db", newer);
    snprintf(newer, sizeof newer, "newer midl (schema %d, this one knows %d)",
             store_newest_version + 1, store_newest_version);
    store_close(open_store("unversioned.db", STORE_WRITE));
    raw("unversioned.db", "PRAGMA user_version = 0");
    for (int i = 0; i < 2; i++) {
        enum store_mode mode = i == 0 ? STORE_READ : STORE_WRITE;
        refused("text.db", mode, STORE_BAD, "not an SQLite database");
        refused("noise.db", mode, STORE_BAD, "not an SQLite database");
        refused("short.db", mode, STORE_BAD, "not an SQLite database");
        refused("foreign.db", mode, STORE_BAD, "another program");
        refused("foreign2.db", mode, STORE_BAD, "another program");
        refused("foreign3.db", mode, STORE_BAD, "another program");
        refused("newer.db", mode, STORE_BAD, newer);
        refused("unversioned.db", mode, STORE_BAD, "another program");
    }
    refused("empty.db", STORE_READ, STORE_BAD, "is empty");
    store_close(open_store("empty.db", STORE_WRITE));
    store_close(open_store("empty.db", STORE_READ));
}

/* ---- Damage ---------------------------------------------------------------------------------- */

/* A database with a few hundred samples, as bytes. */
static char *small_database(size_t *ret_size)
{
    struct store_sample samples[50];
    struct store *store = open_store("small.db", STORE_WRITE);
    int64_t run_id = begin_run(store);

    for (int i = 0; i < 50; i++)
        samples[i] = (struct store_sample){
            .round = i, .iterations = 100, .real_ns = 50 + i, .cpu_ns = 50 + i};
    for (int i = 0; i < 10; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %d", i);
        struct store_point point = a_point(key, "gather");
        point.samples = samples;
        point.sample_count = 50;
        put(store, run_id, &point, 1);
    }
    store_close(store);
    return read_file("small.db", ret_size);
}

static void truncated_files_are_refused(void **state)
{
    size_t size;
    char *data = small_database(&size);
    const size_t lengths[] = {1, 99, 100, 511, 4095, 4096, 8192, size / 2, size - 4096, size - 1};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        write_file("cut.db", data, lengths[i]);
        refused("cut.db", STORE_READ, STORE_BAD, "");
        refused("cut.db", STORE_WRITE, STORE_BAD, "");
    }
    write_file("cut.db", data, size / 2);
    refused("cut.db", STORE_WRITE, STORE_BAD, "is damaged");
    free(data);
}

/* Flipped bytes: any answer or one line, no crash. What opens is asked and written to. */
static void flipped_bytes_do_no_harm(void **state)
{
    size_t size, refusals = 0;
    char *data = small_database(&size);
    struct rng rng = rng_seed(11);

    (void)state;
    for (int round = 0; round < 120; round++) {
        char *copy = malloc(size), error[STORE_ERROR_SIZE] = "";
        struct store *store = NULL;
        FILE *sink = fopen("/dev/null", "w");
        size_t rows;
        int flips = 1 + (int)rng_below(&rng, 200);

        assert_non_null(copy);
        memcpy(copy, data, size);
        for (int i = 0; i < flips; i++) /* half of the rounds spare the header */
            copy[(round % 2 ? 0 : 100) + rng_below(&rng, (uint32_t)size - 100)] ^=
                (char)(1 + rng_below(&rng, 255));
        write_file("flipped.db", copy, size);
        if (store_open("flipped.db", round % 3 ? STORE_WRITE : STORE_READ, &store, error) !=
            STORE_OK) {
            assert_line(error, "flipped.db: ");
            refusals++;
        } else {
            struct store_point point = a_point("new", "gather");
            if (store_query(store, "SELECT * FROM points p JOIN samples USING (point_id)", NULL, 0,
                            STORE_JSON, sink, &rows) == STORE_BAD) {
                assert_line(store_error(store), "flipped.db: ");
                refusals++;
            }
            store_put_points(store, 1, &point, 1);
        }
        store_close(store);
        fclose(sink);
        free(copy);
        unlink("flipped.db");
        unlink("flipped.db-wal");
        unlink("flipped.db-shm");
    }
    assert_true(refusals >= 60);
    free(data);
}

/* ---- Migration ------------------------------------------------------------------------------- */

static void check_migrated(int version)
{
    unlink("old.db");
    unlink("fresh.db");
    make_version(version, "old.db");
    raw("old.db", "CREATE VIEW mine AS SELECT 1 AS x");
    struct store *store = open_store("old.db", STORE_WRITE);
    assert_string_equal(answer(store, "SELECT x FROM mine"), "1");
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE error_ratio IS NULL"),
                        "3");
    assert_string_equal(answer(store, "SELECT sum(samples) || ' ' || sum(time_ns) FROM points"),
                        "4 160.75");
    assert_string_equal(answer(store, "SELECT value FROM ceilings"), "40.5");
    assert_string_equal(answer(store, "SELECT group_concat(foreign_key_check.\"table\") IS NULL "
                                      "FROM pragma_foreign_key_check AS foreign_key_check"),
                        "1");
    assert_string_equal(answer(store, "SELECT count(*) || ' ' || sum(placement) FROM samples "
                                      "WHERE reference_ns IS NULL AND stolen IS NULL"),
                        "4 0");
    struct store_point point = a_point("d=64", "dense");
    put(store, 2, &point, 1);
    assert_string_equal(answer(store, "SELECT error_ratio FROM points WHERE kernel = 'dense'"),
                        "0.25");
    store_close(store);

    raw("old.db", "DROP VIEW mine");
    store_close(open_store("fresh.db", STORE_WRITE));
    char *migrated = definition("old.db"), *fresh = definition("fresh.db");
    assert_string_equal(migrated, fresh);
    free(migrated);
    free(fresh);
    store = open_store("old.db", STORE_READ);
    assert_string_equal(answer(store, "SELECT * FROM pragma_integrity_check"), "ok");
    store_close(store);
}

static void migrated_equals_fresh(void **state)
{
    (void)state;
    for (int version = 1; version < store_newest_version; version++)
        check_migrated(version);
}

static void an_older_one_is_read_as_it_is(void **state)
{
    size_t size, size_after;
    char text[64] = "untouched";

    (void)state;
    make_version(1, "asis.db");
    char *data = read_file("asis.db", &size);
    struct store *store = open_store("asis.db", STORE_READ);
    assert_string_equal(answer(store, "SELECT count(*) FROM points"), "3");
    assert_int_equal(
        store_query_text(store, "SELECT value FROM ceilings", NULL, 0, text, sizeof text),
        STORE_OLD);
    assert_line(store_error(store), "no such table: ceilings; the database is older (schema 1 of");
    assert_string_equal(text, "untouched");
    store_close(store);
    char *data_after = read_file("asis.db", &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(data, data_after, size);
    free(data);
    free(data_after);
}

/* A step that fails takes everything back. */
static void a_failed_migration_changes_nothing(void **state)
{
    (void)state;
    make_version(1, "stuck.db");
    raw("stuck.db", "ALTER TABLE point ADD COLUMN error_ratio REAL");
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    char *before = definition("stuck.db");
    assert_int_equal(store_open("stuck.db", STORE_WRITE, &store, error), STORE_BAD);
    assert_line(error, "bring the database up to date: duplicate column name");
    char *after = definition("stuck.db");
    assert_string_equal(before, after);
    free(before);
    free(after);

    make_version(1, "broken.db");
    raw("broken.db", "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE run_id = 1");
    before = definition("broken.db");
    assert_int_equal(store_open("broken.db", STORE_WRITE, &store, error), STORE_BAD);
    assert_line(error, "rows refer to rows that are missing");
    after = definition("broken.db");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void a_run_with_all_it_knows(void **state)
{
    const struct store_fact facts[] = {{"cores", "2"}, {"kernel", "Linux \"x\", 6"}};
    const struct store_ceiling ceilings[] = {{"bandwidth", "L2", 1, 262144, 50.5},
                                             {"flops", "avx2/f32", 1, 0, 100}};
    struct store_run run = a_run;
    struct store *store = open_store("run.db", STORE_WRITE);
    int64_t run_id = 0;

    (void)state;
    run.seed = 0x8000000000000001u;
    assert_int_equal(store_run_begin(store, &run, facts, 2, &run_id), STORE_OK);
    assert_rows(store,
                "SELECT run_id, suite, status, git_commit, version, host, cpu, isa, compiler, "
                "flags, seed, argv, finished_utc FROM runs",
                "1,batch1,running,abc,0.1.0,host,cpu,avx2,gcc,release,-9223372036854775807,"
                "midl sweep,\r\n");
    assert_string_equal(answer(store, "SELECT suite_hash FROM run"), "hash");
    assert_string_equal(answer(store, "SELECT started_utc GLOB '20[0-9][0-9]-[01][0-9]-[0-3][0-9]T"
                                      "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z' FROM runs"),
                        "1");
    assert_rows(store, "SELECT * FROM environment ORDER BY name",
                "1,cores,2\r\n1,kernel,\"Linux \"\"x\"\", 6\"\r\n");
    assert_int_equal(store_put_ceilings(store, run_id, ceilings, 2), STORE_OK);
    assert_rows(store, "SELECT * FROM ceilings ORDER BY kind",
                "1,bandwidth,L2,1,262144,50.5\r\n1,flops,avx2/f32,1,,100\r\n");
    assert_int_equal(store_put_ceilings(store, run_id, ceilings, 2), STORE_OK); /* resumed */
    assert_int_equal(store_put_ceilings(store, 9, ceilings, 2), STORE_BAD);
    assert_line(store_error(store), "no such run");
    run.host = NULL;
    int64_t untouched = -5;
    assert_int_equal(store_run_begin(store, &run, facts, 2, &untouched), STORE_BAD);
    assert_line(store_error(store), "run.host");
    assert_true(untouched == -5);
    const struct store_fact twice[] = {{"cores", "2"}, {"cores", "3"}};
    assert_int_equal(store_run_begin(store, &a_run, twice, 2, &untouched), STORE_BAD);
    assert_string_equal(answer(store, "SELECT count(*) FROM runs"), "1");
    store_close(store);
}

/* The columns of the table: two keys and those of point.def. */
#define DERIVED(...)
#define FOREIGN(...)
#define COLUMN(type, name, ...) ", '" #name "'"
static const char strange_columns[] =
    "SELECT count(*) FROM pragma_table_info('point') WHERE name NOT IN ('point_id', 'run_id'"
#include "point.def"
    ")";
#undef COLUMN
enum {
    POINT_COLUMNS = 2
#define COLUMN(...) +1
#include "point.def"
#undef COLUMN
};

/* Every field lands in the column of its name. */
static void every_field_comes_back(void **state)
{
    const struct store_sample samples[] = {{0, 1, 1000, 2.5, 2.25, false, 4, 7.5, NAN},
                                           {1, 0, 1000, 3.5, 3, true, 5, 8.5, 0.25}};
    const struct store_counter counters[] = {{"instructions", "callgrind", NULL, 12.5, NAN},
                                             {"l1d_misses", "papi", "not supported", NAN, 0.5}};
    /* clang-format off */
    const struct store_point point = {
        .shape_key = "key", .kernel = "simd", .isa = "avx512", .dtype = "bf16", .linear = true,
        .d = 1, .n = 2, .k = 3, .rank = 4, .gate = "shared", .gate_rank = 5,
        .select_mode = "threshold", .block = 6, .threshold = 0.125, .unselected = "zero",
        .batch = 7, .threads = 8, .cache = "cold", .input = "in", .layer = "la",
        .blas_core = "Haswell", .status = "noisy", .reason = "drift", .error_ratio = 0.5,
        .time_ns = 10, .time_lo_ns = 9, .time_hi_ns = 11, .yardstick = "linear", .speedup = 2,
        .speedup_lo = 1.5, .speedup_hi = 2.5, .stop = "budget", .plan_ns = 12, .plan_bytes = 13,
        .flops = 20, .bytes = 40, .flops_gate = 16, .flops_light = 17, .flops_full = 18,
        .flops_blend = 19, .bytes_gate = 21, .bytes_light = 22, .bytes_full = 23, .bytes_io = 24,
        .comparisons = 25, .selected = 26, .distinct_rows = 27, .flops_ratio = 1.75, .bound_ns = 5,
        .placements = 28, .regimes = 2, .scope = "network", .dataset = "set", .model = "512",
        .method = "midl", .active_mean = 0.25, .replaced_share = 0.75,
        .samples = samples, .sample_count = 2, .counters = counters, .counter_count = 2};
    /* clang-format on */
    struct store *store = open_store("fields.db", STORE_WRITE);
    int64_t run_id = begin_run(store);

    (void)state;
    put(store, run_id, &point, 1);
    assert_rows(
        store,
        "SELECT run_id, shape_key, kernel, isa, dtype, linear, d, n, k, rank, gate, "
        "gate_rank, select_mode, block, threshold, unselected, batch, threads, cache, input, "
        "layer, blas_core, status, reason, error_ratio, time_ns, time_lo_ns, time_hi_ns, "
        "yardstick, speedup, speedup_lo, speedup_hi, stop, plan_ns, plan_bytes, flops, "
        "bytes, flops_gate, flops_light, flops_full, flops_blend, bytes_gate, bytes_light, "
        "bytes_full, bytes_io, comparisons, selected, distinct_rows, flops_ratio, bound_ns, "
        "placements, regimes, scope, dataset, model, method, active_mean, replaced_share FROM "
        "point",
        "1,key,simd,avx512,bf16,1,1,2,3,4,shared,5,threshold,6,0.125,zero,7,8,cold,in,la,"
        "Haswell,noisy,drift,0.5,10,9,11,linear,2,1.5,2.5,budget,12,13,20,40,16,17,18,19,"
        "21,22,23,24,25,26,27,1.75,5,28,2,network,set,512,midl,0.25,0.75\r\n");
    /* No column was forgotten, and none is made up. */
    assert_string_equal(answer(store, strange_columns), "0");
    assert_int_equal(atoi(answer(store, "SELECT count(*) FROM pragma_table_info('point')")),
                     POINT_COLUMNS);
    assert_rows(store, "SELECT samples, active, gflops, gbps, bound_ratio FROM every_point",
                "2,1.5,2,4,0.5\r\n");
    assert_rows(store, "SELECT * FROM samples ORDER BY round",
                "1,0,1,1000,2.5,2.25,0,4,7.5,\r\n1,1,0,1000,3.5,3,1,5,8.5,0.25\r\n");
    assert_rows(store, "SELECT * FROM counters ORDER BY counter",
                "1,bytes,40,model,,\r\n1,cache_lines,0.625,model,,\r\n1,flops,20,model,,\r\n"
                "1,instructions,12.5,callgrind,,\r\n1,l1d_misses,,papi,0.5,not supported\r\n");

    const struct store_counter later[] = {{"l1d_misses", "papi", NULL, 7, NAN},
                                          {"cycles", "papi", NULL, 8, NAN}};
    assert_int_equal(store_put_counters(store, 1, later, 2), STORE_OK);
    assert_rows(store, "SELECT counter, per_call FROM counters WHERE source = 'papi' ORDER BY 1",
                "cycles,8\r\nl1d_misses,7\r\n");
    assert_int_equal(store_put_counters(store, 2, later, 2), STORE_BAD);
    assert_line(store_error(store), "no such run or point");
    store_close(store);
}

static void what_does_not_apply_is_null(void **state)
{
    struct store *store = open_store("null.db", STORE_WRITE);
    struct store_point point = a_point("key", "simd");

    (void)state;
    point.status = "skipped";
    point.reason = "no AVX-512 here";
    point.error_ratio = point.time_ns = point.time_lo_ns = point.time_hi_ns = NAN;
    point.flops = point.bytes = point.bound_ns = NAN;
    put(store, begin_run(store), &point, 1);
    assert_rows(store,
                "SELECT error_ratio IS NULL, time_ns IS NULL, gflops IS NULL, bound_ratio IS NULL, "
                "blas_core IS NULL, yardstick IS NULL, stop IS NULL, threshold IS NULL, "
                "plan_bytes IS NULL, selected IS NULL, reason, samples FROM points",
                "1,1,1,1,1,1,1,1,1,1,no AVX-512 here,0\r\n");
    assert_string_equal(answer(store, "SELECT count(*) FROM counters"), "0");
    store_close(store);
}

/* Each call: a good point, then one that must be refused; then nothing of it is there. */
static void all_or_nothing(void **state)
{
    const struct store_sample twice[] = {{.real_ns = 1, .cpu_ns = 1},
                                         {.position = 1, .real_ns = 1, .cpu_ns = 1}};
    const struct store_sample missing[] = {{.real_ns = NAN, .cpu_ns = 1}};
    const struct store_counter foreign[] = {{"x", "guessed", NULL, 1, NAN}};
    struct store *store = open_store("all.db", STORE_WRITE);
    int64_t run_id = begin_run(store);
    struct store_point stored = a_point("stored", "gather"), pair[2];

    (void)state;
    put(store, run_id, &stored, 1);
    struct {
        struct store_point point;
        const char *part;
    } bad[12];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        bad[i].point = a_point("second", "gather");
    bad[0].point = stored, bad[0].part = "run 1 already has the point gather avx2 f32 stored";
    bad[1].point.samples = twice, bad[1].point.sample_count = 2, bad[1].part = "sample.round";
    bad[2].point.samples = missing, bad[2].point.sample_count = 1, bad[2].part = "sample.real_ns";
    bad[3].point.counters = foreign, bad[3].point.counter_count = 1, bad[3].part = "source IN";
    bad[4].point.time_lo_ns = 50.5, bad[4].part = "time_lo_ns <= time_ns";
    bad[5].point.time_hi_ns = 49.5, bad[5].part = "time_ns <= time_hi_ns";
    bad[6].point.status = "failed", bad[6].part = "reason IS NOT NULL";
    bad[7].point.status = "fine", bad[7].part = "status IN";
    bad[8].point.isa = NULL, bad[8].part = "point.isa";
    bad[9].point.selected = 1.5, bad[9].part = "REAL value in INTEGER column point.selected";
    bad[10].point.speedup = 3, bad[10].point.speedup_lo = 4, bad[10].point.speedup_hi = 5,
    bad[10].part = "speedup_lo <= speedup";
    bad[11].point = a_point("first", "gather"), bad[11].part = "already has the point";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pair[0] = a_point("first", "gather");
        pair[1] = bad[i].point;
        assert_int_equal(store_put_points(store, run_id, pair, 2), STORE_BAD);
        assert_line(store_error(store), bad[i].part);
        assert_string_equal(answer(store, "SELECT count(*) FROM points"), "1");
    }
    assert_int_equal(store_put_points(store, 77, pair, 1), STORE_BAD);
    assert_line(store_error(store), "there is no run 77");
    put(store, run_id, pair, 1);
    put(store, run_id, NULL, 0);
    put(store, begin_run(store), pair, 1); /* the same point in another run */
    assert_string_equal(answer(store, "SELECT count(*) FROM points"), "3");
    store_close(store);
}

/* What a run knows and holds is asked before it goes on: facts and points, of that run only. */
static void runs_know_what_they_hold(void **state)
{
    struct store *store = open_store("holds.db", STORE_WRITE);
    struct store_point point = a_point("key", "gather");
    int64_t run = begin_run(store), found = -1;
    bool has = true;

    (void)state;
    assert_int_equal(store_latest_run(store, NULL, &found), STORE_NONE);
    assert_int_equal(store_has_fact(store, run, "aslr", &has), STORE_OK);
    assert_false(has);
    const struct store_fact fact = {"aslr", "on"};
    assert_int_equal(store_put_facts(store, run, &fact, 1), STORE_OK);
    assert_int_equal(store_has_fact(store, run, "aslr", &has), STORE_OK);
    assert_true(has);
    assert_int_equal(store_has_point(store, run, "key", "gather", "avx2", "f32", &has), STORE_OK);
    assert_false(has);
    put(store, run, &point, 1);
    assert_int_equal(store_has_point(store, run, "key", "gather", "avx2", "f32", &has), STORE_OK);
    assert_true(has);
    assert_int_equal(store_has_point(store, run, "key", "gather", "avx2", "bf16", &has), STORE_OK);
    assert_false(has);
    store_close(store);
}

/* The newest unfinished run of a suite, its hash and its commit goes on; the latest is the newest
 * with points. */
static void runs_resume(void **state)
{
    struct store *store = open_store("resume.db", STORE_WRITE);
    struct store_run other = a_run;
    struct store_point point = a_point("key", "gather");
    int64_t first = begin_run(store), second = begin_run(store), third = 0, found = -1;

    (void)state;
    other.git_commit = "def";
    assert_int_equal(store_run_begin(store, &other, NULL, 0, &third), STORE_OK);
    put(store, second, &point, 1);

    assert_int_equal(store_run_end(store, second, "interrupted"), STORE_OK);
    assert_rows(store, "SELECT status, finished_utc FROM runs WHERE run_id = 2",
                "interrupted,\r\n");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", NULL, &found), STORE_OK);
    assert_true(found == second);
    assert_rows(store, "SELECT status FROM runs WHERE run_id = 2", "running\r\n");
    assert_int_equal(store_run_end(store, second, "finished"), STORE_OK);
    assert_string_equal(answer(store, "SELECT finished_utc >= started_utc FROM runs "
                                      "WHERE run_id = 2"),
                        "1");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", NULL, &found), STORE_OK);
    assert_true(found == first); /* killed, so still 'running' */
    assert_int_equal(store_run_end(store, first, "finished"), STORE_OK);
    found = -1;
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", NULL, &found), STORE_NONE);
    assert_int_equal(store_run_resume(store, "batch1", "other", "def", NULL, &found), STORE_NONE);
    assert_int_equal(store_run_resume(store, "other", "hash", "def", NULL, &found), STORE_NONE);
    assert_true(found == -1);
    assert_line(store_error(store), "no unfinished run of suite other");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "def", NULL, &found), STORE_OK);
    assert_true(found == third);

    put(store, first, &point, 1); /* stored last, but of an earlier run */
    assert_int_equal(store_latest_run(store, NULL, &found), STORE_OK);
    assert_true(found == second);
    assert_int_equal(store_latest_run(store, "batch1", &found), STORE_OK);
    assert_int_equal(store_latest_run(store, "nosuch", &found), STORE_NONE);
    assert_line(store_error(store), "no run of suite nosuch");
    assert_int_equal(store_run_end(store, 99, "finished"), STORE_NONE);
    assert_line(store_error(store), "no run 99");
    assert_int_equal(store_run_end(store, third, "vanished"), STORE_BAD);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_as_its_files_say),
        cmocka_unit_test(writes_are_durable_by_setting),
        cmocka_unit_test(reading_changes_nothing),
        cmocka_unit_test(names_are_names),
        cmocka_unit_test(bad_places_are_refused),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(flipped_bytes_do_no_harm),
        cmocka_unit_test(migrated_equals_fresh),
        cmocka_unit_test(an_older_one_is_read_as_it_is),
        cmocka_unit_test(a_failed_migration_changes_nothing),
        cmocka_unit_test(a_run_with_all_it_knows),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(what_does_not_apply_is_null),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(runs_know_what_they_hold),
        cmocka_unit_test(runs_resume),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

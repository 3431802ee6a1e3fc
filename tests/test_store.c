/* test_store.c - the store: what goes in comes out, what is refused is refused in one line and left
 * as it was, and what was committed is there after kill -9, a full disk and a crowd of writers.
 *
 * Works in a folder of its own, with relative names. Whatever another process does is done in a
 * forked child, which reports by its exit status and never asserts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cJSON.h>
#include <cmocka.h>

#include "rng.h"
#include "store_internal.h"

enum { NOBODY = 65534 };

static char folder[] = "/tmp/midl-store-XXXXXX";

/* ---- Tools
 * ----------------------------------------------------------------------------------------- */

static int make_test_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int remove_test_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static char *read_file(const char *path, size_t *ret_size)
{
    struct stat info;
    FILE *file = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? fopen(path, "rb") : NULL;
    char *data = NULL;
    size_t size = 0;

    if (!file)
        return NULL;
    FILE *copy = open_memstream(&data, &size);
    for (int c = getc(file); c != EOF; c = getc(file))
        putc(c, copy);
    fclose(copy);
    fclose(file);
    *ret_size = size;
    return data;
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A file of the source tree. */
static char *read_source(const char *name)
{
    char path[4096];
    size_t size;
    const char *share = getenv("MIDL_SHARE");

    assert_non_null(share);
    snprintf(path, sizeof path, "%s/%s", share, name);
    char *text = read_file(path, &size);
    if (!text)
        fail_msg("%s can't be read", path);
    return text;
}

/* SQLite itself, past the store. */
static void raw(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static struct store *open_store(const char *path, enum store_mode mode)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];

    if (store_open(path, mode, &store, error) != STORE_OK)
        fail_msg("%s", error);
    return store;
}

/* The single answer of a query; static storage. */
static const char *answer(struct store *store, const char *sql)
{
    static char text[4096];

    text[0] = '\0';
    if (store_query_text(store, sql, NULL, 0, text, sizeof text) != STORE_OK)
        fail_msg("%s: %s", sql, store_error(store));
    return text;
}

static const struct store_run a_run = {.suite = "batch1",
                                       .suite_hash = "hash",
                                       .git_commit = "abc",
                                       .version = "0.1.0",
                                       .host = "host",
                                       .cpu = "cpu",
                                       .isa = "avx2",
                                       .compiler = "gcc",
                                       .flags = "release",
                                       .argv = "midl sweep",
                                       .seed = 1};

static struct store_point a_point(const char *shape_key, const char *kernel)
{
    return (struct store_point){.shape_key = shape_key,
                                .kernel = kernel,
                                .isa = "avx2",
                                .dtype = "f32",
                                .d = 64,
                                .n = 64,
                                .k = 16,
                                .rank = 2,
                                .gate = "lowrank",
                                .gate_rank = 2,
                                .select_mode = "topk",
                                .threshold = NAN,
                                .unselected = "light",
                                .batch = 1,
                                .threads = 1,
                                .cache = "warm",
                                .input = "random",
                                .layer = "random",
                                .status = "ok",
                                .error_ratio = 0.25,
                                .time_ns = 50,
                                .time_lo_ns = 49,
                                .time_hi_ns = 51.5,
                                .speedup = NAN,
                                .speedup_lo = NAN,
                                .speedup_hi = NAN,
                                .plan_ns = NAN,
                                .plan_bytes = NAN,
                                .flops = 1000,
                                .bytes = 2000,
                                .flops_gate = NAN,
                                .flops_light = NAN,
                                .flops_full = NAN,
                                .flops_blend = NAN,
                                .bytes_gate = NAN,
                                .bytes_light = NAN,
                                .bytes_full = NAN,
                                .bytes_io = NAN,
                                .comparisons = NAN,
                                .selected = NAN,
                                .distinct_rows = NAN,
                                .flops_ratio = NAN,
                                .bound_ns = 25};
}

static int64_t begin_run(struct store *store)
{
    int64_t run_id = 0;

    if (store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        fail_msg("%s", store_error(store));
    return run_id;
}

static void put(struct store *store, int64_t run_id, const struct store_point *points, size_t count)
{
    if (store_put_points(store, run_id, points, count) != STORE_OK)
        fail_msg("%s", store_error(store));
}

static void assert_line(const char *text, const char *part)
{
    if (!strstr(text, part) || strchr(text, '\n') || strlen(text) >= STORE_ERROR_SIZE - 1)
        fail_msg("\"%s\" is not a line with \"%s\"", text, part);
}

/* Opening must fail so, and leave the file as it is. */
static void refused(const char *path, enum store_mode mode, enum store_status status,
                    const char *part)
{
    struct store *store = (struct store *)folder, *before = store;
    char error[STORE_ERROR_SIZE] = "";
    size_t size = 0, size_after = 0;
    char *data = read_file(path, &size);

    assert_int_equal(store_open(path, mode, &store, error), status);
    assert_ptr_equal(store, before);
    assert_line(error, part);
    assert_line(error, path);
    char *data_after = read_file(path, &size_after);
    assert_int_equal(size, size_after);
    assert_true(size == 0 || memcmp(data, data_after, size) == 0);
    free(data);
    free(data_after);
}

/* Run in a process of its own; its exit status. */
static int in_child(int (*work)(const void *data), const void *data)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(work(data));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- Making and opening
 * ---------------------------------------------------------------------------- */

/* Everything that defines a database, without comments and white space. */
static char *definition(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT type, name, tbl_name, sql FROM sqlite_master "
                                        "ORDER BY type, name",
                                        -1, &rows, NULL),
                     SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < 4; i++) {
            const char *c = (const char *)sqlite3_column_text(rows, i);
            for (; c && *c; c++) {
                if (c[0] == '-' && c[1] == '-')
                    c += strcspn(c, "\n");
                if (*c && !strchr(" \t\r\n", *c))
                    putc(*c, out);
            }
            putc('|', out);
        }
        putc('\n', out);
    }
    sqlite3_finalize(rows);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT application_id, user_version FROM "
                                        "pragma_application_id, pragma_user_version",
                                        -1, &rows, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
    fprintf(out, "%d %d\n", sqlite3_column_int(rows, 0), sqlite3_column_int(rows, 1));
    sqlite3_finalize(rows);
    sqlite3_close(db);
    fclose(out);
    return text;
}

static void made_as_its_files_say(void **state)
{
    char *schema = read_source("results/schema.sql"), *views = read_source("results/views.sql");

    (void)state;
    store_close(open_store("new/made.db", STORE_WRITE));
    raw("shell.db", schema);
    raw("shell.db", views);
    raw("shell.db", views);
    char *made = definition("new/made.db"), *shell = definition("shell.db");
    assert_string_equal(made, shell);
    assert_non_null(strstr(made, "1835623532 2\n"));
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
    assert_string_equal(answer(store, "SELECT * FROM pragma_busy_timeout"), "10000");
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
    raw("newer.db", "PRAGMA user_version = 3");
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
        refused("newer.db", mode, STORE_BAD, "newer midl (schema 3, this one knows 2)");
        refused("unversioned.db", mode, STORE_BAD, "another program");
    }
    refused("empty.db", STORE_READ, STORE_BAD, "is empty");
    store_close(open_store("empty.db", STORE_WRITE));
    store_close(open_store("empty.db", STORE_READ));
}

/* ---- Damage
 * ---------------------------------------------------------------------------------------- */

/* A database with a few hundred samples, as bytes. */
static char *small_database(size_t *ret_size)
{
    struct store_sample samples[50];
    struct store *store = open_store("small.db", STORE_WRITE);
    int64_t run_id = begin_run(store);

    for (int i = 0; i < 50; i++)
        samples[i] = (struct store_sample){i, 0, 100, 50 + i, 50 + i, false};
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

/* ---- Migration
 * ------------------------------------------------------------------------------------- */

static void make_version_1(const char *path)
{
    char *old = read_source("tests/fixtures/store-1.sql");

    raw(path, old);
    free(old);
}

static void migrated_equals_fresh(void **state)
{
    (void)state;
    make_version_1("old.db");
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

static void an_older_one_is_read_as_it_is(void **state)
{
    size_t size, size_after;
    char text[64] = "untouched";

    (void)state;
    make_version_1("asis.db");
    char *data = read_file("asis.db", &size);
    struct store *store = open_store("asis.db", STORE_READ);
    assert_string_equal(answer(store, "SELECT count(*) FROM points"), "3");
    assert_int_equal(
        store_query_text(store, "SELECT value FROM ceilings", NULL, 0, text, sizeof text),
        STORE_BAD);
    assert_line(store_error(store),
                "no such table: ceilings; the database is older (schema 1 of 2)");
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
    make_version_1("stuck.db");
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

    make_version_1("broken.db");
    raw("broken.db", "PRAGMA foreign_keys = OFF; DELETE FROM run WHERE run_id = 1");
    before = definition("broken.db");
    assert_int_equal(store_open("broken.db", STORE_WRITE, &store, error), STORE_BAD);
    assert_line(error, "rows refer to rows that are missing");
    after = definition("broken.db");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- Writing
 * --------------------------------------------------------------------------------------- */

/* The rows of a query as text. */
static char *rows_of(struct store *store, const char *sql, enum store_format format)
{
    static char *text;
    static size_t size;
    size_t rows;
    FILE *out = open_memstream(&text, &size);
    enum store_status status = store_query(store, sql, NULL, 0, format, out, &rows);

    fclose(out);
    if (status != STORE_OK && status != STORE_NONE)
        fail_msg("%s: %s", sql, store_error(store));
    return text;
}

static void assert_rows(struct store *store, const char *sql, const char *expected)
{
    char *text = rows_of(store, sql, STORE_CSV);
    char *body = strchr(text, '\n');

    assert_non_null(body);
    assert_string_equal(body + 1, expected);
    free(text);
}

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

/* Every field lands in the column of its name. */
static void every_field_comes_back(void **state)
{
    const struct store_sample samples[] = {{0, 1, 1000, 2.5, 2.25, false},
                                           {1, 0, 1000, 3.5, 3, true}};
    const struct store_counter counters[] = {{"instructions", "callgrind", NULL, 12.5, NAN},
                                             {"l1d_misses", "papi", "not supported", NAN, 0.5}};
    const struct store_point point = {.shape_key = "key",
                                      .kernel = "simd",
                                      .isa = "avx512",
                                      .dtype = "bf16",
                                      .linear = true,
                                      .d = 1,
                                      .n = 2,
                                      .k = 3,
                                      .rank = 4,
                                      .gate = "shared",
                                      .gate_rank = 5,
                                      .select_mode = "threshold",
                                      .block = 6,
                                      .threshold = 0.125,
                                      .unselected = "zero",
                                      .batch = 7,
                                      .threads = 8,
                                      .cache = "cold",
                                      .input = "in",
                                      .layer = "la",
                                      .blas_core = "Haswell",
                                      .status = "noisy",
                                      .reason = "drift",
                                      .error_ratio = 0.5,
                                      .time_ns = 10,
                                      .time_lo_ns = 9,
                                      .time_hi_ns = 11,
                                      .yardstick = "linear",
                                      .speedup = 2,
                                      .speedup_lo = 1.5,
                                      .speedup_hi = 2.5,
                                      .stop = "budget",
                                      .plan_ns = 12,
                                      .plan_bytes = 13,
                                      .flops = 20,
                                      .bytes = 40,
                                      .flops_gate = 16,
                                      .flops_light = 17,
                                      .flops_full = 18,
                                      .flops_blend = 19,
                                      .bytes_gate = 21,
                                      .bytes_light = 22,
                                      .bytes_full = 23,
                                      .bytes_io = 24,
                                      .comparisons = 25,
                                      .selected = 26,
                                      .distinct_rows = 27,
                                      .flops_ratio = 1.75,
                                      .bound_ns = 5,
                                      .samples = samples,
                                      .sample_count = 2,
                                      .counters = counters,
                                      .counter_count = 2};
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
        "bytes_full, bytes_io, comparisons, selected, distinct_rows, flops_ratio, bound_ns "
        "FROM point",
        "1,key,simd,avx512,bf16,1,1,2,3,4,shared,5,threshold,6,0.125,zero,7,8,cold,in,la,"
        "Haswell,noisy,drift,0.5,10,9,11,linear,2,1.5,2.5,budget,12,13,20,40,16,17,18,19,"
        "21,22,23,24,25,26,27,1.75,5\r\n");
    /* No column was forgotten: all 51 are the key and the 50 above. */
    assert_string_equal(answer(store, "SELECT count(*) FROM pragma_table_info('point')"), "51");
    assert_rows(store, "SELECT samples, active, gflops, gbps, bound_ratio FROM points",
                "2,1.5,2,4,0.5\r\n");
    assert_rows(store, "SELECT * FROM samples ORDER BY round",
                "1,0,1,1000,2.5,2.25,0\r\n1,1,0,1000,3.5,3,1\r\n");
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
    const struct store_sample twice[] = {{0, 0, 1, 1, 1, false}, {0, 1, 1, 1, 1, false}};
    const struct store_sample missing[] = {{0, 0, 1, NAN, 1, false}};
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

static void runs_resume(void **state)
{
    struct store *store = open_store("resume.db", STORE_WRITE);
    struct store_run other = a_run;
    struct store_point point = a_point("key", "gather");
    int64_t first = begin_run(store), second = begin_run(store), third = 0, found = -1;
    bool has = true;

    (void)state;
    other.git_commit = "def";
    assert_int_equal(store_run_begin(store, &other, NULL, 0, &third), STORE_OK);
    assert_int_equal(store_latest_run(store, NULL, &found), STORE_NONE);
    assert_int_equal(store_has_point(store, second, "key", "gather", "avx2", "f32", &has),
                     STORE_OK);
    assert_false(has);
    put(store, second, &point, 1);
    assert_int_equal(store_has_point(store, second, "key", "gather", "avx2", "f32", &has),
                     STORE_OK);
    assert_true(has);
    assert_int_equal(store_has_point(store, second, "key", "gather", "avx2", "bf16", &has),
                     STORE_OK);
    assert_false(has);

    assert_int_equal(store_run_end(store, second, "interrupted"), STORE_OK);
    assert_rows(store, "SELECT status, finished_utc FROM runs WHERE run_id = 2",
                "interrupted,\r\n");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", &found), STORE_OK);
    assert_true(found == second);
    assert_rows(store, "SELECT status FROM runs WHERE run_id = 2", "running\r\n");
    assert_int_equal(store_run_end(store, second, "finished"), STORE_OK);
    assert_string_equal(answer(store, "SELECT finished_utc >= started_utc FROM runs "
                                      "WHERE run_id = 2"),
                        "1");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", &found), STORE_OK);
    assert_true(found == first); /* killed, so still 'running' */
    assert_int_equal(store_run_end(store, first, "finished"), STORE_OK);
    found = -1;
    assert_int_equal(store_run_resume(store, "batch1", "hash", "abc", &found), STORE_NONE);
    assert_int_equal(store_run_resume(store, "batch1", "other", "def", &found), STORE_NONE);
    assert_int_equal(store_run_resume(store, "other", "hash", "def", &found), STORE_NONE);
    assert_true(found == -1);
    assert_line(store_error(store), "no unfinished run of suite other");
    assert_int_equal(store_run_resume(store, "batch1", "hash", "def", &found), STORE_OK);
    assert_true(found == third);

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

/* ---- Queries
 * --------------------------------------------------------------------------------------- */

static const char odd_cells[] =
    "SELECT 1 AS i, -0.1 AS r, 'plain' AS t, 'two words' AS w, NULL AS z, 1e999 AS inf, "
    "'say \"hi\",' || char(9, 10, 13) || 'é\\/' AS odd, '' AS e UNION ALL "
    "SELECT -9223372036854775808, 0.1 + 0.2, '#x', 'a,b', 'x', -1e999, x'ff41c3', 'NaN'";

static void rows_as_tsv(void **state)
{
    struct store *store = open_store("query.db", STORE_WRITE);

    (void)state;
    char *text = rows_of(store, odd_cells, STORE_TSV);
    assert_string_equal(text,
                        "# i\tr\tt\tw\tz\tinf\todd\te\n"
                        "1\t-0.1\tplain\t\"two words\"\tNaN\tInf\t\"say 'hi',   é\\/\"\t\"\"\n"
                        "-9223372036854775808\t0.30000000000000004\t\"#x\"\ta,b\tx\t-Inf\t"
                        "\xff"
                        "A\xc3\tNaN\n");
    free(text);
    text =
        rows_of(store, "SELECT 1 AS x, 2 AS \"y z\" UNION ALL SELECT NULL, 5 UNION ALL SELECT 3, 4",
                STORE_TSV);
    assert_string_equal(text, "# x\t\"y z\"\n1\t2\n\n\n3\t4\n");
    free(text);
    store_close(store);
}

static void rows_as_csv(void **state)
{
    struct store *store = open_store("query.db", STORE_WRITE);

    (void)state;
    char *text = rows_of(store, odd_cells, STORE_CSV);
    assert_string_equal(text, "i,r,t,w,z,inf,odd,e\r\n"
                              "1,-0.1,plain,two words,,Inf,\"say \"\"hi\"\",\t\n\ré\\/\",\"\"\r\n"
                              "-9223372036854775808,0.30000000000000004,#x,\"a,b\",x,-Inf,"
                              "\xff"
                              "A\xc3,NaN\r\n");
    free(text);
    store_close(store);
}

static void rows_as_json(void **state)
{
    struct store *store = open_store("query.db", STORE_WRITE);
    FILE *sink = fopen("/dev/null", "w");
    size_t rows;

    (void)state;
    char *text = rows_of(store, odd_cells, STORE_JSON);
    cJSON *json = cJSON_ParseWithOpts(text, NULL, 1);
    assert_non_null(json);
    assert_int_equal(cJSON_GetArraySize(json), 2);
    const cJSON *row = cJSON_GetArrayItem(json, 0), *last = cJSON_GetArrayItem(json, 1);
    assert_true(cJSON_GetObjectItem(row, "i")->valuedouble == 1);
    assert_true(cJSON_GetObjectItem(row, "r")->valuedouble == -0.1);
    assert_string_equal(cJSON_GetObjectItem(row, "odd")->valuestring, "say \"hi\",\t\n\ré\\/");
    assert_string_equal(cJSON_GetObjectItem(row, "e")->valuestring, "");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "z")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "inf")));
    assert_true(cJSON_GetObjectItem(last, "r")->valuedouble == 0.1 + 0.2);
    assert_string_equal(cJSON_GetObjectItem(last, "odd")->valuestring, "\xef\xbf\xbd"
                                                                       "A\xef\xbf\xbd");
    cJSON_Delete(json);
    free(text);
    text = rows_of(store, "SELECT 1 WHERE 0", STORE_JSON);
    assert_string_equal(text, "[]\n");
    free(text);
    assert_int_equal(store_query(store, "SELECT 1 AS a, 2 AS a", NULL, 0, STORE_JSON, sink, &rows),
                     STORE_BAD);
    assert_line(store_error(store), "two columns named a");
    fclose(sink);
    store_close(store);
}

static void parameters_are_bound_by_kind(void **state)
{
    static const struct {
        const char *text, *kind;
    } rows[] = {{"12", "integer"},
                {"-7", "integer"},
                {"+3", "integer"},
                {"1.5", "real"},
                {"1e3", "real"},
                {"-.5", "real"},
                {"", "text"},
                {"-", "text"},
                {"1.2.3", "text"},
                {"0x10", "text"},
                {"nan", "text"},
                {"inf", "text"},
                {"1e999", "text"},
                {" 1", "text"},
                {"e", "text"},
                {"9223372036854775808", "real"},
                {"x'; DROP TABLE run; --", "text"},
                {NULL, "null"}};
    struct store *store = open_store("query.db", STORE_WRITE);
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct store_fact parameters[] = {{"unused", "1"}, {"p", rows[i].text}};
        assert_int_equal(
            store_query_text(store, "SELECT typeof(:p)", parameters, 2, text, sizeof text),
            STORE_OK);
        assert_string_equal(text, rows[i].kind);
    }
    const struct store_fact two[] = {{"a", "20"}, {"b", "22"}};
    assert_int_equal(store_query_text(store, "SELECT :a + @b + $a + ifnull(:c, 100) + ifnull(?, 0)",
                                      two, 2, text, sizeof text),
                     STORE_OK);
    assert_string_equal(text, "162");
    store_close(store);
}

static void only_one_select_is_run(void **state)
{
    static const struct {
        const char *sql, *part;
    } bad[] = {
        {"", "no statement"},
        {" ; -- nothing\n", "no statement"},
        {"SELECT 1; SELECT 2", "more than one statement"},
        {"SELECT 1; DROP TABLE run", "more than one statement"},
        {"DELETE FROM run", "only a SELECT"},
        {"DELETE FROM run RETURNING run_id", "only a SELECT"},
        {"INSERT INTO run (run_id) VALUES (1)", "only a SELECT"},
        {"WITH x AS (SELECT 1) UPDATE run SET suite = 'x'", "only a SELECT"},
        {"DROP TABLE sample", "only a SELECT"},
        {"CREATE TEMP TABLE t (x)", "only a SELECT"},
        {"ATTACH 'attached.db' AS a", "only a SELECT"},
        {"VACUUM INTO 'attached.db'", "only a SELECT"},
        {"PRAGMA user_version = 9", "only a SELECT"},
        {"PRAGMA journal_mode = DELETE", "only a SELECT"},
        {"BEGIN", "only a SELECT"},
        {"SELECT x FROM points", "no such column: x"},
        {"SELECT * FROM nowhere", "no such table: nowhere"},
        {"SELEC 1", "syntax error"},
        {"SELECT 'open", "unrecognized token"},
        {"SELECT abs(-9223372036854775807 - 1)", "integer overflow"},
        {"SELECT load_extension('x')", ""},
    };
    struct store *store = open_store("query.db", STORE_WRITE);
    FILE *sink = fopen("/dev/null", "w");
    char text[8] = "same";
    size_t rows = 99;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(store_query(store, bad[i].sql, NULL, 0, STORE_CSV, sink, &rows),
                         STORE_BAD);
        assert_line(store_error(store), bad[i].part);
        assert_line(store_error(store), "query.db: ");
        assert_int_equal(store_query_text(store, bad[i].sql, NULL, 0, text, sizeof text),
                         STORE_BAD);
    }
    assert_true(rows == 99);
    assert_int_equal(access("attached.db", F_OK), -1);
    assert_string_equal(answer(store, "-- a comment\n;SELECT 3 /* x */ ; ; -- the end"), "3");
    assert_string_equal(answer(store,
                               "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
                               "WHERE x < 10) SELECT sum(x) FROM c"),
                        "55");
    assert_string_equal(answer(store, "SELECT * FROM pragma_user_version"), "2");
    assert_int_equal(store_query_text(store, "SELECT 1 WHERE 0", NULL, 0, text, sizeof text),
                     STORE_NONE);
    assert_int_equal(store_query_text(store, "SELECT NULL", NULL, 0, text, sizeof text),
                     STORE_NONE);
    assert_int_equal(store_query_text(store, "SELECT '12345678'", NULL, 0, text, sizeof text),
                     STORE_BAD);
    assert_string_equal(text, "same");
    assert_int_equal(store_query_text(store, "SELECT '1234567'", NULL, 0, text, sizeof text),
                     STORE_OK);
    assert_int_equal(store_query(store, "SELECT 1 WHERE 0", NULL, 0, STORE_TSV, sink, &rows),
                     STORE_NONE);
    assert_true(rows == 0);
    fclose(sink);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(store_query(store, "SELECT 1", NULL, 0, STORE_CSV, full, &rows),
                         STORE_MACHINE);
        assert_line(store_error(store), strerror(ENOSPC));
        fclose(full);
    }
    store_close(store);
}

/* ---- Groups, as the next tests write them
 * ----------------------------------------------------------- */

enum { GROUP_POINTS = 3, GROUP_SAMPLES = 40 };

static enum store_status put_group(struct store *store, int64_t run_id, int group)
{
    static const char *const kernels[GROUP_POINTS] = {"linear", "gather", "simd"};
    struct store_sample samples[GROUP_SAMPLES];
    struct store_point points[GROUP_POINTS];
    char key[32];

    snprintf(key, sizeof key, "group %d", group);
    for (int i = 0; i < GROUP_SAMPLES; i++)
        samples[i] = (struct store_sample){i, 0, 100, group + i, group + i, false};
    for (int i = 0; i < GROUP_POINTS; i++) {
        points[i] = a_point(key, kernels[i]);
        points[i].samples = samples;
        points[i].sample_count = GROUP_SAMPLES;
    }
    return store_put_points(store, run_id, points, GROUP_POINTS);
}

/* How many groups there are; every one of them must be whole and numbered without gaps. */
static int count_whole_groups(struct store *store)
{
    char expected[32];
    const char *text = answer(store, "SELECT count(DISTINCT shape_key) FROM points");
    int groups = atoi(text);

    snprintf(expected, sizeof expected, "%d %d", groups * GROUP_POINTS,
             groups * GROUP_POINTS * GROUP_SAMPLES);
    assert_string_equal(answer(store, "SELECT (SELECT count(*) FROM point) || ' ' || "
                                      "(SELECT count(*) FROM sample)"),
                        expected);
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE samples <> 40"), "0");
    if (groups > 0) {
        snprintf(expected, sizeof expected, "%d", groups - 1);
        assert_string_equal(answer(store, "SELECT max(CAST(substr(shape_key, 7) AS INTEGER)) "
                                          "FROM points"),
                            expected);
    }
    return groups;
}

/* ---- Kill -9
 * --------------------------------------------------------------------------------------- */

/* Commit groups for ever, from where the last one stopped, and tell each committed one. */
static int write_for_ever(const char *path, int pipe_end)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE], count[16];
    int64_t run_id;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK)
        return 1;
    if (store_run_resume(store, "batch1", "hash", "abc", &run_id) != STORE_OK &&
        store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        return 2;
    if (store_query_text(store, "SELECT count(DISTINCT shape_key) FROM points", NULL, 0, count,
                         sizeof count) != STORE_OK)
        return 3;
    for (int group = atoi(count);; group++) {
        if (put_group(store, run_id, group) != STORE_OK)
            return 4;
        if (write(pipe_end, &group, sizeof group) != sizeof group)
            return 5;
    }
}

static void committed_groups_survive_kill(void **state)
{
    enum { KILLS = 40 };
    struct rng rng = rng_seed(9);
    int known = 0, inside = 0; /* groups known to be committed; kills that came between two */

    (void)state;
    for (int kill_number = 0; kill_number < KILLS; kill_number++) {
        int ends[2], status = 0, group = 0;
        uint32_t wait_for = rng_below(&rng, 8), wait_us = rng_below(&rng, 20000);

        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(write_for_ever("killed.db", ends[1]));
        close(ends[1]);
        for (uint32_t i = 0; i < wait_for && read(ends[0], &group, sizeof group) > 0; i++)
            known = group + 1;
        usleep(wait_us);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            fail_msg("the writer ended by itself: %d", WEXITSTATUS(status));
        while (read(ends[0], &group, sizeof group) == sizeof group)
            known = group + 1;
        close(ends[0]);

        /* First as a reader finds it, then as the next writer does; every other time, only that. */
        if (access("killed.db", F_OK) != 0)
            continue;
        if (kill_number % 2 == 0 && known > 0) {
            struct store *reader = open_store("killed.db", STORE_READ);
            assert_in_range(count_whole_groups(reader), known, known + 1);
            store_close(reader);
        }
        struct store *store = open_store("killed.db", STORE_WRITE);
        assert_string_equal(answer(store, "SELECT group_concat(integrity_check) FROM "
                                          "pragma_integrity_check"),
                            "ok");
        int groups = count_whole_groups(store);
        assert_in_range(groups, known, known + 1);
        inside += groups > known;
        known = groups;
        store_close(store);
    }
    assert_true(known >= KILLS);
    print_message("%d groups after %d kills, %d committed but not yet told\n", known, KILLS,
                  inside);
}

/* ---- A full disk
 * ----------------------------------------------------------------------------------- */

/* Fill until it fails, then have `make_room` help and go on with the same store. Exit status: 0, or
 * the number of the check that failed. */
static int fill_and_recover(const char *path, const char *part, void (*make_room)(void))
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    int64_t run_id;
    int group = 0;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK)
        return 10;
    if (store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        return 11;
    enum store_status status = STORE_OK;
    while (status == STORE_OK && group < 5000) {
        status = put_group(store, run_id, group);
        group += status == STORE_OK;
    }
    if (status != STORE_MACHINE || group == 0)
        return 12;
    if (!strstr(store_error(store), part) || strchr(store_error(store), '\n') ||
        strncmp(store_error(store), path, strlen(path)) != 0)
        return 13;
    char stored[16], expected[16];
    snprintf(expected, sizeof expected, "%d", group * GROUP_POINTS);
    if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, stored, sizeof stored) !=
            STORE_OK ||
        strcmp(stored, expected) != 0)
        return 14;
    make_room();
    for (int i = 0; i < 3; i++)
        if (put_group(store, run_id, group++) != STORE_OK)
            return 15;
    store_close(store);

    if (store_open(path, STORE_READ, &store, error) != STORE_OK)
        return 16;
    snprintf(expected, sizeof expected, "%d", group * GROUP_POINTS);
    if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, stored, sizeof stored) !=
            STORE_OK ||
        strcmp(stored, expected) != 0)
        return 17;
    if (store_query_text(store, "SELECT * FROM pragma_integrity_check", NULL, 0, stored,
                         sizeof stored) != STORE_OK ||
        strcmp(stored, "ok") != 0)
        return 18;
    store_close(store);
    return 0;
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void lift_file_size(void)
{
    limit_file_size(RLIM_INFINITY);
}

static int fill_to_a_limit(const void *data)
{
    (void)data;
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(300000);
    return fill_and_recover("limited.db", "disk, quota and limits", lift_file_size);
}

static void a_file_size_limit_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(fill_to_a_limit, NULL), 0);
    struct store *store = open_store("limited.db", STORE_WRITE);
    assert_true(count_whole_groups(store) >= 3);
    store_close(store);
}

static void remove_filler(void)
{
    unlink("full/filler");
}

enum { CANNOT_MOUNT = 77 };

static int fill_a_small_disk(const void *data)
{
    static const char filler[500000] = {1};

    (void)data;
    if (mkdir("full", 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "full", "tmpfs", 0, "size=1m") != 0) {
        print_message("no small disk to fill: %s\n", strerror(errno));
        return CANNOT_MOUNT;
    }
    int file = open("full/filler", O_WRONLY | O_CREAT, 0644);
    if (file < 0 || write(file, filler, sizeof filler) != sizeof filler || close(file) != 0)
        return 9;
    int result = fill_and_recover("full/x.db", "the disk is full", remove_filler);
    umount("full");
    return result;
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    int result = in_child(fill_a_small_disk, NULL);
    if (result == CANNOT_MOUNT)
        skip();
    assert_int_equal(result, 0);
}

/* ---- Folders that can't be written to
 * --------------------------------------------------------------- */

/* As a user that owns nothing: 0 if every answer is right, CANNOT_MOUNT if we can't be that user.
 */
static int visit_as_nobody(const void *data)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE], text[16];
    static const char *const readable[] = {"locked/wal.db", "locked/plain.db"};

    (void)data;
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        print_message("can't become another user: %s\n", strerror(errno));
        return CANNOT_MOUNT;
    }
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        if (store_open(readable[i], STORE_READ, &store, error) != STORE_OK)
            return 1;
        if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, text, sizeof text) !=
                STORE_OK ||
            strcmp(text, "1") != 0)
            return 2;
        store_close(store);
        if (store_open(readable[i], STORE_WRITE, &store, error) != STORE_MACHINE ||
            !strstr(error, "not writable") || !strstr(error, readable[i]))
            return 3;
    }
    if (store_open("locked/writable.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "locked/writable.db"))
        return 4;
    if (store_open("locked/new.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "permissions"))
        return 5;
    if (store_open("locked/sub/new.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "cannot make its folder"))
        return 6;
    if (store_open("locked/secret.db", STORE_READ, &store, error) != STORE_MACHINE ||
        !strstr(error, "permissions"))
        return 7;
    return 0;
}

static void folders_without_permission(void **state)
{
    struct store_point point = a_point("key", "gather");

    (void)state;
    struct store *store = open_store("locked/wal.db", STORE_WRITE);
    put(store, begin_run(store), &point, 1);
    store_close(store);
    raw("locked/wal.db", "VACUUM INTO 'locked/plain.db'");
    raw("locked/wal.db", "VACUUM INTO 'locked/writable.db'");
    raw("locked/wal.db", "VACUUM INTO 'locked/secret.db'");
    assert_int_equal(chmod("locked/wal.db", 0444), 0);
    assert_int_equal(chmod("locked/plain.db", 0444), 0);
    assert_int_equal(chmod("locked/writable.db", 0666), 0);
    assert_int_equal(chmod("locked/secret.db", 0), 0);
    assert_int_equal(chmod("locked", 0555), 0);
    int result = in_child(visit_as_nobody, NULL);
    assert_int_equal(chmod("locked", 0755), 0);
    if (result == CANNOT_MOUNT)
        skip();
    assert_int_equal(result, 0);
}

/* ---- Many at once
 * ---------------------------------------------------------------------------------- */

/* What one of the crowd does: its own run, and a try at a point that all want in run 1. */
static int join_crowd(const char *path)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    struct store_point point = a_point("shared", "gather");
    int64_t run_id;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK)
        return 2;
    if (store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        return 3;
    for (int group = 0; group < 4; group++)
        if (put_group(store, run_id, group) != STORE_OK)
            return 4;
    enum store_status status = store_put_points(store, 1, &point, 1);
    store_close(store);
    return status == STORE_OK ? 0 : status == STORE_BAD ? 1 : 5;
}

/* Start a crowd at one moment; 0 if all did well and exactly one stored the shared point. */
static void crowd(const char *path, int runs_before)
{
    enum { CROWD = 6 };
    pid_t children[CROWD];
    int gate[2], winners = 0;
    char expected[32];

    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < CROWD; i++) {
        char go;
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(gate[1]);
            _exit(read(gate[0], &go, 1) == 0 ? join_crowd(path) : 6);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < CROWD; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 1);
        winners += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(winners, 1);
    struct store *store = open_store(path, STORE_READ);
    snprintf(expected, sizeof expected, "%d", CROWD + runs_before);
    assert_string_equal(answer(store, "SELECT count(*) FROM runs"), expected);
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE shape_key = 'shared'"),
                        "1");
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE shape_key LIKE 'group %'"),
                        "72");
    assert_string_equal(answer(store, "SELECT * FROM pragma_integrity_check"), "ok");
    store_close(store);
}

static void a_crowd_makes_one_database(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        char path[32];
        snprintf(path, sizeof path, "crowd%d/new.db", i);
        crowd(path, 0);
    }
}

static void a_crowd_migrates_once(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char path[32];
        snprintf(path, sizeof path, "crowd-old%d.db", i);
        make_version_1(path);
        crowd(path, 2);
        char *migrated = definition(path), *fresh = definition("crowd0/new.db");
        assert_string_equal(migrated, fresh);
        free(migrated);
        free(fresh);
    }
}

static void a_second_writer_is_told(void **state)
{
    struct store *first = open_store("busy.db", STORE_WRITE), *second;
    struct store_point point = a_point("key", "gather");
    int64_t run_id = begin_run(first);

    (void)state;
    second = open_store("busy.db", STORE_WRITE);
    sqlite3_busy_timeout(second->db, 10);
    assert_int_equal(sqlite3_exec(first->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_put_points(second, run_id, &point, 1), STORE_MACHINE);
    assert_line(store_error(second), "another process");
    assert_string_equal(answer(second, "SELECT count(*) FROM points"), "0"); /* readers go on */
    assert_int_equal(sqlite3_exec(first->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    put(second, run_id, &point, 1);
    assert_string_equal(answer(first, "SELECT count(*) FROM points"), "1");
    store_close(first);
    store_close(second);
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
        cmocka_unit_test(runs_resume),
        cmocka_unit_test(rows_as_tsv),
        cmocka_unit_test(rows_as_csv),
        cmocka_unit_test(rows_as_json),
        cmocka_unit_test(parameters_are_bound_by_kind),
        cmocka_unit_test(only_one_select_is_run),
        cmocka_unit_test(committed_groups_survive_kill),
        cmocka_unit_test(a_file_size_limit_loses_nothing),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(folders_without_permission),
        cmocka_unit_test(a_crowd_makes_one_database),
        cmocka_unit_test(a_crowd_migrates_once),
        cmocka_unit_test(a_second_writer_is_told),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

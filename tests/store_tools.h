/* store_tools.h - what the tests of the store share: a folder of their own, files, SQLite past the
 * store, a run and a point to store, and assertions that say what was found. Comes first: it asks
 * for the GNU names of the system headers. */
#ifndef MIDL_STORE_TOOLS_H
#define MIDL_STORE_TOOLS_H

#define _GNU_SOURCE
#include <ftw.h>
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

#include <cmocka.h>

#include "store_internal.h"

static char folder[] = "/tmp/midl-store-XXXXXX";

static inline int make_test_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 && chmod(folder, 0755) == 0 ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *info, int type,
                               struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static inline int remove_test_folder(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static inline char *read_file(const char *path, size_t *ret_size)
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

static inline void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A file of the source tree. */
static inline char *read_source(const char *name)
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
static inline void raw(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", path, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static inline struct store *open_store(const char *path, enum store_mode mode)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];

    if (store_open(path, mode, &store, error) != STORE_OK)
        fail_msg("%s", error);
    return store;
}

/* The single answer of a query; static storage. */
static inline const char *answer(struct store *store, const char *sql)
{
    static char text[4096];

    text[0] = '\0';
    if (store_query_text(store, sql, NULL, 0, text, sizeof text) != STORE_OK)
        fail_msg("%s: %s", sql, store_error(store));
    return text;
}

/* clang-format off */
static const struct store_run a_run = {
    .suite = "batch1", .suite_hash = "hash", .git_commit = "abc", .version = "0.1.0",
    .host = "host", .cpu = "cpu", .isa = "avx2", .compiler = "gcc", .flags = "release",
    .argv = "midl sweep", .seed = 1};

static inline struct store_point a_point(const char *shape_key, const char *kernel)
{
    return (struct store_point){
        .shape_key = shape_key, .kernel = kernel, .isa = "avx2", .dtype = "f32", .d = 64, .n = 64,
        .k = 16, .rank = 2, .gate = "lowrank", .gate_rank = 2, .select_mode = "topk",
        .threshold = NAN, .unselected = "light", .batch = 1, .threads = 1, .cache = "warm",
        .input = "random", .layer = "random", .status = "ok", .error_ratio = 0.25, .time_ns = 50,
        .time_lo_ns = 49, .time_hi_ns = 51.5, .speedup = NAN, .speedup_lo = NAN, .speedup_hi = NAN,
        .plan_ns = NAN, .plan_bytes = NAN, .flops = 1000, .bytes = 2000, .flops_gate = NAN,
        .flops_light = NAN, .flops_full = NAN, .flops_blend = NAN, .bytes_gate = NAN,
        .bytes_light = NAN, .bytes_full = NAN, .bytes_io = NAN, .comparisons = NAN,
        .selected = NAN, .distinct_rows = NAN, .flops_ratio = NAN, .bound_ns = 25};
}
/* clang-format on */

static inline int64_t begin_run(struct store *store)
{
    int64_t run_id = 0;

    if (store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        fail_msg("%s", store_error(store));
    return run_id;
}

static inline void put(struct store *store, int64_t run_id, const struct store_point *points,
                       size_t count)
{
    if (store_put_points(store, run_id, points, count) != STORE_OK)
        fail_msg("%s", store_error(store));
}

static inline void assert_line(const char *text, const char *part)
{
    if (!strstr(text, part) || strchr(text, '\n') || strlen(text) >= STORE_ERROR_SIZE - 1)
        fail_msg("\"%s\" is not a line with \"%s\"", text, part);
}

/* Opening must fail so, and leave the file as it is. */
static inline void refused(const char *path, enum store_mode mode, enum store_status status,
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

/* Everything that defines a database, without comments and white space. */
static inline char *definition(const char *path)
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

/* A database as that version of the schema made it. */
static inline void make_version(int version, const char *path)
{
    char name[64];
    snprintf(name, sizeof name, "tests/fixtures/store-%d.sql", version);
    char *old = read_source(name);

    raw(path, old);
    free(old);
}

/* The rows of a query as text; the caller frees it. */
static inline char *rows_of(struct store *store, const char *sql, enum store_format format)
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

static inline void assert_rows(struct store *store, const char *sql, const char *expected)
{
    char *text = rows_of(store, sql, STORE_CSV);
    char *body = strchr(text, '\n');

    assert_non_null(body);
    assert_string_equal(body + 1, expected);
    free(text);
}

#endif

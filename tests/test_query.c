/* test_query.c - one SELECT to TSV, CSV and JSON: exact text, parameters, and what is refused. */
#include "store_tools.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <cJSON.h>

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

static void ends_that_print_the_same_stand_once(void **state)
{
    static const struct {
        const char *call, *text;
    } rows[] = {{"from_to(0.701, 0.86, 2)", "0.70 to 0.86"},
                {"from_to(0.701, 0.699, 2)", "0.70"},
                {"from_to(1, 2, 1, 'x')", "1.0x to 2.0x"},
                {"from_to(1.04, 1, 1, 'x')", "1.0x"},
                {"from_to(1, 2, -3)", "1 to 2"},
                {"ifnull(from_to(NULL, 2, 1), 'none')", "none"},
                {"ifnull(from_to(1, NULL, 1), 'none')", "none"},
                {"from_to(1, 2, 1000000000)", "1.000000000 to 2.000000000"}};
    struct store *store = open_store("query.db", STORE_WRITE);
    char sql[96], text[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(sql, sizeof sql, "SELECT %s", rows[i].call);
        assert_int_equal(store_query_text(store, sql, NULL, 0, text, sizeof text), STORE_OK);
        assert_string_equal(text, rows[i].text);
    }
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
        {"PRAGMA locking_mode = EXCLUSIVE", "only a SELECT"},
        {"PRAGMA busy_timeout = 0", "only a SELECT"},
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
    assert_string_equal(text, "same");
    assert_int_equal(access("attached.db", F_OK), -1);
    fclose(sink);
    store_close(store);
}

/* Comments and empty statements around it are none; it may have no rows, no value, or one that is
 * too long; where it goes may be full. */
static void one_select_is_answered(void **state)
{
    struct store *store = open_store("answered.db", STORE_WRITE);
    FILE *sink = fopen("/dev/null", "w");
    char text[8] = "same";
    size_t rows = 99;

    (void)state;
    assert_string_equal(answer(store, "-- a comment\n;SELECT 3 /* x */ ; ; -- the end"), "3");
    assert_string_equal(answer(store,
                               "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
                               "WHERE x < 10) SELECT sum(x) FROM c"),
                        "55");
    assert_int_equal(atoi(answer(store, "SELECT * FROM pragma_user_version")),
                     store_newest_version);
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

/* What a figure asks of a database of any size must go by index: its run's points, and of the
 * samples only theirs. */
static void figures_search_by_index(void **state)
{
    struct store *store = open_store("query.db", STORE_WRITE);

    (void)state;
    char *plan = rows_of(store,
                         "EXPLAIN QUERY PLAN SELECT kernel, active, time_ns, samples FROM points "
                         "WHERE run_id = 1 AND status = 'ok' ORDER BY kernel, active",
                         STORE_CSV);
    assert_non_null(strstr(plan, "SEARCH p USING INDEX point_by_run (run_id=?)"));
    assert_non_null(strstr(plan, "SEARCH s USING PRIMARY KEY (point_id=?)"));
    assert_null(strstr(plan, "SCAN"));
    free(plan);
    store_close(store);
}

/* ---- A run for Google Benchmark's tools ----------------------------------------------------- */

static cJSON *gbench_of(struct store *store, int64_t run_id)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    enum store_status status = store_write_gbench(store, run_id, out);

    fclose(out);
    if (status != STORE_OK)
        fail_msg("%s", store_error(store));
    cJSON *json = cJSON_ParseWithOpts(text, NULL, true);
    if (!json)
        fail_msg("no JSON: %s", text);
    free(text);
    return json;
}

static const char *word_at(const cJSON *rows, int row, const char *key)
{
    const char *text =
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(rows, row), key));
    return text ? text : "";
}

static double number_at(const cJSON *rows, int row, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetArrayItem(rows, row), key));
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * fabs(expected)))
        fail_msg("%.17g, expected %.17g", value, expected);
}

/* Times of a build that isn't optimised, or is sanitised, are told to be of one. */
static void builds_as_gbench(void **state)
{
    static const char *const builds[][2] = {
        {"release", "release"},
        {"buildtype=release optimization=3 sanitize=none lto=false c_args=", "release"},
        {"buildtype=debug optimization=0 sanitize=none lto=false c_args=", "debug"},
        {"buildtype=custom optimization=g sanitize=none c_args=", "debug"},
        {"buildtype=release optimization=3 sanitize=address,undefined c_args=", "debug"},
        {"buildtype=release optimization=3 sanitize=none c_args=-O0 -g", "debug"},
    };
    struct store *store = open_store("builds.db", STORE_WRITE);
    (void)state;
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        struct store_run run = a_run;
        int64_t run_id;
        run.flags = builds[i][0];
        assert_int_equal(store_run_begin(store, &run, NULL, 0, &run_id), STORE_OK);
        cJSON *json = gbench_of(store, run_id);
        const cJSON *context = cJSON_GetObjectItem(json, "context");
        assert_string_equal(
            cJSON_GetStringValue(cJSON_GetObjectItem(context, "library_build_type")), builds[i][1]);
        cJSON_Delete(json);
    }
    store_close(store);
}

/* The rows of four samples of one point, then their aggregates. */
static void assert_samples_as_gbench(const cJSON *rows)
{
    static const char *const names[] = {"", "", "", "", "_mean", "_median", "_stddev", "_cv"};
    static const double real[] = {10, 20, 40, 30, 25, 25, 12.909944487358056, 0.51639777949432224};
    for (int i = 0; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "simd-avx2/d:64/n:64/dtype:f32%s", names[i]);
        assert_string_equal(word_at(rows, i, "name"), name);
        assert_string_equal(word_at(rows, i, "run_name"), "simd-avx2/d:64/n:64/dtype:f32");
        assert_string_equal(word_at(rows, i, "run_type"), i < 4 ? "iteration" : "aggregate");
        assert_string_equal(word_at(rows, i, "time_unit"), "ns");
        near(number_at(rows, i, "repetitions"), 4);
        near(number_at(rows, i, "real_time"), real[i]);
        near(number_at(rows, i, "iterations"), i < 4 ? 7 : 4);
        if (i < 4)
            near(number_at(rows, i, "repetition_index"), i);
        if (i < 6)
            near(number_at(rows, i, "speedup") * number_at(rows, i, "flops"), 1500);
        if (i >= 4)
            assert_string_equal(word_at(rows, i, "aggregate_name"), names[i] + 1);
    }
    near(number_at(rows, 6, "cpu_time"), 0);
}

/* Every sample is a row, then the aggregates; what wasn't measured says why. */
static void run_as_gbench(void **state)
{
    struct store_sample samples[] = {{.round = 0, .iterations = 7, .real_ns = 10, .cpu_ns = 9},
                                     {.round = 1, .iterations = 7, .real_ns = 20, .cpu_ns = 9},
                                     {.round = 2, .iterations = 7, .real_ns = 40, .cpu_ns = 9},
                                     {.round = 3, .iterations = 7, .real_ns = 30, .cpu_ns = 9}};
    struct store *store = open_store("gbench.db", STORE_WRITE);
    int64_t run_id = begin_run(store);
    struct store_point points[] = {a_point("d=64 n=64 dtype=f32", "simd"),
                                   a_point("d=8 n=8 dtype=f32", "simd"),
                                   a_point("d=8 n=8 dtype=f32", "masked")};

    (void)state;
    for (size_t i = 0; i < 4; i++)
        samples[i].reference_ns = samples[i].stolen = NAN;
    points[0].samples = samples;
    points[0].sample_count = 4;
    points[0].speedup = points[0].speedup_lo = points[0].speedup_hi = 1.5;
    points[1].status = "skipped";
    points[1].reason = "say \"why\",\nand\xff";
    points[2].status = "failed";
    points[2].reason = "wrong";
    points[2].isa = "generic";
    put(store, run_id, points, 3);
    cJSON *json = gbench_of(store, run_id);
    const cJSON *rows = cJSON_GetObjectItem(json, "benchmarks");
    const cJSON *context = cJSON_GetObjectItem(json, "context");
    near(cJSON_GetNumberValue(cJSON_GetObjectItem(context, "json_schema_version")), 1);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(context, "host_name")), "host");
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(context, "argv")), "midl sweep");
    assert_int_equal(cJSON_GetArraySize(rows), 4 + 4 + 2);
    assert_samples_as_gbench(rows);
    assert_string_equal(word_at(rows, 8, "skip_message"), "say \"why\",\nand\xef\xbf\xbd");
    assert_string_equal(word_at(rows, 9, "error_message"), "wrong");
    assert_string_equal(word_at(rows, 9, "name"), "masked/d:8/n:8/dtype:f32");
    cJSON_Delete(json);

    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_int_equal(store_write_gbench(store, run_id, full), STORE_MACHINE);
        fclose(full);
    }
    FILE *sink = fopen("/dev/null", "w");
    assert_int_equal(store_write_gbench(store, run_id + 1, sink), STORE_NONE);
    fclose(sink);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_as_tsv),
        cmocka_unit_test(rows_as_csv),
        cmocka_unit_test(rows_as_json),
        cmocka_unit_test(parameters_are_bound_by_kind),
        cmocka_unit_test(ends_that_print_the_same_stand_once),
        cmocka_unit_test(only_one_select_is_run),
        cmocka_unit_test(one_select_is_answered),
        cmocka_unit_test(figures_search_by_index),
        cmocka_unit_test(run_as_gbench),
        cmocka_unit_test(builds_as_gbench),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

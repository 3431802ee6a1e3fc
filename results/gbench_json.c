/* gbench_json.c - a run as Google Benchmark writes its own results.
 *
 * Every raw sample is a repetition of its point, followed by the aggregates that Google Benchmark
 * makes of repetitions. Nothing but the samples of one point is held in memory.
 */
#include "store_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char writing[] = "write Google Benchmark's JSON";

static const char *text_at(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

static double real_at(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN
                                                           : sqlite3_column_double(row, column);
}

/* ---- Context --------------------------------------------------------------------------------- */

/* The facts of the run that Google Benchmark has no name for: strings, as it writes its own custom
 * context. */
static const char facts_sql[] =
    "SELECT 'suite', suite FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'status', status FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'git_commit', git_commit FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'version', version FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'cpu', cpu FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'isa', isa FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'compiler', compiler FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'flags', flags FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'argv', argv FROM run WHERE run_id = ?1 UNION ALL "
    "SELECT 'environment.' || name, value FROM environment WHERE run_id = ?1";

/* The build type is that of the code that was timed: tools warn of the times of "debug". */
#define BUILD_TYPE                                                                                 \
    "CASE WHEN flags LIKE '%optimization=0%' OR flags LIKE '%optimization=g%' "                    \
    "OR flags LIKE '%-O0%' OR (flags LIKE '%sanitize=%' AND flags NOT LIKE '%sanitize=none%') "    \
    "THEN 'debug' ELSE 'release' END "

static const char context_sql[] =
    "SELECT started_utc, host, "
    "(SELECT CAST(value AS INTEGER) FROM environment e WHERE e.run_id = r.run_id AND name = "
    "'cores'), "
    "(SELECT value FROM environment e WHERE e.run_id = r.run_id AND name = "
    "'google_benchmark'), " BUILD_TYPE "FROM run r WHERE run_id = ?1";

static enum store_status print_facts(struct store *store, int64_t run_id, FILE *out)
{
    sqlite3_stmt *row = NULL;
    struct value key = as_integer(run_id);
    enum store_status status = store_prepare(store, facts_sql, writing, &row);
    if (status != STORE_OK)
        return status;
    int code = store_step(row, &key, 1);
    for (; code == SQLITE_ROW; code = sqlite3_step(row))
        store_print_json_member(out, text_at(row, 0), text_at(row, 1));
    if (code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, writing);
    sqlite3_finalize(row);
    return status;
}

static enum store_status print_context(struct store *store, int64_t run_id, FILE *out)
{
    sqlite3_stmt *row = NULL;
    struct value key = as_integer(run_id);
    enum store_status status = store_prepare(store, context_sql, writing, &row);
    if (status != STORE_OK)
        return status;
    int code = store_step(row, &key, 1);
    if (code == SQLITE_ROW) {
        fputs("{\n\"context\": {", out);
        store_print_json_name(out, "json_schema_version", true);
        fputs("1", out);
        store_print_json_member(out, "date", text_at(row, 0));
        store_print_json_member(out, "host_name", text_at(row, 1));
        store_print_json_member(out, "executable", "midl");
        store_print_json_number(out, "num_cpus", real_at(row, 2));
        store_print_json_member(out, "library_version", text_at(row, 3));
        store_print_json_member(out, "library_build_type", text_at(row, 4));
        fputs(", \"caches\": [], \"load_avg\": []", out);
        status = print_facts(store, run_id, out);
        fputs("},\n\"benchmarks\": [", out);
    } else if (code == SQLITE_DONE) {
        status = store_fail(store, STORE_NONE, "there is no run %lld", (long long)run_id);
    } else {
        status = store_fail_sqlite(store, code, writing);
    }
    sqlite3_finalize(row);
    return status;
}

/* ---- Points ---------------------------------------------------------------------------------- */

/* The name holds all that tells points of a run apart: variant, and every word of the shape. */
static const char points_sql[] =
    "SELECT point_id, kernel || CASE isa WHEN 'generic' THEN '' ELSE '-' || isa END || '/' || "
    "replace(replace(shape_key, ' ', '/'), '=', ':') || "
    "CASE WHEN instr(shape_key, 'dtype=' || dtype) THEN '' ELSE '/weights:' || dtype END, "
    "threads, status, reason, flops, bytes, flops_ratio, speedup "
    "FROM point WHERE run_id = ?1 ORDER BY point_id";

static const char samples_sql[] =
    "SELECT iterations, real_ns, cpu_ns FROM sample WHERE point_id = ?1 ORDER BY round";

struct times {
    double *real_ns, *cpu_ns;
    int64_t *iterations;
    size_t count, room;
};

static void times_clear(struct times *times)
{
    free(times->real_ns);
    free(times->cpu_ns);
    free(times->iterations);
    *times = (struct times){.count = 0};
}

static bool times_grow(struct times *times)
{
    size_t room = times->room ? 2 * times->room : 256;
    double *real_ns = realloc(times->real_ns, room * sizeof *real_ns);
    times->real_ns = real_ns ? real_ns : times->real_ns;
    double *cpu_ns = realloc(times->cpu_ns, room * sizeof *cpu_ns);
    times->cpu_ns = cpu_ns ? cpu_ns : times->cpu_ns;
    int64_t *iterations = realloc(times->iterations, room * sizeof *iterations);
    times->iterations = iterations ? iterations : times->iterations;
    bool ok = real_ns && cpu_ns && iterations;
    times->room = ok ? room : times->room;
    return ok;
}

static enum store_status read_times(struct store *store, sqlite3_stmt *samples, int64_t point_id,
                                    struct times *ret)
{
    struct value key = as_integer(point_id);
    int code = store_step(samples, &key, 1);
    ret->count = 0;
    for (; code == SQLITE_ROW; code = sqlite3_step(samples)) {
        if (ret->count == ret->room && !times_grow(ret))
            return store_fail_sqlite(store, SQLITE_NOMEM, writing);
        ret->iterations[ret->count] = sqlite3_column_int64(samples, 0);
        ret->real_ns[ret->count] = sqlite3_column_double(samples, 1);
        ret->cpu_ns[ret->count++] = sqlite3_column_double(samples, 2);
    }
    sqlite3_reset(samples);
    return code == SQLITE_DONE ? STORE_OK : store_fail_sqlite(store, code, writing);
}

/* Print the beginning that all rows of a point share. `suffix` of the name: "", "_mean", ... */
static void print_head(FILE *out, sqlite3_stmt *point, int64_t family, size_t repetitions,
                       const char *suffix, bool first)
{
    const char *name = text_at(point, 1);
    fputs(first ? "\n{" : ",\n{", out);
    store_print_json_name(out, "family_index", true);
    fprintf(out, "%lld", (long long)family);
    store_print_json_number(out, "per_family_instance_index", 0);
    store_print_json_member(out, "run_name", name);
    store_print_json_member(out, "run_type", *suffix ? "aggregate" : "iteration");
    store_print_json_number(out, "repetitions", (double)repetitions);
    store_print_json_number(out, "threads", real_at(point, 2));
    /* The name last of these: it is the run's, with the suffix. */
    store_print_json_name(out, "name", false);
    fputs("\"", out);
    store_print_json_inside(out, name, strlen(name));
    fprintf(out, "%s\"", suffix);
}

static void print_times(FILE *out, double iterations, double real_ns, double cpu_ns)
{
    store_print_json_number(out, "iterations", iterations);
    store_print_json_number(out, "real_time", real_ns);
    store_print_json_number(out, "cpu_time", cpu_ns);
    store_print_json_member(out, "time_unit", "ns");
}

static void print_counters(FILE *out, sqlite3_stmt *point)
{
    store_print_json_number(out, "flops", real_at(point, 5));
    store_print_json_number(out, "bytes", real_at(point, 6));
    store_print_json_number(out, "flops_ratio", real_at(point, 7));
    store_print_json_number(out, "speedup", real_at(point, 8));
}

static void print_samples(FILE *out, sqlite3_stmt *point, int64_t family, const struct times *times,
                          bool first)
{
    for (size_t i = 0; i < times->count; i++) {
        print_head(out, point, family, times->count, "", first && i == 0);
        store_print_json_number(out, "repetition_index", (double)i);
        print_times(out, (double)times->iterations[i], times->real_ns[i], times->cpu_ns[i]);
        print_counters(out, point);
        fputs("}", out);
    }
}

struct summary {
    double mean, median, stddev;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the values. */
static struct summary summarise(double *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    qsort(values, count, sizeof *values, compare_doubles);
    return (struct summary){.mean = mean,
                            .median = (values[(count - 1) / 2] + values[count / 2]) / 2,
                            .stddev = count > 1 ? sqrt(squares / (double)(count - 1)) : 0};
}

static void print_aggregate(FILE *out, sqlite3_stmt *point, int64_t family, size_t repetitions,
                            const char *suffix, double real, double cpu)
{
    bool share = strcmp(suffix, "_cv") == 0, spread = share || strcmp(suffix, "_stddev") == 0;
    print_head(out, point, family, repetitions, suffix, false);
    store_print_json_member(out, "aggregate_name", suffix + 1);
    store_print_json_member(out, "aggregate_unit", share ? "percentage" : "time");
    print_times(out, (double)repetitions, real, cpu);
    if (!spread)
        print_counters(out, point);
    fputs("}", out);
}

/* After the samples, whose order is lost here. */
static void print_aggregates(FILE *out, sqlite3_stmt *point, int64_t family, struct times *times)
{
    struct summary real = summarise(times->real_ns, times->count);
    struct summary cpu = summarise(times->cpu_ns, times->count);
    size_t count = times->count;
    print_aggregate(out, point, family, count, "_mean", real.mean, cpu.mean);
    print_aggregate(out, point, family, count, "_median", real.median, cpu.median);
    print_aggregate(out, point, family, count, "_stddev", real.stddev, cpu.stddev);
    print_aggregate(out, point, family, count, "_cv", real.stddev / real.mean,
                    cpu.stddev / cpu.mean);
}

/* A point without samples: why. */
static void print_obstacle(FILE *out, sqlite3_stmt *point, int64_t family, bool first)
{
    bool skipped = strcmp(text_at(point, 3), "skipped") == 0;
    print_head(out, point, family, 0, "", first);
    store_print_json_number(out, "repetition_index", 0);
    store_print_json_name(out, skipped ? "skipped" : "error_occurred", false);
    fputs("true", out);
    store_print_json_member(out, skipped ? "skip_message" : "error_message", text_at(point, 4));
    print_times(out, 0, 0, 0);
    fputs("}", out);
}

static enum store_status print_points(struct store *store, int64_t run_id, FILE *out)
{
    sqlite3_stmt *point = NULL, *samples = NULL;
    struct value key = as_integer(run_id);
    struct times times = {.count = 0};
    int64_t family = 0;
    int code = SQLITE_DONE;
    enum store_status status = store_prepare(store, points_sql, writing, &point);
    if (status == STORE_OK)
        status = store_prepare(store, samples_sql, writing, &samples);
    if (status == STORE_OK)
        code = store_step(point, &key, 1);
    for (; code == SQLITE_ROW && status == STORE_OK; code = sqlite3_step(point), family++) {
        status = read_times(store, samples, sqlite3_column_int64(point, 0), &times);
        if (status == STORE_OK && times.count > 0) {
            print_samples(out, point, family, &times, family == 0);
            print_aggregates(out, point, family, &times);
        } else if (status == STORE_OK) {
            print_obstacle(out, point, family, family == 0);
        }
    }
    if (status == STORE_OK && code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, writing);
    times_clear(&times);
    sqlite3_finalize(samples);
    sqlite3_finalize(point);
    return status;
}

enum store_status store_write_gbench(struct store *store, int64_t run_id, FILE *out)
{
    enum store_status status = print_context(store, run_id, out);
    if (status == STORE_OK)
        status = print_points(store, run_id, out);
    fputs("\n]\n}\n", out);
    if (status == STORE_OK && (fflush(out) != 0 || ferror(out)))
        status = store_fail(store, STORE_MACHINE, "cannot %s: %s", writing, strerror(errno));
    return status;
}

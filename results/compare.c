/* compare.c - two runs, point by point. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store_internal.h"

static const char reading[] = "read a run to compare";

const char *compare_verdict_name(enum compare_verdict verdict)
{
    static const char *const names[] = {[COMPARE_SAME] = "same",
                                        [COMPARE_FASTER] = "faster",
                                        [COMPARE_SLOWER] = "slower",
                                        [COMPARE_UNRESOLVED] = "not resolved",
                                        [COMPARE_MISSING] = "missing"};
    return names[verdict];
}

/* ---- The decision -------------------------------------------------------------------------- */

static bool is_time(const struct compare_time *time)
{
    return time->lo > 0 && time->time >= time->lo && time->hi >= time->time && isfinite(time->hi);
}

void compare_judge(struct compare_row *row, double effect)
{
    const struct compare_time *a = &row->times[0], *b = &row->times[1];
    row->ratio = row->lo = row->hi = NAN;
    row->verdict = COMPARE_MISSING;
    if (!is_time(a) || !is_time(b))
        return;
    double shift = log(b->time / a->time);
    double below = hypot(log(b->time / b->lo), log(a->hi / a->time));
    double above = hypot(log(b->hi / b->time), log(a->time / a->lo));
    double limit = log1p(effect);
    row->ratio = exp(shift);
    row->lo = exp(shift - below);
    row->hi = exp(shift + above);
    if (shift - below > 0 && shift > limit)
        row->verdict = COMPARE_SLOWER;
    else if (shift + above < 0 && shift < -limit)
        row->verdict = COMPARE_FASTER;
    else if (shift - below > -limit && shift + above < limit)
        row->verdict = COMPARE_SAME;
    else
        row->verdict = COMPARE_UNRESOLVED;
}

/* ---- Reading ------------------------------------------------------------------------------- */

static char *column_copy(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return strdup(text ? text : "");
}

static double column_real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

static void row_clear(struct compare_row *row)
{
    free(row->shape);
    free(row->variant);
    free(row->dtype);
}

void compare_clear(struct compare_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        row_clear(&table->rows[i]);
    for (size_t i = 0; i < table->difference_count; i++) {
        free(table->differences[i].what);
        free(table->differences[i].values[0]);
        free(table->differences[i].values[1]);
    }
    free(table->rows);
    free(table->differences);
    *table = (struct compare_table){.count = 0};
}

static struct compare_row *find_row(const struct compare_table *table,
                                    const struct compare_row *wanted)
{
    for (size_t i = 0; i < table->count; i++) {
        struct compare_row *row = &table->rows[i];
        if (strcmp(row->shape, wanted->shape) == 0 && strcmp(row->variant, wanted->variant) == 0 &&
            strcmp(row->dtype, wanted->dtype) == 0)
            return row;
    }
    return NULL;
}

/* Take over the point of a row: its times go to the row that is there, or it becomes one. */
static bool add_row(struct compare_table *table, struct compare_row *row, int which)
{
    const struct compare_time unknown = {NAN, NAN, NAN};
    struct compare_row *known = which == 1 ? find_row(table, row) : NULL;
    if (known) {
        known->times[1] = row->times[1];
        memcpy(known->reference[1], row->reference[1], COMPARE_NAME_SIZE);
        row_clear(row);
        return true;
    }
    struct compare_row *grown = realloc(table->rows, (table->count + 1) * sizeof *grown);
    if (!grown) {
        row_clear(row);
        return false;
    }
    row->times[1 - which] = unknown;
    table->rows = grown;
    table->rows[table->count++] = *row;
    return true;
}

/* All speedups of a shape are over the same yardstick, so that those of two points give the ratio
 * of their times, whichever the yardstick was. */
static const char points_sql[] =
    "WITH reference AS ("
    "  SELECT shape_key, kernel, speedup, row_number() OVER ("
    "    PARTITION BY shape_key"
    "    ORDER BY kernel <> 'linear', kernel <> 'linear-rows', speedup DESC) AS choice"
    "  FROM point WHERE run_id = ?1 AND linear AND speedup > 0)"
    "SELECT p.shape_key, p.kernel || iif(p.isa = 'generic', '', '-' || p.isa), p.dtype,"
    "       iif(?2, r.speedup / p.speedup, p.time_ns),"
    "       iif(?2, r.speedup / p.speedup_hi, p.time_lo_ns),"
    "       iif(?2, r.speedup / p.speedup_lo, p.time_hi_ns), iif(?2, r.kernel, '')"
    " FROM point p LEFT JOIN reference r ON r.shape_key = p.shape_key AND r.choice = 1"
    " WHERE p.run_id = ?1 ORDER BY p.point_id";

static void read_reference(sqlite3_stmt *statement, int column, char ret[COMPARE_NAME_SIZE])
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(ret, COMPARE_NAME_SIZE, "%s", text ? text : "");
}

static enum store_status read_points(struct store *store, int64_t run, int which,
                                     enum compare_by by, struct compare_table *table)
{
    const struct value values[] = {as_integer(run), as_integer(by == COMPARE_RELATIVE)};
    sqlite3_stmt *statement;
    size_t found = 0;
    bool memory = true;
    enum store_status status = store_prepare(store, points_sql, reading, &statement);
    if (status != STORE_OK)
        return status;
    int code = store_step(statement, values, COUNT(values));
    for (; code == SQLITE_ROW && memory; code = memory ? sqlite3_step(statement) : code) {
        struct compare_row row = {.shape = column_copy(statement, 0),
                                  .variant = column_copy(statement, 1),
                                  .dtype = column_copy(statement, 2)};
        row.times[which] = (struct compare_time){
            column_real(statement, 3), column_real(statement, 4), column_real(statement, 5)};
        read_reference(statement, 6, row.reference[which]);
        memory = row.shape && row.variant && row.dtype;
        if (memory)
            memory = add_row(table, &row, which);
        else
            row_clear(&row);
        found++;
    }
    if (!memory)
        status = store_fail(store, STORE_MACHINE, "cannot %s: not enough memory", reading);
    else if (code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, reading);
    else if (found == 0)
        status = STORE_NONE;
    sqlite3_finalize(statement);
    return status;
}

/* ---- Unlike runs --------------------------------------------------------------------------- */

/* The first MACHINE_FACTS are known when a run begins. */
#define MACHINE_FACTS 5
static const struct {
    const char *what, *sql;
} facts[] = {
    {"host", "SELECT host FROM run WHERE run_id = ?1"},
    {"cpu", "SELECT cpu FROM run WHERE run_id = ?1"},
    {"instruction set", "SELECT isa FROM run WHERE run_id = ?1"},
    {"compiler", "SELECT compiler FROM run WHERE run_id = ?1"},
    {"flags", "SELECT flags FROM run WHERE run_id = ?1"},
    {"OpenBLAS kernels", "SELECT max(blas_core) FROM point WHERE run_id = ?1"},
    {"threads", "SELECT group_concat(threads) FROM (SELECT DISTINCT threads FROM point"
                " WHERE run_id = ?1 ORDER BY threads)"},
    {"counter sources", "SELECT group_concat(source) FROM (SELECT DISTINCT source FROM counter"
                        " JOIN point USING (point_id) WHERE run_id = ?1 AND per_call IS NOT NULL"
                        " ORDER BY source)"},
};

/* The fact as text, "" for NULL; the caller's to free. */
static enum store_status read_fact(struct store *store, int64_t run, const char *sql, char **ret)
{
    const struct value values[] = {as_integer(run)};
    sqlite3_stmt *statement;
    enum store_status status = store_prepare(store, sql, reading, &statement);
    if (status != STORE_OK)
        return status;
    int code = store_step(statement, values, 1);
    *ret = code == SQLITE_ROW ? column_copy(statement, 0) : strdup("");
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, reading);
    else if (!*ret)
        status = store_fail(store, STORE_MACHINE, "cannot %s: not enough memory", reading);
    sqlite3_finalize(statement);
    return status;
}

static bool add_difference(struct compare_table *table, const char *what, char *values[2])
{
    struct compare_difference *grown =
        realloc(table->differences, (table->difference_count + 1) * sizeof *grown);
    char *name = grown ? strdup(what) : NULL;
    if (grown)
        table->differences = grown;
    if (!name)
        return false;
    grown[table->difference_count++] = (struct compare_difference){name, {values[0], values[1]}};
    return true;
}

static enum store_status compare_facts(struct store *const stores[2], const int64_t runs[2],
                                       size_t count, struct compare_table *table,
                                       struct store **ret_failed)
{
    enum store_status status = STORE_OK;
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        char *values[2] = {NULL, NULL};
        for (int which = 0; which < 2 && status == STORE_OK; which++) {
            status = read_fact(stores[which], runs[which], facts[i].sql, &values[which]);
            *ret_failed = stores[which];
        }
        bool kept = status == STORE_OK && strcmp(values[0], values[1]) != 0;
        if (kept && !add_difference(table, facts[i].what, values)) {
            status = store_fail(stores[0], STORE_MACHINE, "cannot %s: not enough memory", reading);
            *ret_failed = stores[0];
            kept = false;
        }
        for (int which = 0; which < 2 && !kept; which++)
            free(values[which]);
    }
    return status;
}

enum store_status compare_runs(struct store *const stores[2], const int64_t runs[2],
                               enum compare_by by, double effect, struct compare_table *ret,
                               struct store **ret_failed)
{
    struct compare_table table = {.count = 0};
    enum store_status status = STORE_OK;
    for (int which = 0; which < 2 && status == STORE_OK; which++) {
        status = read_points(stores[which], runs[which], which, by, &table);
        *ret_failed = stores[which];
    }
    if (status == STORE_OK)
        status = compare_facts(stores, runs, COUNT(facts), &table, ret_failed);
    for (size_t i = 0; i < table.count; i++) {
        struct compare_row *row = &table.rows[i];
        compare_judge(row, effect);
        if (strcmp(row->reference[0], row->reference[1]) != 0)
            row->verdict = COMPARE_MISSING;
    }
    if (status == STORE_OK)
        *ret = table;
    else
        compare_clear(&table);
    return status;
}

enum store_status compare_machines(struct store *const stores[2], const int64_t runs[2],
                                   struct compare_table *ret, struct store **ret_failed)
{
    struct compare_table table = {.count = 0};
    enum store_status status = compare_facts(stores, runs, MACHINE_FACTS, &table, ret_failed);
    if (status == STORE_OK)
        *ret = table;
    else
        compare_clear(&table);
    return status;
}

enum store_status compare_find_like(struct store *store, int64_t run, int64_t *ret_run)
{
    static const char sql[] =
        "SELECT r.run_id FROM run r JOIN run own ON own.run_id = ?1"
        " WHERE r.run_id < own.run_id AND r.suite = own.suite AND r.cpu = own.cpu"
        "   AND r.isa = own.isa AND r.compiler = own.compiler AND r.flags = own.flags"
        "   AND EXISTS (SELECT 1 FROM point p WHERE p.run_id = r.run_id)"
        " ORDER BY r.run_id DESC LIMIT 1";
    const struct value values[] = {as_integer(run)};
    return store_ask(store, sql, values, 1, reading, ret_run);
}

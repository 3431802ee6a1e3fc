/* merge.c - several databases into one.
 *
 * The source is copied to a temporary database in the newest schema and attached. Two maps lead
 * from its ids to ours; a table is then copied by what it refers to: a run, or a point. Which
 * tables those are is asked of the database, so that one that comes later is not forgotten. */
#include "store_internal.h"

#include <string.h>

static const char merging[] = "merge";

#define IDENTITY "suite, suite_hash, started_utc, git_commit, host, argv, seed"

/* Runs that agree in all that tells runs apart are numbered: two may begin in one second. */
#define NUMBERED(database)                                                                         \
    "(SELECT *, row_number() OVER (PARTITION BY " IDENTITY                                         \
    " ORDER BY run_id) AS again FROM " database ".run)"

/* The id of what is new: its own if that is free here, else one beyond all. */
#define NEW_ID(table, id)                                                                          \
    "coalesce(known, CASE WHEN old IN (SELECT " id " FROM main." table ") THEN "                   \
    "max(coalesce((SELECT max(" id ") FROM main." table "), 0), "                                  \
    "(SELECT max(" id ") FROM source." table ")) + row_number() OVER (ORDER BY old) "              \
    "ELSE old END) AS new"

static const char map_runs[] = "CREATE TEMP TABLE run_map AS SELECT old, known, " NEW_ID(
    "run",
    "run_id") " FROM (SELECT s.run_id AS old, t.run_id AS known FROM " NUMBERED("source") " s "
                                                                                          "JOIN "
                                                                                          "temp."
                                                                                          "wanted "
                                                                                          "w ON "
                                                                                          "w.run_"
                                                                                          "id = "
                                                                                          "s.run_"
                                                                                          "id "
                                                                                          "LEFT "
                                                                                          "JOIN"
                                                                                          " " NUMBERED(
                                                                                              "mai"
                                                                                              "n") " t USING (" IDENTITY
                                                                                                   ", again))";

static const char map_points[] = "CREATE TEMP TABLE point_map AS SELECT old, known, " NEW_ID(
    "point", "point_id") " FROM (SELECT s.point_id AS old, t.point_id AS known FROM source.point s "
                         "JOIN temp.run_map r ON r.old = s.run_id "
                         "LEFT JOIN main.point t ON t.run_id = r.new AND t.shape_key = s.shape_key "
                         "AND t.kernel = s.kernel AND t.isa = s.isa AND t.dtype = s.dtype)";

/* A run that ended since it was taken over has ended here too. */
static const char end_runs[] =
    "UPDATE main.run SET (status, finished_utc) = (SELECT s.status, s.finished_utc FROM source.run "
    "s "
    "JOIN temp.run_map r ON r.old = s.run_id WHERE r.new = main.run.run_id) "
    "WHERE status <> 'finished' AND run_id IN (SELECT new FROM temp.run_map r "
    "JOIN source.run s ON s.run_id = r.old WHERE r.known IS NOT NULL AND s.status = 'finished');"
    "UPDATE main.run SET status = 'interrupted' WHERE status = 'running' "
    "AND run_id IN (SELECT new FROM temp.run_map WHERE known IS NULL)";

/* Nearest ranks of the samples of new points. */
static const char summarize[] =
    "INSERT INTO main.summary SELECT point_id, total, sum(disturbed), min(real_ns), "
    "max(CASE WHEN place = (total + 3) / 4 THEN real_ns END), "
    "max(CASE WHEN place = (total + 1) / 2 THEN real_ns END), "
    "max(CASE WHEN place = (3 * total + 3) / 4 THEN real_ns END), max(real_ns) "
    "FROM (SELECT p.new AS point_id, real_ns, disturbed, "
    "row_number() OVER (PARTITION BY p.new ORDER BY real_ns) AS place, "
    "count(*) OVER (PARTITION BY p.new) AS total "
    "FROM source.sample s JOIN temp.point_map p ON p.old = s.point_id WHERE p.known IS NULL) "
    "GROUP BY point_id";

/* ---- Copying tables -------------------------------------------------------------------------- */

/* The columns of a table as "a, b, c", with run_id and point_id as the maps have them if `mapped`.
 * A number that only counts the rows of its own table is left out. NULL: no memory, or no table. */
static char *columns_of(struct store *store, const char *table, bool mapped)
{
    sqlite3_stmt *rows = NULL;
    sqlite3_str *text = sqlite3_str_new(store->db);
    static const char sql[] =
        "SELECT name FROM pragma_table_info(?) WHERE name IN ('run_id', 'point_id') "
        "OR NOT (pk = 1 AND type = 'INTEGER') ORDER BY cid";
    int code = sqlite3_prepare_v2(store->db, sql, -1, &rows, NULL);

    if (code == SQLITE_OK)
        sqlite3_bind_text(rows, 1, table, -1, SQLITE_STATIC);
    while (code == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        const char *comma = sqlite3_str_length(text) ? ", " : "";
        if (mapped && strcmp(name, "run_id") == 0)
            sqlite3_str_appendf(text, "%sr.new", comma);
        else if (mapped && strcmp(name, "point_id") == 0)
            sqlite3_str_appendf(text, "%sp.new", comma);
        else
            sqlite3_str_appendf(text, "%s%s%w", comma, mapped ? "s." : "", name);
    }
    sqlite3_finalize(rows);
    return sqlite3_str_finish(text);
}

/* Copy what `joins` finds of a table, its ids mapped; rows that are there already stay. */
static enum store_status copy_table(struct store *store, const char *table, const char *joins)
{
    char *into = columns_of(store, table, false), *from = columns_of(store, table, true),
         *sql = NULL;
    enum store_status status = STORE_OK;

    if (into && from)
        sql = sqlite3_mprintf("INSERT OR IGNORE INTO main.%w (%s) SELECT %s FROM source.%w s %s "
                              "EXCEPT SELECT %s FROM main.%w",
                              table, into, from, table, joins, into, table);
    status =
        sql ? store_execute(store, sql, merging) : store_fail_sqlite(store, SQLITE_NOMEM, merging);
    sqlite3_free(into);
    sqlite3_free(from);
    sqlite3_free(sql);
    return status;
}

static const char by_run[] = "JOIN temp.run_map r ON r.old = s.run_id";
static const char by_new_run[] = "JOIN temp.run_map r ON r.old = s.run_id AND r.known IS NULL";
static const char by_point[] = "JOIN temp.point_map p ON p.old = s.point_id";
static const char by_new_point[] =
    "JOIN temp.point_map p ON p.old = s.point_id AND p.known IS NULL";
static const char new_points[] = "JOIN temp.run_map r ON r.old = s.run_id "
                                 "JOIN temp.point_map p ON p.old = s.point_id AND p.known IS NULL";

/* The last epoch of each experiment. */
static const char by_last_epoch[] =
    "JOIN temp.run_map r ON r.old = s.run_id WHERE NOT EXISTS (SELECT 1 FROM source.accuracy_row l "
    "WHERE l.run_id = s.run_id AND l.dataset = s.dataset AND l.model = s.model AND l.method = "
    "s.method AND l.seed = s.seed AND l.experiment IS s.experiment AND l.split = s.split AND "
    "l.epoch > s.epoch)";

/* Samples, or what is left of them, belong to whoever stored the point. */
static const char *joins_of(const char *table, bool has_point, bool slim)
{
    bool samples = strcmp(table, "sample") == 0 || strcmp(table, "summary") == 0;
    if (slim && strcmp(table, "accuracy_row") == 0)
        return by_last_epoch;
    return samples ? by_new_point : has_point ? by_point : by_run;
}

/* Every table but run and point: each refers to one of them. */
static enum store_status copy_others(struct store *store, bool slim)
{
    static const char sql[] =
        "SELECT m.name, (SELECT count(*) FROM pragma_table_info(m.name) WHERE name = 'point_id') "
        "FROM main.sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' "
        "AND m.name NOT IN ('run', 'point') AND NOT (?1 AND m.name = 'sample')";
    sqlite3_stmt *tables = NULL;
    enum store_status status = store_prepare(store, sql, merging, &tables);
    const struct value values[] = {as_integer(slim ? 1 : 0)};
    int code = status == STORE_OK ? store_step(tables, values, 1) : SQLITE_DONE;

    for (; code == SQLITE_ROW && status == STORE_OK; code = sqlite3_step(tables)) {
        const char *table = (const char *)sqlite3_column_text(tables, 0);
        bool has_point = sqlite3_column_int(tables, 1) > 0;
        status = copy_table(store, table, joins_of(table, has_point, slim));
    }
    if (status == STORE_OK && code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, merging);
    sqlite3_finalize(tables);
    return status;
}

/* ---- The maps -------------------------------------------------------------------------------- */

/* The runs that were asked for; all of them if none was. */
static enum store_status choose_runs(struct store *store, const struct store_merge *merge)
{
    enum store_status status = store_execute(
        store, "CREATE TEMP TABLE wanted AS SELECT run_id FROM source.run WHERE 0", merging);
    if (status == STORE_OK && merge->run_count == 0)
        status =
            store_execute(store, "INSERT INTO temp.wanted SELECT run_id FROM source.run", merging);
    for (size_t i = 0; i < merge->run_count && status == STORE_OK; i++) {
        const struct value run = as_integer(merge->runs[i]);
        status = store_ask(store,
                           "INSERT INTO temp.wanted SELECT run_id FROM source.run WHERE run_id = ? "
                           "RETURNING run_id",
                           &run, 1, merging, NULL);
        if (status == STORE_NONE)
            store_fail(store, STORE_NONE, "there is no run %lld to take over",
                       (long long)merge->runs[i]);
    }
    return status;
}

static enum store_status count_new(struct store *store, struct store_merged *ret)
{
    enum store_status status =
        store_ask(store, "SELECT count(*) FROM temp.run_map WHERE known IS NULL", NULL, 0, merging,
                  &ret->runs);
    if (status == STORE_OK)
        status = store_ask(store, "SELECT count(*) FROM temp.point_map WHERE known IS NULL", NULL,
                           0, merging, &ret->points);
    return status;
}

/* ---- Merging --------------------------------------------------------------------------------- */

static enum store_status take_over(struct store *store, const struct store_merge *merge,
                                   struct store_merged *ret)
{
    enum store_status status = choose_runs(store, merge);
    if (status == STORE_OK)
        status = store_execute(store, map_runs, merging);
    if (status == STORE_OK)
        status = copy_table(store, "run", by_new_run);
    if (status == STORE_OK)
        status = store_execute(store, map_points, merging);
    if (status == STORE_OK)
        status = copy_table(store, "point", new_points);
    if (status == STORE_OK)
        status = copy_others(store, merge->slim);
    if (status == STORE_OK && merge->slim)
        status = store_execute(store, summarize, merging);
    if (status == STORE_OK)
        status = store_execute(store, end_runs, merging);
    return status == STORE_OK ? count_new(store, ret) : status;
}

/* The copy as database `source` beside `main`; it goes with the connection, or by detach. */
static enum store_status attach(struct store *store, struct store *copy)
{
    enum store_status status = store_execute(store, "ATTACH '' AS source", merging);
    if (status != STORE_OK)
        return status;
    sqlite3_backup *backup = sqlite3_backup_init(store->db, "source", copy->db, "main");
    if (backup)
        sqlite3_backup_step(backup, -1);
    int code = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(store->db);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, merging);
}

static void detach(struct store *store)
{
    static const char sql[] =
        "DROP TABLE IF EXISTS temp.wanted; DROP TABLE IF EXISTS temp.run_map; "
        "DROP TABLE IF EXISTS temp.point_map; DETACH source";
    sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

enum store_status store_merge(struct store *store, const char *path,
                              const struct store_merge *merge, struct store_merged *ret)
{
    struct store *copy = NULL;
    struct store_merged merged = {0};
    enum store_status status = store_open_copy(path, &copy, store->error);
    if (status != STORE_OK)
        return status;
    status = attach(store, copy);
    store_close(copy);
    if (status == STORE_OK)
        status = store_begin(store, merging);
    if (status == STORE_OK)
        status = store_end(store, take_over(store, merge, &merged), merging);
    detach(store);
    if (status == STORE_OK)
        *ret = merged;
    return status;
}

enum store_status store_compact(struct store *store)
{
    static const char compacting[] = "make the database small";
    enum store_status status = store_execute(store, "PRAGMA journal_mode = DELETE", compacting);
    return status == STORE_OK ? store_execute(store, "VACUUM", compacting) : status;
}

/* export.c - a view as CSV or JSON. */
#include "store_internal.h"

static const char exporting[] = "export";

/* How the rows of a view are told to belong to run :run, by its columns; NULL: they aren't. */
static enum store_status condition_of(struct store *store, const char *view, const char **ret)
{
    const struct value name = as_text(view);
    int64_t columns, by_run, by_point;
    enum store_status status =
        store_ask(store, "SELECT count(*) FROM pragma_table_info(?) WHERE name = 'run_id'", &name,
                  1, exporting, &by_run);
    if (status == STORE_OK)
        status =
            store_ask(store, "SELECT count(*) FROM pragma_table_info(?) WHERE name = 'point_id'",
                      &name, 1, exporting, &by_point);
    if (status == STORE_OK)
        status =
            store_ask(store, "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND name = ?",
                      &name, 1, exporting, &columns);
    if (status != STORE_OK)
        return status;
    if (columns == 0)
        return store_fail(store, STORE_BAD,
                          "has no view %s; there are points, samples, runs, counters and others "
                          "(results/README.md)",
                          view);
    *ret = by_run     ? "run_id = :run"
           : by_point ? "point_id IN (SELECT point_id FROM every_point WHERE run_id = :run)"
                      : NULL;
    return STORE_OK;
}

enum store_status store_export(struct store *store, const char *view, int64_t run_id,
                               enum store_format format, FILE *out, size_t *ret_rows)
{
    char run[24];
    const struct store_fact parameter = {"run", run};
    const char *condition = NULL;
    enum store_status status = condition_of(store, view, &condition);
    if (status != STORE_OK)
        return status;
    if (run_id > 0 && !condition)
        return store_fail(store, STORE_BAD, "the rows of view %s belong to no run", view);
    snprintf(run, sizeof run, "%lld", (long long)run_id);
    char *sql =
        sqlite3_mprintf("SELECT * FROM \"%w\" WHERE %s", view, run_id > 0 ? condition : "1");
    status = sql ? store_query(store, sql, &parameter, 1, format, out, ret_rows)
                 : store_fail_sqlite(store, SQLITE_NOMEM, exporting);
    sqlite3_free(sql);
    return status;
}

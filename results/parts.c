/* parts.c - rows of table part_time. */
#include "store_internal.h"

static const char storing[] = "store the parts of a call";

static enum store_status find_point(struct store *store, const struct value key[5], int64_t *ret)
{
    return store_ask(store,
                     "SELECT point_id FROM point WHERE run_id = ? AND shape_key = ? AND kernel = ? "
                     "AND isa = ? AND dtype = ?",
                     key, 5, storing, ret);
}

enum store_status store_put_parts(struct store *store, int64_t run_id, const char *shape_key,
                                  const char *kernel, const char *isa, const char *dtype,
                                  const struct store_part *parts, size_t count)
{
    const struct value key[] = {as_integer(run_id), as_text(shape_key), as_text(kernel),
                                as_text(isa), as_text(dtype)};
    sqlite3_stmt *statement = NULL;
    int64_t point_id = 0;
    enum store_status status = find_point(store, key, &point_id);
    if (status == STORE_NONE)
        return store_fail(store, STORE_NONE, "there is no point %s of %s", kernel, shape_key);
    if (status == STORE_OK)
        status = store_begin(store, storing);
    if (status != STORE_OK)
        return status;
    status = store_prepare(store,
                           "INSERT OR REPLACE INTO part_time (point_id, part, time_ns, time_lo_ns, "
                           "time_hi_ns) VALUES (?, ?, ?, ?, ?)",
                           storing, &statement);
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct value row[] = {as_integer(point_id), as_text(parts[i].part),
                                    as_real(parts[i].time_ns), as_real(parts[i].time_lo_ns),
                                    as_real(parts[i].time_hi_ns)};
        status = store_write_row(store, statement, row, COUNT(row), storing);
    }
    sqlite3_finalize(statement);
    return store_end(store, status, storing);
}

/* records.c - what is stored and looked up: runs, points, samples, counters, ceilings.
 *
 * A write is one transaction: what a call was asked to store is there in full or not at all.
 */
#include <string.h>

#include "store_internal.h"

#include <math.h>
#include <stddef.h>

#define NOW "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

#define FACT_VALUES " INTO environment (run_id, name, value) VALUES (?, ?, ?)"

static enum store_status put_facts(struct store *store, const char *sql, int64_t run_id,
                                   const struct store_fact *facts, size_t count, const char *doing)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_prepare(store, sql, doing, &statement);

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct value row[] = {as_integer(run_id), as_text(facts[i].name),
                                    as_text(facts[i].value)};
        status = store_write_row(store, statement, row, COUNT(row), doing);
    }
    sqlite3_finalize(statement);
    return status;
}

enum store_status store_run_begin(struct store *store, const struct store_run *run,
                                  const struct store_fact *facts, size_t fact_count,
                                  int64_t *ret_run_id)
{
    static const char doing[] = "begin a run";
    const struct value row[] = {as_text(run->suite),
                                as_text(run->suite_hash),
                                as_text(run->git_commit),
                                as_text(run->version),
                                as_text(run->host),
                                as_text(run->cpu),
                                as_text(run->isa),
                                as_text(run->compiler),
                                as_text(run->flags),
                                as_text(run->argv),
                                as_integer((int64_t)run->seed)};
    int64_t run_id = 0;
    enum store_status status = store_begin(store, doing);

    if (status == STORE_OK)
        status =
            store_ask(store,
                      "INSERT INTO run (suite, suite_hash, git_commit, version, host, cpu, isa, "
                      "compiler, flags, argv, seed, started_utc, status) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " NOW ", 'running') "
                      "RETURNING run_id",
                      row, COUNT(row), doing, &run_id);
    if (status == STORE_OK)
        status = put_facts(store, "INSERT" FACT_VALUES, run_id, facts, fact_count, doing);
    status = store_end(store, status, doing);
    if (status == STORE_OK)
        *ret_run_id = run_id;
    return status;
}

enum store_status store_put_facts(struct store *store, int64_t run_id,
                                  const struct store_fact *facts, size_t count)
{
    static const char doing[] = "store facts of a run";
    enum store_status status = store_begin(store, doing);

    if (status == STORE_OK)
        status = store_end(
            store, put_facts(store, "INSERT OR REPLACE" FACT_VALUES, run_id, facts, count, doing),
            doing);
    return status;
}

enum store_status store_put_smi(struct store *store, int64_t run_id, const struct store_smi *rows,
                                size_t count)
{
    static const char doing[] = "store mutual information";
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_begin(store, doing);

    if (status == STORE_OK)
        status = store_prepare(store,
                               "INSERT INTO smi_row (run_id, dataset, layer, quantity, points, "
                               "slices, neighbours, active, nats, nats_lo, nats_hi) "
                               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                               doing, &statement);
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct store_smi *s = &rows[i];
        const struct value row[] = {
            as_integer(run_id),        as_text(s->dataset),   as_text(s->layer),
            as_text(s->quantity),      as_integer(s->points), as_integer(s->slices),
            as_integer(s->neighbours), as_real(s->active),    as_real(s->nats),
            as_real(s->nats_lo),       as_real(s->nats_hi)};
        status = store_write_row(store, statement, row, COUNT(row), doing);
    }
    sqlite3_finalize(statement);
    return store_end(store, status, doing);
}

enum store_status store_put_ceilings(struct store *store, int64_t run_id,
                                     const struct store_ceiling *ceilings, size_t count)
{
    static const char doing[] = "store the ceilings";
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_begin(store, doing);

    if (status == STORE_OK)
        status = store_prepare(store,
                               "INSERT OR REPLACE INTO ceiling (run_id, kind, name, threads, "
                               "working_set_bytes, value) VALUES (?, ?, ?, ?, nullif(?, 0), ?)",
                               doing, &statement);
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct store_ceiling *c = &ceilings[i];
        const struct value row[] = {as_integer(run_id),
                                    as_text(c->kind),
                                    as_text(c->name),
                                    as_integer(c->threads),
                                    as_integer(c->working_set_bytes),
                                    as_real(c->value)};
        status = store_write_row(store, statement, row, COUNT(row), doing);
    }
    sqlite3_finalize(statement);
    return store_end(store, status, doing);
}

enum store_status store_each_ceiling(struct store *store, int64_t run_id, int threads,
                                     void (*each)(void *data, const struct store_ceiling *ceiling),
                                     void *data)
{
    static const char doing[] = "read the ceilings";
    const struct value row[] = {as_integer(run_id), as_integer(threads)};
    sqlite3_stmt *statement = NULL;
    enum store_status status =
        store_prepare(store,
                      "SELECT kind, name, coalesce(working_set_bytes, 0), value FROM ceiling "
                      "WHERE run_id = ? AND threads = ? ORDER BY kind, working_set_bytes, name",
                      doing, &statement);

    if (status != STORE_OK)
        return status;
    int code = store_step(statement, row, COUNT(row));
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        const struct store_ceiling ceiling = {
            .kind = (const char *)sqlite3_column_text(statement, 0),
            .name = (const char *)sqlite3_column_text(statement, 1),
            .threads = threads,
            .working_set_bytes = sqlite3_column_int64(statement, 2),
            .value = sqlite3_column_double(statement, 3)};
        if (ceiling.kind && ceiling.name)
            each(data, &ceiling);
    }
    if (code != SQLITE_DONE)
        status = store_fail_sqlite(store, code, doing);
    sqlite3_finalize(statement);
    return status;
}

/* ---- Points ---------------------------------------------------------------------------------- */

#define DERIVED(...)
#define FOREIGN(...)

const struct store_point store_point_blank = {
#define BLANK_TEXT NULL
#define BLANK_INTEGER 0
#define BLANK_REAL NAN
#define BLANK_FLAG false
#define COLUMN(type, name, ...) .name = BLANK_##type,
#include "point.def"
#undef COLUMN
};

#define COLUMN(type, name, ...) ", " #name
static const char insert_point[] = "INSERT INTO point (run_id"
#include "point.def"
#undef COLUMN
#define COLUMN(...) ", ?"
                                   ") VALUES (?"
#include "point.def"
#undef COLUMN
                                   ")";

/* The statements of one call of store_put_points, prepared once. */
struct writer {
    struct store *store;
    sqlite3_stmt *point, *sample, *counter;
};

static const char storing[] = "store points";

static enum store_status prepare_counter(struct store *store, sqlite3_stmt **ret)
{
    return store_prepare(
        store,
        "INSERT OR REPLACE INTO counter (point_id, counter, source, per_call, scaled, "
        "reason) VALUES (?, ?, ?, ?, ?, ?)",
        storing, ret);
}

static enum store_status writer_prepare(struct writer *writer)
{
    enum store_status status = store_prepare(writer->store, insert_point, storing, &writer->point);

    if (status == STORE_OK)
        status =
            store_prepare(writer->store,
                          "INSERT INTO sample (point_id, round, position, iterations, real_ns, "
                          "cpu_ns, disturbed, placement, reference_ns, stolen) "
                          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          storing, &writer->sample);
    if (status == STORE_OK)
        status = prepare_counter(writer->store, &writer->counter);
    return status;
}

static enum store_status put_counters(struct store *store, sqlite3_stmt *statement,
                                      int64_t point_id, const struct store_counter *counters,
                                      size_t count)
{
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct store_counter *c = &counters[i];
        const struct value row[] = {as_integer(point_id), as_text(c->counter), as_text(c->source),
                                    as_real(c->per_call), as_real(c->scaled),  as_text(c->reason)};
        status = store_write_row(store, statement, row, COUNT(row), storing);
    }
    return status;
}

static enum store_status put_samples(const struct writer *writer, int64_t point_id,
                                     const struct store_sample *samples, size_t count)
{
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct store_sample *s = &samples[i];
        const struct value row[] = {as_integer(point_id),
                                    as_integer(s->round),
                                    as_integer(s->position),
                                    as_integer(s->iterations),
                                    as_real(s->real_ns),
                                    as_real(s->cpu_ns),
                                    as_integer(s->disturbed ? 1 : 0),
                                    as_integer(s->placement),
                                    as_real(s->reference_ns),
                                    as_real(s->stolen)};
        status = store_write_row(writer->store, writer->sample, row, COUNT(row), storing);
    }
    return status;
}

static enum store_status put_point(const struct writer *writer, int64_t run_id,
                                   const struct store_point *point)
{
#define AS_TEXT(value) as_text(value)
#define AS_INTEGER(value) as_integer(value)
#define AS_REAL(value) as_real(value)
#define AS_FLAG(value) as_integer((value) ? 1 : 0)
#define COLUMN(type, name, ...) AS_##type(point->name),
    const struct value row[] = {
        as_integer(run_id),
#include "point.def"
    };
#undef COLUMN
    int code = store_step(writer->point, row, COUNT(row));
    if (code == SQLITE_CONSTRAINT_UNIQUE)
        return store_fail(writer->store, STORE_BAD, "run %lld already has the point %s %s %s %s",
                          (long long)run_id, point->kernel, point->isa, point->dtype,
                          point->shape_key);
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return store_fail(writer->store, STORE_BAD, "cannot %s: there is no run %lld", storing,
                          (long long)run_id);
    if (code != SQLITE_DONE)
        return store_fail_sqlite(writer->store, code, storing);

    int64_t point_id = sqlite3_last_insert_rowid(writer->store->db);
    enum store_status status = put_samples(writer, point_id, point->samples, point->sample_count);
    if (status == STORE_OK)
        status = put_counters(writer->store, writer->counter, point_id, point->counters,
                              point->counter_count);
    return status;
}

enum store_status store_put_points(struct store *store, int64_t run_id,
                                   const struct store_point *points, size_t count)
{
    struct writer writer = {.store = store};
    enum store_status status = store_begin(store, storing);

    if (status == STORE_OK)
        status = writer_prepare(&writer);
    for (size_t i = 0; i < count && status == STORE_OK; i++)
        status = put_point(&writer, run_id, &points[i]);
    status = store_end(store, status, storing);
    sqlite3_finalize(writer.point);
    sqlite3_finalize(writer.sample);
    sqlite3_finalize(writer.counter);
    return status;
}

enum store_status store_put_counters(struct store *store, int64_t point_id,
                                     const struct store_counter *counters, size_t count)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_begin(store, storing);

    if (status == STORE_OK)
        status = prepare_counter(store, &statement);
    if (status == STORE_OK)
        status = put_counters(store, statement, point_id, counters, count);
    sqlite3_finalize(statement);
    status = store_end(store, status, storing);
    return status;
}

enum store_status store_run_end(struct store *store, int64_t run_id, const char *status)
{
    static const char doing[] = "end the run";
    const struct value row[] = {as_text(status), as_integer(run_id)};
    enum store_status result = store_begin(store, doing);

    if (result == STORE_OK)
        result = store_ask(
            store,
            "UPDATE run SET status = ?1, finished_utc = CASE ?1 WHEN 'finished' THEN " NOW " END "
            "WHERE run_id = ?2 RETURNING run_id",
            row, COUNT(row), doing, NULL);
    if (result == STORE_NONE)
        store_fail(store, STORE_NONE, "there is no run %lld", (long long)run_id);
    return store_end(store, result, doing);
}

/* ---- Resuming, reading ----------------------------------------------------------------------- */

static const char resuming[] = "resume a run";

/* A sign of life: when the run's process was last at work. */
static enum store_status put_seen(struct store *store, int64_t run_id, const char *doing)
{
    const struct value row[] = {as_integer(run_id)};
    return store_ask(store,
                     "INSERT OR REPLACE INTO environment (run_id, name, value) "
                     "VALUES (?, 'seen', strftime('%s', 'now')) RETURNING run_id",
                     row, COUNT(row), doing, NULL);
}

enum store_status store_run_seen(struct store *store, int64_t run_id)
{
    enum store_status status = store_begin(store, resuming);
    if (status == STORE_OK)
        status = put_seen(store, run_id, resuming);
    return store_end(store, status, resuming);
}

/* The newest unfinished run; STORE_NONE if there is none. */
static enum store_status find_unfinished(struct store *store, const char *suite,
                                         const char *suite_hash, const char *git_commit,
                                         int64_t *ret_run_id)
{
    const struct value row[] = {as_text(suite), as_text(suite_hash), as_text(git_commit)};
    enum store_status status =
        store_ask(store,
                  "SELECT run_id FROM run WHERE suite = ? AND suite_hash = ? AND git_commit = ? "
                  "AND status <> 'finished' ORDER BY run_id DESC LIMIT 1",
                  row, COUNT(row), resuming, ret_run_id);

    if (status == STORE_NONE)
        store_fail(store, STORE_NONE, "no unfinished run of suite %s", suite);
    return status;
}

/* STORE_BUSY if the run is stored as running by a process that lives. */
static enum store_status refuse_living(struct store *store, int64_t run_id,
                                       const struct store_claim *claim)
{
    const struct value row[] = {as_integer(run_id)};
    char process[256], host[128];
    int64_t running = 0, seen = 0;
    enum store_status status =
        store_ask(store, "SELECT status = 'running' FROM run WHERE run_id = ?", row, COUNT(row),
                  resuming, &running);

    if (status != STORE_OK || !running)
        return status;
    status = store_fact_of(store, run_id, "process", process, sizeof process);
    if (status != STORE_OK)
        return status == STORE_NONE ? STORE_OK : status;
    if (store_ask(store,
                  "SELECT strftime('%s', 'now') - value FROM environment "
                  "WHERE run_id = ? AND name = 'seen'",
                  row, COUNT(row), resuming, &seen) != STORE_OK)
        seen = INT64_MAX;
    if (!claim->lives(process, seen))
        return STORE_OK;
    if (store_fact_of(store, run_id, "host", host, sizeof host) != STORE_OK)
        snprintf(host, sizeof host, "this host");
    return store_fail(store, STORE_BUSY,
                      "run %lld is being measured by process %.*s on %s; wait for it or stop it",
                      (long long)run_id, (int)strcspn(process, " "), process, host);
}

enum store_status store_run_resume(struct store *store, const char *suite, const char *suite_hash,
                                   const char *git_commit, const struct store_claim *claim,
                                   int64_t *ret_run_id)
{
    int64_t run_id = 0;
    enum store_status status = store_begin(store, resuming);

    if (status == STORE_OK)
        status = find_unfinished(store, suite, suite_hash, git_commit, &run_id);
    if (status == STORE_OK && claim)
        status = refuse_living(store, run_id, claim);
    const struct value row[] = {as_integer(run_id)};
    if (status == STORE_OK)
        status = store_ask(store,
                           "UPDATE run SET status = 'running', finished_utc = NULL "
                           "WHERE run_id = ? RETURNING run_id",
                           row, COUNT(row), resuming, NULL);
    if (status == STORE_OK && claim) {
        const struct store_fact fact = {"process", claim->process};
        status = put_facts(store, "INSERT OR REPLACE" FACT_VALUES, run_id, &fact, 1, resuming);
    }
    if (status == STORE_OK)
        status = put_seen(store, run_id, resuming);
    status = store_end(store, status, resuming);
    if (status == STORE_OK)
        *ret_run_id = run_id;
    return status;
}

enum store_status store_has_point(struct store *store, int64_t run_id, const char *shape_key,
                                  const char *kernel, const char *isa, const char *dtype,
                                  bool *ret_found)
{
    const struct value row[] = {as_integer(run_id), as_text(shape_key), as_text(kernel),
                                as_text(isa), as_text(dtype)};
    int64_t found;
    enum store_status status = store_ask(
        store,
        "SELECT EXISTS (SELECT 1 FROM point WHERE run_id = ? AND shape_key = ? AND kernel = ? "
        "AND isa = ? AND dtype = ?)",
        row, COUNT(row), "look for a point", &found);

    if (status == STORE_OK)
        *ret_found = found != 0;
    return status;
}

enum store_status store_has_fact(struct store *store, int64_t run_id, const char *name,
                                 bool *ret_found)
{
    const struct value row[] = {as_integer(run_id), as_text(name)};
    int64_t found;
    enum store_status status =
        store_ask(store, "SELECT EXISTS (SELECT 1 FROM environment WHERE run_id = ? AND name = ?)",
                  row, COUNT(row), "look for a fact", &found);

    if (status == STORE_OK)
        *ret_found = found != 0;
    return status;
}

enum store_status store_fact_of(struct store *store, int64_t run_id, const char *name,
                                char *ret_value, size_t size)
{
    static const char doing[] = "read a fact";
    const struct value row[] = {as_integer(run_id), as_text(name)};
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_prepare(
        store, "SELECT value FROM environment WHERE run_id = ? AND name = ?", doing, &statement);

    if (status != STORE_OK)
        return status;
    int code = store_step(statement, row, COUNT(row));
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (code == SQLITE_DONE)
        status = store_fail(store, STORE_NONE, "run %lld has no fact %s", (long long)run_id, name);
    else if (!text)
        status = store_fail_sqlite(store, code, doing);
    else if (strlen(text) >= size)
        status = store_fail(store, STORE_BAD, "fact %s is longer than %zu bytes", name, size);
    else
        memcpy(ret_value, text, strlen(text) + 1);
    sqlite3_finalize(statement);
    return status;
}

enum store_status store_next_running(struct store *store, const char *host, int64_t after,
                                     int64_t *ret_run_id)
{
    const struct value row[] = {as_text(host), as_integer(after)};
    enum store_status status =
        store_ask(store,
                  "SELECT run_id FROM run WHERE status = 'running' AND host = ? AND run_id > ? "
                  "ORDER BY run_id LIMIT 1",
                  row, COUNT(row), "look for running runs", ret_run_id);

    if (status == STORE_NONE)
        store_fail(store, STORE_NONE, "no run of %s is running", host);
    return status;
}

enum store_status store_latest_run(struct store *store, const char *suite, int64_t *ret_run_id)
{
    const struct value row[] = {as_text(suite)};
    enum store_status status =
        store_ask(store,
                  "SELECT run_id FROM run r WHERE (?1 IS NULL OR suite = ?1) AND EXISTS "
                  "(SELECT 1 FROM point p WHERE p.run_id = r.run_id) "
                  "ORDER BY started_utc DESC, run_id DESC LIMIT 1",
                  row, COUNT(row), "look for a run", ret_run_id);

    if (status == STORE_NONE)
        store_fail(store, STORE_NONE, "holds no run%s%s that has points", suite ? " of suite " : "",
                   suite ? suite : "");
    return status;
}

/* store.c - opening, migrating and writing the SQLite file.
 *
 * A write is one transaction: what a call was asked to store is there in full or not at all. A
 * file is looked at before it is touched, so that a foreign, newer or damaged one stays as it is.
 * SQLite's result codes are translated in one place into a status and a line of plain words.
 */
#include "store_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "schema_text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { APPLICATION_ID = 0x6d69646c, BUSY_MS = 10000 };

/* steps[i] leads from version i + 1 to i + 2. */
static const char *const steps[] = {STORE_STEPS};
const int store_newest_version = 1 + (int)COUNT(steps);

/* ---- Errors
 * --------------------------------------------------------------------------------------- */

static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

enum store_status store_fail(struct store *store, enum store_status status, const char *format, ...)
{
    char text[STORE_ERROR_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(store->error, sizeof store->error, "%.200s: %.300s", store->path, text);
    one_line(store->error);
    return status;
}

enum store_status store_fail_sqlite(struct store *store, int code, const char *doing)
{
    const char *message = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
    int system_error = store->db ? sqlite3_system_errno(store->db) : 0;
    const char *system_text = system_error ? strerror(system_error) : message;

    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return store_fail(store, STORE_BAD, "is not an SQLite database; name another file");
    case SQLITE_CORRUPT:
        return store_fail(
            store, STORE_BAD,
            "is damaged (cannot %s: %s); take a copy and try sqlite3's .recover on it", doing,
            message);
    case SQLITE_FULL:
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: the disk is full; free some space and try again, what was "
                          "stored before is safe",
                          doing);
    case SQLITE_IOERR:
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: %s; check disk, quota and limits and try again, what was "
                          "stored before is safe",
                          doing, system_text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: another process has been writing for %d s; try again when "
                          "it is done",
                          doing, BUSY_MS / 1000);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: the file or its folder is not writable; change that or name "
                          "another",
                          doing);
    case SQLITE_CANTOPEN:
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: %s; check the folder and its permissions", doing,
                          system_text);
    case SQLITE_NOMEM:
        return store_fail(store, STORE_MACHINE, "cannot %s: not enough memory", doing);
    case SQLITE_CONSTRAINT:
        return store_fail(store, STORE_BAD, "cannot %s: %s; nothing of it was stored", doing,
                          message);
    default:
        return store_fail(store, STORE_BAD, "cannot %s: %s", doing, message);
    }
}

const char *store_error(const struct store *store)
{
    return store->error;
}

/* ---- Statements
 * ----------------------------------------------------------------------------------- */

/* A value for a parameter, by kind. */
struct value {
    enum { VALUE_TEXT, VALUE_INTEGER, VALUE_REAL } kind;
    const char *text; /* NULL: NULL */
    int64_t integer;
    double real; /* NaN: NULL */
};

static struct value as_text(const char *text)
{
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static struct value as_integer(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static struct value as_real(double real)
{
    return (struct value){.kind = VALUE_REAL, .real = real};
}

static int bind_value(sqlite3_stmt *statement, int place, const struct value *value)
{
    switch (value->kind) {
    case VALUE_TEXT:
        return sqlite3_bind_text(statement, place, value->text, -1, SQLITE_STATIC);
    case VALUE_INTEGER:
        return sqlite3_bind_int64(statement, place, value->integer);
    case VALUE_REAL:
        return sqlite3_bind_double(statement, place, value->real);
    }
    return SQLITE_MISUSE;
}

/* Bind all parameters of a statement and take one step: SQLITE_ROW, SQLITE_DONE or an error. */
static int step_with(sqlite3_stmt *statement, const struct value *values, size_t count)
{
    int code = sqlite3_reset(statement);

    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        code = bind_value(statement, (int)i + 1, &values[i]);
    return code == SQLITE_OK ? sqlite3_step(statement) : code;
}

static enum store_status prepare(struct store *store, const char *sql, const char *doing,
                                 sqlite3_stmt **ret)
{
    int code = sqlite3_prepare_v2(store->db, sql, -1, ret, NULL);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, doing);
}

static enum store_status execute(struct store *store, const char *sql, const char *doing)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, doing);
}

/* One row written by a prepared statement. */
static enum store_status write_row(struct store *store, sqlite3_stmt *statement,
                                   const struct value *values, size_t count, const char *doing)
{
    int code = step_with(statement, values, count);

    if (code == SQLITE_DONE)
        return STORE_OK;
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return store_fail(store, STORE_BAD, "cannot %s: no such run or point", doing);
    return store_fail_sqlite(store, code, doing);
}

/* One statement, once: STORE_OK if it gave a row, whose first column is *ret if that isn't NULL;
 * STORE_NONE if it ended without a row. */
static enum store_status ask(struct store *store, const char *sql, const struct value *values,
                             size_t count, const char *doing, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = prepare(store, sql, doing, &statement);

    if (status == STORE_OK) {
        int code = step_with(statement, values, count);
        bool found = code == SQLITE_ROW;
        int64_t answer = found ? sqlite3_column_int64(statement, 0) : 0;
        while (code == SQLITE_ROW) /* to the end: only then is a write committed */
            code = sqlite3_step(statement);
        if (code != SQLITE_DONE)
            status = store_fail_sqlite(store, code, doing);
        else if (!found)
            status = STORE_NONE;
        else if (ret)
            *ret = answer;
    }
    sqlite3_finalize(statement);
    return status;
}

static enum store_status begin(struct store *store, const char *doing)
{
    return execute(store, "BEGIN IMMEDIATE", doing);
}

/* End the transaction: commit if all went well, else take everything back and keep the error. */
static enum store_status end(struct store *store, enum store_status status, const char *doing)
{
    if (status == STORE_OK)
        status = execute(store, "COMMIT", doing);
    if (status != STORE_OK && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* ---- Opening
 * --------------------------------------------------------------------------------------- */

static const char opening[] = "open the database";

/* Make the folder of a database that is yet to be made: one level. */
static enum store_status make_folder(struct store *store)
{
    const char *slash = strrchr(store->path, '/');
    char *folder = slash && slash > store->path ? strdup(store->path) : NULL;
    int failure = 0;

    if (!folder)
        return STORE_OK;
    folder[slash - store->path] = '\0';
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        failure = errno;
    free(folder);
    if (failure == ENOENT)
        return store_fail(store, STORE_BAD,
                          "cannot make the database: neither its folder nor the "
                          "one above exists; make them first");
    return failure == 0
               ? STORE_OK
               : store_fail(store, STORE_MACHINE, "cannot make its folder: %s", strerror(failure));
}

/* Look at the path before SQLite does: it would wait for a pipe and name no reason for a folder. */
static enum store_status check_path(struct store *store, enum store_mode mode)
{
    struct stat info;

    if (store->path[0] == '\0')
        return store_fail(store, STORE_BAD, "a database needs a file name");
    if (stat(store->path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return store_fail(store, STORE_BAD, "is a folder; name a file in it");
        return S_ISREG(info.st_mode) ? STORE_OK
                                     : store_fail(store, STORE_BAD, "is not a regular file");
    }
    if (errno != ENOENT)
        return store_fail(store, errno == EACCES ? STORE_MACHINE : STORE_BAD, "cannot %s: %s",
                          opening, strerror(errno));
    if (mode == STORE_READ)
        return store_fail(store, STORE_BAD,
                          "no such database; measure one with `midl sweep` or name another file");
    return make_folder(store);
}

/* `name` is a plain path or, with SQLITE_OPEN_URI, a URI. */
static enum store_status connect(struct store *store, const char *name, int flags)
{
    sqlite3_close(store->db);
    store->db = NULL;
    int code = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return store_fail_sqlite(store, code, opening);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return STORE_OK;
}

/* SQLite gives names like ":memory:" and "file:..." a meaning; "./" in front takes it away. A
 * reader asks for writing too, though it will be barred from it: only then can the last one to
 * close a write-ahead log that a killed writer left tidy it up. */
static enum store_status connect_path(struct store *store, enum store_mode mode)
{
    char *name = sqlite3_mprintf("%s%s", store->path[0] == '/' ? "" : "./", store->path);
    int flags = SQLITE_OPEN_READWRITE | (mode == STORE_WRITE ? SQLITE_OPEN_CREATE : 0);
    enum store_status status =
        name ? connect(store, name, flags) : store_fail_sqlite(store, SQLITE_NOMEM, opening);

    sqlite3_free(name);
    if (status == STORE_OK && mode == STORE_READ)
        status = execute(store, "PRAGMA query_only = ON", opening);
    if (status == STORE_OK && mode == STORE_WRITE && sqlite3_db_readonly(store->db, "main") == 1)
        status = store_fail_sqlite(store, SQLITE_READONLY, opening);
    return status;
}

/* As an immutable file: how a database in a folder that can't be written to is read. Only safe if
 * nobody writes, so there must be no write-ahead log with content. */
static enum store_status connect_immutable(struct store *store)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    enum store_status status = STORE_MACHINE;

    sqlite3_str_appendf(uri, "file:%s", store->path[0] == '/' ? "" : "./");
    for (const char *c = store->path; *c; c++)
        sqlite3_str_appendf(uri, strchr("%?#", *c) ? "%%%02x" : "%c", *c);
    sqlite3_str_appendall(uri, "?immutable=1");
    char *name = sqlite3_str_finish(uri);
    if (name)
        status = connect(store, name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    else
        store_fail_sqlite(store, SQLITE_NOMEM, opening);
    sqlite3_free(name);
    return status;
}

static bool has_write_ahead_log(const struct store *store)
{
    char *name = sqlite3_mprintf("%s-wal", store->path);
    struct stat info;
    bool has = !name || (stat(name, &info) == 0 && info.st_size > 0);

    sqlite3_free(name);
    return has;
}

/* A file cut off within its last page: SQLite would read zeros there. A log may still hold that
 * page, so there must be none. */
static bool is_cut_off(const struct store *store, int64_t page_bytes)
{
    struct stat info;
    return stat(store->path, &info) == 0 && info.st_size % page_bytes != 0 &&
           !has_write_ahead_log(store);
}

enum file_kind { FILE_EMPTY, FILE_OLDER, FILE_CURRENT };

/* What the header says; *ret_code is SQLite's, for who can help. */
struct header {
    int64_t id, version, objects, page_bytes;
};

static enum store_status read_header(struct store *store, struct header *ret, int *ret_code)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(store->db,
                                  "SELECT application_id, user_version, page_size, "
                                  "(SELECT count(*) FROM sqlite_master) "
                                  "FROM pragma_application_id, pragma_user_version, "
                                  "pragma_page_size",
                                  -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *ret_code = code;
    enum store_status status = STORE_OK;
    if (code == SQLITE_ROW) {
        ret->id = sqlite3_column_int64(statement, 0);
        ret->version = sqlite3_column_int64(statement, 1);
        ret->page_bytes = sqlite3_column_int64(statement, 2);
        ret->objects = sqlite3_column_int64(statement, 3);
    } else {
        status = store_fail_sqlite(store, code, "read the database");
    }
    sqlite3_finalize(statement);
    return status;
}

/* Find out what the file is, touching nothing; sets store->version. */
static enum store_status identify(struct store *store, enum file_kind *ret, int *ret_code)
{
    struct header header = {.page_bytes = 1};
    enum store_status status = read_header(store, &header, ret_code);

    if (status != STORE_OK)
        return status;
    store->version = (int)header.version;
    if (is_cut_off(store, header.page_bytes))
        return store_fail(store, STORE_BAD,
                          "is damaged (its end is missing); take a copy and try sqlite3's .recover "
                          "on it");
    if (header.id == 0 && header.version == 0 && header.objects == 0)
        *ret = FILE_EMPTY;
    else if (header.id != APPLICATION_ID || header.version < 1)
        return store_fail(store, STORE_BAD, "is a database of another program; name another file");
    else if (header.version > store_newest_version)
        return store_fail(store, STORE_BAD,
                          "was made by a newer midl (schema %d, this one knows %d); use that one "
                          "or name another file",
                          store->version, store_newest_version);
    else
        *ret = header.version < store_newest_version ? FILE_OLDER : FILE_CURRENT;
    return STORE_OK;
}

/* Turning the log on takes a lock that SQLite doesn't always wait for, so we do. */
static enum store_status use_write_ahead_log(struct store *store)
{
    const char *sql = "PRAGMA journal_mode = WAL";
    int code = SQLITE_BUSY;

    for (int waited = 0; (code & 0xff) == SQLITE_BUSY && waited < BUSY_MS; waited += 20) {
        if (waited > 0)
            sqlite3_sleep(20);
        code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK)
        return store_fail_sqlite(store, code, opening);
    return execute(store, "PRAGMA synchronous = FULL", opening);
}

static const char updating[] = "bring the database up to date";

/* Lead an older schema to ours, step by step. */
static enum store_status migrate(struct store *store)
{
    enum store_status status = STORE_OK;

    for (size_t i = (size_t)store->version - 1; i < COUNT(steps) && status == STORE_OK; i++) {
        char version[64];
        snprintf(version, sizeof version, "PRAGMA user_version = %zu", i + 2);
        status = execute(store, steps[i], updating);
        if (status == STORE_OK)
            status = execute(store, version, updating);
    }
    if (status == STORE_OK)
        status = ask(store, "PRAGMA foreign_key_check", NULL, 0, updating, NULL);
    if (status == STORE_OK)
        return store_fail(store, STORE_BAD, "is damaged: rows refer to rows that are missing");
    return status == STORE_NONE ? STORE_OK : status;
}

/* Make the tables or migrate them, and make the views anew, in one transaction; who comes second
 * finds the work done. Foreign keys are off meanwhile, so that a step may rebuild a table. */
static enum store_status make_current(struct store *store)
{
    enum file_kind kind = FILE_CURRENT;
    int code;
    enum store_status status = execute(store, "PRAGMA foreign_keys = OFF", updating);

    if (status == STORE_OK)
        status = begin(store, updating);
    if (status == STORE_OK)
        status = identify(store, &kind, &code);
    if (status == STORE_OK && kind == FILE_EMPTY)
        status = execute(store, STORE_SCHEMA, updating);
    if (status == STORE_OK && kind == FILE_OLDER)
        status = migrate(store);
    if (status == STORE_OK && kind != FILE_CURRENT)
        status = execute(store, STORE_VIEWS, updating);
    status = end(store, status, updating);
    if (status == STORE_OK)
        store->version = store_newest_version;
    return status;
}

static enum store_status open_for_writing(struct store *store)
{
    enum file_kind kind;
    int code;
    enum store_status status = connect_path(store, STORE_WRITE);

    if (status == STORE_OK)
        status = identify(store, &kind, &code);
    if (status == STORE_OK)
        status = use_write_ahead_log(store);
    if (status == STORE_OK && kind != FILE_CURRENT)
        status = make_current(store);
    if (status == STORE_OK)
        status = execute(store, "PRAGMA foreign_keys = ON", opening);
    return status;
}

static enum store_status open_for_reading(struct store *store)
{
    enum file_kind kind;
    int code = SQLITE_OK;
    enum store_status status = connect_path(store, STORE_READ);

    if (status == STORE_OK)
        status = identify(store, &kind, &code);
    if (((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY) &&
        !has_write_ahead_log(store)) {
        status = connect_immutable(store);
        if (status == STORE_OK)
            status = identify(store, &kind, &code);
    }
    if (status == STORE_OK && kind == FILE_EMPTY)
        status = store_fail(store, STORE_BAD,
                            "is empty: nothing was stored in it yet; name another file");
    return status;
}

enum store_status store_open(const char *path, enum store_mode mode, struct store **ret,
                             char error[STORE_ERROR_SIZE])
{
    struct store *store = calloc(1, sizeof *store);
    enum store_status status = STORE_MACHINE;

    if (store)
        store->path = strdup(path);
    if (!store || !store->path) {
        snprintf(error, STORE_ERROR_SIZE, "%.200s: not enough memory to open it", path);
        goto cleanup;
    }
    status = check_path(store, mode);
    if (status == STORE_OK)
        status = mode == STORE_WRITE ? open_for_writing(store) : open_for_reading(store);
    if (status == STORE_OK) {
        *ret = store;
        return STORE_OK;
    }
    memcpy(error, store->error, STORE_ERROR_SIZE);
cleanup:
    store_close(store);
    return status;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

/* ---- Writing
 * --------------------------------------------------------------------------------------- */

#define NOW "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

static enum store_status put_facts(struct store *store, int64_t run_id,
                                   const struct store_fact *facts, size_t count, const char *doing)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = prepare(
        store, "INSERT INTO environment (run_id, name, value) VALUES (?, ?, ?)", doing, &statement);

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        const struct value row[] = {as_integer(run_id), as_text(facts[i].name),
                                    as_text(facts[i].value)};
        status = write_row(store, statement, row, COUNT(row), doing);
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
    enum store_status status = begin(store, doing);

    if (status == STORE_OK)
        status = ask(store,
                     "INSERT INTO run (suite, suite_hash, git_commit, version, host, cpu, isa, "
                     "compiler, flags, argv, seed, started_utc, status) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " NOW ", 'running') "
                     "RETURNING run_id",
                     row, COUNT(row), doing, &run_id);
    if (status == STORE_OK)
        status = put_facts(store, run_id, facts, fact_count, doing);
    status = end(store, status, doing);
    if (status == STORE_OK)
        *ret_run_id = run_id;
    return status;
}

enum store_status store_put_ceilings(struct store *store, int64_t run_id,
                                     const struct store_ceiling *ceilings, size_t count)
{
    static const char doing[] = "store the ceilings";
    sqlite3_stmt *statement = NULL;
    enum store_status status = begin(store, doing);

    if (status == STORE_OK)
        status = prepare(store,
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
        status = write_row(store, statement, row, COUNT(row), doing);
    }
    sqlite3_finalize(statement);
    return end(store, status, doing);
}

/* Every column of table point but the keys, and where its value is. */
struct point_column {
    const char *name;
    enum { COLUMN_TEXT, COLUMN_INTEGER, COLUMN_REAL } kind;
    size_t offset;
};

#define TEXT_COLUMN(name)                                                                          \
    {                                                                                              \
#name, COLUMN_TEXT, offsetof(struct store_point, name)                                     \
    }
#define INTEGER_COLUMN(name)                                                                       \
    {                                                                                              \
#name, COLUMN_INTEGER, offsetof(struct store_point, name)                                  \
    }
#define REAL_COLUMN(name)                                                                          \
    {                                                                                              \
#name, COLUMN_REAL, offsetof(struct store_point, name)                                     \
    }

static const struct point_column point_columns[] = {
    TEXT_COLUMN(shape_key),     TEXT_COLUMN(kernel),      TEXT_COLUMN(isa),
    TEXT_COLUMN(dtype),         INTEGER_COLUMN(d),        INTEGER_COLUMN(n),
    INTEGER_COLUMN(k),          INTEGER_COLUMN(rank),     TEXT_COLUMN(gate),
    INTEGER_COLUMN(gate_rank),  TEXT_COLUMN(select_mode), INTEGER_COLUMN(block),
    REAL_COLUMN(threshold),     TEXT_COLUMN(unselected),  INTEGER_COLUMN(batch),
    INTEGER_COLUMN(threads),    TEXT_COLUMN(cache),       TEXT_COLUMN(input),
    TEXT_COLUMN(layer),         TEXT_COLUMN(blas_core),   TEXT_COLUMN(status),
    TEXT_COLUMN(reason),        REAL_COLUMN(error_ratio), REAL_COLUMN(time_ns),
    REAL_COLUMN(time_lo_ns),    REAL_COLUMN(time_hi_ns),  TEXT_COLUMN(yardstick),
    REAL_COLUMN(speedup),       REAL_COLUMN(speedup_lo),  REAL_COLUMN(speedup_hi),
    TEXT_COLUMN(stop),          REAL_COLUMN(plan_ns),     REAL_COLUMN(plan_bytes),
    REAL_COLUMN(flops),         REAL_COLUMN(bytes),       REAL_COLUMN(flops_gate),
    REAL_COLUMN(flops_light),   REAL_COLUMN(flops_full),  REAL_COLUMN(flops_blend),
    REAL_COLUMN(bytes_gate),    REAL_COLUMN(bytes_light), REAL_COLUMN(bytes_full),
    REAL_COLUMN(bytes_io),      REAL_COLUMN(comparisons), REAL_COLUMN(selected),
    REAL_COLUMN(distinct_rows), REAL_COLUMN(flops_ratio), REAL_COLUMN(bound_ns),
};

static struct value point_value(const struct store_point *point, const struct point_column *column)
{
    const char *field = (const char *)point + column->offset;

    switch (column->kind) {
    case COLUMN_TEXT:
        return as_text(*(const char *const *)(const void *)field);
    case COLUMN_INTEGER:
        return as_integer(*(const int64_t *)(const void *)field);
    case COLUMN_REAL:
        return as_real(*(const double *)(const void *)field);
    }
    return as_text(NULL);
}

/* The statements of one call of store_put_points, prepared once. */
struct writer {
    struct store *store;
    sqlite3_stmt *point, *sample, *counter;
};

static const char storing[] = "store points";

static enum store_status prepare_point(struct writer *writer)
{
    sqlite3_str *sql = sqlite3_str_new(writer->store->db);

    sqlite3_str_appendall(sql, "INSERT INTO point (run_id, linear");
    for (size_t i = 0; i < COUNT(point_columns); i++)
        sqlite3_str_appendf(sql, ", %s", point_columns[i].name);
    sqlite3_str_appendall(sql, ") VALUES (?, ?");
    for (size_t i = 0; i < COUNT(point_columns); i++)
        sqlite3_str_appendall(sql, ", ?");
    sqlite3_str_appendall(sql, ")");
    char *finished = sqlite3_str_finish(sql);
    enum store_status status = finished ? prepare(writer->store, finished, storing, &writer->point)
                                        : store_fail_sqlite(writer->store, SQLITE_NOMEM, storing);
    sqlite3_free(finished);
    return status;
}

static enum store_status prepare_counter(struct store *store, sqlite3_stmt **ret)
{
    return prepare(store,
                   "INSERT OR REPLACE INTO counter (point_id, counter, source, per_call, scaled, "
                   "reason) VALUES (?, ?, ?, ?, ?, ?)",
                   storing, ret);
}

static enum store_status writer_prepare(struct writer *writer)
{
    enum store_status status = prepare_point(writer);

    if (status == STORE_OK)
        status = prepare(writer->store,
                         "INSERT INTO sample (point_id, round, position, iterations, real_ns, "
                         "cpu_ns, disturbed) VALUES (?, ?, ?, ?, ?, ?, ?)",
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
        status = write_row(store, statement, row, COUNT(row), storing);
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
                                    as_integer(s->disturbed ? 1 : 0)};
        status = write_row(writer->store, writer->sample, row, COUNT(row), storing);
    }
    return status;
}

static enum store_status put_point(const struct writer *writer, int64_t run_id,
                                   const struct store_point *point)
{
    struct value row[2 + COUNT(point_columns)] = {as_integer(run_id),
                                                  as_integer(point->linear ? 1 : 0)};
    int code;

    for (size_t i = 0; i < COUNT(point_columns); i++)
        row[2 + i] = point_value(point, &point_columns[i]);
    code = step_with(writer->point, row, COUNT(row));
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
    enum store_status status = writer_prepare(&writer);

    if (status == STORE_OK)
        status = begin(store, storing);
    if (status == STORE_OK) {
        for (size_t i = 0; i < count && status == STORE_OK; i++)
            status = put_point(&writer, run_id, &points[i]);
        status = end(store, status, storing);
    }
    sqlite3_finalize(writer.point);
    sqlite3_finalize(writer.sample);
    sqlite3_finalize(writer.counter);
    return status;
}

enum store_status store_put_counters(struct store *store, int64_t point_id,
                                     const struct store_counter *counters, size_t count)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = prepare_counter(store, &statement);

    if (status == STORE_OK)
        status = begin(store, storing);
    if (status == STORE_OK)
        status = end(store, put_counters(store, statement, point_id, counters, count), storing);
    sqlite3_finalize(statement);
    return status;
}

enum store_status store_run_end(struct store *store, int64_t run_id, const char *status)
{
    const struct value row[] = {as_text(status), as_integer(run_id)};
    enum store_status result =
        ask(store,
            "UPDATE run SET status = ?1, finished_utc = CASE ?1 WHEN 'finished' THEN " NOW " END "
            "WHERE run_id = ?2 RETURNING run_id",
            row, COUNT(row), "end the run", NULL);

    if (result == STORE_NONE)
        store_fail(store, STORE_NONE, "there is no run %lld", (long long)run_id);
    return result;
}

/* ---- Resuming, reading
 * ----------------------------------------------------------------------------- */

enum store_status store_run_resume(struct store *store, const char *suite, const char *suite_hash,
                                   const char *git_commit, int64_t *ret_run_id)
{
    const struct value row[] = {as_text(suite), as_text(suite_hash), as_text(git_commit)};
    enum store_status status =
        ask(store,
            "UPDATE run SET status = 'running', finished_utc = NULL WHERE run_id = "
            "(SELECT max(run_id) FROM run WHERE suite = ? AND suite_hash = ? AND git_commit = ? "
            "AND status <> 'finished') RETURNING run_id",
            row, COUNT(row), "resume a run", ret_run_id);

    if (status == STORE_NONE)
        store_fail(store, STORE_NONE, "no unfinished run of suite %s", suite);
    return status;
}

enum store_status store_has_point(struct store *store, int64_t run_id, const char *shape_key,
                                  const char *kernel, const char *isa, const char *dtype,
                                  bool *ret_found)
{
    const struct value row[] = {as_integer(run_id), as_text(shape_key), as_text(kernel),
                                as_text(isa), as_text(dtype)};
    int64_t found;
    enum store_status status =
        ask(store,
            "SELECT EXISTS (SELECT 1 FROM point WHERE run_id = ? AND shape_key = ? AND kernel = ? "
            "AND isa = ? AND dtype = ?)",
            row, COUNT(row), "look for a point", &found);

    if (status == STORE_OK)
        *ret_found = found != 0;
    return status;
}

enum store_status store_latest_run(struct store *store, const char *suite, int64_t *ret_run_id)
{
    const struct value row[] = {as_text(suite)};
    enum store_status status =
        ask(store,
            "SELECT run_id FROM run r WHERE (?1 IS NULL OR suite = ?1) AND EXISTS "
            "(SELECT 1 FROM point p WHERE p.run_id = r.run_id) "
            "ORDER BY started_utc DESC, run_id DESC LIMIT 1",
            row, COUNT(row), "look for a run", ret_run_id);

    if (status == STORE_NONE)
        store_fail(store, STORE_NONE, "holds no run%s%s that has points", suite ? " of suite " : "",
                   suite ? suite : "");
    return status;
}

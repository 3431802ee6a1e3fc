/* store.c - opening and migrating the SQLite file, and how its errors are told.
 *
 * A file is looked at before it is touched, so that a foreign, newer or damaged one stays as it is.
 * SQLite's result codes are translated in one place into a status and a line of plain words.
 */
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "schema_text.h"

enum { APPLICATION_ID = 0x6d69646c, BUSY_MS = 60000 };

/* steps[i] leads from version i + 1 to i + 2. */
static const char *const steps[] = {STORE_STEPS};
const int store_newest_version = 1 + (int)COUNT(steps);

/* ---- Errors ---------------------------------------------------------------------------------- */

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

/* Read a file to its end; 0, or the error number. One that isn't there has none. */
static int read_through(const char *path)
{
    char block[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC), number = 0;
    ssize_t got = fd < 0 ? 0 : 1;
    for (off_t at = 0; got > 0; at += got) {
        got = pread(fd, block, sizeof block, at);
        if (got < 0)
            number = errno;
    }
    if (fd >= 0)
        close(fd);
    return number;
}

/* SQLite takes what a disk can't read for damage done to the file (SQLITE_IOERR_CORRUPTFS): ask
 * which it is. 0, or the error number of the system. */
static int read_error(struct store *store)
{
    char log[PATH_MAX];
    int number = 0;
    if (store->db)
        sqlite3_file_control(store->db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
    snprintf(log, sizeof log, "%s-wal", store->path);
    if (number != EIO && number != ENXIO)
        number = read_through(store->path);
    return number ? number : read_through(log);
}

static enum store_status fail_disk(struct store *store, const char *doing, const char *reason)
{
    return store_fail(store, STORE_MACHINE,
                      "cannot %s: %s; check disk, quota and limits and try again, what was stored "
                      "before is safe",
                      doing, reason);
}

/* Ask why a database can't be opened: SQLite's last attempt, to read a file that isn't there, hides
 * that one can't be made. The error number; `number` where nothing better is known. */
static int open_error(const char *path, int number)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (access(path, F_OK) == 0)
        return access(path, R_OK) == 0 ? number : errno;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1,
             slash ? path : ".");
    return access(folder, W_OK) == 0 ? number : errno;
}

enum store_status store_fail_sqlite(struct store *store, int code, const char *doing)
{
    const char *message = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
    int system_error = store->db ? sqlite3_system_errno(store->db) : 0;
    const char *system_text = system_error ? strerror(system_error) : message;
    int number;

    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return store_fail(store, STORE_BAD, "is not an SQLite database; name another file");
    case SQLITE_CORRUPT:
        if ((number = read_error(store)) != 0)
            return fail_disk(store, doing, strerror(number));
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
        return fail_disk(store, doing, system_text);
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
        number = open_error(store->path, system_error);
        return store_fail(store, STORE_MACHINE,
                          "cannot %s: %s; check the folder and its permissions", doing,
                          number ? strerror(number) : message);
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

/* ---- Statements ------------------------------------------------------------------------------ */

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

int store_step(sqlite3_stmt *statement, const struct value *values, size_t count)
{
    int code = sqlite3_reset(statement);

    for (size_t i = 0; i < count && code == SQLITE_OK; i++)
        code = bind_value(statement, (int)i + 1, &values[i]);
    return code == SQLITE_OK ? sqlite3_step(statement) : code;
}

enum store_status store_prepare(struct store *store, const char *sql, const char *doing,
                                sqlite3_stmt **ret)
{
    int code = sqlite3_prepare_v2(store->db, sql, -1, ret, NULL);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, doing);
}

enum store_status store_execute(struct store *store, const char *sql, const char *doing)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, doing);
}

enum store_status store_write_row(struct store *store, sqlite3_stmt *statement,
                                  const struct value *values, size_t count, const char *doing)
{
    int code = store_step(statement, values, count);

    if (code == SQLITE_DONE)
        return STORE_OK;
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return store_fail(store, STORE_BAD, "cannot %s: no such run or point", doing);
    return store_fail_sqlite(store, code, doing);
}

enum store_status store_ask(struct store *store, const char *sql, const struct value *values,
                            size_t count, const char *doing, int64_t *ret)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = store_prepare(store, sql, doing, &statement);

    if (status == STORE_OK) {
        int code = store_step(statement, values, count);
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

enum store_status store_begin(struct store *store, const char *doing)
{
    enum store_status status = store_place_check(store);
    return status == STORE_OK ? store_execute(store, "BEGIN IMMEDIATE", doing) : status;
}

enum store_status store_end(struct store *store, enum store_status status, const char *doing)
{
    if (status == STORE_OK)
        status = store_execute(store, "COMMIT", doing);
    if (status != STORE_OK && store->db && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status == STORE_OK ? store_place_tell(store) : status;
}

/* ---- Opening --------------------------------------------------------------------------------- */

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

/* SQL function from_to(low, high, decimals, unit): "0.70 to 0.86", or once what is the same as
 * printed; NULL if an end is. */
static void from_to(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *unit = count > 3 ? (const char *)sqlite3_value_text(values[3]) : "";
    int asked = sqlite3_value_int(values[2]), decimals = asked < 0 ? 0 : asked > 9 ? 9 : asked;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
        sqlite3_value_type(values[1]) == SQLITE_NULL)
        return;
    char *low = sqlite3_mprintf("%.*f%s", decimals, sqlite3_value_double(values[0]), unit);
    char *high = sqlite3_mprintf("%.*f%s", decimals, sqlite3_value_double(values[1]), unit);
    if (!low || !high)
        sqlite3_result_error_nomem(context);
    else if (strcmp(low, high) == 0)
        sqlite3_result_text(context, low, -1, SQLITE_TRANSIENT);
    else
        sqlite3_result_text(context, sqlite3_mprintf("%s to %s", low, high), -1, sqlite3_free);
    sqlite3_free(low);
    sqlite3_free(high);
}

static int add_functions(sqlite3 *db)
{
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC, code = SQLITE_OK;
    for (int count = 3; count <= 4 && code == SQLITE_OK; count++)
        code = sqlite3_create_function(db, "from_to", count, flags, NULL, from_to, NULL, NULL);
    return code;
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Wait for the lock of another connection; 0 gives up. SQLite's own handler asks ten times a
 * second, and where many write in turns it may never find the lock free. This one asks often and at
 * irregular times. */
static int wait_for_lock(void *data, int asked)
{
    struct store *store = data;
    unsigned char spread = 0;
    if (asked == 0)
        store->busy_since_ms = now_ms();
    if (now_ms() - store->busy_since_ms >= BUSY_MS)
        return 0;
    sqlite3_randomness(1, &spread);
    sqlite3_sleep(1 + spread % 16);
    return 1;
}

/* `name` is a plain path or, with SQLITE_OPEN_URI, a URI. */
static enum store_status connect(struct store *store, const char *name, int flags)
{
    store_forget_query(store);
    sqlite3_close(store->db);
    store->db = NULL;
    int code = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_EXRESCODE, NULL);
    if (code == SQLITE_OK)
        code = add_functions(store->db);
    if (code != SQLITE_OK)
        return store_fail_sqlite(store, code, opening);
    sqlite3_busy_handler(store->db, wait_for_lock, store);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    code = store_add_levels(store->db);
    return code == SQLITE_OK ? STORE_OK : store_fail_sqlite(store, code, opening);
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
        status = store_execute(store, "PRAGMA query_only = ON", opening);
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

struct header {
    int64_t id, version, objects, page_bytes;
};

/* *ret_code is SQLite's, for a caller who knows another way. */
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
    int64_t begin_ms = now_ms();
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

    while ((code & 0xff) == SQLITE_BUSY && now_ms() - begin_ms < BUSY_MS) {
        sqlite3_sleep(20);
        code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    }
    if (code != SQLITE_OK)
        return store_fail_sqlite(store, code, opening);
    return store_execute(store, "PRAGMA synchronous = FULL", opening);
}

static const char updating[] = "bring the database up to date";

/* Lead an older schema to ours, step by step. */
static enum store_status migrate(struct store *store)
{
    enum store_status status = STORE_OK;

    for (size_t i = (size_t)store->version - 1; i < COUNT(steps) && status == STORE_OK; i++) {
        char version[64];
        snprintf(version, sizeof version, "PRAGMA user_version = %zu", i + 2);
        status = store_execute(store, steps[i], updating);
        if (status == STORE_OK)
            status = store_execute(store, version, updating);
    }
    if (status == STORE_OK)
        status = store_ask(store, "PRAGMA foreign_key_check", NULL, 0, updating, NULL);
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
    enum store_status status = store_execute(store, "PRAGMA foreign_keys = OFF", updating);

    if (status == STORE_OK)
        status = store_begin(store, updating);
    if (status == STORE_OK)
        status = identify(store, &kind, &code);
    if (status == STORE_OK && kind == FILE_EMPTY)
        status = store_execute(store, STORE_SCHEMA, updating);
    if (status == STORE_OK && kind == FILE_OLDER)
        status = migrate(store);
    if (status == STORE_OK && kind != FILE_CURRENT)
        status = store_execute(store, STORE_VIEWS, updating);
    status = store_end(store, status, updating);
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
        status = store_execute(store, "PRAGMA foreign_keys = ON", opening);
    if (status == STORE_OK)
        store_place_remember(store);
    return status;
}

enum store_status store_place_reopen(struct store *store, const char *path)
{
    char *name = strdup(path);
    if (!name)
        return store_fail_sqlite(store, SQLITE_NOMEM, opening);
    free(store->left);
    store->left = store->path;
    store->left_told = false;
    store->path = name;
    return open_for_writing(store);
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

/* A file of SQLite's own, which goes when it is closed. */
static enum store_status copy_of(struct store *source, struct store *copy)
{
    static const char copying[] = "copy the database";
    enum store_status status = connect(copy, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (status != STORE_OK)
        return status;
    sqlite3_backup *backup = sqlite3_backup_init(copy->db, "main", source->db, "main");
    if (backup)
        sqlite3_backup_step(backup, -1);
    int code = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(copy->db);
    status = code == SQLITE_OK ? STORE_OK : store_fail_sqlite(copy, code, copying);
    return status == STORE_OK ? make_current(copy) : status;
}

enum store_status store_open_copy(const char *path, struct store **ret,
                                  char error[STORE_ERROR_SIZE])
{
    struct store *source = NULL, *copy = calloc(1, sizeof *copy);
    enum store_status status = store_open(path, STORE_READ, &source, error);
    if (status != STORE_OK)
        goto cleanup;
    if (copy)
        copy->path = strdup(path);
    if (!copy || !copy->path) {
        snprintf(error, STORE_ERROR_SIZE, "%.200s: not enough memory to copy it", path);
        status = STORE_MACHINE;
        goto cleanup;
    }
    status = copy_of(source, copy);
    if (status == STORE_OK) {
        *ret = copy;
        copy = NULL;
    } else {
        memcpy(error, copy->error, STORE_ERROR_SIZE);
    }
cleanup:
    store_close(source);
    store_close(copy);
    return status;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_forget_query(store);
    sqlite3_close(store->db);
    free(store->left);
    free(store->path);
    free(store);
}

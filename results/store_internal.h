/* store_internal.h - what the files of the store share; only they and the tests include it. */
#ifndef MIDL_STORE_INTERNAL_H
#define MIDL_STORE_INTERNAL_H

#include <limits.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Which file a path leads to. */
struct store_file {
    bool known;
    dev_t device;
    ino_t inode;
};

struct store {
    sqlite3 *db;
    char *path;                          /* as the caller named it, or where it went since */
    int version;                         /* schema of the file */
    struct store_file place, log, index; /* of the database, its -wal and -shm, when opened */
    char *left;                          /* the path that leads elsewhere now; NULL: none */
    bool left_told;                      /* the caller knows */
    sqlite3_stmt *kept;                  /* the last query of a caller, reset; NULL: none */
    char *kept_sql;                      /* its text */
    int64_t busy_since_ms;               /* when it began to wait for another's lock */
    char error[STORE_ERROR_SIZE];
};

/* Add the aggregate `levels` (levels.c) to a connection; a result code of SQLite. */
int store_add_levels(sqlite3 *db);

/* Finalize the query that is kept. */
void store_forget_query(struct store *store);

/* The schema version that this program writes. */
extern const int store_newest_version;

/* A copy of the database at `path` in a temporary place, in the newest schema; messages name
 * `path`. As store_open. */
enum store_status store_open_copy(const char *path, struct store **ret,
                                  char error[STORE_ERROR_SIZE]);

/* Keep "PATH: TEXT" as the store's error, on one line whatever the text holds; returns `status`. */
enum store_status store_fail(struct store *store, enum store_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from an SQLite result code: "PATH: cannot DO: why; what to do". */
enum store_status store_fail_sqlite(struct store *store, int code, const char *doing);

/* ---- Statements. `doing` stands in the error: "cannot DOING: ..." ---------------------------- */

enum value_kind { VALUE_TEXT, VALUE_INTEGER, VALUE_REAL };

/* A value for a parameter. */
struct value {
    enum value_kind kind;
    const char *text; /* NULL: NULL */
    int64_t integer;
    double real; /* NaN: NULL */
};

static inline struct value as_text(const char *text)
{
    return (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline struct value as_integer(int64_t integer)
{
    return (struct value){.kind = VALUE_INTEGER, .integer = integer};
}

static inline struct value as_real(double real)
{
    return (struct value){.kind = VALUE_REAL, .real = real};
}

enum store_status store_execute(struct store *store, const char *sql, const char *doing);
enum store_status store_prepare(struct store *store, const char *sql, const char *doing,
                                sqlite3_stmt **ret);

/* Bind all parameters and take one step: SQLITE_ROW, SQLITE_DONE or an error. */
int store_step(sqlite3_stmt *statement, const struct value *values, size_t count);

/* One row written by a prepared statement. */
enum store_status store_write_row(struct store *store, sqlite3_stmt *statement,
                                  const struct value *values, size_t count, const char *doing);

/* One statement, once: STORE_OK if it gave a row, whose first column is *ret if that isn't NULL;
 * STORE_NONE if it ended without a row. */
enum store_status store_ask(struct store *store, const char *sql, const struct value *values,
                            size_t count, const char *doing, int64_t *ret);

/* ---- Printing -------------------------------------------------------------------------------- */

/* The shortest decimal that reads back as the same double. */
void store_print_real(FILE *out, double value);

/* Text as a JSON string; `inside`: without its quotes. */
void store_print_json_text(FILE *out, const char *text, size_t length);
void store_print_json_inside(FILE *out, const char *text, size_t length);

/* A member of an object: `, "name": `, without the comma if it is the first; with a text (NULL:
 * empty); with a number, left out if it isn't finite, as JSON has no NaN. */
void store_print_json_name(FILE *out, const char *name, bool first);
void store_print_json_member(FILE *out, const char *name, const char *text);
void store_print_json_number(FILE *out, const char *name, double value);

/* ---- The file behind the path ---------------------------------------------------------------- */

/* Remember which file the path of a store opened for writing leads to. */
void store_place_remember(struct store *store);

/* STORE_OK if the path still leads there. If not, what was stored is copied to another file, and
 * the store goes on with that one: STORE_OK too, told by store_place_tell() once the write is done.
 */
enum store_status store_place_check(struct store *store);

/* STORE_MACHINE, once, if the store had to move; the error names where the rows are. */
enum store_status store_place_tell(struct store *store);

/* Go on with another file (store.c, which connects). */
enum store_status store_place_reopen(struct store *store, const char *path);

/* ---- Transactions ---------------------------------------------------------------------------- */

enum store_status store_begin(struct store *store, const char *doing);

/* End the transaction: commit if all went well, else take everything back and keep the error. */
enum store_status store_end(struct store *store, enum store_status status, const char *doing);

#endif

/* query.c - one SELECT, given as text, to rows of TSV, CSV or JSON.
 *
 * The text comes from a figure or from a user and is not trusted: SQLite itself says whether the
 * compiled statement reads only, and an authorizer refuses what would change the connection.
 */
#include "store_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char querying[] = "run the query";

/* ---- Statement and parameters ---------------------------------------------------------------- */

/* Refuse statements that sqlite3_stmt_readonly() calls reading but that are no SELECT. */
static int refuse_settings(void *data, int action, const char *a, const char *b, const char *c,
                           const char *d)
{
    (void)data, (void)a, (void)b, (void)c, (void)d;
    switch (action) {
    case SQLITE_PRAGMA:
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return SQLITE_DENY;
    default:
        return SQLITE_OK;
    }
}

static enum store_status fail_query(struct store *store, int code)
{
    if ((code & 0xff) == SQLITE_AUTH)
        return store_fail(store, STORE_BAD, "cannot %s: only a SELECT is allowed", querying);
    if ((code & 0xff) == SQLITE_ERROR && store->version < store_newest_version)
        return store_fail(store, STORE_OLD,
                          "cannot %s: %s; the database is older (schema %d of %d), open it once "
                          "for writing to bring it up to date",
                          querying, sqlite3_errmsg(store->db), store->version,
                          store_newest_version);
    return store_fail_sqlite(store, code, querying);
}

/* The only statement in `sql`; comments and semicolons around it are fine. */
static enum store_status compile_text(struct store *store, const char *sql, sqlite3_stmt **ret)
{
    sqlite3_stmt *only = NULL;

    while (*sql) {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(store->db, sql, -1, &statement, &sql);
        if (code != SQLITE_OK) {
            sqlite3_finalize(only);
            return fail_query(store, code);
        }
        if (statement && only) {
            sqlite3_finalize(statement);
            sqlite3_finalize(only);
            return store_fail(store, STORE_BAD, "cannot %s: more than one statement", querying);
        }
        if (statement)
            only = statement;
    }
    if (!only)
        return store_fail(store, STORE_BAD, "cannot %s: there is no statement in it", querying);
    if (!sqlite3_stmt_readonly(only) || sqlite3_column_count(only) == 0) {
        sqlite3_finalize(only);
        return store_fail(store, STORE_BAD, "cannot %s: only a SELECT is allowed", querying);
    }
    *ret = only;
    return STORE_OK;
}

/* A number if the whole text is one, in decimal; else text. */
static int bind_text(sqlite3_stmt *statement, int place, const char *text)
{
    bool decimal = text && *text && text[strspn(text, "+-.0123456789eE")] == '\0';
    char *end = NULL;

    if (decimal) {
        errno = 0;
        long long integer = strtoll(text, &end, 10);
        if (*end == '\0' && errno == 0)
            return sqlite3_bind_int64(statement, place, integer);
        double real = strtod(text, &end);
        if (end != text && *end == '\0' && isfinite(real))
            return sqlite3_bind_double(statement, place, real);
    }
    return sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

static int bind_parameters(sqlite3_stmt *statement, const struct store_fact *parameters,
                           size_t count)
{
    int code = SQLITE_OK;

    for (int place = sqlite3_bind_parameter_count(statement); place > 0; place--) {
        const char *name = sqlite3_bind_parameter_name(statement, place);
        for (size_t i = 0; name && i < count && code == SQLITE_OK; i++)
            if (strcmp(parameters[i].name, name + 1) == 0)
                code = bind_text(statement, place, parameters[i].value);
    }
    return code;
}

/* ---- The last query, kept -------------------------------------------------------------------- */

void store_forget_query(struct store *store)
{
    sqlite3_finalize(store->kept);
    free(store->kept_sql);
    store->kept = NULL;
    store->kept_sql = NULL;
}

/* The statement of this text if it is the last one; NULL if it isn't. */
static sqlite3_stmt *take_kept(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = store->kept;
    if (!statement || strcmp(store->kept_sql, sql) != 0)
        return NULL;
    store->kept = NULL;
    store_forget_query(store);
    return statement;
}

/* Keep the statement for the next query of the same text, or finalize it. A figure asks one run
 * after another, and compiling its views takes longer than stepping through them. */
static void keep(struct store *store, const char *sql, sqlite3_stmt *statement)
{
    store_forget_query(store);
    store->kept_sql = strdup(sql);
    if (!store->kept_sql) {
        sqlite3_finalize(statement);
        return;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    store->kept = statement;
}

/* A statement ready to step. */
static enum store_status compile(struct store *store, const char *sql,
                                 const struct store_fact *parameters, size_t count,
                                 sqlite3_stmt **ret)
{
    sqlite3_stmt *statement = take_kept(store, sql);
    enum store_status status = STORE_OK;

    if (!statement) {
        sqlite3_set_authorizer(store->db, refuse_settings, NULL);
        status = compile_text(store, sql, &statement);
        sqlite3_set_authorizer(store->db, NULL, NULL);
    }
    if (status != STORE_OK)
        return status;
    int code = bind_parameters(statement, parameters, count);
    if (code != SQLITE_OK) {
        sqlite3_finalize(statement);
        return fail_query(store, code);
    }
    *ret = statement;
    return STORE_OK;
}

/* ---- Cells ----------------------------------------------------------------------------------- */

/* gnuplot knows no escape in a quoted word, so a quote becomes an apostrophe; what would end the
 * cell becomes a space. */
static void print_tsv_text(FILE *out, const char *text, size_t length)
{
    bool quoted = length == 0 || text[0] == '#';

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == '"')
            quoted = true;
    if (quoted)
        putc('"', out);
    for (size_t i = 0; i < length; i++)
        putc((unsigned char)text[i] < ' ' ? ' ' : text[i] == '"' ? '\'' : text[i], out);
    if (quoted)
        putc('"', out);
}

static void print_csv_text(FILE *out, const char *text, size_t length)
{
    bool quoted = length == 0;

    for (size_t i = 0; i < length; i++)
        if (strchr(",\"\r\n", text[i]))
            quoted = true;
    if (quoted)
        putc('"', out);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"')
            putc('"', out);
        putc(text[i], out);
    }
    if (quoted)
        putc('"', out);
}

static void print_text(FILE *out, enum store_format format, const char *text, size_t length)
{
    switch (format) {
    case STORE_TSV:
        print_tsv_text(out, text, length);
        break;
    case STORE_CSV:
        print_csv_text(out, text, length);
        break;
    case STORE_JSON:
        store_print_json_text(out, text, length);
        break;
    }
}

static void print_null(FILE *out, enum store_format format)
{
    switch (format) {
    case STORE_TSV:
        fputs("NaN", out);
        break;
    case STORE_CSV:
        break;
    case STORE_JSON:
        fputs("null", out);
        break;
    }
}

/* False if there was no memory for the text. */
static bool print_cell(FILE *out, enum store_format format, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    const char *text;

    if (type == SQLITE_NULL) {
        print_null(out, format);
    } else if (type == SQLITE_INTEGER) {
        fprintf(out, "%lld", (long long)sqlite3_column_int64(row, column));
    } else if (type == SQLITE_FLOAT) {
        double value = sqlite3_column_double(row, column);
        if (format == STORE_JSON && !isfinite(value))
            print_null(out, format);
        else
            store_print_real(out, value);
    } else {
        text = (const char *)sqlite3_column_text(row, column);
        if (!text && sqlite3_column_bytes(row, column) > 0)
            return false;
        print_text(out, format, text ? text : "", (size_t)sqlite3_column_bytes(row, column));
    }
    return true;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void print_name(FILE *out, enum store_format format, sqlite3_stmt *row, int column)
{
    const char *name = sqlite3_column_name(row, column);
    print_text(out, format, name ? name : "", name ? strlen(name) : 0);
}

static void print_header(FILE *out, enum store_format format, sqlite3_stmt *row)
{
    int columns = sqlite3_column_count(row);

    switch (format) {
    case STORE_TSV:
    case STORE_CSV:
        fputs(format == STORE_TSV ? "# " : "", out);
        for (int i = 0; i < columns; i++) {
            fputs(i == 0 ? "" : format == STORE_TSV ? "\t" : ",", out);
            print_name(out, format, row, i);
        }
        fputs(format == STORE_TSV ? "\n" : "\r\n", out);
        break;
    case STORE_JSON:
        putc('[', out);
        break;
    }
}

static bool print_row(FILE *out, enum store_format format, sqlite3_stmt *row, bool first)
{
    int columns = sqlite3_column_count(row);
    bool ok = true;

    if (format == STORE_TSV && sqlite3_column_type(row, 0) == SQLITE_NULL) {
        fputs("\n\n", out);
        return true;
    }
    if (format == STORE_JSON)
        fputs(first ? "\n{" : ",\n{", out);
    for (int i = 0; i < columns && ok; i++) {
        fputs(i == 0 ? "" : format == STORE_TSV ? "\t" : ",", out);
        if (format == STORE_JSON) {
            print_name(out, format, row, i);
            putc(':', out);
        }
        ok = print_cell(out, format, row, i);
    }
    fputs(format == STORE_TSV ? "\n" : format == STORE_CSV ? "\r\n" : "}", out);
    return ok;
}

/* JSON has no place for two values of one name. */
static enum store_status check_names(struct store *store, sqlite3_stmt *statement)
{
    int columns = sqlite3_column_count(statement);

    for (int i = 0; i < columns; i++)
        for (int j = 0; j < i; j++) {
            const char *a = sqlite3_column_name(statement, i);
            const char *b = sqlite3_column_name(statement, j);
            if (a && b && strcmp(a, b) == 0)
                return store_fail(store, STORE_BAD,
                                  "cannot %s: two columns named %s; name one with AS", querying, a);
        }
    return STORE_OK;
}

static enum store_status print_rows(struct store *store, sqlite3_stmt *statement,
                                    enum store_format format, FILE *out, size_t *ret_rows)
{
    size_t rows = 0, lines = 0;
    int code = sqlite3_step(statement);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail_query(store, code);
    print_header(out, format, statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        if (!print_row(out, format, statement, lines++ == 0))
            return store_fail_sqlite(store, SQLITE_NOMEM, querying);
        rows += format != STORE_TSV || sqlite3_column_type(statement, 0) != SQLITE_NULL;
    }
    if (code != SQLITE_DONE)
        return fail_query(store, code);
    if (format == STORE_JSON)
        fputs(rows > 0 ? "\n]\n" : "]\n", out);
    if (fflush(out) != 0 || ferror(out))
        return store_fail(store, STORE_MACHINE, "cannot write the rows of the query: %s",
                          strerror(errno));
    *ret_rows = rows;
    return rows > 0 ? STORE_OK : store_fail(store, STORE_NONE, "the query gave no row");
}

enum store_status store_query(struct store *store, const char *sql,
                              const struct store_fact *parameters, size_t parameter_count,
                              enum store_format format, FILE *out, size_t *ret_rows)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = compile(store, sql, parameters, parameter_count, &statement);

    if (status != STORE_OK)
        return status;
    if (format == STORE_JSON)
        status = check_names(store, statement);
    if (status == STORE_OK)
        status = print_rows(store, statement, format, out, ret_rows);
    keep(store, sql, statement);
    return status;
}

enum store_status store_query_text(struct store *store, const char *sql,
                                   const struct store_fact *parameters, size_t parameter_count,
                                   char *ret_text, size_t size)
{
    sqlite3_stmt *statement = NULL;
    enum store_status status = compile(store, sql, parameters, parameter_count, &statement);

    if (status != STORE_OK)
        return status;
    int code = sqlite3_step(statement);
    const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = fail_query(store, code);
    else if (!text)
        status = store_fail(store, STORE_NONE, "the query gave no answer");
    else if (strlen(text) >= size)
        status = store_fail(store, STORE_BAD, "cannot %s: its answer is longer than %zu bytes",
                            querying, size);
    else
        memcpy(ret_text, text, strlen(text) + 1);
    keep(store, sql, statement);
    return status;
}

/* store_internal.h - what store.c and query.c share; nobody else includes it. */
#ifndef MIDL_STORE_INTERNAL_H
#define MIDL_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store.h"

struct store {
    sqlite3 *db;
    char *path;  /* as the caller named it */
    int version; /* schema of the file */
    char error[STORE_ERROR_SIZE];
};

/* The schema version that this program writes. */
extern const int store_newest_version;

/* Keep "PATH: TEXT" as the store's error, on one line whatever the text holds; returns `status`. */
enum store_status store_fail(struct store *store, enum store_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from an SQLite result code: "PATH: cannot DO: why; what to do". */
enum store_status store_fail_sqlite(struct store *store, int code, const char *doing);

#endif

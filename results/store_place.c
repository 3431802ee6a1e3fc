/* store_place.c - the database is the file that its path names, or the rows go elsewhere.
 *
 * A database that is removed, renamed or replaced while it is open goes on working: SQLite writes
 * to a file that nobody will find, and its write-ahead log, which is found by name, lies beside
 * whatever took the place. So each write asks first whether the path still leads to the open file.
 * If not, what was stored so far is copied to a file of its own beside the path, the write goes
 * there, and its caller is told. */
#include "store_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESCUES 100 /* names tried in one folder */

static bool look(const char *path, struct store_file *ret)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return false;
    *ret = (struct store_file){.known = true, .device = info.st_dev, .inode = info.st_ino};
    return true;
}

static bool same(const char *path, const struct store_file *file)
{
    struct store_file now;
    return look(path, &now) && now.device == file->device && now.inode == file->inode;
}

static void companion(const struct store *store, const char *tail, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s", store->path, tail);
}

void store_place_remember(struct store *store)
{
    char log[PATH_MAX], index[PATH_MAX];
    companion(store, "-wal", log, sizeof log);
    companion(store, "-shm", index, sizeof index);
    look(store->path, &store->place);
    look(log, &store->log);
    look(index, &store->index);
}

/* Where rows may go instead, best first: beside the path, here, among temporary files. */
static bool rescue_path(const struct store *store, size_t folder, int number, char *ret,
                        size_t size)
{
    const char *slash = strrchr(store->path, '/'), *name = slash ? slash + 1 : store->path;
    const char *temporary = getenv("TMPDIR");
    int length = -1;
    if (folder == 0)
        length = snprintf(ret, size, "%s.rescued-%d", store->path, number);
    else if (folder == 1)
        length = snprintf(ret, size, "%s.rescued-%d", name, number);
    else if (folder == 2)
        length =
            snprintf(ret, size, "%s/%s.rescued-%d", temporary ? temporary : "/tmp", name, number);
    return length > 0 && (size_t)length < size;
}

static bool copy_to(struct store *store, const char *path)
{
    sqlite3_stmt *statement = NULL;
    const struct value row[] = {as_text(path)};
    bool done = access(path, F_OK) != 0 &&
                sqlite3_prepare_v2(store->db, "VACUUM INTO ?", -1, &statement, NULL) == SQLITE_OK &&
                store_step(statement, row, 1) == SQLITE_DONE;
    sqlite3_finalize(statement);
    return done;
}

static bool rescue(struct store *store, char *ret, size_t size)
{
    for (size_t folder = 0; folder < 3; folder++)
        for (int number = 1; number <= RESCUES; number++)
            if (rescue_path(store, folder, number, ret, size) && copy_to(store, ret))
                return true;
    return false;
}

/* Our log may not stay beside a database that it doesn't belong to. */
static void leave(struct store *store)
{
    char log[PATH_MAX], index[PATH_MAX];
    companion(store, "-wal", log, sizeof log);
    companion(store, "-shm", index, sizeof index);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    store_forget_query(store);
    sqlite3_close(store->db);
    store->db = NULL;
    if (store->log.known && same(log, &store->log))
        unlink(log);
    if (store->index.known && same(index, &store->index))
        unlink(index);
}

enum store_status store_place_check(struct store *store)
{
    char path[PATH_MAX];
    if (!store->place.known || same(store->path, &store->place))
        return STORE_OK;
    if (!rescue(store, path, sizeof path))
        return store_fail(
            store, STORE_MACHINE,
            "was removed or replaced while it was open, and what it held could not be "
            "copied anywhere else: %s",
            sqlite3_errmsg(store->db));
    leave(store);
    return store_place_reopen(store, path);
}

enum store_status store_place_tell(struct store *store)
{
    if (!store->left || store->left_told)
        return STORE_OK;
    store->left_told = true;
    return store_fail(
        store, STORE_MACHINE,
        "holds all rows of this run: %.200s was removed, renamed or replaced meanwhile",
        store->left);
}

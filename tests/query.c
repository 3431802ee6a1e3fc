/* query.c - `query DATABASE SELECT...`: the first column of the first row, for test scripts; an
 * empty line if there is no row. Knows no schema, so that it can look into any state of a database.
 */
#include <sqlite3.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int status = SQLITE_MISUSE;

    if (argc == 3)
        status = sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL);
    if (status == SQLITE_OK)
        status = sqlite3_busy_timeout(db, 10000);
    if (status == SQLITE_OK)
        status = sqlite3_prepare_v2(db, argv[2], -1, &statement, NULL);
    if (status == SQLITE_OK)
        status = sqlite3_step(statement);
    if (status == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        printf("%s\n", text ? (const char *)text : "NULL");
    } else if (status == SQLITE_DONE) {
        printf("\n");
    } else {
        fprintf(stderr, "query: %s\n", db ? sqlite3_errmsg(db) : "usage: query DATABASE SELECT");
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return status != SQLITE_ROW && status != SQLITE_DONE;
}

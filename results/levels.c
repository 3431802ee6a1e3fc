/* levels.c - an aggregate for queries: levels(place, value, alpha) is a JSON array of the levels of
 * a series, [[place, median], ...] with the first place of each, in the order of the places,
 * whatever order the rows come in. Rows without a value don't count. */
#include "store_internal.h"

#include <stdlib.h>

#include "changes.h"

#define LEVELS_LEAST 0.01

struct member {
    double place, value;
};

struct collected {
    struct member *members;
    size_t count, room;
    double alpha;
    bool failed;
};

static void collect(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct collected *all = sqlite3_aggregate_context(context, sizeof *all);
    (void)count;
    if (!all || all->failed || sqlite3_value_numeric_type(values[1]) == SQLITE_NULL)
        return;
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        struct member *grown = realloc(all->members, room * sizeof *grown);
        all->failed = !grown;
        if (!grown)
            return;
        all->members = grown;
        all->room = room;
    }
    all->alpha = sqlite3_value_double(values[2]);
    all->members[all->count++] =
        (struct member){sqlite3_value_double(values[0]), sqlite3_value_double(values[1])};
}

static int by_place(const void *a, const void *b)
{
    const struct member *first = a, *second = b;
    return (first->place > second->place) - (first->place < second->place);
}

/* The levels as text, of sqlite3_malloc; NULL for lack of memory. */
static char *levels_text(const struct collected *all)
{
    const struct changes_options options = {.alpha = all->alpha, .least = LEVELS_LEAST};
    double *values = calloc(all->count + 1, sizeof *values);
    struct changes_level *levels = calloc(all->count + 1, sizeof *levels);
    sqlite3_str *text = sqlite3_str_new(NULL);
    for (size_t i = 0; values && i < all->count; i++)
        values[i] = all->members[i].value;
    size_t count = values && levels ? changes_levels(values, all->count, &options, levels) : 0;
    sqlite3_str_appendchar(text, 1, '[');
    for (size_t i = 0; i < count; i++)
        sqlite3_str_appendf(text, "%s[%.17g,%.17g]", i > 0 ? "," : "",
                            all->members[levels[i].first].place, levels[i].median);
    sqlite3_str_appendchar(text, 1, ']');
    free(values);
    free(levels);
    char *done = sqlite3_str_finish(text);
    if (count > 0 || all->count == 0)
        return done;
    sqlite3_free(done);
    return NULL;
}

static void finish(sqlite3_context *context)
{
    struct collected none = {.alpha = 0}, *all = sqlite3_aggregate_context(context, 0);
    char *text = NULL;
    all = all ? all : &none;
    if (all->count > 0)
        qsort(all->members, all->count, sizeof *all->members, by_place);
    if (!all->failed)
        text = levels_text(all);
    free(all->members);
    all->members = NULL;
    if (text)
        sqlite3_result_text(context, text, -1, sqlite3_free);
    else
        sqlite3_result_error_nomem(context);
}

int store_add_levels(sqlite3 *db)
{
    return sqlite3_create_function_v2(db, "levels", 3,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL,
                                      NULL, collect, finish, NULL);
}

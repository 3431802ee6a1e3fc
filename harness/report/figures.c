/* figures.c - the figures that can be drawn: one discovery for all who list or draw them. */
#define _GNU_SOURCE /* asprintf, scandir, realpath */
#include "report/figures.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/datadir.h"
#include "base/file.h"
#include "base/folder.h"

/* A whole query as text. */
static enum outcome read_query(const char *folder, const char *name, char **ret,
                               struct error *error)
{
    char path[PATH_MAX];
    errno = ENAMETOOLONG;
    char *text = folder_path(path, sizeof path, folder, name, ".sql") ? file_text(path) : NULL;
    if (!text)
        return fail(error, OUTCOME_MACHINE, "cannot read %s.sql of the figures: %s", name,
                    strerror(errno));
    *ret = text;
    return OUTCOME_DONE;
}

/* The rest of the first line of `sql` that holds `mark`. */
static void line_after(const char *sql, const char *mark, char ret[FIGURE_LINE_SIZE])
{
    const char *at = strstr(sql, mark);
    const char *text = at ? at + strlen(mark) : "";
    snprintf(ret, FIGURE_LINE_SIZE, "%.*s", (int)strcspn(text, "\r\n"), text);
}

/* Read two queries, one behind the other. */
static enum outcome read_pair(const char *folder, const char *first, const char *second, char **ret,
                              struct error *error)
{
    char *head = NULL, *rest = NULL;
    enum outcome outcome = read_query(folder, first, &head, error);
    if (!outcome)
        outcome = read_query(folder, second, &rest, error);
    if (!outcome && asprintf(ret, "%s%s", head, rest) < 0) {
        *ret = NULL;
        outcome = fail_memory(error, "a query", (double)(strlen(head) + strlen(rest)));
    }
    free(head);
    free(rest);
    return outcome;
}

/* Read the caption of a figure that joins all runs: of those with rows in the view that it names.
 */
static enum outcome read_joined(const char *folder, const char *own, struct figure *row,
                                struct error *error)
{
    char view[FIGURE_LINE_SIZE], name[FIGURE_LINE_SIZE + 16];
    line_after(own, "-- joins: ", view);
    if (!*view)
        return OUTCOME_DONE;
    snprintf(name, sizeof name, "shared/of-%s", view);
    return read_pair(folder, name, "shared/caption", &row->caption_sql, error);
}

/* Fill a row whose name is set. */
static enum outcome read_figure(const char *plots, const char *folder, const char *common,
                                struct figure *row, struct error *error)
{
    char mark[FIGURE_NAME_SIZE + 16], *own = NULL;
    enum outcome outcome = read_query(folder, row->name, &own, error);
    if (outcome)
        return outcome;
    snprintf(mark, sizeof mark, "-- %s.sql - ", row->name);
    line_after(own, mark, row->about);
    line_after(own, "-- needs: ", row->needs);
    outcome = read_joined(plots, own, row, error);
    if (!outcome && asprintf(&row->sql, "%s%s", common, own) < 0) {
        row->sql = NULL;
        outcome = fail_memory(error, "a query", (double)(strlen(common) + strlen(own)));
    }
    free(own);
    if (outcome) {
        free(row->caption_sql);
        row->caption_sql = NULL;
    }
    return outcome;
}

/* Whether a file is the query of a figure. Its name is a word of a gnuplot setting and becomes the
 * name of files. */
static int is_query(const struct dirent *entry)
{
    size_t length = strcspn(entry->d_name, ".");
    return length > 0 && length < FIGURE_NAME_SIZE && strcmp(entry->d_name + length, ".sql") == 0 &&
           strspn(entry->d_name, "abcdefghijklmnopqrstuvwxyz0123456789-_") >= length;
}

static enum outcome list_queries(const char *folder, struct dirent ***ret, size_t *ret_count,
                                 struct error *error)
{
    int count = scandir(folder, ret, is_query, alphasort);
    if (count < 0)
        return fail(error, OUTCOME_MACHINE, "cannot list %.200s: %s", folder, strerror(errno));
    *ret_count = (size_t)count;
    return OUTCOME_DONE;
}

/* The rows of `count` queries in `folder`; of figures those with a script beside them. */
static enum outcome read_rows(struct figures *figures, const char *folder, bool scripted,
                              const char *common, struct dirent *const *entries, size_t count,
                              struct error *error)
{
    char script[PATH_MAX];
    enum outcome outcome = OUTCOME_DONE;
    figures->rows = calloc(count ? count : 1, sizeof *figures->rows);
    if (!figures->rows)
        return fail_memory(error, "the figures", (double)(count * sizeof *figures->rows));
    for (size_t i = 0; i < count && !outcome; i++) {
        struct figure *row = &figures->rows[figures->count];
        snprintf(row->name, sizeof row->name, "%.*s", (int)strcspn(entries[i]->d_name, "."),
                 entries[i]->d_name);
        if (scripted && (!folder_path(script, sizeof script, folder, row->name, ".gp") ||
                         access(script, F_OK) != 0))
            continue;
        outcome = read_figure(figures->folder, folder, common, row, error);
        figures->count += !outcome;
    }
    return outcome;
}

/* Read the queries of a folder below plots/, "" for that itself, with what all have in common. */
static enum outcome read_all(const char *below, bool scripted, struct figures *ret,
                             struct error *error)
{
    struct figures figures = {.count = 0};
    const char *folder = datadir_find("plots");
    char queries[PATH_MAX];
    char *common = NULL;
    struct dirent **entries = NULL;
    size_t count = 0;

    if (!folder || !realpath(folder, figures.folder))
        return fail(error, OUTCOME_MACHINE,
                    "no folder of figures found: set MIDL_SHARE to the folder that holds plots/");
    enum outcome outcome = read_query(figures.folder, "shared/common", &common, error);
    if (!outcome)
        outcome = read_pair(figures.folder, "shared/of-runs", "shared/caption",
                            &figures.caption_sql, error);
    if (!outcome)
        outcome = read_query(figures.folder, "shared/runs", &figures.runs_sql, error);
    if (!outcome && !folder_path(queries, sizeof queries, figures.folder, below, ""))
        outcome = fail(error, OUTCOME_MACHINE, "the path of the figures is too long");
    if (!outcome)
        outcome = list_queries(queries, &entries, &count, error);
    if (!outcome)
        outcome = read_rows(&figures, queries, scripted, common, entries, count, error);
    for (size_t i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    free(common);
    if (outcome)
        figures_clear(&figures);
    else
        *ret = figures;
    return outcome;
}

enum outcome figures_read(struct figures *ret, struct error *error)
{
    return read_all("", true, ret, error);
}

enum outcome tables_read(struct figures *ret, struct error *error)
{
    return read_all("tables", false, ret, error);
}

void figures_clear(struct figures *figures)
{
    for (size_t i = 0; i < figures->count; i++) {
        free(figures->rows[i].sql);
        free(figures->rows[i].caption_sql);
    }
    free(figures->rows);
    free(figures->caption_sql);
    free(figures->runs_sql);
    *figures = (struct figures){.count = 0};
}

const struct figure *figures_find(const struct figures *figures, const char *name,
                                  struct error *error)
{
    char hint[HINT_SIZE] = "";
    for (size_t i = 0; i < figures->count; i++)
        if (strcmp(figures->rows[i].name, name) == 0)
            return &figures->rows[i];
    const char **known = malloc((figures->count + 1) * sizeof *known);
    for (size_t i = 0; known && i < figures->count; i++)
        known[i] = figures->rows[i].name;
    if (known)
        did_you_mean(name, known, figures->count, hint);
    fail(error, OUTCOME_USAGE, "no %.80s%s; --list shows what there is", name, hint);
    free(known);
    return NULL;
}

bool figure_has_parameter(const struct figure *figure, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = figure->sql; (at = strchr(at, ':')); at++)
        if (strncmp(at + 1, name, length) == 0 &&
            !strspn(at + 1 + length, "abcdefghijklmnopqrstuvwxyz_"))
            return true;
    return false;
}

bool figures_have_parameter(const struct figures *figures, const char *name)
{
    for (size_t i = 0; i < figures->count; i++)
        if (figure_has_parameter(&figures->rows[i], name))
            return true;
    return false;
}

/* draw.c - figures drawn from a store into a folder. */
#define _GNU_SOURCE /* realpath */
#include "report/draw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/printed.h"
#include "base/stop.h"
#include "report/merge.h"
#include "report/runs.h"
#include "report/stamp.h"
#include "run/session.h"

static enum outcome fail_write(const char *path, struct error *error)
{
    return fail(error, OUTCOME_MACHINE, "cannot write %.300s: %s", path, strerror(errno));
}

static enum outcome fail_long(const struct draw *draw, struct error *error)
{
    return fail(error, OUTCOME_USAGE, "the path of the output folder is too long: %.80s...",
                draw->out);
}

/* ---- Data ------------------------------------------------------------------------------------ */

/* Whether a figure takes all runs of a source together: none is named. */
static bool joins_runs(const struct draw_source *source, const struct figure *figure)
{
    return figure->caption_sql && !source->run;
}

static enum outcome fail_empty(const struct draw *draw, const struct draw_source *source,
                               const struct figure *figure, struct error *error)
{
    bool several = draw->source_count > 1;
    bool mergeable = several && joins_runs(source, figure);
    return fail(error, OUTCOME_NO_VERDICT, "figure %s needs %s%s%.80s%s%.80s%s%.20s%s",
                figure->name, figure->needs, draw->where ? "; looked only at " : "",
                draw->where ? draw->where : "", several ? "; nothing in " : "",
                several ? source->db : "", several && source->run ? ", run " : "",
                several && source->run ? source->run : "",
                mergeable ? "; midl merge makes one database of several" : "");
}

/* Write the columns of the figure in one run, or in `runs` together, and the caption of each below.
 * OUTCOME_NO_VERDICT: the figure has no rows there. */
static enum outcome write_columns(const struct draw *draw, const struct draw_source *source,
                                  const struct figure *figure, const char *run, const char *runs,
                                  FILE *out, struct error *error)
{
    struct store_fact parameters[DRAW_PARAMETERS_MAX + 5];
    size_t count = draw->parameter_count, rows;
    const char *caption =
        joins_runs(source, figure) ? figure->caption_sql : draw->figures->caption_sql;

    for (size_t i = 0; i < count; i++)
        parameters[i] = draw->parameters[i];
    parameters[count++] = (struct store_fact){"db", source->db};
    parameters[count++] = (struct store_fact){"runs", runs};
    parameters[count++] = (struct store_fact){"pinned", source->run};
    parameters[count++] = (struct store_fact){"suite", draw->suite};
    parameters[count++] = (struct store_fact){"run", run};
    enum store_status status =
        store_query(source->store, figure->sql, parameters, count, STORE_TSV, out, &rows);
    if (status == STORE_OK)
        status = store_query(source->store, caption, parameters, count, STORE_TSV, out, &rows);
    if (status == STORE_OK)
        return OUTCOME_DONE;
    if (status == STORE_NONE)
        return fail_empty(draw, source, figure, error);
    return fail(error, status == STORE_OLD ? OUTCOME_NO_VERDICT : session_outcome(status),
                "figure %s: %s", figure->name, store_error(source->store));
}

/* The columns from the newest run of the source that has any, as text in *ret_text; of all runs
 * together, ret_run "", where the figure joins them. `runs`: of all sources, for figures that take
 * them as one; or NULL. */
static enum outcome query_source(const struct draw *draw, const struct draw_source *source,
                                 const struct figure *figure, const char *runs,
                                 char ret_run[RUN_ID_SIZE], char **ret_text, struct error *error)
{
    const char *at = source->runs;
    enum outcome outcome = OUTCOME_NO_VERDICT;

    while (outcome == OUTCOME_NO_VERDICT && runs_next(&at, ret_run)) {
        struct printed printed;
        enum outcome begun = printed_begin(&printed, "the data of a figure", error);
        if (begun)
            return begun;
        outcome = write_columns(draw, source, figure, ret_run, runs, printed.out, error);
        outcome = printed_end(&printed, outcome, ret_text, NULL, error);
        if (joins_runs(source, figure)) {
            *ret_run = '\0';
            break;
        }
    }
    return outcome;
}

/* "zen4.db, run 42": the name of the database only where there are several. */
static void label_source(const struct draw *draw, size_t i, const char *run, char ret[128])
{
    const char *db = draw->sources[i].db, *slash = strrchr(db, '/');
    bool several = false;
    for (size_t j = 1; j < draw->source_count; j++)
        several = several || strcmp(draw->sources[j].db, draw->sources[0].db) != 0;
    if (several)
        snprintf(ret, 128, "%.80s%s%s", slash ? slash + 1 : db, *run ? ", run " : "", run);
    else if (!*run)
        snprintf(ret, 128, "all runs");
    else
        snprintf(ret, 128, "run %s", run);
}

/* Whether the figure takes several runs as one: all sources are in one database then. */
static bool takes_runs(const struct draw *draw, const struct figure *figure)
{
    for (size_t i = 1; i < draw->source_count; i++)
        if (strcmp(draw->sources[i].db, draw->sources[0].db) != 0 || !draw->sources[i].run)
            return false;
    return draw->source_count > 1 && strstr(figure->sql, ":runs") != NULL;
}

/* Add an id to a list of ids with commas between. */
static void add_run(char list[DRAW_RUN_SIZE], const char *run)
{
    size_t length = strlen(list);
    if (!*run || length + strlen(run) + 2 > DRAW_RUN_SIZE)
        return;
    if (length)
        list[length++] = ',';
    memcpy(list + length, run, strlen(run) + 1);
}

static void join_runs(const struct draw *draw, char ret[DRAW_RUN_SIZE])
{
    *ret = '\0';
    for (size_t i = 0; i < draw->source_count; i++)
        add_run(ret, draw->sources[i].run);
}

/* Query each source and write the columns of all. */
static enum outcome query_all(const struct draw *draw, const struct figure *figure,
                              char ret_run[DRAW_RUN_SIZE], FILE *out, struct error *error)
{
    struct merge_source merged[DRAW_SOURCES_MAX] = {{NULL, NULL}};
    char *texts[DRAW_SOURCES_MAX] = {NULL}, labels[DRAW_SOURCES_MAX][128];
    char runs[DRAW_RUN_SIZE] = "", run[RUN_ID_SIZE];
    bool as_one = takes_runs(draw, figure);
    size_t count = as_one ? 1 : draw->source_count;
    enum outcome outcome = OUTCOME_DONE;

    if (as_one)
        join_runs(draw, runs);
    *ret_run = '\0';
    for (size_t i = 0; i < count && !outcome; i++) {
        outcome = query_source(draw, &draw->sources[i], figure, as_one ? runs : NULL, run,
                               &texts[i], error);
        if (outcome)
            break;
        add_run(ret_run, as_one ? runs : run);
        label_source(draw, i, run, labels[i]);
        merged[i] = (struct merge_source){texts[i], labels[i]};
    }
    if (!outcome && draw->command)
        fprintf(out, "## Made by: %s\n", draw->command);
    for (size_t i = 0; i < count && !outcome; i++)
        fprintf(out, "## Database: %s, %s%s\n", draw->sources[i].db, *ret_run ? "run " : "all runs",
                ret_run);
    if (!outcome && count == 1)
        fputs(texts[0], out);
    else if (!outcome)
        merge_columns(merged, count, out);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return outcome;
}

/* Write the columns of all sources to the figure's file. */
static enum outcome collect(const struct draw *draw, const struct figure *figure,
                            char ret_run[DRAW_RUN_SIZE], struct error *error)
{
    char path[PATH_MAX];

    if (!folder_path(path, sizeof path, draw->folder, figure->name, ".tsv"))
        return fail_long(draw, error);
    FILE *file = fopen(path, "w");
    if (!file)
        return fail_write(path, error);
    enum outcome outcome = query_all(draw, figure, ret_run, file, error);
    bool written = !ferror(file);
    errno = 0;
    if ((fclose(file) != 0 || !written) && !outcome)
        return fail(error, OUTCOME_MACHINE, "cannot write the data of figure %s to %.200s: %s",
                    figure->name, draw->out, file_write_reason(draw->folder, errno));
    return outcome;
}

/* Take the columns that are in the output folder. */
static enum outcome reuse(const struct draw *draw, const struct figure *figure, struct error *error)
{
    char kept[PATH_MAX], absolute[PATH_MAX], link[PATH_MAX];

    if (!folder_path(kept, sizeof kept, draw->out, figure->name, ".tsv") ||
        !folder_path(link, sizeof link, draw->folder, figure->name, ".tsv"))
        return fail_long(draw, error);
    if (!realpath(kept, absolute))
        return fail(error, OUTCOME_NO_VERDICT, "%.300s: %s; draw it without --keep-data first",
                    kept, strerror(errno));
    return symlink(absolute, link) == 0 ? OUTCOME_DONE : fail_write(link, error);
}

/* ---- Pictures -------------------------------------------------------------------------------- */

/* Put a file that was made into its place. */
static enum outcome deliver(const struct draw *draw, const struct figure *figure, const char *made,
                            const char *kept, struct error *error)
{
    char from[PATH_MAX], to[PATH_MAX];

    if (!folder_path(from, sizeof from, draw->folder, figure->name, made) ||
        !folder_path(to, sizeof to, draw->out, figure->name, kept))
        return fail_long(draw, error);
    return rename(from, to) == 0 ? OUTCOME_DONE : fail_write(to, error);
}

/* Write into a file of the figure where it comes from. */
static enum outcome stamp(const struct draw *draw, const struct figure *figure, const char *made,
                          const struct stamp *text, struct error *error)
{
    char path[PATH_MAX];

    if (!folder_path(path, sizeof path, draw->folder, figure->name, made))
        return fail_long(draw, error);
    return stamp_file(path, text, draw->out, GNUPLOT_PNG_RESOLUTION, error);
}

static enum outcome draw_format(const struct draw *draw, const struct figure *figure,
                                const struct figure_format *format, const struct stamp *text,
                                struct error *error)
{
    enum outcome outcome = gnuplot_draw(draw->folder, draw->figures->folder, figure->name,
                                        draw->width_cm, format, error);

    if (stop_requested)
        return fail(error, OUTCOME_MACHINE, "stopped; what was drawn before stays");
    if (outcome)
        return fail(error, outcome, "figure %s: %s", figure->name, error->text);
    for (size_t i = 0; i < FIGURE_FILES_MAX && format->files[i].made && !outcome; i++) {
        outcome = stamp(draw, figure, format->files[i].made, text, error);
        if (!outcome)
            outcome = deliver(draw, figure, format->files[i].made, format->files[i].kept, error);
    }
    return outcome;
}

enum outcome draw_figure(struct draw *draw, const struct figure *figure,
                         char ret_run[DRAW_RUN_SIZE], struct error *error)
{
    char run[DRAW_RUN_SIZE] = "", path[PATH_MAX];
    struct stamp text = {NULL, NULL};
    enum outcome outcome =
        draw->source_count ? collect(draw, figure, run, error) : reuse(draw, figure, error);

    if (!outcome && folder_path(path, sizeof path, draw->folder, figure->name, ".tsv"))
        text = stamp_read(path);
    for (size_t i = 0; i < draw->format_count && !outcome; i++)
        outcome = draw_format(draw, figure, draw->formats[i], &text, error);
    if (!outcome && draw->source_count)
        outcome = deliver(draw, figure, ".tsv", ".tsv", error);
    if (!outcome)
        memcpy(ret_run, run, sizeof run);
    stamp_clear(&text);
    return outcome;
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static enum outcome make_workplace(struct draw *draw, struct error *error)
{
    char path[PATH_MAX];
    enum outcome outcome = folder_make(draw->out, error);

    if (outcome)
        return outcome;
    if (!folder_make_temporary(draw->out, ".midl-plot", path, sizeof path))
        return fail(error, OUTCOME_MACHINE, "cannot write to the folder %.300s: %s", draw->out,
                    strerror(errno));
    memcpy(draw->folder, path, sizeof path);
    return OUTCOME_DONE;
}

enum outcome draw_begin(struct draw *draw, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < draw->source_count && !outcome; i++) {
        struct draw_source *source = &draw->sources[i];
        const struct runs_wanted wanted = {source->store, source->db, source->run, draw->suite};
        outcome = runs_list(&wanted, draw->figures, &source->runs, error);
    }
    if (!outcome)
        outcome = make_workplace(draw, error);
    return outcome;
}

void draw_end(struct draw *draw)
{
    if (*draw->folder)
        folder_remove(draw->folder);
    *draw->folder = '\0';
    for (size_t i = 0; i < draw->source_count; i++) {
        free(draw->sources[i].runs);
        draw->sources[i].runs = NULL;
    }
}

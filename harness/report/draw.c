/* draw.c - figures drawn from a store into a folder. */
#define _GNU_SOURCE /* realpath, open_memstream */
#include "report/draw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/stop.h"

static enum outcome outcome_of(enum store_status status)
{
    return status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE;
}

static enum outcome fail_write(const char *path, struct error *error)
{
    return fail(error, OUTCOME_MACHINE, "cannot write %.300s: %s", path, strerror(errno));
}

static enum outcome fail_long(const struct draw *draw, struct error *error)
{
    return fail(error, OUTCOME_USAGE, "the path of the output folder is too long: %.80s...",
                draw->out);
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static enum outcome fail_no_run(const struct draw *draw, struct error *error)
{
    const char *of_suite = draw->suite ? " of suite " : "", *suite = draw->suite ? draw->suite : "";
    if (draw->run)
        return fail(error, OUTCOME_USAGE, "%s: there is no run %.40s%s%.80s", draw->db, draw->run,
                    of_suite, suite);
    return fail(error, OUTCOME_NO_VERDICT,
                "%s: no run%s%.80s to draw; run `midl sweep quick` first", draw->db, of_suite,
                suite);
}

/* The runs that the restrictions allow, newest first: text of the rows, one run per line after the
 * line of names. */
static enum outcome find_runs(struct draw *draw, struct error *error)
{
    const struct store_fact limits[] = {{"run", draw->run}, {"suite", draw->suite}};
    size_t size = 0, count = 0;
    FILE *stream = open_memstream(&draw->runs, &size);

    if (!stream)
        return fail_memory(error, "the list of runs", 0);
    enum store_status status =
        store_query(draw->store, draw->figures->runs_sql, limits, 2, STORE_TSV, stream, &count);
    bool written = fclose(stream) == 0;
    if (status == STORE_NONE)
        return fail_no_run(draw, error);
    if (status != STORE_OK)
        return fail(error, outcome_of(status), "%s", store_error(draw->store));
    return written ? OUTCOME_DONE : fail_memory(error, "the list of runs", 0);
}

/* ---- Data ------------------------------------------------------------------------------------ */

/* Write the columns of the figure in one run, and the caption below. STORE_NONE: the figure has no
 * rows there. */
static enum store_status write_columns(const struct draw *draw, const struct figure *figure,
                                       const char *run, FILE *out)
{
    struct store_fact parameters[DRAW_PARAMETERS_MAX + 1];
    size_t count = draw->parameter_count, rows;

    for (size_t i = 0; i < count; i++)
        parameters[i] = draw->parameters[i];
    parameters[count++] = (struct store_fact){"run", run};
    enum store_status status =
        store_query(draw->store, figure->sql, parameters, count, STORE_TSV, out, &rows);
    if (status == STORE_OK)
        status = store_query(draw->store, draw->figures->caption_sql, parameters, count, STORE_TSV,
                             out, &rows);
    return status;
}

/* Write the columns from the newest run that has any. */
static enum outcome collect(const struct draw *draw, const struct figure *figure,
                            char ret_run[DRAW_RUN_SIZE], struct error *error)
{
    char path[PATH_MAX];
    enum store_status status = STORE_NONE;

    if (!folder_path(path, sizeof path, draw->folder, figure->name, ".tsv"))
        return fail_long(draw, error);
    for (const char *line = strchr(draw->runs, '\n'); line && line[1] && status == STORE_NONE;
         line = strchr(line + 1, '\n')) {
        snprintf(ret_run, DRAW_RUN_SIZE, "%.*s", (int)strcspn(line + 1, "\t\n"), line + 1);
        FILE *file = fopen(path, "w");
        if (!file)
            return fail_write(path, error);
        status = write_columns(draw, figure, ret_run, file);
        bool written = !ferror(file);
        if (fclose(file) != 0 || !written)
            return fail(error, OUTCOME_MACHINE,
                        "cannot write the data of figure %s to %.200s: is the disk full?",
                        figure->name, draw->out);
    }
    if (status == STORE_NONE)
        return fail(error, OUTCOME_NO_VERDICT, "figure %s needs %s%s%.80s", figure->name,
                    figure->needs, draw->where ? "; looked only at " : "",
                    draw->where ? draw->where : "");
    if (status != STORE_OK)
        return fail(error, outcome_of(status), "figure %s: %s", figure->name,
                    store_error(draw->store));
    return OUTCOME_DONE;
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

static enum outcome draw_format(const struct draw *draw, const struct figure *figure,
                                const struct figure_format *format, struct error *error)
{
    enum outcome outcome =
        gnuplot_draw(draw->folder, draw->figures->folder, figure->name, format, error);

    if (stop_requested)
        return fail(error, OUTCOME_MACHINE, "stopped; what was drawn before stays");
    if (outcome)
        return fail(error, outcome, "figure %s: %s", figure->name, error->text);
    for (size_t i = 0; i < sizeof format->files / sizeof *format->files && format->files[i].made;
         i++)
        if ((outcome = deliver(draw, figure, format->files[i].made, format->files[i].kept, error)))
            return outcome;
    return OUTCOME_DONE;
}

enum outcome draw_figure(struct draw *draw, const struct figure *figure,
                         char ret_run[DRAW_RUN_SIZE], struct error *error)
{
    char run[DRAW_RUN_SIZE] = "";
    enum outcome outcome =
        draw->store ? collect(draw, figure, run, error) : reuse(draw, figure, error);

    for (size_t i = 0; i < draw->format_count && !outcome; i++)
        outcome = draw_format(draw, figure, draw->formats[i], error);
    if (!outcome && draw->store)
        outcome = deliver(draw, figure, ".tsv", ".tsv", error);
    if (!outcome)
        memcpy(ret_run, run, sizeof run);
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
    enum outcome outcome = draw->store ? find_runs(draw, error) : OUTCOME_DONE;
    if (!outcome)
        outcome = make_workplace(draw, error);
    return outcome;
}

void draw_end(struct draw *draw)
{
    if (*draw->folder)
        folder_remove(draw->folder);
    *draw->folder = '\0';
    free(draw->runs);
    draw->runs = NULL;
}

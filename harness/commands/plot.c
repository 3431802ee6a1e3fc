/* plot.c - `midl plot`: figures from the store. */
#define _GNU_SOURCE /* strsep */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "report/draw.h"
#include "report/figures.h"
#include "store.h"

#define FORMATS_MAX 8

static const char usage_line[] = "midl plot [FIGURE...] [options]";
static const char about[] =
    "Draw figures from the store; without FIGURE all that the store has rows for. Each takes the\n"
    "newest run that it has rows in. The columns behind a figure stay beside it, in "
    "DIR/FIGURE.tsv.\n"
    "Exit status 4: a figure that was named, or every figure, has nothing to show.";

struct plot {
    /* Options as given. */
    const char *db, *run, *suite, *out, *format, *where, *list, *keep_data, *quiet;

    struct figures figures;
    bool *wanted; /* per figure */
    bool named;   /* figures were named, so that one without rows is an error */
    const struct figure_format *formats[FORMATS_MAX];
    size_t format_count;

    char *where_text;
    struct store_fact parameters[DRAW_PARAMETERS_MAX]; /* of --where */
    size_t parameter_count;
    size_t drawn;
};

static void list_figures(const struct figures *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        printf("%-10s %s\n", figures->rows[i].name, figures->rows[i].about);
}

/* ---- What is asked --------------------------------------------------------------------------- */

static enum outcome choose_figures(struct plot *plot, char **names, struct error *error)
{
    plot->named = *names != NULL;
    plot->wanted = calloc(plot->figures.count + 1, sizeof *plot->wanted);
    if (!plot->wanted)
        return fail_memory(error, "the figures", (double)plot->figures.count);
    for (; *names; names++) {
        const struct figure *found = figures_find(&plot->figures, *names, error);
        if (!found)
            return OUTCOME_USAGE;
        plot->wanted[found - plot->figures.rows] = true;
    }
    for (size_t i = 0; i < plot->figures.count && !plot->named; i++)
        plot->wanted[i] = true;
    return OUTCOME_DONE;
}

static enum outcome add_format(struct plot *plot, const char *name, size_t length,
                               struct error *error)
{
    const struct figure_format *found = NULL;

    for (size_t i = 0; i < figure_format_count(); i++)
        if (strlen(figure_format_at(i)->name) == length &&
            strncmp(figure_format_at(i)->name, name, length) == 0)
            found = figure_format_at(i);
    if (!found)
        return fail(error, OUTCOME_USAGE, "--format %.*s: there are svg, pdf, png and tex",
                    (int)(length < 80 ? length : 80), name);
    for (size_t i = 0; i < plot->format_count; i++)
        if (plot->formats[i] == found)
            return OUTCOME_DONE;
    plot->formats[plot->format_count++] = found;
    return OUTCOME_DONE;
}

static enum outcome choose_formats(struct plot *plot, struct error *error)
{
    const char *at = plot->format;
    enum outcome outcome;

    do {
        size_t length = strcspn(at, ",");
        outcome = add_format(plot, at, length, error);
        at += length;
    } while (!outcome && *at++ == ',');
    return outcome;
}

/* --where dtype=bf16,threads=2: parameters of the queries. */
static enum outcome parse_where(struct plot *plot, struct error *error)
{
    if (!plot->where)
        return OUTCOME_DONE;
    plot->where_text = strdup(plot->where);
    if (!plot->where_text)
        return fail_memory(error, "--where", (double)strlen(plot->where));
    char *rest = plot->where_text;
    for (char *pair; (pair = strsep(&rest, ","));) {
        char *value = strchr(pair, '=');
        if (!value || value == pair || !value[1])
            return fail(error, OUTCOME_USAGE, "--where %.80s: not NAME=VALUE, as in dtype=bf16",
                        *pair ? pair : "''");
        *value++ = '\0';
        if (strcmp(pair, "run") == 0 || !figures_have_parameter(&plot->figures, pair))
            return fail(error, OUTCOME_USAGE,
                        "--where %.80s: not one of active, batch, cache, dtype, gate, isa, select, "
                        "source, threads",
                        pair);
        if (plot->parameter_count == DRAW_PARAMETERS_MAX)
            return fail(error, OUTCOME_USAGE, "--where: more than %d values", DRAW_PARAMETERS_MAX);
        plot->parameters[plot->parameter_count++] = (struct store_fact){pair, value};
    }
    return OUTCOME_DONE;
}

/* ---- Drawing --------------------------------------------------------------------------------- */

static enum outcome draw_one(struct plot *plot, struct draw *draw, const struct figure *figure,
                             struct error *error)
{
    char run[DRAW_RUN_SIZE];
    enum outcome outcome = draw_figure(draw, figure, run, error);

    for (size_t i = 0; i < plot->format_count && !outcome && !plot->quiet; i++)
        printf("%s/%s%s%s%s\n", plot->out, figure->name, plot->formats[i]->files[0].kept,
               *run ? "  from run " : "", run);
    plot->drawn += !outcome;
    return outcome;
}

/* Draw every figure that is wanted. One without rows is reported and passed over; it is an error if
 * it was named. Any other failure ends the work. Of several errors the last is left in *error, for
 * the caller to print. */
static enum outcome draw_wanted(struct plot *plot, struct draw *draw, struct error *error)
{
    enum outcome worst = OUTCOME_DONE;
    struct error last = {""};

    for (size_t i = 0; i < plot->figures.count && worst != OUTCOME_MACHINE; i++) {
        enum outcome outcome =
            plot->wanted[i] ? draw_one(plot, draw, &plot->figures.rows[i], error) : OUTCOME_DONE;
        if (outcome == OUTCOME_NO_VERDICT && !plot->named) {
            if (!plot->quiet)
                fprintf(stderr, "midl plot: skipped: %s\n", error->text);
        } else if (outcome) {
            if (worst)
                command_fail("plot", worst, &last);
            last = *error;
            worst = outcome;
        }
    }
    *error = last;
    if (!worst && plot->drawn == 0)
        return fail(error, OUTCOME_NO_VERDICT, "%s: not enough for any figure",
                    plot->keep_data ? plot->out : plot->db);
    return worst;
}

static enum outcome open_store(const char *db, struct store **ret, struct error *error)
{
    char reason[STORE_ERROR_SIZE];
    enum store_status status = store_open(db, STORE_READ, ret, reason);

    if (status == STORE_OK)
        return OUTCOME_DONE;
    return fail(error, status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE, "%s", reason);
}

static enum outcome plot_figures(struct plot *plot, struct error *error)
{
    struct draw draw = {.figures = &plot->figures,
                        .db = plot->db,
                        .run = plot->run,
                        .suite = plot->suite,
                        .parameters = plot->parameters,
                        .parameter_count = plot->parameter_count,
                        .where = plot->where,
                        .out = plot->out,
                        .formats = plot->formats,
                        .format_count = plot->format_count};
    enum outcome outcome = gnuplot_check(plot->formats, plot->format_count, error);
    if (!outcome && !plot->keep_data)
        outcome = open_store(plot->db, &draw.store, error);
    if (!outcome)
        outcome = draw_begin(&draw, error);
    if (!outcome)
        outcome = draw_wanted(plot, &draw, error);
    draw_end(&draw);
    store_close(draw.store);
    return outcome;
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome plot_command(struct plot *plot, int argc, char **argv, struct error *error)
{
    const struct option_row rows[] = {
        {"db", "FILE", "the store; results/midl.db", &plot->db},
        {"run", "ID", "take this run, not the newest with rows", &plot->run},
        {"suite", "NAME", "take runs of this suite only", &plot->suite},
        {"where", "NAME=VALUE,...",
         "hold active, batch, cache, dtype, gate, isa, select, source or "
         "threads",
         &plot->where},
        {"out", "DIR", "where the figures go; figures", &plot->out},
        {"format", "LIST", "svg, pdf, png, tex; svg", &plot->format},
        {"list", NULL, "only list the figures", &plot->list},
        {"keep-data", NULL, "draw again from DIR/FIGURE.tsv; no store is read", &plot->keep_data},
        {"quiet", NULL, "print errors only", &plot->quiet},
    };
    bool help;
    int first;
    size_t run;

    enum outcome outcome =
        options_parse(argc, argv, usage_line, about, rows, COUNT(rows), &first, &help, error);
    if (outcome || help)
        return outcome;
    outcome = figures_read(&plot->figures, error);
    if (outcome)
        return outcome;
    if (plot->list) {
        list_figures(&plot->figures);
        return OUTCOME_DONE;
    }
    if (!*plot->out)
        return fail(error, OUTCOME_USAGE, "--out: empty");
    if (plot->run)
        outcome = option_size("run", plot->run, 1, LONG_MAX, &run, error);
    if (!outcome)
        outcome = choose_figures(plot, argv + first, error);
    if (!outcome)
        outcome = choose_formats(plot, error);
    if (!outcome)
        outcome = parse_where(plot, error);
    if (outcome)
        return outcome;
    stop_on_signals();
    return plot_figures(plot, error);
}

int command_plot(int argc, char **argv)
{
    struct error error = {""};
    struct plot plot = {.db = "results/midl.db", .out = "figures", .format = "svg"};

    enum outcome outcome = plot_command(&plot, argc, argv, &error);
    figures_clear(&plot.figures);
    free(plot.wanted);
    free(plot.where_text);
    return outcome ? command_fail("plot", outcome, &error) : OUTCOME_DONE;
}

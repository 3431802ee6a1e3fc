/* plot.c - `midl plot`: figures from the store. */
#define _GNU_SOURCE /* strsep */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "commands/where.h"
#include "report/draw.h"
#include "report/figures.h"
#include "run/session.h"
#include "store.h"

#define FORMATS_MAX 8
#define WIDTH_LEAST_CM 4.0
#define WIDTH_MOST_CM 40.0

static const char usage_line[] = "midl plot [FIGURE...] [options]";
static const char about[] =
    "Draw figures from the store; without FIGURE all that the store has rows for. Each takes the\n"
    "newest run that it has rows in; what was learned is taken from all runs together. The "
    "columns\n"
    "behind a figure stay beside it, in DIR/FIGURE.tsv.\n"
    "Exit status 4: a figure that was named, or every figure, has nothing to show.";

struct plot {
    /* Options as given. */
    const char *db, *run, *suite, *out, *format, *where, *list, *keep_data, *quiet, *kernel, *width;

    struct figures figures;
    bool *wanted; /* per figure */
    bool named;   /* figures were named, so that one without rows is an error */
    const struct figure_format *formats[FORMATS_MAX];
    size_t format_count;

    char *db_text, *run_text, *command;
    struct store_fact parameters[DRAW_PARAMETERS_MAX]; /* of --where, and --kernel */
    struct where held;                                 /* that fills them */
    struct draw_source sources[DRAW_SOURCES_MAX];
    size_t source_count;
    double width_cm;
    size_t drawn;
};

static void list_figures(const struct figures *figures)
{
    for (size_t i = 0; i < figures->count; i++)
        printf("%-10s %s\n", figures->rows[i].name, figures->rows[i].about);
}

/* ---- Request --------------------------------------------------------------------------------- */

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

/* --kernel is a parameter whose value may hold commas. */
static enum outcome parse_kernel(struct plot *plot, struct error *error)
{
    if (!plot->kernel)
        return OUTCOME_DONE;
    if (!*plot->kernel || plot->held.count == plot->held.most)
        return fail(error, OUTCOME_USAGE, "--kernel: names or globs, as in simd,lists-*");
    plot->parameters[plot->held.count++] = (struct store_fact){"kernel", plot->kernel};
    return OUTCOME_DONE;
}

/* --width 85mm, 8.5cm, 3.35in or 241pt. */
static enum outcome parse_width(struct plot *plot, struct error *error)
{
    static const struct {
        const char *name;
        double cm;
    } units[] = {{"mm", 0.1}, {"cm", 1}, {"in", 2.54}, {"pt", 2.54 / 72.27}};
    char *end = NULL;
    double width = 0;

    if (!plot->width)
        return OUTCOME_DONE;
    double number = strtod(plot->width, &end);
    for (size_t i = 0; i < COUNT(units); i++)
        if (end != plot->width && strcmp(end, units[i].name) == 0)
            width = number * units[i].cm;
    if (!(width >= WIDTH_LEAST_CM && width <= WIDTH_MOST_CM))
        return fail(error, OUTCOME_USAGE,
                    "--width %.40s: not a width of %g to %g mm, as in 85mm or 178mm", plot->width,
                    10 * WIDTH_LEAST_CM, 10 * WIDTH_MOST_CM);
    plot->width_cm = width;
    return OUTCOME_DONE;
}

/* Part a list at its commas, in place; more than `most` parts are an error. */
static enum outcome split_list(const char *option, char *list, const char *parts[], size_t most,
                               size_t *ret_count, struct error *error)
{
    size_t count = 0;
    for (char *part; (part = strsep(&list, ","));) {
        if (!*part)
            return fail(error, OUTCOME_USAGE, "--%s: an empty name in the list", option);
        if (count == most)
            return fail(error, OUTCOME_USAGE, "--%s: at most %zu in one figure", option, most);
        parts[count++] = part;
    }
    *ret_count = count;
    return OUTCOME_DONE;
}

static enum outcome check_runs(const char *const runs[], size_t count, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t run;
    for (size_t i = 0; i < count && !outcome; i++)
        outcome = option_size("run", runs[i], 1, LONG_MAX, &run, error);
    return outcome;
}

/* --db A,B and --run 1,2: pairs, or one of them for all of the other. A comma in the name of a
 * single database that exists is a part of the name. */
static enum outcome parse_sources(struct plot *plot, struct error *error)
{
    const char *dbs[DRAW_SOURCES_MAX] = {plot->db}, *runs[DRAW_SOURCES_MAX] = {NULL};
    size_t db_count = 1, run_count = 0;
    enum outcome outcome = OUTCOME_DONE;

    plot->db_text = strdup(plot->db);
    plot->run_text = plot->run ? strdup(plot->run) : NULL;
    if (!plot->db_text || (plot->run && !plot->run_text))
        return fail_memory(error, "--db", (double)strlen(plot->db));
    if (access(plot->db, F_OK) != 0)
        outcome = split_list("db", plot->db_text, dbs, DRAW_SOURCES_MAX, &db_count, error);
    if (!outcome && plot->run)
        outcome = split_list("run", plot->run_text, runs, DRAW_SOURCES_MAX, &run_count, error);
    if (!outcome)
        outcome = check_runs(runs, run_count, error);
    if (outcome)
        return outcome;
    if (db_count > 1 && run_count > 1 && db_count != run_count)
        return fail(error, OUTCOME_USAGE,
                    "--run names %zu runs, --db %zu databases: one of them, "
                    "or as many as the other",
                    run_count, db_count);
    plot->source_count = db_count > run_count ? db_count : run_count;
    for (size_t i = 0; i < plot->source_count; i++)
        plot->sources[i] = (struct draw_source){.db = dbs[db_count > 1 ? i : 0],
                                                .run = runs[run_count > 1 ? i : 0]};
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

static enum outcome plot_figures(struct plot *plot, struct error *error)
{
    struct draw draw = {.figures = &plot->figures,
                        .sources = plot->sources,
                        .source_count = plot->keep_data ? 0 : plot->source_count,
                        .suite = plot->suite,
                        .command = plot->command,
                        .width_cm = plot->width_cm,
                        .parameters = plot->parameters,
                        .parameter_count = plot->held.count,
                        .where = plot->where,
                        .out = plot->out,
                        .formats = plot->formats,
                        .format_count = plot->format_count};
    enum outcome outcome = gnuplot_check(plot->formats, plot->format_count, error);
    for (size_t i = 0; i < draw.source_count && !outcome; i++)
        outcome = session_read(plot->sources[i].db, &plot->sources[i].store, error);
    if (!outcome)
        outcome = draw_begin(&draw, error);
    if (!outcome)
        outcome = draw_wanted(plot, &draw, error);
    draw_end(&draw);
    for (size_t i = 0; i < plot->source_count; i++)
        store_close(plot->sources[i].store);
    return outcome;
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome plot_command(struct plot *plot, int argc, char **argv, struct error *error)
{
    const struct option_row rows[] = {
        {"db", "FILE,...", "the store; results/midl.db. Several: side by side", &plot->db},
        {"run", "ID,...", "take this run, not the newest with rows. Several: side by side",
         &plot->run},
        {"suite", "NAME", "take runs of this suite only", &plot->suite},
        {"where", "NAME=VALUE,...",
         "hold active, batch, cache, dataset, dtype, gate, isa, select, source or "
         "threads",
         &plot->where},
        {"kernel", "LIST", "draw these strongly, the others pale: names, ideas or globs",
         &plot->kernel},
        {"width", "WIDTH", "of the page, as in 85mm or 178mm; by the number of panels",
         &plot->width},
        {"out", "DIR", "where the figures go; figures", &plot->out},
        {"format", "LIST", "svg, pdf, png, tex; svg", &plot->format},
        {"list", NULL, "only list the figures", &plot->list},
        {"keep-data", NULL, "draw again from DIR/FIGURE.tsv; no store is read", &plot->keep_data},
        {"quiet", NULL, "print errors only", &plot->quiet},
    };
    bool help;
    int first;

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
    outcome = parse_sources(plot, error);
    if (!outcome)
        outcome = parse_width(plot, error);
    if (!outcome)
        outcome = choose_figures(plot, argv + first, error);
    if (!outcome)
        outcome = choose_formats(plot, error);
    if (!outcome)
        outcome = where_parse(plot->where, &plot->figures, &plot->held, error);
    for (size_t i = 0; i < plot->figures.count && plot->named && !outcome; i++)
        if (plot->wanted[i])
            outcome = where_check(&plot->held, &plot->figures.rows[i], "figure", error);
    if (!outcome)
        outcome = parse_kernel(plot, error);
    if (outcome)
        return outcome;
    stop_on_signals();
    return plot_figures(plot, error);
}

int command_plot(int argc, char **argv)
{
    struct error error = {""};
    struct plot plot = {.db = SESSION_DB, .out = "figures", .format = "svg"};
    plot.held = (struct where){.parameters = plot.parameters, .most = DRAW_PARAMETERS_MAX};
    plot.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = plot_command(&plot, argc, argv, &error);
    figures_clear(&plot.figures);
    free(plot.wanted);
    free(plot.held.text);
    free(plot.db_text);
    free(plot.run_text);
    free(plot.command);
    return outcome ? command_fail("plot", outcome, &error) : OUTCOME_DONE;
}

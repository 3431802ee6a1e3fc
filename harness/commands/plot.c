/* plot.c - `midl plot`: figures from the store.
 *
 * A figure is plots/NAME.sql and plots/NAME.gp. The query's rows, and below them the caption's, go
 * to NAME.tsv; gnuplot draws that file and nothing else, so that a figure can be drawn again from
 * its data. Everything is made in a folder of its own inside the output folder and put in its place
 * when it is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/datadir.h"
#include "base/stop.h"
#include "commands/command.h"
#include "report/gnuplot.h"
#include "store.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#define FIGURES_MAX 64
#define FORMATS_MAX 8
#define WHERE_MAX 16
#define NAME_SIZE 48
#define LINE_SIZE 256

static const char usage_line[] = "midl plot [FIGURE...] [options]";
static const char about[] =
    "Draw figures from the store; without FIGURE all that the store has rows for. Each takes the\n"
    "newest run that it has rows in. The columns behind a figure stay beside it, in "
    "DIR/FIGURE.tsv.\n"
    "Exit status 4: a figure that was named, or every figure, has nothing to show.";

/* A pair of files in the folder of figures. */
struct figure {
    char name[NAME_SIZE];
    char about[LINE_SIZE], needs[LINE_SIZE]; /* from the first lines of the query */
    char *sql;                               /* common.sql and the figure's own */
    bool wanted;
};

struct plot {
    /* Options as given. */
    const char *db, *run, *suite, *out, *format, *where, *list, *keep_data, *quiet;

    char scripts[PATH_MAX]; /* the folder of figures */
    struct figure figures[FIGURES_MAX];
    size_t figure_count;
    bool named; /* figures were named, so that one without rows is an error */
    const struct figure_format *formats[FORMATS_MAX];
    size_t format_count;

    char *caption_sql, *runs_sql, *where_text;
    struct store_fact parameters[WHERE_MAX + 2]; /* of --where; the last two for run and suite */
    size_t where_count;

    struct store *store;
    char folder[PATH_MAX]; /* where figures are made; "" if there is none */
    size_t drawn;
};

/* ---- The folder of figures ------------------------------------------------------------------- */

static bool join(char ret[PATH_MAX], const char *folder, const char *name, const char *suffix)
{
    return snprintf(ret, PATH_MAX, "%s/%s%s", folder, name, suffix) < PATH_MAX;
}

/* A whole file of ours as text. */
static enum outcome read_text(const char *folder, const char *name, char **ret, struct error *error)
{
    char path[PATH_MAX], *text = NULL;
    size_t length = 0, size = 0;
    FILE *file = join(path, folder, name, ".sql") ? fopen(path, "r") : NULL;

    if (!file)
        return fail(error, OUTCOME_MACHINE, "cannot read %s.sql of the figures: %s", name,
                    strerror(errno));
    do {
        size = 2 * size + 4096;
        char *grown = realloc(text, size + 1);
        if (!grown) {
            free(text);
            fclose(file);
            return fail_memory(error, "a query", (double)size);
        }
        text = grown;
        length += fread(text + length, 1, size - length, file);
    } while (length == size);
    text[length] = '\0';
    bool ok = !ferror(file);
    fclose(file);
    if (!ok) {
        free(text);
        return fail(error, OUTCOME_MACHINE, "cannot read %.200s", path);
    }
    *ret = text;
    return OUTCOME_DONE;
}

/* The rest of the first line of `sql` that begins with `mark`. */
static void line_after(const char *sql, const char *mark, char ret[LINE_SIZE])
{
    const char *at = strstr(sql, mark);
    const char *text = at ? at + strlen(mark) : "";

    snprintf(ret, LINE_SIZE, "%.*s", (int)strcspn(text, "\r\n"), text);
}

/* `common` and the figure's own query, one text. */
static enum outcome read_figure(struct plot *plot, const char *name, const char *common,
                                struct error *error)
{
    struct figure *figure = &plot->figures[plot->figure_count];
    char mark[NAME_SIZE + 16], *own;

    snprintf(figure->name, sizeof figure->name, "%s", name);
    enum outcome outcome = read_text(plot->scripts, name, &own, error);
    if (outcome)
        return outcome;
    snprintf(mark, sizeof mark, "-- %s.sql - ", name);
    line_after(own, mark, figure->about);
    line_after(own, "-- needs: ", figure->needs);
    size_t size = strlen(common) + strlen(own) + 1;
    figure->sql = malloc(size);
    if (figure->sql)
        snprintf(figure->sql, size, "%s%s", common, own);
    free(own);
    if (!figure->sql)
        return fail_memory(error, "a query", (double)size);
    plot->figure_count++;
    return OUTCOME_DONE;
}

/* Names are words of a gnuplot setting, and become names of files. */
static bool is_figure_name(const char *name, size_t length)
{
    return length > 0 && length < NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") >= length;
}

static enum outcome read_figures(struct plot *plot, struct error *error)
{
    const char *folder = datadir_find("plots");
    char path[PATH_MAX], name[NAME_SIZE], *common = NULL;
    struct dirent **entries = NULL;
    int count = 0;

    if (!folder || !realpath(folder, plot->scripts))
        return fail(error, OUTCOME_MACHINE,
                    "no folder of figures found: set MIDL_SHARE to the folder that holds plots/");
    enum outcome outcome = read_text(plot->scripts, "shared/common", &common, error);
    if (!outcome)
        outcome = read_text(plot->scripts, "shared/caption", &plot->caption_sql, error);
    if (!outcome)
        outcome = read_text(plot->scripts, "shared/runs", &plot->runs_sql, error);
    if (!outcome && (count = scandir(plot->scripts, &entries, NULL, alphasort)) < 0)
        outcome =
            fail(error, OUTCOME_MACHINE, "cannot list %.200s: %s", plot->scripts, strerror(errno));
    for (int i = 0; i < count; i++) {
        size_t length = strcspn(entries[i]->d_name, ".");
        if (!outcome && plot->figure_count < FIGURES_MAX &&
            strcmp(entries[i]->d_name + length, ".sql") == 0 &&
            is_figure_name(entries[i]->d_name, length)) {
            snprintf(name, sizeof name, "%.*s", (int)length, entries[i]->d_name);
            if (join(path, plot->scripts, name, ".gp") && access(path, F_OK) == 0)
                outcome = read_figure(plot, name, common, error);
        }
        free(entries[i]);
    }
    free(entries);
    free(common);
    return outcome;
}

static void list_figures(const struct plot *plot)
{
    for (size_t i = 0; i < plot->figure_count; i++)
        printf("%-10s %s\n", plot->figures[i].name, plot->figures[i].about);
}

/* ---- What is asked --------------------------------------------------------------------------- */

static enum outcome choose_figures(struct plot *plot, char **names, struct error *error)
{
    const char *known[FIGURES_MAX];
    char hint[HINT_SIZE];

    for (size_t i = 0; i < plot->figure_count; i++)
        known[i] = plot->figures[i].name;
    plot->named = *names != NULL;
    for (; *names; names++) {
        struct figure *found = NULL;
        for (size_t i = 0; i < plot->figure_count; i++)
            if (strcmp(plot->figures[i].name, *names) == 0)
                found = &plot->figures[i];
        if (!found)
            return fail(error, OUTCOME_USAGE, "no figure %.80s%s; midl plot --list shows them",
                        *names, did_you_mean(*names, known, plot->figure_count, hint));
        found->wanted = true;
    }
    for (size_t i = 0; i < plot->figure_count && !plot->named; i++)
        plot->figures[i].wanted = true;
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

/* Whether the queries have a parameter of that name. */
static bool is_parameter(const struct plot *plot, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < plot->figure_count; i++)
        for (const char *at = plot->figures[i].sql; (at = strchr(at, ':')); at++)
            if (strncmp(at + 1, name, length) == 0 &&
                !strspn(at + 1 + length, "abcdefghijklmnopqrstuvwxyz_"))
                return strcmp(name, "run") != 0;
    return false;
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
        if (!is_parameter(plot, pair))
            return fail(error, OUTCOME_USAGE,
                        "--where %.80s: not one of active, batch, cache, dtype, gate, isa, select, "
                        "source, threads",
                        pair);
        if (plot->where_count == WHERE_MAX)
            return fail(error, OUTCOME_USAGE, "--where: more than %d values", WHERE_MAX);
        plot->parameters[plot->where_count++] = (struct store_fact){pair, value};
    }
    return OUTCOME_DONE;
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static enum outcome fail_store(const struct plot *plot, enum store_status status,
                               struct error *error)
{
    return fail(error, status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE, "%s",
                store_error(plot->store));
}

static enum outcome open_store(struct plot *plot, struct error *error)
{
    char reason[STORE_ERROR_SIZE];
    enum store_status status = store_open(plot->db, STORE_READ, &plot->store, reason);

    if (status == STORE_OK)
        return OUTCOME_DONE;
    return fail(error, status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE, "%s", reason);
}

/* The runs that the options allow, newest first: *ret is the text of the rows, a run a line after
 * the line of names. */
static enum outcome find_runs(struct plot *plot, char **ret, struct error *error)
{
    char *rows = NULL;
    size_t size = 0, count = 0;
    FILE *stream = open_memstream(&rows, &size);

    if (!stream)
        return fail_memory(error, "the list of runs", 0);
    plot->parameters[plot->where_count] = (struct store_fact){"run", plot->run};
    plot->parameters[plot->where_count + 1] = (struct store_fact){"suite", plot->suite};
    enum store_status status =
        store_query(plot->store, plot->runs_sql, plot->parameters + plot->where_count, 2, STORE_TSV,
                    stream, &count);
    bool written = fclose(stream) == 0;
    if (status == STORE_OK && written) {
        *ret = rows;
        return OUTCOME_DONE;
    }
    free(rows);
    if (status == STORE_OK)
        return fail_memory(error, "the list of runs", 0);
    if (status != STORE_NONE)
        return fail_store(plot, status, error);
    if (plot->run)
        return fail(error, OUTCOME_USAGE, "%s: there is no run %.40s%s%.80s", plot->db, plot->run,
                    plot->suite ? " of suite " : "", plot->suite ? plot->suite : "");
    return fail(error, OUTCOME_NO_VERDICT,
                "%s: no run%s%.80s to draw; run `midl sweep quick` first", plot->db,
                plot->suite ? " of suite " : "", plot->suite ? plot->suite : "");
}

/* ---- Drawing a figure ------------------------------------------------------------------------ */

/* The columns of the figure in one run, and the caption below. STORE_NONE: the figure has no rows
 * there. */
static enum store_status write_columns(struct plot *plot, const struct figure *figure,
                                       const char *run, FILE *out)
{
    size_t rows;

    plot->parameters[plot->where_count] = (struct store_fact){"run", run};
    enum store_status status = store_query(plot->store, figure->sql, plot->parameters,
                                           plot->where_count + 1, STORE_TSV, out, &rows);
    if (status == STORE_OK)
        status = store_query(plot->store, plot->caption_sql, plot->parameters,
                             plot->where_count + 1, STORE_TSV, out, &rows);
    return status;
}

static enum outcome fail_write(const char *path, struct error *error)
{
    return fail(error, OUTCOME_MACHINE, "cannot write %.300s: %s", path, strerror(errno));
}

static enum outcome fail_empty(const struct plot *plot, const struct figure *figure,
                               struct error *error)
{
    return fail(error, OUTCOME_NO_VERDICT, "figure %s needs %s%s%.80s", figure->name, figure->needs,
                plot->where ? "; looked only at " : "", plot->where ? plot->where : "");
}

/* Write the columns from the newest run that has any; ret_run names it. */
static enum outcome collect(struct plot *plot, const struct figure *figure, const char *runs,
                            char ret_run[NAME_SIZE], struct error *error)
{
    char path[PATH_MAX];
    enum store_status status = STORE_NONE;

    if (!join(path, plot->folder, figure->name, ".tsv"))
        return fail(error, OUTCOME_USAGE, "--out %.80s...: too long", plot->out);
    for (const char *line = strchr(runs, '\n'); line && line[1] && status == STORE_NONE;
         line = strchr(line + 1, '\n')) {
        snprintf(ret_run, NAME_SIZE, "%.*s", (int)strcspn(line + 1, "\t\n"), line + 1);
        FILE *file = fopen(path, "w");
        if (!file)
            return fail_write(path, error);
        status = write_columns(plot, figure, ret_run, file);
        bool written = !ferror(file);
        if (fclose(file) != 0 || !written)
            return fail(error, OUTCOME_MACHINE,
                        "cannot write the data of figure %s to %.200s: is the disk full?",
                        figure->name, plot->out);
    }
    if (status == STORE_NONE)
        return fail_empty(plot, figure, error);
    if (status != STORE_OK)
        return fail(error, status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE,
                    "figure %s: %s", figure->name, store_error(plot->store));
    return OUTCOME_DONE;
}

/* With --keep-data: the columns that are in the output folder. */
static enum outcome reuse(const struct plot *plot, const struct figure *figure, struct error *error)
{
    char kept[PATH_MAX], absolute[PATH_MAX], link[PATH_MAX];

    if (!join(kept, plot->out, figure->name, ".tsv") ||
        !join(link, plot->folder, figure->name, ".tsv"))
        return fail(error, OUTCOME_USAGE, "--out %.80s...: too long", plot->out);
    if (!realpath(kept, absolute))
        return fail(error, OUTCOME_NO_VERDICT, "%.300s: %s; draw it without --keep-data first",
                    kept, strerror(errno));
    return symlink(absolute, link) == 0 ? OUTCOME_DONE : fail_write(link, error);
}

static enum outcome deliver(const struct plot *plot, const struct figure *figure, const char *made,
                            const char *kept, struct error *error)
{
    char from[PATH_MAX], to[PATH_MAX];

    if (!join(from, plot->folder, figure->name, made) || !join(to, plot->out, figure->name, kept))
        return fail(error, OUTCOME_USAGE, "--out %.80s...: too long", plot->out);
    return rename(from, to) == 0 ? OUTCOME_DONE : fail_write(to, error);
}

static enum outcome draw_format(struct plot *plot, const struct figure *figure,
                                const struct figure_format *format, const char *run,
                                struct error *error)
{
    enum outcome outcome = gnuplot_draw(plot->folder, plot->scripts, figure->name, format, error);

    if (stop_requested)
        return fail(error, OUTCOME_MACHINE, "stopped; what was drawn before stays");
    if (outcome)
        return fail(error, outcome, "figure %s: %s", figure->name, error->text);
    for (size_t i = 0; i < COUNT(format->files) && format->files[i].made && !outcome; i++)
        outcome = deliver(plot, figure, format->files[i].made, format->files[i].kept, error);
    if (!outcome && !plot->quiet)
        printf("%s/%s%s%s%s\n", plot->out, figure->name, format->files[0].kept,
               *run ? "  from run " : "", run);
    return outcome;
}

static enum outcome draw_figure(struct plot *plot, const struct figure *figure, const char *runs,
                                struct error *error)
{
    char run[NAME_SIZE] = "";
    enum outcome outcome =
        runs ? collect(plot, figure, runs, run, error) : reuse(plot, figure, error);

    for (size_t i = 0; i < plot->format_count && !outcome; i++)
        outcome = draw_format(plot, figure, plot->formats[i], run, error);
    if (!outcome && runs)
        outcome = deliver(plot, figure, ".tsv", ".tsv", error);
    plot->drawn += !outcome;
    return outcome;
}

/* Every figure that is wanted. One without rows is said and passed over; it is an error if it was
 * named. Any other failure ends the work. Of several errors the last is left in *error, for the
 * caller to print. */
static enum outcome draw_figures(struct plot *plot, const char *runs, struct error *error)
{
    enum outcome worst = OUTCOME_DONE;
    struct error last = {""};

    for (size_t i = 0; i < plot->figure_count && worst != OUTCOME_MACHINE; i++) {
        enum outcome outcome = plot->figures[i].wanted
                                   ? draw_figure(plot, &plot->figures[i], runs, error)
                                   : OUTCOME_DONE;
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

/* ---- The output folder ----------------------------------------------------------------------- */

/* The folder and those above it. */
static enum outcome make_folders(const char *path, struct error *error)
{
    char part[PATH_MAX];
    struct stat status;

    if (!*path || strlen(path) >= sizeof part - NAME_SIZE)
        return fail(error, OUTCOME_USAGE, "--out: %s", *path ? "the path is too long" : "empty");
    for (const char *end = path; *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail(error, OUTCOME_MACHINE, "cannot make the folder %.300s: %s", part,
                        strerror(errno));
    }
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return fail(error, OUTCOME_MACHINE, "%.300s is not a folder; name another by --out", path);
    return OUTCOME_DONE;
}

static enum outcome make_workplace(struct plot *plot, struct error *error)
{
    char path[PATH_MAX];
    enum outcome outcome = make_folders(plot->out, error);

    if (outcome)
        return outcome;
    if (!join(path, plot->out, ".midl-plot-XXXXXX", "") || !mkdtemp(path))
        return fail(error, OUTCOME_MACHINE, "cannot write to the folder %.300s: %s", plot->out,
                    strerror(errno));
    memcpy(plot->folder, path, sizeof path);
    return OUTCOME_DONE;
}

static void remove_workplace(const struct plot *plot)
{
    char path[PATH_MAX];
    DIR *folder = *plot->folder ? opendir(plot->folder) : NULL;

    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (join(path, plot->folder, entry->d_name, ""))
            unlink(path); /* not "." and "..", which are folders */
    closedir(folder);
    rmdir(plot->folder);
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome plot_wanted(struct plot *plot, struct error *error)
{
    char *runs = NULL;

    enum outcome outcome = gnuplot_check(plot->formats, plot->format_count, error);
    if (!outcome && !plot->keep_data)
        outcome = open_store(plot, error);
    if (!outcome && !plot->keep_data)
        outcome = find_runs(plot, &runs, error);
    if (!outcome)
        outcome = make_workplace(plot, error);
    if (!outcome)
        outcome = draw_figures(plot, runs, error);
    remove_workplace(plot);
    free(runs);
    store_close(plot->store);
    return outcome;
}

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
    outcome = read_figures(plot, error);
    if (outcome)
        return outcome;
    if (plot->list) {
        list_figures(plot);
        return OUTCOME_DONE;
    }
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
    return plot_wanted(plot, error);
}

int command_plot(int argc, char **argv)
{
    struct error error = {""};
    struct plot *plot = calloc(1, sizeof *plot);

    if (!plot)
        return command_fail("plot", fail_memory(&error, "the figures", sizeof *plot), &error);
    plot->db = "results/midl.db";
    plot->out = "figures";
    plot->format = "svg";
    enum outcome outcome = plot_command(plot, argc, argv, &error);
    for (size_t i = 0; i < plot->figure_count; i++)
        free(plot->figures[i].sql);
    free(plot->caption_sql);
    free(plot->runs_sql);
    free(plot->where_text);
    free(plot);
    return outcome ? command_fail("plot", outcome, &error) : OUTCOME_DONE;
}

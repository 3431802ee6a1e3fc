/* gnuplot.c - one process per picture. gnuplot's own messages are kept and reduced to the one line
 * that names the fault; its exit status alone doesn't tell of a full disk, so that every file is
 * also looked at. */
#define _GNU_SOURCE /* environ */
#include "report/gnuplot.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/stop.h"
#include "base/words.h"

#define OLDEST_VERSION 5.4
#define MESSAGES_SIZE 16384
#define ENDING_SIZE 64

static const struct figure_format figure_formats[] = {
    {"svg", "svg", {{".svg", ".svg", "</svg>"}}},
    {"pdf", "pdfcairo", {{".pdf", ".pdf", "%%EOF"}}},
    {"png", "pngcairo", {{".png", ".png", "IEND\xae\x42\x60\x82"}}},
    /* The text for LaTeX, the picture without text that it puts behind, and the caption. */
    {"tex",
     "cairolatex",
     {{"-inc.tex", ".tex", "\\endgroup"},
      {"-inc.pdf", "-inc.pdf", "%%EOF"},
      {"-caption.tex", "-caption.tex", "% the caption is whole"}}},
};

size_t figure_format_count(void)
{
    return sizeof figure_formats / sizeof *figure_formats;
}

const struct figure_format *figure_format_at(size_t i)
{
    return &figure_formats[i];
}

/* ---- The process ----------------------------------------------------------------------------- */

double gnuplot_limit_s = 120;

/* gnuplot echoes the faulty line, a caret below it, then names file, line and fault: that one is
 * returned. Warnings name file and line too. */
static const char *first_error_line(char *messages)
{
    const char *fallback = NULL;
    char *rest = messages;

    for (char *line; (line = strsep(&rest, "\n"));) {
        if (strstr(line, "warning:") || !line[strspn(line, " \t^")])
            continue;
        if (strstr(line, "\" line ") || strncmp(line, "line ", 5) == 0)
            return line;
        if (!fallback)
            fallback = line;
    }
    return fallback ? fallback : "it gave no reason";
}

/* Run gnuplot to its end. `messages`: what it printed, `print` and errors. */
static enum outcome run(const char *folder, char *const *argv, char messages[MESSAGES_SIZE],
                        struct error *error)
{
    char path[PATH_MAX], reason[160];
    enum child_end end;
    struct child child = {.path = path,
                          .argv = argv,
                          .environment = environ,
                          .folder = folder,
                          .out = "/dev/null",
                          .said = messages,
                          .said_size = MESSAGES_SIZE,
                          .limit_s = gnuplot_limit_s,
                          .end = &end};

    if (!child_find("gnuplot", path, sizeof path))
        return fail(error, OUTCOME_MACHINE,
                    "gnuplot is not installed, and draws the figures: apt install gnuplot-nox (or "
                    "your system's package of gnuplot)");
    if (child_run(&child, reason, sizeof reason))
        return OUTCOME_DONE;
    if (stop_requested)
        return fail(error, OUTCOME_NO_VERDICT, "interrupted");
    if (end == CHILD_FAILED)
        return fail(error, OUTCOME_MACHINE, "gnuplot: %s", first_error_line(messages));
    return fail(error, OUTCOME_MACHINE, "gnuplot: %s", reason);
}

/* ---- What gnuplot can ------------------------------------------------------------------------ */

enum outcome gnuplot_check(const struct figure_format *const *formats, size_t count,
                           struct error *error)
{
    char program[] = "gnuplot", defaults[] = "-d", execute[] = "-e";
    char question[] = "print GPVAL_VERSION; print GPVAL_TERMINALS";
    char *const argv[] = {program, defaults, execute, question, NULL};
    char answer[MESSAGES_SIZE];

    enum outcome outcome = run(NULL, argv, answer, error);
    if (outcome)
        return outcome;
    double version = strtod(answer, NULL);
    if (!(version >= OLDEST_VERSION))
        return fail(error, OUTCOME_MACHINE,
                    "gnuplot %g is too old for the figures: they need %g or newer", version,
                    OLDEST_VERSION);
    for (size_t i = 0; i < count; i++)
        if (!words_have(answer, formats[i]->terminal, strlen(formats[i]->terminal)))
            return fail(error, OUTCOME_MACHINE,
                        "this gnuplot was built without terminal %s, which format %s needs: ask "
                        "for another --format, or install gnuplot-nox",
                        formats[i]->terminal, formats[i]->name);
    return OUTCOME_DONE;
}

/* ---- Drawing --------------------------------------------------------------------------------- */

/* Whether the file ends as a whole one does, blank space aside. */
static bool is_whole(const char *path, const char *ending)
{
    char tail[ENDING_SIZE];
    size_t length = strlen(ending), got = 0;
    FILE *file = fopen(path, "rb");

    if (!file)
        return false;
    if (fseek(file, 0, SEEK_END) == 0) {
        long size = ftell(file), start = size > ENDING_SIZE ? size - ENDING_SIZE : 0;
        if (size >= 0 && fseek(file, start, SEEK_SET) == 0)
            got = fread(tail, 1, sizeof tail, file);
    }
    fclose(file);
    while (got > 0 && strchr(" \r\n", tail[got - 1]) && tail[got - 1])
        got--;
    return got >= length && memcmp(tail + got - length, ending, length) == 0;
}

enum outcome gnuplot_draw(const char *folder, const char *scripts, const char *name,
                          double width_cm, const struct figure_format *format, struct error *error)
{
    char program[] = "gnuplot", defaults[] = "-d", execute[] = "-e", settings[256];
    char common[4096], script[4096], messages[MESSAGES_SIZE], path[4096];
    char *const argv[] = {program, defaults, execute, settings, common, script, NULL};

    int used =
        snprintf(settings, sizeof settings, "name = '%s'; format = '%s'", name, format->name);
    if (width_cm > 0)
        snprintf(settings + used, sizeof settings - (size_t)used, "; width = %.3f", width_cm);
    if (snprintf(common, sizeof common, "%s/common.gp", scripts) >= (int)sizeof common ||
        snprintf(script, sizeof script, "%s/%s.gp", scripts, name) >= (int)sizeof script)
        return fail(error, OUTCOME_MACHINE, "the path of the figures is too long: %.80s...",
                    scripts);
    enum outcome outcome = run(folder, argv, messages, error);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < FIGURE_FILES_MAX && format->files[i].made; i++) {
        int length = snprintf(path, sizeof path, "%s/%s%s", folder, name, format->files[i].made);
        if (length >= (int)sizeof path || !is_whole(path, format->files[i].ending))
            return fail(error, OUTCOME_MACHINE, "gnuplot could not finish %s%s: %s", name,
                        format->files[i].kept, file_write_reason(folder, 0));
    }
    return OUTCOME_DONE;
}

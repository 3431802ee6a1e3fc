/* progress.c - how far, how long still. Time that skipped units took does not count, so that a
 * resumed sweep doesn't promise to be done at once. */
#include "base/progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/terminal.h"

#define LINE_SIZE 512

double progress_left_s(const struct progress_state *state)
{
    size_t measured = state->done > state->skipped ? state->done - state->skipped : 0;
    if (state->done >= state->total)
        return 0;
    if (measured == 0)
        return NAN;
    return state->measured_s / (double)measured * (double)(state->total - state->done);
}

void progress_time_text(double seconds, char ret[PROGRESS_TIME_SIZE])
{
    bool shown = seconds >= 0 && seconds < 999 * 3600.0;
    if (!shown) {
        snprintf(ret, PROGRESS_TIME_SIZE, "--:--:--");
        return;
    }
    unsigned whole = (unsigned)ceil(seconds);
    snprintf(ret, PROGRESS_TIME_SIZE, "%02u:%02u:%02u", whole / 3600 % 1000, whole / 60 % 60,
             whole % 60);
}

/* Shorten to `columns` without leaving half a character (UTF-8), and replace control characters. */
static void make_fit(char *line, size_t columns)
{
    size_t length = strlen(line);
    if (length > columns) {
        length = columns;
        while (length && ((unsigned char)line[length] & 0xc0) == 0x80)
            length--;
        line[length] = '\0';
    }
    for (unsigned char *c = (unsigned char *)line; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void progress_line(const struct progress_state *state, size_t columns, char *ret, size_t size)
{
    char left[PROGRESS_TIME_SIZE], elapsed[PROGRESS_TIME_SIZE];
    size_t percent = state->total ? state->done * 100 / state->total : 100;
    progress_time_text(progress_left_s(state), left);
    progress_time_text(floor(state->elapsed_s), elapsed);
    snprintf(ret, size, "%s: %zu/%zu, %zu %%, %s, %s left%s%s", state->what, state->done,
             state->total, percent, elapsed, left, state->current ? ", " : "",
             state->current ? state->current : "");
    make_fit(ret, columns);
}

bool progress_due(bool terminal, double since_last_s, size_t last_done,
                  const struct progress_state *state)
{
    if (terminal)
        return since_last_s >= 0.1;
    bool tenth = state->total && state->done * 10 / state->total > last_done * 10 / state->total;
    return since_last_s >= 5 || tenth;
}

struct progress {
    struct progress_state state;
    char what[64];
    bool quiet, terminal;
    double began_s, event_s; /* of the last call that told something */
    double shown_s;          /* of the last line, and what it said */
    size_t shown_done;
};

static double now_s(void)
{
    return clock_ns() * 1e-9;
}

/* A terminal that understands "clear to the end of the line". */
static bool stderr_is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
}

/* One column stays free: writing into the last makes some terminals go to the next line. */
static size_t line_columns(void)
{
    size_t columns = terminal_columns(STDERR_FILENO) - 1;
    return columns < LINE_SIZE ? columns : LINE_SIZE - 1;
}

static void show(struct progress *progress, double now)
{
    char line[LINE_SIZE];
    progress->state.elapsed_s = now - progress->began_s;
    progress_line(&progress->state, progress->terminal ? line_columns() : LINE_SIZE - 1, line,
                  sizeof line);
    fprintf(stderr, progress->terminal ? "\r%s\033[K" : "%s\n", line);
    fflush(stderr);
    progress->shown_s = now;
    progress->shown_done = progress->state.done;
}

struct progress *progress_begin(const char *what, size_t total, bool quiet)
{
    struct progress *progress = calloc(1, sizeof *progress);
    if (!progress)
        return NULL;
    snprintf(progress->what, sizeof progress->what, "%s", what);
    progress->state.what = progress->what;
    progress->state.total = total;
    progress->quiet = quiet;
    progress->terminal = stderr_is_terminal();
    progress->began_s = progress->event_s = now_s();
    progress->shown_s = -INFINITY;
    if (!quiet && progress->terminal)
        show(progress, progress->began_s); /* at once: what follows may take a while */
    return progress;
}

void progress_step(struct progress *progress, size_t done, const char *current)
{
    if (!progress)
        return;
    double now = now_s();
    progress->state.measured_s += now - progress->event_s;
    progress->event_s = now;
    progress->state.done = done < progress->state.total ? done : progress->state.total;
    progress->state.current = current;
    if (!progress->quiet && progress_due(progress->terminal, now - progress->shown_s,
                                         progress->shown_done, &progress->state))
        show(progress, now);
    progress->state.current = NULL; /* belongs to the caller */
}

void progress_skip(struct progress *progress, size_t units)
{
    if (!progress)
        return;
    progress->state.skipped += units;
    progress->state.done += units;
    progress->event_s = now_s();
}

void progress_note(struct progress *progress, const char *format, ...)
{
    char note[LINE_SIZE];
    if (!progress || progress->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    make_fit(note, LINE_SIZE - 1);
    fprintf(stderr, progress->terminal ? "\r%s\033[K\n" : "%s\n", note);
    if (progress->terminal)
        show(progress, now_s());
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (!progress)
        return;
    char taken[PROGRESS_TIME_SIZE], earlier[48] = "";
    const struct progress_state *state = &progress->state;
    progress_time_text(now_s() - progress->began_s, taken);
    if (state->skipped)
        snprintf(earlier, sizeof earlier, " (%zu of them earlier)", state->skipped);
    if (!progress->quiet && (state->done || progress->terminal)) /* an error's line stands alone */
        fprintf(stderr, "%s%s: %zu of %zu done%s, %s%s\n", progress->terminal ? "\r" : "",
                state->what, state->done, state->total, earlier, taken,
                progress->terminal ? "\033[K" : "");
    free(progress);
}

/* progress.h - one live line on a terminal, plain lines elsewhere, nothing with --quiet. */
#ifndef MIDL_PROGRESS_H
#define MIDL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress; /* opaque */

/* Begin `total` units of work (points). Returns NULL for lack of memory; all calls accept NULL. */
struct progress *progress_begin(const char *what, size_t total, bool quiet);

/* Tell that `done` of total are done, skipped ones included, now at `current`. Time left is
 * estimated from the time taken so far, not counting what was skipped by progress_skip. */
void progress_step(struct progress *progress, size_t done, const char *current);
/* Count units that were done earlier: resumed. The time since the last call counts for none. */
void progress_skip(struct progress *progress, size_t units);

/* Print a line that stays, above the live one. */
void progress_note(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Ends with a line that says how much was done and how long it took; frees. */
void progress_end(struct progress *progress);

/* ---- Its arithmetic, pure -------------------------------------------------------------------- */

/* The facts that a line shows. */
struct progress_state {
    const char *what, *current;  /* current may be NULL */
    size_t done, skipped, total; /* done includes skipped */
    double measured_s;           /* time taken by done - skipped units */
    double elapsed_s;            /* since the beginning */
};

/* Estimate the seconds left at the pace so far; NaN if nothing was measured yet. */
double progress_left_s(const struct progress_state *state);

/* "00:02:05" of seconds, rounded up; "--:--:--" for NaN and for what takes longer than 999 hours.
 */
#define PROGRESS_TIME_SIZE 16
void progress_time_text(double seconds, char ret[PROGRESS_TIME_SIZE]);

/* Write the whole line, cut to `columns`, safe to print. */
void progress_line(const struct progress_state *state, size_t columns, char *ret, size_t size);

/* Whether to show a line now: on a terminal ten times a second; elsewhere every five seconds, and
 * whenever another tenth of the work is done. */
bool progress_due(bool terminal, double since_last_s, size_t last_done,
                  const struct progress_state *state);

#endif

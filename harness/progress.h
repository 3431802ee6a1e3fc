/* progress.h - one live line on a terminal, plain lines elsewhere, nothing with --quiet. */
#ifndef MIDL_PROGRESS_H
#define MIDL_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress; /* opaque */

/* `total` units of work (points). Returns NULL for lack of memory; all calls accept NULL. */
struct progress *progress_begin(const char *what, size_t total, bool quiet);

/* `done` of total are done, now at `current`. Time left is estimated from the time taken so far,
 * not counting what was skipped by progress_skip. */
void progress_step(struct progress *progress, size_t done, const char *current);
void progress_skip(struct progress *progress, size_t units); /* done earlier: resumed */

/* A line that stays, above the live one. */
void progress_note(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void progress_end(struct progress *progress);

#endif

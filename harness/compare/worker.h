/* worker.h - a fresh process for one look at one point: this program again, as `midl gate-one`,
 * with copies of both builds that were made for it alone. */
#ifndef MIDL_WORKER_H
#define MIDL_WORKER_H

#include <stdio.h>

#include "compare/pair.h"

#define WORKER_SAMPLE_NS 3e5
#define WORKER_LIMIT_S 120 /* a look takes a second or two */

struct worker {
    const char *builds[2]; /* files: old, new */
    const char *folder;    /* for the copies; its owner removes it */
    uint64_t seed;
    int placements, rounds;
    bool new_first; /* loaded first */
    size_t inputs;  /* as in struct pair_options */
};

/* Start it and wait. With its last words in the error, OUTCOME_BAD: a signal ended it, which is one
 * of the builds' doing; OUTCOME_MACHINE: it failed otherwise. */
enum outcome worker_run(const struct worker *worker, const struct bench_case *bench_case,
                        struct pair_result *ret, struct error *error);

/* Write a result as text, and read it back: false if the text is cut short or isn't one. */
void worker_write(FILE *out, const struct pair_result *result);
bool worker_read(const char *text, struct pair_result *ret);

/* Copy a file byte for byte to a new one. */
enum outcome worker_copy(const char *from, const char *to, struct error *error);

#endif

/* child.h - another program, run with a time limit and without surprises: nothing of it outlives
 * this program, and how it ended is told in words. */
#ifndef MIDL_CHILD_H
#define MIDL_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* The ways in which a program ends. */
enum child_end {
    CHILD_DONE,   /* exit status 0 */
    CHILD_FAILED, /* another exit status */
    CHILD_KILLED, /* by a signal that wasn't sent from here */
    CHILD_CUT     /* it couldn't be started, took too long, was interrupted, or its end got lost */
};

struct child {
    const char *path;                       /* of the program */
    char *const *argv, *const *environment; /* NULL-terminated */
    const char *folder;                     /* where it runs; NULL: here */
    const char *out, *err;                  /* files that take its output; NULL: `said` */
    char *said;                             /* takes the beginning of that; NULL: nowhere */
    size_t said_size;
    double limit_s;
    bool fixed_addresses; /* without address space randomisation */
    enum child_end *end;  /* receives how it ended; NULL: the reason's words are enough */
};

/* Run it to its end. True if it exited with status 0; else `reason` says how it ended: "exit status
 * 2", "killed by signal 4 (Illegal instruction)", "took longer than 120 s", "interrupted" (the stop
 * flag of stop.h was set). */
bool child_run(const struct child *child, char *reason, size_t size);

/* Find the program in $PATH and write its path. False if it is nowhere. */
bool child_find(const char *name, char *ret, size_t size);

#endif

/* start.h - facts of this process that its libraries change before main begins, asked before them.
 *
 * Linking with this file is enough: it runs first. OpenMP, for one, binds the process to one
 * processor when OMP_PROC_BIND or OMP_PLACES says so. */
#ifndef MIDL_START_H
#define MIDL_START_H

#include <signal.h>
#include <stdbool.h>

/* Return the number of processors that the process was allowed to use when it began; 0 if the
 * system would not tell. */
int start_processors(void);

/* Let the calling thread use all of them again. Safe after fork. */
void start_release(void);

/* End the process with status 3 and a line if this SIGINT was raised by a library in it, as
 * OpenBLAS gives up where it may not start its threads. Safe in a signal handler. Until a command
 * handles SIGINT itself, a handler does this from the very beginning. */
void start_end_if_raised(const siginfo_t *info);

#endif

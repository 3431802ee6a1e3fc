/* start.h - facts of this process that its libraries change before main begins, asked before them.
 *
 * Linking with this file is enough: it runs first. OpenMP, for one, binds the process to one
 * processor when OMP_PROC_BIND or OMP_PLACES says so. */
#ifndef MIDL_START_H
#define MIDL_START_H

/* Processors that the process was allowed to use when it began; 0 if the system would not tell. */
int start_processors(void);

/* Let the calling thread use all of them again. Safe after fork. */
void start_release(void);

/* Call it when main begins. Until then a library that gives up by raising SIGINT, as OpenBLAS does
 * where it may not start its threads, ends the process with status 3 and a line. */
void start_done(void);

#endif

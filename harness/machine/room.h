/* room.h - memory that is asked for before it is taken.
 *
 * A control group that exceeds its limit is killed, not refused. OpenBLAS gives each thread a
 * buffer of 128 MiB, and where it gets none it asks for ever. */
#ifndef MIDL_ROOM_H
#define MIDL_ROOM_H

#include <stdbool.h>

#include "base/error.h"

/* Whether this process may take so many bytes more, by its limits and by what it has already. */
bool room_for(double bytes);

/* Do fail_memory(), with the limit where one is set: "...; memory.max of /a allows 2 GB". */
enum outcome room_fail(struct error *error, const char *what, double bytes);

/* Check that the libraries have what they take for as many threads as they have already, and take
 * the calling thread's part, so that nothing can use it up. Call it before the first of them is
 * called. OUTCOME_MACHINE: there is too little; the process can't end by exit(), which would wait
 * for OpenBLAS's threads. */
enum outcome room_check(struct error *error);

/* Check that `threads` threads have room: OpenBLAS makes more when it is asked for more. */
enum outcome room_for_threads(int threads, struct error *error);

#endif

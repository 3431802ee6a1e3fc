/* room.h - address space that libraries take without asking whether there is any.
 *
 * OpenBLAS gives each thread a buffer of 128 MiB, and where it gets none it asks for ever. So it is
 * asked for before. */
#ifndef MIDL_ROOM_H
#define MIDL_ROOM_H

#include "base/error.h"

/* Check that the libraries have what they take for as many threads as they have already, and take
 * the calling thread's part, so that nothing can use it up. Call it before the first of them is
 * called. OUTCOME_MACHINE: there is too little; the process can't end by exit(), which would wait
 * for OpenBLAS's threads. */
enum outcome room_check(struct error *error);

/* Check that `threads` threads have room: OpenBLAS makes more when it is asked for more. */
enum outcome room_for_threads(int threads, struct error *error);

#endif

/* valgrind.h - the valgrind of this machine, and the caches that it simulates here. */
#ifndef MIDL_MACHINE_VALGRIND_H
#define MIDL_MACHINE_VALGRIND_H

#include <stddef.h>

/* Tell why valgrind can't be used; NULL if it can. */
const char *valgrind_unavailable(void);

/* Return the path of the program; empty if there is none. */
const char *valgrind_path(void);

/* Return "3.19.0", or "none" if there is no valgrind or it doesn't answer. */
const char *valgrind_version(void);

/* One cache as callgrind takes it: a power of two of sets, a power of two of bytes per line. */
struct cache_geometry {
    size_t bytes;
    int ways, line;
};

/* Find the nearest geometry that callgrind accepts, never larger than `bytes`. ways, line 0:
 * unknown. */
struct cache_geometry valgrind_geometry(size_t bytes, int ways, int line);

/* Return the caches to simulate on this machine: first level data, and the last level of plausible
 * size. */
struct cache_geometry valgrind_first_level(void);
struct cache_geometry valgrind_last_level(void);

#endif

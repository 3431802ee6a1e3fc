/* array.h - arrays that grow, and arrays that vectors and large pages like. */
#ifndef MIDL_ARRAY_H
#define MIDL_ARRAY_H

#include <stddef.h>

/* Make room for `count` elements, at least doubling the *room there was. Returns the array, moved
 * perhaps, and sets *room; NULL for lack of memory, with the array as it was. */
void *array_room(void *array, size_t count, size_t *room, size_t element_bytes);

/* Allocate an array aligned to cache lines; one of 2 MiB or more to large pages, which it asks for.
 * free() releases it. NULL if there is no memory. */
void *array_aligned(size_t count, size_t element_bytes);

#endif

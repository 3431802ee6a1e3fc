/* array.c - arrays that grow, and arrays that vectors and large pages like. */
#define _GNU_SOURCE /* madvise */
#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { LINE_BYTES = 64, LARGE_PAGE_BYTES = 2 << 20, FIRST_ROOM = 16 };

void *array_room(void *array, size_t count, size_t *room, size_t element_bytes)
{
    if (count <= *room && array)
        return array;
    size_t more = *room ? *room : FIRST_ROOM;
    while (more < count && more <= SIZE_MAX / 2)
        more *= 2;
    if (more < count || more > SIZE_MAX / element_bytes)
        return NULL;
    void *grown = realloc(array, more * element_bytes);
    if (grown)
        *room = more;
    return grown;
}

void *array_aligned(size_t count, size_t element_bytes)
{
    if (element_bytes > 0 && count > (SIZE_MAX - LARGE_PAGE_BYTES) / element_bytes)
        return NULL;
    size_t bytes = count * element_bytes;
    size_t align = bytes >= LARGE_PAGE_BYTES ? LARGE_PAGE_BYTES : LINE_BYTES;
    bytes = (bytes / align + 1) * align; /* aligned_alloc demands whole units, at least one */
    void *array = aligned_alloc(align, bytes);
    if (array && align == LARGE_PAGE_BYTES)
        (void)madvise(array, bytes, MADV_HUGEPAGE); /* refusal costs nothing */
    return array;
}

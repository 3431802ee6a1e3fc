/* guard.h - arrays that lie flush against pages that nobody may touch: who reads or writes one
 * float beyond an array, or before it, is stopped by the processor. The float behind the other end,
 * which no page guards, is a NaN, as are its neighbours: a sum that takes one of them in shows it.
 */
#ifndef MIDL_TEST_GUARD_H
#define MIDL_TEST_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Room for one array at a time, between two guard pages. */
struct guard {
    char *room;
    size_t bytes; /* whole pages */
};

/* False if there is no memory. */
static inline bool guard_create(size_t most_bytes, struct guard *ret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (most_bytes + page - 1) / page * page;
    char *map = mmap(NULL, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, bytes, PROT_READ | PROT_WRITE) != 0)
        return false;
    *ret = (struct guard){map + page, bytes};
    return true;
}

static inline void guard_destroy(struct guard *guard)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (guard->room)
        munmap(guard->room - page, guard->bytes + 2 * page);
    *guard = (struct guard){0};
}

/* An array of `count` floats, copied from `data` or NaN where that is NULL: it ends where the room
 * does, or begins there. Replaces the array that was there before. */
static inline float *guard_place(const struct guard *guard, const float *data, size_t count,
                                 bool at_end)
{
    const size_t around = 4096;
    size_t bytes = count * sizeof *data, rest = guard->bytes - bytes;
    char *array = guard->room + (at_end ? rest : 0);
    char *poison = at_end ? array - (rest < around ? rest : around) : array + bytes;
    memset(poison, 0xff, rest < around ? rest : around);
    if (data)
        memcpy(array, data, bytes);
    else
        memset(array, 0xff, bytes);
    return (float *)(void *)array;
}

#endif

/* util.h - small things that C lacks. */
#ifndef MIDL_UTIL_H
#define MIDL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The number of elements of an array, which must not be a pointer. */
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Hash more text, by FNV-1a with 64 bits; the first call starts from FNV_START. */
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
static inline uint64_t fnv1a_byte(uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

static inline uint64_t fnv1a(uint64_t hash, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        hash = fnv1a_byte(hash, *c);
    return hash;
}

static inline bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

#endif

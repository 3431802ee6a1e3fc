/* words.c - words of a text. */
#include "base/words.h"

#include <string.h>

static const char blanks[] = " \t\n";

size_t words_next(const char **at, size_t length_before)
{
    *at += length_before;
    *at += strspn(*at, blanks);
    return strcspn(*at, blanks);
}

bool words_have(const char *text, const char *word, size_t length)
{
    for (size_t own = words_next(&text, 0); own; own = words_next(&text, own))
        if (own == length && strncmp(text, word, length) == 0)
            return true;
    return false;
}

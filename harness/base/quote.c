/* quote.c - words as a shell reads them. */
#include "base/quote.h"

#include <string.h>

bool quote_word(const char *text, char *ret, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=+,@%";
    bool quotes = !*text || text[strspn(text, plain)];
    size_t used = 0;
    if (size < 3)
        return false;
    if (quotes)
        ret[used++] = '\'';
    for (const char *c = text; *c; c++) {
        const char *piece = *c == '\'' ? "'\\''" : (char[]){*c, '\0'};
        size_t length = strlen(piece);
        if (used + length + 2 > size) /* a closing quote and the end */
            return false;
        memcpy(ret + used, piece, length);
        used += length;
    }
    if (quotes)
        ret[used++] = '\'';
    ret[used] = '\0';
    return true;
}

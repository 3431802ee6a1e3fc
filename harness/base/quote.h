/* quote.h - words as a shell reads them. */
#ifndef MIDL_QUOTE_H
#define MIDL_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

/* Write `text` as one word of a shell, in quotes where it needs them. False if it doesn't fit into
 * `size` bytes; *ret is then no word. */
bool quote_word(const char *text, char *ret, size_t size);

#endif

/* append.h - texts that grow in an array of fixed size. */
#ifndef MIDL_APPEND_H
#define MIDL_APPEND_H

#include <stddef.h>

/* Append to the text in an array of `size` bytes. A text that doesn't fit is cut at the end of the
 * array; nothing is written beyond it, however often more is appended. */
void append_text(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

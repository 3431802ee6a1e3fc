/* append.c - texts that grow in an array of fixed size. */
#include "base/append.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void append_text(char *text, size_t size, const char *format, ...)
{
    size_t used = strnlen(text, size);
    va_list arguments;
    va_start(arguments, format);
    if (used < size)
        (void)vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

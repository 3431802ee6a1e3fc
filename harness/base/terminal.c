/* terminal.c - how wide what is printed may be, and text broken to fit. */
#include "base/terminal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define COLUMNS_LEAST 20
#define COLUMNS_MOST 1000

static bool sensible(long columns)
{
    return columns >= COLUMNS_LEAST && columns <= COLUMNS_MOST;
}

size_t terminal_columns(int fd)
{
    struct winsize window;
    const char *text = getenv("COLUMNS");
    char *end = NULL;
    long columns = text ? strtol(text, &end, 10) : 0;
    if (text && end != text && *end == '\0' && sensible(columns))
        return (size_t)columns;
    if (ioctl(fd, TIOCGWINSZ, &window) == 0 && sensible(window.ws_col))
        return window.ws_col;
    return TERMINAL_COLUMNS;
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t terminal_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += begins_character(*text);
    return width;
}

/* Bytes of the first line of `text`, at most `room` characters: up to the last blank that fits, or
 * all that fits if there is none. */
static size_t line_bytes(const char *text, size_t room)
{
    size_t width = 0, bytes = 0, blank = 0;
    for (; text[bytes]; bytes++) {
        if (begins_character(text[bytes]) && width++ == room)
            return text[bytes] == ' ' ? bytes : blank ? blank : bytes;
        if (text[bytes] == ' ')
            blank = bytes;
    }
    return bytes;
}

void terminal_wrap(FILE *out, const char *text, size_t indent, size_t columns)
{
    size_t room = columns > indent + COLUMNS_LEAST / 2 ? columns - indent : COLUMNS_LEAST / 2;
    for (;;) {
        size_t bytes = line_bytes(text, room);
        fprintf(out, "%.*s\n", (int)bytes, text);
        text += bytes;
        text += strspn(text, " ");
        if (!*text)
            return;
        fprintf(out, "%*s", (int)indent, "");
    }
}

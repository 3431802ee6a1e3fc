/* json.c - numbers and texts as JSON has them. */
#include "store_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The shortest decimal that reads back as the same double. */
void store_print_real(FILE *out, double value)
{
    char text[32];

    if (isinf(value)) {
        fputs(value < 0 ? "-Inf" : "Inf", out);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

/* Length of the UTF-8 sequence that text[0..length) begins with; 0 if it is not a valid one. */
static size_t utf8_length(const unsigned char *text, size_t length)
{
    size_t size = text[0] < 0x80   ? 1
                  : text[0] < 0xc2 ? 0
                  : text[0] < 0xe0 ? 2
                  : text[0] < 0xf0 ? 3
                  : text[0] < 0xf5 ? 4
                                   : 0;

    if (size > length)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0; /* overlong, surrogate or beyond Unicode */
    return size;
}

void store_print_json_inside(FILE *out, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t plain = 0; /* text[plain..i) is still to be written, as it is */

    for (size_t i = 0; i < length;) {
        size_t size = utf8_length(bytes + i, length - i);
        if (size > 0 && bytes[i] >= ' ' && bytes[i] != '"' && bytes[i] != '\\') {
            i += size;
            continue;
        }
        fwrite(text + plain, 1, i - plain, out);
        if (size == 0)
            fputs("\\ufffd", out);
        else
            fprintf(out, bytes[i] < ' ' ? "\\u%04x" : "\\%c", bytes[i]);
        plain = ++i;
    }
    fwrite(text + plain, 1, length - plain, out);
}

void store_print_json_text(FILE *out, const char *text, size_t length)
{
    putc('"', out);
    store_print_json_inside(out, text, length);
    putc('"', out);
}

void store_print_json_name(FILE *out, const char *name, bool first)
{
    fputs(first ? "" : ", ", out);
    store_print_json_text(out, name, strlen(name));
    fputs(": ", out);
}

void store_print_json_member(FILE *out, const char *name, const char *text)
{
    store_print_json_name(out, name, false);
    store_print_json_text(out, text ? text : "", text ? strlen(text) : 0);
}

void store_print_json_number(FILE *out, const char *name, double value)
{
    if (!isfinite(value))
        return;
    store_print_json_name(out, name, false);
    store_print_real(out, value);
}

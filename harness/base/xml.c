/* xml.c - text within XML. */
#include "base/xml.h"

void xml_put(const char *text, FILE *out)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\n':
        case '\t':
            putc(*text, out);
            break;
        default:
            putc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
}

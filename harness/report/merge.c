/* merge.c - the columns of one figure from several sources. Rows are text: only the panel's number
 * and a few texts change. */
#include "report/merge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WHAT, PANEL, TEXT = 9, COLUMNS };

/* A row in pieces that lie in the text; the last ends before the end of the line. */
struct pieces {
    const char *begin[COLUMNS];
    size_t length[COLUMNS];
};

static bool split(const char *line, size_t length, struct pieces *ret)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *tab = i + 1 < COLUMNS ? memchr(line, '\t', length) : line + length;
        if (!tab)
            return false;
        ret->begin[i] = line;
        ret->length[i] = (size_t)(tab - line);
        length -= ret->length[i] + (i + 1 < COLUMNS);
        line = tab + 1;
    }
    return true;
}

static bool is(const struct pieces *row, const char *kind)
{
    size_t length = strlen(kind);
    bool quoted = *row->begin[WHAT] == '"';
    return row->length[WHAT] == length + (quoted ? 2 : 0) &&
           strncmp(row->begin[WHAT] + quoted, kind, length) == 0;
}

/* The last cell with the label before or behind its text. */
static void put_labelled(const struct pieces *row, const char *label, bool before, FILE *out)
{
    const char *text = row->begin[TEXT];
    size_t length = row->length[TEXT];
    if (length >= 2 && *text == '"') {
        text++;
        length -= 2;
    }
    if (before)
        fprintf(out, "\"%s: %.*s\"", label, (int)length, text);
    else
        fprintf(out, "\"%.*s%s%s\"", (int)length, text, length ? ", " : "", label);
}

static void put_row(const struct pieces *row, const struct merge_source *source, size_t place,
                    size_t count, FILE *out)
{
    long panel = strtol(row->begin[PANEL], NULL, 10);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i == PANEL && panel > 0)
            fprintf(out, "%ld", (panel - 1) * (long)count + (long)place + 1);
        else if (i == TEXT && (is(row, "panel") || is(row, "caption")))
            put_labelled(row, source->label, is(row, "caption"), out);
        else
            fwrite(row->begin[i], 1, row->length[i], out);
        putc(i + 1 < COLUMNS ? '\t' : '\n', out);
    }
}

void merge_columns(const struct merge_source *sources, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        for (const char *line = sources[i].columns; *line;) {
            size_t length = strcspn(line, "\n");
            struct pieces row;
            if (*line == '#' && i == 0)
                fprintf(out, "%.*s\n", (int)length, line);
            else if (*line != '#' && split(line, length, &row) && !is(&row, "title") &&
                     !(is(&row, "subject") && i > 0))
                put_row(&row, &sources[i], i, count, out);
            line += length + (line[length] == '\n');
        }
    fprintf(out, "\"sources\"\tNaN\tNaN\tNaN\tNaN\t%zu\tNaN\tNaN\tNaN\tNaN\n", count);
}

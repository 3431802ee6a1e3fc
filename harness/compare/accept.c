/* accept.c - the file of accepted slowdowns. */
#include "compare/accept.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/words.h"
#include "suite/axes.h"

enum { CELLS = 4, BYTES_MOST = 1 << 20 };

static char *trimmed(char *text)
{
    text += strspn(text, " \t\r");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int days_of(int year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 ? 28 + leap : 30 + (month + month / 8) % 2;
}

/* "2026-11-30": digits where they belong, and a day that exists. */
static bool is_date(const char *text)
{
    static const char form[] = "0000-00-00";
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    int month = atoi(text + 5), day = atoi(text + 8);
    return text[10] == '\0' && month >= 1 && month <= 12 && day >= 1 &&
           day <= days_of(atoi(text), month);
}

/* Whether labels of shapes have such an axis. */
static bool is_axis(const char *name, size_t length)
{
    for (int i = 0; i < SUITE_AXES; i++) {
        const char *label = suite_axis((enum axis_id)i)->label;
        if (label && strlen(label) == length && strncmp(label, name, length) == 0)
            return true;
    }
    return false;
}

/* Return the length of the first word that is not AXIS=VALUE, and where it begins; 0: all are, or
 * it is "*". Such a word stands in no label, so that the line would never hold. */
static size_t odd_word(const char *shape, const char **ret_word)
{
    if (strcmp(shape, "*") == 0)
        return 0;
    for (size_t length = words_next(&shape, 0); length; length = words_next(&shape, length)) {
        const char *sign = memchr(shape, '=', length);
        *ret_word = shape;
        if (!sign || sign == shape + length - 1 || !is_axis(shape, (size_t)(sign - shape)))
            return length;
    }
    return 0;
}

static enum outcome parse_line(char *line, int number, const char *origin, struct accept_row *ret,
                               struct error *error)
{
    char *cells[CELLS];
    const char *word;
    size_t count = 0;
    for (char *at = line; at && count < CELLS; count++) {
        cells[count] = at;
        char *bar = count + 1 < CELLS ? strchr(at, '|') : NULL;
        if (bar)
            *bar++ = '\0';
        at = bar;
    }
    for (size_t i = 0; i < count; i++)
        cells[i] = trimmed(cells[i]);
    if (count < CELLS || !*cells[0] || !*cells[1] || !*cells[3])
        return fail(error, OUTCOME_USAGE,
                    "%s: line %d: expected VARIANT | SHAPE | UNTIL | WHY, none of them empty",
                    file_shown(origin), number);
    if (!is_date(cells[2]))
        return fail(error, OUTCOME_USAGE, "%s: line %d: '%.40s' is no date like 2026-12-31",
                    file_shown(origin), number, cells[2]);
    size_t length = odd_word(cells[1], &word);
    if (length > 0)
        return fail(error, OUTCOME_USAGE,
                    "%s: line %d: '%.*s' is no word of a shape, like n=512; * is any shape",
                    file_shown(origin), number, length < 40 ? (int)length : 40, word);
    *ret = (struct accept_row){cells[0], cells[1], cells[2], cells[3], number};
    return OUTCOME_DONE;
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* Where text begins: behind the mark of a byte order, which some editors write. */
static size_t begins(const char *text)
{
    static const char mark[] = "\xef\xbb\xbf";
    return strncmp(text, mark, 3) == 0 ? 3 : 0;
}

enum outcome accept_parse(const char *text, const char *origin, struct accept_list *ret,
                          struct error *error)
{
    struct accept_list list = {.text = strdup(text),
                               .rows = calloc(count_lines(text), sizeof *list.rows)};
    enum outcome outcome = OUTCOME_DONE;
    int number = 0;
    if (!list.text || !list.rows)
        outcome = fail_memory(error, "the accepted slowdowns", (double)strlen(text));
    for (char *at = list.text ? list.text + begins(list.text) : NULL, *next;
         at && outcome == OUTCOME_DONE; at = next) {
        next = strchr(at, '\n');
        if (next)
            *next++ = '\0';
        number++;
        char *line = trimmed(at);
        if (*line && *line != '#')
            outcome = parse_line(line, number, origin, &list.rows[list.count++], error);
    }
    if (outcome == OUTCOME_DONE)
        *ret = list;
    else
        accept_clear(&list);
    return outcome;
}

enum outcome accept_read(const char *path, struct accept_list *ret, struct error *error)
{
    if (!path)
        return accept_parse("", "", ret, error);
    uint64_t bytes;
    int fd;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    char *text = bytes <= BYTES_MOST ? calloc(1, (size_t)bytes + 1) : NULL;
    if (bytes > BYTES_MOST)
        outcome = fail(error, OUTCOME_USAGE, "--accept %s: %llu bytes are no list of slowdowns",
                       file_shown(path), (unsigned long long)bytes);
    else if (!text)
        outcome = fail_memory(error, "the accepted slowdowns", (double)bytes);
    if (outcome == OUTCOME_DONE)
        outcome = file_read(fd, path, 0, text, (size_t)bytes, error);
    if (outcome == OUTCOME_DONE)
        outcome = accept_parse(text, path, ret, error);
    free(text);
    close(fd);
    return outcome;
}

/* Whether `label` holds all words of `shape`. */
static bool holds(const char *label, const char *shape)
{
    if (strcmp(shape, "*") == 0)
        return true;
    for (size_t length = words_next(&shape, 0); length; length = words_next(&shape, length))
        if (!words_have(label, shape, length))
            return false;
    return true;
}

static bool matches(const struct accept_row *row, const char *variant, const char *label)
{
    return fnmatch(row->variant, variant, 0) == 0 && holds(label, row->shape);
}

const char *accept_find(const struct accept_list *list, const char *variant, const char *label,
                        const char *today)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct accept_row *row = &list->rows[i];
        if (matches(row, variant, label) && strcmp(today, row->until) <= 0)
            return row->why;
    }
    return NULL;
}

const struct accept_row *accept_lapsed(const struct accept_list *list, const char *variant,
                                       const char *label, const char *today)
{
    const struct accept_row *last = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const struct accept_row *row = &list->rows[i];
        if (!matches(row, variant, label))
            continue;
        if (strcmp(today, row->until) <= 0)
            return NULL;
        if (!last || strcmp(last->until, row->until) < 0)
            last = row;
    }
    return last;
}

void accept_clear(struct accept_list *list)
{
    free(list->text);
    free(list->rows);
    *list = (struct accept_list){.count = 0};
}

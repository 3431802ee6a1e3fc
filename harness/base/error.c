/* error.c - error lines: made once, safe to print whatever the input held. */
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* An escape sequence in a file's name must not reach the terminal, nor a newline split the line. */
static void replace_control_characters(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
}

enum outcome fail(struct error *error, enum outcome outcome, const char *format, ...)
{
    struct error fresh;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(fresh.text, sizeof fresh.text, format, arguments);
    va_end(arguments);
    if (length < 0)
        snprintf(fresh.text, sizeof fresh.text, "%s", format);
    else if ((size_t)length >= sizeof fresh.text)
        memcpy(fresh.text + sizeof fresh.text - 4, "...", 4);
    replace_control_characters(fresh.text);
    *error = fresh;
    return outcome;
}

enum outcome fail_memory(struct error *error, const char *what, double bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1000;
        unit++;
    }
    return fail(error, OUTCOME_MACHINE, "not enough memory for %s (%.*f %s)", what,
                unit == 0 ? 0 : 1, bytes, units[unit]);
}

#define WORD_MAX 48 /* longer words are nobody's slip of the keyboard */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to insert, delete, replace or swap with their neighbour to turn a into b. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = smallest(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *reused = before;
        before = last;
        last = row;
        row = reused;
    }
    return last[b_length];
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t length = strnlen(word, WORD_MAX + 1), best = 0;
    if (length == 0 || length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t candidate = strnlen(words[i], WORD_MAX + 1);
        if (candidate > WORD_MAX)
            continue;
        size_t distance = edit_distance(word, length, words[i], candidate);
        size_t shorter = length < candidate ? length : candidate;
        bool close = distance <= 1 + shorter / 4 && distance < shorter;
        /* The beginning of a word counts as one slip: `thresh` means `threshold`. */
        if (!close && length >= 3 && strncmp(word, words[i], length) == 0) {
            close = true;
            distance = 1;
        }
        if (close && (!nearest || distance < best)) {
            nearest = words[i];
            best = distance;
        }
    }
    return nearest;
}

const char *did_you_mean(const char *word, const char *const *words, size_t count,
                         char ret[HINT_SIZE])
{
    const char *nearest = nearest_word(word, words, count);
    ret[0] = '\0';
    if (nearest)
        snprintf(ret, HINT_SIZE, " (did you mean %s?)", nearest);
    return ret;
}

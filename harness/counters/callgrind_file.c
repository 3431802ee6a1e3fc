/* callgrind_file.c - reading the file that callgrind writes. */
#include "counters/callgrind_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "machine/machine_text.h"

#define COLUMNS_MAX 32

const char *callgrind_number(const char *text, double *ret)
{
    const double most = 0x1p53; /* counts are exact up to here */
    double value = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits; i++)
        value = 10 * value + (text[i] - '0');
    if (digits == 0 || !(value <= most) || (text[digits] != ' ' && text[digits] != '\n'))
        return NULL;
    *ret = value;
    return text + digits;
}

/* The numbers of a line; false if something else is in it. */
static bool read_numbers(const char *line, double values[COLUMNS_MAX], size_t *ret_count)
{
    size_t count = 0;
    for (line += strspn(line, " "); line && *line != '\n' && count < COLUMNS_MAX;) {
        line = callgrind_number(line, &values[count++]);
        if (line)
            line += strspn(line, " ");
    }
    *ret_count = count;
    return line && *line == '\n';
}

/* Words of a line. */
static size_t count_words(const char *line)
{
    size_t count = 0;
    for (line += strspn(line, " "); *line && *line != '\n'; line += strspn(line, " ")) {
        line += strcspn(line, " \n");
        count++;
    }
    return count;
}

/* The number under the event's name; zeros at the end of a line are left out by callgrind. NaN if
 * there is no such column. */
static double total_of(const char *events, const double *values, size_t count, const char *event)
{
    size_t length = strlen(event);
    events += strspn(events, " ");
    for (size_t column = 0; *events && *events != '\n'; column++) {
        size_t word = strcspn(events, " \n");
        if (word == length && strncmp(events, event, length) == 0)
            return column < count ? values[column] : 0;
        events += word;
        events += strspn(events, " ");
    }
    return NAN;
}

bool callgrind_parse(const char *text, struct callgrind_totals *ret,
                     char reason[COUNTER_REASON_SIZE])
{
    const char *events = text_line(text, "events:"), *totals = text_line(text, "totals:");
    if (!events || !totals || !strchr(totals, '\n')) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file %s",
                 strncmp(text, "# callgrind format", 18) == 0 || events ? "is cut short"
                                                                        : "is none of its own");
        return false;
    }
    double values[COLUMNS_MAX];
    size_t count;
    if (!read_numbers(totals, values, &count)) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file has no numbers for totals");
        return false;
    }
    if (count > count_words(events)) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file has more totals than events");
        return false;
    }
    struct callgrind_totals seen = {.flops = NAN,
                                    .instructions = total_of(events, values, count, "Ir"),
                                    .data_reads = total_of(events, values, count, "Dr"),
                                    .data_writes = total_of(events, values, count, "Dw"),
                                    .l1d_misses = total_of(events, values, count, "D1mr") +
                                                  total_of(events, values, count, "D1mw"),
                                    .ll_misses = total_of(events, values, count, "ILmr") +
                                                 total_of(events, values, count, "DLmr") +
                                                 total_of(events, values, count, "DLmw"),
                                    .ll_data_misses = total_of(events, values, count, "DLmr") +
                                                      total_of(events, values, count, "DLmw")};
    if (!isfinite(seen.instructions + seen.data_reads + seen.data_writes + seen.l1d_misses +
                  seen.ll_misses)) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file lacks counts that were asked for");
        return false;
    }
    if (!(seen.instructions > 0)) {
        snprintf(reason, COUNTER_REASON_SIZE, "callgrind counted nothing");
        return false;
    }
    *ret = seen;
    return true;
}

/* callgrind_file.h - reading the file that callgrind writes. */
#ifndef MIDL_CALLGRIND_FILE_H
#define MIDL_CALLGRIND_FILE_H

#include <stdbool.h>

#include "counters/counters.h"

struct callgrind_totals {
    double instructions, data_reads, data_writes, l1d_misses, ll_misses, ll_data_misses;
    double flops; /* not in the file: NaN */
};

/* Read a count: decimal digits up to 2^53, and behind them a blank or the line's end. Returns where
 * they end, or NULL, *ret untouched, if they don't stand there. */
const char *callgrind_number(const char *text, double *ret);

/* Read the totals of a callgrind output file, given as text. False with the reason if it is cut
 * short or isn't one; *ret is then untouched. */
bool callgrind_parse(const char *text, struct callgrind_totals *ret,
                     char reason[COUNTER_REASON_SIZE]);

#endif

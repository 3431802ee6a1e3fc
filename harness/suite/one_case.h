/* one_case.h - one case as the words of a command line, by which this program starts itself again
 * for a case. */
#ifndef MIDL_ONE_CASE_H
#define MIDL_ONE_CASE_H

#include "base/error.h"
#include "suite/case.h"

/* Read the case from axes and their values, pair by pair, as bench_case_command writes them behind
 * "midl sweep". On success *ret holds one case and is the caller's, for bench_cases_clear. */
enum outcome one_case_parse(int count, char **words, struct bench_cases *ret, struct error *error);

/* Make the words that it reads: NULL-terminated, in one block that the caller frees.
 * NULL if there is no memory, or no room for them in CASE_TEXT_SIZE bytes. */
char **one_case_words(const struct bench_case *bench_case);

#endif

/* error.h - how things go wrong, once for the whole program: an exit status and one line. */
#ifndef MIDL_ERROR_H
#define MIDL_ERROR_H

#include <stddef.h>

/* The exit statuses of `midl`, documented in README.md. */
enum outcome {
    OUTCOME_DONE = 0,
    OUTCOME_BAD = 1,       /* the question's answer is bad: mismatch, regression */
    OUTCOME_USAGE = 2,     /* usage or bad input */
    OUTCOME_MACHINE = 3,   /* the machine failed us: disk, memory, missing program */
    OUTCOME_NO_VERDICT = 4 /* no verdict possible: too noisy, nothing measured */
};

/* One line that says what, where and what to do; no newline, no "midl:" in front. */
struct error {
    char text[512];
};

/* Fill *error (printf style) and return `outcome`, so that a caller can write
 * `return fail(error, OUTCOME_USAGE, "...")`. Control characters of hostile input are replaced. The
 * arguments may refer to error->text: what was said can be said again with more around it. */
enum outcome fail(struct error *error, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Do fail(OUTCOME_MACHINE) for memory: "not enough memory for WHAT (BYTES)". */
enum outcome fail_memory(struct error *error, const char *what, double bytes);

/* Find the word among words[count] that `word` was probably meant to be, or NULL if none is close.
 */
const char *nearest_word(const char *word, const char *const *words, size_t count);

/* " (did you mean X?)" for the nearest word, "" if none is close: to end an error line with. */
#define HINT_SIZE 96
const char *did_you_mean(const char *word, const char *const *words, size_t count,
                         char ret[HINT_SIZE]);

#endif

/* words.h - words of a text, separated by blanks: labels of shapes, above all. */
#ifndef MIDL_WORDS_H
#define MIDL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Find the next word: *at moves to its begin, its length is returned, and the search goes on behind
 * it. 0 at the end. */
size_t words_next(const char **at, size_t length_before);

/* Whether the text has this word, of `length` bytes. */
bool words_have(const char *text, const char *word, size_t length);

#endif

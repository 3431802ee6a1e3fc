/* terminal.h - how wide what is printed may be, and text broken to fit. */
#ifndef MIDL_TERMINAL_H
#define MIDL_TERMINAL_H

#include <stddef.h>
#include <stdio.h>

#define TERMINAL_COLUMNS 80 /* where nothing is known */

/* Find the columns of the terminal behind a file descriptor: $COLUMNS, or what the terminal says,
 * or 80. */
size_t terminal_columns(int fd);

/* Count the characters of a text in UTF-8, each one column wide. */
size_t terminal_width(const char *text);

/* Print `text` and a line break, in lines of at most `columns`, broken at blanks; a word longer
 * than a line is broken within. The cursor stands at column `indent` before, and every further line
 * begins there. */
void terminal_wrap(FILE *out, const char *text, size_t indent, size_t columns);

#endif

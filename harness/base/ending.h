/* ending.h - an end that this program didn't choose is told in one line, and never passes for an
 * answer. Libraries call exit(1) where threads are refused, and abort() where memory is. */
#ifndef MIDL_ENDING_H
#define MIDL_ENDING_H

/* Watch over the end from here on: exit() called by anybody but main, abort(), an instruction
 * that the processor doesn't have, and a mapped file that ends early, become status 3 and a line.
 */
void ending_watch(void);

/* Return `status`, which main is about to end with: it counts. */
int ending_chosen(int status);

/* Write a line on standard error and end at once with `status`. Safe in a signal handler; what was
 * stored is safe, because it was stored in transactions. Temporary files and folders are removed.
 */
void ending_now(const char *line, int status) __attribute__((noreturn));

#endif

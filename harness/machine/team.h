/* team.h - how many threads a call really gets: OpenMP and OpenBLAS may give fewer than asked. */
#ifndef MIDL_TEAM_H
#define MIDL_TEAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Have OpenMP give as many threads as are asked for, whatever the load (OMP_DYNAMIC). */
void team_fix(void);

/* Open a parallel region of `threads` threads and count them. `blas`: OpenBLAS is asked, too. The
 * least of both. */
int team_count(int threads, bool blas);

/* Check a team: OUTCOME_MACHINE if `threads` would not all run: the error names who limits them. */
enum outcome team_check(int threads, bool blas, int *ret_count, struct error *error);

/* Write a remark on threads that have to share processors; an empty text if they need not. */
void team_remark(int threads, char *ret, size_t size);

#endif

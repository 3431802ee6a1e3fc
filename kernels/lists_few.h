/* lists_few.h - the lists of up to eight inputs: a kernel of its own inside lists.c. */
#ifndef MIDL_LISTS_FEW_H
#define MIDL_LISTS_FEW_H

#include "variant.h"

enum { LISTS_FEW = 8 };

struct lists_few;

#define lists_few_most MIDL_ISA_SYMBOL(midl_lists_few_most)
#define lists_few_create MIDL_ISA_SYMBOL(midl_lists_few_create)
#define lists_few_run MIDL_ISA_SYMBOL(midl_lists_few_run)
#define lists_few_destroy MIDL_ISA_SYMBOL(midl_lists_few_destroy)

/* The most inputs that are faster here than in lists.c: LISTS_FEW or fewer. */
size_t lists_few_most(const struct variant_env *env);

/* Workspace for batches of up to LISTS_FEW inputs; NULL if there is no memory. Memory taken is
 * added to *bytes. */
struct lists_few *lists_few_create(const struct variant_env *env, size_t *bytes);
void lists_few_run(const struct variant_env *env, const struct lists_few *few,
                   const struct variant_batch *batch);
void lists_few_destroy(struct lists_few *few); /* accepts NULL */

#endif

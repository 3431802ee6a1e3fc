/* kernels.h - words that name variants: a name (simd-avx2), an idea (simd) or a glob. suite.h says
 * which rows each means. */
#ifndef MIDL_KERNELS_H
#define MIDL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "midl.h"
#include "suite/axis.h"

/* Variants in the order in which they were named, each once. */
struct kernel_list {
    const struct midl_variant **rows; /* the caller's, with room for midl_variant_count() */
    size_t count;
};

/* Replace the list by the variants of a dtype that the words of the axis name; by the best row of
 * every idea if it has none. A word that names nothing, or nothing of the dtype, is an error. */
enum outcome kernels_choose(const struct axis_list *words, enum midl_dtype dtype,
                            struct kernel_list *ret, struct error *error);

/* Add the first of these names that the dtype has; nothing if it has none of them. */
void kernels_add_first(const struct axis_list *names, enum midl_dtype dtype,
                       struct kernel_list *list);

/* Whether an option names a variant: by its idea, or by a glob of its name. NULL names all. */
bool kernels_match(const char *pattern, const struct midl_variant *variant);

#endif

/* kernels.c - words that name variants. */
#include "suite/kernels.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static void add(struct kernel_list *list, const struct midl_variant *variant)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i] == variant)
            return;
    list->rows[list->count++] = variant;
}

static enum outcome unknown_kernel(const char *word, struct error *error)
{
    size_t variants = midl_variant_count(), count = 0;
    const char **words = calloc(variants * 2, sizeof *words);
    char hint[HINT_SIZE] = "";
    if (words) {
        for (size_t i = 0; i < variants; i++) {
            words[count++] = midl_variant_idea(midl_variant_at(i));
            words[count++] = midl_variant_name(midl_variant_at(i));
        }
        did_you_mean(word, words, count, hint);
    }
    free(words);
    return fail(error, OUTCOME_USAGE, "unknown kernel %.60s%s; midl list kernels shows them all",
                word, hint);
}

static enum outcome add_named(struct kernel_list *list, const char *word, enum midl_dtype dtype,
                              struct error *error)
{
    const struct midl_variant *variant = midl_variant_find(word, dtype);
    if (variant) {
        add(list, variant);
        return OUTCOME_DONE;
    }
    for (int other = MIDL_F32; other <= MIDL_INT8; other++)
        if (midl_variant_find(word, (enum midl_dtype)other))
            return fail(error, OUTCOME_USAGE, "kernel %s does not exist for dtype %s (but for %s)",
                        word, midl_dtype_name(dtype), midl_dtype_name((enum midl_dtype)other));
    return unknown_kernel(word, error);
}

static enum outcome add_matching(struct kernel_list *list, const char *pattern,
                                 enum midl_dtype dtype, struct error *error)
{
    bool known = false, found = false;
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *row = midl_variant_at(i);
        bool idea = fnmatch(pattern, midl_variant_idea(row), 0) == 0;
        if (!idea && fnmatch(pattern, midl_variant_name(row), 0) != 0)
            continue;
        known = true;
        if (midl_variant_dtype(row) != dtype)
            continue;
        found = true;
        add(list, idea ? midl_variant_find(midl_variant_idea(row), dtype) : row);
    }
    if (!known)
        return fail(error, OUTCOME_USAGE,
                    "kernel = %.60s matches no kernel; midl list kernels shows them all", pattern);
    if (!found)
        return fail(error, OUTCOME_USAGE, "no kernel that kernel = %.60s matches has dtype %s",
                    pattern, midl_dtype_name(dtype));
    return OUTCOME_DONE;
}

enum outcome kernels_choose(const struct axis_list *words, enum midl_dtype dtype,
                            struct kernel_list *ret, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    ret->count = 0;
    if (words->count == 0)
        return add_matching(ret, "*", dtype, error);
    for (size_t i = 0; i < words->count && !outcome; i++) {
        bool pattern = strpbrk(words->words[i], "*?[") != NULL;
        outcome = (pattern ? add_matching : add_named)(ret, words->words[i], dtype, error);
    }
    return outcome;
}

void kernels_add_first(const struct axis_list *names, enum midl_dtype dtype,
                       struct kernel_list *list)
{
    const struct midl_variant *variant = NULL;
    for (size_t i = 0; i < names->count && !variant; i++)
        variant = midl_variant_find(names->words[i], dtype);
    if (variant)
        add(list, variant);
}

bool kernels_match(const char *pattern, const struct midl_variant *variant)
{
    return !pattern || strcmp(pattern, midl_variant_idea(variant)) == 0 ||
           fnmatch(pattern, midl_variant_name(variant), 0) == 0;
}

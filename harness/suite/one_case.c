/* one_case.c - one case to words and back. */
#include "suite/one_case.h"

#include <stdlib.h>
#include <string.h>

#include "suite/suite.h"

enum outcome one_case_parse(int count, char **words, struct bench_cases *ret, struct error *error)
{
    struct suite *suite = NULL;
    enum outcome outcome = suite_custom(&suite, error);
    for (int i = 0; outcome == OUTCOME_DONE && i < count; i += 2) {
        int axis = strncmp(words[i], "--", 2) == 0 ? suite_axis_find(words[i] + 2) : -1;
        if (axis < 0 || i + 1 == count)
            outcome =
                fail(error, OUTCOME_USAGE, "%.60s: an axis and its value were expected", words[i]);
        else
            outcome = suite_set_axis(suite, (enum axis_id)axis, words[i + 1], error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = suite_expand(suite, ret, error);
    if (outcome == OUTCOME_DONE && ret->count != 1) {
        outcome = fail(error, OUTCOME_USAGE, "%zu cases given, one expected", ret->count);
        bench_cases_clear(ret);
    }
    suite_destroy(suite);
    return outcome;
}

char **one_case_words(const struct bench_case *bench_case)
{
    size_t words = bench_case_words(bench_case, (char[CASE_TEXT_SIZE]){0});
    char **ret = words ? malloc((words + 1) * sizeof *ret + CASE_TEXT_SIZE) : NULL;
    if (!ret)
        return NULL;
    char *text = (char *)(ret + words + 1);
    bench_case_words(bench_case, text);
    for (size_t i = 0; i < words; i++, text += strlen(text) + 1)
        ret[i] = text;
    ret[words] = NULL;
    return ret;
}

/* axis.c - the values of an axis; the first byte says which axis. */
#include <math.h>
#include <stdlib.h>

#include "fuzz.h"
#include "suite/axes.h"

static void check_values(const struct axis_rule *rule, const struct axis_list *list)
{
    FUZZ_DEMAND(list->count > 0 && list->count <= AXIS_VALUES_MAX);
    for (size_t i = 0; i < list->count; i++) {
        if (rule->kind == AXIS_WORD) {
            FUZZ_DEMAND(list->words[i] && list->words[i][0]);
            continue;
        }
        double value = list->numbers[i];
        FUZZ_DEMAND((value >= rule->min && value <= rule->max) || (rule->keyword && value == 0));
        FUZZ_DEMAND(rule->kind != AXIS_WHOLE || rint(value) == value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct axis_rule *rule = &suite_axis((enum axis_id)(data[0] % SUITE_AXES))->rule;
    struct axis_list list = {.count = 77};
    struct error error = {""};
    char *text = fuzz_text(data + 1, size - 1);
    enum outcome outcome = axis_parse(rule, text, &list, &error);
    if (outcome == OUTCOME_DONE) {
        check_values(rule, &list);
        axis_list_clear(&list);
    } else {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(list.count == 77);
    }
    free(text);
    return 0;
}

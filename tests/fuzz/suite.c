/* suite.c - the text of a suite. It isn't expanded: that may take long and read files. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "suite/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct suite *const none = (struct suite *)(uintptr_t)8, *suite = none;
    struct error error = {""};
    enum outcome outcome = suite_parse(text, "fuzz.suite", &suite, &error);
    if (outcome == OUTCOME_DONE) {
        FUZZ_DEMAND(suite_name(suite) && suite_question(suite));
        FUZZ_DEMAND(suite_target(suite) > 0 && suite_budget_ns(suite) > 0);
        for (size_t i = 0; i < suite_train_count(suite); i++) {
            const struct suite_pair *pairs;
            for (size_t count = suite_train(suite, i, &pairs); count > 0; count--)
                FUZZ_DEMAND(strlen(pairs[count - 1].key) + strlen(pairs[count - 1].value) <= size);
        }
        suite_destroy(suite);
    } else {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(suite == none);
    }
    free(text);
    return 0;
}

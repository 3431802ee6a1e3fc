/* accept.c - the file of accepted slowdowns. */
#include <stdlib.h>
#include <string.h>

#include "compare/accept.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct accept_list list = {.count = 77};
    struct error error = {""};
    enum outcome outcome = accept_parse(text, "fuzz.accept", &list, &error);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(list.count == 77);
        free(text);
        return 0;
    }
    for (size_t i = 0; i < list.count; i++) {
        const struct accept_row *row = &list.rows[i];
        FUZZ_DEMAND(*row->variant && *row->shape && *row->why && strlen(row->until) == 10);
    }
    const char *why = accept_find(&list, "simd_avx2", "n=512 d=512 batch=16", "2026-11-30");
    FUZZ_DEMAND(why == NULL || list.count > 0);
    accept_clear(&list);
    free(text);
    return 0;
}

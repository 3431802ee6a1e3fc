/* calibration.c - the text of a calibration. BUILD in it stands for this build. */
#include "calibration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* The text with the first "BUILD" replaced, to be freed. */
static char *of_this_build(const char *text)
{
    char build[MIDL_BUILD_ID_SIZE];
    const char *at = strstr(text, "BUILD");
    midl_build_id(build);
    size_t size = strlen(text) + strlen(build) + 1;
    char *ret = malloc(size);
    FUZZ_DEMAND(ret != NULL);
    if (at)
        snprintf(ret, size, "%.*s%s%s", (int)(at - text), text, build, at + strlen("BUILD"));
    else
        snprintf(ret, size, "%s", text);
    return ret;
}

/* Write what was read, and read it again: it is the same. */
static void check_table(const struct midl_calibration *table)
{
    char *text = calibration_text(table, "m"), reason[MIDL_REASON_SIZE] = "";
    struct midl_calibration *again = NULL;
    FUZZ_DEMAND(text && table->count > 0);
    for (size_t i = 0; i < table->count; i++) {
        FUZZ_DEMAND(table->series[i].threads >= 1 && table->series[i].threads <= 1024);
        for (size_t place = 0; place < CALIBRATION_PLACES; place++)
            FUZZ_DEMAND(table->series[i].time_ns[place] >= 1);
    }
    FUZZ_DEMAND(midl_calibration_read(text, "m", &again, reason) == MIDL_OK);
    FUZZ_DEMAND(again->count == table->count);
    midl_calibration_destroy(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = fuzz_text(data, size), *text = of_this_build(raw);
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_calibration *const none = (struct midl_calibration *)(uintptr_t)8, *table = none;
    enum midl_status status = midl_calibration_read(text, NULL, &table, reason);
    if (status == MIDL_OK) {
        check_table(table);
        midl_calibration_destroy(table);
    } else {
        FUZZ_DEMAND(table == none && reason[0] && strlen(reason) < MIDL_REASON_SIZE);
    }
    free(text);
    free(raw);
    return 0;
}

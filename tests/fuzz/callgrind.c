/* callgrind.c - what callgrind writes: totals, and costs by instruction. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "counters/callgrind_file.h"
#include "counters/flop_count.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), reason[COUNTER_REASON_SIZE] = "";
    struct callgrind_totals totals = {.instructions = -7};
    double flops = -7;
    if (callgrind_parse(text, &totals, reason)) {
        FUZZ_DEMAND(totals.instructions > 0 && totals.data_reads >= 0 && totals.data_writes >= 0);
        FUZZ_DEMAND(totals.l1d_misses >= 0 && totals.ll_misses >= totals.ll_data_misses);
        FUZZ_DEMAND(isfinite(totals.instructions + totals.l1d_misses + totals.ll_misses));
    } else {
        FUZZ_DEMAND(totals.instructions < 0 && reason[0]);
    }
    reason[0] = '\0';
    if (flops_of_dump(text, &flops, reason))
        FUZZ_DEMAND(flops >= 0 && isfinite(flops));
    else
        FUZZ_DEMAND(flops < 0 && reason[0]);
    free(text);
    return 0;
}

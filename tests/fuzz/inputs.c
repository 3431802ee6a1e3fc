/* inputs.c - inputs: idx files, plain or gzip, and safetensors. */
#include <math.h>
#include <stdlib.h>

#include "data/idx.h"
#include "data/inputs.h"
#include "fuzz.h"

static void read_idx(const char *path, enum idx_kind kind, size_t limit)
{
    struct idx idx = {.count = 77};
    struct error error = {""};
    enum outcome outcome = idx_read(path, kind, limit, &idx, &error);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(idx.count == 77);
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < idx.count * idx.rows * idx.columns; i++)
        sum += idx.bytes[i];
    FUZZ_DEMAND(sum <= 255 * idx.count * idx.rows * idx.columns);
    FUZZ_DEMAND(limit == 0 || idx.count <= limit);
    free(idx.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file(data, size);
    struct inputs inputs = {0};
    struct error error = {""};
    read_idx(path, IDX_LABELS, 0);
    read_idx(path, IDX_IMAGES, 0);
    read_idx(path, IDX_IMAGES, 2);
    enum outcome outcome = inputs_read(path, 0, &inputs, &error);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        return 0;
    }
    FUZZ_DEMAND(inputs.count > 0 && inputs.d > 0);
    for (size_t i = 0; i < inputs.count * inputs.d; i++)
        FUZZ_DEMAND(isfinite(inputs.data[i]));
    free(inputs.data);
    return 0;
}

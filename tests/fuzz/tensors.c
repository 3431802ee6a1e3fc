/* tensors.c - safetensors files, as such and as layers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/layer_file.h"
#include "data/tensors.h"
#include "fuzz.h"

/* Whatever a reader is told of a tensor lies in the file. */
static void touch(const struct tensors *tensors)
{
    for (size_t i = 0; i < tensors_count(tensors); i++) {
        const struct tensor *tensor = tensors_at(tensors, i);
        char text[TENSOR_TEXT_SIZE];
        unsigned sum = 0;
        for (size_t at = 0; at < tensor->bytes; at++)
            sum += ((const unsigned char *)tensor->data)[at];
        (void)sum;
        FUZZ_DEMAND(tensors_find(tensors, tensor->name) == tensor);
        FUZZ_DEMAND(tensor->dims <= TENSOR_DIMS || tensor->bytes == 0 || tensor->data);
        tensor_shape_text(tensor->dims < TENSOR_DIMS ? tensor->dims : TENSOR_DIMS, tensor->shape,
                          text);
        size_t count = tensor->bytes * 8 / tensor_type_bits(tensor->type);
        float *values = malloc(count * sizeof *values + 1);
        FUZZ_DEMAND(values != NULL);
        (void)tensor_floats(tensor, count, values);
        free(values);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tensors *const none = (struct tensors *)(uintptr_t)8, *tensors = none;
    struct midl_layer layer;
    struct error error = {""};
    void *owned = NULL;
    char reason[MIDL_REASON_SIZE];
    const char *path = fuzz_file(data, size);
    enum outcome outcome = tensors_read(path, &tensors, &error);
    if (outcome == OUTCOME_DONE) {
        touch(tensors);
        tensors_close(tensors);
    } else {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(tensors == none);
    }
    outcome = layer_read(path, &layer, &owned, &error);
    if (outcome == OUTCOME_DONE) {
        FUZZ_DEMAND(midl_shape_check(&layer.shape, reason) == MIDL_OK);
        free(owned);
    } else {
        fuzz_failed(outcome, &error);
    }
    return 0;
}

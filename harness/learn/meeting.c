/* meeting.c - see meeting.h. */
#include "learn/meeting.h"

#include <stdlib.h>
#include <string.h>

enum outcome network_met_new(const struct network_spec *spec, size_t i, size_t count, float **ret,
                             struct error *error)
{
    size_t d = extent_size(spec->layers[i].in), floats, bytes;
    bool fits = !__builtin_mul_overflow(count, d, &floats) &&
                !__builtin_mul_overflow(floats, sizeof(float), &bytes);
    float *met = fits ? malloc(bytes) : NULL;
    if (!met)
        return fail_memory(error, "inputs of a layer", 4.0 * (double)d * (double)count);
    *ret = met;
    return OUTCOME_DONE;
}

/* Copy the inputs of `rows` examples, which stand from `first` on. */
static void keep(const struct network *network, const float *x, size_t first, size_t rows,
                 float *const met[NETWORK_LAYERS_MOST])
{
    for (size_t i = 0; i < network->spec.count; i++) {
        size_t d = extent_size(network->spec.layers[i].in);
        if (met[i])
            memcpy(met[i] + first * d, i ? network->outputs[i - 1] : x, rows * d * sizeof *x);
    }
}

enum outcome network_meet(struct network *network, const struct dataset_part *part, size_t count,
                          float *const met[NETWORK_LAYERS_MOST], struct error *error)
{
    size_t d = extent_size(network->spec.in), batch = network->options.max_batch;
    struct pass pass = {.training = false};
    enum outcome outcome = OUTCOME_DONE;
    const float *logits;
    float *x = malloc(batch * d * sizeof *x);
    if (!x)
        return fail_memory(error, "a batch", 4.0 * (double)(batch * d));
    for (size_t first = 0; !outcome && first < count; first += batch, pass.step++) {
        pass.batch = count - first < batch ? count - first : batch;
        for (size_t i = 0; i < pass.batch; i++)
            memcpy(x + i * d, dataset_row(part, (first + i) * part->count / count), d * sizeof *x);
        outcome = network_forward(network, &pass, x, &logits, error);
        if (!outcome)
            keep(network, x, first, pass.batch, met);
    }
    free(x);
    return outcome;
}

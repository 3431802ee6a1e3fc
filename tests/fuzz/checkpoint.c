/* checkpoint.c - the state of a training run: another run's, or a damaged one, changes nothing. */
#include <math.h>
#include <string.h>

#include "learn/checkpoint.h"
#include "fuzz.h"

enum { VALUES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float values[VALUES] = {1, 2, 3}, kept[VALUES] = {1, 2, 3};
    double epochs[VALUES] = {4, 5, 6};
    struct checkpoint checkpoint = {.key = "key",
                                    .step = 77,
                                    .arrays = {{"values", values, VALUES, sizeof *values},
                                               {"epochs", epochs, VALUES, sizeof *epochs}}};
    struct error error = {""};
    bool found = false;
    enum outcome outcome = checkpoint_read(fuzz_file(data, size), &checkpoint, &found, &error);
    FUZZ_DEMAND(found);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(checkpoint.step == 77 && checkpoint.counters[0] == 0.0);
        FUZZ_DEMAND(memcmp(values, kept, sizeof values) == 0);
        return 0;
    }
    for (int i = 0; i < CHECKPOINT_COUNTERS; i++)
        FUZZ_DEMAND(isfinite(checkpoint.counters[i]));
    return 0;
}

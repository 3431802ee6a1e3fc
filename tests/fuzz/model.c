/* model.c - a network's file: what is read has finite weights and can be run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/model_file.h"
#include "fuzz.h"

enum { BATCH = 2, VALUES_MOST = 1 << 16 };

/* Run it on inputs that any network takes: a text's symbol 0. */
static void run(struct network *network)
{
    size_t in = extent_size(network->spec.in);
    struct pass pass = {.batch = BATCH};
    struct error error = {""};
    const float *logits = NULL;
    float *x = calloc(BATCH * in, sizeof *x);
    FUZZ_DEMAND(x != NULL);
    enum outcome outcome = network_forward(network, &pass, x, &logits, &error);
    if (outcome != OUTCOME_DONE)
        fuzz_failed(outcome, &error);
    else
        FUZZ_DEMAND(logits != NULL);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct network network;
    const struct layer_options options = {.max_batch = BATCH, .threads = 1};
    struct model_facts facts = {.dataset = "untouched"};
    struct error error = {""};
    enum outcome outcome = model_load(fuzz_file(data, size), &options, &network, &facts, &error);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(strcmp(facts.dataset, "untouched") == 0);
        return 0;
    }
    for (size_t i = 0; i < network.parameter_count; i++)
        for (size_t j = 0; j < network.parameters[i].count; j++)
            FUZZ_DEMAND(isfinite(network.parameters[i].value[j]));
    if (extent_size(network.spec.in) <= VALUES_MOST)
        run(&network);
    network_destroy(&network);
    return 0;
}

/* network.c - "INPUT;CLASSES;HIDDEN LAYERS": a network that is read comes out as a text that makes
 * the same one. */
#include <stdlib.h>
#include <string.h>

#include "learn/network_text.h"
#include "fuzz.h"

static void check_round_trip(const struct network_spec *spec)
{
    char input[64], hidden[NETWORK_TEXT_SIZE];
    struct network_spec again;
    struct error error = {""};
    struct extent in;
    size_t symbols;
    network_input_text(spec, input);
    network_text(spec, hidden);
    FUZZ_DEMAND(network_input_read(input, &in, &symbols, &error) == OUTCOME_DONE);
    FUZZ_DEMAND(network_read(hidden, in, symbols, spec->classes, &again, &error) == OUTCOME_DONE);
    FUZZ_DEMAND(again.count == spec->count);
    for (size_t i = 0; i < spec->count; i++) {
        FUZZ_DEMAND(again.layers[i].kind == spec->layers[i].kind);
        FUZZ_DEMAND(extent_size(again.layers[i].out) == extent_size(spec->layers[i].out));
        FUZZ_DEMAND(again.layers[i].rank == spec->layers[i].rank);
        FUZZ_DEMAND(again.layers[i].shape.k == spec->layers[i].shape.k);
    }
}

/* Sizes that a network's memory can be counted with. */
static void check_sizes(const struct network_spec *spec)
{
    FUZZ_DEMAND(spec->count > 0 && spec->count <= NETWORK_LAYERS_MOST);
    for (size_t i = 0; i < spec->count; i++) {
        const struct extent *out = &spec->layers[i].out;
        double size = (double)out->c * (double)out->h * (double)out->w;
        FUZZ_DEMAND(size >= 1 && size <= NETWORK_VALUES_MOST);
        FUZZ_DEMAND(strlen(spec->layers[i].name) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *rest = text;
    const char *input = strsep(&rest, ";"), *classes = strsep(&rest, ";");
    struct network_spec spec = {.count = 77};
    struct error error = {""};
    struct extent in = {0};
    size_t symbols = 0;
    enum outcome outcome = network_input_read(input, &in, &symbols, &error);
    if (outcome == OUTCOME_DONE && classes && rest)
        outcome =
            network_read(rest, in, symbols, strtoul(classes, NULL, 10) % 1000 + 1, &spec, &error);
    if (outcome != OUTCOME_DONE) {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(spec.count == 77);
    } else if (classes && rest) {
        check_sizes(&spec);
        check_round_trip(&spec);
    }
    free(text);
    return 0;
}

/* where.c - the parameters that --where gives to the queries of figures. */
#include "commands/where.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char sql[] = "SELECT :dtype, :threads, :n, :batch, :isa, :gate FROM point WHERE run = :run AND "
                 "kernel = :kernel";
    struct figure figure = {.name = "fuzz", .sql = sql};
    const struct figures figures = {.rows = &figure, .count = 1};
    struct store_fact facts[MOST];
    struct where where = {.parameters = facts, .most = MOST};
    struct error error = {""};
    char *text = fuzz_text(data, size);
    enum outcome outcome = where_parse(text, &figures, &where, &error);
    if (outcome != OUTCOME_DONE)
        fuzz_failed(outcome, &error);
    FUZZ_DEMAND(where.count <= MOST);
    for (size_t i = 0; i < where.count; i++) {
        FUZZ_DEMAND(figures_have_parameter(&figures, facts[i].name));
        FUZZ_DEMAND(strcmp(facts[i].name, "run") != 0 && strcmp(facts[i].name, "kernel") != 0);
        FUZZ_DEMAND(facts[i].value[0] && !strchr(facts[i].value, ','));
    }
    free(where.text);
    free(text);
    return 0;
}

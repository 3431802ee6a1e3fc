/* gate_one.c - the hidden command `midl gate-one OLD NEW SEED PLACEMENTS ROUNDS NEW-FIRST INPUTS
 * AXES...`: one process of the gate. Two builds, one case; what it measured goes to standard
 * output, a line each, for compare/gate.h to read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "commands/command.h"
#include "compare/library.h"
#include "compare/pair.h"
#include "compare/worker.h"
#include "suite/one_case.h"

enum { OLD = 1, NEW, SEED, PLACEMENTS, ROUNDS, NEW_FIRST, INPUTS, AXES };

/* In the order that is asked for: which lies lower in memory follows from it. */
static enum outcome open_both(char **argv, struct midl_library libraries[2], struct error *error)
{
    size_t first = strcmp(argv[NEW_FIRST], "1") == 0;
    enum outcome outcome = library_open(argv[OLD + first], &libraries[first], error);
    return outcome == OUTCOME_DONE ? library_open(argv[NEW - first], &libraries[1 - first], error)
                                   : outcome;
}

static enum outcome parse_options(char **argv, struct pair_options *ret, struct error *error)
{
    size_t seed, placements, rounds, inputs;
    enum outcome outcome = option_size("seed", argv[SEED], 0, 1u << 31, &seed, error);
    if (outcome == OUTCOME_DONE)
        outcome = option_size("placements", argv[PLACEMENTS], 1, 10000, &placements, error);
    if (outcome == OUTCOME_DONE)
        outcome = option_size("rounds", argv[ROUNDS], 2, 10000, &rounds, error);
    if (outcome == OUTCOME_DONE)
        outcome = option_size("inputs", argv[INPUTS], 0, GATE_INPUTS, &inputs, error);
    if (outcome == OUTCOME_DONE)
        *ret = (struct pair_options){.seed = seed,
                                     .placements = (int)placements,
                                     .rounds = (int)rounds,
                                     .inputs = inputs,
                                     .sample_ns = WORKER_SAMPLE_NS};
    return outcome;
}

static enum outcome measure(int argc, char **argv, struct pair_result *result, struct error *error)
{
    struct midl_library libraries[2] = {{.abi = 0}, {.abi = 0}};
    struct bench_cases cases = {0};
    struct pair_options options;
    if (argc <= AXES)
        return fail(error, OUTCOME_USAGE, "started by midl check, not by hand");
    enum outcome outcome = parse_options(argv, &options, error);
    if (outcome == OUTCOME_DONE)
        outcome = one_case_parse(argc - AXES, argv + AXES, &cases, error);
    if (outcome == OUTCOME_DONE)
        outcome = open_both(argv, libraries, error);
    if (outcome == OUTCOME_DONE)
        outcome = pair_measure(&cases.cases[0], libraries, &options, result, error);
    bench_cases_clear(&cases);
    for (int i = 0; i < 2; i++)
        library_close(&libraries[i]);
    return outcome;
}

int command_gate_one(int argc, char **argv)
{
    struct pair_result result = {.status = PAIR_OK};
    struct error error;
    stop_on_signals();
    enum outcome outcome = measure(argc, argv, &result, &error);
    if (outcome == OUTCOME_DONE)
        worker_write(stdout, &result);
    pair_result_clear(&result);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("gate-one", outcome, &error);
}

/* count_one.c - the hidden command `midl count-one`: one case, one counted call, under callgrind.
 *
 * Instrumentation starts with empty caches. A warm case runs once with instrumentation but without
 * collecting, so that the counted call finds the caches as the call before left them; a cold one
 * has its first call before instrumentation starts. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "counters/counters.h"
#include "base/file.h"
#include "counters/flop_count.h"
#include "harness_config.h"
#include "machine/machine.h"
#include "midl.h"
#include "midl_config.h"
#include "measure/count_case.h"
#include "measure/prepared.h"
#include "suite/one_case.h"

#if MIDL_HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS
#endif

#if MIDL_HAVE_OPENBLAS
char *openblas_get_corename(void);
#endif

/* What this process runs, as the parent wants to know it: KEY=value lines. */
static void print_facts(const struct midl_plan *plan)
{
    printf("isa=%s\n", midl_isa_name(midl_isa_best()));
    printf("variant=%s\n", midl_variant_name(midl_plan_variant(plan)));
#if MIDL_HAVE_OPENBLAS
    printf("blas_core=%s\n", openblas_get_corename());
#endif
}

static void run_counted(struct prepared *prepared, bool cold)
{
    if (cold)
        prepared_run(prepared);
    CALLGRIND_START_INSTRUMENTATION;
    if (!cold)
        prepared_run(prepared);
    CALLGRIND_TOGGLE_COLLECT;
    prepared_run(prepared);
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS;
}

/* FLOPs, read off this process's code while it is still here. */
static void print_flops(void)
{
    const char *path = getenv(COUNTS_VARIABLE);
    char reason[COUNTER_REASON_SIZE] = "there is no file of counts";
    char *text = path ? file_text(path) : NULL;
    double flops;
    if (text && flops_of_dump(text, &flops, reason))
        printf("flops=%.0f\n", flops);
    else
        printf("flops_reason=FLOPs: %s\n", reason);
    free(text);
}

struct count {
    const struct bench_case *bench_case;
    struct error *error;
    enum outcome outcome;
};

static void *count_on_thread(void *data)
{
    struct count *count = data;
    struct prepared prepared;
    count->outcome = prepared_make(count->bench_case, &prepared, count->error);
    if (count->outcome != OUTCOME_DONE)
        return NULL;
    run_counted(&prepared, count->bench_case->shape.cache == CACHE_COLD);
    print_facts(prepared.plan);
    print_flops();
    prepared_clear(&prepared);
    return NULL;
}

/* A thread has a stack and a heap of its own, both from a page's beginning, wherever the words of
 * the command line, the environment and what was read before have moved the first thread's: which
 * sets of the cache they fall into, and so the misses, is then the same in every folder. */
static enum outcome count_apart(const struct bench_case *bench_case, struct error *error)
{
    struct count count = {.bench_case = bench_case, .error = error};
    pthread_t thread;
    if (pthread_create(&thread, NULL, count_on_thread, &count) != 0)
        return fail(error, OUTCOME_MACHINE, "no thread for the counted call; free some memory");
    pthread_join(thread, NULL);
    return count.outcome;
}

int command_count_one(int argc, char **argv)
{
    struct bench_cases cases = {0};
    struct error error;
    enum outcome outcome = one_case_parse(argc - 1, argv + 1, &cases, &error);
    if (outcome == OUTCOME_DONE)
        outcome = count_apart(&cases.cases[0], &error);
    bench_cases_clear(&cases);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("count-one", outcome, &error);
}

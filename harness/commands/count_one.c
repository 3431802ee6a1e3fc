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
#include "compare/library.h"
#include "base/array.h"
#include "machine/calibration_file.h"
#include "verify/problem.h"
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

/* The case, ready to be called from one build. */
struct counted {
    struct midl_library library;
    struct problem problem;
    struct midl_plan *plan;
    float *y;
    size_t batch;
};

static void counted_run(struct counted *counted)
{
    counted->library.run(counted->plan, counted->batch, counted->problem.x, counted->y);
}

static void counted_clear(struct counted *counted)
{
    free(counted->y);
    if (counted->plan)
        counted->library.plan_destroy(counted->plan);
    problem_clear(&counted->problem);
    library_close(&counted->library);
}

/* On failure too the caller clears. */
static enum outcome counted_make(const struct bench_case *bench_case, struct counted *ret,
                                 struct error *error)
{
    const struct bench_shape *shape = &bench_case->shape;
    const char *path = getenv(LIBRARY_VARIABLE);
    const struct midl_plan_options options = {.variant = midl_variant_name(bench_case->variant),
                                              .dtype = shape->dtype,
                                              .max_batch = shape->batch,
                                              .threads = shape->threads,
                                              .calibration = path ? NULL : calibration_get()};
    char reason[MIDL_REASON_SIZE];
    ret->library = library_linked();
    ret->batch = shape->batch;
    enum outcome outcome = path ? library_open(path, &ret->library, error) : OUTCOME_DONE;
    if (outcome == OUTCOME_DONE)
        outcome = problem_load(shape, &ret->problem, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (library_plan_create(&ret->library, &ret->problem.layer, &options, &ret->plan, reason) !=
        MIDL_OK)
        return fail(error, OUTCOME_USAGE, "%s", reason);
    size_t bytes = shape->batch * shape->layer.n * sizeof *ret->y;
    ret->y = array_aligned(shape->batch * shape->layer.n, sizeof *ret->y);
    if (!ret->y)
        return fail_memory(error, "the output", (double)bytes);
    memset(ret->y, 0, bytes);
    return OUTCOME_DONE;
}

static void run_counted(struct counted *counted, bool cold)
{
    if (cold)
        counted_run(counted);
    CALLGRIND_START_INSTRUMENTATION;
    if (!cold)
        counted_run(counted);
    CALLGRIND_TOGGLE_COLLECT;
    counted_run(counted);
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS;
}

/* Tell the parent what this process runs, in KEY=value lines. */
static void print_facts(const struct counted *counted)
{
    const struct midl_library *library = &counted->library;
    printf("isa=%s\n", midl_isa_name(midl_isa_best()));
    printf("variant=%s\n", library->variant_name(library->plan_variant(counted->plan)));
#if MIDL_HAVE_OPENBLAS
    printf("blas_core=%s\n", openblas_get_corename());
#endif
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
    struct counted counted = {.batch = 0};
    count->outcome = counted_make(count->bench_case, &counted, count->error);
    if (count->outcome == OUTCOME_DONE) {
        run_counted(&counted, count->bench_case->shape.cache == CACHE_COLD);
        print_facts(&counted);
        print_flops();
    }
    counted_clear(&counted);
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

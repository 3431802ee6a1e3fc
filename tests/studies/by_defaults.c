/* by_defaults.c - the points of a sweep as Google Benchmark measures them when nothing is asked
 * for: its least time, its number of iterations, ten repetitions, one point after the other.
 *
 *   by_defaults AXIS VALUES [AXIS VALUES...]        axes as in a suite: n 256,512 kernel '*'
 *
 * A line a point: n, active, kernel, seconds taken, median and 95 % interval (order statistics of
 * the repetitions) in ns, relative width of the interval. What can't run is left out. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "measure/gbench.h"
#include "verify/problem.h"
#include "measure/ring.h"
#include "stats.h"
#include "suite/suite.h"

#define REPETITIONS 10

static void print_point(const struct bench_case *c, double seconds, const double *times)
{
    struct stats_interval time = stats_median_interval(times, REPETITIONS, 0.95);
    const struct midl_shape *layer = &c->shape.layer;
    printf("%zu\t%.4f\t%s\t%.3f\t%.2f\t%.2f\t%.2f\t%.5f\n", layer->n,
           (double)layer->k / (double)layer->n, midl_variant_idea(c->variant), seconds, time.median,
           time.lo, time.hi, stats_relative_width(&time));
    fflush(stdout);
}

static int measure(const struct bench_case *c, const struct problem *problem,
                   struct midl_plan *plan)
{
    struct gbench_sample samples[REPETITIONS];
    double times[REPETITIONS];
    struct ring ring;
    float *y = calloc(problem->batch * c->shape.layer.n, sizeof *y);
    if (!y || !ring_init(&ring, plan, problem, y)) {
        free(y);
        return -1;
    }
    const struct gbench_case timed = {midl_variant_name(c->variant), ring_call, &ring, 0, 0};
    double start_ns = clock_ns();
    int status = gbench_defaults(&timed, REPETITIONS, samples);
    double seconds = (clock_ns() - start_ns) / 1e9;
    for (int i = 0; i < REPETITIONS; i++)
        times[i] = samples[i].real_ns;
    if (status == 0)
        print_point(c, seconds, times);
    ring_clear(&ring);
    free(y);
    return status;
}

/* 0 also for a variant that doesn't serve this shape. */
static int measure_case(const struct bench_case *c, struct error *error)
{
    const struct midl_plan_options options = {.variant = midl_variant_name(c->variant),
                                              .dtype = c->shape.dtype,
                                              .max_batch = c->shape.batch,
                                              .threads = c->shape.threads};
    char reason[MIDL_REASON_SIZE];
    struct problem problem = {0};
    struct midl_plan *plan = NULL;
    int status = 0;
    if (problem_load(&c->shape, &problem, error) != OUTCOME_DONE)
        return -1;
    if (midl_plan_create(&problem.layer, &options, &plan, reason) == MIDL_OK)
        status = measure(c, &problem, plan);
    midl_plan_destroy(plan);
    problem_clear(&problem);
    return status;
}

static int usage(void)
{
    fprintf(stderr, "usage: by_defaults AXIS VALUES [AXIS VALUES...]\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct suite *suite = NULL;
    struct bench_cases cases = {0};
    struct error error = {.text = "Google Benchmark refused"};
    if (argc < 3 || argc % 2 == 0)
        return usage();
    int status = suite_custom(&suite, &error);
    for (int i = 1; i < argc && status == 0; i += 2) {
        int axis = suite_axis_find(argv[i]);
        status = axis < 0 ? usage()
                          : (int)suite_set_axis(suite, (enum axis_id)axis, argv[i + 1], &error);
    }
    if (status == 0)
        status = suite_expand(suite, &cases, &error);
    for (size_t i = 0; i < cases.count && status == 0; i++)
        status = measure_case(&cases.cases[i], &error);
    if (status != 0)
        fprintf(stderr, "by_defaults: %s\n", error.text);
    bench_cases_clear(&cases);
    suite_destroy(suite);
    return status == 0 ? 0 : 3;
}

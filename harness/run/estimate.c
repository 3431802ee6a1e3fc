/* estimate.c - rough, by rates that hold within a factor of two where they matter: long calls, the
 * oracle on large batches, and callgrind. */
#include "run/estimate.h"

#include <math.h>

#include "measure/rounds.h"

#define PEAK_SHARE 0.33        /* of the peak that a kernel reaches, where arithmetic bounds it */
#define READ_GBPS 20           /* of weights that no cache holds */
#define ORACLE_GFLOPS 2        /* plain loops in double precision */
#define FILL_NS 15             /* making a random weight and packing it */
#define CALLGRIND_NS 0.8e9     /* starting a program in it */
#define CALLGRIND_GFLOPS 0.018 /* simulated */
#define CEILINGS_NS 0.8e9

double estimate_group_ns(const struct bench_shape *shape, size_t kernels,
                         const struct estimate_options *options)
{
    double flops = midl_linear_flops(&shape->layer, shape->batch), count = (double)kernels;
    double weights = (double)shape->layer.d * (double)shape->layer.n;
    double call_ns = fmax(flops / (PEAK_SHARE * options->peak_gflops), 4 * weights / READ_GBPS);
    double untimed_ns = (double)rounds_untimed(call_ns) * call_ns;
    double sample_ns = untimed_ns + fmax(options->sample_ns, untimed_ns / 2);
    double rounds_ns = options->min_rounds * count * sample_ns;
    double prepare_ns = flops / ORACLE_GFLOPS + FILL_NS * weights + 4 * count * call_ns;
    double count_ns = options->callgrind ? CALLGRIND_NS + flops / CALLGRIND_GFLOPS : 0;
    return prepare_ns + fmax(rounds_ns, options->budget_ns) + count * count_ns;
}

double estimate_start_ns(int thread_counts)
{
    return CEILINGS_NS * thread_counts;
}

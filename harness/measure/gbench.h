/* gbench.h - Google Benchmark behind a C interface: the timing engine, and nothing but it.
 *
 * The caller owns order and number of rounds; the shim runs one repetition of each case of a round
 * through Google Benchmark's own loop and hands back what it measured. Each repetition is preceded
 * by calls that aren't timed, one at least, so that what the case before it left in the caches
 * doesn't count.
 */
#ifndef MIDL_GBENCH_H
#define MIDL_GBENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gbench_case {
    const char *name;         /* as Google Benchmark knows it */
    void (*call)(void *data); /* what is timed */
    void *data;
    int64_t iterations; /* calls in one repetition, at least 1 */
    int64_t untimed;    /* calls before it; 0 counts as 1 */
};

struct gbench_sample {
    int64_t iterations;
    double real_ns, cpu_ns; /* per call; CPU time of the whole process, all threads */
};

/* Run one repetition of cases[order[0]], cases[order[1]], ... and fill ret[order[i]]. Returns 0, or
 * -1 if Google Benchmark refused (the samples are then undefined). Not reentrant. */
int gbench_round(const struct gbench_case *cases, const size_t *order, size_t count,
                 struct gbench_sample *ret);

/* Time one case as Google Benchmark does it when nothing is asked for: its least time and its
 * number of iterations, `repetitions` times, to ret[0..repetitions). What a sweep is compared with,
 * and used for nothing else. Returns 0, or -1 if Google Benchmark refused. */
int gbench_defaults(const struct gbench_case *bench_case, int repetitions,
                    struct gbench_sample *ret);

/* Find the number of calls that fill `target_ns`, at least 1: a calibration as Google Benchmark
 * does it, by runs of growing length; it warms the case up. *ret_call_ns: what a call took when it
 * was fastest. Returns -1 if Google Benchmark refused. */
int64_t gbench_iterations(const struct gbench_case *bench_case, double target_ns,
                          double *ret_call_ns);

/* Return the library's version, "1.7.1" if it or the build says so, else "unknown". */
const char *gbench_version(void);

#ifdef __cplusplus
}
#endif
#endif

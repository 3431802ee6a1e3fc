/* gbench.cc - Google Benchmark behind a C interface; the one C++ file.
 *
 * Cases are registered anew for every round: that is how the library is told an order, and it costs
 * some tens of microseconds, outside the timed span. A reporter of our own collects; nothing of the
 * library's console output (CPU scaling, ASLR, debug build) is ever produced, because only its own
 * reporters write it. Its BENCHMARK_* environment variables are overruled, so that no foreign
 * setting filters, repeats or reorders our cases. */
#include "measure/gbench.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#include "harness_config.h"

namespace
{

using Run = benchmark::BenchmarkReporter::Run;

/* The error flag of a run was renamed between 1.7 and 1.8. */
template <class R> auto run_failed(const R &run, int) -> decltype(static_cast<bool>(run.skipped))
{
    return static_cast<bool>(run.skipped);
}

template <class R>
auto run_failed(const R &run, long) -> decltype(static_cast<bool>(run.error_occurred))
{
    return run.error_occurred;
}

/* One repetition a case: the reports arrive in the order of registration. */
class Collector : public benchmark::BenchmarkReporter
{
  public:
    Collector(const size_t *order, size_t count, gbench_sample *samples)
        : order_(order), count_(count), samples_(samples)
    {
    }

    bool ReportContext(const Context &) override
    {
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs) {
            if (run.run_type != Run::RT_Iteration)
                continue;
            if (seen_ < count_ && !run_failed(run, 0) && run.iterations > 0) {
                const double calls = static_cast<double>(run.iterations);
                samples_[order_[seen_]] = {static_cast<int64_t>(run.iterations),
                                           run.real_accumulated_time * 1e9 / calls,
                                           run.cpu_accumulated_time * 1e9 / calls};
                good_++;
            }
            seen_++;
        }
    }

    bool complete() const
    {
        return seen_ == count_ && good_ == count_;
    }

  private:
    const size_t *order_;
    size_t count_, seen_ = 0, good_ = 0;
    gbench_sample *samples_;
};

void initialize_once()
{
    static bool done = false;
    if (done)
        return;
    const char *arguments[] = {"midl",
                               "--benchmark_filter=.",
                               "--benchmark_list_tests=false",
                               "--benchmark_repetitions=1",
                               "--benchmark_min_warmup_time=0",
                               "--benchmark_dry_run=false",
                               "--benchmark_enable_random_interleaving=false",
                               "--benchmark_perf_counters=",
                               "--benchmark_out="};
    int count = static_cast<int>(sizeof(arguments) / sizeof(arguments[0]));
    benchmark::Initialize(&count, const_cast<char **>(arguments));
    done = true;
}

void run_case(benchmark::State &state, const gbench_case *bench_case)
{
    void (*const call)(void *) = bench_case->call;
    void *const data = bench_case->data;
    for (int64_t i = 0; i < std::max<int64_t>(bench_case->untimed, 1); i++)
        call(data);
    for (auto iteration : state) {
        (void)iteration;
        call(data);
    }
}

bool run_registered(const size_t *order, size_t count, gbench_sample *ret)
{
    Collector collector(order, count, ret);
    benchmark::RunSpecifiedBenchmarks(&collector, nullptr, ".");
    benchmark::ClearRegisteredBenchmarks();
    return collector.complete();
}

bool run_round(const gbench_case *cases, const size_t *order, size_t count, gbench_sample *ret)
{
    initialize_once();
    for (size_t i = 0; i < count; i++) {
        const gbench_case *bench_case = &cases[order[i]];
        benchmark::RegisterBenchmark(
            bench_case->name,
            [bench_case](benchmark::State &state) { run_case(state, bench_case); })
            ->Iterations(bench_case->iterations)
            ->Repetitions(1)
            ->MeasureProcessCPUTime()
            ->UseRealTime();
    }
    return run_registered(order, count, ret);
}

bool run_defaults(const gbench_case *bench_case, int repetitions, gbench_sample *ret)
{
    initialize_once();
    benchmark::RegisterBenchmark(bench_case->name, [bench_case](benchmark::State &state) {
        run_case(state, bench_case);
    })->Repetitions(repetitions);
    std::vector<size_t> order(static_cast<size_t>(repetitions));
    std::iota(order.begin(), order.end(), size_t{0});
    return run_registered(order.data(), order.size(), ret);
}

/* Newer versions say their own version; where they don't, this template is what the call finds. */
namespace fallback
{
template <class T = void> std::string GetBenchmarkVersion()
{
    return MIDL_BENCHMARK_VERSION;
}
} // namespace fallback

std::string library_version()
{
    using namespace benchmark;
    using namespace fallback;
    return GetBenchmarkVersion();
}

} // namespace

extern "C" int gbench_round(const struct gbench_case *cases, const size_t *order, size_t count,
                            struct gbench_sample *ret)
try {
    return count == 0 || run_round(cases, order, count, ret) ? 0 : -1;
} catch (const std::exception &) {
    benchmark::ClearRegisteredBenchmarks();
    return -1;
}

extern "C" int gbench_defaults(const struct gbench_case *bench_case, int repetitions,
                               struct gbench_sample *ret)
try {
    return run_defaults(bench_case, repetitions, ret) ? 0 : -1;
} catch (const std::exception &) {
    benchmark::ClearRegisteredBenchmarks();
    return -1;
}

extern "C" int64_t gbench_iterations(const struct gbench_case *bench_case, double target_ns,
                                     double *ret_call_ns)
{
    const double most = 1e9;
    const size_t order = 0;
    gbench_case trial = *bench_case;
    gbench_sample sample = {};

    for (trial.iterations = 1;;) {
        if (gbench_round(&trial, &order, 1, &sample) != 0)
            return -1;
        const double done = static_cast<double>(trial.iterations);
        double elapsed = sample.real_ns * done;
        /* Google Benchmark's own step: aim 40 % past the target, at most tenfold where the run was
         * too short to be trusted. */
        if (elapsed >= target_ns || done >= most) {
            /* Once more: a first call that was slow by chance (a page fault, a neighbour) must not
             * settle for one call a sample, where the timer's own cost would count. */
            gbench_sample again = {};
            if (gbench_round(&trial, &order, 1, &again) != 0)
                return -1;
            const double fastest = std::min(sample.real_ns, again.real_ns);
            *ret_call_ns = fastest;
            elapsed = fastest * done;
            if (elapsed >= target_ns || done >= most) {
                const double needed = fastest > 0 ? std::ceil(target_ns / fastest) : most;
                return static_cast<int64_t>(std::clamp(needed, 1.0, most));
            }
        }
        const double factor = elapsed > 0.1 * target_ns ? 1.4 * target_ns / elapsed : 10.0;
        trial.iterations = static_cast<int64_t>(std::min(std::ceil(done * factor) + 1.0, most));
    }
}

extern "C" const char *gbench_version(void)
{
    static const std::string version = library_version();
    return version.c_str();
}

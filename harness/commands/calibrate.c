/* calibrate.c - `midl calibrate`: times of all variants on a fixed grid, for `auto` to choose by.
 *
 * Seconds rather than proof: each variant of a place gets half a millisecond of calls, the least of
 * which counts, in each of some passes that are seconds apart, and has memory of its own in each:
 * of the passes the median is kept, because the best memory of some is not what a plan gets. What
 * can't win (three times slower than the best at first sight) gets no further calls, and what took
 * six times the best's time at half the batch isn't even looked at: times don't fall as batches
 * grow, nor does the best's more than double. Large layers end at smaller batches: there the order
 * of the variants no longer changes. Times that were not measured are continued in proportion to
 * the batch. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/progress.h"
#include "base/stop.h"
#include "calibration.h"
#include "commands/command.h"
#include "machine/calibration_file.h"
#include "machine/machine.h"
#include "machine/team.h"
#include "measure/rounds.h"
#include "variant.h"
#include "verify/problem.h"

enum { PASSES = 3, SOURCE_PASSES = 12, IDEAS_MOST = 32, LANES = 16 };

#define SAMPLE_NS 5e5          /* least length of a visit: caches settle in it */
#define CLOCK_NS 1e4           /* what the clock is asked for: its own time is some tens of ns */
#define LONG_NS 2e6            /* a call that outlasts most disturbances */
#define SHORT_NS 5e5           /* a call that is seen again in every pass */
#define HOPELESS 3.0           /* times the best */
#define PLACE_MOST_MACS 5.4e8  /* of the dense layer, a place */
#define SOURCE_MOST_MACS 1.1e9 /* where the table is to be built in: that may take longer */

struct calibrate {
    struct midl_calibration table;
    double most_macs; /* of a place */
    int passes;
    double long_ns; /* a call that outlasts disturbances: one pass will do */
    enum midl_dtype dtype;
    int threads;
    bool blocks;
    struct problem problem; /* of the current width */
    float *y;
    size_t done;
    struct progress *progress;
};

/* A candidate at the current width and share. */
struct candidate {
    const struct midl_variant *variant;
    struct midl_plan *plan;               /* NULL: hopeless at this place */
    double measured_ns;                   /* at the last batch that was measured, 0 before */
    size_t series;                        /* in the table */
    double least_ns[CALIBRATION_BATCHES]; /* of one call, at each batch */
    size_t passes[CALIBRATION_BATCHES];   /* that it had there, and the least of each */
    double pass_ns[CALIBRATION_BATCHES][SOURCE_PASSES];
};

/* ---- One place ------------------------------------------------------------------------------- */

static double time_calls(struct calibrate *calibrate, const struct candidate *candidate,
                         size_t batch, size_t calls)
{
    double start_ns = clock_ns();
    for (size_t i = 0; i < calls; i++)
        midl_run(candidate->plan, batch, calibrate->problem.x, calibrate->y);
    return clock_call_ns(clock_ns() - start_ns, calls);
}

/* The least time at a place so far. */
static double best_of(const struct candidate *candidates, size_t count, size_t b)
{
    double best_ns = INFINITY;
    for (size_t i = 0; i < count; i++)
        best_ns = fmin(best_ns, candidates[i].least_ns[b]);
    return best_ns;
}

/* Calls in a row after the first, in which a plan touches its memory: as many as it takes to turn
 * the caches to it (rounds_untimed) and to fill a sample; the least of all. One that has no chance
 * against `best_ns` gets a single one. */
static double visit(struct calibrate *calibrate, const struct candidate *candidate, size_t batch,
                    double best_ns)
{
    double least_ns = time_calls(calibrate, candidate, batch, 1), sum_ns = 0;
    for (int64_t times = 0; times < rounds_untimed(least_ns) || sum_ns < SAMPLE_NS; times++) {
        if (times > 0 && least_ns > HOPELESS * best_ns)
            break;
        size_t calls = 1 + (size_t)(CLOCK_NS / least_ns);
        double call_ns = time_calls(calibrate, candidate, batch, calls);
        least_ns = fmin(least_ns, call_ns);
        sum_ns += call_ns * (double)calls;
    }
    return least_ns;
}

/* Time all candidates that have a plan at one place, in one pass. */
static void measure_place(struct calibrate *calibrate, struct candidate *candidates, size_t count,
                          size_t batch, size_t b)
{
    double best_ns = best_of(candidates, count, b);
    for (size_t i = 0; i < count && !stop_requested; i++) {
        double *least_ns = &candidates[i].least_ns[b];
        if (!candidates[i].plan)
            continue;
        candidates[i].measured_ns = visit(calibrate, &candidates[i], batch, best_ns);
        candidates[i].pass_ns[b][candidates[i].passes[b]++] = candidates[i].measured_ns;
        *least_ns = fmin(*least_ns, candidates[i].measured_ns);
        best_ns = fmin(best_ns, *least_ns);
    }
}

/* ---- The grid -------------------------------------------------------------------------------- */

/* Batches that are measured at this width; at least one. */
static size_t batches_of(const struct calibrate *calibrate, double width)
{
    size_t count = 1;
    while (count < CALIBRATION_BATCHES &&
           width * width * calibration_batches[count] <= calibrate->most_macs)
        count++;
    return count;
}

static size_t most_batch(const struct calibrate *calibrate, double width)
{
    return (size_t)calibration_batches[batches_of(calibrate, width) - 1];
}

static struct midl_shape shape_of(const struct calibrate *calibrate, double width, double share)
{
    size_t n = (size_t)width, unit = calibrate->blocks ? LANES : 1;
    size_t k = (size_t)fmax(1, round(share * width / (double)unit)) * unit;
    return (struct midl_shape){.d = n,
                               .n = n,
                               .r = midl_default_rank(n),
                               .rg = midl_default_rank(n),
                               .k = k,
                               .gate = MIDL_GATE_LOWRANK,
                               .select = calibrate->blocks ? MIDL_SELECT_BLOCK : MIDL_SELECT_TOPK,
                               .block = calibrate->blocks ? LANES : 0};
}

/* Every idea by its best row here, MID-L only. OpenBLAS's threads spin for some 30 ms after a call
 * and would take part in the next variant's: with several threads its variants stay out. */
static bool is_candidate(const struct calibrate *calibrate, const struct midl_variant *variant)
{
    char reason[MIDL_REASON_SIZE];
    struct midl_shape shape = shape_of(calibrate, calibration_widths[0], 1);
    return variant->dtype == calibrate->dtype && !variant->linear && !variant->light &&
           !variant->impl->choose && midl_variant_find(variant->idea, variant->dtype) == variant &&
           !(variant->blas && calibrate->threads > 1) &&
           midl_variant_fits(variant, &shape, 1, calibrate->threads, reason) == MIDL_OK;
}

/* The candidates and their empty series. */
static enum outcome find_candidates(struct calibrate *calibrate, struct candidate *ret,
                                    size_t *ret_count, struct error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < midl_variant_count() && count < IDEAS_MOST; i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        if (!is_candidate(calibrate, variant))
            continue;
        struct calibration_series *series = calibration_add(&calibrate->table);
        if (!series)
            return fail_memory(error, "a calibration", sizeof *series);
        snprintf(series->idea, sizeof series->idea, "%s", variant->idea);
        series->dtype = calibrate->dtype;
        series->blocks = calibrate->blocks;
        series->threads = calibrate->threads;
        ret[count++] = (struct candidate){.variant = variant, .series = calibrate->table.count - 1};
    }
    *ret_count = count;
    return OUTCOME_DONE;
}

/* The time at batch b from the one before. */
static double continued(double before_ns, size_t b)
{
    return before_ns * calibration_batches[b] / calibration_batches[b - 1];
}

static void destroy_plans(struct candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        midl_plan_destroy(candidates[i].plan);
        candidates[i].plan = NULL;
    }
}

/* Whether a candidate needn't be measured at batch b. `best_ns`: there, INFINITY in a first pass.
 */
static bool is_hopeless(const struct candidate *candidate, size_t b, double best_ns,
                        double before_ns)
{
    double growth = b > 0 ? calibration_batches[b] / calibration_batches[b - 1] : 0;
    if (best_ns < INFINITY)
        return candidate->least_ns[b] > SHORT_NS && candidate->least_ns[b] > HOPELESS * best_ns;
    return b > 0 && candidate->measured_ns > HOPELESS * growth * before_ns;
}

/* Plans for batch b, as `auto` will make them, of all candidates with a chance. */
static enum outcome make_plans(struct calibrate *calibrate, struct candidate *candidates,
                               size_t count, size_t b, struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    double best_ns = best_of(candidates, count, b);
    double before_ns = b > 0 ? best_of(candidates, count, b - 1) : 0;
    for (size_t i = 0; i < count; i++) {
        if (is_hopeless(&candidates[i], b, best_ns, before_ns)) {
            if (candidates[i].least_ns[b] == INFINITY)
                candidates[i].least_ns[b] = continued(candidates[i].least_ns[b - 1], b);
            continue;
        }
        struct midl_plan_options options = {.variant = candidates[i].variant->name,
                                            .dtype = calibrate->dtype,
                                            .max_batch = (size_t)calibration_batches[b],
                                            .threads = calibrate->threads};
        if (midl_plan_create(&calibrate->problem.layer, &options, &candidates[i].plan, reason) ==
            MIDL_OK)
            continue;
        destroy_plans(candidates, i);
        return fail(error, OUTCOME_MACHINE, "%s: %s", candidates[i].variant->name, reason);
    }
    return OUTCOME_DONE;
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* The median over the passes, the lower one of two; continued from the batch before where there was
 * none. */
static double time_of(struct candidate *candidate, size_t b)
{
    size_t count = candidate->passes[b];
    if (count == 0)
        return candidate->least_ns[b];
    qsort(candidate->pass_ns[b], count, sizeof(double), by_size);
    return candidate->pass_ns[b][(count - 1) / 2];
}

/* Put the times of one width and share into the table; larger batches follow in proportion. */
static void keep_times(struct calibrate *calibrate, struct candidate *candidates, size_t count,
                       size_t w, size_t s)
{
    size_t measured = batches_of(calibrate, calibration_widths[w]);
    for (size_t i = 0; i < count; i++) {
        float *time_ns =
            calibrate->table.series[candidates[i].series].time_ns + calibration_place(w, s, 0);
        for (size_t b = 0; b < measured; b++)
            time_ns[b] = (float)fmax(time_of(&candidates[i], b), 1);
        for (size_t b = measured; b < CALIBRATION_BATCHES; b++)
            time_ns[b] = (float)continued(time_ns[b - 1], b);
    }
}

/* Whether an earlier pass was long enough to outlast disturbances. */
static bool is_long(const struct calibrate *calibrate, const struct candidate *candidates,
                    size_t count, size_t b)
{
    double best_ns = best_of(candidates, count, b);
    return best_ns > calibrate->long_ns && best_ns < INFINITY;
}

/* One pass over all batches at one width and share. */
static enum outcome measure_batches(struct calibrate *calibrate, struct candidate *candidates,
                                    size_t count, double width, double share, struct error *error)
{
    char current[96];
    enum outcome outcome = OUTCOME_DONE;
    for (size_t b = 0; b < batches_of(calibrate, width) && outcome == OUTCOME_DONE; b++) {
        size_t batch = (size_t)calibration_batches[b];
        snprintf(current, sizeof current, "%s%s n=%g k/n=%g batch=%zu threads=%d",
                 midl_dtype_name(calibrate->dtype), calibrate->blocks ? " blocks" : "", width,
                 share, batch, calibrate->threads);
        progress_step(calibrate->progress, calibrate->done++, current);
        if (is_long(calibrate, candidates, count, b))
            continue;
        outcome = make_plans(calibrate, candidates, count, b, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        measure_place(calibrate, candidates, count, batch, b);
        destroy_plans(candidates, count);
        if (stop_requested)
            outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted; no calibration written");
    }
    return outcome;
}

static enum outcome measure_share(struct calibrate *calibrate, struct candidate *candidates,
                                  size_t count, size_t w, size_t s, struct error *error)
{
    double width = calibration_widths[w], share = calibration_shares[s];
    enum outcome outcome = OUTCOME_DONE;
    calibrate->problem.layer.shape = shape_of(calibrate, width, share);
    for (size_t i = 0; i < count; i++)
        for (size_t b = 0; b < CALIBRATION_BATCHES; b++) {
            candidates[i].least_ns[b] = INFINITY;
            candidates[i].passes[b] = 0;
        }
    for (int pass = 0; pass < calibrate->passes && outcome == OUTCOME_DONE; pass++)
        outcome = measure_batches(calibrate, candidates, count, width, share, error);
    if (outcome == OUTCOME_DONE)
        keep_times(calibrate, candidates, count, w, s);
    return outcome;
}

static enum outcome measure_width(struct calibrate *calibrate, struct candidate *candidates,
                                  size_t count, size_t w, struct error *error)
{
    double width = calibration_widths[w];
    size_t batch = most_batch(calibrate, width);
    struct midl_shape shape = shape_of(calibrate, width, 1);
    enum outcome outcome =
        problem_random(&shape, batch, 1, FILL_NORMAL, &calibrate->problem, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    calibrate->y = array_aligned(batch * shape.n, sizeof *calibrate->y);
    if (!calibrate->y)
        outcome = fail_memory(error, "outputs", (double)(batch * shape.n) * 4);
    for (size_t s = 0; s < CALIBRATION_SHARES && outcome == OUTCOME_DONE; s++)
        outcome = measure_share(calibrate, candidates, count, w, s, error);
    free(calibrate->y);
    problem_clear(&calibrate->problem);
    return outcome;
}

/* One dtype, kind of selection and number of threads. */
static enum outcome measure_kind(struct calibrate *calibrate, struct error *error)
{
    struct candidate candidates[IDEAS_MOST];
    size_t count = 0;
    enum outcome outcome = find_candidates(calibrate, candidates, &count, error);
    for (size_t w = 0; w < CALIBRATION_WIDTHS && outcome == OUTCOME_DONE && count > 0; w++)
        outcome = measure_width(calibrate, candidates, count, w, error);
    return outcome;
}

/* ---- The command ----------------------------------------------------------------------------- */

struct request {
    const char *output, *threads, *dtype, *source, *quiet;
};

struct kinds {
    size_t threads[2], thread_counts;
    bool dtypes[MIDL_INT8 + 1];
};

/* "1", "2", or both: one thread, and as many as there are cores. */
static enum outcome read_kinds(const struct request *request, struct kinds *ret,
                               struct error *error)
{
    enum midl_dtype dtype = MIDL_F32;
    enum outcome outcome = OUTCOME_DONE;
    size_t cores = (size_t)team_count(machine_get()->cores, false);
    int team;
    *ret = (struct kinds){.threads = {1, cores}, .thread_counts = cores > 1 ? 2 : 1};
    if (request->threads) {
        ret->thread_counts = 1;
        outcome = option_size("threads", request->threads, 1, 1024, &ret->threads[0], error);
        if (outcome == OUTCOME_DONE)
            outcome = team_check((int)ret->threads[0], false, &team, error);
    }
    bool all = request->dtype && strcmp(request->dtype, "all") == 0;
    if (request->dtype && !all && !midl_dtype_parse(request->dtype, &dtype))
        return fail(error, OUTCOME_USAGE, "--dtype %.40s: expected f32, bf16, int8 or all",
                    request->dtype);
    for (int i = MIDL_F32; i <= MIDL_INT8; i++)
        ret->dtypes[i] =
            all ? midl_variant_find("auto", (enum midl_dtype)i) != NULL : i == (int)dtype;
    return outcome;
}

/* Keep the series of other dtypes and numbers of threads that the file at `path` has, if it is of
 * this machine and build. */
static enum outcome keep_others(struct calibrate *calibrate, const char *path, struct error *error)
{
    struct midl_calibration *before;
    struct error unread; /* such a file is of no use: it is replaced */
    if (calibration_read_file(path, &before, &unread) != OUTCOME_DONE)
        return OUTCOME_DONE;
    enum outcome outcome = calibration_add_others(&calibrate->table, before, error);
    midl_calibration_destroy(before);
    return outcome;
}

static size_t count_places(const struct calibrate *calibrate, const struct kinds *kinds)
{
    size_t places = 0, dtypes = 0;
    for (size_t w = 0; w < CALIBRATION_WIDTHS; w++)
        places += batches_of(calibrate, calibration_widths[w]) * CALIBRATION_SHARES;
    for (int i = MIDL_F32; i <= MIDL_INT8; i++)
        dtypes += kinds->dtypes[i];
    return places * (size_t)calibrate->passes * dtypes * 2 * kinds->thread_counts;
}

static enum outcome measure_all(struct calibrate *calibrate, const struct kinds *kinds,
                                struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (int dtype = MIDL_F32; dtype <= MIDL_INT8; dtype++)
        for (size_t t = 0; kinds->dtypes[dtype] && t < kinds->thread_counts; t++)
            for (int blocks = 0; blocks < 2 && outcome == OUTCOME_DONE; blocks++) {
                calibrate->dtype = (enum midl_dtype)dtype;
                calibrate->threads = (int)kinds->threads[t];
                calibrate->blocks = blocks == 1;
                outcome = measure_kind(calibrate, error);
            }
    return outcome;
}

/* Make the folder of the usual place, ~/.cache/midl or such, where it is not there yet. Where it
 * can't be made, whoever writes to it is told. */
static void make_folder(const char *path)
{
    char folder[PATH_MAX];
    struct error ignored;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    if (*folder)
        (void)folder_make(folder, &ignored);
}

/* Where to, known to be writable before the work begins. */
static enum outcome find_output(const struct request *request, char ret[PATH_MAX],
                                struct error *error)
{
    if (request->output && strlen(request->output) >= PATH_MAX)
        return fail(error, OUTCOME_USAGE, "--output: the path is too long");
    if (request->output)
        snprintf(ret, PATH_MAX, "%s", request->output);
    else if (!calibration_path(ret) || !*ret)
        return fail(error, OUTCOME_USAGE,
                    "no place to keep a calibration: give --output FILE or set MIDL_CALIBRATION");
    else
        make_folder(ret);
    return file_replace_check(ret, error);
}

static enum outcome finish(const struct calibrate *calibrate, const char *path, bool source,
                           struct error *error)
{
    char machine[CALIBRATION_MACHINE_SIZE];
    calibration_machine(machine);
    char *text = source ? calibration_source(&calibrate->table, 1.1)
                        : calibration_text(&calibrate->table, machine);
    if (!text)
        return fail_memory(error, "a calibration", 0);
    enum outcome outcome = OUTCOME_DONE;
    if (source)
        printf("/* Printed by `midl calibrate --source`: calibration.h says what the numbers are.\n"
               " * Measured on %s,\n * %s. */\n%s",
               machine, midl_isa_name(midl_isa_best()), text);
    else if ((outcome = file_replace_whole(path, text, strlen(text), error)) == OUTCOME_DONE)
        printf("%zu series of times -> %s\n", calibrate->table.count, path);
    free(text);
    return outcome;
}

static enum outcome calibrate_run(const struct request *request, struct error *error)
{
    struct calibrate calibrate = {
        .most_macs = request->source ? SOURCE_MOST_MACS : PLACE_MOST_MACS,
        .passes = request->source ? SOURCE_PASSES : PASSES,
        .long_ns = request->source ? INFINITY : LONG_NS,
    };
    struct kinds kinds;
    char path[PATH_MAX];
    enum outcome outcome = read_kinds(request, &kinds, error);
    if (outcome == OUTCOME_DONE && !request->source)
        outcome = find_output(request, path, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    calibrate.progress =
        progress_begin("calibrate", count_places(&calibrate, &kinds), request->quiet != NULL);
    outcome = measure_all(&calibrate, &kinds, error);
    if (outcome == OUTCOME_DONE)
        progress_step(calibrate.progress, calibrate.done, "");
    progress_end(calibrate.progress);
    if (outcome == OUTCOME_DONE && !request->source)
        outcome = keep_others(&calibrate, path, error);
    if (outcome == OUTCOME_DONE)
        outcome = finish(&calibrate, path, request->source != NULL, error);
    free(calibrate.table.series);
    return outcome;
}

int command_calibrate(int argc, char **argv)
{
    struct request request = {0};
    struct error error;
    const struct option_row rows[] = {
        {"output", "FILE", "write it there instead", &request.output},
        {"threads", "N", "for this many threads only; default: for 1 and for all cores",
         &request.threads},
        {"dtype", "TYPE", "for these weights, or all; default: f32", &request.dtype},
        {"source", NULL, "print C source (kernels/calibration_*.inc), write nothing",
         &request.source},
        {"quiet", NULL, "no progress", &request.quiet}};
    bool help = false;
    enum outcome outcome = options_only(
        argc, argv, "midl calibrate [--output FILE] [options]",
        "Time the variants on this machine, so that `auto` chooses the fastest: some two\n"
        "minutes for each dtype and number of threads. The table is kept in\n"
        "$MIDL_CALIBRATION, or else in midl/calibration.txt in $XDG_CACHE_HOME or ~/.cache;\n"
        "what it has of other dtypes and numbers of threads stays there. It holds for this\n"
        "machine and this build only; elsewhere it is refused, and `auto` goes by what is\n"
        "built in. An empty MIDL_CALIBRATION asks for that.",
        rows, sizeof rows / sizeof *rows, &help, &error);
    if (outcome == OUTCOME_DONE && !help) {
        stop_on_signals();
        outcome = calibrate_run(&request, &error);
    }
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("calibrate", outcome, &error);
}

/* runner.c - measuring the cases of a suite and storing them. */
#include "run/runner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "base/util.h"
#include "counters/counters.h"
#include "machine/machine.h"
#include "measure/parts.h"
#include "measure/placement.h"
#include "run/estimate.h"

#define SAMPLE_NS 5e5
#define MIN_ROUNDS 10
#define TARGET_ROUNDS 30
#define PLACE_ROUNDS 3
#define MOVE_SHARE 0.02 /* it is not measuring */
#define NOISE_LEAST_SECONDS 0.05

/* ---- How long it will take ------------------------------------------------------------------- */

static bool first_of_its_threads(const struct bench_cases *cases, size_t group)
{
    int threads = cases->cases[cases->groups[group].first].shape.threads;
    for (size_t i = 0; i < group; i++)
        if (cases->cases[cases->groups[i].first].shape.threads == threads)
            return false;
    return true;
}

double runner_estimate_ns(const struct runner *runner)
{
    const struct bench_cases *cases = runner->cases;
    struct estimate_options options = {
        .budget_ns = suite_budget_ns(runner->suite),
        .sample_ns = SAMPLE_NS,
        .min_rounds = MIN_ROUNDS,
        .callgrind = counters_resolve(suite_counters(runner->suite)) & COUNT_CALLGRIND,
        .peak_gflops = ceiling_glance()};
    double all_ns = 0;
    for (size_t i = 0; i < cases->group_count; i++) {
        const struct bench_group *group = &cases->groups[i];
        all_ns += estimate_group_ns(&cases->cases[group->first].shape, group->count, &options) +
                  estimate_start_ns(first_of_its_threads(cases, i));
    }
    return all_ns;
}

/* ---- The run ------------------------------------------------------------------------------- */

static struct session_run run_of(const struct runner *runner)
{
    return (struct session_run){.suite = suite_name(runner->suite),
                                .hash = runner->hash,
                                .command = runner->command,
                                .seed = runner->cases->cases[0].shape.seed};
}

static enum outcome begin_run(struct runner *runner, struct error *error)
{
    const struct session_run run = run_of(runner);
    const struct store_fact *places;
    size_t count = placement_facts(&places);
    enum outcome outcome = session_begin(&runner->session, &run, error);
    if (outcome)
        return outcome;
    return session_check(
        &runner->session,
        store_put_facts(runner->session.store, runner->session.run_id, places, count), error);
}

/* Measure which differences this machine shows by chance, in a fiftieth of the time that the run
 * will take, a second at most. A run too short for that goes without; a resumed one has it already,
 * unless it was interrupted before. */
static enum outcome measure_noise(struct runner *runner, struct error *error)
{
    struct noise_facts facts;
    bool known;
    enum store_status asked =
        store_has_fact(runner->session.store, runner->session.run_id, "noise_pairs", &known);
    if (asked != STORE_OK)
        return session_check(&runner->session, asked, error);
    if (known)
        return OUTCOME_DONE;
    double seconds = fmin(1, runner_estimate_ns(runner) / 1e9 / 50);
    if (!(seconds >= NOISE_LEAST_SECONDS))
        return OUTCOME_DONE;
    progress_step(runner->progress, 0, "noise of this machine");
    double start_ns = clock_ns();
    enum outcome outcome = noise_measure(seconds, &runner->noise, error);
    runner->machine_ns += clock_ns() - start_ns;
    if (outcome != OUTCOME_DONE) /* interrupted: the run ends as it does elsewhere */
        return stop_requested ? OUTCOME_DONE : outcome;
    noise_facts(&runner->noise, &facts);
    enum store_status status =
        store_put_facts(runner->session.store, runner->session.run_id, facts.rows, NOISE_FACTS);
    return session_check(&runner->session, status, error);
}

static enum outcome resume_run(struct runner *runner, struct error *error)
{
    const struct session_run run = run_of(runner);
    bool found = false;
    enum outcome outcome = session_resume(&runner->session, &run, &found, error);
    if (outcome || found)
        return outcome;
    progress_note(runner->progress,
                  "nothing to resume: %s has no unfinished run of these points, files and options "
                  "by this build on this machine; a new one begins",
                  runner->db);
    return begin_run(runner, error);
}

/* A group is stored whole or not at all: its first point tells. */
static enum outcome is_stored(struct runner *runner, const struct bench_group *group, bool *ret,
                              struct error *error)
{
    const struct bench_case *first = &runner->cases->cases[group->first];
    char shape_key[CASE_TEXT_SIZE];
    *ret = false;
    if (!runner->resume)
        return OUTCOME_DONE;
    bench_shape_text(&first->shape, shape_key);
    enum store_status status = store_has_point(
        runner->session.store, runner->session.run_id, shape_key, midl_variant_idea(first->variant),
        midl_isa_name(midl_variant_isa(first->variant)),
        midl_dtype_name(midl_variant_dtype(first->variant)), ret);
    return session_check(&runner->session, status, error);
}

static enum outcome count_stored(struct runner *runner, struct error *error)
{
    for (size_t i = 0; i < runner->cases->group_count; i++) {
        const struct bench_group *group = &runner->cases->groups[i];
        bool stored;
        enum outcome outcome = is_stored(runner, group, &stored, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        runner->resumed += stored ? group->count : 0;
    }
    if (runner->resumed > 0) {
        progress_skip(runner->progress, runner->resumed);
        progress_note(runner->progress, "resuming run %lld: %zu of %zu points were measured before",
                      (long long)runner->session.run_id, runner->resumed, runner->cases->count);
    }
    return OUTCOME_DONE;
}

/* Times of some builds mean nothing; the run is stored all the same, with its build flags. */
static void note_build(struct runner *runner)
{
    if (machine_get()->sanitised)
        progress_note(runner->progress, "this build has sanitizers in it: its times mean nothing");
    else if (!machine_get()->optimised)
        progress_note(runner->progress, "this build is not optimised: its times mean nothing");
}

/* Open the store, begin or resume the run. */
static enum outcome open_run(struct runner *runner, struct error *error)
{
    enum outcome outcome = session_open(&runner->session, runner->db, error);
    if (outcome)
        return outcome;
    runner->progress =
        progress_begin(suite_name(runner->suite), runner->cases->count, runner->quiet);
    note_build(runner);
    outcome = runner->resume ? resume_run(runner, error) : begin_run(runner, error);
    if (outcome == OUTCOME_DONE)
        outcome = count_stored(runner, error);
    if (outcome == OUTCOME_DONE && runner->resumed < runner->cases->count && !runner->lean)
        outcome = measure_noise(runner, error);
    return outcome;
}

/* ---- Ceilings ------------------------------------------------------------------------------ */

static const struct ceilings *find_ceilings(const struct runner *runner, int threads)
{
    for (size_t i = 0; i < runner->ceiling_count; i++)
        if (runner->ceilings[i].threads == threads)
            return &runner->ceilings[i];
    return NULL;
}

static void take_ceiling(void *data, const struct store_ceiling *row)
{
    ceilings_take(data, row);
}

/* The ceilings of an earlier sitting, with which the points stored then were judged; none has no
 * curve. */
static enum outcome read_ceilings(struct runner *runner, int threads, struct ceilings *ret,
                                  struct error *error)
{
    const struct session *session = &runner->session;
    *ret = (struct ceilings){.threads = threads};
    if (!runner->resume)
        return OUTCOME_DONE;
    return session_check(
        session, store_each_ceiling(session->store, session->run_id, threads, take_ceiling, ret),
        error);
}

static enum outcome add_ceilings(struct runner *runner, int threads, struct error *error)
{
    const struct session *session = &runner->session;
    struct store_ceiling rows[CEILING_ROWS];
    struct ceilings *grown = realloc(runner->ceilings, (runner->ceiling_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(error, "ceilings", sizeof *grown);
    runner->ceilings = grown;
    struct ceilings *ceilings = &grown[runner->ceiling_count];
    enum outcome outcome = read_ceilings(runner, threads, ceilings, error);
    bool stored = ceilings->curve_count > 0;
    if (!outcome && !stored)
        outcome = ceilings_measure(threads, &stop_requested, ceilings, error);
    if (outcome || ceilings->interrupted)
        return outcome;
    runner->ceiling_count++;
    if (stored)
        return OUTCOME_DONE;
    return session_check(
        session,
        store_put_ceilings(session->store, session->run_id, rows, ceilings_rows(ceilings, rows)),
        error);
}

/* Measure the ceilings for every number of threads that a group still to be measured asks for;
 * those that an earlier sitting stored for other numbers stay. */
static enum outcome measure_ceilings(struct runner *runner, struct error *error)
{
    double start_ns = clock_ns();
    progress_step(runner->progress, runner->resumed, "ceilings of this machine");
    for (size_t i = 0; i < runner->cases->group_count && !stop_requested; i++) {
        const struct bench_group *group = &runner->cases->groups[i];
        int threads = runner->cases->cases[group->first].shape.threads;
        bool stored;
        enum outcome outcome = is_stored(runner, group, &stored, error);
        if (outcome == OUTCOME_DONE && !stored && !find_ceilings(runner, threads))
            outcome = add_ceilings(runner, threads, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    runner->machine_ns += clock_ns() - start_ns;
    progress_skip(runner->progress, 0); /* that was no pace of points */
    return OUTCOME_DONE;
}

/* ---- Groups -------------------------------------------------------------------------------- */

static void count_point(struct runner *runner, const struct store_point *point)
{
    runner->timed += point->sample_count > 0;
    runner->noisy += strcmp(point->status, "noisy") == 0;
    runner->failed += strcmp(point->status, "failed") == 0;
    runner->samples += point->sample_count;
    for (size_t i = 0; i < point->sample_count; i++)
        runner->disturbed += point->samples[i].disturbed;
}

static enum outcome keep_group(struct runner *runner, const struct bench_group *group,
                               const struct measure_result *result, struct error *error)
{
    double start_ns = clock_ns();
    enum store_status status = store_put_points(runner->session.store, runner->session.run_id,
                                                result->points, result->count);
    enum outcome outcome = session_check(&runner->session, status, error);
    if (outcome == OUTCOME_DONE)
        outcome = session_seen(&runner->session, error);
    runner->store_ns += clock_ns() - start_ns;
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (size_t i = 0; i < result->count; i++) {
        const struct store_point *point = &result->points[i];
        const struct bench_case *bench_case = &runner->cases->cases[group->first + i];
        runner->rows[group->first + i] = print_row(point, midl_variant_name(bench_case->variant));
        count_point(runner, point);
        if (runner->json)
            outcome = print_point_json(stdout, runner->session.run_id, suite_name(runner->suite),
                                       point, error);
        if (outcome)
            return outcome;
    }
    runner->done += result->count;
    return OUTCOME_DONE;
}

/* The fastest MID-L variant of a group; `count` if none was measured. */
static size_t fastest_gated(const struct measure_result *result)
{
    size_t best = result->count;
    for (size_t i = 0; i < result->count; i++)
        if (!result->points[i].linear && result->points[i].time_ns > 0 &&
            (best == result->count || result->points[i].time_ns < result->points[best].time_ns))
            best = i;
    return best;
}

static enum outcome measure_parts(struct runner *runner, const struct bench_group *group,
                                  const struct measure_result *result, struct error *error)
{
    struct store_part parts[PARTS_MOST];
    size_t best = fastest_gated(result), count = 0;
    if (best == result->count)
        return OUTCOME_DONE;
    const struct store_point *point = &result->points[best];
    double start_ns = clock_ns();
    enum outcome outcome = parts_measure(&runner->cases->cases[group->first + best],
                                         &runner->measure, parts, &count, error);
    runner->machine_ns += clock_ns() - start_ns;
    if (outcome || count == 0)
        return outcome;
    return session_check(&runner->session,
                         store_put_parts(runner->session.store, runner->session.run_id,
                                         point->shape_key, point->kernel, point->isa, point->dtype,
                                         parts, count),
                         error);
}

static void add_times(struct measure_times *sum, const struct measure_times *times)
{
    sum->plan_ns += times->plan_ns;
    sum->check_ns += times->check_ns;
    sum->move_ns += times->move_ns;
    sum->sample_ns += times->sample_ns;
    sum->count_ns += times->count_ns;
}

/* Show the variant that is at work. */
static void show_variant(void *data, const char *variant)
{
    struct runner *runner = data;
    char text[CASE_TEXT_SIZE + 64];
    snprintf(text, sizeof text, "%s, %s", variant, runner->shape_text);
    progress_step(runner->progress, runner->resumed + runner->done, text);
}

static enum outcome run_group(struct runner *runner, const struct bench_group *group,
                              struct error *error)
{
    const struct bench_case *cases = &runner->cases->cases[group->first];
    struct measure_result result = {0};
    char text[CASE_TEXT_SIZE];
    bool stored;
    enum outcome outcome = is_stored(runner, group, &stored, error);
    if (outcome != OUTCOME_DONE || stored)
        return outcome;
    bench_shape_text(&cases[0].shape, text);
    progress_step(runner->progress, runner->resumed + runner->done, text);
    runner->measure.ceilings = find_ceilings(runner, cases[0].shape.threads);
    runner->shape_text = text;
    outcome = measure_group(cases, group->count, &runner->measure, &result, error);
    add_times(&runner->times, &result.times);
    if (outcome == OUTCOME_DONE && !result.interrupted)
        outcome = keep_group(runner, group, &result, error);
    if (outcome == OUTCOME_DONE && !result.interrupted && runner->parts)
        outcome = measure_parts(runner, group, &result, error);
    measure_result_clear(&result);
    return outcome;
}

static bool same_numbers(const struct bench_cases *cases, size_t a, size_t b)
{
    return oracle_cache_shares(&cases->cases[cases->groups[a].first].shape,
                               &cases->cases[cases->groups[b].first].shape);
}

static bool first_of_its_numbers(const struct bench_cases *cases, size_t group)
{
    for (size_t i = 0; i < group; i++)
        if (same_numbers(cases, i, group))
            return false;
    return true;
}

/* The largest batch of the groups with the same numbers that are still to be measured. */
static enum outcome find_most_batch(struct runner *runner, size_t first, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t most = 0;
    for (size_t i = first; i < runner->cases->group_count && outcome == OUTCOME_DONE; i++) {
        const struct bench_group *group = &runner->cases->groups[i];
        size_t batch = runner->cases->cases[group->first].shape.batch;
        bool stored = true;
        if (batch > most && same_numbers(runner->cases, first, i))
            outcome = is_stored(runner, group, &stored, error);
        most = stored ? most : batch;
    }
    runner->measure.most_batch = most;
    return outcome;
}

/* This group and all after it with the same layer and inputs, wherever the suite has them: the
 * oracle of thousands of neurons takes as long as a group's samples. */
static enum outcome run_same_numbers(struct runner *runner, size_t first, struct error *error)
{
    enum outcome outcome = find_most_batch(runner, first, error);
    for (size_t i = first;
         i < runner->cases->group_count && outcome == OUTCOME_DONE && !stop_requested; i++)
        if (same_numbers(runner->cases, first, i))
            outcome = run_group(runner, &runner->cases->groups[i], error);
    return outcome;
}

static enum outcome run_groups(struct runner *runner, struct error *error)
{
    runner->measure = (struct measure_options){.target = suite_target(runner->suite),
                                               .budget_ns = suite_budget_ns(runner->suite),
                                               .sample_ns = SAMPLE_NS,
                                               .min_rounds = MIN_ROUNDS,
                                               .target_rounds = TARGET_ROUNDS,
                                               .place_rounds = PLACE_ROUNDS,
                                               .move_share = MOVE_SHARE,
                                               .counters = suite_counters(runner->suite),
                                               .cache = oracle_cache_create(),
                                               .stop = &stop_requested,
                                               .at = show_variant,
                                               .at_data = runner};
    enum outcome outcome = runner->lean ? OUTCOME_DONE : measure_ceilings(runner, error);
    for (size_t i = 0; i < runner->cases->group_count && outcome == OUTCOME_DONE; i++)
        if (first_of_its_numbers(runner->cases, i))
            outcome = run_same_numbers(runner, i, error);
    return outcome;
}

/* ---- Where the time went ------------------------------------------------------------------- */

static struct runner_spent spent_of(const struct runner *runner)
{
    const struct measure_times *times = &runner->times;
    struct runner_spent spent = {.total = (clock_ns() - runner->start_ns) / 1e9,
                                 .measuring = (times->sample_ns + runner->machine_ns) / 1e9,
                                 .counting = times->count_ns / 1e9,
                                 .planning = times->plan_ns / 1e9,
                                 .checking = times->check_ns / 1e9,
                                 .moving = times->move_ns / 1e9,
                                 .storing = runner->store_ns / 1e9};
    spent.elsewhere = spent.total - spent.measuring - spent.counting - spent.planning -
                      spent.checking - spent.moving - spent.storing;
    return spent;
}

/* A resumed run keeps those of its last sitting. */
static enum store_status keep_spent(struct runner *runner, const struct runner_spent *spent)
{
    const struct {
        const char *name;
        double seconds;
    } rows[] = {{"seconds_total", spent->total},       {"seconds_measuring", spent->measuring},
                {"seconds_counting", spent->counting}, {"seconds_planning", spent->planning},
                {"seconds_checking", spent->checking}, {"seconds_moving", spent->moving},
                {"seconds_storing", spent->storing},   {"seconds_elsewhere", spent->elsewhere}};
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct store_fact facts[ROWS];
    char texts[ROWS][32];
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(texts[i], sizeof texts[i], "%.3f", rows[i].seconds);
        facts[i] = (struct store_fact){rows[i].name, texts[i]};
    }
    return store_put_facts(runner->session.store, runner->session.run_id, facts, ROWS);
}

/* ---- From beginning to end ------------------------------------------------------------------- */

bool runner_is_whole(const struct runner *runner)
{
    return runner->resumed + runner->done == runner->cases->count &&
           runner->more_done == runner->more_count;
}

static enum outcome end_run(struct runner *runner, struct error *error)
{
    runner->spent = spent_of(runner);
    enum outcome outcome =
        session_check(&runner->session, keep_spent(runner, &runner->spent), error);
    if (!outcome)
        outcome = session_end(&runner->session, runner_is_whole(runner), error);
    progress_step(runner->progress, runner->resumed + runner->done, "end");
    progress_end(runner->progress);
    runner->progress = NULL;
    return outcome;
}

enum outcome runner_run(struct runner *runner, struct error *error)
{
    size_t count = runner->cases->count;
    runner->rows = calloc(count, sizeof *runner->rows);
    if (!runner->rows)
        return fail_memory(error, "the table", (double)(count * sizeof *runner->rows));
    enum outcome outcome = open_run(runner, error);
    if (!outcome)
        outcome = run_groups(runner, error);
    if (!outcome && runner->more && !stop_requested)
        outcome = runner->more(runner->more_data, runner, &runner->more_done, error);
    if (!outcome)
        outcome = end_run(runner, error);
    return outcome;
}

const struct measure_options *runner_options(const struct runner *runner)
{
    return &runner->measure;
}

void runner_clear(struct runner *runner)
{
    progress_end(runner->progress);
    oracle_cache_destroy(runner->measure.cache);
    free(runner->rows);
    free(runner->ceilings);
    session_close(&runner->session);
    *runner = (struct runner){.done = 0};
}

/* sweep.c - `midl sweep`: a suite or axes in, points in the store. The store is opened before
 * anything is measured, and every group of points is one transaction: wherever a sweep ends, what
 * it had finished stays, and --resume goes on from there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "commands/command.h"
#include "counters/counters.h"
#include "run/estimate.h"
#include "base/file.h"
#include "run/gbench_file.h"
#include "machine/machine.h"
#include "measure/measure.h"
#include "measure/noise.h"
#include "measure/placement.h"
#include "base/progress.h"
#include "suite/suite.h"
#include "run/print.h"
#include "run/session.h"

#define SAMPLE_NS 5e5
#define MIN_ROUNDS 10
#define TARGET_ROUNDS 30
#define PLACE_ROUNDS 3
#define MOVE_SHARE 0.02 /* it is not measuring */
#define NOISE_LEAST_SECONDS 0.05

static const char usage_line[] = "midl sweep [SUITE] [options]";
static const char about[] =
    "Measure a suite (midl list suites), or what the axes ask for, and store it. An axis takes "
    "one\n"
    "value, a list 1,2,3, a range 256:1024:256 or a geometric range 256:8192:x2; it replaces that\n"
    "axis of the suite. Exit status 1: a kernel failed its check; 4: interrupted.";

/* ---- Options ------------------------------------------------------------------------------- */

struct sweep_options {
    const char *axes[SUITE_AXES];
    const char *db, *resume, *dry_run, *quiet, *json, *target, *budget, *counters, *data,
        *gbench_json;
};

#define OTHER_OPTIONS 10

static enum outcome parse(int argc, char **argv, struct sweep_options *ret, const char **ret_suite,
                          bool *ret_help, struct error *error)
{
    char names[SUITE_AXES][AXIS_OPTION_SIZE];
    struct option_row rows[SUITE_AXES + OTHER_OPTIONS];
    const struct option_row others[OTHER_OPTIONS] = {
        {"db", "FILE", "the database; results/midl.db", &ret->db},
        {"resume", NULL, "go on with this sweep's unfinished run", &ret->resume},
        {"dry-run", NULL, "list the points, measure nothing", &ret->dry_run},
        {"target", "SHARE", "width of the intervals that is good enough: 2%", &ret->target},
        {"budget", "TIME", "this long for the kernels of a shape, up to 4 times if disturbed: 5s",
         &ret->budget},
        {"counters", "LIST", "papi, callgrind, groups (midl list counters); none", &ret->counters},
        {"data", "DIR", "where files named data:... are; $MIDL_DATA", &ret->data},
        {"json", NULL, "one JSON object a point on standard output, no table", &ret->json},
        {"gbench-json", "FILE", "the run for Google Benchmark's tools too", &ret->gbench_json},
        {"quiet", NULL, "no progress, no table", &ret->quiet}};
    int first = 0;

    for (int i = 0; i < SUITE_AXES; i++) {
        suite_axis_option((enum axis_id)i, names[i]);
        rows[i] =
            (struct option_row){names[i], "LIST", suite_axis((enum axis_id)i)->help, &ret->axes[i]};
    }
    memcpy(rows + SUITE_AXES, others, sizeof others);
    enum outcome outcome = options_parse(argc, argv, usage_line, about, rows,
                                         SUITE_AXES + OTHER_OPTIONS, &first, ret_help, error);
    if (outcome != OUTCOME_DONE || *ret_help)
        return outcome;
    *ret_suite = first < argc ? argv[first++] : NULL;
    return options_no_more(argc, argv, first, error);
}

static bool has_axis(const struct sweep_options *options)
{
    for (size_t i = 0; i < SUITE_AXES; i++)
        if (options->axes[i])
            return true;
    return false;
}

static enum outcome set_options(struct suite *suite, const struct sweep_options *options,
                                struct error *error)
{
    const struct {
        const char *key, *text;
    } settings[] = {
        {"target", options->target}, {"budget", options->budget}, {"counters", options->counters}};
    enum outcome outcome = OUTCOME_DONE;
    for (int i = 0; i < SUITE_AXES && outcome == OUTCOME_DONE; i++)
        if (options->axes[i])
            outcome = suite_set_axis(suite, (enum axis_id)i, options->axes[i], error);
    for (size_t i = 0; i < 3 && outcome == OUTCOME_DONE; i++)
        if (settings[i].text)
            outcome = suite_set_option(suite, settings[i].key, settings[i].text, error);
    return outcome;
}

/* ---- A sweep at work ----------------------------------------------------------------------- */

struct sweep {
    struct sweep_options options;
    struct suite *suite;
    struct bench_cases cases;
    char hash[17];
    char *command; /* as typed */
    const char *db;
    struct session session;
    struct noise noise;        /* at its beginning; pairs = 0: not measured */
    struct ceilings *ceilings; /* one a number of threads */
    size_t ceiling_count;
    struct measure_options measure;
    struct print_row *rows;                     /* [cases.count]; status NULL: not measured now */
    size_t done, resumed, timed, noisy, failed; /* points */
    size_t samples, disturbed;                  /* of these points */
    struct measure_times times;                 /* of all groups */
    double start_ns, store_ns;
    double machine_ns; /* its noise and its ceilings */
    struct progress *progress;
};

static void sweep_clear(struct sweep *sweep)
{
    progress_end(sweep->progress);
    measure_cache_destroy(sweep->measure.cache);
    free(sweep->command);
    free(sweep->rows);
    free(sweep->ceilings);
    session_close(&sweep->session);
    bench_cases_clear(&sweep->cases);
    suite_destroy(sweep->suite);
}

static enum outcome sweep_load(struct sweep *sweep, const char *suite_name_or_path,
                               struct error *error)
{
    const struct sweep_options *options = &sweep->options;
    enum outcome outcome = OUTCOME_DONE;
    if (!suite_name_or_path && !has_axis(options))
        return fail(error, OUTCOME_USAGE,
                    "nothing to measure: name a suite (midl list suites) or an axis (--n 1024)");
    if (options->data)
        outcome = suite_set_data_folder(options->data, error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_name_or_path ? suite_load(suite_name_or_path, &sweep->suite, error)
                                     : suite_custom(&sweep->suite, error);
    if (outcome == OUTCOME_DONE)
        outcome = set_options(sweep->suite, options, error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_expand(sweep->suite, &sweep->cases, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (sweep->cases.count == 0)
        return fail(error, OUTCOME_USAGE, "suite %s has no points", suite_name(sweep->suite));
    suite_hash(&sweep->cases, sweep->hash);
    sweep->db = options->db ? options->db : SESSION_DB;
    if (options->gbench_json && file_same(options->gbench_json, sweep->db))
        return fail(error, OUTCOME_USAGE, "--gbench-json %s: that is the database",
                    file_shown(options->gbench_json));
    if (options->gbench_json)
        outcome = file_replace_check(options->gbench_json, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    sweep->rows = calloc(sweep->cases.count, sizeof *sweep->rows);
    if (!sweep->rows)
        return fail_memory(error, "the table", (double)(sweep->cases.count * sizeof *sweep->rows));
    return OUTCOME_DONE;
}

/* ---- --dry-run ----------------------------------------------------------------------------- */

static bool first_of_its_threads(const struct bench_cases *cases, size_t group)
{
    int threads = cases->cases[cases->groups[group].first].shape.threads;
    for (size_t i = 0; i < group; i++)
        if (cases->cases[cases->groups[i].first].shape.threads == threads)
            return false;
    return true;
}

/* The time of the whole sweep. */
static double estimate_ns(const struct sweep *sweep)
{
    const struct bench_cases *cases = &sweep->cases;
    struct estimate_options options = {.budget_ns = suite_budget_ns(sweep->suite),
                                       .sample_ns = SAMPLE_NS,
                                       .min_rounds = MIN_ROUNDS,
                                       .callgrind = counters_resolve(suite_counters(sweep->suite)) &
                                                    COUNT_CALLGRIND,
                                       .peak_gflops = ceiling_glance()};
    double all_ns = 0;
    for (size_t i = 0; i < cases->group_count; i++) {
        const struct bench_group *group = &cases->groups[i];
        all_ns += estimate_group_ns(&cases->cases[group->first].shape, group->count, &options) +
                  estimate_start_ns(first_of_its_threads(cases, i));
    }
    return all_ns;
}

static int dry_run(const struct sweep *sweep)
{
    const struct bench_cases *cases = &sweep->cases;
    char text[CASE_TEXT_SIZE], duration[PROGRESS_TIME_SIZE];
    for (size_t i = 0; i < cases->group_count; i++) {
        const struct bench_group *group = &cases->groups[i];
        bench_shape_text(&cases->cases[group->first].shape, text);
        for (size_t j = group->first; j < group->first + group->count; j++)
            printf("%s %s\n", midl_variant_name(cases->cases[j].variant), text);
    }
    progress_time_text(estimate_ns(sweep) / 1e9, duration);
    printf("# %zu points in %zu shapes, about %s if every shape takes its budget, "
           "more on a disturbed machine\n",
           cases->count, cases->group_count, duration);
    return OUTCOME_DONE;
}

/* ---- The run ------------------------------------------------------------------------------- */

static struct session_run run_of(const struct sweep *sweep)
{
    return (struct session_run){.suite = suite_name(sweep->suite),
                                .hash = sweep->hash,
                                .command = sweep->command,
                                .seed = sweep->cases.cases[0].shape.seed};
}

static enum outcome begin_run(struct sweep *sweep, struct error *error)
{
    const struct session_run run = run_of(sweep);
    const struct store_fact *places;
    size_t count = placement_facts(&places);
    enum outcome outcome = session_begin(&sweep->session, &run, error);
    if (outcome)
        return outcome;
    return session_check(
        &sweep->session,
        store_put_facts(sweep->session.store, sweep->session.run_id, places, count), error);
}

/* What differences this machine shows by chance, in a fiftieth of the time that the sweep will
 * take, a second at most. A sweep too short for that goes without; a resumed one has it already,
 * unless it was interrupted before. */
static enum outcome measure_noise(struct sweep *sweep, struct error *error)
{
    struct noise_facts facts;
    bool known;
    enum store_status asked =
        store_has_fact(sweep->session.store, sweep->session.run_id, "noise_pairs", &known);
    if (asked != STORE_OK)
        return session_check(&sweep->session, asked, error);
    if (known)
        return OUTCOME_DONE;
    double seconds = fmin(1, estimate_ns(sweep) / 1e9 / 50);
    if (!(seconds >= NOISE_LEAST_SECONDS))
        return OUTCOME_DONE;
    progress_step(sweep->progress, 0, "noise of this machine");
    double start_ns = clock_ns();
    enum outcome outcome = noise_measure(seconds, &sweep->noise, error);
    sweep->machine_ns += clock_ns() - start_ns;
    if (outcome != OUTCOME_DONE) /* interrupted: the run ends as it does elsewhere */
        return stop_requested ? OUTCOME_DONE : outcome;
    noise_facts(&sweep->noise, &facts);
    enum store_status status =
        store_put_facts(sweep->session.store, sweep->session.run_id, facts.rows, NOISE_FACTS);
    return session_check(&sweep->session, status, error);
}

static enum outcome resume_run(struct sweep *sweep, struct error *error)
{
    const struct session_run run = run_of(sweep);
    bool found = false;
    enum outcome outcome = session_resume(&sweep->session, &run, &found, error);
    if (outcome || found)
        return outcome;
    progress_note(sweep->progress,
                  "nothing to resume: %s has no unfinished run of these points by this build; "
                  "a new one begins",
                  sweep->db);
    return begin_run(sweep, error);
}

/* A group is stored whole or not at all: its first point tells. */
static enum outcome is_stored(struct sweep *sweep, const struct bench_group *group, bool *ret,
                              struct error *error)
{
    const struct bench_case *first = &sweep->cases.cases[group->first];
    char shape_key[CASE_TEXT_SIZE];
    *ret = false;
    if (!sweep->options.resume)
        return OUTCOME_DONE;
    bench_shape_text(&first->shape, shape_key);
    enum store_status status = store_has_point(
        sweep->session.store, sweep->session.run_id, shape_key, midl_variant_idea(first->variant),
        midl_isa_name(midl_variant_isa(first->variant)),
        midl_dtype_name(midl_variant_dtype(first->variant)), ret);
    return session_check(&sweep->session, status, error);
}

static enum outcome count_stored(struct sweep *sweep, struct error *error)
{
    for (size_t i = 0; i < sweep->cases.group_count; i++) {
        const struct bench_group *group = &sweep->cases.groups[i];
        bool stored;
        enum outcome outcome = is_stored(sweep, group, &stored, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        sweep->resumed += stored ? group->count : 0;
    }
    if (sweep->resumed > 0) {
        progress_skip(sweep->progress, sweep->resumed);
        progress_note(sweep->progress, "resuming run %lld: %zu of %zu points were measured before",
                      (long long)sweep->session.run_id, sweep->resumed, sweep->cases.count);
    }
    return OUTCOME_DONE;
}

/* Times of some builds mean nothing; the run is stored all the same, with its build flags. */
static void note_build(struct sweep *sweep)
{
    if (machine_get()->sanitised)
        progress_note(sweep->progress, "this build has sanitizers in it: its times mean nothing");
    else if (!machine_get()->optimised)
        progress_note(sweep->progress, "this build is not optimised: its times mean nothing");
}

/* Open the store, begin or resume the run. */
static enum outcome sweep_open(struct sweep *sweep, struct error *error)
{
    enum outcome outcome = session_open(&sweep->session, sweep->db, error);
    if (outcome)
        return outcome;
    sweep->progress =
        progress_begin(suite_name(sweep->suite), sweep->cases.count, sweep->options.quiet != NULL);
    note_build(sweep);
    outcome = sweep->options.resume ? resume_run(sweep, error) : begin_run(sweep, error);
    if (outcome == OUTCOME_DONE)
        outcome = count_stored(sweep, error);
    if (outcome == OUTCOME_DONE && sweep->resumed < sweep->cases.count)
        outcome = measure_noise(sweep, error);
    return outcome;
}

/* ---- Ceilings ------------------------------------------------------------------------------ */

static const struct ceilings *find_ceilings(const struct sweep *sweep, int threads)
{
    for (size_t i = 0; i < sweep->ceiling_count; i++)
        if (sweep->ceilings[i].threads == threads)
            return &sweep->ceilings[i];
    return NULL;
}

static void take_ceiling(void *data, const struct store_ceiling *row)
{
    ceilings_take(data, row);
}

/* The ceilings of an earlier sitting, with which the points stored then were judged; none has no
 * curve. */
static enum outcome read_ceilings(struct sweep *sweep, int threads, struct ceilings *ret,
                                  struct error *error)
{
    const struct session *session = &sweep->session;
    *ret = (struct ceilings){.threads = threads};
    if (!sweep->options.resume)
        return OUTCOME_DONE;
    return session_check(
        session, store_each_ceiling(session->store, session->run_id, threads, take_ceiling, ret),
        error);
}

static enum outcome add_ceilings(struct sweep *sweep, int threads, struct error *error)
{
    const struct session *session = &sweep->session;
    struct store_ceiling rows[CEILING_ROWS];
    struct ceilings *grown = realloc(sweep->ceilings, (sweep->ceiling_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(error, "ceilings", sizeof *grown);
    sweep->ceilings = grown;
    struct ceilings *ceilings = &grown[sweep->ceiling_count];
    enum outcome outcome = read_ceilings(sweep, threads, ceilings, error);
    bool stored = ceilings->curve_count > 0;
    if (!outcome && !stored)
        outcome = ceilings_measure(threads, &stop_requested, ceilings, error);
    if (outcome || ceilings->interrupted)
        return outcome;
    sweep->ceiling_count++;
    if (stored)
        return OUTCOME_DONE;
    return session_check(
        session,
        store_put_ceilings(session->store, session->run_id, rows, ceilings_rows(ceilings, rows)),
        error);
}

/* What this machine can do, for every number of threads that a group still to be measured asks for:
 * what was stored of others in an earlier sitting stays. */
static enum outcome measure_ceilings(struct sweep *sweep, struct error *error)
{
    double start_ns = clock_ns();
    progress_step(sweep->progress, sweep->resumed, "ceilings of this machine");
    for (size_t i = 0; i < sweep->cases.group_count && !stop_requested; i++) {
        const struct bench_group *group = &sweep->cases.groups[i];
        int threads = sweep->cases.cases[group->first].shape.threads;
        bool stored;
        enum outcome outcome = is_stored(sweep, group, &stored, error);
        if (outcome == OUTCOME_DONE && !stored && !find_ceilings(sweep, threads))
            outcome = add_ceilings(sweep, threads, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    sweep->machine_ns += clock_ns() - start_ns;
    progress_skip(sweep->progress, 0); /* that was no pace of points */
    return OUTCOME_DONE;
}

/* ---- Groups -------------------------------------------------------------------------------- */

static void count_point(struct sweep *sweep, const struct store_point *point)
{
    sweep->timed += point->sample_count > 0;
    sweep->noisy += strcmp(point->status, "noisy") == 0;
    sweep->failed += strcmp(point->status, "failed") == 0;
    sweep->samples += point->sample_count;
    for (size_t i = 0; i < point->sample_count; i++)
        sweep->disturbed += point->samples[i].disturbed;
}

static enum outcome keep_group(struct sweep *sweep, const struct bench_group *group,
                               const struct measure_result *result, struct error *error)
{
    double start_ns = clock_ns();
    enum store_status status = store_put_points(sweep->session.store, sweep->session.run_id,
                                                result->points, result->count);
    sweep->store_ns += clock_ns() - start_ns;
    if (status != STORE_OK)
        return session_check(&sweep->session, status, error);
    for (size_t i = 0; i < result->count; i++) {
        const struct store_point *point = &result->points[i];
        const struct bench_case *bench_case = &sweep->cases.cases[group->first + i];
        sweep->rows[group->first + i] = print_row(point, midl_variant_name(bench_case->variant));
        count_point(sweep, point);
        if (sweep->options.json &&
            !print_point_json(stdout, sweep->session.run_id, suite_name(sweep->suite), point))
            return fail_memory(error, "the JSON of a point", 4096);
    }
    sweep->done += result->count;
    return OUTCOME_DONE;
}

static void add_times(struct measure_times *sum, const struct measure_times *times)
{
    sum->plan_ns += times->plan_ns;
    sum->check_ns += times->check_ns;
    sum->move_ns += times->move_ns;
    sum->sample_ns += times->sample_ns;
    sum->count_ns += times->count_ns;
}

static enum outcome run_group(struct sweep *sweep, const struct bench_group *group,
                              struct error *error)
{
    const struct bench_case *cases = &sweep->cases.cases[group->first];
    struct measure_result result = {0};
    char text[CASE_TEXT_SIZE];
    bool stored;
    enum outcome outcome = is_stored(sweep, group, &stored, error);
    if (outcome != OUTCOME_DONE || stored)
        return outcome;
    bench_shape_text(&cases[0].shape, text);
    progress_step(sweep->progress, sweep->resumed + sweep->done, text);
    sweep->measure.ceilings = find_ceilings(sweep, cases[0].shape.threads);
    outcome = measure_group(cases, group->count, &sweep->measure, &result, error);
    add_times(&sweep->times, &result.times);
    if (outcome == OUTCOME_DONE && !result.interrupted)
        outcome = keep_group(sweep, group, &result, error);
    measure_result_clear(&result);
    return outcome;
}

static bool same_numbers(const struct bench_cases *cases, size_t a, size_t b)
{
    return measure_same_numbers(&cases->cases[cases->groups[a].first].shape,
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
static enum outcome find_most_batch(struct sweep *sweep, size_t first, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    size_t most = 0;
    for (size_t i = first; i < sweep->cases.group_count && outcome == OUTCOME_DONE; i++) {
        const struct bench_group *group = &sweep->cases.groups[i];
        size_t batch = sweep->cases.cases[group->first].shape.batch;
        bool stored = true;
        if (batch > most && same_numbers(&sweep->cases, first, i))
            outcome = is_stored(sweep, group, &stored, error);
        most = stored ? most : batch;
    }
    sweep->measure.most_batch = most;
    return outcome;
}

/* This group and all after it with the same layer and inputs, wherever the suite has them: the
 * oracle of thousands of neurons takes as long as a group's samples. */
static enum outcome run_same_numbers(struct sweep *sweep, size_t first, struct error *error)
{
    enum outcome outcome = find_most_batch(sweep, first, error);
    for (size_t i = first;
         i < sweep->cases.group_count && outcome == OUTCOME_DONE && !stop_requested; i++)
        if (same_numbers(&sweep->cases, first, i))
            outcome = run_group(sweep, &sweep->cases.groups[i], error);
    return outcome;
}

static enum outcome run_groups(struct sweep *sweep, struct error *error)
{
    sweep->measure = (struct measure_options){.target = suite_target(sweep->suite),
                                              .budget_ns = suite_budget_ns(sweep->suite),
                                              .sample_ns = SAMPLE_NS,
                                              .min_rounds = MIN_ROUNDS,
                                              .target_rounds = TARGET_ROUNDS,
                                              .place_rounds = PLACE_ROUNDS,
                                              .move_share = MOVE_SHARE,
                                              .counters = suite_counters(sweep->suite),
                                              .cache = measure_cache_create(),
                                              .stop = &stop_requested};
    enum outcome outcome = measure_ceilings(sweep, error);
    for (size_t i = 0; i < sweep->cases.group_count && outcome == OUTCOME_DONE; i++)
        if (first_of_its_numbers(&sweep->cases, i))
            outcome = run_same_numbers(sweep, i, error);
    return outcome;
}

/* ---- Where the time went ------------------------------------------------------------------- */

/* Of the whole sitting, in s. */
struct spent {
    double total, measuring, counting, planning, checking, moving, storing, elsewhere;
};

static struct spent sweep_spent(const struct sweep *sweep)
{
    const struct measure_times *times = &sweep->times;
    struct spent spent = {.total = (clock_ns() - sweep->start_ns) / 1e9,
                          .measuring = (times->sample_ns + sweep->machine_ns) / 1e9,
                          .counting = times->count_ns / 1e9,
                          .planning = times->plan_ns / 1e9,
                          .checking = times->check_ns / 1e9,
                          .moving = times->move_ns / 1e9,
                          .storing = sweep->store_ns / 1e9};
    spent.elsewhere = spent.total - spent.measuring - spent.counting - spent.planning -
                      spent.checking - spent.moving - spent.storing;
    return spent;
}

/* A resumed run keeps those of its last sitting. */
static enum store_status keep_spent(struct sweep *sweep, const struct spent *spent)
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
    return store_put_facts(sweep->session.store, sweep->session.run_id, facts, ROWS);
}

static void print_spent(const struct spent *spent)
{
    double outside = spent->total - spent->measuring - spent->counting;
    printf("%.1f s: measuring %.1f s, counting %.1f s, other than that %.1f %% (making plans %.2f "
           "s, checking %.2f s, other places in memory %.2f s, storing %.2f s, the rest %.2f s)\n",
           spent->total, spent->measuring, spent->counting, 100 * outside / spent->total,
           spent->planning, spent->checking, spent->moving, spent->storing, spent->elsewhere);
}

/* ---- The end ------------------------------------------------------------------------------- */

static void print_tables(const struct sweep *sweep)
{
    char text[CASE_TEXT_SIZE];
    for (size_t i = 0; i < sweep->cases.group_count; i++) {
        const struct bench_group *group = &sweep->cases.groups[i];
        if (!sweep->rows[group->first].status)
            continue;
        bench_shape_text(&sweep->cases.cases[group->first].shape, text);
        print_table(stdout, text, &sweep->rows[group->first], group->count);
    }
    printf("\nrun %lld in %s: %zu points measured", (long long)sweep->session.run_id, sweep->db,
           sweep->done);
    if (sweep->noisy > 0)
        printf(", %zu of them noisy", sweep->noisy);
    if (sweep->resumed > 0)
        printf(", %zu more before", sweep->resumed);
    printf("\n");
    if (sweep->noise.pairs > 0) {
        char noise[NOISE_TEXT];
        noise_text(&sweep->noise, noise);
        printf("at its start: %s\n", noise);
    }
    if (10 * sweep->disturbed > sweep->samples)
        printf("%.0f %% of the samples are disturbed: by a neighbour on this core, or other work "
               "here\n",
               100.0 * (double)sweep->disturbed / (double)sweep->samples);
    if (2 * sweep->noisy > sweep->done)
        printf(
            "most intervals are wider than asked for: let nothing else run here, or give a longer "
            "--budget or a wider --target\n");
}

/* One line a point, with the command that repeats it. */
static void name_failed(const struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->cases.count; i++) {
        const struct print_row *row = &sweep->rows[i];
        char shape[CASE_TEXT_SIZE], command[CASE_TEXT_SIZE];
        if (!row->status || strcmp(row->status, "failed") != 0)
            continue;
        bench_shape_text(&sweep->cases.cases[i].shape, shape);
        bench_case_command(&sweep->cases.cases[i], command);
        fprintf(stderr, "midl sweep: %s failed its check at %s: %s; to repeat it: %s\n",
                row->kernel, shape, row->reason, command);
    }
}

static enum outcome interrupted(const struct sweep *sweep, struct error *error)
{
    return fail(error, OUTCOME_NO_VERDICT,
                "interrupted; %zu of %zu points are in %s; to go on: %s%s",
                sweep->resumed + sweep->done, sweep->cases.count, sweep->db, sweep->command,
                sweep->options.resume ? "" : " --resume");
}

static enum outcome sweep_end(struct sweep *sweep, struct error *error)
{
    bool whole = sweep->resumed + sweep->done == sweep->cases.count;
    struct spent spent = sweep_spent(sweep);
    enum outcome outcome = session_check(&sweep->session, keep_spent(sweep, &spent), error);
    if (!outcome)
        outcome = session_end(&sweep->session, whole, error);
    progress_step(sweep->progress, sweep->resumed + sweep->done, "end");
    progress_end(sweep->progress);
    sweep->progress = NULL;
    if (!outcome &&
        sweep->options.gbench_json) /* of all that is stored, before this start as well */
        outcome = gbench_file_write(sweep->session.store, sweep->session.run_id,
                                    sweep->options.gbench_json, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!sweep->options.json && !sweep->options.quiet) {
        print_tables(sweep);
        print_spent(&spent);
    }
    name_failed(sweep);
    if (!whole)
        return interrupted(sweep, error);
    if (sweep->timed == 0 && sweep->failed == 0 && sweep->resumed == 0)
        return fail(error, OUTCOME_NO_VERDICT,
                    "nothing was measured: all %zu points were skipped, the first because: %s",
                    sweep->done, sweep->rows[0].reason);
    return OUTCOME_DONE;
}

int command_sweep(int argc, char **argv)
{
    struct sweep sweep = {.start_ns = clock_ns()};
    struct error error;
    const char *suite = NULL;
    bool help = false;
    int exit_status = OUTCOME_DONE;

    sweep.command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = sweep.command ? parse(argc, argv, &sweep.options, &suite, &help, &error)
                                         : fail_memory(&error, "the command line", 4096);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    outcome = sweep_load(&sweep, suite, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    if (sweep.options.dry_run) {
        exit_status = dry_run(&sweep);
        goto cleanup;
    }
    stop_on_signals();
    outcome = sweep_open(&sweep, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    outcome = run_groups(&sweep, &error);
    if (outcome == OUTCOME_DONE)
        outcome = sweep_end(&sweep, &error);
    if (outcome == OUTCOME_DONE && sweep.failed > 0)
        exit_status = OUTCOME_BAD;
cleanup:
    sweep_clear(&sweep);
    return outcome == OUTCOME_DONE ? exit_status : command_fail("sweep", outcome, &error);
}

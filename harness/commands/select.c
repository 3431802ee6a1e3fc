/* select.c - `midl select`: selection alone, the library's against others, into the store. One call
 * selects for a batch of inputs, so that no branch predictor learns them by heart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "run/environment.h"
#include "suite/axis.h"
#include "suite/case.h"
#include "commands/command.h"
#include "commit.h"
#include "machine/machine.h"
#include "measure/measure.h"
#include "measure/placement.h"
#include "base/progress.h"
#include "measure/topk_methods.h"
#include "suite/suite.h"
#include "run/print.h"

enum { METHODS = 8, INPUTS_MOST = 64, VALUES_MOST = 65536 };
static const char yardstick_name[] = "introselect";
static const char about[] =
    "Measure top-k selection alone: the library's on every instruction set of this machine "
    "against\n"
    "introselect (as std::nth_element), radix histograms, a bounded heap and a full sort. All "
    "give\n"
    "ascending indices and the values, and are first compared with a plain reference. One call\n"
    "selects for a batch of inputs, each on its own. `midl plot select` draws the result. Exit\n"
    "status 1: a method failed its check; 4: interrupted.";

struct options {
    const char *n, *active, *fill, *batch, *seed, *db, *target, *budget, *json, *quiet;
};

/* What is measured, and where it goes. */
struct session {
    struct axis_list n, active, fills;
    size_t batch; /* 0: as many as make VALUES_MOST values */
    size_t seed;
    struct rounds_options rounds;
    const char *db;
    bool json, quiet;
    struct store *store;
    int64_t run_id;
    struct progress *progress;
    size_t done, total, failed;
};

/* One place of the sweep: its inputs, and its methods next to each other. */
struct place {
    size_t n, k, batch;
    const char *fill;
    float *values, *work, *chosen; /* values: [batch][n] */
    uint32_t *index, *expected;
    char key[160];
};

struct contender {
    const struct selection_method *method;
    const struct place *place;
    size_t timed; /* its place among the cases of the rounds */
    char reason[96];
};

static void contender_call(void *data)
{
    const struct contender *c = data;
    const struct place *p = c->place;
    for (size_t b = 0; b < p->batch; b++) {
        struct selection call = {p->n, p->k, p->values + b * p->n, p->work, p->index, p->chosen};
        (void)c->method->run(c->method->isa, &call);
    }
}

/* ---- One place ----------------------------------------------------------------------------- */

static void place_clear(struct place *p)
{
    free(p->values);
    free(p->work);
    free(p->chosen);
    free(p->index);
    free(p->expected);
}

static bool place_init(struct place *p, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    p->values = malloc(p->batch * p->n * sizeof *p->values);
    p->work = malloc(SELECTION_WORK(p->n) * sizeof *p->work);
    p->chosen = malloc((p->k + 1) * sizeof *p->chosen);
    p->index = malloc((p->k + 1) * sizeof *p->index);
    p->expected = malloc(p->k * sizeof *p->expected);
    for (size_t b = 0; p->values && b < p->batch; b++)
        (void)selection_fill(p->fill, &rng, p->n, p->values + b * p->n);
    snprintf(p->key, sizeof p->key, "select n=%zu k=%zu batch=%zu input=%s seed=%llu", p->n, p->k,
             p->batch, p->fill, (unsigned long long)seed);
    return p->values && p->work && p->chosen && p->index && p->expected;
}

/* Every method on every input of the batch; one that is wrong gets a reason. */
static bool place_check(const struct place *p, struct contender *contenders, size_t count)
{
    for (size_t b = 0; b < p->batch; b++) {
        struct selection call = {p->n, p->k, p->values + b * p->n, p->work, p->index, p->chosen};
        if (!selection_expected(p->n, p->k, call.values, p->expected))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!contenders[i].reason[0] &&
                !selection_agrees(contenders[i].method, &call, p->expected))
                snprintf(contenders[i].reason, sizeof contenders[i].reason,
                         "input %zu: not the %zu largest of %zu in ascending order", b, p->k, p->n);
    }
    return true;
}

static struct store_point point_of(const struct contender *c)
{
    const struct place *p = c->place;
    struct store_point point = store_point_blank;
    point.shape_key = p->key;
    point.kernel = c->method->name;
    point.isa = midl_isa_name(c->method->isa);
    point.dtype = "f32";
    point.n = (int64_t)p->n;
    point.k = (int64_t)p->k;
    point.gate = point.unselected = point.layer = "none";
    point.select_mode = "topk";
    point.batch = (int64_t)p->batch;
    point.threads = 1;
    point.cache = "warm";
    point.input = p->fill;
    point.status = "failed";
    point.reason = c->reason;
    point.selected = (double)(p->batch * p->k);
    return point;
}

static void point_times(struct store_point *point, struct contender *c, const struct rounds *rounds,
                        double target)
{
    const struct stats_interval *time = &rounds->time[c->timed];
    double width = stats_relative_width(time);
    point->time_ns = time->median;
    point->time_lo_ns = time->lo;
    point->time_hi_ns = time->hi;
    point->stop = rounds->stop == ROUNDS_TARGET ? "target" : "budget";
    point->placements = rounds->placements;
    point->regimes = rounds->regimes;
    point->samples = rounds->samples[c->timed];
    point->sample_count = rounds->count;
    point->status = width <= target ? "ok" : "noisy";
    point->reason = NULL;
    if (width <= target)
        return;
    snprintf(c->reason, sizeof c->reason, "interval %.2f %% wide, target %g %%", 100 * width,
             100 * target);
    point->reason = c->reason;
}

static bool point_speedup(struct store_point *point, const struct contender *c,
                          const struct contender *yardstick, const struct rounds *rounds)
{
    struct stats_interval speedup = {.median = 1, .lo = 1, .hi = 1};
    if (c != yardstick && !measure_speedup(rounds, yardstick->timed, c->timed, &speedup))
        return false;
    point->yardstick = yardstick->method->name;
    point->speedup = speedup.median;
    point->speedup_lo = speedup.lo;
    point->speedup_hi = speedup.hi;
    return true;
}

static enum outcome keep_points(struct session *session, const struct store_point *points,
                                size_t count, struct error *error)
{
    struct print_row rows[METHODS];
    enum store_status status = store_put_points(session->store, session->run_id, points, count);
    if (status != STORE_OK)
        return fail(error, status == STORE_BAD ? OUTCOME_USAGE : OUTCOME_MACHINE, "%s",
                    store_error(session->store));
    for (size_t i = 0; i < count; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s%s%s", points[i].kernel,
                 strcmp(points[i].kernel, "topk") == 0 ? "-" : "",
                 strcmp(points[i].kernel, "topk") == 0 ? points[i].isa : "");
        rows[i] = print_row(&points[i], name);
        session->failed += strcmp(points[i].status, "failed") == 0;
        if (session->json && !print_point_json(stdout, session->run_id, "select", &points[i]))
            return fail_memory(error, "the JSON of a point", 4096);
    }
    if (!session->json && !session->quiet)
        print_table(stdout, points[0].shape_key, rows, count);
    session->done += count;
    return OUTCOME_DONE;
}

/* Those that passed their check, in rounds. */
static enum outcome place_time(struct session *session, struct contender *contenders, size_t count,
                               struct error *error)
{
    struct gbench_case cases[METHODS];
    struct store_point points[METHODS];
    const struct contender *yardstick = NULL;
    struct rounds rounds = {0};
    size_t timed = 0;
    for (size_t i = 0; i < count; i++) {
        struct contender *c = &contenders[i];
        points[i] = point_of(c);
        if (c->reason[0])
            continue;
        c->timed = timed;
        cases[timed++] =
            (struct gbench_case){.name = c->method->name, .call = contender_call, .data = c};
        if (strcmp(c->method->name, yardstick_name) == 0)
            yardstick = c;
    }
    enum outcome outcome =
        timed ? rounds_run(cases, timed, &session->rounds, &rounds, error) : OUTCOME_DONE;
    for (size_t i = 0; i < count && outcome == OUTCOME_DONE && !rounds.interrupted; i++) {
        if (contenders[i].reason[0])
            continue;
        point_times(&points[i], &contenders[i], &rounds, session->rounds.target);
        if (yardstick && !point_speedup(&points[i], &contenders[i], yardstick, &rounds))
            outcome = fail_memory(error, "the ratios of samples", (double)rounds.count * 16);
    }
    if (outcome == OUTCOME_DONE && !rounds.interrupted)
        outcome = keep_points(session, points, count, error);
    rounds_clear(&rounds);
    return outcome;
}

static enum outcome measure_place(struct session *session, const char *fill, size_t n,
                                  double active, struct error *error)
{
    struct contender contenders[METHODS] = {{0}};
    size_t count, k = (size_t)fmax(1, round(active * (double)n));
    const struct selection_method *methods = selection_methods(&count);
    size_t fitting = VALUES_MOST / n < INPUTS_MOST ? VALUES_MOST / n : INPUTS_MOST;
    struct place place = {.n = n, .k = k, .fill = fill, .batch = session->batch};
    if (place.batch == 0)
        place.batch = fitting ? fitting : 1;
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < count; i++)
        contenders[i] = (struct contender){.method = &methods[i], .place = &place};
    if (!place_init(&place, session->seed) || !place_check(&place, contenders, count))
        outcome = fail_memory(error, "the inputs", 4.0 * (double)(place.batch * n));
    progress_step(session->progress, session->done, place.key);
    if (outcome == OUTCOME_DONE)
        outcome = place_time(session, contenders, count, error);
    place_clear(&place);
    return outcome;
}

static enum outcome measure_all(struct session *session, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t f = 0; f < session->fills.count; f++)
        for (size_t i = 0; i < session->n.count; i++)
            for (size_t j = 0; j < session->active.count; j++)
                if (outcome == OUTCOME_DONE && !stop_requested)
                    outcome = measure_place(session, session->fills.words[f],
                                            (size_t)session->n.numbers[i],
                                            session->active.numbers[j], error);
    return outcome;
}

/* ---- The session --------------------------------------------------------------------------- */

/* Target and budget as suites write them. */
static enum outcome read_limits(struct session *session, const struct options *options,
                                struct error *error)
{
    struct suite *suite;
    enum outcome outcome = suite_custom(&suite, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (options->target)
        outcome = suite_set_option(suite, "target", options->target, error);
    if (outcome == OUTCOME_DONE && options->budget)
        outcome = suite_set_option(suite, "budget", options->budget, error);
    session->rounds = (struct rounds_options){.target = suite_target(suite),
                                              .budget_ns = suite_budget_ns(suite),
                                              .sample_ns = 5e5,
                                              .min_rounds = 10,
                                              .target_rounds = 30,
                                              .seed = session->seed,
                                              .steady = true,
                                              .stop = &stop_requested};
    suite_destroy(suite);
    return outcome;
}

/* An option's list; an error names the option. */
static enum outcome read_list(const char *option, const struct axis_rule *rule, const char *text,
                              struct axis_list *ret, struct error *error)
{
    enum outcome outcome = axis_parse(rule, text, ret, error);
    return outcome == OUTCOME_DONE ? outcome : fail(error, outcome, "--%s %s", option, error->text);
}

static enum outcome read_fills(const char *text, struct axis_list *ret, struct error *error)
{
    const struct axis_rule rule = {.kind = AXIS_WORD};
    struct rng rng = rng_seed(1);
    float value;
    enum outcome outcome = read_list("fill", &rule, text, ret, error);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < ret->count; i++)
        if (!selection_fill(ret->words[i], &rng, 1, &value))
            outcome = fail(error, OUTCOME_USAGE, "--fill %.40s: must be of " SELECTION_FILLS,
                           ret->words[i]);
    return outcome;
}

static enum outcome read_options(struct session *session, const struct options *options,
                                 struct error *error)
{
    const struct axis_rule sizes = {AXIS_WHOLE, 1, 1 << 24, "1 to 16777216", NULL};
    const struct axis_rule shares = {AXIS_REAL, 0, 1, "0 to 1", NULL};
    size_t count;
    enum outcome outcome =
        read_list("n", &sizes, options->n ? options->n : "64:16384:x2", &session->n, error);
    session->seed = 1;
    session->db = options->db ? options->db : "results/midl.db";
    session->json = options->json != NULL;
    session->quiet = options->quiet != NULL;
    if (outcome == OUTCOME_DONE)
        outcome = read_list("active", &shares, options->active ? options->active : "0.45",
                            &session->active, error);
    if (outcome == OUTCOME_DONE)
        outcome = read_fills(options->fill ? options->fill : "normal", &session->fills, error);
    if (outcome == OUTCOME_DONE && options->batch)
        outcome = option_size("batch", options->batch, 1, 65536, &session->batch, error);
    if (outcome == OUTCOME_DONE && options->seed)
        outcome = option_size("seed", options->seed, 0, SIZE_MAX / 2, &session->seed, error);
    if (outcome == OUTCOME_DONE)
        outcome = read_limits(session, options, error);
    (void)selection_methods(&count);
    session->total = session->n.count * session->active.count * session->fills.count * count;
    return outcome;
}

static enum outcome session_begin(struct session *session, const char *command, struct error *error)
{
    const struct machine *machine = machine_get();
    const struct store_fact *facts;
    size_t fact_count = environment_facts(&facts);
    char text[STORE_ERROR_SIZE];
    const struct store_run run = {.suite = "select",
                                  .suite_hash = "none",
                                  .git_commit = MIDL_COMMIT,
                                  .version = midl_version(),
                                  .host = machine->host,
                                  .cpu = machine->cpu,
                                  .isa = midl_isa_name(midl_isa_best()),
                                  .compiler = machine->compiler,
                                  .flags = machine->flags,
                                  .argv = command,
                                  .seed = session->seed};
    enum store_status status = store_open(session->db, STORE_WRITE, &session->store, text);
    if (status != STORE_OK)
        return fail(error, status == STORE_BAD ? OUTCOME_USAGE : OUTCOME_MACHINE, "%s", text);
    status = store_run_begin(session->store, &run, facts, fact_count, &session->run_id);
    if (status != STORE_OK)
        return fail(error, OUTCOME_MACHINE, "%s", store_error(session->store));
    session->progress = progress_begin("select", session->total, session->quiet);
    return OUTCOME_DONE;
}

static enum outcome session_end(struct session *session, struct error *error)
{
    bool whole = session->done == session->total;
    enum store_status status =
        store_run_end(session->store, session->run_id, whole ? "finished" : "interrupted");
    progress_step(session->progress, session->done, "end");
    progress_end(session->progress);
    session->progress = NULL;
    if (status != STORE_OK)
        return fail(error, OUTCOME_MACHINE, "%s", store_error(session->store));
    if (!session->json && !session->quiet)
        printf("\nrun %lld in %s: %zu points measured\n", (long long)session->run_id, session->db,
               session->done);
    if (!whole)
        return fail(error, OUTCOME_NO_VERDICT, "interrupted; %zu of %zu points are in %s",
                    session->done, session->total, session->db);
    if (session->failed > 0)
        return fail(error, OUTCOME_BAD, "%zu points failed their check; ask %s for their reasons",
                    session->failed, session->db);
    return OUTCOME_DONE;
}

static void session_clear(struct session *session)
{
    progress_end(session->progress);
    axis_list_clear(&session->n);
    axis_list_clear(&session->active);
    axis_list_clear(&session->fills);
    store_close(session->store);
}

int command_select(int argc, char **argv)
{
    struct options options = {0};
    struct session session = {0};
    struct error error;
    int first = 0;
    bool help = false;
    const struct option_row rows[] = {
        {"n", "LIST", "values of one input; 64:16384:x2", &options.n},
        {"active", "LIST", "k/n; 0.45", &options.active},
        {"fill", "LIST", SELECTION_FILLS, &options.fill},
        {"batch", "COUNT", "inputs a call; as many as make 65536 values, at most 64",
         &options.batch},
        {"seed", "SEED", "of the inputs; 1", &options.seed},
        {"db", "FILE", "the database; results/midl.db", &options.db},
        {"target", "SHARE", "width of the intervals that is good enough: 2%", &options.target},
        {"budget", "TIME", "this long for the methods of a place, up to 4 times if disturbed: 5s",
         &options.budget},
        {"json", NULL, "one JSON object a point on standard output, no table", &options.json},
        {"quiet", NULL, "no progress, no table", &options.quiet}};
    char *command = command_text(argc, argv); /* before parsing permutes the words */
    enum outcome outcome = command
                               ? options_parse(argc, argv, "midl select [options]", about, rows,
                                               sizeof rows / sizeof rows[0], &first, &help, &error)
                               : fail_memory(&error, "the command line", 4096);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    outcome = options_no_more(argc, argv, first, &error);
    if (outcome == OUTCOME_DONE)
        outcome = read_options(&session, &options, &error);
    if (outcome == OUTCOME_DONE)
        outcome = session_begin(&session, command, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    stop_on_signals();
    placement_pin(true);
    outcome = measure_all(&session, &error);
    if (outcome == OUTCOME_DONE)
        outcome = session_end(&session, &error);
    else
        (void)store_run_end(session.store, session.run_id, "interrupted");
cleanup:
    free(command);
    session_clear(&session);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("select", outcome, &error);
}

/* select.c - `midl select`: selection alone, the library's against others, into the store. One call
 * selects for a batch of inputs, so that no branch predictor learns them by heart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/terminal.h"
#include "machine/pin.h"
#include "suite/axis.h"
#include "suite/case.h"
#include "commands/command.h"
#include "measure/measure.h"
#include "base/progress.h"
#include "measure/point.h"
#include "measure/topk_methods.h"
#include "suite/suite.h"
#include "run/print.h"
#include "run/session.h"

enum { INPUTS_MOST = 64, VALUES_MOST = 65536 };
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

/* A selection run at work: its axes, its limits, its place in the store. */
struct work {
    struct axis_list n, active, fills;
    size_t batch; /* 0: as many as make VALUES_MOST values */
    size_t seed;
    struct rounds_options rounds;
    const char *db;
    bool json, quiet;
    struct session session;
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

    /* By method. */
    size_t methods;
    struct contender *contenders;
    struct gbench_case *cases; /* those that passed their check */
    struct store_point *points;
    struct print_row *rows;
};

/* One method at a place. */
struct contender {
    const struct selection_method *method;
    const struct place *place;
    size_t timed; /* its place among the cases of the rounds */
    char reason[MIDL_REASON_SIZE];
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
    free(p->contenders);
    free(p->cases);
    free(p->points);
    free(p->rows);
}

/* Every method that there is takes part. */
static bool place_methods(struct place *p)
{
    const struct selection_method *methods = selection_methods(&p->methods);
    p->contenders = calloc(p->methods, sizeof *p->contenders);
    p->cases = calloc(p->methods, sizeof *p->cases);
    p->points = calloc(p->methods, sizeof *p->points);
    p->rows = calloc(p->methods, sizeof *p->rows);
    for (size_t i = 0; p->contenders && i < p->methods; i++)
        p->contenders[i] = (struct contender){.method = &methods[i], .place = p};
    return p->contenders && p->cases && p->points && p->rows;
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
    return p->values && p->work && p->chosen && p->index && p->expected && place_methods(p);
}

/* Every method on every input of the batch; one that is wrong gets a reason. */
static bool place_check(const struct place *p)
{
    struct contender *contenders = p->contenders;
    for (size_t b = 0; b < p->batch; b++) {
        struct selection call = {p->n, p->k, p->values + b * p->n, p->work, p->index, p->chosen};
        if (!selection_expected(p->n, p->k, call.values, p->expected))
            return false;
        for (size_t i = 0; i < p->methods; i++)
            if (!contenders[i].reason[0] &&
                !selection_agrees(contenders[i].method, &call, p->expected))
                snprintf(contenders[i].reason, sizeof contenders[i].reason,
                         "input %zu: not the %zu largest of %zu in ascending order", b, p->k, p->n);
    }
    return true;
}

static struct store_point contender_point(const struct contender *c)
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

static enum outcome keep_points(struct work *work, const struct place *place, struct error *error)
{
    const struct session *session = &work->session;
    size_t count = place->methods;
    enum outcome outcome = session_check(
        session, store_put_points(session->store, session->run_id, place->points, count), error);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < count; i++) {
        const struct store_point *point = &place->points[i];
        bool library = strcmp(point->kernel, "topk") == 0;
        char name[48];
        snprintf(name, sizeof name, "%s%s%s", point->kernel, library ? "-" : "",
                 library ? point->isa : "");
        place->rows[i] = print_row(point, name);
        work->failed += strcmp(point->status, "failed") == 0;
        if (work->json)
            outcome = print_point_json(stdout, session->run_id, "select", point, error);
        if (outcome)
            return outcome;
    }
    if (!work->json && !work->quiet)
        print_table(stdout, place->key, place->rows, count, terminal_columns(STDOUT_FILENO));
    work->done += count;
    return OUTCOME_DONE;
}

/* Time the methods that passed their check, in rounds, and store all. */
static enum outcome place_time(struct work *work, const struct place *place, struct error *error)
{
    const struct contender *yardstick = NULL;
    struct rounds rounds = {0};
    size_t timed = 0;
    for (size_t i = 0; i < place->methods; i++) {
        struct contender *c = &place->contenders[i];
        place->points[i] = contender_point(c);
        if (c->reason[0])
            continue;
        c->timed = timed;
        place->cases[timed++] =
            (struct gbench_case){.name = c->method->name, .call = contender_call, .data = c};
        if (strcmp(c->method->name, yardstick_name) == 0)
            yardstick = c;
    }
    enum outcome outcome =
        timed ? rounds_run(place->cases, timed, &work->rounds, &rounds, error) : OUTCOME_DONE;
    for (size_t i = 0; i < place->methods && !outcome && !rounds.interrupted; i++) {
        struct contender *c = &place->contenders[i];
        if (c->reason[0])
            continue;
        point_times(&place->points[i], &rounds, c->timed, work->rounds.target, c->reason);
        if (yardstick && !point_speedup(&place->points[i], &rounds, yardstick->method->name,
                                        yardstick->timed, c->timed))
            outcome = fail_memory(error, "the ratios of samples", (double)rounds.count * 16);
    }
    if (!outcome && !rounds.interrupted)
        outcome = keep_points(work, place, error);
    rounds_clear(&rounds);
    return outcome;
}

static enum outcome measure_place(struct work *work, const char *fill, size_t n, double active,
                                  struct error *error)
{
    size_t k = (size_t)fmax(1, round(active * (double)n));
    size_t fitting = VALUES_MOST / n < INPUTS_MOST ? VALUES_MOST / n : INPUTS_MOST;
    struct place place = {.n = n, .k = k, .fill = fill, .batch = work->batch};
    if (place.batch == 0)
        place.batch = fitting ? fitting : 1;
    enum outcome outcome = OUTCOME_DONE;
    if (!place_init(&place, work->seed) || !place_check(&place))
        outcome = fail_memory(error, "the inputs", 4.0 * (double)(place.batch * n));
    progress_step(work->progress, work->done, place.key);
    if (!outcome)
        outcome = place_time(work, &place, error);
    place_clear(&place);
    return outcome;
}

static enum outcome measure_all(struct work *work, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t f = 0; f < work->fills.count; f++)
        for (size_t i = 0; i < work->n.count; i++)
            for (size_t j = 0; j < work->active.count; j++)
                if (outcome == OUTCOME_DONE && !stop_requested)
                    outcome = measure_place(work, work->fills.words[f], (size_t)work->n.numbers[i],
                                            work->active.numbers[j], error);
    return outcome;
}

/* ---- The command --------------------------------------------------------------------------- */

/* Target and budget as suites write them. */
static enum outcome read_limits(struct work *work, const struct options *options,
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
    work->rounds = (struct rounds_options){.target = suite_target(suite),
                                           .budget_ns = suite_budget_ns(suite),
                                           .sample_ns = 5e5,
                                           .min_rounds = 10,
                                           .target_rounds = 30,
                                           .seed = work->seed,
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

static enum outcome read_options(struct work *work, const struct options *options,
                                 struct error *error)
{
    const struct axis_rule sizes = {AXIS_WHOLE, 1, 1 << 24, "1 to 16777216", NULL};
    const struct axis_rule shares = {AXIS_REAL, 1e-9, 1, "above 0, to 1", NULL};
    size_t count;
    enum outcome outcome =
        read_list("n", &sizes, options->n ? options->n : "64:16384:x2", &work->n, error);
    work->seed = 1;
    work->db = options->db ? options->db : SESSION_DB;
    work->json = options->json != NULL;
    work->quiet = options->quiet != NULL;
    if (outcome == OUTCOME_DONE)
        outcome = read_list("active", &shares, options->active ? options->active : "0.45",
                            &work->active, error);
    if (outcome == OUTCOME_DONE)
        outcome = read_fills(options->fill ? options->fill : "normal", &work->fills, error);
    if (outcome == OUTCOME_DONE && options->batch)
        outcome = option_size("batch", options->batch, 1, 65536, &work->batch, error);
    if (outcome == OUTCOME_DONE && options->seed)
        outcome = option_size("seed", options->seed, 0, SIZE_MAX / 2, &work->seed, error);
    if (outcome == OUTCOME_DONE)
        outcome = read_limits(work, options, error);
    (void)selection_methods(&count);
    work->total = work->n.count * work->active.count * work->fills.count * count;
    return outcome;
}

static enum outcome work_begin(struct work *work, const char *command, struct error *error)
{
    const struct session_run run = {
        .suite = "select", .hash = "none", .command = command, .seed = work->seed};
    enum outcome outcome = session_open(&work->session, work->db, error);
    if (!outcome)
        outcome = session_begin(&work->session, &run, error);
    if (!outcome)
        work->progress = progress_begin("select", work->total, work->quiet);
    return outcome;
}

static enum outcome work_end(struct work *work, struct error *error)
{
    bool whole = work->done == work->total;
    enum outcome outcome = session_end(&work->session, whole, error);
    progress_step(work->progress, work->done, "end");
    progress_end(work->progress);
    work->progress = NULL;
    if (outcome)
        return outcome;
    if (!work->json && !work->quiet)
        printf("\nrun %lld in %s: %zu points measured\n", (long long)work->session.run_id, work->db,
               work->done);
    if (!whole)
        return fail(error, OUTCOME_NO_VERDICT, "interrupted; %zu of %zu points are in %s",
                    work->done, work->total, work->db);
    if (work->failed > 0)
        return fail(error, OUTCOME_BAD, "%zu points failed their check; ask %s for their reasons",
                    work->failed, work->db);
    return OUTCOME_DONE;
}

static void work_clear(struct work *work)
{
    progress_end(work->progress);
    axis_list_clear(&work->n);
    axis_list_clear(&work->active);
    axis_list_clear(&work->fills);
    session_close(&work->session);
}

int command_select(int argc, char **argv)
{
    struct options options = {0};
    struct work work = {0};
    struct error error;
    bool help = false;
    const struct option_row rows[] = {
        {"n", "LIST", "values of one input; 64:16384:x2", &options.n},
        {"active", "LIST", "k/n, above 0; 0.45", &options.active},
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
    enum outcome outcome = command ? options_only(argc, argv, "midl select [options]", about, rows,
                                                  sizeof rows / sizeof rows[0], &help, &error)
                                   : fail_memory(&error, "the command line", 4096);
    if (outcome != OUTCOME_DONE || help)
        goto cleanup;
    outcome = read_options(&work, &options, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    stop_on_signals();
    outcome = work_begin(&work, command, &error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    pin_thread(true);
    outcome = measure_all(&work, &error);
    if (outcome == OUTCOME_DONE)
        outcome = work_end(&work, &error);
cleanup:
    free(command);
    work_clear(&work);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("select", outcome, &error);
}

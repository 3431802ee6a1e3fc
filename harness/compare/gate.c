/* gate.c - the stages of the gate. What is decided stands in verdict.c; here it is carried out. */
#include "compare/gate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/folder.h"
#include "base/progress.h"
#include "base/stop.h"
#include "compare/worker.h"
#include "machine/valgrind.h"
#include "measure/count_case.h"
#include "signed_rank.h"

/* ---- Begin and end ------------------------------------------------------------------------- */

/* The same machine code in both builds; false also where a build can't tell. */
static bool same_code(const struct midl_library libraries[2], const struct midl_variant *variant)
{
    uint64_t hashes[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        const struct midl_variant *own =
            libraries[i].variant_find(midl_variant_name(variant), midl_variant_dtype(variant));
        if (own && libraries[i].code_hash)
            hashes[i] = libraries[i].code_hash(own);
    }
    return hashes[0] != 0 && hashes[0] == hashes[1];
}

static bool rows_make(struct gate *gate)
{
    gate->points = calloc(gate->count, sizeof *gate->points);
    gate->rows = calloc(gate->count, sizeof *gate->rows);
    if (!gate->points || !gate->rows)
        return false;
    for (size_t i = 0; i < gate->count; i++) {
        const struct bench_case *bench_case = &gate->cases->cases[i];
        gate->points[i].control = same_code(gate->libraries, bench_case->variant);
        gate->rows[i] = (struct gate_row){.bench_case = bench_case,
                                          .point = &gate->points[i],
                                          .call_ns = {NAN, NAN},
                                          .counts = {.instructions = {NAN, NAN},
                                                     .l1d_misses = {NAN, NAN},
                                                     .ll_misses = {NAN, NAN}}};
    }
    return true;
}

enum outcome gate_begin(const struct gate_options *options, const struct bench_cases *cases,
                        struct gate *ret, struct error *error)
{
    struct gate gate = {.options = options, .cases = cases, .count = cases->count};
    enum outcome outcome = library_open(options->builds[0], &gate.libraries[0], error);
    if (outcome == OUTCOME_DONE)
        outcome = library_open(options->builds[1], &gate.libraries[1], error);
    if (outcome == OUTCOME_DONE && !rows_make(&gate))
        outcome = fail_memory(error, "the points", (double)(gate.count * sizeof *gate.rows));
    if (outcome == OUTCOME_DONE &&
        !folder_make_temporary(NULL, "midl-gate", gate.folder, sizeof gate.folder)) {
        gate.folder[0] = '\0';
        outcome = fail(error, OUTCOME_MACHINE, "can't make a temporary folder; set TMPDIR");
    }
    if (outcome == OUTCOME_DONE)
        *ret = gate;
    else
        gate_clear(&gate);
    return outcome;
}

void gate_clear(struct gate *gate)
{
    progress_end(gate->progress);
    for (size_t i = 0; gate->points && i < gate->count; i++)
        gate_point_clear(&gate->points[i]);
    free(gate->points);
    free(gate->rows);
    for (int i = 0; i < 2; i++)
        library_close(&gate->libraries[i]);
    if (gate->folder[0])
        folder_remove(gate->folder);
    *gate = (struct gate){.count = 0};
}

bool gate_row_fails(const struct gate_row *row)
{
    bool slower = row->point->state == GATE_SLOWER && !row->point->control && !row->accepted;
    return slower || row->point->state == GATE_WRONG;
}

/* ---- One look ------------------------------------------------------------------------------ */

static bool time_left(void *data)
{
    const struct gate *gate = data;
    return !stop_requested && clock_ns() < gate->end_ns;
}

/* Seeds never repeat within a gate run; the order of loading alternates. */
static struct worker next_worker(struct gate *gate, const char *old, const char *new)
{
    uint64_t look = gate->looks++;
    return (struct worker){.builds = {old, new},
                           .folder = gate->folder,
                           .seed = (gate->options->seed * 100003 + look) % (1u << 30),
                           .placements = GATE_PLACEMENTS,
                           .rounds = GATE_ROUNDS,
                           .inputs = gate->options->inputs,
                           .new_first = (look / 2) % 2};
}

static void show(struct gate *gate, const struct bench_case *bench_case)
{
    char shape[CASE_TEXT_SIZE], text[CASE_TEXT_SIZE + 64];
    size_t done = 0;
    for (size_t i = 0; i < gate->count; i++)
        done += gate->points[i].state != GATE_OPEN && gate->points[i].state != GATE_SUSPECT;
    bench_shape_text(&bench_case->shape, shape);
    snprintf(text, sizeof text, "%s %s", midl_variant_name(bench_case->variant), shape);
    progress_step(gate->progress, done, text);
}

/* A process that a signal ended, OUTCOME_BAD, was ended by one of the builds. */
static enum outcome ended_badly(struct gate_point *point, enum outcome outcome,
                                const struct error *error)
{
    if (outcome != OUTCOME_BAD && outcome != OUTCOME_MACHINE)
        return outcome;
    point->state = outcome == OUTCOME_BAD ? GATE_WRONG : GATE_SKIPPED;
    snprintf(point->reason, sizeof point->reason, "%.200s", error->text);
    return OUTCOME_DONE;
}

static enum outcome look_at(void *data, size_t at, int look, struct gate_values *values,
                            struct gate_point *point, struct error *error)
{
    struct gate *gate = data;
    struct gate_row *row = &gate->rows[at];
    struct worker worker = next_worker(gate, gate->options->builds[0], gate->options->builds[1]);
    struct pair_result result;
    (void)look;
    show(gate, row->bench_case);
    enum outcome outcome = worker_run(&worker, row->bench_case, &result, error);
    if (outcome != OUTCOME_DONE)
        return ended_badly(point, outcome, error);
    if (result.status != PAIR_OK) {
        point->state = result.status == PAIR_WRONG ? GATE_WRONG : GATE_SKIPPED;
        snprintf(point->reason, sizeof point->reason, "%.200s", result.reason);
    } else if (!gate_values_add(values, result.logs, result.count))
        outcome = fail_memory(error, "ratios", (double)result.count * 8);
    if (result.status == PAIR_OK)
        memcpy(row->call_ns, result.call_ns, sizeof row->call_ns);
    memcpy(row->chose, result.chose, sizeof row->chose);
    pair_result_clear(&result);
    return outcome;
}

/* ---- Qualify ------------------------------------------------------------------------------- */

static struct gate_rule rule_of(const struct gate *gate)
{
    return (struct gate_rule){.effect = gate->options->effect, .looks = GATE_LOOKS};
}

/* The old build against itself at one point, once more. A point that can't be run tells nothing. */
static enum outcome qualify_at(struct gate *gate, size_t at, struct gate_values *values,
                               struct error *error)
{
    struct worker worker = next_worker(gate, gate->options->builds[0], gate->options->builds[0]);
    struct pair_result result;
    show(gate, gate->rows[at].bench_case);
    enum outcome outcome = worker_run(&worker, gate->rows[at].bench_case, &result, error);
    if (outcome == OUTCOME_MACHINE || outcome == OUTCOME_BAD)
        return OUTCOME_DONE;
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (result.status == PAIR_OK && !gate_values_add(values, result.logs, result.count))
        outcome = fail_memory(error, "ratios", (double)result.count * 8);
    pair_result_clear(&result);
    return outcome;
}

/* Judge the machine by all ratios of identical builds so far. */
static struct gate_quality quality_of(const struct gate *gate, const struct gate_values *values,
                                      size_t points)
{
    const struct gate_rule rule = rule_of(gate);
    struct gate_quality quality = {.points = 0};
    for (size_t i = 0; i < points; i++) {
        if (values[i].count == 0)
            continue;
        struct stats_interval shift = signed_rank_interval(values[i].logs, values[i].count, 0.95);
        quality.spread += gate_spread(values[i].logs, values[i].count);
        quality.apart = fmax(quality.apart, expm1(fabs(shift.median)));
        quality.flagged = quality.flagged || gate_differs(values[i].logs, values[i].count, &rule);
        quality.points++;
    }
    if (quality.points > 0) {
        quality.spread /= (double)quality.points;
        quality.resolvable = gate_resolvable(quality.spread, GATE_PLACEMENTS, gate->count, &rule);
    }
    return quality;
}

static bool good_enough(const struct gate *gate)
{
    return gate->quality.resolvable <= gate->options->effect && !gate->quality.flagged;
}

/* Identical builds at points spread over the suite: looks until they say that the machine is good
 * enough, or that it isn't. */
static enum outcome qualify_looks(struct gate *gate, size_t points, struct gate_values *values,
                                  struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (int look = 0; look < GATE_QUALIFY_LOOKS && outcome == OUTCOME_DONE; look++) {
        for (size_t i = 0; i < points && outcome == OUTCOME_DONE; i++)
            outcome = qualify_at(gate, i * gate->count / points, &values[i], error);
        gate->quality = quality_of(gate, values, points);
        if (good_enough(gate))
            break;
    }
    return outcome;
}

static enum outcome qualify(struct gate *gate, struct error *error)
{
    const struct gate_quality *quality = &gate->quality;
    struct gate_values values[GATE_QUALIFY_POINTS] = {{.count = 0}};
    size_t points = gate->count < GATE_QUALIFY_POINTS ? gate->count : GATE_QUALIFY_POINTS;
    enum outcome outcome = qualify_looks(gate, points, values, error);
    for (size_t i = 0; i < points; i++)
        free(values[i].logs);
    if (outcome != OUTCOME_DONE || quality->points == 0)
        return outcome;
    if (!good_enough(gate))
        return fail(error, OUTCOME_NO_VERDICT,
                    "this machine can't tell %.3g %% now: identical builds differ by %.2g %% and "
                    "slowdowns of %.2g %% are found at best; stop other work here, or ask for a "
                    "larger --effect",
                    100 * gate->options->effect, 100 * quality->apart, 100 * quality->resolvable);
    if (!gate->options->quiet)
        progress_note(gate->progress,
                      "identical builds differ by %.2g %%; slowdowns from %.2g %% on are found in "
                      "95 of 100 runs",
                      100 * quality->apart, 100 * fmax(quality->resolvable, gate->options->effect));
    return OUTCOME_DONE;
}

/* ---- Counts -------------------------------------------------------------------------------- */

static double count_of(const struct counter_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->counters[i].counter, name) == 0)
            return set->counters[i].per_call;
    return NAN;
}

static void count_row(struct gate *gate, struct gate_row *row)
{
    static struct counter_set set; /* large */
    struct gate_counts *counts = &row->counts;
    for (int i = 0; i < 2 && !counts->reason[0]; i++) {
        count_case_of(row->bench_case, gate->options->builds[i], 0, &set);
        counts->instructions[i] = count_of(&set, "instructions");
        counts->l1d_misses[i] = count_of(&set, "l1d_misses");
        counts->ll_misses[i] = count_of(&set, "ll_misses");
        if (isnan(counts->instructions[i]))
            snprintf(counts->reason, sizeof counts->reason, "%.150s",
                     set.count > 0 && set.counters[0].reason ? set.counters[0].reason
                                                             : "not counted");
    }
}

int gate_count_change(const double instructions[2], double effect, double rows)
{
    double rise = instructions[1] - instructions[0];
    double least = fmin(effect * instructions[0], fmax(rows, 1));
    return isnan(rise) || fabs(rise) < least ? 0 : rise > 0 ? 1 : -1;
}

/* Where nothing is timed, counts decide. */
static void judge_counts(const struct gate *gate, struct gate_row *row)
{
    const struct gate_counts *counts = &row->counts;
    double asked = gate->options->count_effect;
    const struct bench_shape *shape = &row->bench_case->shape;
    double rows = (double)(shape->layer.k ? shape->layer.k : shape->layer.n) * (double)shape->batch;
    int change = asked > 0 ? gate_count_change(counts->instructions, asked, INFINITY)
                           : gate_count_change(counts->instructions, GATE_COUNT_EFFECT, rows);
    row->point->state = counts->reason[0] ? GATE_SKIPPED
                        : change > 0      ? GATE_SLOWER
                        : change < 0      ? GATE_FASTER
                                          : GATE_SAME;
    if (counts->reason[0])
        snprintf(row->point->reason, sizeof row->point->reason, "%s", counts->reason);
}

/* Counts of the same machine code are the same: controls aren't counted. */
static enum outcome count_all(struct gate *gate, struct error *error)
{
    const char *obstacle = valgrind_unavailable();
    if (obstacle)
        return fail(error, OUTCOME_MACHINE, "--counts: %s", obstacle);
    for (size_t i = 0; i < gate->count && !stop_requested; i++) {
        struct gate_row *row = &gate->rows[i];
        if (row->point->control) {
            snprintf(row->counts.reason, sizeof row->counts.reason, "the same machine code");
            row->point->state = gate->options->time ? GATE_OPEN : GATE_SAME;
            continue;
        }
        show(gate, row->bench_case);
        count_row(gate, row);
        if (!gate->options->time)
            judge_counts(gate, row);
    }
    return stop_requested ? fail(error, OUTCOME_NO_VERDICT, "interrupted") : OUTCOME_DONE;
}

/* ---- All stages ---------------------------------------------------------------------------- */

/* Leave out all controls but the first few. */
static void leave_controls(struct gate *gate)
{
    size_t kept = 0;
    for (size_t i = 0; i < gate->count; i++) {
        struct gate_point *point = &gate->points[i];
        if (point->control && ++kept > GATE_QUALIFY_POINTS) {
            point->state = GATE_SAME;
            snprintf(point->reason, sizeof point->reason, "the same machine code: not measured");
        }
    }
}

static bool any_changed(const struct gate *gate)
{
    for (size_t i = 0; i < gate->count; i++)
        if (!gate->points[i].control)
            return true;
    return false;
}

static enum outcome time_all(struct gate *gate, struct error *error)
{
    const struct gate_rule rule = rule_of(gate);
    struct gate_source source = {look_at, time_left, gate};
    gate->end_ns = clock_ns() + gate->options->budget_s * 1e9;
    enum outcome outcome = qualify(gate, error);
    if (outcome == OUTCOME_DONE)
        outcome = gate_run(gate->points, gate->count, &rule, &source, error);
    if (outcome == OUTCOME_DONE && stop_requested)
        outcome = fail(error, OUTCOME_NO_VERDICT, "interrupted");
    return outcome;
}

enum outcome gate_measure(struct gate *gate, struct error *error)
{
    double start_ns = clock_ns();
    enum outcome outcome = OUTCOME_DONE;
    gate->progress = progress_begin("check", gate->count, gate->options->quiet);
    if (gate->options->changed_only && !any_changed(gate)) {
        leave_controls(gate);
        for (size_t i = 0; i < gate->count; i++)
            gate->points[i].state = GATE_SAME;
    } else {
        if (gate->options->counts)
            outcome = count_all(gate, error);
        if (gate->options->changed_only)
            leave_controls(gate);
        if (outcome == OUTCOME_DONE && gate->options->time)
            outcome = time_all(gate, error);
    }
    if (outcome == OUTCOME_DONE)
        progress_step(gate->progress, gate->count, "end");
    progress_end(gate->progress);
    gate->progress = NULL;
    gate->seconds = (clock_ns() - start_ns) / 1e9;
    return outcome;
}

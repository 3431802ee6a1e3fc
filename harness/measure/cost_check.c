/* cost_check.c - a cost model against counts: see cost_check.h. */
#include "measure/cost_check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "counters/groups.h"
#include "measure/count_case.h"
#include "measure/prepared.h"
#include "suite/suite.h"

#define COUNTED_CALLS 100
#define LINE_BYTES 64

/* ---- Where ----------------------------------------------------------------------------------- */

/* Every gate, both fates of the unselected, both selections, one input and some; each part of the
 * layer large enough to be missed. */
static const struct cost_shape shapes[] = {
    {{{"n", "256"}}},
    {{{"n", "256"}, {"batch", "8"}}},
    {{{"n", "192"}, {"d", "320"}, {"gate", "shared"}, {"rank", "32"}, {"unselected", "zero"}}},
    {{{"n", "256"}, {"d", "128"}, {"gate", "full"}, {"rank", "16"}, {"batch", "2"}}},
    {{{"n", "256"}, {"select", "block"}, {"active", "0.25"}, {"batch", "4"}}},
};

size_t cost_check_shapes(const struct cost_shape **ret)
{
    *ret = shapes;
    return sizeof shapes / sizeof *shapes;
}

enum outcome cost_check_case(const struct cost_shape *shape, const struct midl_variant *variant,
                             struct bench_cases *ret, struct error *error)
{
    const char *const own[][2] = {{"kernel", midl_variant_name(variant)},
                                  {"dtype", midl_dtype_name(midl_variant_dtype(variant))}};
    struct suite *suite = NULL;
    enum outcome outcome = suite_custom(&suite, error);
    for (size_t i = 0; i < 8 && shape->axes[i][0] && outcome == OUTCOME_DONE; i++)
        outcome = suite_set_axis(suite, (enum axis_id)suite_axis_find(shape->axes[i][0]),
                                 shape->axes[i][1], error);
    for (size_t i = 0; i < 2 && outcome == OUTCOME_DONE; i++)
        outcome = suite_set_axis(suite, (enum axis_id)suite_axis_find(own[i][0]), own[i][1], error);
    if (outcome == OUTCOME_DONE)
        outcome = suite_expand(suite, ret, error);
    suite_destroy(suite);
    return outcome;
}

/* ---- Counting -------------------------------------------------------------------------------- */

static const struct store_counter *find(const struct counter_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->counters[i].counter, name) == 0)
            return &set->counters[i];
    return NULL;
}

/* Take a counter's value, times `unit`; what it says besides is appended to the reason. */
static void take(const struct counter_set *set, const char *name, double unit,
                 struct cost_count *ret)
{
    const struct store_counter *row = find(set, name);
    char before[COUNTER_REASON_SIZE];
    memcpy(before, ret->reason, sizeof before);
    if (!row)
        return;
    ret->counted = row->per_call * unit;
    ret->source = row->source;
    if (row->reason)
        snprintf(ret->reason, sizeof ret->reason, "%.70s%s%.80s", before, *before ? "; " : "",
                 row->reason);
}

/* The model of the call that was just made, and the processor's own count of such calls. */
static enum outcome check_here(const struct bench_case *bench_case, struct cost_check *ret,
                               struct error *error)
{
    static struct counter_set set;
    struct prepared prepared;
    enum outcome outcome = prepared_make(bench_case, &prepared, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    const struct midl_variant *ran = midl_plan_variant(prepared.plan);
    if (ran != bench_case->variant) { /* and under valgrind perhaps a third one */
        prepared_clear(&prepared);
        return fail(error, OUTCOME_USAGE, "it ran %s, which is judged by itself",
                    midl_variant_name(ran));
    }
    prepared_run(&prepared);
    struct midl_selection selection = midl_plan_selection(prepared.plan);
    struct midl_cost cost = midl_variant_cost(ran, &bench_case->shape.layer, prepared.batch,
                                              selection.batch > 0 ? &selection : NULL);
    ret->flops.model = midl_cost_flops(&cost);
    ret->bytes.model = midl_cost_bytes(&cost);
    counters_papi(prepared_run, &prepared, COUNTED_CALLS, groups_bit("flops"), &set);
    take(&set, "flops", 1, &ret->flops);
    prepared_clear(&prepared);
    return OUTCOME_DONE;
}

enum outcome cost_check_run(const struct bench_case *bench_case, struct cost_check *ret,
                            struct error *error)
{
    static struct counter_set set;
    struct cost_check check = {.flops = {.counted = NAN, .source = "none"},
                               .bytes = {.counted = NAN, .source = "none"}};
    struct bench_case cold = *bench_case;
    enum outcome outcome = check_here(bench_case, &check, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    cold.shape.cache = CACHE_COLD;
    count_case(&cold, groups_bit("cache") | groups_bit("flops"), &set);
    if (!isfinite(check.flops.counted))
        take(&set, "flops", 1, &check.flops);
    take(&set, "ll_data_misses", LINE_BYTES, &check.bytes);
    *ret = check;
    return OUTCOME_DONE;
}

/* ---- Judging --------------------------------------------------------------------------------- */

enum cost_verdict cost_judge(const struct cost_count *count, double most)
{
    if (isnan(count->counted))
        return COST_UNKNOWN;
    bool right =
        count->counted >= COST_LEAST * count->model && count->counted <= most * count->model;
    return right ? COST_RIGHT : COST_WRONG;
}

enum cost_verdict cost_check_judge(const struct cost_check *check, struct midl_excess most)
{
    enum cost_verdict flops = cost_judge(&check->flops, most.flops);
    enum cost_verdict bytes = cost_judge(&check->bytes, most.bytes);
    return flops == COST_WRONG || bytes == COST_WRONG ? COST_WRONG : flops;
}

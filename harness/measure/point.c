/* point.c - the columns of a point, from what ran. */
#include "measure/point.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "machine/team.h"
#include "measure/measure.h"

void point_texts(const struct bench_shape *shape, struct point_texts *ret)
{
    char made[MADE_SIZE];
    bench_shape_text(shape, ret->shape_key);
    snprintf(ret->input, sizeof ret->input, "%s", bench_input_name(shape, made));
    snprintf(ret->layer, sizeof ret->layer, "%s", bench_layer_name(shape, made));
}

static void point_origin(struct store_point *point, const struct bench_origin *origin)
{
    point->scope = origin->scope;
    point->dataset = origin->dataset;
    point->model = origin->model;
    point->method = point->linear ? origin->dense : origin->method;
    point->active_mean = point->linear ? NAN : origin->active;
}

struct store_point point_of(const struct bench_case *bench_case, const struct point_texts *texts)
{
    const struct bench_shape *shape = &bench_case->shape;
    const struct midl_shape *layer = &shape->layer;
    const struct midl_variant *variant = bench_case->variant;
    struct store_point point = store_point_blank;
    point.shape_key = texts->shape_key;
    point.kernel = midl_variant_idea(variant);
    point.isa = midl_isa_name(midl_variant_isa(variant));
    point.dtype = midl_dtype_name(midl_variant_dtype(variant));
    point.linear = midl_variant_is_linear(variant);
    point.d = (int64_t)layer->d;
    point.n = (int64_t)layer->n;
    point.k = (int64_t)layer->k;
    point.rank = (int64_t)layer->r;
    point.gate = midl_gate_name(layer->gate);
    point.gate_rank = layer->gate == MIDL_GATE_LOWRANK ? (int64_t)layer->rg : 0;
    point.select_mode = midl_select_name(layer->select);
    if (layer->select == MIDL_SELECT_BLOCK)
        point.block = (int64_t)layer->block;
    if (layer->select == MIDL_SELECT_THRESHOLD)
        point.threshold = (double)layer->threshold;
    point.unselected = midl_unselected_name(layer->unselected);
    point.batch = (int64_t)shape->batch;
    point.threads = shape->threads;
    point.cache = cache_state_name(shape->cache);
    point.input = texts->input;
    point.layer = texts->layer;
    if (shape->origin)
        point_origin(&point, shape->origin);
    return point;
}

double point_cost(struct store_point *point, const struct bench_shape *shape,
                  const struct midl_plan *plan)
{
    struct midl_selection selection = midl_plan_selection(plan);
    struct midl_cost cost = midl_variant_cost(midl_plan_variant(plan), &shape->layer, shape->batch,
                                              point->linear ? NULL : &selection);
    point->flops = midl_cost_flops(&cost);
    point->bytes = midl_cost_bytes(&cost);
    point->flops_gate = cost.flops.gate;
    point->flops_light = cost.flops.light;
    point->flops_full = cost.flops.full;
    point->flops_blend = cost.flops.blend;
    point->bytes_gate = cost.bytes.gate;
    point->bytes_light = cost.bytes.light;
    point->bytes_full = cost.bytes.full;
    point->bytes_io = cost.io_bytes;
    point->comparisons = cost.comparisons;
    return midl_parts_sum(&cost.bytes);
}

void point_promise(struct store_point *point, const struct bench_shape *shape,
                   const struct midl_plan *plan)
{
    if (point->linear) {
        point->flops_ratio = 1;
        return;
    }
    struct midl_selection selection = midl_plan_selection(plan);
    size_t selected = 0;
    for (size_t i = 0; i < selection.batch; i++)
        selected += selection.count[i];
    struct midl_parts parts = midl_layer_flops(&shape->layer, shape->batch, selected);
    if (midl_variant_is_light(midl_plan_variant(plan)))
        parts.gate = 0;
    point->selected = (double)selected;
    point->distinct_rows = (double)midl_selection_distinct(&selection, shape->layer.n);
    point->flops_ratio = midl_linear_flops(&shape->layer, shape->batch) / midl_parts_sum(&parts);
}

void point_ends(struct store_point *point, const char *status, const char *reason)
{
    point->status = status;
    point->reason = reason;
}

void point_times(struct store_point *point, const struct rounds *rounds, size_t timed,
                 double target, char reason[MIDL_REASON_SIZE])
{
    const struct stats_interval *time = &rounds->time[timed];
    double width = stats_relative_width(time);
    char remark[MIDL_REASON_SIZE / 2];
    point->time_ns = time->median;
    point->time_lo_ns = time->lo;
    point->time_hi_ns = time->hi;
    point->stop = rounds->stop == ROUNDS_TARGET ? "target" : "budget";
    point->placements = rounds->placements;
    point->regimes = rounds->regimes;
    point->samples = rounds->samples[timed];
    point->sample_count = rounds->count;
    point->status = "ok";
    team_remark((int)point->threads, remark, sizeof remark - 2);
    snprintf(reason, MIDL_REASON_SIZE, "%s", remark);
    point->reason = *remark ? reason : NULL;
    if (width <= target)
        return;
    if (*remark)
        strcat(remark, "; ");
    if (time->exact)
        snprintf(reason, MIDL_REASON_SIZE, "%sinterval %.2f %% wide, target %g %%", remark,
                 100 * width, 100 * target);
    else
        snprintf(reason, MIDL_REASON_SIZE, "%s%zu samples are too few for an interval", remark,
                 time->count);
    point_ends(point, "noisy", reason);
}

bool point_speedup(struct store_point *point, const struct rounds *rounds, const char *yardstick,
                   size_t yardstick_timed, size_t timed)
{
    struct stats_interval speedup = {.median = 1, .lo = 1, .hi = 1};
    if (timed != yardstick_timed && !measure_speedup(rounds, yardstick_timed, timed, &speedup))
        return false;
    point->yardstick = yardstick;
    point->speedup = speedup.median;
    point->speedup_lo = speedup.lo;
    point->speedup_hi = speedup.hi;
    return true;
}

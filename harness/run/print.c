/* sweep_print.c - the table of a sweep and its JSON. */
#include "run/print.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

/* ---- JSON ---------------------------------------------------------------------------------- */

/* An object in the making; ok turns false for good when memory ends. */
struct builder {
    cJSON *object;
    bool ok;
};

static void add(struct builder *builder, const char *name, cJSON *value)
{
    if (value && builder->ok && cJSON_AddItemToObject(builder->object, name, value))
        return;
    cJSON_Delete(value);
    builder->ok = false;
}

static void add_text(struct builder *builder, const char *name, const char *text)
{
    add(builder, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static void add_number(struct builder *builder, const char *name, double number)
{
    add(builder, name, isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

static void add_count(struct builder *builder, const char *name, int64_t count)
{
    add_number(builder, name, (double)count);
}

/* What was run. */
static void add_case(struct builder *builder, const struct store_point *point)
{
    add_text(builder, "kernel", point->kernel);
    add_text(builder, "isa", point->isa);
    add_text(builder, "dtype", point->dtype);
    add_count(builder, "linear", point->linear);
    add_count(builder, "d", point->d);
    add_count(builder, "n", point->n);
    add_count(builder, "k", point->k);
    add_number(builder, "active", (double)point->k / (double)point->n);
    add_count(builder, "rank", point->rank);
    add_text(builder, "gate", point->gate);
    add_count(builder, "gate_rank", point->gate_rank);
    add_text(builder, "select_mode", point->select_mode);
    add_count(builder, "block", point->block);
    add_number(builder, "threshold", point->threshold);
    add_text(builder, "unselected", point->unselected);
    add_count(builder, "batch", point->batch);
    add_count(builder, "threads", point->threads);
    add_text(builder, "cache", point->cache);
    add_text(builder, "input", point->input);
    add_text(builder, "layer", point->layer);
    add_text(builder, "shape_key", point->shape_key);
}

/* How it went. */
static void add_outcome(struct builder *builder, const struct store_point *point)
{
    add_text(builder, "status", point->status);
    add_text(builder, "reason", point->reason);
    add_number(builder, "error_ratio", point->error_ratio);
    add_count(builder, "samples", (int64_t)point->sample_count);
    add_number(builder, "time_ns", point->time_ns);
    add_number(builder, "time_lo_ns", point->time_lo_ns);
    add_number(builder, "time_hi_ns", point->time_hi_ns);
    add_text(builder, "stop", point->stop);
    add_text(builder, "yardstick", point->yardstick);
    add_number(builder, "speedup", point->speedup);
    add_number(builder, "speedup_lo", point->speedup_lo);
    add_number(builder, "speedup_hi", point->speedup_hi);
    add_text(builder, "blas_core", point->blas_core);
    add_number(builder, "plan_ns", point->plan_ns);
    add_number(builder, "plan_bytes", point->plan_bytes);
}

/* What it cost by model, and what that makes of the time. */
static void add_cost(struct builder *builder, const struct store_point *point)
{
    add_number(builder, "flops", point->flops);
    add_number(builder, "bytes", point->bytes);
    add_number(builder, "gflops", point->flops / point->time_ns);
    add_number(builder, "gbps", point->bytes / point->time_ns);
    add_number(builder, "flops_ratio", point->flops_ratio);
    add_number(builder, "bound_ratio", point->bound_ns / point->time_ns);
    add_number(builder, "selected", point->selected);
    add_number(builder, "distinct_rows", point->distinct_rows);
}

bool print_point_json(FILE *out, int64_t run_id, const char *suite, const struct store_point *point)
{
    struct builder builder = {.object = cJSON_CreateObject()};
    builder.ok = builder.object != NULL;
    add_count(&builder, "run_id", run_id);
    add_text(&builder, "suite", suite);
    add_case(&builder, point);
    add_outcome(&builder, point);
    add_cost(&builder, point);
    char *text = builder.ok ? cJSON_PrintUnformatted(builder.object) : NULL;
    if (text) {
        fprintf(out, "%s\n", text);
        fflush(out); /* who reads along sees each point when it is stored */
    }
    cJSON_free(text);
    cJSON_Delete(builder.object);
    return text != NULL;
}

/* ---- Table --------------------------------------------------------------------------------- */

struct print_row print_row(const struct store_point *point, const char *kernel)
{
    struct print_row row = {.status = point->status,
                            .time_ns = point->time_ns,
                            .time_lo_ns = point->time_lo_ns,
                            .time_hi_ns = point->time_hi_ns,
                            .speedup = point->speedup,
                            .speedup_lo = point->speedup_lo,
                            .speedup_hi = point->speedup_hi,
                            .flops_ratio = point->flops_ratio,
                            .plan_ns = point->plan_ns,
                            .plan_bytes = point->plan_bytes};
    snprintf(row.kernel, sizeof row.kernel, "%s", kernel);
    snprintf(row.reason, sizeof row.reason, "%.*s", (int)sizeof row.reason - 1,
             point->reason ? point->reason : "");
    return row;
}

/* "48.1 us": three digits and the unit that suits the value; nothing for NaN. */
static void unit_text(double value, const char *const units[4], char ret[24])
{
    size_t unit = 0;
    while (unit < 3 && value >= 999.5) {
        value /= 1000;
        unit++;
    }
    int digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    ret[0] = '\0';
    if (isfinite(value))
        snprintf(ret, 24, "%.*f %s", digits, value, units[unit]);
}

static void time_text(double time_ns, char ret[24])
{
    static const char *const units[4] = {"ns", "us", "ms", "s"};
    unit_text(time_ns, units, ret);
}

static void memory_text(double bytes, char ret[24])
{
    static const char *const units[4] = {"B", "kB", "MB", "GB"};
    unit_text(bytes, units, ret);
}

/* A factor with two decimals, or nothing where there is none. */
static void ratio_text(double ratio, char ret[16])
{
    ret[0] = '\0';
    if (isfinite(ratio))
        snprintf(ret, 16, "%.2fx", ratio);
}

/* With the columns of plans, or without. */
static void print_line(FILE *out, const struct print_row *row, bool plans)
{
    char time[24], plan[24], memory[24], width[16] = "", speedup[16], promised[16],
                                         interval[40] = "";
    time_text(row->time_ns, time);
    time_text(row->plan_ns, plan);
    memory_text(row->plan_bytes, memory);
    if (isfinite(row->time_ns))
        snprintf(width, sizeof width, "%.1f %%",
                 100 * (row->time_hi_ns - row->time_lo_ns) / row->time_ns);
    ratio_text(row->speedup, speedup);
    ratio_text(row->flops_ratio, promised);
    if (isfinite(row->speedup))
        snprintf(interval, sizeof interval, "%.2f..%.2f", row->speedup_lo, row->speedup_hi);
    fprintf(out, "  %-16s %9s %7s %8s %12s %9s", row->kernel, time, width, speedup, interval,
            promised);
    if (plans)
        fprintf(out, " %8s %8s", plan, memory);
    fprintf(out, "  %s%s%s\n", row->status, row->reason[0] ? ": " : "", row->reason);
}

void print_table(FILE *out, const char *shape_text, const struct print_row *rows, size_t count)
{
    bool plans = false;
    for (size_t i = 0; i < count; i++)
        plans = plans || isfinite(rows[i].plan_ns);
    fprintf(out, "\n%s\n  %-16s %9s %7s %8s %12s %9s", shape_text, "kernel", "time", "width",
            "speedup", "95 %", "promised");
    if (plans)
        fprintf(out, " %8s %8s", "plan", "memory");
    fprintf(out, "  status\n");
    for (size_t i = 0; i < count; i++)
        print_line(out, &rows[i], plans);
}

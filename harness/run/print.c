/* print.c - the table of a sweep and its JSON. */
#include "run/print.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/terminal.h"

#define TABLE_WIDTH 70 /* of a row before its status */
#define PLANS_WIDTH 18 /* of the columns of plans */
#define STATUS_WIDTH 6

/* ---- JSON ---------------------------------------------------------------------------------- */

/* Every column of the view, by its type. */
static void add_point(struct json *json, const struct store_point *point)
{
#define ADD_TEXT(name) json_text(json, json->root, #name, point->name)
#define ADD_INTEGER(name) json_number(json, json->root, #name, (double)point->name)
#define ADD_REAL(name) json_number(json, json->root, #name, point->name)
#define ADD_FLAG(name) json_number(json, json->root, #name, point->name ? 1 : 0)
#define IN_VIEW(statement) statement
#define IN_TABLE(statement)
#define COLUMN(type, name, unit, place, meaning) IN_##place(ADD_##type(name);)
#define DERIVED(name, unit, value, meaning) json_number(json, json->root, #name, value);
#define FOREIGN(...)
#include "point.def"
#undef COLUMN
#undef DERIVED
#undef FOREIGN
}

enum outcome print_point_json(FILE *out, int64_t run_id, const char *suite,
                              const struct store_point *point, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    json_number(&json, json.root, "run_id", (double)run_id);
    json_text(&json, json.root, "suite", suite);
    add_point(&json, point);
    enum outcome outcome = json_print(&json, out, false, "the JSON of a point", error);
    json_clear(&json);
    fflush(out); /* who reads along sees each point when it is stored */
    return outcome;
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
    static const char *const units[4] = {"ns", "µs", "ms", "s"};
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

/* A row of the table, no wider than `columns`; with the columns of plans, or without. */
static void print_line(FILE *out, const struct print_row *row, bool plans, size_t columns)
{
    char time[24], plan[24], memory[24], width[16] = "", speedup[16], promised[16],
                                         interval[40] = "", status[192];
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
    snprintf(status, sizeof status, "%s%s%s", row->status, row->reason[0] ? ": " : "", row->reason);
    /* µ is two bytes and one column wide. */
    int wide = 9 + (int)(strlen(time) - terminal_width(time));
    fprintf(out, "  %-16s %*s %7s %8s %12s %9s", row->kernel, wide, time, width, speedup, interval,
            promised);
    if (plans)
        fprintf(out, " %*s %8s", 8 + (int)(strlen(plan) - terminal_width(plan)), plan, memory);
    size_t used = (plans ? PLANS_WIDTH : 0) + TABLE_WIDTH;
    fprintf(out, "  %.*s\n", (int)(columns > used ? columns - used : 0), status);
}

void print_table(FILE *out, const char *shape_text, const struct print_row *rows, size_t count,
                 size_t columns)
{
    bool plans = false;
    for (size_t i = 0; i < count; i++)
        plans = plans || isfinite(rows[i].plan_ns);
    plans = plans && columns >= TABLE_WIDTH + PLANS_WIDTH + STATUS_WIDTH;
    fprintf(out, "\n");
    terminal_wrap(out, shape_text, 0, columns);
    fprintf(out, "  %-16s %9s %7s %8s %12s %9s", "kernel", "time", "width", "speedup", "95 %",
            "promised");
    if (plans)
        fprintf(out, " %8s %8s", "plan", "memory");
    fprintf(out, "  status\n");
    for (size_t i = 0; i < count; i++)
        print_line(out, &rows[i], plans, columns);
}

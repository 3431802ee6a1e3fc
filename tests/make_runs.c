/* make_runs.c - `make_runs DATABASE`: runs that differ in all that a run may differ in, with
 * made-up times, for test_runs.sh to draw. Prints how many. The same numbers every time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"
#include "base/rng.h"
#include "base/util.h"
#include "store.h"

#define LIST 10
#define SAMPLES 24
#define COUNTERS 3
#define WAITING 256

/* The points of a run: all that its lists allow. Empty lists and 0: as in defaults(). */
struct plan {
    const char *suite;
    int64_t n[LIST], d[LIST], batch[LIST], threads[LIST]; /* d[i] goes with n[i] */
    double active[LIST];
    const char *kernel[16], *dtype[LIST], *cache[LIST], *select[LIST], *layer[LIST], *isa[LIST];
    const char *gate, *unselected;
    int64_t block;
    double width;      /* of intervals, relative */
    int bad_every;     /* every so many points failed, the next is noisy, the next skipped */
    double unit_ns;    /* time of one multiply-add */
    bool counted;      /* cache misses are there */
    bool bare;         /* no ceilings, samples, plans, FLOPs or bytes */
    bool selection;    /* of `midl select` */
    int seeds, levels; /* of training: seeds, and values of each axis */
    bool crowded;      /* of training: many methods */
    bool told;         /* mutual information */
};

#define DENSE "linear", "linear-onednn", "linear-blis", "linear-rows"
#define ALL DENSE, "auto", "simd", "lists", "hybrid", "masked", "gather", "dense", "dense-rows"

static const struct plan plans[] = {
    {.suite = "one", .n = {64}, .active = {0.45}, .kernel = {"linear", "simd"}},
    {.suite = "all variants", .n = {64}, .active = {0.45}, .kernel = {ALL}},
    {.suite = "two k, two batches",
     .n = {64},
     .active = {0.1, 0.45},
     .batch = {1, 3},
     .kernel = {ALL}},
    {.suite = "sizes",
     .n = {32, 64, 128, 256},
     .active = {0.05, 0.24, 0.43, 0.62, 0.81, 1},
     .kernel = {ALL}},
    {.suite = "not square", .n = {96}, .d = {33}, .active = {0.2, 0.5, 0.8}, .batch = {1, 7}},
    {.suite = "grid", .n = {40, 40, 960, 960}, .d = {64, 3300, 64, 3300}, .active = {0.1, 0.5, 1}},
    {.suite = "batch only", .n = {64, 128, 256}, .active = {0.45}, .batch = {1, 2, 4, 8, 16}},
    {.suite = "eight sizes", .n = {48, 64, 80, 96, 112, 128, 144, 160}, .active = {0.1, 0.3, 0.7}},
    {.suite = "types", .n = {64, 128}, .active = {0.1, 0.45}, .dtype = {"f32", "bf16", "int8"}},
    {.suite = "threads", .n = {64, 128}, .active = {0.45}, .batch = {1, 4}, .threads = {1, 2}},
    {.suite = "blocks",
     .n = {128},
     .active = {0.25, 0.5},
     .batch = {1, 4},
     .select = {"topk", "block"},
     .block = 16},
    {.suite = "thresholds",
     .n = {64, 128},
     .active = {0.45, 0.9},
     .select = {"threshold"},
     .gate = "full"},
    {.suite = "caches", .n = {64, 128}, .active = {0.1, 0.45}, .cache = {"warm", "cold"}},
    {.suite = "masks",
     .n = {64, 4096},
     .active = {0.4},
     .layer = {"random", "skewed"},
     .batch = {4, 16}},
    {.suite = "ends",
     .n = {64, 96},
     .active = {1e-9, 0.5, 1},
     .unselected = "zero",
     .gate = "shared"},
    {.suite = "tiny", .n = {1, 2, 3}, .d = {1, 1, 1}, .active = {1}, .unit_ns = 1e-3},
    {.suite = "instruction sets",
     .n = {96},
     .active = {0.2, 0.45, 0.8},
     .kernel = {ALL},
     .isa = {"avx512", "avx2", "portable"}},
    {.suite = "many batches",
     .n = {64, 96},
     .active = {0.1, 0.4, 0.7, 1},
     .batch = {1, 2, 5, 33, 100, 4096}},
    {.suite = "noise",
     .n = {64, 128, 512},
     .active = {0.1, 0.45, 0.8},
     .batch = {1, 8},
     .width = 3},
    {.suite = "failures",
     .n = {64, 128},
     .active = {0.1, 0.45, 0.8},
     .batch = {1, 4},
     .kernel = {ALL},
     .bad_every = 4},
    {.suite = "bare", .n = {64, 128}, .active = {0.1, 0.45, 0.8}, .bare = true},
    {.suite = "counted", .n = {256, 1024}, .active = {0.1, 0.45, 0.8}, .counted = true},
    {.suite = "slow", .n = {65536, 131072}, .active = {0.1, 0.5, 0.9}, .unit_ns = 100},
    {.suite = "selection", .n = {64, 256, 1024}, .active = {0.1, 0.45}, .selection = true},
    {.suite = "selection of one k", .n = {64, 4096}, .active = {0.45}, .selection = true},
    {.suite = "watched", .n = {64, 128}, .active = {0.45}},
    {.suite = "watched", .n = {64, 128}, .active = {0.45}},
    {.suite = "watched", .n = {64, 128}, .active = {0.45}},
    {.suite = "watched", .n = {64, 128}, .active = {0.45}},
    {.suite = "watched", .n = {64, 128}, .active = {0.45}},
    {.suite = "trained", .seeds = 3, .levels = 4},
    {.suite = "trained once", .seeds = 1, .levels = 2},
    {.suite = "told", .told = true},
    {.suite = "trained by many methods", .seeds = 2, .levels = 3, .crowded = true},
};

static struct store *store;
static int64_t run;
static struct rng rng;
static int key; /* number of the next point */

static void need(enum store_status status)
{
    if (status == STORE_OK)
        return;
    fprintf(stderr, "make_runs: %s\n", store_error(store));
    exit(1);
}

/* ---- Points ---------------------------------------------------------------------------------- */

/* What a point is of: its place in the lists. */
struct at {
    size_t n, active, batch, threads, kernel, dtype, cache, select, layer, isa;
};

static double shaken(double value, double width)
{
    return value * (1 + width * (rng_uniform(&rng) - 0.5));
}

/* Time relative to the fastest dense layer, by share of active neurons and inputs. */
static double relative(const char *kernel, double active, double batch)
{
    static const struct {
        const char *kernel;
        double fixed, by_share;
    } models[] = {{"linear", 1, 0},         {"linear-onednn", 1.1, 0}, {"linear-blis", 1.3, 0},
                  {"linear-rows", 1.05, 0}, {"auto", 0.16, 0.95},      {"simd", 0.15, 1},
                  {"lists", 0.18, 1.1},     {"hybrid", 0.2, 1.15},     {"masked", 0.3, 1.5},
                  {"gather", 0.25, 1.2},    {"dense", 1.2, 0},         {"dense-rows", 1.15, 0}};
    double spread = 1 + 0.1 * log2(batch);
    for (size_t i = 0; i < COUNT(models); i++)
        if (strcmp(models[i].kernel, kernel) == 0)
            return models[i].fixed + models[i].by_share * active * spread;
    return 2;
}

static void set_status(const struct plan *plan, struct store_point *point)
{
    static const char *const bad[] = {"failed", "noisy", "skipped"};
    size_t i = plan->bad_every ? (size_t)(key % plan->bad_every) : COUNT(bad);
    if (i < COUNT(bad)) {
        point->status = bad[i];
        point->reason = "as the test wants";
    }
    if (plan->width > 0.1 && i == COUNT(bad))
        point->status = "noisy";
    if (i == 0 || i == 2)
        point->time_ns = point->time_lo_ns = point->time_hi_ns = point->speedup =
            point->speedup_lo = point->speedup_hi = NAN;
}

static void set_times(const struct plan *plan, struct store_point *point)
{
    double width = plan->width > 0 ? plan->width : 0.04,
           unit = plan->unit_ns > 0 ? plan->unit_ns : 0.05;
    double layer = 20 + unit * (double)(point->d * point->n) * pow((double)point->batch, 0.8);
    double active = (double)point->k / (double)point->n;
    double type = strcmp(point->dtype, "f32") == 0    ? 1
                  : strcmp(point->dtype, "bf16") == 0 ? 0.7
                                                      : 0.6;
    double share = relative(point->kernel, active, (double)point->batch) * type;
    share *= (strcmp(point->cache, "cold") == 0 ? 1.4 : 1) *
             (strcmp(point->isa, "avx512") == 0 ? 1 : 1.3);
    share = shaken(share, 0.05) / (1 + 0.6 * ((double)point->threads - 1));
    point->time_ns = layer * share;
    point->time_lo_ns = point->time_ns * (1 - fmin(0.9, width / 2));
    point->time_hi_ns = point->time_ns * (1 + width / 2);
    point->speedup = 1 / share;
    point->speedup_lo = point->speedup * (1 - fmin(0.9, width / 2));
    point->speedup_hi = point->speedup * (1 + width / 2);
    point->yardstick = "linear";
    point->flops_ratio = point->linear ? 1 : 1 / (0.14 + active);
    if (plan->bare)
        return;
    point->plan_ns = 10 * point->time_ns;
    point->plan_bytes = 4 * (double)(point->d * point->n);
    point->flops = 2 * (double)(point->d * point->n * point->batch) / point->flops_ratio;
    point->bytes = 4 * (double)(point->d * point->n) / point->flops_ratio;
    point->bound_ns = 0.7 * point->time_ns;
}

/* Points that wait to be stored together, with what belongs to them. */
static struct waiting {
    char shape[96];
    struct store_sample samples[SAMPLES];
    struct store_counter counters[COUNTERS];
} waiting[WAITING];
static struct store_point points[WAITING];
static size_t waiting_count;

/* Where the time of a call goes, of one variant. */
static void put_parts(const struct store_point *point)
{
    double ns = point->time_ns;
    const struct store_part parts[] = {{"all", ns, 0.99 * ns, 1.01 * ns},
                                       {"gate", 0.1 * ns, 0.09 * ns, 0.11 * ns},
                                       {"select", 0.05 * ns, 0.04 * ns, 0.06 * ns},
                                       {"light", 0.15 * ns, 0.14 * ns, 0.16 * ns},
                                       {"full", 0.7 * ns, 0.69 * ns, 0.71 * ns}};
    if (ns > 0 && strcmp(point->kernel, "lists") == 0 && strcmp(point->layer, "skewed") == 0)
        need(store_put_parts(store, run, point->shape_key, point->kernel, point->isa, point->dtype,
                             parts, COUNT(parts)));
}

static void put_waiting(void)
{
    need(store_put_points(store, run, points, waiting_count));
    for (size_t i = 0; i < waiting_count; i++)
        put_parts(&points[i]);
    waiting_count = 0;
}

static void fill_samples(struct store_sample *samples, double time_ns)
{
    for (int i = 0; i < SAMPLES; i++) {
        bool disturbed = i % 7 == 6;
        double ns = shaken(time_ns, 0.06) * (disturbed ? 1.3 : 1);
        samples[i] = (struct store_sample){.round = i,
                                           .iterations = 10,
                                           .real_ns = ns,
                                           .cpu_ns = ns,
                                           .disturbed = disturbed,
                                           .reference_ns = NAN,
                                           .stolen = NAN};
    }
}

static void put_point(const struct plan *plan, struct store_point point)
{
    struct waiting *parts = &waiting[waiting_count];
    snprintf(parts->shape, sizeof parts->shape, "%d/%d/%d/%d/%d/%s/%s/%s/%s", (int)point.d,
             (int)point.n, (int)point.k, (int)point.batch, (int)point.threads, point.dtype,
             point.cache, point.select_mode, point.layer);
    point.shape_key = parts->shape;
    key++;
    point.stop = "target";
    set_times(plan, &point);
    set_status(plan, &point);
    bool timed = point.time_ns > 0;
    fill_samples(parts->samples, point.time_ns);
    parts->counters[0] =
        (struct store_counter){"l1d_misses", "callgrind", NULL, point.bytes / 50, NAN};
    parts->counters[1] =
        (struct store_counter){"ll_misses", "callgrind", NULL, point.bytes / 5000, NAN};
    parts->counters[2] =
        (struct store_counter){"cache_lines", "model", NULL, point.bytes / 64, NAN};
    point.samples = parts->samples;
    point.sample_count = timed && !plan->bare ? SAMPLES : 0;
    point.counters = parts->counters;
    point.counter_count = timed && plan->counted ? COUNTERS : 0;
    points[waiting_count++] = point;
    if (waiting_count == WAITING)
        put_waiting();
}

static void put_layer_point(const struct plan *plan, const struct at *at)
{
    struct store_point point = store_point_blank;
    point.kernel = plan->kernel[at->kernel];
    point.linear = strncmp(point.kernel, "linear", 6) == 0;
    point.isa = point.linear ? "generic" : plan->isa[at->isa];
    if (point.linear && at->isa > 0) /* once */
        return;
    point.dtype = plan->dtype[at->dtype];
    point.n = plan->n[at->n];
    point.d = plan->d[at->n] ? plan->d[at->n] : point.n;
    point.k = (int64_t)round(plan->active[at->active] * (double)point.n);
    point.rank = point.n / 32 > 0 ? point.n / 32 : 1;
    point.gate = plan->gate;
    point.gate_rank = strcmp(plan->gate, "lowrank") == 0 ? point.rank : 0;
    point.select_mode = plan->select[at->select];
    point.block = strcmp(point.select_mode, "block") == 0 ? plan->block : 0;
    if (strcmp(point.select_mode, "threshold") == 0)
        point.threshold = 0.5;
    point.unselected = plan->unselected;
    point.batch = plan->batch[at->batch];
    point.threads = plan->threads[at->threads];
    point.cache = plan->cache[at->cache];
    point.input = "random";
    point.layer = plan->layer[at->layer];
    point.status = "ok";
    point.error_ratio = 0.1;
    put_point(plan, point);
}

/* Step to the next place in the lists, the last index first; false after the last. */
static bool next(const struct plan *plan, struct at *at)
{
#define STEP(list)                                                                                 \
    if (++at->list < COUNT(plan->list) && plan->list[at->list])                                    \
        return true;                                                                               \
    at->list = 0;
    STEP(isa)
    STEP(kernel)
    STEP(cache)
    STEP(dtype)
    STEP(layer)
    STEP(select)
    STEP(threads)
    STEP(batch)
    if (++at->active < LIST && plan->active[at->active] > 0)
        return true;
    at->active = 0;
    STEP(n)
#undef STEP
    return false;
}

static void put_layers(const struct plan *plan)
{
    static const struct store_ceiling ceilings[] = {
        {"bandwidth", "L1", 1, 16384, 300},      {"bandwidth", "L2", 1, 1 << 19, 120},
        {"bandwidth", "memory", 1, 1 << 28, 12}, {"flops", "avx512/f32", 1, 0, 90},
        {"flops", "avx2/f32", 1, 0, 50},         {"flops", "avx512/bf16", 1, 0, 88}};
    struct at at = {0};
    if (!plan->bare)
        need(store_put_ceilings(store, run, ceilings, COUNT(ceilings)));
    do
        put_layer_point(plan, &at);
    while (next(plan, &at));
}

static void put_selections(const struct plan *plan)
{
    static const char *const methods[] = {"topk", "introselect", "heap", "radix", "sort"};
    for (size_t i = 0; plan->n[i]; i++)
        for (size_t j = 0; plan->active[j] > 0; j++)
            for (size_t m = 0; m < COUNT(methods); m++) {
                struct store_point point = store_point_blank;
                point.kernel = methods[m];
                point.isa = m == 0 ? "avx512" : "generic";
                point.dtype = "f32";
                point.n = plan->n[i];
                point.k = (int64_t)round(plan->active[j] * (double)plan->n[i]);
                point.gate = point.unselected = point.layer = "none";
                point.select_mode = "topk";
                point.batch = 8;
                point.threads = 1;
                point.cache = "warm";
                point.input = "normal";
                point.status = "ok";
                put_point(plan, point);
            }
}

/* ---- Training -------------------------------------------------------------------------------- */

static void put_answer(const struct store_accuracy *like, const char *method, uint64_t seed,
                       double accuracy)
{
    struct store_accuracy answer = *like;
    answer.method = method;
    answer.seed = seed;
    answer.accuracy = shaken(accuracy, 0.02);
    if (strcmp(method, "dense") == 0)
        answer.active = answer.flops_ratio = NAN;
    need(store_put_accuracies(store, run, &answer, 1));
}

static void put_training(const struct plan *plan)
{
    static const char *const methods[] = {"dense",        "dropout",   "low-rank",
                                          "midl",         "random-k",  "static-k",
                                          "dense-narrow", "converted", "converted-random"};
    size_t count = plan->crowded ? COUNT(methods) : 6;
    static const char *const sets[] = {"digits", "a set with a long name"};
    for (size_t s = 0; s < COUNT(sets); s++)
        for (size_t m = 0; m < count; m++)
            for (int seed = 1; seed <= plan->seeds; seed++)
                for (int i = 0; i < 3 * plan->levels; i++) {
                    int level = i % plan->levels, axis = i / plan->levels;
                    struct store_accuracy answer = {.dataset = sets[s],
                                                    .model = "8",
                                                    .epoch = 1,
                                                    .split = "test",
                                                    .k = -1,
                                                    .active = axis == 0 ? 0.45 - 0.1 * level : 0.45,
                                                    .loss = NAN,
                                                    .flops_ratio = 1.7,
                                                    .noise = axis == 1 ? level : 0,
                                                    .train_size = axis == 2 ? 1000 >> level : 1000,
                                                    .epochs = 1,
                                                    .epoch_s = 0.5,
                                                    .peak_bytes = 1e8 + 1e7 * (double)m,
                                                    .explained = NAN};
                    if (level > 0 || axis == 0)
                        put_answer(&answer, methods[m], (uint64_t)seed,
                                   0.9 - 0.03 * level - 0.01 * (double)m);
                }
}

/* Whole networks of the first data set: of plain ones and of MID-L, at two batches. */
static void put_networks(void)
{
    static const struct {
        const char *kernel, *method;
        double active, us;
    } rows[] = {{"linear", "dense", NAN, 100},  {"low-rank", "low-rank", NAN, 60},
                {"simd", "midl", 0.45, 65},     {"simd", "midl", 0.35, 55},
                {"simd", "random-k", 0.45, 64}, {"lists", "midl-block", 0.45, 61}};
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        struct store_point point = store_point_blank;
        char shape[96];
        int64_t batch = i < COUNT(rows) ? 1 : 64;
        double us = rows[i % COUNT(rows)].us * (batch == 1 ? 1 : 20);
        snprintf(shape, sizeof shape, "network %zu", i);
        point.shape_key = shape;
        point.kernel = rows[i % COUNT(rows)].kernel;
        point.method = rows[i % COUNT(rows)].method;
        point.active_mean = rows[i % COUNT(rows)].active;
        point.isa = "avx2";
        point.dtype = "f32";
        point.linear = strcmp(point.method, "dense") == 0;
        point.d = point.n = 8;
        point.gate = "shared";
        point.select_mode = "topk";
        point.unselected = "light";
        point.batch = batch;
        point.threads = 1;
        point.cache = "warm";
        point.input = point.layer = "file";
        point.status = "ok";
        point.time_ns = 1e3 * us;
        point.time_lo_ns = 0.98e3 * us;
        point.time_hi_ns = 1.02e3 * us;
        point.speedup = point.speedup_lo = point.speedup_hi = rows[0].us / rows[i % COUNT(rows)].us;
        point.plan_bytes = 100;
        point.flops_ratio = point.linear ? 1 : 1.7;
        point.scope = "network";
        point.dataset = "digits";
        point.model = "8";
        need(store_put_points(store, run, &point, 1));
    }
}

static void put_told(void)
{
    static const char *const quantities[] = {"y",
                                             "y selected",
                                             "y unselected",
                                             "y static",
                                             "y other",
                                             "y random",
                                             "y selected, labels shuffled",
                                             "F selected",
                                             "F unselected",
                                             "L",
                                             "mask"};
    for (size_t i = 0; i < COUNT(quantities); i++) {
        double nats = 0.4 - 0.04 * (double)i;
        const struct store_smi row = {.dataset = "digits",
                                      .layer = "somewhere/a-layer.safetensors",
                                      .quantity = quantities[i],
                                      .points = 500,
                                      .slices = 100,
                                      .neighbours = 3,
                                      .active = 0.45,
                                      .nats = nats,
                                      .nats_lo = nats - 0.02,
                                      .nats_hi = nats + 0.02};
        need(store_put_smi(store, run, &row, 1));
    }
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static struct plan defaults(struct plan plan)
{
    static const char *const kernels[] = {"linear", "linear-rows", "auto", "simd", "lists"};
    if (!plan.batch[0])
        plan.batch[0] = 1;
    if (!plan.threads[0])
        plan.threads[0] = 1;
    if (!plan.kernel[0])
        memcpy(plan.kernel, kernels, sizeof kernels);
    if (!plan.dtype[0])
        plan.dtype[0] = "f32";
    if (!plan.cache[0])
        plan.cache[0] = "warm";
    if (!plan.select[0])
        plan.select[0] = "topk";
    if (!plan.layer[0])
        plan.layer[0] = "random";
    if (!plan.isa[0])
        plan.isa[0] = "avx512";
    if (!plan.gate)
        plan.gate = "lowrank";
    if (!plan.unselected)
        plan.unselected = "light";
    return plan;
}

static void put_run(struct plan plan)
{
    const struct store_run facts = {.suite = plan.suite,
                                    .suite_hash = plan.suite,
                                    .git_commit = "abcdef0123",
                                    .version = "1",
                                    .host = "here",
                                    .cpu = "A Processor With a Long Name @ 2.70GHz",
                                    .isa = "avx512",
                                    .compiler = "gcc 12.2.0",
                                    .flags = "-O3",
                                    .argv = "midl",
                                    .seed = 1};
    const struct store_fact more[] = {{"microarchitecture", "Zen 4"},
                                      {"hypervisor", "KVM"},
                                      {"openblas", "OpenBLAS 0.3.21 DYNAMIC_ARCH"},
                                      {"openblas_core", "Cooperlake"},
                                      {"onednn", "2.6.3"},
                                      {"blis", "0.9.0"}};
    need(store_run_begin(store, &facts, more, plan.bare ? 0 : COUNT(more), &run));
    if (plan.selection)
        put_selections(&plan);
    else if (plan.seeds)
        put_training(&plan), put_networks();
    else if (plan.told)
        put_told();
    else
        put_layers(&plan);
    put_waiting();
    need(store_run_end(store, run, "finished"));
}

int main(int argc, char **argv)
{
    char error[STORE_ERROR_SIZE];
    if (argc != 2 || store_open(argv[1], STORE_WRITE, &store, error) != STORE_OK) {
        fprintf(stderr, "make_runs: %s\n", argc == 2 ? error : "usage: make_runs DATABASE");
        return 1;
    }
    rng = rng_seed(1);
    for (size_t i = 0; i < COUNT(plans); i++)
        put_run(defaults(plans[i]));
    store_close(store);
    printf("%zu\n", COUNT(plans));
    return 0;
}

/* plan.c - a layer and inputs made of the bytes, planned and run, against the oracle.
 *
 * Sixteen bytes say shape, rule and variant; each further one is a number: mostly small, with zeros
 * of both signs, denormal numbers, infinities and NaN among them where the oracle has an answer:
 * in the gate's bias. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "verify/checker.h"
#include "verify/problem.h"

enum { HEAD = 16 };

/* Numbers from bytes, again from the first one after the last. */
struct source {
    const uint8_t *bytes;
    size_t count, next;
};

static uint8_t take_byte(struct source *source)
{
    return source->count ? source->bytes[source->next++ % source->count] : 0;
}

/* Small, so that no sum overflows. */
static float take_number(struct source *source)
{
    int byte = take_byte(source);
    return byte == 200 ? -0.0f : byte == 201 ? 1e-40f : (float)(byte - 128) / 32;
}

static float take_special(struct source *source)
{
    static const float specials[] = {INFINITY, -INFINITY, NAN,     0.0f,   -0.0f, 1e-40f, -1e-40f,
                                     FLT_MIN,  -104,      -103.9f, -87.4f, 88.0f, 1e30f,  -1e30f};
    const size_t count = sizeof specials / sizeof *specials;
    uint8_t byte = take_byte(source);
    return byte < count ? specials[byte] : (float)(byte - 128) / 16;
}

static float *array(struct source *source, size_t count, float (*take)(struct source *))
{
    float *values = malloc((count + 1) * sizeof *values);
    FUZZ_DEMAND(values != NULL);
    for (size_t i = 0; i < count; i++)
        values[i] = take(source);
    return values;
}

static struct midl_shape shape_of(const uint8_t *head)
{
    struct midl_shape shape = {.d = head[0] % 70 + 1u,
                               .n = head[1] % 200 + 1u,
                               .r = head[2] % 5 + 1u,
                               .rg = head[3] % 5 + 1u,
                               .gate = (enum midl_gate)(head[4] % 3),
                               .select = (enum midl_select)(head[5] % 3),
                               .block = head[6] % 2 ? 8 : 16,
                               .threshold = (float)(head[7] % 16) / 16,
                               .unselected = (enum midl_unselected)(head[8] % 2)};
    size_t unit = shape.select == MIDL_SELECT_BLOCK ? shape.block : 1;
    shape.n = (shape.n + unit - 1) / unit * unit;
    shape.k = head[9] % (shape.n / unit + 1) * unit;
    return shape;
}

/* Every array apart, so that a sanitizer sees a read beyond one. */
static void fill(struct problem *problem, struct source *source)
{
    const struct midl_shape *s = &problem->layer.shape;
    struct midl_layer *layer = &problem->layer;
    size_t gate_rank = s->gate == MIDL_GATE_SHARED ? s->r : s->rg;
    layer->gate_bias = array(source, s->n, take_special);
    problem->x = array(source, problem->batch * s->d, take_number);
    layer->full_weight = array(source, s->n * s->d, take_number);
    layer->full_bias = array(source, s->n, take_number);
    layer->light_down = array(source, s->r * s->d, take_number);
    layer->light_up = array(source, s->n * s->r, take_number);
    layer->light_bias = array(source, s->n, take_number);
    if (s->gate == MIDL_GATE_FULL)
        layer->gate_weight = array(source, s->n * s->d, take_number);
    if (s->gate == MIDL_GATE_LOWRANK)
        layer->gate_down = array(source, s->rg * s->d, take_number);
    if (s->gate != MIDL_GATE_FULL)
        layer->gate_up = array(source, s->n * gate_rank, take_number);
}

static void release(struct problem *problem)
{
    const struct midl_layer *l = &problem->layer;
    const float *arrays[] = {l->full_weight, l->full_bias,  l->light_down,
                             l->light_up,    l->light_bias, l->gate_weight,
                             l->gate_down,   l->gate_up,    l->gate_bias};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        free((void *)(uintptr_t)arrays[i]);
    free(problem->x);
}

/* A reference of nothing but zeros proves nothing, but isn't wrong. */
static bool right(const struct check_result *result)
{
    return result->ok || strncmp(result->reason, "mistrusted", 10) == 0;
}

static void check(const struct problem *problem, const struct midl_variant *variant, int threads)
{
    struct midl_plan_options options = {.size = sizeof options,
                                        .variant = midl_variant_name(variant),
                                        .dtype = midl_variant_dtype(variant),
                                        .max_batch = problem->batch + 1,
                                        .threads = threads};
    char reason[MIDL_REASON_SIZE] = "";
    struct midl_plan *plan = NULL;
    struct midl_oracle *oracle = NULL;
    struct check_result result;
    struct error error;
    if (midl_plan_create(&problem->layer, &options, &plan, reason) != MIDL_OK) {
        FUZZ_DEMAND(plan == NULL && reason[0]);
        return;
    }
    FUZZ_DEMAND(problem_oracle(problem, options.dtype, &oracle, &error) == OUTCOME_DONE);
    FUZZ_DEMAND(check_plan(plan, problem, oracle, false, &result, &error) == OUTCOME_DONE);
    if (!right(&result))
        fuzz_demand(false, result.reason, midl_variant_name(variant), threads);
    midl_oracle_destroy(oracle);
    midl_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    struct problem problem = {.batch = data[10] % 20 + 1u};
    struct source source = {data + HEAD, size - HEAD, 0};
    problem.layer.shape = shape_of(data);
    fill(&problem, &source);
    check(&problem, midl_variant_at((data[11] | data[12] << 8) % midl_variant_count()),
          data[13] % 2 + 1);
    release(&problem);
    return 0;
}

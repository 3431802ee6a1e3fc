/* plan.c - plan, then run: bind a layer to a variant, take all memory, pack; afterwards only run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choice.h"
#include "host.h"
#include "layer.h"
#include "variant.h"

struct midl_plan {
    struct variant_env env;
    struct choice choice;      /* of one variant, but for `auto` */
    struct choice_times times; /* of the last run's batch, where there is a choice */
    void *states[CHOICE_MOST]; /* the variants' */
    size_t ready;              /* how many have theirs */
    size_t chosen;             /* of the last run */
    struct layer_state *layer; /* NULL for a linear variant */
    size_t bytes;
};

static enum midl_status explain(enum midl_status status, char reason[MIDL_REASON_SIZE],
                                const char *text)
{
    snprintf(reason, MIDL_REASON_SIZE, "%s", text);
    return status;
}

/* ---- What a caller passes, by the size that the caller knows -------------------------------- */

/* How long the structs were when ABI 1 began; they never get shorter. */
#define LAYER_LEAST (offsetof(struct midl_layer, gate_bias) + sizeof(const float *))
#define OPTIONS_LEAST                                                                              \
    (offsetof(struct midl_plan_options, calibration) + sizeof(const struct midl_calibration *))

static bool all_zero(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Copy a struct that begins with its size as the caller's header has it. Members that the caller
 * doesn't know are 0; members that this library doesn't know must be. */
static enum midl_status take_struct(const char *what, const void *given, size_t least, void *ret,
                                    size_t ret_bytes, char reason[MIDL_REASON_SIZE])
{
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size == 0)
        size = least;
    bool known = size <= ret_bytes || all_zero((const char *)given + ret_bytes, size - ret_bytes);
    if (size < least || !known) {
        snprintf(reason, MIDL_REASON_SIZE,
                 size < least ? "%s.size is %zu, at least %zu are needed"
                              : "%s.size is %zu: values are set that this library, which knows "
                                "%zu bytes, doesn't have",
                 what, size, size < least ? least : ret_bytes);
        return MIDL_INVALID;
    }
    memset(ret, 0, ret_bytes);
    memcpy(ret, given, size < ret_bytes ? size : ret_bytes);
    return MIDL_OK;
}

/* Every array that the shape calls for must be there. */
static enum midl_status layer_check(const struct midl_layer *layer,
                                    const struct midl_variant *variant,
                                    char reason[MIDL_REASON_SIZE])
{
    enum midl_gate gate = layer->shape.gate;
    const char *missing = NULL;
    if (!layer->full_weight || !layer->full_bias)
        missing = "full.weight or full.bias";
    else if (variant->linear)
        return MIDL_OK;
    else if (!layer->light_down || !layer->light_up || !layer->light_bias)
        missing = "a tensor of the light path";
    else if (variant->light)
        return MIDL_OK;
    else if (gate == MIDL_GATE_FULL && !layer->gate_weight)
        missing = "gate.weight";
    else if (gate == MIDL_GATE_LOWRANK && !layer->gate_down)
        missing = "gate.down.weight";
    else if (gate != MIDL_GATE_FULL && !layer->gate_up)
        missing = "gate.up.weight";
    else if (!layer->gate_bias)
        missing = "the gate's bias";
    if (!missing)
        return MIDL_OK;
    snprintf(reason, MIDL_REASON_SIZE, "the layer lacks %s", missing);
    return MIDL_INVALID;
}

static enum midl_status find_variant(const struct midl_layer *layer,
                                     const struct midl_plan_options *options,
                                     const struct midl_variant **ret, char reason[MIDL_REASON_SIZE])
{
    const char *name = options->variant ? options->variant : "auto";
    const struct midl_variant *variant = midl_variant_find(name, options->dtype);
    enum midl_status status = midl_shape_check(&layer->shape, reason);
    if (status != MIDL_OK)
        return status;
    if (options->max_batch < 1 || options->max_batch > (size_t)1 << 30)
        return explain(MIDL_INVALID, reason, "the largest batch must be 1..2^30");
    if (options->threads < 1 || options->threads > 1024)
        return explain(MIDL_INVALID, reason, "the number of threads must be 1..1024");
    if (!variant) {
        snprintf(reason, MIDL_REASON_SIZE, "no variant '%.100s' for %s weights", name,
                 midl_dtype_name(options->dtype));
        return MIDL_INVALID;
    }
    status = layer_check(layer, variant, reason);
    if (status == MIDL_OK)
        status =
            midl_variant_fits(variant, &layer->shape, options->max_batch, options->threads, reason);
    if (status == MIDL_OK)
        *ret = variant;
    return status;
}

/* A variant's own part. */
static enum midl_status prepare_variant(struct midl_plan *plan, const struct variant_impl *impl,
                                        char reason[MIDL_REASON_SIZE])
{
    enum midl_status status = MIDL_OK;
    if (impl->create)
        status = impl->create(&plan->env, &plan->states[plan->ready], &plan->bytes, reason);
    plan->ready += status == MIDL_OK;
    return status;
}

/* The shared part and the variants' own. */
static enum midl_status prepare(struct midl_plan *plan, char reason[MIDL_REASON_SIZE])
{
    const struct midl_variant *variant = plan->choice.variants[0];
    const struct midl_layer *layer = &plan->env.layer;
    enum midl_status status = MIDL_OK;
    if (!variant->linear && !variant->light)
        status = layer_create(&plan->env, &plan->layer, &plan->bytes);
    if (status == MIDL_OK)
        status = midl_weights_create(variant->dtype, layer->shape.n, layer->shape.d,
                                     layer->full_weight, &plan->env.full, &plan->bytes, reason);
    for (size_t i = 0; i < plan->choice.count && status == MIDL_OK; i++)
        status = prepare_variant(plan, plan->choice.variants[i]->impl, reason);
    if (status == MIDL_NO_MEMORY)
        explain(status, reason, "not enough memory for the packed layer and its workspace");
    return status;
}

static enum midl_status plan_create(const struct midl_layer *layer,
                                    const struct midl_plan_options *options,
                                    struct midl_plan **ret_plan, char reason[MIDL_REASON_SIZE])
{
    const struct midl_variant *variant = NULL;
    enum midl_status status = find_variant(layer, options, &variant, reason);
    if (status != MIDL_OK)
        return status;
    struct midl_plan_options here = *options;
    here.threads = host_threads(options->threads);
    struct midl_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return explain(MIDL_NO_MEMORY, reason, "not enough memory for a plan");
    plan->env = (struct variant_env){.layer = *layer,
                                     .full = {.dtype = variant->dtype},
                                     .max_batch = options->max_batch,
                                     .threads = here.threads,
                                     .keep_logits = options->keep_logits,
                                     .ops = midl_simd_ops(),
                                     .core = midl_core()};
    plan->bytes = sizeof *plan;
    plan->choice.count = 1;
    plan->choice.variants[0] = variant;
    if (variant->impl->choose)
        variant->impl->choose(layer, &here, &plan->choice);
    status = prepare(plan, reason);
    if (status != MIDL_OK) {
        midl_plan_destroy(plan);
        return status;
    }
    *ret_plan = plan;
    return MIDL_OK;
}

enum midl_status midl_plan_create(const struct midl_layer *layer,
                                  const struct midl_plan_options *options,
                                  struct midl_plan **ret_plan, char reason[MIDL_REASON_SIZE])
{
    struct midl_layer own_layer;
    struct midl_plan_options own_options;
    enum midl_status status =
        take_struct("layer", layer, LAYER_LEAST, &own_layer, sizeof own_layer, reason);
    if (status == MIDL_OK)
        status = take_struct("options", options, OPTIONS_LEAST, &own_options, sizeof own_options,
                             reason);
    if (status != MIDL_OK)
        return status;
    uint64_t mode = host_mode_begin();
    status = plan_create(&own_layer, &own_options, ret_plan, reason);
    host_mode_end(mode);
    return status;
}

void midl_plan_destroy(struct midl_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->ready; i++)
        if (plan->states[i] && plan->choice.variants[i]->impl->destroy)
            plan->choice.variants[i]->impl->destroy(plan->states[i]);
    layer_destroy(plan->layer);
    midl_weights_destroy(&plan->env.full);
    free(plan);
}

enum midl_status midl_run(struct midl_plan *plan, size_t batch, const float *x, float *y)
{
    struct variant_batch call = {.batch = batch, .x = x, .y = y};
    enum midl_status status = MIDL_OK;
    if (plan->choice.variants[0]->impl->keeps_threads &&
        host_threads(plan->env.threads) != plan->env.threads)
        return MIDL_UNAVAILABLE;
    uint64_t mode = host_mode_begin();
    if (plan->layer) {
        status = layer_run(&plan->env, plan->layer, batch, x, y);
        call.selection = layer_selection(plan->layer);
        call.bits = layer_bits(plan->layer);
        plan->chosen = choice_for(&plan->choice, &plan->times, call.selection, call.bits);
    }
    plan->choice.variants[plan->chosen]->impl->run(&plan->env, plan->states[plan->chosen], &call);
    if (status == MIDL_NAN_LOGIT)
        layer_mark_nan(&plan->env, plan->layer, y);
    host_mode_end(mode);
    return status;
}

struct midl_selection midl_plan_selection(const struct midl_plan *plan)
{
    return plan->layer ? *layer_selection(plan->layer) : (struct midl_selection){0};
}

const float *midl_plan_logits(const struct midl_plan *plan)
{
    return plan->layer && plan->env.keep_logits ? layer_logits(plan->layer) : NULL;
}

const struct midl_variant *midl_plan_variant(const struct midl_plan *plan)
{
    return plan->choice.variants[plan->chosen];
}

bool midl_plan_refused(const struct midl_plan *plan)
{
    for (size_t i = 0; i < plan->ready; i++) {
        const struct variant_impl *impl = plan->choice.variants[i]->impl;
        if (impl->refused && impl->refused(plan->states[i]))
            return true;
    }
    return false;
}

size_t midl_plan_bytes(const struct midl_plan *plan)
{
    return plan->bytes;
}

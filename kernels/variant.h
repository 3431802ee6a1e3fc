/* variant.h - what a kernel variant is, inside the library.
 *
 * The plan runs gate, light path and selection with one routine shared by all variants (layer.c),
 * then hands the variant a batch whose y already holds the light values. The variant computes the
 * full path where it was asked to and blends. A linear variant, and one of the light path alone,
 * gets no selection and writes all y.
 *
 * To add one: write kernels/IDEA.c that defines MIDL_IMPL(IDEA), and add its row to variants.def.
 */
#ifndef MIDL_VARIANT_H
#define MIDL_VARIANT_H

#include "midl.h"
#include "simd/ops.h"
#include "weights.h"

struct choice;

/* The processor's traits, beside the instruction set, that sizes and forms of loops depend on. */
struct midl_core {
    size_t first_floats; /* of the first-level data cache: 8192 or more */
    bool shared_port;    /* shuffles start where multiply-adds do: Intel's; AMD's start beside */
};

struct midl_core midl_core(void);

/* The input of a variant's planning; outlives its state. */
struct variant_env {
    struct midl_layer layer;
    struct midl_weights full; /* W in the type of the plan; `choose` sees the type alone */
    size_t max_batch;
    int threads;
    bool keep_logits;
    const struct simd_ops *ops; /* shared routines in the best instruction set here */
    struct midl_core core;
};

/* One call. y: [B][n], holds L (zero where unselected = zero and the neuron is not selected). */
struct variant_batch {
    size_t batch;
    const float *x;                         /* [B][d] */
    float *y;                               /* [B][n] */
    const struct midl_selection *selection; /* NULL for a linear or light variant */
    const uint8_t *bits;                    /* [B][MIDL_BITS(n)]: the same, for vectors */
};

/* The one signature. create and destroy may be NULL if the variant keeps no state. */
struct variant_impl {
    const char *unavailable; /* why this build lacks it ("built without oneDNN"), else NULL */
    bool keeps_threads;      /* a plan runs on as many as it was made with, or not at all */
    /* Only `auto`: the variants of which each call takes one in its stead (choice.h). */
    void (*choose)(const struct midl_layer *layer, const struct midl_plan_options *options,
                   struct choice *ret);
    /* Pack weights, take workspace; memory taken is added to *bytes. On failure nothing is kept. */
    enum midl_status (*create)(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE]);
    void (*run)(const struct variant_env *env, void *state, const struct variant_batch *call);
    void (*destroy)(void *state);
    /* The answer of midl_plan_refused; NULL: never. */
    bool (*refused)(const void *state);
};

struct midl_variant {
    const char *name, *idea, *text, *file;
    enum midl_isa isa;
    enum midl_dtype dtype;
    size_t tile;
    bool linear, light; /* what midl_variant_is_linear and _is_light tell */
    bool blas;
    struct midl_excess excess;
    /* NULL if it serves every shape; else fills reason and returns false for those it doesn't. */
    bool (*fits)(const struct midl_shape *shape, size_t max_batch, int threads,
                 char reason[MIDL_REASON_SIZE]);
    /* Rows of W executed for FLOPs and touched for bytes: see cost.c. */
    void (*cost)(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                 const struct midl_selection *selection, struct midl_cost *ret);
    const struct variant_impl *impl;
};

/* Each file is compiled once per instruction set that a row of variants.def asks for, with MIDL_ISA
 * set to its name, and defines MIDL_IMPL(idea). */
#define MIDL_PASTE_(a, b) a##_##b
#define MIDL_PASTE(a, b) MIDL_PASTE_(a, b)
#define MIDL_ISA_SYMBOL(name) MIDL_PASTE(name, MIDL_ISA)
#define MIDL_IMPL(idea) const struct variant_impl MIDL_ISA_SYMBOL(midl_impl_##idea)

/* y_j from F_j, L_j and p_j: the blend of every variant, in two products and a sum that the build
 * never contracts (-ffp-contract=off), so that all variants round alike. */
static inline float midl_blend(float full, float light, float gate)
{
    return gate * full + (1.0f - gate) * light;
}

/* Blend the selected neurons of input b, whose full path is full [n], into its row y [n]. */
static inline void midl_blend_row(const struct midl_selection *selection, size_t b,
                                  const float *full, float *y)
{
    const uint32_t *index = selection->index + b * selection->stride;
    const float *gate = selection->gate + b * selection->stride;
    for (size_t i = 0; i < selection->count[b]; i++)
        y[index[i]] = midl_blend(full[index[i]], y[index[i]], gate[i]);
}

/* How many neurons an input is expected to select, by which a plan chooses its sizes. A threshold
 * lets through as many as the input asks for, k at most: a fifth of the neurons on average under
 * gates of trained and converted layers. */
static inline size_t midl_expected_count(const struct midl_shape *shape)
{
    size_t fifth = (shape->n + 4) / 5;
    return shape->select == MIDL_SELECT_THRESHOLD && shape->k > fifth ? fifth : shape->k;
}

/* The bits of input b. */
static inline const uint8_t *midl_selected_bits(const struct variant_batch *batch, size_t n,
                                                size_t b)
{
    return batch->bits + b * MIDL_BITS(n);
}

/* How many of input b's selected neurons come before `neuron`. */
static inline uint32_t midl_selected_before(const struct midl_selection *s, size_t b, size_t neuron)
{
    const uint32_t *index = s->index + b * s->stride;
    uint32_t first = 0, count = s->count[b];
    if (count == 0 || index[0] >= neuron) /* a thread's first panel, and its last below: often */
        return 0;
    if (index[count - 1] < neuron)
        return count;
    for (; count > 1; count -= count / 2)
        first += index[first + count / 2 - 1] < neuron ? count / 2 : 0;
    return first + (uint32_t)(index[first] < neuron);
}

/* The hash of the machine code of all variants, and of all that they run, for every instruction
 * set; 0 if the build can't tell. It doesn't change with comments, nor with the oracle. */
uint64_t code_hash_all(void);

#define MIDL_ALIGN 64 /* bytes: of every array that the library takes */

/* An array of the library: aligned, free() releases it. NULL if there is no memory. */
void *midl_array(size_t count, size_t element_bytes);

/* The same; what it took, which is more than was asked for, is added to *bytes. */
void *midl_take(size_t count, size_t element_bytes, size_t *bytes);

/* A variant's whole state, where that is an array of floats: what create returns; free() destroys
 * it. */
enum midl_status midl_state_floats(size_t count, void **ret_state, size_t *bytes);

#endif

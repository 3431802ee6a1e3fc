/* linear_onednn.c - the plain dense layer by oneDNN, weights packed ahead: the stronger yardstick
 * at batches from a handful up. One inner-product primitive for the largest batch and one for each
 * power of two below it, all on the same packed weights; a batch in between is done in pieces.
 * Serves both of the library's major versions, whose C interfaces differ in how a primitive is
 * described. */
#include <stdio.h>
#include <stdlib.h>

#include "midl_config.h"
#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(linear_onednn);

#if MIDL_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.h>

enum { PIECES_MOST = 32 };
enum { X, W, BIAS, Y, ARRAYS }; /* of one call */

struct piece {
    size_t batch;
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
    dnnl_memory_t x, y;
};

struct onednn_state {
    void *w; /* that weights lie in: huge pages, as other variants have them */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_memory_t weights, bias;
    struct piece pieces[PIECES_MOST]; /* largest first */
    size_t count;
    bool refused; /* oneDNN, in a run */
};

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t memory_description;
typedef const_dnnl_memory_desc_t memory_description_in;

static dnnl_status_t describe_memory(memory_description *ret, int ndims, const dnnl_dims_t dims,
                                     dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(ret, ndims, dims, dnnl_f32, tag);
}

static void forget(memory_description *description)
{
    dnnl_memory_desc_destroy(*description);
}

static memory_description_in in(const memory_description *description)
{
    return *description;
}

static dnnl_status_t describe_product(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                      memory_description_in x, memory_description_in weights,
                                      memory_description_in bias, memory_description_in y)
{
    return dnnl_inner_product_forward_primitive_desc_create(ret, engine, dnnl_forward_inference, x,
                                                            weights, bias, y, NULL);
}
#else
typedef dnnl_memory_desc_t memory_description;
typedef const dnnl_memory_desc_t *memory_description_in;

static dnnl_status_t describe_memory(memory_description *ret, int ndims, const dnnl_dims_t dims,
                                     dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(ret, ndims, dims, dnnl_f32, tag);
}

static void forget(memory_description *description)
{
    (void)description;
}

static memory_description_in in(const memory_description *description)
{
    return description;
}

static dnnl_status_t describe_product(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                      memory_description_in x, memory_description_in weights,
                                      memory_description_in bias, memory_description_in y)
{
    dnnl_inner_product_desc_t product;
    dnnl_status_t status =
        dnnl_inner_product_forward_desc_init(&product, dnnl_forward_inference, x, weights, bias, y);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(ret, &product, NULL, engine, NULL);
}
#endif

static void destroy(void *opaque)
{
    struct onednn_state *state = opaque;
    for (size_t i = 0; i < state->count; i++) {
        struct piece *piece = &state->pieces[i];
        dnnl_memory_destroy(piece->x);
        dnnl_memory_destroy(piece->y);
        dnnl_primitive_destroy(piece->primitive);
        dnnl_primitive_desc_destroy(piece->description);
    }
    dnnl_memory_destroy(state->weights);
    dnnl_memory_destroy(state->bias);
    dnnl_stream_destroy(state->stream);
    dnnl_engine_destroy(state->engine);
    free(state->w);
    free(state);
}

/* Describe the arrays of a batch; all begin empty, so that they can be forgotten at any time. */
static dnnl_status_t describe_arrays(memory_description ret[ARRAYS], size_t batch,
                                     const struct midl_shape *shape)
{
    const dnnl_dim_t B = (dnnl_dim_t)batch, d = (dnnl_dim_t)shape->d, n = (dnnl_dim_t)shape->n;
    dnnl_status_t status = describe_memory(&ret[X], 2, (dnnl_dims_t){B, d}, dnnl_ab);
    if (status == dnnl_success)
        status = describe_memory(&ret[W], 2, (dnnl_dims_t){n, d}, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = describe_memory(&ret[BIAS], 1, (dnnl_dims_t){n}, dnnl_a);
    if (status == dnnl_success)
        status = describe_memory(&ret[Y], 2, (dnnl_dims_t){B, n}, dnnl_ab);
    return status;
}

/* Make the primitive for one batch. The first is free to choose how weights are packed (packed:
 * NULL). */
static dnnl_status_t make_piece(struct onednn_state *state, const struct midl_shape *shape,
                                size_t batch, memory_description_in packed)
{
    memory_description arrays[ARRAYS] = {0};
    struct piece *piece = &state->pieces[state->count++];
    piece->batch = batch;
    dnnl_status_t status = describe_arrays(arrays, batch, shape);
    if (status == dnnl_success)
        status =
            describe_product(&piece->description, state->engine, in(&arrays[X]),
                             packed ? packed : in(&arrays[W]), in(&arrays[BIAS]), in(&arrays[Y]));
    if (status == dnnl_success)
        status = dnnl_primitive_create(&piece->primitive, piece->description);
    if (status == dnnl_success)
        status = dnnl_memory_create(&piece->x, in(&arrays[X]), state->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = dnnl_memory_create(&piece->y, in(&arrays[Y]), state->engine, DNNL_MEMORY_NONE);
    for (int i = 0; i < ARRAYS; i++)
        forget(&arrays[i]);
    return status;
}

/* Bytes of oneDNN's intermediate results, once for all pieces: they never run at once. */
static size_t scratch_bytes(const struct onednn_state *state)
{
    int64_t most = 0, bytes;
    for (size_t i = 0; i < state->count; i++)
        if (dnnl_primitive_desc_query(state->pieces[i].description,
                                      dnnl_query_memory_consumption_s64, 0,
                                      &bytes) == dnnl_success &&
            bytes > most)
            most = bytes;
    return (size_t)most;
}

/* Copy W into the packing that the first piece chose; the bias is used where it is. */
static dnnl_status_t pack(struct onednn_state *state, const struct midl_layer *layer,
                          memory_description_in packed)
{
    dnnl_dim_t d = (dnnl_dim_t)layer->shape.d, n = (dnnl_dim_t)layer->shape.n;
    memory_description plain = {0}, vector = {0};
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_status_t status = describe_memory(&plain, 2, (dnnl_dims_t){n, d}, dnnl_ab);
    if (status == dnnl_success)
        status = describe_memory(&vector, 1, (dnnl_dims_t){n}, dnnl_a);
    /* oneDNN's interface takes what it only reads without const. */
    union {
        const float *in;
        void *out;
    } weights = {layer->full_weight}, bias = {layer->full_bias};
    if (status == dnnl_success)
        status = dnnl_memory_create(&source, in(&plain), state->engine, weights.out);
    if (status == dnnl_success)
        status = dnnl_memory_create(&state->bias, in(&vector), state->engine, bias.out);
    if (status == dnnl_success)
        status = dnnl_memory_create(&state->weights, packed, state->engine, state->w);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&description, in(&plain), state->engine, packed,
                                                    state->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&reorder, description);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, state->weights}};
    if (status == dnnl_success)
        status = dnnl_primitive_execute(reorder, state->stream, 2, arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(state->stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(description);
    dnnl_memory_destroy(source);
    forget(&plain);
    forget(&vector);
    return status;
}

/* All primitives and what they share. */
static dnnl_status_t make_pieces(struct onednn_state *state, const struct variant_env *env,
                                 size_t *bytes)
{
    const struct midl_shape *shape = &env->layer.shape;
    memory_description_in packed = NULL;
    dnnl_status_t status = dnnl_engine_create(&state->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&state->stream, state->engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = make_piece(state, shape, env->max_batch, NULL);
    if (status == dnnl_success) {
        packed =
            dnnl_primitive_desc_query_md(state->pieces[0].description, dnnl_query_weights_md, 0);
        state->w = midl_take(dnnl_memory_desc_get_size(packed), 1, bytes);
        status = state->w ? pack(state, &env->layer, packed) : dnnl_out_of_memory;
    }
    for (size_t power = 32; status == dnnl_success && power-- > 0;)
        if ((size_t)1 << power < env->max_batch)
            status = make_piece(state, shape, (size_t)1 << power, packed);
    return status;
}

/* oneDNN takes its threads from OpenMP, when a primitive is made and when it runs. */
static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    struct onednn_state *state = calloc(1, sizeof *state);
    if (!state)
        return MIDL_NO_MEMORY;
    struct host_settings host = host_begin(env->threads);
    dnnl_status_t status = make_pieces(state, env, bytes);
    host_end(&host);
    if (status != dnnl_success) {
        destroy(state);
        snprintf(reason, MIDL_REASON_SIZE, "oneDNN refused the layer (status %d)", (int)status);
        return status == dnnl_out_of_memory ? MIDL_NO_MEMORY : MIDL_UNAVAILABLE;
    }
    *ret_state = state;
    *bytes += sizeof *state + scratch_bytes(state);
    return MIDL_OK;
}

static dnnl_status_t run_piece(struct onednn_state *state, struct piece *piece, const float *x,
                               float *y)
{
    union {
        const float *in;
        void *out;
    } input = {x};
    dnnl_memory_set_data_handle(piece->x, input.out);
    dnnl_memory_set_data_handle(piece->y, y);
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, piece->x},
                                   {DNNL_ARG_WEIGHTS, state->weights},
                                   {DNNL_ARG_BIAS, state->bias},
                                   {DNNL_ARG_DST, piece->y}};
    dnnl_status_t status = dnnl_primitive_execute(piece->primitive, state->stream, 4, arguments);
    dnnl_status_t waited = dnnl_stream_wait(state->stream);
    return status != dnnl_success ? status : waited;
}

/* Make from the rows, as they lie in the layer, what oneDNN refuses for lack of memory. */
static void run(const struct variant_env *env, void *opaque, const struct variant_batch *call)
{
    struct onednn_state *state = opaque;
    size_t d = env->layer.shape.d, n = env->layer.shape.n;
    struct host_settings host = host_begin(env->threads);
    for (size_t b = 0, i = 0; b < call->batch;) {
        while (state->pieces[i].batch > call->batch - b)
            i++;
        const float *x = call->x + b * d;
        float *y = call->y + b * n;
        if (run_piece(state, &state->pieces[i], x, y) != dnnl_success) {
            env->ops->rows(0, n, d, env->layer.full_weight, env->layer.full_bias,
                           state->pieces[i].batch, x, d, y, n);
            state->refused = true;
        }
        b += state->pieces[i].batch;
    }
    host_end(&host);
}

static bool refused(const void *opaque)
{
    const struct onednn_state *state = opaque;
    return state->refused;
}

MIDL_IMPL(linear_onednn) = {
    .keeps_threads = true, .create = create, .run = run, .destroy = destroy, .refused = refused};

#else
MIDL_IMPL(linear_onednn) = {.unavailable = "built without oneDNN"};
#endif

/* onednn.c - the two interfaces differ in how a primitive is described, and in nothing else. */
#include "learn/onednn.h"

#if MIDL_HAVE_ONEDNN

#include <string.h>

#if defined(_OPENMP)
#include <omp.h>
#endif

enum { ARGUMENTS_MOST = 10 };

bool onednn_begin(dnnl_engine_t *ret_engine)
{
#if defined(_OPENMP)
    omp_set_num_threads(1); /* primitives are made for as many threads as there are then */
#endif
    return dnnl_engine_create(ret_engine, dnnl_cpu, 0) == dnnl_success;
}

#if DNNL_VERSION_MAJOR >= 3
bool onednn_describe(onednn_memory *ret, int dims, const dnnl_dims_t sizes, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(ret, dims, sizes, dnnl_f32, tag) == dnnl_success;
}

void onednn_forget(onednn_memory *memory)
{
    dnnl_memory_desc_destroy(*memory);
}

onednn_memory_in onednn_in(const onednn_memory *memory)
{
    return *memory;
}
#else
bool onednn_describe(onednn_memory *ret, int dims, const dnnl_dims_t sizes, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(ret, dims, sizes, dnnl_f32, tag) == dnnl_success;
}

void onednn_forget(onednn_memory *memory)
{
    (void)memory;
}

onednn_memory_in onednn_in(const onednn_memory *memory)
{
    return memory;
}
#endif

void onednn_destroy(struct onednn_primitive *primitive)
{
    dnnl_primitive_destroy(primitive->primitive);
    dnnl_primitive_desc_destroy(primitive->description);
    *primitive = (struct onednn_primitive){NULL, NULL};
}

onednn_memory_in onednn_ask(const struct onednn_primitive *primitive, dnnl_query_t what, int index)
{
    return dnnl_primitive_desc_query_md(primitive->description, what, index);
}

size_t onednn_bytes(onednn_memory_in memory)
{
    return memory ? dnnl_memory_desc_get_size(memory) : 0;
}

size_t onednn_scratch_bytes(const struct onednn_primitive *primitive)
{
    return onednn_bytes(onednn_ask(primitive, dnnl_query_scratchpad_md, 0));
}

/* ---- Making ---------------------------------------------------------------------------------- */

/* Scratch memory is the caller's. */
static bool take_attributes(dnnl_primitive_attr_t *ret)
{
    return dnnl_primitive_attr_create(ret) == dnnl_success &&
           dnnl_primitive_attr_set_scratchpad_mode(*ret, dnnl_scratchpad_mode_user) == dnnl_success;
}

static bool finish(dnnl_status_t status, struct onednn_primitive *primitive)
{
    return status == dnnl_success &&
           dnnl_primitive_create(&primitive->primitive, primitive->description) == dnnl_success;
}

/* Memory that the primitives of one layer share. */
struct shapes {
    onednn_memory x, y, weights, bias;
};

static void forget_shapes(struct shapes *shapes)
{
    onednn_forget(&shapes->x);
    onednn_forget(&shapes->y);
    onednn_forget(&shapes->weights);
    onednn_forget(&shapes->bias);
}

static bool describe_images(onednn_memory *ret, size_t batch, struct extent e)
{
    const dnnl_dims_t sizes = {(dnnl_dim_t)batch, (dnnl_dim_t)e.c, (dnnl_dim_t)e.h,
                               (dnnl_dim_t)e.w};
    return onednn_describe(ret, 4, sizes, dnnl_nhwc);
}

#if DNNL_VERSION_MAJOR >= 3
static const dnnl_dims_t zero = {0, 0};

static void make_conv(dnnl_engine_t engine, const struct shapes *s, dnnl_primitive_attr_t attr,
                      struct onednn_primitive ret[3], dnnl_status_t status[3])
{
    const dnnl_dims_t one = {1, 1};
    status[0] = dnnl_convolution_forward_primitive_desc_create(
        &ret[0].description, engine, dnnl_forward_training, dnnl_convolution_direct, s->x,
        s->weights, s->bias, s->y, one, zero, one, one, attr);
    if (status[0] != dnnl_success)
        return;
    status[1] = dnnl_convolution_backward_data_primitive_desc_create(
        &ret[1].description, engine, dnnl_convolution_direct, s->x, s->weights, s->y, one, zero,
        one, one, ret[0].description, attr);
    status[2] = dnnl_convolution_backward_weights_primitive_desc_create(
        &ret[2].description, engine, dnnl_convolution_direct, s->x, s->weights, s->bias, s->y, one,
        zero, one, one, ret[0].description, attr);
}

static void make_pool(dnnl_engine_t engine, const struct shapes *s, dnnl_primitive_attr_t attr,
                      struct onednn_primitive ret[3], dnnl_status_t status[3])
{
    const dnnl_dims_t two = {2, 2};
    status[0] = dnnl_pooling_forward_primitive_desc_create(
        &ret[0].description, engine, dnnl_forward_training, dnnl_pooling_max, s->x, s->y, two, two,
        zero, zero, zero, attr);
    if (status[0] != dnnl_success)
        return;
    status[1] = dnnl_pooling_backward_primitive_desc_create(
        &ret[1].description, engine, dnnl_pooling_max, s->x, s->y, two, two, zero, zero, zero,
        ret[0].description, attr);
    status[2] = dnnl_pooling_forward_primitive_desc_create(
        &ret[2].description, engine, dnnl_forward_inference, dnnl_pooling_max, s->x, s->y, two, two,
        zero, zero, zero, attr);
}

static void make_norm(dnnl_engine_t engine, const struct shapes *s, double epsilon,
                      dnnl_primitive_attr_t attr, struct onednn_primitive ret[3],
                      dnnl_status_t status[3])
{
    const unsigned affine = dnnl_use_scale | dnnl_use_shift;
    status[0] = dnnl_batch_normalization_forward_primitive_desc_create(
        &ret[0].description, engine, dnnl_forward_training, s->x, s->x, (float)epsilon, affine,
        attr);
    if (status[0] != dnnl_success)
        return;
    status[1] = dnnl_batch_normalization_backward_primitive_desc_create(
        &ret[1].description, engine, dnnl_backward, s->x, s->x, s->x, (float)epsilon, affine,
        ret[0].description, attr);
    status[2] = dnnl_batch_normalization_forward_primitive_desc_create(
        &ret[2].description, engine, dnnl_forward_inference, s->x, s->x, (float)epsilon,
        affine | dnnl_use_global_stats, attr);
}
#else
static void make_conv(dnnl_engine_t engine, const struct shapes *s, dnnl_primitive_attr_t attr,
                      struct onednn_primitive ret[3], dnnl_status_t status[3])
{
    const dnnl_dims_t one = {1, 1};
    dnnl_convolution_desc_t forward, data, weights;
    status[0] =
        dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, dnnl_convolution_direct,
                                           &s->x, &s->weights, &s->bias, &s->y, one, one, one);
    status[1] = dnnl_convolution_backward_data_desc_init(&data, dnnl_convolution_direct, &s->x,
                                                         &s->weights, &s->y, one, one, one);
    status[2] = dnnl_convolution_backward_weights_desc_init(
        &weights, dnnl_convolution_direct, &s->x, &s->weights, &s->bias, &s->y, one, one, one);
    if (status[0] == dnnl_success)
        status[0] = dnnl_primitive_desc_create(&ret[0].description, &forward, attr, engine, NULL);
    if (status[1] == dnnl_success)
        status[1] = dnnl_primitive_desc_create(&ret[1].description, &data, attr, engine,
                                               ret[0].description);
    if (status[2] == dnnl_success)
        status[2] = dnnl_primitive_desc_create(&ret[2].description, &weights, attr, engine,
                                               ret[0].description);
}

static void make_pool(dnnl_engine_t engine, const struct shapes *s, dnnl_primitive_attr_t attr,
                      struct onednn_primitive ret[3], dnnl_status_t status[3])
{
    const dnnl_dims_t two = {2, 2}, zero = {0, 0};
    dnnl_pooling_desc_t forward, backward, inference;
    status[0] = dnnl_pooling_forward_desc_init(&forward, dnnl_forward_training, dnnl_pooling_max,
                                               &s->x, &s->y, two, two, zero, zero);
    status[1] = dnnl_pooling_backward_desc_init(&backward, dnnl_pooling_max, &s->x, &s->y, two, two,
                                                zero, zero);
    status[2] = dnnl_pooling_forward_desc_init(&inference, dnnl_forward_inference, dnnl_pooling_max,
                                               &s->x, &s->y, two, two, zero, zero);
    if (status[0] == dnnl_success)
        status[0] = dnnl_primitive_desc_create(&ret[0].description, &forward, attr, engine, NULL);
    if (status[1] == dnnl_success)
        status[1] = dnnl_primitive_desc_create(&ret[1].description, &backward, attr, engine,
                                               ret[0].description);
    if (status[2] == dnnl_success)
        status[2] = dnnl_primitive_desc_create(&ret[2].description, &inference, attr, engine, NULL);
}

static void make_norm(dnnl_engine_t engine, const struct shapes *s, double epsilon,
                      dnnl_primitive_attr_t attr, struct onednn_primitive ret[3],
                      dnnl_status_t status[3])
{
    const unsigned affine = dnnl_use_scale | dnnl_use_shift;
    dnnl_batch_normalization_desc_t forward, backward, inference;
    status[0] = dnnl_batch_normalization_forward_desc_init(&forward, dnnl_forward_training, &s->x,
                                                           (float)epsilon, affine);
    status[1] = dnnl_batch_normalization_backward_desc_init(&backward, dnnl_backward, &s->x, &s->x,
                                                            (float)epsilon, affine);
    status[2] = dnnl_batch_normalization_forward_desc_init(
        &inference, dnnl_forward_inference, &s->x, (float)epsilon, affine | dnnl_use_global_stats);
    if (status[0] == dnnl_success)
        status[0] = dnnl_primitive_desc_create(&ret[0].description, &forward, attr, engine, NULL);
    if (status[1] == dnnl_success)
        status[1] = dnnl_primitive_desc_create(&ret[1].description, &backward, attr, engine,
                                               ret[0].description);
    if (status[2] == dnnl_success)
        status[2] = dnnl_primitive_desc_create(&ret[2].description, &inference, attr, engine, NULL);
}
#endif

static bool finish_all(struct onednn_primitive ret[3], const dnnl_status_t status[3])
{
    bool ok = true;
    for (size_t i = 0; i < 3; i++)
        ok = finish(status[i], &ret[i]) && ok;
    for (size_t i = 0; i < 3 && !ok; i++)
        onednn_destroy(&ret[i]);
    return ok;
}

bool onednn_conv(dnnl_engine_t engine, size_t batch, struct extent in, struct extent out,
                 struct onednn_primitive ret[3])
{
    struct shapes s;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status[3] = {dnnl_runtime_error, dnnl_runtime_error, dnnl_runtime_error};
    const dnnl_dims_t weights = {(dnnl_dim_t)out.c, (dnnl_dim_t)in.c, 3, 3};
    const dnnl_dims_t bias = {(dnnl_dim_t)out.c};
    memset(&s, 0, sizeof s);
    bool ok = take_attributes(&attr) && describe_images(&s.x, batch, in) &&
              describe_images(&s.y, batch, out) &&
              onednn_describe(&s.weights, 4, weights, dnnl_format_tag_any) &&
              onednn_describe(&s.bias, 1, bias, dnnl_a);
    if (ok)
        make_conv(engine, &s, attr, ret, status);
    forget_shapes(&s);
    dnnl_primitive_attr_destroy(attr);
    return ok && finish_all(ret, status);
}

bool onednn_pool(dnnl_engine_t engine, size_t batch, struct extent in, struct extent out,
                 struct onednn_primitive ret[3])
{
    struct shapes s;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status[3] = {dnnl_runtime_error, dnnl_runtime_error, dnnl_runtime_error};
    memset(&s, 0, sizeof s);
    bool ok = take_attributes(&attr) && describe_images(&s.x, batch, in) &&
              describe_images(&s.y, batch, out);
    if (ok)
        make_pool(engine, &s, attr, ret, status);
    forget_shapes(&s);
    dnnl_primitive_attr_destroy(attr);
    return ok && finish_all(ret, status);
}

bool onednn_norm(dnnl_engine_t engine, size_t batch, struct extent extent, double epsilon,
                 struct onednn_primitive ret[3])
{
    struct shapes s;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status[3] = {dnnl_runtime_error, dnnl_runtime_error, dnnl_runtime_error};
    memset(&s, 0, sizeof s);
    bool ok = take_attributes(&attr) && describe_images(&s.x, batch, extent);
    if (ok)
        make_norm(engine, &s, epsilon, attr, ret, status);
    forget_shapes(&s);
    dnnl_primitive_attr_destroy(attr);
    return ok && finish_all(ret, status);
}

bool onednn_reorder(dnnl_engine_t engine, onednn_memory_in from, onednn_memory_in to,
                    struct onednn_primitive *ret)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_runtime_error;
    if (take_attributes(&attr))
        status =
            dnnl_reorder_primitive_desc_create(&ret->description, from, engine, to, engine, attr);
    dnnl_primitive_attr_destroy(attr);
    return finish(status, ret);
}

/* ---- Running --------------------------------------------------------------------------------- */

bool onednn_run(dnnl_engine_t engine, const struct onednn_primitive *primitive,
                const struct onednn_argument *arguments, size_t count)
{
    dnnl_exec_arg_t given[ARGUMENTS_MOST];
    dnnl_stream_t stream = NULL;
    size_t made = 0;
    bool ok = count <= ARGUMENTS_MOST &&
              dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) == dnnl_success;
    for (; ok && made < count; made++) {
        /* oneDNN takes what it only reads without const. */
        union {
            const void *in;
            void *out;
        } data = {arguments[made].data};
        given[made].arg = arguments[made].id;
        ok = dnnl_memory_create(&given[made].memory, arguments[made].memory, engine, data.out) ==
             dnnl_success;
        if (!ok)
            break;
    }
    ok = ok &&
         dnnl_primitive_execute(primitive->primitive, stream, (int)count, given) == dnnl_success;
    ok = ok && dnnl_stream_wait(stream) == dnnl_success;
    for (size_t i = 0; i < made; i++)
        dnnl_memory_destroy(given[i].memory);
    dnnl_stream_destroy(stream);
    return ok;
}

#else
typedef int onednn_is_missing; /* a file has to hold something */
#endif

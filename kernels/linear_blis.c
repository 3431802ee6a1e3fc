/* linear_blis.c - the plain dense layer by BLIS, weights as they lie: the yardstick at batches from
 * two to some tens, where its kernels for small matrices need no packing.
 *
 * BLIS also exports the interface of CBLAS, and so does OpenBLAS: here only BLIS's own is called,
 * and the build names OpenBLAS first, so that cblas_* stays OpenBLAS's (a test asserts it). */
#include <string.h>

#include "midl_config.h"
#include "parallel.h"
#include "variant.h"

extern MIDL_IMPL(linear_blis);

#if MIDL_HAVE_BLIS

#if MIDL_BLIS_IN_FOLDER
#include <blis/blis.h>
#else
#include <blis.h>
#endif

struct blis_call {
    const struct variant_env *env;
    const struct variant_batch *batch;
};

/* BLIS takes what it only reads without const. */
static float *readable(const float *array)
{
    union {
        const float *in;
        float *out;
    } pointer = {array};
    return pointer.out;
}

/* One input. BLIS gives a matrix-vector product one thread: here each has its rows. */
static void gemv_part(void *data)
{
    const struct blis_call *call = data;
    const struct midl_layer *layer = &call->env->layer;
    size_t d = layer->shape.d, n = layer->shape.n, part = parallel_part();
    size_t first = parallel_bound(n, 16, part), last = parallel_bound(n, 16, part + 1);
    float one = 1.0f;
    if (first < last)
        bli_sgemv(BLIS_NO_TRANSPOSE, BLIS_NO_CONJUGATE, (dim_t)(last - first), (dim_t)d, &one,
                  readable(layer->full_weight + first * d), (inc_t)d, 1, readable(call->batch->x),
                  1, &one, call->batch->y + first, 1);
}

/* y [B][n] += x [B][d] W^T. */
static void gemm(const struct variant_env *env, const struct variant_batch *call)
{
    inc_t d = (inc_t)env->layer.shape.d, n = (inc_t)env->layer.shape.n;
    float one = 1.0f;
    rntm_t threads = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(env->threads, &threads);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, (dim_t)call->batch, n, d, &one,
                 readable(call->x), d, 1, readable(env->layer.full_weight), d, 1, &one, call->y, n,
                 1, NULL, &threads);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *batch)
{
    size_t n = env->layer.shape.n;
    struct blis_call call = {env, batch};
    (void)state;
    for (size_t b = 0; b < batch->batch; b++)
        memcpy(batch->y + b * n, env->layer.full_bias, n * sizeof *batch->y);
    if (batch->batch == 1)
        parallel_run(env->threads, gemv_part, &call);
    else
        gemm(env, batch);
}

MIDL_IMPL(linear_blis) = {.run = run};

#else
MIDL_IMPL(linear_blis) = {.unavailable = "built without BLIS"};
#endif

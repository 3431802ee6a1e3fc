/* linear_blis.c - the plain dense layer by BLIS, weights as they lie: the yardstick at batches from
 * two to some tens, where its kernels for small matrices need no packing.
 *
 * BLIS also exports the interface of CBLAS, and so does OpenBLAS: here only BLIS's own is called,
 * and the build names OpenBLAS first, so that cblas_* stays OpenBLAS's (a test asserts it).
 *
 * Where d is no multiple of eight, BLIS's kernels for small matrices (0.9.0, Haswell and Zen) read
 * up to one row behind the last row of a matrix. There it works on copies with room for that. */
#include <stdlib.h>
#include <string.h>

#include "host.h"
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

/* Copies with a row of zeros behind the last; of a plan whose d is no multiple of eight. */
struct blis_state {
    float *W; /* [n + 1][d] */
    float *x; /* [B + 1][d] */
};

struct blis_call {
    const float *W, *x;
    float *y;
    size_t batch, n, d;
    int threads;
};

static void destroy(void *opaque)
{
    struct blis_state *state = opaque;
    free(state->W);
    free(state->x);
    free(state);
}

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    size_t d = env->layer.shape.d, n = env->layer.shape.n, B = env->max_batch;
    (void)reason;
    if (d % 8 == 0 || B == 1)
        return MIDL_OK;
    struct blis_state *state = calloc(1, sizeof *state);
    if (!state)
        return MIDL_NO_MEMORY;
    state->W = midl_take((n + 1) * d, sizeof(float), bytes);
    state->x = midl_take((B + 1) * d, sizeof(float), bytes);
    if (!state->W || !state->x) {
        destroy(state);
        return MIDL_NO_MEMORY;
    }
    memcpy(state->W, env->layer.full_weight, n * d * sizeof(float));
    memset(state->W + n * d, 0, d * sizeof(float));
    memset(state->x, 0, (B + 1) * d * sizeof(float));
    *ret_state = state;
    *bytes += sizeof *state;
    return MIDL_OK;
}

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
    size_t d = call->d, n = call->n, part = parallel_part();
    size_t first = parallel_bound(n, 16, part), last = parallel_bound(n, 16, part + 1);
    float one = 1.0f;
    if (first < last)
        bli_sgemv(BLIS_NO_TRANSPOSE, BLIS_NO_CONJUGATE, (dim_t)(last - first), (dim_t)d, &one,
                  readable(call->W + first * d), (inc_t)d, 1, readable(call->x), 1, &one,
                  call->y + first, 1);
}

/* y [B][n] += x [B][d] W^T. */
static void gemm(const struct blis_call *call)
{
    inc_t d = (inc_t)call->d, n = (inc_t)call->n;
    float one = 1.0f;
    rntm_t threads = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(host_threads(call->threads), &threads);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, (dim_t)call->batch, n, d, &one,
                 readable(call->x), d, 1, readable(call->W), d, 1, &one, call->y, n, 1, NULL,
                 &threads);
}

static void run(const struct variant_env *env, void *opaque, const struct variant_batch *batch)
{
    struct blis_state *state = opaque;
    size_t n = env->layer.shape.n, d = env->layer.shape.d;
    struct blis_call call = {.W = env->layer.full_weight,
                             .x = batch->x,
                             .y = batch->y,
                             .batch = batch->batch,
                             .n = n,
                             .d = d,
                             .threads = env->threads};
    for (size_t b = 0; b < batch->batch; b++)
        memcpy(batch->y + b * n, env->layer.full_bias, n * sizeof *batch->y);
    if (batch->batch == 1) {
        parallel_run(env->threads, gemv_part, &call);
        return;
    }
    if (state) {
        memcpy(state->x, batch->x, batch->batch * d * sizeof *state->x);
        call.W = state->W;
        call.x = state->x;
    }
    gemm(&call);
}

MIDL_IMPL(linear_blis) = {.create = create, .run = run, .destroy = destroy};

#else
MIDL_IMPL(linear_blis) = {.unavailable = "built without BLIS"};
#endif

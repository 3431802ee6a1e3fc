/* dense.c - MID-L without any gain: OpenBLAS computes every row of the full path, then the selected
 * ones are blended in. What a framework without sparse kernels does; it wins where batches are
 * large and few neurons are left out. */
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "host.h"
#include "variant.h"

extern MIDL_IMPL(dense);

#if MIDL_HAVE_OPENBLAS

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *bytes,
                               char reason[MIDL_REASON_SIZE])
{
    (void)reason;
    return midl_state_floats(env->max_batch * env->layer.shape.n, ret_state, bytes);
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *call)
{
    size_t n = env->layer.shape.n;
    float *full = state; /* [B][n] */
    struct host_settings host = host_begin(env->threads);
    for (size_t b = 0; b < call->batch; b++)
        memcpy(full + b * n, env->layer.full_bias, n * sizeof *full);
    blas_product(call->batch, n, env->layer.shape.d, env->layer.full_weight, call->x, full);
    host_end(&host);
    for (size_t b = 0; b < call->batch; b++)
        midl_blend_row(call->selection, b, full + b * n, call->y + b * n);
}

MIDL_IMPL(dense) = {.create = create, .run = run, .destroy = free};

#else
MIDL_IMPL(dense) = {.unavailable = MIDL_WITHOUT_OPENBLAS};
#endif

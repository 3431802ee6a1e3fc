/* dense.c - MID-L without any gain: OpenBLAS computes every row of the full path, then the selected
 * ones are blended in. What a framework without sparse kernels does; it wins where batches are
 * large and few neurons are left out. */
#include <stdlib.h>
#include <string.h>

#include "blas.h"
#include "variant.h"

extern MIDL_IMPL(dense);

#if MIDL_HAVE_OPENBLAS

static enum midl_status create(const struct variant_env *env, void **ret_state, size_t *ret_bytes,
                               char reason[MIDL_REASON_SIZE])
{
    size_t count = env->max_batch * env->layer.shape.n;
    float *full = midl_array(count, sizeof *full);
    (void)reason;
    if (!full)
        return MIDL_NO_MEMORY;
    *ret_state = full;
    *ret_bytes = count * sizeof *full;
    return MIDL_OK;
}

static void run(const struct variant_env *env, void *state, const struct variant_batch *call)
{
    const struct midl_selection *s = call->selection;
    size_t n = env->layer.shape.n;
    float *full = state; /* [B][n] */
    blas_threads(env->threads);
    for (size_t b = 0; b < call->batch; b++)
        memcpy(full + b * n, env->layer.full_bias, n * sizeof *full);
    blas_product(call->batch, n, env->layer.shape.d, env->layer.full_weight, call->x, full);
    for (size_t b = 0; b < call->batch; b++) {
        for (size_t i = 0; i < s->count[b]; i++) {
            size_t j = s->index[b * s->stride + i];
            float *y = call->y + b * n + j;
            *y = midl_blend(full[b * n + j], *y, s->gate[b * s->stride + i]);
        }
    }
}

MIDL_IMPL(dense) = {.create = create, .run = run, .destroy = free};

#else
MIDL_IMPL(dense) = {.unavailable = MIDL_WITHOUT_OPENBLAS};
#endif

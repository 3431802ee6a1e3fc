/* linear.c - the plain dense layer by OpenBLAS: the yardstick. The bias is laid down first and the
 * product added onto it, so that it costs no pass of its own. */
#include <string.h>

#include "blas.h"
#include "host.h"
#include "variant.h"

extern MIDL_IMPL(linear);

#if MIDL_HAVE_OPENBLAS

static void run(const struct variant_env *env, void *state, const struct variant_batch *call)
{
    size_t n = env->layer.shape.n;
    (void)state;
    struct host_settings host = host_begin(env->threads);
    for (size_t b = 0; b < call->batch; b++)
        memcpy(call->y + b * n, env->layer.full_bias, n * sizeof *call->y);
    blas_product(call->batch, n, env->layer.shape.d, env->layer.full_weight, call->x, call->y);
    host_end(&host);
}

MIDL_IMPL(linear) = {.run = run};

#else
MIDL_IMPL(linear) = {.unavailable = MIDL_WITHOUT_OPENBLAS};
#endif

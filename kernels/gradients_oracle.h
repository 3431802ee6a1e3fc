/* gradients_oracle.h - forward and backward pass of training in double precision, in the plainest
 * possible loops: the reference of gradients.h, itself tested against finite differences.
 *
 * Every number comes with its magnitude: what the sum of the absolute values of all its terms would
 * be, and where it went through sigmoid, times 1 plus the magnitude of the logits (under `soft`
 * over the temperature), by which an error of a logit is multiplied there. A single-precision value
 * is off by no more than
 *
 *   32 sqrt(longest) eps magnitude,   longest = max(d, n, r, rg, B),  eps = 2^-23:
 *
 * 8 sqrt(K) eps, the bound of one sum, for each of up to four sums in a row. */
#ifndef MIDL_GRADIENTS_ORACLE_H
#define MIDL_GRADIENTS_ORACLE_H

#include "gradients.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An array and its magnitudes. */
struct midl_terms {
    double *value, *magnitude;
};

/* The gradients' shapes are those of struct midl_gradients; y: [B][n], dx: [B][d]. Arrays of
 * another kind of gate are NULL. */
struct midl_gradients_oracle {
    struct midl_terms y, dx;
    struct midl_terms full_weight, full_bias, light_down, light_up, light_bias;
    struct midl_terms gate_weight, gate_down, gate_up, gate_bias;
    double share; /* of a magnitude, that a value may be off */
    double *memory;
};

/* Compute for x [B][d] and dy [B][n]. `selection` says what is selected; `soft` does not look at it
 * and uses `temperature`. MIDL_OK or MIDL_NO_MEMORY; on success *ret is the caller's, to be
 * destroyed. Logits must not be NaN. */
MIDL_API enum midl_status midl_gradients_oracle_create(const struct midl_layer *layer,
                                                       enum midl_rule rule, double temperature,
                                                       const struct midl_selection *selection,
                                                       size_t batch, const float *x,
                                                       const float *dy,
                                                       struct midl_gradients_oracle **ret);

MIDL_API void
midl_gradients_oracle_destroy(struct midl_gradients_oracle *oracle); /* accepts NULL */

/* The masks of one input by rule `soft`: mask [n] from logit [n]. True if tau moves with the
 * logits: not where it is the threshold's, nor where all or none take part. */
MIDL_API bool midl_soft_mask(const struct midl_shape *shape, double temperature,
                             const double *logit, double *mask);

#ifdef __cplusplus
}
#endif
#endif

/* layer.h - the part of the layer that all variants share: gate, light path and selection. */
#ifndef MIDL_LAYER_H
#define MIDL_LAYER_H

#include "variant.h"

struct layer_state; /* packed gate and light weights, workspace, the last selection */

/* Memory taken is added to *bytes. */
enum midl_status layer_create(const struct variant_env *env, struct layer_state **ret,
                              size_t *bytes);
void layer_destroy(struct layer_state *state); /* accepts NULL */

/* y = L (0 where a neuron is not selected and unselected = zero), logits and selection for `batch`
 * inputs. MIDL_NAN_LOGIT: inputs with a NaN logit select nothing; layer_mark_nan spoils their y. */
enum midl_status layer_run(const struct variant_env *env, struct layer_state *state, size_t batch,
                           const float *x, float *y);

/* Fill the rows of y whose logits hold a NaN with NaN. */
void layer_mark_nan(const struct variant_env *env, const struct layer_state *state, float *y);

const struct midl_selection *layer_selection(const struct layer_state *state);

/* [B][MIDL_BITS(n)]: the same neurons. */
const uint8_t *layer_bits(const struct layer_state *state);

/* [B][n]; means nothing unless keep_logits. */
const float *layer_logits(const struct layer_state *state);

#endif

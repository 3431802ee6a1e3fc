/* layer_error.h - how far a layer is from the plain layer that it stands for, and how many of its
 * neurons it selects. */
#ifndef MIDL_LAYER_ERROR_H
#define MIDL_LAYER_ERROR_H

#include "learn/conversion.h"

/* Find the mean squared difference of outputs behind ReLU, relu(y) against relu(F), as a share of
 * the mean square of relu(F), over the source's inputs. `order` as in struct converted; NULL: as
 * they are. */
enum outcome layer_error(const struct convert_source *source, const struct midl_layer *layer,
                         const uint32_t *order, int threads, double *ret, struct error *error);

/* Find the same error of a plain layer of low rank. */
enum outcome low_rank_error(const struct convert_source *source, const struct low_rank *low_rank,
                            int threads, double *ret, struct error *error);

/* Find the share of a layer's neurons that its gate selects for inputs x [count][d]. */
enum outcome layer_selected(const struct midl_layer *layer, const float *x, size_t count,
                            double *ret, struct error *error);

#endif

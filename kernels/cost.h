/* cost.h - the cost models that rows of variants.def name. */
#ifndef MIDL_COST_H
#define MIDL_COST_H

#include "midl.h"

/* The plain dense layer. */
void cost_linear(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                 const struct midl_selection *selection, struct midl_cost *ret);

/* The light path alone. */
void cost_light(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                const struct midl_selection *selection, struct midl_cost *ret);

/* MID-L that computes the full path of every neuron and blends the selected. */
void cost_every_row(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                    const struct midl_selection *selection, struct midl_cost *ret);

/* MID-L that computes and reads the selected rows only. */
void cost_selected_rows(enum midl_dtype dtype, const struct midl_shape *shape, size_t batch,
                        const struct midl_selection *selection, struct midl_cost *ret);

#endif

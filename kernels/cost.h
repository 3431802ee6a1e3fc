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

/* ---- The column `excess` of variants.def: struct midl_excess --------------------------------- */

#define EXCESS_EXACT                                                                               \
    {                                                                                              \
        1.15, 1.3                                                                                  \
    }
#define EXCESS_PACKED                                                                              \
    {                                                                                              \
        1.15, 2.1                                                                                  \
    } /* OpenBLAS packs a copy of W in a batch */
#define EXCESS_WIDENED                                                                             \
    {                                                                                              \
        1.25, 4                                                                                    \
    } /* a panel's weights are widened to floats, and scaled */
#define EXCESS_POPULAR                                                                             \
    {                                                                                              \
        1.3, 1.5                                                                                   \
    } /* popular neurons meet all inputs, in whole vectors, packed twice */

#endif

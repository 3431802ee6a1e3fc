/* smi_layer.h - what the parts of a MID-L layer tell of the labels, and the controls that tell what
 * such a number is worth.
 *
 *   y  the layer's output    F  full path    L  light path    S  the neurons that the gate selected
 *
 * Each quantity is a vector of n numbers per input, zero on the neurons that it does not look at.
 */
#ifndef MIDL_SMI_LAYER_H
#define MIDL_SMI_LAYER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "midl.h"

/* Identifier, name in tables, meaning. */
/* clang-format off */
#define SMI_QUANTITIES(ROW)                                                                        \
    ROW(Y_SELECTED, "y selected", "output on the neurons selected")                                \
    ROW(Y_SHUFFLED, "y selected, labels shuffled", "control: what an estimate of nothing is")      \
    ROW(Y_RANDOM, "y random", "control: output on as many neurons, drawn anew for each input")     \
    ROW(Y_STATIC, "y static", "control: output on as many neurons, drawn once")                    \
    ROW(Y_OTHER, "y other", "control: output on the neurons that another input selected")          \
    ROW(Y_UNSELECTED, "y unselected", "output on the neurons not selected")                        \
    ROW(Y_ALL, "y", "output, all neurons")                                                         \
    ROW(F_SELECTED, "F selected", "full path on the neurons selected")                             \
    ROW(F_UNSELECTED, "F unselected", "full path on the neurons not selected")                     \
    ROW(L_ALL, "L", "light path, all neurons")                                                     \
    ROW(MASK, "mask", "1 for a neuron selected, else 0")
/* clang-format on */

#define SMI_ROW(id, ...) SMI_##id,
enum smi_quantity { SMI_QUANTITIES(SMI_ROW) SMI_QUANTITY_COUNT };
#undef SMI_ROW

const char *smi_quantity_name(enum smi_quantity quantity);
const char *smi_quantity_text(enum smi_quantity quantity);

/* A layer's parts on `count` inputs, each [count][n]. */
struct smi_layer {
    size_t count, n;
    float *y, *F, *L, *mask;
    size_t selected; /* (input, neuron) pairs */
};

/* Run a layer on inputs x [count][d]. smi_layer_clear() is due after success. */
enum outcome smi_layer_run(const struct midl_layer *layer, const float *x, size_t count,
                           struct smi_layer *ret, struct error *error);
void smi_layer_clear(struct smi_layer *layer);

/* Fill ret [count][n] with a quantity; `seed` draws neurons and other inputs. */
void smi_layer_fill(const struct smi_layer *layer, enum smi_quantity quantity, uint64_t seed,
                    float *ret);

/* Put labels in a random order. */
void smi_shuffle(uint64_t seed, size_t count, uint32_t *labels);

#endif

/* choice.h - which of the variants that a plan of `auto` prepared serves a call.
 *
 * At planning the table of times (calibration.h) tells which variants may be the fastest for some
 * batch up to the largest and some selection; few do. At each call the selection is known: how many
 * pairs, and in a batch who is popular. A variant's time is then the mean over the neurons of what
 * the table has for uniform masks of each one's popularity: of a neuron that nearly all inputs
 * selected, at a share of nearly 1.
 */
#ifndef MIDL_CHOICE_H
#define MIDL_CHOICE_H

#include "calibration.h"

enum {
    CHOICE_MOST = 3,    /* variants that a plan prepares; each packs W in its own way */
    CHOICE_LEVELS = 8,  /* popularity is told in eighths of the inputs */
    CHOICE_BATCH = 16,  /* inputs from which on popularity counts; of fewer, the number of pairs */
    CHOICE_INPUTS = 128 /* most inputs that are asked who is popular, at even distances */
};

/* The variants of a plan, the one for the largest batch and uniform masks first. */
struct choice {
    size_t count, n;
    bool blocks;
    const struct midl_variant *variants[CHOICE_MOST];
    struct calibration_curve curves[CHOICE_MOST];
};

/* How many of the neurons are selected by L eighths of the inputs, to the nearest. */
struct popularity {
    size_t neurons[CHOICE_LEVELS + 1];
};

/* Pure: the variants for a layer. False if the table has none that can serve it. */
bool choice_prepare(const struct midl_calibration *table, enum midl_dtype dtype,
                    const struct midl_shape *shape, size_t max_batch, int threads,
                    struct choice *ret);

/* Pure: popularity from a selection's bits, [batch][MIDL_BITS(n)]. */
struct popularity choice_popularity(const uint8_t *bits, size_t batch, size_t n);

/* Pure: which of the variants is the fastest for `pairs` selected pairs among `batch` inputs, by
 * popularity unless that is NULL; the first, unless another is faster by more than tables err. */
size_t choice_of(const struct choice *choice, size_t batch, size_t pairs,
                 const struct popularity *popularity);

/* The same for a selection. */
size_t choice_for(const struct choice *choice, const struct midl_selection *selection,
                  const uint8_t *bits);

#endif

/* choice.h - which of the variants that a plan of `auto` prepared serves a call.
 *
 * At planning the table of times (calibration.h) tells which variants may be the fastest for some
 * batch up to the largest and some selection; few do. At each call the selection is known: how many
 * pairs, and in a batch who is popular. A variant's time is then the mean over the neurons of what
 * the table has for uniform masks of each one's popularity: of a neuron that nearly all inputs
 * selected, at a share of nearly 1.
 *
 * Few inputs tell a neuron's popularity badly: of four that draw a fifth of the neurons each, some
 * neurons are drawn by two, by chance. What chance explains of the differences is taken out, as
 * empirical Bayes estimates do (Efron and Morris, 1975): a share of each difference from the mean
 * is left, 0 under uniform masks, nearly 1 under those of many inputs with favourites.
 *
 * A call finds everything it needs in a few cache lines: logarithms and curves are for the first
 * call of each batch, because the code that makes them is cold behind a layer's weights and would
 * cost several per cent of a small layer.
 */
#ifndef MIDL_CHOICE_H
#define MIDL_CHOICE_H

#include "calibration.h"

enum {
    CHOICE_MOST = 3,     /* variants that a plan prepares; each packs W in its own way */
    CHOICE_LEVELS = 8,   /* popularity is told in eighths of the inputs */
    CHOICE_BATCH = 16,   /* inputs from which on popularity counts; of blocks, two */
    CHOICE_INPUTS = 32,  /* most inputs that are asked who is popular, at even distances */
    CHOICE_NEURONS = 256 /* most neurons that they are asked about, in words at even distances */
};

/* The variants of a plan, the one for the largest batch and uniform masks first. */
struct choice {
    size_t count, n;
    size_t popular_from; /* inputs from which on popularity counts; of fewer, the number of pairs */
    const struct midl_variant *variants[CHOICE_MOST];
    struct calibration_curve curves[CHOICE_MOST];
};

/* Times of calls in which each neuron is selected by L eighths of the inputs, by variant, as in the
 * table: in ns, or in units of its own. A zeroed one is of no batch. */
struct choice_times {
    size_t batch;
    float time[CHOICE_MOST][CHOICE_LEVELS + 1];
};

/* How many of the neurons that were asked about are selected by L eighths of the inputs that were
 * asked, to the nearest. */
struct popularity {
    int inputs;
    int neurons[CHOICE_LEVELS + 1];
};

/* Pure: the variants for a layer. False if the table has none that can serve it. */
bool choice_prepare(const struct midl_calibration *table, enum midl_dtype dtype,
                    const struct midl_shape *shape, size_t max_batch, int threads,
                    struct choice *ret);

/* Pure: the times of a batch. */
struct choice_times choice_times(const struct choice *choice, size_t batch);

/* Pure: popularity from a selection's bits, [batch][MIDL_BITS(n)]. */
struct popularity choice_popularity(const uint8_t *bits, size_t batch, size_t n);

/* Pure: which of `count` variants is the fastest for masks that select a share of all pairs, by
 * popularity unless that is NULL. */
size_t choice_of(const struct choice_times *times, size_t count, double share,
                 const struct popularity *popularity);

/* The same for a selection. *times is renewed if it is of another batch. */
size_t choice_for(const struct choice *choice, struct choice_times *times,
                  const struct midl_selection *selection, const uint8_t *bits);

#endif

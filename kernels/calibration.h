/* calibration.h - times of the variants on a fixed grid of shapes, by which `auto` chooses.
 *
 * A series is what one idea takes for one dtype, kind of selection and number of threads, at every
 * place of the grid: layers of n = d, shares k/n, batches. A place in between is interpolated, in
 * logarithms of n, batch and time; one outside takes the nearest: what counts is which idea is
 * faster, not by how much.
 */
#ifndef MIDL_CALIBRATION_H
#define MIDL_CALIBRATION_H

#include <stdint.h>

#include "midl.h"

enum {
    CALIBRATION_WIDTHS = 6,
    CALIBRATION_SHARES = 7,
    CALIBRATION_BATCHES = 8,
    CALIBRATION_PLACES = CALIBRATION_WIDTHS * CALIBRATION_SHARES * CALIBRATION_BATCHES
};

/* The grid, ascending along every axis. */
extern const double calibration_widths[CALIBRATION_WIDTHS];   /* n = d */
extern const double calibration_shares[CALIBRATION_SHARES];   /* k/n */
extern const double calibration_batches[CALIBRATION_BATCHES]; /* B */

#define CALIBRATION_IDEA_SIZE 32

/* Times of one call in ns, all positive. */
struct calibration_series {
    char idea[CALIBRATION_IDEA_SIZE];
    enum midl_dtype dtype;
    bool blocks; /* of selection by blocks of sixteen; else neuron by neuron */
    int threads;
    float time_ns[CALIBRATION_PLACES]; /* at calibration_place() */
};

static inline size_t calibration_place(size_t width, size_t share, size_t batch)
{
    return (width * CALIBRATION_SHARES + share) * CALIBRATION_BATCHES + batch;
}

/* The same as it is built in: by how much a series is slower than the fastest of its dtype,
 * selection and threads. How the least time rises with the share is needed to tell what popular
 * neurons cost. */
struct calibration_ratios {
    const char *idea;
    enum midl_dtype dtype;
    bool blocks;
    int threads;
    uint8_t slower[CALIBRATION_PLACES]; /* 100 ln(time / least time), 255 at most */
    const uint16_t *least;              /* [CALIBRATION_PLACES], 100 ln(least time in ns): in one
                                         * row of a group, or in none */
};

struct midl_calibration {
    struct calibration_series *series;
    size_t count;
    const struct calibration_ratios *ratios; /* only of what is built in */
    size_t ratio_count;
};

/* The byte of calibration_ratios for a time: 0 for the least alone. */
uint8_t calibration_slower(double time_ns, double least_ns);

/* Append a series of zeros; NULL if there is no memory. Valid until the next call. */
struct calibration_series *calibration_add(struct midl_calibration *calibration);

/* The table as midl_calibration_read takes it: a string that the caller frees, or NULL if there is
 * no memory. A line break in `machine` would end it. */
char *calibration_text(const struct midl_calibration *calibration, const char *machine);

/* As C initialisers of calibration_ratios, for calibration_*.inc; only ideas that come within
 * `margin` (1.1: 10 %) of the fastest somewhere. To be freed; NULL if there is no memory. */
char *calibration_source(const struct midl_calibration *calibration, double margin);

/* Whether it has times for this dtype. */
bool calibration_covers(const struct midl_calibration *calibration, enum midl_dtype dtype);

/* Return the built-in table for weights of this dtype, the instruction set in use and the core:
 * measured on one processor, good enough for others. */
const struct midl_calibration *calibration_built_in(enum midl_dtype dtype);

/* The idea that the table holds for the fastest at this place, among those that can serve it. NULL
 * if it has none. */
const struct midl_variant *calibration_choice(const struct midl_calibration *calibration,
                                              enum midl_dtype dtype, const struct midl_shape *shape,
                                              size_t batch, int threads);

/* The times of an idea at one width: ln of the time at the grid's shares and batches. */
struct calibration_curve {
    const struct midl_variant *variant;
    float log_time[CALIBRATION_SHARES][CALIBRATION_BATCHES];
};

/* The curves of all variants that can serve a layer, by the series that are nearest to what is
 * asked for; `most` at most. Returns how many. Times are in ns, or, by a built-in table that lacks
 * them, in units of its own, the same for all. */
size_t calibration_curves(const struct midl_calibration *calibration, enum midl_dtype dtype,
                          const struct midl_shape *shape, size_t max_batch, int threads,
                          struct calibration_curve *ret, size_t most);

/* Interpolated, at the nearest place of the grid for what lies outside. */
double calibration_log_time(const struct calibration_curve *curve, double share, double batch);

#endif

/* masks.c - the popularity of neurons: counted, and solved for. */
#include "verify/masks.h"

#include <math.h>
#include <stdlib.h>

#define MOST_DEVIATION 1024.0 /* of the means, in deviations of a logit */
#define HALVINGS 32           /* of an interval: float's precision, and more */
#define LEAST_SHARE 0.334     /* of skewed:S */
#define FARTHEST 8.0          /* quantile of the normal distribution that is looked for */

/* ---- Counted --------------------------------------------------------------------------------- */

static int most_first(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x < y) - (x > y);
}

struct masks masks_of_counts(size_t *times, size_t n, size_t inputs)
{
    struct masks masks = {0};
    double selections = 0, pairs = 0;
    qsort(times, n, sizeof *times, most_first);
    for (size_t j = 0; j < n; j++) {
        double count = (double)times[j];
        selections += count;
        pairs += count * (count - 1); /* of two inputs that both select it */
        masks.third += j < n / 3 ? count : 0;
        masks.never += times[j] == 0 ? 1 / (double)n : 0;
    }
    if (!(selections > 0))
        return (struct masks){0};
    masks.third /= selections;
    masks.overlap = inputs > 1 ? pairs / (selections * (double)(inputs - 1)) : 0;
    return masks;
}

/* ---- Solved for ------------------------------------------------------------------------------ */

/* The share of a normal distribution's inputs that lies above z deviations. */
static double share_above(double z)
{
    return 0.5 * erfc(z / sqrt(2.0));
}

static double count_selections(struct neuron *neurons, size_t n, double scale, double threshold)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        double below = threshold - scale * neurons[j].unit_mean;
        sum += neurons[j].times = share_above(below / neurons[j].deviation);
    }
    return sum;
}

static int more_often_first(const void *a, const void *b)
{
    double x = ((const struct neuron *)a)->times, y = ((const struct neuron *)b)->times;
    return (x < y) - (x > y);
}

/* Let the threshold through that selects k. */
static void select_k(struct neuron *neurons, size_t n, size_t k, double scale)
{
    double low = -8 - 8 * scale, high = 8 + 8 * scale; /* all selected, none */
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        *(count_selections(neurons, n, scale, middle) > (double)k ? &low : &high) = middle;
    }
}

static double share_of_third(struct neuron *neurons, size_t n, size_t k)
{
    double sum = 0;
    qsort(neurons, n, sizeof *neurons, more_often_first);
    for (size_t j = 0; j < n / 3; j++)
        sum += neurons[j].times;
    return sum / (double)k;
}

static double overlap_of(struct neuron *neurons, size_t n, size_t k)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += neurons[j].times * neurons[j].times;
    return sum / (double)k;
}

/* Find the scale at which a measure, which rises with it, has this value. */
static double solve_scale(struct neuron *neurons, size_t n, size_t k, double value,
                          double (*measure)(struct neuron *, size_t, size_t))
{
    double low = 0, high = MOST_DEVIATION;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        select_k(neurons, n, k, middle);
        *(measure(neurons, n, k) < value ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

double masks_scale_for_share(struct neuron *neurons, size_t n, size_t k, double share)
{
    return solve_scale(neurons, n, k, share, share_of_third);
}

/* The value that this share of a normal distribution lies above. */
static double quantile_above(double share)
{
    double low = -FARTHEST, high = FARTHEST;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        *(share_above(middle) > share ? &low : &high) = middle;
    }
    return (low + high) / 2;
}

double masks_share_like(size_t n, size_t k, double overlap)
{
    double most = (double)(n / 3) / (double)k;
    struct neuron *neurons = most > LEAST_SHARE ? malloc(n * sizeof *neurons) : NULL;
    if (!neurons)
        return NAN;
    for (size_t j = 0; j < n; j++)
        neurons[j] = (struct neuron){.unit_mean = quantile_above(((double)j + 0.5) / (double)n),
                                     .deviation = 1};
    select_k(neurons, n, k, solve_scale(neurons, n, k, overlap, overlap_of));
    double share = floor(1000 * fmin(share_of_third(neurons, n, k), most)) / 1000;
    free(neurons);
    return fmax(share, LEAST_SHARE);
}

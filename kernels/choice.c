/* choice.c - see choice.h. */
#include "choice.h"

#include <math.h>
#include <string.h>

#include "variant.h"

/* ---- Times ----------------------------------------------------------------------------------- */

/* The time by a curve at a share of the neurons; 0 is continued from the lowest two. */
static double time_at(const struct calibration_curve *curve, double share, size_t batch)
{
    const double first = calibration_shares[0], second = calibration_shares[1];
    if (share >= first)
        return exp(calibration_log_time(curve, share, (double)batch));
    double at_first = exp(calibration_log_time(curve, first, (double)batch));
    double at_second = exp(calibration_log_time(curve, second, (double)batch));
    double slope = fmax((at_second - at_first) / (second - first), 0);
    return fmax(at_first - slope * (first - share), at_first / 2);
}

/* The mean over neurons of which a share `always` is selected by all inputs, and the others so that
 * `share` of all pairs are. */
static double time_skewed(const struct calibration_curve *curve, double share, double always,
                          size_t batch)
{
    double rest = always < 1 ? (share - always) / (1 - always) : 0;
    return always * time_at(curve, 1, batch) + (1 - always) * time_at(curve, rest, batch);
}

/* ---- At planning ----------------------------------------------------------------------------- */

/* A call that a plan may meet: a batch, a share of pairs, and of neurons that all inputs select. */
struct case_of {
    size_t batch;
    double share, always;
};

enum { CASES_MOST = (CALIBRATION_BATCHES + 1) * (CALIBRATION_SHARES + 1) * 4 };

/* Add the masks of a share and batch: uniform, and in a batch skewed ones, too. */
static size_t add_masks(struct case_of *cases, size_t count, size_t batch, double share,
                        size_t popular_from)
{
    size_t skews = batch >= popular_from ? 4 : 1;
    for (size_t i = 0; i < skews; i++)
        cases[count++] = (struct case_of){batch, share, share * (double)i / 4};
    return count;
}

/* The largest batch first, then those of the grid below; of a threshold, several shares. */
static size_t find_cases(const struct midl_shape *shape, size_t max_batch, size_t popular_from,
                         struct case_of cases[CASES_MOST])
{
    double most = (double)shape->k / (double)shape->n;
    double share = (double)midl_expected_count(shape) / (double)shape->n;
    size_t count = add_masks(cases, 0, max_batch, share, popular_from);
    for (size_t b = 0; b < CALIBRATION_BATCHES && calibration_batches[b] < (double)max_batch; b++)
        count = add_masks(cases, count, (size_t)calibration_batches[b], share, popular_from);
    for (size_t i = 0; shape->select == MIDL_SELECT_THRESHOLD && i < CALIBRATION_SHARES; i++)
        if (calibration_shares[i] < most)
            count = add_masks(cases, count, max_batch, calibration_shares[i], popular_from);
    return count;
}

static double time_of(const struct calibration_curve *curve, const struct case_of *at)
{
    return time_skewed(curve, at->share, at->always, at->batch);
}

/* The time of the fastest of some curves. */
static double least_time(const struct calibration_curve *curves, size_t count,
                         const struct case_of *at, size_t *ret)
{
    double least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        double time = time_of(&curves[i], at);
        if (time < least) {
            least = time;
            *ret = i;
        }
    }
    return least;
}

/* A variant is worth its memory if it takes less than this share of the time of those there are. */
#define WORTH 0.97

/* The one of all curves that saves most over those that are taken; NULL if none is worth it. */
static const struct calibration_curve *
find_saving(const struct calibration_curve *all, size_t count, const struct case_of *cases,
            size_t case_count, const struct calibration_curve *taken, size_t taken_count)
{
    const struct calibration_curve *best = NULL;
    double least_share = WORTH;
    for (size_t i = 0; i < case_count; i++) {
        size_t at = 0, own = 0;
        double share = least_time(all, count, &cases[i], &at) /
                       least_time(taken, taken_count, &cases[i], &own);
        if (share < least_share) {
            least_share = share;
            best = &all[at];
        }
    }
    return best;
}

/* The fastest of a case; where that isn't worth its memory, a variant that needs none. */
static const struct calibration_curve *find_first(const struct calibration_curve *all, size_t count,
                                                  const struct case_of *at)
{
    size_t best = 0;
    double least = least_time(all, count, at, &best);
    const struct calibration_curve *ret = &all[best];
    for (size_t i = 0; i < count; i++)
        if (!all[i].variant->impl->create && least >= WORTH * time_of(&all[i], at))
            ret = &all[i];
    return ret;
}

/* Take the curves that a plan needs: that of the first case, then, one after the other, those that
 * save most somewhere. */
static size_t take_curves(const struct calibration_curve *all, size_t count,
                          const struct case_of *cases, size_t case_count,
                          struct calibration_curve ret[CHOICE_MOST])
{
    size_t taken = 1;
    ret[0] = *find_first(all, count, &cases[0]);
    while (taken < CHOICE_MOST) {
        const struct calibration_curve *next =
            find_saving(all, count, cases, case_count, ret, taken);
        if (!next)
            break;
        ret[taken++] = *next;
    }
    return taken;
}

bool choice_prepare(const struct midl_calibration *table, enum midl_dtype dtype,
                    const struct midl_shape *shape, size_t max_batch, int threads,
                    struct choice *ret)
{
    enum { CURVES_MOST = 16 };
    struct calibration_curve all[CURVES_MOST];
    struct case_of cases[CASES_MOST];
    size_t count = calibration_curves(table, dtype, shape, max_batch, threads, all, CURVES_MOST);
    if (count == 0)
        return false;
    *ret = (struct choice){.n = shape->n,
                           .popular_from = shape->select == MIDL_SELECT_BLOCK ? 2 : CHOICE_BATCH};
    size_t case_count = find_cases(shape, max_batch, ret->popular_from, cases);
    ret->count = take_curves(all, count, cases, case_count, ret->curves);
    for (size_t i = 0; i < ret->count; i++)
        ret->variants[i] = ret->curves[i].variant;
    return true;
}

/* Code that the weights of a layer have driven from the caches since the call before: each line of
 * it is waited for, so that short code is fast code. */
#define RARE __attribute__((cold))

/* ---- Popularity ------------------------------------------------------------------------------ */

/* Bit i of plane p is bit p of the count of neuron i: so 64 neurons are counted at once. */
enum { PLANES = 6 }; /* counts up to CHOICE_INPUTS */

RARE static void count_bits(const uint8_t *bits, size_t inputs, size_t stride,
                            uint64_t planes[PLANES])
{
    memset(planes, 0, PLANES * sizeof *planes);
    for (size_t b = 0; b < inputs; b++) {
        uint64_t carry;
        memcpy(&carry, bits + b * stride, sizeof carry);
        for (size_t p = 0; p < PLANES && carry; p++) {
            uint64_t both = planes[p] & carry;
            planes[p] ^= carry;
            carry = both;
        }
    }
}

/* How many counts are at least `least`, by the planes that counts fill. */
RARE static int counts_from(const uint64_t planes[PLANES], size_t filled, size_t least)
{
    uint64_t above = 0, equal = UINT64_MAX;
    for (size_t p = filled; p-- > 0;) {
        uint64_t set = least >> p & 1 ? UINT64_MAX : 0;
        above |= equal & planes[p] & ~set;
        equal &= ~(planes[p] ^ set);
    }
    return __builtin_popcountll(above | equal);
}

/* The step from one that is looked at to the next, so that at most `most` are. */
static size_t distance_between(size_t count, size_t most)
{
    return (count + most - 1) / most;
}

RARE struct popularity choice_popularity(const uint8_t *bits, size_t batch, size_t n)
{
    size_t apart = distance_between(batch, CHOICE_INPUTS), inputs = batch / apart, filled = 0;
    size_t step = 64 * distance_between((n + 63) / 64, CHOICE_NEURONS / 64);
    struct popularity ret = {.inputs = (int)inputs};
    while (inputs >> filled)
        filled++;
    for (size_t j = 0; j < n; j += step) {
        uint64_t planes[PLANES];
        count_bits(bits + j / 8, inputs, apart * MIDL_BITS(n), planes);
        size_t before = 0; /* few inputs make several levels the same count */
        int from = 0;
        ret.neurons[0] += n - j < 64 ? (int)(n - j) : 64;
        for (size_t level = 1; level <= CHOICE_LEVELS; level++) {
            size_t least = ((2 * level - 1) * inputs + 2 * CHOICE_LEVELS - 1) / (2 * CHOICE_LEVELS);
            if (least != before)
                from = counts_from(planes, filled, least);
            before = least;
            ret.neurons[level] += from;
            ret.neurons[level - 1] -= from;
        }
    }
    return ret;
}

/* ---- At a call ------------------------------------------------------------------------------- */

struct choice_times choice_times(const struct choice *choice, size_t batch)
{
    struct choice_times ret = {.batch = batch};
    for (size_t i = 0; i < choice->count; i++)
        for (size_t level = 0; level <= CHOICE_LEVELS; level++)
            ret.time[i][level] =
                (float)time_at(&choice->curves[i], (double)level / CHOICE_LEVELS, batch);
    return ret;
}

/* How many neurons count for the time at each level: those at a share between two levels for both,
 * so that times are interpolated. */
struct weights {
    double of[CHOICE_LEVELS + 1];
};

RARE static void weigh(struct weights *weights, double share, double neurons)
{
    double at = share * CHOICE_LEVELS, last = CHOICE_LEVELS - 1;
    at = at > 0 ? at : 0;
    int level = (int)(at < last ? at : last);
    double part = at - level < 1 ? at - level : 1;
    weights->of[level] += neurons * (1 - part);
    weights->of[level + 1] += neurons * part;
}

/* The part of each neuron's difference from the mean that chance does not explain: the variance of
 * popularity over that of the counts, both in shares of the inputs. Of a neuron with popularity p a
 * count varies by p (1 - p) / inputs, on average by (m (1 - m) - variance of p) / inputs. */
struct spread {
    double mean, kept;
};

RARE static struct spread find_spread(const struct popularity *popularity)
{
    int count = 0, sum = 0, squares = 0, inputs = popularity->inputs;
    for (int level = 0; level <= CHOICE_LEVELS; level++) {
        int neurons = popularity->neurons[level];
        count += neurons;
        sum += neurons * level;
        squares += neurons * level * level;
    }
    double scale = 1.0 / CHOICE_LEVELS / count, mean = scale * sum;
    double variance = scale / CHOICE_LEVELS * squares - mean * mean;
    double own = (inputs * variance - mean * (1 - mean)) / (inputs - 1);
    double kept = own > 0 ? own / variance : 0;
    return (struct spread){mean, kept < 1 ? kept : 1};
}

RARE static struct weights weights_of(double share, const struct popularity *popularity)
{
    struct weights ret = {{0}};
    if (!popularity) {
        weigh(&ret, share, 1);
        return ret;
    }
    struct spread spread = find_spread(popularity);
    for (int level = 0; level <= CHOICE_LEVELS; level++) {
        double difference = (double)level / CHOICE_LEVELS - spread.mean;
        if (popularity->neurons[level] > 0)
            weigh(&ret, share + spread.kept * difference, popularity->neurons[level]);
    }
    return ret;
}

RARE size_t choice_of(const struct choice_times *times, size_t count, double share,
                      const struct popularity *popularity)
{
    const struct weights weights = weights_of(share, popularity);
    double least = INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        double time = 0;
        for (int level = 0; level <= CHOICE_LEVELS; level++)
            time += weights.of[level] * (double)times->time[i][level];
        if (time < least) {
            least = time;
            best = i;
        }
    }
    return best;
}

RARE size_t choice_for(const struct choice *choice, struct choice_times *times,
                       const struct midl_selection *selection, const uint8_t *bits)
{
    struct popularity popularity;
    size_t batch = selection->batch, pairs = 0;
    if (choice->count == 1)
        return 0;
    if (times->batch != batch)
        *times = choice_times(choice, batch);
    for (size_t b = 0; b < batch; b++)
        pairs += selection->count[b];
    if (batch >= choice->popular_from)
        popularity = choice_popularity(bits, batch, choice->n);
    return choice_of(times, choice->count, (double)pairs / (double)batch / (double)choice->n,
                     batch >= choice->popular_from ? &popularity : NULL);
}

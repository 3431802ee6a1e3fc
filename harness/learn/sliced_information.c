/* sliced_information.c - sliced mutual information: projections, the two estimators, the interval.
 *
 * Continuous pairs: algorithm 1 of Kraskov, Stoegbauer & Grassberger 2004. Labels: Ross 2014, the
 * same idea where one side is discrete. Both count points nearer than the k-th neighbour. */
#include "learn/sliced_information.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define JITTER 1e-10
#define SLICES_AT_ONCE 32    /* directions that one pass over the points serves */
#define JACKKNIFE_SLICES 200 /* directions in which groups are left out, at most */

/* ---- Digamma --------------------------------------------------------------------------------- */

/* psi(1) to psi(most): psi(n + 1) = psi(n) + 1 / n. ret [most + 1], ret[0] unused. */
static void fill_psi(size_t most, double *ret)
{
    ret[0] = 0;
    ret[1] = -0.57721566490153286061;
    for (size_t n = 1; n < most; n++)
        ret[n + 1] = ret[n] + 1.0 / (double)n;
}

/* ---- Sorted values --------------------------------------------------------------------------- */

/* A projection of a point. */
struct value {
    double at;
    uint32_t point;
};

static int by_place(const void *a, const void *b)
{
    const struct value *left = a, *right = b;
    return (left->at > right->at) - (left->at < right->at);
}

/* First index whose value is at least `bound`. */
static size_t first_from(const double *sorted, size_t count, double bound)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* First index whose value is above `bound`. */
static size_t first_above(const double *sorted, size_t count, double bound)
{
    return first_from(sorted, count, nextafter(bound, INFINITY));
}

/* Number of values nearer to sorted[i] than `radius`, itself not counted. */
static size_t count_nearer(const double *sorted, size_t count, double centre, double radius)
{
    size_t first = first_above(sorted, count, centre - radius);
    size_t end = first_from(sorted, count, centre + radius);
    return end > first ? end - first - 1 : 0;
}

/* Scale to deviation 1 and add the jitter. */
static void settle(struct rng *rng, size_t count, double *values)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    double deviation = sqrt(squares / (double)count);
    double scale = deviation > 1e-30 ? 1 / deviation : 0;
    for (size_t i = 0; i < count; i++)
        values[i] = (values[i] - mean) * scale + JITTER * rng_normal(rng);
}

/* ---- Memory of one slice --------------------------------------------------------------------- */

struct slice {
    size_t count, classes, k;
    const uint32_t *labels;
    double *psi;         /* [count + 1] */
    double *a, *b;       /* [count] projections; b of pairs only */
    struct value *order; /* [count] points by a */
    double *sorted;      /* [count] places in order, of those kept */
    uint32_t *kept;      /* [count] their points */
    double *sorted_b;    /* [count] b of those kept, in order of b */
    uint32_t *order_b;   /* [count] points by b */
    uint32_t *members;   /* [count] indices into sorted, class after class */
    size_t *first;       /* [classes + 1] where a class begins there */
};

static void slice_destroy(struct slice *s)
{
    free(s->psi);
    free(s->a);
    free(s->order);
    free(s->sorted);
    free(s->kept);
    free(s->members);
    free(s->first);
}

static bool slice_create(size_t count, size_t classes, size_t k, struct slice *ret)
{
    struct slice s = {.count = count, .classes = classes, .k = k};
    s.psi = malloc((count + 2) * sizeof *s.psi);
    s.a = malloc(2 * count * sizeof *s.a);
    s.order = malloc(count * sizeof *s.order);
    s.sorted = malloc(2 * count * sizeof *s.sorted);
    s.kept = malloc(2 * count * sizeof *s.kept);
    s.members = malloc(count * sizeof *s.members);
    s.first = malloc((classes + 2) * sizeof *s.first);
    if (!s.psi || !s.a || !s.order || !s.sorted || !s.kept || !s.members || !s.first) {
        slice_destroy(&s);
        return false;
    }
    s.b = s.a + count;
    s.sorted_b = s.sorted + count;
    s.order_b = s.kept + count;
    fill_psi(count + 1, s.psi);
    *ret = s;
    return true;
}

static void sort_slice(struct slice *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->order[i] = (struct value){s->a[i], (uint32_t)i};
    qsort(s->order, s->count, sizeof *s->order, by_place);
}

/* Keep the points that aren't in the group left out (groups 0: all); order stays. */
static size_t keep_points(struct slice *s, size_t group, size_t groups)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        uint32_t point = s->order[i].point;
        if (groups && point % groups == group)
            continue;
        s->sorted[kept] = s->order[i].at;
        s->kept[kept++] = point;
    }
    return kept;
}

/* ---- Labels: Ross ---------------------------------------------------------------------------- */

/* Sort the kept points by class, each class in order of place. Returns how many are in classes of
 * two or more. */
static size_t sort_by_class(struct slice *s, size_t kept)
{
    size_t at = 0, usable = 0;
    memset(s->first, 0, (s->classes + 2) * sizeof *s->first);
    for (size_t i = 0; i < kept; i++)
        s->first[s->labels[s->kept[i]] + 2]++;
    for (size_t c = 0; c < s->classes; c++) {
        size_t members = s->first[c + 2];
        usable += members > 1 ? members : 0;
        s->first[c + 2] = at + members;
        s->first[c + 1] = at; /* moves on as members come, to where the class ends */
        at += members;
    }
    for (size_t i = 0; i < kept; i++)
        s->members[s->first[s->labels[s->kept[i]] + 1]++] = (uint32_t)i;
    return usable;
}

/* Distance from member j of a class to its k-th nearest in the class: it stands at one end of the
 * narrowest of the windows of k + 1 members around j. */
static double kth_distance(const double *sorted, const uint32_t *members, size_t count, size_t j,
                           size_t k)
{
    double best = INFINITY, centre = sorted[members[j]];
    size_t first = j > k ? j - k : 0;
    for (size_t start = first; start <= j && start + k < count; start++) {
        double below = centre - sorted[members[start]];
        double above = sorted[members[start + k]] - centre;
        double farther = below > above ? below : above;
        best = farther < best ? farther : best;
    }
    return best;
}

/* I = psi(N) + < psi(k) - psi(N_class) - psi(m) >, m points nearer than the k-th of the class, the
 * point itself included. */
static double ross(struct slice *s, size_t kept)
{
    size_t usable = sort_by_class(s, kept);
    double sum = 0;
    for (size_t c = 0; c < s->classes; c++) {
        size_t first = s->first[c], count = s->first[c + 1] - first;
        const uint32_t *members = s->members + first;
        size_t k = s->k < count ? s->k : count - 1;
        if (count < 2)
            continue;
        for (size_t j = 0; j < count; j++) {
            double radius = kth_distance(s->sorted, members, count, j, k);
            size_t nearer = count_nearer(s->sorted, kept, s->sorted[members[j]], radius);
            sum += s->psi[k] - s->psi[count] - s->psi[nearer + 1];
        }
    }
    return usable ? s->psi[usable] + sum / (double)usable : 0;
}

/* ---- Pairs: Kraskov, Stoegbauer, Grassberger ------------------------------------------------- */

/* Put a distance among the k smallest, kept in ascending order. */
static void insert_distance(double *smallest, size_t k, double distance)
{
    if (distance >= smallest[k - 1])
        return;
    size_t i = k - 1;
    for (; i > 0 && smallest[i - 1] > distance; i--)
        smallest[i] = smallest[i - 1];
    smallest[i] = distance;
}

/* Distance, the larger of both coordinates', to the k-th nearest point: look to both sides in the
 * order of a until a alone is farther. */
static double kth_pair_distance(const struct slice *s, size_t kept, size_t i)
{
    double smallest[SMI_NEIGHBOURS_MOST], a = s->sorted[i], b = s->b[s->kept[i]];
    for (size_t j = 0; j < s->k; j++)
        smallest[j] = INFINITY;
    for (size_t step = 1; step < kept; step++) {
        double below = i >= step ? a - s->sorted[i - step] : INFINITY;
        double above = i + step < kept ? s->sorted[i + step] - a : INFINITY;
        double farthest = smallest[s->k - 1];
        if (below >= farthest && above >= farthest)
            break;
        if (below < farthest)
            insert_distance(smallest, s->k, fmax(below, fabs(b - s->b[s->kept[i - step]])));
        if (above < INFINITY)
            insert_distance(smallest, s->k, fmax(above, fabs(b - s->b[s->kept[i + step]])));
    }
    return smallest[s->k - 1];
}

/* I = psi(k) + psi(N) - < psi(n_a + 1) + psi(n_b + 1) >. */
static double ksg(const struct slice *s, size_t kept, size_t kept_b)
{
    double sum = 0;
    for (size_t i = 0; i < kept; i++) {
        double radius = kth_pair_distance(s, kept, i);
        size_t nearer_a = count_nearer(s->sorted, kept, s->sorted[i], radius);
        size_t nearer_b = count_nearer(s->sorted_b, kept_b, s->b[s->kept[i]], radius);
        sum += s->psi[nearer_a + 1] + s->psi[nearer_b + 1];
    }
    return s->psi[s->k] + s->psi[kept] - sum / (double)kept;
}

/* Sort the points by b: order_b holds them until the next slice. */
static void sort_pairs(struct slice *s)
{
    for (size_t i = 0; i < s->count; i++)
        s->order[i] = (struct value){s->b[i], (uint32_t)i};
    qsort(s->order, s->count, sizeof *s->order, by_place);
    for (size_t i = 0; i < s->count; i++)
        s->order_b[i] = s->order[i].point;
}

static size_t keep_b(struct slice *s, size_t group, size_t groups)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!groups || s->order_b[i] % groups != group)
            s->sorted_b[kept++] = s->b[s->order_b[i]];
    return kept;
}

/* ---- Slices ---------------------------------------------------------------------------------- */

/* A direction uniform on the sphere, into column `column` of ret [d][SLICES_AT_ONCE]. */
static void draw_direction(struct rng *rng, size_t d, size_t column, float *ret)
{
    double squares = 0;
    for (size_t i = 0; i < d; i++) {
        double value = rng_normal(rng);
        ret[i * SLICES_AT_ONCE + column] = (float)value;
        squares += value * value;
    }
    for (size_t i = 0; i < d; i++)
        ret[i * SLICES_AT_ONCE + column] *= (float)(1 / sqrt(squares));
}

/* ret [count][SLICES_AT_ONCE] = points times directions. Zeros of masked neurons are skipped. */
static void project(const struct smi_points *points, const float *directions, float *ret)
{
    for (size_t i = 0; i < points->count; i++) {
        const float *row = points->x + i * points->stride;
        float sums[SLICES_AT_ONCE] = {0};
        for (size_t j = 0; j < points->d; j++) {
            if (row[j] == 0.0f)
                continue;
            for (size_t s = 0; s < SLICES_AT_ONCE; s++)
                sums[s] += row[j] * directions[j * SLICES_AT_ONCE + s];
        }
        memcpy(ret + i * SLICES_AT_ONCE, sums, sizeof sums);
    }
}

/* A side of the question: points, and room for SLICES_AT_ONCE projections of them. */
struct side {
    const struct smi_points *points;
    float *directions, *projections;
};

static bool side_create(const struct smi_points *points, struct side *ret)
{
    ret->points = points;
    ret->directions = malloc(points->d * SLICES_AT_ONCE * sizeof *ret->directions);
    ret->projections = malloc(points->count * SLICES_AT_ONCE * sizeof *ret->projections);
    return ret->directions && ret->projections;
}

static void side_destroy(struct side *side)
{
    free(side->directions);
    free(side->projections);
}

static void side_turn(struct rng *rng, struct side *side)
{
    for (size_t s = 0; s < SLICES_AT_ONCE; s++)
        draw_direction(rng, side->points->d, s, side->directions);
    project(side->points, side->directions, side->projections);
}

static void side_column(const struct side *side, size_t column, double *ret)
{
    for (size_t i = 0; i < side->points->count; i++)
        ret[i] = (double)side->projections[i * SLICES_AT_ONCE + column];
}

/* Sums over slices: of all points, its squares, and of the points without each group. */
#define GROUPS_MOST 64
struct sums {
    double all, squares, without[GROUPS_MOST];
};

/* Directions of the jackknife. Its differences are of the same directions, so a part of them tells
 * enough; what their small number adds makes the interval a little wider. */
static size_t jackknife_slices(const struct smi_options *options)
{
    return options->slices < JACKKNIFE_SLICES ? options->slices : JACKKNIFE_SLICES;
}

/* Add one slice, whose projections are in s->a and s->b; groups 0: nothing is left out. */
static void add_slice(struct slice *s, bool pairs, size_t groups, struct sums *sums)
{
    if (pairs)
        sort_pairs(s);
    sort_slice(s);
    for (size_t g = 0; g <= groups; g++) { /* the last: nothing left out */
        size_t left_out = g < groups ? groups : 0;
        size_t kept = keep_points(s, g, left_out);
        double nats = pairs ? ksg(s, kept, keep_b(s, g, left_out)) : ross(s, kept);
        if (g < groups) {
            sums->without[g] += nats;
        } else {
            sums->all += nats;
            sums->squares += nats * nats;
        }
    }
}

/* Mean and interval of the sums. */
static struct smi_estimate judge(const struct sums *sums, const struct smi_options *options)
{
    double m = (double)options->slices, groups = (double)options->groups;
    double mean = sums->all / m, spread = sums->squares / m - mean * mean;
    double variance = spread > 0 ? spread / (m - 1) : 0, centre = 0, jackknife = 0;
    double asked = (double)jackknife_slices(options);
    for (size_t g = 0; g < options->groups; g++)
        centre += sums->without[g] / asked / groups;
    for (size_t g = 0; g < options->groups; g++)
        jackknife += pow(sums->without[g] / asked - centre, 2);
    if (options->groups)
        variance += jackknife * (groups - 1) / groups;
    double half = 1.959964 * sqrt(variance);
    return (struct smi_estimate){.nats = mean, .lo = mean - half, .hi = mean + half};
}

/* b NULL: labels. */
static enum outcome slice_all(struct slice *s, struct side *a, struct side *b,
                              const struct smi_options *options, struct smi_estimate *ret)
{
    struct rng rng = rng_seed(options->seed);
    struct sums sums = {.all = 0};
    for (size_t done = 0; done < options->slices; done++) {
        size_t column = done % SLICES_AT_ONCE;
        if (column == 0) {
            side_turn(&rng, a);
            if (b)
                side_turn(&rng, b);
        }
        side_column(a, column, s->a);
        settle(&rng, s->count, s->a);
        if (b) {
            side_column(b, column, s->b);
            settle(&rng, s->count, s->b);
        }
        add_slice(s, b != NULL, done < jackknife_slices(options) ? options->groups : 0, &sums);
    }
    *ret = judge(&sums, options);
    return OUTCOME_DONE;
}

enum outcome smi_check(const struct smi_options *options, size_t count, struct error *error)
{
    size_t groups = options->groups;
    if (options->slices < 2)
        return fail(error, OUTCOME_USAGE, "%zu slices: at least 2", options->slices);
    if (options->neighbours < 1 || options->neighbours > SMI_NEIGHBOURS_MOST)
        return fail(error, OUTCOME_USAGE, "%zu neighbours: 1 to %d", options->neighbours,
                    SMI_NEIGHBOURS_MOST);
    if (groups == 1 || groups > GROUPS_MOST)
        return fail(error, OUTCOME_USAGE, "%zu groups: 0, or 2 to %d", groups, GROUPS_MOST);
    size_t fewest = groups ? count - (count + groups - 1) / groups : count;
    if (fewest < options->neighbours + 2 || count > UINT32_MAX)
        return fail(error, OUTCOME_NO_VERDICT,
                    "%zu points are too few for the %zu-th neighbour in each group's absence",
                    count, options->neighbours);
    return OUTCOME_DONE;
}

static enum outcome run(const struct smi_points *a, const struct smi_points *b,
                        const uint32_t *labels, size_t classes, const struct smi_options *options,
                        struct smi_estimate *ret, struct error *error)
{
    struct side sides[2] = {{.points = NULL}, {.points = NULL}};
    struct slice s;
    enum outcome outcome = smi_check(options, a->count, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!slice_create(a->count, classes, options->neighbours, &s))
        return fail_memory(error, "a slice", (double)a->count * 64);
    s.labels = labels;
    if (side_create(a, &sides[0]) && (!b || side_create(b, &sides[1])))
        outcome = slice_all(&s, &sides[0], b ? &sides[1] : NULL, options, ret);
    else
        outcome = fail_memory(error, "projections", (double)a->count * SLICES_AT_ONCE * 4);
    side_destroy(&sides[0]);
    side_destroy(&sides[1]);
    slice_destroy(&s);
    return outcome;
}

enum outcome smi_of_labels(const struct smi_points *points, const uint32_t *labels, size_t classes,
                           const struct smi_options *options, struct smi_estimate *ret,
                           struct error *error)
{
    for (size_t i = 0; i < points->count; i++)
        if (labels[i] >= classes)
            return fail(error, OUTCOME_USAGE, "label %zu is %u, expected 0 to %zu", i, labels[i],
                        classes - 1);
    return run(points, NULL, labels, classes, options, ret, error);
}

enum outcome smi_of_vectors(const struct smi_points *a, const struct smi_points *b,
                            const struct smi_options *options, struct smi_estimate *ret,
                            struct error *error)
{
    if (a->count != b->count)
        return fail(error, OUTCOME_USAGE, "%zu points and %zu points: pairs need as many", a->count,
                    b->count);
    return run(a, b, NULL, 0, options, ret, error);
}

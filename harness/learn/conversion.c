/* conversion.c - see conversion.h. Products by the library, eigenvectors by LAPACK. */
#include "learn/conversion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "midl_config.h"
#include "products.h"

/* The share of the inputs' mean variance that is added to each direction, because other inputs may
 * vary in directions in which the given ones don't. */
static const double noise_share = 1e-4;

/* Offsets of the gate, by which p is near 1 on selected neurons. */
static const double topk_offset = 4, threshold_scale = 4, threshold_offset = 6;

/* The share of an input's neurons that counts as active. */
static const double group_share = 0.3;

/* The least eigenvalue of M by whose inverse a matrix can be scaled and still fit a float. */
#define LEAST_EIGENVALUE 1e-30

enum { LEAST_DEVIATION = 1000 }; /* s_j is at least this part of the deviation of F */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- Workspace ------------------------------------------------------------------------------- */

/* Everything that the formulas need, for one source. */
struct work {
    const struct convert_source *source;
    int threads;
    struct error *error;
    float *full;                           /* F [count][n] */
    double *mean, *deviation;              /* of each F_j: [n] */
    double total_deviation;                /* of F over all neurons */
    float *square;                         /* [n][n] */
    double *covariance, *values, *vectors; /* [n][n]; eigenvalues, largest first [n]; rows [n][n] */
};

static void work_clear(struct work *w)
{
    free(w->full);
    free(w->mean);
    free(w->deviation);
    free(w->square);
    free(w->covariance);
    free(w->values);
    free(w->vectors);
}

/* An array of zeros, or *outcome says that there is no memory. */
static void *take(struct work *w, size_t rows, size_t columns, size_t bytes, enum outcome *outcome)
{
    void *array = rows <= SIZE_MAX / columns / bytes ? calloc(rows * columns, bytes) : NULL;
    if (!array && !*outcome)
        *outcome = fail_memory(w->error, "converting the layer",
                               (double)rows * (double)columns * (double)bytes);
    return array;
}

/* c [rows][columns] = a b', where both have `inner` columns. */
static void multiply(int threads, size_t rows, size_t columns, size_t inner, const float *a,
                     const float *b, float *c)
{
    midl_product_run(threads, &(struct midl_product){.rows = rows,
                                                     .columns = columns,
                                                     .inner = inner,
                                                     .a = a,
                                                     .lda = inner,
                                                     .b = b,
                                                     .ldb = inner,
                                                     .turn_b = true,
                                                     .c = c,
                                                     .ldc = columns});
}

/* c [columns][columns] = a' a; a: [rows][columns]. */
static void square(int threads, size_t rows, size_t columns, const float *a, float *c)
{
    midl_product_run(threads, &(struct midl_product){.rows = columns,
                                                     .columns = columns,
                                                     .inner = rows,
                                                     .a = a,
                                                     .lda = columns,
                                                     .turn_a = true,
                                                     .b = a,
                                                     .ldb = columns,
                                                     .c = c,
                                                     .ldc = columns});
}

/* ---- Statistics ------------------------------------------------------------------------------ */

/* Means and standard deviations of the columns of a [rows][columns]. */
static void column_statistics(size_t rows, size_t columns, const float *a, double *mean,
                              double *deviation)
{
    memset(mean, 0, columns * sizeof *mean);
    memset(deviation, 0, columns * sizeof *deviation);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            mean[j] += (double)a[i * columns + j] / (double)rows;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            double off = (double)a[i * columns + j] - mean[j];
            deviation[j] += off * off / (double)rows;
        }
    }
    for (size_t j = 0; j < columns; j++)
        deviation[j] = sqrt(deviation[j]);
}

/* The mean over inputs' variances. */
static enum outcome input_variance(struct work *w, double *ret)
{
    size_t d = w->source->d;
    enum outcome outcome = OUTCOME_DONE;
    double *mean = take(w, d, 1, sizeof *mean, &outcome);
    double *deviation = take(w, d, 1, sizeof *deviation, &outcome);
    if (!outcome) {
        double sum = 0;
        column_statistics(w->source->count, d, w->source->x, mean, deviation);
        for (size_t i = 0; i < d; i++)
            sum += deviation[i] * deviation[i];
        *ret = sum / (double)d;
    }
    free(mean);
    free(deviation);
    return outcome;
}

/* F, and what is to be known of it. */
static void outputs(struct work *w)
{
    const struct convert_source *s = w->source;
    double sum = 0;
    multiply(w->threads, s->count, s->n, s->d, s->x, s->weight, w->full);
    for (size_t i = 0; i < s->count * s->n; i++)
        w->full[i] += s->bias[i % s->n];
    column_statistics(s->count, s->n, w->full, w->mean, w->deviation);
    for (size_t j = 0; j < s->n; j++)
        sum += w->deviation[j] * w->deviation[j];
    w->total_deviation = sqrt(sum / (double)s->n);
}

/* M, from F less its mean and from W. */
static enum outcome covariance(struct work *w)
{
    const struct convert_source *s = w->source;
    double variance = 0;
    enum outcome outcome = input_variance(w, &variance);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < s->count * s->n; i++)
        w->full[i] -= (float)w->mean[i % s->n];
    square(w->threads, s->count, s->n, w->full, w->square);
    for (size_t i = 0; i < s->n * s->n; i++)
        w->covariance[i] = (double)w->square[i] / (double)s->count;
    for (size_t i = 0; i < s->count * s->n; i++)
        w->full[i] += (float)w->mean[i % s->n];
    multiply(w->threads, s->n, s->n, s->d, s->weight, s->weight, w->square);
    for (size_t i = 0; i < s->n * s->n; i++)
        w->covariance[i] += noise_share * variance * (double)w->square[i];
    return OUTCOME_DONE;
}

/* ---- Eigenvectors ---------------------------------------------------------------------------- */

#if MIDL_HAVE_OPENBLAS

const char *convert_unavailable(void)
{
    return NULL;
}

void openblas_set_num_threads(int threads);
int openblas_get_num_threads(void);

/* LAPACK, as Fortran has it. */
void dsyevr_(const char *job, const char *range, const char *triangle, const int *n, double *a,
             const int *lda, const double *low, const double *high, const int *first,
             const int *last, const double *tolerance, int *found, double *values, double *vectors,
             const int *ldz, int *support, double *work, const int *work_count, int *whole,
             const int *whole_count, int *info);

/* The `rank` largest eigenvalues of the covariance, which is spoiled, and their vectors, in rows
 * and in ascending order. */
static enum outcome eigenvectors(struct work *w, size_t rank)
{
    enum { WORK = 40, WHOLE = 12 }; /* numbers for each row, more than LAPACK asks for */
    int n = (int)w->source->n, last = n, first = n - (int)rank + 1, found = 0, info = 0;
    int work_count = WORK * n, whole_count = WHOLE * n, threads = openblas_get_num_threads();
    const double none = 0;
    enum outcome outcome = OUTCOME_DONE;
    double *work = take(w, (size_t)n, WORK, sizeof *work, &outcome);
    int *whole = take(w, (size_t)n, WHOLE, sizeof *whole, &outcome);
    int *support = take(w, (size_t)n, 2, sizeof *support, &outcome);
    if (!outcome) {
        openblas_set_num_threads(1); /* the same bits whatever it was set to */
        dsyevr_("V", "I", "L", &n, w->covariance, &n, &none, &none, &first, &last, &none, &found,
                w->values, w->vectors, &n, support, work, &work_count, whole, &whole_count, &info);
        openblas_set_num_threads(threads);
        if (info != 0 || found != (int)rank)
            outcome = fail(w->error, OUTCOME_BAD,
                           "LAPACK found no eigenvectors of the layer's outputs (dsyevr: %d): are "
                           "weights and inputs finite?",
                           info);
    }
    free(work);
    free(whole);
    free(support);
    return outcome;
}

#else

const char *convert_unavailable(void)
{
    return "built without OpenBLAS, whose LAPACK finds eigenvectors";
}

static enum outcome eigenvectors(struct work *w, size_t rank)
{
    (void)rank;
    return fail(w->error, OUTCOME_MACHINE, "%s", convert_unavailable());
}

#endif

/* Sums of squares of the outputs must fit floats. */
static enum outcome check_outputs(const struct work *w)
{
    double most = 0;
    for (size_t j = 0; j < w->source->n; j++)
        most = fmax(most, fabs(w->mean[j]));
    double squares = w->total_deviation * w->total_deviation * (double)w->source->n *
                     (double)w->source->count; /* the most that a sum over inputs may come to */
    if (!(most < 1e38 && squares < 1e38))
        return fail(w->error, OUTCOME_USAGE,
                    "the layer's outputs on the %zu inputs are too large for floats",
                    w->source->count);
    return OUTCOME_DONE;
}

/* Statistics and the `rank` largest eigenvectors. */
static enum outcome analyse(struct work *w, size_t rank)
{
    const struct convert_source *s = w->source;
    enum outcome outcome = OUTCOME_DONE;
    if (s->count < 2)
        return fail(w->error, OUTCOME_USAGE, "%zu inputs: at least 2 are needed", s->count);
    if (rank < 1 || rank > smaller(s->d, s->n))
        return fail(w->error, OUTCOME_USAGE, "rank %zu: a layer %zu -> %zu has ranks from 1 to %zu",
                    rank, s->d, s->n, smaller(s->d, s->n));
    w->full = take(w, s->count, s->n, sizeof(float), &outcome);
    w->square = take(w, s->n, s->n, sizeof(float), &outcome);
    w->covariance = take(w, s->n, s->n, sizeof(double), &outcome);
    w->vectors = take(w, s->n, rank, sizeof(double), &outcome);
    w->mean = take(w, s->n, 1, sizeof(double), &outcome);
    w->deviation = take(w, s->n, 1, sizeof(double), &outcome);
    w->values = take(w, s->n, 1, sizeof(double), &outcome);
    if (outcome)
        return outcome;
    outputs(w);
    if ((outcome = check_outputs(w)) != OUTCOME_DONE || (outcome = covariance(w)) != OUTCOME_DONE)
        return outcome;
    return eigenvectors(w, rank);
}

/* The standard deviation of F over all neurons, or 1 where F is the same for all inputs. */
static double spread(const struct work *w)
{
    return w->total_deviation * w->total_deviation > LEAST_EIGENVALUE ? w->total_deviation : 1;
}

/* ---- Paths ----------------------------------------------------------------------------------- */

/* A projection of the outputs: up (down x) + bias, and how it does on the given inputs. */
struct path {
    size_t rank;
    float *down, *up, *bias; /* [rank][d], [n][rank], [n] */
    float *value;            /* L [count][n] */
    double *residual;        /* s: the standard deviation of each F_j - L_j, or the least: [n] */
};

static void path_clear(struct path *path)
{
    free(path->down);
    free(path->up);
    free(path->bias);
    free(path->value);
    free(path->residual);
}

/* down and up from the `rank` largest of `found` eigenvectors; turned: room for [rank][n]. */
static void make_matrices(const struct work *w, size_t found, float *turned, struct path *path)
{
    const struct convert_source *s = w->source;
    double least = w->values[found - 1] * 1e-12 + LEAST_EIGENVALUE;
    for (size_t i = 0; i < path->rank; i++) {
        const double *vector = w->vectors + (found - 1 - i) * s->n;
        double scale = sqrt(sqrt(fmax(w->values[found - 1 - i], least)));
        for (size_t j = 0; j < s->n; j++) {
            path->up[j * path->rank + i] = (float)(vector[j] * scale);
            turned[i * s->n + j] = (float)(vector[j] / scale);
        }
    }
    midl_product_run(w->threads, &(struct midl_product){.rows = path->rank,
                                                        .columns = s->d,
                                                        .inner = s->n,
                                                        .a = turned,
                                                        .lda = s->n,
                                                        .b = s->weight,
                                                        .ldb = s->d,
                                                        .c = path->down,
                                                        .ldc = s->d});
}

/* L with the bias that gives it the mean of F, and what it leaves. */
static void make_values(const struct work *w, double *mean, struct path *path)
{
    const struct convert_source *s = w->source;
    float *projected = path->value + s->count * s->n; /* behind it */
    multiply(w->threads, s->count, path->rank, s->d, s->x, path->down, projected);
    multiply(w->threads, s->count, s->n, path->rank, projected, path->up, path->value);
    column_statistics(s->count, s->n, path->value, mean, path->residual);
    for (size_t j = 0; j < s->n; j++)
        path->bias[j] = (float)(w->mean[j] - mean[j]);
    memset(path->residual, 0, s->n * sizeof *path->residual);
    for (size_t i = 0; i < s->count * s->n; i++) {
        path->value[i] += path->bias[i % s->n];
        double off = (double)w->full[i] - (double)path->value[i];
        path->residual[i % s->n] += off * off / (double)s->count;
    }
    for (size_t j = 0; j < s->n; j++)
        path->residual[j] = fmax(sqrt(path->residual[j]), spread(w) / LEAST_DEVIATION);
}

static enum outcome make_path(struct work *w, size_t found, size_t rank, struct path *ret)
{
    const struct convert_source *s = w->source;
    enum outcome outcome = OUTCOME_DONE;
    struct path path = {.rank = rank};
    float *turned = take(w, rank, s->n, sizeof(float), &outcome);
    double *mean = take(w, s->n, 1, sizeof(double), &outcome);
    path.down = take(w, rank, s->d, sizeof(float), &outcome);
    path.up = take(w, s->n, rank, sizeof(float), &outcome);
    path.bias = take(w, s->n, 1, sizeof(float), &outcome);
    path.value = take(w, s->count, s->n + rank, sizeof(float), &outcome);
    path.residual = take(w, s->n, 1, sizeof(double), &outcome);
    if (!outcome) {
        make_matrices(w, found, turned, &path);
        make_values(w, mean, &path);
        *ret = path;
    } else {
        path_clear(&path);
    }
    free(turned);
    free(mean);
    return outcome;
}

/* The share of the variance of F that L has. */
static double explained(const struct work *w, const struct path *path)
{
    size_t n = w->source->n;
    double left = 0, all = 0;
    for (size_t j = 0; j < n; j++) {
        left += path->residual[j] * path->residual[j];
        all += w->deviation[j] * w->deviation[j];
    }
    return all > 0 ? 1 - left / all : 1;
}

/* ---- The gate -------------------------------------------------------------------------------- */

static int descending(const void *left, const void *right)
{
    const float *a = left, *b = right;
    return (*a < *b) - (*a > *b);
}

/* t with which a share `active` of all L_j > -t s_j, by as many inputs as give a million values. */
static enum outcome find_margin(struct work *w, const struct path *path, double active, double *ret)
{
    enum { MOST = 1 << 20 };
    size_t n = w->source->n, rows = smaller(w->source->count, MOST / n + 1), count = rows * n;
    size_t step = w->source->count / rows, k = (size_t)lround(active * (double)count);
    enum outcome outcome = OUTCOME_DONE;
    float *z = take(w, rows, n, sizeof *z, &outcome);
    if (outcome)
        return outcome;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < n; j++)
            z[i * n + j] = (float)((double)path->value[i * step * n + j] / path->residual[j]);
    qsort(z, count, sizeof *z, descending);
    *ret = k == 0 ? -(double)z[0] : -(double)z[k < count ? k : count - 1] + (k < count ? 0 : 1e-3);
    free(z);
    return OUTCOME_DONE;
}

/* Factor and offset of neuron j's logit: l_j = factor L_j + offset. */
static void gate_of(const struct work *w, const struct path *path, enum midl_select select,
                    double margin, size_t j, double *ret_factor, double *ret_offset)
{
    if (select == MIDL_SELECT_THRESHOLD) {
        *ret_factor = threshold_scale / path->residual[j];
        *ret_offset = convert_margin_bias(margin) + threshold_offset;
    } else {
        *ret_factor = 1 / spread(w);
        *ret_offset = topk_offset;
    }
}

/* The share of neurons that the threshold selects. */
static double selected_share(const struct work *w, const struct path *path, double margin)
{
    size_t n = w->source->n, count = w->source->count, selected = 0;
    for (size_t i = 0; i < count * n; i++)
        selected += (double)path->value[i] > -margin * path->residual[i % n];
    return (double)selected / (double)(count * n);
}

static double positive_share(const struct work *w)
{
    size_t values = w->source->n * w->source->count, positive = 0;
    for (size_t i = 0; i < values; i++)
        positive += w->full[i] > 0;
    return (double)positive / (double)values;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

/* active [count][n] = 1 for the largest of each row of activity, else 0. */
static void mark_active(size_t count, size_t n, const float *activity, float *row, float *active)
{
    size_t k = (size_t)fmax(1, round(group_share * (double)n));
    for (size_t i = 0; i < count; i++) {
        memcpy(row, activity + i * n, n * sizeof *row);
        qsort(row, n, sizeof *row, descending);
        for (size_t j = 0; j < n; j++)
            active[i * n + j] = activity[i * n + j] >= row[k - 1] ? 1 : 0;
    }
}

/* The neuron left with the highest value; ties go to the lower index. */
static size_t best_left(size_t n, const bool *taken, const double *value)
{
    size_t best = n;
    for (size_t j = 0; j < n; j++)
        if (!taken[j] && (best == n || value[j] > value[best]))
            best = j;
    return best;
}

/* together [n][n]: in how many rows both are active. */
static void form_groups(size_t n, size_t block, const float *together, bool *taken, double *value,
                        uint32_t *order)
{
    size_t leader = 0;
    for (size_t at = 0; at < n; at++) {
        if (at % block == 0) {
            for (size_t j = 0; j < n; j++)
                value[j] = (double)together[j * n + j];
            leader = best_left(n, taken, value);
            for (size_t j = 0; j < n; j++)
                value[j] =
                    (double)together[leader * n + j] / sqrt(fmax(1, (double)together[j * n + j]));
        }
        size_t next = at % block == 0 ? leader : best_left(n, taken, value);
        taken[next] = true;
        order[at] = (uint32_t)next;
    }
}

enum outcome convert_group(size_t count, size_t n, size_t block, const float *activity, int threads,
                           uint32_t *order, struct error *error)
{
    struct work w = {.error = error};
    enum outcome outcome = OUTCOME_DONE;
    float *active = take(&w, count, n, sizeof *active, &outcome);
    float *together = take(&w, n, n, sizeof *together, &outcome);
    float *row = take(&w, n, 1, sizeof *row, &outcome);
    double *value = take(&w, n, 1, sizeof *value, &outcome);
    bool *taken = take(&w, n, 1, sizeof *taken, &outcome);
    if (!outcome) {
        mark_active(count, n, activity, row, active);
        square(threads, count, n, active, together);
        form_groups(n, block, together, taken, value, order);
    }
    free(active);
    free(together);
    free(row);
    free(value);
    free(taken);
    return outcome;
}

/* ---- The layer ------------------------------------------------------------------------------- */

/* Floats of the layer's arrays, in the order in which they lie. */
struct arrays {
    float *full_weight, *full_bias, *light_down, *light_up, *light_bias;
    float *gate_down, *gate_up, *gate_bias;
};

static float *piece(float **memory, size_t count)
{
    float *begin = *memory;
    *memory += count;
    return begin;
}

static struct arrays take_arrays(const struct convert_source *s, size_t rank, size_t gate_rank,
                                 float *memory)
{
    size_t up_rank = gate_rank ? gate_rank : rank;
    struct arrays a;
    a.full_weight = piece(&memory, s->n * s->d);
    a.full_bias = piece(&memory, s->n);
    a.light_down = piece(&memory, rank * s->d);
    a.light_up = piece(&memory, s->n * rank);
    a.light_bias = piece(&memory, s->n);
    a.gate_down = piece(&memory, gate_rank * s->d);
    a.gate_up = piece(&memory, s->n * up_rank);
    a.gate_bias = piece(&memory, s->n);
    return a;
}

static void copy(float *to, const float *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

/* Neuron j of the layer from neuron `was` of the source. */
static void fill_neuron(const struct work *w, const struct convert_options *o, double margin,
                        const struct path *light, const struct path *gate, size_t j, size_t was,
                        const struct arrays *to)
{
    const struct convert_source *s = w->source;
    double factor, offset;
    copy(to->full_weight + j * s->d, s->weight + was * s->d, s->d);
    to->full_bias[j] = s->bias[was];
    copy(to->light_up + j * light->rank, light->up + was * light->rank, light->rank);
    to->light_bias[j] = light->bias[was];
    gate_of(w, gate, o->select, margin, was, &factor, &offset);
    for (size_t i = 0; i < gate->rank; i++)
        to->gate_up[j * gate->rank + i] = (float)(factor * (double)gate->up[was * gate->rank + i]);
    to->gate_bias[j] = (float)(factor * (double)gate->bias[was] + offset);
}

float convert_threshold(void)
{
    return (float)(1 / (1 + exp(-threshold_offset)));
}

double convert_margin_bias(double margin)
{
    return threshold_scale * margin;
}

static struct midl_shape shape_of(const struct convert_source *s, const struct convert_options *o)
{
    size_t unit = o->select == MIDL_SELECT_BLOCK ? o->block : 1;
    struct midl_shape shape = {.d = s->d,
                               .n = s->n,
                               .r = o->rank,
                               .rg = o->gate_rank,
                               .gate = o->gate_rank ? MIDL_GATE_LOWRANK : MIDL_GATE_SHARED,
                               .select = o->select,
                               .block = o->select == MIDL_SELECT_BLOCK ? o->block : 16,
                               .threshold = convert_threshold()};
    shape.k = (size_t)lround(o->active * (double)s->n / (double)unit) * unit;
    if (o->select == MIDL_SELECT_THRESHOLD)
        shape.k = s->n;
    return shape;
}

static struct midl_layer layer_of(const struct midl_shape *shape, const struct arrays *a)
{
    return (struct midl_layer){.shape = *shape,
                               .full_weight = a->full_weight,
                               .full_bias = a->full_bias,
                               .light_down = a->light_down,
                               .light_up = a->light_up,
                               .light_bias = a->light_bias,
                               .gate_down = shape->gate == MIDL_GATE_LOWRANK ? a->gate_down : NULL,
                               .gate_up = a->gate_up,
                               .gate_bias = a->gate_bias};
}

/* Everything from the two paths; gate may be light itself. */
static enum outcome assemble(struct work *w, const struct convert_options *o,
                             const struct path *light, const struct path *gate,
                             struct converted *ret)
{
    const struct convert_source *s = w->source;
    struct midl_shape shape = shape_of(s, o);
    enum outcome outcome = OUTCOME_DONE;
    struct converted c = {.explained = explained(w, light),
                          .positive = positive_share(w),
                          .margin = o->margin,
                          .active = (double)shape.k / (double)s->n};
    size_t floats =
        s->n * (s->d + light->rank + gate->rank + 3) + (light->rank + o->gate_rank) * s->d;
    float *memory = c.memory = take(w, floats, 1, sizeof *memory, &outcome);
    c.order = take(w, s->n, 1, sizeof *c.order, &outcome);
    for (size_t j = 0; !outcome && j < s->n; j++)
        c.order[j] = (uint32_t)j;
    if (!outcome && o->select == MIDL_SELECT_BLOCK)
        outcome =
            convert_group(s->count, s->n, o->block, gate->value, w->threads, c.order, w->error);
    if (!outcome && o->select == MIDL_SELECT_THRESHOLD) {
        if (isnan(o->margin))
            outcome = find_margin(w, gate, o->active, &c.margin);
        c.active = selected_share(w, gate, c.margin);
    }
    if (outcome) {
        converted_clear(&c);
        return outcome;
    }
    struct arrays arrays = take_arrays(s, light->rank, o->gate_rank, memory);
    copy(arrays.light_down, light->down, light->rank * s->d);
    copy(arrays.gate_down, gate->down, o->gate_rank * s->d);
    for (size_t j = 0; j < s->n; j++)
        fill_neuron(w, o, c.margin, light, gate, j, c.order[j], &arrays);
    c.layer = layer_of(&shape, &arrays);
    *ret = c;
    return OUTCOME_DONE;
}

static enum outcome check(const struct convert_source *s, const struct convert_options *o,
                          struct error *error)
{
    char reason[MIDL_REASON_SIZE];
    if (!(o->active >= 0 && o->active <= 1))
        return fail(error, OUTCOME_USAGE, "active = %g: expected 0..1", o->active);
    if (o->select == MIDL_SELECT_BLOCK && o->block != 8 && o->block != 16)
        return fail(error, OUTCOME_USAGE, "block = %zu: expected 8 or 16", o->block);
    struct midl_shape shape = shape_of(s, o);
    if (midl_shape_check(&shape, reason) != MIDL_OK)
        return fail(error, OUTCOME_USAGE, "the converted layer: %s", reason);
    return OUTCOME_DONE;
}

enum outcome convert_layer(const struct convert_source *source,
                           const struct convert_options *options, struct converted *ret,
                           struct error *error)
{
    struct work w = {.source = source, .threads = options->threads, .error = error};
    struct path light = {0}, own = {0};
    size_t gate_rank = options->gate_rank;
    size_t found = options->rank > gate_rank ? options->rank : gate_rank;
    enum outcome outcome = check(source, options, error);
    if (!outcome)
        outcome = analyse(&w, found);
    if (!outcome)
        outcome = make_path(&w, found, options->rank, &light);
    if (!outcome && gate_rank)
        outcome = make_path(&w, found, gate_rank, &own);
    if (!outcome)
        outcome = assemble(&w, options, &light, gate_rank ? &own : &light, ret);
    path_clear(&light);
    path_clear(&own);
    work_clear(&w);
    return outcome;
}

void converted_clear(struct converted *converted)
{
    free(converted->memory);
    free(converted->order);
    *converted = (struct converted){0};
}

enum outcome convert_low_rank(const struct convert_source *source, size_t rank, int threads,
                              struct low_rank *ret, struct error *error)
{
    struct work w = {.source = source, .threads = threads, .error = error};
    struct path path = {0};
    enum outcome outcome = analyse(&w, rank);
    if (!outcome)
        outcome = make_path(&w, rank, rank, &path);
    if (!outcome) {
        *ret = (struct low_rank){rank, path.down, path.up, path.bias, explained(&w, &path)};
        path.down = path.up = path.bias = NULL;
    }
    path_clear(&path);
    work_clear(&w);
    return outcome;
}

void low_rank_clear(struct low_rank *low_rank)
{
    free(low_rank->down);
    free(low_rank->up);
    free(low_rank->bias);
    *low_rank = (struct low_rank){0};
}

/* oracle.c - the layer in double precision: see oracle.h for what is promised.
 *
 * Plain sums in index order. The one concession to size: LANES inputs are carried along together,
 * transposed, so that the innermost loop runs over inputs, where a compiler may vectorise without
 * changing the order of any sum; it does so for AVX2 as well, from the same lines. Built with no
 * fast-math and no contraction: the numbers are the same to the bit. */
#include "oracle.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LANES 8
#define ALWAYS_INLINE __attribute__((always_inline))

/* A vector for LANES inputs, with its magnitudes; each [length][LANES]. */
struct lanes {
    double *value, *magnitude;
};

struct workspace {
    struct lanes x, projection, gate_projection, result; /* of length d, r, rg, n */
    double *memory;
};

struct ranked {
    double key;
    uint32_t place;
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static struct lanes take_lanes(double **memory, size_t length)
{
    struct lanes lanes = {*memory, *memory + length * LANES};
    *memory += 2 * length * LANES;
    return lanes;
}

static bool workspace_create(const struct midl_shape *shape, struct workspace *ret)
{
    size_t rg = shape->gate == MIDL_GATE_LOWRANK ? shape->rg : 0;
    size_t length = shape->d + shape->r + rg + shape->n;
    double *memory = calloc(length, 2 * LANES * sizeof *memory);
    ret->memory = memory;
    if (!memory)
        return false;
    ret->x = take_lanes(&memory, shape->d);
    ret->projection = take_lanes(&memory, shape->r);
    ret->gate_projection = take_lanes(&memory, rg);
    ret->result = take_lanes(&memory, shape->n);
    return true;
}

/* Lanes beyond `count` are zero. */
static void load_inputs(size_t d, size_t count, const float *x, struct lanes ret)
{
    for (size_t i = 0; i < d; i++) {
        for (size_t lane = 0; lane < LANES; lane++) {
            double value = lane < count ? (double)x[lane * d + i] : 0.0;
            ret.value[i * LANES + lane] = value;
            ret.magnitude[i * LANES + lane] = fabs(value);
        }
    }
}

/* ret = M in + bias, for all lanes; M: [rows][cols]; bias: [rows] or NULL. */
static inline ALWAYS_INLINE void affine_loops(size_t rows, size_t cols, const float *M,
                                              const float *bias, struct lanes in, struct lanes ret)
{
    for (size_t j = 0; j < rows; j++) {
        double start = bias ? (double)bias[j] : 0.0;
        double value[LANES], magnitude[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            value[lane] = start;
            magnitude[lane] = fabs(start);
        }
        for (size_t i = 0; i < cols; i++) {
            double weight = M[j * cols + i], size = fabs(weight);
            const double *v = in.value + i * LANES, *m = in.magnitude + i * LANES;
            for (size_t lane = 0; lane < LANES; lane++) {
                value[lane] += weight * v[lane];
                magnitude[lane] += size * m[lane];
            }
        }
        memcpy(ret.value + j * LANES, value, sizeof value);
        memcpy(ret.magnitude + j * LANES, magnitude, sizeof magnitude);
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void affine_avx2(size_t rows, size_t cols, const float *M,
                                                        const float *bias, struct lanes in,
                                                        struct lanes ret)
{
    affine_loops(rows, cols, M, bias, in, ret);
}
#endif

static void affine(size_t rows, size_t cols, const float *M, const float *bias, struct lanes in,
                   struct lanes ret)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
        affine_avx2(rows, cols, M, bias, in, ret);
        return;
    }
#endif
    affine_loops(rows, cols, M, bias, in, ret);
}

/* Back from lanes to [B][n], for inputs [first, first + count). */
static void store_results(size_t n, size_t first, size_t count, struct lanes result, double *value,
                          double *magnitude)
{
    for (size_t lane = 0; lane < count; lane++) {
        for (size_t j = 0; j < n; j++) {
            value[(first + lane) * n + j] = result.value[j * LANES + lane];
            magnitude[(first + lane) * n + j] = result.magnitude[j * LANES + lane];
        }
    }
}

static void gate_logits(const struct midl_layer *layer, const struct workspace *work)
{
    const struct midl_shape *s = &layer->shape;
    switch (s->gate) {
    case MIDL_GATE_FULL:
        affine(s->n, s->d, layer->gate_weight, layer->gate_bias, work->x, work->result);
        break;
    case MIDL_GATE_LOWRANK:
        affine(s->rg, s->d, layer->gate_down, NULL, work->x, work->gate_projection);
        affine(s->n, s->rg, layer->gate_up, layer->gate_bias, work->gate_projection, work->result);
        break;
    case MIDL_GATE_SHARED:
        affine(s->n, s->r, layer->gate_up, layer->gate_bias, work->projection, work->result);
        break;
    }
}

static void compute(const struct midl_layer *layer, size_t first, size_t count, const float *x,
                    const struct workspace *work, struct midl_oracle *o)
{
    const struct midl_shape *s = &layer->shape;
    load_inputs(s->d, count, x + first * s->d, work->x);
    affine(s->n, s->d, layer->full_weight, layer->full_bias, work->x, work->result);
    store_results(s->n, first, count, work->result, o->full, o->full_magnitude);
    affine(s->r, s->d, layer->light_down, NULL, work->x, work->projection);
    affine(s->n, s->r, layer->light_up, layer->light_bias, work->projection, work->result);
    store_results(s->n, first, count, work->result, o->light, o->light_magnitude);
    gate_logits(layer, work);
    store_results(s->n, first, count, work->result, o->logit, o->logit_magnitude);
}

static bool complete(const struct midl_layer *layer)
{
    const struct midl_shape *s = &layer->shape;
    if (!s->d || !s->n || !s->r || !layer->full_weight || !layer->full_bias || !layer->light_down ||
        !layer->light_up || !layer->light_bias || !layer->gate_bias)
        return false;
    switch (s->gate) {
    case MIDL_GATE_FULL:
        return layer->gate_weight != NULL;
    case MIDL_GATE_LOWRANK:
        return s->rg && layer->gate_down && layer->gate_up;
    case MIDL_GATE_SHARED:
        return layer->gate_up != NULL;
    }
    return false;
}

static struct midl_oracle *oracle_allocate(const struct midl_shape *shape, size_t batch)
{
    struct midl_oracle *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->batch = batch;
    o->shape = *shape;
    double **arrays[] = {&o->full,        &o->full_magnitude,
                         &o->light,       &o->light_magnitude,
                         &o->logit,       &o->logit_magnitude,
                         &o->logit_bound, &o->gate,
                         &o->gate_bound,  NULL};
    bool taken = true;
    for (size_t i = 0; arrays[i]; i++) {
        *arrays[i] = calloc(batch, shape->n * sizeof(double));
        taken = taken && *arrays[i];
    }
    o->ranking = calloc(shape->n, sizeof(struct ranked));
    if (taken && o->ranking)
        return o;
    midl_oracle_destroy(o);
    return NULL;
}

enum midl_status midl_oracle_create(const struct midl_layer *layer, size_t batch, const float *x,
                                    struct midl_oracle **ret)
{
    if (!batch || !x || !complete(layer))
        return MIDL_INVALID;
    struct workspace work = {0};
    struct midl_oracle *o = oracle_allocate(&layer->shape, batch);
    enum midl_status status = MIDL_NO_MEMORY;
    if (!o || !workspace_create(&layer->shape, &work))
        goto cleanup;
    for (size_t first = 0; first < batch; first += LANES)
        compute(layer, first, batch - first < LANES ? batch - first : LANES, x, &work, o);
    midl_oracle_gates(o);
    *ret = o;
    o = NULL;
    status = MIDL_OK;
cleanup:
    free(work.memory);
    midl_oracle_destroy(o);
    return status;
}

void midl_oracle_destroy(struct midl_oracle *oracle)
{
    if (!oracle)
        return;
    free(oracle->full);
    free(oracle->full_magnitude);
    free(oracle->light);
    free(oracle->light_magnitude);
    free(oracle->logit);
    free(oracle->logit_magnitude);
    free(oracle->logit_bound);
    free(oracle->gate);
    free(oracle->gate_bound);
    free(oracle->ranking);
    free(oracle);
}

/* ---- Selection ------------------------------------------------------------------------------ */

static int larger_key_first(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->key != b->key)
        return a->key > b->key ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static int ascending(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static double sigmoid(double l)
{
    double e = exp(-fabs(l));
    return l < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

double midl_oracle_logit_cut(const struct midl_shape *shape)
{
    double t = shape->threshold;
    return log(t / (1.0 - t));
}

/* Rank the n / width runs of `width` neighbours by the sum of their logits. */
static const struct ranked *rank(const struct midl_oracle *oracle, const double *logit,
                                 size_t width)
{
    struct ranked *ranking = oracle->ranking;
    size_t count = oracle->shape.n / width;
    for (size_t place = 0; place < count; place++) {
        ranking[place] = (struct ranked){0.0, (uint32_t)place};
        for (size_t j = 0; j < width; j++)
            ranking[place].key += logit[place * width + j];
    }
    qsort(ranking, count, sizeof *ranking, larger_key_first);
    return ranking;
}

bool midl_oracle_unranked(const struct midl_oracle *oracle, const struct midl_shape *shape,
                          size_t i)
{
    size_t n = oracle->shape.n, width = shape->select == MIDL_SELECT_BLOCK ? shape->block : 1;
    const double *logit = oracle->logit + i * n;
    for (size_t unit = 0; unit < n / width; unit++) {
        double sum = 0.0;
        for (size_t j = 0; j < width; j++)
            sum += logit[unit * width + j];
        if (isnan(sum))
            return true;
    }
    return false;
}

size_t midl_oracle_select(const struct midl_oracle *oracle, const struct midl_shape *shape,
                          size_t i, uint32_t *index)
{
    size_t n = oracle->shape.n, count = 0;
    const double *logit = oracle->logit + i * n;
    if (midl_oracle_unranked(oracle, shape, i))
        return SIZE_MAX;
    size_t width = shape->select == MIDL_SELECT_BLOCK ? shape->block : 1;
    bool cut = shape->select == MIDL_SELECT_THRESHOLD;
    const struct ranked *ranking = rank(oracle, logit, width);
    for (; count < shape->k; count++) {
        const struct ranked *next = &ranking[count / width];
        if (cut && !((float)sigmoid(next->key) > shape->threshold))
            break;
        index[count] = (uint32_t)(next->place * width + count % width);
    }
    qsort(index, count, sizeof *index, ascending);
    return count;
}

/* ---- Output and bounds ---------------------------------------------------------------------- */

/* The bound of a path, as a share of its magnitude. */
static double path_share(size_t longest_sum)
{
    return 8.0 * sqrt((double)longest_sum) * (double)FLT_EPSILON;
}

static double logit_share(const struct midl_shape *s)
{
    size_t longest = s->d;
    if (s->gate == MIDL_GATE_LOWRANK)
        longest = larger(s->d, s->rg);
    if (s->gate == MIDL_GATE_SHARED)
        longest = larger(s->d, s->r);
    return path_share(longest);
}

void midl_oracle_gates(struct midl_oracle *oracle)
{
    double share = logit_share(&oracle->shape);
    for (size_t i = 0; i < oracle->batch * oracle->shape.n; i++) {
        double l = oracle->logit[i], off = share * oracle->logit_magnitude[i], p = sigmoid(l);
        double moved = fmax(sigmoid(l + off) - p, p - sigmoid(l - off));
        oracle->logit_bound[i] = off;
        oracle->gate[i] = p;
        oracle->gate_bound[i] = moved + 4.0 * (double)FLT_EPSILON * p + 2.0 * (double)FLT_MIN;
    }
}

double midl_oracle_logit_bound(const struct midl_oracle *oracle, size_t i, size_t j)
{
    return oracle->logit_bound[i * oracle->shape.n + j];
}

double midl_oracle_gate(const struct midl_oracle *oracle, size_t i, size_t j, double *ret_bound)
{
    *ret_bound = oracle->gate_bound[i * oracle->shape.n + j];
    return oracle->gate[i * oracle->shape.n + j];
}

static double blend(const struct midl_oracle *oracle, size_t i, size_t j, double full_bound,
                    double light_bound, double *ret_bound)
{
    double full = oracle->full[i * oracle->shape.n + j];
    double light = oracle->light[i * oracle->shape.n + j];
    double gate_bound, p = midl_oracle_gate(oracle, i, j, &gate_bound);
    *ret_bound = p * full_bound + (1.0 - p) * light_bound +
                 gate_bound * (fabs(full - light) + full_bound + light_bound) +
                 2.0 * (double)FLT_EPSILON * (p * fabs(full) + fabs(light));
    return p * full + (1.0 - p) * light;
}

void midl_oracle_output(const struct midl_oracle *oracle, const struct midl_shape *shape, size_t i,
                        const uint32_t *index, size_t count, double *y, double *bound)
{
    size_t n = oracle->shape.n, next = 0;
    double full_share = path_share(oracle->shape.d);
    double light_share = path_share(larger(oracle->shape.d, oracle->shape.r));
    for (size_t j = 0; j < n; j++) {
        double full_bound = full_share * oracle->full_magnitude[i * n + j];
        double light_bound = light_share * oracle->light_magnitude[i * n + j];
        if (!index) {
            y[j] = oracle->full[i * n + j];
            bound[j] = full_bound;
        } else if (next < count && index[next] == j) {
            y[j] = blend(oracle, i, j, full_bound, light_bound, &bound[j]);
            next++;
        } else {
            bool zero = shape->unselected == MIDL_UNSELECTED_ZERO;
            y[j] = zero ? 0.0 : oracle->light[i * n + j];
            bound[j] = zero ? 0.0 : light_bound;
        }
    }
}

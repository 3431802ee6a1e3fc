/* synthetic.c - data sets made here, so that everything runs without files: a teacher network, the
 * positive control of selection (clusters), and the negative control (chance).
 *
 * A set is the same whatever the options' seed, as a set from files is; asking for fewer examples
 * gives a part's first ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/dataset_internal.h"

#define WORLD_SEED 20260 /* of everything in a synthetic set */

static void fill_normal(struct rng *rng, double scale, size_t count, float *ret)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = (float)(scale * rng_normal(rng));
}

static float dot(const float *a, const float *b, size_t count)
{
    float sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- Random networks ------------------------------------------------------------------------- */

/* in -> hidden -> out, ReLU between, no biases. */
struct network {
    size_t in, hidden, out;
    float *first, *second; /* [hidden][in], [out][hidden] */
};

#define HIDDEN_MOST 64

/* Draw weights so that each layer keeps its input's variance (He et al. 2015). */
static bool network_new(struct rng *rng, size_t in, size_t hidden, size_t out, struct network *ret)
{
    struct network net = {.in = in, .hidden = hidden, .out = out};
    net.first = malloc((hidden * in + out * hidden) * sizeof *net.first);
    if (!net.first)
        return false;
    net.second = net.first + hidden * in;
    fill_normal(rng, sqrt(2.0 / (double)in), hidden * in, net.first);
    fill_normal(rng, sqrt(2.0 / (double)hidden), out * hidden, net.second);
    *ret = net;
    return true;
}

/* The number of the largest output. */
static uint32_t network_answer(const struct network *net, const float *x)
{
    float hidden[HIDDEN_MOST], best = -INFINITY;
    uint32_t answer = 0;
    for (size_t j = 0; j < net->hidden; j++)
        hidden[j] = fmaxf(0.0f, dot(net->first + j * net->in, x, net->in));
    for (size_t c = 0; c < net->out; c++) {
        float value = dot(net->second + c * net->hidden, hidden, net->hidden);
        if (value > best) {
            best = value;
            answer = (uint32_t)c;
        }
    }
    return answer;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

struct sizes {
    size_t train, test, d, classes;
};

/* Take memory for both parts, as many examples as the options ask for. */
static enum outcome begin_set(const struct dataset_request *request, const struct sizes *sizes,
                              struct dataset *set, struct error *error)
{
    const struct dataset_options *options = request->options;
    size_t train = options->train_size ? options->train_size : sizes->train;
    size_t test = options->test_size ? options->test_size : sizes->test;
    set->d = sizes->d;
    set->classes = sizes->classes;
    enum outcome outcome = dataset_part_new(train, set->d, &set->train, error);
    if (outcome == OUTCOME_DONE)
        outcome = dataset_part_new(test, set->d, &set->test, error);
    if (outcome == OUTCOME_DONE)
        outcome = dataset_name_classes(set, NULL, error);
    return outcome;
}

/* Draw example by example: row [d] and label. */
typedef uint32_t draw_example(const void *world, struct rng *rng, float *ret_row);

static void draw_parts(draw_example *draw, const void *world, struct dataset *set)
{
    struct dataset_part *parts[] = {&set->train, &set->test};
    for (uint64_t p = 0; p < 2; p++) {
        struct rng rng = rng_seed(WORLD_SEED + 1 + p);
        for (size_t i = 0; i < parts[p]->count; i++)
            parts[p]->labels[i] = draw(world, &rng, parts[p]->x + i * set->d);
    }
}

/* ---- teacher and chance ---------------------------------------------------------------------- */

#define TEACHER_D 64
#define TEACHER_HIDDEN 32
#define TEACHER_CLASSES 10

static const struct sizes teacher_sizes = {10000, 2000, TEACHER_D, TEACHER_CLASSES};

static uint32_t draw_taught(const void *world, struct rng *rng, float *ret_row)
{
    fill_normal(rng, 1.0, TEACHER_D, ret_row);
    return network_answer(world, ret_row);
}

enum outcome synthetic_teacher(const struct dataset_request *request, struct dataset *set,
                               struct error *error)
{
    struct rng rng = rng_seed(WORLD_SEED);
    struct network net;
    enum outcome outcome = begin_set(request, &teacher_sizes, set, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!network_new(&rng, TEACHER_D, TEACHER_HIDDEN, TEACHER_CLASSES, &net))
        return fail_memory(error, "the teacher network", 0);
    draw_parts(draw_taught, &net, set);
    free(net.first);
    return OUTCOME_DONE;
}

static uint32_t draw_chance(const void *world, struct rng *rng, float *ret_row)
{
    (void)world;
    fill_normal(rng, 1.0, TEACHER_D, ret_row);
    return rng_below(rng, TEACHER_CLASSES);
}

enum outcome synthetic_chance(const struct dataset_request *request, struct dataset *set,
                              struct error *error)
{
    enum outcome outcome = begin_set(request, &teacher_sizes, set, error);
    if (outcome == OUTCOME_DONE)
        draw_parts(draw_chance, NULL, set);
    return outcome;
}

/* ---- clusters -------------------------------------------------------------------------------- */

/* x = 12 m_c / |m_c| + B_c z: m_c Gaussian, B_c an orthonormal basis of a subspace of the cluster's
 * own, z standard normal; the label is what a network of the cluster's own answers on z. Different
 * inputs so need different neurons. */
#define CLUSTERS 16
#define CLUSTER_D 512
#define CLUSTER_INNER 16 /* dimensions of a subspace */
#define CLUSTER_HIDDEN 24
#define CLUSTER_CLASSES 4
#define CLUSTER_RADIUS 12.0

static const struct sizes cluster_sizes = {60000, 5000, CLUSTER_D, CLUSTER_CLASSES};

struct cluster {
    float centre[CLUSTER_D];
    float basis[CLUSTER_INNER][CLUSTER_D]; /* columns of B_c */
    struct network net;
};

static void scale_to(float *v, double length)
{
    double norm = 0;
    for (size_t i = 0; i < CLUSTER_D; i++)
        norm += (double)v[i] * (double)v[i];
    for (size_t i = 0; i < CLUSTER_D; i++)
        v[i] = (float)((double)v[i] * length / sqrt(norm));
}

/* Orthonormal vectors by Gram and Schmidt's method, twice over for their rounding. */
static void draw_basis(struct rng *rng, float basis[CLUSTER_INNER][CLUSTER_D])
{
    for (size_t k = 0; k < CLUSTER_INNER; k++) {
        fill_normal(rng, 1.0, CLUSTER_D, basis[k]);
        for (size_t pass = 0; pass < 2; pass++)
            for (size_t other = 0; other < k; other++) {
                float along = dot(basis[k], basis[other], CLUSTER_D);
                along /= dot(basis[other], basis[other], CLUSTER_D);
                for (size_t i = 0; i < CLUSTER_D; i++)
                    basis[k][i] -= along * basis[other][i];
            }
        scale_to(basis[k], 1.0);
    }
}

static bool draw_cluster(struct rng *rng, struct cluster *ret)
{
    fill_normal(rng, 1.0, CLUSTER_D, ret->centre);
    scale_to(ret->centre, CLUSTER_RADIUS);
    draw_basis(rng, ret->basis);
    return network_new(rng, CLUSTER_INNER, CLUSTER_HIDDEN, CLUSTER_CLASSES, &ret->net);
}

static uint32_t draw_clustered(const void *world, struct rng *rng, float *ret_row)
{
    const struct cluster *cluster = (const struct cluster *)world + rng_below(rng, CLUSTERS);
    float z[CLUSTER_INNER];
    fill_normal(rng, 1.0, CLUSTER_INNER, z);
    memcpy(ret_row, cluster->centre, sizeof cluster->centre);
    for (size_t k = 0; k < CLUSTER_INNER; k++)
        for (size_t i = 0; i < CLUSTER_D; i++)
            ret_row[i] += z[k] * cluster->basis[k][i];
    return network_answer(&cluster->net, z);
}

enum outcome synthetic_clusters(const struct dataset_request *request, struct dataset *set,
                                struct error *error)
{
    struct rng rng = rng_seed(WORLD_SEED);
    struct cluster *clusters = calloc(CLUSTERS, sizeof *clusters);
    bool ok = clusters != NULL;
    enum outcome outcome = OUTCOME_DONE;
    for (size_t c = 0; ok && c < CLUSTERS; c++)
        ok = draw_cluster(&rng, &clusters[c]);
    if (!ok)
        outcome = fail_memory(error, "the clusters", CLUSTERS * sizeof *clusters);
    else if ((outcome = begin_set(request, &cluster_sizes, set, error)) == OUTCOME_DONE)
        draw_parts(draw_clustered, clusters, set);
    for (size_t c = 0; clusters && c < CLUSTERS; c++)
        free(clusters[c].net.first);
    free(clusters);
    return outcome;
}

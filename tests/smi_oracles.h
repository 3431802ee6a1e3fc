/* smi_oracles.h - questions to the estimators of sliced mutual information whose answers are known
 * in closed form, or by quadrature. Include after cmocka.h. */
#ifndef MIDL_TEST_SMI_ORACLES_H
#define MIDL_TEST_SMI_ORACLES_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Vectors: a standard normal in R^d, b = rho a + sqrt(1 - rho^2) times another one. Labels: Y is -1
 * or 1 with equal chance, a = mu Y e1 + a standard normal. */
struct smi_oracle {
    const char *name;
    size_t d;
    double rho, mu; /* mu > 0: labels */
    double nats;
    size_t points, slices; /* that answer within the bound, in a second or so */
};

static const struct smi_oracle smi_oracles[] = {
    {"isotropic, Y = X, d = 2: ln 2", 2, 1, 0, 0.693147, 400, 3000},
    {"isotropic, Y = X, d = 3: 1 - ln 2", 3, 1, 0, 0.306853, 500, 3000},
    {"correlated pair, d = 2, rho = 0.8", 2, 0.8, 0, 0.223144, 1000, 800},
    {"correlated pair, d = 2, rho = 0.95", 2, 0.95, 0, 0.421518, 600, 1200},
    {"independent, d = 2", 2, 0, 0, 0, 1000, 200},
    {"1-D, rho = 0.8", 1, 0.8, 0, 0.510826, 10000, 2},
    {"1-D, rho = 0.3", 1, 0.3, 0, 0.047155, 40000, 2},
    {"label, d = 1, mu = 1", 1, 0, 1, 0.336831, 10000, 2},
    {"label, d = 2, mu = 2", 2, 0, 2, 0.413415, 2000, 500},
    {"label, d = 64, mu = 2", 64, 0, 2, 0.028811, 1000, 300},
};
#define SMI_ORACLES (sizeof smi_oracles / sizeof *smi_oracles)

/* The bound of the issue: 5 % or 0.005 nats. */
static inline bool smi_oracle_close(const struct smi_oracle *oracle, double nats)
{
    return fabs(nats - oracle->nats) <= fmax(0.05 * oracle->nats, 0.005);
}

static inline struct smi_estimate smi_oracle_ask(const struct smi_oracle *oracle, size_t points,
                                                 uint64_t seed, const struct smi_options *options)
{
    size_t d = oracle->d;
    struct rng rng = rng_seed(seed);
    float *a = malloc(2 * points * d * sizeof *a), *b = a + points * d;
    uint32_t *labels = malloc(points * sizeof *labels);
    struct smi_estimate estimate = {.nats = NAN};
    struct error error = {""};
    for (size_t i = 0; a && labels && i < points * d; i++) {
        double x = rng_normal(&rng), other = rng_normal(&rng);
        labels[i / d] = i % d == 0 ? rng_below(&rng, 2) : labels[i / d];
        a[i] = (float)(x + (i % d == 0 ? oracle->mu * (labels[i / d] ? 1 : -1) : 0));
        b[i] = (float)(oracle->rho * x + sqrt(1 - oracle->rho * oracle->rho) * other);
    }
    struct smi_points points_a = {a, points, d, d}, points_b = {b, points, d, d};
    if (a && labels && oracle->mu > 0)
        (void)smi_of_labels(&points_a, labels, 2, options, &estimate, &error);
    else if (a && labels)
        (void)smi_of_vectors(&points_a, &points_b, options, &estimate, &error);
    free(a);
    free(labels);
    return estimate;
}

#endif

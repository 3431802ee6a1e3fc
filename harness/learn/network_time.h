/* network_time.h - how long a whole network takes, beside its dense original and the plain ways to
 * save as many FLOPs.
 *
 * In the same rounds run: the dense network by each library; the model, its MID-L layers by each
 * variant; a low-rank network and a narrower dense one of the model's FLOPs. They differ in the
 * layers that the model replaced, and nowhere else: the other linear layers take the plain variant
 * that is fastest there. Weights of all but the model are random, which times do not depend on.
 * Each plan is compared with the oracle, on what its layer meets, before it is timed. */
#ifndef MIDL_NETWORK_TIME_H
#define MIDL_NETWORK_TIME_H

#include "learn/network.h"
#include "measure/measure.h"

struct network_time; /* opaque: the four networks */

/* Compute the FLOPs ratio of the model's replaced layers, by the share of neurons that each of its
 * MID-L layers selects on average ([layers of the model]; others are not looked at). */
double network_time_ratio(const struct network_spec *model, const double *active);

/* Prepare for batches up to the model's max_batch. The model must stay. OUTCOME_USAGE: it has no
 * MID-L or low-rank layer. On success *ret is the caller's. */
enum outcome network_time_create(struct network *model, const double *active,
                                 struct network_time **ret, struct error *error);
void network_time_destroy(struct network_time *time); /* accepts NULL */

/* The columns of points that tell of the model. Texts are the caller's. */
struct network_facts {
    const char *dataset, *model, *method, *file;
    double active; /* share of neurons selected, over all MID-L layers */
};

/* Write the label of the points of one batch. */
void network_time_key(const struct network_time *time, const struct network_facts *facts,
                      size_t batch, char ret[CASE_TEXT_SIZE]);

/* Measure a batch of inputs x [batch][in], which are not written to. `variants`: plain ones for the
 * dense network, others for the model. Of the options those that concern a group in one place of
 * memory and moved apply; counters, ceilings and cache do not. */
enum outcome network_time_measure(struct network_time *time, const struct network_facts *facts,
                                  float *x, size_t batch,
                                  const struct midl_variant *const *variants, size_t count,
                                  const struct measure_options *options, struct measure_result *ret,
                                  struct error *error);

/* Give back a result of network_time_measure. */
void network_time_clear(struct measure_result *result);

#endif

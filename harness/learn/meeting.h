/* meeting.h - what the layers of a network meet: their inputs while it reads examples. */
#ifndef MIDL_MEETING_H
#define MIDL_MEETING_H

#include "data/dataset.h"
#include "learn/network.h"

/* Run the network over `count` >= 1 examples of a part, at even distances, and copy what layer i
 * meets to met[i] [count][d]; NULL: it is not wanted. */
enum outcome network_meet(struct network *network, const struct dataset_part *part, size_t count,
                          float *const met[NETWORK_LAYERS_MOST], struct error *error);

/* Take memory for what layer i meets in `count` examples, to be freed. */
enum outcome network_met_new(const struct network_spec *spec, size_t i, size_t count, float **ret,
                             struct error *error);

#endif

/* eval_model.h - `midl eval --model`: a whole network instead of one layer. */
#ifndef MIDL_EVAL_MODEL_H
#define MIDL_EVAL_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { EVAL_LAYER_INPUTS = 1024 };

struct eval_model {
    const char *model; /* file of midl train or midl convert */
    const char *data;  /* answer for the test part of this data set; NULL or "": that which the
                        * model was trained on. Not looked at if there are inputs. */
    const char *input; /* or for these inputs, into `output`: logits as tensor y */
    const char *output;
    const char *inputs_of; /* instead of logits: what this layer meets in the test part's first
                            * EVAL_LAYER_INPUTS examples, and their labels: tensors x, labels */
    size_t batch, threads;
    bool json;
};

enum outcome eval_model(const struct eval_model *request, struct error *error);

#endif

/* model_file.h - a network as one safetensors file: weights under PyTorch's names, the architecture
 * in the metadata. A PyTorch module with members `features` (conv, pool, norm, ReLU in turn),
 * `classifier` (linear, ReLU in turn) and, for text, `embedding` loads it by load_state_dict.
 *
 * Metadata, all texts: format = midl-model; input ("3x32x32"), network (the hidden layers, as
 * network_text.h has them), classes; and what is known of how it came to be: dataset, method, seed,
 * rule, accuracy. For each MID-L layer NAME also NAME.k, NAME.select, NAME.unselected, NAME.block,
 * NAME.threshold, so that FILE#NAME is a layer file (data/tensors.h). */
#ifndef MIDL_MODEL_FILE_H
#define MIDL_MODEL_FILE_H

#include "data/dataset.h"
#include "learn/method.h"
#include "learn/network.h"

/* Texts; NULL or "": unknown. */
struct model_facts {
    char dataset[64], method[32], seed[24], rule[24], accuracy[24];
};

enum outcome model_save(const char *path, const struct network *network,
                        const struct model_facts *facts, struct error *error);

/* Read a model for batches of options->max_batch. Its method's mask and its seed go before those of
 * the options. On success *ret is to be destroyed; it must stay where it is. */
enum outcome model_load(const char *path, const struct layer_options *options, struct network *ret,
                        struct model_facts *ret_facts, struct error *error);

/* Load the data set that a model is asked about: `name`, or where that is NULL or "" the one that
 * the model was trained on, by its seed. OUTCOME_USAGE: it doesn't say which, or the model takes
 * other inputs or has other classes. On success *ret is to be cleared. */
enum outcome model_dataset(const char *path, const struct network_spec *spec,
                           const struct model_facts *facts, const char *name, struct dataset *ret,
                           struct error *error);

#endif

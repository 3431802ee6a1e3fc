/* dataset_internal.h - what the loaders of data sets share. */
#ifndef MIDL_DATASET_INTERNAL_H
#define MIDL_DATASET_INTERNAL_H

#include "data/dataset.h"

/* The question to a loader. */
struct dataset_request {
    const struct dataset_info *info;
    const char *place; /* from dataset_locate(), or options->text */
    const struct dataset_options *options;
};

/* Fill *set: parts, shape, classes, names. On failure dataset_load() clears what was filled. */
typedef enum outcome dataset_loader(const struct dataset_request *request, struct dataset *set,
                                    struct error *error);

#define DATASET(name, loader, ...) dataset_loader loader;
#include "data/datasets.def"
#undef DATASET

/* Choose `wanted` (0: all) of `total` examples by seed; *ret holds their numbers, ascending, to be
 * freed. `what` names the part in the error line of wanting more than there are. */
enum outcome dataset_choose(const char *what, size_t total, size_t wanted, uint64_t seed,
                            size_t **ret, size_t *ret_count, struct error *error);

/* Choose both parts as the options say: choices[0] training, [1] test. */
struct dataset_choice {
    size_t *rows, count;
};
enum outcome dataset_choose_parts(const struct dataset_request *request, const size_t totals[2],
                                  struct dataset_choice choices[2], struct error *error);

/* Take memory for count rows of d floats, and their labels. */
enum outcome dataset_part_new(size_t count, size_t d, struct dataset_part *ret,
                              struct error *error);

/* Set class_names to copies of names[classes]; NULL: "0", "1", ... */
enum outcome dataset_name_classes(struct dataset *set, const char *const *names,
                                  struct error *error);

/* Standardise columns first..first+columns-1 of both parts together as one quantity: less the mean
 * over the training part, by its standard deviation (1 where that is 0). */
void dataset_standardise(struct dataset *set, size_t first, size_t columns);

#endif

/* experiment.h - what to train, as text: one experiment, and lists that multiply to many.
 *
 *   [train]
 *   dataset = mnist, cifar10
 *   method = dense, midl
 *   seed = 1:5
 */
#ifndef MIDL_EXPERIMENT_H
#define MIDL_EXPERIMENT_H

#include "data/dataset.h"
#include "learn/method.h"
#include "learn/trainer.h"
#include "suite/axis.h"
#include "suite/suite.h"

#define KEY(id, ...) EXPERIMENT_##id,
enum experiment_key {
#include "learn/experiments.def"
    EXPERIMENT_KEYS
};
#undef KEY

const char *experiment_key_name(enum experiment_key key);
const char *experiment_key_help(enum experiment_key key);
int experiment_key_find(const char *name); /* with _ or -; -1: none */

/* Values of each key; count 0: not given. */
struct experiment_lists {
    struct axis_list keys[EXPERIMENT_KEYS];
};

/* Set one key from text, in place of what it was. An error names the part of the text. */
enum outcome experiment_set(struct experiment_lists *lists, enum experiment_key key,
                            const char *text, struct error *error);
void experiment_lists_clear(struct experiment_lists *lists);

/* One experiment, all values resolved. */
struct experiment {
    const struct dataset_info *info;
    enum method method;
    struct method_options making;
    enum midl_rule rule;
    char network[257];               /* hidden layers */
    struct trainer_options training; /* without files, threads and key */
    struct dataset_options data;
    double noise;
    char content[24]; /* hash of a file that the user named for the data set; "": none */
    /* Everything that the result depends on, and the same without what is asked at the end: that
     * which the trained weights depend on. */
    char key[640], trained_key[640];
};

enum { EXPERIMENTS_MOST = 10000 };

struct experiments {
    struct experiment *at;
    size_t count, room;
};

/* Multiply the lists and append, in the order: data set, seed, method, the rest; an experiment that
 * is there already, by its key, is left out. */
enum outcome experiments_add(struct experiments *experiments, const struct experiment_lists *lists,
                             struct error *error);

/* Add the experiments of all sections [train] of a suite; a key that `options` gives goes before
 * the sections' (NULL: none). Experiments that start from one trained network stand together,
 * whichever their sections. The error names file and line. */
enum outcome experiments_of_suite(const struct suite *suite, const struct experiment_lists *options,
                                  struct experiments *ret, struct error *error);
void experiments_clear(struct experiments *experiments);

/* Make the contents of a text file part of the experiments on the set `text`, which it is for. */
enum outcome experiments_of_text(struct experiments *experiments, const char *file,
                                 struct error *error);

/* Make the dense experiment that a converting method starts from. */
struct experiment experiment_dense(const struct experiment *experiment);

/* Hash all keys by FNV-1a to 16 hex digits. */
void experiments_hash(const struct experiments *experiments, char ret[17]);

#endif

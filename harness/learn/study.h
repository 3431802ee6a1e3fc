/* study.h - one experiment after the other: load, train, test. Keeps the last data set and the last
 * networks, so that experiments which share them do not make them twice. */
#ifndef MIDL_STUDY_H
#define MIDL_STUDY_H

#include "learn/experiment.h"

struct study_options {
    int threads;
    const char *data_folder; /* NULL: $MIDL_DATA */
    const char *text;        /* the set `text` is this file; NULL: the reviews */
    const char *checkpoints; /* folder of checkpoints; NULL: none */
    double checkpoint_s;
    trainer_report report;
    void *data; /* of report */
};

/* The result of an experiment. The network belongs to the study and holds until the next one. */
struct study_result {
    struct trainer_epoch *epochs; /* the study's; validation is NaN where there was none */
    size_t epoch_count, best;
    size_t train_size, test_size; /* examples used */
    double test_loss, test_accuracy;
    double flops_ratio;  /* of the hidden linear layers, against the plain network */
    double active;       /* share of hidden neurons on the full path */
    size_t k;            /* their number; 0 for networks without MID-L layers */
    size_t rank;         /* of the first hidden layer; 0: none */
    enum midl_gate gate; /* of the first MID-L layer */
    enum midl_select select;
    double
        explained;  /* share of outputs' variance that the light path has, of conversions; or NaN */
    double epoch_s; /* median over epochs */
    double peak_bytes; /* of the process while it trained; NaN: unknown */
    bool trained;      /* false: the network of an earlier experiment answered */
    struct network *network;
    const struct dataset *set;
};

struct study; /* opaque */

struct study *study_create(const struct study_options *options); /* NULL: no memory */
void study_destroy(struct study *study);                         /* accepts NULL */

/* Run an experiment. Interrupted by `report`: OUTCOME_NO_VERDICT. An error begins with data set,
 * method and seed. */
enum outcome study_run(struct study *study, const struct experiment *experiment,
                       struct study_result *ret, struct error *error);

/* Remove the experiment's checkpoint, once its result is stored. */
void study_forget(struct study *study, const struct experiment *experiment);

#endif

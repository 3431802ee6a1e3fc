/* accuracy.h - how well trained models answer, in the store. */
#ifndef MIDL_STORE_ACCURACY_H
#define MIDL_STORE_ACCURACY_H

#include "store.h"

/* One evaluation of a model on one split. NaN and NULL where a field does not apply; k < 0: none.
 */
struct store_accuracy {
    const char *experiment; /* everything that the result depends on, as text: `midl train` */
    const char *dataset, *model, *method;
    uint64_t seed;
    int64_t epoch;         /* passes over the training part before it, from 1; partial ones count */
    const char *split;     /* train (while training), validation or test */
    int64_t k;             /* hidden neurons on the full path, over all MID-L layers */
    double active;         /* their share */
    double accuracy, loss; /* share of right answers; mean -log p of the right one, nats */
    double flops_ratio;    /* of the hidden linear layers, against the plain network */
    double noise;          /* standard deviation of noise added to test inputs */
    int64_t train_size;    /* examples trained on */
    const char *rule, *gate, *select_mode;
    int64_t rank;      /* of the first hidden layer; 0: none */
    double epochs;     /* that training was to take */
    double epoch_s;    /* seconds of one, median */
    double peak_bytes; /* of the process while training */
    int64_t examples;  /* of the split */
    double explained;  /* share of outputs' variance that the light path has, of conversions */
};

/* All or nothing, in one transaction. */
enum store_status store_put_accuracies(struct store *store, int64_t run_id,
                                       const struct store_accuracy *rows, size_t count);

/* Whether any run has this experiment's test result. */
enum store_status store_has_experiment(struct store *store, const char *experiment,
                                       bool *ret_found);

#endif

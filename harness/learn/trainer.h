/* trainer.h - training a network on a data set: batches, epochs, validation, checkpoints.
 *
 * Each epoch shuffles anew. The test part is not looked at. Shuffles, dropout and masks are
 * functions of seed and step, so a run that was killed goes on from its last checkpoint to the same
 * bits, and so do runs with any number of threads. */
#ifndef MIDL_TRAINER_H
#define MIDL_TRAINER_H

#include "data/dataset.h"
#include "learn/network.h"
#include "learn/optimiser.h"

struct trainer_options {
    enum optimiser_kind optimiser;
    enum schedule_kind schedule;
    double rate, momentum, decay;
    double epochs; /* need not be whole */
    size_t batch;
    double validation; /* share of the training part that is held out, 0 to 0.9 */
    size_t patience;   /* stop after so many epochs without a lower validation loss; 0: never. The
                        * weights of the best epoch are kept. */
    uint64_t seed;
    int threads;
    const char *checkpoint; /* a file to go on from and to keep up to date; NULL: none */
    const char *key;     /* what the checkpoint must be of: everything that a result depends on */
    double checkpoint_s; /* seconds between checkpoints */
    double report_s;     /* at least, between reports */
};

/* One pass over the training part. */
struct trainer_epoch {
    double loss, accuracy;                       /* means while training; loss in nats */
    double validation_loss, validation_accuracy; /* NaN without validation */
    double seconds;
};

struct trainer_result {
    struct trainer_epoch *epochs; /* free() it */
    size_t count;
    size_t best;     /* the epoch whose weights are kept: the last, but for early stopping */
    size_t examples; /* trained on, validation apart */
    bool resumed;
};

/* Called after every few batches with the share done, the epoch under way and its numbers so far;
 * returns false to stop (OUTCOME_NO_VERDICT, after a checkpoint). May be NULL. */
typedef bool (*trainer_report)(void *data, double done, size_t epoch,
                               const struct trainer_epoch *so_far);

/* Train network->values. A loss that is not finite is OUTCOME_BAD with one line that says where. */
enum outcome trainer_run(struct network *network, const struct dataset *set,
                         const struct trainer_options *options, trainer_report report, void *data,
                         struct trainer_result *ret, struct error *error);

/* Find the mean loss and the share of right answers over a part, in batches of the network's size.
 */
enum outcome trainer_evaluate(struct network *network, const struct dataset_part *part, size_t d,
                              double *ret_loss, double *ret_accuracy, struct error *error);

#endif

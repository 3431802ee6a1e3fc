/* trainer.c - the loop over batches; what it must remember is in struct run, and only there. */
#include "learn/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "learn/checkpoint.h"

static const double temperature_start = 1, temperature_end = 0.05;

/* Sums over the batches of the epoch under way, and what early stopping remembers: the counters of
 * a checkpoint. */
enum { LOSS, RIGHT, SEEN, SECONDS, BEST_LOSS, BEST_EPOCH };

struct run {
    struct network *network;
    const struct dataset_part *part;
    size_t d;
    const struct trainer_options *options;
    trainer_report report;
    void *data;

    uint32_t *split, *order; /* which examples train, then validate; the epoch's order */
    size_t train_count, validation_count;
    uint64_t epoch_steps, steps;

    float *first, *second, *best; /* moments; weights of the best epoch: NULL unless needed */
    float *x;
    uint32_t *labels;

    uint64_t step;
    double counters[CHECKPOINT_COUNTERS];
    struct trainer_epoch *epochs; /* as many as there will be */
    size_t epochs_most, epochs_done;
    double began_ns, saved_ns, reported_ns;
    bool stopped;
};

/* ---- Orders ---------------------------------------------------------------------------------- */

static void shuffle(uint64_t seed, uint64_t purpose, uint32_t *values, size_t count)
{
    uint64_t state = seed;
    struct rng rng = rng_seed(rng_splitmix(&state) ^ purpose);
    rng_shuffle(&rng, values, count);
}

/* A permutation of the training examples, those held out at the end. */
static void split_part(struct run *run)
{
    for (size_t i = 0; i < run->part->count; i++)
        run->split[i] = (uint32_t)i;
    if (run->validation_count)
        shuffle(run->options->seed, 0, run->split, run->part->count);
}

static void order_epoch(struct run *run, uint64_t epoch)
{
    memcpy(run->order, run->split, run->train_count * sizeof *run->order);
    shuffle(run->options->seed, epoch + 1, run->order, run->train_count);
}

static void gather(const struct dataset_part *part, size_t d, const uint32_t *rows, size_t first,
                   size_t count, float *ret_x, uint32_t *ret_labels)
{
    for (size_t i = 0; i < count; i++) {
        size_t row = rows ? rows[first + i] : first + i;
        memcpy(ret_x + i * d, dataset_row(part, row), d * sizeof *ret_x);
        ret_labels[i] = part->labels[row];
    }
}

/* ---- Evaluating ------------------------------------------------------------------------------ */

struct evaluation {
    struct network *network;
    const struct dataset_part *part;
    const uint32_t *rows; /* NULL: all in order */
    size_t first, count, d;
    float *x; /* room for a batch */
    uint32_t *labels;
};

static enum outcome evaluate(const struct evaluation *e, double *ret_loss, double *ret_accuracy,
                             struct error *error)
{
    struct pass pass = {.training = false};
    size_t most = e->network->options.max_batch, classes = e->network->spec.classes;
    double loss = 0, right = 0;
    for (size_t at = 0; at < e->count; at += most, pass.step++) {
        const float *logits = NULL;
        pass.batch = e->count - at < most ? e->count - at : most;
        gather(e->part, e->d, e->rows, e->first + at, pass.batch, e->x, e->labels);
        enum outcome outcome = network_forward(e->network, &pass, e->x, &logits, error);
        if (outcome)
            return outcome;
        struct network_score score = cross_entropy(pass.batch, classes, logits, e->labels, NULL);
        loss += score.loss;
        right += (double)score.right;
    }
    *ret_loss = e->count ? loss / (double)e->count : NAN;
    *ret_accuracy = e->count ? right / (double)e->count : NAN;
    return OUTCOME_DONE;
}

enum outcome trainer_evaluate(struct network *network, const struct dataset_part *part, size_t d,
                              double *ret_loss, double *ret_accuracy, struct error *error)
{
    size_t batch = network->options.max_batch;
    struct evaluation e = {.network = network, .part = part, .count = part->count, .d = d};
    enum outcome outcome = OUTCOME_DONE;
    e.x = malloc(batch * d * sizeof *e.x);
    e.labels = malloc(batch * sizeof *e.labels);
    if (!e.x || !e.labels)
        outcome = fail_memory(error, "a batch", 4.0 * (double)(batch * (d + 1)));
    else
        outcome = evaluate(&e, ret_loss, ret_accuracy, error);
    free(e.x);
    free(e.labels);
    return outcome;
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

static struct checkpoint checkpoint_of(struct run *run)
{
    struct network *network = run->network;
    struct checkpoint ret = {
        .key = run->options->key,
        .step = run->step,
        .arrays = {{"values", network->values, network->floats, sizeof(float)},
                   {"first", run->first, network->trained, sizeof(float)},
                   {"second", run->second, run->second ? network->trained : 0, sizeof(float)},
                   {"best", run->best, run->best ? network->floats : 0, sizeof(float)},
                   {"epochs", run->epochs, run->epochs_most * sizeof *run->epochs / sizeof(double),
                    sizeof(double)}}};
    memcpy(ret.counters, run->counters, sizeof ret.counters);
    return ret;
}

static enum outcome save(struct run *run, struct error *error)
{
    if (!run->options->checkpoint)
        return OUTCOME_DONE;
    double now = clock_ns();
    run->counters[SECONDS] += (now - run->began_ns) / 1e9;
    run->began_ns = now;
    struct checkpoint checkpoint = checkpoint_of(run);
    enum outcome outcome = checkpoint_write(run->options->checkpoint, &checkpoint, error);
    run->saved_ns = clock_ns();
    return outcome;
}

/* Whether early stopping ends the run after the epochs done so far. */
static bool waited_enough(const struct run *run)
{
    double waited = (double)run->epochs_done - 1 - run->counters[BEST_EPOCH];
    return run->best && run->epochs_done && waited >= (double)run->options->patience;
}

/* The epochs that end at or before the step; the last one need not be whole. */
static size_t epochs_done(const struct run *run)
{
    return run->step == run->steps ? run->epochs_most : (size_t)(run->step / run->epoch_steps);
}

static enum outcome resume(struct run *run, bool *ret_found, struct error *error)
{
    struct checkpoint checkpoint = checkpoint_of(run);
    enum outcome outcome = checkpoint_read(run->options->checkpoint, &checkpoint, ret_found, error);
    if (outcome || !*ret_found)
        return outcome;
    double best = checkpoint.counters[BEST_EPOCH];
    if (checkpoint.step > run->steps || best < 0 || best >= (double)run->epochs_most)
        return fail(error, OUTCOME_USAGE,
                    "%s: step %llu of a run of %llu, best epoch %g; remove it to start anew",
                    run->options->checkpoint, (unsigned long long)checkpoint.step,
                    (unsigned long long)run->steps, best);
    run->step = checkpoint.step;
    run->epochs_done = epochs_done(run);
    memcpy(run->counters, checkpoint.counters, sizeof run->counters);
    run->stopped = waited_enough(run);
    return OUTCOME_DONE;
}

/* ---- Training -------------------------------------------------------------------------------- */

static size_t epoch_of(const struct run *run, uint64_t step)
{
    return (size_t)(step / run->epoch_steps);
}

static struct trainer_epoch epoch_so_far(const struct run *run)
{
    const double *c = run->counters;
    return (struct trainer_epoch){.loss = c[LOSS] / c[SEEN],
                                  .accuracy = c[RIGHT] / c[SEEN],
                                  .validation_loss = NAN,
                                  .validation_accuracy = NAN,
                                  .seconds = c[SECONDS] + (clock_ns() - run->began_ns) / 1e9};
}

/* T of rule soft falls geometrically. */
static float temperature_of(const struct run *run)
{
    double done = (double)run->step / (double)run->steps;
    return (float)(temperature_start * pow(temperature_end / temperature_start, done));
}

static enum outcome train_batch(struct run *run, struct error *error)
{
    const struct trainer_options *options = run->options;
    struct network *network = run->network;
    size_t first = (size_t)(run->step % run->epoch_steps) * options->batch;
    size_t left = run->train_count - first;
    struct pass pass = {.batch = left < options->batch ? left : options->batch,
                        .training = true,
                        .step = run->step,
                        .temperature = temperature_of(run)};
    struct network_score score = {0};
    gather(run->part, run->d, run->order, first, pass.batch, run->x, run->labels);
    enum outcome outcome = network_train(network, &pass, run->x, run->labels, &score, error);
    if (outcome)
        return fail(error, outcome, "epoch %zu, batch %llu: %s", epoch_of(run, run->step) + 1,
                    (unsigned long long)(run->step % run->epoch_steps) + 1, error->text);
    if (!isfinite(score.loss))
        return fail(error, OUTCOME_BAD,
                    "epoch %zu, batch %llu: the loss is not finite; try a smaller --rate",
                    epoch_of(run, run->step) + 1,
                    (unsigned long long)(run->step % run->epoch_steps) + 1);
    const struct optimiser optimiser = {.kind = options->optimiser,
                                        .momentum = options->momentum,
                                        .decay = options->decay,
                                        .threads = options->threads};
    optimiser_step(
        &optimiser, schedule_rate(options->schedule, options->rate, run->step, run->steps),
        run->step, network->trained, network->gradients, network->values, run->first, run->second);
    run->counters[LOSS] += score.loss;
    run->counters[RIGHT] += (double)score.right;
    run->counters[SEEN] += (double)pass.batch;
    run->step++;
    return OUTCOME_DONE;
}

/* Ask those held out; keep the weights if they were never better; true to stop. */
static enum outcome validate(struct run *run, struct trainer_epoch *epoch, struct error *error)
{
    struct evaluation e = {.network = run->network,
                           .part = run->part,
                           .rows = run->split,
                           .first = run->train_count,
                           .count = run->validation_count,
                           .d = run->d,
                           .x = run->x,
                           .labels = run->labels};
    enum outcome outcome =
        evaluate(&e, &epoch->validation_loss, &epoch->validation_accuracy, error);
    if (outcome || !run->best)
        return outcome;
    double index = (double)run->epochs_done;
    if (!run->epochs_done || epoch->validation_loss < run->counters[BEST_LOSS]) {
        run->counters[BEST_LOSS] = epoch->validation_loss;
        run->counters[BEST_EPOCH] = index;
        memcpy(run->best, run->network->values, run->network->floats * sizeof *run->best);
    }
    return OUTCOME_DONE;
}

static enum outcome end_epoch(struct run *run, struct error *error)
{
    struct trainer_epoch epoch = epoch_so_far(run);
    enum outcome outcome = OUTCOME_DONE;
    if (run->validation_count)
        outcome = validate(run, &epoch, error);
    run->epochs[run->epochs_done++] = epoch;
    run->stopped = waited_enough(run);
    run->counters[LOSS] = run->counters[RIGHT] = run->counters[SEEN] = run->counters[SECONDS] = 0;
    run->began_ns = clock_ns();
    return outcome;
}

/* Tell the caller now and then; false: it wants to stop. */
static bool tell(struct run *run)
{
    double now = clock_ns();
    if (!run->report || now - run->reported_ns < 1e9 * run->options->report_s)
        return true;
    run->reported_ns = now;
    struct trainer_epoch so_far = epoch_so_far(run);
    return run->report(run->data, (double)run->step / (double)run->steps,
                       epoch_of(run, run->step - 1), &so_far);
}

static enum outcome train(struct run *run, struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    run->began_ns = run->saved_ns = run->reported_ns = clock_ns();
    if (run->step < run->steps && run->step % run->epoch_steps)
        order_epoch(run, run->step / run->epoch_steps);
    while (run->step < run->steps && !run->stopped && !outcome) {
        if (run->step % run->epoch_steps == 0)
            order_epoch(run, run->step / run->epoch_steps);
        outcome = train_batch(run, error);
        bool ends = run->step % run->epoch_steps == 0 || run->step == run->steps;
        bool goes_on = outcome || tell(run);
        if (!outcome && ends) /* first: what is saved at an epoch's last step has it ended */
            outcome = end_epoch(run, error);
        if (!outcome && !goes_on) {
            outcome = save(run, error);
            return outcome ? outcome : fail(error, OUTCOME_NO_VERDICT, "interrupted");
        }
        if (!outcome && clock_ns() - run->saved_ns > 1e9 * run->options->checkpoint_s)
            outcome = save(run, error);
    }
    if (!outcome && run->best)
        memcpy(run->network->values, run->best, run->network->floats * sizeof *run->best);
    return outcome;
}

static enum outcome take(struct run *run, struct error *error)
{
    const struct network *network = run->network;
    size_t batch = network->options.max_batch, count = run->part->count;
    bool keeps_best = run->validation_count && run->options->patience;
    run->split = malloc((count + 1) * sizeof *run->split);
    run->order = malloc((count + 1) * sizeof *run->order);
    run->first = calloc(network->trained + 1, sizeof *run->first);
    run->second = run->options->optimiser == OPTIMISER_ADAM
                      ? calloc(network->trained + 1, sizeof *run->second)
                      : NULL;
    run->best = keeps_best ? calloc(network->floats + 1, sizeof *run->best) : NULL;
    run->x = malloc(batch * run->d * sizeof *run->x);
    run->labels = malloc(batch * sizeof *run->labels);
    run->epochs = calloc(run->epochs_most, sizeof *run->epochs);
    bool ok = run->split && run->order && run->first && run->x && run->labels && run->epochs;
    ok = ok && (run->second || run->options->optimiser != OPTIMISER_ADAM);
    ok = ok && (run->best || !keeps_best);
    return ok ? OUTCOME_DONE
              : fail_memory(error, "the training state",
                            8.0 * (double)(network->trained + count + batch * run->d));
}

static void clear(struct run *run)
{
    free(run->split);
    free(run->order);
    free(run->first);
    free(run->second);
    free(run->best);
    free(run->x);
    free(run->labels);
    free(run->epochs);
}

static enum outcome plan(struct run *run, struct error *error)
{
    const struct trainer_options *options = run->options;
    size_t count = run->part->count;
    run->validation_count = (size_t)floor(options->validation * (double)count);
    run->train_count = count - run->validation_count;
    if (!run->train_count || count > UINT32_MAX)
        return fail(error, OUTCOME_USAGE, "%zu training examples, %zu of them for validation",
                    count, run->validation_count);
    run->epoch_steps = (run->train_count + options->batch - 1) / options->batch;
    run->steps = (uint64_t)fmax(1, round(options->epochs * (double)run->epoch_steps));
    run->epochs_most = (size_t)((run->steps + run->epoch_steps - 1) / run->epoch_steps);
    return OUTCOME_DONE;
}

enum outcome trainer_run(struct network *network, const struct dataset *set,
                         const struct trainer_options *options, trainer_report report, void *data,
                         struct trainer_result *ret, struct error *error)
{
    struct run run = {.network = network,
                      .part = &set->train,
                      .d = set->d,
                      .options = options,
                      .report = report,
                      .data = data};
    bool resumed = false;
    enum outcome outcome = plan(&run, error);
    if (!outcome)
        outcome = take(&run, error);
    if (!outcome && options->checkpoint)
        outcome = resume(&run, &resumed, error);
    if (!outcome) {
        split_part(&run);
        outcome = train(&run, error);
    }
    if (!outcome) {
        size_t best = run.best ? (size_t)run.counters[BEST_EPOCH] : run.epochs_done - 1;
        *ret = (struct trainer_result){.epochs = run.epochs,
                                       .count = run.epochs_done,
                                       .best = best,
                                       .examples = run.train_count,
                                       .resumed = resumed};
        run.epochs = NULL;
    }
    clear(&run);
    return outcome;
}

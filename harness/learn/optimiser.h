/* optimiser.h - Adam and SGD with momentum, and how the learning rate falls. As PyTorch's
 * torch.optim (weight decay is an addition to the gradient, no Nesterov momentum, no dampening). */
#ifndef MIDL_OPTIMISER_H
#define MIDL_OPTIMISER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define OPTIMISERS(ROW) ROW(ADAM, adam) ROW(SGD, sgd)
#define SCHEDULES(ROW) ROW(COSINE, cosine) ROW(STEP, step) ROW(CONSTANT, constant)
/* clang-format on */
#define OPTIMISER_ROW(upper, lower) OPTIMISER_##upper,
enum optimiser_kind { OPTIMISERS(OPTIMISER_ROW) };
#undef OPTIMISER_ROW
#define SCHEDULE_ROW(upper, lower) SCHEDULE_##upper,
enum schedule_kind {
    SCHEDULES(SCHEDULE_ROW) /* cosine: to 0 at the end; step: a tenth after 1/2, again after 3/4 */
};
#undef SCHEDULE_ROW

const char *optimiser_name(enum optimiser_kind kind);
bool optimiser_parse(const char *name, enum optimiser_kind *ret);
const char *schedule_name(enum schedule_kind kind);
bool schedule_parse(const char *name, enum schedule_kind *ret);

/* Compute the learning rate of a step, 0 .. total - 1. */
double schedule_rate(enum schedule_kind kind, double start, uint64_t step, uint64_t total);

struct optimiser {
    enum optimiser_kind kind;
    double momentum; /* of SGD; Adam has 0.9 and 0.999 */
    double decay;
    int threads;
};

/* Update values[count] by gradients; `first` and `second` moments of the same length, 0 before the
 * first step (SGD has no second: it may be NULL). Step counts from 0. The same bits for any number
 * of threads. */
void optimiser_step(const struct optimiser *optimiser, double rate, uint64_t step, size_t count,
                    const float *gradients, float *values, float *first, float *second);

#endif

/* optimiser.c - each value by itself, in pieces. */
#include "learn/optimiser.h"

#include <math.h>
#include <string.h>

#include "learn/pieces.h"

enum { GRAIN = 16384 }; /* values of a piece */

static const double adam_first = 0.9, adam_second = 0.999, adam_epsilon = 1e-8;

/* Moments below it count as 0: they move no weight, and where a neuron is dead they shrink to
 * denormal numbers, whose arithmetic is some hundred cycles slow. */
static const float least_moment = 1e-30f;

#define NAME_ROW(upper, lower) #lower,
static const char *const optimiser_names[] = {OPTIMISERS(NAME_ROW)};
static const char *const schedule_names[] = {SCHEDULES(NAME_ROW)};
#undef NAME_ROW

static bool find(const char *name, const char *const *names, size_t count, size_t *ret)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

const char *optimiser_name(enum optimiser_kind kind)
{
    return optimiser_names[kind];
}

bool optimiser_parse(const char *name, enum optimiser_kind *ret)
{
    size_t i;
    bool found = find(name, optimiser_names, sizeof optimiser_names / sizeof *optimiser_names, &i);
    if (found)
        *ret = (enum optimiser_kind)i;
    return found;
}

const char *schedule_name(enum schedule_kind kind)
{
    return schedule_names[kind];
}

bool schedule_parse(const char *name, enum schedule_kind *ret)
{
    size_t i;
    bool found = find(name, schedule_names, sizeof schedule_names / sizeof *schedule_names, &i);
    if (found)
        *ret = (enum schedule_kind)i;
    return found;
}

double schedule_rate(enum schedule_kind kind, double start, uint64_t step, uint64_t total)
{
    double done = total ? (double)step / (double)total : 0;
    if (kind == SCHEDULE_COSINE)
        return start * 0.5 * (1 + cos(M_PI * done));
    if (kind == SCHEDULE_STEP)
        return start * (done < 0.5 ? 1 : done < 0.75 ? 0.1 : 0.01);
    return start;
}

/* Arrays and factors of one step. */
struct update {
    size_t count;
    const float *gradients;
    float *values, *first, *second;
    float rate, momentum, decay;
    float by_second; /* of Adam: 1 / sqrt(1 - 0.999^t) */
};

static float moment_kept(float moment)
{
    return fabsf(moment) < least_moment ? 0 : moment; /* NaN stays */
}

static void sgd_piece(void *data, size_t i)
{
    const struct update *u = data;
    for (size_t j = i * GRAIN, end = piece_end(u->count, GRAIN, i); j < end; j++) {
        float gradient = u->gradients[j] + u->decay * u->values[j];
        u->first[j] = moment_kept(u->momentum * u->first[j] + gradient);
        u->values[j] -= u->rate * u->first[j];
    }
}

static void adam_piece(void *data, size_t i)
{
    const struct update *u = data;
    const float a = (float)adam_first, b = (float)adam_second, epsilon = (float)adam_epsilon;
    const float rate = u->rate, decay = u->decay, by_second = u->by_second;
    size_t begin = i * GRAIN, count = piece_end(u->count, GRAIN, i) - begin;
    const float *restrict gradients = u->gradients + begin;
    float *restrict values = u->values + begin;
    float *restrict first = u->first + begin;
    float *restrict second = u->second + begin;
    for (size_t j = 0; j < count; j++) {
        float gradient = gradients[j] + decay * values[j];
        first[j] = moment_kept(a * first[j] + (1 - a) * gradient);
        second[j] = b * second[j] + (1 - b) * gradient * gradient;
        values[j] -= rate * first[j] / (sqrtf(second[j]) * by_second + epsilon);
    }
}

void optimiser_step(const struct optimiser *optimiser, double rate, uint64_t step, size_t count,
                    const float *gradients, float *values, float *first, float *second)
{
    struct update update = {.count = count,
                            .gradients = gradients,
                            .values = values,
                            .first = first,
                            .second = second,
                            .rate = (float)rate,
                            .momentum = (float)optimiser->momentum,
                            .decay = (float)optimiser->decay};
    bool adam = optimiser->kind == OPTIMISER_ADAM;
    if (adam) {
        double t = (double)step + 1;
        update.rate = (float)(rate / (1 - pow(adam_first, t)));
        update.by_second = (float)(1 / sqrt(1 - pow(adam_second, t)));
    }
    pieces_run(optimiser->threads, pieces_of(count, GRAIN), adam ? adam_piece : sgd_piece, &update);
}

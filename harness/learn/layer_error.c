/* layer_error.c - see layer_error.h. Some inputs at a time. */
#include "learn/layer_error.h"

#include <math.h>
#include <stdlib.h>

#include "products.h"

enum { CHUNK = 256 }; /* inputs at a time */

/* Room for a chunk, and sums over all. */
struct sums {
    float *full, *y, *projected; /* [CHUNK][n], [CHUNK][n], [CHUNK][rank] */
    double off, all;
};

static bool take(struct sums *sums, size_t n, size_t rank)
{
    sums->full = calloc(CHUNK * n, sizeof(float));
    sums->y = calloc(CHUNK * n, sizeof(float));
    sums->projected = calloc(CHUNK * (rank + 1), sizeof(float));
    return sums->full && sums->y && sums->projected;
}

static void give_back(struct sums *sums)
{
    free(sums->full);
    free(sums->y);
    free(sums->projected);
}

/* to [rows][columns] = x W' + bias; W: [columns][inner]. */
static void linear(int threads, size_t rows, size_t columns, size_t inner, const float *x,
                   const float *W, const float *bias, float *to)
{
    midl_product_run(threads, &(struct midl_product){.rows = rows,
                                                     .columns = columns,
                                                     .inner = inner,
                                                     .a = x,
                                                     .lda = inner,
                                                     .b = W,
                                                     .ldb = inner,
                                                     .turn_b = true,
                                                     .c = to,
                                                     .ldc = columns});
    for (size_t i = 0; bias && i < rows * columns; i++)
        to[i] += bias[i % columns];
}

static double passed(float value)
{
    return value > 0 ? (double)value : 0;
}

/* Compare a chunk, whose outputs stand in y; neuron j of y is neuron order[j] of F. */
static void compare(const struct convert_source *s, size_t rows, const float *x,
                    const uint32_t *order, int threads, struct sums *sums)
{
    linear(threads, rows, s->n, s->d, x, s->weight, s->bias, sums->full);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < s->n; j++) {
            double F = passed(sums->full[i * s->n + (order ? order[j] : j)]);
            double off = passed(sums->y[i * s->n + j]) - F;
            sums->off += off * off;
            sums->all += F * F;
        }
    }
}

static double share(const struct sums *sums)
{
    return sums->all > 0 ? sums->off / sums->all : sums->off > 0 ? INFINITY : 0;
}

static size_t chunk(const struct convert_source *s, size_t first)
{
    return s->count - first < CHUNK ? s->count - first : CHUNK;
}

enum outcome layer_error(const struct convert_source *source, const struct midl_layer *layer,
                         const uint32_t *order, int threads, double *ret, struct error *error)
{
    struct midl_plan_options options = {.max_batch = CHUNK, .threads = threads};
    struct midl_plan *plan = NULL;
    struct sums sums = {0};
    char reason[MIDL_REASON_SIZE];
    enum outcome outcome = OUTCOME_DONE;
    if (!take(&sums, source->n, 0))
        outcome = fail_memory(error, "comparing outputs", 0);
    else if (midl_plan_create(layer, &options, &plan, reason) != MIDL_OK)
        outcome = fail(error, OUTCOME_MACHINE, "the converted layer: %s", reason);
    for (size_t i = 0; !outcome && i < source->count; i += CHUNK) {
        const float *x = source->x + i * source->d;
        if (midl_run(plan, chunk(source, i), x, sums.y) != MIDL_OK)
            outcome = fail(error, OUTCOME_BAD, "a gate logit of the converted layer is NaN");
        else
            compare(source, chunk(source, i), x, order, threads, &sums);
    }
    if (!outcome)
        *ret = share(&sums);
    midl_plan_destroy(plan);
    give_back(&sums);
    return outcome;
}

enum outcome layer_selected(const struct midl_layer *layer, const float *x, size_t count,
                            double *ret, struct error *error)
{
    const struct midl_shape *shape = &layer->shape;
    const struct midl_plan_options options = {.max_batch = CHUNK, .threads = 1};
    struct midl_plan *plan = NULL;
    char reason[MIDL_REASON_SIZE];
    size_t selected = 0;
    enum outcome outcome = OUTCOME_DONE;
    float *y = calloc(CHUNK * shape->n, sizeof *y);
    if (!y)
        outcome = fail_memory(error, "outputs", 4.0 * CHUNK * (double)shape->n);
    else if (midl_plan_create(layer, &options, &plan, reason) != MIDL_OK)
        outcome = fail(error, OUTCOME_MACHINE, "the layer: %s", reason);
    for (size_t first = 0; !outcome && first < count; first += CHUNK) {
        size_t batch = count - first < CHUNK ? count - first : CHUNK;
        if (midl_run(plan, batch, x + first * shape->d, y) != MIDL_OK) {
            outcome = fail(error, OUTCOME_BAD, "a gate logit of inputs %zu to %zu is NaN", first,
                           first + batch - 1);
            break;
        }
        struct midl_selection selection = midl_plan_selection(plan);
        for (size_t i = 0; i < batch; i++)
            selected += selection.count[i];
    }
    if (!outcome)
        *ret = (double)selected / (double)count / (double)shape->n;
    midl_plan_destroy(plan);
    free(y);
    return outcome;
}

enum outcome low_rank_error(const struct convert_source *source, const struct low_rank *low_rank,
                            int threads, double *ret, struct error *error)
{
    struct sums sums = {0};
    enum outcome outcome = OUTCOME_DONE;
    if (!take(&sums, source->n, low_rank->rank))
        outcome = fail_memory(error, "comparing outputs", 0);
    for (size_t i = 0; !outcome && i < source->count; i += CHUNK) {
        const float *x = source->x + i * source->d;
        size_t rows = chunk(source, i);
        linear(threads, rows, low_rank->rank, source->d, x, low_rank->down, NULL, sums.projected);
        linear(threads, rows, source->n, low_rank->rank, sums.projected, low_rank->up,
               low_rank->bias, sums.y);
        compare(source, rows, x, NULL, threads, &sums);
    }
    if (!outcome)
        *ret = share(&sums);
    give_back(&sums);
    return outcome;
}

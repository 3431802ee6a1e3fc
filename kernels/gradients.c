/* gradients.c - forward pass and gradient: see gradients.h.
 *
 * Dense products make what every input needs of every weight; between them each thread takes whole
 * inputs. All arrays of intermediate values are [B][n], [B][r] or [B][rg].
 */
#include "gradients.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pairs.h"
#include "parallel.h"
#include "products.h"
#include "variant.h"

/* The share of pairs (input, neuron) up to which skipping the others pays. */
static const double few_share = 0.55;

struct midl_training {
    struct midl_shape shape;
    enum midl_rule rule;
    size_t max_batch;
    int threads;
    float temperature;
    const struct midl_selection *forced; /* NULL, or &forced_copy */
    struct midl_selection forced_copy;
    const struct simd_ops *ops;
    bool soft; /* the last forward pass had soft masks */
    struct midl_pairs *pairs;
    bool turned;        /* pairs are those of the last forward pass */
    bool full_by_pairs; /* and hold its F */

    float *projected, *gate_projected; /* V x [B][r], Q x [B][rg] */
    float *full, *light, *logit;       /* F, L, l; of F what the rule needs */
    float *gate, *mask;                /* p and m of all neurons: ste (p only) and soft */
    float *d_full, *d_light, *d_logit, *d_projected, *d_gate_projected;
    float *scaled;           /* soft: [threads][n] */
    uint32_t *index, *count; /* [B][k], [B] */
    float *chosen;           /* p of the selected neurons: [B][k], and a vector more to read */
    uint8_t *bits;           /* [B][MIDL_BITS(n)] */
    bool *ranked;            /* [B]: no logit is NaN */
    bool *moving;            /* [B]: tau follows from the input's logits */
    float *work;             /* topk's: [threads][MIDL_TOPK_WORK(n)] */
    size_t batch;            /* of the last forward pass */
    size_t bytes;
};

static const char *const rule_names[] = {"ste-selected", "ste", "soft"};

const char *midl_rule_name(enum midl_rule rule)
{
    return rule_names[rule];
}

bool midl_rule_parse(const char *name, enum midl_rule *ret)
{
    for (size_t i = 0; i < sizeof rule_names / sizeof rule_names[0]; i++) {
        if (strcmp(name, rule_names[i]) == 0) {
            *ret = (enum midl_rule)i;
            return true;
        }
    }
    return false;
}

/* ---- Creation ------------------------------------------------------------------------------- */

static enum midl_status explain(enum midl_status status, char reason[MIDL_REASON_SIZE],
                                const char *text)
{
    snprintf(reason, MIDL_REASON_SIZE, "%s", text);
    return status;
}

static enum midl_status options_check(const struct midl_training_options *options,
                                      char reason[MIDL_REASON_SIZE])
{
    if (options->rule > MIDL_RULE_SOFT)
        return explain(MIDL_INVALID, reason, "no such rule");
    if (options->max_batch < 1 || options->max_batch > (size_t)1 << 30)
        return explain(MIDL_INVALID, reason, "the largest batch must be 1..2^30");
    if (options->threads < 1 || options->threads > 1024)
        return explain(MIDL_INVALID, reason, "the number of threads must be 1..1024");
    return MIDL_OK;
}

/* Rows of the gate's own projection. */
static size_t gate_rank(const struct midl_shape *shape)
{
    return shape->gate == MIDL_GATE_LOWRANK ? shape->rg : 0;
}

/* Take `count` zeros for each of B inputs. */
static float *take_zeros(struct midl_training *t, size_t B, size_t count, bool *ok)
{
    float *array = NULL;
    if (*ok && (count == 0 || B <= SIZE_MAX / sizeof *array / count))
        array = midl_take(B * count, sizeof *array, &t->bytes);
    *ok = *ok && array;
    if (array)
        memset(array, 0, B * count * sizeof *array);
    return array;
}

static bool take_values(struct midl_training *t)
{
    const struct midl_shape *s = &t->shape;
    size_t B = t->max_batch, n = s->n, rg = gate_rank(s);
    bool ok = true, soft = t->rule == MIDL_RULE_SOFT, all = t->rule != MIDL_RULE_STE_SELECTED;
    t->projected = take_zeros(t, B, s->r, &ok);
    t->gate_projected = take_zeros(t, B, rg, &ok);
    t->full = take_zeros(t, B, n, &ok);
    t->light = take_zeros(t, B, n, &ok);
    t->logit = take_zeros(t, B, n, &ok);
    t->gate = take_zeros(t, B, all ? n : 0, &ok);
    t->mask = take_zeros(t, B, soft ? n : 0, &ok);
    t->scaled = take_zeros(t, (size_t)t->threads, soft ? n : 0, &ok);
    t->d_full = take_zeros(t, B, n, &ok);
    t->d_light = take_zeros(t, B, n, &ok);
    t->d_logit = take_zeros(t, B, n, &ok);
    t->d_projected = take_zeros(t, B, s->r, &ok);
    t->d_gate_projected = take_zeros(t, B, rg, &ok);
    return ok;
}

static bool take_selection(struct midl_training *t)
{
    size_t B = t->max_batch, k = t->shape.k, *bytes = &t->bytes;
    t->index = midl_take(B * k, sizeof *t->index, bytes);
    t->count = midl_take(B, sizeof *t->count, bytes);
    t->chosen = midl_take(B * k + MIDL_PANEL, sizeof *t->chosen, bytes);
    t->bits = midl_take(B, MIDL_BITS(t->shape.n), bytes);
    t->ranked = midl_take(B, sizeof *t->ranked, bytes);
    t->moving = midl_take(B, sizeof *t->moving, bytes);
    t->work = midl_take((size_t)t->threads * MIDL_TOPK_WORK(t->shape.n), sizeof *t->work, bytes);
    return t->index && t->count && t->chosen && t->bits && t->ranked && t->moving && t->work;
}

enum midl_status midl_training_create(const struct midl_shape *shape,
                                      const struct midl_training_options *options,
                                      struct midl_training **ret, char reason[MIDL_REASON_SIZE])
{
    enum midl_status status = midl_shape_check(shape, reason);
    if (status == MIDL_OK)
        status = options_check(options, reason);
    if (status != MIDL_OK)
        return status;
    struct midl_training *t = calloc(1, sizeof *t);
    if (!t)
        return explain(MIDL_NO_MEMORY, reason, "not enough memory to train the layer");
    t->shape = *shape;
    t->rule = options->rule;
    t->max_batch = options->max_batch;
    t->threads = options->threads;
    t->temperature = 1;
    t->ops = midl_simd_ops();
    t->bytes = sizeof *t;
    t->pairs = midl_pairs_create(shape, t->max_batch, t->threads, &t->bytes);
    if (!t->pairs || !take_values(t) || !take_selection(t)) {
        midl_training_destroy(t);
        return explain(MIDL_NO_MEMORY, reason, "not enough memory to train the layer");
    }
    *ret = t;
    return MIDL_OK;
}

void midl_training_destroy(struct midl_training *t)
{
    if (!t)
        return;
    void *arrays[] = {t->projected,
                      t->gate_projected,
                      t->full,
                      t->light,
                      t->logit,
                      t->gate,
                      t->mask,
                      t->scaled,
                      t->d_full,
                      t->d_light,
                      t->d_logit,
                      t->d_projected,
                      t->index,
                      t->count,
                      t->chosen,
                      t->bits,
                      t->d_gate_projected,
                      t->ranked,
                      t->moving,
                      t->work};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        free(arrays[i]);
    midl_pairs_destroy(t->pairs);
    free(t);
}

void midl_training_temperature(struct midl_training *training, float temperature)
{
    training->temperature = temperature;
}

void midl_training_force(struct midl_training *training, const struct midl_selection *forced)
{
    training->forced = NULL;
    if (!forced)
        return;
    training->forced_copy = *forced;
    training->forced = &training->forced_copy;
}

struct midl_selection midl_training_selection(const struct midl_training *training)
{
    return (struct midl_selection){.batch = training->batch,
                                   .stride = training->shape.k,
                                   .index = training->index,
                                   .count = training->count,
                                   .gate = training->chosen};
}

size_t midl_training_bytes(const struct midl_training *training)
{
    return training->bytes;
}

/* ---- Calls ---------------------------------------------------------------------------------- */

/* One forward or backward pass. */
struct call {
    struct midl_training *t;
    const struct midl_layer *layer;
    size_t batch;
    const float *x, *dy;
    float *y, *dx;
    const struct midl_gradients *to;
    bool soft;
    enum midl_status status;
    void (*inputs)(const struct call *call, size_t first, size_t last, size_t part);
};

static void inputs_part(void *data)
{
    const struct call *call = data;
    size_t part = parallel_part();
    call->inputs(call, parallel_bound(call->batch, 1, part),
                 parallel_bound(call->batch, 1, part + 1), part);
}

/* Call a function for all inputs, whole inputs on each thread. */
static void for_inputs(struct call *call, void (*inputs)(const struct call *call, size_t first,
                                                         size_t last, size_t part))
{
    call->inputs = inputs;
    parallel_run(call->t->threads, inputs_part, call);
}

/* y [B][rows] = x M', or += ; M: [rows][cols]. */
static void forward_product(const struct call *call, size_t rows, size_t cols, const float *M,
                            const float *x, float *y)
{
    struct midl_product product = {.rows = call->batch,
                                   .columns = rows,
                                   .inner = cols,
                                   .a = x,
                                   .lda = cols,
                                   .b = M,
                                   .ldb = cols,
                                   .turn_b = true,
                                   .c = y,
                                   .ldc = rows};
    midl_product_run(call->t->threads, &product);
}

/* dx [B][cols] = dy M, or += ; M: [rows][cols]. */
static void input_gradient(const struct call *call, size_t rows, size_t cols, const float *M,
                           const float *dy, bool add, float *dx)
{
    struct midl_product product = {.rows = call->batch,
                                   .columns = cols,
                                   .inner = rows,
                                   .a = dy,
                                   .lda = rows,
                                   .b = M,
                                   .ldb = cols,
                                   .add = add,
                                   .c = dx,
                                   .ldc = cols};
    midl_product_run(call->t->threads, &product);
}

/* dM [rows][cols] = dy' x. */
static void weight_gradient(const struct call *call, size_t rows, size_t cols, const float *dy,
                            const float *x, float *dM)
{
    struct midl_product product = {.rows = rows,
                                   .columns = cols,
                                   .inner = call->batch,
                                   .a = dy,
                                   .lda = rows,
                                   .turn_a = true,
                                   .b = x,
                                   .ldb = cols,
                                   .c = dM,
                                   .ldc = cols};
    if (dM)
        midl_product_run(call->t->threads, &product);
}

/* db [n] = the sum of dy over the batch. */
static void bias_gradient(const struct call *call, const float *dy, float *db)
{
    size_t n = call->t->shape.n;
    if (!db)
        return;
    memset(db, 0, n * sizeof *db);
    for (size_t b = 0; b < call->batch; b++)
        for (size_t j = 0; j < n; j++)
            db[j] += dy[b * n + j];
}

/* ---- Selection ------------------------------------------------------------------------------ */

static void add_row(size_t n, const float *bias, float *row)
{
    for (size_t j = 0; j < n; j++)
        row[j] += bias[j];
}

static bool any_nan(size_t n, const float *row)
{
    size_t found = 0;
    for (size_t j = 0; j < n; j++)
        found += row[j] != row[j];
    return found > 0;
}

/* Drop the entries whose gate is not above the threshold. */
static size_t above_threshold(float threshold, size_t count, uint32_t *index, float *gate)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(gate[i] > threshold))
            continue;
        index[kept] = index[i];
        gate[kept++] = gate[i];
    }
    return kept;
}

/* The forced neurons of input b, with their logits. */
static void obey(struct midl_training *t, size_t b)
{
    const struct midl_selection *f = t->forced;
    const float *logit = t->logit + b * t->shape.n;
    size_t from = b * f->stride, to = b * t->shape.k;
    size_t count = f->count[f->stride > 0 ? b : 0];
    t->ranked[b] = !any_nan(t->shape.n, logit);
    t->count[b] = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        t->index[to + i] = f->index[from + i];
        t->chosen[to + i] = logit[f->index[from + i]];
    }
}

/* The k neurons of each input with the largest logits, and these. */
static void rank(struct midl_training *t, size_t first, size_t last, size_t part)
{
    const struct midl_shape *s = &t->shape;
    struct midl_topk_guess guess = {0};
    const struct midl_chosen chosen = {.index = t->index + first * s->k,
                                       .value = t->chosen + first * s->k,
                                       .bits = t->bits + first * MIDL_BITS(s->n),
                                       .ranked = t->ranked + first};
    const float *logit = t->logit + first * s->n;
    float *work = t->work + part * MIDL_TOPK_WORK(s->n);
    if (s->select == MIDL_SELECT_BLOCK)
        t->ops->topk_blocks(last - first, s->n, s->k, s->block, logit, &guess, work, &chosen);
    else
        t->ops->topk(last - first, s->n, s->k, logit, &guess, work, &chosen);
    for (size_t b = first; b < last; b++)
        t->count[b] = (uint32_t)s->k;
}

/* From products to logits, light path and the selection with its gates. */
static void select_inputs(const struct call *call, size_t first, size_t last, size_t part)
{
    struct midl_training *t = call->t;
    const struct midl_shape *s = &t->shape;
    for (size_t b = first; b < last; b++) {
        add_row(s->n, call->layer->gate_bias, t->logit + b * s->n);
        add_row(s->n, call->layer->light_bias, t->light + b * s->n);
    }
    if (!t->forced && first < last)
        rank(t, first, last, part);
    for (size_t b = first; b < last; b++) {
        float *gate = t->chosen + b * s->k;
        if (t->forced)
            obey(t, b);
        t->count[b] = t->ranked[b] ? t->count[b] : 0;
        t->ops->sigmoid(t->count[b], gate);
        if (s->select == MIDL_SELECT_THRESHOLD && !t->forced)
            t->count[b] =
                (uint32_t)above_threshold(s->threshold, t->count[b], t->index + b * s->k, gate);
    }
}

/* p of all neurons. */
static void all_gates(const struct call *call, size_t first, size_t last, size_t part)
{
    struct midl_training *t = call->t;
    size_t n = t->shape.n, values = (last - first) * n;
    (void)part;
    memcpy(t->gate + first * n, t->logit + first * n, values * sizeof *t->gate);
    t->ops->sigmoid(values, t->gate + first * n);
}

/* ---- The soft mask -------------------------------------------------------------------------- */

/* Neurons that share one mask value. */
static size_t mask_width(const struct midl_shape *s)
{
    return s->select == MIDL_SELECT_BLOCK ? s->block : 1;
}

/* mask[i] = sigmoid((level[i] - tau) / T); returns their sum, and in *ret_slope that of m (1 - m).
 */
static double soften(const struct midl_training *t, size_t count, const float *level, double tau,
                     float *mask, double *ret_slope)
{
    double sum = 0, slope = 0, T = (double)t->temperature;
    for (size_t i = 0; i < count; i++)
        mask[i] = (float)(((double)level[i] - tau) / T);
    t->ops->sigmoid(count, mask);
    for (size_t i = 0; i < count; i++) {
        sum += (double)mask[i];
        slope += (double)mask[i] * (1.0 - (double)mask[i]);
    }
    *ret_slope = slope;
    return sum;
}

/* Fill mask [count] so that it sums to `wanted`, which lies between 0 and count, by Newton's method
 * kept within a bracket. From the least level by T log(count) downwards the sum is above count - 1,
 * from the largest upwards it is below 1. */
static void solve(const struct midl_training *t, size_t count, const float *level, double wanted,
                  float *mask)
{
    enum { MOST_STEPS = 100 };
    double least = (double)level[0], most = least, slope, T = (double)t->temperature;
    for (size_t i = 1; i < count; i++) {
        double value = (double)level[i]; /* gcc 12 for AArch64 fails on fmin and fmax here */
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    double low = least - T * log((double)count + 1), high = most + T * log((double)count + 1);
    double tau = (low + high) / 2;
    for (int step = 0; step < MOST_STEPS; step++) {
        double over = soften(t, count, level, tau, mask, &slope) - wanted;
        if (fabs(over) <= 2e-7 * wanted)
            break;
        *(over > 0 ? &low : &high) = tau;
        double next = tau + over * T / slope;
        next = next > low && next < high ? next : (low + high) / 2;
        if (next == tau)
            break;
        tau = next;
    }
}

/* m of one input from its levels: logits, or means of blocks. True if tau moves with them. */
static bool soft_mask(const struct midl_training *t, size_t count, double wanted,
                      const float *level, float *mask)
{
    double slope, p = (double)t->shape.threshold, cut = p > 0 ? log(p / (1 - p)) : -INFINITY;
    if (t->shape.select == MIDL_SELECT_THRESHOLD &&
        soften(t, count, level, cut, mask, &slope) <= wanted)
        return false;
    if (wanted > 0 && wanted < (double)count) {
        solve(t, count, level, wanted, mask);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        mask[i] = wanted > 0 ? 1.0f : 0.0f;
    return false;
}

/* Mean logit of each block; or the logits themselves. */
static const float *levels(const struct midl_shape *s, const float *logit, float *means)
{
    size_t width = mask_width(s);
    if (width == 1)
        return logit;
    for (size_t i = 0; i < s->n / width; i++) {
        float sum = 0;
        for (size_t j = 0; j < width; j++)
            sum += logit[i * width + j];
        means[i] = sum / (float)width;
    }
    return means;
}

static void soft_inputs(const struct call *call, size_t first, size_t last, size_t part)
{
    struct midl_training *t = call->t;
    const struct midl_shape *s = &t->shape;
    size_t width = mask_width(s), count = s->n / width;
    all_gates(call, first, last, part);
    for (size_t b = first; b < last; b++) {
        float *mask = t->mask + b * s->n, *means = t->scaled + part * s->n;
        const float *level = levels(s, t->logit + b * s->n, means);
        memset(mask, 0, s->n * sizeof *mask);
        t->moving[b] = t->ranked[b] && soft_mask(t, count, (double)(s->k / width), level, mask);
        for (size_t j = s->n; width > 1 && j-- > 0;)
            mask[j] = mask[j / width];
    }
}

/* ---- Forward -------------------------------------------------------------------------------- */

/* V x, Q x, and of L and l all but their biases. */
static void project(const struct call *call)
{
    struct midl_training *t = call->t;
    const struct midl_layer *layer = call->layer;
    const struct midl_shape *s = &t->shape;
    forward_product(call, s->r, s->d, layer->light_down, call->x, t->projected);
    forward_product(call, s->n, s->r, layer->light_up, t->projected, t->light);
    switch (s->gate) {
    case MIDL_GATE_FULL:
        forward_product(call, s->n, s->d, layer->gate_weight, call->x, t->logit);
        break;
    case MIDL_GATE_LOWRANK:
        forward_product(call, s->rg, s->d, layer->gate_down, call->x, t->gate_projected);
        forward_product(call, s->n, s->rg, layer->gate_up, t->gate_projected, t->logit);
        break;
    case MIDL_GATE_SHARED:
        forward_product(call, s->n, s->r, layer->gate_up, t->projected, t->logit);
        break;
    }
}

/* F of the entries of an input's selection, wherever it stands. */
struct full {
    const float *values, *bias; /* by places; else NULL: */
    const uint32_t *place;
    const float *row; /* [n], with the bias */
};

static struct full full_of(const struct call *call, size_t b)
{
    const struct midl_training *t = call->t;
    bool by_pairs = t->full_by_pairs;
    return (struct full){.values = by_pairs ? midl_pairs_values(t->pairs) : NULL,
                         .bias = call->layer->full_bias,
                         .place = midl_pairs_places(t->pairs, b),
                         .row = t->full + b * t->shape.n};
}

/* F of entry i, which is neuron j. */
static inline float full_at(const struct full *full, size_t i, size_t j)
{
    return full->values ? full->values[full->place[i]] + full->bias[j] : full->row[j];
}

static void blend_hard(const struct call *call, size_t first, size_t last, size_t part)
{
    const struct midl_training *t = call->t;
    size_t n = t->shape.n;
    (void)part;
    for (size_t b = first; b < last; b++) {
        const uint32_t *index = t->index + b * t->shape.k;
        const float *gate = t->chosen + b * t->shape.k, *light = t->light + b * n;
        const struct full full = full_of(call, b);
        float *y = call->y + b * n;
        if (t->shape.unselected == MIDL_UNSELECTED_ZERO)
            memset(y, 0, n * sizeof *y);
        else
            memcpy(y, light, n * sizeof *y);
        for (size_t i = 0; i < t->count[b]; i++)
            y[index[i]] = midl_blend(full_at(&full, i, index[i]), light[index[i]], gate[i]);
    }
}

static void blend_soft(const struct call *call, size_t first, size_t last, size_t part)
{
    const struct midl_training *t = call->t;
    size_t n = t->shape.n;
    bool zero = t->shape.unselected == MIDL_UNSELECTED_ZERO;
    (void)part;
    for (size_t i = first * n; i < last * n; i++) {
        float m = t->mask[i], p = t->gate[i];
        call->y[i] = zero ? m * midl_blend(t->full[i], t->light[i], p)
                          : midl_blend(t->full[i], t->light[i], m * p);
    }
}

static void add_full_bias(const struct call *call, size_t first, size_t last, size_t part)
{
    size_t n = call->t->shape.n;
    (void)part;
    for (size_t b = first; b < last; b++)
        add_row(n, call->layer->full_bias, call->t->full + b * n);
}

static enum midl_status mark_nan(const struct call *call)
{
    enum midl_status status = MIDL_OK;
    size_t n = call->t->shape.n;
    for (size_t b = 0; b < call->batch; b++) {
        if (call->t->ranked[b])
            continue;
        status = MIDL_NAN_LOGIT;
        for (size_t j = 0; j < n; j++)
            call->y[b * n + j] = NAN;
    }
    return status;
}

/* Make lists of the inputs that selected a neuron, unless so many did that a dense product is
 * faster. */
static void turn_pairs(struct midl_training *t)
{
    struct midl_selection selection = midl_training_selection(t);
    double selected = 0;
    for (size_t b = 0; b < t->batch; b++)
        selected += t->count[b];
    t->turned = selected <= few_share * (double)t->batch * (double)t->shape.n;
    if (t->turned)
        midl_pairs_turn(t->pairs, &selection);
}

/* F as the rule and the selection need it. */
static void full_path(struct call *call, bool all)
{
    struct midl_training *t = call->t;
    const struct midl_layer *layer = call->layer;
    t->turned = false;
    if (!t->soft)
        turn_pairs(t);
    t->full_by_pairs = t->turned && !all;
    if (t->full_by_pairs) {
        midl_pairs_full(t->pairs, layer->full_weight, call->x);
    } else {
        forward_product(call, t->shape.n, t->shape.d, layer->full_weight, call->x, t->full);
        for_inputs(call, add_full_bias);
    }
}

static enum midl_status forward(struct call *call, bool all)
{
    struct midl_training *t = call->t;
    t->batch = call->batch;
    t->soft = call->soft;
    project(call);
    for_inputs(call, select_inputs);
    if (t->soft)
        for_inputs(call, soft_inputs);
    else if (all)
        for_inputs(call, all_gates);
    full_path(call, all);
    for_inputs(call, t->soft ? blend_soft : blend_hard);
    return mark_nan(call);
}

enum midl_status midl_training_forward(struct midl_training *training,
                                       const struct midl_layer *layer, size_t batch, const float *x,
                                       float *y)
{
    struct call call = {.t = training,
                        .layer = layer,
                        .batch = batch,
                        .x = x,
                        .y = y,
                        .soft = training->rule == MIDL_RULE_SOFT};
    return forward(&call, training->rule != MIDL_RULE_STE_SELECTED);
}

enum midl_status midl_training_evaluate(struct midl_training *training,
                                        const struct midl_layer *layer, size_t batch,
                                        const float *x, float *y)
{
    struct call call = {.t = training, .layer = layer, .batch = batch, .x = x, .y = y};
    return forward(&call, false);
}

/* ---- Backward ------------------------------------------------------------------------------- */

/* dF, dL and dl of selected neurons; the others have dF = 0, and dl = 0 or what it is under ste. */
static void blend_gradient_selected(const struct call *call, size_t b)
{
    struct midl_training *t = call->t;
    size_t n = t->shape.n, k = t->shape.k;
    const uint32_t *index = t->index + b * k, *place = midl_pairs_places(t->pairs, b);
    const float *dy = call->dy + b * n, *light = t->light + b * n;
    float *d_light = t->d_light + b * n, *d_logit = t->d_logit + b * n;
    float *by_place = midl_pairs_gradient(t->pairs);
    float *by_input = midl_pairs_by_input(t->pairs) + b * k;
    const struct full full = full_of(call, b);
    for (size_t i = 0; i < t->count[b]; i++) {
        size_t j = index[i];
        float p = t->chosen[b * k + i], d_full = p * dy[j];
        d_light[j] = (1.0f - p) * dy[j];
        d_logit[j] = p * (1.0f - p) * ((full_at(&full, i, j) - light[j]) * dy[j]);
        if (t->turned)
            by_place[place[i]] = by_input[i] = d_full;
        else
            t->d_full[b * n + j] = d_full;
    }
}

/* dl of all neurons. */
static void straight_through(const struct call *call, size_t b)
{
    const struct midl_training *t = call->t;
    size_t n = t->shape.n;
    for (size_t i = b * n; i < (b + 1) * n; i++) {
        float p = t->gate[i];
        t->d_logit[i] = p * (1.0f - p) * ((t->full[i] - t->light[i]) * call->dy[i]);
    }
}

static void hard_inputs(const struct call *call, size_t first, size_t last, size_t part)
{
    struct midl_training *t = call->t;
    size_t n = t->shape.n, bytes = n * sizeof(float);
    (void)part;
    for (size_t b = first; b < last; b++) {
        if (!t->turned)
            memset(t->d_full + b * n, 0, bytes);
        if (t->shape.unselected == MIDL_UNSELECTED_ZERO)
            memset(t->d_light + b * n, 0, bytes);
        else
            memcpy(t->d_light + b * n, call->dy + b * n, bytes);
        if (t->rule == MIDL_RULE_STE)
            straight_through(call, b);
        else
            memset(t->d_logit + b * n, 0, bytes);
        blend_gradient_selected(call, b);
    }
}

/* Gradients of one neuron under `soft`, from dy. */
struct soft_gradient {
    float full, light, gate, mask;
};

static struct soft_gradient soft_gradient(const struct midl_training *t, size_t i, float dy)
{
    float m = t->mask[i], p = t->gate[i], F = t->full[i], L = t->light[i];
    if (t->shape.unselected == MIDL_UNSELECTED_ZERO)
        return (struct soft_gradient){m * p * dy, m * (1.0f - p) * dy, m * (F - L) * dy,
                                      midl_blend(F, L, p) * dy};
    return (struct soft_gradient){m * p * dy, (1.0f - m * p) * dy, m * (F - L) * dy,
                                  p * (F - L) * dy};
}

/* dl from the gradient by the masks, which stands in d_mask: by width neurons at once, which share
 * level and mask. */
static void mask_gradient(const struct midl_training *t, size_t b, float *d_mask, float *d_logit)
{
    size_t n = t->shape.n, width = mask_width(&t->shape);
    const float *mask = t->mask + b * n;
    double slopes = 0, sum = 0;
    for (size_t i = 0; i < n; i += width) {
        for (size_t j = 1; j < width; j++)
            d_mask[i] += d_mask[i + j];
        double slope = (double)mask[i] * (1.0 - (double)mask[i]);
        slopes += slope;
        sum += slope * (double)d_mask[i];
    }
    double mean = slopes > 0 && t->moving[b] ? sum / slopes : 0;
    double scale = 1 / ((double)t->temperature * (double)width);
    for (size_t j = 0; j < n; j++) {
        double slope = (double)mask[j] * (1.0 - (double)mask[j]);
        d_logit[j] += (float)(scale * slope * ((double)d_mask[j / width * width] - mean));
    }
}

static void soft_gradients(const struct call *call, size_t first, size_t last, size_t part)
{
    struct midl_training *t = call->t;
    size_t n = t->shape.n;
    float *d_mask = t->scaled + part * n;
    for (size_t b = first; b < last; b++) {
        for (size_t j = 0; j < n; j++) {
            size_t i = b * n + j;
            struct soft_gradient d = soft_gradient(t, i, call->dy[i]);
            t->d_full[i] = d.full;
            t->d_light[i] = d.light;
            t->d_logit[i] = t->gate[i] * (1.0f - t->gate[i]) * d.gate;
            d_mask[j] = d.mask;
        }
        mask_gradient(t, b, d_mask, t->d_logit + b * n);
    }
}

/* dW and db. */
static void full_gradient(const struct call *call)
{
    struct midl_training *t = call->t;
    const struct midl_gradients *to = call->to;
    if (t->turned) {
        midl_pairs_weight_gradient(t->pairs, call->x, to->full_weight, to->full_bias);
        return;
    }
    bias_gradient(call, t->d_full, to->full_bias);
    weight_gradient(call, t->shape.n, t->shape.d, t->d_full, call->x, to->full_weight);
}

/* The gate's weights from dl, and what dl asks of the projections. */
static void gate_gradient(const struct call *call)
{
    struct midl_training *t = call->t;
    const struct midl_shape *s = &t->shape;
    const struct midl_layer *layer = call->layer;
    const struct midl_gradients *to = call->to;
    bias_gradient(call, t->d_logit, to->gate_bias);
    switch (s->gate) {
    case MIDL_GATE_FULL:
        weight_gradient(call, s->n, s->d, t->d_logit, call->x, to->gate_weight);
        break;
    case MIDL_GATE_LOWRANK:
        weight_gradient(call, s->n, s->rg, t->d_logit, t->gate_projected, to->gate_up);
        input_gradient(call, s->n, s->rg, layer->gate_up, t->d_logit, false, t->d_gate_projected);
        weight_gradient(call, s->rg, s->d, t->d_gate_projected, call->x, to->gate_down);
        break;
    case MIDL_GATE_SHARED:
        weight_gradient(call, s->n, s->r, t->d_logit, t->projected, to->gate_up);
        input_gradient(call, s->n, s->r, layer->gate_up, t->d_logit, true, t->d_projected);
        break;
    }
}

/* dx from all paths. */
static void inputs_gradient(const struct call *call)
{
    struct midl_training *t = call->t;
    const struct midl_shape *s = &t->shape;
    const struct midl_layer *layer = call->layer;
    if (t->turned)
        midl_pairs_input_gradient(t->pairs, layer->full_weight, call->dx);
    else
        input_gradient(call, s->n, s->d, layer->full_weight, t->d_full, false, call->dx);
    input_gradient(call, s->r, s->d, layer->light_down, t->d_projected, true, call->dx);
    if (s->gate == MIDL_GATE_FULL)
        input_gradient(call, s->n, s->d, layer->gate_weight, t->d_logit, true, call->dx);
    if (s->gate == MIDL_GATE_LOWRANK)
        input_gradient(call, s->rg, s->d, layer->gate_down, t->d_gate_projected, true, call->dx);
}

void midl_training_backward(struct midl_training *training, const struct midl_layer *layer,
                            size_t batch, const float *x, const float *dy, float *dx,
                            const struct midl_gradients *gradients)
{
    struct midl_training *t = training;
    const struct midl_shape *s = &t->shape;
    struct call call = {
        .t = t, .layer = layer, .batch = batch, .x = x, .dy = dy, .dx = dx, .to = gradients};
    for_inputs(&call, t->soft ? soft_gradients : hard_inputs);
    full_gradient(&call);
    bias_gradient(&call, t->d_light, gradients->light_bias);
    weight_gradient(&call, s->n, s->r, t->d_light, t->projected, gradients->light_up);
    input_gradient(&call, s->n, s->r, layer->light_up, t->d_light, false, t->d_projected);
    gate_gradient(&call);
    weight_gradient(&call, s->r, s->d, t->d_projected, x, gradients->light_down);
    if (dx)
        inputs_gradient(&call);
}

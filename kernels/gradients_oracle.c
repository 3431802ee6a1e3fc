/* gradients_oracle.c - see gradients_oracle.h. */
#include "gradients_oracle.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Matrices with magnitudes --------------------------------------------------------------- */

/* A matrix as a product reads it: element (i, j) stands at i * row + j * column. */
struct matrix {
    struct midl_terms terms;
    size_t row, column;
};

static struct matrix plain(struct midl_terms terms, size_t columns)
{
    return (struct matrix){terms, columns, 1};
}

static struct matrix turned(struct midl_terms terms, size_t columns)
{
    return (struct matrix){terms, 1, columns};
}

/* c [rows][columns] += a b, over `inner` terms each. */
static void add_product(size_t rows, size_t columns, size_t inner, struct matrix a, struct matrix b,
                        struct midl_terms c)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            for (size_t k = 0; k < inner; k++) {
                size_t at_a = i * a.row + k * a.column, at_b = k * b.row + j * b.column;
                c.value[i * columns + j] += a.terms.value[at_a] * b.terms.value[at_b];
                c.magnitude[i * columns + j] += a.terms.magnitude[at_a] * b.terms.magnitude[at_b];
            }
        }
    }
}

/* row += terms, for each of `rows` rows of `columns`. */
static void add_bias(size_t rows, size_t columns, const float *bias, struct midl_terms to)
{
    for (size_t i = 0; i < rows * columns; i++) {
        to.value[i] += (double)bias[i % columns];
        to.magnitude[i] += fabs((double)bias[i % columns]);
    }
}

static void add_columns(size_t rows, size_t columns, struct midl_terms from, struct midl_terms to)
{
    for (size_t i = 0; i < rows * columns; i++) {
        to.value[i % columns] += from.value[i];
        to.magnitude[i % columns] += from.magnitude[i];
    }
}

/* ---- Workspace ------------------------------------------------------------------------------ */

/* Everything in between. */
struct pass {
    const struct midl_layer *layer;
    const struct midl_shape *s;
    enum midl_rule rule;
    double temperature;
    const struct midl_selection *selection;
    size_t B;
    struct midl_terms x, dy, W, V, U, G, Q, P;                       /* inputs */
    struct midl_terms projected, gate_projected, full, light, logit; /* forward */
    struct midl_terms d_full, d_light, d_logit, d_projected, d_gate_projected;
    double *mask, *d_mask; /* of one input: [n] */
};

/* Hands out pieces of one array, or only counts where `memory` is NULL. */
struct arena {
    double *memory;
    size_t used;
};

static double *take(struct arena *arena, size_t count)
{
    double *piece = arena->memory ? arena->memory + arena->used : NULL;
    arena->used += count;
    return piece;
}

static struct midl_terms take_terms(struct arena *arena, size_t count)
{
    double *value = take(arena, count), *magnitude = take(arena, count);
    return (struct midl_terms){value, magnitude};
}

static struct midl_terms take_floats(struct arena *arena, size_t count, const float *from)
{
    struct midl_terms terms = take_terms(arena, count);
    for (size_t i = 0; terms.value && i < count; i++) {
        terms.value[i] = (double)from[i];
        terms.magnitude[i] = fabs((double)from[i]);
    }
    return terms;
}

/* Columns of the gate's up-projection. */
static size_t gate_columns(const struct midl_shape *s)
{
    return s->gate == MIDL_GATE_SHARED ? s->r : s->rg;
}

static void take_gate(struct arena *arena, struct pass *pass, struct midl_gradients_oracle *o)
{
    const struct midl_layer *layer = pass->layer;
    const struct midl_shape *s = pass->s;
    if (s->gate == MIDL_GATE_FULL) {
        pass->G = take_floats(arena, s->n * s->d, layer->gate_weight);
        o->gate_weight = take_terms(arena, s->n * s->d);
        return;
    }
    pass->P = take_floats(arena, s->n * gate_columns(s), layer->gate_up);
    o->gate_up = take_terms(arena, s->n * gate_columns(s));
    if (s->gate == MIDL_GATE_SHARED)
        return;
    pass->Q = take_floats(arena, s->rg * s->d, layer->gate_down);
    o->gate_down = take_terms(arena, s->rg * s->d);
    pass->gate_projected = take_terms(arena, pass->B * s->rg);
    pass->d_gate_projected = take_terms(arena, pass->B * s->rg);
}

static void take_all(struct arena *arena, struct pass *pass, const float *x, const float *dy,
                     struct midl_gradients_oracle *o)
{
    const struct midl_layer *layer = pass->layer;
    const struct midl_shape *s = pass->s;
    size_t B = pass->B;
    struct midl_terms *of_neurons[] = {&pass->full,   &pass->light,   &pass->logit,
                                       &pass->d_full, &pass->d_light, &pass->d_logit};
    pass->x = take_floats(arena, B * s->d, x);
    pass->dy = take_floats(arena, B * s->n, dy);
    pass->W = take_floats(arena, s->n * s->d, layer->full_weight);
    pass->V = take_floats(arena, s->r * s->d, layer->light_down);
    pass->U = take_floats(arena, s->n * s->r, layer->light_up);
    take_gate(arena, pass, o);
    for (size_t i = 0; i < sizeof of_neurons / sizeof of_neurons[0]; i++)
        *of_neurons[i] = take_terms(arena, B * s->n);
    pass->projected = take_terms(arena, B * s->r);
    pass->d_projected = take_terms(arena, B * s->r);
    pass->mask = take(arena, s->n);
    pass->d_mask = take(arena, s->n);
    o->y = take_terms(arena, B * s->n);
    o->dx = take_terms(arena, B * s->d);
    o->full_weight = take_terms(arena, s->n * s->d);
    o->full_bias = take_terms(arena, s->n);
    o->light_down = take_terms(arena, s->r * s->d);
    o->light_up = take_terms(arena, s->n * s->r);
    o->light_bias = take_terms(arena, s->n);
    o->gate_bias = take_terms(arena, s->n);
}

/* ---- Masks ---------------------------------------------------------------------------------- */

static double sigmoid(double l)
{
    double e = exp(-fabs(l));
    return l < 0 ? e / (1 + e) : 1 / (1 + e);
}

static size_t mask_width(const struct midl_shape *s)
{
    return s->select == MIDL_SELECT_BLOCK ? s->block : 1;
}

/* Fill mask [n] for one tau; returns the sum. */
static double mask_at(const struct midl_shape *s, double T, const double *logit, double tau,
                      double *mask)
{
    size_t width = mask_width(s);
    double sum = 0;
    for (size_t j = 0; j < s->n; j++) {
        double mean = 0;
        for (size_t i = 0; i < width; i++)
            mean += logit[j / width * width + i] / (double)width;
        mask[j] = sigmoid((mean - tau) / T);
        sum += mask[j];
    }
    return sum;
}

/* tau by bisection, until it is between two neighbouring doubles. */
static void solve(const struct midl_shape *s, double T, const double *logit, double *mask)
{
    double low = logit[0], high = logit[0];
    for (size_t j = 1; j < s->n; j++) {
        low = fmin(low, logit[j]);
        high = fmax(high, logit[j]);
    }
    low -= T * log((double)s->n + 1);
    high += T * log((double)s->n + 1);
    for (double tau = (low + high) / 2; tau > low && tau < high; tau = (low + high) / 2)
        *(mask_at(s, T, logit, tau, mask) > (double)s->k ? &low : &high) = tau;
}

bool midl_soft_mask(const struct midl_shape *shape, double temperature, const double *logit,
                    double *mask)
{
    double t = (double)shape->threshold;
    if (shape->select == MIDL_SELECT_THRESHOLD &&
        mask_at(shape, temperature, logit, log(t / (1 - t)), mask) <= (double)shape->k)
        return false;
    if (shape->k > 0 && shape->k < shape->n) {
        solve(shape, temperature, logit, mask);
        return true;
    }
    for (size_t j = 0; j < shape->n; j++)
        mask[j] = shape->k > 0 ? 1 : 0;
    return false;
}

/* The mask of input b; returns whether tau moves with the logits. */
static bool mask_input(const struct pass *pass, size_t b)
{
    const struct midl_selection *selection = pass->selection;
    if (pass->rule == MIDL_RULE_SOFT)
        return midl_soft_mask(pass->s, pass->temperature, pass->logit.value + b * pass->s->n,
                              pass->mask);
    memset(pass->mask, 0, pass->s->n * sizeof *pass->mask);
    for (size_t i = 0; i < selection->count[b]; i++)
        pass->mask[selection->index[b * selection->stride + i]] = 1;
    return false;
}

/* ---- One input's neurons -------------------------------------------------------------------- */

/* The factor by which errors of input b's logits may show in its gates and masks. */
static double sensitivity(const struct pass *pass, size_t b)
{
    const double *magnitude = pass->logit.magnitude + b * pass->s->n;
    double most = 0;
    for (size_t j = 0; j < pass->s->n; j++)
        most = fmax(most, magnitude[j]);
    return 1 + most * (pass->rule == MIDL_RULE_SOFT ? 1 + 2 / pass->temperature : 1);
}

static void put(struct midl_terms to, size_t i, double value, double magnitude)
{
    to.value[i] = value;
    to.magnitude[i] = magnitude;
}

/* y, dF, dL, dl by p, and dm, of neuron j. */
static void neuron(const struct pass *pass, size_t b, size_t j, double by,
                   const struct midl_gradients_oracle *o)
{
    size_t i = b * pass->s->n + j;
    double m = pass->mask[j], p = sigmoid(pass->logit.value[i]), dy = pass->dy.value[i];
    double F = pass->full.value[i], L = pass->light.value[i], size = fabs(dy) * by;
    double F_size = pass->full.magnitude[i], L_size = pass->light.magnitude[i];
    bool zero = pass->s->unselected == MIDL_UNSELECTED_ZERO;
    double of_light = zero ? m * (1 - p) : 1 - m * p;
    double learns = pass->rule == MIDL_RULE_STE ? 1 : m;
    put(o->y, i, m * p * F + of_light * L, by * (m * p * F_size + of_light * L_size));
    put(pass->d_full, i, m * p * dy, m * p * size);
    put(pass->d_light, i, of_light * dy, of_light * size);
    put(pass->d_logit, i, learns * p * (1 - p) * (F - L) * dy,
        learns * p * (1 - p) * (F_size + L_size) * size);
    pass->d_mask[j] = zero ? (p * F + (1 - p) * L) * dy : p * (F - L) * dy;
}

/* Add to input b's dl what the masks ask for: dm / dl = s / T for the neuron's own (or a block's
 * mean) logit, and through tau less the mean of all dm weighted by s. */
static void soft_gradient(const struct pass *pass, size_t b, bool tau_moves, double by)
{
    const struct midl_shape *s = pass->s;
    size_t width = mask_width(s);
    double weights = 0, weighted = 0, size = 0, most = 0;
    for (size_t j = 0; j < s->n; j++) {
        double slope = pass->mask[j] * (1 - pass->mask[j]);
        size_t i = b * s->n + j;
        weights += slope;
        weighted += slope * pass->d_mask[j];
        size = (pass->full.magnitude[i] + pass->light.magnitude[i]) * fabs(pass->dy.value[i]);
        most = fmax(most, size);
    }
    double mean = tau_moves && weights > 0 ? weighted / weights : 0;
    for (size_t j = 0; j < s->n; j++) {
        double slope = pass->mask[j] * (1 - pass->mask[j]), sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += pass->d_mask[j / width * width + i] - mean;
        pass->d_logit.value[b * s->n + j] += slope * sum / (double)width / pass->temperature;
        pass->d_logit.magnitude[b * s->n + j] += by * slope * 2 * most / pass->temperature;
    }
}

/* ---- Passes --------------------------------------------------------------------------------- */

static void forward(const struct pass *p)
{
    const struct midl_shape *s = p->s;
    const struct midl_layer *layer = p->layer;
    struct matrix x = plain(p->x, s->d), projected = plain(p->projected, s->r);
    add_product(p->B, s->n, s->d, x, turned(p->W, s->d), p->full);
    add_bias(p->B, s->n, layer->full_bias, p->full);
    add_product(p->B, s->r, s->d, x, turned(p->V, s->d), p->projected);
    add_product(p->B, s->n, s->r, projected, turned(p->U, s->r), p->light);
    add_bias(p->B, s->n, layer->light_bias, p->light);
    if (s->gate == MIDL_GATE_FULL)
        add_product(p->B, s->n, s->d, x, turned(p->G, s->d), p->logit);
    if (s->gate == MIDL_GATE_SHARED)
        add_product(p->B, s->n, s->r, projected, turned(p->P, s->r), p->logit);
    if (s->gate == MIDL_GATE_LOWRANK) {
        add_product(p->B, s->rg, s->d, x, turned(p->Q, s->d), p->gate_projected);
        add_product(p->B, s->n, s->rg, plain(p->gate_projected, s->rg), turned(p->P, s->rg),
                    p->logit);
    }
    add_bias(p->B, s->n, layer->gate_bias, p->logit);
}

static void gate_backward(const struct pass *p, const struct midl_gradients_oracle *o)
{
    const struct midl_shape *s = p->s;
    struct matrix dl = plain(p->d_logit, s->n), dl_turned = turned(p->d_logit, s->n);
    struct matrix dq = plain(p->d_gate_projected, s->rg);
    add_columns(p->B, s->n, p->d_logit, o->gate_bias);
    switch (s->gate) {
    case MIDL_GATE_FULL:
        add_product(s->n, s->d, p->B, dl_turned, plain(p->x, s->d), o->gate_weight);
        add_product(p->B, s->d, s->n, dl, plain(p->G, s->d), o->dx);
        break;
    case MIDL_GATE_LOWRANK:
        add_product(s->n, s->rg, p->B, dl_turned, plain(p->gate_projected, s->rg), o->gate_up);
        add_product(p->B, s->rg, s->n, dl, plain(p->P, s->rg), p->d_gate_projected);
        add_product(s->rg, s->d, p->B, turned(p->d_gate_projected, s->rg), plain(p->x, s->d),
                    o->gate_down);
        add_product(p->B, s->d, s->rg, dq, plain(p->Q, s->d), o->dx);
        break;
    case MIDL_GATE_SHARED:
        add_product(s->n, s->r, p->B, dl_turned, plain(p->projected, s->r), o->gate_up);
        add_product(p->B, s->r, s->n, dl, plain(p->P, s->r), p->d_projected);
        break;
    }
}

static void backward(const struct pass *p, const struct midl_gradients_oracle *o)
{
    const struct midl_shape *s = p->s;
    struct matrix dF = plain(p->d_full, s->n), dL = plain(p->d_light, s->n);
    add_product(s->n, s->d, p->B, turned(p->d_full, s->n), plain(p->x, s->d), o->full_weight);
    add_product(p->B, s->d, s->n, dF, plain(p->W, s->d), o->dx);
    add_columns(p->B, s->n, p->d_full, o->full_bias);
    add_product(s->n, s->r, p->B, turned(p->d_light, s->n), plain(p->projected, s->r), o->light_up);
    add_product(p->B, s->r, s->n, dL, plain(p->U, s->r), p->d_projected);
    add_columns(p->B, s->n, p->d_light, o->light_bias);
    gate_backward(p, o);
    add_product(s->r, s->d, p->B, turned(p->d_projected, s->r), plain(p->x, s->d), o->light_down);
    add_product(p->B, s->d, s->r, plain(p->d_projected, s->r), plain(p->V, s->d), o->dx);
}

static double share(const struct midl_shape *s, size_t B)
{
    const size_t lengths[] = {s->d, s->n, s->r, s->gate == MIDL_GATE_LOWRANK ? s->rg : 1, B};
    size_t longest = 1;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        longest = lengths[i] > longest ? lengths[i] : longest;
    return 32 * sqrt((double)longest) * (double)FLT_EPSILON;
}

static void compute(const struct pass *pass, const struct midl_gradients_oracle *o)
{
    forward(pass);
    for (size_t b = 0; b < pass->B; b++) {
        double by = sensitivity(pass, b);
        bool tau_moves = mask_input(pass, b);
        for (size_t j = 0; j < pass->s->n; j++)
            neuron(pass, b, j, by, o);
        if (pass->rule == MIDL_RULE_SOFT)
            soft_gradient(pass, b, tau_moves, by);
    }
    backward(pass, o);
}

enum midl_status midl_gradients_oracle_create(const struct midl_layer *layer, enum midl_rule rule,
                                              double temperature,
                                              const struct midl_selection *selection, size_t batch,
                                              const float *x, const float *dy,
                                              struct midl_gradients_oracle **ret)
{
    struct pass pass = {.layer = layer,
                        .s = &layer->shape,
                        .rule = rule,
                        .temperature = temperature,
                        .selection = selection,
                        .B = batch};
    struct midl_gradients_oracle *o = calloc(1, sizeof *o);
    struct arena count = {0}, arena = {0};
    if (!o)
        return MIDL_NO_MEMORY;
    take_all(&count, &pass, x, dy, o);
    arena.memory = o->memory = calloc(count.used, sizeof *o->memory);
    if (!o->memory) {
        free(o);
        return MIDL_NO_MEMORY;
    }
    take_all(&arena, &pass, x, dy, o);
    compute(&pass, o);
    o->share = share(&layer->shape, batch);
    *ret = o;
    return MIDL_OK;
}

void midl_gradients_oracle_destroy(struct midl_gradients_oracle *oracle)
{
    if (!oracle)
        return;
    free(oracle->memory);
    free(oracle);
}

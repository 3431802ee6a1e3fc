/* layer_simple.c - layers without sums: ReLU, dropout, flatten, and the embedding of symbols. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "learn/layer.h"
#include "learn/pieces.h"

enum { GRAIN = 16384 }; /* floats of a piece */

/* Arrays of one elementwise step. */
struct elements {
    const struct layer *layer;
    const struct pass *pass;
    size_t count;
    const float *from, *other;
    float *to;
};

static void run(const struct layer *layer, const struct pass *pass, const float *from,
                const float *other, float *to, void (*piece)(void *, size_t))
{
    struct elements work = {.layer = layer,
                            .pass = pass,
                            .count = pass->batch * extent_size(layer->spec->out),
                            .from = from,
                            .other = other,
                            .to = to};
    pieces_run(layer->options->threads, pieces_of(work.count, GRAIN), piece, &work);
}

/* ---- ReLU ------------------------------------------------------------------------------------ */

static void relu_piece(void *data, size_t i)
{
    const struct elements *work = data;
    const float *x = work->from;
    float *y = work->to;
    for (size_t j = i * GRAIN, end = piece_end(work->count, GRAIN, i); j < end; j++)
        y[j] = x[j] > 0 ? x[j] : 0;
}

static void relu_gradient_piece(void *data, size_t i)
{
    const struct elements *work = data;
    const float *dy = work->from, *y = work->other;
    float *dx = work->to;
    for (size_t j = i * GRAIN, end = piece_end(work->count, GRAIN, i); j < end; j++)
        dx[j] = y[j] > 0 ? dy[j] : 0;
}

static enum outcome relu_forward(struct layer *layer, const struct pass *pass, const float *x,
                                 float *y, struct error *error)
{
    (void)error;
    run(layer, pass, x, NULL, y, relu_piece);
    return OUTCOME_DONE;
}

static enum outcome relu_backward(struct layer *layer, const struct pass *pass, const float *x,
                                  const float *y, const float *dy, float *dx, struct error *error)
{
    (void)x;
    (void)error;
    if (dx)
        run(layer, pass, dy, y, dx, relu_gradient_piece);
    return OUTCOME_DONE;
}

const struct layer_type layer_relu = {.forward = relu_forward, .backward = relu_backward};

/* ---- Dropout: the values kept grow by 1 / (1 - rate) ----------------------------------------- */

static void dropout_piece(void *data, size_t i)
{
    const struct elements *work = data;
    double rate = work->layer->spec->rate;
    struct rng rng = rng_seed(layer_seed(work->layer, work->pass, i));
    float scale = (float)(1 / (1 - rate));
    uint64_t least = (uint64_t)(rate * 0x1p32); /* of a 32-bit draw that keeps its value */
    const float *x = work->from;
    float *y = work->to;
    for (size_t j = i * GRAIN, end = piece_end(work->count, GRAIN, i); j < end; j++)
        y[j] = rng_next(&rng) >> 32 >= least ? x[j] * scale : 0;
}

static enum outcome dropout_forward(struct layer *layer, const struct pass *pass, const float *x,
                                    float *y, struct error *error)
{
    (void)error;
    if (pass->training)
        run(layer, pass, x, NULL, y, dropout_piece);
    else
        memcpy(y, x, pass->batch * extent_size(layer->spec->out) * sizeof *y);
    return OUTCOME_DONE;
}

/* The same draws again. */
static enum outcome dropout_backward(struct layer *layer, const struct pass *pass, const float *x,
                                     const float *y, const float *dy, float *dx,
                                     struct error *error)
{
    (void)x;
    (void)y;
    (void)error;
    if (dx)
        run(layer, pass, dy, NULL, dx, dropout_piece);
    return OUTCOME_DONE;
}

const struct layer_type layer_dropout = {.forward = dropout_forward, .backward = dropout_backward};

/* ---- Flatten: images [h][w][c] to PyTorch's order [c][h][w] ---------------------------------- */

/* The first layer's input comes as [c][h][w] already, and so does a vector. */
static bool is_in_order(const struct layer *layer)
{
    struct extent in = layer->spec->in;
    return layer->index == 0 || in.c == 1 || (in.h == 1 && in.w == 1);
}

static void transpose(size_t rows, size_t columns, const float *from, float *to)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            to[j * rows + i] = from[i * columns + j];
}

static enum outcome flatten_forward(struct layer *layer, const struct pass *pass, const float *x,
                                    float *y, struct error *error)
{
    struct extent in = layer->spec->in;
    size_t size = extent_size(in);
    (void)error;
    if (is_in_order(layer))
        memcpy(y, x, pass->batch * size * sizeof *y);
    for (size_t b = 0; !is_in_order(layer) && b < pass->batch; b++)
        transpose(in.h * in.w, in.c, x + b * size, y + b * size);
    return OUTCOME_DONE;
}

static enum outcome flatten_backward(struct layer *layer, const struct pass *pass, const float *x,
                                     const float *y, const float *dy, float *dx,
                                     struct error *error)
{
    struct extent in = layer->spec->in;
    size_t size = extent_size(in);
    (void)x;
    (void)y;
    (void)error;
    if (dx && is_in_order(layer))
        memcpy(dx, dy, pass->batch * size * sizeof *dx);
    for (size_t b = 0; dx && !is_in_order(layer) && b < pass->batch; b++)
        transpose(in.c, in.h * in.w, dy + b * size, dx + b * size);
    return OUTCOME_DONE;
}

const struct layer_type layer_flatten = {.forward = flatten_forward, .backward = flatten_backward};

/* ---- Embedding: weight [symbols][width]; x [B][places] whole numbers ------------------------- */

static size_t embed_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    /* PyTorch starts with standard normal numbers; these have the same variance. */
    ret[0] = parameter_make("weight", (size_t[4]){spec->symbols, spec->out.c / spec->in.c},
                            1.7320508075688772, 0);
    return 1;
}

static size_t symbol_of(const struct layer *layer, float x)
{
    float last = (float)(layer->spec->symbols - 1);
    return x > 0 ? (size_t)(x < last ? x : last) : 0;
}

static enum outcome embed_forward(struct layer *layer, const struct pass *pass, const float *x,
                                  float *y, struct error *error)
{
    size_t places = layer->spec->in.c, width = layer->spec->out.c / places;
    (void)error;
    for (size_t i = 0; i < pass->batch * places; i++)
        memcpy(y + i * width, layer->parameters[0].value + symbol_of(layer, x[i]) * width,
               width * sizeof *y);
    return OUTCOME_DONE;
}

static enum outcome embed_backward(struct layer *layer, const struct pass *pass, const float *x,
                                   const float *y, const float *dy, float *dx, struct error *error)
{
    size_t places = layer->spec->in.c, width = layer->spec->out.c / places;
    float *gradient = layer->parameters[0].gradient;
    (void)y;
    (void)dx; /* symbols have no gradient */
    (void)error;
    memset(gradient, 0, layer->parameters[0].count * sizeof *gradient);
    for (size_t i = 0; i < pass->batch * places; i++) {
        float *row = gradient + symbol_of(layer, x[i]) * width;
        for (size_t j = 0; j < width; j++)
            row[j] += dy[i * width + j];
    }
    return OUTCOME_DONE;
}

const struct layer_type layer_embed = {
    .parameters = embed_parameters, .forward = embed_forward, .backward = embed_backward};

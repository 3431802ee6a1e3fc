/* layer_conv.c - the image layers: convolution, maximum pooling, batch normalisation, by oneDNN.
 *
 * A batch is cut into chunks of CHUNK images, whatever the number of threads; each is a call of its
 * own on one thread, and gradients of chunks are summed in their order. A normalisation looks at
 * the whole batch, in one call. Primitives are made for each size that occurs, once. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "learn/layer.h"
#include "learn/onednn.h"
#include "learn/pieces.h"

#if MIDL_HAVE_ONEDNN

enum { CHUNK = 16, FORWARD = 0, BACKWARD = 1, BACKWARD_WEIGHTS = 2, INFERENCE = 2 };

const char *layer_unavailable(enum layer_kind kind)
{
    (void)kind;
    return NULL;
}

/* Primitives and memory for one size of batch. */
struct sized {
    struct onednn_primitive primitives[3];
    struct onednn_primitive to_forward, to_backward, from_gradient; /* of a convolution's weights */
    float *weights_forward, *weights_backward;                      /* in oneDNN's order */
    size_t scratch_bytes, workspace_bytes, gradient_floats;
    bool made, packed; /* packed: weights_forward holds for good */
};

struct image_state {
    dnnl_engine_t engine;
    struct sized *sized;         /* by number of images, 0..sizes */
    size_t sizes, chunks;        /* largest number of images in a call, of chunks in a batch */
    char **scratch, **workspace; /* of each chunk */
    size_t *scratch_bytes, *workspace_bytes;
    float **gradient;       /* of each chunk: a convolution's weights, then its bias */
    float *summed;          /* in oneDNN's order */
    float *x;               /* the first layer's input as [h][w][c] */
    float *mean, *variance; /* of a normalisation's batch */
};

static enum outcome refused(const struct layer *layer, struct error *error)
{
    return fail(error, OUTCOME_MACHINE, "%s: oneDNN refused it, or there is not enough memory",
                layer->spec->name);
}

static void image_destroy(struct layer *layer)
{
    struct image_state *state = layer->state;
    if (!state)
        return;
    for (size_t i = 0; state->sized && i <= state->sizes; i++) {
        struct sized *sized = &state->sized[i];
        for (size_t j = 0; j < 3; j++)
            onednn_destroy(&sized->primitives[j]);
        onednn_destroy(&sized->to_forward);
        onednn_destroy(&sized->to_backward);
        onednn_destroy(&sized->from_gradient);
        free(sized->weights_forward);
        free(sized->weights_backward);
    }
    for (size_t i = 0; i < state->chunks; i++) {
        free(state->scratch ? state->scratch[i] : NULL);
        free(state->workspace ? state->workspace[i] : NULL);
        free(state->gradient ? state->gradient[i] : NULL);
    }
    free(state->sized);
    free(state->scratch);
    free(state->workspace);
    free(state->scratch_bytes);
    free(state->workspace_bytes);
    free(state->gradient);
    free(state->summed);
    free(state->x);
    free(state->mean);
    free(state->variance);
    dnnl_engine_destroy(state->engine);
    free(state);
}

static enum outcome image_create(struct layer *layer, struct error *error)
{
    bool norm = layer->spec->kind == LAYER_NORM;
    struct image_state *state = layer->state = calloc(1, sizeof *state);
    if (!state || !onednn_begin(&state->engine))
        return refused(layer, error);
    size_t batch = layer->options->max_batch;
    state->sizes = norm ? batch : CHUNK;
    state->chunks = norm ? 1 : pieces_of(batch, CHUNK);
    state->sized = calloc(state->sizes + 1, sizeof *state->sized);
    state->scratch = calloc(state->chunks, sizeof *state->scratch);
    state->workspace = calloc(state->chunks, sizeof *state->workspace);
    state->scratch_bytes = calloc(state->chunks, sizeof *state->scratch_bytes);
    state->workspace_bytes = calloc(state->chunks, sizeof *state->workspace_bytes);
    state->gradient = calloc(state->chunks, sizeof *state->gradient);
    state->mean = calloc(layer->spec->in.c, sizeof *state->mean);
    state->variance = calloc(layer->spec->in.c, sizeof *state->variance);
    if (layer->spec->kind == LAYER_CONV && layer->index == 0)
        state->x = malloc(batch * extent_size(layer->spec->in) * sizeof *state->x);
    bool ok = state->sized && state->scratch && state->workspace && state->scratch_bytes &&
              state->workspace_bytes && state->gradient && state->mean && state->variance;
    ok = ok && (state->x || layer->spec->kind != LAYER_CONV || layer->index > 0);
    return ok ? OUTCOME_DONE : refused(layer, error);
}

/* Memory for a chunk of at least `bytes`. */
static bool room(char **memory, size_t *have, size_t bytes)
{
    if (*have >= bytes)
        return true;
    free(*memory);
    *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    *have = *memory ? bytes : 0;
    return *memory != NULL;
}

static float *take_bytes(size_t bytes)
{
    float *ret = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (ret)
        memset(ret, 0, bytes);
    return ret;
}

/* ---- Primitives for a size ------------------------------------------------------------------- */

static bool plain_weights(const struct layer_spec *spec, onednn_memory *ret)
{
    const dnnl_dims_t sizes = {(dnnl_dim_t)spec->out.c, (dnnl_dim_t)spec->in.c, 3, 3};
    return onednn_describe(ret, 4, sizes, dnnl_oihw);
}

/* Reorders between PyTorch's order of weights and those that oneDNN chose. */
static bool make_reorders(struct image_state *state, const struct layer_spec *spec,
                          struct sized *sized)
{
    onednn_memory plain;
    onednn_memory_in forward = onednn_ask(&sized->primitives[FORWARD], dnnl_query_weights_md, 0);
    onednn_memory_in backward = onednn_ask(&sized->primitives[BACKWARD], dnnl_query_weights_md, 0);
    onednn_memory_in gradient =
        onednn_ask(&sized->primitives[BACKWARD_WEIGHTS], dnnl_query_diff_weights_md, 0);
    if (!plain_weights(spec, &plain))
        return false;
    bool ok = onednn_reorder(state->engine, onednn_in(&plain), forward, &sized->to_forward) &&
              onednn_reorder(state->engine, onednn_in(&plain), backward, &sized->to_backward) &&
              onednn_reorder(state->engine, gradient, onednn_in(&plain), &sized->from_gradient);
    onednn_forget(&plain);
    sized->weights_forward = take_bytes(onednn_bytes(forward));
    sized->weights_backward = take_bytes(onednn_bytes(backward));
    sized->gradient_floats = onednn_bytes(gradient) / sizeof(float);
    return ok && sized->weights_forward && sized->weights_backward;
}

static bool make_primitives(struct image_state *state, const struct layer_spec *spec, size_t images,
                            struct sized *sized)
{
    if (spec->kind == LAYER_POOL)
        return onednn_pool(state->engine, images, spec->in, spec->out, sized->primitives);
    if (spec->kind == LAYER_NORM)
        return onednn_norm(state->engine, images, spec->in, 1e-5, sized->primitives);
    return onednn_conv(state->engine, images, spec->in, spec->out, sized->primitives) &&
           make_reorders(state, spec, sized);
}

/* The primitives for this many images, made if they are not there. */
static struct sized *sized_for(struct layer *layer, size_t images)
{
    struct image_state *state = layer->state;
    struct sized *sized = &state->sized[images];
    if (sized->made)
        return sized;
    if (!make_primitives(state, layer->spec, images, sized))
        return NULL;
    for (size_t i = 0; i < 3; i++) {
        size_t bytes = onednn_scratch_bytes(&sized->primitives[i]);
        sized->scratch_bytes = bytes > sized->scratch_bytes ? bytes : sized->scratch_bytes;
    }
    sized->workspace_bytes =
        onednn_bytes(onednn_ask(&sized->primitives[FORWARD], dnnl_query_workspace_md, 0));
    sized->made = true;
    return sized;
}

/* Prepare all chunks of a batch before threads share them out. */
static bool prepare(struct layer *layer, size_t batch)
{
    struct image_state *state = layer->state;
    bool ok = true;
    for (size_t i = 0; ok && i < pieces_of(batch, state->sizes); i++) {
        size_t images = piece_end(batch, state->sizes, i) - i * state->sizes;
        const struct sized *sized = sized_for(layer, images);
        ok = sized && room(&state->scratch[i], &state->scratch_bytes[i], sized->scratch_bytes) &&
             room(&state->workspace[i], &state->workspace_bytes[i], sized->workspace_bytes);
        if (ok && layer->spec->kind == LAYER_CONV && !state->gradient[i])
            ok = (state->gradient[i] =
                      take_bytes((sized->gradient_floats + layer->spec->out.c) * sizeof(float)));
    }
    return ok;
}

/* ---- A call on one chunk --------------------------------------------------------------------- */

struct call {
    struct layer *layer;
    const struct pass *pass;
    const float *x, *dy;
    float *y, *dx;
    atomic_bool failed; /* by any chunk */
};

struct chunk {
    struct image_state *state;
    const struct layer_spec *spec;
    struct sized *sized;
    size_t index, in, out; /* where its inputs and outputs begin, in floats */
};

static struct chunk chunk_of(const struct call *call, size_t i)
{
    struct image_state *state = call->layer->state;
    const struct layer_spec *spec = call->layer->spec;
    size_t first = i * state->sizes, end = piece_end(call->pass->batch, state->sizes, i);
    return (struct chunk){.state = state,
                          .spec = spec,
                          .sized = &state->sized[end - first],
                          .index = i,
                          .in = first * extent_size(spec->in),
                          .out = first * extent_size(spec->out)};
}

static void run_chunk(struct call *call, const struct chunk *chunk, int which,
                      struct onednn_argument *arguments, size_t count)
{
    const struct onednn_primitive *primitive = &chunk->sized->primitives[which];
    if (onednn_scratch_bytes(primitive))
        arguments[count++] = (struct onednn_argument){
            DNNL_ARG_SCRATCHPAD, onednn_ask(primitive, dnnl_query_scratchpad_md, 0),
            chunk->state->scratch[chunk->index]};
    if (!onednn_run(chunk->state->engine, primitive, arguments, count))
        call->failed = true;
}

static onednn_memory_in ask(const struct chunk *chunk, int which, dnnl_query_t what, int index)
{
    return onednn_ask(&chunk->sized->primitives[which], what, index);
}

static enum outcome run_chunks(struct call *call, void (*piece)(void *, size_t),
                               struct error *error)
{
    struct image_state *state = call->layer->state;
    pieces_run(call->layer->options->threads, pieces_of(call->pass->batch, state->sizes), piece,
               call);
    return call->failed ? refused(call->layer, error) : OUTCOME_DONE;
}

/* ---- Convolution: weight [out][in][3][3], bias [out] ----------------------------------------- */

static size_t conv_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    double bound = 1 / sqrt((double)(spec->in.c * 9));
    ret[0] = parameter_make("weight", (size_t[4]){spec->out.c, spec->in.c, 3, 3}, bound, 0);
    ret[1] = parameter_make("bias", (size_t[4]){spec->out.c}, bound, 0);
    return 2;
}

static bool reorder(struct image_state *state, const struct onednn_primitive *primitive,
                    const float *from, float *to)
{
    struct onednn_argument arguments[3] = {
        {DNNL_ARG_FROM, onednn_ask(primitive, dnnl_query_src_md, 0), from},
        {DNNL_ARG_TO, onednn_ask(primitive, dnnl_query_dst_md, 0), to}};
    return onednn_run(state->engine, primitive, arguments, 2);
}

static void conv_forward_chunk(void *data, size_t i)
{
    struct call *call = data;
    struct chunk chunk = chunk_of(call, i);
    struct onednn_argument arguments[5] = {
        {DNNL_ARG_SRC, ask(&chunk, FORWARD, dnnl_query_src_md, 0), call->x + chunk.in},
        {DNNL_ARG_WEIGHTS, ask(&chunk, FORWARD, dnnl_query_weights_md, 0),
         chunk.sized->weights_forward},
        {DNNL_ARG_BIAS, ask(&chunk, FORWARD, dnnl_query_weights_md, 1),
         call->layer->parameters[1].value},
        {DNNL_ARG_DST, ask(&chunk, FORWARD, dnnl_query_dst_md, 0), call->y + chunk.out}};
    run_chunk(call, &chunk, FORWARD, arguments, 4);
}

/* The first layer's input comes as [c][h][w]. */
static const float *in_order(struct layer *layer, const struct pass *pass, const float *x)
{
    struct image_state *state = layer->state;
    struct extent in = layer->spec->in;
    size_t places = in.h * in.w, size = extent_size(in);
    if (!state->x)
        return x;
    for (size_t b = 0; b < pass->batch; b++)
        for (size_t c = 0; c < in.c; c++)
            for (size_t j = 0; j < places; j++)
                state->x[b * size + j * in.c + c] = x[b * size + c * places + j];
    return state->x;
}

static bool pack_weights(struct layer *layer, size_t batch, bool backward)
{
    struct image_state *state = layer->state;
    const float *weights = layer->parameters[0].value;
    bool ok = true;
    for (size_t i = 0, last = 0; ok && i < pieces_of(batch, CHUNK); i++) {
        size_t images = piece_end(batch, CHUNK, i) - i * CHUNK;
        struct sized *sized = &state->sized[images];
        if (images != last && backward)
            ok = reorder(state, &sized->to_backward, weights, sized->weights_backward);
        else if (images != last && !sized->packed)
            ok = reorder(state, &sized->to_forward, weights, sized->weights_forward);
        sized->packed = ok && layer->options->frozen;
        last = images;
    }
    return ok;
}

static enum outcome conv_forward(struct layer *layer, const struct pass *pass, const float *x,
                                 float *y, struct error *error)
{
    struct call call = {.layer = layer, .pass = pass, .x = in_order(layer, pass, x), .y = y};
    if (!prepare(layer, pass->batch) || !pack_weights(layer, pass->batch, false))
        return refused(layer, error);
    return run_chunks(&call, conv_forward_chunk, error);
}

static void conv_backward_chunk(void *data, size_t i)
{
    struct call *call = data;
    struct chunk chunk = chunk_of(call, i);
    float *gradient = chunk.state->gradient[i];
    struct onednn_argument weights[5] = {
        {DNNL_ARG_SRC, ask(&chunk, BACKWARD_WEIGHTS, dnnl_query_src_md, 0), call->x + chunk.in},
        {DNNL_ARG_DIFF_DST, ask(&chunk, BACKWARD_WEIGHTS, dnnl_query_diff_dst_md, 0),
         call->dy + chunk.out},
        {DNNL_ARG_DIFF_WEIGHTS, ask(&chunk, BACKWARD_WEIGHTS, dnnl_query_diff_weights_md, 0),
         gradient},
        {DNNL_ARG_DIFF_BIAS, ask(&chunk, BACKWARD_WEIGHTS, dnnl_query_diff_weights_md, 1),
         gradient + chunk.sized->gradient_floats}};
    struct onednn_argument inputs[4] = {
        {DNNL_ARG_DIFF_DST, ask(&chunk, BACKWARD, dnnl_query_diff_dst_md, 0), call->dy + chunk.out},
        {DNNL_ARG_WEIGHTS, ask(&chunk, BACKWARD, dnnl_query_weights_md, 0),
         chunk.sized->weights_backward},
        {DNNL_ARG_DIFF_SRC, ask(&chunk, BACKWARD, dnnl_query_diff_src_md, 0),
         call->dx ? call->dx + chunk.in : NULL}};
    run_chunk(call, &chunk, BACKWARD_WEIGHTS, weights, 4);
    if (call->dx)
        run_chunk(call, &chunk, BACKWARD, inputs, 3);
}

/* Add up the chunks' gradients in their order. A size has an order of weights of its own, so sums
 * are in PyTorch's. */
static bool sum_gradients(struct layer *layer, size_t batch)
{
    struct image_state *state = layer->state;
    struct parameter *weight = &layer->parameters[0], *bias = &layer->parameters[1];
    bool ok = state->summed || (state->summed = take_bytes(weight->count * sizeof(float)));
    memset(weight->gradient, 0, weight->count * sizeof(float));
    memset(bias->gradient, 0, bias->count * sizeof(float));
    for (size_t i = 0; ok && i < pieces_of(batch, CHUNK); i++) {
        const struct sized *sized = &state->sized[piece_end(batch, CHUNK, i) - i * CHUNK];
        ok = reorder(state, &sized->from_gradient, state->gradient[i], state->summed);
        for (size_t j = 0; j < weight->count; j++)
            weight->gradient[j] += state->summed[j];
        for (size_t j = 0; j < bias->count; j++)
            bias->gradient[j] += state->gradient[i][sized->gradient_floats + j];
    }
    return ok;
}

static enum outcome conv_backward(struct layer *layer, const struct pass *pass, const float *x,
                                  const float *y, const float *dy, float *dx, struct error *error)
{
    struct image_state *state = layer->state;
    struct call call = {
        .layer = layer, .pass = pass, .x = state->x ? state->x : x, .dy = dy, .dx = dx};
    (void)y;
    if (dx && !pack_weights(layer, pass->batch, true))
        return refused(layer, error);
    enum outcome outcome = run_chunks(&call, conv_backward_chunk, error);
    if (!outcome && !sum_gradients(layer, pass->batch))
        outcome = refused(layer, error);
    return outcome;
}

const struct layer_type layer_conv = {.parameters = conv_parameters,
                                      .create = image_create,
                                      .destroy = image_destroy,
                                      .forward = conv_forward,
                                      .backward = conv_backward};

/* ---- Pooling --------------------------------------------------------------------------------- */

static void pool_forward_chunk(void *data, size_t i)
{
    struct call *call = data;
    struct chunk chunk = chunk_of(call, i);
    int which = call->pass->training ? FORWARD : INFERENCE;
    struct onednn_argument arguments[4] = {
        {DNNL_ARG_SRC, ask(&chunk, which, dnnl_query_src_md, 0), call->x + chunk.in},
        {DNNL_ARG_DST, ask(&chunk, which, dnnl_query_dst_md, 0), call->y + chunk.out},
        {DNNL_ARG_WORKSPACE, ask(&chunk, FORWARD, dnnl_query_workspace_md, 0),
         chunk.state->workspace[i]}};
    run_chunk(call, &chunk, which, arguments, call->pass->training ? 3 : 2);
}

static enum outcome pool_forward(struct layer *layer, const struct pass *pass, const float *x,
                                 float *y, struct error *error)
{
    struct call call = {.layer = layer, .pass = pass, .x = x, .y = y};
    return prepare(layer, pass->batch) ? run_chunks(&call, pool_forward_chunk, error)
                                       : refused(layer, error);
}

static void pool_backward_chunk(void *data, size_t i)
{
    struct call *call = data;
    struct chunk chunk = chunk_of(call, i);
    struct onednn_argument arguments[4] = {
        {DNNL_ARG_DIFF_DST, ask(&chunk, BACKWARD, dnnl_query_diff_dst_md, 0), call->dy + chunk.out},
        {DNNL_ARG_DIFF_SRC, ask(&chunk, BACKWARD, dnnl_query_diff_src_md, 0), call->dx + chunk.in},
        {DNNL_ARG_WORKSPACE, ask(&chunk, FORWARD, dnnl_query_workspace_md, 0),
         chunk.state->workspace[i]}};
    run_chunk(call, &chunk, BACKWARD, arguments, 3);
}

static enum outcome pool_backward(struct layer *layer, const struct pass *pass, const float *x,
                                  const float *y, const float *dy, float *dx, struct error *error)
{
    struct call call = {.layer = layer, .pass = pass, .dy = dy, .dx = dx};
    (void)x;
    (void)y;
    return dx ? run_chunks(&call, pool_backward_chunk, error) : OUTCOME_DONE;
}

const struct layer_type layer_pool = {.create = image_create,
                                      .destroy = image_destroy,
                                      .forward = pool_forward,
                                      .backward = pool_backward};

/* ---- Normalisation: weight, bias, running_mean, running_var [c] ------------------------------ */

enum { SCALE, SHIFT, RUNNING_MEAN, RUNNING_VARIANCE };

static size_t norm_parameters(const struct layer_spec *spec, struct parameter *ret)
{
    const size_t shape[4] = {spec->in.c};
    ret[SCALE] = parameter_make("weight", shape, 0, 1);
    ret[SHIFT] = parameter_make("bias", shape, 0, 0);
    ret[RUNNING_MEAN] = parameter_make("running_mean", shape, 0, 0);
    ret[RUNNING_VARIANCE] = parameter_make("running_var", shape, 0, 1);
    ret[RUNNING_MEAN].trained = ret[RUNNING_VARIANCE].trained = false;
    return 4;
}

/* As PyTorch: a tenth of the batch's, whose variance is that of a sample. */
static void keep_statistics(struct layer *layer, size_t batch)
{
    const struct image_state *state = layer->state;
    struct extent in = layer->spec->in;
    double places = (double)(batch * in.h * in.w);
    float unbiased = (float)(places / fmax(1, places - 1));
    float *mean = layer->parameters[RUNNING_MEAN].value;
    float *variance = layer->parameters[RUNNING_VARIANCE].value;
    for (size_t c = 0; c < in.c; c++) {
        mean[c] = 0.9f * mean[c] + 0.1f * state->mean[c];
        variance[c] = 0.9f * variance[c] + 0.1f * unbiased * state->variance[c];
    }
}

static enum outcome norm_forward(struct layer *layer, const struct pass *pass, const float *x,
                                 float *y, struct error *error)
{
    struct image_state *state = layer->state;
    struct call call = {.layer = layer, .pass = pass};
    const struct parameter *p = layer->parameters;
    int which = pass->training ? FORWARD : INFERENCE;
    if (!prepare(layer, pass->batch))
        return refused(layer, error);
    struct chunk chunk = chunk_of(&call, 0);
    onednn_memory_in images = ask(&chunk, which, dnnl_query_src_md, 0);
    onednn_memory vector;
    if (!onednn_describe(&vector, 1, (dnnl_dims_t){(dnnl_dim_t)layer->spec->in.c}, dnnl_a))
        return refused(layer, error);
    onednn_memory_in channels = onednn_in(&vector);
    struct onednn_argument arguments[7] = {
        {DNNL_ARG_SRC, images, x},
        {DNNL_ARG_DST, images, y},
        {DNNL_ARG_MEAN, channels, pass->training ? state->mean : p[RUNNING_MEAN].value},
        {DNNL_ARG_VARIANCE, channels, pass->training ? state->variance : p[RUNNING_VARIANCE].value},
        {DNNL_ARG_SCALE, channels, p[SCALE].value},
        {DNNL_ARG_SHIFT, channels, p[SHIFT].value}};
    run_chunk(&call, &chunk, which, arguments, 6);
    onednn_forget(&vector);
    if (pass->training)
        keep_statistics(layer, pass->batch);
    return call.failed ? refused(layer, error) : OUTCOME_DONE;
}

static enum outcome norm_backward(struct layer *layer, const struct pass *pass, const float *x,
                                  const float *y, const float *dy, float *dx, struct error *error)
{
    struct image_state *state = layer->state;
    struct call call = {.layer = layer, .pass = pass};
    const struct parameter *p = layer->parameters;
    struct chunk chunk = chunk_of(&call, 0);
    onednn_memory_in images = ask(&chunk, BACKWARD, dnnl_query_src_md, 0);
    onednn_memory vector;
    (void)y;
    if (!onednn_describe(&vector, 1, (dnnl_dims_t){(dnnl_dim_t)layer->spec->in.c}, dnnl_a))
        return refused(layer, error);
    onednn_memory_in channels = onednn_in(&vector);
    struct onednn_argument arguments[10] = {{DNNL_ARG_SRC, images, x},
                                            {DNNL_ARG_DIFF_DST, images, dy},
                                            {DNNL_ARG_DIFF_SRC, images, dx},
                                            {DNNL_ARG_MEAN, channels, state->mean},
                                            {DNNL_ARG_VARIANCE, channels, state->variance},
                                            {DNNL_ARG_SCALE, channels, p[SCALE].value},
                                            {DNNL_ARG_DIFF_SCALE, channels, p[SCALE].gradient},
                                            {DNNL_ARG_DIFF_SHIFT, channels, p[SHIFT].gradient}};
    size_t count = 8;
    if (onednn_norm_wants_shift)
        arguments[count++] = (struct onednn_argument){DNNL_ARG_SHIFT, channels, p[SHIFT].value};
    run_chunk(&call, &chunk, BACKWARD, arguments, count);
    onednn_forget(&vector);
    return call.failed ? refused(layer, error) : OUTCOME_DONE;
}

const struct layer_type layer_norm = {.parameters = norm_parameters,
                                      .create = image_create,
                                      .destroy = image_destroy,
                                      .forward = norm_forward,
                                      .backward = norm_backward};

#else

/* Never created: network_create asks layer_unavailable. */
const struct layer_type layer_conv, layer_pool, layer_norm;

const char *layer_unavailable(enum layer_kind kind)
{
    bool image = kind == LAYER_CONV || kind == LAYER_POOL || kind == LAYER_NORM;
    return image ? "built without oneDNN" : NULL;
}

#endif

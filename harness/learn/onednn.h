/* onednn.h - what the image layers need of oneDNN, its versions 2.x and 3.x behind one interface.
 *
 * Images are [B][h][w][c]. Every primitive runs on the thread that executes it, with memory that
 * the caller gives: so several threads may run one at once, and results do not depend on their
 * number. */
#ifndef MIDL_ONEDNN_H
#define MIDL_ONEDNN_H

#include "midl_config.h"

#if MIDL_HAVE_ONEDNN

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stddef.h>

#include "learn/network_text.h"

/* A description of memory: a value in 2.x, a handle in 3.x. */
#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t onednn_memory;
typedef const_dnnl_memory_desc_t onednn_memory_in;
#else
typedef dnnl_memory_desc_t onednn_memory;
typedef const dnnl_memory_desc_t *onednn_memory_in;
#endif

/* Make an engine. This and the functions below return false when oneDNN refuses. */
bool onednn_begin(dnnl_engine_t *ret_engine);

/* Describe floats of these dimensions; tag any: oneDNN chooses. To be given to onednn_forget. */
bool onednn_describe(onednn_memory *ret, int dims, const dnnl_dims_t sizes, dnnl_format_tag_t tag);
void onednn_forget(onednn_memory *memory);
onednn_memory_in onednn_in(const onednn_memory *memory);

/* A primitive and its description; zeroed: none. */
struct onednn_primitive {
    dnnl_primitive_desc_t description;
    dnnl_primitive_t primitive;
};
void onednn_destroy(struct onednn_primitive *primitive);

/* Ask the primitive for the layout of an array; the description belongs to the primitive. */
onednn_memory_in onednn_ask(const struct onednn_primitive *primitive, dnnl_query_t what, int index);
size_t onednn_bytes(onednn_memory_in memory);
size_t onednn_scratch_bytes(const struct onednn_primitive *primitive);

/* Make a 3x3 convolution, stride 1, padding 1, of `batch` images: forward; gradient by inputs;
 * gradient by weights and bias. Weights [out.c][in.c][3][3] in an order that oneDNN chooses. */
bool onednn_conv(dnnl_engine_t engine, size_t batch, struct extent in, struct extent out,
                 struct onednn_primitive ret[3]);

/* Make a 2x2 maximum, stride 2: forward (with a workspace), backward, and forward without one. */
bool onednn_pool(dnnl_engine_t engine, size_t batch, struct extent in, struct extent out,
                 struct onednn_primitive ret[3]);

/* Make a batch normalisation with scale and shift: forward with statistics of the batch, backward,
 * and forward with statistics that are given. */
bool onednn_norm(dnnl_engine_t engine, size_t batch, struct extent extent, double epsilon,
                 struct onednn_primitive ret[3]);

/* Whether the backward normalisation takes the shift, which it does not need: 2.x asks for it. */
static const bool onednn_norm_wants_shift = DNNL_VERSION_MAJOR < 3;

/* Make a copy from one order to another. */
bool onednn_reorder(dnnl_engine_t engine, onednn_memory_in from, onednn_memory_in to,
                    struct onednn_primitive *ret);

/* An argument of a call. */
struct onednn_argument {
    int id; /* DNNL_ARG_... */
    onednn_memory_in memory;
    const void *data;
};

/* Run it here and now. */
bool onednn_run(dnnl_engine_t engine, const struct onednn_primitive *primitive,
                const struct onednn_argument *arguments, size_t count);

#endif
#endif

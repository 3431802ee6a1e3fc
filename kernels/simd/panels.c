/* panels.c - dense products from packed panels: down- and up-projections of light path and gate.
 * Sixteen neurons are the lanes, so nothing is summed across lanes; inputs are broadcast.
 *
 * Long rows are cut in slices: a slice of a bundle stays in the first-level cache for all inputs. A
 * slice of an element is one chain in order, and slices are added in order, whatever the tile: a
 * result depends on the shape of the matrix alone. For one input the weights' arrival is the limit,
 * and the second level delivers twice as much (64 bytes a cycle on Zen 5) to one stream as to
 * several side by side: so a bundle is read from end to end. A narrow one has too few chains for
 * that, and several of its slices are summed at the same time.
 */
#include "simd.h"
#include "vec.h"

enum {
    PANEL_VECS = MIDL_PANEL / VEC_LANES,
    SUMS = VEC_REGISTERS == 32 ? 24 : 12,         /* accumulators of a tile */
    MOST_SUMS = 32,                               /* of any that is compiled */
    MOST_INPUTS = 8,                              /* of a tile */
    TILE_PANELS = VEC_LANES == 16 ? 4 : 1,        /* at once, against several inputs */
    SLICE = 128,                                  /* elements: 32 KiB of a bundle */
    SHORTEST = 16,                                /* slice that pays */
    ONE_PANELS = VEC_LANES == 4 ? 2 : MIDL_BUNDLE /* and against one */
};

struct panels_call {
    size_t K, panels;
    const float *packed, *x;
    size_t ldx;
    size_t origin;     /* the panel where bias and y begin */
    const float *bias; /* NULL or whole panels */
    float *y;          /* whole panels */
    size_t ldy;
};

/* Some panels of a bundle, and the elements [from, to) of their rows: a slice. */
struct part {
    const float *columns, *bias; /* bias: NULL where another slice follows */
    size_t stride;               /* floats from one element to the next */
    float *y;
    size_t from, to;
};

static struct part panels_part(const struct panels_call *call, size_t panel, size_t from, size_t to)
{
    size_t column = (panel - call->origin) * MIDL_PANEL;
    size_t stride = midl_panels_beside(call->panels, panel) * MIDL_PANEL;
    return (struct part){.columns = call->packed + midl_panels_at(call->K, panel) + from * stride,
                         .bias = call->bias && to == call->K ? call->bias + column : NULL,
                         .stride = stride,
                         .y = call->y + column,
                         .from = from,
                         .to = to};
}

/* How long the slices of a bundle are: a narrow one has more of them, for one input's sake. */
static size_t panels_slice(const struct panels_call *call, size_t panel)
{
    size_t beside = midl_panels_beside(call->panels, panel);
    size_t length = beside > 2 ? SLICE : call->K * beside / 8;
    return length < SLICE && length >= SHORTEST ? length : SLICE;
}

/* sum[v * Q + q] = vectors v of columns times x over `length` elements, Q times: `across` floats
 * further in the columns and `ldx` further in x each time. V, Q, and across where it is 0 are
 * compile-time constants. */
VEC_INLINE void panels_sums(size_t V, size_t Q, const float *columns, size_t stride, size_t across,
                            const float *x, size_t ldx, size_t length, vec *sum)
{
#pragma GCC unroll 32
    for (size_t a = 0; a < V * Q; a++)
        sum[a] = vec_set(0.0f);
    for (size_t i = 0; i < length; i++, columns += stride, x++) {
        vec m[MOST_SUMS];
#pragma GCC unroll 32
        for (size_t v = 0; v < V; v++)
            m[v] = vec_load(columns + v * VEC_LANES);
#pragma GCC unroll 32
        for (size_t q = 0; q < Q; q++) {
            vec xv = vec_set(x[q * ldx]);
#pragma GCC unroll 32
            for (size_t v = 0; v < V; v++) {
                vec w =
                    across == 0 || q == 0 ? m[v] : vec_load(columns + q * across + v * VEC_LANES);
                sum[v * Q + q] = vec_fma(w, xv, sum[v * Q + q]);
            }
        }
    }
}

/* P panels against C inputs from b on; both are compile-time constants. */
VEC_INLINE void panels_tile(const struct panels_call *call, const struct part *part, size_t P,
                            size_t C, size_t b)
{
    const size_t V = P * PANEL_VECS;
    const float *x = call->x + b * call->ldx + part->from;
    float *y = part->y + b * call->ldy;
    vec sum[MOST_SUMS];
    panels_sums(V, C, part->columns, part->stride, 0, x, call->ldx, part->to - part->from, sum);
    if (part->from > 0) {
#pragma GCC unroll 32
        for (size_t a = 0; a < V * C; a++)
            sum[a] = vec_load(y + a % C * call->ldy + a / C * VEC_LANES) + sum[a];
    }
    if (part->bias) {
#pragma GCC unroll 32
        for (size_t a = 0; a < V * C; a++)
            sum[a] = sum[a] + vec_load(part->bias + a / C * VEC_LANES);
    }
#pragma GCC unroll 32
    for (size_t a = 0; a < V * C; a++)
        vec_store(y + a % C * call->ldy + a / C * VEC_LANES, sum[a]);
}

/* P panels against all inputs, as many at a time as there are accumulators for. */
VEC_INLINE void panels_batch(const struct panels_call *call, const struct part *part, size_t P,
                             size_t B)
{
    const size_t most = SUMS / (P * PANEL_VECS), C = most < MOST_INPUTS ? most : MOST_INPUTS;
    size_t b = 0;
    for (; b + C <= B; b += C)
        panels_tile(call, part, P, C, b);
    for (; C > 4 && b + 4 <= B; b += 4)
        panels_tile(call, part, P, 4, b);
    if (C > 3 && b + 3 == B)
        panels_tile(call, part, P, 3, b);
    else if (C > 2 && b + 2 == B)
        panels_tile(call, part, P, 2, b);
    else if (b < B)
        panels_tile(call, part, P, 1, b);
}

/* P panels from `panel` on against one input: S slices from `from` on, of the same length. */
VEC_INLINE void panels_some(const struct panels_call *call, size_t P, size_t S, size_t panel,
                            size_t from, size_t length)
{
    const size_t V = P * PANEL_VECS;
    struct part part = panels_part(call, panel, from, from + S * length);
    vec sum[MOST_SUMS];
    panels_sums(V, S, part.columns, part.stride, length * part.stride, call->x + from, length,
                length, sum);
#pragma GCC unroll 32
    for (size_t v = 0; v < V; v++) {
        vec total = sum[v * S];
        if (from > 0)
            total = vec_load(part.y + v * VEC_LANES) + total;
#pragma GCC unroll 32
        for (size_t s = 1; s < S; s++)
            total = total + sum[v * S + s];
        if (part.bias)
            total = total + vec_load(part.bias + v * VEC_LANES);
        vec_store(part.y + v * VEC_LANES, total);
    }
}

/* P panels from `panel` on against one input, S slices at a time. */
VEC_INLINE void panels_one(const struct panels_call *call, size_t P, size_t S, size_t panel)
{
    size_t length = panels_slice(call, panel), from = 0;
    for (; from + S * length <= call->K; from += S * length)
        panels_some(call, P, S, panel, from, length);
    for (; from < call->K; from += length)
        panels_some(call, P, 1, panel, from, call->K - from < length ? call->K - from : length);
}

/* Panels from `panel` on, of which `count` lie in one bundle, against one input; returns how many
 * were done. */
static size_t panels_next_one(const struct panels_call *call, size_t panel, size_t count)
{
    size_t P = count < ONE_PANELS ? count : ONE_PANELS;
    if (P == 4)
        panels_one(call, 4, 1, panel);
    else if (P == 3)
        panels_one(call, 3, 1, panel);
    else if (P == 2)
        panels_one(call, 2, 8 / (2 * PANEL_VECS), panel);
    else
        panels_one(call, 1, 8 / PANEL_VECS, panel);
    return P;
}

/* The same against B inputs, over [from, to). */
static size_t panels_next(const struct panels_call *call, size_t panel, size_t count, size_t B,
                          size_t from, size_t to)
{
    struct part part = panels_part(call, panel, from, to);
    size_t P = count < TILE_PANELS ? count : TILE_PANELS;
    if (P == 4)
        panels_batch(call, &part, 4, B);
    else if (P == 3)
        panels_batch(call, &part, 3, B);
    else if (P == 2)
        panels_batch(call, &part, 2, B);
    else
        panels_batch(call, &part, 1, B);
    return P;
}

/* How many of the panels [panel, last) lie in one bundle with the first. */
static size_t panels_together(size_t panel, size_t last)
{
    size_t left = MIDL_BUNDLE - panel % MIDL_BUNDLE;
    return last - panel < left ? last - panel : left;
}

/* Panels of bundles that are cut alike, against B inputs. */
static void panels_many(const struct panels_call *call, size_t first, size_t last, size_t B)
{
    size_t length = panels_slice(call, first);
    for (size_t from = 0; from < call->K; from += length) {
        size_t to = call->K - from < length ? call->K : from + length;
        for (size_t panel = first; panel < last;)
            panel += panels_next(call, panel, panels_together(panel, last), B, from, to);
    }
}

static void panels_whole(const struct panels_call *call, size_t first, size_t last, size_t B)
{
    size_t full = call->panels / MIDL_BUNDLE * MIDL_BUNDLE; /* bundles; one behind may not be */
    for (size_t panel = first; B == 1 && panel < last;)
        panel += panels_next_one(call, panel, panels_together(panel, last));
    if (B > 1 && first < full)
        panels_many(call, first, last < full ? last : full, B);
    if (B > 1 && last > full)
        panels_many(call, first > full ? first : full, last, B);
}

/* The last panel where it isn't full. */
static void panels_edge(const struct panels_call *call, size_t panel, size_t N, size_t B)
{
    float bias[MIDL_PANEL] = {0}, y[MOST_INPUTS][MIDL_PANEL];
    size_t first = panel * MIDL_PANEL, bytes = (N - first) * sizeof(float);
    struct panels_call edge = *call;
    edge.origin = panel;
    edge.y = y[0];
    edge.ldy = MIDL_PANEL;
    if (call->bias) {
        memcpy(bias, call->bias + first, bytes);
        edge.bias = bias;
    }
    for (size_t b = 0; b < B; b += MOST_INPUTS) {
        size_t count = B - b < MOST_INPUTS ? B - b : MOST_INPUTS;
        edge.x = call->x + b * call->ldx;
        panels_whole(&edge, panel, panel + 1, count);
        for (size_t c = 0; c < count; c++)
            memcpy(call->y + (b + c) * call->ldy + first, y[c], bytes);
    }
}

void simd_panels(size_t first, size_t last, size_t N, size_t K, const float *packed,
                 const float *bias, size_t B, const float *x, size_t ldx, float *y, size_t ldy)
{
    struct panels_call call = {.K = K,
                               .panels = (N + MIDL_PANEL - 1) / MIDL_PANEL,
                               .packed = packed,
                               .x = x,
                               .ldx = ldx,
                               .bias = bias,
                               .y = y,
                               .ldy = ldy};
    size_t whole = N / MIDL_PANEL < last ? N / MIDL_PANEL : last;
    panels_whole(&call, first, whole, B);
    if (whole < last)
        panels_edge(&call, whole, N, B);
}

/* pairs.c - see pairs.h. Who works on what follows from the number of threads asked for, and no sum
 * is shared by two of them: neurons for F and dW, columns for dx. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#include "parallel.h"

enum {
    CHUNK = 32, /* inputs whose lists are together */
    SLICE =
        256,    /* floats of an input at a time: a chunk of slices stays in the first-level cache */
    PANEL = 64, /* rows of a panel of `combine` */
    PANEL_CHUNKS = PANEL / CHUNK,
    GRAIN = 16,   /* neurons: parts begin at multiples */
    COLUMNS = 64, /* of dx: the same */
    PAD = 16      /* places that `dots` rewrites behind a list */
};

/* The lists of one chunk and one part of the neurons: longest lists last. */
struct lists {
    uint32_t *neuron; /* [neurons], in order of their lists */
    uint32_t *begin;  /* [neurons + 1]: places */
    uint32_t *list;   /* [neurons]: of each neuron of the part, which list is its own */
};

struct midl_pairs {
    size_t d, n, k, max_batch, parts;
    int threads;
    struct midl_selection selection;
    uint32_t *member, *place; /* by places: the input, counted in its chunk; [B][k] */
    float *value, *gradient;  /* by places */
    float *by_input;          /* [B][k] */
    uint32_t *tables;         /* of all lists: [chunks][parts] of 3 n + 1 numbers together */
    uint32_t *next;           /* [parts][B]: where an input's entries of the part go on */
    uint32_t *counts;         /* [n] */
    uint32_t *bounds;         /* [panels + 1][B]: where an input's entries of a panel begin */
    const struct simd_ops *ops;
    float *panels; /* [parts][CHUNK * SLICE] = [parts][PANEL * MIDL_COMBINE] */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t chunks_of(size_t batch)
{
    return (batch + CHUNK - 1) / CHUNK;
}

static size_t part_begin(const struct midl_pairs *p, size_t part)
{
    return parallel_share(p->n, GRAIN, part, p->parts);
}

/* The first place of a chunk's and part's lists: room for every pair, and some behind. */
static size_t first_place(const struct midl_pairs *p, size_t chunk, size_t part)
{
    return chunk * (CHUNK * p->n + PAD * p->parts) + CHUNK * part_begin(p, part) + PAD * part;
}

static struct lists lists_of(const struct midl_pairs *p, size_t chunk, size_t part)
{
    size_t first = part_begin(p, part), neurons = part_begin(p, part + 1) - first;
    uint32_t *table = p->tables + chunk * (3 * p->n + p->parts) + 3 * first + part;
    return (struct lists){table, table + neurons, table + 2 * neurons + 1};
}

/* ---- Memory ---------------------------------------------------------------------------------- */

struct midl_pairs *midl_pairs_create(const struct midl_shape *shape, size_t max_batch, int threads,
                                     size_t *bytes)
{
    struct midl_pairs *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    size_t chunks = chunks_of(max_batch), entries = max_batch * shape->k;
    p->d = shape->d;
    p->n = shape->n;
    p->k = shape->k;
    p->max_batch = max_batch;
    p->threads = threads;
    p->parts = (size_t)threads;
    size_t places = first_place(p, chunks, 0) + PAD;
    p->member = midl_take(places, sizeof *p->member, bytes);
    p->value = midl_take(places, sizeof *p->value, bytes);
    p->gradient = midl_take(places, sizeof *p->gradient, bytes);
    p->place = midl_take(entries, sizeof *p->place, bytes);
    p->by_input = midl_take(entries, sizeof *p->by_input, bytes);
    p->tables = midl_take(chunks * (3 * p->n + p->parts), sizeof *p->tables, bytes);
    p->next = midl_take(p->parts * max_batch, sizeof *p->next, bytes);
    p->counts = midl_take(p->n, sizeof *p->counts, bytes);
    p->bounds = midl_take((p->n / PANEL + 2) * max_batch, sizeof *p->bounds, bytes);
    p->ops = midl_simd_ops();
    p->panels = midl_take(p->parts * PANEL * MIDL_COMBINE, sizeof *p->panels, bytes);
    *bytes += sizeof *p;
    if (p->member && p->value && p->gradient && p->place && p->by_input && p->tables && p->next &&
        p->counts && p->bounds && p->panels)
        return p;
    midl_pairs_destroy(p);
    return NULL;
}

void midl_pairs_destroy(struct midl_pairs *p)
{
    if (!p)
        return;
    free(p->member);
    free(p->value);
    free(p->gradient);
    free(p->place);
    free(p->by_input);
    free(p->tables);
    free(p->next);
    free(p->counts);
    free(p->bounds);
    free(p->panels);
    free(p);
}

const uint32_t *midl_pairs_places(const struct midl_pairs *p, size_t b)
{
    return p->place + b * p->k;
}

float *midl_pairs_values(const struct midl_pairs *p)
{
    return p->value;
}

float *midl_pairs_gradient(const struct midl_pairs *p)
{
    return p->gradient;
}

float *midl_pairs_by_input(const struct midl_pairs *p)
{
    return p->by_input;
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct call {
    struct midl_pairs *p;
    const float *W, *x;
    float *dW, *db, *dx;
    void (*part)(const struct call *call, size_t part);
};

/* The parts are as many as threads were asked for, also where fewer come. */
static void some_parts(void *data)
{
    const struct call *call = data;
    for (size_t part = parallel_part(); part < call->p->parts; part += parallel_parts())
        call->part(call, part);
}

static void for_parts(struct call *call, void (*part)(const struct call *call, size_t part))
{
    call->part = part;
    parallel_run(call->p->threads, some_parts, call);
}

/* ---- Turning --------------------------------------------------------------------------------- */

/* The entries of input b from its `next` on that lie below neuron `end`: how many. */
static size_t entries_below(const struct midl_selection *s, size_t b, uint32_t from, size_t end)
{
    const uint32_t *index = s->index + b * s->stride;
    size_t count = from;
    while (count < s->count[b] && index[count] < end)
        count++;
    return count - from;
}

/* Sort a part's neurons by the length of their lists (counts, which become places), and say where
 * each list begins. */
static void order_lists(const struct midl_pairs *p, size_t chunk, size_t part, uint32_t *counts)
{
    struct lists lists = lists_of(p, chunk, part);
    size_t first = part_begin(p, part), neurons = part_begin(p, part + 1) - first;
    uint32_t bins[CHUNK + 2] = {0}, place = (uint32_t)first_place(p, chunk, part);
    for (size_t j = 0; j < neurons; j++)
        bins[counts[j] + 1]++;
    for (size_t length = 0; length <= CHUNK; length++)
        bins[length + 1] += bins[length];
    for (size_t j = 0; j < neurons; j++) {
        lists.list[j] = bins[counts[j]]++;
        lists.neuron[lists.list[j]] = (uint32_t)(first + j);
    }
    for (size_t i = 0; i < neurons; i++) {
        uint32_t *count = &counts[lists.neuron[i] - first];
        lists.begin[i] = place;
        place += *count;
        *count = lists.begin[i];
    }
    lists.begin[neurons] = place;
}

static void turn_chunk(const struct midl_pairs *p, size_t chunk, size_t part)
{
    const struct midl_selection *s = &p->selection;
    size_t first = part_begin(p, part), end = part_begin(p, part + 1);
    size_t b0 = chunk * CHUNK, b1 = smaller(b0 + CHUNK, s->batch);
    uint32_t *next = p->next + part * p->max_batch, *counts = p->counts + first;
    memset(counts, 0, (end - first) * sizeof *counts);
    for (size_t b = b0; b < b1; b++) {
        next[b] = midl_selected_before(s, b, first);
        const uint32_t *index = s->index + b * s->stride + next[b];
        size_t count = entries_below(s, b, next[b], end);
        for (size_t i = 0; i < count; i++)
            counts[index[i] - first]++;
    }
    order_lists(p, chunk, part, counts);
    for (size_t b = b0; b < b1; b++) {
        const uint32_t *index = s->index + b * s->stride;
        for (size_t i = next[b]; i < s->count[b] && index[i] < end; i++) {
            uint32_t place = counts[index[i] - first]++;
            p->member[place] = (uint32_t)(b - b0);
            p->place[b * p->k + i] = place;
        }
    }
}

/* Where an input's entries of each panel of neurons begin. */
static void find_bounds(const struct midl_pairs *p, size_t b)
{
    const struct midl_selection *s = &p->selection;
    uint32_t *bound = p->bounds + b, next = 0;
    for (size_t neuron = 0; neuron < p->n; neuron += PANEL, bound += p->max_batch) {
        *bound = next;
        next += (uint32_t)entries_below(s, b, next, neuron + PANEL);
    }
    *bound = next;
}

static void turn_part(const struct call *call, size_t part)
{
    size_t batch = call->p->selection.batch;
    size_t end = parallel_share(batch, 1, part + 1, call->p->parts);
    for (size_t b = parallel_share(batch, 1, part, call->p->parts); b < end; b++)
        find_bounds(call->p, b);
    for (size_t chunk = 0; chunk < chunks_of(call->p->selection.batch); chunk++)
        turn_chunk(call->p, chunk, part);
}

void midl_pairs_turn(struct midl_pairs *p, const struct midl_selection *selection)
{
    struct call call = {.p = p};
    p->selection = *selection;
    for_parts(&call, turn_part);
}

/* ---- The full path --------------------------------------------------------------------------- */

/* Copy `length` floats of each of `rows` rows, with zeros up to a multiple of 16. */
static void copy_rows(size_t rows, size_t length, const float *from, size_t ld, size_t stride,
                      float *to)
{
    size_t whole = (length + 15) / 16 * 16;
    for (size_t i = 0; i < rows; i++, from += ld, to += stride) {
        memcpy(to, from, length * sizeof *to);
        memset(to + length, 0, (whole - length) * sizeof *to);
    }
}

static void full_chunk(const struct call *call, size_t chunk, size_t part, size_t column)
{
    const struct midl_pairs *p = call->p;
    struct lists lists = lists_of(p, chunk, part);
    size_t neurons = part_begin(p, part + 1) - part_begin(p, part), b = chunk * CHUNK;
    size_t length = smaller(SLICE, p->d - column);
    float *x = p->panels + part * PANEL * MIDL_COMBINE;
    copy_rows(smaller(CHUNK, p->selection.batch - b), length, call->x + b * p->d + column, p->d,
              SLICE, x);
    struct midl_dots dots = {.neurons = neurons,
                             .neuron = lists.neuron,
                             .begin = lists.begin,
                             .member = p->member,
                             .w = call->W + column,
                             .ldw = p->d,
                             .length = length,
                             .x = x,
                             .stride = SLICE,
                             .sums = p->value};
    p->ops->dots(&dots);
}

static void full_part(const struct call *call, size_t part)
{
    const struct midl_pairs *p = call->p;
    size_t chunks = chunks_of(p->selection.batch);
    size_t neurons = part_begin(p, part + 1) - part_begin(p, part);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        struct lists lists = lists_of(p, chunk, part);
        memset(p->value + lists.begin[0], 0,
               (lists.begin[neurons] - lists.begin[0] + PAD) * sizeof *p->value);
    }
    for (size_t column = 0; column < p->d; column += SLICE)
        for (size_t chunk = 0; chunk < chunks; chunk++)
            full_chunk(call, chunk, part, column);
}

void midl_pairs_full(struct midl_pairs *p, const float *W, const float *x)
{
    struct call call = {.p = p, .W = W, .x = x};
    for_parts(&call, full_part);
}

/* ---- Gradients ------------------------------------------------------------------------------- */

/* The list of neuron first + j of a part, over the chunks of a panel of inputs. */
static size_t runs_of(const struct midl_pairs *p, size_t panel, size_t part, size_t j,
                      struct midl_run runs[PANEL_CHUNKS])
{
    size_t chunks = chunks_of(p->selection.batch), count = 0;
    const float *memory = p->panels + part * PANEL * MIDL_COMBINE;
    for (size_t c = 0; c < PANEL_CHUNKS && panel * PANEL_CHUNKS + c < chunks; c++) {
        struct lists lists = lists_of(p, panel * PANEL_CHUNKS + c, part);
        uint32_t begin = lists.begin[lists.list[j]], end = lists.begin[lists.list[j] + 1];
        if (end > begin)
            runs[count++] = (struct midl_run){.count = end - begin,
                                              .row = p->member + begin,
                                              .factor = p->gradient + begin,
                                              .panel = memory + c * CHUNK * MIDL_COMBINE};
    }
    return count;
}

/* Some columns of dW of a part's neurons, from a panel of inputs. */
static void weight_panel(const struct call *call, size_t part, size_t panel, size_t column)
{
    const struct midl_pairs *p = call->p;
    size_t first = part_begin(p, part), end = part_begin(p, part + 1), b = panel * PANEL;
    size_t length = smaller(MIDL_COMBINE, p->d - column);
    struct midl_run runs[PANEL_CHUNKS];
    copy_rows(smaller(PANEL, p->selection.batch - b), length, call->x + b * p->d + column, p->d,
              MIDL_COMBINE, p->panels + part * PANEL * MIDL_COMBINE);
    for (size_t j = first; j < end; j++) {
        size_t count = runs_of(p, panel, part, j - first, runs);
        if (count > 0 || panel == 0)
            p->ops->combine(count, runs, length, panel > 0, call->dW + j * p->d + column);
    }
}

static void bias_part(const struct call *call, size_t part)
{
    const struct midl_pairs *p = call->p;
    size_t first = part_begin(p, part), end = part_begin(p, part + 1);
    for (size_t j = first; j < end; j++) {
        float sum = 0;
        for (size_t chunk = 0; chunk < chunks_of(p->selection.batch); chunk++) {
            struct lists lists = lists_of(p, chunk, part);
            size_t list = lists.list[j - first];
            for (size_t i = lists.begin[list]; i < lists.begin[list + 1]; i++)
                sum += p->gradient[i];
        }
        call->db[j] = sum;
    }
}

static void weight_part(const struct call *call, size_t part)
{
    const struct midl_pairs *p = call->p;
    if (call->db)
        bias_part(call, part);
    for (size_t column = 0; call->dW && column < p->d; column += MIDL_COMBINE)
        for (size_t panel = 0; panel * PANEL < p->selection.batch; panel++)
            weight_panel(call, part, panel, column);
}

void midl_pairs_weight_gradient(struct midl_pairs *p, const float *x, float *dW, float *db)
{
    struct call call = {.p = p, .x = x, .dW = dW, .db = db};
    for_parts(&call, weight_part);
}

/* Some columns of dx from a panel of neurons. */
static void input_panel(const struct call *call, size_t part, size_t neuron, size_t column,
                        size_t length)
{
    const struct midl_pairs *p = call->p;
    const struct midl_selection *s = &p->selection;
    const uint32_t *bound = p->bounds + neuron / PANEL * p->max_batch;
    float *panel = p->panels + part * PANEL * MIDL_COMBINE;
    copy_rows(smaller(PANEL, p->n - neuron), length, call->W + neuron * p->d + column, p->d,
              MIDL_COMBINE, panel);
    for (size_t b = 0; b < s->batch; b++) {
        struct midl_run run = {.count = bound[b + p->max_batch] - bound[b],
                               .row = s->index + b * s->stride + bound[b],
                               .factor = p->by_input + b * p->k + bound[b],
                               .first = (uint32_t)neuron,
                               .panel = panel};
        if (run.count > 0 || neuron == 0)
            p->ops->combine(1, &run, length, neuron > 0, call->dx + b * p->d + column);
    }
}

static void input_part(const struct call *call, size_t part)
{
    const struct midl_pairs *p = call->p;
    size_t column = parallel_share(p->d, COLUMNS, part, p->parts);
    size_t end = parallel_share(p->d, COLUMNS, part + 1, p->parts);
    for (; column < end; column += MIDL_COMBINE)
        for (size_t neuron = 0; neuron < p->n; neuron += PANEL)
            input_panel(call, part, neuron, column, smaller(MIDL_COMBINE, end - column));
}

void midl_pairs_input_gradient(struct midl_pairs *p, const float *W, float *dx)
{
    struct call call = {.p = p, .W = W, .dx = dx};
    for_parts(&call, input_part);
}

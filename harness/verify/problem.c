/* problem.c - the numbers of a case, in one arena.
 *
 * One mapping holds the inputs and all arrays of the layer, each on a cache line of its own and,
 * where the system offers them, on huge pages: the time of a kernel is then not that of the TLB,
 * and a check can hash one span to see that nothing was written. */
#include "verify/problem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/inputs.h"
#include "base/rng.h"
#include "data/layer_file.h"
#include "machine/room.h"
#include "verify/masks.h"

#define LINE_FLOATS 16    /* 64 bytes */
#define LOGIT_STEP 128.0f /* sigmoid of it is 1 in float */
#define POPULAR_BIAS 3.0f
#define BIAS_DEVIATION 0.25f

enum role {
    FULL_WEIGHT,
    FULL_BIAS,
    LIGHT_DOWN,
    LIGHT_UP,
    LIGHT_BIAS,
    GATE_WEIGHT,
    GATE_DOWN,
    GATE_UP,
    GATE_BIAS,
    INPUTS, /* last: a part of the inputs is a part of the arena */
    ROLES
};

/* The arrays of a problem; rows = 0: not part of this layer. */
struct arrays {
    size_t rows[ROLES], columns[ROLES];
    float *data[ROLES];
};

static struct arrays sizes_of(const struct midl_shape *s, size_t batch)
{
    struct arrays a = {0};
    size_t n = s->n, d = s->d, r = s->r, rg = s->gate == MIDL_GATE_SHARED ? r : s->rg;
    bool full = s->gate == MIDL_GATE_FULL, lowrank = s->gate == MIDL_GATE_LOWRANK;
    a.rows[FULL_WEIGHT] = a.rows[FULL_BIAS] = a.rows[LIGHT_UP] = a.rows[LIGHT_BIAS] = n;
    a.rows[LIGHT_DOWN] = r;
    a.rows[GATE_WEIGHT] = full ? n : 0;
    a.rows[GATE_DOWN] = lowrank ? rg : 0;
    a.rows[GATE_UP] = full ? 0 : n;
    a.rows[GATE_BIAS] = n;
    a.rows[INPUTS] = batch;
    a.columns[FULL_WEIGHT] = a.columns[LIGHT_DOWN] = a.columns[GATE_WEIGHT] = d;
    a.columns[GATE_DOWN] = a.columns[INPUTS] = d;
    a.columns[LIGHT_UP] = r;
    a.columns[GATE_UP] = rg;
    a.columns[FULL_BIAS] = a.columns[LIGHT_BIAS] = a.columns[GATE_BIAS] = 1;
    return a;
}

static size_t length_of(const struct arrays *a, enum role role)
{
    return a->rows[role] * a->columns[role];
}

static size_t room_of(const struct arrays *a, enum role role)
{
    return (length_of(a, role) + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

static void bind_arrays(const struct arrays *a, const struct midl_shape *shape, struct problem *ret)
{
    ret->x = a->data[INPUTS];
    ret->layer = (struct midl_layer){
        .shape = *shape,
        .full_weight = a->data[FULL_WEIGHT],
        .full_bias = a->data[FULL_BIAS],
        .light_down = a->data[LIGHT_DOWN],
        .light_up = a->data[LIGHT_UP],
        .light_bias = a->data[LIGHT_BIAS],
        .gate_weight = a->data[GATE_WEIGHT],
        .gate_down = a->data[GATE_DOWN],
        .gate_up = a->data[GATE_UP],
        .gate_bias = a->data[GATE_BIAS],
    };
}

/* NULL if there is no memory. */
static void *map_arena(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a wish: without it only the TLB suffers */
#endif
    return memory;
}

/* Map the arena and hand out its arrays, all zero. */
static enum outcome allocate(const struct midl_shape *shape, size_t batch,
                             struct arrays *ret_arrays, struct problem *ret, struct error *error)
{
    struct arrays a = sizes_of(shape, batch);
    double wanted = 0.0;
    for (int role = 0; role < ROLES; role++)
        wanted += 4.0 * ((double)a.rows[role] * (double)a.columns[role] + LINE_FLOATS);
    if (wanted > (double)(SIZE_MAX / 4))
        return room_fail(error, "weights and inputs", wanted);

    size_t floats = 0;
    for (int role = 0; role < ROLES; role++)
        floats += room_of(&a, role);
    size_t bytes = floats * sizeof(float);
    float *memory = room_for((double)bytes) ? map_arena(bytes) : NULL;
    if (!memory)
        return room_fail(error, "weights and inputs", wanted);
    *ret = (struct problem){.batch = batch,
                            .arena = memory,
                            .arena_bytes = bytes,
                            .mapping = memory,
                            .mapping_bytes = bytes};
    for (int role = 0; role < ROLES; role++) {
        a.data[role] = a.rows[role] ? memory : NULL;
        memory += room_of(&a, role);
    }
    bind_arrays(&a, shape, ret);
    *ret_arrays = a;
    return OUTCOME_DONE;
}

struct problem problem_part(const struct problem *problem, size_t batch)
{
    struct problem part = *problem;
    size_t floats = batch * problem->layer.shape.d;
    size_t room = (floats + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
    part.batch = batch;
    part.mapping = NULL; /* the problem's to give back */
    part.arena_bytes = (size_t)((const char *)(problem->x + room) - (const char *)problem->arena);
    return part;
}

/* Four chains, so that hashing runs at the speed of memory. */
uint64_t problem_hash(const struct problem *problem)
{
    uint64_t chain[4] = {1, 2, 3, 4}, word[4];
    for (size_t at = 0; at + sizeof word <= problem->arena_bytes; at += sizeof word) {
        memcpy(word, (const char *)problem->arena + at, sizeof word);
        for (int i = 0; i < 4; i++)
            chain[i] = (chain[i] ^ word[i]) * 0x9e3779b97f4a7c15u;
    }
    return chain[0] ^ chain[1] >> 7 ^ chain[2] >> 13 ^ chain[3] >> 19;
}

/* An array of one arena at the same place of another. */
static void move_pointer(const float **array, const void *from, const void *to)
{
    if (*array)
        *array = (const float *)((const char *)to + ((const char *)*array - (const char *)from));
}

bool problem_copy(const struct problem *problem, size_t offset_bytes, struct problem *ret)
{
    struct problem copy = *problem;
    struct midl_layer *layer = &copy.layer;
    const float **arrays[] = {&layer->full_weight, &layer->full_bias,  &layer->light_down,
                              &layer->light_up,    &layer->light_bias, &layer->gate_weight,
                              &layer->gate_down,   &layer->gate_up,    &layer->gate_bias};
    char *memory = room_for((double)(problem->arena_bytes + offset_bytes))
                       ? map_arena(problem->arena_bytes + offset_bytes)
                       : NULL;
    if (!memory)
        return false;
#ifdef MADV_POPULATE_WRITE
    (void)madvise(memory, problem->arena_bytes + offset_bytes, MADV_POPULATE_WRITE); /* faster */
#endif
    copy.mapping = memory;
    copy.mapping_bytes = problem->arena_bytes + offset_bytes;
    copy.arena = memory + offset_bytes;
    memcpy(copy.arena, problem->arena, problem->arena_bytes);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++)
        move_pointer(arrays[i], problem->arena, copy.arena);
    copy.x = (float *)copy.arena + (problem->x - (const float *)problem->arena);
    *ret = copy;
    return true;
}

void problem_clear(struct problem *problem)
{
    if (problem->mapping)
        munmap(problem->mapping, problem->mapping_bytes);
    *problem = (struct problem){0};
}

/* ---- Random numbers ------------------------------------------------------------------------- */

static struct rng stream(uint64_t seed, enum role role)
{
    struct rng root = rng_seed(seed);
    return rng_seed(rng_next(&root) + role);
}

/* A whole number in [-size, size]. */
static float whole(struct rng *rng, uint32_t size)
{
    return (float)rng_below(rng, 2 * size + 1) - (float)size;
}

static void fill_bell(const struct arrays *a, enum role role, uint64_t seed, float deviation)
{
    struct rng rng = stream(seed, role);
    for (size_t i = 0; i < length_of(a, role); i++)
        a->data[role][i] = deviation * rng_bell(&rng);
}

static void fill_normal(const struct arrays *a, enum role role, uint64_t seed)
{
    switch (role) {
    case FULL_BIAS:
    case LIGHT_BIAS:
    case GATE_BIAS:
        fill_bell(a, role, seed, BIAS_DEVIATION);
        break;
    case INPUTS:
        fill_bell(a, role, seed, 1.0f);
        break;
    case FULL_WEIGHT:
    case LIGHT_DOWN:
    case LIGHT_UP:
    case GATE_WEIGHT:
    case GATE_DOWN:
    case GATE_UP:
        fill_bell(a, role, seed, a->rows[role] ? 1.0f / sqrtf((float)a->columns[role]) : 0.0f);
        break;
    case ROLES:
        break;
    }
}

/* Add POPULAR_BIAS to exactly a third of the entries: each is taken with the chance that those
 * still wanted have among those still left. */
static void make_third_popular(const struct arrays *a, enum role role, uint64_t seed)
{
    struct rng rng = stream(seed, ROLES); /* no array's own numbers */
    size_t left = length_of(a, role), wanted = left / 3;
    for (size_t i = 0; wanted; i++, left--) {
        if (rng_below(&rng, (uint32_t)left) < wanted) {
            a->data[role][i] += POPULAR_BIAS;
            wanted--;
        }
    }
}

/* ---- Popularity by a share ------------------------------------------------------------------- */

/* The deviation of a neuron's logit: its row's length, as inputs, and projections of inputs, have
 * deviation 1. */
static double row_length(const struct arrays *a, enum role role, size_t row)
{
    double sum = 0;
    for (size_t i = 0; i < a->columns[role]; i++) {
        double weight = (double)a->data[role][row * a->columns[role] + i];
        sum += weight * weight;
    }
    return fmax(sqrt(sum), 1e-9);
}

/* Scale the gate bias, as fill_normal made it, so that the most popular third takes this share. */
static enum outcome skew_to_share(const struct arrays *a, size_t k, double share,
                                  struct error *error)
{
    enum role last = a->rows[GATE_WEIGHT] ? GATE_WEIGHT : GATE_UP;
    size_t n = a->rows[GATE_BIAS];
    float *bias = a->data[GATE_BIAS];
    struct neuron *neurons = malloc(n * sizeof *neurons);
    if (!neurons)
        return fail_memory(error, "the popularity of neurons", (double)(n * sizeof *neurons));
    for (size_t j = 0; j < n; j++)
        neurons[j] = (struct neuron){.unit_mean = (double)(bias[j] / BIAS_DEVIATION),
                                     .deviation = row_length(a, last, j)};
    float factor = (float)masks_scale_for_share(neurons, n, k, share) / BIAS_DEVIATION;
    for (size_t j = 0; j < n; j++)
        bias[j] *= factor;
    free(neurons);
    return OUTCOME_DONE;
}

static void fill_whole(const struct arrays *a, enum role role, uint64_t seed, uint32_t size,
                       float step, float rest)
{
    struct rng rng = stream(seed, role);
    for (size_t i = 0; i < length_of(a, role); i++)
        a->data[role][i] = step * whole(&rng, size) + rest;
}

/* At most `entries` numbers other than 0 in a row. */
static void fill_sparse(const struct arrays *a, enum role role, uint64_t seed, size_t entries,
                        uint32_t size, float step)
{
    struct rng rng = stream(seed, role);
    for (size_t row = 0; row < a->rows[role]; row++) {
        for (size_t i = 0; i < entries; i++) {
            size_t column = rng_below(&rng, (uint32_t)a->columns[role]);
            a->data[role][row * a->columns[role] + column] = step * whole(&rng, size);
        }
    }
}

/* Every fourth neuron: a logit of exactly 0. */
static void clear_fourth_rows(const struct arrays *a, enum role role)
{
    for (size_t row = 3; row < a->rows[role]; row += 4)
        memset(a->data[role] + row * a->columns[role], 0, a->columns[role] * sizeof(float));
}

static void fill_integer(const struct arrays *a, enum role role, uint64_t seed, bool ties)
{
    switch (role) {
    case FULL_WEIGHT:
    case LIGHT_UP:
    case INPUTS:
        fill_whole(a, role, seed, 4, 1.0f, 0.0f);
        break;
    case FULL_BIAS:
        fill_whole(a, role, seed, 4, 1.0f, 0.25f);
        break;
    case LIGHT_BIAS:
        fill_whole(a, role, seed, 4, 1.0f, 0.5f);
        break;
    case LIGHT_DOWN: /* sparse: |V x| <= 32 keeps U (V x) exact */
    case GATE_DOWN:
        fill_sparse(a, role, seed, ties ? 1 : 8, 1, 1.0f);
        break;
    case GATE_WEIGHT:
        fill_sparse(a, role, seed, ties ? 1 : 4, ties ? 1 : 64, LOGIT_STEP);
        clear_fourth_rows(a, role);
        break;
    case GATE_UP:
        if (ties)
            fill_sparse(a, role, seed, 1, 1, LOGIT_STEP);
        else
            fill_whole(a, role, seed, 4, LOGIT_STEP, 0.0f);
        clear_fourth_rows(a, role);
        break;
    case GATE_BIAS:
        fill_whole(a, role, seed, ties ? 0 : (uint32_t)a->rows[role], LOGIT_STEP, 0.0f);
        clear_fourth_rows(a, role);
        break;
    case ROLES:
        break;
    }
}

static void fill_array(const struct arrays *a, enum role role, uint64_t seed, enum fill fill)
{
    switch (fill) {
    case FILL_NORMAL:
        fill_normal(a, role, seed);
        break;
    case FILL_INTEGER:
    case FILL_TIES:
        fill_integer(a, role, seed, fill == FILL_TIES);
        break;
    case FILL_SKEWED:
        fill_normal(a, role, seed);
        if (role == GATE_BIAS)
            make_third_popular(a, role, seed);
        break;
    }
}

enum outcome problem_random(const struct midl_shape *shape, size_t batch, uint64_t seed,
                            enum fill fill, struct problem *ret, struct error *error)
{
    struct arrays a;
    enum outcome outcome = allocate(shape, batch, &a, ret, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (int role = 0; role < ROLES; role++)
        fill_array(&a, (enum role)role, seed, fill);
    return OUTCOME_DONE;
}

/* ---- The reference -------------------------------------------------------------------------- */

enum outcome problem_oracle(const struct problem *problem, enum midl_dtype dtype,
                            struct midl_oracle **ret, struct error *error)
{
    struct midl_layer layer = problem->layer;
    size_t n = layer.shape.n, d = layer.shape.d;
    double bytes = 72.0 * (double)problem->batch * (double)n;
    char reason[MIDL_REASON_SIZE];
    float *rounded = NULL;
    enum outcome outcome = OUTCOME_DONE;
    if (dtype != MIDL_F32) {
        rounded = malloc(n * d * sizeof *rounded);
        if (!rounded)
            return fail_memory(error, "the rounded weights", 4.0 * (double)n * (double)d);
        if (midl_round_weights(dtype, n, d, layer.full_weight, rounded, reason) != MIDL_OK)
            outcome = fail(error, OUTCOME_USAGE, "%s", reason);
        layer.full_weight = rounded;
    }
    enum midl_status status = outcome == OUTCOME_DONE
                                  ? midl_oracle_create(&layer, problem->batch, problem->x, ret)
                                  : MIDL_OK;
    if (status == MIDL_NO_MEMORY)
        outcome = fail_memory(error, "the reference of a layer", bytes);
    else if (status != MIDL_OK)
        outcome = fail(error, OUTCOME_USAGE, "no reference of this layer: %s",
                       midl_shape_check(&layer.shape, reason) == MIDL_OK ? midl_status_text(status)
                                                                         : reason);
    free(rounded);
    return outcome;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static enum outcome agree(const char *path, const char *what, size_t file, size_t wanted,
                          struct error *error)
{
    if (file == wanted)
        return OUTCOME_DONE;
    return fail(error, OUTCOME_USAGE, "%s: %s = %zu in the file, but the case has %s = %zu", path,
                what, file, what, wanted);
}

static enum outcome shapes_agree(const char *path, const struct midl_shape *file,
                                 const struct midl_shape *wanted, struct error *error)
{
    if (file->gate != wanted->gate)
        return fail(error, OUTCOME_USAGE, "%s: gate = %s in the file, but the case has gate = %s",
                    path, midl_gate_name(file->gate), midl_gate_name(wanted->gate));
    enum outcome outcome = agree(path, "d", file->d, wanted->d, error);
    if (outcome == OUTCOME_DONE)
        outcome = agree(path, "n", file->n, wanted->n, error);
    if (outcome == OUTCOME_DONE)
        outcome = agree(path, "rank", file->r, wanted->r, error);
    if (outcome == OUTCOME_DONE && wanted->gate == MIDL_GATE_LOWRANK)
        outcome = agree(path, "gate rank", file->rg, wanted->rg, error);
    return outcome;
}

static void copy_layer(const struct midl_layer *layer, const struct arrays *a)
{
    const float *source[INPUTS] = {layer->full_weight, layer->full_bias,  layer->light_down,
                                   layer->light_up,    layer->light_bias, layer->gate_weight,
                                   layer->gate_down,   layer->gate_up,    layer->gate_bias};
    for (int role = 0; role < INPUTS; role++) {
        if (a->data[role])
            memcpy(a->data[role], source[role], length_of(a, (enum role)role) * sizeof(float));
    }
}

static enum outcome load_layer(const struct bench_shape *shape, const struct arrays *a,
                               struct error *error)
{
    struct midl_layer layer;
    void *owned = NULL;
    enum outcome outcome = layer_read(shape->layer_path, &layer, &owned, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = shapes_agree(shape->layer_path, &layer.shape, &shape->layer, error);
    if (outcome == OUTCOME_DONE)
        copy_layer(&layer, a);
    free(owned);
    return outcome;
}

static enum outcome load_inputs(const struct bench_shape *shape, const struct arrays *a,
                                struct error *error)
{
    struct inputs inputs = {0};
    enum outcome outcome = inputs_read(shape->input_path, shape->batch, &inputs, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = agree(shape->input_path, "d", inputs.d, shape->layer.d, error);
    if (outcome == OUTCOME_DONE && inputs.count == 0)
        outcome = fail(error, OUTCOME_USAGE, "%s: holds no inputs", shape->input_path);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < shape->batch; i++) {
        const float *row = inputs.data + i % inputs.count * inputs.d;
        memcpy(a->data[INPUTS] + i * inputs.d, row, inputs.d * sizeof(float));
    }
    free(inputs.data);
    return outcome;
}

enum outcome problem_load(const struct bench_shape *shape, struct problem *ret, struct error *error)
{
    struct problem problem;
    struct arrays a;
    enum fill fill = shape->made.skewed && !(shape->made.share > 0) ? FILL_SKEWED : FILL_NORMAL;
    enum outcome outcome = allocate(&shape->layer, shape->batch, &a, &problem, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (shape->layer_path)
        outcome = load_layer(shape, &a, error);
    for (int role = 0; role < INPUTS && !shape->layer_path; role++)
        fill_array(&a, (enum role)role, shape->seed, fill);
    if (outcome == OUTCOME_DONE && !shape->layer_path && shape->made.share > 0)
        outcome = skew_to_share(&a, shape->layer.k, (double)shape->made.share, error);
    if (outcome == OUTCOME_DONE && shape->input_path)
        outcome = load_inputs(shape, &a, error);
    if (!shape->input_path)
        fill_array(&a, INPUTS, shape->seed, FILL_NORMAL);
    if (outcome == OUTCOME_DONE)
        *ret = problem;
    else
        problem_clear(&problem);
    return outcome;
}

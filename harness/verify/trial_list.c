/* trial_list.c - the trials that a variant must pass. */
#include "verify/trial_list.h"

#include <assert.h>
#include <stdint.h>

#include "base/util.h"
#include "verify/pairwise.h"

static const size_t sizes[TRIAL_SIZES] = {1, 7, 16, 63, 64, 65, 784, 1000, 4096};
static const size_t batches[] = {1, 2, 3, 8, 17, 64};

/* A rule of selection with its parameter. */
static const struct rule {
    enum midl_select select;
    size_t block;
    float threshold;
} rules[] = {
    {MIDL_SELECT_TOPK, 0, 0},         {MIDL_SELECT_BLOCK, 8, 0},         {MIDL_SELECT_BLOCK, 16, 0},
    {MIDL_SELECT_THRESHOLD, 0, 0.5f}, {MIDL_SELECT_THRESHOLD, 0, 0.75f},
};

enum {
    AXIS_D,
    AXIS_N,
    AXIS_BATCH,
    AXIS_K,
    AXIS_RULE,
    AXIS_GATE,
    AXIS_RANK,
    AXIS_UNSELECTED,
    AXIS_FILL,
    AXES
};

#define RANTRIAL_K_LEVELS 4

static const struct cover axes = {.axes = AXES,
                                  .levels = {[AXIS_D] = TRIAL_SIZES,
                                             [AXIS_N] = TRIAL_SIZES,
                                             [AXIS_BATCH] = COUNT(batches),
                                             [AXIS_K] = TRIAL_K_LEVELS,
                                             [AXIS_RULE] = COUNT(rules),
                                             [AXIS_GATE] = 3,
                                             [AXIS_RANK] = RANTRIAL_K_LEVELS,
                                             [AXIS_UNSELECTED] = 2,
                                             [AXIS_FILL] = 3}};

/* Blocks must divide n. */
static bool excluded(size_t axis_a, uint8_t a, size_t axis_b, uint8_t b)
{
    return axis_a == AXIS_N && axis_b == AXIS_RULE && rules[b].block &&
           sizes[a] % rules[b].block != 0;
}

/* 0, 1, n/2, n; in whole blocks where the rule has blocks. */
static size_t k_of(uint8_t level, size_t n, size_t block)
{
    size_t unit = block ? block : 1;
    const size_t k[TRIAL_K_LEVELS] = {0, unit, n / 2 / unit * unit, n};
    return k[level];
}

/* Ranks of light path and gate: 1, n/32, and next to these. */
static void set_ranks(uint8_t level, struct midl_shape *shape)
{
    const size_t usual = midl_default_rank(shape->n);
    const size_t ranks[RANTRIAL_K_LEVELS][2] = {
        {1, 1}, {usual, usual}, {usual + 1, 2}, {3, usual + 1}};
    shape->r = ranks[level][0];
    shape->rg = shape->gate == MIDL_GATE_LOWRANK ? ranks[level][1] : 0;
}

static struct trial trial_of(const struct cover_row *row, uint64_t seed)
{
    const uint8_t *level = row->level;
    const struct rule *rule = &rules[level[AXIS_RULE]];
    struct trial trial = {
        .batch = batches[level[AXIS_BATCH]], .fill = (enum fill)level[AXIS_FILL], .seed = seed};
    trial.shape = (struct midl_shape){.d = sizes[level[AXIS_D]],
                                      .n = sizes[level[AXIS_N]],
                                      .gate = (enum midl_gate)level[AXIS_GATE],
                                      .select = rule->select,
                                      .block = rule->block,
                                      .threshold = rule->threshold,
                                      .unselected = (enum midl_unselected)level[AXIS_UNSELECTED]};
    trial.shape.k = k_of(level[AXIS_K], trial.shape.n, rule->block);
    set_ranks(level[AXIS_RANK], &trial.shape);
    return trial;
}

/* Every (d, n, k), at batches up to 3; neighbours in the list share their numbers. */
static size_t add_triples(struct trial *trials, size_t count)
{
    for (size_t pair = 0; pair < TRIAL_SIZES * TRIAL_SIZES; pair++) {
        for (size_t k = 0; k < TRIAL_K_LEVELS; k++) {
            struct cover_row row = {{0}};
            row.level[AXIS_D] = (uint8_t)(pair / TRIAL_SIZES);
            row.level[AXIS_N] = (uint8_t)(pair % TRIAL_SIZES);
            row.level[AXIS_K] = (uint8_t)k;
            row.level[AXIS_BATCH] = (uint8_t)(pair % 3);
            row.level[AXIS_GATE] = (uint8_t)(pair / 3 % 3);
            row.level[AXIS_FILL] = (uint8_t)(pair / 2 % 3);
            row.level[AXIS_RANK] = (uint8_t)(pair % RANTRIAL_K_LEVELS);
            row.level[AXIS_UNSELECTED] = (uint8_t)((pair + k) % 2);
            row.level[AXIS_RULE] = (uint8_t)((pair + k) % COUNT(rules));
            if (excluded(AXIS_N, row.level[AXIS_N], AXIS_RULE, row.level[AXIS_RULE]))
                row.level[AXIS_RULE] = 0;
            trials[count++] = trial_of(&row, 1000 + pair);
        }
    }
    return count;
}

size_t trial_list(struct trial trials[TRIAL_LIST_MOST])
{
    struct cover_row rows[TRIAL_COVER_MOST];
    struct cover cover = axes;
    cover.excluded = excluded;
    size_t count = cover_pairs(&cover, rows, TRIAL_COVER_MOST);
    assert(count < TRIAL_COVER_MOST);
    for (size_t i = 0; i < count; i++)
        trials[i] = trial_of(&rows[i], 1 + i);
    return add_triples(trials, count);
}

bool trial_is_quick(const struct trial *trial)
{
    const struct midl_shape *s = &trial->shape;
    return trial->batch * (s->n + s->r + s->rg) * (s->d + s->r + s->rg) <= (size_t)1 << 17;
}

/* expand.c - a suite's axes multiplied out to cases, grouped by shape.
 *
 * Each section's axes turn like the wheels of an odometer; every position is one shape, checked on
 * the spot, and gets the kernels that its section names. Shapes are told apart by the label under
 * which they will be stored: sections that meet at one shape add their kernels to one group. */
#define _GNU_SOURCE /* tdestroy */
#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/file.h"
#include "base/quote.h"
#include "base/util.h"
#include "data/layer_file.h"
#include "machine/machine.h"
#include "suite/kernels.h"
#include "suite/suite_internal.h"

/* A file that an axis names; all NULL for layers and inputs that are made. */
struct file {
    const char *path, *name;
    struct made_layer made;  /* of a layer without a file */
    struct midl_shape shape; /* of a layer file */
};

/* A group in the making: its cases are a list through `entries`. */
struct shape_entry {
    struct bench_shape shape;
    uint64_t hash;
    size_t first, last, count;
};

struct case_entry {
    const struct midl_variant *variant;
    size_t next;
};

#define NOWHERE SIZE_MAX

struct expansion {
    struct bench_cases cases;    /* until the end only its paths */
    struct shape_entry **shapes; /* in file order */
    size_t shape_count, shape_room;
    void *tree; /* of the same, by tsearch() */
    struct case_entry *entries;
    size_t entry_count, entry_room;
    struct kernel_list kernels; /* of the current shape */
};

/* One position of a section's wheels. */
struct place {
    const struct suite *suite;
    const struct suite_section *section;
    struct file *layers, *inputs; /* by position on their wheels; NULL: not given */
    size_t at[SUITE_AXES];
};

/* ---- Files ----------------------------------------------------------------------------------- */

enum outcome suite_set_data_folder(const char *folder, struct error *error)
{
    if (!*folder || setenv("MIDL_DATA", folder, 1) != 0)
        return fail(error, OUTCOME_USAGE, "--data: '%.80s' is not a folder", folder);
    return OUTCOME_DONE;
}

/* Keep a copy of a text for as long as the cases live; NULL for lack of memory. */
static const char *keep(struct bench_cases *cases, const char *text)
{
    char **grown = realloc(cases->paths, (cases->path_count + 1) * sizeof *grown);
    char *copy = strdup(text);
    if (grown)
        cases->paths = grown;
    if (!grown || !copy) {
        free(copy);
        return NULL;
    }
    return grown[cases->path_count++] = copy;
}

/* The path that a word stands for: itself, or inside the data folder. */
static enum outcome resolve(const char *word, char *ret, size_t size, struct error *error)
{
    static const char prefix[] = "data:";
    if (strncmp(word, prefix, strlen(prefix)) != 0) {
        snprintf(ret, size, "%s", word);
        return OUTCOME_DONE;
    }
    const char *folder = getenv("MIDL_DATA"), *rest = word + strlen(prefix);
    if (!folder || !*folder)
        return fail(error, OUTCOME_USAGE,
                    "%.80s: set MIDL_DATA or --data to the folder that holds %.*s", word,
                    (int)strcspn(rest, "/") + (strchr(rest, '/') != NULL), rest);
    int length = snprintf(ret, size, "%s/%s", folder, rest);
    if (length >= (int)size)
        return fail(error, OUTCOME_USAGE, "%.80s: the path is too long", word);
    return OUTCOME_DONE;
}

static bool has_control_character(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            return true;
    return false;
}

static enum outcome open_file(struct expansion *expansion, const char *word, struct file *ret,
                              struct error *error)
{
    char path[4096], quoted[CASE_PATH_MAX];
    if (strcmp(word, "random") == 0)
        return OUTCOME_DONE;
    if (!quote_word(word, quoted, sizeof quoted))
        return fail(error, OUTCOME_USAGE,
                    "%.80s...: a path of more than %d characters: use a shorter one, or a link",
                    word, CASE_PATH_MAX - 3);
    if (has_control_character(word))
        return fail(error, OUTCOME_USAGE, "%.80s: a path with a control character", word);
    enum outcome outcome = resolve(word, path, sizeof path, error);
    if (outcome)
        return outcome;
    int fd;
    uint64_t bytes;
    outcome = file_open(path, &fd, &bytes, error);
    if (outcome)
        return outcome;
    close(fd);
    ret->path = keep(&expansion->cases, path);
    ret->name = keep(&expansion->cases, word);
    if (!ret->path || !ret->name)
        return fail_memory(error, "a path", (double)strlen(path));
    return OUTCOME_DONE;
}

static enum outcome open_layer(struct expansion *expansion, const char *word, struct file *ret,
                               struct error *error)
{
    struct midl_layer layer;
    void *owned;
    if (made_layer_parse(word, &ret->made))
        return OUTCOME_DONE;
    enum outcome outcome = open_file(expansion, word, ret, error);
    if (outcome)
        return outcome;
    outcome = layer_read(ret->path, &layer, &owned, error);
    if (outcome)
        return outcome;
    ret->shape = layer.shape;
    free(owned);
    return OUTCOME_DONE;
}

typedef enum outcome file_opener(struct expansion *, const char *, struct file *, struct error *);

static enum outcome open_files(struct expansion *expansion, const struct axis_list *list,
                               file_opener *open, struct file **ret, struct error *error)
{
    if (list->count == 0)
        return OUTCOME_DONE;
    struct file *files = calloc(list->count, sizeof *files);
    if (!files)
        return fail_memory(error, "a list of files", (double)(list->count * sizeof *files));
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < list->count && !outcome; i++)
        outcome = open(expansion, list->words[i], &files[i], error);
    *ret = files;
    return outcome;
}

/* ---- One shape ------------------------------------------------------------------------------- */

static bool given(const struct place *place, enum axis_id axis)
{
    return place->section->axes[axis].list.count > 0;
}

static double number(const struct place *place, enum axis_id axis)
{
    const struct axis_list *list = &place->section->axes[axis].list;
    return list->count ? list->numbers[place->at[axis]] : suite_axis(axis)->fallback;
}

/* Whether the section decides an axis, or a layer file: of what the file may hold too, the section
 * decides what it names, and what depends on that. */
static bool decides(const struct place *place, bool from_file, enum axis_id axis)
{
    const struct axis_row *row = suite_axis(axis);
    bool in_file = row->part == PART_LAYER || row->part == PART_SELECTION;
    return !from_file || !in_file || given(place, axis) ||
           (row->owner >= 0 && given(place, (enum axis_id)row->owner));
}

static void set_fields(const struct place *place, struct bench_shape *shape)
{
    for (int i = 0; i < SUITE_AXES; i++) {
        enum axis_id axis = (enum axis_id)i;
        if (suite_axis(axis)->in_case && decides(place, shape->layer_path, axis))
            suite_axis_set(shape, axis, number(place, axis));
    }
}

/* Zeros that stand for something else; and what has no effect is zero, so that equal shapes are
 * equal in every field. */
static void resolve_zeros(struct bench_shape *shape)
{
    struct midl_shape *layer = &shape->layer;
    layer->d = layer->d ? layer->d : layer->n;
    layer->r = layer->r ? layer->r : midl_default_rank(layer->n);
    layer->rg = layer->rg ? layer->rg : midl_default_rank(layer->n);
    shape->threads = shape->threads ? shape->threads : machine_get()->cores;
    for (int i = 0; i < SUITE_AXES; i++)
        if (!suite_axis_matters(shape, (enum axis_id)i))
            suite_axis_set(shape, (enum axis_id)i, 0);
}

static enum outcome set_k(const struct place *place, bool from_file, struct midl_shape *layer,
                          struct error *error)
{
    size_t unit = layer->block ? layer->block : 1;
    if (layer->n % unit != 0)
        return fail(error, OUTCOME_USAGE,
                    "n = %zu is not a multiple of block = %zu, which select = block needs",
                    layer->n, unit);
    if (given(place, AXIS_K))
        layer->k = (size_t)number(place, AXIS_K);
    else if (given(place, AXIS_ACTIVE) || !from_file)
        layer->k = (size_t)round(number(place, AXIS_ACTIVE) * (double)(layer->n / unit)) * unit;
    if (layer->k > layer->n)
        return fail(error, OUTCOME_USAGE, "k = %zu is more than n = %zu", layer->k, layer->n);
    if (layer->k % unit != 0)
        return fail(error, OUTCOME_USAGE,
                    "k = %zu is not a multiple of block = %zu, which select = block needs",
                    layer->k, unit);
    return OUTCOME_DONE;
}

static enum outcome shape_at(const struct place *place, struct bench_shape *ret,
                             struct error *error)
{
    static const struct file random;
    const struct file *layer = place->layers ? &place->layers[place->at[AXIS_LAYER]] : &random;
    const struct file *input = place->inputs ? &place->inputs[place->at[AXIS_INPUT]] : &random;
    char reason[MIDL_REASON_SIZE];
    *ret = (struct bench_shape){.layer = layer->shape,
                                .layer_path = layer->path,
                                .layer_name = layer->name,
                                .made = layer->made,
                                .input_path = input->path,
                                .input_name = input->name};
    set_fields(place, ret);
    resolve_zeros(ret);
    enum outcome outcome = set_k(place, layer->path != NULL, &ret->layer, error);
    if (!outcome && midl_shape_check(&ret->layer, reason) != MIDL_OK)
        outcome = fail(error, OUTCOME_USAGE, "%s", reason);
    if (!outcome)
        outcome = made_layer_check(ret, error);
    return outcome;
}

/* ---- Collecting ------------------------------------------------------------------------------ */

/* The order of the tree of shapes: by hash, and by label where hashes are equal. */
static int compare_shapes(const void *left, const void *right)
{
    const struct shape_entry *a = left, *b = right;
    char text_a[CASE_TEXT_SIZE], text_b[CASE_TEXT_SIZE];
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    bench_shape_text(&a->shape, text_a);
    bench_shape_text(&b->shape, text_b);
    return strcmp(text_a, text_b);
}

/* The entry of this shape, made if it is new; NULL for lack of memory. */
static struct shape_entry *shape_entry_of(struct expansion *expansion,
                                          const struct bench_shape *shape)
{
    char text[CASE_TEXT_SIZE];
    struct shape_entry **shapes = array_room(expansion->shapes, expansion->shape_count + 1,
                                             &expansion->shape_room, sizeof(struct shape_entry *));
    expansion->shapes = shapes ? shapes : expansion->shapes;
    struct shape_entry *entry = shapes ? malloc(sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    bench_shape_text(shape, text);
    *entry = (struct shape_entry){
        .shape = *shape, .hash = fnv1a(FNV_START, text), .first = NOWHERE, .last = NOWHERE};
    struct shape_entry **node = tsearch(entry, &expansion->tree, compare_shapes);
    struct shape_entry *known = node ? *node : NULL;
    if (known == entry)
        shapes[expansion->shape_count++] = entry;
    else
        free(entry);
    return known;
}

/* Append a case to its group unless it is there. False for lack of memory. */
static bool add_case(struct expansion *expansion, struct shape_entry *shape,
                     const struct midl_variant *variant)
{
    for (size_t i = shape->first; i != NOWHERE; i = expansion->entries[i].next)
        if (expansion->entries[i].variant == variant)
            return true;
    struct case_entry *entries = array_room(expansion->entries, expansion->entry_count + 1,
                                            &expansion->entry_room, sizeof *entries);
    if (!entries)
        return false;
    expansion->entries = entries;
    size_t index = expansion->entry_count++;
    expansion->entries[index] = (struct case_entry){variant, NOWHERE};
    if (shape->first == NOWHERE)
        shape->first = index;
    else
        expansion->entries[shape->last].next = index;
    shape->last = index;
    shape->count++;
    return true;
}

static enum outcome add_shape(struct expansion *expansion, const struct place *place,
                              struct error *error)
{
    struct bench_shape shape;
    enum outcome outcome = shape_at(place, &shape, error);
    if (!outcome)
        outcome = kernels_choose(&place->section->axes[AXIS_KERNEL].list, shape.dtype,
                                 &expansion->kernels, error);
    if (outcome)
        return outcome;
    if (!place->suite->bare)
        kernels_add_first(&place->suite->reference, shape.dtype, &expansion->kernels);
    struct shape_entry *entry = shape_entry_of(expansion, &shape);
    bool ok = entry != NULL;
    for (size_t i = 0; i < expansion->kernels.count && ok; i++)
        ok = add_case(expansion, entry, expansion->kernels.rows[i]);
    if (!ok)
        return fail_memory(error, "the cases of a sweep",
                           (double)expansion->entry_count * 2 * sizeof(struct bench_case));
    if (expansion->entry_count > SUITE_POINTS_MAX)
        return fail(error, OUTCOME_USAGE, "more than %d points: shorten an axis", SUITE_POINTS_MAX);
    return OUTCOME_DONE;
}

/* ---- Sections -------------------------------------------------------------------------------- */

static bool any_layer_file(const struct place *place)
{
    const struct axis_list *list = &place->section->axes[AXIS_LAYER].list;
    for (size_t i = 0; i < list->count; i++)
        if (place->layers[i].path)
            return true;
    return false;
}

static bool any_made_up_layer(const struct place *place)
{
    const struct axis_list *list = &place->section->axes[AXIS_LAYER].list;
    for (size_t i = 0; i < list->count; i++)
        if (!place->layers[i].path)
            return true;
    return list->count == 0;
}

static bool has_number(const struct place *place, enum axis_id axis, int value)
{
    const struct axis_list *list = &place->section->axes[axis].list;
    for (size_t i = 0; i < list->count; i++)
        if ((int)list->numbers[i] == value)
            return true;
    return list->count == 0 && (int)suite_axis(axis)->fallback == value;
}

/* An axis that can't have an effect is a slip of whoever wrote it. Not so where an option replaced
 * the mode that a suite's axis belongs to, nor where a layer file may bring the mode. */
static enum outcome check_idle_axes(const struct place *place, struct error *error)
{
    for (int i = 0; i < SUITE_AXES; i++) {
        const struct axis_row *row = suite_axis((enum axis_id)i);
        if (row->owner < 0)
            continue;
        enum axis_id owner = (enum axis_id)row->owner;
        const struct suite_axis *axis = &place->section->axes[i];
        const struct suite_axis *owners = &place->section->axes[owner];
        bool replaced = owners->list.count && owners->line == 0 && axis->line != 0;
        if (axis->list.count && !replaced && !any_layer_file(place) &&
            !has_number(place, owner, (int)row->owner_value))
            return fail(error, OUTCOME_USAGE, "%s has no effect without %s = %s", row->name,
                        suite_axis_name(owner), suite_axis_word(owner, (int)row->owner_value));
    }
    return OUTCOME_DONE;
}

static enum outcome check_section(const struct place *place, struct error *error)
{
    for (int i = 0; i < SUITE_AXES && any_layer_file(place); i++)
        if (suite_axis((enum axis_id)i)->part == PART_LAYER && given(place, (enum axis_id)i))
            return fail(error, OUTCOME_USAGE, "%s comes from the layer file: leave out one of them",
                        suite_axis_name((enum axis_id)i));
    if (any_made_up_layer(place) && !given(place, AXIS_N))
        return fail(error, OUTCOME_USAGE, "n is not given: how many neurons? (--n 1024, n = 1024)");
    return check_idle_axes(place, error);
}

/* Turn the wheels by one; false when all are back at their start. */
static bool turn(struct place *place)
{
    for (size_t i = SUITE_WHEELS; i-- > 0;) {
        size_t count = place->section->axes[suite_wheels[i]].list.count;
        if (++place->at[suite_wheels[i]] < count)
            return true;
        place->at[suite_wheels[i]] = 0;
    }
    return false;
}

static enum outcome count_positions(const struct suite_section *section, struct error *error)
{
    double positions = 1;
    for (size_t i = 0; i < SUITE_WHEELS; i++)
        positions *= section->axes[suite_wheels[i]].list.count
                         ? (double)section->axes[suite_wheels[i]].list.count
                         : 1;
    if (positions > SUITE_POINTS_MAX)
        return fail(error, OUTCOME_USAGE,
                    "the axes multiply to %.3g shapes, more than %d points: shorten an axis",
                    positions, SUITE_POINTS_MAX);
    return OUTCOME_DONE;
}

static enum outcome open_section_files(struct expansion *expansion, struct place *place,
                                       struct error *error)
{
    const struct suite_axis *axes = place->section->axes;
    enum outcome outcome =
        open_files(expansion, &axes[AXIS_LAYER].list, open_layer, &place->layers, error);
    if (!outcome)
        outcome = open_files(expansion, &axes[AXIS_INPUT].list, open_file, &place->inputs, error);
    return outcome;
}

static enum outcome add_shapes(struct expansion *expansion, struct place *place,
                               struct error *error)
{
    enum outcome outcome = count_positions(place->section, error);
    if (!outcome)
        outcome = check_section(place, error);
    bool more = true;
    while (!outcome && more) {
        outcome = add_shape(expansion, place, error);
        more = turn(place);
    }
    return outcome;
}

/* An error says where in the suite it lies, unless it lies in a file, which it names. */
static enum outcome expand_section(struct expansion *expansion, const struct suite *suite,
                                   const struct suite_section *section, struct error *error)
{
    const char *origin = suite->origin;
    struct place place = {.suite = suite, .section = section};
    enum outcome outcome = open_section_files(expansion, &place, error);
    if (!outcome) {
        outcome = add_shapes(expansion, &place, error);
        if (outcome && *origin)
            fail(error, outcome, "%s: the section on line %d: %s", origin, section->line,
                 error->text);
    }
    free(place.layers);
    free(place.inputs);
    return outcome;
}

/* ---- The result ------------------------------------------------------------------------------ */

/* Lay the lists out in arrays, group after group. */
static enum outcome lay_out(struct expansion *expansion, struct error *error)
{
    struct bench_cases *cases = &expansion->cases;
    cases->cases = calloc(expansion->entry_count, sizeof *cases->cases);
    cases->groups = calloc(expansion->shape_count, sizeof *cases->groups);
    if (!cases->cases || !cases->groups)
        return fail_memory(error, "the cases of a sweep",
                           (double)(expansion->entry_count * sizeof *cases->cases));
    for (size_t i = 0; i < expansion->shape_count; i++) {
        const struct shape_entry *shape = expansion->shapes[i];
        cases->groups[cases->group_count++] = (struct bench_group){cases->count, shape->count};
        for (size_t j = shape->first; j != NOWHERE; j = expansion->entries[j].next)
            cases->cases[cases->count++] =
                (struct bench_case){shape->shape, expansion->entries[j].variant};
    }
    return OUTCOME_DONE;
}

enum outcome suite_expand(const struct suite *suite, struct bench_cases *ret, struct error *error)
{
    struct expansion expansion = {0};
    enum outcome outcome = OUTCOME_DONE;
    if (!suite->section_count)
        return fail(error, OUTCOME_USAGE, "%s: only [train] sections: midl train %s runs it",
                    suite->origin, suite->name);
    expansion.kernels.rows = calloc(midl_variant_count(), sizeof *expansion.kernels.rows);
    if (!expansion.kernels.rows)
        outcome = fail_memory(error, "a list of kernels", 0);
    for (size_t i = 0; i < suite->section_count && !outcome; i++)
        outcome = expand_section(&expansion, suite, &suite->sections[i], error);
    if (!outcome)
        outcome = lay_out(&expansion, error);
    tdestroy(expansion.tree, free);
    free(expansion.shapes);
    free(expansion.entries);
    free(expansion.kernels.rows);
    if (outcome)
        bench_cases_clear(&expansion.cases);
    else
        *ret = expansion.cases;
    return outcome;
}

void suite_hash(const struct bench_cases *cases, char ret[17])
{
    char text[CASE_TEXT_SIZE];
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < cases->count; i++) {
        bench_shape_text(&cases->cases[i].shape, text);
        hash = fnv1a(fnv1a(hash, text), "\n");
        hash = fnv1a(fnv1a(hash, midl_variant_name(cases->cases[i].variant)), "\n");
    }
    snprintf(ret, 17, "%016llx", (unsigned long long)hash);
}

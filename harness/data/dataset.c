/* dataset.c - the table of data sets, finding them, and what is the same for all. */
#define _GNU_SOURCE /* asprintf */
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/archive.h"
#include "data/bundle.h"
#include "data/dataset_internal.h"
#include "data/mat_file.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- The table ------------------------------------------------------------------------------- */

#define DATASET(label, loader, ...) {.name = #label, __VA_ARGS__},
static const struct dataset_info infos[] = {
#include "data/datasets.def"
};
#undef DATASET

#define DATASET(label, loader, ...) loader,
static dataset_loader *const loaders[] = {
#include "data/datasets.def"
};
#undef DATASET

size_t dataset_count(void)
{
    return COUNT(infos);
}

const struct dataset_info *dataset_at(size_t i)
{
    return &infos[i];
}

const struct dataset_info *dataset_find(const char *name)
{
    for (size_t i = 0; i < COUNT(infos); i++)
        if (strcmp(infos[i].name, name) == 0)
            return &infos[i];
    return NULL;
}

static enum outcome no_such_set(const char *name, struct error *error)
{
    const char *names[COUNT(infos)];
    char hint[HINT_SIZE];
    for (size_t i = 0; i < COUNT(infos); i++)
        names[i] = infos[i].name;
    return fail(error, OUTCOME_USAGE, "unknown data set %.100s%s: midl list datasets lists them",
                name, did_you_mean(name, names, COUNT(infos), hint));
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* "FOLDER/WORD" of the next word in *list, to be freed; "" for no memory, NULL at the end. */
static char *next_place(const char *folder, const char **list)
{
    char *path;
    const char *word = *list + strspn(*list, " ");
    int length = (int)strcspn(word, " ");
    *list = word + length;
    if (length == 0)
        return NULL;
    if (length == 1 && *word == '.')
        return strdup(folder);
    return asprintf(&path, "%s/%.*s", folder, length, word) < 0 ? NULL : path;
}

/* The first folder of the list that has all files, or NULL. A folder that has a part of them is
 * kept in *ret_part, to be freed. */
static char *find_root(const struct dataset_info *info, const char *folder, char **ret_part)
{
    const char *list = info->roots;
    char *path;
    while (list && (path = next_place(folder, &list))) {
        bool train = bundle_in_folder(path, info->train), test = bundle_in_folder(path, info->test);
        if (train && test)
            return path;
        if (*ret_part || (!train && !test))
            free(path);
        else
            *ret_part = path;
    }
    return NULL;
}

/* The first archive of the list that is there, or NULL. */
static char *find_archive(const struct dataset_info *info, const char *folder)
{
    const char *list = info->archives;
    char *path;
    while (list && (path = next_place(folder, &list))) {
        if (access(path, R_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

/* Say what a set that was found still needs: a library that this program was built without. */
static const char *unreadable(const struct dataset_info *info, bool archive)
{
    size_t length = strlen(info->train);
    bool matlab = length > 4 && strcmp(info->train + length - 4, ".mat") == 0;
    return archive ? archive_unavailable() : matlab ? mat_file_unavailable() : "";
}

/* Look for the files; returns the place, or NULL and what is missing. */
static char *find_files(const struct dataset_info *info, const char *folder,
                        char missing[DATASET_MISSING_SIZE])
{
    char *part = NULL, *place = find_root(info, folder, &part);
    bool archive = !place && (place = find_archive(info, folder));
    const char *obstacle = place ? unreadable(info, archive) : "";
    if (*obstacle) {
        snprintf(missing, DATASET_MISSING_SIZE, "%s%s: %.200s", obstacle,
                 archive ? "; unpack it" : "", file_shown(place));
        free(place);
        place = NULL;
    } else if (!place && part) {
        const char *lacking = bundle_in_folder(part, info->train) ? info->test : info->train;
        snprintf(missing, DATASET_MISSING_SIZE, "%.150s lacks %.60s: get it from %.100s",
                 file_shown(part), lacking, info->source);
    } else if (!place) {
        snprintf(missing, DATASET_MISSING_SIZE, "not in %.150s: get it from %.120s",
                 file_shown(folder), info->source);
    }
    free(part);
    return place;
}

enum outcome dataset_locate(const struct dataset_info *info, const char *folder, char **ret_place,
                            char missing[DATASET_MISSING_SIZE], struct error *error)
{
    char *place = NULL;
    missing[0] = '\0';
    if (!folder)
        folder = getenv("MIDL_DATA");
    if (info->made && !(place = strdup("")))
        return fail_memory(error, "a name", 1);
    if (!info->made && (!folder || !*folder))
        snprintf(
            missing, DATASET_MISSING_SIZE,
            "no folder of data is known: set MIDL_DATA, or give --data DIR where a command has it");
    else if (!info->made)
        place = find_files(info, folder, missing);
    *ret_place = place;
    return OUTCOME_DONE;
}

/* ---- What loaders share ---------------------------------------------------------------------- */

enum outcome dataset_choose(const char *what, size_t total, size_t wanted, uint64_t seed,
                            size_t **ret, size_t *ret_count, struct error *error)
{
    size_t count = wanted ? wanted : total, kept = 0;
    if (count > total)
        return fail(error, OUTCOME_USAGE, "%zu %s examples are wanted, there are %zu", wanted, what,
                    total);
    size_t *rows = malloc((count ? count : 1) * sizeof *rows);
    if (!rows)
        return fail_memory(error, "a choice of examples", (double)count * sizeof *rows);
    struct rng rng = rng_seed(seed);
    for (size_t i = 0; kept < count; i++) /* Knuth's algorithm S: each choice equally probable */
        if (rng_uniform(&rng) * (double)(total - i) < (double)(count - kept))
            rows[kept++] = i;
    *ret = rows;
    *ret_count = count;
    return OUTCOME_DONE;
}

enum outcome dataset_choose_parts(const struct dataset_request *request, const size_t totals[2],
                                  struct dataset_choice choices[2], struct error *error)
{
    const struct dataset_options *options = request->options;
    enum outcome outcome = dataset_choose("training", totals[0], options->train_size, options->seed,
                                          &choices[0].rows, &choices[0].count, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = dataset_choose("test", totals[1], options->test_size, options->seed + 1,
                             &choices[1].rows, &choices[1].count, error);
    if (outcome != OUTCOME_DONE)
        free(choices[0].rows);
    return outcome;
}

enum outcome dataset_part_new(size_t count, size_t d, struct dataset_part *ret, struct error *error)
{
    size_t elements, bytes;
    double needed = (double)count * (double)d * sizeof(float);
    if (__builtin_mul_overflow(count, d, &elements) ||
        __builtin_mul_overflow(elements, sizeof(float), &bytes))
        return fail_memory(error, "a data set", needed);
    struct dataset_part part = {.stride = d, .count = count};
    part.x = malloc(bytes ? bytes : 1);
    part.labels = malloc((count ? count : 1) * sizeof *part.labels);
    if (!part.x || !part.labels) {
        free(part.x);
        free(part.labels);
        return fail_memory(error, "a data set", needed);
    }
    *ret = part;
    return OUTCOME_DONE;
}

enum outcome dataset_name_classes(struct dataset *set, const char *const *names,
                                  struct error *error)
{
    set->class_names = calloc(set->classes + 1, sizeof *set->class_names);
    bool ok = set->class_names != NULL;
    for (size_t i = 0; i < set->classes && ok; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%zu", i);
        ok = (set->class_names[i] = strdup(names ? names[i] : digits)) != NULL;
    }
    return ok ? OUTCOME_DONE : fail_memory(error, "names of classes", 0);
}

/* Mean and standard deviation of some columns of a part, as one quantity. */
static void part_moments(const struct dataset_part *part, size_t first, size_t columns,
                         double *ret_mean, double *ret_deviation)
{
    double sum = 0, squares = 0, elements = (double)part->count * (double)columns;
    for (size_t i = 0; i < part->count; i++)
        for (size_t j = first; j < first + columns; j++)
            sum += (double)dataset_row(part, i)[j];
    double mean = sum / elements;
    for (size_t i = 0; i < part->count; i++)
        for (size_t j = first; j < first + columns; j++) {
            double away = (double)dataset_row(part, i)[j] - mean;
            squares += away * away;
        }
    *ret_mean = mean;
    *ret_deviation = sqrt(squares / elements);
}

static void part_rescale(struct dataset_part *part, size_t first, size_t columns, float mean,
                         float scale)
{
    for (size_t i = 0; i < part->count; i++)
        for (size_t j = first; j < first + columns; j++) {
            float *x = &part->x[i * part->stride + j];
            *x = (*x - mean) * scale;
        }
}

void dataset_standardise(struct dataset *set, size_t first, size_t columns)
{
    double mean, deviation;
    part_moments(&set->train, first, columns, &mean, &deviation);
    float scale = deviation > 0 ? (float)(1.0 / deviation) : 1.0f;
    part_rescale(&set->train, first, columns, (float)mean, scale);
    part_rescale(&set->test, first, columns, (float)mean, scale);
}

/* ---- Noise ----------------------------------------------------------------------------------- */

/* Streams of random numbers that must not repeat each other's. */
enum stream_of_seed { SEED_LABELS = 2, SEED_TRAIN = 3, SEED_TEST = 4 };

/* Replace labels, each with probability `share`, by one of the other classes. */
static void disturb_labels(struct dataset_part *part, size_t classes, double share, uint64_t seed)
{
    struct rng rng = rng_seed(seed);
    for (size_t i = 0; i < part->count; i++) {
        bool disturbed = rng_uniform(&rng) < share;
        uint32_t other = rng_below(&rng, (uint32_t)classes - 1);
        if (disturbed)
            part->labels[i] = other + (other >= part->labels[i]);
    }
}

void dataset_noisy(const struct dataset_part *part, size_t d, double sigma, uint64_t seed,
                   float *ret)
{
    struct rng rng = rng_seed(seed);
    for (size_t i = 0; i < part->count; i++)
        for (size_t j = 0; j < d; j++)
            ret[i * d + j] = dataset_row(part, i)[j] + (float)(sigma * rng_normal(&rng));
}

static enum outcome add_noise(struct dataset *set, const struct dataset_options *options,
                              struct error *error)
{
    if (set->symbols && (options->train_noise > 0 || options->test_noise > 0))
        return fail(error, OUTCOME_USAGE, "%s has symbols for inputs, which take no Gaussian noise",
                    set->info->name);
    if (options->label_noise > 0 && set->classes > 1)
        disturb_labels(&set->train, set->classes, options->label_noise,
                       options->seed + SEED_LABELS);
    if (options->train_noise > 0)
        dataset_noisy(&set->train, set->d, options->train_noise, options->seed + SEED_TRAIN,
                      set->train.x);
    if (options->test_noise > 0)
        dataset_noisy(&set->test, set->d, options->test_noise, options->seed + SEED_TEST,
                      set->test.x);
    return OUTCOME_DONE;
}

/* ---- Loading --------------------------------------------------------------------------------- */

void dataset_clear(struct dataset *set)
{
    struct dataset_part *parts[] = {&set->train, &set->test};
    for (size_t i = 0; i < COUNT(parts); i++) {
        free(parts[i]->x);
        free(parts[i]->labels);
    }
    for (size_t i = 0; set->class_names && i < set->classes; i++)
        free(set->class_names[i]);
    free(set->class_names);
    free(set->place);
    *set = (struct dataset){.info = NULL};
}

static enum outcome check_options(const struct dataset_options *options, struct error *error)
{
    bool share = options->label_noise >= 0 && options->label_noise <= 1;
    bool noise = options->train_noise >= 0 && options->train_noise <= 1e6 &&
                 options->test_noise >= 0 && options->test_noise <= 1e6;
    if (!share)
        return fail(error, OUTCOME_USAGE, "label noise %g: must be from 0 to 1",
                    options->label_noise);
    if (!noise)
        return fail(error, OUTCOME_USAGE, "input noise %g, %g: must be from 0 to 1000000",
                    options->train_noise, options->test_noise);
    return OUTCOME_DONE;
}

/* Where to read from: options->text, or what is found. */
static enum outcome place_of_set(const struct dataset_info *info, const char *folder,
                                 const struct dataset_options *options, char **ret,
                                 struct error *error)
{
    char missing[DATASET_MISSING_SIZE];
    if (options->text && strcmp(info->name, "text") != 0)
        return fail(error, OUTCOME_USAGE, "a text file is for the data set text, not for %s",
                    info->name);
    if (options->text)
        return (*ret = strdup(options->text)) ? OUTCOME_DONE : fail_memory(error, "a path", 0);
    enum outcome outcome = dataset_locate(info, folder, ret, missing, error);
    if (outcome == OUTCOME_DONE && !*ret)
        return fail(error, OUTCOME_USAGE, "data set %s: %s", info->name, missing);
    return outcome;
}

enum outcome dataset_load(const char *name, const char *folder,
                          const struct dataset_options *options, struct dataset *ret,
                          struct error *error)
{
    const struct dataset_options defaults = {.seed = 0};
    const struct dataset_info *info = dataset_find(name);
    struct dataset set = {.info = info};
    if (!info)
        return no_such_set(name, error);
    if (!options)
        options = &defaults;
    enum outcome outcome = check_options(options, error);
    if (outcome == OUTCOME_DONE)
        outcome = place_of_set(info, folder, options, &set.place, error);
    if (outcome == OUTCOME_DONE) {
        struct dataset_request request = {.info = info, .place = set.place, .options = options};
        outcome = loaders[info - infos](&request, &set, error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = add_noise(&set, options, error);
    if (outcome == OUTCOME_DONE)
        *ret = set;
    else
        dataset_clear(&set);
    return outcome;
}

/* dataset.h - data sets as a trainer wants them: rows of floats, ready to be learnt from, and
 * labels.
 *
 *     struct dataset set;
 *     struct dataset_options options = {.train_size = 1000, .seed = 7};
 *     if (dataset_load("mnist", NULL, &options, &set, &error) != OUTCOME_DONE) ...
 *     const float *x = dataset_row(&set.train, 12); // [set.d]
 *     dataset_clear(&set);
 *
 * datasets.def lists them. Whatever preprocessing learns from data (means, deviations, words, their
 * frequencies) it learns from the training examples that are used, never from the test part. The
 * same files, options and seed give the same bits. */
#ifndef MIDL_DATASET_H
#define MIDL_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Examples of one part. Row i is the d floats at x + i * stride: stride is d, except in text, whose
 * rows are windows of one sequence and overlap. */
struct dataset_part {
    float *x;
    size_t stride;
    uint32_t *labels; /* [count], below the number of classes */
    size_t count;
};

struct dataset {
    const struct dataset_info *info;
    struct dataset_part train, test; /* neither is empty */
    size_t d;                        /* floats in a row: c * h * w of images */
    size_t classes;                  /* labels are 0..classes-1 */
    size_t c, h, w;     /* of images: channels, height, width, a row is [c][h][w]; else 0, 0, 0 */
    size_t symbols;     /* text: a row is d symbols, whole numbers 0..symbols-1; else 0 */
    char **class_names; /* [classes] */
    char *place;        /* where it was found: a folder, an archive, a file; "" if made here */
};

struct dataset_options {
    uint64_t seed;     /* chooses subsets, draws noise */
    size_t train_size; /* use this many training examples; 0: all */
    size_t
        test_size; /* use this many test examples; 0: all, or what the row in datasets.def says */
    double label_noise; /* share of training labels replaced by another class, 0 to 1 */
    double
        train_noise;   /* standard deviation of Gaussian noise added to the standardised training */
    double test_noise; /* inputs, and to the test inputs; sets of text take none */
    const char *text;  /* plain text file of the set `text`; NULL: the IMDB reviews */
};

/* Return row i of a part. */
static inline const float *dataset_row(const struct dataset_part *part, size_t i)
{
    return part->x + i * part->stride;
}

/* Load or make the data set `name`. Files are looked for in `folder` (NULL: $MIDL_DATA), in the
 * layouts that datasets.def lists; a set that is missing, and a file that is damaged, is an error
 * of one line. options NULL: all defaults. On success *ret is to be cleared. */
enum outcome dataset_load(const char *name, const char *folder,
                          const struct dataset_options *options, struct dataset *ret,
                          struct error *error);
void dataset_clear(struct dataset *set);

/* Add Gaussian noise to a copy of the rows of a part: ret [count][d]. For asking a trained model at
 * several noise levels without loading again. */
void dataset_noisy(const struct dataset_part *part, size_t d, double sigma, uint64_t seed,
                   float *ret);

/* ---- What there is --------------------------------------------------------------------------- */

/* A row of datasets.def. Lists are words separated by blanks. */
struct dataset_info {
    const char *name, *about;
    const char *roots;    /* folders below the data folder in which its files may lie */
    const char *archives; /* archives below the data folder, looked for after the folders */
    const char *train, *test, *more; /* names of its files, with * and ?; `more` may be missing */
    const char *source;              /* where one gets it */
    const char *preprocessing;       /* one line */
    const char *network;             /* hidden layers that suit it, as `midl train` takes them */
    double epochs;                   /* passes over the training part that suit it */
    size_t batch;
    double learning_rate; /* of Adam */
    size_t test_size;     /* test examples used by default, 0: all */
    bool made;            /* made here, needs no files */
};

size_t dataset_count(void);
const struct dataset_info *dataset_at(size_t i);
const struct dataset_info *dataset_find(const char *name); /* NULL: there is none */

/* Where the files of a data set lie: *ret_place, to be freed, or NULL and in `missing` what to do
 * about it. A set that is made here has the place "". */
#define DATASET_MISSING_SIZE 384
enum outcome dataset_locate(const struct dataset_info *info, const char *folder, char **ret_place,
                            char missing[DATASET_MISSING_SIZE], struct error *error);

#endif

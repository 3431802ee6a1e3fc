/* images.c - data sets of images: MNIST, CIFAR-10, CIFAR-100, SVHN. A reader makes bytes, planes of
 * one channel after the other; choosing and standardising are the same for all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/bundle.h"
#include "data/dataset_internal.h"
#include "data/idx.h"
#include "data/mat_file.h"

/* Images as their files hold them. */
struct images {
    unsigned char *pixels; /* [count][c][h][w] */
    unsigned char *labels; /* [count] */
    size_t count, c, h, w;
};

static void images_clear(struct images *images)
{
    free(images->pixels);
    free(images->labels);
}

/* ---- To a data set --------------------------------------------------------------------------- */

static enum outcome fill_part(const struct images *images, const struct dataset_choice *choice,
                              struct dataset_part *ret, struct error *error)
{
    size_t d = images->c * images->h * images->w;
    enum outcome outcome = dataset_part_new(choice->count, d, ret, error);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < choice->count; i++) {
        const unsigned char *pixels = images->pixels + choice->rows[i] * d;
        for (size_t j = 0; j < d; j++)
            ret->x[i * d + j] = (float)pixels[j] / 255.0f;
        ret->labels[i] = images->labels[choice->rows[i]];
    }
    return outcome;
}

/* Choose examples, standardise each channel; names NULL: digits. */
static enum outcome images_to_set(const struct dataset_request *request,
                                  const struct images parts[2], const char *const *names,
                                  size_t classes, struct dataset *set, struct error *error)
{
    size_t plane = parts[0].h * parts[0].w, totals[] = {parts[0].count, parts[1].count};
    struct dataset_choice choices[2];
    enum outcome outcome = dataset_choose_parts(request, totals, choices, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    set->c = parts[0].c;
    set->h = parts[0].h;
    set->w = parts[0].w;
    set->d = set->c * plane;
    set->classes = classes;
    if ((outcome = fill_part(&parts[0], &choices[0], &set->train, error)) == OUTCOME_DONE &&
        (outcome = fill_part(&parts[1], &choices[1], &set->test, error)) == OUTCOME_DONE)
        outcome = dataset_name_classes(set, names, error);
    for (size_t c = 0; outcome == OUTCOME_DONE && c < set->c; c++)
        dataset_standardise(set, c * plane, plane);
    free(choices[0].rows);
    free(choices[1].rows);
    return outcome;
}

/* ---- MNIST ----------------------------------------------------------------------------------- */

#define MNIST_SIDE 28
#define MNIST_CLASSES 10

static enum outcome check_mnist(const char *images, const struct idx *x, const char *labels,
                                const struct idx *y, struct error *error)
{
    if (x->rows != MNIST_SIDE || x->columns != MNIST_SIDE)
        return file_bad(error, images, 8, "images of %zu x %zu, expected %d x %d", x->rows,
                        x->columns, MNIST_SIDE, MNIST_SIDE);
    if (x->count != y->count)
        return file_bad(error, labels, 4, "%zu labels for the %zu images of %.120s", y->count,
                        x->count, file_shown(images));
    for (size_t i = 0; i < y->count; i++)
        if (y->bytes[i] >= MNIST_CLASSES)
            return file_bad(error, labels, 8 + i, "label %u, expected 0 to %d", y->bytes[i],
                            MNIST_CLASSES - 1);
    return OUTCOME_DONE;
}

/* Read one part from its two files. */
static enum outcome mnist_part(const char *images, const char *labels, struct images *ret,
                               struct error *error)
{
    struct idx x = {.bytes = NULL}, y = {.bytes = NULL};
    enum outcome outcome = idx_read(images, IDX_IMAGES, 0, &x, error);
    if (outcome == OUTCOME_DONE)
        outcome = idx_read(labels, IDX_LABELS, 0, &y, error);
    if (outcome == OUTCOME_DONE)
        outcome = check_mnist(images, &x, labels, &y, error);
    if (outcome != OUTCOME_DONE) {
        free(x.bytes);
        free(y.bytes);
        return outcome;
    }
    *ret = (struct images){.pixels = x.bytes,
                           .labels = y.bytes,
                           .count = x.count,
                           .c = 1,
                           .h = MNIST_SIDE,
                           .w = MNIST_SIDE};
    return OUTCOME_DONE;
}

static enum outcome mnist_find(const char *place, const char *stem, struct images *ret,
                               struct error *error)
{
    char pattern[2][64], *paths[2] = {NULL, NULL};
    enum outcome outcome;
    snprintf(pattern[0], sizeof pattern[0], "%s-images?idx3-ubyte", stem);
    snprintf(pattern[1], sizeof pattern[1], "%s-labels?idx1-ubyte", stem);
    if ((outcome = bundle_path(place, pattern[0], &paths[0], error)) == OUTCOME_DONE &&
        (outcome = bundle_path(place, pattern[1], &paths[1], error)) == OUTCOME_DONE)
        outcome = mnist_part(paths[0], paths[1], ret, error);
    free(paths[0]);
    free(paths[1]);
    return outcome;
}

enum outcome images_mnist(const struct dataset_request *request, struct dataset *set,
                          struct error *error)
{
    struct images parts[2] = {{.pixels = NULL}, {.pixels = NULL}};
    enum outcome outcome = mnist_find(request->place, "train", &parts[0], error);
    if (outcome == OUTCOME_DONE)
        outcome = mnist_find(request->place, "t10k", &parts[1], error);
    if (outcome == OUTCOME_DONE)
        outcome = images_to_set(request, parts, NULL, MNIST_CLASSES, set, error);
    images_clear(&parts[0]);
    images_clear(&parts[1]);
    return outcome;
}

/* ---- CIFAR ----------------------------------------------------------------------------------- */

#define CIFAR_SIDE 32
#define CIFAR_PIXELS ((size_t)3 * CIFAR_SIDE * CIFAR_SIDE)
#define FILE_BYTES_MOST ((size_t)1 << 30) /* more than any official file has */

/* A record: some label bytes, the last of which counts, and the three planes. */
struct cifar_format {
    size_t label_bytes, classes;
};

static size_t cifar_record(const struct cifar_format *format)
{
    return format->label_bytes + CIFAR_PIXELS;
}

static enum outcome check_cifar(const struct cifar_format *format, const struct bundle_file *file,
                                struct error *error)
{
    size_t record = cifar_record(format), whole = file->count / record;
    if (file->count == 0)
        return file_bad(error, file->shown, 0, "the file is empty");
    if (file->count % record != 0)
        return file_bad(error, file->shown, whole * record,
                        "a record of %zu bytes is cut off here after %zu bytes", record,
                        file->count - whole * record);
    for (size_t i = 0; i < whole; i++) {
        size_t at = i * record + format->label_bytes - 1;
        if (file->bytes[at] >= format->classes)
            return file_bad(error, file->shown, at, "label %u, expected 0 to %zu", file->bytes[at],
                            format->classes - 1);
    }
    return OUTCOME_DONE;
}

static void copy_records(const struct cifar_format *format, const struct bundle_file *file,
                         struct images *images)
{
    size_t record = cifar_record(format);
    for (size_t at = 0; at < file->count; at += record, images->count++) {
        const unsigned char *bytes = file->bytes + at;
        images->labels[images->count] = bytes[format->label_bytes - 1];
        memcpy(images->pixels + images->count * CIFAR_PIXELS, bytes + format->label_bytes,
               CIFAR_PIXELS);
    }
}

/* Read one part from one or several files. */
static enum outcome cifar_part(const struct cifar_format *format, const char *place,
                               const char *patterns, struct images *ret, struct error *error)
{
    struct images images = {.c = 3, .h = CIFAR_SIDE, .w = CIFAR_SIDE};
    struct bundle bundle;
    size_t bytes = 0;
    enum outcome outcome = bundle_read(place, patterns, FILE_BYTES_MOST, &bundle, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (size_t i = 0; i < bundle.count && outcome == OUTCOME_DONE; i++) {
        outcome = check_cifar(format, &bundle.files[i], error);
        bytes += bundle.files[i].count;
    }
    if (outcome == OUTCOME_DONE) {
        images.pixels = malloc(bytes);
        images.labels = malloc(bytes / cifar_record(format));
        if (!images.pixels || !images.labels)
            outcome = fail_memory(error, file_shown(place), (double)bytes);
    }
    for (size_t i = 0; i < bundle.count && outcome == OUTCOME_DONE; i++)
        copy_records(format, &bundle.files[i], &images);
    bundle_clear(&bundle);
    if (outcome == OUTCOME_DONE)
        *ret = images;
    else
        images_clear(&images);
    return outcome;
}

/* Point names[classes] at the lines of a text, in place; true if it has as many. */
static bool split_names(char *text, size_t classes, const char **ret)
{
    size_t count = 0;
    for (char *line = strtok(text, "\r\n"); line; line = strtok(NULL, "\r\n"), count++)
        if (count < classes)
            ret[count] = line;
    return count == classes;
}

static enum outcome cifar_load(const struct cifar_format *format,
                               const struct dataset_request *request, struct dataset *set,
                               struct error *error)
{
    struct images parts[2] = {{.pixels = NULL}, {.pixels = NULL}};
    struct bundle names = {.files = NULL};
    struct error no_names; /* names are an ornament: their lack is no error */
    const char *lines[100] = {NULL};
    enum outcome outcome =
        cifar_part(format, request->place, request->info->train, &parts[0], error);
    if (outcome == OUTCOME_DONE)
        outcome = cifar_part(format, request->place, request->info->test, &parts[1], error);
    if (outcome == OUTCOME_DONE) {
        bool named = bundle_read(request->place, request->info->more, 65536, &names, &no_names) ==
                         OUTCOME_DONE &&
                     split_names((char *)names.files[0].bytes, format->classes, lines);
        outcome = images_to_set(request, parts, named ? lines : NULL, format->classes, set, error);
    }
    bundle_clear(&names);
    images_clear(&parts[0]);
    images_clear(&parts[1]);
    return outcome;
}

enum outcome images_cifar10(const struct dataset_request *request, struct dataset *set,
                            struct error *error)
{
    return cifar_load(&(struct cifar_format){.label_bytes = 1, .classes = 10}, request, set, error);
}

enum outcome images_cifar100(const struct dataset_request *request, struct dataset *set,
                             struct error *error)
{
    return cifar_load(&(struct cifar_format){.label_bytes = 2, .classes = 100}, request, set,
                      error);
}

/* ---- SVHN ------------------------------------------------------------------------------------ */

#define SVHN_SIDE 32
#define SVHN_CHANNELS 3
#define SVHN_CLASSES 10 /* label 10 means the digit 0 */

static enum outcome check_svhn(const char *path, const struct mat_bytes *x,
                               const struct mat_bytes *y, struct error *error)
{
    size_t count = x->shape[3], labels = y->shape[0] * y->shape[1] * y->shape[2] * y->shape[3];
    if (x->shape[0] != SVHN_SIDE || x->shape[1] != SVHN_SIDE || x->shape[2] != SVHN_CHANNELS)
        return fail(error, OUTCOME_USAGE,
                    "%s: array X is %zu x %zu x %zu x %zu, expected 32 x 32 x 3 x N",
                    file_shown(path), x->shape[0], x->shape[1], x->shape[2], count);
    if (labels != count)
        return fail(error, OUTCOME_USAGE, "%s: array y has %zu labels for the %zu images of X",
                    file_shown(path), labels, count);
    for (size_t i = 0; i < count; i++)
        if (y->bytes[i] < 1 || y->bytes[i] > SVHN_CLASSES)
            return fail(error, OUTCOME_USAGE, "%s: array y: label %zu is %u, expected 1 to %d",
                        file_shown(path), i, y->bytes[i], SVHN_CLASSES);
    return OUTCOME_DONE;
}

/* Turn [image][channel][column][row], as MATLAB lays it out, into [image][channel][row][column]. */
static void turn_planes(struct mat_bytes *x)
{
    size_t planes = x->shape[3] * SVHN_CHANNELS;
    for (size_t p = 0; p < planes; p++) {
        unsigned char *plane = x->bytes + p * SVHN_SIDE * SVHN_SIDE;
        for (size_t row = 0; row < SVHN_SIDE; row++)
            for (size_t column = row + 1; column < SVHN_SIDE; column++) {
                unsigned char kept = plane[row * SVHN_SIDE + column];
                plane[row * SVHN_SIDE + column] = plane[column * SVHN_SIDE + row];
                plane[column * SVHN_SIDE + row] = kept;
            }
    }
}

static enum outcome svhn_part(const char *place, const char *name, struct images *ret,
                              struct error *error)
{
    struct mat_bytes x = {.bytes = NULL}, y = {.bytes = NULL};
    char *path = NULL;
    enum outcome outcome = bundle_path(place, name, &path, error);
    if (outcome == OUTCOME_DONE)
        outcome = mat_file_read(path, "X", &x, error);
    if (outcome == OUTCOME_DONE)
        outcome = mat_file_read(path, "y", &y, error);
    if (outcome == OUTCOME_DONE)
        outcome = check_svhn(path, &x, &y, error);
    free(path);
    if (outcome != OUTCOME_DONE) {
        free(x.bytes);
        free(y.bytes);
        return outcome;
    }
    turn_planes(&x);
    for (size_t i = 0; i < x.shape[3]; i++)
        y.bytes[i] %= SVHN_CLASSES;
    *ret = (struct images){.pixels = x.bytes,
                           .labels = y.bytes,
                           .count = x.shape[3],
                           .c = SVHN_CHANNELS,
                           .h = SVHN_SIDE,
                           .w = SVHN_SIDE};
    return OUTCOME_DONE;
}

enum outcome images_svhn(const struct dataset_request *request, struct dataset *set,
                         struct error *error)
{
    struct images parts[2] = {{.pixels = NULL}, {.pixels = NULL}};
    enum outcome outcome = svhn_part(request->place, request->info->train, &parts[0], error);
    if (outcome == OUTCOME_DONE)
        outcome = svhn_part(request->place, request->info->test, &parts[1], error);
    if (outcome == OUTCOME_DONE)
        outcome = images_to_set(request, parts, NULL, SVHN_CLASSES, set, error);
    images_clear(&parts[0]);
    images_clear(&parts[1]);
    return outcome;
}

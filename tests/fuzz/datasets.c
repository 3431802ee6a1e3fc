/* datasets.c - the files of data sets: idx, CIFAR's records, tar archives, MATLAB's files, Adult's
 * lines, reviews, plain text. The first byte chooses the set, the next two say how long the first
 * of two files is (little-endian); where nothing is left for the second, it is the first again. */
#define _GNU_SOURCE /* nftw */
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "fuzz.h"

enum { NAMES = 4 };

/* Names below a folder, and which of the two files each of them is. */
static const struct layout {
    const char *set;
    struct {
        const char *path;
        unsigned place;
    } files[NAMES];
} layouts[] = {
    {"mnist",
     {{"train-images-idx3-ubyte", 0},
      {"train-labels-idx1-ubyte", 1},
      {"t10k-images-idx3-ubyte", 0},
      {"t10k-labels-idx1-ubyte", 1}}},
    {"cifar10", {{"cifar10/data_batch_1.bin", 0}, {"cifar10/test_batch.bin", 1}}},
    {"cifar100",
     {{"cifar100/train.bin", 0}, {"cifar100/test.bin", 1}, {"cifar100/fine_label_names.txt", 1}}},
    {"svhn", {{"svhn/train_32x32.mat", 0}, {"svhn/test_32x32.mat", 1}}},
    {"adult", {{"adult/adult.data", 0}, {"adult/adult.test", 1}}},
    {"imdb",
     {{"aclImdb/train/neg/0_1.txt", 0},
      {"aclImdb/train/pos/0_9.txt", 1},
      {"aclImdb/test/neg/0_1.txt", 1},
      {"aclImdb/test/pos/0_9.txt", 0}}},
    {"cifar10", {{"cifar-10-binary.tar.gz", 0}}},
    {"imdb", {{"aclImdb_v1.tar.gz", 0}}},
    {"text", {{NULL, 0}}},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static char folder[] = "/tmp/fuzz-datasets-XXXXXX";

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Make a name of a layout lead to one of the two files, and the folders above it. */
static void lead(size_t layout, const char *name, const char *file)
{
    char path[256];
    int top = snprintf(path, sizeof path, "%s/%zu/%s", folder, layout, name);
    FUZZ_DEMAND(top > 0 && (size_t)top < sizeof path);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FUZZ_DEMAND(symlink(file, path) == 0);
}

/* Once: folders whose files are links to the files of the bytes. */
static void make_folders(void)
{
    static bool made;
    if (made)
        return;
    made = true;
    FUZZ_DEMAND(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    for (size_t i = 0; i < LAYOUTS; i++)
        for (size_t j = 0; j < NAMES && layouts[i].files[j].path; j++)
            lead(i, layouts[i].files[j].path,
                 fuzz_file_at(layouts[i].files[j].place, (const uint8_t *)"", 0));
}

static void check_part(const struct dataset *set, const struct dataset_part *part)
{
    FUZZ_DEMAND(part->count > 0);
    for (size_t i = 0; i < part->count; i++) {
        const float *row = dataset_row(part, i);
        FUZZ_DEMAND(part->labels[i] < set->classes);
        for (size_t j = 0; j < set->d; j++)
            FUZZ_DEMAND(isfinite(row[j]) &&
                        (!set->symbols || (row[j] >= 0 && row[j] < (float)set->symbols)));
    }
}

static void check_set(const struct dataset *set)
{
    FUZZ_DEMAND(set->d > 0 && set->classes > 0);
    FUZZ_DEMAND(set->c == 0 || set->c * set->h * set->w == set->d);
    for (size_t i = 0; i < set->classes; i++)
        FUZZ_DEMAND(set->class_names[i] != NULL);
    check_part(set, &set->train);
    check_part(set, &set->test);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t chosen = data[0] % LAYOUTS, first = data[1] | (size_t)data[2] << 8;
    const struct layout *layout = &layouts[chosen];
    struct dataset set = {.d = 77};
    struct dataset_options options = {.seed = 1};
    struct error error = {""};
    char path[64];
    data += 3;
    size -= 3;
    first = first < size ? first : size;
    make_folders();
    const char *text = fuzz_file_at(0, data, first);
    fuzz_file_at(1, first < size ? data + first : data, first < size ? size - first : size);
    options.text = strcmp(layout->set, "text") == 0 ? text : NULL;
    snprintf(path, sizeof path, "%s/%zu", folder, chosen);
    enum outcome outcome = dataset_load(layout->set, path, &options, &set, &error);
    if (outcome == OUTCOME_DONE) {
        check_set(&set);
        dataset_clear(&set);
    } else {
        fuzz_failed(outcome, &error);
        FUZZ_DEMAND(set.d == 77 && set.info == NULL);
    }
    return 0;
}

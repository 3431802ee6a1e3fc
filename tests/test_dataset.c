/* test_dataset.c - data sets: fixtures in the official formats made byte by byte, damaged ones,
 * options, and the real files where $MIDL_DATA leads to them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/rng.h"
#include "data/dataset.h"

#include <cmocka.h>

#include "scratch.h"

/* ---- Asking ---------------------------------------------------------------------------------- */

static struct dataset load(const char *name, const char *folder,
                           const struct dataset_options *options)
{
    struct dataset set = {.info = NULL};
    struct error error = {""};
    if (dataset_load(name, folder, options, &set, &error) != OUTCOME_DONE)
        fail_msg("%s: %s", name, error.text);
    return set;
}

/* Refused with these words, and *ret untouched. */
static void assert_refused(const char *name, const char *folder,
                           const struct dataset_options *options, const char *words)
{
    struct dataset set = {.d = 4711};
    struct error error = {""};
    enum outcome outcome = dataset_load(name, folder, options, &set, &error);
    assert_error(name, outcome, OUTCOME_USAGE, &error, words);
    assert_true(set.d == 4711 && set.info == NULL);
}

static void assert_same_part(const struct dataset_part *a, const struct dataset_part *b, size_t d)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->labels, b->labels, a->count * sizeof *a->labels);
    for (size_t i = 0; i < a->count; i++)
        assert_memory_equal(dataset_row(a, i), dataset_row(b, i), d * sizeof(float));
}

/* ---- Made here ------------------------------------------------------------------------------- */

static void test_made(void **state)
{
    (void)state;
    static const char *const names[] = {"teacher", "clusters", "chance"};
    struct dataset_options options = {.train_size = 300, .test_size = 100};
    for (size_t n = 0; n < 3; n++) {
        struct dataset set = load(names[n], NULL, &options), again = load(names[n], NULL, &options);
        assert_string_equal(set.info->name, names[n]);
        assert_int_equal(set.train.count, 300);
        assert_int_equal(set.test.count, 100);
        assert_same_part(&set.train, &again.train, set.d);
        assert_same_part(&set.test, &again.test, set.d);
        assert_true(memcmp(set.train.x, set.test.x, set.d * sizeof(float)) != 0);
        size_t seen[16] = {0}, most = 0;
        for (size_t i = 0; i < set.train.count; i++) {
            assert_true(set.train.labels[i] < set.classes);
            seen[set.train.labels[i]]++;
        }
        for (size_t c = 0; c < set.classes; c++)
            most = seen[c] > most ? seen[c] : most;
        assert_true(most < 200); /* no class is nearly everything */
        dataset_clear(&set);
        dataset_clear(&again);
    }
}

/* The clusters are what they are described as: 12 away from the origin along the centre, and
 * standard normal within 16 of 512 dimensions. */
static void test_clusters(void **state)
{
    (void)state;
    struct dataset set =
        load("clusters", NULL, &(struct dataset_options){.train_size = 2000, .test_size = 1});
    double squares = 0;
    for (size_t i = 0; i < 2000 * set.d; i++)
        squares += (double)set.train.x[i] * (double)set.train.x[i];
    assert_int_equal(set.d, 512);
    assert_int_equal(set.classes, 4);
    assert_true(fabs(squares / 2000 - (144 + 16)) < 3); /* |x|^2 = 12^2 + 16, on average */
    dataset_clear(&set);
}

/* ---- Options --------------------------------------------------------------------------------- */

static void test_label_noise(void **state)
{
    (void)state;
    struct dataset_options options = {.train_size = 4000, .test_size = 50};
    struct dataset clean = load("teacher", NULL, &options);
    options.label_noise = 0.25;
    struct dataset noisy = load("teacher", NULL, &options);
    size_t changed = 0;
    for (size_t i = 0; i < 4000; i++) {
        assert_true(noisy.train.labels[i] < noisy.classes);
        changed += clean.train.labels[i] != noisy.train.labels[i];
    }
    assert_in_range(changed, 890, 1110); /* 1000, and 4 standard deviations */
    assert_same_part(&clean.test, &noisy.test, clean.d);
    dataset_clear(&noisy);
    options.label_noise = 1.0;
    noisy = load("teacher", NULL, &options);
    for (size_t i = 0; i < 4000; i++)
        assert_true(clean.train.labels[i] != noisy.train.labels[i]);
    dataset_clear(&clean);
    dataset_clear(&noisy);
}

static void assert_noise(const struct dataset_part *clean, const struct dataset_part *noisy,
                         size_t d, double sigma)
{
    double squares = 0, elements = (double)clean->count * (double)d;
    for (size_t i = 0; i < clean->count * d; i++)
        squares += pow((double)noisy->x[i] - (double)clean->x[i], 2);
    assert_true(fabs(sqrt(squares / elements) - sigma) < 0.05 * sigma + 1e-12);
}

static void test_input_noise(void **state)
{
    (void)state;
    struct dataset_options options = {.train_size = 200, .test_size = 200};
    struct dataset clean = load("teacher", NULL, &options);
    options.test_noise = 0.5;
    struct dataset noisy = load("teacher", NULL, &options);
    assert_same_part(&clean.train, &noisy.train, clean.d);
    assert_noise(&clean.test, &noisy.test, clean.d, 0.5);
    dataset_clear(&noisy);
    options = (struct dataset_options){.train_size = 200, .test_size = 200, .train_noise = 2.0};
    noisy = load("teacher", NULL, &options);
    assert_same_part(&clean.test, &noisy.test, clean.d);
    assert_noise(&clean.train, &noisy.train, clean.d, 2.0);
    dataset_clear(&clean);
    dataset_clear(&noisy);
}

static void test_refused(void **state)
{
    (void)state;
    unsetenv("MIDL_DATA");
    assert_refused("mnits", NULL, NULL, "did you mean mnist?");
    assert_refused("mnist", NULL, NULL, "give --data DIR or set MIDL_DATA");
    assert_refused("mnist", scratch_folder, NULL, "yann.lecun.com");
    assert_refused("teacher", NULL, &(struct dataset_options){.label_noise = 1.5}, "0 to 1");
    assert_refused("teacher", NULL, &(struct dataset_options){.label_noise = NAN}, "0 to 1");
    assert_refused("teacher", NULL, &(struct dataset_options){.test_noise = -1}, "input noise");
    assert_refused("teacher", NULL, &(struct dataset_options){.text = "x"}, "data set text");
}

/* ---- MNIST ----------------------------------------------------------------------------------- */

enum { TRAIN = 40, TEST = 12, MNIST_D = 28 * 28 };

static void put_big_endian(uint32_t value, unsigned char *ret)
{
    for (int i = 0; i < 4; i++)
        ret[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Write an idx pair; `gzip` by zlib's writer. */
static void write_bytes(const char *name, bool gzip, const unsigned char *bytes, size_t count)
{
    if (!gzip) {
        scratch_file(name, bytes, count);
        return;
    }
    gzFile file = gzopen(scratch_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)count), (int)count);
    assert_int_equal(gzclose(file), Z_OK);
}

static void write_mnist(const char *stem, size_t count, bool gzip, uint64_t seed)
{
    static unsigned char images[16 + TRAIN * MNIST_D], labels[8 + TRAIN];
    char name[2][64];
    struct rng rng = rng_seed(seed);
    put_big_endian(0x803, images);
    put_big_endian((uint32_t)count, images + 4);
    put_big_endian(28, images + 8);
    put_big_endian(28, images + 12);
    put_big_endian(0x801, labels);
    put_big_endian((uint32_t)count, labels + 4);
    for (size_t i = 0; i < count * MNIST_D; i++)
        images[16 + i] = (unsigned char)rng_below(&rng, 256);
    for (size_t i = 0; i < count; i++)
        labels[8 + i] = (unsigned char)(i % 10);
    snprintf(name[0], sizeof name[0], "%s-images-idx3-ubyte%s", stem, gzip ? ".gz" : "");
    snprintf(name[1], sizeof name[1], "%s-labels-idx1-ubyte%s", stem, gzip ? ".gz" : "");
    write_bytes(name[0], gzip, images, 16 + count * MNIST_D);
    write_bytes(name[1], gzip, labels, 8 + count);
}

static void remove_files(void)
{
    void *none = NULL;
    scratch_end(&none);
    assert_int_equal(mkdir(scratch_folder, 0755), 0);
}

static void test_mnist(void **state)
{
    (void)state;
    write_mnist("train", TRAIN, false, 5);
    write_mnist("t10k", TEST, false, 6);
    struct dataset plain = load("mnist", scratch_folder, NULL);
    remove_files();
    write_mnist("train", TRAIN, true, 5);
    write_mnist("t10k", TEST, true, 6);
    struct dataset set = load("mnist", scratch_folder, NULL);
    assert_same_part(&plain.train, &set.train, MNIST_D);
    assert_same_part(&plain.test, &set.test, MNIST_D);
    assert_int_equal(set.d, MNIST_D);
    assert_true(set.c == 1 && set.h == 28 && set.w == 28 && set.classes == 10);
    assert_string_equal(set.class_names[7], "7");
    assert_string_equal(set.place, scratch_folder);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < TRAIN * MNIST_D; i++) {
        sum += (double)set.train.x[i];
        squares += (double)set.train.x[i] * (double)set.train.x[i];
    }
    assert_true(fabs(sum / (TRAIN * MNIST_D)) < 1e-4);
    assert_true(fabs(squares / (TRAIN * MNIST_D) - 1) < 1e-4);
    dataset_clear(&plain);
    dataset_clear(&set);
    remove_files();
}

/* A subset is one of the whole's rows, in order, by seed. */
static void test_subset(void **state)
{
    (void)state;
    write_mnist("train", TRAIN, false, 5);
    write_mnist("t10k", TEST, false, 6);
    struct dataset_options options = {.train_size = 9, .test_size = 3, .seed = 1};
    struct dataset a = load("mnist", scratch_folder, &options);
    struct dataset same = load("mnist", scratch_folder, &options);
    options.seed = 2;
    struct dataset other = load("mnist", scratch_folder, &options);
    assert_int_equal(a.train.count, 9);
    assert_int_equal(a.test.count, 3);
    assert_same_part(&a.train, &same.train, MNIST_D);
    assert_true(memcmp(a.train.labels, other.train.labels, 9 * sizeof *a.train.labels) != 0);
    dataset_clear(&a);
    dataset_clear(&same);
    dataset_clear(&other);
    options.train_size = TRAIN + 1;
    assert_refused("mnist", scratch_folder, &options, "41 training examples are wanted");
    remove_files();
}

static void test_mnist_refused(void **state)
{
    (void)state;
    unsigned char labels[8 + TRAIN] = {0, 0, 8, 1, 0, 0, 0, TRAIN};
    const char *name = "train-labels-idx1-ubyte";
    write_mnist("train", TRAIN, false, 5);
    write_mnist("t10k", TEST, false, 6);
    labels[8 + 17] = 10;
    scratch_file(name, labels, sizeof labels);
    assert_refused("mnist", scratch_folder, NULL, "offset 25: label 10");
    labels[8 + 17] = 9;
    labels[7] = TRAIN - 1;
    scratch_file(name, labels, sizeof labels - 1);
    assert_refused("mnist", scratch_folder, NULL, "offset 4: 39 labels for the 40 images");
    scratch_file(name, labels, sizeof labels - 2);
    assert_refused("mnist", scratch_folder, NULL, "offset 46: the idx data ends here");
    labels[3] = 3;
    scratch_file(name, labels, sizeof labels);
    assert_refused("mnist", scratch_folder, NULL, "give the file with the labels");
    labels[0] = 1;
    scratch_file(name, labels, sizeof labels);
    assert_refused("mnist", scratch_folder, NULL, "offset 0: not idx");
    remove_files();
}

/* ---- Real files ------------------------------------------------------------------------------ */

static const char *data_folder;

static void test_real_mnist(void **state)
{
    (void)state;
    struct dataset set = {.info = NULL};
    struct error error = {""};
    if (!data_folder || dataset_load("mnist", data_folder, NULL, &set, &error) != OUTCOME_DONE)
        skip();
    static const uint32_t first[] = {5, 0, 4, 1, 9};
    assert_memory_equal(set.train.labels, first, sizeof first);
    dataset_clear(&set);
}

static int begin(void **state)
{
    const char *folder = getenv("MIDL_DATA");
    data_folder = folder ? strdup(folder) : NULL; /* a test unsets it */
    return scratch_begin(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_label_noise), cmocka_unit_test(test_input_noise),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_mnist),
        cmocka_unit_test(test_subset),      cmocka_unit_test(test_mnist_refused),
        cmocka_unit_test(test_real_mnist),
    };
    return cmocka_run_group_tests(tests, begin, scratch_end);
}

/* test_dataset.c - data sets: fixtures in the official formats made byte by byte, damaged ones,
 * options, and the real files where $MIDL_DATA leads to them. */
#define _GNU_SOURCE /* nftw */
#include <ftw.h>
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
    assert_refused("mnist", NULL, NULL, "set MIDL_DATA, or give --data DIR");
    assert_refused("mnist", scratch_folder, NULL, "yann.lecun.com");
    assert_refused("teacher", NULL, &(struct dataset_options){.label_noise = 1.5}, "0 to 1");
    assert_refused("teacher", NULL, &(struct dataset_options){.label_noise = NAN}, "0 to 1");
    assert_refused("teacher", NULL, &(struct dataset_options){.test_noise = -1}, "input noise");
    assert_refused("teacher", NULL, &(struct dataset_options){.text = "x"}, "data set text");
}

/* ---- Files of fixtures ----------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* Empty the folder, folders in it included. */
static void remove_files(void)
{
    assert_int_equal(nftw(scratch_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    assert_int_equal(mkdir(scratch_folder, 0755), 0);
}

/* Make the folders of a path below the scratch folder. */
static void make_folders(const char *path)
{
    char part[256];
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(scratch_path(part), 0755);
    }
}

/* Write a file, through gzip if asked. */
static void write_bytes(const char *name, bool gzip, const void *bytes, size_t count)
{
    make_folders(name);
    if (!gzip) {
        scratch_file(name, bytes, count);
        return;
    }
    gzFile file = gzopen(scratch_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)count), (int)count);
    assert_int_equal(gzclose(file), Z_OK);
}

static void write_text(const char *name, const char *text)
{
    write_bytes(name, false, text, strlen(text));
}

/* ---- MNIST ----------------------------------------------------------------------------------- */

enum { TRAIN = 40, TEST = 12, MNIST_D = 28 * 28 };

static void put_big_endian(uint32_t value, unsigned char *ret)
{
    for (int i = 0; i < 4; i++)
        ret[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* Write the pair of files of a part. */
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

/* ---- CIFAR ----------------------------------------------------------------------------------- */

enum { CIFAR_D = 3072 };

/* Records with `label_bytes` labels; the pixel is the same all over a plane. */
static size_t make_cifar(size_t label_bytes, size_t count, unsigned char *ret)
{
    unsigned char *at = ret;
    for (size_t i = 0; i < count; i++) {
        for (size_t l = 0; l < label_bytes; l++)
            *at++ = (unsigned char)(l + 1 == label_bytes ? (7 * i + 3) % 10 : 19);
        for (size_t plane = 0; plane < 3; plane++, at += 1024)
            memset(at, (int)(10 * i + plane), 1024);
    }
    return (size_t)(at - ret);
}

static unsigned char cifar[8 * (2 + CIFAR_D)];

static void write_cifar(const char *folder)
{
    static const char names[] = "air\nauto\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    char name[128];
    size_t bytes = make_cifar(1, 5, cifar);
    snprintf(name, sizeof name, "%s/data_batch_2.bin.gz", folder);
    write_bytes(name, true, cifar + 2 * (1 + CIFAR_D), bytes - 2 * (1 + CIFAR_D));
    snprintf(name, sizeof name, "%s/data_batch_1.bin", folder);
    write_bytes(name, false, cifar, 2 * (1 + CIFAR_D));
    snprintf(name, sizeof name, "%s/test_batch.bin", folder);
    write_bytes(name, false, cifar, 1 + CIFAR_D);
    snprintf(name, sizeof name, "%s/batches.meta.txt", folder);
    write_text(name, names);
}

/* Several batch files, one of them gzip, in the official folder. */
static void test_cifar10(void **state)
{
    (void)state;
    static const uint32_t labels[] = {3, 0, 7, 4, 1};
    write_cifar("cifar-10-batches-bin");
    struct dataset set = load("cifar10", scratch_folder, NULL);
    assert_int_equal(set.train.count, 5);
    assert_int_equal(set.test.count, 1);
    assert_memory_equal(set.train.labels, labels, sizeof labels);
    assert_string_equal(set.class_names[9], "truck");
    for (size_t i = 0; i < 5; i++) { /* pixels 0 10 20 30 40 less 20, by sqrt(200) */
        double expected = (10.0 * (double)i - 20) / sqrt(200);
        assert_true(fabs((double)dataset_row(&set.train, i)[0] - expected) < 1e-5);
        assert_true(fabs((double)dataset_row(&set.train, i)[CIFAR_D - 1] - expected) < 1e-5);
    }
    dataset_clear(&set);
    remove_files();
}

static void test_cifar100(void **state)
{
    (void)state;
    size_t bytes = make_cifar(2, 4, cifar);
    write_bytes("cifar100/train.bin", false, cifar, bytes);
    write_bytes("cifar100/test.bin", false, cifar, bytes / 2);
    struct dataset set = load("cifar100", scratch_folder, NULL);
    assert_int_equal(set.classes, 100);
    assert_int_equal(set.train.labels[1], 0); /* the fine label, not 19 */
    assert_string_equal(set.class_names[99], "99");
    dataset_clear(&set);
    remove_files();
}

static void test_cifar_refused(void **state)
{
    (void)state;
    write_cifar("cifar10");
    write_bytes("cifar10/test_batch.bin", false, cifar, 2 * (1 + CIFAR_D) - 1);
    assert_refused("cifar10", scratch_folder, NULL,
                   "test_batch.bin: offset 3073: a record of 3073 bytes is cut off");
    write_text("cifar10/test_batch.bin", "");
    assert_refused("cifar10", scratch_folder, NULL, "the file is empty");
    cifar[1 + CIFAR_D] = 10;
    write_bytes("cifar10/test_batch.bin", false, cifar, 2 * (1 + CIFAR_D));
    assert_refused("cifar10", scratch_folder, NULL, "offset 3073: label 10");
    unlink(scratch_path("cifar10/test_batch.bin"));
    assert_refused("cifar10", scratch_folder, NULL, "lacks test_batch.bin");
    remove_files();
}

/* ---- Archives -------------------------------------------------------------------------------- */

/* One entry of a ustar archive: a header of 512 bytes, the data, zeros up to 512. */
static size_t tar_entry(const char *name, const void *bytes, size_t count, unsigned char *ret)
{
    char *header = (char *)ret;
    unsigned sum = 0;
    memset(ret, 0, 512 + (count + 511) / 512 * 512);
    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "%07o", 0644);
    snprintf(header + 124, 12, "%011o", (unsigned)count);
    memcpy(header + 257, "ustar", 6);
    memcpy(header + 263, "00", 2);
    header[156] = '0';
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += ret[i];
    snprintf(header + 148, 8, "%06o", sum);
    memcpy(ret + 512, bytes, count);
    return 512 + (count + 511) / 512 * 512;
}

/* Four reviews, and a name in front of them. */
static size_t make_reviews(const char *first, unsigned char *ret)
{
    static const char *const names[] = {
        "aclImdb/train/pos/3_9.txt", "aclImdb/train/neg/1_2.txt", "aclImdb/train/pos/0_10.txt",
        "aclImdb/test/neg/0_1.txt",  "aclImdb/test/pos/0_8.txt",  "aclImdb/train/unsup/0_0.txt"};
    static const char *const texts[] = {"Good, good film.<br />Film!",
                                        "A bad film",
                                        "The good: don't miss",
                                        "bad BAD",
                                        "nothing known",
                                        "not read"};
    size_t at = first ? tar_entry(first, "x", 1, ret) : 0;
    for (size_t i = 0; i < 6; i++)
        at += tar_entry(names[i], texts[i], strlen(texts[i]), ret + at);
    memset(ret + at, 0, 1024);
    return at + 1024;
}

static unsigned char tar[32768];

static bool can_read_archives(void)
{
    char *place = NULL, missing[DATASET_MISSING_SIZE];
    struct error error;
    write_bytes("aclImdb_v1.tar.gz", true, tar, make_reviews(NULL, tar));
    assert_int_equal(dataset_locate(dataset_find("imdb"), scratch_folder, &place, missing, &error),
                     OUTCOME_DONE);
    bool can = place != NULL;
    if (!can)
        assert_non_null(strstr(missing, "without libarchive"));
    free(place);
    return can;
}

/* TF-IDF computed by hand. Words in order: a bad don't film good miss the; N = 3. */
static void assert_reviews(const struct dataset *set)
{
    static const uint32_t labels[] = {0, 1, 1};
    double film = log(1.0 + 2) * (log(3.0 / 3) + 1), good = film;
    double scale = 0.5 * sqrt(4000) / sqrt(film * film + good * good);
    const float *row = dataset_row(&set->train, 2);
    assert_int_equal(set->train.count, 3);
    assert_int_equal(set->d, 4000);
    assert_memory_equal(set->train.labels, labels, sizeof labels);
    for (size_t j = 0; j < set->d; j++) {
        double expected = j == 3 ? film * scale : j == 4 ? good * scale : 0;
        assert_true(fabs((double)row[j] - expected) < 1e-4);
    }
    assert_true(fabs((double)dataset_row(&set->test, 0)[1] - 0.5 * sqrt(4000)) < 1e-3);
    for (size_t j = 0; j < set->d; j++)
        assert_true(dataset_row(&set->test, 1)[j] == 0.0f); /* no word of it is known */
    assert_string_equal(set->class_names[0], "negative");
}

static void write_reviews(const char *folder)
{
    size_t bytes = make_reviews(NULL, tar);
    for (size_t at = 0; at + 1024 < bytes;) {
        char name[256];
        size_t count = strtoul((char *)tar + at + 124, NULL, 8);
        snprintf(name, sizeof name, "%s%s", folder, (char *)tar + at);
        write_bytes(name, false, tar + at + 512, count);
        at += 512 + (count + 511) / 512 * 512;
    }
}

static void test_imdb(void **state)
{
    (void)state;
    write_reviews("imdb/");
    struct dataset tree = load("imdb", scratch_folder, NULL);
    assert_reviews(&tree);
    remove_files();
    if (can_read_archives()) {
        struct dataset packed = load("imdb", scratch_folder, NULL);
        assert_reviews(&packed);
        assert_same_part(&tree.train, &packed.train, tree.d);
        assert_same_part(&tree.test, &packed.test, tree.d);
        dataset_clear(&packed);
    }
    dataset_clear(&tree);
    remove_files();
}

static void test_archive_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"aclImdb/../../x.txt", "..", "/etc/x", "../aclImdb/x",
                                        "aclImdb/train/pos/.."};
    if (!can_read_archives())
        skip();
    for (size_t i = 0; i < 5; i++) {
        write_bytes("aclImdb_v1.tar.gz", true, tar, make_reviews(names[i], tar));
        assert_refused("imdb", scratch_folder, NULL, "leads out of the archive's folder");
    }
    size_t bytes = make_reviews(NULL, tar);
    write_bytes("aclImdb_v1.tar.gz", true, tar, 512 + 3); /* cut within a file */
    assert_refused("imdb", scratch_folder, NULL, "no readable tar archive");
    write_bytes("aclImdb_v1.tar.gz", true, tar, 1024); /* one file only */
    assert_refused("imdb", scratch_folder, NULL, "there is no train/neg/*.txt");
    memcpy(tar + 124, "77777777777", 11); /* announces 8 GiB; the header's sum no longer fits */
    write_bytes("aclImdb_v1.tar.gz", true, tar, bytes);
    assert_refused("imdb", scratch_folder, NULL, "no readable tar archive");
    write_text("aclImdb_v1.tar.gz", "\x1f\x8b\x08 and then nothing of the kind");
    assert_refused("imdb", scratch_folder, NULL, "offset ");
    write_text("aclImdb_v1.tar.gz", "");
    assert_refused("imdb", scratch_folder, NULL, "aclImdb_v1.tar.gz");
    remove_files();
}

/* A file that goes on: gzip of 64 MiB of zeros behind a header of a review. */
static void test_archive_bomb(void **state)
{
    (void)state;
    if (!can_read_archives())
        skip();
    unsigned char *bomb = calloc(1, 512 + (64u << 20));
    assert_non_null(bomb);
    char *data = calloc(1, 64u << 20);
    assert_non_null(data);
    size_t count = tar_entry("aclImdb/train/pos/1_9.txt", data, 64u << 20, bomb);
    write_bytes("aclImdb_v1.tar.gz", true, bomb, count);
    assert_refused("imdb", scratch_folder, NULL, "more than 16777216 bytes");
    free(bomb);
    free(data);
    remove_files();
}

/* ---- Adult ----------------------------------------------------------------------------------- */

#define ADULT_LINE(age, work, label)                                                               \
    age ", " work ", 100, Bachelors, 13, Single, Clerk, Child, White, Male, 0, 0, 40, "            \
        "There, " label

static void write_adult(const char *train, const char *test)
{
    write_text("adult/adult.data", train);
    write_text("adult/adult.test", test);
}

static const char adult_test[] =
    "|1x3 Cross validator\n" ADULT_LINE("30", "Unheard-of", ">50K.") "\n\n";

static void test_adult(void **state)
{
    (void)state;
    write_adult(ADULT_LINE("20", "State-gov", "<=50K") "\r\n" ADULT_LINE(
                    "40", "?", ">50K") "\n" ADULT_LINE("?", "Private", "<=50K") "\n\n",
                adult_test);
    struct dataset set = load("adult", scratch_folder, NULL);
    static const uint32_t labels[] = {0, 1, 0};
    static const float work[][3] = {{0, 0, 1}, {1, 0, 0}, {0, 1, 0}}; /* ? Private State-gov */
    assert_int_equal(set.d, 6 + 3 + 7);
    assert_int_equal(set.train.count, 3);
    assert_memory_equal(set.train.labels, labels, sizeof labels);
    assert_int_equal(set.test.labels[0], 1);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(dataset_row(&set.train, i) + 1, work[i], sizeof work[i]);
    /* Ages 20, 40 and the mean in place of the missing one: 30, deviation sqrt(200 / 3). */
    assert_true(fabs((double)dataset_row(&set.train, 0)[0] + 10 / sqrt(200.0 / 3)) < 1e-6);
    assert_true(fabsf(dataset_row(&set.train, 2)[0]) < 1e-6f);
    assert_true(fabsf(dataset_row(&set.test, 0)[0]) < 1e-6f);
    for (size_t j = 1; j < 4; j++)
        assert_true(dataset_row(&set.test, 0)[j] == 0.0f);
    dataset_clear(&set);
    remove_files();
}

static void test_adult_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"1, 2, 3", "adult.data: offset 0: a line has 3 fields, expected 15"},
        {ADULT_LINE("20", "State-gov", "<=50K") ", more", "more than 15 fields"},
        {ADULT_LINE("2O", "State-gov", "<=50K"), "offset 0: '2O' is no number"},
        {ADULT_LINE("1e999", "State-gov", "<=50K"), "'1e999' is no number"},
        {ADULT_LINE("nan", "State-gov", "<=50K"), "'nan' is no number"},
        {ADULT_LINE("0x27", "State-gov", "<=50K"), "'0x27' is no number"},
        {ADULT_LINE("\"39\"", "State-gov", "<=50K"), "is no number"},
        {ADULT_LINE("20", "State-gov", "=50K"), "'=50K' is no label"},
        {ADULT_LINE("20", "State-gov", "<=50K.x"), "'<=50K.x' is no label"},
        {"|only a comment\n", "no records"},
        {"", "no records"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_adult(cases[i].line, adult_test);
        assert_refused("adult", scratch_folder, NULL, cases[i].words);
    }
    write_adult(adult_test, adult_test);
    write_bytes("adult/adult.data", false, "39, St\0ate", 10);
    assert_refused("adult", scratch_folder, NULL, "offset 6: a zero byte");
    char *commas = malloc(10u << 20); /* ten million columns end at the sixteenth */
    assert_non_null(commas);
    memset(commas, ',', 10u << 20);
    write_bytes("adult/adult.data", false, commas, 10u << 20);
    assert_refused("adult", scratch_folder, NULL, "offset 15: a line has more than 15 fields");
    free(commas);
    remove_files();
}

/* ---- Text ------------------------------------------------------------------------------------ */

static void test_text(void **state)
{
    (void)state;
    char text[1001] = "", path[512];
    for (size_t i = 0; i < 1000; i++)
        text[i] = i % 100 == 99 ? '\n' : i % 3 == 0 ? 'A' : i % 3 == 1 ? 'b' : ' ';
    memcpy(text + 300, "\xc3\xa9", 2); /* one character of two bytes */
    snprintf(path, sizeof path, "%s", scratch_path("some.txt"));
    write_text("some.txt", text);
    struct dataset_options options = {.text = path};
    struct dataset set = load("text", NULL, &options);
    assert_int_equal(set.symbols, 5); /* \n, blank, a, b, other */
    assert_int_equal(set.classes, 5);
    assert_int_equal(set.d, 16);
    assert_int_equal(set.train.count, 900 - 1 - 16);
    assert_int_equal(set.test.count, 100 - 16);
    assert_true(set.train.x[0] == 2 && set.train.x[1] == 3 && set.train.x[2] == 1);
    assert_true(set.train.x[99] == 0 && set.train.x[300] == 4);
    for (size_t i = 0; i < set.train.count; i++)
        assert_true((float)set.train.labels[i] == dataset_row(&set.train, i)[16]);
    assert_string_equal(set.class_names[2], "a");
    dataset_clear(&set);
    options.train_size = 100;
    options.test_size = 10;
    set = load("text", NULL, &options);
    assert_int_equal(set.train.count, 100);
    assert_int_equal(set.test.count, 10);
    assert_int_equal(set.test.stride, 8);
    for (size_t i = 0; i < set.test.count; i++)
        assert_true((float)set.test.labels[i] == dataset_row(&set.test, i)[16]);
    dataset_clear(&set);
    options.train_size = 5000;
    assert_refused("text", NULL, &options, "too short for 5000 places");
    options = (struct dataset_options){.text = path, .test_noise = 1};
    assert_refused("text", NULL, &options, "no Gaussian noise");
    options.text = "/nowhere/at/all";
    assert_refused("text", NULL, &options, "/nowhere/at/all");
    write_text("some.txt", "tiny");
    options.text = path;
    assert_refused("text", NULL, &options, "too short");
    remove_files();
}

static void test_text_of_reviews(void **state)
{
    (void)state;
    write_reviews("");
    struct dataset_options options = {.train_size = 1};
    unlink(scratch_path("aclImdb/test/pos/0_8.txt"));
    write_text("aclImdb/test/pos/0_8.txt", "a good film, and not a bad one at all");
    struct dataset set = load("text", scratch_folder, &options);
    assert_string_equal(set.class_names[(size_t)set.train.x[0]], "a"); /* "a bad film\nthe good" */
    assert_string_equal(set.class_names[set.train.labels[0]], "o");
    dataset_clear(&set);
    remove_files();
}

/* ---- SVHN ------------------------------------------------------------------------------------ */

static size_t put_little(uint32_t value, unsigned char *ret)
{
    for (int i = 0; i < 4; i++)
        ret[i] = (unsigned char)(value >> (8 * i));
    return 4;
}

/* A data element: type, bytes, data, zeros up to 8. */
static size_t put_element(uint32_t type, const void *data, size_t bytes, unsigned char *ret)
{
    put_little(type, ret);
    put_little((uint32_t)bytes, ret + 4);
    memset(ret + 8, 0, (bytes + 7) / 8 * 8);
    memcpy(ret + 8, data, bytes);
    return 8 + (bytes + 7) / 8 * 8;
}

/* Where an array's bytes are damaged before they are compressed, so that only its reader can tell;
 * 0: nowhere. */
static size_t damage_at;
static unsigned char damage_with;

/* An array of this class (6 double, 9 uint8) whose values are stored in bytes, compressed. */
static size_t put_array(const char *name, uint32_t array_class, const int32_t *dims, size_t rank,
                        const void *data, size_t bytes, unsigned char *ret)
{
    static unsigned char element[1 << 16];
    unsigned char flags[8] = {(unsigned char)array_class};
    size_t at = 8;
    at += put_element(6, flags, sizeof flags, element + at);
    at += put_element(5, dims, rank * 4, element + at);
    at += put_element(1, name, strlen(name), element + at);
    at += put_element(2, data, bytes, element + at);
    put_little(14, element);
    put_little((uint32_t)at - 8, element + 4);
    if (damage_at && damage_at < at)
        element[damage_at] ^= damage_with;
    uLongf packed = 1 << 16;
    assert_int_equal(compress(ret + 8, &packed, element, at), Z_OK);
    put_little(15, ret);
    put_little((uint32_t)packed, ret + 4);
    return 8 + packed;
}

enum { SVHN_IMAGES = 3, SVHN_D = 32 * 32 * 3 };

/* Images whose pixel is (row + 2 column + 40 channel + 10 image) % 256, labels 1, 10, 9. */
static size_t make_svhn(int32_t images, unsigned char *ret)
{
    static unsigned char pixels[SVHN_IMAGES * SVHN_D];
    static const unsigned char labels[] = {1, 10, 9};
    int32_t x_dims[] = {32, 32, 3, images}, y_dims[] = {SVHN_IMAGES, 1};
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] =
            (unsigned char)(i % 32 + 2 * (i / 32 % 32) + 40 * (i / 1024 % 3) + 10 * (i / SVHN_D));
    memset(ret, ' ', 124);
    memcpy(ret + 124, "\x00\x01IM", 4);
    size_t at = 128;
    at += put_array("X", 9, x_dims, 4, pixels, sizeof pixels, ret + at);
    at += put_array("y", 6, y_dims, 2, labels, sizeof labels, ret + at);
    return at;
}

static unsigned char svhn[1 << 17];

static bool write_svhn(void)
{
    char *place = NULL, missing[DATASET_MISSING_SIZE];
    struct error error;
    size_t bytes = make_svhn(SVHN_IMAGES, svhn);
    write_bytes("svhn/train_32x32.mat", false, svhn, bytes);
    write_bytes("svhn/test_32x32.mat", false, svhn, bytes);
    assert_int_equal(dataset_locate(dataset_find("svhn"), scratch_folder, &place, missing, &error),
                     OUTCOME_DONE);
    bool can = place != NULL;
    if (!can)
        assert_non_null(strstr(missing, "without matio"));
    free(place);
    return can;
}

static void test_svhn(void **state)
{
    (void)state;
    static const uint32_t labels[] = {1, 0, 9};
    if (!write_svhn())
        skip();
    struct dataset set = load("svhn", scratch_folder, NULL);
    assert_int_equal(set.train.count, 3);
    assert_memory_equal(set.train.labels, labels, sizeof labels);
    assert_true(set.c == 3 && set.h == 32 && set.w == 32);
    const float *row = dataset_row(&set.train, 1);  /* [channel][row][column] after turning */
    double step = (double)row[32] - (double)row[0]; /* one row further: 1 */
    assert_true(step > 0);
    assert_true(fabs((double)row[1] - (double)row[0] - 2 * step) < 1e-4);
    assert_true(fabs((double)row[5 * 32 + 7] - (double)row[0] - 19 * step) < 1e-4);
    dataset_clear(&set);
    remove_files();
}

static void test_svhn_refused(void **state)
{
    (void)state;
    const char *name = "svhn/train_32x32.mat";
    if (!write_svhn())
        skip();
    size_t bytes = make_svhn(SVHN_IMAGES, svhn);
    write_bytes(name, false, svhn, 100);
    assert_refused("svhn", scratch_folder, NULL, "offset 0: not a MATLAB file");
    write_bytes(name, false, svhn, 131);
    assert_refused("svhn", scratch_folder, NULL, "offset 128: the tag of an element is cut off");
    write_bytes(name, false, svhn, bytes - 1);
    assert_refused("svhn", scratch_folder, NULL, "the file has");
    svhn[200] ^= 0x55;
    write_bytes(name, false, svhn, bytes);
    assert_refused("svhn", scratch_folder, NULL, "offset 128: the compressed element");
    bytes = make_svhn(1000000000, svhn);
    write_bytes(name, false, svhn, bytes);
    assert_refused("svhn", scratch_folder, NULL, "impossible");
    bytes = make_svhn(2, svhn);
    write_bytes(name, false, svhn, bytes);
    assert_refused("svhn", scratch_folder, NULL, "svhn/train_32x32.mat");
    bytes = make_svhn(-1, svhn);
    write_bytes(name, false, svhn, bytes);
    assert_refused("svhn", scratch_folder, NULL, "svhn/train_32x32.mat");
    remove_files();
}

/* ---- Damage anywhere ------------------------------------------------------------------------- */

enum { MUTATIONS = 150 };

/* Loading ends well, or in one line. */
static void load_damaged(const char *name)
{
    struct dataset set = {.info = NULL};
    struct error error = {""};
    enum outcome outcome = dataset_load(name, scratch_folder, NULL, &set, &error);
    assert_true(outcome == OUTCOME_DONE || outcome == OUTCOME_USAGE || outcome == OUTCOME_MACHINE);
    if (outcome == OUTCOME_DONE) {
        assert_string_equal(set.info->name, name);
        dataset_clear(&set);
    } else {
        assert_true(*error.text && !strchr(error.text, '\n'));
    }
}

/* Change some bytes, or cut, or both. */
static size_t mutate(struct rng *rng, unsigned char *bytes, size_t count)
{
    for (size_t changes = rng_below(rng, 4); changes > 0; changes--)
        bytes[rng_below(rng, (uint32_t)count)] = (unsigned char)rng_below(rng, 256);
    if (rng_below(rng, 3) == 0)
        bytes[rng_below(rng, (uint32_t)(count < 256 ? count : 256))] ^= 0xff;
    return rng_below(rng, 4) == 0 ? rng_below(rng, (uint32_t)count) : count;
}

static void mutate_file(const char *set, const char *name, bool gzip, const void *sound,
                        size_t count)
{
    struct rng rng = rng_seed(count);
    unsigned char *bytes = malloc(count);
    assert_non_null(bytes);
    for (size_t i = 0; i < MUTATIONS; i++) {
        memcpy(bytes, sound, count);
        write_bytes(name, gzip, bytes, mutate(&rng, bytes, count));
        load_damaged(set);
    }
    free(bytes);
    remove_files();
}

static void test_mutations(void **state)
{
    (void)state;
    static const char adult[] = ADULT_LINE("20", "State-gov", "<=50K") "\n" ADULT_LINE(
        "40", "?", ">50K") "\n" ADULT_LINE("?", "Private", "<=50K") "\n";
    static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, TEST, 1, 2,
                                           3, 4, 5, 6, 7, 8, 9, 0,    1, 2};
    write_mnist("train", TRAIN, false, 5);
    write_mnist("t10k", TEST, false, 6);
    mutate_file("mnist", "t10k-labels-idx1-ubyte", false, labels, sizeof labels);
    write_cifar("cifar10");
    mutate_file("cifar10", "cifar10/test_batch.bin", false, cifar, 1 + CIFAR_D);
    write_adult(adult, adult_test);
    mutate_file("adult", "adult/adult.data", false, adult, sizeof adult - 1);
    if (can_read_archives()) {
        size_t bytes = make_reviews(NULL, tar);
        mutate_file("imdb", "aclImdb_v1.tar.gz", true, tar, bytes);
    }
}

/* The same for MATLAB's files: outside, and within what is compressed. */
static void test_svhn_mutations(void **state)
{
    (void)state;
    const char *name = "svhn/train_32x32.mat";
    struct rng rng = rng_seed(6);
    if (!write_svhn())
        skip();
    for (size_t i = 0; i < 2 * MUTATIONS; i++) {
        damage_at = 1 + rng_below(&rng, i % 2 ? 96 : 9000);
        damage_with = (unsigned char)(1 + rng_below(&rng, 255));
        size_t bytes = make_svhn(SVHN_IMAGES, svhn);
        damage_at = 0;
        write_bytes(name, false, svhn, bytes);
        load_damaged("svhn");
    }
    size_t bytes = make_svhn(SVHN_IMAGES, svhn);
    mutate_file("svhn", name, false, svhn, bytes);
}

/* ---- Real files ------------------------------------------------------------------------------ */

static const char *data_folder;

/* What data/README.md says of the subsets, where they are; the official files differ in counts. */
static void test_real(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t d, classes;
        double label_mean; /* of the first five training labels */
    } sets[] = {{"mnist", 784, 10, 3.8},
                {"cifar10", 3072, 10, 5.8},
                {"svhn", 3072, 10, 3.4},
                {"adult", 108, 2, 0.0},
                {"imdb", 4000, 2, 0.0}};
    size_t found = 0;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct dataset set = {.info = NULL};
        struct error error = {""};
        if (!data_folder ||
            dataset_load(sets[i].name, data_folder, NULL, &set, &error) != OUTCOME_DONE)
            continue;
        double sum = 0;
        for (size_t j = 0; j < 5; j++)
            sum += set.train.labels[j];
        assert_int_equal(set.d, sets[i].d);
        assert_int_equal(set.classes, sets[i].classes);
        assert_true(fabs(sum / 5 - sets[i].label_mean) < 1e-9);
        dataset_clear(&set);
        found++;
    }
    if (found == 0)
        skip();
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
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_label_noise),
        cmocka_unit_test(test_input_noise),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mnist),
        cmocka_unit_test(test_subset),
        cmocka_unit_test(test_mnist_refused),
        cmocka_unit_test(test_cifar10),
        cmocka_unit_test(test_cifar100),
        cmocka_unit_test(test_cifar_refused),
        cmocka_unit_test(test_imdb),
        cmocka_unit_test(test_archive_refused),
        cmocka_unit_test(test_archive_bomb),
        cmocka_unit_test(test_adult),
        cmocka_unit_test(test_adult_refused),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_of_reviews),
        cmocka_unit_test(test_svhn),
        cmocka_unit_test(test_svhn_refused),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_svhn_mutations),
        cmocka_unit_test(test_real),
    };
    return cmocka_run_group_tests(tests, begin, scratch_end);
}

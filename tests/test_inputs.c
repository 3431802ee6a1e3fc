/* test_inputs.c - inputs from safetensors and idx, plain and gzip: sound files, damaged ones, and
 * the real MNIST files where $MIDL_DATA leads to them. */
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "data/inputs.h"
#include "base/rng.h"
#include "data/tensors.h"

#include <cmocka.h>

#include "scratch.h"

enum {
    IMAGES = 7,
    ROWS = 3,
    COLUMNS = 5,
    PIXELS = ROWS * COLUMNS,
    IDX_BYTES = 16 + IMAGES * PIXELS
};

static void big_endian(uint32_t value, unsigned char *ret)
{
    for (int i = 0; i < 4; i++)
        ret[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* A sound idx file of random images. */
static void make_idx(unsigned char ret[IDX_BYTES])
{
    struct rng rng = rng_seed(3);
    big_endian(0x00000803, ret);
    big_endian(IMAGES, ret + 4);
    big_endian(ROWS, ret + 8);
    big_endian(COLUMNS, ret + 12);
    for (size_t i = 16; i < IDX_BYTES; i++)
        ret[i] = (unsigned char)rng_below(&rng, 256);
    ret[16] = 0;
    ret[17] = 255;
}

/* One gzip member of these bytes; returns its length. */
static size_t compress_gzip(const unsigned char *bytes, size_t count, unsigned char *ret,
                            size_t size)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    memcpy(&z.next_in, &bytes, sizeof bytes);
    z.avail_in = (unsigned)count;
    z.next_out = ret;
    z.avail_out = (unsigned)size;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t length = z.total_out;
    deflateEnd(&z);
    return length;
}

static const char *gzip_file(const char *name, const unsigned char *bytes, size_t count)
{
    static unsigned char compressed[1 << 16];
    return scratch_file(name, compressed,
                        compress_gzip(bytes, count, compressed, sizeof compressed));
}

static struct inputs read_sound(const char *path, size_t limit)
{
    struct inputs inputs = {.data = NULL};
    struct error error = {""};
    if (inputs_read(path, limit, &inputs, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return inputs;
}

/* Refused with these words, and *ret untouched. */
static void assert_refused(const char *label, const char *path, size_t limit, const char *words)
{
    struct inputs inputs = {.data = NULL, .count = 12345};
    struct error error = {""};
    enum outcome outcome = inputs_read(path, limit, &inputs, &error);
    assert_error(label, outcome, OUTCOME_USAGE, &error, words);
    assert_error(label, outcome, OUTCOME_USAGE, &error, path + strlen(scratch_folder));
    assert_true(inputs.data == NULL && inputs.count == 12345);
}

/* ---- idx ------------------------------------------------------------------------------------- */

static void assert_idx(const char *path, const unsigned char *idx)
{
    static const size_t limits[] = {0, 1, 3, IMAGES, IMAGES + 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct inputs inputs = read_sound(path, limits[i]);
        size_t count = limits[i] && limits[i] < IMAGES ? limits[i] : IMAGES;
        assert_int_equal(inputs.count, count);
        assert_int_equal(inputs.d, PIXELS);
        for (size_t j = 0; j < count * PIXELS; j++)
            assert_true(inputs.data[j] == (float)idx[16 + j] / 255.0f);
        assert_true(inputs.data[0] == 0.0f && inputs.data[1] == 1.0f);
        free(inputs.data);
    }
}

static void test_idx(void **state)
{
    (void)state;
    unsigned char idx[IDX_BYTES], members[4096];
    make_idx(idx);
    assert_idx(scratch_file("plain", idx, sizeof idx), idx);
    assert_idx(gzip_file("whole.gz", idx, sizeof idx), idx);
    /* A gzip file may be several members, cut anywhere. */
    size_t length = compress_gzip(idx, 10, members, sizeof members);
    length += compress_gzip(idx + 10, 0, members + length, sizeof members - length);
    length += compress_gzip(idx + 10, sizeof idx - 10, members + length, sizeof members - length);
    assert_idx(scratch_file("members.gz", members, length), idx);
}

/* Larger than any buffer on the way. */
static void test_idx_large(void **state)
{
    (void)state;
    size_t count = 1000, d = 28 * 28, bytes = 16 + count * d;
    unsigned char *idx = malloc(bytes), *compressed = malloc(2 * bytes);
    struct rng rng = rng_seed(4);
    assert_true(idx && compressed);
    for (size_t i = 16; i < bytes; i++)
        idx[i] = (unsigned char)rng_below(&rng, 256);
    big_endian(0x00000803, idx);
    big_endian((uint32_t)count, idx + 4);
    big_endian(28, idx + 8);
    big_endian(28, idx + 12);
    const char *paths[] = {
        scratch_file("large", idx, bytes),
        scratch_file("large.gz", compressed, compress_gzip(idx, bytes, compressed, 2 * bytes))};
    for (size_t i = 0; i < 2; i++) {
        struct inputs inputs = read_sound(paths[i], 0), part = read_sound(paths[i], 777);
        assert_int_equal(inputs.count, count);
        for (size_t j = 0; j < count * d; j++)
            assert_true(inputs.data[j] == (float)idx[16 + j] / 255.0f);
        assert_int_equal(part.count, 777);
        assert_memory_equal(part.data, inputs.data, 777 * d * sizeof *part.data);
        assert_true(malloc_usable_size(part.data) < 778 * d * sizeof *part.data); /* no more kept */
        free(inputs.data);
        free(part.data);
    }
    free(idx);
    free(compressed);
}

/* Headers that are not those of images, or that announce what can't be; plain and in gzip. */
static void test_idx_headers(void **state)
{
    (void)state;
    static const struct {
        uint32_t words[4];
        const char *expected;
    } cases[] = {
        {{0x00000801, IMAGES, 0, 0}, "this idx file holds labels; give the file with the images"},
        {{0x00000802, IMAGES, ROWS, COLUMNS}, "idx of element type 0x08 in 2 dimensions"},
        {{0x00000804, IMAGES, ROWS, COLUMNS}, "idx of element type 0x08 in 4 dimensions"},
        {{0x00000d03, IMAGES, ROWS, COLUMNS}, "idx of element type 0x0d in 3 dimensions"},
        {{0x00000803, 0, ROWS, COLUMNS}, "nothing in it"},
        {{0x00000803, IMAGES, 0, COLUMNS}, "nothing in it"},
        {{0x00000803, IMAGES, ROWS, 0}, "nothing in it"},
        {{0x00000803, IMAGES + 1, ROWS, COLUMNS}, "the idx data ends here"},
        {{0x00000803, IMAGES, ROWS, COLUMNS + 1}, "the idx data ends here"},
        {{0x00000803, IMAGES - 1, ROWS, COLUMNS}, "bytes follow the 106 that the idx header"},
        {{0x00000803, 0xffffffff, 1, 1}, "its header announces 4294967311 bytes"},
        {{0x00000803, 0xffffffff, 28, 28}, "the idx data ends here"},
        {{0x00000803, 0xffffffff, 0xffffffff, 1}, "more than can be addressed"},
        {{0x00000803, 0xffffffff, 0xffffffff, 0xffffffff}, "more than can be addressed"},
        {{0x00000803, 0x10000, 0x10000, 0x10000}, "the idx data ends here"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char idx[IDX_BYTES];
        make_idx(idx);
        for (size_t j = 0; j < 4; j++)
            big_endian(cases[i].words[j], idx + 4 * j);
        for (size_t limit = 0; limit < 2; limit++) {
            assert_refused("plain", scratch_file("header", idx, sizeof idx), limit,
                           cases[i].expected);
            assert_refused("gzip", gzip_file("header.gz", idx, sizeof idx), limit,
                           cases[i].expected);
        }
    }
}

/* Every cut, whatever the number of rows asked for; and one byte too many. */
static void test_idx_cut(void **state)
{
    (void)state;
    unsigned char idx[IDX_BYTES + 1], compressed[4096];
    make_idx(idx);
    idx[IDX_BYTES] = 0;
    for (size_t cut = 0; cut <= IDX_BYTES + 1; cut++) {
        const char *expected = cut == 0   ? "the file is empty"
                               : cut < 4  ? "neither safetensors nor idx"
                               : cut < 16 ? "the idx header is cut off here"
                               : cut < IDX_BYTES
                                   ? "the idx data ends here; its header announces 121"
                                   : "bytes follow the 121";
        if (cut == IDX_BYTES)
            continue;
        assert_refused("plain", scratch_file("cut", idx, cut), cut % 2, expected);
    }
    for (size_t cut = 0; cut <= IDX_BYTES + 1; cut++) {
        const char *expected = cut < 4           ? "in the gzip stream: not idx"
                               : cut < 16        ? "in the gzip stream: the idx header is cut off"
                               : cut < IDX_BYTES ? "in the gzip stream: the idx data ends here"
                                                 : "in the gzip stream: bytes follow the 121";
        if (cut == IDX_BYTES)
            continue;
        assert_refused("inside", gzip_file("inside.gz", idx, cut), cut % 2, expected);
    }
    size_t length = compress_gzip(idx, IDX_BYTES, compressed, sizeof compressed);
    for (size_t cut = 2; cut < length; cut++)
        assert_refused("gzip", scratch_file("cut.gz", compressed, cut), cut % 2,
                       "the gzip stream is cut off here");
}

static void test_gzip_damaged(void **state)
{
    (void)state;
    unsigned char idx[IDX_BYTES], sound[4096], bytes[4096];
    make_idx(idx);
    size_t length = compress_gzip(idx, IDX_BYTES, sound, sizeof sound);

    /* Any byte of data or of the sums at the end, changed, is noticed; the rest of the gzip header
     * (time, system) means nothing to us. */
    for (size_t i = 10; i < length; i++) {
        struct inputs inputs = {.data = NULL};
        struct error error = {""};
        memcpy(bytes, sound, length);
        bytes[i] ^= 0x55;
        assert_int_equal(inputs_read(scratch_file("damaged.gz", bytes, length), 1, &inputs, &error),
                         OUTCOME_USAGE);
        assert_non_null(strstr(error.text, "/damaged.gz: offset "));
    }
    memcpy(bytes, sound, length);
    bytes[length - 8] ^= 1;
    assert_refused("sum", scratch_file("sum.gz", bytes, length), 0,
                   "damaged gzip stream: incorrect data check");
    memcpy(bytes, sound, length);
    bytes[2] = 9;
    assert_refused("method", scratch_file("method.gz", bytes, length), 0,
                   "damaged gzip stream: unknown compression method");
    memcpy(bytes, sound, length);
    memcpy(bytes + length, "garbage", 7);
    assert_refused("garbage", scratch_file("garbage.gz", bytes, length + 7), 0,
                   "the bytes after the gzip stream are no gzip");
    bytes[length] = 0;
    assert_refused("zero", scratch_file("zero.gz", bytes, length + 1), 0,
                   "the gzip stream is cut off here");
    assert_refused("magic", scratch_file("magic.gz", "\x1f\x8b", 2), 0,
                   "the gzip stream is cut off here");
    assert_refused("inside", gzip_file("inside.gz", sound, length), 0,
                   "in the gzip stream: not idx");
}

/* 16 MB of zeros in 16 KB: no more is unpacked than the header announces. */
static void test_gzip_bomb(void **state)
{
    (void)state;
    size_t size = 1 << 24;
    unsigned char *bytes = calloc(size, 1);
    assert_non_null(bytes);
    make_idx(bytes);
    assert_refused("bomb", gzip_file("bomb.gz", bytes, size), 0,
                   "in the gzip stream: bytes follow the 121 that the idx header announces");
    /* It announces 2^40 bytes and has 2^24: memory follows what comes, not what is announced. */
    big_endian(1u << 20, bytes + 4);
    big_endian(1u << 10, bytes + 8);
    big_endian(1u << 10, bytes + 12);
    assert_refused("hollow", gzip_file("hollow.gz", bytes, size), 0,
                   "in the gzip stream: the idx data ends here");
    free(bytes);
}

/* Mutated gzip and idx bytes: any answer but a crash, and never one with nothing in it. */
static void test_mutations(void **state)
{
    (void)state;
    unsigned char idx[IDX_BYTES], sound[4096], bytes[4096];
    struct rng rng = rng_seed(5);
    size_t refused = 0;
    make_idx(idx);
    size_t length = compress_gzip(idx, IDX_BYTES, sound, sizeof sound);
    for (int i = 0; i < 4000; i++) {
        bool gzip = i % 2;
        size_t size = gzip ? length : IDX_BYTES;
        struct inputs inputs = {.data = NULL};
        struct error error = {""};
        memcpy(bytes, gzip ? sound : idx, size);
        for (uint32_t left = 1 + rng_below(&rng, 3); left > 0; left--)
            bytes[rng_below(&rng, gzip ? (uint32_t)size : 16)] = (unsigned char)rng_next(&rng);
        size -= rng_below(&rng, 3);
        const char *path = scratch_file("mutant", bytes, size);
        if (inputs_read(path, rng_below(&rng, 9), &inputs, &error) == OUTCOME_DONE) {
            assert_true(inputs.data && inputs.count > 0 && inputs.d > 0);
        } else {
            refused++;
            assert_error("mutant", OUTCOME_USAGE, OUTCOME_USAGE, &error, "/mutant: offset ");
        }
        free(inputs.data);
    }
    assert_true(refused > 3000 && refused < 4000);
}

/* ---- safetensors ----------------------------------------------------------------------------- */

static const char *write_x(const char *name, enum tensor_type type, size_t rows, size_t columns,
                           const void *data)
{
    const struct tensor tensors[] = {
        {"w", TENSOR_U8, 1, {3}, "abc", 3},
        {"x", type, 2, {rows, columns}, data, rows * columns * tensor_type_bits(type) / 8}};
    struct error error;
    assert_int_equal(tensors_write(scratch_path(name), tensors, 2, NULL, 0, &error), OUTCOME_DONE);
    return scratch_path(name);
}

static void test_tensors(void **state)
{
    (void)state;
    static const float values[6] = {0, 1, -2, 3, 0.5f, -0.25f};
    static const double wide[6] = {0, 1, -2, 3, 0.5, -0.25};
    static const uint16_t brains[6] = {0, 0x3f80, 0xc000, 0x4040, 0x3f00, 0xbe80};
    static const uint16_t halves[6] = {0, 0x3c00, 0xc000, 0x4200, 0x3800, 0xb400};
    const char *paths[] = {
        write_x("f32", TENSOR_F32, 3, 2, values), write_x("f64", TENSOR_F64, 3, 2, wide),
        write_x("bf16", TENSOR_BF16, 3, 2, brains), write_x("f16", TENSOR_F16, 3, 2, halves)};
    for (size_t i = 0; i < 8; i++) {
        struct inputs inputs = read_sound(paths[i / 2], i % 2 ? 2 : 0);
        assert_int_equal(inputs.count, i % 2 ? 2 : 3);
        assert_int_equal(inputs.d, 2);
        assert_memory_equal(inputs.data, values, inputs.count * 2 * sizeof(float));
        free(inputs.data);
    }
    /* Told by content though the header's length begins like gzip or idx. */
    static const size_t lengths[] = {0x8b1f, 0x03080000};
    for (size_t i = 0; i < 2; i++) {
        char *header = malloc(lengths[i]);
        static const char start[] =
            "{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]}}";
        assert_non_null(header);
        memset(header, ' ', lengths[i]);
        memcpy(header, start, sizeof start - 1);
        struct inputs inputs =
            read_sound(scratch_tensors("x", header, lengths[i], values + 1, 4), 0);
        assert_true(inputs.count == 1 && inputs.d == 1 && inputs.data[0] == 1.0f);
        free(inputs.data);
        free(header);
    }
}

/* Activations of any rank are a batch, and one of several tensors can be named. */
static void test_tensors_named(void **state)
{
    (void)state;
    static const float values[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const struct tensor tensors[] = {
        {"x", TENSOR_F32, 2, {3, 4}, values, sizeof values},
        {"attn.out", TENSOR_F32, 4, {1, 2, 3, 2}, values, sizeof values}};
    struct error error;
    char path[600];
    assert_int_equal(tensors_write(scratch_path("two"), tensors, 2, NULL, 0, &error), OUTCOME_DONE);
    struct inputs inputs = read_sound(scratch_path("two"), 0);
    assert_true(inputs.count == 3 && inputs.d == 4);
    free(inputs.data);
    snprintf(path, sizeof path, "%s#attn.out", scratch_path("two"));
    inputs = read_sound(path, 5);
    assert_true(inputs.count == 5 && inputs.d == 2 && inputs.data[9] == 9);
    free(inputs.data);
    snprintf(path, sizeof path, "%s#attn", scratch_path("two"));
    assert_refused("name", path, 0, "no tensor attn among the 2 in it, the first is attn.out");
}

static void test_tensors_refused(void **state)
{
    (void)state;
    static const float nan_values[6] = {0, 1, 2, NAN, INFINITY, 5};
    static const double wide[2] = {1, -1e39};
    assert_refused("nan", write_x("nan", TENSOR_F32, 2, 3, nan_values), 0,
                   "x[1][0] is nan; inputs must be finite");
    assert_refused("infinite", write_x("inf", TENSOR_F32, 1, 2, nan_values + 4), 0,
                   "x[0][0] is inf; inputs must be finite");
    assert_refused("too wide", write_x("wide", TENSOR_F64, 1, 2, wide), 0, "x[0][1] is -inf");
    free(read_sound(scratch_path("nan"), 1).data); /* the rows that are asked for are sound */
    assert_refused("type", write_x("type", TENSOR_I32, 2, 3, nan_values), 0,
                   "tensor x has dtype I32, expected F32, BF16, F16 or F64");
    assert_refused("rows", write_x("rows", TENSOR_F32, 0, 3, NULL), 0,
                   "tensor x has shape [0, 3], expected [.., d]");
    assert_refused("columns", write_x("columns", TENSOR_F32, 3, 0, NULL), 0, "shape [3, 0]");
    static const char flat[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    assert_refused("flat", scratch_tensors("flat", flat, sizeof flat - 1, nan_values, 8), 0,
                   "tensor x has shape [2], expected [.., d]");
    static const char other[] = "{\"X\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    assert_refused("other", scratch_tensors("other", other, sizeof other - 1, nan_values, 2), 0,
                   "no tensor x among the 1 in it, the first is X");
    assert_refused("none", scratch_tensors("none", "{}", 2, NULL, 0), 0, "no tensor x among the 0");
    assert_refused("cut", scratch_tensors("cut", other, sizeof other - 1, NULL, 0), 0,
                   "tensor X ends at byte 2");
}

static void test_neither(void **state)
{
    (void)state;
    struct inputs inputs;
    struct error error;
    assert_refused("text", scratch_file("text", "1.0,2.0,3.0\n", 12), 0,
                   "neither safetensors nor idx nor gzip: begins with 31 2e 30 2c");
    assert_refused("short", scratch_file("short", "x", 1), 0, "begins with 78 00 00 00");
    assert_refused("empty", scratch_file("empty", "", 0), 0, "the file is empty");
    assert_refused("missing", scratch_path("missing"), 0, "No such file");
    assert_error("folder", inputs_read(scratch_folder, 0, &inputs, &error), OUTCOME_USAGE, &error,
                 "it is a folder");
    assert_error("device", inputs_read("/dev/zero", 0, &inputs, &error), OUTCOME_USAGE, &error,
                 "it is a device");
}

/* ---- The real files -------------------------------------------------------------------------- */

static void test_mnist(void **state)
{
    (void)state;
    const char *data = getenv("MIDL_DATA");
    char path[512];
    if (!data) {
        print_message("skipped: MIDL_DATA doesn't name the folder with the data sets\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/mnist/t10k-images-idx3-ubyte.gz", data);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no file %s\n", path);
        skip();
    }
    struct inputs inputs = read_sound(path, 0), ten = read_sound(path, 10);
    assert_int_equal(inputs.d, 784);
    assert_true(inputs.count >= 5000);
    assert_int_equal(ten.count, 10);
    assert_memory_equal(ten.data, inputs.data, 10 * 784 * sizeof(float));
    double sum = 0;
    for (size_t i = 0; i < inputs.count * inputs.d; i++) {
        assert_true(inputs.data[i] >= 0 && inputs.data[i] <= 1);
        sum += (double)inputs.data[i];
    }
    /* The mean pixel of MNIST is 0.13; the first test image, a 7, has 0 in its corner. */
    assert_true(fabs(sum / (double)(inputs.count * inputs.d) - 0.13) <= 0.01);
    assert_true(inputs.data[0] == 0.0f && inputs.data[7 * 28 + 6] == 84.0f / 255.0f);
    free(inputs.data);
    free(ten.data);

    struct error error;
    snprintf(path, sizeof path, "%s/mnist/t10k-labels-idx1-ubyte.gz", data);
    assert_error("labels", inputs_read(path, 0, &inputs, &error), OUTCOME_USAGE, &error,
                 "holds labels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idx),           cmocka_unit_test(test_idx_large),
        cmocka_unit_test(test_idx_headers),   cmocka_unit_test(test_idx_cut),
        cmocka_unit_test(test_gzip_damaged),  cmocka_unit_test(test_gzip_bomb),
        cmocka_unit_test(test_mutations),     cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_tensors_named), cmocka_unit_test(test_tensors_refused),
        cmocka_unit_test(test_neither),       cmocka_unit_test(test_mnist)};
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

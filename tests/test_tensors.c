/* test_tensors.c - safetensors and layer files: round trips, files as other programs write them,
 * hostile files, and writing that fails. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/rng.h"
#include "base/file.h"
#include "data/layer_file.h"
#include "data/tensors.h"

#include <cmocka.h>

#include "scratch.h"

#define TEXT(literal) (literal), sizeof(literal) - 1

static const unsigned char zeros[4096];

/* Read a file that must be sound. */
static struct tensors *read_sound(const char *path)
{
    struct tensors *file = NULL;
    struct error error = {""};
    if (tensors_read(path, &file, &error) != OUTCOME_DONE)
        fail_msg("%s", error.text);
    return file;
}

/* ---- Round trips ----------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
    (void)state;
    static const float matrix[6] = {1, -2, 3.5f, 0, INFINITY, 1e-40f};
    static const int32_t numbers[3] = {-1, 0, 2147483647};
    static const double scalar = -0.1;
    static const unsigned char byte[3] = {0, 127, 255};
    const struct tensor written[] = {
        {"zebra", TENSOR_F32, 2, {2, 3}, matrix, sizeof matrix},
        {"a \"quoted\" \\ \xc3\xa9\n", TENSOR_I32, 1, {3}, numbers, sizeof numbers},
        {"scalar", TENSOR_F64, 0, {0}, &scalar, sizeof scalar},
        {"empty", TENSOR_F32, 3, {2, 0, 5}, NULL, 0},
        {"bytes", TENSOR_U8, 8, {1, 1, 1, 1, 1, 1, 1, 3}, byte, sizeof byte}};
    const struct tensor_meta meta[] = {
        {"format", "test"}, {"note", "\"x\"\t\xe2\x82\xac"}, {"", ""}};
    const size_t count = sizeof written / sizeof *written;
    const char *path = scratch_path("round");
    struct error error = {""};

    assert_int_equal(tensors_write(path, written, count, meta, 3, &error), OUTCOME_DONE);
    struct tensors *file = read_sound(path);
    assert_int_equal(tensors_count(file), count);
    for (size_t i = 0; i < count; i++) {
        const struct tensor *read = tensors_find(file, written[i].name);
        assert_non_null(read);
        assert_int_equal(read->type, written[i].type);
        assert_int_equal(read->dims, written[i].dims);
        assert_memory_equal(read->shape, written[i].shape, sizeof read->shape);
        assert_int_equal(read->bytes, written[i].bytes);
        if (read->bytes)
            assert_memory_equal(read->data, written[i].data, read->bytes);
    }
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(tensors_at(file, i - 1)->name, tensors_at(file, i)->name) < 0);
    assert_null(tensors_find(file, "zebr"));
    assert_string_equal(tensors_metadata(file, "format"), "test");
    assert_string_equal(tensors_metadata(file, "note"), "\"x\"\t\xe2\x82\xac");
    assert_string_equal(tensors_metadata(file, ""), "");
    assert_null(tensors_metadata(file, "Format"));
    tensors_close(file);
    tensors_close(NULL);
}

/* The file as the format describes it: what another reader relies on. */
static void test_written_bytes(void **state)
{
    (void)state;
    static const float one = 1.0f;
    const struct tensor tensor = {"w", TENSOR_F32, 1, {1}, &one, sizeof one};
    unsigned char bytes[128];
    const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}   ";
    struct error error;
    assert_int_equal(tensors_write(scratch_path("bytes"), &tensor, 1, NULL, 0, &error),
                     OUTCOME_DONE);
    FILE *file = fopen(scratch_path("bytes"), "rb");
    assert_non_null(file);
    size_t got = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_int_equal(got, 8 + 56 + 4);
    assert_memory_equal(bytes, "\x38\0\0\0\0\0\0\0", 8);
    assert_memory_equal(bytes + 8, header, 56);
    assert_memory_equal(bytes + 64, "\0\0\x80\x3f", 4);
}

/* ---- Files of other programs ----------------------------------------------------------------- */

static void test_foreign_order_and_alignment(void **state)
{
    (void)state;
    /* No metadata, order of names unlike order of data, spaces and line ends, an odd header length,
     * and floats that begin at an odd byte. */
    static const char header[] =
        "{ \"b\" : {\"shape\":[2],\n\"dtype\":\"F32\",\"data_offsets\":[1,9]},"
        "\t\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],"
        "\"extra\":[{}]} }  \r\n ";
    static const unsigned char data[] = {7, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};
    float values[2];
    struct tensors *file = read_sound(scratch_tensors("order", TEXT(header), data, sizeof data));
    assert_int_equal(tensors_count(file), 2);
    assert_int_equal(*(const unsigned char *)tensors_find(file, "a")->data, 7);
    assert_true(tensor_floats(tensors_find(file, "b"), 2, values));
    assert_true(values[0] == 1.0f && values[1] == -2.0f);
    assert_false(tensor_floats(tensors_find(file, "a"), 1, values));
    assert_int_equal(tensors_offset(file, tensors_find(file, "b")), 8 + sizeof header - 1 + 1);
    assert_null(tensors_metadata(file, "k"));
    tensors_close(file);
}

static void test_foreign_types(void **state)
{
    (void)state;
    /* Every dtype of the format, eight elements each. */
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {{"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"F8_E5M2", 8},
                 {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
                 {"I16", 16},    {"U16", 16},    {"F16", 16},        {"BF16", 16},
                 {"I32", 32},    {"U32", 32},    {"F32", 32},        {"C64", 64},
                 {"F64", 64},    {"I64", 64},    {"U64", 64},        {"F4", 4},
                 {"F6_E2M3", 6}, {"F6_E3M2", 6}};
    char header[256];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        snprintf(header, sizeof header,
                 "{\"t\":{\"dtype\":\"%s\",\"shape\":[2,4],\"data_offsets\":[0,%zu]}}",
                 types[i].name, types[i].bytes);
        struct tensors *file =
            read_sound(scratch_tensors("type", header, strlen(header), zeros, types[i].bytes));
        assert_string_equal(tensor_type_name(tensors_at(file, 0)->type), types[i].name);
        assert_int_equal(tensor_type_bits(tensors_at(file, 0)->type), types[i].bytes);
        tensors_close(file);
    }
}

static void test_foreign_extremes(void **state)
{
    (void)state;
    static const char many[] =
        "{\"t\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,2]}}";
    char text[TENSOR_TEXT_SIZE];
    struct tensors *file = read_sound(scratch_tensors("dims", TEXT(many), zeros, 2));
    assert_int_equal(tensors_at(file, 0)->dims, 10);
    tensor_shape_text(10, tensors_at(file, 0)->shape, text);
    assert_string_equal(text, "[1, 1, 1, 1, 1, 1, 1, 1, ...]");
    tensors_close(file);

    file = read_sound(scratch_tensors("none", TEXT("{}"), NULL, 0));
    assert_int_equal(tensors_count(file), 0);
    assert_null(tensors_find(file, "x"));
    tensors_close(file);

    /* Empty tensors anywhere, also between others and at the end. */
    static const char gaps[] = "{\"c\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},"
                               "\"b\":{\"dtype\":\"F32\",\"shape\":[1,0],\"data_offsets\":[4,4]},"
                               "\"d\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]},"
                               "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    file = read_sound(scratch_tensors("gaps", TEXT(gaps), zeros, 8));
    assert_int_equal(tensors_count(file), 4);
    tensors_close(file);

    /* A name of a megabyte is odd but legal; an error about it is still one short line. */
    size_t length = 1 << 20;
    char *header = malloc(length + 128);
    struct error error;
    assert_non_null(header);
    memset(header, 'n', length);
    memcpy(header, "{\"", 2);
    strcpy(header + length, "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}");
    file = read_sound(scratch_tensors("long", header, strlen(header), zeros, 1));
    assert_int_equal(strlen(tensors_at(file, 0)->name), length - 2);
    tensors_close(file);
    const char *path = scratch_tensors("long", header, strlen(header), zeros, 0);
    assert_error("long name", tensors_read(path, &file, &error), OUTCOME_USAGE, &error,
                 "ends at byte 1 of the data");
    free(header);
}

static void test_floats(void **state)
{
    (void)state;
    static const uint16_t halves[] = {0x0000, 0x8000, 0x3c00, 0xbe00, 0x7bff, 0x0400,
                                      0x0001, 0x83ff, 0x7c00, 0xfc00, 0x7e01};
    static const float half_values[] = {0.0f,     -0.0f,    1.0f,        -1.5f,    65504.0f,
                                        0x1p-14f, 0x1p-24f, -0x3ffp-24f, INFINITY, -INFINITY};
    static const uint16_t brains[] = {0x3f80, 0xc040, 0x7f80, 0x0001};
    static const float brain_values[] = {1.0f, -3.0f, INFINITY, 0x1p-133f};
    static const double doubles[] = {0.1, 1e300, -1e-300};
    static const float double_values[] = {0.1f, INFINITY, -0.0f};
    struct tensor tensor = {.type = TENSOR_F16, .data = halves};
    float values[11];

    assert_true(tensor_floats(&tensor, 11, values));
    assert_memory_equal(values, half_values, sizeof half_values);
    assert_true(isnan(values[10]));
    tensor = (struct tensor){.type = TENSOR_BF16, .data = brains};
    assert_true(tensor_floats(&tensor, 4, values));
    assert_memory_equal(values, brain_values, sizeof brain_values);
    tensor = (struct tensor){.type = TENSOR_F64, .data = doubles};
    assert_true(tensor_floats(&tensor, 3, values));
    assert_memory_equal(values, double_values, sizeof double_values);
}

/* ---- Hostile files --------------------------------------------------------------------------- */

#define T(rest) "{\"t\":{" rest "}}" /* one tensor t */
#define F32 "\"dtype\":\"F32\","

/* A header, how many bytes of data follow it, and words of the error. */
static const struct {
    const char *header;
    size_t header_bytes, data_bytes;
    const char *words;
} hostile_headers[] = {
    {TEXT(""), 0, "does not begin with '{'"},
    {TEXT(" {}"), 0, "offset 8: the header does not begin with '{'"},
    {TEXT("[]"), 0, "does not begin with '{'"},
    {TEXT("{"), 0, "not valid JSON"},
    {TEXT("{}x"), 0, "offset 10: the header is not valid JSON"},
    {TEXT("{}{}"), 0, "not valid JSON"},
    {TEXT("{\"t\":}"), 0, "not valid JSON"},
    {TEXT("{\"t\" {}}"), 0, "not valid JSON"},
    {TEXT("{\"t\":{}"), 0, "not valid JSON"},
    {TEXT("{\"t"), 0, "not valid JSON"},
    {TEXT("{\"t\\"), 0, "not valid JSON"},
    {TEXT("{\"\\ud800\":{}}"), 0, "not valid JSON"},
    {TEXT("{\"\\x\":{}}"), 0, "not valid JSON"},
    {TEXT("{}\0\0"), 0, "offset 10: control character 0x00"},
    {TEXT("{\"t\0\":{}}"), 0, "control character 0x00"},
    {TEXT("{\"t\n\":{}}"), 0, "control character 0x0a"},
    {TEXT("{\v}"), 0, "control character 0x0b"},
    {TEXT("{\"a\\u0000b\":{}}"), 0, "offset 11: NUL in a name"},
    {TEXT("{\"\xff\":{}}"), 0, "offset 10: the header is not UTF-8"},
    {TEXT("{\"\xc3\":{}}"), 0, "not UTF-8"},
    {TEXT("{\"\xc0\x80\":{}}"), 0, "not UTF-8"},
    {TEXT("{\"\xed\xa0\x80\":{}}"), 0, "not UTF-8"},
    {TEXT("{\"\xf4\x90\x80\x80\":{}}"), 0, "not UTF-8"},
    {TEXT("{\"\xe2\x82"), 0, "not UTF-8"},
    {TEXT("{\"t\":1}"), 0, "tensor t is not described by an object"},
    {TEXT("{\"t\":null}"), 0, "tensor t is not described by an object"},
    {TEXT("{\"t\":[]}"), 0, "tensor t is not described by an object"},
    {TEXT("{\"t\":{}}"), 0, "offset 9: tensor t has no dtype"},
    {TEXT(T(F32 "\"data_offsets\":[0,0]")), 0, "tensor t has no shape"},
    {TEXT(T(F32 "\"shape\":[0]")), 0, "tensor t has no data_offsets"},
    {TEXT(T("\"DTYPE\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]")), 0, "has no dtype"},
    {TEXT(T("\"dtype\":\"F33\",\"shape\":[0],\"data_offsets\":[0,0]")), 0, "unknown dtype F33"},
    {TEXT(T("\"dtype\":\"f32\",\"shape\":[0],\"data_offsets\":[0,0]")), 0, "unknown dtype f32"},
    {TEXT(T("\"dtype\":32,\"shape\":[0],\"data_offsets\":[0,0]")), 0, "unknown dtype (not"},
    {TEXT(T(F32 F32 "\"shape\":[0],\"data_offsets\":[0,0]")), 0, "has dtype twice"},
    {TEXT(T(F32 "\"shape\":[0],\"shape\":[0],\"data_offsets\":[0,0]")), 0, "has shape twice"},
    {TEXT(T(F32 "\"shape\":1,\"data_offsets\":[0,4]")), 4, "shape of tensor t is not a list"},
    {TEXT(T(F32 "\"shape\":[-1],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[1.5],\"data_offsets\":[0,6]")), 6, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[\"1\"],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[null],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[[1]],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[9007199254740993],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[1e999],\"data_offsets\":[0,4]")), 4, "whole numbers"},
    {TEXT(T(F32 "\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]")), 4, "overflows"},
    {TEXT(T(F32 "\"shape\":[4503599627370496,128],\"data_offsets\":[0,4]")), 4, "overflows"},
    {TEXT(T("\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]")), 2, "whole bytes"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":0")), 4, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[]")), 4, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[4]")), 4, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[0,4,8]")), 4, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[-4,0]")), 4, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[0.5,4.5]")), 8, "are not two whole numbers"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":{\"0\":0,\"1\":4}")), 4, "are not two whole"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[0,18446744073709551616]")), 4,
     "are not two whole"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[4,0]")), 4, "run backwards: 4 to 0"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[0,4]")), 3,
     "ends at byte 4 of the data, the file has 3"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[9007199254740900,9007199254740904]")), 4,
     "ends at byte"},
    {TEXT(T(F32 "\"shape\":[2,3],\"data_offsets\":[0,20]")), 20,
     "tensor t F32 [2, 3] takes 24 bytes, its data_offsets span 20"},
    {TEXT(T(F32 "\"shape\":[],\"data_offsets\":[0,0]")), 0, "F32 [] takes 4 bytes"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[0,4]")), 5, "1 bytes after the last tensor"},
    {TEXT(T(F32 "\"shape\":[1],\"data_offsets\":[4,8]")), 8, "a hole: 4 bytes before tensor t"},
    {TEXT("{}"), 1, "offset 10: 1 bytes after the last tensor"},
    {TEXT("{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"b\":{" F32 "\"shape\":[2],\"data_offsets\":[4,12]}}"),
     12, "tensor b overlaps tensor a"},
    {TEXT("{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"b\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]}}"),
     4, "overlaps"},
    {TEXT("{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"b\":{" F32 "\"shape\":[1],\"data_offsets\":[8,12]}}"),
     12, "a hole: 4 bytes before tensor b"},
    {TEXT("{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]},"
          "\"b\":{" F32 "\"shape\":[0],\"data_offsets\":[4,4]}}"),
     8, "tensor b overlaps tensor a"},
    {TEXT("{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}"),
     8, "offset 9: a stands twice"},
    {TEXT("{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"\\u0061\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}"),
     8, "a stands twice"},
    {TEXT("{\"__metadata__\":[]}"), 0, "offset 9: __metadata__ is not an object"},
    {TEXT("{\"__metadata__\":{\"k\":3}}"), 0, "value of k in __metadata__ is no string"},
    {TEXT("{\"__metadata__\":{\"k\":{}}}"), 0, "value of k in __metadata__ is no string"},
    {TEXT("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"), 0, "k stands twice"},
    {TEXT("{\"__metadata__\":{},\"__metadata__\":{}}"), 0, "__metadata__ stands twice"},
};

static void test_hostile_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile_headers / sizeof *hostile_headers; i++) {
        struct tensors *file = NULL;
        struct error error = {""};
        const char *path =
            scratch_tensors("hostile", hostile_headers[i].header, hostile_headers[i].header_bytes,
                            zeros, hostile_headers[i].data_bytes);
        enum outcome outcome = tensors_read(path, &file, &error);
        assert_error(hostile_headers[i].header, outcome, OUTCOME_USAGE, &error,
                     hostile_headers[i].words);
        assert_error("names the file", outcome, OUTCOME_USAGE, &error, "/hostile: offset ");
        assert_null(file);
    }
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        const char *words;
    } cases[] = {
        {TEXT(""), "offset 0: the file ends here"},
        {TEXT("\2\0\0\0\0\0\0"), "offset 7: the file ends here"},
        {TEXT("\0\0\0\0\0\0\0\0"), "does not begin with '{'"},
        {TEXT("\3\0\0\0\0\0\0\0{}"), "header length 3 runs past the end of the file of 10 bytes"},
        {TEXT("\0\0\0\0\0\0\0\x80{}"), "header length 9223372036854775808 is over the limit"},
        {TEXT("\xff\xff\xff\xff\xff\xff\xff\xff{}"), "header length 18446744073709551615 is over"},
        {TEXT("\xfa\xff\xff\xff\xff\xff\xff\xff{}"), "is over the limit"},
        {TEXT("\x01\xe1\xf5\x05\0\0\0\0{}"), "header length 100000001 is over the limit"},
        {TEXT("\0\xe1\xf5\x05\0\0\0\0{}"), "header length 100000000 runs past the end"},
        {TEXT("PK\3\4aaaaaaaaaaaa"), "not a safetensors file?"},
        {TEXT("{\"t\":{\"dtype\":\"F32\"}}"), "not a safetensors file?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensors *file = NULL;
        struct error error = {""};
        const char *path = scratch_file("length", cases[i].bytes, cases[i].count);
        assert_error("length", tensors_read(path, &file, &error), OUTCOME_USAGE, &error,
                     cases[i].words);
        assert_null(file);
    }
}

/* Headers that are cheap to write and dear to read. */
static void test_hostile_bombs(void **state)
{
    (void)state;
    struct tensors *file = NULL;
    struct error error = {""};
    size_t length = 9 << 20;
    char *header = malloc(length);
    assert_non_null(header);

    memset(header, '[', length); /* nesting */
    memcpy(header, "{\"t\":", 5);
    const char *path = scratch_tensors("bomb", header, 100000, NULL, 0);
    assert_error("nesting", tensors_read(path, &file, &error), OUTCOME_USAGE, &error,
                 "nested too deep");

    for (size_t i = 5; i + 1 < length; i += 2) /* values */
        memcpy(header + i, "0,", 2);
    memcpy(header, "{\"t\":[", 6);
    path = scratch_tensors("bomb", header, length, NULL, 0);
    assert_error("values", tensors_read(path, &file, &error), OUTCOME_USAGE, &error,
                 "more than 4000000 values");
    free(header);

    /* A hundred thousand tensors, the last of them twice: each looked up in no time, none missed.
     */
    size_t count = 100000, at = 1;
    header = malloc(count * 64);
    assert_non_null(header);
    header[0] = '{';
    for (size_t i = 0; i < count; i++)
        at += (size_t)sprintf(
            header + at, "\"%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", i);
    header[at - 1] = '}';
    file = read_sound(scratch_tensors("many", header, at, NULL, 0));
    assert_int_equal(tensors_count(file), count);
    assert_non_null(tensors_find(file, "99999"));
    assert_null(tensors_find(file, "100000"));
    tensors_close(file);
    memcpy(strstr(header, "\"99998\""), "\"99999\"", 7);
    path = scratch_tensors("many", header, at, NULL, 0);
    assert_error("twice", tensors_read(path, &file, &error), OUTCOME_USAGE, &error,
                 "99999 stands twice");
    free(header);
}

static void test_not_regular(void **state)
{
    (void)state;
    struct tensors *file = NULL;
    struct error error = {""};
    const char *fifo = scratch_path("fifo");
    assert_int_equal(mkfifo(fifo, 0644), 0);
    assert_error("fifo", tensors_read(fifo, &file, &error), OUTCOME_USAGE, &error, "it is a pipe");
    assert_error("folder", tensors_read(scratch_folder, &file, &error), OUTCOME_USAGE, &error,
                 "it is a folder");
    assert_error("device", tensors_read("/dev/zero", &file, &error), OUTCOME_USAGE, &error,
                 "it is a device");
    assert_error("missing", tensors_read(scratch_path("missing"), &file, &error), OUTCOME_USAGE,
                 &error, "No such file");
    assert_error("no folder", tensors_read(scratch_path("fifo/x"), &file, &error), OUTCOME_USAGE,
                 &error, "Not a directory");
    assert_error("no name", tensors_read("", &file, &error), OUTCOME_USAGE, &error, "No such file");
    unlink(fifo);

    /* Root may read everything; nobody may not. */
    const char *secret = scratch_tensors("secret", TEXT("{}"), NULL, 0);
    assert_int_equal(chmod(secret, 0), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    enum outcome outcome = tensors_read(secret, &file, &error);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_error("unreadable", outcome, OUTCOME_USAGE, &error, "Permission denied");
    assert_null(file);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

enum { D = 5, N = 16, R = 2, RG = 3 };

/* A layer of random numbers; all arrays in one static place, so that it needs no cleaning up. */
static struct midl_layer make_layer(enum midl_gate gate)
{
    static float numbers[1024];
    struct rng rng = rng_seed(1);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        numbers[i] = (float)rng_normal(&rng);
    struct midl_layer layer = {
        .shape = {.d = D, .n = N, .r = R, .rg = RG, .k = 7, .gate = gate, .block = 16},
        .full_weight = numbers,
        .full_bias = numbers + 100,
        .light_down = numbers + 200,
        .light_up = numbers + 300,
        .light_bias = numbers + 400,
        .gate_bias = numbers + 500};
    if (gate == MIDL_GATE_FULL)
        layer.gate_weight = numbers + 600;
    else
        layer.gate_up = numbers + 700;
    if (gate == MIDL_GATE_LOWRANK)
        layer.gate_down = numbers + 800;
    return layer;
}

static void assert_array(const float *read, const float *written, size_t count)
{
    assert_int_equal(read != NULL, written != NULL);
    if (written)
        assert_memory_equal(read, written, count * sizeof *read);
}

static void assert_same_layer(const struct midl_layer *read, const struct midl_layer *written)
{
    const struct midl_shape *a = &read->shape, *b = &written->shape;
    assert_true(a->d == b->d && a->n == b->n && a->r == b->r && a->k == b->k);
    assert_true(a->gate == b->gate && a->select == b->select && a->unselected == b->unselected);
    assert_true(b->gate != MIDL_GATE_LOWRANK || a->rg == b->rg);
    assert_true(b->select != MIDL_SELECT_BLOCK || a->block == b->block);
    assert_true(b->select != MIDL_SELECT_THRESHOLD || a->threshold == b->threshold);
    assert_array(read->full_weight, written->full_weight, N * D);
    assert_array(read->full_bias, written->full_bias, N);
    assert_array(read->light_down, written->light_down, R * D);
    assert_array(read->light_up, written->light_up, N * R);
    assert_array(read->light_bias, written->light_bias, N);
    assert_array(read->gate_weight, written->gate_weight, N * D);
    assert_array(read->gate_down, written->gate_down, RG * D);
    assert_array(read->gate_up, written->gate_up, b->gate == MIDL_GATE_SHARED ? N * R : N * RG);
    assert_array(read->gate_bias, written->gate_bias, N);
}

static void test_layer_round_trip(void **state)
{
    (void)state;
    static const enum midl_gate gates[] = {MIDL_GATE_FULL, MIDL_GATE_LOWRANK, MIDL_GATE_SHARED};
    static const struct midl_shape modes[] = {
        {.k = 0},
        {.k = N, .unselected = MIDL_UNSELECTED_ZERO},
        {.k = 8, .select = MIDL_SELECT_BLOCK, .block = 8},
        {.k = 16, .select = MIDL_SELECT_BLOCK, .block = 16},
        {.k = 5, .select = MIDL_SELECT_THRESHOLD, .threshold = 0.1f}};
    for (size_t i = 0; i < 15; i++) {
        const struct midl_shape *mode = &modes[i / 3];
        struct midl_layer written = make_layer(gates[i % 3]), read;
        struct error error = {""};
        void *owned = NULL;
        written.shape.k = mode->k;
        written.shape.select = mode->select;
        written.shape.unselected = mode->unselected;
        written.shape.threshold = mode->threshold;
        written.shape.block = mode->block;
        const char *path = scratch_path("layer");
        assert_int_equal(layer_write(path, &written, NULL, &error), OUTCOME_DONE);
        if (layer_read(path, &read, &owned, &error) != OUTCOME_DONE)
            fail_msg("%s", error.text);
        assert_same_layer(&read, &written);
        free(owned);
    }
}

static void test_layer_names(void **state)
{
    (void)state;
    struct midl_layer layer = make_layer(MIDL_GATE_LOWRANK);
    struct error error;
    assert_int_equal(layer_write(scratch_path("names"), &layer, NULL, &error), OUTCOME_DONE);
    struct tensors *file = read_sound(scratch_path("names"));
    static const char *const names[] = {"full.bias",     "full.weight",    "gate.down.weight",
                                        "gate.up.bias",  "gate.up.weight", "light.down.weight",
                                        "light.up.bias", "light.up.weight"};
    assert_int_equal(tensors_count(file), 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(tensors_at(file, i)->name, names[i]);
    assert_string_equal(tensors_metadata(file, "format"), "midl");
    assert_string_equal(tensors_metadata(file, "k"), "7");
    assert_string_equal(tensors_metadata(file, "select"), "topk");
    assert_string_equal(tensors_metadata(file, "unselected"), "light");
    tensors_close(file);
}

static enum outcome read_text_layer(const char *path, struct error *error)
{
    struct midl_layer layer = {.full_weight = NULL};
    void *owned = NULL;
    enum outcome outcome = layer_read(path, &layer, &owned, error);
    assert_int_equal(outcome == OUTCOME_DONE, owned != NULL); /* untouched on failure */
    assert_int_equal(outcome == OUTCOME_DONE, layer.full_weight != NULL);
    free(owned);
    return outcome;
}

/* Write the layer again with `prefix` before each name and further tensors, as a PyTorch module
 * that holds it gives its state_dict. */
static const char *write_module(const struct midl_layer *layer, const char *prefix,
                                const struct tensor *more, size_t more_count)
{
    static char names[16][80];
    struct tensor tensors[16];
    const struct tensor_meta meta[] = {{"format", "pt"}};
    struct error error = {""};
    size_t count = 0;
    assert_int_equal(layer_write(scratch_path("alone"), layer, NULL, &error), OUTCOME_DONE);
    struct tensors *file = read_sound(scratch_path("alone"));
    for (; count < tensors_count(file); count++)
        tensors[count] = *tensors_at(file, count);
    for (size_t i = 0; i < more_count; i++)
        tensors[count++] = more[i];
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s%s", prefix, tensors[i].name);
        tensors[i].name = names[i];
    }
    const char *path = scratch_path("module");
    assert_int_equal(tensors_write(path, tensors, count, meta, 1, &error), OUTCOME_DONE);
    tensors_close(file);
    return path;
}

/* bias + up a in double. */
static void assert_folded(const float *read, const float *bias, const float *up, const float *a,
                          size_t rank)
{
    for (size_t j = 0; j < N; j++) {
        double sum = (double)bias[j];
        for (size_t i = 0; i < rank; i++)
            sum += (double)up[j * rank + i] * (double)a[i];
        assert_true(read[j] == (float)sum);
    }
}

static void test_layer_down_biases(void **state)
{
    (void)state;
    static const enum midl_gate gates[] = {MIDL_GATE_FULL, MIDL_GATE_LOWRANK, MIDL_GATE_SHARED};
    static const float a[R] = {2.5f, -1}, e[RG] = {0.75f, 3};
    static const double wide[R] = {2.5, -1};
    for (size_t i = 0; i < 6; i++) {
        enum midl_gate gate = gates[i % 3];
        const struct tensor more[] = {
            i < 3 ? (struct tensor){"light.down.bias", TENSOR_F32, 1, {R}, a, sizeof a}
                  : (struct tensor){"light.down.bias", TENSOR_F64, 1, {R}, wide, sizeof wide},
            {"gate.down.bias", TENSOR_F32, 1, {RG}, e, sizeof e}};
        const char *prefix = i < 3 ? "" : "model.layers.3.mlp.";
        struct midl_layer written = make_layer(gate), read;
        struct error error = {""};
        void *owned = NULL;
        char path[600];
        snprintf(path, sizeof path, "%s%s",
                 write_module(&written, prefix, more, gate == MIDL_GATE_LOWRANK ? 2 : 1),
                 i < 3 ? "" : "#model.layers.3.mlp");
        if (layer_read(path, &read, &owned, &error) != OUTCOME_DONE)
            fail_msg("%s", error.text);
        assert_folded(read.light_bias, written.light_bias, written.light_up, a, R);
        if (gate == MIDL_GATE_FULL)
            assert_array(read.gate_bias, written.gate_bias, N);
        else if (gate == MIDL_GATE_LOWRANK)
            assert_folded(read.gate_bias, written.gate_bias, written.gate_up, e, RG);
        else
            assert_folded(read.gate_bias, written.gate_bias, written.gate_up, a, R);
        read.light_bias = written.light_bias;
        read.gate_bias = written.gate_bias;
        read.shape.k = written.shape.k; /* a module's file has no metadata of ours */
        assert_same_layer(&read, &written);
        free(owned);
    }
}

/* What a layer's names promise and nothing reads is an error, wherever the layer stands. */
static void test_layer_unknown_names(void **state)
{
    (void)state;
    static const float ones[4] = {1, 1, 1, 1};
    static const struct {
        enum midl_gate gate;
        const char *name, *words;
    } cases[] = {{MIDL_GATE_LOWRANK, "full.scale", "tensor full.scale is no part"},
                 {MIDL_GATE_SHARED, "gate.down.bias", "tensor gate.down.bias is no part"},
                 {MIDL_GATE_FULL, "gate.temperature", "with a full gate"},
                 {MIDL_GATE_LOWRANK, "light.down.weight_g", "tensor light.down.weight_g"},
                 {MIDL_GATE_LOWRANK, "light.down.bias", "expected [2]"},
                 {MIDL_GATE_LOWRANK, "lights.down", NULL},
                 {MIDL_GATE_LOWRANK, "fully.bias", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct midl_layer written = make_layer(cases[i].gate);
        const struct tensor more = {cases[i].name, TENSOR_F32, 1, {4}, ones, sizeof ones};
        struct error error = {""};
        enum outcome outcome = read_text_layer(write_module(&written, "", &more, 1), &error);
        if (cases[i].words)
            assert_error(cases[i].name, outcome, OUTCOME_USAGE, &error, cases[i].words);
        else
            assert_int_equal(outcome, OUTCOME_DONE);
    }
}

/* A file whose layer stands elsewhere: the line says where, or what there is. */
static void test_layer_prefix(void **state)
{
    (void)state;
    static const float one = 1;
    static const struct tensor x = {"x", TENSOR_F32, 1, {1}, &one, sizeof one};
    struct midl_layer written = make_layer(MIDL_GATE_SHARED);
    struct error error = {""};
    char path[600];
    const char *module = write_module(&written, "mlp.0.", NULL, 0);
    assert_error("no prefix", read_text_layer(module, &error), OUTCOME_USAGE, &error,
                 "a layer stands under --prefix mlp.0");
    snprintf(path, sizeof path, "%s#mlp.1", module);
    assert_error("another", read_text_layer(path, &error), OUTCOME_USAGE, &error,
                 "no tensor mlp.1.full.weight");
    snprintf(path, sizeof path, "%s#mlp.0", module);
    assert_int_equal(read_text_layer(path, &error), OUTCOME_DONE);
    assert_true(file_same(path, module) && !file_same(path, scratch_path("alone")));
    snprintf(path, sizeof path, "%s#mlp", module);
    assert_error("too short", read_text_layer(path, &error), OUTCOME_USAGE, &error,
                 "no tensor mlp.full.weight");
    assert_int_equal(tensors_write(scratch_path("x"), &x, 1, NULL, 0, &error), OUTCOME_DONE);
    assert_error("inputs", read_text_layer(scratch_path("x"), &error), OUTCOME_USAGE, &error,
                 "not a MID-L layer; it holds x");
    /* A file whose own name has the mark. */
    assert_int_equal(layer_write(scratch_path("a#b"), &written, NULL, &error), OUTCOME_DONE);
    assert_int_equal(read_text_layer(scratch_path("a#b"), &error), OUTCOME_DONE);
}

/* A layer file in text: tensors of BF16 ones, as many as names are given. */
struct text_tensor {
    const char *name, *shape;
    size_t elements;
};

static const char *write_text_layer(const struct text_tensor *tensors, size_t count,
                                    const char *metadata, const char *dtype, size_t element_bytes)
{
    static unsigned char ones[4096];
    char header[4096];
    size_t begin = 0;
    int at = snprintf(header, sizeof header, "{%s", metadata);
    for (size_t i = 0; i < sizeof ones; i++)
        ones[i] = i % 2 ? 0x3f : 0x80;
    for (size_t i = 0; i < count; i++) {
        size_t end = begin + tensors[i].elements * element_bytes;
        at += snprintf(header + at, sizeof header - (size_t)at,
                       "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                       i || *metadata ? "," : "", tensors[i].name, dtype, tensors[i].shape, begin,
                       end);
        begin = end;
    }
    snprintf(header + at, sizeof header - (size_t)at, "}");
    return scratch_tensors("layer", header, strlen(header), ones, begin);
}

static const struct text_tensor shared_layer[] = {
    {"light.up.bias", "[20]", 20},     {"unrelated", "[1,1,1]", 1},
    {"light.up.weight", "[20,2]", 40}, {"gate.up.weight", "[20,2]", 40},
    {"full.bias", "[20]", 20},         {"full.weight", "[20,3]", 60},
    {"light.down.weight", "[2,3]", 6}, {"gate.up.bias", "[20]", 20}};

static void test_layer_foreign(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        size_t bytes;
    } types[] = {{"BF16", 2}, {"F16", 2}, {"F32", 4}, {"F64", 8}};
    for (size_t i = 0; i < 4; i++) {
        struct midl_layer layer;
        struct error error;
        void *owned;
        const char *path =
            write_text_layer(shared_layer, 8, i ? "\"__metadata__\":{\"format\":\"pt\"}" : "",
                             types[i].dtype, types[i].bytes);
        if (layer_read(path, &layer, &owned, &error) != OUTCOME_DONE)
            fail_msg("%s", error.text);
        assert_int_equal(layer.shape.gate, MIDL_GATE_SHARED);
        assert_true(layer.shape.n == 20 && layer.shape.d == 3 && layer.shape.r == 2);
        assert_int_equal(layer.shape.k, 9); /* 0.45 n */
        assert_int_equal(layer.shape.select, MIDL_SELECT_TOPK);
        assert_int_equal(layer.shape.unselected, MIDL_UNSELECTED_LIGHT);
        assert_int_equal((uintptr_t)layer.gate_up % 64, 0);
        assert_true(i != 0 || layer.gate_up[39] == 1.0f);
        free(owned);
    }
}

static void test_layer_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct text_tensor tensors[8];
        struct error error = {""};
        memcpy(tensors, shared_layer, sizeof tensors);
        tensors[i].name = "elsewhere";
        enum outcome outcome = read_text_layer(write_text_layer(tensors, 8, "", "BF16", 2), &error);
        if (strcmp(shared_layer[i].name, "unrelated") == 0)
            assert_int_equal(outcome, OUTCOME_DONE);
        else
            assert_error("missing", outcome, OUTCOME_USAGE, &error, shared_layer[i].name);
    }
}

static void test_layer_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t place; /* in shared_layer */
        struct text_tensor tensor;
        const char *words;
    } cases[] = {
        {0, {"light.up.bias", "[19]", 19}, "tensor light.up.bias has shape [19], expected [20]"},
        {0, {"light.up.bias", "[20,1]", 20}, "has shape [20, 1], expected [20]"},
        {0, {"light.up.bias", "[]", 1}, "has shape [], expected [20]"},
        {2, {"light.up.weight", "[2,20]", 40}, "has shape [2, 20], expected [20, 2]"},
        {3, {"gate.up.weight", "[20,3]", 60}, "gate.up.weight has shape [20, 3], expected [20, 2]"},
        {5, {"full.weight", "[60]", 60}, "full.weight has shape [60], expected two dimensions"},
        {5, {"full.weight", "[20,4]", 80}, "light.down.weight has shape [2, 3], expected [2, 4]"},
        {5, {"full.weight", "[20,0]", 0}, "d"},
        {6, {"light.down.weight", "[2,4]", 8}, "has shape [2, 4], expected [2, 3]"},
        {6, {"light.down.weight", "[0,3]", 0}, "r"},
        {1, {"gate.bias", "[20]", 20}, "two gates: gate.bias belongs to a full gate"},
        {1, {"gate.weight", "[20,3]", 60}, "two gates: gate.weight belongs"},
        {1,
         {"gate.down.weight", "[4,3]", 12},
         "gate.up.weight has shape [20, 2], expected [20, 4]"},
        {1, {"gate.down.weight", "[2,2]", 4}, "gate.down.weight has shape [2, 2], expected [2, 3]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_tensor tensors[8];
        struct error error = {""};
        memcpy(tensors, shared_layer, sizeof tensors);
        tensors[cases[i].place] = cases[i].tensor;
        assert_error(cases[i].tensor.name,
                     read_text_layer(write_text_layer(tensors, 8, "", "BF16", 2), &error),
                     OUTCOME_USAGE, &error, cases[i].words);
    }
    struct error error = {""};
    assert_error("type", read_text_layer(write_text_layer(shared_layer, 8, "", "I16", 2), &error),
                 OUTCOME_USAGE, &error, "has dtype I16, expected F32, BF16, F16 or F64");
    assert_error("no gate",
                 read_text_layer(write_text_layer(
                                     (const struct text_tensor[]){shared_layer[5], shared_layer[6]},
                                     2, "", "BF16", 2),
                                 &error),
                 OUTCOME_USAGE, &error, "no gate");
}

static void test_layer_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *words; /* NULL: sound */
    } cases[] = {
        {"\"k\":\"20\"", NULL},
        {"\"k\":\"0\"", NULL},
        {"\"k\":\"21\"", "k"},
        {"\"k\":\"\"", "metadata k = \"\", expected a whole number"},
        {"\"k\":\"-1\"", "metadata k = \"-1\", expected a whole number"},
        {"\"k\":\"0.45\"", "expected a whole number"},
        {"\"k\":\"9 \"", "expected a whole number"},
        {"\"k\":\"99999999999999999999\"", "expected a whole number"},
        {"\"select\":\"best\"", "metadata select = \"best\", expected topk, block or threshold"},
        {"\"unselected\":\"dark\"", "expected light or zero"},
        {"\"select\":\"threshold\",\"threshold\":\"0.25\"", NULL},
        {"\"select\":\"threshold\"", NULL},
        {"\"threshold\":\"1\"", "metadata threshold = \"1\", expected a number"},
        {"\"threshold\":\"nan\"", "expected a number"},
        {"\"threshold\":\"\"", "expected a number"},
        {"\"threshold\":\"0.5x\"", "expected a number"},
        {"\"select\":\"block\",\"block\":\"many\"", "metadata block = \"many\""},
        {"\"select\":\"block\"", "block"}, /* 20 neurons aren't whole blocks */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char metadata[256];
        struct error error = {""};
        snprintf(metadata, sizeof metadata, "\"__metadata__\":{%s}", cases[i].metadata);
        enum outcome outcome =
            read_text_layer(write_text_layer(shared_layer, 8, metadata, "BF16", 2), &error);
        if (cases[i].words)
            assert_error(cases[i].metadata, outcome, OUTCOME_USAGE, &error, cases[i].words);
        else
            assert_int_equal(outcome, OUTCOME_DONE);
    }
}

/* Every byte lost, one byte too many. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct midl_layer layer = make_layer(MIDL_GATE_LOWRANK);
    struct error error = {""};
    unsigned char bytes[4096];
    assert_int_equal(layer_write(scratch_path("whole"), &layer, NULL, &error), OUTCOME_DONE);
    FILE *file = fopen(scratch_path("whole"), "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 1000, sizeof bytes - 1);
    bytes[size] = 0;
    for (size_t cut = 0; cut <= size + 1; cut++) {
        enum outcome outcome = read_text_layer(scratch_file("cut", bytes, cut), &error);
        assert_int_equal(outcome, cut == size ? OUTCOME_DONE : OUTCOME_USAGE);
    }
}

/* Replace, insert, delete or copy bytes, mostly to bytes that mean something to JSON. */
static size_t mutate(struct rng *rng, unsigned char *bytes, size_t size)
{
    static const char telling[] = "{}[]\",:0123456789-.eE\\u \n\t\x80\xff";
    for (uint32_t left = 1 + rng_below(rng, 4); left > 0; left--) {
        size_t at = rng_below(rng, (uint32_t)size), length = 1 + rng_below(rng, 8);
        unsigned char byte = rng_below(rng, 4)
                                 ? (unsigned char)telling[rng_below(rng, sizeof telling - 1)]
                                 : (unsigned char)rng_below(rng, 256);
        if (at + length > size)
            length = size - at;
        switch (rng_below(rng, 4)) {
        case 0:
            memmove(bytes + at + 1, bytes + at, size++ - at);
            bytes[at] = byte;
            break;
        case 1:
            memmove(bytes + at, bytes + at + length, size - at - length);
            size -= length;
            break;
        case 2:
            memmove(bytes + rng_below(rng, (uint32_t)(size - length + 1)), bytes + at, length);
            break;
        default:
            bytes[at] = byte;
        }
        if (size == 0)
            bytes[size++] = byte;
    }
    return size;
}

/* What must hold of any file that was accepted. */
static void assert_consistent(const struct tensors *file)
{
    for (size_t i = 0; i < tensors_count(file); i++) {
        const struct tensor *tensor = tensors_at(file, i);
        size_t bits = tensor_type_bits(tensor->type), sum = 0;
        for (size_t j = 0; j < tensor->dims && j < TENSOR_DIMS; j++)
            bits *= tensor->shape[j];
        assert_int_equal(bits, 8 * tensor->bytes);
        for (size_t j = 0; j < tensor->bytes; j++)
            sum += ((const unsigned char *)tensor->data)[j]; /* every byte may be read */
        assert_true(sum <= 255 * tensor->bytes);
        assert_ptr_equal(tensors_find(file, tensor->name), tensor);
    }
}

static void test_mutations(void **state)
{
    (void)state;
    struct midl_layer layer = make_layer(MIDL_GATE_SHARED);
    struct rng rng = rng_seed(20250711);
    struct error error = {""};
    unsigned char sound[4096], bytes[4096];
    size_t accepted = 0, refused = 0;

    assert_int_equal(layer_write(scratch_path("sound"), &layer, NULL, &error), OUTCOME_DONE);
    FILE *file = fopen(scratch_path("sound"), "rb");
    assert_non_null(file);
    size_t size = fread(sound, 1, sizeof sound - 64, file), header = sound[0] + 256u * sound[1];
    fclose(file);
    for (int i = 0; i < 6000; i++) {
        struct tensors *tensors = NULL;
        memcpy(bytes, sound, size);
        /* The header alone with its length set right, so that the JSON is reached; sometimes any
         * byte of the file. */
        size_t changed = size;
        if (i % 4) {
            size_t length = mutate(&rng, bytes + 8, header);
            bytes[0] = (unsigned char)length;
            bytes[1] = (unsigned char)(length >> 8);
            memcpy(bytes + 8 + length, sound + 8 + header, size - 8 - header);
            changed = size - header + length;
        } else {
            changed = mutate(&rng, bytes, size);
        }
        const char *path = scratch_file("mutant", bytes, changed);
        error.text[0] = '\0';
        if (tensors_read(path, &tensors, &error) == OUTCOME_DONE) {
            accepted++;
            assert_consistent(tensors);
            tensors_close(tensors);
            read_text_layer(path, &error);
        } else {
            refused++;
            assert_error("mutant", OUTCOME_USAGE, OUTCOME_USAGE, &error, "/mutant: offset ");
        }
    }
    assert_true(accepted > 100 && refused > 3000); /* both ways were tried */
}

/* ---- Writing that fails ---------------------------------------------------------------------- */

static const float many_values[1 << 16];

static enum outcome write_many(const char *path, struct error *error)
{
    const struct tensor tensor = {"t", TENSOR_F32, 1, {1 << 16}, many_values, sizeof many_values};
    return tensors_write(path, &tensor, 1, NULL, 0, error);
}

static void assert_still_sound(const char *path)
{
    struct tensors *file = read_sound(path);
    assert_non_null(tensors_find(file, "old"));
    tensors_close(file);
}

static const char *write_old(const char *name)
{
    static const char header[] =
        "{\"old\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    return scratch_tensors(name, TEXT(header), zeros, 1);
}

static void test_write_full_disk(void **state)
{
    (void)state;
    struct error error = {""};
    struct rlimit limit, small;
    write_old("old");
    size_t entries = scratch_entries();

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 1 << 14;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum outcome outcome = write_many(scratch_path("old"), &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, handler);

    assert_error("limit", outcome, OUTCOME_MACHINE, &error, "File too large");
    assert_still_sound(scratch_path("old"));
    assert_int_equal(scratch_entries(), entries);

    assert_error("device", write_many("/dev/full", &error), OUTCOME_MACHINE, &error,
                 "/dev/full: No space left");
    assert_int_equal(write_many(scratch_path("old"), &error), OUTCOME_DONE);
    assert_int_equal(scratch_entries(), entries);
}

static void test_write_bad_places(void **state)
{
    (void)state;
    struct error error = {""};
    struct stat status;
    assert_error("folder", write_many(scratch_folder, &error), OUTCOME_USAGE, &error,
                 "Is a directory");
    assert_error("no folder", write_many(scratch_path("nowhere/x"), &error), OUTCOME_USAGE, &error,
                 "No such file");
    assert_error("no name", write_many("", &error), OUTCOME_USAGE, &error, "without a name");
    assert_error("through a file", write_many(scratch_path("old/x"), &error), OUTCOME_USAGE, &error,
                 "Not a directory");
    assert_int_equal(write_many("/dev/null", &error), OUTCOME_DONE);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode)); /* written to, not replaced */

    if (geteuid() == 0) /* root may write everywhere; nobody may not */
        assert_int_equal(seteuid(65534), 0);
    else
        assert_int_equal(chmod(scratch_folder, 0555), 0);
    enum outcome outcome = write_many(scratch_path("new"), &error);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(scratch_folder, 0755), 0);
    assert_error("unwritable", outcome, OUTCOME_MACHINE, &error, "Permission denied");
}

static void test_write_replaces(void **state)
{
    (void)state;
    struct error error = {""};
    struct stat status;
    const char *target = write_old("target"), *link = scratch_path("link");
    assert_int_equal(chmod(target, 0660), 0);
    assert_int_equal(symlink("target", link), 0);
    size_t entries = scratch_entries();
    assert_int_equal(write_many(link, &error), OUTCOME_DONE);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode)); /* the link stays, what it points to is new */
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    struct tensors *file = read_sound(target);
    assert_non_null(tensors_find(file, "t"));
    tensors_close(file);
    assert_int_equal(scratch_entries(), entries);

    /* A path without a folder: beside it means here. */
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(scratch_folder), 0);
    assert_int_equal(write_many("here", &error), OUTCOME_DONE);
    assert_int_equal(chdir(before), 0);
    free(before);
    assert_int_equal(stat(scratch_path("here"), &status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_written_bytes),
        cmocka_unit_test(test_foreign_order_and_alignment),
        cmocka_unit_test(test_foreign_types),
        cmocka_unit_test(test_foreign_extremes),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_hostile_bombs),
        cmocka_unit_test(test_not_regular),
        cmocka_unit_test(test_layer_round_trip),
        cmocka_unit_test(test_layer_names),
        cmocka_unit_test(test_layer_down_biases),
        cmocka_unit_test(test_layer_unknown_names),
        cmocka_unit_test(test_layer_prefix),
        cmocka_unit_test(test_layer_foreign),
        cmocka_unit_test(test_layer_missing),
        cmocka_unit_test(test_layer_wrong),
        cmocka_unit_test(test_layer_metadata),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_write_full_disk),
        cmocka_unit_test(test_write_bad_places),
        cmocka_unit_test(test_write_replaces),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

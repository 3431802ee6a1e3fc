/* mat_file.c - arrays of bytes in MATLAB files of version 5, through matio. */
#include "data/mat_file.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "data/stream.h"
#include "harness_config.h"

#define MAT_HEADER 128u /* bytes: text, version, order of bytes */
#define MAT_MATRIX 14u  /* types of elements */
#define MAT_COMPRESSED 15u
#define MAT_INT32 5u /* of parts of an array */
#define MAT_FLAGS 6u
#define HEAD_DIMS_MOST 32u /* of an array that is skipped, too */
#define HEAD_NAME_MOST 256u
#define HEAD_BYTES (3 * 8 + 8 + 4 * HEAD_DIMS_MOST + HEAD_NAME_MOST) /* that a head may have */
#define FILE_BYTES_MOST ((size_t)1 << 31) /* more than any official file has */

#if MIDL_HAVE_MATIO

#include <matio.h>

const char *mat_file_unavailable(void)
{
    return "";
}

/* ---- The chain of elements ------------------------------------------------------------------- */

static uint32_t little_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* Step over a part of an array, which must lie within `count` bytes; its type and size. Returns the
 * place behind it, or 0. */
static size_t step_over(const unsigned char *bytes, size_t count, size_t at, uint32_t *ret_type,
                        uint32_t *ret_size)
{
    if (at > count || count - at < 8)
        return 0;
    uint32_t type = little_endian(bytes + at), size = little_endian(bytes + at + 4);
    bool is_small = type >> 16 != 0; /* size and data within the tag */
    *ret_type = is_small ? type & 0xffff : type;
    *ret_size = is_small ? type >> 16 : size;
    size_t rounded = is_small ? 0 : ((size_t)size + 7) / 8 * 8;
    return (!is_small || *ret_size <= 4) && rounded <= count - at - 8 ? at + 8 + rounded : 0;
}

/* Hold the head of an array (flags, dimensions, name) against what there can be: matio takes the
 * memory that it claims. */
static bool head_is_sane(const unsigned char *bytes, size_t count)
{
    uint32_t type, size;
    size_t at = step_over(bytes, count, 0, &type, &size);
    bool ok = at && type == MAT_FLAGS && size == 8;
    at = ok ? step_over(bytes, count, at, &type, &size) : 0;
    ok = at && type == MAT_INT32 && size % 4 == 0 && size <= 4 * HEAD_DIMS_MOST;
    at = ok ? step_over(bytes, count, at, &type, &size) : 0;
    return at && size <= HEAD_NAME_MOST;
}

static enum outcome bad_head(const char *path, uint64_t at, struct error *error)
{
    return file_bad(error, path, at,
                    "the array that begins here has no sound head: flags, "
                    "dimensions, name");
}

/* Inflate a compressed element whole and hold its length against the tag that it begins with. */
static enum outcome check_inflated(const char *path, uint64_t at, const unsigned char *bytes,
                                   size_t count, struct error *error)
{
    unsigned char start[8 + HEAD_BYTES] = {0}, chunk[16384];
    uint64_t total = 0;
    z_stream z = {0};
    int status = inflateInit(&z);
    if (status != Z_OK)
        return fail_memory(error, file_shown(path), sizeof chunk);
    memcpy(&z.next_in, &bytes, sizeof bytes); /* zlib's pointer is not const */
    z.avail_in = (unsigned)count;
    while (status == Z_OK) {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        status = inflate(&z, Z_NO_FLUSH);
        size_t got = sizeof chunk - z.avail_out;
        for (size_t i = 0; i < got && total + i < sizeof start; i++)
            start[total + i] = chunk[i];
        total += got;
        if (status == Z_OK && got == 0 && z.avail_in == 0)
            break;
    }
    inflateEnd(&z);
    if (status != Z_STREAM_END)
        return file_bad(error, path, at, "the compressed element that begins here is damaged");
    size_t head = total < 8 ? 0 : total - 8 < HEAD_BYTES ? (size_t)total - 8 : HEAD_BYTES;
    if (total < 8 || little_endian(start) != MAT_MATRIX || little_endian(start + 4) != total - 8)
        return file_bad(error, path, at,
                        "the compressed element that begins here is no array of the length that "
                        "its tag says");
    return head_is_sane(start + 8, head) ? OUTCOME_DONE : bad_head(path, at, error);
}

/* Walk the elements of a file. */
static enum outcome check_elements(const char *path, const unsigned char *bytes, size_t count,
                                   struct error *error)
{
    static const unsigned char mark[] = {0x00, 0x01, 'I', 'M'};
    if (count < MAT_HEADER || memcmp(bytes + MAT_HEADER - 4, mark, sizeof mark) != 0)
        return file_bad(error, path, count < MAT_HEADER ? 0 : MAT_HEADER - 4,
                        "not a MATLAB file of version 5, little-endian");
    for (size_t at = MAT_HEADER; at < count;) {
        if (count - at < 8)
            return file_bad(error, path, at, "the tag of an element is cut off here");
        uint32_t type = little_endian(bytes + at), size = little_endian(bytes + at + 4);
        if (type != MAT_MATRIX && type != MAT_COMPRESSED)
            return file_bad(error, path, at, "element of type %" PRIu32 ", expected an array",
                            type);
        if (size > count - at - 8)
            return file_bad(error, path, at,
                            "an element of %" PRIu32 " bytes, the file has %zu more", size,
                            count - at - 8);
        enum outcome outcome = OUTCOME_DONE;
        if (type == MAT_COMPRESSED)
            outcome = check_inflated(path, at, bytes + at + 8, size, error);
        else if (!head_is_sane(bytes + at + 8, size))
            outcome = bad_head(path, at, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        at += 8 + (size_t)size;
    }
    return OUTCOME_DONE;
}

static enum outcome check_file(const char *path, size_t *ret_bytes, struct error *error)
{
    unsigned char *bytes;
    enum outcome outcome = stream_all(path, FILE_BYTES_MOST, &bytes, ret_bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = check_elements(path, bytes, *ret_bytes, error);
    free(bytes);
    return outcome;
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

/* matio reports on standard error and ends the program at the worst: our one line replaces both. */
static void say_nothing(int level, const char *message)
{
    (void)level, (void)message;
}

/* The same for an older matio, whose message isn't const. */
static void say_nothing_older(int level, char *message)
{
    say_nothing(level, message);
}

#define SAY_NOTHING                                                                                \
    _Generic(&Mat_LogInitFunc, int (*)(const char *, void (*)(int, const char *))                  \
             : say_nothing, default                                                                \
             : say_nothing_older)

/* Hold what an array claims against the file: deflate makes at most 1032 bytes of one. */
static enum outcome check_claims(const char *path, const matvar_t *array, size_t file_bytes,
                                 size_t *ret_elements, struct error *error)
{
    size_t elements = 1;
    bool number = array->class_type == MAT_C_UINT8 || array->class_type == MAT_C_DOUBLE;
    if (!number || array->isComplex)
        return fail(error, OUTCOME_USAGE, "%s: array %.40s: expected uint8 or double",
                    file_shown(path), array->name);
    if (array->rank < 2 || array->rank > MAT_DIMS)
        return fail(error, OUTCOME_USAGE, "%s: array %.40s has %d dimensions, expected 2 to %d",
                    file_shown(path), array->name, array->rank, MAT_DIMS);
    for (int i = 0; i < array->rank; i++)
        if (__builtin_mul_overflow(elements, array->dims[i], &elements))
            elements = SIZE_MAX;
    if (elements == 0 || elements / 1032 > file_bytes)
        return fail(error, OUTCOME_USAGE,
                    "%s: array %.40s of %zu elements in a file of %zu bytes: impossible",
                    file_shown(path), array->name, elements, file_bytes);
    *ret_elements = elements;
    return OUTCOME_DONE;
}

/* Copy elements to bytes; false at one that is no whole number 0..255, with its place. */
static bool to_bytes(const matvar_t *array, size_t elements, unsigned char *ret, size_t *ret_place)
{
    if (array->class_type == MAT_C_UINT8) {
        memcpy(ret, array->data, elements);
        return true;
    }
    const double *values = array->data;
    for (size_t i = 0; i < elements; i++) {
        bool fits = values[i] >= 0 && values[i] <= 255 && values[i] == (double)(int)values[i];
        if (!fits) {
            *ret_place = i;
            return false;
        }
        ret[i] = (unsigned char)values[i];
    }
    return true;
}

static enum outcome copy_array(const char *path, const matvar_t *array, size_t elements,
                               struct mat_bytes *ret, struct error *error)
{
    struct mat_bytes copy = {.shape = {1, 1, 1, 1}};
    size_t place;
    if (!array->data || (size_t)array->nbytes != elements * (size_t)array->data_size)
        return fail(error, OUTCOME_USAGE, "%s: array %.40s is damaged", file_shown(path),
                    array->name);
    if (!(copy.bytes = malloc(elements)))
        return fail_memory(error, file_shown(path), (double)elements);
    if (!to_bytes(array, elements, copy.bytes, &place)) {
        free(copy.bytes);
        return fail(error, OUTCOME_USAGE,
                    "%s: array %.40s: element %zu is no whole number from 0 to 255",
                    file_shown(path), array->name, place);
    }
    for (int i = 0; i < array->rank; i++)
        copy.shape[i] = array->dims[i];
    *ret = copy;
    return OUTCOME_DONE;
}

static enum outcome read_array(const char *path, mat_t *file, const char *name, size_t file_bytes,
                               struct mat_bytes *ret, struct error *error)
{
    size_t elements = 0;
    matvar_t *array = Mat_VarReadInfo(file, name);
    if (!array)
        return fail(error, OUTCOME_USAGE, "%s: no readable array %s in it", file_shown(path), name);
    enum outcome outcome = check_claims(path, array, file_bytes, &elements, error);
    if (outcome == OUTCOME_DONE && Mat_VarReadDataAll(file, array) != 0)
        outcome = fail(error, OUTCOME_USAGE, "%s: array %.40s is damaged", file_shown(path), name);
    if (outcome == OUTCOME_DONE)
        outcome = copy_array(path, array, elements, ret, error);
    Mat_VarFree(array);
    return outcome;
}

enum outcome mat_file_read(const char *path, const char *name, struct mat_bytes *ret,
                           struct error *error)
{
    size_t file_bytes;
    enum outcome outcome = check_file(path, &file_bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    Mat_LogInitFunc("midl", SAY_NOTHING);
    mat_t *file = Mat_Open(path, MAT_ACC_RDONLY);
    if (!file)
        return fail(error, OUTCOME_USAGE, "%s: matio cannot open it", file_shown(path));
    outcome = read_array(path, file, name, file_bytes, ret, error);
    Mat_Close(file);
    return outcome;
}

#else

const char *mat_file_unavailable(void)
{
    return "midl was built without matio";
}

enum outcome mat_file_read(const char *path, const char *name, struct mat_bytes *ret,
                           struct error *error)
{
    (void)name, (void)ret;
    return fail(error, OUTCOME_USAGE, "cannot read %s: midl was built without matio",
                file_shown(path));
}

#endif

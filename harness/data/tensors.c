/* tensors.c - the safetensors format.
 *
 * Reading goes from cheap to costly, so that no claim of the file is believed before it was held
 * against something known: the header's length against the file's size, its bytes (scan_header)
 * before the JSON parser sees them, every tensor's span against its shape and the data's size, and
 * only then is memory taken for the data and read. JSON itself is cJSON's work; scan_header refuses
 * what cJSON would let pass (bytes that aren't UTF-8, control characters, an escaped NUL that would
 * cut a name short) or pay for dearly (millions of values). The data is read apart from the header,
 * to an aligned place, whatever the header's length is. */
#include "data/tensors.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensor data is little-endian and is used as it stands"
#endif

#define HEADER_MAX 100000000u /* the format's own limit */
#define VALUES_MAX 4000000u   /* JSON values: some 400000 tensors */
#define LENGTH_BYTES 8u

struct entry {
    struct tensor tensor;
    uint64_t begin; /* of its data, from the first data byte on */
};

struct tensors {
    cJSON *header; /* names and metadata live in it */
    const cJSON *metadata;
    struct entry *entries;
    size_t count;
    uint64_t data_offset, data_bytes;
    unsigned char *data;
};

/* A file that is being read. */
struct reader {
    const char *path;
    char *text; /* the JSON, NUL-terminated */
    size_t length;
    struct tensors *file;
    struct error *error;
};

/* ---- Types ----------------------------------------------------------------------------------- */

#define TENSOR_ROW(name, bits) {#name, bits},
static const struct {
    const char *name;
    size_t bits;
} types[] = {TENSOR_TYPES(TENSOR_ROW)};
#undef TENSOR_ROW

const char *tensor_type_name(enum tensor_type type)
{
    return types[type].name;
}

size_t tensor_type_bits(enum tensor_type type)
{
    return types[type].bits;
}

static bool type_parse(const char *name, enum tensor_type *ret)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name) == 0) {
            *ret = (enum tensor_type)i;
            return true;
        }
    }
    return false;
}

void tensor_shape_text(size_t dims, const size_t *shape, char ret[TENSOR_TEXT_SIZE])
{
    int at = snprintf(ret, TENSOR_TEXT_SIZE, "[");
    for (size_t i = 0; i < dims && i < TENSOR_DIMS; i++)
        at += snprintf(ret + at, TENSOR_TEXT_SIZE - (size_t)at, "%s%zu", i ? ", " : "", shape[i]);
    snprintf(ret + at, TENSOR_TEXT_SIZE - (size_t)at, dims > TENSOR_DIMS ? ", ...]" : "]");
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_half(uint16_t half)
{
    uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0)
        return (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

static float float_at(const struct tensor *tensor, size_t i)
{
    const unsigned char *at =
        (const unsigned char *)tensor->data + i * types[tensor->type].bits / 8;
    uint16_t half;
    float single;
    double wide;
    if (tensor->type == TENSOR_F32) {
        memcpy(&single, at, sizeof single);
        return single;
    }
    if (tensor->type == TENSOR_F64) {
        memcpy(&wide, at, sizeof wide);
        return (float)wide;
    }
    memcpy(&half, at, sizeof half);
    return tensor->type == TENSOR_BF16 ? float_of_bits((uint32_t)half << 16) : float_of_half(half);
}

bool tensor_floats(const struct tensor *tensor, size_t count, float *ret)
{
    enum tensor_type type = tensor->type;
    if (type != TENSOR_F32 && type != TENSOR_BF16 && type != TENSOR_F16 && type != TENSOR_F64)
        return false;
    for (size_t i = 0; i < count; i++)
        ret[i] = float_at(tensor, i);
    return true;
}

/* ---- The header's text ----------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at `s`, or 0 if it is none: overlong forms, surrogates and what lies
 * beyond U+10FFFF included. The text ends in a NUL, which stops a sequence that is cut off. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last, low, high; /* lead bytes; range of the second byte */
        size_t length;
    } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                 {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                 {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                 {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    if (s[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last)
            continue;
        if (s[1] < forms[i].low || s[1] > forms[i].high)
            return 0;
        for (size_t j = 2; j < forms[i].length; j++)
            if ((s[j] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

/* Every byte once, before the parser: see the head of this file. */
static enum outcome scan_header(const struct reader *r)
{
    const unsigned char *s = (const unsigned char *)r->text;
    bool in_string = false;
    size_t values = 0;
    for (size_t i = 0, step; i < r->length; i += step) {
        bool space = s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r';
        step = utf8_length(s + i);
        if (step == 0)
            return file_bad(r->error, r->path, LENGTH_BYTES + i, "the header is not UTF-8");
        if (s[i] < 0x20 && (in_string || !space))
            return file_bad(r->error, r->path, LENGTH_BYTES + i,
                            "control character 0x%02x in the header", s[i]);
        if (in_string && s[i] == '\\') {
            if (strncmp((const char *)s + i, "\\u0000", 6) == 0)
                return file_bad(r->error, r->path, LENGTH_BYTES + i, "NUL in a name of the header");
            step = i + 1 < r->length ? 1 + utf8_length(s + i + 1) : 1;
        } else if (s[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && (s[i] == ',' || s[i] == '[' || s[i] == '{')) {
            values++;
        }
    }
    if (values > VALUES_MAX)
        return file_bad(r->error, r->path, LENGTH_BYTES, "the header has more than %u values",
                        VALUES_MAX);
    return OUTCOME_DONE;
}

/* The header's length against the file's size, then its text into r->text. */
static enum outcome read_header(struct reader *r, int fd, uint64_t bytes)
{
    uint64_t length;
    enum outcome outcome;
    if (bytes < LENGTH_BYTES)
        return file_bad(
            r->error, r->path, bytes,
            "the file ends here; a safetensors file begins with 8 bytes of header length");
    if ((outcome = file_read(fd, r->path, 0, &length, sizeof length, r->error)) != OUTCOME_DONE)
        return outcome;
    if (length > HEADER_MAX)
        return file_bad(r->error, r->path, 0,
                        "header length %" PRIu64
                        " is over the limit of %u: not a safetensors file?",
                        length, HEADER_MAX);
    if (length > bytes - LENGTH_BYTES)
        return file_bad(r->error, r->path, 0,
                        "header length %" PRIu64 " runs past the end of the file of %" PRIu64
                        " bytes",
                        length, bytes);
    r->length = (size_t)length;
    r->file->data_offset = LENGTH_BYTES + length;
    r->file->data_bytes = bytes - r->file->data_offset;
    if (!(r->text = malloc(r->length + 1)))
        return fail_memory(r->error, "the header", (double)length);
    r->text[r->length] = '\0';
    outcome = file_read(fd, r->path, LENGTH_BYTES, r->text, r->length, r->error);
    if (outcome == OUTCOME_DONE && r->text[0] != '{')
        return file_bad(r->error, r->path, LENGTH_BYTES, "the header does not begin with '{'");
    return outcome;
}

static enum outcome parse_header(struct reader *r)
{
    const char *end = r->text;
    enum outcome outcome = scan_header(r);
    if (outcome != OUTCOME_DONE)
        return outcome;
    r->file->header = cJSON_ParseWithLengthOpts(r->text, r->length + 1, &end, true);
    if (!r->file->header)
        return file_bad(r->error, r->path, LENGTH_BYTES + (uint64_t)(end - r->text),
                        "the header is not valid JSON, nested too deep or too large for memory");
    return OUTCOME_DONE;
}

/* Where the header first names a key, for messages: an offset in the file. A key that is written
 * with escapes isn't found; the header's begin must do. */
static uint64_t key_offset(const struct reader *r, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = r->text; (at = strchr(at, '"')); at++) {
        if (strncmp(at + 1, key, length) != 0 || at[1 + length] != '"')
            continue;
        const char *after = at + length + 2;
        if (after[strspn(after, " \t\r\n")] == ':')
            return LENGTH_BYTES + (uint64_t)(at - r->text);
    }
    return LENGTH_BYTES;
}

/* ---- The header's meaning -------------------------------------------------------------------- */

/* A whole number that a double holds without doubt. */
static bool whole(const cJSON *item, uint64_t *ret)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(value >= 0 && value < 0x1p53) || value != floor(value))
        return false;
    *ret = (uint64_t)value;
    return true;
}

#define NAME "%.80s" /* a tensor's name in a message */

/* file_bad at the place where the header names `key`; the place is only looked for now, for a
 * header may be long and hold very many names. */
static enum outcome __attribute__((format(printf, 3, 4)))
bad_key(const struct reader *r, const char *key, const char *format, ...)
{
    char reason[sizeof r->error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return file_bad(r->error, r->path, key_offset(r, key), "%s", reason);
}

/* The one child `key` of a tensor's description. */
static enum outcome field(const struct reader *r, const cJSON *item, const char *key,
                          const cJSON **ret)
{
    const cJSON *found = NULL, *child;
    cJSON_ArrayForEach(child, item)
    {
        if (strcmp(child->string, key) != 0)
            continue;
        if (found)
            return bad_key(r, item->string, "tensor " NAME " has %s twice", item->string, key);
        found = child;
    }
    if (!found)
        return bad_key(r, item->string, "tensor " NAME " has no %s", item->string, key);
    *ret = found;
    return OUTCOME_DONE;
}

/* Shape and the bytes that it takes. */
static enum outcome parse_shape(const struct reader *r, const cJSON *item, const cJSON *shape,
                                struct tensor *ret)
{
    uint64_t bits = types[ret->type].bits, dim;
    const cJSON *child;
    if (!cJSON_IsArray(shape))
        return bad_key(r, item->string, "shape of tensor " NAME " is not a list", item->string);
    cJSON_ArrayForEach(child, shape)
    {
        if (!whole(child, &dim))
            return bad_key(r, item->string,
                           "shape of tensor " NAME " holds something else than whole numbers "
                           "below 2^53",
                           item->string);
        if (__builtin_mul_overflow(bits, dim, &bits))
            return bad_key(r, item->string, "shape of tensor " NAME " overflows", item->string);
        if (ret->dims < TENSOR_DIMS)
            ret->shape[ret->dims] = (size_t)dim;
        ret->dims++;
    }
    if (bits % 8 != 0)
        return bad_key(r, item->string, "tensor " NAME " does not fill whole bytes", item->string);
    ret->bytes = (size_t)(bits / 8);
    return OUTCOME_DONE;
}

/* Offsets, held against the shape and the size of the data. */
static enum outcome parse_offsets(const struct reader *r, const cJSON *item, const cJSON *offsets,
                                  struct entry *ret)
{
    uint64_t begin, end;
    const cJSON *first = cJSON_GetArrayItem(offsets, 0);
    char shape[TENSOR_TEXT_SIZE];
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 || !whole(first, &begin) ||
        !whole(first->next, &end))
        return bad_key(r, item->string,
                       "data_offsets of tensor " NAME " are not two whole numbers below 2^53",
                       item->string);
    if (begin > end)
        return bad_key(r, item->string,
                       "data_offsets of tensor " NAME " run backwards: %" PRIu64 " to %" PRIu64,
                       item->string, begin, end);
    if (end > r->file->data_bytes)
        return bad_key(r, item->string,
                       "tensor " NAME " ends at byte %" PRIu64
                       " of the data, the file has %" PRIu64,
                       item->string, end, r->file->data_bytes);
    if (end - begin != ret->tensor.bytes) {
        tensor_shape_text(ret->tensor.dims, ret->tensor.shape, shape);
        return bad_key(r, item->string,
                       "tensor " NAME " %s %s takes %zu bytes, its data_offsets span %" PRIu64,
                       item->string, types[ret->tensor.type].name, shape, ret->tensor.bytes,
                       end - begin);
    }
    ret->begin = begin;
    return OUTCOME_DONE;
}

static enum outcome parse_entry(const struct reader *r, const cJSON *item, struct entry *ret)
{
    struct entry entry = {.tensor.name = item->string};
    const cJSON *dtype = NULL, *shape = NULL, *offsets = NULL;
    enum outcome outcome;
    if (!cJSON_IsObject(item))
        return bad_key(r, item->string, "tensor " NAME " is not described by an object",
                       item->string);
    if ((outcome = field(r, item, "dtype", &dtype)) != OUTCOME_DONE ||
        (outcome = field(r, item, "shape", &shape)) != OUTCOME_DONE ||
        (outcome = field(r, item, "data_offsets", &offsets)) != OUTCOME_DONE)
        return outcome;
    if (!cJSON_IsString(dtype) || !type_parse(dtype->valuestring, &entry.tensor.type))
        return bad_key(r, item->string, "tensor " NAME " has unknown dtype %.20s", item->string,
                       cJSON_IsString(dtype) ? dtype->valuestring : "(not a string)");
    if ((outcome = parse_shape(r, item, shape, &entry.tensor)) != OUTCOME_DONE ||
        (outcome = parse_offsets(r, item, offsets, &entry)) != OUTCOME_DONE)
        return outcome;
    *ret = entry;
    return OUTCOME_DONE;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each key of an object once: sorted, not compared pairwise, for there may be very many. */
static enum outcome check_keys(const struct reader *r, const cJSON *object)
{
    size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
    const char **keys = calloc(count + 1, sizeof *keys);
    enum outcome outcome = OUTCOME_DONE;
    const cJSON *child;
    if (!keys)
        return fail_memory(r->error, "the header", (double)count * sizeof *keys);
    cJSON_ArrayForEach(child, object)
    {
        keys[i++] = child->string;
    }
    qsort(keys, count, sizeof *keys, by_text);
    for (i = 1; i < count && outcome == OUTCOME_DONE; i++)
        if (strcmp(keys[i - 1], keys[i]) == 0)
            outcome = bad_key(r, keys[i], NAME " stands twice in the header", keys[i]);
    free(keys);
    return outcome;
}

static enum outcome check_metadata(const struct reader *r, const cJSON *metadata)
{
    const cJSON *child;
    if (!cJSON_IsObject(metadata))
        return bad_key(r, "__metadata__", "__metadata__ is not an object");
    cJSON_ArrayForEach(child, metadata)
    {
        if (!cJSON_IsString(child))
            return bad_key(r, "__metadata__", "value of " NAME " in __metadata__ is no string",
                           child->string);
    }
    return check_keys(r, metadata);
}

static enum outcome parse_entries(struct reader *r)
{
    struct tensors *file = r->file;
    size_t children = (size_t)cJSON_GetArraySize(file->header);
    enum outcome outcome = check_keys(r, file->header);
    const cJSON *item;
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!(file->entries = calloc(children + 1, sizeof *file->entries)))
        return fail_memory(r->error, "the header", (double)children * sizeof *file->entries);
    cJSON_ArrayForEach(item, file->header)
    {
        if (strcmp(item->string, "__metadata__") == 0) {
            file->metadata = item;
            outcome = check_metadata(r, item);
        } else {
            outcome = parse_entry(r, item, &file->entries[file->count]);
            file->count += outcome == OUTCOME_DONE;
        }
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return OUTCOME_DONE;
}

static int by_begin(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->tensor.bytes > y->tensor.bytes) - (x->tensor.bytes < y->tensor.bytes);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->tensor.name, y->tensor.name);
}

/* One after the other, from the first byte of the data to the last. */
static enum outcome check_layout(const struct reader *r)
{
    struct tensors *file = r->file;
    uint64_t end = 0;
    qsort(file->entries, file->count, sizeof *file->entries, by_begin);
    for (size_t i = 0; i < file->count; i++) {
        const struct entry *entry = &file->entries[i];
        if (entry->begin < end)
            return file_bad(r->error, r->path, file->data_offset + entry->begin,
                            "tensor " NAME " overlaps tensor " NAME, entry->tensor.name,
                            entry[-1].tensor.name);
        if (entry->begin > end)
            return file_bad(r->error, r->path, file->data_offset + end,
                            "a hole: %" PRIu64 " bytes before tensor " NAME " belong to no tensor",
                            entry->begin - end, entry->tensor.name);
        end = entry->begin + entry->tensor.bytes;
    }
    if (end != file->data_bytes)
        return file_bad(r->error, r->path, file->data_offset + end,
                        "%" PRIu64 " bytes after the last tensor belong to no tensor",
                        file->data_bytes - end);
    return OUTCOME_DONE;
}

static enum outcome read_data(const struct reader *r, int fd)
{
    struct tensors *file = r->file;
    size_t bytes = (size_t)file->data_bytes;
    enum outcome outcome;
    void *data;
    if (posix_memalign(&data, 64, bytes + 1) != 0)
        return fail_memory(r->error, file_shown(r->path), (double)bytes);
    file->data = data;
    outcome = file_read(fd, r->path, file->data_offset, file->data, bytes, r->error);
    for (size_t i = 0; i < file->count; i++)
        file->entries[i].tensor.data = file->data + file->entries[i].begin;
    qsort(file->entries, file->count, sizeof *file->entries, by_name);
    return outcome;
}

enum outcome tensors_read(const char *path, struct tensors **ret, struct error *error)
{
    struct reader r = {.path = path, .error = error};
    uint64_t bytes;
    int fd = -1;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!(r.file = calloc(1, sizeof *r.file)))
        outcome = fail_memory(error, file_shown(path), sizeof *r.file);
    else if ((outcome = read_header(&r, fd, bytes)) == OUTCOME_DONE &&
             (outcome = parse_header(&r)) == OUTCOME_DONE &&
             (outcome = parse_entries(&r)) == OUTCOME_DONE &&
             (outcome = check_layout(&r)) == OUTCOME_DONE)
        outcome = read_data(&r, fd);
    free(r.text);
    close(fd);
    if (outcome == OUTCOME_DONE)
        *ret = r.file;
    else
        tensors_close(r.file);
    return outcome;
}

void tensors_close(struct tensors *tensors)
{
    if (!tensors)
        return;
    cJSON_Delete(tensors->header);
    free(tensors->entries);
    free(tensors->data);
    free(tensors);
}

const struct tensor *tensors_find(const struct tensors *tensors, const char *name)
{
    struct entry key = {.tensor.name = name};
    const struct entry *found =
        bsearch(&key, tensors->entries, tensors->count, sizeof *tensors->entries, by_name);
    return found ? &found->tensor : NULL;
}

size_t tensors_count(const struct tensors *tensors)
{
    return tensors->count;
}

const struct tensor *tensors_at(const struct tensors *tensors, size_t i)
{
    return &tensors->entries[i].tensor;
}

const char *tensors_metadata(const struct tensors *tensors, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tensors->metadata, key));
}

uint64_t tensors_offset(const struct tensors *tensors, const struct tensor *tensor)
{
    return tensors->data_offset + (uint64_t)((const unsigned char *)tensor->data - tensors->data);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} under the tensor's name. */
static bool add_tensor(cJSON *header, const struct tensor *tensor, uint64_t begin)
{
    cJSON *item = cJSON_AddObjectToObject(header, tensor->name);
    bool ok = cJSON_AddStringToObject(item, "dtype", types[tensor->type].name) != NULL;
    cJSON *shape = cJSON_AddArrayToObject(item, "shape");
    cJSON *offsets = cJSON_AddArrayToObject(item, "data_offsets");
    size_t bits = types[tensor->type].bits;
    assert(tensor->dims <= TENSOR_DIMS);
    for (size_t i = 0; i < tensor->dims; i++) {
        bits *= tensor->shape[i];
        ok = ok && cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)tensor->shape[i]));
    }
    assert(bits == tensor->bytes * 8);
    (void)bits; /* in a build without assertions */
    ok = ok && cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)begin));
    return ok && cJSON_AddItemToArray(offsets, cJSON_CreateNumber((double)(begin + tensor->bytes)));
}

/* The JSON text; NULL for lack of memory. To be freed with cJSON_free. */
static char *header_text(const struct tensor *tensors, size_t count, const struct tensor_meta *meta,
                         size_t meta_count)
{
    cJSON *header = cJSON_CreateObject();
    cJSON *metadata = meta_count ? cJSON_AddObjectToObject(header, "__metadata__") : NULL;
    bool ok = header != NULL;
    uint64_t begin = 0;
    for (size_t i = 0; ok && i < meta_count; i++)
        ok = cJSON_AddStringToObject(metadata, meta[i].key, meta[i].value) != NULL;
    for (size_t i = 0; ok && i < count; i++) {
        ok = add_tensor(header, &tensors[i], begin);
        begin += tensors[i].bytes;
    }
    char *text = ok ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    return text;
}

enum outcome tensors_write(const char *path, const struct tensor *tensors, size_t count,
                           const struct tensor_meta *meta, size_t meta_count, struct error *error)
{
    struct file_replace file;
    enum outcome outcome = OUTCOME_MACHINE;
    char *text = header_text(tensors, count, meta, meta_count);
    if (!text)
        return fail_memory(error, "the header", 0);
    /* Padded with spaces, so that the data begins at a multiple of 8. */
    uint64_t text_length = strlen(text), length = (text_length + 7) / 8 * 8;

    if ((outcome = file_replace_begin(path, &file, error)) != OUTCOME_DONE)
        goto cleanup;
    outcome = file_replace_write(&file, &length, sizeof length, error);
    if (outcome == OUTCOME_DONE)
        outcome = file_replace_write(&file, text, text_length, error);
    if (outcome == OUTCOME_DONE)
        outcome = file_replace_write(&file, "        ", length - text_length, error);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < count; i++)
        outcome = file_replace_write(&file, tensors[i].data, tensors[i].bytes, error);
    if (outcome == OUTCOME_DONE)
        outcome = file_replace_commit(&file, error);
    else
        file_replace_abort(&file);

cleanup:
    cJSON_free(text);
    return outcome;
}

/* inputs.c - batches of inputs from files, told by what they hold: safetensors, idx, idx in gzip.
 *
 * A file's claims are held against its size before memory is taken; for gzip, where the size is not
 * known, memory grows with the bytes that really come out, and no byte more is taken than the idx
 * header announces. The whole file is checked even if only its first rows are wanted: whether a
 * file is damaged must not depend on the question. Decompression is zlib's inflate and not its
 * gzread, which passes over garbage behind the stream in silence. */
#include "data/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "data/tensors.h"

#define IDX_HEADER 16u     /* bytes: magic, images, rows, columns */
#define CHUNK_BYTES 65536u /* read and decompressed at once */

/* The bytes of an idx file in their order, plain or decompressed. */
struct stream {
    const char *path;
    int fd;
    uint64_t file_bytes, file_at; /* of the file itself */
    bool gzip, inflating;         /* inflating: inside a gzip member */
    z_stream z;
    unsigned char *compressed; /* [CHUNK_BYTES]; gzip only */
    struct error *error;
};

/* ---- Streams --------------------------------------------------------------------------------- */

static enum outcome stream_begin(struct stream *s)
{
    if (!s->gzip)
        return OUTCOME_DONE;
    s->compressed = malloc(CHUNK_BYTES);
    if (!s->compressed || inflateInit2(&s->z, 15 + 16) != Z_OK) {
        free(s->compressed);
        return fail_memory(s->error, file_shown(s->path), CHUNK_BYTES);
    }
    s->inflating = true;
    return OUTCOME_DONE;
}

static void stream_end(struct stream *s)
{
    if (!s->gzip)
        return;
    inflateEnd(&s->z);
    free(s->compressed);
}

static enum outcome plain_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got)
{
    uint64_t left = s->file_bytes - s->file_at;
    size_t want = bytes < left ? bytes : (size_t)left;
    enum outcome outcome = file_read(s->fd, s->path, s->file_at, ret, want, s->error);
    s->file_at += want;
    *ret_got = want;
    return outcome;
}

/* More compressed bytes for zlib, if the file has any. */
static enum outcome refill(struct stream *s)
{
    uint64_t left = s->file_bytes - s->file_at;
    size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    enum outcome outcome = file_read(s->fd, s->path, s->file_at, s->compressed, want, s->error);
    s->file_at += want;
    s->z.next_in = s->compressed;
    s->z.avail_in = (unsigned)want;
    return outcome;
}

/* One step of zlib. A gzip file is one member or several, each of which must be whole. */
static enum outcome inflate_step(struct stream *s)
{
    bool between = !s->inflating;
    if (between) {
        inflateReset(&s->z);
        s->inflating = true;
    }
    int status = inflate(&s->z, Z_NO_FLUSH);
    uint64_t at = s->file_at - s->z.avail_in;
    switch (status) {
    case Z_STREAM_END:
        s->inflating = false;
        return OUTCOME_DONE;
    case Z_OK:
    case Z_BUF_ERROR: /* no room or no input: the caller sees to both */
        return OUTCOME_DONE;
    case Z_MEM_ERROR:
        return fail_memory(s->error, file_shown(s->path), CHUNK_BYTES);
    default:
        if (between)
            return file_bad(s->error, s->path, at, "the bytes after the gzip stream are no gzip");
        return file_bad(s->error, s->path, at, "damaged gzip stream: %s",
                        s->z.msg ? s->z.msg : "unusable");
    }
}

static enum outcome gzip_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got)
{
    enum outcome outcome;
    s->z.next_out = ret;
    s->z.avail_out = (unsigned)bytes;
    while (s->z.avail_out > 0) {
        if (s->z.avail_in == 0 && (outcome = refill(s)) != OUTCOME_DONE)
            return outcome;
        if (s->z.avail_in == 0 && s->inflating)
            return file_bad(s->error, s->path, s->file_bytes, "the gzip stream is cut off here");
        if (s->z.avail_in == 0)
            break;
        if ((outcome = inflate_step(s)) != OUTCOME_DONE)
            return outcome;
    }
    *ret_got = bytes - s->z.avail_out;
    return OUTCOME_DONE;
}

/* Up to `bytes` (at most CHUNK_BYTES) bytes; fewer only at the sound end of the file. */
static enum outcome stream_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got)
{
    return s->gzip ? gzip_read(s, ret, bytes, ret_got) : plain_read(s, ret, bytes, ret_got);
}

/* ---- idx ------------------------------------------------------------------------------------- */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* idx magic: two zero bytes, element type, number of dimensions. */
static bool is_idx(const unsigned char *bytes)
{
    return bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 0x08 && bytes[2] <= 0x0e &&
           bytes[3] >= 1 && bytes[3] <= 8;
}

/* What the header announces: `count` images of `d` bytes. */
static enum outcome idx_header(struct stream *s, uint64_t *ret_count, uint64_t *ret_d)
{
    unsigned char header[IDX_HEADER] = {0};
    size_t got = 0;
    enum outcome outcome = stream_read(s, header, sizeof header, &got);
    const char *within = s->gzip ? "in the gzip stream: " : "";
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (got < 4 || !is_idx(header))
        return file_bad(s->error, s->path, 0, "%snot idx, which begins with 00 00 08 03", within);
    if (header[2] == 0x08 && header[3] == 1)
        return file_bad(s->error, s->path, 0,
                        "%sthis idx file holds labels; give the file with the images", within);
    if (header[2] != 0x08 || header[3] != 3)
        return file_bad(s->error, s->path, 2,
                        "%sidx of element type 0x%02x in %u dimensions; expected bytes (0x08) in 3",
                        within, header[2], header[3]);
    if (got < sizeof header)
        return file_bad(s->error, s->path, got, "%sthe idx header is cut off here", within);
    uint64_t count = big_endian(header + 4), rows = big_endian(header + 8),
             columns = big_endian(header + 12), bytes;
    if (count == 0 || rows == 0 || columns == 0)
        return file_bad(s->error, s->path, 4,
                        "%sidx of %" PRIu64 " images of %" PRIu64 " x %" PRIu64 ": nothing in it",
                        within, count, rows, columns);
    if (__builtin_mul_overflow(rows * columns, count, &bytes) || bytes > SIZE_MAX / sizeof(float))
        return file_bad(s->error, s->path, 4,
                        "%sidx of %" PRIu64 " images of %" PRIu64 " x %" PRIu64
                        ": more than can be addressed",
                        within, count, rows, columns);
    *ret_count = count;
    *ret_d = rows * columns;
    return OUTCOME_DONE;
}

/* Room for `need` floats in the growing *data of *room; at most `most` will ever be needed. */
static bool grow(float **data, size_t *room, size_t need, size_t most)
{
    if (need <= *room)
        return true;
    size_t larger = *room > most / 2 ? most : *room * 2;
    larger = larger > need ? larger : need;
    float *grown = realloc(*data, larger * sizeof *grown);
    if (!grown)
        return false;
    *data = grown;
    *room = larger;
    return true;
}

static enum outcome idx_short(const struct stream *s, uint64_t at, uint64_t expected)
{
    return file_bad(s->error, s->path, at,
                    "%sthe idx data ends here; its header announces %" PRIu64 " bytes",
                    s->gzip ? "in the gzip stream: " : "", expected);
}

static enum outcome idx_long(const struct stream *s, uint64_t expected)
{
    return file_bad(s->error, s->path, expected,
                    "%sbytes follow the %" PRIu64 " that the idx header announces",
                    s->gzip ? "in the gzip stream: " : "", expected);
}

/* Read `total` bytes and keep the first `keep` as floats; the stream must end there. */
static enum outcome idx_data(struct stream *s, uint64_t total, size_t keep, float **ret)
{
    unsigned char chunk[4096];
    float *data = NULL;
    size_t room = 0, got = 0;
    enum outcome outcome = OUTCOME_DONE;
    for (uint64_t at = 0; at < total; at += got) {
        size_t want = total - at < sizeof chunk ? (size_t)(total - at) : sizeof chunk;
        if ((outcome = stream_read(s, chunk, want, &got)) != OUTCOME_DONE)
            goto cleanup;
        if (got < want) {
            outcome = idx_short(s, IDX_HEADER + at + got, IDX_HEADER + total);
            goto cleanup;
        }
        size_t kept = at >= keep ? 0 : keep - at < got ? keep - (size_t)at : got;
        if (kept > 0 && !grow(&data, &room, (size_t)at + kept, keep)) {
            outcome = fail_memory(s->error, file_shown(s->path), (double)keep * sizeof *data);
            goto cleanup;
        }
        for (size_t i = 0; i < kept; i++)
            data[at + i] = (float)chunk[i] / 255.0f;
    }
    outcome = stream_read(s, chunk, 1, &got); /* also has zlib check the stream's sum */
    if (outcome == OUTCOME_DONE && got > 0)
        outcome = idx_long(s, IDX_HEADER + total);
    if (outcome == OUTCOME_DONE) {
        *ret = data;
        return OUTCOME_DONE;
    }
cleanup:
    free(data);
    return outcome;
}

static enum outcome read_idx(struct stream *s, size_t limit, struct inputs *ret)
{
    uint64_t count = 0, d = 0;
    enum outcome outcome = idx_header(s, &count, &d);
    if (outcome != OUTCOME_DONE)
        return outcome;
    uint64_t total = count * d, rows = limit && limit < count ? limit : count;
    if (!s->gzip && s->file_bytes - IDX_HEADER < total)
        return idx_short(s, s->file_bytes, IDX_HEADER + total);
    if (!s->gzip && s->file_bytes - IDX_HEADER > total)
        return idx_long(s, IDX_HEADER + total);
    struct inputs inputs = {.count = (size_t)rows, .d = (size_t)d};
    if ((outcome = idx_data(s, total, (size_t)(rows * d), &inputs.data)) == OUTCOME_DONE)
        *ret = inputs;
    return outcome;
}

/* ---- safetensors ----------------------------------------------------------------------------- */

/* Tensor `x` [count][d], usable: *ret. */
static enum outcome find_x(const char *path, const struct tensors *file, const struct tensor **ret,
                           struct error *error)
{
    const struct tensor *x = tensors_find(file, "x");
    char shape[TENSOR_TEXT_SIZE];
    if (!x)
        return fail(error, OUTCOME_USAGE, "%s: no tensor x among the %zu in it%s%.80s",
                    file_shown(path), tensors_count(file),
                    tensors_count(file) ? ", the first is " : "",
                    tensors_count(file) ? tensors_at(file, 0)->name : "");
    tensor_shape_text(x->dims, x->shape, shape);
    if (x->dims != 2 || x->shape[0] == 0 || x->shape[1] == 0)
        return file_bad(error, path, tensors_offset(file, x),
                        "tensor x has shape %s, expected [batch, d], both at least 1", shape);
    if (!tensor_floats(x, 0, NULL))
        return file_bad(error, path, tensors_offset(file, x),
                        "tensor x has dtype %s, expected F32, BF16, F16 or F64",
                        tensor_type_name(x->type));
    *ret = x;
    return OUTCOME_DONE;
}

static enum outcome read_tensors(const char *path, size_t limit, struct inputs *ret,
                                 struct error *error)
{
    struct inputs inputs = {.data = NULL};
    struct tensors *file = NULL;
    const struct tensor *x = NULL;
    enum outcome outcome = tensors_read(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if ((outcome = find_x(path, file, &x, error)) != OUTCOME_DONE)
        goto cleanup;
    inputs.count = limit && limit < x->shape[0] ? limit : x->shape[0];
    inputs.d = x->shape[1];
    size_t elements = inputs.count * inputs.d;
    if (!(inputs.data = malloc(elements * sizeof *inputs.data))) {
        outcome = fail_memory(error, file_shown(path), (double)elements * sizeof *inputs.data);
        goto cleanup;
    }
    tensor_floats(x, elements, inputs.data);
    for (size_t i = 0; i < elements; i++) {
        if (isfinite(inputs.data[i]))
            continue;
        outcome =
            file_bad(error, path, tensors_offset(file, x) + i * (tensor_type_bits(x->type) / 8),
                     "x[%zu][%zu] is %f; inputs must be finite", i / inputs.d, i % inputs.d,
                     (double)inputs.data[i]);
        goto cleanup;
    }
    *ret = inputs;
    inputs.data = NULL;
cleanup:
    free(inputs.data);
    tensors_close(file);
    return outcome;
}

/* ---- Which of them --------------------------------------------------------------------------- */

/* A safetensors header begins with '{' after its length; no idx or gzip file has one there. */
enum outcome inputs_read(const char *path, size_t limit, struct inputs *ret, struct error *error)
{
    unsigned char start[9] = {0};
    struct stream s = {.path = path, .error = error};
    enum outcome outcome = file_open(path, &s.fd, &s.file_bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    size_t bytes = s.file_bytes < sizeof start ? (size_t)s.file_bytes : sizeof start;
    if ((outcome = file_read(s.fd, path, 0, start, bytes, error)) != OUTCOME_DONE)
        goto cleanup;
    s.gzip = start[0] == 0x1f && start[1] == 0x8b;
    if (start[8] == '{') {
        outcome = read_tensors(path, limit, ret, error);
    } else if (s.gzip || is_idx(start)) {
        if ((outcome = stream_begin(&s)) == OUTCOME_DONE) {
            outcome = read_idx(&s, limit, ret);
            stream_end(&s);
        }
    } else if (bytes == 0) {
        outcome = file_bad(error, path, 0, "the file is empty");
    } else {
        outcome = file_bad(error, path, 0,
                           "neither safetensors nor idx nor gzip: begins with "
                           "%02x %02x %02x %02x",
                           start[0], start[1], start[2], start[3]);
    }
cleanup:
    close(s.fd);
    return outcome;
}

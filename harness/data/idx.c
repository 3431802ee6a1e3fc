/* idx.c - the format of MNIST: images or labels in bytes behind a big-endian header. */
#include "data/idx.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/stream.h"

#define IDX_HEADER_MOST 16u /* bytes of an image file's: magic, images, rows, columns */

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool idx_begins(const unsigned char *bytes)
{
    return bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 0x08 && bytes[2] <= 0x0e &&
           bytes[3] >= 1 && bytes[3] <= 8;
}

/* ---- Header ---------------------------------------------------------------------------------- */

/* Hold the first four bytes against what is expected. */
static enum outcome check_magic(const struct stream *s, enum idx_kind kind,
                                const unsigned char *header, size_t got, struct error *error)
{
    if (got < 4 || !idx_begins(header))
        return stream_bad(s, error, 0, "not idx, which begins with 00 00 08 %02x", (unsigned)kind);
    if (kind == IDX_IMAGES && header[2] == 0x08 && header[3] == IDX_LABELS)
        return stream_bad(s, error, 0, "this idx file holds labels; give the file with the images");
    if (kind == IDX_LABELS && header[2] == 0x08 && header[3] == IDX_IMAGES)
        return stream_bad(s, error, 0, "this idx file holds images; give the file with the labels");
    if (header[2] != 0x08 || header[3] != (unsigned)kind)
        return stream_bad(
            s, error, 2, "idx of element type 0x%02x in %u dimensions; expected bytes (0x08) in %u",
            header[2], header[3], (unsigned)kind);
    return OUTCOME_DONE;
}

/* Read what the header announces, into *ret without bytes. */
static enum outcome read_header(struct stream *s, enum idx_kind kind, struct idx *ret,
                                struct error *error)
{
    unsigned char header[IDX_HEADER_MOST] = {0};
    size_t got = 0, bytes = 4 + 4 * (size_t)kind;
    uint64_t sizes[3] = {1, 1, 1}, total;
    enum outcome outcome = stream_read(s, header, bytes, &got, error);
    if (outcome != OUTCOME_DONE ||
        (outcome = check_magic(s, kind, header, got, error)) != OUTCOME_DONE)
        return outcome;
    if (got < bytes)
        return stream_bad(s, error, got, "the idx header is cut off here");
    for (size_t i = 0; i < (size_t)kind; i++)
        sizes[i] = big_endian(header + 4 + 4 * i);
    if (sizes[0] == 0 || sizes[1] == 0 || sizes[2] == 0)
        return stream_bad(s, error, 4,
                          "idx of %" PRIu64 " images of %" PRIu64 " x %" PRIu64 ": nothing in it",
                          sizes[0], sizes[1], sizes[2]);
    if (__builtin_mul_overflow(sizes[1] * sizes[2], sizes[0], &total) ||
        total > SIZE_MAX / sizeof(float))
        return stream_bad(s, error, 4,
                          "idx of %" PRIu64 " images of %" PRIu64 " x %" PRIu64
                          ": more than can be addressed",
                          sizes[0], sizes[1], sizes[2]);
    *ret = (struct idx){.count = sizes[0], .rows = sizes[1], .columns = sizes[2]};
    return OUTCOME_DONE;
}

/* ---- Data ------------------------------------------------------------------------------------ */

static enum outcome data_short(const struct stream *s, uint64_t at, uint64_t expected,
                               struct error *error)
{
    return stream_bad(s, error, at,
                      "the idx data ends here; its header announces %" PRIu64 " bytes", expected);
}

static enum outcome data_long(const struct stream *s, uint64_t expected, struct error *error)
{
    return stream_bad(s, error, expected,
                      "bytes follow the %" PRIu64 " that the idx header announces", expected);
}

/* Make room for `need` bytes in the growing *data of *room; at most `most` will ever be needed. */
static bool grow(unsigned char **data, size_t *room, size_t need, size_t most)
{
    if (need <= *room)
        return true;
    size_t larger = *room > most / 2 ? most : *room * 2;
    larger = larger > need ? larger : need;
    unsigned char *grown = realloc(*data, larger);
    if (!grown)
        return false;
    *data = grown;
    *room = larger;
    return true;
}

/* Read `total` bytes and keep the first `keep`; the stream must end there. */
static enum outcome read_data(struct stream *s, const char *path, size_t header, uint64_t total,
                              size_t keep, unsigned char **ret, struct error *error)
{
    unsigned char chunk[4096], *data = NULL;
    size_t room = 0, got = 0;
    enum outcome outcome = OUTCOME_DONE;
    for (uint64_t at = 0; at < total; at += got) {
        size_t want = total - at < sizeof chunk ? (size_t)(total - at) : sizeof chunk;
        if ((outcome = stream_read(s, chunk, want, &got, error)) != OUTCOME_DONE)
            goto cleanup;
        if (got < want) {
            outcome = data_short(s, header + at + got, header + total, error);
            goto cleanup;
        }
        size_t kept = at >= keep ? 0 : keep - at < got ? keep - (size_t)at : got;
        if (kept > 0 && !grow(&data, &room, (size_t)at + kept, keep)) {
            outcome = fail_memory(error, file_shown(path), (double)keep);
            goto cleanup;
        }
        if (kept > 0)
            memcpy(data + at, chunk, kept);
    }
    outcome = stream_read(s, chunk, 1, &got, error); /* also has zlib check the stream's sum */
    if (outcome == OUTCOME_DONE && got > 0)
        outcome = data_long(s, header + total, error);
    if (outcome == OUTCOME_DONE) {
        *ret = data;
        return OUTCOME_DONE;
    }
cleanup:
    free(data);
    return outcome;
}

/* Hold the size of a plain file against its header before memory is taken. */
static enum outcome check_size(const struct stream *s, size_t header, uint64_t total,
                               struct error *error)
{
    if (stream_is_gzip(s))
        return OUTCOME_DONE;
    if (stream_bytes(s) - header < total)
        return data_short(s, stream_bytes(s), header + total, error);
    if (stream_bytes(s) - header > total)
        return data_long(s, header + total, error);
    return OUTCOME_DONE;
}

enum outcome idx_read(const char *path, enum idx_kind kind, size_t limit, struct idx *ret,
                      struct error *error)
{
    struct stream *s = NULL;
    struct idx idx;
    size_t header = 4 + 4 * (size_t)kind;
    enum outcome outcome = stream_open(path, &s, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if ((outcome = read_header(s, kind, &idx, error)) == OUTCOME_DONE) {
        size_t each = idx.rows * idx.columns, total = idx.count * each;
        idx.count = limit && limit < idx.count ? limit : idx.count;
        outcome = check_size(s, header, total, error);
        if (outcome == OUTCOME_DONE)
            outcome = read_data(s, path, header, total, idx.count * each, &idx.bytes, error);
    }
    if (outcome == OUTCOME_DONE)
        *ret = idx;
    stream_close(s);
    return outcome;
}

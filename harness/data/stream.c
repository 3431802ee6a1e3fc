/* stream.c - the bytes of a file in their order, gzip taken off where there is one. */
#include "data/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"

#define CHUNK_BYTES 65536u /* read and decompressed at once */

struct stream {
    const char *path;
    int fd;
    uint64_t file_bytes, file_at; /* of the file itself */
    bool gzip, inflating;         /* inflating: inside a gzip member */
    z_stream z;
    unsigned char *compressed; /* [CHUNK_BYTES]; gzip only */
};

/* ---- Opening --------------------------------------------------------------------------------- */

static enum outcome tell_gzip(struct stream *s, struct error *error)
{
    unsigned char start[2] = {0};
    size_t bytes = s->file_bytes < sizeof start ? (size_t)s->file_bytes : sizeof start;
    enum outcome outcome = file_read(s->fd, s->path, 0, start, bytes, error);
    if (outcome != OUTCOME_DONE || start[0] != 0x1f || start[1] != 0x8b)
        return outcome;
    if (inflateInit2(&s->z, 15 + 16) != Z_OK)
        return fail_memory(error, file_shown(s->path), CHUNK_BYTES);
    s->gzip = s->inflating = true;
    s->compressed = malloc(CHUNK_BYTES);
    return s->compressed ? OUTCOME_DONE : fail_memory(error, file_shown(s->path), CHUNK_BYTES);
}

enum outcome stream_open(const char *path, struct stream **ret, struct error *error)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return fail_memory(error, file_shown(path), sizeof *s);
    s->path = path;
    s->fd = -1;
    enum outcome outcome = file_open(path, &s->fd, &s->file_bytes, error);
    if (outcome == OUTCOME_DONE)
        outcome = tell_gzip(s, error);
    if (outcome == OUTCOME_DONE)
        *ret = s;
    else
        stream_close(s);
    return outcome;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    if (s->gzip)
        inflateEnd(&s->z);
    if (s->fd >= 0)
        close(s->fd);
    free(s->compressed);
    free(s);
}

uint64_t stream_bytes(const struct stream *s)
{
    return s->gzip ? 0 : s->file_bytes;
}

bool stream_is_gzip(const struct stream *s)
{
    return s->gzip;
}

enum outcome stream_bad(const struct stream *s, struct error *error, uint64_t at,
                        const char *format, ...)
{
    char reason[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return file_bad(error, s->path, at, "%s%s", s->gzip ? "in the gzip stream: " : "", reason);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static enum outcome plain_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got,
                               struct error *error)
{
    uint64_t left = s->file_bytes - s->file_at;
    size_t want = bytes < left ? bytes : (size_t)left;
    enum outcome outcome = file_read(s->fd, s->path, s->file_at, ret, want, error);
    s->file_at += want;
    *ret_got = want;
    return outcome;
}

/* Give zlib more compressed bytes, if the file has any. */
static enum outcome refill(struct stream *s, struct error *error)
{
    uint64_t left = s->file_bytes - s->file_at;
    size_t want = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    enum outcome outcome = file_read(s->fd, s->path, s->file_at, s->compressed, want, error);
    s->file_at += want;
    s->z.next_in = s->compressed;
    s->z.avail_in = (unsigned)want;
    return outcome;
}

/* Take one step of zlib. A gzip file is one member or several, each of which must be whole. */
static enum outcome inflate_step(struct stream *s, struct error *error)
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
        return fail_memory(error, file_shown(s->path), CHUNK_BYTES);
    default:
        if (between)
            return file_bad(error, s->path, at, "the bytes after the gzip stream are no gzip");
        return file_bad(error, s->path, at, "damaged gzip stream: %s",
                        s->z.msg ? s->z.msg : "unusable");
    }
}

static enum outcome gzip_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got,
                              struct error *error)
{
    enum outcome outcome;
    s->z.next_out = ret;
    s->z.avail_out = (unsigned)bytes;
    while (s->z.avail_out > 0) {
        if (s->z.avail_in == 0 && (outcome = refill(s, error)) != OUTCOME_DONE)
            return outcome;
        if (s->z.avail_in == 0 && s->inflating)
            return file_bad(error, s->path, s->file_bytes, "the gzip stream is cut off here");
        if (s->z.avail_in == 0)
            break;
        if ((outcome = inflate_step(s, error)) != OUTCOME_DONE)
            return outcome;
    }
    *ret_got = bytes - s->z.avail_out;
    return OUTCOME_DONE;
}

enum outcome stream_read(struct stream *s, void *ret, size_t bytes, size_t *ret_got,
                         struct error *error)
{
    return s->gzip ? gzip_read(s, ret, bytes, ret_got, error)
                   : plain_read(s, ret, bytes, ret_got, error);
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Read up to `room` bytes in pieces; *ret_got < room only at the end. */
static enum outcome read_pieces(struct stream *s, unsigned char *ret, size_t room, size_t *ret_got,
                                struct error *error)
{
    size_t done = 0, got = 1;
    while (done < room && got > 0) {
        size_t want = room - done < 1u << 30 ? room - done : 1u << 30;
        enum outcome outcome = stream_read(s, ret + done, want, &got, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        done += got;
    }
    *ret_got = done;
    return OUTCOME_DONE;
}

enum outcome stream_all(const char *path, size_t limit, unsigned char **ret, size_t *ret_bytes,
                        struct error *error)
{
    struct stream *s = NULL;
    unsigned char *bytes = NULL;
    size_t used = 0, room = 0, got = 0;
    enum outcome outcome = stream_open(path, &s, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    do {
        size_t known = s->gzip || s->file_bytes > limit ? 0 : (size_t)s->file_bytes + 1;
        room = room ? 2 * room : known > CHUNK_BYTES ? known : CHUNK_BYTES;
        unsigned char *larger = realloc(bytes, room + 1);
        if (!larger) {
            outcome = fail_memory(error, file_shown(path), (double)room + 1);
            goto cleanup;
        }
        bytes = larger;
        if ((outcome = read_pieces(s, bytes + used, room - used, &got, error)) != OUTCOME_DONE)
            goto cleanup;
        used += got;
        if (used > limit) {
            outcome = stream_bad(s, error, limit,
                                 "goes on after %zu bytes, more than such a file "
                                 "may have",
                                 limit);
            goto cleanup;
        }
    } while (used == room);
    bytes[used] = 0;
    *ret = bytes;
    *ret_bytes = used;
    bytes = NULL;
cleanup:
    free(bytes);
    stream_close(s);
    return outcome;
}

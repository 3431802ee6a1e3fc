/* stream.h - the bytes of a file in their order, gzip taken off where there is one.
 *
 * Decompression is zlib's inflate and not its gzread, which passes over garbage behind the stream
 * in silence: a stream that is damaged, cut off or followed by anything but another gzip member is
 * an error. */
#ifndef MIDL_STREAM_H
#define MIDL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct stream; /* opaque */

/* Open a regular file; gzip is told by its first two bytes. `path` must stay until it is closed. */
enum outcome stream_open(const char *path, struct stream **ret, struct error *error);
void stream_close(struct stream *stream); /* accepts NULL */

/* Read up to `bytes` bytes (below 4 GiB); fewer only at the sound end of the file. */
enum outcome stream_read(struct stream *stream, void *ret, size_t bytes, size_t *ret_got,
                         struct error *error);

/* Return the bytes of a plain file, as its size says; 0 for gzip, whose length shows at its end. */
uint64_t stream_bytes(const struct stream *stream);
bool stream_is_gzip(const struct stream *stream);

/* Fail as file_bad() does for content; `at` counts decompressed bytes, and the line says so. */
enum outcome stream_bad(const struct stream *stream, struct error *error, uint64_t at,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Read all bytes of a file, at most `limit` (more is an error), to be freed; a zero follows them.
 * Memory grows with what really comes. */
enum outcome stream_all(const char *path, size_t limit, unsigned char **ret, size_t *ret_bytes,
                        struct error *error);

#endif

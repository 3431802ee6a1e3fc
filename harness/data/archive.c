/* archive.c - the files of a tar archive, compressed or not, through libarchive. */
#define _GNU_SOURCE /* asprintf */
#include "data/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "harness_config.h"

#if MIDL_HAVE_LIBARCHIVE

#include <archive.h>
#include <archive_entry.h>

#define BLOCK_BYTES 65536

const char *archive_unavailable(void)
{
    return "";
}

/* An archive being read. */
struct tar {
    const char *path, *patterns;
    size_t limit;
    struct archive *archive;
};

/* Where the reader stands in the file, compressed bytes. */
static uint64_t tar_at(const struct tar *tar)
{
    int64_t at = archive_filter_bytes(tar->archive, -1);
    return at > 0 ? (uint64_t)at : 0;
}

static enum outcome tar_bad(const struct tar *tar, struct error *error)
{
    const char *text = archive_error_string(tar->archive);
    return file_bad(error, tar->path, tar_at(tar), "no readable tar archive: %s",
                    text ? text : "damaged");
}

/* True if a name leads out of the folder that it would be unpacked in. */
static bool leads_out(const char *name)
{
    if (*name == '/')
        return true;
    for (; name; name = strchr(name, '/')) {
        name += *name == '/';
        if (strncmp(name, "..", 2) == 0 && (name[2] == '/' || name[2] == '\0'))
            return true;
    }
    return false;
}

/* The name below the archive's top folder. */
static const char *below_top(const char *name)
{
    if (strncmp(name, "./", 2) == 0)
        name += 2;
    const char *slash = strchr(name, '/');
    return slash ? slash + 1 : name;
}

/* Read an entry's bytes; memory grows with what really comes. */
static enum outcome read_bytes(const struct tar *tar, struct bundle_file *file, struct error *error)
{
    size_t room = 0;
    for (;;) {
        if (file->count == room) {
            room = room ? 2 * room : 4096;
            unsigned char *larger = realloc(file->bytes, room + 1);
            if (!larger)
                return fail_memory(error, file_shown(tar->path), (double)room);
            file->bytes = larger;
        }
        la_ssize_t got =
            archive_read_data(tar->archive, file->bytes + file->count, room - file->count);
        if (got < 0)
            return tar_bad(tar, error);
        file->count += (size_t)got;
        if (file->count > tar->limit)
            return file_bad(error, tar->path, tar_at(tar),
                            "%.100s has more than %zu bytes, the most that such a file may have",
                            file->name, tar->limit);
        file->bytes[file->count] = 0;
        if (got == 0)
            return OUTCOME_DONE;
    }
}

/* Take an entry if it is asked for. */
static enum outcome take_entry(const struct tar *tar, struct archive_entry *entry,
                               struct bundle *bundle, struct error *error)
{
    const char *name = archive_entry_pathname(entry);
    struct bundle_file file = {.name = NULL};
    enum outcome outcome = OUTCOME_DONE;
    if (!name)
        return file_bad(error, tar->path, tar_at(tar), "an entry without a readable name");
    if (leads_out(name))
        return file_bad(error, tar->path, tar_at(tar),
                        "entry %.100s leads out of the archive's folder", name);
    if (archive_entry_filetype(entry) != AE_IFREG || !bundle_wants(tar->patterns, below_top(name)))
        return OUTCOME_DONE;
    if (!(file.name = strdup(below_top(name))) ||
        asprintf(&file.shown, "%s: %s", tar->path, name) < 0) {
        file.shown = NULL;
        outcome = fail_memory(error, file_shown(tar->path), 0);
    }
    if (outcome == OUTCOME_DONE)
        outcome = read_bytes(tar, &file, error);
    if (outcome == OUTCOME_DONE)
        outcome = bundle_add(bundle, &file, error);
    bundle_file_clear(&file);
    return outcome;
}

static enum outcome take_entries(const struct tar *tar, struct bundle *bundle, struct error *error)
{
    struct archive_entry *entry;
    for (;;) {
        int status = archive_read_next_header(tar->archive, &entry);
        if (status == ARCHIVE_EOF)
            return OUTCOME_DONE;
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return tar_bad(tar, error);
        enum outcome outcome = take_entry(tar, entry, bundle, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
}

enum outcome archive_files(const char *path, const char *patterns, size_t limit,
                           struct bundle *bundle, struct error *error)
{
    struct tar tar = {.path = path, .patterns = patterns, .limit = limit};
    uint64_t file_bytes;
    int fd;
    enum outcome outcome = file_open(path, &fd, &file_bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    tar.archive = archive_read_new();
    if (!tar.archive)
        outcome = fail_memory(error, file_shown(path), BLOCK_BYTES);
    else if (archive_read_support_filter_gzip(tar.archive) != ARCHIVE_OK ||
             archive_read_support_format_tar(tar.archive) != ARCHIVE_OK ||
             archive_read_open_fd(tar.archive, fd, BLOCK_BYTES) != ARCHIVE_OK)
        outcome = tar_bad(&tar, error);
    else
        outcome = take_entries(&tar, bundle, error);
    archive_read_free(tar.archive);
    close(fd);
    return outcome;
}

#else

const char *archive_unavailable(void)
{
    return "midl was built without libarchive";
}

enum outcome archive_files(const char *path, const char *patterns, size_t limit,
                           struct bundle *bundle, struct error *error)
{
    (void)patterns, (void)limit, (void)bundle;
    return fail(error, OUTCOME_USAGE,
                "cannot read %s: midl was built without libarchive; unpack it beside itself",
                file_shown(path));
}

#endif

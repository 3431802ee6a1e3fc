/* file.c - opening with distrust and replacing as a whole.
 *
 * Opening never blocks on a pipe and never reads a device: what a user gives may be anything.
 * Replacing writes a temporary file in the same folder, syncs it, renames it over the old one and
 * syncs the folder, so that at every moment the path names either the old or the new file, whole.
 */
#include "base/file.h"

#include "base/temporary.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SHOWN_BYTES 200

const char *file_shown(const char *path)
{
    size_t length = strlen(path);
    return length > SHOWN_BYTES ? path + (length - SHOWN_BYTES) : path;
}

enum outcome file_bad(struct error *error, const char *path, uint64_t offset, const char *format,
                      ...)
{
    char reason[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return fail(error, OUTCOME_USAGE, "%s: offset %llu: %s", file_shown(path),
                (unsigned long long)offset, reason);
}

/* Tell an errno that is the machine's fault from one of the path that was given. */
static enum outcome blame(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
        return OUTCOME_USAGE;
    default:
        return OUTCOME_MACHINE;
    }
}

const char *file_part(const char *path)
{
    const char *mark = strrchr(path, '#');
    return mark && access(path, F_OK) != 0 ? mark + 1 : NULL;
}

/* The path without its #PART; NULL if there is no memory. free() it. */
static char *whole(const char *path)
{
    const char *part = file_part(path);
    return part ? strndup(path, (size_t)(part - 1 - path)) : strdup(path);
}

static int open_whole(const char *path)
{
    char *file = whole(path);
    int fd = file ? open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) : -1;
    int number = file ? errno : ENOMEM;
    free(file);
    errno = number;
    return fd;
}

static bool stat_whole(const char *path, struct stat *ret)
{
    char *file = whole(path);
    bool found = file && stat(file, ret) == 0;
    free(file);
    return found;
}

enum outcome file_open(const char *path, int *ret_fd, uint64_t *ret_bytes, struct error *error)
{
    struct stat status;
    int fd = open_whole(path);
    if (fd < 0) {
        int number = errno;
        bool denied = number == EACCES || number == EPERM || number == ENXIO;
        return fail(error, denied ? OUTCOME_USAGE : blame(number), "cannot open %s: %s",
                    file_shown(path), strerror(number));
    }
    if (fstat(fd, &status) != 0) {
        int number = errno;
        close(fd);
        return fail(error, OUTCOME_MACHINE, "cannot open %s: %s", file_shown(path),
                    strerror(number));
    }
    if (!S_ISREG(status.st_mode)) {
        close(fd);
        return fail(error, OUTCOME_USAGE, "cannot read %s: it is %s, not a regular file",
                    file_shown(path),
                    S_ISDIR(status.st_mode)    ? "a folder"
                    : S_ISFIFO(status.st_mode) ? "a pipe"
                                               : "a device or socket");
    }
    *ret_fd = fd;
    *ret_bytes = (uint64_t)status.st_size;
    return OUTCOME_DONE;
}

enum outcome file_read(int fd, const char *path, uint64_t offset, void *ret, size_t bytes,
                       struct error *error)
{
    for (size_t done = 0; done < bytes;) {
        size_t want = bytes - done < SSIZE_MAX ? bytes - done : SSIZE_MAX;
        ssize_t got = pread(fd, (char *)ret + done, want, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(error, OUTCOME_MACHINE, "%s: offset %llu: cannot read: %s",
                        file_shown(path), (unsigned long long)(offset + done), strerror(errno));
        if (got == 0)
            return file_bad(error, path, offset + done, "the file ends here, %llu bytes too early",
                            (unsigned long long)(bytes - done));
        done += (size_t)got;
    }
    return OUTCOME_DONE;
}

const char *file_write_reason(const char *path, int number)
{
    struct statvfs disk;
    if (number != 0)
        return strerror(number);
    if (statvfs(path, &disk) == 0 && disk.f_bavail == 0)
        return "no space is left on its disk";
    return "it did not become whole, and the system gives no reason";
}

/* ---- Replacing ------------------------------------------------------------------------------- */

static enum outcome cannot_write(struct error *error, const char *path, int number)
{
    return fail(error, blame(number), "cannot write %s: %s", file_shown(path), strerror(number));
}

/* Length of the folder part of a path, with its slash; 0 for the working folder. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Open a new file beside `path`, named after this process. Returns its descriptor, or -1 with
 * errno. */
static int open_temporary(const char *path, mode_t mode, char **ret_name)
{
    size_t folder = folder_length(path), size = folder + 64;
    char *name = malloc(size);
    int fd = -1;
    if (!name) {
        errno = ENOMEM;
        return -1;
    }
    memcpy(name, path, folder);
    for (unsigned attempt = 0; fd < 0 && attempt < 100; attempt++) {
        snprintf(name + folder, size - folder, ".midl-%ld-%u.tmp", (long)getpid(), attempt);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        int number = errno;
        free(name);
        errno = number;
        return -1;
    }
    temporary_remember(name);
    *ret_name = name;
    return fd;
}

enum outcome file_replace_begin(const char *path, struct file_replace *ret, struct error *error)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    struct file_replace file = {.fd = -1, .shown = path};

    if (!exists && errno != ENOENT)
        return cannot_write(error, path, errno);
    if (!*path)
        return fail(error, OUTCOME_USAGE, "cannot write to a file without a name");
    if (exists && S_ISDIR(status.st_mode))
        return cannot_write(error, path, EISDIR);
    if (exists && access(path, W_OK) != 0)
        return cannot_write(error, path, errno);

    bool direct = exists && !S_ISREG(status.st_mode);
    file.path = exists && !direct ? realpath(path, NULL) : strdup(path);
    if (!file.path)
        return cannot_write(error, path, errno);
    if (direct)
        file.fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    else
        file.fd = open_temporary(file.path, exists ? status.st_mode & 0777 : 0666, &file.temporary);
    if (file.fd < 0) {
        int number = errno;
        free(file.path);
        return cannot_write(error, path, number);
    }
    if (exists && !direct)
        (void)fchmod(file.fd, status.st_mode & 0777); /* past the umask: the new file looks alike */
    *ret = file;
    return OUTCOME_DONE;
}

enum outcome file_replace_write(struct file_replace *file, const void *data, size_t bytes,
                                struct error *error)
{
    for (size_t done = 0; done < bytes;) {
        size_t want = bytes - done < (1u << 30) ? bytes - done : 1u << 30;
        ssize_t put = write(file->fd, (const char *)data + done, want);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return cannot_write(error, file->shown, errno);
        done += (size_t)put;
    }
    return OUTCOME_DONE;
}

static void replace_clear(struct file_replace *file)
{
    if (file->temporary)
        temporary_forget(file->temporary);
    free(file->path);
    free(file->temporary);
    *file = (struct file_replace){.fd = -1};
}

void file_replace_abort(struct file_replace *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->temporary)
        unlink(file->temporary);
    replace_clear(file);
}

/* Make the rename itself durable. Best effort: the new file is in place already, and some file
 * systems can't sync a folder. */
static void sync_folder(const char *path)
{
    size_t length = folder_length(path);
    char *folder = length ? strndup(path, length) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

enum outcome file_replace_commit(struct file_replace *file, struct error *error)
{
    int fd = file->fd;
    bool ok = !file->temporary || fsync(fd) == 0;
    int number = ok ? 0 : errno;
    file->fd = -1;
    if (close(fd) != 0 && ok)
        number = errno;
    if (number == 0 && file->temporary && rename(file->temporary, file->path) != 0)
        number = errno;
    if (number != 0) {
        enum outcome outcome = cannot_write(error, file->shown, number);
        file_replace_abort(file);
        return outcome;
    }
    if (file->temporary)
        sync_folder(file->path);
    replace_clear(file);
    return OUTCOME_DONE;
}

enum outcome file_replace_whole(const char *path, const void *data, size_t bytes,
                                struct error *error)
{
    struct file_replace file;
    enum outcome outcome = file_replace_begin(path, &file, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = file_replace_write(&file, data, bytes, error);
    if (outcome == OUTCOME_DONE)
        return file_replace_commit(&file, error);
    file_replace_abort(&file);
    return outcome;
}

enum outcome file_replace_check(const char *path, struct error *error)
{
    struct stat status;
    struct file_replace file;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return OUTCOME_DONE; /* opening a pipe only to close it would end its reader */
    enum outcome outcome = file_replace_begin(path, &file, error);
    if (outcome == OUTCOME_DONE)
        file_replace_abort(&file);
    return outcome;
}

/* Whether the file begins with what no text has. */
static bool is_binary(const char *path)
{
    char block[4096];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    ssize_t bytes = fd < 0 ? 0 : read(fd, block, sizeof block);
    if (fd >= 0)
        close(fd);
    return bytes > 0 && memchr(block, '\0', (size_t)bytes);
}

enum outcome file_replace_text_check(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && is_binary(path))
        return fail(
            error, OUTCOME_USAGE,
            "%s: there is a file that is no text, and a text would replace it; name another "
            "file, or remove it first",
            file_shown(path));
    return file_replace_check(path, error);
}

enum outcome file_hash(const char *path, uint64_t *hash, struct error *error)
{
    unsigned char block[65536];
    uint64_t bytes, done = 0;
    int fd;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    while (outcome == OUTCOME_DONE && done < bytes) {
        size_t count = bytes - done < sizeof block ? (size_t)(bytes - done) : sizeof block;
        outcome = file_read(fd, path, done, block, count, error);
        for (size_t i = 0; i < count && outcome == OUTCOME_DONE; i++)
            *hash = fnv1a_byte(*hash, block[i]);
        done += count;
    }
    close(fd);
    return outcome;
}

char *file_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t used = 0, size = 0;
    while (file && !ferror(file) && !feof(file)) {
        if (size - used < 2) {
            size = size ? 2 * size : 1 << 16;
            char *larger = realloc(text, size);
            if (!larger)
                break;
            text = larger;
        }
        used += fread(text + used, 1, size - used - 1, file);
        text[used] = '\0';
    }
    bool whole = file && feof(file);
    if (file)
        fclose(file);
    if (!whole) {
        free(text);
        return NULL;
    }
    return text;
}

bool file_same(const char *a, const char *b)
{
    struct stat status_a, status_b;
    return stat_whole(a, &status_a) && stat_whole(b, &status_b) &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

/* scratch.h - what tests of files share: a folder of their own, files made byte by byte, and what
 * an error line must look like. Include after cmocka.h, and that
 * after error.h: cmocka has a macro `fail`. */
#ifndef MIDL_TEST_SCRATCH_H
#define MIDL_TEST_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_folder[128];

static inline int scratch_begin(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    snprintf(scratch_folder, sizeof scratch_folder, "%.100s/midl-test-XXXXXX",
             parent ? parent : "/tmp");
    return mkdtemp(scratch_folder) ? chmod(scratch_folder, 0755) : -1;
}

/* The path of a file in the folder; holds until the fourth next call. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
    return path;
}

/* The folder has no folders in it. */
static inline int scratch_end(void **state)
{
    DIR *folder = opendir(scratch_folder);
    struct dirent *entry;
    (void)state;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlink(scratch_path(entry->d_name));
    if (folder)
        closedir(folder);
    return rmdir(scratch_folder);
}

/* Entries of the folder, to see that nothing was left behind. */
static inline size_t scratch_entries(void)
{
    DIR *folder = opendir(scratch_folder);
    size_t count = 0;
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

/* Write a file of these bytes and return its path. */
static inline const char *scratch_file(const char *name, const void *bytes, size_t count)
{
    const char *path = scratch_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), (ssize_t)count);
    close(fd);
    return path;
}

/* Write a safetensors file: the header's length, the header as it is given, the data. */
static inline const char *scratch_tensors(const char *name, const char *header, size_t header_bytes,
                                          const void *data, size_t data_bytes)
{
    unsigned char *bytes = malloc(8 + header_bytes + data_bytes + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((unsigned long long)header_bytes >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    if (data_bytes)
        memcpy(bytes + 8 + header_bytes, data, data_bytes);
    const char *path = scratch_file(name, bytes, 8 + header_bytes + data_bytes);
    free(bytes);
    return path;
}

/* The right outcome, and one line that holds `words`. Prints what came instead. */
static inline void assert_error(const char *label, enum outcome outcome, enum outcome expected,
                                const struct error *error, const char *words)
{
    if (outcome != expected || !strstr(error->text, words))
        fail_msg("%s: outcome %d, expected %d; error \"%s\", expected \"%s\" in it", label,
                 (int)outcome, (int)expected, error->text, words);
    assert_null(strchr(error->text, '\n'));
    assert_true(strlen(error->text) > strlen(words));
}

#endif

/* bundle.c - the files of a data set as they were released: a folder, or an archive of it. */
#define _GNU_SOURCE /* asprintf */
#include "data/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/file.h"
#include "data/archive.h"
#include "data/bundle_internal.h"
#include "data/stream.h"

#define WORD_SIZE 256 /* a pattern */

/* ---- Patterns -------------------------------------------------------------------------------- */

/* Copy the next word of a list and return what follows; NULL at the end. */
static const char *next_word(const char *list, char ret[WORD_SIZE])
{
    list += strspn(list, " ");
    size_t length = strcspn(list, " ");
    if (length == 0)
        return NULL;
    snprintf(ret, WORD_SIZE, "%.*s", (int)length, list);
    return list + length;
}

bool bundle_wants(const char *patterns, const char *name)
{
    char pattern[WORD_SIZE];
    while ((patterns = next_word(patterns, pattern)))
        if (fnmatch(pattern, name, FNM_PATHNAME) == 0)
            return true;
    return false;
}

/* ---- What was read --------------------------------------------------------------------------- */

enum outcome bundle_add(struct bundle *bundle, struct bundle_file *file, struct error *error)
{
    struct bundle_file *larger =
        array_room(bundle->files, bundle->count + 1, &bundle->room, sizeof *larger);
    if (!larger)
        return fail_memory(error, file_shown(file->shown), (double)bundle->count * sizeof *larger);
    bundle->files = larger;
    bundle->files[bundle->count++] = *file;
    *file = (struct bundle_file){.name = NULL};
    return OUTCOME_DONE;
}

void bundle_file_clear(struct bundle_file *file)
{
    free(file->name);
    free(file->shown);
    free(file->bytes);
    *file = (struct bundle_file){.name = NULL};
}

void bundle_clear(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->count; i++)
        bundle_file_clear(&bundle->files[i]);
    free(bundle->files);
    *bundle = (struct bundle){.files = NULL};
}

static int by_name(const void *a, const void *b)
{
    const struct bundle_file *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* ---- Folders --------------------------------------------------------------------------------- */

/* A pattern taken apart: the folder it is in and the names it takes there. */
struct place {
    char *folder;     /* to be freed */
    const char *part; /* "train/pos/" or "", in front of names */
    const char *names;
    int part_length;
};

static bool place_of(const char *folder, const char *pattern, struct place *ret)
{
    const char *slash = strrchr(pattern, '/');
    ret->part = pattern;
    ret->part_length = slash ? (int)(slash - pattern) + 1 : 0;
    ret->names = pattern + ret->part_length;
    return asprintf(&ret->folder, "%s/%.*s", folder, ret->part_length, pattern) >= 0;
}

static bool ends_in_gz(const char *name)
{
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, ".gz") == 0;
}

/* True if a directory entry matches, with or without .gz. */
static bool entry_fits(const char *pattern, const char *name)
{
    char bare[256];
    if (fnmatch(pattern, name, FNM_PERIOD) == 0)
        return true;
    if (!ends_in_gz(name))
        return false;
    snprintf(bare, sizeof bare, "%.*s", (int)(strlen(name) - 3), name);
    return fnmatch(pattern, bare, FNM_PERIOD) == 0;
}

static void entries_free(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

/* List the names in `place` that match, sorted; where NAME and NAME.gz are there, NAME. A folder
 * that isn't there has none. Returns how many, or -1 with errno. */
static int list_entries(const struct place *place, struct dirent ***ret)
{
    struct dirent **all = NULL;
    int count = scandir(place->folder, &all, NULL, alphasort), kept = 0;
    if (count < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    for (int i = 0; i < count; i++) {
        const char *name = all[i]->d_name, *before = kept ? all[kept - 1]->d_name : "";
        bool twice = ends_in_gz(name) && strlen(name) == strlen(before) + 3 &&
                     strncmp(name, before, strlen(before)) == 0;
        if (!twice && entry_fits(place->names, name))
            all[kept++] = all[i];
        else
            free(all[i]);
    }
    *ret = all;
    if (kept == 0) {
        free(all);
        *ret = NULL;
    }
    return kept;
}

static enum outcome read_entry(const struct place *place, const char *name, size_t limit,
                               struct bundle *bundle, struct error *error)
{
    struct bundle_file file = {.name = NULL};
    enum outcome outcome;
    if (asprintf(&file.shown, "%s%s", place->folder, name) < 0)
        return fail_memory(error, name, 0);
    int length =
        (int)(ends_in_gz(name) && !ends_in_gz(place->names) ? strlen(name) - 3 : strlen(name));
    if (asprintf(&file.name, "%.*s%.*s", place->part_length, place->part, length, name) < 0) {
        file.name = NULL;
        outcome = fail_memory(error, name, 0);
    } else if ((outcome = stream_all(file.shown, limit, &file.bytes, &file.count, error)) ==
               OUTCOME_DONE) {
        outcome = bundle_add(bundle, &file, error);
    }
    bundle_file_clear(&file);
    return outcome;
}

static enum outcome none_fits(const char *place, const char *pattern, struct error *error)
{
    return fail(error, OUTCOME_USAGE, "%s: there is no %s in it", file_shown(place), pattern);
}

static enum outcome read_pattern(const char *folder, const char *pattern, size_t limit,
                                 struct bundle *bundle, struct error *error)
{
    struct place place;
    struct dirent **entries = NULL;
    enum outcome outcome = OUTCOME_DONE;
    if (!place_of(folder, pattern, &place))
        return fail_memory(error, folder, 0);
    int count = list_entries(&place, &entries);
    if (count < 0)
        outcome = fail(error, OUTCOME_MACHINE, "cannot list %s: %s", file_shown(place.folder),
                       strerror(errno));
    else if (count == 0)
        outcome = none_fits(folder, pattern, error);
    for (int i = 0; i < count && outcome == OUTCOME_DONE; i++)
        outcome = read_entry(&place, entries[i]->d_name, limit, bundle, error);
    entries_free(entries, count);
    free(place.folder);
    return outcome;
}

static enum outcome read_folder(const char *folder, const char *patterns, size_t limit,
                                struct bundle *bundle, struct error *error)
{
    char pattern[WORD_SIZE];
    enum outcome outcome = OUTCOME_DONE;
    while (outcome == OUTCOME_DONE && (patterns = next_word(patterns, pattern)))
        outcome = read_pattern(folder, pattern, limit, bundle, error);
    return outcome;
}

bool bundle_in_folder(const char *folder, const char *patterns)
{
    char pattern[WORD_SIZE];
    bool here = true;
    while (here && (patterns = next_word(patterns, pattern))) {
        struct place place;
        struct dirent **entries = NULL;
        if (!place_of(folder, pattern, &place))
            return false;
        int count = list_entries(&place, &entries);
        here = count > 0;
        entries_free(entries, count);
        free(place.folder);
    }
    return here;
}

enum outcome bundle_path(const char *folder, const char *pattern, char **ret, struct error *error)
{
    struct place place;
    struct dirent **entries = NULL;
    enum outcome outcome = OUTCOME_DONE;
    char *path;
    if (!place_of(folder, pattern, &place))
        return fail_memory(error, folder, 0);
    int count = list_entries(&place, &entries);
    if (count <= 0)
        outcome = none_fits(folder, pattern, error);
    else if (asprintf(&path, "%s%s", place.folder, entries[0]->d_name) < 0)
        outcome = fail_memory(error, folder, 0);
    else
        *ret = path;
    entries_free(entries, count);
    free(place.folder);
    return outcome;
}

/* ---- Both ------------------------------------------------------------------------------------ */

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* The first of `patterns` that no file of an archive matched. */
static enum outcome check_all_found(const char *place, const char *patterns,
                                    const struct bundle *bundle, struct error *error)
{
    char pattern[WORD_SIZE];
    while ((patterns = next_word(patterns, pattern))) {
        bool found = false;
        for (size_t i = 0; i < bundle->count && !found; i++)
            found = fnmatch(pattern, bundle->files[i].name, FNM_PATHNAME) == 0;
        if (!found)
            return none_fits(place, pattern, error);
    }
    return OUTCOME_DONE;
}

enum outcome bundle_read(const char *place, const char *patterns, size_t limit, struct bundle *ret,
                         struct error *error)
{
    struct bundle bundle = {.files = NULL};
    enum outcome outcome;
    if (is_folder(place))
        outcome = read_folder(place, patterns, limit, &bundle, error);
    else
        outcome = archive_files(place, patterns, limit, &bundle, error);
    if (outcome == OUTCOME_DONE)
        outcome = check_all_found(place, patterns, &bundle, error);
    if (outcome != OUTCOME_DONE) {
        bundle_clear(&bundle);
        return outcome;
    }
    qsort(bundle.files, bundle.count, sizeof *bundle.files, by_name);
    *ret = bundle;
    return OUTCOME_DONE;
}

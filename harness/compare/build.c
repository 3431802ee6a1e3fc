/* build.c - another revision, built. */
#define _GNU_SOURCE /* environ */
#include "compare/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/stop.h"
#include "base/util.h"
#include "compare/library.h"
#include "compare/worker.h"
#include "harness_config.h"

#define PATH_SIZE 512
#define LIMIT_S 1800
#define WORDS_MAX 16

struct build {
    char commit[48];
    char kept[PATH_SIZE]; /* the library, when it is built */
    char work[PATH_SIZE]; /* a folder that is removed at the end; "" if there is none */
    char log[PATH_SIZE];
};

/* ---- Programs ------------------------------------------------------------------------------ */

/* Run a program of $PATH; `out` takes what it prints, the log what it complains of. */
static enum outcome run(const struct build *build, const char *const *words, const char *out,
                        struct error *error)
{
    char path[PATH_SIZE], reason[160];
    char *argv[WORDS_MAX + 1] = {NULL};
    if (!child_find(words[0], path, sizeof path))
        return fail(error, OUTCOME_MACHINE, "%s is needed to build a revision: install it",
                    words[0]);
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        memcpy(&argv[i], &words[i], sizeof argv[i]); /* execve changes none of them */
    const struct child child = {.path = path,
                                .argv = argv,
                                .environment = environ,
                                .out = out ? out : build->log,
                                .err = out ? build->log : NULL,
                                .limit_s = LIMIT_S};
    if (child_run(&child, reason, sizeof reason))
        return OUTCOME_DONE;
    if (stop_requested)
        return fail(error, OUTCOME_NO_VERDICT, "interrupted");
    return fail(error, OUTCOME_MACHINE, "%s: %s", words[0], reason);
}

/* ---- Places -------------------------------------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* FOLDER/NAME. Folders are short enough: cache_folder sees to it. */
static void place(char ret[PATH_SIZE], const char *folder, const char *name)
{
    if (!folder_path(ret, PATH_SIZE, folder, name, ""))
        ret[0] = '\0';
}

/* ~/.cache/midl/builds, made if it isn't there. */
static enum outcome cache_folder(char ret[PATH_SIZE], struct error *error)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache)
        snprintf(ret, PATH_SIZE, "%s/midl/builds", cache);
    else if (home && *home)
        snprintf(ret, PATH_SIZE, "%s/.cache/midl/builds", home);
    else
        return fail(error, OUTCOME_USAGE,
                    "there is no place to keep builds: set XDG_CACHE_HOME or HOME");
    if (strlen(ret) > PATH_SIZE / 2)
        return fail(error, OUTCOME_USAGE,
                    "%s: too long a path to keep builds in; set XDG_CACHE_HOME", file_shown(ret));
    return folder_make(ret, error);
}

/* Fail with git's own reason, if it says more than that there is no such revision. */
static enum outcome no_commit(const struct build *build, const char *revision, struct error *error)
{
    static const char fatal[] = "fatal: ";
    char *text = file_text(build->log), *at = text ? strstr(text, fatal) : NULL;
    const char *reason = at ? at + strlen(fatal) : "";
    int length = (int)strcspn(reason, "\n");
    bool owned = strstr(reason, "ownership") || strstr(reason, "owned by");
    if (owned || strncmp(reason, "not a git", 9) == 0)
        fail(error, OUTCOME_USAGE,
             "--against '%.100s': git can't read a repository in the current folder: %.*s; %s",
             revision, length < 160 ? length : 160, reason,
             owned ? "git config --global --add safe.directory FOLDER permits it"
                   : "start midl in the folder of the sources");
    else
        fail(error, OUTCOME_USAGE,
             "--against '%.100s': no such revision in the repository of the current folder; a "
             "shallow clone lacks older ones (git fetch --unshallow)",
             revision);
    free(text);
    return OUTCOME_USAGE;
}

/* The commit that the revision means. */
static enum outcome find_commit(struct build *build, const char *revision, struct error *error)
{
    char out[PATH_SIZE], wanted[1024];
    place(out, build->work, "commit");
    if ((size_t)snprintf(wanted, sizeof wanted, "%s^{commit}", revision) >= sizeof wanted)
        return fail(error, OUTCOME_USAGE, "--against '%.40s...': the revision's name is too long",
                    revision);
    const char *const words[] = {"git", "rev-parse", "--verify", "--end-of-options", wanted, NULL};
    enum outcome outcome = run(build, words, out, error);
    if (outcome == OUTCOME_MACHINE && strncmp(error->text, "git: exit", 9) == 0)
        return no_commit(build, revision, error);
    char *text = outcome == OUTCOME_DONE ? file_text(out) : NULL;
    if (text)
        snprintf(build->commit, sizeof build->commit, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
    return outcome;
}

/* Hash all that a build depends on beside its commit. */
static uint64_t flags_hash(void)
{
    uint64_t hash = fnv1a(FNV_START, MIDL_COMPILER);
    return fnv1a(fnv1a(hash, MIDL_FLAGS), MIDL_CC);
}

/* ---- Building ------------------------------------------------------------------------------ */

/* The top folder of the repository. */
static enum outcome find_top(const struct build *build, char ret[PATH_SIZE], struct error *error)
{
    char out[PATH_SIZE];
    place(out, build->work, "top");
    const char *const words[] = {"git", "rev-parse", "--show-toplevel", NULL};
    enum outcome outcome = run(build, words, out, error);
    char *text = outcome == OUTCOME_DONE ? file_text(out) : NULL;
    if (text)
        snprintf(ret, PATH_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
    return outcome;
}

/* The files of the commit to work/source: of the whole repository, wherever in it midl was started.
 */
static enum outcome take_source(const struct build *build, const char *source, struct error *error)
{
    char tar[PATH_SIZE], top[PATH_SIZE] = ".";
    place(tar, build->work, "source.tar");
    enum outcome found = find_top(build, top, error);
    if (found != OUTCOME_DONE)
        return found;
    const char *const archive[] = {"git", "-C", top,           "archive", "--format=tar",
                                   "-o",  tar,  build->commit, NULL};
    const char *const extract[] = {"tar", "-xf", tar, "-C", source, NULL};
    enum outcome outcome = folder_make(source, error);
    if (outcome == OUTCOME_DONE)
        outcome = run(build, archive, NULL, error);
    return outcome == OUTCOME_DONE ? run(build, extract, NULL, error) : outcome;
}

static enum outcome compile(const struct build *build, const char *source, struct error *error)
{
    char folder[PATH_SIZE], arguments[1024];
    place(folder, source, "build");
    snprintf(arguments, sizeof arguments, "-Dc_args=%s", MIDL_C_ARGS);
    const char *const configure[] = {"meson",
                                     "setup",
                                     folder,
                                     source,
                                     "-Dtests=disabled",
                                     arguments,
                                     "-Dbuildtype=" MIDL_BUILDTYPE,
                                     NULL};
    const char *const make[] = {"meson", "compile", "-C", folder, "kernels/midl:shared_library",
                                NULL};
    (void)setenv("CC", MIDL_CC, 0);
    (void)setenv("CXX", MIDL_CXX, 0);
    enum outcome outcome = run(build, configure, NULL, error);
    return outcome == OUTCOME_DONE ? run(build, make, NULL, error) : outcome;
}

/* Build in the work folder and keep the library alone. */
static enum outcome make_library(const struct build *build, struct error *error)
{
    char source[PATH_SIZE], library[PATH_SIZE], complaint[256];
    place(source, build->work, "source");
    place(library, source, "build/kernels/libmidl.so");
    enum outcome outcome = take_source(build, source, error);
    if (outcome == OUTCOME_DONE)
        outcome = compile(build, source, error);
    if (outcome == OUTCOME_MACHINE) {
        snprintf(complaint, sizeof complaint, "%.200s", error->text);
        return fail(error, OUTCOME_MACHINE, "revision %.12s doesn't build here: %s; see %s",
                    build->commit, complaint, build->log);
    }
    return outcome == OUTCOME_DONE ? worker_copy(library, build->kept, error) : outcome;
}

/* Whether a library that was kept can be loaded: not one that a copy of the cache cut off, or that
 * was built on a system with other libraries. */
static bool is_usable(const char *path)
{
    struct midl_library library;
    struct error ignored;
    if (!exists(path) || library_open(path, &library, &ignored) != OUTCOME_DONE)
        return false;
    library_close(&library);
    return true;
}

enum outcome build_revision(const char *revision, bool quiet, char *ret_path, size_t size,
                            struct error *error)
{
    struct build build = {.commit = ""};
    char cache[PATH_SIZE], name[96];
    enum outcome outcome = cache_folder(cache, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    if (!folder_make_temporary(cache, "work", build.work, sizeof build.work))
        return fail(error, OUTCOME_MACHINE, "can't make a folder in %s: %s", cache,
                    strerror(errno));
    place(build.log, build.work, "log");
    outcome = find_commit(&build, revision, error);
    if (outcome == OUTCOME_DONE) {
        snprintf(name, sizeof name, "%.12s.log", build.commit);
        place(build.log, cache, name);
        snprintf(name, sizeof name, "%s-%08x.so", build.commit, (unsigned)flags_hash());
        place(build.kept, cache, name);
    }
    if (outcome == OUTCOME_DONE && !is_usable(build.kept)) {
        if (!quiet)
            fprintf(stderr, "building the library at %s (%.12s)\n", revision, build.commit);
        outcome = make_library(&build, error);
    }
    folder_remove(build.work);
    if (outcome == OUTCOME_DONE)
        snprintf(ret_path, size, "%s", build.kept);
    return outcome;
}

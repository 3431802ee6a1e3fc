/* library.c - libmidl by its names. */
#include "compare/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Functions of libmidl by the members of struct midl_library, midl_MEMBER each, and whether every
 * build has them. */
#define SYMBOLS(SYMBOL)                                                                            \
    SYMBOL(plan_create, true)                                                                      \
    SYMBOL(plan_destroy, true)                                                                     \
    SYMBOL(run, true)                                                                              \
    SYMBOL(plan_selection, true)                                                                   \
    SYMBOL(plan_variant, true)                                                                     \
    SYMBOL(variant_name, true)                                                                     \
    SYMBOL(variant_find, true)                                                                     \
    SYMBOL(isa_limit, false)                                                                       \
    SYMBOL(code_hash, false)

struct midl_library library_linked(void)
{
    struct midl_library linked = {.abi = midl_abi(), .version = midl_version()};
#define LINK(member, needed) linked.member = midl_##member;
    SYMBOLS(LINK)
#undef LINK
    midl_build_id(linked.build_id);
    return linked;
}

/* The address of a function as a pointer to one: ISO C knows no cast for it, POSIX promises that
 * the bits are the same. */
static bool find(void *handle, const char *name, void *ret_function)
{
    void *address = dlsym(handle, name);
    memcpy(ret_function, &address, sizeof address);
    return address != NULL;
}

static const char *find_all(struct midl_library *library)
{
    const char *missing = NULL;
#define FIND(member, needed)                                                                       \
    if (!find(library->handle, "midl_" #member, &library->member) && (needed) && !missing)         \
        missing = "midl_" #member;
    SYMBOLS(FIND)
#undef FIND
    return missing;
}

/* MIDL_ISA hides sets from the linked copy when this program starts: here from another. */
static enum outcome hide_sets(const struct midl_library *library, const char *path,
                              struct error *error)
{
    const char *name = getenv("MIDL_ISA");
    enum midl_isa most;
    if (!name || !midl_isa_parse(name, &most))
        return OUTCOME_DONE;
    if (!library->isa_limit)
        return fail(error, OUTCOME_USAGE,
                    "%s: this build can't be kept to MIDL_ISA=%s; unset MIDL_ISA", file_shown(path),
                    name);
    library->isa_limit(most);
    return OUTCOME_DONE;
}

static enum outcome inspect(struct midl_library *library, const char *path, struct error *error)
{
    const char *(*version)(void);
    int (*abi)(void);
    void (*build_id)(char *);
    const char *missing = find_all(library);
    if (!find(library->handle, "midl_version", &version))
        missing = "midl_version";
    if (missing)
        return fail(error, OUTCOME_USAGE, "%s: not libmidl: it has no %s", file_shown(path),
                    missing);
    library->version = version();
    library->abi = find(library->handle, "midl_abi", &abi) ? abi() : 0;
    if (find(library->handle, "midl_build_id", &build_id))
        build_id(library->build_id);
    if (library->abi < 0 || library->abi > MIDL_ABI)
        return fail(error, OUTCOME_USAGE,
                    "%s: a libmidl of ABI %d, this program knows 0 to %d: use the midl that was "
                    "built with the newer of both",
                    file_shown(path), library->abi, MIDL_ABI);
    return hide_sets(library, path, error);
}

/* Hold the table of sections, which stands at the end, against the file's size: the loader maps
 * what the head announces, and touching what isn't there ends the process by SIGBUS. */
static enum outcome check_whole(const char *path, int fd, uint64_t bytes, struct error *error)
{
    ElfW(Ehdr) head;
    if (bytes < sizeof head)
        return fail(error, OUTCOME_USAGE, "%s: not a shared library: %llu bytes", file_shown(path),
                    (unsigned long long)bytes);
    enum outcome outcome = file_read(fd, path, 0, &head, sizeof head, error);
    if (outcome != OUTCOME_DONE || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
        return outcome; /* what isn't ELF is the loader's to name */
    uint64_t sections = (uint64_t)head.e_shnum * head.e_shentsize;
    if (head.e_shoff > bytes || sections > bytes - head.e_shoff)
        return file_bad(error, path, bytes, "the shared library is cut off here");
    return OUTCOME_DONE;
}

enum outcome library_open(const char *path, struct midl_library *ret, struct error *error)
{
    struct midl_library library = {.abi = 0};
    uint64_t bytes;
    int fd;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = check_whole(path, fd, bytes, error);
    close(fd);
    if (outcome != OUTCOME_DONE)
        return outcome;
    char *place = realpath(path, NULL); /* a name without a slash would be looked for elsewhere */
    library.handle = place ? dlopen(place, RTLD_NOW | RTLD_LOCAL) : NULL;
    free(place);
    if (!library.handle) {
        const char *reason = dlerror();
        return fail(error, OUTCOME_USAGE, "%s: not a shared library for this machine: %.200s",
                    file_shown(path), reason ? reason : "it can't be loaded");
    }
    outcome = inspect(&library, path, error);
    if (outcome == OUTCOME_DONE)
        *ret = library;
    else
        library_close(&library);
    return outcome;
}

void library_close(struct midl_library *library)
{
    if (library->handle)
        dlclose(library->handle);
    *library = (struct midl_library){.abi = 0};
}

/* Before ABI 1 both structs began behind what is now their size; what options have behind `threads`
 * came one by one, and is 0 in what is passed here. */
enum midl_status library_plan_create(const struct midl_library *library,
                                     const struct midl_layer *layer,
                                     const struct midl_plan_options *options,
                                     struct midl_plan **ret_plan, char reason[MIDL_REASON_SIZE])
{
    struct midl_layer own_layer = *layer;
    struct midl_plan_options own_options = *options;
    own_layer.size = sizeof own_layer;
    own_options.size = sizeof own_options;
    const char *layer_begin = (const char *)&own_layer, *options_begin = (const char *)&own_options;
    if (library->abi == 0) {
        layer_begin += offsetof(struct midl_layer, shape);
        options_begin += offsetof(struct midl_plan_options, variant);
    }
    return library->plan_create((const void *)layer_begin, (const void *)options_begin, ret_plan,
                                reason);
}

/* valgrind.c - the valgrind of this machine, and the caches that it simulates here. */
#define _GNU_SOURCE /* environ */
#include "machine/valgrind.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "harness_config.h"
#include "machine/machine.h"

#define PATH_SIZE 512
#define REASON_SIZE 160

/* ---- Finding it ------------------------------------------------------------------------------ */

struct valgrind {
    char path[PATH_SIZE], version[64];
    char reason[REASON_SIZE]; /* why it can't be used; empty if it can */
};

static void ask_version(struct valgrind *valgrind)
{
    char said[256], reason[REASON_SIZE], word[] = "valgrind", option[] = "--version";
    char *argv[] = {word, option, NULL};
    struct child child = {.path = valgrind->path,
                          .argv = argv,
                          .environment = environ,
                          .said = said,
                          .said_size = sizeof said,
                          .limit_s = 10};
    bool ran = child_run(&child, reason, sizeof reason);
    if (ran && strncmp(said, "valgrind-", 9) == 0)
        snprintf(valgrind->version, sizeof valgrind->version, "%.*s", (int)strcspn(said + 9, "\n"),
                 said + 9);
    else
        snprintf(valgrind->reason, sizeof valgrind->reason, "valgrind --version: %.120s",
                 ran ? "no answer that is understood" : reason);
}

static const struct valgrind *valgrind_get(void)
{
    static struct valgrind valgrind = {.version = "none"};
    static bool asked;
    if (!asked && child_find("valgrind", valgrind.path, sizeof valgrind.path))
        ask_version(&valgrind);
    else if (!asked)
        snprintf(valgrind.reason, sizeof valgrind.reason, "valgrind isn't installed");
    asked = true;
    return &valgrind;
}

const char *valgrind_path(void)
{
    return valgrind_get()->path;
}

const char *valgrind_version(void)
{
    return valgrind_get()->version;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUILD_SANITISED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define BUILD_SANITISED true
#endif
#endif
#ifndef BUILD_SANITISED
#define BUILD_SANITISED false
#endif

const char *valgrind_unavailable(void)
{
    if (!MIDL_HAVE_CALLGRIND)
        return "built without valgrind's headers";
    if (BUILD_SANITISED)
        return "valgrind can't run a sanitised build";
    return *valgrind_get()->reason ? valgrind_get()->reason : NULL;
}

/* ---- Simulated caches --------------------------------------------------------------------------
 */

static size_t power_of_two_below(size_t value)
{
    size_t power = 1;
    while (power <= value / 2)
        power *= 2;
    return power;
}

struct cache_geometry valgrind_geometry(size_t bytes, int ways, int line)
{
    size_t line_bytes = power_of_two_below(line >= 16 ? (size_t)line : 64);
    size_t way_count = ways > 0 ? (size_t)ways : 8;
    if (bytes < line_bytes * way_count)
        bytes = line_bytes * way_count;
    size_t sets = power_of_two_below(bytes / (line_bytes * way_count));
    way_count =
        bytes / (line_bytes * sets); /* keeps the size where the sets were no power of two */
    return (struct cache_geometry){
        .bytes = sets * way_count * line_bytes, .ways = (int)way_count, .line = (int)line_bytes};
}

static struct cache_geometry geometry_of(const struct cache_level *cache)
{
    return valgrind_geometry(cache->bytes, cache->ways, cache->line);
}

struct cache_geometry valgrind_first_level(void)
{
    const struct machine *machine = machine_get();
    if (machine->cache_count > 0 && machine->caches[0].level == 1)
        return geometry_of(&machine->caches[0]);
    return valgrind_geometry(32 << 10, 8, 64);
}

struct cache_geometry valgrind_last_level(void)
{
    const struct machine *machine = machine_get();
    for (size_t i = machine->cache_count; i > 0; i--)
        if (machine->caches[i - 1].plausible && machine->caches[i - 1].level > 1)
            return geometry_of(&machine->caches[i - 1]);
    return valgrind_geometry(8 << 20, 16, 64);
}

/* cgroup.c - limits of control groups, versions 1 and 2. */
#include "machine/cgroup.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define PATH_SIZE 1024

/* A limit of one group, read in its folder; writes the file's name. Infinite if there is none. */
typedef double limit_reader(const char *folder, const char **ret_file);

/* The beginning of a file; false if it can't be read. */
static bool read_line(const char *folder, const char *file, char ret[64])
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *stream = length > 0 && (size_t)length < sizeof path ? fopen(path, "r") : NULL;
    bool read = stream && fgets(ret, 64, stream);
    if (stream)
        fclose(stream);
    return read;
}

/* A whole number that isn't negative; "max", -1 and nothing at all are infinite. */
static double limit_in(const char *folder, const char *file)
{
    char text[64];
    return read_line(folder, file, text) && isdigit((unsigned char)*text) ? strtod(text, NULL)
                                                                          : INFINITY;
}

static double memory_2(const char *folder, const char **ret_file)
{
    double most = limit_in(folder, "memory.max"), high = limit_in(folder, "memory.high");
    *ret_file = high < most ? "memory.high" : "memory.max";
    return fmin(most, high);
}

/* The limit of memory by version 1, where the largest multiple of a page stands for "none". */
static double memory_1(const char *folder, const char **ret_file)
{
    double bytes = limit_in(folder, "memory.limit_in_bytes");
    *ret_file = "memory.limit_in_bytes";
    return bytes < 9e18 ? bytes : INFINITY;
}

/* "QUOTA PERIOD" in microseconds, or "max PERIOD". */
static double processors_2(const char *folder, const char **ret_file)
{
    char text[64], *end;
    *ret_file = "cpu.max";
    if (!read_line(folder, *ret_file, text) || !isdigit((unsigned char)*text))
        return INFINITY;
    double quota_us = strtod(text, &end), period_us = strtod(end, NULL);
    return quota_us > 0 && period_us > 0 ? quota_us / period_us : INFINITY;
}

static double processors_1(const char *folder, const char **ret_file)
{
    double quota_us = limit_in(folder, "cpu.cfs_quota_us");
    double period_us = limit_in(folder, "cpu.cfs_period_us");
    *ret_file = "cpu.cfs_quota_us";
    return quota_us > 0 && period_us > 0 && isfinite(period_us) ? quota_us / period_us : INFINITY;
}

/* Lower *least to the limit of `group` ("/a/b"), and of those that it is in, below `mount`. */
static void take_least(const char *mount, const char *group, limit_reader *read, double *least,
                       char ret_file[CGROUP_PATH_SIZE])
{
    size_t length = strlen(group);
    for (;;) {
        char folder[PATH_SIZE];
        const char *file = "";
        while (length > 0 && group[length - 1] == '/')
            length--;
        int used = snprintf(folder, sizeof folder, "%s%.*s", mount, (int)length, group);
        double limit = used > 0 && (size_t)used < sizeof folder ? read(folder, &file) : INFINITY;
        if (limit < *least) {
            *least = limit;
            snprintf(ret_file, CGROUP_PATH_SIZE, "%s of %.*s", file, length ? (int)length : 1,
                     length ? group : "/");
        }
        if (length == 0)
            return;
        while (length > 0 && group[length - 1] != '/')
            length--;
    }
}

/* Whether `controllers`, as in "cpu,memory:/a", has the word among its words. */
static bool names(const char *controllers, const char *wanted)
{
    size_t length = strcspn(controllers, ":"), wanted_length = strlen(wanted);
    for (const char *word = controllers; word < controllers + length;) {
        size_t word_length = strcspn(word, ",:");
        if (word_length == wanted_length && strncmp(word, wanted, word_length) == 0)
            return true;
        word += word_length + 1;
    }
    return false;
}

/* Version 2 is mounted at the root, or beside version 1 in a folder of its own. */
static void read_2(const char *root, const char *group, struct cgroup_limits *limits)
{
    static const char *const mounts[] = {"", "/unified"};
    for (size_t i = 0; i < COUNT(mounts); i++) {
        char mount[PATH_SIZE];
        snprintf(mount, sizeof mount, "%s%s", root, mounts[i]);
        take_least(mount, group, memory_2, &limits->memory_bytes, limits->memory_file);
        take_least(mount, group, processors_2, &limits->processors, limits->processors_file);
    }
}

/* Version 1 has a mount per set of controllers, under the set's name. */
static void read_1(const char *root, const char *controllers, const char *group,
                   struct cgroup_limits *limits)
{
    char mount[PATH_SIZE];
    if (names(controllers, "memory")) {
        snprintf(mount, sizeof mount, "%s/memory", root);
        take_least(mount, group, memory_1, &limits->memory_bytes, limits->memory_file);
    }
    if (names(controllers, "cpu")) {
        snprintf(mount, sizeof mount, "%s/cpu", root);
        take_least(mount, group, processors_1, &limits->processors, limits->processors_file);
        snprintf(mount, sizeof mount, "%s/cpu,cpuacct", root);
        take_least(mount, group, processors_1, &limits->processors, limits->processors_file);
    }
}

void cgroup_read(const char *root, const char *text, struct cgroup_limits *ret)
{
    char line[PATH_SIZE];
    *ret = (struct cgroup_limits){.memory_bytes = INFINITY, .processors = INFINITY};
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
        const char *controllers = strchr(line, ':');
        const char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        if (group == controllers + 1) /* "0::/a/b" */
            read_2(root, group + 1, ret);
        else /* "5:cpu,memory:/a/b" */
            read_1(root, controllers + 1, group + 1, ret);
    }
}

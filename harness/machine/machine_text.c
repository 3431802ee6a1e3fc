/* machine_text.c - facts out of what kernel and processor say. */
#include "machine/machine_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* ---- Lines ----------------------------------------------------------------------------------- */

static void copy_trimmed(const char *begin, const char *end, char *ret, size_t size)
{
    while (begin < end && (isspace((unsigned char)*begin) || *begin == '"'))
        begin++;
    while (end > begin && (isspace((unsigned char)end[-1]) || end[-1] == '"'))
        end--;
    size_t length = (size_t)(end - begin);
    if (length >= size)
        length = size - 1;
    memcpy(ret, begin, length);
    ret[length] = '\0';
    for (char *c = ret; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = ' ';
}

const char *text_line(const char *text, const char *key)
{
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, strlen(key)) == 0)
            return line + strlen(key);
    }
    return NULL;
}

bool text_value(const char *text, const char *key, char separator, char *ret, size_t size)
{
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) != 0)
            continue;
        const char *value = line + length + strspn(line + length, " \t");
        if (*value != separator)
            continue;
        value++;
        copy_trimmed(value, value + strcspn(value, "\n"), ret, size);
        return true;
    }
    return false;
}

static int value_int(const char *text, const char *key)
{
    char value[24];
    return text_value(text, key, ':', value, sizeof value) ? (int)strtol(value, NULL, 0) : 0;
}

/* ---- The processor --------------------------------------------------------------------------- */

struct arm_part {
    int implementer, part;
    const char *name;
};

/* The kernel names AArch64 processors by numbers only. */
static const struct arm_part arm_parts[] = {
    {0x41, 0xd03, "Arm Cortex-A53"},       {0x41, 0xd05, "Arm Cortex-A55"},
    {0x41, 0xd07, "Arm Cortex-A57"},       {0x41, 0xd08, "Arm Cortex-A72"},
    {0x41, 0xd09, "Arm Cortex-A73"},       {0x41, 0xd0b, "Arm Cortex-A76"},
    {0x41, 0xd0c, "Arm Neoverse-N1"},      {0x41, 0xd40, "Arm Neoverse-V1"},
    {0x41, 0xd49, "Arm Neoverse-N2"},      {0x41, 0xd4f, "Arm Neoverse-V2"},
    {0x41, 0xd84, "Arm Neoverse-V3"},      {0x41, 0xd8e, "Arm Neoverse-N3"},
    {0x46, 0x001, "Fujitsu A64FX"},        {0x61, 0x022, "Apple M1 (Icestorm)"},
    {0x61, 0x023, "Apple M1 (Firestorm)"}, {0xc0, 0xac3, "Ampere-1"},
};

static void arm_model(const char *text, char *ret, size_t size)
{
    int implementer = value_int(text, "CPU implementer"), part = value_int(text, "CPU part");
    if (implementer == 0)
        return;
    for (size_t i = 0; i < sizeof arm_parts / sizeof *arm_parts; i++) {
        if (arm_parts[i].implementer == implementer && arm_parts[i].part == part) {
            snprintf(ret, size, "%s", arm_parts[i].name);
            return;
        }
    }
    snprintf(ret, size, "AArch64 implementer 0x%02x part 0x%03x", (unsigned)implementer,
             (unsigned)part);
}

void text_cpuinfo(const char *text, struct cpu_text *ret)
{
    static const char *const model_keys[] = {"model name", "cpu model", "uarch", "cpu"};
    *ret = (struct cpu_text){.model = "unknown", .microcode = "unknown"};
    bool found = false;
    for (size_t i = 0; i < sizeof model_keys / sizeof *model_keys && !found; i++)
        found = text_value(text, model_keys[i], ':', ret->model, sizeof ret->model);
    if (!found)
        arm_model(text, ret->model, sizeof ret->model);
    text_value(text, "microcode", ':', ret->microcode, sizeof ret->microcode);
    ret->siblings = value_int(text, "siblings");
    ret->cores = value_int(text, "cpu cores");
}

size_t text_size(const char *text)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || !isdigit((unsigned char)*text))
        return 0;
    int shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    end += shift > 0;
    if ((*end && !isspace((unsigned char)*end)) || value > SIZE_MAX >> shift)
        return 0;
    return (size_t)value << shift;
}

bool text_chosen(const char *text, char *ret, size_t size)
{
    const char *begin = strchr(text, '['), *end = begin ? strchr(begin, ']') : NULL;
    if (!end || end == begin + 1)
        return false;
    copy_trimmed(begin + 1, end, ret, size);
    return true;
}

bool text_cpu_times(const char *text, uint64_t *ret_all, uint64_t *ret_stolen)
{
    enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STOLEN, FIELDS };
    if (strncmp(text, "cpu ", 4) != 0)
        return false;
    uint64_t all = 0, stolen = 0;
    const char *place = text + 4;
    for (int field = USER; field < FIELDS; field++) {
        char *end;
        stolen = strtoull(place, &end, 10);
        if (end == place)
            return false;
        all += stolen;
        place = end;
    }
    *ret_all = all;
    *ret_stolen = stolen;
    return true;
}

/* ---- Variables -------------------------------------------------------------------- */

void text_variables(char *const *environment, const char *own, char *ret, size_t size)
{
    static const char *const prefixes[] = {"OPENBLAS_", "OMP_",       "GOMP_",         "KMP_",
                                           "BLIS_",     "DNNL_",      "ONEDNN_",       "MALLOC_",
                                           "MIDL_ISA",  "LD_PRELOAD", "GLIBC_TUNABLES"};
    size_t used = 0;
    snprintf(ret, size, "none");
    for (; *environment; environment++) {
        const char *variable = *environment;
        if (own && strcmp(variable, own) == 0)
            continue;
        for (size_t i = 0; i < COUNT(prefixes); i++)
            if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0 &&
                used + strlen(variable) + 2 < size)
                used +=
                    (size_t)snprintf(ret + used, size - used, "%s%s", used ? " " : "", variable);
    }
}

/* ---- Hypervisors ----------------------------------------------------------------------------- */

struct naming {
    const char *pattern, *name;
};

const char *text_hypervisor(const char *letters)
{
    static const struct naming names[] = {
        {"KVMKVMKVM", "KVM"},           {"Linux KVM Hv", "KVM"},
        {"Microsoft Hv", "Hyper-V"},    {"VMwareVMware", "VMware"},
        {"XenVMMXenVMM", "Xen"},        {"TCGTCGTCGTCG", "QEMU (emulated)"},
        {"bhyve bhyve ", "bhyve"},      {"prl hyperv", "Parallels"},
        {"VBoxVBoxVBox", "VirtualBox"}, {"ACRNACRNACRN", "ACRN"},
        {"SRESRESRESRE", "LMHS"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(letters, names[i].pattern))
            return names[i].name;
    return NULL;
}

const char *text_dmi_hypervisor(const char *vendor_and_product)
{
    static const struct naming names[] = {
        {"KVM", "KVM"},
        {"QEMU", "KVM"},
        {"OpenStack", "KVM"},
        {"Google Compute Engine", "KVM"},
        {"VMware", "VMware"},
        {"innotek", "VirtualBox"},
        {"VirtualBox", "VirtualBox"},
        {"Xen", "Xen"},
        {"Microsoft Corporation Virtual Machine", "Hyper-V"},
        {"Parallels", "Parallels"},
        {"Apple Virtualization", "Apple Virtualization"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(vendor_and_product, names[i].pattern))
            return names[i].name;
    return NULL;
}

/* ---- Caches ---------------------------------------------------------------------------------- */

/* Keep the caches by level; of two of one level the first. */
static void add_cache(struct cache_level cache, struct cache_level ret[CACHE_LEVELS], size_t *count)
{
    if (cache.level < 1 || cache.level > CACHE_LEVELS || cache.bytes == 0 || *count == CACHE_LEVELS)
        return;
    size_t place = *count;
    for (size_t i = 0; i < *count; i++)
        if (ret[i].level == cache.level)
            return;
    for (; place > 0 && ret[place - 1].level > cache.level; place--)
        ret[place] = ret[place - 1];
    ret[place] = cache;
    (*count)++;
}

/* The first line of FOLDER/indexI/NAME; false if it can't be read. */
static bool index_line(const char *folder, int index, const char *name, char *ret, int size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/index%d/%s", folder, index, name);
    FILE *file = fopen(path, "r");
    bool ok = file && fgets(ret, size, file);
    if (file)
        fclose(file);
    return ok;
}

static int index_int(const char *folder, int index, const char *name)
{
    char line[64];
    return index_line(folder, index, name, line, sizeof line) ? (int)strtol(line, NULL, 10) : 0;
}

size_t sysfs_caches(const char *folder, struct cache_level ret[CACHE_LEVELS])
{
    size_t count = 0;
    char type[64], size[64];
    for (int i = 0; index_line(folder, i, "type", type, sizeof type); i++) {
        if (strncmp(type, "Data", 4) != 0 && strncmp(type, "Unified", 7) != 0)
            continue;
        if (!index_line(folder, i, "size", size, sizeof size))
            continue;
        add_cache((struct cache_level){.level = index_int(folder, i, "level"),
                                       .bytes = text_size(size),
                                       .ways = index_int(folder, i, "ways_of_associativity"),
                                       .line = index_int(folder, i, "coherency_line_size"),
                                       .source = "sysfs"},
                  ret, &count);
    }
    return count;
}

size_t cpuid_caches(const struct cpuid_registers *leaves, size_t leaf_count,
                    struct cache_level ret[CACHE_LEVELS])
{
    enum { NONE, DATA, UNIFIED = 3 };
    size_t count = 0;
    for (size_t i = 0; i < leaf_count && (leaves[i].eax & 0x1f) != NONE; i++) {
        struct cpuid_registers leaf = leaves[i];
        size_t line = (leaf.ebx & 0xfff) + 1, partitions = (leaf.ebx >> 12 & 0x3ff) + 1;
        size_t ways = (leaf.ebx >> 22) + 1, sets = (size_t)leaf.ecx + 1;
        unsigned type = leaf.eax & 0x1f;
        if (type == DATA || type == UNIFIED)
            add_cache((struct cache_level){.level = (int)(leaf.eax >> 5 & 7),
                                           .bytes = line * partitions * ways * sets,
                                           .ways = (int)ways,
                                           .line = (int)line,
                                           .source = "cpuid"},
                      ret, &count);
    }
    return count;
}

size_t cpuid_caches_legacy(struct cpuid_registers leaf5, struct cpuid_registers leaf6,
                           struct cache_level ret[CACHE_LEVELS])
{
    /* Ways as leaf 0x80000006 codes them; 9 refers to leaf 0x8000001D, 15 is fully associative. */
    static const int ways[16] = {0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, 0};
    size_t count = 0;
    add_cache((struct cache_level){.level = 1,
                                   .bytes = (size_t)(leaf5.ecx >> 24) << 10,
                                   .ways = (int)(leaf5.ecx >> 16 & 0xff),
                                   .line = (int)(leaf5.ecx & 0xff),
                                   .source = "cpuid"},
              ret, &count);
    add_cache((struct cache_level){.level = 2,
                                   .bytes = (size_t)(leaf6.ecx >> 16) << 10,
                                   .ways = ways[leaf6.ecx >> 12 & 15],
                                   .line = (int)(leaf6.ecx & 0xff),
                                   .source = "cpuid"},
              ret, &count);
    add_cache((struct cache_level){.level = 3,
                                   .bytes = (size_t)(leaf6.edx >> 18) << 19,
                                   .ways = ways[leaf6.edx >> 12 & 15],
                                   .line = (int)(leaf6.edx & 0xff),
                                   .source = "cpuid"},
              ret, &count);
    return count;
}

void caches_judge(struct cache_level *caches, size_t count, int cores, bool virtual_machine)
{
    size_t share = ((size_t)4 << 20) * (size_t)(cores > 0 ? cores : 1);
    for (size_t i = 0; i < count; i++) {
        struct cache_level *cache = &caches[i];
        cache->plausible = !virtual_machine || cache->level < 3 || cache->bytes <= share;
        cache->share_bytes = cache->plausible ? cache->bytes : share;
    }
}

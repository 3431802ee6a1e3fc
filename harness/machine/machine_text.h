/* machine_text.h - facts out of what kernel and processor say: pure functions of a text, of
 * registers or of a folder, so that tests can show them other machines than this one. */
#ifndef MIDL_MACHINE_TEXT_H
#define MIDL_MACHINE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/machine.h"

/* Find the value of the first line "KEY : value" or "KEY=value" (`separator`), without blanks and
 * quotes around it. False if there is none; *ret is then untouched. */
bool text_value(const char *text, const char *key, char separator, char *ret, size_t size);

/* Find the rest of the first line that begins with `key`, up to the text's end; NULL if there is
 * none.
 */
const char *text_line(const char *text, const char *key);

struct cpu_text {
    char model[96], microcode[24]; /* "unknown" */
    int siblings, cores;           /* of a socket; 0: not said */
};

/* Read /proc/cpuinfo of x86, AArch64 (implementer and part numbers) and others. */
void text_cpuinfo(const char *text, struct cpu_text *ret);

/* Read "48K", "1024K", "32M", "512" in bytes; 0 if it is no size. */
size_t text_size(const char *text);

/* Find the chosen word of "always [madvise] never"; false if none is. */
bool text_chosen(const char *text, char *ret, size_t size);

/* Read all and stolen time from the first line of /proc/stat, in ticks; false if it isn't one. */
bool text_cpu_times(const char *text, uint64_t *ret_all, uint64_t *ret_stolen);

/* Write the variables of `environment` (NULL-terminated) that change what libraries do, separated
 * by blanks, as many as fit; "none" if there are none. `own` was set by this program and is left
 * out; NULL: nothing was. */
void text_variables(char *const *environment, const char *own, char *ret, size_t size);

/* Name a hypervisor by its twelve CPUID letters, or its DMI vendor and product, as people call it;
 * NULL if they name none that is known. */
const char *text_hypervisor(const char *letters);
const char *text_dmi_hypervisor(const char *vendor_and_product);

/* Read data and unified caches from a folder like /sys/devices/system/cpu/cpu0/cache; by level. */
size_t sysfs_caches(const char *folder, struct cache_level ret[CACHE_LEVELS]);

struct cpuid_registers {
    uint32_t eax, ebx, ecx, edx;
};

/* Read the sub-leaves of leaf 4 (Intel) or 0x8000001D (AMD), up to the one that ends the list. */
size_t cpuid_caches(const struct cpuid_registers *leaves, size_t leaf_count,
                    struct cache_level ret[CACHE_LEVELS]);

/* Read AMD's older leaves 0x80000005 and 0x80000006. */
size_t cpuid_caches_legacy(struct cpuid_registers leaf5, struct cpuid_registers leaf6,
                           struct cache_level ret[CACHE_LEVELS]);

/* Judge each cache: on a virtual machine, a level above 2 larger than 4 MiB a core is the host's.
 */
void caches_judge(struct cache_level *caches, size_t count, int cores, bool virtual_machine);

#endif

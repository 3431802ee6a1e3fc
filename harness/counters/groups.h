/* groups.h - which counters to take: the words of --counters and `counters =`.
 *
 * A word names a source (papi, callgrind) or a group of counters (groups.def: core, cache, flops,
 * tlb, system). Without a group, all of the sources' counters are taken. Without a source, a group
 * is measured by papi, and simulated by callgrind where papi lacks something of it on this machine
 * that callgrind has.
 */
#ifndef MIDL_GROUPS_H
#define MIDL_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

/* The bits of a wish: sources, then one bit per group. 0: nothing is wanted. */
enum { COUNT_PAPI = 1, COUNT_CALLGRIND = 2, COUNT_GROUPS = 4 };

struct group_counter {
    const char *group, *name;
    unsigned bit;         /* of the group */
    bool papi, callgrind; /* the sources that have it */
    const char *meaning;
};

/* Return the table of groups.def. */
size_t groups_counters(const struct group_counter **ret);

/* Return the bit of a word, 0 if it is none of them. */
unsigned groups_bit(const char *word);

/* List all words, for messages and help: "none, papi, callgrind, core, ...". Static. */
const char *groups_words(void);

/* Whether the counter belongs to what was asked for. */
bool groups_wants(unsigned wanted, const char *counter);

#endif

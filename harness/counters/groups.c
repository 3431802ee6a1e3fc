/* groups.c - the words of --counters: see groups.h. */
#include "counters/groups.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

static const struct group_counter counters[] = {
#define COUNTER(group, name, papi, callgrind, meaning) {group, name, papi, callgrind, meaning},
#include "counters/groups.def"
#undef COUNTER
};

size_t groups_counters(const struct group_counter **ret)
{
    *ret = counters;
    return COUNT(counters);
}

/* Whether row i is the first of its group. */
static bool begins_group(size_t i)
{
    return i == 0 || strcmp(counters[i].group, counters[i - 1].group) != 0;
}

static unsigned group_bit(const char *group)
{
    unsigned bit = COUNT_GROUPS;
    for (size_t i = 0; i < COUNT(counters); i++) {
        if (strcmp(counters[i].group, group) == 0)
            return bit;
        if (i + 1 < COUNT(counters) && begins_group(i + 1))
            bit <<= 1;
    }
    return 0;
}

unsigned groups_bit(const char *word)
{
    if (strcmp(word, "papi") == 0)
        return COUNT_PAPI;
    if (strcmp(word, "callgrind") == 0)
        return COUNT_CALLGRIND;
    return group_bit(word);
}

const char *groups_words(void)
{
    static char text[160];
    size_t used = (size_t)snprintf(text, sizeof text, "none, papi, callgrind");
    for (size_t i = 0; i < COUNT(counters); i++)
        if (begins_group(i) && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, ", %s", counters[i].group);
    return text;
}

bool groups_wants(unsigned wanted, const char *counter)
{
    bool all = wanted < COUNT_GROUPS;
    for (size_t i = 0; i < COUNT(counters); i++)
        if (strcmp(counters[i].name, counter) == 0)
            return all || wanted & group_bit(counters[i].group);
    return false;
}

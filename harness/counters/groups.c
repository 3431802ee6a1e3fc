/* groups.c - the words of --counters: see groups.h. */
#include "counters/groups.h"

#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "base/util.h"

enum group {
#define GROUP(name) GROUP_##name,
#include "counters/groups.def"
};

static const char *const groups[] = {
#define GROUP(name) [GROUP_##name] = #name,
#include "counters/groups.def"
};

static const struct group_counter counters[] = {
#define COUNTER(group_, name_, papi_, callgrind_, meaning_)                                        \
    {.group = #group_,                                                                             \
     .bit = (unsigned)COUNT_GROUPS << GROUP_##group_,                                              \
     .name = name_,                                                                                \
     .papi = papi_,                                                                                \
     .callgrind = callgrind_,                                                                      \
     .meaning = meaning_},
#include "counters/groups.def"
};

size_t groups_counters(const struct group_counter **ret)
{
    *ret = counters;
    return COUNT(counters);
}

unsigned groups_bit(const char *word)
{
    if (strcmp(word, "papi") == 0)
        return COUNT_PAPI;
    if (strcmp(word, "callgrind") == 0)
        return COUNT_CALLGRIND;
    for (size_t i = 0; i < COUNT(groups); i++)
        if (strcmp(word, groups[i]) == 0)
            return (unsigned)COUNT_GROUPS << i;
    return 0;
}

const char *groups_words(void)
{
    static char text[160];
    snprintf(text, sizeof text, "none, papi, callgrind");
    for (size_t i = 0; i < COUNT(groups); i++)
        append_text(text, sizeof text, ", %s", groups[i]);
    return text;
}

bool groups_wants(unsigned wanted, const char *counter)
{
    bool all = wanted < COUNT_GROUPS;
    for (size_t i = 0; i < COUNT(counters); i++)
        if (strcmp(counters[i].name, counter) == 0)
            return all || wanted & counters[i].bit;
    return false;
}

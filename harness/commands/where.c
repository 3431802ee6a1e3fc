/* where.c - parameters of the queries of figures and tables. */
#define _GNU_SOURCE /* strsep */
#include "commands/where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* Names that may be held, in order of the alphabet. */
static const char *const names[] = {"active", "batch", "cache",  "dataset", "dtype",  "gate",
                                    "isa",    "n",     "select", "source",  "threads"};

/* Runs and variants have options of their own. */
static bool may_be_given(const struct figures *figures, const char *name)
{
    static const char *const others[] = {"run", "runs", "pinned", "suite", "db", "kernel"};
    for (size_t i = 0; i < COUNT(others); i++)
        if (strcmp(name, others[i]) == 0)
            return false;
    return figures_have_parameter(figures, name);
}

enum outcome where_parse(const char *text, const struct figures *figures, struct where *where,
                         struct error *error)
{
    if (!text)
        return OUTCOME_DONE;
    where->text = strdup(text);
    if (!where->text)
        return fail_memory(error, "--where", (double)strlen(text));
    char *rest = where->text;
    for (char *pair; (pair = strsep(&rest, ","));) {
        char *value = strchr(pair, '=');
        if (!value || value == pair || !value[1])
            return fail(error, OUTCOME_USAGE, "--where %.80s: not NAME=VALUE, as in dtype=bf16",
                        *pair ? pair : "''");
        *value++ = '\0';
        if (!may_be_given(figures, pair))
            return fail(error, OUTCOME_USAGE,
                        "--where %.80s: not one of active, batch, cache, dataset, dtype, gate, "
                        "isa, n, select, source, threads",
                        pair);
        if (where->count == where->most)
            return fail(error, OUTCOME_USAGE, "--where: more than %zu values", where->most);
        where->parameters[where->count++] = (struct store_fact){pair, value};
    }
    return OUTCOME_DONE;
}

/* "batch, n, threads": what the query of a figure holds. */
static void list_names(const struct figure *figure, char *ret, size_t size)
{
    ret[0] = '\0';
    for (size_t i = 0; i < COUNT(names); i++)
        if (figure_has_parameter(figure, names[i]))
            snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", *ret ? ", " : "", names[i]);
}

enum outcome where_check(const struct where *where, const struct figure *figure, const char *kind,
                         struct error *error)
{
    char held[160];
    list_names(figure, held, sizeof held);
    for (size_t i = 0; i < where->count; i++)
        if (!figure_has_parameter(figure, where->parameters[i].name))
            return fail(error, OUTCOME_USAGE, "--where %.80s: %s %s doesn't hold it; it holds %s",
                        where->parameters[i].name, kind, figure->name, *held ? held : "nothing");
    return OUTCOME_DONE;
}

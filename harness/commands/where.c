/* where.c - parameters of the queries of figures and tables. */
#define _GNU_SOURCE /* strsep */
#include "commands/where.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

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
                        "--where %.80s: not one of active, batch, cache, dtype, gate, isa, n, "
                        "select, source, threads",
                        pair);
        if (where->count == where->most)
            return fail(error, OUTCOME_USAGE, "--where: more than %zu values", where->most);
        where->parameters[where->count++] = (struct store_fact){pair, value};
    }
    return OUTCOME_DONE;
}

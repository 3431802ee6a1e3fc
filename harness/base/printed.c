/* printed.c - a text that is printed into memory. */
#include "base/printed.h"

#include <stdlib.h>

#include "base/file.h"

enum outcome printed_begin(struct printed *ret, const char *what, struct error *error)
{
    *ret = (struct printed){.what = what};
    ret->out = open_memstream(&ret->text, &ret->bytes);
    return ret->out ? OUTCOME_DONE : fail_memory(error, what, 0);
}

enum outcome printed_end(struct printed *printed, enum outcome outcome, char **ret_text,
                         size_t *ret_bytes, struct error *error)
{
    if (fclose(printed->out) != 0 && outcome == OUTCOME_DONE)
        outcome = fail_memory(error, printed->what, (double)printed->bytes);
    if (outcome == OUTCOME_DONE) {
        *ret_text = printed->text;
        if (ret_bytes)
            *ret_bytes = printed->bytes;
    } else {
        free(printed->text);
    }
    *printed = (struct printed){.out = NULL};
    return outcome;
}

enum outcome printed_replace(struct printed *printed, enum outcome outcome, const char *path,
                             struct error *error)
{
    char *text = NULL;
    size_t bytes;
    outcome = printed_end(printed, outcome, &text, &bytes, error);
    if (outcome == OUTCOME_DONE)
        outcome = file_replace_whole(path, text, bytes, error);
    free(text);
    return outcome;
}

enum outcome printed_file(const char *path, void (*print)(const void *data, FILE *out),
                          const void *data, struct error *error)
{
    struct printed printed;
    enum outcome outcome = path ? printed_begin(&printed, "a report", error) : OUTCOME_DONE;
    if (!path || outcome != OUTCOME_DONE)
        return outcome;
    print(data, printed.out);
    return printed_replace(&printed, OUTCOME_DONE, path, error);
}

/* characters.c - the next character of a plain text, from those before it.
 *
 * Text is made lower case; the characters that are most frequent in the training text are symbols,
 * in the order of their codes, and one more stands for all others (a character of several bytes is
 * one). An input is a window of the sequence of symbols, its label the symbol that follows. Reviews
 * are put one after the other, a line each. A text file gives its first nine tenths for training.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/bundle.h"
#include "data/dataset_internal.h"
#include "data/stream.h"

#define CONTEXT 16
#define FREQUENT 52
#define REVIEW_BYTES_MOST ((size_t)1 << 24)
#define TEXT_BYTES_MOST ((size_t)1 << 31)

/* A text that is owned or lies within another. */
struct text {
    const unsigned char *bytes;
    size_t count;
};

/* ---- Symbols --------------------------------------------------------------------------------- */

struct alphabet {
    float symbol_of[256]; /* of a character's first byte */
    unsigned char bytes[FREQUENT];
    size_t frequent;
};

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : c;
}

/* True for the bytes of a UTF-8 character after its first. */
static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static void find_alphabet(const struct text *text, struct alphabet *ret)
{
    size_t counts[256] = {0};
    for (size_t i = 0; i < text->count; i++)
        counts[lower(text->bytes[i])] += text->bytes[i] < 0x80;
    bool taken[256] = {false};
    for (ret->frequent = 0; ret->frequent < FREQUENT; ret->frequent++) {
        size_t best = 0;
        for (size_t c = 1; c < 128; c++)
            if (!taken[c] && (taken[best] || counts[c] > counts[best]))
                best = c;
        if (taken[best] || counts[best] == 0)
            break;
        taken[best] = true;
    }
    size_t next = 0;
    for (size_t c = 0; c < 256; c++) {
        ret->symbol_of[c] = (float)(taken[c] ? next : ret->frequent);
        if (taken[c])
            ret->bytes[next++] = (unsigned char)c;
    }
}

static enum outcome name_symbols(const struct alphabet *alphabet, struct dataset *set,
                                 struct error *error)
{
    static char texts[FREQUENT + 1][8];
    const char *names[FREQUENT + 1];
    for (size_t i = 0; i < alphabet->frequent; i++) {
        unsigned char c = alphabet->bytes[i];
        snprintf(texts[i], sizeof texts[i], c < 0x20 || c == 0x7f ? "\\x%02x" : "%c", c);
        names[i] = texts[i];
    }
    names[alphabet->frequent] = "other";
    return dataset_name_classes(set, names, error);
}

/* ---- Windows --------------------------------------------------------------------------------- */

/* Make the sequence of symbols of a text, and `count` windows in equal distances. */
static enum outcome fill_part(const struct text *text, const struct alphabet *alphabet,
                              const char *what, size_t count, bool spread, struct dataset_part *ret,
                              struct error *error)
{
    size_t length = 0;
    struct dataset_part part = {.x = malloc((text->count + 1) * sizeof *part.x)};
    if (!part.x)
        return fail_memory(error, "a text", (double)text->count * sizeof *part.x);
    for (size_t i = 0; i < text->count; i++)
        if (!continues(text->bytes[i]))
            part.x[length++] = alphabet->symbol_of[lower(text->bytes[i])];
    size_t places = length > CONTEXT ? length - CONTEXT : 0;
    part.count = count ? count : places;
    part.stride = spread && part.count && part.count < places ? places / part.count : 1;
    part.labels = malloc((part.count + 1) * sizeof *part.labels);
    if (places == 0 || part.count > places || !part.labels) {
        free(part.x);
        free(part.labels);
        if (places > 0 && part.count <= places)
            return fail_memory(error, "a text", (double)part.count * sizeof *part.labels);
        return fail(error, OUTCOME_USAGE,
                    "the %s text has %zu characters: too short for %zu places", what, length,
                    part.count ? part.count : 1);
    }
    for (size_t i = 0; i < part.count; i++)
        part.labels[i] = (uint32_t)part.x[i * part.stride + CONTEXT];
    *ret = part;
    return OUTCOME_DONE;
}

static enum outcome texts_to_set(const struct dataset_request *request, const struct text texts[2],
                                 struct dataset *set, struct error *error)
{
    const struct dataset_options *options = request->options;
    struct alphabet alphabet;
    size_t test = options->test_size ? options->test_size : request->info->test_size;
    size_t most = texts[1].count > CONTEXT ? texts[1].count - CONTEXT : 1;
    test = options->test_size || test < most ? test : 0;
    find_alphabet(&texts[0], &alphabet);
    set->d = CONTEXT;
    set->symbols = set->classes = alphabet.frequent + 1;
    enum outcome outcome =
        fill_part(&texts[0], &alphabet, "training", options->train_size, false, &set->train, error);
    if (outcome == OUTCOME_DONE)
        outcome = fill_part(&texts[1], &alphabet, "test", test, true, &set->test, error);
    if (outcome == OUTCOME_DONE)
        outcome = name_symbols(&alphabet, set, error);
    return outcome;
}

/* ---- Texts ----------------------------------------------------------------------------------- */

/* Put reviews one after the other, a line each; to be freed. */
static enum outcome join_reviews(const char *place, const char *patterns, unsigned char **ret,
                                 size_t *ret_count, struct error *error)
{
    struct bundle bundle;
    size_t count = 0, at = 0;
    enum outcome outcome = bundle_read(place, patterns, REVIEW_BYTES_MOST, &bundle, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    for (size_t i = 0; i < bundle.count; i++)
        count += bundle.files[i].count + 1;
    unsigned char *text = malloc(count);
    for (size_t i = 0; i < bundle.count && text; i++) {
        memcpy(text + at, bundle.files[i].bytes, bundle.files[i].count);
        at += bundle.files[i].count;
        text[at++] = '\n';
    }
    bundle_clear(&bundle);
    if (!text)
        return fail_memory(error, "the text of reviews", (double)count);
    *ret = text;
    *ret_count = count;
    return OUTCOME_DONE;
}

static enum outcome from_reviews(const struct dataset_request *request, struct dataset *set,
                                 struct error *error)
{
    unsigned char *train = NULL, *test = NULL;
    size_t train_count, test_count;
    enum outcome outcome =
        join_reviews(request->place, request->info->train, &train, &train_count, error);
    if (outcome == OUTCOME_DONE)
        outcome = join_reviews(request->place, request->info->test, &test, &test_count, error);
    if (outcome == OUTCOME_DONE)
        outcome = texts_to_set(request, (struct text[]){{train, train_count}, {test, test_count}},
                               set, error);
    free(train);
    free(test);
    return outcome;
}

static enum outcome from_file(const struct dataset_request *request, struct dataset *set,
                              struct error *error)
{
    unsigned char *bytes;
    size_t count;
    enum outcome outcome = stream_all(request->place, TEXT_BYTES_MOST, &bytes, &count, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    size_t cut = count - count / 10;
    outcome = texts_to_set(request, (struct text[]){{bytes, cut}, {bytes + cut, count - cut}}, set,
                           error);
    free(bytes);
    return outcome;
}

enum outcome text_load(const struct dataset_request *request, struct dataset *set,
                       struct error *error)
{
    return request->options->text ? from_file(request, set, error)
                                  : from_reviews(request, set, error);
}

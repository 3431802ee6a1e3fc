/* reviews.c - IMDB reviews as counts of words: TF-IDF of the words that most reviews have.
 *
 * A word is letters, digits and apostrophes between others; "<br />" is none. A column's value is
 * log(1 + count) (log(N / (1 + df)) + 1), df of N training reviews have the word; rows are scaled
 * to one length. With fewer words than columns the last columns are zero. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/bundle.h"
#include "data/dataset_internal.h"

#define WORDS 4000
#define FILE_BYTES_MOST ((size_t)1 << 24) /* of a review */

/* The words of a review, in the order of the alphabet; they point into its bytes. */
struct review {
    char **words;
    size_t count;
    uint32_t label;
};

struct reviews {
    struct review *at;
    size_t count;
};

/* ---- Words ----------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool in_word(unsigned char c)
{
    return isalnum(c) || c == '\'' || c >= 0x80;
}

/* Make text lower case and marks of line breaks blank. */
static void clean_text(char *text, size_t count)
{
    static const char mark[] = "<br />";
    for (size_t i = 0; i < count; i++) {
        if (i + sizeof mark - 1 <= count && memcmp(text + i, mark, sizeof mark - 1) == 0)
            memset(text + i, ' ', sizeof mark - 1);
        text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    }
}

/* Split a text in place: *ret holds its words in order. A zero stands behind the text. */
static bool split_words(char *text, size_t count, struct review *ret)
{
    size_t words = 0;
    clean_text(text, count);
    ret->words = malloc((count / 2 + 1) * sizeof *ret->words);
    if (!ret->words)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool inside = in_word((unsigned char)text[i]);
        if (inside && (i == 0 || text[i - 1] == '\0'))
            ret->words[words++] = text + i;
        if (!inside)
            text[i] = '\0';
    }
    qsort(ret->words, words, sizeof *ret->words, by_text);
    ret->count = words;
    char **fitting = realloc(ret->words, (words + 1) * sizeof *fitting);
    ret->words = fitting ? fitting : ret->words;
    return true;
}

static void reviews_clear(struct reviews *reviews)
{
    for (size_t i = 0; i < reviews->count; i++)
        free(reviews->at[i].words);
    free(reviews->at);
}

/* Split all files of a bundle; "pos/" in a name makes it class 1. */
static enum outcome split_reviews(const struct bundle *bundle, struct reviews *ret,
                                  struct error *error)
{
    struct reviews reviews = {.at = calloc(bundle->count, sizeof *reviews.at)};
    bool ok = reviews.at != NULL;
    for (size_t i = 0; i < bundle->count && ok; i++) {
        const struct bundle_file *file = &bundle->files[i];
        struct review *review = &reviews.at[reviews.count++];
        review->label = strstr(file->name, "pos/") != NULL;
        ok = split_words((char *)file->bytes, file->count, review);
    }
    if (ok) {
        *ret = reviews;
        return OUTCOME_DONE;
    }
    reviews_clear(&reviews);
    return fail_memory(error, "the words of reviews", 0);
}

/* ---- Vocabulary ------------------------------------------------------------------------------ */

/* A word and the number of training reviews that have it. */
struct entry {
    char *word;
    size_t reviews;
};

struct vocabulary {
    struct entry *at; /* in the order of the alphabet */
    size_t count;
};

static int by_frequency(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->reviews != right->reviews)
        return left->reviews > right->reviews ? -1 : 1;
    return strcmp(left->word, right->word);
}

static int by_word(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->word, ((const struct entry *)b)->word);
}

/* List each chosen review's words, each once, in one sorted list. */
static char **list_words(const struct reviews *reviews, const struct dataset_choice *choice,
                         size_t *ret_count)
{
    size_t count = 0, room = 1;
    for (size_t i = 0; i < choice->count; i++)
        room += reviews->at[choice->rows[i]].count;
    char **list = malloc(room * sizeof *list);
    for (size_t i = 0; list && i < choice->count; i++) {
        const struct review *review = &reviews->at[choice->rows[i]];
        for (size_t j = 0; j < review->count; j++)
            if (j == 0 || strcmp(review->words[j - 1], review->words[j]) != 0)
                list[count++] = review->words[j];
    }
    if (list)
        qsort(list, count, sizeof *list, by_text);
    *ret_count = count;
    return list;
}

/* Keep the words that most of the chosen reviews have. */
static enum outcome find_vocabulary(const struct reviews *reviews,
                                    const struct dataset_choice *choice, struct vocabulary *ret,
                                    struct error *error)
{
    size_t listed, kept = 0;
    char **list = list_words(reviews, choice, &listed);
    struct entry *entries = malloc((listed + 1) * sizeof *entries);
    if (!list || !entries) {
        free(list);
        free(entries);
        return fail_memory(error, "a vocabulary", 0);
    }
    for (size_t i = 0; i < listed; i++) {
        if (kept == 0 || strcmp(entries[kept - 1].word, list[i]) != 0)
            entries[kept++] = (struct entry){.word = list[i]};
        entries[kept - 1].reviews++;
    }
    qsort(entries, kept, sizeof *entries, by_frequency);
    kept = kept < WORDS ? kept : WORDS;
    qsort(entries, kept, sizeof *entries, by_word);
    free(list);
    *ret = (struct vocabulary){.at = entries, .count = kept};
    return OUTCOME_DONE;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void fill_row(const struct review *review, const struct vocabulary *vocabulary,
                     size_t reviews, float ret[WORDS])
{
    double squares = 0;
    memset(ret, 0, WORDS * sizeof *ret);
    for (size_t i = 0; i < review->count; i++) {
        struct entry asked = {.word = review->words[i]};
        const struct entry *found =
            bsearch(&asked, vocabulary->at, vocabulary->count, sizeof *vocabulary->at, by_word);
        if (found)
            ret[found - vocabulary->at] += 1.0f;
    }
    for (size_t j = 0; j < vocabulary->count; j++) {
        double rarity = log((double)reviews / (1.0 + (double)vocabulary->at[j].reviews)) + 1.0;
        double value = log(1.0 + (double)ret[j]) * rarity;
        ret[j] = (float)value;
        squares += value * value;
    }
    double scale = squares > 0 ? 0.5 * sqrt((double)WORDS / squares) : 0;
    for (size_t j = 0; j < vocabulary->count; j++)
        ret[j] = (float)((double)ret[j] * scale);
}

static enum outcome fill_part(const struct reviews *reviews, const struct dataset_choice *choice,
                              const struct vocabulary *vocabulary, size_t training,
                              struct dataset_part *ret, struct error *error)
{
    enum outcome outcome = dataset_part_new(choice->count, WORDS, ret, error);
    for (size_t i = 0; outcome == OUTCOME_DONE && i < choice->count; i++) {
        const struct review *review = &reviews->at[choice->rows[i]];
        fill_row(review, vocabulary, training, ret->x + i * WORDS);
        ret->labels[i] = review->label;
    }
    return outcome;
}

static enum outcome reviews_to_set(const struct dataset_request *request,
                                   const struct reviews parts[2], struct dataset *set,
                                   struct error *error)
{
    static const char *const names[] = {"negative", "positive"};
    size_t totals[] = {parts[0].count, parts[1].count};
    struct dataset_choice choices[2];
    struct vocabulary vocabulary = {.at = NULL};
    enum outcome outcome = dataset_choose_parts(request, totals, choices, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    set->d = WORDS;
    set->classes = 2;
    outcome = find_vocabulary(&parts[0], &choices[0], &vocabulary, error);
    if (outcome == OUTCOME_DONE)
        outcome =
            fill_part(&parts[0], &choices[0], &vocabulary, choices[0].count, &set->train, error);
    if (outcome == OUTCOME_DONE)
        outcome =
            fill_part(&parts[1], &choices[1], &vocabulary, choices[0].count, &set->test, error);
    if (outcome == OUTCOME_DONE)
        outcome = dataset_name_classes(set, names, error);
    free(vocabulary.at);
    free(choices[0].rows);
    free(choices[1].rows);
    return outcome;
}

enum outcome imdb_load(const struct dataset_request *request, struct dataset *set,
                       struct error *error)
{
    struct bundle bundles[2] = {{.files = NULL}, {.files = NULL}};
    struct reviews parts[2] = {{.at = NULL}, {.at = NULL}};
    const char *patterns[] = {request->info->train, request->info->test};
    enum outcome outcome = OUTCOME_DONE;
    for (size_t p = 0; p < 2 && outcome == OUTCOME_DONE; p++) {
        outcome = bundle_read(request->place, patterns[p], FILE_BYTES_MOST, &bundles[p], error);
        if (outcome == OUTCOME_DONE)
            outcome = split_reviews(&bundles[p], &parts[p], error);
    }
    if (outcome == OUTCOME_DONE)
        outcome = reviews_to_set(request, parts, set, error);
    for (size_t p = 0; p < 2; p++) {
        reviews_clear(&parts[p]);
        bundle_clear(&bundles[p]);
    }
    return outcome;
}

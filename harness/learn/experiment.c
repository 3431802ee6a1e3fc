/* experiment.c - lists to experiments. */
#include "learn/experiment.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/append.h"
#include "base/array.h"
#include "base/file.h"
#include "base/util.h"
#include "learn/layer_flops.h"

enum { CHOICES_MOST = 1000000 };

enum part { PART_ALL, PART_GATED, PART_LEARNED, PART_DROP, PART_LESS, PART_PLACE, PART_TEST };

static const struct key_row {
    const char *name, *fallback, *help;
    struct axis_rule rule;
    enum part part;
} keys[EXPERIMENT_KEYS] = {
#define KEY(id, name, kind, fallback, least, most, allowed, part, help)                            \
    {name, fallback, help, {AXIS_##kind, least, most, allowed, NULL}, PART_##part},
#include "learn/experiments.def"
#undef KEY
};

const char *experiment_key_name(enum experiment_key key)
{
    return keys[key].name;
}

const char *experiment_key_help(enum experiment_key key)
{
    return keys[key].help;
}

int experiment_key_find(const char *name)
{
    for (int key = 0; key < EXPERIMENT_KEYS; key++) {
        const char *a = keys[key].name, *b = name;
        while (*a && (*a == *b || (*a == '_' && *b == '-'))) {
            a++;
            b++;
        }
        if (!*a && !*b)
            return key;
    }
    return -1;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

/* A network is one text: its commas are its own. */
static enum outcome one_word(const char *text, struct axis_list *ret, struct error *error)
{
    ret->text = strdup(text);
    ret->words = calloc(1, sizeof *ret->words);
    ret->count = 1;
    if (!ret->text || !ret->words) {
        axis_list_clear(ret);
        return fail_memory(error, "a network", (double)strlen(text));
    }
    ret->words[0] = ret->text;
    return OUTCOME_DONE;
}

enum outcome experiment_set(struct experiment_lists *lists, enum experiment_key key,
                            const char *text, struct error *error)
{
    struct axis_list list = {0};
    enum outcome outcome = key == EXPERIMENT_NETWORK
                               ? one_word(text, &list, error)
                               : axis_parse(&keys[key].rule, text, &list, error);
    if (outcome)
        return outcome;
    axis_list_clear(&lists->keys[key]);
    lists->keys[key] = list;
    return OUTCOME_DONE;
}

void experiment_lists_clear(struct experiment_lists *lists)
{
    for (size_t i = 0; i < EXPERIMENT_KEYS; i++)
        axis_list_clear(&lists->keys[i]);
}

/* ---- One experiment -------------------------------------------------------------------------- */

/* Chosen values: a place in each list. */
struct choice {
    const struct experiment_lists *lists;
    size_t at[EXPERIMENT_KEYS];
};

static const char *word_of(const struct choice *choice, enum experiment_key key)
{
    const struct axis_list *list = &choice->lists->keys[key];
    return list->count ? list->words[choice->at[key]] : keys[key].fallback;
}

/* A number that was not given, and has no fallback of its own, is the data set's. */
static double number_of(const struct choice *choice, enum experiment_key key, double suited)
{
    const struct axis_list *list = &choice->lists->keys[key];
    if (list->count)
        return list->numbers[choice->at[key]];
    return *keys[key].fallback ? strtod(keys[key].fallback, NULL) : suited;
}

static enum outcome bad_word(enum experiment_key key, const char *word, const char *const *words,
                             size_t count, struct error *error)
{
    char hint[HINT_SIZE], all[400];
    suite_join_words(words, count, all, sizeof all);
    return fail(error, OUTCOME_USAGE, "%s %.60s: must be one of %s%s", keys[key].name, word, all,
                did_you_mean(word, words, count, hint));
}

static enum outcome read_dataset(const struct choice *choice, struct experiment *ret,
                                 struct error *error)
{
    const char *names[64], *word = word_of(choice, EXPERIMENT_DATASET);
    size_t count = dataset_count() < COUNT(names) ? dataset_count() : COUNT(names);
    for (size_t i = 0; i < count; i++)
        names[i] = dataset_at(i)->name;
    ret->info = dataset_find(word);
    return ret->info ? OUTCOME_DONE : bad_word(EXPERIMENT_DATASET, word, names, count, error);
}

static enum outcome read_method(const struct choice *choice, struct experiment *ret,
                                struct error *error)
{
    const char *names[METHODS], *word = word_of(choice, EXPERIMENT_METHOD);
    for (int i = 0; i < METHODS; i++)
        names[i] = method_name((enum method)i);
    return method_parse(word, &ret->method)
               ? OUTCOME_DONE
               : bad_word(EXPERIMENT_METHOD, word, names, METHODS, error);
}

static enum outcome read_words(const struct choice *choice, struct experiment *ret,
                               struct error *error)
{
    const char *word;
    if (!midl_rule_parse(word = word_of(choice, EXPERIMENT_RULE), &ret->rule))
        return bad_word(EXPERIMENT_RULE, word, (const char *[]){"ste", "ste-selected", "soft"}, 3,
                        error);
    if (!midl_gate_parse(word = word_of(choice, EXPERIMENT_GATE), &ret->making.gate))
        return bad_word(EXPERIMENT_GATE, word, (const char *[]){"full", "lowrank", "shared"}, 3,
                        error);
    if (!midl_unselected_parse(word = word_of(choice, EXPERIMENT_UNSELECTED),
                               &ret->making.unselected))
        return bad_word(EXPERIMENT_UNSELECTED, word, (const char *[]){"light", "zero"}, 2, error);
    if (!optimiser_parse(word = word_of(choice, EXPERIMENT_OPTIMISER), &ret->training.optimiser))
        return bad_word(EXPERIMENT_OPTIMISER, word, (const char *[]){"adam", "sgd"}, 2, error);
    if (!schedule_parse(word = word_of(choice, EXPERIMENT_SCHEDULE), &ret->training.schedule))
        return bad_word(EXPERIMENT_SCHEDULE, word, (const char *[]){"cosine", "step", "constant"},
                        3, error);
    word = word_of(choice, EXPERIMENT_NETWORK);
    word = *word ? word : ret->info->network;
    if (strlen(word) >= sizeof ret->network)
        return fail(error, OUTCOME_USAGE, "network %.60s...: longer than %zu characters", word,
                    sizeof ret->network - 1);
    snprintf(ret->network, sizeof ret->network, "%s", word);
    return OUTCOME_DONE;
}

static void read_numbers(const struct choice *choice, struct experiment *ret)
{
    const struct dataset_info *info = ret->info;
    uint64_t seed = (uint64_t)number_of(choice, EXPERIMENT_SEED, 1);
    ret->training.epochs = number_of(choice, EXPERIMENT_EPOCHS, info->epochs);
    ret->training.batch = (size_t)number_of(choice, EXPERIMENT_BATCH, (double)info->batch);
    ret->training.rate = number_of(choice, EXPERIMENT_RATE, info->learning_rate);
    ret->training.momentum = number_of(choice, EXPERIMENT_MOMENTUM, 0);
    ret->training.decay = number_of(choice, EXPERIMENT_DECAY, 0);
    ret->training.validation = number_of(choice, EXPERIMENT_VALIDATION, 0);
    ret->training.patience = (size_t)number_of(choice, EXPERIMENT_PATIENCE, 0);
    ret->training.seed = ret->data.seed = seed;
    ret->data.train_size = (size_t)number_of(choice, EXPERIMENT_TRAIN_SIZE, 0);
    ret->data.test_size = (size_t)number_of(choice, EXPERIMENT_TEST_SIZE, 0);
    ret->data.label_noise = number_of(choice, EXPERIMENT_LABEL_NOISE, 0);
    ret->data.train_noise = number_of(choice, EXPERIMENT_TRAIN_NOISE, 0);
    ret->making.active = number_of(choice, EXPERIMENT_ACTIVE, 0);
    ret->making.rank = (size_t)number_of(choice, EXPERIMENT_RANK, 0);
    ret->making.dropout = number_of(choice, EXPERIMENT_DROPOUT, 0);
    ret->making.ratio = number_of(choice, EXPERIMENT_RATIO, 0);
    ret->making.layer = (size_t)number_of(choice, EXPERIMENT_LAYER, 0);
    ret->noise = number_of(choice, EXPERIMENT_NOISE, 0);
}

/* ---- Keys as text ---------------------------------------------------------------------------- */

static bool concerns(enum part part, const struct experiment *e, bool with_test)
{
    if (part == PART_GATED)
        return method_is_gated(e->method);
    if (part == PART_LEARNED)
        return method_trains_gates(e->method);
    if (part == PART_DROP)
        return e->method == METHOD_DROPOUT;
    if (part == PART_LESS)
        return (e->method == METHOD_NARROW || e->method == METHOD_LOWRANK) &&
               fabs(e->making.ratio - PROMISED_RATIO) > 1e-9;
    if (part == PART_PLACE)
        return (method_is_gated(e->method) || e->method == METHOD_LOWRANK) && e->making.layer > 0;
    return part == PART_ALL || with_test;
}

static void value_text(const struct experiment *e, enum experiment_key key, char *ret, size_t size)
{
    const struct trainer_options *t = &e->training;
    const struct {
        const char *word;
        double number;
    } values[EXPERIMENT_KEYS] = {
        [EXPERIMENT_DATASET] = {.word = e->info->name},
        [EXPERIMENT_METHOD] = {.word = method_name(e->method)},
        [EXPERIMENT_SEED] = {.number = (double)t->seed},
        [EXPERIMENT_NETWORK] = {.word = e->network},
        [EXPERIMENT_EPOCHS] = {.number = t->epochs},
        [EXPERIMENT_BATCH] = {.number = (double)t->batch},
        [EXPERIMENT_RATE] = {.number = t->rate},
        [EXPERIMENT_OPTIMISER] = {.word = optimiser_name(t->optimiser)},
        [EXPERIMENT_SCHEDULE] = {.word = schedule_name(t->schedule)},
        [EXPERIMENT_MOMENTUM] = {.number = t->momentum},
        [EXPERIMENT_DECAY] = {.number = t->decay},
        [EXPERIMENT_VALIDATION] = {.number = t->validation},
        [EXPERIMENT_PATIENCE] = {.number = (double)t->patience},
        [EXPERIMENT_TRAIN_SIZE] = {.number = (double)e->data.train_size},
        [EXPERIMENT_TEST_SIZE] = {.number = (double)e->data.test_size},
        [EXPERIMENT_LABEL_NOISE] = {.number = e->data.label_noise},
        [EXPERIMENT_TRAIN_NOISE] = {.number = e->data.train_noise},
        [EXPERIMENT_ACTIVE] = {.number = e->making.active},
        [EXPERIMENT_RANK] = {.number = (double)e->making.rank},
        [EXPERIMENT_RULE] = {.word = midl_rule_name(e->rule)},
        [EXPERIMENT_GATE] = {.word = midl_gate_name(e->making.gate)},
        [EXPERIMENT_UNSELECTED] = {.word = midl_unselected_name(e->making.unselected)},
        [EXPERIMENT_DROPOUT] = {.number = e->making.dropout},
        [EXPERIMENT_RATIO] = {.number = e->making.ratio},
        [EXPERIMENT_LAYER] = {.number = (double)e->making.layer},
        [EXPERIMENT_NOISE] = {.number = e->noise}};
    if (values[key].word)
        snprintf(ret, size, "%s", values[key].word);
    else
        snprintf(ret, size, "%.9g", values[key].number);
}

static void key_text(const struct experiment *e, bool with_test, char *ret, size_t size)
{
    ret[0] = '\0';
    for (int key = 0; key < EXPERIMENT_KEYS; key++) {
        char value[NETWORK_TEXT_SIZE];
        if (!concerns(keys[key].part, e, with_test))
            continue;
        value_text(e, (enum experiment_key)key, value, sizeof value);
        append_text(ret, size, "%s%s=%s", *ret ? " " : "", keys[key].name, value);
    }
    if (*e->content)
        append_text(ret, size, " content=%s", e->content);
}

static void name_experiment(struct experiment *e)
{
    key_text(e, true, e->key, sizeof e->key);
    key_text(e, false, e->trained_key, sizeof e->trained_key);
}

enum outcome experiments_of_text(struct experiments *experiments, const char *file,
                                 struct error *error)
{
    uint64_t hash = FNV_START;
    size_t found = 0;
    enum outcome outcome = file_hash(file, &hash, error);
    for (size_t i = 0; i < experiments->count && !outcome; i++) {
        struct experiment *e = &experiments->at[i];
        if (strcmp(e->info->name, "text") != 0)
            continue;
        snprintf(e->content, sizeof e->content, "%016" PRIx64, hash);
        name_experiment(e);
        found++;
    }
    if (!outcome && !found)
        outcome = fail(error, OUTCOME_USAGE, "--text is for the data set text, which is not asked");
    return outcome;
}

struct experiment experiment_dense(const struct experiment *experiment)
{
    struct experiment ret = *experiment;
    ret.method = METHOD_DENSE;
    name_experiment(&ret);
    return ret;
}

/* ---- Many ------------------------------------------------------------------------------------ */

static enum outcome make(const struct choice *choice, struct experiment *ret, struct error *error)
{
    struct experiment e = {.info = NULL};
    enum outcome outcome = read_dataset(choice, &e, error);
    if (!outcome)
        outcome = read_method(choice, &e, error);
    if (!outcome)
        outcome = read_words(choice, &e, error);
    if (!outcome) {
        read_numbers(choice, &e);
        name_experiment(&e);
    }
    if (!outcome)
        *ret = e;
    return outcome;
}

static enum outcome append(struct experiments *experiments, const struct experiment *e,
                           struct error *error)
{
    for (size_t i = 0; i < experiments->count; i++)
        if (strcmp(experiments->at[i].key, e->key) == 0)
            return OUTCOME_DONE;
    if (experiments->count == EXPERIMENTS_MOST)
        return fail(error, OUTCOME_USAGE, "more than %d experiments: give fewer values",
                    EXPERIMENTS_MOST);
    struct experiment *grown =
        array_room(experiments->at, experiments->count + 1, &experiments->room, sizeof *grown);
    if (!grown)
        return fail_memory(error, "the experiments", (double)experiments->count * sizeof *grown);
    experiments->at = grown;
    experiments->at[experiments->count++] = *e;
    return OUTCOME_DONE;
}

/* The next choice; the last keys of the order change first. False after the last one. */
static bool advance(struct choice *choice)
{
    /* Those that change last: experiments that share data, and then a dense network, stand
     * together. */
    static const enum experiment_key slow[] = {EXPERIMENT_DATASET, EXPERIMENT_SEED,
                                               EXPERIMENT_METHOD};
    for (size_t i = EXPERIMENT_KEYS + COUNT(slow); i-- > 0;) {
        size_t key = i < COUNT(slow) ? (size_t)slow[i] : i - COUNT(slow);
        bool is_slow = false;
        for (size_t j = 0; j < COUNT(slow); j++)
            is_slow = is_slow || key == (size_t)slow[j];
        if (is_slow != (i < COUNT(slow)))
            continue;
        if (choice->at[key] + 1 < choice->lists->keys[key].count) {
            choice->at[key]++;
            return true;
        }
        choice->at[key] = 0;
    }
    return false;
}

enum outcome experiments_add(struct experiments *experiments, const struct experiment_lists *lists,
                             struct error *error)
{
    struct choice choice = {.lists = lists};
    enum outcome outcome = OUTCOME_DONE;
    double choices = 1; /* those that come to the same experiment included */
    for (size_t key = 0; key < EXPERIMENT_KEYS; key++)
        choices *= fmax(1, (double)lists->keys[key].count);
    if (choices > CHOICES_MOST)
        return fail(error, OUTCOME_USAGE,
                    "the lists multiply to %.4g experiments: give fewer values", choices);
    do {
        struct experiment e;
        outcome = make(&choice, &e, error);
        if (!outcome)
            outcome = append(experiments, &e, error);
    } while (!outcome && advance(&choice));
    return outcome;
}

/* The options' list, or else the section's. Neither is copied: *ret borrows. */
static struct experiment_lists merged(const struct experiment_lists *section,
                                      const struct experiment_lists *options)
{
    struct experiment_lists ret = *section;
    for (size_t key = 0; options && key < EXPERIMENT_KEYS; key++)
        if (options->keys[key].count)
            ret.keys[key] = options->keys[key];
    return ret;
}

static enum outcome add_section(const struct suite *suite, size_t section,
                                const struct experiment_lists *options, struct experiments *ret,
                                struct error *error)
{
    const struct suite_pair *pairs;
    size_t count = suite_train(suite, section, &pairs);
    struct experiment_lists lists = {0};
    const char *names[EXPERIMENT_KEYS];
    char hint[HINT_SIZE];
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < EXPERIMENT_KEYS; i++)
        names[i] = keys[i].name;
    for (size_t i = 0; i < count && !outcome; i++) {
        int key = experiment_key_find(pairs[i].key);
        outcome = key < 0 ? fail(error, OUTCOME_USAGE, "unknown key %.60s%s", pairs[i].key,
                                 did_you_mean(pairs[i].key, names, EXPERIMENT_KEYS, hint))
                          : experiment_set(&lists, (enum experiment_key)key, pairs[i].value, error);
        if (outcome)
            outcome = fail(error, outcome, "%s.suite:%d: %s", suite_name(suite), pairs[i].line,
                           error->text);
    }
    if (!outcome) {
        const struct experiment_lists all = merged(&lists, options);
        outcome = experiments_add(ret, &all, error);
        if (outcome)
            outcome = fail(error, outcome, "%s.suite:%d: %s", suite_name(suite), pairs[0].line,
                           error->text);
    }
    experiment_lists_clear(&lists);
    return outcome;
}

/* The network that an experiment trains, or starts from. */
static void start_key(const struct experiment *e, char ret[sizeof e->trained_key])
{
    const struct experiment dense = experiment_dense(e);
    strcpy(ret, method_converts(e->method) ? dense.trained_key : e->trained_key);
}

/* Bring experiments that start from one trained network together, in the order of the first of
 * each: a dense network is then trained once for all sections that convert it. */
static enum outcome group_by_start(struct experiments *experiments, struct error *error)
{
    size_t count = experiments->count, grouped = 0;
    struct experiment *at = experiments->at, *sorted = malloc((count + 1) * sizeof *sorted);
    char(*starts)[sizeof at->trained_key] = malloc((count + 1) * sizeof *starts);
    if (!sorted || !starts) {
        free(sorted);
        free(starts);
        return fail_memory(error, "the experiments", (double)count * sizeof *sorted);
    }
    for (size_t i = 0; i < count; i++)
        start_key(&at[i], starts[i]);
    for (size_t i = 0; i < count; i++)
        for (size_t j = i; starts[i][0] && j < count; j++) {
            if (j > i && strcmp(starts[j], starts[i]) != 0)
                continue;
            sorted[grouped++] = at[j];
            if (j > i)
                starts[j][0] = '\0'; /* taken */
        }
    memcpy(at, sorted, count * sizeof *at);
    free(sorted);
    free(starts);
    return OUTCOME_DONE;
}

enum outcome experiments_of_suite(const struct suite *suite, const struct experiment_lists *options,
                                  struct experiments *ret, struct error *error)
{
    struct experiments all = {.at = NULL};
    enum outcome outcome = OUTCOME_DONE;
    if (!suite_train_count(suite))
        return fail(error, OUTCOME_USAGE, "%s has no [train] section: nothing to train",
                    suite_name(suite));
    for (size_t i = 0; i < suite_train_count(suite) && !outcome; i++)
        outcome = add_section(suite, i, options, &all, error);
    if (!outcome)
        outcome = group_by_start(&all, error);
    if (outcome)
        experiments_clear(&all);
    else
        *ret = all;
    return outcome;
}

void experiments_clear(struct experiments *experiments)
{
    free(experiments->at);
    *experiments = (struct experiments){.at = NULL};
}

void experiments_hash(const struct experiments *experiments, char ret[17])
{
    uint64_t hash = FNV_START;
    for (size_t i = 0; i < experiments->count; i++)
        hash = fnv1a(fnv1a(hash, experiments->at[i].key), "\n");
    snprintf(ret, 17, "%016" PRIx64, hash);
}

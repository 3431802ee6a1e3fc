/* suite.c - suite files: inih splits lines, the rules below say what each word may hold.
 *
 * inih cuts what is too long for its buffers and tells no line numbers; distributions build it with
 * different sizes. So it gets its lines from a reader of ours, which counts them and refuses what
 * would be cut. An indented line continues the value above it, except that an indented heading or
 * `word = value` is taken for what it looks like. */
#include "suite/suite.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/datadir.h"
#include "base/array.h"
#include "base/file.h"
#include "base/util.h"
#include "suite/suite_internal.h"

#define SUITE_BYTES_MAX (1u << 20)
#define SECTIONS_MAX 1000

/* ---- Section [suite] ------------------------------------------------------------------------- */

/* A number and its unit, apart by blanks or not. */
static bool parse_quantity(const char *text, double *ret, const char **ret_unit)
{
    size_t length = strspn(text, "0123456789.");
    char *end;
    *ret = strtod(text, &end);
    *ret_unit = text + length + strspn(text + length, " \t");
    return length > 0 && end == text + length;
}

static enum outcome parse_target(const char *text, double *ret, struct error *error)
{
    double value;
    const char *unit;
    bool ok = parse_quantity(text, &value, &unit) && (!*unit || strcmp(unit, "%") == 0);
    if (!ok)
        return fail(error, OUTCOME_USAGE, "target = %.80s: write it as 2 %% or 0.02", text);
    if (*unit)
        value /= 100;
    bool inside = value > 0 && value < 1;
    if (!inside)
        return fail(error, OUTCOME_USAGE, "target = %.80s: must be above 0 and below 100 %%", text);
    *ret = value;
    return OUTCOME_DONE;
}

static enum outcome parse_budget(const char *text, double *ret, struct error *error)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ms", 1e6}, {"s", 1e9}, {"min", 60e9}};
    double value;
    const char *unit;
    bool ok = parse_quantity(text, &value, &unit);
    for (size_t i = 0; ok && i < COUNT(units); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        double ns = value * units[i].ns;
        bool inside = ns >= 1e6 && ns <= 86400e9;
        if (!inside)
            return fail(error, OUTCOME_USAGE, "budget = %.80s: must be from 1 ms to one day", text);
        *ret = ns;
        return OUTCOME_DONE;
    }
    return fail(error, OUTCOME_USAGE, "budget = %.80s: write it as 5 s, 500 ms or 2 min", text);
}

static enum outcome parse_counters(const char *text, unsigned *ret, struct error *error)
{
    static const struct axis_rule rule = {.kind = AXIS_WORD};
    struct axis_list list;
    unsigned counters = 0;
    bool ok = true, none = false;
    enum outcome outcome = axis_parse(&rule, text, &list, error);
    if (outcome)
        return fail(error, outcome, "counters = %.80s: %s", text, error->text);
    for (size_t i = 0; i < list.count; i++) {
        bool nothing = strcmp(list.words[i], "none") == 0;
        unsigned bit = nothing ? 0 : groups_bit(list.words[i]);
        ok = ok && (nothing || bit);
        none = none || nothing;
        counters |= bit;
    }
    axis_list_clear(&list);
    if (!ok || (none && counters))
        return fail(error, OUTCOME_USAGE, "counters = %.80s: must be some of %s%s", text,
                    groups_words(), ok ? "; none stands alone" : "");
    *ret = counters;
    return OUTCOME_DONE;
}

/* Names of dense layers; expanding asks for each whether the type of the weights has it. */
static enum outcome parse_reference(const char *text, struct axis_list *ret, struct error *error)
{
    static const struct axis_rule rule = {.kind = AXIS_WORD};
    struct axis_list list;
    enum outcome outcome = axis_parse(&rule, text, &list, error);
    if (outcome)
        return fail(error, outcome, "reference = %.80s: %s", text, error->text);
    for (size_t i = 0; i < list.count && !outcome; i++) {
        const struct midl_variant *variant = NULL;
        for (int dtype = MIDL_F32; dtype <= MIDL_INT8 && !variant; dtype++)
            variant = midl_variant_find(list.words[i], (enum midl_dtype)dtype);
        if (!variant || !midl_variant_is_linear(variant))
            outcome = fail(error, OUTCOME_USAGE, "reference = %.80s: %.60s is no dense layer", text,
                           list.words[i]);
    }
    if (outcome) {
        axis_list_clear(&list);
        return outcome;
    }
    axis_list_clear(ret);
    *ret = list;
    return OUTCOME_DONE;
}

static const char *const suite_keys[] = {"question", "target", "budget", "counters", "reference"};

static enum outcome set_key(struct suite *suite, const char *key, const char *text,
                            struct error *error)
{
    char hint[HINT_SIZE];
    if (strcmp(key, "target") == 0)
        return parse_target(text, &suite->target, error);
    if (strcmp(key, "budget") == 0)
        return parse_budget(text, &suite->budget_ns, error);
    if (strcmp(key, "counters") == 0)
        return parse_counters(text, &suite->counters, error);
    if (strcmp(key, "reference") == 0)
        return parse_reference(text, &suite->reference, error);
    if (strcmp(key, "question") != 0)
        return fail(error, OUTCOME_USAGE, "unknown word %.60s in section [suite]%s", key,
                    did_you_mean(key, suite_keys, COUNT(suite_keys), hint));
    char *question = strdup(text);
    if (!question)
        return fail_memory(error, "a suite's question", (double)strlen(text));
    free(suite->question);
    suite->question = question;
    return OUTCOME_DONE;
}

enum outcome suite_set_option(struct suite *suite, const char *key, const char *text,
                              struct error *error)
{
    return set_key(suite, key, text, error);
}

/* ---- Reading the file ------------------------------------------------------------------------ */

enum section_kind { SECTION_NONE, SECTION_SUITE, SECTION_SWEEP, SECTION_TRAIN };

/* The state while inih runs. A value is complete only when the next one begins, for it may be
 * continued: until then it is pending. */
struct reading {
    struct suite *suite;
    struct error *error;
    enum outcome outcome;
    int error_line; /* of outcome; 0: none */
    const char *rest;
    int line;
    bool continued;     /* the line began with a blank */
    int heading_line;   /* 0 before the first heading */
    bool heading_fresh; /* nothing has followed it yet */
    enum section_kind section;
    bool has_suite_section;
    unsigned keys_seen; /* of [suite], by their place in suite_keys */
    char *key, *value;  /* pending */
    size_t value_length, value_room;
    int key_line;
};

static void reading_fail(struct reading *reading, int line, enum outcome outcome)
{
    if (!reading->outcome) {
        reading->outcome = outcome;
        reading->error_line = line;
    }
}

static size_t word_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == '-')
        length++;
    return length;
}

/* Whether an indented line is more than the continuation of a value: "[..." or "word = ...". */
static bool starts_anew(const char *text)
{
    size_t length = word_length(text);
    return *text == '[' || (length && text[length + strspn(text + length, " \t")] == '=');
}

static enum outcome accept_suite_key(struct reading *reading)
{
    for (size_t i = 0; i < COUNT(suite_keys); i++) {
        if (strcmp(reading->key, suite_keys[i]) != 0)
            continue;
        if (reading->keys_seen & 1u << i)
            return fail(reading->error, OUTCOME_USAGE, "%s is given a second time", reading->key);
        reading->keys_seen |= 1u << i;
    }
    return set_key(reading->suite, reading->key, reading->value, reading->error);
}

static enum outcome accept_axis(struct reading *reading)
{
    struct suite *suite = reading->suite;
    struct suite_axis *axes = suite->sections[suite->section_count - 1].axes;
    struct error *error = reading->error;
    const char *names[SUITE_AXES];
    char hint[HINT_SIZE];
    int axis = suite_axis_find(reading->key);
    for (size_t i = 0; i < SUITE_AXES; i++)
        names[i] = suite_axis_name((enum axis_id)i);
    if (axis < 0)
        return fail(error, OUTCOME_USAGE, "unknown axis %.60s%s", reading->key,
                    did_you_mean(reading->key, names, SUITE_AXES, hint));
    if (axes[axis].list.count)
        return fail(error, OUTCOME_USAGE, "%s is given a second time, first on line %d",
                    names[axis], axes[axis].line);
    enum axis_id rival = suite_axis_rival((enum axis_id)axis);
    if (axes[rival].list.count)
        return fail(error, OUTCOME_USAGE, "%s and %s (line %d) say the same thing: keep one",
                    names[axis], names[rival], axes[rival].line);
    enum outcome outcome =
        suite_axis_parse((enum axis_id)axis, reading->value, &axes[axis].list, error);
    if (outcome)
        return fail(error, outcome, "%s = %s", names[axis], error->text);
    axes[axis].line = reading->key_line;
    return OUTCOME_DONE;
}

static enum outcome accept_train(struct reading *reading)
{
    struct suite_train *train = &reading->suite->trains[reading->suite->train_count - 1];
    for (size_t i = 0; i < train->count; i++)
        if (strcmp(train->pairs[i].key, reading->key) == 0)
            return fail(reading->error, OUTCOME_USAGE,
                        "%.60s is given a second time, first on "
                        "line %d",
                        reading->key, train->pairs[i].line);
    struct suite_pair *grown =
        array_room(train->pairs, train->count + 1, &train->room, sizeof *grown);
    if (!grown)
        return fail_memory(reading->error, "a section", sizeof *grown);
    train->pairs = grown;
    train->pairs[train->count++] =
        (struct suite_pair){reading->key, reading->value, reading->key_line};
    reading->key = reading->value = NULL; /* the section's now */
    return OUTCOME_DONE;
}

/* The pending value is complete: give it to its section. */
static void accept_pending(struct reading *reading)
{
    if (reading->key && !reading->outcome) {
        enum outcome outcome = reading->section == SECTION_SUITE   ? accept_suite_key(reading)
                               : reading->section == SECTION_TRAIN ? accept_train(reading)
                                                                   : accept_axis(reading);
        reading_fail(reading, reading->key_line, outcome);
    }
    free(reading->key);
    free(reading->value);
    reading->key = reading->value = NULL;
}

static void note_heading(struct reading *reading)
{
    accept_pending(reading);
    if (!reading->outcome && reading->heading_fresh)
        reading_fail(reading, reading->heading_line,
                     fail(reading->error, OUTCOME_USAGE, "the section is empty"));
    reading->heading_line = reading->line;
    reading->heading_fresh = true;
}

/* fgets for inih: one line of the text, or NULL at its end and after an error. */
static char *read_line(char *buffer, int size, void *data)
{
    struct reading *reading = data;
    const char *line = reading->rest;
    size_t length = strcspn(line, "\n"), indent = strspn(line, " \t");
    bool comment = line[indent] == ';' || line[indent] == '#';
    if (reading->outcome || !*line)
        return NULL;
    reading->line++;
    reading->rest += length + (line[length] == '\n');
    reading->continued = indent > 0;
    if (comment)
        length = 0; /* and of any length */
    if (indent && starts_anew(line + indent)) {
        line += indent;
        length -= indent;
        reading->continued = false;
    }
    if (length + 3 > (size_t)size) {
        reading_fail(reading, reading->line,
                     fail(reading->error, OUTCOME_USAGE,
                          "the line is longer than %d characters: continue it on the next one, "
                          "indented",
                          size - 3));
        return NULL;
    }
    if (*line == '[')
        note_heading(reading);
    if (reading->outcome)
        return NULL;
    memcpy(buffer, line, length);
    memcpy(buffer + length, "\n", 2);
    return buffer;
}

static enum outcome begin_train(struct reading *reading)
{
    struct suite *suite = reading->suite;
    struct suite_train *grown = realloc(suite->trains, (suite->train_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(reading->error, "a section", sizeof *grown);
    suite->trains = grown;
    grown[suite->train_count++] = (struct suite_train){.pairs = NULL};
    reading->section = SECTION_TRAIN;
    return OUTCOME_DONE;
}

/* Whether a heading is `word` or `word NAME`. */
static bool heading_is(const char *name, const char *word)
{
    size_t length = strlen(word);
    return word_length(name) == length && strncmp(name, word, length) == 0 &&
           (!name[length] || isblank((unsigned char)name[length]));
}

static enum outcome begin_section(struct reading *reading, const char *name)
{
    struct suite *suite = reading->suite;
    if (strcmp(name, "suite") == 0) {
        if (reading->has_suite_section)
            return fail(reading->error, OUTCOME_USAGE, "a second section [suite]");
        reading->has_suite_section = true;
        reading->section = SECTION_SUITE;
        return OUTCOME_DONE;
    }
    if (!heading_is(name, "sweep") && !heading_is(name, "train"))
        return fail(reading->error, OUTCOME_USAGE,
                    "unknown section [%.60s]: must be [suite], [sweep], [sweep NAME], [train] or "
                    "[train NAME]",
                    name);
    if (suite->section_count + suite->train_count == SECTIONS_MAX)
        return fail(reading->error, OUTCOME_USAGE, "more than %d sections", SECTIONS_MAX);
    if (heading_is(name, "train"))
        return begin_train(reading);
    struct suite_section *grown =
        realloc(suite->sections, (suite->section_count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(reading->error, "a section", sizeof *grown);
    suite->sections = grown;
    grown[suite->section_count++] = (struct suite_section){.line = reading->heading_line};
    reading->section = SECTION_SWEEP;
    return OUTCOME_DONE;
}

/* inih leaves a comment at the end of a continued line standing. */
static size_t length_without_comment(const char *value)
{
    size_t length = 0;
    while (value[length] &&
           !(value[length] == ';' && length && isblank((unsigned char)value[length - 1])))
        length++;
    while (length && isblank((unsigned char)value[length - 1]))
        length--;
    return length;
}

/* Append to the pending value; its room doubles, for a value may go on for thousands of lines. */
static void continue_pending(struct reading *reading, const char *value)
{
    size_t used = reading->value_length, more = length_without_comment(value);
    if (used + more + 2 > reading->value_room) {
        size_t room = (used + more + 2) * 2;
        char *grown = realloc(reading->value, room);
        if (!grown) {
            reading_fail(reading, reading->line,
                         fail_memory(reading->error, "a value", (double)room));
            return;
        }
        reading->value = grown;
        reading->value_room = room;
    }
    reading->value[used++] = ' ';
    memcpy(reading->value + used, value, more);
    reading->value[used + more] = '\0';
    reading->value_length = used + more;
}

static void begin_pair(struct reading *reading, const char *section, const char *name,
                       const char *value)
{
    accept_pending(reading);
    if (!reading->outcome && reading->heading_fresh)
        reading_fail(reading, reading->heading_line, begin_section(reading, section));
    reading->heading_fresh = false;
    if (!reading->outcome && reading->section == SECTION_NONE)
        reading_fail(reading, reading->line,
                     fail(reading->error, OUTCOME_USAGE,
                          "%.60s stands before the first section: begin with [suite] or [sweep]",
                          name));
    if (reading->outcome)
        return;
    reading->key = strdup(name);
    reading->value = strdup(value);
    reading->value_length = strlen(value);
    reading->value_room = reading->value_length + 1;
    reading->key_line = reading->line;
    if (!reading->key || !reading->value)
        reading_fail(reading, reading->line,
                     fail_memory(reading->error, "a value", (double)strlen(value)));
}

/* inih's handler. It always accepts, so that the line inih returns is one it couldn't split. */
static int on_pair(void *data, const char *section, const char *name, const char *value)
{
    struct reading *reading = data;
    bool more = reading->continued && reading->key && strncmp(name, reading->key, 40) == 0;
    if (reading->outcome)
        return 1;
    if (more)
        continue_pending(reading, value);
    else
        begin_pair(reading, section, name, value);
    return 1;
}

/* Check what only the end of the file can tell. */
static void finish_reading(struct reading *reading, int inih_line)
{
    accept_pending(reading);
    if (inih_line > 0 && (!reading->outcome || inih_line <= reading->error_line)) {
        reading->outcome = OUTCOME_DONE;
        reading_fail(reading, inih_line,
                     fail(reading->error, OUTCOME_USAGE,
                          "neither a [section] nor name = value nor a ; comment"));
    }
    if (!reading->outcome && inih_line < 0)
        reading_fail(reading, reading->line, fail_memory(reading->error, "a line", 0));
    if (!reading->outcome && reading->heading_fresh)
        reading_fail(reading, reading->heading_line,
                     fail(reading->error, OUTCOME_USAGE, "the section is empty"));
    if (!reading->outcome && reading->suite->section_count + reading->suite->train_count == 0)
        reading_fail(reading, reading->line,
                     fail(reading->error, OUTCOME_USAGE, "no [sweep] section: nothing to measure"));
}

/* ---- Making and destroying ------------------------------------------------------------------- */

/* "latency" of "/a/b/latency.suite" */
static void name_from(const char *origin, char *ret, size_t size)
{
    const char *slash = strrchr(origin, '/'), *base = slash ? slash + 1 : origin;
    size_t length = strlen(base), suffix = strlen(".suite");
    if (length > suffix && strcmp(base + length - suffix, ".suite") == 0)
        length -= suffix;
    snprintf(ret, size, "%.*s", (int)(length < size ? length : size - 1), base);
}

static struct suite *suite_new(const char *origin, const char *name)
{
    struct suite *suite = calloc(1, sizeof *suite);
    if (!suite)
        return NULL;
    snprintf(suite->origin, sizeof suite->origin, "%.*s", (int)sizeof suite->origin - 1, origin);
    snprintf(suite->name, sizeof suite->name, "%s", name);
    suite->target = 0.02;
    suite->budget_ns = 5e9;
    suite->counters = COUNT_PAPI;
    return suite;
}

void suite_destroy(struct suite *suite)
{
    if (!suite)
        return;
    for (size_t i = 0; i < suite->section_count; i++)
        for (size_t axis = 0; axis < SUITE_AXES; axis++)
            axis_list_clear(&suite->sections[i].axes[axis].list);
    for (size_t i = 0; i < suite->train_count; i++) {
        for (size_t j = 0; j < suite->trains[i].count; j++) {
            free(suite->trains[i].pairs[j].key);
            free(suite->trains[i].pairs[j].value);
        }
        free(suite->trains[i].pairs);
    }
    free(suite->trains);
    free(suite->sections);
    free(suite->question);
    axis_list_clear(&suite->reference);
    free(suite);
}

enum outcome suite_parse(const char *text, const char *origin, struct suite **ret,
                         struct error *error)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    char name[64];
    name_from(origin, name, sizeof name);
    struct suite *suite = suite_new(file_shown(origin), name);
    if (!suite)
        return fail_memory(error, "a suite", sizeof *suite);
    struct reading reading = {.suite = suite, .error = error, .rest = text};
    if (strncmp(text, byte_order_mark, 3) == 0)
        reading.rest += 3;
    finish_reading(&reading, ini_parse_stream(read_line, &reading, on_pair, &reading));
    if (reading.outcome) {
        suite_destroy(suite);
        return fail(error, reading.outcome, "%s:%d: %s", file_shown(origin), reading.error_line,
                    error->text);
    }
    *ret = suite;
    return OUTCOME_DONE;
}

enum outcome suite_custom(struct suite **ret, struct error *error)
{
    struct suite *suite = suite_new("", "custom");
    struct suite_section *section = calloc(1, sizeof *section);
    if (!suite || !section) {
        free(section);
        suite_destroy(suite);
        return fail_memory(error, "a suite", sizeof *suite);
    }
    suite->sections = section;
    suite->section_count = 1;
    *ret = suite;
    return OUTCOME_DONE;
}

static void drop_axis(struct suite_section *section, enum axis_id axis)
{
    axis_list_clear(&section->axes[axis].list);
    section->axes[axis].line = 0;
}

static bool names_a_layer_file(const struct axis_list *list)
{
    struct made_layer made;
    bool file = false;
    for (size_t i = 0; i < list->count; i++)
        file |= !made_layer_parse(list->words[i], &made);
    return file;
}

/* Drop the axes that an option makes void besides the one of its own name. Values of another option
 * stay, and is a contradiction for suite_expand to report. */
static void drop_rivals(struct suite_section *section, enum axis_id axis,
                        const struct axis_list *list)
{
    bool brings = axis == AXIS_LAYER && names_a_layer_file(list);
    if (suite_axis_rival(axis) != axis)
        drop_axis(section, suite_axis_rival(axis));
    for (int i = 0; brings && i < SUITE_AXES; i++)
        if (suite_axis((enum axis_id)i)->part == PART_LAYER && section->axes[i].line)
            drop_axis(section, (enum axis_id)i);
}

enum outcome suite_set_axis(struct suite *suite, enum axis_id axis, const char *text,
                            struct error *error)
{
    char option[AXIS_OPTION_SIZE];
    struct axis_list *lists = calloc(suite->section_count, sizeof *lists);
    if (!lists)
        return fail_memory(error, "an axis", (double)(suite->section_count * sizeof *lists));
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < suite->section_count && !outcome; i++)
        outcome = suite_axis_parse(axis, text, &lists[i], error);
    for (size_t i = 0; i < suite->section_count && !outcome; i++) {
        drop_rivals(&suite->sections[i], axis, &lists[i]);
        drop_axis(&suite->sections[i], axis);
        suite->sections[i].axes[axis].list = lists[i];
    }
    if (outcome) { /* the suite is as it was */
        for (size_t i = 0; i < suite->section_count; i++)
            axis_list_clear(&lists[i]);
        suite_axis_option(axis, option);
        outcome = fail(error, outcome, "--%s %s", option, error->text);
    }
    free(lists);
    return outcome;
}

size_t suite_train_count(const struct suite *suite)
{
    return suite->train_count;
}

size_t suite_train(const struct suite *suite, size_t i, const struct suite_pair **ret_pairs)
{
    *ret_pairs = suite->trains[i].pairs;
    return suite->trains[i].count;
}

const char *suite_name(const struct suite *suite)
{
    return suite->name;
}

const char *suite_question(const struct suite *suite)
{
    return suite->question ? suite->question : "";
}

double suite_target(const struct suite *suite)
{
    return suite->target;
}

double suite_budget_ns(const struct suite *suite)
{
    return suite->budget_ns;
}

unsigned suite_counters(const struct suite *suite)
{
    return suite->counters;
}

bool suite_has_reference(const struct suite *suite)
{
    return suite->reference.count > 0;
}

void suite_leave_reference(struct suite *suite)
{
    suite->bare = true;
}

/* ---- Suites by name -------------------------------------------------------------------------- */

static bool ends_in_suite(const char *name)
{
    size_t length = strlen(name), suffix = strlen(".suite");
    return length > suffix && strcmp(name + length - suffix, ".suite") == 0;
}

static int is_suite(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_in_suite(entry->d_name);
}

enum outcome suite_names(char ***ret, struct error *error)
{
    const char *folder = datadir_find("suites");
    struct dirent **entries;
    int count = folder ? scandir(folder, &entries, is_suite, alphasort) : 0;
    if (!folder)
        return fail(error, OUTCOME_MACHINE,
                    "no folder of suites found: set MIDL_SHARE to the folder that holds suites/");
    if (count < 0)
        return fail(error, OUTCOME_MACHINE, "%s: %s", file_shown(folder), strerror(errno));
    char **names = calloc((size_t)count + 1, sizeof *names);
    bool ok = names != NULL;
    for (int i = 0; i < count; i++) {
        entries[i]->d_name[strlen(entries[i]->d_name) - strlen(".suite")] = '\0';
        if (ok)
            names[i] = strdup(entries[i]->d_name);
        ok = ok && names[i];
        free(entries[i]);
    }
    free(entries);
    if (!ok) {
        suite_names_free(names);
        return fail_memory(error, "the names of suites", (double)count * 64);
    }
    *ret = names;
    return OUTCOME_DONE;
}

void suite_names_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}

static enum outcome no_such_suite(const char *name, struct error *error)
{
    char **names, all[256], hint[HINT_SIZE];
    enum outcome outcome = suite_names(&names, error);
    if (outcome)
        return outcome;
    size_t count = 0;
    while (names[count])
        count++;
    const char *const *words = (const char *const *)names;
    suite_join_words(words, count, all, sizeof all);
    fail(error, OUTCOME_USAGE, "no suite named %.60s%s; there are: %s", name,
         did_you_mean(name, words, count, hint), count ? all : "none");
    suite_names_free(names);
    return OUTCOME_USAGE;
}

static enum outcome load_file(const char *path, struct suite **ret, struct error *error)
{
    int fd;
    uint64_t bytes;
    enum outcome outcome = file_open(path, &fd, &bytes, error);
    if (outcome)
        return outcome;
    char *text = NULL;
    if (bytes > SUITE_BYTES_MAX)
        outcome = fail(error, OUTCOME_USAGE, "%s: larger than 1 MB: not a suite", file_shown(path));
    else if (!(text = calloc(1, (size_t)bytes + 1)))
        outcome = fail_memory(error, path, (double)bytes);
    if (!outcome)
        outcome = file_read(fd, path, 0, text, (size_t)bytes, error);
    if (!outcome && strlen(text) != bytes)
        outcome = file_bad(error, path, strlen(text), "a zero byte: not a text");
    if (!outcome)
        outcome = suite_parse(text, path, ret, error);
    free(text);
    close(fd);
    return outcome;
}

enum outcome suite_load(const char *name, struct suite **ret, struct error *error)
{
    char path[4096];
    if (strchr(name, '/') || ends_in_suite(name))
        return load_file(name, ret, error);
    const char *folder = datadir_find("suites");
    int length = snprintf(path, sizeof path, "%s/%s.suite", folder ? folder : "", name);
    if (!folder || !*name || length >= (int)sizeof path || access(path, F_OK) != 0)
        return no_such_suite(name, error);
    return load_file(path, ret, error);
}

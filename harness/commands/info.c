/* info.c - `midl info`: what is known of this machine, what can be counted on it, and what will
 * spoil a measurement. Everything is put into JSON once; the aligned lines are a view of that. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/stop.h"
#include "base/util.h"
#include "commands/command.h"
#include "counters/counters.h"
#include "machine/machine.h"
#include "midl.h"
#include "machine/valgrind.h"
#include "measure/noise.h"
#include "machine/warnings.h"
#include "run/environment.h"

#define COLUMNS 100
#define LABEL 20
#define NOISE_SECONDS 2

/* ---- As JSON --------------------------------------------------------------------------------- */

/* Every cJSON_Add call accepts NULL for what memory had no room for; the end looks whether all is
 * there. */
static bool add_text(cJSON *object, const char *key, const char *text)
{
    return (text ? cJSON_AddStringToObject(object, key, text)
                 : cJSON_AddNullToObject(object, key)) != NULL;
}

/* JSON knows no NaN: null. */
static bool add_number(cJSON *object, const char *key, double value)
{
    return (isfinite(value) ? cJSON_AddNumberToObject(object, key, value)
                            : cJSON_AddNullToObject(object, key)) != NULL;
}

static cJSON *add_row(cJSON *rows)
{
    cJSON *row = cJSON_CreateObject();
    if (row && cJSON_AddItemToArray(rows, row))
        return row;
    cJSON_Delete(row);
    return NULL;
}

static bool add_string(cJSON *array, const char *text)
{
    cJSON *item = cJSON_CreateString(text);
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool is_number(const char *name)
{
    return ends_with(name, "_bytes") || ends_with(name, "_ns") || strcmp(name, "cores") == 0 ||
           strcmp(name, "load1") == 0 || strcmp(name, "stolen") == 0;
}

static bool fill_machine(cJSON *root)
{
    const struct store_fact *facts;
    size_t count = environment_facts(&facts);
    cJSON *machine = cJSON_AddObjectToObject(root, "machine");
    bool ok = machine != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        const char *name = facts[i].name, *value = facts[i].value;
        if (strncmp(name, "cache_", 6) == 0)
            continue;
        ok = is_number(name) ? add_number(machine, name, strtod(value, NULL))
                             : add_text(machine, name, value);
    }
    return ok;
}

static bool fill_caches(cJSON *root)
{
    const struct machine *machine = machine_get();
    cJSON *caches = cJSON_AddArrayToObject(root, "caches");
    bool ok = caches != NULL;
    for (size_t i = 0; i < machine->cache_count && ok; i++) {
        const struct cache_level *cache = &machine->caches[i];
        cJSON *row = add_row(caches);
        ok = add_number(row, "level", cache->level) &&
             add_number(row, "bytes", (double)cache->bytes) &&
             add_number(row, "ways", cache->ways) && add_number(row, "line", cache->line) &&
             add_text(row, "source", cache->source) &&
             cJSON_AddBoolToObject(row, "plausible", cache->plausible) &&
             add_number(row, "share_bytes", (double)cache->share_bytes);
    }
    return ok;
}

static bool fill_isa(cJSON *root)
{
    cJSON *isa = cJSON_AddObjectToObject(root, "instruction_sets");
    cJSON *available = cJSON_AddArrayToObject(isa, "available");
    bool ok = available != NULL;
    for (int i = MIDL_ISA_PORTABLE; i <= MIDL_ISA_AVX512 && ok; i++)
        if (midl_isa_available((enum midl_isa)i))
            ok = add_string(available, midl_isa_name((enum midl_isa)i));
    return ok && add_text(isa, "in_use", midl_isa_name(midl_isa_best()));
}

static bool fill_kernels(cJSON *root)
{
    cJSON *kernels = cJSON_AddArrayToObject(root, "kernels");
    bool ok = kernels != NULL;
    for (size_t i = 0; i < midl_variant_count() && ok; i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        const char *reason = midl_variant_unavailable(variant);
        cJSON *row = add_row(kernels);
        ok = add_text(row, "name", midl_variant_name(variant)) &&
             add_text(row, "dtype", midl_dtype_name(midl_variant_dtype(variant))) &&
             cJSON_AddBoolToObject(row, "available", !reason) && add_text(row, "reason", reason);
    }
    return ok;
}

static bool fill_counters(cJSON *root)
{
    const struct counter_state *states;
    size_t count = counters_probe(&states);
    cJSON *counters = cJSON_AddArrayToObject(root, "counters");
    bool ok = counters != NULL;
    for (size_t i = 0; i < count && ok; i++) {
        cJSON *row = add_row(counters);
        ok = add_text(row, "name", states[i].name) && add_text(row, "event", states[i].event) &&
             cJSON_AddBoolToObject(row, "works", states[i].works) &&
             add_text(row, "reason", states[i].works ? NULL : states[i].reason);
    }
    return ok;
}

static bool add_geometry(cJSON *object, const char *key, struct cache_geometry cache)
{
    char text[64];
    snprintf(text, sizeof text, "%zu,%d,%d", cache.bytes, cache.ways, cache.line);
    return add_text(object, key, text);
}

static bool fill_callgrind(cJSON *root)
{
    const char *reason = valgrind_unavailable();
    cJSON *callgrind = cJSON_AddObjectToObject(root, "callgrind");
    return cJSON_AddBoolToObject(callgrind, "available", !reason) &&
           add_text(callgrind, "reason", reason) &&
           add_text(callgrind, "version", valgrind_version()) &&
           add_geometry(callgrind, "first_level", valgrind_first_level()) &&
           add_geometry(callgrind, "last_level", valgrind_last_level());
}

/* The first counters of the probe's list are the processor's; the kernel's come after. */
static bool hardware_counters(void)
{
    static const char *const software[] = {"page_faults", "context_switches", "cpu_migrations",
                                           "task_clock_ns"};
    const struct counter_state *states;
    size_t count = counters_probe(&states), working = 0;
    for (size_t i = 0; i < count; i++) {
        bool hardware = true;
        for (size_t s = 0; s < sizeof software / sizeof *software; s++)
            hardware = hardware && strcmp(states[i].name, software[s]) != 0;
        working += hardware && states[i].works;
    }
    return working > 0;
}

static bool fill_warnings(cJSON *root)
{
    char lines[WARNINGS_MAX][WARNING_SIZE];
    struct warning_facts facts = {.machine = machine_get(),
                                  .stolen = machine_steal(),
                                  .hardware_counters = hardware_counters(),
                                  .callgrind_not = valgrind_unavailable()};
    size_t count = warnings_find(&facts, lines);
    cJSON *warnings = cJSON_AddArrayToObject(root, "warnings");
    bool ok = warnings != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = add_string(warnings, lines[i]);
    return ok;
}

static bool fill_noise(cJSON *root, const struct noise *noise)
{
    cJSON *object = cJSON_AddObjectToObject(root, "noise");
    return add_number(object, "pairs", (double)noise->pairs) &&
           add_number(object, "block_pairs", NOISE_BLOCK) &&
           add_number(object, "seconds", noise->seconds) &&
           add_number(object, "sample_ns", noise->sample_ns) &&
           add_number(object, "chance_difference", noise->chance) &&
           add_number(object, "resolvable", noise->resolvable) &&
           add_number(object, "pairs_for_1_percent", noise->pairs_for_1_percent) &&
           add_number(object, "seconds_for_1_percent", noise->seconds_for_1_percent) &&
           add_number(object, "stolen", noise->stolen) &&
           add_number(object, "disturbed", noise->disturbed);
}

/* ---- As lines -------------------------------------------------------------------------------- */

/* `text` in lines of at most COLUMNS, all but the first indented as far as the first has come. */
static void print_wrapped(size_t indent, const char *text)
{
    size_t room = COLUMNS - indent, length = strlen(text);
    while (length > room) {
        size_t cut = room;
        while (cut > room / 2 && text[cut] != ' ')
            cut--;
        if (text[cut] != ' ')
            cut = room;
        printf("%.*s\n%*s", (int)cut, text, (int)indent, "");
        text += cut + (text[cut] == ' ');
        length = strlen(text);
    }
    printf("%s\n", text);
}

__attribute__((format(printf, 2, 3))) static void print_row(const char *label, const char *format,
                                                            ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("  %-*s ", LABEL, label);
    print_wrapped(LABEL + 3, text);
}

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));
    return text ? text : "";
}

static double number_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static bool true_of(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItem(object, key));
}

/* 49152 is 48 KiB. */
static const char *bytes_text(double bytes, char *ret, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    snprintf(ret, size, "%.4g %s", bytes, units[unit]);
    return ret;
}

static void print_machine(const cJSON *root)
{
    const cJSON *fact;
    char size[32];
    printf("machine\n");
    cJSON_ArrayForEach(fact, cJSON_GetObjectItem(root, "machine"))
    {
        if (cJSON_IsString(fact))
            print_row(fact->string, "%s", fact->valuestring);
        else if (ends_with(fact->string, "_bytes"))
            print_row(fact->string, "%.0f (%s)", fact->valuedouble,
                      bytes_text(fact->valuedouble, size, sizeof size));
        else if (cJSON_IsNumber(fact))
            print_row(fact->string, "%g", fact->valuedouble);
        else
            print_row(fact->string, "unknown");
    }
}

static void print_caches(const cJSON *root)
{
    const cJSON *cache;
    char size[32], share[32], label[32];
    printf("\ncaches (data)\n");
    cJSON_ArrayForEach(cache, cJSON_GetObjectItem(root, "caches"))
    {
        double ways = number_of(cache, "ways"), bytes = number_of(cache, "bytes");
        snprintf(label, sizeof label, "L%.0f", number_of(cache, "level"));
        bytes_text(bytes, size, sizeof size);
        bytes_text(number_of(cache, "share_bytes"), share, sizeof share);
        char shape[64] = "ways unknown";
        if (ways > 0)
            snprintf(shape, sizeof shape, "%.0f ways", ways);
        if (true_of(cache, "plausible"))
            print_row(label, "%s, %s, lines of %.0f B, by %s", size, shape,
                      number_of(cache, "line"), text_of(cache, "source"));
        else
            print_row(label,
                      "%s reported, %s, lines of %.0f B, by %s: the whole host's; 4 MiB a core "
                      "would be %s",
                      size, shape, number_of(cache, "line"), text_of(cache, "source"), share);
    }
}

static void append(char *text, size_t size, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? " " : "", word);
}

static void print_kernels(const cJSON *root)
{
    const cJSON *isa = cJSON_GetObjectItem(root, "instruction_sets"), *item;
    char words[2048] = "";
    printf("\ninstruction sets and kernels\n");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(isa, "available"))
        append(words, sizeof words, item->valuestring);
    print_row("instruction sets", "%s; in use: %s", words, text_of(isa, "in_use"));
    *words = '\0';
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "kernels"))
    {
        bool plain = strcmp(text_of(item, "dtype"), "f32") == 0;
        char name[96];
        snprintf(name, sizeof name, "%s%s%s", text_of(item, "name"), plain ? "" : "/",
                 plain ? "" : text_of(item, "dtype"));
        if (true_of(item, "available"))
            append(words, sizeof words, name);
    }
    print_row("kernels", "%s", words);
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "kernels"))
    {
        if (!true_of(item, "available"))
            print_row(text_of(item, "name"), "not here: %s", text_of(item, "reason"));
    }
}

static void print_counters(const cJSON *root)
{
    const cJSON *counter, *callgrind = cJSON_GetObjectItem(root, "callgrind");
    printf("\ncounters (each tried on work of known count)\n");
    cJSON_ArrayForEach(counter, cJSON_GetObjectItem(root, "counters"))
    {
        bool works = true_of(counter, "works");
        print_row(text_of(counter, "name"), "%-5s %s", works ? "works" : "no",
                  text_of(counter, works ? "event" : "reason"));
    }
    if (true_of(callgrind, "available"))
        print_row("callgrind", "works valgrind %s; simulates D1 %s and LL %s (bytes,ways,line)",
                  text_of(callgrind, "version"), text_of(callgrind, "first_level"),
                  text_of(callgrind, "last_level"));
    else
        print_row("callgrind", "no    %s", text_of(callgrind, "reason"));
}

static void print_noise(const cJSON *root)
{
    const cJSON *noise = cJSON_GetObjectItem(root, "noise");
    if (!noise)
        return;
    printf("\nnoise (identical code against itself: %.0f pairs of %.2g ms in %.1f s)\n",
           number_of(noise, "pairs"), number_of(noise, "sample_ns") / 1e6,
           number_of(noise, "seconds"));
    print_row("chance difference", "%.2f %%: 95 %% of comparisons of %.0f pairs differ by less",
              100 * number_of(noise, "chance_difference"), number_of(noise, "block_pairs"));
    print_row("resolvable now", "%.2f %% by %.0f pairs (half the 95 %% interval)",
              100 * number_of(noise, "resolvable"), number_of(noise, "block_pairs"));
    print_row("a 1 % effect", "needs %.0f pairs, %.2g s", number_of(noise, "pairs_for_1_percent"),
              number_of(noise, "seconds_for_1_percent"));
    if (isfinite(number_of(noise, "stolen")))
        print_row("stolen meanwhile", "%.1f %%", 100 * number_of(noise, "stolen"));
    if (isfinite(number_of(noise, "disturbed")))
        print_row("disturbed pairs",
                  "%.0f %%: something else used this core, a neighbour if not you",
                  100 * number_of(noise, "disturbed"));
}

static void print_warnings(const cJSON *root)
{
    const cJSON *warnings = cJSON_GetObjectItem(root, "warnings"), *line;
    printf("\nWARNINGS\n");
    if (cJSON_GetArraySize(warnings) == 0)
        printf("  none: nothing known will spoil a measurement\n");
    cJSON_ArrayForEach(line, warnings)
    {
        printf("  - ");
        print_wrapped(4, line->valuestring);
    }
}

static enum outcome print_info(const cJSON *root, bool json, struct error *error)
{
    if (json) {
        char *text = cJSON_Print(root);
        if (!text)
            return fail_memory(error, "the machine's facts", 0);
        puts(text);
        free(text);
        return OUTCOME_DONE;
    }
    print_machine(root);
    print_caches(root);
    print_kernels(root);
    print_counters(root);
    print_noise(root);
    print_warnings(root);
    return OUTCOME_DONE;
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome make_info(bool with_noise, cJSON *root, struct error *error)
{
    struct noise noise;
    bool ok = fill_machine(root) && fill_caches(root) && fill_isa(root) && fill_kernels(root) &&
              fill_counters(root) && fill_callgrind(root) && fill_warnings(root);
    if (ok && with_noise) {
        stop_on_signals();
        enum outcome outcome = noise_measure(NOISE_SECONDS, &noise, error);
        if (outcome != OUTCOME_DONE)
            return outcome;
        ok = fill_noise(root, &noise);
    }
    return ok ? OUTCOME_DONE : fail_memory(error, "the machine's facts", 0);
}

int command_info(int argc, char **argv)
{
    const char *json = NULL, *noise = NULL;
    const struct option_row rows[] = {
        {"json", NULL, "as JSON", &json},
        {"noise", NULL, "also time identical code against itself, 2 s", &noise},
    };
    struct error error;
    bool help = false;
    int first = 0;
    enum outcome outcome = options_parse(
        argc, argv, "midl info [--json] [--noise]",
        "What is known of this machine, what can be counted on it, and what will spoil a "
        "measurement.",
        rows, sizeof rows / sizeof *rows, &first, &help, &error);
    if (outcome == OUTCOME_DONE && !help)
        outcome = options_no_more(argc, argv, first, &error);
    if (outcome == OUTCOME_DONE && help)
        return OUTCOME_DONE;
    cJSON *root = outcome == OUTCOME_DONE ? cJSON_CreateObject() : NULL;
    if (outcome == OUTCOME_DONE)
        outcome = make_info(noise != NULL, root, &error);
    if (outcome == OUTCOME_DONE)
        outcome = print_info(root, json != NULL, &error);
    cJSON_Delete(root);
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : command_fail("info", outcome, &error);
}

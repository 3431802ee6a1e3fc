/* info.c - `midl info`: what is known of this machine, what can be counted on it, and what will
 * spoil a measurement. Everything is put into JSON once; the aligned lines are a view of that. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/stop.h"
#include "base/terminal.h"
#include "base/util.h"
#include "commands/command.h"
#include "counters/counters.h"
#include "machine/machine.h"
#include "midl.h"
#include "machine/valgrind.h"
#include "measure/noise.h"
#include "machine/warnings.h"
#include "run/environment.h"

#define LABEL 20
#define NOISE_SECONDS 2

/* ---- As JSON --------------------------------------------------------------------------------- */

static bool is_number(const char *name)
{
    return ends_with(name, "_bytes") || ends_with(name, "_ns") || strcmp(name, "cores") == 0 ||
           strcmp(name, "load1") == 0 || strcmp(name, "stolen") == 0;
}

static void fill_machine(struct json *json)
{
    const struct store_fact *facts;
    size_t count = environment_facts(&facts);
    cJSON *machine = json_object(json, json->root, "machine");
    for (size_t i = 0; i < count; i++) {
        const char *name = facts[i].name, *value = facts[i].value;
        if (strncmp(name, "cache_", 6) == 0)
            continue;
        if (is_number(name))
            json_number(json, machine, name, strtod(value, NULL));
        else
            json_text(json, machine, name, value);
    }
}

static void fill_caches(struct json *json)
{
    const struct machine *machine = machine_get();
    cJSON *caches = json_array(json, json->root, "caches");
    for (size_t i = 0; i < machine->cache_count; i++) {
        const struct cache_level *cache = &machine->caches[i];
        cJSON *row = json_object(json, caches, NULL);
        json_number(json, row, "level", cache->level);
        json_number(json, row, "bytes", (double)cache->bytes);
        json_number(json, row, "ways", cache->ways);
        json_number(json, row, "line", cache->line);
        json_text(json, row, "source", cache->source);
        json_bool(json, row, "plausible", cache->plausible);
        json_number(json, row, "share_bytes", (double)cache->share_bytes);
    }
}

static void fill_isa(struct json *json)
{
    cJSON *isa = json_object(json, json->root, "instruction_sets");
    cJSON *available = json_array(json, isa, "available");
    for (int i = MIDL_ISA_PORTABLE; i <= MIDL_ISA_AVX512; i++)
        if (midl_isa_available((enum midl_isa)i))
            json_text(json, available, NULL, midl_isa_name((enum midl_isa)i));
    json_text(json, isa, "in_use", midl_isa_name(midl_isa_best()));
}

static void fill_kernels(struct json *json)
{
    cJSON *kernels = json_array(json, json->root, "kernels");
    for (size_t i = 0; i < midl_variant_count(); i++) {
        const struct midl_variant *variant = midl_variant_at(i);
        const char *reason = midl_variant_unavailable(variant);
        cJSON *row = json_object(json, kernels, NULL);
        json_text(json, row, "name", midl_variant_name(variant));
        json_text(json, row, "idea", midl_variant_idea(variant));
        json_text(json, row, "dtype", midl_dtype_name(midl_variant_dtype(variant)));
        json_bool(json, row, "available", !reason);
        json_text(json, row, "reason", reason);
    }
}

static void fill_counters(struct json *json)
{
    const struct counter_state *states;
    size_t count = counters_probe(&states);
    cJSON *counters = json_array(json, json->root, "counters");
    for (size_t i = 0; i < count; i++) {
        cJSON *row = json_object(json, counters, NULL);
        json_text(json, row, "name", states[i].name);
        json_text(json, row, "event", states[i].event);
        json_bool(json, row, "works", states[i].works);
        json_text(json, row, "reason", states[i].works ? NULL : states[i].reason);
    }
}

static void add_geometry(struct json *json, cJSON *object, const char *key,
                         struct cache_geometry cache)
{
    char text[64];
    snprintf(text, sizeof text, "%zu,%d,%d", cache.bytes, cache.ways, cache.line);
    json_text(json, object, key, text);
}

static void fill_callgrind(struct json *json)
{
    const char *reason = valgrind_unavailable();
    cJSON *callgrind = json_object(json, json->root, "callgrind");
    json_bool(json, callgrind, "available", !reason);
    json_text(json, callgrind, "reason", reason);
    json_text(json, callgrind, "version", valgrind_version());
    add_geometry(json, callgrind, "first_level", valgrind_first_level());
    add_geometry(json, callgrind, "last_level", valgrind_last_level());
}

/* Whether any counter of the processor works. Those of the operating system are counted in software
 * and don't matter here. */
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

static void fill_warnings(struct json *json)
{
    char lines[WARNINGS_MAX][WARNING_SIZE];
    struct warning_facts facts = {.machine = machine_get(),
                                  .stolen = machine_steal(),
                                  .hardware_counters = hardware_counters(),
                                  .callgrind_not = valgrind_unavailable()};
    size_t count = warnings_find(&facts, lines);
    cJSON *warnings = json_array(json, json->root, "warnings");
    for (size_t i = 0; i < count; i++)
        json_text(json, warnings, NULL, lines[i]);
}

static void fill_noise(struct json *json, const struct noise *noise)
{
    cJSON *object = json_object(json, json->root, "noise");
    json_number(json, object, "pairs", (double)noise->pairs);
    json_number(json, object, "block_pairs", NOISE_BLOCK);
    json_number(json, object, "seconds", noise->seconds);
    json_number(json, object, "sample_ns", noise->sample_ns);
    json_number(json, object, "chance_difference", noise->chance);
    json_number(json, object, "resolvable", noise->resolvable);
    json_number(json, object, "pairs_for_1_percent", noise->pairs_for_1_percent);
    json_number(json, object, "seconds_for_1_percent", noise->seconds_for_1_percent);
    json_number(json, object, "stolen", noise->stolen);
    json_number(json, object, "disturbed", noise->disturbed);
}

/* ---- As lines -------------------------------------------------------------------------------- */

/* Print text that begins at column `indent`, no wider than the terminal. */
static void print_wrapped(size_t indent, const char *text)
{
    terminal_wrap(stdout, text, indent, terminal_columns(STDOUT_FILENO));
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

/* Add a word to a list, once. */
static void append(char *text, size_t size, const char *separator, const char *word)
{
    size_t used = strlen(text), length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += length)
        if ((at == text || strchr(", ", at[-1])) && strchr(", ", at[length]))
            return;
    snprintf(text + used, size - used, "%s%s", used ? separator : "", word);
}

/* Print the kernels that cannot run here, one line per reason. */
static void print_missing(const cJSON *kernels)
{
    const cJSON *item, *other;
    cJSON_ArrayForEach(item, kernels)
    {
        char names[1024] = "";
        const char *reason = text_of(item, "reason");
        bool first = !true_of(item, "available");
        for (other = kernels->child; other != item && first; other = other->next)
            first = true_of(other, "available") || strcmp(text_of(other, "reason"), reason) != 0;
        if (!first)
            continue;
        cJSON_ArrayForEach(other, kernels)
        {
            if (!true_of(other, "available") && strcmp(text_of(other, "reason"), reason) == 0)
                append(names, sizeof names, " ", text_of(other, "name"));
        }
        print_row("not here", "%s: %s", names, reason);
    }
}

static void print_kernels(const cJSON *root)
{
    const cJSON *isa = cJSON_GetObjectItem(root, "instruction_sets"), *item;
    const cJSON *kernels = cJSON_GetObjectItem(root, "kernels");
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    char words[2048] = "";
    printf("\ninstruction sets and kernels\n");
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(isa, "available"))
        append(words, sizeof words, " ", item->valuestring);
    print_row("instruction sets", "%s; in use: %s", words, text_of(isa, "in_use"));
    for (size_t i = 0; i < COUNT(dtypes); i++) {
        *words = '\0';
        cJSON_ArrayForEach(item, kernels)
        {
            if (true_of(item, "available") && strcmp(text_of(item, "dtype"), dtypes[i]) == 0)
                append(words, sizeof words, " ", text_of(item, "idea"));
        }
        print_row(dtypes[i], "%s", *words ? words : "none");
    }
    print_missing(kernels);
}

static void print_counters(const cJSON *root)
{
    const cJSON *counter, *callgrind = cJSON_GetObjectItem(root, "callgrind");
    printf("\ncounters (each tried on known work)\n");
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
    printf("WARNINGS\n");
    if (cJSON_GetArraySize(warnings) == 0)
        printf("  none: nothing known will spoil a measurement\n");
    cJSON_ArrayForEach(line, warnings)
    {
        printf("  - ");
        print_wrapped(4, line->valuestring);
    }
    printf("\n");
}

static void print_lines(const cJSON *root)
{
    print_warnings(root);
    print_machine(root);
    print_caches(root);
    print_kernels(root);
    print_counters(root);
    print_noise(root);
}

/* ---- The command ----------------------------------------------------------------------------- */

static enum outcome make_info(bool with_noise, struct json *json, struct error *error)
{
    struct noise noise;
    fill_machine(json);
    fill_caches(json);
    fill_isa(json);
    fill_kernels(json);
    fill_counters(json);
    fill_callgrind(json);
    fill_warnings(json);
    if (with_noise) {
        stop_on_signals();
        enum outcome outcome = noise_measure(NOISE_SECONDS, &noise, error);
        if (outcome)
            return outcome;
        fill_noise(json, &noise);
    }
    return json->failed ? fail_memory(error, "the machine's facts", 0) : OUTCOME_DONE;
}

static enum outcome tell(bool with_noise, bool as_json, struct error *error)
{
    struct json json;
    json_begin_object(&json);
    enum outcome outcome = make_info(with_noise, &json, error);
    if (!outcome && as_json)
        outcome = json_print(&json, stdout, true, "the machine's facts", error);
    else if (!outcome)
        print_lines(json.root);
    json_clear(&json);
    return outcome;
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
    enum outcome outcome = options_only(
        argc, argv, "midl info [--json] [--noise]",
        "What is known of this machine, what can be counted on it, and what will spoil a "
        "measurement.",
        rows, COUNT(rows), &help, &error);
    if (!outcome && !help)
        outcome = tell(noise != NULL, json != NULL, &error);
    return outcome ? command_fail("info", outcome, &error) : OUTCOME_DONE;
}

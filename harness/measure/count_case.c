/* count_case.c - counts by simulation: this program, started again under valgrind for one call.
 *
 * What runs there is pinned down as far as it can be: a small fixed environment, fixed addresses,
 * one thread, the caches of this machine, and a kernel set of OpenBLAS that valgrind can run.
 * Counts of one case are then the same in every run. What differs from the timed call is said in
 * the rows. */
#define _GNU_SOURCE /* environ */
#include "measure/count_case.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/append.h"
#include "base/child.h"
#include "base/file.h"
#include "base/folder.h"
#include "counters/callgrind_file.h"
#include "counters/groups.h"
#include "machine/machine.h"
#include "machine/machine_text.h"
#include "machine/valgrind.h"
#include "suite/one_case.h"

#define TIME_LIMIT_S 120
#define COUNTS_FILE "counts.1" /* of the first dump into --callgrind-out-file=counts */
#define PATH_SIZE 512

/* ---- The run --------------------------------------------------------------------------------- */

/* A kernel set of OpenBLAS without AVX-512 or SVE, which valgrind can't run. */
static const char *countable_core(const char *core)
{
    static const struct {
        const char *core, *instead;
    } rows[] = {{"SkylakeX", "Haswell"},       {"Cooperlake", "Haswell"},
                {"SapphireRapids", "Haswell"}, {"A64FX", "NEOVERSEN1"},
                {"NEOVERSEV1", "NEOVERSEN1"},  {"ARMV8SVE", "NEOVERSEN1"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcasecmp(core, rows[i].core) == 0)
            return rows[i].instead;
    return core;
}

#define WORDS_MAX 96
#define VARIABLES_MAX 16

/* Words and variables of the child, as execve wants them; the texts live here. */
struct command_line {
    char *argv[WORDS_MAX], *environment[VARIABLES_MAX];
    size_t words, variables;
    char text[4 * CASE_TEXT_SIZE + 8 * PATH_SIZE];
    size_t used;
    bool full;
};

__attribute__((format(printf, 2, 3))) static char *keep(struct command_line *line,
                                                        const char *format, ...)
{
    va_list arguments;
    char *text = line->text + line->used;
    size_t room = sizeof line->text - line->used;
    va_start(arguments, format);
    int length = vsnprintf(text, room, format, arguments);
    va_end(arguments);
    line->full = line->full || length < 0 || (size_t)length >= room;
    line->used += line->full ? 0 : (size_t)length + 1;
    return text;
}

static void add_word(struct command_line *line, char *word)
{
    line->full = line->full || line->words + 1 >= WORDS_MAX;
    if (!line->full)
        line->argv[line->words++] = word;
}

static void add_cache(struct command_line *line, const char *option, struct cache_geometry cache)
{
    add_word(line, keep(line, "--%s=%zu,%d,%d", option, cache.bytes, cache.ways, cache.line));
}

static void add_variable(struct command_line *line, char *variable)
{
    line->full = line->full || line->variables + 1 >= VARIABLES_MAX;
    if (!line->full)
        line->environment[line->variables++] = variable;
}

/* The case as words. */
static bool add_case(struct command_line *line, const struct bench_case *bench_case)
{
    char **words = one_case_words(bench_case);
    bool ok = words && words[0];
    for (size_t i = 0; ok && words[i]; i++)
        add_word(line, keep(line, "%s", words[i]));
    free(words);
    return ok;
}

static void add_environment(struct command_line *line)
{
    static const char *const kept[] = {"PATH",       "LD_LIBRARY_PATH", "VALGRIND_LIB",
                                       "MIDL_SHARE", "MIDL_DATA",       "TMPDIR"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *value = getenv(kept[i]);
        if (value)
            add_variable(line, keep(line, "%s=%s", kept[i], value));
    }
    add_variable(line, keep(line, "LC_ALL=C"));
    add_variable(line, keep(line, "OMP_NUM_THREADS=1"));
    add_variable(line, keep(line, "OPENBLAS_NUM_THREADS=1"));
    if (strcmp(machine_get()->blas, "none") != 0)
        add_variable(line,
                     keep(line, "OPENBLAS_CORETYPE=%s", countable_core(machine_get()->blas_core)));
}

static bool command_make(const struct bench_case *bench_case, const char *library,
                         const char *folder, struct command_line *line)
{
    struct cache_geometry first = valgrind_first_level(), last = valgrind_last_level();
    char self[PATH_SIZE];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        return false;
    self[length] = '\0';
    static const char *const options[] = {"valgrind",
                                          "--tool=callgrind",
                                          "-q",
                                          "--vgdb=no",
                                          "--cache-sim=yes",
                                          "--instr-atstart=no",
                                          "--dump-instr=yes",
                                          "--dump-line=no",
                                          "--compress-pos=no",
                                          "--collect-atstart=no",
                                          "--compress-strings=no"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        add_word(line, keep(line, "%s", options[i]));
    add_cache(line, "I1", first);
    add_cache(line, "D1", first);
    add_cache(line, "LL", last);
    add_word(line, keep(line, "--callgrind-out-file=%s/counts", folder));
    add_word(line, keep(line, "%s", self));
    add_word(line, keep(line, "count-one"));
    add_variable(line, keep(line, COUNTS_VARIABLE "=%s/" COUNTS_FILE, folder));
    if (library)
        add_variable(line, keep(line, LIBRARY_VARIABLE "=%s", library));
    add_environment(line);
    return add_case(line, bench_case) && !line->full;
}

/* Add a line of the child's standard error to the reason: the one that midl printed, else the
 * first. */
static void add_complaint(const char *path, char reason[COUNTER_REASON_SIZE])
{
    char *text = file_text(path), how[COUNTER_REASON_SIZE];
    const char *line = text ? text_line(text, "midl count-one: ") : NULL;
    if (!line && text)
        line = text;
    if (line && *line && *line != '\n') {
        snprintf(how, sizeof how, "%s", reason);
        snprintf(reason, COUNTER_REASON_SIZE, "under valgrind, %.40s: %.100s", how, line);
        reason[strcspn(reason, "\n")] = '\0';
    }
    free(text);
}

/* In what the counted call differs from the timed one; empty if in nothing. */
static void describe(const struct bench_case *bench_case, const char *facts,
                     struct counter_set *ret, char note[COUNTER_REASON_SIZE])
{
    const struct machine *machine = machine_get();
    char isa[32] = "unknown", variant[64] = "", core[48] = "";
    const char *name = midl_variant_name(bench_case->variant);
    text_value(facts, "isa", '=', isa, sizeof isa);
    text_value(facts, "variant", '=', variant, sizeof variant);
    text_value(facts, "blas_core", '=', core, sizeof core);
    snprintf(ret->blas_core, sizeof ret->blas_core, "%s", core);
    *note = '\0';
    if (strcmp(isa, machine->isa) != 0)
        append_text(note, COUNTER_REASON_SIZE, "; counted as on a processor with %s, not %s", isa,
                    machine->isa);
    if (*core && strcmp(core, machine->blas_core) != 0)
        append_text(note, COUNTER_REASON_SIZE, "; OpenBLAS kernels %s in place of %s", core,
                    machine->blas_core);
    if (strcmp(variant, name) != 0)
        append_text(note, COUNTER_REASON_SIZE, "; %s ran %s", name, variant);
    if (*note)
        memmove(note, note + strlen("; "), strlen(note) - strlen("; ") + 1);
}

/* Least seconds that two calls take, at the 25 MFLOP/s that valgrind's FMA was seen to reach. */
static double expected_s(const struct bench_case *bench_case)
{
    const struct bench_shape *shape = &bench_case->shape;
    struct midl_parts parts =
        midl_layer_flops(&shape->layer, shape->batch, shape->batch * shape->layer.k);
    double flops = midl_variant_is_linear(bench_case->variant)
                       ? midl_linear_flops(&shape->layer, shape->batch)
                       : midl_parts_sum(&parts);
    return 2 * flops / 25e6;
}

/* False with the reason if the case isn't worth trying. A case is only given up unseen when it
 * would take four times the limit: the speed is a guess. */
static bool countable(const struct bench_case *bench_case, char reason[COUNTER_REASON_SIZE])
{
    const char *obstacle = valgrind_unavailable();
    double seconds = expected_s(bench_case);
    if (!obstacle && midl_variant_isa(bench_case->variant) == MIDL_ISA_AVX512)
        obstacle = "not countable: valgrind can't run AVX-512 code";
    if (!obstacle && bench_case->shape.threads > 1)
        obstacle = "not countable: callgrind simulates one thread";
    if (obstacle)
        snprintf(reason, COUNTER_REASON_SIZE, "%s", obstacle);
    else if (seconds > 4 * TIME_LIMIT_S)
        snprintf(reason, COUNTER_REASON_SIZE,
                 "not countable: about %.0f s under valgrind, the limit is %d s", seconds,
                 TIME_LIMIT_S);
    else
        return true;
    return false;
}

/* FLOPs as the child read them off its own code; NaN with the reason. */
static double flops_of_facts(const char *facts, char reason[COUNTER_REASON_SIZE])
{
    char number[32] = "";
    if (text_value(facts, "flops", '=', number, sizeof number) && *number)
        return strtod(number, NULL);
    snprintf(reason, COUNTER_REASON_SIZE, "FLOPs: not counted");
    text_value(facts, "flops_reason", '=', reason, COUNTER_REASON_SIZE);
    return NAN;
}

static bool count(const struct bench_case *bench_case, const char *library,
                  struct callgrind_totals *totals, struct counter_set *ret,
                  char reason[COUNTER_REASON_SIZE], char flops_reason[COUNTER_REASON_SIZE])
{
    char folder[PATH_SIZE], out[PATH_SIZE + 16], err[PATH_SIZE + 16], counts[PATH_SIZE + 16];
    struct command_line line = {.words = 0};
    char *text = NULL, *facts = NULL;
    bool ok = false;
    if (!countable(bench_case, reason))
        return false;
    if (!folder_make_temporary(NULL, "midl-count", folder, sizeof folder)) {
        snprintf(reason, COUNTER_REASON_SIZE, "can't make a temporary folder; set TMPDIR");
        return false;
    }
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(err, sizeof err, "%s/err", folder);
    snprintf(counts, sizeof counts, "%s/" COUNTS_FILE, folder);
    struct child child = {.path = valgrind_path(),
                          .argv = line.argv,
                          .environment = line.environment,
                          .out = out,
                          .err = err,
                          .limit_s = TIME_LIMIT_S,
                          .fixed_addresses = true};
    snprintf(reason, COUNTER_REASON_SIZE, "the case's command line is too long");
    if (!command_make(bench_case, library, folder, &line))
        goto cleanup;
    if (!child_run(&child, reason, COUNTER_REASON_SIZE)) {
        add_complaint(err, reason);
        goto cleanup;
    }
    text = file_text(counts);
    facts = file_text(out);
    snprintf(reason, COUNTER_REASON_SIZE, "callgrind's file can't be read");
    ok = text && facts && callgrind_parse(text, totals, reason);
    if (ok) {
        totals->flops = flops_of_facts(facts, flops_reason);
        describe(bench_case, facts, ret, reason);
    }
cleanup:
    free(text);
    free(facts);
    folder_remove(folder);
    return ok;
}

static void put_row(struct counter_set *set, unsigned wanted, const char *name, double per_call,
                    const char *reason)
{
    if (!groups_wants(wanted, name))
        return;
    char *text = set->text[set->count];
    snprintf(text, COUNTER_REASON_SIZE, "%s", reason);
    set->counters[set->count++] = (struct store_counter){.counter = name,
                                                         .source = "callgrind",
                                                         .reason = *reason ? text : NULL,
                                                         .per_call = per_call,
                                                         .scaled = NAN};
}

void count_case(const struct bench_case *bench_case, unsigned wanted, struct counter_set *ret)
{
    count_case_of(bench_case, NULL, wanted, ret);
}

void count_case_of(const struct bench_case *bench_case, const char *library, unsigned wanted,
                   struct counter_set *ret)
{
    struct callgrind_totals totals = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    char reason[COUNTER_REASON_SIZE] = "", flops_reason[COUNTER_REASON_SIZE] = "";
    *ret = (struct counter_set){.count = 0};
    bool counted = count(bench_case, library, &totals, ret, reason, flops_reason);
    put_row(ret, wanted, "instructions", totals.instructions, reason);
    put_row(ret, wanted, "data_reads", totals.data_reads, reason);
    put_row(ret, wanted, "data_writes", totals.data_writes, reason);
    put_row(ret, wanted, "l1d_misses", totals.l1d_misses, reason);
    put_row(ret, wanted, "ll_misses", totals.ll_misses, reason);
    put_row(ret, wanted, "ll_data_misses", totals.ll_data_misses, reason);
    put_row(ret, wanted, "flops", totals.flops,
            counted && isnan(totals.flops) ? flops_reason : reason);
}

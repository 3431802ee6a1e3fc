/* suite.h - suites: which cases to measure, as text.
 *
 * A suite is an ini file (inih) that answers one question. Sections [sweep] (or [sweep NAME]) hold
 * axes that multiply; several sections add up. Section [suite] holds what is not an axis.
 *
 *   [suite]
 *   question = when does selection pay at batch 1?
 *   target = 2 %            ; relative width of the interval at which sampling stops
 *   budget = 5 s            ; this long for the variants of one shape (ROUNDS_PATIENCE)
 *   counters = cache,flops  ; none, or sources and groups of counters (groups.h)
 *   reference = linear      ; a dense layer that joins every shape: what runs are compared by
 *
 *   [sweep]
 *   n = 256:4096:x2         ; list 1,2,3 - range a:b:step - geometric range a:b:xfactor
 *   d = n                   ; `n`: as many as neurons
 *   active = 0.05:1:0.05    ; k/n;  or  k = 16,32
 *   batch = 1
 *   kernel = *              ; names, ideas, globs; `*`: the best row of every idea
 *
 * Axes: d n k active rank gate gate_rank select block threshold unselected batch threads dtype
 * cache kernel layer input seed. n has no default (a layer file gives it); the others: d = n,
 * active = 0.45, rank = 0 (meaning n/32), gate = lowrank, gate_rank = 0 (n/32), select = topk,
 * block = 16, threshold = 0.5, unselected = light, batch = 1, threads = 1, dtype = f32, cache =
 * warm, kernel = *, layer = random, input = random, seed = 1. Options of `midl sweep` of the same
 * names replace an axis in every section. Unknown words are errors that name the line and the word.
 *
 * k from active is active times n, rounded to the nearest, under select = block to the nearest
 * whole block. A layer file brings d, n, rank, gate, gate_rank, and k, select, unselected unless
 * given.
 *
 * A kernel is a name (simd-avx2), an idea (simd: its best row here) or a glob. A glob that matches
 * ideas means the best row of each, so `*` is every idea once, yardsticks included; one that
 * matches names only (simd-*) means those rows. A glob leaves out what the dtype doesn't have;
 * naming it is an error.
 *
 * Of several references the first that the dtype has joins. A suite without one has the kernels
 * that its sections name, and no more.
 *
 * A made-up layer is `random`; `skewed`: a third of its neurons take most of the selections
 * (FILL_SKEWED in problem.h); or `skewed:S`: the most popular third takes the share S of them
 * (problem_load).
 *
 * A file is a path, or data:PATH inside the data folder (--data or $MIDL_DATA).
 */
#ifndef MIDL_SUITE_H
#define MIDL_SUITE_H

#include "suite/axes.h"
#include "suite/case.h"
#include "base/error.h"
#include "counters/groups.h"

#define SUITE_POINTS_MAX 1000000 /* more are refused */

struct suite; /* opaque: parsed text */

/* Parse `text`; `origin` (a file name) stands in messages. On success *ret is the caller's. */
enum outcome suite_parse(const char *text, const char *origin, struct suite **ret,
                         struct error *error);

/* Load suite NAME from the suite folder, or a path if NAME holds a slash or ends in .suite. */
enum outcome suite_load(const char *name, struct suite **ret, struct error *error);

/* Make a suite of one section with default axes: what `midl sweep` without SUITE but with axes
 * runs. */
enum outcome suite_custom(struct suite **ret, struct error *error);

void suite_destroy(struct suite *suite);

/* Replace an axis in every section by the text of an option. k replaces active and the other way
 * round; a layer file replaces the axes that it brings. On failure the suite is as before. */
enum outcome suite_set_axis(struct suite *suite, enum axis_id axis, const char *text,
                            struct error *error);

/* Replace target, budget, counters or reference (the words of section [suite]) by the text of an
 * option. */
enum outcome suite_set_option(struct suite *suite, const char *key, const char *text,
                              struct error *error);

/* Choose the folder that data: stands for, by setting MIDL_DATA: for this process and those it
 * starts. */
enum outcome suite_set_data_folder(const char *folder, struct error *error);

const char *suite_name(const struct suite *suite);     /* of the file, or "custom" */
const char *suite_question(const struct suite *suite); /* "" if it asks none */
double suite_target(const struct suite *suite);        /* 0.02 */
double suite_budget_ns(const struct suite *suite);     /* for the variants of one shape */
unsigned suite_counters(const struct suite *suite);    /* bits of groups.h; COUNT_PAPI by default */
bool suite_has_reference(const struct suite *suite);

/* Expand without the reference from now on: builds that are called in turn need none. */
void suite_leave_reference(struct suite *suite);

/* Expand to cases, grouped by shape, in file order, each once. Variants that don't fit or can't run
 * here are cases too: measuring makes them rows with a reason. An axis that asks for the impossible
 * (k > n, block that doesn't divide) is an error naming the values, as is a file that can't be
 * read. On failure *ret is untouched; on success it is the caller's, for bench_cases_clear. */
enum outcome suite_expand(const struct suite *suite, struct bench_cases *ret, struct error *error);

/* Names of the suites in the suite folder, sorted, NULL-terminated; caller frees with
 * suite_names_free. */
enum outcome suite_names(char ***ret, struct error *error);
void suite_names_free(char **names);

/* Sections [train] (or [train NAME]): networks to train, `midl train` runs them. Keys and values as
 * texts, which belong to the suite. */
struct suite_pair {
    char *key, *value;
    int line;
};
size_t suite_train_count(const struct suite *suite);
size_t suite_train(const struct suite *suite, size_t i, const struct suite_pair **ret_pairs);

/* Compute a hash over the expanded cases (FNV-1a of their texts), 16 hex digits. */
void suite_hash(const struct bench_cases *cases, char ret[17]);

#endif

/* case.h - one case: a variant at one place of a sweep. What is executed, labelled and stored. */
#ifndef MIDL_CASE_H
#define MIDL_CASE_H

#include "base/error.h"
#include "midl.h"

enum cache_state { CACHE_WARM, CACHE_COLD };

const char *cache_state_name(enum cache_state cache);
bool cache_state_parse(const char *name, enum cache_state *ret);

/* The recipe of a layer without a file. */
struct made_layer {
    bool skewed; /* a third of the neurons popular (FILL_SKEWED of problem.h); else none */
    float share; /* skewed:S: of all selections, what the most popular third takes; 0: not given */
};

/* The trained model whose layer a case is, as its points tell. */
struct bench_origin {
    const char *model, *dataset, *scope; /* hidden layers when they were dense; the layer's name */
    const char *dense, *method;          /* the method of plain variants, of the others */
    double active;                       /* share of neurons selected over many inputs; NaN: none */
};

/* The part that all cases of a group share: the layer, its input and how it is run. Cases of a
 * group are measured interleaved, and their speedups are ratios among each other. */
struct bench_shape {
    struct midl_shape layer;
    size_t batch;
    int threads;
    enum midl_dtype dtype;
    enum cache_state cache;
    const char *layer_path; /* safetensors; NULL: random weights */
    struct made_layer made; /* where layer_path is NULL */
    const char *input_path; /* safetensors or idx; NULL: random inputs */
    /* The same files as labels and commands name them, "data:mnist/..." where the path depends on
     * the machine; NULL: by the path. */
    const char *layer_name, *input_name;
    const struct bench_origin *origin; /* NULL: of no model */
    uint64_t seed;
};

struct bench_case {
    struct bench_shape shape;
    const struct midl_variant *variant;
};

/* Cases [first, first + count) of the expanded sweep have the same bench_shape. */
struct bench_group {
    size_t first, count;
};

/* A sweep, expanded. Owns everything it points to. */
struct bench_cases {
    struct bench_case *cases;
    size_t count;
    struct bench_group *groups;
    size_t group_count;
    char **paths; /* what the shapes' paths and names point to */
    size_t path_count;
};

/* Read the word for a made layer: "random", "skewed" or "skewed:0.62". Any other word names a file:
 * ret is untouched then. A share that is no number becomes NaN, for made_layer_check to refuse. */
bool made_layer_parse(const char *word, struct made_layer *ret);

/* Whether a layer of this shape can be made so: a third of the neurons takes at least a third of
 * the selections, and n/3 of k at most. */
enum outcome made_layer_check(const struct bench_shape *shape, struct error *error);

/* The names under which label, command and store know layer and input: the file's, or the word for
 * how it is made, perhaps written to `made`. */
#define MADE_SIZE 32
const char *bench_layer_name(const struct bench_shape *shape, char made[MADE_SIZE]);
const char *bench_input_name(const struct bench_shape *shape, char made[MADE_SIZE]);

void bench_cases_clear(struct bench_cases *cases); /* accepts a zeroed or half-built one */

/* Room for the texts below: two paths of CASE_PATH_MAX and everything else. */
#define CASE_TEXT_SIZE 1024
#define CASE_PATH_MAX 320 /* bytes of a path or name as quote_word writes it */

/* Write the label of a shape: "d=1024 n=1024 k=461 r=32 gate=lowrank:32 select=topk
 * unselected=light batch=1 threads=1 dtype=f32 cache=warm input=random layer=random seed=1";
 * "select=block:16", "select=threshold:0.5". Made here only, from the struct that runs. The store's
 * shape_key. */
void bench_shape_text(const struct bench_shape *shape, char ret[CASE_TEXT_SIZE]);

/* Write the part of the label that tells the numbers apart: two shapes that share it have the same
 * weights, and the same inputs as far as both take them. */
void bench_numbers_text(const struct bench_shape *shape, char ret[CASE_TEXT_SIZE]);

/* Write the command that repeats this case alone: "midl sweep --kernel simd-avx2 --d 1024 ...". Its
 * options parsed again give the same case. A name that begins with "data:" needs the same data
 * folder. */
void bench_case_command(const struct bench_case *bench_case, char ret[CASE_TEXT_SIZE]);

/* Write the words of that command behind "midl sweep", without quotes, each with its zero byte.
 * Returns how many; 0 if there is no room for them. */
size_t bench_case_words(const struct bench_case *bench_case, char ret[CASE_TEXT_SIZE]);

#endif

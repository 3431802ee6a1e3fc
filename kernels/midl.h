/* midl.h - MID-L, the Matrix-Interpolated Dropout Layer, for CPUs (arXiv 2505.11416).
 *
 * A layer d -> n in which a learned gate, a function of the input, picks the k neurons that take
 * the full path; the others keep the value of a light low-rank path. For one input x:
 *
 *   F = W x + b                      full path; only the k selected rows are needed
 *   L = U (V x) + c                  light path
 *   l = G x + h                      gate logits (gate `full`)
 *     | P (Q x) + h                                   (gate `lowrank`)
 *     | P (V x) + h                                   (gate `shared`, reads the light projection)
 *   S = the k largest l              ties go to the lower index; ascending
 *   p = sigmoid(l);  m = 1 on S, else 0;  g = m p
 *   y = g F + (1 - g) L              unselected = light
 *   y = m (p F + (1 - p) L)          unselected = zero
 *
 * Shapes. Letters used in every comment of this library; all matrices row-major and dense:
 *
 *   B  inputs in one call (batch)       r   rank of the light path
 *   d  length of one input              rg  rank of a lowrank gate
 *   n  neurons = length of one output   k   neurons that take the full path, 0..n
 *
 *   W [n][d]  b [n]  |  V [r][d]  U [n][r]  c [n]  |  G [n][d] or Q [rg][d], P [n][rg or r];  h [n]
 *   x [B][d]  y [B][n]
 *
 * Use. A plan binds a layer, a kernel variant, the largest batch and the threads; making it packs
 * the weights and takes all memory. Running it allocates nothing.
 *
 *   struct midl_plan *plan;
 *   char reason[MIDL_REASON_SIZE];
 *   struct midl_plan_options options = {.size = sizeof options, .max_batch = 64, .threads = 1};
 *   if (midl_plan_create(&layer, &options, &plan, reason) != MIDL_OK) { puts(reason); ... }
 *   midl_run(plan, 64, x, y);
 *   midl_plan_destroy(plan);
 *
 * The library prints nothing, exits never, and may be used from several threads as long as each
 * plan is run by one at a time.
 *
 * Not alone in its process. A call leaves the numbers of threads that the program has set for
 * OpenMP and OpenBLAS as they were, and its thread's mode of computing: rounding, flushing of
 * denormal numbers, traps. Plans are made, and run, in the default mode. No locale changes what is
 * read or written.
 *   After fork() the child may run the parent's plans and make its own. All run on one thread
 * there, with the same results, because OpenMP's threads stay behind in the parent; the parent's
 * plans of `linear-onednn` with several threads can't, and return MIDL_UNAVAILABLE. A plan that
 * another thread of the parent was running, or making, at the fork is lost to the child. Not to be
 * had: OpenBLAS keeps one number of threads a process, so plans of `linear`, `dense` and `gather`
 * that run at the same time with different numbers may take each other's; it computes with more
 * than one in the mode that its threads began with; and the flags of past floating-point exceptions
 * (fetestexcept) may be set by a call.
 */
#ifndef MIDL_H
#define MIDL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MIDL_API __attribute__((visibility("default")))
#else
#define MIDL_API
#endif

#define MIDL_REASON_SIZE 256 /* bytes; every `reason` buffer has this size */

/* The binary interface that this header describes. A library keeps its number while programs built
 * with an older header of the same number still work with it: structs that begin with `size` then
 * only grow at their end. */
#define MIDL_ABI 1

enum midl_status {
    MIDL_OK,
    MIDL_INVALID,     /* the layer, shape or option makes no sense: the reason says which */
    MIDL_UNAVAILABLE, /* this build or processor can't run the variant, or it doesn't fit the shape
                       */
    MIDL_NO_MEMORY,
    MIDL_NAN_LOGIT /* a gate logit is NaN, or under select = block the sum of a block's logits,
                    * which is so where both infinities are in it; that input's row of y is NaN, the
                    * others are right */
};

enum midl_gate { MIDL_GATE_FULL, MIDL_GATE_LOWRANK, MIDL_GATE_SHARED };

enum midl_select {
    MIDL_SELECT_TOPK,  /* exactly k */
    MIDL_SELECT_BLOCK, /* the k/block blocks of neighbours with the largest sum of logits */
    /* Every p > threshold, at most k: the largest, ties to the lower index. p is a float, and 0
     * where l is below -104: such a neuron isn't above threshold 0. */
    MIDL_SELECT_THRESHOLD
};

enum midl_unselected { MIDL_UNSELECTED_LIGHT, MIDL_UNSELECTED_ZERO };

enum midl_dtype { MIDL_F32, MIDL_BF16, MIDL_INT8 }; /* of the full path's weights */

/* Instruction sets, weakest first within an architecture. */
enum midl_isa {
    MIDL_ISA_GENERIC,
    MIDL_ISA_PORTABLE,
    MIDL_ISA_NEON,
    MIDL_ISA_AVX2,
    MIDL_ISA_AVX512
};

/* Everything about a layer but its numbers. */
struct midl_shape {
    size_t d, n, r;
    size_t rg; /* gate lowrank only, else ignored */
    size_t k;
    enum midl_gate gate;
    enum midl_select select;
    size_t block;    /* select block only: 8 or 16; n and k must be multiples of it */
    float threshold; /* select threshold only, in [0, 1) */
    enum midl_unselected unselected;
};

/* A layer. The arrays belong to the caller and must outlive every plan made from it. */
struct midl_layer {
    size_t size; /* sizeof(struct midl_layer) of the caller; 0: as long as in the first ABI 1 */
    struct midl_shape shape;
    const float *full_weight; /* W [n][d] */
    const float *full_bias;   /* b [n] */
    const float *light_down;  /* V [r][d] */
    const float *light_up;    /* U [n][r] */
    const float *light_bias;  /* c [n] */
    const float *gate_weight; /* G [n][d]: gate full, else NULL */
    const float *gate_down;   /* Q [rg][d]: gate lowrank, else NULL */
    const float *gate_up;     /* P [n][rg]: lowrank; P [n][r]: shared; else NULL */
    const float *gate_bias;   /* h [n] */
};

/* Return the default rank of light path and lowrank gate: n/32, at least 1. */
MIDL_API size_t midl_default_rank(size_t n);

/* MIDL_OK or MIDL_INVALID with the reason. Does not look at weights. */
MIDL_API enum midl_status midl_shape_check(const struct midl_shape *shape,
                                           char reason[MIDL_REASON_SIZE]);

/* Names as they stand in files, options and databases; parse returns false on an unknown word and
 * leaves *ret untouched. */
MIDL_API const char *midl_status_text(enum midl_status status);
MIDL_API const char *midl_gate_name(enum midl_gate gate);
MIDL_API const char *midl_select_name(enum midl_select select);
MIDL_API const char *midl_unselected_name(enum midl_unselected unselected);
MIDL_API const char *midl_dtype_name(enum midl_dtype dtype);
MIDL_API const char *midl_isa_name(enum midl_isa isa);
MIDL_API bool midl_gate_parse(const char *name, enum midl_gate *ret);
MIDL_API bool midl_select_parse(const char *name, enum midl_select *ret);
MIDL_API bool midl_unselected_parse(const char *name, enum midl_unselected *ret);
MIDL_API bool midl_dtype_parse(const char *name, enum midl_dtype *ret);
MIDL_API bool midl_isa_parse(const char *name, enum midl_isa *ret);

/* True if this processor and its operating system can run the set and this build has it. */
MIDL_API bool midl_isa_available(enum midl_isa isa);

/* The strongest available set: what `simd` and the shared routines (gate, selection) use. */
MIDL_API enum midl_isa midl_isa_best(void);

/* Hide all sets stronger than `most` from plans made from now on, in the whole process: for tests,
 * and to measure a weaker processor's path. Not to be called while another thread makes a plan. */
MIDL_API void midl_isa_limit(enum midl_isa most);

/* ---- The selection of one call -------------------------------------------------------------- */

/* The neurons chosen for B inputs. Input i selected count[i] neurons: index[i * stride + 0..],
 * ascending, with their gate values p in gate[...] at the same places. Belongs to the plan and
 * holds until its next run. stride = k. */
struct midl_selection {
    size_t batch, stride;
    const uint32_t *index; /* [B][k] */
    const uint32_t *count; /* [B] */
    const float *gate;     /* [B][k] */
};

/* Count the distinct neurons that the batch selected: the union over its inputs. */
MIDL_API size_t midl_selection_distinct(const struct midl_selection *selection, size_t n);

/* ---- Variants ------------------------------------------------------------------------------- */

struct midl_variant; /* one row of kernels/variants.def */

MIDL_API size_t midl_variant_count(void);
MIDL_API const struct midl_variant *midl_variant_at(size_t i); /* in the order of the list */

/* By name and dtype. `simd-avx512` is one row; an idea without instruction set (`simd`) finds the
 * strongest row of that idea that this processor can run, or if none can, its first row. NULL if
 * there is no such name. */
MIDL_API const struct midl_variant *midl_variant_find(const char *name, enum midl_dtype dtype);

MIDL_API const char *midl_variant_name(const struct midl_variant *variant); /* "simd-avx512" */
MIDL_API const char *midl_variant_idea(const struct midl_variant *variant); /* "simd" */
MIDL_API const char *midl_variant_text(const struct midl_variant *variant); /* one line */
MIDL_API enum midl_isa midl_variant_isa(const struct midl_variant *variant);
MIDL_API enum midl_dtype midl_variant_dtype(const struct midl_variant *variant);
MIDL_API size_t midl_variant_tile(const struct midl_variant *variant); /* neurons handled at once */

/* True for the plain dense layer d -> n (y = W x + b, no gate): what MID-L is measured against. */
MIDL_API bool midl_variant_is_linear(const struct midl_variant *variant);

/* Whether it calls OpenBLAS, whose choice of kernels is then part of what is measured, and whose
 * threads spin for some 30 ms after a call. */
MIDL_API bool midl_variant_calls_blas(const struct midl_variant *variant);

/* By which factors the FLOPs and bytes that are counted in a call may exceed midl_variant_cost. */
struct midl_excess {
    double flops, bytes;
};
MIDL_API struct midl_excess midl_variant_excess(const struct midl_variant *variant);

/* True for the light path alone, y = U (V x) + c without a gate: a plain low-rank layer, which
 * selection has to beat. It serves k = 0 with unselected = light; its rank is the shape's r. */
MIDL_API bool midl_variant_is_light(const struct midl_variant *variant);

/* NULL if this build and processor can run the variant, else why not. */
MIDL_API const char *midl_variant_unavailable(const struct midl_variant *variant);

/* A hash of the machine code that a call of the variant runs in this library, other libraries' left
 * out: two builds that agree in it run the same instructions. 0 where that isn't known, and for
 * `auto`, which may run any. Changes of comments, or of other variants' files, don't change it. */
MIDL_API uint64_t midl_code_hash(const struct midl_variant *variant);

/* MIDL_OK if the variant serves this shape, batch and thread count; MIDL_UNAVAILABLE with the
 * reason if not (missing instruction set or library, or a shape that it isn't made for). */
MIDL_API enum midl_status midl_variant_fits(const struct midl_variant *variant,
                                            const struct midl_shape *shape, size_t max_batch,
                                            int threads, char reason[MIDL_REASON_SIZE]);

/* ---- What a call costs, by model ------------------------------------------------------------ */

/* FLOPs (a multiply-add is 2) or bytes, by part of the layer. */
struct midl_parts {
    double gate, light, full, blend;
};

struct midl_cost {
    struct midl_parts flops; /* that the variant executes; never selection */
    struct midl_parts
        bytes;          /* weights that must be read once a call, by the part that reads them */
    double io_bytes;    /* inputs read once, outputs written once */
    double comparisons; /* selection: each logit against the cut, once */
};

MIDL_API double midl_parts_sum(const struct midl_parts *parts);
MIDL_API double midl_cost_flops(const struct midl_cost *cost);
MIDL_API double midl_cost_bytes(const struct midl_cost *cost);

/* Count FLOPs of B inputs through the plain linear layer: B (2 d n + n). */
MIDL_API double midl_linear_flops(const struct midl_shape *shape, size_t batch);

/* FLOPs of the layer's definition for B inputs of which `selected` (input, neuron) pairs take the
 * full path (B k under topk). The promise: midl_linear_flops / its sum = flops_ratio. */
MIDL_API struct midl_parts midl_layer_flops(const struct midl_shape *shape, size_t batch,
                                            size_t selected);

/* The cost of `variant` for B inputs with this selection; NULL: the expectation for k neurons per
 * input, under a threshold at most a fifth of all, chosen uniformly.
 * A variant that computes every row is charged for every row; one that skips, for what it did:
 * pairs for FLOPs, distinct rows of W (the union over the batch) for bytes. */
MIDL_API struct midl_cost midl_variant_cost(const struct midl_variant *variant,
                                            const struct midl_shape *shape, size_t batch,
                                            const struct midl_selection *selection);

/* ---- Rounded weights ------------------------------------------------------------------------ */

/* W [n][d] as a plan of this dtype computes with it, as floats: ret [n][d], which may be W.
 *
 *   f32   as it is
 *   bf16  each weight to nearest, ties to even
 *   int8  whole multiples, at most 127, of one scale a row: max |w| / 127, or a power of two if the
 *         row then keeps its values (whole numbers up to 127 do)
 *
 * What was rounded rounds to itself. MIDL_OK, or for int8 MIDL_INVALID with the reason if a weight
 * isn't finite. Sums are in floats, and inputs are not rounded, whatever the dtype. */
MIDL_API enum midl_status midl_round_weights(enum midl_dtype dtype, size_t n, size_t d,
                                             const float *W, float *ret,
                                             char reason[MIDL_REASON_SIZE]);

/* ---- Calibration ---------------------------------------------------------------------------- */

/* Times of the variants on one machine, by which `auto` chooses, as a text that `midl calibrate`
 * makes (`midl calibrate --help` tells where it keeps it). Without one `auto` goes by a table that
 * is built in. */
struct midl_calibration;

/* Name all that times depend on in this library: version, kernels, instruction set, compiler. */
#define MIDL_BUILD_ID_SIZE 160
MIDL_API void midl_build_id(char ret[MIDL_BUILD_ID_SIZE]);

/* Read a table. `machine` is who the machine must be, in the words of `midl calibrate`; NULL: not
 * compared. On success *ret is the caller's, to be destroyed after the last plan made with it was
 * made. On failure it is untouched and `reason` holds one line: MIDL_UNAVAILABLE (made on another
 * machine or by another build), MIDL_INVALID (damaged: which line) or MIDL_NO_MEMORY. */
MIDL_API enum midl_status midl_calibration_read(const char *text, const char *machine,
                                                struct midl_calibration **ret,
                                                char reason[MIDL_REASON_SIZE]);

/* Accepts NULL. */
MIDL_API void midl_calibration_destroy(struct midl_calibration *calibration);

/* ---- Plans ---------------------------------------------------------------------------------- */

struct midl_plan;

struct midl_plan_options {
    size_t size;         /* sizeof(struct midl_plan_options) of the caller; 0: as for a layer */
    const char *variant; /* a name; NULL means "auto" */
    enum midl_dtype dtype;
    size_t max_batch; /* at least 1; `auto` prepares for this batch and smaller ones */
    int threads;      /* at least 1; see below */
    bool keep_logits; /* for midl_plan_logits, at some cost in time */
    /* For `auto`; NULL, or without times for this dtype: what is built in. Not kept. */
    const struct midl_calibration *calibration;
};

/* Threads. Whole numbers give the same bits for any number of threads, and so do other numbers
 * wherever this library splits the work itself. OpenBLAS, oneDNN and BLIS (`linear`,
 * `linear-onednn`, `linear-blis`, `dense`, `gather`) split sums their own way: there the last bits
 * may change, within the error bound.
 *
 * Make a plan. On success *ret_plan is the caller's, to be destroyed. On failure it is untouched,
 * `reason` holds one line, and the status is MIDL_INVALID (unknown variant, bad shape, missing
 * array, a `size` shorter than ABI 1 or with values that this library is too old to know),
 * MIDL_UNAVAILABLE or MIDL_NO_MEMORY. */
MIDL_API enum midl_status midl_plan_create(const struct midl_layer *layer,
                                           const struct midl_plan_options *options,
                                           struct midl_plan **ret_plan,
                                           char reason[MIDL_REASON_SIZE]);

/* Accepts NULL. */
MIDL_API void midl_plan_destroy(struct midl_plan *plan);

/* y = layer(x) for `batch` inputs, 1 <= batch <= max_batch. x: [B][d], y: [B][n], not overlapping.
 * MIDL_OK, MIDL_NAN_LOGIT, or in a forked child MIDL_UNAVAILABLE, y untouched (see above);
 * allocates nothing. */
MIDL_API enum midl_status midl_run(struct midl_plan *plan, size_t batch, const float *x, float *y);

/* The selection of the last run; batch = 0 before the first, and always for a linear variant. */
MIDL_API struct midl_selection midl_plan_selection(const struct midl_plan *plan);

/* The gate logits l of the last run, [B][n]; NULL for a linear variant, and for a plan without
 * keep_logits, whose logits make way for those of the batch's next inputs while a near cache still
 * holds them. */
MIDL_API const float *midl_plan_logits(const struct midl_plan *plan);

/* The variant that runs. `auto` chooses for each call, from the selection that the gate has just
 * made, among up to three variants that the plan holds ready: the one of the last run, and before
 * the first the one for the largest batch. */
MIDL_API const struct midl_variant *midl_plan_variant(const struct midl_plan *plan);

/* True once the library that the variant calls has refused a run, or a part of one, for lack of
 * memory: oneDNN does. The plan then made that part in plain loops. The result is right, but the
 * time is not that library's. */
MIDL_API bool midl_plan_refused(const struct midl_plan *plan);

/* Memory that the plan holds, in bytes: weights that it packed or rounded, and workspace for the
 * largest batch, as taken from the system. The layer's own arrays, of which an f32 plan may read W
 * in place, don't count; nor does what OpenBLAS or BLIS keep for all plans of a process. */
MIDL_API size_t midl_plan_bytes(const struct midl_plan *plan);

/* Return "0.1.0". */
MIDL_API const char *midl_version(void);

/* MIDL_ABI of the header that the library was built with: what a program that loads a library by
 * name compares first. Libraries before ABI 1 lack this function. */
MIDL_API int midl_abi(void);

#ifdef __cplusplus
}
#endif
#endif

/* compare.h - two stored runs side by side: which points both have, and how much time the second
 * takes of the first's.
 *
 * Each run has its own medians and intervals; the interval of their ratio follows from both by
 * square-and-add on logarithms (MOVER: Zou and Donner 2008). It holds what the runs measured: where
 * code and data lay, and what the machine did that day, are in the difference too. Builds called
 * side by side (midl check) tell smaller ones.
 */
#ifndef MIDL_COMPARE_H
#define MIDL_COMPARE_H

#include "store.h"

enum compare_verdict {
    COMPARE_SAME,       /* the interval lies within the effect */
    COMPARE_FASTER,     /* it lies below 1, and the ratio beyond the effect */
    COMPARE_SLOWER,     /* it lies above 1, and the ratio beyond the effect */
    COMPARE_UNRESOLVED, /* neither */
    COMPARE_MISSING     /* one of the runs has no time */
};

const char *compare_verdict_name(enum compare_verdict verdict);

struct compare_time {
    double time, lo, hi; /* NaN: not measured */
};

#define COMPARE_NAME_SIZE 32

struct compare_row {
    char *shape, *variant, *dtype;        /* the shape's label; "simd-avx512"; "f32" */
    char reference[2][COMPARE_NAME_SIZE]; /* what relative times are relative to; else "" */
    struct compare_time times[2];
    double ratio, lo, hi; /* second / first */
    enum compare_verdict verdict;
};

/* A fact that makes two runs unlike: "cpu", and its value in the one and in the other. */
struct compare_difference {
    char *what, *values[2];
};

struct compare_table {
    struct compare_row *rows; /* in the order of the first run, then what only the second has */
    size_t count;
    struct compare_difference *differences;
    size_t difference_count;
};

/* Quantities compared: times of a call, or times relative to a dense layer of the same shape in the
 * same run, which takes out what hit both alike: to `linear`, whose code is OpenBLAS's and stays as
 * it is, where the run has it; else to `linear-rows`; else to the fastest. A point that the two
 * runs have relative to different layers is not compared. */
enum compare_by { COMPARE_TIME, COMPARE_RELATIVE };

/* Read both runs, each from its store (which may be the same). STORE_NONE: a run has no points. The
 * error is the store's that failed: *ret_failed. */
enum store_status compare_runs(struct store *const stores[2], const int64_t runs[2],
                               enum compare_by by, double effect, struct compare_table *ret,
                               struct store **ret_failed);

void compare_clear(struct compare_table *table); /* accepts a zeroed one */

/* Only the differences that are known before anything is measured: host, processor, instruction
 * set, compiler, flags. */
enum store_status compare_machines(struct store *const stores[2], const int64_t runs[2],
                                   struct compare_table *ret, struct store **ret_failed);

/* The newest run before `run` with points, of the same suite, processor, instruction set, compiler
 * and flags, whatever the host is called: hired machines have a new name each time. STORE_NONE if
 * there is none. */
enum store_status compare_find_like(struct store *store, int64_t run, int64_t *ret_run);

/* ---- The decision, pure -------------------------------------------------------------------- */

/* Fill ratio, lo, hi and verdict from the times. */
void compare_judge(struct compare_row *row, double effect);

#endif

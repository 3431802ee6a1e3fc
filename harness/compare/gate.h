/* gate.h - the gate at work: two builds, the points of a suite, stage by stage.
 *
 *   controls   points whose machine code is the same in both builds (midl_code_hash)
 *   qualify    the old build against a copy of itself, at a few points: what this machine can tell
 *   counts     instructions and cache misses of one call by callgrind, exact
 *   time       paired, placement by placement (compare/verdict.h), in fresh processes
 */
#ifndef MIDL_GATE_H
#define MIDL_GATE_H

#include <stdint.h>

#include "compare/accept.h"
#include "compare/library.h"
#include "compare/pair.h"
#include "compare/verdict.h"
#include "suite/case.h"

/* A rise of instructions that counts as slower where nothing is timed, relative: counts are exact,
 * but a compiler may move one or two. An instruction for each selected row counts however many
 * there are beside it. */
#define GATE_COUNT_EFFECT 0.001

/* Judge counts: 1 if `instructions` (old, new) rose by the share `effect`, or by `rows`, -1 if they
 * fell by it, else 0; 0 also where one is NaN. */
int gate_count_change(const double instructions[2], double effect, double rows);

#define GATE_PLACEMENTS 30 /* in a look */
#define GATE_ROUNDS 4      /* in a placement */
#define GATE_LOOKS 16
#define GATE_QUALIFY_POINTS 3
#define GATE_QUALIFY_LOOKS 4 /* at each, until the machine is known to be good enough */

/* Counts of callgrind in one call of the old and of the new build; NaN: not counted. */
struct gate_counts {
    double instructions[2], l1d_misses[2], ll_misses[2];
    char reason[160]; /* why there are none; "" if there are */
};

/* One point as it is reported. */
struct gate_row {
    const struct bench_case *bench_case;
    struct gate_point *point;
    double call_ns[2];             /* old, new; NaN: not timed */
    char chose[2][PAIR_NAME_SIZE]; /* the variants that ran; "" if not timed */
    struct gate_counts counts;
    const char *accepted;            /* the line of the file of accepted slowdowns; NULL: none */
    const struct accept_row *lapsed; /* the line that held last; NULL: none, or one still holds */
};

/* The differences that identical builds showed. */
struct gate_quality {
    double spread;     /* among placements, of a log ratio; mean of the points tried */
    double apart;      /* the largest shift between identical builds, relative */
    bool flagged;      /* a shift that the gate would have flagged */
    double resolvable; /* the slowdown that is found in 95 of 100 runs */
    size_t points;
};

struct gate_options {
    const char *builds[2]; /* files: old, new */
    double effect, budget_s;
    double count_effect; /* where counts decide; 0: GATE_COUNT_EFFECT, or an instruction a row */
    uint64_t seed;
    size_t inputs; /* as in struct pair_options */
    bool counts, time;
    bool changed_only; /* of the controls only a few are measured */
    bool quiet;
};

struct gate {
    const struct gate_options *options;
    const struct bench_cases *cases;
    struct gate_point *points; /* [count] */
    struct gate_row *rows;     /* [count] */
    size_t count;
    struct gate_quality quality; /* points 0: not asked */
    struct midl_library libraries[2];
    double seconds;
    char folder[256]; /* of the workers; "" if none */
    /* While it runs. */
    struct progress *progress;
    double end_ns;
    uint64_t looks;
};

/* Open both builds, find the controls. On failure nothing is left to clear. `cases` and `options`
 * must outlive it. */
enum outcome gate_begin(const struct gate_options *options, const struct bench_cases *cases,
                        struct gate *ret, struct error *error);

/* Run all stages that are asked for. OUTCOME_NO_VERDICT: the machine is too noisy, or it was
 * interrupted; the rows hold what is known. */
enum outcome gate_measure(struct gate *gate, struct error *error);

void gate_clear(struct gate *gate);

/* Whether a point says that the new build is slower, and nothing excuses it. */
bool gate_row_fails(const struct gate_row *row);

#endif

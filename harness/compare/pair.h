/* pair.h - one case called from two builds in turn: checked, then timed as a pair in many
 * placements. What one process of the gate does.
 *
 * Both builds read the same weights and inputs and write to the same output. In every placement all
 * of it is laid out anew (measure/placement.h), and the two plans, in alternating order and with a
 * gap of random size between them. Rounds are taken in random order, every other one in the order
 * of the one before reversed, so that neither build has the better position. Both make the same
 * number of calls in a sample.
 */
#ifndef MIDL_PAIR_H
#define MIDL_PAIR_H

#include <stdint.h>

#include "compare/library.h"
#include "suite/case.h"

#define GATE_INPUTS (1u << 20) /* most that may be asked for */

enum pair_status {
    PAIR_OK,
    PAIR_SKIPPED, /* one of the builds doesn't have or can't run it */
    PAIR_WRONG    /* the new build's result is wrong */
};

struct pair_options {
    uint64_t seed;
    int placements;
    int rounds;       /* in one placement; even */
    size_t inputs;    /* that calls take in turn, batch by batch; less than two batches: the same */
    double sample_ns; /* least length of one sample */
};

#define PAIR_NAME_SIZE 48

struct pair_result {
    enum pair_status status;
    double *logs; /* [count]: log(new / old), the median of each placement; to be freed */
    size_t count;
    double call_ns[2];             /* median of a call: old, new */
    char chose[2][PAIR_NAME_SIZE]; /* the variants that ran: `auto` may choose otherwise */
    char reason[MIDL_REASON_SIZE]; /* unless PAIR_OK */
};

/* Check and time a case. libraries[0]: the old build, libraries[1]: the new one. Fails for lack of
 * memory and unreadable files of the case. */
enum outcome pair_measure(const struct bench_case *bench_case,
                          const struct midl_library libraries[2],
                          const struct pair_options *options, struct pair_result *ret,
                          struct error *error);

void pair_result_clear(struct pair_result *result);

#endif

/* trial.h - everything that is demanded of a variant, at one shape: `midl verify` and the unit
 * tests of the kernels are lists of trials.
 *
 * A trial passes if the variant agrees with the oracle (check.h), and
 *   - gives the same when the batch comes in reverse order, and when it comes in parts (one by one
 *     where that isn't long): the same selection, outputs within the bound, bit for bit on whole
 *     data;
 *   - gives the same with two threads as with one: the same bits on whole data, and always if the
 *     variant is code for one instruction set. The others may rest on libraries that split their
 *     sums by threads: on real data these must stay within the bound, and it is told that bits
 *     changed;
 *   - selects the same neurons, with the same gates, as the variants tried before it.
 */
#ifndef MIDL_TRIAL_H
#define MIDL_TRIAL_H

#include "verify/checker.h"
#include "base/error.h"
#include "midl.h"
#include "verify/problem.h"

struct trial {
    struct midl_shape shape;
    size_t batch;
    enum fill fill;
    uint64_t seed;
};

#define TRIAL_TEXT_SIZE 192

/* Write "d=64 n=64 k=32 r=2 gate=lowrank:2 select=topk unselected=light batch=3 fill=normal seed=1"
 */
void trial_text(const struct trial *trial, char ret[TRIAL_TEXT_SIZE]);

/* Numbers, oracles (one a dtype) and workspace of a trial, for any number of variants. */
struct trial_data;

/* Fails for lack of memory only. *ret is the caller's. `previous` (or NULL) is used up: where only
 * the selection differs, its numbers and oracles are taken over. */
enum outcome trial_prepare(const struct trial *trial, struct trial_data *previous,
                           struct trial_data **ret, struct error *error);
void trial_destroy(struct trial_data *data); /* accepts NULL */

enum trial_verdict { TRIAL_PASSED, TRIAL_FAILED, TRIAL_SKIPPED };

struct trial_result {
    enum trial_verdict verdict;
    double error_ratio;  /* of check.h; 0 if skipped */
    bool threads_change; /* passed, but some last bits depend on the number of threads */
    char reason[MIDL_REASON_SIZE];
};

/* Try one variant. Skipped: it doesn't serve this shape. Fails for lack of memory only. */
enum outcome trial_run(struct trial_data *data, const struct midl_variant *variant,
                       struct trial_result *ret, struct error *error);

#endif

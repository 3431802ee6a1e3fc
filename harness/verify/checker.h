/* checker.h - is a kernel right? Every variant is compared with the double-precision oracle, on the
 * data that will be timed, before the first timed call.
 *
 * The output is poisoned with NaN before the call and lies between guard words; weights and inputs
 * are hashed before and after, unless the problem's owner watches them. Passing is stated
 * positively, so a NaN fails. The selection is checked apart: strictly ascending, as many as the
 * rule says, and no neuron left out whose logit is larger than a selected one's by more than both
 * logits' error bounds (exactly, ties to the lower index, where the logits are exact). Outputs are
 * then compared with the oracle's for that selection. An input with a NaN logit must be reported
 * and its outputs be NaN.
 */
#ifndef MIDL_CHECKER_H
#define MIDL_CHECKER_H

#include "base/error.h"
#include "midl.h"
#include "oracle.h"
#include "verify/problem.h"

struct check_result {
    bool ok;
    double error_ratio; /* largest |y - ref| / bound over all outputs; NaN if an output is NaN */
    double call_ns;     /* that the run took; 0 of the halves below */
    char reason[160];   /* empty if ok: "y[3][17] = 0.5, expected 0.25 +- 1e-6" */
};

/* The subject of a check: a plan, or in the checker's own tests a kernel that is broken on purpose.
 */
struct check_subject {
    enum midl_status (*run)(void *data, size_t batch, const float *x, float *y);
    struct midl_selection (*selection)(void *data); /* of the last run; unused if linear or light */
    bool linear;
    bool light; /* the light path alone: y = L */
    void *data;
};

/* Run `subject` on the problem and compare. `oracle` was made from the same problem. `exact`:
 * demand the oracle's values rounded to float, bit for bit, and exact ties in the selection
 * (integer data). Fails only for lack of memory. */
enum outcome check_run(const struct check_subject *subject, const struct problem *problem,
                       const struct midl_oracle *oracle, bool exact, struct check_result *ret,
                       struct error *error);

/* Do the same for a plan. */
enum outcome check_plan(struct midl_plan *plan, const struct problem *problem,
                        const struct midl_oracle *oracle, bool exact, struct check_result *ret,
                        struct error *error);

/* Do one of the two halves, for tests that bring their own outputs. y: [B][n]. Memory is taken for
 * one row; if there is none the result is not ok and says so. */
void check_selection(const struct midl_oracle *oracle, const struct midl_shape *shape,
                     const struct midl_selection *selection, bool exact, struct check_result *ret);
void check_output(const struct midl_oracle *oracle, const struct midl_shape *shape,
                  const struct midl_selection *selection, const float *y, bool exact,
                  struct check_result *ret); /* selection NULL: a linear variant */

#endif

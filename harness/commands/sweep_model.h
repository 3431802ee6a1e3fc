/* sweep_model.h - `midl sweep --model`: a trained model's MID-L layers, each on the inputs that it
 * meets, as cases of an ordinary sweep, and the whole network against its dense original.
 *
 * Beside each layer stand, as cases of their own, a low-rank layer and a narrower dense one of the
 * model's FLOPs. Layers and inputs go through files of a temporary folder; labels name the model.
 */
#ifndef MIDL_SWEEP_MODEL_H
#define MIDL_SWEEP_MODEL_H

#include "base/error.h"
#include "run/runner.h"
#include "suite/suite.h"

/* Texts of the options; NULL: not given. */
struct sweep_model_request {
    const char *model, *data, *batch, *kernel, *threads;
};

struct sweep_model; /* opaque */

/* Read the model, run it over test inputs, write its layers. *ret_suite has a section for each
 * layer and each alternative; it is the caller's. On success *ret is, too. */
enum outcome sweep_model_load(const struct sweep_model_request *request, struct sweep_model **ret,
                              struct suite **ret_suite, struct error *error);
void sweep_model_destroy(struct sweep_model *model); /* accepts NULL; removes the folder */

/* Say in the cases of that suite whose layers they are. They then must not outlive the model. */
void sweep_model_label(const struct sweep_model *model, struct bench_cases *cases);

/* Have the runner measure the whole network, too, for each batch and by the variants of its cases.
 */
void sweep_model_set_runner(struct sweep_model *model, struct runner *runner);

/* Print what was measured of the whole network. */
void sweep_model_print(const struct sweep_model *model);

#endif

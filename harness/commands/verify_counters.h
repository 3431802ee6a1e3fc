/* verify_counters.h - `midl verify --counters`: each variant's cost model against counts. */
#ifndef MIDL_VERIFY_COUNTERS_H
#define MIDL_VERIFY_COUNTERS_H

#include <stdbool.h>

#include "base/error.h"

/* Hold cost models against counts. kernel: a pattern as `midl verify --kernel` takes it, or NULL.
 * quick: at the first shape only. Prints the table (json: one object). Done if all that could be
 * judged is right and something was; OUTCOME_BAD if a model is wrong; OUTCOME_NO_VERDICT if nothing
 * could be judged. */
enum outcome verify_counters(const char *kernel, bool quick, bool json, bool quiet,
                             struct error *error);

#endif

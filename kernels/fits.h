/* fits.h - the predicates that rows of variants.def name: which shapes a variant serves. */
#ifndef MIDL_FITS_H
#define MIDL_FITS_H

#include "midl.h"

/* Block selection by blocks of sixteen. */
bool fits_block16(const struct midl_shape *shape, size_t max_batch, int threads,
                  char reason[MIDL_REASON_SIZE]);

/* Nothing on the full path, and light values kept: what a layer without a gate computes. */
bool fits_light(const struct midl_shape *shape, size_t max_batch, int threads,
                char reason[MIDL_REASON_SIZE]);

#endif

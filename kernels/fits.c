/* fits.c - which shapes a variant serves. */
#include "fits.h"

#include <stdio.h>

bool fits_block16(const struct midl_shape *shape, size_t max_batch, int threads,
                  char reason[MIDL_REASON_SIZE])
{
    (void)max_batch;
    (void)threads;
    if (shape->select == MIDL_SELECT_BLOCK && shape->block == 16)
        return true;
    snprintf(reason, MIDL_REASON_SIZE, "made for select = block with block = 16");
    return false;
}

bool fits_light(const struct midl_shape *shape, size_t max_batch, int threads,
                char reason[MIDL_REASON_SIZE])
{
    (void)max_batch;
    (void)threads;
    if (shape->k == 0 && shape->unselected == MIDL_UNSELECTED_LIGHT)
        return true;
    snprintf(reason, MIDL_REASON_SIZE, "the light path alone: made for k = 0, unselected = light");
    return false;
}

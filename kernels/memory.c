/* memory.c - arrays and packing. */
#include <stdlib.h>
#include <string.h>

#include "variant.h"

#if defined(__linux__)
#include <sys/mman.h>
enum { HUGE_PAGE = 2 << 20 };
#endif

void *midl_take(size_t count, size_t element_bytes, size_t *bytes_taken)
{
    size_t bytes = count * element_bytes, align = MIDL_ALIGN;
    if (element_bytes > 0 && bytes / element_bytes != count)
        return NULL;
#if defined(__linux__)
    if (bytes >= HUGE_PAGE)
        align = HUGE_PAGE;
#endif
    bytes = (bytes / align + 1) * align; /* at least one; whole units, as aligned_alloc demands */
    void *array = aligned_alloc(align, bytes);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (array && align == HUGE_PAGE)
        (void)madvise(array, bytes,
                      MADV_HUGEPAGE); /* fewer TLB misses; its refusal costs nothing */
#endif
    *bytes_taken += array ? bytes : 0;
    return array;
}

void *midl_array(size_t count, size_t element_bytes)
{
    size_t bytes = 0;
    return midl_take(count, element_bytes, &bytes);
}

enum midl_status midl_state_floats(size_t count, void **ret_state, size_t *bytes)
{
    float *floats = midl_take(count, sizeof *floats, bytes);
    if (!floats)
        return MIDL_NO_MEMORY;
    *ret_state = floats;
    return MIDL_OK;
}

size_t midl_panels_size(size_t N, size_t K)
{
    return (N + MIDL_PANEL - 1) / MIDL_PANEL * MIDL_PANEL * K;
}

void midl_panels_pack(size_t N, size_t K, size_t first, size_t rows, const float *M, float *packed)
{
    size_t panels = (N + MIDL_PANEL - 1) / MIDL_PANEL;
    if (first == 0)
        memset(packed, 0, midl_panels_size(N, K) * sizeof *packed);
    for (size_t j = first; j < first + rows; j++, M += K) {
        size_t panel = j / MIDL_PANEL, stride = midl_panels_beside(panels, panel) * MIDL_PANEL;
        float *to = packed + midl_panels_at(K, panel) + j % MIDL_PANEL;
        for (size_t i = 0; i < K; i++)
            to[i * stride] = M[i];
    }
}

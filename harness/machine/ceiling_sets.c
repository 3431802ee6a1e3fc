/* ceiling_sets.c - the sets of loops in this build, and which of them run here. */
#include "machine/ceiling_loops.h"

#include "base/util.h"
#include "midl_config.h"

extern const struct ceiling_set ceiling_set_portable, ceiling_set_neon, ceiling_set_avx2,
    ceiling_set_avx512;

static const struct ceiling_set *const sets[] = {
    &ceiling_set_portable,
#if MIDL_BUILD_NEON
    &ceiling_set_neon,
#endif
#if MIDL_BUILD_AVX2
    &ceiling_set_avx2,
#endif
#if MIDL_BUILD_AVX512
    &ceiling_set_avx512,
#endif
};

_Static_assert(COUNT(sets) == 1 || COUNT(sets) * 4 <= PEAKS_MAX, "room for all peaks");

/* NEON's registers are what the 16-byte vectors of the portable reads lie in. */
read_loop *const *ceiling_reads(void)
{
    size_t best = 0;
    for (size_t i = 1; i < COUNT(sets); i++)
        if (midl_isa_available(sets[i]->isa))
            best = i;
    return sets[best]->reads;
}

static bool runs(const struct ceiling_set *set, const struct peak_loop *peak)
{
    return peak->name && midl_isa_available(set->isa) && (!peak->needs || peak->needs());
}

const struct peak_loop *ceiling_peak(size_t i)
{
    for (size_t s = 0; s < COUNT(sets); s++)
        for (size_t p = 0; p < SET_PEAKS_MAX; p++)
            if (runs(sets[s], &sets[s]->peaks[p]) && i-- == 0)
                return &sets[s]->peaks[p];
    return NULL;
}

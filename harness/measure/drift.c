/* drift.c - the loop, and which of its times are unusual. */
#include "measure/drift.h"

#include <math.h>

#include "stats.h"

void reference_call(void *data)
{
    uint64_t *sums = data;
    uint64_t a = sums[0], b = sums[1], c = sums[2], d = sums[3], e = sums[4], f = sums[5];
    for (uint64_t i = 0; i < 1024; i++) {
        a += i, b ^= a, c += i, d ^= c, e += i, f ^= e;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d, sums[4] = e, sums[5] = f;
}

size_t reference_mark(const double *reference_ns, size_t count, bool *disturbed)
{
    size_t marked = 0;
    double calm_ns = count > 0 ? stats_quantile(reference_ns, count, REFERENCE_CALM) : NAN;
    for (size_t i = 0; i < count; i++) {
        disturbed[i] = !(reference_ns[i] <= (1 + REFERENCE_DISTURBED) * calm_ns);
        marked += disturbed[i];
    }
    return marked;
}

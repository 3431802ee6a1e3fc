/* noise.h - how much do two identical kernels seem to differ on this machine, now? */
#ifndef MIDL_NOISE_H
#define MIDL_NOISE_H

#include <stddef.h>

#include "base/error.h"
#include "store.h"

#define NOISE_BLOCK 40 /* pairs in one comparison, as in a sweep's */
#define NOISE_BLOCKS 5

struct noise {
    size_t pairs;
    double seconds, sample_ns; /* of one kernel in one pair */
    double chance;     /* 95 % of comparisons of NOISE_BLOCK pairs differ by less, relative; NaN: of
                          fewer than NOISE_BLOCKS nothing can be said */
    double resolvable; /* half the 95 % interval of such a comparison, relative */
    double pairs_for_1_percent, seconds_for_1_percent; /* both kernels together */
    double stolen;                                     /* share of time meanwhile; NaN: unknown */
    double disturbed; /* share of the pairs that something else on the core disturbed */
};

/* Judge from the times of two identical kernels in `pairs` rounds: everything but seconds,
 * sample_ns and stolen. pairs >= NOISE_BLOCK. */
void noise_judge(const double *a_ns, const double *b_ns, size_t pairs, struct noise *ret);

/* Measure for about `seconds`, at least one block. Fails for lack of memory, or if it was
 * interrupted too early. */
enum outcome noise_measure(double seconds, struct noise *ret, struct error *error);

/* Write the noise as facts of a run. The rows point into *ret. */
enum { NOISE_FACTS = 7 };
struct noise_facts {
    struct store_fact rows[NOISE_FACTS];
    char texts[NOISE_FACTS][24];
};
void noise_facts(const struct noise *noise, struct noise_facts *ret);

/* "identical code differed by up to 1.2 % by chance; ..." */
#define NOISE_TEXT 160
void noise_text(const struct noise *noise, char ret[NOISE_TEXT]);

#endif

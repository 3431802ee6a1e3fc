/* smi_oracles.c - the estimators of sliced mutual information on known questions, at full size:
 *
 *   smi_oracles [POINTS [SLICES [SEEDS]]]      default 4000 points, 4000 slices, 3 seeds
 *
 * A line per question and seed; ends with 1 if an answer is out of bounds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/rng.h"
#include "learn/sliced_information.h"
#include "../smi_oracles.h"

int main(int argc, char **argv)
{
    size_t points = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000;
    size_t slices = argc > 2 ? strtoul(argv[2], NULL, 10) : 4000;
    size_t seeds = argc > 3 ? strtoul(argv[3], NULL, 10) : 3;
    bool all = true;
    for (size_t i = 0; i < SMI_ORACLES; i++)
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            const struct smi_oracle *oracle = &smi_oracles[i];
            bool line = oracle->d == 1; /* one direction and its opposite: points count */
            struct smi_options options = {
                .slices = line ? 2 : slices, .neighbours = 3, .groups = 10, .seed = seed};
            clock_t start = clock();
            struct smi_estimate got =
                smi_oracle_ask(oracle, line ? 10 * points : points, 100 + seed, &options);
            bool close = smi_oracle_close(oracle, got.nats);
            all = all && close;
            printf("%-36s %.6f  got %.6f (%.6f to %.6f)  %5.1f s  %s\n", oracle->name, oracle->nats,
                   got.nats, got.lo, got.hi, (double)(clock() - start) / CLOCKS_PER_SEC,
                   close ? "ok" : "OUT OF BOUNDS");
            fflush(stdout);
        }
    return all ? 0 : 1;
}

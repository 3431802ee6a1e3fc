/* warnings.h - what will spoil a measurement on this machine, and how to mend it. */
#ifndef MIDL_WARNINGS_H
#define MIDL_WARNINGS_H

#include <stddef.h>

#include "machine/machine.h"

#define WARNINGS_MAX 16
#define WARNING_SIZE 240

struct warning_facts {
    const struct machine *machine;
    double stolen;             /* share of time; NaN: unknown */
    bool hardware_counters;    /* at least one counts rightly */
    const char *callgrind_not; /* why callgrind can't run; NULL: it can */
};

/* Write one line each: what, why it matters, what to do. Returns how many. */
size_t warnings_find(const struct warning_facts *facts, char ret[WARNINGS_MAX][WARNING_SIZE]);

#endif

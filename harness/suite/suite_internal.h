/* suite_internal.h - a parsed suite from inside: what suite.c reads and expand.c multiplies. */
#ifndef MIDL_SUITE_INTERNAL_H
#define MIDL_SUITE_INTERNAL_H

#include "suite/axis.h"
#include "suite/suite.h"

/* An axis as given; list.count is 0 if it was not. */
struct suite_axis {
    struct axis_list list;
    int line; /* 0: from an option */
};

/* One [sweep]. Words of enums (gate, select, ...) are also numbers: the enum's values. */
struct suite_section {
    int line; /* of its heading */
    struct suite_axis axes[SUITE_AXES];
};

/* One [train], as text: what its keys mean is known where networks are trained. */
struct suite_train {
    struct suite_pair *pairs;
    size_t count, room;
};

struct suite {
    char name[64], origin[256]; /* origin: what messages begin with; "" for a custom suite */
    char *question;
    double target, budget_ns;
    unsigned counters;
    struct axis_list reference; /* words; count 0: none */
    bool bare;                  /* expanded without it */
    struct suite_section *sections;
    size_t section_count;
    struct suite_train *trains;
    size_t train_count;
};

#endif

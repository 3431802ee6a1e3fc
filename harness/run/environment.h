/* environment.h - what a run was made on and with, as rows for the store. */
#ifndef MIDL_ENVIRONMENT_H
#define MIDL_ENVIRONMENT_H

#include <stddef.h>

#include "store.h"

/* At most ENVIRONMENT_FACTS rows: the machine, the build, the libraries. Collected once; *ret stays
 * valid. */
enum { ENVIRONMENT_FACTS = 48 };
size_t environment_facts(const struct store_fact **ret);

#endif

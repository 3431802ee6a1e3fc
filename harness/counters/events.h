/* events.h - counting events through PAPI: what probe.c needs of papi.c.
 *
 * Events come from PAPI's perf_event component. PAPI 7.0 shuts that component, software events
 * included, when libpfm4 doesn't know the processor's counters: on processors newer than the
 * library and on most virtual machines. The events that the kernel itself has names for are
 * therefore also handed to PAPI through its door for software-defined events (libsde), under
 * "sde:::midl::NAME", read by perf_event_open. */
#ifndef MIDL_EVENTS_H
#define MIDL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "counters/counters.h"

struct event_count {
    double per_call; /* NaN: not counted, see reason */
    double share;    /* of the time it was counted; NaN: all of it */
    char reason[COUNTER_REASON_SIZE];
};

/* Whether PAPI would count it; the reason if not. */
bool event_exists(const char *event, char reason[COUNTER_REASON_SIZE]);

/* Count `events` over `calls` calls, in as many passes as it takes. */
void event_count(const char *const *events, size_t count, void (*call)(void *), void *data,
                 int calls, struct event_count *ret);

#endif

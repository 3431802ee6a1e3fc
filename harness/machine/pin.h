/* pin.h - keeping the measuring thread on one processor. */
#ifndef MIDL_PIN_H
#define MIDL_PIN_H

#include <stdbool.h>
#include <stddef.h>

/* Keep the calling thread on the processor where it first asked for this, if the system allows it;
 * `false`: on any that it was allowed before. Threads that it makes meanwhile stay there too. */
void pin_thread(bool pinned);

/* Write whether pinning works here and to which processor, for the store. */
void pin_text(char *ret, size_t size);

#endif

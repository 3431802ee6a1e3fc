/* stop.h - stopping cleanly when asked to, by Ctrl-C, SIGTERM or SIGHUP. */
#ifndef MIDL_STOP_H
#define MIDL_STOP_H

#include <signal.h>

/* Set by SIGINT, SIGTERM and SIGHUP once stop_on_signals() was called; a second one ends the
 * process as if it had never been called. A process that hasn't ended 0.8 s after the first,
 * because a step or a library takes longer, is ended with OUTCOME_NO_VERDICT and a line. */
extern volatile sig_atomic_t stop_requested;
void stop_on_signals(void);

/* Have that line tell by which command to go on; before stop_on_signals(). */
void stop_advise(const char *command);

#endif

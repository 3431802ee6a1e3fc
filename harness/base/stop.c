/* stop.c - stopping cleanly when asked to. */
#include "base/stop.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/time.h>

#include "base/ending.h"
#include "base/error.h"
#include "base/start.h"
#include "base/temporary.h"

#define PATIENCE_US 800000 /* from the request to the end, at most */

volatile sig_atomic_t stop_requested;
static char late_line[1024] =
    "midl: interrupted, in the middle of a step that takes longer; what was "
    "stored before is safe\n";

/* The first signal asks to finish what is under way, within a limit; the second has its usual
 * effect, as soon as this handler returns and the signal is let through. */
static void on_stop_signal(int number, siginfo_t *info, void *context)
{
    const struct itimerval limit = {.it_value = {.tv_usec = PATIENCE_US}};
    (void)context;
    start_end_if_raised(info);
    if (stop_requested) {
        temporary_remove_all();
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_requested = 1;
    setitimer(ITIMER_REAL, &limit, NULL);
}

/* The request was not heeded: a call of a library, say, that waits for ever. */
static void on_late(int number)
{
    (void)number;
    ending_now(late_line, OUTCOME_NO_VERDICT);
}

void stop_advise(const char *command)
{
    snprintf(late_line, sizeof late_line,
             "midl: interrupted, in the middle of a step that takes longer; what was stored before "
             "is safe; to go on: %.800s\n",
             command);
}

void stop_on_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_stop_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction late = {.sa_handler = on_late};
    sigemptyset(&action.sa_mask);
    sigemptyset(&late.sa_mask);
    sigaction(SIGALRM, &late, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A terminal that is closed; nohup asks to be spared. */
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

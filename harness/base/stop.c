/* stop.c - stopping cleanly when asked to. */
#include "base/stop.h"

#include <stddef.h>

volatile sig_atomic_t stop_requested;

/* The first signal asks to finish what is under way; the second has its usual effect, as soon as
 * this handler returns and the signal is let through. */
static void on_stop_signal(int number)
{
    if (stop_requested) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_requested = 1;
}

void stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A terminal that is closed; nohup asks to be spared. */
    struct sigaction hangup;
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaction(SIGHUP, &action, NULL);
}

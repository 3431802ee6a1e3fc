/* counters.c - counting a call by PAPI, and choosing who counts what. */
#include "counters/counters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "counters/events.h"
#include "counters/groups.h"

/* ---- Counting a call ------------------------------------------------------------------------- */

/* Put a row into the set; the reason, if any, is copied. */
static void put_row(struct counter_set *set, const char *name, double per_call, double share,
                    const char *reason)
{
    if (set->count == COUNTER_MAX)
        return;
    char *text = set->text[set->count];
    snprintf(text, COUNTER_REASON_SIZE, "%s", reason);
    set->counters[set->count++] = (struct store_counter){.counter = name,
                                                         .source = "papi",
                                                         .reason = *reason ? text : NULL,
                                                         .per_call = per_call,
                                                         .scaled = share};
}

/* Worker threads go on looking for work for a while after they had some: wait until they sleep, so
 * that what they do then belongs to the calls. At most a quarter of a second. */
static void wait_for_others(void)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    double busy_ns = INFINITY;
    for (int i = 0; i < 50 && busy_ns > 0.02 * (double)moment.tv_nsec; i++) {
        double before_ns = clock_process_ns() - clock_thread_ns();
        nanosleep(&moment, NULL);
        busy_ns = clock_process_ns() - clock_thread_ns() - before_ns;
    }
}

void counters_papi(void (*call)(void *), void *data, int calls, unsigned wanted,
                   struct counter_set *ret)
{
    static const char *const others = "other threads took part: only the calling one is counted";
    const struct counter_state *states;
    size_t count = counters_probe(&states), working = 0;
    const char *events[COUNTER_MAX];
    struct event_count counts[COUNTER_MAX];
    bool taken[COUNTER_MAX];
    for (size_t i = 0; i < count; i++) {
        taken[i] = groups_wants(wanted, states[i].name);
        if (taken[i] && states[i].works)
            events[working++] = states[i].event;
    }
    wait_for_others();
    double own_ns = clock_thread_ns(), all_ns = clock_process_ns();
    event_count(events, working, call, data, calls > 0 ? calls : 1, counts);
    own_ns = clock_thread_ns() - own_ns;
    all_ns = clock_process_ns() - all_ns;
    bool alone = own_ns >= 0.9 * all_ns;
    *ret = (struct counter_set){0};
    for (size_t i = 0, w = 0; i < count; i++) {
        if (!taken[i])
            continue;
        const struct event_count *result = states[i].works ? &counts[w++] : NULL;
        if (!result)
            put_row(ret, states[i].name, NAN, NAN, states[i].reason);
        else if (!alone)
            put_row(ret, states[i].name, NAN, NAN, others);
        else
            put_row(ret, states[i].name, result->per_call, result->share, result->reason);
    }
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static bool papi_counts(const char *counter)
{
    const struct counter_state *states;
    size_t count = counters_probe(&states);
    for (size_t i = 0; i < count; i++)
        if (strcmp(states[i].name, counter) == 0)
            return states[i].works;
    return false;
}

unsigned counters_resolve(unsigned wanted)
{
    if (wanted == 0 || wanted & (COUNT_PAPI | COUNT_CALLGRIND))
        return wanted;
    const struct group_counter *rows;
    size_t count = groups_counters(&rows);
    wanted |= COUNT_PAPI;
    for (size_t i = 0; i < count; i++)
        if (groups_wants(wanted, rows[i].name) && rows[i].papi && rows[i].callgrind &&
            !papi_counts(rows[i].name))
            wanted |= COUNT_CALLGRIND;
    return wanted;
}

/* papi.c - events counted through PAPI, one event set after the other until all have had a turn.
 *
 * An event set holds what the processor can count together: events are added until PAPI refuses
 * one, which then waits for the next pass. Nothing is multiplexed by us; what the kernel
 * multiplexed is scaled, where the scale can be known (events that PAPI reads through us, see
 * events.h). */
#define _GNU_SOURCE /* syscall */
#include "counters/events.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness_config.h"

double counters_scale(uint64_t raw, uint64_t enabled, uint64_t running, double *ret_share)
{
    if (running == 0 && enabled > 0)
        return NAN;
    *ret_share = running < enabled ? (double)running / (double)enabled : NAN;
    return running < enabled ? (double)raw * ((double)enabled / (double)running) : (double)raw;
}

#if MIDL_HAVE_PAPI

#include <errno.h>
#include <linux/perf_event.h>
#include <papi.h>
#include <sys/syscall.h>
#include <unistd.h>

#if MIDL_HAVE_SDE
#include <sde_lib.h>
#endif

#define EVENTS_PER_SET 16

/* "EVENT: what is the matter" */
__attribute__((format(printf, 3, 4))) static void say(char reason[COUNTER_REASON_SIZE],
                                                      const char *event, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(reason, COUNTER_REASON_SIZE, "%.40s: ", event);
    va_start(arguments, format);
    vsnprintf(reason + used, COUNTER_REASON_SIZE - (size_t)used, format, arguments);
    va_end(arguments);
}

/* ---- The kernel's own events ----------------------------------------------------------------- */

struct kernel_event {
    const char *name; /* as PAPI knows it: perf::NAME, and sde:::midl::NAME */
    uint32_t type;
    uint64_t config;
    bool in_kernel; /* happens in the kernel only: needs the right to count there */
    int fd;
    double share; /* of the time it was counted, when last read */
    bool unread;  /* a reading failed since it was opened: what PAPI got is no count */
};

#define CACHE_LOAD_MISSES(cache)                                                                   \
    (PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_READ << 8 |                              \
     PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

static struct kernel_event kernel_events[] = {
    {"INSTRUCTIONS", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, false, -1, NAN, false},
    {"CYCLES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false, -1, NAN, false},
    {"BRANCH-MISSES", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES, false, -1, NAN, false},
    {"L1-DCACHE-LOAD-MISSES", PERF_TYPE_HW_CACHE, CACHE_LOAD_MISSES(L1D), false, -1, NAN, false},
    {"LLC-LOAD-MISSES", PERF_TYPE_HW_CACHE, CACHE_LOAD_MISSES(LL), false, -1, NAN, false},
    {"DTLB-LOAD-MISSES", PERF_TYPE_HW_CACHE, CACHE_LOAD_MISSES(DTLB), false, -1, NAN, false},
    {"PAGE-FAULTS", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, false, -1, NAN, false},
    {"TASK-CLOCK", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, false, -1, NAN, false},
    {"CONTEXT-SWITCHES", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, true, -1, NAN, false},
    {"CPU-MIGRATIONS", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, true, -1, NAN, false},
};

#define KERNEL_EVENTS (sizeof kernel_events / sizeof *kernel_events)

/* The kernel's event behind perf::NAME or sde:::midl::NAME; NULL if the name is no such. */
static struct kernel_event *kernel_event_find(const char *event)
{
    const char *colon = strrchr(event, ':');
    for (size_t i = 0; colon && i < KERNEL_EVENTS; i++)
        if (strcmp(kernel_events[i].name, colon + 1) == 0)
            return &kernel_events[i];
    return NULL;
}

/* A descriptor that counts for the calling thread, or -1 with errno. What counts in user code only,
 * as PAPI does, stays right where counting in the kernel is forbidden. */
static int kernel_event_open(const struct kernel_event *event)
{
    struct perf_event_attr attributes = {.type = event->type,
                                         .size = sizeof attributes,
                                         .config = event->config,
                                         .exclude_kernel = !event->in_kernel,
                                         .exclude_hv = 1,
                                         .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
                                                        PERF_FORMAT_TOTAL_TIME_RUNNING};
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static int paranoid_level(void)
{
    int level = -1;
    FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "r");
    if (file && fscanf(file, "%d", &level) != 1)
        level = -1;
    if (file)
        fclose(file);
    return level;
}

/* Why the kernel gave no counter, from its errno. */
static void say_obstacle(char reason[COUNTER_REASON_SIZE], const char *event, int error)
{
    if (error == EACCES || error == EPERM)
        say(reason, event,
            "forbidden, perf_event_paranoid is %d: as root, sysctl kernel.perf_event_paranoid=1",
            paranoid_level());
    else if (error == ENOENT || error == EOPNOTSUPP || error == ENODEV)
        say(reason, event, "the kernel offers no such counter on this machine");
    else
        say(reason, event, "the kernel refuses it: %s", strerror(error));
}

#if MIDL_HAVE_SDE
/* Read one counter; PAPI calls this. */
static long long kernel_event_read(void *data)
{
    struct kernel_event *event = data;
    struct {
        uint64_t value, enabled, running;
    } seen;
    double value = NAN;
    if (read(event->fd, &seen, sizeof seen) == sizeof seen)
        value = counters_scale(seen.value, seen.enabled, seen.running, &event->share);
    event->unread = event->unread || !isfinite(value);
    return isfinite(value) ? (long long)value : 0;
}

static void kernel_events_register(void)
{
    papi_handle_t handle = papi_sde_init("midl");
    for (size_t i = 0; handle && i < KERNEL_EVENTS; i++)
        papi_sde_register_counter_cb(handle, kernel_events[i].name, PAPI_SDE_RO | PAPI_SDE_DELTA,
                                     PAPI_SDE_long_long, kernel_event_read, &kernel_events[i]);
}
#else
static void kernel_events_register(void)
{
}
#endif

/* ---- PAPI ------------------------------------------------------------------------------------ */

/* NULL if PAPI runs, else why not. Starts it once. */
static const char *papi_start(void)
{
    static bool asked;
    static char text[COUNTER_REASON_SIZE];
    if (!asked) {
        asked = true;
        kernel_events_register();
        int version = PAPI_library_init(PAPI_VER_CURRENT);
        if (version != PAPI_VER_CURRENT)
            snprintf(text, sizeof text, "PAPI doesn't start (%s)",
                     version < 0 ? PAPI_strerror(version) : "another version than built with");
        else
            PAPI_set_debug(PAPI_QUIET);
    }
    return *text ? text : NULL;
}

/* Why PAPI refuses an event: the kernel's own answer says more than PAPI's, where it refuses too.
 */
static void say_refused(char reason[COUNTER_REASON_SIZE], const char *event, int status)
{
    const struct kernel_event *asked = kernel_event_find(event);
    int fd = kernel_event_open(asked ? asked : &kernel_events[0]), error = errno;
    if (fd < 0) {
        say_obstacle(reason, event, error);
        return;
    }
    close(fd);
    int component = PAPI_get_component_index("perf_event");
    const PAPI_component_info_t *info = component >= 0 ? PAPI_get_component_info(component) : NULL;
    if (info && info->disabled && strncmp(event, "sde:::", 6) != 0)
        say(reason, event, "PAPI has shut perf_event (%s)", info->disabled_reason);
    else
        say(reason, event, "PAPI refuses it (%s)", PAPI_strerror(status));
}

static void set_close(int *set)
{
    PAPI_cleanup_eventset(*set);
    PAPI_destroy_eventset(set);
    *set = PAPI_NULL;
}

static void count_nothing(void *data)
{
    (void)data;
}

/* Start, call, stop. */
static int run_set(int set, void (*call)(void *), void *data, int calls,
                   long long values[EVENTS_PER_SET])
{
    int status = PAPI_start(set);
    if (status != PAPI_OK)
        return status;
    for (int i = 0; i < calls; i++)
        call(data);
    return PAPI_stop(set, values);
}

/* One pass over the first open events that fit together, at most `most`. members: their numbers. */
struct pass {
    size_t members[EVENTS_PER_SET], count;
};

/* Fill `set` from the open events. An event that doesn't go even into an empty set is refused: its
 * reason is said and it isn't open any more. */
static void fill_set(int set, const char *const *events, size_t count, size_t most, bool *open,
                     struct event_count *ret, struct pass *pass)
{
    pass->count = 0;
    for (size_t i = 0; i < count && pass->count < most; i++) {
        if (!open[i])
            continue;
        int status = PAPI_add_named_event(set, events[i]);
        if (status == PAPI_OK) {
            pass->members[pass->count++] = i;
        } else if (pass->count == 0) {
            say_refused(ret[i].reason, events[i], status);
            open[i] = false;
        }
    }
}

/* Count what starting and stopping alone costs: the least of some tries, because an interrupt or a
 * first touch only ever adds. */
static int count_idle(int set, size_t count, long long idle[EVENTS_PER_SET])
{
    enum { TRIES = 5 };
    int status = run_set(set, count_nothing, NULL, 1, idle);
    for (int try = 1; try < TRIES && status == PAPI_OK; try++) {
        long long values[EVENTS_PER_SET] = {0};
        status = run_set(set, count_nothing, NULL, 1, values);
        for (size_t i = 0; i < count; i++)
            if (values[i] < idle[i])
                idle[i] = values[i];
    }
    return status;
}

/* Values of one pass per call, less what starting and stopping alone counts. */
static int count_pass(int set, const struct pass *pass, void (*call)(void *), void *data, int calls,
                      struct event_count *ret)
{
    long long idle[EVENTS_PER_SET] = {0}, values[EVENTS_PER_SET] = {0};
    int status = count_idle(set, pass->count, idle);
    if (status == PAPI_OK)
        status = run_set(set, call, data, calls, values);
    if (status != PAPI_OK)
        return status;
    for (size_t i = 0; i < pass->count; i++) {
        double events = (double)values[i] - (double)idle[i];
        ret[pass->members[i]].per_call = fmax(events, 0) / calls;
    }
    return PAPI_OK;
}

static void count_all(const char *const *events, size_t count, void (*call)(void *), void *data,
                      int calls, bool *open, struct event_count *ret)
{
    size_t most = EVENTS_PER_SET;
    for (;;) {
        int set = PAPI_NULL, status = PAPI_create_eventset(&set);
        struct pass pass = {.count = 0};
        if (status == PAPI_OK)
            fill_set(set, events, count, most, open, ret, &pass);
        if (pass.count > 0)
            status = count_pass(set, &pass, call, data, calls, ret);
        if (set != PAPI_NULL)
            set_close(&set);
        if (pass.count == 0)
            return;
        /* A set that was accepted but doesn't start: its events one by one. */
        if (status != PAPI_OK && pass.count > 1) {
            most = 1;
            continue;
        }
        for (size_t i = 0; i < pass.count; i++) {
            if (status != PAPI_OK)
                say_refused(ret[pass.members[i]].reason, events[pass.members[i]], status);
            open[pass.members[i]] = false;
        }
    }
}

/* Make ready what PAPI reads through us; false with the reason. */
static bool event_open(const char *name, char reason[COUNTER_REASON_SIZE])
{
    struct kernel_event *event = kernel_event_find(name);
    if (strncmp(name, "sde:::", 6) != 0)
        return true;
    if (event)
        event->fd = kernel_event_open(event);
    if (!event || event->fd < 0)
        say_obstacle(reason, name, event ? errno : ENOENT);
    return event && event->fd >= 0;
}

static void event_close(const char *name, struct event_count *ret)
{
    struct kernel_event *event = kernel_event_find(name);
    if (!event || event->fd < 0)
        return;
    ret->share = event->share;
    if (event->unread && isfinite(ret->per_call)) {
        ret->per_call = NAN;
        say(ret->reason, name, "the processor had no room for it, or it couldn't be read");
    }
    close(event->fd);
    event->fd = -1;
    event->share = NAN;
    event->unread = false;
}

void event_count(const char *const *events, size_t count, void (*call)(void *), void *data,
                 int calls, struct event_count *ret)
{
    bool open[COUNTER_MAX];
    const char *obstacle = papi_start();
    for (size_t i = 0; i < count; i++) {
        ret[i] = (struct event_count){.per_call = NAN, .share = NAN};
        open[i] = !obstacle && event_open(events[i], ret[i].reason);
        if (obstacle)
            say(ret[i].reason, events[i], "%s", obstacle);
    }
    count_all(events, count, call, data, calls, open, ret);
    for (size_t i = 0; i < count; i++) {
        event_close(events[i], &ret[i]);
        if (!isfinite(ret[i].per_call) && !*ret[i].reason)
            say(ret[i].reason, events[i], "PAPI makes no set to count it in");
    }
}

bool event_exists(const char *event, char reason[COUNTER_REASON_SIZE])
{
    struct event_count result;
    event_count(&event, 1, count_nothing, NULL, 1, &result);
    if (!isfinite(result.per_call))
        snprintf(reason, COUNTER_REASON_SIZE, "%s", result.reason);
    return isfinite(result.per_call);
}

#else

bool event_exists(const char *event, char reason[COUNTER_REASON_SIZE])
{
    snprintf(reason, COUNTER_REASON_SIZE, "%s: built without PAPI", event);
    return false;
}

void event_count(const char *const *events, size_t count, void (*call)(void *), void *data,
                 int calls, struct event_count *ret)
{
    (void)call;
    (void)data;
    (void)calls;
    for (size_t i = 0; i < count; i++) {
        ret[i] = (struct event_count){.per_call = NAN, .share = NAN};
        event_exists(events[i], ret[i].reason);
    }
}

#endif

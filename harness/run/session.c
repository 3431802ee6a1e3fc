/* session.c - one run in the store, from its beginning to its end. */
#include "run/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/util.h"
#include "commit.h"
#include "machine/machine.h"
#include "midl.h"
#include "run/environment.h"

#define PROCESS_SIZE 128
#define SEEN_S 600 /* without a sign of life for so long, a process out of sight is gone */

enum outcome session_outcome(enum store_status status)
{
    if (status == STORE_OK)
        return OUTCOME_DONE;
    return status == STORE_MACHINE ? OUTCOME_MACHINE : OUTCOME_USAGE;
}

enum outcome session_result(const struct store *store, enum store_status status,
                            struct error *error)
{
    if (status == STORE_OK)
        return OUTCOME_DONE;
    return fail(error, session_outcome(status), "%s", store_error(store));
}

enum outcome session_check(const struct session *session, enum store_status status,
                           struct error *error)
{
    return session_result(session->store, status, error);
}

static enum outcome open_store(const char *db, enum store_mode mode, struct store **ret,
                               struct error *error)
{
    char reason[STORE_ERROR_SIZE];
    enum store_status status = store_open(db, mode, ret, reason);
    if (status == STORE_OK)
        return OUTCOME_DONE;
    return fail(error, session_outcome(status), "%s", reason);
}

enum outcome session_open(struct session *session, const char *db, struct error *error)
{
    *session = (struct session){.run_id = 0};
    return open_store(db, STORE_WRITE, &session->store, error);
}

enum outcome session_read(const char *db, struct store **ret, struct error *error)
{
    return open_store(db, STORE_READ, ret, error);
}

enum outcome session_write(const char *db, struct store **ret, struct error *error)
{
    return open_store(db, STORE_WRITE, ret, error);
}

/* ---- Which process makes a run --------------------------------------------------------------- */

/* When the process began, in clock ticks since the system did; 0 if there is no such process. */
static unsigned long long start_of(long pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    char *text = file_text(path);
    /* The second field is the program's name in parentheses, which may hold anything. */
    const char *at = text ? strrchr(text, ')') : NULL;
    unsigned long long start = 0;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at)
        start = strtoull(at, NULL, 10);
    free(text);
    return start;
}

/* The number of the namespace in which this process has its number. */
static unsigned long long process_space(void)
{
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 ? (unsigned long long)info.st_ino : 0;
}

/* "PID START BOOT SPACE" of a process: no other ever has the same. */
static void process_text(long pid, char ret[PROCESS_SIZE])
{
    char *boot = file_text("/proc/sys/kernel/random/boot_id");
    snprintf(ret, PROCESS_SIZE, "%ld %llu %.*s %llu", pid, start_of(pid),
             boot ? (int)strcspn(boot, "\n") : 0, boot ? boot : "", process_space());
    free(boot);
}

/* Whether the process is of this system, where it can be looked for: the words behind its start are
 * the same. */
static bool is_of_here(const char *made_by, const char *now)
{
    const char *a = strchr(made_by, ' '), *b = strchr(now, ' ');
    a = a ? strchr(a + 1, ' ') : NULL;
    b = b ? strchr(b + 1, ' ') : NULL;
    return a && b && strcmp(a, b) == 0;
}

/* A process of this system is looked for. One of another boot, machine or container can't be: it
 * lives as long as it gave a sign of life not long ago. */
static bool process_lives(const char *made_by, int64_t seen_s)
{
    char now[PROCESS_SIZE];
    process_text(strtol(made_by, NULL, 10), now);
    return is_of_here(made_by, now) ? strcmp(made_by, now) == 0 : seen_s < SEEN_S;
}

/* Mark the runs of this host as interrupted whose process is gone: it was killed. */
static enum store_status end_killed(struct store *store)
{
    enum store_status status = STORE_OK;
    int64_t run_id = 0;
    char made_by[PROCESS_SIZE], seen[32];
    while (status == STORE_OK) {
        status = store_next_running(store, machine_get()->host, run_id, &run_id);
        if (status != STORE_OK)
            break;
        enum store_status known = store_fact_of(store, run_id, "process", made_by, sizeof made_by);
        bool told = store_fact_of(store, run_id, "seen", seen, sizeof seen) == STORE_OK;
        int64_t seen_s = told ? (int64_t)time(NULL) - strtoll(seen, NULL, 10) : SEEN_S;
        if (known == STORE_OK && !process_lives(made_by, seen_s))
            status = store_run_end(store, run_id, "interrupted");
    }
    return status == STORE_NONE ? STORE_OK : status;
}

/* Facts that change numbers: a run that differs in one of them is another. */
static const char *const identity[] = {
    "host",      "cpu",         "isa",           "microcode",    "compiler",
    "flags",     "openblas",    "openblas_core", "onednn",       "blis",
    "variables", "calibration", "cores",         "memory_bytes", "google_benchmark",
    "cpu_quota"};

/* The hash of what is measured, and on what. */
static void identity_hash(const char *measured, char ret[17])
{
    const struct store_fact *facts;
    size_t count = environment_facts(&facts);
    uint64_t hash = fnv1a(FNV_START, measured);
    for (size_t i = 0; i < COUNT(identity); i++)
        for (size_t j = 0; j < count; j++)
            if (strcmp(facts[j].name, identity[i]) == 0)
                hash = fnv1a(fnv1a(fnv1a(hash, "\n"), identity[i]), facts[j].value);
    hash = fnv1a(fnv1a(hash, "\n"), midl_isa_name(midl_isa_best()));
    snprintf(ret, 17, "%016" PRIx64, hash);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

enum outcome session_begin(struct session *session, const struct session_run *run,
                           struct error *error)
{
    const struct machine *machine = machine_get();
    const struct store_fact *facts;
    size_t count = environment_facts(&facts);
    char hash[17];
    identity_hash(run->hash, hash);
    const struct store_run row = {.suite = run->suite,
                                  .suite_hash = hash,
                                  .git_commit = MIDL_COMMIT,
                                  .version = midl_version(),
                                  .host = machine->host,
                                  .cpu = machine->cpu,
                                  .isa = midl_isa_name(midl_isa_best()),
                                  .compiler = machine->compiler,
                                  .flags = machine->flags,
                                  .argv = run->command,
                                  .seed = run->seed};
    /* Name the process from the first moment on: no other one may take the run for a dead one's. */
    struct store_fact known[ENVIRONMENT_FACTS + 2];
    char process[PROCESS_SIZE], seen[32];
    process_text((long)getpid(), process);
    snprintf(seen, sizeof seen, "%lld", (long long)time(NULL));
    memcpy(known, facts, count * sizeof *facts);
    known[count++] = (struct store_fact){"process", process};
    known[count++] = (struct store_fact){"seen", seen};
    enum store_status status = end_killed(session->store);
    if (status == STORE_OK)
        status = store_run_begin(session->store, &row, known, count, &session->run_id);
    session->running = status == STORE_OK;
    return session_check(session, status, error);
}

enum outcome session_resume(struct session *session, const struct session_run *run, bool *ret_found,
                            struct error *error)
{
    char process[PROCESS_SIZE], hash[17];
    const struct store_claim claim = {.process = process, .lives = process_lives};
    process_text((long)getpid(), process);
    identity_hash(run->hash, hash);
    enum store_status status =
        store_run_resume(session->store, run->suite, hash, MIDL_COMMIT, &claim, &session->run_id);
    session->running = status == STORE_OK;
    if (status != STORE_OK && status != STORE_NONE)
        return session_check(session, status, error);
    *ret_found = status == STORE_OK;
    return OUTCOME_DONE;
}

enum outcome session_seen(struct session *session, struct error *error)
{
    return session_check(session, store_run_seen(session->store, session->run_id), error);
}

enum outcome session_end(struct session *session, bool whole, struct error *error)
{
    session->running = false;
    return session_check(
        session, store_run_end(session->store, session->run_id, whole ? "finished" : "interrupted"),
        error);
}

void session_close(struct session *session)
{
    if (session->running)
        (void)store_run_end(session->store, session->run_id, "interrupted");
    store_close(session->store);
    *session = (struct session){.run_id = 0};
}

/* test_session.c - a run in the store from its beginning to its end, however it ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "machine/machine.h"
#include "midl.h"
#include "run/session.h"

/* After error.h: cmocka has a macro `fail`. */
#include <cmocka.h>

#include "scratch.h"

static const struct session_run run = {
    .suite = "known", .hash = "0123", .command = "midl test", .seed = 7};

static struct session begin(const char *db)
{
    struct session session;
    struct error error;
    if (session_open(&session, db, &error) || session_begin(&session, &run, &error))
        fail_msg("%s", error.text);
    assert_true(session.running);
    return session;
}

static void assert_status(const char *db, int64_t run_id, const char *expected)
{
    struct store *store;
    struct error error;
    char id[24], text[64];
    snprintf(id, sizeof id, "%lld", (long long)run_id);
    const struct store_fact parameter = {"run", id};
    assert_int_equal(session_read(db, &store, &error), OUTCOME_DONE);
    assert_int_equal(store_query_text(store, "SELECT status FROM runs WHERE run_id = :run",
                                      &parameter, 1, text, sizeof text),
                     STORE_OK);
    assert_string_equal(text, expected);
    store_close(store);
}

static void test_ends(void **state)
{
    (void)state;
    const char *db = scratch_path("ends.db");
    struct error error;
    struct session session = begin(db);
    int64_t first = session.run_id;
    assert_status(db, first, "running");
    assert_int_equal(session_end(&session, true, &error), OUTCOME_DONE);
    assert_false(session.running);
    session_close(&session);
    assert_status(db, first, "finished");

    session = begin(db);
    assert_true(session.run_id > first);
    int64_t second = session.run_id;
    assert_int_equal(session_end(&session, false, &error), OUTCOME_DONE);
    session_close(&session);
    assert_status(db, second, "interrupted");

    session = begin(db);
    int64_t third = session.run_id;
    session_close(&session); /* as after an error: never ended */
    assert_status(db, third, "interrupted");
    session_close(&session); /* zeroed: nothing happens */
}

static void test_resume(void **state)
{
    (void)state;
    const char *db = scratch_path("resume.db");
    const struct session_run other = {
        .suite = "known", .hash = "4567", .command = "midl test", .seed = 7};
    struct error error;
    bool found = true;
    struct session session = begin(db);
    int64_t first = session.run_id;
    session_close(&session);
    assert_int_equal(session_open(&session, db, &error), OUTCOME_DONE);
    assert_int_equal(session_resume(&session, &other, &found, &error), OUTCOME_DONE);
    assert_false(found || session.running);
    assert_int_equal(session_resume(&session, &run, &found, &error), OUTCOME_DONE);
    assert_true(found && session.running);
    assert_int_equal(session.run_id, first);
    assert_status(db, first, "running");
    assert_int_equal(session_end(&session, true, &error), OUTCOME_DONE);
    session_close(&session);
    assert_int_equal(session_open(&session, db, &error), OUTCOME_DONE);
    assert_int_equal(session_resume(&session, &run, &found, &error), OUTCOME_DONE);
    assert_false(found); /* it is finished */
    session_close(&session);
}

/* A process that begins a run, says which, and waits to be killed. */
static pid_t begin_elsewhere(const char *db, int64_t *ret_run)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct session session = begin(db);
        if (write(ends[1], &session.run_id, sizeof session.run_id) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    assert_true(child > 0);
    assert_int_equal(read(ends[0], ret_run, sizeof *ret_run), sizeof *ret_run);
    close(ends[0]);
    close(ends[1]);
    return child;
}

/* The run of a process that was killed is interrupted as soon as another begins; that of one that
 * lives goes on, and so does one of another host, or of a program that didn't say its process. */
static void test_killed(void **state)
{
    (void)state;
    if (getenv("MIDL_TEST_EMULATED"))
        skip();
    const char *db = scratch_path("killed.db");
    int64_t killed, living, foreign, silent;
    int status;
    struct error error;
    struct session session = begin(db);
    struct store_run row = {"s", "h", "c", "v", "elsewhere", "c", "i", "c", "f", "a", 1};
    const struct store_fact process = {"process", "1 2 three"};
    assert_int_equal(store_run_begin(session.store, &row, &process, 1, &foreign), STORE_OK);
    row.host = machine_get()->host;
    assert_int_equal(store_run_begin(session.store, &row, NULL, 0, &silent), STORE_OK);
    assert_int_equal(session_end(&session, true, &error), OUTCOME_DONE);
    session_close(&session);

    pid_t dead = begin_elsewhere(db, &killed), alive = begin_elsewhere(db, &living);
    assert_int_equal(kill(dead, SIGKILL), 0);
    assert_int_equal(waitpid(dead, &status, 0), dead);
    assert_status(db, killed, "running");
    session = begin(db);
    assert_status(db, killed, "interrupted");
    assert_status(db, living, "running");
    assert_status(db, foreign, "running");
    assert_status(db, silent, "running");
    session_close(&session);
    kill(alive, SIGKILL);
    waitpid(alive, &status, 0);
}

static void set_fact(const char *db, int64_t run_id, const char *name, const char *value)
{
    const struct store_fact fact = {name, value};
    struct session session;
    struct error error;
    assert_int_equal(session_open(&session, db, &error), OUTCOME_DONE);
    assert_int_equal(store_put_facts(session.store, run_id, &fact, 1), STORE_OK);
    session_close(&session);
}

static enum outcome resume(const char *db, bool *ret_found, struct error *error)
{
    struct session session;
    assert_int_equal(session_open(&session, db, error), OUTCOME_DONE);
    enum outcome outcome = session_resume(&session, &run, ret_found, error);
    session_close(&session);
    return outcome;
}

/* A run that a living process measures is refused, naming it; that of a dead one is taken over. */
static void test_living_refused(void **state)
{
    (void)state;
    if (getenv("MIDL_TEST_EMULATED"))
        skip();
    const char *db = scratch_path("living.db");
    char process[160];
    struct error error;
    int64_t living;
    int status;
    bool found = false;
    pid_t alive = begin_elsewhere(db, &living);
    snprintf(process, sizeof process, "is being measured by process %ld on %s", (long)alive,
             machine_get()->host);
    assert_error("living", resume(db, &found, &error), OUTCOME_USAGE, &error, process);
    assert_false(found);
    assert_status(db, living, "running");
    kill(alive, SIGKILL);
    waitpid(alive, &status, 0);
    assert_int_equal(resume(db, &found, &error), OUTCOME_DONE);
    assert_true(found);

    /* Out of sight, on a shared file system: as long as it gives signs of life. */
    pid_t other = begin_elsewhere(db, &living);
    kill(other, SIGKILL);
    waitpid(other, &status, 0);
    set_fact(db, living, "process", "12 345 another-boot 6");
    found = false;
    assert_error("foreign", resume(db, &found, &error), OUTCOME_USAGE, &error, "process 12 on");
    assert_status(db, living, "running");
    set_fact(db, living, "seen", "1000000000");
    assert_int_equal(resume(db, &found, &error), OUTCOME_DONE);
    assert_true(found);
}

/* What was measured on another machine, or by another build, is another run. */
static void test_identity(void **state)
{
    (void)state;
    const char *db = scratch_path("identity.db");
    struct error error;
    bool found = true;
    if (midl_isa_best() == MIDL_ISA_PORTABLE)
        skip(); /* a processor that has nothing else */
    struct session session = begin(db);
    session_close(&session);
    midl_isa_limit(MIDL_ISA_PORTABLE);
    assert_int_equal(resume(db, &found, &error), OUTCOME_DONE);
    assert_false(found);
    midl_isa_limit(MIDL_ISA_AVX512);
    assert_int_equal(resume(db, &found, &error), OUTCOME_DONE);
    assert_true(found);
}

static void test_errors(void **state)
{
    (void)state;
    struct session session;
    struct store *store = NULL;
    struct error error;
    const char *text = scratch_file("text.db", "this is no database, but long enough for one", 44);
    assert_error("text", session_open(&session, text, &error), OUTCOME_USAGE, &error, "text.db");
    session_close(&session);
    assert_error("missing", session_read(scratch_path("none.db"), &store, &error), OUTCOME_USAGE,
                 &error, "none.db");
    assert_error("folder", session_open(&session, "/no/such/folder/a.db", &error), OUTCOME_USAGE,
                 &error, "/no/such/folder");
    session_close(&session);

    session = begin(scratch_path("errors.db"));
    char value[4];
    assert_error(
        "long",
        session_check(&session,
                      store_fact_of(session.store, session.run_id, "process", value, sizeof value),
                      &error),
        OUTCOME_USAGE, &error, "longer");
    assert_error(
        "no fact",
        session_check(&session,
                      store_fact_of(session.store, session.run_id, "taste", value, sizeof value),
                      &error),
        OUTCOME_USAGE, &error, "taste");
    session_close(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends),     cmocka_unit_test(test_resume),
        cmocka_unit_test(test_killed),   cmocka_unit_test(test_living_refused),
        cmocka_unit_test(test_identity), cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests_name("session", tests, scratch_begin, scratch_end);
}

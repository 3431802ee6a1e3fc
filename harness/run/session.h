/* session.h - one run in the store, from its beginning to its end.
 *
 * The caller puts what it measures by the functions of store.h, with session.store and
 * session.run_id, and hands their status to session_check(). A run is stored as running until
 * session_end(); session_close() marks one that never came to that as interrupted, and
 * session_begin() those of programs that were killed. */
#ifndef MIDL_SESSION_H
#define MIDL_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store.h"

#define SESSION_DB "results/midl.db" /* where results go unless --db says otherwise */

struct session {
    struct store *store;
    int64_t run_id;
    bool running; /* the run has begun and isn't ended */
};

/* The identity of a run, known before it begins. Texts are the caller's. */
struct session_run {
    const char *suite; /* the name of the suite, or of the command that has none */
    const char *hash; /* over what will be measured and how, contents of files too, so that only the
                         same is resumed; the session adds machine and build. "none" */
    const char *command; /* as typed (command_text) */
    uint64_t seed;
};

/* Open the store for writing. session_close() is due afterwards, also on failure. */
enum outcome session_open(struct session *session, const char *db, struct error *error);

/* Begin a run, and store what is known of this machine with it. */
enum outcome session_begin(struct session *session, const struct session_run *run,
                           struct error *error);

/* Go on with the newest unfinished run of this suite and hash on this machine, by this build.
 * *ret_found is false if there is none; nothing has begun then. OUTCOME_USAGE if another process is
 * at it, here or elsewhere: the error names process and host. */
enum outcome session_resume(struct session *session, const struct session_run *run, bool *ret_found,
                            struct error *error);

/* Check a status: OUTCOME_DONE for STORE_OK; else the error of the store's last call. */
enum outcome session_check(const struct session *session, enum store_status status,
                           struct error *error);

/* Give a sign of life, after each group: processes on other machines can't look for this one. */
enum outcome session_seen(struct session *session, struct error *error);

/* End the run: `whole` if everything that was asked for is stored, else as interrupted. */
enum outcome session_end(struct session *session, bool whole, struct error *error);

void session_close(struct session *session); /* accepts a zeroed one */

/* ---- Stores without a run -------------------------------------------------------------------- */

/* Open a store for reading, or for writing, for commands that measure nothing; store_close() it. */
enum outcome session_read(const char *db, struct store **ret, struct error *error);
enum outcome session_write(const char *db, struct store **ret, struct error *error);

/* Return the outcome that a status of the store means; STORE_NONE is bad input. */
enum outcome session_outcome(enum store_status status);

/* Check a status: OUTCOME_DONE for STORE_OK; else that outcome, with the error of the store's last
 * call. */
enum outcome session_result(const struct store *store, enum store_status status,
                            struct error *error);

#endif

/* test_durable.c - what was committed is there: after kill -9, after power loss, on a full disk, in
 * folders that can't be written to and in a crowd of writers. What another process does is done in
 * a forked child, which reports by its exit status and never asserts. */
#include "store_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/rng.h"

enum { NOBODY = 65534 };

/* What a child says that may not do what its test needs. */
enum { CANNOT = 77 };

/* Run in a process of its own; its exit status. */
static int in_child(int (*work)(const void *data), const void *data)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(work(data));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Groups, as a sweep writes them. */
enum { GROUP_POINTS = 3, GROUP_SAMPLES = 40 };

static enum store_status put_group(struct store *store, int64_t run_id, int group)
{
    static const char *const kernels[GROUP_POINTS] = {"linear", "gather", "simd"};
    struct store_sample samples[GROUP_SAMPLES];
    struct store_point points[GROUP_POINTS];
    char key[32];

    snprintf(key, sizeof key, "group %d", group);
    for (int i = 0; i < GROUP_SAMPLES; i++)
        samples[i] = (struct store_sample){
            .round = i, .iterations = 100, .real_ns = group + i, .cpu_ns = group + i};
    for (int i = 0; i < GROUP_POINTS; i++) {
        points[i] = a_point(key, kernels[i]);
        points[i].samples = samples;
        points[i].sample_count = GROUP_SAMPLES;
    }
    return store_put_points(store, run_id, points, GROUP_POINTS);
}

/* How many groups there are; every one of them must be whole and numbered without gaps. */
static int count_whole_groups(struct store *store)
{
    char expected[32];
    const char *text = answer(store, "SELECT count(DISTINCT shape_key) FROM points");
    int groups = atoi(text);

    snprintf(expected, sizeof expected, "%d %d", groups * GROUP_POINTS,
             groups * GROUP_POINTS * GROUP_SAMPLES);
    assert_string_equal(answer(store, "SELECT (SELECT count(*) FROM point) || ' ' || "
                                      "(SELECT count(*) FROM sample)"),
                        expected);
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE samples <> 40"), "0");
    if (groups > 0) {
        snprintf(expected, sizeof expected, "%d", groups - 1);
        assert_string_equal(answer(store, "SELECT max(CAST(substr(shape_key, 7) AS INTEGER)) "
                                          "FROM points"),
                            expected);
    }
    return groups;
}

/* ---- Kill -9 --------------------------------------------------------------------------------- */

/* Commit groups for ever, from where the last one stopped, and tell each committed one. */
static int write_for_ever(const char *path, int pipe_end)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE], count[16];
    int64_t run_id;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK)
        return 1;
    if (store_run_resume(store, "batch1", "hash", "abc", NULL, &run_id) != STORE_OK &&
        store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        return 2;
    if (store_query_text(store, "SELECT count(DISTINCT shape_key) FROM points", NULL, 0, count,
                         sizeof count) != STORE_OK)
        return 3;
    for (int group = atoi(count);; group++) {
        if (put_group(store, run_id, group) != STORE_OK)
            return 4;
        if (write(pipe_end, &group, sizeof group) != sizeof group)
            return 5;
    }
}

static void committed_groups_survive_kill(void **state)
{
    enum { KILLS = 40 };
    struct rng rng = rng_seed(9);
    int known = 0, inside = 0; /* groups known to be committed; kills that came between two */

    (void)state;
    for (int kill_number = 0; kill_number < KILLS; kill_number++) {
        int ends[2], status = 0, group = 0;
        uint32_t wait_for = rng_below(&rng, 8), wait_us = rng_below(&rng, 20000);

        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(write_for_ever("killed.db", ends[1]));
        close(ends[1]);
        for (uint32_t i = 0; i < wait_for && read(ends[0], &group, sizeof group) > 0; i++)
            known = group + 1;
        usleep(wait_us);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status))
            fail_msg("the writer ended by itself: %d", WEXITSTATUS(status));
        while (read(ends[0], &group, sizeof group) == sizeof group)
            known = group + 1;
        close(ends[0]);

        /* First as a reader finds it, then as the next writer does; every other time, only that. */
        if (access("killed.db", F_OK) != 0)
            continue;
        if (kill_number % 2 == 0 && known > 0) {
            struct store *reader = open_store("killed.db", STORE_READ);
            assert_in_range(count_whole_groups(reader), known, known + 1);
            store_close(reader);
        }
        struct store *store = open_store("killed.db", STORE_WRITE);
        assert_string_equal(answer(store, "SELECT group_concat(integrity_check) FROM "
                                          "pragma_integrity_check"),
                            "ok");
        int groups = count_whole_groups(store);
        assert_in_range(groups, known, known + 1);
        inside += groups > known;
        known = groups;
        store_close(store);
    }
    assert_true(known >= KILLS);
    print_message("%d groups after %d kills, %d committed but not yet told\n", known, KILLS,
                  inside);
}

/* ---- Power loss ------------------------------------------------------------------------------ */

/* What a disk may hold after the power went: the file as it was, and of the log everything up to
 * the last commit, which was synchronised, and behind that anything: nothing, zeros, noise, a part
 * of what was being written. */
static void lose_power(const char *file, size_t file_size, const char *log, size_t log_size,
                       size_t certain, struct rng *rng)
{
    size_t size = certain + rng_below(rng, (uint32_t)(log_size - certain + 1));
    char *torn = malloc(log_size + 4096);
    assert_non_null(torn);
    memcpy(torn, log, size);
    if (rng_below(rng, 2) == 0) {
        size_t garbage = rng_below(rng, 4096);
        bool noise = rng_below(rng, 2) == 0;
        for (size_t i = 0; i < garbage; i++)
            torn[size + i] = noise ? (char)rng_next(rng) : 0;
        size += garbage;
    }
    unlink("lost.db-shm");
    write_file("lost.db", file, file_size);
    write_file("lost.db-wal", torn, size);
    free(torn);
}

static void committed_groups_survive_power_loss(void **state)
{
    enum { GROUPS = 24, LOSSES = 200 };
    struct rng rng = rng_seed(12);
    size_t committed[GROUPS + 1], file_size = 0, log_size = 0;
    struct store *store = open_store("power.db", STORE_WRITE);
    int64_t run_id = begin_run(store);

    (void)state;
    for (int group = 0; group <= GROUPS; group++) {
        if (group > 0)
            assert_int_equal(put_group(store, run_id, group - 1), STORE_OK);
        free(read_file("power.db-wal", &committed[group]));
        assert_true(group == 0 || committed[group] > committed[group - 1]);
    }
    char *file = read_file("power.db", &file_size), *log = read_file("power.db-wal", &log_size);
    store_close(store);

    for (int loss = 0; loss < LOSSES; loss++) {
        int known = (int)rng_below(&rng, GROUPS + 1);
        lose_power(file, file_size, log, log_size, committed[known], &rng);
        store = open_store("lost.db", loss % 2 ? STORE_READ : STORE_WRITE);
        int groups = count_whole_groups(store);
        assert_in_range(groups, known, GROUPS);
        assert_string_equal(answer(store, "SELECT * FROM pragma_integrity_check"), "ok");
        store_close(store);
    }
    free(file);
    free(log);
}

/* ---- A full disk ----------------------------------------------------------------------------- */

/* Fill until it fails, then have `make_room` help and go on with the same store. Exit status: 0, or
 * the number of the check that failed. */
static int fill_and_recover(const char *path, const char *part, void (*make_room)(void))
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    int64_t run_id;
    int group = 0;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK)
        return 10;
    if (store_run_begin(store, &a_run, NULL, 0, &run_id) != STORE_OK)
        return 11;
    enum store_status status = STORE_OK;
    while (status == STORE_OK && group < 5000) {
        status = put_group(store, run_id, group);
        group += status == STORE_OK;
    }
    if (status != STORE_MACHINE || group == 0)
        return 12;
    if (!strstr(store_error(store), part) || strchr(store_error(store), '\n') ||
        strncmp(store_error(store), path, strlen(path)) != 0)
        return 13;
    char stored[16], expected[16];
    snprintf(expected, sizeof expected, "%d", group * GROUP_POINTS);
    if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, stored, sizeof stored) !=
            STORE_OK ||
        strcmp(stored, expected) != 0)
        return 14;
    make_room();
    for (int i = 0; i < 3; i++)
        if (put_group(store, run_id, group++) != STORE_OK)
            return 15;
    store_close(store);

    if (store_open(path, STORE_READ, &store, error) != STORE_OK)
        return 16;
    snprintf(expected, sizeof expected, "%d", group * GROUP_POINTS);
    if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, stored, sizeof stored) !=
            STORE_OK ||
        strcmp(stored, expected) != 0)
        return 17;
    if (store_query_text(store, "SELECT * FROM pragma_integrity_check", NULL, 0, stored,
                         sizeof stored) != STORE_OK ||
        strcmp(stored, "ok") != 0)
        return 18;
    store_close(store);
    return 0;
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void lift_file_size(void)
{
    limit_file_size(RLIM_INFINITY);
}

static int fill_to_a_limit(const void *data)
{
    (void)data;
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(300000);
    return fill_and_recover("limited.db", "disk, quota and limits", lift_file_size);
}

static void a_file_size_limit_loses_nothing(void **state)
{
    (void)state;
    assert_int_equal(in_child(fill_to_a_limit, NULL), 0);
    struct store *store = open_store("limited.db", STORE_WRITE);
    assert_true(count_whole_groups(store) >= 3);
    store_close(store);
}

static void remove_filler(void)
{
    unlink("full/filler");
}

static int fill_a_small_disk(const void *data)
{
    static const char filler[500000] = {1};

    (void)data;
    if (mkdir("full", 0755) != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "full", "tmpfs", 0, "size=1m") != 0) {
        print_message("no small disk to fill: %s\n", strerror(errno));
        return CANNOT;
    }
    int file = open("full/filler", O_WRONLY | O_CREAT, 0644);
    if (file < 0 || write(file, filler, sizeof filler) != sizeof filler || close(file) != 0)
        return 9;
    int result = fill_and_recover("full/x.db", "the disk is full", remove_filler);
    umount("full");
    return result;
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    int result = in_child(fill_a_small_disk, NULL);
    if (result == CANNOT)
        skip();
    assert_int_equal(result, 0);
}

/* ---- Folders that can't be written to -------------------------------------------------------- */

/* As a user that owns nothing: 0 if every answer is right, CANNOT if we can't be that user.
 */
static int visit_as_nobody(const void *data)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE], text[16];
    static const char *const readable[] = {"locked/wal.db", "locked/plain.db"};

    (void)data;
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) {
        print_message("can't become another user: %s\n", strerror(errno));
        return CANNOT;
    }
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        if (store_open(readable[i], STORE_READ, &store, error) != STORE_OK)
            return 1;
        if (store_query_text(store, "SELECT count(*) FROM points", NULL, 0, text, sizeof text) !=
                STORE_OK ||
            strcmp(text, "1") != 0)
            return 2;
        store_close(store);
        if (store_open(readable[i], STORE_WRITE, &store, error) != STORE_MACHINE ||
            !strstr(error, "not writable") || !strstr(error, readable[i]))
            return 3;
    }
    if (store_open("locked/writable.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "locked/writable.db"))
        return 4;
    if (store_open("locked/new.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "permissions"))
        return 5;
    if (store_open("locked/sub/new.db", STORE_WRITE, &store, error) != STORE_MACHINE ||
        !strstr(error, "cannot make its folder"))
        return 6;
    if (store_open("locked/secret.db", STORE_READ, &store, error) != STORE_MACHINE ||
        !strstr(error, "permissions"))
        return 7;
    return 0;
}

static void folders_without_permission(void **state)
{
    struct store_point point = a_point("key", "gather");

    (void)state;
    struct store *store = open_store("locked/wal.db", STORE_WRITE);
    put(store, begin_run(store), &point, 1);
    store_close(store);
    raw("locked/wal.db", "VACUUM INTO 'locked/plain.db'");
    raw("locked/wal.db", "VACUUM INTO 'locked/writable.db'");
    raw("locked/wal.db", "VACUUM INTO 'locked/secret.db'");
    assert_int_equal(chmod("locked/wal.db", 0444), 0);
    assert_int_equal(chmod("locked/plain.db", 0444), 0);
    assert_int_equal(chmod("locked/writable.db", 0666), 0);
    assert_int_equal(chmod("locked/secret.db", 0), 0);
    assert_int_equal(chmod("locked", 0555), 0);
    int result = in_child(visit_as_nobody, NULL);
    assert_int_equal(chmod("locked", 0755), 0);
    if (result == CANNOT)
        skip();
    assert_int_equal(result, 0);
}

/* ---- Many at once ---------------------------------------------------------------------------- */

enum { CROWD = 8 };

/* What one of the crowd does: its own run, and a try at a point that all want in run 1. */
static int join_crowd(const char *path)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    struct store_point point = a_point("shared", "gather");
    int64_t run_id;

    if (store_open(path, STORE_WRITE, &store, error) != STORE_OK) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    int failed = store_run_begin(store, &a_run, NULL, 0, &run_id) == STORE_OK ? 0 : 3;
    for (int group = 0; group < 4 && !failed; group++)
        failed = put_group(store, run_id, group) == STORE_OK ? 0 : 4;
    enum store_status status = failed ? STORE_MACHINE : store_put_points(store, 1, &point, 1);
    if (status == STORE_MACHINE)
        fprintf(stderr, "%s\n", store_error(store));
    store_close(store);
    return failed ? failed : status == STORE_OK ? 0 : status == STORE_BAD ? 1 : 5;
}

/* Do the same in many processes from one moment on; how many ended with 0, none with more than 1.
 */
static int at_once(int (*work)(const char *path), const char *path)
{
    pid_t children[CROWD];
    int gate[2], zeros = 0;

    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < CROWD; i++) {
        char go;
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(gate[1]);
            _exit(read(gate[0], &go, 1) == 0 ? work(path) : 6);
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < CROWD; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 1);
        zeros += WEXITSTATUS(status) == 0;
    }
    return zeros;
}

/* All must do well and exactly one store the shared point. */
static void crowd(const char *path, int runs_before)
{
    char expected[32];

    assert_int_equal(at_once(join_crowd, path), 1);
    struct store *store = open_store(path, STORE_READ);
    snprintf(expected, sizeof expected, "%d", CROWD + runs_before);
    assert_string_equal(answer(store, "SELECT count(*) FROM runs"), expected);
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE shape_key = 'shared'"),
                        "1");
    snprintf(expected, sizeof expected, "%d", CROWD * 4 * GROUP_POINTS);
    assert_string_equal(answer(store, "SELECT count(*) FROM points WHERE shape_key LIKE 'group %'"),
                        expected);
    assert_string_equal(answer(store, "SELECT * FROM pragma_integrity_check"), "ok");
    store_close(store);
}

static int only_open(const char *path)
{
    struct store *store = NULL;
    char error[STORE_ERROR_SIZE];
    enum store_status status = store_open(path, STORE_WRITE, &store, error);

    if (status != STORE_OK)
        fprintf(stderr, "%s\n", error);
    store_close(store);
    return status == STORE_OK ? 0 : 1;
}

/* The moment at which a new file gets its write-ahead log is the hard one. */
static void a_crowd_may_open(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        char path[32];
        snprintf(path, sizeof path, "opened%d.db", i);
        assert_int_equal(at_once(only_open, path), CROWD);
    }
}

static void a_crowd_makes_one_database(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        char path[32];
        snprintf(path, sizeof path, "crowd%d/new.db", i);
        crowd(path, 0);
    }
}

static void a_crowd_migrates_once(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        char path[32];
        snprintf(path, sizeof path, "crowd-old%d.db", i);
        make_version(1, path);
        crowd(path, 2);
        char *migrated = definition(path), *fresh = definition("crowd0/new.db");
        assert_string_equal(migrated, fresh);
        free(migrated);
        free(fresh);
    }
}

static void a_second_writer_is_told(void **state)
{
    struct store *first = open_store("busy.db", STORE_WRITE), *second;
    struct store_point point = a_point("key", "gather");
    int64_t run_id = begin_run(first);

    (void)state;
    second = open_store("busy.db", STORE_WRITE);
    sqlite3_busy_timeout(second->db, 10);
    assert_int_equal(sqlite3_exec(first->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_put_points(second, run_id, &point, 1), STORE_MACHINE);
    assert_line(store_error(second), "another process");
    assert_string_equal(answer(second, "SELECT count(*) FROM points"), "0"); /* readers go on */
    assert_int_equal(sqlite3_exec(first->db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    put(second, run_id, &point, 1);
    assert_string_equal(answer(first, "SELECT count(*) FROM points"), "1");
    store_close(first);
    store_close(second);
}

static void *commit_later(void *data)
{
    struct store *store = data;
    sqlite3_sleep(150);
    return sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? data : NULL;
}

/* A store waits for a writer that takes its time, as every store does that is opened. */
static void a_second_writer_waits(void **state)
{
    struct store *first = open_store("waits.db", STORE_WRITE), *second;
    struct store_point point = a_point("key", "gather");
    int64_t run_id = begin_run(first);
    pthread_t thread;
    void *committed = NULL;

    (void)state;
    second = open_store("waits.db", STORE_WRITE);
    assert_int_equal(sqlite3_exec(first->db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(pthread_create(&thread, NULL, commit_later, first), 0);
    put(second, run_id, &point, 1);
    pthread_join(thread, &committed);
    assert_ptr_equal(committed, first);
    store_close(first);
    store_close(second);
}

/* ---- The path leads elsewhere ---------------------------------------------------------------- */

static void remove_database(void)
{
    assert_int_equal(unlink("place/moved.db"), 0);
}

static void rename_database(void)
{
    assert_int_equal(rename("place/moved.db", "place/elsewhere.db"), 0);
}

/* Another database, complete, takes the name. */
static void replace_database(void)
{
    assert_int_equal(rename("place/other.db", "place/moved.db"), 0);
}

static void rename_folder(void)
{
    assert_int_equal(rename("place", "place2"), 0);
}

static void remove_folder(void)
{
    assert_int_equal(system("rm -r place"), 0);
}

/* What was stored before, and what was to be stored when the loss was seen, is in the file that the
 * line names; nothing of the old log spoils what took the place. */
static void rows_survive_a_lost_path(void **state)
{
    (void)state;
    static void (*const losses[])(void) = {remove_database, rename_database, replace_database,
                                           rename_folder, remove_folder};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        int64_t other_id, run_id;
        char rescued[STORE_ERROR_SIZE];
        assert_int_equal(mkdir("place", 0777), 0);
        struct store *other = open_store("place/other.db", STORE_WRITE);
        assert_int_equal(store_run_begin(other, &a_run, NULL, 0, &other_id), STORE_OK);
        for (int group = 0; group < 3; group++)
            assert_int_equal(put_group(other, other_id, group), STORE_OK);
        store_close(other);

        struct store *store = open_store("place/moved.db", STORE_WRITE);
        assert_int_equal(store_run_begin(store, &a_run, NULL, 0, &run_id), STORE_OK);
        assert_int_equal(put_group(store, run_id, 0), STORE_OK);
        losses[i]();
        assert_int_equal(put_group(store, run_id, 1), STORE_MACHINE);
        assert_line(store_error(store), "place/moved.db was removed, renamed or replaced");
        snprintf(rescued, sizeof rescued, "%.*s", (int)strcspn(store_error(store), ":"),
                 store_error(store));
        assert_int_equal(put_group(store, run_id, 2), STORE_OK); /* told once */
        assert_int_equal(store_run_end(store, run_id, "interrupted"), STORE_OK);
        store_close(store);

        store = open_store(rescued, STORE_READ);
        assert_int_equal(count_whole_groups(store), 3);
        store_close(store);
        if (losses[i] == replace_database) {
            store = open_store("place/moved.db", STORE_READ);
            assert_int_equal(count_whole_groups(store), 3);
            store_close(store);
        }
        assert_int_equal(access("place/moved.db-wal", F_OK), -1);
        assert_int_equal(system("rm -rf place place2"), 0);
        unlink(rescued);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_groups_survive_kill),
        cmocka_unit_test(committed_groups_survive_power_loss),
        cmocka_unit_test(a_file_size_limit_loses_nothing),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(folders_without_permission),
        cmocka_unit_test(a_crowd_may_open),
        cmocka_unit_test(a_crowd_makes_one_database),
        cmocka_unit_test(a_crowd_migrates_once),
        cmocka_unit_test(a_second_writer_is_told),
        cmocka_unit_test(a_second_writer_waits),
        cmocka_unit_test(rows_survive_a_lost_path),
    };
    return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}

/* test_progress.c - the arithmetic of progress lines, and what reaches a file and a terminal. */
#define _GNU_SOURCE /* pseudo-terminals */
#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"

#include <cmocka.h>

#include "scratch.h"

static struct progress_state state_of(size_t done, size_t skipped, size_t total, double measured_s)
{
    return (struct progress_state){"sweep quick", "simd n=256", done, skipped,
                                   total,         measured_s,   0};
}

static void test_time_left(void **unused)
{
    (void)unused;
    struct progress_state state = state_of(25, 0, 100, 50);
    assert_true(progress_left_s(&state) == 150);
    state = state_of(60, 50, 100, 20); /* ten were measured, at two seconds each */
    assert_true(progress_left_s(&state) == 80);
    state = state_of(0, 0, 100, 3);
    assert_true(isnan(progress_left_s(&state)));
    state = state_of(50, 50, 100, 3);
    assert_true(isnan(progress_left_s(&state)));
    state = state_of(10, 50, 100, 3); /* a caller that miscounts */
    assert_true(isnan(progress_left_s(&state)));
    state = state_of(100, 100, 100, 0);
    assert_true(progress_left_s(&state) == 0);
    state = state_of(0, 0, 0, 0);
    assert_true(progress_left_s(&state) == 0);
}

static void expect_time(double seconds, const char *expected)
{
    char text[PROGRESS_TIME_SIZE];
    progress_time_text(seconds, text);
    assert_string_equal(text, expected);
}

static void test_time_text(void **unused)
{
    (void)unused;
    expect_time(0, "00:00:00");
    expect_time(0.2, "00:00:01");
    expect_time(59.5, "00:01:00");
    expect_time(125, "00:02:05");
    expect_time(3599.001, "01:00:00");
    expect_time(360000, "100:00:00");
    expect_time(998 * 3600.0, "998:00:00");
    expect_time(1e9, "--:--:--");
    expect_time(INFINITY, "--:--:--");
    expect_time(NAN, "--:--:--");
    expect_time(-1, "--:--:--");
}

static void expect_line(const struct progress_state *state, size_t columns, const char *expected)
{
    char line[256];
    progress_line(state, columns, line, sizeof line);
    assert_string_equal(line, expected);
}

static void test_lines(void **unused)
{
    (void)unused;
    struct progress_state state = state_of(37, 0, 450, 37);
    expect_line(&state, 200, "sweep quick: 37/450, 8 %, 00:00:00, 00:06:53 left, simd n=256");
    expect_line(&state, 20, "sweep quick: 37/450,");
    expect_line(&state, 0, "");
    state = state_of(449, 449, 450, 0);
    state.current = NULL;
    expect_line(&state, 200, "sweep quick: 449/450, 99 %, 00:00:00, --:--:-- left");
    state = state_of(0, 0, 0, 0);
    state.current = "\x1b[2J\n";
    expect_line(&state, 200, "sweep quick: 0/0, 100 %, 00:00:00, 00:00:00 left, ?[2J?");
    state.what = "\xc3\xa9\xc3\xa9";
    expect_line(&state, 3, "\xc3\xa9");
}

static void test_due(void **unused)
{
    (void)unused;
    struct progress_state state = state_of(15, 0, 100, 1);
    assert_false(progress_due(true, 0.05, 0, &state));
    assert_true(progress_due(true, 0.1, 15, &state));
    assert_false(progress_due(false, 4.9, 10, &state));
    assert_true(progress_due(false, 5, 15, &state));
    assert_true(progress_due(false, 0, 9, &state));
    assert_true(progress_due(true, INFINITY, 0, &state));
    state = state_of(0, 0, 0, 0);
    assert_false(progress_due(false, 0, 0, &state));
}

/* ---- What is written ------------------------------------------------------------------------- */

static void run_progress(bool quiet)
{
    struct progress *progress = progress_begin("sweep quick", 20, quiet);
    progress_skip(progress, 5);
    for (size_t done = 5; done <= 20; done++)
        progress_step(progress, done, "simd n=256");
    progress_note(progress, "noisy: %s", "n=512\x1b");
    progress_end(progress);
}

/* Standard error while `run_progress` runs goes to `fd`. */
static void run_into(int fd, bool quiet)
{
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, STDERR_FILENO);
    run_progress(quiet);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *c = strstr(text, part); c; c = strstr(c + 1, part))
        count++;
    return count;
}

static void read_all(int fd, char *ret, size_t size)
{
    ssize_t length = read(fd, ret, size - 1);
    ret[length > 0 ? length : 0] = '\0';
}

static void test_plain_lines(void **unused)
{
    (void)unused;
    char text[8192];
    int file = open(scratch_path("plain"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    double begin_ns = clock_ns();
    run_into(file, false);
    double spent_s = (clock_ns() - begin_ns) / 1e9;
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    read_all(file, text, sizeof text);
    close(file);
    assert_null(strchr(text, '\r'));
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "sweep quick: 5/20, 25 %, 00:0"));
    assert_non_null(strstr(text, ", --:--:-- left, simd n=256\n"));
    assert_non_null(strstr(text, "sweep quick: 20/20, 100 %, 00:0"));
    assert_non_null(strstr(text, "\nnoisy: n=512?\n"));
    assert_non_null(strstr(text, "\nsweep quick: 20 of 20 done (5 of them earlier), 00:0"));
    /* The first line, one at every tenth from 30 % to 100 %, the note, the end; and one when
     * nothing was told for five seconds. */
    assert_in_range(count_of(text, "\n"), 11, 11 + (size_t)(spent_s / 5));
}

static void test_quiet(void **unused)
{
    (void)unused;
    char text[64];
    int file = open(scratch_path("quiet"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    run_into(file, true);
    assert_int_equal(lseek(file, 0, SEEK_SET), 0);
    read_all(file, text, sizeof text);
    close(file);
    assert_string_equal(text, "");
}

/* Read from a terminal, which delivers when it likes, until the last line has come. */
static void read_to_end(int fd, char *ret, size_t size)
{
    size_t used = 0;
    struct pollfd ready = {fd, POLLIN, 0};
    ret[0] = '\0';
    for (char *end = NULL; !end || !strchr(end, '\n'); end = strstr(ret, "20 of 20 done")) {
        assert_int_equal(poll(&ready, 1, 10000), 1);
        ssize_t length = read(fd, ret + used, size - 1 - used);
        assert_true(length > 0);
        used += (size_t)length;
        ret[used] = '\0';
    }
}

static void test_terminal(void **unused)
{
    (void)unused;
    char text[8192];
    struct winsize window = {.ws_row = 24, .ws_col = 31};
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        skip();
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &window), 0);
    unsetenv("COLUMNS"); /* it would go before the window's */
    setenv("TERM", "xterm", 1);
    run_into(terminal, false);
    read_to_end(master, text, sizeof text);
    assert_non_null(strstr(text, "\rsweep quick: 0/20, 0 %, 00:00:\033[K")); /* 30 columns */
    assert_non_null(strstr(text, "\rnoisy: n=512?\033[K\r\n"));
    assert_non_null(strstr(text, "\rsweep quick: 20 of 20 done (5 of them earlier), 00:0"));
    assert_true(count_of(text, " left") == 0);
    setenv("TERM", "dumb", 1);
    run_into(terminal, false);
    read_to_end(master, text, sizeof text);
    assert_null(strchr(text, '\x1b'));
    close(terminal);
    close(master);
}

static void test_null(void **unused)
{
    (void)unused;
    progress_step(NULL, 1, "x");
    progress_skip(NULL, 1);
    progress_note(NULL, "x");
    progress_end(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_left),   cmocka_unit_test(test_time_text),
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_due),
        cmocka_unit_test(test_plain_lines), cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_terminal),    cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

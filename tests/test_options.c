/* test_options.c - option tables, error lines, hints, folders and signals. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/datadir.h"
#include "base/ending.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/stop.h"
#include "commands/command.h"

#include <cmocka.h>

#include "midl.h"
#include "scratch.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ARGUMENTS 16

static const char *batch, *baseline, *json, *out;

static const struct option_row rows[] = {
    {"batch", "LIST", "inputs in one call", &batch},
    {"baseline", "FILE", "what to compare with", &baseline},
    {"json", NULL, "print as JSON", &json},
    {"an-option-whose-name-is-longer-than-its-column", "X", "far right", &out},
};

struct parse {
    enum outcome outcome;
    bool help;
    int first, argc;
    char *argv[ARGUMENTS];
    struct error error;
};

/* Parse the words after the command's name, up to NULL. */
static struct parse parse(const char *const *words)
{
    static char text[ARGUMENTS][256];
    struct parse result = {.first = -1, .error = {""}};
    batch = baseline = json = out = NULL;
    snprintf(text[0], sizeof text[0], "sweep");
    result.argv[result.argc++] = text[0];
    for (size_t i = 0; words[i]; i++) {
        snprintf(text[i + 1], sizeof text[0], "%s", words[i]);
        result.argv[result.argc++] = text[i + 1];
    }
    result.outcome =
        options_parse(result.argc, result.argv, "midl sweep [SUITE] [options]", "Measure.", rows,
                      COUNT(rows), &result.first, &result.help, &result.error);
    return result;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void test_values_and_positions(void **state)
{
    (void)state;
    struct parse p = PARSE("quick", "--batch", "1,2", "more", "--json", "--baseline=a=b");
    assert_int_equal(p.outcome, OUTCOME_DONE);
    assert_false(p.help);
    assert_string_equal(batch, "1,2");
    assert_string_equal(baseline, "a=b");
    assert_string_equal(json, "");
    assert_int_equal(p.argc - p.first, 2);
    assert_string_equal(p.argv[p.first], "quick");
    assert_string_equal(p.argv[p.first + 1], "more");
}

static void test_last_wins_and_double_dash(void **state)
{
    (void)state;
    struct parse p = PARSE("--batch", "1", "--batch=", "--bat", "-3", "--", "--json");
    assert_int_equal(p.outcome, OUTCOME_DONE);
    assert_string_equal(batch, "-3");
    assert_null(json);
    assert_int_equal(p.argc - p.first, 1);
    assert_string_equal(p.argv[p.first], "--json");
    p = PARSE(NULL);
    assert_int_equal(p.outcome, OUTCOME_DONE);
    assert_int_equal(p.first, p.argc);
    assert_null(batch);
}

static void refused(struct parse p, const char *line)
{
    assert_string_equal(p.error.text, line);
    assert_int_equal(p.outcome, OUTCOME_USAGE);
}

static void test_refusals(void **state)
{
    (void)state;
    refused(PARSE("--bacth", "1"), "unknown option --bacth: did you mean --batch?");
    refused(PARSE("--bacth=1"), "unknown option --bacth=1: did you mean --batch?");
    refused(PARSE("--halp"), "unknown option --halp: did you mean --help?");
    refused(PARSE("--nonsense"), "unknown option --nonsense (--help lists the options)");
    refused(PARSE("--ba", "1"), "option --ba is ambiguous: --batch, --baseline");
    refused(PARSE("--batch"), "option --batch needs an argument: LIST");
    refused(PARSE("quick", "--json=1"), "option --json takes no argument");
    refused(PARSE("--help=1"), "option --help takes no argument");
    refused(PARSE("-x"), "unknown option -x (--help lists the options)");
    refused(PARSE("-\x1b[2J"), "unknown option -? (--help lists the options)");
    refused(PARSE("--\x1b[2J\n"), "unknown option --?[2J? (--help lists the options)");
}

/* After a parse that stopped in the middle of a word, the next one starts anew. */
static void test_repeated(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        refused(PARSE("-xyz", "--batch", "1"), "unknown option -x (--help lists the options)");
        struct parse p = PARSE("--batch", "7", "last");
        assert_int_equal(p.outcome, OUTCOME_DONE);
        assert_string_equal(batch, "7");
        assert_string_equal(p.argv[p.first], "last");
    }
}

/* What was printed to standard output while `call` ran. */
static const char *printed_by(struct parse (*call)(void), struct parse *ret)
{
    static char text[4096];
    const char *path = scratch_path("stdout");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, STDOUT_FILENO);
    *ret = call();
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    close(file);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
}

static struct parse parse_help(void)
{
    return PARSE("--json", "--help", "--nonsense");
}

static struct parse parse_short_help(void)
{
    return PARSE("-h");
}

static void test_help(void **state)
{
    (void)state;
    static const char expected[] = "usage: midl sweep [SUITE] [options]\n\nMeasure.\n\noptions:\n"
                                   "  --batch LIST     inputs in one call\n"
                                   "  --baseline FILE  what to compare with\n"
                                   "  --json           print as JSON\n"
                                   "  --an-option-whose-name-is-longer-than-its-column X\n"
                                   "                   far right\n"
                                   "  --help           print this and stop\n";
    struct parse p;
    assert_string_equal(printed_by(parse_help, &p), expected);
    assert_int_equal(p.outcome, OUTCOME_DONE);
    assert_true(p.help);
    assert_string_equal(printed_by(parse_short_help, &p), expected);
    assert_true(p.help);
}

static void test_no_more(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"list"}, (char[]){"kernels"}, (char[]){"extra"}};
    struct error error = {""};
    assert_int_equal(options_no_more(3, argv, 3, &error), OUTCOME_DONE);
    assert_int_equal(options_no_more(3, argv, 2, &error), OUTCOME_USAGE);
    assert_string_equal(error.text, "unexpected argument extra (--help shows the usage)");
}

static void test_sizes(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    " 1",  "1 ",  "1e6", "-1",   "+1",
                                      "0x1", "1.0", "ten", "0",   "1001", "18446744073709551616"};
    struct error error;
    size_t value = 5;
    assert_int_equal(option_size("batch", "1000", 1, 1000, &value, &error), OUTCOME_DONE);
    assert_int_equal(value, 1000);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(option_size("batch", bad[i], 1, 1000, &value, &error), OUTCOME_USAGE);
        assert_memory_equal(error.text, "--batch ", 8);
        assert_int_equal(value, 1000);
    }
    option_size("batch", "1e6", 1, 1000, &value, &error);
    assert_string_equal(error.text, "--batch 1e6: not a whole number (digits only)");
    option_size("batch", "0", 1, 1000, &value, &error);
    assert_string_equal(error.text, "--batch 0: must be from 1 to 1000");
    option_size("batch", "", 1, 1000, &value, &error);
    assert_string_equal(error.text, "--batch '': not a whole number (digits only)");
    assert_int_equal(option_size("seed", "18446744073709551615", 0, SIZE_MAX, &value, &error),
                     OUTCOME_DONE);
    assert_true(value == SIZE_MAX);
}

static void test_doubles(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    " 1",    "1 ",  "1x",  "nan",    "inf",
                                      "0x1", "1e999", "1,5", "1.1", "-0.001", "e"};
    struct error error;
    double value = 0.5;
    assert_int_equal(option_double("target", "2.5e-1", 0, 1, &value, &error), OUTCOME_DONE);
    assert_true(value == 0.25);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(option_double("target", bad[i], 0, 1, &value, &error), OUTCOME_USAGE);
        assert_memory_equal(error.text, "--target ", 9);
        assert_true(value == 0.25);
    }
    option_double("target", "2", 0, 1, &value, &error);
    assert_string_equal(error.text, "--target 2: must be from 0 to 1");
    option_double("target", "two", 0, 1, &value, &error);
    assert_string_equal(error.text, "--target two: not a number");
}

/* ---- Error lines ----------------------------------------------------------------------------- */

static void test_error_lines(void **state)
{
    (void)state;
    struct error error;
    char big[2000];
    assert_int_equal((fail)(&error, OUTCOME_BAD, "a%sb", "\n\r\x1b\x7f\t"), OUTCOME_BAD);
    assert_string_equal(error.text, "a?????b");
    assert_int_equal((fail)(&error, OUTCOME_USAGE, "line %d: %s", 3, error.text), OUTCOME_USAGE);
    assert_string_equal(error.text, "line 3: a?????b");
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (fail)(&error, OUTCOME_USAGE, "%s", big);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    assert_string_equal(error.text + sizeof error.text - 4, "...");
    assert_int_equal(fail_memory(&error, "the weights", 1.5e9), OUTCOME_MACHINE);
    assert_string_equal(error.text, "not enough memory for the weights (1.5 GB)");
    fail_memory(&error, "a word", 12);
    assert_string_equal(error.text, "not enough memory for a word (12 bytes)");
}

static void test_nearest_words(void **state)
{
    (void)state;
    static const char *const words[] = {"latency", "batch", "quick", "simd", "threshold", "k", ""};
    static const char *const pairs[][2] = {
        {"latencey", "latency"},
        {"bacth", "batch"},
        {"quik", "quick"},
        {"simd", "simd"},
        {"simp", "simd"},
        {"dsimd", "simd"},
        {"lat", "latency"},
        {"thresh", "threshold"},
        {"", NULL},
        {"j", NULL},
        {"xx", NULL},
        {"something", NULL},
        {"qqqqq", NULL},
    };
    char hint[HINT_SIZE], endless[1000];
    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *nearest = nearest_word(pairs[i][0], words, COUNT(words));
        if (!pairs[i][1])
            assert_null(nearest);
        else if (!nearest || strcmp(nearest, pairs[i][1]) != 0)
            fail_msg("%s: nearest is %s", pairs[i][0], nearest ? nearest : "none");
    }
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(nearest_word(endless, words, COUNT(words)));
    assert_null(nearest_word("batch", (const char *const *)&(const char *){endless}, 1));
    assert_string_equal(did_you_mean("bacth", words, COUNT(words), hint), " (did you mean batch?)");
    assert_string_equal(did_you_mean("zzz", words, COUNT(words), hint), "");
}

/* ---- Folders and signals --------------------------------------------------------------------- */

static void test_share_folder(void **state)
{
    (void)state;
    char expected[600];
    const char *before = getenv("MIDL_SHARE");
    char *saved = before ? strdup(before) : NULL;
    snprintf(expected, sizeof expected, "%s/suites", scratch_folder);
    setenv("MIDL_SHARE", scratch_folder, 1);
    const char *fallback = datadir_find("suites");
    assert_true(!fallback || strcmp(fallback, expected) != 0);
    assert_int_equal(mkdir(expected, 0700), 0);
    const char *found = datadir_find("suites");
    assert_string_equal(found, expected);
    assert_null(datadir_find("no such folder anywhere"));
    assert_string_equal(found, expected);
    assert_int_equal(rmdir(expected), 0);
    if (saved)
        setenv("MIDL_SHARE", saved, 1);
    else
        unsetenv("MIDL_SHARE");
    free(saved);
}

/* In a child: the first signal sets the flag, the second ends the process by that signal. */
static int child_status(int first, int second)
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        stop_on_signals();
        kill(getpid(), first);
        if (!stop_requested)
            _exit(10);
        kill(getpid(), second);
        _exit(11);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_signals(void **state)
{
    (void)state;
    static const int pairs[][2] = {{SIGINT, SIGINT}, {SIGTERM, SIGTERM}, {SIGTERM, SIGINT}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        int status = child_status(pairs[i][0], pairs[i][1]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), pairs[i][1]);
    }
}

/* In a child: temporary files and folders, one within another, and an end by signal. */
static int status_with_temporaries(bool late)
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char outer[300], inner[300], file[320];
        struct file_replace replace;
        struct error error;
        stop_on_signals();
        if (!folder_make_temporary(scratch_folder, "outer", outer, sizeof outer) ||
            !folder_make_temporary(outer, "inner", inner, sizeof inner) ||
            !folder_path(file, sizeof file, inner, "file", "") ||
            file_replace_whole(file, "text", 4, &error) ||
            file_replace_begin(scratch_path("replaced"), &replace, &error))
            _exit(12);
        pid_t other = fork();
        if (other == 0) /* they are not its own */
            ending_now("", 0);
        if (waitpid(other, &status, 0) != other || access(file, F_OK) != 0)
            _exit(13);
        kill(getpid(), SIGTERM);
        while (late)
            pause();
        kill(getpid(), SIGTERM);
        _exit(14);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* A request to stop that isn't heeded, and a second one, leave nothing behind. */
static void test_temporaries(void **state)
{
    (void)state;
    size_t before = scratch_entries();
    int status = status_with_temporaries(false);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(scratch_entries(), before);
    status = status_with_temporaries(true);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == OUTCOME_NO_VERDICT);
    assert_int_equal(scratch_entries(), before);
}

/* What MIDL_ISA limits stays limited after a command that tries every instruction set. */
static void test_verify_keeps_limit(void **state)
{
    (void)state;
    char name[] = "verify", kernel[] = "--kernel", linear[] = "linear-rows", quick[] = "--quick",
         quiet[] = "--quiet", *argv[] = {name, kernel, linear, quick, quiet, NULL};
    enum midl_isa best = midl_isa_best();
    midl_isa_limit(MIDL_ISA_PORTABLE);
    assert_int_equal(command_verify(COUNT(argv) - 1, argv), OUTCOME_DONE);
    assert_int_equal(midl_isa_best(), MIDL_ISA_PORTABLE);
    midl_isa_limit(best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_and_positions),
        cmocka_unit_test(test_last_wins_and_double_dash),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_no_more),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_error_lines),
        cmocka_unit_test(test_nearest_words),
        cmocka_unit_test(test_share_folder),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_temporaries),
        cmocka_unit_test(test_verify_keeps_limit),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}

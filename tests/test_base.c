/* test_base.c - small helpers that everything stands on: JSON texts, folders, arrays, texts. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/append.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/csv.h"
#include "base/error.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/printed.h"
#include "base/util.h"
#include "base/words.h"
#include "base/xml.h"

/* After error.h: cmocka has a macro `fail`. */
#include <cmocka.h>

#include "scratch.h"

/* ---- JSON ------------------------------------------------------------------------------------ */

static void build(struct json *json)
{
    json_begin_object(json);
    json_text(json, json->root, "a", "x\"y");
    json_text(json, json->root, "b", NULL);
    json_number(json, json->root, "c", 0.5);
    json_number(json, json->root, "d", NAN);
    json_bool(json, json->root, "e", true);
    cJSON *rows = json_array(json, json->root, "f");
    json_number(json, rows, NULL, 7);
    json_text(json, json_object(json, rows, NULL), "g", "");
}

static void test_json(void **state)
{
    (void)state;
    struct json json;
    build(&json);
    char *text = json_string(&json, false);
    assert_string_equal(
        text,
        "{\"a\":\"x\\\"y\",\"b\":null,\"c\":0.5,\"d\":null,\"e\":true,\"f\":[7,{\"g\":\"\"}]}");
    free(text);
    json_clear(&json);
    assert_null(json_string(&json, false)); /* cleared: nothing to print, and no crash */
}

static size_t allocations_left;

static void *scarce_malloc(size_t bytes)
{
    return allocations_left > 0 && allocations_left-- ? malloc(bytes) : NULL;
}

/* Whichever allocation fails, the text is refused and never printed in part. */
static void test_json_no_memory(void **state)
{
    (void)state;
    size_t needed = 0;
    char *whole = NULL;
    for (; !whole && needed < 1000; needed++) {
        cJSON_Hooks hooks = {.malloc_fn = scarce_malloc, .free_fn = free};
        struct json json;
        struct error error;
        allocations_left = needed;
        cJSON_InitHooks(&hooks);
        build(&json);
        whole = json_string(&json, true);
        if (!whole)
            assert_error("json", json_print(&json, stderr, true, "a test", &error), OUTCOME_MACHINE,
                         &error, "not enough memory for a test");
        json_clear(&json);
        cJSON_InitHooks(NULL);
    }
    assert_non_null(whole);
    assert_true(needed > 10);
    free(whole);
}

/* ---- Folders --------------------------------------------------------------------------------- */

static void test_folder_make(void **state)
{
    (void)state;
    char path[600], file[600], long_path[5000];
    struct error error;
    snprintf(path, sizeof path, "%s//one/two/", scratch_folder);
    assert_int_equal(folder_make(path, &error), OUTCOME_DONE);
    assert_int_equal(folder_make(path, &error), OUTCOME_DONE); /* there already */
    snprintf(file, sizeof file, "%s", scratch_file("file", "x", 1));
    assert_error("file", folder_make(file, &error), OUTCOME_USAGE, &error, "not a folder");
    strcat(file, "/below");
    assert_error("below", folder_make(file, &error), OUTCOME_USAGE, &error, "cannot make");
    assert_error("empty", folder_make("", &error), OUTCOME_USAGE, &error, "no path");
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_error("long", folder_make(long_path, &error), OUTCOME_USAGE, &error, "too long");
    rmdir(path);
    snprintf(path, sizeof path, "%s/one", scratch_folder);
    assert_int_equal(rmdir(path), 0);
}

static void test_folder_temporary(void **state)
{
    (void)state;
    char path[600], inside[700], small[8];
    struct stat status;
    assert_true(folder_make_temporary(scratch_folder, "t", path, sizeof path));
    assert_true(folder_path(inside, sizeof inside, path, "name", ".txt"));
    assert_string_equal(inside + strlen(path), "/name.txt");
    FILE *file = fopen(inside, "w");
    assert_non_null(file);
    fclose(file);
    folder_remove(path);
    assert_int_not_equal(stat(path, &status), 0);
    assert_false(folder_path(small, sizeof small, "/long", "name", ""));
    assert_false(folder_make_temporary(scratch_folder, "t", small, sizeof small));
    assert_false(folder_make_temporary("/no/such/folder", "t", path, sizeof path));
    folder_remove("/no/such/folder"); /* nothing happens */
}

/* With folders within folders; a link goes, and what it leads to stays. */
static void test_folder_remove(void **state)
{
    (void)state;
    char path[600], deep[700], outside[700], link[700];
    struct error error;
    struct stat status;
    FILE *file;
    assert_true(folder_make_temporary(scratch_folder, "t", path, sizeof path));
    assert_true(folder_path(outside, sizeof outside, scratch_folder, "outside", ""));
    assert_true(folder_path(deep, sizeof deep, path, "a/b/c", ""));
    assert_int_equal(folder_make(deep, &error), OUTCOME_DONE);
    assert_int_equal(folder_make(outside, &error), OUTCOME_DONE);
    assert_true(folder_path(link, sizeof link, path, "a/link", ""));
    assert_int_equal(symlink(outside, link), 0);
    assert_true(folder_path(deep, sizeof deep, path, "a/b/file", ""));
    assert_true(folder_path(link, sizeof link, outside, "file", ""));
    assert_non_null(file = fopen(deep, "w"));
    fclose(file);
    assert_non_null(file = fopen(link, "w"));
    fclose(file);
    folder_remove(path);
    assert_int_not_equal(stat(path, &status), 0);
    assert_int_equal(stat(link, &status), 0);
    folder_remove(outside);
    assert_int_not_equal(stat(outside, &status), 0);
}

/* A text never replaces a library or a database; a text, an empty file and none are replaced. */
static void test_text_check(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t count;
        enum outcome outcome;
    } files[] = {{"\x7f"
                  "ELF\2\1\1\0\0",
                  9, OUTCOME_USAGE},
                 {"SQLite format 3\0", 16, OUTCOME_USAGE},
                 {"", 0, OUTCOME_DONE},
                 {"<?xml?>\n\xc3\xa9", 10, OUTCOME_DONE}};
    char path[600];
    struct error error;
    assert_true(folder_path(path, sizeof path, scratch_folder, "text", ""));
    assert_int_equal(file_replace_text_check(path, &error), OUTCOME_DONE);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct stat status;
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fwrite(files[i].bytes, 1, files[i].count, file);
        fclose(file);
        assert_int_equal(file_replace_text_check(path, &error), files[i].outcome);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_size, files[i].count);
    }
    unlink(path);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* Replaced whole, or left as it was. */
static void test_replace_whole(void **state)
{
    (void)state;
    struct error error;
    const char *path = scratch_path("whole");
    for (int i = 0; i < 2; i++) {
        const char *text = i ? "new" : "the old text";
        assert_int_equal(file_replace_whole(path, text, strlen(text), &error), OUTCOME_DONE);
        char *read = file_text(path);
        assert_string_equal(read, text);
        free(read);
    }
    assert_int_equal(file_replace_whole(scratch_path("no/such"), "x", 1, &error), OUTCOME_USAGE);
    assert_int_equal(file_replace_whole(scratch_folder, "x", 1, &error), OUTCOME_USAGE);
    assert_int_equal(file_replace_whole("/dev/full", "x", 1, &error), OUTCOME_MACHINE);
    assert_non_null(strstr(error.text, "/dev/full"));
}

/* Five characters mean something in XML or are forbidden there; bytes of UTF-8 pass. */
static void test_xml(void **state)
{
    (void)state;
    char text[128] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    xml_put("a<b> & \"c\"\t'd'\n\x01\x1f \xc2\xb5s", out);
    fclose(out);
    assert_string_equal(text, "a&lt;b&gt; &amp; &quot;c&quot;\t'd'\n   \xc2\xb5s");
}

/* Cut where the array ends, and nothing beyond, however often more follows. */
static void test_append(void **state)
{
    (void)state;
    char text[12];
    memset(text, '#', sizeof text);
    text[0] = '\0';
    append_text(text, 8, "%d", 12);
    assert_string_equal(text, "12");
    append_text(text, 8, "%s", "");
    append_text(text, 8, ", %s", "abcdefgh");
    assert_string_equal(text, "12, abc");
    for (int i = 0; i < 3; i++)
        append_text(text, 8, "%s", "more");
    assert_string_equal(text, "12, abc");
    assert_memory_equal(text + 8, "####", 4);
    text[7] = '#'; /* no text at all: left alone */
    append_text(text, 8, "x");
    assert_memory_equal(text, "12, abc#####", 12);
}

/* ---- Arrays and texts ------------------------------------------------------------------------ */

static void test_array_room(void **state)
{
    (void)state;
    size_t room = 0, moves = 0;
    int *array = NULL;
    for (int i = 0; i < 10000; i++) {
        size_t before = room;
        int *grown = array_room(array, (size_t)i + 1, &room, sizeof *array);
        assert_non_null(grown);
        moves += room != before;
        array = grown;
        array[i] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(array[i], i);
    assert_true(moves < 15);
    size_t before = room;
    assert_null(array_room(array, SIZE_MAX / 2, &room, sizeof *array)); /* would wrap */
    assert_null(array_room(array, SIZE_MAX, &room, 1));
    assert_int_equal(room, before);
    assert_int_equal(array[9999], 9999);
    free(array);
}

static void test_array_aligned(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 15, 1000, (4 << 20) / sizeof(float)};
    for (size_t i = 0; i < COUNT(counts); i++) {
        float *array = array_aligned(counts[i], sizeof *array);
        assert_non_null(array);
        assert_int_equal((uintptr_t)array % 64, 0);
        for (size_t j = 0; j < counts[i]; j++)
            array[j] = 1;
        free(array);
    }
    assert_null(array_aligned(SIZE_MAX / 2, sizeof(float)));
    assert_null(array_aligned(SIZE_MAX, 1));
}

static void test_texts(void **state)
{
    (void)state;
    assert_true(ends_with("time_ns", "_ns") && ends_with("x", "") && ends_with("", ""));
    assert_false(ends_with("ns", "_ns") || ends_with("_nsx", "_ns"));
    /* From the authors' own test vectors. */
    assert_true(fnv1a(FNV_START, "") == UINT64_C(0xcbf29ce484222325));
    assert_true(fnv1a(FNV_START, "foobar") == UINT64_C(0x85944171f73967e8));
    assert_true(fnv1a(fnv1a(FNV_START, "foo"), "bar") == fnv1a(FNV_START, "foobar"));
}

/* Nanoseconds are told apart after years, from a beginning of one's own. */
static void test_clock(void **state)
{
    (void)state;
    const long years_s = 20L * 365 * 86400;
    const struct timespec before = {years_s + 9, 999999999}, after = {years_s + 10, 0};
    assert_true(clock_from_ns(&after, years_s) - clock_from_ns(&before, years_s) == 1);
    assert_true(clock_from_ns(&after, 0) - clock_from_ns(&before, 0) != 1); /* why it is needed */
    double first_ns = clock_ns(), second_ns = clock_ns();
    assert_true(first_ns < 86400e9 && second_ns >= first_ns);
}

/* Calls that no clock could see still take some time: calibrate divides by it. */
static void test_call_time(void **state)
{
    (void)state;
    assert_true(clock_call_ns(3000, 2) == 1500);
    assert_true(clock_call_ns(0, 1) > 0);
    assert_true(clock_call_ns(0, 1000) > 0);
    assert_true(clock_call_ns(-20, 4) > 0);
    assert_true(isfinite(1e6 / clock_call_ns(0, 1000000)));
}

/* A word is had whole or not at all, wherever it stands. */
static void test_words(void **state)
{
    static const struct {
        const char *text, *word;
        bool has;
    } rows[] = {{"n=512 batch=16", "n=512", true},
                {"n=512 batch=16", "batch=16", true},
                {"n=512 batch=16", "n=51", false},
                {"n=512 batch=16", "batch=1", false},
                {"  n=5\tr=2\n k=1 ", "r=2", true},
                {"  n=5\tr=2\n k=1 ", "k=1", true},
                {"", "n=5", false},
                {"   ", "n=5", false},
                {"gn=5", "n=5", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (words_have(rows[i].text, rows[i].word, strlen(rows[i].word)) != rows[i].has)
            fail_msg("'%s' in '%s'", rows[i].word, rows[i].text);
}

static void test_csv(void **state)
{
    static const struct {
        const char *text, *cell;
    } rows[] = {{"", "\"\""},
                {"n=512, batch=16", "\"n=512, batch=16\""},
                {"layer=a\"b\".safetensors", "\"layer=a\"\"b\"\".safetensors\""},
                {"two\nlines", "\"two\nlines\""}};
    struct error error;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct printed printed;
        char *text = NULL;
        assert_int_equal(printed_begin(&printed, "a cell", &error), OUTCOME_DONE);
        csv_put(rows[i].text, printed.out);
        assert_int_equal(printed_end(&printed, OUTCOME_DONE, &text, NULL, &error), OUTCOME_DONE);
        assert_string_equal(text, rows[i].cell);
        free(text);
    }
}

/* A text whose printing failed reaches nobody, and the old file stays. */
static void test_printed(void **state)
{
    struct error error = {"the reason"};
    struct printed printed;
    char path[600], *text = NULL, *kept;
    (void)state;
    snprintf(path, sizeof path, "%s", scratch_file("printed", "old", 3));
    assert_int_equal(printed_begin(&printed, "a text", &error), OUTCOME_DONE);
    fputs("half", printed.out);
    assert_int_equal(printed_end(&printed, OUTCOME_BAD, &text, NULL, &error), OUTCOME_BAD);
    assert_null(text);
    for (int i = 0; i < 2; i++) {
        enum outcome outcome = i ? OUTCOME_DONE : OUTCOME_NO_VERDICT;
        assert_int_equal(printed_begin(&printed, "a text", &error), OUTCOME_DONE);
        fputs("new", printed.out);
        assert_int_equal(printed_replace(&printed, outcome, path, &error), outcome);
        kept = file_text(path);
        assert_string_equal(kept, i ? "new" : "old");
        free(kept);
    }
    assert_string_equal(error.text, "the reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_time),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_no_memory),
        cmocka_unit_test(test_folder_make),
        cmocka_unit_test(test_folder_temporary),
        cmocka_unit_test(test_folder_remove),
        cmocka_unit_test(test_text_check),
        cmocka_unit_test(test_replace_whole),
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_array_room),
        cmocka_unit_test(test_array_aligned),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_printed),
    };
    return cmocka_run_group_tests_name("base", tests, scratch_begin, scratch_end);
}

/* worker.c - one look in a process of its own. */
#define _GNU_SOURCE /* environ */
#include "compare/worker.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/stop.h"
#include "base/util.h"
#include "suite/one_case.h"

#define PATH_SIZE 512
#define NUMBER_SIZE 24

/* ---- What it prints ------------------------------------------------------------------------ */

static const char *const status_names[] = {
    [PAIR_OK] = "ok", [PAIR_SKIPPED] = "skipped", [PAIR_WRONG] = "wrong"};

void worker_write(FILE *out, const struct pair_result *result)
{
    fprintf(out, "status %s\nreason %s\n", status_names[result->status], result->reason);
    for (int i = 0; i < 2; i++)
        fprintf(out, "build %.9g %s\n", result->call_ns[i], result->chose[i]);
    for (size_t i = 0; i < result->count; i++)
        fprintf(out, "ratio %.9g\n", result->logs[i]);
    fprintf(out, "end %zu\n", result->count);
}

/* The rest of the line behind `word`, moved to the next line; NULL if the line begins otherwise. */
static const char *rest_of(const char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0)
        return NULL;
    const char *rest = *at + length;
    *at = rest + strcspn(rest, "\n");
    *at += **at == '\n';
    return rest;
}

static void copy_line(const char *line, char *ret, size_t size)
{
    snprintf(ret, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static bool read_head(const char **at, struct pair_result *ret)
{
    char word[16];
    const char *status = rest_of(at, "status "), *reason = status ? rest_of(at, "reason ") : NULL;
    if (!reason)
        return false;
    copy_line(status, word, sizeof word);
    copy_line(reason, ret->reason, sizeof ret->reason);
    for (size_t i = 0; i < COUNT(status_names); i++)
        if (strcmp(word, status_names[i]) == 0) {
            ret->status = (enum pair_status)i;
            return true;
        }
    return false;
}

static bool read_builds(const char **at, struct pair_result *ret)
{
    for (int i = 0; i < 2; i++) {
        const char *line = rest_of(at, "build ");
        char *end;
        if (!line)
            return false;
        ret->call_ns[i] = strtod(line, &end);
        if (*end != ' ')
            return false;
        copy_line(end + 1, ret->chose[i], sizeof ret->chose[i]);
    }
    return true;
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static bool read_ratios(const char **at, struct pair_result *ret)
{
    const char *line;
    char expected[NUMBER_SIZE];
    ret->logs = malloc((count_lines(*at) + 1) * sizeof *ret->logs);
    if (!ret->logs)
        return false;
    while ((line = rest_of(at, "ratio "))) {
        char *end;
        ret->logs[ret->count] = strtod(line, &end);
        if (end == line || *end != '\n' || !isfinite(ret->logs[ret->count]))
            return false;
        ret->count++;
    }
    snprintf(expected, sizeof expected, "end %zu\n", ret->count);
    return strcmp(*at, expected) == 0;
}

bool worker_read(const char *text, struct pair_result *ret)
{
    struct pair_result result = {.status = PAIR_OK};
    bool ok = read_head(&text, &result) && read_builds(&text, &result) &&
              read_ratios(&text, &result) && (result.status != PAIR_OK || result.count > 0);
    if (ok)
        *ret = result;
    else
        pair_result_clear(&result);
    return ok;
}

/* ---- The process --------------------------------------------------------------------------- */

enum outcome worker_copy(const char *from, const char *to, struct error *error)
{
    struct file_replace file;
    char block[1 << 16];
    uint64_t bytes, done = 0;
    int fd;
    enum outcome outcome = file_open(from, &fd, &bytes, error);
    if (outcome != OUTCOME_DONE)
        return outcome;
    outcome = file_replace_begin(to, &file, error);
    if (outcome != OUTCOME_DONE) {
        close(fd);
        return outcome;
    }
    while (outcome == OUTCOME_DONE && done < bytes) {
        size_t part = bytes - done < sizeof block ? (size_t)(bytes - done) : sizeof block;
        outcome = file_read(fd, from, done, block, part, error);
        if (outcome == OUTCOME_DONE)
            outcome = file_replace_write(&file, block, part, error);
        done += part;
    }
    close(fd);
    if (outcome == OUTCOME_DONE)
        return file_replace_commit(&file, error);
    file_replace_abort(&file);
    return outcome;
}

/* The last line of what it said, without "midl gate-one: ". */
static void last_words(const char *path, char *ret, size_t size)
{
    static const char name[] = "midl gate-one: ";
    char *text = file_text(path);
    size_t length = text ? strlen(text) : 0;
    while (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    char *line = text ? strrchr(text, '\n') : NULL;
    line = line ? line + 1 : text;
    if (line && strncmp(line, name, strlen(name)) == 0)
        line += strlen(name);
    snprintf(ret, size, "%.200s", line ? line : "");
    free(text);
}

/* Words of the command line; `numbers` and `paths` hold their texts. */
struct line {
    char self[PATH_SIZE], builds[2][PATH_SIZE], out[PATH_SIZE], err[PATH_SIZE];
    char numbers[5][NUMBER_SIZE];
    char **words, **argv;
};

static void line_clear(struct line *line)
{
    for (int i = 0; i < 2; i++)
        (void)unlink(line->builds[i]);
    (void)unlink(line->out);
    (void)unlink(line->err);
    free(line->words);
    free(line->argv);
}

static enum outcome line_argv(struct line *line, struct error *error)
{
    static char name[] = "gate-one", program[] = "midl";
    char *const head[] = {program,          name,
                          line->builds[0],  line->builds[1],
                          line->numbers[0], line->numbers[1],
                          line->numbers[2], line->numbers[3],
                          line->numbers[4]};
    size_t words = 0;
    while (line->words && line->words[words])
        words++;
    line->argv = calloc(COUNT(head) + words + 1, sizeof *line->argv);
    if (!line->words || !line->argv)
        return fail_memory(error, "a command line", CASE_TEXT_SIZE);
    memcpy(line->argv, head, sizeof head);
    memcpy(line->argv + COUNT(head), line->words, words * sizeof *line->words);
    return OUTCOME_DONE;
}

static enum outcome line_make(const struct worker *worker, const struct bench_case *bench_case,
                              struct line *line, struct error *error)
{
    static const char *const names[2] = {"old.so", "new.so"};
    ssize_t length = readlink("/proc/self/exe", line->self, sizeof line->self - 1);
    enum outcome outcome = OUTCOME_DONE;
    if (length < 0)
        return fail(error, OUTCOME_MACHINE, "this program can't be found: %s", strerror(errno));
    line->self[length] = '\0';
    snprintf(line->out, PATH_SIZE, "%s/out", worker->folder);
    snprintf(line->err, PATH_SIZE, "%s/err", worker->folder);
    snprintf(line->numbers[0], NUMBER_SIZE, "%llu", (unsigned long long)worker->seed);
    snprintf(line->numbers[1], NUMBER_SIZE, "%d", worker->placements);
    snprintf(line->numbers[2], NUMBER_SIZE, "%d", worker->rounds);
    snprintf(line->numbers[3], NUMBER_SIZE, "%d", worker->new_first);
    snprintf(line->numbers[4], NUMBER_SIZE, "%zu", worker->inputs);
    for (int i = 0; i < 2 && outcome == OUTCOME_DONE; i++) {
        int which = worker->new_first ? 1 - i : i;
        snprintf(line->builds[which], PATH_SIZE, "%s/%s", worker->folder, names[which]);
        outcome = worker_copy(worker->builds[which], line->builds[which], error);
    }
    line->words = one_case_words(bench_case);
    return outcome == OUTCOME_DONE ? line_argv(line, error) : outcome;
}

enum outcome worker_run(const struct worker *worker, const struct bench_case *bench_case,
                        struct pair_result *ret, struct error *error)
{
    struct line line = {.words = NULL};
    char reason[160], words[256], *text = NULL;
    enum child_end end;
    enum outcome outcome = line_make(worker, bench_case, &line, error);
    if (outcome != OUTCOME_DONE)
        goto cleanup;
    const struct child child = {.path = line.self,
                                .argv = line.argv,
                                .environment = environ,
                                .out = line.out,
                                .err = line.err,
                                .limit_s = WORKER_LIMIT_S,
                                .end = &end};
    if (!child_run(&child, reason, sizeof reason)) {
        last_words(line.err, words, sizeof words);
        outcome = stop_requested
                      ? fail(error, OUTCOME_NO_VERDICT, "interrupted")
                      : fail(error, end == CHILD_KILLED ? OUTCOME_BAD : OUTCOME_MACHINE,
                             "a measuring process: %s%s%s", reason, *words ? ": " : "", words);
        goto cleanup;
    }
    text = file_text(line.out);
    if (!text || !worker_read(text, ret))
        outcome = fail(error, OUTCOME_MACHINE, "a measuring process said nothing of use");
cleanup:
    free(text);
    line_clear(&line);
    return outcome;
}

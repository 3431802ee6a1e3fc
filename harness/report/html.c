/* html.c - one page that holds everything. Figures are images in the page, so that the names within
 * one picture cannot meet those of another. */
#include "report/html.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/printed.h"
#include "base/xml.h"
#include "report/runs.h"
#include "report/stamp.h"
#include "report/tables.h"
#include "run/session.h"

enum { LINE_COLUMNS = 100000 }; /* a browser breaks lines */

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>midl: measured</title>\n"
    "<style>\n"
    "body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "figure { margin: 2rem 0; } img { max-width: 100%; }\n"
    "figcaption, .small { color: #555; font-size: 0.85rem; }\n"
    "table { border-collapse: collapse; display: block; overflow-x: auto; }\n"
    "td, th { padding: 0.1rem 0.6rem; border-bottom: 1px solid #ddd; text-align: right; }\n"
    "td:first-child, th:first-child { text-align: left; } th { border-color: #444; font-weight: "
    "normal; }\n"
    "</style>\n</head>\n<body>\n<h1>What midl measured</h1>\n";

static void put_base64(const unsigned char *bytes, size_t count, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;
        bits |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
        bits |= i + 2 < count ? bytes[i + 2] : 0;
        putc(digits[bits >> 18 & 63], out);
        putc(digits[bits >> 12 & 63], out);
        putc(i + 1 < count ? digits[bits >> 6 & 63] : '=', out);
        putc(i + 2 < count ? digits[bits & 63] : '=', out);
    }
}

/* A figure that was drawn: its picture, with the text of its columns below. */
static enum outcome put_picture(const struct html_page *page, const struct figure *figure,
                                FILE *out, struct error *error)
{
    char path[PATH_MAX];
    if (!folder_path(path, sizeof path, page->draw->out, figure->name, ".svg"))
        return fail(error, OUTCOME_USAGE, "the path of the page is too long");
    char *picture = file_text(path);
    if (!picture)
        return fail(error, OUTCOME_MACHINE, "cannot read %.200s: %s", path, strerror(errno));
    folder_path(path, sizeof path, page->draw->out, figure->name, ".tsv");
    struct stamp stamp = stamp_read(path);
    fprintf(out, "<figure id=\"%s\">\n<h2>%s</h2>\n<img alt=\"", figure->name, figure->name);
    xml_put(stamp.title ? stamp.title : figure->about, out);
    fputs("\" src=\"data:image/svg+xml;base64,", out);
    put_base64((const unsigned char *)picture, strlen(picture), out);
    fputs("\">\n<figcaption>", out);
    xml_put(figure->about, out);
    fputs("</figcaption>\n</figure>\n", out);
    stamp_clear(&stamp);
    free(picture);
    return OUTCOME_DONE;
}

/* Draw and put every figure that has rows. */
static enum outcome put_figures(const struct html_page *page, size_t *ret_count, FILE *out,
                                struct error *error)
{
    char run[DRAW_RUN_SIZE];
    *ret_count = 0;
    for (size_t i = 0; i < page->draw->figures->count; i++) {
        const struct figure *figure = &page->draw->figures->rows[i];
        enum outcome outcome = draw_figure(page->draw, figure, run, error);
        if (outcome == OUTCOME_NO_VERDICT)
            continue;
        if (!outcome)
            outcome = put_picture(page, figure, out, error);
        if (outcome)
            return outcome;
        ++*ret_count;
    }
    return OUTCOME_DONE;
}

/* The newest run that the table has rows in. */
static enum outcome put_table(const struct html_page *page, const struct figure *table,
                              size_t *count, FILE *out, struct error *error)
{
    const struct draw_source *source = page->draw->sources;
    enum outcome outcome = OUTCOME_NO_VERDICT;
    const char *at = source->runs;
    char run[RUN_ID_SIZE] = "", *text = NULL;
    while (outcome == OUTCOME_NO_VERDICT && runs_next(&at, run)) {
        const struct store_fact parameter = {"run", run};
        outcome = table_text(source->store, table, &parameter, 1, TABLE_HTML, false, &text, error);
    }
    if (outcome)
        return outcome == OUTCOME_NO_VERDICT ? OUTCOME_DONE : outcome;
    fprintf(out, "<h2>Table: %s</h2>\n<p class=\"small\">", table->name);
    xml_put(table->about, out);
    fprintf(out, "; %s%s</p>\n%s", table->caption_sql ? "all runs" : "run ",
            table->caption_sql ? "" : run, text);
    free(text);
    ++*count;
    return OUTCOME_DONE;
}

static enum outcome put_tables(const struct html_page *page, size_t *count, FILE *out,
                               struct error *error)
{
    enum outcome outcome = OUTCOME_DONE;
    for (size_t i = 0; i < page->tables->count && !outcome; i++)
        if (strcmp(page->tables->rows[i].name, "answer") != 0)
            outcome = put_table(page, &page->tables->rows[i], count, out, error);
    return outcome;
}

/* The answer of a run, as text to be freed. */
static enum outcome answer_of(const struct html_page *page, const char *run, char **ret,
                              struct error *error)
{
    struct printed printed;
    size_t lines;
    enum outcome outcome = printed_begin(&printed, "a page", error);
    if (outcome)
        return outcome;
    outcome =
        table_answer(page->draw->sources->store, run, printed.out, LINE_COLUMNS, &lines, error);
    return printed_end(&printed, outcome, ret, NULL, error);
}

/* The machine of a run and how it was measured, as text to be freed: a line of names, then the
 * caption. */
static enum outcome caption_of(const struct html_page *page, const char *run, char **ret,
                               struct error *error)
{
    const struct draw *draw = page->draw;
    const struct store_fact parameter = {"run", run};
    struct printed printed;
    size_t rows;
    enum outcome outcome = printed_begin(&printed, "a page", error);
    if (outcome)
        return outcome;
    enum store_status status = store_query(draw->sources->store, draw->figures->caption_sql,
                                           &parameter, 1, STORE_CSV, printed.out, &rows);
    outcome =
        status == STORE_NONE ? OUTCOME_DONE : session_result(draw->sources->store, status, error);
    return printed_end(&printed, outcome, ret, NULL, error);
}

/* The first text between quotes in lines of CSV, where a doubled quote is a quote. */
static void put_quoted(const char *csv, FILE *out)
{
    for (const char *c = csv + strcspn(csv, "\""); *c && c[1]; c++) {
        if (c[1] == '"' && c[2] != '"')
            return;
        c += c[1] == '"';
        xml_put((const char[]){c[1], '\0'}, out);
    }
}

static enum outcome put_run(const struct html_page *page, const char *run, FILE *out,
                            struct error *error)
{
    char *answer = NULL, *caption = NULL;
    enum outcome outcome = answer_of(page, run, &answer, error);
    if (!outcome)
        outcome = caption_of(page, run, &caption, error);
    if (!outcome) {
        const char *last = strrchr(caption, ',') ? strchr(caption, '\n') : NULL;
        fprintf(out, "<h2>Run %s</h2>\n<p>", run);
        for (const char *c = answer; *c; c++)
            *c == '\n' ? (void)fputs("<br>\n", out) : xml_put((const char[]){*c, '\0'}, out);
        fputs("</p>\n<p class=\"small\">", out);
        put_quoted(last ? last + 1 : "", out);
        fputs("</p>\n", out);
    }
    free(answer);
    free(caption);
    return outcome;
}

/* Write the answer of each run, newest first, and the machine that it was measured on. */
static enum outcome put_runs(const struct html_page *page, FILE *out, struct error *error)
{
    const char *at = page->draw->sources->runs;
    enum outcome outcome = OUTCOME_DONE;
    char run[RUN_ID_SIZE];
    while (!outcome && runs_next(&at, run))
        outcome = put_run(page, run, out, error);
    return outcome;
}

enum outcome html_write(const struct html_page *page, FILE *out, struct error *error)
{
    size_t figures = 0, tables = 0;
    fputs(head, out);
    enum outcome outcome = put_runs(page, out, error);
    if (!outcome)
        outcome = put_figures(page, &figures, out, error);
    if (!outcome)
        outcome = put_tables(page, &tables, out, error);
    fputs("<p class=\"small\">Made by: ", out);
    xml_put(page->command, out);
    fputs("; database: ", out);
    xml_put(page->draw->sources->db, out);
    fputs("</p>\n</body>\n</html>\n", out);
    if (!outcome && figures + tables == 0)
        return fail(error, OUTCOME_NO_VERDICT, "%s: not enough for any figure or table",
                    page->draw->sources->db);
    return outcome;
}

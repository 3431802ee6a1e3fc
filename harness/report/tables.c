/* tables.c - tables from a store. */
#define _GNU_SOURCE /* strsep */
#include "report/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/printed.h"
#include "base/terminal.h"
#include "base/util.h"
#include "run/session.h"

#define DECIMALS_MOST 2
#define SENTENCE 40   /* bytes of text, from where on it is set as a paragraph */
#define PAGE_LINES 45 /* of a table in LaTeX; one that has more is broken over pages */
#define PAGE_BYTES 95 /* of a line as wide as the page */

bool table_format_find(const char *name, enum table_format *ret)
{
    static const struct {
        const char *name;
        enum table_format format;
    } formats[] = {{"markdown", TABLE_MARKDOWN},
                   {"latex", TABLE_LATEX},
                   {"csv", TABLE_CSV},
                   {"html", TABLE_HTML}};
    for (size_t i = 0; i < COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0) {
            *ret = formats[i].format;
            return true;
        }
    return false;
}

void table_number(double value, double lo, double hi, char ret[TABLE_NUMBER_SIZE])
{
    double half = (hi - lo) / 2;
    int decimals = DECIMALS_MOST;
    if (half > 0)
        decimals = (int)fmin(DECIMALS_MOST, fmax(fabs(value) < 3 ? 1 : 0, -floor(log10(half))));
    snprintf(ret, TABLE_NUMBER_SIZE, "%.*f", decimals, value);
}

/* ---- Cells ----------------------------------------------------------------------------------- */

enum { LINE, COLUMN, VALUE, LO, HI, TEXT, PARTS };

/* One cell; texts lie in the answer of the store. */
struct cell {
    const char *line, *column, *text; /* text NULL: the value */
    double value, lo, hi;             /* lo, hi NaN: no interval */
};

/* Distinct names in the order in which they first come. */
struct names {
    const char **names;
    size_t count;
};

/* All cells of a table. */
struct cells {
    char *answer;
    struct cell *cells;
    size_t count;
    struct names lines, columns;
};

static void cells_clear(struct cells *cells)
{
    free(cells->answer);
    free(cells->cells);
    free(cells->lines.names);
    free(cells->columns.names);
}

static char *unquoted(char *cell)
{
    size_t length = strlen(cell);
    if (length >= 2 && cell[0] == '"') {
        cell[length - 1] = '\0';
        cell++;
    }
    return cell;
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return end == text ? NAN : value;
}

static void add_name(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return;
    names->names[names->count++] = name;
}

/* Take room for as many cells, lines and columns as the answer has rows. */
static bool take_cells(struct cells *cells)
{
    size_t rows = 1;
    for (const char *c = cells->answer; *c; c++)
        rows += *c == '\n';
    cells->cells = calloc(rows, sizeof *cells->cells);
    cells->lines.names = calloc(rows, sizeof *cells->lines.names);
    cells->columns.names = calloc(rows, sizeof *cells->columns.names);
    return cells->cells && cells->lines.names && cells->columns.names;
}

/* Split the answer, in place. False if there is no memory. */
static bool split_cells(struct cells *cells)
{
    char *rest = cells->answer, *parts[PARTS];
    if (!take_cells(cells))
        return false;
    for (char *row; (row = strsep(&rest, "\n"));) {
        size_t count = 0;
        if (!*row || *row == '#')
            continue;
        for (char *part; count < PARTS && (part = strsep(&row, "\t"));)
            parts[count++] = unquoted(part);
        if (count < PARTS)
            continue;
        bool worded = strcmp(parts[TEXT], "NaN") != 0;
        cells->cells[cells->count++] = (struct cell){.line = parts[LINE],
                                                     .column = parts[COLUMN],
                                                     .text = worded ? parts[TEXT] : NULL,
                                                     .value = number(parts[VALUE]),
                                                     .lo = number(parts[LO]),
                                                     .hi = number(parts[HI])};
        add_name(&cells->lines, parts[LINE]);
        add_name(&cells->columns, parts[COLUMN]);
    }
    return true;
}

/* The answer of a query as text. */
static enum outcome query(struct store *store, const struct figure *table,
                          const struct store_fact *parameters, size_t count, char **ret,
                          struct error *error)
{
    struct printed printed;
    size_t rows;
    enum outcome outcome = printed_begin(&printed, "a table", error);
    if (outcome)
        return outcome;
    enum store_status status =
        store_query(store, table->sql, parameters, count, STORE_TSV, printed.out, &rows);
    if (status == STORE_NONE)
        outcome = fail(error, OUTCOME_NO_VERDICT, "table %s needs %s", table->name, table->needs);
    else if (status == STORE_OLD) /* it cannot have such rows */
        outcome = fail(error, OUTCOME_NO_VERDICT, "table %s: %s", table->name, store_error(store));
    else if (status != STORE_OK)
        outcome =
            fail(error, session_outcome(status), "table %s: %s", table->name, store_error(store));
    return printed_end(&printed, outcome, ret, NULL, error);
}

static const struct cell *find_cell(const struct cells *cells, const char *line, const char *column)
{
    for (size_t i = 0; i < cells->count; i++)
        if (strcmp(cells->cells[i].line, line) == 0 && strcmp(cells->cells[i].column, column) == 0)
            return &cells->cells[i];
    return NULL;
}

/* ---- Setting --------------------------------------------------------------------------------- */

/* The text for a character that would be a command; NULL: itself. */
static const char *escape(char c, enum table_format format)
{
    static const struct {
        enum table_format format;
        char c;
        const char *text;
    } rows[] = {
        {TABLE_LATEX, '&', "\\&"},    {TABLE_LATEX, '%', "\\%"},
        {TABLE_LATEX, '$', "\\$"},    {TABLE_LATEX, '#', "\\#"},
        {TABLE_LATEX, '_', "\\_"},    {TABLE_LATEX, '{', "\\{"},
        {TABLE_LATEX, '}', "\\}"},    {TABLE_LATEX, '\\', "\\textbackslash{}"},
        {TABLE_LATEX, '~', "\\~{}"},  {TABLE_LATEX, '^', "\\^{}"},
        {TABLE_LATEX, '<', "$<$"},    {TABLE_LATEX, '>', "$>$"},
        {TABLE_MARKDOWN, '|', "\\|"}, {TABLE_HTML, '<', "&lt;"},
        {TABLE_HTML, '>', "&gt;"},    {TABLE_HTML, '&', "&amp;"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].format == format && rows[i].c == c)
            return rows[i].text;
    return NULL;
}

/* Words that Markdown makes bold, and commands, which may be broken in the middle. */
enum { BOLD, CODE };
static const struct {
    const char *mark, *begin[4], *end[4]; /* by format */
} marks[] = {
    [BOLD] = {"**",
              {[TABLE_LATEX] = "\\textbf{", [TABLE_HTML] = "<b>"},
              {[TABLE_LATEX] = "}", [TABLE_HTML] = "</b>"}},
    [CODE] = {"`",
              {[TABLE_LATEX] = "\\texttt{", [TABLE_HTML] = "<code>"},
              {[TABLE_LATEX] = "}", [TABLE_HTML] = "</code>"}},
};

/* Signs of several bytes that LaTeX has as mathematics in every document. */
struct sign {
    const char *utf8, *latex;
};

static const struct sign *symbol(const char *text)
{
    static const struct sign signs[] = {
        {"µ", "$\\mu$"}, {"±", "$\\pm$"}, {"→", "$\\to$"}, {"×", "$\\times$"}};
    for (size_t i = 0; i < COUNT(signs); i++)
        if (strncmp(text, signs[i].utf8, strlen(signs[i].utf8)) == 0)
            return &signs[i];
    return NULL;
}

/* Whether a hyphen is the sign of a number, which LaTeX has to be told. */
static bool is_minus(const char *begin, const char *text)
{
    return *text == '-' && strchr("0123456789", text[1]) && text[1] &&
           (text == begin || strchr(" (", text[-1]));
}

/* Whether a command may be broken behind this character: not between the hyphens of an option. */
static bool may_break(const char *begin, const char *text)
{
    return strchr(",/", *text) || (*text == '-' && text > begin && !strchr(" -`", text[-1]));
}

/* Text with its marks; one that never ends is a character. */
static void put_escaped(const char *text, enum table_format format, FILE *out)
{
    bool open[COUNT(marks)] = {false};
    for (const char *begin = text; *text; text++) {
        const char *escaped = escape(*text, format);
        size_t m = 0;
        while (m < COUNT(marks) && (format == TABLE_MARKDOWN ||
                                    strncmp(text, marks[m].mark, strlen(marks[m].mark)) != 0))
            m++;
        if (m < COUNT(marks) && (open[m] || strstr(text + 1, marks[m].mark))) {
            fputs(open[m] ? marks[m].end[format] : marks[m].begin[format], out);
            open[m] = !open[m];
            text += strlen(marks[m].mark) - 1;
        } else if (format == TABLE_LATEX && !open[CODE] && is_minus(begin, text)) {
            fputs("$-$", out);
        } else if (format == TABLE_LATEX && symbol(text)) {
            fputs(symbol(text)->latex, out);
            text += strlen(symbol(text)->utf8) - 1;
        } else if (escaped) {
            fputs(escaped, out);
        } else {
            putc(*text, out);
            if (open[CODE] && format == TABLE_LATEX && may_break(begin, text))
                fputs("\\allowbreak{}", out);
        }
    }
}

static void put_cell(const struct cell *cell, enum table_format format, bool intervals, FILE *out)
{
    char value[TABLE_NUMBER_SIZE], lo[TABLE_NUMBER_SIZE], hi[TABLE_NUMBER_SIZE];
    if (!cell)
        return;
    if (cell->text) {
        put_escaped(cell->text, format, out);
        return;
    }
    table_number(cell->value, cell->lo, cell->hi, value);
    put_escaped(value, format, out);
    if (!intervals || !isfinite(cell->lo) || !isfinite(cell->hi))
        return;
    table_number(cell->lo, cell->lo, cell->hi, lo);
    table_number(cell->hi, cell->lo, cell->hi, hi);
    fprintf(out, format == TABLE_LATEX ? " [%s, %s]" : " (%s to %s)", lo, hi);
}

/* The texts that begin and end a table, a line and a cell. */
struct setting {
    const char *line_begin, *between, *line_end;
};

static const struct setting settings[] = {
    [TABLE_MARKDOWN] = {"| ", " | ", " |\n"},
    [TABLE_LATEX] = {"", " & ", " \\\\\n"},
    [TABLE_HTML] = {"<tr><td>", "</td><td>", "</td></tr>\n"},
};

/* Length in bytes of the longest text of a column. */
static size_t longest_text(const struct cells *cells, const char *column)
{
    size_t longest = strlen(column);
    for (size_t i = 0; i < cells->count; i++) {
        const struct cell *cell = &cells->cells[i];
        if (strcmp(cell->column, column) == 0 && cell->text && strlen(cell->text) > longest)
            longest = strlen(cell->text);
    }
    return longest;
}

/* Whether a table holds sentences: its cells are paragraphs then, not columns of numbers. */
static bool has_sentences(const struct cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        if (cells->cells[i].text && strlen(cells->cells[i].text) > SENTENCE)
            return true;
    return false;
}

/* The share of the page, not yet of 1, that a column of sentences takes: by its longest text,
 * within limits. */
static double width_of(const struct cells *cells, const char *column)
{
    return fmin(fmax((double)longest_text(cells, column), 0.75 * SENTENCE), 2.25 * SENTENCE);
}

/* The sum of those shares, with that of the names of lines. */
static double sum_of_widths(const struct cells *cells)
{
    double sum = SENTENCE;
    for (size_t i = 0; i < cells->columns.count; i++)
        sum += width_of(cells, cells->columns.names[i]);
    return sum;
}

/* About how many lines of a page a table takes. */
static double height_of(const struct cells *cells)
{
    double height = 0, sum = sum_of_widths(cells);
    if (!has_sentences(cells))
        return (double)cells->lines.count;
    for (size_t i = 0; i < cells->lines.count; i++) {
        double most = 1;
        for (size_t j = 0; j < cells->columns.count; j++) {
            const char *column = cells->columns.names[j];
            const struct cell *cell = find_cell(cells, cells->lines.names[i], column);
            double room = PAGE_BYTES * width_of(cells, column) / sum;
            if (cell && cell->text)
                most = fmax(most, ceil((double)strlen(cell->text) / room));
        }
        height += most;
    }
    return height;
}

/* Columns of a table of sentences: the page, shared by those widths. */
static void put_widths(const struct cells *cells, FILE *out)
{
    const struct names *columns = &cells->columns;
    double sum = sum_of_widths(cells), page = 0.97 - 0.025 * (double)columns->count;
    fprintf(out, "p{%.3f\\linewidth}", page * SENTENCE / sum);
    for (size_t i = 0; i < columns->count; i++)
        fprintf(out, "p{%.3f\\linewidth}", page * width_of(cells, columns->names[i]) / sum);
}

/* `environment`: of LaTeX. */
static void put_begin(const struct cells *cells, bool sentences, const char *environment,
                      enum table_format format, FILE *out)
{
    if (format == TABLE_LATEX) {
        fprintf(out, "\\begin{%s}{", environment);
        if (sentences)
            put_widths(cells, out);
        else
            putc('l', out);
        for (size_t i = 0; i < cells->columns.count && !sentences; i++)
            putc('r', out);
        fputs("}\n\\toprule\n", out);
    } else if (format == TABLE_HTML) {
        fputs("<table>\n", out);
    }
}

/* Write what is between the head and the lines; `broken`: over pages, each with a head and a last
 * rule.
 */
static void put_rule(const struct names *columns, bool sentences, bool broken,
                     enum table_format format, FILE *out)
{
    if (format == TABLE_LATEX)
        fprintf(out, "\\midrule\n%s", broken ? "\\endhead\n\\bottomrule\n\\endfoot\n" : "");
    if (format != TABLE_MARKDOWN)
        return;
    fputs("|---|", out);
    for (size_t i = 0; i < columns->count; i++)
        fputs(sentences ? "---|" : "---:|", out);
    putc('\n', out);
}

static void put_line(const struct cells *cells, const char *line, const struct names *columns,
                     const struct setting *set, enum table_format format, bool intervals, FILE *out)
{
    fputs(set->line_begin, out);
    put_escaped(line, format, out);
    for (size_t j = 0; j < columns->count; j++) {
        fputs(set->between, out);
        put_cell(find_cell(cells, line, columns->names[j]), format, intervals, out);
    }
    fputs(set->line_end, out);
}

/* The name above the lines: the text before the first tab of the table's own head line. */
static void put_table(const struct cells *cells, const char *corner, enum table_format format,
                      bool intervals, FILE *out)
{
    const struct names *lines = &cells->lines, *columns = &cells->columns;
    static const struct setting paragraphs = {"\\raggedright ", " & \\raggedright ",
                                              " \\tabularnewline\n"};
    static const struct setting head = {"<tr><th>", "</th><th>", "</th></tr>\n"};
    bool sentences = has_sentences(cells), broken = height_of(cells) > PAGE_LINES;
    const char *environment = broken ? "longtable" : "tabular";
    const struct setting *set =
        sentences && format == TABLE_LATEX ? &paragraphs : &settings[format];
    if (format == TABLE_LATEX && broken)
        fputs("% Longer than a page: outside of floats, where the page has one column, with\n"
              "% \\usepackage{longtable}. `--where` makes it shorter.\n",
              out);
    put_begin(cells, sentences, environment, format, out);
    if (format == TABLE_HTML)
        set = &head;
    fputs(set->line_begin, out);
    put_escaped(corner, format, out);
    for (size_t i = 0; i < columns->count; i++) {
        fputs(set->between, out);
        put_escaped(columns->names[i], format, out);
    }
    fputs(set->line_end, out);
    if (format == TABLE_HTML)
        set = &settings[format];
    put_rule(columns, sentences, broken, format, out);
    for (size_t i = 0; i < lines->count; i++)
        put_line(cells, lines->names[i], columns, set, format, intervals, out);
    if (format == TABLE_LATEX)
        fprintf(out, "%s\\end{%s}\n", broken ? "" : "\\bottomrule\n", environment);
    else if (format == TABLE_HTML)
        fputs("</table>\n", out);
}

static void put_csv_number(double value, FILE *out)
{
    putc(',', out);
    if (isfinite(value))
        fprintf(out, "%.17g", value);
}

/* One line per cell, numbers in full. */
static void put_csv(const struct cells *cells, FILE *out)
{
    fputs("line,column,value,lo,hi,text\r\n", out);
    for (size_t i = 0; i < cells->count; i++) {
        const struct cell *cell = &cells->cells[i];
        csv_put(cell->line, out);
        putc(',', out);
        csv_put(cell->column, out);
        put_csv_number(cell->value, out);
        put_csv_number(cell->lo, out);
        put_csv_number(cell->hi, out);
        putc(',', out);
        csv_put(cell->text ? cell->text : "", out);
        fputs("\r\n", out);
    }
}

/* The words behind "-- corner: " in the query: what stands above the lines. */
static void find_corner(const char *sql, char ret[FIGURE_LINE_SIZE])
{
    static const char mark[] = "-- corner: ";
    const char *at = strstr(sql, mark);
    *ret = '\0';
    if (at)
        snprintf(ret, FIGURE_LINE_SIZE, "%.*s", (int)strcspn(at + strlen(mark), "\r\n"),
                 at + strlen(mark));
}

enum outcome table_text(struct store *store, const struct figure *table,
                        const struct store_fact *parameters, size_t parameter_count,
                        enum table_format format, bool intervals, char **ret, struct error *error)
{
    struct cells cells = {.count = 0};
    struct printed printed;
    char corner[FIGURE_LINE_SIZE];
    enum outcome outcome = query(store, table, parameters, parameter_count, &cells.answer, error);
    if (!outcome && !split_cells(&cells))
        outcome = fail_memory(error, "a table", (double)strlen(cells.answer));
    if (!outcome)
        outcome = printed_begin(&printed, "a table", error);
    if (!outcome) {
        find_corner(table->sql, corner);
        if (format == TABLE_CSV)
            put_csv(&cells, printed.out);
        else
            put_table(&cells, corner, format, intervals, printed.out);
        outcome = printed_end(&printed, OUTCOME_DONE, ret, NULL, error);
    }
    cells_clear(&cells);
    return outcome;
}

/* ---- The answer of a run --------------------------------------------------------------------- */

enum outcome table_answer(struct store *store, const char *run, FILE *out, size_t columns,
                          size_t *ret_lines, struct error *error)
{
    const struct store_fact parameters[] = {{"run", run}};
    struct figures tables = {.count = 0};
    char *answer = NULL;
    size_t lines = 0;
    enum outcome outcome = tables_read(&tables, error);
    const struct figure *table = outcome ? NULL : figures_find(&tables, "answer", error);
    if (!outcome)
        outcome = table ? query(store, table, parameters, 1, &answer, error) : OUTCOME_MACHINE;
    char *rest = answer;
    for (char *line; !outcome && (line = strsep(&rest, "\n"));)
        if (*line && *line != '#') {
            terminal_wrap(out, unquoted(line), 0, columns);
            lines++;
        }
    free(answer);
    figures_clear(&tables);
    if (outcome == OUTCOME_NO_VERDICT) /* no speedups: no answer */
        outcome = OUTCOME_DONE;
    if (!outcome)
        *ret_lines = lines;
    return outcome;
}

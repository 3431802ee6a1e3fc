/* options.c - a table of options per command: getopt_long reads by it and help is printed from it,
 * so that the two can't disagree. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/append.h"
#include "base/quote.h"
#include "base/terminal.h"
#include "commands/command.h"

#define OPTIONS_MAX 64

/* getopt_long's code of row i. Above every character and distinct from '?' and ':'. */
enum { CODE_HELP = 256, CODE_ROW };

#define LEAST_COLUMN 12
#define WIDEST_COLUMN 32

static int left_width(const struct option_row *row)
{
    return (int)(strlen(row->name) + (row->argument ? 1 + strlen(row->argument) : 0));
}

/* "  --name ARG   help", help aligned; a left side too wide for its column gets a line of its own.
 */
static void print_row(const struct option_row *row, int column)
{
    const char *gap = row->argument ? " " : "", *argument = row->argument ? row->argument : "";
    int left = left_width(row), pad = column - left;
    printf("  --%s%s%s", row->name, gap, argument);
    if (pad < 0) {
        printf("\n");
        pad = column + 4;
    }
    printf("%*s  ", pad, "");
    terminal_wrap(stdout, row->help, (size_t)column + 6, terminal_columns(STDOUT_FILENO));
}

/* Print a line "  WORD   text" of a list as it stands, its further lines below the text. */
static void print_item(const char *line, size_t length)
{
    size_t indent = strspn(line, " ");
    while (indent < length && (line[indent] != ' ' || line[indent + 1] != ' '))
        indent++;
    indent += strspn(line + indent, " ");
    char *text = strndup(line, length);
    if (!text)
        return;
    if (indent < length) {
        printf("%.*s", (int)indent, text);
        terminal_wrap(stdout, text + indent, indent, terminal_columns(STDOUT_FILENO));
    } else {
        terminal_wrap(stdout, text, 4, terminal_columns(STDOUT_FILENO));
    }
    free(text);
}

/* Print the paragraph kept in `text` in lines as wide as the terminal, and empty it. */
static void print_paragraph(char *text)
{
    if (*text)
        terminal_wrap(stdout, text, 0, terminal_columns(STDOUT_FILENO));
    *text = '\0';
}

/* Print a text: lines that follow each other are a paragraph, those that begin with blanks a list.
 */
static void print_about(const char *about)
{
    char paragraph[2048] = "";
    for (size_t length; *about; about += length + (about[length] == '\n')) {
        length = strcspn(about, "\n");
        if (length && *about != ' ') {
            append_text(paragraph, sizeof paragraph, "%s%.*s", *paragraph ? " " : "", (int)length,
                        about);
            continue;
        }
        print_paragraph(paragraph);
        if (length)
            print_item(about, length);
        else
            printf("\n");
    }
    print_paragraph(paragraph);
}

static void print_help(const char *usage, const char *about, const struct option_row *rows,
                       size_t count)
{
    static const struct option_row help = {"help", NULL, "print this and stop", NULL};
    int column = LEAST_COLUMN;
    for (size_t i = 0; i < count; i++)
        if (left_width(&rows[i]) > column && left_width(&rows[i]) <= WIDEST_COLUMN)
            column = left_width(&rows[i]);
    printf("usage: %s\n\n", usage);
    print_about(about);
    printf("\noptions:\n");
    for (size_t i = 0; i < count; i++)
        print_row(&rows[i], column);
    print_row(&help, column);
}

/* Append "--name" to a list of the words of a line. */
static void append_name(char *list, size_t size, const char *name)
{
    append_text(list, size, "%s--%s", *list ? ", " : "", name);
}

/* The error of an option that getopt_long didn't take: `text` as typed, dashes included. */
static enum outcome refuse_option(const char *text, const struct option_row *rows, size_t count,
                                  struct error *error)
{
    const char *names[OPTIONS_MAX + 1] = {"help"};
    char word[64], list[256] = "";
    size_t matches = 0;
    snprintf(word, sizeof word, "%s", text + strspn(text, "-"));
    word[strcspn(word, "=")] = '\0';
    for (size_t i = 0; i < count; i++) {
        names[i + 1] = rows[i].name;
        if (strncmp(rows[i].name, word, strlen(word)) == 0) {
            append_name(list, sizeof list, rows[i].name);
            matches++;
        }
    }
    if (matches > 1 && *word)
        return fail(error, OUTCOME_USAGE, "option --%s is ambiguous: %s", word, list);
    const char *nearest = nearest_word(word, names, count + 1);
    if (nearest)
        return fail(error, OUTCOME_USAGE, "unknown option %s: did you mean --%s?", text, nearest);
    return fail(error, OUTCOME_USAGE, "unknown option %s (--help lists the options)", text);
}

/* getopt_long's own words for a refused argument: the short option's letter, or a whole word. */
static enum outcome refuse_argument(char **argv, const struct option_row *rows, size_t count,
                                    struct error *error)
{
    if (optopt >= CODE_ROW && (size_t)(optopt - CODE_ROW) < count)
        return fail(error, OUTCOME_USAGE, "option --%s takes no argument",
                    rows[optopt - CODE_ROW].name);
    if (optopt == CODE_HELP)
        return fail(error, OUTCOME_USAGE, "option --help takes no argument");
    if (optopt > 0 && optopt < CODE_HELP) {
        char letter[3] = {'-', (char)optopt, '\0'};
        return fail(error, OUTCOME_USAGE, "unknown option %s (--help lists the options)", letter);
    }
    return refuse_option(argv[optind - 1], rows, count, error);
}

enum outcome options_parse(int argc, char **argv, const char *usage, const char *about,
                           const struct option_row *rows, size_t count, int *ret_first,
                           bool *ret_help, struct error *error)
{
    struct option table[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, CODE_HELP}};
    if (count > OPTIONS_MAX)
        return fail(error, OUTCOME_USAGE, "more than %d options in a table", OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        table[i + 1] =
            (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL,
                            CODE_ROW + (int)i};
    size_t output = 0; /* the row that -o is short for */
    while (output < count && strcmp(rows[output].name, "output") != 0)
        output++;
    *ret_help = false;
    opterr = 0;
    optind = 0; /* start anew, also after an earlier call that stopped half-way */
    int code;
    while ((code = getopt_long(argc, argv, output < count ? ":ho:" : ":h", table, NULL)) != -1) {
        if (code == 'h' || code == CODE_HELP) {
            print_help(usage, about, rows, count);
            *ret_help = true;
            return OUTCOME_DONE;
        }
        if (code == ':') {
            const struct option_row *row = &rows[optopt == 'o' ? (int)output : optopt - CODE_ROW];
            return fail(error, OUTCOME_USAGE, "option --%s needs an argument: %s", row->name,
                        row->argument);
        }
        if (code == '?')
            return refuse_argument(argv, rows, count, error);
        *rows[code == 'o' ? (int)output : code - CODE_ROW].value = optarg ? optarg : "";
    }
    *ret_first = optind;
    return OUTCOME_DONE;
}

enum outcome options_no_more(int argc, char **argv, int first, struct error *error)
{
    if (first < argc)
        return fail(error, OUTCOME_USAGE, "unexpected argument %s (--help shows the usage)",
                    argv[first]);
    return OUTCOME_DONE;
}

enum outcome options_only(int argc, char **argv, const char *usage, const char *about,
                          const struct option_row *rows, size_t count, bool *ret_help,
                          struct error *error)
{
    int first = argc;
    enum outcome outcome =
        options_parse(argc, argv, usage, about, rows, count, &first, ret_help, error);
    return outcome || *ret_help ? outcome : options_no_more(argc, argv, first, error);
}

enum outcome option_size(const char *name, const char *text, size_t min, size_t max, size_t *ret,
                         struct error *error)
{
    if (!*text || text[strspn(text, "0123456789")])
        return fail(error, OUTCOME_USAGE, "--%s %s: not a whole number (digits only)", name,
                    *text ? text : "''");
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (errno || value < min || value > max)
        return fail(error, OUTCOME_USAGE, "--%s %s: must be from %zu to %zu", name, text, min, max);
    *ret = (size_t)value;
    return OUTCOME_DONE;
}

enum outcome option_double(const char *name, const char *text, double min, double max, double *ret,
                           struct error *error)
{
    char *end;
    double value = strtod(text, &end);
    bool decimal = *text && !text[strspn(text, "0123456789+-.eE")];
    if (!decimal || end == text || *end || !isfinite(value))
        return fail(error, OUTCOME_USAGE, "--%s %s: not a number", name, *text ? text : "''");
    bool inside = value >= min && value <= max;
    if (!inside)
        return fail(error, OUTCOME_USAGE, "--%s %s: must be from %g to %g", name, text, min, max);
    *ret = value;
    return OUTCOME_DONE;
}

int command_fail(const char *command, enum outcome outcome, const struct error *error)
{
    fprintf(stderr, "midl %s: %s\n", command, error->text);
    return (int)outcome;
}

char *command_text(int argc, char **argv)
{
    size_t size = sizeof "midl", used = size - 1;
    for (int i = 0; i < argc; i++)
        size += 4 * strlen(argv[i]) + 4; /* all of it quotes, between quotes */
    char *text = malloc(size);
    if (!text)
        return NULL;
    memcpy(text, "midl", sizeof "midl");
    for (int i = 0; i < argc; i++) {
        text[used++] = ' ';
        quote_word(argv[i], text + used, size - used);
        used += strlen(text + used);
    }
    return text;
}

/* main.c - `midl`: finds the command, and sees to it that what was printed was really written. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ending.h"
#include "base/util.h"
#include "machine/blis_kernels.h"
#include "machine/room.h"
#include "machine/team.h"
#include "commands/command.h"
#include "midl.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* NULL: not for people */
};

static const struct command commands[] = {
    {"info", command_info, "this machine, its counters, and what will spoil a measurement"},
    {"list", command_list, "kernels, suites, axes, figures, metrics: what there is"},
    {"verify", command_verify, "every variant against the double-precision reference"},
    {"eval", command_eval, "run one layer on one file of inputs, by any variant"},
    {"sweep", command_sweep, "measure a suite, or axes of your own, and store the results"},
    {"compare", command_compare, "two runs, databases or builds side by side"},
    {"check", command_check, "is this build slower than another? for CI"},
    {"smi", command_smi, "what a layer's parts tell of the labels"},
    {"select", command_select, "top-k selection alone, the library's against others"},
    {"convert", command_convert, "a trained linear layer to a MID-L layer, without training"},
    {"advise", command_advise, "the fastest way to a layer here: MID-L, low rank or dense"},
    {"train", command_train, "train networks on data sets, by each method, and store accuracy"},
    {"calibrate", command_calibrate, "time the variants here, so that `auto` chooses the fastest"},
    {"plot", command_plot, "figures from the store, as svg, pdf, png or LaTeX"},
    {"table", command_table, "tables from the store, as Markdown, LaTeX, CSV or HTML"},
    {"report", command_report, "everything of the store on one HTML page"},
    {"export", command_export, "what is stored, as CSV or JSON"},
    {"merge", command_merge, "several databases into one, or a slim one to publish"},
    {"count-one", command_count_one, NULL},
    {"gate-one", command_gate_one, NULL},
};

static int print_help(void)
{
    printf("usage: midl COMMAND [options]\n\n"
           "Measures MID-L, the Matrix-Interpolated Dropout Layer, on this machine's CPU.\n\n"
           "commands:\n");
    for (size_t i = 0; i < COUNT(commands); i++)
        if (commands[i].help)
            printf("  %-9s %s\n", commands[i].name, commands[i].help);
    printf("\nmidl COMMAND --help explains a command; midl --version prints the version.\n"
           "Exit status: 0 done, 1 a bad answer (mismatch, regression), 2 usage or bad input,\n"
           "3 the machine failed (disk, memory, missing program), 4 no verdict possible.\n");
    return OUTCOME_DONE;
}

static int unknown_command(const char *word)
{
    const char *names[COUNT(commands)];
    char hint[HINT_SIZE];
    struct error error;
    size_t count = 0;
    for (size_t i = 0; i < COUNT(commands); i++)
        if (commands[i].help)
            names[count++] = commands[i].name;
    fail(&error, OUTCOME_USAGE, "unknown command %.80s%s; midl --help lists the commands", word,
         did_you_mean(word, names, count, hint));
    fprintf(stderr, "midl: %s\n", error.text);
    return OUTCOME_USAGE;
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return unknown_command(argv[0]);
}

/* `midl help COMMAND` is `midl COMMAND --help`. */
static int help_command(int argc, char **argv)
{
    char option[] = "--help", *words[] = {argc > 1 ? argv[1] : NULL, option, NULL};
    return argc > 1 ? run_command(2, words) : print_help();
}

/* MIDL_ISA=avx2 hides what is stronger: to measure the path that a weaker processor takes. */
static bool limit_isa(void)
{
    const char *name = getenv("MIDL_ISA");
    enum midl_isa isa;
    if (!name || name[0] == '\0')
        return true;
    if (midl_isa_parse(name, &isa) && isa != MIDL_ISA_GENERIC && midl_isa_available(isa)) {
        midl_isa_limit(isa);
        return true;
    }
    fprintf(
        stderr,
        "midl: MIDL_ISA is '%.40s', which is no instruction set that can run here; take one that "
        "`midl info` lists\n",
        name);
    return false;
}

static int dispatch(int argc, char **argv)
{
    if (!limit_isa())
        return OUTCOME_USAGE;
    if (argc < 2) {
        fprintf(stderr, "midl: no command given; midl --help lists the commands\n");
        return OUTCOME_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    if (strcmp(argv[1], "help") == 0)
        return help_command(argc - 1, argv + 1);
    if (strcmp(argv[1], "--version") == 0) {
        printf("midl %s\n", midl_version());
        return OUTCOME_DONE;
    }
    return run_command(argc - 1, argv + 1);
}

/* A standard stream that is closed would be the number of the next file opened: a database, say. */
static void open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
            return;
}

/* A full disk shows when the last of the output is written: no status 0 before that. */
static int close_output(int status)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    if (fclose(stdout) != 0 || failed) {
        fprintf(stderr, "midl: cannot write the output: %s\n",
                errno ? strerror(errno) : "a write failed, is the disk full?");
        return status == OUTCOME_DONE ? OUTCOME_MACHINE : status;
    }
    return status;
}

/* Letters follow the user's locale, as names inside archives need; numbers stay those of C, which
 * every file and every strtod here relies on. */
static bool use_c_numbers(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(localeconv()->decimal_point, ".") == 0;
}

int main(int argc, char **argv)
{
    struct error error;
    char line[sizeof error.text + 8];
    ending_watch();
    open_standard_streams();
    if (!use_c_numbers()) {
        fprintf(stderr, "midl: the decimal point of this program is not '.'; unset LC_ALL\n");
        return ending_chosen(OUTCOME_MACHINE);
    }
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is reported like a full disk */
    if (room_check(&error)) {
        snprintf(line, sizeof line, "midl: %s\n", error.text);
        ending_now(line, OUTCOME_MACHINE);
    }
    team_fix();
    blis_choose_kernels();
    return ending_chosen(close_output(dispatch(argc, argv)));
}

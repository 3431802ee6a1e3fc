/* command.h - the commands of `midl`: a table, and what they share. */
#ifndef MIDL_COMMAND_H
#define MIDL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Run a command; argv[0] is its name. Returns the exit status; has printed its one error line. */
int command_info(int argc, char **argv);
int command_list(int argc, char **argv);
int command_verify(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_sweep(int argc, char **argv);
int command_select(int argc, char **argv);
int command_train(int argc, char **argv);
int command_calibrate(int argc, char **argv);
int command_advise(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_smi(int argc, char **argv);
int command_export(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_report(int argc, char **argv);
int command_table(int argc, char **argv);
int command_check(int argc, char **argv);
int command_compare(int argc, char **argv);

/* Run the hidden command that measure/count_case.h starts under valgrind. */
int command_count_one(int argc, char **argv);

/* Run the hidden command that compare/worker.h starts for each look at a point. */
int command_gate_one(int argc, char **argv);

/* Print "midl COMMAND: TEXT" on standard error and return the outcome as exit status. */
int command_fail(const char *command, enum outcome outcome, const struct error *error);

/* ---- Options: a table per command, parsed by getopt_long ------------------------------------- */

struct option_row {
    const char *name;     /* without dashes */
    const char *argument; /* shown in help: "FILE"; NULL: a flag */
    const char *help;
    const char **value; /* receives the text, or "" for a flag; last one wins */
};

/* Parse; -o is short for a row named `output`. `usage` is the line that help begins with, "midl
 * sweep [SUITE] [options]", `about` what the command does, a sentence or more. -h and --help print
 * both and the table to standard output and set *ret_help: the command then returns 0. Positional
 * arguments are permuted to argv[*ret_first..argc). Values are set even if a later option fails.
 * May be called repeatedly. */
enum outcome options_parse(int argc, char **argv, const char *usage, const char *about,
                           const struct option_row *rows, size_t count, int *ret_first,
                           bool *ret_help, struct error *error);

/* Parse a command that takes options only; a positional argument is an error. */
enum outcome options_only(int argc, char **argv, const char *usage, const char *about,
                          const struct option_row *rows, size_t count, bool *ret_help,
                          struct error *error);

/* Fail at a positional argument too many: "unexpected argument X". */
enum outcome options_no_more(int argc, char **argv, int first, struct error *error);

/* Read a whole number (digits only) or a finite real within [min, max]: the whole text, or an error
 * that names option and text. `name` without dashes. */
enum outcome option_size(const char *name, const char *text, size_t min, size_t max, size_t *ret,
                         struct error *error);
enum outcome option_double(const char *name, const char *text, double min, double max, double *ret,
                           struct error *error);

/* Write the command as typed, each word quoted where a shell needs it; free() it. NULL: no memory.
 */
char *command_text(int argc, char **argv);

#endif

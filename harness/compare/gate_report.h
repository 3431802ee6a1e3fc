/* gate_report.h - the verdicts of the gate for people and for programs. Every form names variant,
 * shape, ratio, interval and the command that repeats the point. */
#ifndef MIDL_GATE_REPORT_H
#define MIDL_GATE_REPORT_H

#include <stdio.h>

#include "compare/gate.h"

struct gate_report {
    const struct gate *gate;
    const char *names[2];  /* old and new build as the user calls them */
    const char *arguments; /* of `midl check` that repeat it, without axes */
    enum outcome outcome;  /* of the whole */
    const char *problem;   /* why there is no verdict; "" */
};

void gate_print_text(const struct gate_report *report, FILE *out);
void gate_print_markdown(const struct gate_report *report, FILE *out);
void gate_print_junit(const struct gate_report *report, FILE *out);
enum outcome gate_print_json(const struct gate_report *report, FILE *out, struct error *error);

/* Print one line "::error ..." per point that fails, "::warning ..." for what isn't resolved:
 * GitHub shows them at the change. */
void gate_print_annotations(const struct gate_report *report, FILE *out);

/* Write the words of a shape's label that differ among the points of the gate: "n=512 batch=16". */
void gate_short_shape(const struct gate *gate, const struct gate_row *row,
                      char ret[CASE_TEXT_SIZE]);

#endif

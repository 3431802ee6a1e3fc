/* csv.h - text within CSV. */
#ifndef MIDL_CSV_H
#define MIDL_CSV_H

#include <stdio.h>

/* Write text as one cell, in quotes whatever it holds (RFC 4180). */
void csv_put(const char *text, FILE *out);

#endif

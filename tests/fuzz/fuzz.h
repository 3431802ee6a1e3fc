/* fuzz.h - what every fuzz target shares. A target is a file that defines LLVMFuzzerTestOneInput;
 * libFuzzer calls it with bytes that it makes up, replay.c with those of the corpus.
 *
 * A target aborts where a promise is broken; crashes and reads beyond an array are found by the
 * sanitizers. */
#ifndef MIDL_FUZZ_H
#define MIDL_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Abort and say so unless `holds`. */
#define FUZZ_DEMAND(holds) fuzz_demand(holds, #holds, __FILE__, __LINE__)
void fuzz_demand(bool holds, const char *promise, const char *file, int line);

/* The bytes as a text, to be freed. */
char *fuzz_text(const uint8_t *data, size_t size);

/* The path of a file of these bytes; holds until the next call. Several files are told apart by
 * their place, below FUZZ_FILES. */
enum { FUZZ_FILES = 2 };
const char *fuzz_file(const uint8_t *data, size_t size);
const char *fuzz_file_at(unsigned place, const uint8_t *data, size_t size);

/* Demand that a failure left one line that says something. */
void fuzz_failed(enum outcome outcome, const struct error *error);

#endif

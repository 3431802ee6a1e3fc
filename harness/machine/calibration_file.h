/* calibration_file.h - where the calibration of this machine is kept, and whether it holds here. */
#ifndef MIDL_CALIBRATION_FILE_H
#define MIDL_CALIBRATION_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"
#include "midl.h"

/* Find the file: $MIDL_CALIBRATION, else midl/calibration.txt in $XDG_CACHE_HOME or ~/.cache.
 * False: nowhere (an empty MIDL_CALIBRATION, or no home). */
bool calibration_path(char ret[PATH_MAX]);

/* This machine, as calibrations name it: processor and caches. */
#define CALIBRATION_MACHINE_SIZE 224
void calibration_machine(char ret[CALIBRATION_MACHINE_SIZE]);

/* Read a file. OUTCOME_USAGE with one line: it can't be read, is damaged, or is another machine's
 * or build's. */
enum outcome calibration_read_file(const char *path, struct midl_calibration **ret,
                                   struct error *error);

/* Append what `from` has of dtypes and numbers of threads that `to` has nothing of. */
enum outcome calibration_add_others(struct midl_calibration *to,
                                    const struct midl_calibration *from, struct error *error);

/* Return the calibration at calibration_path(), read at the first call; NULL: there is none that
 * holds here, and `auto` goes by what is built in. A file that is there but refused is said once,
 * in one line on standard error. */
const struct midl_calibration *calibration_get(void);

/* Describe the result of calibration_get(): the path, or "built in" and why. */
const char *calibration_state(void);

#endif

/* gbench_file.h - a stored run as a file that Google Benchmark's tools read. */
#ifndef MIDL_GBENCH_FILE_H
#define MIDL_GBENCH_FILE_H

#include "base/error.h"
#include "store.h"

/* Replace `path` by the run as the store writes it (store_write_gbench): whole, or not at all. */
enum outcome gbench_file_write(struct store *store, int64_t run_id, const char *path,
                               struct error *error);

#endif

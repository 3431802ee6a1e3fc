/* store.h - the store: runs, points, samples and counters in one SQLite file.
 *
 * Plain data in, plain data out; knows nothing of kernels. What was committed survives kill -9 and
 * power loss (WAL, synchronous = FULL). One transaction a group of points. Several readers, one
 * writer; a second writer waits up to ten seconds.
 */
#ifndef MIDL_STORE_H
#define MIDL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define STORE_ERROR_SIZE 512

enum store_status {
    STORE_OK,
    STORE_BAD,     /* not a database of ours, newer than this program, or bad SQL: exit status 2 */
    STORE_MACHINE, /* disk full, not writable, locked, out of memory: exit status 3 */
    STORE_NONE,    /* no such run or no rows */
    STORE_BUSY,    /* a process that lives is at it */
    STORE_OLD      /* a query of what the older schema of the database has not: exit status 2 */
};

struct store;

enum store_mode {
    STORE_READ, /* must exist; an older schema is read as it is if possible, never changed */
    STORE_WRITE /* made if missing, its folder too (one level); migrated if older */
};

/* Open. On failure *ret is untouched and `error` says what, where and what to do, one line. */
enum store_status store_open(const char *path, enum store_mode mode, struct store **ret,
                             char error[STORE_ERROR_SIZE]);
void store_close(struct store *store); /* accepts NULL */

/* One line on what went wrong in the last call that failed. */
const char *store_error(const struct store *store);

/* ---- Writing. NaN in a double, and NULL in a string that may be NULL, are stored as NULL. ---- */

struct store_run {
    const char *suite, *suite_hash, *git_commit, *version, *host, *cpu, *isa, *compiler, *flags,
        *argv;
    uint64_t seed;
};

struct store_fact {
    const char *name, *value;
};

struct store_ceiling {
    const char *kind, *name; /* as in schema.sql */
    int threads;
    int64_t working_set_bytes; /* 0: NULL */
    double value;
};

struct store_sample {
    int round, position;
    int64_t iterations;
    double real_ns, cpu_ns; /* per call */
    bool disturbed;
    int placement;               /* same placement = same arrays and plans in memory */
    double reference_ns, stolen; /* of the round: the reference loop's time; share stolen */
};

struct store_counter {
    const char *counter, *source, *reason; /* reason may be NULL */
    double per_call, scaled;               /* NaN: NULL */
};

/* One point: a field for each column of point.def, const char *, int64_t, double or bool. NaN and
 * NULL where they do not apply. */
struct store_point {
#define FIELD_TEXT const char *
#define FIELD_INTEGER int64_t
#define FIELD_REAL double
#define FIELD_FLAG bool
#define COLUMN(type, name, ...) FIELD_##type name;
#define DERIVED(...)
#define FOREIGN(...)
#include "point.def"
#undef COLUMN
#undef DERIVED
#undef FOREIGN
#undef FIELD_TEXT
#undef FIELD_INTEGER
#undef FIELD_REAL
#undef FIELD_FLAG

    const struct store_sample *samples;
    size_t sample_count;
    const struct store_counter *counters;
    size_t counter_count;
};

/* Nothing known yet: NULL, 0, NaN and false. */
extern const struct store_point store_point_blank;

/* Begin a run, status 'running', with what is known of the machine. */
enum store_status store_run_begin(struct store *store, const struct store_run *run,
                                  const struct store_fact *facts, size_t fact_count,
                                  int64_t *ret_run_id);

/* Add or replace facts of a run. */
enum store_status store_put_facts(struct store *store, int64_t run_id,
                                  const struct store_fact *facts, size_t count);

enum store_status store_put_ceilings(struct store *store, int64_t run_id,
                                     const struct store_ceiling *ceilings, size_t count);

/* Call `each` with every ceiling of the run for that many threads: levels, curve and peaks, smaller
 * working sets first. The texts hold only during the call. */
enum store_status store_each_ceiling(struct store *store, int64_t run_id, int threads,
                                     void (*each)(void *data, const struct store_ceiling *ceiling),
                                     void *data);

/* All or nothing: these points with their samples and counters, in one transaction. STORE_BAD for a
 * point that the run already has, an interval that doesn't hold its median, a failed or skipped
 * point without a reason. */
enum store_status store_put_points(struct store *store, int64_t run_id,
                                   const struct store_point *points, size_t count);

/* The time of one part of a point's call: gate, select, light, full or all. */
struct store_part {
    const char *part;
    double time_ns, time_lo_ns, time_hi_ns;
};

/* Add or replace parts of the point of this key. STORE_NONE: there is no such point. */
enum store_status store_put_parts(struct store *store, int64_t run_id, const char *shape_key,
                                  const char *kernel, const char *isa, const char *dtype,
                                  const struct store_part *parts, size_t count);

/* Add or replace counters of a point that is stored. */
enum store_status store_put_counters(struct store *store, int64_t point_id,
                                     const struct store_counter *counters, size_t count);

/* 'finished' or 'interrupted'. STORE_NONE: no such run. */
/* One sliced mutual information of labels with a quantity of a layer. */
struct store_smi {
    const char *dataset, *layer, *quantity;
    int64_t points, slices, neighbours;
    double active, nats, nats_lo, nats_hi; /* share of neurons selected; nats with 95 % interval */
};
enum store_status store_put_smi(struct store *store, int64_t run_id, const struct store_smi *rows,
                                size_t count);

enum store_status store_run_end(struct store *store, int64_t run_id, const char *status);

/* ---- Resuming -------------------------------------------------------------------------------- */

/* The process that goes on with a run. */
struct store_claim {
    const char *process; /* stored as the run's fact `process` */
    /* Whether that process still measures the run, whose last sign of life is so many seconds old.
     */
    bool (*lives)(const char *process, int64_t seen_s);
};

/* The newest run of this suite, hash and commit that isn't finished; STORE_NONE if there is none.
 * Sets it 'running' again and makes it the claimant's, in one transaction. STORE_BUSY: its process
 * lives; the error names it. claim NULL: nobody is asked. */
enum store_status store_run_resume(struct store *store, const char *suite, const char *suite_hash,
                                   const char *git_commit, const struct store_claim *claim,
                                   int64_t *ret_run_id);

/* A sign of life of the process that makes this run. */
enum store_status store_run_seen(struct store *store, int64_t run_id);

/* Whether the run has the point of this key. */
enum store_status store_has_point(struct store *store, int64_t run_id, const char *shape_key,
                                  const char *kernel, const char *isa, const char *dtype,
                                  bool *ret_found);

/* Whether the run has a fact of this name. */
enum store_status store_has_fact(struct store *store, int64_t run_id, const char *name,
                                 bool *ret_found);

/* ---- Merging --------------------------------------------------------------------------------- */

struct store_merge {
    bool slim; /* five numbers of a point's samples in their stead; the last epoch of a training */
    const int64_t *runs; /* [run_count]: only these; 0: all */
    size_t run_count;
};

/* New rows, not counting those that were there. */
struct store_merged {
    int64_t runs, points;
};

/* Take over all runs of the database at `path`, which stays as it is, in one transaction. What is
 * already there is not taken again: a run is known by suite, points, commit, host, command, seed
 * and when it began, a point by its key. Run and point ids are kept where they are free. A run that
 * was still going is 'interrupted' here, until it is merged again. STORE_NONE: no such run. */
enum store_status store_merge(struct store *store, const char *path,
                              const struct store_merge *merge, struct store_merged *ret);

/* Make the file as small as it can be, and plain: no write-ahead log, readable where nothing can be
 * written. */
enum store_status store_compact(struct store *store);

/* The text of a fact of a run; STORE_NONE if there is none, STORE_BAD if it is longer than the
 * buffer. */
enum store_status store_fact_of(struct store *store, int64_t run_id, const char *name,
                                char *ret_value, size_t size);

/* The first run of this host after run `after` that is stored as running; STORE_NONE if there is
 * none. */
enum store_status store_next_running(struct store *store, const char *host, int64_t after,
                                     int64_t *ret_run_id);

/* ---- Reading --------------------------------------------------------------------------------- */

enum store_format { STORE_TSV, STORE_CSV, STORE_JSON };

/* The newest run that has points; with a suite name, the newest of that suite (NULL: any). */
enum store_status store_latest_run(struct store *store, const char *suite, int64_t *ret_run_id);

/* Run one SELECT, given as text, with :name parameters bound from `parameters`, and write its rows
 * to `out`. A value that is a decimal number is bound as one, else as text; parameters that the
 * statement doesn't name are ignored; one that is not given is NULL.
 *
 * The function from_to(low, high, decimals, unit) gives "0.70x to 0.86x", and "0.70x" where both
 * ends print the same; the unit may be left out.
 *
 * TSV, what gnuplot reads: a header line starting with '#', columns separated by a tab, NULL as
 * NaN, text in double quotes where it is empty or holds a space (a quote in it becomes an
 * apostrophe). A row whose first column is NULL writes two empty lines (gnuplot's next data set).
 * CSV: RFC 4180 with a header, NULL as nothing, empty text as "".
 * JSON: an array of objects, NULL and infinite numbers as null.
 *
 * STORE_NONE: there was no row (header or [] are written). STORE_BAD: not exactly one SELECT, or it
 * is wrong; STORE_OLD if that may be because the database is older. STORE_MACHINE: also when `out`
 * can't be written to. */
enum store_status store_query(struct store *store, const char *sql,
                              const struct store_fact *parameters, size_t parameter_count,
                              enum store_format format, FILE *out, size_t *ret_rows);

/* All columns and rows of a view, of one run if run_id > 0. STORE_BAD: no such view, or one whose
 * rows belong to no run; else as store_query. */
enum store_status store_export(struct store *store, const char *view, int64_t run_id,
                               enum store_format format, FILE *out, size_t *ret_rows);

/* A run in Google Benchmark's own JSON format (schema version 1), so that its tools read it: a row
 * of run_type "iteration" for every raw sample, named by variant and shape
 * ("simd-avx2/d:1024/n:1024/k:461/..."), times in ns a call, counters flops, bytes, flops_ratio,
 * speedup; then the aggregates mean, median, stddev, cv. Failed and skipped points are rows with
 * error_occurred or skipped, and the message. STORE_NONE: no such run. */
enum store_status store_write_gbench(struct store *store, int64_t run_id, FILE *out);

/* First column of the first row as text, in a buffer of the caller's; STORE_NONE if there is no row
 * or it is NULL, STORE_BAD if it is longer than the buffer. */
enum store_status store_query_text(struct store *store, const char *sql,
                                   const struct store_fact *parameters, size_t parameter_count,
                                   char *ret_text, size_t size);

#endif

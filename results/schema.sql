-- schema.sql - the one schema of the store, embedded in the program and readable by sqlite3.
--
-- One run = one start of `midl sweep`. A run has points (one variant at one place of the sweep), a
-- point has raw samples (one timed repetition each) and counters. Failures and skips are points
-- with a reason. Columns that do not apply are NULL; times are nanoseconds of one call unless the
-- name says otherwise. Tables may change by migration (results/migrations); the views without
-- underscore in front at the end of this file are a promise to others' queries.

CREATE TABLE run (
    run_id        INTEGER PRIMARY KEY,
    suite         TEXT NOT NULL,            -- name of the suite, or 'custom'
    suite_hash    TEXT NOT NULL,            -- of the expanded points: --resume continues only the same
    started_utc   TEXT NOT NULL,            -- ISO 8601, seconds
    finished_utc  TEXT,                     -- NULL while running or interrupted
    status        TEXT NOT NULL CHECK (status IN ('running', 'interrupted', 'finished')),
    git_commit    TEXT NOT NULL,            -- of the program; '-dirty' appended if so
    version       TEXT NOT NULL,
    host          TEXT NOT NULL,
    cpu           TEXT NOT NULL,
    isa           TEXT NOT NULL,            -- best instruction set in use
    compiler      TEXT NOT NULL,
    flags         TEXT NOT NULL,
    seed          INTEGER NOT NULL,
    argv          TEXT NOT NULL
) STRICT;

-- What else was known of the machine when the run began: one row a fact.
CREATE TABLE environment (
    run_id  INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- Measured in the run itself: what this machine can do at most.
CREATE TABLE ceiling (
    run_id        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    kind          TEXT NOT NULL CHECK (kind IN ('bandwidth', 'flops')),
    name          TEXT NOT NULL,            -- bandwidth: L1, L2, L3, memory; flops: instruction set/dtype
    threads       INTEGER NOT NULL,
    working_set_bytes INTEGER,              -- bandwidth only
    value         REAL NOT NULL,            -- bytes per ns = GB/s, or FLOPs per ns = GFLOP/s
    PRIMARY KEY (run_id, kind, name, threads)
) STRICT, WITHOUT ROWID;

CREATE TABLE point (
    point_id    INTEGER PRIMARY KEY,
    run_id      INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    shape_key   TEXT NOT NULL,              -- points that were interleaved share it
    kernel      TEXT NOT NULL,              -- idea, as in `midl list kernels`
    isa         TEXT NOT NULL,
    dtype       TEXT NOT NULL,
    linear      INTEGER NOT NULL,           -- 1: a dense yardstick
    d           INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    k           INTEGER NOT NULL,
    rank        INTEGER NOT NULL,
    gate        TEXT NOT NULL,
    gate_rank   INTEGER NOT NULL,           -- of a lowrank gate; else 0
    select_mode TEXT NOT NULL,
    block       INTEGER NOT NULL,           -- 0 unless select_mode = 'block'
    threshold   REAL,                       -- NULL unless select_mode = 'threshold'
    unselected  TEXT NOT NULL,
    batch       INTEGER NOT NULL,
    threads     INTEGER NOT NULL,
    cache       TEXT NOT NULL CHECK (cache IN ('warm', 'cold')),
    input       TEXT NOT NULL,              -- 'random', or the file's name
    layer       TEXT NOT NULL,              -- 'random', or the file's name
    blas_core   TEXT,                       -- kernel set that OpenBLAS chose, where it takes part
    status      TEXT NOT NULL CHECK (status IN ('ok', 'noisy', 'failed', 'skipped')),
    reason      TEXT,                       -- NULL if ok
    error_ratio REAL,                       -- largest |y - ref| / bound; > 1 or NaN: failed
    time_ns     REAL,                       -- median of one call; lo..hi its 95 % interval
    time_lo_ns  REAL,
    time_hi_ns  REAL,
    yardstick   TEXT,                       -- the dense variant that speedup refers to
    speedup     REAL,                       -- median of the ratios within rounds; lo..hi 95 %
    speedup_lo  REAL,
    speedup_hi  REAL,
    stop        TEXT CHECK (stop IN ('target', 'budget')), -- why sampling ended
    plan_ns     REAL,                       -- making the plan: packing and set-up
    plan_bytes  INTEGER,                    -- memory that the plan holds
    flops       REAL,                       -- executed by one call, by model; selection excluded
    bytes       REAL,                       -- compulsory traffic of one call, by model
    flops_gate REAL, flops_light REAL, flops_full REAL, flops_blend REAL,
    bytes_gate REAL, bytes_light REAL, bytes_full REAL, bytes_io REAL,
    comparisons REAL,
    selected    INTEGER,                    -- (input, neuron) pairs on the full path
    distinct_rows INTEGER,                  -- distinct neurons selected by the batch
    flops_ratio REAL,                       -- promise: FLOPs of linear / FLOPs of the layer
    bound_ns    REAL                        -- least time that the measured ceilings allow
) STRICT;

CREATE INDEX point_by_run ON point (run_id);
CREATE UNIQUE INDEX point_once ON point (run_id, shape_key, kernel, isa, dtype);

CREATE TABLE sample (
    point_id   INTEGER NOT NULL REFERENCES point ON DELETE CASCADE,
    round      INTEGER NOT NULL,            -- same round = measured next to each other
    position   INTEGER NOT NULL,            -- place within the round
    iterations INTEGER NOT NULL,            -- calls in this repetition
    real_ns    REAL NOT NULL,               -- per call
    cpu_ns     REAL NOT NULL,               -- per call
    disturbed  INTEGER NOT NULL DEFAULT 0,  -- 1: the drift monitor marked this round
    PRIMARY KEY (point_id, round)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
    point_id INTEGER NOT NULL REFERENCES point ON DELETE CASCADE,
    counter  TEXT NOT NULL,
    source   TEXT NOT NULL CHECK (source IN ('papi', 'callgrind', 'model')),
    per_call REAL,                          -- NULL: not available; the reason says why
    scaled   REAL,                          -- share of the time it was counted, if multiplexed
    reason   TEXT,
    PRIMARY KEY (point_id, counter, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE accuracy_row (
    run_id      INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    dataset     TEXT NOT NULL,
    model       TEXT NOT NULL,
    method      TEXT NOT NULL,
    seed        INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    split       TEXT NOT NULL,
    k           INTEGER,
    active      REAL,
    accuracy    REAL NOT NULL,
    loss        REAL,
    flops_ratio REAL,
    noise       REAL NOT NULL,
    train_size  INTEGER NOT NULL
) STRICT;

-- ---- Views: a promise --------------------------------------------------------------------------

CREATE VIEW runs AS
SELECT run_id, suite, started_utc, finished_utc, status, git_commit, version, host, cpu, isa,
       compiler, flags, seed, argv
FROM run;

CREATE VIEW points AS
SELECT p.point_id, p.run_id, r.suite, p.kernel, p.isa, p.dtype, p.d, p.n, p.k,
       CAST(p.k AS REAL) / p.n AS active, p.rank, p.gate_rank, p.batch, p.threads, p.cache,
       p.status, p.reason,
       (SELECT count(*) FROM sample s WHERE s.point_id = p.point_id) AS samples,
       p.time_ns, p.time_lo_ns, p.time_hi_ns, p.flops, p.bytes,
       p.flops / p.time_ns AS gflops, p.bytes / p.time_ns AS gbps,
       p.flops_ratio, p.speedup, p.bound_ns / p.time_ns AS bound_ratio,
       -- beyond the contract:
       p.linear, p.gate, p.select_mode, p.block, p.threshold, p.unselected, p.input, p.layer,
       p.blas_core, p.yardstick, p.speedup_lo, p.speedup_hi, p.stop, p.error_ratio, p.plan_ns,
       p.plan_bytes, p.selected, p.distinct_rows, p.shape_key
FROM point p JOIN run r USING (run_id);

CREATE VIEW samples AS
SELECT point_id, round, position, iterations, real_ns, cpu_ns, disturbed FROM sample;

CREATE VIEW counters AS
SELECT point_id, counter, per_call, source, scaled, reason FROM counter
UNION ALL SELECT point_id, 'flops', flops, 'model', NULL, NULL FROM point WHERE flops IS NOT NULL
UNION ALL SELECT point_id, 'bytes', bytes, 'model', NULL, NULL FROM point WHERE bytes IS NOT NULL
UNION ALL SELECT point_id, 'cache_lines', bytes / 64, 'model', NULL, NULL FROM point
          WHERE bytes IS NOT NULL;

CREATE VIEW ceilings AS
SELECT run_id, kind, name, threads, working_set_bytes, value FROM ceiling;

CREATE VIEW accuracy AS
SELECT run_id, dataset, model, method, seed, epoch, split, k, active, accuracy, loss, flops_ratio,
       noise, train_size
FROM accuracy_row;

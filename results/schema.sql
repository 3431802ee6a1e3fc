-- schema.sql - the tables of the store, embedded in the program and readable by sqlite3:
-- `cat schema.sql views.sql | sqlite3 new.db` makes what the program makes.
--
-- One run = one start of `midl sweep`. A run has points (one variant at one place of the sweep), a
-- point has raw samples (one timed repetition each) and counters. Failures and skips are points
-- with a reason. Columns that do not apply are NULL; times are nanoseconds of one call unless the
-- name says otherwise. Tables may change by migration (results/migrations); the views in views.sql
-- are a promise to others' queries. A column that comes later stands last in its table, where
-- ALTER TABLE ADD COLUMN puts it.

PRAGMA application_id = 0x6d69646c;         -- 'midl': tells our files from other programs'
PRAGMA user_version = 10;                   -- of this schema: 1 + the number of migrations

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

-- Measured in the run itself: what this machine can do at most. The curve is bandwidth over the size
-- of what is read again and again, never rising; the levels of the hierarchy are places on it.
CREATE TABLE ceiling (
    run_id        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    kind          TEXT NOT NULL CHECK (kind IN ('bandwidth', 'curve', 'flops')),
    name          TEXT NOT NULL,            -- bandwidth: L1, L2, L3, memory; curve: the size as text;
                                            -- flops: instructions/dtype of the weights
    threads       INTEGER NOT NULL,
    working_set_bytes INTEGER,              -- of all threads together; NULL: flops
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
    d           INTEGER NOT NULL,           -- 0: a selection alone, of n values
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
    reason      TEXT CHECK (reason IS NOT NULL OR status IN ('ok', 'noisy')), -- NULL if ok
    time_ns     REAL,                       -- median of one call; lo..hi its 95 % interval
    time_lo_ns  REAL,
    time_hi_ns  REAL CHECK (time_lo_ns <= time_ns AND time_ns <= time_hi_ns),
    yardstick   TEXT,                       -- the dense variant that speedup refers to
    speedup     REAL,                       -- median of the ratios within rounds; lo..hi 95 %
    speedup_lo  REAL,
    speedup_hi  REAL CHECK (speedup_lo <= speedup AND speedup <= speedup_hi),
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
    bound_ns    REAL,                       -- least time that the measured ceilings allow
    error_ratio REAL,                       -- largest |y - ref| / bound; NULL: NaN, or not compared
    placements  INTEGER,                    -- in how many places of memory it was measured
    regimes     INTEGER,                    -- 2: the machine ran at two speeds; samples.disturbed tells which
    scope       TEXT,                       -- of a model: 'network', or the name of one of its layers
    dataset     TEXT,                       -- whose test inputs the model, or its layer, was given
    model       TEXT,                       -- its hidden layers as they were when they were dense
    method      TEXT,                       -- what ran: dense, dense-narrow, low-rank, or the model's own
    active_mean REAL,                       -- share of neurons selected, over many inputs
    replaced_share REAL,                    -- of the dense network's time, before, by the layers replaced
    team        INTEGER                     -- threads that the system gave the call; NULL: not asked
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
    disturbed  INTEGER NOT NULL DEFAULT 0,  -- 1: the drift monitor marked it
    placement  INTEGER NOT NULL DEFAULT 0,  -- of weights, inputs, outputs and plans in memory
    reference_ns REAL,                      -- the reference loop in this round: the machine's speed
    stolen     REAL,                        -- share of the round that the hypervisor took
    PRIMARY KEY (point_id, round)
) STRICT, WITHOUT ROWID;

-- What is left of a point's samples in a database made without them (`midl merge --slim`): five
-- numbers, each a sample's real_ns by nearest rank.
CREATE TABLE summary (
    point_id   INTEGER PRIMARY KEY REFERENCES point ON DELETE CASCADE,
    samples    INTEGER NOT NULL,            -- that there were
    disturbed  INTEGER NOT NULL,            -- of them marked by the drift monitor
    least_ns   REAL NOT NULL,
    quarter_ns REAL NOT NULL,
    median_ns  REAL NOT NULL,
    three_quarters_ns REAL NOT NULL,
    most_ns    REAL NOT NULL
) STRICT;

CREATE TABLE counter (
    point_id INTEGER NOT NULL REFERENCES point ON DELETE CASCADE,
    counter  TEXT NOT NULL,
    source   TEXT NOT NULL CHECK (source IN ('papi', 'callgrind', 'model')),
    per_call REAL,                          -- NULL: not available; the reason says why
    scaled   REAL,                          -- share of the time it was counted, if multiplexed
    reason   TEXT,
    PRIMARY KEY (point_id, counter, source)
) STRICT, WITHOUT ROWID;

-- Times of a call's parts, measured in a pass of its own.
CREATE TABLE part_time (
    point_id   INTEGER NOT NULL REFERENCES point ON DELETE CASCADE,
    part       TEXT NOT NULL CHECK (part IN ('gate', 'select', 'light', 'full', 'all')),
    time_ns    REAL NOT NULL,               -- full: what the others leave, the blend in it
    time_lo_ns REAL NOT NULL,               -- its 95 % interval
    time_hi_ns REAL NOT NULL,
    PRIMARY KEY (point_id, part)
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
    train_size  INTEGER NOT NULL,
    experiment  TEXT,                       -- everything that the result depends on
    rule        TEXT,                       -- ste, ste-selected, soft
    gate        TEXT,
    select_mode TEXT,
    rank        INTEGER,                    -- of the first hidden layer
    epochs      REAL,                       -- that training was to take
    epoch_s     REAL,                       -- seconds of one
    peak_bytes  REAL,                       -- of the process while training
    examples    INTEGER,                    -- of the split
    explained   REAL                        -- by the light path, of conversions: share of variance
) STRICT;

CREATE TABLE smi_row (
    run_id     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    dataset    TEXT NOT NULL,               -- its name, or the file of inputs
    layer      TEXT NOT NULL,               -- the file of the layer
    quantity   TEXT NOT NULL,               -- `y selected`, ... as midl smi --help tells
    points     INTEGER NOT NULL,            -- inputs that were looked at
    slices     INTEGER NOT NULL,            -- random directions
    neighbours INTEGER NOT NULL,            -- k of the estimator
    active     REAL NOT NULL,               -- share of the neurons that were selected
    nats       REAL NOT NULL,               -- sliced mutual information with the label
    nats_lo    REAL NOT NULL,               -- its 95 % interval, over directions and inputs
    nats_hi    REAL NOT NULL,
    PRIMARY KEY (run_id, layer, quantity)
) STRICT, WITHOUT ROWID;

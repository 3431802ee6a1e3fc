-- From version 5: sliced mutual information (midl smi).
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

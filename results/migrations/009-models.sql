-- From version 8: times of trained models, and of the parts of a call.
ALTER TABLE point ADD COLUMN scope TEXT;
ALTER TABLE point ADD COLUMN dataset TEXT;
ALTER TABLE point ADD COLUMN model TEXT;
ALTER TABLE point ADD COLUMN method TEXT;
ALTER TABLE point ADD COLUMN active_mean REAL;
ALTER TABLE point ADD COLUMN replaced_share REAL;
CREATE TABLE part_time (
    point_id   INTEGER NOT NULL REFERENCES point ON DELETE CASCADE,
    part       TEXT NOT NULL CHECK (part IN ('gate', 'select', 'light', 'full', 'all')),
    time_ns    REAL NOT NULL,
    time_lo_ns REAL NOT NULL,
    time_hi_ns REAL NOT NULL,
    PRIMARY KEY (point_id, part)
) STRICT, WITHOUT ROWID;

-- From version 3: bandwidth is kept over the size of what is read, as a kind of its own. What a kind
-- may be is a CHECK, so the table is made anew.
CREATE TABLE ceiling_3 AS SELECT * FROM ceiling;
DROP TABLE ceiling;
CREATE TABLE ceiling (
    run_id        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
    kind          TEXT NOT NULL CHECK (kind IN ('bandwidth', 'curve', 'flops')),
    name          TEXT NOT NULL,
    threads       INTEGER NOT NULL,
    working_set_bytes INTEGER,
    value         REAL NOT NULL,
    PRIMARY KEY (run_id, kind, name, threads)
) STRICT, WITHOUT ROWID;
INSERT INTO ceiling (run_id, kind, name, threads, working_set_bytes, value)
    SELECT run_id, kind, name, threads, working_set_bytes, value FROM ceiling_3;
DROP TABLE ceiling_3;

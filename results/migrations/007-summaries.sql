-- From version 6: a database may hold five numbers of a point's samples in their stead.
CREATE TABLE summary (
    point_id   INTEGER PRIMARY KEY REFERENCES point ON DELETE CASCADE,
    samples    INTEGER NOT NULL,
    disturbed  INTEGER NOT NULL,
    least_ns   REAL NOT NULL,
    quarter_ns REAL NOT NULL,
    median_ns  REAL NOT NULL,
    three_quarters_ns REAL NOT NULL,
    most_ns    REAL NOT NULL
) STRICT;

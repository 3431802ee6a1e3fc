-- From version 2: in which placement in memory a sample was taken, how fast the machine was in its
-- round, and what was stolen of it; of a point, how many placements and regimes it saw.
ALTER TABLE sample ADD COLUMN placement INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sample ADD COLUMN reference_ns REAL;
ALTER TABLE sample ADD COLUMN stolen REAL;
ALTER TABLE point ADD COLUMN placements INTEGER;
ALTER TABLE point ADD COLUMN regimes INTEGER;

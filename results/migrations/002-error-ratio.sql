-- From version 1: how close a result came to its error bound was not kept. (The view of the
-- ceilings, also new, comes with views.sql.)
ALTER TABLE point ADD COLUMN error_ratio REAL;

-- From version 9: how many threads a call really had.
ALTER TABLE point ADD COLUMN team INTEGER;

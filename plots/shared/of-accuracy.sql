-- of-accuracy.sql - what the small print is about: all runs with accuracy of networks, before caption.sql.
WITH chosen AS (SELECT DISTINCT run_id FROM accuracy JOIN runs USING (run_id) WHERE :suite IS NULL OR suite = :suite),

-- of-networks.sql - what the small print is about: all runs with whole networks, before caption.sql.
WITH chosen AS (SELECT DISTINCT run_id FROM networks JOIN runs USING (run_id) WHERE :suite IS NULL OR runs.suite = :suite),

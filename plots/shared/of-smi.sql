-- of-smi.sql - what the small print is about: all runs with mutual information, before caption.sql.
WITH chosen AS (SELECT DISTINCT run_id FROM smi JOIN runs USING (run_id) WHERE :suite IS NULL OR suite = :suite),

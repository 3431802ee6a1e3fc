-- of-tradeoffs.sql - what the small print is about: all runs that timed whole networks or trained them, before
-- caption.sql.
WITH chosen AS (
    SELECT run_id FROM runs
    WHERE (:suite IS NULL OR suite = :suite)
      AND (run_id IN (SELECT run_id FROM networks)
           OR run_id IN (SELECT a.run_id FROM accuracy a JOIN networks n ON n.dataset = a.dataset AND n.model = a.model))),

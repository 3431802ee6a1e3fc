-- of-runs.sql - what the small print is about: the runs of a figure, before caption.sql.
WITH chosen AS (SELECT value AS run_id FROM json_each('[' || coalesce(:runs, :run) || ']')),

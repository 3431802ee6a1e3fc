-- runs.sql - the runs that a figure may come from, newest first.
SELECT run_id, suite FROM runs
WHERE (:run IS NULL OR run_id = CAST(:run AS INTEGER)) AND (:suite IS NULL OR suite = :suite)
ORDER BY run_id DESC;
